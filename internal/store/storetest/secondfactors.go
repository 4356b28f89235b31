package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
)

func testSecondFactor(t *testing.T, b *bundle) {
	ctx := t.Context()
	b.person(t)
	if _, err := b.SecondFactor(ctx, "us_1"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("none yet: %v", err)
	}
	codes := people.RecoveryHashes("us_1", []string{"a", "b", "c"})
	// Before it is confirmed nothing of it counts.
	ok(t, b.BeginSecondFactor(ctx, "us_1", []byte("first"), b.now))
	ok(t, b.BeginSecondFactor(ctx, "us_1", []byte("second"), b.now.Add(time.Second)))
	if taken, err := b.TakeStep(ctx, "us_1", 7); err != nil || taken {
		t.Errorf("a code of a secret that is not confirmed: %v, %v", taken, err)
	}
	if err := b.ConfirmSecondFactor(ctx, "us_1", b.now, 7, codes, ""); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("the first secret was confirmed after the second was shown: %v", err)
	}
	b.signIn(t, "si_1", b.now)
	b.signIn(t, "si_2", b.now)
	ok(t, b.ConfirmSecondFactor(ctx, "us_1", b.now.Add(time.Second), 7, codes, "si_1"))
	f, err := b.SecondFactor(ctx, "us_1")
	ok(t, err)
	if !f.On() || string(f.Sealed) != "second" || f.LastStep != 7 || f.CodesLeft != 3 {
		t.Errorf("confirmed: %+v", f)
	}
	if all, err := b.SignIns(ctx, "us_1"); err != nil || len(all) != 1 || all[0].ID != "si_1" {
		t.Errorf("signed in: %+v, %v", all, err)
	}
	for what, err := range map[string]error{
		"begun while on":   b.BeginSecondFactor(ctx, "us_1", []byte("third"), b.now),
		"confirmed twice":  b.ConfirmSecondFactor(ctx, "us_1", b.now.Add(time.Second), 9, codes, ""),
		"without a person": b.ConfirmSecondFactor(ctx, "us_9", b.now, 9, codes, ""),
	} {
		if !errors.Is(err, engine.ErrConflict) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Of many that show one code, one passes.
	once := func(what string, take func() (bool, error)) {
		var passed atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				taken, err := take()
				if err != nil {
					t.Error(err)
				}
				if taken {
					passed.Add(1)
				}
			})
		}
		all.Wait()
		if passed.Load() != 1 {
			t.Errorf("%s passed %d times", what, passed.Load())
		}
	}
	once("a step", func() (bool, error) { return b.TakeStep(ctx, "us_1", 8) })
	once("a recovery code", func() (bool, error) { return b.TakeRecoveryCode(ctx, "us_1", codes[1]) })
	for what, take := range map[string]func() (bool, error){
		"a step before the last":         func() (bool, error) { return b.TakeStep(ctx, "us_1", 7) },
		"an unknown code":                func() (bool, error) { return b.TakeRecoveryCode(ctx, "us_1", people.RecoveryHash("us_1", "x")) },
		"somebody else with a good code": func() (bool, error) { return b.TakeRecoveryCode(ctx, "us_2", codes[0]) },
	} {
		if taken, err := take(); err != nil || taken {
			t.Errorf("%s: %v, %v", what, taken, err)
		}
	}
	if f, err = b.SecondFactor(ctx, "us_1"); err != nil || f.CodesLeft != 2 || f.LastStep != 8 {
		t.Errorf("afterwards: %+v, %v", f, err)
	}
	ok(t, b.ReplaceRecoveryCodes(ctx, "us_1", people.RecoveryHashes("us_1", []string{"d"})))
	if taken, err := b.TakeRecoveryCode(ctx, "us_1", codes[0]); err != nil || taken {
		t.Errorf("a code that was replaced: %v, %v", taken, err)
	}
	for i, want := range []bool{true, false} {
		if dropped, err := b.DropSecondFactor(ctx, "us_1"); err != nil || dropped != want {
			t.Errorf("dropped %d: %v, %v", i, dropped, err)
		}
	}
	ok(t, b.BeginSecondFactor(ctx, "us_1", []byte("again"), b.now))
	if f, err = b.SecondFactor(ctx, "us_1"); err != nil || f.CodesLeft != 0 || f.LastStep != 0 {
		t.Errorf("begun again: %+v, %v", f, err)
	}
}
