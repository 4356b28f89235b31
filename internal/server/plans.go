package server

import (
	"context"
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
	"crosswalk/internal/people"
	"crosswalk/internal/record"
	"crosswalk/web/planui"
	"crosswalk/web/ui"
)

const plansPerPage = 50

// planCreate is a dry run: of one record, shown at once, or of everyone, worked off in the background.
func (s *scoped) planCreate(c echo.Context) error {
	ctx := c.Request().Context()
	a, err := s.Store.Automation(ctx, automation.ID(c.Param("id")))
	if err != nil {
		return err
	}
	if !a.Definition.Connected() {
		return &pageError{http.StatusConflict, "Both accounts must be connected first", "A dry run reads both sides, and one is not connected yet.", "Open Connections and connect it.", "not_connected"}
	}
	if n, err := strconv.Atoi(c.FormValue("compare")); err == nil && n > 0 && n != a.Version {
		p := engine.Population{ID: s.NewID("pl"), Automation: a.ID, Version: a.Version, Mode: engine.ModeCompare, Of: strconv.Itoa(n), State: engine.PopulationQueued, CreatedAt: s.Now(), StartedBy: user(c).Email}
		if err := s.Store.CreatePopulation(ctx, p); err != nil {
			return err
		}
		return redirect(c, "/plans/"+p.ID)
	}
	id := c.FormValue("record")
	if id == "" {
		id = c.FormValue("again") // of a plan for one record, which is known by the record's id
	}
	if id != "" {
		return s.planOne(c, a, record.Ref{Connection: a.Definition.Source.Connection, Type: a.Definition.Source.Object, ID: id})
	}
	p := engine.Population{ID: s.NewID("pl"), Automation: a.ID, Version: a.Version, State: engine.PopulationQueued, Mode: engine.ModeShow, CreatedAt: s.Now(), StartedBy: user(c).Email}
	if err := s.Store.CreatePopulation(ctx, p); err != nil {
		return err
	}
	return redirect(c, "/plans/"+p.ID)
}

