package people

import (
	"context"
	"sync"
)

type actsKey struct{}

// pendingActs are acts that are written down with the next write.
type pendingActs struct {
	mu   sync.Mutex
	acts []AuditEntry
}

// WithActs is for one write: whoever carries it out writes these acts down in the same transaction, or does not do it.
func WithActs(ctx context.Context, acts ...AuditEntry) context.Context {
	return context.WithValue(ctx, actsKey{}, &pendingActs{acts: acts})
}

// TakeActs hands out the acts of a context, once.
func TakeActs(ctx context.Context) []AuditEntry {
	p, ok := ctx.Value(actsKey{}).(*pendingActs)
	if !ok {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	acts := p.acts
	p.acts = nil
	return acts
}
