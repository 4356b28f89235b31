package app

import (
	"context"
	"os/user"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/people"
	"crosswalk/internal/store"
)

// entry is what somebody does from the command line. Whoever can do that has the database in hand anyway; it is for the
// others, to know.
func entry(workspace string, kind people.AuditKind, object, subject, before, after string) people.AuditEntry {
	actor := "command line"
	if u, err := user.Current(); err == nil && u.Username != "" {
		actor += " (" + u.Username + ")"
	}
	return people.AuditEntry{
		ID: automation.NewID("ad"), At: time.Now(), Workspace: workspace, Actor: actor, Kind: kind, Object: object, Subject: subject, Before: before, After: after,
	}
}

// ofPerson is an act about somebody's account, in each of their workspaces: it concerns the owners of all of them.
func ofPerson(ctx context.Context, st *store.Store, u people.User, e people.AuditEntry) ([]people.AuditEntry, error) {
	all, err := st.MembershipsOf(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		all = []people.Membership{{}}
	}
	out := make([]people.AuditEntry, len(all))
	for i, m := range all {
		out[i] = entry(m.Workspace.ID, e.Kind, u.ID, e.Subject, e.Before, e.After)
	}
	return out, nil
}

// act is for the one write that is the act: both are stored, or neither.
func (*house) act(ctx context.Context, workspace string, kind people.AuditKind, object, subject, before, after string) context.Context {
	return people.WithActs(ctx, entry(workspace, kind, object, subject, before, after))
}