func (s *scoped) planOne(c echo.Context, a automation.Automation, ref record.Ref) error {
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

func (s *scoped) planPage(c echo.Context) error {
	ctx := c.Request().Context()
	p, err := s.Store.Population(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	format := c.QueryParam("format")
	if format != "" && !s.can(people.Editor) {
		return mayNot(people.Editor) // people's data in a file is for those who look after it
	}
	if format != "" {
		s.note(c, people.AuditExport, p.ID, "plan", "", format)
	}
	switch format {
	case "json":
		return s.planExport(c, p)
	case "csv":
		return s.planCSV(c, p)
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
		ID: p.ID, Title: planTitle(p, a), AutomationID: string(p.Automation), AutomationName: a.Name,
		State: planState(p.State), Done: p.Done, Total: p.Total, Counts: map[ui.Outcome]int{},
		Outcome: ui.Outcome(c.QueryParam("outcome")), Query: strings.TrimSpace(c.QueryParam("q")), Result: c.QueryParam("result"), Matching: c.QueryParam("matching"),
		Writing: p.Mode.Applies(), Undo: p.Mode == engine.ModeUndo || p.Mode == engine.ModeTake,
	}
	for o, n := range p.Counts {
		v.Counts[outcomeOf(o)] += n
	}
	s.planWords(&v, p, a)
	if v.Writing {
		counts, err := s.Store.ResultCounts(ctx, p.ID)
		if err != nil {
			return err
		}
		v.Results = planResults(counts)
		v.CanUndo = p.Mode != engine.ModeTake && counts[engine.ItemDone] > 0 && v.State != planui.Running
	} else if p.State == engine.PopulationDone && p.Mode != engine.ModeCompare {
		v.Apply = applyForm(p, a, c.QueryParam("unconfirmed") != "")
	}
	if err := s.planItems(c, &v, p); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, planui.Page(sh, v))
}

func planTitle(p engine.Population, a automation.Automation) string {
	switch p.Mode {
	case engine.ModeApply:
		return "Plan: " + a.Name
	case engine.ModeFill:
		return "Everyone: " + a.Name
	case engine.ModeCompare:
		return fmt.Sprintf("Version %d against %s: %s", p.Version, p.Of, a.Name)
	case engine.ModeUndo, engine.ModeTake:
		return "Take back: " + a.Name
	}
	return "Dry run: " + a.Name
}

// planWords says how far a plan is, in a sentence.
func (s *scoped) planWords(v *planui.View, p engine.Population, a automation.Automation) {
	nothing := " Nothing has been written."
	if v.Writing {
		nothing = " What was written stays; it can be taken back."
	}
	switch p.State {
	case engine.PopulationQueued:
		v.Text = "Waiting for its turn."
	case engine.PopulationRunning:
		v.Text = p.Phase + ". Started " + s.ago(p.StartedAt) + "." + s.eta(p)
	case engine.PopulationPaused:
		v.Text = fmt.Sprintf("Paused after %s of %s records. Live events go on as usual.", ui.Number(p.Done), ui.Number(max(p.Total, p.Done)))
	case engine.PopulationDone:
		v.Text = fmt.Sprintf("Made %s from version %d in %s.%s", s.ago(p.FinishedAt), p.Version, took(p.FinishedAt.Sub(p.StartedAt)), nothing)
		if v.Writing {
			v.Text = fmt.Sprintf("Carried out %s in %s: %s written.", s.ago(p.FinishedAt), took(p.FinishedAt.Sub(p.StartedAt)), ui.Count(p.Written, "record", "records"))
		}
		v.Cost = s.cost(p, a)
	case engine.PopulationFailed:
		v.Problem = &ui.Problem{Tone: ui.Stop, Title: "It could not be finished", Detail: p.Problem, Next: "Put it right and start it again." + nothing, Code: "dry_run"}
	case engine.PopulationCanceled:
		v.Text = "Stopped by hand." + nothing
	}
}

// eta is how long it still takes at the pace so far; nothing before there is a pace to speak of.
func (s *scoped) eta(p engine.Population) string {
	passed := s.Now().Sub(p.StartedAt)
	if p.Done < 20 || p.Total <= p.Done || passed < 3*time.Second {
		return ""
	}
	return " About " + roughly(time.Duration(float64(passed)/float64(p.Done)*float64(p.Total-p.Done))) + " to go."
}

func planResults(counts map[engine.ItemState]int) []planui.Result {
	return []planui.Result{
		{Value: string(engine.ItemDone), Label: "done", N: counts[engine.ItemDone], Tone: ui.Good},
		{Value: string(engine.ItemMoved), Label: "changed meanwhile", N: counts[engine.ItemMoved], Tone: ui.Warn},
		{Value: string(engine.ItemFailed), Label: "failed", N: counts[engine.ItemFailed], Tone: ui.Stop},
		{Value: string(engine.ItemAsked), Label: "put to a person", N: counts[engine.ItemAsked], Tone: ui.Warn},
		{Value: string(engine.ItemLive), Label: "left to live work", N: counts[engine.ItemLive], Tone: ui.Info},
		{Value: string(engine.ItemLeft), Label: "left out", N: counts[engine.ItemLeft], Tone: ui.Info},
	}
}

// applyForm is how a plan that was shown may be carried out; nil when there is nothing to carry out.
func applyForm(p engine.Population, a automation.Automation, unconfirmed bool) *planui.Apply {
	f := &planui.Apply{}
	verbs := map[automation.Outcome]string{automation.Create: "create", automation.Update: "update", automation.Linked: "link", automation.Delete: "delete"}
	for _, o := range []automation.Outcome{automation.Create, automation.Update, automation.Linked, automation.Delete} {
		if n := p.Counts[o]; n > 0 {
			f.Parts = append(f.Parts, planui.Part{Outcome: outcomeOf(o), Words: verbs[o] + " " + ui.Count(n, "record", "records")})
		}
	}
	if len(f.Parts) == 0 {
		return nil
	}
	if p.Counts[automation.Create] > 0 && p.Mode == engine.ModeShow {
		f.Warnings = append(f.Warnings, "Created records can be deleted or unlinked later. What the account itself sets off for a new record, such as a welcome message, cannot be taken back.")
	}
	if p.Counts[automation.Update] > 0 && p.Mode == engine.ModeShow {
		f.Warnings = append(f.Warnings, "Updates can be taken back field by field, as long as nobody edits the field afterwards.")
	}
	if n := p.Counts[automation.Delete]; n > 0 {
		f.Warnings = append(f.Warnings, "A deleted record can be made anew from its mapped fields only, and gets another id.")
		f.Confirm = "Yes, delete " + ui.Count(n, "record", "records")
	}
	if share, over := engine.ShareOf(p, a.Definition.Limits); over {
		f.Confirm = fmt.Sprintf("Yes, change %d %% of all linked records; this automation's limit is %d %%", share, a.Definition.Limits.Effective().Share)
	}
	if unconfirmed {
		f.Error = "Nothing was written. Tick the box to confirm, or leave these records out."
	}
	return f
}

// planApply lets what was shown be carried out.
func (s *scoped) planApply(c echo.Context) error {
	ctx := c.Request().Context()
	p, err := s.Store.Population(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	a, err := s.Store.Automation(ctx, p.Automation)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest)
	}
	if p.Mode == engine.ModeShow && p.Version != a.Version {
		return &pageError{http.StatusConflict, "The automation was changed since", fmt.Sprintf("This plan is of version %d, and the automation is at version %d.", p.Version, a.Version), "Make a new dry run, and carry that out.", "version"}
	}
	var choice engine.Choice
	var deletes bool
	for _, sign := range form["outcome"] {
		choice.Outcomes = append(choice.Outcomes, outcomesUnder(ui.Outcome(sign))...)
		deletes = deletes || sign == string(automation.Delete)
	}
	for _, word := range form["position"] {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return echo.NewHTTPError(http.StatusBadRequest)
		}
		choice.Positions = append(choice.Positions, n)
	}
	here, confirm := "/plans/"+p.ID, "?unconfirmed=1#apply-title"
	if form.Get("back") == "first-sync" {
		here, confirm = "/automations/"+string(a.ID)+"/first-sync", "?unconfirmed=1#carry-title"
	}
	for _, words := range form["matching"] {
		for _, word := range strings.Fields(words) {
			choice.Matchings = append(choice.Matchings, automation.Matching(word))
		}
		deletes = deletes || p.Counts[automation.Delete] > 0 && strings.Contains(words, string(automation.MatchLinked))
	}
	if len(choice.Outcomes)+len(choice.Matchings) == 0 {
		return redirect(c, here)
	}
	_, over := engine.ShareOf(p, a.Definition.Limits)
	if (over || deletes) && form.Get("confirm") == "" {
		return redirect(c, here+confirm)
	}
	if err := s.Store.ApplyPopulation(ctx, p.ID, choice); err != nil && !errors.Is(err, engine.ErrConflict) {
		return err
	}
	return redirect(c, here)
}

