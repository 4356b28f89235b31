package engine_test

import (
	"fmt"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

// twelveRows is a two-way automation of a usual size, with a pair that agrees but for one field.
func twelveRows() (*engine.Compiled, engine.Input) {
	from := record.Schema{Type: record.Contact, Label: "HighLevel contact"}
	to := record.Schema{Type: record.Contact, Label: "Gleap contact"}
	d := definition()
	d.Mapping.Rows = nil
	source, target, mapped, held := record.Fields{}, record.Fields{}, record.Fields{}, record.Fields{}
	add := func(key string, kind record.Kind, v record.Value, steps ...mapping.Step) {
		from.Fields = append(from.Fields, record.FieldSpec{Key: key, Label: key, Kind: kind})
		to.Fields = append(to.Fields, record.FieldSpec{Key: key, Label: key, Kind: kind})
		d.Mapping.Rows = append(d.Mapping.Rows, mapping.Row{ID: key, Sources: []string{key}, Target: key, Direction: mapping.Both, Steps: steps})
		source[key], target[key], mapped[key], held[key] = v, v, v, v
	}
	for i := range 8 {
		add(fmt.Sprintf("text%d", i), record.Text, record.TextOf("some words of a usual length"))
	}
	add("email", record.Email, record.TextOf("jane@acme.io"), mapping.Step{Use: "trim"}, mapping.Step{Use: "text_case", With: map[string]string{"to": "lower"}})
	add("phone", record.Phone, record.TextOf("+14155550133"))
	add("seats", record.Number, record.NumberOf(12))
	add("tags", record.Set, record.ListOf([]string{"vip", "beta", "gold"}))
	target["text3"] = record.TextOf("edited by somebody")
	c := engine.Compile(automation.Automation{ID: "au_1", Version: 1, Definition: d}, engine.Side{Schema: from}, engine.Side{Schema: to, Object: object})
	link, base := agreed(mapped, held)
	return c, engine.Input{Source: sourceOf(source), Target: targetOf(target), Link: link, Base: base, Identity: automation.Identity{How: automation.ByLink}}
}

func BenchmarkPlanTwelveTwoWayRows(b *testing.B) {
	c, in := twelveRows()
	if p := c.Plan(in); len(p.On(automation.SourceSide)) != 1 {
		b.Fatalf("%+v", p)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Plan(in)
	}
}
