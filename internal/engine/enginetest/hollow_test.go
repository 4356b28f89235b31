package enginetest_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// hollow answers with ids and nothing else: times in a row, or for good where times is negative.
type hollow struct {
	provider.Client
	times int
	reads int
}

func (x *hollow) emptied(r record.Record) record.Record {
	if x.reads++; x.times != 0 {
		x.times--
		r.Fields, r.Title = record.Fields{}, ""
	}
	return r
}

func (x *hollow) Get(ctx context.Context, ref record.Ref) (record.Record, error) {
	r, err := x.Client.Get(ctx, ref)
	if err == nil {
		r = x.emptied(r)
	}
	return r, err
}

func (x *hollow) List(ctx context.Context, q provider.Query) iter.Seq2[provider.Page, error] {
	return func(yield func(provider.Page, error) bool) {
		for page, err := range x.Client.List(ctx, q) {
			for i := range page.Records {
				page.Records[i] = x.emptied(page.Records[i])
			}
			if !yield(page, err) {
				return
			}
		}
	}
}

func (x *hollow) Find(ctx context.Context, t record.ObjectType, field string, v record.Value) ([]record.Record, error) {
	return x.Client.(provider.Finder).Find(ctx, t, field, v)
}

func (x *hollow) Delete(ctx context.Context, ref record.Ref) error {
	return x.Client.(provider.Deleter).Delete(ctx, ref)
}

// hollowed lets a side answer with nothing in its records.
func hollowed(h *enginetest.House, side record.ConnectionID, times int) *hollow {
	x := &hollow{Client: h.Clients[side], times: times}
	h.Clients[side] = x
	return x
}

// whole wants a contact as jane() is on both sides.
func whole(t *testing.T, h *enginetest.House) {
	t.Helper()
	s, c := onlySession(t, h), only(t, h)
	if s["name"] != "Jane Doe" || s["email"] != "Jane@Acme.io" || s["companyName"] != "Acme" || fmt.Sprint(s["tags"]) != "[beta]" || s["phone"] == "" {
		t.Errorf("Gleap lost something: %v", s)
	}
	if c["firstName"] != "Jane" || !strings.EqualFold(fmt.Sprint(c["email"]), "jane@acme.io") || c["companyName"] != "Acme" || fmt.Sprint(c["tags"]) != "[beta]" || c["phone"] == "" {
		t.Errorf("HighLevel lost something: %v", c)
	}
}

// paired are two contacts that agree, by each automation that could empty one of them.
var paired = map[string]func(h *enginetest.House) automation.Automation{
	"two ways":       func(h *enginetest.House) automation.Automation { return h.TwoWays(nil) },
	"two ways, name": func(h *enginetest.House) automation.Automation { return h.Joined(nil) },
	"one way": func(h *enginetest.House) automation.Automation {
		return h.Automation(toHighLevel, func(d *automation.Definition) {
			for i := range d.Mapping.Rows {
				d.Mapping.Rows[i].ClearWhenEmpty = true
			}
		})
	},
}

func TestARecordWithNothingInItEmptiesNothing(t *testing.T) {
	t.Parallel()
	for name, make := range paired {
		for _, side := range []record.ConnectionID{enginetest.HighLevelConnection, enginetest.GleapConnection} {
			t.Run(name+", "+string(side), func(t *testing.T) {
				t.Parallel()
				h := enginetest.New(t, enginetest.Options{})
				make(h)
				id := h.Gleap.PersonCreatesContact(jane())
				h.PollBoth()
				whole(t, h)
				x := hollowed(h, side, -1)
				h.Tell(gleapRef(id), provider.Updated)
				h.Tell(highlevelRef(only(t, h)["id"]), provider.Updated)
				whole(t, h)
				if name == "one way" && side == enginetest.HighLevelConnection {
					return // nothing moved, so nobody looks there
				}
				r := onlyQuestion(t, h, automation.ReviewOpen)
				if r.Kind != automation.ReviewConflict || r.Plan.Code != automation.CodeVanished || !strings.Contains(r.Plan.Reason, "nothing is emptied before somebody says") || len(r.Plan.Asks()) < 4 {
					t.Errorf("asked: %s %s %q, %d fields", r.Kind, r.Plan.Code, r.Plan.Reason, len(r.Plan.Asks()))
				}
				// Once it answers as ever the question settles by itself.
				x.times = 0
				h.Tell(gleapRef(id), provider.Updated)
				onlyQuestion(t, h, automation.ReviewSettled)
				whole(t, h)
			})
		}
	}
}

