package highlevel

import (
	"encoding/json"
	"time"
)

// contactEvent is flat, with type and locationId beside the contact's own
// keys: §7.1. It carries neither dateUpdated nor what changed.
type contactEvent struct {
	Type         string                `json:"type"`
	LocationID   string                `json:"locationId"`
	ID           string                `json:"id"`
	Address1     string                `json:"address1,omitempty"`
	City         string                `json:"city,omitempty"`
	State        string                `json:"state,omitempty"`
	CompanyName  string                `json:"companyName,omitempty"`
	Country      string                `json:"country,omitempty"`
	Source       string                `json:"source,omitempty"`
	DateAdded    string                `json:"dateAdded"`
	DateOfBirth  string                `json:"dateOfBirth,omitempty"`
	DND          bool                  `json:"dnd"`
	DNDSettings  map[string]dndSetting `json:"dndSettings,omitempty"`
	Email        string                `json:"email,omitempty"`
	Name         string                `json:"name,omitempty"`
	FirstName    string                `json:"firstName,omitempty"`
	LastName     string                `json:"lastName,omitempty"`
	Phone        string                `json:"phone,omitempty"`
	PostalCode   string                `json:"postalCode,omitempty"`
	Tags         []string              `json:"tags"`
	Website      string                `json:"website,omitempty"`
	Attachments  []string              `json:"attachments"` // always empty by now: §7.1, I#324
	AssignedTo   string                `json:"assignedTo,omitempty"`
	CustomFields []customValue         `json:"customFields"`

	envelope
}

// envelope is what live deliveries add to every event: §7.1.
type envelope struct {
	Timestamp string `json:"timestamp"`
	WebhookID string `json:"webhookId"`
	AppID     string `json:"appId"`
	VersionID string `json:"versionId"`
}

func (t *Twin) envelope() envelope {
	t.db.seq++
	return envelope{stamp(t.now()), derivedUUID(t.cfg.Seed, "webhook", t.db.seq), t.cfg.AppID, t.cfg.AppID}
}

func (t *Twin) fireContact(kind string, c *contact) {
	if !t.heard() {
		return
	}
	e := contactEvent{
		Type: kind, LocationID: t.cfg.LocationID, ID: c.ID, Address1: c.Address1, City: c.City, State: c.State,
		CompanyName: c.CompanyName, Country: c.Country, Source: c.Source, DateAdded: stamp(c.Added), DND: c.DND,
		Email: c.Email, Name: c.name(), FirstName: c.FirstName, LastName: c.LastName, Phone: c.Phone,
		PostalCode: c.PostalCode, Tags: some(c.Tags), Website: c.Website, Attachments: []string{},
		AssignedTo: c.AssignedTo, CustomFields: some(c.Custom), envelope: t.envelope(),
	}
	if kind == "ContactDndUpdate" {
		e.DNDSettings = c.DNDSettings
	}
	if at, err := time.Parse(time.DateOnly, c.DateOfBirth); err == nil {
		e.DateOfBirth = stamp(at)
	}
	t.fire(c.ID, readContacts, e)
}

// fireNote has a fixed set of keys, without author and title: §7.1, I#312.
func (t *Twin) fireNote(kind string, x *note) {
	if !t.heard() {
		return
	}
	t.fire(x.ContactID, readContacts, struct {
		Type       string `json:"type"`
		LocationID string `json:"locationId"`
		ID         string `json:"id"`
		Body       string `json:"body"`
		ContactID  string `json:"contactId"`
		DateAdded  string `json:"dateAdded"`
		envelope
	}{kind, t.cfg.LocationID, x.ID, x.Body, x.ContactID, stamp(x.Added), t.envelope()})
}

// fireTask leaves contactId and body out of TaskCreate, unlike the documented
// example: §7.1, I#332.
func (t *Twin) fireTask(kind string, x *task) {
	if !t.heard() {
		return
	}
	e := struct {
		Type       string `json:"type"`
		LocationID string `json:"locationId"`
		ID         string `json:"id"`
		AssignedTo string `json:"assignedTo,omitempty"`
		Body       string `json:"body,omitempty"`
		ContactID  string `json:"contactId,omitempty"`
		Title      string `json:"title"`
		DateAdded  string `json:"dateAdded"`
		DueDate    string `json:"dueDate"`
		envelope
	}{kind, t.cfg.LocationID, x.ID, x.AssignedTo, x.Body, x.ContactID, x.Title, stamp(x.Added), x.DueDate, t.envelope()}
	if kind == "TaskCreate" {
		e.Body, e.ContactID = "", ""
	}
	t.fire(x.ContactID, readContacts, e)
}

// heard tells whether anybody gets to know of events.
func (t *Twin) heard() bool { return t.cfg.Tap != nil || t.db.webhookURL != "" }

// fire signs an event and hands it over for delivery. Events need the scope
// of what they tell about: §7.1.
func (t *Twin) fire(lane, scope string, event any) {
	for _, missing := range t.faults.MissingScopes {
		if missing == scope {
			return
		}
	}
	body, err := json.Marshal(event)
	if err != nil { // our own shapes always encode
		return
	}
	copies := 1
	switch {
	case t.faults.WebhooksLost > 0:
		t.faults.WebhooksLost--
		t.hooks.lost.Add(1)
		return
	case t.faults.WebhooksDoubled > 0:
		t.faults.WebhooksDoubled--
		copies = 2
	}
	for range copies {
		if t.cfg.Tap != nil {
			t.tapped = append(t.tapped, body)
			continue
		}
		t.hooks.enqueue(delivery{
			lane: lane, url: t.db.webhookURL, body: body,
			after: time.Duration(t.faults.WebhookDelayMs) * time.Millisecond,
		})
	}
}
