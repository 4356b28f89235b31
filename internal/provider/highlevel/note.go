package highlevel

import (
	"context"
	"strings"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// noteObject: notes live under a contact, and there is no way to list them across contacts (§4.5).
func noteObject() object {
	return object{
		Object: provider.Object{Type: record.Note, Label: "note", Plural: "notes", Read: true, Write: true, Webhook: true, Tells: provider.Told{Created: true, Updated: true, Deleted: true}, Delete: true, Parent: record.Contact, ParentRequired: true, ByParent: true, ReadScopes: []string{readContacts}, WriteScopes: []string{writeContacts}},
		describe: func(context.Context, *Client) (record.Schema, error) {
			return record.Schema{Type: record.Note, Label: "HighLevel note", Fields: []record.FieldSpec{
				{Key: "body", Label: "Text", Kind: record.LongText, Required: true},
				{Key: "title", Label: "Title", Kind: record.Text},
				{Key: "userId", Label: "Author", Kind: record.Text, Help: "The id of a HighLevel user."},
				{Key: "pinned", Label: "Pinned", Kind: record.Bool},
				{Key: "dateAdded", Label: "Created", Kind: record.DateTime, ReadOnly: true},
			}}, nil
		},
		get: func(ctx context.Context, c *Client, id string) (record.Record, error) {
			contact, own, err := splitChild(opGetNote, id)
			if err != nil {
				return record.Record{}, err
			}
			return c.noteCall(ctx, opGetNote, contact, path("contacts", contact, "notes", own), nil)
		},
		create: func(ctx context.Context, c *Client, w provider.Write) (record.Record, error) {
			if w.Parent.ID == "" || w.Parent.Type != record.Contact {
				return record.Record{}, invalid(opCreateNote, "contact", "a note needs a contact")
			}
			b, err := c.childBody(opCreateNote, w, noteKinds, false)
			if err != nil {
				return record.Record{}, err
			}
			if b["body"] == nil {
				return record.Record{}, invalid(opCreateNote, "body", "a note needs text")
			}
			return c.noteCall(ctx, opCreateNote, w.Parent.ID, path("contacts", w.Parent.ID, "notes"), b)
		},
		update: func(ctx context.Context, c *Client, id string, w provider.Write) (record.Record, error) {
			contact, own, err := splitChild(opUpdateNote, id)
			if err != nil {
				return record.Record{}, err
			}
			b, err := c.childBody(opUpdateNote, w, noteKinds, true)
			if err != nil {
				return record.Record{}, err
			}
			return c.noteCall(ctx, opUpdateNote, contact, path("contacts", contact, "notes", own), b)
		},
		delete: func(ctx context.Context, c *Client, id string) error {
			contact, own, err := splitChild(opDeleteNote, id)
			if err != nil {
				return err
			}
			return c.do(ctx, opDeleteNote, path("contacts", contact, "notes", own), nil, nil, nil)
		},
		children: func(ctx context.Context, c *Client, contact string) ([]record.Record, error) {
			return c.childrenCall(ctx, opNotesOf, contact, "notes", c.note)
		},
	}
}

var noteKinds = map[string]record.Kind{"body": record.LongText, "title": record.Text, "userId": record.Text, "pinned": record.Bool}

func (c *Client) noteCall(ctx context.Context, op operation, contact, path string, b body) (record.Record, error) {
	var out raw
	var send any
	if b != nil {
		send = b
	}
	if err := c.do(ctx, op, path, nil, send, &out); err != nil {
		return record.Record{}, err
	}
	r := out.object("note")
	if r.text("id") == "" {
		return record.Record{}, unexpected(op)
	}
	return c.note(r, contact), nil
}

// note reads a note. It says when it was made, but not when it was changed: §4.5.
func (c *Client) note(r raw, contact string) record.Record {
	f := record.Fields{}
	for _, key := range []string{"body", "title", "userId"} {
		put(f, key, record.TextOf(r.text(key)))
	}
	put(f, "pinned", r.flag("pinned"))
	put(f, "dateAdded", record.TimeOf(r.time("dateAdded")))
	title := r.text("title")
	if title == "" {
		title, _, _ = strings.Cut(strings.TrimSpace(r.text("body")), "\n")
	}
	return record.Record{
		Ref: c.ref(record.Note, joinChild(contact, r.text("id"))), Parent: c.ref(record.Contact, contact), Fields: f, Title: title,
		CreatedAt: r.time("dateAdded"), UpdatedAt: r.time("dateUpdated"),
	}
}

// childrenCall lists what a contact has of one kind. The answer is not paged (§4.5); one without the list, or with a
// member that cannot be read, must not pass for a contact that has none.
func (c *Client) childrenCall(ctx context.Context, op operation, contact, plural string, read func(raw, string) record.Record) ([]record.Record, error) {
	var out raw
	if err := c.do(ctx, op, path("contacts", contact, plural), nil, nil, &out); err != nil {
		return nil, err
	}
	all, ok := out[plural].([]any)
	if !ok {
		return nil, unexpected(op)
	}
	records := make([]record.Record, 0, len(all))
	for _, r := range out.objects(plural) {
		if r.text("id") == "" {
			return nil, unexpected(op)
		}
		records = append(records, read(r, contact))
	}
	if len(records) != len(all) {
		return nil, unexpected(op)
	}
	return records, nil
}

// A note or task is reached only through its contact (§4.5), so its id here holds both.
func joinChild(contact, id string) string { return contact + "/" + id }

func splitChild(op operation, id string) (contact, own string, err error) {
	contact, own, ok := strings.Cut(id, "/")
	if !ok || contact == "" || own == "" {
		return "", "", &provider.Error{Provider: ID, Op: op.words, Kind: provider.NotFound, Detail: "the contact it belongs to is not known"}
	}
	return contact, own, nil
}

// childBody builds the body of a note or task.
func (c *Client) childBody(op operation, w provider.Write, kinds map[string]record.Kind, update bool) (body, error) {
	b := body{}
	for key, v := range w.Fields {
		kind, ok := kinds[key]
		if !ok {
			return nil, invalid(op, key, "HighLevel does not let this field be written")
		}
		if v.IsEmpty() {
			switch {
			case !update:
			case kind == record.Bool:
				b[key] = false
			default:
				b[key] = ""
			}
			continue
		}
		value, complaint := c.wire(kind, v)
		if kind == record.DateTime {
			value, complaint = wireInstant(v)
		}
		if complaint != "" {
			return nil, invalid(op, key, complaint)
		}
		b[key] = value
	}
	if len(w.Add)+len(w.Remove) > 0 {
		return nil, &provider.Error{Provider: ID, Op: op.words, Kind: provider.Invalid, Detail: "there are no lists to add to"}
	}
	return b, nil
}

// wireInstant is a time as the examples have it, in UTC: §4.5. Parts of a second are told where there are any, so that a
// time that is read back is the one that was written.
func wireInstant(v record.Value) (any, string) {
	at, ok := v.AsTime()
	if !ok {
		at = instant(v.String())
	}
	if at.IsZero() {
		return nil, "is not a date and time"
	}
	return at.UTC().Format("2006-01-02T15:04:05.999Z"), ""
}
