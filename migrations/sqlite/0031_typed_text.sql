-- +goose Up
-- What was typed where nobody's account was meant may be a password in the wrong field: it goes, and that somebody
-- tried stays. secure_delete overwrites it in the file too.
PRAGMA secure_delete = ON;
DROP TRIGGER audit_entries_stay;
UPDATE audit_entries SET actor = 'somebody unknown', after = 'no account has the email that was typed' WHERE kind = 'sign_in.failed' AND user_id = '';
-- +goose StatementBegin
CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries BEGIN
    SELECT RAISE(ABORT, 'audit entries are never changed');
END;
-- +goose StatementEnd
PRAGMA secure_delete = FAST;
