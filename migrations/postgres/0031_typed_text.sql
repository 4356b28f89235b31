-- +goose Up
-- What was typed where nobody's account was meant may be a password in the wrong field: it goes, and that somebody
-- tried stays.
ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_stay;
UPDATE audit_entries SET actor = 'somebody unknown', after = 'no account has the email that was typed' WHERE kind = 'sign_in.failed' AND user_id = '';
ALTER TABLE audit_entries ENABLE TRIGGER audit_entries_stay;
