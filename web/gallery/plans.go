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
		{Name: "Ruth Adler", Detail: "ruth@example.com", Outcome: ui.Update, Diffs: []ui.Diff{{Field: "Next appointment", Before: "2 Mar 2026 09:30 UTC", BeforeAt: "2026-03-02T09:30:00Z", After: "9 Mar 2026 23:15 UTC", AfterAt: "2026-03-09T23:15:00Z", Outcome: ui.Update}}},
		{Name: "Cannot sign in", Outcome: ui.Blocked, Reason: "It waits for its contact: a HighLevel task lives under a contact, and this one’s is not linked yet.", Awaits: &planui.Awaited{Side: ui.Gleap, Kind: "contact", Name: "Omar Haddad", Href: "/records/cn_gl/contact/g2"}},
		{Name: "Kim Park", Detail: "kim@example.com", Outcome: ui.Blocked, Reason: "Phone “call me” is not a phone number."},
	}
	finished := planui.View{ID: "pl_1", Title: "Dry run: everyone", AutomationID: "at_1", AutomationName: "New Gleap contact → HighLevel contact", State: planui.Finished,
		Text: "Finished 2 minutes ago, in 41 seconds", Done: 12480, Total: 12480,
		Counts: map[ui.Outcome]int{ui.Create: 312, ui.Update: 1904, ui.Same: 10221, ui.Decide: 41, ui.Blocked: 2},
		Cost:   "2,216 writes and 25 reads, about 3 min 45 s inside today’s quota.", Records: records,
		Pages: ui.Pages{Text: "1–50 of 12,480", NextHref: "/plans/pl_1?page=2"}}
	differ := finished
	differ.Drift, differ.DriftWords, differ.Pages = "differs", "differ", ui.Pages{Text: "2 records of 12,480"}
	agreed := &ui.Moment{Machine: "2026-03-02T09:30:00Z", Text: "2 Mar 2026, 09:30 UTC"}
	differ.Records = []planui.Record{
		{Name: "Jane Doe", Detail: "↔ Jane Doe", Outcome: ui.Same, Reason: "Nothing to do: 2 fields differ and are left as they are.", AgreedAt: agreed, Diffs: []ui.Diff{
			{Field: "Phone", Before: "+14155550133", Offered: "+14155550111", Apart: true, Outcome: ui.Same, Reason: "Changed in the HighLevel contact since; the Gleap contact did not change."},
			{Field: "Company", Offered: "Acme", Apart: true, Outcome: ui.Same, Reason: "Changed in the HighLevel contact since; the Gleap contact did not change."},
			{Field: "Email", Before: "jane@acme.io", After: "jane@acme.io", Outcome: ui.Same}}},
		{Name: "Ruth Adler", Detail: "↔ Ruth Adler", Outcome: ui.Update, Reason: "1 field differs.", AgreedAt: agreed, Diffs: []ui.Diff{{Field: "Company", Before: "Acme", After: "Acme Ltd", Outcome: ui.Update}}},
	}
	older := differ
	older.Records, older.Empty = nil, "This comparison was made before it was noted how each record stands. Compare again to see each of them."
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
	finished.Records = append([]planui.Record{}, records...)
	finished.Records[0].Position, finished.Records[1].Position = "1", "2"
	finished.Apply = &planui.Apply{
		Parts:    []planui.Part{{Outcome: ui.Create, Words: "create 312 records"}, {Outcome: ui.Update, Words: "update 1,904 records"}, {Outcome: ui.Delete, Words: "delete 3 records"}},
		Warnings: []string{"Created records can be deleted or unlinked later.", "A deleted record can be made anew from its mapped fields only, and gets another id."},
		Confirm:  "Yes, delete 3 records", Error: "Nothing was written. Tick the box to confirm, or leave these records out.",
	}
	finished.Counts[ui.Delete], finished.Counts[ui.Link] = 3, 87
	applying := running
	applying.Writing, applying.Title, applying.Text = true, "Plan: everyone", "Carrying out what was shown. Started 12 seconds ago. About 2 minutes to go."
	applying.Results = []planui.Result{{Value: "done", Label: "written", N: 512, Tone: ui.Good}, {Value: "moved", Label: "changed meanwhile", N: 2, Tone: ui.Warn}, {Value: "failed", Label: "failed", N: 1, Tone: ui.Stop}, {Value: "live", Label: "left to live work", Tone: ui.Info}, {Value: "left", Label: "left out", Tone: ui.Info}}
	paused := applying
	paused.State, paused.Text, paused.Records = planui.Paused, "Paused after 3,120 of 12,480 records. Live events go on as usual.", nil
	braked := paused
	braked.Text = "Paused after 3,120 of 12,480 records. What was written stays; it can be taken back."
	braked.Problem = &ui.Problem{Tone: ui.Warn, Title: "It stopped and asks you", Detail: "It has changed or deleted 312 linked records, and more would be over the automation's limit of 10% of everyone in one run. Look at what it has done and wants to do. If that is right, let the automation go on, if it is paused, and this too.", Href: "/automations/at_1/live#brake", HrefLabel: "Answer", Code: "brake"}
	applied := applying
	applied.State, applied.CanUndo, applied.Text = planui.Finished, true, "Carried out 2 minutes ago in 4 minutes: 2,216 records written."
	applied.Records = []planui.Record{records[0], records[1]}
	applied.Records[0].Result, applied.Records[0].ResultTone, applied.Records[0].RunHref = "written", ui.Good, "/runs/rn_1"
	applied.Records[1].Result, applied.Records[1].ResultTone = "changed meanwhile", ui.Warn
	applied.Records[1].Position, applied.Moved = "2", true
	applied.Records = append(applied.Records, planui.Record{Name: "Ann Lee", Outcome: ui.Decide, Reason: "Two HighLevel contacts have this email: somebody must choose.", Result: "put to a person", ResultTone: ui.Warn, RunHref: "/runs/rn_3", Went: "Somebody is asked about it under “Needs you”.", WentHref: "/reviews"})
	applied.Apply = &planui.Apply{Parts: []planui.Part{{Outcome: ui.Update, Words: "update 2 records"}}, Warnings: []string{"Updates can be taken back field by field, as long as nobody edits the field afterwards."}}
	linked := applied
	linked.Moved, linked.Apply = false, nil
	linked.CanUndo, linked.OnlyLinked, linked.Text = true, true, "Carried out 2 minutes ago in 4 minutes: nothing had to be written."
	linked.Records = []planui.Record{{Name: "Jane Doe", Outcome: ui.Same, Reason: "It is linked with the HighLevel contact; both hold the same.", Result: "written", ResultTone: ui.Good}}
	undo := finished
	undo.Undo, undo.Title, undo.Apply = true, "Take back: Keep contacts in sync", &planui.Apply{Parts: []planui.Part{{Outcome: ui.Update, Words: "update 4 records"}}}
	undo.Records = []planui.Record{{Name: "Jane Doe", Outcome: ui.Update, Reason: "1 field goes back to what it was. 1 field was edited since and stays.", Diffs: []ui.Diff{{Field: "Phone", Before: "+14155550111", After: "+14155550133", Outcome: ui.Update}, {Field: "Company", Before: "Edited since", Outcome: ui.Same, Reason: "Somebody changed it since; it stays."}}}}
	return []State{
		{"plan-applying", "plans", planui.Page(shell(ui.Automations), applying)},
		{"plan-paused", "plans", planui.Page(shell(ui.Automations), paused)},
		{"plan-braked", "plans", planui.Page(shell(ui.Automations), braked)},
		{"plan-applied", "plans", planui.Page(shell(ui.Automations), applied)},
		{"plan-only-linked", "plans", planui.Page(shell(ui.Automations), linked)},
		{"plan-undo", "plans", planui.Page(shell(ui.Automations), undo)},
		{"plan-starting", "plans", planui.Page(shell(ui.Automations), starting)},
		{"plan-running", "plans", planui.Page(shell(ui.Automations), running)},
		{"plan", "plans", planui.Page(shell(ui.Automations), finished)},
		{"plan-differ", "plans", planui.Page(shell(ui.Automations), differ)},
		{"plan-differ-older", "plans", planui.Page(shell(ui.Automations), older)},
		{"plan-none-match", "plans", planui.Page(shell(ui.Automations), none)},
		{"plan-failed", "plans", planui.Page(shell(ui.Automations), failed)},
		{"plan-single", "plans", planui.Page(shell(ui.Automations), single)},
	}
}
