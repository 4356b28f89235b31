package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
)

// attempt stores one attempt of a run that waits for the next.
func (b *bundle) attempt(t testing.TB, id string, n int, saw string) automation.Run {
	t.Helper()
	r := b.run(id, contact("g1"))
	r.Attempts, r.State, r.Outcome, r.Code, r.Summary = n, automation.Waiting, automation.Blocked, "unavailable", "HighLevel does not answer."
	r.Steps = []automation.Step{
		{Kind: automation.StepEvent, At: b.now.Add(time.Duration(n) * time.Minute), OK: true, Title: "A webhook told of a change"},
		{Kind: automation.StepError, At: b.now.Add(time.Duration(n) * time.Minute), Title: "HighLevel does not answer", Calls: []provider.Call{
			{Method: "GET", Path: "/contacts/h1", Status: 503, Response: saw, TraceID: fmt.Sprint("trace-", n)},
		}},
	}
	ok(t, b.Finish(t.Context(), engine.Finish{Run: r}))
	return r
}

func testAttempts(t *testing.T, b *bundle) {
	ctx := t.Context()
	first := b.attempt(t, "rn_1", 1, "first")
	if r, err := b.Run(ctx, "rn_1"); err != nil || len(r.Earlier) != 0 {
		t.Fatalf("the first attempt is an earlier one: %v, %v", r.Earlier, err)
	}
	// The second intends a write and is never heard of again.
	lost := b.run("rn_1", contact("g1"))
	lost.Attempts, lost.Version = 2, 4
	lost.Steps = append(lost.Steps, automation.Step{Kind: automation.StepWrite, At: b.now, Title: "About to write"})
	ok(t, b.Intend(ctx, lost, b.change("ch_1", lost), automation.Limits{}))
	ok(t, b.Intend(ctx, lost, b.change("ch_2", lost), automation.Limits{}))
	third := b.attempt(t, "rn_1", 3, "third")
	want := third
	want.Version = 3
	want.Earlier = []automation.Attempt{first.Attempt(), lost.Attempt()}
	stored, err := b.Run(ctx, "rn_1")
	ok(t, err)
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}

	// A timeline tells them too; a list of runs has no use for them.
	b.finish(t, "rn_2", func(r *automation.Run) { r.Source = contact("g1") })
	entries, err := b.Timeline(ctx, contact("g1"), engine.TimelineFilter{})
	ok(t, err)
	i := slices.IndexFunc(entries, func(e engine.TimelineEntry) bool { return e.ID == "rn_1" })
	if i < 0 || len(entries[i].Run.Earlier) != 2 || entries[i].Run.Earlier[0].Steps[1].Calls[0].TraceID != "trace-1" {
		t.Errorf("the timeline tells %+v", entries)
	}
	if listed, err := b.Runs(ctx, engine.RunFilter{}); err != nil || len(listed) != 2 || listed[1].Earlier != nil {
		t.Errorf("listed %+v, %v", listed, err)
	}

	for n := 4; n <= 60; n++ {
		b.attempt(t, "rn_1", n, "later")
	}
	stored, err = b.Run(ctx, "rn_1")
	ok(t, err)
	var numbers []int
	for _, a := range stored.Earlier {
		numbers = append(numbers, a.Number)
	}
	if !slices.Equal(numbers, []int{1, 2, 3, 55, 56, 57, 58, 59}) || stored.Earlier[3].LeftOut != 51 || stored.Attempts != 60 {
		t.Errorf("of %d attempts %v are kept, %d are said to be left out", stored.Attempts, numbers, stored.Earlier[3].LeftOut)
	}
	if diff := cmp.Diff(first.Attempt(), stored.Earlier[0]); diff != "" {
		t.Errorf("the first attempt (-want +got):\n%s", diff)
	}

	// A worker who lost the key stores the first attempt once more: the newest is not lost by it.
	b.attempt(t, "rn_1", 1, "late")
	b.attempt(t, "rn_1", 61, "at last")
	if stored, err = b.Run(ctx, "rn_1"); err != nil || len(stored.Earlier) != 8 || stored.Earlier[0].Steps[1].Calls[0].Response != "late" {
		t.Errorf("after a late attempt: %+v, %v", stored.Earlier, err)
	}
}

func testAttemptsForgotten(t *testing.T, b *bundle) {
	ctx := t.Context()
	b.linked(t, "1", "Jane Doe", "jane@example.com")
	for n := 1; n <= 3; n++ {
		b.attempt(t, "rn_9", n, "jane@example.com has the plan gold-secret")
	}
	p, err := b.PersonalData(ctx, contact("g1"))
	ok(t, err)
	if words := shown(t, p); strings.Count(words, "gold-secret") != 3 {
		t.Errorf("given out: %s", words)
	}
	_, err = b.ErasePersonalData(ctx, contact("g1"), nil)
	ok(t, err)
	if p, err = b.PersonalData(ctx, contact("g1")); err != nil || strings.Contains(shown(t, p), "gold-secret") {
		t.Errorf("still kept: %s, %v", shown(t, p), err)
	}
	if r, err := b.Run(ctx, "rn_9"); err != nil || r.Attempts != 3 || len(r.Earlier) != 0 {
		t.Errorf("that it was tried is gone too: %+v, %v", r, err)
	}

	for n := 1; n <= 2; n++ {
		b.attempt(t, "rn_old", n, "long ago")
	}
	done := b.run("rn_old", contact("g1"))
	done.Attempts, done.State = 3, automation.Succeeded
	ok(t, b.Finish(ctx, engine.Finish{Run: done}))
	b.finish(t, "rn_zz", func(*automation.Run) {})
	ok(t, b.Prune(ctx, b.now.Add(time.Hour), b.now))
	if rows := b.count(t, "attempts"); rows != 0 {
		t.Errorf("%d attempts outlive their runs", rows)
	}
}

// count is how many rows a table has.
func (b *bundle) count(t testing.TB, table string) (n int) {
	t.Helper()
	ok(t, b.SQLDB().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n))
	return n
}
