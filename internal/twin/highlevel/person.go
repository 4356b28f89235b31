package highlevel

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// These say that a person looked for something that is not there.
var (
	errNoContact = errors.New("highlevel twin: no such contact")
	errNoTask    = errors.New("highlevel twin: no such task")
	errNoNote    = errors.New("highlevel twin: no such note")
)

// refusedError is what HighLevel's own forms would say to a person.
type refusedError struct{ answer answer }

func (e *refusedError) Error() string {
	return fmt.Sprintf("highlevel twin: %v", e.answer.body["message"])
}

// personBody is what a person can fill in: more than the API lets a client
// write (§4.1).
var personBody = contactBody(func(s schema) {
	s["additionalEmails"] = list()
	s["businessId"] = nullText()
	values := schema{"value": {kind: kindAny, null: true}}
	for k, f := range customValueBody {
		values[k] = f
	}
	s["customFields"] = field{kind: kindObjects, of: values}
})

// PersonCreatesContact is a person filling in the form in the CRM. It returns
// the new contact's id, or nothing if the form would refuse.
func (t *Twin) PersonCreatesContact(fields map[string]any) string {
	id, err := t.personCreates(fields)
	if err != nil {
		t.cfg.Logger.Warn("a person's contact was refused", "err", err)
	}
	return id
}

func (t *Twin) personCreates(fields map[string]any) (string, error) {
	in, err := personFields(fields)
	if err != nil {
		return "", err
	}
	t.begin(byPerson)
	defer t.end()
	n := &contact{Source: "manual"}
	if err := t.personApplies(n, in); err != nil {
		return "", err
	}
	t.addContact(n)
	t.changed()
	return n.ID, nil
}

// PersonEditsContact is a person changing a contact in the CRM.
func (t *Twin) PersonEditsContact(id string, fields map[string]any) error {
	in, err := personFields(fields)
	if err != nil {
		return err
	}
	t.begin(byPerson)
	defer t.end()
	old := t.db.contacts[id]
	if old == nil {
		return errNoContact
	}
	n := old.clone()
	if err := t.personApplies(n, in); err != nil {
		return err
	}
	t.replaceContact(old, n)
	t.changed()
	return nil
}

// PersonDeletesContact is a person deleting a contact in the CRM.
func (t *Twin) PersonDeletesContact(id string) error {
	t.begin(byPerson)
	defer t.end()
	c := t.db.contacts[id]
	if c == nil {
		return errNoContact
	}
	t.removeContact(c)
	t.changed()
	return nil
}

// filledIn brings Go values into the form that JSON has, and checks them as a
// form of the product would.
func filledIn(form schema, fields map[string]any) (object, error) {
	raw, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("highlevel twin: fields: %w", err)
	}
	in := object{}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("highlevel twin: fields: %w", err)
	}
	if complaints := form.check("", in); len(complaints) > 0 {
		return nil, &refusedError{unprocessable(complaints...)}
	}
	return in, nil
}

func personFields(fields map[string]any) (object, error) {
	in, err := filledIn(personBody, fields)
	if err != nil {
		return nil, err
	}
	for _, m := range some(asObjects(in["customFields"])) {
		if v, given := m["value"]; given {
			m["field_value"] = v
		}
	}
	return in, nil
}

func asObjects(v any) []map[string]any {
	members, _ := v.([]any)
	var out []map[string]any
	for _, m := range members {
		if o, isObject := m.(map[string]any); isObject {
			out = append(out, o)
		}
	}
	return out
}

func (t *Twin) personApplies(c *contact, in object) error {
	before := c.clone()
	if a, bad := t.apply(c, in); bad {
		return &refusedError{a}
	}
	if _, given := in["additionalEmails"]; given {
		c.AdditionalEmails = stringsOf(in["additionalEmails"])
	}
	if v, given := in["businessId"]; given {
		c.BusinessID, _ = v.(string)
	}
	moved := c.Email != before.Email || c.Phone != before.Phone || !slices.Equal(c.AdditionalEmails, before.AdditionalEmails)
	if moved && !t.cfg.AllowDuplicates {
		if a, bad := t.refuseDuplicate(c); bad {
			return &refusedError{a}
		}
	}
	return nil
}

// PersonAddsTags is a person tagging a contact. Tags that it has stay.
func (t *Twin) PersonAddsTags(id string, tags ...string) error {
	return t.personTags(id, tags, union)
}

// PersonRemovesTags is a person taking tags off a contact.
func (t *Twin) PersonRemovesTags(id string, tags ...string) error {
	return t.personTags(id, tags, minus)
}

func (t *Twin) personTags(id string, tags []string, how func(have, named []string) (all, moved []string)) error {
	named := make([]any, len(tags))
	for i, tag := range tags {
		named[i] = tag
	}
	t.begin(byPerson)
	defer t.end()
	old := t.db.contacts[id]
	if old == nil {
		return errNoContact
	}
	n := old.clone()
	n.Tags, _ = how(old.Tags, lowered(named))
	t.replaceContact(old, n)
	t.changed()
	return nil
}

// Contact returns a contact in the shape of GET /contacts/{id}.
func (t *Twin) Contact(id string) (map[string]any, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.db.contacts[id]
	if c == nil {
		return nil, false
	}
	return flat(t.view(c)), true
}

// Contacts returns all contacts, newest first.
func (t *Twin) Contacts() []map[string]any {
	t.mu.Lock()
	sorted := t.db.sortedContacts()
	views := make([]contactView, len(sorted))
	for i, c := range sorted {
		views[i] = t.view(c)
	}
	t.mu.Unlock()
	out := make([]map[string]any, len(views))
	for i, v := range views {
		out[i] = flat(v)
	}
	return out
}

// statusOf maps an error of a person's action to an HTTP status.
func statusOf(err error) int {
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return refused.answer.status
	}
	if errors.Is(err, errNoContact) || errors.Is(err, errNoTask) || errors.Is(err, errNoNote) || errors.Is(err, errNoAppointment) {
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}
