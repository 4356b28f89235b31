package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAnAddressUsedInAnotherWay(t *testing.T) {
	t.Parallel()
	d := newDoor(t).signsIn()
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{http.MethodPost, "/runs", http.StatusMethodNotAllowed, "GET"},
		{http.MethodDelete, "/automations", http.StatusMethodNotAllowed, "GET, POST"},
		{http.MethodGet, "/sign-out", http.StatusMethodNotAllowed, "POST"},
		{http.MethodPut, "/hooks/gleap", http.StatusMethodNotAllowed, "POST"},
		{http.MethodOptions, "/runs/rn_1", http.StatusMethodNotAllowed, "GET"},
		{http.MethodPost, "/static/css/base.css", http.StatusMethodNotAllowed, "OPTIONS, GET"},
		{http.MethodGet, "/nowhere", http.StatusNotFound, ""},
		{http.MethodPost, "/nowhere/at/all", http.StatusNotFound, ""},
	} {
		w := d.call(httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.status || w.Header().Get("Allow") != c.allow {
			t.Errorf("%s %s answers %d and allows %q", c.method, c.path, w.Code, w.Header().Get("Allow"))
		}
		if page := w.Body.String(); strings.Contains(page, "used in another way") != (c.status == http.StatusMethodNotAllowed) {
			t.Errorf("%s %s shows %s", c.method, c.path, page)
		}
	}
}

func TestHeadIsAnsweredAsGetWithoutABody(t *testing.T) {
	t.Parallel()
	stranger := newDoor(t)
	d := newDoor(t).signsIn()
	for _, c := range []struct {
		door   *door
		path   string
		status int
	}{
		{d, "/", http.StatusOK},
		{d, "/runs", http.StatusOK},
		{d, "/healthz", http.StatusOK},
		{d, "/nowhere", http.StatusNotFound},
		{d, "/sign-out", http.StatusMethodNotAllowed},
		{d, "/connections/callback?code=c", http.StatusMethodNotAllowed}, // a look must not use the code up
		{d, "/live", http.StatusMethodNotAllowed},                        // which would never end
		{stranger, "/runs", http.StatusSeeOther},
	} {
		w := c.door.call(httptest.NewRequest(http.MethodHead, c.path, nil))
		if w.Code != c.status || w.Body.Len() > 0 {
			t.Errorf("HEAD %s answers %d with %q", c.path, w.Code, w.Body)
		}
		if c.status == http.StatusOK && w.Header().Get("Content-Type") == "" {
			t.Errorf("HEAD %s does not tell its type", c.path)
		}
	}
}
