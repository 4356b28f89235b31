package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

func testToldAndWrote(t *testing.T, b *bundle) {
	ctx := t.Context()
	told, found, wrote := contact("told"), contact("found"), contact("wrote")
	deliver := func(id string, kind automation.EventKind, about record.Ref, at time.Time) {
		e := b.event(about)
		e.ID, e.DedupeKey, e.Kind, e.ReceivedAt = id, id, kind, at
		_, err := b.Accept(ctx, automation.Delivery{Event: e})
		ok(t, err)
	}
	deliver("ev_1", automation.Webhook, told, b.now)
	deliver("ev_2", automation.Webhook, told, b.now.Add(time.Minute))
	deliver("ev_3", automation.Poll, told, b.now.Add(time.Hour))
	deliver("ev_4", automation.Poll, found, b.now)
	last, err := b.LastTold(ctx, []record.Ref{told, found, wrote})
	ok(t, err)
	if diff := cmp.Diff(map[record.Ref]time.Time{told: b.now.Add(time.Minute)}, last); diff != "" {
		t.Errorf("told last (-want +got):\n%s", diff)
	}

	r := b.run("rn_1", contact("1"))
	var all []automation.Change
	for i, state := range []automation.ChangeState{automation.Done, automation.Unclear, automation.Refused, automation.Done} {
		c := b.change(fmt.Sprint("ch_", i), r)
		c.Target, c.State, c.IntendedAt = wrote, state, b.now.Add(time.Duration(i)*time.Minute)
		if state == automation.Done {
			c.AnsweredAt = c.IntendedAt.Add(time.Second)
		}
		ok(t, b.Intend(ctx, r, c, automation.Limits{}))
		all = append(all, c)
	}
	ok(t, b.Finish(ctx, engine.Finish{Run: r, Settled: all}))
	write := func(i int, took time.Duration) engine.Wrote {
		from := b.now.Add(time.Duration(i) * time.Minute)
		return engine.Wrote{From: from, To: from.Add(took)}
	}
	for since, want := range map[time.Duration][]engine.Wrote{
		0:                              {write(0, time.Second), write(1, 0), write(3, time.Second)},
		time.Second:                    {write(0, time.Second), write(1, 0), write(3, time.Second)}, // answered then
		time.Minute + time.Microsecond: {write(3, time.Second)},
		time.Hour:                      nil,
	} {
		got, err := b.Wrote(ctx, []record.Ref{told, wrote}, b.now.Add(since))
		ok(t, err)
		if diff := cmp.Diff(want, got[wrote]); diff != "" || len(got[told]) > 0 {
			t.Errorf("since %s (-want +got):\n%s", since, diff)
		}
	}
}

func testIntent(t *testing.T, b *bundle) {
	ctx := t.Context()
	r := b.run("rn_1", contact("1"))
	first, second := b.change("ch_1", r), b.change("ch_2", r)
	second.IntendedAt = b.now.Add(time.Second)
	ok(t, b.Intend(ctx, r, first, automation.Limits{}))
	ok(t, b.Intend(ctx, r, second, automation.Limits{}))
	stored, err := b.Run(ctx, "rn_1")
	ok(t, err)
	if diff := cmp.Diff(r, stored); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
	open, err := b.OpenChanges(ctx, "au_1", contact("1"))
	ok(t, err)
	if diff := cmp.Diff([]automation.Change{first, second}, open); diff != "" {
		t.Errorf("open (-want +got):\n%s", diff)
	}
	for _, elsewhere := range []struct {
		a automation.ID
		r record.Ref
	}{{"au_2", contact("1")}, {"au_1", contact("2")}} {
		if none, err := b.OpenChanges(ctx, elsewhere.a, elsewhere.r); err != nil || len(none) != 0 {
			t.Errorf("open for %v: %v, %v", elsewhere, none, err)
		}
	}
	// One stays unclear, one is settled by a later attempt.
	first.State, first.Error = automation.Unclear, "timeout"
	second.State, second.AnsweredAt = automation.Settled, b.now.Add(time.Minute)
	ok(t, b.Finish(ctx, engine.Finish{Run: r, Settled: []automation.Change{first, second}}))
	open, err = b.OpenChanges(ctx, "au_1", contact("1"))
	ok(t, err)
	if diff := cmp.Diff([]automation.Change{first}, open); diff != "" {
		t.Errorf("open (-want +got):\n%s", diff)
	}
	create := b.change("ch_4", r)
	create.Op, create.Target = automation.Create, record.Ref{Connection: "cn_highlevel", Type: record.Contact}
	ok(t, b.Intend(ctx, r, create, automation.Limits{}))
	creates, err := b.UnansweredCreates(ctx, create.Target.Connection, create.Target.Type)
	ok(t, err)
	if diff := cmp.Diff([]automation.Change{create}, creates); diff != "" {
		t.Errorf("unanswered creates (-want +got):\n%s", diff)
	}
	if none, err := b.UnansweredCreates(ctx, create.Target.Connection, record.Note); err != nil || len(none) != 0 {
		t.Errorf("unanswered creates elsewhere: %v, %v", none, err)
	}
	create.State, create.Target.ID = automation.Done, "77"
	ok(t, b.Finish(ctx, engine.Finish{Run: r, Change: &create}))
	if none, err := b.UnansweredCreates(ctx, create.Target.Connection, create.Target.Type); err != nil || len(none) != 0 {
		t.Errorf("after the answer: %v, %v", none, err)
	}
}

