package server

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/people"
)

// another signs in with another browser of the same house, and goes back to the first one.
func (d *door) another(userAgent, address string) map[string]string {
	d.t.Helper()
	first := maps.Clone(d.jar)
	clear(d.jar)
	r := newPost("/sign-in", form("email", "jane@acme.io", "password", password))
	r.Header.Set("User-Agent", userAgent)
	r.RemoteAddr = address + ":4000"
	leads(d.t, d.call(r), "/")
	second := maps.Clone(d.jar)
	d.jar = first
	return second
}

// with opens a page with another browser's cookies.
func (d *door) with(jar map[string]string, path string) *httptest.ResponseRecorder {
	d.t.Helper()
	own := d.jar
	d.jar = maps.Clone(jar)
	defer func() { d.jar = own }()
	return d.open(path)
}

const (
	phone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
	toSign = "/sign-in?next=%2Fsettings"
)

func TestSettingsListTheBrowsersAndEndThem(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	onPhone := d.another(phone, "198.51.100.7")
	strange := d.another("<script>alert(1)</script>", "198.51.100.8")
	page := d.open("/settings")
	for _, words := range []string{"Safari on iPhone", "198.51.100.7", "Unknown browser", "This one", "Sign all others out"} {
		shows(t, page, http.StatusOK, words)
	}
	if strings.Contains(page.Body.String(), "<script>alert") {
		t.Error("a browser's name is taken for a script")
	}
	var id string
	for _, x := range d.store.signIns {
		if people.Device(x.UserAgent) == "Safari on iPhone" {
			id = x.ID
		}
	}
	leads(t, d.send("/settings/sign-ins/"+id+"/end", nil), "/settings#browsers")
	leads(t, d.with(onPhone, "/settings"), toSign)
	shows(t, d.with(strange, "/settings"), http.StatusOK, "jane@acme.io")
	leads(t, d.send("/settings/sign-ins/end-others", nil), "/settings#browsers")
	leads(t, d.with(strange, "/settings"), toSign)
	shows(t, d.open("/settings"), http.StatusOK, "1 other browser must sign in again")
	if page := d.open("/settings"); strings.Contains(page.Body.String(), "Sign all others out") {
		t.Error("there is nobody else to sign out")
	}
	shows(t, d.send("/settings/sign-ins/"+id+"/end", nil), http.StatusNotFound, "There is nothing here")
}

func TestNobodyEndsSomebodyElsesSignIn(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	other := people.SignIn{ID: "si_other", UserID: "us_other", BeganAt: today, SeenAt: today}
	ok(t, d.store.BeginSignIn(t.Context(), other))
	shows(t, d.send("/settings/sign-ins/si_other/end", nil), http.StatusNotFound, "There is nothing here")
	leads(t, d.send("/settings/sign-ins/end-others", nil), "/settings#browsers")
	if _, err := d.store.SignIn(t.Context(), "si_other"); err != nil {
		t.Error("somebody else was signed out")
	}
}

func TestAChangedPasswordEndsTheOtherBrowsers(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	onPhone := d.another(phone, "198.51.100.7")
	const next = "an even better passphrase"
	leads(t, d.send("/settings/password", form("current_password", password, "password", next, "password_again", next)), "/settings")
	leads(t, d.with(onPhone, "/settings"), toSign)
	shows(t, d.open("/settings"), http.StatusOK, "Every other browser was signed out")
}

func TestABrowserIsSignedOutUnusedAndOld(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	began := d.now
	for d.now.Sub(began) < people.Lifetime-people.IdleAfter {
		d.now = d.now.Add(people.IdleAfter - time.Minute)
		shows(t, d.open("/settings"), http.StatusOK, "jane@acme.io")
	}
	d.now = began.Add(people.Lifetime)
	leads(t, d.open("/settings"), toSign)
	// A new one, and nobody there for half a day.
	leads(t, d.send("/sign-in", form("email", "jane@acme.io", "password", password)), "/")
	d.now = d.now.Add(people.IdleAfter)
	leads(t, d.open("/settings"), toSign)
}

func TestListeningIsNoUse(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	d.now = d.now.Add(time.Hour)
	seen := d.store.signIns[0].SeenAt
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.call(newGet("/live").WithContext(ctx))
	if !d.store.signIns[0].SeenAt.Equal(seen) {
		t.Error("a page that only listens keeps somebody signed in")
	}
}

func TestSigningInAgainLeavesNoSecondBrowser(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	leads(t, d.send("/sign-in", form("email", "jane@acme.io", "password", password)), "/")
	if len(d.store.signIns) != 1 {
		t.Errorf("%d sign-ins", len(d.store.signIns))
	}
	leads(t, d.send("/sign-out", nil), "/sign-in")
	if len(d.store.signIns) != 0 {
		t.Errorf("after signing out: %+v", d.store.signIns)
	}
}

func TestCookiesAreBoundToTheHostBehindTLS(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *Config) { c.Secure, c.PublicURL = true, "https://crosswalk.example.com" }).inhabited()
	w := d.send("/sign-in", form("email", "jane@acme.io", "password", password))
	leads(t, w, "/")
	theme := d.send("/settings/theme", form("theme", "dark"))
	cookies := append(w.Result().Cookies(), theme.Result().Cookies()...)
	if len(cookies) < 2 {
		t.Fatalf("cookies: %v", cookies)
	}
	for _, c := range cookies {
		if !strings.HasPrefix(c.Name, "__Host-crosswalk_") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("the cookie is %v", c)
		}
	}
	shows(t, d.open("/settings"), http.StatusOK, `data-theme="dark"`)
}
