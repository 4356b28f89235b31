package server

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/people"
)

func firstAccount(change ...string) url.Values {
	values := form("setup_token", setupToken, "email", "jane@acme.io", "password", password, "password_again", password)
	for i := 0; i+1 < len(change); i += 2 {
		values.Set(change[i], change[i+1])
	}
	return values
}

func TestTheFirstAccountNeedsTheTokenTheServerPrinted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		form  url.Values
		words string
	}{
		"wrong token":      {firstAccount("setup_token", "guessed"), "not the token the server printed"},
		"no token":         {firstAccount("setup_token", ""), "not the token the server printed"},
		"weak password":    {firstAccount("password", "short", "password_again", "short"), "at least 12 characters"},
		"one sign only":    {firstAccount("password", "aaaaaaaaaaaaaaa", "password_again", "aaaaaaaaaaaaaaa"), "more than one character"},
		"differing":        {firstAccount("password_again", "another password"), "The two passwords differ."},
		"no email":         {firstAccount("email", "jane"), "does not look like an email"},
		"nothing at all":   {url.Values{}, "not the token the server printed"},
		"a script as mail": {firstAccount("email", "<script>alert(1)</script>"), "does not look like an email"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t)
			w := d.send("/setup", c.form)
			shows(t, w, http.StatusUnprocessableEntity, c.words)
			if strings.Contains(w.Body.String(), password) || strings.Contains(w.Body.String(), "<script>alert") {
				t.Error("the page repeats what must not be repeated")
			}
			if len(d.store.users) != 0 || d.jar["crosswalk_session"] != "" {
				t.Error("an account was made")
			}
		})
	}
}

func TestSettingUpHappensOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	leads(t, d.open("/sign-in"), "/setup")
	leads(t, d.open("/runs"), "/setup")
	shows(t, d.open("/setup"), http.StatusOK, "setup_token")
	leads(t, d.send("/setup", firstAccount()), "/")
	shows(t, d.open("/settings"), http.StatusOK, "jane@acme.io")
	// The token is worth nothing from now on.
	leads(t, d.open("/setup"), "/sign-in")
	leads(t, d.send("/setup", firstAccount("email", "mallory@acme.io")), "/sign-in")
	if len(d.store.users) != 1 || d.store.users[0].Email != "jane@acme.io" || strings.Contains(d.store.users[0].PasswordHash, password) {
		t.Errorf("people: %+v", d.store.users)
	}
	if log := d.log.String(); strings.Contains(log, password) || strings.Contains(log, setupToken) {
		t.Errorf("the log tells: %s", log)
	}
}

func TestOfTwoFirstPeopleOneIs(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.store.lateFirst = &people.User{ID: "us_first", Email: "first@acme.io"}
	leads(t, d.send("/setup", firstAccount()), "/sign-in")
	leads(t, d.open("/settings"), "/sign-in?next=%2Fsettings")
	if len(d.store.users) != 1 {
		t.Errorf("people: %+v", d.store.users)
	}
}

func TestGuessingTheSetupTokenIsSlow(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for range 5 {
		d.send("/setup", firstAccount("setup_token", "guessed"))
	}
	w := d.send("/setup", firstAccount())
	shows(t, w, http.StatusTooManyRequests, "Too many wrong tokens. Try again in 15 seconds.")
	if w.Header().Get("Retry-After") != "15" {
		t.Errorf("Retry-After is %q", w.Header().Get("Retry-After"))
	}
	d.now = d.now.Add(15 * time.Second)
	leads(t, d.send("/setup", firstAccount()), "/")
}

