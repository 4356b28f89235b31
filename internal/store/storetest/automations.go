package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

func draft(id automation.ID) automation.Automation {
	return automation.Automation{
		ID: id, Name: "New Gleap contact", Recipe: "gleap-contact", State: automation.Draft, Version: 1,
		Definition: automation.Definition{
			Source: automation.Endpoint{Provider: "gleap", Connection: "cn_gleap", Object: record.Contact},
			Target: automation.Endpoint{Provider: "highlevel", Connection: "cn_highlevel", Object: record.Contact},
			Match:  []automation.MatchKey{{Source: "email", Target: "email", Kind: record.Email}},
			Create: true, Update: true, Region: "DE",
		},
	}
}

func testAutomations(t *testing.T, b *bundle) {
	ctx := t.Context()
	a := draft("au_1")
	a.CreatedAt, a.UpdatedAt = b.now, b.now
	ok(t, b.CreateAutomation(ctx, a, "jane@example.com"))
	got, err := b.Automation(ctx, a.ID)
	ok(t, err)
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	ok(t, b.SetState(ctx, a.ID, automation.Paused, "too many changes"))
	ok(t, b.Rename(ctx, a.ID, "Ours"))
	d := a.Definition
	d.Region = "FR"
	saved, err := b.SaveDefinition(ctx, a.ID, 1, d, "joe@example.com", "France")
	ok(t, err)
	if saved.Version != 2 || saved.Definition.Region != "FR" || saved.Name != "Ours" || saved.State != automation.Paused || saved.PausedWhy != "too many changes" {
		t.Errorf("saved as %+v", saved)
	}
	versions, err := b.Versions(ctx, a.ID)
	ok(t, err)
	if len(versions) != 2 || versions[0].Number != 2 || versions[0].Note != "France" || versions[0].SavedBy != "joe@example.com" || versions[1].Definition.Region != "DE" {
		t.Errorf("versions are %+v", versions)
	}
	first, err := b.Version(ctx, a.ID, 1)
	ok(t, err)
	if diff := cmp.Diff(a.Definition, first.Definition); diff != "" {
		t.Errorf("the first version changed (-want +got):\n%s", diff)
	}
	all, err := b.Automations(ctx)
	ok(t, err)
	if len(all) != 1 || all[0].ID != a.ID {
		t.Errorf("all are %+v", all)
	}

	ok(t, b.DeleteAutomation(ctx, a.ID))
	for what, err := range map[string]error{
		"read":    second(b.Automation(ctx, a.ID)),
		"save":    second(b.SaveDefinition(ctx, a.ID, 2, d, "", "")),
		"rename":  b.Rename(ctx, a.ID, "x"),
		"switch":  b.SetState(ctx, a.ID, automation.On, ""),
		"resume":  b.ResumeAutomation(ctx, a.ID),
		"delete":  b.DeleteAutomation(ctx, a.ID),
		"version": second(b.Version(ctx, a.ID, 9)),
		"unknown": second(b.Automation(ctx, "au_none")),
	} {
		if !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("%s after delete: %v, want not found", what, err)
		}
	}
}

