package enginetest_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// between stands between the engine and a provider.
type between struct {
	provider.Client
	list     func(provider.Query) (answer iter.Seq2[provider.Page, error], ours bool)
	children func(parent record.Ref) (records []record.Record, err error, ours bool)
	gets     atomic.Int64
}

func (b *between) Get(ctx context.Context, ref record.Ref) (record.Record, error) {
	b.gets.Add(1)
	return b.Client.Get(ctx, ref)
}

func (b *between) List(ctx context.Context, q provider.Query) iter.Seq2[provider.Page, error] {
	if b.list != nil {
		if pages, ours := b.list(q); ours {
			return pages
		}
	}
	return b.Client.List(ctx, q)
}

func (b *between) Children(ctx context.Context, t record.ObjectType, parent record.Ref) ([]record.Record, error) {
	if b.children != nil {
		if records, err, ours := b.children(parent); ours {
			return records, err
		}
	}
	return b.Client.(provider.Children).Children(ctx, t, parent)
}

func (b *between) Find(ctx context.Context, t record.ObjectType, field string, v record.Value) ([]record.Record, error) {
	return b.Client.(provider.Finder).Find(ctx, t, field, v)
}

func (b *between) Delete(ctx context.Context, ref record.Ref) error {
	return b.Client.(provider.Deleter).Delete(ctx, ref)
}

// stand puts somebody between the engine and a connection.
func (o *office) stand(c record.ConnectionID) *between {
	b := &between{Client: o.Clients[c]}
	o.Clients[c] = b
	return b
}

// crowd is an office with more linked contacts, each with a ticket and two notes of it; nothing is told of the notes
// and tickets.
func crowd(t *testing.T, people int, change func(*office)) *office {
	t.Helper()
	o := newOffice(t, change).introduce()
	for i := 1; i < people; i++ {
		o.Gleap.PersonCreatesContact(map[string]any{"name": fmt.Sprintf("P %d", i), "email": fmt.Sprintf("p%d@acme.io", i)})
	}
	o.settle()
	off(t, o.House, o.tickets)
	off(t, o.House, o.notes)
	for i, s := range o.Gleap.Sessions() {
		ticket := o.Gleap.PersonCreatesTicket(fmt.Sprint(s["id"]), map[string]any{"title": fmt.Sprintf("Ticket %d", i)})
		for n := range 2 {
			o.Gleap.PersonCreatesNote(ticket, fmt.Sprintf("note %d of %d", n, i))
		}
	}
	return o
}

// daily begins a comparison as the day does.
func (o *office) daily(a automation.Automation) engine.Population {
	o.t.Helper()
	return show(o.t, o.House, a, engine.ModeShow, engine.DailyComparison)
}

func (o *office) on(a automation.Automation) {
	o.t.Helper()
	edit(o.t, o.Store.SetState(o.t.Context(), a.ID, automation.On, ""))
}

func (o *office) shown(p engine.Population) []automation.Plan {
	o.t.Helper()
	items, err := o.Store.PlanItems(o.t.Context(), p.ID, engine.PlanFilter{Limit: 500})
	edit(o.t, err)
	var out []automation.Plan
	for _, item := range items {
		out = append(out, item.Plan)
	}
	return out
}

