package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/config"
	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/server"
	twingleap "crosswalk/internal/twin/gleap"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// inbox is the server's store, whose inbox takes nothing while it is told so.
type inbox struct {
	server.House
	mu sync.Mutex
	// fails decides what becomes of a delivery: before it is stored, or after, when only the answer is lost.
	fails func(automation.Event) (before, after error)
}

func (i *inbox) Accept(ctx context.Context, ds ...automation.Delivery) (int, error) {
	i.mu.Lock()
	before, after := i.fails(ds[0].Event)
	i.mu.Unlock()
	if before != nil {
		return 0, before
	}
	n, err := i.House.Accept(ctx, ds...)
	return n, errors.Join(err, after)
}

func (i *inbox) from(now func(automation.Event) (before, after error)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fails = now
}

// answered is how a delivery was answered.
type answered struct {
	path, body string
	status     int
	retryAfter string
}

// post is what the twins' deliveries come through, over HTTP.
type post struct {
	next http.Handler
	mu   sync.Mutex
	all  []answered
}

func (p *post) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec := httptest.NewRecorder()
	p.next.ServeHTTP(rec, r)
	p.mu.Lock()
	p.all = append(p.all, answered{r.URL.Path, string(body), rec.Code, rec.Header().Get("Retry-After")})
	p.mu.Unlock()
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

// answers are how each delivery was answered so far.
func (p *post) answers() map[string][]answered {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string][]answered{}
	for _, a := range p.all {
		out[a.path+a.body] = append(out[a.path+a.body], a)
	}
	return out
}

// comesTo waits for a condition, looking often.
func comesTo(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to that: %s", what)
		}
	}
}

// Both twins send by HTTP and try again by themselves, as the providers do (reference/highlevel.md §7.3).
func TestWhatCannotBeStoredIsSentAgainAndNeitherLostNorDoubled(t *testing.T) {
	t.Parallel()
	const contacts, tickets = 12, 6
	hl, err := twinhighlevel.New(twinhighlevel.Config{Seed: 3, Logger: slog.New(slog.DiscardHandler)})
	check(t, err)
	t.Cleanup(func() { _ = hl.Close() })
	gl, err := twingleap.New(twingleap.Config{Seed: 3, Logger: slog.New(slog.DiscardHandler)})
	check(t, err)
	t.Cleanup(func() { _ = gl.Close() })
	hlReady, glReady := hl.Ready("http://highlevel.invalid"), gl.Ready("http://gleap.invalid")
	cfg, err := config.Load([]string{"CROSSWALK_DATA=" + t.TempDir(), "CROSSWALK_HIGHLEVEL_WEBHOOK_PUBLIC_KEY=" + hlReady.WebhookPublicKey, "CROSSWALK_HIGHLEVEL_CLIENT_ID=" + hlReady.ClientID, "CROSSWALK_HIGHLEVEL_CLIENT_SECRET=x"}, config.Overrides{})
	check(t, err)
	h, err := build(t.Context(), cfg, roles{serve: true}, slog.New(slog.DiscardHandler))
	check(t, err)
	t.Cleanup(func() { h.server.Close(); _ = h.close() })
	const secret = "an-unguessable-hook-secret-of-the-test"
	for _, c := range []connection.Connection{
		{ID: "cn_hl", Provider: "highlevel", Account: provider.Account{ID: hlReady.LocationID}, State: connection.Active, Auth: connection.ByKey, HookSecret: "unused-unused-unused"},
		{ID: "cn_gl", Provider: "gleap", Account: provider.Account{ID: glReady.ProjectID}, State: connection.Active, Auth: connection.ByKey, HookSecret: secret},
	} {
		check(t, h.store.SaveConnection(t.Context(), c, []byte("sealed")))
	}
	full := errors.New("there is no room")
	door := &inbox{House: h.server.Store}
	door.from(func(automation.Event) (error, error) { return full, nil })
	h.server.Store = door
	p := &post{next: h.server}
	web := httptest.NewServer(p)
	t.Cleanup(web.Close)
	hl.SetWebhookURL(web.URL + "/hooks/highlevel")
	gl.SetWebhookURL(web.URL + "/hooks/gleap/" + secret)

	want := map[record.Ref]bool{}
	for range contacts {
		id := hl.PersonCreatesContact(map[string]any{"firstName": "Jane"})
		want[record.Ref{Connection: "cn_hl", Type: record.Contact, ID: id}] = true
	}
	session := gl.PersonCreatesContact(map[string]any{"name": "Jane"})
	for range tickets {
		id := gl.PersonCreatesTicket(session, map[string]any{"title": "It is broken"})
		want[record.Ref{Connection: "cn_gl", Type: record.Ticket, ID: id}] = true
	}
	comesTo(t, "each was turned away", func() bool { return len(p.answers()) >= len(want) })
	for _, tries := range p.answers() {
		for _, a := range tries {
			seconds, err := strconv.Atoi(a.retryAfter)
			if a.status != http.StatusTooManyRequests && a.status != http.StatusServiceUnavailable || err != nil || seconds <= 0 {
				t.Errorf("%s is answered %d, to come again after %q", a.path, a.status, a.retryAfter)
			}
		}
	}
	if n := h.unrouted(t); n != 0 {
		t.Errorf("%d are stored although nothing can be", n)
	}

	// It gets better, and not well: every delivery is stored once more before its sender hears that it was.
	unheard := map[record.Ref]bool{}
	door.from(func(e automation.Event) (error, error) {
		if first := !unheard[e.Ref]; first {
			unheard[e.Ref] = true
			return nil, full
		}
		return nil, nil
	})
	comesTo(t, "each was taken", func() bool {
		a, b := hl.Stats(), gl.Stats()
		return a.WebhooksSent+b.WebhooksSent == int64(len(want)) || a.WebhooksLost+b.WebhooksLost > 0
	})
	if a, b := hl.Stats(), gl.Stats(); a.WebhooksLost+b.WebhooksLost != 0 {
		t.Errorf("given up: %d and %d", a.WebhooksLost, b.WebhooksLost)
	}
	events, err := h.store.UnroutedEvents(t.Context(), 10*len(want))
	check(t, err)
	for _, e := range events {
		if !want[e.Ref] {
			t.Errorf("%s is there twice, or never happened", e.Ref)
		}
		delete(want, e.Ref)
	}
	if len(want) > 0 {
		t.Errorf("lost: %v", want)
	}
	for _, tries := range p.answers() {
		if last := tries[len(tries)-1]; len(tries) < 3 || last.status != http.StatusOK {
			t.Errorf("%s was sent %d times, and is answered %d in the end", last.path, len(tries), last.status)
		}
	}
}
