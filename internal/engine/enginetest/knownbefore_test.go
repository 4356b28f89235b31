package enginetest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// unmade is a provider that answers the next create with an error, and makes nothing.
type unmade struct {
	meddling
	creates int
}

func (u *unmade) Create(ctx context.Context, w provider.Write) (record.Record, error) {
	if u.creates++; u.creates > 1 {
		return u.Client.Create(ctx, w)
	}
	return record.Record{}, &provider.Error{Op: "create", Kind: provider.Ambiguous, Detail: "the answer was lost"}
}

// TestWhoWasThereBeforeACreateWasNotMadeByIt: somebody of the same name and company, whom we have heard of before a create was
// sent that got no answer, is not what it has made, however close their clock says it was.
func TestWhoWasThereBeforeACreateWasNotMadeByIt(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.TwoWays(func(d *automation.Definition) {
		d.Match = append(d.Match, automation.MatchKey{Source: "phone", Target: "phone", Kind: record.Phone})
	})
	// The same number, and another address: whether they are one is for somebody to say.
	there := h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "companyName": "Acme", "email": "jane@home.example", "phone": "+14155550133"})
	id := h.Gleap.PersonCreatesContact(map[string]any{"name": "Jane Doe", "companyName": "Acme", "email": "jane@acme.example", "phone": "+14155550133", "tags": []any{"vip"}})
	h.Tell(highlevelRef(there), provider.Created)
	h.PollBoth()
	l := &unmade{meddling: meddling{Client: h.Clients[enginetest.HighLevelConnection]}}
	h.Clients[enginetest.HighLevelConnection] = l
	edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"phone": "+14155550199"}))
	h.PollBoth()
	h.Later(10 * time.Minute)
	h.PollBoth()
	if l.creates == 0 {
		t.Fatal("nobody was to be made")
	}
	s, _ := h.Gleap.Session(id)
	if s["phone"] != "+14155550199" || s["email"] != "jane@acme.example" {
		t.Errorf("Gleap has %v and %v of them", s["email"], s["phone"])
	}
	if n := len(h.HighLevel.Contacts()); n != 2 || l.creates != 2 {
		t.Errorf("%d contacts in HighLevel after %d creates", n, l.creates)
	}
}

// TestWhoWasThereBeforeIsNotJournalledAsMade: somebody is given the very details a create without an answer asked for. They
// are met, and whoever takes the create back does not delete them.
func TestWhoWasThereBeforeIsNotJournalledAsMade(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.TwoWays(nil)
	there := h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": "jane@home.example"})
	h.PollBoth()
	l := &unmade{meddling: meddling{Client: h.Clients[enginetest.HighLevelConnection]}}
	h.Clients[enginetest.HighLevelConnection] = l
	edit(t, h.Gleap.PersonDeletesContact(fmt.Sprint(onlySession(t, h)["id"])))
	id := h.Gleap.PersonCreatesContact(map[string]any{"name": "Jane Doe", "email": "jane@acme.example"})
	h.Poll()
	if l.creates != 1 {
		t.Fatalf("%d creates", l.creates)
	}
	edit(t, h.HighLevel.PersonEditsContact(there, map[string]any{"email": "jane@acme.example"}))
	h.Later(10 * time.Minute)
	h.Poll()
	for _, r := range h.Runs() {
		changes, err := h.Store.ChangesToUndo(t.Context(), "run:"+r.ID, "", 5)
		if err != nil {
			t.Fatal(err)
		}
		for _, ch := range changes {
			if ch.Source == gleapRef(id) && ch.Op == automation.Create && ch.State == automation.Done {
				t.Errorf("%s is said to have been made: %s", ch.Target, r.Summary)
			}
		}
	}
	if n := len(h.HighLevel.Contacts()); n != 1 || l.creates != 1 {
		t.Errorf("%d contacts in HighLevel after %d creates", n, l.creates)
	}
}
