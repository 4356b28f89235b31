package providertest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

func reportsDuplicate(t *testing.T, s suite, a Account) {
	if len(s.object.MatchFields) == 0 {
		return
	}
	made := s.create(t, a, 1)
	before := a.Count()
	again, err := a.Client.Create(t.Context(), a.Write(1))
	if err == nil {
		// A provider that merges instead of refusing answers with the record it merged into.
		if a.Count() == before && again.Ref != made.Ref {
			t.Errorf("a second create made nothing and answered %v instead of %v", again.Ref, made.Ref)
		}
		return
	}
	e, ok := errors.AsType[*provider.Error](err)
	if !ok || e.Kind != provider.Duplicate || e.Existing != made.Ref {
		t.Errorf("error %v with existing %v, want a duplicate of %v", err, e.Existing, made.Ref)
	}
	if a.Count() != before {
		t.Error("the refused create made a record")
	}
}

func reportsMissing(t *testing.T, s suite, a Account) {
	for _, id := range []string{a.MissingID, ""} {
		ref := s.ref(a, id)
		_, err := a.Client.Get(t.Context(), ref)
		wantKind(t, "get "+id, err, provider.NotFound)
		_, err = a.Client.Update(t.Context(), ref, provider.Write{Type: s.Object, Fields: a.Change})
		wantKind(t, "update "+id, err, provider.NotFound)
		if d, ok := a.Client.(provider.Deleter); ok {
			wantKind(t, "delete "+id, d.Delete(t.Context(), ref), provider.NotFound, provider.Unsupported)
		}
	}
}

func reportsRevoked(t *testing.T, s suite, a Account) {
	if a.Revoke == nil {
		t.Fatal("the harness cannot revoke the credential")
	}
	made := s.create(t, a, 1)
	a.Revoke()
	_, err := a.Client.Get(t.Context(), made.Ref)
	wantKind(t, "get", err, provider.Unauthorized, provider.Revoked)
	if !provider.NeedsPerson(err) {
		t.Errorf("error %v does not ask for a person", err)
	}
	_, err = a.Client.Create(t.Context(), a.Write(2))
	wantKind(t, "create", err, provider.Unauthorized, provider.Revoked)
}

func reportsScope(t *testing.T, s suite, a Account) {
	if a.DropScope == nil {
		return
	}
	made := s.create(t, a, 1)
	scope := a.DropScope()
	_, err := a.Client.Get(t.Context(), made.Ref)
	e, ok := errors.AsType[*provider.Error](err)
	if !ok || e.Kind != provider.Forbidden || e.Scope != scope {
		t.Errorf("error %v, want forbidden for lack of %s", err, scope)
	}
}

func reportsRateLimit(t *testing.T, s suite, a Account) {
	made := s.create(t, a, 1)
	a.NextRateLimited()
	_, err := a.Client.Get(t.Context(), made.Ref)
	e, ok := errors.AsType[*provider.Error](err)
	if !ok || e.Kind != provider.RateLimited || e.RetryAfter <= 0 {
		t.Fatalf("error %v, want rate limited with a wait", err)
	}
	s.get(t, a, made.Ref)
}

func reportsOutage(t *testing.T, s suite, a Account) {
	made := s.create(t, a, 1)
	a.NextUnavailable()
	_, err := a.Client.Get(t.Context(), made.Ref)
	wantKind(t, "get", err, provider.Unavailable)
	a.NextUnavailable()
	_, err = a.Client.Update(t.Context(), made.Ref, provider.Write{Type: s.Object, Fields: a.Change})
	wantKind(t, "update", err, provider.Unavailable, provider.Ambiguous)
}

func reportsAmbiguous(t *testing.T, s suite, a Account) {
	before := a.Count()
	a.DropNextAnswer()
	_, err := a.Client.Create(t.Context(), a.Write(1))
	wantKind(t, "create", err, provider.Ambiguous)
	if a.Count() != before+1 {
		t.Errorf("%d records more: the twin was to commit, and the client not to repeat", a.Count()-before)
	}
	made := s.create(t, a, 2)
	a.DropNextAnswer()
	_, err = a.Client.Update(t.Context(), made.Ref, provider.Write{Type: s.Object, Fields: a.Change})
	wantKind(t, "update", err, provider.Ambiguous)
}

