package rule_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// passes compiles one condition on one field of a kind and tries it on a value.
func passes(t *testing.T, k record.Kind, operator, want string, have record.Value, loc record.Locale) bool {
	t.Helper()
	field := record.Schema{Label: "contact", Fields: []record.FieldSpec{{Key: "f", Label: "Field", Kind: k}}}
	p, problems := (rule.Rule{Root: cond("f", operator, want)}).Compile(field, loc)
	if len(problems) > 0 {
		t.Fatalf("%s %s %q: %+v", k, operator, want, problems)
	}
	return p.Passes(record.Fields{"f": have})
}

func TestAListOfNothingButCommasIsNoValueToCompareWith(t *testing.T) {
	t.Parallel()
	// Taken as an empty list, “has all of” and “is none of” would let every record through.
	for _, c := range []rule.Node{cond("tags", "has_all", ","), cond("tags", "has_none", " , ,"), cond("plan", "is_none_of", ",,"), cond("plan", "is_one_of", ",")} {
		p, problems := one(c).Compile(schema, us)
		if len(problems) != 1 || problems[0].Code != "no_value" || p.Passes(jane) {
			t.Errorf("%+v: passes %v, %+v", c, p.Passes(jane), problems)
		}
	}
}

func TestAListHoldsOnlyWhatItsFieldCanHold(t *testing.T) {
	t.Parallel()
	_, problems := one(cond("value", "is_one_of", "1, many")).Compile(schema, us)
	if len(problems) != 1 || problems[0].Code != "value_kind" || !strings.Contains(problems[0].Message, "many") {
		t.Errorf("got %+v", problems)
	}
	if !passes(t, record.Number, "is_one_of", "1.0, 120.00", record.TextOf("120"), us) {
		t.Error("120 is not one of 1 and 120")
	}
}

func TestWhatIsNoNumberOrDateOrdersAgainstNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind           record.Kind
		operator, want string
		have           string
	}{
		{record.Number, "greater", "5", "Infinity"}, {record.Number, "less", "5", "-inf"}, {record.Number, "at_least", "5", "lots"}, {record.Number, "at_most", "5", "NaN"},
		{record.Date, "after", "2026-01-01", "someday"}, {record.Date, "before", "2026-01-01", "(unknown)"},
		{record.DateTime, "after", "2026-01-01", "soon"}, {record.DateTime, "before", "2026-01-01", "-"}, {record.DateTime, "equals", "2026-01-01", "2026-01-01 or so"},
	} {
		if passes(t, c.kind, c.operator, c.want, record.TextOf(c.have), us) {
			t.Errorf("%q %s %s", c.have, c.operator, c.want)
		}
	}
}

func TestADayMeansAllOfItOnAFieldWithTimes(t *testing.T) {
	t.Parallel()
	east := record.Locale{Zone: time.FixedZone("east", 2*60*60)}
	first, last := record.TextOf("2026-11-23T00:00:00+02:00"), record.TextOf("2026-11-23T23:59:59+02:00")
	before, next := record.TextOf("2026-11-22T23:59:59+02:00"), record.TextOf("2026-11-24T00:00:00+02:00")
	for _, c := range []struct {
		operator string
		have     record.Value
		want     bool
	}{
		{"equals", before, false}, {"equals", first, true}, {"equals", last, true}, {"equals", next, false},
		{"not_equals", last, false}, {"not_equals", next, true},
		{"before", before, true}, {"before", first, false},
		{"after", last, false}, {"after", next, true},
	} {
		if got := passes(t, record.DateTime, c.operator, "2026-11-23", c.have, east); got != c.want {
			t.Errorf("%s %s 2026-11-23: %v", c.have, c.operator, got)
		}
	}
	if passes(t, record.DateTime, "equals", "2026-11-23T00:00:00+02:00", last, east) {
		t.Error("an instant is not the whole day")
	}
}

func TestPiecesOfAPhoneNumberAreFoundHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	for _, have := range []string{"(415) 555-0133", "+14155550133", "001 415 555 0133"} {
		for operator, want := range map[string]string{"starts_with": "+1 (415)", "contains": "555 01", "ends_with": "01-33"} {
			if !passes(t, record.Phone, operator, want, record.TextOf(have), us) {
				t.Errorf("%s %s %s fails", have, operator, want)
			}
		}
		if passes(t, record.Phone, "starts_with", "+44", record.TextOf(have), us) {
			t.Errorf("%s starts with +44", have)
		}
	}
	p, problems := one(cond("phone", "contains", "mobile")).Compile(schema, us)
	if len(problems) != 1 || problems[0].Code != "value_kind" || p.Passes(jane) {
		t.Errorf("letters in a phone number: %+v", problems)
	}
}

func TestAccentsAreTheSameHoweverTheyAreEncoded(t *testing.T) {
	t.Parallel()
	if !passes(t, record.Text, "contains", "caf\u00e9", record.TextOf("The Cafe\u0301 Royal"), us) || !passes(t, record.Set, "has_any", "CAF\u00c9", record.ListOf([]string{"cafe\u0301"}), us) {
		t.Error("the composed letter does not match the decomposed one")
	}
}

func TestNothingButSpaceIsEmpty(t *testing.T) {
	t.Parallel()
	if !passes(t, record.Text, "is_empty", "", record.TextOf(" \n"), us) || passes(t, record.Text, "is_not_empty", "", record.TextOf("  "), us) {
		t.Error("space counts as a value")
	}
}

