package highlevel

import (
	"regexp"
	"time"
)

type note struct {
	ID        string    `json:"id"`
	Body      string    `json:"body"`
	UserID    string    `json:"userId,omitempty"`
	Title     string    `json:"title,omitempty"`
	Color     string    `json:"color,omitempty"`
	Pinned    bool      `json:"pinned"`
	ContactID string    `json:"contactId"`
	Added     time.Time `json:"dateAdded"`
	Updated   time.Time `json:"dateUpdated,omitzero"`

	by string // who wrote it last
}

var hexColor = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func noteBody(text field) schema {
	return schema{"body": text, "userId": nullText(), "title": nullText(), "pinned": flag(), "color": {
		kind: kindString, check: func(v any) string {
			if !hexColor.MatchString(v.(string)) {
				return "must be a hexadecimal color"
			}
			return ""
		},
	}}
}

func noteRoutes() []route {
	const one = "/contacts/{contactId}/notes/{id}"
	return []route{
		{method: "GET", pattern: "/contacts/{contactId}/notes", scope: readContacts, handle: (*Twin).listNotes},
		{method: "POST", pattern: "/contacts/{contactId}/notes", scope: writeContacts, writes: true, body: noteBody(needText()), handle: (*Twin).createNote},
		{method: "GET", pattern: one, scope: readContacts, handle: (*Twin).getNote},
		{method: "PUT", pattern: one, scope: writeContacts, writes: true, body: noteBody(text()), handle: (*Twin).updateNote},
		{method: "DELETE", pattern: one, scope: writeContacts, writes: true, handle: (*Twin).deleteNote},
	}
}

// view has no dateUpdated: §4.5.
func (x *note) view() object {
	o := object{"id": x.ID, "body": x.Body, "contactId": x.ContactID, "dateAdded": stamp(x.Added), "pinned": x.Pinned}
	for key, v := range map[string]string{"userId": x.UserID, "title": x.Title, "color": x.Color} {
		if v != "" {
			o[key] = v
		}
	}
	return o
}

func (x *note) apply(in object) {
	for key, at := range map[string]*string{"body": &x.Body, "userId": &x.UserID, "title": &x.Title, "color": &x.Color} {
		if v, present := in[key]; present {
			*at, _ = v.(string)
		}
	}
	if v, isBool := in["pinned"].(bool); isBool {
		x.Pinned = v
	}
}

func (t *Twin) listNotes(c *call) answer {
	id := c.path["contactId"]
	if t.db.contacts[id] == nil {
		return contactNotFound(id)
	}
	out := []object{}
	for _, x := range t.db.notes.list(func(x *note) bool { return x.ContactID == id }) {
		out = append(out, x.view())
	}
	return ok(object{"notes": out})
}

func (t *Twin) createNote(c *call) answer {
	id := c.path["contactId"]
	if t.db.contacts[id] == nil {
		return contactNotFound(id)
	}
	return created(object{"note": t.addNote(id, c.in).view()})
}

func (t *Twin) addNote(contactID string, in object) *note {
	x := &note{ID: t.newID("note"), ContactID: contactID, Added: t.now(), by: t.writer}
	x.Updated = x.Added
	x.apply(in)
	t.db.notes.put(x.ID, x)
	t.fireNote("NoteCreate", x)
	return x
}

func (t *Twin) noteOf(c *call) (*note, answer) {
	id := c.path["contactId"]
	if t.db.contacts[id] == nil {
		return nil, contactNotFound(id)
	}
	x := t.db.notes.get(c.path["id"])
	if x == nil || x.ContactID != id {
		return nil, entityNotFound("Note", c.path["id"])
	}
	return x, answer{}
}

func (t *Twin) getNote(c *call) answer {
	x, missing := t.noteOf(c)
	if x == nil {
		return missing
	}
	return ok(object{"note": x.view()})
}

func (t *Twin) updateNote(c *call) answer {
	old, missing := t.noteOf(c)
	if old == nil {
		return missing
	}
	return ok(object{"note": t.changeNote(old, c.in).view()})
}

func (t *Twin) changeNote(old *note, in object) *note {
	n := *old
	n.apply(in)
	if n == *old {
		return old
	}
	n.Updated, n.by = t.now(), t.writer
	t.db.notes.put(n.ID, &n)
	t.fireNote("NoteUpdate", &n)
	return &n
}

func (t *Twin) deleteNote(c *call) answer {
	x, missing := t.noteOf(c)
	if x == nil {
		return missing
	}
	t.removeNote(x)
	return ok(object{"succeded": true})
}

func (t *Twin) removeNote(x *note) {
	t.db.notes.remove(x.ID)
	t.fireNote("NoteDelete", x)
}
