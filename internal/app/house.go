package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/alert"
	"crosswalk/internal/automation"
	"crosswalk/internal/config"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/queue"
	"crosswalk/internal/record"
	"crosswalk/internal/server"
	"crosswalk/internal/store"
	"crosswalk/internal/vault"
)

// keepFor is how long runs, events and dry runs are kept.
const keepFor = 90 * 24 * time.Hour

// house is every room, built and joined, not yet running.
type house struct {
	cfg         config.Config
	log         *slog.Logger
	store       *store.Store
	providers   *providers
	connections *connection.Service
	gateway     *connection.Gateway
	keeper      *connection.Keeper
	definitions *engine.Definitions
	reconciler  *engine.Reconciler
	router      *engine.Router
	poller      *engine.Poller
	populations *engine.PopulationRunner
	runner      *engine.Runner
	queue       *queue.Queue
	server      *server.Server
	desk        *alert.Desk // nil: nobody is told by mail
	metrics     *metrics
	setupToken  string
	// polling and rescuing keep a slow one from being joined by its successor.
	polling, rescuing sync.Mutex
}

// roles say what a process does.
type roles struct {
	serve, work bool
	unlimited   bool // no call limits: benchmarks only
}

func logger(cfg config.Config, c *call) *slog.Logger {
	opts := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(c.Err, opts))
	}
	return slog.New(slog.NewTextHandler(c.Err, opts))
}

func storeConfig(cfg config.Config, log *slog.Logger) store.Config {
	sc := store.Config{PostgresURL: cfg.DatabaseURL.Reveal(), Logger: log}
	if sc.PostgresURL == "" {
		sc.SQLitePath = filepath.Join(cfg.Data, "crosswalk.db")
	}
	return sc
}

// openStore opens the database; the embedded one is made and migrated on the way, since nobody else could have.
func openStore(ctx context.Context, cfg config.Config, log *slog.Logger) (*store.Store, error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	st, err := store.Open(ctx, storeConfig(cfg, log))
	if err != nil {
		return nil, err
	}
	pending, err := st.MigrationsPending(ctx)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	switch {
	case !pending:
		return st, nil
	case cfg.DatabaseURL == "":
		if err := st.Migrate(ctx); err != nil {
			return nil, errors.Join(err, st.Close())
		}
		return st, nil
	}
	return nil, errors.Join(errors.New("the database is not at this version's schema: run `crosswalk migrate` first"), st.Close())
}

func openVault(cfg config.Config) (*vault.Vault, error) {
	var keys []vault.Key
	var err error
	if k := cfg.Key.Reveal(); k != "" {
		if keys, err = vault.ParseKeys(k); err != nil {
			return nil, fmt.Errorf("%sKEY: %w", config.Prefix, err)
		}
	} else if keys, err = vault.LoadOrCreateKeys(filepath.Join(cfg.Data, "key")); err != nil {
		return nil, err
	}
	if k := cfg.OldKeys.Reveal(); k != "" {
		old, err := vault.ParseKeys(k)
		if err != nil {
			return nil, fmt.Errorf("%sOLD_KEYS: %w", config.Prefix, err)
		}
		keys = append(keys, old...)
	}
	return vault.New(keys...)
}

