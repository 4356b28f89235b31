package gallery

import (
	"crosswalk/web/automationui"
	"crosswalk/web/ui"
)

func firstSyncs() []State {
	meet := automationui.FirstSyncView{Builder: builder(automationui.Live), First: "fill_empty", Ready: true,
		FirstOptions: []ui.Option{
			{Value: "fill_empty", Label: "Only fill what is empty (recommended). What differs stays as it is; later edits are carried."},
			{Value: "", Label: "Each row decides by who wins. Values that differ are overwritten."},
			{Value: "link_only", Label: "Only link them, write nothing. Later edits are carried."},
		},
		Create:       ui.Input{ID: "policy-create", Name: "create", Label: "Create a HighLevel contact where there is none", Type: "checkbox", Checked: true},
		CreateSource: ui.Input{ID: "policy-create-source", Name: "create-source", Label: "Create a Gleap contact where there is none", Type: "checkbox"},
	}
	unready := meet
	unready.Ready = false
	looking := meet
	looking.Look = automationui.Look{State: automationui.Looking, Text: "Comparing every Gleap contact. About 40 seconds to go.", Done: 4200, Total: 12480}
	failed := meet
	failed.Look = automationui.Look{State: automationui.LookFail, Text: "The look could not be finished.", Problem: "HighLevel did not answer. It was tried six times."}
	looked := meet
	looked.Look = automationui.Look{State: automationui.Looked, Text: "Looked a minute ago.", Href: "/plans/pl_1"}
	looked.Groups = []automationui.MatchGroup{
		{Value: "sure", Label: "sure", Tone: ui.Good, Text: "Exactly one HighLevel contact has the same details.", N: 9811, Percent: 78, Href: "/plans/pl_1?matching=sure",
			Examples: []automationui.MatchExample{{Left: "Jane Doe", Right: "Jane Doe", Why: "Email “jane@acme.io”: 1 record"}, {Left: "Ali Raza", Right: "A. Raza", Why: "Phone “+14155550102”: 1 record"}}},
		{Value: "doubtful", Label: "doubtful", Tone: ui.Warn, Text: "The details point at different records, or speak against each other. A person decides; it is never guessed.", N: 41, Percent: 1, Href: "/plans/pl_1?matching=doubtful",
			Examples: []automationui.MatchExample{{Left: "Jo Lee", Right: "Jo Lee or Joanna Lee", Why: "Email “jo@acme.io”: 1 record; Phone “+14155550199”: 1 record"}}},
		{Value: "double_source", Label: "double in Gleap", Tone: ui.Warn, Text: "Several records of Gleap share the details that would tell them apart, or claim one HighLevel contact.", N: 17, Percent: 1, Href: "/plans/pl_1?matching=double_source"},
		{Value: "none", Label: "only in Gleap", Tone: ui.Info, Text: "Nobody in HighLevel has their details.", N: 2611, Percent: 20, Href: "/plans/pl_1?matching=none", Blocked: 214, BlockedHref: "/plans/pl_1?matching=none&outcome=blocked"},
	}
	looked.Carry = &automationui.Carry{Action: "/plans/pl_1/apply", Parts: []automationui.CarryPart{
		{Value: "sure", Words: "Link 9,811 sure pairs, and fill what is empty", On: true},
		{Value: "none", Words: "Create 2,397 in HighLevel", On: true},
		{Value: "doubtful double_source", Words: "Put 58 doubtful records to a person, under “Needs you”", On: true},
	}, Warnings: []string{"Created records can be deleted or unlinked later. What the account itself sets off for a new record, such as a welcome message, cannot be taken back."}}
	asked := looked
	carry := *looked.Carry
	carry.Confirm, carry.Error = "Yes, change 41 % of all linked records; this automation's limit is 30 %", "Nothing was written. Tick the box to confirm, or leave these records out."
	asked.Carry = &carry
	outdated := looked
	outdated.Look.State, outdated.Carry = automationui.Outdated, nil
	carrying := looked
	carrying.Carry, carrying.Done = nil, &automationui.Carried{Running: true, Text: "Being carried out. About 3 minutes to go.", Href: "/plans/pl_1", Done: 4000, Total: 12480}
	carried := looked
	carried.Carry, carried.Done = nil, &automationui.Carried{Text: "Carried out a minute ago: 12,422 records written or linked. 2 records had changed meanwhile. What had changed was not written; it is shown anew.", Href: "/plans/pl_1", Review: "58 records wait for a person's decision."}
	on := carried
	on.State = automationui.On
	page := func(v automationui.FirstSyncView) State {
		return State{Family: "builder", Component: automationui.FirstSyncPage(shell(ui.Automations), v)}
	}
	named := func(name string, s State) State { s.Name = name; return s }
	return []State{
		named("first-sync", page(meet)), named("first-sync-unready", page(unready)), named("first-sync-looking", page(looking)), named("first-sync-failed", page(failed)),
		named("first-sync-looked", page(looked)), named("first-sync-unconfirmed", page(asked)), named("first-sync-outdated", page(outdated)),
		named("first-sync-carrying", page(carrying)), named("first-sync-carried", page(carried)), named("first-sync-on", page(on)),
	}
}
