// Package gallery lists every page in every state worth looking at, with data
// made by hand. Tests hold each state to the rules of markup and
// accessibility; people look at them in a browser.
package gallery

import (
	"slices"

	"crosswalk/web/ui"

	"github.com/a-h/templ"
)

// State is one page in one state. Name is unique and fit for a file name.
type State struct {
	Name, Family string
	Component    templ.Component
}

// States returns the whole gallery, family by family.
func States() []State {
	return slices.Concat(accounts(), overviews(), connections(), automations(), firstSyncs(), mappings(), plans(), runs(), records(), reviews(), drifts(), deliveries(), people(), failures())
}

func shell(active ui.Section) ui.Shell {
	return ui.Shell{Active: active, Workspace: "Acme Dental", User: "maria@acme.io", AutomationCount: 2, Demo: true}
}

func failures() []State {
	denied := ui.ErrorView{Status: 404, Title: "There is no such page", What: "The address may be mistyped, or the thing it pointed at was removed.", Code: "not_found", RequestID: "req_01JQ8Z"}
	broken := ui.ErrorView{Status: 500, Title: "Something went wrong on our side", What: "Crosswalk could not show this page. No record was changed by this.",
		Next: "Try again in a moment. If it happens again, give the operator the request number below.", Code: "internal", RequestID: "req_01JQ8Z7M"}
	ownWindow := ui.ErrorView{Status: 403, Title: "Open Crosswalk in its own window for this", What: "Accounts, people and settings are not changed inside HighLevel. Nothing was changed.",
		Next: "Open Crosswalk in a browser tab and sign in there.", Code: "own_window", RequestID: "req_01JQ8ZB2"}
	return []State{
		{"error-not-found", "error", ui.ErrorPage(shell(""), denied)},
		{"error-internal", "error", ui.ErrorPage(shell(""), broken)},
		{"error-own-window", "error", ui.ErrorPage(ui.Shell{}, ownWindow)},
	}
}
