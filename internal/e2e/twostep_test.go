package e2e_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// TestSigningInWithACodeInABrowser switches two-step sign-in on by its pages and signs in with it.
func TestSigningInWithACodeInABrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t, t.TempDir())
	s.signUp()
	b := openBrowser(t, s)
	b.open("/sign-in")
	b.fill("email", email)
	b.fill("password", password)
	b.press("Sign in")
	b.wait("to be signed in", `location.pathname !== "/sign-in"`)
	b.open("/settings")
	b.waitText("Signed-in browsers")
	b.accessible("settings")
	b.open("/settings/two-step")
	b.accessible("two-step-off")
	b.fill("current_password", password)
	b.press("Begin")
	b.wait("the picture", `document.querySelector("img.qr").naturalWidth > 100`)
	b.accessible("two-step-begun")
	secret := b.eval(`document.getElementById("secret").value`)
	code := func(at time.Time) string {
		c, err := totp.GenerateCode(secret, at)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	b.fill("code", code(time.Now()))
	b.press("Switch on")
	b.waitText("Keep these now")
	b.accessible("recovery-codes")
	recovery := b.eval(`document.querySelector(".codes code").innerText`)
	b.press("I have kept them")
	b.waitText("10 recovery codes")
	b.accessible("two-step-on")
	s.mustPost("/sign-in", url.Values{"email": {email}, "password": {password}}) // another client stops at the code
	if _, page := s.get("/settings"); !strings.Contains(page, "Sign in") || strings.Contains(page, "Signed-in browsers") {
		t.Error("the password alone opens the settings")
	}
	enter := func(code string) {
		b.eval(`fetch("/sign-out", {method: "POST", redirect: "manual"}).then(() => { window.signedOut = true })`)
		b.wait("to be signed out", "window.signedOut")
		b.open("/sign-in")
		b.fill("email", email)
		b.fill("password", password)
		b.press("Sign in")
		b.waitPath("/sign-in/code")
		b.accessible("sign-in-code")
		b.fill("code", code)
		b.press("Sign in")
		b.wait("to be signed in", `!location.pathname.startsWith("/sign-in")`)
	}
	enter(code(time.Now().Add(30 * time.Second))) // the next step: this one's code was used
	enter(recovery)
	b.open("/settings/two-step")
	b.waitText("9 recovery codes")
	b.quiet()
}
