package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crosswalk/internal/automation"
)

// errBraked ends a walk that may change no more linked records until a person says so.
var errBraked = errors.New("the limits of one run are used up")

// countLinked counts what the shares of a fill are reckoned from: the pairs that were linked when it began. Those it links
// on its way are left out, or a fill would earn itself leave by what it creates.
func (s *sweep) countLinked(ctx context.Context) error {
	if eff := s.a.Definition.Limits.Effective(); s.p.Mode != ModeFill || eff.Share == 0 && eff.DeleteShare == 0 {
		return nil
	}
	for after := ""; ; {
		links, err := s.Pairs.PairsOf(ctx, s.c.Def.Source, s.c.Def.Target, after, populationPage)
		if err != nil || len(links) == 0 {
			return err
		}
		for _, l := range links {
			after = l.ID
			if !l.Severed && !l.CreatedAt.After(s.p.StartedAt) {
				s.linked++
			}
		}
	}
}

// agreed reports whether a fill that was stopped by its brake may go on: a person has resumed it, and has let the
// automation go on. A worker that died right after the brake has asked nobody.
func (s *sweep) agreed(resumed bool) bool {
	t := &s.p.Tally
	switch {
	case len(t.Braked) == 0:
		return true
	case !resumed, s.a.State == automation.Paused && s.a.PausedWhy != "":
		return false
	}
	t.Agreed, t.Braked = append(t.Agreed, t.Braked...), nil
	return true
}

// mayRewrite takes a record in that a fill is about to write, and reports whether the automation's limits of one run allow
// it. Creates do not count: they are what a fill is for. A limit that was raised since is another one, and asks again.
func (s *sweep) mayRewrite(p automation.Plan, at found) bool {
	if s.p.Mode != ModeFill || at.link == nil || p.Outcome != automation.Update && p.Outcome != automation.Delete {
		return true
	}
	t := &s.p.Tally
	changed, deleted := t.Changed, t.Deleted
	if p.Outcome == automation.Delete {
		deleted++
	} else {
		changed++
	}
	asks := false
	for _, limit := range beyond(s.a.Definition.Limits, s.linked, changed, deleted) {
		if slices.Contains(t.Agreed, limit) {
			continue
		}
		if asks = true; !slices.Contains(t.Braked, limit) {
			t.Braked = append(t.Braked, limit)
		}
	}
	if !asks {
		t.Changed, t.Deleted = changed, deleted
	}
	return !asks
}

// brake stops a fill, and the automation along with it as live work does. One that is off, or that a person has paused,
// stays what it is: there the fill alone waits for an answer.
func (s *sweep) brake(ctx context.Context) error {
	if s.a.State != automation.On {
		return nil
	}
	return s.Reconciler.Automations.SetState(ctx, s.a.ID, automation.Paused, fmt.Sprintf(
		"Carrying everyone over would go beyond its limit of %s, so this automation is paused. Look at what it wants to do, then let it go on or raise the limit: carrying everyone over goes on with it.", strings.Join(s.p.Tally.Braked, " and of ")))
}

// brakedWords say why a fill waits.
func (p *Population) brakedWords() string {
	t := p.Tally
	return fmt.Sprintf("It has changed or deleted %d linked records, and more would go beyond the automation's limit of %s. Look at what it has done and wants to do. If that is right, let the automation go on, if it is paused, and this too.", t.Changed+t.Deleted, strings.Join(t.Braked, " and of "))
}
