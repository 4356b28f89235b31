package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

type state string

// A key is idle, queued (due, with a job), running (leased) or waiting (due later, with a job).
const (
	idle    state = "idle"
	queued  state = "queued"
	running state = "running"
	waiting state = "waiting"
)

const (
	// claimSlack forgives a queue that keeps time by the millisecond.
	claimSlack = time.Second
	// joblessAfter is when a key that is due and was not claimed is thought to have lost its job.
	joblessAfter = time.Minute
	joblessBatch = 100
	// routeLate is how long an event may wait before its wake-up counts as lost.
	routeLate = 10 * time.Second
)

type work struct {
	id       int64
	key      engine.Key
	state    state
	dirty    bool // news came while it was running
	event    automation.Event
	runID    string
	attempts int
	retryOf  string
	due      time.Time // while running: when the lease ends
	owner    string
	awaits   []record.Ref // records whose link it waits for
}

type event struct {
	automation.Event
	routed bool
}

type eventKey struct {
	connection record.ConnectionID
	dedupe     string
}

// Accept stores deliveries that are new and wakes the router.
func (s *Store) Accept(ctx context.Context, ds ...automation.Delivery) (fresh int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("accept %d deliveries: %w", len(ds), err)
	}
	err = s.write(func() ([]engine.Job, error) {
		due := false
		for _, d := range ds {
			k := eventKey{d.Event.Ref.Connection, d.Event.DedupeKey}
			if s.known[k] {
				continue
			}
			s.known[k] = true
			tells := tellsOfRecord(d.Event.Change)
			s.events = append(s.events, event{Event: d.Event, routed: !tells})
			fresh++
			due = due || tells
		}
		if !due {
			return nil, nil
		}
		return []engine.Job{{Kind: engine.JobRoute}}, nil
	})
	return fresh, err
}

// tellsOfRecord: anything else is kept for the log only, and nobody needs to look at it.
func tellsOfRecord(c provider.Change) bool {
	return c != provider.Ignored && c != provider.Installed && c != provider.Removed
}

// Heard is when the newest change of each record happened that an event told of.
func (s *Store) Heard(_ context.Context, refs []record.Ref) (map[record.Ref]time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[record.Ref]time.Time{}
	for _, e := range s.events {
		when := e.OccurredAt
		if e.ReceivedAt.Before(when) {
			when = e.ReceivedAt
		}
		if slices.Contains(refs, e.Ref) && when.After(out[e.Ref]) {
			out[e.Ref] = when
		}
	}
	return out, nil
}

// HeardBefore are those of some records of which an event had told before a moment.
func (s *Store) HeardBefore(_ context.Context, refs []record.Ref, at time.Time) (map[record.Ref]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[record.Ref]bool{}
	for _, e := range s.events {
		if e.ReceivedAt.Before(at) && slices.Contains(refs, e.Ref) {
			out[e.Ref] = true
		}
	}
	return out, nil
}

// UnroutedEvents are the oldest events nobody has looked at.
func (s *Store) UnroutedEvents(_ context.Context, limit int) ([]automation.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []automation.Event
	for _, e := range s.events {
		if !e.routed && len(out) < limit {
			out = append(out, e.Event)
		}
	}
	return out, nil
}

// SaveRouting marks stored events routed and makes their keys due. Of several events for a key the last counts.
func (s *Store) SaveRouting(_ context.Context, routed []engine.Routed) error {
	return s.write(func() ([]engine.Job, error) {
		due := map[engine.Key]automation.Event{}
		var keys []engine.Key
		for _, r := range routed {
			i := slices.IndexFunc(s.events, func(e event) bool { return e.ID == r.Event.ID })
			if i < 0 || s.events[i].routed {
				continue
			}
			s.events[i].routed = true
			for _, k := range r.Keys {
				if _, again := due[k]; !again {
					keys = append(keys, k)
				}
				due[k] = r.Event
			}
		}
		slices.SortFunc(keys, compareKeys)
		var jobs []engine.Job
		for _, k := range keys {
			if w, idled := s.wake(k, due[k], ""); idled {
				jobs = append(jobs, reconcile(w))
			}
		}
		return jobs, nil
	})
}

// Wake makes one key due for an event that is not stored.
func (s *Store) Wake(_ context.Context, key engine.Key, e automation.Event) error {
	return s.write(func() ([]engine.Job, error) {
		if w, idled := s.wake(key, e, ""); idled {
			return []engine.Job{reconcile(w)}, nil
		}
		return nil, nil
	})
}

