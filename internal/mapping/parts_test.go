package mapping_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

var (
	partsSchema = record.Schema{Type: record.Contact, Label: "HighLevel contact", Fields: []record.FieldSpec{
		{Key: "firstName", Label: "First name", Kind: record.Text}, {Key: "lastName", Label: "Last name", Kind: record.Text},
		{Key: "middle", Label: "Middle name", Kind: record.Text}, {Key: "seats", Label: "Seats", Kind: record.Number},
		{Key: "id", Label: "Id", Kind: record.Text, ReadOnly: true},
	}}
	wholeSchema = record.Schema{Type: record.Contact, Label: "Gleap contact", Fields: []record.FieldSpec{
		{Key: "name", Label: "Name", Kind: record.Text}, {Key: "tags", Label: "Tags", Kind: record.Set},
	}}
)

func joined(target string, sources []string, steps ...mapping.Step) mapping.Mapping {
	return mapping.Mapping{Rows: []mapping.Row{{ID: "r1", Sources: sources, Target: target, Direction: mapping.Both, Steps: steps}}}
}

// fullName is the row of a name, compiled both ways.
func fullName(t testing.TB, steps ...mapping.Step) (forth, back *mapping.Program) {
	t.Helper()
	m := joined("name", []string{"firstName", "lastName"}, append([]mapping.Step{{Use: "join"}}, steps...)...)
	forth, problems := m.Compile(partsSchema, wholeSchema, us)
	back, more := m.Flipped().Compile(wholeSchema, partsSchema, us)
	if problems = append(problems, more...); len(problems) > 0 || forth.Len() != 1 || back.Len() != 2 {
		t.Fatalf("%+v", problems)
	}
	return forth, back
}

func apart(t testing.TB, back *mapping.Program, whole string, onto record.Fields) (first, last string) {
	t.Helper()
	rows := back.ApplyOnto(record.Fields{"name": record.TextOf(whole)}, onto).Rows
	if rows[0].Err != nil || rows[1].Err != nil || rows[0].Target.Key != "firstName" || rows[1].Target.Key != "lastName" {
		t.Fatalf("%+v", rows)
	}
	return rows[0].Value.String(), rows[1].Value.String()
}

func parts(first, last string) record.Fields {
	return record.Fields{"firstName": record.TextOf(first), "lastName": record.TextOf(last)}
}

