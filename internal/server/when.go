package server

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
	"crosswalk/web/automationui"
	"crosswalk/web/ui"
)

func (s *scoped) whenPage(c echo.Context) error {
	d, err := s.opened(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	v := s.whenView(c, d)
	saved := "saved " + string(d.a.ID)
	v.Saved = s.sessions.PopBool(ctx, saved)
	return s.showWhen(c, http.StatusOK, v)
}

func (s *scoped) showWhen(c echo.Context, status int, v automationui.WhenView) error {
	sh, err := s.shell(c, ui.Automations)
	if err != nil {
		return err
	}
	return s.render(c, status, automationui.WhenPage(sh, v))
}

// whenView shows the definition on the desk, its problems beside what causes them, tried on the sample.
func (s *scoped) whenView(c echo.Context, d desk) automationui.WhenView {
	def := d.a.Definition
	v := automationui.WhenView{Builder: s.head(d, automationui.When), Event: strings.Join(def.Trigger.On, ","), Rule: groupOf(def.Rule)}
	what := d.source.schema.Label
	for _, on := range automation.TriggerChoices() {
		v.Events = append(v.Events, ui.Option{Value: strings.Join(on, ","), Label: "A " + what + " is " + automation.TriggerWords(on)})
	}
	if !slices.ContainsFunc(v.Events, func(o ui.Option) bool { return o.Value == v.Event }) {
		v.Events = append(v.Events, ui.Option{Value: v.Event, Label: "A " + what + " is " + automation.TriggerWords(def.Trigger.On)})
	}
	v.Fields = fieldOptions(d.source.schema)
	v.Problems = append(v.Problems, complain(v.Rule, d.compiled.RuleProblems)...)
	sample := s.sampleOf(c, d)
	if p := s.unseenProblem(d.source, sample.unseen, def.Rule.Fields()); p != nil {
		v.Problems = append(v.Problems, *p) // what it was not shown is not judged
	} else if sample.record != nil {
		verdict := d.compiled.Judge(*sample.record)
		v.Verdict = &automationui.Verdict{Sample: titleOf(*sample.record), Passes: verdict.Passed, Text: verdict.Why()}
	}
	return v
}

// fieldOptions lists fields of a schema, the account's own apart from those everybody has.
func fieldOptions(schema record.Schema) []ui.Option {
	var standard, custom []ui.Option
	for _, f := range schema.Fields {
		o := ui.Option{Value: f.Key, Label: f.Label}
		if f.Custom {
			o.Group = "Custom fields"
			custom = append(custom, o)
			continue
		}
		standard = append(standard, o)
	}
	return append(standard, custom...)
}

// whenSave applies the pressed button: an edit shows the changed tree without saving, save checks and saves.
func (s *scoped) whenSave(c echo.Context) error {
	a, err := s.read(c)
	if err != nil {
		return err
	}
	d, err := s.layOutEdited(c.Request().Context(), a)
	if err != nil {
		return err
	}
	a = d.a
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	tree := automationui.ReadGroup(form)
	event := form.Get("event")
	if edited, ok := tree.Edit(form.Get("do")); ok {
		return s.showWhen(c, http.StatusOK, s.unsavedWhen(c, d, edited, event, false))
	}
	chosen := ruleOf(tree)
	mine := func(def automation.Definition) automation.Definition {
		def.Rule = chosen
		if on, ok := automation.ReadTrigger(event); ok {
			def.Trigger.On = on
		}
		return def
	}
	next := d.with(mine(a.Definition))
	if _, ok := automation.ReadTrigger(event); !ok && event != strings.Join(a.Definition.Trigger.On, ",") {
		v := s.unsavedWhen(c, d, tree, "", false)
		v.Problems = append(v.Problems, ui.Problem{Title: "Choose what makes it look", Detail: "The event that was sent is none of the choices. Nothing was saved.", Code: "event"})
		return s.showWhen(c, problemStatus, v)
	}
	if len(next.compiled.RuleProblems) > 0 {
		return s.showWhen(c, problemStatus, s.unsavedWhen(c, d, groupOf(chosen), event, true))
	}
	if !d.source.known && !same(a.Definition, next.a.Definition) {
		v := s.unsavedWhen(c, d, tree, event, false)
		v.Problems = append(v.Problems, ui.Problem{Title: "The conditions cannot be checked now", Detail: s.providerName(d.source.Provider) + " has to be asked which fields there are, and it cannot be at the moment. Nothing was saved.", Next: "Connect it, or try again in a moment.", Code: "unchecked"})
		return s.showWhen(c, problemStatus, v)
	}
	_, err = s.save(c, a, next.a.Definition, automation.WhenNote(a.Definition, next.a.Definition))
	if errors.Is(err, engine.ErrConflict) {
		newest, err := s.fresh(c.Request().Context(), a.ID)
		if err != nil {
			return err
		}
		v := s.unsavedWhen(c, newest, tree, event, false)
		if v.Conflict, err = s.conflict(c, newest, v.URL("/when"), mine); err != nil {
			return err
		}
		return s.showWhen(c, http.StatusConflict, v)
	}
	if err != nil {
		return err
	}
	s.sessions.Put(c.Request().Context(), "saved "+string(a.ID), true)
	return again(c, "/automations/"+string(a.ID)+"/when")
}

// unsavedWhen shows what a person has in the form. It keeps the version they saw, so that saving it later
// still notices what others saved meanwhile.
func (s *scoped) unsavedWhen(c echo.Context, d desk, tree automationui.Group, event string, complaints bool) automationui.WhenView {
	def := d.a.Definition
	def.Rule = ruleOf(tree)
	if on, ok := automation.ReadTrigger(event); ok {
		def.Trigger.On = on
	}
	edited := d.with(def)
	problems := edited.compiled.RuleProblems
	undecided := len(problems) > 0
	if !complaints {
		problems = nil // half made is not wrong
	}
	edited.compiled.RuleProblems = nil
	v := s.whenView(c, edited)
	v.Sentence = s.sentence(d) // what is saved
	v.Rule = tree
	v.Problems = append(v.Problems, complain(v.Rule, problems)...)
	v.Version = postedVersion(c)
	if len(problems) > 0 {
		v.Warnings[automationui.When] = len(problems)
	}
	if undecided {
		v.Verdict = nil
	}
	return v
}
