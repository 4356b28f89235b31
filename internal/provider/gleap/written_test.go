package gleap_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// Whoever is told that a write did not happen, though it did, takes its own value for a person's edit.
func TestAReadThatFailsAfterAWriteIsNoFailedWrite(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ref    record.Ref
		fields record.Fields
		put    any
		want   string // what of it is known; empty: that it is not clear
	}{
		"a ticket's status":            {ref(record.Ticket, "t1"), record.Fields{"status": text("DONE")}, map[string]any{"_id": "t1", "status": "DONE"}, "DONE"},
		"a ticket, without an answer":  {ref(record.Ticket, "t1"), record.Fields{"status": text("DONE")}, nil, ""},
		"a ticket's title, unanswered": {ref(record.Ticket, "t1"), record.Fields{"title": text("x")}, nil, ""},
		"a note":                       {ref(record.Note, "t1/m1"), record.Fields{"body": text("x")}, map[string]any{"_id": "m1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			written := false
			c := answering(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodPut:
					written = true
					writeJSON(w, http.StatusOK, tc.put)
				case written:
					writeJSON(w, http.StatusInternalServerError, map[string]any{"message": "out of order"})
				default:
					writeJSON(w, http.StatusOK, map[string]any{"_id": "t1", "status": "OPEN"})
				}
			}))
			got, err := c.Update(t.Context(), tc.ref, provider.Write{Type: tc.ref.Type, Fields: tc.fields})
			if !written {
				t.Fatal("nothing was written")
			}
			if tc.want == "" {
				if !provider.IsKind(err, provider.Ambiguous) {
					t.Errorf("%v; a write that happened must not look like one that did not", err)
				}
				return
			}
			if err != nil || got.Fields["status"].String() != tc.want {
				t.Errorf("status %q, %v", got.Fields["status"], err)
			}
		})
	}
}

func TestWhatATicketsWriteAnsweredIsNotUndoneByWhatIsReadAfterIt(t *testing.T) {
	t.Parallel()
	c := answering(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			writeJSON(w, http.StatusOK, map[string]any{"_id": "t1", "status": "DONE", "title": "as it was"})
			return
		}
		if !strings.HasSuffix(r.URL.Path, "/tickets/t1") {
			t.Errorf("%s was asked", r.URL.Path)
		}
		// Somebody opens it again at once, and tidies its title.
		writeJSON(w, http.StatusOK, map[string]any{"_id": "t1", "status": "OPEN", "title": "tidied"})
	}))
	got, err := c.Update(t.Context(), ref(record.Ticket, "t1"), provider.Write{Type: record.Ticket, Fields: record.Fields{"status": text("DONE"), "title": text("Tidied ")}})
	if err != nil {
		t.Fatal(err)
	}
	if s, title := got.Fields["status"].String(), got.Fields["title"].String(); s != "DONE" || title != "tidied" {
		t.Errorf("status %q, title %q: what was taken counts, and of anything else what is there", s, title)
	}
}

// Reading every record again that was just written would double what a first sync of everyone costs.
func TestAnswersThatToldTheTruthAreBelieved(t *testing.T) {
	t.Parallel()
	stored := map[string]any{}
	whole := func(of map[string]any) map[string]any {
		out := map[string]any{"_id": "c1", "createdAt": "2026-03-04T05:06:07.000Z", "updatedAt": "2026-03-04T05:06:08.000Z"}
		maps.Copy(out, of)
		return out
	}
	tests := map[string]struct {
		put   func(before map[string]any, asked map[string]any) any // what a write answers
		keeps func(asked map[string]any) map[string]any             // what becomes of it
		reads int                                                   // of ten writes
		last  string
	}{
		"the record as it is kept": {reads: 3, last: "Person 9"},
		"the record as it was": {
			put:   func(before, _ map[string]any) any { return whole(before) },
			reads: 10, last: "Person 9",
		},
		"only what was asked": {
			put:   func(_, asked map[string]any) any { return asked },
			reads: 10, last: "Person 9",
		},
		"what was asked, though something else is kept": {
			put:   func(before, asked map[string]any) any { return whole(asked) },
			keeps: func(map[string]any) map[string]any { return map[string]any{"name": "P."} },
			reads: 10, last: "Person 9", // the answer stands over what is read, for what was written
		},
		"what is kept, which is something else": {
			put:   func(map[string]any, map[string]any) any { return whole(map[string]any{"name": "P."}) },
			keeps: func(map[string]any) map[string]any { return map[string]any{"name": "P."} },
			reads: 10, last: "P.",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			stored = map[string]any{}
			reads := 0
			c := answering(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					reads++
					writeJSON(w, http.StatusOK, whole(stored))
					return
				}
				var asked map[string]any
				if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
					t.Error(err)
				}
				before := maps.Clone(stored)
				maps.Copy(stored, asked)
				if tc.keeps != nil {
					maps.Copy(stored, tc.keeps(asked))
				}
				if tc.put == nil {
					writeJSON(w, http.StatusOK, whole(stored))
					return
				}
				writeJSON(w, http.StatusOK, tc.put(before, asked))
			}))
			var got record.Record
			for i := range 10 {
				var err error
				got, err = c.Update(t.Context(), ref(record.Contact, "c1"), provider.Write{Type: record.Contact, Fields: record.Fields{"name": text(fmt.Sprintf("Person %d", i))}})
				if err != nil {
					t.Fatal(err)
				}
			}
			if reads != tc.reads || got.Fields["name"].String() != tc.last {
				t.Errorf("%d reads, name %q; want %d and %q", reads, got.Fields["name"], tc.reads, tc.last)
			}
			// A field nobody has written yet has proven nothing.
			reads = 0
			if _, err := c.Update(t.Context(), ref(record.Contact, "c1"), provider.Write{Type: record.Contact, Fields: record.Fields{"lang": text("de")}}); err != nil || reads != 1 {
				t.Errorf("%d reads of another field, %v", reads, err)
			}
		})
	}
}
