package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/web/mappingui"
	"crosswalk/web/ui"
)

// edit is one change to a mapping, made to whatever definition it is given, so that the same change can be
// shown against the version a person saw and made to the newest one.
type edit func(mapping.Mapping) mapping.Mapping

func (e edit) definition(d automation.Definition) automation.Definition {
	d.Mapping = e(d.Mapping)
	return d
}

// desk lays out the automation a form was sent about.
func (s *Server) desk(c echo.Context) (desk, error) {
	a, err := s.read(c)
	if err != nil {
		return desk{}, err
	}
	return s.layOut(c.Request().Context(), a)
}

// change saves an edit, or shows what somebody else saved meanwhile beside it.
func (s *Server) change(c echo.Context, d desk, e edit, note, open string) error {
	_, err := s.save(c, d.a, e.definition(d.a.Definition), note)
	page := "/automations/" + string(d.a.ID) + "/map"
	if errors.Is(err, engine.ErrConflict) {
		newest, err := s.fresh(c.Request().Context(), d.a.ID)
		if err != nil {
			return err
		}
		box, err := s.conflict(c, newest, page, e.definition)
		if err != nil {
			return err
		}
		return s.showMap(c, http.StatusConflict, newest, func(v *mappingui.View) { v.Conflict = box })
	}
	if err != nil {
		return err
	}
	if open != "" {
		page += "?open=" + url.QueryEscape(open)
	}
	return again(c, page)
}

// refuse shows the canvas with a problem; nothing was saved.
func (s *Server) refuse(c echo.Context, status int, d desk, p ui.Problem) error {
	return s.showMap(c, status, d, func(v *mappingui.View) { v.Problems = append([]ui.Problem{p}, v.Problems...) })
}

// rowConnect makes a source fill a target; an empty source takes the row away.
func (s *Server) rowConnect(c echo.Context) error {
	d, err := s.desk(c)
	if err != nil {
		return err
	}
	source, target := c.FormValue("source"), c.FormValue("target")
	row, mapped := d.a.Definition.Mapping.RowFor(target)
	spec, ok := d.target.schema.Field(target)
	label := d.target.label(target)
	unchanged := func(m mapping.Mapping) mapping.Mapping { return m }
	switch {
	case source == "" && !mapped:
		return s.change(c, d, unchanged, "", "")
	case source == "":
		return s.change(c, d, func(m mapping.Mapping) mapping.Mapping { return m.Remove(row.ID) }, "disconnected "+label, "")
	case mapped && slices.Contains(row.Sources, source) && row.Sources[0] == source:
		return s.change(c, d, unchanged, "", "") // it is filled from there already
	case !ok:
		return s.refuse(c, problemStatus, d, ui.Problem{Title: fmt.Sprintf("The field “%s” does not exist in the %s", brief(target), d.target.schema.Label), Detail: "It may have been deleted in the account since the page was opened. Nothing was saved.", Next: "Reload the page and choose another field.", Code: "target_gone"})
	case spec.ReadOnly:
		return s.refuse(c, problemStatus, d, ui.Problem{Title: label + " can only be read, not written", Detail: "Nothing was saved.", Code: "read_only"})
	}
	from, ok := d.source.schema.Field(source)
	if !ok {
		return s.refuse(c, problemStatus, d, ui.Problem{Title: fmt.Sprintf("The field “%s” does not exist in the %s", brief(source), d.source.schema.Label), Detail: "It may have been deleted in the account since the page was opened. Nothing was saved.", Next: "Reload the page and choose another field.", Code: "source_gone"})
	}
	if !mapped && len(d.a.Definition.Mapping.Rows) >= mapping.MaxRows {
		return s.refuse(c, problemStatus, d, ui.Problem{Title: "This mapping is full", Detail: fmt.Sprintf("A mapping may have up to %d rows. Nothing was saved.", mapping.MaxRows), Next: "Remove rows that are not needed.", Code: "too_many_rows"})
	}
	locale := d.a.Definition.Locale()
	connect := func(m mapping.Mapping) mapping.Mapping {
		m = m.Connect(from, spec, locale)
		row, ok := m.RowFor(spec.Key)
		if !ok {
			return m
		}
		// A suggestion that was taken brings its own steps: “the first part of Name”.
		for _, sg := range mapping.Suggest(d.source.schema, d.target.schema, locale) {
			if sg.Source == from.Key && sg.Target == spec.Key {
				row.Steps = sg.Steps
				return m.Replace(row)
			}
		}
		return m
	}
	return s.change(c, d, connect, "connected "+d.source.label(source)+" to "+label, "")
}

func (s *Server) rowDelete(c echo.Context) error {
	d, err := s.desk(c)
	if err != nil {
		return err
	}
	id := c.Param("row")
	row, ok := d.a.Definition.Mapping.RowByID(id)
	if !ok && postedVersion(c) == d.a.Version {
		return engine.ErrNotFound
	}
	return s.change(c, d, func(m mapping.Mapping) mapping.Mapping { return m.Remove(id) }, "removed "+d.target.label(row.Target), "")
}

