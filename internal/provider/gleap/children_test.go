package gleap_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

const contactID = "64b5f0c2a1b2c3d4e5f60711"

func TestAllTicketsOfAContactAreListedOnce(t *testing.T) {
	t.Parallel()
	a := open(t)
	ann, ben := a.contact(t, map[string]any{"email": "ann@example.com"}), a.contact(t, map[string]any{"email": "ben@example.com"})
	for i := range 40 { // all of one instant, and more than may pass for a last page
		a.twin.PersonCreatesTicket([]string{ann.ID, ben.ID, ""}[i%3], map[string]any{"title": fmt.Sprint(i)})
	}
	for range 30 {
		a.twin.PersonCreatesTicket(ann.ID, map[string]any{"title": "more"})
		a.passed.Add(1e9)
	}
	got, err := a.client.Children(t.Context(), record.Ticket, ann)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range got {
		if r.Parent != ann || seen[r.Ref.ID] {
			t.Errorf("%v under %v", r.Ref, r.Parent)
		}
		seen[r.Ref.ID] = true
	}
	if len(got) != 14+30 {
		t.Errorf("%d tickets, want 44", len(got))
	}
}

func TestAnIgnoredFilterIsNotPaidForWithTheWholePopulation(t *testing.T) {
	t.Parallel()
	calls := 0
	c := answering(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		if r.URL.Path == "/v3/sessions/"+contactID {
			writeJSON(w, http.StatusOK, map[string]any{"id": contactID})
			return
		}
		tickets := []any{}
		for i := range 100 {
			if calls > 20 {
				break // a client that goes on is to fail, not to hang
			}
			session := contactID
			if i == 70 {
				session = "64b5f0c2a1b2c3d4e5f60722"
			}
			tickets = append(tickets, map[string]any{"id": fmt.Sprint(calls, "-", i), "session": session, "updatedAt": fmt.Sprintf("2026-03-04T05:06:%02d.000Z", i/2)})
		}
		writeJSON(w, http.StatusOK, map[string]any{"tickets": tickets})
	}))
	got, err := c.Children(t.Context(), record.Ticket, ref(record.Contact, contactID))
	if !provider.IsKind(err, provider.Unsupported) || len(got) != 0 {
		t.Errorf("%d tickets, %v, want unsupported", len(got), err)
	}
	if calls > 3 {
		t.Errorf("%d calls", calls)
	}
}

func TestANoteIsNotGoneBecauseAFilterWasIgnored(t *testing.T) {
	t.Parallel()
	c := answering(t, script(t, map[string]string{
		"GET /v3/tickets/" + ticketID: `{"id":"` + ticketID + `"}`,
		"GET /v3/messages": `[{"id":"m1","ticket":"` + ticketID + `","type":"NOTE","data":{"content":"mine"}},
			{"id":"m2","ticket":"64b5f0c2a1b2c3d4e5f60722","type":"NOTE","data":{"content":"another's"}}]`,
	}))
	if got, err := c.Get(t.Context(), ref(record.Note, ticketID+"/m1")); err != nil || got.Fields["body"].String() != "mine" {
		t.Errorf("%v, %v", got, err)
	}
	for _, id := range []string{"m2", "m3"} {
		if _, err := c.Get(t.Context(), ref(record.Note, ticketID+"/"+id)); !provider.IsKind(err, provider.Unsupported) {
			t.Errorf("%s: %v, want unsupported", id, err)
		}
	}
	if _, err := c.Children(t.Context(), record.Note, ref(record.Ticket, ticketID)); !provider.IsKind(err, provider.Unsupported) {
		t.Errorf("children: %v, want unsupported", err)
	}
}

func TestAnAnswerThatIsNoListIsNotAnEmptyOne(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `null`, `{"message":"maintenance"}`, `"x"`} {
		c := answering(t, script(t, map[string]string{
			"GET /v3/tickets/" + ticketID:   `{"id":"` + ticketID + `"}`,
			"GET /v3/sessions/" + contactID: `{"id":"` + contactID + `"}`,
			"GET /v3/messages":              body, "GET /v3/tickets": body,
		}))
		_, err := c.Get(t.Context(), ref(record.Note, ticketID+"/m1"))
		_, notes := c.Children(t.Context(), record.Note, ref(record.Ticket, ticketID))
		_, tickets := c.Children(t.Context(), record.Ticket, ref(record.Contact, contactID))
		for what, err := range map[string]error{"a note": err, "notes": notes, "tickets": tickets} {
			if !provider.IsKind(err, provider.Unavailable) {
				t.Errorf("%s of %s: %v, want unavailable", what, body, err)
			}
		}
	}
}

func TestATicketChangedWhileTheyAreListedIsListedOnceAsItIsNow(t *testing.T) {
	t.Parallel()
	ticket := func(n int, title string, second int) any {
		return map[string]any{"id": fmt.Sprint(n), "session": contactID, "title": title, "updatedAt": fmt.Sprintf("2026-03-04T05:06:%02d.000Z", second)}
	}
	c := answering(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tickets := []any{}
		switch q := r.URL.RawQuery; {
		case r.URL.Path == "/v3/sessions/"+contactID:
			writeJSON(w, http.StatusOK, map[string]any{"id": contactID})
			return
		case strings.Contains(q, "limit=1&"): // is the order obeyed?
			tickets = append(tickets, ticket(29, "old", 29))
		case strings.Contains(q, "updatedAt%3E"), strings.Contains(q, "updatedAt>"): // the next window
			tickets = append(tickets, ticket(29, "old", 29), ticket(0, "new", 40))
		default:
			for i := range 30 {
				tickets = append(tickets, ticket(i, "old", i))
			}
		}
		writeJSON(w, http.StatusOK, map[string]any{"tickets": tickets})
	}))
	got, err := c.Children(t.Context(), record.Ticket, ref(record.Contact, contactID))
	if err != nil || len(got) != 30 {
		t.Fatalf("%d tickets, %v, want 30", len(got), err)
	}
	if got[0].Ref.ID != "0" || got[0].Title != "new" {
		t.Errorf("the changed one is %+v", got[0])
	}
}
