package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/google/go-cmp/cmp"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
)

func TestAnErrorBecomesWhatRiverDoesNext(t *testing.T) {
	t.Parallel()
	plain := errors.New("plain")
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nothing":                   {nil, "done"},
		"an error of our own":       {plain, "again"},
		"unavailable":               {&provider.Error{Kind: provider.Unavailable}, "again"},
		"ambiguous":                 {&provider.Error{Kind: provider.Ambiguous}, "again"},
		"unknown":                   {&provider.Error{}, "again"},
		"not found":                 {&provider.Error{Kind: provider.NotFound}, "again"},
		"invalid":                   {&provider.Error{Kind: provider.Invalid}, "never"},
		"revoked":                   {&provider.Error{Kind: provider.Revoked}, "never"},
		"unauthorized":              {&provider.Error{Kind: provider.Unauthorized}, "never"},
		"forbidden":                 {&provider.Error{Kind: provider.Forbidden}, "never"},
		"unsupported":               {&provider.Error{Kind: provider.Unsupported}, "never"},
		"limited for a while":       {&provider.Error{Kind: provider.RateLimited, RetryAfter: 7 * time.Second}, "in 7s"},
		"limited, nobody says when": {&provider.Error{Kind: provider.RateLimited}, "in 1s"},
		"wrapped":                   {fmt.Errorf("poll: %w", &provider.Error{Kind: provider.RateLimited, RetryAfter: time.Minute}), "in 1m0s"},
		"one of several":            {errors.Join(plain, &provider.Error{Kind: provider.Revoked}), "never"},
	} {
		err := outcome(c.err)
		got := "again"
		if snooze, ok := errors.AsType[*river.JobSnoozeError](err); ok {
			got = "in " + snooze.Duration.String()
		} else if _, ok := errors.AsType[*river.JobCancelError](err); ok {
			got = "never"
		} else if err == nil {
			got = "done"
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if got == "again" && !errors.Is(err, c.err) || got == "never" && !errors.Is(err, c.err) {
			t.Errorf("%s: %v is lost, River keeps %v", name, c.err, err)
		}
	}
}

