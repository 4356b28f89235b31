package connection_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
)

func TestTheKeeperRenewsBeforeAnybodyWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.server.takes = 10 * time.Second // a slow provider
		c, err := h.ConnectOAuth(t.Context(), h.granted("own", "co", 24*time.Hour))
		must(t, err)
		ctx, stop := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() { h.keeper.Run(ctx) })
		seen := map[string]bool{}
		for end := time.Now().Add(72 * time.Hour); time.Now().Before(end); time.Sleep(7 * time.Second) {
			asked := time.Now()
			token, err := h.token(c)
			if err != nil || time.Since(asked) > 0 {
				t.Fatalf("after %s: %v, and waited %s", token, err, time.Since(asked))
			}
			seen[token] = true
			if now := h.is(c.ID, connection.Active); time.Until(now.ExpiresAt) < 25*time.Minute {
				t.Fatalf("%s is left of %s", time.Until(now.ExpiresAt), token)
			}
		}
		stop()
		done.Wait()
		if n := h.server.count(); n != 3 || len(seen) != 4 {
			t.Errorf("%d renewals in three days, %d tokens", n, len(seen))
		}
	})
}

// HighLevel answers a spent refresh token once more for half a minute; whoever lost the answer must come back by then.
func TestALostAnswerIsAskedForWithinTheGrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		c, err := h.ConnectOAuth(t.Context(), h.granted("own", "co", time.Hour))
		must(t, err)
		var spent time.Time
		h.server.takes = 0
		h.server.before = func(r *http.Request, _ url.Values) (*http.Response, error) {
			if spent.IsZero() {
				spent = time.Now()
				<-r.Context().Done() // it was heard, and its answer is not
				return nil, r.Context().Err()
			}
			if time.Since(spent) >= 30*time.Second {
				return answer(http.StatusBadRequest, `{"error":"invalid_grant"}`), nil
			}
			return answer(http.StatusOK, `{"access_token":"again","refresh_token":"next","expires_in":86399}`), nil
		}
		ctx, stop := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() { h.keeper.Run(ctx) })
		time.Sleep(time.Hour)
		stop()
		done.Wait()
		h.is(c.ID, connection.Active)
		if got, err := h.token(c); got != "again" || err != nil || spent.IsZero() {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestConnectionsAreNotRenewedAllAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.server.before = func(_ *http.Request, form url.Values) (*http.Response, error) { // every refresh token is good
			return answer(http.StatusOK, `{"access_token":"a","refresh_token":"r","expires_in":86399}`), nil
		}
		h.server.takes = 0
		for i := range 40 {
			_, err := h.ConnectOAuth(t.Context(), h.granted(fmt.Sprintf("own-%d", i), "co", 24*time.Hour))
			must(t, err)
		}
		most, before := 0, 0
		time.Sleep(22*time.Hour + 50*time.Minute)
		for range 100 {
			h.keeper.Sweep(t.Context())
			n := h.server.count()
			most, before = max(most, n-before), n
			time.Sleep(time.Minute)
		}
		if before != 40 || most > 10 {
			t.Errorf("%d were renewed, up to %d within a minute", before, most)
		}
	})
}

func TestAnInactiveLocationIsWaitedForAndGoesOnByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		c, err := h.ConnectOAuth(t.Context(), h.granted("own", "co", time.Hour))
		must(t, err)
		h.server.before = func(*http.Request, url.Values) (*http.Response, error) {
			return answer(http.StatusBadRequest, `{"statusCode":400,"message":"Location is not active"}`), nil
		}
		h.changed = nil
		for range 12 * 60 {
			h.keeper.Sweep(t.Context())
			time.Sleep(time.Minute)
		}
		h.is(c.ID, connection.Active) // nobody is asked
		if _, err := h.token(c); !provider.IsKind(err, provider.Unavailable) {
			t.Errorf("work is not held: %v", err)
		}
		if n := h.server.count(); n < 40 || n > 120 {
			t.Errorf("%d tries in twelve hours", n)
		}
		h.server.before = nil
		time.Sleep(15 * time.Minute)
		h.keeper.Sweep(t.Context())
		if got, err := h.token(c); err != nil || !strings.HasPrefix(got, "access-") {
			t.Errorf("%q, %v", got, err)
		}
		if len(h.changed) != 1 || h.changed[0] != c.ID {
			t.Errorf("what was held is not due: %v", h.changed)
		}
		if strings.Contains(h.log.String(), "refresh-") || strings.Contains(h.log.String(), "client-secret") {
			t.Errorf("the log tells a secret: %s", h.log.String())
		}
	})
}

