package enginetest_test

import (
	"fmt"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/mapping"
)

// A run between a person's edit and the source's next change must not make the edit look agreed to: the base that
// is stored has to stand still where the two sides stay apart.
func TestAPersonsEditOutlastsRunsAboutOtherFields(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation(toHighLevel, func(d *automation.Definition) {
		for i := range d.Mapping.Rows {
			d.Mapping.Rows[i].Owner = mapping.OwnerTarget
		}
	})
	id := h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	c := only(t, h)
	edit := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	edit(h.HighLevel.PersonEditsContact(fmt.Sprint(c["id"]), map[string]any{"companyName": "Acme International"}))
	edit(h.Gleap.PersonEditsContact(id, map[string]any{"name": "Jane Dough"}))
	h.Poll()
	for _, company := range []string{"Acme Ltd", "Acme plc"} {
		edit(h.Gleap.PersonEditsContact(id, map[string]any{"companyName": company}))
		h.Poll()
		c = only(t, h)
		if c["companyName"] != "Acme International" || c["lastName"] != "Dough" {
			t.Fatalf("company %v, last name %v, after a run that ended: %s", c["companyName"], c["lastName"], h.LastRun().Summary)
		}
	}
	// Once the source agrees, its changes are carried again.
	edit(h.Gleap.PersonEditsContact(id, map[string]any{"companyName": "Acme International"}))
	h.Poll()
	edit(h.Gleap.PersonEditsContact(id, map[string]any{"companyName": "Acme Worldwide"}))
	h.Poll()
	if got := only(t, h)["companyName"]; got != "Acme Worldwide" {
		t.Errorf("company %v", got)
	}
}
