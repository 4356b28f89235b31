package engine

import (
	"context"
	"maps"
	"slices"
	"sync"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// carry carries out what was shown for some records. What looks otherwise by now is not written: it is shown anew.
func (s *sweep) carry(ctx context.Context, records []record.Record, fromTarget bool) error {
	keyOf, err := s.keysOf(ctx, records, fromTarget)
	if err != nil {
		return err
	}
	shown, err := s.shown(ctx, records, keyOf)
	if err != nil {
		return err
	}
	total := len(records)
	// Only what is to be written, and was not written before a crash, is claimed and brought up to date.
	records = slices.DeleteFunc(slices.Clone(records), func(r record.Record) bool {
		item, ok := shown[r.Ref]
		done := ok && (item.State != "" || !toDo(item.Plan) && s.p.Mode != ModeFill)
		if done {
			s.known.meet(item.Plan)
		}
		return done
	})
	s.p.Done += total - len(records)
	if len(records) == 0 {
		return s.save(ctx, s.p, nil)
	}
	keys := make([]Key, len(records))
	for i, r := range records {
		keys[i] = keyOf(r.Ref)
	}
	claimed, err := s.Works.ClaimKeys(ctx, keys, s.Owner, populationLease)
	if err != nil {
		return err
	}
	ids := slices.Collect(maps.Values(claimed))
	defer func() {
		// What cannot be released is due again when its lease ends.
		_ = s.Works.ReleaseKeys(context.WithoutCancel(ctx), ids, s.Owner)
	}()
	var results []ItemResult
	records = slices.DeleteFunc(records, func(r record.Record) bool {
		_, ours := claimed[keyOf(r.Ref)]
		if !ours {
			results = append(results, ItemResult{Position: shown[r.Ref].Position, State: ItemLive})
		}
		return !ours
	})
	if records, err = s.refresh(ctx, records, fromTarget); err != nil {
		return err
	}
	done, err := s.writeAll(ctx, records, shown, fromTarget)
	if err != nil {
		return err
	}
	results = append(results, done...)
	s.p.Done += len(keys)
	for _, res := range results {
		if res.State == ItemDone && (res.Plan == nil || toDo(*res.Plan)) {
			s.p.Written++
		}
	}
	s.p.Reads = int(s.reads.Load())
	return s.Populations.SaveResults(ctx, *s.p, results)
}

// shown are the items of some records. A pair's is kept under its source, if it was known to be one.
func (s *sweep) shown(ctx context.Context, records []record.Record, keyOf func(record.Ref) Key) (map[record.Ref]PlanItem, error) {
	refs := make([]record.Ref, 0, len(records))
	for _, r := range records {
		refs = append(refs, r.Ref)
		if pair := keyOf(r.Ref).Source; pair != r.Ref {
			refs = append(refs, pair)
		}
	}
	items, err := s.Populations.ItemsOf(ctx, s.p.ID, refs)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if item, ok := items[keyOf(r.Ref).Source]; ok {
			items[r.Ref] = item
		}
	}
	return items, nil
}

// keysOf tells the key of each record: that of a pair is its source (I5).
func (s *sweep) keysOf(ctx context.Context, records []record.Record, fromTarget bool) (func(record.Ref) Key, error) {
	links := map[record.Ref]LinkBase{}
	if fromTarget {
		refs := make([]record.Ref, len(records))
		for i, r := range records {
			refs[i] = r.Ref
		}
		var err error
		if links, err = s.Reconciler.Links.LinksOf(ctx, refs, s.c.Def.Source.Connection, s.c.Def.Source.Object, s.c.ID); err != nil {
			return nil, err
		}
	}
	return func(r record.Ref) Key {
		if lb, linked := links[r]; linked {
			r = lb.Link.Target
		}
		return Key{s.a.ID, r}
	}, nil
}

// toDo reports whether carrying a plan out does anything: a question is put to a person by it, a link is cut.
func toDo(p automation.Plan) bool {
	return p.Writes() || p.Sever || p.Outcome == automation.Linked || p.Outcome == automation.Decide
}

