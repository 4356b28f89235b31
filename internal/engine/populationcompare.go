package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// Deliveries tells which records webhooks were received for.
type Deliveries interface {
	// LastTold is when the last webhook about each record came, for those that had one.
	LastTold(ctx context.Context, refs []record.Ref) (map[record.Ref]time.Time, error)
	// Wrote are our writes to records since then that may have been carried out.
	Wrote(ctx context.Context, refs []record.Ref, since time.Time) (map[record.Ref][]Wrote, error)
	// DeliveryStats tells how many webhooks of a connection came.
	DeliveryStats(ctx context.Context, c record.ConnectionID) (DeliveryStats, error)
}

// Versions reads earlier definitions.
type Versions interface {
	Version(ctx context.Context, id automation.ID, n int) (automation.Version, error)
}

// earlier compiles the version that is compared with.
func (s *sweep) earlier(ctx context.Context) (*Compiled, error) {
	refuse := func(why string) error {
		return &refusal{"The versions cannot be compared", why + " Choose another version."}
	}
	n, err := strconv.Atoi(s.p.Of)
	if err != nil || s.Versions == nil {
		return nil, refuse("It does not say which version to compare with.")
	}
	v, err := s.Versions.Version(ctx, s.a.ID, n)
	if errors.Is(err, ErrNotFound) {
		return nil, refuse(fmt.Sprintf("There is no version %d.", n))
	}
	if err != nil {
		return nil, err
	}
	if v.Definition.Source != s.a.Definition.Source || v.Definition.Target != s.a.Definition.Target {
		return nil, refuse(fmt.Sprintf("Version %d was about other accounts or objects.", n))
	}
	old := s.a
	old.Version, old.Definition = n, v.Definition
	return s.Reconciler.Definitions.Compile(ctx, old)
}

// compare keeps the records that the two versions would treat otherwise, with both outcomes in words.
func (s *sweep) compare(ctx context.Context, records []record.Record, plans []automation.Plan, ats []found, fromTarget bool) error {
	before := *s
	before.c, before.old = s.old, nil
	var differ []automation.Plan
	for i, r := range records {
		at := ats[i]
		if plans[i].Code == codeNotListed {
			continue // neither version does anything about it
		}
		in := Input{Source: r, Target: at.target, Link: at.link, Base: at.base, Identity: at.identity, SourceGone: at.sourceGone, TargetGone: at.targetGone, ParentGone: at.parentGone}
		if at.source != nil {
			in.Source = *at.source
		}
		if at.kin != nil {
			in.Parent, in.ParentMissing, in.Awaits = at.kin.parent, at.kin.waits, at.kin.awaits
		}
		was := s.old.Plan(in)
		if fromTarget && at.link == nil {
			kin := map[record.Ref]parentage{}
			if at.kin != nil {
				kin[r.Ref] = *at.kin
			}
			then, _, err := before.planOneBack(ctx, r, map[record.Ref]LinkBase{}, kin)
			if err != nil {
				return err
			}
			was = then
		}
		if Fingerprint(was) == Fingerprint(plans[i]) && was.Code == plans[i].Code {
			continue
		}
		p := plans[i]
		p.Reason = fmt.Sprintf("%s Version %d would have come to “%s”: %s", p.Reason, s.old.Version, was.Outcome, was.Reason)
		differ = append(differ, p)
		s.p.Counts[p.Outcome]++
		s.p.Writes += writesOf(p)
	}
	s.p.Done += len(records)
	s.p.Reads = int(s.reads.Load())
	return s.save(ctx, s.p, differ)
}

// missed counts records that differ although their provider should have told us long ago: where webhooks tell of every
// update.
func (s *sweep) missed(ctx context.Context, records []record.Record, plans []automation.Plan) error {
	if s.Deliveries == nil || s.c.heals || !s.c.SourceObject.Tells.Updated {
		return nil
	}
	if s.Appless != nil && !s.c.SourceObject.Tells.ByHand {
		if none, err := s.Appless(ctx, s.c.Def.Source.Connection); err != nil || none {
			return err
		}
	}
	now := s.Reconciler.Now()
	late := map[record.Ref]time.Time{}
	for i, p := range plans {
		at := records[i].UpdatedAt
		// Of a pair that has not met nobody was listening.
		if p.Outcome == automation.Update && p.Identity.How == automation.ByLink && p.Source == records[i].Ref && len(p.On(automation.TargetSide)) > 0 && !at.IsZero() && now.Sub(at) > settling {
			late[p.Source] = at
		}
	}
	if len(late) == 0 {
		return nil
	}
	refs := slices.Collect(maps.Keys(late))
	told, err := s.Deliveries.LastTold(ctx, refs)
	if err != nil {
		return err
	}
	wrote, err := s.Deliveries.Wrote(ctx, refs, slices.MinFunc(slices.Collect(maps.Values(late)), time.Time.Compare).Add(-clockSkew))
	if err != nil {
		return err
	}
	for i := range plans {
		if at, ok := late[plans[i].Source]; ok && told[plans[i].Source].Before(at.Add(-clockSkew)) && !ours(wrote[plans[i].Source], at, at) {
			plans[i].Missed = true
			s.p.Missed++
		}
	}
	return nil
}
