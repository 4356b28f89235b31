package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/web/automationui"
	"crosswalk/web/ui"
)

func (s *scoped) livePage(c echo.Context) error {
	d, err := s.opened(c)
	if err != nil {
		return err
	}
	v, err := s.liveView(c, d)
	if err != nil {
		return err
	}
	return s.showLive(c, http.StatusOK, v)
}

func (s *scoped) showLive(c echo.Context, status int, v automationui.LiveView) error {
	sh, err := s.shell(c, ui.Automations)
	if err != nil {
		return err
	}
	return s.render(c, status, automationui.LivePage(sh, v))
}

func (s *scoped) liveView(c echo.Context, d desk) (automationui.LiveView, error) {
	v := automationui.LiveView{Builder: s.head(d, automationui.Live), Source: d.source.schema.Label, StartAll: d.source.object.Poll}
	v.Problems = nil // the list below says the same, where it can be put right
	for _, e := range []end{d.source, d.target} {
		v.Checks = append(v.Checks, accountCheck(s.providerName(e.Provider), e))
	}
	v.Checks = append(v.Checks, s.mappingCheck(d), ruleCheck(d))
	dry, err := s.dryRunCheck(c, d)
	if err != nil {
		return v, err
	}
	v.Checks = append(v.Checks, dry, s.noticeCheck(d))
	v.Policies = s.policiesView(d, policiesAsStored(d))
	v.Brake = brakeOf(d, notReady(v) == nil)
	return v, nil
}

// notReady says what keeps an automation from being switched on, or nil.
func notReady(v automationui.LiveView) *ui.Problem {
	for _, check := range v.Checks {
		if !check.OK && !check.Optional {
			return &ui.Problem{Tone: ui.Stop, Title: "Not switched on: " + check.Title + "?", Detail: check.Text, Href: check.Href, HrefLabel: check.HrefLabel, Code: "not_ready"}
		}
	}
	return nil
}

func accountCheck(name string, e end) automationui.Check {
	check := automationui.Check{Title: name + " is connected", Text: "The account answers.", OK: e.problem == nil}
	if e.problem != nil {
		check.Text, check.Href, check.HrefLabel = e.problem.Title+". "+e.problem.Detail, "/connections", "Connections"
	}
	return check
}

func (s *scoped) mappingCheck(d desk) automationui.Check {
	check := automationui.Check{
		Title: "The fields are mapped", Text: filledWords(d),
		OK: true, Href: "/automations/" + string(d.a.ID) + "/map", HrefLabel: "Map",
	}
	switch {
	case len(d.a.Definition.Mapping.Rows) == 0:
		check.OK, check.Text = false, "Nothing is mapped yet."
	case !d.known():
		// Whether the fields exist cannot be told while an account does not answer; that is said above.
	default:
		for _, p := range d.compiled.MappingProblems {
			if p.Severity == mapping.Error {
				check.OK, check.Text = false, p.Message+" "+p.Suggestion
				return check
			}
		}
		if words := s.needsOneOf(d); words != "" {
			check.OK, check.Text = false, words
		}
	}
	return check
}

// filledWords counts the fields that would be filled on each side.
func filledWords(d desk) string {
	forth, back := 0, 0
	for _, r := range d.a.Definition.Mapping.Rows {
		if r.Direction.ToTarget() {
			forth++
		}
		if r.Direction.ToSource() {
			back += len(r.Sources)
		}
	}
	words := ui.Count(forth, "field", "fields") + " of the " + d.target.schema.Label
	if back > 0 {
		words += " and " + ui.Number(back) + " of the " + d.source.schema.Label
	}
	return words + " would be filled."
}

func ruleCheck(d desk) automationui.Check {
	check := automationui.Check{Title: "The conditions can be judged", Text: "Every condition reads a field that exists.", OK: true, Href: "/automations/" + string(d.a.ID) + "/when", HrefLabel: "When"}
	if d.a.Definition.Rule.IsEmpty() {
		check.Text = "There are none, so every record passes."
	}
	if d.source.known && len(d.compiled.RuleProblems) > 0 {
		p := d.compiled.RuleProblems[0]
		check.OK, check.Text = false, p.Message+" "+p.Suggestion
	}
	return check
}

func (s *scoped) dryRunCheck(c echo.Context, d desk) (automationui.Check, error) {
	check := automationui.Check{
		Title: "You have seen a dry run", Text: "Not needed, but it shows what would be written before anything is.", Optional: true,
		Href: "/automations/" + string(d.a.ID) + "/test", HrefLabel: "Dry run",
	}
	p, ok, err := s.Store.LatestPopulation(c.Request().Context(), d.a.ID)
	if err != nil {
		return check, err
	}
	if ok && p.State == engine.PopulationDone {
		check.OK, check.Text = p.Version == d.a.Version, "The last one was made "+s.ago(p.FinishedAt)+"."
		if !check.OK {
			check.Text += " Since then the automation was changed."
		}
	}
	return check, nil
}

