package app

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/config"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/provider/gleap"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	"crosswalk/internal/server"
	"crosswalk/web/ui"
)

// What the providers allow, and what we therefore begin with; answers teach more.
const (
	highLevelBurst    = 100 // per 10 s, per app and location: reference/highlevel.md §3
	highLevelInterval = 10 * time.Second
	highLevelDaily    = 200_000
	gleapPerMinute    = 1000 // reference/gleap.md §5
	gleapTickets      = 200  // where one source is right: same place
)

// providers is all the house knows of the two providers, in one place.
type providers struct {
	cfg       config.Config
	transport http.RoundTripper
	now       func() time.Time
	// unlimited lifts the call limits, for benchmarks against instant twins.
	unlimited bool
	// ledger shares the budgets with other processes; nil: this process has them alone.
	ledger apiclient.Ledger

	mu       sync.Mutex
	budgets  map[string]*apiclient.Budget
	spenders map[string]record.ConnectionID // whose a budget is
	faults   faultLog
}

func newProviders(cfg config.Config, transport http.RoundTripper, now func() time.Time) *providers {
	return &providers{cfg: cfg, transport: transport, now: now, budgets: map[string]*apiclient.Budget{}, spenders: map[string]record.ConnectionID{}}
}

// limitsOf is what a provider allows as far as it is known in advance.
func limitsOf(id provider.ID) apiclient.BudgetConfig {
	if id == highlevel.ID {
		return apiclient.BudgetConfig{Burst: highLevelBurst, Interval: highLevelInterval, Daily: highLevelDaily}
	}
	return apiclient.BudgetConfig{Burst: gleapPerMinute, Interval: time.Minute}
}

// budget is shared by everything that calls one account, however many clients are built for it. It is the account's of a
// connection that was saved, and so proven: while somebody only tries what they typed, neither what they spend nor what
// they are answered counts for anybody else.
func (p *providers) budget(c connection.Connection, part string, make func() apiclient.BudgetConfig) *apiclient.Budget {
	if c.ID == "" {
		if p.unlimited {
			return nil // a nil budget waits for nothing
		}
		cfg := make()
		cfg.Now = p.now
		return apiclient.NewBudget(cfg)
	}
	key := p.budgetKey(c) + part
	p.mu.Lock()
	p.spenders[key] = c.ID
	p.mu.Unlock()
	return p.sharedBudget(key, make)
}

// budgetKey names the budget of an account: the same ID at another host is another account, whatever is stored of it.
func (p *providers) budgetKey(c connection.Connection) string {
	a := c.Account
	a.Host = ""
	if !p.ownHost(c.Provider, c.BaseURL) {
		a.Host = c.BaseURL
	}
	return string(c.Provider) + "/" + a.Key()
}

