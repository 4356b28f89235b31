package simulate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/provider/gleap"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
)

// The connections of every world.
const (
	gleapConnection     record.ConnectionID = "cn_gleap"
	highLevelConnection record.ConnectionID = "cn_highlevel"
)

func connectionOf(s side) record.ConnectionID {
	return [...]record.ConnectionID{gleapConnection, highLevelConnection}[s]
}

func keyOf(r record.Ref) recordKey {
	if r.Connection == gleapConnection {
		return recordKey{gleapSide, r.ID}
	}
	return recordKey{highLevelSide, r.ID}
}

// process is one running copy of the program: everything that a crash throws away. Workers work on keys; the front
// takes webhooks, routes, polls and rescues.
type process struct {
	world *world
	name  string // which of the three it is
	owner string // among the workers, new with every start
	dead  bool
	busy  bool
	task  *task
	// carrying is the plan for everyone that it is at, and intended the write that was announced last.
	carrying *carrying
	intended automation.Change

	clients map[record.ConnectionID]provider.Client
	runner  *engine.Runner
	plans   *engine.PopulationRunner
	router  *engine.Router
	poller  *engine.Poller
	gateway *connection.Gateway // to HighLevel, in a day; nil: a key that never runs out
	service *connection.Service
	had     provider.Client // the last that the gateway gave
	hooks   map[side]provider.Webhooks
}

func (w *world) start(name string, generation int) *process {
	p := &process{world: w, name: name, owner: fmt.Sprintf("%s.%d", name, generation)}
	now := func() time.Time { return w.clock }
	secret := func(s string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return s, nil }
	}
	toHighLevel := highlevel.Config{
		Connection: highLevelConnection, LocationID: w.highLevelReady.LocationID, BaseURL: w.highLevelReady.URL, Token: secret(w.highLevelReady.Token),
		Transport: wire{w, p, highLevelSide}, Budget: w.budgets[highLevelSide], Now: now,
	}
	if w.scenario.lasts > 0 {
		store := accounts{w.store.accounts(), p}
		p.gateway, p.service = w.gateway(p, store, toHighLevel), w.service(p, store)
	}
	p.clients = map[record.ConnectionID]provider.Client{
		gleapConnection: gleap.New(gleap.Config{
			Connection: gleapConnection, ProjectID: w.gleapReady.ProjectID, BaseURL: w.gleapReady.URL, Token: secret(w.gleapReady.Token),
			Transport: wire{w, p, gleapSide}, Budget: w.budgets[gleapSide], Now: now,
		}),
		highLevelConnection: highlevel.New(toHighLevel),
	}
	for id, c := range p.clients {
		p.clients[id] = w.broken.client(p, id, c)
	}
	store := ports{p, w.store}
	automations, links, works := w.broken.automations(store), w.broken.links(store), w.broken.works(p, store)
	inbox, cursors := w.broken.inbox(p, store)
	journal := w.broken.journal(p, store)
	definitions := &engine.Definitions{Gateway: p, Descriptors: descriptors, Now: now}
	reconciler := &engine.Reconciler{
		Automations: automations, Links: links, Journal: journal, Routing: store, Gateway: p, Definitions: definitions,
		Now: now, NewID: w.newID, Log: slog.New(slog.DiscardHandler),
	}
	w.shareListed(p, reconciler, inbox)
	p.runner = &engine.Runner{Works: works, Reconciler: reconciler, Owner: p.owner}
	p.plans = w.everyone(p, reconciler, store)
	p.router = &engine.Router{Automations: automations, Links: links, Routing: store, Descriptors: descriptors}
	p.poller = &engine.Poller{Inbox: inbox, Cursors: cursors, Gateway: p, Listed: w.listed, Now: now, NewID: w.newID}
	return p
}

// shareListed lets the workers take what the front has just listed, as they can in one process. A crash of the front takes
// it away.
func (w *world) shareListed(p *process, r *engine.Reconciler, inbox engine.Inbox) {
	if p.name == front {
		w.listed = &engine.Listed{Inbox: inbox, Now: r.Now, Agreeing: 1} // a world is short
		for _, worker := range w.processes {
			worker.runner.Reconciler.Listed = w.listed
		}
	}
	r.Listed = w.listed
}

