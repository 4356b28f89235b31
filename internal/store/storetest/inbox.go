package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

var errNoJob = errors.New("the queue is broken")

func testAcceptOnce(t *testing.T, b *bundle) {
	ctx := t.Context()
	e := b.event(contact("1"))
	n, err := b.Accept(ctx, automation.Delivery{Event: e, Body: []byte(`{"id":1}`)})
	ok(t, err)
	if kinds := b.jobs.kinds(); n != 1 || kinds[engine.JobRoute] != 1 {
		t.Errorf("first: %d fresh, jobs %v", n, kinds)
	}
	again := e
	again.ID = automation.NewID("ev")
	n, err = b.Accept(ctx, automation.Delivery{Event: again, Body: []byte("other")})
	ok(t, err)
	if kinds := b.jobs.kinds(); n != 0 || len(kinds) != 0 {
		t.Errorf("again: %d fresh, jobs %v", n, kinds)
	}
	elsewhere := again
	elsewhere.Ref.Connection = "cn_other"
	n, err = b.Accept(ctx, automation.Delivery{Event: elsewhere})
	ok(t, err)
	if n != 1 {
		t.Errorf("the same key in another connection: %d fresh, want 1", n)
	}
	events, err := b.UnroutedEvents(ctx, 10)
	ok(t, err)
	if diff := cmp.Diff([]automation.Event{e, elsewhere}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	d, err := b.Delivery(ctx, e.ID)
	ok(t, err)
	if string(d.Body) != `{"id":1}` {
		t.Errorf("body %q", d.Body)
	}
	stats, err := b.DeliveryStats(ctx, "cn_gleap")
	ok(t, err)
	if diff := cmp.Diff(engine.DeliveryStats{Count: 1, LastAt: b.now}, stats); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	if none, err := b.DeliveryStats(ctx, "cn_none"); err != nil || none.Count != 0 || !none.LastAt.IsZero() {
		t.Errorf("stats of nothing: %+v, %v", none, err)
	}
}

func testAcceptRepeats(t *testing.T, b *bundle) {
	const n = 450 // more than one statement's worth
	ds := make([]automation.Delivery, 0, n+1)
	for i := range n {
		ds = append(ds, automation.Delivery{Event: b.event(contact(fmt.Sprint(i))), Body: []byte("b")})
	}
	double := ds[3]
	double.Event.ID = automation.NewID("ev")
	fresh, err := b.Accept(t.Context(), append(ds, double)...)
	ok(t, err)
	if fresh != n {
		t.Errorf("%d fresh, want %d", fresh, n)
	}
	if kinds := b.jobs.kinds(); kinds[engine.JobRoute] != 1 {
		t.Errorf("jobs %v, want one wake-up", kinds)
	}
}

func testForeignText(t *testing.T, b *bundle) {
	ctx := t.Context()
	e := b.event(contact("a\x00b\xff"))
	e.Name, e.DedupeKey = "bad \xc3\x28", "key\x00"
	fresh, err := b.Accept(ctx, automation.Delivery{Event: e, Body: []byte{0, 0xff, 0xfe}})
	ok(t, err)
	again, err := b.Accept(ctx, automation.Delivery{Event: e})
	ok(t, err)
	if fresh != 1 || again != 0 {
		t.Errorf("fresh %d, then %d", fresh, again)
	}
	d, err := b.Delivery(ctx, e.ID)
	ok(t, err)
	if string(d.Body) != "\x00\xff\xfe" {
		t.Errorf("the body is kept byte by byte: % x", d.Body)
	}
	r := b.run("rn_1", e.Ref)
	r.Title, r.Summary = "Ja\x00ne\xff", strings.Repeat("ü", 10)
	ok(t, b.Finish(ctx, engine.Finish{Run: r, Link: &automation.Link{ID: "ln_1", Source: e.Ref, Target: counterpart("x\x00"), CreatedAt: b.now}}))
	links, err := b.LinksOf(ctx, []record.Ref{e.Ref}, "cn_highlevel", "contact", "au_1")
	ok(t, err)
	if _, found := links[e.Ref]; !found {
		t.Errorf("the link is not found by the id as the provider gives it: %v", links)
	}
	runs, err := b.Runs(ctx, engine.RunFilter{Search: "JA"})
	ok(t, err)
	if len(runs) != 1 || !strings.HasPrefix(runs[0].Title, "Ja") {
		t.Errorf("runs %+v", runs)
	}
}

func testAcceptConcurrently(t *testing.T, b *bundle) {
	ctx := t.Context()
	const senders, each = 40, 5
	var wg sync.WaitGroup
	errs := make(chan error, senders*each)
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				e := b.event(contact(fmt.Sprint(s, "-", i)))
				n, err := b.Accept(ctx, automation.Delivery{Event: e})
				if err == nil && n != 1 {
					err = fmt.Errorf("%d fresh, want 1", n)
				}
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		ok(t, err)
	}
	events, err := b.UnroutedEvents(ctx, 1000)
	ok(t, err)
	kinds := b.jobs.kinds()
	if len(events) != senders*each || kinds[engine.JobRoute] == 0 || kinds[engine.JobRoute] > senders*each {
		t.Errorf("%d events, jobs %v", len(events), kinds)
	}
}

