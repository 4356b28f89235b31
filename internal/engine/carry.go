package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// reconcile carries out work for a key. A key is the source record of its pair; a target record is one only as long
// as it has no counterpart.
func (x *execution) reconcile(ctx context.Context) (Result, error) {
	c, err := x.Definitions.Compile(ctx, x.a)
	if err != nil {
		return x.fail(ctx, err, x.a.Name)
	}
	if side, ok := c.Def.Watches(x.work.Source.Connection, x.work.Source.Type); ok && side == automation.TargetSide {
		return x.fromTarget(ctx, c)
	}
	client, err := x.Gateway.Client(ctx, x.work.Source.Connection)
	if err != nil {
		return x.fail(ctx, err, c.Source.Label)
	}
	source, read, err := x.readSource(ctx, c, client)
	if provider.IsKind(err, provider.NotFound) {
		x.step(automation.Step{Kind: automation.StepRead, OK: true, Title: "Read the " + c.Source.Label, Detail: "It is not there any more."})
		return x.sourceGone(ctx, c, client, c.guardsSources() && provider.WentWithParent(err))
	}
	if err != nil {
		return x.fail(ctx, err, c.Source.Label)
	}
	if source.Ref != x.work.Source {
		return x.elsewhere(ctx, source.Ref, x.work.Event)
	}
	x.run.Title = source.Title
	x.step(read)
	return x.carry(ctx, c, source)
}

// carry plans for a source record and applies the plan.
func (x *execution) carry(ctx context.Context, c *Compiled, source record.Record) (Result, error) {
	verdict := c.Judge(source)
	if !verdict.Passed {
		if err := x.recover(ctx, c); err != nil {
			return Result{}, err
		}
		if err := x.lookUpDeletes(ctx, c); err != nil {
			return x.fail(ctx, err, c.Target.Label)
		}
		p := c.Plan(Input{Source: source})
		x.step(automation.Step{Kind: automation.StepRule, OK: false, Title: "The rule let it pass by", Detail: verdict.Why(), Plan: &p})
		x.decided(p.Outcome, p.Code, p.Reason)
		return x.finish(ctx, automation.Succeeded, Finish{Settle: true})
	}
	x.step(automation.Step{Kind: automation.StepRule, OK: true, Title: "The rule lets it through", Detail: verdict.Why()})

	target, err := x.Gateway.Client(ctx, c.Def.Target.Connection)
	if err != nil {
		return x.fail(ctx, err, c.Target.Label)
	}
	if err := x.recover(ctx, c); err != nil {
		return Result{}, err
	}
	if err := x.lookUpDeletes(ctx, c); err != nil {
		return x.fail(ctx, err, c.Target.Label)
	}
	// A write without an answer may have moved the counterpart, though nothing moved here any more.
	look := x.work.Event.Change == provider.Deleted || len(x.recovered) > 0
	at, err := finder{compiled: c, links: x.Links, target: target, gateway: x.Gateway, told: look, unseen: x.unseen(c)}.find(ctx, source)
	if err != nil {
		return x.fail(ctx, err, c.Target.Label)
	}
	if at.link != nil && x.tookOne(at.link.Target) {
		return x.partedByUs(ctx, *at.link, c.Source.Label)
	}
	if at, err = x.lookUpCreate(ctx, c, target, at); err != nil {
		return x.fail(ctx, err, c.Target.Label)
	}
	if at, err = x.answered(ctx, c, target, source.Ref, at); err != nil {
		return x.fail(ctx, err, c.Target.Label)
	}
	if at.targetGone && c.guardsParents() {
		if err := x.withItsParent(ctx, c, target, source, &at); err != nil {
			return x.fail(ctx, err, c.Target.Label)
		}
	}
	at.base = c.acknowledge(at, source, x.recovered)
	return x.apply(ctx, c, source, at, false)
}

// guardsParents reports whether a vanished counterpart may have gone along with the record it lived under, which
// deletes nothing.
func (c *Compiled) guardsParents() bool {
	return c.TargetObject.ParentRequired && c.Def.Deletes.Policy == automation.DeleteDelete
}

