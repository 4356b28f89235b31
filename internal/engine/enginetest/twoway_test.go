package enginetest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

func highlevelRef(id any) record.Ref {
	return record.Ref{Connection: enginetest.HighLevelConnection, Type: record.Contact, ID: fmt.Sprint(id)}
}

func gleapRef(id any) record.Ref {
	return record.Ref{Connection: enginetest.GleapConnection, Type: record.Contact, ID: fmt.Sprint(id)}
}

func onlySession(t *testing.T, h *enginetest.House) map[string]any {
	t.Helper()
	all := h.Gleap.Sessions()
	if len(all) != 1 {
		t.Fatalf("there are %d Gleap contacts, want 1: %v", len(all), all)
	}
	return all[0]
}

func edit(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEditsOfBothSidesAreCarriedAndThenThereIsRest(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.TwoWays(nil)
	id := h.Gleap.PersonCreatesContact(jane())
	h.PollBoth()
	c := only(t, h)
	if c["firstName"] != "Jane" || c["lastName"] != "Doe" || !strings.EqualFold(fmt.Sprint(c["email"]), "jane@acme.io") || c["phone"] != "+14155550133" {
		t.Fatalf("made in HighLevel: %v", c)
	}
	edit(t, h.HighLevel.PersonEditsContact(fmt.Sprint(c["id"]), map[string]any{"phone": "+14155550199", "companyName": "Roe & Co"}))
	edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"name": "Jane Roe", "tags": []any{"beta", "gold"}}))
	h.PollBoth()
	c, s := only(t, h), onlySession(t, h)
	if c["lastName"] != "Roe" || !strings.Contains(fmt.Sprint(c["tags"]), "gold") || s["phone"] != "+14155550199" || s["companyName"] != "Roe & Co" {
		t.Fatalf("HighLevel %v, Gleap %v, last run %s", c, s, h.LastRun().Summary)
	}
	before := h.HighLevel.Stats().Writes
	h.PollBoth()
	for _, ref := range []record.Ref{highlevelRef(c["id"]), gleapRef(id)} {
		h.Tell(ref, provider.Updated)
		if r := h.LastRun(); r.Outcome != automation.Same || r.Source != highlevelRef(c["id"]) {
			t.Errorf("an echo came to %s (%s) on %s", r.Outcome, r.Summary, r.Source)
		}
	}
	if after := h.HighLevel.Stats().Writes; after != before {
		t.Errorf("%d writes more at rest", after-before)
	}
}

func TestTheSamePersonEnteredOnBothSidesIsLinked(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.TwoWays(func(d *automation.Definition) { d.First = automation.FillEmpty })
	h.Gleap.PersonCreatesContact(jane())
	h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "J.", "lastName": "Doe", "email": "jane@acme.io"})
	h.PollBoth()
	c, s := only(t, h), onlySession(t, h)
	if c["phone"] != "+14155550133" || c["firstName"] != "J." || s["name"] != "Jane Doe" {
		t.Errorf("HighLevel %v, Gleap %v", c, s)
	}
}