func TestAWholeIsTakenApartAsItsPartsWere(t *testing.T) {
	t.Parallel()
	upper := mapping.Step{Use: "text_case", With: map[string]string{"to": "upper"}}
	for _, c := range []struct {
		name        string
		steps       []mapping.Step
		first, last string // now
		whole       string
		want        string // first|last
	}{
		{name: "nobody knows better", whole: "Mary Jane Smith", want: "Mary Jane|Smith"},
		{name: "nothing changed", first: "Mary Jane", last: "Smith", whole: "Mary Jane Smith", want: "Mary Jane|Smith"},
		{name: "nothing changed, and it would be split otherwise", first: "Mary", last: "Jane Smith", whole: "Mary Jane Smith", want: "Mary|Jane Smith"},
		{name: "another last name", first: "Mary Jane", last: "Smith", whole: "Mary Jane Roe", want: "Mary Jane|Roe"},
		{name: "another last name of two words", first: "Mary Jane", last: "Smith", whole: "Mary Jane Roe Smythe", want: "Mary Jane|Roe Smythe"},
		{name: "another first name", first: "Mary", last: "Smith Jones", whole: "Paula Smith Jones", want: "Paula|Smith Jones"},
		{name: "another first name of two words", first: "Mary", last: "Smith", whole: "Anna Maria Smith", want: "Anna Maria|Smith"},
		{name: "something in between", first: "Jane", last: "Smith", whole: "Jane Marie Smith", want: "Jane Marie|Smith"},
		{name: "something in between that belongs to the last name", first: "Ludwig", last: "Beethoven", whole: "Ludwig van Beethoven", want: "Ludwig|van Beethoven"},
		{name: "something in between, and a last name of two words", first: "Mary", last: "Jane Smith", whole: "Mary Lou Jane Smith", want: "Mary Lou|Jane Smith"},
		{name: "something after it", first: "Martin Luther", last: "King", whole: "Martin Luther King Jr.", want: "Martin Luther|King Jr."},
		{name: "both are others", first: "Mary", last: "Smith", whole: "Omar van Dyk", want: "Omar|van Dyk"},
		{name: "surname first", first: "Mary", last: "Smith", whole: "Doe, Jane", want: "Jane|Doe"},
		{name: "only the first is left", first: "Mary Jane", last: "Smith", whole: "Mary Jane", want: "Mary Jane|"},
		{name: "only the last is left", first: "Mary", last: "Smith", whole: "Smith", want: "|Smith"},
		{name: "a last name is added", first: "Madonna", whole: "Madonna Ciccone", want: "Madonna|Ciccone"},
		{name: "a first name is added", last: "Smith Jones", whole: "Mary Smith Jones", want: "Mary|Smith Jones"},
		{name: "emptied", first: "Mary", last: "Smith", whole: "", want: "|"},
		{name: "the two share a word", first: "Mary Jane", last: "Jane Smith", whole: "Mary Jane Smith", want: "Mary Jane|Smith"},
		{name: "no word is cut", first: "Jan", last: "Smith", whole: "Jane Blacksmith", want: "Jane|Blacksmith"},
		{name: "doubled space is nobody's edit", first: "Mary  Jane", last: "Smith", whole: "Mary Jane Roe", want: "Mary  Jane|Roe"},
		{name: "another case is", first: "mary jane", last: "smith", whole: "Mary Jane Smith", want: "Mary Jane|Smith"},
		{name: "the case tells nothing", steps: []mapping.Step{upper}, first: "Mary Jane", last: "Smith", whole: "MARY JANE ROE", want: "Mary Jane|ROE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, back := fullName(t, c.steps...)
			if first, last := apart(t, back, c.whole, parts(c.first, c.last)); first+"|"+last != c.want {
				t.Errorf("%s|%s, want %s", first, last, c.want)
			}
		})
	}
}

var words = rapid.SliceOfN(rapid.SampledFrom([]string{"Mary", "jane", "Jane", "van", "Smith", "Jr.", "de", "Lou", "Ümit"}), 0, 3)

func phrase(t *rapid.T, label string) string { return strings.Join(words.Draw(t, label), " ") }

// TestTakingApartAndJoiningIsStable: there and back and there again is there once, nothing is made up and nothing gets
// lost, and what a person structured is as it was.
func TestTakingApartAndJoiningIsStable(t *testing.T) {
	t.Parallel()
	forth, back := fullName(t)
	join := func(f record.Fields) string { return forth.Apply(f).Rows[0].Value.String() }
	split := func(whole string, onto record.Fields) record.Fields {
		rows := back.ApplyOnto(record.Fields{"name": record.TextOf(whole)}, onto).Rows
		return record.Fields{"firstName": rows[0].Value, "lastName": rows[1].Value}
	}
	rapid.Check(t, func(t *rapid.T) {
		had := parts(phrase(t, "first"), phrase(t, "last"))
		if now := split(join(had), had); !now["firstName"].Equal(had["firstName"]) || !now["lastName"].Equal(had["lastName"]) {
			t.Fatalf("%v became %v", had, now)
		}
		edited := phrase(t, "whole")
		for _, onto := range []record.Fields{had, nil} {
			now := split(edited, onto)
			if again := join(now); again != edited {
				t.Fatalf("%q, taken apart as %v was, is joined to %q", edited, onto, again)
			}
			if again := split(edited, now); !now["firstName"].Equal(again["firstName"]) || !now["lastName"].Equal(again["lastName"]) {
				t.Fatalf("%v was taken apart anew: %v", now, again)
			}
		}
	})
}

