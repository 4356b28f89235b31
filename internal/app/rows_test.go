package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/people"
	"crosswalk/internal/record"
)

func TestRowsAreListedOnTheCommandLine(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 0)
	h, a := e.houses[0], e.runs(e.connects())
	schema, err := h.definitions.Schema(t.Context(), a.Definition.Source.Connection, record.Contact)
	e.must(err)
	custom := ""
	for _, f := range schema.Fields {
		if f.Label == "Support ID" {
			custom = f.Key
		}
	}
	a.Definition.Mapping.Rows = append(a.Definition.Mapping.Rows,
		mapping.Row{ID: "r6", Sources: []string{custom}, Target: "plan", Direction: mapping.Both, Back: []mapping.Step{{Use: "trim"}}, Owner: mapping.OwnerAsk},
		mapping.Row{ID: "r7", Sources: []string{"source"}, Target: "plan", Direction: mapping.ToSource, ClearWhenEmpty: true},
		mapping.Row{ID: "r8", Sources: []string{"city"}, Target: "nothing at all", Owner: mapping.OwnerOnlyIfEmpty},
	)
	var out, beside bytes.Buffer
	e.must(h.showRows(t.Context(), &call{Streams: Streams{Out: &out, Err: &beside}}, a, false))
	for _, want := range []string{
		"r1   firstName + lastName → name: Join; HighLevel wins\n",
		"r4   companyName → companyName: as it is; HighLevel wins\n",
		"r6   " + custom + " (Support ID) ↔ plan: as it is, and back Trim; somebody is asked\n",
		"r7   source ← plan: as it is; Gleap wins, also when it is emptied\n",
		"r8   city → nothing at all: as it is; only what is empty is filled\n     ! The field “nothing at all” does not exist in the Gleap contact any more.",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the list does not say %q:\n%s", want, out.String())
		}
	}
	if beside.Len() > 0 {
		t.Errorf("beside the list: %s", beside.String())
	}
	out.Reset()
	e.must(h.showRows(t.Context(), &call{Streams: Streams{Out: &out, Err: io.Discard}}, a, true))
	lines := json.NewDecoder(&out)
	var all []rowLine
	for lines.More() {
		var line rowLine
		e.must(lines.Decode(&line))
		all = append(all, line)
	}
	if len(all) != 8 || all[6].Direction != mapping.ToSource || all[6].Owner != mapping.OwnerTarget || all[0].Direction != mapping.ToTarget || all[0].Sources[1] != "lastName" || len(all[7].Problems) != 1 {
		t.Errorf("as JSON: %+v", all)
	}
	out.Reset()
	e.must(h.showFieldsOf(t.Context(), &call{Streams: Streams{Out: &out, Err: io.Discard}}, a))
	for _, want := range []string{"HighLevel contact (source):\n", "Gleap contact (target):\n", "    email  Email: ", "  Support ID: ", "can only be read\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the fields do not say %q:\n%s", want, out.String())
		}
	}
	// Without an account they are listed all the same.
	out.Reset()
	a.Definition.Source.Connection = "cn_none"
	e.must(h.showRows(t.Context(), &call{Streams: Streams{Out: &out, Err: &beside}}, a, false))
	if !strings.Contains(out.String(), "r4   companyName → companyName") || !strings.Contains(beside.String(), "The rows could not be checked") {
		t.Errorf("without an account: %s%s", out.String(), beside.String())
	}
}

