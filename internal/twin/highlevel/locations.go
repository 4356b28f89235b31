package highlevel

// The one location of a twin.
const (
	locationName   = "Harbor Street Dental"
	locationStreet = "418 Harbor Street"
	locationCity   = "Portland"
	locationZone   = "America/New_York"
	companyName    = "Lighthouse Marketing"
)

func locationRoutes() []route {
	return []route{
		{method: "GET", pattern: "/locations/{locationId}", scope: "locations.readonly", reach: eitherToken, handle: (*Twin).getLocation},
		{method: "GET", pattern: "/locations/search", scope: "locations.readonly", reach: eitherToken, handle: (*Twin).searchLocations},
		{method: "GET", pattern: "/locations/{locationId}/timezones", scope: "locations.readonly", handle: (*Twin).timezones},
	}
}

func (t *Twin) location() object {
	return object{
		"id": t.cfg.LocationID, "companyId": t.cfg.CompanyID, "name": locationName,
		"address": locationStreet, "city": locationCity, "state": "ME", "country": "US", "postalCode": "04101",
		"website": "https://harborstreetdental.example", "timezone": locationZone,
		"firstName": "Morgan", "lastName": "Reyes", "email": "office@harborstreetdental.example", "phone": "+12075550100",
		"business": object{
			"name": locationName, "address": locationStreet, "city": locationCity, "state": "ME", "country": "US",
			"postalCode": "04101", "website": "https://harborstreetdental.example", "timezone": locationZone,
		},
		"social": object{},
		"settings": object{
			"allowDuplicateContact": t.cfg.AllowDuplicates, "allowDuplicateOpportunity": false,
			"allowFacebookNameMerge": false, "disableContactTimezone": false,
		},
	}
}

func (t *Twin) getLocation(c *call) answer {
	if p := t.place(c.path["locationId"]); p != nil {
		return ok(object{"location": t.placeAnswer(p)})
	}
	if c.path["locationId"] != t.cfg.LocationID {
		return noLocation()
	}
	return ok(object{"location": t.location()})
}

func (t *Twin) searchLocations(c *call) answer {
	limit, bad := queryNumber(c, "limit", 10)
	skip, worse := queryNumber(c, "skip", 0)
	if bad || worse {
		return unprocessable("limit and skip must be numbers")
	}
	l := t.location()
	locations := []object{l}
	if id := c.query("companyId"); id != "" && id != t.cfg.CompanyID || skip > 0 || limit < 1 ||
		c.query("email") != "" && c.query("email") != l["email"] {
		locations = []object{}
	}
	return ok(object{"locations": locations})
}

// timezones has no documented answer; this is the vendor's wrapper with a
// sample of IANA names.
func (t *Twin) timezones(*call) answer {
	return ok(object{"timeZones": []string{
		"America/Chicago", "America/Denver", "America/Los_Angeles", "America/New_York", "America/Sao_Paulo",
		"Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney", "Europe/Berlin", "Europe/London", "Europe/Vienna", "UTC",
	}})
}

// page cuts one page by the limit and skip of the query.
func page[T any](c *call, all []T, fallback int) ([]T, answer, bool) {
	limit, bad := queryNumber(c, "limit", fallback)
	skip, worse := queryNumber(c, "skip", 0)
	if bad || worse || limit < 1 || skip < 0 {
		return nil, unprocessable("limit must be a number, at least 1", "skip must be a number, at least 0"), true
	}
	all = all[min(skip, len(all)):]
	return all[:min(limit, len(all))], answer{}, false
}
