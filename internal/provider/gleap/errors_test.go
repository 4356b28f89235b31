package gleap_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/provider"
	"crosswalk/internal/provider/gleap"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/gleap"
)

func TestEveryRefusalHasItsKind(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		kind   string // Content-Type, default JSON
		body   string
		want   provider.Error
	}{
		"no project header":        {400, "text/plain", "Project header is required", provider.Error{Kind: provider.Invalid, Detail: "Project header is required"}},
		"fields that do not fit":   {400, "", `{"fields":{"requestBody.email":{"message":"invalid string value","value":7},"body.tags.$0":{"message":"no"}}}`, provider.Error{Kind: provider.Invalid, Detail: "Bad Request", Fields: map[string]string{"email": "invalid string value", "tags": "no"}}},
		"our query is wrong":       {400, "text/plain", `Cast to date failed for value "x"`, provider.Error{Kind: provider.Invalid, Detail: `Cast to date failed for value "x"`}},
		"an id that is none":       {400, "text/plain", `Cast to ObjectId failed for value "x" (type string) at path "_id"`, provider.Error{Kind: provider.NotFound, Detail: `Cast to ObjectId failed for value "x" (type string) at path "_id"`}},
		"a key that is not good":   {401, "", `{"error":{"message":"Invalid token."}}`, provider.Error{Kind: provider.Revoked, Detail: "Invalid token."}},
		"a project of others":      {403, "", `{"error":{"message":"No access."}}`, provider.Error{Kind: provider.Forbidden, Detail: "No access."}},
		"gone":                     {404, "", `{"message":"Session not found."}`, provider.Error{Kind: provider.NotFound, Detail: "Session not found."}},
		"a database timeout":       {409, "", `{"codeName":"MaxTimeMSExpired"}`, provider.Error{Kind: provider.Unavailable, Detail: "Gleap's database was too slow"}},
		"some other conflict":      {409, "", `{"codeName":"WriteConflict"}`, provider.Error{Kind: provider.Invalid, Detail: "WriteConflict"}},
		"too many":                 {429, "", `{}`, provider.Error{Kind: provider.RateLimited, Detail: "Too Many Requests", RetryAfter: 7 * time.Second}},
		"a gateway's page":         {502, "text/html", "<html>Bad</html>", provider.Error{Kind: provider.Unavailable, Detail: "Bad Gateway"}},
		"a body of the wrong form": {500, "", `[{"error":1}]`, provider.Error{Kind: provider.Unavailable}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := answering(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				kind := tc.kind
				if kind == "" {
					kind = "application/json"
				}
				w.Header().Set("Content-Type", kind)
				w.Header().Set("Retry-After", "7")
				if tc.status != http.StatusTooManyRequests {
					w.Header().Del("Retry-After")
				}
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
			}))
			_, err := c.Get(t.Context(), ref(record.Contact, "64b5f0c2a1b2c3d4e5f60718"))
			e, ok := errors.AsType[*provider.Error](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			want := tc.want
			want.Provider, want.Op, want.Status = gleap.ID, "read contact", tc.status
			got := *e
			if want.Detail == "" {
				got.Detail = ""
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnAnswerThatIsNoRecordIsNotFound(t *testing.T) {
	t.Parallel()
	c := answering(t, script(t, map[string]string{"GET /v3/sessions/1": `null`}))
	if _, err := c.Get(t.Context(), ref(record.Contact, "1")); !provider.IsKind(err, provider.NotFound) {
		t.Errorf("%v, want not found", err)
	}
}

func TestARecordOfAnotherConnectionIsRefused(t *testing.T) {
	t.Parallel()
	c := answering(t, script(t, nil))
	other := record.Ref{Connection: "gleap-2", Type: record.Contact, ID: "1"}
	if _, err := c.Get(t.Context(), other); !provider.IsKind(err, provider.Invalid) {
		t.Errorf("get: %v", err)
	}
	if err := c.Delete(t.Context(), other); !provider.IsKind(err, provider.Invalid) {
		t.Errorf("delete: %v", err)
	}
}

func TestACheckProvesKeyAndProject(t *testing.T) {
	t.Parallel()
	a := open(t)
	account, err := a.client.Check(t.Context())
	if err != nil || account.ID != a.ready.ProjectID || account.Name == "" {
		t.Errorf("%+v, %v", account, err)
	}
	with := func(project, token string) error {
		_, err := gleap.New(gleap.Config{
			ProjectID: project, BaseURL: a.ready.URL, Token: func(context.Context) (string, error) { return token, nil },
		}).Check(t.Context())
		return err
	}
	if err := with("64b5f0c2a1b2c3d4e5f60711", a.ready.Token); !provider.IsKind(err, provider.Forbidden) {
		t.Errorf("another project: %v, want forbidden", err)
	}
	if err := with("", a.ready.Token); !provider.IsKind(err, provider.Invalid) {
		t.Errorf("no project: %v, want invalid", err)
	}
	if err := with(a.ready.ProjectID, "not-the-key"); !provider.IsKind(err, provider.Revoked) || strings.Contains(err.Error(), "not-the-key") {
		t.Errorf("another key: %v, want revoked without the key", err)
	}
}

func TestACheckPassesWhereTheProjectCannotBeRead(t *testing.T) {
	t.Parallel()
	c := answering(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v3/projects/") {
			http.Error(w, "Forbidden", http.StatusForbidden)
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"id": "u"})
	}))
	account, err := c.Check(t.Context())
	if err != nil || account.ID != projectID || account.Name != "Project "+projectID {
		t.Errorf("%+v, %v", account, err)
	}
}

