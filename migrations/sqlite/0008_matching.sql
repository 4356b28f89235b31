-- +goose Up
-- How sure it is which record is the counterpart, so that a first sync can be looked through and carried out by it.
ALTER TABLE plan_items ADD COLUMN matching TEXT NOT NULL DEFAULT '';
CREATE INDEX plan_items_matching ON plan_items (plan_id, matching, position);
