package enginetest_test

import (
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
)

// nadia has Jane's phone number and an email of her own, in a location that takes no two contacts with one number.
func nadia() map[string]any {
	return map[string]any{"firstName": "Nadia", "email": "nadia@example.com", "phone": "+14155550133"}
}

// onlyNadia wants her to be there alone, and as she was entered.
func onlyNadia(t *testing.T, h *enginetest.House) {
	t.Helper()
	if c := only(t, h); c["firstName"] != "Nadia" || c["email"] != "nadia@example.com" || len(list(c["tags"])) > 0 {
		t.Fatalf("she was overwritten: %v", c)
	}
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func TestWhoeverWasTurnedDownIsNotTakenOnTheProvidersWord(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Automation(toHighLevel, nil)
	h.HighLevel.PersonCreatesContact(nadia())
	id := h.Gleap.PersonCreatesContact(jane())
	h.Poll()
	q := onlyQuestion(t, h, automation.ReviewOpen)
	edit(t, h.Store.DecideReview(t.Context(), q.ID, q.Run, automation.Decision{CreateNew: true}, "jane@acme.io"))
	h.Drain()
	onlyNadia(t, h)
	r := h.LastRun()
	if r.Outcome != automation.Blocked || r.State != automation.Failed || r.Code != "no_second" || !strings.Contains(r.Summary, "no second one with the same phone") || !strings.Contains(r.Summary, "allow duplicates") {
		t.Errorf("run: %s %s %s %q", r.State, r.Outcome, r.Code, r.Summary)
	}
	// What was decided holds for what comes later, and nobody is asked again.
	edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"companyName": "Acme Two"}))
	h.Poll()
	onlyNadia(t, h)
	if q := onlyQuestion(t, h, automation.ReviewDecided); !q.Decision.CreateNew {
		t.Errorf("the answer is %+v", q.Decision)
	}
	// Once there is room for a second one it is made.
	edit(t, h.HighLevel.PersonEditsContact(contactID(t, h, "Nadia"), map[string]any{"phone": "+14155550144"}))
	edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"companyName": "Acme Three"}))
	h.Poll()
	if n := len(h.HighLevel.Contacts()); n != 2 {
		t.Errorf("there are %d contacts, want 2: %s", n, h.LastRun().Summary)
	}
}

func contactID(t *testing.T, h *enginetest.House, first string) string {
	t.Helper()
	for _, c := range h.HighLevel.Contacts() {
		if c["firstName"] == first {
			return c["id"].(string)
		}
	}
	t.Fatalf("nobody is called %s", first)
	return ""
}

func TestAProvidersWordAloneMakesNoCounterpart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		answer func(q automation.Review) automation.Decision
		want   string // Nadia's first name afterwards
		code   string
	}{
		{"nobody has answered", nil, "Nadia", "doubtful"},
		{"it is her", func(q automation.Review) automation.Decision {
			return automation.Decision{Counterpart: q.Plan.Identity.Candidates[0].Ref}
		}, "Jane", "update"},
		{"none of these", func(automation.Review) automation.Decision { return automation.Decision{CreateNew: true} }, "Nadia", "no_second"},
		{"leave it alone", func(automation.Review) automation.Decision { return automation.Decision{Ignore: true} }, "Nadia", "ignored"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			h.Automation(toHighLevel, func(d *automation.Definition) { d.Match = d.Match[:1] }) // by email only
			h.HighLevel.PersonCreatesContact(nadia())
			h.Gleap.PersonCreatesContact(jane())
			h.Poll()
			q := onlyQuestion(t, h, automation.ReviewOpen)
			if n := q.Plan.Identity.Candidates; len(n) != 1 || !strings.Contains(n[0].Title, "Nadia") || !strings.Contains(n[0].Why, "another email") {
				t.Fatalf("candidates: %+v", n)
			}
			if tc.answer != nil {
				edit(t, h.Store.DecideReview(t.Context(), q.ID, q.Run, tc.answer(q), "jane@acme.io"))
				h.Drain()
			}
			if c := only(t, h); c["firstName"] != tc.want {
				t.Errorf("she is %v", c)
			}
			if r := h.LastRun(); r.Code != tc.code {
				t.Errorf("run: %s %s %q", r.Outcome, r.Code, r.Summary)
			}
		})
	}
}

func TestAPlanForEveryoneTakesNobodyOnTheProvidersWord(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	a := h.Automation(toHighLevel, func(d *automation.Definition) { d.Match = d.Match[:1] })
	off(t, h, a)
	h.HighLevel.PersonCreatesContact(nadia())
	h.Gleap.PersonCreatesContact(jane())
	p := show(t, h, a, engine.ModeShow, "")
	if p.Counts[automation.Create] != 1 {
		t.Fatalf("counts: %v", p.Counts)
	}
	carryOut(t, h, p, engine.Choice{})
	onlyNadia(t, h)
	onlyQuestion(t, h, automation.ReviewOpen)
}
