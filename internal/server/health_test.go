package server

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReadyMeansTheDatabaseIsAndItsSchemaToo(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	shows(t, d.open("/readyz"), http.StatusOK, "ready")
	d.store.pending = true
	shows(t, d.open("/readyz"), http.StatusServiceUnavailable, "crosswalk migrate")
	d.store.down = errors.New("dial tcp 10.1.2.3:5432: refused")
	w := d.open("/readyz")
	shows(t, w, http.StatusServiceUnavailable, "does not answer")
	if strings.Contains(w.Body.String(), "10.1.2.3") {
		t.Error("it tells a stranger where the database is")
	}
	shows(t, d.open("/healthz"), http.StatusOK, "ok")
	if len(w.Result().Cookies()) != 0 {
		t.Error("a machine got a cookie")
	}
}

func TestMetricsAreForThisMachineOrTheToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		token, from string
		header      [2]string
		want        int
	}{
		"this machine":                  {"", "127.0.0.1:5000", [2]string{}, 200},
		"this machine, IPv6":            {"", "[::1]:5000", [2]string{}, 200},
		"another machine":               {"", "192.0.2.1:5000", [2]string{}, 403},
		"another one saying it is this": {"", "192.0.2.1:5000", [2]string{"X-Forwarded-For", "127.0.0.1"}, 403},
		"through a proxy here":          {"", "127.0.0.1:5000", [2]string{"X-Forwarded-For", "192.0.2.1"}, 403},
		"through another proxy here":    {"", "127.0.0.1:5000", [2]string{"Forwarded", "for=192.0.2.1"}, 403},
		"no address":                    {"", "@", [2]string{}, 403},
		"the token":                     {"m-token", "192.0.2.1:5000", [2]string{"Authorization", "Bearer m-token"}, 200},
		"another token":                 {"m-token", "192.0.2.1:5000", [2]string{"Authorization", "Bearer m-tokem"}, 401},
		"no token, though here":         {"m-token", "127.0.0.1:5000", [2]string{}, 401},
		"an empty token":                {"m-token", "127.0.0.1:5000", [2]string{"Authorization", "Bearer "}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, func(cfg *Config) { cfg.MetricsToken = c.token })
			r := newGet("/metrics")
			r.RemoteAddr = c.from
			if c.header[0] != "" {
				r.Header.Set(c.header[0], c.header[1])
			}
			w := httptest.NewRecorder()
			d.ServeHTTP(w, r)
			if w.Code != c.want || strings.Contains(w.Body.String(), "runs_total") != (c.want == 200) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}
