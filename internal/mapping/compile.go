package mapping

import (
	"fmt"
	"slices"
	"strings"

	"crosswalk/internal/record"
)

// Severity says whether a problem keeps an automation from being switched on.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is something wrong with a mapping, tied to the row and field that cause it.
type Problem struct {
	Code       string // stable
	Severity   Severity
	RowID      string // empty when no row is at fault
	Field      string // target field key
	Step       int    // index into the row's steps, -1 when none is at fault
	Param      string
	Message    string // a sentence
	Suggestion string
	Fix        *Fix
}

// Fix is a change a person can make with one click: the row's steps become Steps.
type Fix struct {
	Name  string // stable, travels through the form
	Label string // on the button
	Steps []Step
}

// Program is a mapping made ready: fields resolved, parameters parsed. Safe for concurrent use.
type Program struct {
	rows []compiledRow
}

type compiledRow struct {
	row     *Row
	target  record.FieldSpec
	sources []string
	from    string // labels of the sources, for sentences
	steps   []apply
	locale  record.Locale
	parting *parting
	several bool // the first step takes all sources
	fits    bool // the last step gives just what the target holds
	plain   bool // one source, no steps, kinds alike: nothing to do but copy
}

// Compile checks a mapping against both schemas. It never fails as a whole: broken rows are left out and
// reported.
func (m Mapping) Compile(source, target record.Schema, loc record.Locale) (*Program, []Problem) {
	k := compiler{source: source, target: target, locale: loc, filled: map[string]bool{}, ids: map[string]bool{}}
	p := &Program{rows: make([]compiledRow, 0, len(m.Rows))}
	for i := range m.Rows {
		if i == MaxRows {
			k.report(Problem{Code: "too_many_rows", Severity: Error, Message: fmt.Sprintf("A mapping may have up to %d rows.", MaxRows), Suggestion: "Remove rows that are not needed."})
			break
		}
		// The row is copied: a program outlives the mapping it was made from.
		row := m.Rows[i]
		if c, ok := k.row(&row); ok {
			p.rows = append(p.rows, c)
		}
	}
	for _, spec := range target.Fields {
		if spec.Required && !spec.ReadOnly && !k.filled[spec.Key] {
			k.report(Problem{Code: "required", Severity: Error, Field: spec.Key, Message: fmt.Sprintf("%s is required by the %s, and nothing fills it.", spec.Label, target.Label), Suggestion: "Connect a field to it."})
		}
	}
	return p, k.problems
}

type compiler struct {
	source, target record.Schema
	locale         record.Locale
	filled         map[string]bool // target field
	ids            map[string]bool // of rows
	problems       []Problem
}

func (k *compiler) report(p Problem) {
	if p.Code != "bad_param" && p.Code != "unknown_transform" {
		p.Step = -1
	}
	k.problems = append(k.problems, p)
}

