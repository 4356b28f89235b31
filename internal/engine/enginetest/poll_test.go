package enginetest_test

import (
	"fmt"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// insured polls what webhooks tell of as well.
var insured = engine.Watch{Connection: enginetest.HighLevelConnection, Object: record.Contact, Told: true, Tells: provider.Told{Created: true, Updated: true, Deleted: true}, Every: 5 * time.Minute}

// poll polls and works off what follows.
func poll(t *testing.T, h *enginetest.House) engine.Polled {
	t.Helper()
	found, err := h.Poller.Poll(t.Context(), insured)
	edit(t, err)
	h.Drain()
	return found
}

func TestALostWebhookIsMadeUpForByOnePoll(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.TwoWays(nil)
	poll(t, h) // where it begins
	// Of three people only the second's webhook comes.
	ids := make([]string, 3)
	for i := range ids {
		ids[i] = h.HighLevel.PersonCreatesContact(map[string]any{"firstName": fmt.Sprint("Person ", i), "email": fmt.Sprintf("p%d@example.com", i)})
	}
	h.Tell(record.Ref{Connection: enginetest.HighLevelConnection, Type: record.Contact, ID: ids[1]}, provider.Created)
	if n := len(h.Gleap.Contacts()); n != 1 {
		t.Fatalf("%d are in Gleap", n)
	}

	// The other webhooks may still be under way.
	if found := poll(t, h); found != (engine.Polled{}) {
		t.Errorf("at once it finds %+v", found)
	}
	h.Later(5 * time.Minute)
	reads := len(h.HighLevel.Calls())
	if found := poll(t, h); found != (engine.Polled{Fresh: 2, Missed: 2}) {
		t.Errorf("it finds %+v", found)
	}
	if n := len(h.Gleap.Contacts()); n != 3 {
		t.Errorf("%d are in Gleap", n)
	}
	for _, r := range h.Runs() {
		if r.Source.ID == ids[1] && r.Event.Kind == automation.Poll {
			t.Error("whose webhook came was looked at again")
		}
	}
	if n := len(h.HighLevel.Calls()) - reads; n > 6 {
		t.Errorf("it took %d calls", n)
	}
	c, _, err := h.Store.PollCursor(t.Context(), insured.Connection, insured.Object)
	edit(t, err)
	if c.Missed != 2 || c.Calls == 0 || c.Failures != 0 || !c.NextAt.After(h.Now().Add(4*time.Minute)) {
		t.Errorf("the cursor is %+v", c)
	}

	// Nothing is new, so a poll is one page.
	h.Later(5 * time.Minute)
	reads = len(h.HighLevel.Calls())
	if found := poll(t, h); found != (engine.Polled{}) {
		t.Errorf("at rest it finds %+v", found)
	}
	if n := len(h.HighLevel.Calls()) - reads; n != 1 {
		t.Errorf("at rest it took %d calls", n)
	}
}

// A webhook tells of an edit; the one of the next edit is lost. The first must not hide the second.
func TestAWebhookThatCameHidesNoLaterEdit(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.TwoWays(nil)
	poll(t, h)
	id := h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": "jane@example.com"})
	tellsBefore(t, h, id, 10*time.Minute)
	edit(t, h.HighLevel.PersonEditsContact(id, map[string]any{"lastName": "Roe"}))
	h.Later(6 * time.Minute)
	if found := poll(t, h); found.Missed != 1 {
		t.Errorf("it finds %+v", found)
	}
	if got := h.Gleap.Contacts(); len(got) != 1 || got[0].Name != "Jane Roe" {
		t.Errorf("Gleap has %+v", got)
	}
}

// A clock that is ahead, or a zone that was mistaken, must not keep polling from a record.
func TestAnEventDatedAheadHidesNothing(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.TwoWays(nil)
	poll(t, h)
	id := h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": "jane@example.com"})
	at := record.Ref{Connection: enginetest.HighLevelConnection, Type: record.Contact, ID: id}
	_, err := h.Store.Accept(t.Context(), automation.Delivery{Event: automation.Event{
		ID: "ev_ahead", Kind: automation.Webhook, Ref: at, Change: provider.Created, Name: "ContactCreate", DedupeKey: "ahead", ReceivedAt: h.Now().Add(-10 * time.Minute), OccurredAt: h.Now().Add(48 * time.Hour),
	}})
	edit(t, err)
	h.Drain()
	edit(t, h.HighLevel.PersonEditsContact(id, map[string]any{"lastName": "Roe"}))
	h.Later(6 * time.Minute)
	if found := poll(t, h); found.Missed != 1 {
		t.Errorf("it finds %+v", found)
	}
}
