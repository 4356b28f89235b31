package app

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// tokens is a keeper of the connection's tokens in a process. What it waits for passes on all clocks.
func (e *estate) tokens(process int, c connection.Connection) *connection.Tokens {
	t := e.houses[process].gateway.Tokens(c)
	t.Wait = func(ctx context.Context, d time.Duration) error {
		e.passes(d)
		return ctx.Err()
	}
	return t
}

// bothWork fails unless both processes can use the connection.
func (e *estate) bothWork(c connection.Connection) {
	e.Helper()
	for i, h := range e.houses {
		client, err := h.gateway.Client(e.Context(), c.ID)
		if err == nil {
			_, err = client.(provider.Checker).Check(e.Context())
		}
		if err != nil {
			e.Errorf("process %d: %v", i, err)
		}
	}
	e.is(c, connection.Active)
}

// TestAThousandCallersInTwoProcessesRenewOnce: two processes with a pool each on one PostgreSQL, and the twin over HTTP.
func TestAThousandCallersInTwoProcessesRenewOnce(t *testing.T) {
	t.Parallel()
	const callers = 500 // of each process
	e := newEstate(t, 2)
	c := e.connects()
	keepers := []*connection.Tokens{e.houses[0].gateway.Tokens(c), e.houses[1].gateway.Tokens(c)}
	storm := func(what string, each func(*connection.Tokens) error) string {
		t.Helper()
		before, _ := e.asked()
		var all sync.WaitGroup
		begin := make(chan struct{})
		for i := range 2 * callers {
			all.Go(func() {
				<-begin
				if err := each(keepers[i%2]); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			})
		}
		close(begin)
		all.Wait()
		if renewed, _ := e.asked(); renewed-before != 1 {
			t.Errorf("%s: renewed %d times", what, renewed-before)
		}
		one, err := keepers[0].Token(t.Context())
		e.must(err)
		if other, err := keepers[1].Token(t.Context()); err != nil || other != one {
			t.Errorf("%s: the processes use different tokens, %v", what, err)
		}
		return one
	}
	e.passes(25 * time.Hour)
	second := storm("it ran out", func(k *connection.Tokens) error { _, err := k.Token(t.Context()); return err })
	e.hl.SetFaults(twinhighlevel.Faults{RevokeAccess: true})
	third := storm("it was refused", func(k *connection.Tokens) error { return k.Refresh(t.Context()) })
	if second == third {
		t.Error("the refused token is still used")
	}
	e.bothWork(c)

	// In the background: both keepers see that it ends soon.
	e.passes(23*time.Hour + 30*time.Minute)
	before, _ := e.asked()
	var sweeps sync.WaitGroup
	for _, h := range e.houses {
		sweeps.Go(func() { h.keeper.Sweep(t.Context()) })
	}
	sweeps.Wait()
	if renewed, _ := e.asked(); renewed-before != 1 {
		t.Errorf("two keepers renewed %d times", renewed-before)
	}
	e.bothWork(c)
}

// TestAProcessThatDiesWithTheLeaseHoldsTheOtherUpForAMoment: it had not asked yet.
func TestAProcessThatDiesWithTheLeaseHoldsTheOtherUpForAMoment(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 2)
	c := e.connects()
	e.passes(25 * time.Hour)
	dying := e.tokens(0, c)
	dying.App = func(connection.Grant) *oauth2.Config { runtime.Goexit(); return nil }
	died(func() { _, _ = dying.Token(t.Context()) })
	renewed, _ := e.asked()
	began := e.houses[1].connections.Now()
	if _, err := e.tokens(1, c).Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	if waited := e.houses[1].connections.Now().Sub(began); waited < 20*time.Second || waited > 30*time.Second {
		t.Errorf("the other waited %s", waited)
	}
	if after, _ := e.asked(); after-renewed != 1 {
		t.Errorf("renewed %d times", after-renewed)
	}
	e.bothWork(c)
}

// died runs what ends its own goroutine, as a process that is killed ends all of its own.
func died(act func()) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		act()
	}()
	<-gone
}

// killed hears the answer, and does nothing more.
type killed struct{ transport http.RoundTripper }

func (k killed) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := k.transport.RoundTrip(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	runtime.Goexit()
	return resp, err
}

