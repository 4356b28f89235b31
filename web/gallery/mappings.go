package gallery

import (
	"crosswalk/web/automationui"
	"crosswalk/web/mappingui"
	"crosswalk/web/ui"
)

func regions() []ui.Option {
	return []ui.Option{{Value: "AT", Label: "Austria (+43)"}, {Value: "DE", Label: "Germany (+49)"}, {Value: "US", Label: "United States (+1)"}}
}

func mapping() mappingui.View {
	row := func(id, source string, transforms ...mappingui.Transform) *mappingui.Row {
		return &mappingui.Row{ID: id, Sources: []string{source}, Transforms: transforms, Policy: "source"}
	}
	split := func(part string) mappingui.Transform {
		return mappingui.Transform{Name: "split_name", Label: "Split name", Summary: "split name, " + part, Params: []mappingui.Param{
			{Name: "part", Label: "Part to keep", Kind: "select", Value: part, Options: []ui.Option{{Value: "first", Label: "First name"}, {Value: "last", Label: "Last name"}}}}}
	}
	return mappingui.View{
		Builder: builder(automationui.Map),
		From:    mappingui.Object{Side: ui.Gleap, Title: "Gleap contact"},
		To:      mappingui.Object{Side: ui.HighLevel, Title: "HighLevel contact"},
		Sources: []mappingui.Source{
			{Key: "name", Label: "Name", Type: "text", Sample: "Jane Doe", Used: true},
			{Key: "email", Label: "Email", Type: "email", Sample: "Jane@Acme.io", Used: true},
			{Key: "phone", Label: "Phone", Type: "text", Sample: "(555) 010-2233", Used: true},
			{Key: "plan", Label: "Plan", Type: "custom data", Sample: "pro-annual", Used: true},
			{Key: "tags", Label: "Tags", Type: "set", Sample: "beta, vip", Used: true},
			{Key: "companyName", Label: "Company", Type: "text", Sample: "Acme"},
			{Key: "seats", Label: "Seats", Type: "custom data, number", Sample: "12"},
			{Key: "lang", Label: "Language", Type: "text"},
		},
		Targets: []mappingui.Target{
			{Key: "firstName", Label: "First name", Type: "text", Row: row("row_1", "name", split("first")), Result: &ui.Diff{Before: "Jane", After: "Jane", Outcome: ui.Same}},
			{Key: "lastName", Label: "Last name", Type: "text", Row: row("row_2", "name", split("last")), Result: &ui.Diff{Before: "Dough", After: "Doe", Outcome: ui.Update}},
			{Key: "email", Label: "Email", Type: "email", Note: "match key", Required: true, Row: row("row_3", "email", mappingui.Transform{Name: "case", Label: "Text case", Summary: "lower case", Params: []mappingui.Param{
				{Name: "to", Label: "Change to", Kind: "select", Value: "lower", Options: []ui.Option{{Value: "lower", Label: "lower case"}, {Value: "upper", Label: "UPPER CASE"}}}}}),
				Result: &ui.Diff{Before: "jane@acme.io", After: "jane@acme.io", Outcome: ui.Same}},
			{Key: "phone", Label: "Phone", Type: "phone", Row: row("row_4", "phone", mappingui.Transform{Name: "phone", Label: "Phone number", Summary: "phone, US", Params: []mappingui.Param{
				{Name: "region", Label: "Region when the number has none", Kind: "select", Value: "US", Options: regions()}}}),
				Result: &ui.Diff{After: "+15550102233", Outcome: ui.Create}},
			{Key: "cf_lifecycle", Label: "Lifecycle", Type: "custom, 5 options", Row: &mappingui.Row{ID: "row_5", Sources: []string{"plan"}, Policy: "source",
				Transforms: []mappingui.Transform{
					{Name: "lookup", Label: "Look up", Summary: "look up, 3 pairs", Params: []mappingui.Param{
						{Name: "pairs", Label: "Pairs", Kind: "table", Value: "pro-annual = Customer\npro-monthly = Customer\ntrial = Lead"},
						{Name: "keep", Label: "Keep values that are not in the list", Kind: "bool", Value: "false"}}},
					{Name: "default", Label: "Default", Summary: "else Lead", Params: []mappingui.Param{{Name: "value", Label: "Value when empty", Kind: "text", Value: "Lead"}}},
				},
				Warnings: []mappingui.Warning{{Text: "3 plans of the last 100 contacts are not in the list.", Fix: "lookup-add-missing", FixLabel: "Add them"}}},
				Result: &ui.Diff{Before: "Lead", After: "Customer", Outcome: ui.Update}},
			{Key: "tags", Label: "Tags", Type: "set", Note: "never overwritten", Row: row("row_6", "tags"), Result: &ui.Diff{After: "+ beta", Outcome: ui.Create}},
			{Key: "companyName", Label: "Company", Type: "text", Suggestion: &mappingui.Suggestion{Source: "companyName", Label: "Company", Reason: "Same name on both sides."}},
			{Key: "city", Label: "City", Type: "text"},
		},
		Palette:   []ui.Option{{Value: "case", Label: "Text case", Group: "Text"}, {Value: "trim", Label: "Trim spaces", Group: "Text"}, {Value: "split_name", Label: "Split name", Group: "Names"}, {Value: "phone", Label: "Phone number", Group: "Formats"}, {Value: "lookup", Label: "Look up", Group: "Values"}, {Value: "default", Label: "Default", Group: "Values"}},
		Samples:   []ui.Option{{Value: "s1", Label: "Jane Doe, jane@acme.io"}, {Value: "s2", Label: "Omar Haddad"}},
		SampleID:  "s1",
		UndoLabel: "connect Tags",
		Keys: mappingui.Keys{
			List: []mappingui.Key{
				{Source: "userId", Target: "custom.x", SourceLabel: "User ID", TargetLabel: "Support ID", How: "Compared letter by letter: capitals matter, spaces around do not.", First: true, Notes: []string{"Looked up in an index of HighLevel that is some seconds late: that it names nobody is no reason to create anybody."}},
				{Source: "email", Target: "email", SourceLabel: "Email", TargetLabel: "Email", How: "Compared as email addresses: capitals do not matter.", Last: true},
			},
			From: ui.Input{ID: "key-source", Name: "source", Label: "Field in Gleap", Type: "select", Options: []ui.Option{{Value: "", Label: "Choose…"}, {Value: "phone", Label: "Phone"}}},
			To:   ui.Input{ID: "key-target", Name: "target", Label: "Field in HighLevel", Type: "select", Options: []ui.Option{{Value: "", Label: "Choose…"}, {Value: "phone", Label: "Phone"}, {Value: "custom.x", Label: "Support ID (some seconds late)"}}},
			Hint: "Only what HighLevel can look a contact up by is offered, since a change has to find its counterpart at once.",
		},
	}
}