func (p *providers) sharedBudget(key string, make func() apiclient.BudgetConfig) *apiclient.Budget {
	if p.unlimited {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if b, ok := p.budgets[key]; ok {
		return b
	}
	cfg := make()
	cfg.Key, cfg.Now, cfg.Reserve, cfg.Ledger = key, p.now, p.cfg.ReserveCalls, p.ledger
	b := apiclient.NewBudget(cfg)
	p.budgets[key] = b
	return b
}

func (p *providers) builders() map[provider.ID]connection.Builder {
	return map[provider.ID]connection.Builder{highlevel.ID: p.buildHighLevel, gleap.ID: p.buildGleap}
}

func (p *providers) buildHighLevel(c connection.Connection, token func(context.Context) (string, error), refresh func(context.Context) error) (provider.Client, error) {
	return highlevel.New(highlevel.Config{
		Connection: c.ID, LocationID: c.Account.ID, BaseURL: c.BaseURL, Token: token, Refresh: refresh, Transport: p.transport, Now: p.now, Failed: p.faults.of(c.ID, p.now),
		Budget: p.budget(c, "", func() apiclient.BudgetConfig { return limitsOf(highlevel.ID) }),
	}), nil
}

func (p *providers) buildGleap(c connection.Connection, token func(context.Context) (string, error), refresh func(context.Context) error) (provider.Client, error) {
	return gleap.New(gleap.Config{
		Connection: c.ID, ProjectID: c.Account.ID, BaseURL: c.BaseURL, Token: token, Refresh: refresh, Transport: p.transport, Now: p.now, Failed: p.faults.of(c.ID, p.now),
		Budget: p.budget(c, "", func() apiclient.BudgetConfig { return limitsOf(gleap.ID) }),
		TicketBudget: p.budget(c, "/tickets", func() apiclient.BudgetConfig {
			return apiclient.BudgetConfig{Burst: gleapTickets, Interval: time.Minute}
		}),
	}), nil
}

func (p *providers) names() map[provider.ID]string {
	out := map[provider.ID]string{}
	for id, d := range p.descriptors() {
		out[id] = d.Name
	}
	return out
}

func (p *providers) descriptors() map[provider.ID]provider.Descriptor {
	return map[provider.ID]provider.Descriptor{highlevel.ID: highlevel.Descriptor(), gleap.ID: gleap.Descriptor()}
}

func (p *providers) webhooks() (server.Hooks, error) {
	hl, err := highlevel.NewWebhooks(highlevel.WebhookConfig{PublicKeys: p.cfg.HighLevel.WebhookPublicKeys, AllowLegacy: p.cfg.HighLevel.WebhookLegacy})
	if err != nil {
		return nil, err
	}
	return server.Hooks{highlevel.ID: hl, gleap.ID: gleap.NewWebhooks()}, nil
}

// takeUse is what was answered since the last time, by connection. A call of a ticket counts against two budgets and is
// answered in one.
func (p *providers) takeUse() []engine.QuotaUse {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []engine.QuotaUse
	for key, b := range p.budgets {
		if p.spenders[key] == "" {
			continue // a company's, which is no connection
		}
		for _, u := range b.TakeUse() {
			out = append(out, engine.QuotaUse{Connection: p.spenders[key], Start: u.Start, Calls: u.Calls, Refused: u.Refused})
		}
	}
	return out
}

// ledgers are the store's documents of call budgets, by key.
type ledgers interface {
	Ledgers(ctx context.Context) (documents map[string]string, now time.Time, err error)
	ChangeLedger(ctx context.Context, budget string, change func(document string, now time.Time) (string, error)) error
}

// tell stores what every budget knows of its limits and its day, where no lease has: whoever is started next goes on from
// there.
func (p *providers) tell(ctx context.Context, to ledgers) error {
	if p.ledger != nil {
		return nil
	}
	p.mu.Lock()
	all := slices.Collect(maps.Values(p.budgets))
	p.mu.Unlock()
	var failed error
	for _, b := range all {
		failed = errors.Join(failed, b.Tell(ctx, to.ChangeLedger))
	}
	return failed
}

// learn tells every budget what all processes have spent of it, so that also who calls little knows what is left.
func (p *providers) learn(ctx context.Context, from ledgers) error {
	if p.ledger == nil {
		return nil
	}
	documents, now, err := from.Ledgers(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, b := range p.budgets {
		if document := documents[key]; document != "" {
			b.Learn(document, now)
		}
	}
	return nil
}

// quotaOf is how the budget of a connection's account stands, whichever process spends it; false before its first call.
func (p *providers) quotaOf(ctx context.Context, c connection.Connection, from ledgers) (engine.QuotaState, bool) {
	key := p.budgetKey(c)
	p.mu.Lock()
	b, spent := p.budgets[key]
	p.mu.Unlock()
	documents, now, err := from.Ledgers(ctx)
	switch document := documents[key]; {
	case spent && (err != nil || p.ledger == nil): // it knows best
		documents = nil
	case err != nil || document == "" && !spent:
		return engine.QuotaState{}, false
	case !spent: // this process calls nobody there
		cfg := limitsOf(c.Provider)
		cfg.Now, cfg.Reserve = p.now, p.cfg.ReserveCalls
		b = apiclient.NewBudget(cfg)
	}
	q := b.LeftOf(documents[key], now)
	st := engine.QuotaState{
		Used: q.Max - q.Remaining, Limit: q.Max, Interval: q.Interval, DailyLimit: q.DailyMax,
		Reserve: p.cfg.ReserveCalls, Forecast: q.Forecast, RunsOut: q.RunsOut, ResetAt: q.ResetAt,
	}
	if q.DailyMax > 0 {
		st.DailyUsed = q.DailyMax - q.DailyRemaining
	}
	return st, st.Limit > 0 || st.DailyLimit > 0
}

// renewal is the token keeper of an OAuth grant: with the app it was made with.
func (p *providers) renewal(of connection.Holder, app func(connection.Grant) *oauth2.Config) *connection.Tokens {
	return &connection.Tokens{
		Of: of, App: app, HTTP: p.tokenClient(), Now: p.now, Wait: connection.Sleep,
		Known: func(tokenURL string) bool {
			own, _ := p.OAuth(of.Provider)
			return tokenURL != "" && tokenURL == own.Endpoint.TokenURL
		},
	}
}

// tokenClient asks token addresses.
func (p *providers) tokenClient() *http.Client {
	return &http.Client{Transport: p.transport, Timeout: 20 * time.Second}
}

// companies are the providers that grant access to whole companies.
func (p *providers) companies() map[provider.ID]connection.CompanyBuilder {
	return map[provider.ID]connection.CompanyBuilder{highlevel.ID: func(i connection.Installation, token func(context.Context) (string, error), refresh func(context.Context) error) connection.Company {
		return highlevel.NewCompany(highlevel.CompanyConfig{
			BaseURL: i.BaseURL, CompanyID: i.Account.CompanyID, AppID: highlevel.AppID(i.ClientID), Token: token, Refresh: refresh, Transport: p.transport, Now: p.now,
			Budget: p.sharedBudget("highlevel/"+i.Account.CompanyID, func() apiclient.BudgetConfig { return limitsOf(highlevel.ID) }),
		})
	}}
}

// regain gets lost access back where HighLevel lets an app do so: with the app the connection was made with, which must
// be the configured one, since an uninstalled connection keeps no secret.
func (p *providers) regain(ctx context.Context, c connection.Connection) (connection.OAuthInput, bool, error) {
	app, ok := p.OAuth(c.Provider)
	if c.Provider != highlevel.ID || !ok || app.ClientID != c.ClientID || app.Endpoint.TokenURL != c.Endpoint.TokenURL || p.BaseURL(c.Provider) != c.BaseURL {
		return connection.OAuthInput{}, false, nil
	}
	code, err := highlevel.Reconnect(ctx, highlevel.Lost{
		BaseURL: c.BaseURL, Transport: p.transport, ClientID: app.ClientID, ClientSecret: app.ClientSecret, LocationID: c.Account.ID, CompanyID: c.Account.CompanyID,
	})
	if err != nil {
		return connection.OAuthInput{}, false, nil //nolint:nilerr // it may not exist any more; a person can always connect
	}
	flow := connection.Flow{HTTP: p.tokenClient(), Now: p.now}
	done, err := flow.Redeem(ctx, code, connection.Intent{Provider: c.Provider, BaseURL: c.BaseURL, ClientID: app.ClientID, ClientSecret: app.ClientSecret, Endpoint: c.Endpoint})
	if err != nil {
		return connection.OAuthInput{}, false, nil //nolint:nilerr // as above
	}
	in := connection.OAuthInput{Authorised: done}
	in.Account, in.CompanyID, in.Scopes = p.Granted(done.Pending, done.Token)
	return in, in.Account == c.Account.ID, nil
}

var _ server.Providers = (*providers)(nil)

// OwnApp implements server.Providers.
func (p *providers) OwnApp(id provider.ID, appID string) (ours, configured bool) {
	if id != highlevel.ID || p.cfg.HighLevel.ClientID == "" {
		return false, false
	}
	return highlevel.AppID(p.cfg.HighLevel.ClientID) == appID, true
}

// CallsPerSecond implements server.Providers: what bulk work may use of the limit.
func (p *providers) CallsPerSecond(id provider.ID) float64 {
	if id == highlevel.ID {
		return highLevelBurst * 0.8 / highLevelInterval.Seconds()
	}
	return gleapPerMinute * 0.8 / 60
}

// OAuth implements server.Providers.
func (p *providers) OAuth(id provider.ID) (server.OAuthApp, bool) {
	switch id {
	case highlevel.ID:
		c := p.cfg.HighLevel
		app := server.OAuthApp{ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), Endpoint: highlevel.Endpoint(c.BaseURL, c.AuthorizeURL)}
		for _, s := range highlevel.Scopes() {
			app.Scopes = append(app.Scopes, s.Name)
		}
		if c.Agency {
			app.Scopes = append(app.Scopes, highlevel.CompanyScopes()...)
		}
		return app, c.ClientID != ""
	case gleap.ID:
		c := p.cfg.Gleap
		return server.OAuthApp{ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), PKCE: true, Endpoint: oauth2.Endpoint{AuthURL: c.AuthorizeURL, TokenURL: c.TokenURL}}, c.AuthorizeURL != ""
	}
	return server.OAuthApp{}, false
}