// testNextVersion edits an automation that is on: nothing counts before it is put live, and nothing that does is lost by it.
func testNextVersion(t *testing.T, b *bundle) {
	ctx := t.Context()
	a := draft("au_1")
	a.State = automation.On
	ok(t, b.CreateAutomation(ctx, a, "jane"))
	in := func(region string) automation.Definition {
		d := a.Definition
		d.Region = region
		return d
	}
	edit := func(from int, region string) automation.Automation {
		t.Helper()
		saved, err := b.SaveEdit(ctx, a.ID, from, in(region), "joe", "to "+region)
		ok(t, err)
		return saved
	}
	is := func(what string, got automation.Automation, version, next int, live, waits string) {
		t.Helper()
		stored, err := b.Automation(ctx, a.ID)
		ok(t, err)
		all, err := b.Automations(ctx)
		ok(t, err)
		if diff := cmp.Diff(got, stored) + cmp.Diff(all[0], stored); diff != "" {
			t.Errorf("%s is read back otherwise: %s", what, diff)
		}
		n, region := 0, ""
		if got.Next != nil {
			n, region = got.Next.Number, got.Next.Definition.Region
		}
		if got.Version != version || got.Definition.Region != live || n != next || region != waits {
			t.Errorf("%s: version %d (%s), next %d (%s); want %d (%s), %d (%s)", what, got.Version, got.Definition.Region, n, region, version, live, next, waits)
		}
	}
	is("an edit while on", edit(1, "FR"), 1, 2, "DE", "FR")
	is("another", edit(2, "IT"), 1, 3, "DE", "IT")
	raise := func(d automation.Definition) automation.Definition { d.Limits.ChangesPerHour = 77; return d }
	for what, err := range map[string]error{
		"an edit of what is live":            second(b.SaveEdit(ctx, a.ID, 1, in("ES"), "", "")),
		"an edit of an older one that waits": second(b.SaveEdit(ctx, a.ID, 2, in("ES"), "", "")),
		"live, knowing of none that waits":   second(b.SaveDefinition(ctx, a.ID, 1, in("ES"), "", "")),
		"live beside an older one":           second(b.SaveLive(ctx, a.ID, 2, raise, "", "")),
		"put an older one live":              second(b.PutLive(ctx, a.ID, 2)),
		"put what is live live":              second(b.PutLive(ctx, a.ID, 1)),
		"throw an older one away":            second(b.DiscardNext(ctx, a.ID, 2)),
	} {
		if !errors.Is(err, engine.ErrConflict) {
			t.Errorf("%s: %v, want a conflict", what, err)
		}
	}
	ok(t, b.SetState(ctx, a.ID, automation.Paused, "too many"))
	is("what counts at once, beside what waits", first(t)(b.SaveLive(ctx, a.ID, 3, raise, "jane", "raised the limit")), 4, 6, "DE", "IT")
	is("an edit while paused, where one waits", edit(6, "NL"), 4, 7, "DE", "NL")
	is("thrown away", first(t)(b.DiscardNext(ctx, a.ID, 7)), 4, 0, "DE", "")
	is("an edit while paused", edit(4, "BE"), 8, 0, "BE", "")
	ok(t, b.ResumeAutomation(ctx, a.ID))
	is("one after another that was thrown away", edit(8, "PT"), 8, 9, "BE", "PT")
	is("put live", first(t)(b.PutLive(ctx, a.ID, 9)), 9, 0, "PT", "")
	versions, err := b.Versions(ctx, a.ID)
	ok(t, err)
	slices.Reverse(versions)
	// What counts at once is in every step of what waited, so that each can be undone by itself and none takes it back.
	for n, want := range map[int]string{4: "DE jane raised the limit", 5: "FR joe to FR", 6: "IT joe to IT"} {
		if v := versions[n-1]; v.Number != n || fmt.Sprint(v.Definition.Region, " ", v.SavedBy, " ", v.Note) != want || v.Definition.Limits.ChangesPerHour != 77 {
			t.Errorf("version %d: %s by %s: %q, %v; want %s with the limit", v.Number, v.Definition.Region, v.SavedBy, v.Note, v.Definition.Limits, want)
		}
	}
	var discarded []int
	for _, v := range versions {
		if v.Discarded {
			discarded = append(discarded, v.Number)
		}
	}
	if want := []int{2, 3, 5, 6, 7}; len(versions) != 9 || !slices.Equal(discarded, want) {
		t.Errorf("of %d versions %v never were live, want %v", len(versions), discarded, want)
	}
	if _, err := b.SaveEdit(ctx, "au_none", 1, in("FR"), "", ""); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("an automation there is none of: %v", err)
	}
	if _, err := b.PutLive(ctx, "au_none", 1); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("the next version of an automation there is none of: %v", err)
	}
}

// first is what there is if there is no error.
func first(t *testing.T) func(automation.Automation, error) automation.Automation {
	t.Helper()
	return func(a automation.Automation, err error) automation.Automation {
		t.Helper()
		ok(t, err)
		return a
	}
}

