package engine

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

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
	shown, err := s.shown(ctx, records, keyOf, fromTarget)
	if err != nil {
		return err
	}
	total, again := len(records), 0
	// Only what is to be written, and was not written before a crash, is claimed and brought up to date.
	var unmet error
	records = slices.DeleteFunc(slices.Clone(records), func(r record.Record) bool {
		item, ok := shown[r.Ref]
		done := ok && (item.State != "" || !toDo(item.Plan) && s.p.Mode != ModeFill)
		if pair := keyOf(r.Ref).Source; done && pair != r.Ref && (s.came == nil || s.came.has(s.known.hash(pair.ID))) {
			again++ // made in an earlier part of this walk: its source has been counted
		}
		if done {
			unmet = errors.Join(unmet, s.known.meet(item.Plan))
			if s.c.TwoWay() && !fromTarget {
				unmet = errors.Join(unmet, s.known.seen(s.c, r))
			}
		}
		return done
	})
	if unmet != nil {
		return unmet
	}
	s.p.Done += total - again - len(records)
	s.p.Total = max(s.p.Total-again, s.p.Done)
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
	defer s.claim.hold(s, slices.Collect(maps.Values(claimed)), populationLease)(ctx)
	var results []ItemResult
	var busy []record.Record
	records = slices.DeleteFunc(records, func(r record.Record) bool {
		_, ours := claimed[keyOf(r.Ref)]
		if !ours {
			busy = append(busy, r)
			results = append(results, ItemResult{Position: shown[r.Ref].Position, State: ItemLive, Run: shown[r.Ref].Run})
		}
		return !ours
	})
	if err := s.leaveToLive(ctx, busy, keyOf, fromTarget); err != nil {
		return err
	}
	if records, err = s.refresh(ctx, records, fromTarget); err != nil {
		return err
	}
	done, err := s.writeAll(ctx, records, shown, fromTarget)
	if err == nil {
		done, err = s.writeLate(ctx, records, done, shown, keyOf, fromTarget)
	}
	if err != nil {
		return err
	}
	results = append(results, done...)
	if s.p.Done += len(keys); s.halted() != nil {
		s.p.Done -= len(keys) - len(results) // the rest has not been gone through
	}
	for _, res := range results {
		if res.State == ItemDone && (res.Plan == nil || toDo(*res.Plan)) {
			s.p.Written++
		}
	}
	s.p.Reads = int(s.reads.Load())
	if !s.braked {
		return cmp.Or(s.Populations.SaveResults(ctx, *s.p, results), s.halted())
	}
	// The automation first: what is stored of a fill that was stopped must not be taken for one that was let go on.
	if err := s.brake(ctx); err != nil {
		return err
	}
	if err := s.Populations.SaveResults(ctx, *s.p, results); err != nil {
		return err
	}
	return errBraked
}

// writeLate writes what the call limit, or an outage, held up: a plan may take as long as it takes, and in a draft there is
// no live work that would do it later. What still waits when the claim is about to end is left to that, or has failed.
func (s *sweep) writeLate(ctx context.Context, records []record.Record, done []ItemResult, shown map[record.Ref]PlanItem, keyOf func(record.Ref) Key, fromTarget bool) ([]ItemResult, error) {
	left := populationLease - lateMargin
	for {
		late, pause := map[record.Ref]bool{}, time.Duration(0)
		for _, r := range done {
			if r.again > 0 {
				late[r.of], pause = true, max(pause, r.again)
			}
		}
		if left -= pause; len(late) == 0 || left < 0 || s.stopped(ctx) {
			break
		}
		if err := s.Wait(ctx, pause); err != nil {
			return nil, err
		}
		done = slices.DeleteFunc(done, func(r ItemResult) bool {
			if !late[r.of] {
				return false
			}
			item := shown[r.of]
			if item.Position, item.Run = r.Position, r.Run; r.Plan != nil {
				item.Plan = *r.Plan
			}
			shown[r.of] = item
			return true
		})
		some := slices.DeleteFunc(slices.Clone(records), func(r record.Record) bool { return !late[r.Ref] })
		some, err := s.refresh(ctx, some, fromTarget)
		if err != nil {
			return nil, err
		}
		more, err := s.writeAll(ctx, some, shown, fromTarget)
		if err != nil {
			return nil, err
		}
		done = append(done, more...)
	}
	if s.stopped(ctx) {
		// What was refused is as good as not begun: whoever lets the plan go on writes it then.
		done = slices.DeleteFunc(done, func(r ItemResult) bool { return r.again > 0 })
	}
	for i, r := range done {
		if r.again > 0 && s.a.State != automation.Draft {
			if err := s.toLive(ctx, keyOf(r.of)); err != nil {
				return nil, err
			}
			done[i].State = ItemLive
		}
	}
	return done, nil
}

