package highlevel

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// contact is a person as stored. Empty values are omitted from every answer
// (§9 no. 11), so the zero value of a field means "not set".
type contact struct {
	ID               string                `json:"id"`
	Order            uint64                `json:"order"` // of creation; breaks ties of dateAdded
	FirstName        string                `json:"firstName,omitempty"`
	LastName         string                `json:"lastName,omitempty"`
	Email            string                `json:"email,omitempty"`
	AdditionalEmails []string              `json:"additionalEmails,omitempty"`
	Phone            string                `json:"phone,omitempty"`
	Gender           string                `json:"gender,omitempty"`
	Address1         string                `json:"address1,omitempty"`
	City             string                `json:"city,omitempty"`
	State            string                `json:"state,omitempty"`
	PostalCode       string                `json:"postalCode,omitempty"`
	Country          string                `json:"country,omitempty"`
	Website          string                `json:"website,omitempty"`
	Timezone         string                `json:"timezone,omitempty"`
	CompanyName      string                `json:"companyName,omitempty"`
	Source           string                `json:"source,omitempty"`
	AssignedTo       string                `json:"assignedTo,omitempty"`
	DateOfBirth      string                `json:"dateOfBirth,omitempty"` // YYYY-MM-DD
	BusinessID       string                `json:"businessId,omitempty"`
	DND              bool                  `json:"dnd,omitempty"`
	DNDSettings      map[string]dndSetting `json:"dndSettings,omitempty"`
	InboundDND       map[string]dndSetting `json:"inboundDndSettings,omitempty"`
	Tags             []string              `json:"tags,omitempty"`
	Followers        []string              `json:"followers,omitempty"`
	Custom           []customValue         `json:"customFields,omitempty"`
	Added            time.Time             `json:"dateAdded"`
	Updated          time.Time             `json:"dateUpdated"`

	by string // who wrote it last

	// What the search index still shows while it lags: §4.3.
	touched time.Time // when this version was written
	indexed *contact  // the version before it; nil: none
}

type dndSetting struct {
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
	Code    string `json:"code,omitempty"`
}

type customValue struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

// texts are the plain text attributes by their API names.
var texts = map[string]func(*contact) *string{
	"firstName":   func(c *contact) *string { return &c.FirstName },
	"lastName":    func(c *contact) *string { return &c.LastName },
	"gender":      func(c *contact) *string { return &c.Gender },
	"address1":    func(c *contact) *string { return &c.Address1 },
	"city":        func(c *contact) *string { return &c.City },
	"state":       func(c *contact) *string { return &c.State },
	"postalCode":  func(c *contact) *string { return &c.PostalCode },
	"country":     func(c *contact) *string { return &c.Country },
	"website":     func(c *contact) *string { return &c.Website },
	"timezone":    func(c *contact) *string { return &c.Timezone },
	"companyName": func(c *contact) *string { return &c.CompanyName },
	"source":      func(c *contact) *string { return &c.Source },
	"assignedTo":  func(c *contact) *string { return &c.AssignedTo },
}

func (c *contact) clone() *contact {
	d := *c
	return &d
}

func (c *contact) name() string {
	return strings.TrimSpace(c.FirstName + " " + c.LastName)
}

