package gleap

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAPersonsWorkIsSeenByTheAPIAndIsNoAPIWrite(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	id := c.twin.PersonCreatesContact(map[string]any{"name": "Ada", "company": "Engines", "tags": "vip, new", "value": "12.5", "seats": 3})
	if err := c.twin.PersonEditsContact(id, map[string]any{"plan": "pro", "customData": map[string]any{"role": "owner"}, "company": ""}); err != nil {
		t.Fatal(err)
	}
	got := c.object(200, "GET", "/sessions/"+id, nil)
	for name, want := range map[string]any{
		"name": "Ada", "companyName": nil, "tags": []any{"vip", "new"}, "value": 12.5, "plan": "pro", "customData": object{"seats": 3.0, "role": "owner"},
	} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	ticket := c.twin.PersonCreatesTicket(id, map[string]any{"title": "Help", "type": "BUG", "description": "It broke", "message": "Hello?"})
	messages := c.list("/messages?ticket=" + ticket)
	if len(messages) != 1 || text(messages[0], "senderType") != "user" || text(messages[0], "type") != "USER_TEXT" {
		t.Errorf("messages: %v", messages)
	}
	if err := c.twin.PersonEditsTicket(ticket, map[string]any{"priority": "URGENT"}); err == nil {
		t.Error("a wrong priority was taken")
	}
	if err := c.twin.PersonDeletesContact(id); err != nil {
		t.Fatal(err)
	}
	c.do(404, "GET", "/sessions/"+id, nil)
	if err := c.twin.PersonEditsContact(id, nil); err == nil {
		t.Error("a deleted contact was changed")
	}
	if got := c.twin.PersonCreatesTicket(id, map[string]any{"title": "x"}); got != "" {
		t.Errorf("a ticket %q for nobody", got)
	}
	if got := c.twin.Stats(); got.Writes != 0 || got.Sessions != 0 || got.Tickets != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestWhatACallerChangesInACopyStaysWithTheCaller(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	fields := map[string]any{"name": "Ada", "tags": []string{"a"}, "customData": map[string]any{"x": "1"}}
	id := c.twin.PersonCreatesContact(fields)
	fields["customData"].(map[string]any)["x"] = "2"
	got, found := c.twin.Session(id)
	if !found {
		t.Fatal("not found")
	}
	got["customData"].(map[string]any)["x"] = "3"
	got["tags"].([]any)[0] = "z"
	again := c.twin.Sessions()[0]
	if diff := cmp.Diff([]any{object{"x": "1"}, []any{"a"}}, []any{again["customData"], again["tags"]}); diff != "" {
		t.Error(diff)
	}
}

func TestSeededPeopleAreTheSameEveryTimeAndAsMixedAsReal(t *testing.T) {
	t.Parallel()
	c, d := start(t, Config{Seed: 8}), start(t, Config{Seed: 8})
	c.twin.SeedContacts(400)
	d.twin.SeedContacts(400)
	people := c.twin.Sessions()
	if diff := cmp.Diff(people, d.twin.Sessions()); diff != "" {
		t.Error(diff)
	}
	count := map[string]int{}
	for _, p := range people {
		if text(p, "email") == "" {
			count["guests"]++
			continue
		}
		if text(p, "phone") == "" {
			count["no phone"]++
		} else if !strings.HasPrefix(text(p, "phone"), "+") {
			count["national phone"]++
		}
		if !strings.Contains(text(p, "name"), " ") {
			count["one-word name"]++
		}
		if p["customData"] != nil {
			count["attributes"]++
		}
	}
	for what, least := range map[string]int{"guests": 40, "no phone": 30, "national phone": 60, "one-word name": 10, "attributes": 100} {
		if count[what] < least {
			t.Errorf("%s: %d, want at least %d", what, count[what], least)
		}
	}
	if got := c.twin.Stats(); got.Tickets != 100 || got.WebhooksSent != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestTheStateFileBringsEverythingBack(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "gleap.json")
	c := start(t, Config{StateFile: file})
	c.twin.SeedContacts(8)
	kept := c.object(200, "POST", "/sessions", object{"userId": "u1", "customData": object{"x": 1}})
	ticket := c.twin.PersonCreatesTicket(text(kept, "id"), map[string]any{"title": "x", "message": "hello"})
	if err := c.twin.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("state file: %v %v", info, err)
	}
	d := start(t, Config{StateFile: file})
	d.twin.SeedContacts(8) // does nothing now
	if diff := cmp.Diff(c.twin.Sessions(), d.twin.Sessions()); diff != "" {
		t.Error(diff)
	}
	if got := d.list("/messages?ticket=" + ticket); len(got) != 1 {
		t.Errorf("messages: %v", got)
	}
	again := d.object(200, "POST", "/sessions", object{"userId": "u1"})
	fresh := d.object(200, "POST", "/sessions", object{"userId": "u2"})
	if again["id"] != kept["id"] || fresh["id"] == kept["id"] {
		t.Errorf("ids: %v, %v, %v", kept["id"], again["id"], fresh["id"])
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{StateFile: file}); err == nil {
		t.Error("a broken state file was taken")
	}
}

