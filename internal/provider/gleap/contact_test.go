package gleap_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/gleap"
)

func (a *account) contact(t *testing.T, fields map[string]any) record.Ref {
	t.Helper()
	return ref(record.Contact, a.twin.PersonCreatesContact(fields))
}

func TestAnUpdateKeepsTheAttributesItDoesNotName(t *testing.T) {
	t.Parallel()
	a := open(t)
	ann := a.contact(t, map[string]any{"email": "ann@example.com", "customData": map[string]any{"seats": 4.0, "beta": true, "city": "Graz"}})
	got, err := a.client.Update(t.Context(), ann, provider.Write{Fields: record.Fields{
		"customData.ghlContactId": text("abc"), "customData.seats": record.NumberOf(5), "customData.city": {},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Fields["customData.city"].IsEmpty() {
		t.Errorf("city is %q after clearing", got.Fields["customData.city"])
	}
	doc, _ := a.twin.Session(ann.ID)
	want := map[string]any{"seats": 5.0, "beta": true, "city": "", "ghlContactId": "abc"}
	if diff := cmp.Diff(want, doc["customData"]); diff != "" {
		t.Error(diff)
	}
}

func TestCustomAttributesAreDescribedFromASample(t *testing.T) {
	t.Parallel()
	a := open(t)
	a.contact(t, map[string]any{"email": "a@example.com", "customData": map[string]any{"seats": 4.0, "beta": true, "mixed": 1.0, "nested": map[string]any{"x": 1.0}}})
	a.contact(t, map[string]any{"email": "b@example.com", "customData": map[string]any{"seats": 6.0, "mixed": "one", "city": "Graz"}})
	schema, err := a.client.Describe(t.Context(), record.Contact)
	if err != nil {
		t.Fatal(err)
	}
	var got []record.FieldSpec
	for _, f := range schema.Fields {
		if f.Custom {
			got = append(got, f)
		}
	}
	want := []record.FieldSpec{
		{Key: "customData.beta", Label: "beta", Kind: record.Bool, Custom: true},
		{Key: "customData.city", Label: "city", Kind: record.Text, Custom: true},
		{Key: "customData.mixed", Label: "mixed", Kind: record.Text, Custom: true},
		{Key: "customData.nested", Label: "nested", Kind: record.Text, Custom: true, ReadOnly: true},
		{Key: "customData.seats", Label: "seats", Kind: record.Number, Custom: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	before := a.twin.Stats().Calls
	if _, err := a.client.Describe(t.Context(), record.Contact); err != nil || a.twin.Stats().Calls != before {
		t.Errorf("a second description within a minute calls again (%v)", err)
	}
}

func TestAFieldThatCannotBeWrittenIsNamed(t *testing.T) {
	t.Parallel()
	a := open(t)
	ann := a.contact(t, map[string]any{"email": "ann@example.com"})
	before := a.twin.Stats().Writes
	for key, v := range map[string]record.Value{
		"shoeSize": record.NumberOf(9), "lastActivity": text("2026-01-01"), "value": text("a lot"), "gleapHash": text("x"), "customData.": text("x"),
	} {
		_, err := a.client.Update(t.Context(), ann, provider.Write{Fields: record.Fields{key: v}})
		e, ok := err.(*provider.Error)
		if !ok || e.Kind != provider.Invalid || e.Fields[key] == "" {
			t.Errorf("%s: %v, want invalid with a complaint about it", key, err)
		}
	}
	if a.twin.Stats().Writes != before {
		t.Error("something was written")
	}
}

func TestAContactIsFoundInWhateverSpelling(t *testing.T) {
	t.Parallel()
	a := open(t)
	ann := a.contact(t, map[string]any{"email": "Ann.Lee@Example.com", "phone": "+436641234567"})
	a.contact(t, map[string]any{"email": "xann.lee@example.com", "phone": "+4366412345678"})
	for field, spellings := range map[string][]string{
		"email": {"Ann.Lee@Example.com", "ann.lee@example.com", " ANN.LEE@EXAMPLE.COM "},
		"phone": {"+436641234567", "+43 664 1234567", "0043 664 123 45 67"},
	} {
		for _, spelling := range spellings {
			found, err := a.client.Find(t.Context(), record.Contact, field, text(spelling))
			if err != nil || len(found) != 1 || found[0].Ref != ann {
				t.Errorf("find by %s %q: %v, %v", field, spelling, found, err)
			}
		}
	}
}

func TestEveryContactOfAnAddressIsFound(t *testing.T) {
	t.Parallel()
	a := open(t)
	for _, email := range []string{"ann@example.com", "ann@example.com", "Ann@example.com"} {
		a.contact(t, map[string]any{"email": email})
	}
	found, err := a.client.Find(t.Context(), record.Contact, "email", text("ann@example.com"))
	if err != nil || len(found) != 3 {
		t.Errorf("%d contacts, %v, want 3", len(found), err)
	}
}

// TestNobodyIsOverlookedWhenTheFilterIsIgnored guards against duplicates: "none" leads to a create.
func TestNobodyIsOverlookedWhenTheFilterIsIgnored(t *testing.T) {
	t.Parallel()
	s := newShelf(230, eachMinute)
	mux := http.NewServeMux()
	mux.Handle("/v3/sessions", s)
	mux.HandleFunc("/v3/sessions/search", http.NotFound)
	c := answering(t, mux)
	found, err := c.Find(t.Context(), record.Contact, "email", text("P199@example.com"))
	if err != nil || len(found) != 1 || found[0].Fields["email"].String() != "p199@example.com" {
		t.Errorf("find: %v, %v", found, err)
	}
	if found, err = c.Find(t.Context(), record.Contact, "email", text("nobody@example.com")); err != nil || len(found) != 0 {
		t.Errorf("find nobody: %v, %v", found, err)
	}
}

func TestASearchOffersOnlyContactsThatHoldTheWords(t *testing.T) {
	t.Parallel()
	a := open(t)
	ann := a.contact(t, map[string]any{"email": "ann@example.com", "name": "Ann Lee"})
	a.contact(t, map[string]any{"email": "bob@example.com", "name": "Bob"})
	for _, term := range []string{"lee", "ANN@", " ann@example.com "} {
		got, _ := all(t, a.client, provider.Query{Type: record.Contact, Search: term})
		if len(got) != 1 || got[0].Ref != ann {
			t.Errorf("search %q: %v", term, got)
		}
	}
	// A server that does not know the parameter answers everybody.
	mux := http.NewServeMux()
	mux.Handle("/v3/sessions/search", newShelf(30, eachMinute))
	mux.Handle("/v3/sessions", newShelf(30, eachMinute))
	got, _ := all(t, answering(t, mux), provider.Query{Type: record.Contact, Search: "p7@"})
	if len(got) != 1 || got[0].Fields["email"].String() != "p7@example.com" {
		t.Errorf("search: %v", got)
	}
}

func TestAWriteThatHappenedIsNotReportedAsFailed(t *testing.T) {
	t.Parallel()
	c := answering(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			writeJSON(w, http.StatusOK, map[string]any{"id": "64b5f0c2a1b2c3d4e5f60718", "email": "ann@example.com"})
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	got, err := c.Create(t.Context(), provider.Write{Type: record.Contact, Fields: record.Fields{"email": text("ann@example.com")}})
	if err != nil || got.Ref.ID != "64b5f0c2a1b2c3d4e5f60718" || got.Fields["email"].String() != "ann@example.com" {
		t.Errorf("create: %+v, %v", got, err)
	}
	c = answering(t, script(t, map[string]string{"POST /v3/sessions": `{"success":true}`}))
	if _, err = c.Create(t.Context(), provider.Write{Type: record.Contact, Fields: record.Fields{"email": text("ann@example.com")}}); !provider.IsKind(err, provider.Ambiguous) {
		t.Errorf("a create whose answer names no record is %v, want ambiguous", err)
	}
}

func TestACreateNeedsSomethingToWrite(t *testing.T) {
	t.Parallel()
	a := open(t)
	for _, fields := range []record.Fields{nil, {"email": {}, "tags": {}, "customData.x": {}}} {
		if _, err := a.client.Create(t.Context(), provider.Write{Type: record.Contact, Fields: fields}); !provider.IsKind(err, provider.Invalid) {
			t.Errorf("create of %v: %v, want invalid", fields, err)
		}
	}
	if n := a.twin.Stats().Sessions; n != 0 {
		t.Errorf("%d contacts were made", n)
	}
}

func TestAPollSurvivesAServerThatIgnoresTheTimeOfChange(t *testing.T) {
	t.Parallel()
	a := open(t)
	for i := range 30 {
		a.contact(t, map[string]any{"email": fmt.Sprintf("old%d@example.com", i)})
	}
	a.passed.Add(3600e9)
	fresh := a.contact(t, map[string]any{"email": "new@example.com"})
	now, err := a.client.Get(t.Context(), fresh)
	if err != nil {
		t.Fatal(err)
	}
	a.twin.SetFaults(twin.Faults{IgnoreUpdatedAtFilter: true})
	got, _ := all(t, a.client, provider.Query{Type: record.Contact, ChangedSince: now.UpdatedAt, PageSize: 8})
	if len(got) != 1 || got[0].Ref != fresh {
		t.Errorf("%d contacts, want the one that is new", len(got))
	}
	a.twin.SetFaults(twin.Faults{EmptyList: 1})
	if got, pages := all(t, a.client, provider.Query{Type: record.Contact}); len(got) != 0 || pages != 1 {
		t.Errorf("an empty list gives %d contacts on %d pages", len(got), pages)
	}
}

func TestNoSecretOfGleapIsRecorded(t *testing.T) {
	t.Parallel()
	a := open(t)
	ann := a.contact(t, map[string]any{"email": "ann@example.com"})
	ticket := a.twin.PersonCreatesTicket(ann.ID, map[string]any{"title": "Help"})
	doc, _ := a.twin.Session(ann.ID)
	raw := a.object(t, "GET", "/tickets/"+ticket, "")
	var mu sync.Mutex
	var shown strings.Builder
	ctx := provider.WithRecorder(t.Context(), func(c provider.Call) {
		mu.Lock()
		defer mu.Unlock()
		b, _ := json.Marshal(c)
		shown.Write(b)
	})
	for _, r := range []record.Ref{ann, ref(record.Ticket, ticket)} {
		if _, err := a.client.Get(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	for _, secret := range []any{doc["gleapHash"], raw["secretShareToken"], a.ready.Token} {
		if s, _ := secret.(string); s == "" || strings.Contains(shown.String(), s) {
			t.Errorf("the secret %q is missing in the twin or shown in the record of calls", s)
		}
	}
}
