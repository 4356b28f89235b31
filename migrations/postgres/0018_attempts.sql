-- +goose Up
-- Earlier attempts of runs: what each saw, called and was answered. A run's own row holds its newest. left_out counts the
-- attempts right before this one that are not kept.
CREATE TABLE attempts (
    run_id   TEXT    NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    number   INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    state    TEXT    NOT NULL,
    outcome  TEXT    NOT NULL,
    code     TEXT    NOT NULL,
    summary  TEXT    NOT NULL,
    left_out INTEGER NOT NULL DEFAULT 0,
    steps    TEXT    NOT NULL,
    PRIMARY KEY (run_id, number)
);
