package storetest

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"testing"

	"crosswalk/internal/people"
)

func plainly(words string) [sha256.Size]byte { return sha256.Sum256([]byte(words)) }

func testTries(t *testing.T, b *bundle) {
	ctx := t.Context()
	try := people.NewTry(plainly, people.DoorPassword, "jane@example.com", "198.51.100.7")
	// Many at once: each is counted before it is made, so only the free ones pass.
	var passed atomic.Int32
	var all sync.WaitGroup
	for range 25 {
		all.Go(func() {
			wait, err := b.Try(ctx, try)
			if err != nil {
				t.Error(err)
			}
			if wait == 0 {
				passed.Add(1)
			}
		})
	}
	all.Wait()
	if passed.Load() != 5 {
		t.Errorf("%d tries passed, want the 5 that are free", passed.Load())
	}
	elsewhere := people.NewTry(plainly, people.DoorPassword, "jane@example.com", "198.51.100.8")
	if wait, err := b.Try(ctx, elsewhere); err != nil || wait != 0 {
		t.Errorf("from elsewhere: wait %s, %v", wait, err)
	}
	ok(t, b.TrySucceeded(ctx, try))
	if wait, err := b.Try(ctx, try); err != nil || wait != 0 {
		t.Errorf("after a success: wait %s, %v", wait, err)
	}
	db := b.SQLDB()
	// What has been forgiven is forgotten.
	_, err := db.ExecContext(ctx, "UPDATE vain_tries SET last_at = 1")
	ok(t, err)
	ok(t, b.Prune(ctx, b.now, b.now))
	var n int
	ok(t, db.QueryRowContext(ctx, "SELECT COUNT(*) FROM vain_tries").Scan(&n))
	if n != 0 {
		t.Errorf("%d counts are kept for ever", n)
	}
}
