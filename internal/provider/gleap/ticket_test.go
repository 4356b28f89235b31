package gleap_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/gleap"
)

func (a *account) agent(t *testing.T) string {
	t.Helper()
	users, _ := all(t, a.client, provider.Query{Type: record.User, Search: "maren"})
	if len(users) != 1 {
		t.Fatalf("%d agents called Maren", len(users))
	}
	return users[0].Ref.ID
}

func TestATicketIsCreatedUnderItsContact(t *testing.T) {
	t.Parallel()
	a := open(t)
	ann := a.contact(t, map[string]any{"email": "ann@example.com", "name": "Ann"})
	got, err := a.client.Create(t.Context(), provider.Write{Type: record.Ticket, Parent: ann, Fields: record.Fields{
		"title": text("Help"), "type": text("TASK"), "formData.description": text("It is broken"), "processingUser": text(a.agent(t)),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got.Parent != ann {
		t.Errorf("parent %v, want %v", got.Parent, ann)
	}
	for key, want := range map[string]string{
		"session": ann.ID, "session.email": "ann@example.com", "formData.description": "It is broken", "processingUser": a.agent(t), "status": "OPEN", "bugId": "1",
	} {
		if got.Fields[key].String() != want {
			t.Errorf("%s = %q, want %q", key, got.Fields[key], want)
		}
	}
}

func TestANewStatusDoesNotCostTheAssignee(t *testing.T) {
	t.Parallel()
	a := open(t)
	maren := a.agent(t)
	made, err := a.client.Create(t.Context(), provider.Write{Type: record.Ticket, Fields: record.Fields{"title": text("x"), "type": text("BUG"), "processingUser": text(maren)}})
	if err != nil {
		t.Fatal(err)
	}
	for name, fields := range map[string]record.Fields{
		"a status alone":             {"status": text("INPROGRESS")},
		"a status with the assignee": {"status": text("DONE"), "processingUser": text(maren), "priority": text("LOW")},
	} {
		got, err := a.client.Update(t.Context(), made.Ref, provider.Write{Fields: fields})
		if err != nil {
			t.Fatal(err)
		}
		if got.Fields["processingUser"].String() != maren || got.Fields["status"].String() != fields["status"].String() {
			t.Errorf("%s: status %q, assignee %q", name, got.Fields["status"], got.Fields["processingUser"])
		}
	}
	got, err := a.client.Update(t.Context(), made.Ref, provider.Write{Fields: record.Fields{"processingUser": {}}})
	if err != nil || !got.Fields["processingUser"].IsEmpty() {
		t.Errorf("unassigned: %q, %v", got.Fields["processingUser"], err)
	}
}

func TestAnUpdateKeepsTheFormDataItDoesNotName(t *testing.T) {
	t.Parallel()
	a := open(t)
	id := a.twin.PersonCreatesTicket("", map[string]any{"title": "x", "formData": map[string]any{"description": "old", "severity": 3.0}})
	got, err := a.client.Update(t.Context(), ref(record.Ticket, id), provider.Write{Fields: record.Fields{"formData.description": text("new")}})
	if err != nil || got.Fields["formData.description"].String() != "new" || got.Fields["formData.severity"].String() != "3" {
		t.Errorf("%v, %v", got.Fields, err)
	}
}

// People see the text of the form, where there is one: it is what a ticket's description is, and what a write must change.
func TestATicketsDescriptionIsTheTextPeopleSee(t *testing.T) {
	t.Parallel()
	a := open(t)
	for name, id := range map[string]string{
		"of a form":       a.twin.PersonCreatesTicket("", map[string]any{"title": "x", "formData": map[string]any{"description": "old", "severity": 3.0}}),
		"written by us":   a.ticketWith(t, record.Fields{"title": text("x"), "type": text("BUG"), "description": text("old")}),
		"typed over ours": a.ticketWith(t, record.Fields{"title": text("x"), "type": text("BUG"), "description": text("ours")}),
	} {
		if name == "typed over ours" {
			if err := a.twin.PersonEditsTicket(id, map[string]any{"description": "old"}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := a.client.Get(t.Context(), ref(record.Ticket, id))
		if err != nil || got.Fields["description"].String() != "old" {
			t.Errorf("%s: read %q, %v", name, got.Fields["description"], err)
		}
		for _, next := range []string{"new", ""} {
			got, err := a.client.Update(t.Context(), ref(record.Ticket, id), provider.Write{Fields: record.Fields{"description": text(next)}})
			if seen, _ := a.twin.Ticket(id); err != nil || got.Fields["description"].String() != next || seen.Description != next {
				t.Errorf("%s: wrote %q, people see %q and we %q, %v", name, next, seen.Description, got.Fields["description"], err)
			}
			if severity := got.Fields["formData.severity"].String(); name == "of a form" && severity != "3" {
				t.Errorf("%s: the severity is %q", name, severity)
			}
		}
	}
}

func (a *account) ticketWith(t *testing.T, f record.Fields) string {
	t.Helper()
	made, err := a.client.Create(t.Context(), provider.Write{Type: record.Ticket, Fields: f})
	if err != nil {
		t.Fatal(err)
	}
	return made.Ref.ID
}

func TestTypesAndStatusesAreThoseOfTheProject(t *testing.T) {
	t.Parallel()
	a := open(t)
	a.twin.PersonCreatesTicket("", map[string]any{"title": "x", "type": "FOR-RELEASE", "status": "k9", "formData": map[string]any{"severity": 3.0}})
	schema, err := a.client.Describe(t.Context(), record.Ticket)
	if err != nil {
		t.Fatal(err)
	}
	for key, wants := range map[string][]string{"type": {"TASK", "CUSTOMERSUCCESS", "FOR-RELEASE"}, "status": {"OPEN", "k3v9x2", "k9"}} {
		f, _ := schema.Field(key)
		for _, want := range wants {
			if !slices.Contains(f.Options, want) {
				t.Errorf("%s offers %v, without %s", key, f.Options, want)
			}
		}
	}
	if f, ok := schema.Field("formData.severity"); !ok || f.Kind != record.Number {
		t.Errorf("the form field is %+v", f)
	}
	// Where the project is not readable with a key, the usual ones remain.
	c := answering(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v3/projects/") {
			http.NotFound(w, r)
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"tickets": []any{map[string]any{"id": "1", "type": "OWN"}}})
	}))
	if schema, err = c.Describe(t.Context(), record.Ticket); err != nil {
		t.Fatal(err)
	}
	if f, _ := schema.Field("type"); !slices.Contains(f.Options, "BUG") || !slices.Contains(f.Options, "OWN") {
		t.Errorf("type offers %v", f.Options)
	}
}

func TestATicketIsSearchedByWordAndByNumber(t *testing.T) {
	t.Parallel()
	a := open(t)
	var ids []string
	for i := range 3 {
		ids = append(ids, a.twin.PersonCreatesTicket("", map[string]any{"title": fmt.Sprintf("Question %c", 'A'+i)}))
	}
	for term, want := range map[string]string{"question b": ids[1], "3": ids[2], "#1": ids[0]} {
		got, _ := all(t, a.client, provider.Query{Type: record.Ticket, Search: term})
		if len(got) == 0 || got[0].Ref.ID != want {
			t.Errorf("search %q: %v, want %s first", term, got, want)
		}
	}
}

func TestATicketPollSurvivesAServerThatIgnoresTheTimeOfChange(t *testing.T) {
	t.Parallel()
	a := open(t)
	for range 25 {
		a.ticket(t)
	}
	a.passed.Add(3600e9)
	fresh, err := a.client.Get(t.Context(), ref(record.Ticket, a.ticket(t)))
	if err != nil {
		t.Fatal(err)
	}
	a.twin.SetFaults(twin.Faults{IgnoreUpdatedAtFilter: true})
	got, _ := all(t, a.client, provider.Query{Type: record.Ticket, ChangedSince: fresh.UpdatedAt})
	if len(got) != 1 || got[0].Ref != fresh.Ref {
		t.Errorf("%d tickets, want the one that is new", len(got))
	}
}

func TestANoteNeedsATicketAndAText(t *testing.T) {
	t.Parallel()
	a := open(t)
	ticket := ref(record.Ticket, a.ticket(t))
	for name, w := range map[string]provider.Write{
		"no ticket":                {Fields: record.Fields{"body": text("x")}},
		"a contact for its ticket": {Parent: ref(record.Contact, "1"), Fields: record.Fields{"body": text("x")}},
		"no text":                  {Parent: ticket},
		"only space":               {Parent: ticket, Fields: record.Fields{"body": text("  ")}},
	} {
		w.Type = record.Note
		if _, err := a.client.Create(t.Context(), w); !provider.IsKind(err, provider.Invalid) {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}

func TestAgentsAreReadAndFoundButNotWritten(t *testing.T) {
	t.Parallel()
	a := open(t)
	users, _ := all(t, a.client, provider.Query{Type: record.User})
	if len(users) < 2 {
		t.Fatalf("%d agents, want Maren and Tomás", len(users))
	}
	got, err := a.client.Get(t.Context(), ref(record.User, a.agent(t)))
	if err != nil || got.Title != "Maren Holt" {
		t.Errorf("%q, %v", got.Title, err)
	}
	found, err := a.client.Find(t.Context(), record.User, "email", text("MAREN@harbor.example"))
	if err != nil || len(found) != 1 || found[0].Ref != got.Ref {
		t.Errorf("find: %v, %v", found, err)
	}
	if _, err := a.client.Create(t.Context(), provider.Write{Type: record.User}); !provider.IsKind(err, provider.Unsupported) {
		t.Errorf("create: %v, want unsupported", err)
	}
	if _, err := a.client.Get(t.Context(), ref(record.User, "nobody")); !provider.IsKind(err, provider.NotFound) {
		t.Errorf("get nobody: %v, want not found", err)
	}
}
