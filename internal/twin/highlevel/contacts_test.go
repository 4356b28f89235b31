package highlevel

import (
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type obj = map[string]any

func TestABodyIsCheckedAgainstAStrictAllowList(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	loc := s.ready.LocationID
	id := s.create(obj{"email": "first@example.com"})
	for name, c := range map[string]struct {
		method, path string
		body         obj
		want         []any
	}{
		"unknown keys, all of them at once": {"POST", "/contacts/", obj{"locationId": loc, "email": "a@example.com", "zip": "1", "additionalEmails": []string{}},
			[]any{"property additionalEmails should not exist", "property zip should not exist"}},
		"a missing location": {"POST", "/contacts/", obj{"email": "a@example.com"},
			[]any{"locationId should not be empty", "locationId must be a string"}},
		"a location on an update":  {"PUT", "/contacts/" + id, obj{"locationId": loc}, []any{"property locationId should not exist"}},
		"companyName on an update": {"PUT", "/contacts/" + id, obj{"companyName": "X"}, []any{"property companyName should not exist"}},
		"businessId":               {"PUT", "/contacts/" + id, obj{"businessId": "x"}, []any{"property businessId should not exist"}},
		"a number as a name":       {"PUT", "/contacts/" + id, obj{"firstName": 5}, []any{"firstName must be a string"}},
		"a text as dnd":            {"PUT", "/contacts/" + id, obj{"dnd": "yes"}, []any{"dnd must be a boolean value"}},
		"tags that are no list":    {"PUT", "/contacts/" + id, obj{"tags": "vip"}, []any{"tags must be an array"}},
		"a tag that is no text":    {"PUT", "/contacts/" + id, obj{"tags": []any{1}}, []any{"each value in tags must be a string"}},
		"no email address":         {"PUT", "/contacts/" + id, obj{"email": "nobody"}, []any{"email must be an email"}},
		"no phone number":          {"PUT", "/contacts/" + id, obj{"phone": "call me"}, []any{"phone must be a valid phone number"}},
		"a country's name":         {"PUT", "/contacts/" + id, obj{"country": "Germany"}, []any{"country must be a valid enum value"}},
		"no date":                  {"PUT", "/contacts/" + id, obj{"dateOfBirth": "yesterday"}, []any{"dateOfBirth must be a valid date"}},
		"null where it is refused": {"PUT", "/contacts/" + id, obj{"country": nil}, []any{"country must be a string"}},
		"a wrong key in a custom field": {"PUT", "/contacts/" + id, obj{"customFields": []obj{{"id": "x", "value": 1}}},
			[]any{"customFields.0.property value should not exist"}},
		"a text in a number field": {"PUT", "/contacts/" + id, obj{"customFields": []obj{{"key": "seats", "field_value": "many"}}},
			[]any{"customFields.0.field_value must be a number"}},
		"a wrong dnd status": {"PUT", "/contacts/" + id, obj{"dndSettings": obj{"SMS": obj{"status": "on"}}},
			[]any{"dndSettings.SMS.status must be one of the following values: active, inactive, permanent"}},
		"neither email nor phone": {"POST", "/contacts/", obj{"locationId": loc, "firstName": "No"}, []any{"email or phone should not be empty"}},
		"a task without its parts": {"POST", "/contacts/" + id + "/tasks", obj{"title": ""},
			[]any{"completed should not be empty", "completed must be a boolean value", "dueDate should not be empty", "dueDate must be a string", "title should not be empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			st := *s
			st.T = t
			r := st.want(422, st.call(c.method, c.path, c.body))
			if diff := cmp.Diff(c.want, r.body["message"]); diff != "" {
				t.Error(diff)
			}
			if r.str("error") != "Unprocessable Entity" || r.at("statusCode") != 422.0 {
				t.Errorf("body: %s", r.raw)
			}
		})
	}
	if got := s.twin.Stats().Writes; got != 1 {
		t.Errorf("%d writes, want only the first", got)
	}
}

func TestBrokenBodiesAreRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.wantMessage(400, "not valid JSON", s.call("POST", "/contacts/", `{"locationId":`))
	s.wantMessage(400, "not valid JSON", s.call("POST", "/contacts/", `[1]`))
	s.wantMessage(400, "not valid JSON", s.call("POST", "/contacts/", `null`))
	s.wantMessage(413, "too large", s.call("POST", "/contacts/", `{"locationId":"`+strings.Repeat("x", maxBody)+`"}`))
	// A body that is not declared as JSON is not read.
	s.wantMessage(422, "locationId should not be empty", s.call("POST", "/contacts/", `{"locationId":"x"}`, header("Content-Type", "text/plain")))
	s.wantMessage(404, "Cannot GET /nothing", s.call("GET", "/nothing", nil))
}

