package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// apply plans for a pair and carries the plan out: what is written to the target first, then what is written to the
// source, each as an intent, a call and an answer that becomes durable with what is remembered of it.
func (x *execution) apply(ctx context.Context, c *Compiled, source record.Record, at found, again bool) (Result, error) {
	if !again && !at.sourceGone {
		if res, held, err := x.hold(ctx, c, source, &at); err != nil || held {
			return res, err
		}
	}
	if err := x.readAgain(ctx, c, &source, &at); err != nil {
		return x.fail(ctx, err, c.Source.Label)
	}
	if err := x.tell(ctx, c, source, at); err != nil {
		return Result{}, err
	}
	in := Input{Source: source, Target: at.target, Link: at.link, Base: at.base, Identity: at.identity, SourceGone: at.sourceGone, TargetGone: at.targetGone, ParentGone: at.parentGone}
	if at.kin != nil {
		in.Parent, in.ParentMissing, in.Awaits = at.kin.parent, at.kin.waits, at.kin.awaits
	} else if in.Target == nil && in.Identity.How == automation.NotFound {
		parent, waits, err := x.parentOf(ctx, c, source)
		if err != nil {
			return x.fail(ctx, err, c.Source.Label)
		}
		in.Parent, in.ParentMissing, in.Awaits = parent, waits, x.awaited(c)
	}
	p := c.Plan(in)
	if len(p.Asks()) > 0 {
		d, ok, err := x.decision(ctx, x.work.Source, automation.ReviewConflict)
		if err != nil {
			return Result{}, err
		}
		if ok {
			in.Choices = d.Choices
			p = c.Plan(in)
		}
	}
	if at.ignored {
		p = settle(p, automation.Skip, "ignored", "Somebody chose to leave it alone.")
	}
	x.step(automation.Step{Kind: automation.StepIdentity, OK: p.Outcome != automation.Decide, Title: identityTitle(c, at), Detail: identityDetail(at)})
	x.step(automation.Step{Kind: automation.StepPlan, OK: p.Outcome != automation.Blocked && p.Outcome != automation.Decide, Title: "Compared field by field", Detail: p.Reason, Code: p.Code, Plan: &p})
	x.run.Target = p.Target
	x.decided(p.Outcome, p.Code, p.Reason)
	if !p.Writes() {
		return x.withoutWriting(ctx, c, p, in, at)
	}
	if x.shown != nil && !within(p, *x.shown) {
		x.moved = &p
		x.decided(automation.Skip, codeMoved, "It looks otherwise than it was shown, so nothing is written.")
		var end Finish
		if p.Outcome == automation.Update && !p.Sever && at.link != nil && len(x.recovered) > 0 {
			// A write without an answer is settled by this, and what it agreed on goes with it: or our own value would be
			// taken for an edit by whoever comes next.
			x.remember(&end, c, p, in, Answers{}, at)
		}
		return x.finish(ctx, automation.Succeeded, end)
	}
	if p.Outcome == automation.Create {
		met, err := x.metMeanwhile(ctx, c, source.Ref, at)
		if err != nil {
			return Result{}, err
		}
		if met {
			return x.wait(ctx, "busy", "It was linked with a "+c.Target.Label+" in this very moment; the two are compared next.", time.Second)
		}
		if wait := x.soon(); wait > 0 {
			return x.wait(ctx, "busy", "A write without an answer may still be on its way; it is looked for again before it is repeated.", wait)
		}
		ok, err := x.reserve(ctx, c, source)
		if err != nil {
			return Result{}, err
		}
		if !ok {
			return x.wait(ctx, "busy", "Somebody else is making a record with the same details; it is looked at again in a moment.", 5*time.Second)
		}
	}
	return x.carryOut(ctx, c, p, in, at, again)
}

