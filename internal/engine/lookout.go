package engine

import (
	"sync"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// How far back a plan that is carried out looks for what changed since it was listed, and how often.
const (
	// nearOverlap covers what is shown out of turn: by a machine whose clock is not its neighbor's, or a slower part of an
	// index.
	nearOverlap = 20 * time.Second
	// wideEvery is how often a look covers all of pollOverlap.
	wideEvery = 2 * time.Minute
	// A look is due again once it has paid for itself with so many records for each of its calls, or after some time.
	recordsPerCall, staleLook = 60, 30 * time.Second
	// noted is how far apart the writes are of which is awaited that a look shows them.
	noted = time.Second
)

// lookouts are the looks at both sides, which are made together.
type lookouts struct {
	at             map[automation.Side]*lookout
	last           time.Time
	records, calls int // brought up to date since the last look, and what that took
}

func newLookouts(c *Compiled, now time.Time) *lookouts {
	// What a one-way automation reads is never written over: what a look misses there, live work carries later.
	return &lookouts{last: now, at: map[automation.Side]*lookout{
		automation.TargetSide: {last: now}, automation.SourceSide: {last: now, onlyRead: !c.TwoWay()},
	}}
}

// due reports whether both sides are to be looked at again for so many records more.
func (l *lookouts) due(now time.Time, records int) bool {
	l.records += records
	old := now.Sub(l.last)
	return old >= current && (l.records >= recordsPerCall*l.calls || old >= staleLook)
}

// done remembers a look and what it took.
func (l *lookouts) done(at time.Time, calls int) { l.last, l.records, l.calls = at, 0, calls }

// lookout is when a side was last asked for changes, and up to which of them it has shown all. Nobody tells how late a
// listing is, nor how a provider's clock goes. Our own writes do: what is dated before the newest of them that was shown
// has been shown too. Until one of them was, as much as pollOverlap may be hidden.
type lookout struct {
	last, wide time.Time // by our clock
	onlyRead   bool

	mu     sync.Mutex
	ours   map[record.Ref]ourWrite // no look has shown them yet
	newest time.Time               // when one was noted
	shown  time.Time               // the newest of ours that was shown, by the provider's clock
	behind time.Duration           // the provider's clock, by its last answer
}

// ourWrite is a write of ours that a look is to show.
type ourWrite struct {
	at    time.Time // when it was answered
	dated time.Time // by the provider; zero: it did not say
	was   time.Time // how the record was dated before
}

// wrote notes a write of ours; was is how the record was dated before it. Of many at a time one is enough.
func (l *lookout) wrote(was time.Time, answer record.Record, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.Sub(l.newest) < noted && !l.newest.IsZero() {
		return
	}
	w := ourWrite{at: at, dated: answer.UpdatedAt, was: was}
	if at.Sub(w.dated) > clocksApart {
		w.dated = time.Time{} // no clock is that far off: the answer tells of an earlier change
	}
	if l.ours == nil {
		l.ours = map[record.Ref]ourWrite{}
	}
	l.ours[answer.Ref], l.newest = w, at
	l.reckon(w.at, w.dated)
}

// reckon learns from a record that was written at a time by our clock how the provider's goes.
func (l *lookout) reckon(at, dated time.Time) {
	if !dated.IsZero() && at.Sub(dated) <= clocksApart {
		l.behind = max(0, at.Sub(dated))
	}
}

// shows notes that a look has shown a record.
func (l *lookout) shows(r record.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ours := l.ours[r.Ref]
	switch {
	case !ours, w.dated.IsZero() && !r.UpdatedAt.After(w.was), r.UpdatedAt.Before(w.dated.Truncate(time.Second)):
		return // it is still the one from before
	case w.dated.IsZero():
		w.dated = r.UpdatedAt
		l.reckon(w.at, w.dated)
	}
	if w.dated.After(l.shown) {
		l.shown = w.dated
	}
	delete(l.ours, r.Ref)
}

// since tells from when on changes are to be asked for at now, which is remembered as the last look.
func (l *lookout) since(now time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	furthest := l.last.Add(-pollOverlap - l.behind)
	from := l.last
	if !l.onlyRead {
		from = earlier(from, l.shown)
		for ref, w := range l.ours {
			switch {
			case now.Sub(w.at) > pollOverlap:
				delete(l.ours, ref) // nothing shows it any more, or it was no change to the provider
			case w.dated.IsZero():
				from = earlier(from, w.at.Add(-l.behind))
			default:
				from = earlier(from, w.dated)
			}
		}
	}
	if from = from.Add(-nearOverlap); from.Before(furthest) {
		from = furthest
	}
	if l.wide.IsZero() || now.Sub(l.wide) >= wideEvery {
		if l.wide.IsZero() {
			l.wide = l.last
		}
		from = earlier(from, l.wide.Add(-pollOverlap-l.behind))
		l.wide = now
	}
	l.last = now
	return from
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
