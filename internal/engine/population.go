package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// PopulationRunner plans for everyone, and carries out what was shown. It lists both sides in pages and looks
// counterparts up in memory, since a call for each record would take the day's quota. A live run looks each one up
// directly; here the listing is brought up to date right before anything is written (I8).
type PopulationRunner struct {
	Reconciler  *Reconciler
	Populations Populations
	Works       Works
	Deliveries  Deliveries // nil: nobody asks which webhooks never came
	Versions    Versions   // for comparing with an earlier version
	Owner       string
	Wait        func(context.Context, time.Duration) error
}

// Deliveries tells which records webhooks were received for.
type Deliveries interface {
	// LastTold is when the last webhook about each record came, for those that had one.
	LastTold(ctx context.Context, refs []record.Ref) (map[record.Ref]time.Time, error)
}

// Versions reads earlier definitions.
type Versions interface {
	Version(ctx context.Context, id automation.ID, n int) (automation.Version, error)
}

const (
	// populationPage is how many records are asked for at once; clients ask for fewer where the provider allows fewer.
	populationPage = 500
	// populationChunk is how many keys are claimed, brought up to date and written together.
	populationChunk = 200
	// populationLease covers a chunk under a tight rate limit.
	populationLease = 5 * time.Minute
	// writersAtOnce is how many records of a chunk are written at the same time.
	writersAtOnce = 4
	// directReads bounds how many records a listing does not show are looked at one by one: an empty or short listing
	// must not become thousands of calls, and never thousands of deletes.
	directReads = 50
	// settling is how old a change must be before its webhook counts as one that never came.
	settling = 10 * time.Minute
)

// Run carries a population's next part out. It is safe to run again after a crash: showing begins anew, carrying out
// goes on where it was.
func (r *PopulationRunner) Run(ctx context.Context, id string) error {
	p, err := r.Populations.Population(ctx, id)
	if err != nil {
		return err
	}
	if p.State != PopulationQueued && p.State != PopulationRunning {
		return nil
	}
	if !p.Mode.Applies() {
		if err := r.Populations.RestartPopulation(ctx, id); err != nil {
			return err
		}
		p.Done, p.Total, p.Reads, p.Writes, p.Missed, p.Cursor = 0, 0, 0, 0, 0, ""
		p.Counts, p.Tally = map[automation.Outcome]int{}, Tally{}
	}
	if p.Counts == nil {
		p.Counts = map[automation.Outcome]int{}
	}
	p.State, p.Problem = PopulationRunning, ""
	if p.StartedAt.IsZero() {
		p.StartedAt = r.Reconciler.Now()
	}
	err = r.run(ctx, &p)
	switch {
	case errors.Is(err, ErrConflict):
		return nil // stopped or paused by a person
	case err != nil && ctx.Err() != nil:
		return err // shut down: the job runs again
	case provider.IsKind(err, provider.RateLimited):
		p.Phase = "Waiting: the account's call limit is used up for the moment"
		return errors.Join(r.save(ctx, &p, nil), err)
	case err != nil:
		words := Explain(err, "account", func(f string) string { return f })
		p.State, p.Problem, p.FinishedAt = PopulationFailed, words.Title+". "+words.Detail, r.Reconciler.Now()
		return r.save(ctx, &p, nil)
	}
	p.State, p.Phase, p.FinishedAt = PopulationDone, "", r.Reconciler.Now()
	return r.save(ctx, &p, nil)
}

func (r *PopulationRunner) save(ctx context.Context, p *Population, items []automation.Plan) error {
	return r.Populations.SavePopulation(ctx, *p, items)
}

// sweep is one walk over both sides.
type sweep struct {
	*PopulationRunner
	p      *Population
	a      automation.Automation
	c      *Compiled
	known  *counterparts
	reads  *atomic.Int64
	direct int       // records looked at one by one so far
	old    *Compiled // the version that is compared with; nil: none
	looked time.Time
}

