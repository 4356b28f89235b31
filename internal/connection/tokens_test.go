package connection_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/connection"
	"crosswalk/internal/connection/connectiontest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/vault"
)

// tokenServer is a token address without a network, so that time can be the test's. A refresh token works once.
type tokenServer struct {
	mu    sync.Mutex
	valid string // the refresh token that works now
	calls int
	// before, when set, answers in place of the server; nil lets the call through.
	before func(r *http.Request, form url.Values) (*http.Response, error)
	// after, when set, is what becomes of an answer on its way back.
	after func(*http.Response) (*http.Response, error)
	takes time.Duration
}

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}
}

func (s *tokenServer) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	if err := connection.Sleep(r.Context(), s.takes); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.before != nil {
		if resp, err := s.before(r, form); resp != nil || err != nil {
			return resp, err
		}
	}
	if form.Get("refresh_token") != s.valid {
		return answer(http.StatusBadRequest, `{"error":"invalid_grant","error_description":"the token `+form.Get("refresh_token")+` is spent"}`), nil
	}
	s.valid = fmt.Sprintf("refresh-%d", s.calls)
	resp := answer(http.StatusOK, fmt.Sprintf(`{"access_token":"access-%d","refresh_token":%q,"expires_in":86399,"token_type":"Bearer"}`, s.calls, s.valid))
	if s.after != nil {
		return s.after(resp)
	}
	return resp, nil
}

func (s *tokenServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// keeping is an OAuth connection in a store of its own, and keepers of its tokens.
type keeping struct {
	t      *testing.T
	store  *connectiontest.Store
	grants connection.Grants
	server *tokenServer
	cn     connection.Connection
	broken []string
}

func aVault(t testing.TB) *vault.Vault {
	t.Helper()
	key, err := vault.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	must(t, err)
	v, err := vault.New(key)
	must(t, err)
	return v
}

// newKeeping saves a grant whose access token has this much life left.
func newKeeping(t *testing.T, left time.Duration) *keeping {
	t.Helper()
	k := &keeping{t: t, store: connectiontest.NewStore(), server: &tokenServer{valid: "refresh-0", takes: time.Second}}
	k.grants = connection.Grants{Store: k.store, Vault: aVault(t)}
	s := serviceOn(k.store, k.grants, works)
	var err error
	k.cn, err = s.ConnectOAuth(t.Context(), connection.OAuthInput{
		Account: "acc_1",
		Authorised: connection.Authorised{
			Pending:      connection.Pending{Provider: "p", BaseURL: "https://api.example.com", ClientID: "client", Endpoint: oauth2.Endpoint{TokenURL: "https://t.example.com/token", AuthStyle: oauth2.AuthStyleInParams}},
			ClientSecret: "client-secret", Token: &oauth2.Token{AccessToken: "access-0", RefreshToken: "refresh-0", Expiry: time.Now().Add(left)},
		},
	})
	must(t, err)
	return k
}

func (k *keeping) keeper(owner string) *connection.Tokens {
	return &connection.Tokens{
		Of: connection.Holder{ID: k.cn.ID, Provider: "p", BaseURL: k.cn.BaseURL}, Grants: k.grants, App: connection.AppOf(k.cn), HTTP: &http.Client{Transport: k.server}, Owner: owner, Now: time.Now,
		Broken: func(_ context.Context, _ record.ConnectionID, why string) error {
			k.broken = append(k.broken, why)
			return nil
		}, Wait: connection.Sleep,
	}
}

// gives fails unless the keeper gives this token.
func (k *keeping) gives(keeper *connection.Tokens, want string) {
	k.t.Helper()
	if got, err := keeper.Token(k.t.Context()); err != nil || got != want {
		k.t.Errorf("token %q, %v; want %q", got, err, want)
	}
}

// asked fails unless the token address was asked this often.
func (k *keeping) asked(times int) {
	k.t.Helper()
	if n := k.server.count(); n != times {
		k.t.Errorf("the token address was asked %d times, want %d", n, times)
	}
}

// fails gets a token and fails unless that fails in this way, without showing a secret.
func (k *keeping) fails(keeper *connection.Tokens, kind provider.Kind, broken int) {
	k.t.Helper()
	_, err := keeper.Token(k.t.Context())
	if !provider.IsKind(err, kind) || len(k.broken) != broken {
		k.t.Errorf("%v, broken %d times; want %v, %d", err, len(k.broken), kind, broken)
	}
	all := fmt.Sprint(err) + fmt.Sprintf("%+v", err) + strings.Join(k.broken, " ")
	for _, secret := range []string{"refresh-", "access-", "client-secret"} {
		if strings.Contains(all, secret) {
			k.t.Errorf("the error shows %q: %s", secret, all)
		}
	}
}

func TestATokenWithLifeLeftIsUsedWithoutACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, time.Hour)
		one := k.keeper("one")
		k.gives(one, "access-0")
		time.Sleep(58 * time.Minute)
		k.gives(one, "access-0")
		k.asked(0)
		time.Sleep(61 * time.Second) // less than a minute is left
		k.gives(one, "access-1")
		k.gives(one, "access-1")
		k.asked(1)
		if c, err := k.store.Connection(t.Context(), k.cn.ID); err != nil || !c.ExpiresAt.After(time.Now().Add(23*time.Hour)) || !c.RotatedAt.Equal(time.Now()) {
			t.Errorf("the card says renewed %v, until %v, %v", c.RotatedAt, c.ExpiresAt, err)
		}
	})
}

