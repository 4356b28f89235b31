package enginetest_test

import (
	"fmt"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// linkedOnly are three pairs that a plan has linked, and written nothing.
func linkedOnly(t *testing.T) (*enginetest.House, automation.Automation, engine.Population) {
	t.Helper()
	h := enginetest.New(t, enginetest.Options{})
	a := h.TwoWays(nil)
	off(t, h, a)
	for i := range 3 {
		email := fmt.Sprintf("p%d@acme.io", i)
		h.Gleap.PersonCreatesContact(map[string]any{"name": fmt.Sprintf("Pat P%d", i), "email": email})
		h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Pat", "lastName": fmt.Sprintf("P%d", i), "email": email})
	}
	p, results := carryOut(t, h, show(t, h, a, engine.ModeShow, ""), engine.Choice{Outcomes: []automation.Outcome{automation.Linked}})
	if n := links(t, h, a); n != 3 || results[engine.ItemDone] != 3 || p.Counts[automation.Linked] != 3 {
		t.Fatalf("%d links, results %v of %v", n, results, p.Counts)
	}
	return h, a, p
}

func links(t *testing.T, h *enginetest.House, a automation.Automation) int {
	t.Helper()
	all, err := h.Store.PairsOf(t.Context(), a.Definition.Source, a.Definition.Target, "", 100)
	edit(t, err)
	return len(all)
}

func TestAPlanThatOnlyLinkedIsTakenBackAsAWhole(t *testing.T) {
	t.Parallel()
	h, a, p := linkedOnly(t)
	of := engine.Undo{Kind: "plan", ID: p.ID, Created: engine.CreatedUnlink}
	if by, ok, err := of.By(t.Context(), h.Store); err != nil || !ok || by != a.ID {
		t.Fatalf("%s, %v, %v", by, ok, err)
	}
	before := writes(h)
	undo := show(t, h, a, engine.ModeUndo, of.String())
	if undo.Counts[automation.Linked] != 3 || links(t, h, a) != 3 {
		t.Fatalf("shown %v, %d links", undo.Counts, links(t, h, a))
	}
	undo, results := carryOut(t, h, undo, engine.Choice{})
	if results[engine.ItemDone] != 3 || undo.Written != 3 || links(t, h, a) != 0 || writes(h) != before {
		t.Errorf("results %v, %d links", results, links(t, h, a))
	}
	// All is as it was: it can be shown, and linked, anew.
	if again := show(t, h, a, engine.ModeShow, ""); again.Counts[automation.Linked] != 3 {
		t.Errorf("shown anew: %v", again.Counts)
	}
	if again := show(t, h, a, engine.ModeUndo, of.String()); again.Counts[automation.Same] != 3 {
		t.Errorf("taken back twice: %v", again.Counts)
	}
}

// A link that something rests on stays, be it that it came to that after the undo was shown.
func TestALinkAcrossWhichSomethingWasCarriedStays(t *testing.T) {
	t.Parallel()
	h, a, p := linkedOnly(t)
	of := engine.Undo{Kind: "plan", ID: p.ID, Created: engine.CreatedUnlink}.String()
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
	carried := func(i int) {
		c := h.HighLevel.Contacts()[i]
		edit(t, h.HighLevel.PersonEditsContact(fmt.Sprint(c["id"]), map[string]any{"companyName": "Carried"}))
		h.Tell(record.Ref{Connection: enginetest.HighLevelConnection, Type: record.Contact, ID: fmt.Sprint(c["id"])}, provider.Updated)
	}
	carried(0)
	undo := show(t, h, a, engine.ModeUndo, of)
	if undo.Counts[automation.Linked] != 2 || undo.Counts[automation.Skip] != 1 {
		t.Errorf("shown: %v", undo.Counts)
	}
	carried(1)
	_, results := carryOut(t, h, undo, engine.Choice{})
	if results[engine.ItemDone] != 1 || results[engine.ItemMoved] != 1 || links(t, h, a) != 2 {
		t.Errorf("results %v, %d links", results, links(t, h, a))
	}
}

func TestTakingLinksBackThatDiedIsToldAsItWas(t *testing.T) {
	t.Parallel()
	h, a, p := linkedOnly(t)
	undo := show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "plan", ID: p.ID, Created: engine.CreatedUnlink}.String())
	edit(t, h.Store.ApplyPopulation(t.Context(), undo.ID, engine.Choice{}))
	crashed(t, h, undo.ID)
	results, err := h.Store.ResultCounts(t.Context(), undo.ID)
	if err != nil || results[engine.ItemDone] != 3 || links(t, h, a) != 0 {
		t.Errorf("results %v, %v, %d links", results, err, links(t, h, a))
	}
}
