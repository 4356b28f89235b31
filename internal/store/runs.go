package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
)

// pageSize is what a list answers when it is not told, and maxPage the most it ever answers.
const (
	pageSize = 50
	maxPage  = 500
)

func limited(n int) int {
	if n <= 0 {
		return pageSize
	}
	return min(n, maxPage)
}

// likeEscape makes a typed search text literal within LIKE ... ESCAPE '!'.
var likeEscape = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

func contains(s string) string { return "%" + likeEscape.Replace(strings.ToLower(clean(s))) + "%" }

// listColumns leaves out a run's steps: lists do not show them.
const listColumns = `id, seq, automation_id, version, connection, object, record, title, target_connection, target_object,
	target_record, state, outcome, summary, code, attempts, next_at, started_at, finished_at, retry_of, event`

// Runs lists runs without their steps, newest first.
func (s *Store) Runs(ctx context.Context, f engine.RunFilter) ([]automation.Run, error) {
	return s.listRuns(ctx, everywhere, f)
}

func (s *Store) listRuns(ctx context.Context, sc scope, f engine.RunFilter) ([]automation.Run, error) {
	q := sc.ofAutomation(s.read(ctx).Model(&runRow{})).Select(listColumns).Order("id DESC").Limit(limited(f.Limit))
	if f.Automation != "" {
		q = q.Where("automation_id = ?", string(f.Automation))
	}
	if f.State != "" {
		q = q.Where("state = ?", string(f.State))
	}
	if len(f.Outcomes) > 0 {
		q = q.Where("outcome IN ?", f.Outcomes)
	}
	if f.Before != "" {
		q = q.Where("id < ?", clean(f.Before))
	}
	if f.Search != "" {
		text := contains(f.Search)
		q = q.Where("(LOWER(title) LIKE ? ESCAPE '!' OR LOWER(record) LIKE ? ESCAPE '!' OR LOWER(target_record) LIKE ? ESCAPE '!' OR LOWER(id) LIKE ? ESCAPE '!')", text, text, text, text)
	}
	var rows []runRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	return runs(rows)
}

func runs(rows []runRow) ([]automation.Run, error) {
	out := make([]automation.Run, 0, len(rows))
	for _, r := range rows {
		run, err := r.run()
		if err != nil {
			return nil, err
		}
		out = append(out, run)
	}
	return out, nil
}

// Run reads one run with the steps of every attempt that is kept.
func (s *Store) Run(ctx context.Context, id string) (automation.Run, error) {
	var row runRow
	// Not every column: PostgreSQL has one more, which is its own affair.
	if err := s.read(ctx).Select(listColumns+", steps").Where("id = ?", clean(id)).Take(&row).Error; err != nil {
		return automation.Run{}, fmt.Errorf("read run %s: %w", id, found(err))
	}
	r, err := row.run()
	if err != nil {
		return r, err
	}
	return r, s.withEarlier(ctx, &r)
}

// RunsSince are runs without their steps that were stored or changed after the sequence number, oldest first,
// and the number to go on from. With a limit of 0 it only tells the newest number.
func (s *Store) RunsSince(ctx context.Context, seq int64, limit int) ([]automation.Run, int64, error) {
	return s.runsSince(ctx, everywhere, seq, limit)
}

func (s *Store) runsSince(ctx context.Context, sc scope, seq int64, limit int) ([]automation.Run, int64, error) {
	settled := ""
	if s.dialect == dialectPostgres {
		// Numbers are given out before the commit: a transaction still open may hold a smaller one than those
		// already to be seen. What came after the oldest open transaction is news next time.
		settled = " AND tx < pg_snapshot_xmin(pg_current_snapshot())"
	}
	// The newest of everybody's, so that a quiet workspace does not read the others' news again and again.
	var newest int64
	if err := s.read(ctx).Raw("SELECT COALESCE(MAX(seq), 0) FROM runs WHERE seq > 0" + settled).Scan(&newest).Error; err != nil {
		return nil, 0, fmt.Errorf("read the newest run: %w", err)
	}
	newest = max(newest, seq)
	if limit <= 0 || newest == seq {
		return nil, newest, nil
	}
	mine, args := sc.automation("automation_id")
	var rows []runRow
	args = append(append([]any{seq, newest}, args...), limited(limit))
	err := s.read(ctx).Raw("SELECT "+listColumns+" FROM runs WHERE seq > ? AND seq <= ?"+settled+mine+" ORDER BY seq LIMIT ?", args...).Scan(&rows).Error
	if err != nil {
		return nil, 0, fmt.Errorf("list runs since %d: %w", seq, err)
	}
	if seq = newest; len(rows) == limited(limit) {
		seq = rows[len(rows)-1].Seq
	}
	out, err := runs(rows)
	return out, seq, err
}

// ChangesOf are the writes of a run, oldest first.
func (s *Store) ChangesOf(ctx context.Context, run string) ([]automation.Change, error) {
	var rows []changeRow
	if err := s.read(ctx).Where("run_id = ?", clean(run)).Order("intended_at, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read changes of run %s: %w", run, err)
	}
	return changes(rows)
}

// RunCounts counts runs that began since then, by hour and outcome, oldest hour first.
func (s *Store) RunCounts(ctx context.Context, since time.Time) ([]engine.HourCount, error) {
	return s.runCounts(ctx, everywhere, since)
}

func (s *Store) runCounts(ctx context.Context, sc scope, since time.Time) ([]engine.HourCount, error) {
	mine, args := sc.automation("automation_id")
	const hour = int64(time.Hour / time.Microsecond)
	var rows []struct {
		Hour    int64
		Outcome string
		N       int
	}
	err := s.read(ctx).Raw(`SELECT started_at / CAST(? AS BIGINT) AS hour, outcome, COUNT(*) AS n FROM runs WHERE started_at >= ?`+mine+`
		GROUP BY 1, 2 ORDER BY 1, 2`, append([]any{hour, int64(at(since))}, args...)...).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count runs: %w", err)
	}
	out := make([]engine.HourCount, len(rows))
	for i, r := range rows {
		out[i] = engine.HourCount{Hour: stamp(r.Hour * hour).time(), Outcome: automation.Outcome(r.Outcome), N: r.N}
	}
	return out, nil
}

// RetryRun makes the run's key due again, with a job, in one transaction. A run that waits is tried now; one
// that has ended is followed by a new run that names it.
func (s *Store) RetryRun(ctx context.Context, id string) error {
	err := s.write(ctx, func(u *unit) error {
		var row runRow
		if err := u.Select(listColumns).Where("id = ?", clean(id)).Take(&row).Error; err != nil {
			return found(err)
		}
		r, err := row.run()
		if err != nil {
			return err
		}
		if r.Event.Kind == automation.TestSend {
			// A test payload has no record to look at again.
			return engine.ErrConflict
		}
		if _, err := readAutomation(u.DB, r.Automation); err != nil {
			return err
		}
		d := due{automation: r.Automation, source: r.Source, event: r.Event, retryOf: r.ID}
		// Asked for by a person: it is done even when the automation is off meanwhile.
		d.event.Kind = automation.Manual
		d.event.ReceivedAt = u.now
		return u.wake([]due{d})
	})
	if err != nil {
		return fmt.Errorf("retry run %s: %w", id, err)
	}
	return nil
}
