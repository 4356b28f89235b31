package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

func testCoalesce(t *testing.T, b *bundle) {
	ctx := t.Context()
	var last automation.Event
	var routed []engine.Routed
	for range 3 {
		last = b.event(contact("1"))
		_, err := b.Accept(ctx, automation.Delivery{Event: last})
		ok(t, err)
		routed = append(routed, engine.Routed{Event: last, Keys: []engine.Key{{Automation: "au_1", Source: last.Ref}}})
	}
	b.jobs.take()
	ok(t, b.SaveRouting(ctx, routed[:2]))
	ok(t, b.SaveRouting(ctx, routed[2:]))
	jobs := b.jobs.take()
	if len(jobs) != 1 || jobs[0].Kind != engine.JobReconcile {
		t.Fatalf("jobs %v, want one", jobs)
	}
	w := b.claim(t, jobs[0].Work, "w1")
	want := engine.Work{ID: jobs[0].Work, Automation: "au_1", Source: contact("1"), Event: last, Attempt: 1}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
}

func testClaimExclusive(t *testing.T, b *bundle) {
	id := b.queued(t, contact("1"))
	const workers = 50
	var won atomic.Int32
	errs := make(chan error, workers)
	for w := range workers {
		go func() {
			_, claimed, err := b.Claim(t.Context(), id, fmt.Sprint(w), lease)
			if claimed {
				won.Add(1)
			}
			errs <- err
		}()
	}
	for range workers {
		ok(t, <-errs)
	}
	if won.Load() != 1 {
		t.Errorf("%d workers have it", won.Load())
	}
	if _, claimed, err := b.Claim(t.Context(), 987654, "w", lease); err != nil || claimed {
		t.Errorf("work that does not exist: %v, %v", claimed, err)
	}
}

// testNoKeyLeftBehind lets senders, a router and workers loose on a few keys. Every event must be followed by a
// claim that began after it was routed, no key may be worked on twice at once, and in the end all are idle.
func testNoKeyLeftBehind(t *testing.T, b *bundle) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	const keys, senders, each = 5, 10, 8
	work := make(chan engine.WorkID, 10000)
	var busy [keys]atomic.Int32
	// The rescue below looks from far in the future, where every lease has ended: it must not meet a claim.
	var claimed sync.RWMutex
	var seen sync.Map // event id → claimed with it
	// The recorder sees a job before its transaction is committed, so one may be tried too early; the rescue at the
	// end makes up for that.
	pump := func() {
		for _, j := range b.jobs.take() {
			if j.Kind == engine.JobReconcile {
				work <- j.Work
			}
		}
	}
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				e := b.event(contact(fmt.Sprint((s + i) % keys)))
				if _, err := b.Accept(ctx, automation.Delivery{Event: e}); err != nil {
					t.Error(err)
					return
				}
				if err := b.SaveRouting(ctx, []engine.Routed{{Event: e, Keys: []engine.Key{{Automation: "au_1", Source: e.Ref}}}}); err != nil {
					t.Error(err)
					return
				}
				pump()
			}
		})
	}
	var workers sync.WaitGroup
	done := make(chan struct{})
	for n := range 6 {
		workers.Go(func() {
			for {
				var id engine.WorkID
				select {
				case id = <-work:
				case <-done:
					return
				}
				owner := fmt.Sprint("w", n)
				work := func() error {
					claimed.RLock()
					defer claimed.RUnlock()
					w, mine, err := b.Claim(ctx, id, owner, lease)
					if err != nil || !mine {
						return err
					}
					key := int(w.Source.ID[0] - '0')
					if busy[key].Add(1) != 1 {
						t.Errorf("key %d is worked on twice at once", key)
					}
					seen.Store(w.Event.ID, true)
					busy[key].Add(-1)
					return b.Release(ctx, id, owner, time.Time{}, "")
				}
				if err := work(); err != nil {
					t.Error(err)
					return
				}
				pump()
			}
		})
	}
	wg.Wait()
	// What is still due has its job in the channel, or is found by a rescue far in the future.
	for {
		pump()
		claimed.Lock()
		n, err := b.Rescue(ctx, time.Now().Add(time.Hour))
		claimed.Unlock()
		ok(t, err)
		pump()
		if n == 0 && len(work) == 0 {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("keys stay due")
		}
	}
	close(done)
	workers.Wait()
	claims := 0
	seen.Range(func(any, any) bool { claims++; return true })
	if claims < keys || claims > senders*each {
		t.Errorf("%d claims for %d keys and %d events", claims, keys, senders*each)
	}
}

