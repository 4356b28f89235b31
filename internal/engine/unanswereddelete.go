package engine

import (
	"cmp"
	"context"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// lookUpDeletes reads what deletes without an answer were about (I3): one that is gone was deleted, as far as the records
// show, and whoever takes back what was written must know of it.
func (x *execution) lookUpDeletes(ctx context.Context, c *Compiled) error {
	for i, ch := range x.recovered {
		if ch.Op != automation.Delete || ch.State != automation.Settled {
			continue
		}
		client, err := x.Gateway.Client(ctx, ch.Target.Connection)
		if err != nil {
			return err
		}
		_, err = client.Get(ctx, ch.Target)
		switch {
		case err == nil:
			continue
		case !provider.IsKind(err, provider.NotFound):
			return err
		}
		ch.State, ch.Error, ch.After = automation.Done, "", c.keptAll(ch.Fields, record.Record{Ref: ch.Target})
		x.recovered[i], x.arrived = ch, true
	}
	return nil
}

// unheardDeletes settles the deletes of a plan that was broken off before their answers came: neither listing shows a pair
// of which both are gone, so no walk comes by.
func (s *sweep) unheardDeletes(ctx context.Context) error {
	for after := int64(0); ; {
		items, err := s.Populations.PlanItems(ctx, s.p.ID, PlanFilter{After: after, Limit: undoPage, Outcomes: []automation.Outcome{automation.Delete}})
		if err != nil || len(items) == 0 {
			return err
		}
		for _, item := range items {
			after = item.Position
			if item.State != "" || item.Run == "" {
				continue
			}
			if s.stopped(ctx) {
				return cmp.Or(s.save(ctx, s.p, nil), s.halted())
			}
			if err := s.unheardDelete(ctx, item); err != nil {
				return err
			}
		}
	}
}

func (s *sweep) unheardDelete(ctx context.Context, item PlanItem) error {
	how, err := s.begun(ctx, item)
	if err != nil || how == notBegun {
		return err
	}
	res := ItemResult{Position: item.Position, Run: item.Run, State: ItemDone}
	if how == open {
		key := Key{s.a.ID, item.Plan.Source}
		claimed, err := s.Works.ClaimKeys(ctx, []Key{key}, s.Owner, Lease)
		if err != nil {
			return err
		}
		id, ours := claimed[key]
		if !ours {
			res.State = ItemLive
			if err := s.toLive(ctx, key); err != nil {
				return err
			}
			return s.Populations.SaveResults(ctx, *s.p, []ItemResult{res})
		}
		defer s.claim.hold(s, []WorkID{id}, Lease)(ctx)
		now := s.look(ctx, item.Plan.Source)
		if now.err != nil {
			return now.err
		}
		r := record.Record{Ref: item.Plan.Source, Title: item.Plan.SourceTitle}
		if now.read != nil {
			r = *now.read
		}
		s.write(ctx, r, found{sourceGone: now.gone}, false, &item.Plan, &res)
	}
	if res.State == ItemDone {
		s.p.Written++
	}
	return s.Populations.SaveResults(ctx, *s.p, []ItemResult{res})
}
