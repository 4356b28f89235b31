package gleap

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// ticketObject is Gleap's ticket (reference/gleap.md §8). Types and statuses are open strings per project (§0.11).
func ticketObject() object {
	return object{
		Object: provider.Object{
			Type: record.Ticket, Label: "ticket", Plural: "tickets", Read: true, Write: true,
			Webhook: true, Poll: true, // unsigned, set up by hand and of unknown delivery, so polled besides (§12)
			// ticket.updated is known as well, but not of what: a message, too, makes a ticket younger (§12).
			Tells:  provider.Told{Created: true, ByHand: true},
			Delete: true, Parent: record.Contact,
			CreateNeedsOneOf: []string{"title"},
			Shown:            []string{"title", "type", "status", "priority", "tags", "dueDate"},
		},
		describe: describeTicket,
		get:      getTicket,
		list:     listTickets,
		create:   createTicket,
		update:   updateTicket,
		delete: func(ctx context.Context, c *Client, id string) error {
			_, err := c.do(ctx, call{op: "delete ticket", method: http.MethodDelete, path: "/tickets/" + url.PathEscape(id)})
			return err
		},
		children: ticketsOfContact,
	}
}

var (
	ticketBags   = []bag{"formData", "customData"}
	ticketFields = slices.Concat([]field{
		spec("title", "Title", record.Text).required(),
		spec("type", "Type", record.Choice).required().options("BUG", "INQUIRY", "FEATURE_REQUEST"),
		spec("status", "Status", record.Choice).options("OPEN", "INPROGRESS", "DONE"),
		spec("priority", "Priority", record.Choice).options("LOW", "MEDIUM", "HIGH"),
		spec("description", "Description", record.LongText),
		spec("plainContent", "Text", record.LongText),
		spec("tags", "Tags", record.Set),
		spec("dueDate", "Due", record.DateTime),
		spec("processingUser", "Assigned to", record.Text).help("The Gleap ID of the agent."),
		spec("processingTeam", "Team", record.Text).help("The Gleap ID of the team."),
		spec("archived", "Archived", record.Bool),
		spec("isSpam", "Spam", record.Bool),
	}, readOnly(
		spec("session.email", "Contact's email", record.Email),
		spec("session.name", "Contact's name", record.Text),
		spec("session.phone", "Contact's phone", record.Phone),
		spec("session.userId", "Contact's user ID", record.Text),
		spec("session", "Contact", record.Text).help("The Gleap ID of the contact."),
		spec("id", "Gleap ticket ID", record.Text),
		spec("bugId", "Number", record.Number),
		spec("sentiment", "Mood", record.Choice).options("positive", "neutral", "negative"),
		spec("aiSummary", "Summary", record.LongText),
		spec("conversationRating", "Rating", record.Number),
		spec("slaBreached", "SLA missed", record.Bool),
		spec("snoozed", "Snoozed", record.Bool),
		spec("snoozedUntil", "Snoozed until", record.DateTime),
		spec("archivedAt", "Archived at", record.DateTime),
		spec("createdAt", "Created", record.DateTime),
		spec("updatedAt", "Changed", record.DateTime),
	))
)

// formText is the text of a ticket's form. Where there is one people see it, and not the ticket's own description: it is where
// live text mostly is (§8).
const formText = "formData.description"

// seen is a write that also changes what people see of a ticket as it is, where that is not its own description.
func seen(w provider.Write, before document) provider.Write {
	description, describes := w.Fields["description"]
	if _, given := w.Fields[formText]; !describes || given || before.object("formData")["description"] == nil {
		return w
	}
	w.Fields = w.Fields.Clone()
	w.Fields[formText] = description
	return w
}

func (c *Client) ticketOf(d document) record.Record {
	fields := readFields(d, ticketFields, ticketBags)
	fields["id"] = record.TextOf(d.id())
	if seen, ok := fields[formText]; ok {
		fields["description"] = seen
	}
	number := ""
	if n, ok := fields["bugId"]; ok {
		number = "Ticket " + n.String()
	}
	return record.Record{
		Ref: c.ref(record.Ticket, d.id()), Fields: fields, CreatedAt: d.time("createdAt"), UpdatedAt: d.time("updatedAt"),
		Parent: c.ref(record.Contact, idOf(d["session"])),
		Title:  firstOf(d.text("title"), number, d.id()),
	}
}

