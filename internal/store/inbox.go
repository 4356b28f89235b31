package store

import (
	"context"
	"fmt"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

var _ engine.Inbox = (*Store)(nil)

// acceptChunk bounds the parameters of one statement well below both databases' limits (32,766 and 65,535).
const acceptChunk = 200

const (
	insertEvents = `INSERT INTO events
(id, kind, connection, object, record, change, name, dedupe_key, received_at, occurred_at) VALUES `
	// Known deliveries are no error; RETURNING names those that are new.
	insertEventsEnd = ` ON CONFLICT (connection, dedupe_key) DO NOTHING RETURNING id`
	eventTuple      = "(?,?,?,?,?,?,?,?,?,?)"

	insertDeliveries = `INSERT INTO deliveries (event_id, connection, received_at, body) VALUES `
	deliveryTuple    = "(?,?,?,?)"
)

// Accept stores deliveries that are new and wakes the router in the same transaction.
func (s *Store) Accept(ctx context.Context, ds ...automation.Delivery) (int, error) {
	if len(ds) == 0 {
		return 0, nil
	}
	fresh := 0
	err := s.write(ctx, func(u *unit) error {
		fresh = 0
		for rest := ds; len(rest) > 0; {
			n := min(acceptChunk, len(rest))
			accepted, err := u.accept(rest[:n])
			if err != nil {
				return err
			}
			fresh += accepted
			rest = rest[n:]
		}
		if fresh == 0 {
			return nil
		}
		return u.wakeRouter()
	})
	if err != nil {
		return 0, fmt.Errorf("accept %d deliveries: %w", len(ds), err)
	}
	return fresh, nil
}

func (u *unit) accept(ds []automation.Delivery) (int, error) {
	args := make([]any, 0, len(ds)*10)
	for _, d := range ds {
		e := d.Event
		args = append(args, e.ID, string(e.Kind), string(e.Ref.Connection), string(e.Ref.Type), clean(e.Ref.ID),
			string(e.Change), clean(e.Name), clean(e.DedupeKey), int64(at(e.ReceivedAt)), int64(at(e.OccurredAt)))
	}
	var ids []string
	if err := u.Raw(insertEvents+tuples(eventTuple, len(ds))+insertEventsEnd, args...).Scan(&ids).Error; err != nil {
		return 0, err
	}
	if len(ids) == 0 {
		return 0, nil
	}
	isFresh := make(map[string]bool, len(ids))
	for _, id := range ids {
		isFresh[id] = true
	}
	args = args[:0]
	n := 0
	for _, d := range ds {
		if d.Event.Kind != automation.Webhook || !isFresh[d.Event.ID] {
			continue
		}
		delete(isFresh, d.Event.ID)
		body := d.Body
		if body == nil {
			body = []byte{}
		}
		args = append(args, d.Event.ID, string(d.Event.Ref.Connection), int64(at(d.Event.ReceivedAt)), body)
		n++
	}
	if n == 0 {
		return len(ids), nil
	}
	return len(ids), u.Exec(insertDeliveries+tuples(deliveryTuple, n), args...).Error
}

// tuples repeats one row's placeholders.
func tuples(tuple string, n int) string {
	return strings.TrimSuffix(strings.Repeat(tuple+",", n), ",")
}

// Delivery reads a webhook as it arrived.
func (s *Store) Delivery(ctx context.Context, eventID string) (automation.Delivery, error) {
	var d automation.Delivery
	var event eventRow
	if err := s.read(ctx).Where("id = ?", eventID).Take(&event).Error; err != nil {
		return d, fmt.Errorf("read delivery %s: %w", eventID, found(err))
	}
	var row deliveryRow
	if err := s.read(ctx).Where("event_id = ?", eventID).Take(&row).Error; err != nil {
		return d, fmt.Errorf("read delivery %s: %w", eventID, found(err))
	}
	return automation.Delivery{Event: event.event(), Body: row.Body}, nil
}

// DeliveryStats tells how many webhooks of a connection are kept, and when the last came.
func (s *Store) DeliveryStats(ctx context.Context, c record.ConnectionID) (engine.DeliveryStats, error) {
	var row struct {
		N    int
		Last stamp
	}
	err := s.read(ctx).Raw("SELECT COUNT(*) AS n, COALESCE(MAX(received_at), 0) AS last FROM deliveries WHERE connection = ?", string(c)).Scan(&row).Error
	if err != nil {
		return engine.DeliveryStats{}, fmt.Errorf("count deliveries of %s: %w", c, err)
	}
	return engine.DeliveryStats{Count: row.N, LastAt: row.Last.time()}, nil
}
