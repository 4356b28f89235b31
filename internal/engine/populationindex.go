package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// counterparts is the target's population, findable by id and by match key. In memory is only what tells where to look;
// the records are in the scratch, so that a population ten times as large takes hardly more.
type counterparts struct {
	scratch Scratch
	seed    maphash.Seed
	places  []place
	byID    postings // hash of an id → place
	byKey   postings // hash of field and normalised value → place
	// planned are creates of this walk, so that a second record with the same key is seen as its double: → title.
	planned postings
	// sources are the source records by the details a target record is looked up by, as far as they were listed: →
	// candidate.
	sources postings
	held    int
	// old is the version that is compared with; its fields are kept too.
	old *Compiled
}

// place is what is known of one target record.
type place struct {
	at    int64  // in the scratch; nowhere: it was forgotten, or only spoken of
	owner uint64 // hash of the source record whose counterpart it is; 0: nobody's, as far as is known
	met   bool   // it was somebody's counterpart in this walk
}

const nowhere = -1

func newCounterparts(scratch Scratch, old *Compiled) *counterparts {
	return &counterparts{scratch: scratch, seed: maphash.MakeSeed(), old: old}
}

// namedCandidates is how many records with the same details are put to a person for each of them. More help nobody to
// decide, and thousands may have the same number: that of a switchboard, or what a form was filled in with. How many
// there are is told all the same.
const namedCandidates = 10

func (k *counterparts) hash(of string) uint64 { return maphash.String(k.seed, of) }

// owner is the hash of a source record, never 0.
func (k *counterparts) owner(r record.Ref) uint64 { return max(k.hash(r.String()), 1) }

// detail is the hash of what a record is looked up by.
func (k *counterparts) detail(c *Compiled, f record.FieldSpec, v record.Value) uint64 {
	return k.hash(f.Key + "\x00" + c.Normal(f, v))
}

func (k *counterparts) put(v any) (int64, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return 0, fmt.Errorf("keep a record of the walk: %w", err)
	}
	at, err := k.scratch.Put(b)
	if err != nil {
		return 0, fmt.Errorf("keep a record of the walk: %w", err)
	}
	return at, nil
}

func (k *counterparts) get(at int64, v any) error {
	b, err := k.scratch.Get(at)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return fmt.Errorf("read a record of the walk: %w", err)
	}
	return nil
}

// record reads the target record of a place; !held: it is not there.
func (k *counterparts) record(n int64) (r record.Record, held bool, err error) {
	if k.places[n].at == nowhere {
		return r, false, nil
	}
	return r, true, k.get(k.places[n].at, &r)
}

// find looks a target record up. A place that holds nobody may be another's with the same hash; it says only what does
// no harm then.
func (k *counterparts) find(id string) (n int64, r record.Record, held bool, err error) {
	all, _ := k.byID.find(k.hash(id), namedCandidates)
	n = nowhere
	for _, at := range all {
		r, held, err := k.record(at)
		switch {
		case err != nil:
			return nowhere, r, false, err
		case held && r.Ref.ID == id:
			return at, r, true, nil
		case !held:
			n = at
		}
	}
	return n, record.Record{}, false, nil
}

// of finds the place of a target record, or makes one.
func (k *counterparts) of(id string) (n int64, err error) {
	n, _, _, err = k.find(id)
	if n != nowhere || err != nil {
		return n, err
	}
	n = int64(len(k.places))
	k.places = append(k.places, place{at: nowhere})
	k.byID.add(k.hash(id), n)
	return n, nil
}

// matchKeys are the details a target record is looked up by.
func (k *counterparts) matchKeys(c *Compiled, t record.Record) (keys []uint64) {
	for _, m := range c.Def.Match {
		spec, ok := c.Target.Field(m.Target)
		if !ok {
			continue
		}
		for _, v := range c.lookups(spec, t.Fields) {
			keys = append(keys, k.detail(c, spec, v))
		}
	}
	return keys
}

// seen keeps a source record findable for the target records that are left in the end.
func (k *counterparts) seen(c *Compiled, r record.Record) error {
	at := int64(nowhere)
	for _, m := range c.Def.Match {
		spec, ok := c.Source.Field(m.Source)
		if !ok {
			continue
		}
		for _, v := range c.lookups(spec, r.Fields) {
			if at == nowhere {
				var err error
				if at, err = k.put(automation.Candidate{Ref: r.Ref, Title: r.Title}); err != nil {
					return err
				}
			}
			k.sources.add(k.detail(c, spec, v), at)
		}
	}
	return nil
}

