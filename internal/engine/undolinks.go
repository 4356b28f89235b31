package engine

import (
	"context"
	"errors"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// codeUnlink is that of a plan that takes a link back.
const codeUnlink = "unlink_made"

// Undoables is where what can be taken back is on record.
type Undoables interface {
	ChangesToUndo(ctx context.Context, of, after string, limit int) ([]automation.Change, error)
	Population(ctx context.Context, id string) (Population, error)
	PlanItems(ctx context.Context, id string, f PlanFilter) ([]PlanItem, error)
}

// By answers the automation that did what is taken back; !ok: nothing of it is on record.
func (u Undo) By(ctx context.Context, from Undoables) (a automation.ID, ok bool, err error) {
	changes, err := from.ChangesToUndo(ctx, u.Kind+":"+u.ID, "", 1)
	if err != nil || len(changes) > 0 {
		if err == nil {
			a = changes[0].Automation
		}
		return a, err == nil, err
	}
	if u.Kind != "plan" {
		return "", false, nil
	}
	p, err := from.Population(ctx, u.ID)
	if errors.Is(err, ErrNotFound) {
		return "", false, nil
	}
	if err != nil || p.Mode == ModeTake {
		return "", false, err
	}
	linked, err := from.PlanItems(ctx, u.ID, linkedBy(0, 1))
	return p.Automation, len(linked) > 0, err
}

// linkedBy are the items of a plan that did no more than to link two records.
func linkedBy(after int64, limit int) PlanFilter {
	return PlanFilter{After: after, Limit: limit, Outcomes: []automation.Outcome{automation.Linked}, State: ItemDone}
}

// unlink shows what taking back the links of a plan comes to.
func (s *sweep) unlink(ctx context.Context, plan string) error {
	made, err := s.Populations.Population(ctx, plan)
	if err != nil {
		return err
	}
	if made.Mode == ModeTake {
		return nil // what it severed is not a link it made
	}
	for after := int64(0); ; {
		items, err := s.Populations.PlanItems(ctx, plan, linkedBy(after, undoPage))
		if err != nil || len(items) == 0 {
			return err
		}
		after = items[len(items)-1].Position
		shown := make([]automation.Plan, len(items))
		for i, item := range items {
			shown[i] = item.Plan
		}
		plans, err := s.planUnlinks(ctx, shown, made.CreatedAt)
		if err != nil {
			return err
		}
		for _, p := range plans {
			s.p.Counts[p.Outcome]++
		}
		s.p.Done += len(plans)
		if err := s.save(ctx, s.p, plans); err != nil {
			return err
		}
	}
}

// planUnlinks decides how the links of some pairs are taken back, of which a plan that was made then has made them. Only
// a link that is still as it was left is: what was carried across it since rests on it.
func (s *sweep) planUnlinks(ctx context.Context, pairs []automation.Plan, made time.Time) ([]automation.Plan, error) {
	links, err := s.linksBetween(ctx, pairs)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, lb := range links {
		ids = append(ids, lb.Link.ID)
	}
	used, err := s.Pairs.UsedLinks(ctx, ids, s.a.ID)
	if err != nil {
		return nil, err
	}
	out := make([]automation.Plan, len(pairs))
	for i, was := range pairs {
		p := automation.Plan{
			Automation: s.a.ID, Version: s.c.Version, Source: was.Source, SourceTitle: was.SourceTitle, Target: was.Target, TargetTitle: was.TargetTitle,
			Identity: automation.Identity{How: automation.NotLooked},
		}
		lb, linked := links[was.Source]
		switch link := lb.Link; {
		case !linked:
			p = settle(p, automation.Same, "same", "The two are not linked any more.")
		case link.Severed:
			p = settle(p, automation.Skip, "severed", "The two go separate ways already.")
		case link.Target != was.Target || link.CreatedAt.Before(made):
			p = settle(p, automation.Skip, "linked_otherwise", "The link is another one than the plan made, so it stays.")
		case used[link.ID]:
			p = settle(p, automation.Skip, "edited_since", "Something was carried between the two since, so they stay linked.")
		default:
			p.Unlinks = link.ID
			reason := "The two would not be linked any more, as before. Neither of them is written to."
			if s.a.State == automation.On {
				reason += " The automation is on: it looks for a counterpart again when one of them changes."
			}
			p = settle(p, automation.Linked, codeUnlink, reason)
		}
		out[i] = p
	}
	return out, nil
}

// linksBetween are the links of some pairs, by the pairs' sources.
func (s *sweep) linksBetween(ctx context.Context, pairs []automation.Plan) (map[record.Ref]LinkBase, error) {
	bySide := map[automation.Side][]record.Ref{}
	for _, p := range pairs {
		side := s.c.side(p.Source)
		bySide[side] = append(bySide[side], p.Source)
	}
	out := make(map[record.Ref]LinkBase, len(pairs))
	for side, refs := range bySide {
		opposite := s.c.Def.Target
		if side == automation.TargetSide {
			opposite = s.c.Def.Source
		}
		links, err := s.Reconciler.Links.LinksOf(ctx, refs, opposite.Connection, opposite.Object, s.a.ID)
		if err != nil {
			return nil, err
		}
		for ref, lb := range links {
			out[ref] = lb
		}
	}
	return out, nil
}

// unlinkOne takes one link back, if it is still as it was shown. The caller has claimed its key.
func (s *sweep) unlinkOne(ctx context.Context, x *execution, item PlanItem, res *ItemResult) error {
	plans, err := s.planUnlinks(ctx, []automation.Plan{item.Plan}, time.Time{})
	if err != nil {
		return err
	}
	p := plans[0]
	if item.Run != "" && p.Code == "same" {
		res.State = ItemDone // before a crash
		return nil
	}
	if p.Unlinks != item.Plan.Unlinks {
		res.State, res.Plan = ItemMoved, &p
		return nil
	}
	x.run.Title, x.run.Target = item.Plan.SourceTitle, p.Target
	x.step(automation.Step{Kind: automation.StepPlan, OK: true, Title: "Taken back", Detail: p.Reason, Code: p.Code, Plan: &p})
	x.decided(p.Outcome, p.Code, "A plan had linked the two; they are not linked any more.")
	if _, err := x.finish(ctx, automation.Succeeded, Finish{Unlink: &automation.Link{ID: p.Unlinks, Source: p.Source, Target: p.Target}, Settle: true}); err != nil {
		return err
	}
	res.State = ItemDone
	return nil
}
