package mapping_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

func TestARowThatLeadsBackDoesNotFillItsTarget(t *testing.T) {
	t.Parallel()
	name, city := record.FieldSpec{Key: "name", Kind: record.Text}, record.FieldSpec{Key: "city", Kind: record.Text}
	m := mapping.Mapping{}.LeadBack(city, name, us)
	if _, filled := m.RowFor("city"); filled {
		t.Error("it is said to fill the city")
	}
	m = m.Connect(name, city, us)
	want := []mapping.Row{
		{ID: "r1", Sources: []string{"name"}, Target: "city", Direction: mapping.ToSource},
		{ID: "r2", Sources: []string{"name"}, Target: "city"},
	}
	if diff := cmp.Diff(want, m.Rows); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestConnectingAnewForgetsTheOldWayBack(t *testing.T) {
	t.Parallel()
	both := mapping.Row{ID: "r1", Sources: []string{"plan"}, Target: "city", Direction: mapping.Both, Back: []mapping.Step{{Use: "trim"}}}
	m := mapping.Mapping{Rows: []mapping.Row{both}}.Connect(record.FieldSpec{Key: "name", Kind: record.Text}, record.FieldSpec{Key: "city", Kind: record.Text}, us)
	want := []mapping.Row{{ID: "r1", Sources: []string{"name"}, Target: "city", Direction: mapping.Both}}
	if diff := cmp.Diff(want, m.Rows); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhatIsNotSaidIsWrittenOut(t *testing.T) {
	t.Parallel()
	cases := []struct {
		row   mapping.Row
		leads mapping.Direction
		owner mapping.Owner
	}{
		{mapping.Row{}, mapping.ToTarget, mapping.OwnerSource},
		{mapping.Row{Direction: mapping.Both}, mapping.Both, mapping.OwnerSource},
		{mapping.Row{Direction: mapping.ToSource}, mapping.ToSource, mapping.OwnerTarget},
		{mapping.Row{Direction: mapping.ToSource, Owner: mapping.OwnerSource}, mapping.ToSource, mapping.OwnerSource},
	}
	for _, tc := range cases {
		if tc.row.Leads() != tc.leads || tc.row.HasLastWord() != tc.owner {
			t.Errorf("%+v leads %s and %s has the last word, want %s and %s", tc.row, tc.row.Leads(), tc.row.HasLastWord(), tc.leads, tc.owner)
		}
	}
}

func TestLabelsOfATextGoBackAsTheyCame(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		with map[string]string
		ok   bool
	}{
		"as it is":      {nil, true},
		"by commas":     {map[string]string{"separator": ","}, true},
		"by semicolons": {map[string]string{"separator": ";"}, false},
		"in one":        {map[string]string{"separator": ""}, false},
		"with a prefix": {map[string]string{"prefix": "plan: "}, false},
	} {
		row := mapping.Row{Sources: []string{"plan"}, Target: "tags", Direction: mapping.Both, Steps: []mapping.Step{{Use: "to_labels", With: tc.with}}}
		if _, ok := row.WayBack(); ok != tc.ok {
			t.Errorf("%s: a way back is known: %t", name, ok)
		}
	}
}
