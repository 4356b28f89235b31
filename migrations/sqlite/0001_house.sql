-- +goose Up
CREATE TABLE automations (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    recipe      TEXT    NOT NULL DEFAULT '',
    state       TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    paused_why  TEXT    NOT NULL DEFAULT '',
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    deleted_at  INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE automation_versions (
    automation_id TEXT    NOT NULL REFERENCES automations (id) ON DELETE CASCADE,
    number        INTEGER NOT NULL,
    definition    TEXT    NOT NULL,
    saved_by      TEXT    NOT NULL DEFAULT '',
    saved_at      INTEGER NOT NULL,
    note          TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (automation_id, number)
);

-- What arrived. seq is the order of arrival; routed_at 0 means nobody has looked at it.
CREATE TABLE events (
    seq         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    connection  TEXT    NOT NULL,
    object      TEXT    NOT NULL,
    record      TEXT    NOT NULL,
    change      TEXT    NOT NULL,
    name        TEXT    NOT NULL DEFAULT '',
    dedupe_key  TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL DEFAULT 0,
    routed_at   INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX events_id ON events (id);
CREATE UNIQUE INDEX events_dedupe ON events (connection, dedupe_key);
CREATE INDEX events_received ON events (received_at);
CREATE INDEX events_unrouted ON events (seq) WHERE routed_at = 0;

-- The body of a webhook as it arrived; events found by polling have none.
CREATE TABLE deliveries (
    event_id    TEXT    NOT NULL PRIMARY KEY,
    connection  TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    body        BLOB    NOT NULL
);
CREATE INDEX deliveries_connection ON deliveries (connection, received_at);

-- One row per (automation, record). due_at depends on the state: queued since, waiting until, running at most until.
CREATE TABLE works (
    id            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    automation_id TEXT    NOT NULL,
    connection    TEXT    NOT NULL,
    object        TEXT    NOT NULL,
    record        TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    dirty         BOOLEAN NOT NULL DEFAULT FALSE,
    event         TEXT    NOT NULL,
    run_id        TEXT    NOT NULL DEFAULT '',
    attempts      INTEGER NOT NULL DEFAULT 0,
    retry_of      TEXT    NOT NULL DEFAULT '',
    due_at        INTEGER NOT NULL DEFAULT 0,
    lease_owner   TEXT    NOT NULL DEFAULT '',
    wake          INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX works_key ON works (automation_id, connection, object, record);
CREATE INDEX works_due ON works (state, due_at) WHERE state <> 'idle';

CREATE TABLE runs (
    id                TEXT    NOT NULL PRIMARY KEY,
    seq               INTEGER NOT NULL,
    automation_id     TEXT    NOT NULL,
    version           INTEGER NOT NULL,
    connection        TEXT    NOT NULL,
    object            TEXT    NOT NULL,
    record            TEXT    NOT NULL,
    title             TEXT    NOT NULL DEFAULT '',
    target_connection TEXT    NOT NULL DEFAULT '',
    target_object     TEXT    NOT NULL DEFAULT '',
    target_record     TEXT    NOT NULL DEFAULT '',
    state             TEXT    NOT NULL,
    outcome           TEXT    NOT NULL DEFAULT '',
    summary           TEXT    NOT NULL DEFAULT '',
    code              TEXT    NOT NULL DEFAULT '',
    attempts          INTEGER NOT NULL,
    next_at           INTEGER NOT NULL DEFAULT 0,
    started_at        INTEGER NOT NULL,
    finished_at       INTEGER NOT NULL DEFAULT 0,
    retry_of          TEXT    NOT NULL DEFAULT '',
    event             TEXT    NOT NULL,
    -- Last on purpose: lists do not read it, and SQLite then never loads its pages.
    steps             TEXT    NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX runs_seq ON runs (seq);
CREATE INDEX runs_automation ON runs (automation_id, id);
CREATE INDEX runs_state ON runs (state, id);
CREATE INDEX runs_outcome ON runs (outcome, id);
CREATE INDEX runs_started ON runs (started_at, outcome);

CREATE TABLE changes (
    id                TEXT    NOT NULL PRIMARY KEY,
    run_id            TEXT    NOT NULL,
    automation_id     TEXT    NOT NULL,
    connection        TEXT    NOT NULL,
    object            TEXT    NOT NULL,
    record            TEXT    NOT NULL,
    target_connection TEXT    NOT NULL DEFAULT '',
    target_object     TEXT    NOT NULL DEFAULT '',
    target_record     TEXT    NOT NULL DEFAULT '',
    op                TEXT    NOT NULL,
    state             TEXT    NOT NULL,
    error             TEXT    NOT NULL DEFAULT '',
    intended_at       INTEGER NOT NULL,
    answered_at       INTEGER NOT NULL DEFAULT 0,
    fields            TEXT    NOT NULL,
    before            TEXT    NOT NULL,
    after             TEXT    NOT NULL
);
CREATE INDEX changes_run ON changes (run_id);
CREATE INDEX changes_open ON changes (automation_id, connection, object, record) WHERE state IN ('intended', 'unclear');

CREATE TABLE links (
    id                TEXT    NOT NULL PRIMARY KEY,
    source_connection TEXT    NOT NULL,
    source_object     TEXT    NOT NULL,
    source_record     TEXT    NOT NULL,
    target_connection TEXT    NOT NULL,
    target_object     TEXT    NOT NULL,
    target_record     TEXT    NOT NULL,
    evidence          TEXT    NOT NULL DEFAULT '',
    created_at        INTEGER NOT NULL
);
CREATE UNIQUE INDEX links_source ON links (source_connection, source_object, source_record, target_connection, target_object);
CREATE INDEX links_target ON links (target_connection, target_object, target_record, source_connection, source_object);

CREATE TABLE bases (
    link_id       TEXT    NOT NULL REFERENCES links (id) ON DELETE CASCADE,
    automation_id TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    agreed_at     INTEGER NOT NULL,
    fields        TEXT    NOT NULL,
    target        TEXT    NOT NULL,
    PRIMARY KEY (link_id, automation_id)
);

CREATE TABLE poll_cursors (
    connection TEXT    NOT NULL,
    object     TEXT    NOT NULL,
    since      INTEGER NOT NULL,
    polled_at  INTEGER NOT NULL,
    problem    TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (connection, object)
);

-- Dry runs over everyone, and what each record would come to.
CREATE TABLE plans (
    id            TEXT    NOT NULL PRIMARY KEY,
    automation_id TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    state         TEXT    NOT NULL,
    phase         TEXT    NOT NULL DEFAULT '',
    done          INTEGER NOT NULL DEFAULT 0,
    total         INTEGER NOT NULL DEFAULT 0,
    counts        TEXT    NOT NULL DEFAULT '',
    reads         INTEGER NOT NULL DEFAULT 0,
    writes        INTEGER NOT NULL DEFAULT 0,
    problem       TEXT    NOT NULL DEFAULT '',
    created_at    INTEGER NOT NULL,
    finished_at   INTEGER NOT NULL DEFAULT 0,
    started_by    TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX plans_automation ON plans (automation_id, created_at);

CREATE TABLE plan_items (
    position      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    plan_id       TEXT    NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
    outcome       TEXT    NOT NULL,
    record        TEXT    NOT NULL,
    title         TEXT    NOT NULL DEFAULT '',
    target_record TEXT    NOT NULL DEFAULT '',
    target_title  TEXT    NOT NULL DEFAULT '',
    plan          TEXT    NOT NULL
);
CREATE INDEX plan_items_plan ON plan_items (plan_id, position);
CREATE INDEX plan_items_outcome ON plan_items (plan_id, outcome, position);

-- founder is true for the one user made while there was none; the index lets only one of two racers win.
CREATE TABLE users (
    id            TEXT    NOT NULL PRIMARY KEY,
    email         TEXT    NOT NULL,
    email_key     TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    founder       BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE UNIQUE INDEX users_email ON users (email_key);
CREATE UNIQUE INDEX users_founder ON users (founder) WHERE founder;

CREATE TABLE sessions (
    token_hash BLOB    NOT NULL PRIMARY KEY,
    data       BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
);

CREATE TABLE connections (
    id           TEXT    NOT NULL PRIMARY KEY,
    provider     TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    account_id   TEXT    NOT NULL DEFAULT '',
    account      TEXT    NOT NULL DEFAULT '',
    auth         TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    problem      TEXT    NOT NULL DEFAULT '',
    problem_code TEXT    NOT NULL DEFAULT '',
    scopes       TEXT    NOT NULL DEFAULT '',
    base_url     TEXT    NOT NULL DEFAULT '',
    hook_secret  TEXT    NOT NULL DEFAULT '',
    client_id    TEXT    NOT NULL DEFAULT '',
    endpoint     TEXT    NOT NULL DEFAULT '',
    created_at   INTEGER NOT NULL,
    checked_at   INTEGER NOT NULL DEFAULT 0,
    rotated_at   INTEGER NOT NULL DEFAULT 0,
    expires_at   INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX connections_account ON connections (provider, account_id);
CREATE INDEX connections_hook ON connections (provider, hook_secret);

-- The secret part, sealed before it gets here. generation grows with every rotation; the lease is the right to renew.
CREATE TABLE grants (
    connection_id TEXT    NOT NULL PRIMARY KEY REFERENCES connections (id) ON DELETE CASCADE,
    sealed        BLOB    NOT NULL,
    generation    INTEGER NOT NULL,
    lease_owner   TEXT    NOT NULL DEFAULT '',
    lease_until   INTEGER NOT NULL DEFAULT 0
);

-- Authorisations that were begun and have not come back.
CREATE TABLE pending_authorizations (
    state_hash   TEXT    NOT NULL PRIMARY KEY,
    binding_hash TEXT    NOT NULL,
    expires_at   INTEGER NOT NULL,
    document     TEXT    NOT NULL,
    sealed       BLOB    NOT NULL
);
CREATE INDEX pending_authorizations_binding ON pending_authorizations (binding_hash, expires_at);
