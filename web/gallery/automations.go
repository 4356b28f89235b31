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
		{ID: "contacts-in-sync", Name: "Keep contacts in sync", Text: "Contacts of HighLevel and Gleap are kept alike, whoever edits them and wherever.", From: ui.HighLevel, To: ui.Gleap, TwoWay: true},
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

	testing := automationui.TestView{Builder: builder(automationui.Test), Of: "contact", SearchedBy: "name, email or phone", Total: "12,480", Target: ui.HighLevel,
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
	ready := automationui.LiveView{Builder: builder(automationui.Live), Checks: checks, StartAll: true, Source: "Gleap contact", Policies: policies()}
	missing := ready
	missing.Checks = append([]automationui.Check(nil), checks...)
	missing.Checks[1] = automationui.Check{Title: "Every required field is mapped", Text: "Email is not connected yet.", Href: "/automations/at_1/map", HrefLabel: "Map it"}
	on := ready
	on.State, on.Status = automationui.On, "Version 4, on since yesterday."
	waiting := on
	waiting.Version, waiting.Status = 7, "Version 4, on. Changes you make wait until you put them live."
	waiting.Next = &automationui.Next{Version: 7, Live: 4, On: true, Changes: []string{
		"City is made from Plan", "Tags is not mapped", "Phone is made from Phone, as phone number, US", "Counterparts are found by User ID as Support ID, then by Email as Email",
		"Records that are there already are never changed", "When a record is deleted, the other one is unlinked and left alone", "It saves calls: it writes without looking at the HighLevel contact first",
	}}
	waitingPaused := ready
	waitingPaused.State, waitingPaused.Status, waitingPaused.Version = automationui.Paused, "Paused. Version 4.", 5
	waitingPaused.Next = &automationui.Next{Version: 5, Live: 4}
	braked := ready
	braked.State, braked.Status = automationui.Paused, "Paused: it has reached its limit. Version 4."
	braked.Brake = &automationui.Brake{Ready: true, Version: 4, Why: "This automation has reached its limit of 5,000 changes an hour, so it is paused. Look at what it wants to do, then let it go on or raise the limit.",
		Raise: []ui.Input{{ID: "raise-changes", Name: "changes", Label: "Changes an hour", Type: "number", Value: "5000"}, {ID: "raise-deletes-limit", Name: "deletes-limit", Label: "Deletes an hour", Type: "number", Value: "20"}}}
	braked.Brake.Holds, braked.Brake.Held = 214, []automationui.Held{
		{Name: "Jane Doe", Href: "/records/cn_1/contact/g1", Outcome: ui.Update, Diffs: []ui.Diff{{Field: "Phone", Before: "+14155550111", After: "+14155550133", Outcome: ui.Update}, {Field: "Company", After: "Acme", Outcome: ui.Update}}},
		{Name: "Omar Haddad", Href: "/records/cn_1/contact/g2", Outcome: ui.Create},
		{Name: "g3", Href: "/records/cn_1/contact/g3"},
	}
	refused := braked
	refused.Brake = &automationui.Brake{Version: 4, Why: braked.Brake.Why, Raise: []ui.Input{{ID: "raise-changes", Name: "changes", Label: "Changes an hour", Type: "number", Value: "many", Error: "Type a whole number from 1 to 1,000,000, or leave it empty."}}}
	oneWay := ready
	oneWay.Policies = policies()
	oneWay.Policies.Open, oneWay.Policies.CreateSource = true, ui.Input{}
	oneWay.Policies.Deletes, oneWay.Policies.DeletedOn = "delete", "source"
	oneWay.Policies.DeletedOnHint = "Nothing leads back from HighLevel. A copy that somebody deletes there takes the original in Gleap along only if you choose so."
	oneWay.Policies.Sentences[3] = "When a record is deleted in Gleap, the one in HighLevel is deleted too, which cannot be undone; what is deleted in HighLevel stays in Gleap."
	refused.Policies = policies()
	refused.Policies.Open = true
	refused.Policies.MarkValue.Error = "Type what to mark it with."
	refused.Problems = []ui.Problem{{Title: "What it may do was not saved", Detail: "Type what to mark it with.", Href: "#policies", HrefLabel: "Put it right"}}
	stopped := items()
	stopped[0].State, stopped[0].Braked, stopped[0].Version = automationui.Paused, true, 4
	stopped[0].Text = "Paused: " + braked.Brake.Why
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
		{"live-next-version", "builder", automationui.LivePage(shell(ui.Automations), waiting)},
		{"live-next-version-paused", "builder", automationui.LivePage(shell(ui.Automations), waitingPaused)},
		{"live-deletes-one-way", "builder", automationui.LivePage(shell(ui.Automations), oneWay)},
		{"live-braked", "builder", automationui.LivePage(shell(ui.Automations), braked)},
		{"live-refused", "builder", automationui.LivePage(shell(ui.Automations), refused)},
		{"automations-braked", "automations", automationui.ListPage(shell(ui.Automations), automationui.List{Items: stopped, Recipes: recipes})},
		{"versions", "builder", automationui.VersionsPage(shell(ui.Automations), versions())},
		{"versions-first", "builder", automationui.VersionsPage(shell(ui.Automations), firstVersion())},
		{"versions-conflict", "builder", automationui.VersionsPage(shell(ui.Automations), disputedVersions())},
	}
}

