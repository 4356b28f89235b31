package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

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
		return &provider.Error{Op: "undo", Kind: provider.Invalid, Detail: err.Error()}
	}
	if s.p.Mode == ModeTake {
		return s.takeBack(ctx, what)
	}
	s.p.Phase = "Looking at what was written"
	// What the records will be once later changes are taken back; newest first, so each is undone over the next.
	seen := map[record.Ref]*record.Record{}
	for after := ""; ; {
		changes, err := s.Populations.ChangesToUndo(ctx, what.Kind+":"+what.ID, after, undoPage)
		if err != nil || len(changes) == 0 {
			return err
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
		case !record.Same(was.Kind, f.Before, ch.After[was.Field], c.locale):
			edited++
			f.Code, f.Reason = "edited_since", "Somebody changed it since; it stays."
		case record.Same(was.Kind, f.Before, ch.Before[was.Field], c.locale):
			same++
			f.Code, f.Reason = "same", "It is as it was before already."
		default:
			f.Action, f.After = automation.Set, ch.Before[was.Field]
		}
		p.Fields = append(p.Fields, f)
	}
	switch n := len(p.On(side)); {
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
	for _, f := range ch.Fields {
		if !record.Same(f.Kind, now.Fields[f.Field], ch.After[f.Field], c.locale) {
			return settle(p, automation.Skip, "edited_since", "Somebody has worked on the "+label+" since it was created, so it stays.")
		}
	}
	for _, f := range ch.Fields {
		p.Fields = append(p.Fields, automation.FieldPlan{Row: f.Row, Side: c.side(ch.Target), Field: f.Field, Label: f.Label, Kind: f.Kind, Action: automation.Keep, Code: "deleted", Before: now.Fields[f.Field], After: now.Fields[f.Field]})
	}
	return settle(p, automation.Delete, "undo", "The "+label+" that was created would be deleted.")
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
	s.p.Done = 0
	for after := int64(0); ; {
		items, err := s.Populations.PlanItems(ctx, s.p.ID, PlanFilter{After: after, Limit: undoPage})
		if err != nil || len(items) == 0 {
			return err
		}
		var results []ItemResult
		for _, item := range items {
			after = item.Position
			s.p.Done++
			if item.State != "" || !toDo(item.Plan) {
				continue
			}
			res, err := s.takeOne(ctx, item, changes[item.Plan.Undoes], what)
			if err != nil {
				return err
			}
			if res.State == ItemDone {
				s.p.Written++
			}
			results = append(results, res)
		}
		if err := s.Populations.SaveResults(ctx, *s.p, results); err != nil {
			return err
		}
	}
}

func (s *sweep) takeOne(ctx context.Context, item PlanItem, ch automation.Change, what Undo) (ItemResult, error) {
	res := ItemResult{Position: item.Position, State: ItemLive}
	key := Key{s.a.ID, ch.Source}
	claimed, err := s.Works.ClaimKeys(ctx, []Key{key}, s.Owner, Lease)
	if err != nil {
		return res, err
	}
	id, ours := claimed[key]
	if !ours {
		return res, nil
	}
	defer func() { _ = s.Works.ReleaseKeys(context.WithoutCancel(ctx), []WorkID{id}, s.Owner) }()
	now, err := s.now(ctx, map[record.Ref]*record.Record{}, ch.Target)
	if err != nil {
		return res, err
	}
	p := s.c.planUndo(ch, now, what)
	if Fingerprint(p) != Fingerprint(item.Plan) {
		res.State, res.Plan = ItemMoved, &p
		return res, nil
	}
	x := s.execution(ch.Source)
	x.run.Title = p.SourceTitle
	ctx = provider.WithRecorder(ctx, func(c provider.Call) { s.reads.Add(1); x.record(c) })
	out, err := x.undo(ctx, s.c, ch, p)
	res.State, res.Run = ItemDone, x.run.ID
	if err != nil || out.State != automation.Succeeded {
		res.State = ItemFailed
	}
	return res, nil
}

// undo carries out the plan that takes one change back. What was agreed before stays agreed, but for the value that
// went back: it stays apart from the other side until somebody edits one of them.
func (x *execution) undo(ctx context.Context, c *Compiled, ch automation.Change, p automation.Plan) (Result, error) {
	side := c.side(ch.Target)
	opposite := c.Def.Target
	if c.side(ch.Source) == automation.TargetSide {
		opposite = c.Def.Source
	}
	link, base, linked, err := x.Links.FindLink(ctx, ch.Source, opposite.Connection, opposite.Object, x.a.ID)
	if err != nil {
		return Result{}, err
	}
	x.run.Target = ch.Target
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
		ID: x.NewID("ch"), Run: x.run.ID, Automation: x.a.ID, Source: ch.Source, Target: ch.Target, Parent: p.Parent,
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
	change.AnsweredAt = x.Now()
	if err != nil {
		change.State, change.Error = automation.Refused, err.Error()
		if k := provider.KindOf(err); k == provider.Ambiguous || k == provider.Unknown {
			change.State = automation.Unclear
		}
		x.settled = append(x.settled, change)
		x.step(automation.Step{Kind: automation.StepError, OK: false, Title: "It could not be taken back", Detail: err.Error()})
		return x.finish(ctx, automation.Failed, Finish{})
	}
	change.State, change.After, change.Target = automation.Done, c.keptAll(change.Fields, answer), answer.Ref
	x.step(automation.Step{Kind: automation.StepWrite, OK: true, Title: written(c, p, side)})
	end := Finish{Change: &change, Settle: true}
	switch {
	case p.Outcome == automation.Create:
		end.Link = &automation.Link{ID: x.NewID("ln"), Source: ch.Source, Target: answer.Ref, Evidence: "Made anew after it was deleted", CreatedAt: x.Now()}
		end.Sever = end.Link
	case p.Outcome == automation.Delete && linked:
		end.Sever = &link
	case linked && base.Link != "":
		answer.Fields = answer.Fields.Clone()
		maps.Copy(answer.Fields, change.After)
		c.standApart(&base, side, change.Fields, answer)
		base.AgreedAt = x.Now()
		end.Base = &base
	}
	return x.finish(ctx, automation.Succeeded, end)
}

// standApart lets the link remember a value that went back as if both sides had agreed on it: neither the row that
// filled the field nor one that reads it takes that for an edit. A row that joins it with a field somebody edited since
// keeps its memory, or that edit would not be carried.
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
		if _, met := base.Fields[filled]; met {
			base.Target[filled] = answer.Fields[f.Field]
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
			base.Fields[key] = r.Value
		}
	}
}
