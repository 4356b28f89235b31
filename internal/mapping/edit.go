package mapping

import (
	"fmt"
	"slices"
	"strings"

	"crosswalk/internal/record"
)

// Between is what the rows of a mapping are drawn between. Whoever edits rows, on a page or on the command line, asks it
// what may be.
type Between struct {
	Source, Target record.Schema
	Locale         record.Locale
}

// Fault is what keeps a row from being saved as somebody wants it.
type Fault struct {
	Code       string // stable
	Back       bool   // Step is one of the way back
	Step       int    // -1: the whole row
	Param      string
	Message    string // a sentence
	Suggestion string
}

func (f Fault) Error() string { return strings.TrimSpace(f.Message + " " + f.Suggestion) }

// Connect makes a source field fill a target field, and a row that cannot go on leading both ways then one way. A
// target that is filled already gets the new source instead of its old ones. With a fault nothing is changed.
func (b Between) Connect(m Mapping, source, target string) (Mapping, *Fault) {
	row, mapped := m.RowFor(target)
	if mapped && len(row.Sources) > 0 && row.Sources[0] == source {
		return m, nil // it is filled from there already
	}
	to, fault := writable(b.Target, target, "target_gone")
	if fault != nil {
		return m, fault
	}
	from, ok := b.Source.Field(source)
	switch {
	case !ok:
		return m, noField(b.Source, source, "source_gone")
	case !mapped && len(m.Rows) >= MaxRows:
		return m, full()
	}
	next := m.Connect(from, to, b.Locale)
	row, _ = next.RowFor(to.Key)
	if steps, ok := suggestedSteps(b.Source, b.Target, from, to, b.Locale); ok {
		row.Steps = steps
	}
	if row.Direction == Both && len(b.Faults(next, row)) > 0 {
		row.Direction = "" // a row without a way back would carry nothing at all
	}
	return next.Replace(row), nil
}

// LeadBack adds a row that fills a source field from a target field. With a fault nothing is changed.
func (b Between) LeadBack(m Mapping, target, source string) (Mapping, *Fault) {
	from, ok := b.Target.Field(target)
	switch {
	case !ok:
		return m, noField(b.Target, target, "target_gone")
	case source == "":
		return m, &Fault{Code: "no_source", Step: -1, Message: "Choose the field to fill."}
	}
	to, fault := writable(b.Source, source, "source_gone")
	switch {
	case fault != nil:
		return m, fault
	case len(m.Rows) >= MaxRows:
		return m, full()
	}
	if words := b.taken(m, Row{Sources: []string{source}, Target: target, Direction: ToSource}); words != "" {
		return m, &Fault{Code: "twice", Step: -1, Message: words, Suggestion: "Edit the row that is there."}
	}
	next := m.LeadBack(from, to, b.Locale)
	row := next.Rows[len(next.Rows)-1]
	if steps, ok := suggestedSteps(b.Target, b.Source, from, to, b.Locale); ok {
		row.Steps = steps
	}
	return next.Replace(row), nil
}

// suggestedSteps are what a suggestion that is taken brings along: “the first part of Name”.
func suggestedSteps(source, target record.Schema, from, to record.FieldSpec, loc record.Locale) ([]Step, bool) {
	for _, sg := range Suggest(source, target, loc) {
		if sg.Source == from.Key && sg.Target == to.Key {
			return sg.Steps, true
		}
	}
	return nil, false
}

func writable(s record.Schema, key, gone string) (record.FieldSpec, *Fault) {
	spec, ok := s.Field(key)
	switch {
	case !ok:
		return spec, noField(s, key, gone)
	case spec.ReadOnly:
		return spec, &Fault{Code: "read_only", Step: -1, Message: s.LabelOf(key) + " can only be read, not written.", Suggestion: "Choose another field to fill."}
	}
	return spec, nil
}

func noField(s record.Schema, key, code string) *Fault {
	return &Fault{Code: code, Step: -1, Message: fmt.Sprintf("The field “%s” does not exist in the %s.", clipped(key), s.Label), Suggestion: "It may have been deleted in the account meanwhile. Choose another field."}
}

func full() *Fault {
	return &Fault{Code: "too_many_rows", Step: -1, Message: fmt.Sprintf("A mapping may have up to %d rows.", MaxRows), Suggestion: "Remove rows that are not needed."}
}

