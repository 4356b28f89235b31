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

// TestAHealBringsBackWhatAnUndoLeftApartBothWays: where rows lead both ways, the side that has the last word says to what. Where
// neither has it, or what it has is empty, it stays apart.
func TestAHealBringsBackWhatAnUndoLeftApartBothWays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		owner mapping.Owner
		want  string // the company on both sides, HighLevel's having been written last
		tags  string
	}{{mapping.OwnerSource, "Acme Worldwide", "[beta vip]"}, {mapping.OwnerTarget, "Acme", "[beta]"}, {mapping.OwnerAsk, "", ""}} {
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