func (s *scoped) planPause(c echo.Context) error  { return s.planSwitch(c, s.Store.PausePopulation) }
func (s *scoped) planResume(c echo.Context) error { return s.planSwitch(c, s.Store.ResumePopulation) }

func (s *scoped) planSwitch(c echo.Context, to func(ctx context.Context, id string) error) error {
	id := c.Param("id")
	if err := to(c.Request().Context(), id); err != nil && !errors.Is(err, engine.ErrConflict) {
		return err
	}
	return redirect(c, "/plans/"+id)
}

// undoCreate shows what taking a change, a run or a plan back would do.
func (s *scoped) undoCreate(c echo.Context) error {
	ctx := c.Request().Context()
	u := engine.Undo{Kind: c.FormValue("kind"), ID: c.FormValue("id"), Field: c.FormValue("field"), Created: engine.Created(c.FormValue("created"))}
	if u.Created == "" {
		u.Created = engine.CreatedUnlink
	}
	if _, err := engine.ParseUndo(u.String()); err != nil {
		return &pageError{http.StatusBadRequest, "There is nothing to take back", "The form did not say what to take back.", "Open the run and choose again.", "undo"}
	}
	changes, err := s.Store.ChangesToUndo(ctx, u.Kind+":"+u.ID, "", 1)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		return &pageError{http.StatusNotFound, "Nothing was written there", "No write is on record for it, so there is nothing to take back.", "", "undo_nothing"}
	}
	a, err := s.Store.Automation(ctx, changes[0].Automation)
	if err != nil {
		return err
	}
	p := engine.Population{
		ID: s.NewID("pl"), Automation: a.ID, Version: a.Version, Mode: engine.ModeUndo, Of: u.String(),
		State: engine.PopulationQueued, CreatedAt: s.Now(), StartedBy: user(c).Email,
	}
	if err := s.Store.CreatePopulation(ctx, p); err != nil {
		return err
	}
	return redirect(c, "/plans/"+p.ID)
}