func testAcceptNeedsJob(t *testing.T, b *bundle) {
	b.jobs.failWith(errNoJob)
	e := b.event(contact("1"))
	if _, err := b.Accept(t.Context(), automation.Delivery{Event: e}); !errors.Is(err, errNoJob) {
		t.Errorf("accept answers %v", err)
	}
	events, err := b.UnroutedEvents(t.Context(), 10)
	ok(t, err)
	if len(events) != 0 {
		t.Errorf("kept %v", events)
	}
	b.jobs.failWith(nil)
	n, err := b.Accept(t.Context(), automation.Delivery{Event: e})
	ok(t, err)
	if n != 1 {
		t.Errorf("sent again it is %d fresh, want 1", n)
	}
}

func testRouteOnce(t *testing.T, b *bundle) {
	ctx := t.Context()
	e := b.event(contact("1"))
	_, err := b.Accept(ctx, automation.Delivery{Event: e})
	ok(t, err)
	b.jobs.take()
	const routers = 8
	errs := make(chan error, routers)
	for range routers {
		go func() {
			errs <- b.SaveRouting(ctx, []engine.Routed{{Event: e, Keys: []engine.Key{{Automation: "au_1", Source: e.Ref}, {Automation: "au_2", Source: e.Ref}}}})
		}()
	}
	for range routers {
		ok(t, <-errs)
	}
	if jobs := b.jobs.take(); len(jobs) != 2 {
		t.Errorf("%d jobs, want one per automation", len(jobs))
	}
	events, err := b.UnroutedEvents(ctx, 10)
	ok(t, err)
	if len(events) != 0 {
		t.Errorf("still unrouted: %v", events)
	}
}

func testRescueEvents(t *testing.T, b *bundle) {
	_, err := b.Accept(t.Context(), automation.Delivery{Event: b.event(contact("1"))})
	ok(t, err)
	b.jobs.take()
	_, err = b.Rescue(t.Context(), b.now.Add(time.Second))
	ok(t, err)
	if kinds := b.jobs.kinds(); len(kinds) != 0 {
		t.Errorf("a fresh event is left alone: %v", kinds)
	}
	_, err = b.Rescue(t.Context(), b.now.Add(time.Minute))
	ok(t, err)
	if kinds := b.jobs.kinds(); kinds[engine.JobRoute] != 1 {
		t.Errorf("jobs %v, want one route", kinds)
	}
}

func testCursors(t *testing.T, b *bundle) {
	ctx := t.Context()
	if _, known, err := b.PollCursor(ctx, "cn_1", "contact"); err != nil || known {
		t.Errorf("an unknown cursor: %v, %v", known, err)
	}
	c := engine.PollCursor{Connection: "cn_1", Object: "contact", Since: b.now, PolledAt: b.now.Add(time.Second), NextAt: b.now.Add(time.Hour), Why: "the last 2 polls failed", Calls: 3, Failures: 2, Missed: 5}
	ok(t, b.SavePollCursor(ctx, c))
	c.Problem = "The account does not answer"
	c.Since = b.now.Add(time.Minute)
	ok(t, b.SavePollCursor(ctx, c))
	got, known, err := b.PollCursor(ctx, "cn_1", "contact")
	ok(t, err)
	if diff := cmp.Diff(c, got); diff != "" || !known {
		t.Errorf("cursor (-want +got):\n%s", diff)
	}
	// What webhooks have yet to tell of is replaced as a whole, however much it is.
	silent := func(id string, due time.Time) engine.Silence {
		return engine.Silence{Ref: record.Ref{Connection: "cn_1", Type: "contact", ID: id}, Change: provider.Updated, From: b.now, To: b.now.Add(time.Second), Due: due}
	}
	soon := b.now.Add(time.Minute)
	for _, n := range []int{1, 1234, 3} {
		c.Silent = nil
		for i := range n {
			c.Silent = append(c.Silent, silent(fmt.Sprint("g", i%1000), soon)) // one record may have changed twice
		}
		ok(t, b.SavePollCursor(ctx, c))
		got, _, err := b.PollCursor(ctx, "cn_1", "contact")
		ok(t, err)
		if diff := cmp.Diff(c, got); diff != "" {
			t.Errorf("%d silences (-want +got):\n%s", n, diff)
		}
	}
	left := func() (ids []string) {
		got, _, err := b.PollCursor(ctx, "cn_1", "contact")
		ok(t, err)
		for _, d := range got.Silent {
			ids = append(ids, d.Ref.ID)
		}
		return ids
	}
	_, err = b.ErasePersonalData(ctx, record.Ref{Connection: "cn_1", Type: "contact", ID: "g1"}, nil)
	ok(t, err)
	if ids := left(); !slices.Equal(ids, []string{"g0", "g2"}) {
		t.Errorf("after g1 was erased there are %v", ids)
	}
	c.Silent = []engine.Silence{silent("old", b.now.Add(-30*24*time.Hour)), silent("new", soon)}
	ok(t, b.SavePollCursor(ctx, c))
	ok(t, b.Prune(ctx, b.now.Add(-90*24*time.Hour), b.now.Add(-30*24*time.Hour)))
	if ids := left(); !slices.Equal(ids, []string{"new"}) {
		t.Errorf("after pruning there are %v", ids)
	}
	ok(t, b.SavePollCursor(ctx, engine.PollCursor{Connection: "cn_1", Object: "ticket"}))
	all, err := b.PollCursors(ctx)
	ok(t, err)
	if len(all) != 2 {
		t.Errorf("all cursors: %v", all)
	}
}
