package enginetest_test

import (
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// replay stores what the delivery log's button stores, and works off what follows.
func replay(t *testing.T, h *enginetest.House, ref record.Ref, change provider.Change) {
	t.Helper()
	id := automation.NewID("ev")
	_, err := h.Store.Accept(t.Context(), automation.Delivery{Event: automation.Event{ID: id, Kind: automation.Replay, Ref: ref, Change: change, Name: "ContactUpdate", DedupeKey: "replay/" + id}})
	if err != nil {
		t.Fatal(err)
	}
	h.Drain()
}

func TestReplayingWhatWasCarriedOverWritesNothing(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation("highlevel-contact-to-gleap", nil)
	id := h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": "jane@acme.io"})
	ref := record.Ref{Connection: enginetest.HighLevelConnection, Type: record.Contact, ID: id}
	h.Tell(ref, provider.Created)
	if n := len(h.Gleap.Sessions()); n != 1 {
		t.Fatalf("%d Gleap contacts", n)
	}
	there, here := h.Gleap.Stats().Writes, h.HighLevel.Stats().Writes
	for _, change := range []provider.Change{provider.Created, provider.Updated, provider.Created} {
		replay(t, h, ref, change)
		if r := h.LastRun(); r.State != automation.Succeeded || r.Event.Kind != automation.Replay || r.Outcome == automation.Update || r.Outcome == automation.Create {
			t.Errorf("the replay of %q came to %s %s: %s", change, r.State, r.Outcome, r.Summary)
		}
	}
	if h.Gleap.Stats().Writes != there || h.HighLevel.Stats().Writes != here {
		t.Errorf("replaying wrote %d times to Gleap and %d to HighLevel", h.Gleap.Stats().Writes-there, h.HighLevel.Stats().Writes-here)
	}
	// What was not carried over is: a replay looks at the record as it is now.
	if err := h.HighLevel.PersonEditsContact(id, map[string]any{"lastName": "Miller"}); err != nil {
		t.Fatal(err)
	}
	replay(t, h, ref, provider.Updated)
	if name := h.Gleap.Sessions()[0]["name"]; name != "Jane Miller" || h.Gleap.Stats().Writes != there+1 {
		t.Errorf("the Gleap contact is %v after %d writes", name, h.Gleap.Stats().Writes-there)
	}
}
