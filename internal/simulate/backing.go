package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/connection/connectiontest"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/memory"
	"crosswalk/internal/record"
)

// Store names what keeps a world's data.
type Store string

// The stores. The zero value lets the seed choose.
const (
	MemoryStore Store = "memory" // ordinary maps: quick
	SQLiteStore Store = "sqlite" // the program's own store, on a database of the world's own
)

// Stores are all of them.
func Stores() []Store { return []Store{MemoryStore, SQLiteStore} }

// sqliteEvery is of how many seeds one runs on SQLite when nobody says otherwise.
const sqliteEvery = 25

// of is the store of a seed's world. A mutation that breaks a promise of the store needs the one that lets it.
func (s Store) of(seed uint64, broken Mutation) Store {
	switch {
	case s != "":
		return s
	case broken == "" && seed%sqliteEvery == sqliteEvery-1:
		return SQLiteStore
	}
	return MemoryStore
}

// backing is the store under a world: what the engine needs of it, what the world's people do to it, and what the auditor
// reads. What is told of one world does not depend on which it is.
type backing interface {
	engine.Automations
	engine.Links
	engine.Journal
	engine.Inbox
	engine.Routing
	engine.Works
	engine.Cursors
	engine.Populations
	engine.Pairs
	engine.Versions
	// What people say about a plan for everyone.
	ApplyPopulation(ctx context.Context, id string, c engine.Choice) error
	PausePopulation(ctx context.Context, id string) error
	ResumePopulation(ctx context.Context, id string) error
	CancelPopulation(ctx context.Context, id string) error
	// WakeWaiting makes what waits for another try due at once.
	WakeWaiting(ctx context.Context, automations ...automation.ID) (int, error)
	// accounts keeps connections and their grants.
	accounts() connection.Store

	// create stores an automation.
	create(ctx context.Context, a automation.Automation) error
	// edit saves another definition, which waits while the automation is on; settle puts it live, or throws it away.
	edit(ctx context.Context, id automation.ID, from int, d automation.Definition) (automation.Automation, error)
	settle(ctx context.Context, id automation.ID, next int, live bool) (automation.Automation, error)
	// decide stores a person's answer to a question, as it was asked by a run.
	decide(ctx context.Context, id, run string, d automation.Decision) error
	// busy reports that a key or an event has something to be done. A key whose run waits for something that may never
	// come, as held tells, has not.
	busy(ctx context.Context, held func(automation.Run) bool) (bool, error)
	// accepted are the dedupe keys of the webhooks of an account that were stored.
	accepted(ctx context.Context, c record.ConnectionID) (map[string]bool, error)
	// changes are all changes, in order of intent; runs is how many there are.
	changes(ctx context.Context) ([]automation.Change, error)
	runs(ctx context.Context) (int, error)
	// crashed leaves what a process that ends without a word leaves of the store.
	crashed(ctx context.Context) error
	close() error
}

// newBacking makes an empty store. enqueue is handed the jobs of each write once it is done, in the same order by each store.
func newBacking(ctx context.Context, s Store, now func() time.Time, enqueue func([]engine.Job)) (backing, error) {
	switch s {
	case MemoryStore:
		return inMemory{memory.New(now, enqueue), connectiontest.NewStore()}, nil
	case SQLiteStore:
		return newOnSQLite(ctx, now, enqueue)
	}
	return nil, fmt.Errorf("there is no store %q", s)
}

// inMemory is a world's store in ordinary maps. It is none of the processes', so a crash takes nothing from it.
type inMemory struct {
	*memory.Store
	connections *connectiontest.Store
}

func (x inMemory) accounts() connection.Store { return x.connections }

func (x inMemory) create(_ context.Context, a automation.Automation) error {
	x.CreateAutomation(a)
	return nil
}

func (x inMemory) edit(ctx context.Context, id automation.ID, from int, d automation.Definition) (automation.Automation, error) {
	return x.SaveEdit(ctx, id, from, d)
}

func (x inMemory) settle(ctx context.Context, id automation.ID, next int, live bool) (automation.Automation, error) {
	if live {
		return x.PutLive(ctx, id, next)
	}
	return x.DiscardNext(ctx, id, next)
}

func (x inMemory) decide(_ context.Context, id, run string, d automation.Decision) error {
	return x.Decide(id, run, d)
}

func (x inMemory) busy(_ context.Context, held func(automation.Run) bool) (bool, error) {
	keys, events := x.Busy(held)
	return keys > 0 || events > 0, nil
}

func (x inMemory) accepted(_ context.Context, c record.ConnectionID) (map[string]bool, error) {
	return x.Accepted(c), nil
}

func (x inMemory) changes(context.Context) ([]automation.Change, error) { return x.Changes(), nil }

func (x inMemory) runs(context.Context) (int, error) { return len(x.Runs()), nil }

func (x inMemory) crashed(context.Context) error { return nil }

func (x inMemory) close() error { return nil }

// expected reports an error that the store may answer to what it was asked. Any other is a finding: the engine would take
// it for a hiccup, and try again.
func expectedOfStore(err error) bool {
	_, brake := errors.AsType[*engine.Brake](err)
	return err == nil || brake || slices.ContainsFunc([]error{engine.ErrConflict, engine.ErrNotFound, connection.ErrNotFound, connection.ErrMoved}, func(known error) bool {
		return errors.Is(err, known)
	})
}

// stored passes on what the store answered, and remembers what it must not answer.
func (w *world) stored(err error) error {
	if w.storeFailed == nil && !expectedOfStore(err) && w.ctx.Err() == nil {
		w.storeFailed = err
	}
	return err
}
