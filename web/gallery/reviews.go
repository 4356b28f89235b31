package gallery

import (
	"crosswalk/web/reviewui"
	"crosswalk/web/ui"
)

func reviews() []State {
	sh := shell(ui.Reviews)
	sh.ReviewsOpen = 3
	return append(reviewLists(sh), append(conflictReviews(sh), identityReviews(sh)...)...)
}

func reviewLists(sh ui.Shell) []State {
	list := reviewui.List{
		Tab: reviewui.Conflicts, Open: map[reviewui.Tab]int{reviewui.Conflicts: 2, reviewui.Identity: 1},
		Automations: []ui.Option{{Label: "Every automation"}, {Value: "at_2", Label: "Keep contacts in sync"}},
		Items: []reviewui.Item{
			{ID: "rv_2", Record: "Jane Doe", Text: "Email and Phone: changed on both sides.", AutomationName: "Keep contacts in sync", At: at("09:41:08")},
			{ID: "rv_1", Record: "Omar Haddad", Text: "Company: changed on both sides.", AutomationName: "Keep contacts in sync", At: at("08:02:51")},
		},
		Pages: ui.Pages{Text: "2 questions"},
	}
	decided := list
	decided.Tab, decided.Pages.Text = reviewui.Decided, "3 questions"
	decided.Items = []reviewui.Item{
		{ID: "rv_0", Record: "Kim Park", Text: "Email: HighLevel. Phone: “+43 1 234”.", AutomationName: "Keep contacts in sync", State: "carried out", Tone: ui.Good, At: at("07:40:00")},
		{ID: "rv_a", Record: "Sam Smith", Text: "Left alone.", AutomationName: "Keep contacts in sync", State: "left alone", At: at("07:35:00")},
		{ID: "rv_b", Record: "Li Wei", Text: "A new Gleap contact.", AutomationName: "Keep contacts in sync", State: "on its way", Tone: ui.Info, At: at("07:31:00")},
	}
	none := list
	none.Items, none.Open, none.Pages = nil, nil, ui.Pages{}
	noIdentity, noDecided, filtered := none, none, none
	noIdentity.Tab, noDecided.Tab, filtered.Query = reviewui.Identity, reviewui.Decided, "zoe"
	quiet := shell(ui.Reviews)
	return []State{
		{"reviews", "reviews", reviewui.ListPage(sh, list)},
		{"reviews-decided", "reviews", reviewui.ListPage(sh, decided)},
		{"reviews-none", "reviews", reviewui.ListPage(quiet, none)},
		{"reviews-none-identity", "reviews", reviewui.ListPage(quiet, noIdentity)},
		{"reviews-none-decided", "reviews", reviewui.ListPage(quiet, noDecided)},
		{"reviews-none-match", "reviews", reviewui.ListPage(quiet, filtered)},
	}
}

// dated is a moment of the day of the gallery, as a date and a time of UTC.
func dated(clock string) ui.Moment {
	return ui.Moment{Machine: "2026-03-02T" + clock + ":00Z", Text: "2 Mar 2026, " + clock + " UTC"}
}

