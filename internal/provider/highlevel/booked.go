package highlevel

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// The fields a contact borrows of its appointments.
const (
	nextStart  = "nextAppointment.startTime"
	nextTitle  = "nextAppointment.title"
	nextStatus = "nextAppointment.status"
	lastStart  = "lastAppointment.startTime"
	lastStatus = "lastAppointment.status"
)

var (
	nextFields = []string{nextStart, nextTitle, nextStatus}
	lastFields = []string{lastStart, lastStatus}

	bookedFields = []record.FieldSpec{
		{Key: nextStart, Label: "Next appointment: begins", Kind: record.DateTime, ReadOnly: true, Help: "The earliest appointment that has not begun and was not cancelled, up to two years ahead."},
		{Key: nextTitle, Label: "Next appointment: title", Kind: record.Text, ReadOnly: true},
		{Key: nextStatus, Label: "Next appointment: status", Kind: record.Choice, Options: appointmentStatuses, ReadOnly: true},
		{Key: lastStart, Label: "Last appointment: began", Kind: record.DateTime, ReadOnly: true, Help: "The latest appointment that has begun and was not cancelled, up to two years back."},
		{Key: lastStatus, Label: "Last appointment: status", Kind: record.Choice, Options: appointmentStatuses, ReadOnly: true},
	}
)

const (
	// spanFresh is how long a span of a calendar that changes often is believed. It is less than what a look for changes
	// reaches back before the one before it, so that no change falls between a listing of everyone and that look; the look
	// itself reads them anew.
	spanFresh = time.Minute
	// spanAged is the same for what is far away, where a look for changes does not reach either.
	spanAged = 10 * time.Minute
	// leftKnown is how long we know that an appointment left its span; a look for changes follows within minutes.
	leftKnown = time.Hour
	// furthestEast and furthestWest bound what a time without a zone can mean.
	furthestEast, furthestWest = 14 * time.Hour, 12 * time.Hour
)

// booked is what a contact's fields need of an appointment.
type booked struct {
	id, contact, title, status string
	start, updated             time.Time
}

func bookedOf(r record.Record) booked {
	return booked{
		id: r.Ref.ID, contact: r.Parent.ID, title: r.Fields["title"].String(), status: r.Fields["appointmentStatus"].String(),
		start: r.TurnsAt, updated: r.UpdatedAt,
	}
}

// stands reports whether an appointment is, or was, one: a cancelled one is nobody's next and nobody's last.
func (b booked) stands() bool {
	return b.status != "cancelled" && b.status != "invalid" && !b.start.IsZero()
}

func inOrder(a, b booked) int { return cmp.Or(a.start.Compare(b.start), cmp.Compare(a.id, b.id)) }

// tell writes a contact's next and last appointment into its fields.
func tell(f record.Fields, next, last *booked) {
	if next != nil {
		put(f, nextStart, record.TimeOf(next.start))
		put(f, nextTitle, record.TextOf(next.title))
		put(f, nextStatus, record.TextOf(next.status))
	}
	if last != nil {
		put(f, lastStart, record.TimeOf(last.start))
		put(f, lastStatus, record.TextOf(last.status))
	}
}

