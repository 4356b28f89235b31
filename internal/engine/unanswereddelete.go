package engine

import (
	"cmp"
	"context"
	"slices"

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

// partedByUs ends the attempt for a pair of which a delete without an answer took one record while the other is still
// there: only who takes a create back deletes so. Nobody has deleted it, and nothing is deleted or made anew because of
// it; the two go separate ways, as they would have had the answer come.
func (x *execution) partedByUs(ctx context.Context, link automation.Link, label string) (Result, error) {
	x.run.Target = link.Target
	x.decided(automation.Delete, "delete", "It was deleted by an earlier write that was never answered. The "+label+" stays, and the two go separate ways.")
	x.step(automation.Step{Kind: automation.StepPlan, OK: true, Title: "It was deleted by us", Detail: x.run.Summary, Code: x.run.Code})
	return x.finish(ctx, automation.Succeeded, Finish{Sever: &link, Settle: true})
}

// tookOne reports that a delete of ours without an answer has taken a record.
func (x *execution) tookOne(ref record.Ref) bool {
	return slices.ContainsFunc(x.recovered, func(ch automation.Change) bool {
		return ch.Op == automation.Delete && ch.State == automation.Done && ch.Target == ref
	})
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
