package server

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

func twoWay(d *automation.Definition) {
	row, _ := d.Mapping.RowFor("companyName")
	row.Direction = mapping.Both
	d.Mapping = d.Mapping.Replace(row)
}

func TestPoliciesAreSavedAsAVersion(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		twoWay bool
		form   url.Values
		want   automation.Definition // its policies
		says   string
	}{
		{"as cautious as can be", false, form("first", "link_only", "deletes", ""), automation.Definition{First: automation.LinkOnly}, "No HighLevel contact is ever created."},
		{"everything", true, form("create", "true", "create-source", "true", "update", "true", "first", "fill_empty", "deletes", "unlink"),
			automation.Definition{Create: true, CreateSource: true, Update: true, First: automation.FillEmpty, Deletes: automation.Deletes{Policy: automation.DeleteUnlink}}, "A Gleap contact is created where there is none."},
		{"one way, nothing is made in the source", false, form("create", "true", "create-source", "true", "first", "", "deletes", ""),
			automation.Definition{Create: true}, "each row decides by who wins."},
		{"mark", false, form("update", "true", "first", "", "deletes", "mark", "mark-field", "tags", "mark-source-field", "customData.plan", "mark-value", " gone "),
			automation.Definition{Update: true, Deletes: automation.Deletes{Policy: automation.DeleteMark, Field: "tags", SourceField: "customData.plan", Value: "gone"}}, "marked with “gone” in Tags or in front of Plan."},
		{"delete", false, form("update", "true", "first", "", "deletes", "delete"),
			automation.Definition{Update: true, Deletes: automation.Deletes{Policy: automation.DeleteDelete}}, "When a record is deleted in Gleap, the one in HighLevel is deleted too, which cannot be undone; what is deleted in HighLevel stays in Gleap."},
		{"delete both ways", true, form("update", "true", "first", "", "deletes", "delete"),
			automation.Definition{Update: true, Deletes: automation.Deletes{Policy: automation.DeleteDelete}}, "When a record is deleted, the other one is deleted too, which cannot be undone."},
		{"delete the original with its copy", false, form("update", "true", "first", "", "deletes", "delete", "deleted-on", "anywhere"),
			automation.Definition{Update: true, Deletes: automation.Deletes{Policy: automation.DeleteDelete, On: automation.DeletedAnywhere}}, "When a record is deleted, the other one is deleted too, which cannot be undone."},
		{"delete the copy only, both ways", true, form("update", "true", "first", "", "deletes", "delete", "deleted-on", "target"),
			automation.Definition{Update: true, Deletes: automation.Deletes{Policy: automation.DeleteDelete, On: automation.DeletedOnTarget}}, "When a record is deleted in HighLevel, the one in Gleap is deleted too, which cannot be undone; what is deleted in Gleap stays in HighLevel."},
		{"mark on one side", false, form("update", "true", "first", "", "deletes", "mark", "deleted-on", "source", "mark-field", "tags", "mark-value", "gone"),
			automation.Definition{Update: true, Deletes: automation.Deletes{Policy: automation.DeleteMark, On: automation.DeletedOnSource, Field: "tags", Value: "gone"}}, "When a record is deleted in Gleap, the one in HighLevel is marked with “gone” in Tags; what is deleted in HighLevel changes nothing in Gleap."},
		{"mark what people write", true, form("update", "true", "first", "", "deletes", "mark", "deleted-on", "source", "mark-field", "firstName", "mark-value", "gone"),
			automation.Definition{Update: true, Deletes: automation.Deletes{Policy: automation.DeleteMark, On: automation.DeletedOnSource, Field: "firstName", Value: "gone"}}, "is marked with “gone” in front of First name;"},
		{"nothing that counts on one side", false, form("update", "true", "first", "", "deletes", "unlink", "deleted-on", "target"),
			automation.Definition{Update: true, Deletes: automation.Deletes{Policy: automation.DeleteUnlink}}, "the other one is unlinked and left alone."},
		{"limits", false, form("update", "true", "first", "", "deletes", "", "changes", "1,200", "deletes-limit", "3", "deletes-limit-none", "true", "share", "12"),
			automation.Definition{Update: true, Limits: automation.Limits{ChangesPerHour: 1200, DeletesPerHour: -1, Share: 12}}, "beyond 1,200 changes an hour, no limit of deletes an hour, or 12% of everyone"},
		{"saving calls", false, form("update", "true", "first", "", "deletes", "", "save-calls", "true"), automation.Definition{Update: true, SaveCalls: true}, "It saves calls: it writes without looking at the HighLevel contact first."},
		{"saving calls where rows lead back", true, form("update", "true", "first", "", "deletes", "", "save-calls", "true"), automation.Definition{Update: true}, "updated"},
	}
	policies := cmpopts.IgnoreFields(automation.Definition{}, "Source", "Target", "Trigger", "Rule", "Mapping", "Match", "Region")
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			w.canDelete()
			if tc.twoWay {
				w.edit(twoWay)
			}
			if shown := w.get("/live").Find("#policy-create-source").Length() == 1; shown != tc.twoWay {
				t.Errorf("to create in the source is offered: %t", shown)
			}
			w.post("/policies", tc.form).is(http.StatusSeeOther)
			if diff := cmp.Diff(tc.want, w.now().Definition, policies); diff != "" || w.now().Version != 2 {
				t.Errorf("version %d, -want +got:\n%s", w.now().Version, diff)
			}
			w.get("/live").says("#policies", tc.says)
			// What the form shows, sent again, changes nothing.
			w.post("/policies", w.filledIn("#policies-form form")).is(http.StatusSeeOther)
			if v := w.now().Version; v != 2 {
				t.Errorf("the form as it was shown made version %d", v)
			}
		})
	}
}

