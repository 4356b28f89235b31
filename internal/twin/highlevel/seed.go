package highlevel

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// furnish gives a new location what every real one has before its first
// contact: people who work there, custom fields, companies.
func (t *Twin) furnish() {
	for _, u := range []user{
		{FirstName: "Morgan", LastName: "Reyes", Role: "admin", Phone: "+12075550101"},
		{FirstName: "Priya", LastName: "Nair", Role: "user", Phone: "+12075550102"},
		{FirstName: "Tomás", LastName: "Berg", Role: "user", Phone: "+12075550103"},
	} {
		u.ID = t.newID("user")
		u.Email = fieldKey(strings.ReplaceAll(u.FirstName, "á", "a")) + "@harborstreetdental.example"
		t.db.users.put(u.ID, &u)
	}
	for i, f := range []customField{
		{Name: "Support ID", DataType: "TEXT", Model: "contact"},
		{Name: "Plan", DataType: "SINGLE_OPTIONS", Model: "contact", PicklistOptions: []string{"Free", "Starter", "Pro", "Enterprise"}},
		{Name: "Monthly Spend", DataType: "MONETORY", Model: "contact"},
		{Name: "Seats", DataType: "NUMERICAL", Model: "contact"},
		{Name: "Customer Since", DataType: "DATE", Model: "contact"},
		{Name: "Interests", DataType: "MULTIPLE_OPTIONS", Model: "contact", PicklistOptions: []string{"Whitening", "Implants", "Orthodontics", "Check-ups"}},
		{Name: "Consent", DataType: "CHECKBOX", Model: "contact", PicklistOptions: []string{"Newsletter", "Text messages"}},
		{Name: "Preferred Channel", DataType: "RADIO", Model: "contact", PicklistOptions: []string{"Email", "Phone", "Text"}},
		{Name: "Background", DataType: "LARGE_TEXT", Model: "contact"},
		{Name: "Expected Close", DataType: "DATE", Model: "opportunity"},
	} {
		f.LocationID, f.Position = t.cfg.LocationID, float64(i*50)
		t.addCustomField(&f)
	}
	now := t.now()
	for _, name := range []string{"Casco Bay Roasters", "Northwind Outfitters", "Alder & Finch"} {
		b := &business{ID: t.newHexID("business"), Name: name, City: locationCity, State: "ME", Country: "US",
			LocationID: t.cfg.LocationID, CreatedAt: now, UpdatedAt: now}
		t.db.businesses.put(b.ID, b)
	}
}

var (
	firstNames = strings.Fields("Ada Ben Clara Dmitri Elena Farid Grace Hugo Imani Jonas Keiko Liam Marta Noor Oscar Paula Quinn Rosa Samir Tessa " +
		"Uma Victor Wanda Xavier Yara Zoe Amara Bruno Chloé Daniel Esther Felix Greta Hannah Ivan Julia Kofi Lucía Mateo Nadia")
	lastNames = strings.Fields("Abbott Bakker Castillo Dubois Eriksen Fischer García Haddad Ito Jansen Kowalski Lindqvist Moreau Novak O'Brien Patel " +
		"Quist Rossi Santos Tanaka Ulrich Vance Whitfield Xu Yilmaz Zhang Achebe Brandt Chen Duarte")
	cities = [][3]string{
		{"Portland", "ME", "04101"}, {"Boston", "MA", "02108"}, {"Burlington", "VT", "05401"}, {"Providence", "RI", "02903"},
		{"Concord", "NH", "03301"}, {"Hartford", "CT", "06103"}, {"Albany", "NY", "12207"},
	}
	streets   = strings.Fields("Maple Harbor Congress Elm Pine Bramhall Winter Spring Franklin Oak")
	workplace = []string{"Casco Bay Roasters", "Northwind Outfitters", "Alder & Finch", "Granite Labs", "Pinecone Studio", "Tidewater Legal"}
	seedTags  = []string{"newsletter", "vip", "trial", "customer", "referral"}
	sources   = []string{"website form", "referral", "walk-in", "google ads", "public api"}
	plain     = strings.NewReplacer("é", "e", "í", "i", "'", "", "á", "a")
)

