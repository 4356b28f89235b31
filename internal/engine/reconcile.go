package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// maxAttempts bounds retries of failures that nobody has to act on; with the backoff it is about an hour.
const maxAttempts = 12

// Reconciler makes the other side of one record agree, once, journalled. It is the live path.
type Reconciler struct {
	Automations Automations
	Links       Links
	Journal     Journal
	Routing     Routing
	Gateway     Gateway
	Definitions *Definitions
	Now         func() time.Time
	NewID       func(prefix string) string
	Log         *slog.Logger
	// Carried lets automations that save calls take a record from the delivery that told of it; nil: all are read.
	Carried *Carried
	// Listed is what polls have just listed, which need not be read again; nil: it is.
	Listed *Listed
	// OnRun is told of every run that was stored, for live pages; it must not block.
	OnRun func(automation.Run)
}

// Result says what becomes of the work.
type Result struct {
	RetryAt time.Time // zero: done
	RunID   string
	State   automation.RunState
}

// Reconcile carries one piece of work out. An error means that not even the outcome could be stored; the
// work stays due. Whatever else goes wrong becomes the run's outcome.
func (r *Reconciler) Reconcile(ctx context.Context, w Work) (Result, error) {
	a, err := r.Automations.Automation(ctx, w.Automation)
	if errors.Is(err, ErrNotFound) {
		return Result{State: automation.Succeeded}, nil
	}
	if err != nil {
		return Result{}, err
	}
	x := r.begin(a, w)
	if a.State == automation.Paused && !byPerson(w.Event.Kind) {
		// Held, not failed: resuming wakes it.
		return Result{RetryAt: r.Now().Add(held), RunID: w.RunID, State: automation.Waiting}, nil
	}
	if a.State == automation.Draft && !byPerson(w.Event.Kind) {
		x.decided(automation.Skip, "off", "The automation was switched off before its turn came.")
		return x.finish(ctx, automation.Succeeded, Finish{})
	}
	ctx = wanting(ctx, a.Definition)
	return x.guarded(ctx, func() (Result, error) {
		return x.reconcile(provider.WithRecorder(provider.WithPriority(ctx, priorityOf(w)), x.record))
	})
}

// guarded makes a panic the attempt's failure: one record that nobody thought of stops no other.
func (x *execution) guarded(ctx context.Context, do func() (Result, error)) (res Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			x.Log.ErrorContext(ctx, "reconcile panicked", "automation_id", x.a.ID, "run_id", x.run.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			res, err = x.fail(ctx, fmt.Errorf("internal: %v", p), x.a.Name)
		}
	}()
	return do()
}

// held is how long what a paused automation or a missing parent keeps waiting sleeps when nobody wakes it.
const held = time.Hour

func priorityOf(w Work) provider.Priority {
	switch {
	case w.Event.Kind == automation.Backfill || w.Event.Kind == automation.Heal:
		return provider.Bulk
	case w.Attempt > 1:
		return provider.Retry
	}
	return provider.Live
}

// byPerson reports whether somebody asked for this very record, which is done even when the automation is off.
func byPerson(k automation.EventKind) bool {
	return k == automation.Manual || k == automation.Decided || k == automation.Undo
}

// execution is one attempt of one run.
type execution struct {
	*Reconciler
	a       automation.Automation
	work    Work
	run     automation.Run
	calls   []provider.Call
	settled []automation.Change
	// recovered are writes of earlier attempts without an answer. They stay open until an attempt has come to its end:
	// one that fails on the way has not told what became of them.
	recovered []automation.Change
	// arrived: the records show that one of them has happened.
	arrived bool
	mark    time.Time
	// sofar is what is true whatever becomes of the writes under way; nil: nothing.
	sofar *Finish
	// awaits are the ancestors of which one needs a link before a counterpart can be made.
	awaits []record.Ref
	// shown is all that may be written; nil: whatever is planned.
	shown *automation.Plan
	// moved is what is planned by now where that is more than was shown.
	moved *automation.Plan
	// wrote is told of every record that was written, as it was before and as it was answered; nil: nobody minds.
	wrote func(before *record.Record, answer record.Record, at time.Time)
	// once: nobody tries again.
	once bool
	// linking is off for test payloads: they have no record to link.
	linking bool
}

