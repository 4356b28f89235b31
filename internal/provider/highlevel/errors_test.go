package highlevel_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/highlevel"
)

// says is a HighLevel that gives one answer to everything.
type says struct {
	status int
	body   string
}

func (s says) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(s.body))}, nil
}

func saying(status int, body string) *highlevel.Client {
	return highlevel.New(highlevel.Config{
		Connection: connection, LocationID: "L", Transport: says{status, body},
		Token: func(context.Context) (string, error) { return "token-1", nil },
	})
}

func TestRefusalsAreReadAsHighLevelMeansThem(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status   int
		body     string
		kind     provider.Kind
		scope    string
		existing string
	}{
		"bad token":              {401, `{"statusCode":401,"message":"Invalid token: access token is invalid"}`, provider.Unauthorized, "", ""},
		"missing scope":          {401, `{"message":"The token is not authorized for this scope."}`, provider.Forbidden, "contacts.readonly", ""},
		"no version header":      {401, `{"message":"version header was not found."}`, provider.Unavailable, "", ""},
		"unknown version":        {401, `{"message":"version header is invalid"}`, provider.Unavailable, "", ""},
		"another location":       {403, `{"message":"The token does not have access to this location."}`, provider.Forbidden, "", ""},
		"sleeping location":      {400, `{"message":"Location is not active"}`, provider.Unavailable, "", ""},
		"unknown contact":        {400, `{"message":"Contact with id abc not found"}`, provider.NotFound, "", ""},
		"unknown contact, list":  {400, `{"message":["Contact with id abc not found"]}`, provider.NotFound, "", ""},
		"v3 envelope":            {404, `{"error":{"code":"RESOURCE_NOT_FOUND","message":"gone","details":{}}}`, provider.NotFound, "", ""},
		"moved path":             {404, `{"message":"Cannot GET /contacts/1"}`, provider.Unsupported, "", ""},
		"duplicate":              {400, `{"message":"This location does not allow duplicated contacts.","meta":{"contactId":"C9"}}`, provider.Duplicate, "", "C9"},
		"duplicate, odd meta":    {400, `{"message":"This location does not allow duplicated contacts.","meta":[1]}`, provider.Duplicate, "", ""},
		"validator":              {422, `{"message":["property x should not exist","email must be an email"]}`, provider.Invalid, "", ""},
		"just wrong":             {400, `{"message":"Bad Request"}`, provider.Invalid, "", ""},
		"too many":               {429, ``, provider.RateLimited, "", ""},
		"message is a number":    {400, `{"message":7}`, provider.Invalid, "", ""},
		"message is an object":   {400, `{"message":{"message":["a"]}}`, provider.Invalid, "", ""},
		"not JSON":               {400, `<html>`, provider.Invalid, "", ""},
		"a list":                 {400, `[]`, provider.Invalid, "", ""},
		"outage":                 {502, `<html>`, provider.Unavailable, "", ""},
		"success, but a list":    {200, `[]`, provider.Unavailable, "", ""},
		"success without record": {200, `{}`, provider.Unavailable, "", ""},
		"record without id":      {200, `{"contact":{"email":"x"}}`, provider.Unavailable, "", ""},
		"deleted record":         {200, `{"contact":{"id":"1","deleted":true}}`, provider.NotFound, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := saying(tt.status, tt.body)
			err := c.Delete(t.Context(), record.Ref{Connection: connection, Type: record.Contact, ID: "abc"})
			read := func() error {
				for _, err := range c.List(t.Context(), provider.Query{Type: record.User}) {
					return err
				}
				return nil
			}
			_ = read() // must not panic on any shape
			if tt.status >= 300 && err == nil {
				t.Error("a refused delete succeeds")
			}
			// Custom fields are read first; only their lack of scope is tolerated, so use a call without them.
			_, err = c.Find(t.Context(), record.Contact, "email", text("a@b.c"))
			if name == "missing scope" || tt.status < 300 {
				_, err = c.Get(t.Context(), record.Ref{Connection: connection, Type: record.Contact, ID: "abc"})
			}
			e := providerError(t, err)
			if e.Kind != tt.kind || e.Existing.ID != tt.existing {
				t.Errorf("kind %v existing %v, want %v %q (%v)", e.Kind, e.Existing, tt.kind, tt.existing, err)
			}
			if tt.scope != "" && e.Scope != tt.scope {
				t.Errorf("scope %q", e.Scope)
			}
			if e.Kind == provider.RateLimited && e.RetryAfter != 10*time.Second {
				t.Errorf("retry after %v", e.RetryAfter)
			}
		})
	}
}

