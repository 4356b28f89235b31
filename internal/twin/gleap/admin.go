package gleap

import "net/http"

// adminRoutes are the older host-root calls: §3.2. What they answer is not
// documented beyond the status.
func adminRoutes() []route {
	return []route{
		{method: "POST", pattern: "/admin/identify", handle: (*Twin).identify, writes: true, legacy: true,
			body: identifyBody()},
		{method: "POST", pattern: "/admin/track", handle: (*Twin).track, writes: true, legacy: true, body: declare("events", "list: events")},
		{method: "GET", pattern: "/admin/auth", handle: func(*Twin, *call) answer { return ok(object{"success": true}) }, legacy: true},
		{method: "DELETE", pattern: "/admin/contacts/{userId}", handle: (*Twin).adminDelete, writes: true, legacy: true},
	}
}

// identifyBody is flat: unknown keys are custom contact properties (§7).
func identifyBody() *dto {
	d := declare("userId", "text: userId name email phone companyId companyName plan lang avatar", "number: value sla", "date: createdAt")
	d.open = true
	return d
}

// identify creates or updates by userId, and is the only call that sets a
// contact's createdAt: §0.10. Custom keys are merged, since the call names one
// by one what the app knows.
func (t *Twin) identify(c *call) answer {
	doc := t.db.sessions.one("userId", text(c.in, "userId"))
	if doc == nil {
		doc = t.newSession(object{"userId": c.in["userId"]})
		t.db.sessions.put(doc)
	}
	set := mergeFlat(doc, c.in)
	set["lastActivity"] = t.now()
	created := text(c.in, "createdAt")
	doc = t.changeSession(doc, without(set, "createdAt"), apiEditor(c))
	if at, fine := castDate(created); fine {
		t.db.sessions.put(with(doc, object{"createdAt": at}))
	}
	return ok(object{"success": true})
}

// mergeFlat sorts flat properties into those of the DTO and custom ones.
func mergeFlat(doc, in object) object {
	set, custom := object{}, object{}
	if old, isObject := doc["customData"].(object); isObject {
		custom = with(old, nil)
	}
	for name, v := range in {
		if given, isObject := v.(object); isObject && name == "customData" {
			custom = with(custom, given)
		} else if _, declared := sessionDTO.fields[name]; declared {
			set[name] = v
		} else if name != "createdAt" {
			custom = with(custom, object{name: v})
		}
	}
	if len(custom) > 0 || doc["customData"] != nil {
		set["customData"] = custom
	}
	return set
}

// track notes a batch of events: §7.
func (t *Twin) track(c *call) answer {
	events := list(c.in, "events")
	for _, e := range events {
		e, isObject := e.(object)
		if !isObject || text(e, "name") == "" {
			return invalid(object{"requestBody.events": object{"message": "'name' is required"}})
		}
	}
	for _, e := range events {
		e := e.(object)
		if text(e, "date") == "" {
			e = with(e, object{"date": t.now()})
		}
		t.db.tracked = appendBounded(t.db.tracked, e)
		if s := t.db.sessions.one("userId", text(e, "userId")); s != nil {
			t.db.sessions.touch(with(s, object{"lastActivity": t.now(), "eventData": e}))
		}
	}
	return answer{status: http.StatusOK, body: object{"success": true}, idle: len(events) == 0}
}

func (t *Twin) adminDelete(c *call) answer {
	doc := t.db.sessions.one("userId", c.path["userId"])
	if doc == nil {
		return notFound("Contact")
	}
	t.dropSession(text(doc, "_id"))
	return ok(object{"success": true})
}