// rowSave is the row editor: its buttons change the list of transforms, and what is complete is saved.
func (s *Server) rowSave(c echo.Context) error {
	d, err := s.desk(c)
	if err != nil {
		return err
	}
	values, err := c.FormParams()
	if err != nil {
		return err
	}
	old, here, err := s.rowToSave(c, d)
	if err != nil {
		return err
	}
	form := mappingui.ReadRow(values)
	if form.Fix != "" {
		return s.rowFix(c, d, old, form.Fix)
	}
	row := rowOf(old, form)
	label := d.target.label(row.Target)
	put := func(m mapping.Mapping) mapping.Mapping { return m.Replace(row) }
	if !here {
		if other, taken := d.a.Definition.Mapping.RowFor(row.Target); taken && other.ID != row.ID {
			return s.refuse(c, problemStatus, d, ui.Problem{Title: label + " is filled by another row now", Detail: "The row you edited was removed meanwhile, so it was not saved again.", Next: "Edit the row that is there.", Code: "twice"})
		}
	}
	if form.Do == "add-source" {
		row = withRoom(row)
		return s.showMap(c, http.StatusOK, d, func(v *mappingui.View) { s.typed(v, d, row, nil) })
	}
	wrong := s.wrongIn(d, row)
	switch {
	case len(wrong) == 0:
		open := row.ID
		if form.Do == "save" || form.Do == "" {
			open = ""
		}
		return s.change(c, d, put, "changed how "+label+" is made", open)
	case form.Do == "add" && wrong.onlyStep(len(row.Steps)-1):
		// A transform that was just added waits for its settings; nothing is wrong yet.
		return s.showMap(c, http.StatusOK, d, func(v *mappingui.View) { s.typed(v, d, row, nil) })
	}
	return s.showMap(c, problemStatus, d, func(v *mappingui.View) { s.typed(v, d, row, wrong) })
}

// rowToSave is the row as it is stored. One that was removed since the page was opened is found in the version
// the page showed, so that what a person typed is not lost; here is false then.
func (s *Server) rowToSave(c echo.Context, d desk) (row mapping.Row, here bool, err error) {
	id := c.Param("row")
	if row, ok := d.a.Definition.Mapping.RowByID(id); ok {
		return row, true, nil
	}
	versions, err := s.Store.Versions(c.Request().Context(), d.a.ID)
	if err != nil {
		return mapping.Row{}, false, err
	}
	for _, v := range versions {
		if row, ok := v.Definition.Mapping.RowByID(id); ok {
			return row, false, nil
		}
	}
	return mapping.Row{}, false, engine.ErrNotFound
}

// rowFix carries out the change a warning offers.
func (s *Server) rowFix(c echo.Context, d desk, row mapping.Row, name string) error {
	for _, p := range d.compiled.MappingProblems {
		if p.RowID == row.ID && p.Fix != nil && p.Fix.Name == name {
			fixed := row
			fixed.Steps = p.Fix.Steps
			return s.change(c, d, func(m mapping.Mapping) mapping.Mapping { return m.Replace(fixed) }, p.Fix.Label+" for "+d.target.label(row.Target), "")
		}
	}
	if postedVersion(c) != d.a.Version {
		return s.change(c, d, func(m mapping.Mapping) mapping.Mapping { return m.Replace(row) }, "", "")
	}
	return s.refuse(c, problemStatus, d, ui.Problem{Tone: ui.Info, Title: "There is nothing to put right any more", Detail: "The warning was about an earlier state of this row. Nothing was saved.", Code: "fix_gone"})
}

// rowOf makes a row of a posted editor. What the form does not show stays as it was.
func rowOf(old mapping.Row, form mappingui.RowForm) mapping.Row {
	row := old
	row.Sources = form.Sources
	row.Steps = nil
	for _, t := range form.Transforms {
		row.Steps = append(row.Steps, stepOf(t))
	}
	for _, p := range policies {
		if p.word == form.Policy && policyOf(old.Owner) != form.Policy {
			row.Owner = p.owner
		}
	}
	return row
}

func stepOf(t mappingui.TransformForm) mapping.Step {
	st := mapping.Step{Use: t.Name}
	set := func(name, value string) {
		if st.With == nil {
			st.With = map[string]string{}
		}
		st.With[name] = value
	}
	known, _ := mapping.FindTransform(t.Name)
	for name, value := range t.Params {
		i := slices.IndexFunc(known.Params, func(p mapping.Param) bool { return p.Name == name })
		if i >= 0 && value == "" && known.Params[i].Default == "" {
			continue // left empty, and empty is what it is anyway
		}
		set(name, value)
	}
	for _, p := range known.Params {
		if _, posted := t.Params[p.Name]; !posted && p.Kind == mapping.ParamBool && len(t.Params) > 0 {
			set(p.Name, "false") // a box that is not ticked is not sent
		}
	}
	return st
}