func TestAMarkSaysWhatItDoesToAField(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	for field, does := range map[string]string{"tags": "(added)", "firstName": "(put in front of the text)", "score": "(what it holds is replaced)"} {
		if says := w.get("/live").Find("#mark-field option[value='" + field + "']").Text(); !strings.Contains(says, does) {
			t.Errorf("%s: %q, want %s", field, says, does)
		}
	}
}

// canDelete lets both providers delete contacts, as the real ones do.
func (w *workshop) canDelete() {
	for id, d := range w.Descriptors {
		d.Objects[0].Delete = true
		w.Descriptors[id] = d
	}
}

// filledIn is what a browser would send of a form on the live page.
func (w *workshop) filledIn(selector string) url.Values {
	w.t.Helper()
	out := url.Values{}
	f := w.get("/live").is(http.StatusOK).Find(selector)
	if f.Length() != 1 {
		w.t.Fatalf("%d forms at %s", f.Length(), selector)
	}
	for _, n := range f.Find("input").EachIter() {
		kind := n.AttrOr("type", "")
		_, checked := n.Attr("checked")
		if kind != "checkbox" && kind != "radio" || checked {
			out.Add(n.AttrOr("name", ""), n.AttrOr("value", ""))
		}
	}
	for _, n := range f.Find("select").EachIter() {
		out.Add(n.AttrOr("name", ""), n.Find("option[selected]").AttrOr("value", ""))
	}
	return out
}

func TestAPolicyThatCannotBeIsShownAgainAndNothingIsSaved(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		form  url.Values
		where string
		words string
	}{
		{"first meeting nobody knows", form("first", "shout", "deletes", ""), "main", "Choose what becomes of records that differ."},
		{"delete policy nobody knows", form("first", "", "deletes", "burn"), "main", "Choose what becomes of the counterpart"},
		{"delete where nobody can", form("first", "", "deletes", "delete"), "main", "Neither account lets its records be deleted"},
		{"deletions on a side nobody knows", form("first", "", "deletes", "mark", "deleted-on", "moon", "mark-field", "tags", "mark-value", "gone"), "main", "Choose which deletions count"},
		{"mark without a field", form("first", "", "deletes", "mark", "mark-value", "gone"), "#mark-field-error", "Choose a field that can be written."},
		{"mark in a field to read", form("first", "", "deletes", "mark", "mark-field", "dateAdded", "mark-value", "gone"), "#mark-field-error", "Choose a field that can be written."},
		{"mark in a source field that is gone", form("first", "", "deletes", "mark", "mark-field", "tags", "mark-source-field", "nope", "mark-value", "gone"), "#mark-source-field-error", "Choose a field that can be written."},
		{"mark with nothing", form("first", "", "deletes", "mark", "mark-field", "tags", "mark-value", "  "), "#mark-value-error", "Type what to mark it with."},
		{"mark with too much", form("first", "", "deletes", "mark", "mark-field", "tags", "mark-value", strings.Repeat("x", 201)), "#mark-value-error", "at most 200"},
		{"mark a number with a word", form("first", "", "deletes", "mark", "mark-field", "score", "mark-value", "gone"), "#mark-value-error", "Score does not hold this"},
		{"limit in words", form("first", "", "deletes", "", "changes", "many"), "#limit-changes-error", "whole number"},
		{"limit of nothing", form("first", "", "deletes", "", "deletes-limit", "0"), "#limit-deletes-limit-error", "whole number"},
		{"more than everyone", form("first", "", "deletes", "", "share", "101"), "#limit-share-error", "from 1 to 100"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			p := w.post("/policies", tc.form).is(http.StatusUnprocessableEntity).says(tc.where, tc.words)
			if p.Find("#policies-form[open]").Length() != 1 {
				t.Error("the form is not open")
			}
			if v := w.now().Version; v != 1 {
				t.Errorf("version %d was saved", v)
			}
		})
	}
}

