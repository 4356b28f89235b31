package highlevel_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/highlevel"
)

func providerError(t *testing.T, err error) *provider.Error {
	t.Helper()
	e, ok := errors.AsType[*provider.Error](err)
	if !ok {
		t.Fatalf("error = %v, want a *provider.Error", err)
	}
	return e
}

func TestEveryStandardFieldSurvivesARoundTrip(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	fields := record.Fields{
		"firstName": text("Zoë"), "lastName": text("O'Neil"), "email": text("zoe@example.com"), "phone": text("+14155552671"),
		"companyName": text("Ünïcode GmbH"), "address1": text("1 Way"), "city": text("Wien"), "state": text("W"),
		"postalCode": text("1010"), "country": text("AT"), "website": text("https://example.com"), "timezone": text("Europe/Vienna"),
		"dateOfBirth": text("1990-02-28"), "source": text("support"), "dnd": record.BoolOf(true),
	}
	made := s.create(fields)
	got, err := s.Get(t.Context(), made.Ref)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range fields {
		if !got.Fields[key].Equal(want) || !made.Fields[key].Equal(want) {
			t.Errorf("%s: created %q, read %q, want %q", key, made.Fields[key], got.Fields[key], want)
		}
	}
	if got.Title != "Zoë O'Neil" || got.UpdatedAt.IsZero() {
		t.Errorf("title %q, updated %v", got.Title, got.UpdatedAt)
	}
}

func TestEveryShapeOfAContactReadsTheSame(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	made := s.create(record.Fields{
		"firstName": text("Ada"), "lastName": text("King"), "email": text("ada@example.com"), "address1": text("12 St James's"),
		"dateOfBirth": text("1985-12-10"), s.custom("Seats"): record.NumberOf(4), s.custom("Customer Since"): text("2024-05-01"),
		s.custom("Consent"): record.ListOf([]string{"Newsletter"}),
	})
	got, err := s.Get(t.Context(), made.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, made); diff != "" {
		t.Errorf("created (-read +created):\n%s", diff)
	}
	for page, err := range s.List(t.Context(), provider.Query{Type: record.Contact}) {
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]record.Record{got}, page.Records); diff != "" {
			t.Errorf("listed (-read +listed):\n%s", diff)
		}
	}
}

func TestCustomFieldsAreWrittenByTheirKind(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	made := s.create(record.Fields{"email": text("a@example.com")})
	seats, since, interests, plan := s.custom("Seats"), s.custom("Customer Since"), s.custom("Interests"), s.custom("Plan")
	got := s.update(made.Ref, record.Fields{
		seats: text(" 12 "), since: record.TimeOf(time.Date(2024, 3, 9, 23, 0, 0, 0, time.UTC)),
		interests: text("Implants"), plan: text("Pro"),
	})
	want := record.Fields{seats: record.NumberOf(12), since: text("2024-03-09"), interests: record.ListOf([]string{"Implants"}), plan: text("Pro")}
	for key, v := range want {
		if !got.Fields[key].Equal(v) {
			t.Errorf("%s = %q, want %q", key, got.Fields[key], v)
		}
	}
	got, err := s.Update(t.Context(), made.Ref, provider.Write{
		Type: record.Contact, Add: map[string][]string{interests: {"Whitening"}}, Remove: map[string][]string{interests: {"implants"}},
	})
	if err != nil || !got.Fields[interests].Equal(record.ListOf([]string{"Whitening"})) {
		t.Errorf("interests = %v, %v", got.Fields[interests], err)
	}
	got = s.update(made.Ref, record.Fields{seats: {}, since: {}, interests: {}, plan: {}})
	for key := range want {
		if !got.Fields[key].IsEmpty() {
			t.Errorf("%s = %q after clearing", key, got.Fields[key])
		}
	}
}

