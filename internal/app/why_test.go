package app_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
	"crosswalk/internal/store"
)

func TestWhyIsAnsweredOnTheCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := []string{"CROSSWALK_DATA=" + dir}
	if code, _, err := command(t, env, "migrate"); code != 0 {
		t.Fatal(err)
	}
	remember(t, filepath.Join(dir, "crosswalk.db"))
	for _, c := range []struct {
		args     []string
		code     int
		out, err []string
	}{
		{[]string{"why"}, 2, nil, []string{"say which record"}},
		{[]string{"why", "--json"}, 2, nil, []string{"say which record"}},
		{[]string{"why", "zoe"}, 1, nil, []string{"nothing is known"}},
		{[]string{"why", "jane"}, 1, nil, []string{"cn_gl/contact/g1", "cn_gl/contact/g2", " UTC)", "2 records"}},
		{[]string{"why", "Jane", "Doe"}, 0, []string{
			"Jane Doe  cn_gl/contact/g1", "linked with cn_hl/contact/h1", "“Contacts”: Updated 1 field: Phone.",
			"update cn_hl/contact/h1: done", "Phone: “555-1” → “+14155552671”, read back as “+1 415”", "linked: cn_gl/contact/g1 and cn_hl/contact/h1. Same email",
			"✓ Compared field by field. 1 field differs.", "Plan is pro: holds (it is “pro”)", "Seats is over 5: does not hold (it is empty)",
			"Name: Empty in the Gleap contact. It holds “Jane”.", "PUT /contacts/h1: 200",
		}, nil},
		{[]string{"why", "jane@acme.io"}, 0, []string{"cn_gl/contact/g1"}, nil},
		{[]string{"why", "h1"}, 0, []string{"“Contacts”: Updated 1 field: Phone."}, nil},
		{[]string{"why", "cn_gl/contact/g2"}, 0, []string{"Jane Roe", "“Contacts”: Both sides agree."}, nil},
		{[]string{"why", "g2"}, 0, []string{"attempt 1, ", ": HighLevel does not answer. GET /contacts/h1: 503 (trace id trace-1)", "attempt 2, ", " UTC: Both sides agree.", " UTC  "}, nil},
		{[]string{"why", "t1"}, 0, []string{"No automation watches this: none names the tickets", "No automation watches this. (unwatched)"}, nil},
	} {
		code, out, err := command(t, env, c.args...)
		if code != c.code {
			t.Errorf("crosswalk %v: %d\n%s%s", c.args, code, out, err)
		}
		for _, want := range c.out {
			if !strings.Contains(out, want) {
				t.Errorf("crosswalk %v does not say %q:\n%s", c.args, want, out)
			}
		}
		for _, want := range c.err {
			if !strings.Contains(err, want) {
				t.Errorf("crosswalk %v does not complain %q:\n%s", c.args, want, err)
			}
		}
	}
	code, out, err := command(t, env, "why", "g2", "--json")
	if code != 0 || !strings.Contains(out, `"attempts":2`) || !strings.Contains(out, `"sentence":"HighLevel does not answer."`) || !strings.Contains(out, `"traceId":"trace-1"`) {
		t.Errorf("attempts for programs: %d\n%s%s", code, out, err)
	}
	code, out, err = command(t, env, "why", "h1", "--json")
	var doc struct {
		Record record.Ref
		Answer struct {
			Sentence string
			Reasons  []struct{ Code, Run string }
		}
		Timeline []struct {
			Kind string
			Run  *struct {
				Changes []struct{ Fields []struct{ Label string } }
			}
		}
	}
	if e := json.Unmarshal([]byte(out), &doc); e != nil || code != 0 {
		t.Fatalf("%d %v\n%s%s", code, e, out, err)
	}
	if doc.Record.ID != "g1" || len(doc.Answer.Reasons) != 1 || doc.Answer.Reasons[0].Run != "rn_1" || len(doc.Timeline) != 2 || doc.Timeline[1].Run.Changes[0].Fields[0].Label != "Phone" {
		t.Errorf("for programs:\n%s", out)
	}
}

