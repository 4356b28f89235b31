package enginetest_test

import (
	"slices"
	"testing"
	"time"

	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/record"
)

// TestAnEditIsNotWrittenOverByAPlanThoughTheProvidersClockIsLate: no webhook tells of it, and the provider dates it
// minutes before we ask what changed.
func TestAnEditIsNotWrittenOverByAPlanThoughTheProvidersClockIsLate(t *testing.T) {
	t.Parallel()
	h, a := peopled(t, nil)
	h.Later(90 * time.Second) // the twins keep their clock
	p := show(t, h, a, engine.ModeShow, "")
	h.Populations.AtOnce, h.Populations.Chunk = 1, 1
	both := []string{"g0@acme.io", "g1@acme.io", "g2@acme.io", "g3@acme.io", "g4@acme.io"}
	edited, n := "", 0
	wrote := func(do func() (record.Record, error)) (record.Record, error) {
		r, err := do()
		if n++; n == 3 {
			all := h.Gleap.Sessions()
			i := slices.IndexFunc(all, func(s map[string]any) bool { // whose turn is still to come
				return slices.Contains(both, s["email"].(string)) && s["companyName"] == nil
			})
			edited = all[i]["_id"].(string)
			edit(t, h.Gleap.PersonEditsContact(edited, map[string]any{"companyName": "Typed"}))
		}
		if n <= 3 {
			h.Later(31 * time.Second) // until the next look
		}
		return r, err
	}
	h.Clients[enginetest.GleapConnection] = meddled{
		Client: h.Clients[enginetest.GleapConnection], create: wrote,
		update: func(_ record.Ref, do func() (record.Record, error)) (record.Record, error) { return wrote(do) },
	}
	_, results := carryOut(t, h, p, engine.Choice{})
	for _, s := range h.Gleap.Sessions() {
		if s["_id"] == edited && s["companyName"] != "Typed" {
			t.Errorf("the edit was written over with %v", s["companyName"])
		}
	}
	if results[engine.ItemMoved] != 1 || results[engine.ItemDone] != 19 {
		t.Errorf("results %v", results)
	}
}
