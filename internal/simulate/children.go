package simulate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// family is one kind of children on each side, and the automation that keeps them alike: what people make on the side it
// comes from is made on the other side too, under the counterpart of its contact.
type family struct {
	automation string
	from       side
	types      [2]record.ObjectType // by side
	ledger     ledger
}

const (
	ticketsToTasks        = "gleap-ticket-to-highlevel-task"
	notesToNotes          = "gleap-note-to-highlevel-note"
	appointmentsToTickets = "highlevel-appointment-to-gleap-ticket"
)

// familiesOf are the families that a scenario's automations make, in their order.
func familiesOf(all []automation.Automation) []*family {
	var out []*family
	for _, a := range all {
		if a.Definition.Source.Object == record.Contact {
			continue
		}
		f := &family{automation: string(a.ID), from: sideOf(a.Definition.Source), ledger: ledger{contacts: map[recordKey]*history{}}}
		f.types[f.from], f.types[f.from.other()] = a.Definition.Source.Object, a.Definition.Target.Object
		out = append(out, f)
	}
	return out
}

// family is the one with children of a type on a side; nil where there is none.
func (w *world) family(s side, t record.ObjectType) *family {
	i := slices.IndexFunc(w.families, func(f *family) bool { return f.types[s] == t })
	if i < 0 {
		return nil
	}
	return w.families[i]
}

// parentField names what a child lives under. It is no field that anybody types.
const parentField = "under"

// observeChildren looks at all children of one side, after anything happened there, and writes down what changed.
func (w *world) observeChildren(s side, by *call) (changed bool) {
	v := version{moment: w.moment(), at: w.clock, call: by}
	for _, f := range w.families {
		there := w.childrenNow(s, f)
		for _, k := range slices.Clone(f.ledger.order) {
			if k.side == s && !slices.ContainsFunc(there, func(c child) bool { return c.key == k }) {
				changed = w.noteChild(f, child{key: k}, false, v) || changed
			}
		}
		for _, c := range there {
			changed = w.noteChild(f, c, true, v) || changed
		}
	}
	return changed
}

// child is one as its twin holds it.
type child struct {
	key    recordKey
	fields fields
}

func (w *world) noteChild(f *family, c child, there bool, v version) bool {
	names := f.ledger.note(c.key, c.fields, there, v)
	if len(names) == 0 {
		return false
	}
	if w.telling {
		who := "a person"
		if v.call != nil {
			who = "we"
			if v.call.task != nil {
				who = v.call.task.process + " for " + v.call.task.automation + " " + v.call.task.source.String()
			}
		}
		w.tell("%s %s: %s by %s: %v", f.types[c.key.side], c.key, strings.Join(names, ", "), who, c.fields)
	}
	return true
}

// childrenNow are a family's children on one side, oldest first.
func (w *world) childrenNow(s side, f *family) []child {
	var out []child
	add := func(id string, of fields) { out = append(out, child{recordKey{s, id}, of}) }
	switch t := f.types[s]; {
	case t == record.Appointment:
		for _, x := range w.highLevel.Appointments() {
			add(x.ID, fields{parentField: x.ContactID, "title": x.Title, "calendar": x.Calendar, "appointmentStatus": x.Status, "address": x.Address, "notes": x.Notes, "startTime": instant(x.Start)})
		}
	case s == gleapSide && t == record.Ticket && f.from == highLevelSide: // by the names that rows have for them
		for _, x := range w.gleap.Tickets() {
			add(x.ID, fields{parentField: x.ContactID, "title": x.Title, "description": x.Description, "status": x.Status, "priority": x.Priority, "type": x.Type, "dueDate": instant(x.DueDate)})
		}
	case s == gleapSide && t == record.Ticket:
		for _, x := range w.gleap.Tickets() {
			body := x.Description
			if body == "" {
				body = x.PlainContent
			}
			add(x.ID, fields{parentField: x.ContactID, "title": x.Title, "body": body, "status": x.Status, "priority": x.Priority, "type": x.Type})
		}
	case s == gleapSide:
		for _, x := range w.gleap.Notes() {
			add(x.TicketID+"/"+x.ID, fields{parentField: x.TicketID, "body": x.Body})
		}
	case t == record.Task:
		for _, x := range w.highLevel.Tasks() {
			add(x.ContactID+"/"+x.ID, fields{parentField: x.ContactID, "title": x.Title, "body": x.Body, "completed": strconv.FormatBool(x.Completed), "assignedTo": x.AssignedTo})
		}
	default:
		for _, x := range w.highLevel.Notes() {
			add(x.ContactID+"/"+x.ID, fields{parentField: x.ContactID, "body": x.Body, "title": x.Title, "pinned": strconv.FormatBool(x.Pinned)})
		}
	}
	return out
}

