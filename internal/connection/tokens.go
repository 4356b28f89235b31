package connection

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

const (
	// freshFor is how much life a token must have left to be used without renewing it.
	freshFor = 60 * time.Second
	// leaseFor bounds a renewal; a process that dies in the middle holds others up this long at most.
	leaseFor = 30 * time.Second
	// exchangeFor and storeFor bound its two parts: together they end before the lease does.
	exchangeFor = 20 * time.Second
	storeFor    = 8 * time.Second
	// settleFor is how long after a refusal made us renew a further refusal is taken to be of the old token:
	// calls that were under way come back one after the other.
	settleFor = 5 * time.Second
)

// Tokens hands out access tokens of one connection and renews them: lease, re-read, renew, store, use. In one
// process callers queue up; between processes, and between two keepers of one connection, the store's lease
// decides.
type Tokens struct {
	Connection record.ConnectionID
	Provider   provider.ID
	Grants     Grants
	// App is the OAuth app the grant belongs to; its secret may come from the grant itself.
	App   func(Grant) *oauth2.Config
	HTTP  *http.Client
	Owner string // of leases: this process
	Now   func() time.Time
	// Broken is called when a person must reconnect.
	Broken func(ctx context.Context, id record.ConnectionID, why string) error
	// Wait pauses between looks at somebody else's renewal; tests replace it.
	Wait func(ctx context.Context, d time.Duration) error

	once    sync.Once
	queue   chan struct{} // one place; a channel, so that a caller may leave
	lessee  string        // Owner and which keeper of it
	known   Grant
	unsaved *Grant    // renewed, but the store has not taken it yet
	refusal time.Time // when a refusal last made us renew
}

