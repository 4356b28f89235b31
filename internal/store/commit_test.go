package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"crosswalk/internal/engine"
)

func openFile(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{SQLitePath: filepath.Join(t.TempDir(), "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// together makes the writes share one commit: the committer is held inside a first write until all are queued.
func together(t *testing.T, s *Store, writes ...func(*unit) error) []error {
	t.Helper()
	inside, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	var once sync.Once
	wg.Go(func() {
		if err := s.write(context.Background(), func(*unit) error {
			once.Do(func() { close(inside); <-release })
			return nil
		}); err != nil {
			t.Errorf("hold the committer: %v", err)
		}
	})
	<-inside
	errs := make([]error, len(writes))
	requests := make([]*request, len(writes))
	for i, fn := range writes {
		requests[i] = &request{ctx: context.Background(), fn: fn, done: make(chan struct{})}
		s.commits.queue <- requests[i]
	}
	close(release)
	for i, r := range requests {
		<-r.done
		errs[i] = r.err
		if r.panic != nil {
			errs[i] = fmt.Errorf("panic: %v", r.panic)
		}
	}
	wg.Wait()
	return errs
}

func put(name string, end func() error) func(*unit) error {
	return func(u *unit) error {
		if err := u.Create(&settingRow{Name: name, Value: []byte("v")}).Error; err != nil {
			return err
		}
		return end()
	}
}

func fine() error { return nil }

func TestOneFailingWriteDoesNotFailTheOthersOfItsCommit(t *testing.T) {
	t.Parallel()
	s := openFile(t)
	broken := errors.New("broken")
	errs := together(t, s,
		put("a", fine),
		put("b", func() error { return broken }),
		put("c", fine),
		put("d", func() error { panic("out of mind") }),
		put("a", fine), // the database itself refuses the second of a name
		put("e", fine),
	)
	for i, want := range []bool{true, false, true, false, false, true} {
		if (errs[i] == nil) != want {
			t.Errorf("write %d answers %v", i, errs[i])
		}
	}
	if !errors.Is(errs[1], broken) || !strings.Contains(fmt.Sprint(errs[3]), "out of mind") {
		t.Errorf("each is told its own reason: %v, %v", errs[1], errs[3])
	}
	for name, want := range map[string]bool{"a": true, "b": false, "c": true, "d": false, "e": true} {
		if _, there, err := s.Setting(t.Context(), name); err != nil || there != want {
			t.Errorf("setting %s is there: %v (%v), want %v", name, there, err, want)
		}
	}
}

func TestWritesThatShareACommitWakeTheRouterOnce(t *testing.T) {
	t.Parallel()
	s := openFile(t)
	var calls int
	broken := errors.New("the queue is broken for one")
	s.OnEnqueue(func(context.Context, Tx, []engine.Job) error {
		calls++
		if calls == 1 {
			return broken
		}
		return nil
	})
	wake := func(u *unit) error { return u.wakeRouter() }
	errs := together(t, s, wake, wake, wake)
	// The first try fails with the first wake-up. Run again, each for itself, the first enqueues for all.
	if err := errors.Join(errs...); err != nil || calls != 2 {
		t.Errorf("%d wake-ups, %v", calls, err)
	}
}

func TestAPanickingWritePanicsAtItsCaller(t *testing.T) {
	t.Parallel()
	s := openFile(t)
	func() {
		defer func() {
			if p := recover(); p != "out of mind" {
				t.Errorf("recovered %v", p)
			}
		}()
		_ = s.write(t.Context(), func(*unit) error { panic("out of mind") })
	}()
	if err := s.PutSetting(t.Context(), "x", nil); err != nil {
		t.Errorf("the committer did not survive: %v", err)
	}
}

func TestAWriteThatBeganIsAnsweredTruthfullyWhenItsCallerIsTold(t *testing.T) {
	t.Parallel()
	s := openFile(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.write(ctx, func(u *unit) error {
		cancel() // too late: the caller waits, and hears that it is stored
		return u.Create(&settingRow{Name: "x", Value: []byte("v")}).Error
	})
	if err != nil {
		t.Errorf("write answers %v", err)
	}
	if _, there, err := s.Setting(t.Context(), "x"); err != nil || !there {
		t.Errorf("it is there: %v, %v", there, err)
	}
}

func TestACallerThatGivesUpInTheQueueIsNotServed(t *testing.T) {
	t.Parallel()
	s := openFile(t)
	ctx, cancel := context.WithCancel(t.Context())
	inside, release := make(chan struct{}), make(chan struct{})
	held := make(chan error, 1)
	go func() {
		held <- s.write(context.Background(), func(*unit) error { close(inside); <-release; return nil })
	}()
	<-inside
	waits := make(chan error, 1)
	ran := false
	go func() { waits <- s.write(ctx, func(*unit) error { ran = true; return nil }) }()
	cancel()
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Errorf("it is told %v", err)
	}
	close(release)
	if err := <-held; err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if ran {
		t.Error("its write ran after it had left")
	}
	if err := s.PutSetting(t.Context(), "late", nil); !errors.Is(err, errClosed) {
		t.Errorf("a write after close: %v", err)
	}
}
