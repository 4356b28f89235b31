package providertest

import (
	"maps"
	"slices"
	"testing"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

var kinds = []record.Kind{
	record.Text, record.LongText, record.Email, record.Phone, record.Number, record.Bool, record.Date, record.DateTime,
	record.Set, record.Choice, record.URL,
}

func describes(t *testing.T, s suite, a Account) {
	schema := s.schema(t, a)
	if schema.Type != s.Object || schema.Label == "" || len(schema.Fields) == 0 {
		t.Fatalf("schema = %+v", schema)
	}
	seen := map[string]bool{}
	for _, f := range schema.Fields {
		if f.Key == "" || f.Label == "" || seen[f.Key] || !slices.Contains(kinds, f.Kind) {
			t.Errorf("field %+v: needs its own key, a label and a known kind", f)
		}
		seen[f.Key] = true
	}
	for _, key := range slices.Concat(s.object.MatchFields, s.object.CreateNeedsOneOf) {
		if !seen[key] {
			t.Errorf("the descriptor speaks of %q, which is not a field", key)
		}
	}
}

func createsAndReads(t *testing.T, s suite, a Account) {
	schema := s.schema(t, a)
	before := a.Count()
	made := s.create(t, a, 1)
	if n := a.Count(); n != before+1 {
		t.Errorf("%d records more after one create", n-before)
	}
	wants(t, schema, made, a.Write(1).Fields)
	got := s.get(t, a, made.Ref)
	if got.Ref != made.Ref {
		t.Errorf("reads %v, want %v", got.Ref, made.Ref)
	}
	wants(t, schema, got, a.Write(1).Fields)
	if got.Title == "" {
		t.Error("the record has no title")
	}
	for key := range got.Fields {
		if _, ok := schema.Field(key); !ok {
			t.Errorf("field %q is read but not described", key)
		}
	}
}

func updatesOnlyGiven(t *testing.T, s suite, a Account) {
	schema := s.schema(t, a)
	made := s.create(t, a, 1)
	before := s.get(t, a, made.Ref)
	answered, err := a.Client.Update(t.Context(), made.Ref, provider.Write{Type: s.Object, Fields: a.Change})
	if err != nil {
		t.Fatalf("update: %v", err)
	}
	wants(t, schema, answered, a.Change)
	after := s.get(t, a, made.Ref)
	wants(t, schema, after, a.Change)
	for key, v := range a.Write(1).Fields {
		if _, changed := a.Change[key]; !changed && !after.Fields[key].Equal(before.Fields[key]) {
			t.Errorf("%s became %q, was %q (written %q)", key, after.Fields[key], before.Fields[key], v)
		}
	}
}

func clears(t *testing.T, s suite, a Account) {
	if a.Clear == "" {
		return
	}
	made := s.create(t, a, 1)
	if s.get(t, a, made.Ref).Fields[a.Clear].IsEmpty() {
		t.Fatalf("%s is empty from the start", a.Clear)
	}
	if _, err := a.Client.Update(t.Context(), made.Ref, provider.Write{Type: s.Object, Fields: record.Fields{a.Clear: {}}}); err != nil {
		t.Fatalf("update: %v", err)
	}
	if v := s.get(t, a, made.Ref).Fields[a.Clear]; !v.IsEmpty() {
		t.Errorf("%s = %q after clearing", a.Clear, v)
	}
}

func changesSets(t *testing.T, s suite, a Account) {
	if a.Set == "" {
		return
	}
	schema := s.schema(t, a)
	w := a.Write(1)
	w.Add = map[string][]string{a.Set: {"one", "two"}}
	made, err := a.Client.Create(t.Context(), w)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	wants(t, schema, made, record.Fields{a.Set: record.ListOf([]string{"one", "two"})})
	got, err := a.Client.Update(t.Context(), made.Ref, provider.Write{
		Type: s.Object, Add: map[string][]string{a.Set: {"three", "two"}}, Remove: map[string][]string{a.Set: {"one", "never there"}},
	})
	if err != nil {
		t.Fatalf("update: %v", err)
	}
	want := record.Fields{a.Set: record.ListOf([]string{"three", "two"})}
	wants(t, schema, got, want)
	if _, err := a.Client.Update(t.Context(), made.Ref, provider.Write{Type: s.Object, Fields: a.Change}); err != nil {
		t.Fatalf("update: %v", err)
	}
	wants(t, schema, s.get(t, a, made.Ref), want) // another field's update leaves the set alone
}

func listsAll(t *testing.T, s suite, a Account) {
	if !s.listed(t, a) {
		return
	}
	a.Seed(23)
	for _, size := range []int{1, 5, 23, 0} {
		ids, _ := s.walk(t, a, provider.Query{PageSize: size})
		if n := len(distinct(ids)); n != a.Count() {
			t.Errorf("pages of %d: %d of %d records", size, n, a.Count())
		}
	}
}

func resumes(t *testing.T, s suite, a Account) {
	if !s.listed(t, a) {
		return
	}
	a.Seed(12)
	all, cursors := s.walk(t, a, provider.Query{PageSize: 4})
	if len(cursors) == 0 {
		t.Fatal("12 records in pages of 4 give no cursor")
	}
	for i, cursor := range cursors {
		rest, _ := s.walk(t, a, provider.Query{PageSize: 4, Cursor: cursor})
		seen := slices.Concat(all[:min((i+1)*4, len(all))], rest)
		if n := len(distinct(seen)); n != a.Count() {
			t.Errorf("resumed after page %d: %d of %d records", i+1, n, a.Count())
		}
	}
}

// listsDuringEdits changes records behind and ahead of the cursor at every page: a listing ordered by the time of
// change would lose some of them.
func listsDuringEdits(t *testing.T, s suite, a Account) {
	if a.Edit == nil || !s.listed(t, a) {
		return
	}
	a.Seed(20)
	all, _ := s.walk(t, a, provider.Query{})
	seen, pages := []string{}, 0
	for page, err := range a.Client.List(t.Context(), provider.Query{Type: s.Object, PageSize: 3}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Records {
			seen = append(seen, r.Ref.ID)
		}
		a.Edit(all[pages%len(all)])
		a.Edit(all[len(all)-1-pages%len(all)])
		if pages++; pages > 200 {
			t.Fatal("the listing does not end")
		}
	}
	for _, id := range all {
		if !slices.Contains(seen, id) {
			t.Errorf("%s was there all the time and is not listed", id)
		}
	}
}

func stopsListing(t *testing.T, s suite, a Account) {
	if !s.listed(t, a) {
		return
	}
	a.Seed(6)
	pages := 0
	for _, err := range a.Client.List(t.Context(), provider.Query{Type: s.Object, PageSize: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		pages++
		break
	}
	if pages != 1 {
		t.Errorf("%d pages", pages)
	}
}

func refusesCursor(t *testing.T, s suite, a Account) {
	if !s.listed(t, a) {
		return
	}
	for _, cursor := range []string{"nonsense", "{}", "bnVsbA", "-1"} {
		for _, err := range a.Client.List(t.Context(), provider.Query{Type: s.Object, Cursor: cursor}) {
			wantKind(t, "cursor "+cursor, err, provider.Invalid)
		}
	}
}

func listsChanges(t *testing.T, s suite, a Account) {
	if a.Advance == nil || a.Edit == nil || !s.listed(t, a) {
		return
	}
	a.Seed(9)
	ids, _ := s.walk(t, a, provider.Query{})
	a.Advance(time.Hour)
	since := s.now(t, a)
	edited := []string{ids[1], ids[7]}
	for _, id := range edited {
		a.Edit(id)
	}
	changed, _ := s.walk(t, a, provider.Query{ChangedSince: since, PageSize: 2})
	for _, id := range edited {
		if !slices.Contains(changed, id) {
			t.Errorf("%s changed and is not listed", id)
		}
	}
	if later, _ := s.walk(t, a, provider.Query{ChangedSince: since.Add(time.Hour)}); len(later) > 0 && len(changed) < len(ids) {
		t.Errorf("%d records changed in the future", len(later))
	}
}

// now is the twin's time, read off a record it has just made.
func (s suite) now(t *testing.T, a Account) time.Time {
	t.Helper()
	made := s.create(t, a, 99)
	if got := s.get(t, a, made.Ref); !got.UpdatedAt.IsZero() {
		return got.UpdatedAt
	}
	t.Fatal("the record does not say when it changed")
	return time.Time{}
}

func finds(t *testing.T, s suite, a Account) {
	finder, ok := a.Client.(provider.Finder)
	if !ok || len(s.object.MatchFields) == 0 {
		return
	}
	a.Seed(5)
	made := s.create(t, a, 1)
	for _, field := range s.object.MatchFields {
		value := a.Write(1).Fields[field]
		if spec, _ := s.schema(t, a).Field(field); spec.ReadOnly {
			value = made.Fields[field]
		}
		if value.IsEmpty() {
			t.Fatalf("the harness writes no %s", field)
		}
		found, err := finder.Find(t.Context(), s.Object, field, value)
		if err != nil || len(found) != 1 || found[0].Ref != made.Ref {
			t.Errorf("find by %s: %v, %v", field, found, err)
		}
		found, err = finder.Find(t.Context(), s.Object, field, a.Write(2).Fields[field])
		if err != nil || len(found) != 0 {
			t.Errorf("find nobody by %s: %v, %v", field, found, err)
		}
		if found, err = finder.Find(t.Context(), s.Object, field, record.Value{}); err != nil || len(found) != 0 {
			t.Errorf("find by an empty %s: %v, %v", field, found, err)
		}
	}
	with := a.Write(3)
	with.Fields = maps.Clone(with.Fields)
	maps.Copy(with.Fields, a.Found)
	made, err := a.Client.Create(t.Context(), with)
	if err != nil {
		t.Fatalf("create with %v: %v", a.Found, err)
	}
	for field, value := range a.Found {
		if spec, _ := s.schema(t, a).Field(field); spec.Key != "" && s.object.Lookup(spec) != provider.Likely {
			t.Errorf("the descriptor does not say that %s can be looked up", field)
		}
		found, err := finder.Find(t.Context(), s.Object, field, value)
		if err != nil || !slices.ContainsFunc(found, func(r record.Record) bool { return r.Ref == made.Ref }) {
			t.Errorf("find by %s: %v, %v", field, found, err)
		}
		if found, err = finder.Find(t.Context(), s.Object, field, record.TextOf("nobody-has-this")); err != nil || len(found) != 0 {
			t.Errorf("find nobody by %s: %v, %v", field, found, err)
		}
		if found, err = finder.Find(t.Context(), s.Object, field, record.Value{}); err != nil || len(found) != 0 {
			t.Errorf("find by an empty %s: %v, %v", field, found, err)
		}
	}
	_, err = finder.Find(t.Context(), s.Object, "no such field", record.TextOf("x"))
	wantKind(t, "find by an unknown field", err, provider.Unsupported, provider.Invalid)
}

func deletes(t *testing.T, s suite, a Account) {
	deleter, ok := a.Client.(provider.Deleter)
	if !ok {
		return
	}
	made := s.create(t, a, 1)
	before := a.Count()
	err := deleter.Delete(t.Context(), made.Ref)
	if !s.object.Delete {
		wantKind(t, "delete", err, provider.Unsupported) // the interface is the client's, the ability the object's
		if a.Count() != before {
			t.Error("the refused delete removed a record")
		}
		return
	}
	if err != nil {
		t.Fatalf("delete: %v", err)
	}
	if a.Count() != before-1 {
		t.Errorf("%d records after deleting one of %d", a.Count(), before)
	}
	_, err = a.Client.Get(t.Context(), made.Ref)
	wantKind(t, "get the deleted", err, provider.NotFound)
	wantKind(t, "delete the deleted", deleter.Delete(t.Context(), made.Ref), provider.NotFound)
}