func TestNotesOfEveryoneAreShownAndCarriedOut(t *testing.T) {
	t.Parallel()
	const people = 12
	// A memory for three children makes every parent give way to the next.
	for _, hold := range []int{0, 3} {
		t.Run(fmt.Sprint("memory for ", hold), func(t *testing.T) {
			t.Parallel()
			o := crowd(t, people, nil)
			o.Populations.HoldChildren = hold
			before, calls := o.writes(), o.HighLevel.Stats().Calls
			p := show(t, o.House, o.notes, engine.ModeShow, "")
			if p.Counts[automation.Create] != 2*people || p.Done != 2*people || o.writes() != before {
				t.Fatalf("counts %v of %d, %d writes", p.Counts, p.Done, o.writes()-before)
			}
			if n := o.HighLevel.Stats().Calls - calls; n != people {
				t.Errorf("%d calls to read the notes of %d contacts", n, people)
			}
			calls = o.HighLevel.Stats().Calls
			p, results := carryOut(t, o.House, p, engine.Choice{})
			if results[engine.ItemDone] != 2*people || p.Written != 2*people || len(o.HighLevel.Notes()) != 2*people {
				t.Fatalf("results %v, %d notes", results, len(o.HighLevel.Notes()))
			}
			if n := o.HighLevel.Stats().Calls - calls; n > 2*people {
				t.Errorf("%d calls to write %d notes", n, 2*people)
			}
			for _, mode := range []engine.PopulationMode{engine.ModeShow, engine.ModeFill} {
				before := o.writes()
				again := show(t, o.House, o.notes, mode, "")
				if again.Counts[automation.Same] != 2*people || again.Tally.Drift[engine.InSync] != 2*people || o.writes() != before {
					t.Errorf("%s again: %v, drift %v, %d writes", mode, again.Counts, again.Tally.Drift, o.writes()-before)
				}
			}
			// Switched on, nothing more is written.
			before = o.writes()
			o.on(o.notes)
			o.settle()
			if o.writes() != before {
				t.Errorf("%d writes when it is switched on", o.writes()-before)
			}
		})
	}
}

func TestNotesAndTasksAreCarriedOverUnseen(t *testing.T) {
	t.Parallel()
	o := crowd(t, 4, nil)
	for _, a := range []automation.Automation{o.tickets, o.notes} {
		show(t, o.House, a, engine.ModeFill, "")
	}
	if tasks, notes := len(o.HighLevel.Tasks()), len(o.HighLevel.Notes()); tasks != 4 || notes != 8 {
		t.Errorf("%d tasks and %d notes", tasks, notes)
	}
	for _, task := range o.HighLevel.Tasks() {
		if task.ContactID == "" {
			t.Errorf("a task of nobody: %+v", task)
		}
	}
}

func TestDriftOfNotes(t *testing.T) {
	t.Parallel()
	o := crowd(t, 3, nil)
	show(t, o.House, o.notes, engine.ModeFill, "")
	here, there := o.Gleap.Notes(), o.HighLevel.Notes()
	edit(t, o.Gleap.PersonEditsNote(here[0].ID, "edited in Gleap"))
	for _, n := range there {
		if n.Body == "note 1 of 2" {
			edit(t, o.HighLevel.PersonEditsNote(n.ID, map[string]any{"body": "edited in HighLevel"}))
			o.HighLevel.PersonCreatesNote(n.ContactID, map[string]any{"body": "only there"})
		}
	}
	o.Gleap.PersonCreatesNote(o.Gleap.Tickets()[0].ID, "only here")
	p := show(t, o.House, o.notes, engine.ModeShow, "")
	want := map[engine.Drift]int{engine.InSync: 4, engine.Differs: 2, engine.OnlyHere: 1, engine.OnlyThere: 1}
	if !maps.Equal(p.Tally.Drift, want) || p.Tally.Fields["Text"] != 2 {
		for _, plan := range o.shown(p) {
			t.Log(plan.SourceTitle, plan.Outcome, plan.Code, plan.Reason)
		}
		t.Fatalf("drift %v, fields %v", p.Tally.Drift, p.Tally.Fields)
	}
	_, results := carryOut(t, o.House, p, engine.Choice{})
	if results[engine.ItemDone] != 3 {
		t.Errorf("results %v", results)
	}
	bodies := map[string]bool{}
	for _, n := range o.Gleap.Notes() {
		bodies[n.Body] = true
	}
	for _, text := range []string{"edited in Gleap", "edited in HighLevel", "only here"} {
		if !bodies[text] || o.bodies()[text] != 1 {
			t.Errorf("%q is not on both sides", text)
		}
	}
	now := show(t, o.House, o.notes, engine.ModeShow, "")
	if want := (map[engine.Drift]int{engine.InSync: 7, engine.OnlyThere: 1}); !maps.Equal(now.Tally.Drift, want) {
		t.Errorf("afterwards %v", now.Tally.Drift)
	}
}