func testResume(t *testing.T, b *bundle) {
	ctx := t.Context()
	a := draft("au_1")
	a.State = automation.On
	ok(t, b.CreateAutomation(ctx, a, ""))
	id := b.queued(t, contact("1"))
	b.claim(t, id, "w1")
	limits := automation.Limits{ChangesPerHour: 2, DeletesPerHour: 2}
	writes := 0
	write := func() error {
		writes++
		name := fmt.Sprint(writes)
		r := b.run("rn_"+name, contact(name))
		return b.Intend(ctx, r, b.change("ch_"+name, r), limits)
	}
	braked := func(what string, err error) {
		t.Helper()
		if _, isBrake := errors.AsType[*engine.Brake](err); !isBrake {
			t.Errorf("%s: %v, want a brake", what, err)
		}
	}
	ok(t, write())
	ok(t, write())
	braked("beyond the limit", write())
	ok(t, b.SetState(ctx, a.ID, automation.Paused, "limit reached"))
	ok(t, b.Release(ctx, id, "w1", b.now.Add(24*time.Hour), "rn_3"))
	b.jobs.take()

	ok(t, b.ResumeAutomation(ctx, a.ID))
	got, err := b.Automation(ctx, a.ID)
	ok(t, err)
	if got.State != automation.On || got.PausedWhy != "" || got.Version != 1 {
		t.Errorf("it is %s (%q), version %d", got.State, got.PausedWhy, got.Version)
	}
	if kinds := b.jobs.kinds(); kinds[engine.JobReconcile] != 1 {
		t.Errorf("what waited was not woken: %v", kinds)
	}
	b.claim(t, id, "w2")
	// The counter begins anew, and the limit is the same.
	b.now = b.now.Add(time.Second)
	ok(t, write())
	ok(t, write())
	braked("beyond the limit again", write())
	if err := b.ResumeAutomation(ctx, "au_none"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("an automation there is none of: %v", err)
	}
}

// testDeletesOfAnHour: of many pairs a share may be deleted within an hour, of few any number the count allows; another
// automation's pairs, and those that went separate ways, are none of its own.
func testDeletesOfAnHour(t *testing.T, b *bundle) {
	ctx := t.Context()
	a := draft("au_1")
	a.State = automation.On
	ok(t, b.CreateAutomation(ctx, a, ""))
	limits := automation.Limits{DeletesPerHour: 100, DeleteShare: 5}
	deletes := 0
	remove := func() error {
		deletes++
		name := fmt.Sprint("d", deletes)
		r := b.run("rn_"+name, contact(name))
		c := b.change("ch_"+name, r)
		c.Op = automation.Delete
		return b.Intend(ctx, r, c, limits)
	}
	b.now = b.now.Add(-61 * time.Minute)
	for range 3 {
		ok(t, remove())
	}
	b.now = b.now.Add(61 * time.Minute)
	for n := range automation.ShareFloor - 4 {
		b.linked(t, fmt.Sprint(n), "Jane Doe", "jane@acme.io")
	}
	for range 3 {
		ok(t, remove()) // too few for a share
	}
	b.linked(t, "one more", "Jane Doe", "jane@acme.io")
	err := remove()
	if brake, is := errors.AsType[*engine.Brake](err); !is || !brake.Share || brake.Limit != 5 {
		t.Errorf("the fourth of %d in an hour: %v", automation.ShareFloor, err)
	}
	limits.DeleteShare = 8
	ok(t, remove())
	limits.DeleteShare = 0
	for range 5 {
		ok(t, remove())
	}
}

func second[T any](_ T, err error) error { return err }

func testOptimisticLock(t *testing.T, b *bundle) {
	ctx := t.Context()
	ok(t, b.CreateAutomation(ctx, draft("au_1"), ""))
	const tabs = 8
	errs := make(chan error, tabs)
	for range tabs {
		go func() { errs <- second(b.SaveDefinition(ctx, "au_1", 1, draft("").Definition, "", "")) }()
	}
	won := 0
	for range tabs {
		switch err := <-errs; {
		case err == nil:
			won++
		case !errors.Is(err, engine.ErrConflict):
			t.Errorf("a losing save answers %v", err)
		}
	}
	versions, err := b.Versions(ctx, "au_1")
	ok(t, err)
	if won != 1 || len(versions) != 2 {
		t.Errorf("%d of %d saves won and there are %d versions, want 1 and 2", won, tabs, len(versions))
	}
}

func testAutomationRoundTrip(t *testing.T, b *bundle) {
	text := rapid.OneOf(rapid.Just("with \x00 within"), rapid.String())
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		a := draft(automation.ID(automation.NewID("au")))
		n++
		a.Definition.Region = text.Draw(t, "region")
		a.Definition.Match = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) automation.MatchKey {
			return automation.MatchKey{Source: text.Draw(t, "source"), Target: text.Draw(t, "target"), Kind: record.Phone}
		}), 1, 3).Draw(t, "match")
		a.Definition.Target.Provider = provider.ID(text.Draw(t, "provider"))
		a.Definition.Mapping = mapping.Mapping{}
		if err := b.CreateAutomation(t.Context(), a, text.Draw(t, "by")); err != nil {
			t.Fatal(err)
		}
		got, err := b.Automation(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a.Definition, got.Definition); diff != "" {
			t.Fatalf("definition (-want +got):\n%s", diff)
		}
	})
}
