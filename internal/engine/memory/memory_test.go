package memory_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/memory"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/store"
)

// ports are what both stores promise the engine.
type ports interface {
	engine.Links
	engine.Journal
	engine.Inbox
	engine.Routing
	engine.Works
	engine.Cursors
	Run(ctx context.Context, id string) (automation.Run, error)
	WakeWaiting(ctx context.Context, automations ...automation.ID) (int, error)
	everyone
}

// asked is a store, the jobs it enqueued, and the works it made, oldest first: only their order is promised, not their
// numbers.
type asked struct {
	ports
	decide func(id, run string, d automation.Decision) error
	jobs   []engine.Job
	works  []engine.WorkID
	items  []int64 // positions, lowest first
}

// take is what was enqueued since the last time, with each work's place for its number.
func (a *asked) take() []engine.Job {
	jobs := a.jobs
	a.jobs = nil
	for _, j := range jobs {
		if j.Work != 0 && !slices.Contains(a.works, j.Work) {
			a.works = append(a.works, j.Work)
		}
	}
	slices.Sort(a.works)
	for i, j := range jobs {
		if j.Work != 0 {
			jobs[i].Work = engine.WorkID(slices.Index(a.works, j.Work) + 1)
		}
	}
	slices.SortFunc(jobs, func(a, b engine.Job) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Work, b.Work), cmp.Compare(a.Plan, b.Plan))
	})
	return jobs
}

// at is the number of the work in a place; one that nobody has when there is none.
func (a *asked) at(place int) engine.WorkID {
	if place > len(a.works) {
		return 1 << 40
	}
	return a.works[place-1]
}

// TestItAnswersAsTheRealStoreDoes asks both the same questions in the same order, thousands of them.
func TestItAnswersAsTheRealStoreDoes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	real, err := store.Open(t.Context(), store.Config{SQLitePath: filepath.Join(t.TempDir(), "store.db"), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = real.Close() })
	if err := real.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	want, got := &asked{ports: real}, &asked{}
	real.OnEnqueue(func(_ context.Context, _ store.Tx, jobs []engine.Job) error {
		want.jobs = append(want.jobs, jobs...)
		return nil
	})
	kept := memory.New(clock, func(jobs []engine.Job) { got.jobs = append(got.jobs, jobs...) })
	got.ports, got.decide = kept, kept.Decide
	want.decide = func(id, run string, d automation.Decision) error {
		return real.DecideReview(t.Context(), id, run, d, "")
	}
	for _, a := range []automation.ID{"au_1", "au_2"} {
		if err := real.CreateAutomation(t.Context(), automation.Automation{ID: a, Name: string(a), State: automation.On, Version: 1}, ""); err != nil {
			t.Fatal(err)
		}
	}
	// One pair of stores for all: each round adds to what the earlier ones left behind.
	q := &questions{ctx: t.Context(), now: &now}
	rapid.Check(t, func(rt *rapid.T) {
		q.rt = rt
		for range rapid.IntRange(1, 40).Draw(rt, "questions") {
			ask := q.draw()
			one, other := ask.of(want), ask.of(got)
			if diff := gocmp.Diff(one, other, cmpopts.EquateEmpty(), gocmp.Comparer(sameError), cmpopts.IgnoreFields(engine.Work{}, "ID")); diff != "" {
				rt.Fatalf("%s is answered otherwise (-real +memory):\n%s", ask.name, diff)
			}
			if diff := gocmp.Diff(want.take(), got.take(), cmpopts.EquateEmpty()); diff != "" {
				rt.Fatalf("%s enqueues other jobs (-real +memory):\n%s", ask.name, diff)
			}
		}
	})
}

// sameError compares what callers act on, not the words.
func sameError(a, b error) bool {
	if (a == nil) != (b == nil) {
		return false
	}
	for _, known := range []error{engine.ErrConflict, engine.ErrNotFound} {
		if errors.Is(a, known) != errors.Is(b, known) {
			return false
		}
	}
	_, one := errors.AsType[*engine.Brake](a)
	_, other := errors.AsType[*engine.Brake](b)
	return one == other
}

