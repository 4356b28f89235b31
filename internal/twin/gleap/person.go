package gleap

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// What a person does in the dashboard, or a visitor in the widget, changes the
// same data as the API and counts as no API write.

var errGone = errors.New("gleap twin: this record does not exist")

var dashboardEditor = object{"source": "dashboard", "method": "PUT", "hasApiKey": false}

// tidy reads fields as people and forms give them: company for companyName,
// tags in one text, numbers as text. What no contact has of its own is an
// attribute.
func tidy(doc object, fields map[string]any) object {
	in := normalObject(fields)
	if v, has := in["company"]; has {
		in["companyName"] = v
		delete(in, "company")
	}
	splitTags(in)
	if s, isText := in["value"].(string); isText {
		delete(in, "value")
		if f, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil {
			in["value"] = f
		}
	}
	for name, v := range in {
		if s, isText := v.(string); isText && s == "" {
			in[name] = nil // an emptied input
		}
	}
	return mergeFlat(doc, in)
}

func splitTags(in object) {
	s, isText := in["tags"].(string)
	if !isText {
		return
	}
	tags := []any{}
	for tag := range strings.SplitSeq(s, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	in["tags"] = tags
}

// PersonCreatesContact adds a contact and returns its id. Without email and
// userId it is a guest.
func (t *Twin) PersonCreatesContact(fields map[string]any) string {
	t.begin(byPerson)
	defer t.end()
	doc := t.newSession(tidy(nil, fields))
	t.db.sessions.put(doc)
	t.changed()
	return text(doc, "_id")
}

// PersonEditsContact changes the named fields; attributes not named stay, as
// the dashboard edits them one by one. A nil or empty value takes one away.
func (t *Twin) PersonEditsContact(id string, fields map[string]any) error {
	t.begin(byPerson)
	defer t.end()
	doc := t.db.sessions.get(id)
	if doc == nil {
		return errGone
	}
	t.changeSession(doc, tidy(doc, fields), dashboardEditor)
	t.changed()
	return nil
}

// PersonDeletesContact deletes a contact; its tickets stay.
func (t *Twin) PersonDeletesContact(id string) error {
	t.begin(byPerson)
	defer t.end()
	if t.db.sessions.get(id) == nil {
		return errGone
	}
	t.dropSession(id)
	t.changed()
	return nil
}

// PersonCreatesTicket opens a ticket for a contact, or for nobody with an
// empty sessionID, and returns its id. A field "message" becomes the contact's
// first message. It returns "" for an unknown contact and for fields that make
// no ticket.
func (t *Twin) PersonCreatesTicket(sessionID string, fields map[string]any) string {
	t.begin(byPerson)
	defer t.end()
	in, err := t.tidyTicket(nil, fields)
	if err != nil || sessionID != "" && t.db.sessions.get(sessionID) == nil {
		return ""
	}
	message := in["message"]
	delete(in, "message")
	if sessionID != "" {
		in["session"] = sessionID
	}
	doc := t.addTicket(in)
	if message != nil {
		t.addMessage(doc, object{"comment": message, "session": sessionID}, t.agent())
	}
	t.changed()
	return text(doc, "_id")
}

// PersonEditsTicket changes the named fields. A field "message" is a reply of
// an agent.
func (t *Twin) PersonEditsTicket(id string, fields map[string]any) error {
	t.begin(byPerson)
	defer t.end()
	doc := t.db.tickets.get(id)
	if doc == nil {
		return errGone
	}
	set, err := t.tidyTicket(doc, fields)
	if err != nil {
		return err
	}
	message := set["message"]
	delete(set, "message")
	if len(set) > 0 || message == nil {
		doc = t.changeTicket(doc, set)
	}
	if message != nil {
		t.addMessage(doc, object{"comment": message}, t.agent())
	}
	t.changed()
	return nil
}

// PersonClosesTicket is an agent marking a ticket as done. PersonEditsTicket
// with another status opens it again.
func (t *Twin) PersonClosesTicket(id string) error {
	return t.PersonEditsTicket(id, map[string]any{"status": "DONE"})
}

// PersonDeletesTicket deletes a ticket with its messages. No webhook is known
// to tell of it (§12).
func (t *Twin) PersonDeletesTicket(id string) error {
	t.begin(byPerson)
	defer t.end()
	if t.db.tickets.get(id) == nil {
		return errGone
	}
	t.dropTicket(id)
	t.changed()
	return nil
}

// PersonCreatesNote is an agent writing an internal note on a ticket. It returns
// the note's own id, or "" for an unknown ticket.
func (t *Twin) PersonCreatesNote(ticketID, body string) string {
	t.begin(byPerson)
	defer t.end()
	ticket := t.db.tickets.get(ticketID)
	if ticket == nil {
		return ""
	}
	doc := t.addMessage(ticket, object{"comment": body, "isNote": true}, t.agent())
	t.changed()
	return text(doc, "_id")
}

// PersonEditsNote gives a note another text.
func (t *Twin) PersonEditsNote(id, body string) error {
	return t.withNote(id, func(doc object) { t.changeMessage(doc, object{"comment": body}) })
}

// PersonDeletesNote deletes a note.
func (t *Twin) PersonDeletesNote(id string) error { return t.withNote(id, t.removeMessage) }

func (t *Twin) withNote(id string, do func(object)) error {
	t.begin(byPerson)
	defer t.end()
	doc := t.db.messages.get(id)
	if text(doc, "type") != noteType {
		return errGone
	}
	do(doc)
	t.changed()
	return nil
}

// tidyTicket checks fields as the API would, and puts a description where
// Gleap keeps it.
func (t *Twin) tidyTicket(doc object, fields map[string]any) (object, error) {
	in := normalObject(fields)
	splitTags(in)
	message := in["message"]
	delete(in, "message")
	for name, v := range in {
		if s, isText := v.(string); isText && s == "" {
			delete(in, name) // an input left empty
		}
	}
	form := object{}
	if old, isObject := doc["formData"].(object); isObject {
		maps.Copy(form, old)
	}
	if given, isObject := in["formData"].(object); isObject {
		maps.Copy(form, given)
	}
	if s := text(in, "description"); s != "" {
		form["description"] = s
		delete(in, "description")
	}
	if len(form) > 0 {
		in["formData"] = form
	}
	if bad := ticketDTO.check(in); bad != nil {
		name := slices.Min(slices.Collect(maps.Keys(bad)))
		return nil, fmt.Errorf("gleap twin: %s: %v", strings.TrimPrefix(name, "requestBody."), bad[name].(object)["message"])
	}
	out, bad, fine := t.prepare(in)
	if !fine {
		return nil, fmt.Errorf("gleap twin: %v", bad.body)
	}
	if s, isText := message.(string); message != nil && (!isText || s != "") {
		out["message"] = message
	}
	return out, nil
}

// Session returns a copy of a contact.
func (t *Twin) Session(id string) (map[string]any, bool) {
	t.mu.Lock()
	doc := t.db.sessions.get(id)
	t.mu.Unlock()
	if doc == nil {
		return nil, false
	}
	return copiedSession(doc), true
}

// Sessions returns copies of all contacts, oldest first.
func (t *Twin) Sessions() []map[string]any {
	t.mu.Lock()
	docs := t.db.sessions.all()
	t.mu.Unlock()
	for i, doc := range docs {
		docs[i] = copiedSession(doc)
	}
	return docs
}