// guardsSources is the same for a source that is gone, of which the provider tells.
func (c *Compiled) guardsSources() bool {
	return c.SourceObject.ParentRequired && c.Def.Deletes.Policy == automation.DeleteDelete
}

// withItsParent tells a child that somebody deleted from one that went along with its parent, or moved with it when that
// was merged into another: nobody has asked for the counterparts of those to be deleted.
func (x *execution) withItsParent(ctx context.Context, c *Compiled, targets provider.Client, source record.Record, at *found) error {
	byParent, ok := targets.(provider.Children)
	if !ok {
		return nil
	}
	parent, waits, err := x.parentOf(ctx, c, source)
	if err != nil || waits {
		at.parentGone = waits
		return err
	}
	children, err := byParent.Children(ctx, c.Def.Target.Object, parent)
	if provider.IsKind(err, provider.NotFound) {
		at.parentGone = true
		return nil
	}
	if err != nil {
		return err
	}
	return x.takeMoved(ctx, c, children, at)
}

// takeMoved takes the child of the new parent that holds what the vanished one held, if nobody else has it.
func (x *execution) takeMoved(ctx context.Context, c *Compiled, children []record.Record, at *found) error {
	for _, r := range children {
		if !c.heldAs(r, at.base) {
			continue
		}
		free, err := x.free(ctx, r.Ref)
		if err != nil {
			return err
		}
		if free {
			at.gone, at.link, at.base, at.target, at.targetGone = at.link, nil, nil, &r, false
			at.identity = automation.Identity{How: automation.ByMatch, Evidence: []automation.Evidence{{Field: evidenceBeforeMove, Value: record.TextOf(r.Title), Found: 1}}}
			return nil
		}
	}
	return nil
}

// heldAs reports whether a target record holds what the counterpart held when both sides last agreed.
func (c *Compiled) heldAs(r record.Record, base *automation.Base) bool {
	some := false
	for _, row := range c.Def.Mapping.Rows {
		v, agreed := base.Target[row.Target]
		if !row.Direction.ToTarget() || !agreed {
			continue
		}
		spec, _ := c.Target.Field(row.Target)
		if !record.Same(spec.Kind, r.Fields[row.Target], v, c.locale) {
			return false
		}
		some = some || !v.IsEmpty()
	}
	return some
}

// recover notes writes of an earlier attempt that were never answered. Looking the counterpart up, which
// follows, is what tells whether they happened (I3): a create is found again by its match keys or its content, an
// update is seen by reading the record. Nothing is repeated blindly.
func (x *execution) recover(ctx context.Context, c *Compiled) error {
	open, err := x.Journal.OpenChanges(ctx, x.a.ID, x.work.Source)
	if err != nil || len(open) == 0 {
		return err
	}
	for i := range open {
		open[i].State = automation.Settled
		open[i].AnsweredAt = x.Now()
	}
	x.recovered = open
	x.step(automation.Step{
		Kind: automation.StepRecover, OK: true, Title: "An earlier write was never answered",
		Detail: "The " + c.Target.Label + " is looked up to see whether it happened, before anything is repeated.",
	})
	return nil
}

// tell says of each write without an answer whether it has arrived, as far as the records show: such a one is written
// like any other, and whoever takes back what was written must know of it.
func (x *execution) tell(ctx context.Context, c *Compiled, source record.Record, at found) error {
	made := false
	for i, ch := range slices.Backward(x.recovered) {
		var on *record.Record
		switch {
		case at.target == nil || at.assumed || ch.State != automation.Settled:
		case ch.Op == automation.Update && ch.Target == source.Ref && !at.sourceGone:
			on = &source
		case ch.Op == automation.Update && ch.Target == at.target.Ref:
			on = at.target
		case ch.Op == automation.Create && !made && ch.Source != at.target.Ref && !at.target.CreatedAt.IsZero() && !madeBefore(*at.target, ch):
			on = at.target
		}
		if on == nil || !c.arrived(*on, ch.Fields) {
			continue
		}
		if ch.Op == automation.Create {
			was, err := x.thereBefore(ctx, ch, *on)
			if err != nil {
				return err
			}
			if was[on.Ref] {
				continue // or whoever takes the create back would delete somebody else's record
			}
		}
		ch.State, ch.Error, ch.Target, ch.After = automation.Done, "", on.Ref, c.keptAll(ch.Fields, *on)
		if ch.Op == automation.Create {
			made, x.run.Target = true, on.Ref
			ch.After = c.allOf(ch.After, *on)
		}
		x.recovered[i], x.arrived = ch, true
	}
	return nil
}

