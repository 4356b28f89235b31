package gleap

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// searchHits is about how many a search ranks: §8.
const searchHits = 30

func ticketRoutes() []route {
	return []route{
		{method: "GET", pattern: "/tickets", handle: (*Twin).listTickets},
		{method: "POST", pattern: "/tickets", handle: (*Twin).createTicket, writes: true, body: createTicketDTO},
		{method: "POST", pattern: "/tickets/compose", handle: (*Twin).composeTicket, writes: true, body: composeDTO},
		{method: "GET", pattern: "/tickets/search", handle: (*Twin).searchTickets},
		{method: "GET", pattern: "/tickets/extendedsearch", handle: (*Twin).searchTickets},
		{method: "GET", pattern: "/tickets/by-session-query", handle: (*Twin).ticketsOfSession},
		{method: "GET", pattern: "/tickets/ticketscount", handle: (*Twin).countTickets},
		{method: "GET", pattern: "/tickets/export", handle: (*Twin).exportTickets},
		{method: "GET", pattern: "/tickets/export-fields", handle: (*Twin).ticketFields},
		{method: "GET", pattern: "/tickets/tracker-tickets", handle: (*Twin).trackerTickets},
		{method: "POST", pattern: "/tickets/tracker-tickets", handle: (*Twin).createTracker, writes: true,
			body: declare("", "text: title type description customerName customerEmail", "texts: linkedTicketIds")},
		{method: "GET", pattern: "/tickets/{ticketId}", handle: (*Twin).getTicket},
		{method: "PUT", pattern: "/tickets/{ticketId}", handle: (*Twin).updateTicket, writes: true, body: updateTicketDTO},
		{method: "DELETE", pattern: "/tickets/{ticketId}", handle: (*Twin).deleteTicket, writes: true},
	}
}

// listTickets has the one envelope among the lists: §4. Archived and spam
// tickets are in it unless a filter leaves them out. Filters look at the stored
// ticket, in which the contact is an id; that session.email finds nothing is
// our reading of "not documented".
func (t *Twin) listTickets(c *call) answer {
	q, bad, fine := parseList(c.r.URL.RawQuery, 1000, "ignoreArchived")
	if !fine {
		return bad
	}
	if t.faults.IgnoreUpdatedAtFilter {
		q.drop("updatedAt")
	}
	if q.flags["ignoreArchived"] == "true" {
		q.conditions = append(q.conditions, condition{name: "archived", values: []string{"false"}})
	}
	if spend(&t.faults.EmptyList) {
		return ok(object{"tickets": []object{}, "count": 0, "totalCount": 0})
	}
	page := t.db.tickets.window(&q)
	total := 0
	for range t.db.tickets.find(&q) {
		total++
	}
	return ok(object{"tickets": t.ticketViews(page), "count": len(page), "totalCount": total})
}

func (t *Twin) createTicket(c *call) answer {
	in, bad, fine := t.prepare(c.in)
	if !fine {
		return bad
	}
	return ok(t.ticketView(t.addTicket(in)))
}

// composeTicket makes a ticket with its first message. Whether an unknown
// email creates the contact is unconfirmed (§8); here it does.
func (t *Twin) composeTicket(c *call) answer {
	in, bad, fine := t.prepare(without(c.in, "message", "email"))
	if !fine {
		return bad
	}
	if email := text(c.in, "email"); email != "" && in["session"] == nil {
		s := t.db.sessions.one("email", email)
		if s == nil {
			s = t.newSession(object{"email": email})
			t.db.sessions.put(s)
		}
		in["session"] = s["_id"]
	}
	doc := t.addTicket(in)
	if message := text(c.in, "message"); message != "" {
		t.addMessage(doc, object{"comment": message}, c.user)
		doc = t.db.tickets.get(text(doc, "_id"))
	}
	return ok(t.ticketView(doc))
}

// getTicket also takes the human number and the share token: §8.
func (t *Twin) getTicket(c *call) answer {
	id := c.path["ticketId"]
	if n, err := strconv.Atoi(id); err == nil && len(id) < 24 {
		for _, doc := range t.db.tickets.all() {
			if number(doc, "bugId") == float64(n) {
				return ok(t.ticketView(doc))
			}
		}
		return notFound("Ticket")
	}
	if doc := t.db.tickets.one("shareToken", id); doc != nil {
		return ok(t.ticketView(doc))
	}
	doc, bad, fine := t.findTicket(id)
	if !fine {
		return bad
	}
	return ok(t.ticketView(doc))
}

