package gleap

import (
	"slices"
	"time"
)

func ticketActionRoutes() []route {
	target := declare("targetTicketId", "text: targetTicketId")
	at := func(action string) string { return "/tickets/{ticketId}/" + action }
	return []route{
		{method: "PUT", pattern: at("archive"), handle: onTicket((*Twin).archive), writes: true},
		{method: "PUT", pattern: at("unarchive"), handle: onTicket((*Twin).unarchive), writes: true},
		{method: "PUT", pattern: "/tickets/archive/all", handle: (*Twin).archiveAll, writes: true,
			body: declare("type status", "text: type status")},
		{method: "PUT", pattern: at("snooze"), handle: onTicket((*Twin).snooze), writes: true, body: declare("duration", "number: duration")},
		{method: "PUT", pattern: at("link"), handle: onTicket((*Twin).linkTicket), writes: true, body: target},
		{method: "PUT", pattern: at("unlink"), handle: onTicket((*Twin).unlinkTicket), writes: true, body: target},
		{method: "PUT", pattern: "/tickets/merge", handle: (*Twin).mergeTickets, writes: true, body: declare(
			"ticketsToMergeIds shouldCreateNewTicket shouldMergeTasks shouldMergeContacts",
			"texts: ticketsToMergeIds", "text: targetTicketId", "bool: shouldCreateNewTicket shouldMergeTasks shouldMergeContacts")},
		{method: "POST", pattern: at("vote"), handle: onTicket((*Twin).vote), writes: true, global: true,
			body: declare("email", "text: email name action")},
		{method: "POST", pattern: at("workflow"), handle: onTicket(accepted), writes: true, body: declare("workflowId", "text: workflowId")},
		{method: "POST", pattern: at("send-to-integration"), handle: onTicket(accepted), writes: true,
			body: declare("integrationType integrationId", "text: integrationType integrationId")},
		{method: "POST", pattern: at("typing"), handle: onTicket(accepted), body: declare("typing", "bool: typing")},
		{method: "POST", pattern: at("viewing"), handle: onTicket(accepted), body: declare("viewing", "bool: viewing")},
		{method: "GET", pattern: at("activity-logs"), handle: onTicket((*Twin).activityLogs)},
		{method: "GET", pattern: at("console-logs"), handle: onTicket(noLogs)},
		{method: "GET", pattern: at("network-logs"), handle: onTicket(noLogs)},
	}
}

func onTicket(do func(*Twin, *call, object) answer) func(*Twin, *call) answer {
	return func(t *Twin, c *call) answer {
		doc, bad, fine := t.findTicket(c.path["ticketId"])
		if !fine {
			return bad
		}
		return do(t, c, doc)
	}
}

// accepted answers calls whose effect lies outside the twin.
func accepted(*Twin, *call, object) answer { return ok(object{"success": true}) }

func noLogs(*Twin, *call, object) answer { return ok([]any{}) }

func (t *Twin) archive(_ *call, doc object) answer {
	return ok(t.ticketView(t.changeTicket(doc, object{"archived": true, "archivedAt": t.now()})))
}

func (t *Twin) unarchive(_ *call, doc object) answer {
	return ok(t.ticketView(t.changeTicket(doc, object{"archived": false, "archivedAt": nil})))
}

func (t *Twin) archiveAll(c *call) answer {
	n := 0
	for _, doc := range t.db.tickets.all() {
		if text(doc, "type") == text(c.in, "type") && text(doc, "status") == text(c.in, "status") && !truth(doc, "archived") {
			t.changeTicket(doc, object{"archived": true, "archivedAt": t.now()})
			n++
		}
	}
	return answer{status: 200, body: object{"success": true, "count": n}, idle: n == 0}
}

// snooze takes minutes: the unit is not documented. The snooze does not end by
// itself here.
func (t *Twin) snooze(c *call, doc object) answer {
	until := t.cfg.Now().Add(time.Duration(number(c.in, "duration") * float64(time.Minute)))
	return ok(t.ticketView(t.changeTicket(doc, object{"snoozed": true, "snoozedUntil": stamp(until)})))
}

