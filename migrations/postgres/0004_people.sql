-- +goose Up
-- A workspace is one customer: its accounts, automations and people. Automations and connections belong to one;
-- everything else hangs from them. An empty workspace_id belongs to nobody, and no page shows it.
CREATE TABLE workspaces (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    created_at BIGINT  NOT NULL
);

CREATE TABLE memberships (
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role         TEXT    NOT NULL,
    created_at   BIGINT  NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id, created_at, workspace_id);

ALTER TABLE automations ADD COLUMN workspace_id TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX automations_workspace ON automations (workspace_id, id);
ALTER TABLE connections ADD COLUMN workspace_id TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX connections_workspace ON connections (workspace_id, id);
-- They live for ten minutes; who is at it starts again.
DELETE FROM pending_authorizations;
ALTER TABLE pending_authorizations ADD COLUMN workspace_id TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Counting a workspace's runs reads the index alone.
DROP INDEX runs_started;
CREATE INDEX runs_started ON runs (started_at, outcome, automation_id);

-- What there is already becomes the founder's workspace. Where nobody has signed up yet, the first account takes it.
INSERT INTO workspaces (id, name, created_at) SELECT 'ws_first', 'First workspace', created_at FROM users WHERE founder;
INSERT INTO memberships (workspace_id, user_id, role, created_at)
SELECT w.id, u.id, CASE WHEN u.founder THEN 'owner' ELSE 'editor' END, u.created_at FROM users u, workspaces w;
UPDATE automations SET workspace_id = 'ws_first' WHERE EXISTS (SELECT 1 FROM workspaces);
UPDATE connections SET workspace_id = 'ws_first' WHERE EXISTS (SELECT 1 FROM workspaces);

-- One account of a provider is connected once. Of doubles, which should not be there, the newest stays.
UPDATE connections SET state = 'removed', hook_secret = '', problem = '', problem_code = ''
WHERE state <> 'removed' AND account_id <> '' AND EXISTS (
    SELECT 1 FROM connections n WHERE n.provider = connections.provider AND n.account_id = connections.account_id AND n.state <> 'removed'
    AND (n.created_at > connections.created_at OR n.created_at = connections.created_at AND n.id > connections.id));
DELETE FROM grants WHERE connection_id IN (SELECT id FROM connections WHERE state = 'removed');
CREATE UNIQUE INDEX connections_account_once ON connections (provider, account_id) WHERE state <> 'removed' AND account_id <> '';

-- A link that lets one person in. Only a hash of what the link holds is kept.
CREATE TABLE invites (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    role         TEXT    NOT NULL,
    email        TEXT    NOT NULL DEFAULT '',
    token_hash   BYTEA   NOT NULL,
    made_by      TEXT    NOT NULL DEFAULT '',
    created_at   BIGINT  NOT NULL,
    expires_at   BIGINT  NOT NULL,
    accepted_by  TEXT    NOT NULL DEFAULT '',
    accepted_at  BIGINT  NOT NULL DEFAULT 0,
    revoked_at   BIGINT  NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX invites_token ON invites (token_hash);
CREATE INDEX invites_workspace ON invites (workspace_id, created_at);

-- Who did what, from where. Entries are only ever added; what retention takes away is older than a month.
CREATE TABLE audit_entries (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at           BIGINT  NOT NULL,
    workspace_id TEXT COLLATE "C" NOT NULL DEFAULT '',
    user_id      TEXT COLLATE "C" NOT NULL DEFAULT '',
    actor        TEXT    NOT NULL DEFAULT '',
    address      TEXT    NOT NULL DEFAULT '',
    kind         TEXT    NOT NULL,
    subject      TEXT    NOT NULL DEFAULT '',
    object       TEXT    NOT NULL DEFAULT '',
    before       TEXT    NOT NULL DEFAULT '',
    after        TEXT    NOT NULL DEFAULT '',
    request_id   TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX audit_entries_workspace ON audit_entries (workspace_id, at, id);
CREATE INDEX audit_entries_at ON audit_entries (at);

-- +goose StatementBegin
CREATE FUNCTION audit_entries_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at <= (EXTRACT(EPOCH FROM clock_timestamp())::BIGINT - 2592000) * 1000000 THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit entries are never changed, and kept for a month at least';
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries FOR EACH ROW EXECUTE FUNCTION audit_entries_stay();
