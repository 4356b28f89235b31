package server

import (
	"slices"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/web/ui"
)

func TestAskingForASignFindsAllThatIsCountedUnderIt(t *testing.T) {
	t.Parallel()
	var found []automation.Outcome
	for _, sign := range ui.Outcomes {
		found = append(found, outcomesUnder(sign)...)
	}
	if want := automation.Outcomes(); len(found) != len(want) {
		t.Errorf("the signs stand for %v, and there are %v", found, want)
	}
	for _, o := range automation.Outcomes() {
		if !slices.Contains(outcomesUnder(outcomeOf(o)), o) {
			t.Errorf("%s is counted under %s and not found there", o, outcomeOf(o))
		}
	}
	if got := outcomesUnder(""); got != nil {
		t.Errorf("asking for nothing narrows to %v", got)
	}
}
