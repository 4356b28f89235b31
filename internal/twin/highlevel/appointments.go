package highlevel

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// appointment is read-only for clients of the API: people book, move and cancel.
type appointment struct {
	ID             string    `json:"id"`
	CalendarID     string    `json:"calendarId"`
	ContactID      string    `json:"contactId"`
	Title          string    `json:"title"`
	Status         string    `json:"status"`
	AssignedUserID string    `json:"assignedUserId"`
	Notes          string    `json:"notes,omitempty"`
	Address        string    `json:"address,omitempty"`
	Start          time.Time `json:"startTime"`
	End            time.Time `json:"endTime"`
	Added          time.Time `json:"dateAdded"`
	Updated        time.Time `json:"dateUpdated,omitzero"` // zero: never changed
}

func (x *appointment) updated() time.Time {
	if x.Updated.IsZero() {
		return x.Added
	}
	return x.Updated
}

const (
	readCalendars    = "calendars.readonly"
	readAppointments = "calendars/events.readonly"
)

func appointmentRoutes() []route {
	return []route{
		{method: "GET", pattern: "/contacts/{contactId}/appointments", scope: readContacts, handle: (*Twin).listAppointments},
		{method: "GET", pattern: "/calendars", scope: readCalendars, handle: (*Twin).listCalendars},
		{method: "GET", pattern: "/calendars/events", scope: readAppointments, handle: (*Twin).listEvents},
		{method: "GET", pattern: "/calendars/events/appointments/{eventId}", scope: readAppointments, handle: (*Twin).getAppointment},
	}
}

// calendarNames are those of every location; people cannot add to them here.
var calendarNames = []string{"First visits", "Check-ups", "Treatments"}

func (t *Twin) calendarID(n int) string { return derivedID(t.cfg.Seed, "calendar", uint64(n)) }

// CalendarIDs are the ids of the location's calendars.
func (t *Twin) CalendarIDs() []string {
	ids := make([]string, len(calendarNames))
	for i := range calendarNames {
		ids[i] = t.calendarID(i + 1)
	}
	return ids
}

func (t *Twin) listCalendars(c *call) answer {
	calendars := []object{}
	for i, id := range t.CalendarIDs() {
		calendars = append(calendars, object{
			"id": id, "locationId": t.cfg.LocationID, "name": calendarNames[i], "isActive": true, "calendarType": "round_robin",
		})
	}
	return ok(object{"calendars": calendars})
}

// listEvents wants two times, and one of three to choose by: §5.3. That it goes
// by when an appointment begins, both ends included, is our reading.
func (t *Twin) listEvents(c *call) answer {
	from, ok1 := millis(c.query("startTime"))
	until, ok2 := millis(c.query("endTime"))
	calendar, owner, group := c.query("calendarId"), c.query("userId"), c.query("groupId")
	switch {
	case !ok1:
		return unprocessable("startTime must be a number string")
	case !ok2:
		return unprocessable("endTime must be a number string")
	case calendar == "" && owner == "" && group == "":
		return fail(http.StatusBadRequest, "Either of userId, groupId or calendarId is required")
	}
	found := t.db.appointments.list(func(x *appointment) bool {
		return (calendar == "" || x.CalendarID == calendar) && (owner == "" || x.AssignedUserID == owner) && group == "" &&
			!x.Start.Before(from) && !x.Start.After(until)
	})
	slices.SortStableFunc(found, func(a, b *appointment) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID)) })
	events := make([]object, len(found))
	for i, x := range found {
		events[i] = t.event(x)
	}
	return ok(object{"events": events})
}

func millis(s string) (time.Time, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return time.UnixMilli(n), err == nil
}

func (t *Twin) getAppointment(c *call) answer {
	id := c.path["eventId"]
	x := t.db.appointments.get(id)
	if x == nil {
		return entityNotFound("Event", id)
	}
	return ok(object{"event": t.event(x)})
}

// event is the shape of the calendar endpoints, whose times have an offset,
// unlike those of a contact's appointments.
func (t *Twin) event(x *appointment) object {
	zone := t.zone()
	at := func(at time.Time) string { return at.In(zone).Format(time.RFC3339) }
	return object{
		"id": x.ID, "calendarId": x.CalendarID, "contactId": x.ContactID, "locationId": t.cfg.LocationID, "groupId": "",
		"title": x.Title, "appointmentStatus": x.Status, "assignedUserId": x.AssignedUserID, "users": []string{x.AssignedUserID},
		"notes": x.Notes, "address": x.Address, "isRecurring": false,
		"startTime": at(x.Start), "endTime": at(x.End), "dateAdded": stamp(x.Added), "dateUpdated": stamp(x.updated()),
	}
}

func (t *Twin) zone() *time.Location {
	zone, err := time.LoadLocation(locationZone)
	if err != nil { // a system without zone files
		return time.UTC
	}
	return zone
}

