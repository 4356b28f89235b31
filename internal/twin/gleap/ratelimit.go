package gleap

import (
	"math"
	"net/http"
	"sync"
	"time"
)

// Rate is the project's budget: reference §5. Zero means the documented 1000
// requests a minute, and 200 among them on tickets; negative means no limit.
type Rate struct {
	PerMinute        int
	TicketsPerMinute int
}

// limiter counts calls in fixed windows of a minute. The window's alignment is
// not documented; the twin's begins with its first call.
type limiter struct {
	mu       sync.Mutex
	all, tix window
}

type window struct {
	limit int // 0: no limit
	start time.Time
	used  int
}

func newLimiter(rate Rate, instant bool) *limiter {
	limit := func(asked, usual int) int {
		switch {
		case instant || asked < 0:
			return 0
		case asked == 0:
			return usual
		}
		return asked
	}
	return &limiter{
		all: window{limit: limit(rate.PerMinute, 1000)},
		tix: window{limit: limit(rate.TicketsPerMinute, 200)},
	}
}

// take spends one call, or says how long to wait. A refused call is not
// counted.
func (l *limiter) take(ticket bool, now time.Time) (wait time.Duration) {
	if l.all.limit == 0 && l.tix.limit == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	wait = l.all.wait(now)
	if ticket {
		wait = max(wait, l.tix.wait(now))
	}
	if wait > 0 {
		return wait
	}
	l.all.used++
	if ticket {
		l.tix.used++
	}
	return 0
}

func (w *window) wait(now time.Time) time.Duration {
	if passed := now.Sub(w.start); passed >= time.Minute || passed < 0 {
		w.start, w.used = now, 0
	}
	if w.limit == 0 || w.used < w.limit {
		return 0
	}
	return w.start.Add(time.Minute).Sub(now)
}

// tooMany is the answer over the limit. Its body is unconfirmed: §19.9.
func tooMany(wait time.Duration) answer {
	a := fail(http.StatusTooManyRequests, "Too many requests, please try again later.")
	a.retry = max(1, int(math.Ceil(wait.Seconds())))
	return a
}
