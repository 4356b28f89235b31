package highlevel_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/highlevel"
)

// operations are all that the adapter may send, by the official files' ids.
var operations = []string{
	"get-contact", "create-contact", "update-contact", "delete-contact", "upsert-contact", "search-contacts-advanced", "get-duplicate-contact",
	"add-tags", "remove-tags", "get-custom-fields", "get-location", "get-location-tags", "search-users", "get-user",
	"get-task", "get-all-tasks", "create-task", "update-task", "delete-task", "task-search",
	"get-note", "get-all-notes", "create-note", "update-note", "delete-note", "get-location-access-token",
	"get-installed-location", "get-calendars", "get-calendar-events", "get-appointment", "get-appointments-for-contact",
}

// TestEveryExemptionIsNeeded sends every operation once, with every kind of value, and then asks whether the table
// of defects holds only what was met.
func TestEveryExemptionIsNeeded(t *testing.T) {
	t.Parallel()
	needSpecs(t)
	s := newStage(t, func(c *twin.Config, _ *highlevel.Config) { c.AllowDuplicates = true })
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	seats := s.custom("Seats")
	_, err := s.Check(ctx)
	must(err)
	contact := s.create(record.Fields{"email": text("a@example.com"), "dateOfBirth": text("1990-01-01"), seats: record.NumberOf(2)})
	s.update(contact.Ref, record.Fields{"dateOfBirth": text("1990-01-02"), seats: record.NumberOf(3), "companyName": text("Co")})
	_, err = s.Update(ctx, contact.Ref, provider.Write{Type: record.Contact, Add: map[string][]string{"tags": {"x"}}, Remove: map[string][]string{"tags": {"y"}}})
	must(err)
	_, err = s.Find(ctx, record.Contact, "email", text("a@example.com"))
	must(err)
	s.create(record.Fields{"email": text("b@example.com")})
	for _, q := range []provider.Query{
		{Type: record.Contact, PageSize: 1, Search: "example"}, {Type: record.Contact, ChangedSince: time.Unix(1, 0)},
		{Type: record.User, Search: "m"}, {Type: record.Task}, {Type: record.Appointment},
	} {
		for page, err := range s.List(ctx, q) {
			must(err)
			if q.Type == record.User && len(page.Records) > 0 {
				_, err := s.Get(ctx, page.Records[0].Ref)
				must(err)
			}
		}
	}
	for kind, fields := range map[record.ObjectType]record.Fields{
		record.Note: {"body": text("n"), "title": text("t"), "pinned": record.BoolOf(true)},
		record.Task: {"title": text("t"), "dueDate": text("2026-12-01")},
	} {
		child, err := s.Create(ctx, provider.Write{Type: kind, Parent: contact.Ref, Fields: fields})
		must(err)
		s.update(child.Ref, record.Fields{"title": text("other")})
		_, err = s.Get(ctx, child.Ref)
		must(err)
		_, err = s.Children(ctx, kind, contact.Ref)
		must(err)
		must(s.Delete(ctx, child.Ref))
	}
	s.bookAt(contact.Ref.ID, time.Hour, nil)
	_, err = s.Get(s.diary(), contact.Ref)
	must(err)
	must(s.Delete(ctx, contact.Ref))
	for _, p := range s.Probes() {
		must(p.Try(ctx))
	}
	company := highlevel.NewCompany(highlevel.CompanyConfig{
		BaseURL: s.ready.URL, Transport: held(t, http.DefaultTransport), CompanyID: s.ready.CompanyID, AppID: "app",
		Token: func(context.Context) (string, error) { return "not one", nil },
	})
	if _, _, err = company.Mint(ctx, s.ready.LocationID); !provider.IsKind(err, provider.Unauthorized) {
		t.Errorf("a location's token for a bad one: %v", err)
	}
	if _, err = company.Accounts(ctx); !provider.IsKind(err, provider.Unauthorized) {
		t.Errorf("who has the app, for a bad token: %v", err)
	}

	c, err := loadContract()
	must(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range defects {
		if !c.used[d] {
			t.Errorf("no request needs the exemption %q of %s (%s)", d.complaint, d.operation, d.reason)
		}
	}
	for _, id := range operations {
		if !c.sent[id] {
			t.Errorf("%s was never sent", id)
		}
		delete(c.sent, id)
	}
	for id := range c.sent {
		t.Errorf("%s was sent and is not in the list of operations", id)
	}
}
