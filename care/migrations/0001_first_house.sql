-- The first house: who is who, what arrived, what was found, what people did about it.
-- Times are BIGINT milliseconds since 1970 UTC. JSON is TEXT. Hashes are lower-case hex. No vendor types, so that
-- the PostgreSQL form differs only where it must.

CREATE TABLE organisation (
    id   TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL
);

CREATE TABLE unit (
    id           TEXT NOT NULL PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisation (id),
    name         TEXT NOT NULL
);

CREATE TABLE staff (
    id       TEXT NOT NULL PRIMARY KEY,
    unit     TEXT NOT NULL REFERENCES unit (id),
    role     TEXT NOT NULL,
    name     TEXT NOT NULL,
    until_at BIGINT
);

CREATE TABLE patient (
    id            TEXT NOT NULL PRIMARY KEY,
    name          TEXT NOT NULL,
    language      TEXT NOT NULL,
    policy        TEXT NOT NULL,
    born          TEXT,
    consent_from  BIGINT,
    consent_until BIGINT,
    overrides     TEXT,
    plan_text     TEXT,
    plan_by       TEXT,
    plan_changed  BIGINT,
    enrolled_at   BIGINT NOT NULL
);

-- A care relation: this unit takes part in this patient's care.
CREATE TABLE patient_unit (
    patient  TEXT NOT NULL REFERENCES patient (id),
    unit     TEXT NOT NULL REFERENCES unit (id),
    position BIGINT NOT NULL,
    until_at BIGINT,
    PRIMARY KEY (patient, unit)
);

CREATE TABLE proxy (
    id       TEXT NOT NULL PRIMARY KEY,
    patient  TEXT NOT NULL REFERENCES patient (id),
    name     TEXT NOT NULL,
    until_at BIGINT
);

CREATE TABLE medication (
    patient    TEXT NOT NULL REFERENCES patient (id),
    name       TEXT NOT NULL,
    dose       TEXT NOT NULL,
    from_at    BIGINT NOT NULL,
    until_at   BIGINT,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (patient, name, from_at)
);

-- One login for one person. kind is staff, patient or proxy; subject its id there.
CREATE TABLE account (
    login       TEXT NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    password    TEXT NOT NULL,
    given       TEXT NOT NULL,
    must_change BIGINT NOT NULL,
    failures    BIGINT NOT NULL DEFAULT 0,
    locked_until BIGINT,
    UNIQUE (kind, subject)
);

