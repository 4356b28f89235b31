package mapping_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

// run carries one transform out on values, through a compiled row, as the product does.
func run(t *testing.T, in []record.Value, st mapping.Step, target record.Kind) (record.Value, error) {
	t.Helper()
	source, fields, keys := record.Schema{Label: "source"}, record.Fields{}, []string{}
	for i, v := range in {
		key := string(rune('a' + i))
		source.Fields = append(source.Fields, record.FieldSpec{Key: key, Label: key, Kind: record.Text})
		fields[key] = v
		keys = append(keys, key)
	}
	m := mapping.Mapping{Rows: []mapping.Row{{ID: "r1", Sources: keys, Target: "x", Steps: []mapping.Step{st}}}}
	p, problems := m.Compile(source, record.Schema{Label: "target", Fields: []record.FieldSpec{{Key: "x", Label: "X", Kind: target}}}, record.Locale{Region: "US"})
	if p.Len() != 1 {
		t.Fatalf("the row was left out: %+v", problems)
	}
	r := p.Apply(fields).Rows[0]
	return r.Value, r.Err
}

func TestEveryTransformDoesWhatItsExamplesSay(t *testing.T) {
	t.Parallel()
	for _, tr := range mapping.Transforms() {
		if len(tr.Examples) == 0 || tr.Label == "" || tr.Summary == "" || tr.Group == "" {
			t.Errorf("%s is not explained", tr.Use)
		}
		for i, ex := range tr.Examples {
			if len(ex.In) > 1 && !tr.Several {
				t.Errorf("%s: example %d has several values", tr.Use, i)
			}
			kind := record.Text
			if _, ok := ex.Out.AsNumber(); ok {
				kind = record.Number
			} else if _, ok := ex.Out.AsList(); ok {
				kind = record.Set
			}
			got, err := run(t, ex.In, mapping.Step{Use: tr.Use, With: ex.With}, kind)
			if ex.Err != "" {
				if e, ok := errors.AsType[*mapping.RowError](err); !ok || e.Code != ex.Err {
					t.Errorf("%s: example %d %v: got %v, want the error %s", tr.Use, i, ex.In, err, ex.Err)
				}
				continue
			}
			if diff := cmp.Diff(ex.Out, got); err != nil || diff != "" {
				t.Errorf("%s: example %d %v: %v (-want +got):\n%s", tr.Use, i, ex.In, err, diff)
			}
		}
	}
}

func TestParametersAreCheckedBeforeTheyAreSaved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step  mapping.Step
		param string
	}{
		"unknown transform":     {mapping.Step{Use: "nonsense"}, ""},
		"unknown parameter":     {mapping.Step{Use: "trim", With: map[string]string{"x": "1"}}, "x"},
		"missing":               {mapping.Step{Use: "default"}, "value"},
		"no such choice":        {mapping.Step{Use: "text_case", With: map[string]string{"to": "sideways"}}, "to"},
		"no number":             {mapping.Step{Use: "shorten", With: map[string]string{"to": "a few"}}, "to"},
		"number too small":      {mapping.Step{Use: "split", With: map[string]string{"part": "0"}}, "part"},
		"table without sign":    {mapping.Step{Use: "lookup", With: map[string]string{"table": "free Lead"}}, "table"},
		"table twice":           {mapping.Step{Use: "lookup", With: map[string]string{"table": "a = 1\nA = 2"}}, "table"},
		"other value forgotten": {mapping.Step{Use: "lookup", With: map[string]string{"table": "a = 1", "otherwise": "value"}}, "value"},
	} {
		err := c.step.Check(record.Locale{})
		if err == nil || err.Param != c.param || err.Message == "" {
			t.Errorf("%s: got %+v", name, err)
		}
	}
	if err := (mapping.Step{Use: "phone"}).Check(record.Locale{}); err != nil {
		t.Errorf("a phone step with its defaults: %v", err)
	}
}
