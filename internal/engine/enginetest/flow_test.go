package enginetest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
	twingleap "crosswalk/internal/twin/gleap"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

const toHighLevel = "gleap-contact-to-highlevel"

func jane() map[string]any {
	return map[string]any{"name": "Jane Doe", "email": "Jane@Acme.io", "phone": "(415) 555-0133", "plan": "pro", "companyName": "Acme", "tags": []any{"beta"}}
}

func only(t *testing.T, h *enginetest.House) map[string]any {
	t.Helper()
	all := h.HighLevel.Contacts()
	if len(all) != 1 {
		t.Fatalf("there are %d HighLevel contacts, want 1", len(all))
	}
	return all[0]
}

func TestANewGleapContactIsMadeInHighLevel(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation(toHighLevel, nil)
	h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	c := only(t, h)
	for field, want := range map[string]string{"firstName": "Jane", "lastName": "Doe", "email": "jane@acme.io", "phone": "+14155550133", "companyName": "Acme"} {
		if got := fmt.Sprint(c[field]); !strings.EqualFold(got, want) {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	r := h.LastRun()
	if r.State != automation.Succeeded || r.Outcome != automation.Create || r.Title == "" {
		t.Errorf("run: %s %s %q %s", r.State, r.Outcome, r.Title, r.Summary)
	}
	var calls []string
	for _, s := range r.Steps {
		for _, call := range s.Calls {
			calls = append(calls, call.Method+" "+call.Path)
			if strings.Contains(call.Request+call.Response, "pit-test") {
				t.Error("a call shows the token")
			}
		}
	}
	if len(calls) == 0 {
		t.Error("the run shows no call")
	}
}

func TestOnlyWhatChangedIsWritten(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation(toHighLevel, nil)
	id := h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	if err := h.Gleap.PersonEditsContact(id, map[string]any{"name": "Jane Dough"}); err != nil {
		t.Fatal(err)
	}
	h.Poll()
	if got := only(t, h)["lastName"]; got != "Dough" {
		t.Fatalf("lastName is %v", got)
	}
	r := h.LastRun()
	changes, err := h.Store.ChangesOf(t.Context(), r.ID)
	if err != nil || len(changes) != 1 {
		t.Fatalf("%d changes, %v", len(changes), err)
	}
	for _, s := range r.Steps {
		for _, c := range s.Calls {
			if c.Method == "PUT" && (strings.Contains(c.Request, "email") || strings.Contains(c.Request, "firstName") || !strings.Contains(c.Request, "Dough")) {
				t.Errorf("the update sent %s", c.Request)
			}
		}
	}
	if changes[0].Before["lastName"].String() != "Doe" || changes[0].State != automation.Done {
		t.Errorf("change: %+v", changes[0])
	}
}

func TestNothingChangedMakesNoCallToTheTarget(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation(toHighLevel, nil)
	id := h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	before, runs := h.HighLevel.Stats(), len(h.Runs())
	h.Poll()
	if got := len(h.Runs()); got != runs {
		t.Errorf("polling the same again made %d runs more", got-runs)
	}
	// A field nobody maps: looked at, nothing to do, and not one call.
	if err := h.Gleap.PersonEditsContact(id, map[string]any{"lang": "de"}); err != nil {
		t.Fatal(err)
	}
	h.Poll()
	if r := h.LastRun(); r.Outcome != automation.Same {
		t.Errorf("run: %s %s", r.Outcome, r.Summary)
	}
	after := h.HighLevel.Stats()
	if after.Calls != before.Calls || after.Writes != before.Writes {
		t.Errorf("calls %d → %d, writes %d → %d", before.Calls, after.Calls, before.Writes, after.Writes)
	}
}

func TestTheSameEmailIsLinkedNotDoubled(t *testing.T) {
	t.Parallel()
	for _, duplicates := range []bool{false, true} {
		h := enginetest.New(t, enginetest.Options{AllowDuplicates: duplicates})
		h.Automation(toHighLevel, nil)
		if h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "J.", "email": "jane@acme.io"}) == "" {
			t.Fatal("not created")
		}
		h.Gleap.PersonCreatesContact(jane())
		h.Poll()
		if c := only(t, h); c["firstName"] != "Jane" {
			t.Errorf("duplicates allowed %v: firstName is %v", duplicates, c["firstName"])
		}
	}
}

