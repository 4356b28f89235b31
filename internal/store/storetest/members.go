package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
)

// peopled is a workspace with its founder, us_1.
func (b *bundle) peopled(t *testing.T) people.Workspace {
	t.Helper()
	ok(t, b.CreateFirstUser(t.Context(), people.User{ID: "us_1", Email: "jane@example.com", PasswordHash: "h", CreatedAt: b.now}))
	all, err := b.MembershipsOf(t.Context(), "us_1")
	ok(t, err)
	return all[0].Workspace
}

func (b *bundle) invite(t *testing.T, w people.Workspace, token string, role people.Role, email string) people.Invite {
	t.Helper()
	i := people.Invite{ID: "iv_" + token, Workspace: w, Role: role, Email: email, MadeBy: "jane@example.com", CreatedAt: b.now, ExpiresAt: b.now.Add(people.InviteLife)}
	ok(t, b.CreateInvite(t.Context(), i, people.HashInviteToken(token)))
	return i
}

func testInvites(t *testing.T, b *bundle) {
	ctx := t.Context()
	w := b.peopled(t)
	b.invite(t, w, "one", people.Editor, "")
	hash := people.HashInviteToken("one")
	if i, err := b.InviteByToken(ctx, hash, b.now); err != nil || i.Workspace.Name != w.Name || i.Role != people.Editor || !i.Open(b.now) {
		t.Errorf("invite %+v, %v", i, err)
	}
	// Of many who have the link one gets in.
	const racers = 8
	errs := make(chan error, racers)
	for n := range racers {
		go func() {
			_, err := b.AcceptInvite(ctx, hash, people.User{ID: fmt.Sprint("us_r", n), Email: fmt.Sprintf("r%d@example.com", n), PasswordHash: "h"}, true, b.now)
			errs <- err
		}()
	}
	won := 0
	for range racers {
		switch err := <-errs; {
		case err == nil:
			won++
		case !errors.Is(err, engine.ErrNotFound):
			t.Errorf("a loser is told %v", err)
		}
	}
	members, err := b.Members(ctx, w.ID)
	ok(t, err)
	if won != 1 || len(members) != 2 || members[1].Role != people.Editor {
		t.Fatalf("%d got in, and the members are %+v", won, members)
	}
	// Nobody gets in by one that is over, bound to another, or revoked; and no account is left behind.
	b.invite(t, w, "late", people.Viewer, "")
	b.invite(t, w, "bound", people.Viewer, "Omar@example.com")
	b.invite(t, w, "revoked", people.Viewer, "")
	ok(t, b.RevokeInvite(ctx, w.ID, "iv_revoked"))
	if err := b.RevokeInvite(ctx, w.ID, "iv_revoked"); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("revoking twice: %v", err)
	}
	if err := b.RevokeInvite(ctx, "ws_other", "iv_bound"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("revoking another workspace's: %v", err)
	}
	guest := people.User{ID: "us_guest", Email: "guest@example.com", PasswordHash: "h"}
	for token, when := range map[string]time.Time{"late": b.now.Add(people.InviteLife), "bound": b.now, "revoked": b.now, "unknown": b.now} {
		if _, err := b.AcceptInvite(ctx, people.HashInviteToken(token), guest, true, when); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("%s: %v", token, err)
		}
	}
	if _, err := b.UserByID(ctx, guest.ID); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("an account was left behind: %v", err)
	}
	taken := people.User{ID: "us_twin", Email: " JANE@example.com", PasswordHash: "h"}
	if _, err := b.AcceptInvite(ctx, people.HashInviteToken("late"), taken, true, b.now); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("an email that is taken: %v", err)
	}
	// The invite is still good for who comes with an email of their own, and makes nobody less than they are.
	jane, err := b.UserByEmail(ctx, "jane@example.com")
	ok(t, err)
	if _, err := b.AcceptInvite(ctx, people.HashInviteToken("late"), jane, false, b.now); err != nil {
		t.Error(err)
	}
	if all, err := b.MembershipsOf(ctx, "us_1"); err != nil || len(all) != 1 || all[0].Role != people.Owner {
		t.Errorf("the founder is %+v, %v", all, err)
	}
	list, err := b.Invites(ctx, w.ID)
	ok(t, err)
	open := 0
	for _, i := range list {
		if i.Open(b.now) {
			open++
		}
	}
	if len(list) != 4 || open != 1 {
		t.Errorf("%d invites, %d of them open", len(list), open)
	}
}

func testLastOwner(t *testing.T, b *bundle) {
	ctx := t.Context()
	w := b.peopled(t)
	for what, err := range map[string]error{"demoted": b.SetRole(ctx, w.ID, "us_1", people.Editor), "removed": b.RemoveMember(ctx, w.ID, "us_1")} {
		if !errors.Is(err, people.ErrLastOwner) {
			t.Errorf("the last owner is %s: %v", what, err)
		}
	}
	for what, err := range map[string]error{"stranger": b.SetRole(ctx, w.ID, "us_9", people.Editor), "elsewhere": b.RemoveMember(ctx, "ws_9", "us_1")} {
		if !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Two owners who remove each other at the same moment leave one.
	b.invite(t, w, "two", people.Owner, "")
	_, err := b.AcceptInvite(ctx, people.HashInviteToken("two"), people.User{ID: "us_2", Email: "omar@example.com", PasswordHash: "h"}, true, b.now)
	ok(t, err)
	errs := make(chan error, 2)
	go func() { errs <- b.RemoveMember(ctx, w.ID, "us_1") }()
	go func() { errs <- b.SetRole(ctx, w.ID, "us_2", people.Viewer) }()
	first, second := <-errs, <-errs
	if (first == nil) == (second == nil) || !errors.Is(errors.Join(first, second), people.ErrLastOwner) {
		t.Errorf("they are told %v and %v", first, second)
	}
	members, err := b.Members(ctx, w.ID)
	ok(t, err)
	owners := 0
	for _, m := range members {
		if m.Role == people.Owner {
			owners++
		}
	}
	if owners != 1 {
		t.Errorf("%d owners are left of %+v", owners, members)
	}
}
