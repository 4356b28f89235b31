package store

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm/schema"

	"crosswalk/internal/store/postgrestest"
)

// rows are all row structs; each must say what its table says.
var rows = []any{
	&automationRow{}, &versionRow{}, &eventRow{}, &deliveryRow{}, &workRow{}, &runRow{}, &changeRow{}, &linkRow{}, &baseRow{},
	&cursorRow{}, &silenceRow{}, &planRow{}, &planItemRow{}, &userRow{}, &sessionRow{}, &settingRow{}, &connectionRow{}, &grantRow{}, &pendingRow{}, &reviewRow{}, &reservationRow{},
	&signInRow{}, &vainTryRow{}, &secondFactorRow{}, &recoveryCodeRow{}, &passwordResetRow{},
	&workspaceRow{}, &membershipRow{}, &inviteRow{}, &auditRow{},
	&quotaUsageRow{}, &quotaLedgerRow{}, &refusalRow{}, &faultRow{}, &alertRow{}, &identityRow{}, &identityOfferRow{}, &spentContextRow{},
	&arrivalRow{}, &installationRow{}, &attemptRow{}, &knownRecordRow{}, &recordWordRow{},
}

// notInRows are columns only one database has, for itself.
var notInRows = map[string][]string{"runs": {"tx"}}

func TestRowsAndTablesHaveTheSameColumns(t *testing.T) {
	t.Parallel()
	for _, cfg := range []struct {
		name string
		make func(t *testing.T) Config
	}{
		{"sqlite", func(t *testing.T) Config { return Config{SQLitePath: filepath.Join(t.TempDir(), "store.db")} }},
		{"postgres", func(t *testing.T) Config { return Config{PostgresURL: postgrestest.URL(t)} }},
	} {
		t.Run(cfg.name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), cfg.make(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			if pending, err := s.MigrationsPending(t.Context()); err != nil || !pending {
				t.Fatalf("an empty database needs migrating: %v, %v", pending, err)
			}
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				compareColumns(t, s, row)
			}
		})
	}
}

func compareColumns(t *testing.T, s *Store, row any) {
	parsed, err := schema.Parse(row, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		t.Fatal(err)
	}
	// The database's own word: gorm's migrator reads SQLite's tables by regular expression.
	query := `SELECT name, "notnull" = 0 AS nullable FROM pragma_table_info(?)`
	if s.Dialect() == dialectPostgres {
		query = "SELECT column_name AS name, is_nullable = 'YES' AS nullable FROM information_schema.columns WHERE table_name = ?"
	}
	var columns []struct {
		Name     string
		Nullable bool
	}
	if err := s.read(t.Context()).Raw(query, parsed.Table).Scan(&columns).Error; err != nil {
		t.Fatalf("read columns of %s: %v", parsed.Table, err)
	}
	var have []string
	for _, c := range columns {
		if !slices.Contains(notInRows[parsed.Table], c.Name) {
			have = append(have, c.Name)
		}
		if c.Nullable {
			t.Errorf("%s.%s may be null; rows know no null", parsed.Table, c.Name)
		}
	}
	want := slices.Clone(parsed.DBNames)
	slices.Sort(have)
	slices.Sort(want)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%s (-row +table):\n%s", parsed.Table, diff)
	}
}

func TestAnOldSQLiteIsRefused(t *testing.T) {
	t.Parallel()
	for version, good := range map[string]bool{
		"3.44.9": false, "3.9.0": false, "2.99.0": false, "3.45.0": true, "3.45.1": true, "3.100.0": true, "4.0.0": true, "nonsense": false,
	} {
		if err := checkSQLite(version); (err == nil) != good {
			t.Errorf("SQLite %s: %v", version, err)
		}
	}
}

func TestOpenRefusesWhatItCannotServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, cfg := range map[string]Config{
		"nothing":     {},
		"both":        {SQLitePath: filepath.Join(dir, "a.db"), PostgresURL: "postgres://localhost/x"},
		"no folder":   {SQLitePath: filepath.Join(dir, "none", "a.db")},
		"not a url":   {PostgresURL: "postgres://user:hunter2@[broken"},
		"nobody home": {PostgresURL: "postgres://user:hunter2@127.0.0.1:1/x?connect_timeout=2"},
	} {
		s, err := Open(t.Context(), cfg)
		if err == nil {
			t.Errorf("%s: opened", name)
			_ = s.Close()
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("files were left: %v, %v", entries, err)
	}
}

// TestEverySealedColumnIsRotated: a column that is not in the list would be lost with the key it was sealed with.
func TestEverySealedColumnIsRotated(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{SQLitePath: filepath.Join(t.TempDir(), "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var tables []string
	err = s.read(t.Context()).Raw(`SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND c.name LIKE '%sealed%' ORDER BY m.name`).Scan(&tables).Error
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, x := range sealedColumns {
		if x.column == "sealed" {
			listed = append(listed, x.table)
		}
	}
	slices.Sort(listed)
	if diff := cmp.Diff(tables, listed); diff != "" {
		t.Errorf("tables with sealed columns (-there +rotated):\n%s", diff)
	}
}
