package engine

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// Created says what an undo does with a record that was created.
type Created string

// The ways to take a create back.
const (
	CreatedUnlink Created = "unlink" // the record stays and is left alone
	CreatedDelete Created = "delete"
)

// Undo names what is taken back: one change, some fields of it, a run, or all that a plan wrote.
type Undo struct {
	Kind    string // "change", "run" or "plan"
	ID      string
	Field   string // of a change: this field only
	Created Created
}

// String is the stored form.
func (u Undo) String() string {
	return strings.Join([]string{u.Kind, u.ID, string(u.Created), u.Field}, ":")
}

// ParseUndo reads what String writes.
func ParseUndo(s string) (Undo, error) {
	parts := strings.SplitN(s, ":", 4)
	if len(parts) != 4 {
		return Undo{}, fmt.Errorf("“%s” does not name what to undo", s)
	}
	u := Undo{Kind: parts[0], ID: parts[1], Created: Created(parts[2]), Field: parts[3]}
	switch {
	case u.Kind != "change" && u.Kind != "run" && u.Kind != "plan", u.ID == "":
		return Undo{}, fmt.Errorf("“%s” does not name what to undo", s)
	case u.Created != CreatedUnlink && u.Created != CreatedDelete:
		return Undo{}, fmt.Errorf("created records are either unlinked or deleted, not “%s”", u.Created)
	}
	return u, nil
}

const undoPage = 200

// undo shows what taking changes back would write, or writes it.
func (s *sweep) undo(ctx context.Context) error {
	what, err := ParseUndo(s.p.Of)
	if err != nil {
		return &refusal{"It does not say what to take back", err.Error() + "."}
	}
	if s.p.Mode == ModeTake {
		return s.takeBack(ctx, what)
	}
	s.p.Phase = "Looking at what was written"
	// What the records will be once later changes are taken back; newest first, so each is undone over the next.
	seen := map[record.Ref]*record.Record{}
	for after := ""; ; {
		changes, err := s.Populations.ChangesToUndo(ctx, what.Kind+":"+what.ID, after, undoPage)
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			break
		}
		plans := make([]automation.Plan, 0, len(changes))
		for _, ch := range changes {
			after = ch.ID
			now, err := s.now(ctx, seen, ch.Target)
			if err != nil {
				return err
			}
			plan := s.c.planUndo(ch, now, what)
			if now != nil {
				for _, f := range plan.Fields {
					if f.Action == automation.Set || f.Action == automation.AddTo {
						now.Fields[f.Field] = f.After
					}
				}
			}
			s.p.Counts[plan.Outcome]++
			s.p.Writes += writesOf(plan)
			plans = append(plans, plan)
		}
		s.p.Done += len(plans)
		s.p.Reads = int(s.reads.Load())
		if err := s.save(ctx, s.p, plans); err != nil {
			return err
		}
	}
	if what.Kind == "plan" {
		return s.unlink(ctx, what.ID)
	}
	return nil
}

// now reads a record once; nil: it is gone.
func (s *sweep) now(ctx context.Context, seen map[record.Ref]*record.Record, ref record.Ref) (*record.Record, error) {
	if r, ok := seen[ref]; ok {
		return r, nil
	}
	if ref.ID == "" {
		return nil, nil
	}
	client, err := s.Reconciler.Gateway.Client(ctx, ref.Connection)
	if err != nil {
		return nil, err
	}
	r, err := client.Get(ctx, ref)
	switch {
	case provider.IsKind(err, provider.NotFound):
		seen[ref] = nil
		return nil, nil
	case err != nil:
		return nil, err
	}
	r.Fields = r.Fields.Clone()
	seen[ref] = &r
	return &r, nil
}

// side tells on which side of the definition a record is.
func (c *Compiled) side(ref record.Ref) automation.Side {
	if ref.Connection == c.Def.Source.Connection && ref.Type == c.Def.Source.Object {
		return automation.SourceSide
	}
	return automation.TargetSide
}

