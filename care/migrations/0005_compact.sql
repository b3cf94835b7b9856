-- A hundred million readings: a reading names its outbox by number, decides its own number in that sequence, and every index
-- grows at the end of one home's part of it. Ids given out before stay; a later reading's id is made of where it stands.

-- What ids of readings call an outbox, the same in every store: made when the outbox is next heard.
ALTER TABLE stream ADD COLUMN name TEXT;
CREATE UNIQUE INDEX stream_by_name ON stream (name);

INSERT INTO stream (id, gateway, outbox, through, highest, heard_at)
SELECT (SELECT COALESCE(MAX(id), 0) FROM stream) + ROW_NUMBER() OVER (ORDER BY gateway, outbox), gateway, outbox, 0, 0, 0
FROM (SELECT DISTINCT gateway, outbox FROM reading WHERE gateway IS NOT NULL) AS brought
WHERE NOT EXISTS (SELECT 1 FROM stream WHERE stream.gateway = brought.gateway AND stream.outbox = brought.outbox);
INSERT INTO counter (name, value) SELECT 'stream', MAX(id) FROM stream WHERE id > 0 HAVING MAX(id) > 0
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- What speaks of a reading keeps its id as it was told; that it is there is admission's to see to.
CREATE TABLE finding_reading_told (
    finding  BIGINT NOT NULL REFERENCES finding (id),
    position BIGINT NOT NULL,
    reading  TEXT NOT NULL,
    PRIMARY KEY (finding, position)
);
INSERT INTO finding_reading_told (finding, position, reading) SELECT finding, position, reading FROM finding_reading;
DROP TABLE finding_reading;
ALTER TABLE finding_reading_told RENAME TO finding_reading;
CREATE INDEX finding_reading_by_reading ON finding_reading (reading);

ALTER TABLE message ADD COLUMN reading_told TEXT;
UPDATE message SET reading_told = reading;
ALTER TABLE message DROP COLUMN reading;
ALTER TABLE message RENAME COLUMN reading_told TO reading;

DROP INDEX dialogue_by_reading;
ALTER TABLE dialogue ADD COLUMN reading_told TEXT;
UPDATE dialogue SET reading_told = reading;
ALTER TABLE dialogue DROP COLUMN reading;
ALTER TABLE dialogue RENAME COLUMN reading_told TO reading;
CREATE INDEX dialogue_by_reading ON dialogue (reading);

-- id is that of readings from before this change. hash, of what the envelope says, stands where the reading decided its
-- number; one that was admitted out of quarantine has none, because its number was decided then. dedup tells measurements of
-- one device at one device time apart.
CREATE TABLE reading_compact (
    arrival        INTEGER NOT NULL PRIMARY KEY,
    id             TEXT,
    patient        TEXT NOT NULL,
    at             BIGINT NOT NULL,
    received_at    BIGINT NOT NULL,
    kind           TEXT NOT NULL,
    outcome        TEXT NOT NULL,
    vals           TEXT NOT NULL,
    absent         TEXT,
    flags          TEXT,
    clock          TEXT,
    clock_offset_s BIGINT,
    device         TEXT,
    model          TEXT,
    device_time    TEXT,
    user_slot      BIGINT,
    stream         BIGINT,
    seq            BIGINT,
    hash           TEXT,
    sealed_at      BIGINT,
    raw_format     TEXT,
    raw_hex        TEXT,
    dedup          TEXT,
    author_kind    TEXT,
    author         TEXT,
    task           TEXT
);
INSERT INTO reading_compact (arrival, id, patient, at, received_at, kind, outcome, vals, absent, flags, clock, clock_offset_s,
    device, model, device_time, user_slot, stream, seq, hash, sealed_at, raw_format, raw_hex, dedup, author_kind, author, task)
SELECT arrival, reading.id, patient, at, received_at, kind, outcome, vals, NULLIF(absent, '{}'), NULLIF(flags, '[]'), clock,
    clock_offset_s, device, model, device_time, user_slot, stream.id, reading.seq, SUBSTR(decided.hash, 1, 32), sealed_at,
    raw_format, raw_hex, SUBSTR(dedup_key, 1, 16), author_kind, author, task
FROM reading LEFT JOIN stream ON stream.gateway = reading.gateway AND stream.outbox = reading.outbox
    LEFT JOIN decided ON decided.stream = stream.id AND decided.seq = reading.seq AND decided.verdict = 'stored'
ORDER BY arrival;
DROP TABLE reading;
ALTER TABLE reading_compact RENAME TO reading;
CREATE UNIQUE INDEX reading_by_stream ON reading (stream, seq) WHERE stream IS NOT NULL;
CREATE UNIQUE INDEX reading_by_device ON reading (device, device_time, dedup) WHERE dedup IS NOT NULL;
CREATE UNIQUE INDEX reading_by_given_id ON reading (id) WHERE id IS NOT NULL;
CREATE INDEX reading_by_patient ON reading (patient, at);
DELETE FROM decided WHERE verdict = 'stored' AND EXISTS (SELECT 1 FROM reading
    WHERE reading.stream = decided.stream AND reading.seq = decided.seq AND reading.hash IS NOT NULL);

-- What changed last about whom, for processes that keep it at hand. what is patient, device, gateway or house; triggers write
-- here, so that no writer can forget to.
CREATE TABLE changed (
    what    TEXT NOT NULL,
    id      TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (what, id)
);
CREATE INDEX changed_by_version ON changed (version);
INSERT INTO counter (name, value) VALUES ('changed', 1);
