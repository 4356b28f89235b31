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
