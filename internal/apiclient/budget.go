package apiclient

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"crosswalk/internal/provider"
)

const (
	day            = 24 * time.Hour
	defaultMaxWait = 5 * time.Second
	// defaultPatience outlasts every provider's interval.
	defaultPatience = 2 * time.Minute
	// glance is how often a patient call asks whether it is still wanted.
	glance = time.Second
	// probeAfter limits how long we believe that a day is spent: providers do not say when theirs begins.
	probeAfter = time.Hour
	maxBurst   = 10_000 // the window is kept call by call; no provider comes near
)

// BudgetConfig is a provider's limit as far as it is known in advance; answers teach the rest.
type BudgetConfig struct {
	Burst    int           // calls per Interval; 0 = no limit until an answer names one
	Interval time.Duration // default 10 s
	Daily    int           // calls per day; 0 = no limit until an answer names one
	Reserve  int           // percent of both that is left to other apps
	Key      string        // names this budget in Ledger
	Ledger   Ledger        // shared with other processes; nil: this process has it alone
	MaxWait  time.Duration // a longer wait is refused as RateLimited instead; default 5 s
	Patience time.Duration // MaxWait of patient calls (provider.WithPatience) that are not urgent; default 2 min
	Now      func() time.Time
}

// Quota is what is left, as best we know. Max and DailyMax are 0 when unlimited or unknown.
type Quota struct {
	Remaining, Max           int
	DailyRemaining, DailyMax int
	Interval                 time.Duration // what Max is of
	ResetAt                  time.Time     // when the next call becomes possible, zero when it is possible now
	// Forecast is how many calls the day comes to at the pace of the last hour; 0 when there is no daily limit. Above
	// DailyMax, the day's calls run out at RunsOut.
	Forecast int
	RunsOut  time.Time
}

// Budget spends the rate limit of one connection. It counts a sliding window, not a refilling bucket: where the
// provider's fixed window begins is not documented, and only "never more than Burst in any Interval" fits them all.
// A nil *Budget is no limit.
type Budget struct {
	cfg BudgetConfig

	mu          sync.Mutex
	burst       int
	interval    time.Duration
	flying      []time.Time // calls without an answer, by when they were sent
	taken       []time.Time // calls of the last interval, by when they were answered
	dailyMax    int
	dailyLeft   int
	dayBegan    time.Time
	spentUntil  time.Time // while the day is spent: when to look again
	pausedUntil time.Time
	waiting     [provider.Audit + 1]int
	changed     chan struct{} // closed and replaced when waiters should look again
	pace        pace

	// limitsHeard: an answer named limits the others do not know of yet.
	limitsHeard bool
	// untold is what the others do not know of our day yet: its counts, and whether the provider told what is left.
	untold           daily
	untoldAt, toldAt time.Time

	// What follows is used with a Ledger only.
	holder       string
	held         holding
	leasing      bool // a block is being leased
	tellPause    bool // the provider asked to wait, and the others do not know yet
	refusedUntil [provider.Audit + 1]time.Time
	settled      int // calls answered since the last lease
	settledAt    time.Time
}

// NewBudget makes a budget. Tell it with Done when a call that was waited for has its answer.
func NewBudget(cfg BudgetConfig) *Budget {
	if cfg.Interval <= 0 {
		cfg.Interval = defaultPause
	}
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = defaultMaxWait
	}
	if cfg.Patience <= 0 {
		cfg.Patience = defaultPatience
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Budget{
		cfg: cfg, burst: cfg.Burst, interval: cfg.Interval, dailyMax: cfg.Daily, dailyLeft: cfg.Daily,
		changed: make(chan struct{}), holder: newHolder(),
	}
}