// planUndo decides how one write is taken back. Only what is still as we left it is touched: an edit somebody made
// since then stays.
func (c *Compiled) planUndo(ch automation.Change, now *record.Record, what Undo) automation.Plan {
	side := c.side(ch.Target)
	p := automation.Plan{Automation: ch.Automation, Version: c.Version, Source: ch.Source, Target: ch.Target, Undoes: ch.ID, Identity: automation.Identity{How: automation.NotLooked}}
	if now != nil {
		p.SourceTitle, p.TargetTitle = now.Title, now.Title
	}
	label := c.Target.Label
	if side == automation.SourceSide {
		label = c.Source.Label
	}
	switch {
	case ch.State != automation.Done:
		return settle(p, automation.Skip, "not_done", "This write was never confirmed, so there is nothing to take back.")
	case what.Field != "" && ch.Op != automation.Update:
		return settle(p, automation.Skip, "whole", "This write was about the "+label+" as a whole, so no single field of it can be taken back. The whole write can.")
	case ch.Op == automation.Delete:
		return c.planUndelete(p, ch, now, side, label)
	case now == nil:
		return settle(p, automation.Skip, "gone", "The "+label+" is gone.")
	case ch.Op == automation.Create:
		return c.planUncreate(p, ch, *now, what, label)
	}
	edited, same := 0, 0
	for _, was := range ch.Fields {
		if what.Field != "" && was.Field != what.Field || was.Action != automation.Set && was.Action != automation.AddTo {
			continue
		}
		f := automation.FieldPlan{Row: was.Row, Key: was.Key, Side: side, Field: was.Field, Label: was.Label, Kind: was.Kind, Action: automation.Keep}
		f.Before = now.Fields[was.Field]
		f.After = f.Before
		switch {
		case was.Action == automation.AddTo:
			have := elements(f.Before)
			f.Remove = common(was.Add, have, nil)
			f.Add, _ = record.SetDiff(was.Remove, have, nil)
			if len(f.Add)+len(f.Remove) == 0 {
				same++
				f.Code, f.Reason = "same", "These labels are as they were before already."
				break
			}
			f.Action, f.After = automation.AddTo, changedSet(have, f.Add, f.Remove)
		case record.Same(was.Kind, f.Before, ch.Before[was.Field], c.locale):
			same++
			f.Code, f.Reason = "same", "It is as it was before already."
		case !record.Same(was.Kind, f.Before, ch.After[was.Field], c.locale):
			edited++
			f.Code, f.Reason = "edited_since", "Somebody changed it since; it stays."
		default:
			f.Action, f.After = automation.Set, ch.Before[was.Field]
		}
		p.Fields = append(p.Fields, f)
	}
	switch n := len(p.On(side)); {
	case what.Field != "" && len(p.Fields) == 0:
		return settle(p, automation.Skip, "not_written", "This write did not change “"+what.Field+"”, so there is nothing to take back.")
	case n > 0:
		reason := count(n, "field goes", "fields go") + " back to what it was."
		if n > 1 {
			reason = count(n, "field goes", "fields go") + " back to what they were."
		}
		if edited > 0 {
			reason += " " + count(edited, "field was", "fields were") + " edited since and stay."
		}
		return settle(p, automation.Update, "undo", reason)
	case edited > 0:
		return settle(p, automation.Skip, "edited_since", "Somebody changed it since, so it stays.")
	}
	return settle(p, automation.Same, "same", "It is as it was before already.")
}

func (c *Compiled) planUncreate(p automation.Plan, ch automation.Change, now record.Record, what Undo, label string) automation.Plan {
	if what.Created != CreatedDelete {
		p.Sever = true
		return settle(p, automation.Linked, "unlink", "The "+label+" that was created stays, and is left alone from now on.")
	}
	object := c.TargetObject
	if c.side(ch.Target) == automation.SourceSide {
		object = c.SourceObject
	}
	if !object.Delete {
		return settle(p, automation.Skip, "no_delete", "A "+label+" cannot be deleted by the provider's rules.")
	}
	if c.workedOn(ch, now) {
		return settle(p, automation.Skip, "edited_since", "Somebody has worked on the "+label+" since it was created, so it stays.")
	}
	for _, f := range ch.Fields {
		p.Fields = append(p.Fields, automation.FieldPlan{Row: f.Row, Side: c.side(ch.Target), Field: f.Field, Label: f.Label, Kind: f.Kind, Action: automation.Keep, Code: "deleted", Before: now.Fields[f.Field], After: now.Fields[f.Field]})
	}
	return settle(p, automation.Delete, "undo", "The "+label+" that was created would be deleted.")
}

// workedOn reports that a record that was created is another one now, be it in what is not mapped.
func (c *Compiled) workedOn(ch automation.Change, now record.Record) bool {
	schema := c.Target
	if c.side(ch.Target) == automation.SourceSide {
		schema = c.Source
	}
	return slices.ContainsFunc(schema.Fields, func(f record.FieldSpec) bool {
		return !f.ReadOnly && !record.Same(f.Kind, now.Fields[f.Key], ch.After[f.Key], c.locale)
	})
}

