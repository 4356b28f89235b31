package automationui

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"crosswalk/web/ui"
)

// The rule builder is a plain form, so the tree travels in control names. A
// node's path is "rule" for the root and "rule.0", "rule.0.1" … below it:
//
//	<path>.kind   "group" or "condition" (hidden)
//	<path>.match  "all" or "any"            of a group
//	<path>.field  <path>.op  <path>.value   of a condition
//	do            the pressed button: save | add-condition:<path> |
//	              add-group:<path> | remove:<path>
//
// [ReadGroup] turns a posted form back into the tree, [Group.Edit] applies the
// pressed button to it.

// Group is a node that joins others by and/or.
type Group struct {
	Any   bool // at least one instead of all
	Nodes []Node
}

// Node is either a Condition or a Group.
type Node struct {
	Condition *Condition
	Group     *Group
}

// Condition compares one field.
type Condition struct {
	Field, Op, Value string
	Error            string // e.g. the field was deleted in Gleap
	Gone             bool   // Field is no longer among the fields
}

// Operators are the comparisons a condition may use, by the kind of field they
// make sense for. The server accepts exactly these values.
var Operators = []ui.Option{
	{Value: "equals", Label: "is"},
	{Value: "not_equals", Label: "is not"},
	{Value: "is_not_empty", Label: "has any value"},
	{Value: "is_empty", Label: "is empty"},
	{Value: "contains", Label: "contains", Group: "Text"},
	{Value: "not_contains", Label: "does not contain", Group: "Text"},
	{Value: "starts_with", Label: "starts with", Group: "Text"},
	{Value: "ends_with", Label: "ends with", Group: "Text"},
	{Value: "is_one_of", Label: "is one of", Group: "Text"},
	{Value: "is_none_of", Label: "is none of", Group: "Text"},
	{Value: "greater", Label: "is more than", Group: "Numbers"},
	{Value: "less", Label: "is less than", Group: "Numbers"},
	{Value: "at_least", Label: "is at least", Group: "Numbers"},
	{Value: "at_most", Label: "is at most", Group: "Numbers"},
	{Value: "before", Label: "is before", Group: "Dates"},
	{Value: "after", Label: "is after", Group: "Dates"},
	{Value: "has_any", Label: "has any of", Group: "Labels"},
	{Value: "has_all", Label: "has all of", Group: "Labels"},
	{Value: "has_none", Label: "has none of", Group: "Labels"},
	{Value: "is_true", Label: "is yes", Group: "Yes or no"},
	{Value: "is_false", Label: "is no", Group: "Yes or no"},
}

// firstOperator is what a new condition begins with.
const firstOperator = "equals"

// valueless are the operators that compare with nothing.
var valueless = []string{"is_empty", "is_not_empty", "is_true", "is_false"}

// RootPath is the path of the whole rule.
const RootPath = "rule"

// limits keep a hostile form from growing without end.
const (
	maxNodes = 200
	maxDepth = 8
)

// ReadGroup rebuilds the tree from a posted form. Unknown or broken parts are
// left out rather than refused.
func ReadGroup(form url.Values) Group {
	left := maxNodes
	return readGroup(form, RootPath, &left, 0)
}

func readGroup(form url.Values, path string, left *int, depth int) Group {
	g := Group{Any: form.Get(path+".match") == "any"}
	for _, i := range childIndexes(form, path) {
		if *left--; *left < 0 {
			return g
		}
		child := path + "." + strconv.Itoa(i)
		switch form.Get(child + ".kind") {
		case "group":
			if depth < maxDepth {
				inner := readGroup(form, child, left, depth+1)
				g.Nodes = append(g.Nodes, Node{Group: &inner})
			}
		case "condition":
			g.Nodes = append(g.Nodes, Node{Condition: &Condition{
				Field: form.Get(child + ".field"), Op: form.Get(child + ".op"), Value: form.Get(child + ".value"),
			}})
		}
	}
	return g
}

// childIndexes finds the direct children of path in order. Gaps are allowed:
// a row removed by the script leaves one.
func childIndexes(form url.Values, path string) []int {
	var found []int
	for name := range form {
		rest, ok := strings.CutPrefix(name, path+".")
		if !ok {
			continue
		}
		digits, ok := strings.CutSuffix(rest, ".kind")
		if !ok {
			continue
		}
		if i, err := strconv.Atoi(digits); err == nil && i >= 0 {
			found = append(found, i)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Edit applies a pressed button ("add-condition:rule", "remove:rule.0.1") and
// reports whether do was such an edit. Paths that no longer exist change nothing.
func (g Group) Edit(do string) (Group, bool) {
	verb, path, ok := strings.Cut(do, ":")
	if !ok || (path != RootPath && !strings.HasPrefix(path, RootPath+".")) {
		return g, false
	}
	indexes := []int{}
	if path != RootPath {
		for part := range strings.SplitSeq(strings.TrimPrefix(path, RootPath+"."), ".") {
			i, err := strconv.Atoi(part)
			if err != nil {
				return g, false
			}
			indexes = append(indexes, i)
		}
	}
	switch verb {
	case "add-condition":
		return g.at(indexes, func(in Group) Group {
			in.Nodes = append(slices.Clone(in.Nodes), Node{Condition: &Condition{Op: firstOperator}})
			return in
		}), true
	case "add-group":
		return g.at(indexes, func(in Group) Group {
			fresh := Group{Any: !in.Any, Nodes: []Node{{Condition: &Condition{Op: firstOperator}}}}
			in.Nodes = append(slices.Clone(in.Nodes), Node{Group: &fresh})
			return in
		}), true
	case "remove":
		if len(indexes) == 0 {
			return Group{Any: g.Any}, true
		}
		last := indexes[len(indexes)-1]
		return g.at(indexes[:len(indexes)-1], func(in Group) Group {
			if last >= 0 && last < len(in.Nodes) {
				in.Nodes = slices.Delete(slices.Clone(in.Nodes), last, last+1)
			}
			return in
		}), true
	}
	return g, false
}

// at rebuilds the path down to a group and replaces that group.
func (g Group) at(indexes []int, change func(Group) Group) Group {
	if len(indexes) == 0 {
		return change(g)
	}
	i := indexes[0]
	if i < 0 || i >= len(g.Nodes) || g.Nodes[i].Group == nil {
		return g
	}
	inner := g.Nodes[i].Group.at(indexes[1:], change)
	g.Nodes = slices.Clone(g.Nodes)
	g.Nodes[i] = Node{Group: &inner}
	return g
}

// wantsValue tells whether an operator compares with something.
func wantsValue(op string) bool { return !slices.Contains(valueless, op) }
