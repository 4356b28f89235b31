package peopleui

import "crosswalk/web/ui"

// Audit is /settings/audit, for owners: who did what.
type Audit struct {
	Entries                []Act
	People, Kinds          []ui.Option
	Person, Kind, From, To string
	Pages                  ui.Pages
	ExportHref             string
}

// Act is one line of it.
type Act struct {
	At                             ui.Moment
	Who, Address, What             string
	Subject, Object, Before, After string
}

func (a Audit) filtered() bool { return a.Person != "" || a.Kind != "" || a.From != "" || a.To != "" }
