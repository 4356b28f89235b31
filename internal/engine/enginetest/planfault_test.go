package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// meddled is a client whose updates and creates go through somebody's hands.
type meddled struct {
	provider.Client
	update func(ref record.Ref, do func() (record.Record, error)) (record.Record, error)
	create func(do func() (record.Record, error)) (record.Record, error)
}

func (m meddled) Find(ctx context.Context, t record.ObjectType, field string, v record.Value) ([]record.Record, error) {
	return m.Client.(provider.Finder).Find(ctx, t, field, v)
}

func (m meddled) Delete(ctx context.Context, ref record.Ref) error {
	return m.Client.(provider.Deleter).Delete(ctx, ref)
}

func (m meddled) Update(ctx context.Context, ref record.Ref, w provider.Write) (record.Record, error) {
	do := func() (record.Record, error) { return m.Client.Update(ctx, ref, w) }
	if m.update == nil {
		return do()
	}
	return m.update(ref, do)
}

func (m meddled) Create(ctx context.Context, w provider.Write) (record.Record, error) {
	do := func() (record.Record, error) { return m.Client.Create(ctx, w) }
	if m.create == nil {
		return do()
	}
	return m.create(do)
}

// dying is a store whose process dies as it is about to say what became of some items.
type dying struct {
	engine.Populations
	dead  bool
	later int // how many times it does say so first
}

var errDead = errors.New("the process has died")

func (d *dying) SaveResults(ctx context.Context, p engine.Population, results []engine.ItemResult) error {
	for _, r := range results {
		if r.State != "" && !d.dead && d.later > 0 {
			d.later--
			break
		}
		if r.State != "" && !d.dead {
			d.dead = true
			return errDead
		}
	}
	return d.Populations.SaveResults(ctx, p, results)
}

func (d *dying) SavePopulation(ctx context.Context, p engine.Population, items []automation.Plan) error {
	if d.dead && p.State == engine.PopulationFailed {
		return errDead
	}
	return d.Populations.SavePopulation(ctx, p, items)
}

// crashed runs a plan whose process dies before it can say what it has written, and lets another go on.
func crashed(t *testing.T, h *enginetest.House, id string) {
	t.Helper()
	h.Populations.Populations = &dying{Populations: h.Store}
	if err := h.Populations.Run(t.Context(), id); !errors.Is(err, errDead) {
		t.Fatalf("it has not died: %v", err)
	}
	h.Populations.Populations = h.Store
	if err := h.Populations.Run(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

// What a plan wrote before a crash is known to it afterwards: it says so, and an undo of the plan takes it back.
func TestWhatWasWrittenBeforeACrashIsTakenBackToo(t *testing.T) {
	t.Parallel()
	for _, mode := range []engine.PopulationMode{engine.ModeShow, engine.ModeFill} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			h, a := peopled(t, nil)
			p := engine.Population{ID: automation.NewID("pl"), Automation: a.ID, Version: a.Version, Mode: mode, State: engine.PopulationQueued}
			edit(t, h.Store.CreatePopulation(t.Context(), p))
			if mode == engine.ModeShow {
				h.Drain()
				edit(t, h.Store.ApplyPopulation(t.Context(), p.ID, engine.Choice{}))
			}
			crashed(t, h, p.ID)
			results, err := h.Store.ResultCounts(t.Context(), p.ID)
			if err != nil || results[engine.ItemDone] != 20 || results[engine.ItemMoved] != 0 {
				t.Fatalf("results %v, %v", results, err)
			}
			if len(h.HighLevel.Contacts()) != 20 || len(h.Gleap.Sessions()) != 20 {
				t.Fatalf("%d and %d records", len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()))
			}
			undo := show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "plan", ID: p.ID, Created: engine.CreatedDelete}.String())
			carryOut(t, h, undo, engine.Choice{})
			if len(h.HighLevel.Contacts()) != 13 || len(h.Gleap.Sessions()) != 12 {
				t.Errorf("after the undo %d and %d records", len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()))
			}
		})
	}
}

