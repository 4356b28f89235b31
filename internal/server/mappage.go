package server

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
	"crosswalk/web/automationui"
	"crosswalk/web/mappingui"
	"crosswalk/web/ui"
)

func (s *scoped) mapPage(c echo.Context) error {
	d, err := s.opened(c)
	if err != nil {
		return err
	}
	return s.showMap(c, http.StatusOK, d, func(v *mappingui.View) {
		if _, r := rowIn(v, c.QueryParam("open")); r != nil {
			r.Open = true
		}
		if t, r := rowIn(v, c.QueryParam("turned")); r != nil && r.Direction == mappingui.ToTarget {
			v.Problems = append([]ui.Problem{{
				Tone: ui.Info, Title: t.Label + " leads to " + v.To.Side.Name() + " only now", Code: "turned",
				Detail: "It led both ways. How a value goes back is not told by what it is made of now.", Next: "To let it lead both ways again, say in its editor how a value goes back.",
			}}, v.Problems...)
		}
	})
}

// showMap renders the canvas as it is stored; change puts in what a person has typed and not saved.
func (s *scoped) showMap(c echo.Context, status int, d desk, change func(*mappingui.View)) error {
	v, err := s.mapView(c, d)
	if err != nil {
		return err
	}
	if change != nil {
		change(&v)
	}
	sh, err := s.shell(c, ui.Automations)
	if err != nil {
		return err
	}
	return s.render(c, status, mappingui.Page(sh, v))
}

// rowIn finds a row of the view, and the target it belongs to.
func rowIn(v *mappingui.View, id string) (*mappingui.Target, *mappingui.Row) {
	if id == "" {
		return nil, nil
	}
	for i := range v.Targets {
		t := &v.Targets[i]
		if t.Row != nil && t.Row.ID == id {
			return t, t.Row
		}
		for _, r := range t.Backs {
			if r.ID == id {
				return t, r
			}
		}
	}
	return nil, nil
}

func (s *scoped) mapView(c echo.Context, d desk) (mappingui.View, error) {
	ctx := c.Request().Context()
	v := mappingui.View{
		Builder: s.head(d, automationui.Map),
		From:    mappingui.Object{Side: d.source.side(), Title: d.source.schema.Label},
		To:      mappingui.Object{Side: d.target.side(), Title: d.target.schema.Label},
		Palette: palette(),
	}
	versions, err := s.Store.Versions(ctx, d.a.ID)
	if err != nil {
		return v, err
	}
	history := trackOf(versions)
	if _, what, ok := history.back(); ok {
		v.UndoLabel = cmp.Or(what, "the last change")
	}
	if _, what, ok := history.forth(); ok {
		v.RedoLabel = cmp.Or(what, "the next change")
	}

	sample := s.sampleOf(c, d)
	v.Samples, v.Unreachable = sample.options, sample.why
	fields := record.Fields{}
	if sample.record != nil {
		v.SampleID, fields = sample.record.Ref.ID, sample.record.Fields
	}
	v.Sources, v.Keys = sourcesOf(d, fields, sample.unseen), keysView(d)
	if p := s.unseenProblem(d.source, sample.unseen, d.a.Definition.Reads(automation.SourceSide)); p != nil {
		v.Problems = append(v.Problems, *p)
	}
	v.Targets = targetsOf(d)
	if sample.record != nil {
		v.Unreachable = s.showResults(c, &v, d, *sample.record)
	}
	for _, p := range d.compiled.MappingProblems {
		if !complainAtRow(&v, p) && !saysItself(&v, p) {
			v.Problems = append(v.Problems, ui.Problem{Tone: toneOf(p.Severity), Title: p.Message, Next: p.Suggestion, Code: p.Code})
		}
	}
	if missing := d.compiled.Lacking(); d.known() && missing != "" {
		v.Problems = append(v.Problems, ui.Problem{Tone: ui.Warn, Title: missing, Next: "Connect a field to one of them.", Code: "needs_one_of"})
	}
	return v, nil
}

// saysItself tells that a required field of the target complains at its own place.
func saysItself(v *mappingui.View, p mapping.Problem) bool {
	return p.Code == "required" && slices.ContainsFunc(v.Targets, func(t mappingui.Target) bool {
		return t.Key == p.Field && t.Required && t.Row == nil
	})
}

func toneOf(sev mapping.Severity) ui.Tone {
	if sev == mapping.Warning {
		return ui.Warn
	}
	return ui.Stop
}

func sourcesOf(d desk, sample record.Fields, unseen error) []mappingui.Source {
	used := map[string]bool{}
	var gone []string
	for _, r := range d.a.Definition.Mapping.Rows {
		for _, key := range r.Sources {
			if _, ok := d.source.schema.Field(key); !ok && !used[key] {
				gone = append(gone, key)
			}
			used[key] = true
		}
	}
	borrowed := d.source.object.BorrowedFields()
	out := make([]mappingui.Source, 0, len(d.source.schema.Fields)+len(gone))
	for _, f := range d.source.schema.Fields {
		text, at := shownValue(sample[f.Key])
		src := mappingui.Source{Key: f.Key, Label: cmp.Or(f.Label, f.Key), Type: kindWords(f), Sample: brief(text), SampleAt: at, Used: used[f.Key]}
		if unseen != nil && slices.Contains(borrowed, f.Key) {
			src.Unseen = unseenWord(unseen)
		}
		out = append(out, src)
	}
	for _, key := range gone {
		out = append(out, mappingui.Source{Key: key, Label: key, Used: true, Gone: true})
	}
	return out
}

