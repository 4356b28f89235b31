package automationui

import "crosswalk/web/ui"

// Policies is what an automation may do, on /automations/:id/live. The form
// posts to /automations/:id/policies:
//
//	version
//	create, create-source, update      true when ticked
//	first                              one of First
//	deletes                            one of Deletes
//	deleted-on                         one of DeletedOn
//	mark-field, mark-source-field, mark-value
//	save-calls                         true when ticked
//	changes, deletes-limit, share      a number; empty means the default
//	changes-none, deletes-limit-none, share-none   true: no limit
type Policies struct {
	Create, CreateSource, Update ui.Input // checkboxes; CreateSource has no ID when nothing leads back
	First                        string
	FirstOptions                 []ui.Option
	Deletes                      string
	DeleteOptions                []ui.Option
	DeletedOn                    string // a deletion on which side counts
	DeletedOnOptions             []ui.Option
	DeletedOnHint                string // why it matters here; may be empty
	MarkField, MarkSourceField   ui.Input
	MarkValue                    ui.Input
	Limits                       []Limit
	SaveCalls                    ui.Input // a checkbox; no ID where an automation may not
	SaveCallsHint                string   // what is given up by it
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
	Holds   int    // how many records wait
	Held    []Held // the first of them
}

// Held is a record that a brake holds, with what would be written as far as that is known.
type Held struct {
	Name, Href string
	Outcome    ui.Outcome // empty: nobody has looked yet
	Diffs      []ui.Diff
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
	Current   bool // it is live
	Next      bool // it waits to be
	Discarded bool // it never was
}

// VersionChange is one thing in which two versions differ.
type VersionChange struct {
	What    string // "Phone", "Only if"
	Outcome ui.Outcome
	Parts   []ui.Diff // what about it; Field may be empty
}