type question struct {
	name string
	of   func(*asked) []any
}

// questions draws what to ask; what was made so far may be asked about again.
type questions struct {
	rt      *rapid.T
	ctx     context.Context
	now     *time.Time
	count   int
	changes []automation.Change
	reviews []string
}

func (q *questions) id(prefix string) string {
	q.count++
	return fmt.Sprintf("%s_%04d", prefix, q.count)
}

func (q *questions) ref(connection record.ConnectionID) record.Ref {
	return record.Ref{Connection: connection, Type: record.Contact, ID: rapid.SampledFrom([]string{"1", "2", "3"}).Draw(q.rt, "record")}
}

func (q *questions) automation() automation.ID {
	return rapid.SampledFrom([]automation.ID{"au_1", "au_2"}).Draw(q.rt, "automation")
}

func (q *questions) work() int { return rapid.IntRange(1, 6).Draw(q.rt, "work") }

func (q *questions) event(dedupe string) automation.Event {
	return automation.Event{ID: q.id("ev"), Kind: automation.Webhook, Ref: q.ref("cn_1"), Change: provider.Updated, DedupeKey: dedupe, ReceivedAt: *q.now}
}

func (q *questions) run(source record.Ref, a automation.ID) automation.Run {
	return automation.Run{
		ID: fmt.Sprintf("rn_%d", rapid.IntRange(1, 4).Draw(q.rt, "run")), Automation: a, Version: 1, Source: source,
		State:    rapid.SampledFrom([]automation.RunState{automation.Running, automation.Succeeded, automation.Waiting, automation.Failed}).Draw(q.rt, "state"),
		Attempts: rapid.SampledFrom([]int{1, 1, 2, 3, 5, q.count + 5}).Draw(q.rt, "attempts"), StartedAt: *q.now,
		Steps: []automation.Step{{Kind: automation.StepEvent, At: *q.now, OK: true, Title: q.id("look")}},
	}
}

