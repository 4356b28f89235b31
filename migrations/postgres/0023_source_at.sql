-- +goose Up
-- When the source had last changed when two sides agreed, by its provider's clock; 0 where it did not say.
ALTER TABLE bases ADD COLUMN source_at BIGINT NOT NULL DEFAULT 0;