func TestADryRunOverEveryoneWritesNothingAndKeepsItsWord(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{Contacts: 120})
	a := h.Automation(toHighLevel, nil)
	h.HighLevel.SeedContacts(40)
	before := h.HighLevel.Stats().Writes
	p := engine.Population{ID: automation.NewID("pl"), Automation: a.ID, Version: 1, State: engine.PopulationQueued, CreatedAt: time.Now()}
	if err := h.Store.CreatePopulation(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	h.Drain()
	done, err := h.Store.Population(t.Context(), p.ID)
	if err != nil || done.State != engine.PopulationDone {
		t.Fatalf("%+v, %v", done, err)
	}
	if n := len(h.Gleap.Sessions()); done.Done != n+40 || done.Tally.Drift[engine.OnlyThere] != 40 {
		t.Errorf("planned %d of %d and of 40 that are only in HighLevel: %v", done.Done, n, done.Tally.Drift)
	}
	if got := h.HighLevel.Stats().Writes + h.Gleap.Stats().Writes; got != before {
		t.Fatalf("a dry run wrote %d times", got-before)
	}
	creates := done.Counts[automation.Create]
	if creates == 0 || done.Counts[automation.Blocked] == 0 {
		t.Errorf("counts: %v", done.Counts)
	}
	// What was shown is what is written.
	had := len(h.HighLevel.Contacts())
	if err := h.Store.SavePollCursor(t.Context(), engine.PollCursor{Connection: enginetest.GleapConnection, Object: record.Contact}); err != nil {
		t.Fatal(err)
	}
	h.Poll()
	if got := len(h.HighLevel.Contacts()) - had; got != creates {
		t.Errorf("the dry run said %d would be created, and %d were", creates, got)
	}
}

func TestTheRuleLetsRecordsPassByAndSaysWhy(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation(toHighLevel, func(d *automation.Definition) {
		d.Rule = rule.Rule{Root: rule.Node{Op: rule.And, Nodes: []rule.Node{{Field: "plan", Operator: "not_equals", Value: "pro"}}}}
	})
	h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	if n := len(h.HighLevel.Contacts()); n != 0 {
		t.Fatalf("%d contacts were made", n)
	}
	if r := h.LastRun(); r.Outcome != automation.Skip || !strings.Contains(r.Summary, "pro") {
		t.Errorf("run: %s %q", r.Outcome, r.Summary)
	}
}

func TestALostAnswerToACreateMakesNoDouble(t *testing.T) {
	t.Parallel()
	for _, duplicates := range []bool{false, true} {
		h := enginetest.New(t, enginetest.Options{AllowDuplicates: duplicates})
		h.Automation(toHighLevel, nil)
		h.HighLevel.SetFaults(twinhighlevel.Faults{DropAfterCommit: 1})
		h.Gleap.PersonCreatesContact(jane())
		h.Poll()
		if r := h.LastRun(); r.State != automation.Waiting {
			t.Fatalf("run: %s %s", r.State, r.Summary)
		}
		h.Later(10 * time.Minute)
		h.Drain()
		only(t, h)
		r := h.LastRun()
		if r.State != automation.Succeeded {
			t.Errorf("run: %s %s", r.State, r.Summary)
		}
		found := false
		for _, s := range r.Steps {
			found = found || s.Kind == automation.StepRecover
		}
		if !found {
			t.Error("the open intent was not looked up")
		}
	}
}

func TestTroubleAtTheProviderIsWaitedOut(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]twinhighlevel.Faults{
		"call limit": {Next429: 2}, "outage": {Next5xx: 2}, "422 although it was made": {Create422ButCommits: 1},
	} {
		h := enginetest.New(t, enginetest.Options{})
		h.Automation(toHighLevel, nil)
		// The schema is known, so that the trouble meets the record's own calls.
		if _, err := h.Clients[enginetest.HighLevelConnection].Describe(t.Context(), record.Contact); err != nil {
			t.Fatal(err)
		}
		h.HighLevel.SetFaults(f)
		h.Gleap.PersonCreatesContact(jane())
		h.Poll()
		for range 4 {
			h.Later(10 * time.Minute)
			h.Drain()
		}
		if r := h.LastRun(); r.State != automation.Succeeded {
			t.Errorf("%s: %s %s", name, r.State, r.Summary)
		}
		only(t, h)
	}
}

