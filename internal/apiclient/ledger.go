package apiclient

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"time"

	"crosswalk/internal/provider"
)

// Ledger is where processes that share one budget write down what they have leased of it. It hands the document of a
// budget to change, one process at a time, with a clock all of them share, and stores what comes back.
type Ledger func(ctx context.Context, budget string, change func(document string, now time.Time) (string, error)) error

const (
	// blocksOf is into how many blocks a budget is leased: so many calls pass between two looks at the ledger.
	blocksOf = 10
	// lookAgain is the share of an interval after which a budget that is leased out is looked at again: whoever has some
	// of it may have given it back.
	lookAgain = 20
)

// holding is what a budget has leased and not spent.
type holding struct {
	calls    int
	until    time.Time
	priority provider.Priority // what it was leased for; less urgent calls must lease their own
}

// settlement is what a holder tells of the block it had.
type settlement struct {
	done     int           // calls that were answered
	age      time.Duration // since the last of them
	flying   int           // calls on their way
	pause    time.Duration // how much longer the provider asked everybody to wait
	interval time.Duration
}

// daily is what a holder tells of the day, since it last told.
type daily struct {
	limit         int // calls a day; 0 = none is known
	spent, urgent int
	age           time.Duration // since the last of them
	// told is whether the provider said how many are left, how many that were, and how long ago.
	told    bool
	left    int
	toldAge time.Duration
}

// ledgerDocument is the stored form. Times are the database's, in microseconds.
type ledgerDocument struct {
	Blocks []ledgerBlock `json:"blocks,omitempty"`
	// Paused is until when the provider asked everybody to wait.
	Paused int64 `json:"paused,omitempty"`
	// Day is what is left of the day's calls, and Spans how many were spent in each span of the last hour, by all.
	Day   *ledgerDay   `json:"day,omitempty"`
	Spans []ledgerSpan `json:"spans,omitempty"`
	// Limits are those an answer named; nil: none did.
	Limits *ledgerLimits `json:"limits,omitempty"`
}

// ledgerLimits are so many calls in so many milliseconds.
type ledgerLimits struct {
	Calls    int   `json:"calls"`
	Interval int64 `json:"interval"`
}

// ledgerDay is a day of the provider's, as far as it is known.
type ledgerDay struct {
	Limit int   `json:"limit"`
	Left  int   `json:"left"`
	Began int64 `json:"began"`
	Told  int64 `json:"told,omitempty"` // when the provider last said what is left
}

// ledgerSpan is what was spent in spanOf.
type ledgerSpan struct {
	Start  int64 `json:"start"`
	Spent  int   `json:"spent"`
	Urgent int   `json:"urgent,omitempty"`
}

const spanOf = 5 * time.Minute

// ledgerBlock is a number of calls that count until then. An open one has a holder, who may still be spending it.
type ledgerBlock struct {
	Holder string `json:"holder,omitempty"`
	Calls  int    `json:"calls"`
	Until  int64  `json:"until"`
}

// readLedger takes what it cannot read for empty: the worst that comes of it is a 429.
func readLedger(document string) ledgerDocument {
	var d ledgerDocument
	if document != "" && json.Unmarshal([]byte(document), &d) != nil {
		return ledgerDocument{}
	}
	return d
}

func (d ledgerDocument) String() string {
	b, _ := json.Marshal(d) // numbers and texts always marshal
	return string(b)
}

// lease settles the holder's block and gives it another of up to want calls, as long as no more than allowed count in
// any interval. A call counts from when it was leased until an interval after its answer, whenever in between the
// provider counted it.
func (d *ledgerDocument) lease(holder string, s settlement, want, allowed int, now time.Time, leased time.Duration) (granted int, retryAfter time.Duration) {
	micro := now.UnixMicro()
	d.Blocks = slices.DeleteFunc(d.Blocks, func(b ledgerBlock) bool { return b.Holder == holder || b.Until <= micro })
	if until := now.Add(s.interval - s.age).UnixMicro(); s.done > 0 && until > micro {
		d.Blocks = append(d.Blocks, ledgerBlock{Calls: s.done, Until: until})
	}
	d.Paused = max(d.Paused, now.Add(s.pause).UnixMicro())
	used, next := s.flying, now.Add(max(s.interval/lookAgain, time.Millisecond)).UnixMicro()
	for _, b := range d.Blocks {
		used += b.Calls
		next = min(next, b.Until)
	}
	if d.Paused > micro {
		retryAfter = time.Duration(d.Paused-micro) * time.Microsecond
	} else if granted = min(want, allowed-used); granted <= 0 {
		granted, retryAfter = 0, time.Duration(next-micro)*time.Microsecond
	}
	if open := s.flying + granted; open > 0 {
		// Should the holder fall silent, what it may have spent at the very end counts for another interval, and some.
		d.Blocks = append(d.Blocks, ledgerBlock{Holder: holder, Calls: open, Until: now.Add(leased + s.interval*3/2).UnixMicro()})
	}
	return granted, max(retryAfter, 0)
}