func TestPoliciesOfTwoTabsMeetTheLock(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.secondTab()
	p := w.post("/policies", form("version", "1", "update", "true", "first", "link_only", "deletes", "")).is(http.StatusConflict)
	p.says(".conflict", "City is made from Plan").says(".conflict", "they are linked and nothing is written").says(".conflict", "No HighLevel contact is ever created")
	w.post("/policies", chosen(p)).is(http.StatusSeeOther)
	d := w.now().Definition
	if _, theirs := d.Mapping.RowFor("city"); !theirs || d.First != automation.LinkOnly {
		t.Error("saving mine over it did not keep both changes")
	}
}

const brakeWhy = "This automation has reached its limit of 3 changes an hour, so it is paused."

func (w *workshop) brakes(limit int) {
	w.t.Helper()
	w.edit(func(d *automation.Definition) { d.Limits.ChangesPerHour = limit })
	ok(w.t, w.store.SetState(w.t.Context(), w.id, automation.Paused, brakeWhy))
}

func TestABrakeAsksAPerson(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.brakes(3)
	w.get("/live").is(http.StatusOK).says("#brake", brakeWhy).says("#brake", "Let it go on once").says("#brake", "Stay paused")
	list := w.do(newGet("/automations")).is(http.StatusOK).says(".card", "limit of 3 changes an hour")
	if list.Find(".card form[action='/automations/au_1/activation']").Length() != 2 || list.Find(".card a[href$='/live#brake']").Length() != 1 {
		t.Errorf("the list offers no way on: %s", list.words(".card"))
	}
	for name, tc := range map[string]struct {
		path  string
		form  url.Values
		state automation.State
		limit int
	}{
		"let it go on once": {"/activation", form("state", "on"), automation.On, 3},
		"stay paused":       {"/activation", form("state", "off"), automation.Paused, 3},
		"a higher limit":    {"/limits", form("changes", "500", "deletes-limit", "20"), automation.On, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			w.brakes(3)
			w.post(tc.path, tc.form).is(http.StatusSeeOther)
			a := w.now()
			if a.State != tc.state || a.PausedWhy != "" || a.Definition.Limits.ChangesPerHour != tc.limit {
				t.Errorf("it is %s (%q) with a limit of %d", a.State, a.PausedWhy, a.Definition.Limits.ChangesPerHour)
			}
			if w.get("/live").Find("#brake").Length() != 0 {
				t.Error("it asks again")
			}
		})
	}
}

// heldStore holds the work of a stopped automation.
type heldStore struct {
	*fakeStore
	works []engine.Work
	runs  map[string]automation.Run
}

func (h *heldStore) HeldWork(context.Context, ...automation.ID) (waiting, due int, err error) {
	return len(h.works) - 1, 1, nil
}

func (h *heldStore) HeldRecords(_ context.Context, _ automation.ID, limit int) ([]engine.Work, error) {
	return h.works[:min(limit, len(h.works))], nil
}

func (h *heldStore) Run(_ context.Context, id string) (automation.Run, error) {
	if r, ok := h.runs[id]; ok {
		return r, nil
	}
	return automation.Run{}, engine.ErrNotFound
}

func (h *heldStore) RecordTitles(context.Context, []record.Ref) (map[record.Ref]string, error) {
	return map[record.Ref]string{{Connection: glAccount, Type: record.Contact, ID: "g1"}: "Jane Doe"}, nil
}