func TestManyCallersOfManyKeepersRenewOnce(t *testing.T) {
	t.Parallel()
	for name, owners := range map[string][]string{
		"one process":                   {"one"},
		"two processes":                 {"one", "two"},
		"two keepers of the same owner": {"one", "one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				k := newKeeping(t, -time.Minute)
				var keepers []*connection.Tokens
				for _, o := range owners {
					keepers = append(keepers, k.keeper(o))
				}
				var wg sync.WaitGroup
				for i := range 20 {
					wg.Go(func() { k.gives(keepers[i%len(keepers)], "access-1") })
				}
				wg.Wait()
				k.asked(1)
				k.gives(k.keeper("three"), "access-1") // it was stored before it was used
				k.asked(1)
			})
		})
	}
}

func TestCallsThatWereRefusedTogetherRenewOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, time.Hour)
		one := k.keeper("one")
		k.gives(one, "access-0")
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond) // refusals come in one after the other
				must(t, one.Refresh(t.Context()))
				k.gives(one, "access-1")
			})
		}
		wg.Wait()
		k.asked(1)
		// Later it is refused again, and that is news.
		time.Sleep(time.Minute)
		must(t, one.Refresh(t.Context()))
		k.gives(one, "access-2")
		k.asked(2)
	})
}

func TestAfterARefusalSomebodyElsesNewerTokenIsTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, time.Hour)
		one, two := k.keeper("one"), k.keeper("two")
		k.gives(one, "access-0")
		k.gives(two, "access-0")
		must(t, one.Refresh(t.Context()))
		must(t, two.Refresh(t.Context()))
		k.gives(two, "access-1")
		k.asked(1)
	})
}

// An uninstalled connection has no grant, so what is connected again counts its renewals from the start.
func TestAfterAReinstallationTheNewAccessIsTakenAndNotRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, time.Hour)
		one, two := k.keeper("one"), k.keeper("two")
		k.gives(one, "access-0")
		must(t, one.Refresh(t.Context()))
		must(t, two.Refresh(t.Context()))
		k.gives(two, "access-1")
		asked := k.server.count()
		must(t, k.store.UninstallConnection(t.Context(), k.cn.ID, "gone", time.Now()))
		_, err := serviceOn(k.store, k.grants, works).ConnectOAuth(t.Context(), connection.OAuthInput{
			Account: "acc_1",
			Authorised: connection.Authorised{
				Pending: connection.Pending{Provider: "p", BaseURL: "https://api.example.com", ClientID: "client"},
				Token:   &oauth2.Token{AccessToken: "access-new", RefreshToken: "refresh-new", Expiry: time.Now().Add(time.Hour)},
			},
		})
		must(t, err)
		time.Sleep(time.Minute)
		must(t, two.Refresh(t.Context()))
		k.gives(two, "access-new")
		k.asked(asked)
	})
}