CREATE TABLE session (
    token_hash TEXT NOT NULL PRIMARY KEY,
    login      TEXT NOT NULL REFERENCES account (login),
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_by_expiry ON session (expires_at);

CREATE TABLE gateway (
    id TEXT NOT NULL PRIMARY KEY
);

CREATE TABLE device (
    id    TEXT NOT NULL PRIMARY KEY,
    model TEXT NOT NULL
);

CREATE TABLE worn_by (
    device   TEXT NOT NULL REFERENCES device (id),
    patient  TEXT NOT NULL REFERENCES patient (id),
    slot     BIGINT NOT NULL DEFAULT -1,
    from_at  BIGINT NOT NULL,
    until_at BIGINT,
    PRIMARY KEY (device, patient, slot, from_at)
);

-- One outbox of one gateway: the highest number up to which everything is decided, and when it was last heard.
CREATE TABLE stream (
    id        BIGINT NOT NULL PRIMARY KEY,
    gateway   TEXT NOT NULL,
    outbox    TEXT NOT NULL,
    through   BIGINT NOT NULL,
    highest   BIGINT NOT NULL,
    gap_since BIGINT,
    heard_at  BIGINT NOT NULL,
    UNIQUE (gateway, outbox)
);

-- What was decided about each number. verdict is stored, duplicate, quarantined or void.
CREATE TABLE decided (
    stream  BIGINT NOT NULL REFERENCES stream (id),
    seq     BIGINT NOT NULL,
    hash    TEXT NOT NULL,
    verdict TEXT NOT NULL,
    PRIMARY KEY (stream, seq)
);

-- The record. arrival counts from 1 in order of commit: the journal that projections follow.
CREATE TABLE reading (
    arrival        BIGINT NOT NULL PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    patient        TEXT NOT NULL REFERENCES patient (id),
    at             BIGINT NOT NULL,
    received_at    BIGINT NOT NULL,
    kind           TEXT NOT NULL,
    outcome        TEXT NOT NULL,
    vals           TEXT NOT NULL,
    absent         TEXT NOT NULL,
    flags          TEXT NOT NULL,
    clock          TEXT,
    clock_offset_s BIGINT,
    device         TEXT,
    model          TEXT,
    device_time    TEXT,
    user_slot      BIGINT,
    gateway        TEXT,
    outbox         TEXT,
    seq            BIGINT,
    sealed_at      BIGINT,
    raw_format     TEXT,
    raw_hex        TEXT,
    dedup_key      TEXT UNIQUE,
    author_kind    TEXT,
    author         TEXT,
    task           TEXT
);
CREATE INDEX reading_by_patient ON reading (patient, at);
CREATE INDEX reading_by_patient_arrival ON reading (patient, arrival);
CREATE INDEX reading_by_gateway ON reading (gateway, arrival);

CREATE TABLE quarantine (
    id          BIGINT NOT NULL PRIMARY KEY,
    gateway     TEXT NOT NULL,
    outbox      TEXT,
    seq         BIGINT,
    reason      TEXT NOT NULL,
    detail      TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    raw         TEXT NOT NULL,
    fingerprint TEXT NOT NULL UNIQUE
);

CREATE TABLE task (
    id              TEXT NOT NULL PRIMARY KEY,
    patient         TEXT REFERENCES patient (id),
    gateway         TEXT,
    problem         TEXT NOT NULL,
    priority        TEXT NOT NULL,
    status          TEXT NOT NULL,
    opened_at       BIGINT NOT NULL,
    due_at          BIGINT NOT NULL,
    last_finding_at BIGINT NOT NULL,
    closed_at       BIGINT,
    outcome         TEXT,
    outcome_note    TEXT,
    follow_up       TEXT,
    unit            TEXT REFERENCES unit (id),
    owner           TEXT REFERENCES staff (id),
    competence      TEXT NOT NULL,
    policy          TEXT NOT NULL,
    policy_version  TEXT NOT NULL
);
CREATE INDEX task_by_patient ON task (patient, status);
CREATE INDEX task_by_unit ON task (unit, status);
-- One open case per patient and problem, held by the store itself.
CREATE UNIQUE INDEX task_one_open ON task (patient, problem) WHERE status = 'open' AND patient IS NOT NULL;
CREATE UNIQUE INDEX task_one_open_gateway ON task (gateway, problem) WHERE status = 'open' AND patient IS NULL;

CREATE TABLE finding (
    id             BIGINT NOT NULL PRIMARY KEY,
    task           TEXT NOT NULL REFERENCES task (id),
    problem        TEXT NOT NULL,
    priority       TEXT NOT NULL,
    at             BIGINT NOT NULL,
    late           BIGINT NOT NULL,
    rule           TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    observed       DOUBLE PRECISION,
    limit_value    DOUBLE PRECISION,
    unit           TEXT NOT NULL,
    text_sv        TEXT NOT NULL,
    text_en        TEXT NOT NULL
);
CREATE INDEX finding_by_task ON finding (task, id);

CREATE TABLE finding_reading (
    finding  BIGINT NOT NULL REFERENCES finding (id),
    position BIGINT NOT NULL,
    reading  TEXT NOT NULL REFERENCES reading (id),
    PRIMARY KEY (finding, position)
);
CREATE INDEX finding_reading_by_reading ON finding_reading (reading);

-- What people and rules did to a task, in order. Append-only.
CREATE TABLE task_event (
    id     BIGINT NOT NULL PRIMARY KEY,
    task   TEXT NOT NULL REFERENCES task (id),
    at     BIGINT NOT NULL,
    actor  TEXT NOT NULL,
    action TEXT NOT NULL,
    note   TEXT NOT NULL
);
CREATE INDEX task_event_by_task ON task_event (task, id);

-- The conversation of a task, or of the patient when task is null. author_kind is system, patient, proxy or staff.
CREATE TABLE message (
    id          BIGINT NOT NULL PRIMARY KEY,
    patient     TEXT NOT NULL REFERENCES patient (id),
    task        TEXT REFERENCES task (id),
    at          BIGINT NOT NULL,
    author_kind TEXT NOT NULL,
    author      TEXT NOT NULL,
    author_name TEXT NOT NULL,
    body        TEXT NOT NULL,
    questions   TEXT,
    answered_at BIGINT,
    reading     TEXT REFERENCES reading (id)
);
CREATE INDEX message_by_task ON message (task, id);
CREATE INDEX message_by_patient ON message (patient, id);

CREATE TABLE heartbeat (
    gateway      TEXT NOT NULL PRIMARY KEY,
    at           BIGINT NOT NULL,
    received_at  BIGINT NOT NULL,
    outbox       TEXT NOT NULL,
    last_seq     BIGINT NOT NULL,
    unreceipted  BIGINT NOT NULL,
    version      TEXT,
    clock_synced BIGINT,
    devices      TEXT NOT NULL
);

-- Who did what with whose record, and why they might. Each row carries the hash of the one before it.
CREATE TABLE audit (
    id           BIGINT NOT NULL PRIMARY KEY,
    at           BIGINT NOT NULL,
    actor_kind   TEXT NOT NULL,
    actor        TEXT NOT NULL,
    role         TEXT NOT NULL,
    unit         TEXT NOT NULL,
    organisation TEXT NOT NULL,
    action       TEXT NOT NULL,
    patient      TEXT,
    decision     TEXT NOT NULL,
    reason       TEXT NOT NULL,
    hash         TEXT NOT NULL
);
CREATE INDEX audit_by_patient ON audit (patient, id);

-- Counts that no table holds, and where each projection stands in the journal.
CREATE TABLE counter (
    name  TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