func TestAContactReadsAsItWasWritten(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.create(obj{
		"name": "Grace Brewster Hopper", "email": " Grace@Example.com ", "phone": "(202) 555-0143", "dateOfBirth": "12/09/1906",
		"tags": []string{"Navy", "NAVY", " Cobol "}, "city": "",
		"customFields": []obj{
			{"key": "contact.seats", "field_value": "12"}, {"key": "monthly_spend", "fieldValue": 9.5},
			{"key": "customer_since", "field_value": 1735689600000}, {"key": "consent", "field_value": "Newsletter"},
			{"key": "plan", "field_value": ""}, {"id": "unknown", "field_value": "x"},
		},
	})
	got := s.want(200, s.call("GET", "/contacts/"+id, nil)).body["contact"].(obj)
	byKey := obj{}
	names := map[string]string{}
	for _, f := range s.twin.db.customFields.list(nil) {
		names[f.ID] = f.FieldKey
	}
	for _, v := range got["customFields"].([]any) {
		byKey[names[v.(obj)["id"].(string)]] = v.(obj)["value"]
	}
	delete(got, "customFields")
	want := obj{
		"id": id, "locationId": s.ready.LocationID, "name": "Grace Brewster Hopper", "firstName": "Grace", "lastName": "Brewster Hopper",
		"firstNameLowerCase": "grace", "lastNameLowerCase": "brewster hopper", "fullNameLowerCase": "grace brewster hopper",
		"email": "Grace@Example.com", "emailLowerCase": "grace@example.com", "phone": "+12025550143", "dateOfBirth": "1906-12-09",
		"tags": []any{"navy", "cobol"}, "dnd": false, "type": "lead", "source": "public api",
		"dateAdded": "2026-03-04T10:00:00.000Z", "dateUpdated": "2026-03-04T10:00:00.000Z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantFields := obj{"contact.seats": 12.0, "contact.monthly_spend": 9.5, "contact.customer_since": "2025-01-01", "contact.consent": []any{"Newsletter"}}
	if diff := cmp.Diff(wantFields, byKey); diff != "" {
		t.Error(diff)
	}
	if names := s.call("GET", "/locations/"+s.ready.LocationID+"/tags", nil); !strings.Contains(names.raw, `"cobol"`) {
		t.Errorf("the tag was not created on the fly: %s", names.raw)
	}
}

func TestAnUpdateReplacesTagsAndClearsWithNull(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.create(obj{"email": "a@example.com", "firstName": "A", "city": "Rome", "tags": []string{"one", "two"},
		"customFields": []obj{{"key": "plan", "field_value": "Pro"}, {"key": "seats", "field_value": 3}}})
	s.clock.advance(1e9)
	r := s.want(200, s.call("PUT", "/contacts/"+id, obj{"tags": []string{"Three"}, "city": nil, "lastName": "Bee",
		"customFields": []obj{{"key": "plan", "field_value": nil}}}))
	if r.at("succeded") != true {
		t.Errorf("no succeded: %s", r.raw)
	}
	if diff := cmp.Diff([]any{"three"}, r.at("contact.tags")); diff != "" {
		t.Error(diff)
	}
	if r.at("contact.city") != nil || r.str("contact.name") != "A Bee" || r.at("contact.customFields.0.value") != 3.0 || r.at("contact.customFields.1") != nil {
		t.Errorf("after the update: %s", r.raw)
	}
	if r.str("contact.dateUpdated") != "2026-03-04T10:00:01.000Z" {
		t.Errorf("dateUpdated %s", r.str("contact.dateUpdated"))
	}
	s.clock.advance(1e9)
	same := s.want(200, s.call("PUT", "/contacts/"+id, obj{"lastName": "Bee"}))
	if same.str("contact.dateUpdated") != "2026-03-04T10:00:01.000Z" {
		t.Error("an update that changes nothing moved dateUpdated")
	}
}

func TestAnUnknownContactIsABadRequest(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/contacts/none", nil}, {"PUT", "/contacts/none", obj{"city": "x"}}, {"DELETE", "/contacts/none", nil},
		{"GET", "/contacts/none/tasks", nil}, {"GET", "/contacts/none/notes", nil}, {"GET", "/contacts/none/appointments", nil},
		{"POST", "/contacts/none/tags", obj{"tags": []string{"x"}}}, {"POST", "/contacts/none/workflow/w", obj{}},
		{"POST", "/contacts/none/notes", obj{"body": "x"}},
	} {
		s.wantMessage(400, "Contact with id none not found", s.call(c.method, c.path, c.body))
	}
}

