package enginetest_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// TestAFirstSyncIsLookedThroughByWhoMatchesWhom sorts everybody by how sure the counterpart is, and carries one kind out
// alone.
func TestAFirstSyncIsLookedThroughByWhoMatchesWhom(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	a := h.TwoWays(func(d *automation.Definition) {
		d.Match = append(d.Match, automation.MatchKey{Source: "phone", Target: "phone", Kind: record.Phone})
	})
	off(t, h, a)
	crm := func(name, email, phone string) {
		h.HighLevel.PersonCreatesContact(map[string]any{"firstName": name, "lastName": "Roe", "email": email, "phone": phone})
	}
	guest := func(name, email, phone string) {
		h.Gleap.PersonCreatesContact(map[string]any{"name": name, "email": email, "phone": phone})
	}
	crm("Jane", "jane@acme.io", "")
	guest("Jane Roe", "jane@acme.io", "+14155550133") // sure
	crm("Omar", "omar@acme.io", "")                   // only here
	guest("Lee", "lee@acme.io", "")                   // only there
	crm("Kim", "kim@acme.io", "+14155550144")         // the email points at one, the phone at another
	guest("Kim", "kim@acme.io", "")
	guest("Not Kim", "other@acme.io", "+14155550144")
	crm("Ana", "ana@acme.io", "") // two guests have her email
	guest("Ana 1", "ana@acme.io", "")
	guest("Ana 2", "ana@acme.io", "")

	crm("Dan", "dan@acme.io", "+14155550166") // the guest is his by email, and by phone hers: nobody's for sure
	crm("Dani", "", "+14155550155")
	guest("Dan", "dan@acme.io", "+14155550155")

	p := show(t, h, a, engine.ModeShow, "")
	want := map[automation.Matching]int{
		automation.MatchSure: 1, automation.MatchNone: 1, automation.MatchOnlyTarget: 1, automation.MatchDoubtful: 1,
		automation.MatchDoubleTarget: 1, automation.MatchDoubleSource: 2,
	}
	if !maps.Equal(p.Tally.Matching, want) {
		t.Fatalf("matching %v, want %v", p.Tally.Matching, want)
	}
	for matching, n := range want {
		items, err := h.Store.PlanItems(t.Context(), p.ID, engine.PlanFilter{Matching: matching, Limit: 100})
		if err != nil || len(items) != n {
			t.Errorf("%s: %d items, want %d, %v", matching, len(items), n, err)
		}
	}
	before := len(h.Gleap.Sessions())
	_, results := carryOut(t, h, p, engine.Choice{Matchings: []automation.Matching{automation.MatchSure}})
	if results[engine.ItemDone] != 1 || results[engine.ItemMoved] != 0 || results[engine.ItemLeft] != 6 || len(h.Gleap.Sessions()) != before {
		t.Errorf("only the sure pair was to be carried out: %v, %d guests more", results, len(h.Gleap.Sessions())-before)
	}
	if again := show(t, h, a, engine.ModeShow, ""); again.Tally.Matching[automation.MatchLinked] != 1 || again.Tally.Matching[automation.MatchSure] != 0 {
		t.Errorf("afterwards: %v", again.Tally.Matching)
	}
}

// TestManyBetterClaimsAreAllLookedFor: where more matches need a look than are looked up one by one, those beyond are
// told by the source's own list, and none is taken by its phone alone.
func TestManyBetterClaimsAreAllLookedFor(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Populations.RivalReads = 1
	a := h.TwoWays(func(d *automation.Definition) {
		d.Match = append(d.Match, automation.MatchKey{Source: "phone", Target: "phone", Kind: record.Phone})
		d.Rule = rule.Rule{Root: rule.Node{Op: rule.And, Nodes: []rule.Node{{Field: "firstName", Operator: "not_equals", Value: "By email"}}}}
	})
	phone := func(n int) string { return fmt.Sprintf("+1415555%04d", 100+n) }
	const pairs = 6
	for n := range pairs {
		name := fmt.Sprint("Guest ", n)
		h.Gleap.PersonCreatesContact(map[string]any{"name": name, "email": fmt.Sprintf("guest%d@acme.io", n), "phone": phone(n)})
		h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "By phone", "lastName": fmt.Sprint(n), "phone": phone(n)})
	}
	// Of half of the guests the email is somebody else's, whom the rule lets pass by: so no link tells.
	for n := 0; n < pairs; n += 2 {
		h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "By email", "lastName": fmt.Sprint(n), "email": fmt.Sprintf("Guest%d@acme.io", n)})
	}
	counting := &finding{Client: h.Clients[enginetest.HighLevelConnection]}
	h.Clients[enginetest.HighLevelConnection] = counting
	p := show(t, h, a, engine.ModeShow, "")
	if want := map[automation.Matching]int{automation.MatchSure: pairs / 2, automation.MatchDoubleSource: pairs / 2, automation.MatchPassed: pairs / 2}; p.State != engine.PopulationDone || !maps.Equal(p.Tally.Matching, want) {
		t.Fatalf("%s %s: matching %v, want %v", p.State, p.Problem, p.Tally.Matching, want)
	}
	items, err := h.Store.PlanItems(t.Context(), p.ID, engine.PlanFilter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, it := range items {
		name := it.Plan.SourceTitle
		if !strings.HasPrefix(name, "By phone") {
			continue
		}
		n := strings.TrimPrefix(name, "By phone ")
		if odd := strings.ContainsAny(n, "135"); odd != (it.Plan.Identity.How == automation.ByMatch) {
			t.Errorf("%s: %s %s", name, it.Plan.Identity.How, it.Plan.Reason)
		} else if !odd {
			asked++
			if it.Plan.Outcome != automation.Decide || !strings.Contains(it.Plan.Reason, "its email is that of By email "+n) {
				t.Errorf("%s: %s %s", name, it.Plan.Outcome, it.Plan.Reason)
			}
		}
	}
	if asked != pairs/2 {
		t.Errorf("%d are asked about, want %d", asked, pairs/2)
	}
	if n := counting.finds.Load(); n != 1 {
		t.Errorf("%d were looked up one by one, want 1", n)
	}
}

