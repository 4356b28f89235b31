package server

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

// comparedStore has one comparison of everyone, whose items are found by how they stand and by what they are known by.
type comparedStore struct{ *planStore }

func (f *comparedStore) LatestPopulation(context.Context, automation.ID) (engine.Population, bool, error) {
	return f.plan, true, nil
}

func (f *comparedStore) PlanItems(_ context.Context, _ string, by engine.PlanFilter) ([]engine.PlanItem, error) {
	var out []engine.PlanItem
	for _, it := range f.items {
		known := strings.ToLower(strings.Join(append(it.Plan.KnownBy, it.Plan.SourceTitle), " "))
		if it.Position > by.After && (by.Drift == "" || it.Plan.Drift == by.Drift) && strings.Contains(known, strings.ToLower(by.Search)) &&
			(len(by.Outcomes) == 0 || slices.Contains(by.Outcomes, it.Plan.Outcome)) {
			out = append(out, it)
		}
	}
	return out, nil
}

// compared is a comparison with one record that stands in each way but doubtful, and two that differ.
func compared(t *testing.T) (*workshop, *comparedStore) {
	w := newWorkshop(t)
	plan := func(name string, o automation.Outcome, d engine.Drift) automation.Plan {
		return automation.Plan{
			Automation: w.id, Source: record.Ref{Connection: glAccount, Type: record.Contact, ID: "id-" + name}, SourceTitle: name,
			Outcome: o, Reason: "Because of " + name + ".", Drift: d, KnownBy: []string{strings.ToLower(name) + "@acme.io"},
		}
	}
	kept, moved := plan("Kept", automation.Same, engine.Differs), plan("Moved", automation.Update, engine.Differs)
	kept.AgreedAt = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	kept.Apart = []string{"phone"}
	kept.Fields = []automation.FieldPlan{
		{Row: "r1", Field: "phone", Label: "Phone", Kind: record.Text, Side: automation.TargetSide, Action: automation.Keep, Code: "target_moved",
			Reason: "Changed in the HighLevel contact since.", Before: record.TextOf("+4179"), After: record.TextOf("+4179"), Offered: record.TextOf("+4178")},
		{Row: "r2", Field: "email", Label: "Email", Kind: record.Text, Side: automation.TargetSide, Action: automation.Keep, Code: "same", Before: record.TextOf("kept@acme.io"), After: record.TextOf("kept@acme.io")},
	}
	st := &comparedStore{planned(w, plan("Agreed", automation.Same, engine.InSync), kept, moved, plan("Here", automation.Create, engine.OnlyHere),
		plan("There", automation.Skip, engine.OnlyThere), plan("Let alone", automation.Skip, engine.Apart))}
	st.plan.State, st.plan.Mode = engine.PopulationDone, engine.ModeShow
	st.plan.Tally = engine.Tally{
		Drift:  map[engine.Drift]int{engine.InSync: 1, engine.Differs: 2, engine.OnlyHere: 1, engine.OnlyThere: 1, engine.Apart: 1},
		Fields: map[string]int{"Phone": 1}, Kept: map[string]int{"Phone": 1},
	}
	w.keepsIn(st)
	w.Providers = tenASecond{}
	return w, st
}

// file is what a link to one leads to.
func (w *workshop) file(path string) string {
	w.t.Helper()
	r, rec := newGet(path), httptest.NewRecorder()
	r.AddCookie(w.cookie)
	if w.ServeHTTP(rec, r); rec.Code != http.StatusOK {
		w.t.Fatalf("%s answers %d", path, rec.Code)
	}
	return rec.Body.String()
}

func TestEachCountOfTheDriftPageLeadsToItsOwnRecords(t *testing.T) {
	t.Parallel()
	w, _ := compared(t)
	p := w.open("/drift").is(http.StatusOK)
	p.says("tbody th", "Phone").says("tbody td:nth-child(2)", "1").says("tbody td:nth-child(3)", "1")
	for i, way := range []struct {
		says  string
		names []string
	}{
		{"1 in sync", []string{"Agreed"}}, {"2 differ", []string{"Kept", "Moved"}}, {"1 only in Gleap", []string{"Here"}},
		{"1 only in HighLevel", []string{"There"}}, {"0 doubtful", nil}, {"1 left alone", []string{"Let alone"}},
	} {
		p.says(fmt.Sprintf(".tally li:nth-child(%d)", i+1), way.says)
		href, _ := p.Find(".tally a").Eq(i).Attr("href")
		list := w.open(href).is(http.StatusOK)
		var names []string
		for _, name := range list.Find(".record-name").EachIter() {
			names = append(names, strings.TrimSpace(name.Text()))
		}
		if !slices.Equal(names, way.names) {
			t.Errorf("%s lists %v, want %v", href, names, way.names)
		}
	}
}

