-- +goose Up
-- How both sides stand to each other, so that each count of a comparison leads to its own records; and the details both
-- are looked up by, so that a record is found in a plan by its email as well. Items of earlier plans have neither.
ALTER TABLE plan_items ADD COLUMN drift TEXT NOT NULL DEFAULT '';
ALTER TABLE plan_items ADD COLUMN known_by TEXT NOT NULL DEFAULT '';
CREATE INDEX plan_items_drift ON plan_items (plan_id, drift, position);
