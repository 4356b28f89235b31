package highlevel

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

func contactObject() object {
	return object{
		Object: provider.Object{
			Type: record.Contact, Label: "contact", Plural: "contacts", Read: true, Write: true, Webhook: true,
			Tells:  provider.Told{Created: true, Updated: true, Deleted: true}, // §7.1: ContactCreate, ContactUpdate, ContactDelete
			Delete: true, CreateNeedsOneOf: []string{"email", "phone"}, MatchFields: []string{"email", "phone"}, MatchCustom: true,
			ReadScopes: []string{readContacts, readCustomFields}, WriteScopes: []string{writeContacts},
			// What both the search and the deliveries are known to hold (§4.3, §7.1).
			Shown: []string{
				"name", "firstName", "lastName", "email", "phone", "companyName", "address1", "city", "state", "postalCode", "country", "source", "assignedTo", "dnd", "tags",
			},
			Borrowed: []provider.Borrowed{{From: record.Appointment, Fields: slices.Concat(nextFields, lastFields)}},
		},
		describe: describeContact, get: getContact, page: contactsPage, find: findContact,
		create: createContact, update: updateContact, delete: deleteContact,
	}
}

// contactField is one standard field; HighLevel has no endpoint for them: §4.1, §5.1.
type contactField struct {
	record.FieldSpec
	write    string   // its key in bodies; empty: read-only
	read     []string // its keys in answers, the first present one counts
	nullable bool     // null clears it; otherwise the empty text does
	upsert   bool     // missing from the update schema, see contactwrite.go
}

// contactFields are the fields of §4.1 in display order. Left out: gender (no answer shows it, so it could never
// be compared), the DND settings per channel, attribution, and what only HighLevel itself uses.
var contactFields = func() []contactField {
	text := func(key, label string, kind record.Kind, more ...string) contactField {
		return contactField{
			FieldSpec: record.FieldSpec{Key: key, Label: label, Kind: kind}, write: key, read: append([]string{key}, more...), nullable: true,
		}
	}
	plain := func(f contactField, help string) contactField { f.nullable, f.Help = false, help; return f }
	helped := func(f contactField, help string) contactField { f.Help = help; return f }
	readOnly := func(f contactField) contactField { f.write, f.ReadOnly = "", true; return f }
	company := helped(text("companyName", "Company", record.Text), "Changing it on an existing contact takes an email address or a phone number to find the contact by.")
	company.upsert = true
	email := text("email", "Email", record.Email)
	email.Further = "additionalEmails"
	return []contactField{
		text("firstName", "First name", record.Text),
		text("lastName", "Last name", record.Text),
		helped(text("name", "Full name", record.Text, "contactName"), "Used only when first and last name are not written."),
		email,
		helped(text("phone", "Phone", record.Phone), "Stored with its country code, e.g. +18885551234."),
		company,
		text("address1", "Street address", record.Text, "address"),
		text("city", "City", record.Text),
		text("state", "State", record.Text),
		plain(text("postalCode", "Postal code", record.Text), ""),
		plain(text("country", "Country", record.Text), "Two-letter country code, e.g. US."),
		text("website", "Website", record.URL),
		helped(text("timezone", "Time zone", record.Text), "IANA name, e.g. America/New_York."),
		text("dateOfBirth", "Date of birth", record.Date),
		text("source", "Source", record.Text),
		helped(text("assignedTo", "Owner", record.Text), "The id of a HighLevel user."),
		plain(text("dnd", "Do not disturb", record.Bool), ""),
		helped(text("tags", "Tags", record.Set), "HighLevel stores tags in lower case."),
		readOnly(text("additionalEmails", "Other email addresses", record.Set)),
		readOnly(text("type", "Type", record.Text)),
		readOnly(text("businessId", "Business", record.Text)),
		readOnly(text("dateAdded", "Created", record.DateTime)),
		readOnly(text("dateUpdated", "Last changed", record.DateTime)),
	}
}()

