package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
)

func (w *workshop) row(id string) mapping.Row {
	w.t.Helper()
	r, ok := w.now().Definition.Mapping.RowByID(id)
	if !ok {
		w.t.Fatalf("row %s is gone", id)
	}
	return r
}

func TestARowLeadsWhereAPersonSaid(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	company := func(direction, policy string, more ...string) {
		t.Helper()
		f := form(append([]string{"do", "save", "source", "companyName", "direction", direction, "policy", policy}, more...)...)
		w.post("/rows/r5", f).is(http.StatusSeeOther)
	}
	steps := []struct {
		direction, policy, clear string
		want                     mapping.Row
		label                    string // what the canvas says to those who cannot see the wire
	}{
		{"both", "source", "true", mapping.Row{Direction: mapping.Both, ClearWhenEmpty: true}, "both ways"},
		{"both", "target", "true", mapping.Row{Direction: mapping.Both, Owner: mapping.OwnerTarget, ClearWhenEmpty: true}, "both ways"},
		{"both", "newest", "", mapping.Row{Direction: mapping.Both, Owner: mapping.OwnerNewest}, "both ways"},
		{"to_source", "ask", "", mapping.Row{Direction: mapping.ToSource, Owner: mapping.OwnerAsk}, "to Gleap"},
		{"to_target", "only_if_empty", "", mapping.Row{Owner: mapping.OwnerOnlyIfEmpty}, "to HighLevel"},
		{"to_target", "source", "", mapping.Row{Owner: mapping.OwnerSource}, "to HighLevel"},
	}
	for _, tc := range steps {
		company(tc.direction, tc.policy, "clear", tc.clear)
		tc.want.ID, tc.want.Sources, tc.want.Target = "r5", []string{"companyName"}, "companyName"
		if diff := cmp.Diff(tc.want, w.row("r5")); diff != "" {
			t.Errorf("%s, %s: -want +got:\n%s", tc.direction, tc.policy, diff)
		}
		p := w.get("/map").is(http.StatusOK)
		p.says("[data-target=companyName] [popovertarget=editor-r5]", tc.label)
		checked := p.Find("#editor-r5 input[name=direction][checked]")
		if got := checked.AttrOr("value", ""); got != tc.direction || checked.Length() != 1 {
			t.Errorf("the form shows %q, want %q", got, tc.direction)
		}
		if got := p.Find("#editor-r5 select[name=policy] option[selected]").AttrOr("value", ""); got != tc.policy {
			t.Errorf("the form shows that %q wins, want %q", got, tc.policy)
		}
	}
}

func TestTheWireTellsItsDirection(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.edit(func(d *automation.Definition) {
		row, _ := d.Mapping.RowFor("companyName")
		row.Direction = mapping.Both
		d.Mapping = d.Mapping.Replace(row).Replace(mapping.Row{ID: "r7", Sources: []string{"name"}, Target: "city", Direction: mapping.ToSource})
	})
	p := w.get("/map").is(http.StatusOK)
	for selector, want := range map[string]string{"[data-target=companyName]": "both", "[data-target=email]": "to_target"} {
		if got := p.Find(selector).AttrOr("data-direction", ""); got != want {
			t.Errorf("%s leads %q, want %q", selector, got, want)
		}
	}
	back := p.Find("[data-target=city] [data-back-to=name]")
	if back.Length() != 1 || p.Find("[data-target=city][data-row]").Length() != 0 {
		t.Error("a row that only leads back is not shown as one")
	}
	p.says("[data-target=city] [data-back-to]", "Name in Gleap").says("#editor-r7 h2", "Name from City")
	p.says(".sentence", "created or updated in Gleap or HighLevel, keep it and the HighLevel contact with the same email or phone alike in 7 fields.")
}

func TestTheOwnersAreNamedByTheirProviders(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.get("/map").says("#policy-r5", "Gleap winsHighLevel winsThe newest edit winsOnly fill what is emptyAsk me")
}

func TestATurnedRowGoesOnCarrying(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	turn := func(direction, policy string) mapping.Owner {
		w.post("/rows/r5", form("do", "save", "source", "companyName", "direction", direction, "policy", policy)).is(http.StatusSeeOther)
		return w.row("r5").HasLastWord()
	}
	if got := turn("to_source", "source"); got != mapping.OwnerTarget {
		t.Errorf("turned round, %s wins, and nothing would ever be carried", got)
	}
	if got := turn("to_target", "target"); got != mapping.OwnerSource {
		t.Errorf("turned back, %s wins", got)
	}
	if got := turn("to_source", "target"); got != mapping.OwnerTarget {
		t.Errorf("a choice made while turning it was lost: %s", got)
	}
}