// TestAProcessThatDiesBetweenAnswerAndStore: the refresh token is spent and nobody has the new one. Who comes within the
// provider's grace hears it once more; later a person is asked, once and for all.
func TestAProcessThatDiesBetweenAnswerAndStore(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		later time.Duration
		lost  bool
	}{
		"the other process is waiting":     {0, false},
		"nobody is there for half an hour": {30 * time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t, 2)
			c := e.connects()
			a := e.runs(c)
			e.passes(25 * time.Hour)
			dying := e.tokens(0, c)
			dying.HTTP = &http.Client{Transport: killed{http.DefaultTransport}}
			died(func() { _, _ = dying.Token(t.Context()) })
			renewed, _ := e.asked()
			e.passes(tc.later)
			_, err := e.tokens(1, c).Token(t.Context())
			if after, _ := e.asked(); after-renewed != 1 {
				t.Errorf("the heir asked %d times", after-renewed)
			}
			if !tc.lost {
				if err != nil {
					t.Error(err)
				}
				e.bothWork(c)
				return
			}
			if !provider.IsKind(err, provider.Revoked) {
				t.Errorf("%v", err)
			}
			e.is(c, connection.NeedsReconnect)
			e.meets("meanwhile@example.com")
			e.work()
			if held := e.held(a); held != "revoked" {
				t.Errorf("held: %q", held)
			}
			for range 50 {
				e.passes(time.Hour)
				for _, h := range e.houses {
					h.keeper.Sweep(t.Context())
				}
				e.comesDue(a)
				e.work()
			}
			if after, _ := e.asked(); after-renewed != 1 {
				t.Errorf("what is lost was asked for %d times", after-renewed)
			}
			e.connects()
			e.work()
			if e.held(a) != "" || !e.arrived("meanwhile@example.com") {
				t.Error("it does not go on")
			}
			e.bothWork(c)
		})
	}
}

// TestProcessesWhoseClocksDifferLoseNothing: to one of them every lease of the other has ended already.
func TestProcessesWhoseClocksDifferLoseNothing(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 2)
	c := e.connects()
	e.passes(25 * time.Hour)
	e.ahead[1].Add(int64(10 * time.Minute))
	e.hl.SetFaults(twinhighlevel.Faults{LatencyMs: 50}) // both are under way at once
	keepers := []*connection.Tokens{e.houses[0].gateway.Tokens(c), e.houses[1].gateway.Tokens(c)}
	var all sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]bool{}
	for i := range 40 {
		all.Go(func() {
			token, err := keepers[i%2].Token(t.Context())
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			seen[token] = true
		})
	}
	all.Wait()
	if len(seen) != 1 {
		t.Errorf("%d tokens are in use", len(seen))
	}
	e.hl.SetFaults(twinhighlevel.Faults{})
	e.bothWork(c)
}

// TestTheCallsOfADayAreOfTheConnection: one process works, the other only looks; both know what is left, and neither takes
// what is other apps'.
func TestTheCallsOfADayAreOfTheConnection(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 2)
	c := e.connects()
	check := func(process int, p provider.Priority) error {
		client, err := e.houses[process].gateway.Client(t.Context(), c.ID)
		e.must(err)
		_, err = client.(provider.Checker).Check(provider.WithPriority(t.Context(), p))
		return err
	}
	e.must(check(1, provider.Live))
	for range 40 {
		e.must(check(0, provider.Live))
	}
	budget := func(process int) apiclient.Quota {
		return e.houses[process].providers.budgets["highlevel/"+e.hlReady.LocationID].Left()
	}
	worker := budget(0)
	e.houses[1].bookNow(t.Context())
	looker := budget(1)
	// A block of ten may not have been told yet.
	if worker.DailyMax != 200_000 || looker.DailyMax != 200_000 || looker.DailyRemaining-worker.DailyRemaining > 10 {
		t.Errorf("the worker knows of %d left, the other of %d", worker.DailyRemaining, looker.DailyRemaining)
	}
	if looker.Forecast == 0 || float64(worker.Forecast)/float64(looker.Forecast) > 1.5 {
		t.Errorf("forecasts of %d and %d", worker.Forecast, looker.Forecast)
	}
	// Audits come last: they leave two fifths, and the reserve, in both processes together.
	for i := 0; ; i++ {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		client, err := e.houses[i%2].gateway.Client(ctx, c.ID)
		e.must(err)
		_, err = client.(provider.Checker).Check(provider.WithPriority(ctx, provider.Audit))
		cancel()
		if err != nil {
			break
		}
		if i > 60 {
			t.Fatal("audits use it all up")
		}
	}
	for i := range 10 { // live work still goes through at once, from either
		e.must(check(i%2, provider.Live))
	}
	for _, call := range e.hl.Calls() {
		if call.Status == http.StatusTooManyRequests {
			t.Fatal("HighLevel refused a call")
		}
	}
}
