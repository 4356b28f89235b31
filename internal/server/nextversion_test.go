package server

import (
	"net/http"
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
)

// switchedOn is a workshop whose automation is on.
func switchedOn(t *testing.T) *workshop {
	t.Helper()
	w := newWorkshop(t)
	w.post("/activation", form("state", "on")).is(http.StatusSeeOther)
	return w
}

func TestWhatIsEditedWhileOnWaitsUntilItIsPutLive(t *testing.T) {
	t.Parallel()
	w := switchedOn(t)
	before := w.now()
	w.get("/map").says(".builder-head", "Changes you make wait until you put them live")
	w.post("/rows", form("source", "customData.plan", "target", "city")).is(http.StatusSeeOther)
	w.post("/policies", form("create", "true", "update", "true", "changes", "12")).is(http.StatusSeeOther)
	w.get("/live").says("main", "It is not live yet") // the flash
	a := w.now()
	if a.Version != before.Version || len(automation.Diff(a.Definition, before.Definition)) != 0 {
		t.Fatalf("version %d works, and differs in %v", a.Version, automation.Diff(a.Definition, before.Definition))
	}
	if a.Next == nil || a.Next.Number != 3 || a.Next.Definition.Limits.ChangesPerHour != 12 {
		t.Fatalf("what waits is %+v", a.Next)
	}
	// Every page of the editor shows what is edited, and that it waits.
	for _, page := range []string{"/when", "/map", "/test", "/live", "/versions"} {
		w.get(page).is(http.StatusOK).says("#next", "Version 1 works on meanwhile").says("#next", "City is made from Plan").says("#next", "12 changes an hour")
	}
	w.get("/map").says("[data-target=city]", "edit how City is made")
	w.get("/versions").says(".versions li:first-child", "not live yet").says(".version-changes", "City")
	w.get("/test").says("main", "It is about version 1, which is live").says("main", "goes by version 1")
	w.do(newGet("/automations")).says("main", "Changes are not live yet")
	// It can be taken back step by step, and compared over everyone before it counts.
	w.post("/undo", form()).is(http.StatusSeeOther)
	if n := w.now().Next; n == nil || n.Definition.Limits.ChangesPerHour != 0 {
		t.Fatalf("after undo %+v waits", n)
	}
	w.post("/redo", form()).is(http.StatusSeeOther)
	w.post("/plans", form("compare", "next")).is(http.StatusSeeOther)
	p := w.store.populations[len(w.store.populations)-1]
	if p.Mode != engine.ModeCompare || p.Of != "1" || p.Version != w.now().Next.Number {
		t.Errorf("it compares %s of version %d against %s", p.Mode, p.Version, p.Of)
	}
	w.post("/next", form("do", "live")).is(http.StatusSeeOther)
	if a = w.now(); a.Next != nil || a.Version != 5 || a.Definition.Limits.ChangesPerHour != 12 || a.State != automation.On {
		t.Errorf("live is version %d %+v", a.Version, a.Next)
	}
	w.get("/live").says("main", "Version 5 counts from the next event")
	if w.get("/live").Find("#next").Length() != 0 {
		t.Error("something still waits")
	}
	w.post("/plans", form("compare", "next")).is(http.StatusConflict)
	w.post("/next", form("do", "live")).is(http.StatusSeeOther) // twice does no harm
	// An earlier version is gone back to in the same way.
	w.post("/versions", form("number", "1")).is(http.StatusSeeOther)
	if a = w.now(); a.Version != 5 || a.Next == nil {
		t.Errorf("going back counts at once: version %d", a.Version)
	}
}

func TestWhatWaitsCanBeThrownAway(t *testing.T) {
	t.Parallel()
	w := switchedOn(t)
	w.post("/rows", form("source", "customData.plan", "target", "city")).is(http.StatusSeeOther)
	w.post("/next", form("do", "discard")).is(http.StatusSeeOther)
	w.get("/live").says("main", "Version 1 stays as it is")
	a := w.now()
	if a.Next != nil || a.Version != 1 {
		t.Fatalf("version %d, and %+v waits", a.Version, a.Next)
	}
	w.get("/versions").says(".versions li:first-child", "thrown away").says(".versions li:nth-child(2)", "current")
	if p := w.get("/map"); p.Find("form[action$='/undo'] button[disabled]").Length() != 1 {
		t.Error("what was thrown away can be undone")
	}
	w.post("/rows", form("source", "", "target", "tags")).is(http.StatusSeeOther)
	if n := w.now().Next; n == nil || n.Number != 3 {
		t.Errorf("the next one that waits is %+v", n)
	}
	w.post("/next", form("do", "burn")).is(http.StatusNotFound)
}