func (s *scoped) planItems(c echo.Context, v *planui.View, p engine.Population) error {
	after, _ := strconv.ParseInt(c.QueryParam("after"), 10, 64)
	f := engine.PlanFilter{Outcomes: outcomesUnder(v.Outcome), Matching: automation.Matching(v.Matching), State: engine.ItemState(v.Result), Search: v.Query, After: after, Limit: plansPerPage + 1}
	items, err := s.Store.PlanItems(c.Request().Context(), p.ID, f)
	if err != nil {
		return err
	}
	q := url.Values{}
	if v.Outcome != "" {
		q.Set("outcome", string(v.Outcome))
	}
	if v.Matching != "" {
		q.Set("matching", v.Matching)
	}
	if v.Query != "" {
		q.Set("q", v.Query)
	}
	if v.Result != "" {
		q.Set("result", v.Result)
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
		r := planRecord(it.Plan)
		for _, known := range planResults(nil) {
			if it.State != "" && known.Value == string(it.State) {
				r.Result, r.ResultTone = known.Label, known.Tone
			}
		}
		if !it.Plan.Source.IsZero() {
			r.Href = recordHref(it.Plan.Source)
		}
		if it.Plan.Writes() || it.Plan.Outcome == automation.Linked {
			r.Position = strconv.FormatInt(it.Position, 10)
		}
		if it.Run != "" {
			r.RunHref = "/runs/" + it.Run
		}
		v.Records = append(v.Records, r)
	}
	if len(items) > 0 {
		v.Pages.Text = ui.Count(len(items), "record", "records") + " of " + ui.Number(p.Done)
	}
	return nil
}

// cost says what carrying the plan out would take under the target's call budget.
func (s *scoped) cost(p engine.Population, a automation.Automation) string {
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
	case engine.PopulationPaused:
		return planui.Paused
	}
	return planui.Running
}

// eachItem goes through a plan's items in their order, whatever their number.
func (s *scoped) eachItem(ctx context.Context, id string, do func(engine.PlanItem) error) error {
	for after := int64(0); ; {
		items, err := s.Store.PlanItems(ctx, id, engine.PlanFilter{After: after, Limit: 500})
		if err != nil || len(items) == 0 {
			return err
		}
		for _, it := range items {
			if err := do(it); err != nil {
				return err
			}
			after = it.Position
		}
	}
}

// planExport streams every item as JSON, one array.
func (s *scoped) planExport(c echo.Context, p engine.Population) error {
	out := download(c, "application/json", "dry-run-"+p.ID+".json")
	enc := json.NewEncoder(out)
	sep := "["
	err := s.eachItem(c.Request().Context(), p.ID, func(it engine.PlanItem) error {
		if _, err := out.Write([]byte(sep)); err != nil {
			return err
		}
		sep = ","
		return enc.Encode(it.Plan)
	})
	if err != nil {
		return err
	}
	if sep == "[" {
		_, _ = out.Write([]byte("["))
	}
	_, _ = out.Write([]byte("]\n"))
	return nil
}

// planCSV streams one line for each field that would be written, and one for each record that would not.
func (s *scoped) planCSV(c echo.Context, p engine.Population) error {
	out, err := newSheet(c, "dry-run-"+p.ID+".csv", "record", "record id", "counterpart", "counterpart id", "outcome", "field", "written to", "before", "after", "reason", "result")
	if err != nil {
		return err
	}
	err = s.eachItem(c.Request().Context(), p.ID, func(it engine.PlanItem) error {
		pl := it.Plan
		row := func(field, side, before, after, reason string) error {
			return out.row(pl.SourceTitle, pl.Source.ID, pl.TargetTitle, pl.Target.ID, string(pl.Outcome), field, side, before, after, reason, string(it.State))
		}
		n := 0
		for _, f := range pl.Fields {
			if f.Action != automation.Set && f.Action != automation.AddTo {
				continue
			}
			n++
			side := "counterpart"
			if f.Side == automation.SourceSide {
				side = "record"
			}
			if err := row(f.Label, side, f.Before.String(), f.After.String(), f.Reason); err != nil {
				return err
			}
		}
		if n == 0 {
			return row("", "", "", "", pl.Reason)
		}
		return nil
	})
	return errors.Join(err, out.end())
}

func (s *scoped) planCancel(c echo.Context) error {
	id := c.Param("id")
	if err := s.Store.CancelPopulation(c.Request().Context(), id); err != nil && !errors.Is(err, engine.ErrConflict) {
		return err
	}
	return redirect(c, "/plans/"+id)
}
