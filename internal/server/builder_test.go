package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
	"crosswalk/web/automationui"
)

func TestEveryStepOfTheBuilderOpens(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	for _, step := range []string{"/when", "/map", "/test", "/live"} {
		w.get(step).is(http.StatusOK).says(".sentence", "When a contact is created or updated in Gleap, make the HighLevel contact with the same email or phone look like it in 6 fields.")
	}
	if to := w.get("").is(http.StatusSeeOther).to; to != "/automations/au_1/map" {
		t.Errorf("it leads to %q", to)
	}
	w.id = "au_none"
	w.get("/map").is(http.StatusNotFound)
}

func TestTheCanvasShowsTheSampleOnItsWayToTheTarget(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	p := w.get("/map").is(http.StatusOK)
	p.says("[data-source=name]", "Jane Doe").says("[data-target=lastName]", "Doe").says("[data-target=phone]", "+14155552671")
	if p.Find("[data-target=dateAdded]").Length() != 0 {
		t.Error("a field that cannot be written is offered")
	}
	w.get("/map?sample=g2").says("[data-target=firstName]", "Omar")
	w.get("/map").says("[data-target=firstName]", "Omar") // remembered
}

func TestAnAccountThatDoesNotAnswerCostsTheSamplesAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]error{
		"unavailable": &provider.Error{Provider: gleap, Kind: provider.Unavailable},
		"revoked":     &provider.Error{Provider: gleap, Kind: provider.Revoked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			w.gateway[glAccount].down = down
			p := w.get("/map").is(http.StatusOK).says(".toolbar", "no sample values")
			if n := p.Find("[data-target][data-row]").Length(); n != 6 {
				t.Errorf("%d rows are shown, want 6", n)
			}
			for _, step := range []string{"/when", "/test", "/live"} {
				w.get(step).is(http.StatusOK)
			}
		})
	}
}

func TestAnAutomationGetsItsAccountsOnceTheyAreConnected(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.edit(func(d *automation.Definition) { d.Source.Connection, d.Target.Connection = "", "" })
	accounts := w.accounts.list
	w.accounts.list = nil
	w.get("/map").is(http.StatusOK).says("main", "Gleap is not connected").says("main", "HighLevel is not connected")
	if v := w.now().Version; v != 1 {
		t.Fatalf("version %d was saved with nothing to fill in", v)
	}
	w.accounts.list = accounts
	w.get("/map").is(http.StatusOK).says("[data-source=name]", "Jane Doe")
	if d := w.now().Definition; d.Source.Connection != glAccount || d.Target.Connection != hlAccount {
		t.Errorf("the accounts are %q and %q", d.Source.Connection, d.Target.Connection)
	}
	if p := w.get("/map"); p.Find("form[action$='/undo'] button[disabled]").Length() != 1 {
		t.Error("an account that was filled in can be undone")
	}
}

func TestARecipeBecomesADraft(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.accounts.list[1].Account.Country = "DE"
	create := func(id string) page {
		r := newPost("/automations", form("recipe", id))
		return w.do(r)
	}
	p := create("gleap-contact-to-highlevel").is(http.StatusSeeOther)
	w.id = automation.ID(strings.Split(p.to, "/")[2])
	a := w.now()
	if a.State != automation.Draft || !a.Definition.Connected() || a.Definition.Region != "DE" {
		t.Errorf("it is %+v", a)
	}
	if row, _ := a.Definition.Mapping.RowFor("phone"); row.Steps[0].With["region"] != "DE" {
		t.Errorf("phones are read as in %v", row.Steps)
	}
	create("gleap-contact-to-highlevel")
	w.do(newGet("/automations")).is(http.StatusOK).says("main", "New Gleap contact → HighLevel contact 2")
	create("no-such-recipe").is(http.StatusUnprocessableEntity)
}

// secondTab saves what another person would have saved meanwhile, from the newest version.
func (w *workshop) secondTab() {
	w.t.Helper()
	w.post("/rows", form("source", "customData.plan", "target", "city")).is(http.StatusSeeOther)
}

// chosen is the form of the conflict box's “save mine” button.
func chosen(p page) url.Values {
	values := url.Values{}
	p.Find(".conflict form input[type=hidden]").Each(func(_ int, in *goquery.Selection) {
		values.Add(in.AttrOr("name", ""), in.AttrOr("value", ""))
	})
	return values
}

