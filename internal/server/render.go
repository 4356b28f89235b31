package server

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/web/ui"
)

// render writes a whole view or nothing: it is rendered to memory first, so that a failure becomes an error
// page instead of half a page.
func (s *Server) render(c echo.Context, status int, view templ.Component) error {
	var page bytes.Buffer
	if err := view.Render(c.Request().Context(), &page); err != nil {
		return fmt.Errorf("render %s: %w", c.Path(), err)
	}
	return c.HTMLBlob(status, s.onlyAllowed(c, page.Bytes()))
}

// problemStatus is the status of a form that is shown again with what is wrong.
const problemStatus = http.StatusUnprocessableEntity

const themeCookie = "crosswalk_theme"

func (s *Server) theme(c echo.Context) ui.Theme {
	cookie, err := c.Cookie(s.cookieName(themeCookie))
	if err != nil {
		return ui.ThemeSystem
	}
	switch t := ui.Theme(cookie.Value); t {
	case ui.ThemeLight, ui.ThemeDark:
		return t
	}
	return ui.ThemeSystem
}

// bareShell is the frame before sign-in and of errors. It must not fail.
func (s *Server) bareShell(c echo.Context) ui.Shell { return ui.Shell{Theme: s.theme(c), Demo: s.Demo} }

// shell is the frame of a signed-in person's page, with its counts and what was just said.
func (s *scoped) shell(c echo.Context, active ui.Section) (ui.Shell, error) {
	ctx := c.Request().Context()
	sh := ui.Shell{Active: active, Theme: s.theme(c), User: user(c).Email, Demo: s.Demo, Workspace: s.member.Workspace.Name, WorkspaceID: s.member.Workspace.ID, Role: ui.Role(s.member.Role)}
	for _, m := range s.others {
		sh.Workspaces = append(sh.Workspaces, ui.Option{Value: m.Workspace.ID, Label: m.Workspace.Name})
	}
	all, err := s.Store.Automations(ctx)
	if err != nil {
		return sh, err
	}
	sh.AutomationCount = len(all)
	failed, err := s.Store.RunCounts(ctx, s.Now().Add(-24*time.Hour))
	if err != nil {
		return sh, err
	}
	for _, n := range failed {
		if n.Outcome == automation.Blocked || n.Outcome == automation.Decide {
			sh.RunsNeedingAttention += n.N
		}
	}
	open, err := s.Store.ReviewCounts(ctx)
	if err != nil {
		return sh, err
	}
	for _, n := range open {
		sh.ReviewsOpen += n
	}
	connections, err := s.Connections.List(ctx)
	if err != nil {
		return sh, err
	}
	for _, cn := range connections {
		if cn.State != connection.Active {
			sh.ConnectionsNeedingAttention++
			d := ui.Down{ID: string(cn.ID), Name: s.providerName(cn.Provider) + " (" + cn.Name + ")", Href: healthHref(cn.ID) + "/reconnect", Does: "Reconnect", Since: date(cn.DownSince)}
			if !s.can(people.Editor) { // who may not reconnect may know why it is down
				d.Href, d.Does = healthHref(cn.ID), "What happened"
			}
			if d.Text = "What needs it waits; nothing is lost."; cn.State == connection.Uninstalled {
				d.Uninstalled = true
			}
			sh.Down = append(sh.Down, d)
		}
	}
	if words := s.sessions.PopString(ctx, "flash"); words != "" {
		tone, rest, _ := strings.Cut(words, "\x00")
		title, detail, _ := strings.Cut(rest, "\x00")
		sh.Flashes = []ui.Flash{{Tone: ui.Tone(tone), Title: title, Detail: detail}}
	}
	return sh, nil
}

// flash leaves a message for the next page.
func (s *Server) flash(c echo.Context, tone ui.Tone, title, detail string) {
	s.sessions.Put(c.Request().Context(), "flash", string(tone)+"\x00"+title+"\x00"+detail)
}

// moment writes a time for people and for machines.
func (s *Server) moment(t time.Time) ui.Moment {
	if t.IsZero() {
		return ui.Moment{}
	}
	return ui.Moment{Machine: t.UTC().Format(time.RFC3339), Text: s.ago(t)}
}

// date writes a time as a date, for people and for machines. Where there is script the page makes it the visitor's own.
func date(t time.Time) ui.Moment {
	if t.IsZero() {
		return ui.Moment{}
	}
	return ui.Moment{Machine: t.UTC().Format(time.RFC3339), Text: t.UTC().Format("2 Jan 2006, 15:04 UTC")}
}

