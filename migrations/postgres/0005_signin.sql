-- +goose Up
-- A signed-in browser. A session only names one; without its row nobody is signed in.
CREATE TABLE sign_ins (
    id         TEXT    NOT NULL PRIMARY KEY,
    user_id    TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_agent TEXT    NOT NULL DEFAULT '',
    address    TEXT    NOT NULL DEFAULT '',
    began_at   BIGINT  NOT NULL,
    seen_at    BIGINT  NOT NULL
);
CREATE INDEX sign_ins_user ON sign_ins (user_id, seen_at);
CREATE INDEX sign_ins_seen ON sign_ins (seen_at);

-- The secret of a person's code app, sealed. It counts once it is confirmed. last_step is the newest step of time
-- whose code was taken: none is taken twice.
CREATE TABLE second_factors (
    user_id      TEXT    NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    sealed       BYTEA   NOT NULL,
    begun_at     BIGINT  NOT NULL,
    confirmed_at BIGINT  NOT NULL DEFAULT 0,
    last_step    BIGINT  NOT NULL DEFAULT 0
);
CREATE TABLE recovery_codes (
    user_id   TEXT    NOT NULL REFERENCES second_factors (user_id) ON DELETE CASCADE,
    code_hash BYTEA   NOT NULL,
    used_at   BIGINT  NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, code_hash)
);

-- Links that set a new password once.
CREATE TABLE password_resets (
    token_hash BYTEA   NOT NULL PRIMARY KEY,
    user_id    TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at BIGINT  NOT NULL
);
CREATE INDEX password_resets_expires ON password_resets (expires_at);

-- Tries in vain, by a hash of whom they are counted against.
CREATE TABLE vain_tries (
    key_hash BYTEA   NOT NULL PRIMARY KEY,
    count    BIGINT  NOT NULL,
    last_at  BIGINT  NOT NULL
);
CREATE INDEX vain_tries_last ON vain_tries (last_at);