// targetsOf lists the fields that can be written, those that need a look first.
func targetsOf(d desk) []mappingui.Target {
	def := d.a.Definition
	suggestions := map[string]mapping.Suggestion{}
	if d.known() {
		for _, sg := range mapping.Suggest(d.source.schema, d.target.schema, def.Locale()) {
			suggestions[sg.Target] = sg
		}
	}
	match := map[string]bool{}
	for _, m := range def.Match {
		match[m.Target] = true
	}
	var first, rest []mappingui.Target
	for _, f := range d.target.schema.Fields {
		row, mapped := def.Mapping.RowFor(f.Key)
		backs := backsOf(def.Mapping, f.Key)
		if f.ReadOnly && !mapped && len(backs) == 0 {
			continue
		}
		t := mappingui.Target{Key: f.Key, Label: cmp.Or(f.Label, f.Key), Type: kindWords(f), Required: f.Required, ReadOnly: f.ReadOnly, Backs: backs}
		switch {
		case match[f.Key]:
			t.Note = "match key"
		case f.Kind == record.Set:
			t.Note = "added to, never overwritten"
		}
		if mapped {
			t.Row = rowView(row)
		} else if sg, ok := suggestions[f.Key]; ok {
			t.Suggestion = &mappingui.Suggestion{Source: sg.Source, Label: d.source.label(sg.Source), Reason: capital(sg.Reason) + "."}
		}
		if mapped || f.Required || len(backs) > 0 {
			first = append(first, t)
		} else {
			rest = append(rest, t)
		}
	}
	for _, r := range def.Mapping.Rows {
		if _, ok := d.target.schema.Field(r.Target); ok {
			continue
		}
		gone := mappingui.Target{Key: r.Target, Label: r.Target, Gone: true}
		if r.Direction.ToTarget() {
			gone.Row = rowView(r)
		} else {
			gone.Backs = []*mappingui.Row{rowView(r)}
		}
		first = append(first, gone)
	}
	return append(first, rest...)
}

// backsOf are the rows that only lead from a target field back to the source.
func backsOf(m mapping.Mapping, target string) []*mappingui.Row {
	var out []*mappingui.Row
	for _, r := range m.Rows {
		if r.Target == target && !r.Direction.ToTarget() {
			out = append(out, rowView(r))
		}
	}
	return out
}

func capital(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	return strings.ToUpper(string(r[0])) + string(r[1:])
}

// rowView shows a row in the editor.
func rowView(r mapping.Row) *mappingui.Row {
	v := &mappingui.Row{
		ID: r.ID, Sources: slices.Clone(r.Sources), Policy: string(r.HasLastWord()), Clear: r.ClearWhenEmpty,
		Direction: mappingui.Direction(r.Leads()), Transforms: transformViews(r.Steps),
	}
	if r.Direction != mapping.Both {
		return v
	}
	v.Back = mappingui.Back{Own: r.Back != nil, Transforms: transformViews(r.Back)}
	told, ok := r.WayBack()
	switch words := mapping.Chips(told); {
	case !ok:
	case r.Joins():
		v.Back.Told = "Taken apart again: the part that is still the same stays as it is, the other gets the rest, and a name that is all new is split into first and last name."
		if words != "" {
			v.Back.Told = "Read the other way round (" + words + "), then t" + v.Back.Told[1:]
		}
	case words != "":
		v.Back.Told = "The same, read the other way round: " + words + "."
	default:
		v.Back.Told = "Carried back as it is."
	}
	return v
}

func transformViews(steps []mapping.Step) []mappingui.Transform {
	var out []mappingui.Transform
	for _, st := range steps {
		out = append(out, transformView(st))
	}
	return out
}

func transformView(st mapping.Step) mappingui.Transform {
	t, ok := mapping.FindTransform(st.Use)
	if !ok {
		return mappingui.Transform{Name: st.Use, Label: st.Use + " (unknown)", Summary: st.Use}
	}
	out := mappingui.Transform{Name: t.Use, Label: t.Label, Summary: st.Chip()}
	for _, p := range t.Params {
		value, given := st.With[p.Name]
		if !given {
			value = p.Default
		}
		param := mappingui.Param{Name: p.Name, Label: p.Label, Kind: string(p.Kind), Value: value, Hint: p.Help}
		if p.Kind == mapping.ParamChoice {
			param.Kind = "select"
			if !slices.ContainsFunc(p.Options, func(o mapping.Option) bool { return o.Value == p.Default }) && !p.Required {
				param.Options = append(param.Options, ui.Option{Value: "", Label: "not said"})
			}
			for _, o := range p.Options {
				param.Options = append(param.Options, ui.Option{Value: o.Value, Label: o.Label})
			}
		}
		out.Params = append(out.Params, param)
	}
	return out
}

