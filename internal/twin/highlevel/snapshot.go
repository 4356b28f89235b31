package highlevel

import (
	"maps"
	"slices"
	"time"
)

// Snapshot is what a location holds, for somebody who checks what became of it:
// plain copies, past API, permissions and search lag.
type Snapshot struct {
	Contacts []Contact // oldest first, as the others
	Tasks    []Task
	Notes    []Note
	// Appointments are those that clients of the API can only read.
	Appointments []Appointment
}

// Contact is a contact as it is stored. By is who wrote it last: "api",
// "person", or empty for what was there from the start.
type Contact struct {
	ID               string
	FirstName        string
	LastName         string
	Email            string
	AdditionalEmails []string
	Phone            string
	Gender           string
	Address1         string
	City             string
	State            string
	PostalCode       string
	Country          string
	Website          string
	Timezone         string
	CompanyName      string
	BusinessID       string
	Source           string
	AssignedTo       string
	DateOfBirth      string // YYYY-MM-DD
	DND              bool
	DNDChannels      map[string]string // channel to status
	Tags             []string
	Followers        []string
	Custom           map[string]any // by the custom field's id; text, number, []string or, for a file, an object

	Created time.Time
	Updated time.Time
	By      string
}

// Task is a task as it is stored, with the times that the API does not tell.
type Task struct {
	ID         string
	ContactID  string
	Title      string
	Body       string
	AssignedTo string
	DueDate    time.Time
	Completed  bool

	Created time.Time
	Updated time.Time
	By      string
}

// Note is a note as it is stored, with the time of change that the API does not
// tell.
type Note struct {
	ID        string
	ContactID string
	Title     string
	Body      string
	UserID    string
	Color     string
	Pinned    bool

	Created time.Time
	Updated time.Time
	By      string
}

// Appointment is an appointment as it is stored.
type Appointment struct {
	ID        string
	ContactID string
	Calendar  string // its name
	Title     string
	Status    string
	Address   string
	Notes     string
	Start     time.Time
	End       time.Time

	Created time.Time
	Updated time.Time
}

// Snapshot returns everything as it is at one moment.
func (t *Twin) Snapshot() Snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	var s Snapshot
	for _, c := range t.db.sortedContacts() {
		s.Contacts = append(s.Contacts, c.plain())
	}
	slices.Reverse(s.Contacts)
	for _, x := range t.db.tasks.list(nil) {
		s.Tasks = append(s.Tasks, x.plain())
	}
	for _, x := range t.db.notes.list(nil) {
		s.Notes = append(s.Notes, x.plain())
	}
	for _, x := range t.db.appointments.list(nil) {
		s.Appointments = append(s.Appointments, t.plain(x))
	}
	return s
}

// Tasks returns all tasks, oldest first.
func (t *Twin) Tasks() []Task { return t.Snapshot().Tasks }

// Appointments returns all appointments, oldest first.
func (t *Twin) Appointments() []Appointment { return t.Snapshot().Appointments }

func (t *Twin) plain(x *appointment) Appointment {
	a := Appointment{
		ID: x.ID, ContactID: x.ContactID, Title: x.Title, Status: x.Status, Address: x.Address, Notes: x.Notes,
		Start: x.Start, End: x.End, Created: x.Added, Updated: x.updated(),
	}
	if i := slices.Index(t.CalendarIDs(), x.CalendarID); i >= 0 {
		a.Calendar = calendarNames[i]
	}
	return a
}

// Notes returns all notes, oldest first.
func (t *Twin) Notes() []Note { return t.Snapshot().Notes }

// Task returns one task by its own id.
func (t *Twin) Task(id string) (Task, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.db.tasks.get(id)
	if x == nil {
		return Task{}, false
	}
	return x.plain(), true
}

// Note returns one note by its own id.
func (t *Twin) Note(id string) (Note, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.db.notes.get(id)
	if x == nil {
		return Note{}, false
	}
	return x.plain(), true
}

func (c *contact) plain() Contact {
	out := Contact{
		ID: c.ID, FirstName: c.FirstName, LastName: c.LastName, Email: c.Email, AdditionalEmails: slices.Clone(c.AdditionalEmails),
		Phone: c.Phone, Gender: c.Gender, Address1: c.Address1, City: c.City, State: c.State, PostalCode: c.PostalCode,
		Country: c.Country, Website: c.Website, Timezone: c.Timezone, CompanyName: c.CompanyName, BusinessID: c.BusinessID,
		Source: c.Source, AssignedTo: c.AssignedTo, DateOfBirth: c.DateOfBirth, DND: c.DND, Tags: slices.Clone(c.Tags),
		Followers: slices.Clone(c.Followers), Custom: map[string]any{}, DNDChannels: map[string]string{},
		Created: c.Added, Updated: c.Updated, By: c.by,
	}
	for channel, setting := range c.DNDSettings {
		out.DNDChannels[channel] = setting.Status
	}
	for _, v := range c.Custom {
		out.Custom[v.ID] = ownCopy(v.Value)
	}
	return out
}

func ownCopy(v any) any {
	switch v := v.(type) {
	case []string:
		return slices.Clone(v)
	case []any:
		return slices.Clone(v)
	case map[string]any:
		return maps.Clone(v)
	}
	return v
}

func (x *task) plain() Task {
	due, _ := time.Parse(time.RFC3339, x.DueDate) // always one of ours
	return Task{
		ID: x.ID, ContactID: x.ContactID, Title: x.Title, Body: x.Body, AssignedTo: x.AssignedTo, DueDate: due, Completed: x.Completed,
		Created: x.Added, Updated: latest(x.Added, x.Updated), By: x.by,
	}
}

func (x *note) plain() Note {
	return Note{
		ID: x.ID, ContactID: x.ContactID, Title: x.Title, Body: x.Body, UserID: x.UserID, Color: x.Color, Pinned: x.Pinned,
		Created: x.Added, Updated: latest(x.Added, x.Updated), By: x.by,
	}
}

// latest: what was there from the start has only the time of its making.
func latest(made, changed time.Time) time.Time {
	if changed.After(made) {
		return changed
	}
	return made
}
