package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

var _ engine.Inbox = (*Store)(nil)

// acceptChunk bounds the parameters of one statement well below SQLite's limit (32,766).
const acceptChunk = 500

const (
	insertEvents = `INSERT INTO events
(id, kind, connection, object, record, change, name, dedupe_key, received_at, occurred_at, routed_at)`
	// Known deliveries are no error; RETURNING names those that are new.
	insertEventsEnd = ` ON CONFLICT (connection, dedupe_key) DO NOTHING RETURNING id`
	eventTuple      = "(?,?,?,?,?,?,?,?,?,?,?)"

	insertDeliveries = `INSERT INTO deliveries (event_id, connection, received_at, body, verdict, size)`
	deliveryTuple    = "(?,?,?,?,?,?)"

	countRepeat = `UPDATE deliveries SET repeats = repeats + 1, repeated_at = ?
WHERE event_id = (SELECT id FROM events WHERE connection = ? AND dedupe_key = ?)`
)

// Accept stores deliveries that are new, wakes the router in the same transaction, and counts those that came before. One
// alone shares its statements with whatever else arrives at the moment.
func (s *Store) Accept(ctx context.Context, ds ...automation.Delivery) (fresh int, err error) {
	switch len(ds) {
	case 0:
		return 0, nil
	case 1:
		fresh, err = s.arrivals.accept(ctx, ds[0])
	default:
		var ids map[string]bool
		ids, err = s.acceptAll(ctx, ds)
		fresh = len(ids)
	}
	if err != nil {
		return 0, fmt.Errorf("accept %d deliveries: %w", len(ds), err)
	}
	return fresh, nil
}

// Delivered reports whether a delivery of this key is stored already.
func (s *Store) Delivered(ctx context.Context, c record.ConnectionID, dedupeKey string) (bool, error) {
	var n int64
	err := s.read(ctx).Table("events").Where("connection = ? AND dedupe_key = ?", string(c), clean(dedupeKey)).Count(&n).Error
	if err != nil {
		return false, fmt.Errorf("look a delivery of %s up: %w", c, err)
	}
	return n > 0, nil
}

// acceptAll stores deliveries in one transaction and answers the ids of those that were new.
func (s *Store) acceptAll(ctx context.Context, ds []automation.Delivery) (map[string]bool, error) {
	fresh := make(map[string]bool, len(ds))
	err := s.write(ctx, func(u *unit) error {
		clear(fresh)
		wake := false
		for chunk := range slices.Chunk(ds, acceptChunk) {
			due, err := u.accept(chunk, fresh)
			if err != nil {
				return err
			}
			wake = wake || due
		}
		if !wake {
			return nil
		}
		return u.wakeRouter()
	})
	return fresh, err
}

// tellsOfRecord: anything else is kept for the log only, and nobody needs to look at it.
func tellsOfRecord(c provider.Change) bool {
	return c != provider.Ignored && c != provider.Installed && c != provider.Removed
}

// accept marks the ids of those that were new, and answers whether the router has anything to look at.
func (u *unit) accept(ds []automation.Delivery, fresh map[string]bool) (due bool, err error) {
	ids, err := u.insertEvents(ds)
	if err != nil {
		return false, err
	}
	stored := make(map[string]bool, len(ids))
	for _, id := range ids {
		stored[id], fresh[id] = true, true
	}
	bodies, again := make([]automation.Delivery, 0, len(ids)), []automation.Event(nil)
	for _, d := range ds {
		e := d.Event
		switch {
		case stored[e.ID]:
			delete(stored, e.ID) // of two in one call with one id the first was stored
			due = due || tellsOfRecord(e.Change)
			if e.Kind == automation.Webhook {
				bodies = append(bodies, d)
			}
		case e.Kind == automation.Webhook:
			again = append(again, e)
		}
	}
	if len(bodies) > 0 {
		if err := u.insertDeliveries(bodies); err != nil {
			return false, err
		}
	}
	for _, e := range again { // after the first of them is there
		if err := u.Exec(countRepeat, int64(at(e.ReceivedAt)), string(e.Ref.Connection), clean(e.DedupeKey)).Error; err != nil {
			return false, err
		}
	}
	return due, nil
}