// tellBooked reads what a contact borrows of its appointments, where it is wanted. The contact's own list has all of them
// in one call, and times without a zone (§4.5), which tell their order and not when they are: those that matter are read
// once more from the calendar, whose times have an offset.
func (c *Client) tellBooked(ctx context.Context, r *record.Record) error {
	wantNext, wantLast := c.wants(ctx, nextFields), c.wants(ctx, lastFields)
	if !wantNext && !wantLast {
		return nil
	}
	var out raw
	if err := c.do(ctx, opAppointmentsOf, path("contacts", r.Ref.ID, "appointments"), nil, nil, &out); err != nil {
		return err
	}
	if _, ok := out["events"].([]any); !ok {
		return unexpected(opAppointmentsOf) // must not pass for "there are none"
	}
	var all []booked
	for _, e := range out.objects("events") {
		// Read as if in Greenwich: off by the same for all of them.
		if b := (booked{id: e.text("id"), status: e.text("appointmentStatus"), start: e.time("startTime")}); b.id != "" && e["deleted"] != true && b.stands() {
			all = append(all, b)
		}
	}
	slices.SortFunc(all, inOrder)
	now := c.cfg.Now()
	// Those before have begun, wherever that is.
	first := slices.IndexFunc(all, func(b booked) bool { return b.start.Add(furthestWest).After(now) })
	if first < 0 {
		first = len(all)
	}
	var next, last *booked
	for _, b := range all[first:] {
		if !wantNext && b.start.Add(-furthestEast).After(now) {
			break // it has not begun, wherever that is
		}
		exact, err := c.exactly(ctx, b.id)
		if err != nil {
			return err
		}
		switch {
		case exact == nil:
			continue
		case !exact.start.After(now):
			last = exact
			continue
		}
		next = exact
		break
	}
	for i := first - 1; wantLast && last == nil && i >= 0; i-- {
		var err error
		if last, err = c.exactly(ctx, all[i].id); err != nil {
			return err
		}
	}
	if !wantNext || next != nil && next.start.After(now.Add(allAppointments)) {
		next = nil
	}
	if !wantLast || last != nil && last.start.Before(now.Add(-allAppointments)) {
		last = nil
	}
	tell(r.Fields, next, last)
	return nil
}

// tellEachBooked is tellBooked for a few contacts.
func (c *Client) tellEachBooked(ctx context.Context, records []record.Record) error {
	for i := range records {
		if err := c.tellBooked(ctx, &records[i]); err != nil {
			return err
		}
	}
	return nil
}