func (c *Compiled) planUndelete(p automation.Plan, ch automation.Change, now *record.Record, side automation.Side, label string) automation.Plan {
	if now != nil {
		return settle(p, automation.Same, "same", "The "+label+" is there again already.")
	}
	for _, was := range ch.Fields {
		v := ch.Before[was.Field]
		if spec, ok := c.spec(side, was.Field); !ok || spec.ReadOnly || v.IsEmpty() {
			continue
		}
		f := automation.FieldPlan{Row: was.Row, Side: side, Field: was.Field, Label: was.Label, Kind: was.Kind, Action: automation.Set, After: v}
		if was.Kind == record.Set {
			f.Action, f.Add = automation.AddTo, elements(v)
		}
		p.Fields = append(p.Fields, f)
	}
	p.Parent = ch.Parent
	return settle(p, automation.Create, "undo", "The "+label+" would be made anew from its mapped fields. It gets another id, and what was not mapped is lost.")
}

// takeBack writes what was shown, item by item in the order it was shown.
func (s *sweep) takeBack(ctx context.Context, what Undo) error {
	s.p.Phase = "Taking back what was shown"
	changes := map[string]automation.Change{}
	for after := ""; ; {
		page, err := s.Populations.ChangesToUndo(ctx, what.Kind+":"+what.ID, after, undoPage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, ch := range page {
			changes[ch.ID], after = ch, ch.ID
		}
	}
	s.p.Done, s.p.WentOnDone = 0, 0
	for after := int64(0); ; {
		items, err := s.Populations.PlanItems(ctx, s.p.ID, PlanFilter{After: after, Limit: undoPage})
		if err != nil || len(items) == 0 {
			return err
		}
		for _, item := range items {
			after = item.Position
			s.p.Done++
			if item.State != "" || !toDo(item.Plan) {
				continue
			}
			if s.stopped(ctx) {
				return cmp.Or(s.save(ctx, s.p, nil), ErrConflict)
			}
			res, err := s.takeOne(ctx, item, changes[item.Plan.Undoes], what)
			if err != nil {
				return err
			}
			if res.State == ItemDone {
				s.p.Written++
			}
			// Each by itself: what became of an item that only cut a link is told by nothing else.
			if err := s.Populations.SaveResults(ctx, *s.p, []ItemResult{res}); err != nil {
				return err
			}
		}
	}
}

func (s *sweep) takeOne(ctx context.Context, item PlanItem, ch automation.Change, what Undo) (ItemResult, error) {
	res := ItemResult{Position: item.Position, Run: item.Run, State: ItemLive}
	key, err := s.undoKey(ctx, item, ch)
	if err != nil {
		return res, err
	}
	claimed, err := s.Works.ClaimKeys(ctx, []Key{key}, s.Owner, Lease)
	if err != nil {
		return res, err
	}
	id, ours := claimed[key]
	if !ours {
		return res, nil
	}
	defer s.claim.hold(s, []WorkID{id}, Lease)(ctx)
	if res.Run == "" {
		// As a plan's items are begun: a crash must not make anybody forget what was taken back.
		res.Run = s.Reconciler.NewID("rn")
		if err := s.Populations.SaveResults(ctx, *s.p, []ItemResult{{Position: item.Position, Run: res.Run}}); err != nil {
			return res, err
		}
	}
	if item.Plan.Unlinks != "" {
		x := s.execution(key.Source)
		x.run.ID = res.Run
		return res, s.unlinkOne(ctx, x, item, &res)
	}
	for tries := 1; ; tries++ {
		x := s.execution(key.Source)
		x.run.ID, x.run.Attempts = res.Run, tries
		again, err := s.tryOne(ctx, x, item, ch, what, &res)
		if err != nil || !again {
			return res, err
		}
		if tries == undoTries {
			// Its key looks what became of it.
			return res, s.toLive(ctx, key)
		}
		if err := s.Wait(ctx, undoPause<<tries); err != nil {
			return res, err
		}
	}
}

// undoKey is the key of the pair that something is taken back of: its source (I5), also where a target record's key, which
// is none of a pair any more, has made that source.
func (s *sweep) undoKey(ctx context.Context, item PlanItem, ch automation.Change) (Key, error) {
	one, other := ch.Source, ch.Target
	if item.Plan.Unlinks != "" {
		one, other = item.Plan.Source, item.Plan.Target
	}
	from := s.c.Def.Source
	if s.c.side(one) == automation.SourceSide {
		return Key{s.a.ID, one}, nil
	}
	link, _, linked, err := s.Reconciler.Links.FindLink(ctx, one, from.Connection, from.Object, s.a.ID)
	switch {
	case err != nil:
		return Key{}, err
	case linked:
		one = link.Target
	case s.c.side(other) == automation.SourceSide && other.ID != "":
		one = other
	}
	return Key{s.a.ID, one}, nil
}

// about notes which two records a run that takes a change back is about.
func (x *execution) about(ch automation.Change) {
	if x.run.Target = ch.Target; ch.Target == x.run.Source {
		x.run.Target = ch.Source
	}
}

const (
	// undoTries is how often a write that takes something back is tried, and undoPause how long is waited in between at
	// the least.
	undoTries = 4
	undoPause = time.Second
)

// tryOne takes one change back, unless an attempt whose answer was lost has done so; again: it may work in a moment.
func (s *sweep) tryOne(ctx context.Context, x *execution, item PlanItem, ch automation.Change, what Undo, res *ItemResult) (again bool, err error) {
	earlier, err := s.Populations.ChangesToUndo(ctx, "run:"+res.Run, "", undoPage)
	if err != nil {
		return false, err
	}
	var open []automation.Change
	for _, e := range earlier {
		switch e.State {
		case automation.Done:
			res.State = ItemDone
			return false, nil
		case automation.Intended, automation.Unclear:
			open = append(open, e)
		}
	}
	now, err := s.now(ctx, map[record.Ref]*record.Record{}, ch.Target)
	if err != nil {
		return false, err
	}
	p := s.c.planUndo(ch, now, what)
	x.run.Title = cmp.Or(p.SourceTitle, item.Plan.SourceTitle)
	ctx = provider.WithRecorder(ctx, func(c provider.Call) { s.reads.Add(1); x.record(c) })
	out := Result{}
	switch {
	case len(open) > 0 && landed(p, item.Plan):
		out, err = x.tookBack(ctx, s.c, ch, item.Plan, open, now)
	case len(open) > 0 && item.Plan.Outcome == automation.Create, !within(p, item.Plan) || p.Sever != item.Plan.Sever:
		// Of a record that was to be made anew nobody can tell whether it was.
		res.State, res.Plan = ItemMoved, &p
		if len(open) == 0 {
			return false, nil
		}
		x.settle(open)
		x.decided(automation.Skip, codeMoved, "It looks otherwise than it was shown, so nothing is written.")
		_, err = x.finish(ctx, automation.Succeeded, Finish{})
		return false, err
	default:
		x.settle(open)
		out, err = x.undo(ctx, s.c, ch, p, item.Plan)
	}
	res.State = ItemDone
	if err != nil || out.State != automation.Succeeded {
		res.State = ItemFailed
	}
	return err == nil && out.State == automation.Waiting, nil
}

// landed reports that what was shown to go back has gone back, as far as planning it once more tells.
func landed(p, shown automation.Plan) bool {
	switch shown.Outcome {
	case automation.Update:
		return !p.Writes() && slices.ContainsFunc(p.Fields, func(f automation.FieldPlan) bool { return f.Code == "same" })
	case automation.Delete:
		return p.Code == "gone"
	}
	return false
}

// settle ends writes without an answer: the record was looked at since.
func (x *execution) settle(open []automation.Change) {
	for _, ch := range open {
		ch.State, ch.AnsweredAt = automation.Settled, x.Now()
		x.settled = append(x.settled, ch)
	}
}

// tookBack stores the outcome of a write that took a change back and was never answered.
func (x *execution) tookBack(ctx context.Context, c *Compiled, ch automation.Change, p automation.Plan, open []automation.Change, now *record.Record) (Result, error) {
	change := open[0]
	x.settle(open[1:])
	answer := record.Record{Ref: ch.Target}
	if now != nil {
		answer = *now
	}
	x.about(ch)
	x.step(automation.Step{Kind: automation.StepRecover, OK: true, Title: "An earlier write was never answered", Detail: "The record was looked at: what was to go back has gone back."})
	x.decided(p.Outcome, p.Code, p.Reason)
	return x.wentBack(ctx, c, ch, p, change, answer)
}

// undo carries out the plan that takes one change back, which may be what is left of the one that was shown. What was
// agreed before stays agreed, but for the value that went back: it stays apart from the other side until somebody edits
// one of them.
func (x *execution) undo(ctx context.Context, c *Compiled, ch automation.Change, p, shown automation.Plan) (Result, error) {
	side := c.side(ch.Target)
	link, _, linked, err := x.linkOf(ctx, c, ch)
	if err != nil {
		return Result{}, err
	}
	x.about(ch)
	x.step(automation.Step{Kind: automation.StepPlan, OK: true, Title: "Taken back", Detail: p.Reason, Code: p.Code, Plan: &p})
	x.decided(p.Outcome, p.Code, p.Reason)
	if !p.Writes() {
		end := Finish{Settle: true}
		if linked && p.Sever {
			end.Sever = &link
		}
		return x.finish(ctx, automation.Succeeded, end)
	}
	change := automation.Change{
		ID: x.NewID("ch"), Run: x.run.ID, Automation: x.a.ID, Source: x.work.Source, Target: ch.Target, Parent: p.Parent,
		Op: p.Outcome, Fields: p.On(side), State: automation.Intended, IntendedAt: x.Now(),
	}
	if p.Outcome == automation.Delete {
		change.Fields = p.Fields
	}
	if p.Outcome == automation.Create {
		change.Target = record.Ref{Connection: ch.Target.Connection, Type: ch.Target.Type}
	}
	change.Before = before(change.Fields)
	if err := x.Journal.Intend(ctx, x.run, change, x.limits()); err != nil {
		return Result{}, err
	}
	answer, err := x.write(ctx, c, p, side, ch.Target)
	if err != nil {
		return x.notTakenBack(ctx, change, err)
	}
	x.step(automation.Step{Kind: automation.StepWrite, OK: true, Title: written(c, p, side)})
	return x.wentBack(ctx, c, ch, shown, change, answer)
}

// notTakenBack ends an attempt whose write was not answered with success: the next looks what became of it.
func (x *execution) notTakenBack(ctx context.Context, change automation.Change, err error) (Result, error) {
	if provider.Stopped(err) && ctx.Err() != nil {
		return Result{}, err // the intent stays open
	}
	change.AnsweredAt, change.State, change.Error = x.Now(), automation.Refused, err.Error()
	if k := provider.KindOf(err); k == provider.Ambiguous || k == provider.Unknown {
		change.State = automation.Unclear
	}
	x.settled = append(x.settled, change)
	x.step(automation.Step{Kind: automation.StepError, OK: false, Title: "It could not be taken back", Detail: err.Error()})
	x.decided(automation.Blocked, "not_taken_back", "It could not be taken back: "+err.Error())
	res, stored := x.finish(ctx, automation.Failed, Finish{})
	if _, worth := retryIn(err, x.run.Attempts); worth {
		res.State = automation.Waiting
	}
	return res, stored
}

// wentBack makes the answer durable with what is remembered of it.
func (x *execution) wentBack(ctx context.Context, c *Compiled, ch automation.Change, p automation.Plan, change automation.Change, answer record.Record) (Result, error) {
	side := c.side(ch.Target)
	link, base, linked, err := x.linkOf(ctx, c, ch)
	if err != nil {
		return Result{}, err
	}
	change.AnsweredAt, change.Error = x.Now(), ""
	change.State, change.After, change.Target = automation.Done, c.keptAll(change.Fields, answer), answer.Ref
	end := Finish{Change: &change, Settle: true}
	switch {
	case p.Outcome == automation.Create:
		end.Link = &automation.Link{ID: x.NewID("ln"), Source: ch.Source, Target: answer.Ref, Evidence: "Made anew after it was deleted", CreatedAt: x.Now()}
		end.Sever = end.Link
	case p.Outcome == automation.Delete && linked:
		end.Sever = &link
	case linked && base.Link != "":
		c.rememberUndo(&base, side, p.On(side), answer) // all that went back, in however many attempts
		base.AgreedAt = x.Now()
		end.Base = &base
	}
	return x.finish(ctx, automation.Succeeded, end)
}

// linkOf is the link of the pair a change was about.
func (x *execution) linkOf(ctx context.Context, c *Compiled, ch automation.Change) (automation.Link, automation.Base, bool, error) {
	opposite := c.Def.Target
	if c.side(ch.Source) == automation.TargetSide {
		opposite = c.Def.Source
	}
	return x.Links.FindLink(ctx, ch.Source, opposite.Connection, opposite.Object, x.a.ID)
}

// rememberUndo lets the link remember what went back, as the provider answered it.
func (c *Compiled) rememberUndo(base *automation.Base, side automation.Side, fields []automation.FieldPlan, answer record.Record) {
	answer.Fields = answer.Fields.Clone()
	maps.Copy(answer.Fields, c.keptAll(fields, answer))
	for _, f := range fields {
		if f.Action == automation.AddTo {
			answer.Fields[f.Field] = f.After // the answer may hold what somebody has given it since
		}
	}
	c.standApart(base, side, fields, answer)
}

// takenBackKey is where the memory of a pair keeps that an undo left a field apart, and of a set which labels. It is in what
// was held only.
func takenBackKey(baseKey string) string { return "!" + baseKey }

// labelsTakenBack are the sets of which an undo left labels apart, by their base keys.
func labelsTakenBack(b *automation.Base) iter.Seq[string] {
	return func(yield func(string) bool) {
		if b == nil {
			return
		}
		for key, v := range b.Target {
			if _, set := v.AsList(); set && strings.HasPrefix(key, takenBackKey("")) && !yield(strings.TrimPrefix(key, takenBackKey(""))) {
				return
			}
		}
	}
}

// leftLabels are the labels an undo has left on one of two sides only.
func leftLabels(b *automation.Base, key string, one, other []string) []string {
	if b == nil {
		return nil
	}
	touched := elements(b.Target[takenBackKey(key)])
	if len(touched) == 0 {
		return nil
	}
	return slices.Concat(common(touched, one, other), common(touched, other, one))
}

// wasTakenBack reports whether an undo has left a field apart, and nobody has edited it since.
func wasTakenBack(b *automation.Base, key string) bool {
	return b != nil && !b.Target[takenBackKey(key)].IsEmpty()
}

// standApart lets the link remember a value that went back as if both sides had agreed on it: neither the row that
// filled the field nor one that reads it takes that for an edit. A row that joins it with a field somebody edited since
// keeps its memory, or that edit would not be carried. That it was taken back is remembered too: the two do not agree.
func (c *Compiled) standApart(base *automation.Base, side automation.Side, changed []automation.FieldPlan, answer record.Record) {
	base.Fields, base.Target = base.Fields.Clone(), base.Target.Clone()
	taken := answer
	taken.Fields = answer.Fields.Clone()
	for _, f := range changed {
		taken.Fields[f.Field] = f.Before
	}
	apply, reads := c.Map, func(r mapping.RowResult) string { return r.Target.Key }
	if side == automation.TargetSide {
		apply, reads = c.MapBack, func(r mapping.RowResult) string { return automation.BackKey(r.Target.Key) }
	}
	rows, were := apply(answer), apply(taken)
	for _, f := range changed {
		filled := f.Field
		if side == automation.SourceSide {
			filled = automation.BackKey(f.Field)
		}
		mark := func(key string, k record.Kind, labels ...[]string) {
			v := record.BoolOf(true)
			if k == record.Set {
				v = record.ListOf(slices.Concat(append(labels, elements(base.Target[takenBackKey(key)]))...))
			}
			base.Target[takenBackKey(key)] = v
		}
		if _, met := base.Fields[filled]; met {
			base.Target[filled] = c.agreedWithout(f.Kind, base.Target[filled], answer.Fields[f.Field], f.Add, f.Remove)
			mark(filled, f.Kind, f.Add, f.Remove)
		}
		for i, r := range rows {
			key := reads(r)
			agreed, met := base.Fields[key]
			if !met || r.Err != nil || !slices.Contains(r.Row.Sources, f.Field) {
				continue
			}
			if len(r.Row.Sources) > 1 && !record.Same(r.Target.Kind, were[i].Value, agreed, c.locale) {
				continue
			}
			now, was := elements(r.Value), elements(were[i].Value)
			came, _ := record.SetDiff(now, was, nil)
			went, _ := record.SetDiff(was, now, nil)
			base.Fields[key] = c.agreedWithout(r.Target.Kind, agreed, r.Value, came, went)
			mark(key, r.Target.Kind, came, went)
		}
	}
}

// agreedWithout is what was agreed of a value that went back to what it is now. Of a set only those labels have gone back:
// what somebody gave or took otherwise, and nobody has carried yet, is still to be carried.
func (c *Compiled) agreedWithout(k record.Kind, agreed, now record.Value, came, went []string) record.Value {
	if k != record.Set {
		return now
	}
	came, _ = record.SetDiff(came, elements(agreed), nil)
	v := changedSet(elements(agreed), came, went)
	if record.Same(k, v, now, c.locale) {
		return now // in the order it is in
	}
	return v
}
