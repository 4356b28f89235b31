package engine

import (
	"fmt"
	"slices"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// Input is everything a plan may depend on. Nothing else is read: no clock, no network, no database.
type Input struct {
	Source record.Record
	// Target is the counterpart as read just now; nil when there is none, or when it was not read because
	// nothing moved since the base.
	Target *record.Record
	// Link and Base are what was remembered; nil at a first meeting.
	Link *automation.Link
	Base *automation.Base
	// Identity says how Target was found.
	Identity automation.Identity
}

// Plan decides what would be written. Dry run and live run both call it, so a dry run cannot lie (I6).
func (c *Compiled) Plan(in Input) automation.Plan {
	p := automation.Plan{
		Automation: c.ID, Version: c.Version,
		Source: in.Source.Ref, SourceTitle: in.Source.Title,
		Identity: in.Identity, Verdict: c.Judge(in.Source),
	}
	if in.Target != nil {
		p.Target, p.TargetTitle = in.Target.Ref, in.Target.Title
	} else if in.Link != nil {
		p.Target = in.Link.Target
	}
	if !p.Verdict.Passed {
		p.Identity = automation.Identity{How: automation.NotLooked}
		return settle(p, automation.Skip, "rule", "The rule let it pass by: "+p.Verdict.Why())
	}
	rows := c.Map(in.Source)
	switch {
	case in.Identity.How == automation.Doubtful:
		return settle(p, automation.Decide, "doubtful", doubt(in.Identity))
	case in.Link != nil && in.Target == nil && !c.Moved(rows, in.Base):
		return settle(p, automation.Same, "unmoved", "No mapped field changed in the "+c.Source.Label+" since both sides last agreed.")
	case in.Target == nil:
		return c.planCreate(p, rows)
	}
	return c.planUpdate(p, in, rows)
}

func settle(p automation.Plan, o automation.Outcome, code, reason string) automation.Plan {
	p.Outcome, p.Code, p.Reason = o, code, reason
	return p
}

func doubt(id automation.Identity) string {
	names := make([]string, 0, len(id.Candidates))
	for _, c := range id.Candidates {
		names = append(names, c.Title+" ("+c.Why+")")
	}
	if len(names) == 1 {
		return "Somebody must choose: " + names[0] + "."
	}
	return "More than one record could be the counterpart, so somebody must choose: " + strings.Join(names, "; ") + "."
}

func (c *Compiled) planCreate(p automation.Plan, rows []mapping.RowResult) automation.Plan {
	p.Base = record.Fields{}
	problems := 0
	for _, r := range rows {
		f := field(r)
		switch {
		case r.Err != nil:
			f.Action, f.Code, f.Reason = automation.Problem, "unmappable", r.Err.Error()
			problems++
		case r.Value.IsEmpty():
			f.Action, f.Code, f.Reason = automation.Keep, "empty_source", "Empty in the "+c.Source.Label+"."
			// Agreed too: what a person fills in later is an edit on one side, not a first meeting.
			p.Base[r.Target.Key] = r.Value
		case r.Target.Kind == record.Set:
			f.Action, f.After = automation.AddTo, r.Value
			f.Add, _ = r.Value.AsList()
			p.Base[r.Target.Key] = r.Value
		default:
			f.Action, f.After = automation.Set, r.Value
			p.Base[r.Target.Key] = r.Value
		}
		p.Fields = append(p.Fields, f)
	}
	if blocked := c.missing(p.Fields); blocked != "" {
		return settle(p, automation.Blocked, "required", blocked)
	}
	if !c.Def.Create {
		return settle(p, automation.Skip, "create_off", "No counterpart was found, and this automation may not create one.")
	}
	reason := "No " + c.Target.Label + " was found, so a new one would be made."
	if problems > 0 {
		reason += " " + count(problems, "field needs", "fields need") + " attention and would be left out."
	}
	return settle(p, automation.Create, "create", reason)
}

// missing says why a create would be refused, or nothing.
func (c *Compiled) missing(fields []automation.FieldPlan) string {
	given := map[string]automation.FieldPlan{}
	for _, f := range fields {
		given[f.Field] = f
	}
	has := func(key string) bool { return !given[key].After.IsEmpty() }
	for _, spec := range c.Target.Fields {
		if spec.Required && !spec.ReadOnly && !has(spec.Key) {
			why := ""
			if f := given[spec.Key]; f.Reason != "" {
				why = " " + f.Reason
			}
			return fmt.Sprintf("A new %s needs %s, and there is none.%s", c.Target.Label, spec.Label, why)
		}
	}
	if len(c.NeedsOneOf) == 0 {
		return ""
	}
	labels, why := []string{}, ""
	for _, key := range c.NeedsOneOf {
		if has(key) {
			return ""
		}
		if spec, ok := c.Target.Field(key); ok {
			labels = append(labels, strings.ToLower(spec.Label))
		}
		if f := given[key]; f.Action == automation.Problem {
			why = " " + f.Reason
		}
	}
	return fmt.Sprintf("A new %s needs %s, and this record has neither.%s", c.Target.Label, strings.Join(labels, " or "), why)
}

func (c *Compiled) planUpdate(p automation.Plan, in Input, rows []mapping.RowResult) automation.Plan {
	p.Base = record.Fields{}
	var changed, problems, asks int
	for _, r := range rows {
		f, agree := c.merge(r, in)
		switch {
		case f.Action == automation.Problem:
			problems++
		case f.Code == "conflict":
			asks++
		case f.Action != automation.Keep:
			changed++
		}
		if agree {
			p.Base[r.Target.Key] = r.Value
		} else {
			p.Apart = append(p.Apart, r.Target.Key)
			if old, _, met := lastAgreed(in.Base, r.Target.Key); met {
				p.Base[r.Target.Key] = old
			}
		}
		p.Fields = append(p.Fields, f)
	}
	switch {
	case changed > 0 && !c.Def.Update:
		return settle(p, automation.Skip, "update_off", "The counterpart differs, and this automation may not change it.")
	case changed > 0:
		reason := count(changed, "field differs.", "fields differ.")
		if problems > 0 {
			reason += " " + count(problems, "more needs", "more need") + " attention and would be left out."
		}
		return settle(p, automation.Update, "update", reason)
	case asks > 0:
		return settle(p, automation.Decide, "conflict", count(asks, "field changed", "fields changed")+" on both sides.")
	case problems > 0:
		return settle(p, automation.Blocked, "unmappable", count(problems, "field cannot be carried over.", "fields cannot be carried over."))
	}
	if n := len(p.Apart); n > 0 {
		return settle(p, automation.Same, "same", "Nothing to do: "+count(n, "field differs and is left as it is.", "fields differ and are left as they are."))
	}
	return settle(p, automation.Same, "same", "Both sides agree, nothing to do.")
}

func field(r mapping.RowResult) automation.FieldPlan {
	return automation.FieldPlan{Row: r.Row.ID, Field: r.Target.Key, Label: r.Target.Label, Kind: r.Target.Kind}
}

// lastAgreed is what both sides held when they last agreed on a field; !met when they never did.
func lastAgreed(b *automation.Base, key string) (source, target record.Value, met bool) {
	if b == nil || b.Link == "" {
		return record.Value{}, record.Value{}, false
	}
	source, met = b.Fields[key]
	return source, b.Target[key], met
}

// Held is the target's half of the base a plan leaves behind: what the target holds now, except where the two
// sides stay apart. There the old agreement stays, or the edit that was kept would be overwritten by the next
// change of the source, whatever the row's owner.
func Held(p automation.Plan, target record.Fields, old *automation.Base) record.Fields {
	held := make(record.Fields, len(p.Base))
	for key := range p.Base {
		held[key] = target[key]
		if slices.Contains(p.Apart, key) {
			_, held[key], _ = lastAgreed(old, key)
		}
	}
	return held
}

// merge decides one row with three values: the mapped one, the target's, and the base both last agreed on.
// One side moved: carry it. Both moved apart: the row's owner decides. At a first meeting there is no base,
// and the owner decides too. agree says whether the row is one that both sides agree on from now on.
func (c *Compiled) merge(r mapping.RowResult, in Input) (f automation.FieldPlan, agree bool) {
	f = field(r)
	kind, key := r.Target.Kind, r.Target.Key
	f.Before = in.Target.Fields[key]
	f.After = f.Before
	keep := func(agree bool, code, reason string) (automation.FieldPlan, bool) {
		f.Action, f.Code, f.Reason = automation.Keep, code, reason
		return f, agree
	}
	if r.Err != nil {
		f.Action, f.Code, f.Reason = automation.Problem, "unmappable", r.Err.Error()
		return f, false
	}
	agreed, agreedTarget, met := lastAgreed(in.Base, key)
	if kind == record.Set {
		return c.mergeSet(f, r, agreed, agreedTarget, keep)
	}
	if record.Same(kind, f.Before, r.Value, c.locale) {
		return keep(true, "same", "Same on both sides.")
	}
	sourceMoved := !met || !record.Same(kind, agreed, r.Value, c.locale)
	targetMoved := !met || !record.Same(kind, agreedTarget, f.Before, c.locale)
	switch {
	case !sourceMoved && targetMoved:
		return keep(false, "target_moved", fmt.Sprintf("Changed in the %s since; the %s did not change.", c.Target.Label, c.Source.Label))
	case !sourceMoved:
		return keep(true, "same", "As both sides last agreed.")
	case r.Value.IsEmpty() && (!met || !r.Row.ClearWhenEmpty):
		// At a first meeting nothing was emptied: the source may never have known.
		return keep(!targetMoved, "empty_source", fmt.Sprintf("Empty in the %s; left as it is.", c.Source.Label))
	}
	if targetMoved && !f.Before.IsEmpty() {
		switch r.Row.Owner {
		case mapping.OwnerOnlyIfEmpty:
			return keep(false, "only_if_empty", "Already filled; this row fills empty fields only.")
		case mapping.OwnerTarget:
			return keep(false, "target_owns", fmt.Sprintf("The %s has the last word on this field.", c.Target.Label))
		case mapping.OwnerAsk:
			return keep(false, "conflict", "Changed on both sides: somebody must choose.")
		case mapping.OwnerNewest:
			if !in.Target.UpdatedAt.IsZero() && in.Target.UpdatedAt.After(in.Source.UpdatedAt) {
				// Decided for good: an unrelated later change of the source must not turn it round.
				return keep(true, "target_newer", fmt.Sprintf("The %s was changed more recently.", c.Target.Label))
			}
		}
	}
	if r.Row.Owner == mapping.OwnerOnlyIfEmpty && !f.Before.IsEmpty() {
		return keep(false, "only_if_empty", "Already filled; this row fills empty fields only.")
	}
	f.Action, f.After = automation.Set, r.Value
	return f, true
}

// mergeSet changes sets by element: what we brought and is gone from the source is taken away again, what a
// person added to the target stays (I7). What the provider did not take, or spells otherwise, is not brought again.
func (c *Compiled) mergeSet(f automation.FieldPlan, r mapping.RowResult, agreed, agreedTarget record.Value, keep func(agree bool, code, reason string) (automation.FieldPlan, bool)) (automation.FieldPlan, bool) {
	want, have, base := elements(r.Value), elements(f.Before), elements(agreed)
	if r.Row.Owner == mapping.OwnerOnlyIfEmpty && len(have) > 0 {
		return keep(false, "only_if_empty", "Already filled; this row fills empty fields only.")
	}
	f.Add, f.Remove = record.SetDiff(want, have, base)
	refused, _ := record.SetDiff(base, elements(agreedTarget), nil)
	f.Add, _ = record.SetDiff(f.Add, refused, nil)
	if len(f.Add) == 0 && len(f.Remove) == 0 {
		return keep(true, "same", "Nothing to add or take away.")
	}
	after := make([]string, 0, len(have)+len(f.Add))
	gone := map[string]bool{}
	for _, e := range f.Remove {
		gone[strings.ToLower(e)] = true
	}
	for _, e := range have {
		if !gone[strings.ToLower(e)] {
			after = append(after, e)
		}
	}
	f.Action, f.After = automation.AddTo, record.ListOf(append(after, f.Add...))
	return f, true
}

func elements(v record.Value) []string {
	if l, ok := v.AsList(); ok {
		return l
	}
	if s, ok := v.AsText(); ok {
		return []string{s}
	}
	return nil
}

// WriteOf turns a plan into what the provider is asked to write: only mapped fields that change (I7).
func WriteOf(p automation.Plan) provider.Write {
	w := provider.Write{Type: p.Target.Type, Fields: record.Fields{}}
	for _, f := range p.Fields {
		switch f.Action {
		case automation.Set:
			w.Fields[f.Field] = f.After
		case automation.AddTo:
			if len(f.Add) > 0 {
				if w.Add == nil {
					w.Add = map[string][]string{}
				}
				w.Add[f.Field] = f.Add
			}
			if len(f.Remove) > 0 {
				if w.Remove == nil {
					w.Remove = map[string][]string{}
				}
				w.Remove[f.Field] = f.Remove
			}
		}
	}
	return w
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
