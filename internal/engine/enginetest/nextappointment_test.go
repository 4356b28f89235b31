package enginetest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// told are rows that tell support of a contact's appointments. What is over is told no more.
func told(d *automation.Definition) {
	for target, source := range map[string]string{"plan": "nextAppointment.title", "companyId": "nextAppointment.startTime", "unsubscribeReason": "lastAppointment.status"} {
		d.Mapping.Rows = append(d.Mapping.Rows, mapping.Row{ID: target, Sources: []string{source}, Target: target, ClearWhenEmpty: true})
	}
}

// newPractice is an office whose contacts tell of their appointments in Gleap.
func newPractice(t *testing.T, change func(*automation.Definition)) (*office, automation.Automation) {
	t.Helper()
	o := &office{t: t, House: enginetest.New(t, enginetest.Options{PassesTime: true})}
	a := o.Automation("highlevel-contact-to-gleap", func(d *automation.Definition) {
		told(d)
		if change != nil {
			change(d)
		}
	})
	o.contact = o.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": "jane@acme.io"})
	o.Tell(o.contactRef(), provider.Created)
	return o, a
}

func (o *office) contactRef() record.Ref {
	return o.ref(enginetest.HighLevelConnection, record.Contact, o.contact)
}

// in makes an appointment that begins so long from now.
func (o *office) in(d time.Duration, title string) string {
	o.t.Helper()
	return o.book(0, map[string]any{"title": title, "startTime": o.Now().Add(d).Truncate(time.Second).Format(time.RFC3339)})
}

// hear is what a webhook about an appointment stores: an event of its own, and one of the contact above.
func (o *office) hear(id string, change provider.Change) {
	o.t.Helper()
	e := automation.Event{ID: automation.NewID("ev"), Kind: automation.Webhook, Ref: o.appointmentRef(id), Change: change, Name: "AppointmentUpdate", DedupeKey: automation.NewID("wh"), ReceivedAt: o.Now()}
	_, err := o.Store.Accept(o.t.Context(), automation.Delivery{Event: e}, automation.Delivery{Event: engine.Touch(automation.NewID("ev"), o.contactRef(), e, e.Name)})
	edit(o.t, err)
	o.Drain()
}

// pollAppointments polls as the program does for whoever uses what contacts borrow of them.
func (o *office) pollAppointments() engine.Polled {
	o.t.Helper()
	n, err := o.Poller.Poll(o.t.Context(), engine.Watch{Connection: enginetest.HighLevelConnection, Object: record.Appointment, Touches: record.Contact})
	edit(o.t, err)
	o.Drain()
	return n
}

func (o *office) says(next, last string) {
	o.t.Helper()
	s := onlySession(o.t, o.House)
	text := func(key string) string {
		if s[key] == nil {
			return ""
		}
		return fmt.Sprint(s[key])
	}
	if text("plan") != next || text("unsubscribeReason") != last || (text("companyId") == "") != (next == "") {
		o.t.Errorf("Gleap says next %q (%q), last %q; want %q, %q; last run: %s", text("plan"), text("companyId"), text("unsubscribeReason"), next, last, o.LastRun().Summary)
	}
}

func TestAContactsNextAppointmentIsToldToSupport(t *testing.T) {
	t.Parallel()
	o, _ := newPractice(t, nil)
	o.says("", "")
	first := o.in(48*time.Hour, "Check-up")
	o.hear(first, provider.Created)
	o.says("Check-up", "")
	sooner := o.in(24*time.Hour, "Cleaning")
	o.hear(sooner, provider.Created)
	o.says("Cleaning", "")
	edit(t, o.HighLevel.PersonEditsAppointment(sooner, map[string]any{"startTime": o.Now().Add(96 * time.Hour).Format(time.RFC3339)}))
	o.hear(sooner, provider.Updated)
	o.says("Check-up", "")
	edit(t, o.HighLevel.PersonDeletesAppointment(first))
	o.hear(first, provider.Deleted)
	o.says("Cleaning", "")
	past := o.in(-60*24*time.Hour, "First visit")
	o.hear(past, provider.Created)
	o.says("Cleaning", "confirmed")
	edit(t, o.HighLevel.PersonEditsAppointment(past, map[string]any{"appointmentStatus": "noshow"}))
	o.hear(past, provider.Updated)
	o.says("Cleaning", "noshow")
	edit(t, o.HighLevel.PersonEditsAppointment(sooner, map[string]any{"appointmentStatus": "cancelled"}))
	o.hear(sooner, provider.Updated)
	o.says("", "noshow")
	// Told once more, nothing is written.
	before := o.writes()
	o.hear(past, provider.Updated)
	if n := o.writes() - before; n != 0 {
		t.Errorf("%d writes for nothing", n)
	}
}

