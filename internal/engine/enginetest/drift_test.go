package enginetest_test

import (
	"fmt"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/mapping"
	"crosswalk/internal/rule"
)

// oneWay is a house whose people live on both sides, and whose automation leads one way and does nothing about deletes.
func oneWay(t *testing.T, gleapOnly int) (*enginetest.House, automation.Automation) {
	h := enginetest.New(t, enginetest.Options{})
	a := h.Automation("highlevel-contact-to-gleap", func(d *automation.Definition) {
		d.Rule = rule.Rule{Root: rule.Node{Op: rule.And, Nodes: []rule.Node{{Field: "companyName", Operator: "not_equals", Value: "Passed by"}}}}
	})
	off(t, h, a)
	for i, company := range []string{"Acme", "Acme", "Passed by"} {
		email := fmt.Sprintf("both%d@acme.io", i)
		h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Both", "email": email, "companyName": company})
		h.Gleap.PersonCreatesContact(map[string]any{"name": "Both", "email": email, "companyName": company})
	}
	for i := range gleapOnly {
		h.Gleap.PersonCreatesContact(map[string]any{"name": fmt.Sprintf("Gleap Only%d", i), "email": fmt.Sprintf("g%d@acme.io", i)})
	}
	return h, a
}

func TestAOneWayComparisonShowsWhoIsOnlyOnTheOtherSide(t *testing.T) {
	t.Parallel()
	h, a := oneWay(t, 60)
	for _, of := range []string{"", engine.DailyComparison} {
		p := show(t, h, a, engine.ModeShow, of)
		if p.Tally.Drift[engine.OnlyThere] != 60 || p.Tally.Matching[automation.MatchOnlyTarget] != 60 || p.Counts[automation.Skip] != 61 || p.Done != 63 {
			t.Errorf("of %q: %+v, %v of %d", of, p.Tally, p.Counts, p.Done)
		}
		if p.Tally.Drift[engine.Apart] != 1 {
			t.Errorf("the one the rule let pass by, and its like on the other side, are one that is left alone: %v", p.Tally.Drift)
		}
		if p.Reads > 10 {
			t.Errorf("%d calls to compare 63 records", p.Reads)
		}
	}
	p := show(t, h, a, engine.ModeShow, "")
	there, err := h.Store.PlanItems(t.Context(), p.ID, engine.PlanFilter{Matching: automation.MatchOnlyTarget, Limit: 100})
	if err != nil || len(there) != 60 {
		t.Fatalf("%d only there, %v", len(there), err)
	}
	for _, item := range there {
		if item.Plan.Source.Connection != enginetest.GleapConnection || item.Plan.Outcome != automation.Skip || item.Plan.Reason == "" {
			t.Errorf("shown as %+v", item.Plan)
		}
	}
	before := len(h.HighLevel.Contacts())
	_, results := carryOut(t, h, p, engine.Choice{})
	if results[engine.ItemFailed]+results[engine.ItemMoved] > 0 || len(h.HighLevel.Contacts()) != before || len(h.Gleap.Sessions()) != 63 {
		t.Errorf("carrying it out: %v, %d and %d records", results, len(h.HighLevel.Contacts()), len(h.Gleap.Sessions()))
	}
	for _, r := range h.Runs() {
		if r.Source.Connection == enginetest.GleapConnection {
			t.Errorf("a run for %s, which is only there", r.Source)
		}
	}
}

func TestAPlanIsLookedThroughByDriftAndByEmail(t *testing.T) {
	t.Parallel()
	h, a := oneWay(t, 5)
	carryOut(t, h, show(t, h, a, engine.ModeShow, ""), engine.Choice{})
	p := show(t, h, a, engine.ModeShow, "")
	for d, n := range p.Tally.Drift {
		items, err := h.Store.PlanItems(t.Context(), p.ID, engine.PlanFilter{Drift: d, Limit: 100})
		if err != nil || len(items) != n {
			t.Errorf("%s lists %d, and %d were counted: %v", d, len(items), n, err)
		}
	}
	if p.Tally.Drift[engine.InSync] != 2 || p.Tally.Drift[engine.OnlyThere] != 5 {
		t.Errorf("%v", p.Tally.Drift)
	}
	for _, email := range []string{"BOTH1@acme.io", "both2@acme.io", "g3@acme.io"} { // linked, let pass by, only there
		items, err := h.Store.PlanItems(t.Context(), p.ID, engine.PlanFilter{Search: email, Limit: 100})
		if err != nil || len(items) != 1 {
			t.Errorf("%s finds %d records: %v", email, len(items), err)
		}
	}
}

