package rule

import (
	"fmt"
	"strings"
	"time"

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
		if *left < -1 {
			c.broken = "The rule has too many parts."
			return c // told once, by the first one too many
		}
		return report("too_many", fmt.Sprintf("A rule may have up to %d parts.", MaxNodes), "Remove some, or make a second automation.")
	}
	if n.Op != "" && (n.Field != "" || n.Operator != "") || !n.IsGroup() && len(n.Nodes) > 0 {
		return report("mixed", "This part is both a group and a condition.", "Remove it and add it anew.")
	}
	if n.IsGroup() {
		if depth > MaxDepth {
			return report("too_deep", fmt.Sprintf("Groups may be nested up to %d deep.", MaxDepth), "Take the inner conditions out of their group.")
		}
		if n.Op != And && n.Op != Or && n.Op != "" {
			return report("join", fmt.Sprintf("“%s” is not a way to join conditions.", n.Op), "Choose “all” or “any”.")
		}
		for _, inner := range n.Nodes {
			// A group that asks nothing is no alternative: in an “any” it would let everything through.
			if part := compile(inner, schema, loc, depth+1, left, problems); part.asks() {
				c.nodes = append(c.nodes, part)
			}
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
		return report("operator_kind", fmt.Sprintf("“%s” does not fit %s, which holds %s.", op.Label, spec.Label, spec.Kind.Words()), "Choose another comparison.")
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
	want, problem := wanted(op, spec, n.Value, loc)
	if problem != nil {
		return report(problem.Code, problem.Message, problem.Suggestion)
	}
	c.want = want
	return c
}

// asks reports whether the part decides anything; a broken one does, since it never passes.
func (c *compiled) asks() bool { return !c.node.IsGroup() || len(c.nodes) > 0 || c.broken != "" }

// wanted reads the value a condition compares with. What the field could never hold is refused here: compared, it
// would decide every record alike and nobody would know why.
func wanted(op Operator, spec record.FieldSpec, value string, loc record.Locale) (operand, *Problem) {
	if !op.list {
		return single(op, spec, value, loc)
	}
	w := operand{}
	for part := range strings.SplitSeq(value, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		if spec.Kind == record.Set {
			w.items = append(w.items, record.Normalise(record.Choice, record.TextOf(part), loc))
			continue
		}
		o, problem := single(op, spec, part, loc)
		if problem != nil {
			return operand{}, problem
		}
		w.items = append(w.items, o.normal)
	}
	if len(w.items) == 0 {
		return operand{}, &Problem{Code: "no_value", Message: "This condition has nothing to compare with.", Suggestion: "Type one or more values, with commas between them."}
	}
	return w, nil
}

func single(op Operator, spec record.FieldSpec, value string, loc record.Locale) (operand, *Problem) {
	v := record.TextOf(strings.TrimSpace(value))
	switch spec.Kind {
	case record.Number, record.Date, record.DateTime:
		fit, err := record.Coerce(v, record.FieldSpec{Label: spec.Label, Kind: spec.Kind}, loc)
		if err != nil {
			return operand{}, &Problem{Code: "value_kind", Message: err.Error(), Suggestion: "Type a value of that kind."}
		}
		v = fit
	}
	o := ready(spec.Kind, v, loc)
	if spec.Kind == record.DateTime && len(strings.TrimSpace(value)) <= len(time.DateOnly) {
		// A day without a time is the whole day, not its first instant.
		if start, ok := v.AsTime(); ok {
			o.until = record.Normalise(record.DateTime, record.TimeOf(nextDay(start, loc.Zone)), loc)
		}
	}
	if spec.Kind == record.Phone && op.part {
		// A piece of a number is no number: only its digits count, as in the form it is compared with.
		if o.folded = dialled(value); strings.Trim(o.folded, "+") == "" {
			return operand{}, &Problem{Code: "value_kind", Message: fmt.Sprintf("“%s” has no digit, and %s holds a phone number.", shortText(value), spec.Label), Suggestion: "Type the digits to look for, such as +1415."}
		}
	}
	return o, nil
}

// ready makes a value comparable. A value that is not of its field's kind is there, but orders against nothing.
func ready(k record.Kind, v record.Value, loc record.Locale) operand {
	if v.IsEmpty() {
		return operand{empty: true}
	}
	o := operand{normal: record.Normalise(k, v, loc)}
	if o.normal == "" {
		return operand{empty: true} // nothing but space
	}
	switch k {
	case record.Number:
		if fit, err := record.Coerce(v, record.FieldSpec{Kind: k}, loc); err == nil {
			o.number, o.ordered = fit.AsNumber()
		}
	case record.Date, record.DateTime:
		_, err := record.Coerce(v, record.FieldSpec{Kind: k}, loc)
		o.ordered = err == nil
	case record.Set:
		o.items = strings.Split(o.normal, "\x00")
	case record.Phone:
		o.folded = o.normal
	case record.Bool:
	default:
		o.folded = record.Normalise(record.Choice, v, loc)
	}
	return o
}

func nextDay(start time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	return start.In(zone).AddDate(0, 0, 1)
}

func dialled(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '+' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