// HighLevel's notes and tasks do not say when they changed, so what is about to be changed is looked at once more.
func TestAChildThatMovedSinceIsNotOverwritten(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"note", "task"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			o := crowd(t, 2, nil)
			a := o.notes
			if what == "task" {
				a = o.tickets
			}
			show(t, o.House, a, engine.ModeFill, "")
			if what == "note" {
				for _, n := range o.Gleap.Notes() {
					edit(t, o.Gleap.PersonEditsNote(n.ID, n.Body+", edited"))
				}
			} else {
				for _, x := range o.Gleap.Tickets() {
					edit(t, o.Gleap.PersonEditsTicket(x.ID, map[string]any{"title": x.Title + ", edited"}))
				}
			}
			p := show(t, o.House, a, engine.ModeShow, "")
			updates := p.Counts[automation.Update]
			if updates < 2 {
				t.Fatalf("counts %v", p.Counts)
			}
			if what == "note" {
				edit(t, o.HighLevel.PersonEditsNote(o.HighLevel.Notes()[0].ID, map[string]any{"body": "mine"}))
			} else {
				edit(t, o.HighLevel.PersonEditsTask(o.HighLevel.Tasks()[0].ID, map[string]any{"title": "mine"}))
			}
			_, results := carryOut(t, o.House, p, engine.Choice{})
			if results[engine.ItemMoved] != 1 || results[engine.ItemDone] != updates-1 {
				t.Errorf("results %v", results)
			}
			mine := 0
			for _, n := range o.HighLevel.Notes() {
				if n.Body == "mine" {
					mine++
				}
			}
			for _, x := range o.HighLevel.Tasks() {
				if x.Title == "mine" {
					mine++
				}
			}
			if mine != 1 {
				t.Error("what a person typed was overwritten")
			}
		})
	}
}

func TestAChildWhoseContactIsNotLinkedWaits(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	off(t, o.House, o.notes)
	off(t, o.House, o.tickets)
	ticket := o.ticket(map[string]any{"title": "It is broken"})
	o.Gleap.PersonCreatesNote(ticket, "She is a regular")
	for _, a := range []automation.Automation{o.notes, o.tickets} {
		p := show(t, o.House, a, engine.ModeShow, "")
		plans := o.shown(p)
		if len(plans) != 1 || plans[0].Code != "no_parent" || !strings.HasPrefix(plans[0].Reason, "It waits for its contact: ") || p.Tally.Drift[engine.OnlyHere] != 1 {
			t.Errorf("%s: %+v", a.Name, plans)
		} else if want := o.ref(enginetest.GleapConnection, record.Contact, o.jane); plans[0].Awaits != want {
			t.Errorf("%s: it is said to wait for %s, not for %s", a.Name, plans[0].Awaits, want)
		}
		carryOut(t, o.House, p, engine.Choice{})
	}
	// Carried over unseen while they are on, they go on waiting as live work does.
	o.on(o.notes)
	o.on(o.tickets)
	for _, a := range []automation.Automation{o.notes, o.tickets} {
		show(t, o.House, a, engine.ModeFill, "")
	}
	if n := len(o.HighLevel.Notes()) + len(o.HighLevel.Tasks()); n != 0 {
		t.Fatalf("%d were made", n)
	}
	o.places = nil
	o.introduce()
	o.Later(3 * 60 * 60 * 1e9)
	o.Drain()
	if notes, tasks := len(o.HighLevel.Notes()), len(o.HighLevel.Tasks()); notes != 1 || tasks != 1 {
		t.Errorf("%d notes and %d tasks once the contact is linked", notes, tasks)
	}
}

func TestParentsAreLookedUpOnceAndNotForEveryChild(t *testing.T) {
	t.Parallel()
	const people = 60 // more tickets than are looked at one by one
	o := crowd(t, people, nil)
	b := o.stand(enginetest.GleapConnection)
	before := o.Gleap.Stats().Calls
	p := show(t, o.House, o.notes, engine.ModeFill, "")
	if p.Written != 2*people || len(o.HighLevel.Notes()) != 2*people {
		t.Fatalf("%d written, %v", p.Written, p.Counts)
	}
	if n := o.Gleap.Stats().Calls - before; b.gets.Load() > 0 || n > 10 {
		t.Errorf("%d calls to Gleap for %d notes, %d of them direct looks", n, 2*people, b.gets.Load())
	}
}

