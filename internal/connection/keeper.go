package connection

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"crosswalk/internal/record"
)

const (
	// sweepEvery is how often the keeper looks; a third of it either way is left to chance, so that processes that
	// started together do not look together.
	sweepEvery = 30 * time.Second
	// leadMost is how long before its end a token is renewed at the earliest, leadLeast at the latest.
	leadMost, leadLeast = time.Hour, 30 * time.Minute
	// againAfter is when what failed for the first time is tried again. An answer may have been lost on the way, with the
	// refresh token spent: together with exchangeFor and retryEvery it ends before the half minute in which HighLevel tells
	// it once more (reference/highlevel.md §2.4). So do leaseFor and retryEvery, should the process be gone.
	againAfter = restFor + time.Second
	// retryEvery is how often the keeper looks for renewals that were left undone, by whatever process.
	retryEvery = 3 * time.Second
	// patienceMost is the longest pause between two tries of the same thing.
	patienceMost = 15 * time.Minute
	// sweptAtOnce and retriedAtOnce bound how much is asked for at the same time. First retries wait for nothing else: there
	// are as many places as two processes can have failures in the half minute.
	sweptAtOnce, retriedAtOnce = 16, 64
)

// patience is how long to wait after so many failures in a row.
func patience(failures int) time.Duration {
	if failures <= 1 {
		return againAfter
	}
	return min(sweepEvery<<min(failures, 8), patienceMost)
}

// Keeper looks after credentials in the background: it renews tokens before anybody has to wait for one, and brings
// back what can be brought back without a person. Several may run, in several processes.
type Keeper struct {
	Service *Service
	Gateway *Gateway
	Now     func() time.Time
	Log     *slog.Logger

	once sync.Once
	wake chan struct{}

	mu       sync.Mutex // guards what follows
	trying   map[record.ConnectionID]attempt
	retrying map[record.ConnectionID]bool
}

// attempt is what failed and is tried again. Of renewals that were left undone the store knows.
type attempt struct {
	failed int
	next   time.Time
}

func (k *Keeper) begin() {
	k.once.Do(func() {
		k.wake, k.trying, k.retrying = make(chan struct{}, 1), map[record.ConnectionID]attempt{}, map[record.ConnectionID]bool{}
	})
}

// Wake makes a running keeper look at once.
func (k *Keeper) Wake() {
	k.begin()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Run looks until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	k.begin()
	var retries sync.WaitGroup
	defer retries.Wait()
	retries.Go(func() { k.retryAll(ctx) })
	for {
		k.Sweep(ctx)
		pause := time.NewTimer(sweepEvery*2/3 + rand.N(sweepEvery*2/3)) // #nosec G404 -- spreads load; nothing is gained by guessing it
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		case <-k.wake:
			pause.Stop()
		}
	}
}

// retryAll tries renewals again that have failed no more than once, however long a sweep takes, until ctx ends.
func (k *Keeper) retryAll(ctx context.Context) {
	var places errgroup.Group
	places.SetLimit(retriedAtOnce)
	defer func() { _ = places.Wait() }() // each tells of its own failure
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		retries, err := k.Service.Store.Retries(ctx)
		if err != nil {
			k.complain(ctx, "", err)
			continue
		}
		for _, r := range retries {
			if r.Failures > 1 || k.Now().Before(r.At) || !k.claim(r.ID) {
				continue
			}
			if !places.TryGo(func() error {
				defer k.unclaim(r.ID)
				if err := k.again(ctx, r.ID); err != nil && ctx.Err() == nil {
					k.complain(ctx, r.ID, err)
				}
				return nil
			}) {
				k.unclaim(r.ID)
				break
			}
		}
	}
}

// claim takes the right to retry something in this process.
func (k *Keeper) claim(id record.ConnectionID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.retrying[id] {
		return false
	}
	k.retrying[id] = true
	return true
}

func (k *Keeper) unclaim(id record.ConnectionID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.retrying, id)
}

// again tries a renewal once more, of a connection or of a company.
func (k *Keeper) again(ctx context.Context, id record.ConnectionID) error {
	c, err := k.Service.Store.Connection(ctx, id)
	if err == nil {
		return k.Gateway.Again(ctx, c)
	}
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	i, err := k.Service.Store.Installation(ctx, id)
	if err != nil {
		return err
	}
	return k.Service.Companies.keeper(i).Again(ctx)
}

