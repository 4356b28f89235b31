package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/connection"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
)

// marketplace is providers whose HighLevel app is configured, and whose token address is the office's. What a code is
// good for is what it says: "place", "agency" or anything else for nothing.
type marketplace struct {
	doorProviders
	o *office
}

func (m marketplace) OAuth(id provider.ID) (OAuthApp, bool) {
	return OAuthApp{ClientID: "ours-1", ClientSecret: "app-secret", Endpoint: oauth2.Endpoint{AuthURL: m.o.server.URL + "/choose", TokenURL: m.o.server.URL + "/token", AuthStyle: oauth2.AuthStyleInParams}, Scopes: []string{"contacts.readonly"}}, id == highLevel
}

func (m marketplace) Granted(p connection.Pending, _ *oauth2.Token) (account, company string, scopes []string) {
	switch code := m.o.asked.Get("code"); {
	case p.Provider == gleap:
		return p.Account, "", p.Scopes
	case strings.HasPrefix(code, "place"):
		return strings.TrimPrefix(code, "place-"), "company-1", []string{"contacts.readonly"}
	case strings.HasPrefix(code, "agency"):
		return "", "company-1", []string{"oauth.write"}
	}
	return "", "", nil
}

// newMarketplace is an office whose app can be installed from the marketplace; nobody is signed in.
func newMarketplace(t *testing.T) *office {
	t.Helper()
	o := newOffice(t)
	o.Providers = marketplace{o: o}
	clear(o.jar)
	return o
}

func (o *office) enters() {
	o.t.Helper()
	leads(o.t, o.send("/sign-in", form("email", "jane@acme.io", "password", password, "next", claimPath)), claimPath)
}

var arrivalInput = regexp.MustCompile(`name="arrival" value="([^"]+)"`)

// shown opens the claiming page and answers which arrival it is about.
func (o *office) shown(words ...string) string {
	o.t.Helper()
	w := o.open(claimPath)
	for _, part := range words {
		shows(o.t, w, http.StatusOK, part)
	}
	m := arrivalInput.FindStringSubmatch(w.Body.String())
	if m == nil {
		o.t.Fatalf("nothing to claim:\n%s", w.Body)
	}
	return m[1]
}

// secret fails if an answer or the log shows what must stay inside.
func (o *office) secret(w *httptest.ResponseRecorder) {
	o.t.Helper()
	for _, s := range []string{"place-1", "granted-access", "granted-refresh", "app-secret"} {
		if strings.Contains(w.Body.String(), s) || strings.Contains(w.Header().Get("Location"), s) || strings.Contains(o.log.String(), s) {
			o.t.Errorf("%q is shown", s)
		}
	}
}

func TestAnInstallationFromTheMarketplaceIsClaimedAfterSigningIn(t *testing.T) {
	t.Parallel()
	o := newMarketplace(t)
	w := o.open("/connections/callback?code=place-1")
	leads(t, w, claimPath)
	o.secret(w)
	if o.asked.Get("code") != "place-1" || o.asked.Get("client_secret") != "app-secret" || o.asked.Get("code_verifier") != "" {
		t.Errorf("the token address got %v", o.asked)
	}
	for _, c := range w.Result().Cookies() {
		if c.Name == arrivalCookie && (!c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || len(c.Value) < 32) {
			t.Errorf("the cookie is %v", c)
		}
	}
	if to := o.open(claimPath).Header().Get("Location"); to != "/sign-in?next=%2Fconnections%2Fclaim" {
		t.Errorf("a stranger is led to %q", to)
	}
	if len(o.all()) != 0 {
		t.Fatal("it was connected before anybody agreed")
	}
	o.enters()
	id := o.shown("Is this your account?", "Acme Dental", "company-1", "forget it")
	if len(o.all()) != 0 {
		t.Fatal("looking connected it")
	}
	w = o.send(claimPath, form("arrival", id, "decision", "claim"))
	leads(t, w, "/connections")
	o.secret(w)
	all := o.all()
	if len(all) != 1 || all[0].Provider != highLevel || all[0].Account.ID != "1" || all[0].Auth != connection.ByOAuth || all[0].State != connection.Active {
		t.Fatalf("%+v", all)
	}
	shows(t, o.send(claimPath, form("arrival", id, "decision", "claim")), http.StatusUnprocessableEntity, "no installation waiting")
	shows(t, o.open(claimPath), http.StatusNotFound, "no installation waiting")
}

