package record_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/record"
)

func TestWhatNoProviderCanCarryIsEmpty(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]record.Value{
		"text": record.TextOf(""), "not a number": record.NumberOf(math.NaN()), "infinity": record.NumberOf(math.Inf(-1)),
		"no time": record.TimeOf(time.Time{}), "no list": record.ListOf(nil), "null": record.FromJSON(nil), "a list of nothing": record.FromJSON([]any{nil, ""}),
	} {
		if !v.IsEmpty() || v.String() != "" || !v.Equal(record.Value{}) {
			t.Errorf("%s is %q", name, v)
		}
	}
	if record.NumberOf(0).IsEmpty() || record.BoolOf(false).IsEmpty() {
		t.Error("nought and no are values")
	}
}

func TestAProvidersJSONIsReadWithoutLoss(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]record.Value{
		`"Jane"`: record.TextOf("Jane"), `12.5`: record.NumberOf(12.5), `true`: record.BoolOf(true), `["a",1,false,null]`: record.ListOf([]string{"a", "1", "no"}),
		`{"b":1,"a":[2]}`: record.TextOf(`{"a":[2],"b":1}`),
	} {
		var raw any
		if err := json.Unmarshal([]byte(in), &raw); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, record.FromJSON(raw)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
	if got := record.FromJSON(json.Number("1e999")); got.String() != "1e999" {
		t.Errorf("a number too large became %q", got)
	}
	var v record.Value
	if err := json.Unmarshal([]byte(`{"when":"now"}`), &v); err == nil {
		t.Errorf("an object that is no instant became %q", v)
	}
}

func TestReferencesAreToldApart(t *testing.T) {
	t.Parallel()
	jane := record.Ref{Connection: "c1", Type: record.Contact, ID: "7"}
	seen := map[string]bool{jane.String(): true}
	for _, other := range []record.Ref{{Connection: "c2", Type: record.Contact, ID: "7"}, {Connection: "c1", Type: record.Ticket, ID: "7"}, {Connection: "c1", Type: record.Contact, ID: "8"}} {
		if seen[other.String()] {
			t.Errorf("%+v is taken for another", other)
		}
		seen[other.String()] = true
	}
	if jane.IsZero() || !(record.Ref{Connection: "c1", Type: record.Contact}).IsZero() {
		t.Error("only a reference without an id points at nothing")
	}
}

func TestAFieldIsFoundByItsKeyAndACopyIsACopy(t *testing.T) {
	t.Parallel()
	schema := record.Schema{Fields: []record.FieldSpec{{Key: "email", Label: "Email"}, {Key: "phone", Label: "Phone"}}}
	if f, ok := schema.Field("phone"); !ok || f.Label != "Phone" {
		t.Errorf("got %+v", f)
	}
	if f, ok := schema.Field("Phone"); ok {
		t.Errorf("keys are not labels: %+v", f)
	}
	fields := record.Fields{"email": record.TextOf("a@b.io")}
	other := fields.Clone()
	other["email"] = record.TextOf("c@d.io")
	if fields["email"].String() != "a@b.io" || len(record.Fields(nil).Clone()) != 0 {
		t.Error("changing the copy changed the original")
	}
}

func TestEveryKindHasWordsOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]record.Kind{}
	for _, k := range kinds {
		words := k.Words()
		if twin, ok := seen[words]; words == "" || ok && !(k == record.LongText && twin == record.Text) {
			t.Errorf("%s and %s are both %q", k, twin, words)
		}
		seen[words] = k
	}
	if record.Kind("signature").Words() != record.Text.Words() {
		t.Error("a kind we do not know is text")
	}
}
