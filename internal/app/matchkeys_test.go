package app

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

func TestMatchKeysAreChangedOnTheCommandLine(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 0)
	h, a := e.houses[0], e.runs(e.connects())
	var out bytes.Buffer
	e.must(h.showKeyFields(t.Context(), &call{Streams: Streams{Out: &out, Err: io.Discard}}, a))
	for _, want := range []string{"Gleap contact (target):", "    userId  User ID\n", "HighLevel contact (source):", "  Support ID\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the fields do not say %q:\n%s", want, out.String())
		}
	}
	schema, err := h.definitions.Schema(t.Context(), a.Definition.Source.Connection, record.Contact)
	e.must(err)
	external := schema.Fields[slices.IndexFunc(schema.Fields, func(f record.FieldSpec) bool { return f.Label == "Support ID" })].Key
	for _, c := range []struct {
		do        keyOrders
		keys, err string
	}{
		{keyOrders{add: external + "=userId"}, "email = email, then " + external + " = userId", ""},
		{keyOrders{first: external + "=userId"}, external + " = userId, then email = email", ""},
		{keyOrders{first: external + "=userId"}, external + " = userId, then email = email", ""},
		{keyOrders{add: "userId"}, "", "--add takes a field of each side"},
		{keyOrders{add: "nobody has=userId"}, "", "“nobody has” does not exist in the HighLevel contact"},
		{keyOrders{add: "tags=userId"}, "", "Tags tells nobody apart"},
		{keyOrders{add: "email=companyName"}, "", "cannot be looked up by Company"},
		{keyOrders{first: "phone=phone"}, "", "--add it"},
		{keyOrders{remove: "phone=phone"}, "", "--remove: it is not recognised by phone=phone"},
		{keyOrders{add: "phone=phone", remove: "email=email", first: "phone=phone"}, "phone = phone, then " + external + " = userId", ""},
		{keyOrders{remove: "phone=phone"}, external + " = userId", ""},
		{keyOrders{remove: external + "=userId"}, "", "a second one would be made"},
	} {
		a.Workspace = "ws_1"
		saved, err := h.changeKeys(t.Context(), a, c.do)
		switch {
		case c.err == "" && (err != nil || saved.Edited().Definition.KeyWords() != c.keys):
			t.Fatalf("%+v: %s, %v", c.do, saved.Edited().Definition.KeyWords(), err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%+v: %v, want %q", c.do, err, c.err)
		case c.err == "":
			a = saved
		}
	}
	if a.Version != 1 || a.Edited().Version != 5 {
		t.Errorf("version %d is live and %d waits, want 1 and 5: one for each change, and none for what is so already", a.Version, a.Edited().Version)
	}
	acts, err := h.store.AuditEntries(t.Context(), "ws_1", people.AuditFilter{Limit: 10})
	e.must(err)
	if len(acts) == 0 || acts[0].Kind != people.AuditAutomationSave || !strings.Contains(acts[0].After, "no longer recognise by phone as phone") {
		t.Errorf("the audit log says %+v", acts)
	}
	out.Reset()
	e.must(h.showDiff(t.Context(), &call{Streams: Streams{Out: &out, Err: io.Discard}}, a, "1,5"))
	if want := "~ match: email = email → " + external + " = userId\n"; out.String() != want {
		t.Errorf("the difference says %q, want %q", out.String(), want)
	}
	// Somebody else saved meanwhile: nothing is written over it.
	old := a
	old.Next = &automation.NextVersion{Number: 2, Definition: a.Next.Definition}
	if _, err := h.changeKeys(t.Context(), old, keyOrders{add: "email=email"}); err == nil {
		t.Error("it was saved over somebody else's change")
	}
	out.Reset()
	e.must(h.putLive(t.Context(), &call{Streams: Streams{Out: &out, Err: io.Discard}}, a))
	if a, err = h.store.Automation(t.Context(), a.ID); err != nil || a.Version != 5 || a.Next != nil || out.String() != "Version 5 is live, and counts from the next event.\n" {
		t.Errorf("live is version %d, %v: %s", a.Version, err, out.String())
	}
	broken := a.Definition
	broken.Match = nil
	a, err = h.store.SaveEdit(t.Context(), a.ID, a.Version, broken, "", "")
	e.must(err)
	if err := h.putLive(t.Context(), &call{Streams: Streams{Out: io.Discard}}, a); err == nil || !strings.Contains(err.Error(), "version 6 is not put live: Nothing tells whether") {
		t.Errorf("what makes doubles is put live: %v", err)
	}
	_, err = h.changeKeys(t.Context(), automation.Automation{Definition: automation.Definition{Source: automation.Endpoint{Provider: provider.ID("gleap"), Connection: "cn_none"}}}, keyOrders{add: "a=b"})
	if err == nil || !strings.Contains(err.Error(), "ask the accounts which fields there are") {
		t.Errorf("without an account: %v", err)
	}
}

// What a version looks at for the first time is looked at from when it is put live, however long ago somebody else stopped.
func TestPuttingAVersionLiveLooksFromNowAtWhatIsNew(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 0)
	h, a := e.houses[0], e.runs(e.connects())
	long := time.Now().Add(-30 * 24 * time.Hour)
	ends := []automation.Endpoint{a.Definition.Source, a.Definition.Target}
	for _, end := range ends {
		e.must(h.store.SavePollCursor(t.Context(), engine.PollCursor{Connection: end.Connection, Object: end.Object, Since: long}))
	}
	next := a.Definition
	next.Mapping.Rows = slices.Clone(next.Mapping.Rows)
	for i := range next.Mapping.Rows {
		next.Mapping.Rows[i].Direction = mapping.Both
	}
	a, err := h.store.SaveEdit(t.Context(), a.ID, a.Version, next, "", "")
	e.must(err)
	before := time.Now()
	e.must(h.putLive(t.Context(), &call{Streams: Streams{Out: io.Discard}}, a))
	for i, anew := range []bool{false, true} {
		cursor, _, err := h.store.PollCursor(t.Context(), ends[i].Connection, ends[i].Object)
		e.must(err)
		if now := !cursor.Since.Before(before.Truncate(time.Second)); now != anew {
			t.Errorf("%s %s is looked at from %v on", ends[i].Provider, ends[i].Object, cursor.Since)
		}
	}
}
