package mapping_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

func compile(m mapping.Mapping) (*mapping.Program, []string) {
	p, problems := m.Compile(source, target, us)
	var codes []string
	for _, problem := range problems {
		codes = append(codes, problem.Code)
	}
	return p, codes
}

func TestARowThatIsNotFinishedIsToldAndLeftOut(t *testing.T) {
	t.Parallel()
	wayward, owned := row("r1", "city", "name"), row("r1", "city", "name")
	wayward.Direction, owned.Owner = "sideways", "whoever"
	for name, c := range map[string]struct {
		row  mapping.Row
		code string
	}{
		"no target":         {row("r1", "", "name"), "no_target"},
		"no source chosen":  {row("r1", "city", ""), "no_source"},
		"one source chosen": {mapping.Row{ID: "r1", Target: "city", Sources: []string{"name", ""}, Steps: []mapping.Step{{Use: "join"}}}, "no_source"},
		"direction":         {wayward, "direction"},
		"owner":             {owned, "owner"},
	} {
		p, codes := compile(mapping.Mapping{Rows: []mapping.Row{c.row, row("r2", "lastName", "plan")}})
		if diff := cmp.Diff([]string{c.code}, codes); diff != "" || p.Len() != 1 {
			t.Errorf("%s: %d rows (-want +got):\n%s", name, p.Len(), diff)
		}
	}
}

func TestARowThatGoesTheOtherWayIsNotWrittenToTheTarget(t *testing.T) {
	t.Parallel()
	back, both := row("r1", "city", "name"), row("r2", "lastName", "name")
	back.Direction, both.Direction = mapping.ToSource, mapping.Both
	p, codes := compile(mapping.Mapping{Rows: []mapping.Row{back, both}})
	if diff := cmp.Diff([]string{"lastName"}, p.Writes()); diff != "" {
		t.Errorf("it writes (-want +got):\n%s", diff)
	}
	if len(codes) > 0 {
		t.Errorf("told: %v", codes)
	}
}

func TestTwoRowsWithOneIDAreTold(t *testing.T) {
	t.Parallel()
	if p, codes := compile(mapping.Mapping{Rows: []mapping.Row{row("r1", "city", "name"), row("r1", "lastName", "plan")}}); p.Len() != 1 || !slices.Equal(codes, []string{"same_id"}) {
		t.Errorf("%d rows, %v", p.Len(), codes)
	}
}

func TestLabelsCannotBeMultipliedWithoutEnd(t *testing.T) {
	t.Parallel()
	labels := make([]string, 10000)
	for i := range labels {
		labels[i] = strconv.Itoa(i)
	}
	piece := strings.Repeat("p", 1000)
	for _, c := range []struct {
		in record.Value
		st mapping.Step
	}{
		{record.ListOf(labels), step("surround", "before", piece)},
		{record.TextOf(strings.Join(labels, ",")), step("to_labels", "prefix", piece)},
	} {
		_, err := run(t, []record.Value{c.in}, c.st, record.Set)
		if e, ok := errors.AsType[*mapping.RowError](err); !ok || e.Code != "too_long" || e.Step != 0 || len(e.Reason) > 300 {
			t.Errorf("%s: %.80v", c.st.Use, err)
		}
	}
}