// wake makes a key due; idled reports that it needs a job.
func (s *Store) wake(k engine.Key, e automation.Event, retryOf string) (w *work, idled bool) {
	w = s.keyed(k)
	w.event = e
	switch w.state {
	case idle:
		w.retryOf = retryOf
		fallthrough
	case waiting:
		w.state, w.due, w.dirty = queued, s.now(), false
		return w, true
	case running:
		w.dirty = true
	}
	return w, false
}

// wakeAwaiting makes the keys due that wait for a link of one of two records.
func (s *Store) wakeAwaiting(a, b record.Ref) (jobs []engine.Job) {
	for _, w := range s.works {
		if !slices.ContainsFunc(w.awaits, func(r record.Ref) bool { return r == a || r == b }) {
			continue
		}
		switch w.state {
		case waiting:
			w.state, w.due, w.dirty = queued, s.now(), false
			jobs = append(jobs, reconcile(w))
		case running:
			w.dirty = true
		}
	}
	return jobs
}

// WakeWaiting makes what waits for another try due at once, as when a connection works again.
func (s *Store) WakeWaiting(_ context.Context, automations ...automation.ID) (woken int, err error) {
	err = s.write(func() (jobs []engine.Job, err error) {
		for _, a := range automations {
			for _, w := range s.works {
				if w.key.Automation == a && w.state == waiting {
					w.state, w.due = queued, s.now()
					jobs = append(jobs, reconcile(w))
				}
			}
		}
		woken = len(jobs)
		return jobs, nil
	})
	return woken, err
}

// keyed is the work of a key; one nobody has heard of is made.
func (s *Store) keyed(k engine.Key) *work {
	w, known := s.byKey[k]
	if !known {
		w = &work{id: int64(len(s.works) + 1), key: k, state: idle}
		s.works = append(s.works, w)
		s.byKey[k] = w
	}
	return w
}

// Claim takes the sole right to work on the key until the lease ends.
func (s *Store) Claim(_ context.Context, id engine.WorkID, owner string, lease time.Duration) (engine.Work, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.work(id)
	now := s.now()
	if w == nil || w.state != queued && (w.state != waiting || w.due.After(now.Add(claimSlack))) {
		return engine.Work{}, false, nil
	}
	w.state, w.dirty, w.owner, w.due = running, false, owner, now.Add(lease)
	return w.claimed(), true, nil
}

func (s *Store) work(id engine.WorkID) *work {
	if id < 1 || int(id) > len(s.works) {
		return nil
	}
	return s.works[id-1]
}

func (w *work) claimed() engine.Work {
	return engine.Work{
		ID: engine.WorkID(w.id), Automation: w.key.Automation, Source: w.key.Source, Event: w.event,
		RunID: w.runID, Attempt: w.attempts + 1, RetryOf: w.retryOf,
	}
}

// Release gives the key back. It answers engine.ErrConflict when the lease had ended and the key is not ours.
func (s *Store) Release(_ context.Context, id engine.WorkID, owner string, retryAt time.Time, runID string) error {
	return s.write(func() ([]engine.Job, error) {
		w := s.work(id)
		if w == nil || w.state != running || w.owner != owner {
			return nil, fmt.Errorf("release work %d: %w", id, engine.ErrConflict)
		}
		now, again := s.now(), w.dirty
		w.dirty, w.owner = false, ""
		switch {
		case retryAt.IsZero():
			w.state, w.due, w.runID, w.attempts, w.retryOf = idle, now, "", 0, ""
		default:
			w.state, w.due = waiting, retryAt
			w.attempts++
			if runID != "" {
				w.runID = runID
			}
		}
		switch {
		case again:
			w.state, w.due = queued, now
			return []engine.Job{reconcile(w)}, nil
		case w.state == waiting:
			job := reconcile(w)
			job.RunAt = retryAt
			return []engine.Job{job}, nil
		}
		return nil, nil
	})
}

// ClaimKeys takes the sole right to work on as many of the keys as nobody else is working on. What was due stays due,
// for after the release.
func (s *Store) ClaimKeys(_ context.Context, keys []engine.Key, owner string, lease time.Duration) (map[engine.Key]engine.WorkID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[engine.Key]engine.WorkID, len(keys))
	keys = slices.Clone(keys)
	slices.SortFunc(keys, compareKeys)
	for _, k := range slices.Compact(keys) {
		w := s.keyed(k)
		if w.state == running {
			continue
		}
		w.dirty, w.state, w.owner, w.due = w.state != idle, running, owner, s.now().Add(lease)
		out[k] = engine.WorkID(w.id)
	}
	return out, nil
}