// BaseURL implements server.Providers.
func (p *providers) BaseURL(id provider.ID) string {
	if id == highlevel.ID {
		return p.cfg.HighLevel.BaseURL
	}
	return p.cfg.Gleap.BaseURL
}

// Granted implements server.Providers. HighLevel's answer names the location; Gleap's is silent, so the project
// is the one a person typed.
func (p *providers) Granted(pending connection.Pending, t *oauth2.Token) (account, company string, scopes []string) {
	if pending.Provider == highlevel.ID {
		g := highlevel.ReadGrant(t.Extra)
		return g.LocationID, g.CompanyID, g.Scope
	}
	return pending.Account, "", pending.Scopes
}

// ownHost reports whether an API address is on a host of the provider's, or on the one the operator set.
func (p *providers) ownHost(id provider.ID, baseURL string) bool {
	own := []string{p.BaseURL(id)}
	if id == gleap.ID {
		for _, r := range gleap.Regions() {
			own = append(own, r.BaseURL)
		}
	}
	host := func(raw string) string {
		u, err := url.Parse(raw)
		if err != nil {
			return ""
		}
		return u.Scheme + "://" + strings.ToLower(u.Host)
	}
	return slices.ContainsFunc(own, func(o string) bool { return host(o) == host(baseURL) })
}

