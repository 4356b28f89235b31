package engine_test

import (
	"testing"
	"time"

	"crosswalk/internal/engine"
)

func TestCallsTakeNoLessThanTheDaysLimitLets(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for _, c := range []struct {
		name  string
		quota engine.QuotaState
		calls int
		want  time.Duration
	}{
		{"nothing to do", engine.QuotaState{DailyLimit: 100}, 0, 0},
		{"no limit is known", engine.QuotaState{}, 280_000, 28_000 * time.Second},
		{"fits into today", engine.QuotaState{DailyLimit: 200_000, DailyUsed: 50_000}, 100_000, 10_000 * time.Second},
		{"just fits, but for what is left to others", engine.QuotaState{DailyLimit: 200_000, Reserve: 10, DailyUsed: 80_000}, 100_000, 10_000 * time.Second},
		{"goes on after midnight", engine.QuotaState{DailyLimit: 200_000, Reserve: 10, DailyUsed: 80_000}, 100_010, 12*time.Hour + time.Second},
		{"takes two more days", engine.QuotaState{DailyLimit: 200_000, Reserve: 10, DailyUsed: 180_000}, 280_000, 12*time.Hour + day + 10_000*time.Second},
		{"today is used up", engine.QuotaState{DailyLimit: 1_000, DailyUsed: 5_000}, 10, 12*time.Hour + time.Second},
		{"everything is left to others", engine.QuotaState{DailyLimit: 1_000, Reserve: 100}, 10, time.Second},
	} {
		if got := c.quota.Takes(c.calls, 10, noon); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// More calls never take less time, and no day makes more calls than its limit.
func TestMoreCallsTakeNoLessTime(t *testing.T) {
	t.Parallel()
	late := time.Date(2026, time.March, 2, 23, 59, 0, 0, time.UTC)
	q, last := engine.QuotaState{DailyLimit: 5_000, Reserve: 20, DailyUsed: 1_000}, time.Duration(0)
	for calls := range 30_000 {
		took := q.Takes(calls, 8, late)
		if took < last {
			t.Fatalf("%d calls take %s, one less %s", calls, took, last)
		}
		last = took
	}
}
