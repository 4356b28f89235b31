// Package enginetest joins the engine to a real store and both twins over real HTTP, with jobs worked off by
// hand instead of by a queue: what a test asks for happens, and nothing else.
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/provider/gleap"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/recipe"
	"crosswalk/internal/record"
	"crosswalk/internal/store"
	"crosswalk/internal/store/storetest"
	twingleap "crosswalk/internal/twin/gleap"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// The connections of a house.
const (
	GleapConnection     record.ConnectionID = "cn_gleap"
	HighLevelConnection record.ConnectionID = "cn_highlevel"
)

// House is an engine with both twins and a store.
type House struct {
	Store       *store.Store
	HighLevel   *twinhighlevel.Twin
	Gleap       *twingleap.Twin
	Reconciler  *engine.Reconciler
	Router      *engine.Router
	Poller      *engine.Poller
	Populations *engine.PopulationRunner
	Runner      *engine.Runner
	Clients     map[record.ConnectionID]provider.Client
	// Crash is an error a job may end with, as in a process that died: it is not done, and the test goes on.
	Crash error

	t      testing.TB
	mu     sync.Mutex
	jobs   []engine.Job
	posted [][]byte // webhooks of HighLevel that are on their way
	skew   time.Duration
}

// Options change what a house is made of.
type Options struct {
	AllowDuplicates bool
	Contacts        int // seeded in Gleap
	// PassesTime: HighLevel's adapter goes by the house's clock too, for what changes while time passes.
	PassesTime bool
	// Rate is HighLevel's call limit, none when zero, and Budget what its adapter keeps within it by.
	Rate   twinhighlevel.Rate
	Budget *apiclient.Budget
}

// New builds a house that is torn down with the test.
func New(t testing.TB, o Options) *House {
	t.Helper()
	h := &House{t: t}
	if o.Rate.Burst == 0 {
		o.Rate.Burst = -1
	}
	hl, err := twinhighlevel.New(twinhighlevel.Config{Seed: 1, Token: "pit-test", AllowDuplicates: o.AllowDuplicates, Rate: o.Rate, Tap: h.post})
	check(t, err)
	gl, err := twingleap.New(twingleap.Config{Seed: 1, Rate: twingleap.Rate{PerMinute: -1, TicketsPerMinute: -1}})
	check(t, err)
	h.HighLevel, h.Gleap = hl, gl
	gl.SeedContacts(o.Contacts)
	hlServer, glServer := httptest.NewServer(hl), httptest.NewServer(gl)
	t.Cleanup(func() { hlServer.Close(); glServer.Close(); _ = hl.Close(); _ = gl.Close() })

	path := filepath.Join(t.TempDir(), "crosswalk.db")
	storetest.File(t, path)
	st, err := store.Open(t.Context(), store.Config{SQLitePath: path, Now: h.Now, Brief: true})
	check(t, err)
	t.Cleanup(func() { _ = st.Close() })
	st.OnEnqueue(func(_ context.Context, _ store.Tx, jobs []engine.Job) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.jobs = append(h.jobs, jobs...)
		return nil
	})
	h.Store = st
	secret := func(s string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return s, nil }
	}
	hlReady, glReady := hl.Ready(hlServer.URL), gl.Ready(glServer.URL)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	clock := time.Now
	if o.PassesTime {
		clock = h.Now
	}
	h.Clients = map[record.ConnectionID]provider.Client{
		HighLevelConnection: highlevel.New(highlevel.Config{Connection: HighLevelConnection, LocationID: hlReady.LocationID, BaseURL: hlReady.URL, Token: secret(hlReady.Token), Transport: transport, Budget: o.Budget, Now: clock}),
		GleapConnection:     gleap.New(gleap.Config{Connection: GleapConnection, ProjectID: glReady.ProjectID, BaseURL: glReady.URL, Token: secret(glReady.Token), Transport: transport}),
	}
	descriptors := map[provider.ID]provider.Descriptor{highlevel.ID: highlevel.Descriptor(), gleap.ID: gleap.Descriptor()}
	definitions := &engine.Definitions{Gateway: h, Descriptors: descriptors, Now: h.Now}
	h.Reconciler = &engine.Reconciler{
		Automations: st, Links: st, Journal: st, Routing: st, Gateway: h, Definitions: definitions, Now: h.Now, NewID: automation.NewID, Log: slog.New(slog.DiscardHandler),
		Carried: &engine.Carried{Bodies: bodies{st}, Inbox: st}, Listed: &engine.Listed{Inbox: st, Now: h.Now},
	}
	h.Router = &engine.Router{Automations: st, Links: st, Routing: st, Descriptors: descriptors}
	h.Poller = &engine.Poller{Inbox: st, Cursors: st, Deliveries: st, Gateway: h, Listed: h.Reconciler.Listed, Now: h.Now, NewID: automation.NewID}
	h.Populations = &engine.PopulationRunner{Reconciler: h.Reconciler, Populations: st, Works: st, Deliveries: st, Versions: st, Pairs: st, Inbox: st, Owner: "test", Scratch: func() (engine.Scratch, error) { return store.NewScratch(t.TempDir()) }, Wait: func(context.Context, time.Duration) error { return nil }}
	h.Runner = &engine.Runner{Works: st, Reconciler: h.Reconciler, Owner: "test"}
	return h
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Client implements engine.Gateway.
func (h *House) Client(_ context.Context, id record.ConnectionID) (provider.Client, error) {
	c, ok := h.Clients[id]
	if !ok {
		return nil, fmt.Errorf("no connection %s", id)
	}
	return c, nil
}

