package gallery

import (
	"crosswalk/web/planui"
	"crosswalk/web/ui"
)

func plans() []State {
	records := []planui.Record{
		{Name: "Jane Doe", Detail: "jane@acme.io", Outcome: ui.Update, Diffs: []ui.Diff{
			{Field: "Last name", Before: "Dough", After: "Doe", Outcome: ui.Update, Reason: "edited in Gleap"},
			{Field: "Lifecycle", Before: "Lead", After: "Customer", Outcome: ui.Update},
			{Field: "Email", Before: "jane@acme.io", After: "jane@acme.io", Outcome: ui.Same, Reason: "already the same"}},
			Evidence: []string{"Counterpart found by email, jane@acme.io."}},
		{Name: "Omar Haddad", Detail: "omar@example.com", Outcome: ui.Create, Diffs: []ui.Diff{
			{Field: "First name", After: "Omar", Outcome: ui.Create}, {Field: "Last name", After: "Haddad", Outcome: ui.Create}, {Field: "Email", After: "omar@example.com", Outcome: ui.Create},
			{Field: "Phone", After: "+4312345678", Outcome: ui.Create}, {Field: "Lifecycle", After: "Lead", Outcome: ui.Create}, {Field: "Tags", After: "beta", Outcome: ui.Create}}},
		{Name: "Li Wei", Detail: "li@example.cn", Outcome: ui.Same, Reason: "Nothing differs; no call is made."},
		{Name: "Sam Smith", Detail: "no email, no phone", Outcome: ui.Decide, Reason: "Two HighLevel contacts are called Sam Smith. Choose which one is meant."},
		{Name: "Kim Park", Detail: "kim@example.com", Outcome: ui.Blocked, Reason: "Phone “call me” is not a phone number."},
	}
	finished := planui.View{ID: "pl_1", Title: "Dry run: everyone", AutomationID: "at_1", AutomationName: "New Gleap contact → HighLevel contact", State: planui.Finished,
		Text: "Finished 2 minutes ago, in 41 seconds", Done: 12480, Total: 12480,
		Counts: map[ui.Outcome]int{ui.Create: 312, ui.Update: 1904, ui.Same: 10221, ui.Decide: 41, ui.Blocked: 2},
		Cost:   "2,216 writes and 25 reads, about 3 min 45 s inside today’s quota.", Records: records,
		Pages: ui.Pages{Text: "1–50 of 12,480", NextHref: "/plans/pl_1?page=2"}}
	running := finished
	running.State, running.Text, running.Done = planui.Running, "Started 12 seconds ago", 3120
	running.Counts = map[ui.Outcome]int{ui.Create: 80, ui.Update: 461, ui.Same: 2570, ui.Decide: 9}
	starting := running
	starting.Done, starting.Total, starting.Counts = 0, 0, nil
	none := finished
	none.Outcome, none.Query, none.Records, none.Pages = ui.Blocked, "zzz", nil, ui.Pages{}
	failed := finished
	failed.State, failed.Records, failed.Pages, failed.Text = planui.Failed, records[:1], ui.Pages{}, "Stopped after 3,120 of 12,480"
	failed.Problem = &ui.Problem{Title: "HighLevel stopped answering", Detail: "The dry run stopped half-way. What it found so far is below.", Next: "Run it again in a few minutes.", Side: ui.HighLevel, Words: "503 Service Temporarily Unavailable", Code: "unavailable"}
	single := finished
	single.Single, single.Title, single.Records, single.Text = true, "Dry run: Jane Doe", records[:1], "A moment ago"
	return []State{
		{"plan-starting", "plans", planui.Page(shell(ui.Automations), starting)},
		{"plan-running", "plans", planui.Page(shell(ui.Automations), running)},
		{"plan", "plans", planui.Page(shell(ui.Automations), finished)},
		{"plan-none-match", "plans", planui.Page(shell(ui.Automations), none)},
		{"plan-failed", "plans", planui.Page(shell(ui.Automations), failed)},
		{"plan-single", "plans", planui.Page(shell(ui.Automations), single)},
	}
}
