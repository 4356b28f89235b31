package enginetest_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// halfway is an account whose first update breaks off: after the fields and before the tags, or after both and before
// the answer.
type halfway struct {
	provider.Client
	of        string // whose update it is
	afterTags bool
	updates   *atomic.Int64
}

func (f halfway) Find(ctx context.Context, t record.ObjectType, field string, v record.Value) ([]record.Record, error) {
	return f.Client.(provider.Finder).Find(ctx, t, field, v)
}

func (f halfway) Update(ctx context.Context, ref record.Ref, w provider.Write) (record.Record, error) {
	if ref.ID != f.of || f.updates.Add(1) > 1 {
		return f.Client.Update(ctx, ref, w)
	}
	first := w
	if !f.afterTags {
		first.Add = nil
	}
	if _, err := f.Client.Update(ctx, ref, first); err != nil {
		return record.Record{}, err
	}
	return record.Record{}, &provider.Error{Op: "add tags", Kind: provider.Ambiguous, Detail: "the rate limit is used up for now"}
}

// A pair of which one field cannot be carried is carried out like any other, though the limit held up half of it.
func TestWhatWasHeldUpHalfwayIsDoneThoughOneFieldCannotBeCarried(t *testing.T) {
	t.Parallel()
	for _, state := range []automation.State{automation.Draft, automation.On} {
		for _, mode := range []engine.PopulationMode{engine.ModeApply, engine.ModeFill} {
			for _, afterTags := range []bool{false, true} {
				t.Run(fmt.Sprint(state, " ", mode, " ", afterTags), func(t *testing.T) {
					t.Parallel()
					h, a := peopled(t, nil)
					h.Gleap.PersonCreatesContact(map[string]any{"name": "Una Called", "email": "una@acme.io", "phone": "call me", "companyName": "Called", "tags": []any{"beta"}})
					una := h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Una", "email": "una@acme.io"})
					edit(t, h.Store.SetState(t.Context(), a.ID, state, ""))
					h.Clients[enginetest.HighLevelConnection] = halfway{h.Clients[enginetest.HighLevelConnection], una, afterTags, &atomic.Int64{}}
					h.Populations.AtOnce = 1
					h.Populations.Wait = func(_ context.Context, d time.Duration) error { h.Later(d); return nil }
					var p engine.Population
					var results map[engine.ItemState]int
					if mode == engine.ModeApply {
						shown := show(t, h, a, engine.ModeShow, "")
						p, results = carryOut(t, h, shown, engine.Choice{Outcomes: []automation.Outcome{automation.Update}})
					} else {
						p = show(t, h, a, engine.ModeFill, "")
						var err error
						results, err = h.Store.ResultCounts(t.Context(), p.ID)
						edit(t, err)
					}
					h.Later(engine.Lease)
					h.Drain()
					if results[engine.ItemFailed]+results[engine.ItemMoved] > 0 {
						t.Errorf("results %v", results)
					}
					if c, _ := h.HighLevel.Contact(una); c["companyName"] != "Called" || fmt.Sprint(c["tags"]) != "[beta]" {
						t.Errorf("not carried: %v", c)
					}
				})
			}
		}
	}
}
