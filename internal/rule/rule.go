package rule

import (
	"strconv"

	"crosswalk/internal/record"
)

// Trigger is what makes an automation look.
type Trigger struct {
	Object record.ObjectType `json:"object"`
	On     []string          `json:"on"` // provider.Change words: created, updated, deleted
}

// Op joins the nodes of a group; empty for a condition.
type Op string

// The joins.
const (
	And Op = "and"
	Or  Op = "or"
)

// Rule is a condition tree. The zero Rule, like an empty group, lets everything through.
type Rule struct {
	Root Node `json:"root"`
}

// Node is a group (Op set) or a condition on one field. IDs are unique within a rule.
type Node struct {
	ID       string `json:"id,omitempty"`
	Op       Op     `json:"op,omitempty"`
	Nodes    []Node `json:"nodes,omitempty"`
	Field    string `json:"field,omitempty"`
	Operator string `json:"operator,omitempty"`
	Value    string `json:"value,omitempty"`
}

// IsGroup reports whether the node joins others. The zero node is an empty group.
func (n Node) IsGroup() bool { return n.Op != "" || n.Field == "" && n.Operator == "" }

// IsEmpty reports that the rule lets everything through because it asks nothing.
func (r Rule) IsEmpty() bool { return r.Root.conditions() == 0 }

func (n Node) conditions() int {
	if !n.IsGroup() {
		return 1
	}
	sum := 0
	for _, inner := range n.Nodes {
		sum += inner.conditions()
	}
	return sum
}

// Limits keep a rule readable and its evaluation short.
const (
	MaxNodes = 100
	MaxDepth = 6
	MaxValue = 4096 // bytes of one condition's value
)

// Numbered gives every node an id by its place (c, c.0, c.0.1), so that problems and checks can point at it.
func (r Rule) Numbered() Rule {
	r.Root = numbered(r.Root, "c", 1)
	return r
}

func numbered(n Node, id string, depth int) Node {
	n.ID = id
	if len(n.Nodes) == 0 || depth > MaxDepth {
		return n // what is nested deeper is refused as a whole
	}
	nodes := make([]Node, len(n.Nodes))
	for i, inner := range n.Nodes {
		nodes[i] = numbered(inner, id+"."+strconv.Itoa(i), depth+1)
	}
	n.Nodes = nodes
	return n
}

// Fields are the source fields the rule reads, each once, in order of appearance.
func (r Rule) Fields() []string {
	var out []string
	seen := map[string]bool{}
	var walk func(Node)
	walk = func(n Node) {
		if n.Field != "" && !seen[n.Field] {
			seen[n.Field] = true
			out = append(out, n.Field)
		}
		for _, inner := range n.Nodes {
			walk(inner)
		}
	}
	walk(r.Root)
	return out
}