func TestChangesReachTheStateFileWithoutClose(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "gleap.json")
	c := start(t, Config{StateFile: file})
	c.do(200, "POST", "/sessions", object{"name": "Ada"})
	deadline := time.Now().Add(5 * time.Second)
	for {
		raw, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(raw), `"name":"Ada"`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not saved: %v", err)
		}
		runtime.Gosched()
	}
}

func (c *client) page(path string) (string, http.Header) {
	c.t.Helper()
	r := c.do(200, "GET", "/"+path, nil)
	return string(r.raw), r.header
}

func TestThePageLetsAPersonWorkWithoutScript(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	r := c.form(c.base+"/_twin/contacts", url.Values{"name": {"<Ada>"}, "email": {"ada@example.com"}, "tags": {"vip"}, "company": {"Engines"}})
	if r.status != 303 || r.header.Get("Location") != "/_twin/?done=contact-created" {
		t.Fatalf("%d %v", r.status, r.header)
	}
	page, header := c.page("/_twin/?done=contact-created")
	for _, want := range []string{"The contact was added.", "&lt;Ada&gt;", "ada@example.com", `<html lang="en">`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, " style=") ||
		!strings.HasPrefix(header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'self';") {
		t.Errorf("policy: %q", header.Get("Content-Security-Policy"))
	}
	id := text(c.twin.Sessions()[0], "id")
	if page, _ = c.page("/_twin/contacts/" + id); !strings.Contains(page, `value="Engines"`) {
		t.Error("the form is not filled")
	}
	c.form(c.base+"/_twin/contacts/"+id, url.Values{"name": {"Ada King"}, "tags": {""}})
	c.form(c.base+"/_twin/tickets", url.Values{"session": {id}, "title": {"Help"}, "type": {"BUG"}, "message": {"Hello?"}})
	ticket := text(list(c.object(200, "GET", "/tickets", nil), "tickets")[0].(object), "id")
	c.form(c.base+"/_twin/tickets/"+ticket, url.Values{"title": {"Help!"}, "status": {"DONE"}, "message": {"Done."}})
	if page, _ = c.page("/_twin/tickets/" + ticket); !strings.Contains(page, "Help!") || !strings.Contains(page, "Done.") {
		t.Error("the ticket's page is behind")
	}
	if got := c.object(200, "GET", "/sessions/"+id, nil); got["name"] != "Ada King" || len(list(got, "tags")) != 0 {
		t.Errorf("got %v", got)
	}
	c.form(c.base+"/_twin/faults", url.Values{"next409": {"2"}, "ignoreUpdatedAtFilter": {"on"}})
	if diff := cmp.Diff(Faults{Next409: 2, IgnoreUpdatedAtFilter: true}, c.twin.Faults()); diff != "" {
		t.Error(diff)
	}
	c.form(c.base+"/_twin/contacts/"+id+"/delete", nil)
	if got := c.twin.Stats().Sessions; got != 0 {
		t.Errorf("%d contacts are left", got)
	}
	if r := c.form(c.base+"/_twin/contacts/"+id, url.Values{"name": {"x"}}); r.status != 404 || !strings.Contains(string(r.raw), "does not exist") {
		t.Errorf("%d %s", r.status, r.raw)
	}
}

func TestTheControlPlaneTakesJSONAndRefusesOtherSites(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	id := text(c.object(201, "POST", "//_twin/contacts", object{"name": "Ada"}), "id")
	c.do(200, "POST", "//_twin/contacts/"+id, object{"plan": "pro"})
	ticket := text(c.object(201, "POST", "//_twin/tickets", object{"session": id, "title": "x"}), "id")
	c.do(200, "POST", "//_twin/tickets/"+ticket, object{"priority": "LOW"})
	c.do(400, "POST", "//_twin/tickets/"+ticket, object{"priority": 1})
	c.do(200, "PUT", "//_twin/webhook", object{"url": "http://127.0.0.1:9/"})
	c.do(400, "PUT", "//_twin/webhook", object{"url": "ftp://x"})
	c.do(200, "PUT", "//_twin/faults", object{"emptyList": 1})
	c.do(400, "PUT", "//_twin/faults", object{"nonsense": 1})
	c.do(200, "POST", "//_twin/contacts/"+id+"/delete", nil)
	if got := c.object(200, "GET", "//_twin/stats", nil); got["tickets"] != 1.0 || got["sessions"] != 0.0 {
		t.Errorf("got %v", got)
	}
	c.do(403, "POST", "//_twin/contacts", object{"name": "x"}, "Sec-Fetch-Site", "cross-site")
	res, err := http.Get(c.base + "/_twin/style.css")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if css, err := io.ReadAll(res.Body); err != nil || len(css) < 100 || res.Header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("style: %d bytes, %v", len(css), err)
	}
}