// instant is a time as the ledger keeps it.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// scheduleChildren plans what people will do with tickets, tasks, notes and appointments.
func (w *world) scheduleChildren(busy time.Duration) {
	open := w.openTicket
	if w.family(highLevelSide, record.Appointment) != nil {
		open = w.book
	}
	for range 4 + w.dice.IntN(5) {
		w.after(w.between(busy/10, busy*3/4), open)
	}
	for range 14 + w.dice.IntN(16) {
		w.after(w.between(busy/6, busy-time.Second), w.somethingWithChildren)
	}
}

// text is never typed twice, so that it can be recognised wherever it turns up.
func (w *world) text(words ...string) string {
	w.typed++
	return fmt.Sprintf("%s %d", words[w.dice.IntN(len(words))], w.typed)
}

var statuses = []string{"OPEN", "INPROGRESS", "DONE"}

func (w *world) openTicket() {
	contacts := w.ledger.living(gleapSide)
	if w.peopleGone || len(contacts) == 0 {
		return
	}
	of := contacts[w.dice.IntN(len(contacts))].key.id
	if w.chance(8) {
		of = "" // a ticket of nobody is nobody's task
	}
	ticket := map[string]any{"title": w.text("It is broken", "A question", "Please call"), "status": statuses[w.dice.IntN(len(statuses))]}
	if w.chance(60) {
		ticket["description"] = w.text("It says no", "Since today")
	}
	if w.chance(40) {
		ticket["dueDate"] = w.clock.Add(48 * time.Hour).Format(time.RFC3339)
	}
	w.result.Edits++
	id := w.gleap.PersonCreatesTicket(of, ticket)
	w.observeChildren(gleapSide, nil)
	if id != "" && w.chance(50) {
		w.after(w.between(0, 5*time.Second), func() { w.writeNote(id) })
	}
}

// appointmentStatuses are what becomes of an appointment.
var appointmentStatuses = []string{"confirmed", "showed", "noshow", "cancelled", "invalid"}

// book is a person who books a contact in.
func (w *world) book() {
	contacts := w.ledger.living(highLevelSide)
	if w.peopleGone || len(contacts) == 0 {
		return
	}
	of := contacts[w.dice.IntN(len(contacts))].key.id
	booked := map[string]any{"title": w.text("First visit", "Check-up", "Call"), "startTime": w.someday(), "calendarId": w.highLevel.CalendarIDs()[w.dice.IntN(2)]}
	if w.chance(50) {
		booked["notes"] = w.text("Brings papers", "In a hurry")
	}
	w.result.Edits++
	w.highLevel.PersonBooksAppointment(of, booked)
	w.observeChildren(highLevelSide, nil)
}

// someday is a time within the next weeks, as a form takes it.
func (w *world) someday() string {
	return w.clock.Add(time.Duration(1+w.dice.IntN(14*48)) * 30 * time.Minute).Truncate(time.Minute).Format(time.RFC3339)
}

func (w *world) writeNote(ticket string) {
	if w.peopleGone || w.gleap.PersonCreatesNote(ticket, w.text("Called her", "Waits for parts")) == "" {
		return
	}
	w.result.Edits++
	w.observeChildren(gleapSide, nil)
}

// somethingWithChildren is one thing a person does with a child.
func (w *world) somethingWithChildren() {
	if w.peopleGone {
		return
	}
	f := w.families[w.dice.IntN(len(w.families))]
	s := side(w.dice.IntN(2))
	living := f.ledger.living(s)
	switch n := w.dice.IntN(100); {
	case n < 12:
		w.ownChild(s)
	case len(living) == 0:
	case n < 24:
		w.deleteChild(f, living[w.dice.IntN(len(living))].key)
	default:
		k := living[w.dice.IntN(len(living))].key
		w.editChild(f, k)
		if other, ok := f.madeFor(k); ok && w.chance(20) { // both within a few seconds
			w.after(w.between(0, 3*time.Second), func() { w.editChild(f, other) })
		}
	}
}

