package server

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

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
func (s *scoped) desk(c echo.Context) (desk, error) {
	a, err := s.read(c)
	if err != nil {
		return desk{}, err
	}
	return s.layOutEdited(c.Request().Context(), a)
}

// change saves an edit, or shows what somebody else saved meanwhile beside it.
func (s *scoped) change(c echo.Context, d desk, e edit, note, open string) error {
	if open == "" {
		return s.changed(c, d, e.definition, note, nil)
	}
	return s.changed(c, d, e.definition, note, url.Values{"open": {open}})
}

// changed is change of any part of the definition, with what the page that follows is to show.
func (s *scoped) changed(c echo.Context, d desk, mine func(automation.Definition) automation.Definition, note string, show url.Values) error {
	_, err := s.save(c, d.a, mine(d.a.Definition), note)
	page := "/automations/" + string(d.a.ID) + "/map"
	if errors.Is(err, engine.ErrConflict) {
		newest, err := s.fresh(c.Request().Context(), d.a.ID)
		if err != nil {
			return err
		}
		box, err := s.conflict(c, newest, page, mine)
		if err != nil {
			return err
		}
		return s.showMap(c, http.StatusConflict, newest, func(v *mappingui.View) { v.Conflict = box })
	}
	if err != nil {
		return err
	}
	if len(show) > 0 {
		page += "?" + show.Encode()
	}
	return again(c, page)
}

// refuse shows the canvas with a problem; nothing was saved.
func (s *scoped) refuse(c echo.Context, status int, d desk, p ui.Problem) error {
	return s.showMap(c, status, d, func(v *mappingui.View) { v.Problems = append([]ui.Problem{p}, v.Problems...) })
}

// rowConnect makes a source fill a target; an empty source takes the row away.
func (s *scoped) rowConnect(c echo.Context) error {
	d, err := s.desk(c)
	if err != nil {
		return err
	}
	source, target := c.FormValue("source"), c.FormValue("target")
	if c.FormValue("direction") == string(mapping.ToSource) {
		return s.leadBack(c, d, target, c.FormValue("fills"))
	}
	row, mapped := d.a.Definition.Mapping.RowFor(target)
	label := d.target.label(target)
	unchanged := func(m mapping.Mapping) mapping.Mapping { return m }
	switch {
	case source == "" && !mapped:
		return s.change(c, d, unchanged, "", "")
	case source == "":
		return s.change(c, d, func(m mapping.Mapping) mapping.Mapping { return m.Remove(row.ID) }, "disconnected "+label, "")
	}
	next, fault := d.between().Connect(d.a.Definition.Mapping, source, target)
	if fault != nil {
		return s.refuse(c, problemStatus, d, faultProblem(*fault))
	}
	connect := func(m mapping.Mapping) mapping.Mapping {
		m, _ = d.between().Connect(m, source, target)
		return m
	}
	note := "connected " + d.source.label(source) + " to " + label
	if after, ok := next.RowFor(target); ok && row.Direction == mapping.Both && after.Direction != mapping.Both {
		return s.changed(c, d, edit(connect).definition, note+", one way", url.Values{"turned": {after.ID}})
	}
	return s.change(c, d, connect, note, "")
}

// between is what the rows of the automation on the desk are drawn between.
func (d desk) between() mapping.Between {
	return mapping.Between{Source: d.source.schema, Target: d.target.schema, Locale: d.a.Definition.Locale()}
}

func faultProblem(f mapping.Fault) ui.Problem {
	return ui.Problem{Title: strings.TrimSuffix(f.Message, "."), Detail: "Nothing was saved.", Next: f.Suggestion, Code: f.Code}
}

// leadBack adds a row that fills a source field from a target field.
func (s *scoped) leadBack(c echo.Context, d desk, target, source string) error {
	next, fault := d.between().LeadBack(d.a.Definition.Mapping, target, source)
	if fault != nil {
		return s.refuse(c, problemStatus, d, faultProblem(*fault))
	}
	lead := func(m mapping.Mapping) mapping.Mapping {
		m, _ = d.between().LeadBack(m, target, source)
		return m
	}
	return s.change(c, d, lead, "connected "+d.target.label(target)+" back to "+d.source.label(source), next.Rows[len(next.Rows)-1].ID)
}

