package engine

import (
	"slices"

	"crosswalk/internal/automation"
)

// MatchingOf tells how sure it is which record is a plan's counterpart. fromTarget: the plan was made for a target
// record that nobody on the other side answered to.
func MatchingOf(p automation.Plan, fromTarget bool) automation.Matching {
	switch p.Identity.How {
	case automation.ByLink:
		return automation.MatchLinked
	case automation.ByMatch:
		return automation.MatchSure
	case automation.NotFound:
		if fromTarget {
			return automation.MatchOnlyTarget
		}
		return automation.MatchNone
	case automation.Doubtful:
		here, there := automation.MatchDoubleSource, automation.MatchDoubleTarget
		if fromTarget {
			here, there = there, here
		}
		switch {
		case slices.ContainsFunc(p.Identity.Candidates, func(c automation.Candidate) bool { return c.Taken }):
			return here
		case slices.ContainsFunc(p.Identity.Evidence, func(e automation.Evidence) bool { return e.Found > 1 }):
			return there
		}
		return automation.MatchDoubtful
	}
	return automation.MatchPassed
}
