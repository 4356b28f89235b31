-- +goose Up
-- The newest calls of each connection that failed, for its page. No word in them names a person.
CREATE TABLE connection_faults (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    connection TEXT    NOT NULL,
    at         INTEGER  NOT NULL,
    op         TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    status     INTEGER NOT NULL,
    detail     TEXT    NOT NULL,
    trace_id   TEXT    NOT NULL
);
CREATE INDEX connection_faults_newest ON connection_faults (connection, id);
