package enginetest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// losing is a provider whose answer to the next write is lost, with or without the write itself.
type losing struct {
	meddling
	lands bool
	lost  int
}

func (l *losing) Update(ctx context.Context, ref record.Ref, w provider.Write) (record.Record, error) {
	if l.lost++; l.lost > 1 {
		return l.Client.Update(ctx, ref, w)
	}
	if l.lands {
		if _, err := l.Client.Update(ctx, ref, w); err != nil {
			return record.Record{}, err
		}
	}
	l.once(&l.after)
	return record.Record{}, &provider.Error{Op: "update", Kind: provider.Ambiguous, Detail: "the answer was lost"}
}

// TestAnEditAfterALostAnswerIsNotOverwritten: whether our write arrived before a person typed over it, nobody can tell.
// The newer edit stands; where a person has the last word, they are asked.
func TestAnEditAfterALostAnswerIsNotOverwritten(t *testing.T) {
	t.Parallel()
	for _, lands := range []bool{true, false} {
		for _, owner := range []mapping.Owner{mapping.OwnerSource, mapping.OwnerAsk} {
			t.Run(fmt.Sprintf("landed %v, %s", lands, owner), func(t *testing.T) {
				t.Parallel()
				h := enginetest.New(t, enginetest.Options{})
				h.TwoWays(func(d *automation.Definition) {
					for i := range d.Mapping.Rows {
						if d.Mapping.Rows[i].Target == "companyName" {
							d.Mapping.Rows[i].Owner = owner
						}
					}
				})
				id := h.Gleap.PersonCreatesContact(jane())
				h.PollBoth()
				contact := fmt.Sprint(only(t, h)["id"])
				l := &losing{meddling: meddling{Client: h.Clients[enginetest.GleapConnection]}, lands: lands}
				h.Clients[enginetest.GleapConnection] = l
				l.after = func() { edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"companyName": "Roe Ltd"})) }
				edit(t, h.HighLevel.PersonEditsContact(contact, map[string]any{"companyName": "Acme Worldwide"}))
				h.PollBoth()
				h.Later(10 * time.Minute)
				h.PollBoth()
				c, s := only(t, h), onlySession(t, h)
				if owner == mapping.OwnerAsk {
					reviews, err := h.Store.Reviews(t.Context(), h.LastRun().Automation, highlevelRef(contact))
					if err != nil || len(reviews) != 1 || reviews[0].Kind != automation.ReviewConflict || c["companyName"] != "Acme Worldwide" || s["companyName"] != "Roe Ltd" {
						t.Errorf("HighLevel %v, Gleap %v, asked %+v (%v)", c["companyName"], s["companyName"], reviews, err)
					}
					return
				}
				if c["companyName"] != "Roe Ltd" || s["companyName"] != "Roe Ltd" {
					t.Errorf("HighLevel %v, Gleap %v", c["companyName"], s["companyName"])
				}
			})
		}
	}
}

// TestALostAnswerOfANameIsAcknowledgedWhole: a name that went back was written in parts, and one of them was edited since.
func TestALostAnswerOfANameIsAcknowledgedWhole(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.Joined(nil)
	id := h.Gleap.PersonCreatesContact(jane())
	h.PollBoth()
	contact := fmt.Sprint(only(t, h)["id"])
	l := &losing{meddling: meddling{Client: h.Clients[enginetest.HighLevelConnection]}, lands: true}
	h.Clients[enginetest.HighLevelConnection] = l
	l.after = func() { edit(t, h.HighLevel.PersonEditsContact(contact, map[string]any{"firstName": "Mary Jane"})) }
	edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"name": "Janet Roe"}))
	h.PollBoth()
	h.Later(10 * time.Minute)
	h.PollBoth()
	if c, s := only(t, h), onlySession(t, h); c["firstName"] != "Mary Jane" || c["lastName"] != "Roe" || s["name"] != "Mary Jane Roe" {
		t.Errorf("HighLevel %v %v, Gleap %v", c["firstName"], c["lastName"], s["name"])
	}
}