func testDirty(t *testing.T, b *bundle) {
	id := b.queued(t, contact("1"))
	b.claim(t, id, "w1")
	news := b.route(t, contact("1"), "au_1")
	if kinds := b.jobs.kinds(); kinds[engine.JobReconcile] != 0 {
		t.Errorf("a running key needs no job: %v", kinds)
	}
	if _, claimed, err := b.Claim(t.Context(), id, "w2", lease); err != nil || claimed {
		t.Errorf("claimed while running: %v, %v", claimed, err)
	}
	ok(t, b.Release(t.Context(), id, "w1", time.Time{}, ""))
	if kinds := b.jobs.kinds(); kinds[engine.JobReconcile] != 1 {
		t.Errorf("jobs %v, want one", kinds)
	}
	if w := b.claim(t, id, "w2"); w.Event.ID != news.ID || w.Attempt != 1 || w.RunID != "" {
		t.Errorf("work %+v", w)
	}
	ok(t, b.Release(t.Context(), id, "w2", time.Time{}, ""))
	if kinds := b.jobs.kinds(); len(kinds) != 0 {
		t.Errorf("jobs %v after a clean end", kinds)
	}
	if _, claimed, err := b.Claim(t.Context(), id, "w3", lease); err != nil || claimed {
		t.Errorf("an idle key is claimed: %v, %v", claimed, err)
	}
}

func testRetry(t *testing.T, b *bundle) {
	ctx := t.Context()
	id := b.queued(t, contact("1"))
	b.claim(t, id, "w1")
	later := b.now.Add(time.Hour)
	ok(t, b.Release(ctx, id, "w1", later, "rn_1"))
	want := []engine.Job{{Kind: engine.JobReconcile, Work: id, RunAt: later}}
	if diff := cmp.Diff(want, b.jobs.take()); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	if _, claimed, err := b.Claim(ctx, id, "w1", lease); err != nil || claimed {
		t.Errorf("claimed before its time: %v, %v", claimed, err)
	}
	n, err := b.Rescue(ctx, later.Add(time.Hour))
	ok(t, err)
	if n != 1 {
		t.Errorf("rescued %d, want the one whose time has come", n)
	}
	w := b.claim(t, id, "w1")
	if w.RunID != "rn_1" || w.Attempt != 2 {
		t.Errorf("work %+v", w)
	}
	ok(t, b.Release(ctx, id, "w1", time.Now(), "rn_1"))
	if w := b.claim(t, id, "w1"); w.Attempt != 3 {
		t.Errorf("attempt %d, want 3", w.Attempt)
	}
	ok(t, b.Release(ctx, id, "w1", time.Time{}, ""))
	b.route(t, contact("1"), "au_1")
	if w := b.claim(t, id, "w1"); w.Attempt != 1 || w.RunID != "" {
		t.Errorf("after its end it begins anew: %+v", w)
	}
}

func testNewsWhileWaiting(t *testing.T, b *bundle) {
	id := b.queued(t, contact("1"))
	b.claim(t, id, "w1")
	ok(t, b.Release(t.Context(), id, "w1", b.now.Add(time.Hour), "rn_1"))
	b.jobs.take()
	news := b.route(t, contact("1"), "au_1")
	if kinds := b.jobs.kinds(); kinds[engine.JobReconcile] != 1 {
		t.Errorf("jobs %v, want one", kinds)
	}
	if w := b.claim(t, id, "w1"); w.Event.ID != news.ID || w.RunID != "rn_1" || w.Attempt != 2 {
		t.Errorf("work %+v", w)
	}
	b.route(t, contact("1"), "au_1")
	b.jobs.take()
	ok(t, b.Release(t.Context(), id, "w1", b.now.Add(time.Hour), "rn_1"))
	if jobs := b.jobs.take(); len(jobs) != 1 || !jobs[0].RunAt.IsZero() {
		t.Errorf("a retry with news is due at once, got %v", jobs)
	}
	b.claim(t, id, "w1")
}

func testForeignRelease(t *testing.T, b *bundle) {
	id := b.queued(t, contact("1"))
	if err := b.Release(t.Context(), id, "w1", time.Time{}, ""); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("releasing what nobody has: %v", err)
	}
	b.claim(t, id, "w1")
	if err := b.Release(t.Context(), id, "w2", time.Time{}, ""); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("releasing what another has: %v", err)
	}
	ok(t, b.Release(t.Context(), id, "w1", time.Time{}, ""))
}

