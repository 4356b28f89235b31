package rule_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

var (
	us     = record.Locale{Region: "US"}
	schema = record.Schema{Label: "Gleap contact", Fields: []record.FieldSpec{
		{Key: "plan", Label: "Plan", Kind: record.Text}, {Key: "email", Label: "Email", Kind: record.Email}, {Key: "value", Label: "Value", Kind: record.Number},
		{Key: "since", Label: "Since", Kind: record.Date}, {Key: "tags", Label: "Tags", Kind: record.Set}, {Key: "blocked", Label: "Blocked", Kind: record.Bool},
		{Key: "phone", Label: "Phone", Kind: record.Phone},
	}}
	jane = record.Fields{
		"plan": record.TextOf("pro-annual"), "email": record.TextOf("Jane@Acme.io"), "value": record.NumberOf(120), "since": record.TextOf("2026-03-01"),
		"tags": record.ListOf([]string{"VIP", "beta"}), "blocked": record.BoolOf(false), "phone": record.TextOf("+14155550133"),
	}
)

func cond(field, op, value string) rule.Node {
	return rule.Node{Field: field, Operator: op, Value: value}
}

func one(n ...rule.Node) rule.Rule { return rule.Rule{Root: rule.Node{Op: rule.And, Nodes: n}} }

func TestEveryOperatorOnAFullAndAnEmptyField(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range []struct {
		cond        rule.Node
		full, empty bool
	}{
		{cond("plan", "equals", "pro-annual"), true, false},
		{cond("email", "equals", "jane@acme.IO"), true, false},
		{cond("phone", "equals", "(415) 555-0133"), true, false},
		{cond("value", "equals", "120.0"), true, false},
		{cond("since", "equals", "03/01/2026"), true, false},
		{cond("plan", "not_equals", "free"), true, true},
		{cond("plan", "not_equals", "pro-annual"), false, true},
		{cond("plan", "contains", "ANNUAL"), true, false},
		{cond("plan", "not_contains", "annual"), false, true},
		{cond("plan", "starts_with", "Pro"), true, false},
		{cond("plan", "ends_with", "annual"), true, false},
		{cond("plan", "is_one_of", "free, pro-annual"), true, false},
		{cond("plan", "is_none_of", "free, trial"), true, true},
		{cond("value", "greater", "119"), true, false},
		{cond("value", "less", "120"), false, false},
		{cond("value", "at_least", "120"), true, false},
		{cond("value", "at_most", "119.9"), false, false},
		{cond("since", "before", "2026-03-02"), true, false},
		{cond("since", "after", "2026-03-01"), false, false},
		{cond("tags", "has_any", "vip, gold"), true, false},
		{cond("tags", "has_all", "vip, gold"), false, false},
		{cond("tags", "has_none", "gold"), true, true},
		{cond("blocked", "is_true", ""), false, false},
		{cond("blocked", "is_false", ""), true, false},
		{cond("plan", "is_empty", ""), false, true},
		{cond("plan", "is_not_empty", ""), true, false},
	} {
		seen[c.cond.Operator] = true
		p, problems := one(c.cond).Compile(schema, us)
		if len(problems) > 0 {
			t.Fatalf("%+v: %+v", c.cond, problems)
		}
		if got := p.Evaluate(jane).Passed; got != c.full {
			t.Errorf("%s %s %q on a full field: %v", c.cond.Field, c.cond.Operator, c.cond.Value, got)
		}
		if got := p.Evaluate(record.Fields{}).Passed; got != c.empty {
			t.Errorf("%s %s %q on an empty field: %v", c.cond.Field, c.cond.Operator, c.cond.Value, got)
		}
	}
	for _, o := range rule.Operators() {
		if !seen[o.Name] || o.Label == "" {
			t.Errorf("%s is not tried", o.Name)
		}
	}
}

func TestGroupsJoinAndTheEmptyRuleLetsEverythingThrough(t *testing.T) {
	t.Parallel()
	yes, no := cond("plan", "is_not_empty", ""), cond("plan", "is_empty", "")
	group := func(op rule.Op, n ...rule.Node) rule.Node { return rule.Node{Op: op, Nodes: n} }
	for name, c := range map[string]struct {
		root rule.Node
		want bool
	}{
		"nothing":    {rule.Node{}, true},
		"empty or":   {group(rule.Or), true},
		"and":        {group(rule.And, yes, no), false},
		"or":         {group(rule.Or, no, yes), true},
		"nested":     {group(rule.And, yes, group(rule.Or, no, yes)), true},
		"nested not": {group(rule.Or, no, group(rule.And, yes, no)), false},
	} {
		p, _ := (rule.Rule{Root: c.root}).Compile(schema, us)
		if v := p.Evaluate(jane); v.Passed != c.want || v.Why() == "" || p.Passes(jane) != c.want {
			t.Errorf("%s: %v %q", name, v.Passed, v.Why())
		}
	}
}