func TestWhatCannotBeTakenApartIsTold(t *testing.T) {
	t.Parallel()
	join := mapping.Step{Use: "join"}
	two := []string{"firstName", "lastName"}
	for name, c := range map[string]struct {
		m    mapping.Mapping
		code string
		says string
	}{
		"three fields":     {joined("name", []string{"firstName", "middle", "lastName"}, join), "parts", "from 3 fields"},
		"one field twice":  {joined("name", []string{"firstName", "firstName"}, join), "parts", "one field twice"},
		"no transform":     {joined("name", two), "parts", "only what “Join” put together"},
		"first one filled": {joined("name", two, mapping.Step{Use: "first_filled"}), "parts", "only what “Join” put together"},
		"a comma":          {joined("name", two, step("join", "separator", ", ")), "parts", "by “, ”"},
		"nothing between":  {joined("name", two, step("join", "separator", "")), "parts", "joined by a space"},
		"labels":           {joined("tags", two, join, mapping.Step{Use: "to_labels"}), "parts", "only text can be taken apart"},
		"a number":         {joined("name", []string{"firstName", "seats"}, join), "parts", "Seats holds"},
		"cut short":        {joined("name", two, join, step("shorten", "to", "3")), "way_back", "do not tell how a value goes back"},
		"a field is gone":  {joined("name", []string{"firstName", "nick"}, join), "source_gone", "“nick”"},
		"no field":         {joined("name", nil, step("fixed", "value", "x")), "one_source", "just one source field"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, problems := c.m.Compile(partsSchema, wholeSchema, us)
			if len(problems) != 1 || p.Len() != 0 || problems[0].Code != c.code || !strings.Contains(problems[0].Message, c.says) || problems[0].Suggestion == "" {
				t.Errorf("%d rows, %+v", p.Len(), problems)
			}
		})
	}
	readOnly := joined("name", []string{"firstName", "id"}, join)
	if p, problems := readOnly.Flipped().Compile(wholeSchema, partsSchema, us); p.Len() != 1 || len(problems) != 1 || problems[0].Code != "read_only" {
		t.Errorf("a part that can only be read: %d rows, %+v", p.Len(), problems)
	}
}

func TestARowThatJoinsOneWayIsFreeToJoinAnything(t *testing.T) {
	t.Parallel()
	m := joined("name", []string{"firstName", "middle", "lastName"}, step("join", "separator", ", "))
	m.Rows[0].Direction = ""
	if p, problems := m.Compile(partsSchema, wholeSchema, us); p.Len() != 1 || len(problems) > 0 {
		t.Errorf("%d rows, %+v", p.Len(), problems)
	}
	if back := m.Flipped(); len(back.Rows) > 0 {
		t.Errorf("it leads back: %+v", back)
	}
}

// A way back of its own is gone before the whole is taken apart.
func TestARowThatJoinsMayHaveAWayBackOfItsOwn(t *testing.T) {
	t.Parallel()
	m := joined("name", []string{"firstName", "lastName"}, mapping.Step{Use: "join"}, step("surround", "before", "Dear "))
	m.Rows[0].Back = []mapping.Step{step("replace", "find", "Dear ", "by", "")}
	if _, problems := m.Compile(partsSchema, wholeSchema, us); len(problems) > 0 {
		t.Fatalf("%+v", problems)
	}
	back, problems := m.Flipped().Compile(wholeSchema, partsSchema, us)
	if len(problems) > 0 {
		t.Fatalf("%+v", problems)
	}
	if first, last := apart(t, back, "Dear Mary Jane Roe", parts("Mary Jane", "Smith")); first != "Mary Jane" || last != "Roe" {
		t.Errorf("%s|%s", first, last)
	}
	want := mapping.Row{
		ID: "r1", Sources: []string{"name"}, Target: "firstName", Direction: mapping.Both, Owner: mapping.OwnerTarget, Parts: []string{"firstName", "lastName"},
		Steps: m.Rows[0].Back, Back: m.Rows[0].Steps,
	}
	if diff := cmp.Diff(want, m.Flipped().Rows[0]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
