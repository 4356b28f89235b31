package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
)

func testFirstUser(t *testing.T, b *bundle) {
	ctx := t.Context()
	if any, err := b.HasUsers(ctx); err != nil || any {
		t.Errorf("users in an empty house: %v, %v", any, err)
	}
	const racers = 8
	errs := make(chan error, racers)
	for i := range racers {
		go func() {
			errs <- b.CreateFirstUser(ctx, people.User{ID: fmt.Sprint("us_", i), Email: fmt.Sprintf("%d@example.com", i), PasswordHash: "h", CreatedAt: b.now})
		}()
	}
	won := 0
	for range racers {
		switch err := <-errs; {
		case err == nil:
			won++
		case !errors.Is(err, engine.ErrConflict):
			t.Errorf("a loser is told %v", err)
		}
	}
	if any, err := b.HasUsers(ctx); won != 1 || err != nil || !any {
		t.Errorf("%d won; users: %v, %v", won, any, err)
	}
}

func testUsers(t *testing.T, b *bundle) {
	ctx := t.Context()
	u := people.User{ID: "us_1", Email: "Jane@Example.com", PasswordHash: "h", CreatedAt: b.now}
	ok(t, b.CreateFirstUser(ctx, u))
	got, err := b.UserByEmail(ctx, " jane@example.COM ")
	ok(t, err)
	if diff := cmp.Diff(u, got); diff != "" {
		t.Errorf("user (-want +got):\n%s", diff)
	}
	ok(t, b.SetPassword(ctx, "us_1", "h2", ""))
	if got, err = b.UserByID(ctx, "us_1"); err != nil || got.PasswordHash != "h2" {
		t.Errorf("user %+v, %v", got, err)
	}
	for what, err := range map[string]error{
		"by email": second(b.UserByEmail(ctx, "joe@example.com")), "by id": second(b.UserByID(ctx, "us_2")), "password": b.SetPassword(ctx, "us_2", "h", ""),
	} {
		if !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("an unknown user %s: %v", what, err)
		}
	}
}

func testSessions(t *testing.T, b *bundle) {
	ctx := t.Context()
	s := b.Sessions()
	ok(t, s.CommitCtx(ctx, "token", []byte("one"), time.Now().Add(time.Hour)))
	ok(t, s.CommitCtx(ctx, "token", []byte("two"), time.Now().Add(time.Hour)))
	ok(t, s.CommitCtx(ctx, "old", []byte("x"), time.Now().Add(-time.Second)))
	if data, found, err := s.FindCtx(ctx, "token"); err != nil || !found || string(data) != "two" {
		t.Errorf("session %q, %v, %v", data, found, err)
	}
	for _, token := range []string{"old", "none"} {
		if _, found, err := s.FindCtx(ctx, token); err != nil || found {
			t.Errorf("session %q: %v, %v", token, found, err)
		}
	}
	db := b.SQLDB()
	var n int
	ok(t, db.QueryRowContext(ctx, "SELECT COUNT(*) FROM sessions WHERE CAST(token_hash AS TEXT) LIKE '%token%'").Scan(&n))
	if n != 0 {
		t.Error("the token is in the database")
	}
	ok(t, s.Delete("token"))
	if _, found, err := s.Find("token"); err != nil || found {
		t.Errorf("after its end: %v, %v", found, err)
	}
}

func testSettings(t *testing.T, b *bundle) {
	ctx := t.Context()
	if _, known, err := b.Setting(ctx, "x"); err != nil || known {
		t.Errorf("unknown setting: %v, %v", known, err)
	}
	ok(t, b.PutSetting(ctx, "x", []byte{1, 0, 255}))
	ok(t, b.PutSetting(ctx, "empty", nil))
	ok(t, b.PutSetting(ctx, "x", []byte{2, 0, 255}))
	got, known, err := b.Setting(ctx, "x")
	ok(t, err)
	if !known || string(got) != "\x02\x00\xff" {
		t.Errorf("setting % x", got)
	}
	if got, known, err := b.Setting(ctx, "empty"); err != nil || !known || len(got) != 0 {
		t.Errorf("empty setting: %v, %v, %v", got, known, err)
	}
}
