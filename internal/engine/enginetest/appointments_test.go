package enginetest_test

import (
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	twingleap "crosswalk/internal/twin/gleap"
)

// newSurgery is an office that carries appointments instead of tickets and notes.
func newSurgery(t *testing.T) *office {
	t.Helper()
	o := &office{t: t}
	o.House = enginetest.New(t, o.options)
	o.tickets = o.Automation("highlevel-appointment-to-gleap-ticket", nil)
	o.jane = o.Gleap.PersonCreatesContact(jane())
	o.watch(place{enginetest.HighLevelConnection, record.Appointment})
	return o
}

func (o *office) book(in time.Duration, fields map[string]any) string {
	o.t.Helper()
	all := map[string]any{"title": "Check-up", "startTime": time.Now().Add(in).Truncate(time.Hour).Format(time.RFC3339)}
	for k, v := range fields {
		all[k] = v
	}
	id := o.HighLevel.PersonBooksAppointment(o.contact, all)
	if id == "" {
		o.t.Fatal("the appointment was refused")
	}
	return id
}

func (o *office) onlyTicket() twingleap.Ticket {
	o.t.Helper()
	all := o.Gleap.Tickets()
	if len(all) != 1 {
		o.t.Fatalf("%d tickets, want one; last run: %s (%s)", len(all), o.LastRun().Summary, o.LastRun().Code)
	}
	return all[0]
}

func (o *office) appointmentRef(id string) record.Ref {
	return o.ref(enginetest.HighLevelConnection, record.Appointment, id)
}

func TestAnAppointmentBecomesATicketOfItsContact(t *testing.T) {
	t.Parallel()
	o := newSurgery(t).introduce()
	begins := time.Now().Add(72 * time.Hour).Truncate(time.Hour)
	id := o.book(72*time.Hour, map[string]any{"notes": "prefers mornings", "address": "12 Elm Street"})
	o.settle()
	ticket := o.onlyTicket()
	if ticket.ContactID != o.jane || ticket.Title != "Check-up" || ticket.Status != "OPEN" || !ticket.DueDate.Equal(begins) {
		t.Errorf("the ticket is %+v", ticket)
	}
	o.rests(o.appointmentRef(id))
	for _, step := range []struct {
		what     string
		change   map[string]any
		status   string
		priority string
	}{
		{"moved", map[string]any{"startTime": begins.Add(24 * time.Hour).Format(time.RFC3339)}, "OPEN", "MEDIUM"},
		{"nobody came", map[string]any{"appointmentStatus": "noshow"}, "OPEN", "HIGH"},
		{"somebody came after all", map[string]any{"appointmentStatus": "showed"}, "DONE", "MEDIUM"},
	} {
		edit(t, o.HighLevel.PersonEditsAppointment(id, step.change))
		o.settle()
		ticket = o.onlyTicket()
		if ticket.Status != step.status || ticket.Priority != step.priority {
			t.Errorf("%s: ticket %s, %s; last run: %s", step.what, ticket.Status, ticket.Priority, o.LastRun().Summary)
		}
		o.rests(o.appointmentRef(id))
	}
	if !ticket.DueDate.Equal(begins.Add(24 * time.Hour)) {
		t.Errorf("due %s, moved to %s", ticket.DueDate, begins.Add(24*time.Hour))
	}
}

func TestAnAppointmentWaitsUntilItsContactIsLinked(t *testing.T) {
	t.Parallel()
	o := newSurgery(t)
	o.contact = o.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": "jane@acme.io"})
	id := o.book(time.Hour, nil)
	o.Tell(o.appointmentRef(id), provider.Created)
	if n := len(o.Gleap.Tickets()); n != 0 {
		t.Fatalf("%d tickets of a contact nobody linked", n)
	}
	o.introduce()
	if got := o.onlyTicket(); got.ContactID != o.jane {
		t.Errorf("the ticket is %+v", got)
	}
}

// A lost webhook about what became of an appointment weeks ago is made up for by a poll.
func TestAnEditLongAfterTheAppointmentIsCarriedByAPoll(t *testing.T) {
	t.Parallel()
	o := newSurgery(t).introduce()
	id := o.book(-60*24*time.Hour, nil)
	o.settle()
	if got := o.onlyTicket(); got.Status != "OPEN" {
		t.Fatalf("the ticket is %+v", got)
	}
	edit(t, o.HighLevel.PersonEditsAppointment(id, map[string]any{"appointmentStatus": "cancelled"}))
	n, err := o.Poller.Poll(t.Context(), engine.Watch{Connection: enginetest.HighLevelConnection, Object: record.Appointment})
	edit(t, err)
	o.Drain()
	if got := o.onlyTicket(); n.Fresh != 1 || got.Status != "DONE" {
		t.Errorf("%d news, the ticket is %s", n.Fresh, got.Status)
	}
}

func TestADeletedAppointmentClosesItsTicketOnceItIsKnownToBeGone(t *testing.T) {
	t.Parallel()
	o := newSurgery(t).introduce()
	id := o.book(time.Hour, nil)
	o.settle()
	o.Tell(o.appointmentRef(id), provider.Deleted) // told, and not true
	if got := o.onlyTicket(); got.Status != "OPEN" {
		t.Errorf("the ticket of an appointment that is there is %s", got.Status)
	}
	edit(t, o.HighLevel.PersonDeletesAppointment(id))
	o.Tell(o.appointmentRef(id), provider.Deleted)
	if got := o.onlyTicket(); got.Status != "DONE" {
		t.Errorf("the ticket is %s; last run: %s", got.Status, o.LastRun().Summary)
	}
	o.rests()
}

func TestADryRunOfEveryoneShowsAllAppointments(t *testing.T) {
	t.Parallel()
	o := newSurgery(t).introduce()
	calendars := o.HighLevel.CalendarIDs()
	for i := range 7 {
		o.book(time.Duration(i-3)*100*24*time.Hour, map[string]any{"calendarId": calendars[i%len(calendars)]})
	}
	plan := show(t, o.House, o.tickets, engine.ModeShow, "")
	if plan.Counts[automation.Create] != 7 {
		t.Errorf("counts %v", plan.Counts)
	}
	if n := len(o.Gleap.Tickets()); n != 0 {
		t.Errorf("a dry run made %d tickets", n)
	}
}
