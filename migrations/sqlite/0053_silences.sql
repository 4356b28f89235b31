-- +goose Up
-- Changes that polling found and whose webhooks may still be under way. They wait for minutes, and would be forgotten by a
-- restart.
CREATE TABLE silences (
    connection TEXT    NOT NULL,
    object     TEXT    NOT NULL,
    position   INTEGER NOT NULL,
    record     TEXT    NOT NULL,
    change     TEXT    NOT NULL,
    from_at    INTEGER NOT NULL,
    to_at      INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    PRIMARY KEY (connection, object, position)
);
