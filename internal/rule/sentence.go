package rule

import (
	"strings"

	"crosswalk/internal/record"
)

// PartKind says what a piece of the sentence is.
type PartKind string

// The kinds of part.
const (
	Word    PartKind = "word"
	FieldIs PartKind = "field"
	ValueIs PartKind = "value"
)

// Part is a piece of the rule read aloud: "plan" "is not" "free" "and" …
type Part struct {
	Kind PartKind
	Text string
}

// Sentence reads the rule aloud. The empty rule says nothing.
func (r Rule) Sentence(schema record.Schema) []Part { return sentence(r.Root, schema, true) }

// Read is the sentence in one string.
func (r Rule) Read(schema record.Schema) string {
	parts := r.Sentence(schema)
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = p.Text
	}
	text := strings.Join(words, " ")
	return strings.ReplaceAll(strings.ReplaceAll(text, "( ", "("), " )", ")")
}

func sentence(n Node, schema record.Schema, top bool) []Part {
	if !n.IsGroup() {
		label := n.Field
		if spec, ok := schema.Field(n.Field); ok {
			label = spec.Label
		}
		parts := []Part{{FieldIs, label}}
		op, ok := FindOperator(n.Operator)
		if !ok {
			return append(parts, Part{Word, "…"})
		}
		parts = append(parts, Part{Word, op.Label})
		if op.NeedsValue {
			parts = append(parts, Part{ValueIs, shortText(n.Value)})
		}
		return parts
	}
	join := "and"
	if n.Op == Or {
		join = "or"
	}
	var out []Part
	said := 0
	for _, inner := range n.Nodes {
		parts := sentence(inner, schema, false)
		if len(parts) == 0 {
			continue
		}
		if said > 0 {
			out = append(out, Part{Word, join})
		}
		out = append(out, parts...)
		said++
	}
	if said > 1 && !top {
		out = append([]Part{{Word, "("}}, append(out, Part{Word, ")"})...)
	}
	return out
}
