package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// maxBatch bounds one transaction, and with it the wait of whoever comes next.
const maxBatch = 256

var errClosed = errors.New("the store is closed")

// committer gathers writes that are waiting into one transaction: they share its fsync. It never waits for
// company; while one commit is on its way to the disk, the next batch collects by itself.
type committer struct {
	store *Store
	queue chan *request
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once
}

// request is one write. Exactly one side moves it out of waiting: the committer by taking it, or the caller by
// giving up. So a closure never runs after its caller has left.
type request struct {
	ctx   context.Context
	fn    func(*unit) error
	state atomic.Int32
	err   error
	panic any
	done  chan struct{}
}

const (
	waiting int32 = iota
	taken
	givenUp
)

func newCommitter(s *Store) *committer {
	c := &committer{store: s, queue: make(chan *request, maxBatch), stop: make(chan struct{}), done: make(chan struct{})}
	go c.run()
	return c
}

func (c *committer) do(ctx context.Context, fn func(*unit) error) error {
	r := &request{ctx: ctx, fn: fn, done: make(chan struct{})}
	select {
	case c.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return errClosed
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.state.CompareAndSwap(waiting, givenUp) {
			return ctx.Err()
		}
		<-r.done
	case <-c.done:
		// The committer answers what it took before it ends; anything else will never run.
		if r.state.CompareAndSwap(waiting, givenUp) {
			return errClosed
		}
		<-r.done
	}
	if r.panic != nil {
		panic(r.panic)
	}
	return r.err
}

// close carries out what is queued and ends.
func (c *committer) close() {
	c.once.Do(func() { close(c.stop) })
	<-c.done
}

func (c *committer) run() {
	defer close(c.done)
	for {
		select {
		case r := <-c.queue:
			c.gather(r)
		case <-c.stop:
			for {
				select {
				case r := <-c.queue:
					c.gather(r)
				default:
					return
				}
			}
		}
	}
}

// gather takes what is queued behind first and commits it.
func (c *committer) gather(first *request) {
	var batch []*request
	take := func(r *request) {
		if r.ctx.Err() == nil && r.state.CompareAndSwap(waiting, taken) {
			batch = append(batch, r)
		}
	}
	take(first)
	for len(batch) < maxBatch {
		select {
		case r := <-c.queue:
			take(r)
			continue
		default:
		}
		break
	}
	if len(batch) == 0 {
		return
	}
	c.commit(batch)
	for _, r := range batch {
		close(r.done)
	}
}

// commit runs the batch in one transaction. Savepoints cost as much as a small write, and failures are rare: so
// the first try goes without, and only when a write fails the batch is run again with each in its own savepoint.
func (c *committer) commit(batch []*request) {
	err := c.try(batch, false)
	if errors.Is(err, errAlone) && len(batch) > 1 {
		err = c.try(batch, true)
	}
	if err == nil || errors.Is(err, errAlone) {
		return
	}
	for _, r := range batch {
		if r.err == nil && r.panic == nil {
			r.err = err
		}
	}
}

// errAlone tells that writes failed for reasons of their own, which are in their requests.
var errAlone = errors.New("a write of the batch failed")

func (c *committer) try(requests []*request, savepoints bool) error {
	// Not the callers' contexts: one that ends must not roll back what others wrote. SQLite even drops the whole
	// transaction when a statement of it is interrupted.
	tx, err := c.store.sqlDB.BeginTx(context.Background(), nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	// After a commit this does nothing.
	defer func() { _ = tx.Rollback() }()
	shared := &batch{}
	for _, r := range requests {
		if savepoints {
			err = c.guarded(tx, r, shared)
		} else {
			err = c.plain(tx, r, shared)
		}
		if err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (c *committer) plain(tx *sql.Tx, r *request, b *batch) error {
	c.call(tx, r, b)
	if r.err != nil || r.panic != nil {
		return errAlone
	}
	return nil
}

func (c *committer) guarded(tx *sql.Tx, r *request, b *batch) error {
	r.err, r.panic = nil, nil
	if _, err := tx.Exec("SAVEPOINT write"); err != nil {
		return fmt.Errorf("begin write: %w", err)
	}
	before := *b
	c.call(tx, r, b)
	if r.err != nil || r.panic != nil {
		*b = before
		// When SQLite has ended the transaction by itself (disk full), the savepoint is gone and nobody's write
		// holds: this error says so to all of them.
		if _, err := tx.Exec("ROLLBACK TO write"); err != nil {
			return fmt.Errorf("roll back write: %w", err)
		}
	}
	if _, err := tx.Exec("RELEASE write"); err != nil {
		return fmt.Errorf("end write: %w", err)
	}
	return nil
}

// call runs the closure; a panic belongs to the caller's goroutine, not to everybody's committer.
func (c *committer) call(tx *sql.Tx, r *request, b *batch) {
	defer func() { r.panic = recover() }()
	r.err = r.fn(c.store.unit(context.WithoutCancel(r.ctx), tx, b))
}
