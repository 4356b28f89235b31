package store

import (
	"context"
	"fmt"
	"time"

	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

type quotaUsageRow struct {
	Connection    string `gorm:"primaryKey"`
	IntervalStart stamp  `gorm:"primaryKey;autoIncrement:false"`
	Calls         int
	Refused       int
}

func (quotaUsageRow) TableName() string { return "quota_usage" }

type quotaLedgerRow struct {
	Budget   string `gorm:"primaryKey"`
	Document string
}

func (quotaLedgerRow) TableName() string { return "quota_ledgers" }

// AddQuotaUse adds to what is stored: every process tells of its own calls.
func (s *Store) AddQuotaUse(ctx context.Context, uses ...engine.QuotaUse) error {
	if len(uses) == 0 {
		return nil
	}
	err := s.write(ctx, func(u *unit) error {
		for _, use := range uses {
			err := u.Exec(`INSERT INTO quota_usage (connection, interval_start, calls, refused) VALUES (?,?,?,?)
				ON CONFLICT (connection, interval_start) DO UPDATE SET calls = quota_usage.calls + excluded.calls, refused = quota_usage.refused + excluded.refused`,
				string(use.Connection), int64(at(use.Start.Truncate(engine.QuotaInterval))), use.Calls, use.Refused).Error
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add the use of %d call budgets: %w", len(uses), err)
	}
	return nil
}

// QuotaUses is what a connection spent since then, oldest first. Intervals without a call are left out.
func (s *Store) QuotaUses(ctx context.Context, c record.ConnectionID, since time.Time) ([]engine.QuotaUse, error) {
	var rows []quotaUsageRow
	if err := s.read(ctx).Where("connection = ? AND interval_start >= ?", string(c), int64(at(since))).Order("interval_start").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the calls of %s: %w", c, err)
	}
	out := make([]engine.QuotaUse, len(rows))
	for i, r := range rows {
		out[i] = engine.QuotaUse{Connection: record.ConnectionID(r.Connection), Start: r.IntervalStart.time(), Calls: r.Calls, Refused: r.Refused}
	}
	return out, nil
}

// Ledgers reads the documents of all shared call budgets, and the clock they are kept by.
func (s *Store) Ledgers(ctx context.Context) (documents map[string]string, now time.Time, err error) {
	clock := s.now()
	if s.dialect == dialectPostgres {
		var micros stamp
		if err := s.read(ctx).Raw("SELECT " + sharedClock).Scan(&micros).Error; err != nil {
			return nil, clock, fmt.Errorf("read the database's clock: %w", err)
		}
		clock = micros.time()
	}
	var rows []quotaLedgerRow
	if err := s.read(ctx).Find(&rows).Error; err != nil {
		return nil, clock, fmt.Errorf("read the ledgers: %w", err)
	}
	documents = make(map[string]string, len(rows))
	for _, r := range rows {
		documents[r.Budget] = r.Document
	}
	return documents, clock, nil
}

// sharedClock is the time of the database, in microseconds.
const sharedClock = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint"

// ChangeLedger hands the document of one shared call budget to change and stores what comes back. Of all processes one
// at a time is inside, and now is the database's clock, which they all share. A document that is not there is empty.
func (s *Store) ChangeLedger(ctx context.Context, budget string, change func(document string, now time.Time) (string, error)) error {
	clock, inside := "0", true
	if s.dialect == dialectPostgres {
		// Read after the lock was had: the row is returned once it is ours.
		clock, inside = sharedClock, false
	}
	err := s.write(ctx, func(u *unit) error {
		var row struct {
			Document string
			Clock    stamp
		}
		err := u.Raw(`INSERT INTO quota_ledgers (budget) VALUES (?) ON CONFLICT (budget) DO UPDATE SET budget = excluded.budget
			RETURNING document, `+clock+` AS clock`, clean(budget)).Scan(&row).Error
		if err != nil {
			return err
		}
		now := row.Clock.time()
		if inside {
			now = u.now // one process, one clock
		}
		document, err := change(row.Document, now)
		if err != nil || document == row.Document {
			return err
		}
		return u.Exec("UPDATE quota_ledgers SET document = ? WHERE budget = ?", document, clean(budget)).Error
	})
	if err != nil {
		return fmt.Errorf("change the ledger of %s: %w", budget, err)
	}
	return nil
}
