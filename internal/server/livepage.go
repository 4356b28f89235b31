package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
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
	v.Checks = append(v.Checks, mappingCheck(d), keysCheck(d), ruleCheck(d))
	dry, err := s.dryRunCheck(c, d)
	if err != nil {
		return v, err
	}
	v.Checks = append(v.Checks, dry, s.noticeCheck(d))
	v.Policies = s.policiesView(d, policiesAsStored(d))
	stopped, ok, err := s.Store.PausedPopulation(c.Request().Context(), d.a.ID)
	if err != nil {
		return v, err
	}
	if ok { // other pages lead to the newest plan only
		v.Problems = append(v.Problems, ui.Problem{
			Tone: ui.Info, Title: fmt.Sprintf("A plan is paused after %s of %s records", ui.Number(stopped.Done), ui.Number(max(stopped.Total, stopped.Done))),
			Detail: cmp.Or(stopped.Problem, "What was written stays, and what is left waits."), Href: "/plans/" + stopped.ID, HrefLabel: "Open the plan", Code: "plan_paused",
		})
	}
	v.Brake, err = s.brakeOf(c.Request().Context(), d, notReady(v) == nil)
	return v, err
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

func mappingCheck(d desk) automationui.Check {
	check := automationui.Check{
		Title: "The fields are mapped", Text: filledWords(d),
		OK: true, Href: "/automations/" + string(d.a.ID) + "/map", HrefLabel: "Map",
	}
	// Whether the fields exist cannot be told while an account does not answer; that is said above.
	if words := d.compiled.UnfitMapping(); words != "" && (d.known() || len(d.a.Definition.Mapping.Rows) == 0) {
		check.OK, check.Text = false, words
	}
	return check
}

// keysCheck says whether counterparts can be recognised, so that none is made twice.
func keysCheck(d desk) automationui.Check {
	check := automationui.Check{
		Title: "Counterparts are recognised", Text: matchWords(d, d.a.Definition) + ".",
		OK: true, Href: "/automations/" + string(d.a.ID) + "/map#keys", HrefLabel: "Map",
	}
	if !d.known() {
		return check // whether the fields exist cannot be told now
	}
	for _, p := range d.compiled.KeyProblems() {
		if check.OK || p.Key == engine.EveryKey {
			check.OK, check.Optional, check.Text = false, p.Key != engine.EveryKey, joinSentences(p.Message, p.Suggestion)
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
	if words := d.compiled.UnfitRule(); words != "" && d.source.known {
		check.OK, check.Text = false, words
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
		text, todo := noticed(s.providerName(e.Provider), e)
		check.Text = joinSentences(check.Text, text)
		if todo {
			check.OK, check.Optional, check.Href, check.HrefLabel = false, true, "/connections", "Webhook address"
		}
	}
	return check
}

// noticed says how changes of one side are noticed, and whether a webhook may be left to be set up.
func noticed(name string, e end) (text string, todo bool) {
	appless := e.byKey && !e.object.Tells.ByHand
	withoutApp := name + " sends webhooks to an installed app only, and this account is connected without one"
	switch {
	case e.object.Webhook && appless && e.object.ByParent:
		return withoutApp + ", and lists " + e.object.Plural + " under their parents only, so changes are found by the daily comparison.", false
	case e.object.Webhook && appless:
		return withoutApp + ", so it is asked regularly.", false
	case e.object.Webhook && e.object.Poll:
		return name + " tells of some changes to " + e.object.Plural + " by webhook, and is asked regularly for the others.", false
	case e.object.Poll:
		return name + " tells nobody when a " + string(e.Object) + " changes, so it is asked regularly.", false
	}
	return name + " tells by webhook. Set it up under Connections if you have not yet.", true
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
	if d.live.Next != nil { // what is switched on is not what waits to be live
		if d, err = s.layOut(ctx, d.live); err != nil {
			return err
		}
		checks, err := s.liveView(c, d)
		if err != nil {
			return err
		}
		v.Checks = checks.Checks
	}
	if refusal := notReady(v); refusal != nil {
		v.Problems = append(v.Problems, *refusal)
		return s.showLive(c, problemStatus, v)
	}
	if err := s.startPolling(c, d); err != nil {
		return err
	}
	if err := s.goOn(ctx, d.a.ID); err != nil {
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

// goOn switches an automation on. Where a brake stopped it while everyone was carried over, that goes on too: one answer
// is enough.
func (s *scoped) goOn(ctx context.Context, id automation.ID) error {
	if err := s.Store.ResumeAutomation(ctx, id); err != nil {
		return err
	}
	p, ok, err := s.Store.PausedPopulation(ctx, id)
	if err != nil || !ok || p.Problem == "" {
		return err
	}
	if err := s.Store.ResumePopulation(ctx, p.ID); err != nil && !errors.Is(err, engine.ErrConflict) {
		return err
	}
	return nil
}

// startPolling says from when on changes count, on each side that is watched. A position that another automation is
// still working from stays as it is.
func (s *scoped) startPolling(c echo.Context, d desk) error {
	if d.a.State == automation.Paused {
		return nil // what happened meanwhile was held, and is carried now
	}
	return engine.WatchFromNow(c.Request().Context(), s.Store, s.Descriptors, d.a.ID, engine.Watched(d.a.Definition, s.Descriptors), s.Now())
}

// startWatching is startPolling for what a version that was put live watches and the one before did not.
func (s *scoped) startWatching(c echo.Context, d desk) error {
	return engine.WatchFromNow(c.Request().Context(), s.Store, s.Descriptors, d.a.ID, engine.WatchedAnew(d.live.Definition, d.a.Definition, s.Descriptors), s.Now())
}
