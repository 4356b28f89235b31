-- +goose Up
-- Since when a connection needs a person; 0 while it works. One that was uninstalled before this was kept does not know.
ALTER TABLE connections ADD COLUMN down_since INTEGER NOT NULL DEFAULT 0;
UPDATE connections SET down_since = checked_at WHERE state = 'needs_reconnect';
-- A renewal that was begun and has not ended well: how often it failed in a row, and when it is tried again.
ALTER TABLE grants ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN retry_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX grants_retry ON grants (retry_at) WHERE retry_at > 0;
