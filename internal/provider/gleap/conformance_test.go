package gleap_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/gleap"
	"crosswalk/internal/provider/providertest"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/gleap"
)

// account is a fresh project at a twin of its own, over real HTTP, with every request held against the contract.
type account struct {
	twin   *twin.Twin
	client *gleap.Client
	ready  twin.Ready
	passed atomic.Int64 // how far the twin's clock was put forward
}

func open(t *testing.T, adjust ...func(*twin.Config)) *account {
	t.Helper()
	a := &account{}
	start := time.Now()
	cfg := twin.Config{
		// The clock stands still unless a test moves it: everything made at the same instant is the hard case of paging.
		Now: func() time.Time { return start.Add(time.Duration(a.passed.Load())) },
	}
	for _, f := range adjust {
		f(&cfg)
	}
	made, err := twin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.twin = made
	server := httptest.NewServer(made)
	t.Cleanup(func() {
		server.Close()
		if err := made.Close(); err != nil {
			t.Error(err)
		}
	})
	a.ready = made.Ready(server.URL)
	a.client = gleap.New(gleap.Config{
		Connection: "gleap-1", ProjectID: a.ready.ProjectID, BaseURL: a.ready.URL, Transport: watched(t),
		Token: func(context.Context) (string, error) { return a.ready.Token, nil },
	})
	return a
}

// raw is somebody else's call.
func (a *account) raw(t *testing.T, method, path, body string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, a.ready.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+a.ready.Token)
	r.Header.Set("Project", a.ready.ProjectID)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode > 299 {
		t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, out, err)
	}
	return out
}

func (a *account) object(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(a.raw(t, method, path, body), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (a *account) ticket(t *testing.T) string {
	t.Helper()
	id, _ := a.object(t, "POST", "/tickets", `{"title":"A question","type":"INQUIRY"}`)["id"].(string)
	return id
}

// tested is the part of the account that all objects share.
func (a *account) tested() providertest.Account {
	return providertest.Account{
		Client: a.client, Connection: "gleap-1", Secret: a.ready.Token,
		Advance:         func(d time.Duration) { a.passed.Add(int64(d)) },
		NextRateLimited: func() { a.twin.SetFaults(twin.Faults{Next429: 1}) },
		NextUnavailable: func() { a.twin.SetFaults(twin.Faults{Next5xx: 1}) },
		DropNextAnswer:  func() { a.twin.SetFaults(twin.Faults{DropAfterCommit: 1}) },
		Revoke:          func() { a.twin.SetFaults(twin.Faults{RevokeTokens: true}) },
		MissingID:       "ffffffffffffffffffffffff",
	}
}

func TestContactsConform(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{Descriptor: gleap.Descriptor(), Object: record.Contact, Open: func(t *testing.T) providertest.Account {
		a := open(t)
		out := a.tested()
		out.Write = func(n int) provider.Write {
			return provider.Write{Type: record.Contact, Fields: record.Fields{
				"name": text(fmt.Sprintf("Ann %d", n)), "email": text(fmt.Sprintf("Ann%d@Example.com", n)), "phone": text(fmt.Sprintf("+43664123450%d", n)),
				"userId": text(fmt.Sprintf("user/%d", n)), "companyName": text("Acme"), "value": record.NumberOf(12.5), "unsubscribed": record.BoolOf(true),
			}}
		}
		out.TellsCreation, out.TellsChange = true, true
		out.Change = record.Fields{"plan": text("pro")}
		out.Clear, out.Set, out.Found = "value", "tags", record.Fields{"customData.crm": text("crm-7 & more"), "customData.number": record.NumberOf(4711)}
		out.Seed = func(n int) {
			for i := range n {
				a.twin.PersonCreatesContact(map[string]any{"email": fmt.Sprintf("seed%d@example.com", i), "name": fmt.Sprintf("Seed %d", i)})
			}
		}
		out.Count = func() int { return a.twin.Stats().Sessions }
		out.Edit = func(id string) {
			if err := a.twin.PersonEditsContact(id, map[string]any{"plan": "starter"}); err != nil {
				t.Error(err)
			}
		}
		return out
	}})
}

func TestTicketsConform(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{Descriptor: gleap.Descriptor(), Object: record.Ticket, Open: func(t *testing.T) providertest.Account {
		a := open(t)
		out := a.tested()
		out.Write = func(n int) provider.Write {
			return provider.Write{Type: record.Ticket, Fields: record.Fields{
				"title": text(fmt.Sprintf("Ticket %d", n)), "type": text("BUG"), "priority": text("HIGH"),
				"dueDate": record.TimeOf(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)),
			}}
		}
		out.TellsCreation, out.TellsChange = true, true
		out.Parent = func() record.Ref {
			return ref(record.Contact, a.twin.PersonCreatesContact(map[string]any{"email": "parent@example.com"}))
		}
		out.RemoveParent = func(parent record.Ref) {
			if err := a.twin.PersonDeletesContact(parent.ID); err != nil {
				t.Error(err)
			}
		}
		out.Change = record.Fields{"status": text("DONE")}
		out.Clear, out.Set = "dueDate", "tags"
		out.Seed = func(n int) {
			for range n {
				a.ticket(t)
			}
		}
		out.Count = func() int { return a.twin.Stats().Tickets }
		out.Edit = func(id string) {
			if err := a.twin.PersonEditsTicket(id, map[string]any{"title": "Another"}); err != nil {
				t.Error(err)
			}
		}
		return out
	}})
}

func TestNotesConform(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{Descriptor: gleap.Descriptor(), Object: record.Note, Open: func(t *testing.T) providertest.Account {
		a := open(t)
		ticket := a.ticket(t)
		a.raw(t, "POST", "/messages", fmt.Sprintf(`{"ticket":%q,"comment":"A reply, which is no note"}`, ticket))
		out := a.tested()
		out.MissingID = ticket + "/ffffffffffffffffffffffff"
		out.Write = func(n int) provider.Write {
			return provider.Write{Type: record.Note, Parent: ref(record.Ticket, ticket), Fields: record.Fields{"body": text(fmt.Sprintf("Note %d\nsecond line", n))}}
		}
		out.TellsCreation, out.TellsChange = true, true
		out.Parent = func() record.Ref { return ref(record.Ticket, a.ticket(t)) }
		out.RemoveParent = func(parent record.Ref) {
			if err := a.twin.PersonDeletesTicket(parent.ID); err != nil {
				t.Error(err)
			}
		}
		out.Change = record.Fields{"body": text("Another text")}
		out.Seed = func(n int) {
			for range n {
				a.raw(t, "POST", "/messages", fmt.Sprintf(`{"ticket":%q,"comment":"Seed","isNote":true}`, ticket))
			}
		}
		out.Count = func() int { return a.twin.Stats().Notes }
		out.Edit = func(id string) {
			_, own, _ := strings.Cut(id, "/")
			if err := a.twin.PersonEditsNote(own, "Edited"); err != nil {
				t.Error(err)
			}
		}
		return out
	}})
}
