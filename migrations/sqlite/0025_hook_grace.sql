-- +goose Up
-- A webhook address that was changed: the one before is taken for a while, until the provider is told of the new one.
ALTER TABLE connections ADD COLUMN old_hook_secret TEXT NOT NULL DEFAULT '';
ALTER TABLE connections ADD COLUMN old_hook_until INTEGER NOT NULL DEFAULT 0;