// noticeCheck says how changes are noticed.
func (s *scoped) noticeCheck(d desk) automationui.Check {
	check := automationui.Check{Title: "Changes are noticed", OK: true}
	ends := []end{d.source}
	if d.a.Definition.TwoWay() {
		ends = append(ends, d.target)
	}
	for _, e := range ends {
		name := s.providerName(e.Provider)
		if e.object.Poll {
			check.Text = joinSentences(check.Text, name+" tells nobody when a "+string(e.Object)+" changes, so it is asked regularly.")
			continue
		}
		check.Text = joinSentences(check.Text, name+" tells by webhook. Set it up under Connections if you have not yet.")
		check.OK, check.Optional, check.Href, check.HrefLabel = false, true, "/connections", "Webhook address"
	}
	return check
}

// activation switches an automation on or pauses it.
func (s *scoped) activation(c echo.Context) error {
	ctx := c.Request().Context()
	d, err := s.desk(c)
	if err != nil {
		return err
	}
	here := "/automations/" + string(d.a.ID) + "/live"
	if c.FormValue("state") != "on" {
		if d.a.State == automation.On {
			if err := s.Store.SetState(ctx, d.a.ID, automation.Paused, ""); err != nil {
				return err
			}
			s.flash(c, ui.Info, "Paused", "Nothing new is carried out until it is switched on again.")
		} else if d.a.State == automation.Paused && d.a.PausedWhy != "" {
			// A person has taken the decision over from the brake.
			if err := s.Store.SetState(ctx, d.a.ID, automation.Paused, ""); err != nil {
				return err
			}
			s.flash(c, ui.Info, "It stays paused", "What is due waits, and nothing is lost. Switch it on whenever you like.")
		}
		return again(c, here)
	}
	v, err := s.liveView(c, d)
	if err != nil {
		return err
	}
	if n := postedVersion(c); n != d.a.Version {
		v.Conflict, err = s.conflict(c, d, here, nil)
		if err != nil {
			return err
		}
		return s.showLive(c, http.StatusConflict, v)
	}
	if refusal := notReady(v); refusal != nil {
		v.Problems = append(v.Problems, *refusal)
		return s.showLive(c, problemStatus, v)
	}
	if err := s.startPolling(c, d); err != nil {
		return err
	}
	if err := s.Store.ResumeAutomation(ctx, d.a.ID); err != nil {
		return err
	}
	if c.FormValue("start") == "all" {
		p := engine.Population{ID: s.NewID("pl"), Automation: d.a.ID, Version: d.a.Version, Mode: engine.ModeFill, State: engine.PopulationQueued, CreatedAt: s.Now(), StartedBy: user(c).Email}
		if err := s.Store.CreatePopulation(ctx, p); err != nil {
			return err
		}
		s.flash(c, ui.Good, "It is on", "Everyone is carried over now; changes from now on come first.")
		return redirect(c, "/plans/"+p.ID)
	}
	s.flash(c, ui.Good, "It is on", "Watch what it does under Runs.")
	return again(c, here)
}

// startPolling says from when on changes count, on each side that is watched. A position that another automation is
// still working from stays as it is.
func (s *scoped) startPolling(c echo.Context, d desk) error {
	if d.a.State == automation.Paused {
		return nil // what happened meanwhile was held, and is carried now
	}
	for _, end := range []automation.Endpoint{d.a.Definition.Source, d.a.Definition.Target} {
		if _, watched := d.a.Definition.Watches(end.Connection, end.Object); !watched {
			continue
		}
		if err := s.pollFromNow(c.Request().Context(), d.a.ID, end); err != nil {
			return err
		}
	}
	return nil
}

func (s *scoped) pollFromNow(ctx context.Context, id automation.ID, end automation.Endpoint) error {
	cursor, known, err := s.Store.PollCursor(ctx, end.Connection, end.Object)
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	if known {
		all, err := s.Store.Automations(ctx)
		if err != nil {
			return err
		}
		for _, a := range all {
			if _, watches := a.Definition.Watches(end.Connection, end.Object); watches && a.ID != id && a.State != automation.Draft {
				return nil
			}
		}
	}
	cursor.Connection, cursor.Object, cursor.Since = end.Connection, end.Object, s.Now()
	return s.Store.SavePollCursor(ctx, cursor)
}