// clipped keeps what somebody typed from filling a sentence.
func clipped(key string) string {
	const most = 120
	key = strings.ToValidUTF8(key, "\uFFFD")
	if r := []rune(key); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return key
}

// Faults checks a row before it is saved: every transform for itself, then the row as a whole, then whether another
// row of m fills the same field. What is wrong with the other rows is no reason to refuse this one.
func (b Between) Faults(m Mapping, row Row) []Fault {
	var out []Fault
	check := func(back bool, steps []Step) {
		for i, st := range steps {
			if err := st.Check(b.Locale); err != nil {
				out = append(out, Fault{Code: "bad_param", Back: back, Step: i, Param: err.Param, Message: err.Message})
			}
		}
	}
	check(false, row.Steps)
	check(true, row.Back)
	if len(out) > 0 {
		return out
	}
	alone := Mapping{Source: m.Source, Target: m.Target, Rows: []Row{row}}
	_, problems := alone.Compile(b.Source, b.Target, b.Locale)
	if row.Direction.ToSource() {
		_, back := alone.Flipped().Compile(b.Target, b.Source, b.Locale)
		problems = append(problems, back...)
	}
	told := map[string]bool{}
	for _, p := range problems {
		if p.RowID == row.ID && p.Severity == Error && !told[p.Code] {
			told[p.Code] = true
			out = append(out, Fault{Code: p.Code, Step: -1, Message: p.Message, Suggestion: p.Suggestion})
		}
	}
	if words := b.taken(m, row); len(out) == 0 && words != "" {
		out = append(out, Fault{Code: "twice", Step: -1, Message: words, Suggestion: "Edit or remove that one first."})
	}
	return out
}

// taken says that another row fills the same field already, or nothing.
func (b Between) taken(m Mapping, row Row) string {
	for _, other := range m.Rows {
		switch {
		case other.ID == row.ID:
		case row.Direction.ToTarget() && other.Direction.ToTarget() && other.Target == row.Target:
			return b.Target.LabelOf(row.Target) + " is filled by another row already."
		case row.Direction.ToSource() && other.Direction.ToSource():
			if i := slices.IndexFunc(row.Sources, func(key string) bool { return slices.Contains(other.Sources, key) }); i >= 0 {
				return b.Source.LabelOf(row.Sources[i]) + " is filled from the " + b.Target.Label + " by another row already."
			}
		}
	}
	return ""
}

// Owned gives a row that was edited the owner that was wanted for it. A row that is turned round, and whose owner was the
// side its values came from, follows: “Gleap wins” would otherwise come to mean that nothing is carried to Gleap.
func (r Row) Owned(before Row, wanted Owner) Row {
	r.Owner = ownerOf(before, r, wanted)
	return r
}

func ownerOf(before, r Row, wanted Owner) Owner {
	if wanted == before.HasLastWord() {
		turned := (before.Direction == ToSource) != (r.Direction == ToSource)
		if turned && r.Direction != Both && wanted == (Row{Direction: before.Direction}).HasLastWord() {
			return ""
		}
		if turned && before.Owner == "" {
			return wanted // what was left unsaid means another side now
		}
		return before.Owner
	}
	if wanted != "" && wanted.valid() {
		return wanted
	}
	return before.Owner
}

// Leading is the row as it leads another way. Its owner follows as for Owned.
func (r Row) Leading(to Direction) Row {
	turned := r
	if turned.Direction = to; to == ToTarget {
		turned.Direction = ""
	}
	if to != Both {
		turned.Back = nil
	}
	return turned.Owned(r, r.HasLastWord())
}

// Words says who has the last word, with the names of both sides.
func (o Owner) Words(source, target string) string {
	switch o {
	case OwnerTarget:
		return target + " wins"
	case OwnerNewest:
		return "the newest edit wins"
	case OwnerOnlyIfEmpty:
		return "only what is empty is filled"
	case OwnerAsk:
		return "somebody is asked"
	}
	return source + " wins"
}

// Chips says steps one after another.
func Chips(steps []Step) string {
	words := make([]string, 0, len(steps))
	for _, st := range steps {
		words = append(words, st.Chip())
	}
	return strings.Join(words, ", then ")
}
