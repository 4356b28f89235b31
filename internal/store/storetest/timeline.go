package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

// linked finishes a run that links a record with its counterpart and remembers an email for both.
func (b *bundle) linked(t testing.TB, n, title, email string) automation.Run {
	t.Helper()
	r := b.run("rn_"+n, contact("g"+n))
	r.State, r.Outcome, r.Title, r.Target = automation.Succeeded, automation.Create, title, counterpart("h"+n)
	c := b.change("ch_"+n, r)
	c.State, c.Target, c.AnsweredAt = automation.Done, r.Target, b.now
	c.Fields[0].After = record.TextOf(email)
	link := automation.Link{ID: "ln_" + n, Source: r.Source, Target: r.Target, Evidence: "Created from it", CreatedAt: b.now}
	base := automation.Base{Link: link.ID, Automation: "au_1", Version: 3, AgreedAt: b.now,
		Fields: record.Fields{"email": record.TextOf(email)}, Target: record.Fields{"email": record.TextOf(email)}}
	ok(t, b.Finish(t.Context(), engine.Finish{Run: r, Change: &c, Link: &link, Base: &base}))
	return r
}

func testFindRecords(t *testing.T, b *bundle) {
	ctx := t.Context()
	b.linked(t, "1", "Jane Doe", "Jane.D+x@Example.com")
	b.linked(t, "2", "Omar <b>Haddad</b>", "omar&sons@example.com")
	b.now = b.now.Add(time.Second)
	b.linked(t, "3", "Jane Roe", "roe@example.com")
	// One of Jane's is only known by an event, one only by a question, one only by a dry run.
	b.route(t, contact("only/told"))
	asked := b.run("rn_9", contact("g9"))
	asked.Title = "g9"
	ok(t, b.Finish(ctx, engine.Finish{Run: asked, Review: &automation.Review{
		ID: "rv_9", Automation: "au_1", Source: contact("g9"), Kind: automation.ReviewIdentity, Title: "Zoë Asked", Run: "rn_9", OpenedAt: b.now,
	}}))
	ok(t, b.CreatePopulation(ctx, engine.Population{ID: "pl_1", Automation: "au_1", State: engine.PopulationRunning, CreatedAt: b.now}))
	ok(t, b.SavePopulation(ctx, engine.Population{ID: "pl_1", Automation: "au_1", State: engine.PopulationDone, FinishedAt: b.now}, []automation.Plan{{
		Source: contact("g8"), SourceTitle: "Quinn Dry", Outcome: automation.Create,
		Fields: []automation.FieldPlan{{Field: "email", Label: "Email", Kind: record.Email, Action: automation.Set, After: record.TextOf("dry@example.com")}},
	}}))
	for q, want := range map[string][]string{
		"jane":                       {"g3 h3 Jane Roe", "g1 h1 Jane Doe"},
		"Jane D":                     {"g1 h1 Jane Doe"},
		"jane.d+x@example.com":       {"g1 h1 Jane Doe"},
		"omar&sons@example.com":      {"g2 h2 Omar <b>Haddad</b>"},
		"<b>":                        {"g2 h2 Omar <b>Haddad</b>"},
		"@example.com":               {"g3 h3 Jane Roe", "g2 h2 Omar <b>Haddad</b>", "g1 h1 Jane Doe", "g8 Quinn Dry"},
		"g1":                         {"g1 h1 Jane Doe"},
		"h1":                         {"g1 h1 Jane Doe"},
		"cn_highlevel/contact/h1":    {"g1 h1 Jane Doe"},
		"cn_gleap/contact/h1":        {},
		"rn_2":                       {"g2 h2 Omar <b>Haddad</b>"},
		"only/told":                  {"only/told only/told"},
		"cn_gleap/contact/only/told": {"only/told only/told"},
		"asked":                      {"g9 Zoë Asked"},
		"dry@example.com":            {"g8 Quinn Dry"},
		"quinn":                      {"g8 Quinn Dry"},
		"email":                      {},
		"100%":                       {},
		"nobody@example.com":         {},
		"  ":                         {},
		"with a \x00":                {},
	} {
		hits, err := b.FindRecords(ctx, q, 10)
		ok(t, err)
		got := []string{}
		for _, h := range hits {
			line := h.Record.ID
			for _, c := range h.Counterparts {
				line += " " + c.ID
			}
			got = append(got, line+" "+h.Title)
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", q, diff)
		}
	}
	hits, err := b.FindRecords(ctx, "jane", 1)
	ok(t, err)
	if len(hits) != 1 || hits[0].Record != contact("g3") || !hits[0].SeenAt.Equal(b.now) {
		t.Errorf("the one dealt with last is %+v", hits)
	}
}