func TestUnwritableValuesAreRefusedUnderTheirField(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	seats, since := s.custom("Seats"), s.custom("Customer Since")
	made := s.create(record.Fields{"email": text("a@example.com")})
	writes := s.twin.Stats().Writes
	for key, v := range map[string]record.Value{
		"phone": text("call me"), seats: text("many"), since: text("soon"), "dnd": text("perhaps"), "dateAdded": text("x"),
		"additionalEmails": record.ListOf([]string{"x@y.z"}), "locationId": text("other"), "custom.gone": text("x"),
		"tags": record.ListOf([]string{"a"}),
	} {
		_, err := s.Update(t.Context(), made.Ref, provider.Write{Type: record.Contact, Fields: record.Fields{key: v}})
		e := providerError(t, err)
		if e.Kind != provider.Invalid && e.Kind != provider.Unsupported || e.Fields[key] == "" {
			t.Errorf("%s: %v with fields %v", key, err, e.Fields)
		}
	}
	_, err := s.Create(t.Context(), provider.Write{Type: record.Contact, Fields: record.Fields{"firstName": text("Nobody")}})
	if e := providerError(t, err); e.Kind != provider.Invalid || e.Fields["email"] == "" {
		t.Errorf("create without an address: %v", err)
	}
	if n := s.twin.Stats().Writes; n != writes {
		t.Errorf("%d writes reached HighLevel", n-writes)
	}
}

func TestOnlyListsCanBeAddedTo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	made := s.create(record.Fields{"email": text("a@example.com")})
	for _, key := range []string{"city", s.custom("Plan"), "nonsense"} {
		w := provider.Write{Type: record.Contact, Fields: record.Fields{"email": text("b@example.com")}, Add: map[string][]string{key: {"x"}}}
		if _, err := s.Create(t.Context(), w); providerError(t, err).Fields[key] == "" {
			t.Errorf("create with %s: %v", key, err)
		}
		if _, err := s.Update(t.Context(), made.Ref, w); providerError(t, err).Fields[key] == "" {
			t.Errorf("update with %s: %v", key, err)
		}
	}
	interests := s.custom("Interests")
	w := provider.Write{Type: record.Contact, Fields: record.Fields{"email": text("c@example.com")}, Add: map[string][]string{interests: {"Implants", "implants"}}}
	if r, err := s.Create(t.Context(), w); err != nil || !r.Fields[interests].Equal(record.ListOf([]string{"Implants"})) {
		t.Errorf("create with %s: %v, %v", interests, r.Fields[interests], err)
	}
}

func TestHighLevelsOwnComplaintsAreSortedByField(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	plan := s.custom("Plan")
	_, err := s.Create(t.Context(), provider.Write{Type: record.Contact, Fields: record.Fields{
		"email": text("not an address"), "country": text("Austria"), plan: text("Pro"),
	}})
	e := providerError(t, err)
	if e.Kind != provider.Invalid || e.Fields["email"] == "" || e.TraceID == "" {
		t.Errorf("error %v, fields %v, trace %q", err, e.Fields, e.TraceID)
	}
}

func TestPhoneNumbersNeedACountry(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(_ *twin.Config, c *highlevel.Config) { c.DefaultRegion = "" })
	_, err := s.Create(t.Context(), provider.Write{Type: record.Contact, Fields: record.Fields{"phone": text("(415) 555-2671")}})
	if e := providerError(t, err); e.Kind != provider.Invalid || e.Fields["phone"] == "" {
		t.Errorf("error = %v", err)
	}
	us := newStage(t)
	if got := us.create(record.Fields{"phone": text("(415) 555-2671")}).Fields["phone"]; !got.Equal(text("+14155552671")) {
		t.Errorf("phone = %q", got)
	}
}

func TestTagsOfOthersSurvive(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.twin.PersonCreatesContact(map[string]any{"email": "p@example.com", "companyName": "Old Co", "tags": []any{"vip"}})
	w := provider.Write{
		Type: record.Contact, Fields: record.Fields{"city": text("Graz"), "companyName": text("New Co")},
		Add: map[string][]string{"tags": {"Support"}},
	}
	got, err := s.Update(t.Context(), s.ref(id), w)
	if err != nil {
		t.Fatal(err)
	}
	if tags, _ := got.Fields["tags"].AsList(); !slices.Equal(slices.Sorted(slices.Values(tags)), []string{"support", "vip"}) {
		t.Errorf("tags = %q", tags)
	}
	if !got.Fields["companyName"].Equal(text("New Co")) || !got.Fields["city"].Equal(text("Graz")) {
		t.Errorf("fields = %v", got.Fields)
	}
}

func TestTheCompanyIsNeverWrittenToSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *twin.Config, _ *highlevel.Config) { c.AllowDuplicates = true })
	one := s.create(record.Fields{"email": text("same@example.com"), "companyName": text("One")})
	two := s.create(record.Fields{"email": text("same@example.com"), "companyName": text("Two")})
	written := 0
	for _, r := range []record.Record{one, two} {
		_, err := s.Update(t.Context(), r.Ref, provider.Write{Type: record.Contact, Fields: record.Fields{"companyName": text("New " + r.Ref.ID), "city": text("Rome")}})
		after, getErr := s.Get(t.Context(), r.Ref)
		if getErr != nil {
			t.Fatal(getErr)
		}
		switch {
		case err == nil:
			written++
			if !after.Fields["companyName"].Equal(text("New " + r.Ref.ID)) {
				t.Errorf("company = %q", after.Fields["companyName"])
			}
		default:
			if e := providerError(t, err); e.Kind != provider.Unsupported || e.Fields["companyName"] == "" {
				t.Errorf("error = %v", err)
			}
			if !after.Fields["companyName"].Equal(r.Fields["companyName"]) || !after.Fields["city"].IsEmpty() {
				t.Errorf("half written: %v", after.Fields)
			}
		}
	}
	if written != 1 {
		t.Errorf("%d of two contacts with one address could be written, want the one HighLevel finds", written)
	}
	cleared := s.create(record.Fields{"email": text("c@example.com"), "companyName": text("Gone")})
	if v := s.update(cleared.Ref, record.Fields{"companyName": {}}).Fields["companyName"]; !v.IsEmpty() {
		t.Errorf("company = %q after clearing", v)
	}
}

func TestAFourTwoTwoThatCreatedTheContactAnywayIsASuccess(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.twin.SetFaults(twin.Faults{Create422ButCommits: 1})
	r := s.create(record.Fields{"email": text("odd@example.com"), "firstName": text("Odd")})
	if n := s.twin.Stats().Contacts; n != 1 || !r.Fields["firstName"].Equal(text("Odd")) {
		t.Errorf("%d contacts, %v", n, r.Fields)
	}
}

func TestAnOlderOrDifferentContactIsNotTakenForTheRefusedOne(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		found string
		taken bool
		kind  provider.Kind
	}{
		"new and the same": {`{"contact":{"id":"1","email":"a@example.com","firstName":"odd","dateAdded":"2026-11-02T09:00:01.000Z"}}`, true, 0},
		"older":            {`{"contact":{"id":"1","email":"a@example.com","firstName":"Odd","dateAdded":"2026-11-02T08:00:00.000Z"}}`, false, provider.Invalid},
		"of no known age":  {`{"contact":{"id":"1","email":"a@example.com","firstName":"Odd"}}`, false, provider.Invalid},
		"another name":     {`{"contact":{"id":"1","email":"a@example.com","firstName":"Even","dateAdded":"2026-11-02T09:00:01.000Z"}}`, false, provider.Ambiguous},
		"nobody":           {`{"contact":null}`, false, provider.Invalid},
	} {
		c := highlevel.New(highlevel.Config{
			Connection: connection, LocationID: "L", Now: func() time.Time { return now },
			Token:     func(context.Context) (string, error) { return "token-1", nil },
			Transport: refusing{says{200, tt.found}},
		})
		r, err := c.Create(t.Context(), provider.Write{Type: record.Contact, Fields: record.Fields{"email": text("a@example.com"), "firstName": text("Odd")}})
		if tt.taken != (err == nil && r.Ref.ID == "1") || !tt.taken && !provider.IsKind(err, tt.kind) {
			t.Errorf("%s: %v, %v", name, r.Ref, err)
		}
	}
}

// refusing is a HighLevel that refuses every POST with a 422 and finds what it is told to.
type refusing struct{ says }

func (r refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPost {
		return says{422, `{"message":["Unprocessable Entity"]}`}.RoundTrip(req)
	}
	if strings.HasPrefix(req.URL.Path, "/locations/") {
		return says{200, `{"location":{"id":"L"},"customFields":[]}`}.RoundTrip(req)
	}
	return r.says.RoundTrip(req)
}

