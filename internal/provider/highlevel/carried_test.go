package highlevel_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/highlevel"
)

// never are what HighLevel keeps of a contact and sends in no delivery (reference/highlevel.md §7.1).
var never = []string{"timezone", "additionalEmails", "type", "businessId", "dateUpdated"}

func TestADeliveryHoldsItsContactAsItWouldBeRead(t *testing.T) {
	t.Parallel()
	var sent [][]byte
	s := newStage(t, func(tc *twin.Config, _ *highlevel.Config) {
		tc.Tap = func(body []byte, _ http.Header) { sent = append(sent, body) }
	})
	made := s.create(record.Fields{
		"firstName": text("Zoë"), "lastName": text("O'Neil"), "email": text("zoe@example.com"), "phone": text("+14155552671"), "companyName": text("Ünïcode GmbH"),
		"timezone": text("Europe/Vienna"), "dateOfBirth": text("1990-02-28"), "dnd": record.BoolOf(true), s.custom("Seats"): record.NumberOf(4),
	})
	want, err := s.Get(t.Context(), made.Ref)
	if err != nil || len(sent) == 0 {
		t.Fatalf("%d deliveries, %v", len(sent), err)
	}
	got, ok, err := s.Carried(t.Context(), made.Ref, sent[0])
	if err != nil || !ok {
		t.Fatalf("not carried: %v", err)
	}
	for _, key := range never {
		if !got.Fields[key].IsEmpty() {
			t.Errorf("%s is carried: %v", key, got.Fields[key])
		}
		delete(want.Fields, key)
	}
	if diff := cmp.Diff(want.Fields, got.Fields); diff != "" || got.Ref != made.Ref || got.Title != want.Title {
		t.Errorf("%s %q (-read +carried):\n%s", got.Ref, got.Title, diff)
	}
}

func TestADeliveryThatHoldsNoContactOfThisAccountCarriesNone(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ours := `{"type":"ContactUpdate","locationId":"` + s.ready.LocationID + `","id":"c1","firstName":"Jane"}`
	if _, ok, err := s.Carried(t.Context(), s.ref("c1"), []byte(ours)); err != nil || !ok {
		t.Fatalf("ours: %t, %v", ok, err)
	}
	for name, body := range map[string]string{
		"another contact":  strings.Replace(ours, "c1", "c2", 1),
		"another location": strings.Replace(ours, s.ready.LocationID, "elsewhere", 1),
		"a deletion":       strings.Replace(ours, "ContactUpdate", "ContactDelete", 1),
		"a note":           strings.Replace(ours, "ContactUpdate", "NoteUpdate", 1),
		"an unknown event": strings.Replace(ours, "ContactUpdate", "ContactShouted", 1),
	} {
		if r, ok, err := s.Carried(t.Context(), s.ref("c1"), []byte(body)); ok || err != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	for _, body := range []string{``, `null`, `[]`, `"x"`, `{`} {
		if _, ok, err := s.Carried(t.Context(), s.ref("c1"), []byte(body)); ok || !provider.IsKind(err, provider.Invalid) {
			t.Errorf("%q: %t, %v", body, ok, err)
		}
	}
}
