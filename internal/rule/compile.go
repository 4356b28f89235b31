package rule

import (
	"fmt"
	"strconv"
	"strings"

	"crosswalk/internal/record"
)

// Problem is something wrong with a rule, tied to the node that causes it.
type Problem struct {
	NodeID     string
	Code       string // stable
	Message    string // a sentence
	Suggestion string // what to do; may be empty
}

// Program is a rule made ready: fields resolved, values parsed. Safe for concurrent use.
type Program struct {
	root   compiled
	locale record.Locale
}

type compiled struct {
	node   Node
	spec   record.FieldSpec
	op     Operator
	want   operand
	broken string // why it can never pass
	nodes  []compiled
}

// Compile checks a rule against the source's schema. It never fails as a whole: a broken condition is reported
// and never passes (it fails closed).
func (r Rule) Compile(schema record.Schema, loc record.Locale) (*Program, []Problem) {
	var problems []Problem
	left := MaxNodes
	p := &Program{locale: loc}
	p.root = compile(r.Numbered().Root, schema, loc, 1, &left, &problems)
	return p, problems
}

func compile(n Node, schema record.Schema, loc record.Locale, depth int, left *int, problems *[]Problem) compiled {
	c := compiled{node: n}
	report := func(code, message, suggestion string) compiled {
		*problems = append(*problems, Problem{NodeID: n.ID, Code: code, Message: message, Suggestion: suggestion})
		c.broken = message
		return c
	}
	if *left--; *left < 0 {
		return report("too_many", fmt.Sprintf("A rule may have up to %d parts.", MaxNodes), "Remove some, or make a second automation.")
	}
	if n.IsGroup() {
		if depth > MaxDepth {
			return report("too_deep", fmt.Sprintf("Groups may be nested up to %d deep.", MaxDepth), "Take the inner conditions out of their group.")
		}
		if n.Op != And && n.Op != Or && n.Op != "" {
			return report("join", fmt.Sprintf("“%s” is not a way to join conditions.", n.Op), "Choose “all” or “any”.")
		}
		for _, inner := range n.Nodes {
			c.nodes = append(c.nodes, compile(inner, schema, loc, depth+1, left, problems))
		}
		return c
	}
	if n.Field == "" {
		return report("no_field", "This condition has no field yet.", "Choose a field, or remove the condition.")
	}
	spec, ok := schema.Field(n.Field)
	if !ok {
		c.spec = record.FieldSpec{Key: n.Field, Label: n.Field}
		return report("field_gone", fmt.Sprintf("The field “%s” does not exist in the %s any more.", n.Field, schema.Label), "Choose another field, or remove the condition. Until then it lets nothing through.")
	}
	c.spec = spec
	op, ok := FindOperator(n.Operator)
	if !ok {
		return report("operator", "This condition has no comparison yet.", "Choose how to compare.")
	}
	c.op = op
	if !op.For(spec.Kind) {
		return report("operator_kind", fmt.Sprintf("“%s” does not fit %s, which holds %s.", op.Label, spec.Label, kindWord(spec.Kind)), "Choose another comparison.")
	}
	if !op.NeedsValue {
		return c
	}
	if strings.TrimSpace(n.Value) == "" {
		return report("no_value", "This condition has nothing to compare with.", "Type a value, or choose “is empty”.")
	}
	if len(n.Value) > MaxValue {
		return report("value_long", fmt.Sprintf("The value is longer than %d characters.", MaxValue), "Shorten it.")
	}
	want, err := wanted(op, spec, n.Value, loc)
	if err != "" {
		return report("value_kind", err, "Type a value of that kind.")
	}
	c.want = want
	return c
}

func wanted(op Operator, spec record.FieldSpec, value string, loc record.Locale) (operand, string) {
	if op.list {
		w := operand{}
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			if spec.Kind == record.Set {
				w.items = append(w.items, strings.ToLower(part))
				continue
			}
			w.items = append(w.items, record.Normalise(spec.Kind, record.TextOf(part), loc))
		}
		return w, ""
	}
	v := record.TextOf(strings.TrimSpace(value))
	switch spec.Kind {
	case record.Number, record.Date, record.DateTime:
		bare := record.FieldSpec{Label: spec.Label, Kind: spec.Kind}
		fit, err := record.Coerce(v, bare, loc)
		if err != nil {
			return operand{}, err.Error()
		}
		v = fit
	}
	return ready(spec.Kind, v, loc), ""
}

func ready(k record.Kind, v record.Value, loc record.Locale) operand {
	if v.IsEmpty() {
		return operand{empty: true}
	}
	o := operand{normal: record.Normalise(k, v, loc)}
	switch k {
	case record.Number:
		n, err := strconv.ParseFloat(o.normal, 64)
		o.number, o.isNum = n, err == nil
	case record.Set:
		if o.normal != "" {
			o.items = strings.Split(o.normal, "\x00")
		}
	}
	o.folded = strings.ToLower(v.String())
	return o
}

func kindWord(k record.Kind) string {
	switch k {
	case record.Number:
		return "numbers"
	case record.Bool:
		return "yes or no"
	case record.Date:
		return "dates"
	case record.DateTime:
		return "dates with times"
	case record.Set:
		return "a set of labels"
	case record.Choice:
		return "one of several options"
	case record.Email:
		return "an email address"
	case record.Phone:
		return "a phone number"
	}
	return "text"
}