func mappings() []State {
	empty := mapping()
	empty.Targets = []mappingui.Target{
		{Key: "email", Label: "Email", Type: "email", Note: "match key", Required: true},
		{Key: "firstName", Label: "First name", Type: "text", Suggestion: &mappingui.Suggestion{Source: "name", Label: "Name", Reason: "Names are usually split."}},
		{Key: "phone", Label: "Phone", Type: "phone"},
	}
	for i := range empty.Sources {
		empty.Sources[i].Used = false
	}
	empty.UndoLabel = ""

	amiss := mapping()
	amiss.Warnings = map[automationui.Step]int{automationui.Map: 3}
	amiss.Sources[3].Gone = true
	amiss.Sources[3].Sample = ""
	amiss.Targets[2].Row, amiss.Targets[2].Result = nil, nil
	amiss.Targets[3].Row.Error = "“call me” is not a phone number. This record would be blocked at this field; everything else would be written."
	amiss.Targets[3].Result = &ui.Diff{Outcome: ui.Blocked}
	amiss.Targets[4].Gone = true
	amiss.Targets[4].Result = nil
	amiss.Keys.List[0].Error, amiss.Keys.List[0].How, amiss.Keys.List[0].Notes = "The field “custom.x” does not exist in the HighLevel contact. Choose another field.", "", nil
	amiss.Keys.List[1] = mappingui.Key{Source: "phone", Target: "custom.y", SourceLabel: "Phone", TargetLabel: "Other phone", Last: true}
	amiss.Keys.Problems = []string{"By these keys alone nobody can tell for sure that a HighLevel contact is not there yet: that search is late, so doubles would be made. Keep a key of Email or Phone as well, or let this automation create no HighLevel contact."}
	amiss.Problems = []ui.Problem{{Title: "Lifecycle was deleted in HighLevel", Detail: "The row is kept, and left out of every run, until you remove it or choose another field."}}

	disputed := mapping()
	disputed.Conflict = conflict(automationui.HiddenField{Name: "do", Value: "save"})
	disputed.Conflict.LoadHref, disputed.Conflict.Action = "/automations/at_1/map", "/automations/at_1/rows/row_4"

	editing := mapping()
	editing.Targets[4].Row.Open = true
	editing.Targets[4].Row.Sources = []string{"plan", "seats"}
	editing.Targets[4].Row.Transforms[0].Params[0].Error = "line 2 has no = sign"

	twoWay := mapping()
	twoWay.Targets[2].Row.Direction, twoWay.Targets[2].Row.Back, twoWay.Targets[2].Row.Clear = mappingui.Both, mappingui.Back{Told: "Carried back as it is."}, true
	twoWay.Targets[2].Row.BackResults = []ui.Diff{{Before: "Jane@Acme.io", After: "jane@acme.io", Outcome: ui.Update}}
	twoWay.Targets[1].Backs = []*mappingui.Row{{ID: "row_8", Sources: []string{"name"}, Direction: mappingui.ToSource, Policy: "target"}}
	twoWay.Targets[5].Row.Direction, twoWay.Targets[5].Row.Policy = mappingui.Both, "newest"
	twoWay.Targets[5].Row.Back = mappingui.Back{Own: true, Transforms: twoWay.Targets[2].Row.Transforms}
	twoWay.Targets[7].Backs = []*mappingui.Row{{ID: "row_9", Sources: []string{"lang"}, Direction: mappingui.ToSource, Policy: "target", Error: "Language can only be read, not written."}}

	joined := mapping()
	joined.Problems = []ui.Problem{{Tone: ui.Info, Title: "Last name leads to HighLevel only now", Detail: "It led both ways. How a value goes back is not told by what it is made of now.", Next: "To let it lead both ways again, say in its editor how a value goes back."}}
	joined.Targets[2].Row.Sources, joined.Targets[2].Row.Direction, joined.Targets[2].Row.Open = []string{"name", "plan"}, mappingui.Both, true
	joined.Targets[2].Row.Back = mappingui.Back{Told: "Taken apart again: the part that is still the same stays as it is, the other gets the rest, and a name that is all new is split into first and last name."}
	joined.Targets[2].Row.BackResults = []ui.Diff{{Field: "Name", Before: "Jane", After: "Janet", Outcome: ui.Update}, {Field: "Plan", After: "Doe", Outcome: ui.Create}}

	noWayBack := mapping()
	noWayBack.Targets[0].Row.Direction, noWayBack.Targets[0].Row.Open = mappingui.Both, true
	noWayBack.Targets[0].Row.Error = "First name: its transforms do not tell how a value goes back. Say how values go back, or let the row lead one way."

	offline := mapping()
	offline.Keys.From, offline.Keys.To = ui.Input{}, ui.Input{}
	offline.Samples, offline.SampleID = nil, ""
	offline.Unreachable = "Gleap does not answer, so there are no sample values. You can still map."
	for i := range offline.Sources {
		offline.Sources[i].Sample = ""
	}
	for i := range offline.Targets {
		offline.Targets[i].Result = nil
	}
	return []State{
		{"map", "mapping", mappingui.Page(shell(ui.Automations), mapping())},
		{"map-empty", "mapping", mappingui.Page(shell(ui.Automations), empty)},
		{"map-amiss", "mapping", mappingui.Page(shell(ui.Automations), amiss)},
		{"map-conflict", "mapping", mappingui.Page(shell(ui.Automations), disputed)},
		{"map-editing", "mapping", mappingui.Page(shell(ui.Automations), editing)},
		{"map-two-way", "mapping", mappingui.Page(shell(ui.Automations), twoWay)},
		{"map-joined", "mapping", mappingui.Page(shell(ui.Automations), joined)},
		{"map-no-way-back", "mapping", mappingui.Page(shell(ui.Automations), noWayBack)},
		{"map-offline", "mapping", mappingui.Page(shell(ui.Automations), offline)},
	}
}
