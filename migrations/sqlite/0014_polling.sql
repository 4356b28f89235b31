-- +goose Up
-- When each object is polled next and why not sooner, what a poll takes, and what no webhook told of.
ALTER TABLE poll_cursors ADD COLUMN next_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE poll_cursors ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE poll_cursors ADD COLUMN calls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE poll_cursors ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE poll_cursors ADD COLUMN missed INTEGER NOT NULL DEFAULT 0;