func (r *PopulationRunner) run(ctx context.Context, p *Population) error {
	a, err := r.Reconciler.Automations.Automation(ctx, p.Automation)
	if err != nil {
		return err
	}
	if p.Mode == ModeApply && p.Version != a.Version {
		return &provider.Error{Op: "apply a plan", Kind: provider.Invalid, Detail: fmt.Sprintf("the automation was changed since: the plan is of version %d, and it is at %d now", p.Version, a.Version)}
	}
	p.Version = a.Version
	s := &sweep{PopulationRunner: r, p: p, a: a, reads: &atomic.Int64{}}
	ctx = provider.WithRecorder(provider.WithPriority(ctx, provider.Bulk), func(provider.Call) { s.reads.Add(1) })
	if s.c, err = r.Reconciler.Definitions.Compile(ctx, a); err != nil {
		return err
	}
	if p.Mode == ModeUndo || p.Mode == ModeTake {
		return s.undo(ctx)
	}
	if p.Mode == ModeCompare {
		if s.old, err = s.earlier(ctx); err != nil {
			return err
		}
	}
	p.Phase = "Reading every " + s.c.Target.Label
	if err := r.save(ctx, p, nil); err != nil {
		return err
	}
	if err := s.index(ctx); err != nil {
		return err
	}
	source, err := r.Reconciler.Gateway.Client(ctx, s.c.Def.Source.Connection)
	if err != nil {
		return err
	}
	p.Phase = "Comparing every " + s.c.Source.Label
	if p.Mode.Applies() {
		p.Phase = "Carrying out what was shown"
	}
	q := provider.Query{Type: s.c.Def.Source.Object, PageSize: populationPage}
	if !s.c.mindsDeletes() {
		// Going on where it was. Whoever looks at what is left on the other side in the end must have seen everybody: then
		// the list begins anew, and passes over what is done.
		q.Cursor = p.Cursor
	}
	for page, err := range patiently(ctx, source, q, r.Wait) {
		if err != nil {
			return err
		}
		p.Total = max(p.Total, page.Total)
		for chunk := range slices.Chunk(page.Records, populationChunk) {
			if err := s.chunk(ctx, chunk, false); err != nil {
				return err
			}
		}
		if p.Mode.Applies() {
			p.Cursor = page.Next
			if err := r.save(ctx, p, nil); err != nil {
				return err
			}
		}
	}
	if !s.c.mindsDeletes() {
		return nil
	}
	return s.targetsLeft(ctx)
}

// chunk plans for some records of one side and shows the plans, or carries them out.
func (s *sweep) chunk(ctx context.Context, records []record.Record, fromTarget bool) error {
	if s.p.Mode.Applies() {
		return s.carry(ctx, records, fromTarget)
	}
	plans, ats, err := s.plan(ctx, records, fromTarget)
	if err != nil {
		return err
	}
	if s.old != nil {
		return s.compare(ctx, records, plans, ats, fromTarget)
	}
	if err := s.missed(ctx, records, plans); err != nil {
		return err
	}
	for i, plan := range plans {
		s.p.Counts[plan.Outcome]++
		s.p.Writes += writesOf(plan)
		plans[i].Matching = s.p.Tally.count(plan, fromTarget)
	}
	s.p.Done += len(plans)
	s.p.Reads = int(s.reads.Load())
	return s.save(ctx, s.p, plans)
}

