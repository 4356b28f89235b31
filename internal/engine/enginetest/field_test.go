package enginetest_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/engine/enginetest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// meddling is a provider whose people are quick: they act right before, or right after, one of our writes.
type meddling struct {
	provider.Client
	mu            sync.Mutex
	before, after func()
}

func (m *meddling) once(f *func()) {
	m.mu.Lock()
	act := *f
	*f = nil
	m.mu.Unlock()
	if act != nil {
		act()
	}
}

func (m *meddling) Update(ctx context.Context, ref record.Ref, w provider.Write) (record.Record, error) {
	m.once(&m.before)
	defer m.once(&m.after)
	return m.Client.Update(ctx, ref, w)
}

func (m *meddling) Find(ctx context.Context, t record.ObjectType, field string, v record.Value) ([]record.Record, error) {
	return m.Client.(provider.Finder).Find(ctx, t, field, v)
}

func (m *meddling) Delete(ctx context.Context, ref record.Ref) error {
	return m.Client.(provider.Deleter).Delete(ctx, ref)
}

// Other products drop what a person does within seconds of their own write, as an echo, or overwrite a tag added between
// their read and their write.
func TestNothingAPersonDoesAroundOurWriteIsLost(t *testing.T) {
	t.Parallel()
	h := enginetest.New(t, enginetest.Options{})
	h.TwoWays(nil)
	id := h.Gleap.PersonCreatesContact(jane())
	h.PollBoth()
	c := only(t, h)
	contact := fmt.Sprint(c["id"])
	quick := &meddling{Client: h.Clients[enginetest.HighLevelConnection]}
	h.Clients[enginetest.HighLevelConnection] = quick
	quick.before = func() {
		// Between our read and our write: a tag, and another field.
		edit(t, h.HighLevel.PersonEditsContact(contact, map[string]any{"tags": []any{"beta", "met at fair"}, "phone": "+14155550144"}))
	}
	quick.after = func() {
		// In what others call the echo window: the very field we have just written.
		edit(t, h.HighLevel.PersonEditsContact(contact, map[string]any{"companyName": "Roe Ltd"}))
	}
	edit(t, h.Gleap.PersonEditsContact(id, map[string]any{"companyName": "Acme Worldwide", "tags": []any{"beta", "gold"}}))
	h.PollBoth()
	c, s := only(t, h), onlySession(t, h)
	if c["companyName"] != "Roe Ltd" || s["companyName"] != "Roe Ltd" {
		t.Errorf("the edit right after our write: HighLevel %v, Gleap %v", c["companyName"], s["companyName"])
	}
	if c["phone"] != "+14155550144" || s["phone"] != "+14155550144" {
		t.Errorf("the edit of another field: HighLevel %v, Gleap %v", c["phone"], s["phone"])
	}
	for _, label := range []string{"beta", "gold", "met at fair"} {
		if !strings.Contains(fmt.Sprint(c["tags"]), label) || !strings.Contains(fmt.Sprint(s["tags"]), label) {
			t.Errorf("the tag %q: HighLevel %v, Gleap %v", label, c["tags"], s["tags"])
		}
	}
}