// build joins the rooms. Close the house when done, also after an error of run.
func build(ctx context.Context, cfg config.Config, r roles, log *slog.Logger) (_ *house, err error) {
	h := &house{cfg: cfg, log: log, metrics: newMetrics()}
	keys, err := openVault(cfg)
	if err != nil {
		return nil, err
	}
	if h.store, err = openStore(ctx, cfg, log); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.store.Close())
		}
	}()
	owner := automation.NewID("wk")
	known := cfg.APIAddresses()
	if !r.serve {
		known = besideDemo(cfg)
	}
	transport := h.metrics.watch(connection.Transport(cfg.AllowPrivateHosts, known...))
	h.providers = newProviders(cfg, transport, time.Now)
	h.providers.unlimited = r.unlimited
	if h.store.PGXPool() != nil {
		h.providers.ledger = h.store.ChangeLedger // others may work on the same database
	}
	grants := connection.Grants{Store: h.store, Vault: keys, Own: h.providers.ownHost}
	h.connections = &connection.Service{
		Store: h.store, Grants: grants, Builders: h.providers.builders(), Names: h.providers.names(),
		Now: time.Now, NewID: automation.NewID, OwnHost: h.providers.ownHost, AllowPrivate: cfg.AllowPrivateHosts, Changed: h.connectionChanged,
	}
	broken := func(ctx context.Context, id record.ConnectionID, why string) error {
		h.gateway.Forget(id)
		return h.connections.Break(ctx, id, why)
	}
	h.gateway = &connection.Gateway{Store: h.store, Builders: h.providers.builders(), Grants: grants, Broken: broken, Now: time.Now}
	h.gateway.Tokens = func(c connection.Connection) *connection.Tokens {
		t := h.providers.renewal(c.Holder(), connection.AppOf(c))
		t.Grants, t.Owner, t.Broken, t.Recovered = grants, owner, broken, h.connectionChanged
		t.Restore = func(ctx context.Context, _ connection.Grant) (*oauth2.Token, error) {
			return h.connections.Restore(ctx, c)
		}
		return t
	}
	h.connections.Regain = h.providers.regain
	h.connections.Companies = &connection.Companies{
		Store: h.store, Grants: grants, Build: h.providers.companies(),
		Tokens: func(of connection.Holder, app func(connection.Grant) *oauth2.Config) *connection.Tokens {
			t := h.providers.renewal(of, app)
			t.Grants, t.Owner, t.Broken = grants, owner, h.connections.Companies.Break
			return t
		},
	}
	h.keeper = &connection.Keeper{Service: h.connections, Gateway: h.gateway, Now: time.Now, Log: log}
	h.definitions = &engine.Definitions{Gateway: h.gateway, Descriptors: h.providers.descriptors(), Now: time.Now}
	h.reconciler = &engine.Reconciler{
		Automations: h.store, Links: h.store, Journal: h.store, Routing: h.store, Gateway: h.gateway, Definitions: h.definitions,
		Now: time.Now, NewID: automation.NewID, Log: log, OnRun: h.ran,
		Carried: &engine.Carried{Bodies: bodies{h.store, keys}, Inbox: h.store}, Listed: &engine.Listed{Inbox: h.store, Now: time.Now},
	}
	h.router = &engine.Router{Automations: h.store, Links: h.store, Routing: h.store, Descriptors: h.providers.descriptors()}
	h.poller = &engine.Poller{Inbox: h.store, Cursors: h.store, Deliveries: h.store, Gateway: h.gateway, Quota: h.quota, Listed: h.reconciler.Listed, Now: time.Now, NewID: automation.NewID}
	h.populations = &engine.PopulationRunner{Reconciler: h.reconciler, Populations: h.store, Works: h.store, Deliveries: h.store, Appless: h.appless, Versions: h.store, Pairs: h.store, Inbox: h.store, Owner: owner, Wait: connection.Sleep, Scratch: func() (engine.Scratch, error) { return store.NewScratch(cfg.Data) }}
	h.runner = &engine.Runner{Works: h.store, Reconciler: h.reconciler, Owner: owner}
	if h.desk, err = newDesk(cfg, h); err != nil {
		return nil, fmt.Errorf("%sMAIL_SERVER or %sMAIL_FROM: %w", config.Prefix, config.Prefix, err)
	}
	if err := h.openQueue(r); err != nil {
		return nil, err
	}
	if r.serve || r.work {
		if err := h.store.PutSetting(ctx, settingNewestKey, []byte(keys.Newest())); err != nil {
			return nil, err
		}
	}
	if r.serve {
		if err := h.openServer(ctx, keys); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (h *house) openQueue(r roles) (err error) {
	qc := queue.Config{Workers: h.cfg.Workers, PollEvery: h.cfg.PollEvery, Log: quieter(h.log)}
	if r.work {
		qc.Handlers = &queue.Handlers{
			Route:     func(ctx context.Context) error { _, err := h.router.Route(ctx); return err },
			Reconcile: h.runner.Work,
			DryRun:    h.populations.Run,
			Poll:      h.pollAll,
			Rescue:    h.rescue,
			Prune: func(ctx context.Context) error {
				return errors.Join(h.store.Prune(ctx, time.Now().Add(-keepFor), time.Now().Add(-h.cfg.KeepDeliveries)), h.store.PruneAudit(ctx, time.Now().Add(-h.cfg.KeepAudit)), h.compareAll(ctx))
			},
		}
	}
	if pool := h.store.PGXPool(); pool != nil {
		h.queue, err = queue.OpenPostgres(pool, qc)
	} else {
		h.queue, err = queue.OpenSQLite(h.store.SQLDB(), qc)
	}
	if err != nil {
		return err
	}
	h.store.OnEnqueue(h.enqueue)
	return nil
}

// enqueue stores jobs in the store's own transaction.
func (h *house) enqueue(ctx context.Context, tx store.Tx, jobs []engine.Job) error {
	if tx.PGX != nil {
		return h.queue.InsertPGX(ctx, tx.PGX, jobs)
	}
	return h.queue.InsertSQL(ctx, tx.SQL, jobs)
}

func (h *house) openServer(ctx context.Context, keys *vault.Vault) error {
	hooks, err := h.providers.webhooks()
	if err != nil {
		return err
	}
	has, err := h.store.HasUsers(ctx)
	if err != nil {
		return err
	}
	if !has {
		if h.setupToken = h.cfg.SetupToken.Reveal(); h.setupToken == "" {
			h.setupToken = newSetupToken()
		}
	}
	h.server = server.New(server.Config{
		Store: h.store, In: func(workspace string) (server.Store, connection.Store) { in := h.store.In(workspace); return in, in },
		Sessions: h.store.Sessions(), Connections: h.connections,
		Flow: &connection.Flow{Store: h.store, Vault: keys, HTTP: h.providers.tokenClient(), Now: time.Now}, KeeperWake: h.keeper.Wake,
		Gateway: h.gateway, Definitions: h.definitions, Trials: h.reconciler, Descriptors: h.providers.descriptors(), Webhooks: hooks, Vault: keys, KeepDeliveries: h.cfg.KeepDeliveries, Providers: h.providers,
		Quota: h.quota, Metrics: h.metrics.handler(), SetupToken: h.setupToken, PublicURL: h.cfg.PublicURL, Secure: h.cfg.Secure(),
		MetricsToken: h.cfg.MetricsToken.Reveal(), Demo: h.cfg.Demo, Version: Version, Database: databaseName(h.store),
		Now: time.Now, NewID: automation.NewID, Log: h.log, Fresh: h.gateway.Fresh, UserContext: h.providers.userContext(), FrameHosts: h.cfg.HighLevel.FrameHosts, TrustedProxies: h.cfg.TrustedProxies,
	})
	return nil
}

func databaseName(st *store.Store) string {
	if st.PGXPool() != nil {
		return "PostgreSQL"
	}
	return "embedded SQLite"
}

func newSetupToken() string {
	b := make([]byte, 15)
	_, _ = rand.Read(b) // never fails; the program ends instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// quieter lets River speak only when something is wrong: a job done is no news.
func quieter(log *slog.Logger) *slog.Logger {
	return slog.New(leveled{log.Handler(), slog.LevelWarn})
}

type leveled struct {
	slog.Handler
	least slog.Level
}

func (l leveled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= l.least && l.Handler.Enabled(ctx, level)
}

func (l leveled) WithAttrs(a []slog.Attr) slog.Handler {
	return leveled{l.Handler.WithAttrs(a), l.least}
}

func (l leveled) WithGroup(name string) slog.Handler {
	return leveled{l.Handler.WithGroup(name), l.least}
}

// ran tells open pages and the counters of a finished run.
func (h *house) ran(r automation.Run) {
	h.metrics.run(r)
	if h.server != nil {
		h.server.Notify()
	}
}

func (h *house) quota(id record.ConnectionID) (engine.QuotaState, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := h.store.Connection(ctx, id)
	if err != nil {
		return engine.QuotaState{}, false
	}
	return h.providers.quotaOf(ctx, c, h.store)
}

// connectionChanged makes caches forget a connection and what waits for it go on.
func (h *house) connectionChanged(ctx context.Context, id record.ConnectionID) {
	h.gateway.Forget(id)
	h.definitions.Forget(id)
	if h.server != nil {
		h.server.ConnectionsChanged()
	}
	if err := h.store.PollSoon(ctx, id); err != nil {
		h.log.ErrorContext(ctx, "poll a changed connection soon", "err", err)
	}
	all, err := h.store.Automations(ctx)
	if err != nil {
		h.log.ErrorContext(ctx, "wake waiting work", "err", err)
		return
	}
	var ids []automation.ID
	for _, a := range all {
		if a.Definition.Source.Connection == id || a.Definition.Target.Connection == id {
			ids = append(ids, a.ID)
		}
	}
	if len(ids) == 0 {
		return
	}
	if _, err := h.store.WakeWaiting(ctx, ids...); err != nil {
		h.log.ErrorContext(ctx, "wake waiting work", "err", err)
	}
}

// pollAll polls every object that an automation watches, on either side, whose time has come.
func (h *house) pollAll(ctx context.Context) error {
	if !h.polling.TryLock() {
		return nil
	}
	defer h.polling.Unlock()
	all, err := h.store.Automations(ctx)
	if err != nil {
		return err
	}
	list, err := h.store.Connections(ctx)
	if err != nil {
		return err
	}
	byKey := map[record.ConnectionID]bool{}
	for _, cn := range list {
		byKey[cn.ID] = cn.Auth != connection.ByOAuth
	}
	cursors, err := h.store.PollCursors(ctx)
	if err != nil {
		return err
	}
	type place struct {
		connection record.ConnectionID
		object     record.ObjectType
	}
	last := map[place]engine.PollCursor{}
	for _, c := range cursors {
		last[place{c.Connection, c.Object}] = c
	}
	var failed error
	for _, end := range polled(all, h.providers.descriptors(), byKey, h.cfg.PollEvery) {
		if c, known := last[place{end.Connection, end.Object}]; known && !c.Due(end.Watch, h.poller.Now(), h.cfg.PollEvery) {
			continue
		}
		found, err := h.poller.Poll(ctx, end.Watch)
		h.metrics.polled(string(end.provider), found.Fresh, err)
		if err != nil && !provider.NeedsPerson(err) {
			failed = errors.Join(failed, err)
		}
	}
	if failed != nil {
		// The cursor remembers; the next poll is soon. Only the log needs to know.
		h.log.WarnContext(ctx, "poll failed", "err", failed)
	}
	return nil
}

// appless reports that an account has no app of ours, and so no webhooks but those somebody set up by hand.
func (h *house) appless(ctx context.Context, id record.ConnectionID) (bool, error) {
	c, err := h.store.Connection(ctx, id)
	return c.Auth != connection.ByOAuth, err
}

// insuredEvery is how often what webhooks tell of is polled as well: one that gets lost is made up for within this time.
const insuredEvery = 5 * time.Minute

// outlook is something to poll, and at whom.
type outlook struct {
	engine.Watch
	provider provider.ID
}

// polled are the ends to be asked. A connection by key has no app, and without an app there are no webhooks
// (reference/highlevel.md §7): it is asked as often as what nobody tells of, and what webhooks tell of now and then, for
// the ones that get lost. What is listed by its parent only (reference/highlevel.md §4.5) is left to the daily
// comparison.
func polled(all []automation.Automation, descriptors map[provider.ID]provider.Descriptor, byKey map[record.ConnectionID]bool, every time.Duration) []outlook {
	type place struct {
		connection record.ConnectionID
		object     record.ObjectType
	}
	seen := map[place]bool{}
	shares := map[record.ConnectionID]int{}
	var out []outlook
	for _, a := range all {
		if a.State == automation.Draft || !a.Definition.Connected() {
			continue
		}
		for _, end := range []automation.Endpoint{a.Definition.Source, a.Definition.Target} {
			p := place{end.Connection, end.Object}
			if _, watches := a.Definition.Watches(end.Connection, end.Object); !watches || seen[p] {
				continue
			}
			object, _ := descriptors[end.Provider].Object(end.Object)
			if object.ByParent {
				continue
			}
			seen[p] = true
			shares[end.Connection]++
			out = append(out, outlookOn(end, descriptors, byKey, every))
		}
	}
	// What lends a field to what an automation looks at is looked at for its sake.
	for _, a := range all {
		if a.State == automation.Draft || !a.Definition.Connected() {
			continue
		}
		for _, l := range engine.Lenders(a.Definition, descriptors) {
			p := place{l.Connection, l.Object}
			if !seen[p] {
				seen[p] = true
				out = append(out, outlookOn(l.Endpoint, descriptors, byKey, every))
				shares[l.Connection]++
			}
			for i := range out {
				if out[i].Connection == l.Connection && out[i].Object == l.Object {
					out[i].Touches = l.To
				}
			}
		}
	}
	for i := range out {
		out[i].Shares = shares[out[i].Connection]
	}
	return out
}

func outlookOn(end automation.Endpoint, descriptors map[provider.ID]provider.Descriptor, byKey map[record.ConnectionID]bool, every time.Duration) outlook {
	object, _ := descriptors[end.Provider].Object(end.Object)
	w := outlook{engine.Watch{Connection: end.Connection, Object: end.Object, Every: every}, end.Provider}
	w.Parent = object.Parent
	if object.Tells.ByHand || !byKey[end.Connection] {
		w.Tells = object.Tells
	}
	if w.Told = object.Webhook && !object.Poll && !byKey[end.Connection]; w.Told {
		w.Every = max(every, insuredEvery)
	}
	return w
}

// compareAll begins the daily comparison of everyone, one automation at a time so that they share the day's calls. What
// people do with one automation keeps no other from its turn.
func (h *house) compareAll(ctx context.Context) error {
	all, err := h.store.Automations(ctx)
	if err != nil || h.cfg.CompareEvery <= 0 {
		return err
	}
	var next automation.Automation
	for _, a := range all {
		if a.State != automation.On {
			continue
		}
		last, ok, err := h.store.LatestPopulation(ctx, a.ID)
		if err != nil {
			return err
		}
		under := ok && (last.State == engine.PopulationQueued || last.State == engine.PopulationRunning)
		if under && last.Of == engine.DailyComparison {
			return nil
		}
		busy := under || ok && last.State == engine.PopulationPaused // it would be hidden behind a newer one
		since := a.CreatedAt
		if ok {
			since = last.CreatedAt
		}
		// Somebody who is at work on an automation now has it compared a day later, and not never.
		resting := time.Since(a.UpdatedAt) >= h.cfg.CompareEvery || time.Since(since) >= 2*h.cfg.CompareEvery
		if next.ID == "" && !busy && resting && time.Since(since) >= h.cfg.CompareEvery {
			next = a
		}
	}
	if a := next; a.ID != "" {
		return h.store.CreatePopulation(ctx, engine.Population{
			ID: automation.NewID("pl"), Automation: a.ID, Version: a.Version, Mode: engine.ModeShow, Of: engine.DailyComparison, State: engine.PopulationQueued, CreatedAt: time.Now(), StartedBy: "the daily comparison",
		})
	}
	return nil
}

// rescue makes abandoned work due again, and routes events whose wake-up was lost.
func (h *house) rescue(ctx context.Context) error {
	if !h.rescuing.TryLock() {
		return nil
	}
	defer h.rescuing.Unlock()
	n, err := h.store.Rescue(ctx, time.Now())
	if n > 0 {
		h.log.InfoContext(ctx, "rescued abandoned work", "keys", n)
	}
	if err != nil {
		return err
	}
	_, err = h.router.Route(ctx)
	return err
}

func (h *house) close() error { return h.store.Close() }