func TestTheDriftPageSaysHowManyWebhooksNeverCame(t *testing.T) {
	t.Parallel()
	w, st := compared(t)
	for n, words := range map[int]string{
		1: "1 change was made more than ten minutes before, and no webhook told of it. Polling or this comparison found it.",
		2: "2 changes were made more than ten minutes before, and no webhook told of them. Polling or this comparison found them.",
	} {
		st.plan.Missed = n
		w.open("/drift").is(http.StatusOK).says("main", words)
	}
}

func TestWhatIsLeftApartIsHealedThroughAPlan(t *testing.T) {
	t.Parallel()
	w, st := compared(t)
	heal := "input[name=heal][value=yes]"
	if w.open("/drift").Find("form[action='/automations/"+string(w.id)+"/plans'] "+heal).Length() != 1 {
		t.Error("the drift page offers no plan to heal what is left")
	}
	w.post("/plans", form("scope", "all", "heal", "yes")).is(http.StatusSeeOther)
	made := st.populations[len(st.populations)-1]
	if made.Of != engine.Healing || made.Mode != engine.ModeShow {
		t.Errorf("it made %+v", made)
	}
	st.plan.Of, st.plan.Counts = engine.Healing, map[automation.Outcome]int{automation.Update: 2}
	p := w.open("/plans/pl_1").is(http.StatusOK).says("h1", "Heal: ").says("#apply-form", "are written over")
	if p.Find(".head "+heal).Length() != 1 {
		t.Error("running it again would not heal")
	}
	st.plan.Tally.Kept = nil
	if w.open("/drift").Find(heal).Length() != 0 {
		t.Error("there is nothing left to heal, and a plan for it is offered")
	}
}

func TestAKeptDifferenceSaysWhichFieldSinceWhenAndWhy(t *testing.T) {
	t.Parallel()
	w, _ := compared(t)
	p := w.open("/plans/pl_1?drift=differs").is(http.StatusOK)
	p.says("#records-title", "Records: differ")
	p.says("tbody tr:nth-child(1) dt", "Phone").says("tbody tr:nth-child(1) .change", "stays: +4179 ≠ the other side has: +4178")
	p.says("tbody tr:nth-child(1) dd", "Changed in the HighLevel contact since.")
	p.says("tbody tr:nth-child(1)", "2 Mar 2026, 09:30 UTC")
	if words := p.words("tbody tr:nth-child(1)"); strings.Contains(words, "Email") {
		t.Errorf("a field that agrees is listed: %s", words)
	}
	if words := p.words("tbody tr:nth-child(2)"); strings.Contains(words, "agreed") {
		t.Errorf("two that never agreed: %s", words)
	}
}

func TestAPlanIsSearchedByEmailAndItsLinksAndFilesKeepToIt(t *testing.T) {
	t.Parallel()
	w, _ := compared(t)
	p := w.open("/plans/pl_1?drift=differs&q=KEPT%40acme").is(http.StatusOK)
	if n := p.Find("tbody tr").Length(); n != 1 {
		t.Fatalf("%d records, want one", n)
	}
	if href, _ := p.Find(".tally a").First().Attr("href"); !strings.Contains(href, "q=KEPT%40acme") {
		t.Errorf("a count leads to %s, and forgets what was searched for", href)
	}
	files := p.Find(".exports a")
	href, _ := files.Eq(0).Attr("href")
	rows, err := csv.NewReader(strings.NewReader(w.file(href))).ReadAll()
	ok(t, err)
	if len(rows) != 2 {
		t.Fatalf("the CSV has %v", rows)
	}
	of := map[string]string{}
	for i, name := range rows[0] {
		of[strings.TrimPrefix(name, "\ufeff")] = rows[1][i]
	}
	for name, want := range map[string]string{
		"record": "Kept", "field": "Phone", "reason": "Changed in the HighLevel contact since.", "drift": "differs",
		"last agreed": "2026-03-02T09:30:00Z", "other side has": "'+4178",
	} {
		if of[name] != want {
			t.Errorf("%s is %q, want %q", name, of[name], want)
		}
	}
	href, _ = files.Eq(1).Attr("href")
	var plans []automation.Plan
	ok(t, json.Unmarshal([]byte(w.file(href)), &plans))
	if len(plans) != 1 || plans[0].SourceTitle != "Kept" || plans[0].Drift != engine.Differs || plans[0].AgreedAt.IsZero() {
		t.Errorf("the JSON has %+v", plans)
	}
}

func TestAComparisonOfBeforeSaysWhyItsRecordsAreNotListed(t *testing.T) {
	t.Parallel()
	w, st := compared(t)
	st.items = nil
	w.open("/plans/pl_1?drift=differs").is(http.StatusOK).says(".empty", "Compare again")
}
