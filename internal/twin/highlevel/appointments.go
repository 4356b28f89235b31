package highlevel

import "time"

// appointment is read-only here: appointments are made through the calendars
// app, which the twin does not have.
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
}

func appointmentRoutes() []route {
	return []route{
		{method: "GET", pattern: "/contacts/{contactId}/appointments", scope: readContacts, handle: (*Twin).listAppointments},
	}
}

// listAppointments renders times without a zone. Which zone is meant is
// unconfirmed (§4.5); the twin uses the location's.
func (t *Twin) listAppointments(c *call) answer {
	id := c.path["contactId"]
	if t.db.contacts[id] == nil {
		return contactNotFound(id)
	}
	zone, err := time.LoadLocation(locationZone)
	if err != nil { // a system without zone files
		zone = time.UTC
	}
	local := func(at time.Time) string { return at.In(zone).Format(time.DateTime) }
	events := []object{}
	for _, x := range t.db.appointments.list(func(x *appointment) bool { return x.ContactID == id }) {
		events = append(events, object{
			"id": x.ID, "calendarId": x.CalendarID, "contactId": x.ContactID, "locationId": t.cfg.LocationID,
			"title": x.Title, "status": "booked", "appointmentStatus": x.Status, "assignedUserId": x.AssignedUserID,
			"users": []string{x.AssignedUserID}, "notes": x.Notes, "address": x.Address, "groupId": "",
			"startTime": local(x.Start), "endTime": local(x.End), "dateAdded": local(x.Added), "dateUpdated": local(x.Added),
			"assignedResources": []string{},
		})
	}
	return ok(object{"events": events})
}
