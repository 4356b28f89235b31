package highlevel

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	reconnectPath = "/oauth/reconnect"
	placePattern  = "/locations/{locationId}"
	// wholeAgency is the choice of every location on the consent page.
	wholeAgency = "agency"
)

// place is another location of the company. It has a name and can have the app; it holds no data.
type place struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Installed bool      `json:"installed"`
	InstallAt time.Time `json:"installedAt,omitzero"`
}

func (t *Twin) place(id string) *place {
	for _, p := range t.db.places {
		if p.ID == id {
			return p
		}
	}
	return nil
}

func (t *Twin) placeAnswer(p *place) object {
	return object{
		"id": p.ID, "companyId": t.cfg.CompanyID, "name": p.Name, "address": locationStreet, "city": locationCity, "state": "ME", "country": "US",
		"postalCode": "04101", "website": "https://example.com", "timezone": locationZone, "firstName": "Morgan", "lastName": "Reyes",
		"email": "office@example.com", "phone": "+12075550100", "business": object{"name": p.Name, "address": locationStreet, "city": locationCity, "state": "ME",
			"country": "US", "postalCode": "04101", "website": "https://example.com", "timezone": locationZone}, "social": object{},
		"settings": object{"allowDuplicateContact": false, "allowDuplicateOpportunity": false, "allowFacebookNameMerge": false, "disableContactTimezone": false},
	}
}

// approved lists where the app is installed.
func (t *Twin) approved() []string {
	out := []string{}
	if t.db.installed {
		out = append(out, t.cfg.LocationID)
	}
	for _, p := range t.db.places {
		if p.Installed {
			out = append(out, p.ID)
		}
	}
	return out
}

// AddLocation makes another location of the company, as its agency may at any time. Where the app is installed for
// locations made later, it is installed there too: §2.5.
func (t *Twin) AddLocation(name string) (id string) {
	t.begin(byPerson)
	defer t.end()
	t.db.seq++
	// Places are replaced, never changed: a save under way may be reading them.
	p := &place{ID: derivedID(t.cfg.Seed, "place", t.db.seq), Name: name, Installed: t.db.agency}
	if p.Installed {
		p.InstallAt = t.now()
		t.fireInstall(p.ID, "Location")
	}
	t.db.places = append(t.db.places, p)
	t.changed()
	return p.ID
}

func (t *Twin) controlAddLocation(w http.ResponseWriter, r *http.Request) {
	fields, err := contactFields(r)
	if err != nil {
		t.refuse(w, r, err)
		return
	}
	name, _ := fields["name"].(string)
	done(w, r, http.StatusCreated, object{"id": t.AddLocation(strings.TrimSpace(name))})
}

// installAgency installs the app for the whole company: an event tells of the company, and one of each location (§2.5).
func (t *Twin) installAgency(now time.Time) {
	t.db.agency, t.db.installed, t.db.installAt = true, true, now
	t.fireInstall("", "Company")
	t.fireInstall(t.cfg.LocationID, "Location")
	for i, p := range t.db.places {
		next := *p
		next.Installed, next.InstallAt = true, now
		t.db.places[i] = &next
		t.fireInstall(p.ID, "Location")
	}
}

// fireInstall tells the app that a location has it now, or the company: §2.6.
func (t *Twin) fireInstall(locationID, kind string) {
	if !t.heard() {
		return
	}
	t.fire(locationID, "", struct {
		Type                string `json:"type"`
		AppID               string `json:"appId"`
		VersionID           string `json:"versionId"`
		InstallType         string `json:"installType"`
		LocationID          string `json:"locationId,omitempty"`
		CompanyID           string `json:"companyId"`
		UserID              string `json:"userId"`
		PlanID              string `json:"planId"`
		Trial               object `json:"trial"`
		IsWhitelabelCompany bool   `json:"isWhitelabelCompany"`
		WhitelabelDetails   object `json:"whitelabelDetails"`
		CompanyName         string `json:"companyName"`
		Timestamp           string `json:"timestamp"`
		WebhookID           string `json:"webhookId"`
	}{
		"INSTALL", t.cfg.AppID, t.cfg.AppID, kind, locationID, t.cfg.CompanyID, t.adminID(), t.planID,
		object{}, false, object{}, companyName, stamp(t.now()), t.envelope().WebhookID,
	})
}

// Uninstall removes the app from the location, as a person may at any time: its
// tokens die and an event says so (§2.6).
func (t *Twin) Uninstall() {
	t.begin(byPerson)
	defer t.end()
	t.db.revoke(func(g *grant) bool { return g.LocationID == t.cfg.LocationID })
	t.db.installed = false
	t.changed()
	t.fireUninstall(t.cfg.LocationID, "")
}