func TestWhatIsLeftIsTriedBeforeAPersonIsAsked(t *testing.T) {
	t.Parallel()
	regained := func(in connection.OAuthInput, ok bool, err error) func(context.Context, connection.Connection) (connection.OAuthInput, bool, error) {
		return func(context.Context, connection.Connection) (connection.OAuthInput, bool, error) { return in, ok, err }
	}
	good := connection.OAuthInput{Account: "own", Authorised: connection.Authorised{Token: &oauth2.Token{AccessToken: "regained", RefreshToken: "fresh", Expiry: time.Now().Add(50 * 365 * 24 * time.Hour)}}}
	other := good
	other.Account = "another"
	for name, c := range map[string]struct {
		agency bool
		said   error
		regain func(context.Context, connection.Connection) (connection.OAuthInput, bool, error)
		token  string
		kind   provider.Kind
		state  connection.State
	}{
		"from the agency's grant":                 {agency: true, token: "minted-1", state: connection.Active},
		"asked back from the provider":            {regain: regained(good, true, nil), token: "regained", state: connection.Active},
		"the agency is away for a moment":         {agency: true, said: &provider.Error{Kind: provider.Unavailable}, kind: provider.Unavailable, state: connection.Active},
		"the agency says no, the provider yes":    {agency: true, said: &provider.Error{Kind: provider.Forbidden}, regain: regained(good, true, nil), token: "regained", state: connection.Active},
		"the provider has no such way":            {regain: regained(connection.OAuthInput{}, false, nil), kind: provider.Revoked, state: connection.NeedsReconnect},
		"the provider's way is broken":            {regain: regained(good, true, errors.New("it broke")), kind: provider.Revoked, state: connection.NeedsReconnect},
		"the provider's way leads somewhere else": {regain: regained(other, true, nil), kind: provider.Revoked, state: connection.NeedsReconnect},
		"there is nothing left":                   {kind: provider.Revoked, state: connection.NeedsReconnect},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				if c.agency {
					h.adopts("own")
				}
				h.agency.said = c.said
				h.Regain = c.regain
				cn, err := h.ConnectOAuth(t.Context(), h.granted("own", "co", time.Minute))
				must(t, err)
				h.server.valid = "replaced elsewhere"
				time.Sleep(time.Hour)
				got, err := h.token(cn)
				if got != c.token || (err == nil) != (c.kind == 0) || c.kind != 0 && !provider.IsKind(err, c.kind) {
					t.Errorf("%q, %v", got, err)
				}
				h.is(cn.ID, c.state)
				if c.token == "" {
					return
				}
				if g, err := h.Grants.Load(t.Context(), cn.Holder()); err != nil || g.Token.AccessToken != c.token || g.ClientSecret != "client-secret" {
					t.Errorf("it was not stored: generation %d, %v", g.Generation, err)
				}
			})
		})
	}
}

func TestAProviderThatRefusesEveryTokenNeedsAPerson(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, time.Hour)
		keeper := k.keeper("one")
		k.gives(keeper, "access-0")
		var last error
		for range 10 {
			last = keeper.Refresh(t.Context())
			time.Sleep(10 * time.Second)
		}
		if !provider.IsKind(last, provider.Revoked) && len(k.broken) == 0 {
			t.Errorf("renewed for ever: %v", last)
		}
		if n := k.server.count(); n > 7 {
			t.Errorf("%d tokens were made", n)
		}
		// Now and then a token is refused; that is no reason.
		again := newKeeping(t, time.Hour)
		patient := again.keeper("one")
		again.gives(patient, "access-0")
		for range 20 {
			time.Sleep(6 * time.Minute)
			if err := patient.Refresh(t.Context()); err != nil {
				t.Fatalf("%v", err)
			}
		}
		if len(again.broken) != 0 {
			t.Errorf("a person was asked: %v", again.broken)
		}
	})
}

