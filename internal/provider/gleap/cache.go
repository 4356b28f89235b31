package gleap

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"crosswalk/internal/provider"
)

const fresh = time.Minute

// cache keeps one answer for a minute. Failures are not kept. Two callers may both ask; neither waits for the other.
type cache[T any] struct {
	now func() time.Time

	mu    sync.Mutex
	value T
	until time.Time
}

func (k *cache[T]) clock(now func() time.Time) { k.now = now }

func (k *cache[T]) get(ask func() (T, error)) (T, error) {
	k.mu.Lock()
	value, ok := k.value, k.now().Before(k.until)
	k.mu.Unlock()
	if ok {
		return value, nil
	}
	value, err := ask()
	if err != nil {
		return value, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.value, k.until = value, k.now().Add(fresh)
	return value, nil
}

// contactSample and ticketSample read the newest records, to learn which free keys are in use.
func (c *Client) contactSample(ctx context.Context) ([]document, error) {
	return c.sample(ctx, &c.contacts, call{op: "describe contacts", path: "/sessions"})
}

func (c *Client) ticketSample(ctx context.Context) ([]document, error) {
	return c.sample(ctx, &c.samples, call{op: "describe tickets", path: "/tickets"})
}

func (c *Client) sample(ctx context.Context, k *cache[[]document], in call) ([]document, error) {
	return k.get(func() ([]document, error) {
		in.method = http.MethodGet
		for limit := pageSize; ; limit /= 4 {
			in.query = query{}.eq("sort", "-updatedAt").num("limit", limit)
			ds, err := c.many(ctx, in)
			if limit/4 < leastPage || !tooSlow(err) {
				return ds, err
			}
		}
	})
}

// tooSlow is Gleap's database giving up, for which a smaller page is the cure (reference/gleap.md §6).
func tooSlow(err error) bool {
	e, ok := errors.AsType[*provider.Error](err)
	return ok && e.Kind == provider.Unavailable && e.Status == http.StatusConflict
}