// TestOnePartOfANameIsTakenBack: the name stays apart from the other side then. An edit of the other part that nobody has
// carried yet is carried, though.
func TestOnePartOfANameIsTakenBack(t *testing.T) {
	t.Parallel()
	for _, edited := range []bool{false, true} {
		t.Run(fmt.Sprintf("the other part edited: %v", edited), func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			a := h.Joined(nil)
			id := h.Gleap.PersonCreatesContact(jane())
			h.PollBoth()
			contact := fmt.Sprint(only(t, h)["id"])
			edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"name": "Janet Roe"}))
			h.PollBoth()
			var run automation.Run
			for _, r := range h.Runs() {
				if r.Outcome == automation.Update {
					run = r
					break
				}
			}
			off(t, h, a)
			if edited {
				edit(t, h.HighLevel.PersonEditsContact(contact, map[string]any{"firstName": "Mary Jane"}))
			}
			p := show(t, h, a, engine.ModeUndo, engine.Undo{Kind: "run", ID: run.ID, Field: "lastName", Created: engine.CreatedUnlink}.String())
			if _, results := carryOut(t, h, p, engine.Choice{}); results[engine.ItemDone] != 1 {
				t.Fatalf("results %v", results)
			}
			edit(t, h.Store.SetState(t.Context(), a.ID, automation.On, ""))
			h.Tell(highlevelRef(contact), provider.Updated)
			h.PollBoth()
			want := [3]any{"Janet", "Doe", "Janet Roe"}
			if edited {
				want = [3]any{"Mary Jane", "Doe", "Mary Jane Doe"}
			}
			c, s := only(t, h), onlySession(t, h)
			if got := [3]any{c["firstName"], c["lastName"], s["name"]}; got != want {
				t.Errorf("HighLevel %v|%v, Gleap %v; want %v", got[0], got[1], got[2], want)
			}
		})
	}
}

// An edit whose write arrived unanswered and that is then taken back has moved the counterpart all the same: that nothing
// differs from what was agreed is no reason not to look.
func TestAnEditTakenBackAfterALostAnswerIsTakenBackThereToo(t *testing.T) {
	t.Parallel()
	for _, lands := range []bool{true, false} {
		t.Run(fmt.Sprintf("landed %v", lands), func(t *testing.T) {
			t.Parallel()
			h := enginetest.New(t, enginetest.Options{})
			h.Automation("gleap-contact-to-highlevel", nil)
			id := h.Gleap.PersonCreatesContact(jane())
			h.Poll()
			was := only(t, h)["companyName"]
			l := &losing{meddling: meddling{Client: h.Clients[enginetest.HighLevelConnection]}, lands: lands}
			h.Clients[enginetest.HighLevelConnection] = l
			edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"companyName": "Acme Worldwide"}))
			h.Poll()
			edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"companyName": was}))
			h.Later(10 * time.Minute)
			h.Poll()
			if now := only(t, h)["companyName"]; now != was {
				t.Errorf("HighLevel still says %v, and Gleap said %v before and after", now, was)
			}
		})
	}
}

// A plan that finds a write of live work without an answer, and leaves the record alone because it looks otherwise for it,
// says that it has written nothing; and an edit made after that write is not overwritten by whoever comes next.
func TestAPlanThatMeetsALostAnswerForgetsNotWhatWasWritten(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	a := h.TwoWays(nil)
	id := h.Gleap.PersonCreatesContact(jane())
	h.PollBoth()
	h.Clients[enginetest.HighLevelConnection] = &losing{meddling: meddling{Client: h.Clients[enginetest.HighLevelConnection]}, lands: true}
	edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"companyName": "Acme Worldwide"}))
	h.Poll()
	edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"companyName": "Roe Ltd"}))
	_, results := carryOut(t, h, show(t, h, a, engine.ModeShow, ""), engine.Choice{})
	if results[engine.ItemMoved] != 1 || results[engine.ItemDone] != 0 {
		t.Errorf("results %v", results)
	}
	h.Later(10 * time.Minute)
	h.PollBoth()
	if c, s := only(t, h), onlySession(t, h); c["companyName"] != "Roe Ltd" || s["companyName"] != "Roe Ltd" {
		t.Errorf("HighLevel %v, Gleap %v", c["companyName"], s["companyName"])
	}
}