func TestARowWithoutAWayBackIsNotSavedUntilSomebodySaysIt(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	first := func(pairs ...string) page {
		return w.post("/rows/r1", form(append([]string{"source", "name", "direction", "both", "policy", "source", "transform.0.name", "split_name", "transform.0.param.part", "first"}, pairs...)...))
	}
	p := first("do", "save").is(http.StatusUnprocessableEntity).says("#editor-r1", "do not tell how a value goes back")
	if p.Find("#editor-r1[data-open] [data-way-back] button[value=one-way]").Length() != 1 || w.now().Version != 1 {
		t.Fatalf("version %d, editor: %s", w.now().Version, p.words("#editor-r1"))
	}
	p = first("do", "own-back").is(http.StatusOK).says("[data-way-back]", "Carried over as it is")
	if p.Find("#editor-r1 input[name=back][value=own]").Length() != 1 || p.Find("#editor-r1 .error").Length() != 0 {
		t.Error("there is no editor for the way back")
	}
	// A step of the way back that needs a setting waits for it, and complains when it is saved without.
	p = first("back", "own", "do", "add-back", "addback", "fixed").is(http.StatusOK)
	if p.Find("#editor-r1 [name='back.0.name']").AttrOr("value", "") != "fixed" || p.Find("#editor-r1 .error").Length() != 0 || w.now().Version != 1 {
		t.Errorf("version %d, editor: %s", w.now().Version, p.words("#editor-r1"))
	}
	first("back", "own", "do", "save", "back.0.name", "fixed", "back.0.param.value", "").is(http.StatusUnprocessableEntity).says("[data-way-back] .error", "This is needed.")
	first("back", "own", "do", "save", "back.0.name", "trim", "back.1.name", "text_case", "back.1.param.to", "title").is(http.StatusSeeOther)
	want := []mapping.Step{{Use: "trim"}, {Use: "text_case", With: map[string]string{"to": "title"}}}
	if diff := cmp.Diff(want, w.row("r1").Back); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	p = first("back", "own", "do", "up-back:1", "back.0.name", "trim", "back.1.name", "text_case", "back.1.param.to", "title").is(http.StatusSeeOther)
	if got := w.row("r1").Back; got[0].Use != "text_case" || !strings.HasSuffix(p.to, "?open=r1") {
		t.Errorf("moved up: %v, led to %q", got, p.to)
	}
	first("do", "one-way", "back", "own", "back.0.name", "trim").is(http.StatusSeeOther)
	if r := w.row("r1"); r.Direction != "" || r.Back != nil {
		t.Errorf("one way, it is %+v", r)
	}
}

func TestAWayBackThatIsToldCanBeSaidOtherwiseAndLeftAgain(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	company := func(pairs ...string) page {
		return w.post("/rows/r5", form(append([]string{"source", "companyName", "direction", "both", "policy", "source", "transform.0.name", "lookup", "transform.0.param.table", "a = b"}, pairs...)...))
	}
	company("do", "save").is(http.StatusSeeOther)
	w.get("/map").says("#editor-r5 [data-way-back]", "read the other way round")
	p := company("do", "own-back").is(http.StatusOK)
	if got := strings.TrimSpace(p.Find("#editor-r5 [name='back.0.param.table']").Text()); got != "b = a" {
		t.Errorf("it begins with %q", got)
	}
	company("do", "save", "back", "own").is(http.StatusSeeOther)
	if back := w.row("r5").Back; back == nil || len(back) != 0 {
		t.Errorf("back as it is was saved as %#v", back)
	}
	company("do", "told-back", "back", "own").is(http.StatusSeeOther)
	if back := w.row("r5").Back; back != nil {
		t.Errorf("left to the way there, it is %v", back)
	}
}

