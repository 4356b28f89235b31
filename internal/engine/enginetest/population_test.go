package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// show plans for everyone, and answers the plan.
func show(t *testing.T, h *enginetest.House, a automation.Automation, mode engine.PopulationMode, of string) engine.Population {
	t.Helper()
	p := engine.Population{ID: automation.NewID("pl"), Automation: a.ID, Version: a.Version, Mode: mode, Of: of, State: engine.PopulationQueued}
	edit(t, h.Store.CreatePopulation(t.Context(), p))
	h.Drain()
	return populationOf(t, h, p.ID)
}

func populationOf(t *testing.T, h *enginetest.House, id string) engine.Population {
	t.Helper()
	p, err := h.Store.Population(t.Context(), id)
	if err != nil || p.State != engine.PopulationDone {
		t.Fatalf("the plan is %s: %s, %v", p.State, p.Problem, err)
	}
	return p
}

// carryOut applies a plan that was shown.
func carryOut(t *testing.T, h *enginetest.House, p engine.Population, c engine.Choice) (engine.Population, map[engine.ItemState]int) {
	t.Helper()
	edit(t, h.Store.ApplyPopulation(t.Context(), p.ID, c))
	h.Drain()
	results, err := h.Store.ResultCounts(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	return populationOf(t, h, p.ID), results
}

func off(t *testing.T, h *enginetest.House, a automation.Automation) {
	t.Helper()
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.Draft, ""))
}

func writes(h *enginetest.House) int64 { return h.HighLevel.Stats().Writes + h.Gleap.Stats().Writes }

// peopled is a house with people on both sides, some of them the same.
func peopled(t *testing.T, change func(*automation.Definition)) (*enginetest.House, automation.Automation) {
	return peopledAt(t, enginetest.Options{}, change)
}

func peopledAt(t *testing.T, o enginetest.Options, change func(*automation.Definition)) (*enginetest.House, automation.Automation) {
	h := enginetest.New(t, o)
	a := h.TwoWays(change)
	off(t, h, a)
	for i := range 12 {
		h.Gleap.PersonCreatesContact(map[string]any{"name": fmt.Sprintf("Gleap Person%d", i), "email": fmt.Sprintf("g%d@acme.io", i), "tags": []any{"beta"}})
	}
	for i := range 8 {
		h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "High", "lastName": fmt.Sprintf("Level%d", i), "email": fmt.Sprintf("h%d@acme.io", i), "companyName": "Acme"})
	}
	for i := range 5 {
		h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Gleap", "lastName": fmt.Sprintf("Person%d", i), "email": fmt.Sprintf("G%d@acme.io", i), "companyName": "Both"})
	}
	return h, a
}

func TestWhatWasShownIsWhatIsWritten(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	before := writes(h)
	p := show(t, h, a, engine.ModeShow, "")
	if p.Counts[automation.Create] != 15 || p.Counts[automation.Update] != 5 || p.Done != 20 {
		t.Fatalf("counts %v of %d", p.Counts, p.Done)
	}
	if writes(h) != before {
		t.Fatal("showing wrote something")
	}
	items, err := h.Store.PlanItems(t.Context(), p.ID, engine.PlanFilter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	shown := map[record.Ref]string{}
	for _, item := range items {
		shown[item.Plan.Source] = engine.Fingerprint(item.Plan)
	}
	p, results := carryOut(t, h, p, engine.Choice{})
	if results[engine.ItemDone] != 20 || p.Written != 20 {
		t.Fatalf("results %v, written %d", results, p.Written)
	}
	for _, r := range h.Runs() {
		for _, s := range r.Steps {
			if s.Kind == automation.StepPlan && s.Plan != nil && shown[s.Plan.Source] != engine.Fingerprint(*s.Plan) {
				t.Errorf("%s was carried out otherwise than shown: %+v", r.Title, s.Plan.Fields)
			}
		}
	}
	if len(h.HighLevel.Contacts()) != 20 || len(h.Gleap.Sessions()) != 20 {
		t.Errorf("%d and %d records", len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()))
	}
	after := writes(h)
	if again := show(t, h, a, engine.ModeShow, ""); again.Counts[automation.Same] != 20 {
		t.Errorf("afterwards: %v", again.Counts)
	}
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
	h.PollBoth()
	if writes(h) != after {
		t.Errorf("%d writes more when it is switched on", writes(h)-after)
	}
}

