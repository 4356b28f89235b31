package rule_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

func condition(field string) rule.Node {
	return rule.Node{Field: field, Operator: "equals", Value: " x "}
}

func TestConditionsAreEditedByTheirIDs(t *testing.T) {
	t.Parallel()
	nested := rule.Rule{Root: rule.Node{Op: rule.And, Nodes: []rule.Node{condition("a"), {Op: rule.Or, Nodes: []rule.Node{condition("b"), condition("c")}}}}}
	bare := rule.Rule{Root: condition("a")}
	add := func(into string) func(rule.Rule) (rule.Rule, bool) {
		return func(r rule.Rule) (rule.Rule, bool) { return r.Add(into, condition("new")) }
	}
	remove := func(id string) func(rule.Rule) (rule.Rule, bool) {
		return func(r rule.Rule) (rule.Rule, bool) { return r.Remove(id) }
	}
	join := func(id string) func(rule.Rule) (rule.Rule, bool) {
		return func(r rule.Rule) (rule.Rule, bool) { return r.Join(id, rule.Or) }
	}
	for name, c := range map[string]struct {
		rule rule.Rule
		do   func(rule.Rule) (rule.Rule, bool)
		ok   bool
		want string
	}{
		"to none":                        {rule.Rule{}, add(rule.Top), true, "new is x"},
		"beside one alone":               {bare, add(rule.Top), true, "a is x and new is x"},
		"to a group":                     {nested, add("c.1"), true, "a is x and (b is x or c is x or new is x)"},
		"to a condition":                 {nested, add("c.0"), false, ""},
		"to nothing":                     {nested, add("c.9"), false, ""},
		"one away":                       {nested, remove("c.1.0"), true, "a is x and c is x"},
		"a group away":                   {nested, remove("c.1"), true, "a is x"},
		"the last away":                  {bare, remove("c.0"), true, ""},
		"the top stays":                  {nested, remove(rule.Top), false, ""},
		"none of that number":            {nested, remove("c.2"), false, ""},
		"no number":                      {nested, remove("c.x"), false, ""},
		"any of the top":                 {nested, join(rule.Top), true, "a is x or (b is x or c is x)"},
		"a condition joins nothing":      {nested, join("c.0"), false, ""},
		"one alone is a group of itself": {bare, join(rule.Top), true, "a is x"},
	} {
		before := c.rule.Numbered()
		got, ok := c.do(c.rule)
		if !ok && !cmp.Equal(got, c.rule) {
			t.Errorf("%s: what cannot be done changed it to %+v", name, got)
		}
		if words := got.Read(record.Schema{}); ok != c.ok || ok && words != c.want {
			t.Errorf("%s: %v, %q; want %v, %q", name, ok, words, c.ok, c.want)
		}
		if diff := cmp.Diff(before, c.rule.Numbered()); diff != "" {
			t.Errorf("%s: the rule before was changed: %s", name, diff)
		}
	}
}

func TestARuleIsStoredTidy(t *testing.T) {
	t.Parallel()
	r := rule.Rule{Root: rule.Node{Op: rule.Or, Nodes: []rule.Node{
		{Op: rule.And}, {Field: "a", Operator: "is_empty", Value: "left over"}, {Op: rule.And, Nodes: []rule.Node{{Op: rule.Or}}}, condition("b"), {Field: "c", Operator: "unheard of", Value: "y"},
	}}}
	want := rule.Rule{Root: rule.Node{Op: rule.Or, Nodes: []rule.Node{
		{Field: "a", Operator: "is_empty"}, {Field: "b", Operator: "equals", Value: "x"}, {Field: "c", Operator: "unheard of", Value: "y"},
	}}}.Numbered()
	if diff := cmp.Diff(want, r.Tidy()); diff != "" {
		t.Error(diff)
	}
	if got := (rule.Rule{Root: rule.Node{Op: rule.And, Nodes: []rule.Node{{Op: rule.And}}}}).Tidy(); !cmp.Equal(got, rule.Rule{}) {
		t.Errorf("what asks nothing is stored as %+v", got)
	}
}
