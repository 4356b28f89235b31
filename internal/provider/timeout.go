package provider

import (
	"context"
	"time"
)

type timelessKey struct{}

// WithoutTimeouts marks work whose time is not that of the clock on the wall, as in a simulation: nothing done under ctx
// is cut short because a machine was slow. Whoever sets it sees to time itself.
func WithoutTimeouts(ctx context.Context) context.Context {
	return context.WithValue(ctx, timelessKey{}, true)
}

// WithTimeout is context.WithTimeout, for all that may be done under a context of WithoutTimeouts.
func WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if timeless, _ := ctx.Value(timelessKey{}).(bool); timeless {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}
