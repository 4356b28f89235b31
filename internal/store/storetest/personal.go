package storetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// shown is a person's data as text, to look for words in; ids are no words of a person.
func shown(t testing.TB, p engine.PersonalData) string {
	t.Helper()
	doc, err := json.Marshal(p)
	ok(t, err)
	var b strings.Builder
	b.Write(doc)
	for _, d := range p.Deliveries {
		b.Write(d.Body)
	}
	return b.String()
}

func testPersonalData(t *testing.T, b *bundle) {
	ctx := t.Context()
	ticket := record.Ref{Connection: "cn_gleap", Type: record.Ticket, ID: "t1"}
	task := record.Ref{Connection: "cn_highlevel", Type: record.Task, ID: "k1"}
	b.linked(t, "1", "Jane Doe", "jane@example.com")
	b.linked(t, "2", "Omar Haddad", "omar@example.com")
	// Her ticket is a task under her contact on the other side.
	r := b.run("rn_7", ticket)
	r.State, r.Outcome, r.Title, r.Target = automation.Succeeded, automation.Create, "Jane cannot sign in", task
	c := b.change("ch_7", r)
	c.State, c.Target, c.Parent, c.AnsweredAt = automation.Done, task, counterpart("h1"), b.now
	link := automation.Link{ID: "ln_7", Source: ticket, Target: task, CreatedAt: b.now}
	ok(t, b.Finish(ctx, engine.Finish{Run: r, Change: &c, Link: &link}))
	told := b.event(contact("g1"))
	_, err := b.Accept(ctx, automation.Delivery{Event: told, Body: []byte(`{"email":"jane@example.com"}`)})
	ok(t, err)
	asked := b.run("rn_9", contact("g1"))
	ok(t, b.Finish(ctx, engine.Finish{Run: asked, Review: &automation.Review{
		ID: "rv_9", Automation: "au_1", Source: contact("g1"), Kind: automation.ReviewConflict, Title: "Jane Doe", Run: "rn_9", OpenedAt: b.now,
	}}))
	ok(t, b.CreatePopulation(ctx, engine.Population{ID: "pl_1", Automation: "au_1", State: engine.PopulationRunning, CreatedAt: b.now}))
	ok(t, b.SavePopulation(ctx, engine.Population{ID: "pl_1", Automation: "au_1", State: engine.PopulationDone, FinishedAt: b.now}, []automation.Plan{
		{Source: contact("g1"), SourceTitle: "Jane Doe", Outcome: automation.Same},
		{Source: contact("g2"), SourceTitle: "Omar Haddad", Outcome: automation.Same},
		{Source: record.Ref{Connection: "cn_other", Type: record.Contact, ID: "g1"}, SourceTitle: "Somebody else", Outcome: automation.Same},
	}))

	for _, from := range []record.Ref{contact("g1"), counterpart("h1")} {
		p, err := b.PersonalData(ctx, from)
		ok(t, err)
		if len(p.Links) != 2 || len(p.Agreed) != 1 || len(p.Deliveries) != 1 || len(p.Runs) != 3 || len(p.Changes) != 2 || len(p.Reviews) != 1 || len(p.Plans) != 1 {
			t.Fatalf("from %s: %d links, %d bases, %d deliveries, %d runs, %d changes, %d reviews, %d plans", from, len(p.Links), len(p.Agreed), len(p.Deliveries), len(p.Runs), len(p.Changes), len(p.Reviews), len(p.Plans))
		}
		if !slices.Contains(p.Records, task) || slices.Contains(p.Records, contact("g2")) {
			t.Errorf("from %s: the records are %v", from, p.Records)
		}
		if words := shown(t, p); !strings.Contains(words, "jane@example.com") || strings.Contains(words, "Omar") {
			t.Errorf("from %s: %s", from, words)
		}
	}

	// Not while one of her records is being worked on.
	b.route(t, contact("g1"), "au_1")
	claimed, err := b.ClaimKeys(ctx, []engine.Key{{Automation: "au_1", Source: contact("g1")}}, "worker", time.Minute)
	ok(t, err)
	if len(claimed) != 1 {
		t.Fatalf("claimed %v", claimed)
	}
	if _, err := b.ErasePersonalData(ctx, contact("g1"), nil); !errors.Is(err, engine.ErrConflict) {
		t.Fatalf("erased while it is worked on: %v", err)
	}
	if p, err := b.PersonalData(ctx, contact("g1")); err != nil || len(p.Reviews) != 1 {
		t.Fatalf("a refused erasing took something away: %v, %v", p.Reviews, err)
	}
	ok(t, b.ReleaseKeys(ctx, slices.Collect(maps.Values(claimed)), "worker"))

	erased, err := b.ErasePersonalData(ctx, contact("g1"), nil)
	ok(t, err)
	if erased.Total() == 0 || erased.Links != 2 {
		t.Errorf("erased %+v", erased)
	}
	p, err := b.PersonalData(ctx, contact("g1"))
	ok(t, err)
	if words := shown(t, p); strings.Contains(words, "Jane") || strings.Contains(words, "jane@") || strings.Contains(words, "sign in") {
		t.Errorf("still kept: %s", words)
	}
	if len(p.Runs) != 3 || len(p.Changes) != 2 {
		t.Errorf("that something happened is gone too: %d runs, %d changes", len(p.Runs), len(p.Changes))
	}
	for _, l := range p.Links {
		if !l.Severed {
			t.Errorf("%s would be taken up again", l.ID)
		}
	}
	for _, q := range []string{"jane@example.com", "Jane"} {
		if hits, err := b.FindRecords(ctx, q, 10); err != nil || len(hits) != 0 {
			t.Errorf("%q still finds %v, %v", q, hits, err)
		}
	}
	if other, err := b.PersonalData(ctx, contact("g2")); err != nil || len(other.Agreed) != 1 || len(other.Plans) != 1 {
		t.Errorf("somebody else lost something: %+v, %v", other, err)
	}
	if again, err := b.ErasePersonalData(ctx, contact("g1"), nil); err != nil || again.Deliveries+again.Reviews+again.Plans != 0 {
		t.Errorf("erasing again took %+v, %v", again, err)
	}
}

