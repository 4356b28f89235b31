package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

const (
	// pollOverlap covers changes the provider dates earlier than it shows them: a search index that lags, and clocks
	// that differ. Seen again they are the same event, so an overlap costs a few rows of a listing and nothing else.
	pollOverlap = 2 * time.Minute
	// webhookGrace is how long a webhook may be under way before polling takes its place.
	webhookGrace = time.Minute
)

// Poller finds changes where no webhook tells of them, and those a webhook should have told of and did not. It is safe
// for concurrent use.
type Poller struct {
	Inbox   Inbox
	Cursors Cursors
	Gateway Gateway
	// Quota tells how a connection stands with its call limit; nil: nothing is known.
	Quota func(record.ConnectionID) (QuotaState, bool)
	// Deliveries tells what webhooks told of; nil: nobody counts those that never came.
	Deliveries Deliveries
	// Listed keeps what was just listed for those who carry it over; nil: nobody asks.
	Listed *Listed
	Now    func() time.Time
	NewID  func(prefix string) string

	mu   sync.Mutex
	seen map[shelf]listing // of records that do not say when they changed
}

// shelf is one object of one connection.
type shelf struct {
	connection record.ConnectionID
	object     record.ObjectType
}

// Watch is what is polled, and how.
type Watch struct {
	Connection record.ConnectionID
	Object     record.ObjectType
	// Told: webhooks tell of its changes. Polling then only makes up for those that get lost.
	Told bool
	// Tells are the changes webhooks tell of here; of others none can be missed.
	Tells  provider.Told
	Parent record.ObjectType // what its records live under
	// Touches is the object type above it that borrows of it; empty: nobody minds.
	Touches record.ObjectType
	// Every is how often, while the call limit lets it; see Pace.
	Every time.Duration
	// Shares is how many watches share the connection's call limit; 0 means one.
	Shares int
}

// Polled is what a poll found.
type Polled struct {
	Fresh  int // changes nobody had heard of
	Missed int // changes a webhook should have told of and none did, now that it would have come
}

// Due reports whether it is time to poll; ticks is how often that is asked, so that none is passed over for a moment.
func (c PollCursor) Due(w Watch, now time.Time, ticks time.Duration) bool {
	next := c.NextAt
	if soon := c.PolledAt.Add(w.Every + spread(c, w.Every)); c.Why == "" && soon.Before(next) {
		next = soon // it is asked for more often than when it was polled last
	}
	return !next.After(now.Add(ticks / 2))
}

// Poll lists what changed since the cursor, stores it as events, and only then moves the cursor (I4).
func (p *Poller) Poll(ctx context.Context, w Watch) (Polled, error) {
	cursor, known, err := p.Cursors.PollCursor(ctx, w.Connection, w.Object)
	if err != nil {
		return Polled{}, err
	}
	now := p.Now()
	if !known {
		cursor = PollCursor{Connection: w.Connection, Object: w.Object, Since: now}
	}
	if w.Told {
		ctx = provider.WithPriority(ctx, provider.Bulk) // what webhooks bring goes first
	}
	calls := 0
	var counting sync.Mutex
	ctx = provider.WithRecorder(ctx, func(provider.Call) {
		counting.Lock()
		defer counting.Unlock()
		calls++
	})
	found, until, silent, err := p.list(ctx, cursor, w)
	cursor.Silent = silent
	cursor.PolledAt, cursor.Problem, cursor.Missed = now, "", cursor.Missed+found.Missed
	switch {
	case err != nil:
		cursor.Problem = Explain(err, string(w.Object), func(f string) string { return f }).Title
		cursor.Failures++
	default:
		cursor.Failures, cursor.Calls = 0, calls
		if until.After(cursor.Since) {
			cursor.Since = until
		}
	}
	q := QuotaState{}
	if p.Quota != nil {
		q, _ = p.Quota(w.Connection)
	}
	every, why := Pace(w, cursor, q, now)
	cursor.NextAt, cursor.Why = now.Add(every), why
	if saveErr := p.Cursors.SavePollCursor(ctx, cursor); err == nil {
		err = saveErr
	}
	return found, err
}

