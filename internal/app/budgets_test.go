package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"crosswalk/internal/config"
	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
)

// TestNobodyElsesBudgetIsTouchedByWhatAPersonTypes lets a server of a stranger's answer for a project another workspace is
// connected to: the limits it tells, and the calls it is asked, are not that workspace's.
func TestNobodyElsesBudgetIsTouchedByWhatAPersonTypes(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load([]string{"CROSSWALK_DATA=" + t.TempDir()}, config.Overrides{})
	check(t, err)
	hostile := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{
			"X-RateLimit-Max": "1", "X-RateLimit-Interval-Milliseconds": "86400000", "X-RateLimit-Limit-Daily": "1", "X-RateLimit-Daily-Remaining": "0", "Retry-After": "86400",
		} {
			w.Header().Set(name, value)
		}
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer hostile.Close()
	token := func(context.Context) (string, error) { return "key", nil }
	for _, of := range []provider.ID{"gleap", "highlevel"} {
		p := newProviders(cfg, http.DefaultTransport, time.Now)
		build := p.builders()[of]
		victim := connection.Connection{ID: "cn_victim", Provider: of, Account: provider.Account{ID: "theirs"}, BaseURL: p.BaseURL(of)}
		_, err := build(victim, token, nil)
		check(t, err)
		before, known := p.quotaOf(t.Context(), victim, noLedgers{})
		if !known || before.Used != 0 {
			t.Fatalf("%s: %+v, %v", of, before, known)
		}
		for name, c := range map[string]connection.Connection{
			"only typed":                     {Provider: of, Account: victim.Account, BaseURL: hostile.URL},
			"only typed, at the right place": {Provider: of, Account: victim.Account, BaseURL: p.BaseURL(of)},
			"saved":                          {ID: "cn_other", Provider: of, Account: victim.Account, BaseURL: hostile.URL},
		} {
			client, err := build(c, token, nil)
			check(t, err)
			if c.BaseURL != hostile.URL {
				continue // nobody is asked in tests
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if _, err := client.(provider.Checker).Check(ctx); !provider.IsKind(err, provider.RateLimited) {
				t.Errorf("%s, %s: %v", of, name, err)
			}
			cancel()
		}
		if after, _ := p.quotaOf(t.Context(), victim, noLedgers{}); after != before {
			t.Errorf("%s: the budget was %+v and is %+v", of, before, after)
		}
		if got := p.spenders[p.budgetKey(victim)]; got != victim.ID {
			t.Errorf("%s: the calls are counted as %q's", of, got)
		}
		if err := p.budgets[p.budgetKey(victim)].Wait(t.Context(), provider.Live); err != nil {
			t.Errorf("%s: the next call: %v", of, err)
		}
	}
}

// noLedgers have nothing of what other processes learnt.
type noLedgers struct{}

func (noLedgers) Ledgers(context.Context) (map[string]string, time.Time, error) {
	return nil, time.Time{}, nil
}
func (noLedgers) ChangeLedger(context.Context, string, func(string, time.Time) (string, error)) error {
	return nil
}