func TestALostAnswerIsTriedAgainAndThenTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, -time.Minute)
		one := k.keeper("one")
		k.server.after = func(*http.Response) (*http.Response, error) { return nil, errors.New("connection reset by peer") }
		k.fails(one, provider.Unavailable, 0)
		k.server.after = nil
		// The lease is free: another process need not wait. The provider has renewed, and we do not know to what.
		start := time.Now()
		k.fails(k.keeper("two"), provider.Revoked, 1)
		if waited := time.Since(start); waited > 2*time.Second {
			t.Errorf("the lease was held for %v", waited)
		}
	})
}

func TestWhyARenewalFailsDecidesWhatHappens(t *testing.T) {
	t.Parallel()
	says := func(status int, body string) func(*http.Request, url.Values) (*http.Response, error) {
		return func(*http.Request, url.Values) (*http.Response, error) { return answer(status, body), nil }
	}
	for name, c := range map[string]struct {
		before func(*http.Request, url.Values) (*http.Response, error)
		kind   provider.Kind
		broken int
	}{
		"revoked":                    {says(400, `{"error":"invalid_grant","error_description":"refresh-0"}`), provider.Revoked, 1},
		"as HighLevel words it":      {says(401, `{"statusCode":401,"message":"Invalid grant: refresh token is invalid"}`), provider.Revoked, 1},
		"unprocessable":              {says(422, `{"message":["refresh_token must be a string"]}`), provider.Revoked, 1},
		"forbidden in OAuth's words": {says(403, `{"error":"access_denied"}`), provider.Revoked, 1},
		"a firewall in front":        {says(403, `<html>Attention required</html>`), provider.Unavailable, 0},
		"location not active":        {says(400, `{"message":"Location is not active"}`), provider.Unavailable, 0},
		"outage":                     {says(503, `down`), provider.Unavailable, 0},
		"too many":                   {says(429, `{"error":"slow_down"}`), provider.Unavailable, 0},
		"not a token":                {says(200, `<html>Welcome</html>`), provider.Unavailable, 0},
		"unreachable":                {func(*http.Request, url.Values) (*http.Response, error) { return nil, errors.New("no route to host") }, provider.Unavailable, 0},
		"another address":            {redirected, provider.Unavailable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				k := newKeeping(t, -time.Minute)
				k.server.before = c.before
				one := k.keeper("one")
				k.fails(one, c.kind, c.broken)
				k.asked(1)
				k.server.before = nil
				if c.kind == provider.Unavailable {
					k.fails(one, c.kind, c.broken) // it is not tried again at once
					k.asked(1)
					time.Sleep(5 * time.Second)
				}
				k.gives(one, "access-2") // the same refresh token, and nobody holds the lease
			})
		})
	}
}

func redirected(*http.Request, url.Values) (*http.Response, error) {
	resp := answer(http.StatusTemporaryRedirect, "")
	resp.Header.Set("Location", "https://elsewhere.example/token")
	return resp, nil
}

func TestARenewalThatFailsIsToldToAllWhoWaitForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, -time.Minute)
		k.server.before = func(*http.Request, url.Values) (*http.Response, error) {
			return answer(http.StatusServiceUnavailable, "down"), nil
		}
		one := k.keeper("one")
		// An outage of a minute, with a call every tenth of a second, and a thousand at its beginning.
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if _, err := one.Token(t.Context()); !provider.IsKind(err, provider.Unavailable) {
					t.Errorf("%v", err)
				}
			})
		}
		wg.Wait()
		k.asked(1)
		for range 600 {
			k.fails(one, provider.Unavailable, 0)
			time.Sleep(100 * time.Millisecond)
		}
		if n := k.server.count(); n > 12 {
			t.Errorf("asked %d times within a minute", n)
		}
		// Somebody else got it: nobody rests then.
		k.fails(one, provider.Unavailable, 0)
		k.server.before = nil
		k.gives(k.keeper("two"), fmt.Sprintf("access-%d", k.server.count()+1))
		k.gives(one, fmt.Sprintf("access-%d", k.server.count()))
	})
}

