package server

import (
	"context"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/rule"
	"crosswalk/web/automationui"
	"crosswalk/web/ui"
)

// sentenceMost keeps a long rule from filling a card: the rest is on the When page.
const sentenceMost = 24

func (s *scoped) sentence(d desk) []automationui.Part {
	when, fields := "/automations/"+string(d.a.ID)+"/when", "/automations/"+string(d.a.ID)+"/map"
	from, to := d.source.side(), d.target.side()
	def := d.a.Definition
	what := d.source.object.Label
	if what == "" {
		what = string(d.source.Object)
	}
	parts := []automationui.Part{
		{Text: "When " + article(what) + " "}, {Text: what, Side: from, Strong: true},
		{Text: " is "}, {Text: automation.TriggerWords(def.Trigger.On), Strong: true, Href: when},
		{Text: " in "}, {Text: s.providerName(d.source.Provider), Side: from, Strong: true},
	}
	if def.TwoWay() {
		parts = append(parts, automationui.Part{Text: " or "}, automationui.Part{Text: s.providerName(d.target.Provider), Side: to, Strong: true})
	}
	said := def.Rule.Sentence(d.source.schema)
	if len(said) > 0 {
		parts = append(parts, automationui.Part{Text: ", only if "})
	}
	for i, p := range said {
		if i == sentenceMost {
			parts = append(parts, automationui.Part{Text: " "}, automationui.Part{Text: "and more", Strong: true, Href: when})
			break
		}
		glued := i == 0 || p.Text == ")" || said[i-1].Text == "("
		part := automationui.Part{Text: p.Text}
		if p.Kind != rule.Word {
			part.Strong, part.Href = true, when
		}
		if !glued {
			parts = append(parts, automationui.Part{Text: " "})
		}
		parts = append(parts, part)
	}
	verb, alike := ", make the ", " look like it in "
	if def.TwoWay() {
		verb, alike = ", keep it and the ", " alike in "
	}
	parts = append(parts, automationui.Part{Text: verb}, automationui.Part{Text: d.target.schema.Label, Side: to, Strong: true, Href: fields})
	if len(def.Match) > 0 {
		labels := make([]string, 0, len(def.Match))
		for _, m := range def.Match {
			labels = append(labels, strings.ToLower(d.target.label(m.Target)))
		}
		parts = append(parts, automationui.Part{Text: " with the same "}, automationui.Part{Text: strings.Join(labels, " or "), Strong: true, Href: fields})
	}
	n := len(def.Mapping.Rows)
	return append(parts, automationui.Part{Text: alike}, automationui.Part{Text: ui.Count(n, "field", "fields"), Strong: true, Href: fields}, automationui.Part{Text: "."})
}

func article(noun string) string {
	if noun != "" && strings.ContainsRune("aeio", rune(noun[0])) {
		return "an"
	}
	return "a"
}

// automationItem is an automation in a list. What cannot be found out is left out.
func (s *scoped) automationItem(ctx context.Context, a automation.Automation) automationui.Item {
	item := automationui.Item{
		ID: string(a.ID), Name: a.Name, State: automationui.State(a.State),
		From: side(a.Definition.Source.Provider), To: side(a.Definition.Target.Provider),
		Version: a.Version, Braked: a.State == automation.Paused && a.PausedWhy != "",
	}
	connections, err := s.Connections.List(ctx)
	if err != nil {
		s.Log.ErrorContext(ctx, "connections not read", "automation_id", a.ID, "err", err)
		return item
	}
	d := s.layOutWith(ctx, a, connections)
	item.Sentence, item.Problem = s.sentence(d), s.trouble(d)
	item.Text = "Not switched on yet."
	if a.State == automation.Paused {
		item.Text = pausedWords(a)
	}
	last, err := s.Store.Runs(ctx, engine.RunFilter{Automation: a.ID, Limit: 1})
	if err != nil {
		s.Log.ErrorContext(ctx, "last run not read", "automation_id", a.ID, "err", err)
		return item
	}
	switch {
	case len(last) > 0 && a.State == automation.Paused:
		item.Text += " Last run " + s.ago(last[0].StartedAt) + "."
	case len(last) > 0:
		item.Text = "Last run " + s.ago(last[0].StartedAt) + "."
	case a.State == automation.On:
		item.Text = "On, and waiting for the first change."
	}
	if a.Next != nil {
		item.Text += " Changes are not live yet."
	}
	return item
}

func pausedWords(a automation.Automation) string {
	if a.PausedWhy == "" {
		return "Paused."
	}
	return "Paused: " + strings.TrimSuffix(a.PausedWhy, ".") + "."
}

// trouble says in one sentence why an automation cannot work, or nothing. A draft that waits for its accounts
// is no trouble yet.
func (s *scoped) trouble(d desk) string {
	if d.a.State != automation.On {
		return ""
	}
	for _, p := range d.problems() {
		return p.Title + ", so it waits."
	}
	for _, p := range d.compiled.RuleProblems {
		return p.Message
	}
	for _, p := range d.compiled.MappingProblems {
		if p.Severity == mapping.Error {
			return p.Message
		}
	}
	return ""
}