func (k *compiler) row(row *Row) (compiledRow, bool) {
	at := func(code string, s Severity, suggestion, format string, a ...any) {
		k.report(Problem{Code: code, Severity: s, RowID: row.ID, Field: row.Target, Message: fmt.Sprintf(format, a...), Suggestion: suggestion})
	}
	// Forms and problems point at rows by id: of two with the same one, the first would be edited for the second.
	part := slices.Index(row.Parts, row.Target)
	again := row.ID != "" && k.ids[row.ID] && part < 1
	k.ids[row.ID] = true
	spec, ok := k.target.Field(row.Target)
	switch {
	case again:
		at("same_id", Error, "Remove one of the two rows and connect its fields again.", "Two rows share the id “%s”.", row.ID)
		return compiledRow{}, false
	case row.Target == "":
		at("no_target", Error, "Choose a target field, or remove the row.", "This row has no target field yet.")
		return compiledRow{}, false
	case !ok:
		at("target_gone", Error, "Remove the row, or connect its source to another field.", "The field “%s” does not exist in the %s any more.", row.Target, k.target.Label)
		return compiledRow{}, false
	case spec.ReadOnly && row.Direction.ToTarget():
		advice := "Remove the row."
		if row.Direction == Both {
			advice = "Let the row lead one way."
		}
		at("read_only", Error, advice, "%s can only be read, not written.", spec.Label)
		return compiledRow{}, false
	case !row.Direction.valid():
		at("direction", Error, "Remove the row and connect its fields again.", "“%s” is not a direction a row can have.", row.Direction)
		return compiledRow{}, false
	case !row.Owner.valid():
		at("owner", Error, "Choose again which side wins.", "“%s” is not a way to decide which side wins.", row.Owner)
		return compiledRow{}, false
	case row.Direction.ToSource() && len(row.Sources) != 1 && !row.Joins():
		at("one_source", Error, "Choose one source field, or let the row lead one way.", "%s leads back, so it needs just one source field.", spec.Label)
		return compiledRow{}, false
	case row.Direction == ToSource:
		return compiledRow{}, false // checked where it leads: Flipped
	case k.filled[row.Target]:
		at("twice", Error, "Remove one of the two rows.", "%s is filled by two rows.", spec.Label)
		return compiledRow{}, false
	case len(row.Steps) > MaxSteps:
		at("too_many_steps", Error, "Remove some.", "A row may have up to %d transforms.", MaxSteps)
		return compiledRow{}, false
	case len(row.Sources) > MaxSources:
		at("too_many_sources", Error, "Remove some.", "A row may have up to %d source fields.", MaxSources)
		return compiledRow{}, false
	case len(row.Sources) == 0 && !slices.ContainsFunc(row.Steps, func(s Step) bool { return s.Use == "fixed" || s.Use == "default" }):
		at("no_source", Error, "Choose a source field, or add a fixed value.", "%s has no source.", spec.Label)
		return compiledRow{}, false
	}
	var from []string
	for _, key := range row.Sources {
		source, ok := k.source.Field(key)
		from = append(from, source.Label)
		switch {
		case key == "":
			at("no_source", Error, "Choose a source field, or take it away.", "%s has a source that is not chosen yet.", spec.Label)
			return compiledRow{}, false
		case !ok:
			at("source_gone", Error, "Choose another source field, or remove the row.", "The field “%s” does not exist in the %s any more.", key, k.source.Label)
			return compiledRow{}, false
		}
	}
	if row.Joins() {
		if why, advice := k.cannotTakeApart(row, spec); why != "" {
			at("parts", Error, advice, "%s", why)
			return compiledRow{}, false
		}
	}
	if _, known := row.WayBack(); row.Direction == Both && !known {
		at("way_back", Error, "Say how values go back, or let the row lead one way.", "%s: its transforms do not tell how a value goes back.", spec.Label)
		return compiledRow{}, false
	}
	c := compiledRow{row: row, target: spec, sources: row.Sources, from: strings.Join(from, " and "), parting: partingOf(row), locale: k.locale}
	for i, s := range row.Steps {
		t, ok := FindTransform(s.Use)
		if !ok {
			k.report(Problem{Code: "unknown_transform", Severity: Error, RowID: row.ID, Field: row.Target, Step: i, Message: fmt.Sprintf("There is no transform “%s”.", s.Use), Suggestion: "Remove it."})
			return compiledRow{}, false
		}
		f, perr := t.prepare(s, k.locale)
		if perr != nil {
			k.report(Problem{Code: "bad_param", Severity: Error, RowID: row.ID, Field: row.Target, Step: i, Param: perr.Param, Message: t.Label + ": " + perr.Message, Suggestion: "Open the row and put it right."})
			return compiledRow{}, false
		}
		if i == 0 {
			c.several = t.Several
		}
		c.steps = append(c.steps, f)
	}
	c.fits = spec.Kind == record.Phone && len(row.Steps) > 0 && row.Steps[len(row.Steps)-1].Use == "phone"
	if len(row.Sources) > 1 && !c.several {
		at("join_first", Error, "Make “Join” or “First one filled” the first transform.", "%s has several sources, and nothing says how to put them together.", spec.Label)
		return compiledRow{}, false
	}
	k.filled[row.Target] = true
	k.fit(row, &c)
	return c, true
}