func TestARecordThatMovedSinceIsShownAnewAndNotOverwritten(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	p := show(t, h, a, engine.ModeShow, "")
	var edited, fresh string
	for _, c := range h.HighLevel.Contacts() {
		if c["companyName"] == "Both" {
			edited = fmt.Sprint(c["id"])
			edit(t, h.HighLevel.PersonEditsContact(edited, map[string]any{"companyName": "Moved"}))
			break
		}
	}
	fresh = h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "New", "email": "new@acme.io"})
	_, results := carryOut(t, h, p, engine.Choice{})
	if results[engine.ItemMoved] != 2 || results[engine.ItemDone] != 19 {
		t.Errorf("results %v", results)
	}
	moved, err := h.Store.PlanItems(t.Context(), p.ID, engine.PlanFilter{State: engine.ItemMoved, Limit: 10})
	if err != nil || len(moved) != 2 {
		t.Fatalf("%d moved, %v", len(moved), err)
	}
	for _, item := range moved {
		if id := item.Plan.Source.ID; id != edited && id != fresh {
			t.Errorf("moved: %+v", item)
		}
	}
	for _, s := range h.Gleap.Sessions() {
		if s["companyName"] == "Moved" || s["email"] == "new@acme.io" {
			t.Errorf("written without having been shown: %v", s)
		}
	}
}

func TestOnlyWhatWasChosenIsCarriedOut(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	p := show(t, h, a, engine.ModeShow, "")
	_, results := carryOut(t, h, p, engine.Choice{Outcomes: []automation.Outcome{automation.Update}})
	if results[engine.ItemDone] != 5 || results[engine.ItemLeft] != 15 || len(h.Gleap.Sessions()) != 12 {
		t.Errorf("results %v, %d in Gleap", results, len(h.Gleap.Sessions()))
	}
}

func TestOnlyTheRecordsTickedAreCarriedOut(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	p := show(t, h, a, engine.ModeShow, "")
	items, err := h.Store.PlanItems(t.Context(), p.ID, engine.PlanFilter{Outcomes: []automation.Outcome{automation.Create}, Limit: 2})
	if err != nil || len(items) != 2 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	before := writes(h)
	_, results := carryOut(t, h, p, engine.Choice{Positions: []int64{items[0].Position, items[1].Position}})
	if results[engine.ItemDone] != 2 || results[engine.ItemLeft] != 18 || writes(h)-before > 4 {
		t.Errorf("results %v, %d writes", results, writes(h)-before)
	}
}

func TestAPausedPlanGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	p := show(t, h, a, engine.ModeShow, "")
	// The worker dies after the first write; the plan is paused, and goes on.
	stop := &stopping{Populations: h.Store}
	h.Populations.Populations = stop
	edit(t, h.Store.ApplyPopulation(t.Context(), p.ID, engine.Choice{}))
	stop.before = func() { edit(t, h.Store.PausePopulation(t.Context(), p.ID)) }
	h.Drain()
	if got, err := h.Store.Population(t.Context(), p.ID); err != nil || got.State != engine.PopulationPaused {
		t.Fatalf("it is %s, %v", got.State, err)
	}
	stop.before = nil
	edit(t, h.Store.ResumePopulation(t.Context(), p.ID))
	h.Drain()
	if p := populationOf(t, h, p.ID); p.Done != p.Total || p.WentOnAt.IsZero() {
		t.Errorf("%d of %d are done, at it since %s", p.Done, p.Total, p.WentOnAt)
	}
	if len(h.HighLevel.Contacts()) != 20 || len(h.Gleap.Sessions()) != 20 {
		t.Errorf("%d and %d records", len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()))
	}
}

