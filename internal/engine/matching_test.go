package engine

import (
	"testing"

	"crosswalk/internal/automation"
)

func TestMatchingOf(t *testing.T) {
	t.Parallel()
	double := automation.Identity{How: automation.Doubtful, Evidence: []automation.Evidence{{Field: "Email", Found: 2}}}
	taken := automation.Identity{How: automation.Doubtful, Candidates: []automation.Candidate{{Title: "Jane", Taken: true}}}
	torn := automation.Identity{How: automation.Doubtful, Evidence: []automation.Evidence{{Field: "Email", Found: 1}, {Field: "Phone", Found: 1}}}
	for _, test := range []struct {
		name       string
		identity   automation.Identity
		fromTarget bool
		want       automation.Matching
	}{
		{"linked before", automation.Identity{How: automation.ByLink}, false, automation.MatchLinked},
		{"one with the same email", automation.Identity{How: automation.ByMatch}, false, automation.MatchSure},
		{"nobody", automation.Identity{How: automation.NotFound}, false, automation.MatchNone},
		{"nobody, seen from the target", automation.Identity{How: automation.NotFound}, true, automation.MatchOnlyTarget},
		{"the rule let it pass by", automation.Identity{How: automation.NotLooked}, false, automation.MatchPassed},
		{"two targets with one email", double, false, automation.MatchDoubleTarget},
		{"two sources with one email, seen from the target", double, true, automation.MatchDoubleSource},
		{"another source has it", taken, false, automation.MatchDoubleSource},
		{"another target has it", taken, true, automation.MatchDoubleTarget},
		{"email points at one and phone at another", torn, false, automation.MatchDoubtful},
	} {
		if got := MatchingOf(automation.Plan{Identity: test.identity}, test.fromTarget); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