// remember stores one contact that was carried over, and one nobody watches.
func remember(t *testing.T, path string) {
	t.Helper()
	ctx := t.Context()
	st, err := store.Open(ctx, store.Config{SQLitePath: path})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	st.OnEnqueue(func(context.Context, store.Tx, []engine.Job) error { return nil })
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	here, there := record.Ref{Connection: "cn_hl", Type: record.Contact, ID: "h1"}, record.Ref{Connection: "cn_gl", Type: record.Contact, ID: "g1"}
	def := automation.Definition{
		Source: automation.Endpoint{Connection: "cn_gl", Object: record.Contact}, Target: automation.Endpoint{Connection: "cn_hl", Object: record.Contact},
	}
	ok(st.CreateAutomation(ctx, automation.Automation{ID: "au_1", Name: "Contacts", State: automation.On, Definition: def}, "jane"))
	phone := automation.FieldPlan{Field: "phone", Label: "Phone", Kind: record.Phone, Action: automation.Set, Before: record.TextOf("555-1"), After: record.TextOf("+14155552671")}
	plan := automation.Plan{Outcome: automation.Update, Code: "update", Fields: []automation.FieldPlan{phone}}
	name := automation.FieldPlan{Field: "name", Label: "Name", Kind: record.Text, Action: automation.Keep, Code: "empty_source", Reason: "Empty in the Gleap contact.", Before: record.TextOf("Jane")}
	plan.Fields = append(plan.Fields, name)
	plan.Verdict = rule.Verdict{Passed: true, Root: rule.Check{Op: "and", Passed: true, Checks: []rule.Check{{Label: "Plan is pro", Got: "pro", Passed: true}, {Label: "Seats is over 5", Passed: false}}}}
	run := automation.Run{
		ID: "rn_1", Automation: "au_1", Source: there, Target: here, Title: "Jane Doe", State: automation.Succeeded, Outcome: automation.Update, Code: "update",
		Summary: "Updated 1 field", StartedAt: now, Steps: []automation.Step{
			{Kind: automation.StepPlan, OK: true, Title: "Compared field by field", Detail: "1 field differs.", Plan: &plan},
			{Kind: automation.StepWrite, OK: true, Title: "Updated 1 field of the HighLevel contact", Calls: []provider.Call{{Method: "PUT", Path: "/contacts/h1", Status: 200}}},
		},
	}
	change := automation.Change{
		ID: "ch_1", Run: "rn_1", Automation: "au_1", Source: there, Target: here, Op: automation.Update, Fields: []automation.FieldPlan{phone},
		State: automation.Done, After: record.Fields{"phone": record.TextOf("+1 415")}, IntendedAt: now, AnsweredAt: now,
	}
	link := automation.Link{ID: "ln_1", Source: there, Target: here, Evidence: "Same email", CreatedAt: now.Add(time.Second)}
	base := automation.Base{Link: "ln_1", Automation: "au_1", AgreedAt: now, Fields: record.Fields{"email": record.TextOf("jane@acme.io")}}
	ok(st.Finish(ctx, engine.Finish{Run: run, Change: &change, Link: &link, Base: &base}))
	other := record.Ref{Connection: "cn_gl", Type: record.Contact, ID: "g2"}
	seen := automation.Event{ID: "ev_1", Kind: automation.Webhook, Ref: record.Ref{Connection: "cn_gl", Type: record.Ticket, ID: "t1"}, Change: provider.Created, DedupeKey: "1", ReceivedAt: now}
	_, err = st.Accept(ctx, automation.Delivery{Event: seen})
	ok(err)
	down := automation.Run{
		ID: "rn_2", Automation: "au_1", Source: other, Title: "Jane Roe", State: automation.Waiting, Code: "unavailable", Summary: "HighLevel does not answer.", StartedAt: now, Attempts: 1,
		Steps: []automation.Step{{Kind: automation.StepRead, At: now, Calls: []provider.Call{{Method: "GET", Path: "/contacts/h1", Status: 503, TraceID: "trace-1"}}}},
	}
	ok(st.Finish(ctx, engine.Finish{Run: down}))
	ok(st.Finish(ctx, engine.Finish{Run: automation.Run{
		ID: "rn_2", Automation: "au_1", Source: other, Title: "Jane Roe", State: automation.Succeeded, Outcome: automation.Same, Summary: "Both sides agree.", StartedAt: now, Attempts: 2,
		Steps: []automation.Step{{Kind: automation.StepRead, At: now.Add(time.Minute), OK: true}},
	}}))
}

// A run that a brake held wrote nothing, so no change tells what it was about.
func TestWhyTellsWhatWouldHaveBeenWrittenOnTheCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := []string{"CROSSWALK_DATA=" + dir}
	if code, _, err := command(t, env, "migrate"); code != 0 {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "crosswalk.db")
	remember(t, path)
	st, err := store.Open(t.Context(), store.Config{SQLitePath: path})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	company := automation.FieldPlan{Field: "company", Label: "Company", Kind: record.Text, Action: automation.Set, Before: record.TextOf("Acme"), After: record.TextOf("Orbit")}
	err = st.Finish(t.Context(), engine.Finish{Run: automation.Run{
		ID: "rn_3", Automation: "au_1", Source: record.Ref{Connection: "cn_gl", Type: record.Contact, ID: "g3"}, Title: "Omar", State: automation.Waiting, Code: "brake", Summary: "It has reached its limit.", StartedAt: time.Now(),
		Steps: []automation.Step{{Kind: automation.StepPlan, OK: true, Title: "Compared field by field", Plan: &automation.Plan{Outcome: automation.Update, Fields: []automation.FieldPlan{company}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if code, out, err := command(t, env, "why", "g3"); code != 0 || !strings.Contains(out, "Company: “Acme” → “Orbit” would be written.") {
		t.Errorf("%d\n%s%s", code, out, err)
	}
	if code, out, err := command(t, env, "why", "g1"); code != 0 || strings.Contains(out, "would be written") {
		t.Errorf("what was written is told twice: %d\n%s%s", code, out, err)
	}
}
