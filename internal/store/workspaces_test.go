package store

import (
	"path/filepath"
	"testing"

	"crosswalk/internal/store/postgrestest"
)

// grownUp is a store that was at an earlier version of the schema, held what the statements put there, and was migrated.
func grownUp(t *testing.T, cfg Config, version int64, statements ...string) *Store {
	t.Helper()
	ctx := t.Context()
	s, err := Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	p, err := s.goose()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(ctx, version); err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := s.sqlDB.ExecContext(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestWhatIsThereBecomesTheFoundersWorkspace migrates a house of the time before there were workspaces.
func TestWhatIsThereBecomesTheFoundersWorkspace(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]func() Config{
		"sqlite":   func() Config { return Config{SQLitePath: filepath.Join(t.TempDir(), "store.db")} },
		"postgres": func() Config { return Config{PostgresURL: postgrestest.URL(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			s := grownUp(t, cfg(), 3,
				`INSERT INTO users (id, email, email_key, password_hash, created_at, founder) VALUES ('us_1', 'Jane@x.io', 'jane@x.io', 'h', 5, TRUE), ('us_2', 'o@x.io', 'o@x.io', 'h', 6, FALSE)`,
				`INSERT INTO automations (id, name, state, version, created_at, updated_at) VALUES ('au_1', 'A', 'on', 1, 1, 1)`,
				`INSERT INTO automation_versions (automation_id, number, definition, saved_at) VALUES ('au_1', 1, '{}', 1)`,
				`INSERT INTO connections (id, provider, name, account_id, auth, state, hook_secret, created_at) VALUES
					('cn_old', 'gleap', 'Old', 'p1', 'key', 'active', 's1', 1), ('cn_new', 'gleap', 'New', 'p1', 'key', 'active', 's2', 2),
					('cn_gone', 'gleap', 'Gone', 'p1', 'key', 'removed', '', 3), ('cn_hl', 'highlevel', 'HL', 'p1', 'key', 'active', 's3', 1)`,
				`INSERT INTO grants (connection_id, sealed, generation) VALUES ('cn_old', '', 1), ('cn_new', '', 1)`,
			)
			for user, role := range map[string]string{"us_1": "owner", "us_2": "editor"} {
				all, err := s.MembershipsOf(ctx, user)
				if err != nil || len(all) != 1 || string(all[0].Role) != role {
					t.Fatalf("%s is in %+v, %v", user, all, err)
				}
			}
			all, _ := s.MembershipsOf(ctx, "us_1")
			x := s.In(all[0].Workspace.ID)
			if _, err := x.Automation(ctx, "au_1"); err != nil {
				t.Error(err)
			}
			left, err := x.Connections(ctx)
			if err != nil || len(left) != 2 || left[0].ID != "cn_hl" || left[1].ID != "cn_new" {
				t.Errorf("connections %+v, %v", left, err)
			}
			if _, err := x.LoadGrant(ctx, "cn_old"); err == nil {
				t.Error("the double still has its credential")
			}
			if _, err := x.LoadGrant(ctx, "cn_new"); err != nil {
				t.Error(err)
			}
		})
	}
}
