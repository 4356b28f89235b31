package app

import (
	"strings"
	"testing"
	"time"

	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
)

func TestFailedCallsAreKeptWithoutWhoTheySpokeOf(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	var l faultLog
	note := l.of("cn_1", func() time.Time { return at })
	for _, k := range []provider.Kind{provider.NotFound, provider.Duplicate, provider.Unsupported} {
		note(&provider.Error{Kind: k}) // says something of a record, not of the connection
	}
	if got := l.take(); len(got) != 0 {
		t.Errorf("kept %+v", got)
	}
	note(&provider.Error{Op: "update contact", Kind: provider.Invalid, Status: 422, TraceID: "trace", Detail: `email jane.doe+x@example.co.uk or phone +1 (415) 555-0133 of "Jane Doe" and “Joe” is not valid`})
	got := l.take()
	if len(got) != 1 || got[0].Connection != "cn_1" || !got[0].At.Equal(at) || got[0].Kind != "invalid" || got[0].Status != 422 || got[0].TraceID != "trace" || got[0].Op != "update contact" {
		t.Fatalf("kept %+v", got)
	}
	for _, name := range []string{"jane", "Jane", "Joe", "415", "0133", "example.co.uk"} {
		if strings.Contains(got[0].Detail, name) {
			t.Errorf("%q is in %q", name, got[0].Detail)
		}
	}
	if !strings.Contains(got[0].Detail, "is not valid") {
		t.Errorf("nothing is left of %q", got[0].Detail)
	}
	// What cannot be stored comes again, and an outage is bounded.
	l.giveBack(got)
	for range 3 * engine.FaultsKept {
		note(&provider.Error{Op: "read contact", Kind: provider.Unavailable, Detail: strings.Repeat("long ", 200)})
	}
	got = l.take()
	if len(got) != engine.FaultsKept || len(got[0].Detail) > 2*faultDetail {
		t.Errorf("%d are kept, %d bytes long", len(got), len(got[0].Detail))
	}
	if again := l.take(); len(again) != 0 {
		t.Errorf("they come twice: %d", len(again))
	}
}
