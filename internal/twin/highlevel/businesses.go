package highlevel

import "time"

type business struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Phone       string    `json:"phone,omitempty"`
	Email       string    `json:"email,omitempty"`
	Website     string    `json:"website,omitempty"`
	Address     string    `json:"address,omitempty"`
	City        string    `json:"city,omitempty"`
	PostalCode  string    `json:"postalCode,omitempty"`
	State       string    `json:"state,omitempty"`
	Country     string    `json:"country,omitempty"`
	Description string    `json:"description,omitempty"`
	LocationID  string    `json:"locationId"`
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
}

func businessRoutes() []route {
	body := func(extra schema) schema {
		s := schema{}
		for _, key := range []string{"phone", "website", "address", "city", "postalCode", "state", "description"} {
			s[key] = text()
		}
		s["email"] = field{kind: kindString, check: isEmail}
		s["country"] = field{kind: kindString, check: isCountry}
		for k, f := range extra {
			s[k] = f
		}
		return s
	}
	const all, one = "/businesses", "/businesses/{businessId}"
	const read, write = "businesses.readonly", "businesses.write"
	return []route{
		{method: "GET", pattern: all, scope: read, handle: (*Twin).listBusinesses},
		{method: "POST", pattern: all, scope: write, writes: true, handle: (*Twin).createBusiness, body: body(schema{"name": needText(), "locationId": needText()})},
		{method: "GET", pattern: one, scope: read, handle: (*Twin).getBusiness},
		{method: "PUT", pattern: one, scope: write, writes: true, handle: (*Twin).updateBusiness, body: body(schema{"name": text()})},
		{method: "DELETE", pattern: one, scope: write, writes: true, handle: (*Twin).deleteBusiness},
	}
}

func (b *business) apply(in object) {
	for key, at := range map[string]*string{
		"name": &b.Name, "phone": &b.Phone, "email": &b.Email, "website": &b.Website, "address": &b.Address, "city": &b.City,
		"postalCode": &b.PostalCode, "state": &b.State, "country": &b.Country, "description": &b.Description,
	} {
		if v, isText := in[key].(string); isText {
			*at = v
		}
	}
}

func (t *Twin) businessName(id string) string {
	if b := t.db.businesses.get(id); b != nil {
		return b.Name
	}
	return ""
}

func (t *Twin) listBusinesses(c *call) answer {
	if c.query("locationId") == "" {
		return noLocation()
	}
	found, refused, bad := page(c, t.db.businesses.list(nil), 100)
	if bad {
		return refused
	}
	return ok(object{"businesses": found})
}

// createBusiness and updateBusiness answer with "buiseness": §5.2.
func (t *Twin) createBusiness(c *call) answer {
	b := &business{ID: t.newHexID("business"), LocationID: t.cfg.LocationID, CreatedAt: t.now(), UpdatedAt: t.now()}
	b.apply(c.in)
	t.db.businesses.put(b.ID, b)
	return created(object{"success": true, "buiseness": b})
}

func (t *Twin) getBusiness(c *call) answer {
	b := t.db.businesses.get(c.path["businessId"])
	if b == nil {
		return entityNotFound("Business", c.path["businessId"])
	}
	return ok(object{"business": b})
}

func (t *Twin) updateBusiness(c *call) answer {
	old := t.db.businesses.get(c.path["businessId"])
	if old == nil {
		return entityNotFound("Business", c.path["businessId"])
	}
	n := *old
	n.apply(c.in)
	n.UpdatedAt = t.now()
	t.db.businesses.put(n.ID, &n)
	return ok(object{"success": true, "buiseness": &n})
}

func (t *Twin) deleteBusiness(c *call) answer {
	b := t.db.businesses.get(c.path["businessId"])
	if b == nil {
		return entityNotFound("Business", c.path["businessId"])
	}
	t.db.businesses.remove(b.ID)
	for _, old := range t.db.sortedContacts() {
		if old.BusinessID == b.ID {
			n := old.clone()
			n.BusinessID = ""
			t.replaceContact(old, n)
		}
	}
	return ok(object{"success": true})
}
