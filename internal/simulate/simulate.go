package simulate

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Options choose the seeds.
type Options struct {
	Start   int // the first seed
	Seeds   int // how many
	Workers int // at once; 0 is one per core
	// Scenario keeps to one scenario by name; empty lets the seed choose.
	Scenario string
	// Store keeps the data of every world; empty lets the seed choose, which seldom takes SQLite.
	Store Store
	// Story is told what happens, one line at a time and one world after the other; nil is silent.
	Story func(line string)
	// Broken breaks the engine on purpose, for the auditor's own test.
	Broken Mutation

	// hurried people also edit the very record a worker has just read.
	hurried bool
}

// Result is what became of one seed's world, and what the auditor found wrong.
type Result struct {
	Seed        uint64
	Scenario    string
	Store       Store
	Findings    []Finding
	Edits       int // made by people
	Writes      int // made by us, and taken by a twin
	Calls       int // to the twins
	Crashes     int
	Renewals    int // of the access to HighLevel
	Connects    int // by people
	Uninstalls  int // by people
	Brakes      int // pulled
	Plans       int // for everyone, that somebody asked for
	Carried     int // items of them that were carried out
	Listed      int // records that were taken from the listing that told of them
	Undone      int // of those, what took a write back
	Deliveries  int // webhooks sent
	Lost        int // of those, never stored
	Runs        int
	VirtualTime time.Duration
	Trace       []string // of One, or of a seed with findings when there is a Story
}

// Summary adds results up. Failed counts the seeds with findings.
type Summary struct {
	Seeds, Failed                                         int
	Edits, Writes, Calls, Crashes, Deliveries, Lost, Runs int
	VirtualTime, Took                                     time.Duration
}

// Run simulates the seeds in parallel. each is called once per seed, in order of seed, by one goroutine at a time.
// The error is the context's: worlds that were under way when it ended are left out.
func Run(ctx context.Context, o Options, each func(Result)) (Summary, error) {
	began := time.Now()
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	type slot struct {
		i      int
		result Result
	}
	todo, done := make(chan int), make(chan slot)
	var wg sync.WaitGroup
	for range min(workers, max(o.Seeds, 1)) {
		wg.Go(func() {
			for i := range todo {
				r := simulate(ctx, uint64(o.Start+i), o, o.Story != nil)
				done <- slot{i, r}
			}
		})
	}
	go func() {
		defer close(done)
		defer wg.Wait()
		defer close(todo)
		for i := range o.Seeds {
			select {
			case todo <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	var sum Summary
	waiting, next := map[int]Result{}, 0
	for s := range done {
		waiting[s.i] = s.result
		for {
			r, ok := waiting[next]
			if !ok || ctx.Err() != nil {
				break
			}
			delete(waiting, next)
			next++
			sum.add(r)
			if o.Story != nil {
				for _, line := range r.Trace {
					o.Story(line)
				}
			}
			if each != nil {
				each(r)
			}
		}
	}
	sum.Took = time.Since(began)
	return sum, ctx.Err()
}

func (s *Summary) add(r Result) {
	s.Seeds++
	if len(r.Findings) > 0 {
		s.Failed++
	}
	s.Edits += r.Edits
	s.Writes += r.Writes
	s.Calls += r.Calls
	s.Crashes += r.Crashes
	s.Deliveries += r.Deliveries
	s.Lost += r.Lost
	s.Runs += r.Runs
	s.VirtualTime += r.VirtualTime
}

// One simulates one seed and keeps its whole story. Of the options only Scenario, Store and Broken count.
func One(ctx context.Context, seed uint64, o Options) Result { return simulate(ctx, seed, o, true) }

func simulate(ctx context.Context, seed uint64, o Options, tell bool) Result {
	w, err := newWorld(ctx, seed, o, tell)
	if err != nil {
		return Result{Seed: seed, Findings: []Finding{{Kind: "broken world", Text: err.Error()}}}
	}
	defer w.close()
	rested := w.live()
	seen := w.evidence(rested)
	r := w.result
	r.Findings = seen.audit()
	r.Runs, err = w.store.runs(ctx)
	if _ = w.stored(err); w.storeFailed != nil {
		r.Findings = append(r.Findings, Finding{Kind: "broken world", Text: "the store: " + w.storeFailed.Error()})
	}
	if w.realTime {
		r.Findings = append(r.Findings, Finding{Kind: "broken world", Text: "a request would have been cut short by the clock on the wall"})
	}
	r.VirtualTime = w.clock.Sub(beginning)
	r.Connects = w.access.asked
	r.Trace = w.story
	if tell {
		for _, f := range r.Findings {
			r.Trace = append(r.Trace, fmt.Sprintf("seed %d: FOUND %s", seed, f))
		}
	}
	return r
}
