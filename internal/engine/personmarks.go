package engine

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// personMarks are what a person is known by in a text nobody has read yet: the ids of their records, and the email and phone
// number of their contact, normalised. A name is none: others have it too.
type personMarks struct {
	ids      map[string]record.ObjectType
	contacts map[string]bool // which of them are the person, and not something of theirs
	emails   map[string]bool
	phones   []string
}

// fieldEmail and fieldPhone are what both providers call the address and the number of a contact itself. Other fields of
// these kinds may be somebody else's.
const (
	fieldEmail = "email"
	fieldPhone = "phone"
)

// idStands is how long an id is that means nothing else wherever it stands. A shorter one counts where the key says that
// it is one of its type.
const idStands = 12

func marksOf(data PersonalData) *personMarks {
	m := &personMarks{ids: map[string]record.ObjectType{}, contacts: map[string]bool{}, emails: map[string]bool{}}
	for _, r := range data.Records {
		m.ids[r.ID] = r.Type
		if r.Type == record.Contact {
			m.contacts[r.ID] = true
		}
	}
	contact := map[string]bool{}
	for _, l := range data.Links {
		contact[l.ID] = l.Source.Type == record.Contact && l.Target.Type == record.Contact
	}
	for _, b := range data.Agreed {
		if contact[b.Link] {
			m.addFields(b.Fields)
			m.addFields(b.Target)
		}
	}
	for _, c := range data.Changes {
		if c.Source.Type == record.Contact && c.Target.Type == record.Contact {
			m.addFields(c.Before)
			m.addFields(c.After)
			m.addPlanned(c.Fields)
		}
	}
	for _, p := range data.Plans {
		m.addPlan(p)
	}
	for _, r := range data.Runs {
		for _, st := range r.Steps {
			if st.Plan != nil {
				m.addPlan(*st.Plan)
			}
		}
	}
	for _, r := range data.Reviews {
		m.addPlan(r.Plan)
	}
	return m
}

func (m *personMarks) addPlan(p automation.Plan) {
	if p.Source.Type != record.Contact {
		return
	}
	m.addPlanned(p.Fields)
	m.addFields(p.Base)
	for _, text := range p.KnownBy { // what the two are looked up by
		m.addEmail(text)
		if phone, ok := record.E164(text, ""); ok {
			m.addPhone(phone)
		}
	}
}

func (m *personMarks) addPlanned(fields []automation.FieldPlan) {
	for _, f := range fields {
		for _, v := range []record.Value{f.Before, f.After, f.Offered} {
			m.addField(f.Field, v)
		}
	}
}

func (m *personMarks) addFields(fields record.Fields) {
	for key, v := range fields {
		m.addField(strings.TrimPrefix(key, "<"), v)
	}
}

func (m *personMarks) addField(key string, v record.Value) {
	switch key {
	case fieldEmail:
		m.addEmail(v.String())
	case fieldPhone:
		m.addPhone(v.String())
	}
}

func (m *personMarks) addEmail(text string) {
	email := record.Normalise(record.Email, record.TextOf(text), record.Locale{})
	if local, host, ok := strings.Cut(email, "@"); ok && local != "" && strings.Contains(host, ".") && !strings.ContainsAny(email, " \t\n") {
		m.emails[email] = true
	}
}

func (m *personMarks) addPhone(text string) {
	phone := record.Normalise(record.Phone, record.TextOf(text), record.Locale{})
	if len(phone) >= 8 && !slices.Contains(m.phones, phone) {
		m.phones = append(m.phones, phone)
	}
}

// learn takes over how a delivery about the person's own contact says they are reached: from the object that has the id.
func (m *personMarks) learn(body []byte) {
	doc, ok := document(body)
	if !ok {
		return
	}
	each(doc, "", func(_ string, v any) bool {
		object, is := v.(map[string]any)
		if !is {
			return false
		}
		for _, key := range []string{"id", "_id", "contactId", "contact_id", "gleapId", "userId"} {
			if id, _ := object[key].(string); id != "" && m.contacts[id] {
				email, _ := object[fieldEmail].(string)
				phone, _ := object[fieldPhone].(string)
				m.addEmail(email)
				m.addPhone(phone)
			}
		}
		return false
	})
}

// naming is how far a body names the person.
type naming uint8

const (
	namesNot naming = iota
	// namesAlike: it has their phone number, which a company or a family shares, and names somebody else.
	namesAlike
	names
)

// in tells how far a body names the person: by an id or an email, in a value of its own or as a whole word of a text; or by
// a phone number, where it names nobody else.
func (m *personMarks) in(body []byte) naming {
	doc, ok := document(body)
	switch {
	case !ok && m.inText(string(body)), ok && m.inDocument(doc):
		return names
	case !ok || !each(doc, "", func(_ string, v any) bool { return m.isPhone(scalar(v)) }):
		return namesNot
	case each(doc, "", func(key string, v any) bool { return isAnother(key, scalar(v)) }):
		return namesAlike
	}
	return names
}

// scalar is the text of a value that is one.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// isAnother reports whether a value is what somebody else is known by: another address, or the id of another contact. It
// is asked of bodies which have none of the person's own.
func isAnother(key, text string) bool {
	switch key {
	case "contactId", "contact_id", "gleapId":
		return text != ""
	}
	return strings.HasSuffix(strings.ToLower(key), "mail") && strings.Contains(text, "@")
}

func (m *personMarks) inDocument(doc any) bool {
	return each(doc, "", func(key string, v any) bool {
		switch v := v.(type) {
		case string:
			return m.isID(key, v) || m.inText(v)
		case json.Number:
			return m.isID(key, v.String())
		case map[string]any:
			for k := range v {
				if m.inText(k) {
					return true
				}
			}
		}
		return false
	})
}

func (m *personMarks) isID(key, text string) bool {
	of, ok := m.ids[text]
	if !ok || len(text) >= idStands {
		return ok
	}
	key = strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(key))
	return key == strings.ToLower(string(of))+"id"
}

func (m *personMarks) isPhone(text string) bool {
	return slices.ContainsFunc(m.phones, func(phone string) bool { return record.SamePhone(phone, text) })
}

// inText looks for emails and long ids only: digits of a phone number are found in many numbers.
func (m *personMarks) inText(text string) bool {
	for word := range strings.FieldsFuncSeq(text, between) {
		word = strings.Trim(strings.ReplaceAll(word, "%40", "@"), ".'-_*~`")
		if len(word) >= idStands {
			if _, ok := m.ids[word]; ok {
				return true
			}
		}
		if strings.Contains(word, "@") && m.emails[record.Normalise(record.Email, record.TextOf(word), record.Locale{})] {
			return true
		}
	}
	return false
}

// between are what stands between the words of a text, an address or a query.
func between(r rune) bool {
	return r <= ' ' || strings.ContainsRune("<>()[]{},;:\"\\|/?&=!#\u00a0\u201c\u201d", r)
}

// document reads a body as JSON, with numbers as they are written.
func document(body []byte) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var doc any
	err := d.Decode(&doc)
	return doc, err == nil && !d.More()
}

// each visits a document and all that is in it, until found says so. The decoder has bounded how deep it is.
func each(v any, key string, found func(key string, v any) bool) bool {
	if found(key, v) {
		return true
	}
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			if each(item, k, found) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if each(item, key, found) {
				return true
			}
		}
	}
	return false
}