// HighLevel keeps labels in a field of its own, and Gleap in a text: what either side gains or loses the other does.
func TestLabelsAndATextThatNamesThemFollowEachOther(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	session := h.Gleap.PersonCreatesContact(map[string]any{"name": "Jane Doe", "email": "jane@acme.io", "customData": map[string]any{"interests": "Implants, Whitening"}})
	schema, err := h.Clients[enginetest.HighLevelConnection].Describe(t.Context(), record.Contact)
	edit(t, err)
	i := slices.IndexFunc(schema.Fields, func(f record.FieldSpec) bool { return f.Custom && f.Label == "Interests" })
	if i < 0 || schema.Fields[i].Kind != record.Set {
		t.Fatal("the twin has no custom field for interests")
	}
	key := schema.Fields[i].Key
	h.Joined(func(d *automation.Definition) {
		d.Mapping.Rows = append(d.Mapping.Rows, mapping.Row{ID: "labels", Sources: []string{key}, Target: "customData.interests", Direction: mapping.Both, ClearWhenEmpty: true})
	})
	both := func(want string) {
		t.Helper()
		h.PollBoth()
		c, err := h.Clients[enginetest.HighLevelConnection].Get(t.Context(), highlevelRef(only(t, h)["id"]))
		edit(t, err)
		custom, _ := onlySession(t, h)["customData"].(map[string]any)
		if got := c.Fields[key].String(); got != want || custom["interests"] != want {
			t.Errorf("HighLevel %q, Gleap %q, want %q: %s", got, custom["interests"], want, h.LastRun().Summary)
		}
	}
	both("Implants, Whitening")
	edit(t, h.Gleap.PersonEditsContact(session, map[string]any{"customData": map[string]any{"interests": "Whitening, Check-ups"}}))
	both("Whitening, Check-ups")
	id := strings.TrimPrefix(key, "custom.")
	edit(t, h.HighLevel.PersonEditsContact(fmt.Sprint(only(t, h)["id"]), map[string]any{"customFields": []any{map[string]any{"id": id, "value": []any{"Whitening"}}}}))
	both("Whitening")
}

// An address that somebody else has over there is refused. The rest of the edit is carried, and it is said what to do.
func TestAnAddressThatIsTakenIsToldAndTheRestIsCarried(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Joined(nil)
	id := h.Gleap.PersonCreatesContact(jane())
	h.PollBoth()
	contact := fmt.Sprint(only(t, h)["id"])
	h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Other", "email": "other@acme.io"})
	edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"email": "other@acme.io", "companyName": "Changed too"}))
	h.Tell(gleapRef(id), provider.Updated)
	h.Later(time.Minute)
	h.Drain()
	if c, _ := h.HighLevel.Contact(contact); c["companyName"] != "Changed too" || !strings.EqualFold(fmt.Sprint(c["email"]), "jane@acme.io") {
		t.Errorf("HighLevel %v of %v", c["email"], c["companyName"])
	}
	advice := ""
	for _, r := range h.Runs() {
		for _, s := range r.Steps {
			if s.Kind == automation.StepError && s.Code == provider.Duplicate.String() {
				advice = s.Advice
			}
		}
	}
	if !strings.Contains(advice, "Merge the two there") {
		t.Errorf("the advice is %q", advice)
	}
}

// Two who meet with a value that cannot be carried have met all the same: what is edited from then on is carried.
func TestAPairThatMeetsWithAnUnmappableValueHasMet(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"live", "plan", "fill"} {
		for _, side := range []string{"Gleap", "HighLevel"} {
			t.Run(how+", edited in "+side, func(t *testing.T) {
				t.Parallel()
				h := enginetest.New(t, enginetest.Options{})
				a := h.Joined(func(d *automation.Definition) { d.First = automation.FillEmpty })
				session := h.Gleap.PersonCreatesContact(map[string]any{"name": "Una Called", "email": "una@acme.io", "phone": "call me", "companyName": "Acme"})
				contact := h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Una", "lastName": "Called", "email": "una@acme.io", "companyName": "Acme"})
				switch how {
				case "live":
					h.PollBoth()
				case "plan":
					if shown := show(t, h, a, engine.ModeShow, ""); shown.Counts[automation.Linked] != 1 || shown.Tally.Fields["Phone"] != 1 {
						t.Errorf("shown as %v, differing in %v", shown.Counts, shown.Tally.Fields)
					} else {
						carryOut(t, h, shown, engine.Choice{})
					}
				case "fill":
					show(t, h, a, engine.ModeFill, "")
				}
				if side == "Gleap" {
					edit(t, h.Gleap.PersonEditsContact(session, map[string]any{"companyName": "Acme Worldwide"}))
				} else {
					edit(t, h.HighLevel.PersonEditsContact(contact, map[string]any{"companyName": "Acme Worldwide"}))
				}
				h.PollBoth()
				if c, s := only(t, h), onlySession(t, h); c["companyName"] != "Acme Worldwide" || s["companyName"] != "Acme Worldwide" {
					t.Errorf("HighLevel %v, Gleap %v: %s", c["companyName"], s["companyName"], h.LastRun().Summary)
				}
			})
		}
	}
}