func TestTooManyPartsAreToldOnce(t *testing.T) {
	t.Parallel()
	wide := rule.Node{Op: rule.Or}
	for range 20 * rule.MaxNodes {
		wide.Nodes = append(wide.Nodes, cond("plan", "is_not_empty", ""))
	}
	p, problems := (rule.Rule{Root: wide}).Compile(schema, us)
	if len(problems) != 1 || problems[0].Code != "too_many" {
		t.Errorf("told %d times", len(problems))
	}
	v := p.Evaluate(record.Fields{})
	if v.Passed || !strings.Contains(v.Why(), "up to") {
		t.Errorf("%v %q", v.Passed, v.Why())
	}
}

func TestAStoredRuleIsReadAndWrittenWithoutLoss(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/rule.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var r rule.Rule
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(r)
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
	if diff := cmp.Diff(r, r.Numbered()); diff != "" {
		t.Errorf("it is numbered otherwise (-stored +now):\n%s", diff)
	}
	p, problems := r.Compile(schema, us)
	if len(problems) > 0 || !p.Passes(jane) {
		t.Errorf("it judges otherwise: %+v", problems)
	}
}

func TestARuleIsReadAloudPieceByPiece(t *testing.T) {
	t.Parallel()
	r := one(cond("plan", "not_equals", "free"), rule.Node{Op: rule.And}, rule.Node{Op: rule.Or, Nodes: []rule.Node{cond("town", "is_empty", "old"), cond("value", "greater", "5")}})
	want := []rule.Part{
		{Kind: rule.FieldIs, Text: "Plan"}, {Kind: rule.Word, Text: "is not"}, {Kind: rule.ValueIs, Text: "free"}, {Kind: rule.Word, Text: "and"},
		{Kind: rule.Word, Text: "("}, {Kind: rule.FieldIs, Text: "town"}, {Kind: rule.Word, Text: "is empty"}, {Kind: rule.Word, Text: "or"},
		{Kind: rule.FieldIs, Text: "Value"}, {Kind: rule.Word, Text: "is more than"}, {Kind: rule.ValueIs, Text: "5"}, {Kind: rule.Word, Text: ")"},
	}
	if diff := cmp.Diff(want, r.Sentence(schema)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"plan", "town", "value"}, r.Fields()); diff != "" {
		t.Errorf("fields it reads (-want +got):\n%s", diff)
	}
}

// opposites are the operators of which exactly one holds, whatever the value: what is not known counts as not.
var opposites = map[string]string{
	"equals": "not_equals", "contains": "not_contains", "is_one_of": "is_none_of", "has_any": "has_none", "is_empty": "is_not_empty",
}

func TestOfTwoOppositesExactlyOneHolds(t *testing.T) {
	t.Parallel()
	texts := rapid.SampledFrom([]string{"", " ", "pro", "PRO", "free, pro", "120", "-0", "2026-11-23", "11/23/2026", "+14155550133", "(415) 555-0133", "a\xff", "e\u0301"})
	rapid.Check(t, func(t *rapid.T) {
		field := record.FieldSpec{Key: "f", Label: "Field", Kind: rapid.SampledFrom([]record.Kind{record.Text, record.Email, record.Phone, record.Number, record.Date, record.DateTime, record.Set, record.Choice}).Draw(t, "kind")}
		of := record.Schema{Fields: []record.FieldSpec{field}}
		want, have := texts.Draw(t, "want"), record.TextOf(texts.Draw(t, "have"))
		for yes, no := range opposites {
			p, problems := (rule.Rule{Root: cond("f", yes, want)}).Compile(of, us)
			q, others := (rule.Rule{Root: cond("f", no, want)}).Compile(of, us)
			if len(problems) != len(others) {
				t.Fatalf("%s %q is accepted, %s is not: %+v %+v", yes, want, no, problems, others)
			}
			f := record.Fields{"f": have}
			if a, b := p.Passes(f), q.Passes(f); len(problems) == 0 && a == b || len(problems) > 0 && (a || b) {
				t.Fatalf("%s %q and %s on %q: %v %v", yes, want, no, have, a, b)
			}
		}
	})
}

func FuzzARuleNeverPanicsAndAlwaysSaysWhy(f *testing.F) {
	f.Add(`{"root":{"op":"or","nodes":[{"field":"plan","operator":"is_one_of","value":",a"},{"op":"and"}]}}`, "pro")
	f.Add(`{"root":{"field":"phone","operator":"starts_with","value":"+"}}`, "\xff")
	f.Add(`{"root":{"op":"xor","nodes":[{"field":"gone"},{"operator":"equals"}]}}`, "2026-13-45")
	f.Fuzz(func(t *testing.T, definition, value string) {
		var r rule.Rule
		if json.Unmarshal([]byte(definition), &r) != nil {
			return
		}
		p, problems := r.Compile(schema, us)
		in := record.Fields{}
		for _, s := range schema.Fields {
			in[s.Key] = record.TextOf(value)
		}
		v := p.Evaluate(in)
		if v.Passed != p.Passes(in) {
			t.Error("the quick way differs")
		}
		if why := v.Why(); why == "" || !v.Passed && strings.Contains(why, "every record passes") {
			t.Errorf("passed %v because %q", v.Passed, why)
		}
		for _, problem := range problems {
			if problem.Message == "" || problem.NodeID == "" {
				t.Errorf("an unclear problem: %+v", problem)
			}
		}
		r.Sentence(schema)
	})
}
