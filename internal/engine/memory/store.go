// Package memory keeps what the engine must remember in ordinary maps: the engine's ports as internal/store
// means them, without a database. It is for simulations, which need a thousand stores a minute and the very same
// answers for the same questions. A test holds it against the real store.
//
// Nothing here is durable, and that is the point: a simulated crash throws the engine's memory away and keeps
// this store, as a real one keeps its database.
package memory

import (
	"maps"
	"sync"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

var (
	_ engine.Automations = (*Store)(nil)
	_ engine.Links       = (*Store)(nil)
	_ engine.Journal     = (*Store)(nil)
	_ engine.Inbox       = (*Store)(nil)
	_ engine.Routing     = (*Store)(nil)
	_ engine.Works       = (*Store)(nil)
	_ engine.Cursors     = (*Store)(nil)
)

// Store is a store in memory. It is safe for concurrent use.
type Store struct {
	now     func() time.Time
	enqueue func(jobs []engine.Job)

	mu          sync.Mutex
	automations []automation.Automation // oldest first
	versions    map[automation.ID][]automation.Version
	events      []event // in order of acceptance
	known       map[eventKey]bool
	works       []*work // by id, which begins at 1
	byKey       map[engine.Key]*work
	runs        []automation.Run // in order of their first save
	runAt       map[string]int
	changes     []automation.Change // in order of intent
	changeAt    map[string]int
	links       []automation.Link // in order of creation
	bases       map[baseKey]automation.Base
	cursors     map[cursorKey]engine.PollCursor
	reviews     []automation.Review
	reserved    map[string]reservation
	populations map[string]*population
	positions   int64           // of items, over all populations
	held        map[string]bool // populations somebody works on
}

// New makes an empty store. enqueue is handed the jobs of each write once it is done, in a stable order; nil drops them.
func New(now func() time.Time, enqueue func(jobs []engine.Job)) *Store {
	return &Store{
		now: now, enqueue: enqueue,
		known: map[eventKey]bool{}, byKey: map[engine.Key]*work{}, runAt: map[string]int{}, changeAt: map[string]int{},
		bases: map[baseKey]automation.Base{}, cursors: map[cursorKey]engine.PollCursor{},
		versions: map[automation.ID][]automation.Version{},
		reserved: map[string]reservation{}, populations: map[string]*population{}, held: map[string]bool{},
	}
}

// write runs fn alone and hands out the jobs it asks for, unless it fails.
func (s *Store) write(fn func() ([]engine.Job, error)) error {
	s.mu.Lock()
	jobs, err := fn()
	s.mu.Unlock()
	if err == nil && len(jobs) > 0 && s.enqueue != nil {
		s.enqueue(jobs)
	}
	return err
}

func reconcile(w *work) engine.Job {
	return engine.Job{Kind: engine.JobReconcile, Work: engine.WorkID(w.id)}
}

func cloned(f record.Fields) record.Fields { return maps.Clone(f) }
