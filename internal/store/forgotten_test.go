package store

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
	"crosswalk/internal/store/postgrestest"
)

// TestTriesCountedWithoutAKeyGo migrates counts of the time when anybody could make their hashes.
func TestTriesCountedWithoutAKeyGo(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]func() Config{
		"sqlite":   func() Config { return Config{SQLitePath: filepath.Join(t.TempDir(), "store.db")} },
		"postgres": func() Config { return Config{PostgresURL: postgrestest.URL(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			hash := "X'756e6b65796564'"
			if name == "postgres" {
				hash = `'\x756e6b65796564'`
			}
			s := grownUp(t, cfg(), 41, "INSERT INTO vain_tries (count, key_hash, last_at) VALUES (3, "+hash+", 1)")
			var n int
			if err := s.read(ctx).Raw("SELECT COUNT(*) FROM vain_tries").Scan(&n).Error; err != nil || n != 0 {
				t.Errorf("%d counts are left, %v", n, err)
			}
		})
	}
}

// TestWhatIsErasedIsNotLeftInTheFile reads the bytes: a database that only forgets where something was still has it.
func TestWhatIsErasedIsNotLeftInTheFile(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	folder := t.TempDir()
	s, err := Open(ctx, Config{SQLitePath: filepath.Join(folder, "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	const name = "Wilhelmina-Featherstonehaugh"
	ref := record.Ref{Connection: "cn_gl", Type: record.Contact, ID: "g1"}
	run := automation.Run{
		ID: "rn_1", Automation: "au_1", Source: ref, Title: name, State: automation.Succeeded, StartedAt: time.Now(),
		Steps: []automation.Step{{Kind: automation.StepRead, OK: true, Title: "Read", Detail: strings.Repeat(name+" ", 2000)}},
	}
	change := automation.Change{ID: "ch_1", Run: run.ID, Automation: run.Automation, Source: ref, Target: ref, Op: automation.Update, State: automation.Intended, After: record.Fields{"name": record.TextOf(name)}}
	if err := s.Intend(ctx, run, change, automation.Limits{}); err != nil {
		t.Fatal(err)
	}
	left := func() (n int) {
		t.Helper()
		files, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(filepath.Join(folder, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			n += bytes.Count(b, []byte(name))
		}
		return n
	}
	if left() == 0 {
		t.Fatal("it was never there")
	}
	if _, err := (engine.PersonSearch{Store: s}).Erase(ctx, ref); err != nil {
		t.Fatal(err)
	}
	if n := left(); n != 0 {
		t.Errorf("the name is in the files %d times after it was erased", n)
	}
}
