package gallery

import (
	"crosswalk/web/peopleui"
	"crosswalk/web/ui"
)

func people() []State {
	several := shell(ui.Settings)
	several.Workspaces = []ui.Option{{Value: "ws_1", Label: "Acme Dental"}, {Value: "ws_2", Label: "Brooklyn Bakery and Catering Company"}}
	several.WorkspaceID = "ws_1"
	return []State{
		{"workspace-new", "people", peopleui.NewWorkspacePage(several, peopleui.NewWorkspace{})},
		{"workspace-new-refused", "people", peopleui.NewWorkspacePage(several, peopleui.NewWorkspace{Error: "A workspace needs a name."})},
	}
}