func TestABrakeShowsWhatItHolds(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.brakes(3)
	if p := w.get("/live"); p.Find("#brake-held").Length() != 0 {
		t.Error("it lists nobody")
	} else {
		p.says("#brake", "No record waits")
	}
	plan := automation.Plan{Outcome: automation.Update, Fields: []automation.FieldPlan{
		{Label: "Phone", Action: automation.Set, Before: record.TextOf("+1"), After: record.TextOf("+2")},
		{Label: "City", Action: automation.Keep, Before: record.TextOf("Austin"), After: record.TextOf("Austin")},
	}}
	st := &heldStore{fakeStore: w.store, runs: map[string]automation.Run{"rn_1": {ID: "rn_1", Steps: []automation.Step{{Kind: automation.StepPlan, Plan: &plan}}}}}
	for i := range 12 {
		st.works = append(st.works, engine.Work{Automation: w.id, Source: record.Ref{Connection: glAccount, Type: record.Contact, ID: "g" + strconv.Itoa(i+1)}})
	}
	st.works[0].RunID, st.works[1].RunID = "rn_1", "rn_pruned"
	w.keepsIn(st)
	p := w.get("/live").is(http.StatusOK).says("#brake", "12 records wait").says("#brake", "the first 10")
	p.says("#brake-held li:first-child", "Jane Doe").says("#brake-held li:first-child", "Phone").says("#brake-held li:first-child", "+2").says("#brake-held li:nth-child(2)", "Not looked at yet")
	if strings.Contains(p.words("#brake-held"), "Austin") {
		t.Error("it tells of a field that is not written")
	}
	if p.Find("#brake-held li").Length() != 10 || p.Find("#brake-held a[href='/records/cn_gl/contact/g2']").Length() != 1 {
		t.Errorf("held: %s", p.words("#brake-held"))
	}
	if p.Find("#brake form[action$='/plans'] input[name='scope'][value='all']").Length() != 1 {
		t.Error("no dry run of everyone is offered")
	}
}

func TestLettingItGoOnAlsoResumesCarryingEveryoneOver(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path    string
		form    url.Values
		problem string
		state   engine.PopulationState
		share   int
	}{
		"let it go on once":      {"/activation", form("state", "on"), "It asks.", engine.PopulationQueued, 10},
		"a higher limit":         {"/limits", form("changes", "5000", "deletes-limit", "20", "share", "50"), "It asks.", engine.PopulationQueued, 50},
		"stay paused":            {"/activation", form("state", "off"), "It asks.", engine.PopulationPaused, 10},
		"a person paused it":     {"/activation", form("state", "on"), "", engine.PopulationPaused, 10},
		"a share that is beyond": {"/limits", form("share", "101"), "It asks.", engine.PopulationPaused, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			w.edit(func(d *automation.Definition) { d.Limits.Share = 10 })
			ok(t, w.store.SetState(t.Context(), w.id, automation.Paused, brakeWhy))
			ok(t, w.store.CreatePopulation(t.Context(), engine.Population{ID: "pl_1", Automation: w.id, Mode: engine.ModeFill, State: engine.PopulationPaused, Problem: tc.problem}))
			// Whoever looks at what it wants to do makes a dry run.
			ok(t, w.store.CreatePopulation(t.Context(), engine.Population{ID: "pl_2", Automation: w.id, Mode: engine.ModeShow, State: engine.PopulationDone}))
			w.post(tc.path, tc.form)
			p, err := w.store.Population(t.Context(), "pl_1")
			ok(t, err)
			if p.State != tc.state || w.now().Definition.Limits.Share != tc.share {
				t.Errorf("carrying everyone over is %s, with a share of %d", p.State, w.now().Definition.Limits.Share)
			}
		})
	}
}

func TestAPausedPlanIsFoundAlthoughAnotherWasMadeSince(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	const words = "A plan is paused after 40 of 440 records"
	if strings.Contains(w.get("/live").words("main"), "A plan is paused") {
		t.Error("nothing is paused")
	}
	ok(t, w.store.CreatePopulation(t.Context(), engine.Population{ID: "pl_1", Automation: w.id, Mode: engine.ModeFill, State: engine.PopulationPaused, Done: 40, Total: 440}))
	ok(t, w.store.CreatePopulation(t.Context(), engine.Population{ID: "pl_2", Automation: w.id, Mode: engine.ModeShow, State: engine.PopulationDone}))
	p := w.get("/live").says("main", words)
	if p.Find(`main a[href="/plans/pl_1"]`).Length() != 1 {
		t.Error("nothing leads to it")
	}
}

