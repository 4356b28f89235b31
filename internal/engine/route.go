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

// routeBatch keeps a routing transaction short.
const routeBatch = 500

// Router decides which automations care about an event, and which of their keys it makes due.
type Router struct {
	Automations Automations
	Links       Links
	Routing     Routing
}

// Route routes everything that is unrouted and returns how many events it saw. It is safe to run twice at
// once and again after a crash: due keys coalesce (I4).
func (r *Router) Route(ctx context.Context) (int, error) {
	total := 0
	for {
		events, err := r.Routing.UnroutedEvents(ctx, routeBatch)
		if err != nil || len(events) == 0 {
			return total, err
		}
		all, err := r.Automations.Automations(ctx)
		if err != nil {
			return total, err
		}
		routed, err := r.keys(ctx, all, events)
		if err != nil {
			return total, err
		}
		if err := r.Routing.SaveRouting(ctx, routed); err != nil {
			return total, err
		}
		total += len(events)
		if len(events) < routeBatch {
			return total, nil
		}
	}
}

// keys finds the keys of a batch of events, with one query for each automation that minds its target's events: the key
// of a pair is its source, whichever side told of a change.
func (r *Router) keys(ctx context.Context, all []automation.Automation, events []automation.Event) ([]Routed, error) {
	routed := make([]Routed, len(events))
	for i, e := range events {
		routed[i].Event = e
	}
	for _, a := range all {
		var fromTarget []int
		for i, e := range events {
			side, cares := interested(a, e)
			switch {
			case !cares:
			case side == automation.SourceSide:
				routed[i].Keys = append(routed[i].Keys, Key{a.ID, e.Ref})
			default:
				fromTarget = append(fromTarget, i)
			}
		}
		if len(fromTarget) == 0 {
			continue
		}
		refs := make([]record.Ref, len(fromTarget))
		for n, i := range fromTarget {
			refs[n] = events[i].Ref
		}
		links, err := r.Links.LinksOf(ctx, refs, a.Definition.Source.Connection, a.Definition.Source.Object, a.ID)
		if err != nil {
			return nil, err
		}
		for _, i := range fromTarget {
			key := Key{a.ID, events[i].Ref}
			if lb, linked := links[events[i].Ref]; linked {
				key.Source = lb.Link.Target
			}
			routed[i].Keys = append(routed[i].Keys, key)
		}
	}
	return routed, nil
}

// interested says whether an automation cares about an event, and on which of its sides it happened. A paused one
// does: what it misses is held until it goes on.
func interested(a automation.Automation, e automation.Event) (automation.Side, bool) {
	if a.State != automation.On && a.State != automation.Paused {
		return "", false
	}
	side, ok := a.Definition.Watches(e.Ref.Connection, e.Ref.Type)
	if !ok {
		return "", false
	}
	switch {
	case e.Kind == automation.Manual || e.Kind == automation.Backfill:
	case e.Change == provider.Deleted:
		ok = a.Definition.TwoWay() || a.Definition.Deletes.Policy != automation.DeleteNothing || slices.Contains(a.Definition.Trigger.On, string(e.Change))
	case side == automation.TargetSide:
		ok = a.Definition.TwoWay()
	default:
		ok = slices.Contains(a.Definition.Trigger.On, string(e.Change))
	}
	return side, ok
}

// pollOverlap covers changes the provider dates earlier than it shows them. Seen again they are the same
// event, so an overlap costs a few rows of a listing and nothing else.
const pollOverlap = 30 * time.Second

// Poller finds changes where no webhook tells of them. It is safe for concurrent use.
type Poller struct {
	Inbox   Inbox
	Cursors Cursors
	Gateway Gateway
	Now     func() time.Time
	NewID   func(prefix string) string

	mu   sync.Mutex
	seen map[shelf]map[string]string // of records that do not say when they changed: id → digest as last polled
}

// shelf is one object of one connection.
type shelf struct {
	connection record.ConnectionID
	object     record.ObjectType
}

// Poll lists what changed since the cursor, stores it as events, and only then moves the cursor (I4).
// It returns how many changes were new.
func (p *Poller) Poll(ctx context.Context, connection record.ConnectionID, t record.ObjectType) (int, error) {
	cursor, known, err := p.Cursors.PollCursor(ctx, connection, t)
	if err != nil {
		return 0, err
	}
	now := p.Now()
	if !known {
		cursor = PollCursor{Connection: connection, Object: t, Since: now}
	}
	fresh, newest, err := p.list(ctx, cursor)
	cursor.PolledAt, cursor.Problem = now, ""
	switch {
	case err != nil:
		cursor.Problem = Explain(err, string(t), func(f string) string { return f }).Title
	case newest.After(cursor.Since):
		cursor.Since = newest
	}
	if saveErr := p.Cursors.SavePollCursor(ctx, cursor); err == nil {
		err = saveErr
	}
	return fresh, err
}

func (p *Poller) list(ctx context.Context, cursor PollCursor) (fresh int, newest time.Time, err error) {
	client, err := p.Gateway.Client(ctx, cursor.Connection)
	if err != nil {
		return 0, newest, err
	}
	since := cursor.Since
	if !since.IsZero() {
		since = since.Add(-pollOverlap)
	}
	before, undated := p.recall(cursor), map[string]string{}
	for page, err := range client.List(ctx, provider.Query{Type: cursor.Object, ChangedSince: since}) {
		if err != nil {
			return fresh, newest, err
		}
		batch := make([]automation.Delivery, 0, len(page.Records))
		for _, rec := range page.Records {
			// A provider that ignores the filter lists everything; what is older was seen before.
			if !rec.UpdatedAt.IsZero() && rec.UpdatedAt.Before(since) {
				continue
			}
			batch = append(batch, automation.Delivery{Event: p.event(rec, cursor, before, undated)})
			if rec.UpdatedAt.After(newest) {
				newest = rec.UpdatedAt
			}
		}
		n, err := p.Inbox.Accept(ctx, batch...)
		if err != nil {
			return fresh, newest, err
		}
		fresh += n
	}
	p.remember(cursor, undated)
	return fresh, newest, nil
}

// recall is what this process saw last of the records that do not say when they changed.
func (p *Poller) recall(at PollCursor) map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[shelf{at.Connection, at.Object}]
}

// remember takes the place of what was seen before: such records are listed as a whole every time.
func (p *Poller) remember(at PollCursor, undated map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[shelf]map[string]string{}
	}
	p.seen[shelf{at.Connection, at.Object}] = undated
}

// event is one record's event. A record that does not say when it changed is known by its digest, which is the same
// again once an edit is taken back; so one that looks otherwise than this process saw it last is an event of its own.
// After a restart the digest alone must do, and what was taken back meanwhile is left to the daily comparison.
func (p *Poller) event(rec record.Record, cursor PollCursor, before, undated map[string]string) automation.Event {
	change := provider.Updated
	if !rec.CreatedAt.IsZero() && !rec.CreatedAt.Before(cursor.Since) {
		change = provider.Created
	}
	version := rec.UpdatedAt.UTC().Format(time.RFC3339Nano)
	if rec.UpdatedAt.IsZero() {
		version = digest(rec.Fields)
		last, known := before[rec.Ref.ID]
		undated[rec.Ref.ID] = version
		if known && last != version {
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
