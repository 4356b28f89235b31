-- +goose Up
-- What stands still until a person acts, and was told by mail.
CREATE TABLE alerts (
    key          TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    raised_at    INTEGER NOT NULL
);
