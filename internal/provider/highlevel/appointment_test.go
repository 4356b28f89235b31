package highlevel_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/highlevel"
)

func appointmentRef(id string) record.Ref {
	return record.Ref{Connection: connection, Type: record.Appointment, ID: id}
}

// book makes an appointment some days from now.
func (s *stage) book(contact string, days int, fields map[string]any) string {
	s.t.Helper()
	all := map[string]any{"startTime": s.clock.Now().AddDate(0, 0, days).Truncate(time.Hour).Format(time.RFC3339)}
	for k, v := range fields {
		all[k] = v
	}
	id := s.twin.PersonBooksAppointment(contact, all)
	if id == "" {
		s.t.Fatal("the appointment was refused")
	}
	return id
}

func (s *stage) listed(q provider.Query) []string {
	s.t.Helper()
	q.Type = record.Appointment
	var ids []string
	for page, err := range s.List(s.t.Context(), q) {
		if err != nil {
			s.t.Fatal(err)
		}
		for _, r := range page.Records {
			ids = append(ids, r.Ref.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func sorted(ids ...string) []string {
	slices.Sort(ids)
	return ids
}

func TestAnAppointmentIsReadAsItIs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	contact := s.twin.PersonCreatesContact(map[string]any{"firstName": "Ada"})
	id := s.twin.PersonBooksAppointment(contact, map[string]any{
		"title": "Check-up", "startTime": "2026-12-01T09:00:00-05:00", "endTime": "2026-12-01T09:45:00-05:00", "notes": "prefers mornings", "address": "12 Elm Street",
	})
	got, err := s.Get(t.Context(), appointmentRef(id))
	if err != nil {
		t.Fatal(err)
	}
	begins := record.TimeOf(time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC))
	if got.Parent != s.ref(contact) || got.Title != "Check-up" || got.Fields["startTime"].String() != begins.String() ||
		got.Fields["appointmentStatus"].String() != "confirmed" || got.Fields["calendar"].String() != "First visits" ||
		got.Fields["notes"].String() != "prefers mornings" || got.CreatedAt.IsZero() || got.UpdatedAt.IsZero() {
		t.Errorf("read as %+v", got)
	}
	schema, err := s.Describe(t.Context(), record.Appointment)
	if err != nil {
		t.Fatal(err)
	}
	for key := range got.Fields {
		if f, ok := schema.Field(key); !ok || !f.ReadOnly {
			t.Errorf("%s is not described, or not as read-only: %+v", key, f)
		}
	}
	if f, _ := schema.Field("calendar"); !slices.Contains(f.Options, "Check-ups") {
		t.Errorf("the calendars to choose from are %v", f.Options)
	}
	if err := s.twin.PersonDeletesAppointment(id); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), appointmentRef(id)); !provider.IsKind(err, provider.NotFound) {
		t.Errorf("a deleted one: %v", err)
	}
	for _, write := range []error{
		func() error { _, err := s.Create(t.Context(), provider.Write{Type: record.Appointment}); return err }(),
		func() error {
			_, err := s.Update(t.Context(), appointmentRef(id), provider.Write{Type: record.Appointment})
			return err
		}(),
		s.Delete(t.Context(), appointmentRef(id)),
	} {
		if !provider.IsKind(write, provider.Unsupported) {
			t.Errorf("writing: %v", write)
		}
	}
}

func TestAppointmentsOfEveryCalendarAreListed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	contact := s.twin.PersonCreatesContact(map[string]any{"firstName": "Ada"})
	calendars := s.twin.CalendarIDs()
	var all []string
	for i, days := range []int{-700, -93, -92, -1, 0, 1, 91, 92, 93, 365, 700} {
		all = append(all, s.book(contact, days, map[string]any{"calendarId": calendars[i%len(calendars)], "title": fmt.Sprint(days)}))
	}
	if got := s.listed(provider.Query{}); !slices.Equal(got, sorted(all...)) {
		t.Errorf("%d listed, want %d", len(got), len(all))
	}
}