// UninstallAgency removes the app from the whole company.
func (t *Twin) UninstallAgency() {
	t.begin(byPerson)
	defer t.end()
	t.db.revokeAll()
	t.db.agency, t.db.installed = false, false
	for i, p := range t.db.places {
		t.db.places[i] = &place{ID: p.ID, Name: p.Name}
	}
	t.changed()
	t.fireUninstall("", t.cfg.CompanyID)
}

// fireUninstall names either a location or a company: §2.6.
func (t *Twin) fireUninstall(locationID, companyID string) {
	if !t.heard() {
		return
	}
	e := t.envelope()
	t.fire(locationID, "", struct {
		Type       string `json:"type"`
		AppID      string `json:"appId"`
		LocationID string `json:"locationId,omitempty"`
		CompanyID  string `json:"companyId,omitempty"`
		Timestamp  string `json:"timestamp"`
		WebhookID  string `json:"webhookId"`
	}{"UNINSTALL", t.cfg.AppID, locationID, companyID, e.Timestamp, e.WebhookID})
}

// mintLocationToken turns a company token into a location's: §2.5. JSON is
// taken too, since the vendor's own template posts it.
func (t *Twin) mintLocationToken(c *call) answer {
	companyID, locationID := c.minting.Get("companyId"), c.minting.Get("locationId")
	if companyID == "" || locationID == "" {
		return unprocessable("companyId must be a string", "locationId must be a string")
	}
	p := t.place(locationID)
	switch {
	case companyID != t.cfg.CompanyID, p == nil && locationID != t.cfg.LocationID, p != nil && !p.Installed, p == nil && !t.db.installed:
		return noLocation()
	case t.faults.LocationInactive:
		return fail(http.StatusBadRequest, "Location is not active") // §2.3
	}
	g := *c.token
	g.LocationID = locationID
	out := t.issue(&g)
	// No refresh token here before v3: §2.5.
	delete(t.db.refresh, out["refresh_token"].(string))
	for _, name := range []string{"refresh_token", "companyId", "userType", "isBulkInstallation"} {
		delete(out, name)
	}
	out["appId"], out["versionId"] = t.cfg.AppID, t.cfg.AppID
	return ok(out)
}

// reconnect hands out a code for an installation whose tokens were lost (help centre, article 155000003717). Whether
// HighLevel still serves it is unconfirmed, so that it does only on demand.
func (t *Twin) reconnect(c *call) answer {
	in, refused, fine := formOrJSON(c.r)
	if !fine {
		return refused
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !t.faults.Reconnect:
		return fail(http.StatusBadRequest, "API endpoint has been removed")
	case !same(in.Get("clientKey"), t.cfg.ClientID) || !same(in.Get("clientSecret"), t.cfg.ClientSecret):
		return fail(http.StatusUnauthorized, "Invalid client: client credentials are invalid")
	}
	location := in.Get("locationId")
	p := t.place(location)
	if location != t.cfg.LocationID && p == nil || location == t.cfg.LocationID && !t.db.installed || p != nil && !p.Installed {
		return fail(http.StatusBadRequest, "App is not installed")
	}
	value, expires := randomToken(20), t.now().Add(codeLife)
	t.db.codes[value] = &code{grant: grant{LocationID: location, CompanyID: t.cfg.CompanyID, UserID: t.adminID(), Scopes: t.db.scopes}, expires: expires}
	return ok(object{"authorizationCode": value, "expiresAt": stamp(expires)})
}

func (t *Twin) installedLocations(c *call) answer {
	q := c.r.URL.Query()
	if q.Get("companyId") == "" || q.Get("appId") == "" {
		return unprocessable("companyId must be a string", "appId must be a string")
	}
	if q.Get("companyId") != t.cfg.CompanyID || q.Get("appId") != t.cfg.AppID {
		return fail(http.StatusForbidden, "You do not have permission to access this resource")
	}
	all := append([]*place{{ID: t.cfg.LocationID, Name: locationName, Installed: t.db.installed, InstallAt: t.db.installAt}}, t.db.places...)
	found := []object{}
	for _, p := range all {
		if asked(q, p) {
			entry := object{"_id": p.ID, "name": p.Name, "address": locationStreet, "isInstalled": p.Installed, "versionId": t.cfg.AppID}
			if p.Installed {
				entry["installedAt"] = stamp(p.InstallAt)
			}
			found = append(found, entry)
		}
	}
	some, refused, bad := page(c, found, 20)
	if bad {
		return refused
	}
	return ok(object{"locations": some, "count": len(found), "installToFutureLocations": t.db.agency})
}

func asked(q url.Values, p *place) bool {
	if id := q.Get("locationId"); id != "" && id != p.ID {
		return false
	}
	if wanted := q.Get("isInstalled"); wanted == "true" && !p.Installed || wanted == "false" && p.Installed {
		return false
	}
	return strings.Contains(strings.ToLower(p.Name), strings.ToLower(q.Get("query")))
}
