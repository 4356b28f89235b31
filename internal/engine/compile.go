package engine

import (
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// Compiled is a definition made ready to plan with: parsed once, used for every record. Safe for concurrent use.
type Compiled struct {
	ID      automation.ID
	Version int
	Def     automation.Definition
	Source  record.Schema
	Target  record.Schema
	// SourceObject and TargetObject say what the providers can do with the two.
	SourceObject, TargetObject provider.Object
	// NeedsOneOf lists target fields of which a create needs at least one.
	NeedsOneOf []string
	// Problems found on the way; a definition with an Error cannot be switched on, yet can be dry-run.
	MappingProblems []mapping.Problem
	RuleProblems    []rule.Problem

	program *mapping.Program
	back    *mapping.Program // rows that fill the source; nil when none does
	flipped *Compiled        // the definition seen from the other side; nil when no row leads back
	turned  *Compiled        // of a flipped one, the definition as it is written
	rule    *rule.Program
	locale  record.Locale
	heals   bool // what was edited on a side that does not own it is brought back
}

// Side is what a definition needs to know of one of its ends: the fields, and what the provider can do.
type Side struct {
	Schema record.Schema
	Object provider.Object
}

// Compile parses a definition against both sides. It never fails: what is wrong becomes Problems.
func Compile(a automation.Automation, source, target Side) *Compiled {
	c := compileOneWay(a, a.Definition, source, target)
	c.rule, c.RuleProblems = a.Definition.Rule.Compile(source.Schema, c.locale)
	if !a.Definition.TwoWay() {
		return c
	}
	c.flipped = compileOneWay(a, a.Definition.Flipped(), target, source)
	c.flipped.turned = c
	c.flipped.rule, _ = rule.Rule{}.Compile(target.Schema, c.locale)
	c.back = c.flipped.program
	for _, p := range c.flipped.MappingProblems {
		// Only where a source record would be made must everything it needs be filled.
		if p.Code == "required" && !a.Definition.CreateSource {
			continue
		}
		if p.Severity == mapping.Error && !slices.ContainsFunc(c.MappingProblems, func(had mapping.Problem) bool { return had.Code == p.Code && had.RowID == p.RowID }) {
			p.Fix = nil
			c.MappingProblems = append(c.MappingProblems, p)
		}
	}
	return c
}

func compileOneWay(a automation.Automation, d automation.Definition, source, target Side) *Compiled {
	c := &Compiled{
		ID: a.ID, Version: a.Version, Def: d,
		Source: source.Schema, Target: target.Schema, SourceObject: source.Object, TargetObject: target.Object,
		NeedsOneOf: target.Object.CreateNeedsOneOf,
		locale:     d.Locale(),
	}
	c.program, c.MappingProblems = d.Mapping.Compile(c.Source, c.Target, c.locale)
	return c
}

// TwoWay reports whether changes of the target are carried to the source.
func (c *Compiled) TwoWay() bool { return c.flipped != nil }

// MapBack applies the rows that fill the source to a target record, as for a source record that is yet to be made.
func (c *Compiled) MapBack(target record.Record) []mapping.RowResult { return c.mapBack(target, nil) }

// mapBack is MapBack for a source record that holds onto: a joined value is taken apart as its parts are there.
func (c *Compiled) mapBack(target record.Record, onto record.Fields) []mapping.RowResult {
	if c.back == nil {
		return nil
	}
	return c.back.ApplyOnto(target.Fields, onto).Rows
}

// Judge says whether the rule lets a source record through, and why.
func (c *Compiled) Judge(source record.Record) rule.Verdict { return c.rule.Evaluate(source.Fields) }

// Map applies the mapping's rows to a source record.
func (c *Compiled) Map(source record.Record) []mapping.RowResult {
	return c.program.Apply(source.Fields).Rows
}

// Moved reports whether any mapped value differs from what was last agreed; without an agreement of this
// very version everything has.
//
// Of a two-way definition the other side may have moved too, which only reading it tells.
func (c *Compiled) Moved(rows []mapping.RowResult, base *automation.Base) bool {
	if c.TwoWay() {
		return true
	}
	if base == nil || base.Link == "" || base.Version != c.Version {
		return true
	}
	for _, r := range rows {
		if r.Err != nil {
			return true
		}
		agreed, known := base.Fields[r.Target.Key]
		if !known && !r.Value.IsEmpty() {
			return true
		}
		if !record.Same(r.Target.Kind, agreed, r.Value, c.locale) {
			return true
		}
	}
	return false
}

// MatchValue is one value a counterpart can be looked up by.
type MatchValue struct {
	Field record.FieldSpec // of the target
	Value record.Value
}

// Keys gives the values to look the counterpart up by, best evidence first. Where the mapping writes the
// match field the mapped value is used, so that we look for what we would write.
func (c *Compiled) Keys(source record.Record, rows []mapping.RowResult) []MatchValue {
	keys := make([]MatchValue, 0, len(c.Def.Match))
	for _, m := range c.Def.Match {
		spec, ok := c.Target.Field(m.Target)
		if !ok {
			continue
		}
		v, err := record.Coerce(source.Fields[m.Source], spec, c.locale)
		for _, r := range rows {
			if r.Target.Key == m.Target && r.Err == nil && !r.Value.IsEmpty() {
				v, err = r.Value, nil
			}
		}
		if err != nil || v.IsEmpty() {
			continue
		}
		keys = append(keys, MatchValue{Field: spec, Value: v})
		if own, ok := c.Source.Field(m.Source); ok {
			keys = c.furtherKeys(keys, own, source.Fields, spec)
		}
	}
	return keys
}

// furtherKeys adds the further values of a field to the keys, for a record that answers to several addresses may be known
// by any of them.
func (c *Compiled) furtherKeys(keys []MatchValue, own record.FieldSpec, in record.Fields, to record.FieldSpec) []MatchValue {
	for _, one := range furtherOf(own, in) {
		v, err := record.Coerce(record.TextOf(one), to, c.locale)
		known := slices.ContainsFunc(keys, func(k MatchValue) bool { return k.Field.Key == to.Key && record.Same(to.Kind, k.Value, v, c.locale) })
		if err == nil && !v.IsEmpty() && !known {
			keys = append(keys, MatchValue{Field: to, Value: v})
		}
	}
	return keys
}

// furtherOf are the other values of a field that a record answers to.
func furtherOf(spec record.FieldSpec, in record.Fields) []string {
	if spec.Further == "" {
		return nil
	}
	return elements(in[spec.Further])
}

// isFurther reports whether a record answers to a value besides the one its field holds.
func (c *Compiled) isFurther(spec record.FieldSpec, in record.Fields, v record.Value) bool {
	return !v.IsEmpty() && slices.ContainsFunc(furtherOf(spec, in), func(one string) bool {
		return record.Same(spec.Kind, record.TextOf(one), v, c.locale)
	})
}

// Normal is the comparable form of a value of a target field.
func (c *Compiled) Normal(spec record.FieldSpec, v record.Value) string {
	return record.Normalise(spec.Kind, v, c.locale)
}

// KeysBack gives the values to look a source record up by, from its counterpart.
func (c *Compiled) KeysBack(target record.Record) []MatchValue {
	keys := make([]MatchValue, 0, len(c.Def.Match))
	for _, m := range c.Def.Match {
		spec, ok := c.Source.Field(m.Source)
		if !ok {
			continue
		}
		if v, err := record.Coerce(target.Fields[m.Target], spec, c.locale); err == nil && !v.IsEmpty() {
			keys = append(keys, MatchValue{Field: spec, Value: v})
		}
		if there, ok := c.Target.Field(m.Target); ok {
			keys = c.furtherKeys(keys, there, target.Fields, spec)
		}
	}
	return keys
}
