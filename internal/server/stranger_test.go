package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// open are the routes somebody without a session may use, and what each answers to a bare request.
var open = map[string]int{
	// There is no shared secret: nobody comes in from inside HighLevel.
	"GET /embedded/highlevel": 404, "POST /embedded/highlevel": 404,
	"GET /healthz": 200, "GET /readyz": 200, "GET /metrics": 403, "GET /static/*": 404,
	"POST /hooks/highlevel": 401, "POST /hooks/gleap": 401, "POST /hooks/gleap/:secret": 401,
	"GET /setup": 303, "POST /setup": 303, "GET /sign-in": 200, "POST /sign-in": 422,
	"GET /reset/:token": 404, "POST /reset/:token": 404,
	"GET /sign-in/code": 303, "POST /sign-in/code": 303,
	"GET /live": 401, "GET /invite/:token": 404, "GET /invite": 404, "POST /invite": 404,
}

// everyRoute calls f for each route there is, with a path that fits it.
func everyRoute(d *door, f func(name, method, path string)) {
	for _, r := range d.echo.Routes() {
		if r.Method == echo.RouteNotFound {
			continue
		}
		path := r.Path
		for _, parameter := range []string{":secret", ":token", ":connection", ":type", ":row", ":id"} {
			path = strings.ReplaceAll(path, parameter, "x1")
		}
		f(r.Method+" "+r.Path, r.Method, strings.ReplaceAll(path, "*", "no-such-file.css"))
	}
}

func TestAStrangerIsSentToSignInWhateverTheyOpen(t *testing.T) {
	t.Parallel()
	d := newDoor(t).inhabited()
	seen := map[string]bool{}
	everyRoute(d, func(name, method, path string) {
		seen[name] = true
		w := d.call(httptest.NewRequest(method, path, nil))
		if want, isOpen := open[name]; isOpen {
			if w.Code != want {
				t.Errorf("%s answers %d, want %d", name, w.Code, want)
			}
			return
		}
		to := w.Header().Get("Location")
		if w.Code != http.StatusSeeOther || to != "/sign-in" && (method != http.MethodGet || !strings.HasPrefix(to, "/sign-in?next=%2F")) {
			t.Errorf("%s answers %d, to %q", name, w.Code, to)
		}
		if w.Body.Len() > 0 && !strings.Contains(w.Body.String(), "See Other") {
			t.Errorf("%s shows a stranger %q", name, w.Body)
		}
	})
	for name := range open {
		if !seen[name] {
			t.Errorf("%s is listed as open and does not exist", name)
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d routes were tried", len(seen))
	}
}

func TestEveryRouteIsInTheTable(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	table := map[string]Permission{}
	for _, r := range d.Routes() {
		name := r.Method + " " + r.Path
		if _, twice := table[name]; twice {
			t.Errorf("%s is in the table twice", name)
		}
		table[name] = r.Permission
	}
	registered := map[string]bool{}
	everyRoute(d, func(name, _, _ string) {
		registered[name] = true
		if table[name] == "" {
			t.Errorf("%s is registered, and the table does not say who may use it", name)
		}
	})
	for name := range table {
		if !registered[name] {
			t.Errorf("%s is in the table, and is not registered", name)
		}
	}
}

func TestAPermissionNobodyKnowsIsTheOwners(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	if got, want := len(d.guards("nonsense")), len(d.guards(Own)); got != want {
		t.Errorf("%d guards stand before it, want %d", got, want)
	}
	for _, p := range []Permission{View, Edit, Own} {
		if roleOf(p) == "" {
			t.Errorf("%s asks for no role", p)
		}
	}
	w := d.signsIn().call(newGet("/settings"))
	shows(t, w, http.StatusOK, "Settings")
	c := d.echo.NewContext(newGet("/"), nil)
	if err := within(func(*scoped, echo.Context) error { return nil })(c); err == nil {
		t.Error("a handler runs without a workspace")
	}
}

func TestBeforeThereIsAnAccountEverythingLeadsToSettingUp(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	everyRoute(d, func(name, method, path string) {
		if _, isOpen := open[name]; isOpen {
			return
		}
		w := d.call(httptest.NewRequest(method, path, nil))
		if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != "/setup" {
			t.Errorf("%s answers %d, to %q", name, w.Code, to)
		}
	})
}

func TestAnotherSiteCannotSendAnyForm(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	tried := 0
	everyRoute(d, func(name, method, path string) {
		if method == http.MethodGet || strings.HasPrefix(path, "/hooks/") {
			return
		}
		tried++
		for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
			r := newPost(path, nil)
			r.Header.Set(header[0], header[1])
			if w := d.call(r); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "came from another site") {
				t.Errorf("%s with %s: %s answers %d", name, header[0], header[1], w.Code)
			}
		}
	})
	if tried < 20 {
		t.Errorf("only %d forms were tried", tried)
	}
	r := newPost("/settings/theme", form("theme", "dark"))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	leads(t, d.call(r), "/settings")
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *Config) { c.Secure = true }).inhabited()
	guarded := func(name string, w *httptest.ResponseRecorder) {
		t.Helper()
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000",
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
		csp := w.Header().Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: the policy is %q", name, csp)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: the policy is %q", name, csp)
		}
		if w.Header().Get("X-Request-Id") == "" {
			t.Errorf("%s has no request id", name)
		}
		if !strings.HasPrefix(name, "GET /static/") && w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be cached: %q", name, w.Header().Get("Cache-Control"))
		}
		for _, c := range w.Result().Cookies() {
			if !c.Secure || !c.HttpOnly {
				t.Errorf("%s sets %v", name, c)
			}
		}
	}
	everyRoute(d, func(name, method, path string) { guarded(name, d.call(httptest.NewRequest(method, path, nil))) })
	guarded("a page that does not exist", d.open("/no/such/page"))
	guarded("another method", d.call(httptest.NewRequest(http.MethodDelete, "/runs", nil)))
	guarded("signing in", d.send("/sign-in", form("email", "jane@acme.io", "password", password)))
	guarded("a page", d.open("/settings"))
	guarded("a theme", d.send("/settings/theme", form("theme", "dark")))
}
