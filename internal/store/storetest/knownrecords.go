package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

// known finishes a run that has read a record's name, email and phone number.
func (b *bundle) known(t testing.TB, id, title, email, phone string) {
	t.Helper()
	r := b.run("rn_"+fmt.Sprint(b.now.UnixMicro(), "_", id), contact(id))
	r.State, r.Outcome, r.Title, r.FinishedAt = automation.Succeeded, automation.Same, title, b.now
	if r.Steps = nil; email+phone == "" { // nothing moved, so there is no plan
		ok(t, b.Finish(t.Context(), engine.Finish{Run: r}))
		return
	}
	r.Steps = []automation.Step{{Kind: automation.StepPlan, At: b.now, Plan: &automation.Plan{Fields: []automation.FieldPlan{
		{Field: "email", Kind: record.Email, Action: automation.Keep, Before: record.TextOf(email)},
		{Field: "phone", Kind: record.Phone, Action: automation.Set, Before: record.TextOf("old"), After: record.TextOf(phone)},
		{Field: "plan", Kind: record.Text, After: record.TextOf("platinum")},
	}}}}
	ok(t, b.Finish(t.Context(), engine.Finish{Run: r}))
}

// finds is who is found, by id, sorted.
func (b *bundle) finds(t testing.TB, q string, limit int) []string {
	t.Helper()
	hits, err := b.FindRecords(t.Context(), q, limit)
	ok(t, err)
	ids := []string{}
	for _, h := range hits {
		ids = append(ids, h.Record.ID)
	}
	slices.Sort(ids)
	return ids
}

// testKnownRecords looks for records whose history is gone: what is found then is what is known of them, and not what the
// last runs say.
func testKnownRecords(t *testing.T, b *bundle) {
	ctx := t.Context()
	now := b.now
	b.now = now.Add(-100 * 24 * time.Hour)
	link := func(id string) {
		r := b.run("rn_link_"+id, contact(id))
		r.Title, r.State = id, automation.Succeeded
		ok(t, b.Finish(ctx, engine.Finish{Run: r, Link: &automation.Link{ID: "ln_" + id, Source: contact(id), Target: counterpart("h-" + id), CreatedAt: b.now}}))
	}
	for _, id := range []string{"g1", "g2", "g3"} {
		link(id)
	}
	b.known(t, "g1", "Zoë Müller-Lüdenscheidt", "zoe.m@example.com", "+1 (415) 555-2671")
	b.known(t, "g2", "Zack 100% Sure_thing", "zack@example.org", "+442079460018")
	b.known(t, "g3", "Jane Doe", "jane@example.com", "555-1000")
	b.now = b.now.Add(time.Minute)
	b.known(t, "g3", "Jane Roe", "", "")
	b.known(t, "g4", "Zed Forgotten", "zed@example.com", "") // nobody is linked with him
	b.now = now
	b.finish(t, "rn-new", func(r *automation.Run) { r.Title = "Somebody" })
	ok(t, b.Prune(ctx, now.Add(-90*24*time.Hour), now))
	if runs, err := b.Runs(ctx, engine.RunFilter{}); err != nil || len(runs) != 1 {
		t.Fatalf("history is left: %v, %v", ids(runs), err)
	}
	for q, want := range map[string][]string{
		"zoe":                    {"g1"},
		"ZOË":                    {"g1"},
		"mull":                   {"g1"},
		"ludenscheidt zo":        {"g1"},
		"zoe.m@example.com":      {"g1"},
		"zoe.m@EXAMPLE":          {"g1"},
		"415 555":                {"g1"}, // a number that was begun
		"415-555-2":              {"g1"},
		"+14155552671":           {"g1"},
		"(415) 555-2671":         {"g1"},
		"z":                      {"g1", "g2"},
		"100%":                   {"g2"},
		"sure_thing":             {"g2"},
		"z%":                     {"g1", "g2"}, // a sign is no word
		"zo_":                    {"g1"},
		"_":                      {},
		"%":                      {},
		"oe":                     {},
		"jane roe":               {"g3"},
		"jane doe":               {},
		"jane@example.com":       {"g3"}, // still known, though the last run did not read it
		"zoe zack":               {},
		"example":                {"g1", "g2", "g3"},
		"platinum":               {},
		"zed":                    {}, // pruned
		"'; DROP TABLE runs; --": {},
	} {
		if got := b.finds(t, q, 10); !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v", q, got, want)
		}
	}
	if hits, err := b.FindRecords(ctx, "example", 2); err != nil || len(hits) != 2 || hits[0].Title != "Jane Roe" || hits[0].Counterparts[0] != counterpart("h-g3") {
		t.Errorf("of two: %+v, %v", hits, err)
	}
	if titles, err := b.RecordTitles(ctx, []record.Ref{contact("g1"), contact("nobody")}); err != nil || len(titles) != 1 || titles[contact("g1")] != "Zoë Müller-Lüdenscheidt" {
		t.Errorf("titles %v, %v", titles, err)
	}
	if hits, err := b.In("ws_elsewhere").FindRecords(ctx, "zoe", 10); err != nil || len(hits) != 0 {
		t.Errorf("another workspace finds %+v, %v", hits, err)
	}
	if _, err := b.ErasePersonalData(ctx, contact("g1"), nil); err != nil {
		t.Fatal(err)
	}
	if got := b.finds(t, "zoe", 10); len(got) != 0 || b.count(t, "known_records WHERE record = 'g1'")+b.count(t, "record_words WHERE record = 'g1'") != 0 {
		t.Errorf("after erasing %v is found", got)
	}
}