func TestTwoTabsNeverOverwriteEachOther(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, path string
		form       url.Values
		mine       string
		kept       func(automation.Definition) bool
	}{
		{"connecting", "/rows", form("source", "customData.seats", "target", "score"), "Score is made from Seats", func(d automation.Definition) bool { _, ok := d.Mapping.RowFor("score"); return ok }},
		{"disconnecting", "/rows", form("source", "", "target", "tags"), "Tags is not mapped", func(d automation.Definition) bool { _, ok := d.Mapping.RowFor("tags"); return !ok }},
		{"editing a row", "/rows/r5", form("do", "save", "source", "companyName", "policy", "only_if_empty"), "Company is made from Company, only when it is empty", func(d automation.Definition) bool {
			row, _ := d.Mapping.RowFor("companyName")
			return row.Owner == mapping.OwnerOnlyIfEmpty
		}},
		{"removing a row", "/rows/r5/delete", form(), "Company is not mapped", func(d automation.Definition) bool { _, ok := d.Mapping.RowFor("companyName"); return !ok }},
		{"how a first sync goes", "/first-sync", form("first", "link_only", "create", "true"), "they are linked and nothing is written", func(d automation.Definition) bool { return d.First == automation.LinkOnly }},
		{"the conditions", "/when", form("do", "save", "event", "created", "rule.kind", "group", "rule.match", "all", "rule.0.kind", "condition", "rule.0.field", "customData.plan", "rule.0.op", "not_equals", "rule.0.value", "free"), "Only if: Plan is not free", func(d automation.Definition) bool { return len(d.Rule.Root.Nodes) == 1 }},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			w.secondTab()
			tc.form.Set("version", "1")
			p := w.post(tc.path, tc.form).is(http.StatusConflict)
			p.says(".conflict", "You, in another tab, saved this").says(".conflict", "City is made from Plan").says(".conflict", tc.mine)
			if a := w.now(); a.Version != 2 || tc.kept(a.Definition) {
				t.Fatalf("version %d was saved in spite of the conflict", a.Version)
			}
			action := strings.TrimPrefix(p.Find(".conflict form").AttrOr("action", ""), "/automations/au_1")
			again := chosen(p)
			w.post(action, again).is(http.StatusSeeOther)
			if _, theirs := w.now().Definition.Mapping.RowFor("city"); !theirs || !tc.kept(w.now().Definition) {
				t.Error("saving mine over it did not keep both changes")
			}
			// A third save made from the page of the conflict meets the same lock.
			if tc.name != "disconnecting" && tc.name != "removing a row" {
				w.post("/rows", form("source", "", "target", "city"))
				w.post("/rows", form("source", "name", "target", "companyName", "version", again.Get("version"))).is(http.StatusConflict)
			}
		})
	}
}

func TestUndoOfAPageThatIsOldTakesNothingBack(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.secondTab()
	w.post("/undo", form("version", "1")).is(http.StatusConflict).says("main", "Somebody saved this meanwhile")
	if v := w.now().Version; v != 2 {
		t.Errorf("version %d was saved", v)
	}
}

func TestEveryChangeCanBeUndoneAndDoneAgain(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	has := func(target string) bool { _, ok := w.now().Definition.Mapping.RowFor(target); return ok }
	label := func(which string) string {
		return w.get("/map").Find("form[action$='/"+which+"'] button").AttrOr("title", "")
	}
	w.post("/rows", form("source", "customData.plan", "target", "city")).is(http.StatusSeeOther)
	w.post("/rows", form("source", "customData.seats", "target", "score")).is(http.StatusSeeOther)
	if got := label("undo"); got != "Undo: connected Seats to Score" {
		t.Errorf("undo would be %q", got)
	}
	w.post("/undo", form()).is(http.StatusSeeOther)
	w.post("/undo", form()).is(http.StatusSeeOther)
	if has("score") || has("city") {
		t.Fatal("two undos left something")
	}
	if got := label("redo"); got != "Redo: connected Plan to City" {
		t.Errorf("redo would be %q", got)
	}
	if label("undo") != "" {
		t.Error("there is something to undo before the beginning")
	}
	before := w.now().Version
	w.post("/undo", form()).is(http.StatusSeeOther)
	if w.now().Version != before {
		t.Error("undoing nothing made a version")
	}
	w.post("/redo", form()).is(http.StatusSeeOther)
	if !has("city") || has("score") {
		t.Fatal("redo did something else")
	}
	w.post("/rows", form("source", "", "target", "tags")).is(http.StatusSeeOther)
	if label("redo") != "" {
		t.Error("a new change left something to redo")
	}
	w.post("/undo", form()).is(http.StatusSeeOther)
	if !has("tags") || !has("city") {
		t.Error("undo after redo took back the wrong thing")
	}
}