// book writes down what a holder tells of the day.
func (d *ledgerDocument) book(s daily, burst int, now time.Time) {
	d.Spans = slices.DeleteFunc(d.Spans, func(m ledgerSpan) bool { return now.Sub(time.UnixMicro(m.Start)) > paceOver })
	if s.spent > 0 {
		start := now.Add(-s.age).Truncate(spanOf).UnixMicro()
		at, known := slices.BinarySearchFunc(d.Spans, start, func(m ledgerSpan, start int64) int { return cmp.Compare(m.Start, start) })
		if !known {
			d.Spans = slices.Insert(d.Spans, at, ledgerSpan{Start: start})
		}
		d.Spans[at].Spent += s.spent
		d.Spans[at].Urgent += s.urgent
	}
	if s.limit == 0 {
		return
	}
	if d.Day == nil || now.Sub(time.UnixMicro(d.Day.Began)) >= day {
		d.Day = &ledgerDay{Left: s.limit, Began: now.UnixMicro()}
	}
	d.Day.Limit = s.limit
	told := now.Add(-s.toldAge).UnixMicro()
	if !s.told || told <= d.Day.Told {
		d.Day.Left = max(d.Day.Left-s.spent, 0)
		return
	}
	if d.Day.Told > 0 && s.left > d.Day.Left+max(burst, 1) {
		d.Day.Began = told // more than before: the provider's day has turned
	}
	d.Day.Left, d.Day.Told = s.left, told
}

// Learn takes from the ledger's document what all processes spent. now is the ledger's clock. Whoever leases has learnt
// it already; it is for those who only want to know.
func (b *Budget) Learn(document string, now time.Time) {
	if b == nil {
		return
	}
	d := readLedger(document)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.leasing {
		b.learn(d, now)
	}
}

// LeftOf is Left as the ledger's document has it, with what all processes spent. now is the ledger's clock.
func (b *Budget) LeftOf(document string, now time.Time) Quota {
	if b == nil || document == "" {
		return b.Left()
	}
	b.Learn(document, now)
	q := b.Left()
	d := readLedger(document)
	used := 0
	for _, settled := range d.Blocks {
		if settled.Holder == "" && settled.Until > now.UnixMicro() { // what is leased need not be spent
			used += settled.Calls
		}
	}
	q.Remaining = max(min(q.Remaining, q.Max-used), 0)
	if wait := time.UnixMicro(d.Paused).Sub(now); wait > 0 {
		q.Remaining, q.ResetAt = 0, b.cfg.Now().Add(wait)
	}
	return q
}

// Tell writes into the ledger what is not known there yet. It is for a budget that leases nothing: whoever comes after it
// goes on from there.
func (b *Budget) Tell(ctx context.Context, ledger Ledger) error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	if b.untold == (daily{}) && !b.limitsHeard {
		b.mu.Unlock()
		return nil
	}
	n := b.news(b.cfg.Now())
	b.mu.Unlock()
	var agreed ledgerDocument
	var at time.Time
	err := ledger(ctx, b.cfg.Key, func(document string, now time.Time) (string, error) {
		agreed, at = readLedger(document), now
		agreed.note(n, now)
		return agreed.String(), nil
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.unsaid(n)
		return err
	}
	b.learn(agreed, at)
	return nil
}

// news is what the others do not know yet, taken to be told. The caller holds mu.
type news struct {
	day    daily
	burst  int
	limits *ledgerLimits
}