func TestWhoeverInstallsBeforeSettingUpIsLedOnAfterwards(t *testing.T) {
	t.Parallel()
	o := newMarketplace(t)
	o.store.users = nil
	o.Server.setup = &setupGate{token: setupToken}
	leads(t, o.open("/connections/callback?code=place-1"), claimPath)
	leads(t, o.open(claimPath), "/setup")
	leads(t, o.send("/setup", form("setup_token", setupToken, "email", "first@acme.io", "password", password, "password_again", password)), claimPath)
	o.shown("Acme Dental")
}

// An attacker makes a signed-in person's browser bring the code of the attacker's account.
func TestAnAccountSlippedIntoABrowserIsNotConnected(t *testing.T) {
	t.Parallel()
	o := newMarketplace(t)
	ok(t, o.sessionFor("jane@acme.io"))
	leads(t, o.open("/connections/callback?code=place-evil"), claimPath)
	evil := o.shown("company-1")
	if len(o.all()) != 0 {
		t.Fatal("the attacker's account was connected without a word")
	}
	// The person's own installation takes its place; agreeing to what was shown must not connect another.
	leads(t, o.open("/connections/callback?code=place-mine"), claimPath)
	shows(t, o.send(claimPath, form("arrival", evil, "decision", "claim")), http.StatusUnprocessableEntity, "no installation waiting")
	mine := o.shown("mine")
	if mine == evil || len(o.all()) != 0 {
		t.Fatalf("%s, %s: %+v", mine, evil, o.all())
	}
	// Another browser knows the name of the arrival and not the secret.
	kept := o.jar[arrivalCookie]
	o.jar[arrivalCookie] = "another-browsers-secret"
	shows(t, o.send(claimPath, form("arrival", mine, "decision", "claim")), http.StatusUnprocessableEntity, "no installation waiting")
	o.jar[arrivalCookie] = kept
	leads(t, o.send(claimPath, form("arrival", mine, "decision", "forget")), "/connections")
	if len(o.all()) != 0 {
		t.Fatal("what was forgotten was connected")
	}
	shows(t, o.open(claimPath), http.StatusNotFound, "no installation waiting")
}

// The person has begun an authorisation, and the attacker's code comes without our state into the same browser.
func TestACodeWithoutOurStateNeedsAgreement(t *testing.T) {
	t.Parallel()
	o := newMarketplace(t)
	ok(t, o.sessionFor("jane@acme.io"))
	o.send("/connections/highlevel/authorize", nil)
	leads(t, o.open("/connections/callback?code=place-evil"), claimPath)
	if len(o.all()) != 0 {
		t.Fatal("it was connected without a word")
	}
	// With the state the code is what the person asked for.
	began := o.send("/connections/highlevel/authorize", nil).Header().Get("Location")
	_, state, _ := strings.Cut(began, "state=")
	state, _, _ = strings.Cut(state, "&")
	leads(t, o.open("/connections/callback?code=place-mine&state="+state), "/connections")
	if all := o.all(); len(all) != 1 || all[0].Account.ID != "mine" {
		t.Fatalf("%+v", all)
	}
}

func TestAnArrivalWaitsAnHour(t *testing.T) {
	t.Parallel()
	o := newMarketplace(t)
	leads(t, o.open("/connections/callback?code=place-1"), claimPath)
	o.enters()
	id := o.shown("1 hour")
	o.now = o.now.Add(time.Hour)
	shows(t, o.open(claimPath), http.StatusNotFound, "no installation waiting")
	shows(t, o.send(claimPath, form("arrival", id, "decision", "claim")), http.StatusUnprocessableEntity, "no installation waiting")
}