func testTimeline(t *testing.T, b *bundle) {
	ctx := t.Context()
	ok(t, b.CreateAutomation(ctx, draft("au_1"), ""))
	start := b.now
	told := b.route(t, contact("g1"), "au_1")
	b.now = start.Add(time.Second)
	ignored := b.event(contact("g1"))
	_, err := b.Accept(ctx, automation.Delivery{Event: ignored, Body: []byte(`{"id":"g1"}`)})
	ok(t, err)
	b.now = start.Add(2 * time.Second)
	r := b.run("rn_1", contact("g1"))
	r.Event, r.State, r.Outcome, r.Target = told, automation.Succeeded, automation.Create, counterpart("h1")
	c := b.change("ch_1", r)
	c.State, c.Target, c.AnsweredAt = automation.Done, r.Target, b.now
	link := automation.Link{ID: "ln_1", Source: r.Source, Target: r.Target, Evidence: "Created from it", CreatedAt: b.now.Add(time.Millisecond)}
	base := automation.Base{Link: link.ID, Automation: "au_1", Version: 3, AgreedAt: b.now, Fields: record.Fields{"email": record.TextOf("j@x.io")}, Target: record.Fields{}}
	ok(t, b.Finish(ctx, engine.Finish{Run: r, Change: &c, Link: &link, Base: &base}))
	b.now = start.Add(3 * time.Second)
	q := automation.Review{ID: "rv_1", Automation: "au_1", Source: contact("g1"), Kind: automation.ReviewConflict, State: automation.ReviewOpen, Title: "Jane Doe", Run: "rn_2", OpenedAt: b.now}
	second := b.run("rn_2", contact("g1"))
	second.State, second.Outcome = automation.Failed, automation.Decide
	ok(t, b.Finish(ctx, engine.Finish{Run: second, Review: &q}))
	// Somebody else's affairs stay theirs.
	b.linked(t, "7", "Somebody else", "else@example.com")

	for _, from := range []record.Ref{contact("g1"), counterpart("h1")} {
		entries, err := b.Timeline(ctx, from, engine.TimelineFilter{})
		ok(t, err)
		got := []string{}
		for _, e := range entries {
			got = append(got, string(e.Kind)+" "+e.ID)
		}
		want := []string{string(engine.EntryReview) + " rv_1", "run rn_2", "link ln_1", "run rn_1", "arrival " + ignored.ID, "arrival " + told.ID}
		if len(got) == 0 || entries[0].Kind != engine.EntryDue {
			t.Fatalf("from %s nothing is due: %v", from, got)
		}
		if diff := cmp.Diff(want, got[1:]); diff != "" {
			t.Errorf("from %s (-want +got):\n%s", from, diff)
			continue
		}
		if due := entries[0].Due; due.Key != (engine.Key{Automation: "au_1", Source: contact("g1")}) || due.State != "queued" || due.Event.ID != told.ID {
			t.Errorf("due is %+v", due)
		}
		if diff := cmp.Diff(&q, entries[1].Review, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("review (-want +got):\n%s", diff)
		}
		if l := entries[3].Link; l.Evidence != link.Evidence || len(l.Bases) != 1 || l.Bases[0].Fields["email"].String() != "j@x.io" {
			t.Errorf("link %+v", l)
		}
		run := entries[4].Run
		if len(run.Steps) != 1 || len(run.Changes) != 1 || run.Changes[0].ID != "ch_1" || run.Changes[0].Fields[0].After.String() != "jane@example.com" {
			t.Errorf("run %+v", run)
		}
		unrouted, routed := entries[5].Arrival, entries[6].Arrival
		if !unrouted.RoutedAt.IsZero() || !unrouted.Kept {
			t.Errorf("the event nobody looked at is %+v", unrouted)
		}
		if routed.RoutedAt.IsZero() || !slices.Equal(ids(routed.Led), []string{"rn_1"}) || !routed.Kept {
			t.Errorf("the event that was routed is %+v", routed)
		}
	}
	none, err := b.Timeline(ctx, contact("nobody"), engine.TimelineFilter{})
	ok(t, err)
	if len(none) != 0 {
		t.Errorf("nobody has %v", none)
	}
}

func testTimelinePages(t *testing.T, b *bundle) {
	ctx := t.Context()
	b.linked(t, "1", "Jane Doe", "jane@example.com")
	for i := range 23 {
		if i%3 != 0 { // some share an instant
			b.now = b.now.Add(time.Millisecond)
		}
		b.route(t, []record.Ref{contact("g1"), counterpart("h1")}[i%2])
		r := b.run(fmt.Sprintf("rn_a%02d", i), contact("g1"))
		ok(t, b.Finish(ctx, engine.Finish{Run: r}))
	}
	all, err := b.Timeline(ctx, contact("g1"), engine.TimelineFilter{Limit: 500})
	ok(t, err)
	if len(all) != 1+1+2*23 {
		t.Fatalf("%d entries", len(all))
	}
	for _, limit := range []int{1, 5, 7, 48} {
		var got []engine.TimelineEntry
		f := engine.TimelineFilter{Limit: limit}
		for {
			page, err := b.Timeline(ctx, counterpart("h1"), f)
			ok(t, err)
			got = append(got, page...)
			if len(page) < limit {
				break
			}
			f.Before = engine.ParseTimelineMark(page[len(page)-1].Mark().String())
		}
		if diff := cmp.Diff(marks(all), marks(got)); diff != "" {
			t.Errorf("in pages of %d (-want +got):\n%s", limit, diff)
		}
	}
}

func marks(entries []engine.TimelineEntry) []string {
	out := []string{}
	for _, e := range entries {
		out = append(out, e.Mark().String())
	}
	return out
}

func testLatestRuns(t *testing.T, b *bundle) {
	b.linked(t, "1", "Jane Doe", "jane@example.com")
	b.finish(t, "rn_2", func(r *automation.Run) { r.Source, r.Automation = contact("g1"), "au_2" })
	b.finish(t, "rn_3", func(r *automation.Run) { r.Source, r.Automation = counterpart("h1"), "au_2" })
	b.finish(t, "rn_4", func(r *automation.Run) { r.Source = contact("another") })
	for _, from := range []record.Ref{contact("g1"), counterpart("h1")} {
		runs, err := b.LatestRuns(t.Context(), from)
		ok(t, err)
		if diff := cmp.Diff([]string{"rn_3", "rn_1"}, ids(runs)); diff != "" {
			t.Errorf("from %s (-want +got):\n%s", from, diff)
		}
		if len(runs) > 0 && len(runs[0].Steps) == 0 {
			t.Error("a run has no steps")
		}
	}
}
