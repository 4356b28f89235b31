package engine

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPaceKeepsWithinItsShareAndSaysWhy(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	highLevel := QuotaState{Limit: 100, Interval: 10 * time.Second, DailyLimit: 200_000, Reserve: 10, Forecast: 20_000}
	short := highLevel
	short.Forecast = 175_000
	spent := highLevel
	spent.Forecast = 400_000
	used := highLevel
	used.ResetAt = now.Add(8 * time.Minute)
	for name, c := range map[string]struct {
		watch    Watch
		cursor   PollCursor
		quota    QuotaState
		from, to time.Duration
		why      string
	}{
		"nothing is known":                  {Watch{Every: time.Minute}, PollCursor{}, QuotaState{}, time.Minute, 63 * time.Second, ""},
		"one page":                          {Watch{Every: time.Minute}, PollCursor{Calls: 1}, highLevel, time.Minute, 63 * time.Second, ""},
		"a listing of five thousand tasks":  {Watch{Every: time.Minute}, PollCursor{Calls: 50}, highLevel, 4 * time.Minute, 5 * time.Minute, "a poll takes 50 calls, and all polling keeps within 10 % of the day’s limit"},
		"three share the limit":             {Watch{Every: time.Minute, Shares: 3}, PollCursor{Calls: 50}, highLevel, 12 * time.Minute, 15 * time.Minute, "keeps within 10 %"},
		"the day runs short":                {Watch{Every: time.Minute}, PollCursor{Calls: 10}, short, 5 * time.Minute, 16 * time.Minute, "the day’s calls are running short"},
		"the day will be spent":             {Watch{Every: time.Minute}, PollCursor{Calls: 10}, spent, 15 * time.Minute, 20 * time.Minute, "the day’s calls are running short"},
		"never slower than an hour":         {Watch{Every: time.Minute}, PollCursor{Calls: 5000}, spent, time.Hour, 63 * time.Minute, "running short"},
		"but as slow as it was asked for":   {Watch{Every: 6 * time.Hour}, PollCursor{Calls: 1}, highLevel, 6 * time.Hour, 6*time.Hour + 18*time.Minute, ""},
		"the limit is used up":              {Watch{Every: time.Minute}, PollCursor{Calls: 1}, used, 8 * time.Minute, 9 * time.Minute, "the call limit is used up"},
		"the last poll failed":              {Watch{Every: time.Minute}, PollCursor{Failures: 1}, QuotaState{}, 2 * time.Minute, 3 * time.Minute, "the last poll failed"},
		"the provider is down":              {Watch{Every: time.Minute}, PollCursor{Failures: 40}, QuotaState{}, time.Hour, 63 * time.Minute, "the last 40 polls failed"},
		"a limit by the minute, no day":     {Watch{Every: time.Second}, PollCursor{Calls: 5}, QuotaState{Limit: 1000, Interval: time.Minute}, 3 * time.Second, 4 * time.Second, "within 10 % of the limit"},
		"asked for more often than we tick": {Watch{Every: 5 * time.Minute}, PollCursor{Calls: 2}, highLevel, 5 * time.Minute, 6 * time.Minute, ""},
	} {
		every, why := Pace(c.watch, c.cursor, c.quota, now)
		if every < c.from || every > c.to || !strings.Contains(why, c.why) || c.why == "" && why != "" {
			t.Errorf("%s: every %s because %q, want %s to %s because %q", name, every, why, c.from, c.to, c.why)
		}
	}
}

// However many watches there are and whatever they take, together they keep within their share, while an hour allows it.
func TestAllPollingTogetherKeepsWithinItsShare(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := QuotaState{Limit: rapid.IntRange(10, 1000).Draw(t, "limit"), Interval: 10 * time.Second, DailyLimit: rapid.IntRange(10_000, 1_000_000).Draw(t, "daily"), Reserve: rapid.IntRange(0, 90).Draw(t, "reserve")}
		watches := rapid.IntRange(1, 6).Draw(t, "watches")
		perDay, slowest := 0.0, false
		for range watches {
			calls := rapid.IntRange(0, 200).Draw(t, "calls")
			every, _ := Pace(Watch{Every: rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 5 * time.Minute}).Draw(t, "every"), Shares: watches}, PollCursor{Calls: calls}, q, time.Time{})
			perDay += float64(max(calls, 1)) * float64(24*time.Hour) / float64(every)
			slowest = slowest || every >= pollSlowest
		}
		if share := float64(q.DailyLimit) * float64(100-q.Reserve) / 100 * pollShare / 100; perDay > share*1.001 && !slowest {
			t.Errorf("%d watches take %.0f calls a day, their share is %.0f", watches, perDay, share)
		}
	})
}
