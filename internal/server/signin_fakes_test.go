package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
)

// fakeSignIns keeps signed-in browsers in memory.
type fakeSignIns struct {
	mu      sync.Mutex
	signIns []people.SignIn
}

func (f *fakeSignIns) BeginSignIn(_ context.Context, s people.SignIn) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.signIns = append(f.signIns, s)
	return nil
}

func (f *fakeSignIns) SignIn(_ context.Context, id string) (people.SignIn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.IndexFunc(f.signIns, func(s people.SignIn) bool { return s.ID == id }); i >= 0 {
		return f.signIns[i], nil
	}
	return people.SignIn{}, engine.ErrNotFound
}

func (f *fakeSignIns) SignIns(_ context.Context, userID string) ([]people.SignIn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.signIns), func(s people.SignIn) bool { return s.UserID != userID }), nil
}

func (f *fakeSignIns) SeeSignIn(_ context.Context, id, address string, seen time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.signIns {
		if f.signIns[i].ID == id {
			f.signIns[i].Address, f.signIns[i].SeenAt = address, seen
		}
	}
	return nil
}

func (f *fakeSignIns) EndSignIn(_ context.Context, userID, id string) error {
	if f.remove(func(s people.SignIn) bool { return s.ID == id && s.UserID == userID }) == 0 {
		return engine.ErrNotFound
	}
	return nil
}

func (f *fakeSignIns) EndSignIns(_ context.Context, userID, keep string) (int, error) {
	return f.remove(func(s people.SignIn) bool { return s.UserID == userID && s.ID != keep }), nil
}

func (f *fakeSignIns) remove(which func(people.SignIn) bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.signIns)
	f.signIns = slices.DeleteFunc(f.signIns, which)
	return before - len(f.signIns)
}

// fakeTries counts tries in memory, by the clock of the test.
type fakeTries struct {
	now    func() time.Time
	tries  sync.Mutex
	counts map[[32]byte]people.Count
}

func (f *fakeTries) Try(_ context.Context, t people.Try) (wait time.Duration, err error) {
	f.change(t, func(tally people.Tally) people.Tally {
		if wait = tally.Wait(f.now()); wait > 0 {
			return tally
		}
		return tally.Tried(f.now())
	})
	return wait, nil
}

func (f *fakeTries) TrySucceeded(_ context.Context, t people.Try) error {
	f.change(t, people.Tally.Succeeded)
	return nil
}

func (f *fakeTries) change(t people.Try, change func(people.Tally) people.Tally) {
	f.tries.Lock()
	defer f.tries.Unlock()
	if f.counts == nil {
		f.counts = map[[32]byte]people.Count{}
	}
	tally := change(people.Tally{Pair: f.counts[t.Pair], Address: f.counts[t.Address], Account: f.counts[t.Account]})
	f.counts[t.Pair], f.counts[t.Address], f.counts[t.Account] = tally.Pair, tally.Address, tally.Account
}