func TestDeletedRecordsFollowThePolicy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		policy  automation.Deletes
		gone    string // which side a person deletes from
		left    int    // records on the other side afterwards
		marked  bool
		outcome automation.Outcome
	}{
		{automation.Deletes{}, "highlevel", 1, false, automation.Skip},
		{automation.Deletes{Policy: automation.DeleteUnlink}, "highlevel", 1, false, automation.Skip},
		{automation.Deletes{Policy: automation.DeleteMark, Field: "tags", SourceField: "tags", Value: "deleted elsewhere"}, "highlevel", 1, true, automation.Update},
		{automation.Deletes{Policy: automation.DeleteDelete}, "highlevel", 0, false, automation.Delete},
		{automation.Deletes{}, "gleap", 1, false, automation.Skip},
		{automation.Deletes{Policy: automation.DeleteUnlink}, "gleap", 1, false, automation.Skip},
		{automation.Deletes{Policy: automation.DeleteMark, Field: "tags", SourceField: "tags", Value: "deleted elsewhere"}, "gleap", 1, true, automation.Update},
		{automation.Deletes{Policy: automation.DeleteDelete}, "gleap", 0, false, automation.Delete},
	} {
		t.Run(fmt.Sprintf("%s from %s", tc.policy.Policy, tc.gone), func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			h.TwoWays(func(d *automation.Definition) { d.Deletes = tc.policy })
			id := h.Gleap.PersonCreatesContact(jane())
			h.PollBoth()
			c := only(t, h)
			var ref record.Ref
			if tc.gone == "highlevel" {
				ref = highlevelRef(c["id"])
				edit(t, h.HighLevel.PersonDeletesContact(fmt.Sprint(c["id"])))
			} else {
				ref = gleapRef(id)
				edit(t, h.Gleap.PersonDeletesContact(id))
			}
			h.Tell(ref, provider.Deleted)
			r := h.LastRun()
			if r.Outcome != tc.outcome {
				t.Errorf("run: %s (%s) %s", r.Outcome, r.Code, r.Summary)
			}
			left := h.Gleap.Sessions()
			if tc.gone == "gleap" {
				left = h.HighLevel.Contacts()
			}
			if len(left) != tc.left {
				t.Fatalf("%d left, want %d", len(left), tc.left)
			}
			if tc.left == 1 && strings.Contains(fmt.Sprint(left[0]["tags"]), "deleted elsewhere") != tc.marked {
				t.Errorf("marked: %v", left[0]["tags"])
			}
			// Whatever is left is not taken for a new record afterwards.
			if tc.left == 1 {
				if tc.gone == "highlevel" {
					edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"name": "Jane Later"}))
				} else {
					edit(t, h.HighLevel.PersonEditsContact(fmt.Sprint(c["id"]), map[string]any{"lastName": "Later"}))
				}
			}
			h.PollBoth()
			if n := len(h.HighLevel.Contacts()) + len(h.Gleap.Sessions()); n != tc.left {
				t.Errorf("%d records afterwards, want %d", n, tc.left)
			}
		})
	}
}