func TestADuplicateIsRefusedWithTheExistingContact(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	loc := s.ready.LocationID
	first := s.create(obj{"email": "same@example.com", "phone": "+15005550001", "name": "Sam E"})
	for field, body := range map[string]obj{
		"email": {"locationId": loc, "email": "SAME@example.com"},
		"phone": {"locationId": loc, "email": "other@example.com", "phone": "+1 500 555 0001", "tags": []string{"never-made"}},
	} {
		r := s.call("POST", "/contacts/", body)
		s.wantMessage(400, "This location does not allow duplicated contacts.", r)
		want := obj{"contactId": first, "contactName": "Sam E", "matchingField": field}
		if diff := cmp.Diff(want, r.at("meta")); diff != "" {
			t.Error(diff)
		}
	}
	if r := s.call("GET", "/locations/"+loc+"/tags", nil); strings.Contains(r.raw, "never-made") {
		t.Error("a refused contact left its tag behind")
	}
	second := s.create(obj{"email": "second@example.com"})
	s.wantMessage(400, "does not allow duplicated", s.call("PUT", "/contacts/"+second, obj{"email": "same@example.com"}))
	found := s.want(200, s.call("GET", "/contacts/search/duplicate?locationId="+loc+"&number=%2B15005550001", nil))
	if found.str("contact.id") != first {
		t.Errorf("duplicate search: %s", found.raw)
	}
	none := s.want(200, s.call("GET", "/contacts/search/duplicate?locationId="+loc+"&email=nobody%40example.com", nil))
	if v, present := none.body["contact"]; !present || v != nil {
		t.Errorf("duplicate search for nobody: %s", none.raw)
	}
}

func TestUpsertFollowsTheDuplicateRule(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	loc := s.ready.LocationID
	upsert := func(in obj) reply {
		in["locationId"] = loc
		return s.want(200, s.call("POST", "/contacts/upsert", in))
	}
	a := upsert(obj{"email": "a@example.com", "phone": "+15005550010", "tags": []string{"x", "y"}})
	b := upsert(obj{"email": "b@example.com", "phone": "+15005550011"})
	if a.at("new") != true || b.at("new") != true {
		t.Fatalf("not new: %s %s", a.raw, b.raw)
	}
	both := upsert(obj{"email": "a@example.com", "phone": "+15005550011", "city": "Oslo", "tags": []string{"z"}})
	if both.at("new") != false || both.str("contact.id") != a.str("contact.id") || both.str("contact.phone") != "+15005550010" ||
		both.str("contact.city") != "Oslo" || !cmp.Equal(both.at("contact.tags"), []any{"z"}) {
		t.Errorf("email of one, phone of another: %s", both.raw)
	}
	byPhone := upsert(obj{"phone": "+15005550011", "email": "new-b@example.com"})
	if byPhone.str("contact.id") != b.str("contact.id") || byPhone.str("contact.email") != "new-b@example.com" {
		t.Errorf("matched by phone: %s", byPhone.raw)
	}
	forced := upsert(obj{"email": "a@example.com", "createNewIfDuplicateAllowed": true})
	if forced.at("new") != false {
		t.Errorf("createNewIfDuplicateAllowed must be ignored here: %s", forced.raw)
	}
	if err := s.twin.PersonEditsContact(a.str("contact.id"), obj{"additionalEmails": []string{"extra@example.com"}}); err != nil {
		t.Fatal(err)
	}
	extra := upsert(obj{"email": "extra@example.com"})
	if extra.str("contact.id") != a.str("contact.id") || extra.str("contact.email") != "extra@example.com" || strings.Contains(extra.raw, `"a@example.com"`) {
		t.Errorf("an additional email must replace the primary one: %s", extra.raw)
	}
	s.wantMessage(422, "email or phone", s.call("POST", "/contacts/upsert", obj{"locationId": loc, "firstName": "x"}))
}