func TestEveryKindOfJobHasItsQueueAndAWorker(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	params := insertable([]engine.Job{
		{Kind: engine.JobRoute}, {Kind: engine.JobReconcile, Work: 7, RunAt: at}, {Kind: engine.JobDryRun, Plan: "pl_1"},
	})
	var got []string
	for _, p := range params {
		got = append(got, fmt.Sprintf("%s on %s with %+v at %v", p.Args.Kind(), p.InsertOpts.Queue, p.Args, p.InsertOpts.ScheduledAt.Format(time.DateTime)))
	}
	want := []string{
		"route on route with {} at 0001-01-01 00:00:00",
		"reconcile on default with {Work:7} at 2026-03-04 12:00:00",
		"dry_run on bulk with {Plan:pl_1} at 0001-01-01 00:00:00",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	queues := Config{Handlers: &Handlers{}}.river().Queues
	for _, p := range params {
		if queues[p.InsertOpts.Queue].MaxWorkers == 0 {
			t.Errorf("nobody works on %s", p.InsertOpts.Queue)
		}
	}
	if n := queues[queueRoute].MaxWorkers; n != 1 {
		t.Errorf("%d route at once, and routing is one at a time", n)
	}
}

// worked is a queue on a database of its own, and what its workers were woken for.
type worked struct {
	*Queue
	db    *sql.DB
	woken chan string
}

func newWorked(t *testing.T) *worked {
	t.Helper()
	w := &worked{woken: make(chan string, 100)}
	w.db = migrated(t)
	tell := func(what string) func(context.Context) error {
		return func(context.Context) error { w.woken <- what; return nil }
	}
	var tries atomic.Int64
	var err error
	w.Queue, err = OpenSQLite(w.db, Config{Log: slog.New(slog.DiscardHandler), PollEvery: time.Hour, Workers: 2, Handlers: &Handlers{
		Route: tell("route"), Poll: tell("poll"), Rescue: tell("rescue"), Prune: tell("prune"),
		DryRun: func(_ context.Context, id string) error {
			w.woken <- "dry run " + id
			return &provider.Error{Kind: provider.Revoked} // nothing to try again
		},
		Reconcile: func(_ context.Context, id engine.WorkID) error {
			w.woken <- fmt.Sprint("reconcile ", id)
			if tries.Add(1) == 1 {
				return &provider.Error{Kind: provider.RateLimited, RetryAfter: time.Second}
			}
			return nil
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func migrated(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open(sqlite.DriverName, "file:"+filepath.Join(t.TempDir(), "q.db")+"?_pragma=journal_mode(wal)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	m, err := rivermigrate.New(riversqlite.New(db), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Migrate(t.Context(), rivermigrate.DirectionUp, nil); err != nil {
		t.Fatal(err)
	}
	return db
}

func (w *worked) insert(t *testing.T, commit bool, jobs ...engine.Job) {
	t.Helper()
	tx, err := w.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.InsertSQL(t.Context(), tx, jobs); err != nil {
		t.Fatal(err)
	}
	end := tx.Rollback
	if commit {
		end = tx.Commit
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
}

// until collects what wakes workers until all of these have.
func (w *worked) until(t *testing.T, want ...string) []string {
	t.Helper()
	var seen []string
	deadline := time.After(30 * time.Second)
	for !subset(want, seen) {
		select {
		case what := <-w.woken:
			seen = append(seen, what)
		case <-deadline:
			t.Fatalf("only %v were woken, want %v", seen, want)
		}
	}
	return seen
}

func subset(want, seen []string) bool {
	for _, what := range want {
		i := slices.Index(seen, what)
		if i < 0 {
			return false
		}
		seen = slices.Delete(slices.Clone(seen), i, i+1)
	}
	return true
}

func TestAJobRunsIfItsTransactionDid(t *testing.T) {
	t.Parallel()
	w := newWorked(t)
	w.insert(t, false, engine.Job{Kind: engine.JobReconcile, Work: 1}, engine.Job{Kind: engine.JobDryRun, Plan: "pl_none"})
	w.insert(t, true)
	w.insert(t, true, engine.Job{Kind: engine.JobRoute}, engine.Job{Kind: engine.JobReconcile, Work: 2}, engine.Job{Kind: engine.JobDryRun, Plan: "pl_1"},
		engine.Job{Kind: engine.JobReconcile, Work: 3, RunAt: time.Now().Add(time.Hour)})
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The clock's first ticks come with the start; work that was told to wait a second comes again.
	seen := w.until(t, "route", "reconcile 2", "reconcile 2", "dry run pl_1", "poll", "rescue")
	if err := w.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"reconcile 1", "reconcile 3", "dry run pl_none", "prune"} {
		if slices.Contains(seen, what) {
			t.Errorf("%s ran", what)
		}
	}
}

func TestTheClockOfAKilledProcessTicksOnAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorked(t)
	// A killed process gives nothing up: it leads until its term ends.
	now := time.Now().UTC()
	if _, err := w.db.ExecContext(t.Context(), "INSERT INTO river_leader (elected_at, expires_at, leader_id) VALUES (?, ?, 'killed')", now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.until(t, "poll", "rescue")
	if err := w.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestTheClockIsSet(t *testing.T) {
	t.Parallel()
	if n := len(periodic(time.Minute)); n != 3 {
		t.Errorf("%d periodic jobs, want polling, rescue and pruning", n)
	}
	if rc := (Config{}).river(); rc.PeriodicJobs != nil || rc.Queues != nil || rc.Workers != nil {
		t.Error("a process without handlers works")
	}
	if rc := (Config{Handlers: &Handlers{}}).river(); len(rc.PeriodicJobs) != 3 || rc.RescueStuckJobsAfter <= 6*time.Hour {
		t.Errorf("%d periodic jobs, stuck after %v", len(rc.PeriodicJobs), rc.RescueStuckJobsAfter)
	}
}

func TestAProcessThatOnlyInsertsStartsAndStopsNothing(t *testing.T) {
	t.Parallel()
	q, err := OpenSQLite(migrated(t), Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(q.Start(t.Context()), q.Stop(t.Context())); err != nil {
		t.Error(err)
	}
	if err := q.InsertPGX(t.Context(), nil, []engine.Job{{Kind: engine.JobRoute}}); !errors.Is(err, errOtherDatabase) {
		t.Errorf("a transaction of the other database: %v", err)
	}
}
