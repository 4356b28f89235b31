package simulate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
	"crosswalk/internal/store"
)

// onSQLite is the program's own store, in a folder of its own that goes with the world. A world is one goroutine, so each
// write is a commit of its own, and nothing depends on who comes first.
type onSQLite struct {
	*store.Store
	now     func() time.Time
	enqueue func([]engine.Job)
	jobs    []engine.Job // of the write under way
	dir     string
	opened  int // times; each opens a file of its own
}

// template is an empty database with today's tables: they are made once, and every world begins with a copy.
var template = sync.OnceValues(func() (db []byte, err error) {
	dir, err := os.MkdirTemp("", "crosswalk-simulate-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "template.db")
	s, err := store.Open(context.Background(), store.Config{SQLitePath: path, Brief: true})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.Migrate(context.Background()), s.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func newOnSQLite(ctx context.Context, now func() time.Time, enqueue func([]engine.Job)) (*onSQLite, error) {
	empty, err := template()
	if err != nil {
		return nil, fmt.Errorf("make an empty database: %w", err)
	}
	x := &onSQLite{now: now, enqueue: enqueue}
	if x.dir, err = os.MkdirTemp("", "crosswalk-world-"); err != nil {
		return nil, err
	}
	err = os.WriteFile(x.path(), empty, 0o600)
	if err == nil {
		err = x.open(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(x.dir))
	}
	return x, nil
}

func (x *onSQLite) path() string { return filepath.Join(x.dir, fmt.Sprintf("%d.db", x.opened)) }

func (x *onSQLite) open(ctx context.Context) (err error) {
	if x.Store, err = store.Open(ctx, store.Config{SQLitePath: x.path(), Now: x.now, Brief: true}); err != nil {
		return err
	}
	x.OnEnqueue(func(_ context.Context, _ store.Tx, jobs []engine.Job) error {
		x.jobs = append(x.jobs, jobs...)
		return nil
	})
	return nil
}

// crashed goes on with the files as they are at this moment, log and all: nothing is closed that a process which is killed
// would leave open.
func (x *onSQLite) crashed(ctx context.Context) error {
	before, left := x.Store, x.path()
	x.opened++
	if err := copied(left, x.path()); err != nil {
		return err
	}
	if err := errors.Join(x.open(ctx), before.Close()); err != nil {
		return err
	}
	return os.Remove(left)
}

// copied is a database as it is on the disk, while somebody has it open.
func copied(from, to string) error {
	for _, file := range []string{"", "-wal"} {
		b, err := os.ReadFile(from + file)
		if err == nil {
			err = os.WriteFile(to+file, b, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *onSQLite) close() error { return errors.Join(x.Store.Close(), os.RemoveAll(x.dir)) }

// done hands out the jobs of a write that is done; of one that failed there are none.
func (x *onSQLite) done(err error) error {
	jobs := x.jobs
	x.jobs = nil
	if err == nil && len(jobs) > 0 {
		x.enqueue(jobs)
	}
	return err
}

func (x *onSQLite) Accept(ctx context.Context, ds ...automation.Delivery) (int, error) {
	fresh, err := x.Store.Accept(ctx, ds...)
	return fresh, x.done(err)
}

func (x *onSQLite) SaveRouting(ctx context.Context, routed []engine.Routed) error {
	return x.done(x.Store.SaveRouting(ctx, routed))
}

func (x *onSQLite) Wake(ctx context.Context, key engine.Key, e automation.Event) error {
	return x.done(x.Store.Wake(ctx, key, e))
}

func (x *onSQLite) Finish(ctx context.Context, f engine.Finish) error {
	return x.done(x.Store.Finish(ctx, f))
}

func (x *onSQLite) Release(ctx context.Context, id engine.WorkID, owner string, retryAt time.Time, runID string) error {
	return x.done(x.Store.Release(ctx, id, owner, retryAt, runID))
}

func (x *onSQLite) ReleaseKeys(ctx context.Context, ids []engine.WorkID, owner string) error {
	return x.done(x.Store.ReleaseKeys(ctx, ids, owner))
}

func (x *onSQLite) Rescue(ctx context.Context, now time.Time) (int, error) {
	n, err := x.Store.Rescue(ctx, now)
	return n, x.done(err)
}

func (x *onSQLite) WakeWaiting(ctx context.Context, automations ...automation.ID) (int, error) {
	n, err := x.Store.WakeWaiting(ctx, automations...)
	return n, x.done(err)
}

func (x *onSQLite) CreatePopulation(ctx context.Context, p engine.Population) error {
	return x.done(x.Store.CreatePopulation(ctx, p))
}

func (x *onSQLite) ApplyPopulation(ctx context.Context, id string, c engine.Choice) error {
	return x.done(x.Store.ApplyPopulation(ctx, id, c))
}

func (x *onSQLite) ResumePopulation(ctx context.Context, id string) error {
	return x.done(x.Store.ResumePopulation(ctx, id))
}

func (x *onSQLite) accounts() connection.Store { return x }

func (x *onSQLite) create(ctx context.Context, a automation.Automation) error {
	return x.CreateAutomation(ctx, a, "")
}

func (x *onSQLite) edit(ctx context.Context, id automation.ID, from int, d automation.Definition) (automation.Automation, error) {
	return x.SaveEdit(ctx, id, from, d, "", "")
}

func (x *onSQLite) settle(ctx context.Context, id automation.ID, next int, live bool) (automation.Automation, error) {
	if live {
		return x.PutLive(ctx, id, next)
	}
	return x.DiscardNext(ctx, id, next)
}

func (x *onSQLite) decide(ctx context.Context, id, run string, d automation.Decision) error {
	return x.done(x.DecideReview(ctx, id, run, d, ""))
}

func (x *onSQLite) busy(ctx context.Context, held func(automation.Run) bool) (bool, error) {
	all, err := x.Automations(ctx)
	if err != nil {
		return false, err
	}
	ids := make([]automation.ID, len(all))
	for i, a := range all {
		ids[i] = a.ID
	}
	waiting, due, err := x.HeldWork(ctx, ids...)
	if err != nil || due > 0 {
		return true, err
	}
	if waiting > 0 {
		runs, err := x.Runs(ctx, engine.RunFilter{State: automation.Waiting, Limit: 1 << 20})
		if err != nil {
			return false, err
		}
		keys := map[engine.Key]bool{}
		for _, r := range runs {
			if held(r) {
				keys[engine.Key{Automation: r.Automation, Source: r.Source}] = true
			}
		}
		if waiting > len(keys) {
			return true, nil
		}
	}
	events, err := x.UnroutedEvents(ctx, 1)
	return len(events) > 0, err
}

func (x *onSQLite) accepted(ctx context.Context, c record.ConnectionID) (map[string]bool, error) {
	all, err := x.Deliveries(ctx, engine.DeliveryFilter{Connections: []record.ConnectionID{c}, Limit: 1 << 20})
	keys := make(map[string]bool, len(all))
	for _, d := range all {
		keys[d.Event.DedupeKey] = true
	}
	return keys, err
}

func (x *onSQLite) changes(ctx context.Context) ([]automation.Change, error) {
	var out []automation.Change
	err := x.eachRun(ctx, func(r automation.Run) error {
		of, err := x.ChangesOf(ctx, r.ID)
		out = append(out, of...)
		return err
	})
	// Ids are given out in order.
	slices.SortFunc(out, func(a, b automation.Change) int { return strings.Compare(a.ID, b.ID) })
	return out, err
}

func (x *onSQLite) runs(ctx context.Context) (n int, err error) {
	err = x.eachRun(ctx, func(automation.Run) error { n++; return nil })
	return n, err
}

func (x *onSQLite) eachRun(ctx context.Context, do func(automation.Run) error) error {
	const page = 500
	for seq := int64(0); ; {
		runs, next, err := x.RunsSince(ctx, seq, page)
		if err != nil {
			return err
		}
		for _, r := range runs {
			if err := do(r); err != nil {
				return err
			}
		}
		if seq = next; len(runs) < page {
			return nil
		}
	}
}
