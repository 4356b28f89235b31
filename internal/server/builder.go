package server

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/web/automationui"
)

// systemName signs versions nobody asked for. It is no email, so nobody can sign in under it.
const systemName = "Crosswalk"

// read gets the automation a request is about, as it is stored now.
func (s *scoped) read(c echo.Context) (automation.Automation, error) {
	return s.Store.Automation(c.Request().Context(), automation.ID(c.Param("id")))
}

// opened is read for a page a person opens. A side without an account gets the one that is connected now.
// While it is on, nothing is changed behind its back, and a viewer changes nothing by looking.
func (s *scoped) opened(c echo.Context) (desk, error) {
	ctx := c.Request().Context()
	a, err := s.read(c)
	if err != nil {
		return desk{}, err
	}
	connections, err := s.Connections.List(ctx)
	if err != nil {
		return desk{}, err
	}
	_, names := connect(a.Definition, connections, s.providerName)
	if len(names) > 0 && a.State != automation.On && s.can(people.Editor) {
		saved, err := s.Store.SaveLive(ctx, a.ID, a.Edited().Version, func(d automation.Definition) automation.Definition {
			d, _ = connect(d, connections, s.providerName)
			return d
		}, systemName, "connected the account "+strings.Join(names, " and "))
		switch {
		case errors.Is(err, engine.ErrConflict): // somebody saved this very moment; the next page does it
		case err != nil:
			return desk{}, err
		default:
			if err := s.watchSaved(ctx, a.Definition, saved); err != nil {
				return desk{}, err
			}
			a = saved
		}
	}
	d := s.layOutWith(ctx, a.Edited(), connections)
	d.live = a
	return d, nil
}

// connect fills the sides that have no account, or one that was disconnected, with the oldest active one. It
// answers the names of what it filled in.
func connect(d automation.Definition, connections []connection.Connection, name func(provider.ID) string) (automation.Definition, []string) {
	var names []string
	fill := func(e *automation.Endpoint) {
		if slices.ContainsFunc(connections, func(c connection.Connection) bool { return c.ID == e.Connection }) {
			return
		}
		i := slices.IndexFunc(connections, func(c connection.Connection) bool {
			return c.Provider == e.Provider && c.State == connection.Active
		})
		if i < 0 {
			return
		}
		e.Connection = connections[i].ID
		words := name(e.Provider)
		if n := connections[i].Name; n != "" && n != words {
			words += " (" + n + ")"
		}
		names = append(names, words)
	}
	fill(&d.Source)
	fill(&d.Target)
	return d, names
}

// head is what the four steps share.
func (s *scoped) head(d desk, step automationui.Step) automationui.Builder {
	a := d.a
	b := automationui.Builder{
		ID: string(a.ID), Name: a.Name, Version: a.Version, State: automationui.State(a.State), Step: step,
		Sentence: s.sentence(d), Problems: d.problems(), Warnings: map[automationui.Step]int{},
	}
	b.Next = nextView(d)
	version := strconv.Itoa(d.live.Version)
	switch a.State {
	case automation.On:
		b.Status = "Version " + version + ", on. Changes you make wait until you put them live."
	case automation.Paused:
		b.Status = pausedWords(a) + " Version " + version + "."
		if d.live.Next == nil {
			b.Status += " Changes you make count once it goes on."
		}
	default:
		b.Status = "Draft " + version + ", not running. Changes are saved as you make them."
	}
	if n := len(d.compiled.RuleProblems); n > 0 {
		b.Warnings[automationui.When] = n
	}
	if n := len(d.compiled.MappingProblems); n > 0 {
		b.Warnings[automationui.Map] = n
	}
	return b
}