func (q *questions) draw() question {
	ctx := q.ctx
	switch rapid.IntRange(0, 20).Draw(q.rt, "question") {
	case 0, 1:
		e := q.event(fmt.Sprint(q.count/50, rapid.IntRange(1, 6).Draw(q.rt, "key")))
		if rapid.IntRange(0, 5).Draw(q.rt, "of a record") == 0 {
			e.Change, e.Ref.Type, e.Ref.ID = rapid.SampledFrom([]provider.Change{provider.Removed, provider.Installed, provider.Ignored}).Draw(q.rt, "change"), "", ""
		}
		return question{"accept", func(p *asked) []any {
			n, err := p.Accept(ctx, automation.Delivery{Event: e, Body: []byte("{}")})
			return []any{n, err}
		}}
	case 2, 3:
		// Router and store together: whatever is unrouted makes its key due for both automations.
		return question{"route", func(p *asked) []any {
			events, err := p.UnroutedEvents(ctx, 2)
			var routed []engine.Routed
			for _, e := range events {
				routed = append(routed, engine.Routed{Event: e, Keys: []engine.Key{{Automation: "au_1", Source: e.Ref}, {Automation: "au_2", Source: e.Ref}}})
			}
			return []any{events, err, p.SaveRouting(ctx, routed)}
		}}
	case 4:
		k, e := engine.Key{Automation: q.automation(), Source: q.ref("cn_1")}, q.event("woken")
		return question{"wake", func(p *asked) []any { return []any{p.Wake(ctx, k, e)} }}
	case 5, 6:
		id, owner := q.work(), rapid.SampledFrom([]string{"w1", "w2"}).Draw(q.rt, "owner")
		return question{"claim", func(p *asked) []any {
			w, ok, err := p.Claim(ctx, p.at(id), owner, 2*time.Minute)
			if w.Event.Kind == automation.Decided {
				w.Event.ID = "" // a store's own
			}
			return []any{w, ok, err}
		}}
	case 7:
		id, owner := q.work(), rapid.SampledFrom([]string{"w1", "w2"}).Draw(q.rt, "owner")
		var at time.Time
		if rapid.Bool().Draw(q.rt, "again") {
			at = q.now.Add(time.Duration(rapid.IntRange(0, 300).Draw(q.rt, "seconds")) * time.Second)
		}
		run := rapid.SampledFrom([]string{"", "rn_1", "rn_2"}).Draw(q.rt, "run")
		return question{"release", func(p *asked) []any { return []any{p.Release(ctx, p.at(id), owner, at, run)} }}
	case 8:
		*q.now = q.now.Add(time.Duration(rapid.IntRange(0, 200).Draw(q.rt, "seconds")) * time.Second)
		return question{"rescue", func(p *asked) []any {
			n, err := p.Rescue(ctx, *q.now)
			return []any{n, err}
		}}
	case 9:
		source, a := q.ref("cn_1"), q.automation()
		r := q.run(source, a)
		c := automation.Change{
			ID: q.id("ch"), Run: r.ID, Automation: a, Source: source, Op: rapid.SampledFrom([]automation.Outcome{automation.Create, automation.Update, automation.Delete}).Draw(q.rt, "op"),
			State: automation.Intended, Before: record.Fields{"email": record.TextOf("a@b.c")}, IntendedAt: *q.now,
		}
		q.changes = append(q.changes, c)
		*q.now = q.now.Add(time.Millisecond) // of two intents of one moment nobody says which comes first
		limits := automation.Limits{ChangesPerHour: rapid.IntRange(0, 6).Draw(q.rt, "limit"), DeletesPerHour: 2, DeleteShare: rapid.SampledFrom([]int{0, 5}).Draw(q.rt, "share")}
		return question{"intend", func(p *asked) []any { return []any{p.Intend(ctx, r, c, limits)} }}
	case 10, 11:
		return q.finish()
	case 12:
		identities := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y", "z"}), 1, 2, rapid.ID).Draw(q.rt, "identities")
		holder := rapid.SampledFrom([]string{"h1", "h2"}).Draw(q.rt, "holder")
		until := q.now.Add(time.Minute)
		return question{"reserve", func(p *asked) []any {
			ok, err := p.Reserve(ctx, identities, holder, until)
			return []any{ok, err}
		}}
	case 14:
		of := q.automation()
		return question{"wake what waits", func(p *asked) []any {
			n, err := p.WakeWaiting(ctx, of)
			return []any{n, err}
		}}
	case 13:
		// Claimed for a plan over everyone and given back, with news for one of them meanwhile.
		keys := []engine.Key{{Automation: q.automation(), Source: q.ref("cn_1")}, {Automation: q.automation(), Source: q.ref("cn_1")}}
		news, e := rapid.Bool().Draw(q.rt, "news"), q.event("news")
		return question{"claim keys", func(p *asked) []any {
			got, err := p.ClaimKeys(ctx, keys, "plan", time.Minute)
			if news {
				err = errors.Join(err, p.Wake(ctx, keys[0], e))
			}
			mine := map[engine.Key]bool{}
			for k := range got {
				mine[k] = true
			}
			ids := slices.Collect(maps.Values(got))
			return []any{mine, err, p.KeepKeys(ctx, ids, "plan", time.Hour), p.KeepKeys(ctx, ids, "somebody else", time.Nanosecond), p.ReleaseKeys(ctx, slices.Collect(maps.Values(got)), "plan")}
		}}
	case 15:
		return q.decide()
	case 16, 17, 18, 19:
		return q.aboutEveryone()
	}
	run := fmt.Sprintf("rn_%d", rapid.IntRange(1, 4).Draw(q.rt, "looked at"))
	source, a := q.ref(rapid.SampledFrom([]record.ConnectionID{"cn_1", "cn_2"}).Draw(q.rt, "side")), q.automation()
	other := record.ConnectionID("cn_2")
	if source.Connection == "cn_2" {
		other = "cn_1"
	}
	return question{"look", func(p *asked) []any {
		link, base, ok, err := p.FindLink(ctx, source, other, record.Contact, a)
		open, openErr := p.OpenChanges(ctx, a, source)
		reviews, reviewErr := p.Reviews(ctx, a, source)
		for i := range reviews {
			reviews[i].Plan = automation.Plan{}
		}
		r, runErr := p.Run(ctx, run)
		return []any{link, base, ok, err, open, openErr, reviews, reviewErr, r, runErr}
	}}
}