// arrived reports whether a record has all that a write asked for.
func (c *Compiled) arrived(r record.Record, asked []automation.FieldPlan) bool {
	some := false
	for _, f := range asked {
		now := r.Fields[f.Field]
		switch f.Action {
		case automation.AddTo:
			have := elements(now)
			if len(common(f.Add, have, nil)) < len(f.Add) || len(common(f.Remove, have, nil)) > 0 {
				return false
			}
		case automation.Set:
			if !c.took(f, now) {
				return false
			}
		default:
			continue
		}
		some = true
	}
	return some
}

// allOf adds what nobody asked for to what a create left: whoever takes it back must know whether anybody has worked on
// the record, be it on what is not mapped.
func (c *Compiled) allOf(after record.Fields, made record.Record) record.Fields {
	for key, v := range made.Fields {
		if _, ours := after[key]; !ours {
			after[key] = v
		}
	}
	return after
}

// free reports whether a record is nobody else's counterpart.
func (x *execution) free(ctx context.Context, ref record.Ref) (bool, error) {
	owner, _, taken, err := x.Links.FindLink(ctx, ref, x.work.Source.Connection, x.work.Source.Type, x.a.ID)
	return err == nil && (!taken || other(owner, ref) == x.work.Source), err
}

// took reports whether a value is the one that was asked for, whatever the provider did to it: space, case, and the
// parts of a second.
func (c *Compiled) took(f automation.FieldPlan, now record.Value) bool {
	if record.Same(f.Kind, now, f.After, c.locale) || alike(now, f.After) {
		return true
	}
	if f.Kind != record.DateTime {
		return false
	}
	instant := func(v record.Value) (time.Time, bool) {
		read, err := record.Coerce(v, record.FieldSpec{Kind: f.Kind}, c.locale)
		at, ok := read.AsTime()
		return at.Truncate(time.Second), err == nil && ok
	}
	a, fine := instant(now)
	b, too := instant(f.After)
	return fine && too && a.Equal(b)
}

// answered puts a person's answer to an identity review in the place of a doubtful identity.
func (x *execution) answered(ctx context.Context, c *Compiled, target provider.Client, key record.Ref, at found) (found, error) {
	if at.identity.How != automation.Doubtful {
		return at, nil
	}
	d, ok, err := x.decision(ctx, key, automation.ReviewIdentity)
	if err != nil || !ok {
		return at, err
	}
	switch {
	case d.Ignore:
		at.ignored = true
	case d.CreateNew:
		at.identity = automation.Identity{How: automation.NotFound, Evidence: at.identity.Evidence, Candidates: at.identity.Candidates}
	case !d.Counterpart.IsZero():
		rec, err := target.Get(ctx, d.Counterpart)
		if provider.IsKind(err, provider.NotFound) {
			return at, nil // gone meanwhile: ask again
		}
		if err != nil {
			return at, err
		}
		at.identity = automation.Identity{How: automation.ByMatch, Evidence: append(at.identity.Evidence, automation.Evidence{Field: evidenceChoice, Value: record.TextOf(rec.Title), Found: 1})}
		at.target = &rec
	}
	return at, nil
}

// decision is what a person answered about a key, if anything.
func (x *execution) decision(ctx context.Context, key record.Ref, kind automation.ReviewKind) (automation.Decision, bool, error) {
	r, ok, err := x.answerTo(ctx, key, kind)
	return r.Decision, ok, err
}

// answerTo is the question about a key that a person has answered, if there is one.
func (x *execution) answerTo(ctx context.Context, key record.Ref, kind automation.ReviewKind) (automation.Review, bool, error) {
	reviews, err := x.Journal.Reviews(ctx, x.a.ID, key)
	if err != nil {
		return automation.Review{}, false, err
	}
	for _, r := range reviews {
		if r.Kind == kind && r.State == automation.ReviewDecided {
			return r, true, nil
		}
	}
	return automation.Review{}, false, nil
}

