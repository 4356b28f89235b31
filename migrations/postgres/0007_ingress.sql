-- +goose Up
-- Calls of one connection by the minute they were answered in; refused ones are 429s, and not among calls.
CREATE TABLE quota_usage (
    connection     TEXT    NOT NULL,
    interval_start BIGINT  NOT NULL,
    calls          INTEGER NOT NULL DEFAULT 0,
    refused        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (connection, interval_start)
);
CREATE INDEX quota_usage_start ON quota_usage (interval_start);

-- What the processes that share one call budget have leased of it. One document a budget, changed under its row's lock.
CREATE TABLE quota_ledgers (
    budget   TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL DEFAULT ''
);

-- What became of a delivery: accepted, unknown (a type nobody here carries) or unwatched (no automation cares). One that
-- comes again is counted on the first. Bodies are sealed from now on; those kept in the clear go.
ALTER TABLE deliveries ADD COLUMN verdict TEXT NOT NULL DEFAULT 'accepted';
ALTER TABLE deliveries ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN repeated_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET body = '';
CREATE INDEX deliveries_received ON deliveries (received_at, event_id);

-- Deliveries that were refused: how many, and why, by the hour. Their bodies are not kept, for nobody has proven whose
-- they are.
CREATE TABLE refusals (
    provider   TEXT    NOT NULL,
    connection TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    hour       BIGINT  NOT NULL,
    count      INTEGER NOT NULL,
    last_at    BIGINT  NOT NULL,
    PRIMARY KEY (provider, connection, reason, hour)
);
CREATE INDEX refusals_hour ON refusals (hour);
