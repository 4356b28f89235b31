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

// unheard is a provider whose answer to the next create is lost, whatever it was.
type unheard struct {
	meddling
	creates int
}

func (u *unheard) Create(ctx context.Context, w provider.Write) (record.Record, error) {
	r, err := u.Client.Create(ctx, w)
	if u.creates++; u.creates > 1 {
		return r, err
	}
	return record.Record{}, &provider.Error{Op: "create", Kind: provider.Ambiguous, Detail: "the answer was lost"}
}

// TestWhoWasTurnedDownIsNotWhatACreateHasMade: somebody says that a contact with the same number is another one. The
// create is refused for that very number, and nobody hears of that: the contact is still another one.
func TestWhoWasTurnedDownIsNotWhatACreateHasMade(t *testing.T) {
	t.Parallel()
	for _, heard := range []bool{true, false} {
		t.Run(fmt.Sprintf("heard of before: %v", heard), func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			h.TwoWays(func(d *automation.Definition) {
				d.Match = append(d.Match, automation.MatchKey{Source: "phone", Target: "phone", Kind: record.Phone})
			})
			there := h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "companyName": "Acme", "email": "jane@home.example", "phone": "+14155550133"})
			id := h.Gleap.PersonCreatesContact(map[string]any{"name": "Jane Doe", "email": "jane@acme.example", "phone": "+14155550133", "tags": []any{"vip"}})
			if heard {
				h.Tell(highlevelRef(there), provider.Updated)
			}
			h.Poll()
			r := questionOf(t, h, gleapRef(id))
			u := &unheard{meddling: meddling{Client: h.Clients[enginetest.HighLevelConnection]}}
			h.Clients[enginetest.HighLevelConnection] = u
			edit(t, h.Store.DecideReview(t.Context(), r.ID, r.Run, automation.Decision{CreateNew: true}, "jane@acme.example"))
			h.Drain()
			for range 3 {
				h.Later(10 * time.Minute)
				h.Poll()
			}
			if u.creates == 0 {
				t.Fatal("nobody was to be made")
			}
			for _, run := range h.Runs() {
				if run.Outcome == automation.Linked {
					t.Errorf("%s: %s, with %s", run.Source, run.Summary, run.Target)
				}
			}
			c, s := only(t, h), onlySession(t, h)
			if c["email"] != "jane@home.example" || s["email"] != "jane@acme.example" || fmt.Sprint(s["tags"]) != "[vip]" {
				t.Errorf("HighLevel has %v, Gleap %v with %v", c["email"], s["email"], s["tags"])
			}
		})
	}
}

// questionOf is what is asked about a record.
func questionOf(t *testing.T, h *enginetest.House, ref record.Ref) automation.Review {
	t.Helper()
	for _, run := range h.Runs() {
		all, err := h.Store.Reviews(t.Context(), run.Automation, ref)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			if r.State == automation.ReviewOpen {
				return r
			}
		}
	}
	t.Fatalf("nothing is asked about %s", ref)
	return automation.Review{}
}