// finish ends a run with whatever may end with it.
func (q *questions) finish() question {
	source, a := q.ref("cn_1"), q.automation()
	f := engine.Finish{Run: q.run(source, a), Settle: rapid.Bool().Draw(q.rt, "settle")}
	if len(q.changes) > 0 && rapid.Bool().Draw(q.rt, "answer") {
		c := rapid.SampledFrom(q.changes).Draw(q.rt, "change")
		c.State = rapid.SampledFrom([]automation.ChangeState{automation.Done, automation.Unclear, automation.Refused, automation.Settled}).Draw(q.rt, "change state")
		c.Target, c.After, c.AnsweredAt = q.ref("cn_2"), record.Fields{"email": record.TextOf("d@e.f")}, *q.now
		f.Settled = []automation.Change{c}
	}
	if rapid.Bool().Draw(q.rt, "link") {
		f.Link = &automation.Link{ID: q.id("ln"), Source: source, Target: q.ref("cn_2"), Evidence: "met", CreatedAt: *q.now}
		*q.now = q.now.Add(time.Millisecond)
		f.Base = &automation.Base{Link: f.Link.ID, Automation: a, Version: 1, Fields: record.Fields{"name": record.TextOf(q.id("name"))}, Target: record.Fields{}, AgreedAt: *q.now}
	}
	if rapid.IntRange(0, 3).Draw(q.rt, "review") == 0 {
		f.Review = &automation.Review{ID: q.id("rv"), Automation: a, Source: source, Kind: automation.ReviewConflict, State: automation.ReviewOpen, Title: "?", Run: f.Run.ID, OpenedAt: *q.now}
		q.reviews = append(q.reviews, f.Review.ID)
	}
	end := rapid.IntRange(0, 5).Draw(q.rt, "end")
	return question{"finish", func(p *asked) []any {
		mine := f
		if end < 2 && f.Link == nil {
			if had, _, ok, err := p.FindLink(q.ctx, source, "cn_2", record.Contact, a); err == nil && ok {
				if end == 0 {
					mine.Unlink = &had
				} else {
					mine.Sever = &had
				}
			}
		}
		return []any{p.Finish(q.ctx, mine)}
	}}
}

func TestDeterministicOrderOfJobs(t *testing.T) {
	t.Parallel()
	var jobs []engine.Job
	s := memory.New(time.Now, func(more []engine.Job) { jobs = append(jobs, more...) })
	var routed []engine.Routed
	for i := range 20 {
		e := automation.Event{ID: fmt.Sprint("ev_", i), Ref: record.Ref{Connection: "cn_1", Type: record.Contact, ID: fmt.Sprint(19 - i)}, DedupeKey: fmt.Sprint(i)}
		if _, err := s.Accept(t.Context(), automation.Delivery{Event: e}); err != nil {
			t.Fatal(err)
		}
		routed = append(routed, engine.Routed{Event: e, Keys: []engine.Key{{Automation: "au_1", Source: e.Ref}}})
	}
	jobs = nil
	if err := s.SaveRouting(t.Context(), routed); err != nil {
		t.Fatal(err)
	}
	if len(jobs) != 20 || !slices.IsSortedFunc(jobs, func(a, b engine.Job) int { return int(a.Work - b.Work) }) {
		t.Errorf("jobs come as %v", jobs)
	}
}
