package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

var (
	_ engine.Routing = (*Store)(nil)
	_ engine.Works   = (*Store)(nil)
)

// A key is idle, queued (due, with a job), running (leased) or waiting (due later, with a job).
//
//	idle ──event──▶ queued ──claim──▶ running ──release──▶ idle | queued (dirty) | waiting (retry)
//	waiting ──event or time──▶ queued or claimed at once; running ──event──▶ running, dirty
const (
	// The token tells the rows this statement woke from rows that were due already: they need a job.
	wakeWorks = `INSERT INTO works (automation_id, connection, object, record, state, event, due_at, retry_of, wake) VALUES `
	workTuple = `(?,?,?,?,'queued',?,?,?,?)`
	wakeEnd   = ` ON CONFLICT (automation_id, connection, object, record) DO UPDATE SET
	event = excluded.event,
	dirty = (works.state = 'running'),
	wake = CASE WHEN works.state IN ('idle', 'waiting') THEN excluded.wake ELSE works.wake END,
	due_at = CASE WHEN works.state IN ('idle', 'waiting') THEN excluded.due_at ELSE works.due_at END,
	retry_of = CASE WHEN works.state = 'idle' THEN excluded.retry_of ELSE works.retry_of END,
	state = CASE WHEN works.state = 'running' THEN 'running' ELSE 'queued' END
RETURNING id, wake`

	claimWork = `UPDATE works SET state = 'running', dirty = FALSE, lease_owner = ?, due_at = ?
WHERE id = ? AND (state = 'queued' OR (state = 'waiting' AND due_at <= ?)) RETURNING *`

	// What was due stays due: it is dirty, and queued again by the release. A key nobody has heard of is made.
	claimKeys  = `INSERT INTO works (automation_id, connection, object, record, state, event, due_at, lease_owner, wake) VALUES `
	claimTuple = `(?,?,?,?,'running',?,?,?,?)`
	claimEnd   = ` ON CONFLICT (automation_id, connection, object, record) DO UPDATE SET
	dirty = (works.state <> 'idle'), state = 'running', lease_owner = excluded.lease_owner, due_at = excluded.due_at, wake = excluded.wake
WHERE works.state <> 'running' RETURNING id, automation_id, connection, object, record`

	releaseKeys = `UPDATE works SET state = CASE WHEN dirty THEN 'queued' ELSE 'idle' END, dirty = FALSE, lease_owner = '', due_at = ?
WHERE id IN ? AND state = 'running' AND lease_owner = ? RETURNING id, state`

	keepKeys = `UPDATE works SET due_at = ? WHERE id IN ? AND state = 'running' AND lease_owner = ?`

	// Done, and dirty: due again as a fresh start.
	releaseDone = `UPDATE works SET state = CASE WHEN dirty THEN 'queued' ELSE 'idle' END, dirty = FALSE, lease_owner = '',
	due_at = ?, run_id = '', attempts = 0, retry_of = ''
WHERE id = ? AND state = 'running' AND lease_owner = ? RETURNING state`

	// To be tried again: news make it due at once, and the run goes on.
	releaseRetry = `UPDATE works SET state = CASE WHEN dirty THEN 'queued' ELSE 'waiting' END,
	due_at = CASE WHEN dirty THEN CAST(? AS BIGINT) ELSE CAST(? AS BIGINT) END, dirty = FALSE, lease_owner = '', attempts = attempts + 1,
	run_id = COALESCE(NULLIF(CAST(? AS TEXT), ''), run_id)
WHERE id = ? AND state = 'running' AND lease_owner = ? RETURNING state`

	// state <> 'idle' says nothing new, but without it SQLite does not see that the index works_due may be used.
	rescueExpired = `UPDATE works SET state = 'queued', dirty = FALSE, lease_owner = '', due_at = ?, attempts = attempts + 1
WHERE id IN (SELECT id FROM works WHERE state <> 'idle' AND state = 'running' AND due_at <= ? ORDER BY due_at LIMIT ?) AND state = 'running' AND due_at <= ?
RETURNING id`

	rescueJobless = `UPDATE works SET state = 'queued', due_at = ?
WHERE id IN (SELECT id FROM works WHERE state <> 'idle' AND state IN ('queued', 'waiting') AND due_at <= ? ORDER BY due_at LIMIT ?)
	AND state IN ('queued', 'waiting') AND due_at <= ?
RETURNING id`

	workOf = `(SELECT id FROM works WHERE automation_id = ? AND connection = ? AND object = ? AND record = ?)`

	wakeWaiting = `UPDATE works SET state = 'queued', due_at = ?
WHERE id IN (SELECT id FROM works WHERE automation_id = ? AND state = 'waiting' LIMIT ?) AND state = 'waiting' RETURNING id`
)