func TestADeletedTicketIsNoticedByTheDailyComparison(t *testing.T) {
	t.Parallel()
	for _, policy := range []automation.DeletePolicy{automation.DeleteDelete, automation.DeleteUnlink, automation.DeleteMark, automation.DeleteNothing} {
		for _, gone := range []string{"ticket", "task"} {
			t.Run(fmt.Sprintf("%s, %q", gone, policy), func(t *testing.T) {
				t.Parallel()
				o := newOffice(t, func(o *office) {
					o.ticketed = func(d *automation.Definition) {
						d.Deletes = automation.Deletes{Policy: policy, Field: "title", SourceField: "title", Value: "Gone"}
					}
				}).introduce()
				first, second := o.ticket(map[string]any{"title": "It is broken"}), o.ticket(map[string]any{"title": "It is late"})
				o.settle()
				var task string
				for _, x := range o.HighLevel.Tasks() {
					if x.Title == "It is broken" {
						task = x.ID
					}
				}
				if gone == "ticket" {
					edit(t, o.Gleap.PersonDeletesTicket(first))
				} else {
					edit(t, o.HighLevel.PersonDeletesTask(task))
				}
				o.settle() // polling shows no absence
				if n := len(o.HighLevel.Tasks()) + len(o.Gleap.Tickets()); n != 3 {
					t.Fatalf("%d are left before anybody looked", n)
				}
				// Somebody's own comparison only shows it.
				p := show(t, o.House, o.tickets, engine.ModeShow, "")
				wantShown := map[automation.DeletePolicy]automation.Outcome{automation.DeleteDelete: automation.Delete, automation.DeleteMark: automation.Update}[policy]
				if wantShown != "" && p.Counts[wantShown] != 1 || wantShown == "" && p.Counts[automation.Skip] != 1 {
					t.Errorf("shown: %v", p.Counts)
				}
				if n := len(o.HighLevel.Tasks()) + len(o.Gleap.Tickets()); n != 3 {
					t.Fatalf("showing left %d", n)
				}
				o.daily(o.tickets)
				left, want := len(o.HighLevel.Tasks())+len(o.Gleap.Tickets()), 3
				if policy == automation.DeleteDelete {
					want = 2
				}
				if left != want {
					t.Fatalf("%d are left, want %d: %s", left, want, o.LastRun().Summary)
				}
				marked := 0
				for _, x := range o.HighLevel.Tasks() {
					if x.Title == "Gone: It is broken" {
						marked++
					}
				}
				for _, x := range o.Gleap.Tickets() {
					if x.Title == "Gone: It is broken" {
						marked++
					}
				}
				if (marked == 1) != (policy == automation.DeleteMark) {
					t.Errorf("%d marked", marked)
				}
				// What is settled is not brought up again, and what is left is not made anew.
				before := o.writes()
				p = o.daily(o.tickets)
				o.settle()
				if o.writes() != before || p.Counts[automation.Delete]+p.Counts[automation.Create]+p.Counts[automation.Update] > 0 {
					t.Errorf("the next day: %v, %d writes", p.Counts, o.writes()-before)
				}
				if gone == "ticket" || policy != automation.DeleteDelete {
					o.rests(o.ticketRef(second))
				}
			})
		}
	}
}