func TestARefusedValueIsToldWithWhereItCameFromAndBothKinds(t *testing.T) {
	t.Parallel()
	m := mapping.Mapping{Rows: []mapping.Row{
		row("r1", "spend", "plan"),
		{ID: "r2", Target: "email", Sources: []string{"name", "plan"}, Steps: []mapping.Step{{Use: "join"}}},
		{ID: "r3", Target: "phone", Sources: []string{"phone"}, Steps: []mapping.Step{{Use: "phone"}}},
	}}
	p, problems := m.Compile(source, target, us)
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "Plan holds text and Monthly spend holds numbers") {
		t.Errorf("the warning: %+v", problems)
	}
	rows := p.Apply(record.Fields{"plan": record.TextOf("pro-annual"), "name": record.TextOf("Jane"), "phone": record.TextOf("call me")}).Rows
	for i, want := range []mapping.RowError{
		{RowID: "r1", From: "Plan", Step: 0, Code: "not_a_number", Reason: "“pro-annual” is not a number, and Monthly spend holds numbers."},
		{RowID: "r2", From: "Name and Plan", Step: 1, Code: "not_an_email", Reason: "“Jane pro-annual” is not an email address, and Email holds one."},
		{RowID: "r3", From: "Phone", Step: 0, Code: "not_a_phone", Reason: "Phone: “call me” is not a phone number (assumed country: US)."},
	} {
		got, _ := errors.AsType[*mapping.RowError](rows[i].Err)
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestAProgramKnowsWhatItReadsAndWrites(t *testing.T) {
	t.Parallel()
	p, _ := compile(mapping.Mapping{Rows: []mapping.Row{
		{ID: "r1", Target: "firstName", Sources: []string{"name"}, Steps: []mapping.Step{step("split_name", "part", "first")}},
		{ID: "r2", Target: "lastName", Sources: []string{"name"}, Steps: []mapping.Step{step("split_name", "part", "last")}},
		{ID: "r3", Target: "business", Sources: []string{"companyName", "plan"}, Steps: []mapping.Step{{Use: "first_filled"}}},
		{ID: "r4", Target: "city", Steps: []mapping.Step{step("fixed", "value", "Berlin")}},
	}})
	if diff := cmp.Diff([]string{"name", "companyName", "plan"}, p.Reads()); diff != "" {
		t.Errorf("reads (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"firstName", "lastName", "business", "city"}, p.Writes()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	rows := p.Apply(record.Fields{}).Rows
	if got := rows[3].Value.String(); got != "Berlin" || len(rows) != 4 {
		t.Errorf("a row without a source gives %q", got)
	}
	for i, r := range rows {
		if r.Target.Key != p.Writes()[i] || r.Row.Target != r.Target.Key || r.Err != nil {
			t.Errorf("row %d is %+v", i, r)
		}
	}
}

func TestAProgramOutlivesTheMappingItWasMadeFrom(t *testing.T) {
	t.Parallel()
	m := mapping.Mapping{Rows: []mapping.Row{row("r1", "city", "name")}}
	p, _ := compile(m)
	m.Rows[0] = row("r1", "city", "plan")
	if got := p.Apply(record.Fields{"name": record.TextOf("Jane"), "plan": record.TextOf("pro")}).Rows[0]; got.Value.String() != "Jane" || got.Row.Sources[0] != "name" {
		t.Errorf("got %+v", got)
	}
}

func TestEveryStepHasAChipAndEveryFormAValidDefault(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, tr := range mapping.Transforms() {
		if seen[tr.Use] {
			t.Errorf("%s is there twice", tr.Use)
		}
		seen[tr.Use] = true
		for _, ex := range tr.Examples {
			if chip := (mapping.Step{Use: tr.Use, With: ex.With}).Chip(); chip == "" || len(chip) > 60 {
				t.Errorf("%s: chip %q", tr.Use, chip)
			}
		}
		for _, p := range tr.Params {
			if p.Label == "" || p.Kind == mapping.ParamChoice && !slices.ContainsFunc(p.Options, func(o mapping.Option) bool { return o.Value == p.Default }) {
				t.Errorf("%s.%s: %+v", tr.Use, p.Name, p)
			}
		}
	}
	for _, use := range []string{"text_case", "trim", "replace", "surround", "shorten", "split_name", "join", "split", "phone", "date", "number", "round", "default", "fixed", "first_filled", "lookup", "yes_no", "to_labels"} {
		if !seen[use] {
			t.Errorf("%s is gone: stored mappings use it", use)
		}
	}
}
