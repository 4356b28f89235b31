package recipe_test

import (
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/recipe"
	"crosswalk/internal/record"
)

// desk is a ticket and its task, kept alike as the reconciler does it.
type desk struct {
	c            *engine.Compiled
	ticket, task record.Fields
	base         *automation.Base
}

// fataler is a test, of one example or of many.
type fataler interface {
	Fatal(...any)
	Fatalf(string, ...any)
}

func newDesk(t fataler, ticket record.Fields) *desk {
	r, ok := recipe.Find("gleap-ticket-to-highlevel-task")
	if !ok {
		t.Fatal("the recipe is gone")
	}
	d := &desk{c: compiled(r.Definition), ticket: ticket, task: record.Fields{}}
	plan := d.c.Plan(engine.Input{Source: d.source(), Identity: automation.Identity{How: automation.NotFound}, Parent: record.Ref{ID: "c1"}})
	if plan.Outcome != automation.Create {
		t.Fatalf("a ticket makes no task: %s", plan.Reason)
	}
	fill(d.task, engine.WriteOf(plan, automation.TargetSide))
	target := record.Record{Fields: d.task.Clone()}
	d.remember(plan, engine.Input{Source: d.source()}, engine.Answers{Target: &target})
	return d
}

func (d *desk) source() record.Record {
	return record.Record{Ref: record.Ref{Connection: "cn_1", Type: record.Ticket, ID: "t1"}, Fields: d.ticket.Clone()}
}

func (d *desk) remember(p automation.Plan, in engine.Input, done engine.Answers) {
	mapped, held := d.c.Remember(p, in, done)
	d.base = &automation.Base{Link: "ln_1", Version: 1, Fields: mapped, Target: held}
}

func fill(f record.Fields, w provider.Write) { maps.Copy(f, w.Fields) }

func (d *desk) settle(t fataler) {
	for range 4 {
		target := record.Record{Ref: record.Ref{Connection: "cn_2", Type: record.Task, ID: "c1/k1"}, Fields: d.task.Clone()}
		in := engine.Input{
			Source: d.source(), Target: &target, Link: &automation.Link{ID: "ln_1", Target: target.Ref}, Base: d.base,
			Identity: automation.Identity{How: automation.ByLink},
		}
		p := d.c.Plan(in)
		if p.Outcome == automation.Blocked {
			t.Fatalf("stuck: %s", p.Reason)
		}
		var done engine.Answers
		if len(p.On(automation.TargetSide)) > 0 {
			fill(d.task, engine.WriteOf(p, automation.TargetSide))
			done.Target = &record.Record{Fields: d.task.Clone()}
		}
		if len(p.On(automation.SourceSide)) > 0 {
			fill(d.ticket, engine.WriteOf(p, automation.SourceSide))
			done.Source = &record.Record{Fields: d.ticket.Clone()}
		}
		d.remember(p, in, done)
		if !p.Writes() {
			return
		}
	}
	t.Fatalf("it never comes to rest: ticket %v, task %v", d.ticket, d.task)
}

func (d *desk) completed() bool {
	done, _ := d.task["completed"].AsBool()
	return done
}

// TestTicketAndTaskAgreeAboutBeingDoneAndAboutNothingMore edits both sides at will, both at once too.
func TestTicketAndTaskAgreeAboutBeingDoneAndAboutNothingMore(t *testing.T) {
	t.Parallel()
	statuses := rapid.SampledFrom([]string{"OPEN", "INPROGRESS", "DONE", "WAITING_FOR_CUSTOMER"})
	titles := rapid.SampledFrom([]string{"It is broken", "Repair it", "Call her"})
	rapid.Check(t, func(t *rapid.T) {
		came := time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)
		d := newDesk(t, record.Fields{
			"title": record.TextOf("It is broken"), "status": record.TextOf(statuses.Draw(t, "first status")), "createdAt": record.TimeOf(came),
		})
		if due, _ := d.task["dueDate"].AsTime(); !due.Equal(came) {
			t.Fatalf("due %v", due)
		}
		for range rapid.IntRange(1, 8).Draw(t, "edits") {
			was, wasDone := d.ticket["status"].String(), d.completed()
			status, done := was, wasDone
			side := rapid.SampledFrom([]string{"ticket", "task", "both"}).Draw(t, "side")
			if side != "task" {
				status = statuses.Draw(t, "status")
				d.ticket["status"], d.ticket["title"] = record.TextOf(status), record.TextOf(titles.Draw(t, "title"))
			}
			if side != "ticket" {
				done = rapid.Bool().Draw(t, "done")
				d.task["completed"], d.task["title"] = record.BoolOf(done), record.TextOf(titles.Draw(t, "title of the task"))
			}
			d.settle(t)
			now := d.ticket["status"].String()
			if d.completed() != (now == "DONE") {
				t.Fatalf("ticket %s, task done %v", now, d.completed())
			}
			if d.ticket["title"].String() != d.task["title"].String() {
				t.Fatalf("titles %q and %q", d.ticket["title"], d.task["title"])
			}
			// What nobody has asked for is not done: a status is written only to close or to open again.
			want := status
			if (status == "DONE") == (was == "DONE") && done != wasDone {
				want = map[bool]string{true: "DONE", false: "OPEN"}[done]
			}
			if done == (status == "DONE") {
				want = status
			}
			if now != want {
				t.Fatalf("%s: status %s → %s, done %v → %v, came to %s, want %s", side, was, status, wasDone, done, now, want)
			}
		}
	})
}

// An emptied title stays empty where somebody emptied it, for neither provider takes a ticket or a task without one.
func TestAnEmptiedTitleIsNotCarried(t *testing.T) {
	t.Parallel()
	for _, emptied := range []string{"ticket", "task"} {
		d := newDesk(t, record.Fields{"title": record.TextOf("It is broken"), "createdAt": record.TimeOf(time.Unix(1e9, 0))})
		there, here := d.task, d.ticket
		if emptied == "task" {
			there, here = here, there
		}
		here["title"] = record.Value{}
		d.settle(t)
		if !here["title"].IsEmpty() || there["title"].String() != "It is broken" {
			t.Errorf("%s emptied: ticket %q, task %q", emptied, d.ticket["title"], d.task["title"])
		}
	}
}