func TestFindKnowsFurtherAddressesAndTrustsNothingElse(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.twin.PersonCreatesContact(map[string]any{"email": "first@example.com", "additionalEmails": []any{"Second+x@Example.com"}})
	found, err := s.Find(t.Context(), record.Contact, "email", text(" second+X@example.com "))
	if err != nil || len(found) != 1 || found[0].Ref.ID != id {
		t.Fatalf("found %v, %v", found, err)
	}
	if r := found[0]; !r.Fields["email"].Equal(text("first@example.com")) || !r.Fields["additionalEmails"].Equal(record.ListOf([]string{"Second+x@Example.com"})) {
		t.Errorf("fields = %v", r.Fields)
	}
}

func TestFindDoesNotAskTheLaggingIndexForNone(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.twin.SetFaults(twin.Faults{SearchLagMs: 60_000})
	s.create(record.Fields{"email": text("fresh@example.com")})
	found, err := s.Find(t.Context(), record.Contact, "email", text("fresh@example.com"))
	if err != nil || len(found) != 1 {
		t.Errorf("found %v, %v", found, err)
	}
	for _, call := range s.called() {
		if strings.HasSuffix(call, "/contacts/search") {
			t.Error("asked the index")
		}
	}
}

func TestFindShowsAllWhereDuplicatesAreAllowed(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *twin.Config, _ *highlevel.Config) { c.AllowDuplicates = true })
	for range 3 {
		s.create(record.Fields{"email": text("same@example.com")})
	}
	found, err := s.Find(t.Context(), record.Contact, "email", text("same@example.com"))
	if err != nil || len(found) != 3 {
		t.Errorf("found %d, %v", len(found), err)
	}
}

func TestReadingWorksWithoutTheCustomFieldScope(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.twin.SetFaults(twin.Faults{MissingScopes: []string{"locations/customFields.readonly"}})
	made := s.create(record.Fields{"email": text("a@example.com")})
	if _, err := s.Get(t.Context(), made.Ref); err != nil {
		t.Error(err)
	}
	_, err := s.Describe(t.Context(), record.Contact)
	if e := providerError(t, err); e.Kind != provider.Forbidden || e.Scope != "locations/customFields.readonly" {
		t.Errorf("error = %v, scope %q", err, e.Scope)
	}
}

func TestCheckTellsWhoseAccountItIs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	got, err := s.Check(t.Context())
	want := provider.Account{ID: s.ready.LocationID, Name: "Harbor Street Dental", CompanyID: s.ready.CompanyID, Zone: "America/New_York", Country: "US"}
	if err != nil || got != want {
		t.Errorf("account %+v, %v", got, err)
	}
	other := newStage(t)
	other.token.Store("wrong")
	if _, err := other.Check(t.Context()); !provider.IsKind(err, provider.Unauthorized) {
		t.Errorf("error = %v", err)
	}
}

func TestListSearchesForAPersonChoosing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.twin.SeedContacts(5)
	want := s.create(record.Fields{"email": text("needle@haystack.example"), "firstName": text("Needle")})
	var got []record.Ref
	for page, err := range s.List(t.Context(), provider.Query{Type: record.Contact, Search: "needle" + strings.Repeat(" ", 100)}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Records {
			got = append(got, r.Ref)
		}
	}
	if !slices.Equal(got, []record.Ref{want.Ref}) {
		t.Errorf("found %v", got)
	}
}

func TestUsersAreListedAndFound(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var users []record.Record
	for page, err := range s.List(t.Context(), provider.Query{Type: record.User, PageSize: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, page.Records...)
	}
	if len(users) != 3 {
		t.Fatalf("%d users", len(users))
	}
	one, err := s.Get(t.Context(), users[0].Ref)
	if diff := cmp.Diff(users[0], one); err != nil || diff != "" {
		t.Errorf("user %v (-listed +read):\n%s", err, diff)
	}
	found, err := s.Find(t.Context(), record.User, "email", users[1].Fields["email"])
	if err != nil || len(found) != 1 || found[0].Ref != users[1].Ref {
		t.Errorf("found %v, %v", found, err)
	}
	if _, err := s.Create(t.Context(), provider.Write{Type: record.User}); !provider.IsKind(err, provider.Unsupported) {
		t.Errorf("create: %v", err)
	}
}
