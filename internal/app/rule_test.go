package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/rule"
)

func TestConditionsAreChangedOnTheCommandLine(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 0)
	h, a := e.houses[0], e.runs(e.connects())
	schema, err := h.definitions.Schema(t.Context(), a.Definition.Source.Connection, a.Definition.Source.Object)
	e.must(err)
	for _, c := range []struct {
		do    ruleOrders
		words string
		err   string
	}{
		{ruleOrders{add: "city equals Rome"}, "City is Rome", ""},
		{ruleOrders{add: "tags has_any vip, gold", group: "any"}, "City is Rome and Tags has any of vip, gold", ""},
		{ruleOrders{add: "source is_empty", into: "c.1"}, "City is Rome and (Tags has any of vip, gold or Source is empty)", ""},
		{ruleOrders{match: "any"}, "City is Rome or (Tags has any of vip, gold or Source is empty)", ""},
		{ruleOrders{match: "any"}, "City is Rome or (Tags has any of vip, gold or Source is empty)", ""}, // it is so already
		{ruleOrders{match: "all", into: "c.1", on: "created"}, "City is Rome or (Tags has any of vip, gold and Source is empty)", ""},
		{ruleOrders{remove: "c.0", add: "companyName not_equals Acme equals Inc"}, "(Tags has any of vip, gold and Source is empty) or Company is not Acme equals Inc", ""},
		{ruleOrders{remove: "c.0"}, "Company is not Acme equals Inc", ""},
		{ruleOrders{on: "created, updated"}, "Company is not Acme equals Inc", ""},

		{ruleOrders{add: "city"}, "", "--add takes a field, a comparison and a value"},
		{ruleOrders{add: "nope equals x"}, "", "the field “nope” does not exist in the HighLevel contact; --fields"},
		{ruleOrders{add: "city equals"}, "", "This condition has nothing to compare with. Type a value"},
		{ruleOrders{add: "city is_empty Rome"}, "", "“is empty” is compared with nothing"},
		{ruleOrders{add: "city greater 4"}, "", "“is more than” does not fit City, which holds text. Choose another comparison: --fields lists those of each field."},
		{ruleOrders{add: "dateAdded after soon"}, "", "Type a value of that kind."},
		{ruleOrders{add: "city equals x", into: "c.0"}, "", `--into: "c.0" is the id of no group`},
		{ruleOrders{add: "city equals x", group: "some"}, "", "--group is all or any"},
		{ruleOrders{match: "none"}, "", "--match is all or any"},
		{ruleOrders{match: "all", into: "c.7"}, "", `--into: "c.7" is the id of no group`},
		{ruleOrders{remove: "c"}, "", `--remove: "c" is the id of no condition`},
		{ruleOrders{into: "c"}, "", "say one of them too"},
		{ruleOrders{group: "any"}, "", "say --add too"},
		{ruleOrders{remove: "c.0", into: "c", add: "city equals x"}, "", "one of them at a time"},
		{ruleOrders{on: "deleted"}, "", "--on is created,updated, created or updated"},
	} {
		a.Workspace = "ws_1"
		saved, err := h.changeRule(t.Context(), a, c.do)
		switch {
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%+v: %v, want %q", c.do, err, c.err)
		case c.err == "" && err != nil:
			t.Fatalf("%+v: %v", c.do, err)
		case c.err == "":
			if words := saved.Edited().Definition.Rule.Read(schema); words != c.words {
				t.Errorf("%+v: %q, want %q", c.do, words, c.words)
			}
			a = saved
		}
	}
	if a.Version != 1 || a.Edited().Version != 9 {
		t.Errorf("version %d is live and %d waits, want 1 and 9: one for each change, and none for what is so already", a.Version, a.Edited().Version)
	}
	acts, err := h.store.AuditEntries(t.Context(), "ws_1", people.AuditFilter{Limit: 20})
	e.must(err)
	if len(acts) < 8 || acts[0].Kind != people.AuditAutomationSave || acts[0].After != "changed what makes it look" || acts[1].After != "changed the conditions" {
		t.Errorf("the audit log says %+v", acts)
	}
	if _, err := h.changeRule(t.Context(), a, ruleOrders{add: "city equals Rome"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.changeRule(t.Context(), a, ruleOrders{remove: "c.0"}); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("saved over somebody else's change: %v", err)
	}
}