// Wait spends one call, waiting its turn: a more urgent priority goes first, and what can wait leaves part of the budget
// untouched. A wait too long to sit out is a RateLimited *provider.Error; a cancelled one is ctx's error.
func (b *Budget) Wait(ctx context.Context, p provider.Priority) error {
	if b == nil {
		return ctx.Err()
	}
	p = min(p, provider.Audit)
	longest := b.cfg.MaxWait
	wanted := provider.Patience(ctx)
	if p < provider.Bulk {
		wanted = nil
	}
	if wanted != nil {
		longest = b.cfg.Patience
	}
	deadline, asked := b.cfg.Now().Add(longest), b.cfg.Now()
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
		t := b.take(now, p)
		wait := t.wait
		switch {
		case t.taken:
			return nil
		case t.lease:
			if err := b.borrow(ctx, p); err != nil {
				return err
			}
			continue
		case t.behind: // somebody more urgent is waiting, or leasing, and wakes us
			if wait = deadline.Sub(now); wait <= 0 {
				return &provider.Error{Kind: provider.RateLimited, RetryAfter: time.Second, Detail: "more urgent work is using up the rate limit"}
			}
		}
		if now.Add(wait).After(deadline) {
			return &provider.Error{Kind: provider.RateLimited, RetryAfter: max(wait, time.Second), Detail: "the rate limit is used up for now"}
		}
		if wanted != nil {
			if now.Sub(asked) >= glance {
				if !wanted(ctx) {
					return &provider.Error{Kind: provider.RateLimited, RetryAfter: max(wait, time.Second), Detail: "it waited for the rate limit, and is not wanted any more"}
				}
				asked = now
			}
			wait = min(wait, glance)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-t.changed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// Done says that a call that was waited for is over, with an answer or without. Until then it counts as on its way: the
// provider may count it at any moment up to its answer, and forgets it an interval after that.
func (b *Budget) Done() {
	if b == nil {
		return
	}
	now := b.cfg.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.flying) > 0 {
		b.flying = append(b.flying[:0], b.flying[1:]...)
		b.taken = append(b.taken, now)
	}
	b.settled, b.settledAt = b.settled+1, now
}

// turn is what a waiter learns when it looks.
type turn struct {
	taken   bool          // a call was spent
	wait    time.Duration // how long until one can be
	behind  bool          // of somebody more urgent, or somebody who leases
	lease   bool          // the caller is to lease a block
	changed <-chan struct{}
}

func (b *Budget) take(now time.Time, p provider.Priority) turn {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cfg.Ledger != nil && b.burst > 0 && b.tellPause && !b.leasing {
		b.leasing = true
		return turn{lease: true}
	}
	if wait := b.untilFree(now, p); wait > 0 {
		return turn{wait: wait, changed: b.changed}
	}
	for urgent := range p {
		if b.waiting[urgent] > 0 {
			return turn{behind: true, changed: b.changed}
		}
	}
	if b.cfg.Ledger != nil && b.burst > 0 {
		enough := b.held.calls > 0 && p <= b.held.priority && now.Before(b.held.until)
		switch {
		case b.leasing:
			return turn{behind: true, changed: b.changed}
		case !enough && b.refusedUntil[p].After(now):
			return turn{wait: b.refusedUntil[p].Sub(now), changed: b.changed}
		case !enough:
			b.leasing = true
			return turn{lease: true}
		}
		b.held.calls--
	}
	b.spend(now, p)
	return turn{taken: true}
}

// allowed is how many calls of an interval such work may use.
func (b *Budget) allowed(p provider.Priority) int {
	all := b.withoutReserve(b.burst)
	switch p {
	case provider.Retry:
		return all - all/10
	case provider.Bulk:
		return all - all/5
	case provider.Audit:
		return all - all*2/5
	}
	return all
}

func (b *Budget) withoutReserve(n int) int {
	if n <= 0 {
		return n
	}
	return max(1, n-n*b.cfg.Reserve/100)
}

// untilFree is how long until a call of this priority fits. The caller holds mu.
func (b *Budget) untilFree(now time.Time, p provider.Priority) time.Duration {
	b.prune(now)
	if wait := b.pausedUntil.Sub(now); wait > 0 {
		return wait
	}
	if b.dailyMax > 0 {
		b.turnDay(now)
		left := b.dailyLeft - (b.dailyMax - b.withoutReserve(b.dailyMax))
		if left <= 0 {
			if wait := b.spentUntil.Sub(now); wait > 0 {
				return wait
			}
			if b.dailyLeft <= 0 {
				b.dailyLeft = 1 // one call to see whether the provider's day has turned
			}
		} else if p >= provider.Bulk && left <= b.keptForUrgent(now, p) {
			return min(max(b.dayBegan.Add(day).Sub(now), time.Second), probeAfter)
		}
	}
	allowed := b.allowed(p)
	out := len(b.flying) + len(b.taken)
	if b.burst <= 0 || out < allowed {
		return 0
	}
	// So many must leave the window first.
	ends := slices.Concat(b.flying, b.taken)
	slices.SortFunc(ends, time.Time.Compare)
	return max(ends[out-allowed].Add(b.interval).Sub(now), time.Millisecond)
}

// keptForUrgent is how much of the day what can wait leaves alone: a fifth (audits two fifths), or what urgent work
// needs until the day's end at its present pace, if that is more.
func (b *Budget) keptForUrgent(now time.Time, p provider.Priority) int {
	kept := b.dailyMax / 5
	if p == provider.Audit {
		kept *= 2
	}
	if b.dayBegan.IsZero() {
		return kept
	}
	return max(kept, b.pace.urgentUntil(now, b.dayBegan.Add(day)))
}

// prune forgets calls that have left the window.
func (b *Budget) prune(now time.Time) {
	for _, calls := range []*[]time.Time{&b.flying, &b.taken} {
		n := 0
		for n < len(*calls) && !(*calls)[n].Add(b.interval).After(now) {
			n++
		}
		if n > 0 {
			*calls = append((*calls)[:0], (*calls)[n:]...)
		}
	}
}

func (b *Budget) spend(now time.Time, p provider.Priority) {
	b.pace.spent(now, p < provider.Bulk)
	b.untold.spent, b.untoldAt = b.untold.spent+1, now
	if p < provider.Bulk {
		b.untold.urgent++
	}
	if b.burst > 0 {
		b.flying = append(b.flying, now)
	}
	if b.dailyMax > 0 {
		if b.dayBegan.IsZero() {
			b.dayBegan = now
		}
		if b.dailyLeft--; b.dailyLeft <= b.dailyMax-b.withoutReserve(b.dailyMax) {
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
		b.interval, b.limitsHeard = min(time.Duration(ms)*time.Millisecond, day), true
	}
	if n, ok := headerInt(h, "X-RateLimit-Max"); ok && n > 0 {
		b.burst, b.limitsHeard = min(n, maxBurst), true
	}
	b.prune(now)
	if left, ok := headerInt(h, "X-RateLimit-Remaining"); ok && b.burst > 0 {
		// Somebody else spends the same budget: count their calls as ours, as late as they can have been.
		for missing := b.burst - len(b.flying) - len(b.taken) - left; missing > 0; missing-- {
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
		b.untold.told, b.toldAt = true, now
		if b.dailyLeft = left; left <= b.dailyMax-b.withoutReserve(b.dailyMax) {
			b.daySpent(now)
		}
	}
	b.pace.answered(now, status == http.StatusTooManyRequests)
	if status == http.StatusTooManyRequests {
		if until := now.Add(RetryAfter(h, now)); until.After(b.pausedUntil) {
			b.pausedUntil, b.tellPause = until, true
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
	out := len(b.flying) + len(b.taken)
	q := Quota{Max: b.burst, Interval: b.interval, Remaining: max(b.burst-out, 0), DailyMax: b.dailyMax, DailyRemaining: max(b.dailyLeft, 0)}
	if b.dailyMax > 0 && !b.dayBegan.IsZero() {
		used, end := b.dailyMax-q.DailyRemaining, b.dayBegan.Add(day)
		more := b.pace.until(now, end)
		if q.Forecast = used + more; q.Forecast > b.dailyMax && more > 0 {
			q.RunsOut = now.Add(time.Duration(float64(end.Sub(now)) * float64(q.DailyRemaining) / float64(more)))
		}
	}
	switch {
	case b.pausedUntil.After(now):
		q.Remaining, q.ResetAt = 0, b.pausedUntil
	case b.dailyMax > 0 && b.dailyLeft <= b.dailyMax-b.withoutReserve(b.dailyMax) && b.spentUntil.After(now):
		q.Remaining, q.ResetAt = 0, b.spentUntil
	case b.burst > 0 && out >= b.burst:
		ends := slices.Concat(b.flying, b.taken)
		slices.SortFunc(ends, time.Time.Compare)
		q.ResetAt = ends[out-b.burst].Add(b.interval)
	}
	return q
}

// TakeUse hands out what was answered since the last time, minute by minute.
func (b *Budget) TakeUse() []Use {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pace.take()
}

// wake makes every waiter look again. The caller holds mu.
func (b *Budget) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}
