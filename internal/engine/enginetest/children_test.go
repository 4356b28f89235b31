package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	twingleap "crosswalk/internal/twin/gleap"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// office is a house with the contacts, tickets and notes of both sides kept alike, and Jane on both sides.
type office struct {
	*enginetest.House
	t               *testing.T
	jane, contact   string // her ids in Gleap and, once she is linked, in HighLevel
	tickets, notes  automation.Automation
	places          []place // that are polled
	ticketed, noted func(*automation.Definition)
	options         enginetest.Options
}

type place struct {
	connection record.ConnectionID
	object     record.ObjectType
}

func newOffice(t *testing.T, change func(*office)) *office {
	t.Helper()
	o := &office{t: t}
	if change != nil {
		change(o)
	}
	o.House = enginetest.New(t, o.options)
	o.tickets = o.Automation("gleap-ticket-to-highlevel-task", o.ticketed)
	o.notes = o.Automation("gleap-note-to-highlevel-note", o.noted)
	o.jane = o.Gleap.PersonCreatesContact(jane())
	// HighLevel lists no notes of a location, so nobody polls them.
	for _, p := range []place{
		{enginetest.GleapConnection, record.Ticket}, {enginetest.GleapConnection, record.Note}, {enginetest.HighLevelConnection, record.Task},
	} {
		o.watch(p)
	}
	return o
}

func (o *office) watch(p place) {
	o.t.Helper()
	edit(o.t, o.Store.SavePollCursor(o.t.Context(), engine.PollCursor{Connection: p.connection, Object: p.object, Since: time.Now().Add(-time.Hour)}))
	o.places = append(o.places, p)
}

// introduce links Jane's two contacts, by an automation of its own.
func (o *office) introduce() *office {
	o.t.Helper()
	o.TwoWays(nil)
	o.places = append(o.places, place{enginetest.GleapConnection, record.Contact}, place{enginetest.HighLevelConnection, record.Contact})
	o.settle()
	o.contact = fmt.Sprint(only(o.t, o.House)["id"])
	return o
}

// settle polls everything until nobody has news.
func (o *office) settle() {
	o.t.Helper()
	for range 20 {
		fresh := 0
		for _, p := range o.places {
			n, err := o.Poller.Poll(o.t.Context(), engine.Watch{Connection: p.connection, Object: p.object})
			edit(o.t, err)
			fresh += n.Fresh
		}
		o.Drain()
		if fresh == 0 {
			return
		}
	}
	o.t.Fatalf("it never comes to rest: %s", o.LastRun().Summary)
}

func (o *office) ticket(fields map[string]any) string {
	o.t.Helper()
	id := o.Gleap.PersonCreatesTicket(o.jane, fields)
	if id == "" {
		o.t.Fatal("there is no ticket")
	}
	return id
}

// pair is the only ticket and the only task.
func (o *office) pair() (twingleap.Ticket, twinhighlevel.Task) {
	o.t.Helper()
	tickets, tasks := o.Gleap.Tickets(), o.HighLevel.Tasks()
	if len(tickets) != 1 || len(tasks) != 1 {
		o.t.Fatalf("%d tickets and %d tasks, want one each; last run: %s (%s)", len(tickets), len(tasks), o.LastRun().Summary, o.LastRun().Code)
	}
	return tickets[0], tasks[0]
}

func (o *office) bodies() map[string]int {
	out := map[string]int{}
	for _, n := range o.HighLevel.Notes() {
		out[n.Body]++
	}
	return out
}

func (o *office) ref(c record.ConnectionID, t record.ObjectType, id string) record.Ref {
	return record.Ref{Connection: c, Type: t, ID: id}
}

func (o *office) taskRef(id string) record.Ref {
	return o.ref(enginetest.HighLevelConnection, record.Task, o.contact+"/"+id)
}

func (o *office) ticketRef(id string) record.Ref {
	return o.ref(enginetest.GleapConnection, record.Ticket, id)
}

func (o *office) gleapNote(ticket, id string) record.Ref {
	return o.ref(enginetest.GleapConnection, record.Note, ticket+"/"+id)
}

