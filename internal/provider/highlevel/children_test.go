package highlevel_test

import (
	"fmt"
	"net/http"
	"testing"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/highlevel"
)

func TestAllChildrenOfAContactAreListed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	contact := s.twin.PersonCreatesContact(map[string]any{"firstName": "Ada"})
	for i := range 130 { // more than a page of the search
		if s.twin.PersonCreatesTask(contact, map[string]any{"title": fmt.Sprint(i), "dueDate": "2026-12-01T10:00:00Z"}) == "" ||
			s.twin.PersonCreatesNote(contact, map[string]any{"body": fmt.Sprint(i)}) == "" {
			t.Fatal("refused")
		}
	}
	for _, kind := range []record.ObjectType{record.Task, record.Note} {
		got, err := s.Children(t.Context(), kind, s.ref(contact))
		if err != nil || len(got) != 130 {
			t.Errorf("%s: %d, %v", kind, len(got), err)
		}
	}
}

func TestAnAnswerThatCannotBeReadIsNotNoChildren(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `[]`, `{"tasks":null,"notes":null}`, `{"tasks":[{"title":"x"}],"notes":[{"body":"x"}]}`, `{"tasks":["T"],"notes":["N"]}`} {
		for _, kind := range []record.ObjectType{record.Task, record.Note} {
			got, err := saying(200, body).Children(t.Context(), kind, record.Ref{Connection: connection, Type: record.Contact, ID: "C"})
			if !provider.IsKind(err, provider.Unavailable) {
				t.Errorf("%s: %d children, %v", body, len(got), err)
			}
		}
	}
}

// TestEveryDeliveryNamesARecordThatCanBeRead lets a person work in HighLevel and follows each webhook back to what it
// tells of.
func TestEveryDeliveryNamesARecordThatCanBeRead(t *testing.T) {
	t.Parallel()
	type delivery struct {
		body   []byte
		header http.Header
	}
	var told []delivery
	s := newStage(t, func(c *twin.Config, _ *highlevel.Config) {
		c.Tap = func(body []byte, header http.Header) { told = append(told, delivery{body, header}) }
	})
	hooks, err := highlevel.NewWebhooks(highlevel.WebhookConfig{PublicKeys: []string{s.ready.WebhookPublicKey}})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	contact := s.twin.PersonCreatesContact(map[string]any{"firstName": "Ada"})
	task := s.twin.PersonCreatesTask(contact, map[string]any{"title": "Call", "dueDate": "2026-12-01T10:00:00Z"})
	note := s.twin.PersonCreatesNote(contact, map[string]any{"body": "called"})
	visit := s.book(contact, 3, nil)
	taskRef := record.Ref{Connection: connection, Type: record.Task, ID: contact + "/" + task}
	noteRef := record.Ref{Connection: connection, Type: record.Note, ID: contact + "/" + note}
	steps := []struct {
		do   func() error
		name string
		want record.Ref
		gone bool
	}{
		{func() error { return nil }, "ContactCreate TaskCreate NoteCreate AppointmentCreate", record.Ref{}, false},
		{func() error { return s.twin.PersonAddsTags(contact, "VIP") }, "ContactTagUpdate", s.ref(contact), false},
		{func() error { return s.twin.PersonRemovesTags(contact, "vip") }, "ContactTagUpdate", s.ref(contact), false},
		{func() error { return s.twin.PersonEditsTask(task, map[string]any{"title": "Call again"}) }, "", record.Ref{}, false},
		{func() error { return s.twin.PersonCompletesTask(task) }, "TaskComplete", taskRef, false},
		{func() error { return s.twin.PersonEditsNote(note, map[string]any{"body": "called twice"}) }, "NoteUpdate", noteRef, false},
		{func() error {
			return s.twin.PersonEditsAppointment(visit, map[string]any{"appointmentStatus": "showed"})
		}, "AppointmentUpdate", appointmentRef(visit), false},
		{func() error { return s.twin.PersonDeletesAppointment(visit) }, "AppointmentDelete", appointmentRef(visit), true},
		{func() error { return s.twin.PersonDeletesNote(note) }, "NoteDelete", noteRef, true},
		{func() error { return s.twin.PersonDeletesTask(task) }, "TaskDelete", taskRef, true},
	}
	for _, step := range steps {
		must(step.do())
		names := ""
		for _, d := range told {
			must(hooks.Verify(d.header, d.body))
			n, err := hooks.Read(d.body)
			must(err)
			if names != "" {
				names += " "
			}
			names += n.Name
			got, err := s.Get(t.Context(), record.Ref{Connection: connection, Type: n.Type, ID: n.ID})
			want := map[record.ObjectType]record.Ref{record.Contact: s.ref(contact), record.Task: taskRef, record.Note: noteRef, record.Appointment: appointmentRef(visit)}[n.Type]
			switch {
			case step.gone:
				if !provider.IsKind(err, provider.NotFound) || n.ID != step.want.ID || n.Change != provider.Deleted {
					t.Errorf("%s: %+v, %v", n.Name, n, err)
				}
			case err != nil || got.Ref != want || !step.want.IsZero() && got.Ref != step.want:
				t.Errorf("%s leads from %s to %v, %v, want %v", n.Name, n.ID, got.Ref, err, want)
			}
		}
		if names != step.name {
			t.Errorf("told %q, want %q", names, step.name)
		}
		told = nil
	}
}
