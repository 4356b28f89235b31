package gallery

import (
	"crosswalk/web/automationui"
	"crosswalk/web/runui"
	"crosswalk/web/ui"
)

func at(text string) ui.Moment {
	return ui.Moment{Machine: "2026-03-02T" + text + "Z", Text: text + " UTC"}
}

func runItems() []runui.Item {
	name := "New Gleap contact → HighLevel contact"
	return []runui.Item{
		{ID: "run_6", Record: "Ada King", Detail: "ada@example.com", AutomationName: name, State: runui.Working, Text: "Reading the contact", At: at("09:41:12")},
		{ID: "run_5", Record: "Jane Doe", Detail: "jane@acme.io", AutomationName: "Keep contacts in sync", State: runui.Done, Outcome: ui.Same, Text: "Echo of our own write, nothing to do", At: at("09:41:09")},
		{ID: "run_4", Record: "Jane Doe", Detail: "jane@acme.io", AutomationName: name, State: runui.Done, Outcome: ui.Update, Text: "Lifecycle Lead → Customer, 1 more", At: at("09:41:08")},
		{ID: "run_3", Record: "Omar Haddad", Detail: "omar@example.com", AutomationName: name, State: runui.Done, Outcome: ui.Create, Text: "New contact, 6 fields", At: at("09:40:51")},
		{ID: "run_2", Record: "Sam Smith", Detail: "no email", AutomationName: name, State: runui.Done, Outcome: ui.Decide, Text: "Two contacts share this name", At: at("09:39:02")},
		{ID: "run_1", Record: "Kim Park", Detail: "kim@example.com", AutomationName: name, State: runui.Failed, Text: "HighLevel refused the phone number", At: at("09:38:40")},
	}
}

// attempts are those of a run that is tried for the sixty-first time.
func attempts() []runui.Attempt {
	down := func(n int, when, trace string) runui.Attempt {
		return runui.Attempt{Number: n, At: at(when), Text: "HighLevel does not answer. It answered 503.", Cost: "2 calls, took 1 second.", TraceID: trace, Steps: []runui.Step{
			{At: at(when), Kind: runui.StepEvent, Title: "A webhook told of a change (contact.updated)"},
			{At: at(when), Kind: runui.StepError, Title: "HighLevel does not answer", Problem: &ui.Problem{Tone: ui.Stop, Title: "HighLevel does not answer", Detail: "It answered 503.", Next: "Nothing has to be done: it is tried again.", Code: "unavailable"}, Calls: []automationui.Exchange{
				{Method: "GET", Path: "/contacts/seD4PfOuKoVMLkEZqohJ", Status: "503 Service Unavailable", Duration: "1 second", TraceID: trace, Response: "{ \"message\": \"upstream\" }"}}},
		}}
	}
	list := []runui.Attempt{down(61, "09:41:08", "7d3f6a61-0c8e"), down(60, "08:37:44", "7d3f6a60-1b2c"), down(57, "05:30:10", "7d3f6a57-9a01"), down(2, "17:02:31", "7d3f6a02-44c7"), down(1, "17:02:19", "")}
	list[0].Newest = true
	list[2].LeftOut = "54 attempts before this one are not kept: of many, the first and the last are."
	list[4].Text = "It did not come to its end: the process stopped on the way, or the record was taken up by another one."
	list[4].Steps = list[4].Steps[:1]
	list[4].Cost = "0 calls, took under 1 ms."
	return list
}

