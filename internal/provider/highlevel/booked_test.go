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

var (
	nextOnes = []string{"nextAppointment.startTime", "nextAppointment.title", "nextAppointment.status"}
	lastOnes = []string{"lastAppointment.startTime", "lastAppointment.status"}
)

// wanting is a context of somebody who uses these fields of contacts.
func (s *stage) wanting(fields ...string) context.Context {
	return provider.WithWanted(s.t.Context(), connection, record.Contact, fields)
}

func (s *stage) diary() context.Context { return s.wanting(slices.Concat(nextOnes, lastOnes)...) }

// bookAt makes an appointment that begins so long from now.
func (s *stage) bookAt(contact string, in time.Duration, fields map[string]any) string {
	s.t.Helper()
	all := map[string]any{"startTime": s.clock.Now().Add(in).Truncate(time.Minute).Format(time.RFC3339)}
	for k, v := range fields {
		all[k] = v
	}
	return s.book(contact, 0, all)
}

// both reads a contact by itself and from a listing of everyone, which must tell the same.
func (s *stage) both(ctx context.Context, id string) record.Fields {
	s.t.Helper()
	alone, err := s.Get(ctx, s.ref(id))
	if err != nil {
		s.t.Fatal(err)
	}
	for page, err := range s.List(ctx, provider.Query{Type: record.Contact}) {
		if err != nil {
			s.t.Fatal(err)
		}
		for _, r := range page.Records {
			if r.Ref.ID != id {
				continue
			}
			for _, key := range slices.Concat(nextOnes, lastOnes) {
				if a, b := alone.Fields[key].String(), r.Fields[key].String(); a != b {
					s.t.Errorf("%s is %q by itself and %q in a listing", key, a, b)
				}
			}
		}
	}
	return alone.Fields
}

func TestAContactTellsOfItsNextAndLastAppointment(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.twin.PersonCreatesContact(map[string]any{"firstName": "Ada"})
	none := s.both(s.diary(), id)
	for _, key := range slices.Concat(nextOnes, lastOnes) {
		if !none[key].IsEmpty() {
			t.Errorf("without an appointment %s is %q", key, none[key])
		}
	}
	calendars := s.twin.CalendarIDs()
	day := 24 * time.Hour
	s.bookAt(id, -800*day, map[string]any{"title": "out of reach"})
	s.bookAt(id, -300*day, map[string]any{"title": "First visit", "appointmentStatus": "showed"})
	s.bookAt(id, -40*day, map[string]any{"title": "Missed", "appointmentStatus": "noshow", "calendarId": calendars[1]})
	s.bookAt(id, -3*day, map[string]any{"title": "Cancelled", "appointmentStatus": "cancelled"})
	s.bookAt(id, 2*day, map[string]any{"title": "No slot", "appointmentStatus": "invalid"})
	s.bookAt(id, 30*day, map[string]any{"title": "Check-up", "calendarId": calendars[2]})
	s.bookAt(id, 400*day, map[string]any{"title": "In a year"})
	s.bookAt(s.twin.PersonCreatesContact(map[string]any{"firstName": "Bob"}), day, map[string]any{"title": "Somebody else's"})
	s.clock.advance(2 * time.Minute)
	got := s.both(s.diary(), id)
	if got["nextAppointment.title"].String() != "Check-up" || got["nextAppointment.status"].String() != "confirmed" || got["lastAppointment.status"].String() != "noshow" {
		t.Errorf("told %v", got)
	}
	next, _ := got["nextAppointment.startTime"].AsTime()
	last, _ := got["lastAppointment.startTime"].AsTime()
	now := s.clock.Now()
	if d := next.Sub(now); d < 29*day || d > 30*day {
		t.Errorf("the next one begins in %s", d)
	}
	if d := now.Sub(last); d < 40*day || d > 41*day {
		t.Errorf("the last one began %s ago", d)
	}
	// One side alone, and nobody: nothing is told that was not asked for.
	if got := s.both(s.wanting("lastAppointment.status"), id); !got["nextAppointment.title"].IsEmpty() || got["lastAppointment.status"].String() != "noshow" {
		t.Errorf("only the last one was wanted, told %v", got)
	}
	if got := s.both(s.wanting("nextAppointment.title"), id); !got["lastAppointment.status"].IsEmpty() || got["nextAppointment.title"].String() != "Check-up" {
		t.Errorf("only the next one was wanted, told %v", got)
	}
}

