package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
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
	Gateway     Gateway
	Definitions *Definitions
	Now         func() time.Time
	NewID       func(prefix string) string
	Log         *slog.Logger
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
func (r *Reconciler) Reconcile(ctx context.Context, w Work) (res Result, err error) {
	a, err := r.Automations.Automation(ctx, w.Automation)
	if errors.Is(err, ErrNotFound) {
		return Result{State: automation.Succeeded}, nil
	}
	if err != nil {
		return Result{}, err
	}
	x := r.begin(a, w)
	defer func() {
		if p := recover(); p != nil {
			r.Log.ErrorContext(ctx, "reconcile panicked", "automation_id", a.ID, "run_id", x.run.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			res, err = x.fail(ctx, fmt.Errorf("internal: %v", p), a.Name)
		}
	}()
	if a.State != automation.On && w.Event.Kind != automation.Manual {
		x.decided(automation.Skip, "off", "The automation was switched off before its turn came.")
		return x.finish(ctx, automation.Succeeded, Finish{})
	}
	return x.reconcile(provider.WithRecorder(ctx, x.record))
}

// execution is one attempt of one run.
type execution struct {
	*Reconciler
	a       automation.Automation
	work    Work
	run     automation.Run
	calls   []provider.Call
	settled []automation.Change
	mark    time.Time
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
	case automation.Backfill:
		return "Everyone is looked at"
	case automation.Manual:
		return "Started by hand"
	case automation.TestSend:
		return "A test payload was sent"
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

func (x *execution) reconcile(ctx context.Context) (Result, error) {
	compiled, err := x.Definitions.Compile(ctx, x.a)
	if err != nil {
		return x.fail(ctx, err, x.a.Name)
	}
	client, err := x.Gateway.Client(ctx, x.work.Source.Connection)
	if err != nil {
		return x.fail(ctx, err, compiled.Source.Label)
	}
	source, err := client.Get(ctx, x.work.Source)
	if provider.IsKind(err, provider.NotFound) {
		x.step(automation.Step{Kind: automation.StepRead, OK: true, Title: "Read the " + compiled.Source.Label, Detail: "It is not there any more."})
		x.decided(automation.Skip, "source_gone", "The "+compiled.Source.Label+" is gone. Deletes are not carried over.")
		return x.finish(ctx, automation.Succeeded, Finish{})
	}
	if err != nil {
		return x.fail(ctx, err, compiled.Source.Label)
	}
	x.run.Title = source.Title
	x.step(automation.Step{Kind: automation.StepRead, OK: true, Title: "Read the " + compiled.Source.Label + " as it is now"})
	return x.carry(ctx, compiled, source)
}

// carry plans for a source record and applies the plan.
func (x *execution) carry(ctx context.Context, c *Compiled, source record.Record) (Result, error) {
	verdict := c.Judge(source)
	if !verdict.Passed {
		p := c.Plan(Input{Source: source})
		x.step(automation.Step{Kind: automation.StepRule, OK: false, Title: "The rule let it pass by", Detail: verdict.Why(), Plan: &p})
		x.decided(p.Outcome, p.Code, p.Reason)
		return x.finish(ctx, automation.Succeeded, Finish{})
	}
	x.step(automation.Step{Kind: automation.StepRule, OK: true, Title: "The rule lets it through", Detail: verdict.Why()})

	target, err := x.Gateway.Client(ctx, c.Def.Target.Connection)
	if err != nil {
		return x.fail(ctx, err, c.Target.Label)
	}
	if err := x.recover(ctx, c); err != nil {
		return Result{}, err
	}
	at, err := finder{c, x.Links, target}.find(ctx, source)
	if err != nil {
		return x.fail(ctx, err, c.Target.Label)
	}
	return x.apply(ctx, c, target, source, at, false)
}

// recover notes writes of an earlier attempt that were never answered. Looking the counterpart up, which
// follows, is what tells whether they happened (I3): a create is found again by its match keys, an update is
// seen by reading the target. Nothing is repeated blindly.
func (x *execution) recover(ctx context.Context, c *Compiled) error {
	open, err := x.Journal.OpenChanges(ctx, x.a.ID, x.work.Source)
	if err != nil || len(open) == 0 {
		return err
	}
	for i := range open {
		open[i].State = automation.Settled
		open[i].AnsweredAt = x.Now()
	}
	x.settled = open
	x.step(automation.Step{
		Kind: automation.StepRecover, OK: true, Title: "An earlier write was never answered",
		Detail: "The " + c.Target.Label + " is looked up to see whether it happened, before anything is repeated.",
	})
	return nil
}

func (x *execution) apply(ctx context.Context, c *Compiled, target provider.Client, source record.Record, at found, again bool) (Result, error) {
	p := c.Plan(Input{Source: source, Target: at.target, Link: at.link, Base: at.base, Identity: at.identity})
	x.step(automation.Step{Kind: automation.StepIdentity, OK: p.Outcome != automation.Decide, Title: identityTitle(c, at), Detail: identityDetail(at)})
	x.step(automation.Step{Kind: automation.StepPlan, OK: p.Outcome != automation.Blocked && p.Outcome != automation.Decide, Title: "Compared field by field", Detail: p.Reason, Code: p.Code, Plan: &p})
	x.run.Target = p.Target
	x.decided(p.Outcome, p.Code, p.Reason)

	end := Finish{Unlink: at.gone}
	if !p.Writes() {
		if p.Outcome == automation.Same && at.target != nil {
			x.remember(&end, c, p, source, *at.target, at)
		}
		state := automation.Succeeded
		if p.Outcome == automation.Blocked || p.Outcome == automation.Decide {
			state = automation.Failed
		}
		return x.finish(ctx, state, end)
	}

	change := automation.Change{
		ID: x.NewID("ch"), Run: x.run.ID, Automation: x.a.ID, Source: source.Ref, Target: p.Target,
		Op: p.Outcome, Fields: p.Fields, State: automation.Intended, Before: before(p), IntendedAt: x.Now(),
	}
	// I1: durable before the call. A crash from here on leaves an open intent for the next attempt.
	if err := x.Journal.Intend(ctx, x.run, change); err != nil {
		return Result{}, err
	}
	answer, err := x.write(ctx, c, target, p)
	change.AnsweredAt = x.Now()
	if err == nil {
		change.State, change.Target, change.After = automation.Done, answer.Ref, after(p, answer)
		x.run.Target = answer.Ref
		x.decided(p.Outcome, p.Code, written(c, p))
		x.step(automation.Step{Kind: automation.StepWrite, OK: true, Title: written(c, p)})
		end.Change = &change
		x.remember(&end, c, p, source, answer, at)
		return x.finish(ctx, automation.Succeeded, end)
	}
	if provider.Stopped(err) {
		// We are being shut down: the intent stays open and is looked up by the next attempt.
		return Result{}, err
	}
	change.State, change.Error = automation.Refused, err.Error()
	if k := provider.KindOf(err); k == provider.Ambiguous || k == provider.Unknown {
		change.State, change.AnsweredAt = automation.Unclear, time.Time{}
	}
	x.settled = append(x.settled, change)
	if again {
		return x.fail(ctx, err, c.Target.Label)
	}
	e, _ := errors.AsType[*provider.Error](err)
	switch {
	case e != nil && e.Kind == provider.Duplicate && !e.Existing.IsZero():
		x.step(automation.Step{Kind: automation.StepWrite, OK: false, Title: "The provider says it exists already", Detail: "It is linked instead of made twice.", Code: "duplicate", Words: e.Detail})
		existing, err := target.Get(ctx, e.Existing)
		if err != nil {
			return x.fail(ctx, err, c.Target.Label)
		}
		next, err := decide(automation.Identity{}, []hit{{existing, []string{"details, says the provider"}}}, func(ref record.Ref) (record.Ref, bool, error) {
			l, _, ok, err := x.Links.FindLink(ctx, ref, source.Ref.Connection, source.Ref.Type, x.a.ID)
			return other(l, ref), ok, err
		}, source.Ref)
		if err != nil {
			return Result{}, err
		}
		next.gone = at.gone
		return x.apply(ctx, c, target, source, next, true)
	case e != nil && e.Kind == provider.NotFound && at.link != nil:
		x.step(automation.Step{Kind: automation.StepWrite, OK: false, Title: "The " + c.Target.Label + " vanished meanwhile", Detail: "Its counterpart is looked for again."})
		next, err := finder{c, x.Links, target}.match(ctx, source, c.Keys(source, c.Map(source)))
		if err != nil {
			return x.fail(ctx, err, c.Target.Label)
		}
		next.gone = at.link
		return x.apply(ctx, c, target, source, next, true)
	}
	return x.fail(ctx, err, c.Target.Label)
}

func (x *execution) write(ctx context.Context, c *Compiled, target provider.Client, p automation.Plan) (record.Record, error) {
	w := WriteOf(p)
	w.Type = c.Def.Target.Object
	if p.Outcome == automation.Create {
		return target.Create(ctx, w)
	}
	return target.Update(ctx, p.Target, w)
}

// remember makes the link and the base part of the same transaction as the answer (I2).
func (x *execution) remember(end *Finish, c *Compiled, p automation.Plan, source, target record.Record, at found) {
	if !x.linking {
		return
	}
	now := x.Now()
	link := at.link
	if link == nil {
		link = &automation.Link{ID: x.NewID("ln"), Source: source.Ref, Target: target.Ref, Evidence: identityTitle(c, at), CreatedAt: now}
		if p.Outcome == automation.Create {
			link.Evidence = "Created from it by “" + x.a.Name + "”"
		}
		end.Link = link
	}
	end.Base = &automation.Base{Link: link.ID, Automation: x.a.ID, Version: c.Version, Fields: p.Base, Target: Held(p, target.Fields, at.base), AgreedAt: now}
}

func (x *execution) finish(ctx context.Context, s automation.RunState, end Finish) (Result, error) {
	x.run.State = s
	if s != automation.Waiting {
		x.run.FinishedAt = x.Now()
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
	if !ok || x.work.Event.Kind == automation.TestSend {
		return x.finish(ctx, automation.Failed, Finish{})
	}
	x.run.NextAt = x.Now().Add(wait)
	return x.finish(ctx, automation.Waiting, Finish{})
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
	}
	if attempt >= maxAttempts {
		return 0, false
	}
	base := min(time.Second<<min(attempt, 9), 5*time.Minute)
	return base/2 + rand.N(base), true
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

func before(p automation.Plan) record.Fields {
	out := record.Fields{}
	for _, f := range p.Fields {
		if f.Action == automation.Set || f.Action == automation.AddTo {
			out[f.Field] = f.Before
		}
	}
	return out
}

func after(p automation.Plan, answer record.Record) record.Fields {
	out := record.Fields{}
	for key := range before(p) {
		out[key] = answer.Fields[key]
	}
	return out
}

func written(c *Compiled, p automation.Plan) string {
	if p.Outcome == automation.Create {
		return "Created the " + c.Target.Label
	}
	n := len(before(p))
	return "Updated " + count(n, "field", "fields") + " of the " + c.Target.Label
}

func identityTitle(c *Compiled, at found) string {
	switch at.identity.How {
	case automation.ByLink:
		return "Known counterpart: the " + c.Target.Label + " it is linked with"
	case automation.ByMatch:
		return "Found its counterpart: one " + c.Target.Label + " with the same details"
	case automation.Doubtful:
		return "The counterpart is doubtful"
	}
	return "No " + c.Target.Label + " found"
}

func identityDetail(at found) string {
	if at.link != nil && at.target == nil {
		return "It was not read: nothing moved since both sides last agreed."
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