func (o *office) highLevelNote(id string) record.Ref {
	return o.ref(enginetest.HighLevelConnection, record.Note, o.contact+"/"+id)
}

func (o *office) writes() int64 { return o.HighLevel.Stats().Writes + o.Gleap.Stats().Writes }

// rests checks that nothing is written however often everything is told of again.
func (o *office) rests(refs ...record.Ref) {
	o.t.Helper()
	o.settle()
	before := o.writes()
	for _, ref := range refs {
		o.Tell(ref, provider.Updated)
		if r := o.LastRun(); r.State != automation.Succeeded || r.Outcome != automation.Same {
			o.t.Errorf("an echo of %s came to %s: %s", ref, r.Outcome, r.Summary)
		}
	}
	o.settle()
	if n := o.writes() - before; n != 0 {
		o.t.Errorf("%d writes at rest", n)
	}
}

func TestATicketBecomesATaskOfItsContact(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil).introduce()
	id := o.ticket(map[string]any{"title": "It is broken", "description": "The blue one", "dueDate": "2027-03-04T10:00:00.000Z"})
	o.settle()
	ticket, task := o.pair()
	if task.ContactID != o.contact || task.Title != "It is broken" || task.Body != "The blue one" || task.Completed || !task.DueDate.Equal(ticket.DueDate) {
		t.Errorf("the task is %+v", task)
	}
	for _, r := range o.Runs() {
		if r.State != automation.Succeeded {
			t.Errorf("run of %s: %s %s", r.Source, r.State, r.Summary)
		}
	}
	o.rests(o.ticketRef(id), o.taskRef(task.ID))
}

func TestATicketWithoutADueDateIsDueTheDayItCameIn(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil).introduce()
	id := o.ticket(map[string]any{"title": "Hello"})
	o.settle()
	ticket, task := o.pair()
	if d := task.DueDate.Sub(ticket.Created); d < -time.Second || d > time.Second {
		t.Errorf("due %v, the ticket came in %v", task.DueDate, ticket.Created)
	}
	edit(t, o.Gleap.PersonEditsTicket(id, map[string]any{"dueDate": "2027-05-06T08:00:00.000Z"}))
	o.settle()
	ticket, task = o.pair()
	if !task.DueDate.Equal(ticket.DueDate) {
		t.Errorf("the task is due %v, the ticket %v", task.DueDate, ticket.DueDate)
	}
	o.rests(o.ticketRef(id))
}

func TestTicketAndTaskFollowEachOther(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil).introduce()
	id := o.ticket(map[string]any{"title": "It is broken", "description": "The blue one"})
	o.settle()
	_, task := o.pair()
	status := func(s string) func() {
		return func() { edit(t, o.Gleap.PersonEditsTicket(id, map[string]any{"status": s})) }
	}
	byTask := func(fields map[string]any) func() {
		return func() { edit(t, o.HighLevel.PersonEditsTask(task.ID, fields)) }
	}
	for _, step := range []struct {
		what, title, status string
		do                  func()
		completed           bool
	}{
		{"renamed in Gleap", "It is very broken", "OPEN", func() { edit(t, o.Gleap.PersonEditsTicket(id, map[string]any{"title": "It is very broken"})) }, false},
		{"renamed in HighLevel", "Repair it", "OPEN", byTask(map[string]any{"title": "Repair it"}), false},
		{"taken up", "Repair it", "INPROGRESS", status("INPROGRESS"), false},
		{"a task renamed while the ticket is in progress", "Repair it today", "INPROGRESS", byTask(map[string]any{"title": "Repair it today"}), false},
		{"ticked off", "Repair it today", "DONE", func() { edit(t, o.HighLevel.PersonCompletesTask(task.ID)) }, true},
		{"opened again in HighLevel", "Repair it today", "OPEN", byTask(map[string]any{"completed": false}), false},
		{"closed in Gleap", "Repair it today", "DONE", func() { edit(t, o.Gleap.PersonClosesTicket(id)) }, true},
		{"taken up again in Gleap", "Repair it today", "INPROGRESS", status("INPROGRESS"), false},
	} {
		step.do()
		o.settle()
		ticket, now := o.pair()
		if ticket.Title != step.title || now.Title != step.title || ticket.Status != step.status || now.Completed != step.completed {
			t.Fatalf("%s: ticket %q %s, task %q completed %v; last run: %s", step.what, ticket.Title, ticket.Status, now.Title, now.Completed, o.LastRun().Summary)
		}
		o.rests(o.ticketRef(id), o.taskRef(task.ID))
	}
}

