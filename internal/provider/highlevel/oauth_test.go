package highlevel_test

import (
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
	exchange := func(answer string) (*oauth2.Token, highlevel.Grant, error) {
		form := url.Values{}
		token, grant, err := highlevel.ExchangeLocation(t.Context(), highlevel.LocationExchange{
			Transport: held(t, capture{answer, &form}), CompanyToken: "company", CompanyID: "C", LocationID: "L", Now: func() time.Time { return now },
		})
		if form.Get("companyId") != "C" || form.Get("locationId") != "L" {
			t.Errorf("form %v", form)
		}
		return token, grant, err
	}
	token, grant, err := exchange(`{"access_token":"A","refresh_token":"R","token_type":"Bearer","expires_in":86399,"locationId":"L","scope":"x"}`)
	if err != nil {
		t.Fatal(err)
	}
	if token.AccessToken != "A" || token.RefreshToken != "R" || !token.Expiry.Equal(now.Add(86399*time.Second)) {
		t.Errorf("token %+v", token)
	}
	if diff := cmp.Diff(highlevel.Grant{LocationID: "L", CompanyID: "C", UserType: "Location", Scope: []string{"x"}}, grant); diff != "" {
		t.Errorf("grant (-want +got):\n%s", diff)
	}
	for _, answer := range []string{`{}`, `[]`, `{"access_token":"A","locationId":"other"}`} {
		if _, _, err := exchange(answer); err == nil || provider.KindOf(err) == provider.Unknown {
			t.Errorf("%s: error = %v", answer, err)
		}
	}
}
