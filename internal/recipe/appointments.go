package recipe

import (
	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

// appointmentToTicket lets the people in support see what a contact has booked, as a ticket that is due when it begins.
// What is over, however it ended, is done, but for who did not come: somebody should ask. It goes one way: Gleap knows
// nobody's calendar. A row's value is written when the appointment moved, so a ticket that somebody closed stays closed.
func appointmentToTicket() Recipe {
	return Recipe{
		ID: "highlevel-appointment-to-gleap-ticket", Name: "HighLevel appointment → Gleap ticket",
		Text: "Every appointment of a linked contact becomes a Gleap ticket that is due when it begins, and is moved, closed or, when nobody came, marked high with it. Add a rule for some calendars or for missed appointments only. The contacts are linked by “Keep contacts in sync”; until then an appointment waits.",
		Definition: automation.Definition{
			Source:  automation.Endpoint{Provider: highLevel, Object: record.Appointment},
			Target:  automation.Endpoint{Provider: gleap, Object: record.Ticket},
			Trigger: createdOrUpdated(record.Appointment),
			Mapping: mapping.Mapping{Source: record.Appointment, Target: record.Ticket, Rows: []mapping.Row{
				row("r1", "title", []string{"title", "calendar"}, step("first_filled"), step("default", "value", "Appointment")),
				row("r2", "type", []string{"appointmentStatus"}, step("fixed", "value", "INQUIRY")),
				row("r3", "dueDate", []string{"startTime"}),
				row("r4", "status", []string{"appointmentStatus"}, step("lookup", "table", "showed = DONE\ncompleted = DONE\ncancelled = DONE\ninvalid = DONE", "otherwise", "value", "value", "OPEN")),
				row("r5", "priority", []string{"appointmentStatus"}, step("lookup", "table", "noshow = HIGH", "otherwise", "value", "value", "MEDIUM")),
				row("r6", "description", []string{"address", "notes"}, step("join", "separator", "\n")),
			}},
			Create: true, Update: true,
			Deletes: automation.Deletes{Policy: automation.DeleteMark, Field: "status", Value: "DONE"},
		},
	}
}