func TestARowBackIsAddedBesideTheRowThere(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	seen := text("seen", "Last seen")
	seen.ReadOnly = true
	w.gateway[glAccount].schema.Fields = append(gleapSchema().Fields, seen)
	p := w.post("/rows", form("direction", "to_source", "target", "city", "fills", "customData.plan")).is(http.StatusSeeOther)
	if !strings.HasSuffix(p.to, "?open=r7") {
		t.Errorf("it led to %q", p.to)
	}
	want := mapping.Row{ID: "r7", Sources: []string{"customData.plan"}, Target: "city", Direction: mapping.ToSource}
	if diff := cmp.Diff(want, w.row("r7")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, tc := range map[string]struct{ target, fills, words string }{
		"nothing to fill":   {"city", "", "Choose the field to fill"},
		"no such source":    {"city", "nope", "The field “nope” does not exist in the Gleap contact"},
		"no such target":    {"nope", "name", "The field “nope” does not exist in the HighLevel contact"},
		"filled already":    {"email", "customData.plan", "Plan is filled from the HighLevel contact by another row already"},
		"only to be read":   {"city", "seen", "Last seen can only be read"},
		"a row of its own ": {"city", "customData.plan", "Plan is filled from the HighLevel contact by another row already"},
	} {
		t.Run(name, func(t *testing.T) {
			w.post("/rows", form("direction", "to_source", "target", tc.target, "fills", tc.fills)).is(http.StatusUnprocessableEntity).says("main", tc.words)
			if v := w.now().Version; v != 2 {
				t.Errorf("version %d was saved", v)
			}
		})
	}
	w.post("/rows/r7/delete", form()).is(http.StatusSeeOther)
	if _, ok := w.now().Definition.Mapping.RowByID("r7"); ok {
		t.Error("the row back cannot be removed")
	}
}

func TestATwoWayRowThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.gateway[glAccount].schema.Fields[3].ReadOnly = true // Company
	w.post("/rows/r5", form("do", "save", "source", "companyName", "direction", "both", "policy", "source")).is(http.StatusUnprocessableEntity).says("#editor-r5", "Company can only be read, not written")
	w.post("/rows/r5", form("do", "save", "source", "name", "source", "email", "direction", "both", "policy", "source", "transform.0.name", "join")).is(http.StatusUnprocessableEntity).says("#editor-r5", "only text is found again")
	w.post("/rows/r5", form("do", "save", "source", "name", "source", "city", "direction", "to_source", "policy", "source")).is(http.StatusUnprocessableEntity).says("#editor-r5", "just one source field")
	w.post("/rows/r5", form("do", "save", "source", "name", "direction", "sideways", "policy", "source")).is(http.StatusUnprocessableEntity).says("#editor-r5", "not a direction")
	if v := w.now().Version; v != 1 {
		t.Errorf("version %d was saved", v)
	}
	// A turned row may not fill what another fills.
	w.edit(func(d *automation.Definition) {
		d.Mapping = d.Mapping.Replace(mapping.Row{ID: "r7", Sources: []string{"customData.plan"}, Target: "email", Direction: mapping.ToSource})
	})
	w.post("/rows/r7", form("do", "save", "source", "customData.plan", "direction", "to_target", "policy", "source")).is(http.StatusUnprocessableEntity).says("#editor-r7", "Email is filled by another row already")
}

func TestAProblemOfTheWayBackIsToldAtItsRow(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.edit(func(d *automation.Definition) {
		row, _ := d.Mapping.RowFor("firstName")
		row.Direction = mapping.Both
		d.Mapping = d.Mapping.Replace(row).Replace(mapping.Row{ID: "r7", Sources: []string{"gone"}, Target: "city", Direction: mapping.ToSource})
	})
	p := w.get("/map").is(http.StatusOK)
	p.says("[data-target=firstName]", "do not tell how a value goes back").says("[data-target=city]", "The field “gone” does not exist in the Gleap contact any more.")
	w.get("/live").says("main", "do not tell how a value goes back")
}

func TestTheSyncRecipeOpens(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	p := w.do(newPost("/automations", form("recipe", "contacts-in-sync"))).is(http.StatusSeeOther)
	w.id = automation.ID(strings.Split(p.to, "/")[2])
	p = w.get("/map").is(http.StatusOK).says(".sentence", "created or updated in HighLevel or Gleap, keep it and the Gleap contact with the same email or phone alike in 5 fields.")
	p.says("[data-target=name] [popovertarget=editor-r5]", "both ways").says("#editor-r5 [data-way-back]", "Taken apart again")
	if errors := p.Find(".map-remark.error"); errors.Length() != 0 {
		t.Errorf("it complains: %s", errors.Text())
	}
	first := w.do(newGet("/automations")).is(http.StatusOK).Find(".recipe h3").First().Text()
	if first != "Keep contacts in sync" {
		t.Errorf("the first of the ready-made is %q", first)
	}
}

