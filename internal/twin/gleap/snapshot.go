package gleap

import (
	"iter"
	"time"
)

// Snapshot is what a project holds, for somebody who checks what became of it:
// plain copies, past API and faults.
type Snapshot struct {
	Contacts []Contact // oldest first, as the others
	Tickets  []Ticket
	Notes    []Note
}

// Contact is a session as it is stored. By is who wrote it last: "api",
// "person", or empty for what was there from the start.
type Contact struct {
	ID                string
	UserID            string
	Name              string
	Email             string
	Phone             string
	CompanyName       string
	CompanyID         string
	Plan              string
	Lang              string
	Avatar            string
	Value             *float64 // nil: none
	SLA               *float64
	Tags              []string
	Unsubscribed      bool
	UnsubscribeReason string
	EmailOnly         bool
	Blocked           bool
	CustomData        map[string]any

	Created time.Time
	Updated time.Time
	By      string
}

// Ticket is a ticket as it is stored. A message on it counts as a change of it,
// as it does in its updatedAt.
type Ticket struct {
	ID             string
	Number         int    // what people call it by
	ContactID      string // may be gone
	Title          string
	Type           string
	Status         string
	Priority       string
	Description    string // of the form, or else its own
	PlainContent   string
	ProcessingUser string
	ProcessingTeam string
	Tags           []string
	DueDate        time.Time
	Archived       bool
	IsSpam         bool
	FormData       map[string]any
	CustomData     map[string]any

	Created time.Time
	Updated time.Time
	By      string
}

// Note is an internal note as it is stored.
type Note struct {
	ID       string
	TicketID string
	Body     string // the text of a rich one
	UserID   string

	Created time.Time
	Updated time.Time
	By      string
}

// Snapshot returns everything as it is at one moment.
func (t *Twin) Snapshot() Snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	var s Snapshot
	for doc, by := range t.db.sessions.written() {
		s.Contacts = append(s.Contacts, plainContact(doc, by))
	}
	for doc, by := range t.db.tickets.written() {
		s.Tickets = append(s.Tickets, plainTicket(doc, by))
	}
	for doc, by := range t.db.messages.written() {
		if text(doc, "type") == noteType {
			s.Notes = append(s.Notes, plainNote(doc, by))
		}
	}
	return s
}

// Contacts returns all contacts, oldest first.
func (t *Twin) Contacts() []Contact { return t.Snapshot().Contacts }

// Tickets returns all tickets, oldest first.
func (t *Twin) Tickets() []Ticket { return t.Snapshot().Tickets }

// Notes returns all notes, oldest first.
func (t *Twin) Notes() []Note { return t.Snapshot().Notes }

// Contact returns one contact.
func (t *Twin) Contact(id string) (Contact, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.db.sessions.byID[id]
	if e == nil {
		return Contact{}, false
	}
	return plainContact(e.doc, e.by), true
}

// Ticket returns one ticket.
func (t *Twin) Ticket(id string) (Ticket, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.db.tickets.byID[id]
	if e == nil {
		return Ticket{}, false
	}
	return plainTicket(e.doc, e.by), true
}

// Note returns one note by its own id.
func (t *Twin) Note(id string) (Note, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.db.messages.byID[id]
	if e == nil || text(e.doc, "type") != noteType {
		return Note{}, false
	}
	return plainNote(e.doc, e.by), true
}

// written lists the documents with who wrote them last, oldest first.
func (c *collection) written() iter.Seq2[object, string] {
	return func(yield func(object, string) bool) {
		for _, e := range c.order {
			if !e.gone && !yield(e.doc, e.by) {
				return
			}
		}
	}
}

func plainContact(doc object, by string) Contact {
	return Contact{
		ID: text(doc, "_id"), UserID: text(doc, "userId"), Name: text(doc, "name"), Email: text(doc, "email"), Phone: text(doc, "phone"),
		CompanyName: text(doc, "companyName"), CompanyID: text(doc, "companyId"), Plan: text(doc, "plan"), Lang: text(doc, "lang"),
		Avatar: text(doc, "avatar"), Value: numberOf(doc, "value"), SLA: numberOf(doc, "sla"), Tags: texts(doc, "tags"),
		Unsubscribed: truth(doc, "unsubscribed"), UnsubscribeReason: text(doc, "unsubscribeReason"), EmailOnly: truth(doc, "emailOnly"),
		Blocked: truth(doc, "blocked"), CustomData: values(doc, "customData"),
		Created: instant(doc, "createdAt"), Updated: instant(doc, "updatedAt"), By: by,
	}
}

func plainTicket(doc object, by string) Ticket {
	form := values(doc, "formData")
	description := text(form, "description")
	if description == "" {
		description = text(doc, "description")
	}
	return Ticket{
		ID: text(doc, "_id"), Number: int(number(doc, "bugId")), ContactID: text(doc, "session"), Title: text(doc, "title"),
		Type: text(doc, "type"), Status: text(doc, "status"), Priority: text(doc, "priority"), Description: description,
		PlainContent: text(doc, "plainContent"), ProcessingUser: text(doc, "processingUser"), ProcessingTeam: text(doc, "processingTeam"),
		Tags: texts(doc, "tags"), DueDate: instant(doc, "dueDate"), Archived: truth(doc, "archived"), IsSpam: truth(doc, "isSpam"),
		FormData: form, CustomData: values(doc, "customData"),
		Created: instant(doc, "createdAt"), Updated: instant(doc, "updatedAt"), By: by,
	}
}

func plainNote(doc object, by string) Note {
	data, _ := doc["data"].(object)
	return Note{
		ID: text(doc, "_id"), TicketID: text(doc, "ticket"), Body: plainText(data["content"]), UserID: text(doc, "user"),
		Created: instant(doc, "createdAt"), Updated: instant(doc, "updatedAt"), By: by,
	}
}

// values is a copy of an object property, never nil.
func values(doc object, key string) map[string]any {
	if out, ok := copied(doc[key]).(object); ok {
		return out
	}
	return map[string]any{}
}

func texts(doc object, key string) []string {
	var out []string
	for _, v := range list(doc, key) {
		if s, isText := v.(string); isText {
			out = append(out, s)
		}
	}
	return out
}

func numberOf(doc object, key string) *float64 {
	if f, has := doc[key].(float64); has {
		return &f
	}
	return nil
}

func instant(doc object, key string) time.Time {
	at, _ := time.Parse(time.RFC3339, text(doc, key))
	return at
}
