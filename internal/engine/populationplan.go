package engine

import (
	"context"
	"maps"
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
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
	plans, ats := make([]automation.Plan, 0, len(records)), make([]found, 0, len(records))
	for _, r := range records {
		plan, at, err := s.planOne(ctx, r, links)
		if err != nil {
			return nil, nil, err
		}
		s.known.note(s.c, r, plan)
		if s.c.TwoWay() {
			s.known.seen(s.c, r)
		}
		plans, ats = append(plans, plan), append(ats, at)
	}
	return plans, ats, nil
}

func (s *sweep) planOne(ctx context.Context, r record.Record, links map[record.Ref]LinkBase) (automation.Plan, found, error) {
	var at found
	if lb, ok := links[r.Ref]; ok {
		at = found{identity: automation.Identity{How: automation.ByLink}, link: &lb.Link, base: &lb.Base}
		if t, ok := s.known.byID[lb.Link.Target.ID]; ok {
			at.target = &t
		} else if !lb.Link.Severed && s.c.Judge(r).Passed {
			missing, err := s.notListed(ctx, r, &at)
			if err != nil || missing != nil {
				return orZero(missing), at, err
			}
		}
	}
	if at.link == nil && s.c.Judge(r).Passed {
		gone := at.gone
		match, err := s.known.match(s.c, r)
		if err != nil {
			return automation.Plan{}, at, err
		}
		at = match
		at.gone = gone
	}
	in := Input{Source: r, Target: at.target, Link: at.link, Base: at.base, Identity: at.identity, TargetGone: at.targetGone}
	if at.target == nil && at.identity.How == automation.NotFound {
		parent, waits, err := s.execution(r.Ref).parentOf(ctx, s.c, r)
		if err != nil {
			return automation.Plan{}, at, err
		}
		in.Parent, in.ParentMissing = parent, waits
	}
	return s.c.Plan(in), at, nil
}

func orZero(p *automation.Plan) automation.Plan {
	if p == nil {
		return automation.Plan{}
	}
	return *p
}

// notListed looks directly at a linked counterpart the listing does not show, for a listing proves nothing (I8). Of
// too many of them nothing is believed at all.
func (s *sweep) notListed(ctx context.Context, r record.Record, at *found) (*automation.Plan, error) {
	if s.direct++; s.direct > directReads {
		p := automation.Plan{Automation: s.c.ID, Version: s.c.Version, Source: r.Ref, SourceTitle: r.Title, Target: at.link.Target, Identity: at.identity, Verdict: s.c.Judge(r)}
		p = settle(p, automation.Blocked, "not_listed", "Its counterpart is missing from the listing, as many are. A listing that falls short is not believed; nothing is done about it here.")
		return &p, nil
	}
	client, err := s.Reconciler.Gateway.Client(ctx, at.link.Target.Connection)
	if err != nil {
		return nil, err
	}
	target, err := client.Get(ctx, at.link.Target)
	switch {
	case err == nil:
		at.target = &target
	case !provider.IsKind(err, provider.NotFound):
		return nil, err
	case s.c.mindsDeletes():
		at.targetGone = true
	default:
		at.gone, at.link, at.base = at.link, nil, nil
	}
	return nil, nil
}

// targetsLeft goes through the target records that were nobody's counterpart.
func (s *sweep) targetsLeft(ctx context.Context) error {
	var left []record.Record
	for _, id := range slices.Sorted(maps.Keys(s.known.byID)) {
		if !s.known.met[id] {
			left = append(left, s.known.byID[id])
		}
	}
	s.p.Total = max(s.p.Total, s.p.Done+len(left))
	for chunk := range slices.Chunk(left, populationChunk) {
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
	plans, ats := make([]automation.Plan, 0, len(records)), make([]found, 0, len(records))
	for _, r := range records {
		plan, at, err := s.planOneBack(ctx, r, links)
		if err != nil {
			return nil, nil, err
		}
		plans, ats = append(plans, plan), append(ats, at)
	}
	return plans, ats, nil
}

func (s *sweep) planOneBack(ctx context.Context, t record.Record, links map[record.Ref]LinkBase) (automation.Plan, found, error) {
	blank := automation.Plan{Automation: s.c.ID, Version: s.c.Version, Source: t.Ref, SourceTitle: t.Title, Identity: automation.Identity{How: automation.NotLooked}}
	lb, linked := links[t.Ref]
	switch {
	case linked && lb.Link.Severed:
		return settle(blank, automation.Skip, "severed", "Its counterpart was deleted, and the two go separate ways since."), found{}, nil
	case linked:
		return s.sourceNotListed(ctx, t, lb, blank)
	case !s.c.TwoWay():
		return settle(blank, automation.Skip, "only_there", "There is no "+s.c.Source.Label+" for it, and nothing leads from here to there."), found{}, nil
	}
	wouldBe := record.Record{Ref: record.Ref{Connection: s.c.Def.Source.Connection, Type: s.c.Def.Source.Object}, Title: t.Title, Fields: asRecord(s.c.MapBack(t))}
	if v := s.c.Judge(wouldBe); !v.Passed {
		blank.Verdict = v
		return settle(blank, automation.Skip, "rule", "The rule let it pass by: "+v.Why()), found{}, nil
	}
	at := found{identity: s.known.claims(s.c, t)}
	in := Input{Source: t, Identity: at.identity}
	parent, waits, err := s.execution(t.Ref).parentOf(ctx, s.c.flipped, t)
	in.Parent, in.ParentMissing = parent, waits
	plan := s.c.flipped.Plan(in)
	if plan.Outcome == automation.Create {
		for _, key := range s.c.KeysBack(t) {
			s.known.planned["<"+key.Field.Key+"\x00"+s.c.Normal(key.Field, key.Value)] = t.Title
		}
	}
	return plan, at, err
}

// sourceNotListed is about a linked record whose source was not in the listing.
func (s *sweep) sourceNotListed(ctx context.Context, t record.Record, lb LinkBase, blank automation.Plan) (automation.Plan, found, error) {
	blank.Target = lb.Link.Target
	if s.direct++; s.direct > directReads {
		return settle(blank, automation.Blocked, "not_listed", "Its counterpart is missing from the listing, as many are. A listing that falls short is not believed; nothing is done about it here."), found{}, nil
	}
	client, err := s.Reconciler.Gateway.Client(ctx, lb.Link.Target.Connection)
	if err != nil {
		return blank, found{}, err
	}
	source, err := client.Get(ctx, lb.Link.Target)
	link := lb.Link
	link.Source, link.Target = lb.Link.Target, lb.Link.Source
	at := found{identity: automation.Identity{How: automation.ByLink}, link: &link, base: &lb.Base, target: &t}
	in := Input{Source: source, Target: &t, Link: at.link, Base: at.base, Identity: at.identity}
	if provider.IsKind(err, provider.NotFound) {
		at.sourceGone, in.SourceGone = true, true
		in.Source = record.Record{Ref: link.Source, Title: t.Title}
	} else if err != nil {
		return blank, found{}, err
	}
	return s.c.Plan(in), at, nil
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
