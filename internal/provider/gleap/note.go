package gleap

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// noteObject is an internal note on a ticket: a message with isNote, read back as type NOTE (reference/gleap.md §9).
func noteObject() object {
	return object{
		Object: provider.Object{
			Type: record.Note, Label: "note", Plural: "notes", Read: true, Write: true,
			Poll:   true, // whether a note fires ticket.updated is unconfirmed (§12)
			Delete: true, Parent: record.Ticket, ParentRequired: true,
			CreateNeedsOneOf: []string{"body"},
		},
		describe: func(context.Context, *Client) (record.Schema, error) {
			return record.Schema{Type: record.Note, Label: "Gleap note", Fields: specs(noteFields)}, nil
		},
		get: getNote,
		list: func(ctx context.Context, c *Client, q provider.Query) iter.Seq2[provider.Page, error] {
			if q.Search != "" {
				return onePage(func() ([]record.Record, error) {
					return nil, c.fail(provider.Unsupported, "search notes", "Gleap does not search notes alone")
				})
			}
			return c.walk(ctx, listing{
				op: "list notes", path: "/messages", query: query{}.eq("type", noteType),
				unsorted: true, // "sort" had no effect live (§4)
				keep:     isNote, record: c.noteOf,
			}, q)
		},
		create: createNote,
		update: updateNote,
		delete: func(ctx context.Context, c *Client, id string) error {
			_, message, ok := strings.Cut(id, noteSeparator)
			if !ok || message == "" {
				return c.fail(provider.NotFound, "delete note", "there is no such note")
			}
			_, err := c.do(ctx, call{op: "delete note", method: http.MethodDelete, path: "/messages/" + url.PathEscape(message)})
			return err
		},
		children: notesOfTicket,
	}
}

const (
	noteType = "NOTE"
	// No endpoint reads one message (§18), so a note's id tells its ticket too.
	noteSeparator = "/"
)

var noteFields = slices.Concat([]field{
	spec("body", "Text", record.LongText).required(),
}, readOnly(
	spec("id", "Gleap message ID", record.Text),
	spec("ticket", "Ticket", record.Text).help("The Gleap ID of the ticket."),
	spec("user", "Written by", record.Text).help("The Gleap ID of the agent."),
	spec("user.email", "Author's email", record.Email),
	spec("createdAt", "Created", record.DateTime),
	spec("updatedAt", "Changed", record.DateTime),
))

func isNote(d document) bool { return d.text("type") == noteType && idOf(d["ticket"]) != "" }

func (c *Client) noteOf(d document) record.Record {
	fields := readFields(d, noteFields, nil)
	fields["id"] = record.TextOf(d.id())
	ticket := idOf(d["ticket"])
	body := noteText(d)
	if !body.IsEmpty() {
		fields["body"] = body
	}
	title, _, _ := strings.Cut(body.String(), "\n")
	return record.Record{
		Ref: c.ref(record.Note, ticket+noteSeparator+d.id()), Fields: fields, CreatedAt: d.time("createdAt"), UpdatedAt: d.time("updatedAt"),
		Parent: c.ref(record.Ticket, ticket), Title: firstOf(title, "Note"),
	}
}

// noteText looks where live clients found the text, then where the documentation shows it (§9).
func noteText(d document) record.Value {
	for _, raw := range []any{d.at("data.content"), d["comment"]} {
		if s := plainText(raw); s != "" {
			return record.TextOf(s)
		}
	}
	return record.Value{}
}

func getNote(ctx context.Context, c *Client, id string) (record.Record, error) {
	d, err := c.readNote(ctx, id)
	if err != nil {
		return record.Record{}, err
	}
	return c.noteOf(d), nil
}

func (c *Client) readNote(ctx context.Context, id string) (document, error) {
	const op = "read note"
	ticket, message, ok := strings.Cut(id, noteSeparator)
	if !ok || ticket == "" || message == "" {
		return nil, c.fail(provider.NotFound, op, "there is no such note")
	}
	ds, complete, err := c.ticketNotes(ctx, op, ticket)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(ds, func(d document) bool { return d.id() == message })
	switch {
	case i >= 0:
		return ds[i], nil
	case !complete:
		return nil, c.fail(provider.Unsupported, op, othersNotes)
	}
	gone := c.fail(provider.NotFound, op, "there is no such note")
	_, err = c.readTicket(ctx, ticket)
	if gone.WithParent = provider.IsKind(err, provider.NotFound); err != nil && !gone.WithParent {
		return nil, err
	}
	return nil, gone
}