func (t *Twin) linkTicket(c *call, doc object) answer {
	other, bad, fine := t.findTicket(text(c.in, "targetTicketId"))
	if !fine {
		return bad
	}
	t.link(text(doc, "_id"), text(other, "_id"))
	return ok(t.ticketView(t.db.tickets.get(text(doc, "_id"))))
}

func (t *Twin) unlinkTicket(c *call, doc object) answer {
	other, bad, fine := t.findTicket(text(c.in, "targetTicketId"))
	if !fine {
		return bad
	}
	for _, pair := range [][2]object{{doc, other}, {other, doc}} {
		rest := slices.DeleteFunc(slices.Clone(list(pair[0], "linkedTickets")), func(v any) bool { return v == pair[1]["_id"] })
		t.changeTicket(pair[0], object{"linkedTickets": append([]any{}, rest...)})
	}
	return ok(t.ticketView(t.db.tickets.get(text(doc, "_id"))))
}

// link joins two tickets in both directions.
func (t *Twin) link(a, b string) {
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		doc := t.db.tickets.get(pair[0])
		linked := list(doc, "linkedTickets")
		if !slices.Contains(linked, any(pair[1])) && pair[0] != pair[1] {
			t.changeTicket(doc, object{"linkedTickets": append(slices.Clone(linked), pair[1])})
		}
	}
}

// mergeTickets moves messages to one ticket; the others are gone, and their
// contacts too if asked: ids can disappear (§8). What a merged id answers is
// open (§19.10); here 404.
func (t *Twin) mergeTickets(c *call) answer {
	var sources []object
	for _, id := range list(c.in, "ticketsToMergeIds") {
		doc, bad, fine := t.findTicket(idOf(id))
		if !fine {
			return bad
		}
		sources = append(sources, doc)
	}
	if len(sources) == 0 {
		return invalid(object{"requestBody.ticketsToMergeIds": object{"message": "at least one ticket is needed"}})
	}
	var target object
	if truth(c.in, "shouldCreateNewTicket") {
		first := sources[0]
		in := object{}
		for _, name := range []string{"title", "type", "session", "formData", "tags"} {
			if v := first[name]; v != nil {
				in[name] = v
			}
		}
		target = t.addTicket(in)
	} else {
		doc, bad, fine := t.findTicket(text(c.in, "targetTicketId"))
		if !fine {
			return bad
		}
		target = doc
	}
	id := text(target, "_id")
	for _, doc := range sources {
		if doc["_id"] == target["_id"] || t.db.tickets.get(text(doc, "_id")) == nil {
			continue
		}
		for _, m := range t.db.messages.by("ticket", text(doc, "_id")) {
			t.db.messages.put(with(m, object{"ticket": id, "updatedAt": t.now()}))
		}
		t.dropTicket(text(doc, "_id"))
		from, into := t.db.sessions.get(text(doc, "session")), t.db.sessions.get(text(target, "session"))
		if truth(c.in, "shouldMergeContacts") && from != nil && into != nil && from["_id"] != into["_id"] {
			t.mergeSessions(from, into)
		}
	}
	return ok(t.ticketView(t.changeTicket(t.db.tickets.get(id), object{})))
}

// vote toggles by default; the other two actions set: §8.
func (t *Twin) vote(c *call, doc object) answer {
	email, action := text(c.in, "email"), text(c.in, "action")
	votes := list(doc, "upvotes")
	mine := func(v any) bool { o, _ := v.(object); return text(o, "email") == email }
	has := slices.ContainsFunc(votes, mine)
	rest := slices.DeleteFunc(slices.Clone(votes), mine)
	if action == "subscribe" || action != "unsubscribe" && !has {
		rest = append(rest, object{"email": email})
	}
	rest = append([]any{}, rest...)
	return ok(t.ticketView(t.changeTicket(doc, object{"upvotes": rest, "upvotesCount": float64(len(rest))})))
}

// activityLogs are the events of one ticket.
func (t *Twin) activityLogs(_ *call, doc object) answer {
	out := []object{}
	for _, e := range t.db.events {
		if data, _ := e["data"].(object); data["ticket"] == doc["_id"] {
			out = append(out, e)
		}
	}
	return ok(out)
}
