package engine

import (
	"cmp"
	"strings"

	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

// Unfit says why a definition cannot be carried out as it is, or nothing. It is asked wherever one is switched on or put live.
func (c *Compiled) Unfit() string {
	keys := ""
	for _, p := range c.KeyProblems() {
		if p.Key == EveryKey {
			keys = strings.TrimSpace(p.Message + " " + p.Suggestion)
			break
		}
	}
	return cmp.Or(c.UnfitMapping(), keys, c.UnfitRule())
}

// UnfitMapping says why the mapping cannot be carried out, or nothing.
func (c *Compiled) UnfitMapping() string {
	if len(c.Def.Mapping.Rows) == 0 {
		return "Nothing is mapped yet."
	}
	for _, p := range c.MappingProblems {
		if p.Severity == mapping.Error {
			return strings.TrimSpace(p.Message + " " + p.Suggestion)
		}
	}
	return c.Lacking()
}

// UnfitRule says why the conditions cannot be judged, or nothing.
func (c *Compiled) UnfitRule() string {
	if len(c.RuleProblems) == 0 {
		return ""
	}
	p := c.RuleProblems[0]
	return strings.TrimSpace(p.Message + " " + p.Suggestion)
}

// Lacking says that records would be made of which nothing fills a field they need, or nothing: each would be refused.
func (c *Compiled) Lacking() string {
	words := c.lacks()
	if c.flipped != nil {
		words = cmp.Or(words, c.flipped.lacks())
	}
	return words
}

func (c *Compiled) lacks() string {
	if !c.Def.Create {
		return ""
	}
	var need []record.FieldSpec
	for _, key := range c.NeedsOneOf {
		if _, filled := c.Def.Mapping.RowFor(key); filled {
			return ""
		}
		if f, ok := c.Target.Field(key); ok {
			need = append(need, f)
		}
	}
	if len(need) == 0 {
		return ""
	}
	return "A new " + c.Target.Label + " needs " + labelsOf(need) + ", and nothing fills it."
}