// A first sync of accounts as they come from the field. No one may be made twice, whatever else becomes of them; the bench
// does the same with 280,000 records (crosswalk-bench field).
func TestAFirstSyncWithPoorKeysMakesNoDouble(t *testing.T) {
	t.Parallel()
	const people = 1200
	h := enginetest.New(t, enginetest.Options{AllowDuplicates: true})
	a := h.TwoWays(func(d *automation.Definition) {
		d.First = automation.FillEmpty
		d.Match = append(d.Match, automation.MatchKey{Source: "phone", Target: "phone", Kind: record.Phone})
	})
	off(t, h, a)
	inGleap, inHighLevel := enginetest.Crowd{}, enginetest.Crowd{}
	for i := range people {
		there, here := enginetest.PoorlyKeyed(i)
		for _, who := range there {
			h.Gleap.PersonCreatesContact(who)
		}
		for _, who := range here {
			if h.HighLevel.PersonCreatesContact(who) == "" {
				t.Fatalf("the twin refused %v", who)
			}
		}
		inGleap[i], inHighLevel[i] = len(there), len(here)
	}
	shown := show(t, h, a, engine.ModeShow, "")
	carryOut(t, h, shown, engine.Choice{})
	again := show(t, h, a, engine.ModeShow, "")
	if n := again.Counts[automation.Create]; n > 0 {
		t.Errorf("after everything was carried out, %d would still be made: %v", n, again.Counts)
	}
	highLevel, gleap := enginetest.Crowd{}, enginetest.Crowd{}
	for _, c := range h.HighLevel.Snapshot().Contacts {
		highLevel.Count(strings.TrimSpace(c.FirstName + " " + c.LastName))
	}
	for _, s := range h.Gleap.Sessions() {
		gleap.Count(fmt.Sprint(s["name"]))
	}
	known := func(i int) bool { return i >= 0 && i < people }
	for side, now := range map[string][2]enginetest.Crowd{"HighLevel": {highLevel, inHighLevel}, "Gleap": {gleap, inGleap}} {
		if doubles, lost := now[0].Against(now[1], known); doubles+lost > 0 {
			t.Errorf("%s: %d doubles were made, %d records are lost", side, doubles, lost)
		}
	}
	for i := range people {
		if enginetest.SureToArrive(i) && highLevel[i] != 1 {
			t.Fatalf("person %d is in HighLevel %d times", i, highLevel[i])
		}
	}
	// The doubtful are questions, and nobody was guessed. However many have the same number, a few are named.
	if shown.Counts[automation.Decide] == 0 {
		t.Errorf("nobody is doubtful: %v", shown.Counts)
	}
	doubtful, err := h.Store.PlanItems(t.Context(), shown.ID, engine.PlanFilter{Outcomes: []automation.Outcome{automation.Decide}, Limit: people})
	if err != nil {
		t.Fatal(err)
	}
	many := 0
	for _, item := range doubtful {
		if n := len(item.Plan.Identity.Candidates); n > 21 {
			t.Errorf("%s has %d candidates", item.Plan.SourceTitle, n)
		}
		for _, e := range item.Plan.Identity.Evidence {
			many = max(many, e.Found)
		}
	}
	if many < 25 {
		t.Errorf("at most %d were found by one detail", many)
	}
}

// The count of the field must be able to tell: somebody made twice, a record that is gone, and one that is nobody's.
func TestACrowdTellsDoublesAndLosses(t *testing.T) {
	t.Parallel()
	before := enginetest.Crowd{1: 1, 2: 2, 3: 0, 4: 1}
	known := func(i int) bool { return i >= 0 && i < 5 }
	for name, c := range map[string]struct {
		now           enginetest.Crowd
		doubles, lost int
	}{
		"as it was":            {enginetest.Crowd{1: 1, 2: 2, 4: 1}, 0, 0},
		"one was made":         {enginetest.Crowd{1: 1, 2: 2, 3: 1, 4: 1}, 0, 0},
		"one was made twice":   {enginetest.Crowd{1: 1, 2: 2, 3: 2, 4: 1}, 1, 0},
		"one more was made":    {enginetest.Crowd{1: 2, 2: 3, 4: 1}, 2, 0},
		"one is gone":          {enginetest.Crowd{1: 1, 2: 1}, 0, 2},
		"somebody is nobody's": {enginetest.Crowd{1: 1, 2: 2, 4: 1, -1: 1}, 1, 0},
	} {
		if doubles, lost := c.now.Against(before, known); doubles != c.doubles || lost != c.lost {
			t.Errorf("%s: %d doubles, %d lost", name, doubles, lost)
		}
	}
}
