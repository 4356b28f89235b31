package highlevel

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// calendarVersion is the API version of everything below /calendars: §5.3.
const calendarVersion = "2021-04-15"

// How far a listing of appointments reaches: HighLevel lists them by calendar and by when they begin (§5.3), never by
// when they were changed. A look for changes therefore takes in what began up to a quarter ago, for what became of an
// appointment is often said long after, and what begins within the year; a listing of all of them reaches two years
// either way.
const (
	appointmentSpan     = 183 * 24 * time.Hour // what one call asks for
	changedAppointments = 92 * 24 * time.Hour
	changedAhead        = 2*appointmentSpan - changedAppointments
	allAppointments     = 4 * appointmentSpan
	// emptySpans is how many spans without a hit are passed over before a page ends all the same: a listing that the call
	// limit interrupts goes on from its last page.
	emptySpans = 24
)

// appointmentObject is read-only: people book in HighLevel, which knows who is free. Webhooks tell of every change
// (§7.1), and every time in the calendar's own endpoints has an offset, unlike in those of a contact (§4.5).
func appointmentObject() object {
	return object{
		Object: provider.Object{
			Type: record.Appointment, Label: "appointment", Plural: "appointments", Read: true, Webhook: true, Parent: record.Contact,
			Tells:      provider.Told{Created: true, Updated: true, Deleted: true},
			ReadScopes: []string{readCalendars, readAppointments},
		},
		describe: describeAppointment, get: getAppointment, page: appointmentsPage,
	}
}

// appointmentStatuses are those people choose and those only answers show: §5.3.
var appointmentStatuses = []string{"new", "confirmed", "cancelled", "showed", "noshow", "invalid", "active", "completed"}

func describeAppointment(ctx context.Context, c *Client) (record.Schema, error) {
	all, err := c.calendars(ctx)
	if err != nil {
		return record.Schema{}, err
	}
	names := make([]string, 0, len(all))
	for _, one := range all {
		if !slices.Contains(names, one.name) {
			names = append(names, one.name)
		}
	}
	s := record.Schema{Type: record.Appointment, Label: "HighLevel appointment", Fields: []record.FieldSpec{
		{Key: "title", Label: "Title", Kind: record.Text},
		{Key: "appointmentStatus", Label: "Status", Kind: record.Choice, Options: appointmentStatuses},
		{Key: "startTime", Label: "Begins", Kind: record.DateTime},
		{Key: "endTime", Label: "Ends", Kind: record.DateTime},
		{Key: "calendar", Label: "Calendar", Kind: record.Choice, Options: names},
		{Key: "address", Label: "Place", Kind: record.Text, Help: "An address, or the link of a meeting."},
		{Key: "notes", Label: "Notes", Kind: record.LongText},
		{Key: "description", Label: "Description", Kind: record.LongText},
		{Key: "assignedUserId", Label: "Owner", Kind: record.Text, Help: "The id of a HighLevel user."},
		{Key: "contactId", Label: "Contact", Kind: record.Text, Help: "The id of the HighLevel contact."},
		{Key: "calendarId", Label: "Calendar id", Kind: record.Text},
		{Key: "id", Label: "HighLevel appointment id", Kind: record.Text},
		{Key: "dateAdded", Label: "Created", Kind: record.DateTime},
		{Key: "dateUpdated", Label: "Last changed", Kind: record.DateTime},
	}}
	for i := range s.Fields {
		s.Fields[i].ReadOnly = true
	}
	return s, nil
}

// calendar is what appointments are listed and told apart by.
type calendar struct{ id, name string }

