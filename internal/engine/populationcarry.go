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
	refs := make([]record.Ref, len(records))
	for i, r := range records {
		refs[i] = r.Ref
	}
	shown, err := s.Populations.ItemsOf(ctx, s.p.ID, refs)
	if err != nil {
		return err
	}
	// Only what is to be written, and was not written before a crash, is claimed and brought up to date.
	records = slices.DeleteFunc(slices.Clone(records), func(r record.Record) bool {
		item, ok := shown[r.Ref]
		return ok && (item.State != "" || !toDo(item.Plan) && s.p.Mode != ModeFill)
	})
	s.p.Done += len(refs) - len(records)
	if len(records) == 0 {
		return s.save(ctx, s.p, nil)
	}
	keys := make([]Key, len(records))
	for i, r := range records {
		keys[i] = Key{s.a.ID, r.Ref}
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
		_, ours := claimed[Key{s.a.ID, r.Ref}]
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

// toDo reports whether carrying a plan out does anything: a question is put to a person by it.
func toDo(p automation.Plan) bool {
	return p.Writes() || p.Outcome == automation.Linked || p.Outcome == automation.Decide
}

// refresh brings the index and the records at hand up to date: it lists what changed on both sides since the last look,
// which is a call or two for a whole chunk.
func (s *sweep) refresh(ctx context.Context, records []record.Record, fromTarget bool) ([]record.Record, error) {
	since := s.looked.Add(-pollOverlap)
	s.looked = s.Reconciler.Now()
	news := map[record.Ref]record.Record{}
	for _, end := range []automation.Endpoint{s.c.Def.Target, s.c.Def.Source} {
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
		r = record.Record{Ref: at.link.Source, Title: r.Title}
	}
	res, err := x.apply(ctx, c, r, at, false)
	switch {
	case err == nil && res.State == automation.Succeeded:
		return ItemDone, x.run.ID
	case err == nil && x.run.Outcome == automation.Decide:
		return ItemAsked, x.run.ID
	}
	return ItemFailed, x.run.ID
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
