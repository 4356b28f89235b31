package gleap

import (
	"math/rand/v2"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestListFiltersFollowTheDocumentedOperators(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	for _, p := range []object{
		{"name": "A", "email": "a@x.example", "plan": "pro", "value": 10, "tags": []string{"vip", "old"}, "customData": object{"ghlContactId": "g1", "seats": 3}},
		{"name": "B", "email": "b@x.example", "plan": "free", "value": 20, "unsubscribed": true, "phone": "+4930123"},
		{"name": "C", "email": "C@x.example", "plan": "starter", "value": 30, "customData": object{"ghl.id": "g3"}},
	} {
		c.do(200, "POST", "/sessions", p)
		c.clock.pass(time.Hour)
	}
	for _, tt := range []struct{ name, query, want string }{
		{"no filter gives the oldest first", "", "A B C"},
		{"an exact match", "email=b@x.example", "B"},
		{"a match minds case", "email=c@x.example", ""},
		{"a comma means or", "plan=free,pro", "A B"},
		{"two filters mean and", "plan=free,pro&value=20", "B"},
		{"a dotted attribute", "customData.ghlContactId=g1", "A"},
		{"a numeric attribute", "customData.seats=3", "A"},
		{"an attribute whose own name has a dot", "customData.ghl.id=g3", "C"},
		{"a member of a list", "tags=vip", "A"},
		{"a truth value", "unsubscribed=true", "B"},
		{"an unknown property matches nothing", "nonsense=1", ""},
		{"a plus sign must be escaped", "phone=%2B4930123", "B"},
		{"a bare plus sign is a space", "phone=+4930123", ""},
		{"not equal", "plan!=pro", "B C"},
		{"a range of dates", "createdAt>=2026-03-02T10:00:00.000Z&createdAt<2026-03-02T11:00:00.000Z", "B"},
		{"an escaped operator without another equals sign", "createdAt%3E%3D2026-03-02T10:00:00.000Z", "B C"},
		{"greater than", "createdAt>2026-03-02T10:00:00.000Z", "C"},
		{"at most, in another zone", "updatedAt<=2026-03-02T10:00:00.000%2B01:00", "A"},
		{"a range of numbers", "value>10&value<=30", "B C"},
		{"sorted descending", "sort=-updatedAt", "C B A"},
		{"sorted by two fields", "sort=unsubscribed,-name", "C A B"},
		{"sort, skip and limit", "sort=-updatedAt&skip=1&limit=1", "B"},
		{"an index and a sort", "email=a@x.example,b@x.example&sort=-name", "B A"},
		{"the dashboard's empty filter is harmless", "filter={}&plan[]=pro", "A"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := *c
			c.t = t
			if got := names(c.list("/sessions?" + tt.query)); got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.query, got, tt.want)
			}
		})
	}
}

func TestAnEncodedOperatorWithAnEqualsSignFailsToCast(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	query := url.Values{"createdAt>=": {"2026-01-01T00:00:00.000Z"}}.Encode()
	for _, path := range []string{"/sessions?" + query, "/tickets?" + query, "/sessions?updatedAt>=yesterday"} {
		r := c.do(400, "GET", path, nil)
		if got := string(r.raw[:19]); got != "Cast to date failed" || r.header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %s (%s)", path, r.raw, r.header.Get("Content-Type"))
		}
	}
}

func TestPagesOfATimeWindowMeetEveryContactOnce(t *testing.T) {
	t.Parallel()
	c := start(t, Config{Seed: 5, Rate: Rate{-1, -1}})
	c.twin.SeedContacts(95)
	seen := map[string]bool{}
	for skip := range 10 {
		for _, doc := range c.list("/sessions?sort=updatedAt&limit=10&skip=" + string(rune('0'+skip)) + "0") {
			seen[text(doc, "id")] = true
		}
	}
	if len(seen) != 95 {
		t.Errorf("met %d of 95", len(seen))
	}
}

func TestTicketListsHaveAnEnvelopeAndOthersAreArrays(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	for _, in := range []object{{"title": "1", "type": "BUG"}, {"title": "2", "type": "INQUIRY"}, {"title": "3", "type": "BUG", "archived": true}} {
		c.do(200, "POST", "/tickets", in)
	}
	got := c.object(200, "GET", "/tickets?type=BUG,INQUIRY&limit=1", nil)
	if got["count"] != 1.0 || got["totalCount"] != 3.0 || len(list(got, "tickets")) != 1 {
		t.Errorf("got %v", got)
	}
	if got := c.object(200, "GET", "/tickets?ignoreArchived=true", nil); got["totalCount"] != 2.0 {
		t.Errorf("ignoreArchived: got %v", got["totalCount"])
	}
	if got := c.object(200, "GET", "/tickets?archived=true", nil); got["totalCount"] != 1.0 {
		t.Errorf("archived: got %v", got["totalCount"])
	}
	if got := c.object(200, "GET", "/tickets?bugId=2", nil); text(list(got, "tickets")[0].(object), "title") != "2" {
		t.Errorf("bugId: got %v", got)
	}
	c.list("/sessions")
	c.list("/messages")
	c.list("/teams")
}

func TestCollectionKeepsOrderAndIndexesThroughDeletes(t *testing.T) {
	t.Parallel()
	c := newCollection("email")
	var want []string
	for i := range 300 {
		id := derivedID(1, "x", uint64(i))
		c.put(object{"_id": id, "id": id, "email": "same"})
		if i%4 == 0 {
			want = append(want, id)
		}
	}
	for i, doc := range c.all() {
		if i%4 != 0 {
			c.remove(text(doc, "_id"))
		}
	}
	if diff := cmp.Diff(want, ids(c.all())); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, ids(c.by("email", "same"))); diff != "" {
		t.Error(diff)
	}
	c.put(object{"_id": want[0], "id": want[0], "email": "other"})
	if got := len(c.by("email", "same")); got != len(want)-1 {
		t.Errorf("%d are left under the old value", got)
	}
}

func TestAKeptSortStaysRightThroughWrites(t *testing.T) {
	t.Parallel()
	dice := rand.New(rand.NewPCG(1, 2))
	c := newCollection()
	put := func(i int) {
		id := derivedID(1, "x", uint64(i))
		c.put(object{"_id": id, "id": id, "a": float64(dice.IntN(9)), "b": string(rune('a' + dice.IntN(3)))})
	}
	for i := range 300 {
		put(i)
	}
	q, _, _ := parseList("sort=-a,b", 1000)
	for round := range 200 {
		for range dice.IntN(5) {
			put(dice.IntN(320))
		}
		if round%3 == 0 {
			c.remove(derivedID(1, "x", uint64(dice.IntN(320))))
		}
		want := c.all()
		slices.SortStableFunc(want, func(a, b object) int { return compareBy(q.keys, a, b) })
		if diff := cmp.Diff(ids(want), ids(c.window(&q))); diff != "" {
			t.Fatalf("round %d: %s", round, diff)
		}
	}
}
