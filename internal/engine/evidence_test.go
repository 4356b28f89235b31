package engine

import (
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

func TestALinkNamesTheKeysItWasMatchedByAndNoValue(t *testing.T) {
	t.Parallel()
	c := &Compiled{}
	c.Target.Label = "HighLevel contact"
	key := func(field string, n int) automation.Evidence {
		return automation.Evidence{Field: field, Value: record.TextOf("jane@acme.io"), Found: n}
	}
	for _, k := range []struct {
		evidence []automation.Evidence
		want     string
	}{
		{[]automation.Evidence{key("Email", 1), key("Phone", 0)}, "with the same Email"},
		{[]automation.Evidence{key("Email", 1), key("Phone", 1)}, "with the same Email and Phone"},
		{[]automation.Evidence{key("User id", 1), key("Email", 1), key("Phone", 1)}, "with the same User id, Email and Phone"},
		{[]automation.Evidence{key("Email", 2), key(evidenceChoice, 1)}, "by somebody's choice"},
		{[]automation.Evidence{key(evidenceBeforeMove, 1)}, "by what its counterpart held before it moved"},
		{[]automation.Evidence{key(evidenceUnanswered, 1)}, "by what an unanswered write asked for"},
		{nil, "with the same details"},
	} {
		got := identityTitle(c, found{identity: automation.Identity{How: automation.ByMatch, Evidence: k.evidence}})
		if got != "Found its counterpart: one HighLevel contact "+k.want || strings.Contains(got, "jane") {
			t.Errorf("%v: %q", k.evidence, got)
		}
	}
}
