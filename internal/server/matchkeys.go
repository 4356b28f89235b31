package server

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/web/mappingui"
	"crosswalk/web/ui"
)

// keysView shows how counterparts are recognised.
func keysView(d desk) mappingui.Keys {
	def := d.a.Definition
	from, to := d.source.side().Name(), d.target.side().Name()
	v := mappingui.Keys{}
	looked := d.compiled.LookedUpBy()
	if len(looked) == 0 && len(def.Match) == 0 {
		v.LinkOnly = to + " cannot look a " + d.target.object.Label + " up by what it holds. Each is recognised by the link that is kept when it is made."
		return v
	}
	for i, m := range def.Match {
		k := mappingui.Key{Source: m.Source, Target: m.Target, SourceLabel: d.source.label(m.Source), TargetLabel: d.target.label(m.Target), First: i == 0, Last: i == len(def.Match)-1}
		if there, ok := d.target.schema.Field(m.Target); ok {
			k.How = comparedWords(there.Kind, def)
			if d.target.object.Lookup(there) == provider.Likely {
				k.Notes = append(k.Notes, "Looked up in an index of "+to+" that is some seconds late: that it names nobody is no reason to create anybody.")
			}
		}
		if here, ok := d.source.schema.Field(m.Source); ok && def.TwoWay() && d.source.object.Lookup(here) == provider.NoLookup {
			k.Notes = append(k.Notes, "Not looked up in "+from+": what begins in "+to+" is recognised by the other keys.")
		}
		v.List = append(v.List, k)
	}
	if d.known() {
		for _, p := range d.compiled.KeyProblems() {
			if words := joinSentences(p.Message, p.Suggestion); p.Key == engine.EveryKey {
				v.Problems = append(v.Problems, words)
			} else if v.List[p.Key].Error == "" {
				v.List[p.Key].Error = words
			}
		}
		v.From = keyInput("key-source", "source", "Field in "+from, engine.KeyFields(d.source.schema), func(record.FieldSpec) string { return "" })
		v.To = keyInput("key-target", "target", "Field in "+to, looked, func(f record.FieldSpec) string {
			if d.target.object.Lookup(f) == provider.Likely {
				return " (some seconds late)"
			}
			return ""
		})
		v.Hint = "Only what " + to + " can look a " + d.target.object.Label + " up by is offered, since a change has to find its counterpart at once."
	}
	return v
}

func keyInput(id, name, label string, fields []record.FieldSpec, note func(record.FieldSpec) string) ui.Input {
	in := ui.Input{ID: id, Name: name, Label: label, Type: "select", Options: []ui.Option{{Value: "", Label: "Choose…"}}}
	for _, f := range fields {
		in.Options = append(in.Options, ui.Option{Value: f.Key, Label: cmp.Or(f.Label, f.Key) + note(f)})
	}
	return in
}

// comparedWords says when two values of a kind are the same.
func comparedWords(k record.Kind, def automation.Definition) string {
	switch k {
	case record.Email:
		return "Compared as email addresses: capitals do not matter."
	case record.Phone:
		if def.Region == "" {
			return "Compared as phone numbers with their country code, however they are written."
		}
		return "Compared as phone numbers, however they are written; one without a country code is taken to be of " + strings.ToUpper(def.Region) + "."
	case record.Number:
		return "Compared as numbers."
	}
	return "Compared letter by letter: capitals matter, spaces around do not."
}

// keysChange adds, removes or moves a match key.
func (s *scoped) keysChange(c echo.Context) error {
	d, err := s.desk(c)
	if err != nil {
		return err
	}
	source, target := c.FormValue("source"), c.FormValue("target")
	name := d.source.label(source) + " as " + d.target.label(target)
	var mine func(automation.Definition) automation.Definition
	var note string
	switch c.FormValue("do") {
	case "add":
		if p := s.keyRefused(d, source, target); p != nil {
			return s.refuse(c, problemStatus, d, *p)
		}
		there, _ := d.target.schema.Field(target)
		mine = func(def automation.Definition) automation.Definition {
			return def.AddKey(automation.MatchKey{Source: source, Target: target, Kind: there.Kind})
		}
		note = "recognise by " + name
	case "remove":
		mine = func(def automation.Definition) automation.Definition { return def.RemoveKey(source, target) }
		note = "no longer recognise by " + name
	case "up":
		mine = func(def automation.Definition) automation.Definition { return def.MoveKey(source, target, -1) }
		note = "recognise by " + name + " earlier"
	case "down":
		mine = func(def automation.Definition) automation.Definition { return def.MoveKey(source, target, 1) }
		note = "recognise by " + name + " later"
	default:
		return engine.ErrNotFound
	}
	if p := d.newKeyProblem(mine(d.a.Definition)); p != nil && postedVersion(c) == d.a.Version {
		return s.refuse(c, problemStatus, d, *p)
	}
	return s.changed(c, d, mine, note, nil)
}

// keyRefused says why two fields cannot be chosen at all, or nothing.
func (s *scoped) keyRefused(d desk, source, target string) *ui.Problem {
	for _, e := range []end{d.source, d.target} {
		if !e.known {
			name := s.providerName(e.Provider)
			return &ui.Problem{Tone: ui.Warn, Title: name + " does not answer, so its fields cannot be chosen from", Detail: "Nothing was saved.", Next: "Try again in a moment.", Code: "fields_unknown"}
		}
	}
	if source == "" || target == "" {
		return &ui.Problem{Title: "Choose a field of each side", Detail: "Nothing was saved.", Code: "no_field"}
	}
	for _, one := range []struct {
		e    end
		key  string
		code string
	}{{d.source, source, "source_gone"}, {d.target, target, "target_gone"}} {
		if _, ok := one.e.schema.Field(one.key); !ok {
			return &ui.Problem{Title: fmt.Sprintf("The field “%s” does not exist in the %s", brief(one.key), one.e.schema.Label), Detail: "It may have been deleted in the account since the page was opened. Nothing was saved.", Next: "Reload the page and choose another field.", Code: one.code}
		}
	}
	if d.a.Definition.KeyAt(source, target) >= 0 {
		return &ui.Problem{Tone: ui.Info, Title: "It is a match key already", Detail: "Nothing was saved.", Code: "twice"}
	}
	return nil
}

// newKeyProblem is what would be wrong with the match keys of a definition and is not with the present ones; nil: nothing.
func (d desk) newKeyProblem(def automation.Definition) *ui.Problem {
	p, ok := d.with(def).compiled.NewKeyProblem(d.compiled)
	if !ok {
		return nil
	}
	return &ui.Problem{Title: p.Message, Detail: "Nothing was saved.", Next: p.Suggestion, Code: "key_" + p.Code}
}
