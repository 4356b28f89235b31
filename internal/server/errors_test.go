package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
)

func TestAnErrorPageHelpsAndTellsNothingElse(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	for name, c := range map[string]struct {
		err    error
		status int
		words  string
	}{
		"unexpected":        {errors.New("dial postgres://u:" + secret + "@db"), 500, "Something went wrong inside Crosswalk"},
		"wrapped":           {fmt.Errorf("read run: %w", engine.ErrNotFound), 404, "There is nothing here"},
		"conflict":          {engine.ErrConflict, 409, "Somebody else was faster"},
		"too large":         {&http.MaxBytesError{Limit: 1}, 413, "more than Crosswalk takes"},
		"no such page":      {echo.ErrNotFound, 404, "There is nothing here"},
		"another method":    {echo.ErrMethodNotAllowed, 405, "used in another way"},
		"refused":           {echo.NewHTTPError(403, "Because."), 403, "Because."},
		"bad request":       {echo.NewHTTPError(400, errors.New(secret)), 400, "Bad Request"},
		"echo's own 500":    {echo.NewHTTPError(500, secret), 500, "Something went wrong inside Crosswalk"},
		"markup":            {echo.NewHTTPError(403, "<script>alert(1)</script>"), 403, "&lt;script&gt;"},
		"provider down":     {&provider.Error{Provider: gleap, Kind: provider.Unavailable, Err: errors.New(secret)}, 502, "main"},
		"provider revoked":  {&provider.Error{Provider: highLevel, Kind: provider.Revoked, Err: errors.New(secret)}, 502, "main"},
		"one of the page's": {&pageError{Status: 422, Title: "Not this way", Detail: "Detail.", Code: "c"}, 422, "Not this way"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t).inhabited()
			d.echo.GET("/fails", func(echo.Context) error { return c.err })
			w := d.open("/fails")
			shows(t, w, c.status, c.words)
			if body := w.Body.String(); strings.Contains(body, secret) || strings.Contains(body, "<script>alert") {
				t.Errorf("the page tells too much:\n%s", body)
			}
			if id := w.Header().Get("X-Request-Id"); c.status >= 500 && !strings.Contains(w.Body.String(), id) {
				t.Errorf("the page does not show the request id %s", id)
			}
			r := newGet("/fails")
			r.Header.Set("HX-Request", "true")
			if got := d.call(r).Code; got != c.status {
				t.Errorf("asked by a part of a page it answers %d", got)
			}
		})
	}
}

func TestAPanicIsAnErrorPageAndALine(t *testing.T) {
	t.Parallel()
	d := newDoor(t).inhabited()
	d.echo.GET("/panics", func(echo.Context) error { panic("the s3cret state") })
	w := d.open("/panics")
	shows(t, w, http.StatusInternalServerError, "Something went wrong inside Crosswalk")
	if strings.Contains(w.Body.String(), "s3cret") || strings.Contains(w.Body.String(), "goroutine") {
		t.Error("the page shows the panic")
	}
	if !strings.Contains(d.log.String(), "the s3cret state") {
		t.Error("the log does not show the panic")
	}
}

func TestAPageThatDoesNotExistSaysSo(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	for _, path := range []string{"/no/such/page", "/automations/au_none/map", "/static/none.css"} {
		shows(t, d.open(path), http.StatusNotFound, "")
	}
	shows(t, d.open("/no/such/page"), http.StatusNotFound, "There is nothing here")
	shows(t, d.call(httptest.NewRequest(http.MethodDelete, "/settings", nil)), http.StatusMethodNotAllowed, "used in another way")
	big := newPost("/settings/theme", form("theme", strings.Repeat("x", 2<<20)))
	shows(t, d.call(big), http.StatusRequestEntityTooLarge, "more than Crosswalk takes")
	unsized := newPost("/settings/theme", form("theme", strings.Repeat("x", 2<<20)))
	unsized.ContentLength = -1
	if w := d.call(unsized); w.Code == http.StatusSeeOther && d.jar["crosswalk_theme"] != "" {
		t.Error("more than a form may hold was taken")
	}
}

func TestTheLogNeverTellsAHooksAddress(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.deliver("/hooks/gleap/"+hookSecret, []byte(`{"event":"ticket.updated","data":{"id":"1"}}`), false)
	d.deliver("/hooks/gleap/"+hookSecret+"x", []byte(`{}`), false)
	log := d.log.String()
	if strings.Contains(log, hookSecret) || !strings.Contains(log, "/hooks/gleap/:secret") {
		t.Errorf("the log: %s", log)
	}
}
