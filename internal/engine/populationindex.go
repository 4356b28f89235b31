package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// counterparts is the target's population, findable by id and by match key.
type counterparts struct {
	byID  map[string]record.Record
	byKey map[string][]string // field, NUL, normalised value → ids
	taken map[string]record.Ref
	met   map[string]bool // ids that were somebody's counterpart in this walk
	// planned are creates of this walk, so that a second record with the same key is seen as its double.
	planned map[string]string
	// old is the version that is compared with; its fields are kept too.
	old *Compiled
	// sources are the source records by the details a target record is looked up by, as far as they were listed.
	sources map[string][]automation.Candidate
}

// seen keeps a source record findable for the target records that are left in the end.
func (k *counterparts) seen(c *Compiled, r record.Record) {
	for _, m := range c.Def.Match {
		spec, ok := c.Source.Field(m.Source)
		if v := r.Fields[m.Source]; ok && !v.IsEmpty() {
			key := spec.Key + "\x00" + c.Normal(spec, v)
			k.sources[key] = append(k.sources[key], automation.Candidate{Ref: r.Ref, Title: r.Title})
		}
	}
}

// claims are the source records with a target record's details, and whether one of them would be made in this walk.
func (k *counterparts) claims(c *Compiled, t record.Record) automation.Identity {
	id := automation.Identity{How: automation.NotFound}
	known := map[record.Ref]bool{}
	for _, key := range c.KeysBack(t) {
		look := key.Field.Key + "\x00" + c.Normal(key.Field, key.Value)
		id.Evidence = append(id.Evidence, automation.Evidence{Field: key.Field.Label, Value: key.Value, Found: len(k.sources[look])})
		for _, candidate := range k.sources[look] {
			if !known[candidate.Ref] {
				known[candidate.Ref] = true
				candidate.Why = "same " + strings.ToLower(key.Field.Label)
				id.Candidates = append(id.Candidates, candidate)
			}
		}
		if title, ok := k.planned["<"+look]; ok {
			id.Candidates = append(id.Candidates, automation.Candidate{Title: title, Why: "same " + strings.ToLower(key.Field.Label) + ", would be made in this very run", Taken: true})
		}
	}
	if len(id.Candidates) > 0 {
		id.How = automation.Doubtful
	}
	return id
}

func (s *sweep) index(ctx context.Context) error {
	// What is listed by its parent only is read as the records come by that belong there.
	if s.c.TargetObject.ByParent {
		s.families, s.undatedTarget = &families{of: map[record.Ref]*family{}}, true
	}
	s.known = &counterparts{byID: map[string]record.Record{}, byKey: map[string][]string{}, taken: map[string]record.Ref{}, met: map[string]bool{}, planned: map[string]string{}, sources: map[string][]automation.Candidate{}, old: s.old}
	s.looked = s.Reconciler.Now()
	if s.families != nil {
		return nil
	}
	if err := s.tell(ctx, "Reading every "+s.c.Target.Label); err != nil {
		return err
	}
	target, err := s.Reconciler.Gateway.Client(ctx, s.c.Def.Target.Connection)
	if err != nil {
		return err
	}
	for page, err := range patiently(ctx, target, provider.Query{Type: s.c.Def.Target.Object, PageSize: populationPage}, s.Wait) {
		if err != nil {
			return err
		}
		for _, r := range page.Records {
			s.undatedTarget = s.undatedTarget || r.UpdatedAt.IsZero()
			s.known.add(s.c, r)
		}
		if err := s.tell(ctx, fmt.Sprintf("Reading every %s: %d so far", s.c.Target.Label, len(s.known.byID))); err != nil {
			return err
		}
	}
	return nil
}

func (k *counterparts) add(c *Compiled, r record.Record) {
	k.forget(c, r.Ref.ID)
	k.byID[r.Ref.ID] = c.slim(r, k.old)
	for _, m := range c.Def.Match {
		spec, ok := c.Target.Field(m.Target)
		if v := r.Fields[m.Target]; ok && !v.IsEmpty() {
			key := spec.Key + "\x00" + c.Normal(spec, v)
			k.byKey[key] = append(k.byKey[key], r.Ref.ID)
		}
	}
}