func TestALocationMayAllowDuplicates(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) { c.AllowDuplicates = true })
	first := s.create(obj{"email": "a@example.com"})
	second := s.create(obj{"email": "a@example.com"})
	if first == second {
		t.Error("one contact instead of two")
	}
	forced := s.want(200, s.call("POST", "/contacts/upsert", obj{"locationId": s.ready.LocationID, "email": "a@example.com", "createNewIfDuplicateAllowed": true}))
	if forced.at("new") != true {
		t.Errorf("upsert should have created: %s", forced.raw)
	}
	if r := s.call("GET", "/locations/"+s.ready.LocationID, nil); r.at("location.settings.allowDuplicateContact") != true {
		t.Errorf("settings: %s", r.raw)
	}
}

func TestTagCallsAnswerAllTagsInLowerCase(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.create(obj{"email": "a@example.com", "tags": []string{"one"}})
	added := s.want(201, s.call("POST", "/contacts/"+id+"/tags", obj{"tags": []string{"One", "TWO"}}))
	if diff := cmp.Diff([]any{[]any{"one", "two"}, []any{"two"}}, []any{added.at("tags"), added.at("tagsAdded")}); diff != "" {
		t.Error(diff)
	}
	removed := s.want(200, s.call("DELETE", "/contacts/"+id+"/tags", obj{"tags": []string{"ONE", "absent"}}))
	if diff := cmp.Diff([]any{[]any{"two"}, []any{"one"}}, []any{removed.at("tags"), removed.at("tagsRemoved")}); diff != "" {
		t.Error(diff)
	}
	bulk := s.want(201, s.call("POST", "/contacts/bulk/tags/update/add",
		obj{"contacts": []string{id, "nobody"}, "tags": []string{"Bulk"}, "locationId": s.ready.LocationID}))
	if bulk.at("errorCount") != 1.0 || bulk.at("succeded") != false || bulk.str("responses.1.type") != "error" {
		t.Errorf("bulk: %s", bulk.raw)
	}
}

func TestVersion3AnswersInItsOwnSpelling(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	v3 := header("Version", "v3")
	made := s.want(201, s.call("POST", "/contacts/", obj{"locationId": s.ready.LocationID, "email": "a@example.com",
		"dndSettings": obj{"whatsApp": obj{"status": "active"}}}, v3))
	if made.at("contact.dndSettings.whatsApp.status") != "active" || made.at("contact.dndSettings.WhatsApp") != nil || made.at("contact.offers") != nil {
		t.Errorf("create under v3: %s", made.raw)
	}
	changed := s.want(200, s.call("PUT", "/contacts/"+made.str("contact.id"), obj{"city": "Bern"}, v3))
	if changed.at("succeeded") != true || changed.at("succeded") != nil {
		t.Errorf("update under v3: %s", changed.raw)
	}
}

func TestOfManyEqualCreationsAtOnceOneWins(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) { c.StateFile = filepath.Join(t.TempDir(), "twin.json") })
	events := listen(s, nil)
	var wg sync.WaitGroup
	var made, refused atomic.Int32
	for range 20 {
		wg.Go(func() {
			r, err := s.try("POST", "/contacts/", obj{"locationId": s.ready.LocationID, "email": "race@example.com", "tags": []string{"t"}})
			switch {
			case err == nil && r.status == 201:
				made.Add(1)
			case err == nil && r.status == 400:
				refused.Add(1)
			}
		})
		wg.Go(func() {
			_, _ = s.try("POST", "/contacts/search", obj{"locationId": s.ready.LocationID, "pageLimit": 10})
			s.twin.PersonCreatesContact(obj{"firstName": "Busy"})
		})
	}
	wg.Wait()
	if made.Load() != 1 || refused.Load() != 19 {
		t.Errorf("%d made, %d refused", made.Load(), refused.Load())
	}
	for range 21 {
		next(t, events)
	}
}
