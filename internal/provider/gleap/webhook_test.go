package gleap_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/gleap"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/gleap"
)

const ticketID = "64b5f0c2a1b2c3d4e5f60799"

var changed = time.Date(2026, 3, 4, 5, 6, 7, 890e6, time.UTC)

func TestEveryKnownBodyOfADeliveryIsUnderstood(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body string
		want provider.Notice
	}{
		"body A, the envelope of 2026": {
			`{"event":"ticket.updated","projectId":"` + projectID + `","data":{"id":"` + ticketID + `","title":"x","updatedAt":"2026-03-04T05:06:07.890Z","secretShareToken":"s"}}`,
			provider.Notice{Account: projectID, Type: record.Ticket, ID: ticketID, Change: provider.Updated, Name: "ticket.updated", OccurredAt: changed},
		},
		"body B, the ticket flat beside the event": {
			`{"event":"ticket.created","project":{"_id":"` + projectID + `"},"_id":"` + ticketID + `","createdAt":"2026-03-04T05:06:07.890Z","session":{"id":"c"}}`,
			provider.Notice{Account: projectID, Type: record.Ticket, ID: ticketID, Change: provider.Created, Name: "ticket.created", OccurredAt: changed},
		},
		"body C, the older integration hook": {
			`{"integrationAction":"CREATE","data":{"id":"` + ticketID + `","project":"` + projectID + `","formText":"hi","session":{"email":"ann@example.com"}}}`,
			provider.Notice{Account: projectID, Type: record.Ticket, ID: ticketID, Change: provider.Created, Name: "ticket.created"},
		},
		"an event we do not carry": {
			`{"event":"survey.answered","projectId":"` + projectID + `","data":{"id":"` + ticketID + `"}}`,
			provider.Notice{Account: projectID, Change: provider.Ignored, Name: "survey.answered"},
		},
		"a ticket event of a new kind, without a ticket": {
			`{"event":"ticket.sneezed","projectId":"` + projectID + `"}`,
			provider.Notice{Account: projectID, Change: provider.Ignored, Name: "ticket.sneezed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := gleap.NewWebhooks().Read([]byte(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(provider.Notice{}, "DedupeKey")); diff != "" {
				t.Error(diff)
			}
			again, _ := gleap.NewWebhooks().Read([]byte(tc.body))
			if got.DedupeKey == "" || again.DedupeKey != got.DedupeKey {
				t.Errorf("the same delivery has the keys %q and %q", got.DedupeKey, again.DedupeKey)
			}
		})
	}
}

func TestTwoChangesAreNotTheSameDelivery(t *testing.T) {
	t.Parallel()
	key := func(body string) string {
		n, err := gleap.NewWebhooks().Read([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return n.DedupeKey
	}
	for _, pair := range [][2]string{
		{`{"event":"ticket.updated","data":{"id":"1","updatedAt":"2026-03-04T05:06:07.890Z"}}`, `{"event":"ticket.updated","data":{"id":"1","updatedAt":"2026-03-04T05:06:07.891Z"}}`},
		{`{"event":"ticket.updated","data":{"id":"1","updatedAt":"2026-03-04T05:06:07.890Z","status":"OPEN"}}`, `{"event":"ticket.updated","data":{"id":"1","updatedAt":"2026-03-04T05:06:07.890Z","status":"DONE"}}`},
		{`{"event":"ticket.updated","data":{"id":"1","title":"a"}}`, `{"event":"ticket.updated","data":{"id":"1","title":"b"}}`},
	} {
		if key(pair[0]) == key(pair[1]) {
			t.Errorf("%s and %s share the key %s", pair[0], pair[1], key(pair[0]))
		}
	}
}

func TestAMalformedDeliveryIsInvalid(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "null", "[]", "{", `"ticket"`, `{}`, `{"event":7}`, `{"event":"ticket.updated"}`, `{"event":"ticket.updated","data":{"title":"no id"}}`, "\xff\xfe"} {
		if n, err := gleap.NewWebhooks().Read([]byte(body)); !provider.IsKind(err, provider.Invalid) {
			t.Errorf("%q reads as %+v, %v", body, n, err)
		}
	}
}

// secretIn looks for the keys of what must not be kept (reference/gleap.md §7, §12).
func secretIn(v any) bool {
	switch x := v.(type) {
	case map[string]any:
		for key, inner := range x {
			if key == "secretShareToken" || key == "gleapHash" || secretIn(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(x, secretIn)
	}
	return false
}

func FuzzReadDelivery(f *testing.F) {
	for _, seed := range []string{
		`{"event":"ticket.updated","projectId":"p","data":{"id":"1","updatedAt":"2026-03-04T05:06:07.890Z"}}`,
		`{"event":"ticket.created","_id":{"$oid":"1"},"project":[]}`, `{"integrationAction":"CREATE","data":{"id":"1"}}`, `[[[`, `{"data":{"data":{}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := gleap.NewWebhooks().Read(body)
		var kept any
		if k := gleap.NewWebhooks().Keep(body); k != nil {
			if err := json.Unmarshal(k, &kept); err != nil {
				t.Fatalf("what is kept cannot be read: %v", err)
			}
			if secretIn(kept) {
				t.Fatalf("a secret is kept: %s", k)
			}
		}
		if err != nil {
			if !provider.IsKind(err, provider.Invalid) {
				t.Fatalf("%v is not invalid", err)
			}
			return
		}
		if n.DedupeKey == "" || n.Change != provider.Ignored && n.ID == "" {
			t.Fatalf("%+v", n)
		}
	})
}

// TestEveryDeliveryNamesATicketThatCanBeRead lets people work in Gleap and follows each webhook back to its ticket.
func TestEveryDeliveryNamesATicketThatCanBeRead(t *testing.T) {
	t.Parallel()
	var told [][]byte
	a := open(t, func(c *twin.Config) { c.Tap = func(body []byte, _ http.Header) { told = append(told, body) } })
	ann := a.contact(t, map[string]any{"email": "ann@example.com"})
	ticket := a.twin.PersonCreatesTicket(ann.ID, map[string]any{"title": "Help"})
	note := a.twin.PersonCreatesNote(ticket, "checked")
	for _, err := range []error{a.twin.PersonEditsNote(note, "checked twice"), a.twin.PersonClosesTicket(ticket), a.twin.PersonDeletesNote(note)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(told) != 5 {
		t.Fatalf("%d deliveries", len(told))
	}
	for i, body := range told {
		n, err := gleap.NewWebhooks().Read(body)
		if err != nil || (n.Change == provider.Created) != (i == 0) || n.Account != a.ready.ProjectID {
			t.Errorf("%+v, %v", n, err)
		}
		got, err := a.client.Get(t.Context(), ref(n.Type, n.ID))
		if err != nil || got.Ref != ref(record.Ticket, ticket) || got.Parent != ann {
			t.Errorf("%s leads to %v under %v, %v", n.Name, got.Ref, got.Parent, err)
		}
	}
}
