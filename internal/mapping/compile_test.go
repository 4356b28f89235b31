package mapping_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

var (
	us     = record.Locale{Region: "US"}
	source = record.Schema{Label: "Gleap contact", Fields: []record.FieldSpec{
		{Key: "name", Label: "Name", Kind: record.Text}, {Key: "email", Label: "Email", Kind: record.Email},
		{Key: "phone", Label: "Phone", Kind: record.Text}, {Key: "companyName", Label: "Company", Kind: record.Text},
		{Key: "tags", Label: "Tags", Kind: record.Set}, {Key: "value", Label: "Value", Kind: record.Number}, {Key: "plan", Label: "Plan", Kind: record.Text},
		{Key: "lang", Label: "Language", Kind: record.Text}, {Key: "story", Label: "Story", Kind: record.LongText},
	}}
	target = record.Schema{Label: "HighLevel contact", Fields: []record.FieldSpec{
		{Key: "firstName", Label: "First name", Kind: record.Text}, {Key: "lastName", Label: "Last name", Kind: record.Text},
		{Key: "email", Label: "Email", Kind: record.Email}, {Key: "phone", Label: "Phone", Kind: record.Phone},
		{Key: "business", Label: "Business name", Kind: record.Text}, {Key: "tags", Label: "Tags", Kind: record.Set},
		{Key: "spend", Label: "Monthly spend", Kind: record.Number}, {Key: "stage", Label: "Stage", Kind: record.Choice, Options: []string{"Lead", "Customer"}},
		{Key: "id", Label: "ID", Kind: record.Text, ReadOnly: true}, {Key: "bio", Label: "Bio", Kind: record.LongText, MaxLen: 10},
		{Key: "city", Label: "City", Kind: record.Text},
	}}
)

func row(id, target string, sources ...string) mapping.Row {
	return mapping.Row{ID: id, Target: target, Sources: sources}
}

func TestEveryProblemIsToldWithItsRow(t *testing.T) {
	t.Parallel()
	long := row("r1", "city", "name")
	for range mapping.MaxSteps + 1 {
		long.Steps = append(long.Steps, mapping.Step{Use: "trim"})
	}
	for code, c := range map[string]struct {
		rows     []mapping.Row
		severity mapping.Severity
	}{
		"target_gone":       {[]mapping.Row{row("r1", "nickname", "name")}, mapping.Error},
		"source_gone":       {[]mapping.Row{row("r1", "city", "town")}, mapping.Error},
		"read_only":         {[]mapping.Row{row("r1", "id", "name")}, mapping.Error},
		"twice":             {[]mapping.Row{row("r0", "city", "name"), row("r1", "city", "plan")}, mapping.Error},
		"no_source":         {[]mapping.Row{row("r1", "city")}, mapping.Error},
		"join_first":        {[]mapping.Row{row("r1", "city", "name", "plan")}, mapping.Error},
		"too_many_steps":    {[]mapping.Row{long}, mapping.Error},
		"too_many_sources":  {[]mapping.Row{row("r1", "city", slices.Repeat([]string{"name"}, mapping.MaxSources+1)...)}, mapping.Error},
		"unknown_transform": {[]mapping.Row{{ID: "r1", Target: "city", Sources: []string{"name"}, Steps: []mapping.Step{{Use: "magic"}}}}, mapping.Error},
		"bad_param":         {[]mapping.Row{{ID: "r1", Target: "city", Sources: []string{"name"}, Steps: []mapping.Step{{Use: "default"}}}}, mapping.Error},
		"kind":              {[]mapping.Row{row("r1", "spend", "plan")}, mapping.Warning},
		"phone":             {[]mapping.Row{row("r1", "phone", "phone")}, mapping.Warning},
		"options":           {[]mapping.Row{row("r1", "stage", "plan")}, mapping.Warning},
		"length":            {[]mapping.Row{row("r1", "bio", "story")}, mapping.Warning},
	} {
		p, problems := mapping.Mapping{Rows: c.rows}.Compile(source, target, us)
		i := slices.IndexFunc(problems, func(p mapping.Problem) bool { return p.Code == code })
		if i < 0 {
			t.Errorf("%s is not told: %+v", code, problems)
			continue
		}
		got := problems[i]
		if got.RowID != "r1" || got.Severity != c.severity || got.Message == "" || got.Severity == mapping.Error && got.Suggestion == "" {
			t.Errorf("%s: %+v", code, got)
		}
		if c.severity == mapping.Error && p.Len() == len(c.rows) {
			t.Errorf("%s: the broken row is carried out", code)
		}
		if got.Fix == nil {
			continue
		}
		fixed := c.rows[len(c.rows)-1]
		fixed.Steps = got.Fix.Steps
		if _, rest := (mapping.Mapping{Rows: []mapping.Row{fixed}}).Compile(source, target, us); slices.ContainsFunc(rest, func(p mapping.Problem) bool { return p.Code == code }) {
			t.Errorf("%s: its own fix does not mend it: %+v", code, rest)
		}
	}
}