// ago is how long a moment has passed, in words.
func (s *Server) ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := s.Now().Sub(t)
	switch {
	case d < -time.Minute:
		return "in " + span(-d)
	case d < 5*time.Second:
		return "just now"
	}
	return span(d) + " ago"
}

func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return ui.Count(int(d/time.Second), "second", "seconds")
	case d < time.Hour:
		return ui.Count(int(d/time.Minute), "minute", "minutes")
	case d < 48*time.Hour:
		return ui.Count(int(d/time.Hour), "hour", "hours")
	}
	return ui.Count(int(d/(24*time.Hour)), "day", "days")
}

// outcomeOf is the sign a page shows; passing by is shown as "nothing to do".
func outcomeOf(o automation.Outcome) ui.Outcome {
	if o == automation.Skip {
		return ui.Same
	}
	return ui.Outcome(o)
}

// outcomesUnder are the outcomes that wear a sign: asking for a sign must find all that are counted under it.
// An unknown or empty sign narrows nothing.
func outcomesUnder(sign ui.Outcome) []automation.Outcome {
	var out []automation.Outcome
	for _, o := range automation.Outcomes() {
		if outcomeOf(o) == sign {
			out = append(out, o)
		}
	}
	return out
}

// side says which account a provider is, for colour and word.
func side(id provider.ID) ui.Side { return ui.Side(id) }

func (s *Server) providerName(id provider.ID) string { return s.Descriptors[id].Name }

// shownValue is a value as a page shows it; one that is a moment says its zone, and comes with it for machines.
func shownValue(v record.Value) (text, at string) {
	moment, ok := v.AsTime()
	if !ok {
		return v.String(), ""
	}
	form := "2 Jan 2006 15:04 UTC"
	if moment.Second() != 0 {
		form = "2 Jan 2006 15:04:05 UTC"
	}
	return moment.Format(form), moment.Format(time.RFC3339)
}

// brieflyShown is shownValue in a few words.
func brieflyShown(v record.Value) (text, at string) {
	text, at = shownValue(v)
	return brief(text), at
}

// diffsOf shows a plan's fields; those that stay as they are come last and carry their reason.
func diffsOf(p automation.Plan) []ui.Diff {
	var changed, kept []ui.Diff
	for _, f := range p.Fields {
		d := ui.Diff{Field: f.Label, Reason: f.Reason}
		d.Before, d.BeforeAt = shownValue(f.Before)
		d.After, d.AfterAt = shownValue(f.After)
		switch f.Action {
		case automation.Set:
			d.Outcome = ui.Update
			if f.Before.IsEmpty() {
				d.Outcome = ui.Create
			}
			changed = append(changed, d)
		case automation.AddTo:
			d.Outcome = ui.Update
			if f.Before.IsEmpty() {
				d.Outcome = ui.Create
			}
			changed = append(changed, d)
		case automation.Problem:
			d.Outcome, d.After, d.AfterAt = ui.Blocked, "", ""
			changed = append(changed, d)
		default:
			d.Outcome = ui.Same
			d.Apart = leftApart(p, f)
			d.Offered, d.OfferedAt = shownValue(f.Offered)
			if f.Code == "conflict" {
				d.Outcome = ui.Decide
			}
			kept = append(kept, d)
		}
	}
	return append(changed, kept...)
}

// leftApart reports that the two sides differ in a field and are left so.
func leftApart(p automation.Plan, f automation.FieldPlan) bool {
	return f.Action == automation.Keep && (slices.Contains(p.Apart, f.BaseKey()) || f.Code == "first_meeting")
}

func evidenceOf(id automation.Identity) []string {
	var out []string
	if id.How == automation.ByLink {
		out = append(out, "Linked before")
	}
	for _, e := range id.Evidence {
		out = append(out, fmt.Sprintf("%s “%s”: %s", e.Field, e.Value, ui.Count(e.Found, "record", "records")))
	}
	for _, cand := range id.Candidates {
		out = append(out, cand.Title+": "+cand.Why)
	}
	return out
}

// problemOf puts an error on a page where a person can act on it.
func problemOf(err error, about string, who ui.Side) *ui.Problem {
	x := engine.Explain(err, about, func(f string) string { return f })
	return &ui.Problem{Tone: ui.Stop, Title: x.Title, Detail: x.Detail, Next: x.Advice, Words: x.Words, Side: who, Code: x.Code}
}
