package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

var (
	whyNoon  = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	whyHere  = record.Ref{Connection: "cn_a", Type: record.Contact, ID: "1"}
	whyThere = record.Ref{Connection: "cn_b", Type: record.Contact, ID: "2"}
	whyLink  = automation.Link{ID: "ln_1", Source: whyHere, Target: whyThere}
)

func watching(edit func(*automation.Automation)) automation.Automation {
	a := automation.Automation{ID: "au_1", Name: "Contacts", State: automation.On, Definition: automation.Definition{
		Source: automation.Endpoint{Connection: "cn_a", Object: record.Contact}, Target: automation.Endpoint{Connection: "cn_b", Object: record.Contact},
		Trigger: rule.Trigger{On: []string{"created", "updated"}},
		Mapping: mapping.Mapping{Rows: []mapping.Row{{ID: "r1", Sources: []string{"email"}, Target: "email"}}},
	}}
	if edit != nil {
		edit(&a)
	}
	return a
}

func twoWay(a *automation.Automation) { a.Definition.Mapping.Rows[0].Direction = mapping.Both }

func looked(edit func(*automation.Run)) automation.Run {
	r := automation.Run{ID: "rn_1", Automation: "au_1", Source: whyHere, State: automation.Succeeded, Outcome: automation.Same, StartedAt: whyNoon}
	edit(&r)
	return r
}

func arrived(e automation.Event, routed bool, led ...automation.Run) TimelineEntry {
	a := Arrival{Event: e, Led: led}
	if routed {
		a.RoutedAt = whyNoon
	}
	return TimelineEntry{Kind: EntryArrival, ID: "ev_1", At: whyNoon, Arrival: &a}
}

func verdictOf(checks ...rule.Check) *automation.Plan {
	return &automation.Plan{Outcome: automation.Skip, Code: "rule", Verdict: rule.Verdict{Root: rule.Check{Op: rule.And, Checks: checks}}}
}

