package rule_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"crosswalk/internal/rule"
)

func TestAGroupThatAsksNothingOpensNoGate(t *testing.T) {
	t.Parallel()
	nothing := rule.Node{Op: rule.And, Nodes: []rule.Node{{}, {Op: rule.Or}}}
	p, problems := (rule.Rule{Root: rule.Node{Op: rule.Or, Nodes: []rule.Node{nothing, cond("plan", "equals", "free")}}}).Compile(schema, us)
	if len(problems) > 0 {
		t.Fatalf("%+v", problems)
	}
	// The sentence reads "Plan is free", so that is what it must mean.
	if v := p.Evaluate(jane); v.Passed || p.Passes(jane) || v.Why() != "Plan is “free”, but it is “pro-annual”." {
		t.Errorf("%v %q", v.Passed, v.Why())
	}
	p, _ = (rule.Rule{Root: rule.Node{Op: rule.Or, Nodes: []rule.Node{nothing}}}).Compile(schema, us)
	if v := p.Evaluate(jane); !v.Passed || !p.Passes(jane) {
		t.Error("a rule that asks nothing lets nothing through")
	}
	broken := rule.Node{Op: "xor"}
	p, _ = (rule.Rule{Root: rule.Node{Op: rule.And, Nodes: []rule.Node{broken, cond("plan", "is_not_empty", "")}}}).Compile(schema, us)
	if p.Evaluate(jane).Passed || p.Passes(jane) {
		t.Error("a broken group without conditions was taken for an empty one")
	}
}

func TestAPartThatIsBothGroupAndConditionIsToldAndNeverPasses(t *testing.T) {
	t.Parallel()
	for _, n := range []rule.Node{
		{Op: rule.And, Field: "plan", Operator: "equals", Value: "free"},
		{Op: rule.Or, Operator: "equals"},
		{Field: "plan", Operator: "is_not_empty", Nodes: []rule.Node{cond("plan", "is_empty", "")}},
	} {
		p, problems := one(n).Compile(schema, us)
		if len(problems) != 1 || problems[0].Code != "mixed" || problems[0].NodeID != "c.0" || p.Passes(jane) || p.Evaluate(jane).Passed {
			t.Errorf("%+v: %+v", n, problems)
		}
	}
}

func TestADeepRuleCostsNoMoreThanAShallowOne(t *testing.T) {
	t.Parallel()
	const deep = 3000
	stored := `{"root":` + strings.Repeat(`{"op":"or","nodes":[`, deep) + `{"field":"plan","operator":"is_not_empty"}` + strings.Repeat(`]}`, deep) + `}`
	var r rule.Rule
	if err := json.Unmarshal([]byte(stored), &r); err != nil {
		t.Fatal(err)
	}
	p, problems := r.Compile(schema, us)
	if len(problems) != 1 || problems[0].Code != "too_deep" || len(problems[0].NodeID) > 2*rule.MaxDepth+2 || p.Passes(jane) {
		t.Errorf("%+v", problems)
	}
	longest := 0
	for n := r.Numbered().Root; len(n.Nodes) > 0; n = n.Nodes[0] {
		longest = max(longest, len(n.ID))
	}
	if longest > 2*rule.MaxDepth+2 {
		t.Errorf("an id of %d bytes", longest)
	}
}

func TestAConditionWithoutAFieldReadsNone(t *testing.T) {
	t.Parallel()
	if got := one(rule.Node{Operator: "equals"}, cond("plan", "is_empty", ""), cond("plan", "equals", "x")).Fields(); !slices.Equal(got, []string{"plan"}) {
		t.Errorf("it reads %q", got)
	}
}