// A plan that goes on in the middle of the list has gone through everybody once in the end, and says so.
func TestAPausedPlanCountsNobodyTwice(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	a := h.Joined(nil)
	off(t, h, a)
	const people = 700 // more than fit on a page
	for i := range people {
		h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Person", "lastName": fmt.Sprint(i), "email": fmt.Sprintf("p%d@acme.io", i)})
	}
	h.Gleap.PersonCreatesContact(map[string]any{"name": "Gleap only", "email": "g@acme.io"})
	p := show(t, h, a, engine.ModeShow, "")
	h.Populations.Chunk, h.Populations.AtOnce = 50, 1
	h.Clients[enginetest.GleapConnection] = &counting{Client: h.Clients[enginetest.GleapConnection], until: 620, then: func() { edit(t, h.Store.PausePopulation(t.Context(), p.ID)) }}
	edit(t, h.Store.ApplyPopulation(t.Context(), p.ID, engine.Choice{}))
	h.Drain()
	paused, err := h.Store.Population(t.Context(), p.ID)
	edit(t, err)
	if results, err := h.Store.ResultCounts(t.Context(), p.ID); err != nil || paused.State != engine.PopulationPaused || paused.Done != results[engine.ItemDone] || paused.Cursor == "" {
		t.Fatalf("it is %s after %d of %d, of which %v, %v", paused.State, paused.Done, paused.Total, results, err)
	}
	edit(t, h.Store.ResumePopulation(t.Context(), p.ID))
	h.Drain()
	if p := populationOf(t, h, p.ID); p.Done != people+1 || p.Total != people+1 || p.Written != people+1 {
		t.Errorf("%d of %d are gone through, %d written", p.Done, p.Total, p.Written)
	}
}

// counting is a provider that does something once it has made so many records.
type counting struct {
	provider.Client
	made, until int
	then        func()
}

func (c *counting) Create(ctx context.Context, w provider.Write) (record.Record, error) {
	if c.made++; c.made == c.until {
		c.then()
	}
	return c.Client.Create(ctx, w)
}

func (c *counting) Find(ctx context.Context, t record.ObjectType, field string, v record.Value) ([]record.Record, error) {
	return c.Client.(provider.Finder).Find(ctx, t, field, v)
}

// stopping calls before when results are about to be saved.
type stopping struct {
	engine.Populations
	before func()
}

func (s *stopping) SaveResults(ctx context.Context, p engine.Population, r []engine.ItemResult) error {
	if s.before != nil {
		s.before()
	}
	return s.Populations.SaveResults(ctx, p, r)
}

// silent is a provider that answers every listing with nothing.
type silent struct{ provider.Client }

func (s silent) List(context.Context, provider.Query) iter.Seq2[provider.Page, error] {
	return func(yield func(provider.Page, error) bool) { yield(provider.Page{}, nil) }
}

func (s silent) Find(ctx context.Context, t record.ObjectType, field string, v record.Value) ([]record.Record, error) {
	return s.Client.(provider.Finder).Find(ctx, t, field, v)
}

func (s silent) Delete(ctx context.Context, ref record.Ref) error {
	return s.Client.(provider.Deleter).Delete(ctx, ref)
}

func TestAnEmptyListingNeverMeansThatAllIsDeleted(t *testing.T) {
	t.Parallel()
	for _, side := range []record.ConnectionID{enginetest.GleapConnection, enginetest.HighLevelConnection} {
		t.Run(string(side), func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			a := h.TwoWays(func(d *automation.Definition) { d.Deletes.Policy = automation.DeleteDelete })
			const many = 70 // more than are looked at one by one
			for i := range many {
				h.Gleap.PersonCreatesContact(map[string]any{"name": fmt.Sprintf("P %d", i), "email": fmt.Sprintf("p%d@acme.io", i), "tags": []any{"beta"}})
			}
			h.PollBoth()
			off(t, h, a)
			before := writes(h)
			h.Clients[side] = silent{h.Clients[side]}
			p := show(t, h, a, engine.ModeShow, "")
			if p.Counts[automation.Delete]+p.Counts[automation.Create]+p.Counts[automation.Update] > 0 || p.Counts[automation.Blocked] == 0 {
				t.Errorf("an empty listing came to %v", p.Counts)
			}
			carryOut(t, h, p, engine.Choice{})
			h.PollBoth()
			if writes(h) != before || len(h.HighLevel.Contacts()) != many || len(h.Gleap.Sessions()) != many {
				t.Errorf("%d writes; %d and %d records are left", writes(h)-before, len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()))
			}
		})
	}
}

