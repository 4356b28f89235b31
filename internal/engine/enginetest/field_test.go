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

// A first sync of people with poor keys: no address, one address for several, the same phone under several names, the
// same person twice on one side. No one of them may be made twice, whatever else becomes of them.
func TestAFirstSyncWithPoorKeysMakesNoDouble(t *testing.T) {
	t.Parallel()
	const people = 1500
	h := enginetest.New(t, enginetest.Options{AllowDuplicates: true})
	a := h.TwoWays(func(d *automation.Definition) {
		d.First = automation.FillEmpty
		d.Match = append(d.Match, automation.MatchKey{Source: "phone", Target: "phone", Kind: record.Phone})
	})
	off(t, h, a)
	for i := range people {
		who := map[string]any{"name": fmt.Sprintf("Person %d", i)}
		switch i % 6 {
		case 0, 1:
			who["email"] = fmt.Sprintf("P%d@Example.com", i)
		case 2:
			who["phone"] = fmt.Sprintf("(415) 555-%04d", i)
		case 3: // a family with one address
			who["email"] = fmt.Sprintf("family%d@example.com", i/24)
		case 4: // a switchboard
			who["phone"], who["email"] = "+1 415 555 9999", fmt.Sprintf("s%d@example.com", i)
		case 5:
			who["email"], who["phone"] = fmt.Sprintf("b%d@example.com", i), fmt.Sprintf("+1415556%04d", i)
		}
		h.Gleap.PersonCreatesContact(who)
		if i%4 == 0 { // the same person on the other side, written otherwise
			other := map[string]any{"firstName": "Person", "lastName": fmt.Sprint(i)}
			if e, ok := who["email"]; ok {
				other["email"] = strings.ToLower(fmt.Sprint(e))
			}
			if p, ok := who["phone"]; ok {
				other["phone"] = "+1" + strings.Map(func(r rune) rune {
					if r < '0' || r > '9' {
						return -1
					}
					return r
				}, strings.TrimPrefix(fmt.Sprint(p), "+1"))
			}
			h.HighLevel.PersonCreatesContact(other)
		}
	}
	shown := show(t, h, a, engine.ModeShow, "")
	carryOut(t, h, shown, engine.Choice{})
	again := show(t, h, a, engine.ModeShow, "")
	if n := again.Counts[automation.Create]; n > 0 {
		t.Errorf("after everything was carried out, %d would still be made: %v", n, again.Counts)
	}
	// Whoever was unmistakable is on both sides exactly once.
	seen := map[string]int{}
	for _, c := range h.HighLevel.Contacts() {
		seen[strings.ToLower(fmt.Sprint(c["email"]))]++
	}
	for i := range people {
		if i%6 > 1 {
			continue
		}
		if n := seen[fmt.Sprintf("p%d@example.com", i)]; n != 1 {
			t.Fatalf("p%d is in HighLevel %d times", i, n)
		}
	}
	// The doubtful are questions, and nobody was guessed.
	if shown.Counts[automation.Decide] == 0 {
		t.Errorf("nobody is doubtful: %v", shown.Counts)
	}
}
