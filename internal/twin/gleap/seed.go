package gleap

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// furnish gives an empty project its agents and teams.
func (t *Twin) furnish() {
	t.addUser(0, "service_account", "API", "Key", "api@harbor.example")
	t.addUser(1, "default", "Maren", "Holt", "maren@harbor.example")
	t.addUser(2, "default", "Tomás", "Ortiz", "tomas@harbor.example")
	t.addTeam(object{"name": "Support", "assignmentMethod": "balanced", "members": []any{t.agent(), derivedID(t.cfg.Seed, "user", 2)}})
	t.addTeam(object{"name": "Billing", "assignmentMethod": "manual", "members": []any{t.agent()}})
}

var (
	firstNames = strings.Fields("Ada Ben Clara Dmitri Elena Farid Grace Hugo Imani Jonas Keiko Liam Marta Noor Oscar Paula Quinn Rosa Samir Tessa " +
		"Uma Victor Wanda Yara Zoë Amara Bruno Chloé Daniel Esther Felix Greta Hannah Iván Julia Kofi Lucía Mateo Nadia Łukasz")
	lastNames = strings.Fields("Abbott Bakker Castillo Dubois Eriksen Fischer García Haddad Ito Jansen Kowalski Lindqvist Moreau Novák O'Brien Patel " +
		"Quist Rossi Santos Tanaka Ulrich Vance Whitfield Xu Yılmaz Zhang Achebe Brandt Chen Müller")
	wholeNames = []string{"李小龙", "محمد علي", "Ольга Иванова", "Σοφία", "Prince", "Cher", "佐藤 さくら", "Nguyễn Thị Hoa", "Björk"}
	plans      = []string{"free", "free", "starter", "pro", "enterprise"}
	companies  = []string{"Casco Bay Roasters", "Northwind Outfitters", "Alder & Finch", "Granite Labs", "Pinecone Studio", "Tidewater Legal"}
	seedTags   = []string{"newsletter", "vip", "trial", "beta", "churn-risk"}
	plainName  = strings.NewReplacer("é", "e", "í", "i", "á", "a", "ë", "e", "ł", "l", "ü", "u", "ı", "i", "'", "", "à", "a")
	questions  = [][3]string{
		{"INQUIRY", "How do I change my plan?", "I would like to move to the yearly plan. Where do I find that?"},
		{"BUG", "Login button does nothing on iOS", "After the last update the login button does not respond."},
		{"FEATURE_REQUEST", "Export as CSV", "It would help us a lot to export the report as CSV."},
		{"INQUIRY", "Invoice for March is missing", "Our bookkeeping needs the invoice for March."},
		{"BUG", "Map stays empty", "The map on the start page stays empty in Firefox."},
		{"CUSTOMERSUCCESS", "Onboarding call", "Could we have a call next week?"},
	}
)

// SeedContacts adds n believable people and a ticket for about every fourth,
// the same ones for the same Seed. It fires no webhook, and does nothing if the
// state file already held contacts.
func (t *Twin) SeedContacts(n int) {
	t.begin("")
	defer t.end()
	if t.restored || n <= 0 {
		return
	}
	log := t.db.events
	t.silent = true
	defer func() { t.silent, t.db.events = false, log }()

	offset := t.db.sessions.len()
	dice := rand.New(rand.NewPCG(t.cfg.Seed, uint64(offset)+1))
	now := t.cfg.Now()
	for i := range n {
		// The oldest comes first, about an hour apart, down to a few minutes ago.
		created := now.Add(-time.Duration(n-i)*53*time.Minute - time.Duration(dice.IntN(1200))*time.Second)
		updated := created.Add(time.Duration(dice.IntN(600)) * time.Second)
		if updated.After(now) {
			updated = created
		}
		doc := t.newSession(t.somebody(dice, offset+i))
		doc = with(doc, object{
			"createdAt": stamp(created), "firstActivity": stamp(created), "updatedAt": stamp(updated), "lastActivity": stamp(updated),
			"sessions": float64(1 + dice.IntN(40)),
		})
		t.db.sessions.put(doc)
		if i%4 == 1 {
			t.askSomething(doc, dice, updated)
		}
	}
	t.changed()
}

