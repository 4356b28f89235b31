-- +goose Up
-- Installations that were begun at the provider and that nobody has claimed yet. sealed is the grant.
CREATE TABLE arrivals (
    id           TEXT    NOT NULL PRIMARY KEY,
    binding_hash TEXT    NOT NULL,
    arrived_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    document     TEXT    NOT NULL,
    sealed       BLOB    NOT NULL
);
CREATE INDEX arrivals_binding ON arrivals (binding_hash, expires_at);

-- Our app at a provider: in a whole company (account_id '', with a grant that makes tokens of its accounts), or in one
-- account of such a company, which need not be used here.
CREATE TABLE installations (
    id           TEXT    NOT NULL PRIMARY KEY,
    workspace_id TEXT    NOT NULL DEFAULT '',
    provider     TEXT    NOT NULL,
    company_id   TEXT    NOT NULL,
    account_id   TEXT    NOT NULL,
    account      TEXT    NOT NULL DEFAULT '',
    state        TEXT    NOT NULL,
    problem      TEXT    NOT NULL DEFAULT '',
    scopes       TEXT    NOT NULL DEFAULT '',
    base_url     TEXT    NOT NULL DEFAULT '',
    client_id    TEXT    NOT NULL DEFAULT '',
    endpoint     TEXT    NOT NULL DEFAULT '',
    installed_at INTEGER NOT NULL,
    removed_at   INTEGER NOT NULL DEFAULT 0,
    rotated_at   INTEGER NOT NULL DEFAULT 0,
    expires_at   INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX installations_account ON installations (provider, company_id, account_id);

-- A grant belongs to a connection or to an installation: connection_id names either.
CREATE TABLE grants_of_either (
    connection_id TEXT    NOT NULL PRIMARY KEY,
    sealed        BLOB    NOT NULL,
    generation    INTEGER NOT NULL,
    lease_owner   TEXT    NOT NULL DEFAULT '',
    lease_until   INTEGER NOT NULL DEFAULT 0
);
INSERT INTO grants_of_either (connection_id, sealed, generation, lease_owner, lease_until)
SELECT connection_id, sealed, generation, lease_owner, lease_until FROM grants;
DROP TABLE grants;
ALTER TABLE grants_of_either RENAME TO grants;
