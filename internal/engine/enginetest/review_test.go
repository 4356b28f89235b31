package enginetest_test

import (
	"errors"
	"fmt"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

func askAboutEverything(d *automation.Definition) {
	for i := range d.Mapping.Rows {
		d.Mapping.Rows[i].Owner = mapping.OwnerAsk
	}
}

// disputed is a house whose two contacts were given two companies: left in HighLevel, right in Gleap.
func disputed(t *testing.T) (h *enginetest.House, highlevelID, gleapID string) {
	t.Helper()
	h = enginetest.New(t, enginetest.Options{})
	h.TwoWays(askAboutEverything)
	gleapID = h.Gleap.PersonCreatesContact(jane())
	h.PollBoth()
	highlevelID = fmt.Sprint(only(t, h)["id"])
	edit(t, h.HighLevel.PersonEditsContact(highlevelID, map[string]any{"companyName": "Left"}))
	edit(t, h.Gleap.PersonEditsContact(gleapID, map[string]any{"companyName": "Right"}))
	h.PollBoth()
	return h, highlevelID, gleapID
}

func onlyQuestion(t *testing.T, h *enginetest.House, s automation.ReviewState) automation.Review {
	t.Helper()
	list, err := h.Store.ReviewList(t.Context(), engine.ReviewFilter{State: s})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d questions are %s, want 1: %+v, %v", len(list), s, list, err)
	}
	return list[0]
}

func choose(r automation.Review, take automation.Take, v record.Value) automation.Decision {
	d := automation.Decision{Choices: map[string]automation.Choice{}}
	for _, f := range r.Plan.Asks() {
		d.Choices[f.BaseKey()] = automation.Choice{Take: take, Value: v, SeenSource: f.Offered, SeenTarget: f.Before}
	}
	return d
}

func TestWhatAPersonChoosesIsWrittenToTheOtherSide(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		take  automation.Take
		value record.Value
		want  string
	}{
		{automation.TakeSource, record.Value{}, "Left"},
		{automation.TakeTarget, record.Value{}, "Right"},
		{automation.TakeValue, record.TextOf("Middle"), "Middle"},
	} {
		t.Run(string(tc.take), func(t *testing.T) {
			t.Parallel()
			h, _, _ := disputed(t)
			if c, s := only(t, h), onlySession(t, h); c["companyName"] != "Left" || s["companyName"] != "Right" {
				t.Fatalf("before anybody chose: HighLevel %v, Gleap %v", c["companyName"], s["companyName"])
			}
			r := onlyQuestion(t, h, automation.ReviewOpen)
			edit(t, h.Store.DecideReview(t.Context(), r.ID, r.Run, choose(r, tc.take, tc.value), "jane@acme.io"))
			h.Drain()
			if c, s := only(t, h), onlySession(t, h); c["companyName"] != tc.want || s["companyName"] != tc.want {
				t.Errorf("HighLevel %v, Gleap %v, want %s: %s", c["companyName"], s["companyName"], tc.want, h.LastRun().Summary)
			}
			settled := onlyQuestion(t, h, automation.ReviewSettled)
			if settled.DecidedBy != "jane@acme.io" || settled.Source != h.LastRun().Source || h.LastRun().StartedAt.Before(settled.DecidedAt) {
				t.Errorf("settled by %q for %s at %s; the run is for %s at %s", settled.DecidedBy, settled.Source, settled.DecidedAt, h.LastRun().Source, h.LastRun().StartedAt)
			}
			// What was settled stays so: the echoes of both writes ask nobody.
			h.PollBoth()
			onlyQuestion(t, h, automation.ReviewSettled)
			if r := h.LastRun(); r.Outcome != automation.Same && r.Outcome != automation.Update {
				t.Errorf("afterwards: %s (%s)", r.Outcome, r.Summary)
			}
		})
	}
}