func TestAMergedRecordIsNoDeletedOne(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{AllowDuplicates: true})
	h.TwoWays(func(d *automation.Definition) { d.Deletes.Policy = automation.DeleteDelete })
	h.Gleap.PersonCreatesContact(jane())
	h.PollBoth()
	c := only(t, h)
	// Two records of one person are merged in the CRM: one goes on under another id.
	survivor := h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": "jane@acme.io", "phone": "+14155550133"})
	edit(t, h.HighLevel.PersonDeletesContact(fmt.Sprint(c["id"])))
	h.Tell(highlevelRef(c["id"]), provider.Deleted)
	onlySession(t, h)
	edit(t, h.HighLevel.PersonEditsContact(survivor, map[string]any{"phone": "+14155550177"}))
	h.PollBoth()
	if s := onlySession(t, h); s["phone"] != "+14155550177" {
		t.Errorf("the link did not follow: %v, %s", s, h.LastRun().Summary)
	}
}

func TestAConflictIsAskedDecidedAndSettled(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.TwoWays(func(d *automation.Definition) {
		for i := range d.Mapping.Rows {
			d.Mapping.Rows[i].Owner = mapping.OwnerAsk
		}
	})
	id := h.Gleap.PersonCreatesContact(jane())
	h.PollBoth()
	c := only(t, h)
	edit(t, h.HighLevel.PersonEditsContact(fmt.Sprint(c["id"]), map[string]any{"companyName": "Left", "phone": "+14155550100"}))
	edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"companyName": "Right"}))
	h.PollBoth()
	if s := onlySession(t, h); s["phone"] != "+14155550100" || s["companyName"] != "Right" {
		t.Fatalf("what nobody disputes is carried all the same: %v", s)
	}
	open, err := h.Store.ReviewList(t.Context(), engine.ReviewFilter{State: automation.ReviewOpen})
	if err != nil || len(open) != 1 || len(open[0].Plan.Asks()) != 1 {
		t.Fatalf("open questions: %+v, %v", open, err)
	}
	asked := open[0].Plan.Asks()[0]
	if asked.Offered.String() != "Left" || asked.Before.String() != "Right" {
		t.Errorf("asked about %q and %q", asked.Offered, asked.Before)
	}
	decide := func(take automation.Take, v string) {
		t.Helper()
		d := automation.Decision{Choices: map[string]automation.Choice{asked.BaseKey(): {Take: take, Value: record.TextOf(v), SeenSource: asked.Offered, SeenTarget: asked.Before}}}
		edit(t, h.Store.DecideReview(t.Context(), open[0].ID, open[0].Run, d, "jane"))
		h.Drain()
	}
	decide(automation.TakeValue, "Both")
	if c, s := only(t, h), onlySession(t, h); c["companyName"] != "Both" || s["companyName"] != "Both" {
		t.Errorf("HighLevel %v, Gleap %v: %s", c["companyName"], s["companyName"], h.LastRun().Summary)
	}
	if r, err := h.Store.Review(t.Context(), open[0].ID); err != nil || r.State != automation.ReviewSettled {
		t.Errorf("the question is %s, %v", r.State, err)
	}
	h.PollBoth()
}

func TestADoubtfulIdentityIsDecidedByAPerson(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"one of them", "a new one", "leave it"} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			h.TwoWays(nil)
			// Guests may share an address in Gleap.
			first := h.Gleap.PersonCreatesContact(map[string]any{"name": "Jane One", "email": "jane@acme.io"})
			h.Gleap.PersonCreatesContact(map[string]any{"name": "Jane Two", "email": "jane@acme.io"})
			c := h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "One", "email": "jane@acme.io"})
			h.Tell(highlevelRef(c), provider.Created)
			open, err := h.Store.ReviewList(t.Context(), engine.ReviewFilter{State: automation.ReviewOpen, Kind: automation.ReviewIdentity})
			if err != nil || len(open) != 1 || len(open[0].Plan.Identity.Candidates) != 2 {
				t.Fatalf("open questions: %+v, %v", open, err)
			}
			var d automation.Decision
			switch answer {
			case "one of them":
				d.Counterpart = gleapRef(first)
			case "a new one":
				d.CreateNew = true
			case "leave it":
				d.Ignore = true
			}
			edit(t, h.Store.DecideReview(t.Context(), open[0].ID, open[0].Run, d, "jane"))
			h.Drain()
			r := h.LastRun()
			want := map[string]automation.Outcome{"one of them": automation.Linked, "a new one": automation.Create, "leave it": automation.Skip}[answer]
			if r.Outcome != want {
				t.Errorf("run: %s (%s) %s", r.Outcome, r.Code, r.Summary)
			}
			h.Tell(highlevelRef(c), provider.Updated)
			if r := h.LastRun(); r.Outcome != automation.Same && answer != "leave it" || answer == "leave it" && r.Code != "ignored" {
				t.Errorf("afterwards: %s (%s) %s", r.Outcome, r.Code, r.Summary)
			}
		})
	}
}

