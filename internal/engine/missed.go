package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// clockSkew is how far a provider's clock and ours, or two of a provider's, are taken to differ at most.
const clockSkew = 2 * time.Minute

// Wrote is a write of ours, from when it was intended until it was answered.
type Wrote struct{ From, To time.Time }

// Silence is a change a webhook should tell of and none has yet.
type Silence struct {
	Ref    record.Ref
	Change provider.Change
	// From and To are between when it was made, as far as that is known.
	From, To time.Time
	Due      time.Time // when its webhook would have come
}

// sight is a record that does not say when it changed, as this process saw it last.
type sight struct {
	digest string
	turned bool // of an object one field of which is told of when it turns true: it has
}

// listing is all of such records, by id, and when it was begun.
type listing struct {
	at time.Time
	of map[string]sight
}

func (w Watch) sight(rec record.Record) sight {
	s := sight{digest: digest(rec.Fields)}
	if w.Tells.Turning != "" {
		s.turned, _ = rec.Fields[w.Tells.Turning].AsBool()
	}
	return s
}

// dated is what a webhook should have told of a record that says when it changed and was not heard of since.
func (w Watch) dated(rec record.Record, since time.Time) (Silence, bool) {
	d := Silence{Ref: rec.Ref}
	switch {
	case w.Tells.Created && !rec.CreatedAt.IsZero() && !rec.CreatedAt.Before(since) && (!w.Tells.Updated || rec.UpdatedAt.Sub(rec.CreatedAt) < clockSkew):
		d.Change, d.From = provider.Created, rec.CreatedAt
	case w.Tells.Updated:
		d.Change, d.From = provider.Updated, rec.UpdatedAt
	default:
		return Silence{}, false
	}
	// Both clocks may differ: it may be younger than it looks.
	d.To, d.Due = d.From, d.From.Add(webhookGrace+clockSkew)
	return d, true
}

// undated is what webhooks should tell of records that do not say when they changed: what is otherwise than it was at the
// last look. What was never looked at tells nothing.
func (w Watch) undated(records []record.Record, before listing, now time.Time) (out []Silence) {
	for _, rec := range records {
		if !rec.UpdatedAt.IsZero() {
			continue
		}
		was, known := before.of[rec.Ref.ID]
		d := Silence{Ref: rec.Ref, From: before.at, To: now, Due: now.Add(webhookGrace)}
		switch {
		case !known && w.Tells.Created && (rec.CreatedAt.IsZero() || rec.CreatedAt.After(before.at.Add(-clockSkew))):
			d.Change = provider.Created
		case known && w.Tells.Turning != "" && !was.turned && w.sight(rec).turned:
			d.Change = provider.Updated
		default:
			continue
		}
		out = append(out, d)
	}
	return out
}

// gone are those that were there at the last look. A listing that is much shorter than the last proves nothing.
func (w Watch) gone(before, now listing) (out []Silence) {
	if !w.Tells.Deleted || 2*len(now.of) < len(before.of) {
		return nil
	}
	for id := range before.of {
		if _, there := now.of[id]; !there {
			ref := record.Ref{Connection: w.Connection, Type: w.Object, ID: id}
			out = append(out, Silence{Ref: ref, Change: provider.Deleted, From: before.at, To: now.at, Due: now.at.Add(webhookGrace)})
		}
	}
	return out
}

// told are the names a webhook may have told of it by: a child's may know it by its own id alone, and where a parent is
// deleted nobody says what becomes of its children.
func (d Silence) told(parent record.ObjectType) []record.Ref {
	out := []record.Ref{d.Ref}
	if above, own, ok := strings.Cut(d.Ref.ID, "/"); ok && parent != "" {
		bare := d.Ref
		bare.ID = own
		out = append(out, bare)
		if d.Change == provider.Deleted {
			out = append(out, record.Ref{Connection: d.Ref.Connection, Type: parent, ID: above})
		}
	}
	return out
}

// judge counts the silences of a watch that are due: no webhook came, and the change is not our own, which a provider need
// not tell us of. seen is what the listing showed of records that do not say when they changed; later are those that are
// not due yet.
func (p *Poller) judge(ctx context.Context, w Watch, all []Silence, seen map[string]sight) (missed int, later []Silence, err error) {
	now := p.Now()
	var due []Silence
	for _, d := range all {
		_, there := seen[d.Ref.ID]
		switch {
		case d.Change == provider.Deleted && there:
		case d.Due.After(now):
			later = append(later, d)
		default:
			due = append(due, d)
		}
	}
	if len(due) == 0 {
		return 0, later, nil
	}
	if w.Tells.ByHand {
		if stats, err := p.Deliveries.DeliveryStats(ctx, w.Connection); err != nil {
			return 0, all, err
		} else if stats.Count == 0 {
			return 0, later, nil // nobody has set them up
		}
	}
	var refs, changed []record.Ref
	for _, d := range due {
		refs, changed = append(refs, d.told(w.Parent)...), append(changed, d.Ref)
	}
	told, err := p.Deliveries.LastTold(ctx, refs)
	if err != nil {
		return 0, all, err
	}
	wrote, err := p.Deliveries.Wrote(ctx, changed, slices.MinFunc(due, func(a, b Silence) int { return a.From.Compare(b.From) }).From.Add(-clockSkew))
	if err != nil {
		return 0, all, err
	}
	for _, d := range due {
		heard := slices.ContainsFunc(d.told(w.Parent), func(r record.Ref) bool { return !told[r].Before(d.From.Add(-clockSkew)) })
		if !heard && !ours(wrote[d.Ref], d.From, d.To) {
			missed++
		}
	}
	return missed, later, nil
}

// ours reports whether one of the writes may have made a change between from and to.
func ours(writes []Wrote, from, to time.Time) bool {
	return slices.ContainsFunc(writes, func(w Wrote) bool {
		return !w.From.After(to.Add(clockSkew)) && !w.To.Before(from.Add(-clockSkew))
	})
}
