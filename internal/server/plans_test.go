package server

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

// planStore has one plan for everyone, and knows some records by name.
type planStore struct {
	*fakeStore
	plan   engine.Population
	items  []engine.PlanItem
	titles map[record.Ref]string
	asked  []record.Ref
	wrote  []automation.Change

	applied []engine.Choice
}

func (f *planStore) Population(_ context.Context, id string) (engine.Population, error) {
	if id != f.plan.ID {
		return engine.Population{}, engine.ErrNotFound
	}
	return f.plan, nil
}

func (f *planStore) PlanItems(_ context.Context, _ string, filter engine.PlanFilter) ([]engine.PlanItem, error) {
	return slices.DeleteFunc(slices.Clone(f.items), func(it engine.PlanItem) bool {
		return len(filter.Outcomes) > 0 && !slices.Contains(filter.Outcomes, it.Plan.Outcome)
	}), nil
}

func (f *planStore) RecordTitles(_ context.Context, refs []record.Ref) (map[record.Ref]string, error) {
	f.asked = append(f.asked, refs...)
	return maps.Clone(f.titles), nil
}

func (f *planStore) ResultCounts(context.Context, string) (map[engine.ItemState]int, error) {
	counts := map[engine.ItemState]int{}
	for _, it := range f.items {
		counts[cmp.Or(it.State, engine.ItemDone)]++
	}
	return counts, nil
}

func (f *planStore) MovedCounts(context.Context, string) (map[automation.Outcome]int, error) {
	counts := map[automation.Outcome]int{}
	for _, it := range f.items {
		if it.State == engine.ItemMoved {
			counts[it.Plan.Outcome]++
		}
	}
	return counts, nil
}

func (f *planStore) ApplyPopulation(_ context.Context, _ string, c engine.Choice) error {
	f.applied = append(f.applied, c)
	return nil
}

func (f *planStore) ChangesToUndo(context.Context, string, string, int) ([]automation.Change, error) {
	return f.wrote, nil
}

func planned(w *workshop, plans ...automation.Plan) *planStore {
	st := &planStore{fakeStore: w.store, plan: engine.Population{ID: "pl_1", Automation: w.id, State: engine.PopulationCanceled, Done: len(plans), Total: len(plans)}}
	for i, p := range plans {
		st.items = append(st.items, engine.PlanItem{Position: int64(i + 1), Plan: p})
	}
	w.keepsIn(st)
	return st
}

func TestWhatWaitsForAnotherRecordNamesIt(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	waits := func(id string, parent record.Ref) automation.Plan {
		return automation.Plan{Source: record.Ref{Connection: glAccount, Type: record.Ticket, ID: id}, SourceTitle: "Ticket " + id, Outcome: automation.Blocked, Code: "no_parent", Reason: "It waits for its contact.", Awaits: parent}
	}
	nobody := record.Ref{Connection: glAccount, Type: record.Contact, ID: "g/9"}
	st := planned(w, waits("t1", janeThere), waits("t2", nobody), waits("t3", janeThere), waits("t4", record.Ref{}))
	st.titles = map[record.Ref]string{janeThere: "Jane Doe"}
	p := w.open("/plans/pl_1").is(http.StatusOK)
	p.says("tbody tr:nth-child(1)", "Gleap Jane Doe is the contact it waits for").says("tbody tr:nth-child(2)", "g/9 is the contact it waits for")
	if n := p.Find("tbody a[href='" + recordHref(janeThere) + "']").Length(); n != 2 {
		t.Errorf("%d lead to the contact they wait for, want 2", n)
	}
	if p.Find("tbody tr:nth-child(2) a[href='"+recordHref(nobody)+"']").Length() != 1 {
		t.Error("a contact without a name is not led to")
	}
	if p.Find("tbody tr:nth-child(4) p").Length() != 1 {
		t.Error("of a ticket without a contact one is told of")
	}
	if len(st.asked) != 2 {
		t.Errorf("asked for the names of %v", st.asked)
	}
}

func TestTakingBackIsOfferedOnlyWhereSomethingWasWritten(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	st := planned(w, automation.Plan{Source: janeThere, Target: janeHere, Outcome: automation.Linked})
	st.plan.Mode = engine.ModeApply
	p := w.open("/plans/pl_1").is(http.StatusOK)
	p.says("main", "It wrote nothing: it only linked records").says("main", "Taking it back unlinks them")
	if p.Find(`form[action="/undo"]`).Length() != 1 || p.Find(`form[action="/undo"] select`).Length() != 0 {
		t.Error("what only linked cannot be taken back, or it is asked what becomes of created records")
	}
	st.items[0].Plan.Outcome = automation.Same
	if p = w.open("/plans/pl_1").is(http.StatusOK); p.Find(`form[action="/undo"]`).Length() != 0 {
		t.Error("there is nothing to take back, and it is offered")
	}
	st.wrote = []automation.Change{{ID: "ch_1"}}
	p = w.open("/plans/pl_1").is(http.StatusOK)
	if p.Find(`form[action="/undo"]`).Length() != 1 || strings.Contains(p.words("main"), "only linked") {
		t.Errorf("what was written cannot be taken back: %s", p.words("main"))
	}
}

