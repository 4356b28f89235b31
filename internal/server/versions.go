package server

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
	"crosswalk/web/automationui"
	"crosswalk/web/ui"
)

// versionsPage lists what was saved, and tells two versions apart in words.
func (s *scoped) versionsPage(c echo.Context) error {
	d, err := s.desk(c)
	if err != nil {
		return err
	}
	v, err := s.versionsView(c, d)
	if err != nil {
		return err
	}
	return s.showVersions(c, http.StatusOK, v)
}

func (s *scoped) showVersions(c echo.Context, status int, v automationui.VersionsView) error {
	sh, err := s.shell(c, ui.Automations)
	if err != nil {
		return err
	}
	return s.render(c, status, automationui.VersionsPage(sh, v))
}

func (s *scoped) versionsView(c echo.Context, d desk) (automationui.VersionsView, error) {
	v := automationui.VersionsView{Builder: s.head(d, "")}
	versions, err := s.Store.Versions(c.Request().Context(), d.a.ID)
	if err != nil {
		return v, err
	}
	for _, saved := range versions {
		v.Versions = append(v.Versions, automationui.SavedVersion{
			Number: saved.Number, When: ui.Moment{Machine: saved.SavedAt.UTC().Format(time.RFC3339), Text: s.ago(saved.SavedAt)},
			Who: cmp.Or(saved.SavedBy, "nobody known"), Note: capital(cmp.Or(saved.Note, "no note")), Current: saved.Number == d.live.Version, Next: d.live.Next != nil && saved.Number == d.a.Version, Discarded: saved.Discarded,
		})
		v.Choices = append(v.Choices, ui.Option{Value: strconv.Itoa(saved.Number), Label: strconv.Itoa(saved.Number) + ": " + brief(saved.Note)})
	}
	to := versionAsked(c.QueryParam("to"), versions, d.a.Version)
	before := max(to.Number-1, 1)
	if d.live.Next != nil && to.Number == d.a.Version {
		before = d.live.Version
	}
	from := versionAsked(c.QueryParam("from"), versions, before)
	v.From, v.To = strconv.Itoa(from.Number), strconv.Itoa(to.Number)
	connections, err := s.Connections.List(c.Request().Context())
	if err != nil {
		return v, err
	}
	v.Changes = versionChanges(d, connections, from.Definition, to.Definition)
	return v, nil
}

// accountWords names an account as people know it.
func accountWords(id record.ConnectionID, connections []connection.Connection) string {
	for _, cn := range connections {
		if cn.ID == id {
			return cmp.Or(cn.Name, string(id))
		}
	}
	if id == "" {
		return "no account"
	}
	return "an account that was disconnected"
}

// versionAsked finds the version a page asks for, or the fallback.
func versionAsked(number string, versions []automation.Version, fallback int) automation.Version {
	n, err := strconv.Atoi(number)
	find := func(n int) int {
		return slices.IndexFunc(versions, func(v automation.Version) bool { return v.Number == n })
	}
	if i := find(n); err == nil && i >= 0 {
		return versions[i]
	}
	if i := find(fallback); i >= 0 {
		return versions[i]
	}
	return automation.Version{}
}

// versionChanges says in words, field by field, what one definition has and another had not.
func versionChanges(d desk, connections []connection.Connection, before, after automation.Definition) []automationui.VersionChange {
	var out []automationui.VersionChange
	for _, diff := range automation.Diff(before, after) {
		if diff.Area == automation.AreaRow {
			out = append(out, rowChange(d, diff))
			continue
		}
		was, is := areaWords(d, diff.Area, before), areaWords(d, diff.Area, after)
		switch diff.Area {
		case automation.AreaSource:
			was, is = accountWords(before.Source.Connection, connections), accountWords(after.Source.Connection, connections)
		case automation.AreaTarget:
			was, is = accountWords(before.Target.Connection, connections), accountWords(after.Target.Connection, connections)
		}
		out = append(out, automationui.VersionChange{What: areaTitle(d, diff.Area), Outcome: ui.Update, Parts: []ui.Diff{{Before: was, After: is, Outcome: ui.Update}}})
	}
	return out
}