func TestTheSameAgainMakesNoVersion(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.post("/rows", form("source", "email", "target", "email")).is(http.StatusSeeOther)
	w.post("/rows/r1", form("do", "save", "source", "name", "policy", "always", "transform.0.name", "split_name", "transform.0.param.part", "first")).is(http.StatusSeeOther)
	w.post("/when", form("do", "save", "event", "created,updated", "rule.kind", "group", "rule.match", "any")).is(http.StatusSeeOther)
	if v := w.now().Version; v != 1 {
		t.Errorf("version %d", v)
	}
}

func TestASuggestionBringsItsSteps(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.post("/rows", form("source", "", "target", "firstName")).is(http.StatusSeeOther)
	w.get("/map").says("[data-target=firstName]", "The first part of “Name”")
	w.post("/rows", form("source", "name", "target", "firstName")).is(http.StatusSeeOther)
	row, _ := w.now().Definition.Mapping.RowFor("firstName")
	if len(row.Steps) != 1 || row.Steps[0].Use != "split_name" {
		t.Errorf("steps %v", row.Steps)
	}
}

func TestABadRowIsShownAgainAndNothingIsSaved(t *testing.T) {
	t.Parallel()
	save := func(pairs ...string) url.Values {
		return form(append([]string{"do", "save", "policy", "always"}, pairs...)...)
	}
	cases := []struct {
		name, path string
		form       url.Values
		where      string // what has to say so
		words      string
	}{
		{"unknown transform", "/rows/r5", save("source", "companyName", "transform.0.name", "explode"), "#editor-r5", "There is no transform “explode”"},
		{"number expected", "/rows/r5", save("source", "companyName", "transform.0.name", "shorten", "transform.0.param.to", "many"), "#editor-r5 .error", "to"},
		{"setting needed", "/rows/r5", save("source", "companyName", "transform.0.name", "fixed", "transform.0.param.value", ""), "#editor-r5 .error", "This is needed."},
		{"no such choice", "/rows/r5", save("source", "companyName", "transform.0.name", "text_case", "transform.0.param.to", "sideways"), "#editor-r5 .error", "not one of the choices"},
		{"no such setting", "/rows/r5", save("source", "companyName", "transform.0.name", "trim", "transform.0.param.x", "1"), "#editor-r5", "no such setting"},
		{"no source", "/rows/r5", save(), "#editor-r5", "has no source"},
		{"two sources not joined", "/rows/r5", save("source", "companyName", "source", "name"), "#editor-r5", "several sources"},
		{"unknown source of a row", "/rows/r5", save("source", "nope"), "#editor-r5", "does not exist in the Gleap contact"},
		{"unknown source", "/rows", form("source", "nope", "target", "city"), "main", "The field “nope” does not exist in the Gleap contact"},
		{"unknown target", "/rows", form("source", "name", "target", "nope"), "main", "The field “nope” does not exist in the HighLevel contact"},
		{"read-only target", "/rows", form("source", "name", "target", "dateAdded"), "main", "can only be read"},
		{"a fix that is gone", "/rows/r5", form("fix", "suit"), "main", "nothing to put right"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			p := w.post(tc.path, tc.form).is(http.StatusUnprocessableEntity).says(tc.where, tc.words)
			if tc.path == "/rows/r5" && tc.form.Get("fix") == "" && p.Find("#editor-r5[data-open]").Length() != 1 {
				t.Error("the editor is not open")
			}
			if v := w.now().Version; v != 1 {
				t.Errorf("version %d was saved", v)
			}
		})
	}
	t.Run("no such row", func(t *testing.T) {
		t.Parallel()
		w := newWorkshop(t)
		w.post("/rows/r99", save("source", "name")).is(http.StatusNotFound)
		w.post("/rows/r99/delete", form()).is(http.StatusNotFound)
	})
}

