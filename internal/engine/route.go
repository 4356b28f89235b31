package engine

import (
	"context"
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// routeBatch keeps a routing transaction short.
const routeBatch = 500

// Router decides which automations care about an event, and which of their keys it makes due.
type Router struct {
	Automations Automations
	Links       Links
	Routing     Routing
	// Descriptors tell which fields are borrowed.
	Descriptors map[provider.ID]provider.Descriptor
}

// Route routes everything that is unrouted and returns how many events it saw. It is safe to run twice at
// once and again after a crash: due keys coalesce (I4).
func (r *Router) Route(ctx context.Context) (int, error) {
	total := 0
	for {
		events, err := r.Routing.UnroutedEvents(ctx, routeBatch)
		if err != nil || len(events) == 0 {
			return total, err
		}
		all, err := r.Automations.Automations(ctx)
		if err != nil {
			return total, err
		}
		routed, err := r.keys(ctx, all, events)
		if err != nil {
			return total, err
		}
		if err := r.Routing.SaveRouting(ctx, routed); err != nil {
			return total, err
		}
		total += len(events)
		if len(events) < routeBatch {
			return total, nil
		}
	}
}

// keys finds the keys of a batch of events, with one query for each automation that minds its target's events: the key
// of a pair is its source, whichever side told of a change.
func (r *Router) keys(ctx context.Context, all []automation.Automation, events []automation.Event) ([]Routed, error) {
	routed := make([]Routed, len(events))
	for i, e := range events {
		routed[i].Event = e
	}
	for _, a := range all {
		var fromTarget []int
		for i, e := range events {
			side, cares := interested(a, e, r.Descriptors)
			routed[i].Minded = routed[i].Minded || lentBy(a, e, r.Descriptors)
			switch {
			case !cares:
			case side == automation.SourceSide:
				routed[i].Keys = append(routed[i].Keys, Key{a.ID, e.Ref})
			default:
				fromTarget = append(fromTarget, i)
			}
		}
		if len(fromTarget) == 0 {
			continue
		}
		refs := make([]record.Ref, len(fromTarget))
		for n, i := range fromTarget {
			refs[n] = events[i].Ref
		}
		links, err := r.Links.LinksOf(ctx, refs, a.Definition.Source.Connection, a.Definition.Source.Object, a.ID)
		if err != nil {
			return nil, err
		}
		for _, i := range fromTarget {
			key := Key{a.ID, events[i].Ref}
			if lb, linked := links[events[i].Ref]; linked {
				key.Source = lb.Link.Target
			}
			routed[i].Keys = append(routed[i].Keys, key)
		}
	}
	return routed, nil
}

// interested says whether an automation cares about an event, and on which of its sides it happened. A paused one
// does: what it misses is held until it goes on.
func interested(a automation.Automation, e automation.Event, descriptors map[provider.ID]provider.Descriptor) (automation.Side, bool) {
	if a.State != automation.On && a.State != automation.Paused {
		return "", false
	}
	side, ok := a.Definition.Watches(e.Ref.Connection, e.Ref.Type)
	if !ok {
		return "", false
	}
	switch {
	case e.Kind == automation.Manual || e.Kind == automation.Backfill:
	case e.Change == provider.Touched:
		// A field that an automation uses changed, as by an edit.
		ok = borrowsOn(a.Definition, side, descriptors) && (side == automation.TargetSide || slices.Contains(a.Definition.Trigger.On, string(provider.Updated)))
	case e.Change == provider.Deleted:
		ok = a.Definition.TwoWay() || a.Definition.Deletes.Policy != automation.DeleteNothing || slices.Contains(a.Definition.Trigger.On, string(e.Change))
	case side == automation.TargetSide:
		ok = a.Definition.TwoWay()
	default:
		ok = slices.Contains(a.Definition.Trigger.On, string(e.Change))
	}
	return side, ok
}