func TestEveryAttemptIsKept(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation(toHighLevel, nil)
	if _, err := h.Clients[enginetest.HighLevelConnection].Describe(t.Context(), record.Contact); err != nil {
		t.Fatal(err)
	}
	h.HighLevel.SetFaults(twinhighlevel.Faults{Rate5xx: 1})
	h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	h.Later(2 * time.Hour)
	h.Drain()
	h.HighLevel.SetFaults(twinhighlevel.Faults{})
	h.Later(2 * time.Hour)
	h.Drain()
	r := h.LastRun()
	if r.State != automation.Succeeded || r.Attempts != 3 || len(r.Earlier) != 2 {
		t.Fatalf("run: %s, %d attempts, %d earlier ones kept", r.State, r.Attempts, len(r.Earlier))
	}
	for i, a := range r.Earlier {
		last := a.Steps[len(a.Steps)-1]
		if a.Number != i+1 || a.Code != "unavailable" || last.Kind != automation.StepError || len(last.Calls) == 0 || last.Calls[len(last.Calls)-1].Status < 500 {
			t.Errorf("attempt %d: %s, it ended with %+v", a.Number, a.Code, last)
		}
		if words := engine.AttemptSentence(a); !strings.HasPrefix(words, a.Summary) || a.Summary == "" {
			t.Errorf("attempt %d is told as %q", a.Number, words)
		}
	}
	if first, second := r.Earlier[0].StartedAt(), r.Earlier[1].StartedAt(); first.IsZero() || second.Sub(first) < time.Hour || r.Steps[0].At.Sub(second) < time.Hour {
		t.Errorf("they began at %v, %v and %v", first, second, r.Steps[0].At)
	}
}

func TestARevokedKeyLosesNothing(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation(toHighLevel, nil)
	h.Gleap.PersonCreatesContact(jane())
	if _, err := h.Poller.Poll(t.Context(), engine.Watch{Connection: enginetest.GleapConnection, Object: record.Contact}); err != nil {
		t.Fatal(err)
	}
	h.Gleap.SetFaults(twingleap.Faults{RevokeTokens: true})
	h.Drain()
	r := h.LastRun()
	if r.State != automation.Waiting || r.Code != "revoked" {
		t.Fatalf("run: %s %s %s", r.State, r.Code, r.Summary)
	}
	h.Gleap.SetFaults(twingleap.Faults{})
	h.Later(time.Hour)
	h.Drain()
	only(t, h)
}

func TestAContactWithNeitherEmailNorPhoneIsExplained(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation(toHighLevel, nil)
	h.Gleap.PersonCreatesContact(map[string]any{"name": "Guest"})
	h.Poll()
	r := h.LastRun()
	if r.Outcome != automation.Blocked || !strings.Contains(r.Summary, "email or phone") {
		t.Errorf("run: %s %q", r.Outcome, r.Summary)
	}
}

func TestAnUnmappableValueIsLeftOutAndTold(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	schema, err := h.Clients[enginetest.HighLevelConnection].Describe(t.Context(), record.Contact)
	if err != nil {
		t.Fatal(err)
	}
	numeric := ""
	for _, f := range schema.Fields {
		if f.Custom && f.Kind == record.Number {
			numeric = f.Key
		}
	}
	if numeric == "" {
		t.Fatal("the twin has no custom number field")
	}
	h.Automation(toHighLevel, func(d *automation.Definition) {
		d.Mapping.Rows = append(d.Mapping.Rows, mapping.Row{ID: "r9", Sources: []string{"plan"}, Target: numeric})
	})
	h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	only(t, h)
	told := false
	for _, s := range h.LastRun().Steps {
		if s.Plan == nil {
			continue
		}
		for _, f := range s.Plan.Fields {
			told = told || f.Field == numeric && f.Action == automation.Problem && strings.Contains(f.Reason, "not a number")
		}
	}
	if !told {
		t.Error("nobody was told that the plan is no number")
	}
}