func TestAPersonsPauseIsNoBrake(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	ok(t, w.store.SetState(t.Context(), w.id, automation.Paused, ""))
	if w.get("/live").Find("#brake").Length() != 0 {
		t.Error("a pause somebody wanted asks what to do")
	}
}

func TestALimitThatIsNoneDoesNotLetItGoOn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		form   url.Values
		spoil  func(*workshop)
		status int
		words  string
	}{
		"words":           {form("changes", "lots", "deletes-limit", "20"), func(*workshop) {}, http.StatusUnprocessableEntity, "whole number"},
		"nothing":         {form("changes", "", "deletes-limit", "20"), func(*workshop) {}, http.StatusUnprocessableEntity, "To have no limit at all"},
		"not ready":       {form("changes", "50", "deletes-limit", "20"), func(w *workshop) { w.accounts.list[1].State = connection.NeedsReconnect }, http.StatusUnprocessableEntity, "Not switched on"},
		"another version": {form("changes", "50", "deletes-limit", "20", "version", "1"), (*workshop).secondTab, http.StatusConflict, "City is made from Plan"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			w.brakes(3)
			tc.spoil(w)
			w.post("/limits", tc.form).is(tc.status).says("main", tc.words)
			if a := w.now(); a.State != automation.Paused || a.Definition.Limits.ChangesPerHour != 3 {
				t.Errorf("it is %s with a limit of %d", a.State, a.Definition.Limits.ChangesPerHour)
			}
		})
	}
}

func TestVersionsTellWhatChanged(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.post("/rows", form("source", "customData.plan", "target", "city"))
	w.post("/rows/r5", form("do", "save", "source", "companyName", "direction", "both", "policy", "newest", "clear", "true"))
	w.post("/when", condition("customData.plan", "not_equals", "free", "do", "save"))
	w.post("/rows", form("source", "", "target", "tags"))
	p := w.get("/versions").is(http.StatusOK).says(".versions", "Version 5").says(".versions", "Disconnected Tags").says(".versions", "jane@acme.io")
	p.says(".version-changes", "Tags is made from Tags")
	if n := p.Find(".version-changes li").Length(); n != 1 {
		t.Errorf("the newest version has %d changes, want 1", n)
	}
	p = w.get("/versions?from=1&to=5").is(http.StatusOK)
	for _, words := range []string{
		"before: no conditions → after: Plan is not free",
		"before: to HighLevel → after: both ways",
		"before: Gleap wins → after: the newest edit wins",
		"before: the other side keeps its value → after: the other side is emptied too",
		"City is made from Plan", "Tags is made from Tags",
	} {
		p.says(".version-changes", words)
	}
	w.get("/versions?from=5&to=5").says("main", "The two versions say the same")
	w.get("/versions?from=x&to=99").is(http.StatusOK) // nonsense falls back to the newest
}

func TestGoingBackSavesANewVersion(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	before := w.now().Definition
	w.secondTab()
	w.post("/rows", form("source", "", "target", "tags"))
	w.edit(func(d *automation.Definition) { d.Source.Connection = glAccount })
	w.post("/versions", form("number", "1")).is(http.StatusSeeOther)
	a := w.now()
	if diff := automation.Diff(before, a.Definition); a.Version != 4 || len(diff) != 0 {
		t.Errorf("version %d differs in %v", a.Version, diff)
	}
	w.get("/versions").says("main", "Back to version 1").says("main", "saved as version 4")
	// The same again is nothing to go back to.
	w.post("/versions", form("number", "1")).is(http.StatusSeeOther)
	if v := w.now().Version; v != 4 {
		t.Errorf("version %d", v)
	}
	for _, number := range []string{"99", "x", ""} {
		w.post("/versions", form("number", number)).is(http.StatusNotFound)
	}
}

func TestGoingBackMeetsTheLock(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.post("/rows", form("source", "", "target", "tags"))
	w.secondTab()
	p := w.post("/versions", form("number", "1", "version", "2")).is(http.StatusConflict)
	p.says(".conflict", "City is made from Plan").says(".conflict", "Tags is made from Tags")
	if v := w.now().Version; v != 3 {
		t.Fatalf("version %d was saved", v)
	}
	w.post("/versions", chosen(p)).is(http.StatusSeeOther)
	if _, has := w.now().Definition.Mapping.RowFor("tags"); !has || w.now().Version != 4 {
		t.Errorf("version %s is not what was asked for", strconv.Itoa(w.now().Version))
	}
}
