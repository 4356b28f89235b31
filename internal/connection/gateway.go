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
	// Broken is called when a key is refused: a person must connect again.
	Broken func(ctx context.Context, id record.ConnectionID, why string) error
	Now    func() time.Time

	mu      sync.Mutex
	clients map[record.ConnectionID]built
}

// built is a client and what it was built from. Another process may change a connection, so the two are
// compared at every use.
type built struct {
	client provider.Client
	tokens *Tokens // nil for a key
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
	if c.State != Active {
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
	b, err := g.built(c)
	return b.client, err
}

// Renew renews the token of a connection that has no more than lead to live.
func (g *Gateway) Renew(ctx context.Context, c Connection, lead time.Duration) error {
	b, err := g.built(c)
	if err != nil || b.tokens == nil {
		return err
	}
	return b.tokens.Early(ctx, lead)
}

// Again tries a renewal of a connection once more that was left undone.
func (g *Gateway) Again(ctx context.Context, c Connection) error {
	b, err := g.built(c)
	if err != nil || b.tokens == nil {
		return err
	}
	return b.tokens.Again(ctx)
}

func (g *Gateway) built(c Connection) (built, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	from := recipeOf(c)
	if b, ok := g.clients[c.ID]; ok && b.from == from {
		return b, nil
	}
	build, ok := g.Builders[c.Provider]
	if !ok {
		return built{}, &provider.Error{Provider: c.Provider, Op: "use connection", Kind: provider.Unsupported, Detail: "there is no adapter for it"}
	}
	b := built{from: from}
	var err error
	if c.Auth == ByOAuth {
		b.tokens = g.Tokens(c)
		b.client, err = build(c, b.tokens.Token, b.tokens.Refresh)
	} else {
		k := &key{gateway: g, connection: c}
		b.client, err = build(c, k.Token, k.Refused)
	}
	if err != nil {
		return built{}, err
	}
	if g.clients == nil {
		g.clients = map[record.ConnectionID]built{}
	}
	g.clients[c.ID] = b
	return b, nil
}

// keyLife bounds how long a key replaced by another process is still used.
const keyLife = 30 * time.Second

// key hands out the key of a connection, read from the store now and then, not for every call.
type key struct {
	gateway    *Gateway
	connection Connection

	mu    sync.Mutex
	known string
	until time.Time
}

// Token answers the key.
func (k *key) Token(ctx context.Context) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gateway.Now().Before(k.until) {
		return k.known, nil
	}
	return k.known, k.load(ctx)
}

func (k *key) load(ctx context.Context) error {
	grant, err := k.gateway.Grants.Load(ctx, k.connection.Holder())
	if errors.Is(err, ErrElsewhere) {
		return k.broken(ctx, "read the credential", elsewhereWords(err), err)
	}
	if err != nil {
		return &provider.Error{Provider: k.connection.Provider, Op: "read the credential", Kind: kindOfLoss(err), Err: err}
	}
	k.known, k.until = grant.Key, k.gateway.Now().Add(keyLife)
	return nil
}

// Refused is called when the provider does not take the key. One that was replaced meanwhile is tried; else a key is
// not renewed, and the connection needs a person at once: every further call with it would be refused as well.
func (k *key) Refused(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	refused := k.known
	if err := k.load(ctx); err != nil {
		return err
	}
	if k.known != refused {
		return nil
	}
	return k.broken(ctx, "use the key", "The provider does not accept the key any more. It was revoked or replaced there.", nil)
}

// broken says that the connection needs a person.
func (k *key) broken(ctx context.Context, op, why string, err error) error {
	if k.gateway.Broken != nil {
		err = errors.Join(err, k.gateway.Broken(ctx, k.connection.ID, why))
	}
	return &provider.Error{Provider: k.connection.Provider, Op: op, Kind: provider.Revoked, Detail: why, Err: err}
}

// Forget drops a client, after its connection changed.
func (g *Gateway) Forget(id record.ConnectionID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.clients, id)
}

// AppOf is the OAuth app of a connection made with one of its own: the secret travels in the grant.
func AppOf(c Connection) func(Grant) *oauth2.Config { return appOf(c.ClientID, c.Endpoint) }

func appOf(clientID string, endpoint oauth2.Endpoint) func(Grant) *oauth2.Config {
	return func(g Grant) *oauth2.Config {
		return &oauth2.Config{ClientID: clientID, ClientSecret: g.ClientSecret, Endpoint: endpoint}
	}
}