func TestTagsAreAddedAndAPersonsTagStays(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation(toHighLevel, nil)
	id := h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	hlID := fmt.Sprint(only(t, h)["id"])
	if err := h.HighLevel.PersonEditsContact(hlID, map[string]any{"tags": []any{"beta", "met at fair"}}); err != nil {
		t.Fatal(err)
	}
	if err := h.Gleap.PersonEditsContact(id, map[string]any{"tags": []any{"vip"}}); err != nil {
		t.Fatal(err)
	}
	h.Poll()
	if got := fmt.Sprint(only(t, h)["tags"]); !strings.Contains(got, "vip") || !strings.Contains(got, "met at fair") || strings.Contains(got, "beta") {
		t.Errorf("tags are %s", got)
	}
}

func TestATestPayloadIsSentForRealAndLinksNothing(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	a := h.Automation(toHighLevel, nil)
	run, err := h.Reconciler.Send(t.Context(), a, record.Fields{"name": record.TextOf("Test Person"), "email": record.TextOf("test@example.com")})
	if err != nil {
		t.Fatal(err)
	}
	if run.Outcome != automation.Create || run.State != automation.Succeeded {
		t.Fatalf("run: %s %s %s", run.State, run.Outcome, run.Summary)
	}
	only(t, h)
	if _, _, linked, err := h.Store.FindLink(t.Context(), run.Source, enginetest.HighLevelConnection, record.Contact, a.ID); err != nil || linked {
		t.Errorf("linked %v, %v", linked, err)
	}
}

func TestTheSamePhoneWithAnotherEmailIsForAPerson(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation(toHighLevel, nil)
	if h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Nadia", "email": "nadia@example.com", "phone": "+14155550133"}) == "" {
		t.Fatal("not created")
	}
	h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	if c := only(t, h); c["firstName"] != "Nadia" || c["email"] != "nadia@example.com" {
		t.Errorf("somebody else's contact was overwritten: %v", c)
	}
	if r := h.LastRun(); r.Outcome != automation.Decide || !strings.Contains(r.Summary, "another email") {
		t.Errorf("run: %s %q", r.Outcome, r.Summary)
	}
}

func TestAMissingPermissionWaitsAndSaysWhich(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation(toHighLevel, nil)
	if _, err := h.Clients[enginetest.HighLevelConnection].Describe(t.Context(), record.Contact); err != nil {
		t.Fatal(err)
	}
	h.HighLevel.SetFaults(twinhighlevel.Faults{MissingScopes: []string{"contacts.write"}})
	h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	r := h.LastRun()
	words := ""
	for _, s := range r.Steps {
		words += s.Title + " " + s.Detail + " " + s.Advice
	}
	if r.State != automation.Waiting || r.Code != "forbidden" || !strings.Contains(words, "permission") || !strings.Contains(words, "Connections") {
		t.Fatalf("run: %s %s %q", r.State, r.Code, words)
	}
	h.HighLevel.SetFaults(twinhighlevel.Faults{})
	h.Later(time.Hour)
	h.Drain()
	only(t, h)
}

func TestACustomFieldThatVanishedIsToldAndTheRestIsCarried(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	a := h.Automation(toHighLevel, func(d *automation.Definition) {
		d.Mapping.Rows = append(d.Mapping.Rows, mapping.Row{ID: "r9", Sources: []string{"plan"}, Target: "custom.was-deleted"})
	})
	h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	only(t, h)
	c, err := h.Reconciler.Definitions.Compile(t.Context(), a)
	if err != nil || len(c.MappingProblems) != 1 || c.MappingProblems[0].Code != "target_gone" {
		t.Errorf("%+v, %v", c.MappingProblems, err)
	}
}

func TestARunIsRetriedByHand(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation(toHighLevel, nil)
	id := h.Gleap.PersonCreatesContact(map[string]any{"name": "Guest"})
	h.Poll()
	blocked := h.LastRun()
	if err := h.Gleap.PersonEditsContact(id, map[string]any{"email": "guest@example.com"}); err != nil {
		t.Fatal(err)
	}
	if err := h.Store.RetryRun(t.Context(), blocked.ID); err != nil {
		t.Fatal(err)
	}
	h.Drain()
	only(t, h)
	if r := h.LastRun(); r.RetryOf != blocked.ID || r.Outcome != automation.Create {
		t.Errorf("run: retry of %q, %s %s", r.RetryOf, r.Outcome, r.Summary)
	}
}
