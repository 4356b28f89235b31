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

// silencesAtOnce keeps a statement below both databases' limits of parameters.
const silencesAtOnce = 500

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
	var silences []silenceRow
	if err := s.read(ctx).Where("connection = ? AND object = ?", string(c), string(t)).Order("position").Find(&silences).Error; err != nil {
		return engine.PollCursor{}, false, fmt.Errorf("read what webhooks have yet to tell of %s %s: %w", c, t, err)
	}
	cursor := row.cursor()
	for _, r := range silences {
		cursor.Silent = append(cursor.Silent, r.silence())
	}
	return cursor, true, nil
}

// SavePollCursor stores it, with what its webhooks have yet to tell of.
func (s *Store) SavePollCursor(ctx context.Context, c engine.PollCursor) error {
	row := cursorRow{Connection: string(c.Connection), Object: string(c.Object), Since: at(c.Since), PolledAt: at(c.PolledAt), Problem: clean(c.Problem), NextAt: at(c.NextAt), Why: c.Why, Calls: c.Calls, Failures: c.Failures, Missed: c.Missed}
	silences := make([]silenceRow, len(c.Silent))
	for i, d := range c.Silent {
		silences[i] = silenceRow{Connection: row.Connection, Object: row.Object, Position: i, Record: clean(d.Ref.ID), Change: string(d.Change), FromAt: at(d.From), ToAt: at(d.To), DueAt: at(d.Due)}
	}
	err := s.write(ctx, func(u *unit) error {
		if err := u.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
			return err
		}
		if err := u.Exec("DELETE FROM silences WHERE connection = ? AND object = ?", row.Connection, row.Object).Error; err != nil || len(silences) == 0 {
			return err
		}
		return u.CreateInBatches(silences, silencesAtOnce).Error
	})
	if err != nil {
		return fmt.Errorf("save poll cursor of %s %s: %w", c.Connection, c.Object, err)
	}
	return nil
}

// PollCursors are all of them, without what their webhooks have yet to tell of.
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
