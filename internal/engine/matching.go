package engine

import (
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// knownBy are the details by which a record of a walk, and its counterpart, are looked up. fromTarget: the record is one
// of the target.
func (c *Compiled) knownBy(r record.Record, target *record.Record, p automation.Plan, fromTarget bool) []string {
	var out []string
	add := func(v record.Value) {
		if text := v.String(); text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	for _, m := range c.Def.Match {
		if fromTarget {
			add(r.Fields[m.Target])
			continue
		}
		add(r.Fields[m.Source])
		if target != nil {
			add(target.Fields[m.Target])
		}
	}
	for _, e := range p.Identity.Evidence {
		add(e.Value)
	}
	return out
}

// MatchingOf tells how sure it is which record is a plan's counterpart. fromTarget: the plan was made for a target
// record that nobody on the other side answered to.
func MatchingOf(p automation.Plan, fromTarget bool) automation.Matching {
	if p.Code == codeOnlyThere {
		return automation.MatchOnlyTarget // nobody needs to be looked for to say so
	}
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