// refresh brings the index and the records at hand up to date: it lists what changed on both sides since the last look,
// which is a call or two for a whole chunk. A side that cannot tell is looked at right before it is written (lookAgain).
func (s *sweep) refresh(ctx context.Context, records []record.Record, fromTarget bool) ([]record.Record, error) {
	since := s.looked.Add(-pollOverlap)
	s.looked = s.Reconciler.Now()
	news := map[record.Ref]record.Record{}
	var dated []automation.Endpoint
	if !s.undatedTarget {
		dated = append(dated, s.c.Def.Target)
	}
	if !s.undatedSource {
		dated = append(dated, s.c.Def.Source)
	}
	for _, end := range dated {
		client, err := s.Reconciler.Gateway.Client(ctx, end.Connection)
		if err != nil {
			return nil, err
		}
		for page, err := range patiently(ctx, client, provider.Query{Type: end.Object, ChangedSince: since, PageSize: populationPage}, s.Wait) {
			if err != nil {
				return nil, err
			}
			for _, r := range page.Records {
				if !r.UpdatedAt.IsZero() && r.UpdatedAt.Before(since) {
					continue
				}
				news[r.Ref] = r
				if end.Connection == s.c.Def.Target.Connection && end.Object == s.c.Def.Target.Object {
					s.known.add(s.c, r)
				}
			}
		}
	}
	out := make([]record.Record, len(records))
	for i, r := range records {
		out[i] = r
		if fresh, ok := news[r.Ref]; ok {
			out[i] = fresh
			if fromTarget {
				out[i] = s.c.slim(fresh, nil)
			}
		}
	}
	return out, nil
}

// writeAll plans once more with what is known now and writes what still comes to what was shown.
func (s *sweep) writeAll(ctx context.Context, records []record.Record, shown map[record.Ref]PlanItem, fromTarget bool) ([]ItemResult, error) {
	plans, ats, err := s.plan(ctx, records, fromTarget)
	if err == nil && !fromTarget && (s.undatedSource || s.undatedTarget) {
		records, plans, ats, err = s.lookAgain(ctx, records, plans, ats)
	}
	if err != nil {
		return nil, err
	}
	results := make([]ItemResult, len(records))
	var writers sync.WaitGroup
	slots := make(chan struct{}, writersAtOnce)
	for i := range records {
		item, was := shown[records[i].Ref]
		results[i] = ItemResult{Position: item.Position, State: ItemMoved}
		if s.p.Mode == ModeFill {
			s.p.Counts[plans[i].Outcome]++
			s.p.Writes += writesOf(plans[i])
			plans[i].Matching = s.p.Tally.count(plans[i], fromTarget)
			results[i].Plan, item.Plan, was = &plans[i], plans[i], true
		}
		switch {
		case s.p.Mode == ModeFill && !toDo(plans[i]):
			results[i].State = ItemDone
			if plans[i].Code == codeNoParent && s.a.State == automation.On {
				// Everyone was asked for, so it goes on waiting as live work does.
				x := s.execution(records[i].Ref)
				if err := s.Reconciler.Routing.Wake(ctx, Key{s.a.ID, records[i].Ref}, x.work.Event); err != nil {
					return nil, err
				}
			}
			continue
		case !was && !toDo(plans[i]):
			results[i].State = ""
			continue
		case !was || Fingerprint(plans[i]) != Fingerprint(item.Plan):
			results[i].Plan = &plans[i]
			continue
		}
		slots <- struct{}{}
		writers.Go(func() {
			defer func() { <-slots }()
			results[i].State, results[i].Run = s.write(ctx, records[i], ats[i], fromTarget)
		})
	}
	writers.Wait()
	return slices.DeleteFunc(results, func(r ItemResult) bool { return r.State == "" }), ctx.Err()
}

