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

// wordless is an account that deletes what it is asked to, and does not say so the first time.
type wordless struct {
	provider.Client
	says  error
	asked *int
	then  func()
}

func (w wordless) Find(ctx context.Context, t record.ObjectType, field string, v record.Value) ([]record.Record, error) {
	return w.Client.(provider.Finder).Find(ctx, t, field, v)
}

func (w wordless) Delete(ctx context.Context, ref record.Ref) error {
	err := w.Client.(provider.Deleter).Delete(ctx, ref)
	if *w.asked++; err == nil && *w.asked == 1 {
		if w.then != nil {
			w.then()
		}
		return w.says
	}
	return err
}

// parted is a pair one of which a person has deleted, and an automation that deletes the other because of it.
func parted(t *testing.T, source bool) (h *enginetest.House, a automation.Automation, gone record.Ref, left record.ConnectionID) {
	t.Helper()
	h = enginetest.New(t, enginetest.Options{})
	a = h.Automation(toHighLevel, func(d *automation.Definition) {
		d.Deletes = automation.Deletes{Policy: automation.DeleteDelete, On: automation.DeletedAnywhere}
	})
	id := h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	contact := fmt.Sprint(only(t, h)["id"])
	if source {
		edit(t, h.Gleap.PersonDeletesContact(id))
		return h, a, gleapRef(id), enginetest.HighLevelConnection
	}
	edit(t, h.HighLevel.PersonDeletesContact(contact))
	return h, a, highlevelRef(contact), enginetest.GleapConnection
}

// deletedOnce reports that the one delete that was sent is on record as done, and can be taken back.
func deletedOnce(t *testing.T, h *enginetest.House, a automation.Automation, of engine.Undo, asked int) {
	t.Helper()
	changes, err := h.Store.ChangesToUndo(t.Context(), of.Kind+":"+of.ID, "", 10)
	edit(t, err)
	if asked != 1 || len(changes) != 1 || changes[0].Op != automation.Delete || changes[0].State != automation.Done || changes[0].Error != "" {
		states := make([]string, len(changes))
		for i, ch := range changes {
			states[i] = fmt.Sprint(ch.Op, " ", ch.State, " ", ch.Error)
		}
		t.Fatalf("asked %d times; on record: %q", asked, states)
	}
	if undo := show(t, h, a, engine.ModeUndo, of.String()); undo.Counts[automation.Create] != 1 {
		t.Errorf("to be undone: %v", undo.Counts)
	}
}

// A delete without an answer is looked up like any other write: a direct read tells that it has happened.
func TestADeleteWithoutAnAnswerIsLookedUp(t *testing.T) {
	t.Parallel()
	unsaid := &provider.Error{Op: "delete", Kind: provider.Ambiguous}
	for _, source := range []bool{true, false} {
		t.Run(fmt.Sprintf("live, the source gone %v", source), func(t *testing.T) {
			t.Parallel()
			h, a, gone, side := parted(t, source)
			asked := 0
			h.Clients[side] = wordless{h.Clients[side], unsaid, &asked, nil}
			h.Tell(gone, provider.Deleted)
			if r := h.LastRun(); r.State != automation.Waiting {
				t.Fatalf("%s: %s", r.State, r.Summary)
			}
			h.Later(10 * time.Minute)
			h.Drain()
			if r := h.LastRun(); r.State != automation.Succeeded {
				t.Errorf("%s: %s", r.State, r.Summary)
			}
			deletedOnce(t, h, a, engine.Undo{Kind: "run", ID: h.LastRun().ID, Created: engine.CreatedUnlink}, asked)
		})
		for _, state := range []automation.State{automation.On, automation.Draft} {
			t.Run(fmt.Sprintf("a plan, %s, the source gone %v", state, source), func(t *testing.T) {
				t.Parallel()
				h, a, _, side := parted(t, source)
				edit(t, h.Store.SetState(t.Context(), a.ID, state, ""))
				p := show(t, h, a, engine.ModeShow, "")
				if p.Counts[automation.Delete] != 1 {
					t.Fatalf("shown: %v", p.Counts)
				}
				asked := 0
				h.Clients[side] = wordless{h.Clients[side], unsaid, &asked, nil}
				p, results := carryOut(t, h, p, engine.Choice{})
				h.Later(10 * time.Minute)
				h.Drain()
				if state == automation.Draft && (results[engine.ItemDone] != 1 || p.Written != 1) {
					t.Errorf("results %v, %d written", results, p.Written)
				}
				deletedOnce(t, h, a, engine.Undo{Kind: "plan", ID: p.ID, Created: engine.CreatedUnlink}, asked)
			})
		}
		t.Run(fmt.Sprintf("a plan of a draft that was broken off, the source gone %v", source), func(t *testing.T) {
			t.Parallel()
			h, a, _, side := parted(t, source)
			off(t, h, a)
			p := show(t, h, a, engine.ModeShow, "")
			asked := 0
			ctx, stop := context.WithCancel(t.Context())
			h.Clients[side] = wordless{h.Clients[side], fmt.Errorf("shut down: %w", context.Canceled), &asked, stop}
			edit(t, h.Store.ApplyPopulation(t.Context(), p.ID, engine.Choice{}))
			if err := h.Populations.Run(ctx, p.ID); err == nil {
				t.Fatal("it was not broken off")
			}
			h.Later(10 * time.Minute) // the lease of the one that died ends
			edit(t, h.Populations.Run(t.Context(), p.ID))
			p = populationOf(t, h, p.ID)
			results, err := h.Store.ResultCounts(t.Context(), p.ID)
			edit(t, err)
			if p.State != engine.PopulationDone || results[engine.ItemDone] != 1 || p.Written != 1 {
				t.Errorf("%s (%s): results %v, %d written", p.State, p.Problem, results, p.Written)
			}
			deletedOnce(t, h, a, engine.Undo{Kind: "plan", ID: p.ID, Created: engine.CreatedUnlink}, asked)
		})
	}
}
