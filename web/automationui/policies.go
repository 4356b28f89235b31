package automationui

import "crosswalk/web/ui"

// Policies is what an automation may do, on /automations/:id/live. The form
// posts to /automations/:id/policies:
//
//	version
//	create, create-source, update      true when ticked
//	first                              one of First
//	deletes                            one of Deletes
//	mark-field, mark-source-field, mark-value
//	changes, deletes-limit, share      a number; empty means the default
//	changes-none, deletes-limit-none, share-none   true: no limit
type Policies struct {
	Create, CreateSource, Update ui.Input // checkboxes; CreateSource has no ID when nothing leads back
	First                        string
	FirstOptions                 []ui.Option
	Deletes                      string
	DeleteOptions                []ui.Option
	MarkField, MarkSourceField   ui.Input
	MarkValue                    ui.Input
	Limits                       []Limit
	Sentences                    []string // the saved policies in plain words
	Open                         bool     // show the form at once, e.g. after a refused save
}

// Limit is one brake: a number, or none at all.
type Limit struct{ Number, None ui.Input }

// Brake says why an automation was paused, and lets a person decide.
type Brake struct {
	Why     string
	Raise   []ui.Input // the limits to raise, for POST /automations/:id/limits
	Ready   bool
	Version int
}

// VersionsView is /automations/:id/versions. GET ?from=N&to=M compares two;
// POST /automations/:id/versions with number and version goes back to one.
type VersionsView struct {
	Builder
	Versions []SavedVersion // newest first
	From, To string         // the compared numbers
	Choices  []ui.Option
	Changes  []VersionChange
}

// SavedVersion is one line of the list.
type SavedVersion struct {
	Number    int
	When      ui.Moment
	Who, Note string
	Current   bool
}

// VersionChange is one thing in which two versions differ.
type VersionChange struct {
	What    string // "Phone", "Only if"
	Outcome ui.Outcome
	Parts   []ui.Diff // what about it; Field may be empty
}
