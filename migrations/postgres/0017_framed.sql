-- +goose Up
-- A browser that came in inside HighLevel's frame is signed out sooner.
ALTER TABLE sign_ins ADD COLUMN framed BOOLEAN NOT NULL DEFAULT FALSE;
