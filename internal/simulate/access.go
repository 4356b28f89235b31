package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

const (
	// keepEvery is how often the front looks whether the access runs out, and keepLead how long before its end it is
	// renewed.
	keepEvery = 5 * time.Minute
	keepLead  = 30 * time.Minute
	// callback is where HighLevel sends a person back to.
	callback = "http://127.0.0.1:9/callback"
)

// access is how we come to HighLevel's account in a day's world: connected by a person, renewed by the program, and taken
// away by whoever uninstalls the app.
type access struct {
	asked  int  // people have connected so many times
	coming bool // a person is on the way to connect again
	away   bool // the app is uninstalled
	// removals are when we were told that the app was uninstalled, and returns when it was connected again: moments.
	removals, returns []int
}

// open keeps what is sealed as it is: whether it can be read is not in question here.
type open struct{}

func (open) Seal(plain []byte, _ string) ([]byte, error)  { return plain, nil }
func (open) Open(sealed []byte, _ string) ([]byte, error) { return sealed, nil }

// accounts are the connections and grants as one process sees them.
type accounts struct {
	connection.Store
	p *process
}

func (x accounts) Connection(ctx context.Context, id record.ConnectionID) (connection.Connection, error) {
	return read(x.p, func() (connection.Connection, error) { return x.Store.Connection(ctx, id) })
}

func (x accounts) LoadGrant(ctx context.Context, id record.ConnectionID) (connection.SealedGrant, error) {
	return read(x.p, func() (connection.SealedGrant, error) { return x.Store.LoadGrant(ctx, id) })
}

func (x accounts) LeaseGrant(ctx context.Context, id record.ConnectionID, owner string, now, until time.Time) (s connection.SealedGrant, ok bool, err error) {
	err = x.p.durable("the lease of the access", func() (err error) { s, ok, err = x.Store.LeaseGrant(ctx, id, owner, now, until); return err })
	return s, ok, err
}

func (x accounts) RotateGrant(ctx context.Context, id record.ConnectionID, from int64, sealed []byte, rotatedAt, expiresAt time.Time) error {
	return x.p.durable("the renewed access", func() error {
		if err := x.Store.RotateGrant(ctx, id, from, sealed, rotatedAt, expiresAt); err != nil {
			return err
		}
		x.p.world.result.Renewals++
		x.p.world.tell("%s has a new access", x.p.name)
		return nil
	})
}

func (x accounts) ReleaseGrant(ctx context.Context, id record.ConnectionID, owner string) error {
	return x.p.durable("the release of the access", func() error { return x.Store.ReleaseGrant(ctx, id, owner) })
}

func (x accounts) PostponeGrant(ctx context.Context, id record.ConnectionID, owner string, failures int, retryAt time.Time) error {
	return x.p.durable("when the access is renewed again", func() error { return x.Store.PostponeGrant(ctx, id, owner, failures, retryAt) })
}

func (x accounts) SaveHealth(ctx context.Context, c connection.Connection) error {
	return x.p.durable("the broken connection", func() error { return x.Store.SaveHealth(ctx, c) })
}

func (x accounts) SaveConnection(ctx context.Context, c connection.Connection, sealed []byte) error {
	return x.p.durable("the connection", func() error {
		if err := x.Store.SaveConnection(ctx, c, sealed); err != nil {
			return err
		}
		x.p.world.access.returns = append(x.p.world.access.returns, x.p.world.moment())
		return nil
	})
}

func (x accounts) UninstallConnection(ctx context.Context, id record.ConnectionID, why string, at time.Time) error {
	return x.p.durable("the uninstallation", func() error {
		if err := x.Store.UninstallConnection(ctx, id, why, at); err != nil {
			return err
		}
		x.p.world.tell("%s knows that the app is uninstalled", x.p.name)
		x.p.world.access.removals = append(x.p.world.access.removals, x.p.world.moment())
		return nil
	})
}

