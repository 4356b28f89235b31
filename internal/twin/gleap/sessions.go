package gleap

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"strings"
)

func sessionRoutes() []route {
	return []route{
		{method: "GET", pattern: "/sessions", handle: (*Twin).listSessions},
		{method: "POST", pattern: "/sessions", handle: (*Twin).createSession, writes: true, body: sessionDTO},
		{method: "GET", pattern: "/sessions/search", handle: (*Twin).searchSessions},
		{method: "GET", pattern: "/sessions/export", handle: (*Twin).exportSessions},
		{method: "GET", pattern: "/sessions/by-user-id/{userId}", handle: (*Twin).sessionByUserID},
		{method: "POST", pattern: "/sessions/unsubscribe", handle: (*Twin).unsubscribe, writes: true,
			body: declare("sessions", "text: reason", "list: sessions")},
		{method: "GET", pattern: "/sessions/{sessionId}", handle: (*Twin).getSession},
		// The body of the PUT is untyped in the official file. The twin checks it
		// as SessionDto: a client that passes here is right with a laxer server.
		{method: "PUT", pattern: "/sessions/{sessionId}", handle: (*Twin).updateSession, writes: true, body: sessionDTO},
		{method: "DELETE", pattern: "/sessions/{sessionId}", handle: (*Twin).deleteSession, writes: true},
		{method: "PUT", pattern: "/sessions/{sessionId}/resubscribe", handle: (*Twin).resubscribe, writes: true},
		{method: "GET", pattern: "/sessions/{sessionId}/identity-history", handle: (*Twin).identityHistory},
	}
}

// listSessions answers a bare array: §4. No default page size is documented
// for sessions; the twin takes that of tickets.
func (t *Twin) listSessions(c *call) answer {
	q, bad, fine := parseList(c.r.URL.RawQuery, 1000)
	if !fine {
		return bad
	}
	if t.faults.IgnoreUpdatedAtFilter {
		q.drop("updatedAt")
	}
	if spend(&t.faults.EmptyList) {
		return ok([]object{})
	}
	return ok(sessionViews(t.db.sessions.window(&q)))
}

// createSession is idempotent by userId: "if a session with the same userId
// already exists, you can use that session ID instead" (§7). That the existing
// session comes back unchanged is our reading, and so is that an email may
// exist twice (no unique constraint is documented).
func (t *Twin) createSession(c *call) answer {
	if old := t.db.sessions.one("userId", text(c.in, "userId")); old != nil {
		a := ok(sessionView(old))
		a.idle = true
		return a
	}
	doc := t.newSession(c.in)
	t.db.sessions.put(doc)
	return ok(sessionView(doc))
}

func (t *Twin) getSession(c *call) answer {
	doc, bad, fine := t.findSession(c.path["sessionId"])
	if !fine {
		return bad
	}
	return ok(sessionView(doc))
}

// sessionByUserID shows the whole document: only here does the official file
// say so.
func (t *Twin) sessionByUserID(c *call) answer {
	doc := t.db.sessions.one("userId", c.path["userId"])
	if doc == nil {
		return notFound("Session")
	}
	return ok(doc)
}

// updateSession takes a partial body: unconfirmed (§19.4), but what clients do.
func (t *Twin) updateSession(c *call) answer {
	doc, bad, fine := t.findSession(c.path["sessionId"])
	if !fine {
		return bad
	}
	return ok(sessionView(t.changeSession(doc, c.in, apiEditor(c))))
}

func (t *Twin) deleteSession(c *call) answer {
	doc, bad, fine := t.findSession(c.path["sessionId"])
	if !fine {
		return bad
	}
	t.dropSession(text(doc, "_id"))
	return noContent()
}

// searchSessions takes searchTerm, by analogy with the other searches: the
// parameter is undocumented (§7).
func (t *Twin) searchSessions(c *call) answer {
	term := strings.ToLower(strings.TrimSpace(c.query("searchTerm")))
	found := []object{}
	if term == "" {
		return ok(found)
	}
	for _, doc := range t.db.sessions.all() {
		for _, name := range []string{"name", "email", "userId", "phone", "companyName"} {
			if strings.Contains(strings.ToLower(text(doc, name)), term) {
				found = append(found, sessionView(doc))
				break
			}
		}
		if len(found) == searchHits {
			break
		}
	}
	return ok(found)
}

// exportSessions is said to be a CSV download; its columns are ours.
func (t *Twin) exportSessions(*call) answer {
	columns := []string{"id", "userId", "email", "name", "phone", "companyName", "plan", "createdAt", "updatedAt"}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(columns) // a bytes.Buffer takes everything
	for _, doc := range t.db.sessions.all() {
		row := make([]string, len(columns))
		for i, name := range columns {
			row[i] = text(doc, name)
		}
		_ = w.Write(row)
	}
	w.Flush()
	return answer{status: http.StatusOK, body: b.String(), kind: "text/csv; charset=utf-8"}
}

func (t *Twin) unsubscribe(c *call) answer {
	for _, who := range list(c.in, "sessions") {
		who, isObject := who.(object)
		if !isObject {
			continue
		}
		for _, doc := range append(t.db.sessions.by("userId", text(who, "userId")), t.db.sessions.by("email", text(who, "email"))...) {
			t.changeSession(t.db.sessions.get(text(doc, "_id")), object{
				"unsubscribed": true, "unsubscribedAt": t.now(), "unsubscribeReason": text(c.in, "reason"),
			}, apiEditor(c))
		}
	}
	return ok(object{"success": true})
}

func (t *Twin) resubscribe(c *call) answer {
	doc, bad, fine := t.findSession(c.path["sessionId"])
	if !fine {
		return bad
	}
	t.changeSession(doc, object{"unsubscribed": false, "unsubscribedAt": nil, "unsubscribeReason": nil}, apiEditor(c))
	return ok(true)
}

func (t *Twin) identityHistory(c *call) answer {
	doc, bad, fine := t.findSession(c.path["sessionId"])
	if !fine {
		return bad
	}
	history := list(doc, "identityHistory")
	if history == nil {
		history = []any{}
	}
	return ok(object{"history": history})
}
