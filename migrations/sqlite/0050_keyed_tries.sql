-- +goose Up
-- Tries are counted by a hash with the house's key from here on. Those without one could be guessed for: they go, and
-- counting begins anew.
PRAGMA secure_delete = ON;
DELETE FROM vain_tries;
