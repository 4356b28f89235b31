package highlevel

import (
	"net/http"
	"reflect"
	"strings"
)

const (
	readContacts  = "contacts.readonly"
	writeContacts = "contacts.write"
)

func contactRoutes() []route {
	return []route{
		{method: "GET", pattern: "/contacts/{contactId}", scope: readContacts, handle: (*Twin).getContact},
		{method: "POST", pattern: "/contacts", scope: writeContacts, writes: true, creates: true, body: createBody, handle: (*Twin).createContact},
		{method: "PUT", pattern: "/contacts/{contactId}", scope: writeContacts, writes: true, body: updateBody, handle: (*Twin).updateContact},
		{method: "DELETE", pattern: "/contacts/{contactId}", scope: writeContacts, writes: true, handle: (*Twin).deleteContact},
		{method: "POST", pattern: "/contacts/upsert", scope: writeContacts, writes: true, creates: true, body: upsertBody, handle: (*Twin).upsertContact},
		{method: "GET", pattern: "/contacts/search/duplicate", scope: readContacts, handle: (*Twin).duplicateContact},
	}
}

// The three bodies differ on purpose: §4.1. businessId, additionalEmails,
// attachments and followers cannot be written through any of them.
var (
	createBody = contactBody(func(s schema) {
		s["locationId"] = needText()
	})
	upsertBody = contactBody(func(s schema) {
		s["locationId"] = needText()
		s["createNewIfDuplicateAllowed"] = flag()
	})
	updateBody = contactBody(func(s schema) {
		// No locationId, gender or companyName on update: §4.1, I#314.
		delete(s, "gender")
		delete(s, "companyName")
		s["source"], s["assignedTo"] = nullText(), nullText()
	})
)

func contactBody(adjust func(schema)) schema {
	channel := field{kind: kindObject, of: schema{
		"status":  {kind: kindString, required: true, options: []string{"active", "inactive", "permanent"}},
		"message": text(), "code": text(),
	}}
	channels := schema{}
	for name := range dndChannels {
		if name != "all" {
			channels[name] = channel
		}
	}
	s := schema{
		"firstName": nullText(), "lastName": nullText(), "name": nullText(),
		"email":    {kind: kindString, null: true, check: isEmail},
		"phone":    {kind: kindString, null: true, check: isPhone},
		"gender":   text(),
		"country":  {kind: kindString, check: isCountry},
		"address1": nullText(), "city": nullText(), "state": nullText(), "postalCode": text(),
		"website": nullText(), "timezone": nullText(), "companyName": nullText(),
		"dnd":         flag(),
		"dndSettings": {kind: kindObject, of: channels},
		"inboundDndSettings": {kind: kindObject, of: schema{"all": {kind: kindObject, of: schema{
			"status":  {kind: kindString, required: true, options: []string{"active", "inactive"}},
			"message": text(),
		}}}},
		"tags": list(), "customFields": {kind: kindObjects, of: customValueBody},
		"source": text(), "assignedTo": text(),
		"dateOfBirth": {kind: kindAny, null: true, check: isBirthDate},
	}
	adjust(s)
	return s
}

func (t *Twin) getContact(c *call) answer {
	found := t.db.contacts[c.path["contactId"]]
	if found == nil {
		return contactNotFound(c.path["contactId"])
	}
	return ok(object{"contact": t.shown(c, found)})
}

func (t *Twin) createContact(c *call) answer {
	n := &contact{Source: "public api"} // §4.1
	if a, bad := t.apply(n, c.in); bad {
		return a
	}
	if n.Email == "" && n.Phone == "" {
		return needsIdentity()
	}
	if !t.cfg.AllowDuplicates {
		if a, bad := t.refuseDuplicate(n); bad {
			return a
		}
	}
	t.addContact(n)
	if c.v3 { // v3 answers the shape of GET: §4.9
		return created(object{"contact": t.shown(c, n)})
	}
	return created(object{"contact": t.createdView(n)})
}

// needsIdentity: at least an email or a phone is needed to create; the status
// is one of the two reported (§4.1).
func needsIdentity() answer {
	return unprocessable("email or phone should not be empty")
}

// refuseDuplicate is the 400 with the existing contact's id: §4.2. That an
// update is refused in the same way is our reading.
func (t *Twin) refuseDuplicate(n *contact) (answer, bool) {
	found, field := (*contact)(nil), "email"
	for _, email := range n.emails() {
		if found == nil {
			found = t.db.withEmail(email, n.ID)
		}
	}
	if found == nil && n.Phone != "" {
		found, field = t.db.withPhone(n.Phone, n.ID), "phone"
	}
	if found == nil {
		return answer{}, false
	}
	a := fail(http.StatusBadRequest, "This location does not allow duplicated contacts.")
	a.body["meta"] = object{"contactId": found.ID, "contactName": found.name(), "matchingField": field}
	return a, true
}