func stops(t *testing.T, s suite, a Account) {
	made := s.create(t, a, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := a.Client.Get(ctx, made.Ref)
	if !provider.Stopped(err) {
		t.Errorf("get: error %v, want one that says stopped", err)
	}
	before := a.Count()
	if _, err = a.Client.Create(ctx, a.Write(2)); !provider.Stopped(err) || provider.IsKind(err, provider.Ambiguous) {
		t.Errorf("create: error %v, want one that says stopped before it was sent", err)
	}
	for _, err := range a.Client.List(ctx, provider.Query{Type: s.Object}) {
		if !provider.Stopped(err) && !a.Unlisted {
			t.Errorf("list: error %v", err)
		}
	}
	if a.Count() != before {
		t.Error("a stopped create made a record")
	}
}

func refusesUnknownObject(t *testing.T, s suite, a Account) {
	const unknown record.ObjectType = "unicorn"
	ref := record.Ref{Connection: a.Connection, Type: unknown, ID: "1"}
	_, err := a.Client.Describe(t.Context(), unknown)
	wantKind(t, "describe", err, provider.Unsupported)
	_, err = a.Client.Get(t.Context(), ref)
	wantKind(t, "get", err, provider.Unsupported)
	_, err = a.Client.Create(t.Context(), provider.Write{Type: unknown})
	wantKind(t, "create", err, provider.Unsupported)
	_, err = a.Client.Update(t.Context(), ref, provider.Write{Type: unknown, Fields: a.Change})
	wantKind(t, "update", err, provider.Unsupported)
	if d, ok := a.Client.(provider.Deleter); ok {
		wantKind(t, "delete", d.Delete(t.Context(), ref), provider.Unsupported)
	}
	if c, ok := a.Client.(provider.Children); ok {
		for _, parent := range []record.ObjectType{unknown, s.Object, s.object.Parent, ""} {
			_, err = c.Children(t.Context(), unknown, record.Ref{Connection: a.Connection, Type: parent, ID: "1"})
			wantKind(t, "children", err, provider.Unsupported)
		}
		_, err = c.Children(t.Context(), s.Object, ref)
		wantKind(t, "children of an unknown object", err, provider.Unsupported)
	}
	pages := 0
	for _, err := range a.Client.List(t.Context(), provider.Query{Type: unknown}) {
		pages++
		wantKind(t, "list", err, provider.Unsupported)
	}
	if pages != 1 {
		t.Errorf("list yields %d times", pages)
	}
}

func records(t *testing.T, s suite, a Account) {
	var mu sync.Mutex
	var calls []provider.Call
	ctx := provider.WithRecorder(t.Context(), func(c provider.Call) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, c)
	})
	if _, err := a.Client.Create(ctx, a.Write(1)); err != nil {
		t.Fatal(err)
	}
	if len(calls) == 0 {
		t.Fatal("no call was recorded")
	}
	for _, c := range calls {
		if c.Method == "" || !strings.HasPrefix(c.Path, "/") || c.Status == 0 || c.At.IsZero() {
			t.Errorf("call %+v", c)
		}
		for _, shown := range []string{c.Path, c.Request, c.Response, c.Error} {
			if strings.Contains(shown, a.Secret) {
				t.Errorf("the credential is recorded: %s", shown)
			}
		}
	}
	a.Revoke()
	if _, err := a.Client.Get(ctx, s.ref(a, a.MissingID)); err == nil || strings.Contains(err.Error(), a.Secret) {
		t.Errorf("error %v: wanted one without the credential", err)
	}
}

func isConcurrent(t *testing.T, s suite, a Account) {
	made := s.create(t, a, 1)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			if _, err := a.Client.Get(t.Context(), made.Ref); err != nil {
				t.Errorf("get: %v", err)
			}
			if _, err := a.Client.Create(t.Context(), a.Write(10+n)); err != nil {
				t.Errorf("create: %v", err)
			}
		})
	}
	all.Wait()
}