// A record of a page that is gone over again counts once.
func TestAPlanThatGoesOnCountsNobodyTwice(t *testing.T) {
	t.Parallel()
	for _, later := range []int{0, 1, 2, 4, 5} {
		h, a := peopled(t, nil)
		h.Populations.Chunk = 4
		p := engine.Population{ID: automation.NewID("pl"), Automation: a.ID, Version: a.Version, Mode: engine.ModeFill, State: engine.PopulationQueued}
		edit(t, h.Store.CreatePopulation(t.Context(), p))
		h.Populations.Populations = &dying{Populations: h.Store, later: later}
		if err := h.Populations.Run(t.Context(), p.ID); !errors.Is(err, errDead) {
			t.Fatalf("it has not died: %v", err)
		}
		h.Populations.Populations = h.Store
		edit(t, h.Populations.Run(t.Context(), p.ID))
		got, err := h.Store.Population(t.Context(), p.ID)
		if err != nil || got.State != engine.PopulationDone || got.Done != 20 || got.Written != 20 {
			t.Errorf("died after %d parts: %s, %d looked at, %d written, %v", later, got.State, got.Done, got.Written, err)
		}
	}
}

func TestAnUndoThatDiedIsToldAsItWas(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	p, _ := carryOut(t, h, show(t, h, a, engine.ModeShow, ""), engine.Choice{})
	undo := show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "plan", ID: p.ID, Created: engine.CreatedDelete}.String())
	edit(t, h.Store.ApplyPopulation(t.Context(), undo.ID, engine.Choice{}))
	crashed(t, h, undo.ID)
	results, err := h.Store.ResultCounts(t.Context(), undo.ID)
	if err != nil || results[engine.ItemMoved]+results[engine.ItemFailed] != 0 || results[engine.ItemDone] < 20 {
		t.Errorf("results %v, %v", results, err)
	}
}

// Whoever is worked on by somebody else at that moment has a counterpart all the same: nobody makes another one for it.
func TestABackfillMakesNoCounterpartForOneThatLiveWorkIsAt(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
	var keys []engine.Key
	for _, c := range h.HighLevel.Contacts() {
		keys = append(keys, engine.Key{Automation: a.ID, Source: record.Ref{Connection: enginetest.HighLevelConnection, Type: record.Contact, ID: fmt.Sprint(c["id"])}})
	}
	claimed, err := h.Store.ClaimKeys(t.Context(), keys, "somebody else", time.Minute)
	if err != nil || len(claimed) != 13 {
		t.Fatalf("%d claimed, %v", len(claimed), err)
	}
	show(t, h, a, engine.ModeFill, "")
	// Seven of Gleap's were alone; the five that are on both sides are not made twice.
	if n := len(h.HighLevel.Contacts()); n != 20 {
		t.Errorf("%d in HighLevel", n)
	}
	h.Later(2 * time.Minute)
	if _, err := h.Store.Rescue(t.Context(), h.Now()); err != nil {
		t.Fatal(err)
	}
	h.Drain()
	if hl, gl := len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()); hl != 20 || gl != 20 {
		t.Errorf("in the end %d and %d records", hl, gl)
	}
}

func TestNothingIsBegunOnceAPlanIsStopped(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	p := show(t, h, a, engine.ModeShow, "")
	h.Populations.AtOnce = 1
	stopped := false
	meddle := func(c record.ConnectionID) {
		h.Clients[c] = meddled{Client: h.Clients[c], update: func(_ record.Ref, do func() (record.Record, error)) (record.Record, error) {
			r, err := do()
			if !stopped {
				stopped = true
				edit(t, h.Store.CancelPopulation(t.Context(), p.ID))
			}
			return r, err
		}}
	}
	meddle(enginetest.GleapConnection)
	meddle(enginetest.HighLevelConnection)
	edit(t, h.Store.ApplyPopulation(t.Context(), p.ID, engine.Choice{Outcomes: []automation.Outcome{automation.Update}}))
	h.Drain()
	results, err := h.Store.ResultCounts(t.Context(), p.ID)
	got, stateErr := h.Store.Population(t.Context(), p.ID)
	if err != nil || stateErr != nil || got.State != engine.PopulationCanceled || results[engine.ItemDone] != 1 || got.Written != 1 {
		t.Errorf("%s, %d written, results %v, %v, %v", got.State, got.Written, results, err, stateErr)
	}
}

