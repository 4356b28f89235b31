package highlevel

import (
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheRateLimitIsToldAndKept(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) { c.Rate = Rate{} })
	here := "/contacts/?locationId=" + s.ready.LocationID
	first := s.want(200, s.call("GET", here, nil))
	for name, want := range map[string]string{
		"X-RateLimit-Limit-Daily": "200000", "X-RateLimit-Daily-Remaining": "199999", "X-RateLimit-Interval-Milliseconds": "10000",
		"X-RateLimit-Max": "100", "X-RateLimit-Remaining": "99",
	} {
		if got := first.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for range 99 {
		s.want(200, s.call("GET", here, nil))
	}
	over := s.want(429, s.call("GET", here, nil))
	if over.header.Get("X-RateLimit-Remaining") != "0" || over.header.Get("Retry-After") != "" {
		t.Errorf("429 headers: %v", over.header)
	}
	s.clock.advance(10 * time.Second)
	s.want(200, s.call("GET", here, nil))

	daily := newStage(t, func(c *Config) { c.Rate = Rate{Daily: 2} })
	here = "/contacts/?locationId=" + daily.ready.LocationID
	daily.want(200, daily.call("GET", here, nil))
	daily.want(200, daily.call("GET", here, nil))
	daily.clock.advance(time.Hour)
	daily.want(429, daily.call("GET", here, nil))
	daily.clock.advance(24 * time.Hour)
	daily.want(200, daily.call("GET", here, nil))
}

func TestFaultsHappenAsOftenAsAsked(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	here := "/contacts/?locationId=" + s.ready.LocationID
	s.twin.SetFaults(Faults{Next429: 1, Next5xx: 1})
	s.want(503, s.call("GET", here, nil))
	s.want(429, s.call("GET", here, nil))
	s.want(200, s.call("GET", here, nil))
	s.twin.SetFaults(Faults{Rate5xx: 1})
	s.want(503, s.call("GET", here, nil))

	s.twin.SetFaults(Faults{DropAfterCommit: 1})
	s.want(200, s.call("GET", here, nil)) // only writes are dropped
	if _, err := s.try("POST", "/contacts/", obj{"locationId": s.ready.LocationID, "email": "dropped@example.com"}); err == nil {
		t.Error("the connection should have been closed")
	}
	s.twin.SetFaults(Faults{Create422ButCommits: 2})
	s.want(422, s.call("POST", "/contacts/", obj{"locationId": s.ready.LocationID, "email": "refused@example.com"}))
	s.want(422, s.call("POST", "/contacts/upsert", obj{"locationId": s.ready.LocationID, "email": "upserted@example.com"}))
	var emails []any
	for _, c := range s.twin.Contacts() {
		emails = append(emails, c["email"])
	}
	if diff := cmp.Diff([]any{"upserted@example.com", "refused@example.com", "dropped@example.com"}, emails); diff != "" {
		t.Error(diff)
	}
	if got := s.twin.Stats(); got.Writes != 3 || got.Contacts != 3 {
		t.Errorf("stats %+v", got)
	}
	calls := s.twin.Calls()
	if last := calls[len(calls)-1]; last.Method != "POST" || last.Path != "/contacts/upsert" || last.Status != 422 {
		t.Errorf("last call %+v", last)
	}
	if diff := cmp.Diff(Faults{}, s.twin.Faults()); diff != "" {
		t.Errorf("what is left of the faults: %s", diff)
	}
}

func TestTheStateFileBringsEverythingBack(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "twin.json")
	keep := func(c *Config) { c.StateFile = file }
	s := newStage(t, keep)
	s.twin.SeedContacts(20)
	tokens := s.connect("contacts.readonly")
	id := s.create(obj{"email": "kept@example.com", "customFields": []obj{{"key": "interests", "field_value": []string{"Implants"}}, {"key": "seats", "field_value": 4}}})
	s.want(201, s.call("POST", "/contacts/"+id+"/notes", obj{"body": "kept"}))
	before := s.twin.Contacts()
	if err := s.twin.Close(); err != nil {
		t.Fatal(err)
	}

	again := newStage(t, keep)
	again.twin.SeedContacts(20) // no-op
	if diff := cmp.Diff(before, again.twin.Contacts()); diff != "" {
		t.Error(diff)
	}
	if r := again.call("GET", "/contacts/"+id+"/notes", nil); r.str("notes.0.body") != "kept" {
		t.Errorf("notes: %s", r.raw)
	}
	again.want(200, again.call("GET", "/contacts/"+id, nil, bearer(tokens.str("access_token"))))
	again.want(200, again.call("POST", "/oauth/token", url.Values{"client_id": {s.ready.ClientID}, "client_secret": {s.ready.ClientSecret},
		"grant_type": {"refresh_token"}, "refresh_token": {tokens.str("refresh_token")}}))
	if fresh := again.create(obj{"email": "fresh@example.com"}); fresh == id {
		t.Error("an id was given twice")
	}
	if _, err := New(Config{StateFile: t.TempDir()}); err == nil {
		t.Error("a folder as state file must be refused")
	}
}