func TestATaskMadeByAPersonIsPassedBy(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil).introduce()
	id := o.HighLevel.PersonCreatesTask(o.contact, map[string]any{"title": "Call her", "dueDate": "2027-03-04T10:00:00Z"})
	runs, calls := len(o.Runs()), o.HighLevel.Stats().Calls
	o.settle()
	if n := len(o.Runs()) - runs; n != 0 {
		t.Errorf("polling made %d runs of a task that nothing can become of: %s", n, o.LastRun().Summary)
	}
	if n := o.HighLevel.Stats().Calls - calls; n > 6 {
		t.Errorf("%d calls", n)
	}
	// A webhook tells of it by its bare id.
	calls = o.HighLevel.Stats().Calls
	o.Tell(o.ref(enginetest.HighLevelConnection, record.Task, id), provider.Created)
	if len(o.Runs()) != runs || o.HighLevel.Stats().Calls != calls {
		t.Errorf("a new task is looked at: %s", o.LastRun().Summary)
	}
	o.Tell(o.taskRef(id), provider.Updated)
	if r := o.LastRun(); r.State != automation.Succeeded || r.Code != "create_off" {
		t.Errorf("run: %s %s (%s)", r.State, r.Summary, r.Code)
	}
	if n := len(o.Gleap.Tickets()); n != 0 {
		t.Errorf("%d tickets were made", n)
	}
}

func TestATasksBareIDLeadsToItsTicket(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil).introduce()
	id := o.ticket(map[string]any{"title": "It is broken"})
	o.settle()
	_, task := o.pair()
	bare := o.ref(enginetest.HighLevelConnection, record.Task, task.ID) // all that a live TaskCreate tells
	o.rests(bare)
	edit(t, o.HighLevel.PersonEditsTask(task.ID, map[string]any{"title": "Repair it"}))
	o.Tell(bare, provider.Updated)
	if ticket, _ := o.pair(); ticket.Title != "Repair it" {
		t.Errorf("the ticket is called %q: %s", ticket.Title, o.LastRun().Summary)
	}
	if r := o.LastRun(); r.Source != o.ticketRef(id) {
		t.Errorf("the pair was worked on as %s", r.Source)
	}
}

func TestDeletedTicketsAndTasksFollowThePolicy(t *testing.T) {
	t.Parallel()
	for _, policy := range []automation.DeletePolicy{automation.DeleteNothing, automation.DeleteDelete} {
		for _, gone := range []string{"ticket", "task"} {
			t.Run(fmt.Sprintf("%s, %q", gone, policy), func(t *testing.T) {
				t.Parallel()
				o := newOffice(t, func(o *office) {
					o.ticketed = func(d *automation.Definition) { d.Deletes.Policy = policy }
				}).introduce()
				id := o.ticket(map[string]any{"title": "It is broken"})
				o.settle()
				_, task := o.pair()
				if gone == "ticket" {
					edit(t, o.Gleap.PersonDeletesTicket(id))
					o.Tell(o.ticketRef(id), provider.Deleted)
				} else {
					edit(t, o.HighLevel.PersonDeletesTask(task.ID))
					o.Tell(o.taskRef(task.ID), provider.Deleted)
				}
				left := len(o.Gleap.Tickets()) + len(o.HighLevel.Tasks())
				want := map[automation.DeletePolicy]int{automation.DeleteNothing: 1, automation.DeleteDelete: 0}[policy]
				if left != want {
					t.Errorf("%d left, want %d: %s", left, want, o.LastRun().Summary)
				}
				// What is left is not taken for something new.
				if gone == "task" && want == 1 {
					edit(t, o.Gleap.PersonEditsTicket(id, map[string]any{"title": "Later"}))
				}
				o.settle()
				if n := len(o.Gleap.Tickets()) + len(o.HighLevel.Tasks()); n != want {
					t.Errorf("%d records afterwards: %s", n, o.LastRun().Summary)
				}
			})
		}
	}
}