func TestWhyAnswersInASentence(t *testing.T) {
	t.Parallel()
	here := automation.Event{ID: "ev_1", Kind: automation.Webhook, Ref: whyHere, Change: provider.Updated, ReceivedAt: whyNoon}
	email := rule.Check{Label: "Email has any value", Got: "a@b.c", Passed: true}
	plan := rule.Check{Label: "Plan is not “free”", Got: "free"}
	seats := rule.Check{Label: "Seats is more than “10”", Got: "empty"}
	for name, c := range map[string]struct {
		about       record.Ref
		automations []automation.Automation
		latest      []automation.Run
		entries     []TimelineEntry
		code, run   string
		says        string
		reasons     int
	}{
		"nobody watches": {
			about: record.Ref{Connection: "cn_a", Type: record.Ticket, ID: "9"}, automations: []automation.Automation{watching(nil)},
			code: WhyUnwatched, says: "No automation watches this: none names the tickets of this account.",
		},
		"filtered by one condition": {
			automations: []automation.Automation{watching(nil)}, reasons: 1, code: "rule", run: "rn_1",
			latest: []automation.Run{looked(func(r *automation.Run) {
				r.Outcome, r.Code = automation.Skip, "rule"
				r.Steps = []automation.Step{{Kind: automation.StepRule, Plan: verdictOf(email, email, plan)}}
			})},
			says: "“Contacts”: Filtered by condition 3: Plan is not “free”, but it is “free”.",
		},
		"filtered by one of a group": {
			automations: []automation.Automation{watching(nil)}, reasons: 1, code: "rule", run: "rn_1",
			latest: []automation.Run{looked(func(r *automation.Run) {
				r.Outcome, r.Code = automation.Skip, "rule"
				r.Steps = []automation.Step{{Kind: automation.StepRule, Plan: verdictOf(
					rule.Check{Op: rule.Or, Passed: true, Checks: []rule.Check{plan, email}}, rule.Check{Op: rule.Or, Checks: []rule.Check{plan, seats}})}}
			})},
			says: "Filtered by condition 3: Plan is not “free”, but it is “free”; condition 4: Seats is more than “10”, but it is empty.",
		},
		"a condition on a field that is gone": {
			automations: []automation.Automation{watching(nil)}, reasons: 1, code: "rule", run: "rn_1",
			latest: []automation.Run{looked(func(r *automation.Run) {
				r.Outcome, r.Code = automation.Skip, "rule"
				r.Steps = []automation.Step{{Kind: automation.StepRule, Plan: verdictOf(email, rule.Check{Label: "x", Broken: "The field was deleted."})}}
			})},
			says: "Filtered by condition 2: The field was deleted.",
		},
		"nothing moved": {
			automations: []automation.Automation{watching(nil)}, reasons: 1, code: "unmoved", run: "rn_1",
			latest: []automation.Run{looked(func(r *automation.Run) { r.Code, r.Summary = "unmoved", "No mapped field changed." })},
			says:   "“Contacts”: Nothing moved. No mapped field changed.",
		},
		"it wrote": {
			automations: []automation.Automation{watching(nil)}, reasons: 1, code: "update", run: "rn_1",
			latest: []automation.Run{looked(func(r *automation.Run) {
				r.Outcome, r.Code, r.Summary = automation.Update, "update", "Updated 2 fields of the contact"
				r.Steps = []automation.Step{{Plan: &automation.Plan{Outcome: automation.Update, Fields: []automation.FieldPlan{{Label: "Phone", Action: automation.Set}, {Label: "City", Action: automation.Keep}, {Label: "Tags", Action: automation.AddTo}}}}}
			})},
			says: "Updated 2 fields of the contact: Phone, Tags.",
		},
		"it waits for its parent": {
			automations: []automation.Automation{watching(nil)}, reasons: 1, code: codeNoParent, run: "rn_1",
			latest: []automation.Run{looked(func(r *automation.Run) {
				r.State, r.Outcome, r.Code = automation.Waiting, automation.Blocked, codeNoParent
			})},
			says: "It waits for the record it belongs to",
		},
		"it was refused": {
			automations: []automation.Automation{watching(nil)}, reasons: 1, code: "invalid", run: "rn_1",
			latest: []automation.Run{looked(func(r *automation.Run) {
				r.State, r.Outcome, r.Code, r.Summary = automation.Failed, automation.Blocked, "invalid", "The contact was refused as it was sent."
				r.Steps = []automation.Step{{Kind: automation.StepError, Title: "Refused", Detail: "Phone: not a number."}}
			})},
			says: "The contact was refused as it was sent. Phone: not a number.",
		},
		"paused, and what it said before": {
			automations: []automation.Automation{watching(func(a *automation.Automation) {
				a.State, a.PausedWhy = automation.Paused, "limit of 20 deletes an hour reached."
			})}, reasons: 1, code: WhyPaused, run: "rn_1",
			latest: []automation.Run{looked(func(r *automation.Run) { r.Code, r.Summary = "same", "Both sides agree, nothing to do." })},
			says:   "“Contacts”: It is paused (limit of 20 deletes an hour reached); what changes is held until it goes on. When it last looked: both sides agree, nothing to do.",
		},
		"off": {
			automations: []automation.Automation{watching(func(a *automation.Automation) { a.State = automation.Draft })}, reasons: 1, code: WhyOff,
			entries: []TimelineEntry{arrived(here, true)}, says: "It is switched off",
		},
		"a question is open": {
			automations: []automation.Automation{watching(nil)}, reasons: 1, code: automation.CodeConflict, run: "rn_1",
			latest:  []automation.Run{looked(func(r *automation.Run) { r.State, r.Outcome, r.Code = automation.Failed, automation.Decide, "conflict" })},
			entries: []TimelineEntry{{Kind: EntryReview, Review: &automation.Review{ID: "rv_1", Automation: "au_1", State: automation.ReviewOpen, Plan: automation.Plan{Reason: "Phone moved on both sides."}}}},
			says:    "It waits for a person to decide. Phone moved on both sides.",
		},
		"somebody left it alone": {
			automations: []automation.Automation{watching(nil)}, reasons: 1, code: "ignored",
			entries: []TimelineEntry{{Kind: EntryReview, Review: &automation.Review{ID: "rv_1", Automation: "au_1", State: automation.ReviewDecided, Decision: automation.Decision{Ignore: true}}}},
			says:    "Somebody chose to leave it alone.",
		},
		"somebody wants a new one, and there can be none": {
			automations: []automation.Automation{watching(nil)}, reasons: 1, code: automation.CodeNoSecond, run: "rn_1",
			latest: []automation.Run{looked(func(r *automation.Run) {
				r.State, r.Outcome, r.Code, r.Summary = automation.Failed, automation.Blocked, automation.CodeNoSecond, "The account takes no second one."
			})},
			entries: []TimelineEntry{{Kind: EntryReview, Review: &automation.Review{ID: "rv_1", Automation: "au_1", State: automation.ReviewDecided, Decision: automation.Decision{CreateNew: true}}}},
			says:    "The account takes no second one.",
		},
		"due": {
			automations: []automation.Automation{watching(nil)}, reasons: 1, code: WhyDue,
			entries: []TimelineEntry{{Kind: EntryDue, Due: &DueWork{Key: Key{"au_1", whyHere}, State: "queued"}}}, says: "It is about to be looked at.",
		},
		"a change it does not mind": {
			automations: []automation.Automation{watching(func(a *automation.Automation) { a.Definition.Trigger.On = []string{"created"} })}, reasons: 1, code: WhyTrigger,
			entries: []TimelineEntry{arrived(here, true)}, says: "It does not mind that a record is updated; it minds created.",
		},
		"nothing arrived": {
			automations: []automation.Automation{watching(nil)}, reasons: 1, code: WhySilence, says: "Nothing has arrived about it",
		},
		"the other way only": {
			about: whyThere, automations: []automation.Automation{watching(nil)}, reasons: 1, code: WhyOneWay, says: "It carries changes the other way only",
		},
		"the most telling first": {
			automations: []automation.Automation{
				watching(func(a *automation.Automation) { a.ID, a.Name, a.State = "au_0", "Off", automation.Draft }), watching(nil),
				watching(func(a *automation.Automation) { a.ID, a.Name, a.State = "au_2", "Stopped", automation.Paused })},
			latest: []automation.Run{
				looked(func(r *automation.Run) { r.Code, r.Summary = "same", "Both sides agree." }),
				looked(func(r *automation.Run) { r.Automation, r.Code, r.Summary = "au_gone", "update", "Updated 1 field" })},
			reasons: 4, code: WhyPaused, says: "“Stopped”: It is paused",
		},
	} {
		s := Story{Record: c.about, Automations: c.automations, Latest: c.latest, Entries: c.entries}
		if s.Record.IsZero() {
			s.Record = whyHere
		}
		got := Why(s)
		if got.Code != c.code || got.Run != c.run || !strings.Contains(got.Sentence, c.says) || len(got.Reasons) != c.reasons {
			t.Errorf("%s: %+v", name, got)
		}
		if len(got.Reasons) > 0 && got.Reasons[0].Code != got.Code {
			t.Errorf("%s: the answer is not its first reason: %+v", name, got)
		}
	}
}

