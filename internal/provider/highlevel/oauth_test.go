package highlevel_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
)

func TestTheAuthorizeAddressCarriesWhatHighLevelAsksFor(t *testing.T) {
	t.Parallel()
	var scopes []string
	for _, s := range highlevel.Scopes() {
		if s.Why == "" {
			t.Errorf("%s does not say why", s.Name)
		}
		scopes = append(scopes, s.Name)
	}
	cfg := oauth2.Config{ClientID: "app-x", RedirectURL: "https://cw.example/back", Scopes: scopes, Endpoint: highlevel.Endpoint("", "")}
	u, err := url.Parse(cfg.AuthCodeURL("state-1"))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Host+u.Path != "marketplace.gohighlevel.com/v2/oauth/chooselocation" || q.Get("response_type") != "code" || !strings.Contains(q.Get("scope"), "contacts.readonly contacts.write") {
		t.Errorf("address %s", u)
	}
	if e := highlevel.Endpoint("https://twin.example/hl/", "https://white.example/choose"); e.TokenURL != "https://twin.example/hl/oauth/token" || e.AuthURL != "https://white.example/choose" {
		t.Errorf("endpoint %+v", e)
	}
	if id := highlevel.AppID("65f0c2-abc-def"); id != "65f0c2" {
		t.Errorf("app %q", id)
	}
}

func TestTheGrantIsReadFromTheAnswer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer string
		want   highlevel.Grant
	}{
		"location": {
			`{"userType":"Location","locationId":"L","companyId":"C","userId":"U","scope":"a b"}`,
			highlevel.Grant{LocationID: "L", CompanyID: "C", UserType: "Location", UserID: "U", Scope: []string{"a", "b"}},
		},
		"company":           {`{"userType":"Company","companyId":"C","scope":""}`, highlevel.Grant{CompanyID: "C", UserType: "Company", Scope: []string{}}},
		"exchange":          {`{"locationId":"L"}`, highlevel.Grant{LocationID: "L", UserType: "Location", Scope: []string{}}},
		"of the wrong type": {`{"locationId":7,"scope":[]}`, highlevel.Grant{UserType: "Company", Scope: []string{}}},
	} {
		var answer map[string]any
		if err := json.Unmarshal([]byte(tt.answer), &answer); err != nil {
			t.Fatal(err)
		}
		token := (&oauth2.Token{}).WithExtra(answer)
		if diff := cmp.Diff(tt.want, highlevel.ReadGrant(token.Extra)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if g := (highlevel.Grant{Scope: []string{"a"}}); !g.Allows("a") || g.Allows("b") {
		t.Error("scopes are not told apart")
	}
}

// capture answers and keeps the request's form.
type capture struct {
	body string
	form *url.Values
}

func (c capture) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if *c.form, err = url.ParseQuery(string(b)); err != nil {
		return nil, err
	}
	return says{200, c.body}.RoundTrip(r)
}

func TestACompanysTokenBuysALocations(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	mint := func(answer string) (*oauth2.Token, []string, error) {
		form := url.Values{}
		token, scopes, err := highlevel.NewCompany(highlevel.CompanyConfig{
			Transport: held(t, capture{answer, &form}), Token: func(context.Context) (string, error) { return "company", nil }, CompanyID: "C", Now: func() time.Time { return now },
		}).Mint(t.Context(), "L")
		if form.Get("companyId") != "C" || form.Get("locationId") != "L" {
			t.Errorf("form %v", form)
		}
		return token, scopes, err
	}
	token, scopes, err := mint(`{"access_token":"A","refresh_token":"R","token_type":"Bearer","expires_in":86399,"locationId":"L","scope":"x"}`)
	if err != nil {
		t.Fatal(err)
	}
	if token.AccessToken != "A" || token.RefreshToken != "R" || !token.Expiry.Equal(now.Add(86399*time.Second)) || len(scopes) != 1 || scopes[0] != "x" {
		t.Errorf("token %+v, scopes %v", token, scopes)
	}
	for _, answer := range []string{`{}`, `[]`, `{"access_token":"A","locationId":"other"}`} {
		if _, _, err := mint(answer); err == nil || provider.KindOf(err) == provider.Unknown {
			t.Errorf("%s: error = %v", answer, err)
		}
	}
}

func TestLostAccessIsAskedForAndARefusalIsHarmless(t *testing.T) {
	t.Parallel()
	lost := func(status int, answer string) (string, error) {
		return highlevel.Reconnect(provider.WithRecorder(t.Context(), func(provider.Call) { t.Error("a call with the app's secret was recorded") }), highlevel.Lost{
			Transport: says{status, answer}, ClientID: "app-x", ClientSecret: "s3cret", LocationID: "L",
		})
	}
	if code, err := lost(200, `{"authorizationCode":"the-code","expiresAt":"2026-10-08T13:35:43.887Z"}`); err != nil || code != "the-code" {
		t.Errorf("%q, %v", code, err)
	}
	for answer, status := range map[string]int{`{"message":"API endpoint has been removed"}`: 400, `{}`: 200, `<html>`: 502} {
		if code, err := lost(status, answer); code != "" || err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %q, %v", answer, code, err)
		}
	}
}
