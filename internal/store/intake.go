package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"crosswalk/internal/automation"
)

const (
	// intakeBytes bounds what one statement carries of bodies.
	intakeBytes = 8 << 20
	// intakeWithin bounds one transaction of callers without a deadline. Otherwise the first of their deadlines does, and
	// who has less than leastLeft of it is left to give up: it would cut the others short.
	intakeWithin = 15 * time.Second
	leastLeft    = 100 * time.Millisecond
)

// intake gathers deliveries that arrive one by one into one statement: at thousands a second their statements would cost
// more than their rows. It never waits for company: while one statement is on its way, the next gathers by itself.
type intake struct {
	store *Store
	queue chan *arrival
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once
}

// arrival is one delivery and who waits for it. As with a request, exactly one side moves it out of waiting.
type arrival struct {
	ctx      context.Context
	delivery automation.Delivery
	state    atomic.Int32
	fresh    int
	err      error
	done     chan struct{}
}

func newIntake(s *Store) *intake {
	in := &intake{store: s, queue: make(chan *arrival, acceptChunk), stop: make(chan struct{}), done: make(chan struct{})}
	go in.run()
	return in
}

// accept stores a delivery with whatever else arrives, and answers whether it was new.
func (in *intake) accept(ctx context.Context, d automation.Delivery) (int, error) {
	a := &arrival{ctx: ctx, delivery: d, done: make(chan struct{})}
	select {
	case in.queue <- a:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-in.done:
		return 0, errClosed
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		if a.state.CompareAndSwap(waiting, givenUp) {
			return 0, ctx.Err()
		}
		<-a.done
	case <-in.done:
		if a.state.CompareAndSwap(waiting, givenUp) {
			return 0, errClosed
		}
		<-a.done
	}
	return a.fresh, a.err
}

// close stores what is queued and ends.
func (in *intake) close() {
	in.once.Do(func() { close(in.stop) })
	<-in.done
}

func (in *intake) run() {
	defer close(in.done)
	for {
		select {
		case a := <-in.queue:
			in.gather(a)
		case <-in.stop:
			for {
				select {
				case a := <-in.queue:
					in.gather(a)
				default:
					return
				}
			}
		}
	}
}

// gather takes what is queued behind first and stores it.
func (in *intake) gather(first *arrival) {
	var all []*arrival
	size, until := 0, time.Now().Add(intakeWithin)
	take := func(a *arrival) {
		deadline, has := a.ctx.Deadline()
		if has && time.Until(deadline) < leastLeft || a.ctx.Err() != nil || !a.state.CompareAndSwap(waiting, taken) {
			return
		}
		if has && deadline.Before(until) {
			until = deadline
		}
		all, size = append(all, a), size+len(a.delivery.Body)
	}
	take(first)
	for len(all) < acceptChunk && size < intakeBytes {
		select {
		case a := <-in.queue:
			take(a)
			continue
		default:
		}
		break
	}
	if len(all) > 0 {
		in.keep(all, until)
	}
	for _, a := range all {
		close(a.done)
	}
}

// keep stores them together, and each by itself where that fails because of one of them.
func (in *intake) keep(all []*arrival, until time.Time) {
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	ds := make([]automation.Delivery, len(all))
	for i, a := range all {
		ds[i] = a.delivery
	}
	fresh, err := in.store.acceptAll(ctx, ds)
	if err == nil {
		for _, a := range all {
			if fresh[a.delivery.Event.ID] {
				a.fresh = 1
			}
		}
		return
	}
	alone := len(all) > 1 && ctx.Err() == nil && !errors.Is(err, errClosed)
	for _, a := range all {
		if alone {
			fresh, err = in.store.acceptAll(ctx, []automation.Delivery{a.delivery})
			alone = ctx.Err() == nil && !errors.Is(err, errClosed)
		}
		if a.err = err; err == nil {
			a.fresh = len(fresh)
		}
	}
}
