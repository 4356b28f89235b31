package record_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/record"
)

var us = record.Locale{Region: "US"}

func txt(s string) record.Value { return record.TextOf(s) }

func TestWhatAPersonCallsTheSameIsTheSame(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		kind record.Kind
		a, b record.Value
		same bool
	}{
		{record.Email, txt("Jane@Acme.io "), txt("jane@acme.io"), true},
		{record.Email, txt("jane@acme.io"), txt("jane@acme.com"), false},
		{record.Phone, txt("(415) 555-0133"), txt("+14155550133"), true},
		{record.Phone, txt("0014155550133"), txt("+1 415 555 0133"), true},
		{record.Phone, txt("+14155550133"), txt("+14155550134"), false},
		{record.Text, txt("Jane  "), txt("Jane"), true},
		{record.Text, txt("Caf\u00e9"), txt("Cafe\u0301"), true},
		{record.Text, txt("a\r\nb "), txt("a\nb"), true},
		{record.Text, txt("Jane"), txt("jane"), false},
		{record.Set, record.ListOf([]string{"VIP", "beta"}), record.ListOf([]string{"beta", "vip"}), true},
		{record.Set, record.ListOf([]string{"vip"}), txt("VIP"), true},
		{record.Set, record.ListOf([]string{"vip"}), record.Value{}, false},
		{record.Number, record.NumberOf(1), txt("1.0"), true},
		{record.Bool, record.BoolOf(true), txt("yes"), true},
		{record.Bool, record.BoolOf(false), record.Value{}, false},
		{record.Date, txt("2026/11/23"), txt("11-23-2026"), true},
		{record.Date, txt("2026.11.23"), record.NumberOf(float64(at.UnixMilli())), true},
		{record.Date, txt("2026_11_23"), record.TimeOf(at), true},
		{record.DateTime, txt("2026-11-23T01:00:00+01:00"), record.TimeOf(at), true},
		{record.Choice, txt("lead"), txt("Lead"), true},
		{record.Text, record.Value{}, txt(""), true},
	} {
		if got := record.Same(c.kind, c.a, c.b, us); got != c.same {
			t.Errorf("%s: %q and %q: %v", c.kind, c.a, c.b, got)
		}
	}
}

func TestValuesAreCoercedOrRefusedInWords(t *testing.T) {
	t.Parallel()
	spec := func(k record.Kind) record.FieldSpec { return record.FieldSpec{Label: "Field", Kind: k} }
	stage := record.FieldSpec{Label: "Stage", Kind: record.Choice, Options: []string{"Lead", "Customer"}}
	for _, c := range []struct {
		in   record.Value
		to   record.FieldSpec
		want record.Value
		code string
	}{
		{txt("12.5"), spec(record.Number), record.NumberOf(12.5), ""},
		{txt("pro-annual"), spec(record.Number), record.Value{}, "not_a_number"},
		{txt("Infinity"), spec(record.Number), record.Value{}, "not_a_number"},
		{record.NumberOf(3), spec(record.Text), txt("3"), ""},
		{txt("yes"), spec(record.Bool), record.BoolOf(true), ""},
		{txt("perhaps"), spec(record.Bool), record.Value{}, "not_yes_no"},
		{txt("12/31/2026"), spec(record.Date), txt("2026-12-31"), ""},
		{txt("someday"), spec(record.Date), record.Value{}, "not_a_date"},
		{txt("a, b"), spec(record.Set), record.ListOf([]string{"a", "b"}), ""},
		{record.ListOf([]string{"a", "b"}), spec(record.Text), txt("a, b"), ""},
		{txt(" jane@acme.io "), spec(record.Email), txt("jane@acme.io"), ""},
		{txt("jane"), spec(record.Email), record.Value{}, "not_an_email"},
		{txt("(415) 555-0133"), spec(record.Phone), txt("+14155550133"), ""},
		{txt("call me"), spec(record.Phone), record.Value{}, "not_a_phone"},
		{txt("lead"), stage, txt("Lead"), ""},
		{txt("free"), stage, record.Value{}, "not_an_option"},
		{txt("hello"), record.FieldSpec{Label: "F", Kind: record.Text, MaxLen: 3}, record.Value{}, "too_long"},
		{txt("a\xffb"), spec(record.Text), record.Value{}, "encoding"},
		{txt(strings.Repeat("x", record.MaxText+1)), spec(record.LongText), record.Value{}, "too_long"},
		{record.Value{}, spec(record.Number), record.Value{}, ""},
	} {
		got, err := record.Coerce(c.in, c.to, us)
		code := ""
		if e, ok := errors.AsType[*record.CoerceError](err); ok {
			code = e.Code
			if !strings.HasSuffix(e.Reason, ".") {
				t.Errorf("%s is no sentence: %q", code, e.Reason)
			}
		}
		if code != c.code || !got.Equal(c.want) {
			t.Errorf("%.20q to %s: got %q, %v", c.in, c.to.Kind, got, err)
		}
	}
	if _, err := record.Coerce(txt("415 555 0133"), spec(record.Phone), record.Locale{}); err == nil || !strings.Contains(err.Error(), "country code") {
		t.Errorf("a national number without a country: %v", err)
	}
}

