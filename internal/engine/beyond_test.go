package engine_test

import (
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
)

func TestAPlanIsMeasuredByTheLimitsOfOneRun(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		linked, changed, deleted int
		limits                   automation.Limits
		want                     string
	}{
		"within the defaults":              {100, 25, 5, automation.Limits{}, ""},
		"more than the share":              {100, 26, 5, automation.Limits{}, "30% of the linked records changed or deleted in one run"},
		"more deletes than their share":    {100, 0, 6, automation.Limits{}, "5% of the linked records deleted in one run"},
		"just over a share":                {1000, 301, 0, automation.Limits{}, "30% of the linked records changed or deleted in one run"},
		"too few linked for a share":       {automation.ShareFloor - 1, 40, 9, automation.Limits{}, ""},
		"no share":                         {100, 60, 40, automation.Limits{Share: -1, DeleteShare: -1}, ""},
		"a count, with few linked":         {10, 3, 1, automation.Limits{ChangesPerRun: 3}, "3 records changed or deleted in one run"},
		"a count of deletes":               {10, 0, 2, automation.Limits{DeletesPerRun: 1}, "1 record deleted in one run"},
		"as many as a count":               {10, 2, 1, automation.Limits{ChangesPerRun: 3, DeletesPerRun: 1}, ""},
		"several at once are told of each": {100, 0, 40, automation.Limits{DeletesPerRun: 39}, "30% of the linked records changed or deleted in one run, 5% of the linked records deleted in one run, 39 records deleted in one run"},
	} {
		p := engine.Population{
			Mode: engine.ModeShow, Counts: map[automation.Outcome]int{automation.Update: tc.changed, automation.Delete: tc.deleted},
			Tally: engine.Tally{Drift: map[engine.Drift]int{engine.InSync: tc.linked - tc.changed - tc.deleted, engine.Differs: tc.changed + tc.deleted}},
		}
		if got := strings.Join(engine.Beyond(p, tc.limits), ", "); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		p.Mode = engine.ModeUndo
		if got := engine.Beyond(p, tc.limits); got != nil {
			t.Errorf("%s: an undo is measured by %v", name, got)
		}
	}
}