// metMeanwhile reports that another key has linked a record since its counterpart was looked for: what an unanswered create
// has made is waited for until its key has found out, and that may have been a moment ago.
func (x *execution) metMeanwhile(ctx context.Context, c *Compiled, source record.Ref, at found) (bool, error) {
	if !x.linking || at.link != nil {
		return false, nil
	}
	link, _, ok, err := x.Links.FindLink(ctx, source, c.Def.Target.Connection, c.Def.Target.Object, x.a.ID)
	return ok && (at.gone == nil || link.ID != at.gone.ID), err
}

func (x *execution) withoutWriting(ctx context.Context, c *Compiled, p automation.Plan, in Input, at found) (Result, error) {
	end := Finish{Unlink: at.gone, Settle: p.Outcome != automation.Decide && p.Code != "ignored"}
	switch {
	case p.Code == codeNoParent:
		return x.await(ctx, c, p)
	case p.Code == codeUnproven && x.linking && !x.once && x.run.Attempts <= len(lookAgainIn):
		return x.lookLater(ctx, end)
	case p.Sever && at.link != nil:
		end.Sever = at.link
	case (p.Outcome == automation.Same || p.Outcome == automation.Linked) && at.target != nil:
		x.remember(&end, c, p, in, Answers{}, at)
	case p.Outcome == automation.Decide && (p.Code == automation.CodeConflict || p.Code == automation.CodeVanished) && at.target != nil:
		// What does agree is remembered all the same.
		x.remember(&end, c, p, in, Answers{}, at)
	case p.Outcome == automation.Blocked && p.Code == codeUnmappable && at.target != nil:
		// One field that cannot be carried keeps no other from being an edit next time.
		x.remember(&end, c, p, in, Answers{}, at)
	}
	if p.Outcome == automation.Decide {
		if x.shown != nil && Fingerprint(p) != Fingerprint(*x.shown) {
			x.moved = &p
		}
		end.Review = x.review(p)
		if at.unsure {
			x.recovered = nil // as long as somebody is asked, the write without an answer is the reason why
		}
	}
	state := automation.Succeeded
	if x.arrived && p.Outcome == automation.Blocked && p.Code == codeUnmappable && at.target != nil {
		// An earlier attempt has written the rest, as one that was answered would have.
		x.decided(automation.Update, "update", "What can be carried over is written. "+p.Reason)
		return x.finish(ctx, state, end)
	}
	if p.Outcome == automation.Blocked || p.Outcome == automation.Decide {
		state = automation.Failed
	}
	return x.finish(ctx, state, end)
}

// review is the question a plan leaves to a person.
func (x *execution) review(p automation.Plan) *automation.Review {
	if !x.linking {
		return nil
	}
	kind := automation.ReviewConflict
	if p.Code == codeDoubtful {
		kind = automation.ReviewIdentity
	}
	return &automation.Review{
		ID: x.NewID("rv"), Automation: x.a.ID, Source: x.work.Source, Kind: kind, State: automation.ReviewOpen,
		Title: x.run.Title, Plan: p, Run: x.run.ID, OpenedAt: x.Now(),
	}
}

