package highlevel

import (
	"net/url"
	"slices"
	"testing"
)

// allScopes is what a tour through everything asks for.
const allScopes = "contacts.readonly contacts.write locations.readonly locations/customFields.readonly locations/customFields.write " +
	"locations/tags.readonly locations/tags.write locations/tasks.readonly users.readonly businesses.readonly businesses.write " +
	"workflows.readonly campaigns.readonly calendars.readonly calendars/events.readonly oauth.readonly oauth.write"

// The tour answers every operation of the official files once with success;
// the harness validates each answer.
func TestEveryServedOperationAnswersAsTheOfficialFilesSay(t *testing.T) {
	t.Parallel()
	c := needContract(t)
	s := newStage(t)
	s.twin.SeedContacts(12)
	loc := s.ready.LocationID
	here := "?locationId=" + loc
	type obj = map[string]any

	field := s.want(201, s.call("POST", "/locations/"+loc+"/customFields", obj{"name": "Shoe size", "dataType": "NUMERICAL", "placeholder": "42"}))
	fieldID := field.str("customField.id")
	if got := field.str("customField.fieldKey"); got != "contact.shoe_size" {
		t.Errorf("fieldKey %q", got)
	}
	fields := "/locations/" + loc + "/customFields"
	s.want(200, s.call("GET", fields, nil))
	s.want(200, s.call("GET", fields+"?model=all", nil))
	s.want(200, s.call("GET", fields+"/"+fieldID, nil))
	s.want(200, s.call("GET", fields+"/contact.shoe_size", nil))
	s.want(200, s.call("PUT", fields+"/"+fieldID, obj{"name": "Shoe size (EU)"}))

	id := s.create(obj{
		"firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com", "phone": "+44 20 7946 0958", "country": "GB",
		"dateOfBirth": "1990/09/25", "tags": []string{"VIP"}, "customFields": []obj{{"id": fieldID, "field_value": 38}, {"key": "interests", "field_value": []string{"Whitening"}}},
		"dndSettings": obj{"SMS": obj{"status": "active", "message": "quiet"}}, "companyName": "Analytical Engines", "website": "https://example.com",
	})
	one := "/contacts/" + id
	s.want(200, s.call("GET", one, nil))
	s.want(200, s.call("PUT", one, obj{"city": "London"}))
	s.want(200, s.call("POST", "/contacts/upsert", obj{"locationId": loc, "email": "ada@example.com", "city": "Paris"}))
	s.want(200, s.call("GET", "/contacts/search/duplicate"+here+"&email=ada%40example.com", nil))
	s.want(200, s.call("POST", "/contacts/search", obj{"locationId": loc, "pageLimit": 50}))
	s.want(200, s.call("GET", "/contacts/"+here, nil))

	business := s.want(201, s.call("POST", "/businesses/", obj{"name": "Engines Ltd", "locationId": loc, "email": "hi@engines.example"})).str("buiseness.id")
	s.want(200, s.call("GET", "/businesses/"+here, nil))
	s.want(200, s.call("GET", "/businesses/"+business, nil))
	s.want(200, s.call("PUT", "/businesses/"+business, obj{"city": "London"}))
	s.want(200, s.call("POST", "/contacts/bulk/business", obj{"locationId": loc, "ids": []string{id}, "businessId": business}))
	if got := s.want(200, s.call("GET", "/contacts/business/"+business+here, nil)); got.str("contacts.0.id") != id {
		t.Errorf("contacts of the business: %s", got.raw)
	}

	s.want(201, s.call("POST", one+"/tags", obj{"tags": []string{"New"}}))
	s.want(200, s.call("DELETE", one+"/tags", obj{"tags": []string{"NEW"}}))
	s.want(201, s.call("POST", "/contacts/bulk/tags/update/add", obj{"contacts": []string{id, "nobody"}, "tags": []string{"Bulk"}, "locationId": loc}))
	s.want(201, s.call("POST", "/contacts/bulk/tags/update/remove", obj{"contacts": []string{id}, "tags": []string{}, "locationId": loc, "removeAllTags": true}))
	s.want(201, s.call("POST", one+"/followers", obj{"followers": []string{"u1"}}))
	s.want(200, s.call("DELETE", one+"/followers", obj{"followers": []string{"u1"}}))
	s.want(201, s.call("POST", one+"/campaigns/c1", obj{}))
	s.want(200, s.call("DELETE", one+"/campaigns/c1", nil))
	s.want(200, s.call("DELETE", one+"/campaigns/removeAll", nil))
	s.want(200, s.call("POST", one+"/workflow/w1", obj{"eventStartTime": "2026-06-23T03:30:00+01:00"}))
	s.want(200, s.call("DELETE", one+"/workflow/w1", obj{}))
	s.want(200, s.call("GET", "/campaigns/"+here, nil))
	s.want(200, s.call("GET", "/workflows/"+here, nil))

	task := s.want(201, s.call("POST", one+"/tasks", obj{"title": "Call", "dueDate": "2026-10-25T11:00:00Z", "completed": false, "body": "Soon"})).str("task.id")
	s.want(200, s.call("GET", one+"/tasks", nil))
	s.want(200, s.call("GET", one+"/tasks/"+task, nil))
	s.want(200, s.call("PUT", one+"/tasks/"+task, obj{"title": "Call twice"}))
	s.want(200, s.call("PUT", one+"/tasks/"+task+"/completed", obj{"completed": true}))
	if got := s.want(200, s.call("POST", "/locations/"+loc+"/tasks/search", obj{"contactId": []string{id}, "completed": true})); got.str("tasks.0.title") != "Call twice" {
		t.Errorf("task search: %s", got.raw)
	}
	s.want(200, s.call("DELETE", one+"/tasks/"+task, nil))

	note := s.want(201, s.call("POST", one+"/notes", obj{"body": "Likes tea", "title": "Tea", "color": "#FFAA00", "pinned": true})).str("note.id")
	s.want(200, s.call("GET", one+"/notes", nil))
	s.want(200, s.call("GET", one+"/notes/"+note, nil))
	s.want(200, s.call("PUT", one+"/notes/"+note, obj{"body": "Likes coffee"}))
	s.want(200, s.call("DELETE", one+"/notes/"+note, nil))

	visited := s.twin.Contacts()[12]["id"].(string) // the first one seeded has an appointment
	if got := s.want(200, s.call("GET", "/contacts/"+visited+"/appointments", nil)); len(got.str("events.0.startTime")) != len("2021-07-16 11:00:00") {
		t.Errorf("appointments: %s", got.raw)
	}
	calendar := s.want(200, s.call("GET", "/calendars/"+here, nil)).str("calendars.0.id")
	events := "/calendars/events" + here + "&startTime=0&endTime=4102444800000"
	booked := s.want(200, s.call("GET", events+"&calendarId="+calendar, nil)).str("events.0.id")
	if got := s.want(200, s.call("GET", "/calendars/events/appointments/"+booked, nil)); got.str("event.contactId") != visited {
		t.Errorf("appointment: %s", got.raw)
	}

	tags := "/locations/" + loc + "/tags"
	tag := s.want(200, s.call("POST", tags, obj{"name": "Gold"})).str("tag.id")
	s.want(200, s.call("GET", tags, nil))
	s.want(200, s.call("GET", tags+"/"+tag, nil))
	s.want(200, s.call("PUT", tags+"/"+tag, obj{"name": "Silver"}))
	s.want(200, s.call("DELETE", tags+"/"+tag, nil))

	if got := s.want(200, s.call("GET", "/locations/"+loc, nil)); got.str("location.companyId") != s.ready.CompanyID {
		t.Errorf("location: %s", got.raw)
	}
	s.want(200, s.call("GET", "/locations/search", nil))
	s.want(200, s.call("GET", "/locations/"+loc+"/timezones", nil))
	user := s.want(200, s.call("GET", "/users/search?companyId="+s.ready.CompanyID, nil)).str("users.0.id")
	s.want(200, s.call("GET", "/users/"+user, nil))
	s.want(200, s.call("GET", "/users/"+here, nil))

	company := s.connect(allScopes, "user_type", "Company").str("access_token")
	s.want(200, s.call("POST", "/oauth/locationToken", url.Values{"companyId": {s.ready.CompanyID}, "locationId": {loc}}, bearer(company)))
	s.want(200, s.call("GET", "/oauth/installedLocations?companyId="+s.ready.CompanyID+"&appId="+s.twin.cfg.AppID, nil, bearer(company)))
	s.want(200, s.call("POST", "/users/search/filter-by-email", obj{"companyId": s.ready.CompanyID, "emails": "morgan@harborstreetdental.example"}, bearer(company)))

	s.want(200, s.call("DELETE", fields+"/"+fieldID, nil))
	s.want(200, s.call("DELETE", "/businesses/"+business, nil))
	s.want(200, s.call("DELETE", one, nil))

	// Refusals that the files do not describe.
	s.want(422, s.call("POST", "/contacts/search", obj{"locationId": loc}))
	s.want(403, s.call("GET", "/locations/elsewhere", nil))
	s.want(422, s.call("GET", "/businesses/"+here+"&limit=all", nil))
	s.want(400, s.call("GET", events, nil))
	s.want(422, s.call("GET", "/calendars/events"+here+"&startTime=yesterday&calendarId="+calendar, nil))
	s.want(400, s.call("GET", "/calendars/events/appointments/none", nil))
	detach := obj{"locationId": loc, "ids": []string{id}, "businessId": "none"}
	s.want(400, s.call("POST", "/contacts/bulk/business", detach))
	s.want(401, s.call("POST", "/contacts/bulk/tags/update/add", obj{}, bearer("")))

	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range slices.Concat(noSchema, wrongSchema) {
		if !c.used[d] {
			t.Errorf("the tables list %s %s, which no answer needed", d.operation, d.at)
		}
	}
	for _, o := range c.operations {
		if _, left := unserved[o.id]; !left && !c.exercised[o.id] {
			t.Errorf("%s was never answered with success and is not listed as unserved", o.id)
		}
		if _, left := unserved[o.id]; left && c.exercised[o.id] {
			t.Errorf("%s is served, though listed as unserved", o.id)
		}
	}
}
