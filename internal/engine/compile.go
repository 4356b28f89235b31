package engine

import (
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
	// NeedsOneOf lists target fields of which a create needs at least one.
	NeedsOneOf []string
	// Problems found on the way; a definition with an Error cannot be switched on, yet can be dry-run.
	MappingProblems []mapping.Problem
	RuleProblems    []rule.Problem

	program *mapping.Program
	rule    *rule.Program
	locale  record.Locale
	byField map[string]int // target field → row index of the program
}

// Compile parses a definition against both schemas. It never fails: what is wrong becomes Problems.
func Compile(a automation.Automation, source, target record.Schema, object provider.Object) *Compiled {
	c := &Compiled{
		ID: a.ID, Version: a.Version, Def: a.Definition,
		Source: source, Target: target,
		NeedsOneOf: object.CreateNeedsOneOf,
		locale:     a.Definition.Locale(),
		byField:    map[string]int{},
	}
	c.program, c.MappingProblems = a.Definition.Mapping.Compile(source, target, c.locale)
	c.rule, c.RuleProblems = a.Definition.Rule.Compile(source, c.locale)
	return c
}

// Judge says whether the rule lets a source record through, and why.
func (c *Compiled) Judge(source record.Record) rule.Verdict { return c.rule.Evaluate(source.Fields) }

// Map applies the mapping's rows to a source record.
func (c *Compiled) Map(source record.Record) []mapping.RowResult {
	return c.program.Apply(source.Fields).Rows
}

// Moved reports whether any mapped value differs from what was last agreed; without an agreement of this
// very version everything has.
func (c *Compiled) Moved(rows []mapping.RowResult, base *automation.Base) bool {
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

// Key is one value a counterpart can be looked up by.
type Key struct {
	Field record.FieldSpec // of the target
	Value record.Value
}

// Keys gives the values to look the counterpart up by, best evidence first. Where the mapping writes the
// match field the mapped value is used, so that we look for what we would write.
func (c *Compiled) Keys(source record.Record, rows []mapping.RowResult) []Key {
	keys := make([]Key, 0, len(c.Def.Match))
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
		keys = append(keys, Key{Field: spec, Value: v})
	}
	return keys
}

// Normal is the comparable form of a value of a target field.
func (c *Compiled) Normal(spec record.FieldSpec, v record.Value) string {
	return record.Normalise(spec.Kind, v, c.locale)
}