var descriptors = map[provider.ID]provider.Descriptor{gleap.ID: gleap.Descriptor(), highlevel.ID: highlevel.Descriptor()}

// Client implements engine.Gateway.
func (p *process) Client(ctx context.Context, id record.ConnectionID) (provider.Client, error) {
	if p.dead {
		return nil, errDead
	}
	if p.gateway != nil && id == highLevelConnection {
		return p.world.broken.reached(p, id)(ctx)
	}
	c, ok := p.clients[id]
	if !ok {
		return nil, fmt.Errorf("there is no connection %s", id)
	}
	return c, nil
}

// die is a crash: the process does nothing any more, and another takes its place a while later.
func (p *process) die(when, what string) {
	p.dieFor(p.world.between(time.Second, 40*time.Second), when, what)
}

func (p *process) dieFor(long time.Duration, when, what string) {
	w := p.world
	p.dead = true
	w.result.Crashes++
	w.tell("%s crashes %s %s", p.name, when, what)
	_ = w.stored(w.store.crashed(w.ctx))
	w.after(long, func() { w.restart(p.name) })
}

// durable is one write to the store: the places where a crash matters are just before and just after it.
func (p *process) durable(what string, write func() error) error {
	if p.dead {
		return errDead
	}
	switch p.world.crashes.next(p.world.dice) {
	case crashBefore:
		p.die("before", what)
		return errDead
	case crashAfter:
		err := p.world.stored(write())
		p.die("after", what)
		return errors.Join(errDead, err)
	}
	return p.world.stored(write())
}

// read is one look into the store.
func read[T any](p *process, look func() (T, error)) (T, error) {
	if p.dead {
		var none T
		return none, errDead
	}
	got, err := look()
	return got, p.world.stored(err)
}

// crashPlan says at which writes processes crash.
type crashPlan struct {
	at    int // the write at which, once; 0 never
	share int // out of a thousand writes
	count int
	after bool
}

type crash int

const (
	noCrash crash = iota
	crashBefore
	crashAfter
)

func (c *crashPlan) next(dice *rand.Rand) crash {
	c.count++
	switch {
	case c.count == c.at && c.after:
		return crashAfter
	case c.count == c.at:
		return crashBefore
	case c.share > 0 && dice.IntN(1000) < c.share:
		return crashBefore + crash(dice.IntN(2))
	}
	return noCrash
}

// ports are the store as one process sees it.
type ports struct {
	p *process
	s backing
}

func (x ports) Automation(ctx context.Context, id automation.ID) (automation.Automation, error) {
	return read(x.p, func() (automation.Automation, error) { return x.s.Automation(ctx, id) })
}

func (x ports) Automations(ctx context.Context) ([]automation.Automation, error) {
	return read(x.p, func() ([]automation.Automation, error) { return x.s.Automations(ctx) })
}

func (x ports) SetState(ctx context.Context, id automation.ID, state automation.State, why string) error {
	x.p.world.tell("%s switches %s to %s: %s", x.p.name, id, state, why)
	return x.p.durable("the switch", func() error {
		if err := x.s.SetState(ctx, id, state, why); err != nil || state != automation.Paused {
			return err
		}
		x.p.world.letGoOn(id)
		return nil
	})
}

func (x ports) Reserve(ctx context.Context, identities []string, holder string, until time.Time) (ok bool, err error) {
	err = x.p.durable("the reservation", func() (err error) { ok, err = x.s.Reserve(ctx, identities, holder, until); return err })
	return ok, err
}

func (x ports) Reviews(ctx context.Context, a automation.ID, source record.Ref) ([]automation.Review, error) {
	return read(x.p, func() ([]automation.Review, error) { return x.s.Reviews(ctx, a, source) })
}

func (x ports) Heard(ctx context.Context, refs []record.Ref) (map[record.Ref]time.Time, error) {
	return read(x.p, func() (map[record.Ref]time.Time, error) { return x.s.Heard(ctx, refs) })
}

func (x ports) Wake(ctx context.Context, key engine.Key, e automation.Event) error {
	return x.p.durable("the wake-up", func() error { return x.s.Wake(ctx, key, e) })
}

