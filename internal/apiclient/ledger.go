package apiclient

import (
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

// ledgerDocument is the stored form. Times are the database's, in microseconds.
type ledgerDocument struct {
	Blocks []ledgerBlock `json:"blocks,omitempty"`
	// Paused is until when the provider asked everybody to wait.
	Paused int64 `json:"paused,omitempty"`
}

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

// borrow leases a block for calls of this priority. The caller has set leasing; nobody spends meanwhile.
func (b *Budget) borrow(ctx context.Context, p provider.Priority) error {
	b.mu.Lock()
	began := b.cfg.Now()
	b.prune(began)
	b.held, b.tellPause = holding{}, false
	s := settlement{done: b.settled, age: began.Sub(b.settledAt), flying: len(b.flying), pause: max(b.pausedUntil.Sub(began), 0), interval: b.interval}
	allowed := b.allowed(p)
	want := max(1, b.burst/blocksOf)
	leased := b.interval
	b.mu.Unlock()

	var granted int
	var retryAfter time.Duration
	err := b.cfg.Ledger(ctx, b.cfg.Key, func(document string, now time.Time) (string, error) {
		d := readLedger(document)
		granted, retryAfter = d.lease(b.holder, s, want, allowed, now, leased)
		return d.String(), nil
	})

	b.mu.Lock()
	defer b.mu.Unlock()
	b.leasing = false
	defer b.wake()
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