func (r *Reconciler) begin(a automation.Automation, w Work) *execution {
	now := r.Now()
	x := &execution{Reconciler: r, a: a, work: w, mark: now, linking: true}
	x.run = automation.Run{
		ID: w.RunID, Automation: a.ID, Version: a.Version, Event: w.Event, Source: w.Source,
		Title: w.Source.ID, State: automation.Running, Attempts: max(w.Attempt, 1), StartedAt: now, RetryOf: w.RetryOf,
	}
	if x.run.ID == "" {
		x.run.ID = r.NewID("rn")
	}
	x.step(automation.Step{Kind: automation.StepEvent, OK: true, Title: eventTitle(w.Event)})
	return x
}

func eventTitle(e automation.Event) string {
	switch e.Kind {
	case automation.Webhook:
		return "A webhook told of a change (" + e.Name + ")"
	case automation.Poll:
		return "Polling found a change"
	case automation.Replay:
		return "A delivery was replayed (" + e.Name + ")"
	case automation.Backfill:
		return "Everyone is looked at"
	case automation.Manual:
		return "Started by hand"
	case automation.TestSend:
		return "A test payload was sent"
	case automation.Heal:
		if e.Change == provider.Deleted {
			return "The daily comparison found that a record is gone"
		}
		return "The drift audit found that the two sides differ"
	case automation.Decided:
		return "Somebody decided"
	case automation.Undo:
		return "Somebody takes a change back"
	case automation.Neighbor:
		return "Its counterpart changed"
	case automation.Below:
		return "A record that lives under it changed, or its time came (" + e.Name + ")"
	}
	return "Looked at"
}

// record collects calls; the provider client may report from several goroutines, but one execution makes
// one call at a time.
func (x *execution) record(c provider.Call) { x.calls = append(x.calls, c) }

// step ends a step: it takes the calls made and the time passed since the last.
func (x *execution) step(s automation.Step) {
	now := x.Now()
	s.At, s.Took, s.Calls = x.mark, now.Sub(x.mark), x.calls
	x.mark, x.calls = now, nil
	x.run.Steps = append(x.run.Steps, s)
}

func (x *execution) decided(o automation.Outcome, code, summary string) {
	x.run.Outcome, x.run.Code, x.run.Summary = o, code, summary
}

func (x *execution) finish(ctx context.Context, s automation.RunState, end Finish) (Result, error) {
	x.run.State = s
	if s != automation.Waiting {
		x.run.FinishedAt = x.Now()
	}
	if s != automation.Waiting {
		x.settled = append(x.settled, x.recovered...)
	}
	end.Run, end.Settled = x.run, x.settled
	// The outcome is stored even when the caller's time is up, or the write would look unanswered.
	if err := x.Journal.Finish(context.WithoutCancel(ctx), end); err != nil {
		return Result{}, err
	}
	if x.OnRun != nil {
		x.OnRun(x.run)
	}
	return Result{RetryAt: x.run.NextAt, RunID: x.run.ID, State: s}, nil
}

// fail ends the attempt with an error: waiting for another try, waiting for a person, or for good.
func (x *execution) fail(ctx context.Context, err error, side string) (Result, error) {
	if provider.Stopped(err) && ctx.Err() != nil {
		return Result{}, err
	}
	words := Explain(err, side, x.label)
	x.step(automation.Step{Kind: automation.StepError, OK: false, Title: words.Title, Detail: words.Detail, Advice: words.Advice, Code: words.Code, Words: words.Words})
	x.decided(automation.Blocked, words.Code, words.Title+".")
	if provider.KindOf(err) == provider.Unknown {
		x.Log.ErrorContext(ctx, "run failed", "automation_id", x.a.ID, "run_id", x.run.ID, "err", err)
	}
	wait, ok := retryIn(err, x.run.Attempts)
	var end Finish
	if x.sofar != nil {
		end.Base = x.sofar.Base
	}
	if !ok || x.once || x.work.Event.Kind == automation.TestSend {
		return x.finish(ctx, automation.Failed, end)
	}
	x.run.NextAt = x.Now().Add(wait)
	return x.finish(ctx, automation.Waiting, end)
}