// testPersonSearch gives out and forgets what names a person by its body alone, and leaves everybody else's.
func testPersonSearch(t *testing.T, b *bundle) {
	ctx := t.Context()
	b.linked(t, "1", "Jane Doe", "jane@example.com")
	b.linked(t, "2", "Omar Haddad", "omar@example.com")
	ticket := func(id string) record.Ref { return record.Ref{Connection: "cn_gleap", Type: record.Ticket, ID: id} }
	// Omar's ticket is a task of his.
	r := b.run("rn_7", ticket("t-omar"))
	r.State, r.Outcome, r.Target = automation.Succeeded, automation.Create, record.Ref{Connection: "cn_highlevel", Type: record.Task, ID: "k2"}
	ok(t, b.Finish(ctx, engine.Finish{Run: r, Link: &automation.Link{ID: "ln_7", Source: r.Source, Target: r.Target, CreatedAt: b.now}}))

	own := b.event(contact("g1"))
	_, err := b.Accept(ctx, automation.Delivery{Event: own, Body: []byte(`sealed:{"data":{"id":"g1","email":"jane@example.com","phone":"+14155552671"},"by":{"id":"agent","email":"agent@example.com"}}`)})
	ok(t, err)
	unknown := record.Ref{Connection: "cn_gleap"}
	arrive := func(about record.Ref, body string) string {
		t.Helper()
		e := b.event(about)
		if about.ID == "" {
			e.Change, e.Name = provider.Ignored, "Sneezed"
		}
		_, err := b.Accept(ctx, automation.Delivery{Event: e, Body: []byte("sealed:" + body), Verdict: automation.Unknown})
		ok(t, err)
		return e.ID
	}
	hers := []string{
		arrive(unknown, `{"type":"Sneezed","deep":[{"er":{"list":["x",{"mail":" JANE@Example.com "}]}}]}`),
		arrive(unknown, `{"by_key":{"jane@example.com":1}}`),
		arrive(unknown, `{"jane\u0040example.com":"escaped"}`),
		arrive(unknown, `{"text":"write to <jane@example.com>, please."}`),
		arrive(unknown, `{"link":"https://example.com/u?email=jane%40example.com&x=1"}`),
		arrive(unknown, `{"caller":"(415) 555-2671"}`),
		arrive(unknown, `{"contactId":"g1"}`),
		arrive(ticket("t-nobody"), `{"data":{"session":{"email":"jane@example.com"}}}`),
		arrive(unknown, "no JSON at all, from jane@example.com"),
	}
	others := []string{
		arrive(unknown, `{"mail":"mary.jane@example.com"}`),
		arrive(unknown, `{"mail":"jane@example.com.au"}`),
		arrive(unknown, `{"text":"xjane@example.comx"}`),
		arrive(unknown, `{"by":"agent@example.com"}`),
		arrive(unknown, `{"order":"94155552671","n":14155552671001}`),
		arrive(unknown, `{"name":"Jane Doe"}`),
		arrive(unknown, `{"count":"g1","ticketId":"g1","id":"g1"}`),
		arrive(contact("g2"), `{"data":{"id":"g2","email":"omar@example.com","referrer":"jane@example.com"}}`),
		arrive(ticket("t-omar"), `{"text":"ask jane@example.com"}`),
		arrive(record.Ref{Connection: "cn_far"}, `{"mail":"jane@example.com"}`),
	}
	// A number that a company or a family shares names her only where nobody else is named.
	shared := []string{
		arrive(unknown, `{"company":{"phone":"+1 415 555 2671"},"contact":{"email":"omar@example.com"}}`),
		arrive(unknown, `{"phone":"+14155552671","from":{"workMail":"omar@example.com"},"contactId":null}`),
		arrive(unknown, `{"phone":"+14155552671","contactId":"c-of-somebody-else"}`),
		arrive(ticket("t-stray"), `{"data":{"form":{"callback":"(415) 555-2671","contactEmail":"lea@example.com"}}}`),
	}
	others = append(others, shared...)
	lost := b.event(unknown)
	_, err = b.Accept(ctx, automation.Delivery{Event: lost, Body: []byte("of a key that is gone: jane@example.com")})
	ok(t, err)

	// Omar's question names her among others, and so do the run that asked it and what a plan says of him.
	doubt := automation.Plan{Source: contact("g2"), SourceTitle: "Omar Haddad", Outcome: automation.Decide, Matching: automation.MatchDoubtful, Identity: automation.Identity{How: automation.Doubtful, Candidates: []automation.Candidate{
		{Ref: counterpart("h1"), Title: "Jane Doe", Why: "the same phone, +14155552671"}, {Ref: counterpart("h2"), Title: "Omar Haddad", Why: "the same email"},
	}}}
	asked := b.run("rn_9", contact("g2"))
	asked.State, asked.Outcome, asked.Title = automation.Succeeded, automation.Decide, "Omar Haddad"
	asked.Steps = []automation.Step{{Kind: automation.StepPlan, Title: "Looked", Plan: &doubt, Calls: []provider.Call{
		{Method: "GET", Path: "/contacts", Status: 200, Response: `{"contacts":[{"id":"h1","name":"Jane Doe"}]}`}, {Method: "GET", Path: "/contacts", Status: 200, Response: `{"name":"Omar Haddad"}`},
	}}}
	ok(t, b.Finish(ctx, engine.Finish{Run: asked, Review: &automation.Review{
		ID: "rv_9", Automation: "au_1", Source: contact("g2"), Kind: automation.ReviewIdentity, Title: "Omar Haddad", Plan: doubt, Run: "rn_9", OpenedAt: b.now,
	}}))
	ok(t, b.CreatePopulation(ctx, engine.Population{ID: "pl_1", Automation: "au_1", State: engine.PopulationRunning, CreatedAt: b.now}))
	ok(t, b.SavePopulation(ctx, engine.Population{ID: "pl_1", Automation: "au_1", State: engine.PopulationDone, FinishedAt: b.now}, []automation.Plan{doubt}))

	opened := 0
	search := engine.PersonSearch{Store: b, Progress: func(n int) { opened = n }, Open: func(_ string, sealed []byte) ([]byte, error) {
		body, sealedByUs := bytes.CutPrefix(sealed, []byte("sealed:"))
		if !sealedByUs {
			return nil, errors.New("no key opens it")
		}
		return body, nil
	}}
	events := func(ds []automation.Delivery) (ids []string) {
		for _, d := range ds {
			ids = append(ids, d.Event.ID)
		}
		slices.Sort(ids)
		return ids
	}
	for _, from := range []record.Ref{contact("g1"), counterpart("h1")} {
		p, err := search.Data(ctx, from)
		ok(t, err)
		want := slices.Sorted(slices.Values(append(slices.Clone(hers), own.ID)))
		if diff := cmp.Diff(want, events(p.Deliveries)); diff != "" {
			t.Errorf("from %s her deliveries are (-want +got):\n%s", from, diff)
		}
		if len(p.Named) != 1 || p.Named[0].Review != "rv_9" || p.Named[0].Candidate.Title != "Jane Doe" {
			t.Errorf("from %s: others' questions name her in %+v", from, p.Named)
		}
		if want := []record.Ref{contact("g2"), ticket("t-omar")}; !cmp.Equal(want, p.Beside, cmpopts.SortSlices(func(a, b record.Ref) bool { return a.ID < b.ID })) || p.Unreadable != 1 {
			t.Errorf("from %s: beside %v, %d unreadable", from, p.Beside, p.Unreadable)
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(shared)), slices.Sorted(slices.Values(p.Sharing))); diff != "" {
			t.Errorf("from %s deliveries that share her number are (-want +got):\n%s", from, diff)
		}
		if opened != len(hers)+len(others)+1 {
			t.Errorf("from %s: %d deliveries were opened", from, opened)
		}
		if words := shown(t, p); strings.Contains(words, "Omar") {
			t.Errorf("from %s somebody else is given out: %s", from, words)
		}
	}

	erased, err := search.Erase(ctx, contact("g1"))
	ok(t, err)
	if erased.Deliveries != len(hers)+1 || erased.Named != 1 || len(erased.Beside) != 2 || len(erased.Sharing) != 4 || erased.Unreadable != 1 {
		t.Errorf("erased %+v", erased)
	}
	for _, id := range hers {
		if d, err := b.Delivery(ctx, id); err == nil && len(d.Body) > 0 {
			t.Errorf("%s still has a body: %s", id, d.Body)
		}
	}
	for _, id := range append(others, lost.ID) {
		if d, err := b.Delivery(ctx, id); err != nil || len(d.Body) == 0 {
			t.Errorf("%s, which is somebody else's, is gone: %v", id, err)
		}
	}
	q, err := b.Review(ctx, "rv_9")
	ok(t, err)
	candidates := q.Plan.Identity.Candidates
	if len(candidates) != 2 || candidates[0].Ref != counterpart("h1") || candidates[0].Why == "" || candidates[1].Title != "Omar Haddad" || candidates[1].Why != "the same email" || q.State != automation.ReviewOpen {
		t.Errorf("the question is %+v", q)
	}
	run, err := b.Run(ctx, "rn_9")
	ok(t, err)
	items, err := b.PlanItems(ctx, "pl_1", engine.PlanFilter{Limit: 10})
	ok(t, err)
	left, err := json.Marshal([]any{q, run, items})
	ok(t, err)
	for _, word := range []string{"Jane", "4155552671"} {
		if strings.Contains(string(left), word) {
			t.Errorf("%q is left in %s", word, left)
		}
	}
	if !strings.Contains(string(left), `Omar Haddad`) || run.Steps[0].Calls[1].Response != `{"name":"Omar Haddad"}` {
		t.Errorf("what is Omar's is gone: %s", left)
	}
	// The question can be answered with her record, which is still in the account.
	ok(t, b.DecideReview(ctx, "rv_9", "rn_9", automation.Decision{Counterpart: counterpart("h1")}, "owner"))
	if again, err := search.Erase(ctx, contact("g1")); err != nil || again.Deliveries != 0 {
		t.Errorf("erasing again took %+v, %v", again, err)
	}
}