func TestARefusedAccessTokenIsRefreshedOnce(t *testing.T) {
	t.Parallel()
	a := open(t)
	token, refreshed := "stale", 0
	c := gleap.New(gleap.Config{
		Connection: "gleap-1", ProjectID: a.ready.ProjectID, BaseURL: a.ready.URL,
		Token:   func(context.Context) (string, error) { return token, nil },
		Refresh: func(context.Context) error { refreshed++; token = a.ready.Token; return nil },
	})
	if _, err := c.Check(t.Context()); err != nil || refreshed != 1 {
		t.Errorf("check after %d refreshes: %v", refreshed, err)
	}
	a.twin.SetFaults(twin.Faults{RevokeTokens: true})
	if _, err := c.Check(t.Context()); !provider.IsKind(err, provider.Revoked) {
		t.Errorf("a token refused after its refresh: %v, want revoked", err)
	}
}

func TestTicketCallsCountAgainstBothLimits(t *testing.T) {
	t.Parallel()
	a := open(t)
	budget := func(n int) *apiclient.Budget {
		return apiclient.NewBudget(apiclient.BudgetConfig{Burst: n, Interval: time.Minute, MaxWait: time.Millisecond})
	}
	general, tickets := budget(5), budget(2)
	c := gleap.New(gleap.Config{
		Connection: "gleap-1", ProjectID: a.ready.ProjectID, BaseURL: a.ready.URL, Budget: general, TicketBudget: tickets,
		Token: func(context.Context) (string, error) { return a.ready.Token, nil },
	})
	ticket := ref(record.Ticket, a.ticket(t))
	for range 2 {
		if _, err := c.Get(t.Context(), ticket); err != nil {
			t.Fatal(err)
		}
	}
	if got := general.Left().Remaining; got != 3 {
		t.Errorf("%d calls are left in general, want 3", got)
	}
	_, err := c.Get(t.Context(), ticket)
	if e, ok := errors.AsType[*provider.Error](err); !ok || e.Kind != provider.RateLimited || e.Op != "read ticket" || e.RetryAfter <= 0 {
		t.Errorf("a third ticket: %v, want rate limited", err)
	}
	all(t, c, provider.Query{Type: record.User}) // other calls go on
	for range 2 {
		_, err = c.Get(t.Context(), ref(record.Contact, "64b5f0c2a1b2c3d4e5f60711"))
	}
	if !provider.IsKind(err, provider.RateLimited) {
		t.Errorf("over the general limit: %v, want rate limited", err)
	}
}

func TestTheDescriptorIsHonest(t *testing.T) {
	t.Parallel()
	d := gleap.Descriptor()
	if d.ID != gleap.ID || d.Name != "Gleap" || len(d.Scopes) != 0 {
		t.Errorf("%+v", d)
	}
	contacts, _ := d.Object(record.Contact)
	tickets, _ := d.Object(record.Ticket)
	users, _ := d.Object(record.User)
	if contacts.Webhook || !contacts.Poll || !tickets.Webhook || !tickets.Poll || users.Write {
		t.Errorf("contacts %+v, tickets %+v, users %+v", contacts, tickets, users)
	}
	for _, r := range gleap.Regions() {
		if !strings.HasPrefix(r.BaseURL, "https://") || !strings.HasSuffix(r.BaseURL, "/v3") || r.Label == "" {
			t.Errorf("%+v", r)
		}
	}
	if gleap.NewWebhooks().Verify(nil, nil) != nil {
		t.Error("an unsigned delivery is refused")
	}
}
