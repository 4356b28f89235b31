package engine

import (
	"context"
	"slices"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// found is what looking for a counterpart came to.
type found struct {
	identity automation.Identity
	target   *record.Record
	link     *automation.Link
	base     *automation.Base
	// gone is a link whose other side has vanished, confirmed by a direct read, and that gives way to another.
	gone *automation.Link
	// targetGone: the linked record was deleted, and nothing took its place.
	targetGone bool
	// parentGone: what is gone went along with the record it lived under.
	parentGone bool
	// sourceGone: the record the key stands for was deleted.
	sourceGone bool
	// source is the record the key stands for, where it is not the one that is walked over.
	source *record.Record
	// ignored: a person chose to leave it alone.
	ignored bool
	// unsure: an unanswered create may have made one of the candidates.
	unsure bool
	// assumed: the target was not read; it is taken to be as it was when the two last agreed.
	assumed bool
	// kin is what a new counterpart would live under, where that was found out already.
	kin *parentage
}

// finder looks for the counterpart of one record: the link first, then match keys with evidence.
type finder struct {
	compiled *Compiled
	links    Links
	target   provider.Client
	gateway  Gateway
	// told: the counterpart is said to be gone, or may have been written to, so it is read even though nothing moved.
	told bool
	// unseen: where the memory of the pair tells enough, the counterpart is not read.
	unseen bool
}

// find reads the counterpart as it is now. When a link says that nothing moved it is not read at all.
func (f finder) find(ctx context.Context, source record.Record) (found, error) {
	c := f.compiled
	rows := c.Map(source)
	end := c.Def.Target
	link, base, ok, err := f.links.FindLink(ctx, source.Ref, end.Connection, end.Object, c.ID)
	if err != nil {
		return found{}, err
	}
	if !ok {
		return f.match(ctx, source, c.Keys(source, rows))
	}
	out := found{identity: automation.Identity{How: automation.ByLink}, link: &link, base: &base}
	if link.Severed || !f.told && !c.Moved(rows, &base) {
		return out, nil
	}
	if f.unseen && !f.told {
		if out.target = c.assume(link, base, rows); out.target != nil {
			out.assumed = true
			return out, nil
		}
	}
	target, err := f.target.Get(ctx, link.Target)
	if err == nil {
		out.target = &target
		return out, nil
	}
	if !provider.IsKind(err, provider.NotFound) {
		return found{}, err
	}
	// It may have been merged into another one: that is looked for before anything is believed deleted.
	again, err := f.match(ctx, source, c.Keys(source, rows))
	if err != nil {
		return found{}, err
	}
	if again.identity.How == automation.NotFound && c.mindsDeletes() {
		out.targetGone = true
		return out, nil
	}
	if again.gone == nil {
		again.gone = &link
	}
	return again, nil
}

// mindsDeletes reports whether a vanished counterpart is a matter of policy. A plain one-way mirror makes it anew.
func (c *Compiled) mindsDeletes() bool {
	return c.TwoWay() || c.Def.Deletes.Policy != automation.DeleteNothing
}

// match looks the record up by each key. "None" comes from a Finder only, which has no index lag (I8).
func (f finder) match(ctx context.Context, source record.Record, keys []MatchValue) (found, error) {
	byKey, ok := f.target.(provider.Finder)
	if !ok || len(keys) == 0 {
		return found{identity: automation.Identity{How: automation.NotFound}}, nil
	}
	var hits []hit
	var unsupported error
	id := automation.Identity{How: automation.NotFound}
	for _, k := range keys {
		records, err := byKey.Find(ctx, f.compiled.Def.Target.Object, k.Field.Key, k.Value)
		if provider.IsKind(err, provider.Unsupported) {
			unsupported = err // this provider cannot look up by that field; another key may tell
			continue
		}
		if err != nil {
			return found{}, err
		}
		id.Evidence = append(id.Evidence, automation.Evidence{Field: k.Field.Label, Key: k.Field.Key, Value: k.Value, Found: len(records)})
		for _, r := range records {
			hits = addHit(hits, r, k.Field.Label)
		}
	}
	if len(id.Evidence) == 0 && unsupported != nil {
		return found{}, unsupported
	}
	if but := f.compiled.contradicted(hits, keys); but != "" {
		return found{identity: doubtful(id, hits[0], but)}, nil
	}
	return f.settled(ctx, source, id, hits)
}

// settled makes an identity of hits that no better key speaks against: that of one record, if it is nobody else's.
func (f finder) settled(ctx context.Context, source record.Record, id automation.Identity, hits []hit) (found, error) {
	var dead *automation.Link
	out, err := decide(id, hits, func(target record.Ref) (record.Ref, bool, error) {
		link, _, ok, err := f.links.FindLink(ctx, target, source.Ref.Connection, source.Ref.Type, f.compiled.ID)
		if err != nil || !ok || other(link, target) == source.Ref {
			return other(link, target), ok, err
		}
		alive, err := f.alive(ctx, other(link, target))
		if err == nil && !alive {
			dead = &link
		}
		return other(link, target), alive, err
	}, source.Ref)
	if out.target != nil {
		out.gone = dead
	}
	if err != nil || out.identity.How != automation.ByMatch {
		return out, err
	}
	return f.compiled.withoutRival(ctx, f.gateway, source, out)
}

// refusedFor judges the record a create was refused for as a match is judged: one that no match key points at, or that a
// better one speaks against, is for a person.
func (f finder) refusedFor(ctx context.Context, source, existing record.Record) (found, error) {
	keys := f.compiled.Keys(source, f.compiled.Map(source))
	h := hit{existing, f.compiled.agreeing(existing, keys)}
	id := automation.Identity{How: automation.NotFound}
	for _, k := range keys {
		n := 0
		if slices.Contains(h.by, k.Field.Label) {
			n = 1
		}
		id.Evidence = append(id.Evidence, automation.Evidence{Field: k.Field.Label, Key: k.Field.Key, Value: k.Value, Found: n})
	}
	but := f.compiled.contradicted([]hit{h}, keys)
	if len(h.by) == 0 {
		h.by = []string{"details, says the provider"}
		if but == "" {
			but = "none of what it is looked for by"
		}
	}
	if but != "" {
		return found{identity: doubtful(id, h, but)}, nil
	}
	return f.settled(ctx, source, id, []hit{h})
}

// agreeing are the labels of the keys a record has the value of.
func (c *Compiled) agreeing(r record.Record, keys []MatchValue) []string {
	var by []string
	for _, k := range keys {
		agrees := record.Same(k.Field.Kind, r.Fields[k.Field.Key], k.Value, c.locale) || c.isFurther(k.Field, r.Fields, k.Value)
		if agrees && !slices.Contains(by, k.Field.Label) {
			by = append(by, k.Field.Label)
		}
	}
	return by
}

// withoutRival makes a match doubtful when what was matched is somebody else's by another key: the phone is the source's,
// and the email is that of another source record.
func (c *Compiled) withoutRival(ctx context.Context, gateway Gateway, source record.Record, at found) (found, error) {
	keys := c.otherKeys(source, at)
	if len(keys) == 0 {
		return at, nil
	}
	client, err := gateway.Client(ctx, source.Ref.Connection)
	if err != nil {
		return at, err
	}
	byKey, ok := client.(provider.Finder)
	if !ok {
		return at, nil
	}
	for _, k := range keys {
		records, err := byKey.Find(ctx, source.Ref.Type, k.Field.Key, k.Value)
		if provider.IsKind(err, provider.Unsupported) {
			continue
		}
		if err != nil {
			return at, err
		}
		for _, r := range records {
			if r.Ref != source.Ref {
				return at.claimedBy(k, r.Title), nil
			}
		}
	}
	return at, nil
}

// claimedBy makes a match doubtful, since somebody else has a better claim to what was matched.
func (at found) claimedBy(k MatchValue, title string) found {
	id := at.identity
	id.How = automation.Doubtful
	why := "its " + strings.ToLower(k.Field.Label) + " is that of " + title
	id.Candidates = append(id.Candidates, automation.Candidate{Ref: at.target.Ref, Title: at.target.Title, Why: "same " + strings.ToLower(foundBy(id)) + ", but " + why, Taken: true})
	return found{identity: id}
}

// otherKeys are the match keys that the target has a value of and a match was not found by, so that it may be somebody
// else's: those above the ones it was found by, of which the source has none, and where records lead both ways, and each
// is looked for from both sides, those below too. What both have above was compared.
func (c *Compiled) otherKeys(source record.Record, at found) []MatchValue {
	var keys []MatchValue
	below := false
	for _, m := range c.Def.Match {
		there, known := c.Target.Field(m.Target)
		if !known {
			continue
		}
		if slices.ContainsFunc(at.identity.Evidence, func(e automation.Evidence) bool { return e.Found > 0 && e.Key == there.Key }) {
			if !c.TwoWay() {
				return keys
			}
			below = true
			continue
		}
		here, known := c.Source.Field(m.Source)
		if !known || !below && !source.Fields[m.Source].IsEmpty() {
			continue
		}
		v, err := record.Coerce(at.target.Fields[m.Target], here, c.locale)
		if err != nil || v.IsEmpty() || record.Same(here.Kind, v, source.Fields[m.Source], c.locale) {
			continue
		}
		keys = append(keys, MatchValue{Field: here, Value: v})
	}
	return keys
}

// foundBy names the keys something was found by.
func foundBy(id automation.Identity) string {
	var labels []string
	for _, e := range id.Evidence {
		if e.Found > 0 {
			labels = append(labels, e.Field)
		}
	}
	return strings.Join(labels, " and ")
}

// alive reports whether a record that claims a counterpart is still there: one that was deleted claims nothing.
func (f finder) alive(ctx context.Context, ref record.Ref) (bool, error) {
	client, err := f.gateway.Client(ctx, ref.Connection)
	if err != nil {
		return false, err
	}
	_, err = client.Get(ctx, ref)
	if provider.IsKind(err, provider.NotFound) {
		return false, nil
	}
	return true, err
}

// contradicted says which better match key speaks against a single hit: somebody with the same phone and
// another email may well be somebody else.
func (c *Compiled) contradicted(hits []hit, keys []MatchValue) string {
	if len(hits) != 1 {
		return ""
	}
	for _, k := range keys {
		if slices.Contains(hits[0].by, k.Field.Label) {
			return "" // found by this key, and no better one spoke against it
		}
		theirs := hits[0].record.Fields[k.Field.Key]
		if !theirs.IsEmpty() && !record.Same(k.Field.Kind, theirs, k.Value, c.locale) && !c.isFurther(k.Field, hits[0].record.Fields, k.Value) {
			return "another " + strings.ToLower(k.Field.Label)
		}
	}
	return ""
}

func doubtful(id automation.Identity, h hit, but string) automation.Identity {
	id.How = automation.Doubtful
	id.Candidates = append(id.Candidates, automation.Candidate{Ref: h.record.Ref, Title: h.record.Title, Why: "same " + by(h) + ", but " + but})
	return id
}

func by(h hit) string { return strings.ToLower(strings.Join(h.by, " and ")) }

type hit struct {
	record record.Record
	by     []string
}

func addHit(hits []hit, r record.Record, label string) []hit {
	for i := range hits {
		if hits[i].record.Ref == r.Ref {
			if !slices.Contains(hits[i].by, label) {
				hits[i].by = append(hits[i].by, label)
			}
			return hits
		}
	}
	return append(hits, hit{r, []string{label}})
}

// decide turns hits into an identity. Several records, or one that is already somebody else's counterpart,
// are for a person: never a guess.
func decide(id automation.Identity, hits []hit, linkedTo func(target record.Ref) (record.Ref, bool, error), source record.Ref) (found, error) {
	if len(hits) == 0 {
		return found{identity: id}, nil
	}
	if len(hits) > 1 {
		id.How = automation.Doubtful
		for _, h := range hits {
			id.Candidates = append(id.Candidates, automation.Candidate{
				Ref: h.record.Ref, Title: h.record.Title, Why: "same " + by(h),
			})
		}
		return found{identity: id}, nil
	}
	only := hits[0]
	owner, taken, err := linkedTo(only.record.Ref)
	if err != nil {
		return found{}, err
	}
	if taken && owner != source {
		id = doubtful(id, only, "already linked with another record")
		id.Candidates[0].Taken = true
		return found{identity: id}, nil
	}
	id.How = automation.ByMatch
	return found{identity: id, target: &only.record}, nil
}

func other(l automation.Link, one record.Ref) record.Ref {
	if l.Source == one {
		return l.Target
	}
	return l.Source
}
