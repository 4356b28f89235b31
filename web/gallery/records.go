package gallery

import (
	"crosswalk/web/recordui"
	"crosswalk/web/runui"
	"crosswalk/web/ui"
)

func records() []State {
	jane := recordui.Ref{Side: ui.Gleap, Kind: "contact", ID: "jane@acme.io", Href: "/records/cn_1/contact/jane@acme.io"}
	hers := recordui.Ref{Side: ui.HighLevel, Kind: "contact", ID: "seD4PfOuKoVMLkEZqohJ", Href: "/records/cn_2/contact/seD4PfOuKoVMLkEZqohJ", Pair: "/pairs/ln_1"}
	parted := recordui.Ref{Side: ui.HighLevel, Kind: "contact", ID: "p4rtedOuKoVMLkEZqohJ", Href: "/records/cn_2/contact/p4rtedOuKoVMLkEZqohJ", Note: "separate ways: one was deleted, or somebody unlinked them", Pair: "/pairs/ln_2", Apart: true}
	found := recordui.Search{Query: "jane", Most: 30, Hits: []recordui.Hit{
		{Title: "Jane Doe", Href: jane.Href, Sides: []recordui.Ref{jane, hers}, SeenAt: at("09:41:07")},
		{Title: "Janet Ruiz-Fernández de la Encarnación", Href: "/records/cn_1/contact/a%2Fb", Sides: []recordui.Ref{{Side: ui.Gleap, Kind: "contact", ID: "a/b"}}, SeenAt: at("08:02:11")},
	}}
	name := "New Gleap contact → HighLevel contact"
	view := recordui.View{
		Title: "Jane Doe", Self: jane, PersonalHref: "/personal-data/cn_1/contact/1", Counterparts: []recordui.Ref{hers, parted},
		Sentence: "“" + name + "”: Filtered by condition 2: Plan is not “free”, but it is “free”.", Code: "rule",
		Reasons: []recordui.Reason{
			{Name: name, Href: "/automations/at_1", Text: "Filtered by condition 2: Plan is not “free”, but it is “free”.", Code: "rule", Outcome: ui.Same, RunHref: "/runs/rn_2", At: at("09:41:09")},
			{Name: "Keep contacts in sync", Href: "/automations/at_2", Text: "It is paused (limit of 20 deletes an hour reached); what changes is held until it goes on.", Code: "paused"},
			{Name: "Form capture", Href: "/automations/at_3", Text: "It waits for a person to decide. 1 field changed on both sides.", Code: "conflict", Outcome: ui.Decide, RunHref: "/runs/rn_3", ReviewHref: "/reviews/rv_1", At: at("09:40:51")},
		},
		CanLook: true, LookNote: "Looking at it now makes 1 automation read both sides and carry over what moved, as a webhook would.",
		Entries: []recordui.Entry{
			{ID: "wk_1", At: ui.Moment{Text: "now"}, Kind: runui.StepWait, Title: "It is held: “Keep contacts in sync” is paused", Code: "paused", Automation: "Keep contacts in sync"},
			{ID: "rn_2", At: at("09:41:09"), Kind: runui.StepEcho, Outcome: ui.Same, Title: "Filtered by condition 2: Plan is not “free”, but it is “free”.", Code: "rule", Automation: name, Href: "/runs/rn_2", HrefLabel: "The run", Steps: []runui.Step{
				{At: at("09:41:09"), Kind: runui.StepEvent, Title: "Gleap says this contact changed"},
				{At: at("09:41:09"), Kind: runui.StepRule, Title: "The rule let it pass by", Conditions: []runui.Condition{{Text: "Email has any value", Value: "jane@acme.io", Holds: true}, {Text: "Plan is not “free”", Value: "free"}}}}},
			{ID: "ev_2", At: at("09:41:08"), Kind: runui.StepEvent, Side: ui.Gleap, Title: "A webhook told of this contact: contact.updated", Text: "It came 4 minutes after it happened.", Href: "/deliveries/ev_2", HrefLabel: "What was sent", Fates: []recordui.Fate{
				{Name: name, Cared: true, Text: "Filtered by condition 2: Plan is not “free”, but it is “free”.", Code: "rule", RunHref: "/runs/rn_2"},
				{Name: "Form capture", Text: "It does not mind that a record is updated; it minds created.", Code: "trigger"}}},
			{ID: "rv_1", At: at("09:40:51"), Kind: runui.StepRule, Outcome: ui.Decide, Title: "A person is asked, and has not answered", Text: "Phone: changed on both sides.", Code: "conflict", Automation: "Form capture", Href: "/reviews/rv_1", HrefLabel: "The question"},
			{ID: "ln_1", At: at("09:40:50"), Kind: runui.StepLink, Title: "The two were linked", Text: "Found its counterpart: one HighLevel contact with the same Email", Agreed: []recordui.Agreed{{Automation: name, At: at("09:40:50"), Values: []runui.Fact{{Name: "Email", Value: "jane@acme.io"}}}}},
			{ID: "rn_1", At: at("09:40:49"), Kind: runui.StepWrite, Outcome: ui.Update, Title: "Updated 2 fields of the HighLevel contact.", Code: "update", Automation: name, Href: "/runs/rn_1", HrefLabel: "The run",
				Writes: []recordui.Write{{ID: "ch_1", Title: "Update the HighLevel contact", Text: "Done 3 hours ago.", Diffs: []ui.Diff{
					{Field: "Lifecycle", Before: "Lead", After: "Customer", Outcome: ui.Update}, {Field: "Phone", After: "+15550102233", Outcome: ui.Create, Reason: "Read back as “+1 555-010-2233”."}}}},
				Steps: []runui.Step{{At: at("09:40:49"), Kind: runui.StepWrite, Title: "HighLevel contact updated", Calls: exchanges()}}},
			{ID: "rn_t", At: at("09:39:12"), Kind: runui.StepWait, Title: "HighLevel does not answer. It answered 503.", Text: "It is tried again in 9 minutes.", Code: "unavailable", Automation: name, Href: "/runs/rn_t", HrefLabel: "The run", Attempts: attempts()},
			{ID: "rn_0", At: at("09:38:40"), Kind: runui.StepError, Outcome: ui.Blocked, Title: "The HighLevel contact was refused as it was sent. Phone: is not a phone number.", Code: "invalid", Automation: name, Href: "/runs/rn_0", HrefLabel: "The run"},
		},
		Pages: ui.Pages{Text: "8 entries", NextHref: jane.Href + "?before=1.rn_0"},
	}
	compared := view
	compared.Compared = true
	compared.Comparisons = []recordui.Comparison{
		{ID: "at_1", Automation: name, Left: "Gleap contact", Right: "HighLevel contact", LeftSide: ui.Gleap, RightSide: ui.HighLevel, Rows: []recordui.Row{
			{LeftField: "Email", Left: "jane@acme.io", RightField: "Email", Right: "JANE@acme.io", Agree: true},
			{LeftField: "Name", Left: "Jane Doe", RightField: "First name", Right: "Jane", Agree: true},
			{LeftField: "Next appointment", Left: "2 Mar 2026 09:30 UTC", LeftAt: "2026-03-02T09:30:00Z", RightField: "Booked for", Right: "9 Mar 2026 09:30 UTC", RightAt: "2026-03-09T09:30:00Z"},
			{LeftField: "Phone", Left: "(415) 555-2671", RightField: "Phone", Text: "The mapping gives “+14155552671”."}}},
		{ID: "at_2", Automation: "Keep contacts in sync", Left: "HighLevel contact", Right: "Gleap contact", LeftSide: ui.HighLevel, RightSide: ui.Gleap, Problems: []ui.Problem{
			{Tone: ui.Warn, Title: "HighLevel contact: the account does not answer", Detail: "It was given a few seconds.", Next: "Reload the page in a moment.", Code: "timeout"}}},
	}
	older := view
	older.Older, older.Pages = true, ui.Pages{Text: "7 entries", PreviousHref: jane.Href}
	ticket := recordui.Ref{Side: ui.Gleap, Kind: "ticket", ID: "64f1a", Href: "/records/cn_1/ticket/64f1a"}
	unwatched := recordui.View{Title: "64f1a", Self: ticket, Sentence: "No automation watches this: none names the tickets of this account.", Code: "unwatched", Entries: []recordui.Entry{
		{ID: "ev_1", At: at("09:41:08"), Kind: runui.StepEvent, Side: ui.Gleap, Title: "A webhook told of this ticket: ticket.created", Text: "No automation watches this.", Code: "unwatched"}}}
	blank := unwatched
	blank.Entries = nil
	return []State{
		{"records", "records", recordui.SearchPage(shell(ui.Records), recordui.Search{Most: 30})},
		{"records-found", "records", recordui.SearchPage(shell(ui.Records), found)},
		{"records-none-found", "records", recordui.SearchPage(shell(ui.Records), recordui.Search{Query: "zoe", Most: 30})},
		{"record", "records", recordui.TimelinePage(shell(ui.Records), view)},
		{"record-compared", "records", recordui.TimelinePage(shell(ui.Records), compared)},
		{"record-older", "records", recordui.TimelinePage(shell(ui.Records), older)},
		{"record-unwatched", "records", recordui.TimelinePage(shell(ui.Records), unwatched)},
		{"record-blank", "records", recordui.TimelinePage(shell(ui.Records), blank)},
	}
}