func TestADeletedNoteIsNoticedAndShown(t *testing.T) {
	t.Parallel()
	for _, gone := range []record.ConnectionID{enginetest.GleapConnection, enginetest.HighLevelConnection} {
		for _, how := range []string{"applied", "daily"} {
			t.Run(string(gone)+", "+how, func(t *testing.T) {
				t.Parallel()
				o := crowd(t, 3, nil)
				show(t, o.House, o.notes, engine.ModeFill, "")
				// All of one contact's notes go, so that nobody comes by for the rest.
				for _, n := range o.Gleap.Notes() {
					if gone == enginetest.GleapConnection && strings.HasSuffix(n.Body, " of 1") {
						edit(t, o.Gleap.PersonDeletesNote(n.ID))
					}
				}
				for _, n := range o.HighLevel.Notes() {
					if gone == enginetest.HighLevelConnection && strings.HasSuffix(n.Body, " of 1") {
						edit(t, o.HighLevel.PersonDeletesNote(n.ID))
					}
				}
				if how == "daily" {
					o.on(o.notes)
					o.daily(o.notes)
				} else {
					p := show(t, o.House, o.notes, engine.ModeShow, "")
					if p.Counts[automation.Delete] != 2 || p.Counts[automation.Same] != 4 {
						t.Fatalf("counts %v", p.Counts)
					}
					if _, results := carryOut(t, o.House, p, engine.Choice{}); results[engine.ItemDone] != 2 {
						t.Errorf("results %v", results)
					}
				}
				if here, there := len(o.Gleap.Notes()), len(o.HighLevel.Notes()); here != 4 || there != 4 {
					t.Errorf("%d notes in Gleap and %d in HighLevel: %s", here, there, o.LastRun().Summary)
				}
				if p := show(t, o.House, o.notes, engine.ModeShow, ""); p.Counts[automation.Same] != 4 || p.Done != 4 {
					t.Errorf("afterwards %v", p.Counts)
				}
			})
		}
	}
}

func TestTheDailyComparisonKeepsToTheLimits(t *testing.T) {
	t.Parallel()
	o := crowd(t, 5, func(o *office) {
		o.noted = func(d *automation.Definition) { d.Limits.DeletesPerHour = 3 }
	})
	show(t, o.House, o.notes, engine.ModeFill, "")
	o.on(o.notes)
	for _, n := range o.Gleap.Notes() {
		edit(t, o.Gleap.PersonDeletesNote(n.ID))
	}
	o.daily(o.notes)
	if n := len(o.HighLevel.Notes()); n != 7 {
		t.Errorf("%d notes are left, want 7", n)
	}
	if a, err := o.Store.Automation(t.Context(), o.notes.ID); err != nil || a.State != automation.Paused {
		t.Errorf("the automation is %s, %v", a.State, err)
	}
}

func TestADeletedContactIsNoticedByTheDailyComparison(t *testing.T) {
	t.Parallel()
	for _, twoWay := range []bool{true, false} {
		for _, gone := range []record.ConnectionID{enginetest.GleapConnection, enginetest.HighLevelConnection} {
			t.Run(fmt.Sprint(gone, ", two ways: ", twoWay), func(t *testing.T) {
				t.Parallel()
				h := enginetest.New(t, enginetest.Options{})
				policy := func(d *automation.Definition) { d.Deletes.Policy = automation.DeleteDelete }
				var a automation.Automation
				if twoWay {
					a = h.TwoWays(policy)
				} else {
					a = h.Automation(toHighLevel, policy)
				}
				for i := range 3 {
					h.Gleap.PersonCreatesContact(map[string]any{"name": fmt.Sprintf("P %d", i), "email": fmt.Sprintf("p%d@acme.io", i), "tags": []any{"beta"}})
				}
				h.PollBoth()
				if gone == enginetest.GleapConnection {
					edit(t, h.Gleap.PersonDeletesContact(fmt.Sprint(h.Gleap.Sessions()[1]["id"])))
				} else {
					edit(t, h.HighLevel.PersonDeletesContact(fmt.Sprint(h.HighLevel.Contacts()[1]["id"])))
				}
				p := show(t, h, a, engine.ModeShow, engine.DailyComparison)
				deleted := 1
				if !twoWay && gone == enginetest.HighLevelConnection {
					deleted = 0 // a copy takes no original along
				}
				if p.Counts[automation.Delete] != deleted {
					t.Errorf("counts %v", p.Counts)
				}
				if hl, gl := len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()); hl != 2 || gl != 3-deleted {
					t.Errorf("%d and %d records: %s", hl, gl, h.LastRun().Summary)
				}
			})
		}
	}
}

