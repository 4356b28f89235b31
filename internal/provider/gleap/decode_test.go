package gleap

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/record"
)

func TestARichTextBecomesLines(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`"plain\ntext"`: "plain\ntext",
		`{"type":"doc","content":[{"type":"paragraph","content":[{"type":"text","text":"Hello "},{"type":"text","marks":[{"type":"bold"}],"text":"you"}]},{"type":"paragraph","content":[{"type":"text","text":"Bye"}]}]}`:                                                     "Hello you\nBye",
		`{"type":"paragraph","content":[{"type":"text","text":"one"},{"type":"hardBreak"},{"type":"text","text":"two"}]}`:                                                                                                                                                      "one\ntwo",
		`{"type":"doc","content":[{"type":"bulletList","content":[{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"a"}]}]},{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"mention","attrs":{"label":"Ann"}}]}]}]}]}`: "- a\n- @Ann",
		`null`:            "",
		`{"content":17}`:  "",
		`[1,true,"text"]`: "text",
	} {
		var v any
		if err := json.Unmarshal([]byte(raw), &v); err != nil {
			t.Fatal(err)
		}
		if got := plainText(v); got != want {
			t.Errorf("%s reads as %q, want %q", raw, got, want)
		}
	}
}

func TestASecretNeverGetsIntoARecord(t *testing.T) {
	t.Parallel()
	c := New(Config{Connection: "g"})
	d := document{"_id": "1", "gleapHash": "SECRET", "secretShareToken": "SECRET", "session": map[string]any{"id": "2", "gleapHash": "SECRET"}, "name": "Ann"}
	for _, r := range []record.Record{c.contactOf(d), c.ticketOf(d)} {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("SECRET")) {
			t.Errorf("the record holds a secret: %s", b)
		}
	}
}

func TestAValueIsEncodedForItsField(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		value record.Value
		kind  record.Kind
		want  any
		ok    bool
	}{
		"a number in text":       {record.TextOf(" 12.5 "), record.Number, 12.5, true},
		"text that is no number": {record.TextOf("lots"), record.Number, nil, false},
		"infinity":               {record.TextOf("Inf"), record.Number, nil, false},
		"no number":              {record.Value{}, record.Number, nil, true},
		"yes in text":            {record.TextOf("Yes"), record.Bool, true, true},
		"text that is neither":   {record.TextOf("maybe"), record.Bool, nil, false},
		"a number as text":       {record.NumberOf(7), record.Text, "7", true},
		"a day in text":          {record.TextOf("2026-03-04"), record.DateTime, "2026-03-04T00:00:00.000Z", true},
		"text that is no date":   {record.TextOf("soon"), record.DateTime, "", false},
		"no date":                {record.Value{}, record.DateTime, "", true},
		"one label for a set":    {record.TextOf("vip"), record.Set, []string{"vip"}, true},
		"nothing for a set":      {record.Value{}, record.Set, []string{}, true},
		"a list for a text":      {record.ListOf([]string{"a", "b"}), record.Text, "a, b", true},
		"a yes for a text":       {record.BoolOf(true), record.Text, "yes", true},
		"nothing clears text":    {record.Value{}, record.Email, "", true},
		"nothing means no":       {record.Value{}, record.Bool, false, true},
	} {
		got, ok := encode(tc.value, tc.kind)
		if diff := cmp.Diff(tc.want, got); diff != "" && tc.ok || ok != tc.ok {
			t.Errorf("%s: %v, %v, want %v, %v", name, got, ok, tc.want, tc.ok)
		}
	}
}

func TestAQueryKeepsTheOperatorInTheKey(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 7200))
	q := query{}.eq("email", "a+b&c=d@x.com").num("limit", 5).from("updatedAt", at)
	want := "email=a%2Bb%26c%3Dd%40x.com&limit=5&updatedAt>=2026-01-02T01%3A04%3A05.000Z"
	if q.String() != want {
		t.Errorf("query %s, want %s", q, want)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`[{"id":"1","tags":["a",1,null],"customData":{"a":1,"b":{"c":[]}},"updatedAt":"x"}]`,
		`{"tickets":[{"_id":{"$oid":"1"},"session":"2","formData":[],"bugId":"no"}],"totalCount":-1}`,
		`[{"id":" ","_id":{"$oid":"\t"}}]`, `{"session":{"id":"1"}}`, `[[[]]]`, `{"id":"1","data":{"content":{"type":"doc","content":[{"type":"text","text":5}]}}}`, `"x"`, `null`,
	} {
		f.Add([]byte(seed))
	}
	c := New(Config{Connection: "g"})
	f.Fuzz(func(t *testing.T, raw []byte) {
		ds, _ := documents(raw)
		if d := single(raw); d != nil {
			ds = append(ds, d)
			lanesOf(d)
		}
		for _, d := range ds {
			for _, r := range []record.Record{c.contactOf(d), c.ticketOf(d), c.noteOf(d), c.userOf(d)} {
				if r.Ref.ID == "" || r.Title == "" {
					t.Fatalf("%s reads as %+v", raw, r)
				}
			}
		}
		customSpecs(ds, contactBags)
		customSpecs(ds, ticketBags)
		parseCursor(string(raw))
	})
}
