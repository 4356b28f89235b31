package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

func (b *bundle) population(id string) engine.Population {
	return engine.Population{
		ID: id, Automation: "au_1", Version: 2, Mode: engine.ModeShow, State: engine.PopulationQueued, CreatedAt: b.now, StartedBy: "jane@example.com",
	}
}

func plan(id string, o automation.Outcome) automation.Plan {
	return automation.Plan{Automation: "au_1", Version: 2, Source: contact(id), SourceTitle: "Jane " + id, Outcome: o, Code: "x", Reason: "Because."}
}

func testPopulation(t *testing.T, b *bundle) {
	ctx := t.Context()
	p := b.population("pl_1")
	ok(t, b.CreatePopulation(ctx, p))
	if diff := cmp.Diff([]engine.Job{{Kind: engine.JobDryRun, Plan: "pl_1"}}, b.jobs.take()); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	p.State, p.Phase, p.Done, p.Total, p.Reads, p.Writes = engine.PopulationRunning, "Reading", 2, 9, 4, 1
	p.Counts = map[automation.Outcome]int{automation.Create: 1, automation.Skip: 1}
	first := plan("1", automation.Create)
	first.Drift, first.KnownBy = engine.OnlyHere, []string{"Jane.Doe@acme.io", "+41 79 123"}
	ok(t, b.SavePopulation(ctx, p, []automation.Plan{first, plan("2", automation.Skip)}))
	got, err := b.Population(ctx, "pl_1")
	ok(t, err)
	if diff := cmp.Diff(p, got); diff != "" {
		t.Errorf("population (-want +got):\n%s", diff)
	}
	skips, err := b.PlanItems(ctx, "pl_1", engine.PlanFilter{Outcomes: []automation.Outcome{automation.Same, automation.Skip}})
	ok(t, err)
	if len(skips) != 1 || skips[0].Plan.Source.ID != "2" {
		t.Errorf("skips %+v", skips)
	}
	found, err := b.PlanItems(ctx, "pl_1", engine.PlanFilter{Search: "jane 1"})
	ok(t, err)
	if len(found) != 1 {
		t.Errorf("found %+v", found)
	}
	testPlanFilters(t, b, found[0].Position)
	item, err := b.PlanItem(ctx, "pl_1", skips[0].Position)
	ok(t, err)
	if diff := cmp.Diff(plan("2", automation.Skip), item.Plan); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
	if _, err := b.PlanItem(ctx, "pl_other", skips[0].Position); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("another dry run's item: %v", err)
	}
	ok(t, b.RestartPopulation(ctx, "pl_1"))
	if none, err := b.PlanItems(ctx, "pl_1", engine.PlanFilter{}); err != nil || len(none) != 0 {
		t.Errorf("after a restart: %v, %v", none, err)
	}
	younger := b.population("pl_0")
	younger.CreatedAt = b.now.Add(time.Second)
	ok(t, b.CreatePopulation(ctx, younger))
	latest, known, err := b.LatestPopulation(ctx, "au_1")
	ok(t, err)
	if !known || latest.ID != "pl_0" {
		t.Errorf("latest %+v", latest)
	}
	if _, known, err := b.LatestPopulation(ctx, "au_2"); err != nil || known {
		t.Errorf("latest of none: %v, %v", known, err)
	}
	if _, known, err := b.PausedPopulation(ctx, "au_1"); err != nil || known {
		t.Errorf("paused: %v, %v", known, err)
	}
	for i, problem := range []string{"", "It asks.", ""} {
		stopped := b.population(fmt.Sprint("pl_stopped_", i))
		stopped.Mode, stopped.CreatedAt = engine.ModeFill, b.now.Add(-time.Duration(3-i)*time.Hour)
		ok(t, b.CreatePopulation(ctx, stopped))
		stopped.State, stopped.Problem = engine.PopulationPaused, problem
		ok(t, b.SavePopulation(ctx, stopped, nil))
	}
	if p, known, err := b.PausedPopulation(ctx, "au_1"); err != nil || !known || p.ID != "pl_stopped_1" {
		t.Errorf("the one a brake holds goes first: %+v, %v, %v", p.ID, known, err)
	}
	ok(t, b.CancelPopulation(ctx, "pl_stopped_1"))
	if p, known, err := b.PausedPopulation(ctx, "au_1"); err != nil || !known || p.ID != "pl_stopped_2" {
		t.Errorf("then the newest: %+v, %v, %v", p.ID, known, err)
	}
	elsewhere := b.population("pl_2")
	elsewhere.Automation = "au_2"
	ok(t, b.CreatePopulation(ctx, elsewhere))
	for _, c := range []struct {
		of   []automation.ID
		want []string
	}{{nil, nil}, {[]automation.ID{"au_1"}, []string{"pl_0"}}, {[]automation.ID{"au_2", "au_none", "au_1"}, []string{"pl_0", "pl_2"}}} {
		all, err := b.LatestPopulations(ctx, c.of...)
		ok(t, err)
		var ids []string
		for _, p := range all {
			ids = append(ids, p.ID)
		}
		if !slices.Equal(ids, c.want) {
			t.Errorf("the latest of %v are %v, want %v", c.of, ids, c.want)
		}
	}
	b.jobs.failWith(errNoJob)
	if err := b.CreatePopulation(ctx, b.population("pl_3")); !errors.Is(err, errNoJob) {
		t.Errorf("created without its job: %v", err)
	}
	if _, err := b.Population(ctx, "pl_3"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("kept without its job: %v", err)
	}
}

