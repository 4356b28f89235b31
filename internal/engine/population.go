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
	Versions    Versions   // for comparing with an earlier version
	Pairs       Pairs
	Inbox       Inbox // nil: nobody is told of what the daily comparison finds gone
	Owner       string
	// HoldChildren bounds how many children are kept in memory; 0 means the default.
	HoldChildren int
	Wait         func(context.Context, time.Duration) error
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
	// rivalReads bounds the calls that look for somebody with a better claim.
	rivalReads = 500
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
	rivals int       // better claims looked for so far
	old    *Compiled // the version that is compared with; nil: none
	looked time.Time

	lineage  *lineage
	families *families // nil: the target is listed as a whole
	holds    int
	// came are the source records of this walk, by id; nil: what a complete listing does not show tells nothing.
	came map[string]struct{}
	// undated sides do not tell what changed since a moment: what is to be written there is read right before.
	undatedSource, undatedTarget bool
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
	s := &sweep{PopulationRunner: r, p: p, a: a, reads: &atomic.Int64{}, lineage: newLineage(), holds: cmp.Or(r.HoldChildren, heldChildren)}
	priority := provider.Bulk
	if p.Of == DailyComparison {
		priority = provider.Audit // nobody waits for it
	}
	ctx = provider.WithRecorder(provider.WithPriority(ctx, priority), func(provider.Call) { s.reads.Add(1) })
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
	if s.c.mindsDeletes() {
		// Whoever looks at what is left on the other side in the end must have seen everybody: the list begins anew, and
		// passes over what is done.
		cursor, s.came = "", map[string]struct{}{}
	}
	for page, err := range s.sources(ctx, source, cursor) {
		if err != nil {
			return err
		}
		p.Total = max(p.Total, page.Total)
		for _, r := range page.Records {
			s.undatedSource = s.undatedSource || r.UpdatedAt.IsZero()
			if s.came != nil {
				s.came[r.Ref.ID] = struct{}{}
			}
		}
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
	switch {
	case s.came == nil:
		return nil
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
	for i, plan := range plans {
		s.p.Counts[plan.Outcome]++
		s.p.Writes += writesOf(plan)
		plans[i].Matching = s.p.Tally.count(plan, fromTarget)
	}
	s.p.Done += len(plans)
	s.p.Reads = int(s.reads.Load())
	return s.save(ctx, s.p, plans)
}
