package storetest

import (
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
	ok(t, b.SavePopulation(ctx, p, []automation.Plan{plan("1", automation.Create), plan("2", automation.Skip)}))
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
