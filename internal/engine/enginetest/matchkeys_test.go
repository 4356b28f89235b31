package enginetest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/record"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// externalID is HighLevel's field for the customer's own id of a person.
func externalID(t *testing.T, h *enginetest.House) string {
	t.Helper()
	schema, err := h.Clients[enginetest.HighLevelConnection].Describe(t.Context(), record.Contact)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(schema.Fields, func(f record.FieldSpec) bool { return f.Label == "Support ID" })
	return schema.Fields[i].Key
}

// byExternalID recognises people by the id of the customer's app, then by their email.
func byExternalID(field string) func(*automation.Definition) {
	return func(d *automation.Definition) {
		d.Match = []automation.MatchKey{
			{Source: "userId", Target: field, Kind: record.Text},
			{Source: "email", Target: "email", Kind: record.Email},
		}
	}
}

func custom(field, value string) []any {
	return []any{map[string]any{"id": field[len("custom."):], "value": value}}
}

func TestPeopleAreRecognisedByAnExternalID(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	field := externalID(t, h)
	h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "J.", "email": "private@example.com", "customFields": custom(field, "user-7")})
	a := h.Automation(toHighLevel, func(d *automation.Definition) {
		byExternalID(field)(d)
		d.First = automation.FillEmpty
	})
	off(t, h, a)
	h.Gleap.PersonCreatesContact(map[string]any{"name": "Jane Doe", "email": "jane@acme.io", "userId": "user-7"})
	if p := show(t, h, a, engine.ModeShow, ""); p.Tally.Matching[automation.MatchSure] != 1 {
		t.Errorf("everyone is matched as %v", p.Tally.Matching)
	}
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
	h.Poll()
	run := h.LastRun()
	if c := only(t, h); c["lastName"] != "Doe" || c["email"] != "private@example.com" {
		t.Errorf("HighLevel has %v: %s", c, run.Summary)
	}
}

// TestAnIndexThatIsLateMakesNoDouble: the id is looked up in an index, so that it names nobody proves nothing.
func TestAnIndexThatIsLateMakesNoDouble(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]twinhighlevel.Faults{
		"late":     {SearchLagMs: int(time.Hour / time.Millisecond)},
		"refused":  {CustomFilters: "refused"},
		"unheeded": {CustomFilters: "unheeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{AllowDuplicates: true})
			field := externalID(t, h)
			h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Somebody", "email": "else@example.com"})
			h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "phone": "+14155550199", "customFields": custom(field, "user-7")})
			h.HighLevel.SetFaults(fault)
			h.Automation(toHighLevel, byExternalID(field))
			// Without an email there is nothing that tells for sure.
			id := h.Gleap.PersonCreatesContact(map[string]any{"name": "Jane Doe", "phone": "+14155550133", "userId": "user-7"})
			h.Poll()
			if n := len(h.HighLevel.Contacts()); n != 2 {
				t.Fatalf("%d contacts, want the two that were there: %s", n, h.LastRun().Summary)
			}
			if r := h.LastRun(); name == "late" && (r.State != automation.Waiting || !strings.Contains(engine.Sentence(r), "It is looked for again by itself in 1 minute; and once it changes.")) {
				t.Errorf("%s: %s", r.State, engine.Sentence(r))
			}
			h.HighLevel.SetFaults(twinhighlevel.Faults{})
			if name == "late" {
				h.Later(61 * time.Second)
				h.Drain()
			} else {
				edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"companyName": "Acme"}))
				h.Poll()
			}
			if n := len(h.HighLevel.Contacts()); n != 2 || h.LastRun().State != automation.Succeeded {
				t.Errorf("%d contacts once it can be told: %s", n, h.LastRun().Summary)
			}
		})
	}
}

// TestNobodyIsLookedForWithoutEnd: after a day an index that names nobody has nobody to name, and only an edit may change
// that.
func TestNobodyIsLookedForWithoutEnd(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation(toHighLevel, byExternalID(externalID(t, h)))
	id := h.Gleap.PersonCreatesContact(map[string]any{"name": "Jane Doe", "phone": "+14155550133", "userId": "user-7"})
	h.Poll()
	for range 48 {
		h.Later(time.Hour)
		h.Drain()
	}
	r := h.LastRun()
	if r.State != automation.Failed || r.Code != "unproven" || r.Attempts != 6 || !r.NextAt.IsZero() {
		t.Fatalf("%s (%s) after %d attempts, next at %v", r.State, r.Code, r.Attempts, r.NextAt)
	}
	before := h.HighLevel.Stats().Calls + h.Gleap.Stats().Calls
	h.Later(100 * time.Hour)
	h.Drain()
	if n := h.HighLevel.Stats().Calls + h.Gleap.Stats().Calls - before; n != 0 {
		t.Errorf("%d calls more", n)
	}
	edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"email": "jane@acme.io"}))
	h.Poll()
	if n := len(h.HighLevel.Contacts()); n != 1 {
		t.Errorf("%d contacts once it can be told: %s", n, h.LastRun().Summary)
	}
}
