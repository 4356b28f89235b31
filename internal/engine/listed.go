package engine

import (
	"context"
	"sync"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// A poll lists whole records a moment before they are carried over, so reading each once more would tell nothing new: where
// the source alone decides, it is taken from the listing (decision 0018). Whatever is in doubt is read.

const (
	// listedFor is how long what was listed stands for a read: the longer, the more often an older value is carried first.
	listedFor = time.Minute
	// dated is how exactly providers date a change, and more: one made right after the listing may bear the same date as the
	// one that was listed, and is then no news to the next poll.
	dated = time.Second
	// mostListed bounds the memory it takes. No account lets us write as many in that time.
	mostListed = 4_000
)

// Listed keeps what polls of this process have just listed. It is safe for concurrent use.
type Listed struct {
	Inbox Inbox
	Now   func() time.Time
	// Agreeing is how many reads in a row must have shown what was listed of a field before that is believed; 0: as many as
	// for all else.
	Agreeing int

	shown witness
	mu    sync.Mutex
	kept  map[string]glimpse // by the event that tells of it
	order []string           // of the events, oldest first
}

// glimpse is a record as a listing showed it that was asked for at that time.
type glimpse struct {
	record record.Record
	asked  time.Time
}

// keep remembers what an event tells of.
func (l *Listed) keep(event string, r record.Record, asked time.Time) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept == nil {
		l.kept = map[string]glimpse{}
	}
	l.kept[event] = glimpse{r, asked}
	l.order = append(l.order, event)
	for len(l.order) > mostListed || l.stale(l.kept[l.order[0]]) {
		delete(l.kept, l.order[0])
		if l.order = l.order[1:]; len(l.order) == 0 {
			return
		}
	}
}

func (l *Listed) stale(g glimpse) bool { return l.Now().Sub(g.asked) > listedFor }

// of is the record an event tells of, as it was listed a moment ago.
func (l *Listed) of(event string) (record.Record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, ok := l.kept[event]
	// Nor can a change that is dated ahead of us be told from a newer one that was heard of (Inbox.Heard).
	if !ok || l.stale(g) || g.record.UpdatedAt.After(g.asked.Add(-dated)) {
		return record.Record{}, false
	}
	r := g.record
	r.Fields = r.Fields.Clone()
	return r, true
}

// listed is the source as the poll listed it that told of it, where nothing speaks against believing it. An automation that
// follows deletes reads: only that shows that a record is gone.
func (x *execution) listed(ctx context.Context, c *Compiled) (record.Record, bool) {
	e := x.work.Event
	if x.Listed == nil || e.Kind != automation.Poll || !x.firstLook() || !c.Def.LeadsOneWay() || c.mindsDeletes() || c.borrows() {
		return record.Record{}, false
	}
	r, ok := x.Listed.of(e.ID)
	if !ok || r.Ref != x.work.Source {
		return record.Record{}, false
	}
	base, newest := x.newest(ctx, c, x.Listed.Inbox, r.UpdatedAt, 0)
	return r, newest && c.holdsAll(r, base)
}
