package connection

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// Gateway hands out clients, built once per connection and kept until the connection changes.
type Gateway struct {
	Store    Store
	Builders map[provider.ID]Builder
	// Tokens makes the token keeper of an OAuth connection.
	Tokens func(c Connection) *Tokens
	Grants Grants
	Now    func() time.Time

	mu      sync.Mutex
	clients map[record.ConnectionID]built
}

// built is a client and what it was built from. Another process may change a connection, so the two are
// compared at every use.
type built struct {
	client provider.Client
	from   recipe
}

type recipe struct {
	auth     AuthKind
	account  string
	baseURL  string
	clientID string
	endpoint oauth2.Endpoint
}

func recipeOf(c Connection) recipe {
	return recipe{c.Auth, c.Account.ID, c.BaseURL, c.ClientID, c.Endpoint}
}

// Client answers a client with its credential in place. A connection that needs a person answers Revoked
// without calling anybody.
func (g *Gateway) Client(ctx context.Context, id record.ConnectionID) (provider.Client, error) {
	c, err := g.Store.Connection(ctx, id)
	if errors.Is(err, ErrNotFound) || err == nil && c.State == Removed {
		g.Forget(id)
		return nil, &provider.Error{Op: "use connection", Kind: provider.Revoked, Detail: "the account is not connected"}
	}
	if err != nil {
		return nil, err
	}
	if c.State == NeedsReconnect {
		return nil, &provider.Error{Provider: c.Provider, Op: "use connection", Kind: provider.Revoked, Detail: c.Problem}
	}
	return g.keep(c)
}

// Fresh is Client for a connection in whatever state, for checking whether it works again.
func (g *Gateway) Fresh(ctx context.Context, id record.ConnectionID) (provider.Client, error) {
	c, err := g.Store.Connection(ctx, id)
	if err != nil {
		return nil, err
	}
	g.Forget(id)
	return g.keep(c)
}

// keep answers the client built from c, building it when there is none.
func (g *Gateway) keep(c Connection) (provider.Client, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	from := recipeOf(c)
	if b, ok := g.clients[c.ID]; ok && b.from == from {
		return b.client, nil
	}
	build, ok := g.Builders[c.Provider]
	if !ok {
		return nil, &provider.Error{Provider: c.Provider, Op: "use connection", Kind: provider.Unsupported, Detail: "there is no adapter for it"}
	}
	var client provider.Client
	var err error
	if c.Auth == ByOAuth {
		t := g.Tokens(c)
		client, err = build(c, t.Token, t.Refresh)
	} else {
		client, err = build(c, g.key(c), nil)
	}
	if err != nil {
		return nil, err
	}
	if g.clients == nil {
		g.clients = map[record.ConnectionID]built{}
	}
	g.clients[c.ID] = built{client, from}
	return client, nil
}

// keyLife bounds how long a key replaced by another process is still used.
const keyLife = 30 * time.Second

// key reads the key from the store now and then, not for every call.
func (g *Gateway) key(c Connection) func(context.Context) (string, error) {
	var mu sync.Mutex
	var known string
	var until time.Time
	return func(ctx context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if g.Now().Before(until) {
			return known, nil
		}
		grant, err := g.Grants.Load(ctx, c.ID)
		if err != nil {
			return "", &provider.Error{Provider: c.Provider, Op: "read the credential", Kind: kindOfLoss(err), Err: err}
		}
		known, until = grant.Key, g.Now().Add(keyLife)
		return known, nil
	}
}

// Forget drops a client, after its connection changed.
func (g *Gateway) Forget(id record.ConnectionID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.clients, id)
}

// AppOf is the OAuth app of a connection made with one of its own: the secret travels in the grant.
func AppOf(c Connection) func(Grant) *oauth2.Config {
	return func(g Grant) *oauth2.Config {
		return &oauth2.Config{ClientID: c.ClientID, ClientSecret: g.ClientSecret, Endpoint: c.Endpoint}
	}
}