// service connects and disconnects by the program's own rules.
func (w *world) service(p *process, store accounts) *connection.Service {
	return &connection.Service{
		Store: store, Grants: connection.Grants{Store: store, Vault: open{}}, Now: func() time.Time { return w.clock },
		Names: map[provider.ID]string{highlevel.ID: descriptors[highlevel.ID].Name},
		NewID: func(prefix string) string {
			if prefix == "cn" {
				return string(highLevelConnection)
			}
			return w.newID(prefix)
		},
		// What a person has just been given is not tried out before it is saved.
		Builders: map[provider.ID]connection.Builder{highlevel.ID: func(connection.Connection, func(context.Context) (string, error), func(context.Context) error) (provider.Client, error) {
			return struct{ provider.Client }{}, nil
		}},
		Changed: p.changed,
	}
}

// gateway hands out the client of HighLevel by the program's own rules.
func (w *world) gateway(p *process, store accounts, config highlevel.Config) *connection.Gateway {
	return &connection.Gateway{
		Store: store, Grants: connection.Grants{Store: store, Vault: open{}}, Now: func() time.Time { return w.clock },
		Builders: map[provider.ID]connection.Builder{highlevel.ID: func(_ connection.Connection, token func(context.Context) (string, error), refresh func(context.Context) error) (provider.Client, error) {
			config.Token, config.Refresh = token, refresh
			return w.broken.client(p, highLevelConnection, highlevel.New(config)), nil
		}},
		Tokens: func(connection.Connection) *connection.Tokens { return w.tokens(p, store) },
	}
}

// changed is what follows when a connection was made, or taken away: caches forget it, and what waits for it is due.
func (p *process) changed(ctx context.Context, id record.ConnectionID) {
	p.gateway.Forget(id)
	var of []automation.ID
	for _, a := range p.world.definitions {
		of = append(of, a.ID)
	}
	if err := p.durable("the waking of what waits", func() error { _, err := p.world.store.WakeWaiting(ctx, of...); return err }); err != nil && !p.dead {
		p.world.tell("waking what waits: %v", err)
	}
}

// tokens keeps the access of one process, by the program's own rules.
func (w *world) tokens(p *process, store accounts) *connection.Tokens {
	return &connection.Tokens{
		Of: connection.Holder{ID: highLevelConnection, Provider: highlevel.ID, BaseURL: w.highLevelReady.URL}, Owner: p.owner, Now: func() time.Time { return w.clock },
		Grants: connection.Grants{Store: store, Vault: open{}},
		App: func(g connection.Grant) *oauth2.Config {
			return &oauth2.Config{ClientID: w.highLevelReady.ClientID, ClientSecret: g.ClientSecret, Endpoint: highlevel.Endpoint(w.highLevelReady.URL, "")}
		},
		HTTP: &http.Client{Transport: wire{w, p, highLevelSide}},
		Wait: func(_ context.Context, d time.Duration) error {
			if p.dead {
				return errDead
			}
			w.pass(d)
			return nil
		},
		Broken: func(ctx context.Context, id record.ConnectionID, why string) error {
			err := p.service.Break(ctx, id, why)
			if err == nil {
				w.lostAccess(why)
			}
			return err
		},
	}
}

// lostAccess waits for a person, who comes after a while; whoever has uninstalled the app comes back in their own time.
func (w *world) lostAccess(why string) {
	if w.access.coming || w.access.away {
		return
	}
	w.tell("HighLevel is not connected any more: %s", why)
	wait := w.between(5*time.Minute, time.Hour)
	if w.peopleGone {
		wait = time.Minute // somebody is still there to connect, though nobody types any more
	}
	w.comes(wait)
}

// comes is a person who connects after a while, and tries again when our page does not answer.
func (w *world) comes(wait time.Duration) {
	w.access.coming = true
	w.underWay++
	w.after(wait, func() {
		w.underWay--
		w.access.coming = false
		if err := w.connect(); err != nil {
			w.tell("connecting: %v", err)
			w.comes(time.Minute)
		}
	})
}

