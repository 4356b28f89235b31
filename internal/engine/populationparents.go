package engine

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

const (
	// heldChildren bounds how many children of the target are kept in memory. Those of the parents that came by longest
	// ago give way, and are read once more should they be needed.
	heldChildren = 20_000
)

// parentage is what a record's counterpart lives under.
type parentage struct {
	parent record.Ref
	waits  bool       // it needs a parent, and there is none yet
	awaits record.Ref // whose link it waits for; zero: it belongs to none
}

// lineage remembers what lives under what, so that nobody is asked twice.
type lineage struct {
	above  map[record.Ref]record.Ref // the zero value: nothing, or it is gone
	asked  map[record.ObjectType]int // looked at one by one so far
	listed map[record.ObjectType]bool
}

func newLineage() *lineage {
	return &lineage{above: map[record.Ref]record.Ref{}, asked: map[record.ObjectType]int{}, listed: map[record.ObjectType]bool{}}
}

// parentages finds what the counterparts of some records live under, as parentOf does for one: a query for all of them,
// and no record in between is looked at twice.
func (s *sweep) parentages(ctx context.Context, c *Compiled, records []record.Record) (map[record.Ref]parentage, error) {
	want := c.TargetObject.Parent
	if want == "" || len(records) == 0 {
		return nil, nil
	}
	out := make(map[record.Ref]parentage, len(records))
	at := make(map[record.Ref]record.Ref, len(records)) // record → the ancestor that is looked at
	for _, r := range records {
		out[r.Ref] = parentage{waits: c.TargetObject.ParentRequired}
		if !r.Parent.IsZero() {
			at[r.Ref] = r.Parent
		}
	}
	for range 3 { // no provider nests deeper
		ancestors := distinct(at)
		if len(ancestors) == 0 {
			break
		}
		links, err := s.Reconciler.Links.LinksOf(ctx, ancestors, c.Def.Target.Connection, want, s.c.ID)
		if err != nil {
			return nil, err
		}
		var open []record.Ref
		for _, a := range ancestors {
			if lb, ok := links[a]; !ok || lb.Link.Severed {
				open = append(open, a)
			}
		}
		if err := s.climb(ctx, c.Def.Source, open); err != nil {
			return nil, err
		}
		for r, a := range at {
			if lb, ok := links[a]; ok && !lb.Link.Severed {
				out[r] = parentage{parent: lb.Link.Target}
				delete(at, r)
				continue
			}
			if a.Type == want {
				out[r] = parentage{waits: true, awaits: a}
			}
			if above := s.lineage.above[a]; above.IsZero() {
				delete(at, r)
			} else {
				at[r] = above
			}
		}
	}
	return out, nil
}

