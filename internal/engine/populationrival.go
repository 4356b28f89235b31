package engine

import (
	"context"
	"hash/maphash"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// rival looks whether somebody else has a claim to what was matched, too. It is one call for a record that has less
// to be known by than its match; when there are many of those, the source is listed once, and then no more calls are made.
func (s *sweep) rival(ctx context.Context, r record.Record, at found) (found, error) {
	if at.identity.How != automation.ByMatch {
		return at, nil
	}
	keys := s.c.otherKeys(r, at)
	if len(keys) == 0 {
		return at, nil
	}
	if s.rivals++; s.rivals <= s.looks {
		return s.c.withoutRival(ctx, s.Reconciler.Gateway, r, at)
	}
	if s.c.SourceObject.ByParent {
		// It cannot be listed as a whole. Nobody has looked, so nobody may take it for granted.
		return at.claimedBy(keys[0], "somebody else for all we know: too many had to be looked up"), nil
	}
	if s.claims == nil {
		if err := s.listClaims(ctx); err != nil {
			return at, err
		}
	}
	for _, k := range keys {
		// The record itself has nothing, or something else, under this key: whoever has is somebody else.
		if title, ok := s.claims.by(s.c, k.Field, k.Value); ok {
			return at.claimedBy(k, title), nil
		}
	}
	return at, nil
}

// claims are the details the whole source is known by, and whose they are. A population has hundreds of thousands, so
// they are kept as hashes.
type claims struct {
	seed maphash.Seed
	of   map[uint64]string
}

func (c *claims) key(compiled *Compiled, field record.FieldSpec, v record.Value) uint64 {
	return maphash.String(c.seed, field.Key+"\x00"+compiled.Normal(field, v))
}

func (c *claims) by(compiled *Compiled, field record.FieldSpec, v record.Value) (title string, ok bool) {
	title, ok = c.of[c.key(compiled, field, v)]
	return title, ok
}

func (c *claims) add(compiled *Compiled, r record.Record) {
	for _, m := range compiled.Def.Match {
		spec, ok := compiled.Source.Field(m.Source)
		if v := r.Fields[m.Source]; ok && !v.IsEmpty() {
			c.of[c.key(compiled, spec, v)] = r.Title
		}
	}
}

func (s *sweep) listClaims(ctx context.Context) error {
	phase := s.p.Phase
	if err := s.tell(ctx, "Reading by what every "+s.c.Source.Label+" is known"); err != nil {
		return err
	}
	client, err := s.Reconciler.Gateway.Client(ctx, s.c.Def.Source.Connection)
	if err != nil {
		return err
	}
	all := &claims{seed: maphash.MakeSeed(), of: map[uint64]string{}}
	for page, err := range patiently(ctx, client, provider.Query{Type: s.c.Def.Source.Object, PageSize: populationPage}, s.Wait) {
		if err != nil {
			return err
		}
		for _, r := range page.Records {
			all.add(s.c, r)
		}
		if err := s.tell(ctx, s.p.Phase); err != nil {
			return err
		}
	}
	s.claims = all
	return s.tell(ctx, phase)
}
