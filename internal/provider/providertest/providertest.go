// Package providertest is the definition of "works" for an adapter: one suite of behaviours that every
// provider.Client must show for an object type, run against that provider's twin over HTTP.
//
// An adapter's test builds a Harness and calls Run. Abilities the provider lacks are left nil in the Account and
// their tests do not run; an ability the client claims by its interfaces or descriptor must come with what its test
// needs, or Run fails.
package providertest

import (
	"slices"
	"testing"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// Harness says how to test one object type of one adapter.
type Harness struct {
	Descriptor provider.Descriptor
	Object     record.ObjectType
	// Open makes a fresh account with no records but what Seed adds, and a client on it. Tests run in parallel, each
	// with its own.
	Open func(t *testing.T) Account
}

// Account is one account at a twin: the client under test, and the switches and oracles behind its back.
type Account struct {
	Client     provider.Client
	Connection record.ConnectionID
	Secret     string // the credential; it must not show up anywhere

	// Write is a valid create of the n-th distinct record, in values that the provider stores unchanged.
	Write func(n int) provider.Write
	// Change is one field with another value than Write gives, to be updated alone.
	Change record.Fields
	// Clear is a field Write sets and an update may empty; empty: none.
	Clear string
	// Found are values of custom fields that a record can be looked up by, if not for sure.
	Found record.Fields
	// Set is a field whose elements are added and removed; empty: none. Elements are "one", "two", "three".
	Set string
	// MissingID is well-formed and nobody's.
	MissingID string
	// Unlisted: the object is listed under a parent only, and List is Unsupported.
	Unlisted bool
	// TellsCreation and TellsChange: the provider says when a record was made, and when it was changed.
	TellsCreation, TellsChange bool

	// Parent makes one more record that the object may live under, and RemoveParent deletes it, both by another hand;
	// nil where the object stands alone.
	Parent       func() record.Ref
	RemoveParent func(record.Ref)

	Seed    func(n int) // n more records made by others
	Count   func() int  // how many records the account holds
	Advance func(d time.Duration)
	// Edit changes a record by another hand, so that it counts as changed now.
	Edit func(id string)

	NextRateLimited func()        // the next call is refused with a 429
	NextUnavailable func()        // the next call fails with a 5xx
	DropNextAnswer  func()        // the next write happens, and its answer is lost
	Revoke          func()        // the credential is not accepted any more
	DropScope       func() string // withdraws the permission to read the object; returns its name
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	object, ok := h.Descriptor.Object(h.Object)
	if !ok {
		t.Fatalf("the descriptor does not offer %q", h.Object)
	}
	s := suite{h, object}
	for _, test := range []struct {
		name string
		run  func(*testing.T, suite, Account)
	}{
		{"describes its fields", describes},
		{"reads back what it created", createsAndReads},
		{"updates only the fields given", updatesOnlyGiven},
		{"clears a field with the empty value", clears},
		{"adds to and removes from sets", changesSets},
		{"lists every record once in small pages", listsAll},
		{"resumes a listing from any page", resumes},
		{"misses nothing while others edit", listsDuringEdits},
		{"stops listing when the caller does", stopsListing},
		{"refuses a foreign cursor", refusesCursor},
		{"lists what changed since", listsChanges},
		{"finds by every match field", finds},
		{"reports a duplicate with the existing record", reportsDuplicate},
		{"reports a missing record as not found", reportsMissing},
		{"deletes", deletes},
		{"tells when a record was made and changed", tellsTimes},
		{"lists the children of a parent", listsChildren},
		{"knows the parent of what it reads", knowsParent},
		{"finds a child whose create was never answered", findsUnanswered},
		{"a child of a parent that is gone", orphans},
		{"needs a parent where one is required", needsParent},
		{"reports a refused credential as one for a person", reportsRevoked},
		{"names a missing permission", reportsScope},
		{"reports the rate limit with a time to wait", reportsRateLimit},
		{"reports an outage", reportsOutage},
		{"calls a write without an answer ambiguous", reportsAmbiguous},
		{"stops when told to", stops},
		{"refuses an object it does not have", refusesUnknownObject},
		{"records its calls without the credential", records},
		{"is safe to use concurrently", isConcurrent},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, s, h.Open(t))
		})
	}
}