func TestUndoPutsBackWhatWeWroteAndNothingElse(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, func(d *automation.Definition) { d.Limits.ChangesPerHour = -1 })
	carryOut(t, h, show(t, h, a, engine.ModeShow, ""), engine.Choice{})
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
	h.PollBoth()
	var id string
	for _, s := range h.Gleap.Sessions() {
		if s["companyName"] == "Both" {
			id = fmt.Sprint(s["id"])
			edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"phone": "+14155550111", "companyName": "Ours"}))
			break
		}
	}
	h.PollBoth()
	run := h.LastRun()
	for _, r := range h.Runs() {
		if r.Outcome == automation.Update {
			run = r
			break
		}
	}
	// Somebody edits one of the two fields we wrote: that edit stays.
	edit(t, h.HighLevel.PersonEditsContact(run.Source.ID, map[string]any{"companyName": "Edited since"}))
	off(t, h, a)
	p := show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "run", ID: run.ID, Created: engine.CreatedUnlink}.String())
	if p.Counts[automation.Update] != 1 {
		t.Fatalf("counts %v", p.Counts)
	}
	items, err := h.Store.PlanItems(t.Context(), p.ID, engine.PlanFilter{Limit: 5})
	if err != nil || len(items) != 1 || !strings.Contains(items[0].Plan.Reason, "1 field was edited since") {
		t.Fatalf("items %+v, %v", items, err)
	}
	_, results := carryOut(t, h, p, engine.Choice{})
	c, _ := h.HighLevel.Contact(run.Source.ID)
	if results[engine.ItemDone] != 1 || c["companyName"] != "Edited since" || c["phone"] != nil && c["phone"] != "" {
		t.Fatalf("results %v, contact %v", results, c)
	}
	// What went back stays apart: it is no edit to be carried, and is not brought again.
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
	h.Tell(run.Source, provider.Updated)
	h.PollBoth()
	s, _ := h.Gleap.Session(id)
	if c, _ = h.HighLevel.Contact(run.Source.ID); s["phone"] != "+14155550111" || c["phone"] != nil && c["phone"] != "" {
		t.Errorf("afterwards Gleap %v, HighLevel %v", s["phone"], c["phone"])
	}
}

func TestUndoOfCreatedRecords(t *testing.T) {
	t.Parallel()
	for _, created := range []engine.Created{engine.CreatedDelete, engine.CreatedUnlink} {
		t.Run(string(created), func(t *testing.T) {
			t.Parallel()
			h, a := peopled(t, nil)
			first, _ := carryOut(t, h, show(t, h, a, engine.ModeShow, ""), engine.Choice{})
			// One of the records made has been worked on since: it stays.
			for _, c := range h.HighLevel.Contacts() {
				if c["email"] == "g9@acme.io" {
					edit(t, h.HighLevel.PersonEditsContact(fmt.Sprint(c["id"]), map[string]any{"firstName": "Kept"}))
				}
			}
			p := show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "plan", ID: first.ID, Created: created}.String())
			carryOut(t, h, p, engine.Choice{})
			wantHigh, wantGleap := 14, 12
			if created == engine.CreatedUnlink {
				wantHigh, wantGleap = 20, 20
			}
			if hl, gl := len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()); hl != wantHigh || gl != wantGleap {
				t.Errorf("%d and %d records, want %d and %d; %v", hl, gl, wantHigh, wantGleap, p.Counts)
			}
			// And they are not made again.
			edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
			h.PollBoth()
			for _, s := range h.Gleap.Sessions() {
				edit(t, h.Gleap.PersonEditsContact(fmt.Sprint(s["id"]), map[string]any{"lang": "de"}))
			}
			h.PollBoth()
			if hl, gl := len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()); hl != wantHigh || gl != wantGleap {
				t.Errorf("afterwards %d and %d records, want %d and %d", hl, gl, wantHigh, wantGleap)
			}
		})
	}
}

func TestABackfillReadsInPages(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{Contacts: 1000})
	a := h.Automation(toHighLevel, nil)
	off(t, h, a)
	p := show(t, h, a, engine.ModeShow, "")
	before := h.HighLevel.Stats().Calls + h.Gleap.Stats().Calls
	p, results := carryOut(t, h, p, engine.Choice{})
	calls := h.HighLevel.Stats().Calls + h.Gleap.Stats().Calls - before
	wrote := results[engine.ItemDone]
	if wrote < 800 || float64(calls) > 1.07*float64(wrote) {
		t.Errorf("%d calls for %d records written (%v), reads %d", calls, wrote, results, p.Reads)
	}
}