// addContact stores a new contact and tells the world.
func (t *Twin) addContact(n *contact) {
	n.ID = t.newID("contact")
	n.Order = t.db.seq
	n.Added = t.now()
	n.Updated, n.touched, n.by = n.Added, n.Added, t.writer
	t.useTags(n.Tags)
	t.db.putContact(n)
	t.fireContact("ContactCreate", n)
}

func (t *Twin) updateContact(c *call) answer {
	old := t.db.contacts[c.path["contactId"]]
	if old == nil {
		return contactNotFound(c.path["contactId"])
	}
	n := old.clone()
	if a, bad := t.apply(n, c.in); bad {
		return a
	}
	if moved := n.Email != old.Email || n.Phone != old.Phone; moved && !t.cfg.AllowDuplicates {
		if a, bad := t.refuseDuplicate(n); bad {
			return a
		}
	}
	n = t.replaceContact(old, n)
	if c.v3 { // spelt right in v3 only: §4.9
		return ok(object{"succeeded": true, "contact": t.shown(c, n)})
	}
	return ok(object{"succeded": true, "contact": t.shown(c, n)})
}

// replaceContact stores the changed copy n of old, unless they are the same,
// and fires what changed: tags and DND have events of their own (§7.1).
func (t *Twin) replaceContact(old, n *contact) *contact {
	tags := !reflect.DeepEqual(some(old.Tags), some(n.Tags))
	dnd := old.DND != n.DND || !reflect.DeepEqual(old.DNDSettings, n.DNDSettings)
	rest := n.clone()
	rest.Tags, rest.DND, rest.DNDSettings = old.Tags, old.DND, old.DNDSettings
	rest.Custom, rest.AdditionalEmails = some(n.Custom), some(n.AdditionalEmails)
	was := old.clone()
	was.Custom, was.AdditionalEmails = some(old.Custom), some(old.AdditionalEmails)
	other := !reflect.DeepEqual(was, rest)
	if !tags && !dnd && !other {
		return old
	}
	now := t.now()
	n.indexed = t.searchable(old, now)
	if n.indexed != nil { // one step back is all the index needs to remember
		n.indexed = n.indexed.clone()
		n.indexed.indexed = nil
	}
	n.Updated, n.touched, n.by = now, now, t.writer
	t.useTags(n.Tags)
	t.db.putContact(n)
	if other {
		t.fireContact("ContactUpdate", n)
	}
	if tags {
		t.fireContact("ContactTagUpdate", n)
	}
	if dnd {
		t.fireContact("ContactDndUpdate", n)
	}
	return n
}

func (t *Twin) deleteContact(c *call) answer {
	found := t.db.contacts[c.path["contactId"]]
	if found == nil {
		return contactNotFound(c.path["contactId"])
	}
	t.removeContact(found)
	return ok(object{"succeded": true})
}

func (t *Twin) removeContact(c *contact) {
	t.db.dropContact(c.ID)
	t.addGhost(c)
	t.fireContact("ContactDelete", c)
}

// upsertContact looks by email, then by phone (the location's order of them is
// not exposed), and updates what it finds: §4.2.
func (t *Twin) upsertContact(c *call) answer {
	probe := &contact{}
	if a, bad := t.apply(probe, c.in); bad {
		return a
	}
	if probe.Email == "" && probe.Phone == "" {
		return needsIdentity()
	}
	force, _ := c.in["createNewIfDuplicateAllowed"].(bool)
	var old *contact
	byEmail := false
	if !force || !t.cfg.AllowDuplicates { // ignored where duplicates are not allowed
		if probe.Email != "" {
			old = t.db.withEmail(probe.Email, "")
			byEmail = old != nil
		}
		if old == nil && probe.Phone != "" {
			old = t.db.withPhone(probe.Phone, "")
		}
	}
	if old == nil {
		if probe.Source == "" {
			probe.Source = "public api"
		}
		t.addContact(probe)
		return ok(object{"new": true, "contact": t.shown(c, probe)})
	}
	n := old.clone()
	if a, bad := t.apply(n, c.in); bad {
		return a
	}
	if byEmail && n.Phone != old.Phone && !t.cfg.AllowDuplicates && t.db.withPhone(n.Phone, old.ID) != nil {
		// The phone of somebody else is silently left out: §4.2, I#37.
		n.Phone = old.Phone
	}
	return ok(object{"new": false, "contact": t.shown(c, t.replaceContact(old, n))})
}

// duplicateContact answers {contact: null} for nobody: §4.1. It looks by email
// first, then by phone: §4.2.
func (t *Twin) duplicateContact(c *call) answer {
	if c.query("locationId") == "" {
		return noLocation()
	}
	email, number := c.query("email"), c.query("number")
	var found *contact
	if email != "" {
		found = t.db.withEmail(strings.TrimSpace(email), "")
	}
	if found == nil && number != "" {
		// An unescaped + of the query arrives as a space: §4.1.
		found = t.db.withPhone(e164(number), "")
	}
	if found == nil {
		return ok(object{"contact": nil})
	}
	return ok(object{"contact": t.shown(c, found)})
}
