-- Policies an installation owns, which of them stands for whom, patients' plans as events, and what staff decided about
-- what was put aside. Rows are added and never changed.

-- A policy file, kept whole. A version says the same for ever.
CREATE TABLE policy_file (
    id       BIGINT NOT NULL PRIMARY KEY,
    name     TEXT NOT NULL,
    version  TEXT NOT NULL,
    author   TEXT NOT NULL,
    hash     TEXT NOT NULL,
    text     TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    UNIQUE (name, version)
);

-- A policy switched on. scope is programme, unit or patient; target the organisation's, unit's or patient's id. Without a
-- policy it says that what is switched on more widely stands again.
CREATE TABLE policy_activation (
    id       BIGINT NOT NULL PRIMARY KEY,
    scope    TEXT NOT NULL,
    target   TEXT NOT NULL,
    policy   TEXT,
    version  TEXT,
    hash     TEXT,
    from_at  BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    name     TEXT NOT NULL,
    role     TEXT NOT NULL,
    reason   TEXT NOT NULL
);
CREATE INDEX policy_activation_by_target ON policy_activation (target, from_at);

ALTER TABLE task ADD COLUMN activation BIGINT REFERENCES policy_activation (id);
ALTER TABLE finding ADD COLUMN policy TEXT;
ALTER TABLE finding ADD COLUMN activation BIGINT REFERENCES policy_activation (id);

-- What staff said about a patient's monitoring, in order. kind is limits, pause, pause_end, admission, discharge,
-- target_weight, schedule, diuretic or text. after_arrival is the last reading that had arrived; of a pause_end, vals names
-- the pause it ends.
CREATE TABLE plan_event (
    id            BIGINT NOT NULL PRIMARY KEY,
    patient       TEXT NOT NULL REFERENCES patient (id),
    kind          TEXT NOT NULL,
    at            BIGINT NOT NULL,
    until_at      BIGINT,
    vals          TEXT NOT NULL,
    recorded_at   BIGINT NOT NULL,
    after_arrival BIGINT NOT NULL,
    actor_kind    TEXT NOT NULL,
    actor         TEXT NOT NULL,
    name          TEXT NOT NULL,
    reason        TEXT NOT NULL
);
CREATE INDEX plan_event_by_patient ON plan_event (patient, id);

-- Limits that a register gave before there were events: in force since the patient came.
INSERT INTO plan_event (id, patient, kind, at, until_at, vals, recorded_at, after_arrival, actor_kind, actor, name, reason)
SELECT ROW_NUMBER() OVER (ORDER BY id), id, 'limits', enrolled_at, NULL, overrides, enrolled_at, 0, 'system', '', '', ''
FROM patient WHERE overrides IS NOT NULL;
INSERT INTO counter (name, value) SELECT 'plan_event', COUNT(*) FROM patient WHERE overrides IS NOT NULL;

-- The plan as a register last gave it: the same register again does not undo what staff changed since.
ALTER TABLE patient ADD COLUMN register_plan TEXT;

-- Where a quarantined item names a device: that, and when it measured.
ALTER TABLE quarantine ADD COLUMN device TEXT;
ALTER TABLE quarantine ADD COLUMN measured_at BIGINT;
CREATE INDEX quarantine_by_device ON quarantine (device, measured_at);

-- What became of a quarantined item, once. act is assigned, readmitted, confirmed, duplicate or discarded.
CREATE TABLE quarantine_act (
    quarantine BIGINT NOT NULL PRIMARY KEY REFERENCES quarantine (id),
    act        TEXT NOT NULL,
    patient    TEXT REFERENCES patient (id),
    reading    TEXT,
    at         BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor      TEXT NOT NULL,
    name       TEXT NOT NULL,
    reason     TEXT NOT NULL
);
