package rule

import (
	"slices"
	"strconv"
	"strings"
)

// Tidy is the rule as it is stored: values trimmed and left out where nothing is compared with them, parts numbered, and
// without inner groups that hold no condition: asking nothing, they would let everything through an “or”.
func (r Rule) Tidy() Rule {
	root, _ := tidy(r.Grouped().Root)
	if len(root.Nodes) == 0 {
		return Rule{}
	}
	return Rule{Root: root}.Numbered()
}

func tidy(n Node) (Node, bool) {
	if !n.IsGroup() {
		if op, ok := FindOperator(n.Operator); ok && !op.NeedsValue {
			n.Value = ""
		}
		n.Value = strings.TrimSpace(n.Value)
		return n, true
	}
	var kept []Node
	for _, inner := range n.Nodes {
		if inner, ok := tidy(inner); ok {
			kept = append(kept, inner)
		}
	}
	n.Nodes = kept
	return n, len(kept) > 0
}

// Grouped is a rule of the same meaning with a group at its top, as editors show it; the ids of its parts are those that Add,
// Remove and Join take.
func (r Rule) Grouped() Rule {
	switch {
	case !r.Root.IsGroup():
		r.Root = Node{Op: And, Nodes: []Node{r.Root}}
	case r.Root.Op == "":
		r.Root.Op = And
	}
	return r.Numbered()
}

// Top is the id of the group at the top.
const Top = "c"

// Add puts a part at the end of a group; false where no group has the id.
func (r Rule) Add(into string, part Node) (Rule, bool) {
	return r.change(into, func(n *Node) bool {
		if !n.IsGroup() {
			return false
		}
		n.Nodes = append(n.Nodes, part)
		return true
	})
}

// Remove takes a part away, a group with all it holds; false where there is none, and for the top.
func (r Rule) Remove(id string) (Rule, bool) {
	i := strings.LastIndexByte(id, '.')
	if i < 0 {
		return r, false
	}
	at, err := strconv.Atoi(id[i+1:])
	if err != nil {
		return r, false
	}
	return r.change(id[:i], func(n *Node) bool {
		if at < 0 || at >= len(n.Nodes) {
			return false
		}
		n.Nodes = slices.Delete(n.Nodes, at, at+1)
		return true
	})
}

// Join says whether all or any part of a group must hold; false where no group has the id.
func (r Rule) Join(id string, op Op) (Rule, bool) {
	return r.change(id, func(n *Node) bool {
		if !n.IsGroup() {
			return false
		}
		n.Op = op
		return true
	})
}

// change edits one part of a copy.
func (r Rule) change(id string, do func(*Node) bool) (Rule, bool) {
	out := r.Grouped()
	var walk func(n *Node) bool
	walk = func(n *Node) bool {
		n.Nodes = slices.Clone(n.Nodes)
		if n.ID == id {
			return do(n)
		}
		for i := range n.Nodes {
			if walk(&n.Nodes[i]) {
				return true
			}
		}
		return false
	}
	if !walk(&out.Root) {
		return r, false
	}
	return out.Tidy(), true
}