func TestWhatCouldNotBeWrittenForTheMomentIsLeftToLiveWork(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
	failures := 0
	h.Clients[enginetest.GleapConnection] = meddled{Client: h.Clients[enginetest.GleapConnection], create: func(do func() (record.Record, error)) (record.Record, error) {
		if failures++; failures == 1 {
			return record.Record{}, &provider.Error{Op: "create contact", Kind: provider.Unavailable}
		}
		return do()
	}}
	h.Populations.AtOnce = 1
	p := show(t, h, a, engine.ModeFill, "")
	results, err := h.Store.ResultCounts(t.Context(), p.ID)
	if err != nil || results[engine.ItemLive] != 1 || results[engine.ItemFailed] != 0 {
		t.Fatalf("results %v, %v", results, err)
	}
	h.Later(time.Minute)
	h.Drain()
	if hl, gl := len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()); hl != 20 || gl != 20 {
		t.Errorf("%d and %d records", hl, gl)
	}
}

// written is a company that we carried over to HighLevel, and the change in the journal.
func written(t *testing.T, h *enginetest.House, a automation.Automation, set map[string]any) (contact, session string, ch automation.Change) {
	t.Helper()
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
	h.PollBoth()
	for _, s := range h.Gleap.Sessions() {
		if s["companyName"] == "Both" {
			session = fmt.Sprint(s["id"])
			edit(t, h.Gleap.PersonEditsContact(session, set))
			break
		}
	}
	h.PollBoth()
	ch = newestUpdate(t, h)
	return ch.Target.ID, session, ch
}

func newestUpdate(t *testing.T, h *enginetest.House) automation.Change {
	t.Helper()
	for _, r := range h.Runs() {
		changes, err := h.Store.ChangesToUndo(t.Context(), "run:"+r.ID, "", 5)
		if err != nil {
			t.Fatal(err)
		}
		if len(changes) > 0 && changes[0].Op == automation.Update {
			return changes[0]
		}
	}
	t.Fatal("nothing was written")
	return automation.Change{}
}

// An undo whose answer is lost looks whether it went back, and then knows that the two sides are apart on purpose.
func TestAnUndoWithoutAnAnswerIsLookedUp(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	contact, session, ch := written(t, h, a, map[string]any{"companyName": "Ours"})
	lost := 0
	h.Clients[enginetest.HighLevelConnection] = meddled{Client: h.Clients[enginetest.HighLevelConnection], update: func(_ record.Ref, do func() (record.Record, error)) (record.Record, error) {
		r, err := do()
		if lost++; lost == 1 && err == nil {
			return record.Record{}, &provider.Error{Op: "update contact", Kind: provider.Ambiguous}
		}
		return r, err
	}}
	_, results := carryOut(t, h, show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "change", ID: ch.ID, Created: engine.CreatedUnlink}.String()), engine.Choice{})
	h.Tell(ch.Source, provider.Updated)
	h.PollBoth()
	c, _ := h.HighLevel.Contact(contact)
	s, _ := h.Gleap.Session(session)
	if results[engine.ItemDone] != 1 || lost != 1 || c["companyName"] != "Both" || s["companyName"] != "Ours" {
		t.Errorf("results %v, written %d times; HighLevel %v, Gleap %v", results, lost, c["companyName"], s["companyName"])
	}
	open, err := h.Store.OpenChanges(t.Context(), a.ID, ch.Source)
	if err != nil || len(open) > 0 {
		t.Errorf("still open: %+v, %v", open, err)
	}
}

