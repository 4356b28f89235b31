package mapping_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

func step(use string, kv ...string) mapping.Step {
	s := mapping.Step{Use: use, With: map[string]string{}}
	for i := 0; i < len(kv); i += 2 {
		s.With[kv[i]] = kv[i+1]
	}
	return s
}

func list(s ...string) record.Value { return record.ListOf(s) }

// Beyond the examples, which are what help shows: what people paste, and what must not be guessed.
func TestTransformsOnValuesAsTheyReallyCome(t *testing.T) {
	t.Parallel()
	text := record.TextOf
	for _, c := range []struct {
		in   record.Value
		step mapping.Step
		kind record.Kind
		want record.Value
		err  string
	}{
		{text("1,5"), step("number"), record.Number, record.Value{}, "not_a_number"},
		{text("1.5"), step("number", "decimal", ","), record.Number, record.Value{}, "not_a_number"},
		{text("1,234,567.25"), step("number"), record.Number, record.NumberOf(1234567.25), ""},
		{text("CHF 12"), step("number"), record.Number, record.Value{}, "not_a_number"},
		{text("1'234'567"), step("number"), record.Number, record.NumberOf(1234567), ""},
		{text("- 3 €"), step("number"), record.Number, record.NumberOf(-3), ""},
		{text("1.2.3"), step("number"), record.Number, record.Value{}, "not_a_number"},
		{text("1,23,4"), step("number"), record.Number, record.Value{}, "not_a_number"},
		{text(strings.Repeat("9", 400)), step("number"), record.Number, record.Value{}, "not_a_number"},
		{record.NumberOf(1.5e308), step("round", "digits", "9"), record.Number, record.NumberOf(1.5e308), ""},
		{list("Pro", "trial"), step("lookup", "table", "pro = Customer", "otherwise", "value", "value", "Other"), record.Set, list("Customer", "Other"), ""},
		{list("Pro", "trial"), step("lookup", "table", "pro = Customer", "otherwise", "error"), record.Set, record.Value{}, "not_in_table"},
		{list("Pro", "trial"), step("lookup", "table", "pro = Customer", "otherwise", "empty"), record.Set, list("Customer"), ""},
		{list("a_b", "c,d", "_"), step("replace", "find", "_", "by", ""), record.Set, list("ab", "c,d"), ""},
		{text("  "), step("phone", "region", "US"), record.Phone, record.Value{}, ""},
		{text("  "), step("number"), record.Number, record.Value{}, ""},
		{text("  "), step("default", "value", "x"), record.Text, text("x"), ""},
		{text("31_12_2026"), step("date", "order", "dmy"), record.Date, text("2026-12-31"), ""},
		{text("31.12.2026"), step("date"), record.Date, record.Value{}, "not_a_date"},
		{text("+1415555013"), step("phone"), record.Phone, record.Value{}, "not_a_phone"},
	} {
		got, err := run(t, []record.Value{c.in}, c.step, c.kind)
		code := ""
		if e, ok := errors.AsType[*mapping.RowError](err); ok {
			code = e.Code
			if e.RowID != "r1" || e.Reason == "" {
				t.Errorf("%v: %+v", c.in, e)
			}
		}
		if code != c.err || !got.Equal(c.want) {
			t.Errorf("%s of %.30q: got %q, %v", c.step.Use, c.in, got, err)
		}
	}
}

func TestATextThatIsOnlyCopiedIsStillChecked(t *testing.T) {
	t.Parallel()
	p, _ := mapping.Mapping{Rows: []mapping.Row{row("r1", "city", "name")}}.Compile(source, target, us)
	for code, v := range map[string]record.Value{"encoding": record.TextOf("a\xff"), "too_long": record.TextOf(strings.Repeat("x", record.MaxText+1))} {
		r := p.Apply(record.Fields{"name": v}).Rows[0]
		if e, ok := errors.AsType[*mapping.RowError](r.Err); !ok || e.Code != code || !r.Value.IsEmpty() {
			t.Errorf("%s: %v", code, r.Err)
		}
	}
}