// distinct is in order, so that the same walk makes the same calls.
func distinct(of map[record.Ref]record.Ref) []record.Ref {
	out := slices.SortedFunc(maps.Values(of), func(a, b record.Ref) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(out)
}

// climb learns what records live under. A few are looked at one by one; for more than that, all of their type are listed
// once, which costs a call for a page.
func (s *sweep) climb(ctx context.Context, end automation.Endpoint, refs []record.Ref) error {
	var client provider.Client
	for i, ref := range refs {
		if _, known := s.lineage.above[ref]; known {
			continue
		}
		object, ok := s.Reconciler.Definitions.Descriptors[end.Provider].Object(ref.Type)
		if ok && object.Parent == "" {
			s.lineage.above[ref] = record.Ref{}
			continue
		}
		if client == nil {
			var err error
			if client, err = s.Reconciler.Gateway.Client(ctx, end.Connection); err != nil {
				return err
			}
		}
		if !s.lineage.listed[ref.Type] && !object.ByParent && s.lineage.asked[ref.Type]+len(refs)-i > directReads {
			s.lineage.listed[ref.Type] = true
			if err := s.listLineage(ctx, client, object); err != nil {
				return err
			}
			if _, known := s.lineage.above[ref]; known {
				continue
			}
		}
		s.lineage.asked[ref.Type]++
		r, err := client.Get(ctx, ref)
		if err != nil && !provider.IsKind(err, provider.NotFound) {
			return err
		}
		s.lineage.above[ref] = r.Parent
	}
	return nil
}

func (s *sweep) listLineage(ctx context.Context, client provider.Client, object provider.Object) error {
	if err := s.tell(ctx, "Reading which "+string(object.Parent)+" every "+object.Label+" belongs to"); err != nil {
		return err
	}
	for page, err := range patiently(ctx, client, provider.Query{Type: object.Type, PageSize: populationPage}, s.Wait) {
		if err != nil {
			return err
		}
		for _, r := range page.Records {
			s.lineage.above[r.Ref] = r.Parent
		}
		if err := s.tell(ctx, s.p.Phase); err != nil {
			return err
		}
	}
	return nil
}

// families are the target's children, where they are listed by their parent only. A parent's are read, all at once, when
// the first record comes by whose counterpart lives there.
type families struct {
	of   map[record.Ref]*family
	used int // counts up: who came by last
	held int // children in memory
}

// family is what lives under one parent.
type family struct {
	children []record.Ref
	held     bool // in memory
	gone     bool // the parent is not there any more
	used     int
}

// readFamilies makes sure that the children of some parents are in the index.
func (s *sweep) readFamilies(ctx context.Context, parents []record.Ref) error {
	f := s.families
	f.used++
	var missing []record.Ref
	for _, p := range parents {
		if p.IsZero() {
			continue
		}
		if known, ok := f.of[p]; ok {
			known.used = f.used
			if known.held || known.gone {
				continue
			}
		}
		if !slices.Contains(missing, p) {
			missing = append(missing, p)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	client, err := s.Reconciler.Gateway.Client(ctx, s.c.Def.Target.Connection)
	if err != nil {
		return err
	}
	read, err := s.childrenOf(ctx, client, s.c.Def.Target.Object, missing)
	if err != nil {
		return err
	}
	for i, p := range missing {
		now := &family{held: !read[i].gone, gone: read[i].gone, used: f.used}
		for _, r := range read[i].records {
			if err := s.known.add(s.c, r); err != nil {
				return err
			}
			now.children = append(now.children, r.Ref)
		}
		f.of[p] = now
		f.held += len(now.children)
	}
	if err := s.shed(); err != nil {
		return err
	}
	if s.p.Mode.Applies() {
		return nil // the phase says what is carried out
	}
	return s.tell(ctx, "Comparing every "+s.c.Source.Label+"; read the "+s.c.TargetObject.Plural+" of "+count(len(f.of), string(s.c.TargetObject.Parent), string(s.c.TargetObject.Parent)+"s")+" so far")
}

// shed forgets children until few enough are held. Those of the parents at hand stay.
func (s *sweep) shed() error {
	f := s.families
	if f.held <= s.HoldChildren {
		return nil
	}
	var old []*family
	for _, one := range f.of {
		if one.held && one.used != f.used {
			old = append(old, one)
		}
	}
	slices.SortFunc(old, func(a, b *family) int { return a.used - b.used })
	for _, one := range old {
		// Half is given up at once, so that it is not done for every chunk.
		if f.held <= s.HoldChildren/2 {
			return nil
		}
		for _, child := range one.children {
			if err := s.known.forget(s.c, child.ID); err != nil {
				return err
			}
		}
		one.held = false
		f.held -= len(one.children)
	}
	return nil
}

// strangers goes through the children that were nobody's counterpart, parent by parent.
func (s *sweep) strangers(ctx context.Context) error {
	var parents []record.Ref
	for p, f := range s.families.of {
		for _, child := range f.children {
			met, err := s.known.wasMet(child.ID)
			if err != nil {
				return err
			}
			if !met {
				parents = append(parents, p)
				break
			}
		}
	}
	slices.SortFunc(parents, func(a, b record.Ref) int { return strings.Compare(a.String(), b.String()) })
	for some := range slices.Chunk(parents, s.Chunk) {
		if err := s.readFamilies(ctx, some); err != nil {
			return err
		}
		var left []record.Record
		for _, p := range some {
			for _, child := range s.families.of[p].children {
				n, r, held, err := s.known.find(child.ID)
				if err != nil {
					return err
				}
				if held && !s.known.places[n].met {
					left = append(left, r)
				}
			}
		}
		for chunk := range slices.Chunk(left, s.Chunk) {
			if err := s.chunk(ctx, chunk, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// brood is what was read under a parent.
type brood struct {
	records []record.Record
	gone    bool // the parent is not there
	err     error
}

// childrenOf reads the children of some parents, several at a time.
func (s *sweep) childrenOf(ctx context.Context, client provider.Client, t record.ObjectType, parents []record.Ref) ([]brood, error) {
	byParent, ok := client.(provider.Children)
	if !ok {
		return nil, &provider.Error{Op: "list " + string(t), Kind: provider.Unsupported, Detail: "they can neither be listed as a whole nor by the record they live under"}
	}
	out := make([]brood, len(parents))
	s.each(len(parents), func(i int) {
		b := &out[i]
		b.records, b.err = patientChildren(ctx, byParent, t, parents[i], s.Wait)
		if provider.IsKind(b.err, provider.NotFound) {
			b.records, b.gone, b.err = nil, true, nil
		}
	})
	for _, b := range out {
		if b.err != nil {
			return nil, b.err
		}
	}
	return out, nil
}

// each does something for each of n, a few at a time.
func (s *sweep) each(n int, do func(i int)) {
	if s.AtOnce == 1 {
		for i := range n {
			do(i)
		}
		return
	}
	var busy sync.WaitGroup
	slots := make(chan struct{}, s.AtOnce)
	for i := range n {
		slots <- struct{}{}
		busy.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	busy.Wait()
}

// patientChildren lists what lives under a parent; it waits for the call limit and through a passing outage, as
// patiently does.
func patientChildren(ctx context.Context, client provider.Children, t record.ObjectType, parent record.Ref, wait func(context.Context, time.Duration) error) ([]record.Record, error) {
	for stumbles := 0; ; stumbles++ {
		records, err := client.Children(ctx, t, parent)
		if err == nil || ctx.Err() != nil {
			return records, err
		}
		pause, worth := pauseFor(err, stumbles)
		if !worth {
			return nil, err
		}
		if err := wait(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// sources lists the whole source in pages. Where it is listed by its parent only, its parents are listed, and read are
// those whose children could have a counterpart: the others wait for a link anyhow.
func (s *sweep) sources(ctx context.Context, client provider.Client, cursor string) iter.Seq2[provider.Page, error] {
	q := provider.Query{Type: s.c.Def.Source.Object, PageSize: populationPage, Cursor: cursor}
	if !s.c.SourceObject.ByParent {
		return patiently(ctx, client, q, s.Wait)
	}
	q.Type = s.c.SourceObject.Parent
	return func(yield func(provider.Page, error) bool) {
		for page, err := range patiently(ctx, client, q, s.Wait) {
			if err == nil {
				page, err = s.under(ctx, client, page)
			}
			if !yield(page, err) || err != nil {
				return
			}
		}
	}
}

// under is a page of parents turned into one of their children.
func (s *sweep) under(ctx context.Context, client provider.Client, page provider.Page) (provider.Page, error) {
	asks := make([]record.Record, len(page.Records))
	for i, p := range page.Records {
		s.lineage.above[p.Ref] = p.Parent
		asks[i] = record.Record{Ref: p.Ref, Parent: p.Ref}
	}
	kin, err := s.parentages(ctx, s.c, asks)
	if err != nil {
		return provider.Page{}, err
	}
	var parents []record.Ref
	for _, p := range page.Records {
		if !kin[p.Ref].waits {
			parents = append(parents, p.Ref)
		}
	}
	out := provider.Page{Next: page.Next}
	read, err := s.childrenOf(ctx, client, s.c.Def.Source.Object, parents)
	for _, b := range read {
		out.Records = append(out.Records, b.records...)
	}
	return out, err
}

// withItsParent is the guard of the live path for a walk: what went along with its parent, or moved with it, was deleted
// by nobody.
func (s *sweep) withItsParent(ctx context.Context, source record.Record, at *found) error {
	if !s.c.guardsParents() {
		return nil
	}
	kin, err := s.parentages(ctx, s.c, []record.Record{source})
	if err != nil {
		return err
	}
	k := kin[source.Ref]
	if k.waits {
		at.parentGone = true
		return nil
	}
	client, err := s.Reconciler.Gateway.Client(ctx, s.c.Def.Target.Connection)
	if err != nil {
		return err
	}
	if _, ok := client.(provider.Children); !ok {
		return nil
	}
	read, err := s.childrenOf(ctx, client, s.c.Def.Target.Object, []record.Ref{k.parent})
	if err != nil {
		return err
	}
	if at.parentGone = read[0].gone; at.parentGone {
		return nil
	}
	return s.execution(source.Ref).takeMoved(ctx, s.c, read[0].records, at)
}
