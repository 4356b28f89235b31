package connection_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/connection"
	"crosswalk/internal/connection/connectiontest"
	"crosswalk/internal/provider"
)

// refused completes an authorisation and fails unless that is a problem of this code.
func refused(t *testing.T, f *connection.Flow, back url.Values, binding, code string) (connection.Authorised, *connection.Problem) {
	t.Helper()
	done, err := f.Complete(t.Context(), back, binding)
	p, ok := errors.AsType[*connection.Problem](err)
	if !ok || p.Code != code || !strings.HasSuffix(p.Sentence, ".") {
		t.Fatalf("%v, want the problem %s", err, code)
	}
	return done, p
}

func TestAnAuthorisationThatWasDeniedIsOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.flow()
	for code, back := range map[string]url.Values{
		"denied":  {"error": {"access_denied"}, "error_description": {strings.Repeat("no ", 1000)}},
		"refused": {"error": {"invalid_scope"}},
	} {
		state, binding := b.begin(t, f)
		back.Set("state", state)
		done, p := refused(t, f, back, binding, code)
		if done.Pending.Provider != "p" {
			t.Errorf("%s: which provider it was is not told", code)
		}
		if len(p.Words) > 700 {
			t.Errorf("%s: %d bytes of the provider's words", code, len(p.Words))
		}
		refused(t, f, url.Values{"code": {"late"}, "state": {state}}, binding, "expired")
	}
	if b.calls.Load() != 0 {
		t.Error("a code was redeemed")
	}
}

func TestAnotherBrowsersCookieIsNoUse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.flow()
	state, _ := b.begin(t, f)
	_, other := b.begin(t, f)
	refused(t, f, url.Values{"code": {"x"}, "state": {state}}, other, "other_browser")
	_, binding := b.begin(t, f)
	refused(t, f, url.Values{"code": {"x"}, "state": {"guessed"}}, binding, "expired")
	if b.calls.Load() != 0 {
		t.Error("a code was redeemed")
	}
}

func TestWhyACodeCannotBeRedeemedIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status      int
		body        string
		code, field string
	}{
		"code refused":       {400, `{"error":"invalid_grant","error_description":"the code the-secret-code with client-secret is unknown"}`, "exchange", ""},
		"HighLevel's words":  {422, `{"statusCode":422,"message":["redirect_uri mismatch for the-secret-code"]}`, "exchange", ""},
		"wrong secret":       {401, `{"error":"invalid_client","error_description":"client-secret is wrong"}`, "client", "client_secret"},
		"outage":             {502, `<html>the-secret-code</html>`, "exchange", ""},
		"not a token":        {200, `<html>the-secret-code</html>`, "not_a_token", "token_url"},
		"a token of nothing": {200, `{"token_type":"Bearer"}`, "not_a_token", "token_url"},
		"another address":    {307, ``, "exchange", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.answer = func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Location", b.tokens.URL+"/elsewhere")
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}
			f := b.flow()
			state, binding := b.begin(t, f)
			done, p := refused(t, f, url.Values{"code": {"the-secret-code"}, "state": {state}}, binding, c.code)
			if p.Field != c.field || b.calls.Load() != 1 || done.Pending.Provider != "p" {
				t.Errorf("field %q, %d calls, of %q", p.Field, b.calls.Load(), done.Pending.Provider)
			}
			all := fmt.Sprintf("%v %+v %s", p, *p, p.Words)
			for _, secret := range []string{"the-secret-code", "client-secret"} {
				if strings.Contains(all, secret) {
					t.Errorf("the problem shows %q: %s", secret, all)
				}
			}
		})
	}
}

func TestATokenAddressThatCannotBeReachedIsToldApart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for address, words := range map[string]string{
		gone.URL + "/token":             "could not be reached",
		"http://169.254.169.254/token":  "private network",
		"https://[fd00:ec2::254]/token": "private network",
	} {
		f := &connection.Flow{Store: b.store, Vault: b.vault, HTTP: &http.Client{Transport: connection.Transport(false, gone.URL)}, Now: b.flow().Now}
		_, binding, err := f.Begin(t.Context(), connection.Intent{Provider: "p", ClientID: "c", ClientSecret: "s3cret-value", Endpoint: oauth2.Endpoint{AuthURL: "https://a.example.com", TokenURL: address}})
		must(t, err)
		_, p := refused(t, f, url.Values{"code": {"x"}}, binding, "unreachable")
		if p.Field != "token_url" || !strings.Contains(p.Sentence, words) {
			t.Errorf("%s: %s: %s", address, p.Field, p.Sentence)
		}
	}
}

func TestHowAProviderTakesTheSecretIsFoundOnceAndKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		takes oauth2.AuthStyle
		asked int64
	}{
		"in the header": {oauth2.AuthStyleInHeader, 1},
		"in the form":   {oauth2.AuthStyleInParams, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			good := b.answer
			b.answer = func(w http.ResponseWriter, r *http.Request) {
				_, secret, _ := r.BasicAuth()
				if c.takes == oauth2.AuthStyleInParams {
					secret = r.PostForm.Get("client_secret")
				}
				if secret != "client-secret" {
					http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
					return
				}
				good(w, r)
			}
			f := b.flow()
			endpoint := b.endpoint()
			endpoint.AuthStyle = oauth2.AuthStyleAutoDetect
			_, binding, err := f.Begin(t.Context(), connection.Intent{Provider: "p", ClientID: "client", ClientSecret: "client-secret", Endpoint: endpoint})
			must(t, err)
			done, err := f.Complete(t.Context(), url.Values{"code": {"x"}}, binding)
			must(t, err)
			if b.calls.Load() != c.asked {
				t.Errorf("%d calls, want %d", b.calls.Load(), c.asked)
			}
			cn, err := b.service(works).ConnectOAuth(t.Context(), connection.OAuthInput{Authorised: done, Account: "acc_1"})
			if err != nil || cn.Endpoint.AuthStyle != c.takes {
				t.Errorf("kept as %v, %v", cn.Endpoint.AuthStyle, err)
			}
		})
	}
}

