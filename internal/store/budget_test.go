package store_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/provider"
	"crosswalk/internal/store"
	"crosswalk/internal/store/storetest"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// TestTwoMachinesOnOneBudgetAreNeverRefused lets two processes with a store each on one PostgreSQL call a twin that
// counts: thousands of calls, as fast as the budget lets them, and not one 429.
func TestTwoMachinesOnOneBudgetAreNeverRefused(t *testing.T) {
	t.Parallel()
	const burst, interval, calls = 250, 400 * time.Millisecond, 3000
	twin, err := twinhighlevel.New(twinhighlevel.Config{Seed: 1, Token: "pit-test", Rate: twinhighlevel.Rate{Burst: burst, Interval: interval}})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(twin)
	t.Cleanup(func() { api.Close(); _ = twin.Close() })
	place := twin.Ready(api.URL).LocationID

	first := storetest.Postgres(t)
	url := first.PGXPool().Config().ConnString()
	second, err := store.Open(t.Context(), store.Config{PostgresURL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = second.Close() })

	var left, refused, made atomic.Int64
	left.Store(calls)
	var machines [2]atomic.Int64
	var looks atomic.Int64
	began := time.Now()
	var all sync.WaitGroup
	for i, st := range []*store.Store{first, second} {
		ledger := func(ctx context.Context, budget string, change func(string, time.Time) (string, error)) error {
			looks.Add(1)
			return st.ChangeLedger(ctx, budget, change)
		}
		b := apiclient.NewBudget(apiclient.BudgetConfig{Burst: burst, Interval: interval, Key: "highlevel/" + place, Ledger: ledger, MaxWait: 10 * time.Second})
		for worker := range 8 {
			all.Go(func() {
				for left.Add(-1) >= 0 {
					for {
						err := b.Wait(t.Context(), provider.Priority(worker%3))
						if err == nil {
							break
						}
						if e, ok := errors.AsType[*provider.Error](err); !ok || e.Kind != provider.RateLimited {
							t.Error(err)
							return
						}
					}
					r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api.URL+"/locations/"+place, nil)
					if err != nil {
						t.Error(err)
						return
					}
					r.Header.Set("Authorization", "Bearer pit-test")
					r.Header.Set("Version", "2021-07-28")
					resp, err := http.DefaultClient.Do(r)
					if err != nil {
						t.Error(err)
						b.Done()
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
					b.Observe(resp.Header, resp.StatusCode)
					b.Done()
					made.Add(1)
					machines[i].Add(1)
					if resp.StatusCode == http.StatusTooManyRequests {
						refused.Add(1)
					} else if resp.StatusCode != http.StatusOK {
						t.Errorf("answered %d", resp.StatusCode)
						return
					}
				}
			})
		}
	}
	all.Wait()
	t.Logf("%d calls in %v, %d looks at the ledger, %d and %d by machine", made.Load(), time.Since(began).Round(time.Millisecond), looks.Load(), machines[0].Load(), machines[1].Load())
	if made.Load() != calls || refused.Load() > 0 {
		t.Errorf("%d of %d calls were made, %d were refused", made.Load(), calls, refused.Load())
	}
	if looks.Load() > calls/3 {
		t.Errorf("%d looks at the ledger for %d calls", looks.Load(), calls)
	}
	for i := range machines {
		if machines[i].Load() == 0 {
			t.Errorf("machine %d had nothing of it", i)
		}
	}
}
