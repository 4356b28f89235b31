package highlevel

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func searchRoutes() []route {
	return []route{
		{method: "POST", pattern: "/contacts/search", scope: readContacts, body: searchBody, handle: (*Twin).searchContacts},
		{method: "GET", pattern: "/contacts", scope: readContacts, handle: (*Twin).listContacts},
		{method: "GET", pattern: "/contacts/business/{businessId}", scope: readContacts, handle: (*Twin).contactsOfBusiness},
	}
}

// searchBody: the official file shows an empty object; the keys are from §4.3.
var searchBody = schema{
	"locationId":  needText(),
	"pageLimit":   {kind: kindNumber, required: true, check: between(1, 500)},
	"page":        {kind: kindNumber, check: between(1, 10000)},
	"searchAfter": {kind: kindAny},
	"query":       {kind: kindString, check: atMost75},
	"filters":     {kind: kindAny},
	"sort": {kind: kindObjects, of: schema{
		"field":     {kind: kindString, required: true, options: sortFields},
		"direction": {kind: kindString, options: []string{"asc", "desc"}},
	}},
}

var sortFields = []string{"email", "dnd", "source", "firstNameLowerCase", "lastNameLowerCase", "dateAdded", "dateUpdated"}

func between(low, high float64) func(any) string {
	return func(v any) string {
		if n := v.(float64); n < low || n > high || n != float64(int(n)) {
			return fmt.Sprintf("must be an integer between %.0f and %.0f", low, high)
		}
		return ""
	}
}

func atMost75(v any) string {
	if len([]rune(v.(string))) > 75 {
		return "must be shorter than or equal to 75 characters"
	}
	return ""
}

// searchWindow is how far numbered pages reach: §4.3.
const searchWindow = 10000

func (t *Twin) searchContacts(c *call) answer {
	limit := int(c.in["pageLimit"].(float64))
	pageNo, paged := c.in["page"].(float64)
	after, cursor, complaint := searchCursor(c.in["searchAfter"])
	switch {
	case complaint != "":
		return unprocessable(complaint)
	case paged && cursor:
		return unprocessable("page and searchAfter must not be used together")
	case paged && int(pageNo)*limit > searchWindow:
		return unprocessable("page times pageLimit must not be greater than 10000, use searchAfter")
	}
	keep, complaints := compileFilters(c.in["filters"], t.faults.CustomFilters)
	if len(complaints) > 0 {
		return unprocessable(complaints...)
	}
	query, _ := c.in["query"].(string)
	order := sortKeys(c.in["sort"])

	hits := t.inOrder(order)
	if c.in["filters"] != nil || strings.TrimSpace(query) != "" {
		var kept []hit
		for _, h := range hits {
			if keep(t, h.contact) && matchesQuery(h.contact, query) {
				kept = append(kept, h)
			}
		}
		hits = kept
	}
	total := len(hits)
	switch {
	case cursor && len(after) != len(order)+1:
		return unprocessable("searchAfter does not fit the sort of this search")
	case cursor:
		from, _ := slices.BinarySearchFunc(hits, after, func(h hit, k []any) int {
			if order.compare(h.keys, k) <= 0 {
				return -1
			}
			return 1
		})
		hits = hits[from:]
	case paged:
		hits = hits[min((int(pageNo)-1)*limit, len(hits)):]
	}
	hits = hits[:min(limit, len(hits))]
	found := make([]searchView, len(hits))
	for i, h := range hits {
		found[i] = t.searchView(h.contact, h.keys)
	}
	return ok(object{"contacts": found, "total": total})
}

type hit struct {
	contact *contact
	keys    []any
}

// ordering is the sort of one search. The contact's id is the last key, so
// that a cursor always stands between two contacts.
type ordering []sortKey

type sortKey struct {
	field string
	down  bool
}

func sortKeys(in any) ordering {
	var out ordering
	list, _ := in.([]any)
	for _, raw := range list {
		m, _ := raw.(map[string]any)
		name, _ := m["field"].(string)
		out = append(out, sortKey{name, m["direction"] == "desc"})
	}
	if out == nil {
		out = ordering{{"dateAdded", true}}
	}
	return out
}

func (o ordering) keys(c *contact) []any {
	out := make([]any, 0, len(o)+1)
	for _, k := range o {
		switch k.field {
		case "email":
			out = append(out, strings.ToLower(c.Email))
		case "dnd":
			out = append(out, strconv.FormatBool(c.DND))
		case "source":
			out = append(out, strings.ToLower(c.Source))
		case "firstNameLowerCase":
			out = append(out, strings.ToLower(c.FirstName))
		case "lastNameLowerCase":
			out = append(out, strings.ToLower(c.LastName))
		case "dateAdded":
			out = append(out, float64(c.Added.UnixMilli()))
		case "dateUpdated":
			out = append(out, float64(c.Updated.UnixMilli()))
		}
	}
	return append(out, c.ID)
}

func (o ordering) compare(a, b []any) int {
	for i := range a {
		x := compareKey(a[i], b[i])
		if i < len(o) && o[i].down {
			x = -x
		}
		if x != 0 {
			return x
		}
	}
	return 0
}

