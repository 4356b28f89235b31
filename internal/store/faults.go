package store

import (
	"context"
	"fmt"

	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

type faultRow struct {
	ID         int64 `gorm:"primaryKey;autoIncrement"`
	Connection string
	At         stamp
	Op         string
	Kind       string
	Status     int
	Detail     string
	TraceID    string
}

func (faultRow) TableName() string { return "connection_faults" }

// forgetFaults keeps the newest of one connection.
const forgetFaults = `DELETE FROM connection_faults WHERE connection = ? AND id <=
	(SELECT id FROM connection_faults WHERE connection = ? ORDER BY id DESC LIMIT 1 OFFSET ?)`

// AddFaults remembers calls that failed, and forgets all but the newest of each connection.
func (s *Store) AddFaults(ctx context.Context, faults ...engine.Fault) error {
	if len(faults) == 0 {
		return nil
	}
	rows := make([]faultRow, len(faults))
	of := map[string]bool{}
	for i, f := range faults {
		rows[i] = faultRow{Connection: string(f.Connection), At: at(f.At), Op: clean(f.Op), Kind: f.Kind, Status: f.Status, Detail: clean(f.Detail), TraceID: clean(f.TraceID)}
		of[string(f.Connection)] = true
	}
	err := s.write(ctx, func(u *unit) error {
		for i := range rows {
			rows[i].ID = 0 // the transaction may be tried again
		}
		if err := u.CreateInBatches(rows, workChunk).Error; err != nil {
			return err
		}
		for c := range of {
			if err := u.Exec(forgetFaults, c, c, engine.FaultsKept).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remember %d failed calls: %w", len(faults), err)
	}
	return nil
}

// Faults are the newest failed calls of a connection, newest first.
func (s *Store) Faults(ctx context.Context, c record.ConnectionID, limit int) ([]engine.Fault, error) {
	var rows []faultRow
	if err := s.read(ctx).Where("connection = ?", string(c)).Order("id DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the failed calls of %s: %w", c, err)
	}
	out := make([]engine.Fault, len(rows))
	for i, r := range rows {
		out[i] = engine.Fault{Connection: record.ConnectionID(r.Connection), At: r.At.time(), Op: r.Op, Kind: r.Kind, Status: r.Status, Detail: r.Detail, TraceID: r.TraceID}
	}
	return out, nil
}