func (x ports) FindLink(ctx context.Context, source record.Ref, target record.ConnectionID, t record.ObjectType, a automation.ID) (automation.Link, automation.Base, bool, error) {
	if x.p.dead {
		return automation.Link{}, automation.Base{}, false, errDead
	}
	link, base, ok, err := x.s.FindLink(ctx, source, target, t, a)
	return link, base, ok, x.p.world.stored(err)
}

func (x ports) LinksOf(ctx context.Context, sources []record.Ref, target record.ConnectionID, t record.ObjectType, a automation.ID) (map[record.Ref]engine.LinkBase, error) {
	return read(x.p, func() (map[record.Ref]engine.LinkBase, error) { return x.s.LinksOf(ctx, sources, target, t, a) })
}

func (x ports) OpenChanges(ctx context.Context, a automation.ID, source record.Ref) ([]automation.Change, error) {
	return read(x.p, func() ([]automation.Change, error) { return x.s.OpenChanges(ctx, a, source) })
}

func (x ports) HeardBefore(ctx context.Context, refs []record.Ref, at time.Time) (map[record.Ref]bool, error) {
	return read(x.p, func() (map[record.Ref]bool, error) { return x.s.HeardBefore(ctx, refs, at) })
}

func (x ports) UnansweredCreates(ctx context.Context, in record.ConnectionID, t record.ObjectType) ([]automation.Change, error) {
	return read(x.p, func() ([]automation.Change, error) { return x.s.UnansweredCreates(ctx, in, t) })
}

func (x ports) Intend(ctx context.Context, r automation.Run, c automation.Change, limits automation.Limits) error {
	x.p.writesFor(r, c.Source)
	x.p.intended = c
	return x.p.durable("the intent", func() error {
		if err := x.s.Intend(ctx, r, c, limits); err != nil {
			return err
		}
		w := x.p.world
		w.intents = append(w.intents, intent{w.moment(), string(c.Automation), keyOf(c.Source), x.p.planned()})
		return nil
	})
}

func (x ports) Finish(ctx context.Context, f engine.Finish) error {
	busy := x.p.task
	if x.p.carrying != nil {
		x.p.task = nil // a plan is busy with one record after the other
	}
	err := x.p.durable("the outcome", func() error {
		if err := x.s.Finish(ctx, f); err != nil {
			return err
		}
		if busy == nil {
			return nil
		}
		w := x.p.world
		if slices.ContainsFunc(f.Run.Steps, func(s automation.Step) bool {
			return strings.HasSuffix(s.Title, " from the list that told of the change")
		}) {
			w.result.Listed++
		}
		w.outcomes = append(w.outcomes, outcome{w.moment(), busy, f.Run.State == automation.Succeeded, f.Run.Code})
		if f.Change != nil && f.Change.State == automation.Done {
			for _, c := range w.wrote {
				c.settled = c.settled || c.task == busy
			}
		}
		return nil
	})
	x.p.world.tell("%s: %s %s %s: %s", x.p.name, f.Run.Automation, keyOf(f.Run.Source), f.Run.State, f.Run.Summary)
	return err
}

func (x ports) Accept(ctx context.Context, ds ...automation.Delivery) (fresh int, err error) {
	err = x.p.durable("the inbox", func() (err error) { fresh, err = x.s.Accept(ctx, ds...); return err })
	return fresh, err
}

func (x ports) UnroutedEvents(ctx context.Context, limit int) ([]automation.Event, error) {
	return read(x.p, func() ([]automation.Event, error) { return x.s.UnroutedEvents(ctx, limit) })
}

func (x ports) SaveRouting(ctx context.Context, routed []engine.Routed) error {
	return x.p.durable("the routing", func() error { return x.s.SaveRouting(ctx, routed) })
}

func (x ports) PollCursor(ctx context.Context, c record.ConnectionID, t record.ObjectType) (engine.PollCursor, bool, error) {
	if x.p.dead {
		return engine.PollCursor{}, false, errDead
	}
	cursor, ok, err := x.s.PollCursor(ctx, c, t)
	return cursor, ok, x.p.world.stored(err)
}

