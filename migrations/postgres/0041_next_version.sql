-- +goose Up
-- The newest version where it is not live yet; 0: there is none. What was thrown away never was live.
ALTER TABLE automations ADD COLUMN next_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE automation_versions ADD COLUMN discarded BOOLEAN NOT NULL DEFAULT FALSE;