// enter waits for the other callers, or until ctx ends.
func (t *Tokens) enter(ctx context.Context) (leave func(), err error) {
	t.once.Do(func() { t.queue, t.lessee = make(chan struct{}, 1), t.Owner+"/"+random() })
	select {
	case t.queue <- struct{}{}:
		return func() { <-t.queue }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Token answers an access token with life left in it.
func (t *Tokens) Token(ctx context.Context) (string, error) {
	leave, err := t.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	if t.fresh(t.known) {
		return t.known.Token.AccessToken, nil
	}
	grant, err := t.Grants.Load(ctx, t.Connection)
	if err != nil {
		return "", t.fail(kindOfLoss(err), "read the credential", err)
	}
	t.known = grant
	if t.fresh(grant) {
		return grant.Token.AccessToken, nil
	}
	if err := t.renew(ctx, grant.Generation); err != nil {
		return "", err
	}
	return t.known.Token.AccessToken, nil
}

// Refresh renews the token although it looked fresh, after the provider refused it. When somebody renewed it
// meanwhile, that one is taken.
func (t *Tokens) Refresh(ctx context.Context) error {
	leave, err := t.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if t.fresh(t.known) && t.Now().Sub(t.refusal) < settleFor {
		return nil
	}
	used := t.known.Generation
	grant, err := t.Grants.Load(ctx, t.Connection)
	if err != nil {
		return t.fail(kindOfLoss(err), "read the credential", err)
	}
	if grant.Generation > used && t.fresh(grant) {
		t.known = grant
	} else if err := t.renew(ctx, grant.Generation); err != nil {
		return err
	}
	t.refusal = t.Now()
	return nil
}

func (t *Tokens) fresh(g Grant) bool {
	if g.Token.AccessToken == "" {
		return false
	}
	return g.Token.Expiry.IsZero() || t.Now().Add(freshFor).Before(g.Token.Expiry)
}

// renew gets a newer generation than from: our own, or one somebody else got meanwhile.
func (t *Tokens) renew(ctx context.Context, from int64) error {
	for {
		now := t.Now()
		grant, ok, err := t.Grants.Lease(ctx, t.Connection, t.lessee, now, now.Add(leaseFor))
		if err != nil {
			return t.fail(kindOfLoss(err), "renew the credential", err)
		}
		if ok && grant.Generation > from && t.fresh(grant) {
			t.known = grant
			_ = t.release(ctx) // the token is good, and the lease ends by itself
			return nil
		}
		if ok {
			return t.exchange(ctx, grant)
		}
		// Somebody else is at it: look again shortly.
		if err := t.Wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
		grant, err = t.Grants.Load(ctx, t.Connection)
		if err != nil {
			return t.fail(kindOfLoss(err), "read the credential", err)
		}
		if grant.Generation > from && t.fresh(grant) {
			t.known = grant
			return nil
		}
	}
}

// exchange spends the refresh token. That may have happened even if nobody hears of it, so from here on the
// caller may leave but the exchange goes on: an answer nobody stores would lose the account.
func (t *Tokens) exchange(ctx context.Context, grant Grant) error {
	ctx = context.WithoutCancel(ctx)
	if t.unsaved != nil && t.unsaved.Generation == grant.Generation {
		return t.keep(ctx, *t.unsaved)
	}
	if grant.Token.RefreshToken == "" {
		return t.broken(ctx, "The provider gave no way to renew the access, and it has run out.")
	}
	app := t.App(grant)
	// oauth2 renews when the token it is given has expired; its own source keeps nothing, so we store it.
	stale := &oauth2.Token{RefreshToken: grant.Token.RefreshToken, Expiry: time.Unix(1, 0)}
	asking, cancel := context.WithTimeout(ctx, exchangeFor)
	defer cancel()
	next, err := app.TokenSource(context.WithValue(asking, oauth2.HTTPClient, direct(t.HTTP)), stale).Token()
	if err != nil {
		return t.refused(ctx, err)
	}
	if next.RefreshToken == "" {
		next.RefreshToken = grant.Token.RefreshToken
	}
	grant.Token = *next
	return t.keep(ctx, grant)
}

// keep stores a renewed grant before it is used: the old refresh token is spent, so losing the new one loses
// the account. What the store does not take now is remembered and stored first next time.
func (t *Tokens) keep(ctx context.Context, next Grant) error {
	ctx, cancel := context.WithTimeout(ctx, storeFor)
	defer cancel()
	err := t.Grants.Rotate(ctx, t.Connection, next.Generation, next, t.Now())
	t.unsaved = nil
	if err != nil {
		if !errors.Is(err, ErrMoved) && !errors.Is(err, ErrNotFound) {
			t.unsaved = &next
		}
		return t.fail(provider.Unavailable, "store the renewed credential", errors.Join(err, t.release(ctx)))
	}
	next.Generation++
	t.known = next
	return nil
}

func (t *Tokens) release(ctx context.Context) error {
	return t.Grants.Store.ReleaseGrant(context.WithoutCancel(ctx), t.Connection, t.lessee)
}

// refused reads why the provider did not renew. Only a dead credential needs a person; everything else is
// tried again.
func (t *Tokens) refused(ctx context.Context, err error) error {
	later := func(why error) error {
		return t.fail(provider.Unavailable, "renew the credential", errors.Join(why, t.release(ctx)))
	}
	e, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || e.Response == nil {
		return later(errors.New("no usable answer from the token address"))
	}
	status := e.Response.StatusCode
	switch {
	case strings.Contains(strings.ToLower(string(e.Body)), "location is not active"):
		// The same refresh token works again once the account is active (reference/highlevel.md §2.3).
		return later(errors.New("the account is not active at the moment"))
	case status == http.StatusBadRequest, status == http.StatusUnauthorized, status == http.StatusUnprocessableEntity,
		status < 500 && status != http.StatusTooManyRequests && e.ErrorCode != "":
		return t.broken(ctx, "The provider no longer accepts our access; it was revoked, or replaced elsewhere.")
	}
	// Not an authorisation server speaking: an outage, a limit, or something that stands in front of it.
	return later(fmt.Errorf("the token address answered %d", status))
}

func (t *Tokens) broken(ctx context.Context, why string) error {
	t.known = Grant{}
	err := errors.Join(t.release(ctx), t.Broken(ctx, t.Connection, why))
	return &provider.Error{Provider: t.Provider, Op: "renew the credential", Kind: provider.Revoked, Detail: why, Err: err}
}

func (t *Tokens) fail(k provider.Kind, op string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &provider.Error{Provider: t.Provider, Op: op, Kind: k, Err: err}
}

// direct is the client without redirects: a token address that moved would be handed the secrets.
func direct(c *http.Client) *http.Client {
	own := *c
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// Sleep waits, or ends with the context.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