func conflictReviews(sh ui.Shell) []State {
	changedThere := &reviewui.Past{After: dated("09:30"), Before: dated("09:41"), Heard: []reviewui.News{{Text: "webhook ContactUpdate", At: dated("09:38")}, {Text: "a poll", At: dated("09:40")}}, Earlier: 2}
	writtenThere := &reviewui.Past{After: dated("09:30"), Before: dated("09:41"), Unheard: true, Wrote: &reviewui.Write{By: "Keep contacts in sync", Value: "jane@acme.io", At: dated("09:30"), Run: "rn_5"}}
	ownWrite := &reviewui.Past{Before: dated("09:41"), Wrote: &reviewui.Write{By: "Form capture", Value: "pro", At: dated("09:35"), Run: "rn_6", Stands: true}}
	foundThere := &reviewui.Past{Before: dated("09:41")}
	view := reviewui.View{
		ID: "rv_2", Run: "rn_7", Record: "Jane Doe", AutomationID: "at_2", AutomationName: "Keep contacts in sync", AskedAt: at("09:41:08"), HasNext: true,
		Left:  reviewui.Account{Side: ui.HighLevel, Label: "HighLevel contact", Changed: at("09:40:11")},
		Right: reviewui.Account{Side: ui.Gleap, Label: "Gleap contact", Changed: at("09:39:57")},
		Fields: []reviewui.Field{
			{Key: "email", Label: "Email", Left: reviewui.Value{Text: "jane.doe@acme.io", Past: changedThere}, Right: reviewui.Value{Text: "jane@doe.example", Past: writtenThere}, Agreed: "jane@acme.io", WasAgreed: true, AgreedAt: dated("09:30"), Hint: "email"},
			{Key: "phone", Label: "Phone", Left: reviewui.Value{Text: "+14155550100", Moved: true, Now: "+14155550199"}, Right: reviewui.Value{}, WasAgreed: true, Hint: "phone", Take: reviewui.TakeLeft, Always: true},
			{Key: "customData.plan", Label: "Plan", Left: reviewui.Value{Text: "pro", Past: ownWrite}, Right: reviewui.Value{Text: "team", Past: foundThere}, Options: []ui.Option{{Label: "Choose…"}, {Value: "free", Label: "free"}, {Value: "pro", Label: "pro"}, {Value: "team", Label: "team"}}},
			{Key: "about", Label: "About", Left: reviewui.Value{Text: "Runs the front desk.\nCall before ten."}, Right: reviewui.Value{Text: "Front desk"}, Long: true},
		},
	}
	refused := view
	refused.Fields = append([]reviewui.Field(nil), view.Fields...)
	refused.Fields[0].Take, refused.Fields[0].Typed, refused.Fields[0].Error = reviewui.TakeTyped, "jane at acme", "“jane at acme” is not an email address, and Email holds one."
	refused.Issues = []ui.Issue{{ID: reviewui.TypedID(0), Message: "Email: “jane at acme” is not an email address, and Email holds one."}}
	anew := view
	anew.Problem = &ui.Problem{Tone: ui.Warn, Title: "The question has changed since you opened it", Detail: "A value moved meanwhile, so nothing was decided. This is how it stands now.", Next: "Look again and decide.", Code: "asked_anew"}
	anew.Notices = []ui.Problem{{Tone: ui.Warn, Title: "Gleap does not answer", Detail: "It was given a few seconds. You can go on working; what needs its answer is left out.", Code: "timeout"}}
	vanished := view
	vanished.Vanished = "Everything both sides had agreed on is gone from the HighLevel contact at once. That may be a wrong answer of the provider, so nothing is emptied before somebody says that it is meant."
	vanished.Fields = []reviewui.Field{
		{Key: "email", Label: "Email", Right: reviewui.Value{Text: "jane@acme.io"}, Agreed: "jane@acme.io", WasAgreed: true, Hint: "email"},
		{Key: "tags", Label: "Tags", Right: reviewui.Value{Text: "beta, vip"}, Agreed: "beta, vip", WasAgreed: true},
	}
	settled := view
	settled.ReadOnly, settled.Answered = true, &reviewui.Answered{By: "maria@acme.io", Words: "Email: HighLevel. Phone: “+43 1 234”.", At: at("09:45:00"), Run: "rn_9"}
	settled.Fields = append([]reviewui.Field(nil), view.Fields[:2]...)
	settled.Fields[0].Take, settled.Fields[1].Take, settled.Fields[1].Typed = reviewui.TakeLeft, reviewui.TakeTyped, "+43 1 234"
	byItself := view
	byItself.ReadOnly, byItself.Answered, byItself.Fields = true, &reviewui.Answered{}, []reviewui.Field{view.Fields[0]}
	return []State{
		{"review-conflict", "reviews", reviewui.DecidePage(sh, view)},
		{"review-conflict-refused", "reviews", reviewui.DecidePage(sh, refused)},
		{"review-conflict-anew", "reviews", reviewui.DecidePage(sh, anew)},
		{"review-conflict-vanished", "reviews", reviewui.DecidePage(sh, vanished)},
		{"review-conflict-settled", "reviews", reviewui.DecidePage(sh, settled)},
		{"review-settled-by-itself", "reviews", reviewui.DecidePage(sh, byItself)},
	}
}

func identityReviews(sh ui.Shell) []State {
	view := reviewui.View{
		ID: "rv_3", Run: "rn_8", Record: "Jane Doe", AutomationID: "at_2", AutomationName: "Keep contacts in sync", AskedAt: at("09:41:08"),
		Subject: &reviewui.Candidate{ID: "h1", Side: ui.HighLevel, Label: "HighLevel contact", Title: "Jane Doe", Fields: []reviewui.Compared{
			{Label: "Name", Value: "Jane Doe"}, {Label: "Email", Value: "jane@acme.io"}, {Label: "Phone", Value: "+14155550100"}}},
		Question: "Which Gleap contact is it?", Evidence: []string{"Email “jane@acme.io”: 2 records"},
		Candidates: []reviewui.Candidate{
			{ID: "g1", Side: ui.Gleap, Label: "Gleap contact", Title: "Jane One", Why: "same email", Fields: []reviewui.Compared{
				{Label: "Name", Value: "Jane One", Differs: true}, {Label: "Email", Value: "jane@acme.io"}, {Label: "Phone", Differs: true}}},
			{ID: "g2", Side: ui.Gleap, Label: "Gleap contact", Title: "Jane Two", Why: "same email", Problem: "Gleap does not answer, so its fields are not shown."},
		},
		MayCreate: true, Create: "Create a new Gleap contact.",
	}
	refused := view
	refused.Issues = []ui.Issue{{ID: reviewui.AnswerID, Message: "Choose one of the answers."}}
	ignored := view
	ignored.Answer = reviewui.LeaveIt
	ignored.Answered = &reviewui.Answered{By: "maria@acme.io", Words: "Left alone. Choose otherwise below whenever you like.", At: at("09:45:00")}
	settled := view
	settled.ReadOnly, settled.Answer = true, reviewui.IsPrefix+"g1"
	settled.Answered = &reviewui.Answered{By: "maria@acme.io", Words: "It is Jane One.", At: at("09:45:00"), Run: "rn_9"}
	noSecond := view
	noSecond.Answer = "new"
	noSecond.Answered = &reviewui.Answered{By: "maria@acme.io", Words: "A new Gleap contact. Somebody chose to make a new Gleap contact, and the account takes no second one with the same phone: Jane One has it already and was left alone. Give one of the two another phone, allow duplicates in the settings of the account, or choose otherwise under “Needs you”.", At: at("09:45:00")}
	return []State{
		{"review-identity", "reviews", reviewui.DecidePage(sh, view)},
		{"review-identity-refused", "reviews", reviewui.DecidePage(sh, refused)},
		{"review-identity-left-alone", "reviews", reviewui.DecidePage(sh, ignored)},
		{"review-identity-no-second", "reviews", reviewui.DecidePage(sh, noSecond)},
		{"review-identity-settled", "reviews", reviewui.DecidePage(sh, settled)},
	}
}