func TestStepsCannotMultiplyAValueWithoutEnd(t *testing.T) {
	t.Parallel()
	grow := row("r1", "city", "name")
	for range mapping.MaxSteps {
		grow.Steps = append(grow.Steps, step("surround", "before", strings.Repeat("x", 4096), "after", strings.Repeat("y", 4096)))
	}
	p, problems := mapping.Mapping{Rows: []mapping.Row{grow}}.Compile(source, target, us)
	if p.Len() != 1 {
		t.Fatalf("%+v", problems)
	}
	if r := p.Apply(record.Fields{"name": record.TextOf(strings.Repeat("z", 4*record.MaxText))}).Rows[0]; r.Err == nil || r.Err.(*mapping.RowError).Step != 0 {
		t.Errorf("got %d bytes, %v", len(r.Value.String()), r.Err)
	}
	for name, s := range map[string]mapping.Step{
		"a long parameter": step("surround", "before", strings.Repeat("x", 4097)),
		"a long table":     step("lookup", "table", "a = "+strings.Repeat("x", mapping.MaxTableBytes)),
		"many lines":       step("lookup", "table", strings.Repeat("\n", mapping.MaxTableLines)+"a = b"),
		"an empty key":     step("lookup", "table", "a = 1\n = 2"),
	} {
		if err := s.Check(us); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	var many strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&many, "%d,", i)
	}
	if _, err := run(t, []record.Value{record.TextOf(many.String())}, step("to_labels"), record.Set); err == nil {
		t.Error("more labels than any field holds were taken")
	}
}

func TestTooManyRowsAreToldAndTheRestIsLeftOut(t *testing.T) {
	t.Parallel()
	wide := record.Schema{Label: "wide"}
	var m mapping.Mapping
	for i := range mapping.MaxRows + 5 {
		key := fmt.Sprint("f", i)
		wide.Fields = append(wide.Fields, record.FieldSpec{Key: key, Label: key, Kind: record.Text})
		m.Rows = append(m.Rows, row(fmt.Sprint("r", i), key, "name"))
	}
	p, problems := m.Compile(source, wide, us)
	if p.Len() != mapping.MaxRows || len(problems) != 1 || problems[0].Code != "too_many_rows" || problems[0].Severity != mapping.Error {
		t.Errorf("%d rows, %+v", p.Len(), problems)
	}
}

func TestRowsWithoutAnIDAreStillToldApart(t *testing.T) {
	t.Parallel()
	needs := record.Schema{Label: "task", Fields: []record.FieldSpec{{Key: "title", Label: "Title", Kind: record.Text, Required: true}}}
	_, problems := mapping.Mapping{Rows: []mapping.Row{row("", "title", "name"), row("", "title", "plan")}}.Compile(source, needs, us)
	if len(problems) != 1 || problems[0].Code != "twice" {
		t.Errorf("got %+v", problems)
	}
}

func TestFixesAreOfferedOnlyWhereTheyMend(t *testing.T) {
	t.Parallel()
	of := func(k record.Kind, more ...int) record.Schema {
		f := record.FieldSpec{Key: "f", Label: "Field", Kind: k}
		if len(more) > 0 {
			f.MaxLen = more[0]
		}
		if k == record.Choice {
			f.Options = []string{"a", "b"}
		}
		return record.Schema{Label: "side", Fields: []record.FieldSpec{f}}
	}
	kinds := []record.Kind{record.Text, record.LongText, record.Email, record.Phone, record.Number, record.Bool, record.Date, record.DateTime, record.Set, record.Choice, record.URL}
	for _, loc := range []record.Locale{{}, us} {
		for _, from := range kinds {
			for _, to := range kinds {
				m := mapping.Mapping{Rows: []mapping.Row{row("r1", "f", "f")}}
				p, problems := m.Compile(of(from), of(to, 100), loc)
				if p.Len() != 1 || len(problems) > 1 {
					t.Fatalf("%s to %s: %+v", from, to, problems)
				}
				if len(problems) == 0 || problems[0].Fix == nil {
					continue
				}
				m.Rows[0].Steps = problems[0].Fix.Steps
				if _, rest := m.Compile(of(from), of(to, 100), loc); len(rest) > 0 {
					t.Errorf("%s to %s: after the fix %+v", from, to, rest)
				}
			}
		}
	}
	warned := func(from, to record.Schema) bool {
		_, problems := mapping.Mapping{Rows: []mapping.Row{row("r1", "f", "f")}}.Compile(from, to, us)
		return len(problems) > 0
	}
	if warned(of(record.DateTime), of(record.Date)) || warned(of(record.Date), of(record.DateTime)) || warned(of(record.Number), of(record.Text)) {
		t.Error("what always fits is warned of")
	}
	if !warned(of(record.LongText), of(record.Text, 100)) || !warned(of(record.Text, 200), of(record.Text, 100)) || warned(of(record.Text, 50), of(record.Text, 100)) {
		t.Error("lengths are warned of where they fit, or not where they do not")
	}
}