// Lost webhooks are made up for by a poll, and so is what no webhook tells of: that time passes.
func TestAPollTellsOfAppointmentsThatChangedOrBegan(t *testing.T) {
	t.Parallel()
	o, _ := newPractice(t, nil)
	edit(t, o.Store.SavePollCursor(t.Context(), engine.PollCursor{Connection: enginetest.HighLevelConnection, Object: record.Appointment, Since: o.Now().Add(-time.Minute)}))
	past := o.in(-75*24*time.Hour, "First visit")
	o.in(2*time.Hour, "Check-up")
	o.in(5*time.Hour, "Cleaning")
	o.pollAppointments()
	o.says("Check-up", "confirmed")
	edit(t, o.HighLevel.PersonEditsAppointment(past, map[string]any{"appointmentStatus": "noshow"}))
	o.pollAppointments()
	o.says("Check-up", "noshow")
	o.Later(3 * time.Hour)
	o.pollAppointments()
	o.says("Cleaning", "confirmed")
	o.Later(3 * time.Hour)
	o.pollAppointments()
	o.says("", "confirmed")
	// What was found is not found again.
	runs, err := o.Store.Runs(t.Context(), engine.RunFilter{Limit: 100})
	edit(t, err)
	o.pollAppointments()
	if again, err := o.Store.Runs(t.Context(), engine.RunFilter{Limit: 100}); err != nil || len(again) != len(runs) {
		t.Errorf("%d runs, then %d, %v", len(runs), len(again), err)
	}
}

// An automation that does not use the fields is not troubled by appointments, and pays for none.
func TestWhoDoesNotUseThemHearsNothingOfAppointments(t *testing.T) {
	t.Parallel()
	o := &office{t: t, House: enginetest.New(t, enginetest.Options{})}
	plain := o.Automation("highlevel-contact-to-gleap", nil)
	o.contact = o.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "email": "jane@acme.io"})
	o.Tell(o.contactRef(), provider.Created)
	runs := func() int {
		all, err := o.Store.Runs(t.Context(), engine.RunFilter{Automation: plain.ID, Limit: 100})
		edit(t, err)
		return len(all)
	}
	before := runs()
	id := o.in(time.Hour, "Check-up")
	o.hear(id, provider.Created)
	if n := runs() - before; n != 0 {
		t.Errorf("%d runs for an appointment nobody minds", n)
	}
	list, err := o.Store.Deliveries(t.Context(), engine.DeliveryFilter{Limit: 10})
	edit(t, err)
	if len(list) == 0 || list[0].Verdict != automation.Unwatched {
		t.Errorf("the delivery nobody minds: %+v", list)
	}
	show(t, o.House, plain, engine.ModeShow, "")
	for _, call := range o.HighLevel.Calls() {
		if strings.Contains(call.Path, "calendars") || strings.Contains(call.Path, "appointments") {
			t.Errorf("called %s %s", call.Method, call.Path)
		}
	}
	// Once another minds, its deliveries are not passed by.
	o.Automation("highlevel-contact-to-gleap", told)
	o.hear(id, provider.Updated)
	if list, err = o.Store.Deliveries(t.Context(), engine.DeliveryFilter{Limit: 10}); err != nil || list[0].Verdict != automation.Accepted {
		t.Errorf("the delivery somebody minds: %+v, %v", list[0], err)
	}
	if n := runs() - before; n != 0 {
		t.Errorf("the one that does not use them had %d runs", n)
	}
	o.says("Check-up", "")
}

// A rule may ask for it: only who is booked in is carried over.
func TestARuleMayAskForTheNextAppointment(t *testing.T) {
	t.Parallel()
	o, _ := newPractice(t, func(d *automation.Definition) {
		d.Mapping.Rows = d.Mapping.Rows[:len(d.Mapping.Rows)-3]
		d.Rule = rule.Rule{Root: rule.Node{Field: "nextAppointment.startTime", Operator: "is_not_empty"}}
	})
	if n := len(o.Gleap.Sessions()); n != 0 {
		t.Fatalf("%d carried over without an appointment; last run: %s", n, o.LastRun().Summary)
	}
	o.hear(o.in(time.Hour, "Check-up"), provider.Created)
	if n := len(o.Gleap.Sessions()); n != 1 {
		t.Errorf("%d carried over; last run: %s", n, o.LastRun().Summary)
	}
}

// A plan for everyone shows what live work would do, writes it, and takes in what changes meanwhile.
func TestAPlanForEveryoneKnowsTheirAppointments(t *testing.T) {
	t.Parallel()
	o, a := newPractice(t, nil)
	moved := o.in(48*time.Hour, "Check-up")
	shown := show(t, o.House, a, engine.ModeShow, "")
	if shown.Counts[automation.Update] != 1 {
		t.Fatalf("counts %v", shown.Counts)
	}
	o.says("", "")
	show(t, o.House, a, engine.ModeFill, "")
	o.says("Check-up", "")
	if after := show(t, o.House, a, engine.ModeShow, ""); after.Counts[automation.Update] != 0 {
		t.Errorf("after everyone was carried over: %v", after.Counts)
	}
	// What was listed a moment ago is brought up to date before anything is written.
	edit(t, o.HighLevel.PersonEditsAppointment(moved, map[string]any{"title": "Cleaning"}))
	o.hear(moved, provider.Updated)
	o.says("Cleaning", "")
	before := o.writes()
	show(t, o.House, a, engine.ModeFill, "")
	o.says("Cleaning", "")
	if n := o.writes() - before; n != 0 {
		t.Errorf("%d writes, though live work was first", n)
	}
	edit(t, o.HighLevel.PersonEditsAppointment(moved, map[string]any{"appointmentStatus": "cancelled"}))
	o.Later(2 * time.Minute)
	if after := show(t, o.House, a, engine.ModeShow, ""); after.Counts[automation.Update] != 1 {
		t.Errorf("after it was cancelled: %v", after.Counts)
	}
}

