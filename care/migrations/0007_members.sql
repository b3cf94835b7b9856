-- Several processes over one store: who takes part, and who hears which share of the gateways. A member that beats no more is
-- removed by the others, and can then commit nothing more of what it heard.
CREATE TABLE member (
    id   TEXT NOT NULL PRIMARY KEY,
    beat BIGINT NOT NULL
);

-- Gateways by a hash of their id. Without a member nobody hears them until one takes the share.
CREATE TABLE share (
    id     BIGINT NOT NULL PRIMARY KEY,
    member TEXT REFERENCES member (id)
);
