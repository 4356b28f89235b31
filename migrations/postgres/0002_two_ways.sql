-- +goose Up
-- A severed link is the memory of a pair that goes separate ways since one of them was deleted.
ALTER TABLE links ADD COLUMN severed BOOLEAN NOT NULL DEFAULT FALSE;

-- What a create was to live under, so that one that was never answered is looked up there.
ALTER TABLE changes ADD COLUMN parent TEXT NOT NULL DEFAULT '';
-- Brakes count what was written in the last hour; the record's history is read by what was written to it.
CREATE INDEX changes_written ON changes (automation_id, intended_at) WHERE state <> 'refused';
CREATE INDEX changes_target ON changes (target_connection, target_object, target_record);

-- Brakes count from here when a person has let the automation go on.
ALTER TABLE automations ADD COLUMN brakes_since BIGINT  NOT NULL DEFAULT 0;

-- Questions to a person. One for each key and kind that is not settled.
CREATE TABLE reviews (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    automation_id TEXT COLLATE "C" NOT NULL,
    connection    TEXT    NOT NULL,
    object        TEXT    NOT NULL,
    record        TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    title         TEXT    NOT NULL DEFAULT '',
    run_id        TEXT COLLATE "C" NOT NULL DEFAULT '',
    plan          TEXT    NOT NULL,
    decision      TEXT    NOT NULL DEFAULT '',
    decided_by    TEXT    NOT NULL DEFAULT '',
    opened_at     BIGINT  NOT NULL,
    decided_at    BIGINT  NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX reviews_key ON reviews (automation_id, connection, object, record, kind) WHERE state <> 'settled';
CREATE INDEX reviews_state ON reviews (state, id);

-- Who is making a record with an identity just now.
CREATE TABLE reservations (
    identity TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    holder   TEXT    NOT NULL,
    until    BIGINT  NOT NULL
);
CREATE INDEX reservations_until ON reservations (until);

-- A plan for everyone is shown (mode "show"), or carried out from one that was shown (mode "apply", of_plan).
ALTER TABLE plans ADD COLUMN mode TEXT NOT NULL DEFAULT 'show';
ALTER TABLE plans ADD COLUMN of_plan TEXT NOT NULL DEFAULT '';
ALTER TABLE plans ADD COLUMN written INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN tally TEXT NOT NULL DEFAULT '';
ALTER TABLE plans ADD COLUMN missed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN cursor TEXT NOT NULL DEFAULT '';
ALTER TABLE plans ADD COLUMN started_at BIGINT  NOT NULL DEFAULT 0;
-- When its worker last said a word; one that is silent for long is taken over.
ALTER TABLE plans ADD COLUMN beat_at BIGINT  NOT NULL DEFAULT 0;
-- What became of an item: '' when it was only shown, else done, moved, failed or braked; run_id tells more.
ALTER TABLE plan_items ADD COLUMN result TEXT NOT NULL DEFAULT '';
ALTER TABLE plan_items ADD COLUMN run_id TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX plan_items_record ON plan_items (plan_id, record);
-- When a webhook last told of a record.
CREATE INDEX events_record ON events (connection, object, record, received_at);