func contactFieldByWrite(name string) (contactField, bool) {
	for _, f := range contactFields {
		if f.write == name && name != "" {
			return f, true
		}
	}
	return contactField{}, false
}

func describeContact(ctx context.Context, c *Client) (record.Schema, error) {
	s := record.Schema{Type: record.Contact, Label: "HighLevel contact"}
	for _, f := range contactFields {
		s.Fields = append(s.Fields, f.FieldSpec)
	}
	s.Fields = append(s.Fields, bookedFields...)
	defs, err := c.customFields(ctx)
	if err != nil {
		return record.Schema{}, err
	}
	for _, d := range defs {
		s.Fields = append(s.Fields, d.spec())
	}
	return s, nil
}

// contact reads any of the shapes a contact comes in: GET, create, search and webhook-like (§4.1, §4.3).
func (c *Client) contact(r raw, defs map[string]customField) record.Record {
	f := record.Fields{}
	for _, def := range contactFields {
		for _, key := range def.read {
			if v := readContactField(def, r, key); !v.IsEmpty() {
				f[def.Key] = v
				break
			}
		}
	}
	// Some answers lower-case the first name and keep the original aside: §4.1.
	if original := r.text("firstNameRaw"); strings.EqualFold(original, f["firstName"].String()) {
		put(f, "firstName", record.TextOf(original))
	}
	customValues(r, defs, f)
	title := f["name"].String()
	if parts := strings.TrimSpace(f["firstName"].String() + " " + f["lastName"].String()); parts != "" {
		title = parts
		if f["name"].IsEmpty() {
			f["name"] = record.TextOf(parts)
		}
	}
	for _, key := range []string{"email", "phone", "companyName"} {
		if title == "" {
			title = f[key].String()
		}
	}
	return record.Record{Ref: c.ref(record.Contact, r.text("id")), Fields: f, CreatedAt: r.time("dateAdded"), UpdatedAt: r.time("dateUpdated"), Title: title}
}

func readContactField(def contactField, r raw, key string) record.Value {
	switch def.Kind {
	case record.Set:
		return record.ListOf(r.texts(key, "email"))
	case record.Bool:
		return r.flag(key)
	case record.Date:
		return day(r[key])
	case record.DateTime:
		return record.TimeOf(r.time(key))
	}
	return record.TextOf(r.text(key))
}

func put(f record.Fields, key string, v record.Value) {
	if !v.IsEmpty() {
		f[key] = v
	}
}

func getContact(ctx context.Context, c *Client, id string) (record.Record, error) {
	r, err := c.readContact(ctx, id)
	if err != nil {
		return record.Record{}, err
	}
	if err := c.tellBooked(ctx, &r); err != nil {
		return record.Record{}, err
	}
	return r, nil
}

// readContact reads a contact without what it borrows.
func (c *Client) readContact(ctx context.Context, id string) (record.Record, error) {
	defs, err := c.customForReading(ctx)
	if err != nil {
		return record.Record{}, err
	}
	var out raw
	if err := c.do(ctx, opGetContact, path("contacts", id), nil, nil, &out); err != nil {
		return record.Record{}, err
	}
	r := out.object("contact")
	if r.text("id") == "" {
		return record.Record{}, unexpected(opGetContact)
	}
	if r["deleted"] == true {
		return record.Record{}, &provider.Error{Provider: ID, Op: opGetContact.words, Kind: provider.NotFound, Detail: "the contact was deleted"}
	}
	return c.contact(r, defs), nil
}

func deleteContact(ctx context.Context, c *Client, id string) error {
	return c.do(ctx, opDeleteContact, path("contacts", id), nil, nil, nil)
}

// unexpected is a 2xx without the record in it: a write may have happened, a read is worth another try.
func unexpected(op operation) *provider.Error {
	kind := provider.Unavailable
	if op.scope == writeContacts {
		kind = provider.Ambiguous
	}
	return &provider.Error{Provider: ID, Op: op.words, Kind: kind, Detail: "the answer does not hold the record"}
}

