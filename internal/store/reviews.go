package store

import (
	"context"
	"fmt"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

const (
	// An open question takes the newest content; a decided one is asked again, since its answer did not settle it.
	upsertReview = `INSERT INTO reviews
(id, automation_id, connection, object, record, kind, state, title, run_id, plan, opened_at) VALUES (?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, ?)
ON CONFLICT (automation_id, connection, object, record, kind) WHERE state <> 'settled'
DO UPDATE SET state = 'open', title = excluded.title, run_id = excluded.run_id, plan = excluded.plan, decision = '', decided_by = '', decided_at = 0`

	settleReviews = `UPDATE reviews SET state = 'settled'
WHERE automation_id = ? AND connection = ? AND object = ? AND record = ? AND state <> 'settled'`

	// Whoever holds it already may hold it longer; anybody may take what has run out.
	reserve = `INSERT INTO reservations (identity, holder, until) VALUES (?, ?, ?)
ON CONFLICT (identity) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE reservations.holder = excluded.holder OR reservations.until <= ? RETURNING identity`
)

// reviews opens or settles questions in the transaction that ends a run.
func (u *unit) reviews(f engine.Finish) error {
	for _, ref := range f.Answers() {
		if err := u.settle(f.Run.Automation, ref); err != nil {
			return err
		}
	}
	if r := f.Review; r != nil {
		plan, err := encode("plan of review "+r.ID, r.Plan)
		if err != nil {
			return err
		}
		return u.Exec(upsertReview, r.ID, string(r.Automation), string(r.Source.Connection), string(r.Source.Type), clean(r.Source.ID),
			string(r.Kind), clean(r.Title), r.Run, plan, int64(at(r.OpenedAt))).Error
	}
	if !f.Settle {
		return nil
	}
	return u.settle(f.Run.Automation, f.Run.Source)
}

func (u *unit) settle(a automation.ID, asked record.Ref) error {
	return u.Exec(settleReviews, string(a), string(asked.Connection), string(asked.Type), clean(asked.ID)).Error
}

// Reserve keeps others from making a record with one of these identities. All are taken, or none.
func (s *Store) Reserve(ctx context.Context, identities []string, holder string, until time.Time) (bool, error) {
	ok := false
	err := s.write(ctx, func(u *unit) error {
		ok = true
		for _, id := range identities {
			var got []string
			if err := u.Raw(reserve, clean(id), clean(holder), int64(at(until)), int64(at(u.now))).Scan(&got).Error; err != nil {
				return err
			}
			if len(got) == 0 {
				ok = false
				return errTaken
			}
		}
		return nil
	})
	if err == nil || !ok {
		return ok, nil
	}
	return false, fmt.Errorf("reserve %d identities: %w", len(identities), err)
}

var errTaken = fmt.Errorf("reserved by somebody else")

// Reviews are the questions about a key that are not settled.
func (s *Store) Reviews(ctx context.Context, a automation.ID, source record.Ref) ([]automation.Review, error) {
	return s.reviewList(ctx, "automation_id = ? AND connection = ? AND object = ? AND record = ? AND state <> 'settled'",
		string(a), string(source.Connection), string(source.Type), clean(source.ID))
}

// Review reads one question.
func (s *Store) Review(ctx context.Context, id string) (automation.Review, error) {
	list, err := s.reviewList(ctx, "id = ?", clean(id))
	if err != nil {
		return automation.Review{}, err
	}
	if len(list) == 0 {
		return automation.Review{}, fmt.Errorf("read review %s: %w", id, engine.ErrNotFound)
	}
	return list[0], nil
}

// ReviewList lists questions, newest first.
func (s *Store) ReviewList(ctx context.Context, f engine.ReviewFilter) ([]automation.Review, error) {
	return s.listReviews(ctx, everywhere, f)
}

func (s *Store) listReviews(ctx context.Context, sc scope, f engine.ReviewFilter) ([]automation.Review, error) {
	q := sc.ofAutomation(s.read(ctx).Model(&reviewRow{})).Order("id DESC").Limit(limited(f.Limit))
	if f.State != "" {
		q = q.Where("state = ?", string(f.State))
	}
	if f.Kind != "" {
		q = q.Where("kind = ?", string(f.Kind))
	}
	if f.Automation != "" {
		q = q.Where("automation_id = ?", string(f.Automation))
	}
	if f.Search != "" {
		q = q.Where("LOWER(title) LIKE ? ESCAPE '!'", contains(f.Search))
	}
	if f.Before != "" {
		q = q.Where("id < ?", clean(f.Before))
	}
	var rows []reviewRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list reviews: %w", err)
	}
	return reviewsOf(rows)
}

// ReviewCounts counts open questions by kind.
func (s *Store) ReviewCounts(ctx context.Context) (map[automation.ReviewKind]int, error) {
	return s.reviewCounts(ctx, everywhere)
}

func (s *Store) reviewCounts(ctx context.Context, sc scope) (map[automation.ReviewKind]int, error) {
	mine, args := sc.automation("automation_id")
	var rows []struct {
		Kind string
		N    int
	}
	if err := s.read(ctx).Raw("SELECT kind, COUNT(*) AS n FROM reviews WHERE state = 'open'"+mine+" GROUP BY kind", args...).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("count reviews: %w", err)
	}
	out := map[automation.ReviewKind]int{}
	for _, r := range rows {
		out[automation.ReviewKind(r.Kind)] = r.N
	}
	return out, nil
}

// DecideReview stores a person's answer and makes the key due, with a job, in one transaction. It answers
// engine.ErrConflict when the question is settled, or was asked anew after seen.
func (s *Store) DecideReview(ctx context.Context, id, run string, d automation.Decision, by string) error {
	doc, err := encode("decision of review "+id, d)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(u *unit) error {
		var rows []reviewRow
		if err := u.Raw(`UPDATE reviews SET state = 'decided', decision = ?, decided_by = ?, decided_at = ?
WHERE id = ? AND run_id = ? AND state <> 'settled' RETURNING *`, doc, clean(by), int64(at(u.now)), clean(id), clean(run)).Scan(&rows).Error; err != nil {
			return err
		}
		if len(rows) == 0 {
			var row reviewRow
			if err := u.Where("id = ?", clean(id)).Take(&row).Error; err != nil {
				return found(err)
			}
			return engine.ErrConflict
		}
		r, err := rows[0].review()
		if err != nil {
			return err
		}
		e := automation.Event{ID: automation.NewID("ev"), Kind: automation.Decided, Ref: r.Source, ReceivedAt: u.now}
		return u.wake([]due{{automation: r.Automation, source: r.Source, event: e}})
	})
	if err != nil {
		return fmt.Errorf("decide review %s: %w", id, err)
	}
	return nil
}

func (s *Store) reviewList(ctx context.Context, where string, args ...any) ([]automation.Review, error) {
	var rows []reviewRow
	if err := s.read(ctx).Where(where, args...).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read reviews: %w", err)
	}
	return reviewsOf(rows)
}

func reviewsOf(rows []reviewRow) ([]automation.Review, error) {
	out := make([]automation.Review, 0, len(rows))
	for _, r := range rows {
		v, err := r.review()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