func TestEveryoneIsCarriedOverWhenItIsSwitchedOn(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	// Two guests with one address: a question, not a guess.
	h.Gleap.PersonCreatesContact(map[string]any{"name": "Twin One", "email": "twin@acme.io"})
	h.Gleap.PersonCreatesContact(map[string]any{"name": "Twin Two", "email": "twin@acme.io"})
	h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Twin", "email": "twin@acme.io"})
	p := show(t, h, a, engine.ModeFill, "")
	results, err := h.Store.ResultCounts(t.Context(), p.ID)
	if err != nil || results[engine.ItemDone] != 20 || results[engine.ItemAsked] != 1 || p.Written != 20 {
		t.Fatalf("results %v, written %d, counts %v, %v", results, p.Written, p.Counts, err)
	}
	if open, err := h.Store.ReviewList(t.Context(), engine.ReviewFilter{State: automation.ReviewOpen}); err != nil || len(open) != 1 || open[0].Kind != automation.ReviewIdentity {
		t.Errorf("questions: %+v, %v", open, err)
	}
	if len(h.HighLevel.Contacts()) != 21 || len(h.Gleap.Sessions()) != 22 {
		t.Errorf("%d and %d records", len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()))
	}
	before := writes(h)
	again := show(t, h, a, engine.ModeFill, "")
	if again.Written != 0 || writes(h) != before {
		t.Errorf("carried over again: %d written, %d writes", again.Written, writes(h)-before)
	}
}

func TestTwoVersionsAreComparedOverEveryone(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	carryOut(t, h, show(t, h, a, engine.ModeShow, ""), engine.Choice{})
	// The new version carries no company over, and nobody's name back: it says so about those it matters to, and of
	// nobody else.
	for i, s := range h.Gleap.Sessions() {
		if i < 3 {
			edit(t, h.Gleap.PersonEditsContact(fmt.Sprint(s["id"]), map[string]any{"companyName": fmt.Sprintf("Changed %d", i)}))
		}
	}
	d := a.Definition
	d.Mapping.Rows = nil
	for _, r := range a.Definition.Mapping.Rows {
		if r.Target != "companyName" {
			d.Mapping.Rows = append(d.Mapping.Rows, r)
		}
	}
	now, err := h.Store.SaveDefinition(t.Context(), a.ID, a.Version, d, "test", "no company")
	if err != nil {
		t.Fatal(err)
	}
	before := writes(h)
	p := show(t, h, now, engine.ModeCompare, "1")
	items, err := h.Store.PlanItems(t.Context(), p.ID, engine.PlanFilter{Limit: 100})
	if err != nil || len(items) != 3 || p.Done != 20 || writes(h) != before {
		for _, item := range items {
			t.Log(item.Plan.SourceTitle, item.Plan.Reason)
		}
		t.Fatalf("%d of %d differ, %v, %v", len(items), p.Done, p.Counts, err)
	}
	for _, item := range items {
		if !strings.Contains(item.Plan.Reason, "Version 1 would have come to “update”") || item.Plan.Writes() {
			t.Errorf("%s: %s", item.Plan.SourceTitle, item.Plan.Reason)
		}
	}
	if p := compareWith(t, h, now, "77"); p.State != engine.PopulationFailed || p.Problem == "" {
		t.Errorf("a version that is not there: %s %s", p.State, p.Problem)
	}
}