func TestARenewalThatOutlivedItsLeaseIsNotCalledDead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, -time.Minute)
		k.server.valid = "spent by another"
		// The machine that holds the lease slept. It wakes up and stores its token while we ask with the one it spent.
		k.server.before = func(*http.Request, url.Values) (*http.Response, error) {
			g, err := k.grants.Load(context.Background(), k.cn.Holder())
			must(t, err)
			g.Token = oauth2.Token{AccessToken: "of-the-other", RefreshToken: "also", Expiry: time.Now().Add(time.Hour)}
			must(t, k.grants.Rotate(context.Background(), k.cn.Holder(), g.Generation, g, time.Now()))
			return nil, nil
		}
		one := k.keeper("one")
		k.gives(one, "of-the-other")
		k.asked(1)
		if len(k.broken) != 0 {
			t.Errorf("a person was asked: %v", k.broken)
		}
	})
}

func TestACallerWhoLeavesDoesNotLoseTheAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, -time.Minute)
		one := k.keeper("one")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { _, err := one.Token(ctx); done <- err }()
		synctest.Wait() // the provider is at work
		waiting := make(chan error, 1)
		go func() { _, err := one.Token(ctx); waiting <- err }()
		synctest.Wait()
		cancel()
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Errorf("who only waited got %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("who renewed got %v", err)
		}
		k.gives(k.keeper("two"), "access-1")
		k.asked(1)
	})
}

func TestARenewedTokenTheStoreDidNotTakeIsStoredLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, -time.Minute)
		one := k.keeper("one")
		k.store.Fail = func(op string) error {
			if op == "RotateGrant" {
				return errors.New("disk full")
			}
			return nil
		}
		k.fails(one, provider.Unavailable, 0) // not used before it is stored
		k.store.Fail = nil
		k.gives(one, "access-1")
		k.asked(1)
		k.gives(k.keeper("two"), "access-1")
	})
}

func TestAReconnectionDuringARenewalWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, -time.Minute)
		one := k.keeper("one")
		k.server.after = func(resp *http.Response) (*http.Response, error) {
			again := &oauth2.Token{AccessToken: "from-the-person", RefreshToken: "new", Expiry: time.Now().Add(time.Hour)}
			_, err := serviceOn(k.store, k.grants, works).ConnectOAuth(context.Background(), connection.OAuthInput{
				Account: "acc_1", Authorised: connection.Authorised{Pending: connection.Pending{Provider: "p", BaseURL: k.cn.BaseURL}, Token: again},
			})
			return resp, err
		}
		k.gives(one, "from-the-person")
		k.asked(1)
	})
}

func TestAProcessThatDiesWhileRenewingHoldsOthersUpForALeaseAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, -time.Minute)
		if _, ok, err := k.store.LeaseGrant(t.Context(), k.cn.ID, "dead", time.Now(), time.Now().Add(30*time.Second)); !ok || err != nil {
			t.Fatal(ok, err)
		}
		start := time.Now()
		k.gives(k.keeper("one"), "access-1")
		if waited := time.Since(start); waited < 30*time.Second || waited > 32*time.Second {
			t.Errorf("waited %v", waited)
		}
		// Who does not want to wait may go.
		two := k.keeper("two")
		k.gives(two, "access-1")
		if _, ok, err := k.store.LeaseGrant(t.Context(), k.cn.ID, "dead", time.Now(), time.Now().Add(time.Hour)); !ok || err != nil {
			t.Fatal(ok, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := two.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

func TestATokenServerThatHangsGivesTheLeaseBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, -time.Minute)
		k.server.takes = time.Hour
		start := time.Now()
		k.fails(k.keeper("one"), provider.Unavailable, 0)
		if waited := time.Since(start); waited > 25*time.Second {
			t.Errorf("waited %v, longer than the lease is safe", waited)
		}
		k.server.takes = 0
		k.gives(k.keeper("two"), "access-1")
	})
}

func TestACredentialThatCannotBeReadIsToldApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, time.Hour)
		k.store.Fail = func(string) error { return errors.New("database is locked") }
		k.fails(k.keeper("one"), provider.Unavailable, 0) // passes
		k.store.Fail = nil
		must(t, k.store.SaveConnection(t.Context(), k.cn, []byte("sealed with another key")))
		k.fails(k.keeper("two"), provider.Revoked, 0) // a person must reconnect
		must(t, k.store.RemoveConnection(t.Context(), k.cn.ID))
		k.fails(k.keeper("three"), provider.Revoked, 0)
		k.asked(0)
	})
}

func TestAnAccessThatCannotBeRenewedNeedsAPerson(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, time.Hour)
		_, err := serviceOn(k.store, k.grants, works).ConnectOAuth(t.Context(), connection.OAuthInput{
			Account: "acc_1", Authorised: connection.Authorised{Pending: connection.Pending{Provider: "p", BaseURL: k.cn.BaseURL}, Token: &oauth2.Token{AccessToken: "access-0"}},
		})
		must(t, err)
		one := k.keeper("one")
		k.gives(one, "access-0") // it does not expire
		if err := one.Refresh(t.Context()); !provider.IsKind(err, provider.Revoked) || len(k.broken) != 1 {
			t.Errorf("%v, broken %d times", err, len(k.broken))
		}
		k.asked(0)
	})
}

func TestAServerThatKeepsItsRefreshTokenIsUnderstood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, -time.Minute)
		k.server.before = func(_ *http.Request, form url.Values) (*http.Response, error) {
			if form.Get("refresh_token") != "refresh-0" || form.Get("client_secret") != "client-secret" {
				return answer(http.StatusUnauthorized, `{}`), nil
			}
			return answer(http.StatusOK, `{"access_token":"short","expires_in":61,"token_type":"Bearer"}`), nil
		}
		one := k.keeper("one")
		k.gives(one, "short")
		time.Sleep(10 * time.Second)
		k.gives(one, "short")
		k.asked(2)
	})
}

func TestWhatIsSealedForOneTokenAddressIsSentToNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, -time.Minute)
		k.cn.Endpoint.TokenURL = "https://elsewhere.example.com/token" // as whoever can write to the database would have it
		k.fails(k.keeper("one"), provider.Revoked, 1)
		k.asked(0)
		if strings.Join(k.broken, "") == "" || !strings.Contains(k.broken[0], "nothing was sent there") {
			t.Errorf("a person is told %q", k.broken)
		}
	})
}

// Grants of the time before their token address was sealed with them are not sent wherever the database says, but to the
// provider's own address, and are bound to it with that.
func TestAGrantBoundToNoTokenAddressIsSentToAKnownOneOnly(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]string{"a known one": "https://t.example.com/token", "another": "https://elsewhere.example.com/token"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKeeping(t, -time.Minute)
				old, err := k.grants.Load(t.Context(), k.cn.Holder())
				must(t, err)
				old.TokenURL = ""
				_, _, err = k.grants.Lease(t.Context(), k.cn.Holder(), "old", time.Now(), time.Now().Add(time.Minute))
				must(t, err)
				must(t, k.grants.Rotate(t.Context(), k.cn.Holder(), old.Generation, old, time.Now()))
				keeper := k.keeper("one")
				keeper.Known = func(tokenURL string) bool { return tokenURL == known }
				if name == "another" {
					k.fails(keeper, provider.Revoked, 1)
					k.asked(0)
					return
				}
				k.gives(keeper, "access-1")
				if now, err := k.grants.Load(t.Context(), k.cn.Holder()); err != nil || now.TokenURL != known {
					t.Errorf("it is bound to %q, %v", now.TokenURL, err)
				}
			})
		})
	}
}
