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
)

// Tokens hands out access tokens of one connection and renews them: lease, re-read, renew, store, use. In one
// process a mutex stands in front; between processes the store's lease does.
type Tokens struct {
	Connection record.ConnectionID
	Provider   provider.ID
	Grants     Grants
	// App is the OAuth app the grant belongs to; its secret may come from the grant itself.
	App   func(Grant) *oauth2.Config
	HTTP  *http.Client
	Owner string // of leases; unique to this process
	Now   func() time.Time
	// Broken is called when a person must reconnect.
	Broken func(ctx context.Context, id record.ConnectionID, why string) error
	// Wait pauses between looks at somebody else's renewal; tests replace it.
	Wait func(ctx context.Context, d time.Duration) error

	mu    sync.Mutex
	known Grant
}

// Token answers an access token with life left in it.
func (t *Tokens) Token(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fresh(t.known) {
		return t.known.Token.AccessToken, nil
	}
	grant, err := t.Grants.Load(ctx, t.Connection)
	if err != nil {
		return "", t.fail(provider.Revoked, "read the credential", err)
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
	t.mu.Lock()
	defer t.mu.Unlock()
	used := t.known.Generation
	grant, err := t.Grants.Load(ctx, t.Connection)
	if err != nil {
		return t.fail(provider.Revoked, "read the credential", err)
	}
	if grant.Generation > used && t.fresh(grant) {
		t.known = grant
		return nil
	}
	return t.renew(ctx, grant.Generation)
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
		grant, ok, err := t.Grants.Lease(ctx, t.Connection, t.Owner, now, now.Add(leaseFor))
		if err != nil {
			return t.fail(provider.Unavailable, "renew the credential", err)
		}
		if ok && grant.Generation > from && t.fresh(grant) {
			t.known = grant
			return t.Grants.Store.ReleaseGrant(ctx, t.Connection, t.Owner)
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
			return t.fail(provider.Revoked, "read the credential", err)
		}
		if grant.Generation > from && t.fresh(grant) {
			t.known = grant
			return nil
		}
	}
}

func (t *Tokens) exchange(ctx context.Context, grant Grant) error {
	if grant.Token.RefreshToken == "" {
		return t.broken(ctx, "The provider gave no way to renew the access, and it has run out.")
	}
	app := t.App(grant)
	// oauth2 renews when the token it is given has expired; its own source keeps nothing, so we store it.
	stale := &oauth2.Token{RefreshToken: grant.Token.RefreshToken, Expiry: t.Now().Add(-time.Hour)}
	next, err := app.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, t.HTTP), stale).Token()
	if err != nil {
		return t.refused(ctx, err)
	}
	if next.RefreshToken == "" {
		next.RefreshToken = grant.Token.RefreshToken
	}
	grant.Token = *next
	// Stored before it is used: the old refresh token is spent now, so losing the new one loses the account.
	// That must not depend on the caller still waiting.
	if err := t.Grants.Rotate(context.WithoutCancel(ctx), t.Connection, grant.Generation, grant, t.Now()); err != nil {
		return t.fail(provider.Unavailable, "store the renewed credential", err)
	}
	grant.Generation++
	t.known = grant
	return nil
}

// refused reads why the provider did not renew. Only a dead credential needs a person; everything else is
// tried again.
func (t *Tokens) refused(ctx context.Context, err error) error {
	release := t.Grants.Store.ReleaseGrant(context.WithoutCancel(ctx), t.Connection, t.Owner)
	e, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || e.Response == nil {
		return t.fail(provider.Unavailable, "renew the credential", errors.Join(errors.New("no answer from the token address"), release))
	}
	said := strings.ToLower(string(e.Body))
	switch {
	case strings.Contains(said, "location is not active"):
		// The same refresh token works again once the account is active (reference/highlevel.md §2.3).
		return t.fail(provider.Unavailable, "renew the credential", errors.New("the account is not active at the moment"))
	case e.Response.StatusCode == http.StatusTooManyRequests || e.Response.StatusCode >= 500:
		return t.fail(provider.Unavailable, "renew the credential", fmt.Errorf("the token address answered %d", e.Response.StatusCode))
	}
	return t.broken(ctx, "The provider no longer accepts our access; it was revoked, or replaced elsewhere.")
}

func (t *Tokens) broken(ctx context.Context, why string) error {
	t.known = Grant{}
	err := t.Broken(context.WithoutCancel(ctx), t.Connection, why)
	return &provider.Error{Provider: t.Provider, Op: "renew the credential", Kind: provider.Revoked, Detail: why, Err: err}
}

func (t *Tokens) fail(k provider.Kind, op string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &provider.Error{Provider: t.Provider, Op: op, Kind: k, Err: err}
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