func TestAVerdictSaysWhatDecided(t *testing.T) {
	t.Parallel()
	p, _ := one(cond("plan", "not_equals", "pro-annual"), cond("value", "greater", "1")).Compile(schema, us)
	if why := p.Evaluate(jane).Why(); why != "Plan is not “pro-annual”, but it is “pro-annual”." {
		t.Errorf("got %q", why)
	}
	p, _ = one(cond("plan", "not_equals", "free")).Compile(schema, us)
	if why := p.Evaluate(jane).Why(); why != "Plan is not “free” (pro-annual)." {
		t.Errorf("got %q", why)
	}
}

func TestABrokenConditionIsToldAndNeverPasses(t *testing.T) {
	t.Parallel()
	deep := cond("plan", "is_not_empty", "")
	for range rule.MaxDepth + 1 {
		deep = rule.Node{Op: rule.And, Nodes: []rule.Node{deep}}
	}
	wide := rule.Node{Op: rule.And}
	for range rule.MaxNodes + 1 {
		wide.Nodes = append(wide.Nodes, cond("plan", "is_not_empty", ""))
	}
	for code, n := range map[string]rule.Node{
		"field_gone": cond("town", "is_empty", ""), "operator": cond("plan", "resembles", "x"), "operator_kind": cond("plan", "greater", "1"),
		"no_value": cond("plan", "equals", " "), "value_kind": cond("value", "greater", "many"), "no_field": {Operator: "equals", Value: "x"},
		"value_long": cond("plan", "equals", strings.Repeat("x", rule.MaxValue+1)), "too_deep": deep, "too_many": wide, "join": {Op: "xor", Nodes: []rule.Node{cond("plan", "is_not_empty", "")}},
	} {
		p, problems := one(n).Compile(schema, us)
		if len(problems) == 0 || problems[0].Code != code || problems[0].NodeID == "" || problems[0].Message == "" || problems[0].Suggestion == "" {
			t.Errorf("%s: %+v", code, problems)
		}
		if p.Evaluate(jane).Passed || p.Passes(jane) {
			t.Errorf("%s passes", code)
		}
	}
	// A deleted field must not open the gate by way of an "or" or a "not" either.
	p, _ := one(cond("town", "not_equals", "x")).Compile(schema, us)
	if v := p.Evaluate(jane); v.Passed || !strings.Contains(v.Why(), "does not exist") {
		t.Errorf("%v %q", v.Passed, v.Why())
	}
}

func TestTheQuickWayAgreesWithTheExplainedOne(t *testing.T) {
	t.Parallel()
	var node func(depth int) *rapid.Generator[rule.Node]
	node = func(depth int) *rapid.Generator[rule.Node] {
		return rapid.Custom(func(t *rapid.T) rule.Node {
			if depth > 3 || rapid.Bool().Draw(t, "leaf") {
				return cond(rapid.SampledFrom([]string{"plan", "value", "tags", "gone"}).Draw(t, "field"),
					rapid.SampledFrom(rule.Operators()).Draw(t, "operator").Name, rapid.SampledFrom([]string{"", "vip", "120", "free, pro"}).Draw(t, "value"))
			}
			return rule.Node{Op: rapid.SampledFrom([]rule.Op{rule.And, rule.Or}).Draw(t, "op"), Nodes: rapid.SliceOfN(node(depth+1), 0, 3).Draw(t, "nodes")}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rule.Rule{Root: node(0).Draw(t, "rule")}
		p, _ := r.Compile(schema, us)
		for _, f := range []record.Fields{jane, {}} {
			if p.Passes(f) != p.Evaluate(f).Passed {
				t.Fatal("they differ")
			}
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var again rule.Rule
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		q, _ := again.Compile(schema, us)
		if q.Passes(jane) != p.Passes(jane) {
			t.Fatal("the stored form judges otherwise")
		}
	})
}