func TestAnEmptyListingOfChildrenDeletesNothing(t *testing.T) {
	t.Parallel()
	nothing := func(yield func(provider.Page, error) bool) { yield(provider.Page{}, nil) }
	for _, what := range []string{"no notes in Gleap", "no notes under any contact", "no tasks", "no tickets"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			o := crowd(t, 30, func(o *office) {
				o.ticketed = func(d *automation.Definition) { d.Deletes.Policy = automation.DeleteDelete }
			})
			a, silenced := o.notes, enginetest.GleapConnection
			if strings.HasSuffix(what, "contact") || strings.HasSuffix(what, "tasks") {
				silenced = enginetest.HighLevelConnection
			}
			if !strings.HasPrefix(what, "no notes") {
				a = o.tickets
			}
			show(t, o.House, a, engine.ModeFill, "")
			o.on(a)
			before, here, there := o.writes(), len(o.Gleap.Notes())+len(o.Gleap.Tickets()), len(o.HighLevel.Notes())+len(o.HighLevel.Tasks())
			b := o.stand(silenced)
			b.list = func(q provider.Query) (iter.Seq2[provider.Page, error], bool) {
				return nothing, q.Type != record.Contact
			}
			b.children = func(record.Ref) ([]record.Record, error, bool) { return nil, nil, true }
			p := o.daily(a)
			if n := p.Counts[automation.Delete] + p.Counts[automation.Create]; n > 0 {
				t.Errorf("an empty listing came to %v", p.Counts)
			}
			carryOut(t, o.House, p, engine.Choice{})
			if o.writes() != before || len(o.Gleap.Notes())+len(o.Gleap.Tickets()) != here || len(o.HighLevel.Notes())+len(o.HighLevel.Tasks()) != there {
				t.Errorf("%d writes", o.writes()-before)
			}
		})
	}
}

func TestAParentThatCannotBeReadFailsCleanlyAndIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	for _, passing := range []bool{true, false} {
		t.Run(fmt.Sprint("passing: ", passing), func(t *testing.T) {
			t.Parallel()
			o := crowd(t, 6, nil)
			show(t, o.House, o.notes, engine.ModeFill, "")
			for _, n := range o.Gleap.Notes() {
				edit(t, o.Gleap.PersonEditsNote(n.ID, n.Body+", edited"))
			}
			b := o.stand(enginetest.HighLevelConnection)
			var reads, down atomic.Int64
			down.Store(1)
			b.children = func(record.Ref) ([]record.Record, error, bool) {
				n := reads.Add(1)
				failing := n == 4 || !passing && n > 4 && down.Load() == 1
				return nil, &provider.Error{Provider: "highlevel", Op: "list notes", Kind: provider.Unavailable, Status: 503}, failing
			}
			p := engine.Population{ID: automation.NewID("pl"), Automation: o.notes.ID, Version: 1, Mode: engine.ModeShow, State: engine.PopulationQueued}
			edit(t, o.Store.CreatePopulation(t.Context(), p))
			o.Drain()
			if !passing {
				got, err := o.Store.Population(t.Context(), p.ID)
				if err != nil || got.State != engine.PopulationFailed || got.Problem == "" {
					t.Fatalf("it is %s: %q, %v", got.State, got.Problem, err)
				}
				down.Store(0)
				edit(t, o.Store.ResumePopulation(t.Context(), p.ID))
				o.Drain()
			}
			if p = populationOf(t, o.House, p.ID); p.Counts[automation.Update] != 12 || p.Done != 12 || len(o.shown(p)) != 12 {
				t.Fatalf("counts %v of %d", p.Counts, p.Done)
			}
			// And in the middle of carrying it out.
			reads.Store(0)
			down.Store(1)
			edit(t, o.Store.ApplyPopulation(t.Context(), p.ID, engine.Choice{}))
			o.Drain()
			if !passing {
				down.Store(0)
				edit(t, o.Store.ResumePopulation(t.Context(), p.ID))
				o.Drain()
			}
			p = populationOf(t, o.House, p.ID)
			edited := 0
			for _, n := range o.HighLevel.Notes() {
				if strings.HasSuffix(n.Body, ", edited") {
					edited++
				}
			}
			if edited != 12 || len(o.HighLevel.Notes()) != 12 || p.Written != 12 {
				t.Errorf("%d of %d notes are edited, %d written", edited, len(o.HighLevel.Notes()), p.Written)
			}
		})
	}
}

