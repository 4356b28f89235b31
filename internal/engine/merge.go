package engine

import (
	"fmt"
	"slices"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

// merger merges one pair of records, row by row, against what the link remembers.
type merger struct {
	*Compiled
	in      Input
	back    []mapping.RowResult // what the target gives for the source, in the order of the rows
	next    int                 // of back: the first that no row has looked at
	plan    *automation.Plan
	changed int // fields that are written
	asks    int
	broken  int
	hollow  []automation.Side // from which everything both had agreed on is gone at once
	unsure  string            // what a person is asked about that, once somebody is
}

func (c *Compiled) merger(p *automation.Plan, in Input, rows, back []mapping.RowResult) *merger {
	m := &merger{Compiled: c, in: in, plan: p, back: back}
	size := max(len(rows), len(m.back))
	p.Base = make(record.Fields, size)
	p.Fields = make([]automation.FieldPlan, 0, size) // a field that is written on both sides takes two, which is rare
	return m
}

func byRow(rows []mapping.RowResult) map[string]*mapping.RowResult {
	out := make(map[string]*mapping.RowResult, len(rows))
	for i := range rows {
		out[rows[i].Row.ID] = &rows[i]
	}
	return out
}

// merge decides every row. One side moved: carry it. Both moved alike: they agree. Both moved apart: a person's choice,
// the first-meeting policy or the row's owner decides.
func (m *merger) merge(rows []mapping.RowResult) {
	if m.in.Target != nil {
		m.hollow = m.hollowSides(m.in.Source, *m.in.Target, m.in.Base)
	}
	for i := range rows {
		r := &rows[i]
		if r.Row.Direction == mapping.Both {
			if backs := m.backsOf(r.Row); len(backs) > 0 {
				m.bothWays(r, backs)
				continue
			}
		}
		m.oneWay(r, automation.TargetSide, r.Target.Key, m.in.Target.Fields, r.Row.Owner)
	}
	forth := m.plan.Fields
	written := func(key string) bool {
		return slices.ContainsFunc(forth, func(f automation.FieldPlan) bool {
			return f.Side == automation.TargetSide && f.Field == key && (f.Action == automation.Set || f.Action == automation.AddTo)
		})
	}
	for i := range m.back {
		b := &m.back[i]
		switch {
		case b.Row.Direction == mapping.Both:
		case len(b.Row.Sources) > 0 && written(b.Row.Sources[0]):
			// What it would carry back is about to be overwritten from where it would go.
			m.overtaken(b)
		default:
			m.oneWay(b, automation.SourceSide, automation.BackKey(b.Target.Key), m.in.Source.Fields, b.Row.Owner)
		}
	}
}

// overtaken leaves a row that leads back alone while another row writes the field it reads.
func (m *merger) overtaken(b *mapping.RowResult) {
	key := automation.BackKey(b.Target.Key)
	f := field(b, automation.SourceSide, key)
	f.Before = m.in.Source.Fields[b.Target.Key]
	f.After = f.Before
	f.Action, f.Code, f.Reason = automation.Keep, "overtaken", fmt.Sprintf("The %s is written from here at the same time.", m.Target.Label)
	m.agree(key, b.Value)
	m.add(f)
}

// backsOf finds the ways back of a row, one for each field it joins; none where one of them is broken.
func (m *merger) backsOf(row *mapping.Row) []mapping.RowResult {
	// Both ways are in the order of the rows, so the search goes on where the last one ended.
	n := m.next
	for n < len(m.back) && m.back[n].Row.ID != row.ID {
		n++
	}
	if n == len(m.back) {
		return nil
	}
	end := n + 1
	for end < len(m.back) && m.back[end].Row.ID == row.ID {
		end++
	}
	m.next = end
	if end-n != max(len(row.Sources), 1) {
		return nil
	}
	return m.back[n:end]
}

// agree remembers what both sides hold now.
func (m *merger) agree(key string, mapped record.Value) {
	m.plan.Base[key] = mapped
}

// stand leaves the memory where it is, or the edit that is kept would be overwritten by the next change of the other
// side, whatever the row's owner.
func (m *merger) stand(key string) {
	m.plan.Apart = append(m.plan.Apart, key)
	if old, _, met := lastAgreed(m.in.Base, key); met {
		m.agree(key, old)
	}
}

func (m *merger) add(f automation.FieldPlan) {
	switch {
	case f.Action == automation.Problem:
		m.broken++
	case f.Code == automation.CodeConflict:
		m.asks++
	case f.Action != automation.Keep:
		m.changed++
	}
	m.plan.Fields = append(m.plan.Fields, f)
}

func (m *merger) label(side automation.Side) string {
	if side == automation.SourceSide {
		return m.Source.Label
	}
	return m.Target.Label
}

func opposite(side automation.Side) automation.Side {
	if side == automation.SourceSide {
		return automation.TargetSide
	}
	return automation.SourceSide
}

func field(r *mapping.RowResult, side automation.Side, key string) automation.FieldPlan {
	f := automation.FieldPlan{Row: r.Row.ID, Field: r.Target.Key, Label: r.Target.Label, Kind: r.Target.Kind, Side: side}
	if key != f.Field {
		f.Key = key
	}
	return f
}

// lastAgreed is what both sides held when they last agreed on a field; !met when they never did.
func lastAgreed(b *automation.Base, key string) (mapped, held record.Value, met bool) {
	if b == nil || b.Link == "" {
		return record.Value{}, record.Value{}, false
	}
	mapped, met = b.Fields[key]
	return mapped, b.Target[key], met
}

// oneWay decides a row that fills one side only. owner is seen from the side the value comes from: "source" is where it
// comes from, "target" where it goes.
func (m *merger) oneWay(r *mapping.RowResult, side automation.Side, key string, there record.Fields, owner mapping.Owner) {
	f := field(r, side, key)
	f.Before = there[r.Target.Key]
	f.After = f.Before
	keep := func(agree bool, code, reason string) {
		f.Action, f.Code, f.Reason = automation.Keep, code, reason
		if agree {
			m.agree(key, r.Value)
		} else {
			m.stand(key)
		}
		if !agree || code == codeFirstMeeting {
			f.Offered = r.Value
		}
		m.add(f)
	}
	if r.Err != nil {
		f.Action, f.Code, f.Reason = automation.Problem, "unmappable", r.Err.Error()
		m.stand(key)
		m.add(f)
		return
	}
	agreed, held, met := lastAgreed(m.in.Base, key)
	if r.Target.Kind == record.Set {
		m.oneWaySet(f, r, key, agreed, held, owner, keep)
		return
	}
	kind := r.Target.Kind
	if record.Same(kind, f.Before, r.Value, m.locale) {
		keep(true, "same", "Same on both sides.")
		return
	}
	fromMoved := !met || !record.Same(kind, agreed, r.Value, m.locale)
	toMoved := !met || !record.Same(kind, held, f.Before, m.locale)
	from, to := m.label(opposite(side)), m.label(side)
	choice, chosen := m.chosen(key, kind, r.Value, f.Before)
	leftApart := !fromMoved && !toMoved && wasTakenBack(m.in.Base, key)
	healing := m.heals && !fromMoved && (toMoved || leftApart) && m.owns(r, side, owner)
	switch {
	case !fromMoved && toMoved && !healing:
		keep(false, "target_moved", fmt.Sprintf("Changed in the %s since; the %s did not change.", to, from))
		return
	case leftApart && !healing:
		keep(false, codeTakenBack, takenBackWords)
		return
	case !fromMoved && !healing:
		keep(true, "same", "As both sides last agreed.")
		return
	case m.isFurther(*r.Target, there, r.Value):
		keep(true, "further", fmt.Sprintf("The %s answers to it as well, and keeps what it has here.", to))
		return
	case toMoved && len(r.Row.Sources) == 1 && m.answersTo(opposite(side), r.Row.Sources[0], f.Before):
		keep(true, "further", fmt.Sprintf("The %s answers to what the %s has here as well.", from, to))
		return
	case r.Value.IsEmpty() && (!met || !r.Row.ClearWhenEmpty):
		// At a first meeting nothing was emptied: the source may never have known.
		keep(!toMoved, "empty_source", fmt.Sprintf("Empty in the %s; left as it is.", from))
		return
	case !chosen && m.isHollow(opposite(side)):
		keep(false, automation.CodeConflict, m.vanished(from))
		return
	case chosen && choice.Take == automation.TakeValue:
		f.Action, f.After = automation.Set, choice.Value
		m.agree(key, r.Value)
		m.add(f)
		return
	case chosen && (choice.Take == automation.TakeTarget) == (side == automation.TargetSide):
		keep(true, "chosen", "Somebody chose to leave it.")
		return
	}
	if !chosen && toMoved && !f.Before.IsEmpty() {
		if !met && m.Def.First != "" {
			keep(true, codeFirstMeeting, "Different when the two met; left as it is. Edits from now on are carried.")
			return
		}
		switch owner {
		case mapping.OwnerOnlyIfEmpty:
			keep(false, "only_if_empty", "Already filled; this row fills empty fields only.")
			return
		case mapping.OwnerTarget:
			keep(false, "target_owns", fmt.Sprintf("The %s has the last word on this field.", to))
			return
		case mapping.OwnerAsk:
			keep(false, automation.CodeConflict, "Changed on both sides: somebody must choose.")
			return
		case mapping.OwnerNewest:
			if side == m.newer() {
				// Decided for good: an unrelated later change of the source must not turn it round.
				keep(true, "target_newer", fmt.Sprintf("The %s was changed more recently.", to))
				return
			}
		}
	}
	if owner == mapping.OwnerOnlyIfEmpty && !f.Before.IsEmpty() {
		keep(false, "only_if_empty", "Already filled; this row fills empty fields only.")
		return
	}
	if !met && m.Def.First == automation.LinkOnly {
		keep(true, codeFirstMeeting, "Only linked: nothing is written when the two meet.")
		return
	}
	if healing {
		f.Code, f.Reason = codeHeal, fmt.Sprintf("Changed in the %s since; it is brought back to what the %s gives.", to, from)
		if leftApart {
			f.Reason = leftApartWords(from)
		}
	}
	f.Action, f.After = automation.Set, r.Value
	m.agree(key, r.Value)
	m.add(f)
}

func leftApartWords(from string) string {
	return fmt.Sprintf("An undo has left it apart; it is brought back to what the %s gives.", from)
}

// owns reports whether the side a value comes from is the only one to say what a field holds: it has the last word, and
// no other row takes an edit of the field to where the value comes from.
func (m *merger) owns(r *mapping.RowResult, side automation.Side, owner mapping.Owner) bool {
	if owner != "" && owner != mapping.OwnerSource {
		return false
	}
	return !slices.ContainsFunc(m.Def.Mapping.Rows, func(other mapping.Row) bool {
		if side == automation.TargetSide {
			return other.Target == r.Target.Key && other.Direction.ToSource()
		}
		return slices.Contains(other.Sources, r.Target.Key) && other.Direction.ToTarget()
	})
}

// answersTo reports whether a side's record has a value among the further ones of a field.
func (m *merger) answersTo(side automation.Side, key string, v record.Value) bool {
	spec, _ := m.spec(side, key)
	if side == automation.SourceSide {
		return m.isFurther(spec, m.in.Source.Fields, v)
	}
	return m.isFurther(spec, m.in.Target.Fields, v)
}

// newer is the side whose record was changed later; the source when nobody can say.
func (m *merger) newer() automation.Side {
	if !m.in.Target.UpdatedAt.IsZero() && m.in.Target.UpdatedAt.After(m.in.Source.UpdatedAt) {
		return automation.TargetSide
	}
	return automation.SourceSide
}

// chosen is a person's decision about a field, while the values are still those that were seen.
func (m *merger) chosen(key string, kind record.Kind, source, target record.Value) (automation.Choice, bool) {
	c, ok := m.in.Choices[key]
	if !ok {
		return c, false
	}
	seen := func(now, then record.Value) bool {
		return record.Same(kind, now, then, m.locale) || c.Take == automation.TakeValue && record.Same(kind, now, c.Value, m.locale)
	}
	return c, seen(source, c.SeenSource) && seen(target, c.SeenTarget)
}

// oneWaySet changes sets by element: what we brought and is gone from where it came goes again, what a person added
// stays (I7). What the provider did not take, or spells otherwise, is not brought again.
func (m *merger) oneWaySet(f automation.FieldPlan, r *mapping.RowResult, key string, agreed, held record.Value, owner mapping.Owner, keep func(agree bool, code, reason string)) {
	want, have, base := elements(r.Value), elements(f.Before), elements(agreed)
	_, _, met := lastAgreed(m.in.Base, key)
	if owner == mapping.OwnerOnlyIfEmpty && len(have) > 0 {
		keep(false, "only_if_empty", "Already filled; this row fills empty fields only.")
		return
	}
	f.Add, f.Remove = record.SetDiff(want, have, base)
	refused, _ := record.SetDiff(base, elements(held), nil)
	if m.heals && m.owns(r, f.Side, owner) {
		if left := leftLabels(m.in.Base, key, want, have); len(left) > 0 {
			refused, _ = record.SetDiff(refused, left, nil)
			f.Remove = append(f.Remove, common(left, have, slices.Concat(want, f.Remove))...)
			f.Code, f.Reason = codeHeal, leftApartWords(m.label(opposite(f.Side)))
		}
	}
	f.Add, _ = record.SetDiff(f.Add, refused, nil)
	switch {
	case len(f.Add) == 0 && len(f.Remove) == 0 && len(leftLabels(m.in.Base, key, want, have)) > 0:
		keep(false, codeTakenBack, takenBackWords)
		return
	case len(f.Add) == 0 && len(f.Remove) == 0:
		keep(true, "same", "Nothing to add or take away.")
		return
	case !met && (m.Def.First == automation.LinkOnly || m.Def.First == automation.FillEmpty && len(have) > 0):
		f.Add, f.Remove = nil, nil
		keep(true, codeFirstMeeting, "Different when the two met; left as it is. Edits from now on are carried.")
		return
	}
	if from := opposite(f.Side); len(f.Remove) > 0 && m.isHollow(from) {
		switch choice, chosen := m.chosen(key, record.Set, r.Value, f.Before); {
		case !chosen:
			f.Add, f.Remove = nil, nil
			keep(false, automation.CodeConflict, m.vanished(m.label(from)))
			return
		case choice.Take == automation.TakeValue:
			f.Add, f.Remove = record.SetDiff(elements(choice.Value), have, have)
		case (choice.Take == automation.TakeTarget) == (f.Side == automation.TargetSide):
			f.Add, f.Remove = nil, nil
			keep(true, "chosen", "Somebody chose to leave it.")
			return
		}
	}
	f.Action, f.After = automation.AddTo, changedSet(have, f.Add, f.Remove)
	m.agree(key, r.Value)
	m.add(f)
}

// bothWays decides a row that leads both ways: forth fills the target from the source, backs the source from the target.
// A row that joins has a way back for each of its fields; what is compared is the joined value.
func (m *merger) bothWays(forth *mapping.RowResult, backs []mapping.RowResult) {
	key, kind := forth.Target.Key, forth.Target.Kind
	if kind == record.Set || backs[0].Target.Kind == record.Set {
		m.bothWaysSet(forth, &backs[0])
		return
	}
	e := exchange{merger: m, forth: forth, backs: backs, to: field(forth, automation.TargetSide, key)}
	e.to.Before = m.in.Target.Fields[key]
	e.to.After = e.to.Before
	if forth.Err == nil && record.Same(kind, e.to.Before, forth.Value, m.locale) {
		e.keep(true, "same", "Same on both sides.")
		return
	}
	agreed, held, met := lastAgreed(m.in.Base, key)
	clears := met && forth.Row.ClearWhenEmpty
	// A value that cannot be mapped has moved when it is not the one that was agreed, which nobody can tell: it counts
	// as moved, and is reported when it is its turn to be carried.
	sourceEmpty, targetEmpty := e.sourceEmpty(), e.to.Before.IsEmpty()
	sourceMoved := !met || forth.Err != nil || !record.Same(kind, agreed, forth.Value, m.locale)
	targetMoved := !met || !record.Same(kind, held, e.to.Before, m.locale)
	// An empty side that may not clear the other has nothing to say.
	sourceSays := sourceMoved && (clears || !sourceEmpty)
	targetSays := targetMoved && (clears || !targetEmpty)
	if !met && m.Def.First == automation.LinkOnly {
		e.keep(true, codeFirstMeeting, "Only linked: nothing is written when the two meet.")
		return
	}
	switch {
	case sourceMoved && m.isFurther(*forth.Target, m.in.Target.Fields, forth.Value):
		e.keep(true, "further", fmt.Sprintf("The %s answers to it as well, and keeps what it has here.", m.Target.Label))
	case targetMoved && len(backs) == 1 && m.isFurther(*backs[0].Target, m.in.Source.Fields, backs[0].Value):
		e.keep(true, "further", fmt.Sprintf("The %s answers to what the %s has here as well.", m.Source.Label, m.Target.Label))
	case met && sourceSays && sourceEmpty && m.isHollow(automation.SourceSide):
		e.ask(m.Source.Label)
	case met && targetSays && targetEmpty && m.isHollow(automation.TargetSide):
		e.ask(m.Target.Label)
	case !sourceSays && !targetSays && !sourceMoved && !targetMoved && wasTakenBack(m.in.Base, key):
		e.leftApart()
	case !sourceSays && !targetSays && !sourceMoved && !targetMoved:
		e.keep(true, "same", "As both sides last agreed.")
	case !sourceSays && !targetSays && sourceMoved:
		e.keep(false, "empty_source", fmt.Sprintf("Emptied in the %s; the %s is left as it is.", m.Source.Label, m.Target.Label))
	case !sourceSays && !targetSays:
		e.keep(false, "empty_target", fmt.Sprintf("Emptied in the %s; the %s is left as it is.", m.Target.Label, m.Source.Label))
	case forth.Row.Owner == mapping.OwnerOnlyIfEmpty && !sourceEmpty && !targetEmpty:
		e.keep(false, "only_if_empty", "Filled on both sides; this row fills empty fields only.")
	case sourceSays && !targetSays:
		e.carry()
	case targetSays && !sourceSays:
		e.carryBack()
	default:
		e.apart(met)
	}
}

// exchange is one row that leads both ways, being decided.
type exchange struct {
	*merger
	forth *mapping.RowResult
	backs []mapping.RowResult // what each field of the source is filled with
	to    automation.FieldPlan
}

func (e *exchange) keep(agree bool, code, reason string) {
	e.to.Action, e.to.Code, e.to.Reason = automation.Keep, code, reason
	if agree {
		e.agree(e.to.Field, e.forth.Value)
	} else {
		e.stand(e.to.Field)
	}
	if !agree || code == codeFirstMeeting {
		e.to.Offered = e.forth.Value
	}
	e.add(e.to)
}

func (e *exchange) problem(f automation.FieldPlan, err error) {
	f.Action, f.Code, f.Reason = automation.Problem, "unmappable", err.Error()
	e.stand(e.to.Field)
	e.add(f)
}

// carry writes what the source gives to the target.
func (e *exchange) carry() {
	if e.forth.Err != nil {
		e.problem(e.to, e.forth.Err)
		return
	}
	e.to.Action, e.to.After = automation.Set, e.forth.Value
	e.agree(e.to.Field, e.forth.Value)
	e.add(e.to)
}

// leftApart is a value that an undo has left different on both sides. A heal brings it back to what the side gives that has
// the last word. Where that is empty, the undo has emptied it: then the other side's is the only one there is.
func (e *exchange) leftApart() {
	by, ruled := lastWord(e.forth.Row.Owner)
	switch {
	case !e.heals || !ruled:
		e.keep(false, codeTakenBack, takenBackWords)
	case e.to.Before.IsEmpty() || by == automation.SourceSide && !e.sourceEmpty():
		e.to.Code, e.to.Reason = codeHeal, leftApartWords(e.Source.Label)
		e.carry()
	default:
		e.carryBack()
	}
}

// lastWord is the side an owner gives the last word; !ruled: neither has it.
func lastWord(o mapping.Owner) (by automation.Side, ruled bool) {
	switch o {
	case "", mapping.OwnerSource:
		return automation.SourceSide, true
	case mapping.OwnerTarget:
		return automation.TargetSide, true
	}
	return "", false
}

// from is the plan for one field of the source.
func (e *exchange) from(back *mapping.RowResult) automation.FieldPlan {
	f := field(back, automation.SourceSide, e.to.Field)
	f.Before = e.in.Source.Fields[back.Target.Key]
	f.After = f.Before
	return f
}

// sourceEmpty reports that none of the row's fields holds anything.
func (e *exchange) sourceEmpty() bool {
	for i := range e.backs {
		if !e.in.Source.Fields[e.backs[i].Target.Key].IsEmpty() {
			return false
		}
	}
	return true
}

// carryBack writes what the target gives to the source. Of several fields only those that change are written.
func (e *exchange) carryBack() {
	for i := range e.backs {
		if b := &e.backs[i]; b.Err != nil {
			e.problem(e.from(b), b.Err)
			return
		}
	}
	if !e.fill() {
		e.keep(true, "same", "The parts are the same on both sides.")
		return
	}
	e.agree(e.to.Field, e.to.Before)
}

// fill sets the fields of the source, and reports whether any is written.
func (e *exchange) fill() bool {
	wrote := false
	for i := range e.backs {
		b := &e.backs[i]
		f := e.from(b)
		if f.Action, f.After = automation.Set, b.Value; len(e.backs) > 1 {
			if record.Same(b.Target.Kind, f.Before, b.Value, e.locale) {
				continue
			}
			f.Offered = e.to.Before
		}
		e.add(f)
		wrote = true
	}
	return wrote
}

// decided carries out what a person chose, if anybody did.
func (e *exchange) decided() bool {
	choice, ok := e.chosen(e.to.Field, e.to.Kind, e.forth.Value, e.to.Before)
	if !ok {
		return false
	}
	switch choice.Take {
	case automation.TakeSource:
		e.carry()
	case automation.TakeTarget:
		e.carryBack()
	case automation.TakeValue:
		e.typed(choice.Value)
	}
	return true
}

// ask leaves a row to a person, of whose values one is gone from a record together with all others.
func (e *exchange) ask(label string) {
	if !e.decided() {
		e.keep(false, automation.CodeConflict, e.vanished(label))
	}
}

// apart decides a row that both sides moved to different values.
func (e *exchange) apart(met bool) {
	if e.decided() {
		return
	}
	if !met && e.Def.First == automation.FillEmpty {
		e.keep(true, codeFirstMeeting, "Different when the two met; left as it is. Edits from now on are carried.")
		return
	}
	switch e.forth.Row.Owner {
	case mapping.OwnerTarget:
		e.carryBack()
	case mapping.OwnerNewest:
		switch {
		case e.in.Source.UpdatedAt.IsZero() || e.in.Target.UpdatedAt.IsZero() || e.in.Source.UpdatedAt.Equal(e.in.Target.UpdatedAt):
			e.keep(false, automation.CodeConflict, "Changed on both sides, and nobody can say which is newer: somebody must choose.")
		case e.newer() == automation.TargetSide:
			e.carryBack()
		default:
			e.carry()
		}
	case mapping.OwnerAsk:
		e.keep(false, automation.CodeConflict, "Changed on both sides: somebody must choose.")
	default:
		e.carry()
	}
}

// typed writes a value a person typed to both sides, each in its own terms.
func (e *exchange) typed(v record.Value) {
	shown := *e.in.Target
	shown.Fields = record.Fields{e.to.Field: v}
	for _, b := range e.mapBack(shown, e.in.Source.Fields) {
		if b.Row.ID != e.forth.Row.ID || b.Err != nil {
			continue
		}
		if f := e.from(&b); !record.Same(b.Target.Kind, f.Before, b.Value, e.locale) {
			if f.Action, f.After = automation.Set, b.Value; len(e.backs) > 1 {
				f.Offered = v
			}
			e.add(f)
		}
	}
	e.agree(e.to.Field, v)
	if record.Same(e.to.Kind, e.to.Before, v, e.locale) {
		return
	}
	e.to.Action, e.to.After = automation.Set, v
	e.add(e.to)
}

// bothWaysSet merges sets by element, each against what that side last held: what one side gained the other gains, what
// one side lost the other loses. At a first meeting nothing is lost. One of the two may be a text that names the labels.
func (m *merger) bothWaysSet(forth, back *mapping.RowResult) {
	key := forth.Target.Key
	to, from := field(forth, automation.TargetSide, key), field(back, automation.SourceSide, key)
	to.Before, from.Before = m.in.Target.Fields[key], m.in.Source.Fields[back.Target.Key]
	to.After, from.After = to.Before, from.Before
	broken := func(f automation.FieldPlan, err error) {
		f.Action, f.Code, f.Reason = automation.Problem, "unmappable", err.Error()
		m.stand(key)
		m.add(f)
	}
	switch {
	case forth.Err != nil:
		broken(to, forth.Err)
		return
	case back.Err != nil:
		broken(from, back.Err)
		return
	}
	agreed, held, met := lastAgreed(m.in.Base, key)
	// there and here are the labels of both sides in the same terms, and own those of the source in its own; inOwn turns
	// the former into the latter.
	there, here, own := elements(forth.Value), elements(to.Before), elements(from.Before)
	asAgreed, asHeld := elements(agreed), elements(held)
	inOwn := func(labels []string) []string { return m.elementsBack(back, record.ListOf(labels)) }
	switch {
	case to.Kind != record.Set:
		there, here = own, elements(back.Value)
		asAgreed, asHeld = m.elementsBack(back, agreed), m.elementsBack(back, held)
		inOwn = slices.Clone[[]string]
	case from.Kind != record.Set:
		own, inOwn = there, slices.Clone[[]string]
	}
	left := leftLabels(m.in.Base, key, there, here)
	_, ruled := lastWord(forth.Row.Owner)
	healing := m.heals && ruled && len(left) > 0
	if met && !healing && agreed.Equal(forth.Value) && held.Equal(to.Before) {
		if len(left) > 0 {
			to.Action, to.Code, to.Reason, to.Offered = automation.Keep, codeTakenBack, takenBackWords, forth.Value
			m.stand(key)
			m.add(to)
			return
		}
		to.Action, to.Code, to.Reason = automation.Keep, "same", "Nothing to add or take away."
		m.agree(key, forth.Value)
		m.add(to)
		return
	}
	if !met && (m.Def.First == automation.LinkOnly || (m.Def.First == automation.FillEmpty || forth.Row.Owner == mapping.OwnerOnlyIfEmpty) && len(there) > 0 && len(here) > 0) {
		to.Action, to.Code, to.Reason, to.Offered = automation.Keep, codeFirstMeeting, "Different when the two met; left as it is. Edits from now on are carried.", forth.Value
		m.agree(key, forth.Value)
		m.add(to)
		return
	}
	gained, _ := record.SetDiff(there, asAgreed, nil) // new in the source
	lost, _ := record.SetDiff(asAgreed, there, nil)   // gone from the source
	gainedHere, _ := record.SetDiff(here, asHeld, nil)
	lostHere, _ := record.SetDiff(asHeld, here, nil)

	to.Add, _ = record.SetDiff(gained, here, nil)
	to.Remove = common(lost, here, gainedHere)
	// The source is changed in its own terms.
	from.Add, _ = record.SetDiff(inOwn(gainedHere), own, nil)
	from.Add, _ = record.SetDiff(from.Add, inOwn(to.Remove), nil)
	from.Remove = common(inOwn(lostHere), own, inOwn(gained))
	if healing {
		// Labels merge without loss, whoever has the last word: each side gets what it lacks.
		missing := inOwn(common(left, here, there))
		to.Add = slices.Concat(to.Add, common(left, there, slices.Concat(here, to.Add)))
		from.Add = slices.Concat(from.Add, common(missing, missing, slices.Concat(own, from.Add)))
		to.Code, to.Reason = codeHeal, leftApartWords(m.Source.Label)
		from.Code, from.Reason = codeHeal, leftApartWords(m.Target.Label)
	}

	hollow := ""
	switch {
	case len(to.Remove) > 0 && m.isHollow(automation.SourceSide):
		hollow = m.Source.Label
	case len(from.Remove) > 0 && m.isHollow(automation.TargetSide):
		hollow = m.Target.Label
	}
	if hollow != "" {
		choice, chosen := m.chosen(key, forth.Target.Kind, forth.Value, to.Before)
		to.Add, to.Remove, from.Add, from.Remove = nil, nil, nil, nil
		switch {
		case !chosen:
			to.Action, to.Code, to.Reason, to.Offered = automation.Keep, automation.CodeConflict, m.vanished(hollow), forth.Value
			m.stand(key)
			m.add(to)
			return
		case choice.Take == automation.TakeSource:
			to.Add, to.Remove = record.SetDiff(there, here, here)
		case choice.Take == automation.TakeTarget:
			from.Add, from.Remove = record.SetDiff(inOwn(here), own, own)
		default:
			want := elements(choice.Value)
			if to.Kind != record.Set {
				want = m.elementsBack(back, choice.Value)
			}
			to.Add, to.Remove = record.SetDiff(want, here, here)
			from.Add, from.Remove = record.SetDiff(inOwn(want), own, own)
		}
	}
	var writes []automation.FieldPlan
	for _, w := range []struct {
		f       automation.FieldPlan
		have    []string
		program *mapping.Program
		reads   string
	}{{to, here, m.program, back.Target.Key}, {from, own, m.Compiled.back, key}} {
		if len(w.f.Add)+len(w.f.Remove) == 0 {
			continue
		}
		if err := relabelled(&w.f, w.have, w.program, w.reads); err != nil {
			broken(w.f, err)
			return
		}
		writes = append(writes, w.f)
	}
	m.agree(key, forth.Value)
	for _, f := range writes {
		m.add(f)
	}
	if len(writes) == 0 {
		to.Add, to.Remove = nil, nil
		to.Action, to.Code, to.Reason = automation.Keep, "same", "Nothing to add or take away."
		m.add(to)
	}
}

// relabelled makes a field hold other labels: a set by element, and a text that names them as a whole, as the row gives it
// from the labels in reads.
func relabelled(f *automation.FieldPlan, have []string, program *mapping.Program, reads string) error {
	after := changedSet(have, f.Add, f.Remove)
	if f.Kind == record.Set {
		f.Action, f.After = automation.AddTo, after
		return nil
	}
	f.Action, f.Add, f.Remove = automation.Set, nil, nil
	for _, r := range program.Apply(record.Fields{reads: after}).Rows {
		switch {
		case r.Row.ID != f.Row:
		case r.Err != nil:
			return r.Err
		default:
			f.After = r.Value
		}
	}
	return nil
}

// elementsBack are the labels of the source that a value of the target gives.
func (m *merger) elementsBack(back *mapping.RowResult, there record.Value) []string {
	if there.IsEmpty() {
		return nil
	}
	for _, r := range m.Compiled.back.Apply(record.Fields{back.Row.Sources[0]: there}).Rows {
		if r.Row.ID == back.Row.ID && r.Err == nil {
			return elements(r.Value)
		}
	}
	return nil
}

// common are the labels of have, in its spelling, that are also in some and not in but.
func common(some, have, but []string) []string {
	_, out := record.SetDiff(but, have, some)
	return out
}

func changedSet(have, add, remove []string) record.Value {
	after := make([]string, 0, len(have)+len(add))
	gone := map[string]bool{}
	for _, e := range remove {
		gone[strings.ToLower(e)] = true
	}
	for _, e := range have {
		if !gone[strings.ToLower(e)] {
			after = append(after, e)
		}
	}
	return record.ListOf(append(after, add...))
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

// Answers are the records as the providers answered to the writes of a plan done so far; nil: not written.
type Answers struct{ Target, Source *record.Record }

// Remember is what the link remembers after the writes done so far: of a field that was written, what the provider
// made of it, since it may trim or re-format; of any other what was read, since an answer may hold an edit made in
// between, which nobody has looked at yet. Rows whose write is still to come stay as they were.
func (c *Compiled) Remember(p automation.Plan, in Input, done Answers) (mapped, held record.Fields) {
	mapped = p.Base.Clone()
	held = make(record.Fields, len(mapped))
	asBefore := func(key string) {
		old, oldHeld, met := lastAgreed(in.Base, key)
		if !met {
			delete(mapped, key)
			delete(held, key)
			return
		}
		mapped[key], held[key] = old, oldHeld
		if wasTakenBack(in.Base, key) {
			held[takenBackKey(key)] = in.Base.Target[takenBackKey(key)]
		}
	}
	source, target, odd, waiting := c.composed(p, in, done)
	for _, key := range p.Apart {
		asBefore(key)
	}
	for _, r := range c.Map(source) {
		key := r.Target.Key
		if _, agreed := mapped[key]; !agreed || slices.Contains(p.Apart, key) {
			continue
		}
		if held[key] = target.Fields[key]; r.Err == nil {
			mapped[key] = r.Value
		}
	}
	for _, r := range c.MapBack(target) {
		key := automation.BackKey(r.Target.Key)
		if _, agreed := mapped[key]; !agreed || slices.Contains(p.Apart, key) {
			continue
		}
		if held[key] = source.Fields[r.Target.Key]; r.Err == nil {
			mapped[key] = r.Value
		}
	}
	for key := range labelsTakenBack(in.Base) {
		if left := leftLabels(in.Base, key, elements(mapped[key]), elements(held[key])); len(left) > 0 {
			held[takenBackKey(key)] = record.ListOf(left) // whatever was carried of the others
		}
	}
	for _, key := range waiting {
		asBefore(key)
	}
	for key, n := range odd {
		held[key] = n
	}
	return mapped, held
}

// taken is what a provider took of a set: what was there when we looked and what we brought. Labels a person added in
// between are in the answer too, and are not ours to have agreed on.
func taken(f automation.FieldPlan, answer record.Value) record.Value {
	known := slices.Concat(elements(f.Before), f.Add)
	return record.ListOf(common(known, elements(answer), nil))
}

// composed are both records as far as anybody has looked at them: as they were read, with what was written as the
// provider holds it. Whatever else an answer holds may be an edit made in between. odd counts, for the memory, the odd
// answers in a row; waiting are the base keys whose write is still to come.
func (c *Compiled) composed(p automation.Plan, in Input, done Answers) (source, target record.Record, odd record.Fields, waiting []string) {
	source, target, odd = in.Source, record.Record{Fields: record.Fields{}}, record.Fields{}
	if in.Target != nil {
		target = *in.Target
	}
	source.Fields, target.Fields = source.Fields.Clone(), target.Fields.Clone()
	if in.Base != nil {
		for key, v := range in.Base.Target {
			if strings.HasPrefix(key, oddKey("")) {
				odd[key] = v
			}
		}
	}
	for _, f := range p.Fields {
		if f.Action != automation.Set && f.Action != automation.AddTo {
			continue
		}
		answer, into := done.Target, target.Fields
		if f.Side == automation.SourceSide {
			answer, into = done.Source, source.Fields
		}
		if answer == nil {
			waiting = append(waiting, f.BaseKey())
			continue
		}
		if f.Action == automation.AddTo {
			into[f.Field] = taken(f, answer.Fields[f.Field])
			continue
		}
		key := oddKey(f.BaseKey())
		before, _ := odd[key].AsNumber()
		v, isOdd := c.kept(f, answer.Fields[f.Field], int(before))
		into[f.Field] = v
		if delete(odd, key); isOdd {
			odd[key] = record.NumberOf(before + 1)
		}
	}
	return source, target, odd, waiting
}

// Met is what the link remembers of a source record that was made from its counterpart just now; made is the plan, of
// the definition seen from the other side.
func (c *Compiled) Met(made automation.Plan, in Input, answer record.Record) (mapped, held record.Fields) {
	_, source, odd, _ := c.flipped.composed(made, in, Answers{Target: &answer})
	target := in.Source
	mapped, held = record.Fields{}, odd
	forth := byRow(c.Map(source))
	for _, b := range c.MapBack(target) {
		if b.Err != nil {
			continue
		}
		if b.Row.Direction != mapping.Both {
			key := automation.BackKey(b.Target.Key)
			mapped[key], held[key] = b.Value, source.Fields[b.Target.Key]
			continue
		}
		if r := forth[b.Row.ID]; r != nil && r.Err == nil {
			mapped[r.Target.Key], held[r.Target.Key] = r.Value, target.Fields[r.Target.Key]
		}
	}
	return mapped, held
}
