package apiclient

import (
	"context"
	"net/http"
	"sync"
	"time"

	"crosswalk/internal/provider"
)

const (
	day            = 24 * time.Hour
	defaultMaxWait = 5 * time.Second
	// probeAfter limits how long we believe that a day is spent: providers do not say when theirs begins.
	probeAfter = time.Hour
	maxBurst   = 10_000 // the window is kept call by call; no provider comes near
)

// SharedBudget lets several processes spend one budget. now comes from the caller so that the store needs no clock.
type SharedBudget interface {
	// Take spends n calls of key, or says how long until that is possible.
	Take(ctx context.Context, key string, n int, now time.Time) (ok bool, retryAfter time.Duration, err error)
}

// BudgetConfig is a provider's limit as far as it is known in advance; answers teach the rest.
type BudgetConfig struct {
	Burst    int           // calls per Interval; 0 = no limit until an answer names one
	Interval time.Duration // default 10 s
	Daily    int           // calls per day; 0 = no limit until an answer names one
	Key      string        // names this budget in Shared
	Shared   SharedBudget  // nil: this process only
	MaxWait  time.Duration // a longer wait is refused as RateLimited instead; default 5 s
	Now      func() time.Time
}

// Quota is what is left, as best we know. Max and DailyMax are 0 when unlimited or unknown.
type Quota struct {
	Remaining, Max           int
	DailyRemaining, DailyMax int
	ResetAt                  time.Time // when the next call becomes possible, zero when it is possible now
}

// Budget spends the rate limit of one connection. It counts a sliding window, not a refilling bucket: where the
// provider's fixed window begins is not documented, and only "never more than Burst in any Interval" fits them all.
// A nil *Budget is no limit.
type Budget struct {
	cfg BudgetConfig

	mu          sync.Mutex
	burst       int
	interval    time.Duration
	taken       []time.Time // calls of the last interval, oldest first
	dailyMax    int
	dailyLeft   int
	dayBegan    time.Time
	spentUntil  time.Time // while the day is spent: when to look again
	pausedUntil time.Time
	waiting     [provider.Bulk + 1]int
	changed     chan struct{} // closed and replaced when waiters should look again
}

// NewBudget makes a budget.
func NewBudget(cfg BudgetConfig) *Budget {
	if cfg.Interval <= 0 {
		cfg.Interval = defaultPause
	}
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = defaultMaxWait
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Budget{
		cfg: cfg, burst: cfg.Burst, interval: cfg.Interval, dailyMax: cfg.Daily, dailyLeft: cfg.Daily,
		changed: make(chan struct{}),
	}
}

