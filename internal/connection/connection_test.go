package connection_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/store"
	"crosswalk/internal/vault"
)

// bench is a real store and vault, and a token server under the test's control.
type bench struct {
	store  *store.Store
	vault  *vault.Vault
	grants connection.Grants
	tokens *httptest.Server
	// answer is what the token server says; calls counts its requests.
	answer func(w http.ResponseWriter, r *http.Request)
	calls  atomic.Int64
}

func setup(t *testing.T) *bench {
	t.Helper()
	b := &bench{}
	st, err := store.Open(t.Context(), store.Config{SQLitePath: filepath.Join(t.TempDir(), "c.db")})
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	must(t, st.Migrate(t.Context()))
	key, err := vault.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	must(t, err)
	b.vault, err = vault.New(key)
	must(t, err)
	b.store, b.grants = st, connection.Grants{Store: st, Vault: b.vault}
	b.answer = func(w http.ResponseWriter, r *http.Request) {
		n := b.calls.Load()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"access-%d","refresh_token":"refresh-%d","expires_in":86399,"token_type":"Bearer"}`, n, n)
	}
	b.tokens = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.calls.Add(1)
		_ = r.ParseForm()
		b.answer(w, r)
	}))
	t.Cleanup(b.tokens.Close)
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// checker is a provider client that only knows whether it works.
type checker struct {
	provider.Client
	err error
}

func (c checker) Check(context.Context) (provider.Account, error) {
	return provider.Account{ID: "acc_1", Name: "Acme"}, c.err
}

func (b *bench) service(answer func() error) *connection.Service {
	return serviceOn(b.store, b.grants, answer)
}

// serviceOn is a service whose provider answers a check as told.
func serviceOn(st connection.Store, grants connection.Grants, answer func() error) *connection.Service {
	n := atomic.Int64{}
	return &connection.Service{
		Store: st, Grants: grants, Names: map[provider.ID]string{"p": "Provider"}, Now: time.Now, Changed: func(context.Context, record.ConnectionID) {},
		NewID: func(prefix string) string { return fmt.Sprintf("%s_%d", prefix, n.Add(1)) },
		Builders: map[provider.ID]connection.Builder{"p": func(connection.Connection, func(context.Context) (string, error), func(context.Context) error) (provider.Client, error) {
			return checker{err: answer()}, nil
		}},
	}
}

func works() error { return nil }

func (b *bench) endpoint() oauth2.Endpoint {
	return oauth2.Endpoint{AuthURL: b.tokens.URL + "/authorize", TokenURL: b.tokens.URL + "/token", AuthStyle: oauth2.AuthStyleInParams}
}

func (b *bench) flow() *connection.Flow {
	return &connection.Flow{Store: b.store, Vault: b.vault, HTTP: b.tokens.Client(), Now: time.Now}
}

func (b *bench) begin(t *testing.T, f *connection.Flow) (state, binding string) {
	t.Helper()
	to, binding, err := f.Begin(t.Context(), connection.Intent{
		Provider: "p", ClientID: "client", ClientSecret: "client-secret", Endpoint: b.endpoint(), RedirectURL: "https://us.example.com/back", PKCE: true, Scopes: []string{"a", "b"},
	})
	must(t, err)
	u, err := url.Parse(to)
	must(t, err)
	q := u.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("scope") != "a b" || strings.Contains(to, "client-secret") {
		t.Errorf("sent to %s", to)
	}
	return q.Get("state"), binding
}

func TestAnAuthorisationIsCompletedOnceByTheBrowserThatBeganIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var verifier string
	good := b.answer
	b.answer = func(w http.ResponseWriter, r *http.Request) { verifier = r.Form.Get("code_verifier"); good(w, r) }
	f := b.flow()
	problem := func(back url.Values, binding, code string) {
		t.Helper()
		_, err := f.Complete(t.Context(), back, binding)
		if p, ok := errors.AsType[*connection.Problem](err); !ok || p.Code != code || p.Sentence == "" {
			t.Errorf("want %s, got %v", code, err)
		}
	}
	state, binding := b.begin(t, f)
	problem(url.Values{"error": {"access_denied"}, "state": {state}}, binding, "denied")
	problem(url.Values{"code": {"x"}, "state": {state}}, binding, "expired") // a refusal ends it
	state, binding = b.begin(t, f)
	back := url.Values{"code": {"the-code"}, "state": {state}}
	problem(url.Values{}, binding, "no_code")
	problem(back, "", "no_start")
	problem(url.Values{"code": {"x"}, "state": {"another"}}, binding, "expired")
	done, err := f.Complete(t.Context(), back, binding)
	if err != nil || done.Token.AccessToken == "" || verifier == "" || done.ClientSecret != "client-secret" {
		t.Fatalf("%+v, %v", done.Token, err)
	}
	problem(back, binding, "expired") // a second time

	// Another browser knows the state, but has no part in it.
	state, _ = b.begin(t, f)
	_, other := b.begin(t, f)
	if _, err := f.Complete(t.Context(), url.Values{"code": {"x"}, "state": {state}}, other); err == nil {
		t.Error("another browser completed it")
	}
	// A provider that does not echo the state: the browser alone decides.
	_, binding = b.begin(t, f)
	if _, err := f.Complete(t.Context(), url.Values{"code": {"x"}}, binding); err != nil {
		t.Errorf("without the state: %v", err)
	}
	// It does not wait for ever.
	state, binding = b.begin(t, f)
	f.Now = func() time.Time { return time.Now().Add(11 * time.Minute) }
	problem(url.Values{"code": {"x"}, "state": {state}}, binding, "expired")
}

func TestAKeyIsTestedBeforeItIsSavedAndTheReasonIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := connection.KeyInput{Provider: "p", Account: "acc_1", Key: "the-key", BaseURL: "https://api.example.com"}
	for name, c := range map[string]struct {
		err   error
		in    connection.KeyInput
		field string
	}{
		"wrong key":      {&provider.Error{Kind: provider.Unauthorized}, in, "key"},
		"revoked":        {&provider.Error{Kind: provider.Revoked}, in, "key"},
		"wrong account":  {&provider.Error{Kind: provider.Forbidden}, in, "account"},
		"missing scope":  {&provider.Error{Kind: provider.Forbidden, Scope: "contacts.write"}, in, "key"},
		"no account":     {&provider.Error{Kind: provider.NotFound}, in, "account"},
		"unreachable":    {&provider.Error{Kind: provider.Unavailable}, in, "base_url"},
		"not its answer": {&provider.Error{Kind: provider.Unknown}, in, "base_url"},
		"no key":         {nil, connection.KeyInput{Provider: "p", Account: "a", BaseURL: in.BaseURL}, "key"},
		"key with space": {nil, connection.KeyInput{Provider: "p", Account: "a", Key: "a b", BaseURL: in.BaseURL}, "key"},
		"no account id":  {nil, connection.KeyInput{Provider: "p", Key: "k", BaseURL: in.BaseURL}, "account"},
		"plain http":     {nil, connection.KeyInput{Provider: "p", Account: "a", Key: "k", BaseURL: "http://api.example.com"}, "base_url"},
		"user in url":    {nil, connection.KeyInput{Provider: "p", Account: "a", Key: "k", BaseURL: "https://me:pw@api.example.com"}, "base_url"},
	} {
		_, err := b.service(func() error { return c.err }).ConnectKey(t.Context(), c.in)
		p, ok := errors.AsType[*connection.Problem](err)
		if !ok || p.Field != c.field || !strings.HasSuffix(p.Sentence, ".") && !strings.HasSuffix(p.Sentence, "?") {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(fmt.Sprint(err), "the-key") {
			t.Errorf("%s shows the key", name)
		}
	}
	if all, err := b.store.Connections(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("%d were saved, %v", len(all), err)
	}
	s := b.service(works)
	first, err := s.ConnectKey(t.Context(), in)
	must(t, err)
	in.Key = "the-next-key"
	again, err := s.ConnectKey(t.Context(), in)
	if err != nil || again.ID != first.ID || again.HookSecret != first.HookSecret || len(first.HookSecret) < 32 {
		t.Errorf("connecting the same account again: %+v, %v", again, err)
	}
	grant, err := b.grants.Load(t.Context(), first.Holder())
	if err != nil || grant.Key != "the-next-key" {
		t.Errorf("%v", err)
	}
	sealed, err := b.store.LoadGrant(t.Context(), first.ID)
	if err != nil || strings.Contains(string(sealed.Sealed), "the-next-key") {
		t.Errorf("the key is stored in the clear: %v", err)
	}
	if _, ok, err := s.ByHookSecret(t.Context(), "p", first.HookSecret); !ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
	must(t, s.Disconnect(t.Context(), first.ID))
	if _, err := b.grants.Load(t.Context(), first.Holder()); err == nil {
		t.Error("the key outlives its connection")
	}
}