func TestAnInternalNoteIsCopiedAndFollowed(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil).introduce()
	ticket := o.ticket(map[string]any{"title": "It is broken"})
	note := o.Gleap.PersonCreatesNote(ticket, "She is a regular")
	o.settle()
	all := o.HighLevel.Notes()
	if len(all) != 1 || all[0].Body != "She is a regular" || all[0].ContactID != o.contact {
		t.Fatalf("notes: %+v", all)
	}
	o.rests(o.gleapNote(ticket, note), o.highLevelNote(all[0].ID))

	edit(t, o.Gleap.PersonEditsNote(note, "She is a regular since 2019"))
	o.settle()
	if n, _ := o.HighLevel.Note(all[0].ID); n.Body != "She is a regular since 2019" {
		t.Errorf("edited in Gleap: %q", n.Body)
	}
	edit(t, o.HighLevel.PersonEditsNote(all[0].ID, map[string]any{"body": "She left"}))
	o.Tell(o.highLevelNote(all[0].ID), provider.Updated)
	if n, _ := o.Gleap.Note(note); n.Body != "She left" {
		t.Errorf("edited in HighLevel: %q, %s", n.Body, o.LastRun().Summary)
	}
	o.rests(o.gleapNote(ticket, note), o.highLevelNote(all[0].ID))
}

func TestADeletedNoteIsDeleted(t *testing.T) {
	t.Parallel()
	for _, gone := range []string{"gleap", "highlevel"} {
		t.Run(gone, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, nil).introduce()
			ticket := o.ticket(map[string]any{"title": "It is broken"})
			o.Gleap.PersonCreatesNote(ticket, "stays")
			note := o.Gleap.PersonCreatesNote(ticket, "goes")
			o.settle()
			for _, n := range o.HighLevel.Notes() {
				switch {
				case n.Body != "goes":
				case gone == "gleap":
					edit(t, o.Gleap.PersonDeletesNote(note))
					o.Tell(o.gleapNote(ticket, note), provider.Deleted)
				default:
					edit(t, o.HighLevel.PersonDeletesNote(n.ID))
					o.Tell(o.highLevelNote(n.ID), provider.Deleted)
				}
			}
			o.settle()
			here, there := o.HighLevel.Notes(), o.Gleap.Notes()
			if len(here) != 1 || len(there) != 1 || here[0].Body != "stays" || there[0].Body != "stays" {
				t.Errorf("HighLevel %+v, Gleap %+v: %s", here, there, o.LastRun().Summary)
			}
		})
	}
}

func TestANoteThatIsGoneWithItsContactTakesNothingAlong(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil).introduce()
	ticket := o.ticket(map[string]any{"title": "It is broken"})
	note := o.Gleap.PersonCreatesNote(ticket, "She is a regular")
	o.settle()
	edit(t, o.HighLevel.PersonDeletesContact(o.contact))
	for range 2 {
		o.Tell(o.gleapNote(ticket, note), provider.Updated)
		if n := len(o.Gleap.Notes()); n != 1 {
			t.Fatalf("%d notes left in Gleap: %s", n, o.LastRun().Summary)
		}
	}
	o.settle()
	if n := len(o.Gleap.Notes()) + len(o.Gleap.Tickets()); n != 2 {
		t.Errorf("%d records left in Gleap: %s", n, o.LastRun().Summary)
	}
}