// The contact's own list has times without a zone. An appointment that began an hour ago, or begins in one, is not told
// by them: with offsets from -12 to +14 hours either could be either.
func TestWhatBeginsNowIsToldByTheCalendarsOwnTime(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for name, tc := range map[string]struct {
		in         time.Duration
		next, last string
	}{
		"in an hour":    {time.Hour, "confirmed", ""},
		"an hour ago":   {-time.Hour, "", "confirmed"},
		"in ten hours":  {10 * time.Hour, "confirmed", ""},
		"ten hours ago": {-10 * time.Hour, "", "confirmed"},
		"in two days":   {48 * time.Hour, "confirmed", ""},
		"two days ago":  {-48 * time.Hour, "", "confirmed"},
	} {
		id := s.twin.PersonCreatesContact(map[string]any{"firstName": name})
		s.bookAt(id, tc.in, nil)
		s.clock.advance(time.Minute)
		got := s.both(s.diary(), id)
		if got["nextAppointment.status"].String() != tc.next || got["lastAppointment.status"].String() != tc.last {
			t.Errorf("%s: told %v", name, got)
		}
	}
	// And time passes.
	id := s.twin.PersonCreatesContact(map[string]any{"firstName": "Ada"})
	s.bookAt(id, 5*time.Minute, map[string]any{"title": "First"})
	s.bookAt(id, 60*time.Minute, map[string]any{"title": "Second"})
	for _, want := range []string{"First", "Second", ""} {
		s.clock.advance(time.Minute)
		if got := s.both(s.diary(), id); got["nextAppointment.title"].String() != want {
			t.Errorf("next is %q, want %q", got["nextAppointment.title"], want)
		}
		s.clock.advance(56 * time.Minute)
	}
}

func TestNobodyPaysForAppointmentsThatAreNotWanted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.twin.PersonCreatesContact(map[string]any{"firstName": "Ada", "email": "ada@example.com"})
	s.bookAt(id, time.Hour, nil)
	other := provider.WithWanted(t.Context(), "another account", record.Contact, nextOnes)
	for _, ctx := range []context.Context{t.Context(), s.wanting("email", "tags"), other} {
		got := s.both(ctx, id)
		if !got["nextAppointment.startTime"].IsEmpty() {
			t.Error("told, though nobody asked")
		}
		if _, err := s.Find(ctx, record.Contact, "email", text("ada@example.com")); err != nil {
			t.Fatal(err)
		}
	}
	for _, call := range s.called() {
		if strings.Contains(call, "calendars") || strings.Contains(call, "appointments") {
			t.Errorf("called %s", call)
		}
	}
	found, err := s.Find(s.diary(), record.Contact, "email", text("ada@example.com"))
	if err != nil || len(found) != 1 || found[0].Fields["nextAppointment.status"].String() != "confirmed" {
		t.Errorf("found %+v, %v", found, err)
	}
}

// A plan for everyone reads in pages: the calendars are listed once for many of them, and no call is made for each contact.
func TestAListingOfContactsListsTheCalendarsOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const people = 60
	for range people {
		s.bookAt(s.twin.PersonCreatesContact(map[string]any{"firstName": "Ada"}), 48*time.Hour, nil)
	}
	before, told := len(s.called()), 0
	for page, err := range s.List(s.diary(), provider.Query{Type: record.Contact, PageSize: 10}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Records {
			if !r.Fields["nextAppointment.startTime"].IsEmpty() {
				told++
			}
		}
	}
	calls := s.called()[before:]
	events := 0
	for _, call := range calls {
		if strings.Contains(call, "/calendars/events") {
			events++
		}
	}
	if told != people || events == 0 || events > 10*len(s.twin.CalendarIDs()) || len(calls)-events > people/10+5 {
		t.Errorf("%d of %d were told of, by %d calls, %d of them for calendars", told, people, len(calls), events)
	}
}