func (s *scoped) rowDelete(c echo.Context) error {
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
func (s *scoped) rowSave(c echo.Context) error {
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
	if row.Direction == mapping.ToSource && len(row.Sources) == 1 {
		label = d.source.label(row.Sources[0])
	}
	put := func(m mapping.Mapping) mapping.Mapping { return m.Replace(row) }
	if !here {
		if other, taken := d.a.Definition.Mapping.RowFor(row.Target); taken && other.ID != row.ID {
			return s.refuse(c, problemStatus, d, ui.Problem{Title: label + " is filled by another row now", Detail: "The row you edited was removed meanwhile, so it was not saved again.", Next: "Edit the row that is there.", Code: "twice"})
		}
	}
	unsaved := func(status int, row mapping.Row, bad wrong) error {
		return s.showMap(c, status, d, func(v *mappingui.View) { s.typed(v, d, row, bad) })
	}
	switch form.Do {
	case "add-source":
		return unsaved(http.StatusOK, withRoom(row), nil)
	case "own-back":
		if told, ok := row.WayBack(); ok {
			row.Back = told
		}
		if row.Back == nil {
			row.Back = []mapping.Step{}
		}
		return unsaved(http.StatusOK, row, nil)
	}
	wrong := wrong(d.between().Faults(d.a.Definition.Mapping, row))
	switch {
	case len(wrong) == 0:
		open := row.ID
		if form.Do == "save" || form.Do == "" {
			open = ""
		}
		return s.change(c, d, put, "changed how "+label+" is made", open)
	case form.Do == "add" && wrong.onlyStep(false, len(row.Steps)-1), form.Do == "add-back" && wrong.onlyStep(true, len(row.Back)-1):
		// A transform that was just added waits for its settings; nothing is wrong yet.
		return unsaved(http.StatusOK, row, nil)
	}
	return unsaved(problemStatus, row, wrong)
}

// rowToSave is the row as it is stored. One that was removed since the page was opened is found in the version
// the page showed, so that what a person typed is not lost; here is false then.
func (s *scoped) rowToSave(c echo.Context, d desk) (row mapping.Row, here bool, err error) {
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
func (s *scoped) rowFix(c echo.Context, d desk, row mapping.Row, name string) error {
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
	if form.Direction != "" {
		row.Direction, row.ClearWhenEmpty = mapping.Direction(form.Direction), form.Clear
	}
	if form.Do == "one-way" || row.Direction == mapping.ToTarget {
		row.Direction = ""
	}
	row.Back = nil
	if row.Direction == mapping.Both && form.OwnBack && form.Do != "told-back" {
		row.Back = []mapping.Step{}
		for _, t := range form.Back {
			row.Back = append(row.Back, stepOf(t))
		}
	}
	if form.Direction == "" && row.Direction == mapping.Both {
		row.Back = old.Back
	}
	return row.Owned(old, mapping.Owner(form.Policy))
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
type wrong []mapping.Fault

func (w wrong) onlyStep(back bool, i int) bool {
	return !slices.ContainsFunc(w, func(f mapping.Fault) bool { return f.Back != back || f.Step != i || f.Param == "" })
}

// typed shows the editor open with what a person has typed, and what is wrong with it.
func (s *scoped) typed(v *mappingui.View, d desk, row mapping.Row, bad wrong) {
	_, here := rowIn(v, row.ID)
	if here == nil {
		// The row was removed meanwhile; its target shows what was typed.
		i := slices.IndexFunc(v.Targets, func(t mappingui.Target) bool { return t.Key == row.Target })
		if i < 0 {
			return
		}
		here = &mappingui.Row{}
		v.Targets[i].Row = here
	}
	shown := rowView(row)
	shown.Open = true
	for _, f := range bad {
		list := shown.Transforms
		if f.Back {
			list = shown.Back.Transforms
		}
		var params []mappingui.Param
		if f.Step >= 0 && f.Step < len(list) {
			params = list[f.Step].Params
		}
		i := slices.IndexFunc(params, func(p mappingui.Param) bool { return p.Name == f.Param })
		if i < 0 {
			shown.Error = joinSentences(shown.Error, f.Error())
			continue
		}
		params[i].Error = f.Message
	}
	*here = *shown
}

func (s *scoped) mapUndo(c echo.Context) error {
	return s.step(c, undoNote, track.back)
}

func (s *scoped) mapRedo(c echo.Context) error {
	return s.step(c, redoNote, track.forth)
}

// step saves an earlier or later state of the definition as a new version. The accounts stay as they are.
func (s *scoped) step(c echo.Context, prefix string, which func(track) (automation.Version, string, bool)) error {
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
	_, err = s.saveEdit(c.Request().Context(), d.a, def, user(c).Email, prefix+what)
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