func TestChangesAreSavedWithoutClosing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "twin.json")
	s := newStage(t, func(c *Config) { c.StateFile = file })
	s.twin.PersonCreatesContact(obj{"firstName": "Saved"})
	deadline := time.Now().Add(5 * time.Second)
	for range time.Tick(10 * time.Millisecond) {
		if other, err := New(Config{Seed: 7, StateFile: file}); err == nil && len(other.Contacts()) == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the state was not saved")
		}
	}
}

func TestTheSameSeedMakesTheSamePeople(t *testing.T) {
	t.Parallel()
	a, b := newStage(t), newStage(t)
	a.twin.SeedContacts(200)
	b.twin.SeedContacts(200)
	if diff := cmp.Diff(a.twin.Contacts(), b.twin.Contacts()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(a.ready.Token, b.ready.Token); diff != "" {
		t.Error(diff)
	}
	emails := map[any]bool{}
	for _, c := range a.twin.Contacts() {
		emails[c["email"]] = true
	}
	if len(emails) != 200 || a.twin.Stats().Writes != 0 {
		t.Errorf("%d different emails, stats %+v", len(emails), a.twin.Stats())
	}
}

func TestThePageLetsAPersonWork(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	events := listen(s, nil)
	form := url.Values{"firstName": {"<b>Eve</b>"}, "email": {"eve@example.com"}, "tags": {"A, b"}}
	s.want(303, s.call("POST", "/_twin/contacts", form))
	if e := next(t, events); e["type"] != "ContactCreate" {
		t.Errorf("got %v", e)
	}
	id := s.twin.Contacts()[0]["id"].(string)
	page := s.want(200, s.call("GET", "/_twin/", nil))
	if !strings.Contains(page.raw, "&lt;b&gt;Eve") || strings.Contains(page.raw, "<script") || strings.Contains(page.raw, "style=") {
		t.Errorf("page: %s", page.raw)
	}
	if csp := page.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("CSP %q", csp)
	}
	s.want(200, s.call("GET", "/_twin/style.css", nil))
	edit := s.want(200, s.call("GET", "/_twin/contacts/"+id, nil))
	if !strings.Contains(edit.raw, `value="a, b"`) {
		t.Errorf("edit page: %s", edit.raw)
	}
	s.want(303, s.call("POST", "/_twin/contacts/"+id, url.Values{"city": {"Rome"}, "tags": {""}}))
	s.want(200, s.call("POST", "/_twin/contacts/"+id, obj{"lastName": "Adams"}))
	c, _ := s.twin.Contact(id)
	if c["city"] != "Rome" || c["lastName"] != "Adams" || !cmp.Equal(c["tags"], []any{}) {
		t.Errorf("contact %v", c)
	}
	s.want(422, s.call("POST", "/_twin/contacts/"+id, url.Values{"email": {"nonsense"}}))
	s.want(422, s.call("POST", "/_twin/contacts", obj{"zip": "1"}))
	s.want(400, s.call("POST", "/_twin/contacts", obj{"email": "eve@example.com"}))
	s.want(404, s.call("POST", "/_twin/contacts/nobody/delete", obj{}))
	s.want(404, s.call("GET", "/_twin/contacts/nobody", nil))
	s.want(403, s.call("POST", "/_twin/contacts", form, header("Sec-Fetch-Site", "cross-site")))
	s.want(200, s.call("POST", "/_twin/contacts/"+id+"/delete", obj{}))

	s.want(303, s.call("POST", "/_twin/faults", url.Values{"next429": {"2"}, "rate5xx": {"0"}, "missingScopes": {"a b"}, "revokeAccess": {"on"}}))
	if diff := cmp.Diff(Faults{Next429: 2, RevokeAccess: true, MissingScopes: []string{"a", "b"}}, s.twin.Faults()); diff != "" {
		t.Error(diff)
	}
	if r := s.want(200, s.call("GET", "/_twin/faults", nil)); r.at("next429") != 2.0 {
		t.Errorf("faults: %s", r.raw)
	}
	s.want(200, s.call("PUT", "/_twin/faults", obj{"latencyMs": 1}))
	s.want(400, s.call("PUT", "/_twin/faults", obj{"latency": 1}))
	if diff := cmp.Diff(Faults{LatencyMs: 1}, s.twin.Faults()); diff != "" {
		t.Error(diff)
	}
	// Deliveries go out beside the answers: one has to be on its way before the address is taken away.
	for deadline := time.Now().Add(10 * time.Second); s.twin.Stats().WebhooksSent == 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("no webhook was sent")
		}
	}
	s.want(200, s.call("PUT", "/_twin/webhook", obj{"url": ""}))
	s.want(400, s.call("PUT", "/_twin/webhook", obj{"url": "ftp://x"}))
	if r := s.want(200, s.call("GET", "/_twin/stats", nil)); r.at("writes") != 0.0 || r.at("webhooksSent").(float64) < 1 {
		t.Errorf("a person's work is no API write: %s", r.raw)
	}
}