func TestTheEditorStaysOpenWhileARowIsMade(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	// A transform that works as it comes is saved at once.
	p := w.post("/rows/r5", form("do", "add", "add", "trim", "source", "companyName", "policy", "always")).is(http.StatusSeeOther)
	if !strings.HasSuffix(p.to, "?open=r5") || w.now().Version != 2 {
		t.Errorf("led to %q with version %d", p.to, w.now().Version)
	}
	if w.get("/map?open=r5").Find("#editor-r5[data-open]").Length() != 1 {
		t.Error("the editor is not open")
	}
	// One that needs a setting waits for it, without complaint.
	p = w.post("/rows/r5", form("do", "add", "add", "fixed", "source", "companyName", "policy", "always")).is(http.StatusOK)
	if p.Find("#editor-r5[data-open]").Length() != 1 || p.Find("#editor-r5 .error").Length() != 0 || w.now().Version != 2 {
		t.Errorf("version %d, editor: %s", w.now().Version, p.words("#editor-r5"))
	}
	// Room for another source brings what puts the two together.
	p = w.post("/rows/r5", form("do", "add-source", "source", "companyName", "policy", "always")).is(http.StatusOK).says("#editor-r5", "Join")
	if n := p.Find("#editor-r5 select[name=source]").Length(); n != 2 {
		t.Errorf("%d sources to choose", n)
	}
	w.post("/rows/r5", form("do", "save", "source", "companyName", "source", "customData.plan", "policy", "newest", "transform.0.name", "join", "transform.0.param.separator", " / ")).is(http.StatusSeeOther)
	row, _ := w.now().Definition.Mapping.RowByID("r5")
	want := mapping.Row{ID: "r5", Sources: []string{"companyName", "customData.plan"}, Steps: []mapping.Step{{Use: "join", With: map[string]string{"separator": " / "}}}, Target: "companyName", Owner: mapping.OwnerNewest}
	if diff := cmp.Diff(want, row); diff != "" {
		t.Error(diff)
	}
}

func TestAWarningIsPutRightWithOneClick(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.edit(func(d *automation.Definition) {
		row, _ := d.Mapping.RowFor("phone")
		row.Steps = nil
		d.Mapping = d.Mapping.Replace(row)
	})
	button := w.get("/map").Find("[data-target=phone] button[name=fix]")
	if button.Length() != 1 {
		t.Fatal("no fix is offered")
	}
	w.post("/rows/r4", form("fix", button.AttrOr("value", ""))).is(http.StatusSeeOther)
	if row, _ := w.now().Definition.Mapping.RowFor("phone"); len(row.Steps) != 1 || row.Steps[0].Use != "phone" {
		t.Errorf("steps %v", row.Steps)
	}
}

func TestAValueThatDoesNotFitIsToldAtItsRow(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.edit(func(d *automation.Definition) {
		d.Mapping = d.Mapping.Replace(mapping.Row{ID: "r7", Sources: []string{"name"}, Target: "score"})
	})
	w.get("/map").is(http.StatusOK).says("[data-target=score]", "“Jane Doe” is not a number")
}

func condition(field, op, value string, more ...string) url.Values {
	return form(append([]string{"event", "created,updated", "rule.kind", "group", "rule.match", "all", "rule.0.kind", "condition", "rule.0.field", field, "rule.0.op", op, "rule.0.value", value}, more...)...)
}

func TestTheRuleFormChangesWithoutSaving(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	p := w.post("/when", condition("customData.plan", "not_equals", "free", "do", "add-condition:rule")).is(http.StatusOK)
	if n := p.Find(".rule-condition").Length(); n != 2 {
		t.Errorf("%d conditions", n)
	}
	if p.Find(".rule-condition .error").Length() != 0 {
		t.Error("a condition that was just added is called wrong")
	}
	p = w.post("/when", condition("customData.plan", "not_equals", "free", "do", "remove:rule.0")).is(http.StatusOK)
	if n := p.Find(".rule-condition").Length(); n != 0 || w.now().Version != 1 {
		t.Errorf("%d conditions, version %d", n, w.now().Version)
	}
}

