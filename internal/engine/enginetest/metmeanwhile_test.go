package enginetest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// interrupted is a provider in whose next search something else happens.
type interrupted struct {
	meddling
}

func (i *interrupted) Find(ctx context.Context, t record.ObjectType, field string, v record.Value) ([]record.Record, error) {
	found, err := i.meddling.Find(ctx, t, field, v)
	i.once(&i.after)
	return found, err
}

// TestWhoIsLinkedWhileTheyAreLookedForGetsNoSecondCounterpart: what a create without an answer has made waits for the key
// that asked for it. That one links the two just as somebody looks whether there is still something to wait for.
func TestWhoIsLinkedWhileTheyAreLookedForGetsNoSecondCounterpart(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.TwoWays(nil)
	id := h.Gleap.PersonCreatesContact(map[string]any{"name": "Jane Doe", "companyName": "Acme", "email": "jane@acme.example"})
	u := &unheard{meddling: meddling{Client: h.Clients[enginetest.HighLevelConnection]}}
	h.Clients[enginetest.HighLevelConnection] = u
	h.Poll()
	contact := fmt.Sprint(only(t, h)["id"])
	edit(t, h.HighLevel.PersonEditsContact(contact, map[string]any{"email": "jane@home.example"}))
	h.Clients[enginetest.GleapConnection] = &interrupted{meddling{Client: h.Clients[enginetest.GleapConnection], after: func() {
		h.Later(10 * time.Minute)
		h.Tell(gleapRef(id), provider.Updated)
	}}}
	h.Tell(highlevelRef(contact), provider.Created)
	h.Later(10 * time.Minute)
	h.PollBoth()
	if s := onlySession(t, h); s["email"] != only(t, h)["email"] {
		t.Errorf("Gleap has %v, HighLevel %v", s["email"], only(t, h)["email"])
	}
}
