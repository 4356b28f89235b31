package gleap

import (
	"maps"
	"net/http"
	"strings"
)

// ticketDTO are the properties that CreateTicketDto and UpdateTicketDto share,
// and trackerTicket, which a live client writes (§8) though neither names it.
var ticketDTO = declare("",
	"text: title plainContent imageUrl description latestComment latestPublicComment processingUser processingTeam aiSummary",
	"text: aiSupportSummary duplicateOf outbound type status shareToken secretShareToken lexorank project organisation",
	"text: screenshotUrl replayDataUrl replayUrl originalEmailContent screenRecordingUrl sentiment",
	"bool: conversationClosed slaBreached hidden needInitialPush noHumanInteraction snoozed queued generatingScreenshot",
	"bool: screenshotRenderingFailed screenshotLive isSilent generatingReplay replayRenderingFailed replayLive hasWebReplay",
	"bool: faqSuggested notificationsUnread sessionNotificationsUnread hasAgentReply archived disabled isSpam manuallyAdded trackerTicket",
	"number: duplicatesCount bugId conversationRating upvotesCount score",
	"texts: mentions linkedTickets tags", "list: emailRefs sessions attachments upvotes",
	"object: bot integrations lastResponse channel", "priority: priority",
	"date: snoozedUntil queuedAt screenshotBroke replayStartDate replayRenderingStartedAt lastNotification firstAssignmentAt archivedAt",
	"any: content attributes formData form session screenshotDataUrl metaData actionLog customData replay fromData", "text: dueDate")

var (
	createTicketDTO = ticketDTO.also("any: consoleLog customEventLog networkLogs", "bool: isManualStart preventAutoReply", "text: botId")
	updateTicketDTO = ticketDTO.also("bool: forceCloseOverride")
	// preventAutoReply is not in the DTO of compose, but live clients send it.
	composeDTO = declare("type title", "text: type title message priority status processingUser processingTeam session email",
		"texts: tags", "object: formData", "bool: preventAutoReply")
)

// notStored are properties that steer a call and do not stay.
var notStored = []string{"_id", "id", "bugId", "project", "organisation", "createdAt", "updatedAt", "shareToken",
	"secretShareToken", "latestComment", "latestPublicComment", "isSilent", "preventAutoReply", "forceCloseOverride"}

// ticketView is a ticket as it is read: contact, agent and last message are
// expanded (§8). Linked tickets stay ids, one of the two shapes seen.
func (t *Twin) ticketView(doc object) object {
	out := maps.Clone(doc)
	if s := t.db.sessions.get(text(doc, "session")); s != nil {
		out["session"] = briefSession(s)
	} else {
		delete(out, "session")
	}
	if u := t.db.users.get(text(doc, "processingUser")); u != nil {
		out["processingUser"] = briefUser(u)
	} else {
		delete(out, "processingUser")
	}
	for _, name := range []string{"latestComment", "latestPublicComment"} {
		if m := t.db.messages.get(text(doc, name)); m != nil {
			out[name] = object{"_id": m["_id"], "id": m["id"], "type": m["type"], "data": m["data"], "createdAt": m["createdAt"]}
		} else {
			delete(out, name)
		}
	}
	return out
}

func (t *Twin) ticketViews(docs []object) []object {
	out := make([]object, len(docs))
	for i, doc := range docs {
		out[i] = t.ticketView(doc)
	}
	return out
}

// prepare turns a body into what is stored: contact and agent as ids.
func (t *Twin) prepare(in object) (object, answer, bool) {
	out := without(in, notStored...)
	for _, name := range []string{"session", "processingUser"} {
		id := idOf(in[name])
		switch {
		case in[name] == nil:
			continue
		case id == "" && name == "processingUser":
			out[name] = nil // an empty assignee is none
			continue
		case !isObjectID(id):
			return nil, castFailed(id), false
		case name == "session" && t.db.sessions.get(id) == nil:
			// What an unknown contact does is unconfirmed; a refusal shows the mistake.
			return nil, notFound("Session"), false
		}
		out[name] = id
	}
	for name, v := range out {
		if s, isText := v.(string); isText && dates[name] {
			if s == "" { // Mongoose casts empty text to no date; the DTO of dueDate takes any text
				out[name] = nil
				continue
			}
			at, fine := castDate(s)
			if !fine {
				return nil, plain(http.StatusBadRequest, "Cast to date failed for value \""+s+"\" (type string) at path \""+name+"\""), false
			}
			out[name] = at
		}
	}
	return out, answer{}, true
}

