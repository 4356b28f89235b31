package connection_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/connection"
	"crosswalk/internal/connection/connectiontest"
	"crosswalk/internal/vault"
)

type refusing func(*http.Request)

func (f refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return nil, errors.New("no network here")
}

// FuzzACallbackRedeemsOnlyWhatWasBegunHere sends a browser back with anything for a query: no code is redeemed without
// the browser's own cookie, none with another's state, and nothing of the query is believed.
func FuzzACallbackRedeemsOnlyWhatWasBegunHere(f *testing.F) {
	f.Add("code=abc&state=guessed", "cookie", false)
	f.Add("code=abc", "", true)
	f.Add("error=access_denied&error_description=%00%ff", "x", true)
	f.Add("code=a&code=b&state=&state=x", "x", true)
	f.Add("code=abc&redirect_uri=https://evil.example&token_url=https://evil.example", "x", true)
	f.Fuzz(func(t *testing.T, query, cookie string, genuineCookie bool) {
		back, err := url.ParseQuery(query)
		if err != nil {
			t.Skip("a server does not get that far")
		}
		key, err := vault.NewKey([]byte("0123456789abcdef0123456789abcdef"))
		must(t, err)
		keys, err := vault.New(key)
		must(t, err)
		var redeemed []string
		flow := &connection.Flow{Store: connectiontest.NewStore(), Vault: keys, Now: time.Now, HTTP: &http.Client{Transport: refusing(func(r *http.Request) {
			redeemed = append(redeemed, r.URL.Host)
		})}}
		to, binding, err := flow.Begin(t.Context(), connection.Intent{
			Provider: "p", ClientID: "client", ClientSecret: "s3cr3t-of-the-app", PKCE: true, RedirectURL: "https://us.example.com/back",
			Endpoint: oauth2.Endpoint{AuthURL: "https://p.example.com/authorize", TokenURL: "https://p.example.com/token", AuthStyle: oauth2.AuthStyleInParams},
		})
		must(t, err)
		began, err := url.Parse(to)
		must(t, err)
		if genuineCookie {
			cookie = binding
		}
		_, err = flow.Complete(t.Context(), back, cookie)
		if p, ok := errors.AsType[*connection.Problem](err); !ok || p.Sentence == "" {
			t.Fatalf("%v is no problem a person can read", err)
		}
		if strings.Contains(err.Error(), "s3cr3t-of-the-app") {
			t.Fatal("the app's secret is told")
		}
		state := back.Get("state")
		ours := cookie == binding && (state == "" || state == began.Query().Get("state"))
		if len(redeemed) > 0 && (!ours || back.Get("code") == "" || back.Get("error") != "") {
			t.Fatalf("redeemed at %v", redeemed)
		}
		for _, host := range redeemed {
			if host != "p.example.com" {
				t.Fatalf("redeemed at %s", host)
			}
		}
	})
}