// emails lists all addresses in lower case, the primary one first.
func (c *contact) emails() []string {
	var out []string
	if c.Email != "" {
		out = append(out, strings.ToLower(c.Email))
	}
	for _, e := range c.AdditionalEmails {
		if e = strings.ToLower(e); !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

func newestFirst(a, b *contact) int {
	if c := b.Added.Compare(a.Added); c != 0 {
		return c
	}
	return int(int64(b.Order) - int64(a.Order))
}

// apply puts the fields of a validated body on c. Null and empty clear a
// standard field; tags replace all there were (§4.1).
func (t *Twin) apply(c *contact, in object) (answer, bool) {
	for key, at := range texts {
		if v, present := in[key]; present {
			s, _ := v.(string)
			*at(c) = strings.TrimSpace(s)
		}
	}
	// The full name counts only where its parts are not given.
	_, first := in["firstName"]
	_, last := in["lastName"]
	if full, ok := in["name"].(string); ok && !first && !last {
		c.FirstName, c.LastName, _ = strings.Cut(strings.TrimSpace(full), " ")
		c.LastName = strings.TrimSpace(c.LastName)
	}
	if v, present := in["email"]; present {
		s, _ := v.(string)
		s = strings.TrimSpace(s)
		// An additional address that is written as the primary one replaces it,
		// and the old primary is gone: §4.2, I#337.
		c.AdditionalEmails = slices.DeleteFunc(slices.Clone(c.AdditionalEmails), func(e string) bool { return strings.EqualFold(e, s) })
		c.Email = s
	}
	if v, present := in["phone"]; present {
		s, _ := v.(string)
		c.Phone = e164(s)
	}
	if v, present := in["dateOfBirth"]; present {
		s, _ := v.(string)
		c.DateOfBirth = birthDate(s)
	}
	if v, ok := in["dnd"].(bool); ok {
		c.DND = v
	}
	if v, ok := in["dndSettings"].(map[string]any); ok {
		c.DNDSettings = mergeDND(c.DNDSettings, v)
	}
	if v, ok := in["inboundDndSettings"].(map[string]any); ok {
		c.InboundDND = mergeDND(c.InboundDND, v)
	}
	if v, ok := in["tags"].([]any); ok {
		c.Tags = lowered(v)
	}
	if v, ok := in["customFields"].([]any); ok {
		custom, complaints := t.customValues(c.Custom, v)
		if len(complaints) > 0 {
			return unprocessable(complaints...), true
		}
		c.Custom = custom
	}
	return answer{}, false
}

// lowered is how tags are stored: §4.5.
func lowered(in []any) []string {
	var out []string
	for _, v := range in {
		if s := strings.ToLower(strings.TrimSpace(v.(string))); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// dndChannels maps the v3 spelling of a channel to the older one: §4.6.
var dndChannels = map[string]string{
	"Call": "Call", "Email": "Email", "SMS": "SMS", "WhatsApp": "WhatsApp", "GMB": "GMB", "FB": "FB", "RCS": "RCS",
	"call": "Call", "email": "Email", "sms": "SMS", "whatsApp": "WhatsApp", "gmb": "GMB", "fb": "FB", "all": "all",
}

func mergeDND(old map[string]dndSetting, in map[string]any) map[string]dndSetting {
	out := maps.Clone(old)
	if out == nil {
		out = map[string]dndSetting{}
	}
	for channel, v := range in {
		m, _ := v.(map[string]any)
		var s dndSetting
		s.Status, _ = m["status"].(string)
		s.Message, _ = m["message"].(string)
		s.Code, _ = m["code"].(string)
		out[dndChannels[channel]] = s
	}
	return out
}

// contactView is the shape of GET, PUT and upsert answers: §4.1.
type contactView struct {
	ID                 string                `json:"id"`
	Name               string                `json:"name,omitempty"`
	LocationID         string                `json:"locationId"`
	FirstName          string                `json:"firstName,omitempty"`
	LastName           string                `json:"lastName,omitempty"`
	Email              string                `json:"email,omitempty"`
	EmailLowerCase     string                `json:"emailLowerCase,omitempty"`
	FirstNameLowerCase string                `json:"firstNameLowerCase,omitempty"`
	LastNameLowerCase  string                `json:"lastNameLowerCase,omitempty"`
	FullNameLowerCase  string                `json:"fullNameLowerCase,omitempty"`
	Timezone           string                `json:"timezone,omitempty"`
	CompanyName        string                `json:"companyName,omitempty"`
	Phone              string                `json:"phone,omitempty"`
	DND                bool                  `json:"dnd"`
	DNDSettings        map[string]dndSetting `json:"dndSettings,omitempty"`
	InboundDND         map[string]dndSetting `json:"inboundDndSettings,omitempty"`
	Type               string                `json:"type"`
	Source             string                `json:"source,omitempty"`
	AssignedTo         string                `json:"assignedTo,omitempty"`
	Address1           string                `json:"address1,omitempty"`
	City               string                `json:"city,omitempty"`
	State              string                `json:"state,omitempty"`
	Country            string                `json:"country,omitempty"`
	PostalCode         string                `json:"postalCode,omitempty"`
	Website            string                `json:"website,omitempty"`
	Tags               []string              `json:"tags"`
	DateOfBirth        string                `json:"dateOfBirth,omitempty"`
	DateAdded          string                `json:"dateAdded"`
	DateUpdated        string                `json:"dateUpdated"`
	CustomFields       []customValue         `json:"customFields"`
	BusinessID         string                `json:"businessId,omitempty"`
	AdditionalEmails   []extraEmail          `json:"additionalEmails,omitempty"`
	Followers          []string              `json:"followers,omitempty"`
}

type extraEmail struct {
	Email string `json:"email"`
}

func (t *Twin) view(c *contact) contactView {
	v := contactView{
		ID: c.ID, Name: c.name(), LocationID: t.cfg.LocationID,
		FirstName: c.FirstName, LastName: c.LastName, Email: c.Email, EmailLowerCase: strings.ToLower(c.Email),
		FirstNameLowerCase: strings.ToLower(c.FirstName), LastNameLowerCase: strings.ToLower(c.LastName),
		FullNameLowerCase: strings.ToLower(c.name()),
		Timezone:          c.Timezone, CompanyName: c.CompanyName, Phone: c.Phone,
		DND: c.DND, DNDSettings: c.DNDSettings, InboundDND: c.InboundDND,
		Type: "lead", Source: c.Source, AssignedTo: c.AssignedTo,
		Address1: c.Address1, City: c.City, State: c.State, Country: c.Country, PostalCode: c.PostalCode,
		Website: c.Website, Tags: some(c.Tags), DateOfBirth: c.DateOfBirth,
		DateAdded: stamp(c.Added), DateUpdated: stamp(c.Updated), CustomFields: some(c.Custom),
		BusinessID: c.BusinessID, Followers: c.Followers,
	}
	for _, e := range c.AdditionalEmails {
		v.AdditionalEmails = append(v.AdditionalEmails, extraEmail{e})
	}
	return v
}

// shown is the view in the spelling of the version asked for: v3 has other
// keys for the DND channels (§4.9).
func (t *Twin) shown(c *call, x *contact) contactView {
	v := t.view(x)
	if c.v3 && v.DNDSettings != nil {
		v.DNDSettings = map[string]dndSetting{}
		for name, channel := range dndChannels {
			if setting, set := x.DNDSettings[channel]; set && (name != channel || channel == "RCS") {
				v.DNDSettings[name] = setting
			}
		}
	}
	return v
}

// createdView is the other set of keys a create answers with: §4.1.
type createdView struct {
	ID                    string                `json:"id"`
	DateAdded             string                `json:"dateAdded"`
	DateUpdated           string                `json:"dateUpdated"`
	Deleted               bool                  `json:"deleted"`
	Tags                  []string              `json:"tags"`
	Type                  string                `json:"type"`
	CustomFields          []customValue         `json:"customFields"`
	LocationID            string                `json:"locationId"`
	FirstName             string                `json:"firstName,omitempty"`
	FirstNameLowerCase    string                `json:"firstNameLowerCase,omitempty"`
	FullNameLowerCase     string                `json:"fullNameLowerCase,omitempty"`
	LastName              string                `json:"lastName,omitempty"`
	LastNameLowerCase     string                `json:"lastNameLowerCase,omitempty"`
	Email                 string                `json:"email,omitempty"`
	EmailLowerCase        string                `json:"emailLowerCase,omitempty"`
	BounceEmail           bool                  `json:"bounceEmail"`
	UnsubscribeEmail      bool                  `json:"unsubscribeEmail"`
	DND                   bool                  `json:"dnd"`
	DNDSettings           map[string]dndSetting `json:"dndSettings,omitempty"`
	Phone                 string                `json:"phone,omitempty"`
	Address1              string                `json:"address1,omitempty"`
	City                  string                `json:"city,omitempty"`
	State                 string                `json:"state,omitempty"`
	Country               string                `json:"country,omitempty"`
	PostalCode            string                `json:"postalCode,omitempty"`
	Website               string                `json:"website,omitempty"`
	Source                string                `json:"source,omitempty"`
	CompanyName           string                `json:"companyName,omitempty"`
	DateOfBirth           string                `json:"dateOfBirth,omitempty"`
	BirthMonth            int                   `json:"birthMonth,omitempty"`
	BirthDay              int                   `json:"birthDay,omitempty"`
	LastSessionActivityAt string                `json:"lastSessionActivityAt"`
	Offers                []string              `json:"offers"`
	Products              []string              `json:"products"`
	AssignedTo            string                `json:"assignedTo,omitempty"`
}

func (t *Twin) createdView(c *contact) createdView {
	v := createdView{
		ID: c.ID, DateAdded: stamp(c.Added), DateUpdated: stamp(c.Updated), Tags: some(c.Tags), Type: "lead",
		CustomFields: some(c.Custom), LocationID: t.cfg.LocationID,
		FirstName: c.FirstName, FirstNameLowerCase: strings.ToLower(c.FirstName),
		LastName: c.LastName, LastNameLowerCase: strings.ToLower(c.LastName), FullNameLowerCase: strings.ToLower(c.name()),
		Email: c.Email, EmailLowerCase: strings.ToLower(c.Email), DND: c.DND, DNDSettings: c.DNDSettings, Phone: c.Phone,
		Address1: c.Address1, City: c.City, State: c.State, Country: c.Country, PostalCode: c.PostalCode,
		Website: c.Website, Source: c.Source, CompanyName: c.CompanyName, AssignedTo: c.AssignedTo,
		LastSessionActivityAt: stamp(c.Added), Offers: []string{}, Products: []string{},
	}
	if at, err := time.Parse(time.DateOnly, c.DateOfBirth); err == nil {
		v.DateOfBirth, v.BirthMonth, v.BirthDay = stamp(at), int(at.Month()), at.Day()
	}
	return v
}

// some makes an empty list encode as [] instead of null.
func some[T any](in []T) []T {
	if in == nil {
		return []T{}
	}
	return in
}