func TestHealingBringsBackWhatWasEditedOnTheSideThatDoesNotOwnIt(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	a := h.Automation(toHighLevel, func(d *automation.Definition) {
		for i := range d.Mapping.Rows {
			if d.Mapping.Rows[i].Target == "phone" {
				d.Mapping.Rows[i].Owner = mapping.OwnerTarget
			}
		}
	})
	h.Gleap.PersonCreatesContact(jane())
	h.Gleap.PersonCreatesContact(map[string]any{"name": "Omar Haddad", "email": "omar@acme.io"})
	h.Poll()
	off(t, h, a)
	id := map[string]string{}
	for _, c := range h.HighLevel.Contacts() {
		id[fmt.Sprint(c["email"])] = fmt.Sprint(c["id"])
	}
	name := func(email string) any {
		for _, c := range h.HighLevel.Contacts() {
			if c["id"] == id[email] {
				return c["firstName"]
			}
		}
		return nil
	}
	edit(t, h.HighLevel.PersonEditsContact(id["jane@acme.io"], map[string]any{"firstName": "Janet", "phone": "+14155550199"}))
	edit(t, h.HighLevel.PersonEditsContact(id["omar@acme.io"], map[string]any{"firstName": "Omar B."}))
	p := show(t, h, a, engine.ModeShow, "")
	if p.Tally.Drift[engine.Differs] != 2 || p.Counts[automation.Update] != 0 {
		t.Fatalf("not healing: %+v, %v", p.Tally, p.Counts)
	}
	kept := fmt.Sprint(p.Tally.Fields, p.Tally.Kept)
	p = show(t, h, a, engine.ModeShow, engine.Healing)
	if now := fmt.Sprint(p.Tally.Fields, p.Tally.Kept); now != kept || p.Tally.Kept["First name"] != 2 {
		t.Errorf("fields that differ, and are left so: %s, and in a plan that heals %s", kept, now)
	}
	if p.Counts[automation.Update] != 2 || p.Tally.Drift[engine.Differs] != 2 || name("jane@acme.io") != "Janet" {
		t.Fatalf("healing: %+v, %v", p.Tally, p.Counts)
	}
	// What moved after it was shown is not written.
	edit(t, h.HighLevel.PersonEditsContact(id["omar@acme.io"], map[string]any{"firstName": "Omar C."}))
	h.Later(time.Minute)
	_, results := carryOut(t, h, p, engine.Choice{})
	if results[engine.ItemDone] != 1 || results[engine.ItemMoved] != 1 {
		t.Errorf("results %v", results)
	}
	if name("jane@acme.io") != "Jane" || name("omar@acme.io") != "Omar C." {
		t.Errorf("%v and %v", name("jane@acme.io"), name("omar@acme.io"))
	}
	for _, c := range h.HighLevel.Contacts() {
		if c["id"] == id["jane@acme.io"] && c["phone"] != "+14155550199" {
			t.Errorf("HighLevel has the last word on the phone number, and it is %v", c["phone"])
		}
	}
}

func TestHealingLeavesAFieldThatIsCarriedTheOtherWay(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	a := h.TwoWays(nil)
	h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": "jane@acme.io"})
	h.PollBoth()
	off(t, h, a)
	edit(t, h.Gleap.PersonEditsContact(fmt.Sprint(h.Gleap.Sessions()[0]["id"]), map[string]any{"name": "Janet Doe"}))
	p := show(t, h, a, engine.ModeShow, engine.Healing)
	items, err := h.Store.PlanItems(t.Context(), p.ID, engine.PlanFilter{Limit: 10})
	if err != nil || len(items) != 1 || len(items[0].Plan.On(automation.SourceSide)) != 1 || len(items[0].Plan.On(automation.TargetSide)) != 0 {
		t.Errorf("an edit that another row carries back is healed away: %+v, %v", items, err)
	}
}

func TestAOneWayComparisonAsksNobodyAboutALinkedRecordWhoseSourceIsGone(t *testing.T) {
	t.Parallel()
	h, a := oneWay(t, 0)
	carryOut(t, h, show(t, h, a, engine.ModeShow, ""), engine.Choice{})
	for _, c := range h.HighLevel.Contacts() {
		edit(t, h.HighLevel.PersonDeletesContact(fmt.Sprint(c["id"])))
	}
	p := show(t, h, a, engine.ModeShow, "")
	if p.Tally.Drift[engine.OnlyThere] != 3 || p.Reads > 5 {
		t.Errorf("%+v, %d calls", p.Tally, p.Reads)
	}
	_, results := carryOut(t, h, p, engine.Choice{})
	if len(results) > 0 || len(h.Gleap.Sessions()) != 3 {
		t.Errorf("carrying it out: %v, %d records", results, len(h.Gleap.Sessions()))
	}
}
