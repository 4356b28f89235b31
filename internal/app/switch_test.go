package app

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/people"
)

func TestSwitchingOnSaysWhichPlanStillWaits(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 0)
	h, a := e.houses[0], e.runs(e.connects())
	p := engine.Population{ID: "pl_3", Automation: a.ID, Version: 1, Mode: engine.ModeFill, State: engine.PopulationQueued, CreatedAt: time.Now().Add(time.Minute)}
	e.must(h.store.CreatePopulation(t.Context(), p))
	p.State, p.Done, p.Total, p.Problem = engine.PopulationPaused, 40, 440, "It would go beyond its limit."
	p.Tally.Braked = []string{"5 records changed in one run"}
	e.must(h.store.SavePopulation(t.Context(), p, nil))
	e.must(h.store.SetState(t.Context(), a.ID, automation.Paused, "beyond its limit"))
	e.must(h.store.CreatePopulation(t.Context(), engine.Population{ID: "pl_4", Automation: a.ID, Version: 1, Mode: engine.ModeShow, State: engine.PopulationQueued, CreatedAt: time.Now().Add(time.Hour)}))
	var out bytes.Buffer
	c := &call{Streams: Streams{Out: &out, Err: io.Discard}}
	e.must(h.listPlans(t.Context(), c, []string{string(a.ID)}))
	if !strings.Contains(out.String(), "pl_4  show") || !strings.Contains(out.String(), "pl_3  fill of “"+a.Name+"”, paused: 40 of 440 records") {
		t.Error(out.String())
	}
	for _, s := range []struct {
		to    automation.State
		waits bool
	}{{automation.On, true}, {automation.Paused, false}} {
		a, err := h.store.Automation(t.Context(), a.ID)
		e.must(err)
		a.Workspace = "ws_1"
		out.Reset()
		e.must(h.switchTo(t.Context(), c, a, s.to))
		if got := strings.Contains(out.String(), "Plan pl_3 still waits after 40 of 440 records: a brake stopped it. To let it go on: crosswalk plans resume pl_3"); got != s.waits {
			t.Errorf("%s: %s", s.to, out.String())
		}
	}
	acts, err := h.store.AuditEntries(t.Context(), "ws_1", people.AuditFilter{Limit: 10})
	e.must(err)
	if len(acts) != 2 || acts[1].Before+" > "+acts[1].After != "paused > on" || acts[0].Kind != people.AuditAutomationState {
		t.Errorf("the audit log says %+v", acts)
	}
}

// What the page refuses to switch on is not let go on here either, and in the same words.
func TestWhatCannotWorkIsNotSwitchedOnFromTheCommandLine(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 0)
	h, a := e.houses[0], e.runs(e.connects())
	e.must(h.store.SetState(t.Context(), a.ID, automation.Paused, ""))
	sound := a.Definition
	for name, c := range map[string]struct {
		spoil func(*automation.Definition)
		want  string
	}{
		"nothing mapped": {func(d *automation.Definition) { d.Mapping.Rows = nil }, "not switched on: Nothing is mapped yet."},
		"a field is gone": {func(d *automation.Definition) {
			d.Mapping.Rows = append(slices.Clone(d.Mapping.Rows), mapping.Row{ID: "r9", Sources: []string{"gone"}, Target: "plan"})
		}, "not switched on: The field “gone” does not exist in the HighLevel contact any more."},
		"nothing tells doubles":    {func(d *automation.Definition) { d.Match = nil }, "not switched on: Nothing tells whether"},
		"nothing a create needs":   {func(d *automation.Definition) { d.Mapping.Rows = d.Mapping.Rows[3:] }, "not switched on: A new Gleap contact needs Email, User ID or Phone, and nothing fills it."},
		"no account":               {func(d *automation.Definition) { d.Target.Connection = "" }, "not switched on: ask the accounts which fields there are"},
		"nothing is wrong with it": {func(*automation.Definition) {}, ""},
	} {
		now, err := h.store.Automation(t.Context(), a.ID)
		e.must(err)
		next := sound
		c.spoil(&next)
		now, err = h.store.SaveEdit(t.Context(), a.ID, now.Version, next, "", "")
		e.must(err)
		err = h.switchTo(t.Context(), &call{Streams: Streams{Out: io.Discard}}, now, automation.On)
		stored, lost := h.store.Automation(t.Context(), a.ID)
		e.must(lost)
		switch {
		case c.want == "" && (err != nil || stored.State != automation.On):
			t.Errorf("%s: %v, and it is %s", name, err, stored.State)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || stored.State != automation.Paused):
			t.Errorf("%s: %v, and it is %s; want %q", name, err, stored.State, c.want)
		}
		e.must(h.store.SetState(t.Context(), a.ID, automation.Paused, ""))
	}
}