// withRoom adds an empty source to choose, and the transform that several sources need.
func withRoom(row mapping.Row) mapping.Row {
	if len(row.Sources) >= mapping.MaxSources {
		return row
	}
	row.Sources = append(slices.Clone(row.Sources), "")
	first := mapping.Transform{}
	if len(row.Steps) > 0 {
		first, _ = mapping.FindTransform(row.Steps[0].Use)
	}
	if !first.Several {
		row.Steps = append([]mapping.Step{{Use: "join"}}, row.Steps...)
	}
	return row
}

// wrong is what keeps a row from being saved: per transform and setting, or about the whole row.
type wrong []wrongAt

type wrongAt struct {
	step    int // -1: the whole row
	param   string
	message string
}

func (w wrong) onlyStep(i int) bool {
	return !slices.ContainsFunc(w, func(at wrongAt) bool { return at.step != i || at.param == "" })
}

// wrongIn checks a row before it is saved: every transform for itself, then the row as a whole.
func (s *Server) wrongIn(d desk, row mapping.Row) wrong {
	var out wrong
	for i, st := range row.Steps {
		if err := st.Check(d.a.Definition.Locale()); err != nil {
			out = append(out, wrongAt{i, err.Param, err.Message})
		}
	}
	if len(out) > 0 {
		return out
	}
	// The other rows are left out: what is wrong with them is no reason to refuse this one.
	alone := mapping.Mapping{Source: d.a.Definition.Mapping.Source, Target: d.a.Definition.Mapping.Target, Rows: []mapping.Row{row}}
	_, problems := alone.Compile(d.source.schema, d.target.schema, d.a.Definition.Locale())
	for _, p := range problems {
		if p.RowID == row.ID && p.Severity == mapping.Error {
			out = append(out, wrongAt{-1, "", joinSentences(p.Message, p.Suggestion)})
		}
	}
	return out
}

// typed shows the editor open with what a person has typed, and what is wrong with it.
func (s *Server) typed(v *mappingui.View, d desk, row mapping.Row, bad wrong) {
	t := targetOfRow(v, row.ID)
	if t == nil {
		// The row was removed meanwhile; its target shows what was typed.
		i := slices.IndexFunc(v.Targets, func(t mappingui.Target) bool { return t.Key == row.Target })
		if i < 0 {
			return
		}
		t = &v.Targets[i]
	}
	shown := rowView(row)
	shown.Open = true
	for _, at := range bad {
		if at.step < 0 || at.step >= len(shown.Transforms) {
			shown.Error = joinSentences(shown.Error, at.message)
			continue
		}
		params := shown.Transforms[at.step].Params
		i := slices.IndexFunc(params, func(p mappingui.Param) bool { return p.Name == at.param })
		if i < 0 {
			shown.Error = joinSentences(shown.Error, at.message)
			continue
		}
		params[i].Error = at.message
	}
	t.Row = shown
}

func (s *Server) mapUndo(c echo.Context) error {
	return s.step(c, undoNote, track.back)
}

func (s *Server) mapRedo(c echo.Context) error {
	return s.step(c, redoNote, track.forth)
}

// step saves an earlier or later state of the definition as a new version. The accounts stay as they are.
func (s *Server) step(c echo.Context, prefix string, which func(track) (automation.Version, string, bool)) error {
	d, err := s.desk(c)
	if err != nil {
		return err
	}
	moved := ui.Problem{Tone: ui.Warn, Title: "Somebody saved this meanwhile", Detail: "So the last step is another than the one you saw, and nothing was taken back.", Next: "Look at what is there now, then press the button again if you still want to.", Code: "conflict"}
	if postedVersion(c) != d.a.Version {
		return s.refuse(c, http.StatusConflict, d, moved)
	}
	versions, err := s.Store.Versions(c.Request().Context(), d.a.ID)
	if err != nil {
		return err
	}
	to, what, ok := which(trackOf(versions))
	if !ok {
		return again(c, "/automations/"+string(d.a.ID)+"/map")
	}
	def := to.Definition
	def.Source, def.Target = d.a.Definition.Source, d.a.Definition.Target
	// Saved even when equal: the note is what moves the track.
	_, err = s.Store.SaveDefinition(c.Request().Context(), d.a.ID, d.a.Version, def, user(c).Email, prefix+what)
	if errors.Is(err, engine.ErrConflict) {
		if d, err = s.fresh(c.Request().Context(), d.a.ID); err != nil {
			return err
		}
		return s.refuse(c, http.StatusConflict, d, moved)
	}
	if err != nil {
		return err
	}
	return again(c, "/automations/"+string(d.a.ID)+"/map")
}
