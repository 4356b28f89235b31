package provider

import "context"

// Priority orders the calls of one connection under its rate budget.
type Priority uint8

// Live work first, then what a person waits for in a page, then retries, then whole populations, then audits that
// nobody waits for.
const (
	Live Priority = iota
	Interactive
	Retry
	Bulk
	Audit
)

type priorityKey struct{}

// WithPriority marks the calls made under ctx.
func WithPriority(ctx context.Context, p Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

// PriorityOf is the mark on ctx; Live when there is none.
func PriorityOf(ctx context.Context) Priority {
	p, _ := ctx.Value(priorityKey{}).(Priority)
	return p
}