// Wait spends one call, waiting its turn: a more urgent priority goes first, and bulk work leaves a fifth of the
// budget untouched. A wait too long to sit out is a RateLimited *provider.Error; a cancelled one is ctx's error.
func (b *Budget) Wait(ctx context.Context, p provider.Priority) error {
	if b == nil {
		return ctx.Err()
	}
	p = min(p, provider.Bulk)
	deadline := b.cfg.Now().Add(b.cfg.MaxWait)
	b.mu.Lock()
	b.waiting[p]++
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.waiting[p]--
		b.wake()
		b.mu.Unlock()
	}()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		now := b.cfg.Now()
		wait, ours, changed := b.take(now, p)
		switch {
		case !ours: // somebody more urgent is waiting, and wakes us
			if wait = deadline.Sub(now); wait <= 0 {
				return &provider.Error{Kind: provider.RateLimited, RetryAfter: time.Second, Detail: "more urgent work is using up the rate limit"}
			}
		case wait == 0:
			var err error
			if wait, err = b.takeShared(ctx, now); err != nil || wait == 0 {
				return err
			}
		}
		if now.Add(wait).After(deadline) {
			return &provider.Error{Kind: provider.RateLimited, RetryAfter: max(wait, time.Second), Detail: "the rate limit is used up for now"}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-changed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// take spends a call and returns 0, or says how long to wait. ours is false while a more urgent caller waits too.
func (b *Budget) take(now time.Time, p provider.Priority) (wait time.Duration, ours bool, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if wait = b.untilFree(now, p); wait > 0 {
		return wait, true, b.changed
	}
	for urgent := range p {
		if b.waiting[urgent] > 0 {
			return 0, false, b.changed
		}
	}
	b.spend(now)
	return 0, true, b.changed
}

// takeShared asks the other processes' ledger. When that ledger fails, being polite must not stop the work: the
// local count still holds and the provider's 429 has the last word.
func (b *Budget) takeShared(ctx context.Context, now time.Time) (time.Duration, error) {
	if b.cfg.Shared == nil {
		return 0, nil
	}
	ok, retryAfter, err := b.cfg.Shared.Take(ctx, b.cfg.Key, 1, now)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if ok || err != nil {
		return 0, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.taken); n > 0 { // give the local call back
		b.taken = b.taken[:n-1]
	}
	if b.dailyMax > 0 {
		b.dailyLeft++
	}
	return max(retryAfter, 10*time.Millisecond), nil
}

// untilFree is how long until a call of this priority fits. The caller holds mu.
func (b *Budget) untilFree(now time.Time, p provider.Priority) time.Duration {
	b.prune(now)
	if wait := b.pausedUntil.Sub(now); wait > 0 {
		return wait
	}
	if b.dailyMax > 0 {
		b.turnDay(now)
		if b.dailyLeft <= 0 {
			if wait := b.spentUntil.Sub(now); wait > 0 {
				return wait
			}
			b.dailyLeft = 1 // one call to see whether the provider's day has turned
		} else if p == provider.Bulk && b.dailyLeft <= b.dailyMax/5 {
			return min(max(b.dayBegan.Add(day).Sub(now), time.Second), probeAfter)
		}
	}
	allowed := b.burst
	switch p {
	case provider.Bulk:
		allowed -= b.burst / 5
	case provider.Retry:
		allowed -= b.burst / 10
	}
	if b.burst <= 0 || len(b.taken) < allowed {
		return 0
	}
	return b.taken[len(b.taken)-allowed].Add(b.interval).Sub(now)
}

// prune forgets calls that have left the window.
func (b *Budget) prune(now time.Time) {
	n := 0
	for n < len(b.taken) && !b.taken[n].Add(b.interval).After(now) {
		n++
	}
	if n > 0 {
		b.taken = append(b.taken[:0], b.taken[n:]...)
	}
}

func (b *Budget) spend(now time.Time) {
	if b.burst > 0 {
		b.taken = append(b.taken, now)
	}
	if b.dailyMax > 0 {
		if b.dayBegan.IsZero() {
			b.dayBegan = now
		}
		if b.dailyLeft--; b.dailyLeft <= 0 {
			b.daySpent(now)
		}
	}
}

func (b *Budget) turnDay(now time.Time) {
	if !b.dayBegan.IsZero() && !now.Before(b.dayBegan.Add(day)) {
		b.dayBegan, b.dailyLeft, b.spentUntil = now, b.dailyMax, time.Time{}
	}
}

func (b *Budget) daySpent(now time.Time) {
	b.spentUntil = now.Add(probeAfter)
	if end := b.dayBegan.Add(day); !b.dayBegan.IsZero() && end.After(now) && end.Before(b.spentUntil) {
		b.spentUntil = end
	}
}

// Observe learns from an answer: the limits it names, what it says is left, and a 429, which stops everybody.
func (b *Budget) Observe(h http.Header, status int) {
	if b == nil {
		return
	}
	now := b.cfg.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.wake()
	if ms, ok := headerInt(h, "X-RateLimit-Interval-Milliseconds"); ok && ms > 0 {
		b.interval = min(time.Duration(ms)*time.Millisecond, day)
	}
	if n, ok := headerInt(h, "X-RateLimit-Max"); ok && n > 0 {
		b.burst = min(n, maxBurst)
	}
	b.prune(now)
	if left, ok := headerInt(h, "X-RateLimit-Remaining"); ok && b.burst > 0 {
		// Somebody else spends the same budget: count their calls as ours, as late as they can have been.
		for missing := b.burst - len(b.taken) - left; missing > 0; missing-- {
			b.taken = append(b.taken, now)
		}
	}
	if n, ok := headerInt(h, "X-RateLimit-Limit-Daily"); ok && n > 0 {
		if b.dailyMax == 0 {
			b.dailyLeft = n
		}
		b.dailyMax = n
	}
	if left, ok := headerInt(h, "X-RateLimit-Daily-Remaining"); ok && b.dailyMax > 0 {
		if b.dayBegan.IsZero() || left > b.dailyLeft+max(b.burst, 1) {
			b.dayBegan = now // more than before: the provider's day has turned
		}
		if b.dailyLeft = left; left == 0 {
			b.daySpent(now)
		}
	}
	if status == http.StatusTooManyRequests {
		if until := now.Add(RetryAfter(h, now)); until.After(b.pausedUntil) {
			b.pausedUntil = until
		}
	}
}

// Left tells what remains for the most urgent work.
func (b *Budget) Left() Quota {
	if b == nil {
		return Quota{}
	}
	now := b.cfg.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prune(now)
	q := Quota{Max: b.burst, Remaining: max(b.burst-len(b.taken), 0), DailyMax: b.dailyMax, DailyRemaining: max(b.dailyLeft, 0)}
	switch {
	case b.pausedUntil.After(now):
		q.Remaining, q.ResetAt = 0, b.pausedUntil
	case b.dailyMax > 0 && b.dailyLeft <= 0 && b.spentUntil.After(now):
		q.Remaining, q.ResetAt = 0, b.spentUntil
	case b.burst > 0 && len(b.taken) >= b.burst:
		q.ResetAt = b.taken[len(b.taken)-b.burst].Add(b.interval)
	}
	return q
}

// wake makes every waiter look again. The caller holds mu.
func (b *Budget) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}
