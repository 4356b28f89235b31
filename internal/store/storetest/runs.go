package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
)

func (b *bundle) finish(t testing.TB, id string, edit func(*automation.Run)) automation.Run {
	t.Helper()
	r := b.run(id, contact(id))
	r.State, r.Outcome = automation.Succeeded, automation.Create
	edit(&r)
	ok(t, b.Finish(t.Context(), engine.Finish{Run: r}))
	return r
}

func ids(runs []automation.Run) []string {
	out := []string{}
	for _, r := range runs {
		out = append(out, r.ID)
	}
	return out
}

func testRunFilters(t *testing.T, b *bundle) {
	b.finish(t, "rn_1", func(r *automation.Run) {})
	b.finish(t, "rn_2", func(r *automation.Run) { r.Automation = "au_2" })
	b.finish(t, "rn_3", func(r *automation.Run) { r.State, r.Outcome = automation.Failed, automation.Blocked })
	b.finish(t, "rn_4", func(r *automation.Run) { r.Title = "100% Müller_ltd"; r.Target = counterpart("Target4") })
	for _, c := range []struct {
		f    engine.RunFilter
		want []string
	}{
		{engine.RunFilter{}, []string{"rn_4", "rn_3", "rn_2", "rn_1"}},
		{engine.RunFilter{Limit: 2}, []string{"rn_4", "rn_3"}},
		{engine.RunFilter{Before: "rn_3"}, []string{"rn_2", "rn_1"}},
		{engine.RunFilter{Automation: "au_2"}, []string{"rn_2"}},
		{engine.RunFilter{State: automation.Failed}, []string{"rn_3"}},
		{engine.RunFilter{Outcomes: []automation.Outcome{automation.Create}, Automation: "au_1"}, []string{"rn_4", "rn_1"}},
		{engine.RunFilter{Outcomes: []automation.Outcome{automation.Create, automation.Blocked}, Automation: "au_1"}, []string{"rn_4", "rn_3", "rn_1"}},
		{engine.RunFilter{Search: "jane d"}, []string{"rn_3", "rn_2", "rn_1"}},
		{engine.RunFilter{Search: "100%"}, []string{"rn_4"}},
		{engine.RunFilter{Search: "r_lt"}, []string{"rn_4"}},
		{engine.RunFilter{Search: "0_ M"}, []string{}},
		{engine.RunFilter{Search: "target4"}, []string{"rn_4"}},
		{engine.RunFilter{Search: "RN_2"}, []string{"rn_2"}},
	} {
		got, err := b.Runs(t.Context(), c.f)
		ok(t, err)
		if diff := cmp.Diff(c.want, ids(got)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.f, diff)
		}
	}
	if _, err := b.Run(t.Context(), "rn_none"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("a run that is not there: %v", err)
	}
}

func testRunPages(t *testing.T, b *bundle) {
	for _, n := range []int{0, 1, 5, 6, 13} {
		a := automation.ID(fmt.Sprint("au_pages", n))
		want := []string{}
		for range n {
			r := b.finish(t, automation.NewID("rn"), func(r *automation.Run) { r.Automation = a })
			want = append(want, r.ID)
		}
		slices.Reverse(want)
		got := []string{}
		f := engine.RunFilter{Automation: a, Limit: 5}
		for {
			page, err := b.Runs(t.Context(), f)
			ok(t, err)
			got = append(got, ids(page)...)
			if len(page) < f.Limit {
				break
			}
			f.Before = page[len(page)-1].ID
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d runs in pages of 5 (-want +got):\n%s", n, diff)
		}
	}
}

