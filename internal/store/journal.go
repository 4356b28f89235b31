package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

var _ engine.Journal = (*Store)(nil)

const (
	runColumns = `(id, seq, automation_id, version, connection, object, record, title,
	target_connection, target_object, target_record, state, outcome, summary, code, attempts,
	next_at, started_at, finished_at, retry_of, event, steps)`

	// started_at stays: a run began with its first attempt.
	runConflict = ` ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, version = excluded.version, title = excluded.title,
	target_connection = excluded.target_connection, target_object = excluded.target_object, target_record = excluded.target_record,
	state = excluded.state, outcome = excluded.outcome, summary = excluded.summary, code = excluded.code,
	attempts = excluded.attempts, next_at = excluded.next_at, finished_at = excluded.finished_at,
	event = excluded.event, steps = excluded.steps`

	// There is one writer, so the numbers are given out in the order of commits.
	upsertRunSQLite = `INSERT INTO runs ` + runColumns + ` VALUES
(?, (SELECT COALESCE(MAX(seq), 0) + 1 FROM runs), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)` + runConflict

	upsertRunPostgres = `INSERT INTO runs ` + runColumns + ` VALUES
(?, nextval('run_seq'), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)` + runConflict + `, tx = pg_current_xact_id()`

	insertChange = `INSERT INTO changes (id, run_id, automation_id, connection, object, record,
	target_connection, target_object, target_record, op, state, error, intended_at, answered_at, fields, before, after, parent)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	answerChange = `UPDATE changes SET state = ?, error = ?, answered_at = ?, target_connection = ?, target_object = ?,
	target_record = ?, after = ? WHERE id = ?`

	// The literal list is the condition of the index changes_open.
	openChanges = `SELECT * FROM changes WHERE automation_id = ? AND connection = ? AND object = ? AND record = ?
	AND state IN ('intended', 'unclear') ORDER BY intended_at, id`

	// What a create was to make has no id before its answer.
	unansweredCreates = `SELECT * FROM changes WHERE target_connection = ? AND target_object = ? AND target_record = ''
	AND op = 'create' AND state IN ('intended', 'unclear') ORDER BY intended_at, id`

	// A claimed key remembers its open run, so that after a crash the next attempt continues that run and none is
	// left "running" for ever; a run that has ended is forgotten in the transaction that ends it.
	noteRun = `UPDATE works SET run_id = ? WHERE automation_id = ? AND connection = ? AND object = ? AND record = ? AND state = 'running'`
)

// OpenChanges are writes for this key that were intended and never answered, oldest first.
func (s *Store) OpenChanges(ctx context.Context, a automation.ID, source record.Ref) ([]automation.Change, error) {
	var rows []changeRow
	err := s.read(ctx).Raw(openChanges, string(a), string(source.Connection), string(source.Type), clean(source.ID)).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read open changes of %s: %w", source, err)
	}
	return changes(rows)
}

// UnansweredCreates are the creates in an account that were intended and never answered, oldest first.
func (s *Store) UnansweredCreates(ctx context.Context, in record.ConnectionID, t record.ObjectType) ([]automation.Change, error) {
	var rows []changeRow
	if err := s.read(ctx).Raw(unansweredCreates, string(in), string(t)).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("read unanswered creates in %s: %w", in, err)
	}
	return changes(rows)
}

func changes(rows []changeRow) ([]automation.Change, error) {
	out := make([]automation.Change, 0, len(rows))
	for _, r := range rows {
		c, err := r.change()
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// Intend makes the run and the change durable (I1), unless the automation has written as much as its limits allow.
func (s *Store) Intend(ctx context.Context, r automation.Run, c automation.Change, limits automation.Limits) error {
	run, err := s.runArgs(r)
	if err != nil {
		return fmt.Errorf("intend change %s: %w", c.ID, err)
	}
	change, err := changeArgs(c)
	if err != nil {
		return fmt.Errorf("intend change %s: %w", c.ID, err)
	}
	err = s.write(ctx, func(u *unit) error {
		if err := u.brake(c, limits); err != nil {
			return err
		}
		if err := u.saveRun(r, run); err != nil {
			return err
		}
		if err := u.Exec(insertChange, change...).Error; err != nil {
			return err
		}
		return u.noteRun(r, r.ID)
	})
	if err != nil {
		return fmt.Errorf("intend change %s: %w", c.ID, err)
	}
	return nil
}

// written counts what an automation has tried to write of late. It stops counting at the limit: a busy automation has
// many changes an hour, and only whether it is below matters.
const written = `SELECT COUNT(*) FROM (SELECT 1 FROM changes WHERE automation_id = ? AND intended_at > ? AND state <> 'refused'`

func (u *unit) brake(c automation.Change, limits automation.Limits) error {
	what, only, limit, share := "changes", "", limits.ChangesPerHour, 0
	if c.Op == automation.Delete {
		what, only, limit, share = "deletes", " AND op = 'delete'", limits.DeletesPerHour, limits.DeleteShare
	}
	if limit <= 0 && share <= 0 {
		return nil
	}
	var since []stamp
	if err := u.Raw("SELECT brakes_since FROM automations WHERE id = ?", string(c.Automation)).Scan(&since).Error; err != nil {
		return err
	}
	from := at(u.now.Add(-time.Hour))
	if len(since) > 0 {
		from = max(from, since[0])
	}
	upTo := limit
	if upTo <= 0 {
		upTo = math.MaxInt32
	}
	var n int
	if err := u.Raw(written+only+" LIMIT ?) AS w", string(c.Automation), int64(from), upTo).Scan(&n).Error; err != nil {
		return err
	}
	if limit > 0 && n >= limit {
		return &engine.Brake{What: what, Limit: limit}
	}
	if share <= 0 {
		return nil
	}
	// Of how many pairs it is a share matters up to where it is none any more.
	var pairs int
	if err := u.Raw(linkedPairs, string(c.Automation), max(automation.ShareFloor, 100*(n+1)/share+1)).Scan(&pairs).Error; err != nil {
		return err
	}
	if automation.BeyondShare(n+1, pairs+n, share) {
		return &engine.Brake{What: what, Limit: share, Share: true}
	}
	return nil
}

// linkedPairs counts the pairs an automation keeps alike, up to a number. Those it has deleted are none any more.
const linkedPairs = `SELECT COUNT(*) FROM (SELECT 1 FROM bases b JOIN links l ON l.id = b.link_id WHERE b.automation_id = ? AND NOT l.severed LIMIT ?) AS p`

// Finish makes the run, its answered changes, the link and the base durable in one transaction (I2).
func (s *Store) Finish(ctx context.Context, f engine.Finish) error {
	run, err := s.runArgs(f.Run)
	if err != nil {
		return fmt.Errorf("finish run %s: %w", f.Run.ID, err)
	}
	answered := f.Settled
	if f.Change != nil {
		answered = append(answered[:len(answered):len(answered)], *f.Change)
	}
	err = s.write(ctx, func(u *unit) error { return u.finish(f, run, answered) })
	if err != nil {
		return fmt.Errorf("finish run %s: %w", f.Run.ID, err)
	}
	return nil
}

func (u *unit) finish(f engine.Finish, run []any, answered []automation.Change) error {
	if err := u.saveRun(f.Run, run); err != nil {
		return err
	}
	for _, c := range answered {
		if err := u.answer(c); err != nil {
			return err
		}
	}
	if err := u.know(f); err != nil {
		return err
	}
	if f.Unlink != nil {
		if err := u.unlink(*f.Unlink); err != nil {
			return err
		}
	}
	if err := u.reviews(f); err != nil {
		return err
	}
	link := ""
	if f.Base != nil {
		link = f.Base.Link
	}
	if f.Link != nil {
		var err error
		if link, err = u.saveLink(*f.Link); err != nil {
			return err
		}
	}
	if f.Sever != nil {
		if err := u.sever(*f.Sever); err != nil {
			return err
		}
	}
	if f.Base != nil {
		if err := u.saveBase(*f.Base, link); err != nil {
			return err
		}
	}
	if len(f.Awaits) > 0 || f.Run.Attempts > 1 { // nobody else awaited anything
		if err := u.await(f.Run, f.Awaits); err != nil {
			return err
		}
	}
	switch {
	case f.Run.State == automation.Waiting:
		return u.noteRun(f.Run, f.Run.ID)
	case len(answered) > 0 || f.Run.Attempts > 1: // nobody else left a note
		return u.noteRun(f.Run, "")
	}
	return nil
}

func (u *unit) saveRun(r automation.Run, args []any) error {
	if err := u.keepAttempts(r); err != nil {
		return err
	}
	if u.store.dialect == dialectPostgres {
		return u.Exec(upsertRunPostgres, args...).Error
	}
	return u.Exec(upsertRunSQLite, args...).Error
}

func (u *unit) answer(c automation.Change) error {
	after, err := encode("after of change "+c.ID, c.After)
	if err != nil {
		return err
	}
	res := u.Exec(answerChange, string(c.State), clean(c.Error), int64(at(c.AnsweredAt)),
		string(c.Target.Connection), string(c.Target.Type), clean(c.Target.ID), after, c.ID)
	if res.Error != nil || res.RowsAffected > 0 {
		return res.Error
	}
	args, err := changeArgs(c)
	if err != nil {
		return err
	}
	return u.Exec(insertChange, args...).Error
}

func (u *unit) noteRun(r automation.Run, id string) error {
	return u.Exec(noteRun, id, string(r.Automation), string(r.Source.Connection), string(r.Source.Type), clean(r.Source.ID)).Error
}

func (s *Store) runArgs(r automation.Run) ([]any, error) {
	event, err := encodeEvent(r.Event)
	if err != nil {
		return nil, err
	}
	steps, err := automation.EncodeSteps(r.Steps)
	if err != nil {
		return nil, fmt.Errorf("encode steps: %w", err)
	}
	return []any{
		r.ID, string(r.Automation), r.Version, string(r.Source.Connection), string(r.Source.Type), clean(r.Source.ID), clean(r.Title),
		string(r.Target.Connection), string(r.Target.Type), clean(r.Target.ID), string(r.State), string(r.Outcome),
		clean(r.Summary), clean(r.Code), r.Attempts, int64(at(r.NextAt)), int64(at(r.StartedAt)), int64(at(r.FinishedAt)), r.RetryOf, event, string(steps),
	}, nil
}

func changeArgs(c automation.Change) ([]any, error) {
	fields, err := encode("fields of change "+c.ID, c.Fields)
	if err != nil {
		return nil, err
	}
	before, err := encode("before of change "+c.ID, c.Before)
	if err != nil {
		return nil, err
	}
	after, err := encode("after of change "+c.ID, c.After)
	if err != nil {
		return nil, err
	}
	parent := ""
	if !c.Parent.IsZero() {
		if parent, err = encode("parent of change "+c.ID, c.Parent); err != nil {
			return nil, err
		}
	}
	return []any{
		c.ID, c.Run, string(c.Automation), string(c.Source.Connection), string(c.Source.Type), clean(c.Source.ID),
		string(c.Target.Connection), string(c.Target.Type), clean(c.Target.ID), string(c.Op), string(c.State), clean(c.Error),
		int64(at(c.IntendedAt)), int64(at(c.AnsweredAt)), fields, before, after, parent,
	}, nil
}
