package engine

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"time"
)

const (
	// pollSlowest is the longest between two polls, whatever speaks for waiting.
	pollSlowest = time.Hour
	// pollShare is the part of a connection's calls that polling may take, in percent.
	pollShare = 10
)

// Pace is how long to wait until the next poll, and, where that is longer than was asked for, why in one sentence:
// polling keeps within its share of the call limit, and lets a provider rest that is out of order.
func Pace(w Watch, c PollCursor, q QuotaState, now time.Time) (every time.Duration, why string) {
	every = w.Every
	slower := func(d time.Duration, because string) {
		if d = min(d, max(pollSlowest, w.Every)); d > every {
			every, why = d, because
		}
	}
	calls := float64(max(c.Calls, 1) * max(w.Shares, 1))
	if usable := float64(q.DailyLimit) * float64(100-q.Reserve) / 100; usable > 0 {
		share := usable * pollShare / 100
		because := fmt.Sprintf("a poll takes %s, and all polling keeps within %d %% of the day’s limit", calling(c.Calls), pollShare)
		if left := usable - float64(q.Forecast); left < usable/5 {
			// The last fifth of the day is for what people wait for: less and less of it is taken for polling.
			share *= max(left/(usable/5), 0.05)
			because = "the day’s calls are running short"
		}
		slower(time.Duration(float64(24*time.Hour)*calls/share), because)
	}
	if q.Limit > 0 && q.Interval > 0 {
		slower(time.Duration(float64(q.Interval)*calls*100/(float64(q.Limit)*pollShare)), fmt.Sprintf("a poll takes %s, and all polling keeps within %d %% of the limit", calling(c.Calls), pollShare))
	}
	if wait := q.ResetAt.Sub(now); wait > 0 {
		slower(wait, "the call limit is used up")
	}
	if c.Failures > 0 {
		slower(w.Every<<min(c.Failures, 10), "the last "+cmp.Or(map[bool]string{true: "poll"}[c.Failures == 1], fmt.Sprintf("%d polls", c.Failures))+" failed")
	}
	return every + spread(c, every), why
}

func calling(n int) string {
	if n <= 1 {
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}

// spread keeps what is polled equally often from being polled at once: up to a twentieth, always the same.
func spread(c PollCursor, every time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(string(c.Connection) + "/" + string(c.Object)))
	return every / 20 * time.Duration(h.Sum32()%100) / 100
}
