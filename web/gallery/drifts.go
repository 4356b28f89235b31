package gallery

import (
	"crosswalk/web/driftui"
	"crosswalk/web/ui"
)

func drifts() []State {
	compared := driftui.Automation{
		ID: "au_1", Name: "Keep contacts in sync", State: driftui.Compared, PlanHref: "/plans/pl_1", Text: "Compared 3 hours ago with version 7.",
		Agree: driftui.Share{Part: 12120, Of: 12480},
		Counts: []driftui.Count{
			{Label: "in sync", N: 12120, Tone: ui.Good, Href: "/plans/pl_1?drift=in_sync"}, {Label: "differ", N: 360, Tone: ui.Warn, Href: "/plans/pl_1?drift=differs"},
			{Label: "only in HighLevel", N: 41, Tone: ui.Info, Href: "/plans/pl_1?drift=only_here"}, {Label: "only in Gleap", N: 7, Tone: ui.Info, Href: "/plans/pl_1?drift=only_there"},
			{Label: "doubtful", N: 3, Tone: ui.Warn, Href: "/plans/pl_1?drift=doubtful"}, {Label: "left alone", N: 12, Tone: ui.Info, Href: "/plans/pl_1?drift=apart"}},
		Fields: []driftui.Field{{Label: "Phone", N: 301, Kept: 12, Width: 100}, {Label: "Company", N: 59, Width: 19}},
		Heal:   true,
		Missed: "12 changes were made more than ten minutes before, and no webhook told of them. Polling or this comparison found them.",
	}
	never := driftui.Automation{ID: "au_2", Name: "Form capture", State: driftui.Never, Text: "Never compared yet."}
	comparing := driftui.Automation{ID: "au_3", Name: "Notes", State: driftui.Comparing, PlanHref: "/plans/pl_3", Text: "Being compared: 1,200 records so far."}
	failed := driftui.Automation{ID: "au_4", Name: "Tasks", State: driftui.Failed, PlanHref: "/plans/pl_4", Text: "The last comparison, 2 hours ago, could not be finished.", Problem: "HighLevel did not answer."}
	return []State{
		{"drift", "drift", driftui.Page(shell(ui.Drift), driftui.View{Automations: []driftui.Automation{compared, never, comparing, failed}})},
		{"drift-none", "drift", driftui.Page(shell(ui.Drift), driftui.View{})},
	}
}
