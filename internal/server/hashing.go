package server

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"golang.org/x/sync/semaphore"

	"crosswalk/internal/people"
)

// hashing bounds how many passwords are hashed at once. Each takes 64 MiB and a core for a while on purpose, so whoever
// sends many could take the machine with it; more than twice the cores would only take longer together.
type hashing struct {
	room *semaphore.Weighted
	wait time.Duration // how long one waits for its turn
}

func newHashing() *hashing {
	return &hashing{room: semaphore.NewWeighted(int64(2 * runtime.GOMAXPROCS(0))), wait: 2 * time.Second}
}

// errHashing is that too many are at it.
var errHashing = &pageError{http.StatusTooManyRequests, "Too many people are signing in at the moment", "Nothing was changed.", "Try again in a few seconds.", "busy"}

func (h *hashing) enter(ctx context.Context) (leave func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, h.wait)
	defer cancel()
	if h.room.Acquire(waiting, 1) != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errHashing
	}
	return func() { h.room.Release(1) }, nil
}

// hash is people.Hash, in turn.
func (h *hashing) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	return people.Hash(password)
}