func testRescueExpired(t *testing.T, b *bundle) {
	ctx := t.Context()
	id := b.queued(t, contact("1"))
	b.claim(t, id, "w1")
	r := b.run("rn_1", contact("1"))
	ok(t, b.Intend(ctx, r, b.change("ch_1", r), automation.Limits{}))
	b.jobs.take()
	n, err := b.Rescue(ctx, time.Now())
	ok(t, err)
	if n != 0 {
		t.Errorf("rescued %d while leased", n)
	}
	ok(t, b.KeepKeys(ctx, []engine.WorkID{id}, "w1", 3*lease))
	ok(t, b.KeepKeys(ctx, []engine.WorkID{id}, "w2", time.Nanosecond))
	if n, err = b.Rescue(ctx, time.Now().Add(2*lease)); err != nil || n != 0 {
		t.Errorf("rescued %d whose lease was kept, %v", n, err)
	}
	ok(t, b.KeepKeys(ctx, []engine.WorkID{id}, "w1", lease))
	n, err = b.Rescue(ctx, time.Now().Add(2*lease))
	ok(t, err)
	if kinds := b.jobs.kinds(); n != 1 || kinds[engine.JobReconcile] != 1 {
		t.Errorf("rescued %d, jobs %v", n, kinds)
	}
	w := b.claim(t, id, "w2")
	if w.RunID != "rn_1" || w.Attempt != 2 {
		t.Errorf("it goes on with its run: %+v", w)
	}
	if err := b.Release(ctx, id, "w1", time.Time{}, ""); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("the one who lost it releases: %v", err)
	}
	// Crashed after the end was stored and before the release: that run is over.
	r.State, r.Outcome, r.Attempts = automation.Succeeded, automation.Create, 2
	ok(t, b.Finish(ctx, engine.Finish{Run: r}))
	_, err = b.Rescue(ctx, time.Now().Add(2*lease))
	ok(t, err)
	if w := b.claim(t, id, "w3"); w.RunID != "" {
		t.Errorf("a run that ended is taken up again: %+v", w)
	}
}

func testRescueJobless(t *testing.T, b *bundle) {
	id := b.queued(t, contact("1"))
	n, err := b.Rescue(t.Context(), time.Now())
	ok(t, err)
	if n != 0 {
		t.Errorf("rescued %d at once", n)
	}
	_, err = b.Rescue(t.Context(), time.Now().Add(time.Hour))
	ok(t, err)
	if diff := cmp.Diff([]engine.Job{{Kind: engine.JobReconcile, Work: id}}, b.jobs.take()); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	if w := b.claim(t, id, "w1"); w.Attempt != 1 {
		t.Errorf("a lost job is no attempt: %+v", w)
	}
}

func testReleaseAllLeases(t *testing.T, b *bundle) {
	running := b.queued(t, contact("1"))
	b.claim(t, running, "dead")
	waits := b.queued(t, contact("2"))
	b.claim(t, waits, "dead")
	ok(t, b.Release(t.Context(), waits, "dead", b.now.Add(time.Hour), "rn_2"))
	queued := b.queued(t, contact("3"))
	b.jobs.take()
	n, err := b.ReleaseAllLeases(t.Context())
	ok(t, err)
	due := map[engine.WorkID]int{}
	for _, j := range b.jobs.take() {
		due[j.Work]++
	}
	if diff := cmp.Diff(map[engine.WorkID]int{running: 1, queued: 1}, due); diff != "" || n != 2 {
		t.Errorf("%d released; jobs (-want +got):\n%s", n, diff)
	}
	b.claim(t, running, "new")
}

