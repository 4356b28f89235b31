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
	// leaseFor bounds a renewal; a process that dies in the middle holds others up this long at most. It is shorter than
	// the half minute in which HighLevel gives the same answer again (reference/highlevel.md §2.4): who comes next still
	// hears what the dead one did not store.
	leaseFor = 25 * time.Second
	// exchangeFor and storeFor bound its two parts: together they end before the lease does.
	exchangeFor = 15 * time.Second
	storeFor    = 8 * time.Second
	// restFor is how long a renewal that failed is not tried again: everybody who waited for it, and who comes meanwhile,
	// hears the same, instead of asking one after the other.
	restFor = 5 * time.Second
	// settleFor is how long after a refusal made us renew a further refusal is taken to be of the old token:
	// calls that were under way come back one after the other.
	settleFor = 5 * time.Second
	// A provider that refuses refusalsMost fresh tokens within refusalsWithin will refuse the next one too.
	refusalsMost   = 3
	refusalsWithin = 15 * time.Minute
)

// Tokens hands out access tokens of one connection and renews them: lease, re-read, renew, store, use. In one
// process callers queue up; between processes, and between two keepers of one connection, the store's lease
// decides.
type Tokens struct {
	Of     Holder
	Grants Grants
	// App is the OAuth app the grant belongs to; its secret may come from the grant itself.
	App  func(Grant) *oauth2.Config
	HTTP *http.Client
	// Known reports whether a token address is the provider's own, or one the operator set. A grant that is bound to
	// none is sent to no other; nil knows of none.
	Known func(tokenURL string) bool
	Owner string // of leases: this process
	Now   func() time.Time
	// Restore, when set, is asked for another way to a token once the refresh token is of no use: nil and no error when
	// there is none, and an error only if trying again later may help. Only then a person is asked.
	Restore func(ctx context.Context, g Grant) (*oauth2.Token, error)
	// Broken is called when a person must reconnect.
	Broken func(ctx context.Context, id record.ConnectionID, why string) error
	// Recovered, when set, is called after a renewal worked that had failed before: what waited for it is due.
	Recovered func(ctx context.Context, id record.ConnectionID)
	// Wait pauses between looks at somebody else's renewal; tests replace it.
	Wait func(ctx context.Context, d time.Duration) error

	once     sync.Once
	queue    chan struct{} // one place; a channel, so that a caller may leave
	lessee   string        // Owner and which keeper of it
	unsaved  *Grant        // renewed, but the store has not taken it yet
	refusals []time.Time   // when refusals made us renew, lately
	failed   error         // what the last renewal came to, if it may work later
	failedAt time.Time

	mu    sync.Mutex // guards what follows, which is read without queueing
	grant Grant
}

// known is the grant as this keeper last saw it.
func (t *Tokens) known() Grant {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.grant
}

func (t *Tokens) know(g Grant) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.grant = g
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

// Token answers an access token with life left in it. While it has, nobody waits for a renewal under way.
func (t *Tokens) Token(ctx context.Context) (string, error) {
	if g := t.known(); t.fresh(g) {
		return g.Token.AccessToken, nil
	}
	leave, err := t.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	if g := t.known(); t.fresh(g) {
		return g.Token.AccessToken, nil
	}
	grant, err := t.Grants.Load(ctx, t.Of)
	if err != nil {
		return "", t.lost(ctx, "read the credential", err)
	}
	t.know(grant)
	if t.fresh(grant) {
		return grant.Token.AccessToken, nil
	}
	if err := t.rested(); err != nil {
		return "", err
	}
	if err := t.renew(ctx, grant.Generation); err != nil {
		return "", err
	}
	return t.known().Token.AccessToken, nil
}

// rested answers what the last renewal came to, while it is not to be tried again.
func (t *Tokens) rested() error {
	if t.failed == nil || t.unsaved != nil || t.Now().Sub(t.failedAt) >= restFor {
		return nil
	}
	return t.failed
}

// Early renews a token that has no more than lead to live, before anybody has to wait for it.
func (t *Tokens) Early(ctx context.Context, lead time.Duration) error {
	leave, err := t.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	grant, err := t.Grants.Load(ctx, t.Of)
	if err != nil {
		return t.lost(ctx, "read the credential", err)
	}
	if t.fresh(grant) {
		t.know(grant)
	}
	if until := grant.Token.Expiry; until.IsZero() || t.Now().Add(lead).Before(until) {
		return nil
	}
	return t.renew(ctx, grant.Generation)
}

// Again tries a renewal once more that was left undone, if that is due and nobody else is at it.
func (t *Tokens) Again(ctx context.Context) error {
	leave, err := t.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	grant, err := t.Grants.Load(ctx, t.Of)
	if err != nil {
		return t.lost(ctx, "read the credential", err)
	}
	if grant.RetryAt.IsZero() || t.Now().Before(grant.RetryAt) {
		return nil
	}
	return t.renew(ctx, grant.Generation)
}