// leaveToLive leaves records to whoever is at them. They are planned for all the same, or their counterparts would count
// as nobody's later in the walk; and they become due, for who is at them may be another plan, or dead.
func (s *sweep) leaveToLive(ctx context.Context, records []record.Record, keyOf func(record.Ref) Key, fromTarget bool) error {
	if len(records) == 0 {
		return nil
	}
	if _, _, err := s.plan(ctx, records, fromTarget); err != nil {
		return err
	}
	for _, r := range records {
		if err := s.toLive(ctx, keyOf(r.Ref)); err != nil {
			return err
		}
	}
	return nil
}

// toLive makes a key due for live work, unless the automation is off.
func (s *sweep) toLive(ctx context.Context, key Key) error {
	if s.a.State == automation.Draft {
		return nil
	}
	return s.Reconciler.Routing.Wake(ctx, key, s.execution(key.Source).work.Event)
}

// claim is what is claimed for the part of a plan under way.
type claim struct {
	mu    sync.Mutex
	ids   []WorkID
	lease time.Duration
	since time.Time
}

// hold notes what was claimed a moment ago; release gives it back.
func (c *claim) hold(s *sweep, ids []WorkID, lease time.Duration) (release func(context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids, c.lease, c.since = ids, lease, s.Reconciler.Now()
	return func(ctx context.Context) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ids = nil
		// What cannot be released is due again when its lease ends.
		_ = s.Works.ReleaseKeys(context.WithoutCancel(ctx), ids, s.Owner)
	}
}

// keep lets the lease begin anew before it ends: a part takes as long as the call limit lets it.
func (c *claim) keep(ctx context.Context, s *sweep) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := s.Reconciler.Now()
	if len(c.ids) == 0 || now.Sub(c.since) < c.lease/4 {
		return
	}
	if s.Works.KeepKeys(ctx, c.ids, s.Owner, c.lease) == nil { // or it is tried again in a moment
		c.since = now
	}
}

// wanted reports that the plan goes on, and keeps what is claimed for it meanwhile.
func (s *sweep) wanted(ctx context.Context) bool {
	s.claim.keep(ctx, s)
	return !s.stopped(ctx)
}

// shown are the items of some records. A pair's is kept under its source, if it was known to be one.
func (s *sweep) shown(ctx context.Context, records []record.Record, keyOf func(record.Ref) Key, fromTarget bool) (map[record.Ref]PlanItem, error) {
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
	if fromTarget || !s.goesOn {
		return items, nil
	}
	return items, s.shownAsTargets(ctx, refs, items)
}

