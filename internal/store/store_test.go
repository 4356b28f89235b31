package store_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
	"crosswalk/internal/store/postgrestest"
	"crosswalk/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.SQLite)
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Postgres)
}

// BenchmarkFinish measures what it costs to end a run about a record that is known already.
func BenchmarkFinish(b *testing.B) {
	s := storetest.SQLite(b)
	b.ResetTimer()
	for i := range b.N {
		r := automation.Run{
			ID: fmt.Sprintf("rn_%09d", i), Automation: "au_1", Version: 1, Source: record.Ref{Connection: "cn_1", Type: record.Contact, ID: fmt.Sprint(i % 1000)},
			Title: "Jane Doe", State: automation.Succeeded, Outcome: automation.Same, Attempts: 1, StartedAt: time.Now(),
			Steps: []automation.Step{{Kind: automation.StepPlan, Plan: &automation.Plan{Fields: []automation.FieldPlan{{Field: "email", Kind: record.Email, Before: record.TextOf("jane@example.com")}}}}},
		}
		if err := s.Finish(b.Context(), engine.Finish{Run: r}); err != nil {
			b.Fatal(err)
		}
	}
}
