-- Dialogues: which question tree was put, in which version, what was answered question by question and by whom, and where
-- it ended. Texts are kept as they were put, so that they can be read when the tree is long gone.
CREATE TABLE dialogue (
    id            TEXT NOT NULL PRIMARY KEY,
    patient       TEXT NOT NULL REFERENCES patient (id),
    task          TEXT REFERENCES task (id),
    message       BIGINT REFERENCES message (id),
    questionnaire TEXT NOT NULL,
    version       TEXT NOT NULL,
    asked_at      BIGINT NOT NULL,
    changed_at    BIGINT,
    ended_at      BIGINT,
    ended_how     TEXT,
    outcome       TEXT,
    outcome_kind  TEXT,
    competence    TEXT,
    said          TEXT,
    shown_at      BIGINT,
    reading       TEXT REFERENCES reading (id)
);
CREATE INDEX dialogue_by_patient ON dialogue (patient, ended_at);
CREATE INDEX dialogue_by_message ON dialogue (message);
CREATE INDEX dialogue_by_reading ON dialogue (reading);

CREATE TABLE dialogue_answer (
    dialogue    TEXT NOT NULL REFERENCES dialogue (id),
    question    TEXT NOT NULL,
    codes       TEXT NOT NULL,
    asked       TEXT NOT NULL,
    answered    TEXT NOT NULL,
    at          BIGINT NOT NULL,
    author_kind TEXT NOT NULL,
    author      TEXT NOT NULL,
    author_name TEXT NOT NULL,
    PRIMARY KEY (dialogue, question)
);

-- Questions that waited in the older form wait as a tree: the newest of each patient whose task is open.
INSERT INTO dialogue (id, patient, task, message, questionnaire, version, asked_at)
SELECT 'm' || message.id, message.patient, message.task, message.id, 'urn:vagen:questionnaire:follow-up', '1', message.at
FROM message JOIN task ON task.id = message.task
WHERE message.id IN (
    SELECT MAX(waiting.id) FROM message AS waiting JOIN task AS asking ON asking.id = waiting.task
    WHERE waiting.questions IS NOT NULL AND waiting.answered_at IS NULL AND asking.status = 'open'
    GROUP BY waiting.patient
);

-- A task that opened again, one that rests, and how far up the ladder one has come.
ALTER TABLE task ADD COLUMN former TEXT REFERENCES task (id);
ALTER TABLE task ADD COLUMN snoozed_until BIGINT;
ALTER TABLE task ADD COLUMN snoozed_level TEXT;
ALTER TABLE task ADD COLUMN snoozed_why TEXT;
ALTER TABLE task ADD COLUMN escalated BIGINT NOT NULL DEFAULT 0;

-- A word to the patient on a day on which nothing came. At most one a day.
CREATE TABLE notice (
    patient TEXT NOT NULL REFERENCES patient (id),
    day     TEXT NOT NULL,
    at      BIGINT NOT NULL,
    body    TEXT NOT NULL,
    PRIMARY KEY (patient, day)
);