// What somebody types right after an undo has written is in its answer, and is an edit all the same.
func TestATagGivenRightAfterAnUndoIsCarried(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	contact, session, ch := written(t, h, a, map[string]any{"tags": []any{"beta", "ours"}})
	hl := h.Clients[enginetest.HighLevelConnection]
	h.Clients[enginetest.HighLevelConnection] = meddled{Client: hl, update: func(ref record.Ref, do func() (record.Record, error)) (record.Record, error) {
		if _, err := do(); err != nil {
			return record.Record{}, err
		}
		edit(t, h.HighLevel.PersonAddsTags(contact, "theirs"))
		return hl.Get(t.Context(), ref)
	}}
	_, results := carryOut(t, h, show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "change", ID: ch.ID, Created: engine.CreatedUnlink}.String()), engine.Choice{})
	h.Clients[enginetest.HighLevelConnection] = hl
	h.Tell(ch.Source, provider.Updated)
	s, _ := h.Gleap.Session(session)
	if tags := fmt.Sprint(s["tags"]); results[engine.ItemDone] != 1 || tags != "[beta ours theirs]" {
		t.Errorf("results %v; Gleap has %v", results, tags)
	}
}

// What somebody types before an undo, and nobody has carried yet, is an edit all the same: only our own labels go back.
func TestATagGivenRightBeforeAnUndoIsCarried(t *testing.T) {
	t.Parallel()
	for _, back := range []bool{false, true} {
		t.Run(fmt.Sprintf("the write was to HighLevel: %v", back), func(t *testing.T) {
			t.Parallel()
			h, a := peopled(t, nil)
			contact, session, ch := written(t, h, a, map[string]any{"tags": []any{"beta", "ours"}})
			if back {
				edit(t, h.HighLevel.PersonAddsTags(contact, "theirs"))
			} else {
				edit(t, h.HighLevel.PersonAddsTags(contact, "more"))
				h.PollBoth()
				ch = newestUpdate(t, h)
				edit(t, h.Gleap.PersonEditsContact(session, map[string]any{"tags": []any{"beta", "ours", "more", "theirs"}}))
			}
			_, results := carryOut(t, h, show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "change", ID: ch.ID, Created: engine.CreatedUnlink}.String()), engine.Choice{})
			h.Tell(highlevelRef(contact), provider.Updated)
			h.Tell(gleapRef(session), provider.Updated)
			s, _ := h.Gleap.Session(session)
			c, _ := h.HighLevel.Contact(contact)
			want := "[beta theirs] and [beta ours theirs]"
			if !back {
				want = "[beta ours more theirs] and [beta ours theirs]"
			}
			if tags := fmt.Sprintf("%v and %v", c["tags"], s["tags"]); results[engine.ItemDone] != 1 || tags != want {
				t.Errorf("results %v; HighLevel and Gleap have %s, want %s", results, tags, want)
			}
		})
	}
}

// A create is not taken back by deleting what somebody has worked on since, be it on a field nobody maps.
func TestWhatIsNotMappedCountsAsWorkedOn(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	p, _ := carryOut(t, h, show(t, h, a, engine.ModeShow, ""), engine.Choice{})
	for _, c := range h.HighLevel.Contacts() {
		if c["email"] == "g9@acme.io" {
			edit(t, h.HighLevel.PersonEditsContact(fmt.Sprint(c["id"]), map[string]any{"city": "Boston"}))
		}
	}
	carryOut(t, h, show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "plan", ID: p.ID, Created: engine.CreatedDelete}.String()), engine.Choice{})
	if hl, gl := len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()); hl != 14 || gl != 12 {
		t.Errorf("%d and %d records", hl, gl)
	}
}