// sourceGone follows a source record that is not there any more, which a direct read has just told (I8).
func (x *execution) sourceGone(ctx context.Context, c *Compiled, sources provider.Client, withParent bool) (Result, error) {
	end := c.Def.Target
	link, base, ok, err := x.Links.FindLink(ctx, x.work.Source, end.Connection, end.Object, x.a.ID)
	if err != nil {
		return Result{}, err
	}
	gone := record.Record{Ref: x.work.Source, Title: x.run.Title}
	if err := x.recover(ctx, c); err != nil {
		return Result{}, err
	}
	if err := x.lookUpDeletes(ctx, c); err != nil {
		return x.fail(ctx, err, c.Target.Label)
	}
	if !ok {
		if link, ok, err = x.linkOfCreate(ctx, c); err != nil {
			return x.fail(ctx, err, c.Target.Label)
		}
	}
	if !ok || link.Severed {
		x.decided(automation.Skip, "source_gone", "The "+c.Source.Label+" is gone, and nothing is linked with it.")
		return x.finish(ctx, automation.Succeeded, Finish{Settle: true})
	}
	targets, err := x.Gateway.Client(ctx, end.Connection)
	if err != nil {
		return x.fail(ctx, err, c.Target.Label)
	}
	target, err := targets.Get(ctx, link.Target)
	at := found{identity: automation.Identity{How: automation.ByLink}, link: &link, base: &base, sourceGone: true, parentGone: withParent}
	switch {
	case provider.IsKind(err, provider.NotFound) && x.arrived:
		x.run.Target = link.Target
		x.decided(automation.Delete, "delete", "It was deleted by an earlier write that was never answered. Both records are gone; their link is forgotten.")
		return x.finish(ctx, automation.Succeeded, Finish{Unlink: &link, Settle: true})
	case provider.IsKind(err, provider.NotFound):
		x.decided(automation.Skip, "both_gone", "Both records are gone; their link is forgotten.")
		return x.finish(ctx, automation.Succeeded, Finish{Unlink: &link, Settle: true})
	case err != nil:
		return x.fail(ctx, err, c.Target.Label)
	}
	at.target = &target
	x.run.Title = target.Title
	if x.tookOne(x.work.Source) {
		return x.partedByUs(ctx, link, c.Target.Label)
	}
	// A record that was merged into another, or came back under another id, is no deleted one.
	moved, how, err := x.successor(ctx, c, sources, target)
	if err != nil {
		return x.fail(ctx, err, c.Source.Label)
	}
	switch how {
	case automation.ByMatch:
		return x.relink(ctx, c, link, base, *moved)
	case automation.Doubtful:
		if c.Def.Deletes.Policy == automation.DeleteDelete {
			x.decided(automation.Skip, "merged", "The "+c.Source.Label+" is gone, and another one has the same details; it may have been merged. The "+c.Target.Label+" is not deleted.")
			x.step(automation.Step{Kind: automation.StepPlan, OK: true, Title: "It may have been merged", Detail: x.run.Summary, Code: "merged"})
			return x.finish(ctx, automation.Succeeded, Finish{Sever: &link, Settle: true})
		}
	}
	return x.apply(ctx, c, gone, at, false)
}

// successor looks for a source record that took the place of one that is gone: one with the counterpart's details.
func (x *execution) successor(ctx context.Context, c *Compiled, sources provider.Client, target record.Record) (*record.Record, automation.How, error) {
	byKey, ok := sources.(provider.Finder)
	if !ok {
		return nil, automation.NotFound, nil
	}
	var hits []hit
	for _, k := range c.KeysBack(target) {
		records, err := byKey.Find(ctx, c.Def.Source.Object, k.Field.Key, k.Value)
		if provider.IsKind(err, provider.Unsupported) || provider.IsKind(err, provider.Invalid) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		for _, r := range records {
			hits = addHit(hits, r, k.Field.Label)
		}
	}
	switch {
	case len(hits) == 0:
		return nil, automation.NotFound, nil
	case len(hits) > 1:
		return nil, automation.Doubtful, nil
	}
	_, _, taken, err := x.Links.FindLink(ctx, hits[0].record.Ref, c.Def.Target.Connection, c.Def.Target.Object, c.ID)
	if err != nil {
		return nil, "", err
	}
	if taken {
		return nil, automation.Doubtful, nil
	}
	return &hits[0].record, automation.ByMatch, nil
}

