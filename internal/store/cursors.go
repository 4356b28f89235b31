package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

var _ engine.Cursors = (*Store)(nil)

// PollCursor reads how far polling has come; !ok when it never began.
func (s *Store) PollCursor(ctx context.Context, c record.ConnectionID, t record.ObjectType) (engine.PollCursor, bool, error) {
	var row cursorRow
	err := s.read(ctx).Where("connection = ? AND object = ?", string(c), string(t)).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return engine.PollCursor{}, false, nil
	}
	if err != nil {
		return engine.PollCursor{}, false, fmt.Errorf("read poll cursor of %s %s: %w", c, t, err)
	}
	return row.cursor(), true, nil
}

// SavePollCursor stores it.
func (s *Store) SavePollCursor(ctx context.Context, c engine.PollCursor) error {
	row := cursorRow{Connection: string(c.Connection), Object: string(c.Object), Since: at(c.Since), PolledAt: at(c.PolledAt), Problem: clean(c.Problem), NextAt: at(c.NextAt), Why: c.Why, Calls: c.Calls, Failures: c.Failures, Missed: c.Missed}
	err := s.write(ctx, func(u *unit) error {
		return u.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error
	})
	if err != nil {
		return fmt.Errorf("save poll cursor of %s %s: %w", c.Connection, c.Object, err)
	}
	return nil
}

// PollCursors are all of them.
func (s *Store) PollCursors(ctx context.Context) ([]engine.PollCursor, error) {
	return s.pollCursors(ctx, everywhere)
}

func (s *Store) pollCursors(ctx context.Context, sc scope) ([]engine.PollCursor, error) {
	var rows []cursorRow
	if err := sc.ofConnection(s.read(ctx).Model(&cursorRow{})).Order("connection, object").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read poll cursors: %w", err)
	}
	out := make([]engine.PollCursor, len(rows))
	for i, r := range rows {
		out[i] = r.cursor()
	}
	return out, nil
}

// PollSoon makes everything of a connection due to be polled: it works again, or is another way connected, and what
// spoke for waiting is over.
func (s *Store) PollSoon(ctx context.Context, c record.ConnectionID) error {
	err := s.write(ctx, func(u *unit) error {
		return u.Exec("UPDATE poll_cursors SET next_at = 0, failures = 0, why = '' WHERE connection = ?", string(c)).Error
	})
	if err != nil {
		return fmt.Errorf("poll %s soon: %w", c, err)
	}
	return nil
}
