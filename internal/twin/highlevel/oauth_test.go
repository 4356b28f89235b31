package highlevel

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAnAuthorisationCodeWorksOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	code := s.consent("contacts.readonly locations.readonly")
	in := url.Values{"client_id": {s.ready.ClientID}, "client_secret": {s.ready.ClientSecret}, "grant_type": {"authorization_code"},
		"code": {code}, "redirect_uri": {callback}, "user_type": {"Location"}}
	first := s.want(200, s.call("POST", "/oauth/token", in))
	got := first.body
	access := first.str("access_token")
	for _, key := range []string{"access_token", "refresh_token", "traceId", "userId", "planId"} {
		if first.str(key) == "" {
			t.Errorf("no %s", key)
		}
		delete(got, key)
	}
	want := obj{"token_type": "Bearer", "expires_in": 86399.0, "scope": "contacts.readonly locations.readonly", "userType": "Location",
		"companyId": s.ready.CompanyID, "locationId": s.ready.LocationID, "isBulkInstallation": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s.want(200, s.call("GET", "/locations/"+s.ready.LocationID, nil, bearer(access)))
	s.wantMessage(400, "authorization code is invalid", s.call("POST", "/oauth/token", in))

	in.Set("code", s.consent("contacts.readonly"))
	s.clock.advance(codeLife)
	s.wantMessage(400, "authorization code is invalid", s.call("POST", "/oauth/token", in))
}

func TestTheTokenEndpointRefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	good := url.Values{"client_id": {s.ready.ClientID}, "client_secret": {s.ready.ClientSecret}, "grant_type": {"authorization_code"}}
	with := func(k, v string) url.Values {
		out := url.Values{}
		for key, values := range good {
			out[key] = values
		}
		out.Set(k, v)
		return out
	}
	for _, c := range []struct {
		body    any
		status  int
		message string
	}{
		{good, 400, "Missing parameter: code"},
		{with("client_secret", ""), 400, "Missing parameter: client_secret"},
		{with("client_secret", "wrong"), 401, "Invalid client"},
		{with("client_id", "wrong"), 401, "Invalid client"},
		{with("grant_type", "password"), 400, "Invalid parameter: grant_type"},
		{with("grant_type", "refresh_token"), 400, "Missing parameter: refresh_token"},
		{with("user_type", "Agency"), 422, "user_type must be one of"},
		{obj{"client_id": s.ready.ClientID}, 422, "client_id must be a string"},
		{strings.Repeat("a", maxBody+1), 413, "too large"},
	} {
		s.wantMessage(c.status, c.message, s.call("POST", "/oauth/token", c.body))
	}
	other := with("code", s.consent("contacts.readonly"))
	other.Set("redirect_uri", "http://127.0.0.1:9/other")
	s.wantMessage(400, "redirect_uri", s.call("POST", "/oauth/token", other))
}

func TestRefreshTokensRotateWithAGrace(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first := s.connect("contacts.readonly")
	refresh := func(token string) reply {
		return s.call("POST", "/oauth/token", url.Values{"client_id": {s.ready.ClientID}, "client_secret": {s.ready.ClientSecret},
			"grant_type": {"refresh_token"}, "refresh_token": {token}})
	}
	second := s.want(200, refresh(first.str("refresh_token")))
	if second.str("refresh_token") == first.str("refresh_token") {
		t.Error("the refresh token did not change")
	}
	s.clock.advance(30 * time.Second)
	again := s.want(200, refresh(first.str("refresh_token")))
	if again.str("access_token") != second.str("access_token") || again.str("refresh_token") != second.str("refresh_token") {
		t.Error("within 30 seconds the same pair must come back")
	}
	s.clock.advance(time.Second)
	s.wantMessage(400, "Invalid grant: refresh token is invalid", refresh(first.str("refresh_token")))
	third := s.want(200, refresh(second.str("refresh_token")))

	get := func(token string) reply {
		return s.call("GET", "/contacts/?locationId="+s.ready.LocationID, nil, bearer(token))
	}
	s.want(200, get(third.str("access_token")))
	s.clock.advance(86399 * time.Second)
	s.wantMessage(401, "Invalid token: access token is invalid", get(third.str("access_token")))
	s.want(200, refresh(third.str("refresh_token")))
}

func TestARenewalCanBeDoneWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	in := url.Values{"client_id": {s.ready.ClientID}, "client_secret": {s.ready.ClientSecret}, "grant_type": {"refresh_token"}, "refresh_token": {s.connect("contacts.readonly").str("refresh_token")}}
	s.twin.SetFaults(Faults{RenewalsLost: 1})
	if r, err := s.try("POST", "/oauth/token", in); err == nil {
		t.Fatalf("answered %d %s", r.status, r.raw)
	}
	s.clock.advance(30 * time.Second)
	s.want(200, s.call("POST", "/oauth/token", in)) // within the grace the pair is told once more
	s.clock.advance(time.Second)
	s.wantMessage(400, "Invalid grant: refresh token is invalid", s.call("POST", "/oauth/token", in))
}

func TestTheTokenEndpointSpeaksCamelCaseUnderVersion3(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v3 := header("Version", "v3")
	in := obj{"clientId": s.ready.ClientID, "clientSecret": s.ready.ClientSecret, "grantType": "authorization_code", "code": s.consent("contacts.readonly")}
	first := s.want(200, s.call("POST", "/oauth/token", in, v3))
	if first.str("accessToken") == "" || first.at("access_token") != nil || first.at("expiresIn") != 86399.0 {
		t.Errorf("answer: %s", first.raw)
	}
	form := url.Values{"clientId": {s.ready.ClientID}, "clientSecret": {s.ready.ClientSecret}, "grantType": {"refresh_token"}}
	s.wantMessage(400, "Missing parameter: refreshToken", s.call("POST", "/oauth/token", form, v3))
	form.Set("refreshToken", first.str("refreshToken"))
	s.want(200, s.call("POST", "/oauth/token", form, v3))
}

func TestAccessIsCheckedBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	here := "/contacts/?locationId=" + s.ready.LocationID
	s.wantMessage(401, "version header was not found.", s.call("GET", here, nil, header("Version", "")))
	s.wantMessage(401, "version header is invalid", s.call("GET", here, nil, header("Version", "2020-01-01")))
	s.want(200, s.call("GET", here, nil, header("Version", "2023-02-21")))
	s.wantMessage(401, "Invalid token", s.call("GET", here, nil, bearer("nonsense")))
	s.wantMessage(401, "Invalid token", s.call("GET", here, nil, header("Authorization", "")))
	s.wantMessage(401, "Invalid token", s.call("GET", here, nil, header("Authorization", "Basic "+s.ready.Token)))

	narrow := s.connect("contacts.readonly").str("access_token")
	s.wantMessage(401, "The token is not authorized for this scope.",
		s.call("POST", "/contacts/", obj{"locationId": s.ready.LocationID, "email": "a@example.com"}, bearer(narrow)))
	s.twin.SetFaults(Faults{MissingScopes: []string{"contacts.readonly"}})
	s.wantMessage(401, "not authorized for this scope", s.call("GET", here, nil, bearer(narrow)))
	s.wantMessage(401, "not authorized for this scope", s.call("GET", here, nil))
	s.twin.SetFaults(Faults{})

	for _, r := range []reply{
		s.call("GET", "/contacts/?locationId=elsewhere", nil), s.call("GET", "/contacts/", nil), s.call("GET", "/locations/elsewhere", nil),
		s.call("POST", "/contacts/", obj{"locationId": "elsewhere", "email": "a@example.com"}),
		s.call("GET", "/users/search?companyId=elsewhere", nil),
	} {
		s.wantMessage(403, "The token does not have access to this location.", r)
	}
	company := s.connect(allScopes, "user_type", "Company")
	if company.str("userType") != "Company" || company.at("locationId") != nil {
		t.Errorf("company token: %s", company.raw)
	}
	s.wantMessage(401, "not authorized", s.call("GET", here, nil, bearer(company.str("access_token"))))
	minted := s.want(200, s.call("POST", "/oauth/locationToken", obj{"companyId": s.ready.CompanyID, "locationId": s.ready.LocationID},
		bearer(company.str("access_token"))))
	s.want(200, s.call("GET", here, nil, bearer(minted.str("access_token"))))
	s.wantMessage(401, "not authorized", s.call("POST", "/oauth/locationToken", obj{}, bearer(s.ready.Token)))
}