// fit warns where kinds do not fit, with the fix where one is known.
func (k *compiler) fit(row *Row, c *compiledRow) {
	if len(row.Sources) != 1 {
		return
	}
	from, _ := k.source.Field(row.Sources[0])
	if len(row.Steps) == 0 {
		c.plain = c.parting == nil && from.Kind == c.target.Kind && c.target.MaxLen == 0 && (from.Kind == record.Text || from.Kind == record.LongText)
	}
	if slices.ContainsFunc(row.Steps, func(s Step) bool { return reshapes[s.Use] }) {
		return
	}
	steps := StepsFor(from, c.target, k.locale)
	var fix *Fix
	if len(steps) > 0 {
		fix = &Fix{Name: "suit", Label: "Add “" + steps[len(steps)-1].Chip() + "”", Steps: append(slices.Clone(row.Steps), steps...)}
	}
	warn := func(code, format string, a ...any) {
		k.report(Problem{Code: code, Severity: Warning, RowID: row.ID, Field: row.Target, Message: fmt.Sprintf(format, a...), Fix: fix})
	}
	switch {
	case c.target.Kind == record.Text, c.target.Kind == record.LongText, c.target.Kind == record.URL:
		if c.target.MaxLen > 0 && (from.MaxLen > c.target.MaxLen || from.MaxLen == 0 && from.Kind == record.LongText) {
			fix = &Fix{Name: "suit", Label: fmt.Sprintf("Shorten to %d characters", c.target.MaxLen), Steps: append(slices.Clone(row.Steps), Step{Use: "shorten", With: map[string]string{"to": fmt.Sprint(c.target.MaxLen)}})}
			warn("length", "%s holds %d characters; longer values are left out.", c.target.Label, c.target.MaxLen)
		}
	case c.target.Kind == from.Kind:
	case c.target.Kind == record.Date && from.Kind == record.DateTime, c.target.Kind == record.DateTime && from.Kind == record.Date:
		// Every day is an instant and the other way round.
	case c.target.Kind == record.Phone && k.locale.Region == "":
		warn("phone", "%s wants an international number. National ones are left out and reported.", c.target.Label)
	case c.target.Kind == record.Phone:
		warn("phone", "%s wants an international number. National ones get the country %s.", c.target.Label, k.locale.Region)
	case c.target.Kind == record.Email:
		fix = nil // no transform makes an address of what is none
		warn("kind", "%s holds %s and %s holds %s: values that do not fit are left out and reported.", from.Label, from.Kind.Words(), c.target.Label, c.target.Kind.Words())
	case slices.Contains([]record.Kind{record.Number, record.Bool, record.Date, record.DateTime}, c.target.Kind):
		warn("kind", "%s holds %s and %s holds %s: values that do not fit are left out and reported.", from.Label, from.Kind.Words(), c.target.Label, c.target.Kind.Words())
	case c.target.Kind == record.Choice && len(c.target.Options) > 0:
		warn("options", "%s takes %d options; other values are left out and reported. A look-up table can translate them.", c.target.Label, len(c.target.Options))
	}
}

// reshapes are transforms after which the source's own kind says nothing any more.
var reshapes = map[string]bool{"phone": true, "number": true, "round": true, "date": true, "lookup": true, "yes_no": true, "fixed": true, "to_labels": true, "split": true, "split_name": true, "shorten": true}

// StepsFor are the transforms that suit a pair of fields, as a new row begins with.
func StepsFor(source, target record.FieldSpec, loc record.Locale) []Step {
	if source.Kind == target.Kind {
		return nil
	}
	switch target.Kind {
	case record.Phone:
		if loc.Region == "" {
			return []Step{{Use: "phone"}}
		}
		return []Step{{Use: "phone", With: map[string]string{"region": loc.Region}}}
	case record.Number:
		if source.Kind == record.Text || source.Kind == record.LongText {
			return []Step{{Use: "number"}}
		}
	case record.Date:
		return []Step{{Use: "date"}}
	case record.Email:
		return []Step{{Use: "trim"}, {Use: "text_case", With: map[string]string{"to": "lower"}}}
	case record.Set:
		return []Step{{Use: "to_labels"}}
	}
	return nil
}
