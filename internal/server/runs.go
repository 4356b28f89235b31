package server

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/rule"
	"crosswalk/web/automationui"
	"crosswalk/web/runui"
	"crosswalk/web/ui"
)

const runsPerPage = 50

func (s *scoped) automationNames(ctx context.Context) (map[automation.ID]string, error) {
	all, err := s.Store.Automations(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[automation.ID]string, len(all))
	for _, a := range all {
		names[a.ID] = a.Name
	}
	return names, nil
}

func (s *scoped) runsPage(c echo.Context) error {
	ctx := c.Request().Context()
	sh, err := s.shell(c, ui.Runs)
	if err != nil {
		return err
	}
	names, err := s.automationNames(ctx)
	if err != nil {
		return err
	}
	sign := ui.Outcome(c.QueryParam("outcome"))
	f := engine.RunFilter{
		Automation: automation.ID(c.QueryParam("automation")), Outcomes: outcomesUnder(sign),
		Search: strings.TrimSpace(c.QueryParam("q")), Before: c.QueryParam("before"), Limit: runsPerPage + 1,
	}
	runs, err := s.Store.Runs(ctx, f)
	if err != nil {
		return err
	}
	v := runui.List{Outcome: string(sign), Automation: string(f.Automation), Query: f.Search, Automations: []ui.Option{{Label: "Every automation"}}}
	for id, name := range names {
		v.Automations = append(v.Automations, ui.Option{Value: string(id), Label: name})
	}
	if f.Before != "" {
		v.Pages.PreviousHref = "/runs?" + runQuery(f, sign, "")
	}
	if len(runs) > runsPerPage {
		runs = runs[:runsPerPage]
		v.Pages.NextHref = "/runs?" + runQuery(f, sign, runs[len(runs)-1].ID)
	}
	for _, r := range runs {
		v.Items = append(v.Items, s.runItem(r, names))
	}
	if len(v.Items) > 0 {
		v.Pages.Text = ui.Count(len(v.Items), "run", "runs")
	}
	if f.Before == "" && f.Automation == "" && sign == "" && f.Search == "" {
		v.Live = runui.Live{URL: "/live", Max: runsPerPage}
	}
	return s.render(c, http.StatusOK, runui.ListPage(sh, v))
}

func runQuery(f engine.RunFilter, sign ui.Outcome, before string) string {
	q := url.Values{}
	for k, val := range map[string]string{"automation": string(f.Automation), "outcome": string(sign), "q": f.Search, "before": before} {
		if val != "" {
			q.Set(k, val)
		}
	}
	return q.Encode()
}

func (s *scoped) runItem(r automation.Run, names map[automation.ID]string) runui.Item {
	name := names[r.Automation]
	if name == "" {
		name = "removed automation"
	}
	return runui.Item{
		ID: r.ID, Record: r.Title, Detail: runDetail(r), AutomationName: name,
		State: runState(r), Outcome: outcomeOf(r.Outcome), Text: r.Summary, At: s.moment(r.StartedAt),
	}
}

func runDetail(r automation.Run) string {
	switch r.Event.Kind {
	case automation.TestSend:
		return "test"
	case automation.Manual:
		return "by hand"
	case automation.Backfill:
		return "everyone"
	}
	return string(r.Event.Kind)
}

func runState(r automation.Run) runui.State {
	switch r.State {
	case automation.Waiting:
		return runui.Waiting
	case automation.Running:
		return runui.Working
	case automation.Failed:
		if r.Outcome == automation.Decide {
			return runui.Done // shown as “? decide”: it did what it could
		}
		return runui.Failed
	}
	return runui.Done
}

// writesOf shows what a run wrote, oldest first, each field as something that can be taken back.
func (s *scoped) writesOf(ctx context.Context, r automation.Run) ([]runui.Write, error) {
	changes, err := s.Store.ChangesToUndo(ctx, "run:"+r.ID, "", 50)
	if err != nil {
		return nil, err
	}
	slices.Reverse(changes)
	out := make([]runui.Write, 0, len(changes))
	for _, ch := range changes {
		w := runui.Write{ID: ch.ID, Title: writeTitle(ch), CanUndo: ch.State == automation.Done}
		for _, f := range ch.Fields {
			o := ui.Update
			if f.Before.IsEmpty() {
				o = ui.Create
			}
			d := ui.Diff{Field: f.Label, Outcome: o}
			d.Before, d.BeforeAt = shownValue(f.Before)
			d.After, d.AfterAt = shownValue(ch.After[f.Field])
			key := f.Field
			if ch.Op != automation.Update {
				key = "" // a record is taken back as a whole
			}
			w.Diffs = append(w.Diffs, runui.WriteField{Key: key, Diff: d})
		}
		out = append(out, w)
	}
	return out, nil
}

