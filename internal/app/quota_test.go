package app

import (
	"testing"

	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
)

// What is left of the account's calls is known where nobody calls it: in a process that only shows pages, and after a
// restart.
func TestTheCallLimitIsKnownToWhoCallsNobody(t *testing.T) {
	t.Parallel()
	const calls = 12
	for name, processes := range map[string]int{"another process on one PostgreSQL": 2, "after a restart on the embedded database": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t, processes)
			c := e.connects()
			caller, asked := e.houses[0], e.houses[len(e.houses)-1]
			if _, known := asked.providers.quotaOf(t.Context(), connection.Connection{Provider: c.Provider, Account: provider.Account{ID: "never called"}}, asked.store); known {
				t.Error("a limit is known of an account nobody has called")
			}
			client, err := caller.gateway.Client(t.Context(), c.ID)
			e.must(err)
			for range calls {
				_, err := client.(provider.Checker).Check(t.Context())
				e.must(err)
			}
			caller.bookNow(t.Context())
			want, known := caller.quota(c.ID)
			if !known || want.DailyUsed < calls || want.Limit == 0 {
				t.Fatalf("the caller itself knows %+v, %v", want, known)
			}
			if processes == 0 {
				asked.providers = newProviders(asked.cfg, nil, asked.providers.now) // as it is started again
			}
			got, known := asked.quota(c.ID)
			if !known || got.Limit != want.Limit || got.Interval != want.Interval || got.DailyLimit != want.DailyLimit || got.Reserve != want.Reserve {
				t.Errorf("it is %+v, %v; want the limits of %+v", got, known, want)
			}
			// On PostgreSQL a block may not have been told yet.
			if off := want.DailyUsed - got.DailyUsed; off < 0 || off > 10 {
				t.Errorf("%d calls of the day are used, want about %d", got.DailyUsed, want.DailyUsed)
			}
			if processes == 0 && (got.DailyUsed != want.DailyUsed || got.Used != 0) {
				t.Errorf("after a restart it is %+v, want %+v", got, want)
			}
		})
	}
}
