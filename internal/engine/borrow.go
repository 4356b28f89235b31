package engine

import (
	"context"
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// wanting marks the work done for an automation: whatever is read for it holds the fields it uses, those too that others
// are spared (provider.WithWanted).
func wanting(ctx context.Context, d automation.Definition) context.Context {
	ctx = provider.WithWanted(ctx, d.Source.Connection, d.Source.Object, d.Reads(automation.SourceSide))
	return provider.WithWanted(ctx, d.Target.Connection, d.Target.Object, d.Reads(automation.TargetSide))
}

// Lender is an object type some fields of an automation are borrowed from, so that it is watched as well.
type Lender struct {
	automation.Endpoint
	To   record.ObjectType // whose fields they are
	Side automation.Side
}

// Lenders are those of a definition, on the sides that are watched.
func Lenders(d automation.Definition, descriptors map[provider.ID]provider.Descriptor) []Lender {
	var all []Lender
	for _, side := range []automation.Side{automation.SourceSide, automation.TargetSide} {
		end := d.Source
		if side == automation.TargetSide {
			if end = d.Target; !d.TwoWay() {
				continue // nothing is carried from there
			}
		}
		object, _ := descriptors[end.Provider].Object(end.Object)
		for _, from := range object.Borrows(d.Reads(side)) {
			all = append(all, Lender{automation.Endpoint{Provider: end.Provider, Connection: end.Connection, Object: from}, end.Object, side})
		}
	}
	return all
}

// borrowsOn reports whether a definition uses borrowed fields of one side.
func borrowsOn(d automation.Definition, side automation.Side, descriptors map[provider.ID]provider.Descriptor) bool {
	for _, l := range Lenders(d, descriptors) {
		if l.Side == side {
			return true
		}
	}
	return false
}

// lentBy reports whether a record that an event is about lends something to what an automation looks at. The record that
// borrows has an event of its own, so this one is not passed by.
func lentBy(a automation.Automation, e automation.Event, descriptors map[provider.ID]provider.Descriptor) bool {
	if a.State == automation.Draft {
		return false
	}
	for _, l := range Lenders(a.Definition, descriptors) {
		if l.Connection == e.Ref.Connection && l.Object == e.Ref.Type {
			return true
		}
	}
	return false
}

// Touch is the event of a record above one that changed, or whose time came. It does not say when: of the record itself
// nothing is known to have changed.
func Touch(id string, above record.Ref, by automation.Event, why string) automation.Event {
	return automation.Event{
		ID: id, Kind: automation.Below, Ref: above, Change: provider.Touched, Name: why,
		DedupeKey: "above/" + by.DedupeKey, ReceivedAt: by.ReceivedAt,
	}
}

// tellOfBorrowed makes live work of what a daily comparison finds otherwise in borrowed fields. That a record below was
// deleted shows in no listing, so where its webhook got lost, or there are none, nothing else would ever tell of it.
func (s *sweep) tellOfBorrowed(ctx context.Context, plans []automation.Plan) error {
	if s.Inbox == nil || s.p.Mode != ModeShow || s.p.Of != DailyComparison {
		return nil
	}
	var hints []automation.Delivery
	for _, p := range plans {
		ref := s.c.borrower(p)
		if p.Outcome != automation.Update || ref.IsZero() {
			continue
		}
		by := automation.Event{DedupeKey: DailyComparison + "/" + s.p.ID + "/" + ref.ID, ReceivedAt: s.Reconciler.Now()}
		hints = append(hints, automation.Delivery{Event: Touch(s.Reconciler.NewID("ev"), ref, by, "daily comparison")})
	}
	if len(hints) == 0 {
		return nil
	}
	_, err := s.Inbox.Accept(ctx, hints...)
	return err
}

// borrower is the record whose borrowed fields a plan would carry over; zero where it carries none.
func (c *Compiled) borrower(p automation.Plan) record.Ref {
	for _, row := range c.Def.Mapping.Rows {
		fills := func(f automation.FieldPlan) bool { return f.Row == row.ID }
		switch {
		case len(c.SourceObject.Borrows(row.Sources)) > 0 && slices.ContainsFunc(p.On(automation.TargetSide), fills):
			return p.Source
		case len(c.TargetObject.Borrows([]string{row.Target})) > 0 && slices.ContainsFunc(p.On(automation.SourceSide), fills):
			return p.Target
		}
	}
	return record.Ref{}
}
