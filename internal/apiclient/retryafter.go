package apiclient

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	defaultPause = 10 * time.Second
	longestPause = 24 * time.Hour
)

// RetryAfter is how long an answer asks us to wait: the header in seconds or as a date, else the rate interval
// it names, else ten seconds (reference/highlevel.md §3). It is at least a second and at most a day.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	wait := defaultPause
	if raw := strings.TrimSpace(h.Get("Retry-After")); raw != "" {
		if seconds, err := strconv.ParseFloat(raw, 64); err == nil {
			wait = time.Duration(min(max(seconds, 0), longestPause.Seconds()) * float64(time.Second))
		} else if at, err := http.ParseTime(raw); err == nil {
			wait = at.Sub(now)
		}
	} else if ms, ok := headerInt(h, "X-RateLimit-Interval-Milliseconds"); ok && ms > 0 {
		wait = time.Duration(min(ms, int(longestPause.Milliseconds()))) * time.Millisecond
	}
	return min(max(wait, time.Second), longestPause)
}

func headerInt(h http.Header, name string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(h.Get(name)))
	return n, err == nil && n >= 0
}
