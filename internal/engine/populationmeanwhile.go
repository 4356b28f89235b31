package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"crosswalk/internal/automation"
)

var (
	// errHeld ends a walk whose automation was paused while it wrote.
	errHeld = errors.New("the automation was paused meanwhile")
	// errOtherVersion ends a walk whose automation works by another version than it began with: it goes on by that one.
	errOtherVersion = errors.New("another version is live meanwhile")
)

const heldWords = "The automation was paused, and so was this. What was written stays. Once the automation is let go on, this goes on too."

// halt is why what a walk has not begun is left. It stays so: what was passed over must not be taken for done.
type halt struct {
	mu  sync.Mutex
	why error
}

// stopped reports that what is not begun is left: somebody has paused or canceled the plan, or its automation is another
// one than when it began.
func (s *sweep) stopped(ctx context.Context) bool {
	s.halt.mu.Lock()
	defer s.halt.mu.Unlock()
	if s.halt.why == nil {
		s.halt.why = s.meanwhile(ctx)
	}
	return s.halt.why != nil
}

// halted is why, once that was noticed.
func (s *sweep) halted() error {
	s.halt.mu.Lock()
	defer s.halt.mu.Unlock()
	return s.halt.why
}

func (s *sweep) meanwhile(ctx context.Context) error {
	p, err := s.Populations.Population(ctx, s.p.ID)
	switch {
	case err != nil:
		return err
	case p.State == PopulationPaused || p.State == PopulationCanceled:
		return ErrConflict
	case s.p.Mode != ModeApply && s.p.Mode != ModeFill:
		return nil
	}
	a, err := s.Reconciler.Automations.Automation(ctx, s.a.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		return &refusal{"The automation was removed", "What was written until then stays."}
	case err != nil:
		return err
	case s.a.State == automation.On && a.State != automation.On:
		return errHeld
	case a.Version == s.a.Version:
		return nil
	case s.p.Mode == ModeFill && a.Definition.Source == s.a.Definition.Source && a.Definition.Target == s.a.Definition.Target:
		return errOtherVersion
	}
	return otherVersion(*s.p, a)
}

func otherVersion(p Population, a automation.Automation) error {
	return &refusal{"The automation was changed since", fmt.Sprintf("The plan is of version %d, and the automation is at version %d now. Make a new dry run, and carry that out.", p.Version, a.Version)}
}