func policies() automationui.Policies {
	fields := []ui.Option{{Value: "", Label: "Choose…"}, {Value: "tags", Label: "Tags (added)"}, {Value: "city", Label: "City (put in front of the text)"}}
	tick := func(name, label string) ui.Input {
		return ui.Input{ID: "policy-" + name, Name: name, Label: label, Type: "checkbox", Checked: true}
	}
	limit := func(name, label, fallback string) automationui.Limit {
		return automationui.Limit{
			Number: ui.Input{ID: "limit-" + name, Name: name, Label: label, Type: "number", Placeholder: fallback},
			None:   ui.Input{ID: "limit-" + name + "-none", Name: name + "-none", Label: "No limit", Type: "checkbox"},
		}
	}
	return automationui.Policies{
		Sentences: []string{"A HighLevel contact is created where there is none.", "Records that are there already are updated.", "When two records meet for the first time, only what is empty is filled.",
			"When a record is deleted, the other one is marked with “gone” in Tags.", "It stops and asks beyond 5,000 changes an hour, 20 deletes an hour, or 30% of everyone in one run, 5% where they are deleted."},
		Create: tick("create", "Create a HighLevel contact where there is none"), CreateSource: tick("create-source", "Create a Gleap contact where there is none"), Update: tick("update", "Update records that are there already"),
		First: "fill_empty", FirstOptions: []ui.Option{{Value: "fill_empty", Label: "Only fill what is empty (recommended)"}, {Value: "", Label: "Each row decides by who wins"}, {Value: "link_only", Label: "Only link them, write nothing"}},
		Deletes: "mark", DeleteOptions: []ui.Option{{Value: "", Label: "Do nothing"}, {Value: "unlink", Label: "Unlink the other one"}, {Value: "mark", Label: "Mark the other one"}, {Value: "delete", Label: "Delete the other one too. This cannot be undone."}},
		DeletedOn: "anywhere", DeletedOnOptions: []ui.Option{{Value: "source", Label: "Only one in Gleap. What is deleted in HighLevel leaves the record in Gleap as it is."}, {Value: "target", Label: "Only one in HighLevel. What is deleted in Gleap leaves the record in HighLevel as it is."}, {Value: "anywhere", Label: "One on either side"}},
		MarkField:       ui.Input{ID: "mark-field", Name: "mark-field", Label: "Mark it in HighLevel, in", Type: "select", Value: "tags", Options: fields},
		MarkSourceField: ui.Input{ID: "mark-source-field", Name: "mark-source-field", Label: "Mark it in Gleap, in", Type: "select", Options: fields},
		MarkValue:       ui.Input{ID: "mark-value", Name: "mark-value", Label: "Mark it with", Value: "gone"},
		SaveCalls:       ui.Input{ID: "policy-save-calls", Name: "save-calls", Label: "Save calls: write without looking at the HighLevel contact first", Type: "checkbox"},
		SaveCallsHint:   "A change then takes one call, or two, instead of two or three. What somebody typed into a mapped field of the HighLevel contact since Crosswalk last wrote it is overwritten without being kept.",
		Limits: []automationui.Limit{limit("changes", "Changes an hour", "5000"), limit("deletes-limit", "Deletes an hour", "20"), limit("share", "Share of everyone a single run may change, in percent", "30"), limit("delete-share", "Share of everyone a single run may delete, in percent", "5"),
			{Number: ui.Input{ID: "limit-run-changes", Name: "run-changes", Label: "Records a single run over everyone may change", Type: "number", Placeholder: "no limit"}}},
	}
}

