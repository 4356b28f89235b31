package highlevel

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tap collects what a twin's Tap is handed. The twin promises not to call it twice at a time, so it has no lock.
type tap struct {
	bodies  []string
	headers []http.Header
	then    func(e event) // nil: nothing
}

func (p *tap) take(body []byte, header http.Header) {
	p.bodies, p.headers = append(p.bodies, string(body)), append(p.headers, header)
	if p.then != nil {
		var e event
		_ = json.Unmarshal(body, &e)
		p.then(e)
	}
}

func (p *tap) kinds(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, body := range p.bodies {
		var e event
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatal(err)
		}
		checkEventKeys(t, e)
		out = append(out, e["type"].(string))
	}
	return out
}

func TestATapTakesEveryWebhookInOrderBeforeTheCallReturns(t *testing.T) {
	t.Parallel()
	var p tap
	s := newStage(t, func(c *Config) { c.Tap = p.take })
	var want []string
	expect := func(kinds ...string) {
		t.Helper()
		want = append(want, kinds...)
		if diff := cmp.Diff(want, p.kinds(t)); diff != "" {
			t.Fatal(diff)
		}
	}
	id := s.create(obj{"email": "a@example.com"})
	expect("ContactCreate")
	s.call("PUT", "/contacts/"+id, obj{"city": "Rome", "tags": []string{"x"}, "dnd": true})
	expect("ContactUpdate", "ContactTagUpdate", "ContactDndUpdate")
	task := s.twin.PersonCreatesTask(id, obj{"title": "t", "dueDate": "2026-10-25T11:00:00Z", "completed": true})
	expect("TaskCreate", "TaskComplete")
	if err := s.twin.PersonDeletesTask(task); err != nil {
		t.Fatal(err)
	}
	expect("TaskDelete")
	s.twin.SetFaults(Faults{WebhooksLost: 1, WebhooksDoubled: 1, WebhookDelayMs: 3_600_000})
	note := s.twin.PersonCreatesNote(id, obj{"body": "lost"})
	expect()
	if err := s.twin.PersonEditsNote(note, obj{"body": "twice"}); err != nil {
		t.Fatal(err)
	}
	expect("NoteUpdate", "NoteUpdate")
	s.connect("contacts.readonly")
	s.twin.Uninstall()
	expect("INSTALL", "UNINSTALL")
	s.twin.SetFaults(Faults{MissingScopes: []string{readContacts}})
	s.twin.PersonCreatesContact(obj{"firstName": "unscoped"})
	expect()

	key := s.twin.signKey.Public().(ed25519.PublicKey)
	for i, body := range p.bodies {
		sig, err := base64.StdEncoding.DecodeString(p.headers[i].Get("X-GHL-Signature"))
		if err != nil || !ed25519.Verify(key, []byte(body), sig) || p.headers[i].Get("Content-Type") != "application/json" {
			t.Errorf("headers %v", p.headers[i])
		}
	}
	if got := s.twin.Stats(); got.WebhooksSent != int64(len(want)) || got.WebhooksLost != 1 {
		t.Errorf("%+v, want %d sent", got, len(want))
	}
}

func TestATapMayCallTheTwin(t *testing.T) {
	t.Parallel()
	var p tap
	s := newStage(t, func(c *Config) { c.Tap = p.take })
	depth := 0
	p.then = func(e event) {
		if depth++; depth > 1 {
			t.Error("the tap is called while it runs")
		}
		defer func() { depth-- }()
		if e["type"] == "ContactCreate" {
			s.twin.PersonCreatesNote(e["id"].(string), obj{"body": "from within"})
			s.call("PUT", "/contacts/"+e["id"].(string), obj{"city": "Rome"})
			if got := s.twin.Snapshot(); len(got.Notes) != 1 || got.Contacts[0].City != "Rome" {
				t.Errorf("%+v", got)
			}
		}
	}
	s.create(obj{"email": "a@example.com"})
	if diff := cmp.Diff([]string{"ContactCreate", "NoteCreate", "ContactUpdate"}, p.kinds(t)); diff != "" {
		t.Error(diff)
	}
}

func TestATapKeepsTheOrderOfManyAtOnce(t *testing.T) {
	t.Parallel()
	var p tap
	twin, err := New(Config{Tap: p.take, Now: newClock().Now})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				twin.PersonCreatesContact(obj{"firstName": "Ada"})
			}
		})
	}
	all.Wait()
	var told, made []string
	for _, body := range p.bodies {
		var e event
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatal(err)
		}
		told = append(told, e["id"].(string))
	}
	for _, c := range twin.Snapshot().Contacts {
		made = append(made, c.ID)
	}
	if len(told) != 200 || !slices.Equal(told, made) {
		t.Errorf("%d told of %d, or in another order", len(told), len(made))
	}
}

// TestARunIsTheSameEveryTime does the same things to two twins of one seed and holds every byte they said against each
// other: what a simulation needs to play a run again.
func TestARunIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	run := func() (said []string, p *tap, snap Snapshot) {
		p = &tap{}
		s := newStage(t, func(c *Config) { c.Tap, c.AllowDuplicates = p.take, true })
		s.twin.SeedContacts(20)
		call := func(method, path string, body any) reply {
			r := s.call(method, path, body)
			said = append(said, r.raw)
			return r
		}
		call("POST", "/contacts/", obj{"email": 1, "phone": 2, "tags": 3, "x": 4, "y": 5}) // many complaints
		id := s.create(obj{"email": "a@example.com", "customFields": []obj{{"key": "seats", "field_value": 3}, {"key": "plan", "field_value": "Pro"}}})
		for range 3 {
			task := call("POST", "/contacts/"+id+"/tasks", obj{"title": "t", "dueDate": "2026-10-25T11:00:00Z", "completed": false}).str("task.id")
			call("PUT", "/contacts/"+id+"/tasks/"+task, obj{"title": "u"})
			call("POST", "/contacts/"+id+"/notes", obj{"body": "b", "title": "t", "color": "#FFAA00"})
		}
		call("GET", "/contacts/"+id+"/tasks", nil)
		call("GET", "/contacts/"+id+"/notes", nil)
		call("POST", "/contacts/search", obj{"locationId": s.ready.LocationID, "pageLimit": 50})
		call("POST", "/locations/"+s.ready.LocationID+"/tasks/search", obj{})
		_ = s.twin.PersonAddsTags(id, "b", "a")
		_ = s.twin.PersonDeletesContact(id)
		return said, p, s.twin.Snapshot()
	}
	said, told, holds := run()
	again, toldAgain, holdsAgain := run()
	if diff := cmp.Diff(said, again); diff != "" {
		t.Errorf("answers: %s", diff)
	}
	if diff := cmp.Diff(told.bodies, toldAgain.bodies); diff != "" || len(told.bodies) < 8 {
		t.Errorf("%d webhooks: %s", len(told.bodies), diff)
	}
	if diff := cmp.Diff(told.headers, toldAgain.headers); diff != "" {
		t.Errorf("signatures: %s", diff)
	}
	if diff := cmp.Diff(holds, holdsAgain); diff != "" {
		t.Errorf("snapshots: %s", diff)
	}
}