func TestACrashWhileNotesAreCarriedOverMakesNoDouble(t *testing.T) {
	t.Parallel()
	for _, mode := range []engine.PopulationMode{engine.ModeFill, engine.ModeApply} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			o := crowd(t, 3, nil)
			// Two that say the same: what is found again must be the one nobody else has.
			for _, x := range o.Gleap.Tickets() {
				o.Gleap.PersonCreatesNote(x.ID, "ok")
				o.Gleap.PersonCreatesNote(x.ID, "ok")
			}
			o.Reconciler.Journal = &cutJournal{Journal: o.Store, cuts: 4}
			p := engine.Population{ID: automation.NewID("pl"), Automation: o.notes.ID, Version: 1, Mode: engine.ModeFill, State: engine.PopulationQueued}
			if mode == engine.ModeApply {
				p = show(t, o.House, o.notes, engine.ModeShow, "")
				edit(t, o.Store.ApplyPopulation(t.Context(), p.ID, engine.Choice{}))
			} else {
				edit(t, o.Store.CreatePopulation(t.Context(), p))
			}
			o.Drain()
			populationOf(t, o.House, p.ID)
			o.Later(5 * 60 * 1e9)
			show(t, o.House, o.notes, engine.ModeFill, "")
			if n := len(o.HighLevel.Notes()); n != 12 || o.bodies()["ok"] != 6 {
				t.Errorf("%d notes: %v", n, o.bodies())
			}
			if p := show(t, o.House, o.notes, engine.ModeShow, ""); p.Counts[automation.Same] != 12 {
				t.Errorf("afterwards %v", p.Counts)
			}
		})
	}
}

func TestNotesOfAContactThatIsNotLinkedAnyMore(t *testing.T) {
	t.Parallel()
	o := crowd(t, 3, nil)
	show(t, o.House, o.notes, engine.ModeFill, "")
	link, _, ok, err := o.Store.FindLink(t.Context(), highlevelRef(o.contact), enginetest.GleapConnection, record.Contact, o.notes.ID)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	edit(t, o.Store.Finish(t.Context(), engine.Finish{Run: automation.Run{ID: automation.NewID("rn"), Automation: o.notes.ID, State: automation.Succeeded}, Unlink: &link}))
	o.Gleap.PersonCreatesNote(o.Gleap.Tickets()[0].ID, "new")
	for _, x := range o.Gleap.Tickets() {
		o.Gleap.PersonCreatesNote(x.ID, "new")
	}
	before := o.writes()
	p := show(t, o.House, o.notes, engine.ModeShow, "")
	// The pairs there are stay pairs; new notes of the one contact wait, the others are made.
	waits := 0
	for _, plan := range o.shown(p) {
		if plan.Code == "no_parent" {
			waits++
		}
	}
	if p.Counts[automation.Same] != 6 || waits == 0 || waits+p.Counts[automation.Create] != 4 || p.Counts[automation.Delete] > 0 {
		t.Fatalf("counts %v, %d wait", p.Counts, waits)
	}
	_, results := carryOut(t, o.House, p, engine.Choice{})
	if results[engine.ItemDone] != 4-waits || o.writes()-before != int64(4-waits) {
		t.Errorf("results %v, %d writes", results, o.writes()-before)
	}
}

func TestNotesGoWithContactsThatAreGoneOrMerged(t *testing.T) {
	t.Parallel()
	for _, merged := range []bool{true, false} {
		t.Run(fmt.Sprint("merged: ", merged), func(t *testing.T) {
			t.Parallel()
			o := crowd(t, 2, func(o *office) { o.options.AllowDuplicates = true })
			show(t, o.House, o.notes, engine.ModeFill, "")
			var c map[string]any
			for _, one := range o.HighLevel.Contacts() {
				if fmt.Sprint(one["id"]) == o.contact {
					c = one
				}
			}
			var moved []twinhighlevel.Note
			for _, n := range o.HighLevel.Notes() {
				if n.ContactID == o.contact {
					moved = append(moved, n)
				}
			}
			if merged {
				survivor := o.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": c["email"], "phone": c["phone"]})
				for _, n := range moved {
					o.HighLevel.PersonCreatesNote(survivor, map[string]any{"body": n.Body})
				}
			}
			edit(t, o.HighLevel.PersonDeletesContact(o.contact))
			if merged {
				o.Tell(highlevelRef(o.contact), provider.Deleted)
			}
			notes, there := len(o.Gleap.Notes()), len(o.HighLevel.Notes())
			o.on(o.notes)
			p := o.daily(o.notes)
			if n := p.Counts[automation.Delete] + p.Counts[automation.Create]; n > 0 || merged && p.Counts[automation.Linked] != len(moved) {
				for _, plan := range o.shown(p) {
					t.Log(plan.SourceTitle, plan.Outcome, plan.Code, plan.Reason)
				}
				t.Fatalf("counts %v", p.Counts)
			}
			_, results := carryOut(t, o.House, p, engine.Choice{})
			if len(o.Gleap.Notes()) != notes || len(o.HighLevel.Notes()) != there || results[engine.ItemFailed] > 0 {
				t.Errorf("%d notes in Gleap, %d in HighLevel, results %v", len(o.Gleap.Notes()), len(o.HighLevel.Notes()), results)
			}
			if p := o.daily(o.notes); merged && p.Counts[automation.Same] != notes || len(o.Gleap.Notes()) != notes || len(o.HighLevel.Notes()) != there {
				t.Errorf("the next day: %v", p.Counts)
			}
		})
	}
}