func TestALookForChangedContactsFindsThoseWhoseAppointmentsChanged(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	still := s.twin.PersonCreatesContact(map[string]any{"firstName": "Still"})
	moved := s.twin.PersonCreatesContact(map[string]any{"firstName": "Moved"})
	begun := s.twin.PersonCreatesContact(map[string]any{"firstName": "Begun"})
	edited := s.twin.PersonCreatesContact(map[string]any{"firstName": "Edited"})
	s.bookAt(still, 48*time.Hour, nil)
	movedOne := s.bookAt(moved, -60*24*time.Hour, nil)
	s.bookAt(begun, 90*time.Minute, nil)
	s.clock.advance(time.Hour)
	since := s.clock.Now()
	changed := func(ctx context.Context) []string {
		t.Helper()
		var ids []string
		for page, err := range s.List(ctx, provider.Query{Type: record.Contact, ChangedSince: since}) {
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Records {
				ids = append(ids, r.Ref.ID)
			}
		}
		slices.Sort(ids)
		return slices.Compact(ids)
	}
	if got := changed(s.diary()); len(got) != 0 {
		t.Errorf("nothing changed, and %v are listed", got)
	}
	if err := s.twin.PersonEditsAppointment(movedOne, map[string]any{"appointmentStatus": "noshow"}); err != nil {
		t.Fatal(err)
	}
	if err := s.twin.PersonEditsContact(edited, map[string]any{"city": "London"}); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(time.Hour)
	if got := changed(s.diary()); !slices.Equal(got, sorted(moved, begun, edited)) {
		t.Errorf("listed %v, want %v", got, sorted(moved, begun, edited))
	}
	if got := changed(t.Context()); !slices.Equal(got, []string{edited}) {
		t.Errorf("where nobody uses them: %v, want %v", got, []string{edited})
	}
}

// A listing of everyone may be a minute old in what it tells of appointments. Right before anything is written, a look for
// changes brings it up to date: were that one as old, it would take back what live work wrote meanwhile.
func TestALookForChangesShowsAppointmentsAsTheyAreNow(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.twin.PersonCreatesContact(map[string]any{"firstName": "Ada"})
	appointment := s.bookAt(id, 48*time.Hour, map[string]any{"title": "Check-up"})
	s.clock.advance(10 * time.Minute)
	looked := s.clock.Now()
	s.both(s.diary(), id)
	s.clock.advance(10 * time.Second)
	if err := s.twin.PersonEditsAppointment(appointment, map[string]any{"title": "Cleaning"}); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(time.Second)
	titles := map[string]string{}
	for page, err := range s.List(s.diary(), provider.Query{Type: record.Contact, ChangedSince: looked}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Records {
			titles[r.Ref.ID] = r.Fields["nextAppointment.title"].String()
		}
	}
	if titles[id] != "Cleaning" {
		t.Errorf("the look for changes shows %v", titles)
	}
	// One that was deleted is in no listing any more.
	if err := s.twin.PersonDeletesAppointment(appointment); err != nil {
		t.Fatal(err)
	}
	seen := false
	for page, err := range s.List(s.diary(), provider.Query{Type: record.Contact, ChangedSince: looked}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Records {
			if seen = seen || r.Ref.ID == id; r.Ref.ID == id && !r.Fields["nextAppointment.title"].IsEmpty() {
				t.Errorf("deleted, and still next: %v", r.Fields["nextAppointment.title"])
			}
		}
	}
	if !seen {
		t.Error("the look for changes does not show whose appointment was deleted")
	}
}

// Many calendars take more calls than the limit lets through at once: each try must come further than the one before.
func TestAnInterruptedReadingOfTheCalendarsGoesOn(t *testing.T) {
	t.Parallel()
	calendars := make([]string, 60)
	for i := range calendars {
		calendars[i] = fmt.Sprintf(`{"id":"c%02d"}`, i)
	}
	body := `{"customFields":[],"contacts":[{"id":"c"}],"calendars":[` + strings.Join(calendars, ",") + `],"events":[]}`
	clock := &clock{at: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}
	calls := 0
	c := highlevel.New(highlevel.Config{
		Connection: connection, LocationID: "L", Now: clock.Now, Token: func(context.Context) (string, error) { return "token-1", nil },
		Transport: answering(func(*http.Request) string {
			if calls++; calls%100 == 0 {
				return "out of order"
			}
			return body
		}),
	})
	ctx := provider.WithWanted(t.Context(), connection, record.Contact, nextOnes)
	for _, since := range []time.Time{{}, clock.Now().Add(-time.Hour)} {
		calls = 0
		for tries := 1; ; tries++ {
			var failed error
			for _, failed = range c.List(ctx, provider.Query{Type: record.Contact, ChangedSince: since}) {
			}
			if failed == nil {
				break
			}
			if tries == 20 {
				t.Fatalf("since %v: after %d calls still %v", since, calls, failed)
			}
			clock.advance(10 * time.Second)
		}
		clock.advance(time.Hour)
	}
}

func TestWhatAContactBorrowsCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.twin.PersonCreatesContact(map[string]any{"firstName": "Ada", "email": "ada@example.com"})
	schema, err := s.Describe(t.Context(), record.Contact)
	if err != nil {
		t.Fatal(err)
	}
	contact, _ := highlevel.Descriptor().Object(record.Contact)
	for _, key := range contact.BorrowedFields() {
		if f, ok := schema.Field(key); !ok || !f.ReadOnly {
			t.Errorf("%s is described as %+v", key, f)
		}
		write := provider.Write{Type: record.Contact, Fields: record.Fields{key: text("x"), "city": text("London")}}
		if _, err := s.Update(s.diary(), s.ref(id), write); !provider.IsKind(err, provider.Invalid) && !provider.IsKind(err, provider.Unsupported) {
			t.Errorf("writing %s: %v", key, err)
		}
	}
	if got := s.both(t.Context(), id); !got["city"].IsEmpty() {
		t.Error("a refused write left something behind")
	}
}

func TestAnAnswerThatCannotBeReadIsNotNoNextAppointment(t *testing.T) {
	t.Parallel()
	ctx := provider.WithWanted(t.Context(), connection, record.Contact, nextOnes)
	for _, answers := range []map[string]string{
		{"/appointments": `{}`},
		{"/appointments": `{"events":null}`},
		{"/appointments": `{"events":[{"id":"e","startTime":"2026-11-02 12:00:00","appointmentStatus":"new"}]}`, "/calendars/": `{"calendars":[]}`},
	} {
		c := highlevel.New(highlevel.Config{
			Connection: connection, LocationID: "L", Token: func(context.Context) (string, error) { return "token-1", nil },
			Now: func() time.Time { return time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC) },
			Transport: answering(func(r *http.Request) string {
				for end, body := range answers {
					if strings.HasSuffix(r.URL.Path, end) {
						return body
					}
				}
				return `{"contact":{"id":"c"},"customFields":[]}`
			}),
		})
		if r, err := c.Get(ctx, record.Ref{Connection: connection, Type: record.Contact, ID: "c"}); !provider.IsKind(err, provider.Unavailable) {
			t.Errorf("%v: %+v, %v", answers, r.Fields, err)
		}
	}
}

func TestAMissingPermissionForTheNextAppointmentIsNamed(t *testing.T) {
	t.Parallel()
	for _, scope := range []string{"calendars.readonly", "calendars/events.readonly"} {
		s := newStage(t)
		id := s.twin.PersonCreatesContact(map[string]any{"firstName": "Ada"})
		s.bookAt(id, time.Hour, nil)
		s.twin.SetFaults(twin.Faults{MissingScopes: []string{scope}})
		_, alone := s.Get(s.diary(), s.ref(id))
		var listed error
		for _, listed = range s.List(s.diary(), provider.Query{Type: record.Contact}) {
		}
		for _, err := range []error{alone, listed} {
			if e, ok := err.(*provider.Error); !ok || e.Kind != provider.Forbidden || e.Scope != scope {
				t.Errorf("without %s: %v", scope, err)
			}
		}
		if _, err := s.Get(t.Context(), s.ref(id)); err != nil {
			t.Errorf("without %s, and nobody wants them: %v", scope, err)
		}
	}
}

func TestADeliveryOfAnAppointmentNamesItsContact(t *testing.T) {
	t.Parallel()
	hooks, err := highlevel.NewWebhooks(highlevel.WebhookConfig{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := hooks.Read([]byte(`{"type":"AppointmentUpdate","locationId":"L","webhookId":"w","appointment":{"id":"a","contactId":"c","dateUpdated":"2026-11-02T09:00:00.000Z"}}`))
	if err != nil || n.Type != record.Appointment || n.ID != "a" || n.Parent != "c" {
		t.Errorf("read as %+v, %v", n, err)
	}
}