func testPopulationCanceled(t *testing.T, b *bundle) {
	ctx := t.Context()
	p := b.population("pl_1")
	ok(t, b.CreatePopulation(ctx, p))
	ok(t, b.CancelPopulation(ctx, "pl_1"))
	p.State = engine.PopulationRunning
	if err := b.SavePopulation(ctx, p, []automation.Plan{plan("1", automation.Create)}); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("saved after cancel: %v", err)
	}
	if err := b.CancelPopulation(ctx, "pl_1"); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("canceled twice: %v", err)
	}
	if err := b.CancelPopulation(ctx, "pl_none"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("canceled what is not there: %v", err)
	}
	if err := b.SavePopulation(ctx, b.population("pl_none"), nil); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("saved what is not there: %v", err)
	}
	got, err := b.Population(ctx, "pl_1")
	ok(t, err)
	items, err := b.PlanItems(ctx, "pl_1", engine.PlanFilter{})
	ok(t, err)
	if got.State != engine.PopulationCanceled || got.FinishedAt.IsZero() || len(items) != 0 {
		t.Errorf("%+v with %d items", got, len(items))
	}
}

// One that somebody stops keeps what became of its items: it is so, whatever they say about the rest.
func testPopulationStopped(t *testing.T, b *bundle) {
	ctx := t.Context()
	for _, stop := range []func(context.Context, string) error{b.PausePopulation, b.CancelPopulation} {
		id := automation.NewID("pl")
		ok(t, b.CreatePopulation(ctx, b.population(id)))
		p := b.population(id)
		p.State = engine.PopulationRunning
		ok(t, b.SavePopulation(ctx, p, []automation.Plan{plan("1", automation.Create), plan("2", automation.Create)}))
		items, err := b.PlanItems(ctx, id, engine.PlanFilter{})
		ok(t, err)
		ok(t, stop(ctx, id))
		stopped, err := b.Population(ctx, id)
		ok(t, err)
		p.Written, p.Done, p.Phase = 1, 2, "Carrying out"
		if err := b.SaveResults(ctx, p, []engine.ItemResult{{Position: items[0].Position, State: engine.ItemDone, Run: "rn_1"}}); !errors.Is(err, engine.ErrConflict) {
			t.Fatalf("saving results of a stopped plan: %v", err)
		}
		got, err := b.Population(ctx, id)
		ok(t, err)
		items, err = b.PlanItems(ctx, id, engine.PlanFilter{})
		ok(t, err)
		if got.State != stopped.State || got.Phase != "" || got.Written != 1 || got.Done != 2 || !got.FinishedAt.Equal(stopped.FinishedAt) {
			t.Errorf("%+v", got)
		}
		if items[0].State != engine.ItemDone || items[0].Run != "rn_1" || items[1].State != "" {
			t.Errorf("items %+v", items)
		}
	}
}

func testPopulationHeld(t *testing.T, b *bundle) {
	ctx := t.Context()
	release, got, err := b.HoldPopulation(ctx, "pl_1")
	ok(t, err)
	if !got {
		t.Fatal("nobody was at it, and it was not given")
	}
	if _, got, err := b.HoldPopulation(ctx, "pl_1"); err != nil || got {
		t.Errorf("it was given twice: %v, %v", got, err)
	}
	other, got, err := b.HoldPopulation(ctx, "pl_2")
	if err != nil || !got {
		t.Fatalf("another one is held with it: %v", err)
	}
	other()
	release()
	again, got, err := b.HoldPopulation(ctx, "pl_1")
	if err != nil || !got {
		t.Fatalf("it is not given up: %v", err)
	}
	again()
}

// testPlanFilters looks for an item by how its two sides stand and by what they are looked up by, also once it was
// carried out otherwise than it was shown.
func testPlanFilters(t *testing.T, b *bundle, only int64) {
	t.Helper()
	look := func() {
		t.Helper()
		for _, f := range []engine.PlanFilter{{Drift: engine.OnlyHere}, {Search: "jane.doe@ACME"}, {Search: "79 123"}, {Search: "acme", Drift: engine.OnlyHere}} {
			found, err := b.PlanItems(t.Context(), "pl_1", f)
			ok(t, err)
			if len(found) != 1 || found[0].Position != only {
				t.Errorf("by %+v: %+v", f, found)
			}
		}
		for _, f := range []engine.PlanFilter{{Drift: engine.InSync}, {Search: "john@acme.io"}, {Search: "acme", Drift: engine.Differs}} {
			if found, err := b.PlanItems(t.Context(), "pl_1", f); err != nil || len(found) != 0 {
				t.Errorf("by %+v: %+v, %v", f, found, err)
			}
		}
	}
	look()
	anew, p := plan("1", automation.Update), b.population("pl_1")
	p.State = engine.PopulationRunning
	ok(t, b.SaveResults(t.Context(), p, []engine.ItemResult{{Position: only, State: engine.ItemMoved, Plan: &anew}}))
	look()
}