// relink lets the link follow a record that goes on under another id. What was agreed stays agreed.
func (x *execution) relink(ctx context.Context, c *Compiled, old automation.Link, base automation.Base, to record.Record) (Result, error) {
	now := x.Now()
	link := automation.Link{ID: x.NewID("ln"), Source: to.Ref, Target: old.Target, Evidence: "It took the place of a " + c.Source.Label + " that is gone", CreatedAt: now}
	base.Link, base.AgreedAt = link.ID, now
	x.decided(automation.Linked, "moved", "The "+c.Source.Label+" goes on under another id; the link follows it.")
	x.step(automation.Step{Kind: automation.StepIdentity, OK: true, Title: "It goes on under another id", Detail: to.Title, Code: "moved"})
	x.run.Target = old.Target
	if err := x.Routing.Wake(ctx, Key{x.a.ID, to.Ref}, x.neighbor(to.Ref)); err != nil {
		return Result{}, err
	}
	return x.finish(ctx, automation.Succeeded, Finish{Unlink: &old, Link: &link, Base: &base, Settle: true})
}

func (x *execution) neighbor(ref record.Ref) automation.Event {
	return automation.Event{ID: x.NewID("ev"), Kind: automation.Neighbor, Ref: ref, Change: provider.Updated, ReceivedAt: x.Now()}
}

// fromTarget works on a target record without a counterpart. Once it has one, its pair has the source's key: all that
// is left to do is to wake that, so that one worker at a time has the pair (I5).
func (x *execution) fromTarget(ctx context.Context, c *Compiled) (Result, error) {
	from := c.Def.Source
	pair, ok, err := x.pairOf(ctx, c, x.work.Source)
	if err != nil || ok {
		return pair, err
	}
	if e := x.work.Event; (e.Kind == automation.Poll || e.Kind == automation.Webhook && e.Change == provider.Created) && x.work.RunID == "" && !c.takesIn() {
		// A listing shows everything there is, and what is new may be our own work. What nothing can become of costs no
		// call and leaves no run.
		return Result{State: automation.Succeeded}, nil
	}
	client, err := x.Gateway.Client(ctx, x.work.Source.Connection)
	if err != nil {
		return x.fail(ctx, err, c.Target.Label)
	}
	target, err := client.Get(ctx, x.work.Source)
	if provider.IsKind(err, provider.NotFound) {
		if c.TwoWay() {
			if err := x.recover(ctx, c.flipped); err != nil {
				return Result{}, err
			}
			if _, ok, err := x.linkOfCreate(ctx, c.flipped); err != nil {
				return x.fail(ctx, err, c.Source.Label)
			} else if ok {
				pair, _, err := x.pairOf(ctx, c, x.work.Source)
				return pair, err
			}
		}
		x.decided(automation.Skip, "source_gone", "The "+c.Target.Label+" is gone, and nothing is linked with it.")
		return x.finish(ctx, automation.Succeeded, Finish{Settle: true})
	}
	if err != nil {
		return x.fail(ctx, err, c.Target.Label)
	}
	if target.Ref != x.work.Source {
		if pair, ok, err := x.pairOf(ctx, c, target.Ref); err != nil || ok {
			return pair, err
		}
		return x.elsewhere(ctx, target.Ref, x.work.Event)
	}
	x.run.Title = target.Title
	x.step(automation.Step{Kind: automation.StepRead, OK: true, Title: "Read the " + c.Target.Label + " as it is now"})
	if !c.TwoWay() {
		x.decided(automation.Skip, "one_way", "It has no counterpart, and nothing leads from here to the "+c.Source.Label+".")
		return x.finish(ctx, automation.Succeeded, Finish{Settle: true})
	}
	// The rule judges source records: here the one this would become.
	wouldBe := record.Record{Ref: record.Ref{Connection: from.Connection, Type: from.Object}, Title: target.Title, Fields: asRecord(c.MapBack(target))}
	if v := c.Judge(wouldBe); !v.Passed {
		p := automation.Plan{Automation: c.ID, Version: c.Version, Source: target.Ref, SourceTitle: target.Title, Verdict: v, Identity: automation.Identity{How: automation.NotLooked}}
		p = settle(p, automation.Skip, "rule", "The rule let it pass by: "+v.Why())
		x.step(automation.Step{Kind: automation.StepRule, OK: false, Title: "The rule let it pass by", Detail: "Judged as the " + c.Source.Label + " it would become. " + v.Why(), Plan: &p})
		x.decided(p.Outcome, p.Code, p.Reason)
		return x.finish(ctx, automation.Succeeded, Finish{Settle: true})
	}
	if err := x.recover(ctx, c.flipped); err != nil {
		return Result{}, err
	}
	sources, err := x.Gateway.Client(ctx, from.Connection)
	if err != nil {
		return x.fail(ctx, err, c.Source.Label)
	}
	at, err := finder{compiled: c.flipped, links: x.Links, target: sources, gateway: x.Gateway}.find(ctx, target)
	if err == nil {
		at, err = x.lookUpCreate(ctx, c.flipped, sources, at)
	}
	if err == nil {
		at, err = x.answered(ctx, c.flipped, sources, target.Ref, at)
	}
	if err != nil {
		return x.fail(ctx, err, c.Source.Label)
	}
	if res, held, err := x.hold(ctx, c.flipped, target, &at); err != nil || held {
		return res, err
	}
	if at.identity.How == automation.NotFound && !c.flipped.Def.Create {
		x.decided(automation.Skip, "create_off", "It has no "+c.Source.Label+", and this automation may not create one.")
		x.step(automation.Step{Kind: automation.StepIdentity, OK: true, Title: identityTitle(c.flipped, at), Detail: x.run.Summary, Code: x.run.Code})
		return x.finish(ctx, automation.Succeeded, Finish{Settle: true})
	}
	if at.target == nil {
		return x.apply(ctx, c.flipped, target, at, false)
	}
	if err := x.tell(ctx, c.flipped, target, at); err != nil {
		return Result{}, err
	}
	agreed, err := x.agreedByCreate(ctx, c, *at.target)
	if err != nil {
		return Result{}, err
	}
	return x.meet(ctx, c.flipped, target, at.identity, at.target.Ref, agreed)
}

