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

type reservation struct {
	holder string
	until  time.Time
}

// Reserve keeps others from making a record with one of these identities. All are taken, or none.
func (s *Store) Reserve(_ context.Context, identities []string, holder string, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, id := range identities {
		if had, taken := s.reserved[id]; taken && had.holder != holder && had.until.After(now) {
			return false, nil
		}
	}
	for _, id := range identities {
		s.reserved[id] = reservation{holder, until}
	}
	return true, nil
}

// Reviews are the questions about a key that are not settled.
func (s *Store) Reviews(_ context.Context, a automation.ID, source record.Ref) ([]automation.Review, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []automation.Review
	for _, r := range s.reviews {
		if r.Automation == a && r.Source == source && r.State != automation.ReviewSettled {
			out = append(out, r)
		}
	}
	return out, nil
}

// ask opens or settles questions as a run ends. An open question takes the newest content; a decided one is asked
// again, since its answer did not settle it.
func (s *Store) ask(f engine.Finish) {
	answered := f.Answers()
	if f.Review == nil && f.Settle {
		answered = append(answered, f.Run.Source)
	}
	for i, r := range s.reviews {
		if r.Automation == f.Run.Automation && slices.Contains(answered, r.Source) {
			s.reviews[i].State = automation.ReviewSettled
		}
	}
	if f.Review == nil {
		return
	}
	asked := *f.Review
	asked.State = automation.ReviewOpen
	i := slices.IndexFunc(s.reviews, func(r automation.Review) bool {
		return r.Automation == asked.Automation && r.Source == asked.Source && r.Kind == asked.Kind && r.State != automation.ReviewSettled
	})
	if i < 0 {
		s.reviews = append(s.reviews, asked)
		return
	}
	asked.ID, asked.OpenedAt = s.reviews[i].ID, s.reviews[i].OpenedAt
	s.reviews[i] = asked
}

// Decide stores a person's answer and makes the key due. It answers engine.ErrConflict when the question is settled, or
// was asked anew after seen.
func (s *Store) Decide(id, run string, d automation.Decision) error {
	return s.write(func() ([]engine.Job, error) {
		i := slices.IndexFunc(s.reviews, func(r automation.Review) bool { return r.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("decide review %s: %w", id, engine.ErrNotFound)
		}
		r := &s.reviews[i]
		if r.Run != run || r.State == automation.ReviewSettled {
			return nil, fmt.Errorf("decide review %s: %w", id, engine.ErrConflict)
		}
		r.State, r.Decision, r.DecidedAt = automation.ReviewDecided, d, s.now()
		e := automation.Event{ID: "ev_" + id, Kind: automation.Decided, Ref: r.Source, ReceivedAt: s.now()}
		if w, idled := s.wake(engine.Key{Automation: r.Automation, Source: r.Source}, e, ""); idled {
			return []engine.Job{reconcile(w)}, nil
		}
		return nil, nil
	})
}