// Sweep looks once at everything. It is not for several goroutines.
func (k *Keeper) Sweep(ctx context.Context) {
	k.begin()
	connections, err := k.Service.Store.Connections(ctx)
	if err != nil {
		k.complain(ctx, "", err)
		return
	}
	installations, err := k.Service.Store.Installations(ctx)
	if err != nil {
		k.complain(ctx, "", err)
		return
	}
	retries, err := k.Service.Store.Retries(ctx)
	if err != nil {
		k.complain(ctx, "", err)
		return
	}
	undone := map[record.ConnectionID]bool{}
	for _, r := range retries {
		undone[r.ID] = true
	}
	together(installations, func(i Installation) { // first: others are made from them
		if ctx.Err() == nil && i.OfCompany() && i.State == Active {
			k.company(ctx, i, installations, undone[i.ID])
		}
	})
	// What runs out first is renewed first.
	slices.SortStableFunc(connections, func(a, b Connection) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
	together(connections, func(c Connection) {
		switch {
		case ctx.Err() != nil || c.Auth != ByOAuth:
		case c.State == Active && undone[c.ID]:
			if err := k.Gateway.Again(ctx, c); err != nil && ctx.Err() == nil {
				k.complain(ctx, c.ID, err)
			}
		case c.State == Active && due(c.ID, c.RotatedAt, c.ExpiresAt, k.Now()):
			k.try(ctx, c.ID, func() error { return k.Gateway.Renew(ctx, c, lead(c.ID, c.RotatedAt, c.ExpiresAt)) })
		case c.State == NeedsReconnect && c.RotatedAt.After(c.CheckedAt):
			k.try(ctx, c.ID, func() error { return k.recheck(ctx, c.ID) })
		case c.State != Active:
			k.try(ctx, c.ID, func() error {
				_, err := k.Service.Revive(ctx, c)
				return err
			})
		}
	})
}

// together does something with each, a bounded number at once, and waits for all.
func together[T any](each []T, do func(T)) {
	var places errgroup.Group
	places.SetLimit(sweptAtOnce)
	for _, one := range each {
		places.Go(func() error { do(one); return nil })
	}
	_ = places.Wait() // each tells of its own failure
}

// recheck tries a connection whose credential was renewed after it had been called dead: a process that was thought to be
// gone came back with it.
func (k *Keeper) recheck(ctx context.Context, id record.ConnectionID) error {
	client, err := k.Gateway.Fresh(ctx, id)
	if err != nil {
		return err
	}
	c, err := k.Service.Check(ctx, id, client)
	if err == nil && c.State != Active {
		err = errNoWay
	}
	return err
}

// company renews a company's token, and lists its accounts again where one is known by its id alone: a delivery tells no
// more of it.
func (k *Keeper) company(ctx context.Context, i Installation, all []Installation, undone bool) {
	nameless := false
	for _, a := range all {
		nameless = nameless || a.Provider == i.Provider && a.Account.CompanyID == i.Account.CompanyID && !a.OfCompany() && a.Account.Name == ""
	}
	renewing := due(i.ID, i.RotatedAt, i.ExpiresAt, k.Now())
	if !undone && !renewing && !nameless && !k.Service.Companies.toList(i.ID) {
		return
	}
	k.try(ctx, i.ID, func() error {
		if undone {
			if err := k.Service.Companies.keeper(i).Again(ctx); err != nil {
				return err
			}
		} else if renewing {
			if err := k.Service.Companies.keeper(i).Early(ctx, lead(i.ID, i.RotatedAt, i.ExpiresAt)); err != nil {
				return err
			}
		}
		err := k.Service.Sync(ctx, i.Provider, i.Account.CompanyID)
		if err == nil {
			k.Service.Companies.listed(i.ID)
		}
		return err
	})
}

// try does something unless it failed lately.
func (k *Keeper) try(ctx context.Context, id record.ConnectionID, do func() error) {
	k.mu.Lock()
	a := k.trying[id]
	k.mu.Unlock()
	if k.Now().Before(a.next) {
		return
	}
	err := do()
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err == nil:
		delete(k.trying, id)
		return
	case ctx.Err() != nil:
		return
	}
	a.failed++
	a.next = k.Now().Add(patience(a.failed))
	k.trying[id] = a
	if !errors.Is(err, errNoWay) {
		k.complain(ctx, id, err)
	}
}

func (k *Keeper) complain(ctx context.Context, id record.ConnectionID, err error) {
	k.Log.WarnContext(ctx, "connection not looked after", "connection_id", id, "err", err)
}

// lead is how long before its end a token is renewed: between half an hour and an hour, each connection at a time of its
// own; of a token that lives for less than four hours, in its last quarter.
func lead(id record.ConnectionID, made, ends time.Time) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	share := float64(h.Sum32()%1000) / 1000
	least, most := leadLeast, leadMost
	if quarter := ends.Sub(made) / 4; quarter < most {
		least, most = quarter/2, quarter
	}
	return least + time.Duration(share*float64(most-least))
}

func due(id record.ConnectionID, made, ends, now time.Time) bool {
	return !ends.IsZero() && !now.Before(ends.Add(-lead(id, made, ends)))
}