func runs() []State {
	list := runui.List{Items: runItems(), Live: runui.Live{URL: "/live", Max: 50}, Automations: []ui.Option{{Value: "at_1", Label: "New Gleap contact → HighLevel contact"}}, Pages: ui.Pages{Text: "1–50 of 1,204", NextHref: "/runs?page=2"}}
	view := runui.View{ID: "run_01JQ8Z7M3X", Record: "Jane Doe", Detail: "jane@acme.io", AutomationID: "at_1", AutomationName: "New Gleap contact → HighLevel contact", State: runui.Done, Outcome: ui.Update,
		Text: "2 fields written in 1.2 seconds", At: at("09:41:07"),
		Facts: []runui.Fact{{Name: "Attempts", Value: "1"}, {Name: "Version", Value: "4"}, {Name: "Gleap contact", Value: "jane@acme.io"}, {Name: "HighLevel contact", Value: "seD4PfOuKoVMLkEZqohJ"}},
		Steps: []runui.Step{
			{At: at("09:41:07"), Kind: runui.StepEvent, Title: "Gleap says this contact changed", Text: "Found by asking, 12 seconds after the edit"},
			{At: at("09:41:07"), Kind: runui.StepRule, Title: "The rule let it through", Conditions: []runui.Condition{
				{Text: "plan is not free", Value: "pro-annual", Holds: true}, {Text: "at least one of:", Value: "1 of 2", Holds: true},
				{Text: "email has any value", Value: "jane@acme.io", Holds: true, Depth: 1}, {Text: "seats is more than 10", Value: "4", Depth: 1}}},
			{At: at("09:41:07"), Kind: runui.StepLink, Title: "Counterpart known", Text: "Linked on 12 February", Evidence: []string{"Same email, jane@acme.io, on both sides."}},
			{At: at("09:41:08"), Kind: runui.StepWrite, Outcome: ui.Update, Title: "HighLevel contact updated", Diffs: []ui.Diff{
				{Field: "Lifecycle", Before: "Lead", After: "Customer", Outcome: ui.Update}, {Field: "Phone", After: "+15550102233", Outcome: ui.Create}}, Calls: exchanges()},
			{At: at("09:41:09"), Kind: runui.StepEcho, Title: "Echo of our own write, nothing to do"},
		}}
	wrote := view
	wrote.CanUndo = true
	wrote.Writes = []runui.Write{
		{ID: "ch_1", Title: "Updated the contact", CanUndo: true, Diffs: []runui.WriteField{
			{Key: "lifecycle", Diff: ui.Diff{Field: "Lifecycle", Before: "Lead", After: "Customer", Outcome: ui.Update}}, {Key: "phone", Diff: ui.Diff{Field: "Phone", After: "+15550102233", Outcome: ui.Create}}}},
		{ID: "ch_2", Title: "Refused: a write to the contact", Diffs: []runui.WriteField{{Key: "email", Diff: ui.Diff{Field: "Email", Before: "a@acme.io", After: "b@acme.io", Outcome: ui.Update}}}},
	}
	failed := view
	failed.State, failed.Outcome, failed.CanRetry, failed.Text = runui.Failed, ui.Blocked, true, "Stopped after 1 attempt"
	failed.Problem = &ui.Problem{Title: "HighLevel refused the phone number", Detail: "It says “call me” is not a phone number, so this contact was not updated. Nothing else was changed.", Next: "Correct the phone number in Gleap, or add “Only valid phone numbers” to the row, then retry.",
		Href: "/automations/at_1/map", HrefLabel: "Open the mapping", Side: ui.HighLevel, Words: "phone must be a valid phone number", Code: "invalid_field"}
	failed.Steps = append(append([]runui.Step(nil), view.Steps[:3]...), runui.Step{At: at("09:41:08"), Kind: runui.StepError, Title: "HighLevel answered 422", Calls: []automationui.Exchange{
		{Method: "PUT", Path: "/contacts/seD4PfOuKoVMLkEZqohJ", Status: "422", Duration: "88 ms", Request: "{ \"phone\": \"call me\" }", Response: "{ \"statusCode\": 422,\n  \"message\": [\"phone must be a valid phone number\"] }"}}})
	decide := view
	decide.Outcome, decide.CanRetry, decide.DecideHref, decide.Text = ui.Decide, true, "/reviews/rv_2", "1 field changed on both sides."
	decide.Problem = &ui.Problem{Tone: ui.Warn, Title: "This one needs a person", Detail: "1 field changed on both sides.", Next: "Decide, or put it right in either account.", Code: "conflict"}
	waiting := view
	waiting.State, waiting.Outcome, waiting.Text = runui.Waiting, "", "Waits for HighLevel’s rate limit, 8 seconds"
	waiting.Steps = append(append([]runui.Step(nil), view.Steps[:2]...), runui.Step{At: at("09:41:08"), Kind: runui.StepWait, Title: "HighLevel asked us to slow down", Text: "Tries again in 8 seconds. This is not counted as an attempt."})
	tried := waiting
	tried.Attempts, tried.Steps = attempts(), nil
	tried.Text, tried.Facts = "HighLevel does not answer.", []runui.Fact{{Name: "Attempts", Value: "61"}, {Name: "Next try", Value: "in 9 minutes"}}
	nothing := list
	nothing.Items, nothing.Pages = nil, ui.Pages{}
	filtered := nothing
	filtered.Outcome, filtered.Query = "blocked", "zoe"
	return []State{
		{"runs-none", "runs", runui.ListPage(shell(ui.Runs), nothing)},
		{"runs", "runs", runui.ListPage(shell(ui.Runs), list)},
		{"runs-none-match", "runs", runui.ListPage(shell(ui.Runs), filtered)},
		{"run", "runs", runui.DetailPage(shell(ui.Runs), view)},
		{"run-written", "runs", runui.DetailPage(shell(ui.Runs), wrote)},
		{"run-failed", "runs", runui.DetailPage(shell(ui.Runs), failed)},
		{"run-decide", "runs", runui.DetailPage(shell(ui.Runs), decide)},
		{"run-waiting", "runs", runui.DetailPage(shell(ui.Runs), waiting)},
		{"run-attempts", "runs", runui.DetailPage(shell(ui.Runs), tried)},
	}
}
