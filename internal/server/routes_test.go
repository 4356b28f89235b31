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
	if w := d.call(httptest.NewRequest(http.MethodHead, "/sign-out", nil)); w.Code != http.StatusMethodNotAllowed || w.Body.Len() > 0 {
		t.Errorf("HEAD answers %d with %q", w.Code, w.Body)
	}
}
