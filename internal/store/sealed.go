package store

import (
	"context"
	"fmt"

	"crosswalk/internal/automation"
	"crosswalk/internal/people"
)

// Sealed is one sealed value and the place it was sealed for.
type Sealed struct {
	Kind  string // what it is, in words
	Table string
	ID    string // of its row
	Place string
	Value []byte
}

// sealedColumns are all columns that hold sealed values: where they are, and what they were sealed for.
var sealedColumns = []struct {
	kind, table, id, column string
	place                   func(id string) string
}{
	{"connection credentials", "grants", "connection_id", "sealed", func(id string) string { return "connection/" + id + "/grant" }},
	{"authorisations under way", "pending_authorizations", "state_hash", "sealed", func(id string) string { return "pending/" + id }},
	{"installations nobody has claimed", "arrivals", "id", "sealed", func(id string) string { return "arrival/" + id }},
	{"code apps", "second_factors", "user_id", "sealed", people.SecretPlace},
	{"bodies of deliveries", "deliveries", "event_id", "body", automation.DeliveryPlace},
}

// sealedBatch is how many values are read at once.
const sealedBatch = 100

// EachSealed calls visit with every sealed value there is, in batches; what comes or goes meanwhile may be missed.
func (s *Store) EachSealed(ctx context.Context, visit func(Sealed) error) error {
	for _, c := range sealedColumns {
		after := ""
		for {
			var rows []struct {
				ID     string
				Sealed []byte
			}
			query := fmt.Sprintf("SELECT %[1]s AS id, %[3]s AS sealed FROM %[2]s WHERE %[1]s > ? ORDER BY %[1]s LIMIT ?", c.id, c.table, c.column)
			if err := s.read(ctx).Raw(query, after, sealedBatch).Scan(&rows).Error; err != nil {
				return fmt.Errorf("read sealed %s: %w", c.kind, err)
			}
			for _, r := range rows {
				after = r.ID
				if err := visit(Sealed{Kind: c.kind, Table: c.table, ID: r.ID, Place: c.place(r.ID), Value: r.Sealed}); err != nil {
					return err
				}
			}
			if len(rows) < sealedBatch {
				break
			}
		}
	}
	return nil
}

// Reseal replaces a value that is still as it was read; it reports whether it was. A renewal that came between has
// sealed a newer one, which must stay.
func (s *Store) Reseal(ctx context.Context, x Sealed, sealed []byte) (replaced bool, err error) {
	for _, c := range sealedColumns {
		if c.table != x.Table {
			continue
		}
		return s.take(ctx, fmt.Sprintf("UPDATE %[1]s SET %[3]s = ? WHERE %[2]s = ? AND %[3]s = ?", c.table, c.id, c.column), sealed, x.ID, x.Value)
	}
	return false, fmt.Errorf("reseal: there are no sealed values in %q", x.Table)
}