func TestABrakeStopsBeforeMoreIsWrittenAndLosesNothing(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	a := h.Automation(toHighLevel, func(d *automation.Definition) { d.Limits.ChangesPerHour = 3 })
	for i := range 8 {
		h.Gleap.PersonCreatesContact(map[string]any{"name": fmt.Sprintf("Jane %d", i), "email": fmt.Sprintf("jane%d@acme.io", i)})
	}
	h.Poll()
	if n := len(h.HighLevel.Contacts()); n != 3 {
		t.Fatalf("%d were made, the limit is 3", n)
	}
	stopped, err := h.Store.Automation(t.Context(), a.ID)
	if err != nil || stopped.State != automation.Paused || !strings.Contains(stopped.PausedWhy, "limit of 3 changes") {
		t.Fatalf("it is %s: %s, %v", stopped.State, stopped.PausedWhy, err)
	}
	if !slices.ContainsFunc(h.Runs(), func(r automation.Run) bool { return r.Code == "brake" && r.State == automation.Waiting }) {
		t.Error("no run says that it was stopped")
	}
}

func TestAPausedAutomationHoldsWhatComes(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	a := h.Automation(toHighLevel, nil)
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.Paused, "by hand"))
	h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	if n := len(h.HighLevel.Contacts()); n != 0 {
		t.Fatalf("%d were made while it was paused", n)
	}
	edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
	if _, err := h.Store.WakeWaiting(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	h.Drain()
	only(t, h)
}

// What a target's own worker made before it crashed is what both sides agreed on: a person's edit since then is an edit,
// and not a difference between two who meet for the first time.
func TestACrashAfterATargetsCreateForgetsNotWhatWasAgreed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edited string
		edit   func(t *testing.T, h *enginetest.House, gleapID, contact string)
	}{
		"edited where it came from": {"gleap", func(t *testing.T, h *enginetest.House, gleapID, _ string) {
			edit(t, h.Gleap.PersonEditsContact(gleapID, map[string]any{"companyName": "Acme Worldwide", "name": "Janet Doe"}))
		}},
		"edited where it was made": {"highlevel", func(t *testing.T, h *enginetest.House, _, contact string) {
			edit(t, h.HighLevel.PersonEditsContact(contact, map[string]any{"companyName": "Acme Worldwide", "firstName": "Janet"}))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			h.TwoWays(nil)
			journal := &cutJournal{Journal: h.Store, cuts: 1}
			h.Reconciler.Journal, h.Crash = journal, errPowerCut
			id := h.Gleap.PersonCreatesContact(jane())
			h.Poll()
			if journal.cuts != 0 {
				t.Fatal("there was no crash")
			}
			contact := fmt.Sprint(only(t, h)["id"])
			tc.edit(t, h, id, contact)
			for range 3 {
				h.Later(2 * time.Minute)
				h.PollBoth()
			}
			c, s := only(t, h), onlySession(t, h)
			if c["companyName"] != "Acme Worldwide" || s["companyName"] != "Acme Worldwide" || c["firstName"] != "Janet" || s["name"] != "Janet Doe" {
				t.Errorf("edited in %s: HighLevel %v %v of %v, Gleap %v of %v", tc.edited, c["firstName"], c["lastName"], c["companyName"], s["name"], s["companyName"])
			}
		})
	}
}