// meet links a target record with its source, and leaves the rest to the pair's key. c leads away from the target record.
// agreed is what is known of an earlier meeting; nil: nothing.
func (x *execution) meet(ctx context.Context, c *Compiled, target record.Record, id automation.Identity, source record.Ref, agreed *automation.Base) (Result, error) {
	at := found{identity: id}
	link := automation.Link{ID: x.NewID("ln"), Source: source, Target: target.Ref, Evidence: identityTitle(c, at), CreatedAt: x.Now()}
	if agreed != nil {
		agreed.Link = link.ID
	}
	x.step(automation.Step{Kind: automation.StepIdentity, OK: true, Title: identityTitle(c, at), Detail: identityDetail(at)})
	x.decided(automation.Linked, "linked", "It is linked with the "+c.Target.Label+"; the two are compared next.")
	x.run.Target = source
	res, err := x.finish(ctx, automation.Succeeded, Finish{Link: &link, Base: agreed, Settle: true})
	if err != nil {
		return res, err
	}
	return res, x.Routing.Wake(ctx, Key{x.a.ID, source}, x.neighbor(source))
}

// takesIn reports whether a target record without a counterpart could get one.
func (c *Compiled) takesIn() bool {
	return c.TwoWay() && (c.Def.CreateSource || len(c.Def.Match) > 0)
}

// pairOf wakes the pair a target record is part of; !ok: it is in none.
func (x *execution) pairOf(ctx context.Context, c *Compiled, target record.Ref) (Result, bool, error) {
	from := c.Def.Source
	link, _, ok, err := x.Links.FindLink(ctx, target, from.Connection, from.Object, x.a.ID)
	if err != nil || !ok {
		return Result{}, false, err
	}
	e := x.work.Event
	e.Kind = automation.Neighbor
	if x.work.Event.Kind == automation.Manual {
		e.Kind = automation.Manual
	}
	res, err := x.elsewhere(ctx, link.Target, e)
	return res, true, err
}

