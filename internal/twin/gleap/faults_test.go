package gleap

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFaultsAreUsedUpAndThenTheAPIIsItselfAgain(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	c.do(200, "POST", "/sessions", object{"name": "Ada"})
	c.twin.SetFaults(Faults{Next5xx: 1, Next429: 1, Next409: 1, EmptyList: 1})
	c.do(503, "GET", "/sessions", nil)
	if r := c.do(429, "GET", "/sessions", nil); r.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After: %q", r.header.Get("Retry-After"))
	}
	if got := c.object(409, "POST", "/sessions", object{"name": "Bea"}); got["codeName"] != "MaxTimeMSExpired" {
		t.Errorf("got %v", got)
	}
	if got := c.list("/sessions"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if got := names(c.list("/sessions")); got != "Ada" {
		t.Errorf("a timeout must write nothing: %q", got)
	}
	if diff := cmp.Diff(Faults{}, c.twin.Faults()); diff != "" {
		t.Error(diff)
	}
}

func TestADroppedAnswerHasCommittedItsWrite(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	c.twin.SetFaults(Faults{DropAfterCommit: 1})
	if r, err := c.send("POST", "/sessions", object{"name": "Ada"}); err == nil {
		t.Fatalf("answered %d", r.status)
	}
	if got := names(c.list("/sessions")); got != "Ada" {
		t.Errorf("got %q", got)
	}
	calls := c.twin.Calls()
	if calls[0].Status != 0 || calls[1].Status != 200 || c.twin.Stats().Writes != 1 {
		t.Errorf("calls %v, stats %+v", calls, c.twin.Stats())
	}
}

func TestTheUpdatedAtFilterCanBeIgnored(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	c.do(200, "POST", "/sessions", object{"name": "Ada"})
	const path = "/sessions?updatedAt>=2030-01-01T00:00:00.000Z"
	if got := c.list(path); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	c.twin.SetFaults(Faults{IgnoreUpdatedAtFilter: true})
	if got := c.list(path); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

func TestOverTheLimitOnlyRetryAfterIsSent(t *testing.T) {
	t.Parallel()
	c := start(t, Config{Rate: Rate{PerMinute: 3, TicketsPerMinute: 1}})
	c.do(200, "GET", "/tickets", nil)
	c.clock.pass(20 * time.Second)
	r := c.do(429, "GET", "/tickets", nil)
	if r.header.Get("Retry-After") != "40" {
		t.Errorf("Retry-After: %q", r.header.Get("Retry-After"))
	}
	c.do(200, "GET", "/sessions", nil) // the tickets' own limit leaves the others alone
	r = c.do(200, "GET", "/sessions", nil)
	for name := range r.header {
		if strings.Contains(strings.ToLower(name), "ratelimit") {
			t.Errorf("a rate header: %s", name)
		}
	}
	c.do(429, "GET", "/sessions", nil)
	c.clock.pass(40 * time.Second)
	c.do(200, "GET", "/tickets", nil)
}

func TestRevokedCredentialsAnswer401UntilThePersonHelps(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	c.twin.SetFaults(Faults{RevokeTokens: true})
	c.do(401, "GET", "/sessions", nil)
	c.twin.SetFaults(Faults{})
	c.do(200, "GET", "/sessions", nil)
}