const (
	// claimSlack forgives a queue that keeps time by the millisecond.
	claimSlack = time.Second
	// joblessAfter is when a key that is due and was not claimed is thought to have lost its job. A busy queue
	// has such keys too: a second job for one is harmless, and joblessBatch keeps them few.
	joblessAfter = time.Minute
	joblessBatch = 100
	// workChunk bounds the parameters of one statement.
	workChunk = 500
)

// UnroutedEvents are the oldest events nobody has looked at.
func (s *Store) UnroutedEvents(ctx context.Context, limit int) ([]automation.Event, error) {
	var rows []eventRow
	// The literal 0 is the condition of the index events_unrouted.
	if err := s.read(ctx).Raw("SELECT * FROM events WHERE routed_at = 0 ORDER BY seq LIMIT ?", limit).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("read unrouted events: %w", err)
	}
	out := make([]automation.Event, len(rows))
	for i, r := range rows {
		out[i] = r.event()
	}
	return out, nil
}

// due is a key an event makes due.
type due struct {
	automation automation.ID
	source     record.Ref
	event      automation.Event
	retryOf    string
}

// SaveRouting marks stored events routed and makes their keys due. Of two routers that saw the same event, the
// second finds it routed and does nothing, so an event makes its keys due once.
func (s *Store) SaveRouting(ctx context.Context, routed []engine.Routed) error {
	if len(routed) == 0 {
		return nil
	}
	err := s.write(ctx, func(u *unit) error {
		ours, err := u.markRouted(routed)
		if err != nil {
			return err
		}
		var all []due
		var unwatched []string
		for _, r := range routed {
			if !ours[r.Event.ID] {
				continue
			}
			if len(r.Keys) == 0 && !r.Minded && r.Event.Kind == automation.Webhook {
				unwatched = append(unwatched, r.Event.ID)
			}
			for _, k := range r.Keys {
				all = append(all, due{automation: k.Automation, source: k.Source, event: r.Event})
			}
		}
		if err := u.markUnwatched(unwatched); err != nil {
			return err
		}
		return u.wake(all)
	})
	if err != nil {
		return fmt.Errorf("save routing of %d events: %w", len(routed), err)
	}
	return nil
}

// Wake makes one key due for an event that is not stored.
func (s *Store) Wake(ctx context.Context, key engine.Key, e automation.Event) error {
	err := s.write(ctx, func(u *unit) error {
		return u.wake([]due{{automation: key.Automation, source: key.Source, event: e}})
	})
	if err != nil {
		return fmt.Errorf("wake %s for %s: %w", key.Source, key.Automation, err)
	}
	return nil
}

func (u *unit) markRouted(routed []engine.Routed) (map[string]bool, error) {
	ours := make(map[string]bool, len(routed))
	// In order of id, as every router does: two of them never wait for each other crosswise.
	ids := make([]string, len(routed))
	for i, r := range routed {
		ids[i] = r.Event.ID
	}
	slices.Sort(ids)
	for len(ids) > 0 {
		n := min(workChunk, len(ids))
		var marked []string
		err := u.Raw("UPDATE events SET routed_at = ? WHERE id IN ? AND routed_at = 0 RETURNING id", int64(at(u.now)), ids[:n]).Scan(&marked).Error
		if err != nil {
			return nil, err
		}
		for _, id := range marked {
			ours[id] = true
		}
		ids = ids[n:]
	}
	return ours, nil
}

