package apiclient_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

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

// ledger is a shared budget's document, as a database keeps it.
type ledger struct {
	mu       sync.Mutex
	document string
	looks    int
	err      error
	budgets  map[string]bool
	ahead    time.Duration // of the database's clock
}

func (l *ledger) change(_ context.Context, budget string, change func(string, time.Time) (string, error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looks++
	if l.budgets == nil {
		l.budgets = map[string]bool{}
	}
	l.budgets[budget] = true
	if l.err != nil {
		return l.err
	}
	document, err := change(l.document, time.Now().Add(l.ahead))
	l.document = document
	return err
}

func TestTwoProcessesSpendOneBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := &ledger{ahead: -3 * time.Hour}
		cfg := apiclient.BudgetConfig{Burst: 100, Interval: 10 * time.Second, Key: "acme/1", Ledger: shared.change, MaxWait: time.Millisecond}
		one, two := apiclient.NewBudget(cfg), apiclient.NewBudget(cfg)
		for range 60 {
			if err := one.Wait(t.Context(), provider.Live); err != nil {
				t.Fatal(err)
			}
			one.Done()
		}
		n, _ := drain(t, two, provider.Live)
		if n != 40 || !shared.budgets["acme/1"] {
			t.Errorf("took 60 and %d of 100", n)
		}
		if shared.looks > 20 {
			t.Errorf("%d looks at the ledger for 100 calls", shared.looks)
		}
		if n, _ := drain(t, one, provider.Live); n != 0 {
			t.Errorf("%d more", n)
		}
		time.Sleep(10*time.Second + time.Millisecond)
		if n, _ := drain(t, one, provider.Live); n != 60 { // what the other spent has no answer yet
			t.Errorf("%d after an interval, want 60", n)
		}
		shared.err = errors.New("database is away")
		time.Sleep(time.Minute)
		if n, _ := drain(t, two, provider.Live); n != 100 {
			t.Errorf("without the ledger the local count allows 100, took %d", n)
		}
	})
}

func TestLessUrgentWorkLeavesTheLedgerRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := &ledger{}
		cfg := apiclient.BudgetConfig{Burst: 100, Interval: 10 * time.Second, Reserve: 10, Key: "k", Ledger: shared.change, MaxWait: time.Millisecond}
		one, two := apiclient.NewBudget(cfg), apiclient.NewBudget(cfg)
		for _, tt := range []struct {
			budget *apiclient.Budget
			of     provider.Priority
			want   int
		}{{one, provider.Audit, 54}, {two, provider.Bulk, 18}, {one, provider.Retry, 9}, {two, provider.Live, 9}, {one, provider.Live, 0}} {
			if n, _ := drain(t, tt.budget, tt.of); n != tt.want {
				t.Errorf("priority %d took %d, want %d", tt.of, n, tt.want)
			}
		}
	})
}

func TestAPauseIsKeptByAllProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := &ledger{}
		cfg := apiclient.BudgetConfig{Burst: 100, Interval: 10 * time.Second, Key: "k", Ledger: shared.change, MaxWait: time.Millisecond}
		one, two := apiclient.NewBudget(cfg), apiclient.NewBudget(cfg)
		if err := one.Wait(t.Context(), provider.Live); err != nil {
			t.Fatal(err)
		}
		one.Observe(limits("Retry-After", "15"), 429)
		one.Done()
		for name, b := range map[string]*apiclient.Budget{"who was refused": one, "nobody else": two} {
			if name == "nobody else" {
				_, _ = drain(t, one, provider.Live) // it has told by now
			}
			if n, after := drain(t, b, provider.Live); n != 0 || after < 14*time.Second || after > 15*time.Second {
				t.Errorf("%s made %d calls, and is to wait %v", name, n, after)
			}
		}
		time.Sleep(16 * time.Second)
		if n, _ := drain(t, two, provider.Live); n == 0 {
			t.Error("the pause has no end")
		}
	})
}