func TestAComparisonWhoseRecordsWereDroppedSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	st := planned(w, automation.Plan{Source: janeThere, Outcome: automation.Skip})
	st.plan.Mode, st.plan.Of, st.plan.State, st.plan.Done, st.plan.Counts = engine.ModeShow, engine.DailyComparison, engine.PopulationDone, 40, map[automation.Outcome]int{automation.Skip: 36, automation.Update: 4}
	w.Server.Providers = tenASecond{}
	const dropped = "Everyone was compared again since, and only the newest daily comparison keeps its records."
	for _, query := range []string{"", "?outcome=update"} {
		p := w.open("/plans/pl_1" + query).is(http.StatusOK)
		if strings.Contains(p.words("main"), "compared again") || p.Find("#apply-form").Length() != 1 {
			t.Errorf("%q: it has its records: %s", query, p.words("main"))
		}
	}
	st.items = nil
	for _, query := range []string{"", "?outcome=update", "?q=jane"} {
		p := w.open("/plans/pl_1"+query).is(http.StatusOK).says("main", dropped)
		if p.Find("#apply-form").Length() != 0 {
			t.Errorf("%q: nothing of it is on record any more, and it can be carried out", query)
		}
	}
}

func TestWhatMovedInAPlanIsCarriedOutAsItIsShownNow(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	plan := func(o automation.Outcome) automation.Plan {
		return automation.Plan{Source: janeThere, Target: janeHere, Outcome: o, Fields: []automation.FieldPlan{{Side: automation.TargetSide, Field: "email", Action: automation.Set}}}
	}
	st := planned(w, plan(automation.Update), plan(automation.Update), plan(automation.Delete), plan(automation.Same), plan(automation.Decide), plan(automation.Blocked))
	st.plan.Mode, st.plan.State, st.plan.Version, st.plan.FinishedAt = engine.ModeApply, engine.PopulationDone, 1, today
	w.Server.Providers = tenASecond{}
	st.items[1].State, st.items[2].State, st.items[3].State = engine.ItemMoved, engine.ItemMoved, engine.ItemMoved
	st.items[4].State, st.items[5].State = engine.ItemAsked, engine.ItemLive
	p := w.open("/plans/pl_1").is(http.StatusOK)
	p.says("#apply-title", "Carry out what moved, as shown now").says("#apply-form", "update 1 record").says("#apply-form", "delete 1 record")
	p.says("tbody tr:nth-child(4)", "There is nothing left to carry out").says(`tbody tr:nth-child(5) a[href="/reviews"]`, "Somebody is asked about it").says("tbody tr:nth-child(6)", "Live work looks at it by itself")
	if n := p.Find(`tbody input[name="position"]`).Length(); n != 2 {
		t.Errorf("%d records can be chosen, want those two that moved", n)
	}
	shown, _ := p.Find(`#apply-form input[name="moved"]`).Attr("value")
	w.do(newPost("/plans/pl_1/apply", url.Values{"moved": {shown}, "outcome": {"update", "delete"}}))
	if len(st.applied) != 0 {
		t.Fatal("it was deleted without being confirmed")
	}
	// Forms of another time: of the plan before it was carried out, of its first sync, and of what had moved before it was
	// carried out once more.
	st.plan.FinishedAt = st.plan.FinishedAt.Add(time.Minute)
	for name, form := range map[string]url.Values{
		"the plan's": {"outcome": {"update", "delete"}, "confirm": {"yes"}}, "its first sync's": {"back": {"first-sync"}, "matching": {"linked"}, "confirm": {"yes"}},
		"what moved before": {"moved": {shown}, "outcome": {"update"}},
	} {
		p := w.do(newPost("/plans/pl_1/apply", form)).is(http.StatusSeeOther)
		if len(st.applied) != 0 {
			t.Errorf("the form of %s carries out %+v, which it did not show", name, st.applied)
			st.applied = nil
		}
		w.open(p.to).says(".flash, [role=status], .notice", "It was carried out meanwhile")
	}
	shown, _ = w.open("/plans/pl_1").Find(`#apply-form input[name="moved"]`).Attr("value")
	w.do(newPost("/plans/pl_1/apply", url.Values{"moved": {shown}, "outcome": {"update"}, "position": {"2"}}))
	want := []engine.Choice{{Outcomes: []automation.Outcome{automation.Update}, Positions: []int64{2}, Moved: true}}
	if diff := gocmp.Diff(want, st.applied); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	st.items = st.items[:1]
	if p := w.open("/plans/pl_1").is(http.StatusOK); p.Find("#apply-form").Length() != 0 {
		t.Error("nothing moved, and it can be carried out")
	}
}
