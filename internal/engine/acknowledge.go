package engine

import (
	"slices"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

// acknowledge gives the base as it would be had writes that were never answered been answered, as far as the records
// show that they happened: or our own value would be taken for an edit. The base that is stored does not change by this.
//
// A field that holds neither what was there before nor what we asked for was edited by a person after we had looked, so
// that edit is newer than the one we were carrying. Whether they typed over ours or ours never arrived nobody can tell.
// It counts as typed over ours, so that the older edit does not win; but where the row's owner is a person, that person
// is asked, as about any two edits that may not know of each other.
func (c *Compiled) acknowledge(at found, source record.Record, open []automation.Change) *automation.Base {
	if at.target == nil || len(open) == 0 {
		return at.base
	}
	base := automation.Base{Link: "unanswered", Fields: record.Fields{}, Target: record.Fields{}}
	if at.base != nil && at.base.Link != "" {
		base = *at.base
		base.Fields, base.Target = base.Fields.Clone(), base.Target.Clone()
	}
	known := false
	for _, ch := range open {
		holds := at.target.Fields
		switch {
		case ch.Op != automation.Update && ch.Op != automation.Create:
			continue
		case ch.Target == source.Ref:
			holds = source.Fields
		case ch.Target.ID != "" && ch.Target != at.target.Ref:
			continue
		}
		side := c.side(ch.Target)
		for _, f := range ch.Fields {
			if f.Action == automation.AddTo {
				known = acknowledgeSet(&base, f, holds[f.Field]) || known
				continue
			}
			now := holds[f.Field]
			if f.Action != automation.Set || !record.Same(f.Kind, now, f.After, c.locale) && record.Same(f.Kind, now, f.Before, c.locale) {
				continue
			}
			if c.agreedSince(at.base, ch, f, side, now) {
				continue
			}
			key, value := f.BaseKey(), now
			if !alike(now, f.After) {
				if ch.Op == automation.Update && (c.askedFor(open, ch, f, now) || c.asks(f)) {
					continue
				}
				value = f.After
			}
			known = true
			if side == automation.SourceSide && f.Key != automation.BackKey(f.Field) {
				// A two-way row that filled the source: both sides then held what the source gives back.
				if v, ok := c.gives(f, value); ok {
					base.Fields[key], base.Target[key] = v, v
				}
				continue
			}
			base.Fields[key], base.Target[key] = f.After, value
		}
	}
	if !known {
		return at.base
	}
	return &base
}

// agreedSince reports that both sides agreed on what a field holds after a write to it was sent: whatever became of that
// write, it is past.
func (c *Compiled) agreedSince(base *automation.Base, ch automation.Change, f automation.FieldPlan, side automation.Side, now record.Value) bool {
	if base == nil || !base.AgreedAt.After(ch.IntendedAt) {
		return false
	}
	key := f.BaseKey()
	if side == automation.SourceSide && f.Key != automation.BackKey(f.Field) {
		v, ok := c.gives(f, now)
		agreed, met := base.Fields[key]
		return ok && met && record.Same(f.Kind, agreed, v, c.locale)
	}
	held, met := base.Target[key]
	return met && record.Same(f.Kind, held, now, c.locale)
}

// askedFor reports that a value is what another of the writes without an answer asked for: then it is ours, and late.
func (c *Compiled) askedFor(open []automation.Change, but automation.Change, f automation.FieldPlan, now record.Value) bool {
	return slices.ContainsFunc(open, func(ch automation.Change) bool {
		return ch.ID != but.ID && ch.Target == but.Target && slices.ContainsFunc(ch.Fields, func(other automation.FieldPlan) bool {
			return other.Field == f.Field && other.Action == automation.Set && record.Same(f.Kind, now, other.After, c.locale)
		})
	})
}

// asks reports that a person decides where both sides moved a field apart.
func (c *Compiled) asks(f automation.FieldPlan) bool {
	row, ok := c.Def.Mapping.RowByID(f.Row)
	return ok && row.Owner == mapping.OwnerAsk
}

// alike forgives what a provider may do to a text it is given: case, and space anywhere.
func alike(a, b record.Value) bool {
	bare := func(v record.Value) string { return strings.ToLower(strings.Join(strings.Fields(v.String()), "")) }
	return bare(a) == bare(b)
}

// gives is what a value of a source field gives its row's target field: the whole, of one that was taken apart.
func (c *Compiled) gives(f automation.FieldPlan, v record.Value) (record.Value, bool) {
	if row, ok := c.Def.Mapping.RowByID(f.Row); ok && row.Joins() {
		return f.Offered, true
	}
	for _, r := range c.program.Apply(record.Fields{f.Field: v}).Rows {
		if r.Row.ID == f.Row {
			return r.Value, r.Err == nil
		}
	}
	return record.Value{}, false
}

func acknowledgeSet(base *automation.Base, f automation.FieldPlan, now record.Value) bool {
	have, key := elements(now), f.BaseKey()
	added := common(f.Add, have, nil)
	var removed []string
	for _, e := range f.Remove {
		if len(common([]string{e}, have, nil)) == 0 {
			removed = append(removed, e)
		}
	}
	if len(added)+len(removed) == 0 {
		return false
	}
	merge := func(v record.Value) record.Value {
		fresh, _ := record.SetDiff(added, elements(v), nil)
		return changedSet(elements(v), fresh, removed)
	}
	base.Fields[key], base.Target[key] = merge(base.Fields[key]), merge(base.Target[key])
	return true
}