func TestARuleIsTriedOnTheSample(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.post("/when", condition("customData.plan", "not_equals", "free", "do", "save")).is(http.StatusSeeOther)
	w.get("/when").says(".verdict", "passes").says(".sentence", "only if Plan is not free").says("main", "Saved")
	w.get("/when?sample=g2").says(".verdict", "does not pass").says(".verdict", "Omar Haddad")
}

func TestARuleThatCannotBeDecidedIsNotSaved(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		form  url.Values
		words string
	}{
		{"deleted field", condition("customData.tier", "equals", "gold"), "does not exist in the Gleap contact any more"},
		{"no field", condition("", "equals", "gold"), "no field yet"},
		{"no operator", condition("customData.plan", "resembles", "gold"), "no comparison yet"},
		{"text for a number", condition("customData.seats", "greater", "many"), "not a number"},
		{"nothing to compare with", condition("customData.plan", "equals", " "), "nothing to compare with"},
		{"operator of another kind", condition("customData.plan", "greater", "3"), "does not fit"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			tc.form.Set("do", "save")
			w.post("/when", tc.form).is(http.StatusUnprocessableEntity).says(".rule-condition .error", tc.words)
			if v := w.now().Version; v != 1 {
				t.Errorf("version %d was saved", v)
			}
		})
	}
	t.Run("an event that is no choice", func(t *testing.T) {
		t.Parallel()
		w := newWorkshop(t)
		f := condition("customData.plan", "equals", "pro", "do", "save")
		f.Set("event", "exploded")
		w.post("/when", f).is(http.StatusUnprocessableEntity).says("main", "Choose what makes it look")
	})
}

func TestTheFormOffersExactlyTheRulesOperators(t *testing.T) {
	t.Parallel()
	want, got := map[string]string{}, map[string]string{}
	for _, o := range rule.Operators() {
		want[o.Name] = o.Label
	}
	for _, o := range automationui.Operators {
		got[o.Value] = o.Label
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-rule +form:\n%s", diff)
	}
}