func TestARecordWithNothingInItIsReadAgain(t *testing.T) {
	t.Parallel()
	for _, side := range []record.ConnectionID{enginetest.HighLevelConnection, enginetest.GleapConnection} {
		h := enginetest.New(t, enginetest.Options{})
		h.TwoWays(nil)
		id := h.Gleap.PersonCreatesContact(jane())
		h.PollBoth()
		hollowed(h, side, 1)
		h.Tell(gleapRef(id), provider.Updated)
		whole(t, h)
		if r := h.LastRun(); r.Outcome != automation.Same || r.State != automation.Succeeded {
			t.Errorf("%s: %s %s %q", side, r.State, r.Outcome, r.Summary)
		}
	}
}

func TestWhoeverMeantToEmptyARecordSaysSo(t *testing.T) {
	t.Parallel()
	for take, left := range map[automation.Take]bool{automation.TakeSource: false, automation.TakeTarget: true} {
		h := enginetest.New(t, enginetest.Options{})
		// HighLevel sets the company of a contact by its address only, which is gone here.
		h.Joined(func(d *automation.Definition) {
			d.Mapping.Rows = slices.DeleteFunc(d.Mapping.Rows, func(r mapping.Row) bool { return r.Target == "companyName" })
		})
		h.Gleap.PersonCreatesContact(jane())
		h.PollBoth()
		id := fmt.Sprint(only(t, h)["id"])
		edit(t, h.HighLevel.PersonEditsContact(id, map[string]any{"firstName": "", "lastName": "", "email": "", "phone": "", "companyName": "", "tags": []any{}}))
		h.PollBoth()
		if s := onlySession(t, h); s["phone"] == "" || fmt.Sprint(s["tags"]) != "[beta]" {
			t.Fatalf("emptied before anybody was asked: %v", s)
		}
		r := onlyQuestion(t, h, automation.ReviewOpen)
		edit(t, h.Store.DecideReview(t.Context(), r.ID, r.Run, choose(r, take, record.Value{}), "jane@acme.io"))
		h.Drain()
		s, c := onlySession(t, h), only(t, h)
		for _, key := range []string{"phone", "email"} {
			if has := s[key] != nil && s[key] != ""; has != left {
				t.Errorf("%s was chosen, and %s in Gleap is %v", take, key, s[key])
			}
		}
		if has := len(list(s["tags"])) > 0; has != left {
			t.Errorf("%s was chosen, and the tags in Gleap are %v", take, s["tags"])
		}
		if left && (c["phone"] != "+14155550133" || c["firstName"] != "Jane" || fmt.Sprint(c["tags"]) != "[beta]") {
			t.Errorf("HighLevel was not filled again: %v, %s", c, h.LastRun().Summary)
		}
		h.PollBoth()
		onlyQuestion(t, h, automation.ReviewSettled)
	}
}

func TestALastFieldThatIsEmptiedIsAnEdit(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.TwoWays(func(d *automation.Definition) {
		d.Mapping.Rows = []mapping.Row{{ID: "company", Sources: []string{"companyName"}, Target: "companyName", Direction: mapping.Both, ClearWhenEmpty: true}, {ID: "email", Sources: []string{"email"}, Target: "email"}}
	})
	h.Gleap.PersonCreatesContact(map[string]any{"email": "jane@acme.io", "companyName": "Acme"})
	h.HighLevel.PersonCreatesContact(map[string]any{"email": "jane@acme.io", "companyName": "Acme"})
	h.PollBoth()
	edit(t, h.HighLevel.PersonEditsContact(fmt.Sprint(only(t, h)["id"]), map[string]any{"companyName": ""}))
	h.PollBoth()
	if s := onlySession(t, h); s["companyName"] != nil && s["companyName"] != "" {
		t.Errorf("the company is still %v: %s", s["companyName"], h.LastRun().Summary)
	}
}

func TestAListingWithNothingInItsRecordsEmptiesNothing(t *testing.T) {
	t.Parallel()
	for name, make := range paired {
		for _, side := range []record.ConnectionID{enginetest.HighLevelConnection, enginetest.GleapConnection} {
			t.Run(name+", "+string(side), func(t *testing.T) {
				t.Parallel()
				h := enginetest.New(t, enginetest.Options{})
				a := make(h)
				h.Gleap.PersonCreatesContact(jane())
				h.PollBoth()
				off(t, h, a)
				hollowed(h, side, -1)
				p := show(t, h, a, engine.ModeShow, "")
				if p.Counts[automation.Update] != 0 && name != "one way" {
					t.Errorf("counts: %v", p.Counts)
				}
				carryOut(t, h, p, engine.Choice{})
				show(t, h, a, engine.ModeFill, "")
				h.Clients[side] = h.Clients[side].(*hollow).Client
				whole(t, h)
			})
		}
	}
}