// retryIn says when to try again; !ok means never by itself.
func retryIn(err error, attempt int) (time.Duration, bool) {
	switch provider.KindOf(err) {
	case provider.RateLimited:
		e, _ := errors.AsType[*provider.Error](err)
		return max(e.RetryAfter, time.Second), true
	case provider.Revoked, provider.Unauthorized, provider.Forbidden:
		return 5 * time.Minute, true // until somebody reconnects; reconnecting makes it due at once
	case provider.Invalid, provider.Unsupported, provider.Duplicate:
		return 0, false
	case provider.Unavailable, provider.Ambiguous, provider.NotFound:
		// The provider's trouble, not the record's: news and call limits count as attempts too, so their number says
		// nothing about how long it has been tried. It is never given up.
	default:
		if attempt >= maxAttempts {
			return 0, false
		}
	}
	base := min(time.Second<<min(attempt, 12), held)
	return base/2 + rand.N(base), true // #nosec G404 -- spreads load; nothing is gained by guessing it
}

func (x *execution) label(field string) string {
	for _, r := range x.a.Definition.Mapping.Rows {
		if r.Target == field {
			x.Definitions.mu.Lock()
			e, ok := x.Definitions.ready[x.a.ID]
			x.Definitions.mu.Unlock()
			if ok {
				if spec, ok := e.compiled.Target.Field(field); ok {
					return spec.Label
				}
			}
		}
	}
	return field
}

func identityTitle(c *Compiled, at found) string {
	switch at.identity.How {
	case automation.ByLink:
		return "Known counterpart: the " + c.Target.Label + " it is linked with"
	case automation.ByMatch:
		return "Found its counterpart: one " + c.Target.Label + " " + matchedBy(at.identity.Evidence)
	case automation.Doubtful:
		return "The counterpart is doubtful"
	}
	return "No " + c.Target.Label + " found"
}

// Evidence that is no match key.
const (
	evidenceChoice     = "somebody's choice"
	evidenceBeforeMove = "what its counterpart held before it moved"
	evidenceUnanswered = "what an unanswered write asked for"
)

// matchedBy says what made a record the counterpart: "with the same Email". A link keeps these words for as long as it
// lives, so they name the keys and never a value, masked or not: that is personal, the records hold it, and what was
// looked up is in the steps of the run, which are forgotten in time.
func matchedBy(evidence []automation.Evidence) string {
	var keys []string
	for _, e := range slices.Backward(evidence) {
		switch e.Field {
		case evidenceChoice, evidenceBeforeMove, evidenceUnanswered:
			return "by " + e.Field
		}
		if e.Found > 0 {
			keys = append(keys, e.Field)
		}
	}
	slices.Reverse(keys)
	switch n := len(keys); n {
	case 0:
		return "with the same details"
	case 1:
		return "with the same " + keys[0]
	default:
		return "with the same " + strings.Join(keys[:n-1], ", ") + " and " + keys[n-1]
	}
}

func identityDetail(at found) string {
	if at.link != nil && at.target == nil {
		return "It was not read: nothing moved since both sides last agreed."
	}
	if at.assumed {
		return "This automation saves calls, so it was not looked at: it is taken to be as it was when the two last agreed."
	}
	detail := ""
	for _, e := range at.identity.Evidence {
		if detail != "" {
			detail += "; "
		}
		detail += fmt.Sprintf("%s “%s”: %s", e.Field, e.Value, count(e.Found, "record", "records"))
	}
	return detail
}