func TestRevokingTokensSparesNewOnes(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	here := "/contacts/?locationId=" + s.ready.LocationID
	refresh := func(r reply) reply {
		return s.call("POST", "/oauth/token", url.Values{"client_id": {s.ready.ClientID}, "client_secret": {s.ready.ClientSecret},
			"grant_type": {"refresh_token"}, "refresh_token": {r.str("refresh_token")}})
	}
	old := s.connect("contacts.readonly")
	s.twin.SetFaults(Faults{RevokeAccess: true})
	s.want(401, s.call("GET", here, nil, bearer(old.str("access_token"))))
	renewed := s.want(200, refresh(old))
	s.want(200, s.call("GET", here, nil, bearer(renewed.str("access_token"))))

	s.twin.SetFaults(Faults{RevokeTokens: true})
	s.want(401, s.call("GET", here, nil, bearer(renewed.str("access_token"))))
	s.want(400, refresh(renewed))
	s.want(200, s.call("GET", here, nil)) // the private-integration token is no OAuth token
	fresh := s.connect("contacts.readonly")
	s.want(200, s.call("GET", here, nil, bearer(fresh.str("access_token"))))
}

func TestTheConsentPageTellsAPersonWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	registered := newStage(t, func(c *Config) { c.RedirectURIs = []string{"https://app.example/cb"} })
	query := func(st *stage, k, v string) string {
		q := url.Values{"response_type": {"code"}, "client_id": {st.ready.ClientID}, "redirect_uri": {callback}, "scope": {"contacts.readonly odd.scope"}, "state": {"s"}}
		q.Set(k, v)
		return "?" + q.Encode()
	}
	for _, c := range []struct {
		st          *stage
		key, value  string
		status      int
		wantInPage  string
		wantInCSP   string
		pathVersion string
	}{
		{s, "state", "s", 200, "See contacts, their notes", "form-action 'self' http://127.0.0.1:9;", "/v2"},
		{s, "state", "s", 200, "Use odd.scope", "", ""},
		{s, "client_id", "", 400, "has no client_id", "form-action 'self';", ""},
		{s, "client_id", "wrong", 400, "No app has this client_id", "", ""},
		{s, "response_type", "token", 400, "response_type=code", "", ""},
		{s, "redirect_uri", "", 400, "no redirect_uri", "", ""},
		{s, "redirect_uri", "https://evil.example/cb", 400, "not one of those registered", "", ""},
		{s, "redirect_uri", "javascript:alert(1)", 400, "not a web address", "", ""},
		{s, "scope", " ", 400, "no scope", "", ""},
		{registered, "redirect_uri", "https://app.example/cb", 200, "Approve", "https://app.example", ""},
		{registered, "redirect_uri", "https://app.example/cb2", 400, "must match exactly", "", ""},
	} {
		r := c.st.call("GET", c.pathVersion+"/oauth/chooselocation"+query(c.st, c.key, c.value), nil)
		if r.status != c.status || !strings.Contains(r.raw, c.wantInPage) || !strings.Contains(r.header.Get("Content-Security-Policy"), c.wantInCSP) {
			t.Errorf("%s=%q: %d, CSP %q, want %d with %q", c.key, c.value, r.status, r.header.Get("Content-Security-Policy"), c.status, c.wantInPage)
		}
		if strings.Contains(r.raw, "<script") || strings.Contains(r.raw, "style=") {
			t.Error("the page has a script or an inline style")
		}
	}
	form := url.Values{"response_type": {"code"}, "client_id": {s.ready.ClientID}, "redirect_uri": {callback + "?a=b"}, "scope": {"contacts.readonly"},
		"state": {"s"}, "location": {s.ready.LocationID}, "decision": {"cancel"}}
	if r := s.want(302, s.call("POST", "/oauth/chooselocation", form)); r.header.Get("Location") != callback+"?a=b&error=access_denied&state=s" {
		t.Errorf("cancelled to %s", r.header.Get("Location"))
	}
	form.Set("decision", "approve")
	s.want(403, s.call("POST", "/oauth/chooselocation", form, header("Sec-Fetch-Site", "cross-site")))
	form.Set("location", "elsewhere")
	s.want(400, s.call("POST", "/oauth/chooselocation", form))
}
