package memory

import (
	"context"
	"fmt"
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
)

var _ engine.Versions = (*Store)(nil)

// SaveEdit makes d the newest version of an automation, which is not live before PutLive where edits wait.
func (s *Store) SaveEdit(_ context.Context, id automation.ID, from int, d automation.Definition) (automation.Automation, error) {
	return s.revise("save", id, func(a *automation.Automation) bool {
		if a.Edited().Version != from {
			return false
		}
		number := len(s.versions[id]) + 1
		s.versions[id] = append(s.versions[id], automation.Version{Automation: id, Number: number, Definition: d, SavedAt: s.now()})
		if a.EditsWait() {
			a.Next = &automation.NextVersion{Number: number, Definition: d}
			return true
		}
		a.Version, a.Definition = number, d
		return true
	})
}

// PutLive makes the version that waits what the automation works by.
func (s *Store) PutLive(_ context.Context, id automation.ID, next int) (automation.Automation, error) {
	return s.settleNext("put live", id, next, func(a *automation.Automation) { a.Version, a.Definition = a.Next.Number, a.Next.Definition })
}

// DiscardNext throws the version that waits away.
func (s *Store) DiscardNext(_ context.Context, id automation.ID, next int) (automation.Automation, error) {
	return s.settleNext("discard the next version of", id, next, func(a *automation.Automation) {
		for i := a.Version; i < len(s.versions[id]); i++ {
			s.versions[id][i].Discarded = true
		}
	})
}

func (s *Store) settleNext(verb string, id automation.ID, next int, settle func(*automation.Automation)) (automation.Automation, error) {
	return s.revise(verb, id, func(a *automation.Automation) bool {
		if a.Next == nil || a.Next.Number != next {
			return false
		}
		settle(a)
		a.Next = nil
		return true
	})
}

// revise changes an automation, unless the change says that it is of another version.
func (s *Store) revise(verb string, id automation.ID, change func(*automation.Automation) bool) (automation.Automation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.automation(id)
	if i < 0 {
		return automation.Automation{}, fmt.Errorf("%s automation %s: %w", verb, id, engine.ErrNotFound)
	}
	a := &s.automations[i]
	if !change(a) {
		return automation.Automation{}, fmt.Errorf("%s automation %s: %w", verb, id, engine.ErrConflict)
	}
	a.UpdatedAt = s.now()
	return *a, nil
}

// Version reads one saved definition.
func (s *Store) Version(_ context.Context, id automation.ID, n int) (automation.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.versions[id]
	i := slices.IndexFunc(all, func(v automation.Version) bool { return v.Number == n })
	if i < 0 {
		return automation.Version{}, fmt.Errorf("read version %d of automation %s: %w", n, id, engine.ErrNotFound)
	}
	return all[i], nil
}