func TestSigningInBeginsANewSession(t *testing.T) {
	t.Parallel()
	d := newDoor(t).inhabited()
	// A session token that was known before.
	ctx, err := d.sessions.Load(t.Context(), "")
	ok(t, err)
	d.sessions.Put(ctx, "anything", "x")
	planted, _, err := d.sessions.Commit(ctx)
	ok(t, err)
	d.jar["crosswalk_session"] = planted
	w := d.send("/sign-in", form("email", " JANE@acme.io ", "password", password))
	leads(t, w, "/")
	c := w.Result().Cookies()[0]
	if c.Name != "crosswalk_session" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Value == planted || c.Value == "" {
		t.Errorf("the cookie is %v", c)
	}
	shows(t, d.open("/settings"), http.StatusOK, "jane@acme.io")
	leads(t, d.open("/sign-in"), "/")
	signed := d.jar["crosswalk_session"]
	d.jar["crosswalk_session"] = planted
	leads(t, d.open("/settings"), "/sign-in?next=%2Fsettings")
	// Signing out ends the session, not only the cookie.
	d.jar["crosswalk_session"] = signed
	leads(t, d.send("/sign-out", nil), "/sign-in")
	if d.jar["crosswalk_session"] != "" {
		t.Error("the cookie stays")
	}
	d.jar["crosswalk_session"] = signed
	leads(t, d.open("/settings"), "/sign-in?next=%2Fsettings")
}

func TestWrongPasswordsAreToldAlikeAndCounted(t *testing.T) {
	t.Parallel()
	d := newDoor(t).inhabited()
	known := d.send("/sign-in", form("email", "jane@acme.io", "password", "a wrong password"))
	shows(t, known, http.StatusUnprocessableEntity, "do not fit together")
	unknown := d.send("/sign-in", form("email", "nobody@acme.io", "password", password))
	shows(t, unknown, http.StatusUnprocessableEntity, "do not fit together")
	if d.jar["crosswalk_session"] != "" || strings.Contains(known.Body.String(), "a wrong password") {
		t.Error("a session was begun, or the password repeated")
	}
	for range 20 {
		// Naming another address each time does not help.
		r := newPost("/sign-in", form("email", "jane@acme.io", "password", "guess"))
		r.Header.Set("X-Forwarded-For", d.NewID("203.0.113.1, evil"))
		d.call(r)
	}
	shows(t, d.send("/sign-in", form("email", "jane@acme.io", "password", password)), http.StatusTooManyRequests, "Too many tries in vain. Try again in 15 seconds.")
	d.now = d.now.Add(15 * time.Second)
	shows(t, d.send("/sign-in", form("email", "jane@acme.io", "password", "guess")), http.StatusUnprocessableEntity, "do not fit together")
	shows(t, d.send("/sign-in", form("email", "jane@acme.io", "password", password)), http.StatusTooManyRequests, "Try again in 30 seconds.")
	// Whoever comes from elsewhere is not locked out by it.
	r := newPost("/sign-in", form("email", "jane@acme.io", "password", password))
	r.RemoteAddr = "198.51.100.7:4000"
	leads(t, d.call(r), "/")
	clear(d.jar)
	d.now = d.now.Add(30 * time.Second)
	leads(t, d.send("/sign-in", form("email", "jane@acme.io", "password", password)), "/")
}

func TestTheCurrentPasswordIsNotGuessedAtAnOpenBrowser(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	const next = "an even better passphrase"
	for range 5 {
		d.send("/settings/password", form("current_password", "guess", "password", next, "password_again", next))
	}
	w := d.send("/settings/password", form("current_password", password, "password", next, "password_again", next))
	shows(t, w, http.StatusTooManyRequests, "Try again in 15 seconds.")
}

func TestAnAddressIsNotFreshForNamingAnother(t *testing.T) {
	t.Parallel()
	d := newDoor(t).inhabited()
	for range 20 {
		r := newPost("/sign-in", form("email", d.NewID("x")+"@acme.io", "password", "guess"))
		r.RemoteAddr = "198.51.100.7:4000"
		r.Header.Set("X-Forwarded-For", d.NewID("203.0.113."))
		d.call(r)
	}
	r := newPost("/sign-in", form("email", "jane@acme.io", "password", password))
	r.RemoteAddr = "198.51.100.7:4001"
	r.Header.Set("X-Forwarded-For", "203.0.113.99")
	shows(t, d.call(r), http.StatusTooManyRequests, "Too many tries")
	leads(t, d.send("/sign-in", form("email", "jane@acme.io", "password", password)), "/")
}