// insertEvents answers the ids of those that were not known. On PostgreSQL the rows travel as columns, so that the
// statement is one, however many there are, and is prepared once.
func (u *unit) insertEvents(ds []automation.Delivery) (ids []string, err error) {
	if u.tx.PGX == nil {
		args := make([]any, 0, len(ds)*11)
		for _, d := range ds {
			e := d.Event
			args = append(args, e.ID, string(e.Kind), string(e.Ref.Connection), string(e.Ref.Type), clean(e.Ref.ID),
				string(e.Change), clean(e.Name), clean(e.DedupeKey), int64(at(e.ReceivedAt)), int64(at(e.OccurredAt)), int64(routedAlready(e)))
		}
		return ids, u.Raw(insertEvents+" VALUES "+tuples(eventTuple, len(ds))+insertEventsEnd, args...).Scan(&ids).Error
	}
	var texts [8][]string
	var times [3][]int64
	for _, d := range ds {
		e := d.Event
		for i, text := range [...]string{e.ID, string(e.Kind), string(e.Ref.Connection), string(e.Ref.Type), clean(e.Ref.ID), string(e.Change), clean(e.Name), clean(e.DedupeKey)} {
			texts[i] = append(texts[i], text)
		}
		for i, when := range [...]stamp{at(e.ReceivedAt), at(e.OccurredAt), routedAlready(e)} {
			times[i] = append(times[i], int64(when))
		}
	}
	rows, err := u.tx.PGX.Query(u.Statement.Context, insertEvents+` SELECT * FROM unnest($1::text[],$2::text[],$3::text[],$4::text[],$5::text[],$6::text[],$7::text[],$8::text[],$9::bigint[],$10::bigint[],$11::bigint[])`+insertEventsEnd,
		texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], texts[6], texts[7], times[0], times[1], times[2])
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// routedAlready is when an event was routed that nobody needs to route.
func routedAlready(e automation.Event) stamp {
	if tellsOfRecord(e.Change) {
		return 0
	}
	return at(e.ReceivedAt)
}

func (u *unit) insertDeliveries(ds []automation.Delivery) error {
	body := func(d automation.Delivery) []byte {
		if d.Body == nil {
			return []byte{}
		}
		return d.Body
	}
	verdict := func(d automation.Delivery) string { return string(cmp.Or(d.Verdict, automation.Accepted)) }
	if u.tx.PGX == nil {
		args := make([]any, 0, len(ds)*6)
		for _, d := range ds {
			e := d.Event
			args = append(args, e.ID, string(e.Ref.Connection), int64(at(e.ReceivedAt)), body(d), verdict(d), d.Size)
		}
		return u.Exec(insertDeliveries+" VALUES "+tuples(deliveryTuple, len(ds)), args...).Error
	}
	var ids, connections, verdicts []string
	var times, sizes []int64
	var bodies [][]byte
	for _, d := range ds {
		e := d.Event
		ids, connections, verdicts = append(ids, e.ID), append(connections, string(e.Ref.Connection)), append(verdicts, verdict(d))
		times, sizes, bodies = append(times, int64(at(e.ReceivedAt))), append(sizes, int64(d.Size)), append(bodies, body(d))
	}
	_, err := u.tx.PGX.Exec(u.Statement.Context, insertDeliveries+` SELECT * FROM unnest($1::text[],$2::text[],$3::bigint[],$4::bytea[],$5::text[],$6::bigint[])`, ids, connections, times, bodies, verdicts, sizes)
	return err
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
	return row.delivery(event.event()), nil
}

// Deliveries lists what arrived, newest first. Bodies are left out.
func (s *Store) Deliveries(ctx context.Context, f engine.DeliveryFilter) ([]automation.Delivery, error) {
	return s.deliveries(ctx, everywhere, f)
}

func (s *Store) deliveries(ctx context.Context, sc scope, f engine.DeliveryFilter) ([]automation.Delivery, error) {
	q := s.read(ctx).Table("deliveries AS d").Joins("JOIN events AS e ON e.id = d.event_id").
		Select("e.*, d.verdict, d.repeats, d.repeated_at, d.size").Order("d.received_at DESC, d.event_id DESC").Limit(f.Limit)
	if sc != everywhere {
		q = q.Where(byConnection+"d.connection))", sc.twice()...)
	}
	if len(f.Connections) > 0 {
		q = q.Where("d.connection IN ?", f.Connections)
	}
	switch {
	case f.Repeated:
		q = q.Where("d.repeats > 0")
	case f.Verdict != "":
		q = q.Where("d.verdict = ?", string(f.Verdict))
	}
	if f.Search != "" {
		// A record that lives under another is also found by its own id.
		q = q.Where("(e.name = ? OR e.record = ? OR e.record LIKE ? ESCAPE '!')", clean(f.Search), clean(f.Search), "%/"+likely(clean(f.Search)))
	}
	if f.Before != "" {
		q = q.Where("(d.received_at, d.event_id) < (SELECT received_at, event_id FROM deliveries WHERE event_id = ?)", f.Before)
	}
	var rows []struct {
		Event      eventRow `gorm:"embedded"`
		Verdict    string
		Repeats    int
		RepeatedAt stamp
		Size       int
	}
	if err := q.Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	out := make([]automation.Delivery, len(rows))
	for i, r := range rows {
		out[i] = deliveryRow{Verdict: r.Verdict, Repeats: r.Repeats, RepeatedAt: r.RepeatedAt, Size: r.Size}.delivery(r.Event.event())
	}
	return out, nil
}

// likely is a text as LIKE … ESCAPE '!' takes it at its word.
func likely(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text)
}

