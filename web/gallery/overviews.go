package gallery

import (
	"strconv"

	"crosswalk/web/automationui"
	"crosswalk/web/connectionui"
	"crosswalk/web/overviewui"
	"crosswalk/web/ui"
)

func overviews() []State {
	steps := func(done int) []overviewui.Step {
		list := []overviewui.Step{
			{Title: "Connect HighLevel", Text: "Choose the location whose contacts should be kept in step.", Href: "/connections/highlevel/new", Action: "Connect HighLevel"},
			{Title: "Connect Gleap", Text: "An API key and the project’s ID are all it takes.", Href: "/connections/gleap/new", Action: "Connect Gleap"},
			{Title: "Choose an automation", Text: "Begin with a ready-made one and make it yours.", Href: "/automations", Action: "Choose"},
			{Title: "Dry run it", Text: "Read what would change, field by field. Nothing is written.", Href: "/automations/at_1/test", Action: "Dry run"},
			{Title: "Switch it on", Text: "From then on both sides stay true to each other.", Href: "/automations/at_1/live", Action: "Go live"},
		}
		for i := range list {
			switch {
			case i < done:
				list[i].State, list[i].Action = overviewui.StepDone, "View"
			case i == done:
				list[i].State = overviewui.StepNext
			default:
				list[i].State = overviewui.StepLater
			}
		}
		return list
	}
	var hours []overviewui.Hour
	for i, n := range []int{3, 5, 2, 0, 1, 0, 4, 9, 22, 31, 28, 40, 36, 25, 30, 44, 38, 29, 18, 12, 9, 7, 6, 4} {
		hours = append(hours, overviewui.Hour{Label: strconv.Itoa(i) + ":00", Counts: map[ui.Outcome]int{ui.Create: n / 5, ui.Update: n / 2, ui.Link: n / 10, ui.Same: n / 3, ui.Decide: n / 20, ui.Delete: n / 50, ui.Blocked: n / 40}})
	}
	health := []connectionui.Health{
		{ID: "c_hl", Side: ui.HighLevel, State: connectionui.Active, Account: "Acme Dental, Vienna", Text: "Checked 2 minutes ago", ConnectHref: "/connections/highlevel/new"},
		{ID: "c_gl", Side: ui.Gleap, State: connectionui.Active, Account: "Acme Support", Text: "Checked 2 minutes ago", ConnectHref: "/connections/gleap/new"},
	}
	broken := []connectionui.Health{health[0], health[1]}
	broken[0].State, broken[0].Text = connectionui.NeedsReconnect, "HighLevel no longer accepts our token since 09:12"
	trouble := shell(ui.Overview)
	trouble.ReviewsOpen = 3
	trouble.RunsNeedingAttention, trouble.ConnectionsNeedingAttention = 3, 1
	return []State{
		{"overview-first-run", "overview", overviewui.Page(shell(ui.Overview), overviewui.Overview{Steps: steps(0)})},
		{"overview-halfway", "overview", overviewui.Page(shell(ui.Overview), overviewui.Overview{Steps: steps(2), Connections: health})},
		{"overview", "overview", overviewui.Page(shell(ui.Overview), overviewui.Overview{Connections: health, Automations: items(), Runs: runItems()[:4], Hours: hours})},
		{"overview-trouble", "overview", overviewui.Page(trouble, overviewui.Overview{Connections: broken, Automations: items(), Runs: runItems(), Hours: hours[:3]})},
	}
}

func sentence(id string) []automationui.Part {
	when, fields := "/automations/"+id+"/when", "/automations/"+id+"/map"
	return []automationui.Part{
		{Text: "When a "}, {Text: "contact", Side: ui.Gleap, Strong: true},
		{Text: " is "}, {Text: "created or updated", Strong: true, Href: when},
		{Text: " in "}, {Text: "Gleap", Side: ui.Gleap, Strong: true},
		{Text: " and "}, {Text: "plan", Strong: true, Href: when}, {Text: " is not "}, {Text: "free", Strong: true, Href: when},
		{Text: ", make the "}, {Text: "HighLevel contact", Side: ui.HighLevel, Strong: true, Href: fields},
		{Text: " with the same "}, {Text: "email", Strong: true, Href: fields}, {Text: " look like this."},
	}
}

func items() []automationui.Item {
	return []automationui.Item{
		{ID: "at_1", Name: "New Gleap contact → HighLevel contact", Sentence: sentence("at_1"), State: automationui.On, From: ui.Gleap, To: ui.HighLevel, Text: "Last run 2 minutes ago, 1,204 this week"},
		{ID: "at_2", Name: "Keep contacts in sync", State: automationui.Paused, From: ui.HighLevel, To: ui.Gleap, Text: "Paused yesterday by maria@acme.io",
			Sentence: []automationui.Part{{Text: "When a "}, {Text: "contact", Side: ui.HighLevel, Strong: true}, {Text: " is created or updated in "}, {Text: "HighLevel", Side: ui.HighLevel, Strong: true}, {Text: ", make the "}, {Text: "Gleap contact", Side: ui.Gleap, Strong: true}, {Text: " look like this."}},
			Problem:  "The rule names the field “Tier”, which was deleted in HighLevel."},
	}
}