type suite struct {
	Harness
	object provider.Object
}

func (s suite) ref(a Account, id string) record.Ref {
	return record.Ref{Connection: a.Connection, Type: s.Object, ID: id}
}

func (s suite) schema(t *testing.T, a Account) record.Schema {
	t.Helper()
	schema, err := a.Client.Describe(t.Context(), s.Object)
	if err != nil {
		t.Fatalf("describe: %v", err)
	}
	return schema
}

func (s suite) create(t *testing.T, a Account, n int) record.Record {
	t.Helper()
	r, err := a.Client.Create(t.Context(), a.Write(n))
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	if r.Ref.ID == "" || r.Ref.Type != s.Object || r.Ref.Connection != a.Connection {
		t.Fatalf("create returns the reference %+v", r.Ref)
	}
	return r
}

func (s suite) get(t *testing.T, a Account, ref record.Ref) record.Record {
	t.Helper()
	r, err := a.Client.Get(t.Context(), ref)
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	return r
}

// wants reports whether a record holds the fields, as a set where the schema says so.
func wants(t *testing.T, schema record.Schema, got record.Record, fields record.Fields) {
	t.Helper()
	for key, want := range fields {
		spec, _ := schema.Field(key)
		have := got.Fields[key]
		if spec.Kind == record.Set {
			if !slices.Equal(elements(have), elements(want)) {
				t.Errorf("%s = %q, want %q", key, elements(have), elements(want))
			}
			continue
		}
		if !have.Equal(want) {
			t.Errorf("%s = %q, want %q", key, have, want)
		}
	}
}

func elements(v record.Value) []string {
	list, _ := v.AsList()
	return slices.Sorted(slices.Values(list))
}

// listed reports that there is a listing to test; where there is none, List must say so.
func (s suite) listed(t *testing.T, a Account) bool {
	t.Helper()
	if a.Unlisted != s.object.ByParent {
		t.Errorf("the descriptor says that a %s is listed by its parent only: %v; the harness says %v", s.object.Label, s.object.ByParent, a.Unlisted)
	}
	if !a.Unlisted {
		return true
	}
	pages := 0
	for _, err := range a.Client.List(t.Context(), provider.Query{Type: s.Object}) {
		pages++
		wantKind(t, "list", err, provider.Unsupported)
	}
	if pages != 1 {
		t.Errorf("list yields %d times", pages)
	}
	return false
}

// walk lists everything from cursor.
func (s suite) walk(t *testing.T, a Account, q provider.Query) (ids []string, cursors []string) {
	t.Helper()
	q.Type = s.Object
	for page, err := range a.Client.List(t.Context(), q) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		if q.PageSize > 0 && len(page.Records) > q.PageSize {
			t.Errorf("a page of %d records, asked for %d", len(page.Records), q.PageSize)
		}
		for _, r := range page.Records {
			if r.Ref.ID == "" || r.Ref.Type != s.Object || r.Ref.Connection != a.Connection {
				t.Errorf("listed reference %+v", r.Ref)
			}
			ids = append(ids, r.Ref.ID)
		}
		if page.Next != "" {
			cursors = append(cursors, page.Next)
		}
		if len(cursors) > 1000 {
			t.Fatal("the listing does not end")
		}
	}
	return ids, cursors
}

func distinct(ids []string) []string { return slices.Compact(slices.Sorted(slices.Values(ids))) }

func wantKind(t *testing.T, what string, err error, kinds ...provider.Kind) {
	t.Helper()
	if err == nil || !slices.Contains(kinds, provider.KindOf(err)) {
		t.Errorf("%s: error %v, want kind %v", what, err, kinds)
	}
}
