package enginetest_test

import (
	"fmt"
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
)

func TestTheOriginalStaysWhenSomebodyDeletesItsCopy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		on   automation.DeletedOn
		left int
		code string
	}{
		{"as it was saved before anybody could choose", "", 1, "deleted_there"},
		{"only deletions of the original count", automation.DeletedOnSource, 1, "deleted_there"},
		{"deletions count on either side", automation.DeletedAnywhere, 0, "delete"},
		{"only deletions of the copy count", automation.DeletedOnTarget, 0, "delete"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			h.Automation(toHighLevel, func(d *automation.Definition) {
				d.Deletes = automation.Deletes{Policy: automation.DeleteDelete, On: tc.on}
			})
			id := h.Gleap.PersonCreatesContact(jane())
			h.Poll()
			c := only(t, h)
			edit(t, h.HighLevel.PersonDeletesContact(fmt.Sprint(c["id"])))
			h.Tell(highlevelRef(c["id"]), provider.Deleted)
			if n := len(h.Gleap.Sessions()); n != tc.left {
				t.Errorf("%d left in Gleap, want %d", n, tc.left)
			}
			if r := h.LastRun(); r.Code != tc.code {
				t.Errorf("run: %s %q", r.Code, r.Summary)
			}
			if tc.left == 0 {
				return
			}
			// Nor is the copy made anew of what somebody wanted to be gone.
			edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"companyName": "Later"}))
			h.Poll()
			if n := len(h.HighLevel.Contacts()); n != 0 {
				t.Errorf("%d made anew: %s", n, h.LastRun().Summary)
			}
		})
	}
}

func TestADeletedOriginalTakesItsCopyAlong(t *testing.T) {
	t.Parallel()
	for on, left := range map[automation.DeletedOn]int{"": 0, automation.DeletedOnSource: 0, automation.DeletedAnywhere: 0, automation.DeletedOnTarget: 1} {
		h := enginetest.New(t, enginetest.Options{})
		h.Automation(toHighLevel, func(d *automation.Definition) {
			d.Deletes = automation.Deletes{Policy: automation.DeleteDelete, On: on}
		})
		id := h.Gleap.PersonCreatesContact(jane())
		h.Poll()
		edit(t, h.Gleap.PersonDeletesContact(id))
		h.Tell(gleapRef(id), provider.Deleted)
		if n := len(h.HighLevel.Contacts()); n != left {
			t.Errorf("deletions count on %q: %d left, want %d: %s", on, n, left, h.LastRun().Summary)
		}
	}
}

func TestAPlanForEveryoneLeavesTheOriginalOfADeletedCopy(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	a := h.Automation(toHighLevel, func(d *automation.Definition) { d.Deletes.Policy = automation.DeleteDelete })
	h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	edit(t, h.HighLevel.PersonDeletesContact(fmt.Sprint(only(t, h)["id"])))
	p := show(t, h, a, engine.ModeShow, "")
	if p.Counts[automation.Delete] != 0 || p.Counts[automation.Skip] != 1 {
		t.Errorf("counts: %v", p.Counts)
	}
	carryOut(t, h, p, engine.Choice{})
	onlySession(t, h)
	if r := h.LastRun(); r.Code != "deleted_there" || !strings.Contains(r.Summary, "stays and is left alone") {
		t.Errorf("run: %s %q", r.Code, r.Summary)
	}
}

func TestTheNotesOfADeletedTicketAreKept(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"live", "daily"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, nil).introduce()
			ticket := o.ticket(map[string]any{"title": "It is broken"})
			note := o.Gleap.PersonCreatesNote(ticket, "She is a regular")
			o.settle()
			edit(t, o.Gleap.PersonDeletesTicket(ticket))
			if how == "live" {
				o.Tell(o.gleapNote(ticket, note), provider.Deleted)
			} else {
				o.daily(o.notes)
			}
			all := o.HighLevel.Notes()
			if len(all) != 1 || all[0].Body != "She is a regular" {
				t.Fatalf("notes: %+v, %s", all, o.LastRun().Summary)
			}
			if r := o.LastRun(); r.Code != "parent_gone" || !strings.Contains(r.Summary, "gone together with the ticket") {
				t.Errorf("run: %s %q", r.Code, r.Summary)
			}
			// It is nobody's copy any more.
			if p := o.daily(o.notes); p.Counts[automation.Delete]+p.Counts[automation.Create] != 0 {
				t.Errorf("the next day: %v", p.Counts)
			}
		})
	}
}

func TestAMarkStandsInFrontOfWhatSomebodyWrote(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(o *office) {
		o.noted = func(d *automation.Definition) {
			d.Deletes = automation.Deletes{Policy: automation.DeleteMark, Field: "body", SourceField: "body", Value: "Deleted in Gleap"}
		}
	}).introduce()
	ticket := o.ticket(map[string]any{"title": "It is broken"})
	note := o.Gleap.PersonCreatesNote(ticket, "She is a regular")
	o.settle()
	edit(t, o.Gleap.PersonDeletesNote(note))
	for range 2 {
		o.Tell(o.gleapNote(ticket, note), provider.Deleted)
		all := o.HighLevel.Notes()
		if len(all) != 1 || all[0].Body != "Deleted in Gleap\n\nShe is a regular" {
			t.Fatalf("notes: %+v, %s", all, o.LastRun().Summary)
		}
	}
}