// list stores what changed; until is how far everything was seen, and silent what webhooks have yet to tell of.
func (p *Poller) list(ctx context.Context, cursor PollCursor, w Watch) (found Polled, until time.Time, silent []Silence, err error) {
	silent = slices.Clone(cursor.Silent)
	client, err := p.Gateway.Client(ctx, cursor.Connection)
	if err != nil {
		return found, until, silent, err
	}
	since := cursor.Since
	if !since.IsZero() {
		since = since.Add(-pollOverlap)
	}
	var held time.Time // the oldest change left to its webhook
	before, undated := p.recall(cursor), listing{p.Now(), map[string]sight{}}
	var unsaid []Silence // of records that do not say when they changed
	counted := p.Deliveries != nil && !cursor.Since.IsZero()
	asked := p.Now()
	for page, err := range client.List(ctx, provider.Query{Type: cursor.Object, ChangedSince: since}) {
		if err != nil {
			return found, until, silent, err
		}
		// A provider that ignores the filter lists everything; what is older was seen before.
		changed := page.Records[:0:0]
		for _, rec := range page.Records {
			if rec.UpdatedAt.IsZero() || !rec.UpdatedAt.Before(since) {
				changed = append(changed, rec)
			}
		}
		heard, err := p.heard(ctx, changed, cursor)
		if err != nil {
			return found, until, silent, err
		}
		batch := make([]automation.Delivery, 0, len(changed))
		var above []automation.Delivery
		var dated []Silence
		for _, rec := range changed {
			if rec.UpdatedAt.After(until) {
				until = rec.UpdatedAt
			}
			switch {
			case rec.UpdatedAt.IsZero():
			case !heard[rec.Ref].IsZero() && !heard[rec.Ref].Before(rec.UpdatedAt):
				continue // it was, or will be, read as it is since this change
			case w.Told && p.Now().Sub(rec.UpdatedAt) < webhookGrace:
				if held.IsZero() || rec.UpdatedAt.Before(held) {
					held = rec.UpdatedAt
				}
				continue
			}
			if rec.UpdatedAt.IsZero() {
				undated.of[rec.Ref.ID] = w.sight(rec)
			} else if d, ok := w.dated(rec, cursor.Since); ok && counted {
				dated = append(dated, d)
			}
			e := p.event(rec, cursor, before.of)
			p.Listed.keep(e.ID, rec, asked)
			batch = append(batch, automation.Delivery{Event: e})
			if rec.Parent.Type == w.Touches && w.Touches != "" {
				above = append(above, automation.Delivery{Event: Touch(p.NewID("ev"), rec.Parent, e, string(rec.Ref.Type))})
			}
		}
		above = append(above, p.turned(page.Records, since, w)...)
		n, err := p.Inbox.Accept(ctx, batch...)
		if err != nil {
			return found, until, silent, err
		}
		if _, err := p.Inbox.Accept(ctx, above...); err != nil {
			return found, until, silent, err
		}
		found.Fresh += n
		silent = append(silent, dated...) // they count as heard of from here on, so no later poll finds them
		if counted && before.of != nil {
			unsaid = append(unsaid, w.undated(changed, before, p.Now())...)
		}
		asked = p.Now()
	}
	p.remember(cursor, undated)
	if counted && before.of != nil {
		unsaid = append(unsaid, w.gone(before, undated)...)
	}
	silent = append(silent, unsaid...)
	if counted {
		if found.Missed, silent, err = p.judge(ctx, w, silent, undated.of); err != nil {
			return found, until, silent, err
		}
	}
	if !held.IsZero() && held.Before(until) {
		until = held
	}
	return found, until, silent, nil
}

// turned are the events of the records above those whose time came: nobody changed anything, so no webhook tells of it.
// Seen again it is the same event.
func (p *Poller) turned(records []record.Record, since time.Time, w Watch) []automation.Delivery {
	var above []automation.Delivery
	now := p.Now()
	for _, rec := range records {
		if w.Touches == "" || rec.Parent.Type != w.Touches || rec.TurnsAt.IsZero() || rec.TurnsAt.Before(since) || rec.TurnsAt.After(now) {
			continue
		}
		by := automation.Event{DedupeKey: "turn/" + string(rec.Ref.Type) + "/" + rec.Ref.ID + "/" + rec.TurnsAt.UTC().Format(time.RFC3339Nano), ReceivedAt: now}
		above = append(above, automation.Delivery{Event: Touch(p.NewID("ev"), rec.Parent, by, string(rec.Ref.Type))})
	}
	return above
}

// heard is the newest change of each record that an event told of. Where everyone is asked for it does not matter.
func (p *Poller) heard(ctx context.Context, records []record.Record, cursor PollCursor) (map[record.Ref]time.Time, error) {
	if cursor.Since.IsZero() {
		return nil, nil
	}
	refs := make([]record.Ref, 0, len(records))
	for _, rec := range records {
		if !rec.UpdatedAt.IsZero() {
			refs = append(refs, rec.Ref)
		}
	}
	if len(refs) == 0 {
		return nil, nil
	}
	return p.Inbox.Heard(ctx, refs)
}

// recall is what this process saw last of the records that do not say when they changed.
func (p *Poller) recall(at PollCursor) listing {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[shelf{at.Connection, at.Object}]
}

// remember takes the place of what was seen before: such records are listed as a whole every time.
func (p *Poller) remember(at PollCursor, undated listing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[shelf]listing{}
	}
	p.seen[shelf{at.Connection, at.Object}] = undated
}

// event is one record's event. A record that does not say when it changed is known by its digest, which is the same
// again once an edit is taken back; so one that looks otherwise than this process saw it last is an event of its own.
// After a restart the digest alone must do, and what was taken back meanwhile is left to the daily comparison.
func (p *Poller) event(rec record.Record, cursor PollCursor, before map[string]sight) automation.Event {
	change := provider.Updated
	if !rec.CreatedAt.IsZero() && !rec.CreatedAt.Before(cursor.Since) {
		change = provider.Created
	}
	version := rec.UpdatedAt.UTC().Format(time.RFC3339Nano)
	if rec.UpdatedAt.IsZero() {
		version = digest(rec.Fields)
		last, known := before[rec.Ref.ID]
		if known && last.digest != version {
			version += "/" + p.Now().UTC().Format(time.RFC3339Nano)
		}
	}
	kind := automation.Poll
	if cursor.Since.IsZero() {
		// A look at everyone was asked for: records seen before are to be looked at again.
		kind = automation.Backfill
		version += "/everyone/" + p.Now().UTC().Format(time.RFC3339Nano)
	}
	return automation.Event{
		ID: p.NewID("ev"), Kind: kind, Ref: rec.Ref, Change: change,
		DedupeKey:  "poll/" + string(rec.Ref.Type) + "/" + rec.Ref.ID + "/" + version,
		ReceivedAt: p.Now(), OccurredAt: rec.UpdatedAt,
	}
}
