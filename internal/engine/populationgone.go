package engine

import (
	"context"
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// DailyComparison marks (in Of) a comparison that begins by itself: what it finds gone becomes live work.
const DailyComparison = "daily"

// Pairs reads links by what they join and by what became of them.
type Pairs interface {
	// PairsOf pages through the links between two ends, as the source sees them; after is the last link seen.
	PairsOf(ctx context.Context, source, target automation.Endpoint, after string, limit int) ([]automation.Link, error)
	// UsedLinks are those of some links across which something was written since they were made, or on which an
	// automation besides this one rests.
	UsedLinks(ctx context.Context, links []string, by automation.ID) (map[string]bool, error)
}

const notBelieved = "Its counterpart is missing from the listing, as many are. A listing that falls short is not believed; nothing is done about it here."

// notListed looks directly at a linked counterpart the listing does not show, for a listing proves nothing (I8). Of
// too many of them nothing is believed at all.
func (s *sweep) notListed(ctx context.Context, r record.Record, at *found) (*automation.Plan, error) {
	if s.direct++; s.direct > directReads {
		p := automation.Plan{Automation: s.c.ID, Version: s.c.Version, Source: r.Ref, SourceTitle: r.Title, Target: at.link.Target, Identity: at.identity, Verdict: s.c.Judge(r)}
		p = settle(p, automation.Blocked, codeNotListed, notBelieved)
		return &p, nil
	}
	client, err := s.Reconciler.Gateway.Client(ctx, at.link.Target.Connection)
	if err != nil {
		return nil, err
	}
	target, err := client.Get(ctx, at.link.Target)
	if err == nil {
		at.target = &target
		if s.families == nil {
			return nil, nil
		}
		// It lives where nobody looked; so may its neighbors, which need no look of their own then.
		return nil, s.readFamilies(ctx, []record.Ref{target.Parent})
	}
	if !provider.IsKind(err, provider.NotFound) {
		return nil, err
	}
	// It may have been merged into another one: that is looked for before anything is believed deleted.
	again, err := s.known.match(s.c, r)
	if err != nil {
		return nil, err
	}
	if again.identity.How == automation.NotFound && s.c.mindsDeletes() {
		at.targetGone = true
		return nil, s.withItsParent(ctx, r, at)
	}
	again.gone = at.link
	*at = again
	return nil, nil
}

// sourceNotListed is about a linked record whose source was not in the listing. t without fields is known by its link
// only.
func (s *sweep) sourceNotListed(ctx context.Context, t record.Record, lb LinkBase, blank automation.Plan) (automation.Plan, found, error) {
	blank.Target = lb.Link.Target
	if s.direct++; s.direct > directReads {
		return settle(blank, automation.Blocked, codeNotListed, notBelieved), found{}, nil
	}
	sources, err := s.Reconciler.Gateway.Client(ctx, lb.Link.Target.Connection)
	if err != nil {
		return blank, found{}, err
	}
	source, err := sources.Get(ctx, lb.Link.Target)
	link := lb.Link
	link.Source, link.Target = lb.Link.Target, lb.Link.Source
	at := found{identity: automation.Identity{How: automation.ByLink}, link: &link, base: &lb.Base, target: &t}
	if at.sourceGone = provider.IsKind(err, provider.NotFound); at.sourceGone {
		at.parentGone = s.c.guardsSources() && provider.WentWithParent(err)
		source = record.Record{Ref: link.Source, Title: t.Title}
	} else if err != nil {
		return blank, found{}, err
	}
	if t.Fields == nil {
		targets, err := s.Reconciler.Gateway.Client(ctx, t.Ref.Connection)
		if err != nil {
			return blank, found{}, err
		}
		now, err := targets.Get(ctx, t.Ref)
		switch {
		case err == nil:
			at.target = &now
		case !provider.IsKind(err, provider.NotFound):
			return blank, found{}, err
		default:
			at.target = nil
			if at.targetGone = !at.sourceGone; at.targetGone {
				if err := s.withItsParent(ctx, source, &at); err != nil {
					return blank, found{}, err
				}
			}
		}
	}
	if at.sourceGone && at.target != nil {
		source.Title = at.target.Title
		// One that goes on under another id was deleted by nobody; live work follows it there.
		_, how, err := s.execution(link.Source).successor(ctx, s.c, sources, *at.target)
		if err != nil {
			return blank, found{}, err
		}
		if how == automation.ByMatch || how == automation.Doubtful && s.c.Def.Deletes.Policy == automation.DeleteDelete {
			return settle(blank, automation.Skip, "moved", "The "+s.c.Source.Label+" is gone, and another one has the same details; it may have been merged. Nothing is done about it here."), at, nil
		}
	}
	at.source = &source
	return s.c.Plan(Input{Source: source, Target: at.target, Link: at.link, Base: at.base, Identity: at.identity, SourceGone: at.sourceGone, TargetGone: at.targetGone, ParentGone: at.parentGone}), at, nil
}

// pairsLeft goes through the linked pairs whose source did not come by. Where the target is listed by its parent only,
// this is how a deleted source is noticed: nobody looks at the parent for its sake.
func (s *sweep) pairsLeft(ctx context.Context) error {
	for after := ""; ; {
		links, err := s.Pairs.PairsOf(ctx, s.c.Def.Source, s.c.Def.Target, after, populationPage)
		if err != nil || len(links) == 0 {
			return err
		}
		var left []record.Record
		for _, l := range links {
			after = l.ID
			if l.Severed || s.came.has(s.known.hash(l.Source.ID)) {
				continue
			}
			if err := s.known.meet(automation.Plan{Target: l.Target}); err != nil {
				return err
			}
			_, t, held, err := s.known.find(l.Target.ID)
			if err != nil {
				return err
			}
			if !held {
				t = record.Record{Ref: l.Target, Title: l.Target.ID}
			}
			left = append(left, t)
		}
		for chunk := range slices.Chunk(left, s.Chunk) {
			if err := s.chunk(ctx, chunk, true); err != nil {
				return err
			}
		}
	}
}

// tellOfDeletes makes live work of what a daily comparison found gone: a hint like the webhook that never came, which
// the live path looks into on its own and within its limits. A target that went along with its parent is no delete; of a
// source that did, the live path cuts the link.
func (s *sweep) tellOfDeletes(ctx context.Context, ats []found) error {
	if s.Inbox == nil || s.p.Mode != ModeShow || s.p.Of != DailyComparison || s.c.Def.Deletes.Policy == automation.DeleteNothing {
		return nil
	}
	var hints []automation.Delivery
	for _, at := range ats {
		var gone record.Ref
		switch {
		case at.link == nil || at.parentGone && !at.sourceGone:
			continue
		case at.sourceGone:
			gone = at.link.Source
		case at.targetGone:
			gone = at.link.Target
		default:
			continue
		}
		hints = append(hints, automation.Delivery{Event: automation.Event{
			ID: s.Reconciler.NewID("ev"), Kind: automation.Heal, Ref: gone, Change: provider.Deleted, ReceivedAt: s.Reconciler.Now(),
			DedupeKey: "gone/" + string(gone.Type) + "/" + gone.ID + "/" + s.p.ID,
		}})
	}
	if len(hints) == 0 {
		return nil
	}
	_, err := s.Inbox.Accept(ctx, hints...)
	return err
}