func (t *Twin) updateTicket(c *call) answer {
	doc, bad, fine := t.findTicket(c.path["ticketId"])
	if !fine {
		return bad
	}
	set, bad, fine := t.prepare(c.in)
	if !fine {
		return bad
	}
	return ok(t.ticketView(t.changeTicket(doc, set)))
}

// deleteTicket answers 200, unlike the other deletes (§6), with the ticket.
func (t *Twin) deleteTicket(c *call) answer {
	doc, bad, fine := t.findTicket(c.path["ticketId"])
	if !fine {
		return bad
	}
	view := t.ticketView(doc)
	t.dropTicket(text(doc, "_id"))
	return ok(view)
}

// searchTickets ranks by where the term is found; that the untyped answer is a
// bare array, as lists are, is our reading.
func (t *Twin) searchTickets(c *call) answer {
	term := strings.ToLower(strings.TrimSpace(c.query("searchTerm")))
	type hit struct {
		doc   object
		score int
	}
	var hits []hit
	for _, doc := range t.db.tickets.all() {
		score := 0
		for name, weight := range map[string]int{"title": 2, "plainContent": 1} {
			if term != "" && strings.Contains(strings.ToLower(text(doc, name)), term) {
				score += weight
			}
		}
		if score > 0 {
			hits = append(hits, hit{doc, score})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return b.score - a.score })
	found := []object{}
	for _, h := range hits[:min(len(hits), searchHits)] {
		found = append(found, t.ticketView(h.doc))
	}
	return ok(found)
}

// ticketsOfSession finds the tickets of all contacts that match: §8.
func (t *Twin) ticketsOfSession(c *call) answer {
	q, bad, fine := parseList(c.r.URL.RawQuery, 1000)
	if !fine {
		return bad
	}
	found := []object{}
	if len(q.conditions) == 0 {
		return ok(found)
	}
	for s := range t.db.sessions.find(&q) {
		found = append(found, t.ticketViews(t.db.tickets.by("session", text(s, "_id")))...)
	}
	return ok(found)
}

// countTickets exposes types and states (§11); the exact shape is untyped.
func (t *Twin) countTickets(*call) answer {
	out := map[string]map[string]int{}
	for _, doc := range t.db.tickets.all() {
		if truth(doc, "archived") || truth(doc, "isSpam") {
			continue
		}
		typ := text(doc, "type")
		if out[typ] == nil {
			out[typ] = map[string]int{}
		}
		out[typ][text(doc, "status")]++
	}
	return ok(out)
}

func (t *Twin) exportTickets(*call) answer { return ok(t.ticketViews(t.db.tickets.all())) }

// ticketFields lists what the form data of a type's tickets have: untyped, and
// worth a live test (§11).
func (t *Twin) ticketFields(c *call) answer {
	seen := map[string]bool{}
	fields := []object{}
	for _, doc := range t.db.tickets.all() {
		if typ := c.query("type"); typ != "" && typ != text(doc, "type") {
			continue
		}
		form, _ := doc["formData"].(object)
		for name := range form {
			if !seen[name] {
				seen[name] = true
				fields = append(fields, object{"key": "formData." + name, "label": name})
			}
		}
	}
	slices.SortFunc(fields, func(a, b object) int { return strings.Compare(text(a, "key"), text(b, "key")) })
	return ok(fields)
}

func (t *Twin) trackerTickets(c *call) answer {
	term := strings.ToLower(c.query("searchTerm"))
	found := []object{}
	for _, doc := range t.db.tickets.all() {
		if truth(doc, "trackerTicket") && strings.Contains(strings.ToLower(text(doc, "title")), term) {
			found = append(found, t.ticketView(doc))
		}
	}
	return ok(object{"tickets": found, "count": len(found), "totalCount": len(found)})
}

func (t *Twin) createTracker(c *call) answer {
	in := object{"trackerTicket": true, "formData": object{"description": text(c.in, "description")}}
	for _, name := range []string{"title", "type"} {
		if s := text(c.in, name); s != "" {
			in[name] = s
		}
	}
	linked := list(c.in, "linkedTicketIds")
	for _, id := range linked {
		if _, bad, fine := t.findTicket(idOf(id)); !fine {
			return bad
		}
	}
	doc := t.addTicket(in)
	for _, id := range linked {
		t.link(text(doc, "_id"), idOf(id))
	}
	return answer{status: http.StatusOK, body: t.ticketView(t.db.tickets.get(text(doc, "_id")))}
}