func writeTitle(ch automation.Change) string {
	what := string(ch.Target.Type)
	switch ch.State {
	case automation.Refused:
		return "Refused: a write to the " + what
	case automation.Intended, automation.Unclear, automation.Settled:
		return "Never answered: a write to the " + what
	}
	switch ch.Op {
	case automation.Create:
		return "Created the " + what
	case automation.Delete:
		return "Deleted the " + what
	}
	return "Updated the " + what
}

func (s *scoped) runPage(c echo.Context) error {
	ctx := c.Request().Context()
	r, err := s.Store.Run(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	sh, err := s.shell(c, ui.Runs)
	if err != nil {
		return err
	}
	names, err := s.automationNames(ctx)
	if err != nil {
		return err
	}
	item := s.runItem(r, names)
	v := runui.View{
		ID: r.ID, Record: item.Record, Detail: string(r.Source.Type) + " " + r.Source.ID,
		AutomationID: string(r.Automation), AutomationName: item.AutomationName,
		State: item.State, Outcome: item.Outcome, Text: r.Summary, At: item.At,
		CanUndo:  names[r.Automation] != "" && r.State == automation.Succeeded && (r.Outcome == automation.Create || r.Outcome == automation.Update || r.Outcome == automation.Delete),
		CanRetry: names[r.Automation] != "" && r.Event.Kind != automation.TestSend && r.State != automation.Running,
	}
	if v.CanUndo {
		if v.Writes, err = s.writesOf(ctx, r); err != nil {
			return err
		}
	}
	add := func(name, value string) {
		if value != "" {
			v.Facts = append(v.Facts, runui.Fact{Name: name, Value: value})
		}
	}
	asked, open, err := s.askedBy(ctx, r)
	if err != nil {
		return err
	}
	if open {
		v.DecideHref = "/reviews/" + url.PathEscape(asked.ID)
	}
	if r.Event.Kind != automation.TestSend {
		v.TimelineHref = recordHref(r.Source)
	}
	add("Began with", beganWith(r))
	add("Source record", r.Source.ID)
	add("Target record", r.Target.ID)
	add("Version", "version "+ui.Number(r.Version)+" of the automation")
	if r.Attempts > 1 {
		add("Attempts", ui.Number(r.Attempts))
	}
	if !r.FinishedAt.IsZero() {
		add("Took", took(r.FinishedAt.Sub(r.StartedAt)))
	}
	if r.State == automation.Waiting && !r.NextAt.IsZero() {
		add("Next try", s.ago(r.NextAt))
	}
	add("Retry of", r.RetryOf)
	add("Run", r.ID)
	v.Steps, v.Attempts = s.stepsOrAttempts(r)
	for i := len(r.Steps) - 1; i >= 0; i-- {
		if st := r.Steps[i]; st.Kind == automation.StepError {
			v.Problem = stepProblem(st)
			break
		}
	}
	if v.Problem == nil && (r.Outcome == automation.Decide || r.Outcome == automation.Blocked) {
		v.Problem = &ui.Problem{Tone: ui.Warn, Title: "This one needs a person", Detail: r.Summary, Next: "Put it right in either account, or change the mapping, then retry.", Code: r.Code}
		if open {
			v.Problem.Next = "Decide, or put it right in either account."
		}
	}
	return s.render(c, http.StatusOK, runui.DetailPage(sh, v))
}

// stepsOrAttempts is what a run did: its steps, or, when it was tried more than once, those of each attempt.
func (s *Server) stepsOrAttempts(r automation.Run) (steps []runui.Step, attempts []runui.Attempt) {
	if len(r.Earlier) == 0 {
		for _, st := range r.Steps {
			steps = append(steps, s.runStep(st))
		}
		return steps, nil
	}
	attempts = append(attempts, s.runAttempt(r.Attempt(), engine.Sentence(r)))
	attempts[0].Newest = true
	for _, a := range slices.Backward(r.Earlier) {
		attempts = append(attempts, s.runAttempt(a, engine.AttemptSentence(a)))
	}
	return nil, attempts
}

func (s *Server) runAttempt(a automation.Attempt, text string) runui.Attempt {
	out := runui.Attempt{Number: a.Number, At: s.moment(a.StartedAt()), Text: text}
	calls := 0
	for _, st := range a.Steps {
		out.Steps = append(out.Steps, s.runStep(st))
		calls += len(st.Calls)
		for _, call := range st.Calls {
			if call.TraceID != "" && (call.Status < 200 || call.Status >= 300) {
				out.TraceID = call.TraceID
			}
		}
	}
	out.Cost = ui.Count(calls, "call", "calls") + ", took " + took(a.Took()) + "."
	if a.LeftOut > 0 {
		out.LeftOut = ui.Count(a.LeftOut, "attempt", "attempts") + " before this one " + are(a.LeftOut) + " not kept: of many, the first and the last are."
	}
	return out
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// askedBy finds the open question a run left to a person.
func (s *scoped) askedBy(ctx context.Context, r automation.Run) (automation.Review, bool, error) {
	list, err := s.Store.Reviews(ctx, r.Automation, r.Source)
	if err != nil {
		return automation.Review{}, false, err
	}
	for _, q := range list {
		// A run that wrote something may have left a field open besides.
		if q.State == automation.ReviewOpen && (r.Outcome == automation.Decide || q.Run == r.ID) {
			return q, true, nil
		}
	}
	return automation.Review{}, false, nil
}

func beganWith(r automation.Run) string {
	switch r.Event.Kind {
	case automation.Webhook:
		return "webhook " + r.Event.Name
	case automation.Poll:
		return "a change found by polling"
	case automation.Replay:
		return "a replayed delivery, " + r.Event.Name
	case automation.Below:
		return "a change of a record that lives under it, or its time (" + r.Event.Name + ")"
	case automation.Backfill:
		return "a look at everyone"
	case automation.Manual:
		return "somebody, by hand"
	case automation.TestSend:
		return "a test payload"
	}
	return string(r.Event.Kind)
}

func took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "under 1 ms"
	case d < time.Second:
		return ui.Number(int(d.Milliseconds())) + " ms"
	}
	return span(d)
}

