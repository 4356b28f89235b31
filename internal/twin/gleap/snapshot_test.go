package gleap

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAPersonsNotesAreSeenByTheAPIAndAreNoAPIWrite(t *testing.T) {
	t.Parallel()
	c := start(t, Config{})
	ticket := c.twin.PersonCreatesTicket("", map[string]any{"title": "Help", "message": "Hello?"})
	note := c.twin.PersonCreatesNote(ticket, "checked the account")
	other := c.twin.PersonCreatesNote(ticket, "asked again")
	if err := c.twin.PersonEditsNote(note, "checked twice"); err != nil {
		t.Fatal(err)
	}
	got := c.list("/messages?ticket=" + ticket + "&type=NOTE")
	if len(got) != 2 || text(got[0], "id") != note || text(got[0]["data"].(object), "content") != "checked twice" || text(got[0], "senderType") != "agent" {
		t.Errorf("notes: %v", got)
	}
	if err := c.twin.PersonDeletesNote(note); err != nil {
		t.Fatal(err)
	}
	if got := c.list("/messages?ticket=" + ticket + "&type=NOTE"); len(got) != 1 || text(got[0], "id") != other {
		t.Errorf("notes: %v", got)
	}
	if got := c.twin.Stats(); got.Writes != 0 || got.Notes != 1 || got.Tickets != 1 {
		t.Errorf("%+v", got)
	}
	reply := text(c.list("/messages?ticket=" + ticket)[0], "id")
	if err := c.twin.PersonClosesTicket(ticket); err != nil {
		t.Fatal(err)
	}
	if got := c.object(200, "GET", "/tickets/"+ticket, nil); got["status"] != "DONE" {
		t.Errorf("status %v", got["status"])
	}
	for name, err := range map[string]error{
		"a reply edited as a note":  c.twin.PersonEditsNote(reply, "x"),
		"a reply deleted as a note": c.twin.PersonDeletesNote(reply),
		"a deleted note":            c.twin.PersonEditsNote(note, "x"),
		"no ticket to close":        c.twin.PersonClosesTicket("none"),
		"no ticket to delete":       c.twin.PersonDeletesTicket("none"),
	} {
		if !errors.Is(err, errGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := c.twin.PersonCreatesNote("none", "x"); got != "" {
		t.Errorf("a note %q on nothing", got)
	}
	if err := c.twin.PersonDeletesTicket(ticket); err != nil {
		t.Fatal(err)
	}
	c.do(404, "GET", "/tickets/"+ticket, nil)
	if got := c.list("/messages?ticket=" + ticket); len(got) != 0 || c.twin.Stats().Notes != 0 {
		t.Errorf("a deleted ticket keeps %v", got)
	}
}

func TestASnapshotTellsEverythingAndWhoWroteIt(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	now := made
	c := start(t, Config{Now: func() time.Time { return now }})
	person := text(c.object(200, "POST", "/sessions", object{"email": "ada@example.com", "name": "Ada", "tags": []string{"vip"},
		"customData": object{"seats": 3, "flags": []string{"x"}}, "value": 12.5}), "id")
	ticket := c.twin.PersonCreatesTicket(person, map[string]any{"title": "Help", "type": "BUG", "description": "It broke", "tags": "a, b", "dueDate": "2026-05-01T00:00:00Z"})
	note := text(c.object(200, "POST", "/messages", object{"ticket": ticket, "comment": "checked", "isNote": true}), "id")
	now = made.Add(time.Hour)
	if err := c.twin.PersonEditsNote(note, "checked twice"); err != nil {
		t.Fatal(err)
	}

	value := 12.5
	want := Snapshot{
		// That a ticket was opened, and counted, is nobody's edit of the contact.
		Contacts: []Contact{{
			ID: person, Name: "Ada", Email: "ada@example.com", Lang: "en", Value: &value, Tags: []string{"vip"},
			CustomData: map[string]any{"seats": 3.0, "flags": []any{"x"}}, Created: made, Updated: made, By: byAPI,
		}},
		Tickets: []Ticket{{
			ID: ticket, Number: 1, ContactID: person, Title: "Help", Type: "BUG", Status: "OPEN", Priority: "MEDIUM", Description: "It broke",
			PlainContent: "It broke", Tags: []string{"a", "b"}, DueDate: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC),
			FormData: map[string]any{"description": "It broke"}, CustomData: map[string]any{}, Created: made, Updated: now, By: byPerson,
		}},
		Notes: []Note{{ID: note, TicketID: ticket, Body: "checked twice", UserID: c.twin.serviceUser(), Created: made, Updated: now, By: byPerson}},
	}
	if diff := cmp.Diff(want, c.twin.Snapshot()); diff != "" {
		t.Error(diff)
	}
	oneContact, a := c.twin.Contact(person)
	oneTicket, b := c.twin.Ticket(ticket)
	oneNote, d := c.twin.Note(note)
	single := Snapshot{[]Contact{oneContact}, []Ticket{oneTicket}, []Note{oneNote}}
	if diff := cmp.Diff(want, single); diff != "" || !a || !b || !d {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, Snapshot{c.twin.Contacts(), c.twin.Tickets(), c.twin.Notes()}); diff != "" {
		t.Error(diff)
	}
	single.Contacts[0].CustomData["flags"].([]any)[0] = "changed by the reader"
	single.Tickets[0].FormData["description"] = "likewise"
	if diff := cmp.Diff(want, c.twin.Snapshot()); diff != "" {
		t.Errorf("a copy shares something: %s", diff)
	}
	if err := c.twin.PersonDeletesTicket(ticket); err != nil {
		t.Fatal(err)
	}
	_, a = c.twin.Ticket(ticket)
	_, b = c.twin.Note(note)
	_, d = c.twin.Contact("none")
	if a || b || d {
		t.Error("something is there that is gone")
	}
	c.twin.SeedContacts(12)
	for _, ticket := range c.twin.Tickets() {
		if ticket.By != "" || ticket.Created.IsZero() {
			t.Errorf("seeded: %+v", ticket)
		}
	}
}
