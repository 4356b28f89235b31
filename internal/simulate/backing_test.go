package simulate

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/store"
)

// TestStoresTellOneStory plays the same worlds on both stores. Every call, decision and line is the same: what one store
// answered otherwise, or enqueued in another order, would have let the dice fall otherwise from there on.
func TestStoresTellOneStory(t *testing.T) {
	t.Parallel()
	start, n := seeds(t)
	for i, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(max(1, n/1000)) {
				seed += uint64(start + i)
				one, other := One(t.Context(), seed, Options{Scenario: s.name, Store: MemoryStore}), One(t.Context(), seed, Options{Scenario: s.name, Store: SQLiteStore})
				if other.Store != SQLiteStore || len(one.Trace) < 10 {
					t.Errorf("seed %d: %d lines, and the other is on %s", seed, len(one.Trace), other.Store)
				}
				if diff := cmp.Diff(one.Trace, other.Trace); diff != "" {
					t.Fatalf("seed %d goes another way on SQLite (-memory +sqlite):\n%s", seed, diff)
				}
				other.Store = one.Store
				if diff := cmp.Diff(one, other); diff != "" {
					t.Errorf("seed %d ends otherwise on SQLite (-memory +sqlite):\n%s", seed, diff)
				}
			}
		})
	}
}

func TestSeedsChooseTheirStore(t *testing.T) {
	t.Parallel()
	on := map[Store]int{}
	for seed := range uint64(1000) {
		on[Store("").of(seed, "")]++
		if Store("").of(seed, ShareKeys) != MemoryStore {
			t.Errorf("seed %d: SQLite lets no two workers have one key", seed)
		}
	}
	if on[SQLiteStore] != 1000/sqliteEvery || on[SQLiteStore]+on[MemoryStore] != 1000 {
		t.Errorf("seeds choose %v", on)
	}
}

// TestCrashLeavesWhatWasCommitted kills the process under the real store, once between two writes and once within one.
func TestCrashLeavesWhatWasCommitted(t *testing.T) {
	t.Parallel()
	ctx, jobs := t.Context(), 0
	x, err := newOnSQLite(ctx, func() time.Time { return beginning }, func(more []engine.Job) { jobs += len(more) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.close(); err != nil {
			t.Error(err)
		}
	})
	heard := func(id string) automation.Delivery {
		return automation.Delivery{Event: automation.Event{
			ID: id, Kind: automation.Webhook, Change: provider.Updated, DedupeKey: id, ReceivedAt: beginning,
			Ref: record.Ref{Connection: gleapConnection, Type: record.Contact, ID: "1"},
		}}
	}
	if n, err := x.Accept(ctx, heard("before")); n != 1 || jobs != 1 || err != nil {
		t.Fatalf("%d stored, %d jobs, %v", n, jobs, err)
	}
	if err := x.crashed(ctx); err != nil {
		t.Fatal(err)
	}
	within := filepath.Join(x.dir, "within.db")
	x.OnEnqueue(func(context.Context, store.Tx, []engine.Job) error { return copied(x.path(), within) })
	if n, err := x.Accept(ctx, heard("within")); n != 1 || err != nil {
		t.Fatalf("%d stored, %v", n, err)
	}
	left, err := store.Open(ctx, store.Config{SQLitePath: within})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = left.Close() })
	there := func(r engine.Routing) (ids []string) {
		events, err := r.UnroutedEvents(ctx, 10)
		if err != nil {
			t.Error(err)
		}
		for _, e := range events {
			ids = append(ids, e.ID)
		}
		return ids
	}
	if diff := cmp.Diff([]string{"before", "within"}, there(x)); diff != "" {
		t.Errorf("after both (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"before"}, there(left)); diff != "" {
		t.Errorf("of a crash within the second (-want +got):\n%s", diff)
	}
}

// What a store must not answer is found, whatever the engine makes of it.
func TestStoreThatFailsIsAFinding(t *testing.T) {
	t.Parallel()
	w, err := newWorld(t.Context(), 1, Options{Store: SQLiteStore}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	p := w.processes[front]
	if _, err := (ports{p, w.store}).Automation(t.Context(), "au_none"); err == nil || w.storeFailed != nil {
		t.Errorf("what is not there: %v, %v", err, w.storeFailed)
	}
	if err := w.store.(*onSQLite).Store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := (ports{p, w.store}).Automation(t.Context(), "au_1"); err == nil || w.storeFailed == nil {
		t.Errorf("a store that is closed: %v, %v", err, w.storeFailed)
	}
}
