-- +goose Up
-- Which process works on a plan, where several share a database: when it dies, another goes on with what it had in hand.
CREATE TABLE plan_holds (
	plan_id TEXT NOT NULL PRIMARY KEY,
	holder  TEXT NOT NULL
);
