package highlevel

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Rate is the budget of one resource (a location or the company) with this
// app: reference §3. Zero values mean the documented limits.
type Rate struct {
	Burst    int // negative: unlimited
	Interval time.Duration
	Daily    int
}

// limiter counts calls in fixed windows. The window's alignment is not
// documented; the twin's begins with its first call.
type limiter struct {
	rate      Rate
	unlimited bool

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	start, day time.Time
	used       int
	usedToday  int
}

type limitState struct {
	known                 bool
	remaining, dailyRemnt int
	refused               bool
}

func newLimiter(rate Rate, instant bool) *limiter {
	l := &limiter{rate: rate, unlimited: instant || rate.Burst < 0, buckets: map[string]*bucket{}}
	if l.unlimited {
		l.rate.Burst, l.rate.Daily = 1_000_000, 1_000_000_000
	}
	if l.rate.Burst == 0 {
		l.rate.Burst = 100
	}
	if l.rate.Interval <= 0 {
		l.rate.Interval = 10 * time.Second
	}
	if l.rate.Daily <= 0 {
		l.rate.Daily = 200_000
	}
	return l
}

// take spends one call of a resource's budget.
func (l *limiter) take(resource string, now time.Time) limitState {
	if l.unlimited {
		return limitState{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[resource]
	if b == nil {
		b = &bucket{start: now, day: now}
		l.buckets[resource] = b
	}
	if now.Sub(b.start) >= l.rate.Interval {
		b.start, b.used = now, 0
	}
	if now.Sub(b.day) >= 24*time.Hour {
		b.day, b.usedToday = now, 0
	}
	s := limitState{known: true}
	if b.used >= l.rate.Burst || b.usedToday >= l.rate.Daily {
		s.refused = true
	} else {
		b.used++
		b.usedToday++
	}
	s.remaining, s.dailyRemnt = l.rate.Burst-b.used, l.rate.Daily-b.usedToday
	return s
}

// headers are on every response; none tells when the window ends: §3.
func (l *limiter) headers(h http.Header, s limitState) {
	if !s.known {
		s.remaining, s.dailyRemnt = l.rate.Burst, l.rate.Daily
	}
	h.Set("X-RateLimit-Limit-Daily", strconv.Itoa(l.rate.Daily))
	h.Set("X-RateLimit-Daily-Remaining", strconv.Itoa(s.dailyRemnt))
	h.Set("X-RateLimit-Interval-Milliseconds", strconv.FormatInt(l.rate.Interval.Milliseconds(), 10))
	h.Set("X-RateLimit-Max", strconv.Itoa(l.rate.Burst))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(s.remaining))
}