// madeFor is the counterpart that was made for a child, or that it was made for.
func (f *family) madeFor(k recordKey) (recordKey, bool) {
	for _, other := range f.ledger.living(k.side.other()) {
		if c := other.born().call; c != nil && c.task != nil && c.task.source == k {
			return other.key, true
		}
	}
	if c := f.ledger.contacts[k].born().call; c != nil && c.task != nil {
		return c.task.source, true
	}
	return recordKey{}, false
}

// ownChild is a task or a note of HighLevel's people, or a ticket of Gleap's where tickets are made of appointments, which is
// none of ours; elsewhere in Gleap it is one more note.
func (w *world) ownChild(s side) {
	if s == gleapSide {
		if f := w.family(gleapSide, record.Ticket); f != nil && f.from == highLevelSide {
			w.openTicket()
		} else if f != nil {
			if tickets := f.ledger.living(gleapSide); len(tickets) > 0 {
				w.writeNote(tickets[w.dice.IntN(len(tickets))].key.id)
			}
		}
		return
	}
	contacts := w.ledger.living(highLevelSide)
	if len(contacts) == 0 {
		return
	}
	if w.family(highLevelSide, record.Appointment) != nil {
		w.book()
		return
	}
	of := contacts[w.dice.IntN(len(contacts))].key.id
	w.result.Edits++
	if w.chance(50) {
		w.highLevel.PersonCreatesTask(of, map[string]any{"title": w.text("Send an offer"), "dueDate": w.clock.Add(24 * time.Hour).Format(time.RFC3339)})
	} else {
		w.highLevel.PersonCreatesNote(of, map[string]any{"body": w.text("Met at the fair")})
	}
	w.observeChildren(highLevelSide, nil)
}

// ownID is a child's id without that of its parent.
func ownID(k recordKey) string {
	_, own, joined := strings.Cut(k.id, "/")
	if !joined {
		return k.id
	}
	return own
}

func (w *world) editChild(f *family, k recordKey) {
	h := f.ledger.contacts[k]
	if w.peopleGone || h == nil || !h.alive() {
		return
	}
	w.result.Edits++
	var err error
	switch t := f.types[k.side]; {
	case t == record.Appointment && w.chance(40):
		err = w.highLevel.PersonEditsAppointment(k.id, map[string]any{"appointmentStatus": appointmentStatuses[w.dice.IntN(len(appointmentStatuses))]})
	case t == record.Appointment && w.chance(60):
		err = w.highLevel.PersonEditsAppointment(k.id, map[string]any{"startTime": w.someday()})
	case t == record.Appointment && w.chance(50):
		err = w.highLevel.PersonEditsAppointment(k.id, map[string]any{"title": w.text("Second visit", "Long call")})
	case t == record.Appointment:
		err = w.highLevel.PersonEditsAppointment(k.id, map[string]any{"notes": w.text("Was here before", "Needs a ramp")})
	case t == record.Ticket && w.chance(50):
		err = w.gleap.PersonEditsTicket(k.id, map[string]any{"status": statuses[w.dice.IntN(len(statuses))]})
	case t == record.Ticket && w.chance(70):
		err = w.gleap.PersonEditsTicket(k.id, map[string]any{"title": w.text("It is still broken", "Two questions")})
	case t == record.Appointment && w.chance(40):
		err = w.highLevel.PersonEditsAppointment(k.id, map[string]any{"appointmentStatus": appointmentStatuses[w.dice.IntN(len(appointmentStatuses))]})
	case t == record.Appointment && w.chance(60):
		err = w.highLevel.PersonEditsAppointment(k.id, map[string]any{"startTime": w.someday()})
	case t == record.Appointment && w.chance(50):
		err = w.highLevel.PersonEditsAppointment(k.id, map[string]any{"title": w.text("Second visit", "Long call")})
	case t == record.Appointment:
		err = w.highLevel.PersonEditsAppointment(k.id, map[string]any{"notes": w.text("Was here before", "Needs a ramp")})
	case t == record.Ticket && w.chance(50):
		err = w.gleap.PersonEditsTicket(k.id, map[string]any{"description": w.text("It says yes now", "Since yesterday")})
	case t == record.Ticket:
		err = w.gleap.PersonEditsTicket(k.id, map[string]any{"priority": []string{"LOW", "HIGH"}[w.dice.IntN(2)]})
	case t == record.Task && w.chance(50):
		err = w.highLevel.PersonEditsTask(ownID(k), map[string]any{"completed": h.now().fields["completed"] != "true"})
	case t == record.Task && w.chance(70):
		err = w.highLevel.PersonEditsTask(ownID(k), map[string]any{"title": w.text("Repair it", "Call back")})
	case t == record.Task:
		err = w.highLevel.PersonEditsTask(ownID(k), map[string]any{"body": w.text("Done so far: nothing")})
	case k.side == gleapSide:
		err = w.gleap.PersonEditsNote(ownID(k), w.text("Called her again", "Parts came"))
	default:
		err = w.highLevel.PersonEditsNote(ownID(k), map[string]any{"body": w.text("She called back", "Was angry")})
	}
	if err != nil {
		w.tell("%s would not take an edit of %s: %v", k.side, k, err)
	}
	w.observeChildren(k.side, nil)
}