func TestStepsThatSuitAPairOfFields(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to record.Kind
		region   string
		want     []string
	}{
		{record.Text, record.Text, "US", nil}, {record.Text, record.Phone, "US", []string{"phone, US"}}, {record.Text, record.Phone, "", []string{"phone"}},
		{record.Text, record.Number, "", []string{"Number"}}, {record.Bool, record.Number, "", nil}, {record.DateTime, record.Date, "", []string{"Date"}},
		{record.Text, record.Email, "", []string{"Trim", "lower case"}}, {record.Text, record.Set, "", []string{"To labels"}}, {record.Phone, record.Text, "US", nil},
	} {
		var got []string
		for _, s := range mapping.StepsFor(record.FieldSpec{Kind: c.from}, record.FieldSpec{Kind: c.to}, record.Locale{Region: c.region}) {
			if err := s.Check(record.Locale{}); err != nil {
				t.Errorf("%s to %s: %v", c.from, c.to, err)
			}
			got = append(got, s.Chip())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s to %s: %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

func TestNamesWithoutLettersAreNotTakenForTheSame(t *testing.T) {
	t.Parallel()
	a := record.Schema{Fields: []record.FieldSpec{{Key: "★", Label: "★", Kind: record.Text}}}
	b := record.Schema{Fields: []record.FieldSpec{{Key: "♥", Label: "♥", Kind: record.Text}}}
	if got := mapping.Suggest(a, b, us); len(got) > 0 {
		t.Errorf("suggested %+v", got)
	}
}

func TestReplaceAndConnectGiveEveryRowItsOwnID(t *testing.T) {
	t.Parallel()
	m := mapping.Mapping{Rows: []mapping.Row{row("r7", "city", "name"), row("r9223372036854775807", "bio", "story"), row("x", "spend", "value")}}
	for _, key := range []string{"email", "phone", "firstName"} {
		from, _ := source.Field("name")
		to, _ := target.Field(key)
		m = m.Connect(from, to, us)
	}
	var ids []string
	for _, r := range m.Rows {
		ids = append(ids, r.ID)
	}
	if diff := cmp.Diff([]string{"r7", "r9223372036854775807", "x", "r8", "r9", "r10"}, ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	changed := m.Replace(mapping.Row{ID: "x", Target: "spend", Owner: mapping.OwnerAsk})
	if was, _ := m.RowByID("x"); was.Owner != "" {
		t.Error("replacing changed the mapping it began from")
	}
	if is, ok := changed.RowByID("x"); !ok || is.Owner != mapping.OwnerAsk || len(changed.Rows) != len(m.Rows) {
		t.Errorf("got %+v", changed.Rows)
	}
}

func TestNamesComeApart(t *testing.T) {
	t.Parallel()
	for full, want := range map[string][2]string{
		"": {}, "  ": {}, " Madonna ": {"Madonna", ""}, "Jane  Doe": {"Jane", "Doe"}, "Doe,Jane": {"Doe,Jane", ""}, "van der Berg, Jan": {"Jan", "van der Berg"},
		"Sammy Davis, Jr.": {"Sammy", "Davis, Jr."}, "Jan van der Berg": {"Jan", "van der Berg"}, "van Gogh": {"van", "Gogh"}, "Doe, ": {"Doe,", ""},
	} {
		if first, last := mapping.SplitName(full); first != want[0] || last != want[1] {
			t.Errorf("%q came apart into %q and %q", full, first, last)
		}
	}
}

// Reading a phone number is most of a map's cost; this is the rest.
func BenchmarkApplyTwelveRowsWithoutAPhoneNumber(b *testing.B) {
	p, in := twelve(b)
	delete(in, "phone")
	dst := make([]mapping.RowResult, 0, p.Len())
	b.ReportAllocs()
	for b.Loop() {
		dst = p.ApplyInto(dst, in, nil)
	}
}
