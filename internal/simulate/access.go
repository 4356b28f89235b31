package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

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

// access is the grant of HighLevel's account, as the store keeps it: what processes share, and what outlives them.
type access struct {
	grant  connection.SealedGrant
	broken bool // until a person connects again
	asked  int  // people have connected so many times
}

// open keeps what is sealed as it is: whether it can be read is not in question here.
type open struct{}

func (open) Seal(plain []byte, _ string) ([]byte, error)  { return plain, nil }
func (open) Open(sealed []byte, _ string) ([]byte, error) { return sealed, nil }

// grants are the grant as one process sees it. Of a store of connections only that is there.
type grants struct {
	connection.Store
	p *process
}

func (g grants) LoadGrant(context.Context, record.ConnectionID) (connection.SealedGrant, error) {
	return read(g.p, func() (connection.SealedGrant, error) { return g.p.world.access.grant, nil })
}

func (g grants) LeaseGrant(_ context.Context, _ record.ConnectionID, owner string, now, until time.Time) (s connection.SealedGrant, ok bool, err error) {
	err = g.p.durable("the lease of the access", func() error {
		a := &g.p.world.access
		if a.grant.LeaseOwner != "" && a.grant.LeaseOwner != owner && a.grant.LeaseUntil.After(now) {
			return nil
		}
		a.grant.LeaseOwner, a.grant.LeaseUntil = owner, until
		s, ok = a.grant, true
		return nil
	})
	return s, ok, err
}

func (g grants) RotateGrant(_ context.Context, _ record.ConnectionID, from int64, sealed []byte, _, _ time.Time) error {
	return g.p.durable("the renewed access", func() error {
		a := &g.p.world.access
		if a.grant.Generation != from {
			return connection.ErrMoved
		}
		a.grant = connection.SealedGrant{Sealed: sealed, Generation: from + 1}
		g.p.world.result.Renewals++
		g.p.world.tell("%s has a new access", g.p.name)
		return nil
	})
}

func (g grants) ReleaseGrant(_ context.Context, _ record.ConnectionID, owner string) error {
	return g.p.durable("the release of the access", func() error {
		if a := &g.p.world.access; a.grant.LeaseOwner == owner {
			a.grant.LeaseOwner, a.grant.LeaseUntil = "", time.Time{}
		}
		return nil
	})
}

// tokens keeps the access of one process, by the program's own rules.
func (w *world) tokens(p *process) *connection.Tokens {
	return &connection.Tokens{
		Connection: highLevelConnection, Provider: highlevel.ID, Owner: p.owner, Now: func() time.Time { return w.clock },
		Grants: connection.Grants{Store: grants{p: p}, Vault: open{}},
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
		Broken: func(_ context.Context, _ record.ConnectionID, why string) error {
			return p.durable("the broken connection", func() error {
				w.lostAccess(why)
				return nil
			})
		},
	}
}

// lostAccess waits for a person, who comes after a while.
func (w *world) lostAccess(why string) {
	if w.access.broken {
		return
	}
	w.tell("HighLevel is not connected any more: %s", why)
	w.access.broken = true
	wait := w.between(5*time.Minute, time.Hour)
	if w.peopleGone {
		wait = time.Minute // somebody is still there to connect, though nobody types any more
	}
	w.underWay++
	w.after(wait, func() {
		w.underWay--
		if err := w.connect(); err != nil {
			w.tell("connecting: %v", err)
		}
	})
}

// connect is a person who lets us in: at the provider's own page, and back with a code.
func (w *world) connect() error {
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
	got := w.post(highlevel.TokenPath, url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {callback},
		"client_id": {w.highLevelReady.ClientID}, "client_secret": {w.highLevelReady.ClientSecret}, "user_type": {"Location"},
	})
	var token oauth2.Token
	if err := json.Unmarshal(got.body.Bytes(), &token); err != nil || token.AccessToken == "" {
		return fmt.Errorf("the token address answered %d", got.status)
	}
	token.Expiry = w.clock.Add(time.Duration(token.ExpiresIn) * time.Second)
	sealed, err := json.Marshal(connection.Grant{Token: token, ClientSecret: w.highLevelReady.ClientSecret})
	if err != nil {
		return err
	}
	w.access = access{grant: connection.SealedGrant{Sealed: sealed, Generation: w.access.grant.Generation + 1}, asked: w.access.asked + 1}
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

// keepAccess renews the access before anybody waits for it.
func (w *world) keepAccess() {
	p := w.processes[front]
	if p.dead || p.busy || w.access.broken {
		return
	}
	p.busy = true
	err := w.broken.renews(func() error { return p.access.Early(w.ctx, keepLead) })
	p.busy = false
	if err != nil && !p.dead {
		w.tell("renewing early: %v", err)
	}
}

// accessible answers Revoked, as the program's gateway does, while a person has to connect again.
func (w *world) accessible(id record.ConnectionID) error {
	if id == highLevelConnection && w.access.broken {
		return &provider.Error{Provider: highlevel.ID, Op: "use connection", Kind: provider.Revoked, Detail: "somebody must connect it again"}
	}
	return nil
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
}