func badCursor(op operation) *provider.Error {
	return &provider.Error{Provider: ID, Op: op.words, Kind: provider.Invalid, Detail: "the cursor is not one of ours"}
}

func clamp(n, fallback, most int) int {
	if n <= 0 {
		return fallback
	}
	return min(n, most)
}

// contactCursor is where a listing goes on: the last hit's own searchAfter, which belongs to one sort (§4.3).
type contactCursor struct {
	Sort  string          `json:"s"`
	After json.RawMessage `json:"a"`
}

// The two listings. Everything: by creation, which never changes, so nothing can slip past the cursor. Changes:
// newest first until they are older than asked for, which needs no range filter, whose spelling is unconfirmed
// (§4.3); a contact edited meanwhile moves to the front and belongs to the next look, which begins before it.
const (
	sortAdded   = "dateAdded"
	sortUpdated = "dateUpdated"
)

func contactsPage(ctx context.Context, c *Client, q provider.Query) (provider.Page, error) {
	cursor := contactCursor{Sort: sortAdded}
	if !q.ChangedSince.IsZero() {
		cursor.Sort = sortUpdated
	}
	if q.Cursor != "" {
		b, err := base64.RawURLEncoding.DecodeString(q.Cursor)
		var got contactCursor
		if err != nil || json.Unmarshal(b, &got) != nil || got.Sort != cursor.Sort || len(got.After) == 0 || got.After[0] != '[' {
			return provider.Page{}, badCursor(opSearch)
		}
		cursor = got
	}
	defs, err := c.customForReading(ctx)
	if err != nil {
		return provider.Page{}, err
	}
	limit := clamp(q.PageSize, 100, 500)
	direction := "asc"
	if cursor.Sort == sortUpdated {
		direction = "desc"
	}
	body := map[string]any{
		"locationId": c.cfg.LocationID, "pageLimit": limit,
		"sort": []any{map[string]any{"field": cursor.Sort, "direction": direction}},
	}
	if q.Search != "" {
		body["query"] = string([]rune(q.Search)[:min(75, len([]rune(q.Search)))])
	}
	if cursor.After != nil {
		body["searchAfter"] = cursor.After
	}
	var out rawList
	if err := c.do(ctx, opSearch, path("contacts", "search"), nil, body, &out); err != nil {
		return provider.Page{}, err
	}
	page := provider.Page{}
	if n, ok := out.Total.(float64); ok && q.ChangedSince.IsZero() && n > 0 && n < 1e9 {
		page.Total = int(n)
	}
	for _, b := range out.Contacts {
		r := decode(b)
		if r.text("id") == "" || r["deleted"] == true {
			continue
		}
		one := c.contact(r, defs)
		if !q.ChangedSince.IsZero() && !one.UpdatedAt.IsZero() && one.UpdatedAt.Before(q.ChangedSince.Truncate(time.Millisecond)) {
			return c.withBooked(ctx, page, q, true) // and all that follow are older still
		}
		page.Records = append(page.Records, one)
	}
	if len(out.Contacts) < limit {
		return c.withBooked(ctx, page, q, true)
	}
	var last struct {
		SearchAfter json.RawMessage `json:"searchAfter"`
	}
	if json.Unmarshal(out.Contacts[len(out.Contacts)-1], &last) != nil || len(last.SearchAfter) == 0 || last.SearchAfter[0] != '[' {
		return provider.Page{}, &provider.Error{Provider: ID, Op: opSearch.words, Kind: provider.Unavailable, Detail: "a full page came without a place to go on"}
	}
	b, err := json.Marshal(contactCursor{cursor.Sort, last.SearchAfter})
	if err != nil {
		return provider.Page{}, unexpected(opSearch)
	}
	page.Next = base64.RawURLEncoding.EncodeToString(b)
	return c.withBooked(ctx, page, q, false)
}
