package queue

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

const (
	// awake is how long the database is asked at every beat after jobs came or were found: longer than their commit takes.
	awake = time.Second
	// asleep is how often it is asked otherwise. Jobs of another program on the same file, and those whose time has come,
	// are found so.
	asleep = time.Second
)

// quiet is River's driver for SQLite that leaves the database alone while there is nothing to do. SQLite has no
// notifications, so River asks for jobs forty times a second and queue, and its question is prepared and run anew each
// time: a fifteenth of a core for a server that idles. Jobs are inserted by this process, so it knows when to ask.
type quiet struct {
	*riversqlite.Driver
	watch *watch
}

func newQuiet(db *sql.DB) quiet {
	return quiet{riversqlite.New(db), &watch{now: time.Now, asked: map[string]time.Time{}, stirred: map[string]time.Time{}}}
}

// GetExecutor implements riverdriver.Driver.
func (d quiet) GetExecutor() riverdriver.Executor {
	return quietExecutor{d.Driver.GetExecutor(), d.watch}
}

type quietExecutor struct {
	riverdriver.Executor
	watch *watch
}

// JobGetAvailable answers "none" by itself while there can be none.
func (e quietExecutor) JobGetAvailable(ctx context.Context, p *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	if !e.watch.worth(p.Queue) {
		return &riverdriver.JobGetAvailableResult{}, nil
	}
	found, err := e.Executor.JobGetAvailable(ctx, p)
	if err != nil || len(found.Jobs) > 0 {
		e.watch.stir(p.Queue) // there may be more
	}
	return found, err
}

// watch remembers when each queue was last asked for, and when something last stirred in it.
type watch struct {
	now func() time.Time

	mu      sync.Mutex
	asked   map[string]time.Time
	stirred map[string]time.Time
}

// stir tells that jobs came, or may have.
func (w *watch) stir(queue string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stirred[queue] = w.now()
}

// worth reports whether asking may find something.
func (w *watch) worth(queue string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if now.Sub(w.stirred[queue]) > awake && now.Sub(w.asked[queue]) < asleep {
		return false
	}
	w.asked[queue] = now
	return true
}
