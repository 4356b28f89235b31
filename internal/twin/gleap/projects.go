package gleap

import "net/http"

const projectName = "Harbor App"

// projectRoutes are not in the public OpenAPI: §11.
func projectRoutes() []route {
	return []route{
		{method: "GET", pattern: "/projects", handle: func(t *Twin, _ *call) answer { return ok([]object{t.project()}) }, global: true},
		{method: "GET", pattern: "/projects/{projectId}", handle: (*Twin).getProject},
	}
}

func (t *Twin) getProject(c *call) answer {
	if c.path["projectId"] != t.cfg.ProjectID {
		return fail(http.StatusForbidden, "You do not have access to this project.")
	}
	return ok(t.project())
}

// ticketTypes are the built-in types and two of the project's own, of which
// one stands in for tasks (§10). A custom lane's key is not its title (§8).
var ticketTypes = []struct {
	name  string
	lanes [][2]string
}{
	{"BUG", [][2]string{{"OPEN", "Open"}, {"INPROGRESS", "In progress"}, {"TOTEST", "To test"}, {"DONE", "Done"}}},
	{"INQUIRY", [][2]string{{"OPEN", "Open"}, {"SNOOZED", "Snoozed"}, {"DONE", "Done"}}},
	{"FEATURE_REQUEST", [][2]string{{"OPEN", "Open"}, {"PLANNED", "Planned"}, {"INPROGRESS", "In progress"}, {"DONE", "Done"}}},
	{"CUSTOMERSUCCESS", [][2]string{{"OPEN", "Open"}, {"k3v9x2", "Waiting for customer"}, {"DONE", "Done"}}},
	{"TASK", [][2]string{{"OPEN", "To do"}, {"INPROGRESS", "Doing"}, {"DONE", "Done"}}},
}

func (t *Twin) project() object {
	types := []object{}
	for _, typ := range ticketTypes {
		lanes := []object{}
		for _, lane := range typ.lanes {
			lanes = append(lanes, object{"key": lane[0], "title": lane[1]})
		}
		types = append(types, object{"type": typ.name, "options": object{"possibleLanes": lanes}})
	}
	return object{"_id": t.cfg.ProjectID, "id": t.cfg.ProjectID, "name": projectName, "organisation": t.org, "projectTypes": types}
}
