// Package recipe is the gallery of ready-made automations: definitions a person starts from. It is one of the
// few places where providers are named; everything it makes is an ordinary definition.
package recipe

import (
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// The providers, by the ids their adapters use.
const (
	gleap     provider.ID = "gleap"
	highLevel provider.ID = "highlevel"
)

// Recipe is one ready-made automation.
type Recipe struct {
	ID, Name, Text string
	Definition     automation.Definition
}

// All lists the gallery in the order it is shown.
func All() []Recipe {
	return []Recipe{contactsInSync(), newGleapContact(), newHighLevelContact(), ticketToTask(), noteToNote(), appointmentToTicket()}
}

// Find looks a recipe up.
func Find(id string) (Recipe, bool) {
	all := All()
	i := slices.IndexFunc(all, func(r Recipe) bool { return r.ID == id })
	if i < 0 {
		return Recipe{}, false
	}
	return all[i], true
}

func step(use string, with ...string) mapping.Step {
	s := mapping.Step{Use: use}
	for i := 0; i+1 < len(with); i += 2 {
		if s.With == nil {
			s.With = map[string]string{}
		}
		s.With[with[i]] = with[i+1]
	}
	return s
}

func row(id, target string, sources []string, steps ...mapping.Step) mapping.Row {
	return mapping.Row{ID: id, Sources: sources, Steps: steps, Target: target}
}

// bothWays makes a row lead both ways. What is emptied on one side is emptied on the other.
func bothWays(r mapping.Row) mapping.Row {
	r.Direction, r.ClearWhenEmpty = mapping.Both, true
	return r
}

// contactsInSync keeps the contacts of both sides alike. HighLevel has two name fields and Gleap one: joined on the way
// there, taken apart on the way back.
func contactsInSync() Recipe {
	return Recipe{
		ID: "contacts-in-sync", Name: "Keep contacts in sync",
		Text: "Contacts of HighLevel and Gleap are kept alike, whoever edits them and wherever. At first only what is empty is filled.",
		Definition: automation.Definition{
			Source:  automation.Endpoint{Provider: highLevel, Object: record.Contact},
			Target:  automation.Endpoint{Provider: gleap, Object: record.Contact},
			Trigger: rule.Trigger{Object: record.Contact, On: []string{string(provider.Created), string(provider.Updated)}},
			Mapping: mapping.Mapping{Source: record.Contact, Target: record.Contact, Rows: []mapping.Row{
				bothWays(row("r1", "email", []string{"email"}, step("trim"), step("text_case", "to", "lower"))),
				bothWays(row("r2", "phone", []string{"phone"})),
				bothWays(row("r3", "companyName", []string{"companyName"})),
				bothWays(row("r4", "tags", []string{"tags"})),
				bothWays(row("r5", "name", []string{"firstName", "lastName"}, step("join", "separator", " "))),
			}},
			Match: []automation.MatchKey{
				{Source: "email", Target: "email", Kind: record.Email},
				{Source: "phone", Target: "phone", Kind: record.Phone},
			},
			Create: true, CreateSource: true, Update: true, First: automation.FillEmpty, Region: "US",
		},
	}
}

func newGleapContact() Recipe {
	return Recipe{
		ID: "gleap-contact-to-highlevel", Name: "New Gleap contact → HighLevel contact",
		Text: "Every contact who is new or changes in Gleap becomes, or updates, the HighLevel contact with the same email or phone.",
		Definition: automation.Definition{
			Source:  automation.Endpoint{Provider: gleap, Object: record.Contact},
			Target:  automation.Endpoint{Provider: highLevel, Object: record.Contact},
			Trigger: rule.Trigger{Object: record.Contact, On: []string{string(provider.Created), string(provider.Updated)}},
			Mapping: mapping.Mapping{Source: record.Contact, Target: record.Contact, Rows: []mapping.Row{
				row("r1", "firstName", []string{"name"}, step("split_name", "part", "first")),
				row("r2", "lastName", []string{"name"}, step("split_name", "part", "last")),
				row("r3", "email", []string{"email"}, step("trim"), step("text_case", "to", "lower")),
				row("r4", "phone", []string{"phone"}, step("phone", "region", "US")),
				row("r5", "companyName", []string{"companyName"}),
				row("r6", "tags", []string{"tags"}),
			}},
			Match: []automation.MatchKey{
				{Source: "email", Target: "email", Kind: record.Email},
				{Source: "phone", Target: "phone", Kind: record.Phone},
			},
			Create: true, Update: true, Region: "US",
		},
	}
}

func newHighLevelContact() Recipe {
	return Recipe{
		ID: "highlevel-contact-to-gleap", Name: "HighLevel contact → Gleap contact",
		Text: "Every contact who is new or changes in HighLevel becomes, or updates, the Gleap contact with the same email.",
		Definition: automation.Definition{
			Source:  automation.Endpoint{Provider: highLevel, Object: record.Contact},
			Target:  automation.Endpoint{Provider: gleap, Object: record.Contact},
			Trigger: rule.Trigger{Object: record.Contact, On: []string{string(provider.Created), string(provider.Updated)}},
			Mapping: mapping.Mapping{Source: record.Contact, Target: record.Contact, Rows: []mapping.Row{
				row("r1", "name", []string{"firstName", "lastName"}, step("join", "separator", " ")),
				row("r2", "email", []string{"email"}, step("trim"), step("text_case", "to", "lower")),
				row("r3", "phone", []string{"phone"}),
				row("r4", "companyName", []string{"companyName"}),
				row("r5", "tags", []string{"tags"}),
			}},
			Match:  []automation.MatchKey{{Source: "email", Target: "email", Kind: record.Email}},
			Create: true, Update: true, Region: "US",
		},
	}
}
