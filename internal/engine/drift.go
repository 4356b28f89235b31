package engine

import (
	"crosswalk/internal/automation"
)

// Drift says how a record and its counterpart stand to each other.
type Drift string

// The ways two sides can stand.
const (
	InSync    Drift = "in_sync"
	Differs   Drift = "differs"    // linked, and mapped fields differ
	OnlyHere  Drift = "only_here"  // a source record without a counterpart
	OnlyThere Drift = "only_there" // a target record without a counterpart
	Doubtful  Drift = "doubtful"   // which record is the counterpart is open
	Apart     Drift = "apart"      // let go their own ways: passed by, severed, left alone
)

// Tally is what a comparison of everyone came to.
type Tally struct {
	Drift map[Drift]int `json:"drift,omitempty"`
	// Fields counts by label in how many records a field differs, and Kept in how many of them it is left so.
	Fields map[string]int `json:"fields,omitempty"`
	Kept   map[string]int `json:"kept,omitempty"`
	// Matching counts how sure it is who belongs together.
	Matching map[automation.Matching]int `json:"matching,omitempty"`
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

// count takes a plan in, and answers how it matched.
func (t *Tally) count(p automation.Plan, fromTarget bool) automation.Matching {
	if t.Drift == nil {
		t.Drift, t.Fields, t.Kept = map[Drift]int{}, map[string]int{}, map[string]int{}
	}
	if t.Matching == nil {
		t.Matching = map[automation.Matching]int{}
	}
	matching := MatchingOf(p, fromTarget)
	t.Matching[matching]++
	d := DriftOf(p, fromTarget)
	t.Drift[d]++
	if d != Differs {
		return matching
	}
	apart := map[string]bool{}
	for _, key := range p.Apart {
		apart[key] = true
	}
	for _, f := range p.Fields {
		switch {
		case f.Action == automation.Set || f.Action == automation.AddTo:
			t.Fields[f.Label]++
		case apart[f.BaseKey()]:
			t.Fields[f.Label]++
			t.Kept[f.Label]++
		}
	}
	return matching
}

// ShareOf is how many of a hundred linked records a plan that was shown would change or delete, and whether that is
// over the automation's limit: then a person must say so once more.
func ShareOf(p Population, l automation.Limits) (percent int, over bool) {
	linked, limit := p.Tally.Drift[InSync]+p.Tally.Drift[Differs], l.Effective().Share
	if linked < automation.ShareFloor || limit == 0 || p.Mode != ModeShow {
		return 0, false
	}
	percent = 100 * (p.Counts[automation.Update] + p.Counts[automation.Delete]) / linked
	return percent, percent > limit
}
