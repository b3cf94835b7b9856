-- What watches over the chain itself: the canary's walks, and what the rules were given.

-- The canary's latest walks, the newest few of each of its outboxes. It is no patient's and stands in no other table.
CREATE TABLE canary (
    outbox      TEXT NOT NULL,
    seq         BIGINT NOT NULL,
    sealed_at   BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    assessed    BIGINT NOT NULL,
    PRIMARY KEY (outbox, seq)
);

-- What the rules were given, a row for each run of arrivals of one transaction: eight hex digits a reading, in their order.
CREATE TABLE assessed (
    first_arrival BIGINT NOT NULL PRIMARY KEY,
    marks         TEXT NOT NULL
);

-- Readings from before there were marks have none.
INSERT INTO counter (name, value) SELECT 'assessed.after', COALESCE(MAX(arrival), 0) FROM reading;
