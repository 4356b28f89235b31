package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// DryRunner plans for everyone and writes nothing. It lists the target once and looks counterparts up in
// memory, since one call per record would take the day's quota; a live run looks each one up directly (I8).
type DryRunner struct {
	Automations Automations
	Links       Links
	Populations Populations
	Gateway     Gateway
	Definitions *Definitions
	Now         func() time.Time
	Wait        func(context.Context, time.Duration) error
}

// Run carries a dry run out, from the start: it is safe to run again after a crash.
func (d *DryRunner) Run(ctx context.Context, id string) error {
	p, err := d.Populations.Population(ctx, id)
	if err != nil {
		return err
	}
	if p.State == PopulationDone || p.State == PopulationCanceled || p.State == PopulationFailed {
		return nil
	}
	if err := d.Populations.RestartPopulation(ctx, id); err != nil {
		return err
	}
	p.State, p.Done, p.Total, p.Reads, p.Writes = PopulationRunning, 0, 0, 0, 0
	p.Counts = map[automation.Outcome]int{}
	err = d.run(ctx, &p)
	switch {
	case errors.Is(err, ErrConflict):
		return nil // canceled by a person
	case err != nil && ctx.Err() != nil:
		return err // shut down: the job runs again
	case provider.IsKind(err, provider.RateLimited):
		p.Phase = "Waiting: the account's call limit is used up for the moment"
		return errors.Join(d.Populations.SavePopulation(ctx, p, nil), err)
	case err != nil:
		words := Explain(err, "account", func(f string) string { return f })
		p.State, p.Problem, p.FinishedAt = PopulationFailed, words.Title+". "+words.Detail, d.Now()
		return d.Populations.SavePopulation(ctx, p, nil)
	}
	p.State, p.Phase, p.FinishedAt = PopulationDone, "", d.Now()
	return d.Populations.SavePopulation(ctx, p, nil)
}

func (d *DryRunner) run(ctx context.Context, p *Population) error {
	a, err := d.Automations.Automation(ctx, p.Automation)
	if err != nil {
		return err
	}
	p.Version = a.Version
	var reads atomic.Int64
	ctx = provider.WithRecorder(provider.WithPriority(ctx, provider.Bulk), func(provider.Call) { reads.Add(1) })
	c, err := d.Definitions.Compile(ctx, a)
	if err != nil {
		return err
	}
	p.Phase = "Reading every " + c.Target.Label
	if err := d.Populations.SavePopulation(ctx, *p, nil); err != nil {
		return err
	}
	target, err := d.Gateway.Client(ctx, c.Def.Target.Connection)
	if err != nil {
		return err
	}
	known, err := d.index(ctx, c, target, p, &reads)
	if err != nil {
		return err
	}
	source, err := d.Gateway.Client(ctx, c.Def.Source.Connection)
	if err != nil {
		return err
	}
	p.Phase = "Comparing every " + c.Source.Label
	for page, err := range patiently(ctx, source, provider.Query{Type: c.Def.Source.Object}, d.Wait) {
		if err != nil {
			return err
		}
		p.Total = max(p.Total, page.Total)
		plans, err := d.plan(ctx, c, known, page.Records)
		if err != nil {
			return err
		}
		for _, plan := range plans {
			p.Counts[plan.Outcome]++
			p.Writes += writesOf(plan)
		}
		p.Done += len(plans)
		p.Reads = int(reads.Load())
		if err := d.Populations.SavePopulation(ctx, *p, plans); err != nil {
			return err
		}
	}
	return nil
}

// counterparts is the target's population, findable by id and by match key.
type counterparts struct {
	byID  map[string]record.Record
	byKey map[string][]string // field, NUL, normalised value → ids
	taken map[string]record.Ref
	// planned are creates of this dry run, so that a second record with the same key is seen as its double.
	planned map[string]string
}

