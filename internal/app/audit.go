package app

import (
	"context"
	"os/user"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/people"
)

// note writes down what somebody did from the command line. Whoever can do that has the database in hand anyway; the
// entry is for the others, to know.
func (h *house) note(ctx context.Context, workspace string, kind people.AuditKind, object, subject, after string) error {
	actor := "command line"
	if u, err := user.Current(); err == nil && u.Username != "" {
		actor += " (" + u.Username + ")"
	}
	return h.store.RecordAct(ctx, people.AuditEntry{
		ID: automation.NewID("ad"), At: time.Now(), Workspace: workspace, Actor: actor, Kind: kind, Object: object, Subject: subject, After: after,
	})
}
