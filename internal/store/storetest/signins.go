package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/record"
)

// person makes the one user there can be.
func (b *bundle) person(t testing.TB) people.User {
	t.Helper()
	u := people.User{ID: "us_1", Email: "jane@example.com", PasswordHash: "h", CreatedAt: b.now}
	ok(t, b.CreateFirstUser(t.Context(), u))
	return u
}

func (b *bundle) signIn(t testing.TB, id string, seen time.Time) people.SignIn {
	t.Helper()
	s := people.SignIn{ID: id, UserID: "us_1", UserAgent: "Firefox/140", Address: "198.51.100.7", BeganAt: b.now.Add(-time.Hour), SeenAt: seen, Framed: id == "si_2"}
	ok(t, b.BeginSignIn(t.Context(), s))
	return s
}

func testFramesEnd(t *testing.T, b *bundle) {
	ctx := t.Context()
	jane := b.person(t)
	theirs := people.Identity{Provider: "highlevel", CompanyID: "co", UserID: "hl-jane", Name: "Jane"}
	left := func(want ...string) {
		t.Helper()
		all, err := b.SignIns(ctx, jane.ID)
		ok(t, err)
		var ids []string
		for _, x := range all {
			ids = append(ids, x.ID)
		}
		slices.Sort(ids)
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("signed in are (-want +got):\n%s", diff)
		}
	}
	for i, id := range []record.ConnectionID{"cn_removed", "cn_uninstalled", "cn_stays"} {
		c := b.connection()
		c.ID, c.Account.ID, c.HookSecret = id, "place of "+string(id), "hook of "+string(id)
		ok(t, b.SaveConnection(ctx, c, []byte("sealed")))
		x := people.SignIn{ID: fmt.Sprint("si_", i), UserID: jane.ID, BeganAt: b.now, SeenAt: b.now, Framed: true, Place: c.Account.ID, CompanyID: "co", ProviderUser: "hl-jane"}
		ok(t, b.BeginSignIn(ctx, x))
		if got, err := b.SignIn(ctx, x.ID); err != nil || got != x {
			t.Errorf("it reads back as %+v, %v", got, err)
		}
	}
	ok(t, b.BeginSignIn(ctx, people.SignIn{ID: "si_window", UserID: jane.ID, BeganAt: b.now, SeenAt: b.now}))
	ok(t, b.BeginSignIn(ctx, people.SignIn{ID: "si_other", UserID: jane.ID, BeganAt: b.now, SeenAt: b.now, Framed: true, Place: "place of cn_stays", CompanyID: "co", ProviderUser: "hl-jane-too"}))
	ok(t, b.RemoveConnection(ctx, "cn_removed"))
	left("si_1", "si_2", "si_other", "si_window")
	ok(t, b.UninstallConnection(ctx, "cn_uninstalled", "It was uninstalled.", b.now))
	left("si_2", "si_other", "si_window")
	code := people.HashOfferCode("ABCD-EFGH")
	ok(t, b.OfferIdentity(ctx, code, theirs, b.now.Add(time.Minute)))
	_, err := b.LinkIdentity(ctx, code, jane.ID, b.now)
	ok(t, err)
	ok(t, b.UnlinkIdentity(ctx, jane.ID, theirs))
	left("si_other", "si_window")
}

func testSignIns(t *testing.T, b *bundle) {
	ctx := t.Context()
	b.person(t)
	old, young := b.signIn(t, "si_1", b.now.Add(-time.Minute)), b.signIn(t, "si_2", b.now)
	all, err := b.SignIns(ctx, "us_1")
	ok(t, err)
	if diff := cmp.Diff([]people.SignIn{young, old}, all); diff != "" {
		t.Errorf("sign-ins (-want +got):\n%s", diff)
	}
	ok(t, b.SeeSignIn(ctx, "si_1", "198.51.100.8", b.now.Add(time.Minute)))
	ok(t, b.SeeSignIn(ctx, "si_1", "198.51.100.9", b.now)) // a slow request of before changes nothing
	ok(t, b.SeeSignIn(ctx, "si_9", "198.51.100.9", b.now))
	got, err := b.SignIn(ctx, "si_1")
	ok(t, err)
	if got.Address != "198.51.100.8" || !got.SeenAt.Equal(b.now.Add(time.Minute)) {
		t.Errorf("used: %+v", got)
	}
	long := people.SignIn{ID: "si_3", UserID: "us_1", UserAgent: strings.Repeat("x\x00", 900), BeganAt: b.now, SeenAt: b.now}
	ok(t, b.BeginSignIn(ctx, long))
	if got, err := b.SignIn(ctx, "si_3"); err != nil || len(got.UserAgent) > 2000 {
		t.Errorf("%d bytes of a name are kept, %v", len(got.UserAgent), err)
	}
	for what, err := range map[string]error{
		"somebody else's": b.EndSignIn(ctx, "us_2", "si_1"), "unknown": b.EndSignIn(ctx, "us_1", "si_9"), "read": second(b.SignIn(ctx, "si_9")),
	} {
		if !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("a sign-in, %s: %v", what, err)
		}
	}
	ok(t, b.EndSignIn(ctx, "us_1", "si_1"))
	if n, err := b.EndSignIns(ctx, "us_1", "si_2"); err != nil || n != 1 {
		t.Errorf("%d others ended, %v", n, err)
	}
	if all, err = b.SignIns(ctx, "us_1"); err != nil || len(all) != 1 || all[0].ID != "si_2" {
		t.Errorf("left: %+v, %v", all, err)
	}
	// Those that are over are forgotten.
	b.signIn(t, "si_4", time.Now().Add(-people.IdleAfter-time.Minute))
	ok(t, b.Prune(ctx, b.now, b.now))
	if all, err = b.SignIns(ctx, "us_1"); err != nil || len(all) != 1 {
		t.Errorf("after pruning: %+v, %v", all, err)
	}
}

