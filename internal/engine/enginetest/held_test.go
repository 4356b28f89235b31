package enginetest_test

import (
	"context"
	"testing"
	"time"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/twin/highlevel"
)

// A plan over everyone waits out the accounts' call limits: no write is announced, refused and announced again.
func TestAPlanLeavesNoRefusedWritesWhileItWaitsForTheCallLimit(t *testing.T) {
	t.Parallel()
	for _, state := range []automation.State{automation.Draft, automation.On} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			budget := apiclient.NewBudget(apiclient.BudgetConfig{Burst: 5, Interval: 250 * time.Millisecond, MaxWait: time.Nanosecond})
			h, a := peopledAt(t, enginetest.Options{Budget: budget, Rate: highlevel.Rate{Burst: 5, Interval: 250 * time.Millisecond}}, nil)
			edit(t, h.Store.SetState(t.Context(), a.ID, state, ""))
			h.Populations.Wait = func(ctx context.Context, d time.Duration) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(min(d, 300*time.Millisecond)):
					return nil
				}
			}
			p := show(t, h, a, engine.ModeFill, "")
			results, err := h.Store.ResultCounts(t.Context(), p.ID)
			edit(t, err)
			if len(h.HighLevel.Contacts()) != 20 || len(h.Gleap.Sessions()) != 20 || results[engine.ItemFailed]+results[engine.ItemLive] > 0 {
				t.Errorf("%d and %d records, %v", len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()), results)
			}
			changes, err := h.Store.ChangesToUndo(t.Context(), "plan:"+p.ID, "", 500)
			edit(t, err)
			for _, ch := range changes {
				if ch.State != automation.Done {
					t.Errorf("%s of %s is %s: %s", ch.Op, ch.Target, ch.State, ch.Error)
				}
			}
			if budget.Left().Max != 5 || len(changes) < 15 {
				t.Errorf("%d changes, under the limits %+v", len(changes), budget.Left())
			}
		})
	}
}

// Whoever pauses or cancels a plan while it waits for the call limit does not have to wait with it, and what was held up
// has not failed: it is written when the plan goes on.
func TestAPlanThatIsPausedWhileItWaitsGoesOnWithWhatWasHeldUp(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	h.Populations.AtOnce = 1
	p := show(t, h, a, engine.ModeShow, "")
	held := h.Clients[enginetest.GleapConnection]
	h.Clients[enginetest.GleapConnection] = meddled{Client: held, create: func(func() (record.Record, error)) (record.Record, error) {
		edit(t, h.Store.PausePopulation(t.Context(), p.ID))
		return record.Record{}, &provider.Error{Op: "create contact", Kind: provider.RateLimited, RetryAfter: time.Minute}
	}}
	edit(t, h.Store.ApplyPopulation(t.Context(), p.ID, engine.Choice{}))
	h.Drain()
	results, err := h.Store.ResultCounts(t.Context(), p.ID)
	edit(t, err)
	if results[engine.ItemFailed]+results[engine.ItemLive]+results[engine.ItemMoved] > 0 {
		t.Errorf("paused: %v", results)
	}
	h.Clients[enginetest.GleapConnection] = held
	edit(t, h.Store.ResumePopulation(t.Context(), p.ID))
	h.Drain()
	results, err = h.Store.ResultCounts(t.Context(), p.ID)
	edit(t, err)
	if results[engine.ItemDone] != 20 || len(h.HighLevel.Contacts()) != 20 || len(h.Gleap.Sessions()) != 20 {
		t.Errorf("in the end: %v, %d and %d records", results, len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()))
	}
}