// carryOut makes the writes of a plan.
func (x *execution) carryOut(ctx context.Context, c *Compiled, p automation.Plan, in Input, at found, again bool) (Result, error) {
	var done Answers
	sides := []automation.Side{}
	for _, side := range []automation.Side{automation.TargetSide, automation.SourceSide} {
		if p.Outcome == automation.Create || p.Outcome == automation.Delete {
			if side == madeOrDeleted(in) {
				sides = append(sides, side)
			}
		} else if len(p.On(side)) > 0 {
			sides = append(sides, side)
		}
	}
	if p.Outcome == automation.Update && !p.Sever && at.target != nil && x.linking {
		// What agrees already is remembered whatever becomes of the writes: or a field that a person edits before they
		// succeed would be met for the first time again.
		x.sofar = &Finish{}
		x.remember(x.sofar, c, p, in, done, at)
		if at.link == nil {
			if err := x.halfway(ctx, *x.sofar, &at); err != nil {
				return Result{}, err
			}
			x.sofar.Link = nil
		}
	}
	for i, side := range sides {
		change := automation.Change{
			ID: x.NewID("ch"), Run: x.run.ID, Automation: x.a.ID, Source: x.work.Source, Target: p.Target, Parent: p.Parent,
			Op: p.Outcome, Fields: p.On(side), State: automation.Intended, IntendedAt: x.Now(),
		}
		if side == automation.SourceSide {
			change.Target = in.Source.Ref
		}
		if p.Outcome == automation.Delete {
			change.Fields = p.Fields
		}
		change.Before = before(change.Fields)
		if p.Outcome == automation.Create {
			change.Target = record.Ref{Connection: c.Def.Target.Connection, Type: c.Def.Target.Object}
		}
		// I1: durable before the call. A crash from here on leaves an open intent for the next attempt.
		if err := x.Journal.Intend(ctx, x.run, change, x.limits()); err != nil {
			if b, ok := errors.AsType[*Brake](err); ok {
				return x.brake(ctx, b)
			}
			return Result{}, err
		}
		answer, err := x.write(ctx, c, p, side, change.Target)
		change.AnsweredAt = x.Now()
		if err != nil {
			return x.refused(ctx, c, p, in, at, change, side, err, again)
		}
		change.State, change.After = automation.Done, c.keptAll(change.Fields, answer)
		if p.Outcome != automation.Delete {
			change.Target = answer.Ref
		}
		if p.Outcome == automation.Create {
			x.run.Target = answer.Ref
			change.After = c.allOf(change.After, answer)
		}
		was := in.Target
		if side == automation.SourceSide {
			was, done.Source = &in.Source, &answer
		} else {
			done.Target = &answer
		}
		if x.wrote != nil && p.Outcome != automation.Delete {
			x.wrote(was, answer, change.AnsweredAt)
		}
		x.step(automation.Step{Kind: automation.StepWrite, OK: true, Title: written(c, p, side)})
		end := Finish{Change: &change}
		last := i == len(sides)-1
		if last {
			end.Settle = len(p.Asks()) == 0
			if !end.Settle {
				end.Review = x.review(p)
			}
			x.decided(p.Outcome, p.Code, writtenAll(c, p, sides))
		}
		switch {
		case p.Outcome == automation.Delete:
			end.Unlink = at.link
		case p.Sever && at.link != nil:
			end.Sever = at.link
		default:
			x.remember(&end, c, p, in, done, at)
		}
		if last {
			res, err := x.finish(ctx, automation.Succeeded, end)
			if err == nil && c.turned != nil && p.Outcome == automation.Create {
				// The pair has the source's key from now on; what the new record gives in turn is carried there.
				err = x.Routing.Wake(ctx, Key{x.a.ID, answer.Ref}, x.neighbor(answer.Ref))
			}
			return res, err
		}
		if err := x.halfway(ctx, end, &at); err != nil {
			return Result{}, err
		}
		x.sofar = &Finish{Base: end.Base}
	}
	return x.finish(ctx, automation.Succeeded, Finish{})
}

// madeOrDeleted is the side a create or a delete is about: the source's counterpart, or what is left of a pair.
func madeOrDeleted(in Input) automation.Side {
	if in.TargetGone {
		return automation.SourceSide
	}
	return automation.TargetSide
}

// halfway makes the first of two writes durable with what it settles.
func (x *execution) halfway(ctx context.Context, end Finish, at *found) error {
	end.Run, end.Settled = x.run, x.settled
	end.Run.State = automation.Running
	if err := x.Journal.Finish(context.WithoutCancel(ctx), end); err != nil {
		return err
	}
	x.settled = nil
	if end.Link != nil {
		at.link, at.gone = end.Link, nil
	}
	return nil
}

