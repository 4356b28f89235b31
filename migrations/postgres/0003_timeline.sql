-- +goose Up
-- A record's history is read by the record, and a record is looked for by its id alone: so the id comes first.
DROP INDEX events_record;
CREATE INDEX events_record ON events (record, connection, object, received_at);
CREATE INDEX runs_record ON runs (record, connection, object, started_at);
CREATE INDEX runs_target ON runs (target_record, target_connection, target_object, started_at) WHERE target_record <> '';
CREATE INDEX reviews_record ON reviews (record, connection, object);
CREATE INDEX links_source_record ON links (source_record);
CREATE INDEX links_target_record ON links (target_record);
