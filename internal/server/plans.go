package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
	"crosswalk/web/planui"
	"crosswalk/web/ui"
)

const plansPerPage = 50

// planCreate is a dry run: of one record, shown at once, or of everyone, worked off in the background.
func (s *Server) planCreate(c echo.Context) error {
	ctx := c.Request().Context()
	a, err := s.Store.Automation(ctx, automation.ID(c.Param("id")))
	if err != nil {
		return err
	}
	if !a.Definition.Connected() {
		return &pageError{http.StatusConflict, "Both accounts must be connected first", "A dry run reads both sides, and one is not connected yet.", "Open Connections and connect it.", "not_connected"}
	}
	id := c.FormValue("record")
	if id == "" {
		id = c.FormValue("again") // of a plan for one record, which is known by the record's id
	}
	if id != "" {
		return s.planOne(c, a, record.Ref{Connection: a.Definition.Source.Connection, Type: a.Definition.Source.Object, ID: id})
	}
	p := engine.Population{ID: s.NewID("pl"), Automation: a.ID, Version: a.Version, State: engine.PopulationQueued, CreatedAt: s.Now(), StartedBy: user(c).Email}
	if err := s.Store.CreatePopulation(ctx, p); err != nil {
		return err
	}
	return redirect(c, "/plans/"+p.ID)
}

func (s *Server) planOne(c echo.Context, a automation.Automation, ref record.Ref) error {
	sh, err := s.shell(c, ui.Automations)
	if err != nil {
		return err
	}
	v := planui.View{
		ID: ref.ID, Title: "Dry run: " + a.Name, AutomationID: string(a.ID), AutomationName: a.Name,
		State: planui.Finished, Done: 1, Total: 1, Single: true, Text: "Made just now. Nothing has been written.",
	}
	plan, err := s.Trials.Preview(c.Request().Context(), a, ref)
	if err != nil {
		v.State, v.Problem = planui.Failed, problemOf(err, "record", "")
		return s.render(c, http.StatusOK, planui.Page(sh, v))
	}
	v.Counts = map[ui.Outcome]int{outcomeOf(plan.Outcome): 1}
	v.Records = []planui.Record{planRecord(plan)}
	return s.render(c, http.StatusOK, planui.Page(sh, v))
}

func planRecord(p automation.Plan) planui.Record {
	r := planui.Record{Name: p.SourceTitle, Detail: p.TargetTitle, Outcome: outcomeOf(p.Outcome), Reason: p.Reason, Diffs: diffsOf(p), Evidence: evidenceOf(p.Identity)}
	if r.Detail != "" {
		r.Detail = "↔ " + r.Detail
	}
	return r
}

func (s *Server) planPage(c echo.Context) error {
	ctx := c.Request().Context()
	p, err := s.Store.Population(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	if c.QueryParam("format") == "json" {
		return s.planExport(c, p)
	}
	a, err := s.Store.Automation(ctx, p.Automation)
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	sh, err := s.shell(c, ui.Automations)
	if err != nil {
		return err
	}
	v := planui.View{
		ID: p.ID, Title: "Dry run: " + a.Name, AutomationID: string(p.Automation), AutomationName: a.Name,
		State: planState(p.State), Done: p.Done, Total: p.Total, Counts: map[ui.Outcome]int{},
		Outcome: ui.Outcome(c.QueryParam("outcome")), Query: strings.TrimSpace(c.QueryParam("q")),
	}
	for o, n := range p.Counts {
		v.Counts[outcomeOf(o)] += n
	}
	switch p.State {
	case engine.PopulationQueued:
		v.Text = "Waiting for its turn."
	case engine.PopulationRunning:
		v.Text = p.Phase + ". Started " + s.ago(p.CreatedAt) + "."
	case engine.PopulationDone:
		v.Text = fmt.Sprintf("Made %s from version %d in %s. Nothing has been written.", s.ago(p.FinishedAt), p.Version, took(p.FinishedAt.Sub(p.CreatedAt)))
		v.Cost = s.cost(p, a)
	case engine.PopulationFailed:
		v.Problem = &ui.Problem{Tone: ui.Stop, Title: "The dry run could not be finished", Detail: p.Problem, Next: "Put it right and start it again. Nothing has been written.", Code: "dry_run"}
	case engine.PopulationCanceled:
		v.Text = "Stopped by hand. Nothing has been written."
	}
	if err := s.planItems(c, &v, p); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, planui.Page(sh, v))
}

