package storetest

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
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
	if _, err := b.ErasePersonalData(ctx, contact("g1")); !errors.Is(err, engine.ErrConflict) {
		t.Fatalf("erased while it is worked on: %v", err)
	}
	if p, err := b.PersonalData(ctx, contact("g1")); err != nil || len(p.Reviews) != 1 {
		t.Fatalf("a refused erasing took something away: %v, %v", p.Reviews, err)
	}
	ok(t, b.ReleaseKeys(ctx, slices.Collect(maps.Values(claimed)), "worker"))

	erased, err := b.ErasePersonalData(ctx, contact("g1"))
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
	if again, err := b.ErasePersonalData(ctx, contact("g1")); err != nil || again.Deliveries+again.Reviews+again.Plans != 0 {
		t.Errorf("erasing again took %+v, %v", again, err)
	}
}