// listAppointments renders times without a zone. Which zone is meant is
// unconfirmed (§4.5); the twin uses the location's.
func (t *Twin) listAppointments(c *call) answer {
	id := c.path["contactId"]
	if t.db.contacts[id] == nil {
		return contactNotFound(id)
	}
	zone := t.zone()
	local := func(at time.Time) string { return at.In(zone).Format(time.DateTime) }
	events := []object{}
	for _, x := range t.db.appointments.list(func(x *appointment) bool { return x.ContactID == id }) {
		events = append(events, object{
			"id": x.ID, "calendarId": x.CalendarID, "contactId": x.ContactID, "locationId": t.cfg.LocationID,
			"title": x.Title, "status": "booked", "appointmentStatus": x.Status, "assignedUserId": x.AssignedUserID,
			"users": []string{x.AssignedUserID}, "notes": x.Notes, "address": x.Address, "groupId": "",
			"startTime": local(x.Start), "endTime": local(x.End), "dateAdded": local(x.Added), "dateUpdated": local(x.updated()),
			"assignedResources": []string{},
		})
	}
	return ok(object{"events": events})
}

// appointmentStatuses are those a person can choose: §5.3.
var appointmentStatuses = []string{"new", "confirmed", "cancelled", "showed", "noshow", "invalid"}

var (
	editAppointmentBody = schema{
		"title": text(), "startTime": {kind: kindString, check: isTime}, "endTime": {kind: kindString, check: isTime}, "calendarId": text(),
		"appointmentStatus": {kind: kindString, options: appointmentStatuses}, "assignedUserId": text(), "notes": text(), "address": text(),
	}
	bookAppointmentBody = func() schema {
		s := schema{}
		for key, f := range editAppointmentBody {
			s[key] = f
		}
		s["startTime"] = field{kind: kindString, required: true, check: isTime}
		return s
	}()
)

func (x *appointment) apply(in object) {
	for key, at := range map[string]*string{
		"title": &x.Title, "calendarId": &x.CalendarID, "appointmentStatus": &x.Status, "assignedUserId": &x.AssignedUserID, "notes": &x.Notes, "address": &x.Address,
	} {
		if v, given := in[key].(string); given {
			*at = v
		}
	}
	lasts := cmp.Or(x.End.Sub(x.Start), 30*time.Minute)
	if v, given := in["startTime"].(string); given {
		x.Start, _ = time.Parse(time.RFC3339, v) // checked by the schema
		x.End = x.Start.Add(lasts)
	}
	if v, given := in["endTime"].(string); given {
		x.End, _ = time.Parse(time.RFC3339, v)
	}
}

// PersonBooksAppointment is a person booking a contact in, which needs a
// startTime. It returns the new appointment's id, or nothing if the form would
// refuse.
func (t *Twin) PersonBooksAppointment(contactID string, fields map[string]any) string {
	return t.personGives(contactID, "appointment", bookAppointmentBody, fields, func(in object) string {
		x := &appointment{
			ID: t.newID("appointment"), ContactID: contactID, CalendarID: t.calendarID(1), Title: "Appointment", Status: "confirmed",
			AssignedUserID: t.adminID(), Added: t.now(), Address: locationStreet,
		}
		x.apply(in)
		t.db.appointments.put(x.ID, x)
		t.fireAppointment("AppointmentCreate", x)
		return x.ID
	})
}

// PersonEditsAppointment is a person moving an appointment, or saying what became
// of it.
func (t *Twin) PersonEditsAppointment(id string, fields map[string]any) error {
	in, err := filledIn(editAppointmentBody, fields)
	if err != nil {
		return err
	}
	return t.withAppointment(id, func(old *appointment) {
		n := *old
		n.apply(in)
		if n == *old {
			return
		}
		n.Updated = t.now()
		t.db.appointments.put(n.ID, &n)
		t.fireAppointment("AppointmentUpdate", &n)
	})
}

// PersonDeletesAppointment is a person deleting an appointment.
func (t *Twin) PersonDeletesAppointment(id string) error {
	return t.withAppointment(id, func(x *appointment) {
		t.db.appointments.remove(x.ID)
		t.fireAppointment("AppointmentDelete", x)
	})
}

var errNoAppointment = errors.New("highlevel twin: no such appointment")

func (t *Twin) withAppointment(id string, do func(*appointment)) error {
	t.begin(byPerson)
	defer t.end()
	x := t.db.appointments.get(id)
	if x == nil {
		return errNoAppointment
	}
	do(x)
	t.changed()
	return nil
}

// fireAppointment is the one event that is not flat: §7.1.
func (t *Twin) fireAppointment(kind string, x *appointment) {
	if !t.heard() {
		return
	}
	told := t.event(x)
	delete(told, "isRecurring")
	delete(told, "locationId")
	told["source"] = "booking_widget"
	t.fire(x.ContactID, readAppointments, struct {
		Type        string `json:"type"`
		LocationID  string `json:"locationId"`
		Appointment object `json:"appointment"`
		envelope
	}{kind, t.cfg.LocationID, told, t.envelope()})
}