// lookups are what a record is found by in the index: the value of a field, and the others it answers to.
func (c *Compiled) lookups(spec record.FieldSpec, in record.Fields) []record.Value {
	var out []record.Value
	add := func(v record.Value) {
		if !v.IsEmpty() && !slices.ContainsFunc(out, func(had record.Value) bool { return c.Normal(spec, had) == c.Normal(spec, v) }) {
			out = append(out, v)
		}
	}
	add(in[spec.Key])
	for _, one := range furtherOf(spec, in) {
		add(record.TextOf(one))
	}
	return out
}

// claims are the source records with a target record's details, and whether one of them would be made in this walk.
func (k *counterparts) claims(c *Compiled, t record.Record) (automation.Identity, error) {
	id := automation.Identity{How: automation.NotFound}
	known := map[record.Ref]bool{}
	for _, key := range c.KeysBack(t) {
		some, n := k.sources.find(k.detail(c, key.Field, key.Value), namedCandidates)
		id.Evidence = append(id.Evidence, automation.Evidence{Field: key.Field.Label, Key: key.Field.Key, Value: key.Value, Found: n})
		for _, at := range some {
			var candidate automation.Candidate
			if err := k.get(at, &candidate); err != nil {
				return id, err
			}
			if !known[candidate.Ref] {
				known[candidate.Ref] = true
				candidate.Why = "same " + strings.ToLower(key.Field.Label)
				id.Candidates = append(id.Candidates, candidate)
			}
		}
		other, ok, err := k.wouldBeMade("<", c, key, t.Ref)
		if err != nil {
			return id, err
		}
		if ok {
			id.Candidates = append(id.Candidates, automation.Candidate{Title: other.Title, Why: "same " + strings.ToLower(key.Field.Label) + ", would be made in this very run", Taken: true})
		}
	}
	if len(id.Candidates) > 0 {
		id.How = automation.Doubtful
	}
	return id, nil
}

// making remembers what a create of this walk is found by, and for which record it is made; way tells on which side.
func (k *counterparts) making(way string, c *Compiled, keys []MatchValue, of record.Record) error {
	at, err := k.put(automation.Candidate{Ref: of.Ref, Title: of.Title})
	for _, key := range keys {
		k.planned.add(k.hash(way+key.Field.Key+"\x00"+c.Normal(key.Field, key.Value)), at)
	}
	return err
}

// wouldBeMade answers for whom else this walk makes a record with the same detail. A record that is planned for again does
// not stand in its own way.
func (k *counterparts) wouldBeMade(way string, c *Compiled, key MatchValue, of record.Ref) (other automation.Candidate, ok bool, err error) {
	all, _ := k.planned.find(k.hash(way+key.Field.Key+"\x00"+c.Normal(key.Field, key.Value)), namedCandidates)
	for _, at := range slices.Backward(all) {
		if err := k.get(at, &other); err != nil || other.Ref != of {
			return other, err == nil, err
		}
	}
	return automation.Candidate{}, false, nil
}

func (s *sweep) index(ctx context.Context) error {
	// What is listed by its parent only is read as the records come by that belong there.
	if s.c.TargetObject.ByParent {
		s.families, s.undatedTarget = &families{of: map[record.Ref]*family{}}, true
	}
	s.known = newCounterparts(s.scratch, s.old)
	s.looked = newLookouts(s.c, s.Reconciler.Now())
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
			if err := s.known.add(s.c, r); err != nil {
				return err
			}
		}
		if err := s.tell(ctx, fmt.Sprintf("Reading every %s: %d so far", s.c.Target.Label, s.known.held)); err != nil {
			return err
		}
	}
	return nil
}

// add takes a record in, in place of an older version of it.
func (k *counterparts) add(c *Compiled, r record.Record) error {
	n, old, held, err := k.find(r.Ref.ID)
	if err != nil {
		return err
	}
	if n == nowhere {
		if n, err = k.of(r.Ref.ID); err != nil {
			return err
		}
	}
	at, err := k.put(c.slim(r, k.old))
	if err != nil {
		return err
	}
	had, has := k.matchKeys(c, old), k.matchKeys(c, r)
	for _, key := range had {
		if !slices.Contains(has, key) {
			k.byKey.remove(key, n)
		}
	}
	for _, key := range has {
		if !slices.Contains(had, key) {
			k.byKey.add(key, n)
		}
	}
	if !held {
		k.held++
	}
	k.places[n].at = at
	return nil
}

// forget takes a record out.
func (k *counterparts) forget(c *Compiled, id string) error {
	n, old, held, err := k.find(id)
	if err != nil || !held {
		return err
	}
	for _, key := range k.matchKeys(c, old) {
		k.byKey.remove(key, n)
	}
	k.places[n].at = nowhere
	k.held--
	return nil
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
	withFurther := func(key string) {
		keep(key)
		if spec, ok := c.Target.Field(key); ok && spec.Further != "" {
			keep(spec.Further)
		}
	}
	for _, row := range c.Def.Mapping.Rows {
		withFurther(row.Target)
	}
	for _, m := range c.Def.Match {
		withFurther(m.Target)
	}
	if c.Def.Deletes.Policy == automation.DeleteMark {
		keep(c.Def.Deletes.Field)
	}
	r.Fields = kept
	return r
}

