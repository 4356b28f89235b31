package server

import (
	"net/http"
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
)

func TestTheFirstSyncBeginsWithALookAndWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.edit(twoWay)
	if p := w.get("/first-sync"); p.Find("#first-fill_empty[checked]").Length() != 1 || p.Find("#carry-title").Length() != 1 {
		t.Error("filling only what is empty is not what is proposed")
	}
	w.post("/first-sync", form("first", "link_only", "create", "true")).is(http.StatusSeeOther)
	if d := w.now().Definition; d.First != automation.LinkOnly || !d.Create || d.CreateSource {
		t.Errorf("saved %+v", d)
	}
	p, ok, err := w.store.LatestPopulation(t.Context(), w.id)
	if err != nil || !ok || p.Mode != engine.ModeShow || p.Version != w.now().Version {
		t.Errorf("the look is %+v, %v", p, err)
	}
	w.post("/first-sync", form("first", "as-you-like")).is(http.StatusBadRequest)
}

func TestTheFirstSyncOffersOnlyWhatItMayDo(t *testing.T) {
	t.Parallel()
	d := desk{a: automation.Automation{Definition: automation.Definition{First: automation.FillEmpty, Create: true}}}
	tally := engine.Tally{Matching: map[automation.Matching]int{
		automation.MatchSure: 2, automation.MatchNone: 3, automation.MatchOnlyTarget: 4, automation.MatchDoubtful: 1, automation.MatchDoubleTarget: 1, automation.MatchLinked: 9,
	}}
	f := carryOf(d, engine.Population{ID: "pl_1", Mode: engine.ModeShow, Tally: tally}, false)
	var got []string
	for _, p := range f.Parts {
		got = append(got, p.Value)
	}
	// Nothing leads back, so nobody is created in the source; those linked before have nothing to be brought up to date.
	want := []string{"sure", "none", "doubtful double_source double_target"}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("offered %q, want %q", got, want)
	}
	if carryOf(d, engine.Population{Tally: engine.Tally{Matching: map[automation.Matching]int{automation.MatchLinked: 9, automation.MatchPassed: 2}}}, false) != nil {
		t.Error("something is offered although there is nothing to do")
	}
}

// What cannot be carried over is not promised, and a person is led to the reasons.
func TestTheFirstSyncPromisesNothingThatIsBlocked(t *testing.T) {
	t.Parallel()
	d := desk{a: automation.Automation{Definition: automation.Definition{First: automation.FillEmpty, Create: true}}}
	tally := engine.Tally{
		Matching: map[automation.Matching]int{automation.MatchSure: 2, automation.MatchNone: 3},
		Blocked:  map[automation.Matching]int{automation.MatchSure: 2, automation.MatchNone: 1},
	}
	f := carryOf(d, engine.Population{ID: "pl_1", Mode: engine.ModeShow, Tally: tally}, false)
	if len(f.Parts) != 1 || f.Parts[0].Value != "none" || !strings.HasPrefix(f.Parts[0].Words, "Create 2 in ") {
		t.Errorf("offered %+v", f.Parts)
	}
}