func TestANoteMovesWithAContactThatIsMerged(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(o *office) { o.options.AllowDuplicates = true }).introduce()
	ticket := o.ticket(map[string]any{"title": "It is broken"})
	note := o.Gleap.PersonCreatesNote(ticket, "She is a regular")
	o.settle()
	c := only(t, o.House)
	survivor := o.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": c["email"], "phone": c["phone"]})
	moved := o.HighLevel.PersonCreatesNote(survivor, map[string]any{"body": "She is a regular"})
	edit(t, o.HighLevel.PersonDeletesContact(o.contact))
	o.Tell(highlevelRef(o.contact), provider.Deleted)
	o.contact = survivor
	o.Tell(o.gleapNote(ticket, note), provider.Updated)
	if n := len(o.Gleap.Notes()); n != 1 || len(o.HighLevel.Notes()) != 1 {
		t.Fatalf("%d notes in Gleap, %+v in HighLevel: %s", n, o.HighLevel.Notes(), o.LastRun().Summary)
	}
	edit(t, o.Gleap.PersonEditsNote(note, "She left"))
	o.settle()
	if n, _ := o.HighLevel.Note(moved); n.Body != "She left" {
		t.Errorf("the link did not follow: %q, %s", n.Body, o.LastRun().Summary)
	}
}

func TestDeletesOfNotesHaveABrake(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(o *office) {
		o.noted = func(d *automation.Definition) { d.Limits.DeletesPerHour = 1 }
	}).introduce()
	ticket := o.ticket(map[string]any{"title": "It is broken"})
	for i := range 3 {
		o.Gleap.PersonCreatesNote(ticket, fmt.Sprint("note ", i))
	}
	o.settle()
	for _, n := range o.Gleap.Notes() {
		edit(t, o.Gleap.PersonDeletesNote(n.ID))
		o.Tell(o.gleapNote(ticket, n.ID), provider.Deleted)
	}
	if n := len(o.HighLevel.Notes()); n != 2 {
		t.Errorf("%d notes left, want 2", n)
	}
	if a, err := o.Store.Automation(t.Context(), o.notes.ID); err != nil || a.State != automation.Paused || a.PausedWhy == "" {
		t.Errorf("the automation is %s (%s), %v", a.State, a.PausedWhy, err)
	}
}

func TestChildrenWaitForTheirParent(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	ticket := o.ticket(map[string]any{"title": "It is broken"})
	o.Gleap.PersonCreatesNote(ticket, "She is a regular")
	o.settle()
	waiting := 0
	for _, r := range o.Runs() {
		if r.State != automation.Waiting || r.Code != "no_parent" {
			t.Errorf("%s: %s %s (%s)", r.Source, r.State, r.Summary, r.Code)
		}
		waiting++
	}
	if waiting != 2 || len(o.HighLevel.Tasks())+len(o.HighLevel.Notes()) != 0 {
		t.Fatalf("%d runs wait", waiting)
	}
	o.introduce() // the link wakes them: no time has to pass
	if _, task := o.pair(); task.ContactID != o.contact {
		t.Errorf("the task is %+v", task)
	}
	if notes := o.HighLevel.Notes(); len(notes) != 1 || notes[0].ContactID != o.contact {
		t.Errorf("notes: %+v", notes)
	}
	for _, r := range o.Runs() {
		if r.State != automation.Succeeded {
			t.Errorf("%s: %s %s (%s)", r.Source, r.State, r.Summary, r.Code)
		}
	}
	o.rests(o.ticketRef(ticket))
}

// A task, and two notes that say the same: what is found again must be the one nobody else has.
func TestALostAnswerToACreateUnderAParentMakesNoDouble(t *testing.T) {
	t.Parallel()
	for _, lost := range []int{1, 2} {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, nil).introduce()
			ticket := o.ticket(map[string]any{"title": "It is broken"})
			o.Gleap.PersonCreatesNote(ticket, "ok")
			o.HighLevel.SetFaults(twinhighlevel.Faults{DropAfterCommit: lost})
			o.settle()
			o.Gleap.PersonCreatesNote(ticket, "ok")
			o.HighLevel.SetFaults(twinhighlevel.Faults{DropAfterCommit: lost})
			o.settle()
			o.Later(time.Hour)
			o.settle()
			o.pair()
			if got := o.bodies(); got["ok"] != 2 || len(got) != 1 {
				t.Errorf("notes: %v", got)
			}
			for _, r := range o.Runs() {
				if r.State != automation.Succeeded {
					t.Errorf("%s: %s %s (%s)", r.Source, r.State, r.Summary, r.Code)
				}
			}
			if n := o.linked(); n != 4 { // the contact, the task and both notes
				t.Errorf("%d pairs are linked", n)
			}
			o.rests(o.ticketRef(ticket))
		})
	}
}