// lookAgain reads what is about to be changed, on the sides that do not tell what changed since a moment, and plans for
// it once more. A record that is only to be made is not there to be read.
func (s *sweep) lookAgain(ctx context.Context, records []record.Record, plans []automation.Plan, ats []found) ([]record.Record, []automation.Plan, []found, error) {
	var looks []int
	for i := range plans {
		if toDo(plans[i]) && (ats[i].target != nil || s.undatedSource) {
			looks = append(looks, i)
		}
	}
	if len(looks) == 0 {
		return records, plans, ats, nil
	}
	sources, targets := make([]look, len(looks)), make([]look, len(looks))
	inParallel(len(looks), func(n int) {
		i := looks[n]
		if s.undatedSource {
			sources[n] = s.look(ctx, records[i].Ref)
		}
		if s.undatedTarget && ats[i].target != nil {
			targets[n] = s.look(ctx, ats[i].target.Ref)
		}
	})
	var some []record.Record
	for n, i := range looks {
		switch {
		case sources[n].err != nil:
			return nil, nil, nil, sources[n].err
		case targets[n].err != nil:
			return nil, nil, nil, targets[n].err
		case sources[n].gone:
			// It is live work's, when somebody notices; here it is only not written.
			plans[i] = settle(plans[i], automation.Skip, "source_gone", "The "+s.c.Source.Label+" is gone since it was listed.")
			continue
		case sources[n].read != nil:
			records[i] = *sources[n].read
		}
		if t := targets[n]; t.gone {
			s.known.forget(s.c, ats[i].target.Ref.ID)
		} else if t.read != nil {
			s.known.add(s.c, *t.read)
		}
		some = append(some, records[i])
	}
	again, at, err := s.plan(ctx, some, false)
	if err != nil {
		return nil, nil, nil, err
	}
	byRef := make(map[record.Ref]int, len(some))
	for n := range some {
		byRef[some[n].Ref] = n
	}
	for i := range records {
		if n, ok := byRef[records[i].Ref]; ok {
			plans[i], ats[i] = again[n], at[n]
		}
	}
	return records, plans, ats, nil
}

// look is what a direct read told.
type look struct {
	read *record.Record
	gone bool
	err  error
}

func (s *sweep) look(ctx context.Context, ref record.Ref) look {
	client, err := s.Reconciler.Gateway.Client(ctx, ref.Connection)
	if err != nil {
		return look{err: err}
	}
	r, err := client.Get(ctx, ref)
	switch {
	case provider.IsKind(err, provider.NotFound):
		return look{gone: true}
	case err != nil:
		return look{err: err}
	}
	return look{read: &r}
}

// write carries one record's plan out as a run of its own.
func (s *sweep) write(ctx context.Context, r record.Record, at found, fromTarget bool) (ItemState, string) {
	x := s.execution(r.Ref)
	x.run.Title = r.Title
	ctx = provider.WithRecorder(ctx, func(c provider.Call) { s.reads.Add(1); x.record(c) })
	c := s.c
	switch {
	case fromTarget && at.link == nil:
		c = s.c.flipped
	case fromTarget:
		x.work.Source, x.run.Source = at.link.Source, at.link.Source
		r = *at.source
	}
	res, err := x.attempt(ctx, c, r, at)
	switch {
	case err == nil && res.State == automation.Succeeded:
		return ItemDone, x.run.ID
	case err == nil && x.run.Outcome == automation.Decide:
		return ItemAsked, x.run.ID
	}
	return ItemFailed, x.run.ID
}

// attempt applies a plan. Where an earlier attempt was never answered, it is looked up first (I3), as live work does.
func (x *execution) attempt(ctx context.Context, c *Compiled, r record.Record, at found) (Result, error) {
	open, err := x.Journal.OpenChanges(ctx, x.a.ID, x.work.Source)
	switch {
	case err != nil:
		return Result{}, err
	case len(open) == 0:
		return x.apply(ctx, c, r, at, false)
	case at.sourceGone:
		if err := x.recover(ctx, c); err != nil {
			return Result{}, err
		}
		return x.apply(ctx, c, r, at, false)
	case c.turned != nil:
		return x.fromTarget(ctx, c.turned)
	}
	return x.carry(ctx, c, r)
}

// writesOf is how many calls carrying a plan out takes at most: sets are changed by calls of their own.
func writesOf(p automation.Plan) int {
	if !p.Writes() {
		return 0
	}
	if p.Outcome != automation.Update {
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
