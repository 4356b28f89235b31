package app_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
	"crosswalk/internal/store"
)

// shop is a data folder with one automation that is on, a question about two of its fields, and a comparison.
func shop(t *testing.T) (env []string, open func(do func(st *store.Store))) {
	t.Helper()
	dir := t.TempDir()
	env = []string{"CROSSWALK_DATA=" + dir}
	if code, _, err := command(t, env, "migrate"); code != 0 {
		t.Fatal(err)
	}
	open = func(do func(st *store.Store)) {
		t.Helper()
		st, err := store.Open(t.Context(), store.Config{SQLitePath: filepath.Join(dir, "crosswalk.db")})
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		st.OnEnqueue(func(context.Context, store.Tx, []engine.Job) error { return nil })
		do(st)
	}
	open(func(st *store.Store) {
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		row := func(key string) mapping.Row { return mapping.Row{ID: key, Sources: []string{key}, Target: key} }
		def := automation.Definition{
			Source:  automation.Endpoint{Provider: "gleap", Connection: "cn_gl", Object: record.Contact},
			Target:  automation.Endpoint{Provider: "highlevel", Connection: "cn_hl", Object: record.Contact},
			Mapping: mapping.Mapping{Rows: []mapping.Row{row("email"), row("phone")}}, Create: true, Update: true,
		}
		ok(st.CreateAutomation(t.Context(), automation.Automation{ID: "au_1", Name: "Contacts", State: automation.On, Version: 1, Definition: def}, "jane"))
		ok(st.SetState(t.Context(), "au_1", automation.On, ""))
		source := record.Ref{Connection: "cn_gl", Type: record.Contact, ID: "g1"}
		ask := func(key, label, offered, before string) automation.FieldPlan {
			return automation.FieldPlan{Row: key, Field: key, Label: label, Kind: record.Text, Side: automation.TargetSide, Action: automation.Keep, Code: automation.CodeConflict, Offered: record.TextOf(offered), Before: record.TextOf(before)}
		}
		plan := automation.Plan{Outcome: automation.Decide, Code: automation.CodeConflict, Reason: "Changed on both sides: somebody must choose.", Fields: []automation.FieldPlan{ask("email", "Email", "a@x.io", "b@x.io"), ask("phone", "Phone", "1", "2")}}
		back := ask("company", "Company", "Ours", "Theirs")
		back.Side, back.Key = automation.SourceSide, automation.BackKey("company")
		plan.Fields = append(plan.Fields, back)
		asked := time.Date(2026, 3, 2, 10, 5, 0, 0, time.UTC)
		plan.Base, plan.AgreedAt = record.Fields{"phone": record.TextOf("0")}, asked.Add(-35*time.Minute)
		now := time.Now()
		ok(st.Finish(t.Context(), engine.Finish{
			Run:    automation.Run{ID: "rn_1", Automation: "au_1", Source: source, Title: "Jane", State: automation.Failed, StartedAt: now},
			Review: &automation.Review{ID: "rv_1", Automation: "au_1", Source: source, Kind: automation.ReviewConflict, State: automation.ReviewOpen, Title: "Jane", Plan: plan, Run: "rn_1", OpenedAt: asked},
		}))
		ok(st.CreatePopulation(t.Context(), engine.Population{
			ID: "pl_1", Automation: "au_1", Version: 1, Mode: engine.ModeShow, State: engine.PopulationDone, Done: 9, Total: 9, CreatedAt: now, FinishedAt: now, Counts: map[automation.Outcome]int{automation.Update: 2},
			Tally: engine.Tally{Drift: map[engine.Drift]int{engine.InSync: 7, engine.Differs: 2, engine.OnlyHere: 3}, Fields: map[string]int{"Phone": 2}, Kept: map[string]int{"Phone": 1}},
		}))
		ok(st.CreatePopulation(t.Context(), engine.Population{ID: "pl_2", Automation: "au_1", Version: 1, Mode: engine.ModeUndo, Of: "run:rn_1", State: engine.PopulationQueued, CreatedAt: now.Add(-time.Hour)}))
	})
	return env, open
}

