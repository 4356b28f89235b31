package highlevel

import (
	"slices"
	"strings"
)

type user struct {
	ID        string `json:"id"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	Email     string `json:"email"`
	Phone     string `json:"phone"`
	Role      string `json:"role"`
}

func userRoutes() []route {
	const scope = "users.readonly"
	return []route{
		{method: "GET", pattern: "/users/search", scope: scope, reach: eitherToken, handle: (*Twin).searchUsers},
		{method: "GET", pattern: "/users/{userId}", scope: scope, reach: eitherToken, handle: (*Twin).getUser},
		// Deprecated, and still answering: §5.2.
		{method: "GET", pattern: "/users", scope: scope, handle: (*Twin).usersOfLocation},
		{method: "POST", pattern: "/users/search/filter-by-email", scope: scope, reach: agencyToken, handle: (*Twin).usersByEmail, body: schema{
			"companyId": needText(), "emails": needText(), "deleted": flag(), "skip": text(), "limit": text(), "projection": text(),
		}},
	}
}

func (t *Twin) userView(u *user) object {
	return object{
		"id": u.ID, "name": u.FirstName + " " + u.LastName, "firstName": u.FirstName, "lastName": u.LastName,
		"email": u.Email, "phone": u.Phone, "extension": "", "deleted": false, "platformLanguage": "en_US",
		"permissions": object{"contactsEnabled": true, "tagsEnabled": true, "settingsEnabled": u.Role == "admin"},
		"scopes":      []string{"contacts.write"},
		"roles":       object{"type": "account", "role": u.Role, "locationIds": []string{t.cfg.LocationID}, "restrictSubAccount": false},
	}
}

func (t *Twin) userViews(keep func(*user) bool) []object {
	out := []object{}
	for _, u := range t.db.users.list(keep) {
		out = append(out, t.userView(u))
	}
	return out
}

func (t *Twin) adminID() string {
	for _, u := range t.db.users.list(nil) {
		if u.Role == "admin" {
			return u.ID
		}
	}
	return ""
}

// searchUsers needs the companyId, which only the location tells: §2.1, §5.2.
func (t *Twin) searchUsers(c *call) answer {
	q := c.r.URL.Query()
	if q.Get("companyId") == "" {
		return unprocessable("companyId should not be empty", "companyId must be a string")
	}
	if q.Get("companyId") != t.cfg.CompanyID {
		return noLocation()
	}
	query, ids := strings.ToLower(q.Get("query")), q.Get("ids")
	found := t.userViews(func(u *user) bool {
		return strings.Contains(strings.ToLower(u.FirstName+" "+u.LastName+" "+u.Email+" "+u.Phone), query) &&
			(ids == "" || slices.Contains(strings.Split(ids, ","), u.ID)) &&
			(q.Get("role") == "" || q.Get("role") == u.Role) &&
			(q.Get("type") == "" || q.Get("type") == "account") &&
			(q.Get("locationId") == "" || q.Get("locationId") == t.cfg.LocationID)
	})
	count := len(found)
	found, refused, bad := page(c, found, 25)
	if bad {
		return refused
	}
	return ok(object{"users": found, "count": count})
}

// getUser answers the user without a wrapper.
func (t *Twin) getUser(c *call) answer {
	u := t.db.users.get(c.path["userId"])
	if u == nil {
		return entityNotFound("User", c.path["userId"])
	}
	return ok(t.userView(u))
}

func (t *Twin) usersOfLocation(c *call) answer {
	if c.query("locationId") == "" {
		return noLocation()
	}
	return ok(object{"users": t.userViews(nil)})
}

func (t *Twin) usersByEmail(c *call) answer {
	if c.in["companyId"] != t.cfg.CompanyID {
		return noLocation()
	}
	wanted := strings.Split(strings.ToLower(strings.ReplaceAll(c.in["emails"].(string), " ", "")), ",")
	found := t.userViews(func(u *user) bool { return slices.Contains(wanted, strings.ToLower(u.Email)) })
	return ok(object{"users": found, "count": len(found)})
}
