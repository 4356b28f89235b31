package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
	"crosswalk/internal/store"
)

func testMigrateTwice(t *testing.T, b *bundle) {
	ctx := t.Context()
	ok(t, b.PutSetting(ctx, "x", []byte("kept")))
	pending, err := b.MigrationsPending(ctx)
	ok(t, err)
	if pending {
		t.Error("migrations are pending after they were applied")
	}
	ok(t, b.Migrate(ctx))
	if got, known, err := b.Setting(ctx, "x"); err != nil || !known || string(got) != "kept" {
		t.Errorf("setting %q, %v, %v", got, known, err)
	}
	ok(t, b.Ping(ctx))
}

func testCallerGone(t *testing.T, b *bundle) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Accept(ctx, automation.Delivery{Event: b.event(contact("1"))}); !errors.Is(err, context.Canceled) {
		t.Errorf("accept answers %v", err)
	}
	events, err := b.UnroutedEvents(t.Context(), 10)
	ok(t, err)
	if len(events) != 0 {
		t.Errorf("it was kept: %v", events)
	}
}

type wakeArgs struct {
	Work int64 `json:"work"`
}

func (wakeArgs) Kind() string { return "wake" }

// testRiverShares is the promise the whole queue stands on: River's row and ours are one transaction.
func testRiverShares(t *testing.T, b *bundle) {
	ctx := t.Context()
	broken := errors.New("after River's insert")
	var fail bool
	b.OnEnqueue(riverInsert(t, b.Store, func() error {
		if fail {
			return broken
		}
		return nil
	}))
	jobs := func() (n int) {
		ok(t, b.SQLDB().QueryRowContext(ctx, "SELECT COUNT(*) FROM river_job").Scan(&n))
		return n
	}
	fail = true
	if _, err := b.Accept(ctx, automation.Delivery{Event: b.event(contact("1"))}); !errors.Is(err, broken) {
		t.Errorf("accept answers %v", err)
	}
	if err := b.CreatePopulation(ctx, b.population("pl_1")); !errors.Is(err, broken) {
		t.Errorf("create answers %v", err)
	}
	events, err := b.UnroutedEvents(ctx, 10)
	ok(t, err)
	if n := jobs(); n != 0 || len(events) != 0 {
		t.Errorf("%d jobs and %d events were kept of what failed", n, len(events))
	}
	fail = false
	if _, err := b.Accept(ctx, automation.Delivery{Event: b.event(contact("1"))}); err != nil {
		t.Fatal(err)
	}
	events, err = b.UnroutedEvents(ctx, 10)
	ok(t, err)
	if n := jobs(); n != 1 || len(events) != 1 {
		t.Errorf("%d jobs and %d events, want one of each", n, len(events))
	}
}

// riverInsert enqueues through River as the app does.
func riverInsert(t testing.TB, s *store.Store, after func() error) store.EnqueueFunc {
	params := func(jobs []engine.Job) []river.InsertManyParams {
		out := make([]river.InsertManyParams, len(jobs))
		for i, j := range jobs {
			out[i].Args = wakeArgs{int64(j.Work)}
		}
		return out
	}
	if s.PGXPool() != nil {
		client, err := river.NewClient(riverpgxv5.New(s.PGXPool()), &river.Config{})
		ok(t, err)
		return func(ctx context.Context, tx store.Tx, jobs []engine.Job) error {
			if _, err := client.InsertManyTx(ctx, tx.PGX, params(jobs)); err != nil {
				return err
			}
			// A savepoint inside, as River's own code may open one.
			inner, err := tx.PGX.Begin(ctx)
			if err != nil {
				return err
			}
			if _, err := client.InsertTx(ctx, inner, wakeArgs{-1}, nil); err != nil {
				return err
			}
			return errors.Join(inner.Rollback(ctx), after())
		}
	}
	client, err := river.NewClient(riversqlite.New(s.SQLDB()), &river.Config{})
	ok(t, err)
	return func(ctx context.Context, tx store.Tx, jobs []engine.Job) error {
		if _, err := client.InsertManyTx(ctx, tx.SQL, params(jobs)); err != nil {
			return err
		}
		return after()
	}
}

