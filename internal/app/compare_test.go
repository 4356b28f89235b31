package app

import (
	"slices"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
)

func TestTheDailyComparisonLooksAtEveryAutomation(t *testing.T) {
	t.Parallel()
	h, _, _ := hookHouse(t)
	h.cfg.CompareEvery = 24 * time.Hour
	var want []automation.ID
	for _, a := range []automation.Automation{
		ready(t, "contacts-in-sync", automation.On, nil),
		ready(t, "gleap-ticket-to-highlevel-task", automation.On, nil),
		ready(t, "gleap-note-to-highlevel-note", automation.On, nil), // listed by its parent only
		ready(t, "gleap-contact-to-highlevel", automation.Paused, nil),
	} {
		if a.State == automation.On {
			want = append(want, a.ID)
		}
		a.CreatedAt, a.UpdatedAt = time.Now(), time.Now()
		if err := h.store.CreateAutomation(t.Context(), a, "test"); err != nil {
			t.Fatal(err)
		}
		if err := h.store.SetState(t.Context(), a.ID, a.State, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.compareAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := h.store.Automations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if _, compared, err := h.store.LatestPopulation(t.Context(), a.ID); err != nil || compared {
			t.Errorf("%s was changed just now and is compared already, %v", a.ID, err)
		}
	}
	h.cfg.CompareEvery = time.Nanosecond
	var got []automation.ID
	for range want {
		if err := h.compareAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			p, ok, err := h.store.LatestPopulation(t.Context(), a.ID)
			if err != nil {
				t.Fatal(err)
			}
			if !ok || slices.Contains(got, a.ID) {
				continue
			}
			got = append(got, a.ID)
			if p.Mode != engine.ModeShow || p.Of != engine.DailyComparison {
				t.Errorf("%s is compared as %s of %q", a.ID, p.Mode, p.Of)
			}
			// One at a time: the next begins when this one has ended.
			if err := h.compareAll(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.State = engine.PopulationDone
			if err := h.store.SavePopulation(t.Context(), p, nil); err != nil {
				t.Fatal(err)
			}
			// At this pace it would be due again at once.
			if err := h.store.SetState(t.Context(), a.ID, automation.Paused, ""); err != nil {
				t.Fatal(err)
			}
		}
		if len(got) == 0 {
			t.Fatal("nothing is compared")
		}
	}
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("compared %v, want %v", got, want)
	}
}

// A backfill that somebody paused and forgot, and an automation somebody works on every day, keep none from its turn.
func TestNoAutomationKeepsAnotherFromBeingCompared(t *testing.T) {
	t.Parallel()
	h, _, _ := hookHouse(t)
	h.cfg.CompareEvery = 24 * time.Hour
	begun := time.Now().Add(-72 * time.Hour)
	add := func(id automation.ID) automation.Automation {
		a := ready(t, "contacts-in-sync", automation.On, nil)
		a.ID, a.CreatedAt, a.UpdatedAt = id, begun, begun
		check(t, h.store.CreateAutomation(t.Context(), a, "test"))
		check(t, h.store.SetState(t.Context(), a.ID, a.State, ""))
		return a
	}
	latest := func(a automation.Automation) engine.Population {
		p, _, err := h.store.LatestPopulation(t.Context(), a.ID)
		check(t, err)
		return p
	}
	forgotten, edited := add("au_1"), add("au_2")
	check(t, h.store.CreatePopulation(t.Context(), engine.Population{ID: "pl_fill", Automation: forgotten.ID, Version: 1, Mode: engine.ModeFill, State: engine.PopulationQueued, CreatedAt: begun}))
	check(t, h.store.PausePopulation(t.Context(), "pl_fill"))
	_, err := h.store.SaveDefinition(t.Context(), edited.ID, 1, edited.Definition, "test", "edited today")
	check(t, err)
	check(t, h.compareAll(t.Context()))
	if p := latest(edited); p.Of != engine.DailyComparison {
		t.Errorf("what is edited every day is never compared: %+v", p)
	}
	if p := latest(forgotten); p.ID != "pl_fill" {
		t.Errorf("%s hides the backfill that is paused", p.ID)
	}
}