// linked counts the HighLevel records that have a counterpart.
func (o *office) linked() int {
	o.t.Helper()
	n := 0
	count := func(ref record.Ref, t record.ObjectType) {
		_, _, ok, err := o.Store.FindLink(o.t.Context(), ref, enginetest.GleapConnection, t, o.tickets.ID)
		edit(o.t, err)
		if ok {
			n++
		}
	}
	count(highlevelRef(o.contact), record.Contact)
	for _, x := range o.HighLevel.Tasks() {
		count(o.taskRef(x.ID), record.Ticket)
	}
	for _, x := range o.HighLevel.Notes() {
		count(o.highLevelNote(x.ID), record.Note)
	}
	return n
}

var errPowerCut = errors.New("the power is cut")

// cutJournal fails once to store the answer to a write that was made: what a crash between the two looks like.
type cutJournal struct {
	engine.Journal
	cuts int
}

func (j *cutJournal) Finish(ctx context.Context, f engine.Finish) error {
	if f.Change != nil && j.cuts > 0 {
		j.cuts--
		return errPowerCut
	}
	return j.Journal.Finish(ctx, f)
}

func TestACrashBeforeTheAnswerIsStoredMakesNoDouble(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"task", "note"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, nil).introduce()
			ticket := o.ticket(map[string]any{"title": "It is broken"})
			if what == "note" {
				o.settle()
				o.Gleap.PersonCreatesNote(ticket, "ok")
			}
			journal := &cutJournal{Journal: o.Store, cuts: 1}
			o.Reconciler.Journal, o.Crash = journal, errPowerCut
			o.settle()
			if journal.cuts != 0 {
				t.Fatal("there was no crash")
			}
			o.Later(time.Minute)
			o.settle()
			o.pair()
			if n, want := len(o.HighLevel.Notes()), len(o.Gleap.Notes()); n != want {
				t.Errorf("%d notes, want %d", n, want)
			}
			if n, want := o.linked(), 2+len(o.Gleap.Notes()); n != want {
				t.Errorf("%d pairs are linked, want %d", n, want)
			}
			recovered := false
			for _, r := range o.Runs() {
				for _, s := range r.Steps {
					recovered = recovered || s.Kind == automation.StepRecover
				}
			}
			if !recovered {
				t.Error("the open intent was not looked up")
			}
			o.rests(o.ticketRef(ticket))
		})
	}
}

// A contact that is gone keeps its link, should it come back. Until then there is nowhere to put a task.
func TestATicketWhoseHighLevelContactIsGoneWaitsForAnother(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil).introduce()
	edit(t, o.HighLevel.PersonDeletesContact(o.contact))
	ticket := o.ticket(map[string]any{"title": "It is broken"})
	o.Tell(o.ticketRef(ticket), provider.Created)
	run := o.LastRun()
	if run.State != automation.Waiting || run.Code != "no_parent" || !strings.Contains(run.Summary, "gone") {
		t.Fatalf("%s %s (%s)", run.State, run.Summary, run.Code)
	}
	if wait := time.Until(run.NextAt); wait < 30*time.Minute {
		t.Errorf("it is tried again in %s", wait)
	}
	// She is entered again, and edited in Gleap: the two are linked anew, and the ticket is due at once.
	again := o.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": jane()["email"]})
	edit(t, o.Gleap.PersonEditsContact(o.jane, map[string]any{"companyName": "Acme"}))
	o.settle()
	if _, task := o.pair(); task.ContactID != again {
		t.Errorf("the task is %+v, want it under %s", task, again)
	}
}