func compareKey(a, b any) int {
	if x, ok := a.(float64); ok {
		if y, ok := b.(float64); ok {
			return cmp.Compare(x, y)
		}
	}
	if x, ok := a.(string); ok {
		if y, ok := b.(string); ok {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

func searchCursor(v any) (after []any, present bool, complaint string) {
	if v == nil {
		return nil, false, ""
	}
	list, ok := v.([]any)
	if !ok {
		return nil, false, "searchAfter must be an array"
	}
	for _, m := range list {
		switch m.(type) {
		case string, float64:
		default:
			return nil, false, "each value in searchAfter must be a string or a number"
		}
	}
	return list, len(list) > 0, ""
}

// ghost is a deleted contact that a lagging index may still show.
type ghost struct {
	contact *contact
	at      time.Time
}

func (t *Twin) addGhost(c *contact) {
	lag := t.lag()
	if lag == 0 {
		t.db.ghosts = nil
		return
	}
	now := t.now()
	t.db.ghosts = slices.DeleteFunc(t.db.ghosts, func(g ghost) bool { return now.Sub(g.at) >= lag })
	t.db.ghosts = append(t.db.ghosts, ghost{c, now})
}

func (t *Twin) lag() time.Duration { return time.Duration(t.faults.SearchLagMs) * time.Millisecond }

// searchable is the version of c that the search index shows, or nil. The
// index is behind by seconds in reality (§4.3); here by the searchLagMs fault.
func (t *Twin) searchable(c *contact, now time.Time) *contact {
	if lag := t.lag(); lag > 0 && now.Sub(c.touched) < lag {
		return c.indexed
	}
	return c
}

// inOrder lists what a search may find as it asks for it.
func (t *Twin) inOrder(order ordering) []hit {
	if t.lag() == 0 {
		return t.db.inOrder(order)
	}
	var hits []hit
	for _, x := range t.indexedContacts() {
		hits = append(hits, hit{x, order.keys(x)})
	}
	slices.SortFunc(hits, func(a, b hit) int { return order.compare(a.keys, b.keys) })
	return hits
}

func (t *Twin) indexedContacts() []*contact {
	now, lag := t.now(), t.lag()
	out := make([]*contact, 0, len(t.db.contacts))
	for _, c := range t.db.contacts {
		if c = t.searchable(c, now); c != nil {
			out = append(out, c)
		}
	}
	for _, g := range t.db.ghosts {
		if lag > 0 && now.Sub(g.at) < lag {
			if c := t.searchable(g.contact, now); c != nil {
				out = append(out, c)
			}
		}
	}
	return out
}

// matchesQuery looks in the fields a location usually makes searchable.
func matchesQuery(c *contact, query string) bool {
	query = strings.ToLower(strings.TrimSpace(query))
	if query == "" {
		return true
	}
	for _, s := range []string{c.name(), c.Email, c.Phone, c.CompanyName, strings.Join(c.Tags, " ")} {
		if strings.Contains(strings.ToLower(s), query) {
			return true
		}
	}
	return false
}

// searchView is a hit: another shape than GET, with address for address1 and
// an epoch dateOfBirth (§4.3).
type searchView struct {
	ID                 string                `json:"id"`
	PhoneLabel         *string               `json:"phoneLabel,omitempty"`
	Country            string                `json:"country,omitempty"`
	Address            string                `json:"address,omitempty"`
	Source             string                `json:"source,omitempty"`
	Type               string                `json:"type"`
	LocationID         string                `json:"locationId"`
	Website            string                `json:"website,omitempty"`
	DND                bool                  `json:"dnd"`
	State              string                `json:"state,omitempty"`
	BusinessName       string                `json:"businessName,omitempty"`
	CustomFields       []customValue         `json:"customFields"`
	Tags               []string              `json:"tags"`
	DateAdded          string                `json:"dateAdded"`
	AdditionalEmails   []string              `json:"additionalEmails"`
	Phone              string                `json:"phone,omitempty"`
	CompanyName        string                `json:"companyName,omitempty"`
	AdditionalPhones   []string              `json:"additionalPhones"`
	DateUpdated        string                `json:"dateUpdated"`
	City               string                `json:"city,omitempty"`
	DateOfBirth        int64                 `json:"dateOfBirth,omitempty"`
	ContactName        string                `json:"contactName,omitempty"`
	FirstName          string                `json:"firstName,omitempty"`
	LastName           string                `json:"lastName,omitempty"`
	FirstNameLowerCase string                `json:"firstNameLowerCase,omitempty"`
	LastNameLowerCase  string                `json:"lastNameLowerCase,omitempty"`
	Email              string                `json:"email,omitempty"`
	AssignedTo         string                `json:"assignedTo,omitempty"`
	Followers          []string              `json:"followers"`
	ValidEmail         *bool                 `json:"validEmail,omitempty"`
	DNDSettings        map[string]dndSetting `json:"dndSettings,omitempty"`
	Opportunities      []object              `json:"opportunities"`
	PostalCode         string                `json:"postalCode,omitempty"`
	BusinessID         string                `json:"businessId,omitempty"`
	SearchAfter        []any                 `json:"searchAfter"`
}

func (t *Twin) searchView(c *contact, keys []any) searchView {
	v := searchView{
		ID: c.ID, Country: c.Country, Address: c.Address1, Source: c.Source, Type: "lead", LocationID: t.cfg.LocationID,
		Website: c.Website, DND: c.DND, State: c.State, BusinessName: t.businessName(c.BusinessID),
		CustomFields: some(c.Custom), Tags: some(c.Tags), DateAdded: stamp(c.Added), DateUpdated: stamp(c.Updated),
		AdditionalEmails: some(c.AdditionalEmails), Phone: c.Phone, CompanyName: c.CompanyName, AdditionalPhones: []string{},
		City: c.City, ContactName: c.name(), FirstName: c.FirstName, LastName: c.LastName,
		FirstNameLowerCase: strings.ToLower(c.FirstName), LastNameLowerCase: strings.ToLower(c.LastName),
		Email: c.Email, AssignedTo: c.AssignedTo, Followers: some(c.Followers), DNDSettings: c.DNDSettings,
		Opportunities: []object{}, PostalCode: c.PostalCode, BusinessID: c.BusinessID, SearchAfter: keys,
	}
	if at, err := time.Parse(time.DateOnly, c.DateOfBirth); err == nil {
		v.DateOfBirth = at.UnixMilli()
	}
	return v
}

// listView is one contact of the two older lists.
type listView struct {
	contactView
	ContactName  string   `json:"contactName,omitempty"`
	Attributions []object `json:"attributions"`
}

func (t *Twin) listViews(in []*contact) []listView {
	out := make([]listView, len(in))
	for i, c := range in {
		out[i] = listView{contactView: t.view(c), ContactName: c.name(), Attributions: []object{}}
		out[i].Followers = some(c.Followers)
	}
	return out
}

// listContacts is deprecated and still answers, with a meta block the official
// schema forgets: §4.1, §4.4.
func (t *Twin) listContacts(c *call) answer {
	if c.query("locationId") == "" {
		return noLocation()
	}
	limit, bad := queryNumber(c, "limit", 20)
	if bad || limit < 1 || limit > 100 {
		return unprocessable("limit must not be greater than 100", "limit must not be less than 1")
	}
	startAfter, bad := queryNumber(c, "startAfter", 0)
	if bad {
		return unprocessable("startAfter must be a number conforming to the specified constraints")
	}
	query := c.query("query")
	all := slices.DeleteFunc(t.db.sortedContacts(), func(x *contact) bool { return !matchesQuery(x, query) })
	from := 0
	if id := c.query("startAfterId"); id != "" || startAfter > 0 {
		from = len(all)
		for i, x := range all {
			if x.ID == id {
				from = i + 1
				break
			}
			if ms := int(x.Added.UnixMilli()); ms < startAfter {
				from = min(from, i)
			}
		}
	}
	rest := all[from:]
	page := rest[:min(limit, len(rest))]
	number := from/limit + 1
	meta := object{"total": len(all), "currentPage": number, "nextPage": nil, "prevPage": nil, "nextPageUrl": nil}
	if number > 1 {
		meta["prevPage"] = number - 1
	}
	if len(page) > 0 {
		last := page[len(page)-1]
		meta["startAfterId"], meta["startAfter"] = last.ID, last.Added.UnixMilli()
		if len(rest) > limit {
			meta["nextPage"] = number + 1
			// The host of this URL is of no use to a client: §4.4.
			meta["nextPageUrl"] = "http://localhost:5058/contacts/?" + url.Values{
				"locationId": {t.cfg.LocationID}, "limit": {strconv.Itoa(limit)},
				"startAfter": {strconv.FormatInt(last.Added.UnixMilli(), 10)}, "startAfterId": {last.ID},
			}.Encode()
		}
	}
	return ok(object{"contacts": t.listViews(page), "count": len(all), "meta": meta})
}

func (t *Twin) contactsOfBusiness(c *call) answer {
	if c.query("locationId") == "" {
		return noLocation()
	}
	limit, bad := queryNumber(c, "limit", 25)
	skip, worse := queryNumber(c, "skip", 0)
	if bad || worse || limit < 1 || skip < 0 {
		return unprocessable("limit and skip must be numbers")
	}
	id, query := c.path["businessId"], c.query("query")
	all := slices.DeleteFunc(t.db.sortedContacts(), func(x *contact) bool {
		return x.BusinessID != id || !matchesQuery(x, query)
	})
	page := all[min(skip, len(all)):]
	return ok(object{"contacts": t.listViews(page[:min(limit, len(page))]), "count": len(all)})
}

// queryNumber reads a whole number of the query, which the official files
// often type as a string: §4.4.
func queryNumber(c *call, name string, fallback int) (n int, bad bool) {
	s := c.query(name)
	if s == "" {
		return fallback, false
	}
	n, err := strconv.Atoi(s)
	return n, err != nil
}
