package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	"crosswalk/internal/store"
	twinhighlevel "crosswalk/internal/twin/highlevel"
	"crosswalk/internal/vault"
)

// callers is how many want a token in the same moment.
const callers = 1000

// storm lets a thousand callers want a token that ran out: one of them renews it, over HTTP and into the embedded database,
// and all have it.
func storm(line func(what, figure, goal string)) error {
	s, err := newStorm()
	if err != nil {
		return err
	}
	defer s.close()
	const rounds = 20
	alone, all, asked := time.Duration(0), time.Duration(0), 0
	for range rounds {
		one, n, err := s.round(1)
		if err != nil {
			return err
		}
		many, m, err := s.round(callers)
		if err != nil {
			return err
		}
		alone, all, asked = alone+one, all+many, max(asked, n, m)
	}
	line(fmt.Sprintf("%d callers want a token that ran out: renewals", callers), fmt.Sprint(asked), "1")
	line("  until all have it, and one alone", fmt.Sprintf("%s, %s", short(all/rounds), short(alone/rounds)), "")
	line("  each waiter more costs", fmt.Sprintf("%d ns", max(all-alone, 0).Nanoseconds()/rounds/(callers-1)), "")
	b := testing.Benchmark(func(b *testing.B) {
		keeper := s.keeper()
		b.RunParallel(func(each *testing.PB) {
			for each.Next() {
				if _, err := keeper.Token(b.Context()); err != nil {
					b.Error(err)
				}
			}
		})
	})
	line("  a token with life left", fmt.Sprintf("%d ns", b.NsPerOp()), "")
	return nil
}

// storming is a connection by OAuth in a database of its own, and the twin it leads to.
type storming struct {
	dir    string
	store  *store.Store
	grants connection.Grants
	twin   *twinhighlevel.Twin
	cn     connection.Connection
}

func newStorm() (*storming, error) {
	ctx := context.Background()
	s := &storming{}
	var err error
	if s.dir, err = os.MkdirTemp("", "crosswalk-bench-"); err != nil {
		return nil, err
	}
	if s.store, err = store.Open(ctx, store.Config{SQLitePath: filepath.Join(s.dir, "storm.db")}); err != nil {
		return nil, err
	}
	if err := s.store.Migrate(ctx); err != nil {
		return nil, err
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails; the program ends instead
	key, err := vault.NewKey(secret)
	if err != nil {
		return nil, err
	}
	v, err := vault.New(key)
	if err != nil {
		return nil, err
	}
	s.grants = connection.Grants{Store: s.store, Vault: v}
	if s.twin, err = twinhighlevel.New(twinhighlevel.Config{Seed: 1}); err != nil {
		return nil, err
	}
	api, err := serve(s.twin)
	if err != nil {
		return nil, err
	}
	ready := s.twin.Ready(api)
	app := oauth2.Config{ClientID: ready.ClientID, ClientSecret: ready.ClientSecret, Endpoint: highlevel.Endpoint(api, api+"/v2/oauth/chooselocation"), RedirectURL: "http://127.0.0.1:9/callback"}
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := stay.PostForm(app.Endpoint.AuthURL, url.Values{
		"response_type": {"code"}, "client_id": {app.ClientID}, "redirect_uri": {app.RedirectURL}, "scope": {"locations.readonly"}, "location": {ready.LocationID}, "decision": {"approve"},
	})
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		return nil, err
	}
	token, err := app.Exchange(ctx, back.Query().Get("code"))
	if err != nil {
		return nil, err
	}
	service := &connection.Service{
		Store: s.store, Grants: s.grants, Names: map[provider.ID]string{highlevel.ID: "HighLevel"}, Now: time.Now, NewID: automation.NewID, Changed: func(context.Context, record.ConnectionID) {},
		Builders: map[provider.ID]connection.Builder{highlevel.ID: func(c connection.Connection, token func(context.Context) (string, error), refresh func(context.Context) error) (provider.Client, error) {
			return highlevel.New(highlevel.Config{Connection: c.ID, LocationID: c.Account.ID, BaseURL: c.BaseURL, Token: token, Refresh: refresh}), nil
		}},
	}
	s.cn, err = service.ConnectOAuth(ctx, connection.OAuthInput{Account: ready.LocationID, Authorised: connection.Authorised{
		Pending: connection.Pending{Provider: highlevel.ID, BaseURL: api, ClientID: app.ClientID, Endpoint: app.Endpoint}, ClientSecret: app.ClientSecret, Token: token,
	}})
	return s, err
}

func (s *storming) close() {
	_ = s.store.Close()
	_ = s.twin.Close()
	_ = os.RemoveAll(s.dir)
}

func (s *storming) keeper() *connection.Tokens {
	return &connection.Tokens{
		Of: s.cn.Holder(), Grants: s.grants, App: connection.AppOf(s.cn), HTTP: http.DefaultClient, Owner: "bench", Now: time.Now, Wait: connection.Sleep,
		Broken: func(context.Context, record.ConnectionID, string) error { return nil },
	}
}

// round lets the token run out, and n callers want one at once. It answers how long until all have it, and how often the
// provider was asked.
func (s *storming) round(n int) (took time.Duration, asked int, err error) {
	ctx := context.Background()
	grant, err := s.grants.Load(ctx, s.cn.Holder())
	if err != nil {
		return 0, 0, err
	}
	grant.Token.Expiry = time.Now().Add(-time.Minute)
	if err := s.grants.Rotate(ctx, s.cn.Holder(), grant.Generation, grant, time.Now()); err != nil {
		return 0, 0, err
	}
	keeper, before := s.keeper(), s.renewals()
	failures := make([]error, n)
	begin := make(chan struct{})
	var ready, all sync.WaitGroup
	ready.Add(n)
	for i := range n {
		all.Go(func() {
			ready.Done()
			<-begin
			_, failures[i] = keeper.Token(ctx)
		})
	}
	ready.Wait()
	at := time.Now()
	close(begin)
	all.Wait()
	took = time.Since(at)
	for _, err := range failures {
		if err != nil {
			return 0, 0, err
		}
	}
	return took, s.renewals() - before, nil
}

func (s *storming) renewals() int {
	n := 0
	for _, call := range s.twin.Calls() {
		if call.Path == "/oauth/token" {
			n++
		}
	}
	return n
}
