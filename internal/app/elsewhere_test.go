package app

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/connection"
	"crosswalk/internal/provider/gleap"
)

// Whoever can write to the database, and has no key, points an account elsewhere: nobody there hears anything, a person is
// told why, and what was held goes on once the account is connected again.
func TestNoCredentialFollowsAnAddressThatWasChangedInTheDatabase(t *testing.T) {
	t.Parallel()
	var heard atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		heard.Add(1)
		w.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(thief.Close)
	for name, side := range map[string]string{"a key": "target", "a token": "source"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t, 0)
			h := e.houses[0]
			h.providers.transport = http.DefaultTransport // the guard against private addresses is not what holds it back
			source := e.connects()
			a := e.runs(source)
			id := a.Definition.Target.Connection
			if side == "source" {
				id = source.ID
			}
			cn, err := h.store.Connection(t.Context(), id)
			e.must(err)
			cn.BaseURL = thief.URL
			e.must(h.store.SaveConnection(t.Context(), cn, nil))
			e.meets("jane@thief.example")
			e.work()
			now, err := h.store.Connection(t.Context(), id)
			e.must(err)
			if now.State != connection.NeedsReconnect || !strings.Contains(now.Problem, "was changed outside Crosswalk") || e.arrived("jane@thief.example") {
				t.Errorf("it is %s (%s)", now.State, now.Problem)
			}
			checked, err := h.gateway.Fresh(t.Context(), id)
			e.must(err)
			if now, err = h.connections.Check(t.Context(), id, checked); err != nil || now.ProblemCode != "address_changed" {
				t.Errorf("checked, it is %s: %s, %v", now.ProblemCode, now.Problem, err)
			}
			if ok, detail := examine(t.Context(), h.providers, h.connections.Grants, cn); ok || !strings.Contains(detail, "changed outside Crosswalk") {
				t.Errorf("the doctor says %v: %s", ok, detail)
			}
			if side == "source" {
				e.connects()
			} else {
				_, err = h.connections.ConnectKey(t.Context(), connection.KeyInput{Provider: gleap.ID, Account: e.glReady.ProjectID, Key: e.glReady.Token, BaseURL: e.glReady.URL})
				e.must(err)
			}
			e.passes(time.Minute)
			e.comesDue(a)
			e.work()
			if !e.arrived("jane@thief.example") {
				t.Error("what was held did not go on")
			}
		})
	}
	t.Cleanup(func() {
		if n := heard.Load(); n > 0 {
			t.Errorf("the other address heard %d requests", n)
		}
	})
}
