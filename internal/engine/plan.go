package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync"

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
	// SourceGone and TargetGone: a direct read says that the linked record was deleted.
	SourceGone, TargetGone bool
	// ParentGone: what is gone went along with the record it lived under, which nobody meant as a delete of it.
	ParentGone bool
	// Parent is what a new counterpart would live under; ParentMissing: it needs one, and there is none yet.
	Parent        record.Ref
	ParentMissing bool
	// Awaits is the record on this side whose counterpart that parent would be.
	Awaits record.Ref
	// Choices are a person's decisions about fields, by base key.
	Choices map[string]automation.Choice
}

// Plan decides what would be written. Dry run and live run both call it, so a dry run cannot lie (I6).
func (c *Compiled) Plan(in Input) automation.Plan {
	p := automation.Plan{
		Automation: c.ID, Version: c.Version,
		Source: in.Source.Ref, SourceTitle: in.Source.Title,
		Identity: in.Identity,
	}
	if !in.SourceGone {
		p.Verdict = c.Judge(in.Source)
	}
	if in.Base != nil {
		p.AgreedAt = in.Base.AgreedAt
	}
	if in.Target != nil {
		p.Target, p.TargetTitle = in.Target.Ref, in.Target.Title
	} else if in.Link != nil {
		p.Target = in.Link.Target
	}
	if in.Link != nil && in.Link.Severed {
		return settle(p, automation.Skip, "severed", "The two go separate ways: one was deleted, or somebody unlinked them.")
	}
	if in.SourceGone || in.TargetGone {
		// The rule judges what is there; a record that is gone is a matter of policy.
		return c.planGone(p, in)
	}
	if !p.Verdict.Passed {
		p.Identity = automation.Identity{How: automation.NotLooked}
		return settle(p, automation.Skip, "rule", "The rule let it pass by: "+p.Verdict.Why())
	}
	mapped := mappings.Get().(*mappedRows)
	defer mappings.Put(mapped)
	mapped.forth = c.program.ApplyInto(mapped.forth, in.Source.Fields, nil)
	rows := mapped.forth
	switch {
	case in.Identity.How == automation.Doubtful:
		return settle(p, automation.Decide, codeDoubtful, doubt(in.Identity))
	case in.Link != nil && in.Target == nil && !c.Moved(rows, in.Base):
		return settle(p, automation.Same, "unmoved", "No mapped field changed in the "+c.Source.Label+" since both sides last agreed.")
	case in.Target == nil:
		return c.planCreate(p, in, rows)
	}
	mapped.back = mapped.back[:0]
	if c.TwoWay() {
		mapped.back = c.back.ApplyInto(mapped.back, in.Target.Fields, in.Source.Fields)
	}
	return c.planUpdate(p, in, rows, mapped.back)
}

// mappedRows are what the rows give while a plan is made, each way. No plan keeps them, so they are used again.
type mappedRows struct{ forth, back []mapping.RowResult }

var mappings = sync.Pool{New: func() any { return new(mappedRows) }}

// Codes the engine itself looks at.
const (
	codeDoubtful = "doubtful"
	codeNoParent = "no_parent"
	codeMoved    = "moved_since"
	// codeNotListed is that of a record that a listing should show and does not, as so many that nothing is believed of it.
	codeNotListed = "not_listed"
	// codeGoneSince is that of a record that is gone since it was listed.
	codeGoneSince = "gone_since"
	// codeUnproven is that of a plan that makes nothing, since it is not sure that there is nobody.
	codeUnproven = "unproven"
	// codeTakenBack is that of a field an undo has left apart.
	codeTakenBack = "taken_back"
	// codeHeal is that of a field that is left as it is by all but a plan that heals.
	codeHeal = "heal"
	// codeFirstMeeting is that of a field that differs where two records meet, and is left so.
	codeFirstMeeting = "first_meeting"
	// codeUnmappable is that of a plan of which nothing can be carried.
	codeUnmappable = "unmappable"
	// codeOnlyThere is that of a target record nobody on the other side answers to, where nothing leads back.
	codeOnlyThere = "only_there"
)

const takenBackWords = "An undo took it back, and it stays apart until somebody edits one of the two."

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