// finding counts what is looked up one by one.
type finding struct {
	provider.Client
	finds atomic.Int64
}

func (f *finding) Find(ctx context.Context, t record.ObjectType, field string, v record.Value) ([]record.Record, error) {
	f.finds.Add(1)
	return f.Client.(provider.Finder).Find(ctx, t, field, v)
}

// TestAMatchThatIsSomebodyElsesByABetterKeyIsAsked: her phone leads to a guest whose email is his. Though he has not been
// looked at yet, the guest must not become hers.
func TestAMatchThatIsSomebodyElsesByABetterKeyIsAsked(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	a := h.TwoWays(func(d *automation.Definition) {
		d.Match = append(d.Match, automation.MatchKey{Source: "phone", Target: "phone", Kind: record.Phone})
	})
	h.Gleap.PersonCreatesContact(map[string]any{"name": "Dan", "email": "dan@acme.io", "phone": "+14155550155"})
	hers := record.Ref{Connection: enginetest.HighLevelConnection, Type: record.Contact}
	hers.ID = h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Dani", "phone": "+14155550155"})
	preview := func() automation.Plan {
		plan, err := h.Reconciler.Preview(t.Context(), a, hers)
		edit(t, err)
		return plan
	}
	if p := preview(); p.Identity.How != automation.ByMatch {
		t.Fatalf("as long as nobody else has the email she is the one: %s %s", p.Identity.How, p.Reason)
	}
	h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Dan", "email": "dan@acme.io"})
	if p := preview(); p.Outcome != automation.Decide || !strings.Contains(p.Reason, "its email is that of Dan") {
		t.Errorf("%s: %s", p.Outcome, p.Reason)
	}
}

// TestDetailsThatPointAtTwoAreAsked: a guest's email leads to one contact and the phone to another. Whichever of the three
// is looked at first, and whether by a plan for everyone, nobody is guessed.
func TestDetailsThatPointAtTwoAreAsked(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"the guest", "by email", "by phone", "a plan"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			a := h.Joined(func(d *automation.Definition) {
				d.First = automation.FillEmpty
				d.Match = append(d.Match, automation.MatchKey{Source: "phone", Target: "phone", Kind: record.Phone})
			})
			guest := gleapRef(h.Gleap.PersonCreatesContact(map[string]any{"name": "Dan", "email": "dan@acme.io", "phone": "+14155550155"}))
			byEmail := highlevelRef(h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Dan", "email": "dan@acme.io"}))
			byPhone := highlevelRef(h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Dani", "phone": "+14155550155"}))
			switch first {
			case "the guest":
				h.Tell(guest, provider.Created)
			case "by email":
				h.Tell(byEmail, provider.Created)
			case "by phone":
				h.Tell(byPhone, provider.Created)
			case "a plan":
				carryOut(t, h, show(t, h, a, engine.ModeShow, ""), engine.Choice{})
			}
			h.PollBoth()
			if c, ok := h.HighLevel.Contact(byEmail.ID); !ok || c["phone"] != nil && c["phone"] != "" {
				t.Errorf("she was taken for him: %v", c)
			}
			open, err := h.Store.ReviewList(t.Context(), engine.ReviewFilter{Automation: a.ID, State: automation.ReviewOpen, Limit: 10})
			edit(t, err)
			named := map[record.Ref]bool{}
			for _, r := range open {
				named[r.Source] = true
				for _, c := range r.Plan.Identity.Candidates {
					named[c.Ref] = true
				}
			}
			if !named[guest] || !named[byEmail] || !named[byPhone] {
				t.Errorf("asked about %+v", open)
			}
			if n := len(h.Gleap.Sessions()) + len(h.HighLevel.Contacts()); n != 3 {
				t.Errorf("there are %d records", n)
			}
		})
	}
}

// Once it is known whom a guest belongs to, nobody is asked about the guest any more, whichever of the two told.
func TestALinkSettlesTheQuestionAboutItsOtherRecord(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	a := h.Joined(func(d *automation.Definition) {
		d.Match = append(d.Match, automation.MatchKey{Source: "phone", Target: "phone", Kind: record.Phone})
	})
	guest := gleapRef(h.Gleap.PersonCreatesContact(map[string]any{"name": "Dan", "email": "dan@acme.io", "phone": "+14155550155"}))
	byEmail := highlevelRef(h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Dan", "email": "dan@acme.io"}))
	byPhone := h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Dani", "email": "dani@acme.io", "phone": "+14155550155"})
	open := func() int {
		t.Helper()
		list, err := h.Store.ReviewList(t.Context(), engine.ReviewFilter{Automation: a.ID, State: automation.ReviewOpen, Limit: 10})
		edit(t, err)
		return len(list)
	}
	h.Tell(guest, provider.Created)
	if n := open(); n != 1 {
		t.Fatalf("%d questions, want the one about the guest", n)
	}
	edit(t, h.HighLevel.PersonEditsContact(byPhone, map[string]any{"phone": "+14155550199"}))
	h.Tell(byEmail, provider.Updated)
	if n := open(); n != 0 {
		t.Errorf("%d questions are left: %s", n, h.LastRun().Summary)
	}
}