// earlier compiles the version that is compared with.
func (s *sweep) earlier(ctx context.Context) (*Compiled, error) {
	refuse := func(why string) error {
		return &provider.Error{Op: "compare versions", Kind: provider.Invalid, Detail: why}
	}
	n, err := strconv.Atoi(s.p.Of)
	if err != nil || s.Versions == nil {
		return nil, refuse("it does not say which version to compare with")
	}
	v, err := s.Versions.Version(ctx, s.a.ID, n)
	if errors.Is(err, ErrNotFound) {
		return nil, refuse(fmt.Sprintf("there is no version %d", n))
	}
	if err != nil {
		return nil, err
	}
	if v.Definition.Source != s.a.Definition.Source || v.Definition.Target != s.a.Definition.Target {
		return nil, refuse(fmt.Sprintf("version %d was about other accounts or objects", n))
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
		was := s.old.Plan(Input{Source: r, Target: ats[i].target, Link: ats[i].link, Base: ats[i].base, Identity: ats[i].identity, TargetGone: ats[i].targetGone, Parent: plans[i].Parent})
		if fromTarget {
			then, _, err := before.planOneBack(ctx, r, map[record.Ref]LinkBase{})
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

// missed counts records that differ although their provider should have told us long ago.
func (s *sweep) missed(ctx context.Context, records []record.Record, plans []automation.Plan) error {
	if s.Deliveries == nil || !s.c.SourceObject.Webhook {
		return nil
	}
	now := s.Reconciler.Now()
	late := map[record.Ref]time.Time{}
	for i, p := range plans {
		at := records[i].UpdatedAt
		if p.Outcome == automation.Update && p.Source == records[i].Ref && len(p.On(automation.TargetSide)) > 0 && !at.IsZero() && now.Sub(at) > settling {
			late[p.Source] = at
		}
	}
	if len(late) == 0 {
		return nil
	}
	told, err := s.Deliveries.LastTold(ctx, slices.Collect(maps.Keys(late)))
	if err != nil {
		return err
	}
	for i := range plans {
		if at, ok := late[plans[i].Source]; ok && told[plans[i].Source].Before(at) {
			plans[i].Missed = true
			s.p.Missed++
		}
	}
	return nil
}

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
	s.known = &counterparts{byID: map[string]record.Record{}, byKey: map[string][]string{}, taken: map[string]record.Ref{}, met: map[string]bool{}, planned: map[string]string{}, sources: map[string][]automation.Candidate{}, old: s.old}
	target, err := s.Reconciler.Gateway.Client(ctx, s.c.Def.Target.Connection)
	if err != nil {
		return err
	}
	s.looked = s.Reconciler.Now()
	for page, err := range patiently(ctx, target, provider.Query{Type: s.c.Def.Target.Object, PageSize: populationPage}, s.Wait) {
		if err != nil {
			return err
		}
		for _, r := range page.Records {
			s.known.add(s.c, r)
		}
		s.p.Reads = int(s.reads.Load())
		s.p.Phase = fmt.Sprintf("Reading every %s: %d so far", s.c.Target.Label, len(s.known.byID))
		if err := s.save(ctx, s.p, nil); err != nil {
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

// plan plans for records of one side, in their order, with what each needs to be carried out.
func (s *sweep) plan(ctx context.Context, records []record.Record, fromTarget bool) ([]automation.Plan, []found, error) {
	if fromTarget {
		return s.planBack(ctx, records)
	}
	refs := make([]record.Ref, len(records))
	for i, r := range records {
		refs[i] = r.Ref
	}
	end := s.c.Def.Target
	links, err := s.Reconciler.Links.LinksOf(ctx, refs, end.Connection, end.Object, s.c.ID)
	if err != nil {
		return nil, nil, err
	}
	// One query tells which of these records' possible counterparts belong to somebody else already.
	if err := s.owners(ctx, records); err != nil {
		return nil, nil, err
	}
	plans, ats := make([]automation.Plan, 0, len(records)), make([]found, 0, len(records))
	for _, r := range records {
		plan, at, err := s.planOne(ctx, r, links)
		if err != nil {
			return nil, nil, err
		}
		s.known.note(s.c, r, plan)
		if s.c.TwoWay() {
			s.known.seen(s.c, r)
		}
		plans, ats = append(plans, plan), append(ats, at)
	}
	return plans, ats, nil
}

func (s *sweep) planOne(ctx context.Context, r record.Record, links map[record.Ref]LinkBase) (automation.Plan, found, error) {
	var at found
	if lb, ok := links[r.Ref]; ok {
		at = found{identity: automation.Identity{How: automation.ByLink}, link: &lb.Link, base: &lb.Base}
		if t, ok := s.known.byID[lb.Link.Target.ID]; ok {
			at.target = &t
		} else if !lb.Link.Severed && s.c.Judge(r).Passed {
			missing, err := s.notListed(ctx, r, &at)
			if err != nil || missing != nil {
				return orZero(missing), at, err
			}
		}
	}
	if at.link == nil && s.c.Judge(r).Passed {
		gone := at.gone
		match, err := s.known.match(s.c, r)
		if err != nil {
			return automation.Plan{}, at, err
		}
		at = match
		at.gone = gone
	}
	in := Input{Source: r, Target: at.target, Link: at.link, Base: at.base, Identity: at.identity, TargetGone: at.targetGone}
	if at.target == nil && at.identity.How == automation.NotFound {
		parent, waits, err := s.execution(r.Ref).parentOf(ctx, s.c, r)
		if err != nil {
			return automation.Plan{}, at, err
		}
		in.Parent, in.ParentMissing = parent, waits
	}
	return s.c.Plan(in), at, nil
}

func orZero(p *automation.Plan) automation.Plan {
	if p == nil {
		return automation.Plan{}
	}
	return *p
}

// notListed looks directly at a linked counterpart the listing does not show, for a listing proves nothing (I8). Of
// too many of them nothing is believed at all.
func (s *sweep) notListed(ctx context.Context, r record.Record, at *found) (*automation.Plan, error) {
	if s.direct++; s.direct > directReads {
		p := automation.Plan{Automation: s.c.ID, Version: s.c.Version, Source: r.Ref, SourceTitle: r.Title, Target: at.link.Target, Identity: at.identity, Verdict: s.c.Judge(r)}
		p = settle(p, automation.Blocked, "not_listed", "Its counterpart is missing from the listing, as many are. A listing that falls short is not believed; nothing is done about it here.")
		return &p, nil
	}
	client, err := s.Reconciler.Gateway.Client(ctx, at.link.Target.Connection)
	if err != nil {
		return nil, err
	}
	target, err := client.Get(ctx, at.link.Target)
	switch {
	case err == nil:
		at.target = &target
	case !provider.IsKind(err, provider.NotFound):
		return nil, err
	case s.c.mindsDeletes():
		at.targetGone = true
	default:
		at.gone, at.link, at.base = at.link, nil, nil
	}
	return nil, nil
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

func (k *counterparts) note(c *Compiled, r record.Record, p automation.Plan) {
	if !p.Target.IsZero() {
		k.met[p.Target.ID] = true
	}
	for _, candidate := range p.Identity.Candidates {
		k.met[candidate.Ref.ID] = true
	}
	switch {
	case p.Outcome == automation.Create:
		for _, key := range c.Keys(r, c.Map(r)) {
			k.planned[key.Field.Key+"\x00"+c.Normal(key.Field, key.Value)] = p.SourceTitle
		}
	case p.Identity.How == automation.ByMatch && !p.Target.IsZero():
		k.taken[p.Target.ID] = r.Ref
	}
}

// targetsLeft goes through the target records that were nobody's counterpart.
func (s *sweep) targetsLeft(ctx context.Context) error {
	var left []record.Record
	for _, id := range slices.Sorted(maps.Keys(s.known.byID)) {
		if !s.known.met[id] {
			left = append(left, s.known.byID[id])
		}
	}
	s.p.Total = max(s.p.Total, s.p.Done+len(left))
	for chunk := range slices.Chunk(left, populationChunk) {
		if err := s.chunk(ctx, chunk, true); err != nil {
			return err
		}
	}
	return nil
}

// planBack plans for target records that are left: each is new to the source, lost its counterpart, or is passed by.
func (s *sweep) planBack(ctx context.Context, records []record.Record) ([]automation.Plan, []found, error) {
	refs := make([]record.Ref, len(records))
	for i, r := range records {
		refs[i] = r.Ref
	}
	from := s.c.Def.Source
	links, err := s.Reconciler.Links.LinksOf(ctx, refs, from.Connection, from.Object, s.c.ID)
	if err != nil {
		return nil, nil, err
	}
	plans, ats := make([]automation.Plan, 0, len(records)), make([]found, 0, len(records))
	for _, r := range records {
		plan, at, err := s.planOneBack(ctx, r, links)
		if err != nil {
			return nil, nil, err
		}
		plans, ats = append(plans, plan), append(ats, at)
	}
	return plans, ats, nil
}

func (s *sweep) planOneBack(ctx context.Context, t record.Record, links map[record.Ref]LinkBase) (automation.Plan, found, error) {
	blank := automation.Plan{Automation: s.c.ID, Version: s.c.Version, Source: t.Ref, SourceTitle: t.Title, Identity: automation.Identity{How: automation.NotLooked}}
	lb, linked := links[t.Ref]
	switch {
	case linked && lb.Link.Severed:
		return settle(blank, automation.Skip, "severed", "Its counterpart was deleted, and the two go separate ways since."), found{}, nil
	case linked:
		return s.sourceNotListed(ctx, t, lb, blank)
	case !s.c.TwoWay():
		return settle(blank, automation.Skip, "only_there", "There is no "+s.c.Source.Label+" for it, and nothing leads from here to there."), found{}, nil
	}
	wouldBe := record.Record{Ref: record.Ref{Connection: s.c.Def.Source.Connection, Type: s.c.Def.Source.Object}, Title: t.Title, Fields: asRecord(s.c.MapBack(t))}
	if v := s.c.Judge(wouldBe); !v.Passed {
		blank.Verdict = v
		return settle(blank, automation.Skip, "rule", "The rule let it pass by: "+v.Why()), found{}, nil
	}
	at := found{identity: s.known.claims(s.c, t)}
	in := Input{Source: t, Identity: at.identity}
	parent, waits, err := s.execution(t.Ref).parentOf(ctx, s.c.flipped, t)
	in.Parent, in.ParentMissing = parent, waits
	plan := s.c.flipped.Plan(in)
	if plan.Outcome == automation.Create {
		for _, key := range s.c.KeysBack(t) {
			s.known.planned["<"+key.Field.Key+"\x00"+s.c.Normal(key.Field, key.Value)] = t.Title
		}
	}
	return plan, at, err
}

// sourceNotListed is about a linked record whose source was not in the listing.
func (s *sweep) sourceNotListed(ctx context.Context, t record.Record, lb LinkBase, blank automation.Plan) (automation.Plan, found, error) {
	blank.Target = lb.Link.Target
	if s.direct++; s.direct > directReads {
		return settle(blank, automation.Blocked, "not_listed", "Its counterpart is missing from the listing, as many are. A listing that falls short is not believed; nothing is done about it here."), found{}, nil
	}
	client, err := s.Reconciler.Gateway.Client(ctx, lb.Link.Target.Connection)
	if err != nil {
		return blank, found{}, err
	}
	source, err := client.Get(ctx, lb.Link.Target)
	link := lb.Link
	link.Source, link.Target = lb.Link.Target, lb.Link.Source
	at := found{identity: automation.Identity{How: automation.ByLink}, link: &link, base: &lb.Base, target: &t}
	in := Input{Source: source, Target: &t, Link: at.link, Base: at.base, Identity: at.identity}
	if provider.IsKind(err, provider.NotFound) {
		at.sourceGone, in.SourceGone = true, true
		in.Source = record.Record{Ref: link.Source, Title: t.Title}
	} else if err != nil {
		return blank, found{}, err
	}
	return s.c.Plan(in), at, nil
}

// execution is a run for one record of the walk.
func (s *sweep) execution(source record.Ref) *execution {
	kind := automation.Backfill
	name := s.p.ID
	switch s.p.Mode {
	case ModeTake:
		kind = automation.Undo
	case ModeFill:
		name = "" // nobody has seen it before
	}
	return s.Reconciler.begin(s.a, Work{
		Automation: s.a.ID, Source: source,
		Event: automation.Event{ID: s.Reconciler.NewID("ev"), Kind: kind, Ref: source, Name: name, ReceivedAt: s.Reconciler.Now()},
	})
}

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
