package server

import (
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/people"
)

func TestOnlySoManyPasswordsAreHashedAtOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t).inhabited()
	var leave []func()
	for range 2 * runtime.GOMAXPROCS(0) {
		out, err := d.hashing.enter(t.Context())
		ok(t, err)
		leave = append(leave, out)
	}
	d.hashing.wait = time.Millisecond
	for range 10 { // more than there are free tries: what was not tried is not counted
		w := d.send("/sign-in", form("email", "jane@acme.io", "password", "whatever it is"))
		shows(t, w, http.StatusTooManyRequests, "Too many people are signing in")
		if w.Header().Get("Retry-After") != "5" {
			t.Fatalf("come again in %q", w.Header().Get("Retry-After"))
		}
	}
	d.hashing.wait = time.Minute
	leave[0]()
	shows(t, d.send("/sign-in", form("email", "jane@acme.io", "password", "whatever it is")), http.StatusUnprocessableEntity, "do not fit together")
	for _, out := range leave[1:] {
		out()
	}
	// Who waits gets a turn.
	var all sync.WaitGroup
	for range 3 * runtime.GOMAXPROCS(0) {
		all.Go(func() {
			hash, err := d.hashing.hash(t.Context(), "a long enough password")
			if fits, unreadable := people.Matches(hash, "a long enough password"); err != nil || unreadable != nil || !fits {
				t.Errorf("%v, %v, %v", fits, err, unreadable)
			}
		})
	}
	all.Wait()
}