// AddRefusals adds to what is stored: every process tells of what it refused itself.
func (s *Store) AddRefusals(ctx context.Context, all ...automation.Refusal) error {
	if len(all) == 0 {
		return nil
	}
	err := s.write(ctx, func(u *unit) error {
		for _, r := range all {
			err := u.Exec(`INSERT INTO refusals (provider, connection, reason, hour, count, last_at) VALUES (?,?,?,?,?,?)
				ON CONFLICT (provider, connection, reason, hour) DO UPDATE SET count = refusals.count + excluded.count,
				last_at = CASE WHEN excluded.last_at > refusals.last_at THEN excluded.last_at ELSE refusals.last_at END`,
				r.Provider, r.Connection, string(r.Reason), int64(at(r.Hour.Truncate(time.Hour))), r.Count, int64(at(r.LastAt))).Error
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count refused deliveries: %w", err)
	}
	return nil
}

// Refusals adds up what was refused since then, by provider, connection and reason, the latest first. Hour is the first
// hour of each.
func (s *Store) Refusals(ctx context.Context, since time.Time) ([]automation.Refusal, error) {
	return s.refusals(ctx, everywhere, since)
}

func (s *Store) refusals(ctx context.Context, sc scope, since time.Time) ([]automation.Refusal, error) {
	var rows []refusalRow
	err := s.read(ctx).Raw(`SELECT provider, connection, reason, MIN(hour) AS hour, SUM(count) AS count, MAX(last_at) AS last_at FROM refusals
		WHERE hour >= ? AND (connection = '' OR `+byConnection+`connection))) GROUP BY provider, connection, reason ORDER BY MAX(last_at) DESC, provider, connection, reason`,
		append([]any{int64(at(since.Truncate(time.Hour)))}, sc.twice()...)...).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read refused deliveries: %w", err)
	}
	out := make([]automation.Refusal, len(rows))
	for i, r := range rows {
		out[i] = automation.Refusal{Provider: r.Provider, Connection: r.Connection, Reason: automation.RefusalReason(r.Reason), Hour: r.Hour.time(), Count: r.Count, LastAt: r.LastAt.time()}
	}
	return out, nil
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

// heardChunk bounds the records of one statement.
const heardChunk = 200

// heardOf takes no event for later than it arrived, whatever clock or zone its sender has: else one that is dated ahead
// would keep polling from the record until then.
func heardOf(n int) string {
	return "SELECT record, connection, object, MAX(CASE WHEN occurred_at < received_at THEN occurred_at ELSE received_at END) AS occurred_at FROM events WHERE " + among(sourceColumns, n) + " GROUP BY record, connection, object"
}

// HeardBefore are those of some records of which an event had told before a moment, by our own clock.
func (s *Store) HeardBefore(ctx context.Context, refs []record.Ref, before time.Time) (map[record.Ref]bool, error) {
	asked := askedFor(refs)
	out := make(map[record.Ref]bool, len(refs))
	for chunk := range slices.Chunk(slices.Collect(maps.Keys(asked)), heardChunk) {
		var rows []struct{ Record, Connection, Object string }
		query := "SELECT DISTINCT record, connection, object FROM events WHERE " + among(sourceColumns, len(chunk)) + " AND received_at < ?"
		if err := s.read(ctx).Raw(query, append(refArgs(chunk), int64(at(before)))...).Scan(&rows).Error; err != nil {
			return nil, fmt.Errorf("read which of %d records were known: %w", len(refs), err)
		}
		for _, r := range rows {
			out[asked[ref(r.Connection, r.Object, r.Record)]] = true
		}
	}
	return out, nil
}

// askedFor are records as they are stored, and as whoever asks names them.
func askedFor(refs []record.Ref) map[record.Ref]record.Ref {
	asked := make(map[record.Ref]record.Ref, len(refs))
	for _, r := range refs {
		stored := r
		stored.ID = clean(r.ID)
		asked[stored] = r
	}
	return asked
}

// Heard is when the newest change of each record happened that an event told of, by the provider's clock.
func (s *Store) Heard(ctx context.Context, refs []record.Ref) (map[record.Ref]time.Time, error) {
	asked := askedFor(refs)
	out := make(map[record.Ref]time.Time, len(refs))
	for chunk := range slices.Chunk(slices.Collect(maps.Keys(asked)), heardChunk) {
		var rows []struct {
			Record, Connection, Object string
			OccurredAt                 stamp
		}
		if err := s.read(ctx).Raw(heardOf(len(chunk)), refArgs(chunk)...).Scan(&rows).Error; err != nil {
			return nil, fmt.Errorf("read what was heard of %d records: %w", len(refs), err)
		}
		for _, r := range rows {
			if when := r.OccurredAt.time(); !when.IsZero() {
				out[asked[ref(r.Connection, r.Object, r.Record)]] = when
			}
		}
	}
	return out, nil
}
