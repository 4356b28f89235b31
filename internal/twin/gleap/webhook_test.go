package gleap

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

type event struct {
	header http.Header
	body   object
}

// receiver is a webhook's target; answer says what it answers to the nth call.
func receiver(t *testing.T, answer func(n int64) int) (string, <-chan event) {
	t.Helper()
	got := make(chan event, 100)
	var n atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		var body object
		if err != nil || json.Unmarshal(raw, &body) != nil {
			t.Errorf("webhook body: %v %s", err, raw)
		}
		w.WriteHeader(answer(n.Add(1)))
		got <- event{r.Header, body}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}

func fine(int64) int { return 200 }

func (c *client) next(events <-chan event) event {
	c.t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(5 * time.Second):
		c.t.Fatal("no webhook came")
		return event{}
	}
}

func TestTicketEventsComeUnsignedWithCustomHeadersAlsoForOwnWrites(t *testing.T) {
	t.Parallel()
	at, events := receiver(t, fine)
	c := start(t, Config{WebhookURL: at, WebhookHeaders: map[string]string{"Authorization": "Bearer shared"}})
	s := text(c.object(200, "POST", "/sessions", object{"email": "ada@example.com"}), "id")
	id := text(c.object(200, "POST", "/tickets", object{"title": "x", "session": s}), "id")
	e := c.next(events)
	data, _ := e.body["data"].(object)
	if e.body["event"] != "ticket.created" || e.body["projectId"] != c.ready.ProjectID || data["id"] != id ||
		text(data["session"].(object), "email") != "ada@example.com" || text(data, "secretShareToken") == "" {
		t.Errorf("got %v", e.body)
	}
	if e.header.Get("Authorization") != "Bearer shared" || e.header.Get("X-Gleap-Signature") != "" {
		t.Errorf("headers: %v", e.header)
	}
	c.do(200, "PUT", "/tickets/"+id, object{"title": "y"})
	if e := c.next(events); e.body["event"] != "ticket.updated" || e.body["data"].(object)["title"] != "y" {
		t.Errorf("got %v", e.body)
	}
	c.do(200, "POST", "/messages", object{"ticket": id, "comment": "note", "isNote": true})
	if e := c.next(events); e.body["event"] != "ticket.updated" {
		t.Errorf("got %v", e.body)
	}
	// Contacts have no event: the next one that comes is the ticket's.
	c.do(200, "PUT", "/sessions/"+s, object{"name": "Ada"})
	if err := c.twin.PersonEditsTicket(id, map[string]any{"status": "DONE"}); err != nil {
		t.Fatal(err)
	}
	if e := c.next(events); e.body["data"].(object)["status"] != "DONE" {
		t.Errorf("got %v", e.body)
	}
}

func TestAFailedWebhookIsRetried(t *testing.T) {
	t.Parallel()
	at, events := receiver(t, func(n int64) int {
		if n == 1 {
			return 500
		}
		return 200
	})
	c := start(t, Config{WebhookURL: at})
	c.do(200, "POST", "/tickets", object{"title": "x"})
	first, second := c.next(events), c.next(events)
	if first.body["data"].(object)["id"] != second.body["data"].(object)["id"] {
		t.Error("the retry is about another ticket")
	}
}

func TestWebhookFaultsLoseAndDouble(t *testing.T) {
	t.Parallel()
	at, events := receiver(t, fine)
	c := start(t, Config{WebhookURL: at})
	c.twin.SetFaults(Faults{WebhooksLost: 1, WebhooksDoubled: 1})
	for _, title := range []string{"lost", "twice"} {
		c.do(200, "POST", "/tickets", object{"title": title})
	}
	for range 2 {
		if e := c.next(events); e.body["data"].(object)["title"] != "twice" {
			t.Errorf("got %v", e.body)
		}
	}
	if got := c.twin.Stats().WebhooksLost; got != 1 {
		t.Errorf("%d lost, want 1", got)
	}
}