// A listing may be behind by seconds. What a webhook has told of since is read directly before it is written over.
func TestAListingThatIsBehindIsNotWrittenFrom(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	p := show(t, h, a, engine.ModeShow, "")
	hl := h.Clients[enginetest.HighLevelConnection]
	var then []record.Record
	for page, err := range hl.List(t.Context(), provider.Query{Type: record.Contact}) {
		if err != nil {
			t.Fatal(err)
		}
		then = append(then, page.Records...)
	}
	h.Clients[enginetest.HighLevelConnection] = behind{hl, then}
	var contact string
	for _, c := range h.HighLevel.Contacts() {
		if c["companyName"] == "Both" {
			contact = fmt.Sprint(c["id"])
			edit(t, h.HighLevel.PersonEditsContact(contact, map[string]any{"companyName": "Moved"}))
			break
		}
	}
	h.Tell(record.Ref{Connection: enginetest.HighLevelConnection, Type: record.Contact, ID: contact}, provider.Updated)
	_, results := carryOut(t, h, p, engine.Choice{Outcomes: []automation.Outcome{automation.Update}})
	if results[engine.ItemMoved] != 1 {
		t.Errorf("results %v", results)
	}
}

// Nobody tells of our own writes where webhooks are lost, and a listing that does not show one yet is no edit of a person.
func TestAListingThatDoesNotShowOurWriteIsNotWrittenFrom(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	_, session, _ := written(t, h, a, map[string]any{"companyName": "First"})
	hl := h.Clients[enginetest.HighLevelConnection]
	var then []record.Record
	for page, err := range hl.List(t.Context(), provider.Query{Type: record.Contact}) {
		if err != nil {
			t.Fatal(err)
		}
		then = append(then, page.Records...)
	}
	edit(t, h.Gleap.PersonEditsContact(session, map[string]any{"companyName": "Second"}))
	h.Tell(gleapRef(session), provider.Updated)
	newest := newestUpdate(t, h)
	c, _ := h.HighLevel.Contact(newest.Target.ID)
	if c["companyName"] != "Second" {
		t.Fatalf("HighLevel has %v", c["companyName"])
	}
	h.Clients[enginetest.HighLevelConnection] = behind{hl, then}
	p := show(t, h, a, engine.ModeShow, "")
	if p.Counts[automation.Update] == 0 {
		t.Fatalf("the listing shows nothing to write: %v", p.Counts)
	}
	_, results := carryOut(t, h, p, engine.Choice{Outcomes: []automation.Outcome{automation.Update}})
	if s, _ := h.Gleap.Session(session); s["companyName"] != "Second" {
		t.Errorf("results %v; Gleap has %v", results, s["companyName"])
	}
}

// behind is a provider whose listings show what once was.
type behind struct {
	provider.Client
	then []record.Record
}

func (b behind) List(context.Context, provider.Query) iter.Seq2[provider.Page, error] {
	return func(yield func(provider.Page, error) bool) { yield(provider.Page{Records: b.then}, nil) }
}

func (b behind) Find(ctx context.Context, t record.ObjectType, field string, v record.Value) ([]record.Record, error) {
	return b.Client.(provider.Finder).Find(ctx, t, field, v)
}

func TestOneAtATimeWorksOnAPlan(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	p := engine.Population{ID: automation.NewID("pl"), Automation: a.ID, Version: a.Version, Mode: engine.ModeShow, State: engine.PopulationQueued}
	edit(t, h.Store.CreatePopulation(t.Context(), p))
	release, ok, err := h.Store.HoldPopulation(t.Context(), p.ID)
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	if err := h.Populations.Run(t.Context(), p.ID); !errors.Is(err, engine.ErrHeld) {
		t.Errorf("a second one: %v", err)
	}
	release()
	if err := h.Populations.Run(t.Context(), p.ID); err != nil {
		t.Error(err)
	}
	populationOf(t, h, p.ID)
}
