package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
)

// triedOften is a run that went wrong seven times that are kept, and waits.
func triedOften(id automation.ID) automation.Run {
	steps := func(n int) []automation.Step {
		at := today.Add(time.Duration(n-100) * time.Minute)
		return []automation.Step{
			{Kind: automation.StepEvent, At: at, OK: true, Title: "A webhook told of a change"},
			{Kind: automation.StepError, At: at, Took: 2 * time.Second, Title: "HighLevel does not answer", Detail: fmt.Sprintf("Said %d.", n), Calls: []provider.Call{
				{Method: "GET", Path: "/contacts/h1", Status: 200, TraceID: "fine"}, {Method: "PUT", Path: "/contacts/h1", Status: 503, TraceID: fmt.Sprint("trace-", n)},
			}},
		}
	}
	r := automation.Run{
		ID: "rn_t", Automation: id, Source: janeThere, Title: "Jane Doe", State: automation.Waiting, Outcome: automation.Blocked, Code: "unavailable",
		Summary: "HighLevel does not answer.", StartedAt: today.Add(-time.Hour), Attempts: 60, NextAt: today.Add(9 * time.Minute), Steps: steps(60),
	}
	for _, n := range []int{1, 2, 3, 58, 59} {
		a := r.Attempt()
		a.Number, a.Steps = n, steps(n)
		r.Earlier = append(r.Earlier, a)
	}
	r.Earlier[3].LeftOut = 54
	r.Earlier[4].State, r.Earlier[4].Steps = automation.Running, r.Earlier[4].Steps[:1]
	return r
}

func TestARunTellsEveryAttempt(t *testing.T) {
	t.Parallel()
	w, inbox := questioned(t)
	inbox.runs = []automation.Run{triedOften(w.id)}
	p := w.see("/runs/rn_t").is(http.StatusOK)
	attempts := p.Find(".attempts > details")
	if attempts.Length() != 6 || p.Find(".attempts > details[open]").Length() != 1 {
		t.Fatalf("%d attempts, %d open", attempts.Length(), p.Find(".attempts > details[open]").Length())
	}
	if id, _ := attempts.First().Attr("id"); id != "attempt-60" || !attempts.First().Is("[open]") {
		t.Errorf("the first is %q", id)
	}
	p.says("#attempt-60 summary", "Attempt 60").says("#attempt-60 summary", "40 minutes ago").says("#attempt-60 summary", "HighLevel does not answer. Said 60.")
	p.says("#attempt-60", "2 calls, took 2 seconds.").says("#attempt-60", "Trace ID of the call that failed: trace-60").says("#attempt-60", "PUT /contacts/h1")
	p.says("#attempt-59 summary", "It did not come to its end").says("#attempt-1", "Said 1.")
	p.says("#attempt-58 + .attempt-gap", "54 attempts before this one are not kept")
	if p.Find(".attempt-gap").Length() != 1 {
		t.Error("a gap is told where there is none")
	}
	ids := map[string]bool{}
	for _, node := range p.Find("[id]").Nodes {
		for _, a := range node.Attr {
			if a.Key == "id" && ids[a.Val] {
				t.Errorf("two parts of the page have the id %q", a.Val)
			} else if a.Key == "id" {
				ids[a.Val] = true
			}
		}
	}
}

func TestARunOfOneAttemptIsToldPlainly(t *testing.T) {
	t.Parallel()
	w, inbox := questioned(t)
	r := triedOften(w.id)
	r.Attempts, r.Earlier = 1, nil
	inbox.runs = []automation.Run{r}
	p := w.see("/runs/rn_t").is(http.StatusOK)
	if p.Find(".attempts").Length() != 0 || p.Find(".timeline > li").Length() != 2 {
		t.Errorf("it reads %q", strings.Join(strings.Fields(p.Find("main").Text()), " "))
	}
}

func TestATimelineTellsEveryAttempt(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.lived()
	r := triedOften(w.id)
	w.store.past.entries = []engine.TimelineEntry{{Kind: engine.EntryRun, ID: r.ID, At: r.StartedAt, Run: &engine.RunStory{Run: r}}}
	p := w.open(recordHref(janeThere)).is(http.StatusOK)
	p.says("#entry-rn_t summary", "60 attempts").says("#entry-rn_t #rn_t-attempt-2", "Said 2.").says("#entry-rn_t", "54 attempts before this one are not kept")
}

// writtenRun is a run of which changes are on record.
type writtenRun struct {
	*inboxStore
	changes []automation.Change
}

func (f *writtenRun) ChangesToUndo(context.Context, string, string, int) ([]automation.Change, error) {
	return slices.Clone(f.changes), nil
}

func TestOneFieldIsTakenBackWhereTheRecordWasThereBefore(t *testing.T) {
	t.Parallel()
	w, inbox := questioned(t)
	run := automation.Run{ID: "rn_w", Automation: w.id, Source: janeThere, Title: "Jane Doe", State: automation.Succeeded, Outcome: automation.Create, StartedAt: today}
	inbox.runs = []automation.Run{run}
	st := &writtenRun{inbox, []automation.Change{{ID: "ch_1", Run: "rn_w", State: automation.Done, Fields: []automation.FieldPlan{
		{Field: "email", Label: "Email", Action: automation.Set}, {Field: "city", Label: "City", Action: automation.Set},
	}}}}
	w.keepsIn(st)
	for op, want := range map[automation.Outcome]int{automation.Create: 0, automation.Delete: 0, automation.Update: 2} {
		st.changes[0].Op = op
		if n := w.see("/runs/rn_w").is(http.StatusOK).Find(`form[action="/undo"] input[name="field"]`).Length(); n != want {
			t.Errorf("%s: %d fields can be taken back, want %d", op, n, want)
		}
	}
}
