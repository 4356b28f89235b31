package gleap

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// contactObject is Gleap's session (reference/gleap.md §7).
func contactObject() object {
	return object{
		Object: provider.Object{
			Type: record.Contact, Label: "contact", Plural: "contacts", Read: true, Write: true,
			Delete: true,
			Poll:   true, // no contact webhook was found (§12)
			// The schema requires nothing, but a contact nobody can recognise helps no one (§7).
			CreateNeedsOneOf: []string{"email", "userId", "phone"},
			MatchFields:      []string{"userId", "email", "phone", "id"},
			MatchCustom:      true,
			// A listing is of sessions as they are read (§7); what is only there for some kinds of contacts is left out here.
			Shown: []string{"name", "email", "phone", "userId", "companyName", "companyId", "plan", "value", "sla", "lang", "tags"},
		},
		describe: describeContact,
		get:      getContact,
		list:     listContacts,
		find:     findContacts,
		create:   createContact,
		update:   updateContact,
		delete: func(ctx context.Context, c *Client, id string) error {
			_, err := c.do(ctx, call{op: "delete contact", method: http.MethodDelete, path: "/sessions/" + url.PathEscape(id)})
			return err
		},
	}
}

var (
	contactBags   = []bag{"customData"}
	contactFields = slices.Concat([]field{
		spec("name", "Name", record.Text).help("One name; Gleap keeps no first and last name."),
		spec("email", "Email", record.Email),
		spec("phone", "Phone", record.Phone),
		spec("userId", "User ID", record.Text).help("Your app's own id for this person. Your app recognises people by it, so change it with care."),
		spec("companyName", "Company", record.Text),
		spec("companyId", "Company ID", record.Text),
		spec("plan", "Plan", record.Text),
		spec("value", "Value", record.Number).help("What this person is worth to you, for instance revenue."),
		spec("sla", "SLA", record.Number),
		spec("lang", "Language", record.Text).help("Two letters, for instance en."),
		spec("tags", "Tags", record.Set),
		spec("avatar", "Picture", record.URL),
		spec("unsubscribed", "Unsubscribed from email", record.Bool),
		spec("unsubscribeReason", "Why unsubscribed", record.Text),
		spec("emailOnly", "Email only", record.Bool),
		spec("blocked", "Blocked", record.Bool),
	}, readOnly(
		spec("country", "Country", record.Text).from("location.country"),
		spec("id", "Gleap contact ID", record.Text),
		spec("gleapId", "Gleap device ID", record.Text),
		spec("platform", "Platform", record.Text),
		spec("deviceType", "Device", record.Text),
		spec("sessions", "Visits", record.Number),
		spec("countFeedbackReports", "Tickets sent", record.Number),
		spec("countFeedbackComments", "Comments sent", record.Number),
		spec("unsubscribedAt", "Unsubscribed at", record.DateTime),
		spec("firstActivity", "First active", record.DateTime),
		spec("lastActivity", "Last active", record.DateTime),
		spec("lastHeardFrom", "Last heard from", record.DateTime),
		spec("lastFeedbackReport", "Last ticket sent", record.DateTime),
		spec("createdAt", "Created", record.DateTime),
		spec("updatedAt", "Changed", record.DateTime),
	))
)

func (c *Client) contactOf(d document) record.Record {
	fields := readFields(d, contactFields, contactBags)
	fields["id"] = record.TextOf(d.id())
	return record.Record{
		Ref: c.ref(record.Contact, d.id()), Fields: fields, CreatedAt: d.time("createdAt"), UpdatedAt: d.time("updatedAt"),
		Title: firstOf(d.text("name"), d.text("email"), d.text("phone"), d.text("userId"), d.id()),
	}
}

func describeContact(ctx context.Context, c *Client) (record.Schema, error) {
	sample, err := c.contactSample(ctx)
	if err != nil {
		return record.Schema{}, err
	}
	return record.Schema{
		Type: record.Contact, Label: "Gleap contact",
		Fields: append(specs(contactFields), customSpecs(sample, contactBags)...),
	}, nil
}

func getContact(ctx context.Context, c *Client, id string) (record.Record, error) {
	d, err := c.readContact(ctx, id)
	if err != nil {
		return record.Record{}, err
	}
	return c.contactOf(d), nil
}

func (c *Client) readContact(ctx context.Context, id string) (document, error) {
	return c.one(ctx, call{op: "read contact", method: http.MethodGet, path: "/sessions/" + url.PathEscape(id)})
}

func listContacts(ctx context.Context, c *Client, q provider.Query) iter.Seq2[provider.Page, error] {
	if q.Search != "" {
		return onePage(func() ([]record.Record, error) { return c.searchContacts(ctx, q.Search) })
	}
	return c.walk(ctx, listing{op: "list contacts", path: "/sessions", record: c.contactOf}, q)
}

