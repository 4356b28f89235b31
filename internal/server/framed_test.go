package server

import (
	"net/http"
	"testing"
	"time"

	"crosswalk/internal/people"
)

var janesIdentity = people.Identity{Provider: "highlevel", CompanyID: "co", UserID: "hl-jane"}

// cameIn is somebody who was let in inside HighLevel.
func cameIn(t *testing.T) *door {
	t.Helper()
	d := newFrame(t).inhabited()
	d.store.identities.linked = map[people.Identity]string{janesIdentity: "us_jane"}
	leads(t, d.send(embeddedPath, form("context", "hl-jane/co/"+ourPlace+"/salt")), "/")
	if w := d.open("/runs"); w.Code != http.StatusOK {
		t.Fatalf("inside: %d", w.Code)
	}
	return d
}

func TestASessionOpensOnlyFromTheCookieItWasMadeFor(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]*door{"of a frame": cameIn(t), "of a window": newFrame(t).signsIn()} {
		from, to := "crosswalk_embedded", "crosswalk_session"
		if d.jar[from] == "" {
			from, to = to, from
		}
		token := d.jar[from]
		if token == "" {
			t.Fatalf("%s: there is no session", name)
		}
		if w := d.with(map[string]string{to: token}, "/runs"); w.Code != http.StatusSeeOther {
			t.Errorf("%s: in the other cookie it opens %d", name, w.Code)
		}
		if w := d.with(map[string]string{from: token}, "/runs"); w.Code != http.StatusOK {
			t.Errorf("%s: in its own it opens %d afterwards", name, w.Code)
		}
	}
}

func TestAFramesCookieIsNothingInAWindow(t *testing.T) {
	t.Parallel()
	d := cameIn(t)
	r := newGet("/runs")
	r.Header.Set("Sec-Fetch-Dest", "document")
	w := d.call(r)
	leads(t, w, "/sign-in?next=%2Fruns")
	if framing(w) != "'none'" {
		t.Errorf("framed by %q", framing(w))
	}
}

func TestAFramesSessionEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*door){
		"an hour unused": func(d *door) { d.now = d.now.Add(people.FrameIdleAfter) },
		"after a day at work": func(d *door) {
			for range 16 {
				d.now = d.now.Add(people.FrameLifetime / 16)
				d.open("/runs")
			}
		},
		"with its app, which is uninstalled there": func(d *door) {
			cn, _, err := d.connections.ConnectionByAccount(d.t.Context(), "highlevel", ourPlace)
			ok(d.t, err)
			ok(d.t, d.connections.UninstallConnection(d.t.Context(), cn.ID, "It was uninstalled.", d.now))
		},
		"with its link":          func(d *door) { delete(d.store.identities.linked, janesIdentity) },
		"with a link that moved": func(d *door) { d.store.identities.linked[janesIdentity] = "us_mallory" },
		"with its location": func(d *door) {
			cn, _, err := d.connections.ConnectionByAccount(d.t.Context(), "highlevel", ourPlace)
			ok(d.t, err)
			ok(d.t, d.connections.RemoveConnection(d.t.Context(), cn.ID))
		},
		"when it is ended elsewhere":  func(d *door) { d.store.signIns = nil },
		"when it is signed out there": func(d *door) { leads(d.t, d.send("/sign-out", nil), embeddedPath) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := cameIn(t)
			cookie := map[string]string{embeddedCookie: d.jar[embeddedCookie]}
			end(d)
			leads(t, d.with(cookie, "/runs"), embeddedPath)
		})
	}
	d := cameIn(t)
	for range 15 {
		d.now = d.now.Add(people.FrameLifetime / 16)
		if w := d.open("/runs"); w.Code != http.StatusOK {
			t.Fatalf("it is over after %s", d.now.Sub(today))
		}
	}
	d.now = d.now.Add(people.FrameIdleAfter/2 - time.Second)
	if w := d.open("/runs"); w.Code != http.StatusOK {
		t.Error("it is over too early")
	}
}

// Elsewhere a person sees the browser inside HighLevel for as long as it is signed in, and no longer.
func TestAFramesSignInIsListedWhileItLasts(t *testing.T) {
	t.Parallel()
	for over, listed := range map[time.Duration]bool{people.FrameIdleAfter - time.Second: true, people.FrameIdleAfter: false} {
		x := people.SignIn{UserID: "us_jane", Framed: true, BeganAt: today, SeenAt: today}
		if x.Over(today.Add(over)) == listed {
			t.Errorf("after %s unused it is over: %v", over, !listed)
		}
	}
	if d := cameIn(t); len(d.store.signIns) != 1 || !d.store.signIns[0].Framed || d.store.signIns[0].Place != ourPlace || d.store.signIns[0].ProviderUser != janesIdentity.UserID || d.store.signIns[0].CompanyID != janesIdentity.CompanyID {
		t.Errorf("kept as %+v", d.store.signIns)
	}
}

// What an app is uninstalled from lets nobody in, and who is in is out.
func TestAFramesSessionEndsWithTheInstallation(t *testing.T) {
	t.Parallel()
	d := cameIn(t)
	cookie := map[string]string{embeddedCookie: d.jar[embeddedCookie]}
	cn, _, err := d.connections.ConnectionByAccount(t.Context(), "highlevel", ourPlace)
	ok(t, err)
	ok(t, d.connections.UninstallConnection(t.Context(), cn.ID, "gone", d.now))
	leads(t, d.with(cookie, "/runs"), embeddedPath)
	clear(d.jar)
	w := d.send(embeddedPath, form("context", "hl-jane/co/"+ourPlace+"/salt-again"))
	shows(t, w, http.StatusUnprocessableEntity, "opens no workspace of yours")
	if d.open("/runs").Code == http.StatusOK {
		t.Error("and is in")
	}
}