func palette() []ui.Option {
	all := slices.Clone(mapping.Transforms())
	// Options of one group must stand together; the order of the groups is that of their first transform.
	order := map[string]int{}
	for i, t := range all {
		if _, ok := order[t.Group]; !ok {
			order[t.Group] = i
		}
	}
	slices.SortStableFunc(all, func(a, b mapping.Transform) int { return cmp.Compare(order[a.Group], order[b.Group]) })
	out := make([]ui.Option, 0, len(all))
	for _, t := range all {
		out = append(out, ui.Option{Value: t.Use, Label: t.Label, Group: t.Group})
	}
	return out
}

// complainAtRow puts a problem on its row, with the fix where there is one; false when no row is at fault.
func complainAtRow(v *mappingui.View, p mapping.Problem) bool {
	t, row := rowIn(v, p.RowID)
	if row == nil {
		return false
	}
	if t.Gone && p.Field == t.Key {
		return true // the field says so itself
	}
	words := joinSentences(p.Message, p.Suggestion)
	if p.Severity == mapping.Error {
		if row.Error == "" {
			row.Error = words
		}
		return true
	}
	w := mappingui.Warning{Text: words}
	if p.Fix != nil {
		w.Fix, w.FixLabel = p.Fix.Name, p.Fix.Label
	}
	row.Warnings = append(row.Warnings, w)
	return true
}

func joinSentences(a, b string) string { return strings.TrimSpace(a + " " + b) }

// showResults shows what the sample would become, row by row, against the counterpart as it is now. It answers
// why the counterpart cannot be seen, if it cannot; then the mapped values alone are shown.
func (s *scoped) showResults(c echo.Context, v *mappingui.View, d desk, sample record.Record) (why string) {
	planned, back := map[string]automation.FieldPlan{}, []automation.FieldPlan{}
	if d.target.problem == nil {
		plan, err := s.planOf(c.Request().Context(), d, sample)
		switch {
		case err != nil && late(err):
			why = s.providerName(d.target.Provider) + " does not answer, so only the new values are shown."
		case err != nil:
			why = problemOf(err, d.target.schema.Label, d.target.side()).Title + ", so only the new values are shown."
		}
		for _, f := range plan.Fields {
			if f.Side == automation.SourceSide {
				back = append(back, f)
			} else {
				planned[f.Row] = f
			}
		}
	}
	for _, f := range back {
		if _, row := rowIn(v, f.Row); row != nil {
			diff := diffOf(f)
			if len(row.Sources) > 1 {
				diff.Field = f.Label
			}
			row.BackResults = append(row.BackResults, diff)
		}
	}
	for _, r := range d.compiled.Map(sample) {
		t, _ := rowIn(v, r.Row.ID)
		if t == nil {
			continue
		}
		if f, ok := planned[r.Row.ID]; ok {
			diff := diffOf(f)
			t.Result = &diff
		} else {
			text, at := shownValue(r.Value)
			t.Result = &ui.Diff{After: brief(text), AfterAt: at, Outcome: ui.Same}
		}
		if r.Err != nil {
			t.Row.Error = r.Err.Error()
			t.Result = &ui.Diff{Outcome: ui.Blocked}
		}
	}
	return why
}

// diffOf shows one planned field beside its row.
func diffOf(f automation.FieldPlan) ui.Diff {
	before, beforeAt := shownValue(f.Before)
	after, afterAt := shownValue(f.After)
	d := ui.Diff{Before: brief(before), BeforeAt: beforeAt, After: brief(after), AfterAt: afterAt, Outcome: ui.Same, Reason: f.Reason}
	switch f.Action {
	case automation.Set, automation.AddTo:
		d.Outcome = ui.Update
		if f.Before.IsEmpty() {
			d.Outcome = ui.Create
		}
	case automation.Problem:
		d.Outcome, d.After, d.AfterAt = ui.Blocked, "", ""
	}
	if f.Code == "conflict" {
		d.Outcome = ui.Decide
	}
	return d
}

// brief keeps a long value from stretching a row.
func brief(s string) string {
	const most = 120
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// kindWords says what a field holds, as people say it.
func kindWords(f record.FieldSpec) string {
	words := "text"
	switch f.Kind {
	case record.LongText:
		words = "long text"
	case record.Email:
		words = "email"
	case record.Phone:
		words = "phone"
	case record.Number:
		words = "number"
	case record.Bool:
		words = "yes or no"
	case record.Date:
		words = "date"
	case record.DateTime:
		words = "date and time"
	case record.Set:
		words = "labels"
	case record.Choice:
		words = "one of several"
		if len(f.Options) > 0 {
			words = "one of " + ui.Count(len(f.Options), "option", "options")
		}
	case record.URL:
		words = "web address"
	}
	if f.MaxLen > 0 {
		words += fmt.Sprintf(", up to %s characters", ui.Number(f.MaxLen))
	}
	if f.Custom {
		words = "custom, " + words
	}
	return words
}