// exactly reads an appointment from its calendar; nil: it is gone, or does not stand any more.
func (c *Client) exactly(ctx context.Context, id string) (*booked, error) {
	r, err := getAppointment(ctx, c, id)
	if provider.IsKind(err, provider.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if b := bookedOf(r); b.stands() {
		return &b, nil
	}
	return nil, nil
}

func (c *Client) wants(ctx context.Context, fields []string) bool {
	return provider.Wants(ctx, c.cfg.Connection, record.Contact, fields...)
}

// withBooked is tellBooked for a page of contacts: the calendars are listed, once for many pages, and not a call made for
// each contact. The last page of a look for changes ends by those whose appointments changed or began since.
func (c *Client) withBooked(ctx context.Context, page provider.Page, q provider.Query, last bool) (provider.Page, error) {
	wantNext, wantLast := c.wants(ctx, nextFields), c.wants(ctx, lastFields)
	if !wantNext && !wantLast {
		return page, nil
	}
	changes := !q.ChangedSince.IsZero()
	all, err := c.booked(ctx, changes && q.Cursor == "")
	if err != nil {
		return provider.Page{}, err
	}
	now := c.cfg.Now()
	if changes && last && q.Search == "" {
		touched, err := c.touched(ctx, all, page.Records, q.ChangedSince, now)
		if err != nil {
			return provider.Page{}, err
		}
		page.Records = append(page.Records, touched...)
	}
	for _, r := range page.Records {
		var next, last *booked
		for _, b := range all[r.Ref.ID] {
			switch {
			case !b.stands():
			case b.start.After(now) && next == nil && wantNext:
				next = &b
			case !b.start.After(now) && wantLast:
				last = &b
			}
		}
		tell(r.Fields, next, last)
	}
	return page, nil
}

// touched reads the contacts whose appointments changed or began since a moment, but for those that are listed anyhow.
func (c *Client) touched(ctx context.Context, all map[string][]booked, listed []record.Record, since, now time.Time) ([]record.Record, error) {
	var ids []string
	for contact, list := range all {
		here := slices.ContainsFunc(listed, func(r record.Record) bool { return r.Ref.ID == contact })
		if !here && slices.ContainsFunc(list, func(b booked) bool {
			return !b.updated.Before(since) || !b.start.Before(since) && !b.start.After(now)
		}) {
			ids = append(ids, contact)
		}
	}
	c.mu.Lock()
	for contact, seen := range c.left {
		if contact != "" && !seen.Before(since) {
			ids = append(ids, contact)
		}
	}
	c.mu.Unlock()
	slices.Sort(ids)
	ids = slices.Compact(ids)
	read := make([]record.Record, 0, len(ids))
	for _, id := range ids {
		r, err := c.readContact(ctx, id)
		if provider.IsKind(err, provider.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		read = append(read, r)
	}
	return read, nil
}

// span is a piece of a calendar: the n-th of appointmentSpan since 1970, so that it stays the same while time passes.
type span struct {
	calendar string
	n        int64
}

// booked lists every calendar as far as a listing of all appointments reaches, by contact and in order. What was read a
// moment ago is not read again, unless what changes often is wanted anew. A reading that the call limit interrupts goes on
// where it was: many calendars take more calls than there are at once.
func (c *Client) booked(ctx context.Context, anew bool) (map[string][]booked, error) {
	calendars, err := c.calendars(ctx)
	if err != nil {
		return nil, err
	}
	const length = int64(appointmentSpan / time.Second)
	now := c.cfg.Now()
	from, until := now.Add(-allAppointments), now.Add(allAppointments)
	c.mu.Lock()
	if now.Sub(c.reading) >= spanAged {
		c.reading = now
	}
	began := c.reading
	c.mu.Unlock()
	kept := map[span]cached[[]booked]{}
	for _, one := range calendars {
		for n := from.Unix() / length; n*length < until.Unix(); n++ {
			at := span{one.id, n}
			begins, ends := time.Unix(n*length, 0), time.Unix((n+1)*length, 0)
			life := spanAged
			if ends.After(now.Add(-changedAppointments)) && begins.Before(now.Add(changedAhead)) {
				life = spanFresh
				if anew {
					life = 0
				}
			}
			c.mu.Lock()
			have, known := c.spans[at]
			c.mu.Unlock()
			if !known || have.at.Before(began.Add(-life)) {
				have = cached[[]booked]{at: c.cfg.Now()}
				page, err := c.appointmentsOf(ctx, calendars, one.id, begins, ends, provider.Query{})
				if err != nil {
					return nil, err
				}
				for _, r := range page.Records {
					have.value = append(have.value, bookedOf(r))
				}
				c.keep(at, have)
			}
			kept[at] = have
		}
	}
	c.mu.Lock()
	c.reading = time.Time{}
	c.spans = kept // what is out of reach by now, or of a calendar that is gone, is forgotten
	c.mu.Unlock()
	// One that was moved to another day meanwhile may be in two spans: what was read last is true.
	latest := map[string]cached[booked]{}
	for _, piece := range kept {
		for _, b := range piece.value {
			if old, twice := latest[b.id]; !twice || piece.at.After(old.at) {
				latest[b.id] = cached[booked]{b, piece.at}
			}
		}
	}
	all := map[string][]booked{}
	for _, b := range latest {
		if b := b.value; b.contact != "" && !b.start.Before(from) && !b.start.After(until) {
			all[b.contact] = append(all[b.contact], b)
		}
	}
	for _, list := range all {
		slices.SortFunc(list, inOrder)
	}
	return all, nil
}

// keep remembers a span, and whose appointments are in it no more: they were moved away, or deleted, which no listing
// tells of.
func (c *Client) keep(at span, now cached[[]booked]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spans == nil {
		c.spans, c.left = map[span]cached[[]booked]{}, map[string]time.Time{}
	}
	here := make(map[string]bool, len(now.value))
	for _, b := range now.value {
		here[b.id] = true
	}
	for _, b := range c.spans[at].value {
		if !here[b.id] {
			c.left[b.contact] = now.at
		}
	}
	maps.DeleteFunc(c.left, func(_ string, seen time.Time) bool { return now.at.Sub(seen) > leftKnown })
	c.spans[at] = now
}