// KeepKeys lets the lease of claimed keys begin anew.
func (s *Store) KeepKeys(_ context.Context, ids []engine.WorkID, owner string, lease time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if w := s.work(id); w != nil && w.state == running && w.owner == owner {
			w.due = s.now().Add(lease)
		}
	}
	return nil
}

// ReleaseKeys gives claimed keys back. What was due, or became due meanwhile, gets a job.
func (s *Store) ReleaseKeys(_ context.Context, ids []engine.WorkID, owner string) error {
	return s.write(func() ([]engine.Job, error) {
		var jobs []engine.Job
		for _, id := range slices.Sorted(slices.Values(ids)) {
			w := s.work(id)
			if w == nil || w.state != running || w.owner != owner {
				continue
			}
			w.state, w.owner, w.due = idle, "", s.now()
			if w.dirty {
				w.state, w.dirty = queued, false
				jobs = append(jobs, reconcile(w))
			}
		}
		return jobs, nil
	})
}

func compareKeys(a, b engine.Key) int {
	return cmp.Or(cmp.Compare(a.Automation, b.Automation), cmp.Compare(a.Source.String(), b.Source.String()))
}

// Rescue makes keys whose lease ended due again, gives a new job to keys that are due and stay unclaimed, and wakes
// the router when events wait for it.
func (s *Store) Rescue(_ context.Context, now time.Time) (rescued int, err error) {
	err = s.write(func() ([]engine.Job, error) {
		var jobs []engine.Job
		for _, w := range byID(s.dueBy(now, running)) {
			w.state, w.dirty, w.owner, w.due = queued, false, "", now
			w.attempts++
			jobs = append(jobs, reconcile(w))
		}
		jobless := s.dueBy(now.Add(-joblessAfter), queued, waiting)
		for _, w := range byID(jobless[:min(len(jobless), joblessBatch)]) {
			w.state, w.due = queued, now
			jobs = append(jobs, reconcile(w))
		}
		rescued = len(jobs)
		jobs = append(jobs, s.rescuePopulations(now)...)
		for _, e := range s.events {
			if !e.routed {
				if !e.ReceivedAt.After(now.Add(-routeLate)) {
					jobs = append(jobs, engine.Job{Kind: engine.JobRoute})
				}
				break
			}
		}
		return jobs, nil
	})
	return rescued, err
}

// dueBy are the keys of those states that were due by then, longest due first.
func (s *Store) dueBy(then time.Time, states ...state) []*work {
	var out []*work
	for _, w := range s.works {
		if slices.Contains(states, w.state) && !w.due.After(then) {
			out = append(out, w)
		}
	}
	slices.SortStableFunc(out, func(a, b *work) int { return a.due.Compare(b.due) })
	return out
}

// byID is the order in which the real store enqueues what one statement has made due.
func byID(works []*work) []*work {
	slices.SortFunc(works, func(a, b *work) int { return cmp.Compare(a.id, b.id) })
	return works
}

// Backdoor is the work as a claim would hand it out, whether or not somebody has it. It is for simulations that break
// the promise of one worker per key on purpose.
func (s *Store) Backdoor(id engine.WorkID) (engine.Work, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.work(id)
	if w == nil {
		return engine.Work{}, false
	}
	return w.claimed(), true
}

// Busy counts the keys that are not idle, and the events that nobody has routed. A key whose run waits for something that
// may never come, as held tells, has nothing to do.
func (s *Store) Busy(held func(automation.Run) bool) (keys, events int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.works {
		i, ran := s.runAt[w.runID]
		if w.state != idle && !(w.state == waiting && ran && held(s.runs[i])) {
			keys++
		}
	}
	for _, e := range s.events {
		if !e.routed {
			events++
		}
	}
	return keys, events
}

// Accepted are the dedupe keys of the events of an account that were stored.
func (s *Store) Accepted(c record.ConnectionID) map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]bool{}
	for k := range s.known {
		if k.connection == c {
			out[k.dedupe] = true
		}
	}
	return out
}

// ForgetNews drops the news that came for a key while it was worked on. Like Backdoor it breaks a promise on purpose.
func (s *Store) ForgetNews(id engine.WorkID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.work(id); w != nil {
		w.dirty = false
	}
}