func testPrune(t *testing.T, b *bundle) {
	ctx := t.Context()
	month := 30 * 24 * time.Hour
	old := b.now.Add(-2 * month)

	now := b.now
	b.now = old
	ok(t, b.Finish(ctx, finished(b))) // rn_1 with its change, link and base
	b.route(t, contact("1"), "au_1")
	_, err := b.Accept(ctx, automation.Delivery{Event: b.event(contact("unrouted"))})
	ok(t, err)
	open := b.run("rn_open", contact("2"))
	ok(t, b.Intend(ctx, open, b.change("ch_open", open), automation.Limits{}))
	p := b.population("pl_old")
	ok(t, b.CreatePopulation(ctx, p))
	p.State, p.FinishedAt = engine.PopulationDone, old
	ok(t, b.SavePopulation(ctx, p, []automation.Plan{plan("1", automation.Create)}))
	b.now = now
	b.finish(t, "rn_new", func(*automation.Run) {})
	ok(t, b.CreatePopulation(ctx, b.population("pl_new")))
	ok(t, b.Sessions().Commit("old", []byte("x"), time.Now().Add(-time.Hour)))

	_, seq, err := b.RunsSince(ctx, -1, 0)
	ok(t, err)
	ok(t, b.Prune(ctx, b.now.Add(-month), b.now.Add(-month)))
	runs, err := b.Runs(ctx, engine.RunFilter{})
	ok(t, err)
	if got := ids(runs); len(got) != 2 || got[0] != "rn_open" || got[1] != "rn_new" {
		t.Errorf("runs left: %v", got)
	}
	if changes, err := b.ChangesOf(ctx, "rn_1"); err != nil || len(changes) != 0 {
		t.Errorf("changes left: %v, %v", changes, err)
	}
	if open, err := b.OpenChanges(ctx, "au_1", contact("2")); err != nil || len(open) != 1 {
		t.Errorf("an open intent is forgotten: %v, %v", open, err)
	}
	if _, base, linked, err := b.FindLink(ctx, contact("1"), "cn_highlevel", record.Contact, "au_1"); err != nil || !linked || base.Link == "" {
		t.Errorf("the link is forgotten: %v, %v", linked, err)
	}
	if events, err := b.UnroutedEvents(ctx, 10); err != nil || len(events) != 1 {
		t.Errorf("an event nobody looked at is forgotten: %v, %v", events, err)
	}
	if stats, err := b.DeliveryStats(ctx, "cn_gleap"); err != nil || stats.Count != 1 {
		t.Errorf("deliveries %+v, %v", stats, err)
	}
	if _, err := b.Population(ctx, "pl_old"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("the old dry run: %v", err)
	}
	if _, err := b.Population(ctx, "pl_new"); err != nil {
		t.Errorf("the new dry run: %v", err)
	}
	var n int
	ok(t, b.SQLDB().QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM sessions) + (SELECT COUNT(*) FROM plan_items)").Scan(&n))
	if n != 0 {
		t.Errorf("%d rows of sessions and items are left", n)
	}
	b.finish(t, "rn_next", func(*automation.Run) {})
	if news := b.news(t, seq, func(ids []string) bool { return slices.Contains(ids, "rn_next") }); slices.Contains(news, "rn_1") {
		t.Errorf("news after pruning: %v", news)
	}
}

func testSupersededItems(t *testing.T, b *bundle) {
	ctx := t.Context()
	for i, c := range []struct {
		id    string
		state engine.PopulationState
		of    string
		to    automation.ID
	}{
		{"pl_1", engine.PopulationDone, engine.DailyComparison, "au_1"},   // superseded
		{"pl_2", engine.PopulationFailed, engine.DailyComparison, "au_1"}, // superseded
		{"pl_3", engine.PopulationDone, "", "au_1"},                       // somebody asked for it
		{"pl_4", engine.PopulationDone, engine.DailyComparison, "au_2"},   // of another automation
		{"pl_5", engine.PopulationDone, engine.DailyComparison, "au_1"},   // the newest that has ended
		{"pl_6", engine.PopulationRunning, engine.DailyComparison, "au_1"},
	} {
		p := b.population(c.id)
		p.Of, p.Automation, p.CreatedAt = c.of, c.to, b.now.Add(time.Duration(i)*time.Hour)
		ok(t, b.CreatePopulation(ctx, p))
		p.State, p.Done, p.Counts = c.state, 2, map[automation.Outcome]int{automation.Skip: 2}
		ok(t, b.SavePopulation(ctx, p, []automation.Plan{plan("1", automation.Skip), plan("2", automation.Skip)}))
	}
	ok(t, b.Prune(ctx, b.now.Add(-time.Hour), b.now))
	for id, want := range map[string]int{"pl_1": 0, "pl_2": 0, "pl_3": 2, "pl_4": 2, "pl_5": 2, "pl_6": 2} {
		items, err := b.PlanItems(ctx, id, engine.PlanFilter{})
		ok(t, err)
		p, err := b.Population(ctx, id)
		ok(t, err)
		if len(items) != want || p.Counts[automation.Skip] != 2 {
			t.Errorf("%s keeps %d items, want %d, and counts %v", id, len(items), want, p.Counts)
		}
	}
	// What nothing is on record of is not carried out: whoever asks for it saw something.
	if err := b.ApplyPopulation(ctx, "pl_1", engine.Choice{}); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("carrying out what was dropped: %v", err)
	}
	ok(t, b.ApplyPopulation(ctx, "pl_5", engine.Choice{}))
}

// news waits until the runs since seq are as wanted: PostgreSQL shows a run once every older transaction of the
// server has ended, other tests' included.
func (b *bundle) news(t *testing.T, seq int64, wanted func(ids []string) bool) []string {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
		runs, _, err := b.RunsSince(t.Context(), seq, 100)
		ok(t, err)
		if got := ids(runs); wanted(got) {
			return got
		} else if time.Now().After(deadline) {
			t.Fatalf("news since %d are still %v", seq, got)
		}
	}
}
