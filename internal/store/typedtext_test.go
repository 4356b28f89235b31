package store

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"crosswalk/internal/people"
	"crosswalk/internal/store/postgrestest"
)

// TestWhatStrangersTypedIsTakenOutOfTheLog migrates a log of the time when it was kept.
func TestWhatStrangersTypedIsTakenOutOfTheLog(t *testing.T) {
	t.Parallel()
	const typed, known = "hunter2-in-the-wrong-field", "jane@example.com"
	file := filepath.Join(t.TempDir(), "store.db")
	for name, cfg := range map[string]func() Config{
		"sqlite":   func() Config { return Config{SQLitePath: file} },
		"postgres": func() Config { return Config{PostgresURL: postgrestest.URL(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			s := grownUp(t, cfg(), 29,
				`INSERT INTO audit_entries (id, at, actor, address, kind) VALUES ('ad_1', 1, '`+typed+`', '192.0.2.7', 'sign_in.failed')`,
				`INSERT INTO audit_entries (id, at, user_id, actor, address, kind) VALUES ('ad_2', 2, 'us_1', '`+known+`', '192.0.2.7', 'sign_in.failed')`,
				`INSERT INTO audit_entries (id, at, actor, kind) VALUES ('ad_3', 3, 'command line', 'automation.state')`,
			)
			var rows []auditRow
			if err := s.read(ctx).Order("id").Find(&rows).Error; err != nil {
				t.Fatal(err)
			}
			if len(rows) != 3 || rows[0].Actor != people.Stranger || rows[0].Address != "192.0.2.7" || rows[0].After == "" || rows[1].Actor != known || rows[2].Actor != "command line" {
				t.Errorf("the log has %+v", rows)
			}
			if _, err := s.sqlDB.ExecContext(ctx, "UPDATE audit_entries SET actor = ''"); err == nil {
				t.Error("entries can be changed after the migration")
			}
			if name != "sqlite" {
				return
			}
			if _, err := s.sqlDB.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(file); err != nil || bytes.Contains(b, []byte(typed)) {
				t.Errorf("the file still has it: %v", err)
			}
		})
	}
}
