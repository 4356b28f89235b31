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

type (
	priorityKey struct{}
	patienceKey struct{}
)

// WithPriority marks the calls made under ctx.
func WithPriority(ctx context.Context, p Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

// PriorityOf is the mark on ctx; Live when there is none.
func PriorityOf(ctx context.Context) Priority {
	p, _ := ctx.Value(priorityKey{}).(Priority)
	return p
}

// WithPatience marks calls that wait out the call limit instead of being refused: they keep nothing else from being done.
// wanted is asked about once a second while one waits; once it says no, the call is refused after all.
func WithPatience(ctx context.Context, wanted func(context.Context) bool) context.Context {
	return context.WithValue(ctx, patienceKey{}, wanted)
}

// Patience is the mark on ctx; nil when there is none.
func Patience(ctx context.Context) (wanted func(context.Context) bool) {
	wanted, _ = ctx.Value(patienceKey{}).(func(context.Context) bool)
	return wanted
}
