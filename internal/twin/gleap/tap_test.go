package gleap

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tap collects what a twin's Tap is handed. The twin promises not to call it twice at a time, so it has no lock.
type tap struct {
	bodies  []string
	headers []http.Header
	then    func(event string, ticket object) // nil: nothing
}

func (p *tap) take(body []byte, header http.Header) {
	p.bodies, p.headers = append(p.bodies, string(body)), append(p.headers, header)
	if p.then != nil {
		var e object
		_ = json.Unmarshal(body, &e)
		p.then(text(e, "event"), e["data"].(object))
	}
}

// told is what the webhooks were about: the event and the ticket's title.
func (p *tap) told(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, body := range p.bodies {
		var e object
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, text(e, "event")+" "+text(e["data"].(object), "title"))
	}
	return out
}

func TestATapTakesEveryWebhookInOrderBeforeTheCallReturns(t *testing.T) {
	t.Parallel()
	var p tap
	c := start(t, Config{Tap: p.take, WebhookHeaders: map[string]string{"Authorization": "Bearer shared"}})
	c.twin.SeedContacts(8) // told to nobody
	var want []string
	expect := func(events ...string) {
		t.Helper()
		want = append(want, events...)
		if diff := cmp.Diff(want, p.told(t)); diff != "" {
			t.Fatal(diff)
		}
	}
	id := text(c.object(200, "POST", "/tickets", object{"title": "a"}), "id")
	expect("ticket.created a")
	c.do(200, "PUT", "/tickets/"+id, object{"title": "b"})
	expect("ticket.updated b")
	note := c.twin.PersonCreatesNote(id, "hello")
	expect("ticket.updated b")
	for _, err := range []error{c.twin.PersonEditsNote(note, "bye"), c.twin.PersonDeletesNote(note), c.twin.PersonClosesTicket(id)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	expect("ticket.updated b", "ticket.updated b", "ticket.updated b")
	c.twin.SetFaults(Faults{WebhooksLost: 1, WebhooksDoubled: 1, WebhookDelayMs: 3_600_000})
	c.twin.PersonCreatesTicket("", map[string]any{"title": "lost"})
	expect()
	c.twin.PersonCreatesTicket("", map[string]any{"title": "twice"})
	expect("ticket.created twice", "ticket.created twice")
	if err := c.twin.PersonDeletesTicket(id); err != nil {
		t.Fatal(err)
	}
	expect() // no webhook is known for it
	for _, h := range p.headers {
		if h.Get("Authorization") != "Bearer shared" || h.Get("Content-Type") != "application/json" {
			t.Errorf("headers %v", h)
		}
	}
	if got := c.twin.Stats(); got.WebhooksSent != int64(len(want)) || got.WebhooksLost != 1 {
		t.Errorf("%+v, want %d sent", got, len(want))
	}
}

func TestATapMayCallTheTwin(t *testing.T) {
	t.Parallel()
	var p tap
	c := start(t, Config{Tap: p.take})
	depth := 0
	p.then = func(event string, ticket object) {
		if depth++; depth > 1 {
			t.Error("the tap is called while it runs")
		}
		defer func() { depth-- }()
		if event == "ticket.created" {
			c.twin.PersonCreatesNote(text(ticket, "id"), "from within")
			c.do(200, "PUT", "/tickets/"+text(ticket, "id"), object{"title": "b"})
			if got := c.twin.Snapshot(); len(got.Notes) != 1 || got.Tickets[0].Title != "b" {
				t.Errorf("%+v", got)
			}
		}
	}
	c.do(200, "POST", "/tickets", object{"title": "a"})
	if diff := cmp.Diff([]string{"ticket.created a", "ticket.updated a", "ticket.updated b"}, p.told(t)); diff != "" {
		t.Error(diff)
	}
}

func TestATapKeepsTheOrderOfManyAtOnce(t *testing.T) {
	t.Parallel()
	var p tap
	twin, err := New(Config{Tap: p.take})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				twin.PersonCreatesTicket("", map[string]any{"title": "x"})
			}
		})
	}
	all.Wait()
	var told, made []float64
	for _, body := range p.bodies {
		var e object
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatal(err)
		}
		told = append(told, number(e["data"].(object), "bugId"))
	}
	for _, ticket := range twin.Tickets() {
		made = append(made, float64(ticket.Number))
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
		at := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
		c := start(t, Config{Seed: 3, Tap: p.take, Now: func() time.Time { return at }})
		c.twin.SeedContacts(20)
		call := func(want int, method, path string, body any) reply {
			r := c.do(want, method, path, body)
			said = append(said, string(r.raw))
			return r
		}
		call(400, "POST", "/tickets", object{"title": 1, "type": 2, "tags": 3, "x": 4, "y": 5}) // many complaints
		person := c.twin.PersonCreatesContact(map[string]any{"name": "Ada", "seats": 3, "role": "owner", "team": "x"})
		ticket := text(decoded[object](t, call(200, "POST", "/tickets", object{"title": "a", "session": person, "formData": object{"a": 1, "b": 2}})), "id")
		for range 3 {
			c.twin.PersonCreatesNote(ticket, "n")
			call(200, "POST", "/messages", object{"ticket": ticket, "comment": "b", "isNote": true})
		}
		call(200, "GET", "/messages?ticket="+ticket+"&type=NOTE", nil)
		call(200, "GET", "/tickets?session="+person+"&sort=updatedAt", nil)
		call(200, "GET", "/tickets/search?searchTerm=a", nil)
		call(200, "GET", "/sessions?sort=-updatedAt", nil)
		if err := c.twin.PersonEditsTicket(ticket, map[string]any{"title": 1, "type": 2, "status": 3}); err != nil {
			said = append(said, err.Error())
		}
		_ = c.twin.PersonClosesTicket(ticket)
		_ = c.twin.PersonDeletesContact(person)
		return said, p, c.twin.Snapshot()
	}
	said, told, holds := run()
	again, toldAgain, holdsAgain := run()
	if diff := cmp.Diff(said, again); diff != "" {
		t.Errorf("answers: %s", diff)
	}
	if diff := cmp.Diff(told.bodies, toldAgain.bodies); diff != "" || len(told.bodies) < 8 {
		t.Errorf("%d webhooks: %s", len(told.bodies), diff)
	}
	if diff := cmp.Diff(holds, holdsAgain); diff != "" {
		t.Errorf("snapshots: %s", diff)
	}
}