func testRunsSince(t *testing.T, b *bundle) {
	ctx := t.Context()
	_, start, err := b.RunsSince(ctx, -1, 0)
	ok(t, err)
	b.finish(t, "rn_1", func(r *automation.Run) { r.State = automation.Running })
	b.finish(t, "rn_2", func(r *automation.Run) {})
	b.finish(t, "rn_1", func(r *automation.Run) {})
	b.news(t, start, func(ids []string) bool { return len(ids) == 2 })
	news, seq, err := b.RunsSince(ctx, start, 100)
	ok(t, err)
	if diff := cmp.Diff([]string{"rn_2", "rn_1"}, ids(news)); diff != "" {
		t.Errorf("news (-want +got):\n%s", diff)
	}
	one, mid, err := b.RunsSince(ctx, start, 1)
	ok(t, err)
	if rest, _, err := b.RunsSince(ctx, mid, 1); err != nil || len(one) != 1 || len(rest) != 1 || rest[0].ID != "rn_1" {
		t.Errorf("one by one: %v, then %v, %v", ids(one), ids(rest), err)
	}
	if none, same, err := b.RunsSince(ctx, seq, 100); err != nil || len(none) != 0 || same != seq {
		t.Errorf("no news: %v, %d, %v", ids(none), same, err)
	}
	// Nobody's change is skipped, however many write at once.
	const writers, each = 10, 6
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				r := b.run(fmt.Sprint("rn_c", w, "_", i), contact("1"))
				if err := b.Finish(ctx, engine.Finish{Run: r}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := map[string]bool{}
	deadline := time.Now().Add(30 * time.Second)
	for len(seen) < writers*each && time.Now().Before(deadline) {
		var news []automation.Run
		news, seq, err = b.RunsSince(ctx, seq, 7)
		ok(t, err)
		for _, r := range news {
			if seen[r.ID] {
				t.Errorf("%s is told twice", r.ID)
			}
			seen[r.ID] = true
		}
	}
	wg.Wait()
	if len(seen) != writers*each {
		t.Errorf("%d of %d changes were told", len(seen), writers*each)
	}
}

func testRunCounts(t *testing.T, b *bundle) {
	hour := b.now.Truncate(time.Hour)
	for i, at := range []time.Time{hour.Add(-3 * time.Hour), hour.Add(time.Minute), hour.Add(2 * time.Minute), hour.Add(-time.Minute)} {
		b.finish(t, fmt.Sprint("rn_", i), func(r *automation.Run) { r.StartedAt = at })
	}
	b.finish(t, "rn_s", func(r *automation.Run) { r.StartedAt, r.Outcome = hour, automation.Same })
	got, err := b.RunCounts(t.Context(), hour.Add(-2*time.Hour))
	ok(t, err)
	want := []engine.HourCount{
		{Hour: hour.Add(-time.Hour), Outcome: automation.Create, N: 1},
		{Hour: hour, Outcome: automation.Create, N: 2},
		{Hour: hour, Outcome: automation.Same, N: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func testRetryRun(t *testing.T, b *bundle) {
	ctx := t.Context()
	ok(t, b.CreateAutomation(ctx, draft("au_1"), ""))
	failed := b.finish(t, "rn_1", func(r *automation.Run) { r.State = automation.Failed })
	ok(t, b.RetryRun(ctx, "rn_1"))
	jobs := b.jobs.take()
	if len(jobs) != 1 || jobs[0].Kind != engine.JobReconcile {
		t.Fatalf("jobs %v", jobs)
	}
	w := b.claim(t, jobs[0].Work, "w1")
	if w.RetryOf != "rn_1" || w.Source != failed.Source || w.RunID != "" || w.Attempt != 1 || w.Event.Kind != automation.Manual || w.Event.ID != failed.Event.ID {
		t.Errorf("work %+v", w)
	}
	ok(t, b.Release(ctx, w.ID, "w1", b.now.Add(time.Hour), "rn_2"))
	b.jobs.take()
	ok(t, b.RetryRun(ctx, "rn_1"))
	if w := b.claim(t, w.ID, "w1"); w.RetryOf != "rn_1" || w.RunID != "rn_2" || w.Attempt != 2 {
		t.Errorf("a waiting run is tried now: %+v", w)
	}
	if err := b.RetryRun(ctx, "rn_none"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("a run that is not there: %v", err)
	}
	b.finish(t, "rn_t", func(r *automation.Run) { r.Event.Kind = automation.TestSend })
	if err := b.RetryRun(ctx, "rn_t"); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("a test payload is not retried: %v", err)
	}
}

func testRetryRunNeedsJob(t *testing.T, b *bundle) {
	ctx := t.Context()
	ok(t, b.CreateAutomation(ctx, draft("au_1"), ""))
	b.finish(t, "rn_1", func(r *automation.Run) { r.State = automation.Failed })
	b.jobs.failWith(errNoJob)
	if err := b.RetryRun(ctx, "rn_1"); !errors.Is(err, errNoJob) {
		t.Errorf("retry answers %v", err)
	}
	b.jobs.failWith(nil)
	n, err := b.Rescue(ctx, time.Now().Add(time.Hour))
	ok(t, err)
	if n != 0 {
		t.Errorf("%d keys are due", n)
	}
}