// forget takes an older version of a record out.
func (k *counterparts) forget(c *Compiled, id string) {
	old, ok := k.byID[id]
	if !ok {
		return
	}
	for _, m := range c.Def.Match {
		if spec, ok := c.Target.Field(m.Target); ok {
			if v := old.Fields[m.Target]; !v.IsEmpty() {
				key := spec.Key + "\x00" + c.Normal(spec, v)
				k.byKey[key] = slices.DeleteFunc(k.byKey[key], func(have string) bool { return have == id })
			}
		}
	}
	delete(k.byID, id)
}

// slim keeps only the fields a plan reads, so that a large population fits in memory.
func (c *Compiled) slim(r record.Record, also *Compiled) record.Record {
	kept := make(record.Fields, len(c.Def.Mapping.Rows))
	if also != nil {
		kept = also.slim(r, nil).Fields
	}
	keep := func(key string) {
		if v, ok := r.Fields[key]; ok {
			kept[key] = v
		}
	}
	for _, row := range c.Def.Mapping.Rows {
		keep(row.Target)
	}
	for _, m := range c.Def.Match {
		keep(m.Target)
	}
	if c.Def.Deletes.Policy == automation.DeleteMark {
		keep(c.Def.Deletes.Field)
	}
	r.Fields = kept
	return r
}

func (s *sweep) owners(ctx context.Context, records []record.Record) error {
	var refs []record.Ref
	for _, r := range records {
		for _, k := range s.c.Keys(r, s.c.Map(r)) {
			for _, id := range s.known.byKey[k.Field.Key+"\x00"+s.c.Normal(k.Field, k.Value)] {
				refs = append(refs, s.known.byID[id].Ref)
			}
		}
	}
	if len(refs) == 0 {
		return nil
	}
	links, err := s.Reconciler.Links.LinksOf(ctx, refs, s.c.Def.Source.Connection, s.c.Def.Source.Object, s.c.ID)
	if err != nil {
		return err
	}
	for ref, lb := range links {
		s.known.taken[ref.ID] = other(lb.Link, ref)
	}
	return nil
}

func (k *counterparts) match(c *Compiled, r record.Record) (found, error) {
	var hits []hit
	id := automation.Identity{How: automation.NotFound}
	keys := c.Keys(r, c.Map(r))
	for _, key := range keys {
		look := key.Field.Key + "\x00" + c.Normal(key.Field, key.Value)
		ids := k.byKey[look]
		id.Evidence = append(id.Evidence, automation.Evidence{Field: key.Field.Label, Value: key.Value, Found: len(ids)})
		for _, i := range ids {
			hits = addHit(hits, k.byID[i], key.Field.Label)
		}
		if title, ok := k.planned[look]; ok && len(ids) == 0 {
			id.How = automation.Doubtful
			id.Candidates = append(id.Candidates, automation.Candidate{Title: title, Why: "same " + key.Field.Label + ", would be made in this very run", Taken: true})
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
	}, r.Ref)
}

// meet remembers whose counterparts were spoken of.
func (k *counterparts) meet(p automation.Plan) {
	if !p.Target.IsZero() {
		k.met[p.Target.ID] = true
	}
	for _, candidate := range p.Identity.Candidates {
		k.met[candidate.Ref.ID] = true
	}
}

func (k *counterparts) note(c *Compiled, r record.Record, p automation.Plan) {
	k.meet(p)
	switch {
	case p.Outcome == automation.Create:
		for _, key := range c.Keys(r, c.Map(r)) {
			k.planned[key.Field.Key+"\x00"+c.Normal(key.Field, key.Value)] = p.SourceTitle
		}
	case p.Identity.How == automation.ByMatch && !p.Target.IsZero():
		k.taken[p.Target.ID] = r.Ref
	}
}
