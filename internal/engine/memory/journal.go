package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

// OpenChanges are writes for this key that were intended and never answered, oldest first.
func (s *Store) OpenChanges(_ context.Context, a automation.ID, source record.Ref) ([]automation.Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []automation.Change
	for _, c := range s.changes {
		if c.Automation == a && c.Source == source && (c.State == automation.Intended || c.State == automation.Unclear) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b automation.Change) int { return a.IntendedAt.Compare(b.IntendedAt) })
	return out, nil
}

// UnansweredCreates are the creates in an account that were intended and never answered, oldest first.
func (s *Store) UnansweredCreates(_ context.Context, in record.ConnectionID, t record.ObjectType) ([]automation.Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []automation.Change
	for _, c := range s.changes {
		if c.Op == automation.Create && c.Target.Connection == in && c.Target.Type == t && (c.State == automation.Intended || c.State == automation.Unclear) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b automation.Change) int { return a.IntendedAt.Compare(b.IntendedAt) })
	return out, nil
}

// Intend makes the run and the change known, unless the automation has written as much as its limits allow.
func (s *Store) Intend(_ context.Context, r automation.Run, c automation.Change, limits automation.Limits) error {
	return s.write(func() ([]engine.Job, error) {
		if err := s.brake(c, limits); err != nil {
			return nil, fmt.Errorf("intend change %s: %w", c.ID, err)
		}
		if _, twice := s.changeAt[c.ID]; twice {
			return nil, fmt.Errorf("intend change %s: the id is taken", c.ID)
		}
		s.saveRun(r)
		s.addChange(c)
		s.noteRun(r, r.ID)
		return nil, nil
	})
}

// brake counts what the automation has tried to write within the last hour.
func (s *Store) brake(c automation.Change, limits automation.Limits) error {
	what, limit, share := "changes", limits.ChangesPerHour, 0
	if c.Op == automation.Delete {
		what, limit, share = "deletes", limits.DeletesPerHour, limits.DeleteShare
	}
	from, n := s.now().Add(-time.Hour), 0
	for _, had := range s.changes {
		if had.Automation == c.Automation && had.IntendedAt.After(from) && had.State != automation.Refused && (what == "changes" || had.Op == automation.Delete) {
			n++
		}
	}
	if limit > 0 && n >= limit {
		return &engine.Brake{What: what, Limit: limit}
	}
	if automation.BeyondShare(n+1, s.pairsOf(c.Automation)+n, share) {
		return &engine.Brake{What: what, Limit: share, Share: true}
	}
	return nil
}

// pairsOf counts the pairs an automation keeps alike.
func (s *Store) pairsOf(a automation.ID) (n int) {
	for k := range s.bases {
		if k.automation == a && slices.ContainsFunc(s.links, func(l automation.Link) bool { return l.ID == k.link && !l.Severed }) {
			n++
		}
	}
	return n
}

// Finish makes the run, its answered changes, the link and the base known together, or none of them.
func (s *Store) Finish(_ context.Context, f engine.Finish) error {
	return s.write(func() ([]engine.Job, error) {
		if f.Link != nil && s.taken(*f.Link, f.Unlink) {
			return nil, fmt.Errorf("finish run %s: the link id %s is taken", f.Run.ID, f.Link.ID)
		}
		s.saveRun(f.Run)
		answered := slices.Clone(f.Settled)
		if f.Change != nil {
			answered = append(answered, *f.Change)
		}
		for _, c := range answered {
			s.answer(c)
		}
		if f.Unlink != nil {
			s.unlink(f.Unlink.ID)
		}
		s.ask(f)
		link := ""
		if f.Base != nil {
			link = f.Base.Link
		}
		var woken []engine.Job
		if f.Link != nil {
			woken = s.wakeAwaiting(f.Link.Source, f.Link.Target)
			link = s.saveLink(*f.Link)
		}
		if f.Sever != nil {
			s.sever(f.Sever.ID)
		}
		if f.Base != nil {
			s.saveBase(*f.Base, link)
		}
		if w, ok := s.byKey[engine.Key{Automation: f.Run.Automation, Source: f.Run.Source}]; ok {
			w.awaits = slices.Clone(f.Awaits)
		}
		switch {
		case f.Run.State == automation.Waiting:
			s.noteRun(f.Run, f.Run.ID)
		case len(answered) > 0 || f.Run.Attempts > 1: // nobody else left a note
			s.noteRun(f.Run, "")
		}
		return woken, nil
	})
}

// saveRun keeps what a run began with.
func (s *Store) saveRun(r automation.Run) {
	i, known := s.runAt[r.ID]
	if !known {
		s.runAt[r.ID] = len(s.runs)
		s.runs = append(s.runs, r)
		return
	}
	old := s.runs[i]
	r.Earlier = old.Earlier
	if old.Attempts < r.Attempts {
		r.Earlier = setAside(r.Earlier, old.Attempt())
	}
	r.Automation, r.Source, r.RetryOf, r.StartedAt = old.Automation, old.Source, old.RetryOf, old.StartedAt
	s.runs[i] = r
}

// setAside keeps an attempt that is followed by another. One that is stored late replaces what was kept of it.
func setAside(earlier []automation.Attempt, a automation.Attempt) []automation.Attempt {
	earlier = slices.Clone(earlier)
	i, had := slices.BinarySearchFunc(earlier, a.Number, func(one automation.Attempt, number int) int { return one.Number - number })
	if had {
		a.LeftOut = earlier[i].LeftOut
		earlier[i] = a
		return earlier
	}
	return automation.KeepAttempts(slices.Insert(earlier, i, a))
}

func (s *Store) addChange(c automation.Change) {
	c.Before, c.After = cloned(c.Before), cloned(c.After)
	s.changeAt[c.ID] = len(s.changes)
	s.changes = append(s.changes, c)
}

func (s *Store) answer(c automation.Change) {
	i, known := s.changeAt[c.ID]
	if !known {
		s.addChange(c)
		return
	}
	old := &s.changes[i]
	old.State, old.Error, old.AnsweredAt, old.Target, old.After = c.State, c.Error, c.AnsweredAt, c.Target, cloned(c.After)
}

// noteRun lets a claimed key remember its open run, so that after a crash the next attempt goes on with it.
func (s *Store) noteRun(r automation.Run, id string) {
	if w, ok := s.byKey[engine.Key{Automation: r.Automation, Source: r.Source}]; ok && w.state == running {
		w.runID = id
	}
}

// Runs are all runs, in order of their first save.
func (s *Store) Runs() []automation.Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.runs)
}

// Run is one run with the steps of every attempt that is kept.
func (s *Store) Run(_ context.Context, id string) (automation.Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, known := s.runAt[id]
	if !known {
		return automation.Run{}, fmt.Errorf("read run %s: %w", id, engine.ErrNotFound)
	}
	r := s.runs[i]
	r.Earlier = slices.DeleteFunc(slices.Clone(r.Earlier), func(a automation.Attempt) bool { return a.Number >= r.Attempts })
	return r, nil
}

// Changes are all changes, in order of intent.
func (s *Store) Changes() []automation.Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.changes)
}