func TestANewRecordOfTheSourceNeedsWhatItsProviderNeeds(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	p := w.do(newPost("/automations", form("recipe", "contacts-in-sync")))
	w.id = automation.ID(strings.Split(p.to, "/")[2])
	w.get("/live").says("main", "5 fields of the Gleap contact and 6 of the HighLevel contact would be filled.").says("main", "HighLevel tells by webhook").says("main", "Gleap tells nobody")
	w.edit(func(d *automation.Definition) {
		for i, r := range d.Mapping.Rows {
			if r.Target == "email" || r.Target == "phone" {
				d.Mapping.Rows[i].Direction = mapping.ToTarget
			}
		}
	})
	w.get("/map").says("main", "A new HighLevel contact needs Email or Phone, and nothing fills it.")
	w.edit(func(d *automation.Definition) { d.CreateSource = false })
	if strings.Contains(w.get("/map").words("main"), "nothing fills it") {
		t.Error("it complains about records it never makes")
	}
}

// TestTwoFieldsThatAreJoinedLeadBothWays adds a second source to a row that leads both ways.
func TestTwoFieldsThatAreJoinedLeadBothWays(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	join := func(pairs ...string) page {
		return w.post("/rows/r5", form(append([]string{"source", "name", "source", "companyName", "direction", "both", "policy", "source", "transform.0.name", "join"}, pairs...)...))
	}
	w.post("/rows/r5", form("do", "save", "source", "companyName", "direction", "both", "policy", "source")).is(http.StatusSeeOther)
	p := w.post("/rows/r5", form("do", "add-source", "source", "companyName", "direction", "both", "policy", "source")).is(http.StatusOK)
	if p.Find("#editor-r5 select[name=source]").Length() != 2 || p.Find("#editor-r5 [name='transform.0.name']").AttrOr("value", "") != "join" || p.Find("#editor-r5 button[value=add-source]").Length() != 0 {
		t.Errorf("the editor: %s", p.words("#editor-r5"))
	}
	p.says("#editor-r5 [data-way-back]", "Taken apart again: the part that is still the same stays as it is")
	join("do", "save", "transform.0.param.separator", ", ").is(http.StatusUnprocessableEntity).says("#editor-r5", "only what is joined by a space can be taken apart again. Join them by a space, or let the row lead one way.")
	join("do", "save", "transform.0.param.separator", " ").is(http.StatusSeeOther)
	if r := w.row("r5"); !r.Joins() {
		t.Fatalf("%+v", r)
	}
	p = w.get("/map").is(http.StatusOK).says("[data-target=companyName] [popovertarget=editor-r5]", "both ways")
	if got := p.Find("[data-target=companyName]").AttrOr("data-sources", ""); got != "name\ncompanyName" {
		t.Errorf("wires to %q", got)
	}
	// What goes back goes to each part under its own name.
	if back := p.words("[data-target=companyName] .map-remark"); back != "" && !strings.Contains(back, "In Gleap, ") {
		t.Errorf("%q", back)
	}
	// A field it fills is nobody else's.
	w.post("/rows", form("direction", "to_source", "target", "city", "fills", "name")).is(http.StatusUnprocessableEntity).says(".notice", "Name is filled from the HighLevel contact by another row already")
}

// TestConnectingAnewKeepsARowThatLeadsBothWaysValid: a source that tells no way back turns the row one way, and says so.
func TestConnectingAnewKeepsARowThatLeadsBothWaysValid(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.edit(func(d *automation.Definition) {
		row, _ := d.Mapping.RowFor("firstName")
		row.Sources, row.Steps, row.Direction = []string{"companyName"}, nil, mapping.Both
		d.Mapping = d.Mapping.Replace(row)
	})
	p := w.post("/rows", form("source", "name", "target", "firstName")).is(http.StatusSeeOther)
	row, _ := w.now().Definition.Mapping.RowFor("firstName")
	if row.Direction != "" || row.Sources[0] != "name" || !strings.HasSuffix(p.to, "?turned="+row.ID) {
		t.Fatalf("%+v, led to %q", row, p.to)
	}
	w.get("/map?turned="+row.ID).says(".notice", "First name leads to HighLevel only now")
	// Another that goes back as it is leads both ways still.
	w.post("/rows", form("do", "save", "source", "companyName", "target", "companyName")).is(http.StatusSeeOther)
	w.post("/rows/r5", form("do", "save", "source", "companyName", "direction", "both", "policy", "source")).is(http.StatusSeeOther)
	w.post("/rows", form("source", "name", "target", "companyName")).is(http.StatusSeeOther)
	if r := w.row("r5"); r.Direction != mapping.Both {
		t.Errorf("%+v", r)
	}
}