var kinds = []record.Kind{record.Text, record.LongText, record.Email, record.Phone, record.Number, record.Bool, record.Date, record.DateTime, record.Set, record.Choice}

func value(t *rapid.T, label string) record.Value {
	return rapid.OneOf(
		rapid.Map(rapid.String(), record.TextOf),
		rapid.Map(rapid.SampledFrom([]string{"2026-11-23", "11/23/2026", "+14155550133", "(415) 555-0133", "yes", "12", "a, b", "Jane@x.io"}), record.TextOf),
		rapid.Map(rapid.Float64Range(-1e15, 1e15), record.NumberOf), rapid.Map(rapid.Bool(), record.BoolOf),
		rapid.Map(rapid.Int64Range(0, 4e12), func(ms int64) record.Value { return record.TimeOf(time.UnixMilli(ms)) }),
		rapid.Map(rapid.SliceOf(rapid.String()), record.ListOf),
	).Draw(t, label)
}

func TestCoercingTwiceChangesNothingMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		to := record.FieldSpec{Label: "F", Kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
		once, err := record.Coerce(value(t, "value"), to, us)
		if err != nil {
			return
		}
		twice, err := record.Coerce(once, to, us)
		if err != nil || !twice.Equal(once) {
			t.Fatalf("%q became %q, %v", once, twice, err)
		}
		if !record.Same(to.Kind, once, twice, us) {
			t.Fatal("and is not the same")
		}
	})
}

func TestBeingTheSameIsMutual(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(kinds).Draw(t, "kind")
		a, b, c := value(t, "a"), value(t, "b"), value(t, "c")
		same := func(x, y record.Value) bool { return record.Same(k, x, y, us) }
		if !same(a, a) || same(a, b) != same(b, a) || same(a, b) && same(b, c) && !same(a, c) {
			t.Fatalf("%s: %q %q %q", k, a, b, c)
		}
	})
}

func TestAValueSurvivesItsStoredForm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := value(t, "value")
		if l, ok := v.AsList(); ok && slices.Contains(l, "") {
			return // a label without letters is no label
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var got record.Value
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v, got); diff != "" {
			t.Fatalf("%s: %s", b, diff)
		}
	})
}

func TestASetChangesByElementAndAPersonsLabelStays(t *testing.T) {
	t.Parallel()
	label := rapid.SampledFrom([]string{"a", "B", "c", "D", "e"})
	rapid.Check(t, func(t *rapid.T) {
		want, have, base := rapid.SliceOf(label).Draw(t, "want"), rapid.SliceOf(label).Draw(t, "have"), rapid.SliceOf(label).Draw(t, "base")
		add, remove := record.SetDiff(want, have, base)
		after := append(slices.DeleteFunc(slices.Clone(have), func(e string) bool { return slices.Contains(remove, e) }), add...)
		for _, e := range want {
			if !slices.Contains(after, e) {
				t.Fatalf("%s is wanted and missing", e)
			}
		}
		for _, e := range have {
			if !slices.Contains(base, e) && !slices.Contains(after, e) {
				t.Fatalf("%s was a person's and is gone", e)
			}
		}
		if add2, remove2 := record.SetDiff(want, after, base); len(add2)+len(remove2) > 0 {
			t.Fatalf("not done: %v %v", add2, remove2)
		}
	})
}

func FuzzForeignJSONBecomesAValue(f *testing.F) {
	f.Add([]byte(`{"time":"2026-11-23T00:00:00Z"}`))
	f.Add([]byte(`["a",1,true,null,{"x":[]}]`))
	f.Add([]byte(`1e999`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v record.Value
		if json.Unmarshal(b, &v) != nil {
			return
		}
		for _, k := range kinds {
			record.Normalise(k, v, us)
			_, _ = record.Coerce(v, record.FieldSpec{Label: "F", Kind: k}, us)
		}
	})
}