// Now is the house's clock. The twins keep the real one.
func (h *House) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.skew)
}

// Later moves the house's clock on.
func (h *House) Later(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.skew += d
}

// Automation creates a recipe's automation, switched on, after change was applied to its definition.
func (h *House) Automation(recipeID string, change func(*automation.Definition)) automation.Automation {
	h.t.Helper()
	r, ok := recipe.Find(recipeID)
	if !ok {
		h.t.Fatalf("no recipe %s", recipeID)
	}
	d := r.Definition
	for _, end := range []*automation.Endpoint{&d.Source, &d.Target} {
		end.Connection = HighLevelConnection
		if end.Provider == gleap.ID {
			end.Connection = GleapConnection
		}
	}
	if change != nil {
		change(&d)
	}
	a := automation.Automation{ID: automation.ID(automation.NewID("au")), Name: r.Name, Recipe: r.ID, State: automation.On, Version: 1, Definition: d, CreatedAt: h.Now(), UpdatedAt: h.Now()}
	check(h.t, h.Store.CreateAutomation(h.t.Context(), a, "test"))
	check(h.t, h.Store.SetState(h.t.Context(), a.ID, automation.On, ""))
	check(h.t, h.Store.SavePollCursor(h.t.Context(), engine.PollCursor{Connection: d.Source.Connection, Object: d.Source.Object, Since: h.Now().Add(-time.Hour)}))
	return a
}

// Poll polls Gleap's contacts and works off what follows.
func (h *House) Poll() {
	h.t.Helper()
	_, err := h.Poller.Poll(h.t.Context(), engine.Watch{Connection: GleapConnection, Object: record.Contact})
	check(h.t, err)
	h.Drain()
}

// PollBoth polls both sides' contacts until neither has news.
func (h *House) PollBoth() {
	h.t.Helper()
	for range 20 {
		fresh := 0
		for _, c := range []record.ConnectionID{HighLevelConnection, GleapConnection} {
			n, err := h.Poller.Poll(h.t.Context(), engine.Watch{Connection: c, Object: record.Contact})
			check(h.t, err)
			fresh += n.Fresh
		}
		h.Drain()
		if fresh == 0 {
			return
		}
	}
	h.t.Fatal("the two sides go on for ever")
}

// Tell stores an event about a record as a webhook would, and works off what follows.
func (h *House) Tell(ref record.Ref, change provider.Change) {
	h.t.Helper()
	id := automation.NewID("ev")
	_, err := h.Store.Accept(h.t.Context(), automation.Delivery{Event: automation.Event{
		ID: id, Kind: automation.Webhook, Ref: ref, Change: change, DedupeKey: id, ReceivedAt: h.Now(), OccurredAt: time.Now(),
	}})
	check(h.t, err)
	h.Drain()
}

func (h *House) post(body []byte, _ http.Header) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.posted = append(h.posted, body)
}

// Posted takes HighLevel's webhooks that are on their way: they arrive when they are given to Deliver, or never.
func (h *House) Posted() [][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.posted
	h.posted = nil
	return out
}

