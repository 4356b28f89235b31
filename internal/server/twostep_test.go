package server

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"crosswalk/internal/people"
)

var (
	secretShown = regexp.MustCompile(`id="secret"[^>]* value="([A-Z2-7]{32})"`)
	codeShown   = regexp.MustCompile(`<code>([0-9a-z-]{19})</code>`)
)

// enrols switches two-step sign-in on and answers what the phone and the drawer now hold.
func (d *door) enrols() (secret string, recovery []string) {
	d.t.Helper()
	leads(d.t, d.send("/settings/two-step", form("current_password", password)), "/settings/two-step")
	page := d.open("/settings/two-step")
	m := secretShown.FindStringSubmatch(page.Body.String())
	if m == nil || !strings.Contains(page.Body.String(), `src="data:image/png;base64,`) {
		d.t.Fatalf("no secret is shown:\n%s", page.Body)
	}
	secret = m[1]
	shows(d.t, d.send("/settings/two-step/confirm", form("code", "000000")), http.StatusUnprocessableEntity, "not the code the app shows")
	codes := d.send("/settings/two-step/confirm", form("code", d.code(secret)))
	shows(d.t, codes, http.StatusOK, "Recovery codes")
	for _, m := range codeShown.FindAllStringSubmatch(codes.Body.String(), -1) {
		recovery = append(recovery, m[1])
	}
	if len(recovery) != people.RecoveryCodes {
		d.t.Fatalf("%d recovery codes are shown", len(recovery))
	}
	return secret, recovery
}

// code is what the phone shows now, by a library's own reckoning.
func (d *door) code(secret string) string {
	d.t.Helper()
	code, err := totp.GenerateCode(secret, d.now)
	ok(d.t, err)
	return code
}

func (d *door) nextCode(secret string) string {
	d.now = d.now.Add(30 * time.Second)
	return d.code(secret)
}

func (d *door) showsPassword() {
	d.t.Helper()
	leads(d.t, d.send("/sign-in", form("email", "jane@acme.io", "password", password, "next", "/runs")), "/sign-in/code")
}

func TestSigningInTakesTwoSteps(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	secret, _ := d.enrols()
	if sealed := d.store.kept["us_jane"].Sealed; strings.Contains(string(sealed), secret) || len(sealed) < len(secret) {
		t.Error("the secret is kept as it is")
	}
	if page := d.open("/settings/two-step"); strings.Contains(page.Body.String(), secret) {
		t.Error("the secret is shown again")
	}
	used := d.code(secret)
	leads(t, d.send("/sign-out", nil), "/sign-in")
	leads(t, d.open("/sign-in/code"), "/sign-in")
	d.showsPassword()
	// The first step alone opens nothing.
	leads(t, d.open("/settings"), toSign)
	shows(t, d.open("/sign-in/code"), http.StatusOK, "Enter your code")
	shows(t, d.send("/sign-in/code", form("code", used)), http.StatusUnprocessableEntity, "used already")
	shows(t, d.send("/sign-in/code", form("code", "")), http.StatusUnprocessableEntity, "not right")
	before := maps.Clone(d.jar)
	leads(t, d.send("/sign-in/code", form("code", " "+d.nextCode(secret)[:3]+" "+d.code(secret)[3:])), "/runs")
	if d.jar["crosswalk_session"] == before["crosswalk_session"] {
		t.Error("the session goes on under the token of the first step")
	}
	shows(t, d.open("/settings"), http.StatusOK, "jane@acme.io")
	// The session of the first step is not good for a second sign-in, nor is the code.
	leads(t, d.with(before, "/sign-in/code"), "/sign-in")
	clear(d.jar)
	d.showsPassword()
	shows(t, d.send("/sign-in/code", form("code", d.code(secret))), http.StatusUnprocessableEntity, "used already")
	if log := d.log.String(); strings.Contains(log, secret) || strings.Contains(log, used) {
		t.Error("the log tells")
	}
}

func TestTheCodeMustFollowThePasswordSoon(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	secret, _ := d.enrols()
	clear(d.jar)
	d.showsPassword()
	d.now = d.now.Add(people.CodeWithin)
	shows(t, d.send("/sign-in/code", form("code", d.code(secret))), http.StatusUnprocessableEntity, "within five minutes")
	leads(t, d.open("/sign-in/code"), "/sign-in")
	d.showsPassword()
	d.now = d.now.Add(people.CodeWithin - time.Second)
	leads(t, d.send("/sign-in/code", form("code", d.code(secret))), "/runs")
}

func TestARecoveryCodeOpensOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	secret, recovery := d.enrols()
	for _, code := range []string{strings.ToUpper(recovery[3]), recovery[7]} {
		clear(d.jar)
		d.showsPassword()
		leads(t, d.send("/sign-in/code", form("code", code)), "/runs")
	}
	clear(d.jar)
	d.showsPassword()
	shows(t, d.send("/sign-in/code", form("code", recovery[3])), http.StatusUnprocessableEntity, "not right")
	leads(t, d.send("/sign-in/code", form("code", recovery[0])), "/runs")
	shows(t, d.open("/settings/two-step"), http.StatusOK, "7 recovery codes left")
	// New ones make the old worth nothing.
	w := d.send("/settings/two-step/codes", form("current_password", password, "code", d.nextCode(secret)))
	shows(t, w, http.StatusOK, "Recovery codes")
	if m := codeShown.FindStringSubmatch(w.Body.String()); m == nil || slices.Contains(recovery, m[1]) {
		t.Error("no new codes are shown")
	}
	clear(d.jar)
	d.showsPassword()
	shows(t, d.send("/sign-in/code", form("code", recovery[1])), http.StatusUnprocessableEntity, "not right")
}

func TestCodesAreNotGuessedFromManyAddresses(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	secret, _ := d.enrols()
	clear(d.jar)
	d.showsPassword()
	for i := range 5 {
		r := newPost("/sign-in/code", form("code", "123456"))
		r.RemoteAddr = "198.51.100." + string(rune('1'+i)) + ":4000"
		shows(t, d.call(r), http.StatusUnprocessableEntity, "not right")
	}
	shows(t, d.send("/sign-in/code", form("code", "123456")), http.StatusTooManyRequests, "Try again in 15 seconds.")
	leads(t, d.send("/sign-in/code", form("code", d.nextCode(secret))), "/runs")
}

func TestSwitchingOffTakesPasswordAndCode(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	shows(t, d.send("/settings/two-step", form("current_password", "guess")), http.StatusUnprocessableEntity, "not your current password")
	leads(t, d.send("/settings/two-step/off", form("current_password", password, "code", "1")), "/settings/two-step")
	secret, _ := d.enrols()
	code := d.nextCode(secret)
	shows(t, d.send("/settings/two-step/off", form("current_password", "guess", "code", code)), http.StatusUnprocessableEntity, "not your current password")
	shows(t, d.send("/settings/two-step/off", form("current_password", password, "code", "123456")), http.StatusUnprocessableEntity, "not right")
	// A wrong password has not spent the code.
	leads(t, d.send("/settings/two-step/off", form("current_password", password, "code", code)), "/settings/two-step")
	shows(t, d.open("/settings/two-step"), http.StatusOK, "You need an app")
	clear(d.jar)
	leads(t, d.send("/sign-in", form("email", "jane@acme.io", "password", password)), "/")
}

func TestASecretNobodyConfirmedIsForgotten(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	leads(t, d.send("/settings/two-step", form("current_password", password)), "/settings/two-step")
	d.now = d.now.Add(people.EnrollWithin)
	shows(t, d.open("/settings/two-step"), http.StatusOK, "You need an app")
	leads(t, d.send("/settings/two-step/confirm", form("code", "123456")), "/settings/two-step")
	clear(d.jar)
	leads(t, d.send("/sign-in", form("email", "jane@acme.io", "password", password)), "/")
}

func TestASecretOfAnotherKeySaysWhatToDo(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	_, recovery := d.enrols()
	d.store.changeFactor("us_jane", people.SecondFactor.On, func(f *people.SecondFactor) { f.Sealed = []byte("sealed elsewhere, long ago, by somebody else") })
	clear(d.jar)
	d.showsPassword()
	shows(t, d.send("/sign-in/code", form("code", "123456")), http.StatusInternalServerError, "--totp-off")
	leads(t, d.send("/sign-in/code", form("code", recovery[0])), "/runs")
}