func TestNobodyWaitsForARenewalWhileTheTokenIsGood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, 30*time.Minute)
		k.server.takes = 15 * time.Second
		keeper := k.keeper("one")
		k.gives(keeper, "access-0")
		var early sync.WaitGroup
		early.Go(func() {
			if err := keeper.Early(t.Context(), time.Hour); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Second) // it is under way
		asked := time.Now()
		k.gives(keeper, "access-0")
		if waited := time.Since(asked); waited != 0 {
			t.Errorf("waited %s", waited)
		}
		early.Wait()
		k.gives(keeper, "access-1")
		must(t, keeper.Early(t.Context(), time.Hour)) // it has a day now
		k.asked(1)
	})
}

// Two processes disagree: one took the credential for dead, then the other came back with a renewed one.
func TestWhatWasRenewedAfterItWasCalledDeadIsTried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		c, err := h.ConnectOAuth(t.Context(), h.granted("own", "co", time.Hour))
		must(t, err)
		must(t, h.Break(t.Context(), c.ID, "It was revoked."))
		h.keeper.Sweep(t.Context())
		h.is(c.ID, connection.NeedsReconnect)
		time.Sleep(time.Minute)
		grants := connection.Grants{Store: h.store, Vault: aVault(t)}
		g, err := grants.Load(t.Context(), c.Holder())
		must(t, err)
		g.Token = oauth2.Token{AccessToken: "of-the-other", RefreshToken: "also", Expiry: time.Now().Add(time.Hour)}
		must(t, grants.Rotate(t.Context(), c.Holder(), g.Generation, g, time.Now()))
		time.Sleep(time.Second)
		h.changed = nil
		h.keeper.Sweep(t.Context())
		h.is(c.ID, connection.Active)
		if got, err := h.token(c); got != "of-the-other" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if len(h.changed) == 0 {
			t.Error("what was held is not due")
		}
	})
}

func TestARefusedKeyNeedsAPersonAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		var token func(context.Context) (string, error)
		var refused func(context.Context) error
		h.Builders["p"] = func(c connection.Connection, tk func(context.Context) (string, error), r func(context.Context) error) (provider.Client, error) {
			if r != nil { // the gateway's, not a check's
				token, refused = tk, r
			}
			return placeClient{account: c.Account, token: tk}, nil
		}
		in := aKey
		in.Account = "own"
		c, err := h.ConnectKey(t.Context(), in)
		must(t, err)
		_, err = h.gateway.Client(t.Context(), c.ID)
		must(t, err)
		if got, err := token(t.Context()); got != "the-key" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		// Another process replaced it: the new one is tried.
		in.Key = "the-new-key"
		if _, err = h.In(h.store).ConnectKey(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if err := refused(t.Context()); err != nil {
			t.Errorf("the new key is not tried: %v", err)
		}
		if got, err := token(t.Context()); got != "the-new-key" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		h.is(c.ID, connection.Active)
		if err := refused(t.Context()); !provider.IsKind(err, provider.Revoked) || strings.Contains(fmt.Sprint(err), "key\"") {
			t.Errorf("%v", err)
		}
		h.is(c.ID, connection.NeedsReconnect)
		if _, err := h.gateway.Client(t.Context(), c.ID); !provider.IsKind(err, provider.Revoked) {
			t.Errorf("it is called again: %v", err)
		}
	})
}

// A process dies between the provider's answer and our store: the refresh token is spent, and nobody has the new one.
func TestATokenThatWasLostOnTheWayEndsInAClearQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, -time.Minute)
		k.store.Fail = func(op string) error {
			if op == "RotateGrant" {
				return errors.New("the machine lost its power")
			}
			return nil
		}
		k.fails(k.keeper("dying"), provider.Unavailable, 0)
		k.store.Fail = nil
		time.Sleep(time.Minute)
		k.fails(k.keeper("heir"), provider.Revoked, 1)
		k.asked(2)
	})
}
