package server

import (
	"strconv"

	"crosswalk/internal/rule"
	"crosswalk/web/automationui"
	"crosswalk/web/ui"
)

// The rule builder's tree and the rule are the same shape; only the root differs, which the form always shows
// as a group. Operators travel under the rule's own names (a test holds the form's list to that).

// ruleOf reads the form's tree.
func ruleOf(g automationui.Group) rule.Rule { return rule.Rule{Root: groupNode(g)}.Tidy() }

func groupNode(g automationui.Group) rule.Node {
	n := rule.Node{Op: rule.And}
	if g.Any {
		n.Op = rule.Or
	}
	for _, inner := range g.Nodes {
		switch {
		case inner.Condition != nil:
			n.Nodes = append(n.Nodes, rule.Node{Field: inner.Condition.Field, Operator: inner.Condition.Op, Value: inner.Condition.Value})
		case inner.Group != nil:
			n.Nodes = append(n.Nodes, groupNode(*inner.Group))
		}
	}
	return n
}

// groupOf shows a rule in the form.
func groupOf(r rule.Rule) automationui.Group {
	if r.Root.IsGroup() {
		return nodeGroup(r.Root)
	}
	return automationui.Group{Nodes: []automationui.Node{conditionOf(r.Root)}}
}

func nodeGroup(n rule.Node) automationui.Group {
	g := automationui.Group{Any: n.Op == rule.Or}
	for _, inner := range n.Nodes {
		if !inner.IsGroup() {
			g.Nodes = append(g.Nodes, conditionOf(inner))
			continue
		}
		group := nodeGroup(inner)
		g.Nodes = append(g.Nodes, automationui.Node{Group: &group})
	}
	return g
}

func conditionOf(n rule.Node) automationui.Node {
	return automationui.Node{Condition: &automationui.Condition{Field: n.Field, Op: n.Operator, Value: n.Value}}
}

// complain puts each problem beside the condition that causes it, and answers those of whole groups. The tree
// must be the one the problems were found in.
func complain(g automationui.Group, problems []rule.Problem) []ui.Problem {
	conditions := map[string]*automationui.Condition{}
	var walk func(g automationui.Group, id string)
	walk = func(g automationui.Group, id string) {
		for i, n := range g.Nodes {
			inner := id + "." + strconv.Itoa(i)
			if n.Condition != nil {
				conditions[inner] = n.Condition
			} else if n.Group != nil {
				walk(*n.Group, inner)
			}
		}
	}
	walk(g, "c")
	var rest []ui.Problem
	for _, p := range problems {
		c, ok := conditions[p.NodeID]
		if !ok && len(problems) == 1 && p.NodeID == "c" && len(g.Nodes) == 1 {
			c, ok = g.Nodes[0].Condition, g.Nodes[0].Condition != nil // a rule that is a single condition
		}
		if !ok {
			rest = append(rest, ui.Problem{Title: p.Message, Next: p.Suggestion, Code: p.Code})
			continue
		}
		c.Error = p.Message
		if p.Suggestion != "" {
			c.Error += " " + p.Suggestion
		}
		c.Gone = p.Code == "field_gone"
	}
	return rest
}
