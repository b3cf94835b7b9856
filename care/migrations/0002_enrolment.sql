-- Enrolment of gateways: codes that staff issue, certificates that were signed, and outboxes that a new box has superseded.

-- A code that lets one box enrol as this gateway, once. Only a keyed hash of it is kept.
CREATE TABLE enrolment_code (
    id         BIGINT NOT NULL PRIMARY KEY,
    code_hash  TEXT NOT NULL UNIQUE,
    gateway    TEXT NOT NULL REFERENCES gateway (id),
    issued_by  TEXT NOT NULL,
    issued_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at   BIGINT,
    ended_why  TEXT
);
CREATE INDEX enrolment_code_by_gateway ON enrolment_code (gateway, id);

-- What the authority signed for gateways. serial and key_hash are lower-case hex. From ends_at on it is on the revocation list;
-- enforced_at says when the broker was seen to refuse it.
CREATE TABLE certificate (
    serial      TEXT NOT NULL PRIMARY KEY,
    gateway     TEXT NOT NULL REFERENCES gateway (id),
    key_hash    TEXT NOT NULL,
    pem         TEXT NOT NULL,
    how         TEXT NOT NULL,
    issued_at   BIGINT NOT NULL,
    not_after   BIGINT NOT NULL,
    ends_at     BIGINT,
    ended_why   TEXT,
    ended_by    TEXT,
    enforced_at BIGINT
);
CREATE INDEX certificate_by_gateway ON certificate (gateway, issued_at);
CREATE INDEX certificate_by_end ON certificate (ends_at);

-- An outbox whose box was replaced: the highest number it was known to hold, and when people were told what is missing.
ALTER TABLE stream ADD COLUMN closed_at BIGINT;
ALTER TABLE stream ADD COLUMN closed_last BIGINT;
ALTER TABLE stream ADD COLUMN closed_told_at BIGINT;
