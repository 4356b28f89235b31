package gleap

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// noteType is what a message with isNote reads as: §9.
const noteType = "NOTE"

// messageDTO is CreateMessageDto and UpdateMessageDto.
var messageDTO = declare("",
	"text: user session messageRef ticket type emailId outbound outboundTemplate outboundSubject replyTo rating",
	"bool: bot sessionNotificationsUnread kaiChat sendToChannel isNote",
	"object: fallbackUser channel", "list: statusHistory attachments actions", "any: data translatedData status comment aiData")

func messageRoutes() []route {
	return []route{
		{method: "GET", pattern: "/messages", handle: (*Twin).listMessages},
		{method: "POST", pattern: "/messages", handle: (*Twin).createMessage, writes: true, body: messageDTO},
		{method: "GET", pattern: "/messages/search", handle: (*Twin).searchMessages},
		{method: "PUT", pattern: "/messages/{messageId}", handle: (*Twin).updateMessage, writes: true, body: messageDTO},
		{method: "DELETE", pattern: "/messages/{messageId}", handle: (*Twin).deleteMessage, writes: true},
	}
}

// messageView expands author and contact. isNote and comment read as null: §9.
func (t *Twin) messageView(doc object, index int) object {
	out := maps.Clone(doc)
	out["isNote"], out["comment"] = nil, nil
	out["index"] = index
	if u := t.db.users.get(text(doc, "user")); u != nil {
		out["user"] = briefUser(u)
	} else {
		delete(out, "user")
	}
	if s := t.db.sessions.get(text(doc, "session")); s != nil {
		out["session"] = briefSession(s)
	} else {
		delete(out, "session")
	}
	return out
}

func (t *Twin) messageViews(docs []object, first int) []object {
	out := make([]object, len(docs))
	for i, doc := range docs {
		out[i] = t.messageView(doc, first+i)
	}
	return out
}

// contentOf finds the text in any of the three shapes that clients send: a
// string, a document or a bare node as comment, or data.content (§9).
func contentOf(in object) any {
	if in["comment"] != nil {
		return in["comment"]
	}
	data, _ := in["data"].(object)
	return data["content"]
}

// addMessage stores a message. It touches the ticket, and so fires
// ticket.updated: likely, through latestComment, but unconfirmed (§12).
func (t *Twin) addMessage(ticket, in object, author string) object {
	id, now := t.newID("message"), t.now()
	typ, sender := text(in, "type"), "agent"
	contact := idOf(in["session"])
	switch {
	case truth(in, "isNote"):
		typ = noteType
	case typ != "":
	case truth(in, "bot"):
		typ = "BOT"
	case contact != "":
		typ = "USER_TEXT"
	default:
		typ = "TEXT"
	}
	doc := object{
		"_id": id, "id": id, "ticket": ticket["_id"], "project": t.cfg.ProjectID, "type": typ, "bot": truth(in, "bot"),
		"data": object{"content": contentOf(in)}, "attachments": append([]any{}, list(in, "attachments")...),
		"createdAt": now, "updatedAt": now,
	}
	switch {
	case truth(in, "bot"):
		sender = "bot"
	case contact != "":
		sender = "user" // means the contact: §9
		doc["session"] = contact
	default:
		doc["user"] = author
		if id := idOf(in["user"]); id != "" {
			doc["user"] = id
		}
	}
	doc["senderType"] = sender
	for _, name := range []string{"fallbackUser", "replyTo", "channel"} {
		if in[name] != nil {
			doc[name] = in[name]
		}
	}
	t.db.messages.put(doc)

	set := object{"latestComment": id}
	if typ != noteType {
		last, _ := ticket["lastResponse"].(object)
		side := "admin"
		if sender == "user" {
			side = "contact"
		} else if sender == "agent" {
			set["hasAgentReply"] = true
		}
		set["latestPublicComment"], set["lastResponse"] = id, with(last, object{side: now})
		t.logEvent("TICKET_REPLY", object{"ticket": ticket["_id"], "message": id})
	}
	t.logEvent("COMMENT_CREATED", object{"ticket": ticket["_id"], "message": id})
	t.changeTicket(ticket, set)
	return doc
}

func (t *Twin) createMessage(c *call) answer {
	// A message without a ticket is refused; the DTO requires nothing, so the
	// wording is ours.
	if text(c.in, "ticket") == "" {
		return invalid(object{"requestBody.ticket": object{"message": "'ticket' is required"}})
	}
	ticket, bad, fine := t.findTicket(text(c.in, "ticket"))
	if !fine {
		return bad
	}
	if id := text(c.in, "session"); id != "" {
		if _, bad, fine := t.findSession(id); !fine {
			return bad
		}
	}
	doc := t.addMessage(ticket, c.in, c.user)
	return ok(t.messageView(doc, len(t.db.messages.by("ticket", text(ticket, "_id")))-1))
}

