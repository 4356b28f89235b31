package automation_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

func contacts() automation.Definition {
	return automation.Definition{
		Source:  automation.Endpoint{Provider: "gleap", Connection: "cn_1", Object: record.Contact},
		Target:  automation.Endpoint{Provider: "highlevel", Connection: "cn_2", Object: record.Contact},
		Trigger: rule.Trigger{Object: record.Contact, On: []string{"created", "updated"}},
		Rule:    rule.Rule{Root: rule.Node{Op: rule.And, Nodes: []rule.Node{{Field: "plan", Operator: "equals", Value: "pro"}}}},
		Mapping: mapping.Mapping{Source: record.Contact, Target: record.Contact, Rows: []mapping.Row{
			{ID: "r1", Sources: []string{"email"}, Target: "email", Steps: []mapping.Step{{Use: "trim"}}},
			{ID: "r2", Sources: []string{"name"}, Target: "firstName", Steps: []mapping.Step{{Use: "split_name", With: map[string]string{"part": "first"}}}},
		}},
		Match:  []automation.MatchKey{{Source: "email", Target: "email", Kind: record.Email}},
		Create: true, Update: true, Region: "US",
	}
}

func TestDiffTellsWhatChanged(t *testing.T) {
	t.Parallel()
	row := func(change func(*mapping.Row)) func(*automation.Definition) {
		return func(d *automation.Definition) { change(&d.Mapping.Rows[1]) }
	}
	cases := []struct {
		name   string
		change func(*automation.Definition)
		want   []string // area, or the aspects of a row
	}{
		{"nothing", func(*automation.Definition) {}, nil},
		{"the source account", func(d *automation.Definition) { d.Source.Connection = "cn_3" }, []string{"source"}},
		{"the target account", func(d *automation.Definition) { d.Target.Connection = "cn_3" }, []string{"target"}},
		{"the trigger", func(d *automation.Definition) { d.Trigger.On = []string{"created"} }, []string{"trigger"}},
		{"the rule", func(d *automation.Definition) { d.Rule.Root.Nodes[0].Value = "free" }, []string{"rule"}},
		{"no rule any more", func(d *automation.Definition) { d.Rule = rule.Rule{} }, []string{"rule"}},
		{"a rule numbered is the same", func(d *automation.Definition) { d.Rule = d.Rule.Numbered() }, nil},
		{"a row added", func(d *automation.Definition) {
			d.Mapping.Rows = append(d.Mapping.Rows, mapping.Row{ID: "r3", Sources: []string{"phone"}, Target: "phone"})
		}, []string{"+r3"}},
		{"a row removed", func(d *automation.Definition) { d.Mapping = d.Mapping.Remove("r1") }, []string{"-r1"}},
		{"rows in another order", func(d *automation.Definition) {
			d.Mapping.Rows[0], d.Mapping.Rows[1] = d.Mapping.Rows[1], d.Mapping.Rows[0]
		}, []string{"order"}},
		{"a row's source", row(func(r *mapping.Row) { r.Sources = []string{"nick"} }), []string{"r2 sources"}},
		{"a row's target", row(func(r *mapping.Row) { r.Target = "lastName" }), []string{"r2 target"}},
		{"a row's steps", row(func(r *mapping.Row) { r.Steps[0].With = map[string]string{"part": "last"} }), []string{"r2 steps"}},
		{"a default left out", row(func(r *mapping.Row) { r.Steps[0].With = nil }), nil},
		{"a row's way back", row(func(r *mapping.Row) { r.Back = []mapping.Step{{Use: "trim"}} }), []string{"r2 back"}},
		{"back as it is", row(func(r *mapping.Row) { r.Back = []mapping.Step{} }), []string{"r2 back"}},
		{"a row's direction", row(func(r *mapping.Row) { r.Direction = mapping.Both }), []string{"r2 direction"}},
		{"a direction written out", row(func(r *mapping.Row) { r.Direction = mapping.ToTarget }), nil},
		{"a row turned round has another last word", row(func(r *mapping.Row) { r.Direction = mapping.ToSource }), []string{"r2 direction", "r2 owner"}},
		{"a row's owner", row(func(r *mapping.Row) { r.Owner = mapping.OwnerAsk }), []string{"r2 owner"}},
		{"an owner written out", row(func(r *mapping.Row) { r.Owner = mapping.OwnerSource }), nil},
		{"emptying", row(func(r *mapping.Row) { r.ClearWhenEmpty = true }), []string{"r2 clear"}},
		{"match keys", func(d *automation.Definition) { d.Match = nil }, []string{"match"}},
		{"create", func(d *automation.Definition) { d.Create = false }, []string{"create"}},
		{"create in the source", func(d *automation.Definition) { d.CreateSource = true }, []string{"create_source"}},
		{"update", func(d *automation.Definition) { d.Update = false }, []string{"update"}},
		{"first meeting", func(d *automation.Definition) { d.First = automation.FillEmpty }, []string{"first"}},
		{"deletes", func(d *automation.Definition) { d.Deletes.Policy = automation.DeleteUnlink }, []string{"deletes"}},
		{"which deletions count", func(d *automation.Definition) { d.Deletes.On = automation.DeletedOnTarget }, []string{"deletes"}},
		{"which deletions count, written out", func(d *automation.Definition) { d.Deletes.On = automation.DeletedAnywhere }, nil},
		{"a limit", func(d *automation.Definition) { d.Limits.Share = -1 }, []string{"limits"}},
		{"a share of deletes", func(d *automation.Definition) { d.Limits.DeleteShare = 1 }, []string{"limits"}},
		{"a count of one run", func(d *automation.Definition) { d.Limits.DeletesPerRun = 1 }, []string{"limits"}},
		{"no count of one run, as there is none", func(d *automation.Definition) { d.Limits.ChangesPerRun = -1 }, nil},
		{"a limit that is the default", func(d *automation.Definition) { d.Limits.Share = automation.DefaultShare }, nil},
		{"the country", func(d *automation.Definition) { d.Region = "DE" }, []string{"region"}},
		{"the country in small letters", func(d *automation.Definition) { d.Region = "us" }, nil},
		{"several things", func(d *automation.Definition) {
			d.Update, d.Trigger.On = false, nil
			d.Mapping.Rows[0].Steps = nil
		}, []string{"trigger", "r1 steps", "update"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			after := contacts()
			tc.change(&after)
			if diff := cmp.Diff(tc.want, inShort(automation.Diff(contacts(), after))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if forth, back := automation.Diff(contacts(), after), automation.Diff(after, contacts()); len(forth) != len(back) {
				t.Errorf("%d differences forth, %d back", len(forth), len(back))
			}
		})
	}
}

func inShort(differences []automation.Difference) []string {
	var out []string
	for _, d := range differences {
		switch {
		case d.Area != automation.AreaRow:
			out = append(out, string(d.Area))
		case d.Before == nil:
			out = append(out, "+"+d.After.ID)
		case d.After == nil:
			out = append(out, "-"+d.Before.ID)
		}
		for _, a := range d.Aspects {
			out = append(out, d.After.ID+" "+string(a))
		}
	}
	return out
}

// TestDiffOverlooksNothing fails when a definition or a row gets a field that Diff does not know.
func TestDiffOverlooksNothing(t *testing.T) {
	t.Parallel()
	row := mapping.Row{ID: "r1", Sources: []string{"a"}, Target: "b"}
	everyField(t, reflect.TypeFor[automation.Definition](), func(set func(reflect.Value)) bool {
		var d automation.Definition
		set(reflect.ValueOf(&d).Elem())
		return len(automation.Diff(automation.Definition{}, d)) > 0
	})
	everyField(t, reflect.TypeFor[mapping.Row](), func(set func(reflect.Value)) bool {
		changed := row
		set(reflect.ValueOf(&changed).Elem())
		of := func(r mapping.Row) automation.Definition {
			return automation.Definition{Mapping: mapping.Mapping{Rows: []mapping.Row{r}}}
		}
		return len(automation.Diff(of(row), of(changed))) > 0
	})
}

// everyField fills one leaf after another and asks whether that is noticed.
func everyField(t *testing.T, of reflect.Type, noticed func(set func(reflect.Value)) bool) {
	t.Helper()
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Tag.Get("json") == "-" {
			continue // never stored: nobody can have changed it
		}
		set := func(v reflect.Value) { fill(v.Field(i)) }
		if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[rule.Rule]() {
			everyField(t, f.Type, func(inner func(reflect.Value)) bool {
				return noticed(func(v reflect.Value) { inner(v.Field(i)) })
			})
			continue
		}
		if !noticed(set) {
			t.Errorf("a change of %s.%s goes unnoticed", of, f.Name)
		}
	}
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("only_if_empty")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(7)
	case reflect.Slice:
		s := reflect.MakeSlice(v.Type(), 1, 1)
		fill(s.Index(0))
		v.Set(s)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type() != reflect.TypeFor[rule.Node]() || v.Type().Field(i).Name != "Nodes" {
				fill(v.Field(i))
			}
		}
		if n, ok := v.Addr().Interface().(*rule.Node); ok {
			n.Op = "" // a condition, not a group of none
		}
	}
}

func TestNothingDiffersFromItself(t *testing.T) {
	t.Parallel()
	word := rapid.SampledFrom([]string{"", "a", "b"})
	rapid.Check(t, func(t *rapid.T) {
		d := contacts()
		d.Region = word.Draw(t, "region")
		d.Deletes.Field = word.Draw(t, "field")
		d.Mapping.Rows = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) mapping.Row {
			return mapping.Row{
				ID: rapid.StringMatching("r[1-9]").Draw(t, "id"), Sources: []string{word.Draw(t, "source")}, Target: word.Draw(t, "target"),
				Direction: rapid.SampledFrom([]mapping.Direction{"", mapping.ToTarget, mapping.ToSource, mapping.Both}).Draw(t, "direction"),
				Owner:     rapid.SampledFrom([]mapping.Owner{"", mapping.OwnerSource, mapping.OwnerTarget}).Draw(t, "owner"),
			}
		}), 0, 5, func(r mapping.Row) string { return r.ID }).Draw(t, "rows")
		if got := automation.Diff(d, d); len(got) != 0 {
			t.Fatalf("%v", inShort(got))
		}
	})
}
