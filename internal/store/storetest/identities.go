package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
)

func testIdentities(t *testing.T, b *bundle) {
	ctx := t.Context()
	for _, id := range []string{"us_1", "us_2"} {
		u := people.User{ID: id, Email: id + "@example.com", PasswordHash: "x", CreatedAt: b.now}
		if id == "us_1" {
			ok(t, b.CreateFirstUser(ctx, u))
			continue
		}
		all, err := b.MembershipsOf(ctx, "us_1")
		ok(t, err)
		ok(t, b.CreateInvite(ctx, people.Invite{ID: "iv_1", Workspace: all[0].Workspace, Role: people.Viewer, CreatedAt: b.now, ExpiresAt: b.now.Add(time.Hour)}, people.HashInviteToken("t")))
		_, err = b.AcceptInvite(ctx, people.HashInviteToken("t"), u, true, b.now)
		ok(t, err)
	}
	jane := people.Identity{Provider: "highlevel", CompanyID: "co", UserID: "hl-jane", Name: "Jane", Email: "jane@example.com"}
	offer := func(code string, expires time.Time) []byte {
		hash := people.HashOfferCode(code)
		ok(t, b.OfferIdentity(ctx, hash, jane, expires))
		return hash
	}
	if _, err := b.UserOfIdentity(ctx, jane); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("nobody linked it: %v", err)
	}
	late := offer("LATE-LATE", b.now.Add(-time.Second))
	for name, hash := range map[string][]byte{"run out": late, "unknown": people.HashOfferCode("NONE-SUCH")} {
		if _, err := b.OfferedIdentity(ctx, hash, b.now); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("a code that is %s: %v", name, err)
		}
		if _, err := b.LinkIdentity(ctx, hash, "us_1", b.now); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("a code that is %s links: %v", name, err)
		}
	}
	first := offer("ABCD-EFGH", b.now.Add(time.Minute))
	got, err := b.OfferedIdentity(ctx, first, b.now)
	ok(t, err)
	if diff := cmp.Diff(jane, got); diff != "" {
		t.Errorf("offered (-want +got):\n%s", diff)
	}
	_, err = b.LinkIdentity(ctx, first, "us_1", b.now)
	ok(t, err)
	if _, err := b.LinkIdentity(ctx, first, "us_1", b.now); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("a code links twice: %v", err)
	}
	if who, err := b.UserOfIdentity(ctx, jane); err != nil || who != "us_1" {
		t.Errorf("it is %q, %v", who, err)
	}
	// What is somebody's does not become another's by a code; again the same person's it may.
	if _, err := b.LinkIdentity(ctx, offer("2222-2222", b.now.Add(time.Minute)), "us_2", b.now); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("another person takes it: %v", err)
	}
	_, err = b.LinkIdentity(ctx, offer("3333-3333", b.now.Add(time.Minute)), "us_1", b.now)
	ok(t, err)
	mine, err := b.IdentitiesOf(ctx, "us_1")
	ok(t, err)
	linked := jane
	linked.LinkedAt = b.now
	if diff := cmp.Diff([]people.Identity{linked}, mine); diff != "" {
		t.Errorf("theirs (-want +got):\n%s", diff)
	}
	if err := b.UnlinkIdentity(ctx, "us_2", jane); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("another person unlinks it: %v", err)
	}
	ok(t, b.UnlinkIdentity(ctx, "us_1", jane))
	if _, err := b.UserOfIdentity(ctx, jane); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("it is still somebody's: %v", err)
	}
	for i, want := range []bool{true, false, false} {
		if fresh, err := b.SpendContext(ctx, []byte("saltsalt"), b.now); err != nil || fresh != want {
			t.Errorf("spent the %d. time: %v, %v", i+1, fresh, err)
		}
	}
	if fresh, err := b.SpendContext(ctx, []byte("othersal"), b.now); err != nil || !fresh {
		t.Errorf("another one: %v, %v", fresh, err)
	}
}
