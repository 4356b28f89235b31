package enginetest_test

import (
	"fmt"
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
)

// rewritten is a house with linked people, every one of them edited since, and some nobody has linked yet.
func rewritten(t *testing.T, linked int, change func(*automation.Definition)) (*enginetest.House, automation.Automation) {
	t.Helper()
	h := enginetest.New(t, enginetest.Options{})
	a := h.Automation(toHighLevel, change)
	for i := range linked {
		h.Gleap.PersonCreatesContact(map[string]any{"name": fmt.Sprintf("Jane Doe%d", i), "email": fmt.Sprintf("jane%d@acme.io", i)})
	}
	if p := show(t, h, a, engine.ModeFill, ""); p.Written != linked {
		t.Fatalf("%d linked, not %d", p.Written, linked)
	}
	off(t, h, a)
	for _, s := range h.Gleap.Sessions() {
		edit(t, h.Gleap.PersonEditsContact(fmt.Sprint(s["id"]), map[string]any{"name": "Renamed " + fmt.Sprint(s["id"])}))
	}
	for i := range 3 {
		h.Gleap.PersonCreatesContact(map[string]any{"name": fmt.Sprintf("New Person%d", i), "email": fmt.Sprintf("new%d@acme.io", i)})
	}
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
	return h, a
}

// fill begins to carry everyone over, and leaves it at whatever it comes to.
func fill(t *testing.T, h *enginetest.House, a automation.Automation) engine.Population {
	t.Helper()
	p := engine.Population{ID: automation.NewID("pl"), Automation: a.ID, Version: a.Version, Mode: engine.ModeFill, State: engine.PopulationQueued}
	edit(t, h.Store.CreatePopulation(t.Context(), p))
	h.Drain()
	return how(t, h, p.ID)
}

func how(t *testing.T, h *enginetest.House, id string) engine.Population {
	t.Helper()
	p, err := h.Store.Population(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func goOn(t *testing.T, h *enginetest.House, id string) engine.Population {
	t.Helper()
	edit(t, h.Store.ResumePopulation(t.Context(), id))
	h.Drain()
	return how(t, h, id)
}

func renamed(h *enginetest.House) (n int) {
	for _, c := range h.HighLevel.Contacts() {
		if strings.Contains(fmt.Sprint(c), "Renamed") {
			n++
		}
	}
	return n
}

func TestAFillStopsAtTheShareOfLinkedRecordsItMayRewrite(t *testing.T) {
	t.Parallel()
	h, a := rewritten(t, 80, func(d *automation.Definition) { d.Limits.Share = 10 })
	p := fill(t, h, a)
	if n := renamed(h); n != 8 || p.State != engine.PopulationPaused || !strings.Contains(p.Problem, "limit of 10%") {
		t.Fatalf("%d of 80 changed; the fill is %s: %s", n, p.State, p.Problem)
	}
	now, err := h.Store.Automation(t.Context(), a.ID)
	if err != nil || now.State != automation.Paused || !strings.Contains(now.PausedWhy, "10%") {
		t.Fatalf("the automation is %s: %q, %v", now.State, now.PausedWhy, err)
	}
	// Resumed without an answer to the brake: it asks again, and writes nothing.
	before := writes(h)
	if p = goOn(t, h, p.ID); p.State != engine.PopulationPaused || writes(h) != before {
		t.Fatalf("it is %s: %s, and wrote %d more", p.State, p.Problem, writes(h)-before)
	}
	// A person has let it go on: it does not ask again at the next record.
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
	if p = goOn(t, h, p.ID); p.State != engine.PopulationDone || renamed(h) != 80 || p.Written != 83 {
		t.Fatalf("it is %s: %s; %d of 80 changed, %d written", p.State, p.Problem, renamed(h), p.Written)
	}
	if p.Counts[automation.Update] != 80 || p.Counts[automation.Create] != 3 {
		t.Errorf("counted %v", p.Counts)
	}
}

func TestAFillGoesOnToAHigherShareOnly(t *testing.T) {
	t.Parallel()
	h, a := rewritten(t, 60, func(d *automation.Definition) { d.Limits.Share = 10 })
	p := fill(t, h, a)
	d := a.Definition
	d.Limits.Share = 50
	if _, err := h.Store.SaveDefinition(t.Context(), a.ID, a.Version, d, "test", "raised"); err != nil {
		t.Fatal(err)
	}
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
	if p = goOn(t, h, p.ID); p.State != engine.PopulationPaused || renamed(h) != 30 || !strings.Contains(p.Problem, "limit of 50%") {
		t.Fatalf("it is %s: %s; %d of 60 changed", p.State, p.Problem, renamed(h))
	}
}

func TestAFillWithFewLinkedRecordsOrNoLimitIsNotStopped(t *testing.T) {
	t.Parallel()
	for linked, share := range map[int]int{automation.ShareFloor - 1: 10, automation.ShareFloor: -1} {
		h, a := rewritten(t, linked, func(d *automation.Definition) { d.Limits.Share = share })
		if p := fill(t, h, a); p.State != engine.PopulationDone || renamed(h) != linked {
			t.Errorf("%d linked: it is %s: %s; %d changed", linked, p.State, p.Problem, renamed(h))
		}
	}
}

func TestAFillOfAnAutomationThatIsOffAsksAlone(t *testing.T) {
	t.Parallel()
	h, a := rewritten(t, 60, func(d *automation.Definition) { d.Limits.Share = 10 })
	off(t, h, a)
	p := fill(t, h, a)
	now, err := h.Store.Automation(t.Context(), a.ID)
	if err != nil || now.State != automation.Draft || p.State != engine.PopulationPaused || renamed(h) != 6 {
		t.Fatalf("the automation is %s, the fill is %s: %s; %d changed, %v", now.State, p.State, p.Problem, renamed(h), err)
	}
	if p = goOn(t, h, p.ID); p.State != engine.PopulationDone || renamed(h) != 60 {
		t.Fatalf("it is %s: %s; %d of 60 changed", p.State, p.Problem, renamed(h))
	}
}

func TestAFillAsksForEachLimitOfOneRunOnItsOwn(t *testing.T) {
	t.Parallel()
	// Too few for a share: the counts hold all the same.
	h, a := rewritten(t, 12, func(d *automation.Definition) {
		d.Limits.ChangesPerRun, d.Limits.DeletesPerRun = 7, 2
		d.Deletes.Policy = automation.DeleteDelete
	})
	off(t, h, a)
	for i, s := range h.Gleap.Sessions() {
		if i < 4 {
			edit(t, h.Gleap.PersonDeletesContact(fmt.Sprint(s["id"])))
		}
	}
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
	asked := map[string]bool{}
	p := fill(t, h, a)
	for range 4 {
		if p.State == engine.PopulationDone {
			break
		}
		if p.State != engine.PopulationPaused || len(p.Tally.Braked) == 0 || p.Tally.Changed+p.Tally.Deleted > 7 && !asked["7 records changed or deleted in one run"] {
			t.Fatalf("it is %s: %s; %+v", p.State, p.Problem, p.Tally)
		}
		for _, limit := range p.Tally.Braked {
			if asked[limit] {
				t.Errorf("it asks again for %s", limit)
			}
			asked[limit] = true
		}
		edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
		p = goOn(t, h, p.ID)
	}
	if p.State != engine.PopulationDone || p.Tally.Changed != 8 || p.Tally.Deleted != 4 || len(asked) != 2 {
		t.Fatalf("it is %s: %s; asked for %v; %+v", p.State, p.Problem, asked, p.Tally)
	}
}