func TestWhatCannotBeConnectedNowCanBeClaimedAgain(t *testing.T) {
	t.Parallel()
	o := newMarketplace(t)
	leads(t, o.open("/connections/callback?code=place-1"), claimPath)
	o.enters()
	id := o.shown("Acme Dental")
	o.said = &provider.Error{Kind: provider.Unavailable}
	leads(t, o.send(claimPath, form("arrival", id, "decision", "claim")), claimPath)
	if again := o.shown("could not be reached"); again != id || len(o.all()) != 0 {
		t.Fatalf("%s after %s, %d connected", again, id, len(o.all()))
	}
	o.said = nil
	leads(t, o.send(claimPath, form("arrival", id, "decision", "claim")), "/connections")
}

func TestCodesCannotBeGuessedForLong(t *testing.T) {
	t.Parallel()
	o := newMarketplace(t)
	blocked := false
	for range 30 {
		o.asked = nil
		w := o.open("/connections/callback?code=bad")
		if blocked = w.Code == http.StatusTooManyRequests; blocked {
			if o.asked != nil {
				t.Error("the provider was asked")
			}
			break
		}
		if to := w.Header().Get("Location"); !strings.HasPrefix(to, "/sign-in") {
			t.Fatalf("led to %q", to)
		}
	}
	if !blocked {
		t.Fatal("thirty codes were tried")
	}
	o.now = o.now.Add(time.Hour)
	ok(t, o.sessionFor("jane@acme.io"))
	shows(t, o.open("/connections"), http.StatusOK, "did not accept the code")
}

// sessionFor signs the only person in.
func (o *office) sessionFor(email string) error {
	u, err := someone()
	if err != nil {
		return err
	}
	o.store.users = []people.User{u}
	if w := o.send("/sign-in", form("email", email, "password", password)); w.Code != http.StatusSeeOther {
		o.t.Fatalf("signing in: %d %s", w.Code, w.Body)
	}
	return nil
}

func TestAWholeAgencyIsClaimedAndItsAccountsConnected(t *testing.T) {
	t.Parallel()
	o := newMarketplace(t)
	o.Connections.Companies = &connection.Companies{
		Store: o.connections, Grants: o.Connections.Grants, Build: map[provider.ID]connection.CompanyBuilder{highLevel: func(connection.Installation, func(context.Context) (string, error), func(context.Context) error) connection.Company {
			return company{}
		}},
		Tokens: func(of connection.Holder, app func(connection.Grant) *oauth2.Config) *connection.Tokens {
			return &connection.Tokens{Of: of, Grants: o.Connections.Grants, App: app, Now: o.Now}
		},
	}
	leads(t, o.open("/connections/callback?code=agency"), claimPath)
	o.enters()
	id := o.shown("Is this your agency?", "company-1", "You choose the locations")
	leads(t, o.send(claimPath, form("arrival", id, "decision", "claim")), "/connections")
	page := o.open("/connections")
	for _, words := range []string{"The agency is here", "Installed, and not used yet", "Second Street", "place-two", "company-1"} {
		shows(t, page, http.StatusOK, words)
	}
	if len(o.all()) != 0 {
		t.Fatal("an account was connected by itself")
	}
	unused, err := o.Connections.Unused(t.Context())
	if err != nil || len(unused) != 1 {
		t.Fatalf("%v, %v", unused, err)
	}
	leads(t, o.send("/connections/installed/"+string(unused[0].ID), nil), "/connections")
	if all := o.all(); len(all) != 1 || all[0].Account.ID != "place-two" || o.token != "minted" {
		t.Fatalf("%+v with %q", all, o.token)
	}
	shows(t, o.open("/connections"), http.StatusOK, "Every location that has Crosswalk is connected")
	shows(t, o.send("/connections/installed/in_none", nil), http.StatusNotFound, "There is nothing here")
}

// company has one account.
type company struct{}

func (company) Accounts(context.Context) ([]provider.Account, error) {
	return []provider.Account{{ID: "place-two", Name: "Second Street"}}, nil
}

func (company) Mint(context.Context, string) (*oauth2.Token, []string, error) {
	return &oauth2.Token{AccessToken: "minted", Expiry: today.Add(24 * time.Hour)}, nil, nil
}