// SeedContacts adds n believable people, the same ones for the same Seed. It
// fires no webhook, and does nothing if the state file already held contacts.
func (t *Twin) SeedContacts(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.restored {
		return
	}
	dice := rand.New(rand.NewPCG(t.cfg.Seed, uint64(len(t.db.contacts))+1))
	now := t.now()
	offset := len(t.db.contacts)
	for i := range n {
		c := t.person(dice, offset+i)
		c.ID = t.newID("contact")
		c.Order = t.db.seq
		// The oldest comes first, about an hour apart, down to a few minutes ago.
		c.Added = now.Add(-time.Duration(n-i)*53*time.Minute - time.Duration(dice.IntN(1200))*time.Second).Truncate(time.Millisecond)
		c.Updated = c.Added.Add(time.Duration(dice.IntN(600)) * time.Second)
		if c.Updated.After(now) {
			c.Updated = c.Added
		}
		t.db.putContact(c)
		if i%9 == 0 {
			t.furnishContact(c, dice)
		}
	}
	t.changed()
}

func (t *Twin) person(dice *rand.Rand, i int) *contact {
	pick := func(list []string) string { return list[dice.IntN(len(list))] }
	c := &contact{FirstName: pick(firstNames), LastName: pick(lastNames), Source: pick(sources)}
	handle := strings.ToLower(plain.Replace(c.FirstName + "." + c.LastName))
	c.Email = fmt.Sprintf("%s%d@%s.example", handle, i+1, []string{"mail", "inbox", "post"}[dice.IntN(3)])
	if dice.IntN(8) > 0 { // not everybody leaves a number
		c.Phone = fmt.Sprintf("+1%03d555%04d", 201+i/10000%700, i%10000)
	}
	if dice.IntN(3) > 0 {
		place := cities[dice.IntN(len(cities))]
		c.City, c.State, c.PostalCode, c.Country = place[0], place[1], place[2], "US"
		c.Address1 = fmt.Sprintf("%d %s Street", 1+dice.IntN(300), pick(streets))
		c.Timezone = locationZone
	}
	if dice.IntN(2) == 0 {
		c.CompanyName = pick(workplace)
	}
	if dice.IntN(5) == 0 {
		c.DateOfBirth = time.Date(1955+dice.IntN(48), time.Month(1+dice.IntN(12)), 1+dice.IntN(28), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	}
	if dice.IntN(2) == 0 {
		c.Tags = t.useTags([]string{pick(seedTags)})
	}
	set := func(key string, v any) {
		if f := t.customFieldByKey(key); f != nil {
			c.Custom = append(c.Custom, customValue{f.ID, v})
		}
	}
	if dice.IntN(3) == 0 {
		set("plan", pick([]string{"Free", "Starter", "Pro", "Enterprise"}))
		set("monthly_spend", float64(dice.IntN(400)*5))
		set("seats", float64(1+dice.IntN(40)))
	}
	if dice.IntN(6) == 0 {
		set("interests", []string{"Check-ups", pick([]string{"Whitening", "Implants"})})
	}
	if users := t.db.users.list(nil); len(users) > 0 && dice.IntN(4) == 0 {
		c.AssignedTo = users[dice.IntN(len(users))].ID
	}
	return c
}

// furnishContact gives a contact a note, a task and an appointment.
func (t *Twin) furnishContact(c *contact, dice *rand.Rand) {
	x := &note{ID: t.newID("note"), ContactID: c.ID, UserID: t.adminID(), Added: c.Added, Body: "Asked for a call back about the price list."}
	t.db.notes.put(x.ID, x)
	k := &task{ID: t.newID("task"), ContactID: c.ID, Title: "Send the price list", Added: c.Added, AssignedTo: t.adminID(),
		DueDate: stamp(c.Added.Add(48 * time.Hour)), Completed: dice.IntN(2) == 0}
	t.db.tasks.put(k.ID, k)
	start := c.Added.Add(72 * time.Hour).Truncate(time.Hour)
	a := &appointment{ID: t.newID("appointment"), CalendarID: t.calendarID(1), ContactID: c.ID,
		Title: "First visit", Status: "confirmed", AssignedUserID: t.adminID(), Start: start, End: start.Add(30 * time.Minute),
		Added: c.Added, Address: locationStreet}
	t.db.appointments.put(a.ID, a)
}