// searchContacts is for choosing by hand. The search parameter's name is a guess by analogy (§4), so what comes back
// must really contain what was typed; where the endpoint does not answer, the email filter does.
func (c *Client) searchContacts(ctx context.Context, term string) ([]record.Record, error) {
	found, err := c.many(ctx, call{op: "search contacts", method: http.MethodGet, path: "/sessions/search", query: query{}.eq("searchTerm", term)})
	if err != nil && !refused(err) {
		return nil, err
	}
	matches := func(d document) bool {
		for _, key := range []string{"name", "email", "phone", "userId", "companyName"} {
			if strings.Contains(strings.ToLower(d.text(key)), strings.ToLower(strings.TrimSpace(term))) {
				return true
			}
		}
		return false
	}
	found = slices.DeleteFunc(found, func(d document) bool { return !matches(d) })
	if len(found) == 0 {
		found, err = c.many(ctx, call{op: "search contacts", method: http.MethodGet, path: "/sessions", query: query{}.eq("email", strings.TrimSpace(term)).num("limit", pageSize)})
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(d document) bool { return !matches(d) })
	}
	return recordsOf(found, c.contactOf), nil
}

// findContacts must be trusted when it says "none", since a create follows. So a filter's answer is verified record by
// record, and when it holds others the filter was ignored and the whole list is read instead.
func findContacts(ctx context.Context, c *Client, key string, v record.Value) ([]record.Record, error) {
	want := strings.TrimSpace(v.String())
	if want == "" {
		return nil, nil
	}
	switch key {
	case "userId":
		same := func(a, b string) bool { return a == b }
		d, err := c.one(ctx, call{op: "find contact", method: http.MethodGet, path: "/sessions/by-user-id/" + url.PathEscape(want)})
		switch {
		case err == nil && d.text("userId") == want:
			return []record.Record{c.contactOf(d)}, nil
		case err != nil && !refused(err):
			return nil, err
		}
		return c.findContactsBy(ctx, key, same, want)
	case "email":
		return c.findContactsBy(ctx, key, sameEmail, want, strings.ToLower(want))
	case "phone":
		return c.findContactsBy(ctx, key, samePhone, want, compactPhone(want))
	case "id":
		r, err := c.contactByID(ctx, want)
		if provider.IsKind(err, provider.NotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return []record.Record{r}, nil
	}
	if _, name, custom := customKey(contactBags, key); custom {
		return c.findContactsByCustom(ctx, key, name, want)
	}
	return nil, c.fail(provider.Unsupported, "find contact", "contacts cannot be looked up by "+key)
}

// contactByID reads a contact by a value that may be no id at all.
func (c *Client) contactByID(ctx context.Context, id string) (record.Record, error) {
	if !strings.ContainsAny(id, "0123456789") { // no id, but maybe the name of another operation: /sessions/export
		return record.Record{}, c.fail(provider.NotFound, "find contact", "there is no such id")
	}
	r, err := getContact(ctx, c, id)
	if err == nil && r.Ref.ID != id {
		return record.Record{}, c.fail(provider.NotFound, "find contact", "there is no such id")
	}
	return r, err
}

// findContactsByCustom filters by an attribute, which is not documented for contacts (reference/gleap.md §4): whom it
// names counts only if it holds the value, and where the filter is not heeded nothing can be told.
func (c *Client) findContactsByCustom(ctx context.Context, key, name, want string) ([]record.Record, error) {
	const op = "find contact"
	// A comma means "or", and the operators of the query language stand in the key (§4).
	if strings.ContainsAny(want, ",") || strings.HasPrefix(want, "=") || strings.ContainsAny(name, "=<>![]") {
		return nil, c.fail(provider.Unsupported, op, "Gleap does not look contacts up by this value of "+name)
	}
	ds, err := c.many(ctx, call{op: op, method: http.MethodGet, path: "/sessions", query: query{}.eq(key, want).num("limit", pageSize)})
	if refused(err) {
		return nil, c.fail(provider.Unsupported, op, "Gleap does not look contacts up by "+name)
	}
	if err != nil {
		return nil, err
	}
	found := map[string]document{}
	for _, d := range ds {
		if record.Same(record.Text, record.TextOf(c.contactOf(d).Fields[key].String()), record.TextOf(want), record.Locale{}) {
			found[d.id()] = d
		}
	}
	if len(found) == 0 && len(ds) > 0 {
		return nil, c.fail(provider.Unsupported, op, "Gleap did not heed the filter by "+name)
	}
	return recordsOf(sortedDocuments(found), c.contactOf), nil
}

func (c *Client) findContactsBy(ctx context.Context, key string, same func(a, b string) bool, spellings ...string) ([]record.Record, error) {
	want := spellings[0]
	found := map[string]document{}
	ignored := false
	keep := func(ds []document) (strangers bool) {
		for _, d := range ds {
			if same(d.text(key), want) {
				found[d.id()] = d
			} else {
				strangers = true
			}
		}
		return strangers
	}
	for i, spelling := range spellings {
		if slices.Contains(spellings[:i], spelling) {
			continue
		}
		ds, err := c.many(ctx, call{op: "find contact", method: http.MethodGet, path: "/sessions", query: query{}.eq(key, spelling).num("limit", pageSize)})
		if err != nil {
			return nil, err
		}
		ignored = keep(ds) || ignored
	}
	// Filters are exact, as far as we know; the search may know the same address in another spelling.
	ds, err := c.many(ctx, call{op: "find contact", method: http.MethodGet, path: "/sessions/search", query: query{}.eq("searchTerm", want)})
	if err != nil && !refused(err) {
		return nil, err
	}
	keep(ds)
	if !ignored || len(found) > 0 {
		return recordsOf(sortedDocuments(found), c.contactOf), nil
	}
	byID := map[string]record.Record{}
	for page, err := range c.walk(ctx, listing{op: "find contact", path: "/sessions", record: c.contactOf}, provider.Query{PageSize: maxPage}) {
		if err != nil {
			return nil, err
		}
		for _, r := range page.Records {
			if same(r.Fields[key].String(), want) {
				byID[r.Ref.ID] = r
			}
		}
	}
	return slices.Collect(maps.Values(byID)), nil
}

func sortedDocuments(found map[string]document) []document {
	out := make([]document, 0, len(found))
	for _, id := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[id])
	}
	return out
}

