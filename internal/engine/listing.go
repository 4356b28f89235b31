package engine

import (
	"context"
	"errors"
	"iter"
	"time"

	"crosswalk/internal/provider"
)

// patience is the longest a listing waits for the rate budget or a passing outage before it gives up.
const patience = 2 * time.Minute

// patiently lists a whole population: when the call limit is used up, or the provider stumbles, it waits and goes
// on from the last page instead of beginning again.
func patiently(ctx context.Context, client provider.Client, q provider.Query, wait func(context.Context, time.Duration) error) iter.Seq2[provider.Page, error] {
	return func(yield func(provider.Page, error) bool) {
		stumbles := 0
		for {
			again := false
			for page, err := range client.List(ctx, q) {
				if err == nil {
					stumbles = 0
					if !yield(page, nil) {
						return
					}
					q.Cursor = page.Next
					continue
				}
				pause, worth := pauseFor(err, stumbles)
				if !worth || ctx.Err() != nil {
					yield(provider.Page{}, err)
					return
				}
				stumbles++
				if err := wait(ctx, pause); err != nil {
					yield(provider.Page{}, err)
					return
				}
				again = true
				break
			}
			if !again {
				return
			}
		}
	}
}

func pauseFor(err error, stumbles int) (time.Duration, bool) {
	e, ok := errors.AsType[*provider.Error](err)
	if !ok {
		return 0, false
	}
	switch e.Kind {
	case provider.RateLimited:
		return max(e.RetryAfter, time.Second), e.RetryAfter <= patience
	case provider.Unavailable:
		return time.Second << min(stumbles, 6), stumbles < 6
	}
	return 0, false
}