// TestNoWindowOfTheProvidersSeesTooMany lets processes work with calls that take their time, which the provider counts
// at any moment between sending and answer, and holds every window against the limit.
func TestNoWindowOfTheProvidersSeesTooMany(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		burst := rapid.IntRange(1, 60).Draw(rt, "burst")
		holders := rapid.IntRange(1, 4).Draw(rt, "holders")
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 1))
			interval := 2 * time.Second
			shared := &ledger{ahead: time.Duration(dice.Int64N(int64(time.Hour)))}
			var mu sync.Mutex
			var counted []time.Time
			roll := func(n time.Duration) time.Duration {
				mu.Lock()
				defer mu.Unlock()
				return time.Duration(dice.Int64N(int64(n)))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var all sync.WaitGroup
			for range holders {
				b := apiclient.NewBudget(apiclient.BudgetConfig{Burst: burst, Interval: interval, Key: "k", Ledger: shared.change})
				for worker := range 6 {
					all.Go(func() {
						for ctx.Err() == nil {
							if err := b.Wait(ctx, provider.Priority(worker%5)); err != nil {
								time.Sleep(10 * time.Millisecond)
								continue
							}
							time.Sleep(roll(300 * time.Millisecond)) // on its way
							mu.Lock()
							counted = append(counted, time.Now())
							mu.Unlock()
							time.Sleep(roll(300 * time.Millisecond)) // on its way back
							b.Done()
							if roll(10) == 0 {
								time.Sleep(roll(4 * time.Second)) // nothing to do for a while
							}
						}
					})
				}
			}
			all.Wait()
			slices.SortFunc(counted, time.Time.Compare)
			for i := burst; i < len(counted); i++ {
				if d := counted[i].Sub(counted[i-burst]); d < interval {
					rt.Fatalf("%d calls within %v, of %d", burst+1, d, len(counted))
				}
			}
			if len(counted) < burst*3 {
				rt.Fatalf("only %d calls in 20 seconds at %d in two", len(counted), burst)
			}
		})
	})
}

func TestTheDaysForecastIsAtThePaceOfTheLastHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Daily: 10_000})
		for range 60 {
			for range 10 {
				if err := b.Wait(t.Context(), provider.Live); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Minute)
		}
		q := b.Left()
		if q.DailyRemaining != 9_400 || q.Forecast < 14_000 || q.Forecast > 15_000 {
			t.Errorf("%d left, forecast %d, want about 14,400", q.DailyRemaining, q.Forecast)
		}
		if in := time.Until(q.RunsOut); in < 15*time.Hour || in > 16*time.Hour {
			t.Errorf("runs out in %v, want about 15h40m", in)
		}
		// What can wait leaves urgent work what it will need, which is all there is.
		if n, _ := drain(t, b, provider.Bulk); n != 0 {
			t.Errorf("bulk took %d", n)
		}
		if err := b.Wait(t.Context(), provider.Live); err != nil {
			t.Errorf("live work is refused: %v", err)
		}
		time.Sleep(2 * time.Hour) // quiet again
		if n, _ := drain(t, b, provider.Bulk); n < 7_000 {
			t.Errorf("bulk took %d once there was nothing urgent", n)
		}
	})
}

func TestTheDayIsOfAllProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := &ledger{ahead: 5 * time.Hour}
		cfg := apiclient.BudgetConfig{Burst: 100, Interval: 10 * time.Second, Daily: 10_000, Key: "k", Ledger: shared.change, MaxWait: time.Millisecond}
		one, two, idle := apiclient.NewBudget(cfg), apiclient.NewBudget(cfg), apiclient.NewBudget(cfg)
		spend := func(b *apiclient.Budget, p provider.Priority) error {
			err := b.Wait(t.Context(), p)
			if err == nil {
				b.Done()
			}
			return err
		}
		for range 60 {
			for range 5 {
				for _, b := range []*apiclient.Budget{one, two} {
					if err := spend(b, provider.Live); err != nil {
						t.Fatal(err)
					}
				}
			}
			time.Sleep(time.Minute)
		}
		idle.Learn(shared.document, time.Now().Add(shared.ahead))
		for name, b := range map[string]*apiclient.Budget{"who spent half": one, "who spent nothing": idle} {
			q := b.Left()
			if q.DailyRemaining < 9_400 || q.DailyRemaining > 9_410 || q.Forecast < 13_500 || q.Forecast > 15_500 {
				t.Errorf("%s: %d left, forecast %d, want about 9,400 and 14,400", name, q.DailyRemaining, q.Forecast)
			}
			if in := time.Until(q.RunsOut); in < 14*time.Hour || in > 17*time.Hour {
				t.Errorf("%s: runs out in %v, want about 15h40m", name, in)
			}
			if err := spend(b, provider.Bulk); !provider.IsKind(err, provider.RateLimited) {
				t.Errorf("%s: bulk takes what the urgent work of others will need: %v", name, err)
			}
			if err := spend(b, provider.Live); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		time.Sleep(2 * time.Hour)
		if err := spend(idle, provider.Live); err != nil { // quiet again
			t.Error(err)
		}
		if err := spend(idle, provider.Bulk); err != nil {
			t.Errorf("bulk waits although nothing is urgent: %v", err)
		}
	})
}