// testAwaits: the link a key waits for makes it due, whichever end of the link the awaited record is; another's does not.
func testAwaits(t *testing.T, b *bundle) {
	ctx := t.Context()
	wait := func(awaited ...record.Ref) engine.WorkID {
		child := contact("child of " + awaited[0].ID)
		id := b.queued(t, child)
		b.claim(t, id, "w1")
		r := b.run("rn_"+child.ID, child)
		r.State = automation.Waiting
		ok(t, b.Finish(ctx, engine.Finish{Run: r, Awaits: awaited}))
		return id
	}
	linked := func(n string, source, target record.Ref) map[engine.WorkID]int {
		b.jobs.take()
		r := b.run("rn_linking_"+n, source)
		r.State = automation.Succeeded
		ok(t, b.Finish(ctx, engine.Finish{Run: r, Link: &automation.Link{ID: "ln_" + n, Source: source, Target: target, CreatedAt: b.now}}))
		woken := map[engine.WorkID]int{}
		for _, j := range b.jobs.take() {
			woken[j.Work]++
		}
		return woken
	}
	far, near, working := wait(contact("1"), contact("2")), wait(contact("3")), wait(contact("4"))
	for _, id := range []engine.WorkID{far, near} {
		ok(t, b.Release(ctx, id, "w1", b.now.Add(time.Hour), ""))
	}
	if woken := linked("a", contact("5"), contact("6")); len(woken) != 0 {
		t.Errorf("a link nobody awaits woke %v", woken)
	}
	if diff := cmp.Diff(map[engine.WorkID]int{far: 1}, linked("b", contact("2"), contact("7"))); diff != "" {
		t.Errorf("a link of the second one awaited (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[engine.WorkID]int{near: 1}, linked("c", contact("8"), contact("3"))); diff != "" {
		t.Errorf("a link to the one awaited (-want +got):\n%s", diff)
	}
	// One that is still being worked on has perhaps looked already.
	if woken := linked("d", contact("4"), contact("9")); len(woken) != 0 {
		t.Errorf("one in work was woken: %v", woken)
	}
	ok(t, b.Release(ctx, working, "w1", b.now.Add(time.Hour), ""))
	b.claim(t, working, "w2")

	// Who comes to an end awaits nothing any more.
	b.claim(t, near, "w1")
	r := b.run("rn_child of 3", contact("child of 3"))
	r.State, r.Attempts = automation.Succeeded, 2
	ok(t, b.Finish(ctx, engine.Finish{Run: r}))
	ok(t, b.Release(ctx, near, "w1", b.now.Add(time.Hour), "")) // waits for something else
	if woken := linked("e", contact("3"), contact("10")); len(woken) != 0 {
		t.Errorf("it awaits nothing, and was woken: %v", woken)
	}
}

func testHeldWork(t *testing.T, b *bundle) {
	ctx := t.Context()
	for i, state := range []string{"idle", "waiting", "waiting", "due", "running"} {
		source := contact(fmt.Sprint(i))
		if state == "due" {
			b.route(t, source, "au_2") // of another automation
			continue
		}
		id := b.queued(t, source)
		b.claim(t, id, "w1")
		switch state {
		case "idle":
			ok(t, b.Release(ctx, id, "w1", time.Time{}, ""))
		case "waiting":
			run := map[int]string{2: "rn_2"}[i] // the later of the two was looked at
			ok(t, b.Release(ctx, id, "w1", b.now.Add(time.Hour), run))
		}
	}
	for _, c := range []struct {
		of           []automation.ID
		waiting, due int
	}{{nil, 0, 0}, {[]automation.ID{"au_1"}, 2, 1}, {[]automation.ID{"au_2"}, 0, 1}, {[]automation.ID{"au_1", "au_2", "au_3"}, 2, 2}} {
		waiting, due, err := b.HeldWork(ctx, c.of...)
		ok(t, err)
		if waiting != c.waiting || due != c.due {
			t.Errorf("of %v: %d wait and %d are due, want %d and %d", c.of, waiting, due, c.waiting, c.due)
		}
	}
	for _, c := range []struct {
		of    automation.ID
		limit int
		want  []string
	}{{"au_1", 10, []string{"2", "1", "4"}}, {"au_1", 2, []string{"2", "1"}}, {"au_2", 10, []string{"3"}}, {"au_3", 10, nil}} {
		held, err := b.HeldRecords(ctx, c.of, c.limit)
		ok(t, err)
		var ids []string
		for _, w := range held {
			ids = append(ids, w.Source.ID)
		}
		if diff := cmp.Diff(c.want, ids); diff != "" {
			t.Errorf("the first %d held for %s (-want +got):\n%s", c.limit, c.of, diff)
		}
	}
}

func testWakeWaiting(t *testing.T, b *bundle) {
	id := b.queued(t, contact("1"))
	b.claim(t, id, "w1")
	ok(t, b.Release(t.Context(), id, "w1", b.now.Add(time.Hour), "rn_1"))
	b.jobs.take()
	n, err := b.WakeWaiting(t.Context(), "au_2", "au_1")
	ok(t, err)
	if kinds := b.jobs.kinds(); n != 1 || kinds[engine.JobReconcile] != 1 {
		t.Errorf("woke %d, jobs %v", n, kinds)
	}
	if w := b.claim(t, id, "w1"); w.RunID != "rn_1" {
		t.Errorf("work %+v", w)
	}
}