// calendars are the location's, by id, as read within the last minute. Drafts are among them: they keep what was booked.
func (c *Client) calendars(ctx context.Context) ([]calendar, error) {
	c.mu.Lock()
	have := c.diary
	c.mu.Unlock()
	now := c.cfg.Now()
	if !have.at.IsZero() && now.Sub(have.at) < cacheFor {
		return have.value, nil
	}
	var out raw
	if err := c.doCalendar(ctx, opCalendars, path("calendars", ""), url.Values{"locationId": {c.cfg.LocationID}}, &out); err != nil {
		return nil, err
	}
	list, ok := out["calendars"].([]any)
	if !ok {
		return nil, unexpected(opCalendars) // must not pass for "there are none"
	}
	all := make([]calendar, 0, len(list))
	for _, r := range out.objects("calendars") {
		if id := r.text("id"); id != "" {
			all = append(all, calendar{id, cmp.Or(r.text("name"), id)})
		}
	}
	slices.SortFunc(all, func(a, b calendar) int { return cmp.Compare(a.id, b.id) })
	c.mu.Lock()
	c.diary = cached[[]calendar]{all, now}
	c.mu.Unlock()
	return all, nil
}

func (c *Client) doCalendar(ctx context.Context, op operation, path string, query url.Values, out any) error {
	_, err := c.api.Do(ctx, apiclient.Request{
		Op: op.words, Method: op.method, Path: path, RawQuery: query.Encode(), Header: http.Header{versionHeader: {calendarVersion}},
	}, out)
	return err
}

func getAppointment(ctx context.Context, c *Client, id string) (record.Record, error) {
	all, err := c.calendars(ctx)
	if err != nil {
		return record.Record{}, err
	}
	var out raw
	if err := c.doCalendar(ctx, opGetAppointment, path("calendars", "events", "appointments", id), nil, &out); err != nil {
		return record.Record{}, err
	}
	r := out.object("event")
	if r.text("id") == "" {
		return record.Record{}, unexpected(opGetAppointment)
	}
	if r["deleted"] == true {
		return record.Record{}, &provider.Error{Provider: ID, Op: opGetAppointment.words, Kind: provider.NotFound, Detail: "the appointment was deleted"}
	}
	return c.appointment(r, all), nil
}

// appointment reads an appointment. One that is nobody's, e.g. taken over from somebody's own calendar, has no parent.
func (c *Client) appointment(r raw, all []calendar) record.Record {
	f := record.Fields{}
	for _, key := range []string{"id", "title", "appointmentStatus", "address", "notes", "description", "assignedUserId", "contactId", "calendarId"} {
		put(f, key, record.TextOf(r.text(key)))
	}
	for _, key := range []string{"startTime", "endTime", "dateAdded", "dateUpdated"} {
		put(f, key, record.TimeOf(r.time(key)))
	}
	if i := slices.IndexFunc(all, func(one calendar) bool { return one.id == r.text("calendarId") }); i >= 0 {
		put(f, "calendar", record.TextOf(all[i].name))
	}
	rec := record.Record{
		Ref: c.ref(record.Appointment, r.text("id")), Fields: f, CreatedAt: r.time("dateAdded"), UpdatedAt: r.time("dateUpdated"),
		Title: cmp.Or(r.text("title"), f["calendar"].String(), "Appointment"),
	}
	rec.TurnsAt, _ = f["startTime"].AsTime()
	if contact := r.text("contactId"); contact != "" {
		rec.Parent = c.ref(record.Contact, contact)
	}
	return rec
}

// appointmentCursor is a place in a listing: the calendar, and the span of time to ask for next. From is where the
// listing of each calendar begins and Until where it ends, so that one that goes on later goes on alike.
type appointmentCursor struct {
	Calendar string    `json:"c"`
	At       time.Time `json:"t"`
	From     time.Time `json:"f"`
	Until    time.Time `json:"u"`
}