// connect is a person who lets us in: at the provider's own page, and back with a code.
func (w *world) connect() error {
	p := w.processes[front]
	if p.dead || p.busy {
		return errors.New("our page does not answer")
	}
	scopes := make([]string, 0, len(highlevel.Scopes()))
	for _, s := range highlevel.Scopes() {
		scopes = append(scopes, s.Name)
	}
	page := w.post("/oauth/chooselocation", url.Values{
		"response_type": {"code"}, "client_id": {w.highLevelReady.ClientID}, "redirect_uri": {callback},
		"scope": {strings.Join(scopes, " ")}, "location": {w.highLevelReady.LocationID}, "decision": {"approve"},
	})
	back, err := url.Parse(page.header.Get("Location"))
	if err != nil || back.Query().Get("code") == "" {
		return fmt.Errorf("the consent page answered %d", page.status)
	}
	if w.access.away {
		w.access.away = false
		w.tell("the app is installed again")
		w.appHook("INSTALL")
	}
	got := w.post(highlevel.TokenPath, url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {callback},
		"client_id": {w.highLevelReady.ClientID}, "client_secret": {w.highLevelReady.ClientSecret}, "user_type": {"Location"},
	})
	var token oauth2.Token
	if err := json.Unmarshal(got.body.Bytes(), &token); err != nil || token.AccessToken == "" {
		return fmt.Errorf("the token address answered %d", got.status)
	}
	token.Expiry = w.clock.Add(time.Duration(token.ExpiresIn) * time.Second)
	_, err = p.service.ConnectOAuth(w.ctx, connection.OAuthInput{
		Account: w.highLevelReady.LocationID, CompanyID: w.highLevelReady.CompanyID, Scopes: scopes,
		Authorised: connection.Authorised{
			Pending: connection.Pending{Provider: highlevel.ID, BaseURL: w.highLevelReady.URL, ClientID: w.highLevelReady.ClientID, Endpoint: highlevel.Endpoint(w.highLevelReady.URL, "")},
			Token:   &token, ClientSecret: w.highLevelReady.ClientSecret,
		},
	})
	if err != nil {
		return err
	}
	w.access.asked++
	w.tell("a person has connected HighLevel")
	return nil
}

// post is a person's browser.
func (w *world) post(path string, form url.Values) *written {
	r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.highLevelReady.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		return &written{status: http.StatusBadRequest, header: http.Header{}}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	got := &written{status: http.StatusOK, header: http.Header{}}
	w.highLevel.ServeHTTP(got, r)
	return got
}

// appHook posts what HighLevel tells of the app itself, sometimes only when the opposite is true already.
func (w *world) appHook(kind string) {
	body, err := json.Marshal(map[string]any{
		"type": kind, "appId": highlevel.AppID(w.highLevelReady.ClientID), "locationId": w.highLevelReady.LocationID,
		"companyId": w.highLevelReady.CompanyID, "webhookId": w.newID("hook"), "timestamp": w.clock.Format(time.RFC3339Nano),
	})
	if err != nil {
		return
	}
	wait := time.Duration(0)
	if w.chance(50) {
		wait = w.between(0, 2*time.Minute)
	}
	w.underWay++
	w.after(wait, func() {
		w.underWay--
		w.posted(highLevelSide, body, nil)
	})
}

// installation notes that the app was installed or uninstalled, before the delivery is kept like any other.
func (p *process) installation(ctx context.Context, n provider.Notice) error {
	if p.service == nil {
		return nil
	}
	take := p.service.Installed
	if n.Change == provider.Removed {
		take, n = p.service.Uninstalled, p.world.broken.removal(n)
	}
	_, err := take(ctx, highlevel.ID, n)
	return err
}

