package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"crosswalk/internal/people"
)

type vainTryRow struct {
	KeyHash []byte `gorm:"primaryKey"`
	Count   int
	LastAt  stamp
}

func (vainTryRow) TableName() string { return "vain_tries" }

// Try counts a try before it is made, so that many at once are not all free; it answers how long to wait instead
// when too many were in vain. All processes on one database count together.
func (s *Store) Try(ctx context.Context, t people.Try) (wait time.Duration, err error) {
	err = s.changeTally(ctx, t, func(tally people.Tally, now time.Time) people.Tally {
		if wait = t.Wait(tally, now); wait > 0 {
			return tally
		}
		return tally.Tried(now)
	})
	if err != nil {
		return 0, fmt.Errorf("count a try: %w", err)
	}
	return wait, nil
}

// TrySucceeded takes a try back that was not in vain.
func (s *Store) TrySucceeded(ctx context.Context, t people.Try) error {
	err := s.changeTally(ctx, t, func(tally people.Tally, _ time.Time) people.Tally { return tally.Succeeded() })
	if err != nil {
		return fmt.Errorf("take a try back: %w", err)
	}
	return nil
}

func (s *Store) changeTally(ctx context.Context, t people.Try, change func(people.Tally, time.Time) people.Tally) error {
	return s.write(ctx, func(u *unit) error {
		var tally people.Tally
		type counted struct {
			key   []byte
			count *people.Count
		}
		counts := []counted{{t.Pair[:], &tally.Pair}, {t.Address[:], &tally.Address}, {t.Account[:], &tally.Account}}
		// Always in the same order, so that no two wait for each other.
		slices.SortFunc(counts, func(a, b counted) int { return bytes.Compare(a.key, b.key) })
		for _, c := range counts {
			// Writing what is there locks the row until the change is made.
			var row vainTryRow
			err := u.Raw(`INSERT INTO vain_tries (count, key_hash, last_at) VALUES (0, ?, ?)
				ON CONFLICT (key_hash) DO UPDATE SET count = vain_tries.count RETURNING *`, c.key, int64(at(u.now))).Scan(&row).Error
			if err != nil {
				return err
			}
			*c.count = people.Count{N: row.Count, LastAt: row.LastAt.time()}
		}
		before := tally
		tally = change(tally, u.now)
		if tally == before {
			return nil
		}
		for _, c := range counts {
			err := u.Exec("UPDATE vain_tries SET count = ?, last_at = ? WHERE key_hash = ?", c.count.N, int64(at(c.count.LastAt)), c.key).Error
			if err != nil {
				return err
			}
		}
		return nil
	})
}
