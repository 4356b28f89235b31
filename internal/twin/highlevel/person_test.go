package highlevel

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAPersonsTasksAndNotesAreSeenByTheAPIAndAreNoAPIWrite(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.twin.PersonCreatesContact(obj{"firstName": "Ada"})
	task := s.twin.PersonCreatesTask(id, obj{"title": "Call", "dueDate": "2026-10-25T13:00:00+02:00", "body": "about tea"})
	note := s.twin.PersonCreatesNote(id, obj{"body": "likes tea", "title": "Tea"})
	one := "/contacts/" + id
	if got := s.want(200, s.call("GET", one+"/tasks/"+task, nil)); got.str("task.dueDate") != "2026-10-25T11:00:00.000Z" || got.at("task.completed") != false {
		t.Errorf("task: %s", got.raw)
	}
	for _, err := range []error{
		s.twin.PersonCompletesTask(task), s.twin.PersonEditsTask(task, obj{"title": "Call back", "body": ""}),
		s.twin.PersonEditsNote(note, obj{"body": "likes coffee"}), s.twin.PersonAddsTags(id, "VIP", "tea"), s.twin.PersonRemovesTags(id, "Tea", "never"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if got := s.want(200, s.call("GET", one+"/tasks", nil)); got.str("tasks.0.title") != "Call back" || got.at("tasks.0.completed") != true || got.at("tasks.0.body") != nil {
		t.Errorf("tasks: %s", got.raw)
	}
	if got := s.want(200, s.call("GET", one+"/notes", nil)); got.str("notes.0.body") != "likes coffee" || got.str("notes.0.title") != "Tea" {
		t.Errorf("notes: %s", got.raw)
	}
	if got := s.want(200, s.call("GET", one, nil)); !cmp.Equal(got.at("contact.tags"), []any{"vip"}) {
		t.Errorf("tags: %s", got.raw)
	}
	for _, err := range []error{s.twin.PersonDeletesTask(task), s.twin.PersonDeletesNote(note)} {
		if err != nil {
			t.Error(err)
		}
	}
	s.want(400, s.call("GET", one+"/tasks/"+task, nil))
	s.want(400, s.call("GET", one+"/notes/"+note, nil))
	if got := s.twin.Stats(); got.Writes != 0 || got.Tasks != 0 || got.Notes != 0 || got.Contacts != 1 {
		t.Errorf("%+v", got)
	}
}

func TestAFormRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.twin.PersonCreatesContact(obj{"firstName": "Ada"})
	due := "2026-10-25T11:00:00Z"
	for name, got := range map[string]string{
		"a task for nobody":         s.twin.PersonCreatesTask("nobody", obj{"title": "t", "dueDate": due}),
		"a task without a title":    s.twin.PersonCreatesTask(id, obj{"dueDate": due}),
		"a task without a date":     s.twin.PersonCreatesTask(id, obj{"title": "t"}),
		"a task due at some time":   s.twin.PersonCreatesTask(id, obj{"title": "t", "dueDate": "soon"}),
		"an appointment at no time": s.twin.PersonBooksAppointment(id, obj{"title": "t"}),
		"an appointment some time":  s.twin.PersonBooksAppointment(id, obj{"startTime": "soon"}),
		"an appointment forgotten":  s.twin.PersonBooksAppointment(id, obj{"startTime": due, "appointmentStatus": "forgotten"}),
		"a task with a new field":   s.twin.PersonCreatesTask(id, obj{"title": "t", "dueDate": due, "priority": "high"}),
		"a note about nobody":       s.twin.PersonCreatesNote("nobody", obj{"body": "b"}),
		"a note without a text":     s.twin.PersonCreatesNote(id, obj{"title": "t"}),
		"a note in no such colour":  s.twin.PersonCreatesNote(id, obj{"body": "b", "color": "red"}),
	} {
		if got != "" {
			t.Errorf("%s is taken as %s", name, got)
		}
	}
	task, note := s.twin.PersonCreatesTask(id, obj{"title": "t", "dueDate": due}), s.twin.PersonCreatesNote(id, obj{"body": "b"})
	for name, err := range map[string]error{
		"a date that is none": s.twin.PersonEditsTask(task, obj{"dueDate": "soon"}),
		"a text that is none": s.twin.PersonEditsNote(note, obj{"body": 1}),
	} {
		if refused, ok := errors.AsType[*refusedError](err); !ok || refused.answer.status != 422 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, err := range []error{
		s.twin.PersonCompletesTask("none"), s.twin.PersonEditsTask("none", nil), s.twin.PersonDeletesTask("none"),
		s.twin.PersonEditsNote("none", nil), s.twin.PersonDeletesNote("none"),
		s.twin.PersonEditsAppointment("none", nil), s.twin.PersonDeletesAppointment("none"), s.twin.PersonAddsTags("none", "x"), s.twin.PersonRemovesTags("none", "x"),
	} {
		if err == nil || statusOf(err) != 404 {
			t.Errorf("error %v", err)
		}
	}
}

func TestASnapshotTellsEverythingAndWhoWroteIt(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	made := s.clock.Now()
	id := s.create(obj{"email": "ada@example.com", "firstName": "Ada", "tags": []string{"VIP"}, "dateOfBirth": "1990/09/25",
		"dndSettings":  obj{"SMS": obj{"status": "active"}},
		"customFields": []obj{{"key": "seats", "field_value": 3}, {"key": "interests", "field_value": []string{"Whitening"}}}})
	task := s.twin.PersonCreatesTask(id, obj{"title": "Call", "dueDate": "2026-10-25T11:00:00Z"})
	note := s.call("POST", "/contacts/"+id+"/notes", obj{"body": "b", "userId": "u", "pinned": true}).str("note.id")
	s.clock.advance(time.Hour)
	later := s.clock.Now()
	if err := s.twin.PersonEditsContact(id, obj{"city": "London"}); err != nil {
		t.Fatal(err)
	}
	s.call("PUT", "/contacts/"+id+"/tasks/"+task, obj{"completed": true})
	s.call("PUT", "/contacts/"+id+"/notes/"+note, obj{"body": "b"}) // changes nothing

	seats, interests := s.twin.customFieldByKey("seats").ID, s.twin.customFieldByKey("interests").ID
	want := Snapshot{
		Contacts: []Contact{{
			ID: id, FirstName: "Ada", Email: "ada@example.com", City: "London", Source: "public api", DateOfBirth: "1990-09-25",
			DNDChannels: map[string]string{"SMS": "active"}, Tags: []string{"vip"},
			Custom: map[string]any{seats: 3.0, interests: []string{"Whitening"}}, Created: made, Updated: later, By: byPerson,
		}},
		Tasks: []Task{{
			ID: task, ContactID: id, Title: "Call", DueDate: time.Date(2026, 10, 25, 11, 0, 0, 0, time.UTC), Completed: true,
			Created: made, Updated: later, By: byAPI,
		}},
		Notes: []Note{{ID: note, ContactID: id, Body: "b", UserID: "u", Pinned: true, Created: made, Updated: made, By: byAPI}},
	}
	if diff := cmp.Diff(want, s.twin.Snapshot()); diff != "" {
		t.Error(diff)
	}
	if got, there := s.twin.Task(task); !there || got != want.Tasks[0] || !cmp.Equal(s.twin.Tasks(), want.Tasks) {
		t.Errorf("%+v", got)
	}
	if got, there := s.twin.Note(note); !there || got != want.Notes[0] || !cmp.Equal(s.twin.Notes(), want.Notes) {
		t.Errorf("%+v", got)
	}
	s.twin.Snapshot().Contacts[0].Tags[0] = "changed by the reader"
	s.twin.Snapshot().Contacts[0].Custom[interests].([]string)[0] = "likewise"
	if diff := cmp.Diff(want, s.twin.Snapshot()); diff != "" {
		t.Errorf("a copy shares something: %s", diff)
	}
	if err := s.twin.PersonDeletesContact(id); err != nil {
		t.Fatal(err)
	}
	if _, there := s.twin.Task(task); there {
		t.Error("a task outlives its contact")
	}
	if _, there := s.twin.Note(note); there {
		t.Error("a note outlives its contact")
	}
	s.twin.SeedContacts(10)
	for _, c := range s.twin.Snapshot().Contacts {
		if c.By != "" || c.Created.IsZero() || c.Updated.Before(c.Created) {
			t.Errorf("seeded: %+v", c)
		}
	}
	for _, x := range s.twin.Tasks() {
		if x.By != "" || x.Updated.Before(x.Created) {
			t.Errorf("seeded: %+v", x)
		}
	}
}