// Refresh renews the token although it looked fresh, after the provider refused it. When somebody renewed it
// meanwhile, that one is taken. A provider that refuses whatever it gives us needs a person, not another renewal.
func (t *Tokens) Refresh(ctx context.Context) error {
	// Generations tell nothing here: a connection that was uninstalled and made again counts them from the start.
	used := t.known().Token.AccessToken
	leave, err := t.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	known := t.known()
	if t.fresh(known) && len(t.refusals) > 0 && t.Now().Sub(t.refusals[len(t.refusals)-1]) < settleFor {
		return nil
	}
	if t.fresh(known) && known.Token.AccessToken != used {
		return nil // renewed while we queued
	}
	grant, err := t.Grants.Load(ctx, t.Of)
	if err != nil {
		return t.lost(ctx, "read the credential", err)
	}
	if grant.Token.AccessToken != used && t.fresh(grant) {
		t.know(grant)
		t.refused()
		return nil
	}
	if len(t.refusals) >= refusalsMost && t.Now().Sub(t.refusals[len(t.refusals)-refusalsMost]) < refusalsWithin {
		t.refusals = nil
		return t.broken(ctx, "The provider refuses every access it gives us, so nothing can be done with it.")
	}
	if err := t.rested(); err != nil {
		return err
	}
	if err := t.renew(ctx, grant.Generation); err != nil {
		return err
	}
	t.refused()
	return nil
}

// refused remembers that a refusal made us take a newer token.
func (t *Tokens) refused() {
	t.refusals = append(t.refusals, t.Now())
	if extra := len(t.refusals) - refusalsMost; extra > 0 {
		t.refusals = t.refusals[extra:]
	}
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
		grant, ok, err := t.Grants.Lease(ctx, t.Of, t.lessee, now, now.Add(leaseFor))
		if err != nil {
			if errors.Is(err, errSealed) || errors.Is(err, ErrElsewhere) {
				err = errors.Join(err, t.release(ctx)) // trying again opens it no better
			}
			return t.lost(ctx, "renew the credential", err)
		}
		if ok && grant.Generation > from && t.fresh(grant) {
			t.know(grant)
			_ = t.release(ctx) // the token is good, and the lease ends by itself
			return nil
		}
		if ok {
			t.failed = nil
			err := t.exchange(ctx, grant)
			if provider.IsKind(err, provider.Unavailable) {
				t.failed, t.failedAt = err, t.Now()
			}
			if err == nil && grant.Failures > 0 && t.Recovered != nil {
				t.Recovered(context.WithoutCancel(ctx), t.Of.ID)
			}
			return err
		}
		// Somebody else is at it: look again shortly.
		if err := t.Wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
		grant, err = t.Grants.Load(ctx, t.Of)
		if err != nil {
			return t.lost(ctx, "read the credential", err)
		}
		if grant.Generation > from && t.fresh(grant) {
			t.know(grant)
			return nil
		}
	}
}

// exchange spends the refresh token. That may have happened even if nobody hears of it, so from here on the
// caller may leave but the exchange goes on: an answer nobody stores would lose the account.
func (t *Tokens) exchange(ctx context.Context, grant Grant) error {
	ctx = provider.WithRecorder(context.WithoutCancel(ctx), nil) // no run shows how a token is made
	if t.unsaved != nil && t.unsaved.Generation == grant.Generation {
		return t.keep(ctx, *t.unsaved)
	}
	asking, cancel := provider.WithTimeout(ctx, exchangeFor)
	defer cancel()
	if grant.Token.RefreshToken == "" {
		return t.restore(ctx, asking, grant, "The provider gave no way to renew the access, and it has run out.")
	}
	app := t.App(grant)
	if !grant.isFor(app.Endpoint.TokenURL, t.Known) {
		return t.broken(ctx, "The token address of this connection is not the one the access was granted at, so nothing was sent there.")
	}
	// oauth2 renews when the token it is given has expired; its own source keeps nothing, so we store it.
	stale := &oauth2.Token{RefreshToken: grant.Token.RefreshToken, Expiry: time.Unix(1, 0)}
	next, err := app.TokenSource(context.WithValue(asking, oauth2.HTTPClient, direct(t.HTTP)), stale).Token()
	if err != nil {
		return t.denied(ctx, asking, grant, err)
	}
	if next.RefreshToken == "" {
		next.RefreshToken = grant.Token.RefreshToken
	}
	grant.Token, grant.TokenURL = *dated(next, t.Now()), app.Endpoint.TokenURL
	return t.keep(ctx, grant)
}

