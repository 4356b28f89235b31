package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	if c.FormValue("compare") == "next" {
		if a.Next == nil {
			return &pageError{http.StatusConflict, "No changes wait to be put live", "They were put live or thrown away meanwhile.", "Reload the page.", "no_next"}
		}
		p := engine.Population{ID: s.NewID("pl"), Automation: a.ID, Version: a.Next.Number, Mode: engine.ModeCompare, Of: strconv.Itoa(a.Version), State: engine.PopulationQueued, CreatedAt: s.Now(), StartedBy: user(c).Email}
		if err := s.Store.CreatePopulation(ctx, p); err != nil {
			return err
		}
		return redirect(c, "/plans/"+p.ID)
	}
	if n, err := strconv.Atoi(c.FormValue("compare")); err == nil && n > 0 && n != a.Version {
		if _, err := s.Store.Version(ctx, a.ID, n); err != nil {
			return err
		}
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
		return s.planOne(c, a.Edited(), record.Ref{Connection: a.Definition.Source.Connection, Type: a.Definition.Source.Object, ID: id})
	}
	of := ""
	if c.FormValue("heal") != "" {
		of = engine.Healing
	}
	p := engine.Population{ID: s.NewID("pl"), Automation: a.ID, Version: a.Version, State: engine.PopulationQueued, Mode: engine.ModeShow, Of: of, CreatedAt: s.Now(), StartedBy: user(c).Email}
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
	if a.Next != nil {
		v.Text = "Made just now, with your changes that are not live yet. Nothing has been written."
	}
	plan, err := s.Trials.Preview(c.Request().Context(), a, ref)
	if err != nil {
		v.State, v.Problem = planui.Failed, problemOf(err, "record", "")
		return s.render(c, http.StatusOK, planui.Page(sh, v))
	}
	v.Counts = map[ui.Outcome]int{outcomeOf(plan.Outcome): 1}
	r := planRecord(plan)
	if err := s.nameAwaited(c.Request().Context(), []automation.Plan{plan}, []*planui.Record{&r}); err != nil {
		return err
	}
	v.Records = []planui.Record{r}
	return s.render(c, http.StatusOK, planui.Page(sh, v))
}

func planRecord(p automation.Plan) planui.Record {
	r := planui.Record{Name: p.SourceTitle, Detail: p.TargetTitle, Outcome: outcomeOf(p.Outcome), Reason: p.Reason, Diffs: diffsOf(p), Evidence: evidenceOf(p.Identity)}
	if r.Detail != "" {
		r.Detail = "↔ " + r.Detail
	}
	if p.Drift == engine.Differs && !p.AgreedAt.IsZero() {
		at := date(p.AgreedAt)
		r.AgreedAt = &at
	}
	return r
}