// keepAccess renews the access before anybody waits for it.
func (w *world) keepAccess() {
	p := w.processes[front]
	if p.dead || p.busy {
		return
	}
	c, err := p.service.Store.Connection(w.ctx, highLevelConnection)
	if err != nil || c.State != connection.Active {
		return
	}
	p.busy = true
	err = w.broken.renews(func() error { return p.gateway.Renew(w.ctx, c, keepLead) })
	p.busy = false
	if err != nil && !p.dead {
		w.tell("renewing early: %v", err)
	}
}

// connected reports that HighLevel can be called.
func (w *world) connected() bool {
	c, err := w.store.accounts().Connection(w.ctx, highLevelConnection)
	return err == nil && c.State == connection.Active
}

// scheduleLosses decides how the access to HighLevel is lost in the course of a long day.
func (w *world) scheduleLosses(busy time.Duration) {
	fault := func(set func(f *twinhighlevel.Faults)) {
		f := w.highLevel.Faults()
		set(&f)
		w.highLevel.SetFaults(f)
	}
	sometime := func(times int, do func()) {
		for range times {
			w.after(w.between(0, busy-2*time.Hour), func() {
				if !w.peopleGone {
					do()
				}
			})
		}
	}
	sometime(2+w.dice.IntN(3), func() {
		w.tell("HighLevel's location is not active")
		fault(func(f *twinhighlevel.Faults) { f.LocationInactive = true })
		w.after(w.between(20*time.Minute, 100*time.Minute), func() {
			fault(func(f *twinhighlevel.Faults) { f.LocationInactive = false })
			w.tell("HighLevel's location is active again")
		})
	})
	sometime(1+w.dice.IntN(3), func() {
		w.tell("HighLevel forgets the access it gave us")
		fault(func(f *twinhighlevel.Faults) { f.RevokeAccess = true })
		fault(func(f *twinhighlevel.Faults) { f.RevokeAccess = false })
	})
	sometime(w.dice.IntN(3), func() {
		w.tell("HighLevel takes our access away")
		fault(func(f *twinhighlevel.Faults) { f.RevokeTokens = true })
		fault(func(f *twinhighlevel.Faults) { f.RevokeTokens = false })
	})
	sometime(2+w.dice.IntN(4), func() { fault(func(f *twinhighlevel.Faults) { f.RenewalsLost++ }) })
	sometime(1+w.dice.IntN(3), w.uninstall)
}

// uninstall is a person who takes the app away, and installs it again in an instant or after a while. Meanwhile people go on
// working, and HighLevel tells us nothing of it.
func (w *world) uninstall() {
	if w.access.away {
		return
	}
	w.tell("the app is uninstalled")
	w.result.Uninstalls++
	w.access.away = true
	w.highLevel.Uninstall()
	w.appHook("UNINSTALL")
	wait := w.between(time.Second, 100*time.Minute)
	if w.chance(40) {
		wait = w.between(time.Second, 30*time.Second) // before we may have heard of it
	}
	w.underWay++
	w.after(wait, func() {
		w.underWay--
		if w.access.away && !w.access.coming {
			w.comes(0)
		}
	})
}

// quietWhileRemoved: once we know that the app is uninstalled, no work takes up the old access until it is installed again.
func (a *auditor) quietWhileRemoved() {
	for i, told := range a.access.removals {
		until := a.ends
		for _, back := range a.access.returns {
			if back > told {
				until = min(until, back)
			}
		}
		for _, c := range a.calls {
			if c.side == highLevelSide && c.reached && c.task != nil && c.task.began > told && c.moment < until {
				a.find("quiet while removed", "%s %s was called at %s for %s, with what was left of removal %d", c.method, c.path, c.sent.Format(time.TimeOnly), c.task.source, i+1)
				break
			}
		}
	}
}

// historyKept: what was intended is in the journal for good, whoever uninstalls what.
func (a *auditor) historyKept() {
	if len(a.changes) < len(a.intents) {
		a.find("history kept", "%d writes were intended, and the journal has %d changes", len(a.intents), len(a.changes))
	}
}
