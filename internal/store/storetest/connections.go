package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
)

func (b *bundle) connection() connection.Connection {
	return connection.Connection{
		ID: "cn_1", Provider: "highlevel", Name: "Bakery", Account: provider.Account{ID: "loc1", Name: "Bakery", CompanyID: "co1", Zone: "Europe/Berlin", Country: "DE"},
		Auth: connection.ByOAuth, State: connection.Active, Scopes: []string{"contacts.readonly"}, BaseURL: "https://example.com", HookSecret: "hook",
		ClientID: "app", Endpoint: oauth2.Endpoint{AuthURL: "https://a", TokenURL: "https://t", AuthStyle: oauth2.AuthStyleInParams},
		CreatedAt: b.now, CheckedAt: b.now, RotatedAt: b.now, ExpiresAt: b.now.Add(time.Hour),
	}
}

func testConnections(t *testing.T, b *bundle) {
	ctx := t.Context()
	c := b.connection()
	ok(t, b.SaveConnection(ctx, c, []byte("sealed")))
	got, err := b.Connection(ctx, "cn_1")
	ok(t, err)
	if diff := cmp.Diff(c, got); diff != "" {
		t.Errorf("connection (-want +got):\n%s", diff)
	}
	if _, known, err := b.ConnectionByAccount(ctx, "highlevel", "loc1"); err != nil || !known {
		t.Errorf("by account: %v, %v", known, err)
	}
	if _, known, err := b.ConnectionByAccount(ctx, "gleap", "loc1"); err != nil || known {
		t.Errorf("by another provider's account: %v, %v", known, err)
	}
	if _, known, err := b.ConnectionByHook(ctx, "highlevel", "hook"); err != nil || !known {
		t.Errorf("by hook: %v, %v", known, err)
	}
	if _, known, err := b.ConnectionByHook(ctx, "highlevel", ""); err != nil || known {
		t.Errorf("by no hook: %v, %v", known, err)
	}
	sick := c
	sick.State, sick.Problem, sick.ProblemCode, sick.Name = connection.NeedsReconnect, "The access was withdrawn.", "revoked", "Not this"
	ok(t, b.SaveHealth(ctx, sick))
	if got, err = b.Connection(ctx, "cn_1"); err != nil || got.Problem != sick.Problem || got.State != sick.State || got.Name != "Bakery" || got.HookSecret != "hook" {
		t.Errorf("health %+v, %v", got, err)
	}
	ok(t, b.SaveConnection(ctx, c, nil))
	if g, err := b.LoadGrant(ctx, "cn_1"); err != nil || g.Generation != 1 {
		t.Errorf("a save without a grant keeps it: %+v, %v", g, err)
	}
	ok(t, b.SaveConnection(ctx, c, []byte("sealed2")))
	if g, err := b.LoadGrant(ctx, "cn_1"); err != nil || g.Generation != 2 || string(g.Sealed) != "sealed2" {
		t.Errorf("grant %+v, %v", g, err)
	}
	ok(t, b.RemoveConnection(ctx, "cn_1"))
	all, err := b.Connections(ctx)
	ok(t, err)
	if len(all) != 0 {
		t.Errorf("all %v", all)
	}
	for what, err := range map[string]error{
		"grant": second(b.LoadGrant(ctx, "cn_1")), "unknown": second(b.Connection(ctx, "cn_2")), "remove": b.RemoveConnection(ctx, "cn_2"), "late health": b.SaveHealth(ctx, c),
	} {
		if !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("%s: %v, want no such connection", what, err)
		}
	}
	if got, err := b.Connection(ctx, "cn_1"); err != nil || got.State != connection.Removed {
		t.Errorf("removed: %+v, %v", got, err)
	}
}

