package highlevel_test

import (
	"strings"
	"testing"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	twin "crosswalk/internal/twin/highlevel"
)

// TestAContactIsFoundByACustomFieldOnlyIfItHoldsTheValue: the index is late and the filter's spelling is unconfirmed, so
// nothing counts that a read of the contact does not bear out.
func TestAContactIsFoundByACustomFieldOnlyIfItHoldsTheValue(t *testing.T) {
	t.Parallel()
	hour := int(time.Hour / time.Millisecond)
	for name, tc := range map[string]struct {
		fault  twin.Faults
		before func(s *stage, held record.Ref, field string) // while the index is late
		look   string
		want   string // "found", "none" or "cannot tell"
	}{
		"held":                     {look: "user-7", want: "found"},
		"with spaces around":       {look: "  user-7 ", want: "found"},
		"in other letters":         {look: "USER-7", want: "none"},
		"nobody":                   {look: "user-8", want: "none"},
		"written a moment ago":     {fault: twin.Faults{SearchLagMs: hour}, look: "user-7", want: "none"},
		"changed a moment ago":     {before: func(s *stage, held record.Ref, field string) { s.update(held, record.Fields{field: text("user-9")}) }, look: "user-7", want: "none"},
		"deleted a moment ago":     {before: func(s *stage, held record.Ref, _ string) { _ = s.twin.PersonDeletesContact(held.ID) }, look: "user-7", want: "none"},
		"filters are refused":      {fault: twin.Faults{CustomFilters: "refused"}, look: "user-7", want: "cannot tell"},
		"filters are not heeded":   {fault: twin.Faults{CustomFilters: "unheeded"}, look: "user-8", want: "cannot tell"},
		"not heeded, and it holds": {fault: twin.Faults{CustomFilters: "unheeded"}, look: "user-7", want: "found"},
		"longer than a filter":     {look: strings.Repeat("x", 76), want: "cannot tell"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			field := s.custom("Support ID")
			s.create(record.Fields{"email": text("else@example.com"), field: text("user-1")})
			held := s.create(record.Fields{"email": text("jane@example.com"), field: text("user-7")}).Ref
			s.clock.advance(2 * time.Hour)
			if tc.before != nil {
				s.twin.SetFaults(twin.Faults{SearchLagMs: hour})
				tc.before(s, held, field)
			}
			if tc.fault.SearchLagMs > 0 {
				s.clock.advance(-2 * time.Hour)
			}
			if tc.before == nil {
				s.twin.SetFaults(tc.fault)
			}
			found, err := s.Find(t.Context(), record.Contact, field, text(tc.look))
			got := "none"
			switch {
			case provider.IsKind(err, provider.Unsupported):
				got = "cannot tell"
			case err != nil:
				t.Fatal(err)
			case len(found) == 1 && found[0].Ref == held && found[0].Fields[field].String() == "user-7":
				got = "found"
			case len(found) > 0:
				t.Fatalf("it found %v", found)
			}
			if got != tc.want {
				t.Errorf("%s (%v), want %s", got, err, tc.want)
			}
		})
	}
	s := newStage(t)
	if _, err := s.Find(t.Context(), record.Contact, "custom.../../nothing", text("x")); !provider.IsKind(err, provider.Unsupported) {
		t.Errorf("a field nobody has: %v", err)
	}
}