func testPlanPages(t *testing.T, b *bundle) {
	ctx := t.Context()
	for _, n := range []int{0, 1, 5, 6, 413} {
		id := fmt.Sprint("pl_", n)
		ok(t, b.CreatePopulation(ctx, b.population(id)))
		var plans []automation.Plan
		for i := range n {
			plans = append(plans, plan(fmt.Sprint(i), automation.Create))
		}
		ok(t, b.SavePopulation(ctx, b.population(id), plans))
		f := engine.PlanFilter{Limit: 5}
		if n > 100 {
			f.Limit = 100
		}
		next := 0
		for {
			page, err := b.PlanItems(ctx, id, f)
			ok(t, err)
			for _, item := range page {
				if item.Plan.Source.ID != fmt.Sprint(next) {
					t.Fatalf("%d items: %s comes in place of %d", n, item.Plan.Source.ID, next)
				}
				next++
				f.After = item.Position
			}
			if len(page) < f.Limit {
				break
			}
		}
		if next != n {
			t.Errorf("%d of %d items", next, n)
		}
	}
}

// values draws every form a value has.
func values() *rapid.Generator[record.Value] {
	return rapid.OneOf(
		rapid.Just(record.Value{}),
		rapid.Map(rapid.String(), record.TextOf),
		rapid.Map(rapid.Float64Range(-math.MaxFloat32, math.MaxFloat32), record.NumberOf),
		rapid.Map(rapid.Bool(), record.BoolOf),
		rapid.Map(rapid.Int64Range(0, 4e12), func(ms int64) record.Value { return record.TimeOf(time.UnixMilli(ms)) }),
		rapid.Map(rapid.SliceOf(rapid.StringN(1, 20, -1)), record.ListOf),
	)
}

func testPlanRoundTrip(t *testing.T, b *bundle) {
	ok(t, b.CreatePopulation(t.Context(), b.population("pl_1")))
	after := int64(0)
	rapid.Check(t, func(t *rapid.T) {
		p := plan(rapid.String().Draw(t, "id"), rapid.SampledFrom(automation.Outcomes()).Draw(t, "outcome"))
		p.Reason = rapid.String().Draw(t, "reason")
		p.Fields = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) automation.FieldPlan {
			return automation.FieldPlan{Row: "r", Field: rapid.String().Draw(t, "field"), Kind: record.Text, Action: automation.Set, Before: values().Draw(t, "before"), After: values().Draw(t, "after")}
		}), 1, 4).Draw(t, "fields")
		p.Base = rapid.MapOfN(rapid.String(), values(), 1, 4).Draw(t, "base")
		if err := b.SavePopulation(t.Context(), b.population("pl_1"), []automation.Plan{p}); err != nil {
			t.Fatal(err)
		}
		items, err := b.PlanItems(t.Context(), "pl_1", engine.PlanFilter{After: after})
		if err != nil || len(items) != 1 {
			t.Fatalf("%d items, %v", len(items), err)
		}
		after = items[0].Position
		if diff := cmp.Diff(p, items[0].Plan); diff != "" {
			t.Fatalf("plan (-want +got):\n%s", diff)
		}
	})
}

func testChosenItemsAreOfTheirPlan(t *testing.T, b *bundle) {
	ctx := t.Context()
	var places []int64
	for _, id := range []string{"pl_1", "pl_2"} {
		p := b.population(id)
		ok(t, b.CreatePopulation(ctx, p))
		p.State, p.FinishedAt = engine.PopulationDone, b.now
		ok(t, b.SavePopulation(ctx, p, []automation.Plan{{Source: contact("g" + id), Outcome: automation.Create}}))
		items, err := b.PlanItems(ctx, id, engine.PlanFilter{Limit: 10})
		ok(t, err)
		places = append(places, items[0].Position)
	}
	for _, chosen := range [][]int64{{places[1]}, {places[0], places[1]}, {-1}} {
		if err := b.ApplyPopulation(ctx, "pl_1", engine.Choice{Positions: chosen}); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("what another plan says is carried out as this one's: %v", err)
		}
	}
	if p, err := b.Population(ctx, "pl_1"); err != nil || p.State != engine.PopulationDone || p.Mode != engine.ModeShow {
		t.Errorf("the plan is %+v, %v", p, err)
	}
	ok(t, b.ApplyPopulation(ctx, "pl_1", engine.Choice{Positions: []int64{places[0], places[0]}}))
}