func testPasswordEndsSignIns(t *testing.T, b *bundle) {
	ctx := t.Context()
	b.person(t)
	for _, id := range []string{"si_1", "si_2", "si_3"} {
		b.signIn(t, id, b.now)
	}
	ok(t, b.SetPassword(ctx, "us_1", "h2", "si_2"))
	if all, err := b.SignIns(ctx, "us_1"); err != nil || len(all) != 1 || all[0].ID != "si_2" {
		t.Errorf("left: %+v, %v", all, err)
	}
	ok(t, b.SetPassword(ctx, "us_1", "h3", ""))
	if all, err := b.SignIns(ctx, "us_1"); err != nil || len(all) != 0 {
		t.Errorf("left: %+v, %v", all, err)
	}
}

// Whoever got at an account may have linked a HighLevel user of theirs: a reset ends that way in too, one's own change of
// password does not.
func testResetUnlinks(t *testing.T, b *bundle) {
	ctx := t.Context()
	b.person(t)
	link := func() {
		t.Helper()
		hash := people.HashOfferCode("ABCD-EFGH")
		ok(t, b.OfferIdentity(ctx, hash, people.Identity{Provider: "highlevel", CompanyID: "co", UserID: "theirs"}, b.now.Add(time.Minute)))
		_, err := b.LinkIdentity(ctx, hash, "us_1", b.now)
		ok(t, err)
	}
	linked := func(after string, want int) {
		t.Helper()
		if all, err := b.IdentitiesOf(ctx, "us_1"); err != nil || len(all) != want {
			t.Errorf("after %s %d are linked, %v; want %d", after, len(all), err, want)
		}
	}
	link()
	ok(t, b.SetPassword(ctx, "us_1", "h", "si_own"))
	linked("one's own change", 1)
	ok(t, b.BeginReset(ctx, "us_1", "token", b.now.Add(time.Hour)))
	linked("a link was made", 0)
	link()
	ok(t, b.FinishReset(ctx, "token", "h", b.now))
	linked("it was used", 0)
	link()
	ok(t, b.SetPassword(ctx, "us_1", "h", ""))
	linked("the operator set it", 0)
}

func testReset(t *testing.T, b *bundle) {
	ctx := t.Context()
	b.person(t)
	b.signIn(t, "si_1", b.now)
	until := b.now.Add(time.Hour)
	ok(t, b.BeginReset(ctx, "us_1", "first", until))
	ok(t, b.BeginReset(ctx, "us_1", "second", until))
	if all, err := b.SignIns(ctx, "us_1"); err != nil || len(all) != 0 {
		t.Errorf("still signed in: %+v, %v", all, err)
	}
	if id, err := b.Reset(ctx, "second", b.now); err != nil || id != "us_1" {
		t.Errorf("whose link: %q, %v", id, err)
	}
	for what, err := range map[string]error{
		"replaced": b.FinishReset(ctx, "first", "h2", b.now), "unknown": b.FinishReset(ctx, "third", "h2", b.now),
		"run out": b.FinishReset(ctx, "second", "h2", until), "read run out": second(b.Reset(ctx, "second", until)),
	} {
		if !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("a link, %s: %v", what, err)
		}
	}
	b.signIn(t, "si_2", b.now)
	ok(t, b.FinishReset(ctx, "second", "h2", b.now))
	if err := b.FinishReset(ctx, "second", "h3", b.now); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("used twice: %v", err)
	}
	all, err := b.Users(ctx)
	if err != nil || len(all) != 1 || all[0].PasswordHash != "h2" {
		t.Errorf("users: %+v, %v", all, err)
	}
	if left, err := b.SignIns(ctx, "us_1"); err != nil || len(left) != 0 {
		t.Errorf("still signed in: %+v, %v", left, err)
	}
}
