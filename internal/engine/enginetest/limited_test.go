package enginetest_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// limited is an account that refuses most creates because of its call limit, and takes them a while later.
type limited struct {
	provider.Client
	asked *atomic.Int64
}

func (l limited) Create(ctx context.Context, w provider.Write) (r record.Record, err error) {
	if l.asked.Add(1)%3 != 0 {
		return r, &provider.Error{Op: "create", Kind: provider.RateLimited, RetryAfter: 7 * time.Second}
	}
	return l.Client.Create(ctx, w)
}

func (l limited) Find(ctx context.Context, t record.ObjectType, field string, v record.Value) ([]record.Record, error) {
	return l.Client.(provider.Finder).Find(ctx, t, field, v)
}

// everyone carries everyone over, as it was shown before or without that.
func everyone(t *testing.T, h *enginetest.House, a automation.Automation, mode engine.PopulationMode) (engine.Population, map[engine.ItemState]int) {
	t.Helper()
	if mode == engine.ModeApply {
		return carryOut(t, h, show(t, h, a, engine.ModeShow, ""), engine.Choice{})
	}
	p := show(t, h, a, mode, "")
	results, err := h.Store.ResultCounts(t.Context(), p.ID)
	edit(t, err)
	return p, results
}

// A plan waits for the call limit: in a draft nobody else would write what was shown, and live work would read each
// record for it.
func TestAPlanWaitsForTheCallLimit(t *testing.T) {
	t.Parallel()
	for _, state := range []automation.State{automation.Draft, automation.On} {
		for _, mode := range []engine.PopulationMode{engine.ModeApply, engine.ModeFill} {
			t.Run(fmt.Sprint(state, " ", mode), func(t *testing.T) {
				t.Parallel()
				h, a := peopled(t, nil)
				edit(t, h.Store.SetState(t.Context(), a.ID, state, ""))
				waits, asked := 0, &atomic.Int64{}
				h.Populations.Wait = func(context.Context, time.Duration) error { waits++; return nil }
				h.Clients[enginetest.HighLevelConnection] = limited{h.Clients[enginetest.HighLevelConnection], asked}
				h.Clients[enginetest.GleapConnection] = limited{h.Clients[enginetest.GleapConnection], asked}
				p, results := everyone(t, h, a, mode)
				if len(h.HighLevel.Contacts()) != 20 || len(h.Gleap.Sessions()) != 20 || results[engine.ItemFailed]+results[engine.ItemLive] > 0 || waits == 0 {
					t.Errorf("%d and %d records, %v after %d waits, %d of %d done", len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()), results, waits, p.Done, p.Total)
				}
				if n := p.Counts[automation.Create]; n != 15 {
					t.Errorf("%d creates are counted", n)
				}
			})
		}
	}
}

// mute is an account that makes what it is asked for, and does not say so every other time.
type mute struct {
	limited
}

func (m mute) Create(ctx context.Context, w provider.Write) (record.Record, error) {
	r, err := m.Client.Create(ctx, w)
	if err == nil && m.asked.Add(1)%2 == 0 {
		return record.Record{}, &provider.Error{Op: "create", Kind: provider.Ambiguous}
	}
	return r, err
}

// In a draft, too, what became of a write without an answer is looked up before anything is repeated.
func TestAPlanOfADraftLooksUpWhatWasNotAnswered(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	asked := &atomic.Int64{}
	for _, id := range []record.ConnectionID{enginetest.HighLevelConnection, enginetest.GleapConnection} {
		h.Clients[id] = mute{limited{h.Clients[id], asked}}
	}
	_, results := carryOut(t, h, show(t, h, a, engine.ModeShow, ""), engine.Choice{})
	if len(h.HighLevel.Contacts()) != 20 || len(h.Gleap.Sessions()) != 20 || results[engine.ItemDone]+results[engine.ItemMoved] != 20 {
		t.Errorf("%d and %d records, %v", len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()), results)
	}
}

// speechless is an account that does what it is asked for and never says so the first time a record is written.
type speechless struct {
	limited
	asked map[string]int
	mu    *sync.Mutex
}

func (s speechless) first(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[what]++
	return s.asked[what] == 1
}

func (s speechless) Create(ctx context.Context, w provider.Write) (record.Record, error) {
	r, err := s.Client.Create(ctx, w)
	if err == nil && s.first(w.Fields["email"].String()) {
		return record.Record{}, &provider.Error{Op: "create", Kind: provider.Ambiguous}
	}
	return r, err
}

func (s speechless) Update(ctx context.Context, ref record.Ref, w provider.Write) (record.Record, error) {
	r, err := s.Client.Update(ctx, ref, w)
	if err == nil && s.first(ref.String()) {
		return record.Record{}, &provider.Error{Op: "update", Kind: provider.Ambiguous}
	}
	return r, err
}

func (s speechless) Delete(ctx context.Context, ref record.Ref) error {
	return s.Client.(provider.Deleter).Delete(ctx, ref)
}

// What a plan wrote and was not answered is written all the same, once it is found: the plan says so, and its undo takes
// it back.
func TestWhatWasWrittenWithoutAnAnswerIsWrittenAndTakenBack(t *testing.T) {
	t.Parallel()
	for _, mode := range []engine.PopulationMode{engine.ModeApply, engine.ModeFill} {
		for _, later := range []bool{false, true} {
			t.Run(fmt.Sprint(mode, " ", later), func(t *testing.T) {
				t.Parallel()
				h, a := peopled(t, nil)
				tags := map[string]string{}
				for _, c := range h.HighLevel.Contacts() {
					tags[fmt.Sprint(c["id"])] = fmt.Sprint(c["tags"])
				}
				if later {
					h.Populations.Wait = func(_ context.Context, d time.Duration) error { h.Later(d); return nil }
				}
				heard := map[record.ConnectionID]provider.Client{}
				for _, id := range []record.ConnectionID{enginetest.HighLevelConnection, enginetest.GleapConnection} {
					heard[id] = h.Clients[id]
					h.Clients[id] = speechless{limited{h.Clients[id], nil}, map[string]int{}, &sync.Mutex{}}
				}
				p, results := everyone(t, h, a, mode)
				if len(h.HighLevel.Contacts()) != 20 || len(h.Gleap.Sessions()) != 20 || results[engine.ItemDone] != 20 {
					t.Fatalf("%d and %d records, %v", len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()), results)
				}
				h.Clients = heard
				undo := show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "plan", ID: p.ID, Created: engine.CreatedDelete}.String())
				if undo.Counts[automation.Delete] != 15 || undo.Counts[automation.Skip] > 0 {
					t.Errorf("to be undone: %v", undo.Counts)
				}
				carryOut(t, h, undo, engine.Choice{})
				if len(h.HighLevel.Contacts()) != 13 || len(h.Gleap.Sessions()) != 12 {
					t.Errorf("after the undo %d and %d records", len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()))
				}
				for _, c := range h.HighLevel.Contacts() {
					if now := fmt.Sprint(c["tags"]); now != tags[fmt.Sprint(c["id"])] {
						t.Errorf("%v has %s after the undo, and had %s", c["email"], now, tags[fmt.Sprint(c["id"])])
					}
				}
			})
		}
	}
}