func TestAnArrivalSaysWhoCared(t *testing.T) {
	t.Parallel()
	here := automation.Event{ID: "ev_1", Kind: automation.Webhook, Ref: whyHere, Change: provider.Updated, ReceivedAt: whyNoon}
	deleted, there := here, here
	deleted.Change, there.Ref = provider.Deleted, whyThere
	own := looked(func(r *automation.Run) { r.Event, r.Code, r.Summary = here, "same", "Both sides agree." })
	later := looked(func(r *automation.Run) { r.Event.ID, r.Code, r.Summary = "ev_2", "same", "Both sides agree." })
	for name, c := range map[string]struct {
		a      automation.Automation
		e      automation.Event
		routed bool
		led    []automation.Run
		code   string
		cared  bool
		says   string
	}{
		"its run":              {watching(nil), here, true, []automation.Run{own}, "same", true, "Both sides agree."},
		"a later run":          {watching(nil), here, true, []automation.Run{later}, "same", true, "together with later news. Both sides agree."},
		"not its run":          {watching(nil), there, true, []automation.Run{later}, WhyOneWay, false, "the other way only"},
		"its run, now off":     {watching(func(a *automation.Automation) { a.State = automation.Draft }), here, true, []automation.Run{own}, "same", true, "Both sides agree."},
		"off":                  {watching(func(a *automation.Automation) { a.State = automation.Draft }), here, true, nil, WhyOff, false, "switched off"},
		"paused":               {watching(func(a *automation.Automation) { a.State = automation.Paused }), here, true, nil, WhyPaused, true, "paused"},
		"a deletion":           {watching(nil), deleted, true, nil, WhyTrigger, false, "nothing about deleted"},
		"unrouted":             {watching(nil), here, false, nil, WhyUnrouted, true, "Nobody has looked"},
		"made later":           {watching(func(a *automation.Automation) { a.CreatedAt = whyNoon.Add(time.Hour) }), here, true, nil, WhyLater, false, "made later"},
		"no run":               {watching(nil), here, true, nil, WhyHeld, true, "minds this"},
		"the other side":       {watching(nil), there, true, nil, WhyOneWay, false, "the other way only"},
		"the other side heard": {watching(twoWay), there, true, nil, WhyHeld, true, "minds this"},
	} {
		fates := Fates(*arrived(c.e, c.routed, c.led...).Arrival, []automation.Automation{c.a})
		if len(fates) != 1 {
			t.Errorf("%s: %+v", name, fates)
			continue
		}
		if f := fates[0]; f.Code != c.code || f.Cared != c.cared || !strings.Contains(f.Sentence, c.says) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	other := here
	other.Ref.Type = record.Ticket
	if fates := Fates(*arrived(other, true).Arrival, []automation.Automation{watching(nil)}); len(fates) != 0 {
		t.Errorf("nobody watches tickets, and yet %+v", fates)
	}
}

// TestWhoCaredIsWhoTheRouterAsks holds what is told against what is done: an automation is said to care exactly when
// the router would have made it due.
func TestWhoCaredIsWhoTheRouterAsks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := watching(func(a *automation.Automation) {
			a.State = rapid.SampledFrom([]automation.State{automation.Draft, automation.On, automation.Paused}).Draw(t, "state")
			a.Definition.Trigger.On = rapid.SliceOfDistinct(rapid.SampledFrom([]string{"created", "updated", "deleted"}), func(s string) string { return s }).Draw(t, "on")
			a.Definition.Deletes.Policy = rapid.SampledFrom([]automation.DeletePolicy{"", automation.DeleteUnlink, automation.DeleteDelete}).Draw(t, "deletes")
			if rapid.Bool().Draw(t, "two way") {
				twoWay(a)
			}
		})
		e := automation.Event{
			ID: "ev_1", ReceivedAt: whyNoon,
			Kind:   rapid.SampledFrom([]automation.EventKind{automation.Webhook, automation.Poll, automation.Manual, automation.Backfill}).Draw(t, "kind"),
			Ref:    rapid.SampledFrom([]record.Ref{whyHere, whyThere, {Connection: "cn_a", Type: record.Ticket, ID: "1"}}).Draw(t, "ref"),
			Change: rapid.SampledFrom([]provider.Change{provider.Created, provider.Updated, provider.Deleted}).Draw(t, "change"),
		}
		_, cares := interested(a, e, nil)
		fates := Fates(Arrival{Event: e, RoutedAt: whyNoon}, []automation.Automation{a})
		said := len(fates) == 1 && fates[0].Cared
		if said != cares {
			t.Fatalf("the router says %v, the timeline %+v", cares, fates)
		}
		if len(fates) == 1 && (fates[0].Sentence == "" || fates[0].Code == "") {
			t.Fatalf("it says nothing: %+v", fates[0])
		}
	})
}

