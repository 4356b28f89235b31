package recipe

import (
	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// createdOrUpdated is a trigger for both.
func createdOrUpdated(t record.ObjectType) rule.Trigger {
	return rule.Trigger{Object: t, On: []string{string(provider.Created), string(provider.Updated)}}
}

// ticketToTask gives every ticket of a linked contact a task. Of its four rows:
//   - A title is never cleared from the other side: neither provider takes a ticket or a task without one.
//   - The description goes one way, for a task's text is where people note what they did.
//   - HighLevel wants a due date for every task; a ticket without one gives the day it came in. It goes one way, or that
//     day would come back as the ticket's due date.
//   - Done is the one status a task knows. Back it says no more than that: while a ticket is not done, a task that is not
//     done either agrees with whatever its status is, so nobody's “in progress” is overwritten.
func ticketToTask() Recipe {
	title := row("r1", "title", []string{"title"})
	title.Direction = mapping.Both
	done := row("r4", "completed", []string{"status"}, step("lookup", "table", "DONE = yes", "otherwise", "value", "value", "no"))
	done.Direction, done.Back = mapping.Both, []mapping.Step{step("yes_no", "yes", "DONE", "no", "OPEN")}
	return Recipe{
		ID: "gleap-ticket-to-highlevel-task", Name: "Support ticket ↔ HighLevel task",
		Text: "Every Gleap ticket becomes a task of the HighLevel contact it is linked with, and is done when the ticket is closed. Ticking the task off closes the ticket. The contacts are linked by “Keep contacts in sync”; until then a ticket waits.",
		Definition: automation.Definition{
			Source:  automation.Endpoint{Provider: gleap, Object: record.Ticket},
			Target:  automation.Endpoint{Provider: highLevel, Object: record.Task},
			Trigger: createdOrUpdated(record.Ticket),
			Mapping: mapping.Mapping{Source: record.Ticket, Target: record.Task, Rows: []mapping.Row{
				title,
				row("r2", "body", []string{"description", "plainContent"}, step("first_filled")),
				row("r3", "dueDate", []string{"dueDate", "createdAt"}, step("first_filled")),
				done,
			}},
			Create: true, Update: true,
		},
	}
}

// noteToNote copies internal notes. A note that is deleted on one side is deleted on the other, within the limits on
// deletes that every automation has.
func noteToNote() Recipe {
	body := row("r1", "body", []string{"body"})
	body.Direction = mapping.Both // never cleared: neither provider takes a note without text
	return Recipe{
		ID: "gleap-note-to-highlevel-note", Name: "Gleap note → HighLevel note",
		Text: "Every internal note on a Gleap ticket becomes a note of the linked HighLevel contact. Edits follow both ways, and so do deletes. The contacts are linked by “Keep contacts in sync”; until then a note waits.",
		Definition: automation.Definition{
			Source:  automation.Endpoint{Provider: gleap, Object: record.Note},
			Target:  automation.Endpoint{Provider: highLevel, Object: record.Note},
			Trigger: createdOrUpdated(record.Note),
			Mapping: mapping.Mapping{Source: record.Note, Target: record.Note, Rows: []mapping.Row{body}},
			Create:  true, Update: true,
			Deletes: automation.Deletes{Policy: automation.DeleteDelete},
		},
	}
}