// nameAwaited says of records that wait for another one which that is, and leads to it: there it can be looked at, and
// why it is not linked is told.
func (s *scoped) nameAwaited(ctx context.Context, plans []automation.Plan, shown []*planui.Record) error {
	var refs []record.Ref
	for _, p := range plans {
		if !p.Awaits.IsZero() && !slices.Contains(refs, p.Awaits) {
			refs = append(refs, p.Awaits)
		}
	}
	if len(refs) == 0 {
		return nil
	}
	titles, err := s.Store.RecordTitles(ctx, refs)
	if errors.Is(err, engine.ErrNotFound) {
		err = nil // the account has been removed since: its id names it
	}
	if err != nil {
		return err
	}
	connections, err := s.Connections.List(ctx)
	if err != nil {
		return err
	}
	for i, p := range plans {
		if !p.Awaits.IsZero() {
			who := s.sideOf(p.Awaits, connections)
			shown[i].Awaits = &planui.Awaited{Side: who.Side, Kind: who.Kind, Name: cmp.Or(titles[p.Awaits], p.Awaits.ID), Href: who.Href}
		}
	}
	return nil
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
		if err := s.note(c, people.AuditExport, p.ID, "plan", "", format); err != nil {
			return err
		}
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
		Outcome: ui.Outcome(c.QueryParam("outcome")), Query: strings.TrimSpace(c.QueryParam("q")), Result: c.QueryParam("result"), Matching: c.QueryParam("matching"), Drift: c.QueryParam("drift"),
		Writing: p.Mode.Applies(), Undo: p.Mode == engine.ModeUndo || p.Mode == engine.ModeTake,
		Heals: p.Of == engine.Healing,
	}
	for o, n := range p.Counts {
		v.Counts[outcomeOf(o)] += n
	}
	s.planWords(&v, p, a)
	for _, way := range s.waysToStand(a) {
		if string(way.drift) == v.Drift {
			v.DriftWords = way.label
		}
	}
	if v.Writing {
		counts, err := s.Store.ResultCounts(ctx, p.ID)
		if err != nil {
			return err
		}
		v.Results = planResults(counts)
		if p.Mode != engine.ModeTake && counts[engine.ItemDone] > 0 && v.State != planui.Running {
			wrote, err := s.Store.ChangesToUndo(ctx, "plan:"+p.ID, "", 1)
			if err != nil {
				return err
			}
			_, v.CanUndo, err = engine.Undo{Kind: "plan", ID: p.ID}.By(ctx, s.Store)
			if err != nil {
				return err
			}
			v.OnlyLinked = len(wrote) == 0
		}
		if counts[engine.ItemMoved] > 0 && p.State == engine.PopulationDone {
			asShown, err := s.moved(ctx, p)
			if err != nil {
				return err
			}
			v.Moved, v.MovedAs, v.Apply = true, movedAs(p), applyForm(asShown, a, c.QueryParam("unconfirmed") != "")
		}
	} else if p.State == engine.PopulationDone && p.Mode != engine.ModeCompare {
		v.Apply = applyForm(p, a, c.QueryParam("unconfirmed") != "")
	}
	if err := s.planItems(c, &v, p); err != nil {
		return err
	}
	if d := engine.Drift(v.Drift); len(v.Records) == 0 && v.Query == "" && p.Tally.Drift[d] > 0 && len(v.Filter()) == 1 {
		v.Empty = "This comparison was made before it was noted how each record stands. Compare again to see each of them."
	}
	if len(v.Records) == 0 && p.Of == engine.DailyComparison && p.Mode == engine.ModeShow && p.State == engine.PopulationDone && p.Done > 0 {
		some, err := s.Store.PlanItems(ctx, p.ID, engine.PlanFilter{Limit: 1})
		if err != nil {
			return err
		}
		if len(some) == 0 {
			v.Apply = nil // what would be written is not on record any more
			v.Empty = "Everyone was compared again since, and only the newest daily comparison keeps its records. The counts above are as they were."
		}
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
	if p.Of == engine.Healing {
		return "Heal: " + a.Name
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
		v.Text = p.Phase + ". Started " + s.ago(p.StartedAt) + "." + s.eta(p, a)
	case engine.PopulationPaused:
		v.Text = fmt.Sprintf("Paused after %s of %s records. Live events go on as usual.", ui.Number(p.Done), ui.Number(max(p.Total, p.Done)))
		if p.Problem != "" {
			v.Text = fmt.Sprintf("Paused after %s of %s records.%s", ui.Number(p.Done), ui.Number(max(p.Total, p.Done)), nothing)
			v.Problem = &ui.Problem{Tone: ui.Warn, Title: "It stopped and asks you", Detail: p.Problem, Code: "brake"}
			live := "/automations/" + string(a.ID) + "/live"
			if !p.Braked() {
				v.Problem.Tone, v.Problem.Title, v.Problem.Code = ui.Info, "It waits with its automation", "held"
			}
			switch {
			case a.State != automation.Paused:
			case a.PausedWhy != "":
				v.Problem.Href, v.Problem.HrefLabel = live+"#brake", "Answer"
			case !p.Braked():
				v.Problem.Href, v.Problem.HrefLabel = live, "Let it go on"
			}
		}
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

// eta is how long it still takes at the pace since it last began or went on, and no less than the day's calls allow;
// nothing before there is a pace to speak of.
func (s *scoped) eta(p engine.Population, a automation.Automation) string {
	since, done := p.WentOnAt, p.Done-p.WentOnDone
	passed := s.Now().Sub(since)
	if since.IsZero() || done < 20 || p.Total <= p.Done || passed < 3*time.Second {
		return ""
	}
	left := p.Total - p.Done
	takes := time.Duration(float64(passed) / float64(done) * float64(left))
	if p.Mode.Applies() && p.Done > 0 {
		writes := left * p.Written / p.Done
		takes = max(takes, s.quotaOf(a).Takes(writes, s.Providers.CallsPerSecond(a.Definition.Target.Provider), s.Now()))
	}
	return " About " + roughly(takes) + " to go."
}

// quotaOf is how the account that is written to stands with its call limit; zero when nobody knows.
func (s *scoped) quotaOf(a automation.Automation) engine.QuotaState {
	q, _ := s.Quota(a.Definition.Target.Connection)
	return q
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

// BeforeCarryingOut says what of a plan that is shown can be taken back once it is carried out, and what cannot.
func BeforeCarryingOut(p engine.Population) []string {
	var words []string
	if p.Counts[automation.Create] > 0 && p.Mode == engine.ModeShow {
		words = append(words, "Created records can be deleted or unlinked later. What the account itself sets off for a new record, such as a welcome message, cannot be taken back.")
	}
	if p.Counts[automation.Update] > 0 && p.Mode == engine.ModeShow {
		words = append(words, "Updates can be taken back field by field, as long as nobody edits the field afterwards.")
	}
	if p.Counts[automation.Update] > 0 && p.Of == engine.Healing {
		words = append(words, "This plan heals: fields that people edited on the side that does not own them are written over, and what an undo left apart is brought together. Each is shown.")
	}
	if p.Counts[automation.Delete] > 0 {
		words = append(words, "A deleted record can be made anew from its mapped fields only, and gets another id.")
	}
	return words
}

// applyForm is how a plan that was shown may be carried out; nil when there is nothing to carry out.
func applyForm(p engine.Population, a automation.Automation, unconfirmed bool) *planui.Apply {
	f := &planui.Apply{}
	verbs := map[automation.Outcome]string{automation.Create: "create", automation.Update: "update", automation.Linked: "link", automation.Delete: "delete"}
	if p.Mode == engine.ModeUndo {
		verbs[automation.Linked] = "unlink"
	}
	for _, o := range []automation.Outcome{automation.Create, automation.Update, automation.Linked, automation.Delete} {
		if n := p.Counts[o]; n > 0 {
			f.Parts = append(f.Parts, planui.Part{Outcome: outcomeOf(o), Words: verbs[o] + " " + ui.Count(n, "record", "records")})
		}
	}
	if len(f.Parts) == 0 {
		return nil
	}
	f.Warnings = BeforeCarryingOut(p)
	if n := p.Counts[automation.Delete]; n > 0 {
		f.Confirm = "Yes, delete " + ui.Count(n, "record", "records")
	}
	if limits := engine.Beyond(p, a.Definition.Limits); len(limits) > 0 {
		linked := p.Tally.Drift[engine.InSync] + p.Tally.Drift[engine.Differs]
		f.Confirm = fmt.Sprintf("Yes, of %s change %s and delete %s: that is beyond this automation's limit of %s",
			ui.Count(linked, "linked record", "linked records"), ui.Number(p.Counts[automation.Update]), ui.Number(p.Counts[automation.Delete]), strings.Join(limits, " and of "))
	}
	if unconfirmed {
		f.Error = "Nothing was written. Tick the box to confirm, or leave these records out."
	}
	return f
}

// moved is a plan that was carried out as a plan of what had changed since it was shown, as it is shown by now.
func (s *scoped) moved(ctx context.Context, p engine.Population) (engine.Population, error) {
	counts, err := s.Store.MovedCounts(ctx, p.ID)
	p.Counts = counts
	if p.Mode == engine.ModeTake {
		p.Mode = engine.ModeUndo
	} else {
		p.Mode = engine.ModeShow
	}
	return p, err
}

// movedAs names what had moved in a plan as it is shown now: each time the plan is carried out it is something else.
func movedAs(p engine.Population) string { return strconv.FormatInt(p.FinishedAt.UnixMilli(), 10) }

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
	choice := engine.Choice{Moved: p.Mode.Applies()}
	if choice.Moved {
		if form.Get("moved") != movedAs(p) { // a form that was made before shows something else
			s.flash(c, ui.Info, "It was carried out meanwhile", "So nothing more was done. What moved since it was shown can be carried out below.")
			return redirect(c, "/plans/"+p.ID)
		}
		if p, err = s.moved(ctx, p); err != nil {
			return err
		}
	}
	if p.Mode == engine.ModeShow && p.Version != a.Version {
		return &pageError{http.StatusConflict, "The automation was changed since", fmt.Sprintf("This plan is of version %d, and the automation is at version %d.", p.Version, a.Version), "Make a new dry run, and carry that out.", "version"}
	}
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
	over := len(engine.Beyond(p, a.Definition.Limits)) > 0
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
	by, ok, err := u.By(ctx, s.Store)
	if err != nil {
		return err
	}
	if !ok {
		return &pageError{http.StatusNotFound, "Nothing was written there", "No write and no link is on record for it, so there is nothing to take back.", "If it linked two records that are not the same, unlink them on the page of one of them.", "undo_nothing"}
	}
	a, err := s.Store.Automation(ctx, by)
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

// planFilter is what the page and its files list.
func planFilter(c echo.Context) engine.PlanFilter {
	return engine.PlanFilter{
		Outcomes: outcomesUnder(ui.Outcome(c.QueryParam("outcome"))), Matching: automation.Matching(c.QueryParam("matching")), Drift: engine.Drift(c.QueryParam("drift")),
		State: engine.ItemState(c.QueryParam("result")), Search: strings.TrimSpace(c.QueryParam("q")),
	}
}

func (s *scoped) planItems(c echo.Context, v *planui.View, p engine.Population) error {
	after, _ := strconv.ParseInt(c.QueryParam("after"), 10, 64)
	f := planFilter(c)
	f.After, f.Limit = after, plansPerPage+1
	items, err := s.Store.PlanItems(c.Request().Context(), p.ID, f)
	if err != nil {
		return err
	}
	q := v.Filter()
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
		if (it.Plan.Writes() || it.Plan.Outcome == automation.Linked) && (!v.Moved || it.State == engine.ItemMoved) {
			r.Position = strconv.FormatInt(it.Position, 10)
		}
		if p.Mode != engine.ModeTake {
			r.Went = engine.WentTo(it.State, it.Plan)
		}
		if r.Went != "" && it.State == engine.ItemAsked {
			r.WentHref = "/reviews"
		}
		if it.Run != "" {
			r.RunHref = "/runs/" + it.Run
		}
		v.Records = append(v.Records, r)
	}
	plans, shown := make([]automation.Plan, len(items)), make([]*planui.Record, len(items))
	for i, it := range items {
		plans[i], shown[i] = it.Plan, &v.Records[i]
	}
	if err := s.nameAwaited(c.Request().Context(), plans, shown); err != nil {
		return err
	}
	if len(items) > 0 {
		v.Pages.Text = ui.Count(len(items), "record", "records") + " of " + ui.Number(p.Done)
	}
	return nil
}

// cost says what carrying the plan out would take of the call limit of the account that is written to. Carrying out reads
// both sides again, as showing did.
func (s *scoped) cost(p engine.Population, a automation.Automation) string {
	words := ui.Count(p.Writes, "write", "writes") + ", " + ui.Count(p.Reads, "read", "reads") + " made to find out."
	end := a.Definition.Target
	perSecond := s.Providers.CallsPerSecond(end.Provider)
	if p.Mode.Applies() || p.Writes == 0 || perSecond <= 0 {
		return words
	}
	q := s.quotaOf(a)
	words += " Carrying it out reads about as often again, and takes about " + roughly(q.Takes(p.Writes+p.Reads, perSecond, s.Now())) + " inside the account's call limit."
	if q.DailyLimit > 0 {
		words += fmt.Sprintf(" Of %s's calls of today %s of %s are left", s.providerName(end.Provider), ui.Number(max(q.DailyLimit-q.DailyUsed, 0)), ui.Number(q.DailyLimit))
		if q.Reserve > 0 {
			words += fmt.Sprintf(", %d %% of all kept for other apps", q.Reserve)
		}
		words += "."
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
	case d < 48*time.Hour:
		return ui.Number(int(d.Round(time.Hour).Hours())) + " hours"
	}
	return ui.Number(int(d.Round(24*time.Hour).Hours())/24) + " days"
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

// eachItem goes through the items of a plan that a filter lets through, in their order, whatever their number.
func (s *scoped) eachItem(ctx context.Context, id string, f engine.PlanFilter, do func(engine.PlanItem) error) error {
	f.Limit = 500
	for {
		items, err := s.Store.PlanItems(ctx, id, f)
		if err != nil || len(items) == 0 {
			return err
		}
		for _, it := range items {
			if err := do(it); err != nil {
				return err
			}
			f.After = it.Position
		}
	}
}

// planExport streams every item that is listed as JSON, one array.
func (s *scoped) planExport(c echo.Context, p engine.Population) error {
	out := download(c, "application/json", "dry-run-"+p.ID+".json")
	enc := json.NewEncoder(out)
	sep := "["
	err := s.eachItem(c.Request().Context(), p.ID, planFilter(c), func(it engine.PlanItem) error {
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

// planCSV streams what is listed.
func (s *scoped) planCSV(c echo.Context, p engine.Population) error {
	out, err := NewPlanSheet(download(c, "text/csv", "dry-run-"+p.ID+".csv"))
	if err != nil {
		return err
	}
	return errors.Join(s.eachItem(c.Request().Context(), p.ID, planFilter(c), out.Item), out.End())
}

func (s *scoped) planCancel(c echo.Context) error {
	id := c.Param("id")
	if err := s.Store.CancelPopulation(c.Request().Context(), id); err != nil && !errors.Is(err, engine.ErrConflict) {
		return err
	}
	return redirect(c, "/plans/"+id)
}
