package server

import (
	"context"
	"maps"
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
		if wait = t.Wait(tally, f.now()); wait > 0 {
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

// fakeFactors keeps second factors in memory.
type fakeFactors struct {
	factors sync.Mutex
	kept    map[string]people.SecondFactor
	codes   map[string]map[string]bool // by person and hash: not used yet
}

func (f *fakeFactors) SecondFactor(_ context.Context, userID string) (people.SecondFactor, error) {
	f.factors.Lock()
	defer f.factors.Unlock()
	x, ok := f.kept[userID]
	if !ok {
		return x, engine.ErrNotFound
	}
	x.CodesLeft = len(f.codes[userID])
	return x, nil
}

// change works on a person's factor if it is there and as wanted.
func (f *fakeFactors) changeFactor(userID string, fits func(people.SecondFactor) bool, do func(*people.SecondFactor)) bool {
	f.factors.Lock()
	defer f.factors.Unlock()
	x, ok := f.kept[userID]
	if !ok || !fits(x) {
		return false
	}
	do(&x)
	f.kept[userID] = x
	return true
}

func (f *fakeFactors) BeginSecondFactor(_ context.Context, userID string, sealed []byte, begun time.Time) error {
	f.factors.Lock()
	defer f.factors.Unlock()
	if f.kept[userID].On() {
		return engine.ErrConflict
	}
	if f.kept == nil {
		f.kept, f.codes = map[string]people.SecondFactor{}, map[string]map[string]bool{}
	}
	f.kept[userID] = people.SecondFactor{UserID: userID, Sealed: sealed, BegunAt: begun}
	return nil
}

func (f *fakeFactors) ConfirmSecondFactor(ctx context.Context, userID string, begun time.Time, step int64, codes [][]byte, _ string) error {
	if !f.changeFactor(userID, func(x people.SecondFactor) bool { return !x.On() && x.BegunAt.Equal(begun) }, func(x *people.SecondFactor) {
		x.ConfirmedAt, x.LastStep = begun, step
	}) {
		return engine.ErrConflict
	}
	return f.ReplaceRecoveryCodes(ctx, userID, codes)
}

func (f *fakeFactors) TakeStep(_ context.Context, userID string, step int64) (bool, error) {
	return f.changeFactor(userID, func(x people.SecondFactor) bool { return x.On() && x.LastStep < step }, func(x *people.SecondFactor) { x.LastStep = step }), nil
}

func (f *fakeFactors) TakeRecoveryCode(_ context.Context, userID string, hash []byte) (bool, error) {
	f.factors.Lock()
	defer f.factors.Unlock()
	left := f.codes[userID][string(hash)]
	maps.DeleteFunc(f.codes[userID], func(h string, _ bool) bool { return h == string(hash) })
	return left, nil
}

func (f *fakeFactors) ReplaceRecoveryCodes(_ context.Context, userID string, codes [][]byte) error {
	f.factors.Lock()
	defer f.factors.Unlock()
	f.codes[userID] = map[string]bool{}
	for _, c := range codes {
		f.codes[userID][string(c)] = true
	}
	return nil
}

func (f *fakeFactors) DropSecondFactor(_ context.Context, userID string) (bool, error) {
	f.factors.Lock()
	defer f.factors.Unlock()
	_, ok := f.kept[userID]
	delete(f.kept, userID)
	delete(f.codes, userID)
	return ok, nil
}

// fakeResets keeps one link, for us_jane.
type fakeResets struct {
	link    string
	expires time.Time
}

func (f *fakeResets) Reset(_ context.Context, token string, now time.Time) (string, error) {
	if f.link == "" || token != f.link || !now.Before(f.expires) {
		return "", engine.ErrNotFound
	}
	return "us_jane", nil
}