// notesOfTicket lists the notes of a ticket that is there: the messages of one that is gone are an empty list.
func notesOfTicket(ctx context.Context, c *Client, ticket record.Ref) ([]record.Record, error) {
	if _, err := c.readTicket(ctx, ticket.ID); err != nil {
		return nil, err
	}
	const op = "list notes of a ticket"
	ds, complete, err := c.ticketNotes(ctx, op, ticket.ID)
	if err != nil {
		return nil, err
	}
	if !complete {
		return nil, c.fail(provider.Unsupported, op, othersNotes)
	}
	return recordsOf(ds, c.noteOf), nil
}

const othersNotes = "Gleap answers with messages of other tickets"

// ticketNotes reads the notes of a ticket; up to 10,000 messages come at once (§4). Whether a note is there, and so
// whether its counterpart is deleted or written once more, is told by this answer alone. So what is no list is an
// error, and a list that holds other tickets' messages need not be complete.
func (c *Client) ticketNotes(ctx context.Context, op, ticket string) (notes []document, complete bool, err error) {
	raw, err := c.do(ctx, call{op: op, method: http.MethodGet, path: "/messages", query: query{}.eq("ticket", ticket).eq("type", noteType)})
	if err != nil {
		return nil, false, err
	}
	if !isListing(raw) {
		return nil, false, c.fail(provider.Unavailable, op, "the answer is no list")
	}
	ds, count := documents(raw)
	complete = len(ds) == count
	for _, d := range ds {
		if idOf(d["ticket"]) != ticket {
			complete = false
		} else if isNote(d) {
			notes = append(notes, d)
		}
	}
	return notes, complete, nil
}

func createNote(ctx context.Context, c *Client, w provider.Write) (record.Record, error) {
	const op = "create note"
	if w.Parent.ID == "" || w.Parent.Type != record.Ticket {
		return record.Record{}, c.fail(provider.Invalid, op, "a note needs a ticket")
	}
	text, err := c.noteBody(op, w)
	if err != nil {
		return record.Record{}, err
	}
	answer, err := c.do(ctx, call{op: op, method: http.MethodPost, path: "/messages", body: map[string]any{
		// The form all sources agree on; it must not reach the customer (§9).
		"ticket": w.Parent.ID, "comment": text, "isNote": true, "sendToChannel": false,
	}})
	if err != nil {
		return record.Record{}, err
	}
	d := single(answer)
	if d == nil {
		return record.Record{}, c.fail(provider.Ambiguous, op, "Gleap accepted it but did not say which note it is")
	}
	now, err := c.readNote(ctx, w.Parent.ID+noteSeparator+d.id())
	if err != nil {
		// It is written; what we know of it is better than a failure that would be repeated.
		d["ticket"] = w.Parent.ID
		return c.noteOf(d), nil
	}
	return c.noteOf(now), nil
}

func updateNote(ctx context.Context, c *Client, id string, w provider.Write) (record.Record, error) {
	const op = "update note"
	if w.IsEmpty() {
		return getNote(ctx, c, id)
	}
	text, err := c.noteBody(op, w)
	if err != nil {
		return record.Record{}, err
	}
	_, message, ok := strings.Cut(id, noteSeparator)
	if !ok || message == "" {
		return record.Record{}, c.fail(provider.NotFound, op, "there is no such note")
	}
	if _, err := c.do(ctx, call{op: op, method: http.MethodPut, path: "/messages/" + url.PathEscape(message), body: map[string]any{"comment": text, "isNote": true}}); err != nil {
		return record.Record{}, err
	}
	now, err := getNote(ctx, c, id)
	if err != nil {
		// It is written: a failing read must not look like a failed write.
		unclear := c.fail(provider.Ambiguous, op, "it was written, and could not be read afterwards")
		unclear.Err = err
		return record.Record{}, unclear
	}
	return now, nil
}

func (c *Client) noteBody(op string, w provider.Write) (string, error) {
	body, err := c.body(op, w, noteFields, nil, nil)
	if err != nil {
		return "", err
	}
	text, _ := body["body"].(string)
	if strings.TrimSpace(text) == "" {
		return "", c.invalidField(op, "body", "a note needs a text")
	}
	return text, nil
}