func describeTicket(ctx context.Context, c *Client) (record.Schema, error) {
	sample, err := c.ticketSample(ctx)
	if err != nil {
		return record.Schema{}, err
	}
	project, err := c.projectLanes(ctx)
	if err != nil {
		return record.Schema{}, err
	}
	fields := specs(ticketFields)
	for i := range fields {
		switch key := fields[i].Key; key {
		case "type":
			fields[i].Options = optionsOf(fields[i].Options, project.types, sample, key)
		case "status":
			fields[i].Options = optionsOf(fields[i].Options, project.statuses, sample, key)
		}
	}
	return record.Schema{Type: record.Ticket, Label: "Gleap ticket", Fields: append(fields, customSpecs(sample, ticketBags)...)}, nil
}

// optionsOf prefers what the project declares, then the usual ones, and always adds what is in use.
func optionsOf(usual, declared []string, sample []document, key string) []string {
	out := slices.Clone(declared)
	if len(out) == 0 {
		out = slices.Clone(usual)
	}
	for _, d := range sample {
		if s := d.text(key); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func getTicket(ctx context.Context, c *Client, id string) (record.Record, error) {
	d, err := c.readTicket(ctx, id)
	if err != nil {
		return record.Record{}, err
	}
	return c.ticketOf(d), nil
}

func (c *Client) readTicket(ctx context.Context, id string) (document, error) {
	return c.one(ctx, call{op: "read ticket", method: http.MethodGet, path: "/tickets/" + url.PathEscape(id)})
}

func listTickets(ctx context.Context, c *Client, q provider.Query) iter.Seq2[provider.Page, error] {
	if q.Search != "" {
		return onePage(func() ([]record.Record, error) { return c.searchTickets(ctx, strings.TrimSpace(q.Search)) })
	}
	return c.walk(ctx, listing{op: "list tickets", path: "/tickets", record: c.ticketOf}, q)
}

// ticketsOfContact filters by the session, as any property may be (§4). Every answer is held against the filter: where
// Gleap ignores it, the whole population would have to be read, which is refused.
func ticketsOfContact(ctx context.Context, c *Client, contact record.Ref) ([]record.Record, error) {
	const op = "list tickets of a contact"
	// What becomes of the tickets of a contact that is gone is not documented.
	if _, err := c.readContact(ctx, contact.ID); err != nil {
		return nil, err
	}
	tickets := []record.Record{}
	at := map[string]int{} // where the walk has met a ticket before
	for page, err := range c.walk(ctx, listing{op: op, path: "/tickets", query: query{}.eq("session", contact.ID), record: c.ticketOf}, provider.Query{PageSize: maxPage}) {
		if err != nil {
			return nil, err
		}
		for _, r := range page.Records {
			if r.Parent.ID != contact.ID {
				return nil, c.fail(provider.Unsupported, op, "Gleap answers with tickets of other contacts")
			}
			if i, met := at[r.Ref.ID]; met {
				tickets[i] = r
				continue
			}
			at[r.Ref.ID] = len(tickets)
			tickets = append(tickets, r)
		}
	}
	return tickets, nil
}

// searchTickets ranks as Gleap does. A number is first of all the one people call a ticket by, "bugId" (§8).
func (c *Client) searchTickets(ctx context.Context, term string) ([]record.Record, error) {
	const op = "search tickets"
	var found []document
	if n, err := strconv.Atoi(strings.TrimPrefix(term, "#")); err == nil {
		numbered, err := c.many(ctx, call{op: op, method: http.MethodGet, path: "/tickets", query: query{}.num("bugId", n).num("limit", pageSize)})
		if err != nil && !refused(err) {
			return nil, err
		}
		found = slices.DeleteFunc(numbered, func(d document) bool { return d["bugId"] != float64(n) })
	}
	ranked, err := c.many(ctx, call{op: op, method: http.MethodGet, path: "/tickets/search", query: query{}.eq("searchTerm", term)})
	if err != nil {
		return nil, err
	}
	for _, d := range ranked {
		if !slices.ContainsFunc(found, func(have document) bool { return have.id() == d.id() }) {
			found = append(found, d)
		}
	}
	return recordsOf(found, c.ticketOf), nil
}

func createTicket(ctx context.Context, c *Client, w provider.Write) (record.Record, error) {
	const op = "create ticket"
	body, err := c.body(op, w, ticketFields, ticketBags, nil)
	if err != nil {
		return record.Record{}, err
	}
	dropEmpty(body)
	if body["title"] == nil {
		return record.Record{}, c.invalidField(op, "title", "a ticket needs a title")
	}
	if w.Parent.ID != "" {
		body["session"] = w.Parent.ID
	}
	answer, err := c.do(ctx, call{op: op, method: http.MethodPost, path: "/tickets", body: body})
	if err != nil {
		return record.Record{}, err
	}
	return c.settled(ctx, c.writingTicket(op), answer, w)
}

// updateTicket writes everything but the assignee first, then the assignee: a status write has been seen to clear it
// (§8). For the same reason an assignee lost to our own status write is put back.
func updateTicket(ctx context.Context, c *Client, id string, w provider.Write) (record.Record, error) {
	const op = "update ticket"
	if w.IsEmpty() {
		return getTicket(ctx, c, id)
	}
	_, movesStatus := w.Fields["status"]
	_, describes := w.Fields["description"]
	var before document
	if needsMerge(w, ticketBags) || movesStatus || describes {
		var err error
		if before, err = c.readTicket(ctx, id); err != nil {
			return record.Record{}, err
		}
	}
	body, err := c.body(op, seen(w, before), ticketFields, ticketBags, before)
	if err != nil {
		return record.Record{}, err
	}
	assignee, assigns := body["processingUser"]
	delete(body, "processingUser")

	put := func(body map[string]any) (document, error) {
		raw, err := c.do(ctx, call{op: op, method: http.MethodPut, path: "/tickets/" + url.PathEscape(id), body: body})
		if err != nil {
			return nil, err
		}
		return single(withID(raw, id)), nil
	}
	var answer document
	if len(body) > 0 {
		if answer, err = put(body); err != nil {
			return record.Record{}, err
		}
	}
	if movesStatus && !assigns {
		now, err := c.readTicket(ctx, id)
		if err != nil {
			return c.ticketAnswered(op, answer, err)
		}
		had := idOf(before["processingUser"])
		if had == "" || idOf(now["processingUser"]) != "" {
			return c.ticketTaken(now, answer, w), nil
		}
		assignee, assigns = had, true
	}
	if assigns {
		assigned, err := put(map[string]any{"processingUser": assignee})
		switch {
		case err != nil && answer != nil:
			return c.ticketAnswered(op, nil, err) // half of it is written
		case err != nil:
			return record.Record{}, err
		case answer == nil:
			answer = assigned
		}
	}
	now, err := c.readTicket(ctx, id)
	if err != nil {
		return c.ticketAnswered(op, answer, err)
	}
	return c.ticketTaken(now, answer, w), nil
}

// ticketAnswered is a ticket that was written and cannot be read: what the write answered, as far as it tells anything. A
// failing read must not look like a failed write.
func (c *Client) ticketAnswered(op string, answer document, failed error) (record.Record, error) {
	if len(answer) > 1 {
		return c.ticketOf(answer), nil
	}
	unclear := c.fail(provider.Ambiguous, op, "it was written, and could not be read afterwards")
	unclear.Err = failed
	return record.Record{}, unclear
}

func (c *Client) writingTicket(op string) writing {
	return writing{op: op, fields: ticketFields, toRecord: c.ticketOf, read: c.readTicket, witness: &c.ofTickets}
}

// ticketTaken is a ticket as it was read after a write.
func (c *Client) ticketTaken(now, answer document, w provider.Write) record.Record {
	r := c.ticketOf(now)
	if len(answer) <= 1 {
		return r
	}
	return asAnswered(r, c.ticketOf(answer), w, c.writingTicket("").kind)
}