func TestAnAnswerToAnOlderQuestionIsNotTaken(t *testing.T) {
	t.Parallel()
	h, id, _ := disputed(t)
	seen := onlyQuestion(t, h, automation.ReviewOpen)
	edit(t, h.HighLevel.PersonEditsContact(id, map[string]any{"companyName": "Further left"}))
	h.PollBoth()
	newest := onlyQuestion(t, h, automation.ReviewOpen)
	if newest.ID != seen.ID || newest.Run == seen.Run || newest.Plan.Asks()[0].Offered.String() != "Further left" {
		t.Fatalf("the question does not follow the records: %+v", newest)
	}
	if err := h.Store.DecideReview(t.Context(), seen.ID, seen.Run, choose(seen, automation.TakeTarget, record.Value{}), "jane"); !errors.Is(err, engine.ErrConflict) {
		t.Fatalf("the old answer came to %v", err)
	}
	h.Drain()
	if c := only(t, h); c["companyName"] != "Further left" {
		t.Errorf("HighLevel holds %v", c["companyName"])
	}
	edit(t, h.Store.DecideReview(t.Context(), newest.ID, newest.Run, choose(newest, automation.TakeTarget, record.Value{}), "jane"))
	h.Drain()
	if c := only(t, h); c["companyName"] != "Right" {
		t.Errorf("HighLevel holds %v after the new answer", c["companyName"])
	}
	onlyQuestion(t, h, automation.ReviewSettled)
}

func TestAnEditAfterTheAnswerIsAskedAboutAgain(t *testing.T) {
	t.Parallel()
	h, id, _ := disputed(t)
	r := onlyQuestion(t, h, automation.ReviewOpen)
	// Nobody has noticed this edit when the answer arrives.
	edit(t, h.HighLevel.PersonEditsContact(id, map[string]any{"companyName": "Further left"}))
	edit(t, h.Store.DecideReview(t.Context(), r.ID, r.Run, choose(r, automation.TakeTarget, record.Value{}), "jane"))
	h.Drain()
	if c := only(t, h); c["companyName"] != "Further left" {
		t.Errorf("an edit nobody had seen was overwritten with %v", c["companyName"])
	}
	if again := onlyQuestion(t, h, automation.ReviewOpen); again.ID != r.ID || again.DecidedBy != "" {
		t.Errorf("asked again as %+v", again)
	}
}

func TestTwoRecordsThatAgreeAgainSettleTheQuestion(t *testing.T) {
	t.Parallel()
	h, id, _ := disputed(t)
	onlyQuestion(t, h, automation.ReviewOpen)
	edit(t, h.HighLevel.PersonEditsContact(id, map[string]any{"companyName": "Right"}))
	h.PollBoth()
	if r := onlyQuestion(t, h, automation.ReviewSettled); r.DecidedBy != "" {
		t.Errorf("nobody decided, and it says %q", r.DecidedBy)
	}
}

func TestLeavingItAloneCanBeTakenBack(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.TwoWays(nil)
	first := h.Gleap.PersonCreatesContact(map[string]any{"name": "Jane One", "email": "jane@acme.io"})
	h.Gleap.PersonCreatesContact(map[string]any{"name": "Jane Two", "email": "jane@acme.io"})
	id := h.HighLevel.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "One", "email": "jane@acme.io"})
	h.Tell(highlevelRef(id), provider.Created)
	r := onlyQuestion(t, h, automation.ReviewOpen)
	edit(t, h.Store.DecideReview(t.Context(), r.ID, r.Run, automation.Decision{Ignore: true}, "jane"))
	h.Drain()
	left := onlyQuestion(t, h, automation.ReviewDecided)
	edit(t, h.Store.DecideReview(t.Context(), left.ID, left.Run, automation.Decision{Counterpart: gleapRef(first)}, "omar"))
	h.Drain()
	if run := h.LastRun(); run.Outcome != automation.Linked && run.Outcome != automation.Update {
		t.Errorf("it came to %s (%s)", run.Outcome, run.Summary)
	}
	if r := onlyQuestion(t, h, automation.ReviewSettled); r.DecidedBy != "omar" {
		t.Errorf("settled by %q", r.DecidedBy)
	}
}
