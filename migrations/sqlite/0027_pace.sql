-- +goose Up
-- Since when a plan for everyone is at it without a break, and how many records it had looked at then.
ALTER TABLE plans ADD COLUMN went_on_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN went_on_done INTEGER NOT NULL DEFAULT 0;