func TestWhatBecameOfAnAppointmentIsFoundLongAfterItBegan(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	contact := s.twin.PersonCreatesContact(map[string]any{"firstName": "Ada"})
	past, next := s.book(contact, -80, nil), s.book(contact, 250, nil)
	s.clock.advance(time.Hour)
	since := s.clock.Now()
	if got := s.listed(provider.Query{ChangedSince: since}); len(got) != 0 {
		t.Errorf("unchanged ones are listed: %v", got)
	}
	for id, status := range map[string]string{past: "noshow", next: "cancelled"} {
		if err := s.twin.PersonEditsAppointment(id, map[string]any{"appointmentStatus": status}); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.listed(provider.Query{ChangedSince: since}); !slices.Equal(got, sorted(past, next)) {
		t.Errorf("listed %v, want %v", got, sorted(past, next))
	}
	// After a long rest a look for changes reaches back as far as that rest did.
	s.clock.advance(100 * 24 * time.Hour)
	if got := s.listed(provider.Query{ChangedSince: since}); !slices.Equal(got, sorted(past, next)) {
		t.Errorf("after a long rest: %v, want %v", got, sorted(past, next))
	}
}

// A listing can be interrupted by the call limit, and then goes on from its last page: no page may take too many calls.
func TestAPageOfNoAppointmentsEndsBeforeItIsDear(t *testing.T) {
	t.Parallel()
	calls := 0
	calendars := make([]string, 40)
	for i := range calendars {
		calendars[i] = fmt.Sprintf(`{"id":"c%02d"}`, i)
	}
	body := `{"calendars":[` + strings.Join(calendars, ",") + `],"events":[]}`
	c := highlevel.New(highlevel.Config{
		Connection: connection, LocationID: "L", Token: func(context.Context) (string, error) { return "token-1", nil },
		Transport: answering(func(*http.Request) string { calls++; return body }),
	})
	pages := 0
	for page, err := range c.List(t.Context(), provider.Query{Type: record.Appointment}) {
		if err != nil || len(page.Records) != 0 {
			t.Fatal(len(page.Records), err)
		}
		if pages++; calls > 30 {
			t.Fatalf("page %d took %d calls", pages, calls)
		}
		calls = 0
	}
	if pages < 10 {
		t.Errorf("%d pages of 40 calendars", pages)
	}
}

func TestAppointmentsAreSearchedByWhatIsInThem(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	contact := s.twin.PersonCreatesContact(map[string]any{"firstName": "Ada"})
	checkup := s.book(contact, 200, map[string]any{"title": "Check-up", "calendarId": s.twin.CalendarIDs()[2]})
	call := s.book(contact, -60, map[string]any{"title": "Call", "notes": "about the CHECK-up"})
	s.book(contact, 3, map[string]any{"title": "Cleaning"})
	for search, want := range map[string][]string{"check-up": sorted(checkup, call), " call ": {call}, checkup: {checkup}, "nothing": nil} {
		if got := s.listed(provider.Query{Search: search}); !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v", search, got, want)
		}
	}
	// Whoever wants a sample takes the first page, which must not be an empty span of long ago.
	for page, err := range s.List(t.Context(), provider.Query{Type: record.Appointment}) {
		if err != nil || len(page.Records) == 0 {
			t.Errorf("the first page holds %d, %v", len(page.Records), err)
		}
		break
	}
}

func TestAListingOfAppointmentsGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	contact := s.twin.PersonCreatesContact(map[string]any{"firstName": "Ada"})
	calendars := s.twin.CalendarIDs()
	for i := range 12 {
		s.book(contact, i*40-240, map[string]any{"calendarId": calendars[i%len(calendars)]})
	}
	whole := s.listed(provider.Query{})
	var before []string
	pages := 0
	for page, err := range s.List(t.Context(), provider.Query{Type: record.Appointment}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Records {
			before = append(before, r.Ref.ID)
		}
		if pages++; page.Next == "" {
			break
		}
		s.clock.advance(26 * time.Hour) // the spans stay where they were
		if got := sorted(append(s.listed(provider.Query{Cursor: page.Next}), before...)...); !slices.Equal(slices.Compact(got), whole) {
			t.Fatalf("from page %d on: %d of %d", pages, len(slices.Compact(got)), len(whole))
		}
	}
	if pages < len(calendars) {
		t.Errorf("only %d pages", pages)
	}
	for _, bad := range []string{"1", "e30", "bm90IGpzb24"} {
		for _, err := range s.List(t.Context(), provider.Query{Type: record.Appointment, Cursor: bad}) {
			if !provider.IsKind(err, provider.Invalid) {
				t.Errorf("cursor %q: %v", bad, err)
			}
		}
	}
}

func TestAnAnswerThatCannotBeReadIsNotNoAppointments(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `{"calendars":null}`, `{"calendars":[{"id":"c"}],"events":null}`, `{"calendars":[{"id":"c"}],"events":["x"]}`, `{"calendars":[{"id":"c"}],"events":[{"title":"x"}]}`} {
		for page, err := range saying(200, body).List(t.Context(), provider.Query{Type: record.Appointment}) {
			if !provider.IsKind(err, provider.Unavailable) {
				t.Errorf("%s: %d appointments, %v", body, len(page.Records), err)
			}
		}
		if _, err := saying(200, body).Get(t.Context(), appointmentRef("x")); !provider.IsKind(err, provider.Unavailable) {
			t.Errorf("%s: %v", body, err)
		}
	}
	for page, err := range saying(200, `{"calendars":[]}`).List(t.Context(), provider.Query{Type: record.Appointment}) {
		if err != nil || len(page.Records) != 0 || page.Next != "" {
			t.Errorf("without a calendar: %+v, %v", page, err)
		}
	}
}

func TestAMissingPermissionForAppointmentsIsNamed(t *testing.T) {
	t.Parallel()
	for _, scope := range []string{"calendars.readonly", "calendars/events.readonly"} {
		s := newStage(t, func(c *twin.Config, _ *highlevel.Config) {})
		s.twin.SetFaults(twin.Faults{MissingScopes: []string{scope}})
		for _, err := range s.List(t.Context(), provider.Query{Type: record.Appointment}) {
			if e, ok := err.(*provider.Error); !ok || e.Kind != provider.Forbidden || e.Scope != scope {
				t.Errorf("without %s: %v", scope, err)
			}
		}
	}
}