// somebody has what people really leave: some nothing but a visit (§7), some a
// number as they would dial it at home.
func (t *Twin) somebody(dice *rand.Rand, i int) object {
	pick := func(list []string) string { return list[dice.IntN(len(list))] }
	if dice.IntN(100) < 15 { // a guest
		out := object{"deviceType": pick([]string{"web", "ios", "android"})}
		if dice.IntN(4) == 0 {
			out["name"] = pick(firstNames)
		}
		return out
	}
	first, last := pick(firstNames), pick(lastNames)
	name := first + " " + last
	switch dice.IntN(16) {
	case 0:
		name = pick(wholeNames)
	case 1:
		name = first
	}
	handle := strings.ToLower(plainName.Replace(strings.ToLower(first + "." + last)))
	out := object{
		"name": name, "email": fmt.Sprintf("%s%d@%s.example", handle, i+1, pick([]string{"mail", "inbox", "post"})),
		"userId": fmt.Sprintf("user_%05d", i+1), "plan": pick(plans), "deviceType": pick([]string{"web", "ios", "android"}),
		"value": float64(dice.IntN(120) * 10), "lang": pick([]string{"en", "en", "en", "de", "es", "fr"}),
	}
	switch dice.IntN(6) {
	case 0: // leaves no number
	case 1:
		out["phone"] = fmt.Sprintf("(%d) 555-%04d", 503+i/10000%700, i%10000)
	case 2:
		out["phone"] = fmt.Sprintf("030 5550%04d", i%10000)
	case 3:
		out["phone"] = fmt.Sprintf("+44 20 7946 %04d", i%10000)
	default:
		out["phone"] = fmt.Sprintf("+1%03d555%04d", 503+i/10000%700, i%10000)
	}
	if dice.IntN(2) == 0 {
		n := dice.IntN(len(companies))
		out["companyName"], out["companyId"] = companies[n], fmt.Sprintf("co_%d", n+1)
	}
	if dice.IntN(2) == 0 {
		tags := []any{pick(seedTags)}
		if other := pick(seedTags); other != tags[0] && dice.IntN(3) == 0 {
			tags = append(tags, other)
		}
		out["tags"] = tags
	}
	if dice.IntN(3) > 0 {
		out["customData"] = object{
			"seats": float64(1 + dice.IntN(40)), "trial": dice.IntN(3) == 0, "role": pick([]string{"owner", "admin", "member"}),
		}
	}
	return out
}

// askSomething opens a ticket for a contact, with a message and at times an
// answer and a note.
func (t *Twin) askSomething(session object, dice *rand.Rand, at time.Time) {
	q := questions[dice.IntN(len(questions))]
	doc := t.addTicket(object{
		"type": q[0], "title": q[1], "formData": object{"description": q[2]}, "session": session["_id"],
		"priority": priorities[dice.IntN(len(priorities))], "status": []string{"OPEN", "OPEN", "DONE"}[dice.IntN(3)],
	})
	id := text(doc, "_id")
	say := func(in object) { t.addMessage(t.db.tickets.get(id), in, t.agent()) }
	say(object{"comment": q[2], "session": session["_id"]})
	if dice.IntN(2) == 0 {
		say(object{"comment": "Thank you for writing. We are looking into it."})
	}
	if dice.IntN(3) == 0 {
		say(object{"comment": "Checked the account, all fine on our side.", "isNote": true})
	}
	when := stamp(at)
	for _, m := range t.db.messages.by("ticket", id) {
		t.db.messages.put(with(m, object{"createdAt": when, "updatedAt": when}))
	}
	t.db.tickets.put(with(t.db.tickets.get(id), object{"createdAt": when, "updatedAt": when}))
	t.db.sessions.put(with(t.db.sessions.get(text(session, "_id")), object{"lastFeedbackReport": when}))
}