// That an appointment was deleted is in no listing. Where no webhook told of it, the daily comparison does, and nothing else
// of what it finds is carried by itself.
func TestADeletedAppointmentIsNoticedByTheDailyComparison(t *testing.T) {
	t.Parallel()
	o, a := newPractice(t, nil)
	id := o.in(48*time.Hour, "Check-up")
	o.hear(id, provider.Created)
	o.says("Check-up", "")
	edit(t, o.HighLevel.PersonDeletesAppointment(id))
	o.Later(2 * time.Minute)
	o.pollAppointments()
	o.says("Check-up", "")
	show(t, o.House, a, engine.ModeShow, "") // one that a person asked for only shows
	o.says("Check-up", "")
	show(t, o.House, a, engine.ModeShow, engine.DailyComparison)
	o.says("", "")
	edit(t, o.HighLevel.PersonEditsContact(o.contact, map[string]any{"companyName": "Acme"}))
	show(t, o.House, a, engine.ModeShow, engine.DailyComparison)
	if got := onlySession(t, o.House)["companyName"]; got == "Acme" {
		t.Error("the daily comparison carried what has nothing to do with appointments")
	}
}

// The other way round it is the target that lends: rows that lead back use it, and none may fill it.
func TestTheNextAppointmentIsUsedFromEitherSideAndWrittenFromNone(t *testing.T) {
	t.Parallel()
	o := &office{t: t, House: enginetest.New(t, enginetest.Options{})}
	a := o.Automation("gleap-contact-to-highlevel", func(d *automation.Definition) {
		d.Mapping.Rows = append(d.Mapping.Rows, mapping.Row{ID: "next", Sources: []string{"plan"}, Target: "nextAppointment.title", Direction: mapping.ToSource, ClearWhenEmpty: true})
	})
	o.jane = o.Gleap.PersonCreatesContact(map[string]any{"name": "Jane Doe", "email": "jane@acme.io"})
	o.Poll()
	o.contact = fmt.Sprint(only(t, o.House)["id"])
	o.hear(o.in(time.Hour, "Check-up"), provider.Created)
	if got := onlySession(t, o.House)["plan"]; got != "Check-up" {
		t.Errorf("Gleap says %v; last run: %s", got, o.LastRun().Summary)
	}
	o.in(30*time.Minute, "Cleaning") // nobody tells of it
	show(t, o.House, a, engine.ModeShow, engine.DailyComparison)
	if got := onlySession(t, o.House)["plan"]; got != "Cleaning" {
		t.Errorf("after the daily comparison Gleap says %v; last run: %s", got, o.LastRun().Summary)
	}
	for _, direction := range []mapping.Direction{mapping.ToTarget, mapping.Both} {
		bad := a
		bad.Version++
		bad.Definition.Mapping.Rows = []mapping.Row{{ID: "r", Sources: []string{"plan"}, Target: "nextAppointment.title", Direction: direction}}
		c, err := o.Reconciler.Definitions.Compile(t.Context(), bad)
		edit(t, err)
		if len(c.MappingProblems) == 0 || c.MappingProblems[0].Code != "read_only" || !strings.Contains(c.MappingProblems[0].Message, "can only be read, not written") {
			t.Errorf("%s: %+v", direction, c.MappingProblems)
		}
	}
	back := o.Automation("highlevel-contact-to-gleap", func(d *automation.Definition) {
		d.Mapping.Rows = []mapping.Row{{ID: "r", Sources: []string{"nextAppointment.title"}, Target: "plan", Direction: mapping.Both}}
	})
	c, err := o.Reconciler.Definitions.Compile(t.Context(), back)
	edit(t, err)
	if len(c.MappingProblems) == 0 || c.MappingProblems[0].Code != "read_only" {
		t.Errorf("leading back into it: %+v", c.MappingProblems)
	}
}

// An automation that saves calls takes its record from the webhook, which holds nothing a contact borrows: with such a
// field in use it reads, or the field would pass for empty.
func TestSavingCallsWhatAContactBorrowsIsReadAllTheSame(t *testing.T) {
	t.Parallel()
	x := proven(t, told)
	booked := x.HighLevel.PersonBooksAppointment(x.id, map[string]any{"title": "Check-up", "startTime": x.Now().Add(48 * time.Hour).Format(time.RFC3339)})
	if booked == "" {
		t.Fatal("the appointment was refused")
	}
	x.Deliver(x.edit("Acme & Sons"))
	if got := x.counterpart(); got["companyName"] != "Acme & Sons" || got["plan"] != "Check-up" {
		t.Errorf("Gleap holds %v, next %v: %s", got["companyName"], got["plan"], x.LastRun().Summary)
	}
}
