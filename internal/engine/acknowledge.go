package engine

import (
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// acknowledge gives the base as it would be had writes that were never answered been answered, as far as the records
// show that they happened: or our own value would be taken for an edit. A field that holds neither what was there before
// nor what we asked for was written by us and edited since. The base that is stored does not change by this.
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
			known = true
			key, value := f.BaseKey(), now
			if !alike(now, f.After) {
				value = f.After
			}
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

// alike forgives what a provider may do to a text it is given: case, and space anywhere.
func alike(a, b record.Value) bool {
	bare := func(v record.Value) string { return strings.ToLower(strings.Join(strings.Fields(v.String()), "")) }
	return bare(a) == bare(b)
}

// gives is what a value of a source field gives its row's target field: the whole, of one that was taken apart.
func (c *Compiled) gives(f automation.FieldPlan, v record.Value) (record.Value, bool) {
	if row, ok := c.Def.Mapping.RowByID(f.Row); ok && row.Joins() {
		return f.Whole, true
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
