package gleap

func userRoutes() []route {
	return []route{
		{method: "GET", pattern: "/users/me", handle: (*Twin).me, global: true},
		{method: "GET", pattern: "/users/me/permissions", handle: (*Twin).permissions, global: true},
		{method: "GET", pattern: "/projects/users", handle: func(t *Twin, _ *call) answer { return ok(t.people()) }},
	}
}

// serviceUser is who writes with the project API key: §3.1.
func (t *Twin) serviceUser() string { return derivedID(t.cfg.Seed, "user", 0) }

// agent is the person who connects an app by OAuth.
func (t *Twin) agent() string { return derivedID(t.cfg.Seed, "user", 1) }

// briefUser is an agent inside a ticket or message: §8, §9.
func briefUser(doc object) object {
	return object{"_id": doc["_id"], "id": doc["id"], "email": doc["email"], "firstName": doc["firstName"],
		"lastName": doc["lastName"], "profileImageUrl": doc["profileImageUrl"]}
}

// people are the agents without the service account.
func (t *Twin) people() []object {
	out := []object{}
	for _, u := range t.db.users.all() {
		if text(u, "userType") != "service_account" {
			out = append(out, without(u, "notificationPreferences"))
		}
	}
	return out
}

func (t *Twin) me(c *call) answer {
	if u := t.db.users.get(c.user); u != nil {
		return ok(u)
	}
	return notFound("User")
}

// permissions shows a small part of the 235 permissions that one live project
// had: §3.1.
func (t *Twin) permissions(*call) answer {
	return ok(object{"roles": []string{"ADMIN"}, "permissions": []string{
		"session:read", "session:write", "session:delete", "ticket:read", "ticket:write", "ticket:delete",
		"message:read", "message:write", "message:delete", "team:read", "team:write", "project:read",
	}})
}

func (t *Twin) addUser(n uint64, userType, first, last, email string) {
	id, now := derivedID(t.cfg.Seed, "user", n), t.now()
	preference := object{"push": false, "inApp": true, "email": true}
	preferences := object{}
	for _, name := range []string{"all-ticket-messages", "all-sla-breached", "personal-ticket-messages", "all-created-tickets",
		"personal-assignment", "personal-mention", "team-ticket-messages", "team-ticket-assignment"} {
		preferences[name] = preference
	}
	t.db.users.put(object{
		"_id": id, "id": id, "email": email, "firstName": first, "lastName": last, "profileImageUrl": "", "userType": userType,
		"confirmed": true, "available": true, "hidden": userType == "service_account", "notificationPreferences": preferences,
		"createdAt": now, "updatedAt": now,
	})
}
