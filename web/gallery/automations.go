package gallery

import (
	"crosswalk/web/automationui"
	"crosswalk/web/ui"
)

func builder(step automationui.Step) automationui.Builder {
	return automationui.Builder{ID: "at_1", Name: "New Gleap contact → HighLevel contact", Version: 4, State: automationui.Draft,
		Status: "Draft 4, not running. Changes are saved as you make them.", Sentence: sentence("at_1"), Step: step}
}

func gleapFields() []ui.Option {
	return []ui.Option{
		{Value: "name", Label: "Name", Group: "Contact"}, {Value: "email", Label: "Email", Group: "Contact"}, {Value: "phone", Label: "Phone", Group: "Contact"},
		{Value: "plan", Label: "Plan", Group: "Custom data"}, {Value: "seats", Label: "Seats", Group: "Custom data"},
	}
}

func conflict(fields ...automationui.HiddenField) *automationui.Conflict {
	return &automationui.Conflict{Who: "jo@acme.io", When: "a minute ago", LoadHref: "", Action: "",
		Theirs: []string{"Phone is made from Phone, as phone number, US"}, Mine: []string{"Phone is made from Phone, as phone number, AT"}, Fields: fields}
}

func automations() []State {
	recipes := []automationui.Recipe{
		{ID: "gleap-contact", Name: "New Gleap contact → HighLevel contact", Text: "People who write to support become contacts in the CRM, linked by email, never twice.", From: ui.Gleap, To: ui.HighLevel},
		{ID: "contact-sync", Name: "Keep contacts in sync", Text: "A change of a HighLevel contact shows at once where support looks.", From: ui.HighLevel, To: ui.Gleap},
		{ID: "ticket-task", Name: "Support ticket → task", Text: "A ticket becomes a task on the contact, done when the ticket is closed.", From: ui.Gleap, To: ui.HighLevel, Unavailable: "Connect Gleap first."},
	}
	when := automationui.WhenView{Builder: builder(automationui.When), Event: "contact.changed", Fields: gleapFields(),
		Events: []ui.Option{{Value: "contact.changed", Label: "A Gleap contact is created or updated"}, {Value: "contact.created", Label: "A Gleap contact is created"}},
		Rule: automationui.Group{Nodes: []automationui.Node{
			{Condition: &automationui.Condition{Field: "plan", Op: "not_equals", Value: "free"}},
			{Group: &automationui.Group{Any: true, Nodes: []automationui.Node{
				{Condition: &automationui.Condition{Field: "email", Op: "is_not_empty"}},
				{Condition: &automationui.Condition{Field: "seats", Op: "greater", Value: "10"}},
			}}},
		}},
		Verdict: &automationui.Verdict{Sample: "Jane Doe", Passes: true, Text: "plan is pro-annual, which is not free; email is jane@acme.io."}, Saved: true}
	everyone := when
	everyone.Rule, everyone.Verdict, everyone.Saved = automationui.Group{}, nil, false
	gone := when
	gone.Saved = false
	gone.Warnings = map[automationui.Step]int{automationui.When: 1}
	gone.Rule = automationui.Group{Any: true, Nodes: []automationui.Node{
		{Condition: &automationui.Condition{Field: "tier", Op: "equals", Value: "gold", Gone: true, Error: "“tier” no longer exists in Gleap. Choose another field or remove this condition; until then nothing passes."}},
		{Condition: &automationui.Condition{Op: "equals"}},
	}}
	gone.Verdict = &automationui.Verdict{Sample: "Jane Doe", Text: "the first condition cannot be decided."}
	disputed := when
	disputed.Conflict = conflict(automationui.HiddenField{Name: "rule.match", Value: "all"})
	disputed.Conflict.LoadHref, disputed.Conflict.Action = "/automations/at_1/when", "/automations/at_1/when"

	testing := automationui.TestView{Builder: builder(automationui.Test), Total: "12,480", Target: ui.HighLevel,
		Payload: "{\n  \"name\": \"Jane Doe\",\n  \"email\": \"jane@acme.io\"\n}"}
	found := testing
	found.Query, found.Asked = "jane", true
	found.Found = []automationui.Contact{{ID: "s1", Name: "Jane Doe", Detail: "jane@acme.io"}, {ID: "s2", Name: "Jane Roe", Detail: "jroe@example.com"}}
	found.Result = &automationui.TestResult{Sent: true, Href: "/runs/rn_1", Outcome: ui.Update, Text: "HighLevel contact Jane Doe, 2 fields", Diffs: []ui.Diff{
		{Field: "Last name", Before: "Dough", After: "Doe", Outcome: ui.Update}, {Field: "Phone", After: "+15550102233", Outcome: ui.Create}},
		Calls: exchanges()}
	nobody := testing
	nobody.Query, nobody.Asked, nobody.PayloadError = "zzz", true, "line 3: a comma is missing after \"name\""

	checks := []automationui.Check{
		{Title: "Both accounts are connected", Text: "HighLevel and Gleap answered 2 minutes ago.", OK: true},
		{Title: "Every required field is mapped", Text: "Email is the match key.", OK: true},
		{Title: "A dry run was made", Text: "312 would be created, 1,904 updated, 2 blocked.", OK: true},
		{Title: "Webhook received", Text: "Without it, changes are found by asking every 5 minutes.", Optional: true, Href: "/connections", HrefLabel: "Set it up"},
	}
	ready := automationui.LiveView{Builder: builder(automationui.Live), Checks: checks, StartAll: true, Source: "Gleap contact", Limit: "Stops and asks before it changes more than 500 contacts in an hour."}
	missing := ready
	missing.Checks = append([]automationui.Check(nil), checks...)
	missing.Checks[1] = automationui.Check{Title: "Every required field is mapped", Text: "Email is not connected yet.", Href: "/automations/at_1/map", HrefLabel: "Map it"}
	on := ready
	on.State, on.Status = automationui.On, "Version 4, on since yesterday."
	trouble := automationui.List{Items: items(), Recipes: recipes, Problem: &ui.Problem{Tone: ui.Warn, Title: "HighLevel needs reconnecting", Detail: "Automations wait; nothing is lost.", Href: "/connections", HrefLabel: "Go to connections"}}
	return []State{
		{"automations-none", "automations", automationui.ListPage(shell(ui.Automations), automationui.List{Recipes: recipes})},
		{"automations", "automations", automationui.ListPage(shell(ui.Automations), automationui.List{Items: items(), Recipes: recipes[:2]})},
		{"automations-trouble", "automations", automationui.ListPage(shell(ui.Automations), trouble)},
		{"when", "builder", automationui.WhenPage(shell(ui.Automations), when)},
		{"when-everyone", "builder", automationui.WhenPage(shell(ui.Automations), everyone)},
		{"when-field-deleted", "builder", automationui.WhenPage(shell(ui.Automations), gone)},
		{"when-conflict", "builder", automationui.WhenPage(shell(ui.Automations), disputed)},
		{"test", "builder", automationui.TestPage(shell(ui.Automations), testing)},
		{"test-result", "builder", automationui.TestPage(shell(ui.Automations), found)},
		{"test-nobody", "builder", automationui.TestPage(shell(ui.Automations), nobody)},
		{"live-ready", "builder", automationui.LivePage(shell(ui.Automations), ready)},
		{"live-missing", "builder", automationui.LivePage(shell(ui.Automations), missing)},
		{"live-on", "builder", automationui.LivePage(shell(ui.Automations), on)},
	}
}

func exchanges() []automationui.Exchange {
	return []automationui.Exchange{
		{Method: "GET", Path: "/contacts/search/duplicate?email=…", Status: "200", OK: true, Duration: "92 ms", Response: "{\n  \"contact\": { \"id\": \"seD4PfOuKoVMLkEZqohJ\" }\n}"},
		{Method: "PUT", Path: "/contacts/seD4PfOuKoVMLkEZqohJ", Status: "200", OK: true, Duration: "140 ms",
			Request: "{\n  \"lastName\": \"Doe\",\n  \"phone\": \"+15550102233\"\n}", Response: "{\n  \"succeded\": true\n}"},
	}
}
