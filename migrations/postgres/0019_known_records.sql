-- +goose Up
-- What records are called and reached by, to be looked for by the beginnings of words. details are the emails and phone
-- numbers among them.
CREATE TABLE known_records (
    record     TEXT NOT NULL,
    connection TEXT NOT NULL,
    object     TEXT NOT NULL,
    title      TEXT NOT NULL,
    details    TEXT NOT NULL,
    seen_at    BIGINT NOT NULL,
    PRIMARY KEY (record, connection, object)
);
CREATE INDEX known_records_seen ON known_records (seen_at);

CREATE TABLE record_words (
    record     TEXT NOT NULL,
    connection TEXT NOT NULL,
    object     TEXT NOT NULL,
    word       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (record, connection, object, word),
    FOREIGN KEY (record, connection, object) REFERENCES known_records (record, connection, object) ON DELETE CASCADE
);
CREATE INDEX record_words_word ON record_words (word, record, connection, object);

-- Records of before are known by what their last run called them.
INSERT INTO known_records (record, connection, object, title, details, seen_at)
SELECT record, connection, object, title, '', started_at FROM runs
WHERE id IN (SELECT MAX(id) FROM runs GROUP BY record, connection, object) AND title <> '' AND title <> record;

INSERT INTO record_words (record, connection, object, word)
SELECT record, connection, object, word FROM known_records, REGEXP_SPLIT_TO_TABLE(LOWER(title), '\s+') AS word WHERE word <> ''
ON CONFLICT DO NOTHING;