func (c *Compiled) planCreate(p automation.Plan, in Input, rows []mapping.RowResult) automation.Plan {
	p.Base = record.Fields{}
	problems := 0
	for i := range rows {
		r := &rows[i]
		f := field(r, automation.TargetSide, r.Target.Key)
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
	if !c.Def.Create {
		return settle(p, automation.Skip, "create_off", "No counterpart was found, and this automation may not create one.")
	}
	if blocked := c.missing(p.Fields); blocked != "" {
		return settle(p, automation.Blocked, "required", blocked)
	}
	if c.unproven(in.Identity) {
		// I8: an index that is late must not be taken at its word.
		return settle(p, automation.Blocked, codeUnproven, "Nobody was found by "+evidenceWords(in.Identity)+", and that search may be late: it does not prove that there is no such "+c.Target.Label+" yet. "+c.proof()+" and it is looked for again.")
	}
	if in.ParentMissing {
		p.Awaits = in.Awaits
		return settle(p, automation.Blocked, codeNoParent, fmt.Sprintf("It waits for its %[1]s: a %[2]s lives under a %[1]s, and this one’s is not linked yet.", c.TargetObject.Parent, c.Target.Label))
	}
	p.Parent = in.Parent
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

func (c *Compiled) planUpdate(p automation.Plan, in Input, rows, back []mapping.RowResult) automation.Plan {
	m := c.merger(&p, in, rows, back)
	m.merge(rows)
	waiting, code := "", automation.CodeConflict
	switch {
	case m.unsure != "":
		waiting, code = m.unsure, automation.CodeVanished
	case m.asks > 0:
		waiting = count(m.asks, "field changed", "fields changed") + " on both sides."
	}
	switch {
	case m.changed > 0 && !c.Def.Update:
		return settle(p, automation.Skip, "update_off", "The counterpart differs, and this automation may not change it.")
	case m.changed > 0:
		reason := count(m.changed, "field differs.", "fields differ.")
		if m.broken > 0 {
			reason += " " + count(m.broken, "more needs", "more need") + " attention and would be left out."
		}
		switch {
		case m.unsure != "":
			reason += " " + waiting
		case m.asks > 0:
			reason += " Besides, " + waiting
		}
		return settle(p, automation.Update, "update", reason)
	case m.asks > 0:
		return settle(p, automation.Decide, code, waiting)
	case m.broken > 0:
		words := count(m.broken, "field cannot be carried over.", "fields cannot be carried over.")
		if in.Link == nil {
			// They belong together all the same, or whatever is edited later would be met for the first time again.
			return settle(p, automation.Linked, codeUnmappable, "They would be linked, and nothing written: "+words)
		}
		return settle(p, automation.Blocked, codeUnmappable, words)
	}
	outcome, words := automation.Same, "Nothing to do: "
	if in.Link == nil {
		outcome, words = automation.Linked, "They would be linked, and nothing written: "
	}
	apart := len(p.Apart)
	for _, f := range p.Fields {
		if f.Code == codeFirstMeeting {
			apart++
		}
	}
	if apart > 0 {
		return settle(p, outcome, "same", words+count(apart, "field differs and is left as it is.", "fields differ and are left as they are."))
	}
	if in.Link == nil {
		return settle(p, outcome, "same", "They would be linked; both sides agree already.")
	}
	return settle(p, outcome, "same", "Both sides agree, nothing to do.")
}

// planGone decides what becomes of the record that is left when its counterpart was deleted, which a direct read has
// confirmed (I8). left is the side that is still there.
func (c *Compiled) planGone(p automation.Plan, in Input) automation.Plan {
	gone, left, side, on := c.Source.Label, c.Target.Label, automation.TargetSide, automation.SourceSide
	object, markField, rest := c.TargetObject, c.Def.Deletes.Field, in.Target
	if in.SourceGone {
		p.Identity = in.Identity
	} else {
		gone, left, side, on = c.Target.Label, c.Source.Label, automation.SourceSide, automation.TargetSide
		object, markField, rest = c.SourceObject, c.Def.Deletes.SourceField, &in.Source
	}
	was := "The " + gone + " was deleted. "
	if rest == nil {
		p.Sever = true
		return settle(p, automation.Skip, "both_gone", "Both records are gone.")
	}
	if in.ParentGone {
		p.Sever = true
		parent := c.TargetObject.Parent
		if in.SourceGone {
			parent = c.SourceObject.Parent
		}
		return settle(p, automation.Skip, "parent_gone", "The "+gone+" is gone together with the "+string(parent)+" it lived under. The "+left+" stays and is left alone from now on.")
	}
	if policy := c.Def.Deletes.Policy; (policy == automation.DeleteMark || policy == automation.DeleteDelete) && !c.Def.DeletionCounts(on) {
		p.Sever = true
		return settle(p, automation.Skip, "deleted_there", was+"This automation does not follow the deletion of a "+gone+", so the "+left+" stays and is left alone from now on.")
	}
	switch c.Def.Deletes.Policy {
	case automation.DeleteUnlink:
		p.Sever = true
		return settle(p, automation.Skip, "unlinked", was+"The "+left+" stays and is left alone from now on.")
	case automation.DeleteMark:
		p.Sever = true
		schema := c.Target
		if side == automation.SourceSide {
			schema = c.Source
		}
		spec, ok := schema.Field(markField)
		if !ok || spec.ReadOnly {
			p.Sever = false
			return settle(p, automation.Blocked, "no_mark", was+"It should be marked, and the field to mark it with does not exist in the "+left+".")
		}
		f := automation.FieldPlan{Field: spec.Key, Label: spec.Label, Kind: spec.Kind, Side: side, Before: rest.Fields[spec.Key]}
		mark := record.TextOf(c.Def.Deletes.Value)
		if c.Def.MarksInFront(side, spec) {
			mark = inFront(c.Def.Deletes.Value, spec, f.Before)
		}
		if spec.Kind == record.Set {
			f.Add, _ = record.SetDiff([]string{mark.String()}, elements(f.Before), nil)
			f.Action, f.After = automation.AddTo, changedSet(elements(f.Before), f.Add, nil)
		} else if v, err := record.Coerce(mark, spec, c.locale); err != nil {
			p.Sever = false
			return settle(p, automation.Blocked, "no_mark", was+"It cannot be marked: "+err.Error())
		} else if !record.Same(spec.Kind, f.Before, v, c.locale) {
			f.Action, f.After = automation.Set, v
			f.Add = nil
		}
		if f.Action == "" || f.Action == automation.AddTo && len(f.Add) == 0 {
			return settle(p, automation.Skip, "marked", was+"The "+left+" is marked already.")
		}
		p.Fields = []automation.FieldPlan{f}
		return settle(p, automation.Update, "mark", was+"The "+left+" is marked with “"+c.Def.Deletes.Value+"”.")
	case automation.DeleteDelete:
		if !object.Delete {
			return settle(p, automation.Blocked, "no_delete", was+"A "+left+" cannot be deleted by the provider's rules.")
		}
		for key, v := range c.mapped(side, rest.Fields) {
			spec, _ := c.spec(side, key)
			p.Fields = append(p.Fields, automation.FieldPlan{Field: key, Label: spec.Label, Kind: spec.Kind, Side: side, Action: automation.Keep, Code: "deleted", Before: v, After: v})
		}
		slices.SortFunc(p.Fields, func(a, b automation.FieldPlan) int { return strings.Compare(a.Field, b.Field) })
		return settle(p, automation.Delete, "delete", was+"The "+left+" would be deleted too.")
	}
	return settle(p, automation.Skip, "source_gone", was+"This automation does nothing about deleted records.")
}

// inFront is a text with a mark in front of it, once.
func inFront(mark string, spec record.FieldSpec, text record.Value) record.Value {
	switch {
	case text.IsEmpty():
		return record.TextOf(mark)
	case strings.HasPrefix(text.String(), mark):
		return text
	case spec.Kind == record.LongText:
		return record.TextOf(mark + "\n\n" + text.String())
	}
	return record.TextOf(mark + ": " + text.String())
}

// mapped are the fields of one side that the mapping reads, fills or matches by.
func (c *Compiled) mapped(side automation.Side, all record.Fields) record.Fields {
	out := record.Fields{}
	keep := func(key string) {
		if v, ok := all[key]; ok {
			out[key] = v
		}
	}
	for _, r := range c.Def.Mapping.Rows {
		if side == automation.SourceSide {
			for _, key := range r.Sources {
				keep(key)
			}
			continue
		}
		keep(r.Target)
	}
	for _, m := range c.Def.Match {
		if side == automation.SourceSide {
			keep(m.Source)
		} else {
			keep(m.Target)
		}
	}
	return out
}

func (c *Compiled) spec(side automation.Side, key string) (record.FieldSpec, bool) {
	if side == automation.SourceSide {
		return c.Source.Field(key)
	}
	return c.Target.Field(key)
}

// WriteOf turns a plan into what one side's provider is asked to write: only mapped fields that change (I7).
func WriteOf(p automation.Plan, side automation.Side) provider.Write {
	w := provider.Write{Type: p.Target.Type, Fields: record.Fields{}}
	if side == automation.SourceSide {
		w.Type = p.Source.Type
	}
	for _, f := range p.Fields {
		if f.Side != side {
			continue
		}
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
