package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

// CreateAutomation stores a new automation as version 1.
func (s *Store) CreateAutomation(a automation.Automation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.Version = 1
	s.versions[a.ID] = []automation.Version{{Automation: a.ID, Number: 1, Definition: a.Definition, SavedAt: cmp.Or(a.CreatedAt, s.now()), Note: "created"}}
	s.automations = append(s.automations, a)
	slices.SortStableFunc(s.automations, func(a, b automation.Automation) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
}

// SetState switches an automation; why is kept while it is paused.
func (s *Store) SetState(_ context.Context, id automation.ID, state automation.State, why string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.automation(id)
	if i < 0 {
		return fmt.Errorf("switch automation %s: %w", id, engine.ErrNotFound)
	}
	s.automations[i].State, s.automations[i].PausedWhy, s.automations[i].UpdatedAt = state, why, s.now()
	return nil
}

func (s *Store) automation(id automation.ID) int {
	return slices.IndexFunc(s.automations, func(a automation.Automation) bool { return a.ID == id })
}

// Automation reads one automation.
func (s *Store) Automation(_ context.Context, id automation.ID) (automation.Automation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.automation(id)
	if i < 0 {
		return automation.Automation{}, fmt.Errorf("read automation %s: %w", id, engine.ErrNotFound)
	}
	return s.automations[i], nil
}

// Automations reads all of them, oldest first.
func (s *Store) Automations(context.Context) ([]automation.Automation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.automations), nil
}

type cursorKey struct {
	connection record.ConnectionID
	object     record.ObjectType
}

// PollCursor reads how far polling has come; !ok when it never began.
func (s *Store) PollCursor(_ context.Context, c record.ConnectionID, t record.ObjectType) (engine.PollCursor, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cursor, ok := s.cursors[cursorKey{c, t}]
	return cursor, ok, nil
}

// SavePollCursor stores it.
func (s *Store) SavePollCursor(_ context.Context, c engine.PollCursor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Silent = slices.Clone(c.Silent)
	s.cursors[cursorKey{c.Connection, c.Object}] = c
	return nil
}
