package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/people"
)

func testActIsWrittenWithItsWrite(t *testing.T, b *bundle) {
	ctx := t.Context()
	const workspace = "ws_of_the_acts"
	act := func(id string) people.AuditEntry {
		return people.AuditEntry{ID: id, At: b.now, Workspace: workspace, Actor: "jane@example.com", Kind: people.AuditSettings}
	}
	put := func(ctx context.Context, name, value string) error { return b.PutSetting(ctx, name, []byte(value)) }
	ok(t, put(people.WithActs(ctx, act("ad_1"), act("ad_2")), "first", "kept"))
	// The second entry cannot be written: so neither is the first, and what was to be done is not.
	if err := put(people.WithActs(ctx, act("ad_3"), act("ad_1")), "second", "lost"); err == nil {
		t.Error("an entry that cannot be written does not stop the write")
	}
	for name, want := range map[string]bool{"first": true, "second": false} {
		if _, there, err := b.Setting(ctx, name); err != nil || there != want {
			t.Errorf("%s is there: %v, %v", name, there, err)
		}
	}
	// A write that fails leaves no entry, and a context is for one write.
	if err := b.RenameWorkspace(people.WithActs(ctx, act("ad_4")), "ws_none", "New"); err == nil {
		t.Error("a workspace that is not there is renamed")
	}
	once := people.WithActs(ctx, act("ad_5"))
	ok(t, put(once, "third", "kept"))
	ok(t, put(once, "third", "kept again"))
	all, err := b.AuditEntries(ctx, workspace, people.AuditFilter{})
	ok(t, err)
	var ids []string
	for _, e := range all {
		ids = append(ids, e.ID)
	}
	if diff := cmp.Diff([]string{"ad_5", "ad_2", "ad_1"}, ids); diff != "" {
		t.Errorf("the log has (-want +got):\n%s", diff)
	}
}

func testAudit(t *testing.T, b *bundle) {
	ctx := t.Context()
	w := b.peopled(t)
	ok(t, b.CreateWorkspace(ctx, people.Workspace{ID: "ws_2", Name: "Two"}, "us_1"))
	b.invite(t, people.Workspace{ID: "ws_2"}, "two", people.Owner, "")
	_, err := b.AcceptInvite(ctx, people.HashInviteToken("two"), people.User{ID: "us_2", Email: "omar@example.com", PasswordHash: "h"}, true, b.now)
	ok(t, err)
	ok(t, b.RemoveMember(ctx, "ws_2", "us_1"))
	n := 0
	note := func(workspace, user, actor string, kind people.AuditKind, at time.Time) people.AuditEntry {
		n++
		e := people.AuditEntry{ID: fmt.Sprintf("ad_%02d", n), At: at, Workspace: workspace, User: user, Actor: actor, Address: "192.0.2.7", Kind: kind, Subject: "Contacts", Object: "au_1", Before: "a", After: "b", Request: "rq_1"}
		ok(t, b.RecordAct(ctx, e))
		return e
	}
	first := note(w.ID, "us_1", "jane@example.com", people.AuditAutomationRename, b.now)
	note("ws_2", "us_2", "omar@example.com", people.AuditAutomationCreate, b.now)
	note(w.ID, "us_1", "jane@example.com", people.AuditSignIn, b.now.Add(time.Minute))
	note("ws_2", "us_2", "omar@example.com", people.AuditSignIn, b.now.Add(time.Minute))
	note("", "", "nobody@example.com", people.AuditSignInFailed, b.now.Add(time.Hour))
	for _, c := range []struct {
		workspace string
		f         people.AuditFilter
		want      []string
	}{
		{w.ID, people.AuditFilter{}, []string{"ad_05", "ad_03", "ad_01"}},
		{"ws_2", people.AuditFilter{}, []string{"ad_04", "ad_02"}}, // the founder is no owner here
		{"ws_3", people.AuditFilter{}, []string{}},
		{"", people.AuditFilter{}, []string{}},
		{w.ID, people.AuditFilter{Limit: 1}, []string{"ad_05"}},
		{w.ID, people.AuditFilter{Before: "ad_05"}, []string{"ad_03", "ad_01"}},
		{w.ID, people.AuditFilter{Kind: people.AuditSignIn}, []string{"ad_03"}},
		{w.ID, people.AuditFilter{Actor: "nobody@example.com"}, []string{"ad_05"}},
		{w.ID, people.AuditFilter{Since: b.now.Add(time.Minute)}, []string{"ad_05", "ad_03"}},
		{w.ID, people.AuditFilter{Till: b.now.Add(time.Minute)}, []string{"ad_01"}},
	} {
		got, err := b.AuditEntries(ctx, c.workspace, c.f)
		ok(t, err)
		ids := []string{}
		for _, e := range got {
			ids = append(ids, e.ID)
		}
		if diff := cmp.Diff(c.want, ids); diff != "" {
			t.Errorf("%s %+v (-want +got):\n%s", c.workspace, c.f, diff)
		}
	}
	got, err := b.AuditEntries(ctx, w.ID, people.AuditFilter{Kind: people.AuditAutomationRename})
	ok(t, err)
	if diff := cmp.Diff([]people.AuditEntry{first}, got); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
	actors, err := b.AuditActors(ctx, w.ID)
	ok(t, err)
	if diff := cmp.Diff([]string{"jane@example.com", "nobody@example.com"}, actors); diff != "" {
		t.Errorf("actors (-want +got):\n%s", diff)
	}
	// Nobody changes an entry, nor takes away a young one.
	for _, statement := range []string{"UPDATE audit_entries SET actor = 'somebody else'", "DELETE FROM audit_entries"} {
		if _, err := b.SQLDB().ExecContext(ctx, statement); err == nil {
			t.Errorf("%s is carried out", statement)
		}
	}
	old := note(w.ID, "us_1", "jane@example.com", people.AuditSettings, b.now.Add(-60*24*time.Hour))
	ok(t, b.PruneAudit(ctx, b.now.Add(-40*24*time.Hour)))
	left, err := b.AuditEntries(ctx, w.ID, people.AuditFilter{})
	ok(t, err)
	if len(left) != 3 || left[0].ID == old.ID {
		t.Errorf("after pruning there is %+v", left)
	}
}
