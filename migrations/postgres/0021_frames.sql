-- +goose Up
-- Where and as whom a browser came in inside HighLevel's frame: it is signed out with either. Those that did not say so come
-- in again.
ALTER TABLE sign_ins ADD COLUMN place TEXT NOT NULL DEFAULT '';
ALTER TABLE sign_ins ADD COLUMN company_id TEXT NOT NULL DEFAULT '';
ALTER TABLE sign_ins ADD COLUMN provider_user TEXT NOT NULL DEFAULT '';
DELETE FROM sign_ins WHERE framed;