func (b *Budget) news(now time.Time) news {
	n := news{day: b.untold, burst: b.burst}
	n.day.limit, n.day.left = b.dailyMax, b.dailyLeft
	n.day.age, n.day.toldAge = now.Sub(b.untoldAt), now.Sub(b.toldAt)
	if b.limitsHeard {
		n.limits = &ledgerLimits{Calls: b.burst, Interval: b.interval.Milliseconds()}
	}
	b.untold, b.limitsHeard = daily{}, false
	return n
}

// unsaid takes news back that could not be told. The caller holds mu.
func (b *Budget) unsaid(n news) {
	b.untold.spent += n.day.spent
	b.untold.urgent += n.day.urgent
	b.untold.told = b.untold.told || n.day.told
	b.limitsHeard = b.limitsHeard || n.limits != nil
}

// note writes news down.
func (d *ledgerDocument) note(n news, now time.Time) {
	d.book(n.day, n.burst, now)
	if n.limits != nil {
		d.Limits = n.limits
	}
}

// learn takes the day and the pace of all for ours, and adds what they do not know of us yet. The caller holds mu.
func (b *Budget) learn(d ledgerDocument, now time.Time) {
	here := b.cfg.Now()
	local := func(micro int64) time.Time { return here.Add(time.UnixMicro(micro).Sub(now)) }
	b.pace.minutes = b.pace.minutes[:0]
	for _, m := range d.Spans {
		b.pace.minutes = append(b.pace.minutes, paceMinute{start: local(m.Start), spent: m.Spent, urgent: m.Urgent})
	}
	if b.untold.spent > 0 {
		b.pace.minutes = append(b.pace.minutes, paceMinute{start: here.Truncate(time.Minute), spent: b.untold.spent, urgent: b.untold.urgent})
	}
	if l := d.Limits; l != nil && l.Calls > 0 && l.Interval > 0 && !b.limitsHeard {
		b.burst, b.interval = min(l.Calls, maxBurst), time.Duration(l.Interval)*time.Millisecond
	}
	if d.Day == nil {
		return
	}
	b.dailyMax = d.Day.Limit
	if b.untold.told && local(d.Day.Told).Before(b.toldAt) {
		return // we know better
	}
	floor := b.dailyMax - b.withoutReserve(b.dailyMax)
	b.dailyLeft, b.dayBegan = max(d.Day.Left-b.untold.spent, 0), local(d.Day.Began)
	switch {
	case b.dailyLeft > floor:
		b.spentUntil = time.Time{}
	case b.spentUntil.IsZero():
		b.daySpent(here)
	}
}

// borrow leases a block for calls of this priority. The caller has set leasing; nobody spends meanwhile.
func (b *Budget) borrow(ctx context.Context, p provider.Priority) error {
	b.mu.Lock()
	began := b.cfg.Now()
	b.prune(began)
	b.held, b.tellPause = holding{}, false
	s := settlement{done: b.settled, age: began.Sub(b.settledAt), flying: len(b.flying), pause: max(b.pausedUntil.Sub(began), 0), interval: b.interval}
	n := b.news(began)
	allowed := b.allowed(p)
	want := max(1, b.burst/blocksOf)
	leased := b.interval
	b.mu.Unlock()

	var granted int
	var retryAfter time.Duration
	var agreed ledgerDocument
	var at time.Time
	err := b.cfg.Ledger(ctx, b.cfg.Key, func(document string, now time.Time) (string, error) {
		d := readLedger(document)
		granted, retryAfter = d.lease(b.holder, s, want, allowed, now, leased)
		d.note(n, now)
		agreed, at = d, now
		return d.String(), nil
	})

	b.mu.Lock()
	defer b.mu.Unlock()
	b.leasing = false
	defer b.wake()
	if err != nil {
		b.unsaid(n)
	} else {
		b.learn(agreed, at)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		// Being polite must not stop the work: the local count still holds and the provider's 429 has the last word.
		b.held = holding{calls: want, until: began.Add(leased), priority: p}
		return nil
	}
	b.settled -= s.done
	if granted == 0 {
		for less := p; less <= provider.Audit; less++ {
			b.refusedUntil[less] = b.cfg.Now().Add(max(retryAfter, 10*time.Millisecond))
		}
		return nil
	}
	b.held = holding{calls: granted, until: began.Add(leased), priority: p}
	return nil
}

// newHolder names one budget of one process in the ledger.
func newHolder() string { return rand.Text() }