// Deliver stores HighLevel's webhooks as the server does, and works off what follows.
func (h *House) Deliver(all ...[]byte) {
	h.t.Helper()
	for _, body := range all {
		n, err := (&highlevel.Webhooks{}).Read(body)
		check(h.t, err)
		_, err = h.Store.Accept(h.t.Context(), automation.Delivery{Body: body, Event: automation.Event{
			ID: automation.NewID("ev"), Kind: automation.Webhook, Change: n.Change, Name: n.Name, DedupeKey: n.DedupeKey,
			Ref: record.Ref{Connection: HighLevelConnection, Type: n.Type, ID: n.ID}, ReceivedAt: h.Now(), OccurredAt: n.OccurredAt,
		}})
		check(h.t, err)
	}
	h.Drain()
}

// bodies are deliveries as they are stored here: nobody has sealed them.
type bodies struct{ *store.Store }

func (b bodies) Body(ctx context.Context, event string) ([]byte, error) {
	d, err := b.Delivery(ctx, event)
	return d.Body, err
}

// Joined is TwoWays with the name in one row that leads both ways.
func (h *House) Joined(change func(*automation.Definition)) automation.Automation {
	h.t.Helper()
	return h.TwoWays(func(d *automation.Definition) {
		d.Mapping = d.Mapping.Remove("first").Remove("last")
		for i := range d.Mapping.Rows {
			d.Mapping.Rows[i].Direction, d.Mapping.Rows[i].ClearWhenEmpty = mapping.Both, true
		}
		if change != nil {
			change(d)
		}
	})
}

// TwoWays creates a two-way automation for contacts, HighLevel being the source, after change was applied to it. The name
// takes three rows, as in automations that were saved before a row could join and lead back.
func (h *House) TwoWays(change func(*automation.Definition)) automation.Automation {
	h.t.Helper()
	a := h.Automation("highlevel-contact-to-gleap", func(d *automation.Definition) {
		for i, r := range d.Mapping.Rows {
			if len(r.Sources) == 1 {
				d.Mapping.Rows[i].Direction = mapping.Both
				d.Mapping.Rows[i].ClearWhenEmpty = true
			}
		}
		d.Mapping.Rows = append(d.Mapping.Rows,
			mapping.Row{ID: "first", Sources: []string{"firstName"}, Target: "name", Direction: mapping.ToSource, Steps: []mapping.Step{{Use: "split_name", With: map[string]string{"part": "first"}}}},
			mapping.Row{ID: "last", Sources: []string{"lastName"}, Target: "name", Direction: mapping.ToSource, Steps: []mapping.Step{{Use: "split_name", With: map[string]string{"part": "last"}}}})
		d.CreateSource = true
		if change != nil {
			change(d)
		}
	})
	for _, c := range []record.ConnectionID{HighLevelConnection, GleapConnection} {
		check(h.t, h.Store.SavePollCursor(h.t.Context(), engine.PollCursor{Connection: c, Object: record.Contact, Since: h.Now().Add(-time.Hour)}))
	}
	return a
}

// Drain works off every job that is due now.
func (h *House) Drain() {
	h.t.Helper()
	for range 10_000 {
		h.mu.Lock()
		var due []engine.Job
		var later []engine.Job
		for _, j := range h.jobs {
			if j.RunAt.After(time.Now().Add(h.skew)) {
				later = append(later, j)
			} else {
				due = append(due, j)
			}
		}
		h.jobs = later
		h.mu.Unlock()
		if len(due) == 0 {
			return
		}
		for _, j := range due {
			if err := h.Do(j); h.Crash == nil || !errors.Is(err, h.Crash) {
				check(h.t, err)
			}
		}
	}
	h.t.Fatal("jobs go on for ever")
}

// Do carries out one job.
func (h *House) Do(j engine.Job) error {
	switch j.Kind {
	case engine.JobRoute:
		_, err := h.Router.Route(h.t.Context())
		return err
	case engine.JobReconcile:
		return h.Runner.Work(h.t.Context(), j.Work)
	case engine.JobDryRun:
		return h.Populations.Run(h.t.Context(), j.Plan)
	}
	return fmt.Errorf("unknown job %q", j.Kind)
}

// Runs are all runs, newest first, with their steps.
func (h *House) Runs() []automation.Run {
	h.t.Helper()
	list, err := h.Store.Runs(h.t.Context(), engine.RunFilter{Limit: 500})
	check(h.t, err)
	for i := range list {
		full, err := h.Store.Run(h.t.Context(), list[i].ID)
		check(h.t, err)
		list[i] = full
	}
	return list
}

// LastRun is the newest run.
func (h *House) LastRun() automation.Run {
	h.t.Helper()
	runs := h.Runs()
	if len(runs) == 0 {
		h.t.Fatal("there is no run")
	}
	return runs[0]
}