// Were Gleap's notes listed by their ticket only, they would be read ticket by ticket.
func TestASourceThatIsListedByItsParentOnly(t *testing.T) {
	t.Parallel()
	o := crowd(t, 4, nil)
	all := o.Reconciler.Definitions.Descriptors
	d := all["gleap"]
	d.Objects = slices.Clone(d.Objects)
	for i := range d.Objects {
		if d.Objects[i].Type == record.Note {
			d.Objects[i].ByParent = true
		}
	}
	all["gleap"] = d
	b := o.stand(enginetest.GleapConnection)
	b.list = func(q provider.Query) (iter.Seq2[provider.Page, error], bool) {
		return func(yield func(provider.Page, error) bool) {
			yield(provider.Page{}, &provider.Error{Op: "list notes", Kind: provider.Unsupported})
		}, q.Type == record.Note
	}
	stranger := o.Gleap.PersonCreatesContact(map[string]any{"name": "Nobody"})
	o.Gleap.PersonCreatesNote(o.Gleap.PersonCreatesTicket(stranger, map[string]any{"title": "Of nobody"}), "of nobody")
	p := show(t, o.House, o.notes, engine.ModeShow, "")
	if p.Counts[automation.Create] != 8 {
		t.Fatalf("counts %v", p.Counts)
	}
	if _, results := carryOut(t, o.House, p, engine.Choice{}); results[engine.ItemDone] != 8 || len(o.HighLevel.Notes()) != 8 {
		t.Fatalf("results %v", results)
	}
	edit(t, o.Gleap.PersonDeletesNote(o.Gleap.Notes()[0].ID))
	edit(t, o.Gleap.PersonEditsNote(o.Gleap.Notes()[3].ID, "edited"))
	p = show(t, o.House, o.notes, engine.ModeShow, "")
	if p.Counts[automation.Delete] != 1 || p.Counts[automation.Update] != 1 || p.Counts[automation.Same] != 6 {
		t.Fatalf("counts %v", p.Counts)
	}
	if _, results := carryOut(t, o.House, p, engine.Choice{}); results[engine.ItemDone] != 2 || len(o.HighLevel.Notes()) != 7 || o.bodies()["edited"] != 1 {
		t.Errorf("results %v, %v", results, o.bodies())
	}
}

func TestVersionsOfANoteAutomationAreCompared(t *testing.T) {
	t.Parallel()
	o := crowd(t, 2, nil)
	show(t, o.House, o.notes, engine.ModeFill, "")
	edit(t, o.Gleap.PersonEditsNote(o.Gleap.Notes()[0].ID, "edited"))
	d := o.notes.Definition
	d.Update = false
	now, err := o.Store.SaveDefinition(t.Context(), o.notes.ID, o.notes.Version, d, "test", "no updates")
	edit(t, err)
	p := show(t, o.House, now, engine.ModeCompare, "1")
	if plans := o.shown(p); len(plans) != 1 || !strings.Contains(plans[0].Reason, "Version 1 would have come to “update”") {
		t.Errorf("%+v", plans)
	}
}