// HookSteps implements server.Providers: reference/highlevel.md §7.1, reference/gleap.md §12.
func (p *providers) HookSteps(id provider.ID) []string {
	if id == highlevel.ID {
		return []string{
			"Open your app at the HighLevel Marketplace: Advanced settings → Webhook.",
			"Paste the address below as its webhook URL.",
			"Tick ContactCreate, ContactUpdate, ContactDelete and ContactTagUpdate, and save.",
		}
	}
	return []string{
		"In Gleap, open Settings → Integrations → Webhooks → Add Webhook.",
		"Paste the address below as its URL.",
		"Tick “ticket created” and “ticket updated”, and save. Contacts need no webhook: they are polled.",
		"Rather not have the secret in an address? Use the address up to “/gleap”, and send its last part in a header instead: “Authorization: Bearer …”.",
	}
}

// Regions implements server.Providers.
func (p *providers) Regions(id provider.ID) []ui.Option {
	if id != gleap.ID {
		return nil
	}
	var out []ui.Option
	for _, r := range gleap.Regions() {
		out = append(out, ui.Option{Value: r.BaseURL, Label: r.Label})
	}
	return append(out, ui.Option{Value: "custom", Label: "Other address"})
}

// userContext opens what HighLevel's page hands to ours; nil where the app has no shared secret.
func (p *providers) userContext() func(string) (server.UserContext, error) {
	secret := p.cfg.HighLevel.SharedSecret.Reveal()
	if secret == "" {
		return nil
	}
	return func(sealed string) (server.UserContext, error) {
		u, err := highlevel.OpenUserContext(secret, sealed)
		if err != nil {
			return server.UserContext{}, err
		}
		return server.UserContext{
			Identity: people.Identity{Provider: string(highlevel.ID), CompanyID: u.CompanyID, UserID: u.UserID, Name: cmp.Or(u.Name, u.Email), Email: u.Email},
			Account:  u.LocationID, Salt: u.Salt,
		}, nil
	}
}