func stepProblem(st automation.Step) *ui.Problem {
	return &ui.Problem{Tone: ui.Stop, Title: st.Title, Detail: st.Detail, Next: st.Advice, Words: st.Words, Code: st.Code}
}

func (s *Server) runStep(st automation.Step) runui.Step {
	out := runui.Step{At: ui.Moment{Machine: st.At.UTC().Format(time.RFC3339Nano), Text: st.At.UTC().Format("15:04:05 UTC")}, Title: st.Title, Text: st.Detail, Calls: exchanges(st.Calls)}
	switch st.Kind {
	case automation.StepEvent:
		out.Kind = runui.StepEvent
	case automation.StepRule:
		out.Kind = runui.StepRule
		if st.Plan != nil {
			out.Conditions = conditions(st.Plan.Verdict.Root, 0)
		}
	case automation.StepIdentity, automation.StepRecover:
		out.Kind = runui.StepLink
	case automation.StepRead:
		out.Kind = runui.StepRead
	case automation.StepPlan:
		out.Kind = runui.StepEcho
		if st.Plan != nil {
			out.Diffs, out.Evidence, out.Outcome = diffsOf(*st.Plan), evidenceOf(st.Plan.Identity), outcomeOf(st.Plan.Outcome)
			out.Conditions = conditions(st.Plan.Verdict.Root, 0)
		}
	case automation.StepWrite:
		out.Kind = runui.StepWrite
	case automation.StepError:
		out.Kind = runui.StepError
		out.Problem, out.Text = stepProblem(st), ""
	}
	return out
}

func conditions(check rule.Check, depth int) []runui.Condition {
	if len(check.Checks) == 0 {
		if check.Label == "" {
			return nil
		}
		return []runui.Condition{{Text: check.Label, Value: check.Got, Holds: check.Passed, Depth: depth}}
	}
	var out []runui.Condition
	for _, inner := range check.Checks {
		out = append(out, conditions(inner, depth+1)...)
	}
	return out
}

func exchanges(calls []provider.Call) []automationui.Exchange {
	out := make([]automationui.Exchange, 0, len(calls))
	for _, call := range calls {
		x := automationui.Exchange{
			Method: call.Method, Path: call.Path, OK: call.Status >= 200 && call.Status < 300,
			Duration: took(call.Duration), TraceID: call.TraceID, Request: pretty(call.Request), Response: pretty(call.Response),
		}
		switch {
		case call.Status != 0:
			x.Status = ui.Number(call.Status) + " " + http.StatusText(call.Status)
		default:
			x.Status = "no answer"
		}
		if call.Error != "" && x.Response == "" {
			x.Response = call.Error
		}
		out = append(out, x)
	}
	return out
}

func (s *scoped) runRetry(c echo.Context) error {
	id := c.Param("id")
	if err := s.Store.RetryRun(c.Request().Context(), id); err != nil {
		return err
	}
	s.flash(c, ui.Info, "It is tried again now", "The new run appears at the top within a moment.")
	return redirect(c, "/runs")
}
