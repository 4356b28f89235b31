package enginetest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// reluctant is an account whose deletes go otherwise than usual.
type reluctant struct {
	provider.Client
	del func(ref record.Ref, do func() error) error
}

func (r reluctant) Find(ctx context.Context, t record.ObjectType, field string, v record.Value) ([]record.Record, error) {
	return r.Client.(provider.Finder).Find(ctx, t, field, v)
}

func (r reluctant) Delete(ctx context.Context, ref record.Ref) error {
	return r.del(ref, func() error { return r.Client.(provider.Deleter).Delete(ctx, ref) })
}

// madeBack is an automation that follows deletes and has made a record on one side from the one that is left on the
// other; undo takes it back.
func madeBack(t *testing.T, sourceSide bool) (h *enginetest.House, a automation.Automation, on record.ConnectionID, undo engine.Population) {
	t.Helper()
	h = enginetest.New(t, enginetest.Options{})
	a = h.TwoWays(func(d *automation.Definition) {
		d.Deletes = automation.Deletes{Policy: automation.DeleteDelete, On: automation.DeletedAnywhere}
	})
	if sourceSide {
		h.Gleap.PersonCreatesContact(jane())
		on = enginetest.HighLevelConnection
	} else {
		h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": "jane@acme.io"})
		on = enginetest.GleapConnection
	}
	h.PollBoth()
	for _, r := range h.Runs() {
		if r.Outcome == automation.Create {
			return h, a, on, show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "run", ID: r.ID, Created: engine.CreatedDelete}.String())
		}
	}
	t.Fatal("nothing was made")
	return nil, a, "", undo
}

func counterpartStays(t *testing.T, h *enginetest.House, on record.ConnectionID, undo engine.Population) {
	t.Helper()
	h.Later(2 * time.Hour)
	h.PollBoth()
	contacts, sessions := len(h.HighLevel.Contacts()), len(h.Gleap.Sessions())
	if on == enginetest.GleapConnection {
		contacts, sessions = sessions, contacts
	}
	if contacts != 0 || sessions != 1 {
		t.Errorf("of what was made %d are left, and %d of what it was made from: %s", contacts, sessions, h.LastRun().Summary)
	}
	changes, err := h.Store.ChangesToUndo(t.Context(), "plan:"+undo.ID, "", 10)
	edit(t, err)
	done := 0
	for _, ch := range changes {
		if ch.Op == automation.Delete && ch.State == automation.Done {
			done++
		}
	}
	if done != 1 {
		t.Errorf("%d deletes are on record as done", done)
	}
}

// The webhook of a delete that takes a record back arrives before its answer does: it is no person's.
func TestAnUndoHasThePairToItself(t *testing.T) {
	t.Parallel()
	for _, sourceSide := range []bool{true, false} {
		t.Run(fmt.Sprint("made on the source's side ", sourceSide), func(t *testing.T) {
			t.Parallel()
			h, _, on, undo := madeBack(t, sourceSide)
			h.Clients[on] = reluctant{h.Clients[on], func(ref record.Ref, do func() error) error {
				err := do()
				h.Tell(ref, provider.Deleted)
				return err
			}}
			_, results := carryOut(t, h, undo, engine.Choice{})
			if results[engine.ItemDone] != 1 {
				t.Errorf("results %v", results)
			}
			counterpartStays(t, h, on, undo)
		})
	}
}

// A delete that takes a record back, and whose answer was lost for good, is told by the pair's own key; what the record was
// made from is no victim of it.
func TestAnUndoWithoutAnyAnswerDeletesNothingElse(t *testing.T) {
	t.Parallel()
	for _, sourceSide := range []bool{true, false} {
		t.Run(fmt.Sprint("made on the source's side ", sourceSide), func(t *testing.T) {
			t.Parallel()
			h, _, on, undo := madeBack(t, sourceSide)
			asked := 0
			h.Clients[on] = reluctant{h.Clients[on], func(_ record.Ref, do func() error) error {
				if asked++; asked == 4 {
					_ = do()
				}
				return &provider.Error{Op: "delete", Kind: provider.Ambiguous}
			}}
			carryOut(t, h, undo, engine.Choice{})
			counterpartStays(t, h, on, undo)
		})
	}
}