// TestWhatWaitsToBeLiveIsTriedOverEveryone: what a version would do is seen before it counts, and nothing it would do is
// done meanwhile.
func TestWhatWaitsToBeLiveIsTriedOverEveryone(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	carryOut(t, h, show(t, h, a, engine.ModeShow, ""), engine.Choice{})
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
	d := a.Definition
	d.Mapping.Rows = nil
	for _, r := range a.Definition.Mapping.Rows {
		if r.Target != "companyName" {
			d.Mapping.Rows = append(d.Mapping.Rows, r)
		}
	}
	waits, err := h.Store.SaveEdit(t.Context(), a.ID, a.Version, d, "test", "no company")
	edit(t, err)
	changed := fmt.Sprint(h.Gleap.Sessions()[0]["id"])
	edit(t, h.Gleap.PersonEditsContact(changed, map[string]any{"companyName": "Changed"}))
	before := writes(h)
	p := show(t, h, waits.Edited(), engine.ModeCompare, fmt.Sprint(a.Version))
	items, err := h.Store.PlanItems(t.Context(), p.ID, engine.PlanFilter{Limit: 100})
	if err != nil || len(items) != 1 || p.Version != waits.Next.Number || writes(h) != before {
		t.Fatalf("version %d: %d differ, %v", p.Version, len(items), err)
	}
	if reason := items[0].Plan.Reason; !strings.Contains(reason, fmt.Sprintf("Version %d would have come to “update”", a.Version)) {
		t.Errorf("it says %q", reason)
	}
	// A dry run of it is of it, and cannot be carried out while it waits.
	if p = show(t, h, waits.Edited(), engine.ModeShow, ""); p.Version != waits.Next.Number || p.Counts[automation.Update] != 0 {
		t.Errorf("the dry run is of version %d: %v", p.Version, p.Counts)
	}
	applied := engine.Population{ID: automation.NewID("pl"), Automation: a.ID, Version: waits.Next.Number, Mode: engine.ModeApply, State: engine.PopulationQueued}
	edit(t, h.Store.CreatePopulation(t.Context(), applied))
	h.Drain()
	if p, err = h.Store.Population(t.Context(), applied.ID); err != nil || p.State != engine.PopulationFailed || writes(h) != before {
		t.Errorf("carrying it out is %s: %s, %v", p.State, p.Problem, err)
	}
	// What works goes on working as it did.
	h.PollBoth()
	if c := contactOf(h, "Changed"); c == nil {
		t.Fatalf("the version that is live did not carry the company over: %s", h.LastRun().Summary)
	}
	_, err = h.Store.PutLive(t.Context(), a.ID, waits.Next.Number)
	edit(t, err)
	edit(t, h.Gleap.PersonEditsContact(changed, map[string]any{"companyName": "Changed again"}))
	h.PollBoth()
	if c := contactOf(h, "Changed again"); c != nil {
		t.Error("the version that was put live does not count")
	}
}

// contactOf is the HighLevel contact of a company.
func contactOf(h *enginetest.House, company string) map[string]any {
	for _, c := range h.HighLevel.Contacts() {
		if c["companyName"] == company {
			return c
		}
	}
	return nil
}

// compareWith plans against a version that cannot be compared with.
func compareWith(t *testing.T, h *enginetest.House, a automation.Automation, of string) engine.Population {
	t.Helper()
	p := engine.Population{ID: automation.NewID("pl"), Automation: a.ID, Version: a.Version, Mode: engine.ModeCompare, Of: of, State: engine.PopulationQueued}
	edit(t, h.Store.CreatePopulation(t.Context(), p))
	h.Drain()
	got, err := h.Store.Population(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Of what moved and comes to a question by now somebody is asked at once; what waits is left to live work, and a draft,
// which has none, keeps it. The plan shows what each comes to, and says where it went.
func TestWhatMovedToAQuestionIsPutToAPerson(t *testing.T) {
	t.Parallel()
	for state, want := range map[automation.State]engine.ItemState{automation.On: engine.ItemLive, automation.Draft: engine.ItemMoved} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			h, a := peopled(t, nil)
			edit(t, h.Store.SetState(t.Context(), a.ID, state, ""))
			p := show(t, h, a, engine.ModeShow, "")
			// One is to be made, and there are two with its address by now; another has no address any more.
			for range 2 {
				h.Gleap.PersonCreatesContact(map[string]any{"name": "High Level3", "email": "h3@acme.io"})
			}
			asked, blocked := "", ""
			for _, c := range h.HighLevel.Contacts() {
				if c["email"] == "h3@acme.io" {
					asked = fmt.Sprint(c["id"])
				}
			}
			for _, s := range h.Gleap.Sessions() {
				if s["email"] == "g9@acme.io" {
					blocked = fmt.Sprint(s["_id"])
					edit(t, h.Gleap.PersonEditsContact(blocked, map[string]any{"email": ""}))
				}
			}
			_, results := carryOut(t, h, p, engine.Choice{})
			items, err := h.Store.PlanItems(t.Context(), p.ID, engine.PlanFilter{Limit: 100})
			edit(t, err)
			seen := 0
			for _, it := range items {
				switch it.Plan.Source.ID {
				case asked:
					seen++
					if it.State != engine.ItemAsked || it.Plan.Outcome != automation.Decide || it.Run == "" || engine.WentTo(it.State, it.Plan) == "" {
						t.Errorf("what comes to a question is %s: %s (%s)", it.State, it.Plan.Outcome, it.Plan.Reason)
					}
				case blocked:
					seen++
					if it.State != want || it.Plan.Outcome != automation.Blocked || engine.WentTo(it.State, it.Plan) == "" {
						t.Errorf("what cannot be made is %s: %s (%s)", it.State, it.Plan.Outcome, it.Plan.Reason)
					}
				}
			}
			open, err := h.Store.ReviewList(t.Context(), engine.ReviewFilter{Automation: a.ID, State: automation.ReviewOpen, Limit: 10})
			edit(t, err)
			if seen != 2 || len(open) != 1 || open[0].Source.ID != asked {
				t.Errorf("%d are asked: %+v; results %v", len(open), open, results)
			}
		})
	}
}