func rowChange(d desk, diff automation.Difference) automationui.VersionChange {
	switch {
	case diff.Before == nil:
		return automationui.VersionChange{What: rowTitle(d, *diff.After), Outcome: ui.Create, Parts: []ui.Diff{{After: rowWords(d, *diff.After), Outcome: ui.Create}}}
	case diff.After == nil:
		return automationui.VersionChange{What: rowTitle(d, *diff.Before), Outcome: ui.Delete, Parts: []ui.Diff{{Before: rowWords(d, *diff.Before), Outcome: ui.Delete}}}
	}
	change := automationui.VersionChange{What: rowTitle(d, *diff.After), Outcome: ui.Update}
	for _, a := range diff.Aspects {
		change.Parts = append(change.Parts, ui.Diff{Field: aspectTitles[a], Before: aspectWords(d, *diff.Before, a), After: aspectWords(d, *diff.After, a), Outcome: ui.Update})
	}
	return change
}

var aspectTitles = map[automation.Aspect]string{
	automation.AspectSources: "From", automation.AspectTarget: "To", automation.AspectSteps: "Transforms", automation.AspectBack: "The way back",
	automation.AspectDirection: "Direction", automation.AspectOwner: "When both sides have a value", automation.AspectClear: "When it is emptied",
}

func aspectWords(d desk, r mapping.Row, a automation.Aspect) string {
	switch a {
	case automation.AspectSources:
		return cmp.Or(sourceLabels(d, r), "no source")
	case automation.AspectTarget:
		return d.target.label(r.Target)
	case automation.AspectSteps:
		return stepWords(r.Steps)
	case automation.AspectBack:
		if r.Back == nil {
			return "what the transforms tell"
		}
		return stepWords(r.Back)
	case automation.AspectDirection:
		switch r.Leads() {
		case mapping.Both:
			return "both ways"
		case mapping.ToSource:
			return "to " + d.source.side().Name()
		}
		return "to " + d.target.side().Name()
	case automation.AspectOwner:
		return ownerWords(d, r.HasLastWord())
	case automation.AspectClear:
		if r.ClearWhenEmpty {
			return "the other side is emptied too"
		}
		return "the other side keeps its value"
	}
	return ""
}

// versionRestore saves an old definition as a new version. The accounts stay as they are: those of then may be gone.
func (s *scoped) versionRestore(c echo.Context) error {
	ctx := c.Request().Context()
	d, err := s.desk(c)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(c.FormValue("number"))
	if err != nil {
		return engine.ErrNotFound
	}
	old, err := s.Store.Version(ctx, d.a.ID, n)
	if err != nil {
		return err
	}
	mine := func(def automation.Definition) automation.Definition {
		back := old.Definition
		back.Source, back.Target = def.Source, def.Target
		return back
	}
	saved, err := s.save(c, d.a, mine(d.a.Definition), "Back to version "+strconv.Itoa(n))
	if errors.Is(err, engine.ErrConflict) {
		newest, err := s.fresh(ctx, d.a.ID)
		if err != nil {
			return err
		}
		v, err := s.versionsView(c, newest)
		if err != nil {
			return err
		}
		if v.Conflict, err = s.conflict(c, newest, v.URL("/versions"), mine); err != nil {
			return err
		}
		return s.showVersions(c, http.StatusConflict, v)
	}
	if err != nil {
		return err
	}
	if saved.Version == d.a.Version {
		s.flash(c, ui.Info, "Nothing to go back to", "Version "+strconv.Itoa(n)+" says the same as the current one.")
	} else {
		s.flash(c, ui.Good, "Back to version "+strconv.Itoa(n), strings.TrimSpace("It is saved as version "+strconv.Itoa(saved.Version)+". "+whileOn(d)))
	}
	return again(c, "/automations/"+string(d.a.ID)+"/versions")
}

// whileOn says that a change waits, or nothing.
func whileOn(d desk) string {
	if d.live.EditsWait() {
		return "It is not live yet: look at what it would do, and put it live when you like."
	}
	return ""
}