// listMessages answers a bare array, or an envelope with paginated=true: §4.
// sort has no effect live (§4), and has none here: the oldest comes first.
func (t *Twin) listMessages(c *call) answer {
	q, bad, fine := parseList(c.r.URL.RawQuery, 10_000, "paginated", "before", "showHistory", "language")
	if !fine {
		return bad
	}
	q.sort, q.keys = "", nil
	if q.flags["paginated"] != "true" {
		return ok(t.messageViews(t.db.messages.window(&q), q.skip))
	}
	// A page is the newest before the cursor, oldest first within it; the
	// cursor is opaque. Both are our reading.
	all := slices.Collect(t.db.messages.find(&q))
	end := len(all)
	if before := q.flags["before"]; before != "" {
		end = max(0, slices.IndexFunc(all, func(doc object) bool { return text(doc, "_id") == before }))
	}
	if !strings.Contains(c.r.URL.RawQuery, "limit=") {
		q.limit = 50
	}
	start := max(0, end-q.limit)
	page := object{"items": t.messageViews(all[start:end], start), "hasMore": start > 0, "nextBefore": nil}
	if start > 0 {
		page["nextBefore"] = text(all[start], "_id")
	}
	return ok(page)
}

func (t *Twin) findMessage(id string) (object, answer, bool) {
	if !isObjectID(id) {
		return nil, castFailed(id), false
	}
	doc := t.db.messages.get(strings.ToLower(id))
	if doc == nil {
		return nil, notFound("Message"), false
	}
	return doc, answer{}, true
}

func (t *Twin) updateMessage(c *call) answer {
	doc, bad, fine := t.findMessage(c.path["messageId"])
	if !fine {
		return bad
	}
	doc = t.changeMessage(doc, c.in)
	siblings := t.db.messages.by("ticket", text(doc, "ticket"))
	return ok(t.messageView(doc, slices.IndexFunc(siblings, func(o object) bool { return o["_id"] == doc["_id"] })))
}

func (t *Twin) deleteMessage(c *call) answer {
	doc, bad, fine := t.findMessage(c.path["messageId"])
	if !fine {
		return bad
	}
	t.removeMessage(doc)
	return noContent()
}

// changeMessage touches the ticket, as addMessage does.
func (t *Twin) changeMessage(doc, in object) object {
	set := object{"updatedAt": t.now()}
	if content := contentOf(in); content != nil {
		set["data"] = object{"content": content}
	}
	if truth(in, "isNote") {
		set["type"] = noteType
	} else if typ := text(in, "type"); typ != "" {
		set["type"] = typ
	}
	if in["attachments"] != nil {
		set["attachments"] = in["attachments"]
	}
	doc = with(doc, set)
	t.db.messages.put(doc)
	if ticket := t.db.tickets.get(text(doc, "ticket")); ticket != nil {
		t.changeTicket(ticket, object{})
	}
	return doc
}

func (t *Twin) removeMessage(doc object) {
	t.db.messages.remove(text(doc, "_id"))
	if ticket := t.db.tickets.get(text(doc, "ticket")); ticket != nil {
		set := object{}
		for _, name := range []string{"latestComment", "latestPublicComment"} {
			if ticket[name] != doc["_id"] {
				continue
			}
			set[name] = nil
			for _, m := range t.db.messages.by("ticket", text(ticket, "_id")) {
				if name == "latestComment" || text(m, "type") != noteType {
					set[name] = m["_id"]
				}
			}
		}
		t.changeTicket(ticket, set)
	}
}

func (t *Twin) searchMessages(c *call) answer {
	term := strings.ToLower(c.query("searchTerm"))
	if term == "" {
		return invalid(object{"searchTerm": object{"message": "'searchTerm' is required"}})
	}
	hits := []object{}
	for _, doc := range t.db.messages.all() {
		if strings.Contains(strings.ToLower(plainText(doc["data"])), term) && len(hits) < searchHits {
			hits = append(hits, t.messageView(doc, len(hits)))
		}
	}
	return ok(object{"hits": hits})
}

// plainText is the text in a string or a TipTap document.
func plainText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		parts := make([]string, 0, len(v))
		for _, m := range v {
			parts = append(parts, plainText(m))
		}
		return strings.Join(parts, " ")
	case object:
		if s := text(v, "text"); s != "" {
			return s
		}
		return plainText(v["content"])
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}
