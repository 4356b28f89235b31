package providertest

import (
	"slices"
	"testing"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// family is a client that lists children; false where the object stands alone. A harness that leaves its part out fails.
func (s suite) family(t *testing.T, a Account) (provider.Children, bool) {
	t.Helper()
	if s.object.Parent == "" {
		return nil, false
	}
	children, ok := a.Client.(provider.Children)
	if !ok || a.Parent == nil || a.RemoveParent == nil {
		t.Fatalf("a %s lives under a %s: the client must list children, and the harness make and remove parents", s.object.Label, s.object.Parent)
	}
	return children, true
}

func (s suite) createUnder(t *testing.T, a Account, n int, parent record.Ref) record.Record {
	t.Helper()
	w := a.Write(n)
	w.Parent = parent
	made, err := a.Client.Create(t.Context(), w)
	if err != nil {
		t.Fatalf("create under %v: %v", parent, err)
	}
	return made
}

// refsUnder lists the children of a parent and holds each to it.
func (s suite) refsUnder(t *testing.T, children provider.Children, parent record.Ref) []string {
	t.Helper()
	records, err := children.Children(t.Context(), s.Object, parent)
	if err != nil {
		t.Fatalf("children of %v: %v", parent, err)
	}
	ids := []string{}
	for _, r := range records {
		if r.Parent != parent {
			t.Errorf("%v is listed under %v and says its parent is %v", r.Ref, parent, r.Parent)
		}
		ids = append(ids, r.Ref.ID)
	}
	slices.Sort(ids)
	return ids
}

func idsOf(records ...record.Record) []string {
	ids := []string{}
	for _, r := range records {
		ids = append(ids, r.Ref.ID)
	}
	slices.Sort(ids)
	return ids
}

func listsChildren(t *testing.T, s suite, a Account) {
	children, ok := s.family(t, a)
	if !ok {
		return
	}
	first, second, childless := a.Parent(), a.Parent(), a.Parent()
	one, two := s.createUnder(t, a, 1, first), s.createUnder(t, a, 2, first)
	other := s.createUnder(t, a, 3, second)
	for parent, want := range map[record.Ref][]string{first: idsOf(one, two), second: idsOf(other), childless: {}} {
		if got := s.refsUnder(t, children, parent); !slices.Equal(got, want) {
			t.Errorf("under %v: %v, want %v", parent, got, want)
		}
	}
	if _, err := a.Client.Update(t.Context(), one.Ref, provider.Write{Type: s.Object, Fields: a.Change}); err != nil {
		t.Fatalf("update: %v", err)
	}
	records, err := children.Children(t.Context(), s.Object, first)
	if err != nil {
		t.Fatal(err)
	}
	schema := s.schema(t, a)
	for _, r := range records {
		if r.Ref == one.Ref {
			wants(t, schema, r, a.Change) // without lag
		} else {
			wants(t, schema, r, a.Write(2).Fields)
		}
	}
	if deleter, ok := a.Client.(provider.Deleter); ok && s.object.Delete {
		if err := deleter.Delete(t.Context(), one.Ref); err != nil {
			t.Fatalf("delete: %v", err)
		}
		if got, want := s.refsUnder(t, children, first), idsOf(two); !slices.Equal(got, want) {
			t.Errorf("after a deletion: %v, want %v", got, want)
		}
	}
	stranger := first
	stranger.Type = "unicorn"
	_, err = children.Children(t.Context(), s.Object, stranger)
	wantKind(t, "children of an unknown object", err, provider.Unsupported)
	stranger.Type = s.Object
	_, err = children.Children(t.Context(), s.Object, stranger)
	wantKind(t, "children of its own kind", err, provider.Unsupported)
}

func knowsParent(t *testing.T, s suite, a Account) {
	children, ok := s.family(t, a)
	if !ok {
		return
	}
	parent := a.Parent()
	made := s.createUnder(t, a, 1, parent)
	updated, err := a.Client.Update(t.Context(), made.Ref, provider.Write{Type: s.Object, Fields: a.Change})
	if err != nil {
		t.Fatalf("update: %v", err)
	}
	for how, got := range map[string]record.Record{"create": made, "update": updated, "get": s.get(t, a, made.Ref)} {
		if got.Parent != parent || got.Ref != made.Ref {
			t.Errorf("%s answers %v under %v, want %v under %v", how, got.Ref, got.Parent, made.Ref, parent)
		}
	}
	if got, want := s.refsUnder(t, children, parent), idsOf(made); !slices.Equal(got, want) {
		t.Errorf("children %v, want %v", got, want)
	}
	if a.Unlisted {
		return
	}
	for page, err := range a.Client.List(t.Context(), provider.Query{Type: s.Object}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Records {
			if r.Ref == made.Ref && r.Parent != parent {
				t.Errorf("listed under %v, want %v", r.Parent, parent)
			}
		}
	}
}

// findsUnanswered is what children are listed for: a create whose answer was lost is found by its parent and contents.
func findsUnanswered(t *testing.T, s suite, a Account) {
	children, ok := s.family(t, a)
	if !ok {
		return
	}
	parent := a.Parent()
	s.createUnder(t, a, 1, parent)
	w := a.Write(2)
	w.Parent = parent
	a.DropNextAnswer()
	_, err := a.Client.Create(t.Context(), w)
	wantKind(t, "create", err, provider.Ambiguous)
	records, err := children.Children(t.Context(), s.Object, parent)
	if err != nil || len(records) != 2 {
		t.Fatalf("%d children, %v, want the answered and the unanswered one", len(records), err)
	}
	schema, asked := s.schema(t, a), 0
	for _, r := range records {
		if holds(schema, r, w.Fields) {
			asked++
			wants(t, schema, s.get(t, a, r.Ref), w.Fields)
		}
	}
	if asked != 1 {
		t.Errorf("%d children hold what was asked for, want one", asked)
	}
}

func holds(schema record.Schema, r record.Record, fields record.Fields) bool {
	for key, want := range fields {
		spec, _ := schema.Field(key)
		if !record.Same(spec.Kind, r.Fields[key], want, record.Locale{}) {
			return false
		}
	}
	return true
}

func orphans(t *testing.T, s suite, a Account) {
	children, ok := s.family(t, a)
	if !ok {
		return
	}
	parent := a.Parent()
	made := s.createUnder(t, a, 1, parent)
	a.RemoveParent(parent)
	_, err := children.Children(t.Context(), s.Object, parent)
	wantKind(t, "children of a parent that is gone", err, provider.NotFound)
	before := a.Count()
	w := a.Write(2)
	w.Parent = parent
	_, err = a.Client.Create(t.Context(), w)
	wantKind(t, "create under a parent that is gone", err, provider.NotFound)
	got, err := a.Client.Get(t.Context(), made.Ref)
	if s.object.ParentRequired {
		wantKind(t, "get the child of a parent that is gone", err, provider.NotFound)
	} else if err == nil && !got.Parent.IsZero() {
		t.Errorf("it still says it lives under %v", got.Parent)
	}
	parent.ID = ""
	_, err = children.Children(t.Context(), s.Object, parent)
	wantKind(t, "children of nobody", err, provider.NotFound)
	if a.Count() != before {
		t.Error("the refused create made a record")
	}
}

func needsParent(t *testing.T, s suite, a Account) {
	if _, ok := s.family(t, a); !ok {
		return
	}
	before := a.Count()
	w := a.Write(1)
	w.Parent = record.Ref{}
	made, err := a.Client.Create(t.Context(), w)
	if !s.object.ParentRequired {
		if err != nil || !made.Parent.IsZero() {
			t.Errorf("without a parent: under %v, %v", made.Parent, err)
		}
		return
	}
	wantKind(t, "create without a parent", err, provider.Invalid)
	w.Parent = a.Parent()
	w.Parent.Type = "unicorn"
	_, err = a.Client.Create(t.Context(), w)
	wantKind(t, "create under something else", err, provider.Invalid)
	if a.Count() != before {
		t.Error("a refused create made a record")
	}
}

func tellsTimes(t *testing.T, s suite, a Account) {
	made := s.get(t, a, s.create(t, a, 1).Ref)
	if made.CreatedAt.IsZero() == a.TellsCreation || made.UpdatedAt.IsZero() == a.TellsChange {
		t.Fatalf("made %v, changed %v; wanted to be told: %v, %v", made.CreatedAt, made.UpdatedAt, a.TellsCreation, a.TellsChange)
	}
	if a.Advance == nil {
		return
	}
	a.Advance(time.Minute)
	if _, err := a.Client.Update(t.Context(), made.Ref, provider.Write{Type: s.Object, Fields: a.Change}); err != nil {
		t.Fatalf("update: %v", err)
	}
	after := s.get(t, a, made.Ref)
	if !after.CreatedAt.Equal(made.CreatedAt) {
		t.Errorf("an update moved the time of making from %v to %v", made.CreatedAt, after.CreatedAt)
	}
	if a.TellsChange && after.UpdatedAt.Sub(made.UpdatedAt) < time.Minute {
		t.Errorf("changed at %v, a minute later at %v", made.UpdatedAt, after.UpdatedAt)
	}
}
