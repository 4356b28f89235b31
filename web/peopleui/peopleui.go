// Package peopleui holds the pages about who may do what: workspaces, their people, invites and the audit log.
package peopleui

import "crosswalk/web/ui"

// NewWorkspace is /workspaces/new. Its form is POST /workspaces with name.
type NewWorkspace struct {
	Name, Error string
}

func (v NewWorkspace) input() ui.Input {
	return ui.Input{ID: "name", Name: "name", Label: "Name", Value: v.Name, Required: true, Autocomplete: "organization", Error: v.Error, Hint: "The customer’s name, say. You can change it later."}
}
