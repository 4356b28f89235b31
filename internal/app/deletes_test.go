package app

import (
	"strings"
	"testing"

	"crosswalk/internal/automation"
)

func TestThePolicyForDeletedRecordsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	marked := automation.Deletes{Policy: automation.DeleteMark, On: automation.DeletedOnSource, Field: "tags", Value: "gone"}
	for name, tc := range map[string]struct {
		orders deletesOrders
		was    automation.Deletes
		want   automation.Deletes
		says   string
	}{
		"nothing said":       {deletesOrders{}, marked, marked, "mark with “gone”, in the target in tags; only deletions in the source count"},
		"another mark":       {deletesOrders{value: "left"}, marked, automation.Deletes{Policy: automation.DeleteMark, On: automation.DeletedOnSource, Field: "tags", Value: "left"}, "mark with “left”"},
		"marked on each":     {deletesOrders{policy: "mark", on: "anywhere", value: "gone", field: "tags", sourceField: "plan"}, automation.Deletes{}, automation.Deletes{Policy: automation.DeleteMark, On: automation.DeletedAnywhere, Field: "tags", SourceField: "plan", Value: "gone"}, "in the target in tags, in the source in plan"},
		"deleted":            {deletesOrders{policy: "delete"}, automation.Deletes{}, automation.Deletes{Policy: automation.DeleteDelete}, "delete; only deletions in the source count"},
		"nothing any more":   {deletesOrders{policy: "nothing"}, marked, automation.Deletes{Field: "tags", Value: "gone"}, "nothing"},
		"unlinked, wherever": {deletesOrders{policy: "unlink"}, marked, automation.Deletes{Policy: automation.DeleteUnlink, Field: "tags", Value: "gone"}, "unlink"},
	} {
		got := tc.orders.apply(tc.was)
		if got != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
		if words := deletesWords(automation.Definition{Deletes: got}); !strings.Contains(words, tc.says) {
			t.Errorf("%s: %q", name, words)
		}
	}
}
