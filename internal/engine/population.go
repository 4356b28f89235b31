package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
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
	// Appless reports whether an account is connected without an app, which is what most webhooks are sent to; nil: none is.
	Appless  func(context.Context, record.ConnectionID) (bool, error)
	Versions Versions // for comparing with an earlier version
	Pairs    Pairs
	Inbox    Inbox // nil: nobody is told of what the daily comparison finds gone
	Owner    string
	// Scratch holds the population of the target while it is walked over; nil: memory does.
	Scratch func() (Scratch, error)
	// HoldChildren bounds how many children are kept in memory, Chunk how many keys are claimed, brought up to date and
	// written together, AtOnce how many records are written, or parents read, at the same time (one is done on the caller's
	// own goroutine), and RivalReads the better claims that are looked for one by one. 0 means the default of each.
	HoldChildren, Chunk, AtOnce, RivalReads int
	Wait                                    func(context.Context, time.Duration) error
}

const (
	// populationPage is how many records are asked for at once; clients ask for fewer where the provider allows fewer.
	populationPage  = 500
	populationChunk = 250
	// newsPage is how many changes are asked for at once: our own writes of the last minutes are among them.
	newsPage = 1000
	// current is how long what was listed counts as up to date. Writing a chunk under a rate limit takes longer.
	current = 10 * time.Second
	// populationLease covers a chunk under a tight rate limit.
	populationLease = 5 * time.Minute
	// lateDraft is how long what could not be written for the moment waits in a draft, where a run waits for nothing.
	lateDraft = 5 * time.Second
	// lateMargin is left of it for what is written after the last wait.
	lateMargin = time.Minute
	atOnce     = 4
	// directReads bounds how many records a listing does not show are looked at one by one: an empty or short listing
	// must not become thousands of calls, and never thousands of deletes.
	directReads = 50
	// rivalReads bounds the calls that look for somebody with a better claim one by one.
	rivalReads = 500
	// settling is how old a change must be before its webhook counts as one that never came.
	settling = 10 * time.Minute
)

// Run carries a population's next part out. It is safe to run again after a crash: showing begins anew, carrying out
// goes on where it was.
func (r *PopulationRunner) Run(ctx context.Context, id string) error {
	// Of two at once each would tell what became of items that the other wrote: one that was paused and goes on may still
	// have its first worker.
	release, ok, err := r.Populations.HoldPopulation(ctx, id)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("work on plan %s: %w", id, ErrHeld)
	}
	defer release()
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
	resumed := p.State == PopulationQueued
	p.State, p.Problem = PopulationRunning, ""
	if p.StartedAt.IsZero() {
		p.StartedAt = r.Reconciler.Now()
	}
	p.WentOnAt, p.WentOnDone = r.Reconciler.Now(), p.Done
	for {
		// A fill goes on by the version that was put live while it was at it, from where it was.
		if err = r.run(ctx, &p, resumed); !errors.Is(err, errOtherVersion) {
			break
		}
	}
	switch {
	case errors.Is(err, errHeld):
		p.State, p.Phase, p.Problem = PopulationPaused, "", heldWords
		return r.save(ctx, &p, nil)
	case errors.Is(err, errBraked):
		p.State, p.Phase, p.Problem = PopulationPaused, "", p.brakedWords()
		return r.save(ctx, &p, nil)
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
	rivals int       // better claims looked for so far
	looks  int       // how many of them one by one
	claims *claims   // what the source is known by; nil: not listed for it
	old    *Compiled // the version that is compared with; nil: none
	looked *lookouts
	linked int  // pairs that were linked when a fill began
	braked bool // a fill met a record that its share does not allow
	claim  *claim
	halt   *halt
	goesOn bool // it was begun, and broken off

	scratch  Scratch
	lineage  *lineage
	families *families // nil: the target is listed as a whole
	// came are the source records of this walk, by id; nil: what a complete listing does not show tells nothing.
	came *postings
	// undated sides do not tell what changed since a moment: what is to be written there is read right before.
	undatedSource, undatedTarget bool
}

// asPlanned is the automation as it is live, or, where a plan that writes nothing was asked for, as a version that waits to
// be live would make it: that is newer than the one that is.
func (r *PopulationRunner) asPlanned(ctx context.Context, a automation.Automation, p Population) (automation.Automation, error) {
	if p.Mode != ModeShow && p.Mode != ModeCompare || p.Version <= a.Version || r.Versions == nil {
		return a, nil
	}
	v, err := r.Versions.Version(ctx, a.ID, p.Version)
	if err != nil {
		return a, err
	}
	a.Version, a.Definition = v.Number, v.Definition
	return a, nil
}

