package gleap

import (
	"maps"
	"strings"
)

// sessionDTO has the 41 properties of SessionDto; createdAt is not one of
// them, so v3 cannot set it: §7.
var sessionDTO = declare("",
	"text: gleapId gleapHash lang project organisation unsubscribeReason userId name email avatar companyId companyName",
	"text: deviceType platform phone plan facebookId instagramId instagramUsername telegramChatId telegramUsername",
	"any: firstActivity lastHeardFrom lastActivity lastFeedbackReport unsubscribedAt lastPageView location outboundHistory",
	"any: checklistTasks customData eventData", "bool: unsubscribed emailOnly blocked",
	"number: sla value sessions countFeedbackReports countFeedbackComments", "texts: tags")

// fixed are the properties of a session that a body cannot change, though the
// DTO names some of them.
var fixed = []string{"project", "organisation", "gleapHash", "_id", "id", "createdAt", "updatedAt", "identityHistory", "memory"}

// hiddenOfSession are shown by their own endpoints only: §7.
var hiddenOfSession = []string{"identityHistory", "memory"}

// sessionView is a session as lists and single reads show it. gleapHash is a
// secret and is in it all the same, as in the real answers: §7.
func sessionView(doc object) object { return without(doc, hiddenOfSession...) }

func sessionViews(docs []object) []object {
	for i, doc := range docs {
		docs[i] = sessionView(doc)
	}
	return docs
}

// briefSession is the contact inside a ticket: §8.
func briefSession(doc object) object {
	out := object{}
	for _, name := range []string{"_id", "id", "userId", "gleapId", "email", "name", "phone", "value", "lastActivity"} {
		if v, has := doc[name]; has {
			out[name] = v
		}
	}
	return out
}

// newSession makes a session that nobody has seen yet. The properties that the
// official schema requires are always there.
func (t *Twin) newSession(in object) object {
	id := t.newID("session")
	now := t.now()
	doc := object{
		"_id": id, "id": id, "gleapId": derivedUUID(t.cfg.Seed, "gleapId", t.db.seq),
		"gleapHash": derivedHex(t.cfg.Seed, "gleapHash", t.db.seq, 32), "project": t.cfg.ProjectID, "organisation": t.org,
		"lang": "en", "value": 0.0, "sessions": 1.0, "tags": []any{}, "blocked": false, "emailOnly": false, "unsubscribed": false,
		"countFeedbackReports": 0.0, "countFeedbackComments": 0.0, "identityHistory": []any{}, "memory": []any{},
		"firstActivity": now, "lastActivity": now, "createdAt": now, "updatedAt": now,
	}
	return with(doc, writable(in))
}

// writable are the properties of a body that count.
func writable(in object) object {
	out := maps.Clone(in)
	for _, name := range fixed {
		delete(out, name)
	}
	if v, named := out["tags"]; named && v == nil {
		out["tags"] = []any{} // a session always has the list
	}
	for name, v := range out {
		if s, isText := v.(string); isText && dates[name] {
			if at, fine := castDate(s); fine {
				out[name] = at
			}
		}
	}
	return out
}

// changeSession stores a new version. Whatever a body names is replaced as a
// whole, tags and customData too: merge or replace is unconfirmed (§7, §19.4),
// and a client that reads, merges and writes is right either way.
func (t *Twin) changeSession(doc, set object, by object) object {
	set = writable(set)
	if changes := identityChanges(doc, set); len(changes) > 0 {
		set["identityHistory"] = append(append([]any{}, list(doc, "identityHistory")...),
			object{"at": t.now(), "changes": changes, "by": by})
	}
	set["updatedAt"] = t.now()
	doc = with(doc, set)
	t.db.sessions.put(doc)
	return doc
}

// identityChanges is what the identity history keeps of a change: §7.
func identityChanges(doc, set object) object {
	changes := object{}
	for _, name := range []string{"email", "name", "userId"} {
		v, named := set[name]
		if !named {
			continue
		}
		from, to := text(doc, name), ""
		if s, isText := v.(string); isText {
			to = s
		}
		if from != to {
			changes[name] = object{"from": from, "to": to}
		}
	}
	return changes
}

func apiEditor(c *call) object {
	return object{"source": "api", "method": c.r.Method, "hasApiKey": true, "userId": c.user, "originalUrl": c.r.URL.Path}
}

// findSession resolves a path id.
func (t *Twin) findSession(id string) (object, answer, bool) {
	if !isObjectID(id) {
		return nil, castFailed(id), false
	}
	doc := t.db.sessions.get(strings.ToLower(id))
	if doc == nil {
		return nil, notFound("Session"), false
	}
	return doc, answer{}, true
}

// dropSession deletes a contact. Its tickets stay and have no contact any
// more; what Gleap does with them is unconfirmed.
func (t *Twin) dropSession(id string) { t.db.sessions.remove(id) }

// mergeSessions moves everything of one contact to another, which is how ids
// vanish: §7.
func (t *Twin) mergeSessions(from, into object) {
	for _, ticket := range t.db.tickets.by("session", text(from, "_id")) {
		t.db.tickets.put(with(ticket, object{"session": text(into, "_id"), "updatedAt": t.now()}))
	}
	t.dropSession(text(from, "_id"))
}
