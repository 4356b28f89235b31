package highlevel

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSearchFiltersAndSorts(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	make := func(first string, more obj) {
		in := obj{"firstName": first, "email": strings.ToLower(first) + "@example.com"}
		for k, v := range more {
			in[k] = v
		}
		s.create(in)
		s.clock.advance(time.Hour)
	}
	make("Anna", obj{"city": "Oslo", "tags": []string{"vip", "trial"}, "phone": "+15005550001"})
	make("Bert", obj{"city": "Bergen", "tags": []string{"vip"}, "dnd": true})
	make("Cleo", obj{"companyName": "Oslo Boats", "source": "walk-in"})
	make("Dora", obj{"city": "Oslo", "customFields": []obj{{"key": "seats", "field_value": 7}}})
	seats := s.twin.customFieldByKey("seats").ID

	filter := func(field, op string, value any) obj { return obj{"field": field, "operator": op, "value": value} }
	for name, c := range map[string]struct {
		filters []any
		extra   obj
		want    string
	}{
		"no filter, newest first":  {nil, nil, "Dora Cleo Bert Anna"},
		"eq ignores case":          {[]any{filter("city", "eq", "OSLO")}, nil, "Dora Anna"},
		"not_eq":                   {[]any{filter("city", "not_eq", "Oslo")}, nil, "Cleo Bert"},
		"contains":                 {[]any{filter("companyName", "contains", "boat")}, nil, "Cleo"},
		"not_contains":             {[]any{filter("contactName", "not_contains", "r")}, nil, "Cleo Anna"},
		"exists":                   {[]any{obj{"field": "phone", "operator": "exists"}}, nil, "Anna"},
		"not_exists":               {[]any{obj{"field": "city", "operator": "not_exists"}}, nil, "Cleo"},
		"two filters mean and":     {[]any{filter("city", "eq", "Oslo"), filter("tags", "contains", "vip")}, nil, "Anna"},
		"a list asks for all":      {[]any{filter("tags", "eq", []string{"vip", "trial"})}, nil, "Anna"},
		"an email by eq":           {[]any{filter("email", "eq", "BERT@example.com")}, nil, "Bert"},
		"a boolean":                {[]any{filter("dnd", "eq", true)}, nil, "Bert"},
		"a custom field":           {[]any{filter("customFields."+seats, "eq", 7)}, nil, "Dora"},
		"a range with gte and lte": {[]any{filter("dateAdded", "range", obj{"gte": "2026-03-04T11:00:00Z", "lte": "2026-03-04T12:00:00Z"})}, nil, "Cleo Bert"},
		"a range with from and to": {[]any{filter("dateAdded", "range", obj{"from": "2026-03-04T12:00:00.000Z", "to": "2027-01-01"})}, nil, "Dora Cleo"},
		"a range without borders":  {[]any{filter("dateUpdated", "range", obj{"gt": "2026-03-04T10:00:00Z", "lt": 1772625600000})}, nil, "Bert"},
		"a group": {[]any{obj{"group": "OR", "filters": []any{
			filter("city", "eq", "Bergen"),
			obj{"group": "AND", "filters": []any{filter("city", "eq", "Oslo"), filter("tags", "contains", "trial")}},
		}}}, nil, "Bert Anna"},
		"a query":        {nil, obj{"query": "boats"}, "Cleo"},
		"sorted by name": {nil, obj{"sort": []obj{{"field": "firstNameLowerCase", "direction": "asc"}}}, "Anna Bert Cleo Dora"},
		"sorted by two": {nil, obj{"sort": []obj{{"field": "dnd", "direction": "desc"}, {"field": "dateAdded", "direction": "asc"}}},
			"Bert Anna Cleo Dora"},
		"one page": {nil, obj{"page": 2, "pageLimit": 3}, "Anna"},
	} {
		t.Run(name, func(t *testing.T) {
			st := *s
			st.T = t
			body := obj{"locationId": s.ready.LocationID, "pageLimit": 20}
			if c.filters != nil {
				body["filters"] = c.filters
			}
			for k, v := range c.extra {
				body[k] = v
			}
			r := st.want(200, st.call("POST", "/contacts/search", body))
			var got []string
			for _, x := range r.at("contacts").([]any) {
				got = append(got, x.(obj)["firstName"].(string))
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSearchRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	deep := any(obj{"field": "city", "operator": "eq", "value": "x"})
	for range 20 {
		deep = obj{"group": "AND", "filters": []any{deep}}
	}
	for want, extra := range map[string]obj{
		"pageLimit should not be empty":                        {"pageLimit": nil},
		"locationId should not be empty":                       {"locationId": nil},
		"pageLimit must be an integer between 1 and 500":       {"pageLimit": 501},
		"page must be an integer between 1 and 10000":          {"page": 0},
		"page times pageLimit must not be greater than 10000":  {"page": 101},
		"page and searchAfter must not be used together":       {"page": 1, "searchAfter": []any{1, "x"}},
		"searchAfter does not fit the sort":                    {"searchAfter": []any{"x"}},
		"searchAfter must be an array":                         {"searchAfter": "x"},
		"query must be shorter than or equal to 75 characters": {"query": strings.Repeat("x", 76)},
		`filters.0.field "shoe" is not a searchable field`:     {"filters": []obj{{"field": "shoe", "operator": "eq", "value": 1}}},
		"filters.0.operator must be one of":                    {"filters": []obj{{"field": "email", "operator": "contains", "value": "x"}}},
		"filters.0.value must be an object":                    {"filters": []obj{{"field": "dateAdded", "operator": "range", "value": "x"}}},
		"filters.0.value gte must be a date":                   {"filters": []obj{{"field": "dateAdded", "operator": "range", "value": obj{"gte": "soon"}}}},
		"filters.0.value must be a string":                     {"filters": []obj{{"field": "city", "operator": "eq"}}},
		"filters.0.property op should not exist":               {"filters": []obj{{"field": "city", "operator": "eq", "value": "x", "op": 1}}},
		"filters.0.group must be one of":                       {"filters": []obj{{"group": "XOR", "filters": []obj{}}}},
		"is nested too deeply":                                 {"filters": []any{deep}},
		"sort.0.field must be one of":                          {"sort": []obj{{"field": "city"}}},
		"property limit should not exist":                      {"limit": 5},
	} {
		body := obj{"locationId": s.ready.LocationID, "pageLimit": 100}
		for k, v := range extra {
			if v == nil {
				delete(body, k)
			} else {
				body[k] = v
			}
		}
		s.wantMessage(422, want, s.call("POST", "/contacts/search", body))
	}
}

func TestACursorVisitsEveryContactOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.twin.SeedContacts(57)
	for _, sort := range [][]obj{nil, {{"field": "lastNameLowerCase", "direction": "desc"}, {"field": "dnd"}}} {
		seen := map[string]bool{}
		var after any
		for pages := 0; ; pages++ {
			body := obj{"locationId": s.ready.LocationID, "pageLimit": 10, "sort": some(sort)}
			if after != nil {
				body["searchAfter"] = after
			}
			r := s.want(200, s.call("POST", "/contacts/search", body))
			if r.at("total") != 57.0 {
				t.Fatalf("total %v", r.at("total"))
			}
			hits := r.at("contacts").([]any)
			for _, h := range hits {
				seen[h.(obj)["id"].(string)] = true
				after = h.(obj)["searchAfter"]
			}
			if pages == 0 { // somebody leaves while we read
				if err := s.twin.PersonDeletesContact(hits[9].(obj)["id"].(string)); err != nil {
					t.Fatal(err)
				}
				s.twin.PersonCreatesContact(obj{"firstName": "Late"})
			}
			if len(hits) < 10 {
				break
			}
		}
		if len(seen) < 57 {
			t.Errorf("sort %v: saw %d of 57", sort, len(seen))
		}
		_ = s.twin.PersonDeletesContact(s.twin.Contacts()[0]["id"].(string))
		s.twin.PersonCreatesContact(obj{"firstName": "Replacement"})
	}
}

func TestTheSearchIndexLags(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.twin.SetFaults(Faults{SearchLagMs: 5000})
	cities := func() string {
		var out []string
		r := s.want(200, s.call("POST", "/contacts/search", obj{"locationId": s.ready.LocationID, "pageLimit": 10}))
		for _, h := range r.at("contacts").([]any) {
			out = append(out, fmt.Sprint(h.(obj)["city"]))
		}
		return strings.Join(out, " ")
	}
	check := func(want string) {
		t.Helper()
		if got := cities(); got != want {
			t.Errorf("search shows %q, want %q", got, want)
		}
	}
	id := s.create(obj{"email": "a@example.com", "city": "Rome"})
	check("")
	s.clock.advance(5 * time.Second)
	check("Rome")
	s.want(200, s.call("PUT", "/contacts/"+id, obj{"city": "Milan"}))
	s.clock.advance(time.Second)
	s.want(200, s.call("PUT", "/contacts/"+id, obj{"city": "Turin"}))
	check("Rome")
	if r := s.call("GET", "/contacts/"+id, nil); r.str("contact.city") != "Turin" {
		t.Error("a read by id must not lag")
	}
	s.clock.advance(5 * time.Second)
	check("Turin")
	s.want(200, s.call("DELETE", "/contacts/"+id, nil))
	check("Turin")
	s.clock.advance(5 * time.Second)
	check("")
}

func TestTheDeprecatedListPagesByMeta(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.twin.SeedContacts(45)
	var got []string
	path := "/contacts/?locationId=" + s.ready.LocationID
	for {
		r := s.want(200, s.call("GET", path, nil))
		for _, h := range r.at("contacts").([]any) {
			got = append(got, h.(obj)["id"].(string))
		}
		if r.at("meta.total") != 45.0 {
			t.Fatalf("meta: %v", r.at("meta"))
		}
		if r.at("meta.nextPage") == nil {
			break
		}
		if !strings.HasPrefix(r.str("meta.nextPageUrl"), "http://localhost:5058/") {
			t.Errorf("nextPageUrl %s", r.str("meta.nextPageUrl"))
		}
		path = "/contacts/?" + url.Values{"locationId": {s.ready.LocationID}, "startAfterId": {r.str("meta.startAfterId")},
			"startAfter": {fmt.Sprintf("%.0f", r.at("meta.startAfter"))}}.Encode()
	}
	var want []string
	for _, c := range s.twin.Contacts() {
		want = append(want, c["id"].(string))
	}
	if !slices.Equal(got, want) {
		t.Errorf("visited %d contacts, want the %d in order", len(got), len(want))
	}
	s.want(422, s.call("GET", "/contacts/?limit=101&locationId="+s.ready.LocationID, nil))
}
