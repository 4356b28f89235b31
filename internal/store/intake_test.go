package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/store/postgrestest"
)

// onBoth runs a test on a migrated, empty store of each database.
func onBoth(t *testing.T, test func(*testing.T, *Store)) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, openFile(t))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		s, err := Open(t.Context(), Config{PostgresURL: postgrestest.URL(t)})
		if err == nil {
			err = s.Migrate(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		test(t, s)
	})
}

func delivery(id, key string) automation.Delivery {
	return automation.Delivery{
		Event: automation.Event{ID: id, Kind: automation.Webhook, Change: provider.Updated, DedupeKey: key, Ref: record.Ref{Connection: "cn", Type: record.Contact, ID: "c-" + id}, ReceivedAt: time.Now()},
		Body:  []byte("sealed " + id),
	}
}

func arriving(ds ...automation.Delivery) []*arrival {
	all := make([]*arrival, len(ds))
	for i, d := range ds {
		all[i] = &arrival{ctx: context.Background(), delivery: d, done: make(chan struct{})}
	}
	return all
}

func TestDeliveriesThatArriveTogetherAreAnsweredEachForItself(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *Store) {
		first := arriving(delivery("ev_1", "a"), delivery("ev_2", "b"), delivery("ev_3", "a"))
		s.arrivals.keep(first, time.Now().Add(time.Minute))
		// One that no database takes must not cost the others theirs: its id is another's.
		second := arriving(delivery("ev_4", "c"), delivery("ev_1", "d"), delivery("ev_5", "b"), delivery("ev_6", "e"))
		s.arrivals.keep(second, time.Now().Add(time.Minute))
		for i, want := range []int{1, 1, 0, 1, -1, 0, 1} {
			a := append(first, second...)[i]
			switch {
			case want < 0 && a.err == nil:
				t.Errorf("%s was taken", a.delivery.Event.DedupeKey)
			case want >= 0 && (a.err != nil || a.fresh != want):
				t.Errorf("%d: fresh %d, %v; want %d", i, a.fresh, a.err, want)
			}
		}
		for id, repeats := range map[string]int{"ev_1": 1, "ev_2": 1, "ev_4": 0, "ev_6": 0} {
			d, err := s.Delivery(t.Context(), id)
			if err != nil || d.Repeats != repeats || string(d.Body) != "sealed "+id || d.Verdict != automation.Accepted {
				t.Errorf("%s: %+v, %v; want %d repeats", id, d, err, repeats)
			}
		}
		if events, err := s.UnroutedEvents(t.Context(), 10); err != nil || len(events) != 4 {
			t.Errorf("%d events, %v", len(events), err)
		}
	})
}

func TestThousandsAtOnceAreStoredOnceEach(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *Store) {
		const different, times = 400, 3
		var all sync.WaitGroup
		var mu sync.Mutex
		fresh := map[string]int{}
		for i := range different * times {
			all.Go(func() {
				key := fmt.Sprintf("k%d", i%different)
				n, err := s.Accept(t.Context(), delivery(fmt.Sprintf("ev_%d", i), key))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				fresh[key] += n
			})
		}
		all.Wait()
		for key, n := range fresh {
			if n != 1 {
				t.Errorf("%s was new %d times", key, n)
			}
		}
		var repeats int
		if err := s.read(t.Context()).Raw("SELECT SUM(repeats) FROM deliveries").Scan(&repeats).Error; err != nil || repeats != different*(times-1) {
			t.Errorf("%d repeats are counted, %v", repeats, err)
		}
	})
}

// A database that hangs must not hang those who wait: each is told within its own time, and what was told is true.
func TestADatabaseThatHangsIsNotWaitedForLongerThanAskedFor(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{PostgresURL: postgrestest.URL(t)})
	if err == nil {
		err = s.Migrate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	hangs, err := s.PGXPool().Begin(t.Context())
	if err == nil {
		_, err = hangs.Exec(t.Context(), "LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
	}
	if err != nil {
		t.Fatal(err)
	}
	const waiting, patience = 600, time.Second
	var all sync.WaitGroup
	for i := range waiting {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			began := time.Now()
			_, err := s.Accept(ctx, delivery(fmt.Sprintf("ev_%d", i), fmt.Sprint(i)))
			if waited := time.Since(began); err == nil || waited > 10*patience {
				t.Errorf("%v after %s", err, waited)
			}
		})
	}
	all.Wait()
	if err := hangs.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Accept(t.Context(), delivery("ev_after", "1")); err != nil || n != 1 {
		t.Errorf("%d, %v once it works again", n, err) // the same delivery was refused before, and is not there
	}
	if events, err := s.UnroutedEvents(t.Context(), 10); err != nil || len(events) != 1 {
		t.Errorf("%d events, %v", len(events), err)
	}
}

func TestWhoGivesUpBeforeItsTurnIsNotStored(t *testing.T) {
	t.Parallel()
	s := openFile(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Accept(gone, delivery("ev_1", "a")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	given := arriving(delivery("ev_2", "b"))[0]
	given.state.Store(givenUp)
	s.arrivals.gather(given)
	if events, err := s.UnroutedEvents(t.Context(), 10); err != nil || len(events) != 0 {
		t.Errorf("%d events, %v", len(events), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(t.Context(), delivery("ev_3", "c")); !errors.Is(err, errClosed) {
		t.Errorf("after the end: %v", err)
	}
}