func TestARuleIsTheSameThereAndBack(t *testing.T) {
	t.Parallel()
	leaf := func(field string) rule.Node { return rule.Node{Field: field, Operator: "equals", Value: "x"} }
	for name, r := range map[string]rule.Rule{
		"nothing":       {},
		"one condition": {Root: rule.Node{Op: rule.And, Nodes: []rule.Node{leaf("a")}}},
		"nested":        {Root: rule.Node{Op: rule.Or, Nodes: []rule.Node{leaf("a"), {Op: rule.And, Nodes: []rule.Node{leaf("b"), leaf("c")}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := r
			if !r.IsEmpty() {
				want = r.Numbered()
			}
			if diff := cmp.Diff(want, ruleOf(groupOf(r))); diff != "" {
				t.Error(diff)
			}
		})
	}
	bare := rule.Rule{Root: leaf("a")}
	if got := ruleOf(groupOf(bare)); len(got.Root.Nodes) != 1 || got.Root.Nodes[0].Field != "a" {
		t.Errorf("a rule that is one condition came back as %+v", got)
	}
	// An inner group that asks nothing would let everything through an “or”.
	empty := automationui.Group{Any: true, Nodes: []automationui.Node{{Condition: &automationui.Condition{Field: "a", Op: "equals", Value: "x"}}, {Group: &automationui.Group{}}}}
	if n := len(ruleOf(empty).Root.Nodes); n != 1 {
		t.Errorf("%d nodes", n)
	}
}

func TestABadPayloadIsToldAndNothingIsSent(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, payload, words string }{
		{"not JSON", "{\n  \"name\": \"Jane\",,\n}", "line 2"},
		{"not an object", `["Jane"]`, "one JSON object"},
		{"empty", "", "not JSON"},
		{"unknown key", `{"nmae": "Jane"}`, "nmae"},
		{"not text", "{\"name\": \"\xff\xfe\"}", "UTF-8"},
		{"far too long", `{"name": "` + strings.Repeat("x", 300<<10) + `"}`, "KiB"},
	}
	for _, tc := range cases {
		for _, send := range []string{"preview", "real"} {
			t.Run(tc.name+" "+send, func(t *testing.T) {
				t.Parallel()
				w := newWorkshop(t)
				w.post("/tests", form("payload", tc.payload, "send", send)).is(http.StatusUnprocessableEntity).says("#payload-error", tc.words)
				if len(w.trials.sent) != 0 {
					t.Error("it was sent")
				}
			})
		}
	}
}

func TestAPayloadIsShownUnlessItIsSentForReal(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	payload := form("payload", `{"name": "Test Person", "email": "test@example.com"}`)
	w.post("/tests", payload).is(http.StatusOK).says(".test-result", "not sent").says(".test-result", "test@example.com")
	if len(w.trials.sent) != 0 {
		t.Fatal("a preview was sent")
	}
	payload.Set("send", "real")
	w.post("/tests", payload).is(http.StatusOK).says(".test-result", "/contacts/").says(".test-result", "hl9")
	if len(w.trials.sent) != 1 || w.trials.sent[0]["email"].String() != "test@example.com" {
		t.Errorf("sent %v", w.trials.sent)
	}
}

func TestSomebodyIsFoundToDryRun(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.get("/test?q=omar").is(http.StatusOK).says(".results", "Omar Haddad")
	w.get("/test?q=nobody").is(http.StatusOK).says("main", "No contact matches “nobody”")
}

func TestOnlyWhatIsReadyIsSwitchedOn(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		spoil   func(w *workshop)
		version string
		status  int
		words   string
	}{
		{"an account is missing", func(w *workshop) { w.accounts.list = w.accounts.list[:1] }, "", http.StatusUnprocessableEntity, "The HighLevel account was disconnected"},
		{"an account needs reconnecting", func(w *workshop) { w.accounts.list[1].State = connection.NeedsReconnect }, "", http.StatusUnprocessableEntity, "needs reconnecting"},
		{"a condition on a deleted field", func(w *workshop) {
			w.edit(func(d *automation.Definition) {
				d.Rule.Root = rule.Node{Op: rule.And, Nodes: []rule.Node{{Field: "gone", Operator: "equals", Value: "x"}}}
			})
		}, "", http.StatusUnprocessableEntity, "“gone” does not exist"},
		{"a row to a deleted field", func(w *workshop) {
			w.edit(func(d *automation.Definition) {
				d.Mapping = d.Mapping.Replace(mapping.Row{ID: "r9", Sources: []string{"name"}, Target: "gone"})
			})
		}, "", http.StatusUnprocessableEntity, "“gone” does not exist"},
		{"nothing is mapped", func(w *workshop) {
			w.edit(func(d *automation.Definition) { d.Mapping.Rows = nil })
		}, "", http.StatusUnprocessableEntity, "Nothing is mapped yet"},
		{"neither email nor phone is mapped", func(w *workshop) {
			w.edit(func(d *automation.Definition) { d.Mapping = d.Mapping.Remove("r3").Remove("r4") })
		}, "", http.StatusUnprocessableEntity, "needs Email or Phone"},
		{"a required field is not mapped", func(w *workshop) {
			w.gateway[hlAccount].schema.Fields[6].Required = true
		}, "", http.StatusUnprocessableEntity, "City is required"},
		{"another version than was seen", func(w *workshop) { w.secondTab() }, "1", http.StatusConflict, "City is made from Plan"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			tc.spoil(w)
			f := form("state", "on")
			if tc.version != "" {
				f.Set("version", tc.version)
			}
			w.post("/activation", f).is(tc.status).says("main", tc.words)
			if st := w.now().State; st != automation.Draft {
				t.Errorf("it is %s", st)
			}
			if len(w.store.cursors) != 0 {
				t.Error("polling was set up for what is not on")
			}
		})
	}
}