// named reads the first few target records with a detail, and tells how many there are.
func (k *counterparts) named(c *Compiled, key MatchValue) (some []record.Record, places []int64, n int, err error) {
	all, n := k.byKey.find(k.detail(c, key.Field, key.Value), namedCandidates)
	for _, at := range all {
		r, held, err := k.record(at)
		if err != nil {
			return nil, nil, 0, err
		}
		same := c.Normal(key.Field, r.Fields[key.Field.Key]) == c.Normal(key.Field, key.Value)
		if !held || !same && !c.isFurther(key.Field, r.Fields, key.Value) {
			n-- // another detail with the same hash
			continue
		}
		some, places = append(some, r), append(places, at)
	}
	return some, places, n, nil
}

func (s *sweep) owners(ctx context.Context, records []record.Record) error {
	var refs []record.Ref
	places := map[record.Ref]int64{}
	for _, r := range records {
		for _, key := range s.c.Keys(r, s.c.Map(r)) {
			some, at, _, err := s.known.named(s.c, key)
			if err != nil {
				return err
			}
			for i, t := range some {
				if _, known := places[t.Ref]; !known {
					places[t.Ref] = at[i]
					refs = append(refs, t.Ref)
				}
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
		s.known.places[places[ref]].owner = s.known.owner(other(lb.Link, ref))
	}
	return nil
}

func (k *counterparts) match(c *Compiled, r record.Record) (found, error) {
	var hits []hit
	owners := map[record.Ref]uint64{}
	id := automation.Identity{How: automation.NotFound}
	keys := c.Keys(r, c.Map(r))
	for _, key := range keys {
		some, places, n, err := k.named(c, key)
		if err != nil {
			return found{}, err
		}
		id.Evidence = append(id.Evidence, automation.Evidence{Field: key.Field.Label, Key: key.Field.Key, Value: key.Value, Found: n})
		for i, t := range some {
			hits = addHit(hits, t, key.Field.Label)
			owners[t.Ref] = k.places[places[i]].owner
		}
		if n > 0 {
			continue
		}
		other, ok, err := k.wouldBeMade(">", c, key, r.Ref)
		if err != nil {
			return found{}, err
		}
		if ok {
			id.How = automation.Doubtful
			id.Candidates = append(id.Candidates, automation.Candidate{Title: other.Title, Why: "same " + key.Field.Label + ", would be made in this very run", Taken: true})
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
		owner := owners[target]
		if owner == k.owner(r.Ref) {
			return r.Ref, true, nil
		}
		return record.Ref{}, owner != 0, nil
	}, r.Ref)
}

// meet remembers whose counterparts were spoken of.
func (k *counterparts) meet(p automation.Plan) error {
	spoken := make([]string, 0, 1+len(p.Identity.Candidates))
	spoken = append(spoken, p.Target.ID)
	for _, candidate := range p.Identity.Candidates {
		spoken = append(spoken, candidate.Ref.ID)
	}
	for _, id := range spoken {
		if id == "" {
			continue
		}
		n, err := k.of(id)
		if err != nil {
			return err
		}
		k.places[n].met = true
	}
	return nil
}

// meetAlike counts the target records that share a detail with a source record that is let pass by: they are no less let
// alone than it is, and are not on their side only.
func (k *counterparts) meetAlike(c *Compiled, r record.Record) error {
	for _, key := range c.Keys(r, c.Map(r)) {
		_, places, _, err := k.named(c, key)
		if err != nil {
			return err
		}
		for _, n := range places {
			k.places[n].met = true
		}
	}
	return nil
}

// wasMet reports whether a target record was somebody's counterpart in this walk.
func (k *counterparts) wasMet(id string) (bool, error) {
	n, _, _, err := k.find(id)
	return n != nowhere && k.places[n].met, err
}

func (k *counterparts) note(c *Compiled, r record.Record, p automation.Plan) error {
	if err := k.meet(p); err != nil {
		return err
	}
	switch {
	case p.Outcome == automation.Create:
		return k.making(">", c, c.Keys(r, c.Map(r)), r)
	case p.Identity.How == automation.ByMatch && !p.Target.IsZero():
		n, err := k.of(p.Target.ID)
		if err != nil {
			return err
		}
		k.places[n].owner = k.owner(r.Ref)
	}
	return nil
}
