package automation

import (
	"maps"
	"reflect"
	"slices"

	"crosswalk/internal/mapping"
	"crosswalk/internal/rule"
)

// Area is a part of a definition that can differ.
type Area string

// The areas, in the order differences are listed.
const (
	AreaSource       Area = "source"
	AreaTarget       Area = "target"
	AreaTrigger      Area = "trigger"
	AreaRule         Area = "rule"
	AreaRow          Area = "row"
	AreaOrder        Area = "order" // the same rows, listed otherwise
	AreaMatch        Area = "match"
	AreaCreate       Area = "create"
	AreaCreateSource Area = "create_source"
	AreaUpdate       Area = "update"
	AreaFirst        Area = "first"
	AreaDeletes      Area = "deletes"
	AreaLimits       Area = "limits"
	AreaCalls        Area = "calls"
	AreaRegion       Area = "region"
)

// Aspect is what about a row changed.
type Aspect string

// The aspects of a row.
const (
	AspectSources   Aspect = "sources"
	AspectTarget    Aspect = "target"
	AspectSteps     Aspect = "steps"
	AspectBack      Aspect = "back"
	AspectDirection Aspect = "direction"
	AspectOwner     Aspect = "owner"
	AspectClear     Aspect = "clear"
)

// Difference is one thing in which two definitions differ. What the two say is read from the definitions; of rows both
// are at hand here: Before is nil for one that was added, After for one that was removed.
type Difference struct {
	Area          Area
	Before, After *mapping.Row
	Aspects       []Aspect // of a row both have
}

// Diff lists in what b differs from a, a thing per entry, rows in their order. Two ways to say the same, as a default
// that is left out and one that is written down, are no difference.
func Diff(a, b Definition) []Difference {
	var out []Difference
	add := func(area Area, same bool) {
		if !same {
			out = append(out, Difference{Area: area})
		}
	}
	add(AreaSource, a.Source == b.Source && a.Mapping.Source == b.Mapping.Source)
	add(AreaTarget, a.Target == b.Target && a.Mapping.Target == b.Mapping.Target)
	add(AreaTrigger, a.Trigger.Object == b.Trigger.Object && slices.Equal(a.Trigger.On, b.Trigger.On))
	add(AreaRule, sameRule(a.Rule, b.Rule))
	out = append(out, diffRows(a.Mapping.Rows, b.Mapping.Rows)...)
	add(AreaMatch, slices.Equal(a.Match, b.Match))
	add(AreaCreate, a.Create == b.Create)
	add(AreaCreateSource, a.CreateSource == b.CreateSource)
	add(AreaUpdate, a.Update == b.Update)
	add(AreaFirst, a.First == b.First)
	add(AreaDeletes, sameDeletes(a, b))
	add(AreaLimits, sameLimits(a.Limits, b.Limits))
	add(AreaCalls, a.SaveCalls == b.SaveCalls)
	add(AreaRegion, a.Locale() == b.Locale())
	return out
}

func sameLimits(a, b Limits) bool { return a.Effective() == b.Effective() }

func sameDeletes(a, b Definition) bool {
	one, other := a.Deletes, b.Deletes
	one.On, other.On = a.DeletedOn(), b.DeletedOn()
	return one == other
}

func sameRule(a, b rule.Rule) bool {
	if a.IsEmpty() || b.IsEmpty() {
		return a.IsEmpty() == b.IsEmpty()
	}
	return reflect.DeepEqual(a.Numbered(), b.Numbered())
}

func diffRows(a, b []mapping.Row) []Difference {
	find := func(rows []mapping.Row, id string) int {
		return slices.IndexFunc(rows, func(r mapping.Row) bool { return r.ID == id })
	}
	var out []Difference
	var kept []int // where rows of both stand in a, as b lists them
	for i := range b {
		n := find(a, b[i].ID)
		if n < 0 {
			out = append(out, Difference{Area: AreaRow, After: &b[i]})
			continue
		}
		kept = append(kept, n)
		if aspects := rowAspects(a[n], b[i]); len(aspects) > 0 {
			out = append(out, Difference{Area: AreaRow, Before: &a[n], After: &b[i], Aspects: aspects})
		}
	}
	for i := range a {
		if find(b, a[i].ID) < 0 {
			out = append(out, Difference{Area: AreaRow, Before: &a[i]})
		}
	}
	if !slices.IsSorted(kept) {
		out = append(out, Difference{Area: AreaOrder})
	}
	return out
}

func rowAspects(a, b mapping.Row) []Aspect {
	var out []Aspect
	add := func(aspect Aspect, same bool) {
		if !same {
			out = append(out, aspect)
		}
	}
	add(AspectSources, slices.Equal(a.Sources, b.Sources))
	add(AspectTarget, a.Target == b.Target)
	add(AspectSteps, slices.EqualFunc(a.Steps, b.Steps, sameStep))
	add(AspectBack, (a.Back == nil) == (b.Back == nil) && slices.EqualFunc(a.Back, b.Back, sameStep))
	add(AspectDirection, a.Leads() == b.Leads())
	add(AspectOwner, a.HasLastWord() == b.HasLastWord())
	add(AspectClear, a.ClearWhenEmpty == b.ClearWhenEmpty)
	return out
}

// sameStep compares two steps with what they leave to defaults written out.
func sameStep(a, b mapping.Step) bool {
	return a.Use == b.Use && maps.Equal(spelled(a), spelled(b))
}

func spelled(s mapping.Step) map[string]string {
	with := map[string]string{}
	if t, ok := mapping.FindTransform(s.Use); ok {
		for _, p := range t.Params {
			with[p.Name] = p.Default
		}
	}
	maps.Copy(with, s.With)
	return with
}