// shownAsTargets adds the items of records that this very plan has made before it was broken off: each is kept under the
// target record it was made from.
func (s *sweep) shownAsTargets(ctx context.Context, refs []record.Ref, items map[record.Ref]PlanItem) error {
	links, err := s.Reconciler.Links.LinksOf(ctx, refs, s.c.Def.Target.Connection, s.c.Def.Target.Object, s.a.ID)
	if err != nil {
		return err
	}
	var targets []record.Ref
	for _, ref := range refs {
		if lb, linked := links[ref]; linked && items[ref].Position == 0 {
			targets = append(targets, lb.Link.Target)
		}
	}
	made, err := s.Populations.ItemsOf(ctx, s.p.ID, targets)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if item, ok := made[links[ref].Link.Target]; ok && items[ref].Position == 0 {
			items[ref] = item
		}
	}
	return nil
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
// which is a few calls for a whole chunk. A side that cannot tell is looked at right before it is written (lookAgain).
func (s *sweep) refresh(ctx context.Context, records []record.Record, fromTarget bool) ([]record.Record, error) {
	borrows := map[automation.Endpoint]bool{
		s.c.Def.Target: len(s.c.TargetObject.Borrows(s.c.Def.Reads(automation.TargetSide))) > 0,
	}
	borrows[s.c.Def.Source] = borrows[s.c.Def.Source] || len(s.c.SourceObject.Borrows(s.c.Def.Reads(automation.SourceSide))) > 0
	// What a listing told of borrowed fields may have been as old as the overlap allows, so it is always brought up to date.
	now, before := s.Reconciler.Now(), int(s.reads.Load())
	if !s.looked.due(now, len(records)) && !borrows[s.c.Def.Source] && !borrows[s.c.Def.Target] {
		return records, nil
	}
	// Most of the news are our own writes of the last minutes, and only those of the records at hand are kept.
	news := make(map[record.Ref]*record.Record, len(records))
	for _, r := range records {
		news[r.Ref] = nil
	}
	var dated []automation.Side
	if !s.undatedTarget {
		dated = append(dated, automation.TargetSide)
	}
	if !s.undatedSource {
		dated = append(dated, automation.SourceSide)
	}
	for _, side := range dated {
		end, lookout := s.c.Def.Target, s.looked.at[side]
		if side == automation.SourceSide {
			end = s.c.Def.Source
		}
		since := lookout.since(now)
		client, err := s.Reconciler.Gateway.Client(ctx, end.Connection)
		if err != nil {
			return nil, err
		}
		for page, err := range patiently(ctx, client, provider.Query{Type: end.Object, ChangedSince: since, PageSize: newsPage}, s.Wait) {
			if err != nil {
				return nil, err
			}
			for _, r := range page.Records {
				// What a record borrows changes without its own time of change.
				if !borrows[end] && !r.UpdatedAt.IsZero() && r.UpdatedAt.Before(since) {
					continue
				}
				lookout.shows(r)
				if _, asked := news[r.Ref]; asked {
					news[r.Ref] = &r
				}
				if side == automation.TargetSide {
					if err := s.known.add(s.c, r); err != nil {
						return nil, err
					}
					continue
				}
				if s.claims != nil {
					s.claims.add(s.c, r)
				}
				// Who was entered since the walk came by may be whom a target record is looking for.
				if s.c.TwoWay() && s.came != nil && !s.came.has(s.known.hash(r.Ref.ID)) {
					s.came.add(s.known.hash(r.Ref.ID), 0)
					if err := s.known.seen(s.c, r); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	s.looked.done(now, int(s.reads.Load())-before)
	out := make([]record.Record, len(records))
	for i, r := range records {
		out[i] = r
		if fresh := news[r.Ref]; fresh != nil {
			out[i] = *fresh
			if fromTarget {
				out[i] = s.c.slim(*fresh, nil)
			}
		}
	}
	return out, nil
}

// writeAll plans once more with what is known now and writes what still comes to what was shown.
func (s *sweep) writeAll(ctx context.Context, records []record.Record, shown map[record.Ref]PlanItem, fromTarget bool) ([]ItemResult, error) {
	plans, ats, err := s.plan(ctx, records, fromTarget)
	if err == nil && !fromTarget {
		records, plans, ats, err = s.lookAgain(ctx, records, plans, ats)
	}
	if err != nil {
		return nil, err
	}
	results := make([]ItemResult, len(records))
	var due []int
	for i := range records {
		item, was := shown[records[i].Ref]
		results[i] = ItemResult{Position: item.Position, State: ItemMoved, Run: item.Run, of: records[i].Ref}
		before, err := s.begun(ctx, item)
		if err != nil {
			return nil, err
		}
		if s.p.Mode == ModeFill && before == notBegun {
			if !was && !s.mayRewrite(plans[i], ats[i]) {
				results[i].State, s.braked = "", true
				continue
			}
			if !was {
				s.p.Counts[plans[i].Outcome]++
				s.p.Writes += writesOf(plans[i])
			}
			plans[i].Matching, plans[i].Drift = MatchingOf(plans[i], fromTarget), DriftOf(plans[i], fromTarget)
			plans[i].KnownBy = s.c.knownBy(records[i], ats[i].target, plans[i], fromTarget)
			if !was {
				s.p.Tally.count(plans[i], fromTarget)
			}
			results[i].Plan, item.Plan, was = &plans[i], plans[i], true
		}
		switch {
		case before != notBegun:
			if before == ended && !toDo(plans[i]) {
				results[i].State = ItemDone
				continue
			}
			due = append(due, i)
			continue
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
			if was && plans[i].Outcome == automation.Decide {
				break // whoever carried the plan out is asked at once; nothing is written
			}
			if was && s.live(plans[i]) {
				if err := s.toLive(ctx, s.pairKey(records[i].Ref, ats[i], fromTarget)); err != nil {
					return nil, err
				}
				results[i].State = ItemLive
			}
			continue
		}
		due = append(due, i)
	}
	if err := s.begin(ctx, records, results, due); err != nil {
		return nil, err
	}
	s.each(len(due), func(n int) {
		i := due[n]
		if !s.wanted(ctx) {
			results[i].State = ""
			return
		}
		var only *automation.Plan
		if item, was := shown[records[i].Ref]; was && s.p.Mode == ModeApply {
			only = &item.Plan
		}
		s.write(ctx, records[i], ats[i], fromTarget, only, &results[i])
	})
	return slices.DeleteFunc(results, func(r ItemResult) bool { return r.State == "" }), ctx.Err()
}

// live reports that what became of a record meanwhile is a matter of live work: it waits, or looks closer than a listing
// allows. Of what a listing falls short of nothing is believed, and there may be thousands of it.
func (s *sweep) live(p automation.Plan) bool {
	return s.a.State != automation.Draft && (p.Outcome == automation.Blocked && p.Code != codeNotListed || p.Code == codeGoneSince)
}

// pairKey is the key of a record of the walk, as it was found.
func (s *sweep) pairKey(r record.Ref, at found, fromTarget bool) Key {
	if fromTarget && at.link != nil {
		r = at.link.Source
	}
	return Key{s.a.ID, r}
}

// How far an item of a plan had come when it was begun before.
type begun int

const (
	notBegun begun = iota
	open           // a write of it has no answer
	ended          // what it wrote was answered
)

// begun tells what became of an item that was begun before a crash or a pause: its run was stored before it wrote.
func (s *sweep) begun(ctx context.Context, item PlanItem) (begun, error) {
	if item.Run == "" {
		return notBegun, nil
	}
	changes, err := s.Populations.ChangesToUndo(ctx, "run:"+item.Run, "", undoPage)
	how := notBegun
	for _, ch := range changes {
		switch ch.State {
		case automation.Intended, automation.Unclear:
			return open, err
		case automation.Done:
			how = ended
		}
	}
	return how, err
}

// begin stores the runs that will write some items before they do: after a crash nothing else tells what the plan has
// written, and an undo of it must know.
func (s *sweep) begin(ctx context.Context, records []record.Record, results []ItemResult, due []int) error {
	var starts []ItemResult
	var fresh []record.Ref
	for _, i := range due {
		if results[i].Run != "" {
			continue
		}
		results[i].Run = s.Reconciler.NewID("rn")
		starts = append(starts, ItemResult{Position: results[i].Position, Run: results[i].Run, Plan: results[i].Plan})
		if results[i].Position == 0 {
			fresh = append(fresh, records[i].Ref)
		}
	}
	if len(starts) == 0 {
		return nil
	}
	if err := s.Populations.SaveResults(ctx, *s.p, starts); err != nil || len(fresh) == 0 {
		return err
	}
	items, err := s.Populations.ItemsOf(ctx, s.p.ID, fresh)
	for _, i := range due {
		if item, ok := items[records[i].Ref]; ok {
			results[i].Position = item.Position
		}
	}
	return err
}

// behind tells of which records the listing shows an older state than events have told of, or may not show yet what the two
// of a pair have agreed on a moment ago: an index may lag by seconds, and nobody tells of our own writes where webhooks are
// lost. What was there before them would go back over what they carried.
func (s *sweep) behind(ctx context.Context, records []record.Record, plans []automation.Plan, ats []found) (map[record.Ref]bool, error) {
	listed, out := map[record.Ref]time.Time{}, map[record.Ref]bool{}
	lately := s.looked.last.Add(-pollOverlap)
	for i, p := range plans {
		if !toDo(p) {
			continue
		}
		listed[records[i].Ref], out[records[i].Ref] = records[i].UpdatedAt, p.AgreedAt.After(lately)
		if t := ats[i].target; t != nil {
			listed[t.Ref], out[t.Ref] = t.UpdatedAt, p.AgreedAt.After(lately)
		}
	}
	if s.Inbox == nil || len(listed) == 0 {
		return out, nil
	}
	heard, err := s.Inbox.Heard(ctx, slices.Collect(maps.Keys(listed)))
	for ref, at := range heard {
		out[ref] = out[ref] || !listed[ref].IsZero() && at.After(listed[ref])
	}
	return out, err
}

// lookAgain reads what is about to be changed, where the listing is behind and on the sides that do not tell what changed
// since a moment, and plans for it once more. A record that is only to be made is not there to be read.
func (s *sweep) lookAgain(ctx context.Context, records []record.Record, plans []automation.Plan, ats []found) ([]record.Record, []automation.Plan, []found, error) {
	behind, err := s.behind(ctx, records, plans, ats)
	if err != nil {
		return nil, nil, nil, err
	}
	source := func(i int) bool { return s.undatedSource || behind[records[i].Ref] }
	target := func(i int) bool {
		return ats[i].target != nil && (s.undatedTarget || behind[ats[i].target.Ref])
	}
	var looks []int
	for i := range plans {
		if toDo(plans[i]) && (source(i) || target(i)) {
			looks = append(looks, i)
		}
	}
	if len(looks) == 0 {
		return records, plans, ats, nil
	}
	sources, targets := make([]look, len(looks)), make([]look, len(looks))
	s.each(len(looks), func(n int) {
		i := looks[n]
		if source(i) {
			sources[n] = s.look(ctx, records[i].Ref)
		}
		if target(i) {
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
			plans[i] = settle(plans[i], automation.Skip, codeGoneSince, "The "+s.c.Source.Label+" is gone since it was listed.")
			continue
		case sources[n].read != nil:
			records[i] = *sources[n].read
		}
		var err error
		if t := targets[n]; t.gone {
			err = s.known.forget(s.c, ats[i].target.Ref.ID)
		} else if t.read != nil {
			err = s.known.add(s.c, *t.read)
		}
		if err != nil {
			return nil, nil, nil, err
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

// write carries one record's plan out as a run of its own: no more than was shown, where something was.
func (s *sweep) write(ctx context.Context, r record.Record, at found, fromTarget bool, shown *automation.Plan, res *ItemResult) {
	x := s.execution(r.Ref)
	x.run.ID, x.run.Title, x.shown, x.once, x.wrote = res.Run, r.Title, shown, s.a.State == automation.Draft, s.wrote
	res.State, res.again = s.written(ctx, x, r, at, fromTarget)
	if (res.State == ItemMoved || res.State == ItemAsked) && x.moved != nil {
		res.Plan = x.moved
	}
}

// wrote tells the lookout of the side what was just written there.
func (s *sweep) wrote(before *record.Record, answer record.Record, at time.Time) {
	var was time.Time
	if before != nil {
		was = before.UpdatedAt
	}
	s.looked.at[s.c.side(answer.Ref)].wrote(was, answer, at)
}

func (s *sweep) written(ctx context.Context, x *execution, r record.Record, at found, fromTarget bool) (state ItemState, again time.Duration) {
	ctx = provider.WithRecorder(ctx, func(c provider.Call) { s.reads.Add(1); x.record(c) })
	c := s.c
	switch {
	case fromTarget && at.link == nil:
		c = s.c.flipped
	case fromTarget:
		x.work.Source, x.run.Source = at.link.Source, at.link.Source
		r = *at.source
	}
	res, err := x.guarded(ctx, func() (Result, error) { return s.attempt(ctx, x, c, r, at) })
	switch {
	case err != nil:
		return ItemFailed, 0
	case x.arrivedHere() && res.State == automation.Succeeded:
		return ItemDone, 0
	case x.run.Code == codeMoved, x.run.Outcome == automation.Linked && at.identity.How == automation.NotFound:
		return ItemMoved, 0 // or was to be made, and turned out to be there
	case res.State == automation.Succeeded:
		return ItemDone, 0
	case x.run.Outcome == automation.Decide:
		return ItemAsked, 0
	case res.State == automation.Waiting && x.run.Code == provider.RateLimited.String():
		return ItemFailed, max(res.RetryAt.Sub(s.Reconciler.Now()), time.Second)
	case x.once && slices.Contains([]string{provider.RateLimited.String(), provider.Unavailable.String(), provider.Ambiguous.String()}, x.run.Code):
		return ItemFailed, lateDraft
	case res.State != automation.Waiting:
		return ItemFailed, 0
	}
	// What could not be written for the moment is tried again as live work is.
	if s.toLive(ctx, Key{s.a.ID, x.work.Source}) == nil {
		return ItemLive, 0
	}
	return ItemFailed, 0
}

// arrivedHere reports that what this very run wrote without an answer has arrived: what another one wrote is none of the
// plan's doing.
func (x *execution) arrivedHere() bool {
	return slices.ContainsFunc(x.recovered, func(ch automation.Change) bool { return ch.Run == x.run.ID && ch.State == automation.Done })
}

// within reports that a plan writes nothing that was not shown: the same, or what is left of it after a crash.
func within(p, shown automation.Plan) bool {
	if p.Outcome != shown.Outcome || p.Target != shown.Target || p.Parent != shown.Parent {
		return false
	}
	for _, f := range p.Fields {
		if f.Action != automation.Set && f.Action != automation.AddTo {
			continue
		}
		if !slices.ContainsFunc(shown.Fields, func(s automation.FieldPlan) bool {
			return s.Side == f.Side && s.Field == f.Field && s.Action == f.Action && s.Before.String() == f.Before.String() &&
				s.After.String() == f.After.String() && slices.Equal(s.Add, f.Add) && slices.Equal(s.Remove, f.Remove)
		}) {
			return false
		}
	}
	return true
}

// attempt applies a plan. Where an earlier attempt was never answered, it is looked up first (I3), as live work does.
func (s *sweep) attempt(ctx context.Context, x *execution, c *Compiled, r record.Record, at found) (Result, error) {
	open, err := x.Journal.OpenChanges(ctx, x.a.ID, x.work.Source)
	switch {
	case err != nil:
		return Result{}, err
	case len(open) == 0:
		return x.apply(ctx, c, r, at, false)
	case !at.sourceGone && slices.ContainsFunc(open, func(ch automation.Change) bool { return ch.Target == r.Ref }):
		// A listing may be behind, and what was asked for would be written twice.
		now := s.look(ctx, r.Ref)
		if now.err != nil {
			return x.fail(ctx, now.err, c.Source.Label)
		}
		if now.read != nil {
			r = *now.read
		}
		at.sourceGone = now.gone && c.turned == nil
	}
	switch {
	case at.sourceGone:
		sources, err := x.Gateway.Client(ctx, c.Def.Source.Connection)
		if err != nil {
			return x.fail(ctx, err, c.Source.Label)
		}
		return x.sourceGone(ctx, c, sources, at.parentGone)
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