func (x ports) SavePollCursor(ctx context.Context, c engine.PollCursor) error {
	return x.p.durable("the poll cursor", func() error { return x.s.SavePollCursor(ctx, c) })
}

func (x ports) Claim(ctx context.Context, id engine.WorkID, owner string, lease time.Duration) (got engine.Work, ok bool, err error) {
	err = x.p.durable("the claim", func() (err error) { got, ok, err = x.s.Claim(ctx, id, owner, lease); return err })
	if err == nil && ok {
		x.p.takes(got)
	}
	return got, ok, err
}

func (p *process) takes(got engine.Work) {
	p.task = &task{automation: string(got.Automation), source: keyOf(got.Source), began: p.world.moment(), claimedAt: p.world.clock, process: p.name, attempt: got.Attempt}
	p.world.tell("%s takes up %s %s, attempt %d", p.name, got.Automation, keyOf(got.Source), got.Attempt)
}

// Release draws the engine's jitter again, from the world's own dice: the engine's are not ours to seed.
func (x ports) Release(ctx context.Context, id engine.WorkID, owner string, retryAt time.Time, runID string) error {
	if !retryAt.IsZero() && x.p.task != nil {
		retryAt = x.p.world.redraw(retryAt, x.p.task.attempt)
	}
	return x.p.durable("the release", func() error { return x.s.Release(ctx, id, owner, retryAt, runID) })
}

func (x ports) ClaimKeys(ctx context.Context, keys []engine.Key, owner string, lease time.Duration) (got map[engine.Key]engine.WorkID, err error) {
	err = x.p.durable("the claim", func() (err error) { got, err = x.s.ClaimKeys(ctx, keys, owner, lease); return err })
	if x.p.carrying != nil {
		x.p.carrying.claimed = x.p.world.clock
	}
	return got, err
}

func (x ports) KeepKeys(ctx context.Context, ids []engine.WorkID, owner string, lease time.Duration) error {
	return x.p.durable("the longer lease", func() error { return x.s.KeepKeys(ctx, ids, owner, lease) })
}

func (x ports) ReleaseKeys(ctx context.Context, ids []engine.WorkID, owner string) error {
	return x.p.durable("the release", func() error { return x.s.ReleaseKeys(ctx, ids, owner) })
}

func (x ports) Rescue(ctx context.Context, now time.Time) (n int, err error) {
	err = x.p.durable("the rescue", func() (err error) { n, err = x.s.Rescue(ctx, now); return err })
	return n, err
}

// work carries out one piece of work, to its end or to the crash.
func (p *process) work(ctx context.Context, id engine.WorkID) {
	p.busy = true
	err := p.runner.Work(ctx, id)
	p.busy, p.task = false, nil
	if err != nil && !p.dead {
		p.world.tell("%s: work %d: %v", p.name, id, err)
	}
}

// receive is the way of a webhook: verify, read, store, and only then say so. It answers the HTTP status.
func (p *process) receive(ctx context.Context, d *delivery) int {
	hooks := p.hooks[d.side]
	if err := hooks.Verify(d.header, d.body); err != nil {
		return http.StatusUnauthorized
	}
	n, err := hooks.Read(d.body)
	if err != nil {
		return http.StatusBadRequest
	}
	if n.Change == provider.Ignored {
		return http.StatusOK
	}
	if n.Change == provider.Installed || n.Change == provider.Removed {
		if err := p.installation(ctx, n); err != nil {
			return http.StatusServiceUnavailable
		}
	}
	w := p.world
	d.dedupe = n.DedupeKey
	event := automation.Event{
		ID: w.newID("ev"), Kind: automation.Webhook, Change: n.Change, Name: n.Name, DedupeKey: n.DedupeKey,
		Ref: record.Ref{Connection: connectionOf(d.side), Type: n.Type, ID: n.ID}, ReceivedAt: w.clock, OccurredAt: n.OccurredAt,
	}
	inbox, _ := w.broken.inbox(p, ports{p, w.store})
	if w.broken == AcknowledgeFirst {
		d.acknowledged = true
	}
	if _, err := inbox.Accept(ctx, automation.Delivery{Event: event, Body: d.body}); err != nil {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}