func (x *execution) limits() automation.Limits {
	switch e := x.work.Event; {
	case byPerson(e.Kind), e.Kind == automation.TestSend, e.Kind == automation.Backfill && e.Name != "":
		// A person has asked for just this, or has seen it in a plan.
		return automation.Limits{}
	case e.Kind == automation.Backfill:
		// Everyone was asked for, unseen: nobody has agreed to deletes.
		eff := x.a.Definition.Limits.Effective()
		return automation.Limits{DeletesPerHour: eff.DeletesPerHour, DeleteShare: eff.DeleteShare}
	}
	return x.a.Definition.Limits.Effective()
}

// brake stops the automation before it writes more than its limits allow. Nothing is lost: what is due waits.
func (x *execution) brake(ctx context.Context, b *Brake) (Result, error) {
	words := brakeWords(b)
	if err := x.Automations.SetState(ctx, x.a.ID, automation.Paused, words); err != nil {
		return Result{}, err
	}
	return x.wait(ctx, "brake", words, held)
}

// wait ends the attempt without a failure: it is looked at again later, or when somebody wakes it.
func (x *execution) wait(ctx context.Context, code, why string, d time.Duration) (Result, error) {
	x.step(automation.Step{Kind: automation.StepError, OK: false, Title: "It waits", Detail: why, Code: code})
	x.decided(automation.Blocked, code, why)
	x.run.NextAt = x.Now().Add(d)
	return x.finish(ctx, automation.Waiting, Finish{})
}

// await ends the attempt of a child whose parent has no counterpart yet. The link wakes it; time does too, should the
// ancestors change.
func (x *execution) await(ctx context.Context, c *Compiled, p automation.Plan) (Result, error) {
	x.step(automation.Step{Kind: automation.StepError, OK: false, Title: "It waits", Detail: p.Reason, Code: p.Code})
	x.decided(automation.Blocked, p.Code, p.Reason)
	x.run.NextAt = x.Now().Add(held / 60 << min(x.run.Attempts, 6))
	res, err := x.finish(ctx, automation.Waiting, Finish{Awaits: x.awaits})
	if err != nil {
		return res, err
	}
	// A link made between our look and this moment found nobody waiting.
	for _, at := range x.awaits {
		link, _, ok, err := x.Links.FindLink(ctx, at, c.Def.Target.Connection, c.TargetObject.Parent, x.a.ID)
		if err != nil {
			return res, err
		}
		if ok && !link.Severed {
			res.RetryAt = x.Now()
			break
		}
	}
	return res, nil
}

// lookAgainIn is after how long a counterpart is looked for again that an index did not name: nobody says how late one is,
// and one that does not name it after a day has nobody to name. Each look takes a read and a search by each key.
var lookAgainIn = [...]time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// lookLater ends the attempt for a record whose counterpart an index did not name, until it is looked for again.
func (x *execution) lookLater(ctx context.Context, end Finish) (Result, error) {
	wait := lookAgainIn[max(x.run.Attempts, 1)-1]
	last := ""
	if x.run.Attempts == len(lookAgainIn) {
		last = ", for the last time"
	}
	x.step(automation.Step{Kind: automation.StepError, OK: false, Title: "It is looked for again", Detail: "It is looked for again by itself in " + waitWords(wait) + last + "; and once it changes.", Code: codeUnproven})
	x.run.NextAt = x.Now().Add(wait)
	return x.finish(ctx, automation.Waiting, end)
}

func waitWords(d time.Duration) string {
	if d < time.Hour {
		return count(int(d.Minutes()), "minute", "minutes")
	}
	return count(int(d.Hours()), "hour", "hours")
}

// orphaned ends the attempt of a child whose parent's counterpart is gone, though its link is still there. Whoever takes
// its place gets a link, which wakes the child.
func (x *execution) orphaned(ctx context.Context, c *Compiled, p automation.Plan) (Result, error) {
	parent := string(c.TargetObject.Parent)
	why := "The " + parent + " the " + c.Target.Label + " would live under is gone. It waits until its " + parent + " is linked with another one."
	x.step(automation.Step{Kind: automation.StepWrite, OK: false, Title: "The " + parent + " is gone", Detail: why, Code: codeNoParent})
	x.decided(automation.Blocked, codeNoParent, why)
	x.run.NextAt = x.Now().Add(held)
	return x.finish(ctx, automation.Waiting, Finish{Awaits: x.awaits})
}

