package enginetest_test

import (
	"fmt"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/record"
)

// severalAddresses is jane() as HighLevel knows her: by another address first, and by hers besides.
func severalAddresses() map[string]any {
	return map[string]any{"firstName": "Jane", "email": "first@example.com", "additionalEmails": []any{"jane@acme.io"}}
}

func TestAFurtherAddressIsNoOtherAddress(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(h *enginetest.House){
		"from Gleap":     func(h *enginetest.House) { h.Automation(toHighLevel, nil) },
		"from HighLevel": func(h *enginetest.House) { h.Automation("highlevel-contact-to-gleap", nil) },
		"both ways":      func(h *enginetest.House) { h.TwoWays(nil) },
		"both ways, fill empty": func(h *enginetest.House) {
			h.TwoWays(func(d *automation.Definition) { d.First = automation.FillEmpty })
		},
		"both ways, name": func(h *enginetest.House) { h.Joined(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			make(h)
			look := func() {
				if name == "from HighLevel" {
					_, err := h.Poller.Poll(t.Context(), engine.Watch{Connection: enginetest.HighLevelConnection, Object: record.Contact})
					edit(t, err)
					h.Drain()
					return
				}
				h.PollBoth()
			}
			id := h.Gleap.PersonCreatesContact(jane())
			h.HighLevel.PersonCreatesContact(severalAddresses())
			look()
			if c, s := only(t, h), onlySession(t, h); c["email"] != "first@example.com" || s["email"] != "Jane@Acme.io" {
				t.Fatalf("an address is gone: HighLevel %v, Gleap %v: %s", c["email"], s["email"], h.LastRun().Summary)
			}
			if name == "from HighLevel" {
				edit(t, h.HighLevel.PersonEditsContact(fmt.Sprint(only(t, h)["id"]), map[string]any{"email": "new@acme.io"}))
				look()
				if s := onlySession(t, h); s["email"] != "new@acme.io" {
					t.Errorf("a new address was not carried: %v, %s", s["email"], h.LastRun().Summary)
				}
				return
			}
			// Another edit does not bring it up again, and a really new address is carried.
			edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"companyName": "Acme Two"}))
			look()
			if c := only(t, h); c["email"] != "first@example.com" || c["companyName"] != "Acme Two" {
				t.Fatalf("after another edit: %v, %s", c, h.LastRun().Summary)
			}
			edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"email": "new@acme.io"}))
			look()
			if c := only(t, h); c["email"] != "new@acme.io" {
				t.Errorf("a new address was not carried: %v, %s", c["email"], h.LastRun().Summary)
			}
		})
	}
}

func TestAFurtherAddressThatBecomesTheFirstIsCarried(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.TwoWays(nil)
	h.Gleap.PersonCreatesContact(jane())
	h.PollBoth()
	edit(t, h.HighLevel.PersonEditsContact(fmt.Sprint(only(t, h)["id"]), map[string]any{"email": "first@example.com", "additionalEmails": []any{"jane@acme.io"}}))
	h.PollBoth()
	if s := onlySession(t, h); s["email"] != "first@example.com" {
		t.Errorf("Gleap has %v: %s", s["email"], h.LastRun().Summary)
	}
}

func TestAPlanForEveryoneKnowsFurtherAddresses(t *testing.T) {
	t.Parallel()
	for _, twoWay := range []bool{false, true} {
		h := enginetest.New(t, enginetest.Options{})
		var a automation.Automation
		if twoWay {
			a = h.TwoWays(nil)
		} else {
			a = h.Automation(toHighLevel, nil)
		}
		off(t, h, a)
		h.HighLevel.PersonCreatesContact(severalAddresses())
		h.Gleap.PersonCreatesContact(jane())
		p := show(t, h, a, engine.ModeShow, "")
		if p.Counts[automation.Create] != 0 {
			t.Errorf("two ways %v: counts %v", twoWay, p.Counts)
		}
		carryOut(t, h, p, engine.Choice{})
		if c, s := only(t, h), onlySession(t, h); c["email"] != "first@example.com" || s["email"] != "Jane@Acme.io" || c["companyName"] != "Acme" {
			t.Errorf("two ways %v: HighLevel %v, Gleap %v", twoWay, c, s)
		}
	}
}
