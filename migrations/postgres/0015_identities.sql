-- +goose Up
-- Who a person is at a provider, linked by the person; codes by which that is done; and contexts that were exchanged for
-- a session, which must not be again.
CREATE TABLE identities (
    provider      TEXT NOT NULL,
    company_id    TEXT NOT NULL,
    provider_user TEXT NOT NULL,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    email         TEXT NOT NULL,
    linked_at     BIGINT NOT NULL,
    PRIMARY KEY (provider, company_id, provider_user)
);
CREATE INDEX identities_user ON identities (user_id);

CREATE TABLE identity_offers (
    code_hash     BYTEA NOT NULL PRIMARY KEY,
    provider      TEXT NOT NULL,
    company_id    TEXT NOT NULL,
    provider_user TEXT NOT NULL,
    name          TEXT NOT NULL,
    email         TEXT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX identity_offers_expires ON identity_offers (expires_at);

CREATE TABLE spent_contexts (
    salt_hash BYTEA NOT NULL PRIMARY KEY,
    spent_at  BIGINT NOT NULL
);