func TestRowsAreChangedOnTheCommandLine(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 0)
	h, a := e.houses[0], e.runs(e.connects())
	row := func(sources, target string, direction mapping.Direction, owner mapping.Owner) string {
		return sources + " " + arrow(direction) + " " + target + " " + string(owner)
	}
	for _, c := range []struct {
		do   rowOrders
		rows string // each row added or changed, as row says it
		err  string
	}{
		{rowOrders{add: "city=plan"}, row("city", "plan", mapping.ToTarget, mapping.OwnerSource), ""},
		{rowOrders{row: "plan", direction: "both", owner: "newest"}, row("city", "plan", mapping.Both, mapping.OwnerNewest), ""},
		{rowOrders{row: "city=plan", direction: "↔"}, "", ""}, // it does already
		{rowOrders{row: "r6", direction: "back", owner: "gleap"}, row("city", "plan", mapping.ToSource, mapping.OwnerTarget), ""},
		{rowOrders{row: "r4", direction: "back"}, row("companyName", "companyName", mapping.ToSource, mapping.OwnerTarget), ""},
		{rowOrders{row: "r4", direction: "both"}, row("companyName", "companyName", mapping.Both, mapping.OwnerTarget), ""},
		{rowOrders{remove: "city", add: "country=plan", direction: "both", owner: "ask"}, row("country", "plan", mapping.Both, mapping.OwnerAsk), ""},
		{rowOrders{add: "city=companyName", direction: "back"}, row("city", "companyName", mapping.ToSource, mapping.OwnerTarget), ""},
		{rowOrders{row: "r2", owner: "only_if_empty"}, row("email", "email", mapping.ToTarget, mapping.OwnerOnlyIfEmpty), ""},
		{rowOrders{remove: "r3"}, "", ""},

		{rowOrders{add: "city"}, "", "--add takes a field of each side"},
		{rowOrders{add: "nope=phone"}, "", "The field “nope” does not exist in the HighLevel contact."},
		{rowOrders{add: "city=nope"}, "", "The field “nope” does not exist in the Gleap contact."},
		{rowOrders{add: "city=email"}, "", "email is filled by row r2 already: --remove r2 as well"},
		{rowOrders{add: "dateAdded=phone", direction: "both"}, "", "Created can only be read, not written. Let the row lead one way."},
		{rowOrders{add: "dateAdded=phone", direction: "back"}, "", "Created can only be read, not written. Choose another field to fill."},
		{rowOrders{add: "city=phone", direction: "back"}, "", "City is filled from the Gleap contact by another row already."},
		{rowOrders{add: "city=phone", direction: "round"}, "", "--direction is forth, back or both"},
		{rowOrders{add: "source=phone", owner: "me"}, "", "--owner is highlevel, gleap, newest, only_if_empty or ask"},
		{rowOrders{add: "source=phone", row: "r2", owner: "ask"}, "", "one of them at a time"},
		{rowOrders{direction: "both"}, "", "name it with --row"},
		{rowOrders{row: "r2"}, "", "say --direction or --owner too"},
		{rowOrders{row: "phone", owner: "ask"}, "", "“phone”"},
		{rowOrders{remove: "r33"}, "", "is the id of no row"},
	} {
		a.Workspace = "ws_1"
		saved, err := h.changeRows(t.Context(), a, c.do)
		if c.err != "" {
			if want := strings.NewReplacer("“phone”", `"phone" is the id of no row`).Replace(c.err); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, want %q", c.do, err, want)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%+v: %v", c.do, err)
		}
		var changed []string
		for _, d := range automation.Diff(a.Edited().Definition, saved.Edited().Definition) {
			if r := d.After; r != nil {
				changed = append(changed, row(strings.Join(r.Sources, "+"), r.Target, r.Leads(), r.HasLastWord()))
			}
		}
		if got := strings.Join(changed, ", "); got != c.rows {
			t.Errorf("%+v: %q, want %q", c.do, got, c.rows)
		}
		a = saved
	}
	if a.Version != 1 || a.Edited().Version != 10 {
		t.Errorf("version %d is live and %d waits, want 1 and 10: one for each change, and none for what is so already", a.Version, a.Edited().Version)
	}
	acts, err := h.store.AuditEntries(t.Context(), "ws_1", people.AuditFilter{Limit: 10})
	e.must(err)
	if len(acts) == 0 || acts[0].Kind != people.AuditAutomationSave || acts[0].After != "removed Phone → Phone" || acts[0].Before != "version 9" {
		t.Errorf("the audit log says %+v", acts)
	}
	// What is lost in a transform does not come back.
	lossy := a.Edited()
	i := 0
	for lossy.Definition.Mapping.Rows[i].ID != "r2" {
		i++
	}
	lossy.Definition.Mapping.Rows[i].Steps = []mapping.Step{{Use: "shorten", With: map[string]string{"to": "3"}}}
	if _, err := h.changeRows(t.Context(), automation.Automation{ID: a.ID, Version: lossy.Version, Definition: lossy.Definition}, rowOrders{row: "r2", direction: "both"}); err == nil || !strings.Contains(err.Error(), "do not tell how a value goes back. Say in the row’s editor, on the automation’s map page") {
		t.Errorf("a row without a way back: %v", err)
	}
	// Two at once: who comes second changes nothing.
	if _, err := h.changeRows(t.Context(), a, rowOrders{row: "r2", owner: "ask"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.changeRows(t.Context(), a, rowOrders{remove: "r2"}); !errors.Is(err, engine.ErrConflict) || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("saved over somebody else's change: %v", err)
	}
	stored, err := h.store.Automation(t.Context(), a.ID)
	e.must(err)
	if r, ok := stored.Edited().Definition.Mapping.RowByID("r2"); !ok || r.Owner != mapping.OwnerAsk {
		t.Errorf("there is %+v", r)
	}
}