func TestPuttingLiveNoticesWhatSomebodyElseEdited(t *testing.T) {
	t.Parallel()
	w := switchedOn(t)
	w.post("/rows", form("source", "customData.plan", "target", "city")).is(http.StatusSeeOther)
	seen := form("do", "live", "version", "2")
	w.secondTab()
	w.post("/rows", form("source", "", "target", "tags")).is(http.StatusSeeOther)
	w.post("/next", seen).is(http.StatusConflict).says(".conflict", "Tags is not mapped")
	w.post("/next", form("do", "discard", "version", "1")).is(http.StatusConflict)
	if a := w.now(); a.Version != 1 || a.Next == nil {
		t.Errorf("version %d, and %+v waits", a.Version, a.Next)
	}
}

func TestWhatCannotWorkIsNotPutLive(t *testing.T) {
	t.Parallel()
	w := switchedOn(t)
	for _, row := range w.now().Definition.Mapping.Rows {
		w.post("/rows/"+row.ID+"/delete", form()).is(http.StatusSeeOther)
	}
	w.post("/next", form("do", "live")).is(http.StatusUnprocessableEntity).says("main", "Not put live").says("main", "Nothing is mapped yet")
	if a := w.now(); a.Version != 1 || a.State != automation.On {
		t.Errorf("version %d is %s", a.Version, a.State)
	}
	// What works can be paused and go on all the same.
	w.post("/activation", form("state", "off")).is(http.StatusSeeOther)
	w.get("/live").says("#next", "Version 1 is what is switched on again")
	w.post("/activation", form("state", "on")).is(http.StatusSeeOther)
	if a := w.now(); a.Version != 1 || a.State != automation.On || a.Next == nil {
		t.Errorf("version %d is %s, and %+v waits", a.Version, a.State, a.Next)
	}
}

// TestABrakeThatIsRaisedCountsAtOnce: it is what a person does about a standstill. What waits does not take it back.
func TestABrakeThatIsRaisedCountsAtOnce(t *testing.T) {
	t.Parallel()
	w := switchedOn(t)
	w.post("/rows", form("source", "customData.plan", "target", "city")).is(http.StatusSeeOther)
	if err := w.store.SetState(t.Context(), w.id, automation.Paused, "5000 changes in an hour"); err != nil {
		t.Fatal(err)
	}
	w.post("/limits", form("changes", "9000")).is(http.StatusSeeOther)
	a := w.now()
	if a.State != automation.On || a.Definition.Limits.ChangesPerHour != 9000 || a.Next == nil || a.Next.Definition.Limits.ChangesPerHour != 9000 {
		t.Fatalf("%s, %+v, and %+v waits", a.State, a.Definition.Limits, a.Next)
	}
	if _, has := a.Definition.Mapping.RowFor("city"); has {
		t.Error("what waits became live with it")
	}
	// Each step that waits can still be taken back by itself, and the raise is no part of any.
	w.post("/policies", form("update", "true", "changes", "9000")).is(http.StatusSeeOther)
	w.post("/limits", form("changes", "9500")).is(http.StatusSeeOther)
	w.post("/undo", form()).is(http.StatusSeeOther)
	n := w.now().Next.Definition
	if _, city := n.Mapping.RowFor("city"); !city || !n.Create || n.Limits.ChangesPerHour != 9500 {
		t.Errorf("after an undo city %v, create %v, %+v", city, n.Create, n.Limits)
	}
	w.post("/undo", form()).is(http.StatusSeeOther)
	w.post("/redo", form()).is(http.StatusSeeOther)
	w.post("/limits", form("changes", "9000")).is(http.StatusSeeOther)
	w.post("/next", form("do", "live")).is(http.StatusSeeOther)
	if a = w.now(); a.Definition.Limits.ChangesPerHour != 9000 || !strings.Contains(w.get("/map").Find("[data-target=city]").Text(), "City") {
		t.Errorf("live is %+v", a.Definition.Limits)
	}
}
