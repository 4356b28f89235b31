package connection

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"crosswalk/internal/record"
)

const (
	// sweepEvery is how often the keeper looks; a third of it either way is left to chance, so that processes that
	// started together do not look together.
	sweepEvery = 30 * time.Second
	// leadMost is how long before its end a token is renewed at the earliest, leadLeast at the latest.
	leadMost, leadLeast = time.Hour, 30 * time.Minute
	// againAfter is when what failed for the first time is tried again. An answer may have been lost on the way, with the
	// refresh token spent: together with exchangeFor it ends before the half minute in which HighLevel tells it once more
	// (reference/highlevel.md §2.4).
	againAfter = restFor + time.Second
	// patienceMost is the longest pause between two tries of the same thing.
	patienceMost = 15 * time.Minute
)

// Keeper looks after credentials in the background: it renews tokens before anybody has to wait for one, and brings
// back what can be brought back without a person. Several may run, in several processes.
type Keeper struct {
	Service *Service
	Gateway *Gateway
	Now     func() time.Time
	Log     *slog.Logger

	once   sync.Once
	wake   chan struct{}
	trying map[record.ConnectionID]attempt
}

// attempt is what failed and is tried again.
type attempt struct {
	failed int
	next   time.Time
}

func (k *Keeper) begin() {
	k.once.Do(func() { k.wake, k.trying = make(chan struct{}, 1), map[record.ConnectionID]attempt{} })
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
	for {
		k.Sweep(ctx)
		pause := time.NewTimer(k.pause())
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

// pause is how long until the next look; short while something failed for the first time.
func (k *Keeper) pause() time.Duration {
	for _, a := range k.trying {
		if a.failed == 1 && k.Now().Before(a.next) {
			return againAfter
		}
	}
	return sweepEvery*2/3 + rand.N(sweepEvery*2/3) // #nosec G404 -- spreads load; nothing is gained by guessing it
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
	for _, i := range installations { // first: others are made from them
		if i.OfCompany() && i.State == Active {
			k.company(ctx, i, installations)
		}
	}
	for _, c := range connections {
		if ctx.Err() != nil {
			return
		}
		switch {
		case c.Auth != ByOAuth:
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
	}
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
func (k *Keeper) company(ctx context.Context, i Installation, all []Installation) {
	nameless := false
	for _, a := range all {
		nameless = nameless || a.Provider == i.Provider && a.Account.CompanyID == i.Account.CompanyID && !a.OfCompany() && a.Account.Name == ""
	}
	renewing := due(i.ID, i.RotatedAt, i.ExpiresAt, k.Now())
	if !renewing && !nameless {
		return
	}
	k.try(ctx, i.ID, func() error {
		if renewing {
			if err := k.Service.Companies.keeper(i).Early(ctx, lead(i.ID, i.RotatedAt, i.ExpiresAt)); err != nil {
				return err
			}
		}
		return k.Service.Sync(ctx, i.Provider, i.Account.CompanyID)
	})
}

// try does something unless it failed lately. What works again after it did not makes waiting work due.
func (k *Keeper) try(ctx context.Context, id record.ConnectionID, do func() error) {
	a := k.trying[id]
	if k.Now().Before(a.next) {
		return
	}
	err := do()
	switch {
	case err == nil:
		if a.failed > 0 && k.Service.Changed != nil {
			k.Service.Changed(ctx, id)
		}
		delete(k.trying, id)
		return
	case ctx.Err() != nil:
		return
	}
	a.failed++
	a.next = k.Now().Add(min(sweepEvery<<min(a.failed, 8), patienceMost))
	if a.failed == 1 {
		a.next = k.Now().Add(againAfter)
	}
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