func TestARequiredFieldThatNothingFillsIsTold(t *testing.T) {
	t.Parallel()
	needs := record.Schema{Label: "task", Fields: []record.FieldSpec{{Key: "title", Label: "Title", Kind: record.Text, Required: true}}}
	_, problems := mapping.Mapping{}.Compile(source, needs, us)
	if len(problems) != 1 || problems[0].Code != "required" || problems[0].Field != "title" {
		t.Errorf("got %+v", problems)
	}
}

func TestObviousFieldsAreSuggestedWithTheirReason(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, s := range mapping.Suggest(source, target, us) {
		if s.Reason == "" {
			t.Errorf("%s has no reason", s.Target)
		}
		got[s.Target] = s.Source
	}
	want := map[string]string{"firstName": "name", "lastName": "name", "email": "email", "phone": "phone", "business": "companyName", "tags": "tags"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("suggestions (-want +got):\n%s", diff)
	}
}

func TestConnectingReplacesWhatFilledTheField(t *testing.T) {
	t.Parallel()
	field := func(s record.Schema, key string) record.FieldSpec {
		f, ok := s.Field(key)
		if !ok {
			t.Fatal(key)
		}
		return f
	}
	m := mapping.Mapping{}.Connect(field(source, "phone"), field(target, "phone"), us)
	m = m.Connect(field(source, "plan"), field(target, "city"), us)
	before := len(m.Rows)
	again := m.Connect(field(source, "lang"), field(target, "city"), us)
	r, _ := again.RowFor("city")
	if len(again.Rows) != before || len(r.Sources) != 1 || r.Sources[0] != "lang" || r.ID == "r1" {
		t.Errorf("got %+v", again.Rows)
	}
	if old, _ := m.RowFor("city"); old.Sources[0] != "plan" {
		t.Error("the mapping it began from was changed")
	}
	phone, _ := again.RowFor("phone")
	if len(phone.Steps) != 1 || phone.Steps[0].With["region"] != "US" {
		t.Errorf("the phone has no fitting step: %+v", phone)
	}
	if rest := again.Remove(phone.ID); len(rest.Rows) != before-1 || len(again.Rows) != before {
		t.Error("removing a row changed more, or less")
	}
}

func TestAStoredMappingIsReadAndWrittenWithoutLoss(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/mapping.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var m mapping.Mapping
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(again, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the stored form changed (-want +got):\n%s", diff)
	}
	if _, problems := m.Compile(source, target, us); len(problems) != 0 {
		t.Errorf("it does not compile any more: %+v", problems)
	}
}

func TestAProgramIsUsedByManyAtOnce(t *testing.T) {
	t.Parallel()
	p, in := twelve(t)
	want := p.Apply(in)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				got := p.Apply(in)
				for i := range got.Rows {
					if !got.Rows[i].Value.Equal(want.Rows[i].Value) {
						t.Errorf("row %d gave %v", i, got.Rows[i].Value)
					}
				}
			}
		})
	}
	wg.Wait()
}