// What had changed since a plan was shown is carried out as it is shown by then, and nothing else.
func TestWhatMovedIsCarriedOutAsItIsShownNow(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	p := show(t, h, a, engine.ModeShow, "")
	edited := map[string]bool{}
	for _, c := range h.HighLevel.Contacts() {
		if c["companyName"] == "Both" && len(edited) < 3 {
			id := fmt.Sprint(c["id"])
			edited[id] = true
			edit(t, h.HighLevel.PersonEditsContact(id, map[string]any{"companyName": "Moved"}))
		}
	}
	p, results := carryOut(t, h, p, engine.Choice{Outcomes: []automation.Outcome{automation.Update}})
	if results[engine.ItemMoved] != 3 || results[engine.ItemDone] != 2 || results[engine.ItemLeft] != 15 {
		t.Fatalf("results %v", results)
	}
	counts, err := h.Store.MovedCounts(t.Context(), p.ID)
	if err != nil || counts[automation.Update] != 3 || len(counts) != 1 {
		t.Fatalf("moved: %v, %v", counts, err)
	}
	items, err := h.Store.PlanItems(t.Context(), p.ID, engine.PlanFilter{State: engine.ItemMoved, Limit: 10})
	edit(t, err)
	again := items[0].Plan.Source.ID
	if !edited[again] || !strings.Contains(fmt.Sprint(items[0].Plan.Fields), "Moved") {
		t.Fatalf("shown: %+v", items[0].Plan.Fields)
	}
	// One moves once more: it is not what is shown any more.
	edit(t, h.HighLevel.PersonEditsContact(again, map[string]any{"companyName": "Moved on"}))
	p, results = carryOut(t, h, p, engine.Choice{Moved: true})
	if results[engine.ItemMoved] != 1 || results[engine.ItemDone] != 4 || results[engine.ItemLeft] != 15 || p.Written != 4 {
		t.Fatalf("results %v, %d written", results, p.Written)
	}
	companies := map[string]int{}
	for _, s := range h.Gleap.Sessions() {
		companies[fmt.Sprint(s["companyName"])]++
	}
	if companies["Moved"] != 2 || companies["Both"] != 2 || companies["Moved on"] != 0 {
		t.Errorf("in Gleap: %v", companies)
	}
	p, results = carryOut(t, h, p, engine.Choice{Moved: true})
	if results[engine.ItemMoved] != 0 || results[engine.ItemDone] != 5 || p.State != engine.PopulationDone {
		t.Fatalf("results %v", results)
	}
	if err := h.Store.ApplyPopulation(t.Context(), p.ID, engine.Choice{Moved: true}); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("nothing moved any more: %v", err)
	}
	// An undo takes back all of it.
	undo := show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "plan", ID: p.ID, Created: engine.CreatedUnlink}.String())
	if undo.Counts[automation.Update] < 5 {
		t.Errorf("to be undone: %v", undo.Counts)
	}
}
