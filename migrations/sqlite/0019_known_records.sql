-- +goose Up
-- What records are called and reached by, to be looked for by the beginnings of words. details are the emails and phone
-- numbers among them.
CREATE TABLE known_records (
    record     TEXT NOT NULL,
    connection TEXT NOT NULL,
    object     TEXT NOT NULL,
    title      TEXT NOT NULL,
    details    TEXT NOT NULL,
    seen_at    INTEGER NOT NULL,
    PRIMARY KEY (record, connection, object)
);
CREATE INDEX known_records_seen ON known_records (seen_at);

CREATE TABLE record_words (
    record     TEXT NOT NULL,
    connection TEXT NOT NULL,
    object     TEXT NOT NULL,
    word       TEXT NOT NULL,
    PRIMARY KEY (record, connection, object, word),
    FOREIGN KEY (record, connection, object) REFERENCES known_records (record, connection, object) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX record_words_word ON record_words (word, record, connection, object);

-- Records of before are known by what their last run called them.
INSERT INTO known_records (record, connection, object, title, details, seen_at)
SELECT record, connection, object, title, '', started_at FROM runs
WHERE id IN (SELECT MAX(id) FROM runs GROUP BY record, connection, object) AND title <> '' AND title <> record;

INSERT OR IGNORE INTO record_words (record, connection, object, word)
WITH RECURSIVE split (record, connection, object, word, rest) AS (
    SELECT record, connection, object, '', LOWER(title) || ' ' FROM known_records
    UNION ALL
    SELECT record, connection, object, SUBSTR(rest, 1, INSTR(rest, ' ') - 1), SUBSTR(rest, INSTR(rest, ' ') + 1) FROM split WHERE rest <> ''
)
SELECT record, connection, object, word FROM split WHERE word <> '';
