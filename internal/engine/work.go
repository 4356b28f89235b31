package engine

import (
	"context"
	"fmt"
	"time"

	"crosswalk/internal/provider"
)

// Lease is how long a claimed key stays ours without an answer; longer than any single provider call chain.
const Lease = 2 * time.Minute

// Runner carries out due work: claim, reconcile, release.
type Runner struct {
	Works      Works
	Reconciler *Reconciler
	// Owner names this process among the workers.
	Owner string
}

// Work carries out one piece of work if it is due and nobody else has it (I5). Work that could not be
// released is made due again by Rescue when its lease ends.
func (r *Runner) Work(ctx context.Context, id WorkID) error {
	w, ok, err := r.Works.Claim(ctx, id, r.Owner, Lease)
	if err != nil || !ok {
		return err
	}
	ctx, cancel := provider.WithTimeout(ctx, Lease-10*time.Second)
	defer cancel()
	res, err := r.Reconciler.Reconcile(ctx, w)
	if err != nil {
		// The outcome is not stored. Make it due again soon rather than when the lease ends.
		release := r.Works.Release(context.WithoutCancel(ctx), id, r.Owner, r.Reconciler.Now().Add(5*time.Second), w.RunID)
		if release != nil {
			return fmt.Errorf("release work %d after %w: %w", id, err, release)
		}
		return err
	}
	runID := res.RunID
	if res.RetryAt.IsZero() {
		runID = ""
	}
	return r.Works.Release(context.WithoutCancel(ctx), id, r.Owner, res.RetryAt, runID)
}