func TestWhatTheProviderSaysOfTheDayIsToldToAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := &ledger{ahead: -time.Hour}
		cfg := apiclient.BudgetConfig{Burst: 100, Interval: 10 * time.Second, Reserve: 10, Key: "k", Ledger: shared.change, MaxWait: time.Millisecond}
		one, two := apiclient.NewBudget(cfg), apiclient.NewBudget(cfg)
		call := func(b *apiclient.Budget, left string) error {
			err := b.Wait(t.Context(), provider.Live)
			if err == nil && left != "" {
				b.Observe(limits("X-RateLimit-Limit-Daily", "1000", "X-RateLimit-Daily-Remaining", left), 200)
			}
			b.Done()
			return err
		}
		reaches := func(b *apiclient.Budget, want int) {
			t.Helper()
			time.Sleep(11 * time.Second) // its block has ended, so it leases again
			if err := call(b, ""); err != nil {
				t.Fatal(err)
			}
			if q := b.Left(); q.DailyMax != 1000 || q.DailyRemaining != want {
				t.Errorf("%d of %d are left, want %d", q.DailyRemaining, q.DailyMax, want)
			}
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(call(one, "600")) // others spend too
		reaches(one, 599)
		reaches(two, 599) // what one spent since it leased comes with its next lease
		must(call(two, "102"))
		reaches(two, 101)
		reaches(one, 100) // a tenth is other apps'
		time.Sleep(11 * time.Second)
		for name, b := range map[string]*apiclient.Budget{"one": one, "two": two} {
			if err := call(b, ""); !provider.IsKind(err, provider.RateLimited) {
				t.Errorf("%s spends what is left to others: %v", name, err)
			}
		}
		// Each looks again after an hour; the provider's day has turned, and both know.
		time.Sleep(time.Hour)
		must(call(one, "999"))
		reaches(one, 998)
		time.Sleep(time.Hour)
		reaches(two, 998)
		if err := call(two, ""); err != nil {
			t.Error(err)
		}
	})
}

func TestPartOfTheBudgetIsLeftToOtherApps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Burst: 100, Interval: 10 * time.Second, Daily: 150, Reserve: 10})
		if n, _ := drain(t, b, provider.Live); n != 90 {
			t.Errorf("took %d of 100 an interval", n)
		}
		time.Sleep(10 * time.Second)
		if n, _ := drain(t, b, provider.Live); n != 45 {
			t.Errorf("took %d more, of 150 a day", n)
		}
	})
}

func TestACallCountsFromItsAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Burst: 1, Interval: 4 * time.Second})
		if err := b.Wait(t.Context(), provider.Live); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second) // the answer takes its time
		b.Done()
		began := time.Now()
		if err := b.Wait(t.Context(), provider.Live); err != nil || time.Since(began) < 4*time.Second {
			t.Errorf("the next call after %v, %v", time.Since(began), err)
		}
	})
}

func TestWhatWasUsedIsHandedOutOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Burst: 100})
		began := time.Now().Truncate(time.Minute)
		for i := range 5 {
			b.Observe(http.Header{}, map[bool]int{true: 200, false: 429}[i < 3])
		}
		time.Sleep(time.Minute)
		b.Observe(http.Header{}, 500)
		want := []apiclient.Use{{Start: began, Calls: 3, Refused: 2}, {Start: began.Add(time.Minute), Calls: 1}}
		if got := b.TakeUse(); !slices.Equal(got, want) {
			t.Errorf("used %+v, want %+v", got, want)
		}
		if got := b.TakeUse(); len(got) != 0 {
			t.Errorf("handed out again: %+v", got)
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

func TestLimitsAnAnswerNamedAreKnownToAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := &ledger{ahead: 2 * time.Hour}
		cfg := apiclient.BudgetConfig{Burst: 100, Interval: 10 * time.Second, Daily: 200_000, Key: "k", MaxWait: time.Millisecond}
		leasing := cfg
		leasing.Ledger = shared.change
		for name, c := range map[string]struct {
			config apiclient.BudgetConfig
			tell   func(*apiclient.Budget)
		}{
			"leased": {leasing, func(b *apiclient.Budget) {
				for range 20 { // the next lease tells
					if err := b.Wait(t.Context(), provider.Interactive); err != nil {
						t.Fatal(err)
					}
					b.Done()
				}
			}},
			"told": {cfg, func(b *apiclient.Budget) {
				if err := b.Tell(t.Context(), func(context.Context, string, func(string, time.Time) (string, error)) error {
					return errors.New("no database")
				}); err == nil {
					t.Error("nobody hears that it could not be told")
				}
				if err := b.Tell(t.Context(), shared.change); err != nil {
					t.Error(err)
				}
			}},
		} {
			shared.document = ""
			one := apiclient.NewBudget(c.config)
			if err := one.Wait(t.Context(), provider.Interactive); err != nil {
				t.Fatal(err)
			}
			one.Observe(http.Header{"X-Ratelimit-Max": {"40"}, "X-Ratelimit-Interval-Milliseconds": {"5000"}, "X-Ratelimit-Limit-Daily": {"5000"}, "X-Ratelimit-Daily-Remaining": {"4321"}}, 200)
			one.Done()
			c.tell(one)
			var now time.Time
			_ = shared.change(t.Context(), "k", func(document string, at time.Time) (string, error) { now = at; return document, nil })
			other := apiclient.NewBudget(cfg)
			if q := other.LeftOf("", now); q.Max != 100 || q.DailyMax != 200_000 {
				t.Errorf("%s: of an empty ledger %+v is learnt", name, q)
			}
			q := other.LeftOf(shared.document, now)
			if q.Max != 40 || q.Interval != 5*time.Second || q.DailyMax != 5000 || q.DailyRemaining > 4321 || q.DailyRemaining < 4290 {
				t.Errorf("%s: another learns %+v", name, q)
			}
			if name == "leased" && q.Remaining == q.Max {
				t.Errorf("%s: what others spent is not seen: %+v", name, q)
			}
			time.Sleep(time.Minute)
			if q := other.LeftOf(shared.document, now.Add(time.Minute)); q.Remaining != 40 {
				t.Errorf("%s: a minute later %+v", name, q)
			}
		}
	})
}

func TestAPatientCallWaitsTheLimitOutForAsLongAsItIsWanted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Burst: 10, Interval: time.Minute})
		wanted, asked := true, 0
		patient := provider.WithPatience(t.Context(), func(context.Context) bool { asked++; return wanted })
		drain(t, b, provider.Live)
		began := time.Now()
		if err := b.Wait(patient, provider.Live); !provider.IsKind(err, provider.RateLimited) || time.Since(began) != 0 {
			t.Errorf("urgent work is not patient: %v after %v", err, time.Since(began))
		}
		if err := b.Wait(t.Context(), provider.Bulk); !provider.IsKind(err, provider.RateLimited) || time.Since(began) != 0 {
			t.Errorf("nor is what did not say so: %v after %v", err, time.Since(began))
		}
		if err := b.Wait(patient, provider.Bulk); err != nil || time.Since(began) != time.Minute || asked < 50 {
			t.Errorf("%v after %v, asked %d times", err, time.Since(began), asked)
		}
		drain(t, b, provider.Live)
		began = time.Now()
		time.AfterFunc(3*time.Second, func() { wanted = false })
		if err := b.Wait(patient, provider.Bulk); !provider.IsKind(err, provider.RateLimited) || time.Since(began) > 5*time.Second {
			t.Errorf("not wanted any more: %v after %v", err, time.Since(began))
		}
		wanted = true
		stopping, stop := context.WithCancel(patient)
		time.AfterFunc(time.Second/2, stop)
		began = time.Now()
		if err := b.Wait(stopping, provider.Bulk); !errors.Is(err, context.Canceled) || time.Since(began) != time.Second/2 {
			t.Errorf("stopped: %v after %v", err, time.Since(began))
		}
	})
}

// The hour that a spent day takes is nothing to sit out: the job sleeps instead.
func TestNobodyIsPatientEnoughForASpentDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apiclient.NewBudget(apiclient.BudgetConfig{Burst: 100, Interval: 10 * time.Second, Daily: 20})
		drain(t, b, provider.Live)
		began := time.Now()
		err := b.Wait(provider.WithPatience(t.Context(), func(context.Context) bool { return true }), provider.Bulk)
		if !provider.IsKind(err, provider.RateLimited) || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