func TestSigningInLeadsOnlyToAPageOfOurs(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/runs":                       "/runs",
		"/runs?outcome=blocked&x=%2F": "/runs?outcome=blocked&x=%2F",
		"":                            "/",
		"runs":                        "/",
		"//evil.example":              "/",
		"///evil.example":             "/",
		"https://evil.example/x":      "/",
		"https:evil.example":          "/",
		"javascript:alert(1)":         "/",
		`/\evil.example`:              "/",
		`\\evil.example`:              "/",
		"/\t/evil.example":            "/",
		"/\r\nSet-Cookie: x=y":        "/",
		" //evil.example":             "/",
		"/%5Cevil.example":            "/%5Cevil.example", // stays a path of ours
	} {
		if got := ownPath(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
	d := newDoor(t).inhabited()
	leads(t, d.open("/runs?outcome=blocked"), "/sign-in?next=%2Fruns%3Foutcome%3Dblocked")
	if body := d.open("/sign-in?next=//evil.example").Body.String(); strings.Contains(body, "evil.example") {
		t.Error("the form carries somebody else's address")
	}
	leads(t, d.send("/sign-in", form("email", "jane@acme.io", "password", password, "next", "https://evil.example")), "/")
}

func TestThePasswordIsChangedByWhoKnowsIt(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	const next = "an even better passphrase"
	shows(t, d.send("/settings/password", form("current_password", "guess", "password", next, "password_again", next)), http.StatusUnprocessableEntity, "not your current password")
	shows(t, d.send("/settings/password", form("current_password", password, "password", "short", "password_again", "short")), http.StatusUnprocessableEntity, "at least 12")
	before := d.jar["crosswalk_session"]
	leads(t, d.send("/settings/password", form("current_password", password, "password", next, "password_again", next)), "/settings")
	if d.jar["crosswalk_session"] == before {
		t.Error("the session goes on under the old token")
	}
	if is, err := people.Matches(d.store.users[0].PasswordHash, next); err != nil || !is {
		t.Errorf("%v, %v", is, err)
	}
	if log := d.log.String(); strings.Contains(log, next) {
		t.Error("the log tells the password")
	}
}

func TestTheThemeIsRememberedInACookie(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	choose := func(theme, referer string) *httptest.ResponseRecorder {
		r := newPost("/settings/theme", form("theme", theme))
		r.Header.Set("Referer", referer)
		return d.call(r)
	}
	leads(t, choose("dark", "http://example.com/runs?x=1"), "/runs?x=1")
	shows(t, d.open("/settings"), http.StatusOK, `data-theme="dark"`)
	leads(t, choose("<script>", "http://evil.example/phish"), "/settings")
	if _, kept := d.jar["crosswalk_theme"]; kept {
		t.Errorf("the cookie is %q", d.jar["crosswalk_theme"])
	}
}

func TestASessionOfSomebodyGoneIsNoSession(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	d.store.users = []people.User{{ID: "us_other", Email: "other@acme.io"}}
	leads(t, d.open("/settings"), "/sign-in?next=%2Fsettings")
	d.store.down = errors.New("connection refused: postgres://user:pw@db/x")
	w := d.open("/settings")
	shows(t, w, http.StatusInternalServerError, "Something went wrong inside Crosswalk")
	if strings.Contains(w.Body.String(), "postgres") {
		t.Error("the page tells where the database is")
	}
}

// What is typed for an email may be a password in the wrong field. Who has the database must not find it by guessing.
func TestWhatIsTypedCannotBeGuessedFromTheCounts(t *testing.T) {
	t.Parallel()
	const typed = "hunter2-in-the-wrong-field"
	d := newDoor(t).inhabited()
	d.send("/sign-in", form("email", typed, "password", "whatever-it-is"))
	if len(d.store.counts) == 0 {
		t.Fatal("nothing is counted")
	}
	guess := people.NewTry(func(words string) [sha256.Size]byte { return sha256.Sum256([]byte(words)) }, people.DoorPassword, typed, "192.0.2.1")
	for _, key := range [][sha256.Size]byte{guess.Account, guess.Pair, guess.Address} {
		if _, there := d.store.counts[key]; there {
			t.Error("a count is found by a hash anybody can make")
		}
	}
}