// dated is a token whose end is told by our clock; oauth2 goes by its own.
func dated(t *oauth2.Token, now time.Time) *oauth2.Token {
	if t.ExpiresIn > 0 {
		t.Expiry = now.Add(time.Duration(t.ExpiresIn) * time.Second)
	}
	return t
}

// keep stores a renewed grant before it is used: the old refresh token is spent, so losing the new one loses
// the account. What the store does not take now is remembered and stored first next time.
func (t *Tokens) keep(ctx context.Context, next Grant) error {
	ctx, cancel := provider.WithTimeout(ctx, storeFor)
	defer cancel()
	err := t.Grants.Rotate(ctx, t.Of, next.Generation, next, t.Now())
	t.unsaved = nil
	if errors.Is(err, ErrMoved) {
		// Somebody else's is stored: a person connected again, or a process whose clock goes otherwise renewed too.
		if now, lost := t.Grants.Load(ctx, t.Of); lost == nil && t.fresh(now) {
			t.know(now)
			return t.release(ctx)
		}
	}
	if err != nil {
		if !errors.Is(err, ErrMoved) && !errors.Is(err, ErrNotFound) {
			t.unsaved = &next
		}
		return t.fail(provider.Unavailable, "store the renewed credential", errors.Join(err, t.postpone(ctx, next)))
	}
	next.Generation++
	t.know(next)
	return nil
}

func (t *Tokens) release(ctx context.Context) error {
	return t.Grants.Store.ReleaseGrant(context.WithoutCancel(ctx), t.Of.ID, t.lessee)
}

// postpone gives the lease back and writes down when to try again: whoever outlives us knows of it.
func (t *Tokens) postpone(ctx context.Context, g Grant) error {
	failures := g.Failures + 1
	return t.Grants.Store.PostponeGrant(context.WithoutCancel(ctx), t.Of.ID, t.lessee, failures, t.Now().Add(patience(failures)))
}

func (t *Tokens) later(ctx context.Context, g Grant, why error) error {
	return t.fail(provider.Unavailable, "renew the credential", errors.Join(why, t.postpone(ctx, g)))
}

// denied reads why the provider did not renew. Only a dead credential is given up; everything else is tried again.
func (t *Tokens) denied(ctx, asking context.Context, grant Grant, err error) error {
	e, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || e.Response == nil {
		return t.later(ctx, grant, errors.New("no usable answer from the token address"))
	}
	status := e.Response.StatusCode
	switch {
	case strings.Contains(strings.ToLower(string(e.Body)), "location is not active"):
		// The same refresh token works again once the account is active (reference/highlevel.md §2.3).
		return t.later(ctx, grant, errors.New("the account is not active at the moment"))
	case status == http.StatusBadRequest, status == http.StatusUnauthorized, status == http.StatusUnprocessableEntity,
		status < 500 && status != http.StatusTooManyRequests && e.ErrorCode != "":
		return t.restore(ctx, asking, grant, "The provider no longer accepts our access; it was revoked, or replaced elsewhere.")
	}
	// Not an authorisation server speaking: an outage, a limit, or something that stands in front of it.
	return t.later(ctx, grant, fmt.Errorf("the token address answered %d", status))
}

// restore tries what is left before a person is asked.
func (t *Tokens) restore(ctx, asking context.Context, grant Grant, why string) error {
	if now, err := t.Grants.Load(ctx, t.Of); err == nil && now.Generation > grant.Generation && t.fresh(now) {
		// Somebody whose lease we took for ended renewed after all: what we spent was old.
		t.know(now)
		return t.release(ctx)
	}
	if t.Restore == nil {
		return t.broken(ctx, why)
	}
	next, err := t.Restore(asking, grant)
	if err != nil {
		return t.later(ctx, grant, err)
	}
	if next == nil {
		return t.broken(ctx, why)
	}
	grant.Token = *bare(next)
	return t.keep(ctx, grant)
}

func (t *Tokens) broken(ctx context.Context, why string) error {
	t.know(Grant{})
	err := errors.Join(t.release(ctx), t.Broken(ctx, t.Of.ID, why))
	return &provider.Error{Provider: t.Of.Provider, Op: "renew the credential", Kind: provider.Revoked, Detail: why, Err: err}
}

// lost says what it means that the grant could not be read.
func (t *Tokens) lost(ctx context.Context, op string, err error) error {
	if errors.Is(err, ErrElsewhere) {
		t.know(Grant{})
		words := elsewhereWords(err)
		err = errors.Join(err, t.Broken(ctx, t.Of.ID, words))
		return &provider.Error{Provider: t.Of.Provider, Op: op, Kind: provider.Revoked, Detail: words, Err: err}
	}
	return t.fail(kindOfLoss(err), op, err)
}

func (t *Tokens) fail(k provider.Kind, op string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &provider.Error{Provider: t.Of.Provider, Op: op, Kind: k, Err: err}
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