// elsewhere leaves the work to another key: that of the pair, or that of the record's whole name, where a delivery told
// less than that.
func (x *execution) elsewhere(ctx context.Context, key record.Ref, e automation.Event) (Result, error) {
	if err := x.settleHere(ctx, key); err != nil {
		return Result{}, err
	}
	return Result{State: automation.Succeeded}, x.Routing.Wake(ctx, Key{x.a.ID, key}, e)
}

// settleHere ends what is open under a target's key, now that its pair has another: the pair's own key looks at both
// records anyhow. A key with nothing open leaves no run behind.
func (x *execution) settleHere(ctx context.Context, pair record.Ref) error {
	open, err := x.Journal.OpenChanges(ctx, x.a.ID, x.work.Source)
	if err != nil || len(open) == 0 && x.work.RunID == "" {
		return err
	}
	for i := range open {
		open[i].State, open[i].AnsweredAt = automation.Settled, x.Now()
	}
	x.settled = open
	x.run.Target = pair
	x.decided(automation.Linked, "linked", "It is linked meanwhile; the pair is looked at next.")
	_, err = x.finish(ctx, automation.Succeeded, Finish{Settle: true})
	return err
}

func asRecord(rows []mapping.RowResult) record.Fields {
	out := record.Fields{}
	for _, r := range rows {
		if r.Err == nil {
			out[r.Target.Key] = r.Value
		}
	}
	return out
}

// parentOf finds the record a new child belongs under: the counterpart of the nearest ancestor that has one of the
// right type. waits: there is none yet, and the child waits for a link of one of the ancestors it awaits. A child whose
// target could do without a parent waits too where it has an ancestor that can become one, or it would be nobody's.
func (x *execution) parentOf(ctx context.Context, c *Compiled, source record.Record) (parent record.Ref, waits bool, err error) {
	x.awaits = nil
	want := c.TargetObject.Parent
	if want == "" {
		return record.Ref{}, false, nil
	}
	client, err := x.Gateway.Client(ctx, c.Def.Source.Connection)
	if err != nil {
		return record.Ref{}, false, err
	}
	at := source.Parent
	waits = c.TargetObject.ParentRequired
	for range 3 { // no provider nests deeper
		if at.IsZero() {
			break
		}
		waits = waits || at.Type == want
		link, _, ok, err := x.Links.FindLink(ctx, at, c.Def.Target.Connection, want, x.a.ID)
		if err != nil {
			return record.Ref{}, false, err
		}
		x.awaits = append(x.awaits, at)
		if ok && !link.Severed {
			return link.Target, false, nil
		}
		above, err := client.Get(ctx, at)
		if provider.IsKind(err, provider.NotFound) {
			break
		}
		if err != nil {
			return record.Ref{}, false, err
		}
		at = above.Parent
	}
	return record.Ref{}, waits, nil
}

// awaited is the record whose link a record waits for: the one among those it lives under that would be its parent.
func (x *execution) awaited(c *Compiled) record.Ref {
	for _, r := range x.awaits {
		if r.Type == c.TargetObject.Parent {
			return r
		}
	}
	return record.Ref{}
}

// reserve keeps two keys from making the same record at once: what neither has found, both would make, and so would two
// automations over the same objects. The names are given up only by time, so that whoever comes next finds what was made
// instead.
func (x *execution) reserve(ctx context.Context, c *Compiled, source record.Record) (bool, error) {
	names := []string{strings.Join([]string{string(c.Def.Target.Connection), string(c.Def.Target.Object), "of", source.Ref.String()}, "\x1f")}
	for _, k := range c.Keys(source, c.Map(source)) {
		names = append(names, strings.Join([]string{string(c.Def.Target.Connection), string(c.Def.Target.Object), k.Field.Key, c.Normal(k.Field, k.Value)}, "\x1f"))
	}
	return x.Journal.Reserve(ctx, names, string(x.a.ID)+"/"+x.work.Source.String(), x.Now().Add(Lease))
}

func brakeWords(b *Brake) string {
	return fmt.Sprintf("This automation has reached its limit of %s, so it is paused. Look at what it wants to do, then let it go on or raise the limit.", b.words())
}
