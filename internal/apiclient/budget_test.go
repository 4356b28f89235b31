package apiclient_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/provider"
)

func limits(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// drain takes calls without waiting and returns how many there were.
func drain(t *testing.T, b *apiclient.Budget, p provider.Priority) (n int, retryAfter time.Duration) {
	t.Helper()
	for {
		err := b.Wait(t.Context(), p)
		if e, ok := errors.AsType[*provider.Error](err); ok && e.Kind == provider.RateLimited {
			return n, e.RetryAfter
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
}

func TestNeverMoreThanTheBurstInAnyInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Burst: 10, Interval: 3 * time.Second})
		var at []time.Time
		for range 95 {
			if err := b.Wait(t.Context(), provider.Live); err != nil {
				t.Fatal(err)
			}
			at = append(at, time.Now())
			time.Sleep(70 * time.Millisecond) // the call itself, in the bubble's time
		}
		for i := 10; i < len(at); i++ {
			if d := at[i].Sub(at[i-10]); d < 3*time.Second {
				t.Fatalf("calls %d to %d within %v", i-10, i, d)
			}
		}
		if took := at[len(at)-1].Sub(at[0]); took > 30*time.Second {
			t.Errorf("95 calls took %v: the budget is not used up", took)
		}
	})
}

func TestALongWaitIsRefusedSoThatTheJobCanSleep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Burst: 100, Interval: 10 * time.Second})
		began := time.Now()
		n, after := drain(t, b, provider.Live)
		if n != 100 || after != 10*time.Second || time.Since(began) != 0 {
			t.Errorf("%d calls, then wait %v; want 100, 10s at once", n, after)
		}
		time.Sleep(6 * time.Second) // now the wait is short enough to sit out
		if err := b.Wait(t.Context(), provider.Live); err != nil || time.Since(began) != 10*time.Second {
			t.Errorf("error %v after %v", err, time.Since(began))
		}
	})
}

func TestBulkLeavesRoomForLiveWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Burst: 100, Interval: 10 * time.Second})
		if n, _ := drain(t, b, provider.Bulk); n != 80 {
			t.Errorf("bulk took %d", n)
		}
		if n, _ := drain(t, b, provider.Retry); n != 10 {
			t.Errorf("retries took %d", n)
		}
		if n, _ := drain(t, b, provider.Live); n != 10 {
			t.Errorf("live took %d", n)
		}
	})
}

func TestTheMoreUrgentWaiterGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Burst: 1, Interval: time.Second})
		if err := b.Wait(t.Context(), provider.Live); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []provider.Priority
		var all sync.WaitGroup
		for _, p := range []provider.Priority{provider.Bulk, provider.Retry, provider.Live, provider.Interactive} {
			all.Go(func() {
				if err := b.Wait(t.Context(), p); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, p)
			})
			synctest.Wait()
		}
		all.Wait()
		if !slices.Equal(order, []provider.Priority{provider.Live, provider.Interactive, provider.Retry, provider.Bulk}) {
			t.Errorf("order = %v", order)
		}
	})
}

func TestA429StopsEverybodyForAsLongAsItSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Burst: 100})
		b.Observe(limits("Retry-After", "60"), 429)
		if n, after := drain(t, b, provider.Live); n != 0 || after != time.Minute {
			t.Errorf("%d calls, wait %v", n, after)
		}
		if q := b.Left(); q.Remaining != 0 || time.Until(q.ResetAt) != time.Minute {
			t.Errorf("left = %+v", q)
		}
		time.Sleep(time.Minute)
		if n, _ := drain(t, b, provider.Live); n != 100 {
			t.Errorf("%d calls afterwards", n)
		}
	})
}

func TestLimitsAreLearntFromAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{})
		b.Observe(limits("X-RateLimit-Max", "20", "X-RateLimit-Remaining", "5", "X-RateLimit-Interval-Milliseconds", "30000",
			"X-RateLimit-Limit-Daily", "1000", "X-RateLimit-Daily-Remaining", "900"), 200)
		if q := b.Left(); q.Max != 20 || q.Remaining != 5 || q.DailyMax != 1000 || q.DailyRemaining != 900 {
			t.Errorf("left = %+v", q)
		}
		if n, after := drain(t, b, provider.Live); n != 5 || after != 30*time.Second {
			t.Errorf("%d calls, wait %v; somebody else's 15 count as well", n, after)
		}
	})
}

func TestNonsenseInHeadersDoesNoHarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Burst: 3})
		for _, v := range []string{"-1", "x", "", "9999999999999999999999", "2147483647", "1e9"} {
			b.Observe(limits("X-RateLimit-Remaining", v, "X-RateLimit-Interval-Milliseconds", v, "X-RateLimit-Limit-Daily", v), 200)
		}
		b.Observe(limits("X-RateLimit-Max", "2000000000", "X-RateLimit-Remaining", "0"), 200)
		if q := b.Left(); q.Remaining != 0 {
			t.Errorf("left = %+v", q)
		}
	})
}

func TestASpentDayIsRefusedAndLookedAtAgainEveryHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Daily: 3})
		if n, after := drain(t, b, provider.Live); n != 3 || after != time.Hour {
			t.Errorf("%d calls, wait %v", n, after)
		}
		time.Sleep(time.Hour)
		if n, after := drain(t, b, provider.Live); n != 1 || after != time.Hour {
			t.Errorf("probe: %d calls, wait %v", n, after)
		}
		b.Observe(limits("X-RateLimit-Daily-Remaining", "3"), 200) // the provider's day has turned
		if n, _ := drain(t, b, provider.Live); n != 3 {
			t.Errorf("new day: %d calls", n)
		}
		time.Sleep(24 * time.Hour)
		if n, _ := drain(t, b, provider.Live); n != 3 {
			t.Errorf("our own day has turned: %d calls", n)
		}
	})
}

func TestBulkKeepsPartOfTheDayForLiveWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Daily: 50})
		if n, _ := drain(t, b, provider.Bulk); n != 40 {
			t.Errorf("bulk took %d of 50", n)
		}
		if n, _ := drain(t, b, provider.Live); n != 10 {
			t.Errorf("live took %d", n)
		}
	})
}

// ledger is a shared budget of two processes.
type ledger struct {
	mu   sync.Mutex
	left int
	err  error
	keys map[string]bool
}

func (l *ledger) Take(_ context.Context, key string, n int, _ time.Time) (bool, time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys == nil {
		l.keys = map[string]bool{}
	}
	l.keys[key] = true
	if l.err != nil {
		return false, 0, l.err
	}
	if l.left < n {
		return false, time.Minute, nil
	}
	l.left -= n
	return true, 0, nil
}

func TestTwoProcessesSpendOneBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := &ledger{left: 15}
		cfg := apiclient.BudgetConfig{Burst: 10, Key: "acme/1", Shared: shared}
		one, two := apiclient.NewBudget(cfg), apiclient.NewBudget(cfg)
		n1, _ := drain(t, one, provider.Live)
		n2, after := drain(t, two, provider.Live)
		if n1 != 10 || n2 != 5 || after != time.Minute || !shared.keys["acme/1"] {
			t.Errorf("took %d and %d, wait %v", n1, n2, after)
		}
		if q := two.Left(); q.Remaining != 5 {
			t.Errorf("a call refused by the ledger was spent: %+v", q)
		}
		shared.err = errors.New("database is away")
		if n, _ := drain(t, two, provider.Live); n != 5 {
			t.Errorf("without the ledger the local count allows 5, took %d", n)
		}
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Burst: 1, Interval: 4 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Wait(ctx, provider.Live); err != nil {
			t.Fatal(err)
		}
		if err := b.Wait(ctx, provider.Live); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v", err)
		}
	})
}

func TestNoBudgetIsNoLimit(t *testing.T) {
	t.Parallel()
	var b *apiclient.Budget
	if err := b.Wait(t.Context(), provider.Bulk); err != nil {
		t.Error(err)
	}
	b.Observe(http.Header{"X-Ratelimit-Max": {strconv.Itoa(1)}}, 429)
	if q := b.Left(); q != (apiclient.Quota{}) {
		t.Errorf("left = %+v", q)
	}
}
