package rule

import (
	"cmp"
	"slices"
	"strings"

	"crosswalk/internal/record"
)

// Operator is one way to compare a field. Label completes the sentence "plan … free".
type Operator struct {
	Name, Label string
	// Kinds are the field kinds it makes sense for; nil: all.
	Kinds      []record.Kind
	NeedsValue bool

	test func(have, want operand) bool
	// list makes the wanted value several, separated by commas; part makes it a piece of the field's.
	list, part bool
}

// operand is a value made ready for comparing.
type operand struct {
	normal string   // record.Normalise of the value
	until  string   // of a wanted day on a field with times: where the next day begins
	folded string   // for comparing pieces: lower case, or a phone number's international form
	number float64  // when the field holds numbers and it is ordered
	items  []string // of a set, or the wanted list; folded
	empty  bool
	// ordered says that a value is the number or date its field should hold: what is not comes neither before
	// nor after anything.
	ordered bool
}

var (
	ordered = []record.Kind{record.Number}
	dated   = []record.Kind{record.Date, record.DateTime}
	textual = []record.Kind{record.Text, record.LongText, record.Email, record.Phone, record.URL, record.Choice}
	yesNo   = []record.Kind{record.Bool}
	sets    = []record.Kind{record.Set}
)

func kinds(groups ...[]record.Kind) []record.Kind { return slices.Concat(groups...) }

// Operators lists every way to compare, in the order a form offers them.
//
// On an empty field every comparison fails but "is empty", and those that say "not": a plan that is not known
// is not free.
func Operators() []Operator { return operators }

var operators = []Operator{
	{Name: "equals", Label: "is", NeedsValue: true, Kinds: kinds(textual, ordered, dated), test: equals},
	{Name: "not_equals", Label: "is not", NeedsValue: true, Kinds: kinds(textual, ordered, dated), test: not(equals)},
	{Name: "contains", Label: "contains", NeedsValue: true, part: true, Kinds: textual, test: contains},
	{Name: "not_contains", Label: "does not contain", NeedsValue: true, part: true, Kinds: textual, test: not(contains)},
	{Name: "starts_with", Label: "starts with", NeedsValue: true, part: true, Kinds: textual, test: func(h, w operand) bool { return !h.empty && strings.HasPrefix(h.folded, w.folded) }},
	{Name: "ends_with", Label: "ends with", NeedsValue: true, part: true, Kinds: textual, test: func(h, w operand) bool { return !h.empty && strings.HasSuffix(h.folded, w.folded) }},
	{Name: "is_one_of", Label: "is one of", NeedsValue: true, Kinds: kinds(textual, ordered), test: oneOf, list: true},
	{Name: "is_none_of", Label: "is none of", NeedsValue: true, Kinds: kinds(textual, ordered), test: not(oneOf), list: true},
	{Name: "greater", Label: "is more than", NeedsValue: true, Kinds: ordered, test: compare(func(c int) bool { return c > 0 })},
	{Name: "less", Label: "is less than", NeedsValue: true, Kinds: ordered, test: compare(func(c int) bool { return c < 0 })},
	{Name: "at_least", Label: "is at least", NeedsValue: true, Kinds: ordered, test: compare(func(c int) bool { return c >= 0 })},
	{Name: "at_most", Label: "is at most", NeedsValue: true, Kinds: ordered, test: compare(func(c int) bool { return c <= 0 })},
	{Name: "before", Label: "is before", NeedsValue: true, Kinds: dated, test: func(h, w operand) bool { return h.ordered && h.normal < w.normal }},
	{Name: "after", Label: "is after", NeedsValue: true, Kinds: dated, test: after},
	{Name: "has_any", Label: "has any of", NeedsValue: true, Kinds: sets, test: hasAny, list: true},
	{Name: "has_all", Label: "has all of", NeedsValue: true, Kinds: sets, test: hasAll, list: true},
	{Name: "has_none", Label: "has none of", NeedsValue: true, Kinds: sets, test: not(hasAny), list: true},
	{Name: "is_true", Label: "is yes", Kinds: yesNo, test: func(h, _ operand) bool { return h.normal == "yes" }},
	{Name: "is_false", Label: "is no", Kinds: yesNo, test: func(h, _ operand) bool { return h.normal == "no" }},
	{Name: "is_empty", Label: "is empty", test: func(h, _ operand) bool { return h.empty }},
	{Name: "is_not_empty", Label: "has any value", test: func(h, _ operand) bool { return !h.empty }},
}

// FindOperator looks an operator up by name.
func FindOperator(name string) (Operator, bool) {
	i := slices.IndexFunc(operators, func(o Operator) bool { return o.Name == name })
	if i < 0 {
		return Operator{}, false
	}
	return operators[i], true
}

// For reports whether the operator makes sense for a kind of field.
func (o Operator) For(k record.Kind) bool { return o.Kinds == nil || slices.Contains(o.Kinds, k) }

func not(test func(h, w operand) bool) func(h, w operand) bool {
	return func(h, w operand) bool { return !test(h, w) }
}

func equals(h, w operand) bool {
	if w.until != "" {
		return h.ordered && h.normal >= w.normal && h.normal < w.until
	}
	return !h.empty && h.normal == w.normal
}

func after(h, w operand) bool {
	if w.until != "" {
		return h.ordered && h.normal >= w.until
	}
	return h.ordered && h.normal > w.normal
}

func contains(h, w operand) bool { return !h.empty && strings.Contains(h.folded, w.folded) }

func oneOf(h, w operand) bool { return !h.empty && slices.Contains(w.items, h.normal) }

func compare(ok func(c int) bool) func(h, w operand) bool {
	return func(h, w operand) bool { return h.ordered && w.ordered && ok(cmp.Compare(h.number, w.number)) }
}

func hasAny(h, w operand) bool {
	return slices.ContainsFunc(w.items, func(e string) bool { return slices.Contains(h.items, e) })
}

func hasAll(h, w operand) bool {
	return !slices.ContainsFunc(w.items, func(e string) bool { return !slices.Contains(h.items, e) })
}