// refused handles a write that was not answered with success.
func (x *execution) refused(ctx context.Context, c *Compiled, p automation.Plan, in Input, at found, change automation.Change, side automation.Side, err error, again bool) (Result, error) {
	label := c.Target.Label
	if side == automation.SourceSide {
		label = c.Source.Label
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
		return x.fail(ctx, err, label)
	}
	e, _ := errors.AsType[*provider.Error](err)
	switch {
	case e != nil && e.Kind == provider.NotFound && p.Outcome == automation.Create && !p.Parent.IsZero():
		return x.orphaned(ctx, c, p)
	case e != nil && e.Kind == provider.Duplicate && !e.Existing.IsZero() && p.Outcome == automation.Create:
		return x.existing(ctx, c, in.Source, at, e)
	case e != nil && e.Kind == provider.NotFound && at.link != nil && side == automation.TargetSide && !at.sourceGone:
		x.step(automation.Step{Kind: automation.StepWrite, OK: false, Title: "The " + label + " vanished meanwhile", Detail: "Its counterpart is looked for again."})
		target, err := x.Gateway.Client(ctx, c.Def.Target.Connection)
		if err != nil {
			return x.fail(ctx, err, label)
		}
		next, err := finder{compiled: c, links: x.Links, target: target, gateway: x.Gateway}.find(ctx, in.Source)
		if err != nil {
			return x.fail(ctx, err, label)
		}
		return x.apply(ctx, c, in.Source, next, true)
	}
	return x.fail(ctx, err, label)
}

// existing looks at the record a refused create ran into. The provider's word says that the two share a detail, which is
// no more than a match key says: what speaks against a match speaks against this, and a person's answer holds.
func (x *execution) existing(ctx context.Context, c *Compiled, source record.Record, at found, e *provider.Error) (Result, error) {
	x.step(automation.Step{Kind: automation.StepWrite, OK: false, Title: "The provider says it exists already", Detail: "It is looked at instead of made twice.", Code: "duplicate", Words: e.Detail})
	target, err := x.Gateway.Client(ctx, c.Def.Target.Connection)
	if err != nil {
		return x.fail(ctx, err, c.Target.Label)
	}
	existing, err := target.Get(ctx, e.Existing)
	if err != nil {
		return x.fail(ctx, err, c.Target.Label)
	}
	f := finder{compiled: c, links: x.Links, target: target, gateway: x.Gateway}
	next, err := f.refusedFor(ctx, source, existing)
	if err != nil {
		return x.fail(ctx, err, c.Target.Label)
	}
	asked, ok, err := x.answerTo(ctx, source.Ref, automation.ReviewIdentity)
	switch {
	case err != nil:
		return Result{}, err
	case !ok:
	case asked.Decision.CreateNew && candidates(asked.Plan.Identity, existing.Ref):
		return x.noSecond(ctx, c, source, existing, at)
	case asked.Decision.Counterpart == existing.Ref || asked.Decision.Ignore:
		if next, err = x.answered(ctx, c, target, source.Ref, next); err != nil {
			return x.fail(ctx, err, c.Target.Label)
		}
	}
	if c.turned != nil && x.shown == nil && next.target != nil && next.identity.How == automation.ByMatch {
		// Seen from the target it is a meeting like any other: the pair has the key of its source.
		return x.meet(ctx, c, source, next.identity, next.target.Ref, nil)
	}
	next.gone = at.gone
	return x.apply(ctx, c, source, next, true)
}

func candidates(id automation.Identity, ref record.Ref) bool {
	return slices.ContainsFunc(id.Candidates, func(c automation.Candidate) bool { return c.Ref == ref })
}