func (s *Server) planItems(c echo.Context, v *planui.View, p engine.Population) error {
	after, _ := strconv.ParseInt(c.QueryParam("after"), 10, 64)
	f := engine.PlanFilter{Outcomes: outcomesUnder(v.Outcome), Search: v.Query, After: after, Limit: plansPerPage + 1}
	items, err := s.Store.PlanItems(c.Request().Context(), p.ID, f)
	if err != nil {
		return err
	}
	q := url.Values{}
	if v.Outcome != "" {
		q.Set("outcome", string(v.Outcome))
	}
	if v.Query != "" {
		q.Set("q", v.Query)
	}
	if after > 0 {
		v.Pages.PreviousHref = "/plans/" + p.ID + "?" + q.Encode()
	}
	if len(items) > plansPerPage {
		items = items[:plansPerPage]
		q.Set("after", strconv.FormatInt(items[len(items)-1].Position, 10))
		v.Pages.NextHref = "/plans/" + p.ID + "?" + q.Encode()
	}
	for _, it := range items {
		v.Records = append(v.Records, planRecord(it.Plan))
	}
	if len(items) > 0 {
		v.Pages.Text = ui.Count(len(items), "record", "records") + " of " + ui.Number(p.Done)
	}
	return nil
}

// cost says what carrying the plan out would take under the target's call budget.
func (s *Server) cost(p engine.Population, a automation.Automation) string {
	words := ui.Count(p.Writes, "write", "writes") + ", " + ui.Count(p.Reads, "read", "reads") + " made to find out."
	perSecond := s.Providers.CallsPerSecond(a.Definition.Target.Provider)
	if p.Writes > 0 && perSecond > 0 {
		words += " Carrying it out would take about " + roughly(time.Duration(float64(p.Writes)/perSecond*float64(time.Second))) + " inside the account's call limit."
	}
	return words
}

func roughly(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return "a few seconds"
	case d < 2*time.Minute:
		return ui.Number(int(d.Round(10*time.Second).Seconds())) + " seconds"
	case d < 2*time.Hour:
		return ui.Number(int(d.Round(time.Minute).Minutes())) + " minutes"
	}
	return ui.Number(int(d.Round(time.Hour).Hours())) + " hours"
}

func planState(st engine.PopulationState) planui.State {
	switch st {
	case engine.PopulationDone:
		return planui.Finished
	case engine.PopulationFailed:
		return planui.Failed
	case engine.PopulationCanceled:
		return planui.Cancelled
	}
	return planui.Running
}

// planExport streams every item as JSON, one array, whatever the population's size.
func (s *Server) planExport(c echo.Context, p engine.Population) error {
	ctx := c.Request().Context()
	h := c.Response().Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="dry-run-`+p.ID+`.json"`)
	c.Response().WriteHeader(http.StatusOK)
	enc := json.NewEncoder(c.Response())
	var after int64
	sep := "["
	for {
		items, err := s.Store.PlanItems(ctx, p.ID, engine.PlanFilter{After: after, Limit: 500})
		if err != nil {
			return err
		}
		for _, it := range items {
			if _, err := c.Response().Write([]byte(sep)); err != nil {
				return nil
			}
			if err := enc.Encode(it.Plan); err != nil {
				return nil
			}
			sep, after = ",", it.Position
		}
		if len(items) == 0 {
			if sep == "[" {
				_, _ = c.Response().Write([]byte("["))
			}
			_, _ = c.Response().Write([]byte("]\n"))
			return nil
		}
	}
}

func (s *Server) planCancel(c echo.Context) error {
	id := c.Param("id")
	if err := s.Store.CancelPopulation(c.Request().Context(), id); err != nil && !errors.Is(err, engine.ErrConflict) {
		return err
	}
	return redirect(c, "/plans/"+id)
}