func versions() automationui.VersionsView {
	moment := func(text string) ui.Moment { return ui.Moment{Machine: "2026-03-04T12:00:00Z", Text: text} }
	return automationui.VersionsView{Builder: builder(""), From: "3", To: "4",
		Choices: []ui.Option{{Value: "4", Label: "4: changed how Phone is made"}, {Value: "3", Label: "3: changed the conditions"}, {Value: "2", Label: "2: connected Plan to City"}, {Value: "1", Label: "1: created"}},
		Versions: []automationui.SavedVersion{
			{Number: 4, When: moment("2 minutes ago"), Who: "maria@acme.io", Note: "Changed how Phone is made", Current: true},
			{Number: 3, When: moment("an hour ago"), Who: "jo@acme.io", Note: "Changed the conditions"},
			{Number: 2, When: moment("yesterday"), Who: "maria@acme.io", Note: "Connected Plan to City", Discarded: true},
			{Number: 1, When: moment("yesterday"), Who: "maria@acme.io", Note: "Created"},
		},
		Changes: []automationui.VersionChange{
			{What: "Only if", Outcome: ui.Update, Parts: []ui.Diff{{Before: "no conditions", After: "Plan is not free", Outcome: ui.Update}}},
			{What: "Phone", Outcome: ui.Update, Parts: []ui.Diff{{Field: "Direction", Before: "to HighLevel", After: "both ways", Outcome: ui.Update}, {Field: "When both sides have a value", Before: "Gleap wins", After: "the newest edit wins", Outcome: ui.Update}}},
			{What: "City", Outcome: ui.Create, Parts: []ui.Diff{{After: "City is made from Plan", Outcome: ui.Create}}},
			{What: "Tags", Outcome: ui.Delete, Parts: []ui.Diff{{Before: "Tags is made from Tags", Outcome: ui.Delete}}},
		}}
}

func firstVersion() automationui.VersionsView {
	v := versions()
	v.Version, v.From, v.To, v.Changes, v.Choices, v.Versions = 1, "1", "1", nil, v.Choices[3:], v.Versions[3:]
	v.Versions[0].Current = true
	return v
}

func disputedVersions() automationui.VersionsView {
	v := versions()
	v.Conflict = conflict(automationui.HiddenField{Name: "number", Value: "2"})
	v.Conflict.LoadHref, v.Conflict.Action = "/automations/at_1/versions", "/automations/at_1/versions"
	return v
}

func exchanges() []automationui.Exchange {
	return []automationui.Exchange{
		{Method: "GET", Path: "/contacts/search/duplicate?email=…", Status: "200", OK: true, Duration: "92 ms", Response: "{\n  \"contact\": { \"id\": \"seD4PfOuKoVMLkEZqohJ\" }\n}"},
		{Method: "PUT", Path: "/contacts/seD4PfOuKoVMLkEZqohJ", Status: "200", OK: true, Duration: "140 ms",
			Request: "{\n  \"lastName\": \"Doe\",\n  \"phone\": \"+15550102233\"\n}", Response: "{\n  \"succeded\": true\n}"},
	}
}