func (r *PopulationRunner) run(ctx context.Context, p *Population, resumed bool) error {
	a, err := r.Reconciler.Automations.Automation(ctx, p.Automation)
	if err != nil {
		return err
	}
	if p.Mode == ModeApply && p.Version != a.Version {
		return otherVersion(*p, a)
	}
	if a, err = r.asPlanned(ctx, a, *p); err != nil {
		return err
	}
	p.Version = a.Version
	bounded := *r
	bounded.HoldChildren, bounded.Chunk, bounded.AtOnce = cmp.Or(r.HoldChildren, heldChildren), cmp.Or(r.Chunk, populationChunk), cmp.Or(r.AtOnce, atOnce)
	s := &sweep{PopulationRunner: &bounded, p: p, a: a, reads: &atomic.Int64{}, claim: &claim{}, halt: &halt{}, lineage: newLineage(), looks: cmp.Or(r.RivalReads, rivalReads)}
	priority := provider.Bulk
	if p.Of == DailyComparison {
		priority = provider.Audit // nobody waits for it
	}
	ctx = wanting(ctx, a.Definition)
	ctx = provider.WithRecorder(provider.WithPriority(ctx, priority), func(provider.Call) { s.reads.Add(1) })
	ctx = provider.WithPatience(ctx, s.wanted)
	if s.c, err = r.Reconciler.Definitions.Compile(ctx, a); err != nil {
		return err
	}
	if p.Of == Healing && (p.Mode == ModeShow || p.Mode == ModeApply) {
		healing := *s.c
		healing.heals = true
		s.c = &healing
	}
	if !s.agreed(resumed) {
		return errBraked
	}
	if err := s.countLinked(ctx); err != nil {
		return err
	}
	if p.Mode == ModeUndo || p.Mode == ModeTake {
		return s.undo(ctx)
	}
	if p.Mode == ModeCompare {
		if s.old, err = s.earlier(ctx); err != nil {
			return err
		}
		ctx = wanting(ctx, s.old.Def)
	}
	s.scratch = &heap{}
	if r.Scratch != nil {
		if s.scratch, err = r.Scratch(); err != nil {
			return err
		}
	}
	defer func() { _ = s.scratch.Close() }() // what is in it is of no use any more
	s.undatedSource = s.c.SourceObject.ByParent
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
	cursor := p.Cursor
	if s.goesOn = p.Mode.Applies() && p.Done > 0; p.Mode.Applies() {
		// The page under way, or all of it, is gone over again.
		if cursor == "" {
			p.Tally.Passed = 0
		}
		p.Done, p.WentOnDone = p.Tally.Passed, p.Tally.Passed
	}
	if s.c.mindsDeletes() {
		// Whoever looks at what is left on the other side in the end must have seen everybody: the list begins anew, and
		// passes over what is done.
		cursor, s.came = "", &postings{}
		p.Done, p.WentOnDone, p.Tally.Passed = 0, 0, 0
	}
	for page, err := range s.sources(ctx, source, cursor) {
		if err != nil {
			return err
		}
		p.Total = max(p.Total, page.Total)
		for _, r := range page.Records {
			s.undatedSource = s.undatedSource || r.UpdatedAt.IsZero()
			if s.came != nil {
				s.came.add(s.known.hash(r.Ref.ID), 0)
			}
		}
		for chunk := range slices.Chunk(page.Records, s.Chunk) {
			if err := s.chunk(ctx, chunk, false); err != nil {
				return err
			}
		}
		if p.Mode.Applies() {
			p.Cursor, p.Tally.Passed = page.Next, p.Done
			if err := r.save(ctx, p, nil); err != nil {
				return err
			}
		}
	}
	if p.Mode.Applies() {
		if err := s.unheardDeletes(ctx); err != nil {
			return err
		}
	}
	switch {
	case s.came == nil && (p.Mode != ModeShow || s.families != nil):
		return nil // nothing is ever done about what is left there, and what is listed by its parent only is not all seen
	case s.families == nil:
		return s.targetsLeft(ctx)
	}
	if err := s.pairsLeft(ctx); err != nil {
		return err
	}
	return s.strangers(ctx)
}

// tell says what the walk is doing.
func (s *sweep) tell(ctx context.Context, phase string) error {
	s.p.Phase, s.p.Reads = phase, int(s.reads.Load())
	return s.save(ctx, s.p, nil)
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
	if err := s.tellOfDeletes(ctx, ats); err != nil {
		return err
	}
	if err := s.tellOfBorrowed(ctx, plans); err != nil {
		return err
	}
	for i, plan := range plans {
		s.p.Counts[plan.Outcome]++
		s.p.Writes += writesOf(plan)
		plans[i].Matching, plans[i].Drift = s.p.Tally.count(plan, fromTarget)
		plans[i].KnownBy = s.c.knownBy(records[i], ats[i].target, plan, fromTarget)
	}
	s.p.Done += len(plans)
	s.p.Reads = int(s.reads.Load())
	return s.save(ctx, s.p, plans)
}
