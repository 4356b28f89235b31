package engine

import (
	"fmt"

	"crosswalk/internal/automation"
)

// Drift says how a record and its counterpart stand to each other.
type Drift = automation.Drift

// The ways two sides can stand.
const (
	InSync    Drift = "in_sync"
	Differs   Drift = "differs"    // linked, and mapped fields differ
	OnlyHere  Drift = "only_here"  // a source record without a counterpart
	OnlyThere Drift = "only_there" // a target record without a counterpart
	Doubtful  Drift = "doubtful"   // which record is the counterpart is open
	Apart     Drift = "apart"      // let go their own ways: passed by, severed, left alone
)

// Healing marks (in Of) a plan that also brings back what was edited on a side that does not own it, which live work
// leaves alone. It is shown first, and carried out like any other.
const Healing = "heal"

// Tally is what a comparison of everyone came to.
type Tally struct {
	Drift map[Drift]int `json:"drift,omitempty"`
	// Fields counts by label in how many records a field differs, and Kept in how many of them it is left so by all but
	// a plan that heals.
	Fields map[string]int `json:"fields,omitempty"`
	Kept   map[string]int `json:"kept,omitempty"`
	// Matching counts how sure it is who belongs together.
	Matching map[automation.Matching]int `json:"matching,omitempty"`
	// Blocked counts those of them that cannot be carried over.
	Blocked map[automation.Matching]int `json:"blocked,omitempty"`
	// Changed and Deleted count the linked records that a fill has written to, Braked are the limits at which it was
	// stopped, in words, and Agreed those beyond which a person has let it go on.
	Changed int      `json:"changed,omitempty"`
	Deleted int      `json:"deleted,omitempty"`
	Braked  []string `json:"braked,omitempty"`
	// Passed is how many records were looked at up to the cursor where carrying out goes on.
	Passed int      `json:"passed,omitempty"`
	Agreed []string `json:"agreed,omitempty"`
}

// DriftOf tells how a plan's two records stand. fromTarget: the plan was made for a target record that nobody on the
// other side answered to.
func DriftOf(p automation.Plan, fromTarget bool) Drift {
	switch {
	case p.Code == "rule" || p.Code == "severed" || p.Code == "ignored":
		return Apart
	case p.Identity.How == automation.Doubtful:
		return Doubtful
	case fromTarget && p.Identity.How != automation.ByLink:
		return OnlyThere
	case p.Target.IsZero():
		return OnlyHere
	case p.Outcome == automation.Same && len(p.Apart) == 0, p.Outcome == automation.Linked && len(p.Apart) == 0:
		return InSync
	}
	return Differs
}

// count takes a plan in, and answers how it matched, and how the two stand.
func (t *Tally) count(p automation.Plan, fromTarget bool) (automation.Matching, Drift) {
	// Each by itself: an empty one is not stored, and is missing where a walk goes on.
	for _, counts := range []*map[string]int{&t.Fields, &t.Kept} {
		if *counts == nil {
			*counts = map[string]int{}
		}
	}
	if t.Drift == nil {
		t.Drift = map[Drift]int{}
	}
	for _, counts := range []*map[automation.Matching]int{&t.Matching, &t.Blocked} {
		if *counts == nil {
			*counts = map[automation.Matching]int{}
		}
	}
	matching := MatchingOf(p, fromTarget)
	if t.Matching[matching]++; p.Outcome == automation.Blocked {
		t.Blocked[matching]++
	}
	d := DriftOf(p, fromTarget)
	t.Drift[d]++
	if d != Differs {
		return matching, d
	}
	apart := map[string]bool{}
	for _, key := range p.Apart {
		apart[key] = true
	}
	for _, f := range p.Fields {
		switch {
		case f.Action == automation.Set || f.Action == automation.AddTo:
			t.Fields[f.Label]++
			if f.Code == codeHeal {
				t.Kept[f.Label]++
			}
		case apart[f.BaseKey()]:
			t.Fields[f.Label]++
			t.Kept[f.Label]++
		}
	}
	return matching, d
}

// Beyond tells in words which of the automation's limits of one run a plan that was shown goes beyond: then a person must
// say so once more.
func Beyond(p Population, l automation.Limits) []string {
	if p.Mode != ModeShow {
		return nil
	}
	return beyond(l, p.Tally.Drift[InSync]+p.Tally.Drift[Differs], p.Counts[automation.Update], p.Counts[automation.Delete])
}

// beyond are the limits of one run that changing and deleting some of the linked records goes beyond.
func beyond(l automation.Limits, linked, changed, deleted int) (words []string) {
	eff := l.Effective()
	share := func(n, most int, what string) {
		if automation.BeyondShare(n, linked, most) {
			words = append(words, fmt.Sprintf("%d%% of the linked records %s in one run", most, what))
		}
	}
	count := func(n, most int, what string) {
		if most > 0 && n > most {
			noun := "records"
			if most == 1 {
				noun = "record"
			}
			words = append(words, fmt.Sprintf("%d %s %s in one run", most, noun, what))
		}
	}
	share(changed+deleted, eff.Share, "changed or deleted")
	share(deleted, eff.DeleteShare, "deleted")
	count(changed+deleted, eff.ChangesPerRun, "changed or deleted")
	count(deleted, eff.DeletesPerRun, "deleted")
	return words
}
