package gleap

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

const redirect = "http://127.0.0.1:9/callback"

func (c *client) form(target string, in url.Values) reply {
	c.t.Helper()
	noFollow := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := noFollow.PostForm(target, in)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, raw}
}

// consent presses a button on the consent page and returns where it leads.
func (c *client) consent(decision string, extra url.Values) url.Values {
	c.t.Helper()
	in := url.Values{"response_type": {"code"}, "client_id": {c.ready.ClientID}, "redirect_uri": {redirect}, "state": {"s1"}, "decision": {decision}}
	for k, v := range extra {
		in[k] = v
	}
	r := c.form(c.ready.AuthorizeURL, in)
	at, err := url.Parse(r.header.Get("Location"))
	if r.status != 302 || err != nil || !strings.HasPrefix(at.String(), redirect) {
		c.t.Fatalf("consent: %d %s %s", r.status, at, r.raw)
	}
	return at.Query()
}

func (c *client) oauth() *oauth2.Config {
	return &oauth2.Config{ClientID: c.ready.ClientID, ClientSecret: c.ready.ClientSecret, RedirectURL: redirect,
		Endpoint: oauth2.Endpoint{AuthURL: c.ready.AuthorizeURL, TokenURL: c.ready.TokenURL}}
}

func TestAStandardOAuthClientConnectsAndRefreshes(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	verifier := oauth2.GenerateVerifier()
	sum := sha256.Sum256([]byte(verifier))
	got := c.consent("approve", url.Values{"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}})
	if got.Get("state") != "s1" {
		t.Errorf("state: %v", got)
	}
	token, err := c.oauth().Exchange(t.Context(), got.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	bearer := func(k *oauth2.Token) []string { return []string{"Authorization", "Bearer " + k.AccessToken} }
	if me := c.object(200, "GET", "/users/me", nil, bearer(token)...); text(me, "userType") != "default" {
		t.Errorf("got %v", me)
	}
	c.do(200, "GET", "/sessions", nil, bearer(token)...)
	if _, err := c.oauth().Exchange(t.Context(), got.Get("code"), oauth2.VerifierOption(verifier)); err == nil {
		t.Error("a code worked twice")
	}

	c.clock.pass(time.Hour)
	c.do(401, "GET", "/sessions", nil, bearer(token)...)
	refresh := func(k *oauth2.Token) (*oauth2.Token, error) {
		return c.oauth().TokenSource(t.Context(), &oauth2.Token{RefreshToken: k.RefreshToken}).Token()
	}
	second, err := refresh(token)
	if err != nil {
		t.Fatal(err)
	}
	c.do(200, "GET", "/sessions", nil, bearer(second)...)
	if _, err := refresh(token); err == nil {
		t.Error("a refresh token worked twice")
	}

	c.twin.SetFaults(Faults{RevokeAccess: true})
	c.do(401, "GET", "/sessions", nil, bearer(second)...)
	c.do(200, "GET", "/sessions", nil) // the API key is another matter
	third, err := refresh(second)
	if err != nil {
		t.Fatal(err)
	}
	c.do(200, "GET", "/sessions", nil, bearer(third)...)
	c.twin.SetFaults(Faults{RevokeTokens: true})
	if _, err := refresh(third); err == nil {
		t.Error("a revoked refresh token worked")
	}
	if got := c.twin.Stats().Writes; got != 0 {
		t.Errorf("OAuth counted as %d writes", got)
	}
}

func TestOAuthRefusals(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	if got := c.consent("cancel", nil); got.Get("error") != "access_denied" || got.Get("state") != "s1" {
		t.Errorf("cancelled: %v", got)
	}
	for name, in := range map[string]url.Values{
		"a foreign redirect": {"client_id": {c.ready.ClientID}, "redirect_uri": {"https://evil.example/"}},
		"a foreign client":   {"client_id": {"x"}, "redirect_uri": {redirect}},
	} {
		if r := c.form(c.ready.AuthorizeURL, in); r.status != 400 || r.header.Get("Location") != "" {
			t.Errorf("%s: %d to %q", name, r.status, r.header.Get("Location"))
		}
	}
	id, secret := c.ready.ClientID, c.ready.ClientSecret
	for name, tt := range map[string]struct {
		in     url.Values
		status int
		want   string
	}{
		"a wrong secret": {url.Values{"grant_type": {"refresh_token"}, "client_id": {id}, "client_secret": {"x"}}, 401, "invalid_client"},
		"no grant type":  {url.Values{"client_id": {id}, "client_secret": {secret}}, 400, "invalid_request"},
		"client credentials": {url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}},
			400, "unsupported_grant_type"},
		"a wrong redirect": {url.Values{"grant_type": {"authorization_code"}, "client_id": {id}, "client_secret": {secret},
			"code": {c.consent("approve", nil).Get("code")}, "redirect_uri": {redirect + "2"}}, 400, "invalid_grant"},
		"no verifier": {url.Values{"grant_type": {"authorization_code"}, "client_id": {id}, "client_secret": {secret}, "redirect_uri": {redirect},
			"code": {c.consent("approve", url.Values{"code_challenge": {"abc"}}).Get("code")}}, 400, "invalid_grant"},
	} {
		r := c.form(c.ready.TokenURL, tt.in)
		if got := decoded[object](t, r); r.status != tt.status || got["error"] != tt.want {
			t.Errorf("%s: %d %v", name, r.status, got)
		}
	}
}