// twelve is a contact mapping as people make it.
func twelve(t testing.TB) (*mapping.Program, record.Fields) {
	t.Helper()
	from := record.Schema{Label: "source"}
	to := record.Schema{Label: "target"}
	m := mapping.Mapping{}
	add := func(kind, targetKind record.Kind, key string, steps ...mapping.Step) {
		if _, ok := from.Field(key); !ok {
			from.Fields = append(from.Fields, record.FieldSpec{Key: key, Label: key, Kind: kind})
		}
		id := string(rune('a' + len(m.Rows)))
		to.Fields = append(to.Fields, record.FieldSpec{Key: id, Label: id, Kind: targetKind})
		m.Rows = append(m.Rows, mapping.Row{ID: id, Target: id, Sources: []string{key}, Steps: steps})
	}
	st := func(use string, kv ...string) mapping.Step {
		s := mapping.Step{Use: use, With: map[string]string{}}
		for i := 0; i < len(kv); i += 2 {
			s.With[kv[i]] = kv[i+1]
		}
		return s
	}
	add(record.Text, record.Text, "name", st("split_name", "part", "first"))
	add(record.Text, record.Text, "name", st("split_name", "part", "last"))
	add(record.Email, record.Email, "email", st("trim"), st("text_case", "to", "lower"))
	add(record.Text, record.Phone, "phone", st("phone", "region", "US"))
	add(record.Text, record.Text, "companyName")
	add(record.Set, record.Set, "tags")
	add(record.Text, record.Text, "plan", st("lookup", "table", "free = Lead\npro = Customer"))
	add(record.Text, record.Text, "lang")
	add(record.Number, record.Number, "value")
	add(record.Text, record.Text, "city")
	add(record.Text, record.Text, "country")
	add(record.Text, record.Text, "source", st("default", "value", "Gleap"))
	p, problems := m.Compile(from, to, us)
	if p.Len() != 12 {
		t.Fatalf("%+v", problems)
	}
	return p, record.Fields{
		"name": record.TextOf("Jane van Doe"), "email": record.TextOf(" Jane@Acme.io"), "phone": record.TextOf("(415) 555-0133"),
		"companyName": record.TextOf("Acme"), "tags": record.ListOf([]string{"beta", "vip"}), "plan": record.TextOf("pro"), "lang": record.TextOf("en"),
		"value": record.NumberOf(120), "city": record.TextOf("Berlin"), "country": record.TextOf("Germany"),
	}
}

func BenchmarkApplyTwelveRows(b *testing.B) {
	p, in := twelve(b)
	dst := make([]mapping.RowResult, 0, p.Len())
	b.ReportAllocs()
	for b.Loop() {
		dst = p.ApplyInto(dst, in, nil)
	}
}

func FuzzAMappingNeverPanics(f *testing.F) {
	f.Add(`{"rows":[{"id":"r1","sources":["name"],"target":"city","steps":[{"use":"lookup","with":{"table":"a = b"}}]}]}`, "Jane")
	f.Add(`{"rows":[{"sources":["name","plan"],"target":"tags","steps":[{"use":"to_labels","with":{"separator":""}}]}]}`, "\xff,\x00")
	f.Add(`{"rows":[{"sources":["name"],"target":"phone","steps":[{"use":"shorten","with":{"to":"3"}},{"use":"phone"}]}]}`, strings.Repeat("9", 300))
	f.Fuzz(func(t *testing.T, definition, value string) {
		var m mapping.Mapping
		if json.Unmarshal([]byte(definition), &m) != nil {
			return
		}
		p, _ := m.Compile(source, target, us)
		in := record.Fields{}
		for _, s := range source.Fields {
			in[s.Key] = record.TextOf(value)
		}
		for _, r := range p.Apply(in).Rows {
			if r.Err != nil && r.Err.Error() == "" {
				t.Error("an error without words")
			}
		}
	})
}