// idOf reads a reference, which clients send as an id or as the object they read.
func idOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case object:
		if id := text(v, "id"); id != "" {
			return id
		}
		return text(v, "_id")
	}
	return ""
}

// addTicket makes a ticket of prepared properties and tells the webhook.
func (t *Twin) addTicket(in object) object {
	id, now := t.newID("ticket"), t.now()
	t.db.bugs++
	doc := object{
		"_id": id, "id": id, "bugId": t.db.bugs, "project": t.cfg.ProjectID, "organisation": t.org,
		"shareToken": derivedHex(t.cfg.Seed, "share", t.db.seq, 16), "secretShareToken": derivedHex(t.cfg.Seed, "secretShare", t.db.seq, 24),
		"type": "INQUIRY", "status": "OPEN", "priority": "MEDIUM", "tags": []any{}, "linkedTickets": []any{}, "upvotes": []any{},
		"upvotesCount": 0.0, "formData": object{}, "archived": false, "isSpam": false, "snoozed": false, "hidden": false,
		"trackerTicket": false, "hasAgentReply": false, "slaBreached": false, "conversationClosed": false,
		"notificationsUnread": true, "createdAt": now, "updatedAt": now,
	}
	doc = withPlainContent(with(doc, in))
	if text(doc, "processingUser") != "" {
		doc["firstAssignmentAt"] = now
	}
	t.db.tickets.put(doc)
	if s := t.db.sessions.get(text(doc, "session")); s != nil {
		// Counting is engagement, not an edit: updatedAt of the contact stays (inferred).
		t.db.sessions.touch(with(s, object{"countFeedbackReports": number(s, "countFeedbackReports") + 1, "lastFeedbackReport": now}))
	}
	t.logEvent("CREATE_TICKET", object{"ticket": id, "type": doc["type"]})
	t.fire("ticket.created", doc)
	return doc
}

// withPlainContent keeps the text that live tickets have beside
// formData.description (§8).
func withPlainContent(doc object) object {
	form, _ := doc["formData"].(object)
	for _, s := range []string{text(form, "description"), text(doc, "description")} {
		if s != "" {
			doc["plainContent"] = s
			return doc
		}
	}
	return doc
}

// changeTicket stores a new version and tells the webhook. formData and tags
// are replaced as wholes (§0.9). A change of the status clears the assignee,
// even one that the same body sets: §8.
func (t *Twin) changeTicket(doc, set object) object {
	now := t.now()
	set = maps.Clone(set)
	set["updatedAt"] = now
	if to, isText := set["status"].(string); isText && to != text(doc, "status") {
		t.logEvent("TICKET_STATUS_CHANGE", object{"ticket": doc["_id"], "oldStatus": doc["status"], "newStatus": to})
		set["processingUser"] = nil
	}
	if _, named := set["processingUser"]; named {
		was, is := text(doc, "processingUser"), text(set, "processingUser")
		switch {
		case is != "" && is != was:
			t.logEvent("ASSIGN_TICKET", object{"ticket": doc["_id"], "user": is})
			if text(doc, "firstAssignmentAt") == "" {
				set["firstAssignmentAt"] = now
			}
		case is == "" && was != "":
			t.logEvent("UNASSIGN_TICKET", object{"ticket": doc["_id"], "user": was})
		}
	}
	doc = with(doc, set)
	if _, named := set["formData"]; named {
		doc = withPlainContent(doc)
	}
	t.db.tickets.put(doc)
	t.fire("ticket.updated", doc)
	return doc
}

// findTicket resolves an ObjectId, which is all that writes take (§8).
func (t *Twin) findTicket(id string) (object, answer, bool) {
	if !isObjectID(id) {
		return nil, castFailed(id), false
	}
	doc := t.db.tickets.get(strings.ToLower(id))
	if doc == nil {
		return nil, notFound("Ticket"), false
	}
	return doc, answer{}, true
}

func (t *Twin) dropTicket(id string) {
	t.db.tickets.remove(id)
	for _, m := range t.db.messages.by("ticket", id) {
		t.db.messages.remove(text(m, "_id"))
	}
}
