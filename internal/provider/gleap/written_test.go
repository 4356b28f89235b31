package gleap_test

import (
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