func finished(b *bundle) engine.Finish {
	r := b.run("rn_1", contact("1"))
	c := b.change("ch_1", r)
	c.State, c.Target, c.AnsweredAt = automation.Done, counterpart("9"), b.now.Add(time.Second)
	c.After = record.Fields{"email": record.TextOf("jane@example.com"), "age": record.NumberOf(41.5), "vip": record.BoolOf(false), "since": record.TimeOf(b.now), "tags": record.ListOf([]string{"a", "b"})}
	r.State, r.Outcome, r.Summary, r.Code, r.Target, r.FinishedAt = automation.Succeeded, automation.Create, "Created the contact", "created", c.Target, b.now.Add(2*time.Second)
	return engine.Finish{
		Run: r, Change: &c,
		Link: &automation.Link{ID: "ln_1", Source: r.Source, Target: c.Target, Evidence: "created", CreatedAt: b.now},
		Base: &automation.Base{Link: "ln_1", Automation: "au_1", Version: 3, Fields: record.Fields{"email": record.TextOf("Jane@example.com")}, Target: c.After, AgreedAt: b.now, SourceAt: b.now.Add(-time.Minute)},
	}
}

func testFinish(t *testing.T, b *bundle) {
	ctx := t.Context()
	f := finished(b)
	intended := *f.Change
	intended.State, intended.Target, intended.AnsweredAt, intended.After = automation.Intended, record.Ref{}, time.Time{}, nil
	running := f.Run
	running.State, running.Outcome = automation.Running, ""
	ok(t, b.Intend(ctx, running, intended, automation.Limits{}))
	ok(t, b.Finish(ctx, f))

	r, err := b.Run(ctx, "rn_1")
	ok(t, err)
	if diff := cmp.Diff(f.Run, r); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
	changes, err := b.ChangesOf(ctx, "rn_1")
	ok(t, err)
	if diff := cmp.Diff([]automation.Change{*f.Change}, changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	link, base, linked, err := b.FindLink(ctx, contact("1"), "cn_highlevel", record.Contact, "au_1")
	ok(t, err)
	if diff := cmp.Diff(*f.Link, link); diff != "" || !linked {
		t.Errorf("link (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(*f.Base, base); diff != "" {
		t.Errorf("base (-want +got):\n%s", diff)
	}
	// Again, as after a crash between the commit and the caller hearing of it.
	ok(t, b.Finish(ctx, f))
	// The next run moves the base and, later, unlinks.
	f.Base.Fields = record.Fields{"email": record.TextOf("j@example.com")}
	f.Change, f.Link = nil, nil
	ok(t, b.Finish(ctx, f))
	if _, base, _, err = b.FindLink(ctx, contact("1"), "cn_highlevel", record.Contact, "au_1"); err != nil || !base.Fields["email"].Equal(record.TextOf("j@example.com")) {
		t.Errorf("base %v, %v", base, err)
	}
	ok(t, b.Finish(ctx, engine.Finish{Run: f.Run, Unlink: &link}))
	if _, base, linked, err = b.FindLink(ctx, contact("1"), "cn_highlevel", record.Contact, "au_1"); err != nil || linked || base.Link != "" {
		t.Errorf("still linked: %v %v %v", linked, base, err)
	}
}

func testFinishFails(t *testing.T, b *bundle) {
	ctx := t.Context()
	ok(t, b.Finish(ctx, finished(b)))
	f := finished(b)
	f.Run.ID = "rn_2"
	other := *f.Change
	other.ID, other.Run = "ch_2", "rn_2"
	f.Change = &other
	// The same id for another link is refused by the database, after run and change were written.
	f.Link.Source = contact("2")
	if err := b.Finish(ctx, f); err == nil {
		t.Fatal("a link id was used twice")
	}
	if _, err := b.Run(ctx, "rn_2"); err == nil {
		t.Error("the run was kept without its link")
	}
	if changes, err := b.ChangesOf(ctx, "rn_2"); err != nil || len(changes) != 0 {
		t.Errorf("changes %v, %v", changes, err)
	}
}

func testLinkBothWays(t *testing.T, b *bundle) {
	ctx := t.Context()
	f := finished(b)
	ok(t, b.Finish(ctx, f))
	link, base, linked, err := b.FindLink(ctx, counterpart("9"), "cn_gleap", record.Contact, "au_back")
	ok(t, err)
	want := *f.Link
	want.Source, want.Target = want.Target, want.Source
	if diff := cmp.Diff(want, link); diff != "" || !linked {
		t.Errorf("seen from the other side (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(automation.Base{}, base); diff != "" {
		t.Errorf("another automation agreed nothing yet:\n%s", diff)
	}
	for _, q := range []struct {
		ref  record.Ref
		conn record.ConnectionID
		t    record.ObjectType
	}{{contact("1"), "cn_highlevel", record.Task}, {contact("1"), "cn_other", record.Contact}, {contact("9"), "cn_highlevel", record.Contact}} {
		if l, _, linked, err := b.FindLink(ctx, q.ref, q.conn, q.t, "au_1"); err != nil || linked {
			t.Errorf("%v is linked: %v, %v", q, l, err)
		}
	}
}

func testLinkReplaced(t *testing.T, b *bundle) {
	ctx := t.Context()
	ok(t, b.Finish(ctx, finished(b)))
	f := finished(b)
	f.Link.ID, f.Link.Target = "ln_2", counterpart("10")
	f.Base.Link, f.Base.Automation = "ln_2", "au_2"
	ok(t, b.Finish(ctx, f))
	link, base, linked, err := b.FindLink(ctx, contact("1"), "cn_highlevel", record.Contact, "au_2")
	ok(t, err)
	if !linked || link.Target.ID != "10" || base.Link != link.ID || base.Automation != "au_2" {
		t.Errorf("link %+v, base %+v", link, base)
	}
	if _, stale, _, err := b.FindLink(ctx, contact("1"), "cn_highlevel", record.Contact, "au_1"); err != nil || stale.Link != "" {
		t.Errorf("what was agreed with the former counterpart counts on: %+v, %v", stale, err)
	}
	if _, _, linked, err := b.FindLink(ctx, counterpart("9"), "cn_gleap", record.Contact, "au_1"); err != nil || linked {
		t.Errorf("the former counterpart is still linked: %v, %v", linked, err)
	}
}

func testPartPair(t *testing.T, b *bundle) {
	ctx := t.Context()
	linked := func(id string, source, target record.Ref) {
		t.Helper()
		f := finished(b)
		f.Run.ID, f.Change, f.Base = "rn_"+id, nil, nil
		f.Link.ID, f.Link.Source, f.Link.Target = id, source, target
		ok(t, b.Finish(ctx, f))
	}
	stands := func(id string, severed bool) {
		t.Helper()
		l, err := b.Link(ctx, id)
		ok(t, err)
		if l.ID != id || l.Severed != severed {
			t.Errorf("%+v; severed should be %v", l, severed)
		}
	}
	linked("ln_1", contact("1"), counterpart("1"))
	ok(t, b.PartPair(ctx, "ln_1", true))
	ok(t, b.PartPair(ctx, "ln_1", true)) // a second press says the same
	stands("ln_1", true)
	ok(t, b.PartPair(ctx, "ln_1", false))
	stands("ln_1", false)

	// Neither of the two may have another counterpart by then, whichever way round that was made.
	for i, other := range [][2]record.Ref{
		{contact("2"), counterpart("1")}, {counterpart("1"), contact("2")}, {counterpart("2"), contact("1")},
	} {
		id := fmt.Sprintf("ln_other%d", i)
		ok(t, b.PartPair(ctx, "ln_1", true))
		linked(id, other[0], other[1])
		if err := b.PartPair(ctx, "ln_1", false); !errors.Is(err, engine.ErrConflict) {
			t.Errorf("beside %v it is joined: %v", other, err)
		}
		stands("ln_1", true)
		ok(t, b.PartPair(ctx, id, true))
		ok(t, b.PartPair(ctx, "ln_1", false))
	}
	if err := b.PartPair(ctx, "ln_none", true); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("a link that is not there: %v", err)
	}
}

func testLinksOf(t *testing.T, b *bundle) {
	ctx := t.Context()
	const n = 620 // more than one statement's worth
	sources := make([]record.Ref, 0, n+2)
	for i := range n {
		id := fmt.Sprint(i)
		sources = append(sources, contact(id))
		if i%10 != 0 {
			continue
		}
		f := finished(b)
		f.Run.ID, f.Change = fmt.Sprintf("rn_%04d", i), nil
		f.Link.ID, f.Link.Source, f.Link.Target = "ln_"+id, contact(id), counterpart("t"+id)
		f.Base.Link = f.Link.ID
		if i%20 == 0 {
			f.Base = nil
		}
		ok(t, b.Finish(ctx, f))
	}
	sources = append(sources, contact("0"), counterpart("t0"))
	links, err := b.LinksOf(ctx, sources, "cn_highlevel", record.Contact, "au_1")
	ok(t, err)
	if len(links) != n/10 {
		t.Errorf("%d links, want %d", len(links), n/10)
	}
	for ref, lb := range links {
		if lb.Link.Source != ref || lb.Link.Target.ID != "t"+ref.ID {
			t.Errorf("%v is linked by %+v", ref, lb.Link)
		}
	}
	if lb := links[contact("10")]; lb.Base.Link != "ln_10" {
		t.Errorf("base %+v", lb.Base)
	}
	if none, err := b.LinksOf(ctx, nil, "cn_highlevel", record.Contact, "au_1"); err != nil || len(none) != 0 {
		t.Errorf("links of nothing: %v, %v", none, err)
	}
}

func testPairsOf(t *testing.T, b *bundle) {
	ctx := t.Context()
	note := func(id string) record.Ref { return record.Ref{Connection: "cn_gleap", Type: record.Note, ID: id} }
	var want []string
	for i := range 7 {
		id := fmt.Sprint(i)
		f := finished(b)
		f.Run.ID, f.Change, f.Base = "rn_"+id, nil, nil
		f.Link.ID, f.Link.Source, f.Link.Target = "ln_"+id, contact(id), counterpart("t"+id)
		switch i {
		case 2, 5: // made from the other side
			f.Link.Source, f.Link.Target = f.Link.Target, f.Link.Source
		case 3: // of something else
			f.Link.Source = note(id)
		}
		if i != 3 {
			want = append(want, id)
		}
		ok(t, b.Finish(ctx, f))
		if i == 6 {
			ok(t, b.Finish(ctx, engine.Finish{Run: f.Run, Sever: f.Link}))
		}
	}
	ours, theirs := automation.Endpoint{Connection: "cn_gleap", Object: record.Contact}, automation.Endpoint{Connection: "cn_highlevel", Object: record.Contact}
	for _, turned := range []bool{false, true} {
		source, target := ours, theirs
		if turned {
			source, target = theirs, ours
		}
		var got []string
		for after := ""; ; {
			page, err := b.PairsOf(ctx, source, target, after, 2)
			ok(t, err)
			if len(page) == 0 {
				break
			}
			for _, l := range page {
				id := l.Source.ID
				if turned {
					id = l.Target.ID
				}
				if l.Source.Connection != source.Connection || l.Target.Connection != target.Connection || l.Severed != (id == "6") {
					t.Errorf("pair %+v", l)
				}
				got, after = append(got, id), l.ID
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("pairs %v, want %v", got, want)
		}
	}
}

func testUsedLinks(t *testing.T, b *bundle) {
	ctx := t.Context()
	var links []string
	for i, f := range []func(f *engine.Finish){
		func(f *engine.Finish) {}, // nothing came of it
		func(f *engine.Finish) { f.Change.IntendedAt = f.Link.CreatedAt.Add(-time.Second) },
		func(f *engine.Finish) { f.Change.State = automation.Refused },
		func(f *engine.Finish) { f.Change.Source = contact("another") },
		func(f *engine.Finish) { f.Change.Target = f.Change.Source },
		func(f *engine.Finish) { f.Change.Target, f.Change.Source = f.Link.Source, f.Link.Target },
		func(f *engine.Finish) { f.Change.State, f.Change.AnsweredAt = automation.Intended, time.Time{} },
		func(f *engine.Finish) { f.Change.Automation = "au_2" },
		func(f *engine.Finish) { f.Base.Automation = "au_2" },
	} {
		id := fmt.Sprint(i)
		end := finished(b)
		end.Run.ID, end.Link.ID, end.Link.Source, end.Link.Target, end.Base.Link = "rn_"+id, "ln_"+id, contact(id), counterpart("t"+id), "ln_"+id
		end.Change.ID, end.Change.Source, end.Change.Target = "ch_"+id, end.Link.Source, end.Link.Target
		if f(&end); i == 0 || i == 8 {
			end.Change = nil
		}
		ok(t, b.Finish(ctx, end))
		links = append(links, end.Link.ID)
	}
	used, err := b.UsedLinks(ctx, links, "au_1")
	ok(t, err)
	want := map[string]bool{"ln_4": true, "ln_5": true, "ln_6": true, "ln_7": true, "ln_8": true}
	if diff := cmp.Diff(want, used); diff != "" {
		t.Errorf("used (-want +got):\n%s", diff)
	}
}

func testBaseWithoutLink(t *testing.T, b *bundle) {
	f := finished(b)
	f.Link = nil
	ok(t, b.Finish(t.Context(), f))
	if _, err := b.Run(t.Context(), "rn_1"); err != nil {
		t.Errorf("the run is lost: %v", err)
	}
}

func testLinkAnswers(t *testing.T, b *bundle) {
	ctx := t.Context()
	ask := func(id string, a automation.ID, of record.Ref) {
		r := b.run("rn_"+id, of)
		r.Automation, r.State, r.Outcome = a, automation.Failed, automation.Decide
		ok(t, b.Finish(ctx, engine.Finish{Run: r, Review: &automation.Review{ID: "rv_" + id, Automation: a, Source: of, Kind: automation.ReviewIdentity, State: automation.ReviewOpen, Run: r.ID, OpenedAt: b.now}}))
	}
	ask("1", "au_1", counterpart("h1"))
	ask("2", "au_1", counterpart("h2"))
	ask("3", "au_2", counterpart("h1"))
	r := b.run("rn_4", contact("g1"))
	r.State, r.Outcome, r.Target = automation.Succeeded, automation.Linked, counterpart("h1")
	link := automation.Link{ID: "ln_1", Source: r.Source, Target: r.Target, Evidence: "chosen", CreatedAt: b.now}
	ok(t, b.Finish(ctx, engine.Finish{
		Run: r, Link: &link, Base: &automation.Base{Link: link.ID, Automation: "au_1", Version: 1, AgreedAt: b.now, Fields: record.Fields{}, Target: record.Fields{}},
		Review: &automation.Review{ID: "rv_4", Automation: "au_1", Source: r.Source, Kind: automation.ReviewConflict, State: automation.ReviewOpen, Run: r.ID, OpenedAt: b.now},
	}))
	for id, want := range map[string]automation.ReviewState{"rv_1": automation.ReviewSettled, "rv_2": automation.ReviewOpen, "rv_3": automation.ReviewOpen, "rv_4": automation.ReviewOpen} {
		if q, err := b.Review(ctx, id); err != nil || q.State != want {
			t.Errorf("%s is %s, want %s, %v", id, q.State, want, err)
		}
	}
}
