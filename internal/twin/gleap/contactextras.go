package gleap

// contactExtraRoutes are the calls around a contact that a sync reads at most:
// their shapes are official, their content is thin.
func contactExtraRoutes() []route {
	return []route{
		{method: "POST", pattern: "/sessions/importer", handle: (*Twin).importSessions, writes: true, anyBody: true},
		{method: "POST", pattern: "/sessions/warmup", handle: func(*Twin, *call) answer { return ok(object{"ok": true}) }},
		{method: "GET", pattern: "/sessions/{sessionId}/activities", handle: ofSession(func(*Twin, object) any { return []any{} })},
		{method: "GET", pattern: "/sessions/{sessionId}/checklists", handle: ofSession(func(*Twin, object) any { return []any{} })},
		{method: "GET", pattern: "/sessions/{sessionId}/events", handle: ofSession((*Twin).eventsOf)},
		{method: "GET", pattern: "/sessions/{sessionId}/memory", handle: ofSession(func(*Twin, object) any { return []any{} })},
		{method: "GET", pattern: "/sessions/{sessionId}/stripe", handle: ofSession(nothing)},
		{method: "GET", pattern: "/sessions/{sessionId}/chargebee", handle: ofSession(nothing)},
		{method: "GET", pattern: "/sessions/{sessionId}/lemonsqueezy", handle: ofSession(nothing)},
		{method: "GET", pattern: "/sessions/{sessionId}/shopify", handle: ofSession(nothing)},
	}
}

func nothing(*Twin, object) any { return object{} }

func ofSession(show func(*Twin, object) any) func(*Twin, *call) answer {
	return func(t *Twin, c *call) answer {
		doc, bad, fine := t.findSession(c.path["sessionId"])
		if !fine {
			return bad
		}
		return ok(show(t, doc))
	}
}

// eventsOf are the events tracked for a contact.
func (t *Twin) eventsOf(session object) any {
	out := []object{}
	userID := text(session, "userId")
	for _, e := range t.db.tracked {
		if userID != "" && text(e, "userId") == userID {
			out = append(out, e)
		}
	}
	return out
}

// importSessions answers an array of strings. The body is untyped; that it is
// a list of contacts, or one, and that the strings are ids, is our reading (§14).
func (t *Twin) importSessions(c *call) answer {
	rows, isList := c.raw.([]any)
	if !isList {
		rows = []any{c.in}
	}
	ids := []string{}
	for _, row := range rows {
		in, isObject := row.(object)
		if !isObject {
			return invalid(object{"requestBody": object{"message": "invalid object"}})
		}
		if fields := sessionDTO.check(in); fields != nil {
			return invalid(fields)
		}
	}
	for _, row := range rows {
		in := row.(object)
		doc := t.db.sessions.one("userId", text(in, "userId"))
		if doc != nil {
			doc = t.changeSession(doc, in, apiEditor(c))
		} else {
			doc = t.newSession(in)
			t.db.sessions.put(doc)
		}
		ids = append(ids, text(doc, "_id"))
	}
	return ok(ids)
}