func testRotate(t *testing.T, b *bundle) {
	ctx := t.Context()
	ok(t, b.SaveConnection(ctx, b.connection(), []byte("one")))
	const racers = 6
	errs := make(chan error, racers)
	expires := b.now.Add(24 * time.Hour)
	for i := range racers {
		go func() { errs <- b.RotateGrant(ctx, "cn_1", 1, []byte(fmt.Sprint("two", i)), b.now, expires) }()
	}
	won := 0
	for range racers {
		switch err := <-errs; {
		case err == nil:
			won++
		case !errors.Is(err, connection.ErrMoved):
			t.Errorf("a loser is told %v", err)
		}
	}
	g, err := b.LoadGrant(ctx, "cn_1")
	ok(t, err)
	c, err := b.Connection(ctx, "cn_1")
	ok(t, err)
	if won != 1 || g.Generation != 2 || !c.ExpiresAt.Equal(expires) {
		t.Errorf("%d won, generation %d, expires %v", won, g.Generation, c.ExpiresAt)
	}
	if err := b.RotateGrant(ctx, "cn_2", 1, nil, b.now, b.now); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("rotating nothing: %v", err)
	}
}

func testLeaseGrant(t *testing.T, b *bundle) {
	ctx := t.Context()
	ok(t, b.SaveConnection(ctx, b.connection(), []byte("one")))
	until := b.now.Add(time.Minute)
	g, had, err := b.LeaseGrant(ctx, "cn_1", "w1", b.now, until)
	ok(t, err)
	want := connection.SealedGrant{Sealed: []byte("one"), Generation: 1, LeaseOwner: "w1", LeaseUntil: until, RetryAt: until}
	if diff := cmp.Diff(want, g); diff != "" || !had {
		t.Errorf("lease (-want +got):\n%s", diff)
	}
	if _, had, err := b.LeaseGrant(ctx, "cn_1", "w2", b.now, until); err != nil || had {
		t.Errorf("a second lease: %v, %v", had, err)
	}
	ok(t, b.ReleaseGrant(ctx, "cn_1", "w2"))
	if _, had, err := b.LeaseGrant(ctx, "cn_1", "w2", b.now, until); err != nil || had {
		t.Errorf("released by another: %v, %v", had, err)
	}
	if _, had, err := b.LeaseGrant(ctx, "cn_1", "w2", until, until.Add(time.Minute)); err != nil || !had {
		t.Errorf("after it ended: %v, %v", had, err)
	}
	ok(t, b.ReleaseGrant(ctx, "cn_1", "w2"))
	if _, had, err := b.LeaseGrant(ctx, "cn_1", "w3", b.now, until); err != nil || !had {
		t.Errorf("after release: %v, %v", had, err)
	}
	ok(t, b.RotateGrant(ctx, "cn_1", 1, []byte("two"), b.now, until))
	if _, had, err := b.LeaseGrant(ctx, "cn_1", "w4", b.now, until); err != nil || !had {
		t.Errorf("a rotation ends the lease: %v, %v", had, err)
	}
	if _, _, err := b.LeaseGrant(ctx, "cn_2", "w1", b.now, until); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("leasing nothing: %v", err)
	}
}

func testPending(t *testing.T, b *bundle) {
	ctx := t.Context()
	p := connection.Pending{
		StateHash: "s1", BindingHash: "b1", Provider: "highlevel", Reconnect: "cn_1", BaseURL: "https://x", Account: "p1", ClientID: "app",
		RedirectURL: "https://r", Endpoint: oauth2.Endpoint{TokenURL: "https://t"}, Scopes: []string{"a"}, Sealed: []byte("v"), ExpiresAt: b.now.Add(time.Minute),
	}
	ok(t, b.PutPending(ctx, p))
	got, err := b.TakePending(ctx, "s1", "other", b.now)
	ok(t, err)
	if diff := cmp.Diff(p, got); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	// That was another browser: it is told whose it is, and ends nothing.
	if got, err = b.TakePending(ctx, "s1", "b1", b.now); err != nil || !cmp.Equal(p, got) {
		t.Errorf("its own browser afterwards: %+v, %v", got, err)
	}
	for _, binding := range []string{"b1", "other"} {
		if _, err := b.TakePending(ctx, "s1", binding, b.now); !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("taken twice, by %s: %v", binding, err)
		}
	}
	ok(t, b.PutPending(ctx, p))
	younger := p
	younger.StateHash, younger.ExpiresAt = "s2", p.ExpiresAt.Add(time.Minute)
	ok(t, b.PutPending(ctx, younger))
	if got, err = b.TakePending(ctx, "", "b1", b.now); err != nil || got.StateHash != "s2" {
		t.Errorf("by binding: %+v, %v", got, err)
	}
	if _, err := b.TakePending(ctx, "s1", "", p.ExpiresAt); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("after it ended: %v", err)
	}
}