func (w *world) deleteChild(f *family, k recordKey) {
	w.result.Edits++
	var err error
	switch t := f.types[k.side]; {
	case t == record.Appointment:
		err = w.highLevel.PersonDeletesAppointment(k.id)
	case t == record.Ticket:
		err = w.gleap.PersonDeletesTicket(k.id)
	case t == record.Task:
		err = w.highLevel.PersonDeletesTask(ownID(k))
	case k.side == gleapSide:
		err = w.gleap.PersonDeletesNote(ownID(k))
	default:
		err = w.highLevel.PersonDeletesNote(ownID(k))
	}
	if err != nil {
		w.tell("%s would not delete %s: %v", k.side, k, err)
	}
	w.observeChildren(k.side, nil)
}

// stirChild is a person who types into the very child that is written to, just when it hurts.
func (w *world) stirChild(c *call) {
	if w.peopleGone || !w.chance(6) {
		return
	}
	for _, f := range w.families {
		for _, h := range f.ledger.living(c.side) {
			if own := ownID(h.key); strings.Contains(c.path, "/"+own) {
				w.editChild(f, h.key)
				return
			}
		}
	}
}

// stirMade is a person who types into a child that was just made.
func (w *world) stirMade(c *call) {
	if w.peopleGone || !w.chance(10) {
		return
	}
	for _, f := range w.families {
		for _, h := range f.ledger.living(c.side) {
			if h.now().call == c {
				w.after(w.between(time.Millisecond, 2*time.Second), func() { w.editChild(f, h.key) })
				return
			}
		}
	}
}

// compared is what the daily comparison tells of: what is gone, of which nobody else may have told, and of children every
// pair, for HighLevel's notes are listed nowhere. Only its hints are played here; what they lead to is the live path's.
func (w *world) compared() {
	if w.scenario.leave || w.scenario.asks != (asks{}) {
		w.compareEveryone()
	}
	for _, f := range w.families {
		for _, k := range f.ledger.order {
			if !f.ledger.contacts[k].alive() {
				w.hint(k, f.types[k.side], provider.Deleted)
			} else if k.side == f.from { // which its pair's key is
				w.hint(k, f.types[k.side], provider.Updated)
			}
		}
	}
}

func (w *world) hint(k recordKey, t record.ObjectType, change provider.Change) {
	w.ids++
	event := automation.Event{
		ID: fmt.Sprintf("ev_%06d", w.ids), Kind: automation.Heal, Change: change, DedupeKey: "compared/" + k.String(), ReceivedAt: w.clock,
		Ref: record.Ref{Connection: connectionOf(k.side), Type: t, ID: k.id},
	}
	inbox, _ := w.broken.inbox(w.processes[front], ports{w.processes[front], w.store})
	if _, err := inbox.Accept(w.ctx, automation.Delivery{Event: event}); err != nil {
		w.tell("comparing: %v", err)
	}
}

// tapped hands the webhooks of a twin over to the world.
func (w *world) tapped(s side) func([]byte, http.Header) {
	return func(body []byte, header http.Header) { w.posted(s, slices.Clone(body), header) }
}

// retold reports that something else will tell of what a webhook told, should it be lost: HighLevel's notes are listed
// nowhere.
func (w *world) retold(d *delivery) bool {
	if d.side == highLevelSide && len(w.families) > 0 {
		var told struct{ Type string }
		if err := json.Unmarshal(d.body, &told); err != nil || strings.HasPrefix(told.Type, "Note") {
			return false
		}
	}
	return slices.ContainsFunc(w.polled, func(p polled) bool { return p.side == d.side })
}
