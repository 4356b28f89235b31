package engine

import (
	"context"
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// plan plans for records of one side, in their order, with what each needs to be carried out.
func (s *sweep) plan(ctx context.Context, records []record.Record, fromTarget bool) ([]automation.Plan, []found, error) {
	if fromTarget {
		return s.planBack(ctx, records)
	}
	refs := make([]record.Ref, len(records))
	for i, r := range records {
		refs[i] = r.Ref
	}
	end := s.c.Def.Target
	links, err := s.Reconciler.Links.LinksOf(ctx, refs, end.Connection, end.Object, s.c.ID)
	if err != nil {
		return nil, nil, err
	}
	// One query tells which of these records' possible counterparts belong to somebody else already.
	if err := s.owners(ctx, records); err != nil {
		return nil, nil, err
	}
	kin, err := s.kin(ctx, records, links)
	if err != nil {
		return nil, nil, err
	}
	plans, ats := make([]automation.Plan, 0, len(records)), make([]found, 0, len(records))
	for _, r := range records {
		plan, at, err := s.planOne(ctx, r, links, kin)
		if err != nil {
			return nil, nil, err
		}
		if err := s.known.note(s.c, r, plan); err != nil {
			return nil, nil, err
		}
		if s.c.TwoWay() {
			if err := s.known.seen(s.c, r); err != nil {
				return nil, nil, err
			}
		}
		if s.came == nil && s.p.Mode == ModeShow && plan.Identity.How == automation.NotLooked {
			if err := s.known.meetAlike(s.c, r); err != nil {
				return nil, nil, err
			}
		}
		plans, ats = append(plans, plan), append(ats, at)
	}
	return plans, ats, nil
}

// kin finds what the counterparts of some records live under, and reads what lives there already, as far as it can
// matter to them.
func (s *sweep) kin(ctx context.Context, records []record.Record, links map[record.Ref]LinkBase) (map[record.Ref]parentage, error) {
	var asks []record.Record
	for _, r := range records {
		lb, linked := links[r.Ref]
		if (!linked || s.families != nil && !lb.Link.Severed) && s.c.Judge(r).Passed {
			asks = append(asks, r)
		}
	}
	kin, err := s.parentages(ctx, s.c, asks)
	if err != nil || s.families == nil {
		return kin, err
	}
	// Where no key tells what belongs together, a record that is to be made is not looked for, and only a comparison
	// minds who else lives there.
	every := !s.p.Mode.Applies() || len(s.c.Def.Match) > 0
	var parents []record.Ref
	for _, r := range asks {
		if _, linked := links[r.Ref]; linked || every {
			parents = append(parents, kin[r.Ref].parent)
		}
	}
	return kin, s.readFamilies(ctx, parents)
}

func (s *sweep) planOne(ctx context.Context, r record.Record, links map[record.Ref]LinkBase, kin map[record.Ref]parentage) (automation.Plan, found, error) {
	var at found
	if lb, ok := links[r.Ref]; ok {
		at = found{identity: automation.Identity{How: automation.ByLink}, link: &lb.Link, base: &lb.Base}
		_, t, held, err := s.known.find(lb.Link.Target.ID)
		if err != nil {
			return automation.Plan{}, at, err
		}
		if held {
			at.target = &t
		} else if !lb.Link.Severed && s.c.Judge(r).Passed {
			missing, err := s.notListed(ctx, r, &at)
			if err != nil || missing != nil {
				return orZero(missing), at, err
			}
		}
	}
	if at.identity.How == "" && s.c.Judge(r).Passed {
		var err error
		if at, err = s.known.match(s.c, r); err != nil {
			return automation.Plan{}, at, err
		}
		if at, err = s.rival(ctx, r, at); err != nil {
			return automation.Plan{}, at, err
		}
	}
	in := Input{Source: r, Target: at.target, Link: at.link, Base: at.base, Identity: at.identity, TargetGone: at.targetGone, ParentGone: at.parentGone}
	if at.target == nil && at.identity.How == automation.NotFound {
		k, known := kin[r.Ref]
		if !known && s.c.TargetObject.Parent != "" {
			all, err := s.parentages(ctx, s.c, []record.Record{r})
			if err != nil {
				return automation.Plan{}, at, err
			}
			k = all[r.Ref]
		}
		at.kin = &k
		in.Parent, in.ParentMissing, in.Awaits = k.parent, k.waits, k.awaits
	}
	return s.c.Plan(in), at, nil
}

func orZero(p *automation.Plan) automation.Plan {
	if p == nil {
		return automation.Plan{}
	}
	return *p
}

// targetsLeft goes through the target records that were nobody's counterpart.
func (s *sweep) targetsLeft(ctx context.Context) error {
	var left []int64
	for n, at := range s.known.places {
		if at.at != nowhere && !at.met {
			left = append(left, int64(n))
		}
	}
	s.p.Total = max(s.p.Total, s.p.Done+len(left))
	for some := range slices.Chunk(left, s.Chunk) {
		chunk := make([]record.Record, 0, len(some))
		for _, n := range some {
			r, held, err := s.known.record(n)
			if err != nil {
				return err
			}
			if held {
				chunk = append(chunk, r)
			}
		}
		if err := s.chunk(ctx, chunk, true); err != nil {
			return err
		}
	}
	return nil
}

// planBack plans for target records that are left: each is new to the source, lost its counterpart, or is passed by.
func (s *sweep) planBack(ctx context.Context, records []record.Record) ([]automation.Plan, []found, error) {
	refs := make([]record.Ref, len(records))
	for i, r := range records {
		refs[i] = r.Ref
	}
	from := s.c.Def.Source
	links, err := s.Reconciler.Links.LinksOf(ctx, refs, from.Connection, from.Object, s.c.ID)
	if err != nil {
		return nil, nil, err
	}
	var strangers []record.Record
	if s.c.TwoWay() && s.c.flipped.Def.Create {
		strangers = slices.DeleteFunc(slices.Clone(records), func(r record.Record) bool { _, linked := links[r.Ref]; return linked })
	}
	kin := map[record.Ref]parentage{}
	if len(strangers) > 0 {
		if kin, err = s.parentages(ctx, s.c.flipped, strangers); err != nil {
			return nil, nil, err
		}
	}
	plans, ats := make([]automation.Plan, 0, len(records)), make([]found, 0, len(records))
	for _, r := range records {
		plan, at, err := s.planOneBack(ctx, r, links, kin)
		if err != nil {
			return nil, nil, err
		}
		plans, ats = append(plans, plan), append(ats, at)
	}
	return plans, ats, nil
}

func (s *sweep) planOneBack(ctx context.Context, t record.Record, links map[record.Ref]LinkBase, kin map[record.Ref]parentage) (automation.Plan, found, error) {
	blank := automation.Plan{Automation: s.c.ID, Version: s.c.Version, Source: t.Ref, SourceTitle: t.Title, Identity: automation.Identity{How: automation.NotLooked}}
	lb, linked := links[t.Ref]
	switch {
	case linked && lb.Link.Severed:
		return settle(blank, automation.Skip, "severed", "The two go separate ways: one was deleted, or somebody unlinked them."), found{}, nil
	case linked && s.came == nil:
		// Deletes are no matter of this automation, so no call is made to find out.
		return settle(blank, automation.Skip, codeOnlyThere, "The "+s.c.Source.Label+" it is linked with was not listed, and this automation does nothing about deleted ones."), found{}, nil
	case linked:
		return s.sourceNotListed(ctx, t, lb, blank)
	case !s.c.TwoWay():
		return settle(blank, automation.Skip, codeOnlyThere, "There is no "+s.c.Source.Label+" for it, and nothing leads from here to there."), found{}, nil
	}
	wouldBe := record.Record{Ref: record.Ref{Connection: s.c.Def.Source.Connection, Type: s.c.Def.Source.Object}, Title: t.Title, Fields: asRecord(s.c.MapBack(t))}
	if v := s.c.Judge(wouldBe); !v.Passed {
		blank.Verdict = v
		return settle(blank, automation.Skip, "rule", "The rule let it pass by: "+v.Why()), found{}, nil
	}
	claims, err := s.known.claims(s.c, t)
	if err != nil {
		return automation.Plan{}, found{}, err
	}
	at := found{identity: claims}
	k := kin[t.Ref]
	at.kin = &k
	plan := s.c.flipped.Plan(Input{Source: t, Identity: at.identity, Parent: k.parent, ParentMissing: k.waits, Awaits: k.awaits})
	if plan.Outcome == automation.Create {
		if err := s.known.making("<", s.c, s.c.KeysBack(t), t); err != nil {
			return automation.Plan{}, found{}, err
		}
	}
	return plan, at, nil
}

// execution is a run for one record of the walk.
func (s *sweep) execution(source record.Ref) *execution {
	kind := automation.Backfill
	name := s.p.ID
	switch s.p.Mode {
	case ModeTake:
		kind = automation.Undo
	case ModeFill:
		name = "" // nobody has seen it before
	}
	return s.Reconciler.begin(s.a, Work{
		Automation: s.a.ID, Source: source,
		Event: automation.Event{ID: s.Reconciler.NewID("ev"), Kind: kind, Ref: source, Name: name, ReceivedAt: s.Reconciler.Now()},
	})
}
