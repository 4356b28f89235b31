package enginetest_test

import (
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/record"
)

// atFirstCreate does something as the first contact is made in Gleap, once.
func atFirstCreate(t *testing.T, h *enginetest.House, do func()) {
	t.Helper()
	h.Populations.AtOnce = 1
	held := h.Clients[enginetest.GleapConnection]
	h.Clients[enginetest.GleapConnection] = meddled{Client: held, create: func(create func() (record.Record, error)) (record.Record, error) {
		if do != nil {
			do()
			do = nil
		}
		return create()
	}}
}

// meanwhile carries out the plan that was shown, or everyone where none was, and answers which plan that was.
func meanwhile(t *testing.T, h *enginetest.House, a automation.Automation, shown string) string {
	t.Helper()
	if shown == "" {
		return fill(t, h, a).ID
	}
	edit(t, h.Store.ApplyPopulation(t.Context(), shown, engine.Choice{}))
	h.Drain()
	return shown
}

// Pausing an automation, be it by a person or by a brake, also stops the plan that carries it out over everyone.
func TestAPlanStopsWithItsAutomation(t *testing.T) {
	t.Parallel()
	for _, mode := range []engine.PopulationMode{engine.ModeFill, engine.ModeApply} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			h, a := peopled(t, nil)
			edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
			id := ""
			if mode == engine.ModeApply {
				id = show(t, h, a, engine.ModeShow, "").ID
			}
			before := int64(0)
			atFirstCreate(t, h, func() {
				before = writes(h)
				edit(t, h.Store.SetState(t.Context(), a.ID, automation.Paused, ""))
			})
			id = meanwhile(t, h, a, id)
			p := how(t, h, id)
			if p.State != engine.PopulationPaused || !strings.Contains(p.Problem, "The automation was paused") || writes(h)-before > 2 {
				t.Fatalf("%s (%s), and %d were written since", p.State, p.Problem, writes(h)-before)
			}
			edit(t, h.Store.ResumeAutomation(t.Context(), a.ID))
			if p = goOn(t, h, id); p.State != engine.PopulationDone || len(h.HighLevel.Contacts()) != 20 || len(h.Gleap.Sessions()) != 20 {
				t.Errorf("in the end: %s (%s), %d and %d records", p.State, p.Problem, len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()))
			}
		})
	}
}

// Who carries a plan out although its automation is paused has said so.
func TestAPlanOfAnAutomationThatIsPausedAlreadyIsCarriedOut(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.Paused, "It would go beyond its limit."))
	p, results := carryOut(t, h, show(t, h, a, engine.ModeShow, ""), engine.Choice{})
	if results[engine.ItemDone] != 20 || p.State != engine.PopulationDone {
		t.Errorf("%s: %v", p.State, results)
	}
}

// Once another version is live nothing is carried out by the one before: a fill goes on with the new one, and a plan that
// was shown is not what would be done any more.
func TestAPlanUnderWayWorksByTheVersionThatIsLive(t *testing.T) {
	t.Parallel()
	for _, mode := range []engine.PopulationMode{engine.ModeFill, engine.ModeApply} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			h, a := peopled(t, nil)
			edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
			id := ""
			if mode == engine.ModeApply {
				id = show(t, h, a, engine.ModeShow, "").ID
			}
			made := len(h.HighLevel.Contacts()) + len(h.Gleap.Sessions())
			atFirstCreate(t, h, func() {
				d := a.Definition
				d.Create, d.CreateSource = false, false
				_, err := h.Store.SaveDefinition(t.Context(), a.ID, a.Version, d, "test", "makes nobody")
				edit(t, err)
			})
			id = meanwhile(t, h, a, id)
			p := how(t, h, id)
			if more := len(h.HighLevel.Contacts()) + len(h.Gleap.Sessions()) - made; more > 2 {
				t.Errorf("%d were made by a version that is not live any more", more)
			}
			if mode == engine.ModeFill && (p.State != engine.PopulationDone || p.Version != a.Version+1) {
				t.Errorf("%s (%s), by version %d", p.State, p.Problem, p.Version)
			}
			if mode == engine.ModeApply && (p.State != engine.PopulationFailed || p.Problem != "The automation was changed since. The plan is of version 1, and the automation is at version 2 now. Make a new dry run, and carry that out.") {
				t.Errorf("%s: %s", p.State, p.Problem)
			}
		})
	}
}