// noSecond ends the attempt where a person wants a new record and the provider takes no second one with these details.
// The answer stays: it is carried out once it can be.
func (x *execution) noSecond(ctx context.Context, c *Compiled, source, existing record.Record, at found) (Result, error) {
	shared := "details"
	if by := c.agreeing(existing, c.Keys(source, c.Map(source))); len(by) > 0 {
		shared = strings.ToLower(strings.Join(by, " and "))
	}
	why := fmt.Sprintf("Somebody chose to make a new %s, and the account takes no second one with the same %s: %s has it already and was left alone. Give one of the two another %s, allow duplicates in the settings of the account, or choose otherwise under “Needs you”.", c.Target.Label, shared, existing.Title, shared)
	x.step(automation.Step{Kind: automation.StepPlan, OK: false, Title: "A new one cannot be made", Detail: why, Code: automation.CodeNoSecond})
	x.decided(automation.Blocked, automation.CodeNoSecond, why)
	return x.finish(ctx, automation.Failed, Finish{Unlink: at.gone})
}

func (x *execution) write(ctx context.Context, c *Compiled, p automation.Plan, side automation.Side, ref record.Ref) (record.Record, error) {
	end := c.Def.Target
	if side == automation.SourceSide {
		end = c.Def.Source
	}
	client, err := x.Gateway.Client(ctx, end.Connection)
	if err != nil {
		return record.Record{}, err
	}
	w := WriteOf(p, side)
	w.Type = end.Object
	switch p.Outcome {
	case automation.Create:
		w.Parent = p.Parent
		return client.Create(ctx, w)
	case automation.Delete:
		deleter, ok := client.(provider.Deleter)
		if !ok {
			return record.Record{}, &provider.Error{Provider: end.Provider, Op: "delete " + string(end.Object), Kind: provider.Unsupported, Detail: "this provider lets nobody delete"}
		}
		err := deleter.Delete(ctx, ref)
		if provider.IsKind(err, provider.NotFound) {
			err = nil // gone already, which is what was asked for
		}
		return record.Record{Ref: ref}, err
	}
	return client.Update(ctx, ref, w)
}

// remember makes the link and the base part of the same transaction as the answer (I2).
func (x *execution) remember(end *Finish, c *Compiled, p automation.Plan, in Input, done Answers, at found) {
	if !x.linking {
		return
	}
	now := x.Now()
	link := at.link
	if link == nil {
		target := p.Target
		if done.Target != nil {
			target = done.Target.Ref
		}
		link = &automation.Link{ID: x.NewID("ln"), Source: in.Source.Ref, Target: target, Evidence: identityTitle(c, at), CreatedAt: now}
		if p.Outcome == automation.Create {
			link.Evidence = "Created from it by “" + x.a.Name + "”"
		}
		if c.turned != nil {
			link.Source, link.Target = link.Target, link.Source
		}
		end.Link = link
	}
	end.Unlink = at.gone
	var mapped, held record.Fields
	if c.turned == nil {
		mapped, held = c.Remember(p, in, done)
	} else {
		mapped, held = c.turned.Met(p, in, *done.Target)
	}
	end.Base = &automation.Base{Link: link.ID, Automation: x.a.ID, Version: c.Version, Fields: mapped, Target: held, AgreedAt: now}
	if c.turned == nil {
		end.Base.SourceAt = in.Source.UpdatedAt
	}
}

func before(fields []automation.FieldPlan) record.Fields {
	out := record.Fields{}
	for _, f := range fields {
		out[f.Field] = f.Before
	}
	return out
}

func written(c *Compiled, p automation.Plan, side automation.Side) string {
	label := c.Target.Label
	if side == automation.SourceSide {
		label = c.Source.Label
	}
	switch p.Outcome {
	case automation.Create:
		return "Created the " + label
	case automation.Delete:
		return "Deleted the " + label
	}
	return "Updated " + count(len(p.On(side)), "field", "fields") + " of the " + label
}

func writtenAll(c *Compiled, p automation.Plan, sides []automation.Side) string {
	words := ""
	for i, side := range sides {
		if i > 0 {
			words += "; "
		}
		words += written(c, p, side)
	}
	return words
}