func TestPollingBeginsWhereAPersonSaid(t *testing.T) {
	t.Parallel()
	const key = string(glAccount) + "/contact"
	earlier := engine.PollCursor{Connection: glAccount, Object: record.Contact, Since: today.Add(-time.Hour)}
	cases := []struct {
		name, start string
		before      *engine.PollCursor
		shared      bool
		want        time.Time
	}{
		{"now, for the first time", "", nil, false, today},
		{"now, after it was off", "now", &earlier, false, today},
		{"now, while another works from an older place", "now", &earlier, true, earlier.Since},
		{"everyone", "all", nil, false, today},
		{"everyone, while another works", "all", &earlier, true, earlier.Since},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			if tc.before != nil {
				w.store.cursors[key] = *tc.before
			}
			if tc.shared {
				w.add("au_2", w.now().Definition)
				if err := w.store.SetState(t.Context(), "au_2", automation.On, ""); err != nil {
					t.Fatal(err)
				}
			}
			w.post("/activation", form("state", "on", "start", tc.start)).is(http.StatusSeeOther)
			if st := w.now().State; st != automation.On {
				t.Fatalf("it is %s", st)
			}
			if got := w.store.cursors[key].Since; !got.Equal(tc.want) {
				t.Errorf("polling begins at %v, want %v", got, tc.want)
			}
			if begun := len(w.store.populations); (begun == 1) != (tc.start == "all") {
				t.Errorf("%d carry-overs of everyone were begun", begun)
			}
			w.get("/live").says("main", "It is on")
			// A brake is never refused, whatever was saved since the page was made.
			w.post("/activation", form("state", "off", "version", "77")).is(http.StatusSeeOther)
			if st := w.now().State; st != automation.Paused {
				t.Errorf("it is %s", st)
			}
		})
	}
}

// What a paused automation looks at because it was edited counts from then on, as the rest of what is held: an older
// position would carry what nobody had asked for when it happened.
func TestWhatIsWatchedAnewWhilePausedCountsFromTheEdit(t *testing.T) {
	t.Parallel()
	const key = string(hlAccount) + "/contact"
	old := engine.PollCursor{Connection: hlAccount, Object: record.Contact, Since: today.Add(-24 * time.Hour)}
	for name, tc := range map[string]struct {
		state  automation.State
		waits  bool
		shared bool
		want   time.Time
	}{
		"paused":                          {automation.Paused, false, false, today},
		"paused, and something waits":     {automation.Paused, true, false, old.Since},
		"on, where it waits":              {automation.On, false, false, old.Since},
		"a draft, which looks at nothing": {automation.Draft, false, false, old.Since},
		"paused, another looks already":   {automation.Paused, false, true, old.Since},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			follows := form("create", "true", "update", "true", "deletes", "unlink")
			if tc.shared {
				d := w.now().Definition
				d.Deletes.Policy = automation.DeleteUnlink
				w.add("au_2", d)
				ok(t, w.store.SetState(t.Context(), "au_2", automation.On, ""))
			}
			if tc.waits {
				w.post("/activation", form("state", "on")).is(http.StatusSeeOther)
				w.post("/rows", form("source", "customData.plan", "target", "city")).is(http.StatusSeeOther)
			}
			ok(t, w.store.SetState(t.Context(), w.id, tc.state, ""))
			w.store.cursors[key] = old
			w.post("/policies", follows).is(http.StatusSeeOther)
			if got := w.store.cursors[key].Since; !got.Equal(tc.want) {
				t.Errorf("changes count from %v, want %v", got, tc.want)
			}
			if tc.waits {
				w.post("/next", form("do", "live")).is(http.StatusSeeOther)
				if got := w.store.cursors[key].Since; !got.Equal(today) {
					t.Errorf("put live, changes count from %v", got)
				}
			}
		})
	}
}

func TestRenamingAndRemoving(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.post("/name", form("name", "  Gleap   to CRM ")).is(http.StatusSeeOther)
	if n := w.now().Name; n != "Gleap to CRM" {
		t.Errorf("its name is %q", n)
	}
	for _, bad := range []string{"", "   ", strings.Repeat("x", 121)} {
		w.post("/name", form("name", bad)).is(http.StatusSeeOther)
		w.get("/live").says("main", "Not renamed")
	}
	w.post("/activation", form("state", "on")).is(http.StatusSeeOther)
	w.post("/delete", form()).is(http.StatusSeeOther)
	if st := w.now().State; st != automation.On {
		t.Fatalf("it is %s", st)
	}
	w.post("/activation", form("state", "off")).is(http.StatusSeeOther)
	if to := w.post("/delete", form()).is(http.StatusSeeOther).to; to != "/automations" {
		t.Errorf("it leads to %q", to)
	}
	w.get("/map").is(http.StatusNotFound)
}
