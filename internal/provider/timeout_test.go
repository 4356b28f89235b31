package provider_test

import (
	"testing"
	"testing/synctest"
	"time"

	"crosswalk/internal/provider"
)

func TestTimeoutsCanBeLeftToWhoeverKeepsTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bounded, cancel := provider.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		timeless, end := provider.WithTimeout(provider.WithoutTimeouts(t.Context()), time.Minute)
		time.Sleep(time.Hour)
		synctest.Wait()
		if bounded.Err() == nil {
			t.Error("a minute has no end")
		}
		if err := timeless.Err(); err != nil {
			t.Errorf("work without timeouts was cut short: %v", err)
		}
		if end(); timeless.Err() == nil {
			t.Error("work without timeouts cannot be cancelled")
		}
	})
}