func TestLookingByHandMakesOneKeyForAPair(t *testing.T) {
	t.Parallel()
	off := watching(func(a *automation.Automation) { a.ID, a.State = "au_2", automation.Draft })
	elsewhere := watching(func(a *automation.Automation) { a.ID, a.Definition.Source.Connection = "au_3", "cn_x" })
	for _, a := range []automation.Automation{watching(nil), watching(twoWay)} {
		for _, from := range []record.Ref{whyHere, whyThere} {
			got := Story{Record: from, Links: []automation.Link{whyLink}, Automations: []automation.Automation{a, off, elsewhere}}.Keys()
			if !slices.Equal(got, []Key{{"au_1", whyHere}}) {
				t.Errorf("from %s: %v", from, got)
			}
		}
	}
	// Without a counterpart a target record is its own key, where its changes lead anywhere.
	if got := (Story{Record: whyThere, Automations: []automation.Automation{watching(twoWay)}}).Keys(); !slices.Equal(got, []Key{{"au_1", whyThere}}) {
		t.Errorf("unlinked: %v", got)
	}
	if got := (Story{Record: whyThere, Automations: []automation.Automation{watching(nil)}}).Keys(); len(got) != 0 {
		t.Errorf("one way: %v", got)
	}
}

func TestMarksReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := TimelineMark{At: time.UnixMicro(rapid.Int64Range(1, 1<<50).Draw(t, "at")).UTC(), ID: rapid.String().Draw(t, "id")}
		if got := ParseTimelineMark(m.String()); got != m {
			t.Fatalf("%q reads back as %+v", m, got)
		}
	})
	for _, s := range []string{"", "x", "1", "x.rn_1"} {
		if !ParseTimelineMark(s).IsZero() {
			t.Errorf("%q is a mark", s)
		}
	}
}