// markUnwatched lets the log of deliveries say that no automation cared.
func (u *unit) markUnwatched(events []string) error {
	for chunk := range slices.Chunk(events, workChunk) {
		if err := u.Exec("UPDATE deliveries SET verdict = ? WHERE event_id IN ?", string(automation.Unwatched), chunk).Error; err != nil {
			return err
		}
	}
	return nil
}

// wake makes keys due and enqueues jobs for those that had none. Of several events for a key the last counts.
func (u *unit) wake(all []due) error {
	type key struct {
		automation automation.ID
		source     record.Ref
	}
	index := make(map[key]int, len(all))
	var keys []due
	for _, d := range all {
		d.source.ID = clean(d.source.ID)
		k := key{d.automation, d.source}
		if i, ok := index[k]; ok {
			keys[i] = d
			continue
		}
		index[k] = len(keys)
		keys = append(keys, d)
	}
	slices.SortFunc(keys, func(a, b due) int {
		return cmp.Or(cmp.Compare(a.automation, b.automation), cmp.Compare(a.source.String(), b.source.String()))
	})
	for len(keys) > 0 {
		n := min(workChunk, len(keys))
		if err := u.wakeChunk(keys[:n]); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

func (u *unit) wakeChunk(keys []due) error {
	token := wakeToken()
	args := make([]any, 0, len(keys)*8)
	for _, d := range keys {
		event, err := encodeEvent(d.event)
		if err != nil {
			return err
		}
		args = append(args, string(d.automation), string(d.source.Connection), string(d.source.Type), d.source.ID,
			event, int64(at(u.now)), d.retryOf, token)
	}
	var rows []struct{ ID, Wake int64 }
	if err := u.Raw(wakeWorks+tuples(workTuple, len(keys))+wakeEnd, args...).Scan(&rows).Error; err != nil {
		return err
	}
	jobs := make([]engine.Job, 0, len(rows))
	for _, r := range rows {
		if r.Wake == token {
			jobs = append(jobs, engine.Job{Kind: engine.JobReconcile, Work: engine.WorkID(r.ID)})
		}
	}
	return u.jobs(jobs...)
}

// Claim takes the sole right to work on the key until the lease ends (I5).
func (s *Store) Claim(ctx context.Context, id engine.WorkID, owner string, lease time.Duration) (engine.Work, bool, error) {
	if err := s.present.attend(ctx, owner); err != nil {
		return engine.Work{}, false, fmt.Errorf("claim work %d: %w", id, err)
	}
	var rows []workRow
	err := s.write(ctx, func(u *unit) error {
		rows = nil
		return u.Raw(claimWork, owner, int64(at(u.now.Add(lease))), int64(id), int64(at(u.now.Add(claimSlack)))).Scan(&rows).Error
	})
	if err != nil {
		return engine.Work{}, false, fmt.Errorf("claim work %d: %w", id, err)
	}
	if len(rows) == 0 {
		return engine.Work{}, false, nil
	}
	w, err := rows[0].work()
	if err != nil {
		return engine.Work{}, false, fmt.Errorf("claim work %d: %w", id, err)
	}
	return w, true, nil
}

// ClaimKeys takes the sole right to work on as many of the keys as nobody else is working on (I5).
func (s *Store) ClaimKeys(ctx context.Context, keys []engine.Key, owner string, lease time.Duration) (map[engine.Key]engine.WorkID, error) {
	if err := s.present.attend(ctx, owner); err != nil {
		return nil, fmt.Errorf("claim %d keys: %w", len(keys), err)
	}
	asked := make(map[engine.Key]engine.Key, len(keys))
	sorted := make([]engine.Key, 0, len(keys))
	for _, k := range keys {
		stored := k
		stored.Source.ID = clean(k.Source.ID)
		if _, twice := asked[stored]; !twice {
			asked[stored] = k
			sorted = append(sorted, stored)
		}
	}
	// In one order, as wake does: two claims never wait for each other crosswise.
	slices.SortFunc(sorted, func(a, b engine.Key) int {
		return cmp.Or(cmp.Compare(a.Automation, b.Automation), cmp.Compare(a.Source.String(), b.Source.String()))
	})
	out := make(map[engine.Key]engine.WorkID, len(keys))
	err := s.write(ctx, func(u *unit) error {
		clear(out)
		for chunk := range slices.Chunk(sorted, workChunk) {
			args := make([]any, 0, len(chunk)*8)
			for _, k := range chunk {
				args = append(args, string(k.Automation), string(k.Source.Connection), string(k.Source.Type), k.Source.ID, "", int64(at(u.now.Add(lease))), owner, int64(0))
			}
			var rows []workRow
			if err := u.Raw(claimKeys+tuples(claimTuple, len(chunk))+claimEnd, args...).Scan(&rows).Error; err != nil {
				return err
			}
			for _, r := range rows {
				out[asked[engine.Key{Automation: automation.ID(r.AutomationID), Source: ref(r.Connection, r.Object, r.Record)}]] = engine.WorkID(r.ID)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim %d keys: %w", len(keys), err)
	}
	return out, nil
}

// KeepKeys lets the lease of claimed keys begin anew.
func (s *Store) KeepKeys(ctx context.Context, ids []engine.WorkID, owner string, lease time.Duration) error {
	err := s.write(ctx, func(u *unit) error {
		for chunk := range slices.Chunk(slices.Sorted(slices.Values(ids)), workChunk) {
			if err := u.Exec(keepKeys, int64(at(u.now.Add(lease))), chunk, owner).Error; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep %d keys: %w", len(ids), err)
	}
	return nil
}

// ReleaseKeys gives claimed keys back. What was due, or became due meanwhile, gets a job.
func (s *Store) ReleaseKeys(ctx context.Context, ids []engine.WorkID, owner string) error {
	err := s.write(ctx, func(u *unit) error {
		for chunk := range slices.Chunk(slices.Sorted(slices.Values(ids)), workChunk) {
			var rows []workRow
			if err := u.Raw(releaseKeys, int64(at(u.now)), chunk, owner).Scan(&rows).Error; err != nil {
				return err
			}
			var due []int64
			for _, r := range rows {
				if r.State == "queued" {
					due = append(due, r.ID)
				}
			}
			if err := u.jobs(reconciles(due)...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("release %d keys: %w", len(ids), err)
	}
	return nil
}

// Release gives the key back. It answers engine.ErrConflict when the lease had ended and the key is not ours.
func (s *Store) Release(ctx context.Context, id engine.WorkID, owner string, retryAt time.Time, runID string) error {
	err := s.write(ctx, func(u *unit) error {
		now := int64(at(u.now))
		var states []string
		var err error
		if retryAt.IsZero() {
			err = u.Raw(releaseDone, now, int64(id), owner).Scan(&states).Error
		} else {
			err = u.Raw(releaseRetry, now, int64(at(retryAt)), runID, int64(id), owner).Scan(&states).Error
		}
		if err != nil {
			return err
		}
		if len(states) == 0 {
			return engine.ErrConflict
		}
		switch states[0] {
		case "queued":
			return u.jobs(engine.Job{Kind: engine.JobReconcile, Work: id})
		case "waiting":
			return u.jobs(engine.Job{Kind: engine.JobReconcile, Work: id, RunAt: retryAt})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("release work %d: %w", id, err)
	}
	return nil
}

// Rescue makes keys due again whose lease ended or whose worker is dead, and gives a new job to keys that are due and stay unclaimed.
// It also wakes the router when events wait for it.
func (s *Store) Rescue(ctx context.Context, now time.Time) (int, error) {
	expired, err := s.rescueAll(ctx, rescueExpired, now, now)
	if err != nil {
		return expired, err
	}
	dead, err := s.rescueOfDead(ctx, now)
	expired += dead
	if err != nil {
		return expired, err
	}
	jobless, err := s.rescue(ctx, rescueJobless, joblessBatch, now, now.Add(-joblessAfter))
	if err != nil {
		return expired + jobless, err
	}
	if err := s.rescuePopulations(ctx, now); err != nil {
		return expired + jobless, err
	}
	return expired + jobless, s.rescueEvents(ctx, now)
}

// populationSilent is when a population's worker is taken for dead: it says a word with every page.
const populationSilent = 15 * time.Minute

func (s *Store) rescuePopulations(ctx context.Context, now time.Time) error {
	err := s.write(ctx, func(u *unit) error {
		var ids []string
		if err := u.Raw("UPDATE plans SET beat_at = ? WHERE state = 'running' AND beat_at > 0 AND beat_at < ? RETURNING id",
			int64(at(now)), int64(at(now.Add(-populationSilent)))).Scan(&ids).Error; err != nil {
			return err
		}
		jobs := make([]engine.Job, len(ids))
		for i, id := range ids {
			jobs[i] = engine.Job{Kind: engine.JobDryRun, Plan: id}
		}
		return u.jobs(jobs...)
	})
	if err != nil {
		return fmt.Errorf("rescue plans: %w", err)
	}
	return nil
}

// ReleaseAllLeases makes everything due again that was running or about to when the process ended. Only for a
// database with a single process, at its start: on SQLite nobody else can hold a lease.
func (s *Store) ReleaseAllLeases(ctx context.Context) (int, error) {
	now := s.now()
	never := now.Add(100 * 365 * 24 * time.Hour)
	// Jobs that were taken and not yet claimed are lost with the process. They are among the oldest.
	queued, err := s.rescue(ctx, rescueJobless, workChunk, now, now)
	if err != nil {
		return queued, err
	}
	running, err := s.rescueAll(ctx, rescueExpired, now, never)
	return running + queued, err
}

// WakeWaiting makes what waits for another try due at once, as when a connection works again.
func (s *Store) WakeWaiting(ctx context.Context, automations ...automation.ID) (int, error) {
	woken := 0
	for _, a := range automations {
		for {
			n, err := s.wakeWaiting(ctx, a)
			woken += n
			if err != nil {
				return woken, fmt.Errorf("wake what waits for automation %s: %w", a, err)
			}
			if n < workChunk {
				break
			}
		}
	}
	return woken, nil
}

func (s *Store) wakeWaiting(ctx context.Context, a automation.ID) (int, error) {
	var ids []int64
	err := s.write(ctx, func(u *unit) error {
		ids = nil
		if err := u.Raw(wakeWaiting, int64(at(u.now)), string(a), workChunk).Scan(&ids).Error; err != nil {
			return err
		}
		return u.jobs(reconciles(ids)...)
	})
	return len(ids), err
}

// HeldWork counts what waits for another try and what is due now, for some automations together.
func (s *Store) HeldWork(ctx context.Context, automations ...automation.ID) (waiting, due int, err error) {
	return s.heldWork(ctx, everywhere, automations)
}

func (s *Store) heldWork(ctx context.Context, sc scope, automations []automation.ID) (waiting, due int, err error) {
	if len(automations) == 0 {
		return 0, 0, nil
	}
	var row struct{ Waiting, Due int }
	// The literals let SQLite use the index works_due.
	err = sc.ofAutomation(s.read(ctx).Table("works")).Where("state <> 'idle' AND state IN ('waiting', 'queued', 'running') AND automation_id IN ?", automations).
		Select("COALESCE(SUM(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END), 0) AS waiting, COALESCE(SUM(CASE WHEN state <> 'waiting' THEN 1 ELSE 0 END), 0) AS due").
		Scan(&row).Error
	if err != nil {
		return 0, 0, fmt.Errorf("count the work of %d automations: %w", len(automations), err)
	}
	return row.Waiting, row.Due, nil
}

// HeldRecords are the first records that wait or are due for an automation: those that were looked at before those that
// were not, each longest known first.
func (s *Store) HeldRecords(ctx context.Context, a automation.ID, limit int) ([]engine.Work, error) {
	return s.heldRecords(ctx, everywhere, a, limit)
}

func (s *Store) heldRecords(ctx context.Context, sc scope, a automation.ID, limit int) ([]engine.Work, error) {
	var rows []workRow
	err := sc.ofAutomation(s.read(ctx).Model(&workRow{})).Where("state <> 'idle' AND state IN ('waiting', 'queued', 'running') AND automation_id = ?", string(a)).
		Order("CASE WHEN run_id = '' THEN 1 ELSE 0 END, id").Limit(limited(limit)).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list the held work of %s: %w", a, err)
	}
	out := make([]engine.Work, len(rows))
	for i, r := range rows {
		if out[i], err = r.work(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// await says what links a key waits for, instead of what it waited for before.
func (u *unit) await(r automation.Run, refs []record.Ref) error {
	key := []any{string(r.Automation), string(r.Source.Connection), string(r.Source.Type), clean(r.Source.ID)}
	if err := u.Exec("DELETE FROM awaits WHERE work_id IN "+workOf, key...).Error; err != nil {
		return err
	}
	for _, a := range refs {
		args := append([]any{string(a.Connection), string(a.Type), clean(a.ID)}, key...)
		if err := u.Exec("INSERT INTO awaits (work_id, connection, object, record) SELECT id, ?, ?, ? FROM works WHERE id IN "+workOf+" ON CONFLICT DO NOTHING", args...).Error; err != nil {
			return err
		}
	}
	return nil
}

// wakeAwaiting makes the keys due that wait for a link of one of two records.
func (u *unit) wakeAwaiting(a, b record.Ref) error {
	var rows []workRow
	args := append([]any{int64(at(u.now))}, refArgs([]record.Ref{a, b})...)
	if err := u.Raw(awaiting, args...).Scan(&rows).Error; err != nil {
		return err
	}
	var due []int64
	for _, r := range rows {
		if r.State == "queued" {
			due = append(due, r.ID)
		}
	}
	return u.jobs(reconciles(due)...)
}

// awaiting makes due the keys that wait for a link of one of two records. One that is being worked on may have looked
// already: it looks again.
var awaiting = `UPDATE works SET dirty = (dirty OR state = 'running'), due_at = CASE WHEN state = 'waiting' THEN ? ELSE due_at END,
	state = CASE WHEN state = 'waiting' THEN 'queued' ELSE state END
WHERE id IN (SELECT work_id FROM awaits WHERE ` + among(sourceColumns, 2) + `) AND state IN ('waiting', 'running') RETURNING id, state`

// reconciles are the jobs of the keys that one statement has made due. No database says in which order it names them: a
// world that is played again needs one.
func reconciles(ids []int64) []engine.Job {
	slices.Sort(ids)
	jobs := make([]engine.Job, len(ids))
	for i, id := range ids {
		jobs[i] = engine.Job{Kind: engine.JobReconcile, Work: engine.WorkID(id)}
	}
	return jobs
}

// rescueAll goes on until nothing is left.
func (s *Store) rescueAll(ctx context.Context, sql string, now, until time.Time) (int, error) {
	for total := 0; ; {
		n, err := s.rescue(ctx, sql, workChunk, now, until)
		total += n
		if err != nil || n < workChunk {
			return total, err
		}
	}
}

// rescue queues up to limit keys due until then.
func (s *Store) rescue(ctx context.Context, sql string, limit int, now, until time.Time) (int, error) {
	var ids []int64
	err := s.write(ctx, func(u *unit) error {
		ids = nil
		if err := u.Raw(sql, int64(at(now)), int64(at(until)), limit, int64(at(until))).Scan(&ids).Error; err != nil {
			return err
		}
		return u.jobs(reconciles(ids)...)
	})
	if err != nil {
		return 0, fmt.Errorf("rescue work: %w", err)
	}
	return len(ids), nil
}

// routeLate is how long an event may wait before its wake-up counts as lost.
const routeLate = 10 * time.Second

func (s *Store) rescueEvents(ctx context.Context, now time.Time) error {
	var oldest []stamp
	if err := s.read(ctx).Raw("SELECT received_at FROM events WHERE routed_at = 0 ORDER BY seq LIMIT 1").Scan(&oldest).Error; err != nil {
		return fmt.Errorf("look for unrouted events: %w", err)
	}
	if len(oldest) == 0 || oldest[0].time().After(now.Add(-routeLate)) {
		return nil
	}
	if err := s.write(ctx, func(u *unit) error { return u.wakeRouter() }); err != nil {
		return fmt.Errorf("wake the router: %w", err)
	}
	return nil
}
