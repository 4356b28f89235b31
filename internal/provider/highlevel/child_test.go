package highlevel_test

import (
	"strings"
	"testing"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

func TestNotesLiveUnderTheirContact(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	owner := s.create(record.Fields{"email": text("a@example.com")})
	note, err := s.Create(t.Context(), provider.Write{Type: record.Note, Parent: owner.Ref, Fields: record.Fields{"body": text("line one\nline two"), "pinned": record.BoolOf(true)}})
	if err != nil {
		t.Fatal(err)
	}
	if note.Parent != owner.Ref || note.Title != "line one" || !note.Fields["pinned"].Equal(record.BoolOf(true)) {
		t.Errorf("note = %+v", note)
	}
	got := s.update(note.Ref, record.Fields{"body": text("changed")})
	if again, err := s.Get(t.Context(), note.Ref); err != nil || !again.Fields["body"].Equal(text("changed")) || got.Ref != again.Ref {
		t.Errorf("note = %+v, %v", again, err)
	}
	if err := s.Delete(t.Context(), note.Ref); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(t.Context(), note.Ref); !provider.IsKind(err, provider.NotFound) {
		t.Errorf("error = %v", err)
	}
	for _, err := range s.List(t.Context(), provider.Query{Type: record.Note}) {
		if !provider.IsKind(err, provider.Unsupported) {
			t.Errorf("list: %v", err)
		}
	}
	if _, err := s.Describe(t.Context(), record.Note); err != nil {
		t.Error(err)
	}
}

func TestNotesAndTasksSayWhatTheyNeed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	owner := s.create(record.Fields{"email": text("a@example.com")}).Ref
	due := record.TimeOf(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	for missing, w := range map[string]provider.Write{
		"contact":   {Type: record.Note, Fields: record.Fields{"body": text("x")}},
		"body":      {Type: record.Note, Parent: owner},
		"title":     {Type: record.Task, Parent: owner, Fields: record.Fields{"dueDate": due}},
		"dueDate":   {Type: record.Task, Parent: owner, Fields: record.Fields{"title": text("x")}},
		"dateAdded": {Type: record.Note, Parent: owner, Fields: record.Fields{"body": text("x"), "dateAdded": due}},
	} {
		_, err := s.Create(t.Context(), w)
		if e := providerError(t, err); e.Kind != provider.Invalid || e.Fields[missing] == "" {
			t.Errorf("%s: %v", missing, err)
		}
	}
	gone := owner
	gone.ID = "AAAAAAAAAAAAAAAAAAAA"
	_, err := s.Create(t.Context(), provider.Write{Type: record.Note, Parent: gone, Fields: record.Fields{"body": text("x")}})
	if !provider.IsKind(err, provider.NotFound) {
		t.Errorf("note of nobody: %v", err)
	}
}

func TestATaskIsFoundByItsBareID(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	owner := s.create(record.Fields{"email": text("a@example.com")}).Ref
	task, err := s.Create(t.Context(), provider.Write{Type: record.Task, Parent: owner, Fields: record.Fields{
		"title": text("Call"), "dueDate": text("2026-12-01T10:00:00+01:00"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if due, _ := task.Fields["dueDate"].AsTime(); !due.Equal(time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("due %v", due)
	}
	_, bare, _ := strings.Cut(task.Ref.ID, "/")
	got, err := s.Get(t.Context(), record.Ref{Connection: connection, Type: record.Task, ID: bare})
	if err != nil || got.Ref != task.Ref || got.Parent != owner {
		t.Errorf("task %+v, %v", got, err)
	}
}