// appointmentsPage lists the next span of a calendar that has any, as far as it is near. An appointment that is moved to another day meanwhile
// may be passed over: that is a change, which the next look for changes brings. Searched are those a look for changes
// takes in, by what is in them: HighLevel has no search of its own.
func appointmentsPage(ctx context.Context, c *Client, q provider.Query) (provider.Page, error) {
	all, err := c.calendars(ctx)
	if err != nil {
		return provider.Page{}, err
	}
	now := c.cfg.Now()
	at := appointmentCursor{From: now.Add(-allAppointments), Until: now.Add(allAppointments)}
	if !q.ChangedSince.IsZero() || q.Search != "" {
		at.From, at.Until = now.Add(-changedAppointments), now.Add(changedAhead)
	}
	if !q.ChangedSince.IsZero() && q.ChangedSince.Before(now.Add(-changedAppointments)) {
		at.From = q.ChangedSince.Add(-changedAppointments)
	}
	at.At = at.From
	if q.Cursor != "" {
		b, err := base64.RawURLEncoding.DecodeString(q.Cursor)
		at = appointmentCursor{}
		if err != nil || json.Unmarshal(b, &at) != nil || at.Calendar == "" || at.At.Before(at.From) || !at.From.Before(at.Until) {
			return provider.Page{}, badCursor(opAppointments)
		}
	}
	for empty := 1; ; empty++ {
		// A calendar that is gone is passed over; those after it are not.
		i, here := slices.BinarySearchFunc(all, at.Calendar, func(one calendar, id string) int { return cmp.Compare(one.id, id) })
		if i >= len(all) {
			return provider.Page{}, nil
		}
		if !here {
			at.At = at.From
		}
		until := at.At.Add(appointmentSpan)
		if until.After(at.Until) {
			until = at.Until
		}
		page, err := c.appointmentsOf(ctx, all, all[i].id, at.At, until, q)
		if err != nil {
			return provider.Page{}, err
		}
		switch {
		case until.Before(at.Until):
			at.Calendar, at.At = all[i].id, until
		case i+1 < len(all):
			at.Calendar, at.At = all[i+1].id, at.From
		default:
			return page, nil
		}
		if len(page.Records) == 0 && empty < emptySpans {
			continue
		}
		b, err := json.Marshal(at)
		if err != nil {
			return provider.Page{}, badCursor(opAppointments)
		}
		page.Next = base64.RawURLEncoding.EncodeToString(b)
		return page, nil
	}
}

// saysIn reports that an appointment has a text somewhere; the empty text is everywhere.
func saysIn(r record.Record, search string) bool {
	search = strings.ToLower(strings.TrimSpace(search))
	if search == "" {
		return true
	}
	for _, key := range []string{"id", "title", "calendar", "address", "notes", "description", "contactId"} {
		if strings.Contains(strings.ToLower(r.Fields[key].String()), search) {
			return true
		}
	}
	return false
}

// appointmentsOf asks for a span whose end belongs to the next one. Whether HighLevel's own includes it is not told.
func (c *Client) appointmentsOf(ctx context.Context, all []calendar, id string, from, until time.Time, q provider.Query) (provider.Page, error) {
	ms := func(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }
	var out raw
	err := c.doCalendar(ctx, opAppointments, path("calendars", "events"), url.Values{
		"locationId": {c.cfg.LocationID}, "calendarId": {id}, "startTime": {ms(from)}, "endTime": {ms(until)},
	}, &out)
	if err != nil {
		return provider.Page{}, err
	}
	list, ok := out["events"].([]any)
	if !ok {
		return provider.Page{}, unexpected(opAppointments) // must not pass for "there are none"
	}
	events := out.objects("events")
	if len(events) != len(list) {
		return provider.Page{}, unexpected(opAppointments)
	}
	page := provider.Page{}
	for _, r := range events {
		rec := c.appointment(r, all)
		if rec.Ref.ID == "" {
			return provider.Page{}, unexpected(opAppointments)
		}
		old := !rec.UpdatedAt.IsZero() && rec.UpdatedAt.Before(q.ChangedSince)
		began := !rec.TurnsAt.Before(q.ChangedSince) && !rec.TurnsAt.After(c.cfg.Now())
		if r["deleted"] == true || old && !began || !saysIn(rec, q.Search) {
			continue
		}
		page.Records = append(page.Records, rec)
	}
	return page, nil
}