func TestAutomationsAreSeenAndChangedOnTheCommandLine(t *testing.T) {
	t.Parallel()
	env, open := shop(t)
	for _, c := range []struct {
		args     string
		code     int
		out, err string
	}{
		{"automations", 0, "au_1  Contacts: on, version 1", ""},
		{"automations contacts", 0, "brakes: 5000 changes and 20 deletes an hour, 30% of everyone in one run", ""},
		{"automations --json", 0, `"ID":"au_1"`, ""},
		{"automations nobody", 1, "", `"nobody" is not the name of one automation`},
		{"automations a b", 2, "", "not expected"},
		{"set contacts --changes 12 --deletions none --share default --deletes unlink --first link_only", 0, "brakes: 12 changes and any number of deletes an hour", ""},
		{"set contacts --changes 12", 0, "Nothing to change.", ""},
		{"set contacts --changes many", 1, "", "--changes is a whole number from 1 to 1000000, default or none"},
		{"set contacts --share 101", 1, "", "--share is a whole number from 1 to 100"},
		{"set contacts --delete-share 101", 1, "", "--delete-share is a whole number from 1 to 100"},
		{"set contacts --first whatever", 1, "", "--first is fill_empty, link_only or rows"},
		{"set contacts --deletes shred", 1, "", "--deletes is nothing, unlink, mark or delete"},
		{"set contacts --deletes mark --mark gone --mark-in tags", 1, "", "ask the accounts which fields there are"},
		{"set contacts --mark gone", 1, "", "say --deletes mark too"},
		{"set contacts --deletes unlink --deleted-on source", 1, "", "--deleted-on is for --deletes mark and delete"},
		{"set contacts --deletes delete --deleted-on moon", 1, "", "--deleted-on is source, target or anywhere"},
		{"set contacts --create-source yes", 1, "", "only for automations with a row that leads back"},
		{"set contacts --create perhaps", 1, "", "--create is yes or no"},
		{"set contacts --save-calls yes --deletes nothing --first rows", 0, "saves calls", ""},
		{"versions contacts", 0, "   3  ", ""},
		{"versions contacts --diff 1,3", 0, "~ calls", ""},
		{"versions contacts --diff 1,2", 0, "    before: brakes: 5000 changes and 20 deletes an hour", ""},
		{"versions contacts --diff 1,2", 0, "    after:  brakes: 12 changes and", ""},
		{"versions contacts --diff 1,2", 0, "    after:  deleted records: unlink", ""},
		{"versions contacts --diff 2,2", 0, "They do the same.", ""},
		{"versions contacts --diff 1", 1, "", "two version numbers"},
		{"versions contacts --diff 1,9", 1, "", "not found"},
		{"versions contacts --back 2", 0, "As version 2 was: saved as version 4, which is not live yet.", ""},
		{"versions contacts --diff 2,4", 0, "They do the same.", ""},
		{"switch contacts paused", 0, "It is paused.", ""},
		{"automations", 0, "Contacts: paused, version 1; version 4 is not live yet", ""},
		{"versions contacts", 0, "went back to version 2  (not live yet)", ""},
		{"versions contacts --live", 1, "", "ask the accounts which fields there are"},
		{"switch contacts sideways", 1, "", "neither on nor paused"},
		{"switch contacts on", 1, "", "not switched on: ask the accounts which fields there are"},
		{"versions contacts --discard", 0, "Thrown away. Version 1 stays as it is.", ""},
		{"versions contacts --discard", 1, "", "no version waits to be put live"},
		{"versions contacts --try-next", 1, "", "no version waits to be put live"},
		{"versions contacts", 0, "went back to version 2  (thrown away)", ""},
		{"fill contacts", 2, "", "cannot be taken back"},
		{"plans contacts", 0, "pl_1  show of “Contacts”, done: 9 of 9 records", ""},
		{"plans show pl_1", 0, "7 of 9 linked pairs agree", ""},
		{"plans pause pl_1", 1, "", "plan pl_1 is done, so there is nothing to pause"},
		{"plans pause pl_2", 0, "Done: pause pl_2.", ""},
		{"plans cancel pl_2", 0, "Done: cancel pl_2.", ""},
		{"plans shred pl_2", 1, "", "none of show, moved, pause, resume, cancel"},
		{"plans pause pl_9", 1, "", "not found"},
		{"apply pl_1 --yes", 1, "", "nothing of what it showed is left to be carried out; make a new one: crosswalk plan au_1"},
		{"drift", 0, "Phone differs in 2 (left so on purpose in 1)", ""},
		{"drift contacts", 0, "  in sync                7\n  differ                 2\n  only in gleap          3\n", ""},
		{"drift contacts", 0, "when each agreed last, and why it differs: crosswalk plans show pl_1 --csv", ""},
		{"drift contacts", 0, "to heal it: crosswalk apply pl_1", ""},
	} {
		code, out, err := command(t, env, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(err, c.err) {
			t.Errorf("crosswalk %s: %d\n%s%s", c.args, code, out, err)
		}
	}
	open(func(st *store.Store) {
		a, err := st.Automation(t.Context(), "au_1")
		if err != nil || a.Version != 1 || a.State != automation.Paused || a.Next != nil || a.Definition.Limits.ChangesPerHour != 0 {
			t.Errorf("%+v, %v", a, err)
		}
		v, err := st.Version(t.Context(), "au_1", 4)
		if d := v.Definition; err != nil || d.Limits.ChangesPerHour != 12 || d.Deletes.Policy != automation.DeleteUnlink || d.SaveCalls {
			t.Errorf("%+v, %v", v, err)
		}
		want := []string{
			"automation.save: version 1 > changed what it may do", "automation.save: version 2 > changed what it may do", "automation.save: version 3 > went back to version 2",
			"automation.state: on > paused", "automation.save: version 1 > version 4: thrown away, and never was live", "plan.pause: queued > paused", "plan.cancel: paused > canceled",
		}
		if diff := cmp.Diff(want, onRecord(t, st)[1:]); diff != "" {
			t.Errorf("the log (-want +got):\n%s", diff)
		}
	})
}

// Accounts that do not answer keep nobody from reading what is set up; what cannot be checked is not saved.
func TestRowsAndConditionsAreReadWithoutTheAccounts(t *testing.T) {
	t.Parallel()
	env, _ := shop(t)
	for _, c := range []struct {
		args     []string
		code     int
		out, err string
	}{
		{[]string{"rows", "contacts"}, 0, "email → email: as it is; Gleap wins\n", "The rows could not be checked"},
		{[]string{"rows", "contacts", "--json"}, 0, `{"id":"phone","sources":["phone"],"target":"phone","direction":"to_target","owner":"source","words":"as it is; Gleap wins"}`, ""},
		{[]string{"rows", "contacts", "--fields"}, 1, "", "ask the accounts which fields there are"},
		{[]string{"rows", "contacts", "--remove", "phone"}, 1, "", "ask the accounts which fields there are"},
		{[]string{"rows", "contacts", "--row", "phone"}, 1, "", "say --direction or --owner too"},
		{[]string{"rows", "contacts", "phone"}, 2, "", "say which automation"},
		{[]string{"rule", "contacts"}, 0, "There are no conditions, so every record passes.\n", "The conditions could not be checked"},
		{[]string{"rule", "contacts", "--json"}, 0, `"rule":{"root":{}}`, ""},
		{[]string{"rule", "contacts", "--add", "plan equals pro"}, 1, "", "ask the accounts which fields there are"},
		{[]string{"rule", "contacts", "--on", "deleted"}, 1, "", "--on is created,updated, created or updated"},
	} {
		if code, out, err := command(t, env, c.args...); code != c.code || !strings.Contains(out, c.out) || !strings.Contains(err, c.err) {
			t.Errorf("crosswalk %q: %d\n%s%s", c.args, code, out, err)
		}
	}
}

// onRecord is what the audit log says was done on the command line, oldest first; making the database comes before the rest.
func onRecord(t *testing.T, st *store.Store) (acts []string) {
	t.Helper()
	rows, err := st.SQLDB().QueryContext(t.Context(), "SELECT kind || ': ' || before || ' > ' || after FROM audit_entries WHERE actor LIKE 'command line%' ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var act string
		if err := rows.Scan(&act); err != nil {
			t.Fatal(err)
		}
		acts = append(acts, act)
	}
	return acts
}

func TestMigratingIsOnRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := []string{"CROSSWALK_DATA=" + dir}
	for range 2 { // the second time there is nothing to do, and nothing to tell
		if code, out, err := command(t, env, "migrate"); code != 0 {
			t.Fatalf("%d %s%s", code, out, err)
		}
	}
	st, err := store.Open(t.Context(), store.Config{SQLitePath: filepath.Join(dir, "crosswalk.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if acts := onRecord(t, st); len(acts) != 1 || !strings.HasPrefix(acts[0], "database.migrate: schema 0 > schema ") {
		t.Errorf("the log has %q", acts)
	}
}

func TestWhatMovedInAPlanIsSeenOnTheCommandLine(t *testing.T) {
	t.Parallel()
	env, open := shop(t)
	open(func(st *store.Store) {
		p := engine.Population{ID: "pl_4", Automation: "au_1", Version: 1, Mode: engine.ModeApply, State: engine.PopulationQueued, CreatedAt: time.Now()}
		err := st.CreatePopulation(t.Context(), p)
		plan := automation.Plan{
			Source: record.Ref{Connection: "cn_gl", Type: record.Contact, ID: "g1"}, SourceTitle: "Jane", Outcome: automation.Update, Reason: "1 field differs.",
			Fields: []automation.FieldPlan{{Field: "phone", Label: "Phone", Action: automation.Set, Before: record.TextOf("1"), After: record.TextOf("2")}},
		}
		named := func(id, title string, o automation.Outcome, reason string) *automation.Plan {
			return &automation.Plan{Source: record.Ref{Connection: "cn_gl", Type: record.Contact, ID: id}, SourceTitle: title, Outcome: o, Reason: reason}
		}
		p.State = engine.PopulationDone
		err = errors.Join(err, st.SaveResults(t.Context(), p, []engine.ItemResult{
			{State: engine.ItemMoved, Plan: &plan}, {State: engine.ItemMoved, Plan: named("g2", "Joe", automation.Same, "Nothing differs.")},
			{State: engine.ItemAsked, Plan: named("g3", "Ann", automation.Decide, "Two answer to it.")}, {State: engine.ItemLive, Plan: named("g4", "Bob", automation.Blocked, "It waits for its parent.")},
		}))
		if err != nil {
			t.Fatal(err)
		}
	})
	for _, c := range []struct {
		args     string
		code     int
		out, err string
	}{
		{"plans moved pl_4", 0, "update   Jane: 1 field differs.\n         Phone: \"1\" → \"2\"\nsame     Joe: Nothing differs.\n         → There is nothing left to carry out.\n", ""},
		{"plans moved pl_4", 0, "decide   Ann: Two answer to it.\n         → Somebody is asked about it under “Needs you”.\nblocked  Bob: It waits for its parent.\n         → Live work looks at it by itself, and its timeline tells what came of that.\nNothing has been written to them. To carry out what is shown here: crosswalk plans moved pl_4 --yes", ""},
		{"plans moved pl_1", 1, "", "nothing in it had changed meanwhile"},
		{"switch contacts paused", 0, "It is paused.", ""},
		{"set contacts --changes 12", 0, "brakes: 12 changes", ""},
		{"plans moved pl_4 --yes", 1, "", "the plan is of version 1, and it is at 2 now"},
	} {
		if code, out, err := command(t, env, strings.Fields(c.args)...); code != c.code || !strings.Contains(out, c.out) || !strings.Contains(err, c.err) {
			t.Errorf("crosswalk %s: %d\n%s%s", c.args, code, out, err)
		}
	}
}

func TestWhatPeopleAreAskedIsDecidedOnTheCommandLine(t *testing.T) {
	t.Parallel()
	env, open := shop(t)
	_, out, _ := command(t, env, "reviews")
	for _, want := range []string{
		"rv_1  conflict: Jane", "asked on 2 Mar 2026 10:05 UTC", "Phone: “1” in Gleap (source), “2” in HighLevel (target)", "Company: “Theirs” in Gleap (source), “Ours” in HighLevel (target)",
		"both agreed on “0” on 2 Mar 2026 09:30 UTC", "Gleap (source): changed between then and 2 Mar 2026 10:05 UTC, by whom the account does not tell",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("reviews do not say %q:\n%s", want, out)
		}
	}
	for _, c := range []struct{ args, err string }{
		{"decide rv_1", "say --take source or --take target"},
		{"decide rv_1 --take both", "say --take source or --take target"},
		{"decide rv_1 --value 3", "--field, where several are asked about"},
		{"decide rv_1 --field city --take source", `nothing is asked about "city"`},
		{"decide rv_1 --field phone --take source --always", "has not the last word already"},
		{"decide rv_9 --take source", "not found"},
	} {
		if code, out, err := command(t, env, strings.Fields(c.args)...); code != 1 || !strings.Contains(err, c.err) {
			t.Errorf("crosswalk %s: %d\n%s%s", c.args, code, out, err)
		}
	}
	if code, out, err := command(t, env, "decide", "rv_1", "--field", "Phone", "--take", "target", "--always"); code != 0 || !strings.Contains(out, "Decided.") {
		t.Fatalf("%d\n%s%s", code, out, err)
	}
	open(func(st *store.Store) {
		r, err := st.Review(t.Context(), "rv_1")
		if _, email := r.Decision.Choices["email"]; err != nil || r.State != automation.ReviewDecided || email || r.Decision.Choices["phone"].Take != automation.TakeTarget {
			t.Errorf("%+v, %v", r, err)
		}
		a, err := st.Automation(t.Context(), "au_1")
		row, _ := a.Definition.Mapping.RowByID("phone")
		if err != nil || a.Version != 2 || row.Owner != mapping.OwnerTarget {
			t.Errorf("version %d, phone is owned by %q, %v", a.Version, row.Owner, err)
		}
		acts := onRecord(t, st)
		if len(acts) != 3 || !strings.HasPrefix(acts[1], "review.decide: open > ") || acts[2] != "automation.save: version 1 > decided for good" {
			t.Errorf("the log has %q", acts)
		}
	})
}

// A brake is raised at once, as on the page, whatever waits to be put live.
func TestARaisedBrakeDoesNotWaitWithOtherChanges(t *testing.T) {
	t.Parallel()
	env, open := shop(t)
	say := func(args, want string) {
		t.Helper()
		if code, out, err := command(t, env, strings.Fields(args)...); code != 0 || !strings.Contains(out, want) {
			t.Fatalf("crosswalk %s: %d\n%s%s", args, code, out, err)
		}
	}
	say("set contacts --create yes --update yes", "Nothing to change.")
	say("set contacts --first link_only", "which is not live yet")
	say("set contacts --changes 7", "which is not live yet") // nothing stands still
	open(func(st *store.Store) {
		if err := st.SetState(t.Context(), "au_1", automation.Paused, "It would go beyond its limit."); err != nil {
			t.Fatal(err)
		}
	})
	say("set contacts --changes 9", "counts at once")
	open(func(st *store.Store) {
		a, err := st.Automation(t.Context(), "au_1")
		if err != nil || a.Next == nil || a.Definition.Limits.ChangesPerHour != 9 || a.Next.Definition.Limits.ChangesPerHour != 9 || a.Definition.First != "" || a.Next.Definition.First != automation.LinkOnly {
			t.Errorf("%+v, %v", a, err)
		}
	})
	say("set contacts --changes 11 --first fill_empty", "which is not live yet") // not an answer to the brake alone
}

// What a paused automation watches since an edit counts from then on, as on the page.
func TestAnEditOfAPausedAutomationWatchesFromNow(t *testing.T) {
	t.Parallel()
	env, open := shop(t)
	old := time.Now().Add(-24 * time.Hour)
	open(func(st *store.Store) {
		if err := errors.Join(st.SetState(t.Context(), "au_1", automation.Paused, ""), st.SavePollCursor(t.Context(), engine.PollCursor{Connection: "cn_hl", Object: record.Contact, Since: old})); err != nil {
			t.Fatal(err)
		}
	})
	if code, out, err := command(t, env, "set", "contacts", "--deletes", "unlink"); code != 0 || !strings.Contains(out, "which counts once it goes on: crosswalk switch au_1 on") {
		t.Fatalf("%d\n%s%s", code, out, err)
	}
	open(func(st *store.Store) {
		cursor, _, err := st.PollCursor(t.Context(), "cn_hl", record.Contact)
		if err != nil || time.Since(cursor.Since) > time.Hour {
			t.Errorf("changes count from %v, %v", cursor.Since, err)
		}
	})
}

// What can be chosen and looked for on a plan's page can be chosen and looked for here too.
func TestAPlanIsSearchedAndCarriedOutInPartOnTheCommandLine(t *testing.T) {
	t.Parallel()
	env, open := shop(t)
	open(func(st *store.Store) {
		p := engine.Population{ID: "pl_5", Automation: "au_1", Version: 1, Mode: engine.ModeShow, State: engine.PopulationQueued, CreatedAt: time.Now()}
		err := st.CreatePopulation(t.Context(), p)
		var plans []automation.Plan
		for i, name := range []string{"Jane", "Omar", "Zoe"} {
			ref := record.Ref{Connection: "cn_gl", Type: record.Contact, ID: fmt.Sprint("g", i+1)}
			plans = append(plans, automation.Plan{Source: ref, SourceTitle: name, Outcome: automation.Update, Matching: []automation.Matching{automation.MatchSure, automation.MatchDoubtful, automation.MatchSure}[i]})
		}
		p.State, p.Done, p.Total = engine.PopulationDone, 3, 3
		p.Tally.Matching = map[automation.Matching]int{automation.MatchSure: 2, automation.MatchDoubtful: 1}
		p.Tally.Blocked = map[automation.Matching]int{automation.MatchSure: 1}
		if err = errors.Join(err, st.SavePopulation(t.Context(), p, plans)); err != nil {
			t.Fatal(err)
		}
	})
	left := func() (names []string) {
		open(func(st *store.Store) {
			items, err := st.PlanItems(t.Context(), "pl_5", engine.PlanFilter{State: engine.ItemLeft})
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range items {
				names = append(names, it.Plan.SourceTitle)
			}
		})
		return names
	}
	for _, c := range []struct {
		args     string
		code     int
		out, err string
	}{
		{"plans show pl_5 --find omar --json", 0, `"sourceTitle":"Omar"`, ""},
		{"plans show pl_5 --find nobody --json", 0, "", ""},
		{"plans show pl_5", 0, "who belongs together: 2 sure (1 of them blocked), 1 doubtful\n", ""},
		{"plans show pl_5 --matching doubtful --only update --json", 0, `"sourceTitle":"Omar"`, ""},
		{"plans show pl_5 --only delete --csv", 0, "other side has\n", ""},
		{"plans show pl_5 --matching certain --json", 1, "", `"certain" is none of linked, sure, doubtful`},
		{"plans show pl_5 --only perhaps --json", 1, "", `"perhaps" is no outcome`},
		{"plans show pl_5 --only update", 1, "", "with --json or --csv"},
		{"plans show pl_5 --find omar --csv", 0, "other side has\nOmar,g2,", ""},
		{"apply pl_5 --matching certain", 1, "", `"certain" is none of linked, sure, doubtful`},
		{"apply pl_5 --record g9", 1, "", "no record g9 in plan pl_5"},
	} {
		if code, out, err := command(t, env, strings.Fields(c.args)...); code != c.code || !strings.Contains(out, c.out) || !strings.Contains(err, c.err) || strings.Contains(out, "Jane") {
			t.Errorf("crosswalk %s: %d\n%s%s", c.args, code, out, err)
		}
	}
	if names := left(); len(names) > 0 {
		t.Fatalf("left out: %v", names)
	}
	_, _, _ = command(t, env, "apply", "pl_5", "--matching", "sure", "--record", "g1,g2") // no account answers here
	if names := left(); !slices.Equal(names, []string{"Omar", "Zoe"}) {
		t.Errorf("left out: %v", names)
	}
}

// Two versions that come to the same say so, rather than nothing.
func TestVersionsThatDoTheSameSaySoOnTheCommandLine(t *testing.T) {
	t.Parallel()
	env, open := shop(t)
	open(func(st *store.Store) {
		p := engine.Population{ID: "pl_7", Automation: "au_1", Version: 1, Mode: engine.ModeCompare, Of: "1", State: engine.PopulationQueued, CreatedAt: time.Now()}
		err := st.CreatePopulation(t.Context(), p)
		p.State, p.Done = engine.PopulationDone, 479
		if err = errors.Join(err, st.SavePopulation(t.Context(), p, nil)); err != nil {
			t.Fatal(err)
		}
	})
	if code, out, err := command(t, env, "plans", "show", "pl_7"); code != 0 || !strings.Contains(out, "nothing would be done otherwise") {
		t.Errorf("%d\n%s%s", code, out, err)
	}
}

// What cannot be taken back is said with the plan, before anything of it is carried out.
func TestAPlanSaysWhatCannotBeTakenBackOnTheCommandLine(t *testing.T) {
	t.Parallel()
	env, open := shop(t)
	open(func(st *store.Store) {
		p := engine.Population{ID: "pl_6", Automation: "au_1", Version: 1, Mode: engine.ModeShow, State: engine.PopulationQueued, CreatedAt: time.Now()}
		err := st.CreatePopulation(t.Context(), p)
		p.State, p.Counts = engine.PopulationDone, map[automation.Outcome]int{automation.Create: 3, automation.Delete: 1}
		if err = errors.Join(err, st.SavePopulation(t.Context(), p, nil)); err != nil {
			t.Fatal(err)
		}
	})
	for _, c := range []struct {
		args     string
		code     int
		out, err string
	}{
		{"plans show pl_1", 0, "Updates can be taken back field by field, as long as nobody edits", ""},
		{"plans show pl_6", 0, "such as a welcome message, cannot be taken back", ""},
		{"plans show pl_6", 0, "A deleted record can be made anew from its mapped fields only, and gets another id.", ""},
		{"apply pl_none", 1, "", "there is no plan \"pl_none\": crosswalk plans lists them"},
		{"apply pl_6", 1, "", "it would change 0 records and delete 1: look at it once more, then say --yes"},
	} {
		code, out, err := command(t, env, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(err, c.err) {
			t.Errorf("crosswalk %s: %d\n%s%s", c.args, code, out, err)
		}
	}
}

// A brake asks somebody; whoever is at the command line reads there what it holds and how to answer.
func TestABrakeSaysWhatItHoldsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	env, open := shop(t)
	if _, out, _ := command(t, env, "automations", "contacts"); strings.Contains(out, "let it go on") {
		t.Errorf("nothing stopped it:\n%s", out)
	}
	open(func(st *store.Store) {
		if err := st.SetState(t.Context(), "au_1", automation.Paused, "It has reached its limit."); err != nil {
			t.Fatal(err)
		}
	})
	code, out, err := command(t, env, "automations", "contacts")
	for _, want := range []string{
		"It has reached its limit.", "0 records wait for it", "what would be written to everyone: crosswalk plan au_1",
		"let it go on once: crosswalk switch au_1 on", "with a higher limit: crosswalk set au_1 --changes N (or another brake), then crosswalk switch au_1 on",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("it does not say %q: %d\n%s%s", want, code, out, err)
		}
	}
}
