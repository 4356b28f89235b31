package enginetest_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/mapping"
)

// TestAHealBringsBackWhatAnUndoLeftApartBothWays: where rows lead both ways, the side that has the last word says to what, and
// labels are given to whoever lacks them. Where neither has it, it stays apart.
func TestAHealBringsBackWhatAnUndoLeftApartBothWays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		owner mapping.Owner
		want  string // the company on both sides, HighLevel's having been written last
		tags  string
	}{{mapping.OwnerSource, "Acme Worldwide", "[beta vip]"}, {mapping.OwnerTarget, "Acme", "[beta vip]"}, {mapping.OwnerAsk, "", ""}} {
		t.Run(string(c.owner), func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			a := h.TwoWays(func(d *automation.Definition) {
				for i := range d.Mapping.Rows {
					d.Mapping.Rows[i].Owner = c.owner
				}
			})
			h.Gleap.PersonCreatesContact(jane())
			h.PollBoth()
			contact := fmt.Sprint(only(t, h)["id"])
			edit(t, h.HighLevel.PersonEditsContact(contact, map[string]any{"companyName": "Acme Worldwide", "tags": []any{"beta", "vip"}}))
			h.PollBoth()
			i := slices.IndexFunc(h.Runs(), func(r automation.Run) bool { return r.Outcome == automation.Update })
			run := h.Runs()[i]
			off(t, h, a)
			back := show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "run", ID: run.ID, Created: engine.CreatedUnlink}.String())
			if _, results := carryOut(t, h, back, engine.Choice{}); results[engine.ItemDone] != 1 || onlySession(t, h)["companyName"] != "Acme" {
				t.Fatalf("taken back: %v, %v", results, onlySession(t, h))
			}
			h.Later(time.Minute)
			p := show(t, h, a, engine.ModeShow, engine.Healing)
			if c.want == "" {
				if p.Counts[automation.Update] != 0 || p.Tally.Drift[engine.Differs] != 1 {
					t.Errorf("nobody has the last word, and a heal would write: %v %+v", p.Counts, p.Tally)
				}
				return
			}
			if _, results := carryOut(t, h, p, engine.Choice{}); results[engine.ItemDone] != 1 {
				t.Fatalf("healed: %v", results)
			}
			there, here := only(t, h), onlySession(t, h)
			if there["companyName"] != c.want || here["companyName"] != c.want || fmt.Sprint(there["tags"]) != c.tags || fmt.Sprint(here["tags"]) != c.tags {
				t.Errorf("HighLevel has %v and %v, Gleap %v and %v", there["companyName"], there["tags"], here["companyName"], here["tags"])
			}
			h.Later(time.Minute)
			if again := show(t, h, a, engine.ModeShow, engine.Healing); again.Tally.Drift[engine.InSync] != 1 || again.Counts[automation.Update] != 0 {
				t.Errorf("healed once more: %v %+v", again.Counts, again.Tally)
			}
		})
	}
}

// TestAHealEmptiesNothing: what an undo emptied was filled from the other side, whose value is the only one there is.
func TestAHealEmptiesNothing(t *testing.T) {
	t.Parallel()
	for _, owner := range []mapping.Owner{mapping.OwnerSource, mapping.OwnerTarget} {
		t.Run(string(owner), func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			a := h.TwoWays(func(d *automation.Definition) {
				for i := range d.Mapping.Rows {
					d.Mapping.Rows[i].Owner = owner
				}
			})
			h.Gleap.PersonCreatesContact(map[string]any{"name": "Jane Doe", "email": "jane@acme.io"})
			h.PollBoth()
			session := onlySession(t, h)
			edit(t, h.Gleap.PersonEditsContact(fmt.Sprint(session["id"]), map[string]any{"companyName": "Acme", "tags": []any{"vip"}}))
			h.PollBoth()
			run := h.Runs()[slices.IndexFunc(h.Runs(), func(r automation.Run) bool { return r.Outcome == automation.Update })]
			off(t, h, a)
			back := show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "run", ID: run.ID, Created: engine.CreatedUnlink}.String())
			if _, results := carryOut(t, h, back, engine.Choice{}); results[engine.ItemDone] != 1 {
				t.Fatalf("taken back: %v", results)
			}
			if c := only(t, h); c["companyName"] != nil && c["companyName"] != "" {
				t.Fatalf("HighLevel still has %v", c["companyName"])
			}
			h.Later(time.Minute)
			if _, results := carryOut(t, h, show(t, h, a, engine.ModeShow, engine.Healing), engine.Choice{}); results[engine.ItemDone] != 1 {
				t.Errorf("healed: %v", results)
			}
			if c, s := only(t, h), onlySession(t, h); c["companyName"] != "Acme" || s["companyName"] != "Acme" || fmt.Sprint(c["tags"], s["tags"]) != "[vip] [vip]" {
				t.Errorf("HighLevel has %v and %v, Gleap %v and %v", c["companyName"], c["tags"], s["companyName"], s["tags"])
			}
		})
	}
}