func TestAFindingOfSomebodyElseIsNoFinding(t *testing.T) {
	t.Parallel()
	// A location may look by its own unique field, whatever was asked for (§4.2).
	c := saying(200, `{"contact":{"id":"1","email":"other@example.com","phone":"+14155552671"}}`)
	for field, value := range map[string]string{"email": "a@example.com", "phone": "+14155550000"} {
		if found, err := c.Find(t.Context(), record.Contact, field, text(value)); len(found) != 0 {
			t.Errorf("%s: found %v, %v", field, found, err)
		}
	}
}

func TestAnExpiredTokenIsRefreshedOnceAndTheCallRepeated(t *testing.T) {
	t.Parallel()
	var s *stage
	refreshes := 0
	s = newStage(t, func(_ *twin.Config, c *highlevel.Config) {
		c.Refresh = func(context.Context) error {
			refreshes++
			s.token.Store(s.ready.Token)
			return nil
		}
	})
	s.token.Store("expired")
	if _, err := s.Check(t.Context()); err != nil || refreshes != 1 {
		t.Errorf("error %v after %d refreshes", err, refreshes)
	}
	s.twin.SetFaults(twin.Faults{MissingScopes: []string{"locations.readonly"}})
	if _, err := s.Check(t.Context()); !provider.IsKind(err, provider.Forbidden) || refreshes != 1 {
		t.Errorf("a missing scope: error %v after %d refreshes", err, refreshes)
	}
}

func TestTheBudgetKeepsAListingBelowHighLevelsLimit(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(tc *twin.Config, c *highlevel.Config) {
		tc.Rate = twin.Rate{Burst: 5, Interval: 10 * time.Second, Daily: 1000}
		c.Budget = apiclient.NewBudget(apiclient.BudgetConfig{Now: tc.Now})
	})
	s.twin.SeedContacts(20)
	var last error
	for _, err := range s.List(t.Context(), provider.Query{Type: record.Contact, PageSize: 1}) {
		last = err
	}
	if e := providerError(t, last); e.Kind != provider.RateLimited || e.RetryAfter <= 5*time.Second {
		t.Errorf("error = %v", last)
	}
	if n := len(s.called()); n != 5 {
		t.Errorf("%d calls were sent of 5 allowed: the refusal must be our own", n)
	}
}

func FuzzForeignAnswersNeverPanic(f *testing.F) {
	for _, body := range []string{
		`{"contact":{"id":"1","email":["x"],"tags":"x","customFields":[{"id":1,"value":{"a":[]}},null,7],"dateUpdated":-1e300,"dateOfBirth":{}}}`,
		`{"contacts":[{"id":"1","searchAfter":[1,"a"]},null,"x",[]],"total":"many"}`,
		`{"customFields":[{"id":"1","dataType":"DATE","picklistOptions":[{"label":1},"x"]}],"contact":{"id":"2","customFields":[{"id":"1","value":1e16}]}}`,
		`{"users":[{"id":"1","roles":[]}],"location":{"id":"L","settings":[]},"count":-1}`,
		`{"task":{"id":"1"},"tasks":[[],{"id":"1","contactId":"2"}],"note":{"id":"x","body":"\n"}}`,
		"", "[]", "null", `{"contact":null}`,
	} {
		f.Add(200, []byte(body))
		f.Add(422, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 100 || status > 599 {
			return
		}
		c := saying(status, string(body))
		check := func(err error) {
			if err != nil && provider.KindOf(err) == provider.Unknown {
				t.Errorf("untyped error %v", err)
			}
		}
		for _, kind := range []record.ObjectType{record.Contact, record.Task, record.Note, record.User} {
			ref := record.Ref{Connection: connection, Type: kind, ID: "a/b"}
			w := provider.Write{Type: kind, Parent: ref, Fields: record.Fields{"email": text("a@b.c"), "body": text("x"), "title": text("x"), "dueDate": text("2026-01-01")}}
			_, err := c.Describe(t.Context(), kind)
			check(err)
			_, err = c.Get(t.Context(), ref)
			check(err)
			_, err = c.Create(t.Context(), w)
			check(err)
			_, err = c.Update(t.Context(), ref, provider.Write{Type: kind, Fields: record.Fields{"companyName": text("x"), "city": text("x"), "body": text("y")}})
			check(err)
			_, err = c.Find(t.Context(), kind, "email", text("a@b.c"))
			check(err)
			pages := 0
			for _, err := range c.List(t.Context(), provider.Query{Type: kind, PageSize: 1}) {
				check(err)
				if pages++; pages > 3 {
					break
				}
			}
		}
		_, err := c.Check(t.Context())
		check(err)
	})
}
