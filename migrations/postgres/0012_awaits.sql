-- +goose Up
-- What a child waits for: the link of a record it lives under, at any height.
CREATE TABLE awaits (
    work_id    BIGINT NOT NULL REFERENCES works (id) ON DELETE CASCADE,
    connection TEXT NOT NULL,
    object     TEXT NOT NULL,
    record     TEXT NOT NULL,
    PRIMARY KEY (work_id, connection, object, record)
);
CREATE INDEX awaits_record ON awaits (connection, object, record);