func sameEmail(a, b string) bool {
	return record.Same(record.Email, record.TextOf(a), record.TextOf(b), record.Locale{})
}

// samePhone takes two spellings of the same digits for the same number: Gleap documents no phone format (§7).
func samePhone(a, b string) bool {
	if record.Same(record.Phone, record.TextOf(a), record.TextOf(b), record.Locale{}) {
		return true
	}
	a, b = compactPhone(a), compactPhone(b)
	return a != "" && strings.TrimPrefix(a, "+") == strings.TrimPrefix(b, "+")
}

// compactPhone drops what people put between digits and writes the international prefix as "+".
func compactPhone(s string) string {
	s = strings.TrimSpace(s)
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
	if strings.HasPrefix(s, "+") && digits != "" {
		return "+" + digits
	}
	if rest, ok := strings.CutPrefix(digits, "00"); ok {
		return "+" + rest
	}
	return digits
}

func createContact(ctx context.Context, c *Client, w provider.Write) (record.Record, error) {
	const op = "create contact"
	body, err := c.body(op, w, contactFields, contactBags, nil)
	if err != nil {
		return record.Record{}, err
	}
	dropEmpty(body)
	if len(body) == 0 {
		return record.Record{}, c.fail(provider.Invalid, op, "a contact needs an email, a user ID or a phone number")
	}
	// What a second POST with the same userId does is unconfirmed (§7); it must not overwrite somebody.
	if id, _ := body["userId"].(string); id != "" {
		taken, err := findContacts(ctx, c, "userId", record.TextOf(id))
		if err != nil {
			return record.Record{}, err
		}
		if len(taken) > 0 {
			dup := c.fail(provider.Duplicate, op, "a contact with this user ID exists already")
			dup.Existing = taken[0].Ref
			return record.Record{}, dup
		}
	}
	answer, err := c.do(ctx, call{op: op, method: http.MethodPost, path: "/sessions", body: body})
	if err != nil {
		return record.Record{}, err
	}
	return c.settled(ctx, c.writingContact(op), answer, w)
}

func updateContact(ctx context.Context, c *Client, id string, w provider.Write) (record.Record, error) {
	const op = "update contact"
	if w.IsEmpty() {
		return getContact(ctx, c, id)
	}
	var before document
	if needsMerge(w, contactBags) {
		var err error
		if before, err = c.readContact(ctx, id); err != nil {
			return record.Record{}, err
		}
	}
	body, err := c.body(op, w, contactFields, contactBags, before)
	if err != nil {
		return record.Record{}, err
	}
	answer, err := c.do(ctx, call{op: op, method: http.MethodPut, path: "/sessions/" + url.PathEscape(id), body: body})
	if err != nil {
		return record.Record{}, err
	}
	return c.settled(ctx, c.writingContact(op), withID(answer, id), w)
}

func (c *Client) writingContact(op string) writing {
	return writing{op: op, fields: contactFields, toRecord: c.contactOf, read: c.readContact, witness: &c.ofContacts}
}

// withID makes an update's answer usable where Gleap answers without the object.
func withID(answer json.RawMessage, id string) json.RawMessage {
	if single(answer) != nil {
		return answer
	}
	b, _ := json.Marshal(map[string]string{"id": id})
	return b
}