func TestConditionsAreListedOnTheCommandLine(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 0)
	h, a := e.houses[0], e.runs(e.connects())
	var out, beside bytes.Buffer
	c := &call{Streams: Streams{Out: &out, Err: &beside}}
	e.must(h.showRule(t.Context(), c, a, false))
	if want := "It looks when the HighLevel contact is created or updated.\nThere are no conditions, so every record passes.\n"; out.String() != want {
		t.Errorf("without conditions: %s", out.String())
	}
	one := func(field, op, value string) rule.Node { return rule.Node{Field: field, Operator: op, Value: value} }
	a.Definition.Rule = rule.Rule{Root: rule.Node{Op: rule.And, Nodes: []rule.Node{one("city", "equals", "Rome"), {Op: rule.Or, Nodes: []rule.Node{one("plan", "equals", "pro"), one("source", "is_empty", "")}}}}}
	out.Reset()
	e.must(h.showRule(t.Context(), c, a, false))
	want := `It looks when the HighLevel contact is created or updated.
c  all of these hold:
  c.0  City is Rome
  c.1  any of these holds:
    c.1.0  plan is pro
    c.1.1  Source is empty
! The field “plan” does not exist in the HighLevel contact any more. Choose another field, or remove the condition. Until then it lets nothing through.
`
	if out.String() != want {
		t.Errorf("it says\n%s\nwant\n%s", out.String(), want)
	}
	// What is wrong already keeps nobody from putting the rest right.
	stored, err := h.store.SaveEdit(t.Context(), a.ID, a.Version, a.Definition, "", "")
	e.must(err)
	if _, err := h.changeRule(t.Context(), stored, ruleOrders{remove: "c.0"}); err != nil {
		t.Errorf("beside a broken condition: %v", err)
	}
	out.Reset()
	e.must(h.showRule(t.Context(), c, a, true))
	var line ruleLine
	e.must(json.Unmarshal(out.Bytes(), &line))
	if line.Rule.Root.Nodes[1].Nodes[0].ID != "c.1.0" || len(line.Problems) != 1 || line.Words != "It looks when the HighLevel contact is created or updated. Only if City is Rome and (plan is pro or Source is empty)." || len(line.Trigger.On) != 2 {
		t.Errorf("as JSON: %s", out.String())
	}
	out.Reset()
	e.must(h.showRuleFields(t.Context(), c, a))
	if !strings.Contains(out.String(), "    city  City: equals, not_equals, ") || !strings.Contains(out.String(), "    tags  Tags: has_any, has_all, has_none, is_empty, is_not_empty\n") {
		t.Errorf("the fields: %s", out.String())
	}
	if beside.Len() > 0 {
		t.Errorf("beside it: %s", beside.String())
	}
	out.Reset()
	a.Definition.Source.Connection = "cn_none"
	e.must(h.showRule(t.Context(), c, a, false))
	if !strings.Contains(out.String(), "It looks when the highlevel contact is") || !strings.Contains(out.String(), "c.0  city is Rome") || !strings.Contains(beside.String(), "could not be checked") {
		t.Errorf("without an account: %s%s", out.String(), beside.String())
	}
	if _, err := h.changeRule(t.Context(), automation.Automation{Definition: a.Definition}, ruleOrders{remove: "c.0"}); err == nil || !strings.Contains(err.Error(), "ask the accounts which fields there are") {
		t.Errorf("an edit without an account: %v", err)
	}
	if err := h.showRuleFields(t.Context(), &call{Streams: Streams{Out: io.Discard}}, a); err == nil {
		t.Error("fields of no account")
	}
}