// postedVersion is the version the person saw; 0, which no version is, when the form does not say.
func postedVersion(c echo.Context) int {
	n, err := strconv.Atoi(c.FormValue("version"))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// save stores a definition made from the version the person saw, and answers the automation as it is edited then. It
// answers engine.ErrConflict, and saves nothing, when that is not the newest any more. Saving what is there already makes
// no version.
func (s *scoped) save(c echo.Context, a automation.Automation, def automation.Definition, note string) (automation.Automation, error) {
	if same(a.Definition, def) {
		return a, nil
	}
	if postedVersion(c) != a.Version {
		return a, engine.ErrConflict
	}
	saved, err := s.saveEdit(c.Request().Context(), a, def, user(c).Email, note)
	return saved.Edited(), err
}

// saveEdit saves an edit of the automation as it is edited. What a paused one watches because of it counts from now on.
func (s *scoped) saveEdit(ctx context.Context, a automation.Automation, def automation.Definition, by, note string) (automation.Automation, error) {
	saved, err := s.Store.SaveEdit(ctx, a.ID, a.Version, def, by, note)
	if err != nil || saved.Next != nil {
		return saved, err
	}
	return saved, s.watchSaved(ctx, a.Definition, saved)
}

func (s *scoped) watchSaved(ctx context.Context, before automation.Definition, after automation.Automation) error {
	return engine.WatchSaved(ctx, s.Store, s.Descriptors, before, after, s.Now())
}

// same reports that two definitions say the same, if in other words.
func same(a, b automation.Definition) bool { return len(automation.Diff(a, b)) == 0 }

// again shows a page in place of the one a form was sent from. Unlike redirect it lets a script that sent the
// form take the page's body in, so that focus and open editors survive.
func again(c echo.Context, to string) error { return c.Redirect(http.StatusSeeOther, to) }

// conflict tells what was saved since the person's page was made, beside what they wanted to save. mine is
// their change made to the version they saw; the form travels along, so that nothing they typed is lost.
func (s *scoped) conflict(c echo.Context, newest desk, load string, mine func(automation.Definition) automation.Definition) (*automationui.Conflict, error) {
	ctx := c.Request().Context()
	seen := newest.a.Definition
	v, err := s.Store.Version(ctx, newest.a.ID, postedVersion(c))
	if err == nil {
		seen = v.Definition
	} else if !errors.Is(err, engine.ErrNotFound) {
		return nil, err
	}
	versions, err := s.Store.Versions(ctx, newest.a.ID)
	if err != nil {
		return nil, err
	}
	out := &automationui.Conflict{
		Who: "Somebody", When: "meanwhile", LoadHref: load, Action: c.Request().URL.Path,
		Theirs: differences(newest, seen, newest.a.Definition),
		Fields: []automationui.HiddenField{{Name: "version", Value: strconv.Itoa(newest.a.Version)}},
	}
	if mine != nil {
		out.Mine = differences(newest, seen, mine(seen))
	}
	for _, v := range versions {
		if v.Number == newest.a.Version {
			out.Who, out.When = v.SavedBy, s.ago(v.SavedAt)
			if strings.EqualFold(v.SavedBy, user(c).Email) {
				out.Who = "You, in another tab,"
			}
		}
	}
	form := c.Request().PostForm
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if name == "version" || name == "force" {
			continue
		}
		for _, value := range form[name] {
			out.Fields = append(out.Fields, automationui.HiddenField{Name: name, Value: value})
		}
	}
	return out, nil
}

// differences says in sentences what one definition has that the other has not.
func differences(d desk, before, after automation.Definition) []string {
	var out []string
	for _, diff := range automation.Diff(before, after) {
		switch diff.Area {
		case automation.AreaSource, automation.AreaTarget:
			if !slices.Contains(out, accountConnected) {
				out = append(out, accountConnected)
			}
		case automation.AreaRow:
			if diff.After == nil {
				out = append(out, rowTitle(d, *diff.Before)+" is not mapped")
				continue
			}
			out = append(out, rowWords(d, *diff.After))
		default:
			out = append(out, areaLine(d, diff.Area, after))
		}
	}
	if len(out) == 0 {
		out = append(out, "Nothing that shows in this page")
	}
	return out
}

const accountConnected = "An account was connected"

// rowTitle is the field a row fills, with its side where it is not the target's.
func rowTitle(d desk, r mapping.Row) string {
	if r.Direction == mapping.ToSource {
		return sourceLabels(d, r) + " in " + d.source.side().Name()
	}
	return d.target.label(r.Target)
}

func sourceLabels(d desk, r mapping.Row) string {
	labels := make([]string, 0, len(r.Sources))
	for _, key := range r.Sources {
		labels = append(labels, d.source.label(key))
	}
	return strings.Join(labels, " and ")
}

// rowWords is a row as a sentence: "Phone is made from Phone, as phone, US".
func rowWords(d desk, r mapping.Row) string {
	words := d.target.label(r.Target) + " is made from " + sourceLabels(d, r)
	switch {
	case r.Direction == mapping.ToSource:
		words = rowTitle(d, r) + " is made from " + d.target.label(r.Target)
	case r.Joins():
		words = sourceLabels(d, r) + ", put together, and " + d.target.label(r.Target) + " are kept alike"
	case r.Direction == mapping.Both:
		words = d.target.label(r.Target) + " and " + sourceLabels(d, r) + " are kept alike"
	case len(r.Sources) == 0:
		words = d.target.label(r.Target) + " is made without a source"
	}
	if len(r.Steps) > 0 {
		words += ", as " + mapping.Chips(r.Steps)
	}
	if r.Direction == mapping.Both && r.Back != nil {
		words += ", and back " + stepWords(r.Back)
	}
	switch owner := r.HasLastWord(); owner {
	case mapping.OwnerOnlyIfEmpty:
		words += ", only when it is empty"
	case mapping.OwnerNewest:
		words += ", the newest edit wins"
	case mapping.OwnerAsk:
		words += ", asking when both sides changed"
	default:
		if owner != (mapping.Row{Direction: r.Direction}).HasLastWord() {
			words += ", and " + ownerWords(d, owner)
		}
	}
	if r.ClearWhenEmpty {
		words += ", also when it is emptied"
	}
	return words
}

func stepWords(steps []mapping.Step) string {
	if len(steps) == 0 {
		return "as it is"
	}
	return mapping.Chips(steps)
}

func ownerWords(d desk, o mapping.Owner) string {
	return o.Words(d.source.side().Name(), d.target.side().Name())
}

// fresh lays the automation out as it is stored now, after a conflict.
func (s *scoped) fresh(ctx context.Context, id automation.ID) (desk, error) {
	a, err := s.Store.Automation(ctx, id)
	if err != nil {
		return desk{}, err
	}
	return s.layOutEdited(ctx, a)
}