func TestNothingOfAnAuthorisationIsStoredInTheClear(t *testing.T) {
	t.Parallel()
	b := setup(t)
	watched := &watchedStore{Store: b.store}
	f := b.flow()
	f.Store = watched
	state, binding := b.begin(t, f)
	stored := fmt.Sprintf("%+v %s", watched.pending, watched.pending.Sealed)
	for what, secret := range map[string]string{"the state": state, "the binding": binding, "the client's secret": "client-secret"} {
		if secret == "" || strings.Contains(stored, secret) {
			t.Errorf("%s is in %s", what, stored)
		}
	}
}

func TestAnAuthorisationThatNamesNoAccountConnectsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := &oauth2.Token{AccessToken: "a"}
	_, err := b.service(works).ConnectOAuth(t.Context(), connection.OAuthInput{Authorised: connection.Authorised{Pending: connection.Pending{Provider: "p"}, Token: token}})
	if p, ok := errors.AsType[*connection.Problem](err); !ok || p.Code != "no_account" {
		t.Errorf("%v", err)
	}
	_, err = b.service(func() error { return &provider.Error{Kind: provider.Forbidden, Scope: "contacts.write"} }).ConnectOAuth(t.Context(), connection.OAuthInput{
		Authorised: connection.Authorised{Pending: connection.Pending{Provider: "p"}, Token: token}, Account: "acc_1",
	})
	if p, ok := errors.AsType[*connection.Problem](err); !ok || !strings.Contains(p.Sentence, "contacts.write") || strings.Contains(p.Sentence, "key") {
		t.Errorf("%v", err)
	}
	if all, err := b.store.Connections(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%d were saved, %v", len(all), err)
	}
}

func TestAReconnectionLeadsToTheSameAccount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.service(works)
	first, err := s.ConnectOAuth(t.Context(), connection.OAuthInput{Authorised: connection.Authorised{Pending: connection.Pending{Provider: "p"}, Token: &oauth2.Token{AccessToken: "one"}}, Account: "acc_1"})
	must(t, err)
	again := connection.Authorised{Pending: connection.Pending{Provider: "p", Reconnect: first.ID}, Token: &oauth2.Token{AccessToken: "two"}}
	second, err := s.ConnectOAuth(t.Context(), connection.OAuthInput{Authorised: again, Account: "acc_1"})
	if err != nil || second.ID != first.ID || second.HookSecret != first.HookSecret || second.CreatedAt.Sub(first.CreatedAt).Abs() > time.Millisecond {
		t.Errorf("%+v, %v", second, err)
	}
	again.Pending.Reconnect = "cn_another"
	_, err = s.ConnectOAuth(t.Context(), connection.OAuthInput{Authorised: again, Account: "acc_1"})
	if p, ok := errors.AsType[*connection.Problem](err); !ok || p.Code != "other_account" {
		t.Errorf("%v", err)
	}
	if g, err := b.grants.Load(t.Context(), first.Holder()); err != nil || g.Token.AccessToken != "two" || g.Generation != 2 {
		t.Errorf("generation %d, %v", g.Generation, err)
	}
}

// movedStore is a store whose authorisations somebody pointed elsewhere meanwhile.
type movedStore struct {
	*connectiontest.Store
	move func(*connection.Pending)
}

func (s movedStore) TakePending(ctx context.Context, stateHash, bindingHash string, now time.Time) (connection.Pending, error) {
	p, err := s.Store.TakePending(ctx, stateHash, bindingHash, now)
	s.move(&p)
	return p, err
}

// A database's words are not believed about where a sealed secret, or the token it is exchanged for, goes.
func TestWhatWasBegunIsRedeemedWhereItWasBegun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for want, move := range map[string]struct {
		pending func(*connection.Pending)
		arrival func(*connection.Arrival)
	}{
		"token address is not the one":  {func(p *connection.Pending) { p.Endpoint.TokenURL = b.tokens.URL + "/another" }, func(a *connection.Arrival) { a.Endpoint.TokenURL = b.tokens.URL + "/another" }},
		"was changed outside Crosswalk": {func(p *connection.Pending) { p.BaseURL = evil }, func(a *connection.Arrival) { a.BaseURL = evil }},
	} {
		f := b.flow()
		f.Store = movedStore{connectiontest.NewStore(), move.pending}
		state, binding := b.begin(t, f)
		if _, err := f.Complete(t.Context(), url.Values{"code": {"x"}, "state": {state}}, binding); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("begun: %v, want %q", err, want)
		}
		in := connection.OAuthInput{Account: "acc", Authorised: connection.Authorised{
			Pending: connection.Pending{Provider: "p", ClientID: "client", Endpoint: b.endpoint()}, ClientSecret: "client-secret", Token: &oauth2.Token{AccessToken: "a"},
		}}
		binding, err := f.Hold(t.Context(), in)
		must(t, err)
		a, _, err := f.Held(t.Context(), binding)
		must(t, err)
		move.arrival(&a)
		must(t, f.PutBack(t.Context(), a))
		if _, _, err := f.Held(t.Context(), binding); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("arrived: %v, want %q", err, want)
		}
	}
	if b.calls.Load() != 0 {
		t.Error("a code was redeemed")
	}
}
