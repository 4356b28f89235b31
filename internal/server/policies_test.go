package server

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/mapping"
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
			automation.Definition{Update: true, Deletes: automation.Deletes{Policy: automation.DeleteMark, Field: "tags", SourceField: "customData.plan", Value: "gone"}}, "marked with “gone” in Tags or Plan."},
		{"delete", false, form("update", "true", "first", "", "deletes", "delete"),
			automation.Definition{Update: true, Deletes: automation.Deletes{Policy: automation.DeleteDelete}}, "deleted too, which cannot be undone."},
		{"limits", false, form("update", "true", "first", "", "deletes", "", "changes", "1,200", "deletes-limit", "3", "deletes-limit-none", "true", "share", "12"),
			automation.Definition{Update: true, Limits: automation.Limits{ChangesPerHour: 1200, DeletesPerHour: -1, Share: 12}}, "beyond 1,200 changes an hour, no limit of deletes an hour, or 12% of everyone"},
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