func (d *DryRunner) index(ctx context.Context, c *Compiled, target provider.Client, p *Population, reads *atomic.Int64) (*counterparts, error) {
	out := &counterparts{byID: map[string]record.Record{}, byKey: map[string][]string{}, taken: map[string]record.Ref{}, planned: map[string]string{}}
	specs := make([]record.FieldSpec, 0, len(c.Def.Match))
	for _, m := range c.Def.Match {
		if spec, ok := c.Target.Field(m.Target); ok {
			specs = append(specs, spec)
		}
	}
	for page, err := range patiently(ctx, target, provider.Query{Type: c.Def.Target.Object}, d.Wait) {
		if err != nil {
			return nil, err
		}
		for _, r := range page.Records {
			out.byID[r.Ref.ID] = c.slim(r)
			for _, spec := range specs {
				if v := r.Fields[spec.Key]; !v.IsEmpty() {
					key := spec.Key + "\x00" + c.Normal(spec, v)
					out.byKey[key] = append(out.byKey[key], r.Ref.ID)
				}
			}
		}
		p.Reads = int(reads.Load())
		p.Phase = fmt.Sprintf("Reading every %s: %d so far", c.Target.Label, len(out.byID))
		if err := d.Populations.SavePopulation(ctx, *p, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// slim keeps only the fields a plan reads, so that a large population fits in memory.
func (c *Compiled) slim(r record.Record) record.Record {
	kept := make(record.Fields, len(c.Def.Mapping.Rows))
	for _, row := range c.Def.Mapping.Rows {
		if v, ok := r.Fields[row.Target]; ok {
			kept[row.Target] = v
		}
	}
	for _, m := range c.Def.Match {
		if v, ok := r.Fields[m.Target]; ok {
			kept[m.Target] = v
		}
	}
	r.Fields = kept
	return r
}

func (d *DryRunner) plan(ctx context.Context, c *Compiled, known *counterparts, sources []record.Record) ([]automation.Plan, error) {
	refs := make([]record.Ref, len(sources))
	for i, s := range sources {
		refs[i] = s.Ref
	}
	links, err := d.Links.LinksOf(ctx, refs, c.Def.Target.Connection, c.Def.Target.Object, c.ID)
	if err != nil {
		return nil, err
	}
	// One query tells which of this page's possible counterparts belong to somebody else already.
	if err := d.owners(ctx, c, known, sources); err != nil {
		return nil, err
	}
	plans := make([]automation.Plan, 0, len(sources))
	for _, s := range sources {
		in := Input{Source: s}
		if lb, ok := links[s.Ref]; ok {
			if t, ok := known.byID[lb.Link.Target.ID]; ok {
				in.Link, in.Base, in.Target = &lb.Link, &lb.Base, &t
				in.Identity = automation.Identity{How: automation.ByLink}
			}
		}
		if in.Link == nil && c.Judge(s).Passed {
			at, err := known.match(c, s)
			if err != nil {
				return nil, err
			}
			in.Target, in.Identity = at.target, at.identity
		}
		plan := c.Plan(in)
		known.note(c, s, plan)
		plans = append(plans, plan)
	}
	return plans, nil
}

func (d *DryRunner) owners(ctx context.Context, c *Compiled, known *counterparts, sources []record.Record) error {
	var refs []record.Ref
	for _, s := range sources {
		for _, k := range c.Keys(s, c.Map(s)) {
			for _, id := range known.byKey[k.Field.Key+"\x00"+c.Normal(k.Field, k.Value)] {
				refs = append(refs, known.byID[id].Ref)
			}
		}
	}
	if len(refs) == 0 {
		return nil
	}
	links, err := d.Links.LinksOf(ctx, refs, c.Def.Source.Connection, c.Def.Source.Object, c.ID)
	if err != nil {
		return err
	}
	for ref, lb := range links {
		known.taken[ref.ID] = other(lb.Link, ref)
	}
	return nil
}

func (k *counterparts) match(c *Compiled, s record.Record) (found, error) {
	var hits []hit
	id := automation.Identity{How: automation.NotFound}
	keys := c.Keys(s, c.Map(s))
	for _, key := range keys {
		look := key.Field.Key + "\x00" + c.Normal(key.Field, key.Value)
		ids := k.byKey[look]
		id.Evidence = append(id.Evidence, automation.Evidence{Field: key.Field.Label, Value: key.Value, Found: len(ids)})
		for _, i := range ids {
			hits = addHit(hits, k.byID[i], key.Field.Label)
		}
		if title, ok := k.planned[look]; ok && len(ids) == 0 {
			id.How = automation.Doubtful
			id.Candidates = append(id.Candidates, automation.Candidate{Title: title, Why: "same " + key.Field.Label + ", would be made in this very run"})
		}
	}
	if id.How == automation.Doubtful && len(hits) == 0 {
		return found{identity: id}, nil
	}
	id.How = automation.NotFound
	if but := c.contradicted(hits, keys); but != "" {
		return found{identity: doubtful(id, hits[0], but)}, nil
	}
	return decide(id, hits, func(target record.Ref) (record.Ref, bool, error) {
		owner, taken := k.taken[target.ID]
		return owner, taken, nil
	}, s.Ref)
}

func (k *counterparts) note(c *Compiled, s record.Record, p automation.Plan) {
	switch {
	case p.Outcome == automation.Create:
		for _, key := range c.Keys(s, c.Map(s)) {
			k.planned[key.Field.Key+"\x00"+c.Normal(key.Field, key.Value)] = p.SourceTitle
		}
	case p.Identity.How == automation.ByMatch && !p.Target.IsZero():
		k.taken[p.Target.ID] = s.Ref
	}
}

// writesOf is how many calls carrying a plan out takes at most: sets are changed by calls of their own.
func writesOf(p automation.Plan) int {
	if !p.Writes() {
		return 0
	}
	if p.Outcome == automation.Create {
		return 1
	}
	n := 0
	for _, side := range []automation.Side{automation.TargetSide, automation.SourceSide} {
		w := WriteOf(p, side)
		if len(w.Fields) > 0 {
			n++
		}
		n += len(w.Add) + len(w.Remove)
	}
	return max(n, 1)
}
