package memory_test

import (
	"path/filepath"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine/memory"
	"crosswalk/internal/store"
)

// TestItKeepsVersionsAsTheRealStoreDoes edits, puts live, throws away and switches, in any order.
func TestItKeepsVersionsAsTheRealStoreDoes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	real, err := store.Open(t.Context(), store.Config{SQLitePath: filepath.Join(t.TempDir(), "store.db"), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = real.Close() })
	if err := real.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := memory.New(clock, nil)
	const id = automation.ID("au_1")
	first := automation.Automation{ID: id, State: automation.On, Version: 1, CreatedAt: now, UpdatedAt: now}
	if err := real.CreateAutomation(t.Context(), first, ""); err != nil {
		t.Fatal(err)
	}
	kept.CreateAutomation(first)
	type answer struct {
		A   automation.Automation
		V   automation.Version
		Err error
	}
	rapid.Check(t, func(rt *rapid.T) {
		ctx := t.Context()
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			now = now.Add(time.Second)
			n := rapid.IntRange(0, 6).Draw(rt, "version")
			if live, err := kept.Automation(ctx, id); err == nil && rapid.Bool().Draw(rt, "the newest") {
				n = live.Edited().Version
			}
			d := automation.Definition{Region: rapid.SampledFrom([]string{"US", "DE", "FR"}).Draw(rt, "region")}
			var want, got answer
			switch what := rapid.SampledFrom([]string{"edit", "put live", "discard", "switch", "read"}).Draw(rt, "what"); what {
			case "edit":
				want.A, want.Err = real.SaveEdit(ctx, id, n, d, "", "")
				got.A, got.Err = kept.SaveEdit(ctx, id, n, d)
			case "put live":
				want.A, want.Err = real.PutLive(ctx, id, n)
				got.A, got.Err = kept.PutLive(ctx, id, n)
			case "discard":
				want.A, want.Err = real.DiscardNext(ctx, id, n)
				got.A, got.Err = kept.DiscardNext(ctx, id, n)
			case "switch":
				state := rapid.SampledFrom([]automation.State{automation.On, automation.Paused, automation.Draft}).Draw(rt, "state")
				want.Err, got.Err = real.SetState(ctx, id, state, ""), kept.SetState(ctx, id, state, "")
			case "read":
				want.V, want.Err = real.Version(ctx, id, n)
				got.V, got.Err = kept.Version(ctx, id, n)
			}
			if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty(), gocmp.Comparer(sameError)); diff != "" {
				rt.Fatalf("answered otherwise (-real +memory):\n%s", diff)
			}
		}
	})
}
