package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

func TestAMomentSaysItsZoneAndCanBeShownByTheReadersClock(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	at := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	planned(w, automation.Plan{Source: janeThere, SourceTitle: "Jane Doe", Outcome: automation.Update, Fields: []automation.FieldPlan{
		{Field: "next", Label: "Next", Kind: record.DateTime, Action: automation.Set, Before: record.TimeOf(at), After: record.TimeOf(at.Add(90 * time.Second))},
		{Field: "note", Label: "Note", Kind: record.Text, Action: automation.Set, After: record.TextOf("2026-03-02")},
	}})
	p := w.open("/plans/pl_1").is(http.StatusOK)
	p.says(".diffs", "before: 2 Mar 2026 09:30 UTC → after: 2 Mar 2026 09:31:30 UTC")
	for side, want := range map[string]string{"del": "2026-03-02T09:30:00Z", "ins": "2026-03-02T09:31:30Z"} {
		if got, _ := p.Find(".diffs " + side + " local-time time").Attr("datetime"); got != want {
			t.Errorf("%s is for machines %q, want %q", side, got, want)
		}
	}
	if n := p.Find("local-time").Length(); n != 2 {
		t.Errorf("%d moments, want 2", n)
	}
}

func TestMomentsSideBySideSayTheirZone(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	w, _ := questioned(t)
	plan := &w.store.reviews[1].Plan
	plan.Base = record.Fields{"email": record.TimeOf(at.Add(-time.Hour))}
	plan.Fields[0].Kind, plan.Fields[0].Before, plan.Fields[0].Offered = record.DateTime, record.TimeOf(at), record.TimeOf(at.Add(time.Hour))
	w.gateway[hlAccount].records[0].Fields["email"] = record.TimeOf(at.Add(2 * time.Hour))
	p := w.open("/reviews/rv_2").is(http.StatusOK)
	for words, machine := range map[string]string{
		"2 Mar 2026 08:30 UTC": "2026-03-02T08:30:00Z", "2 Mar 2026 09:30 UTC": "2026-03-02T09:30:00Z",
		"2 Mar 2026 10:30 UTC": "2026-03-02T10:30:00Z", "2 Mar 2026 11:30 UTC": "2026-03-02T11:30:00Z",
	} {
		p.says("fieldset", words)
		if got := p.Find(`fieldset local-time time[datetime="` + machine + `"]`).Text(); got != words {
			t.Errorf("%s is shown as %q", machine, got)
		}
	}
	// Candidates, beside the record in question.
	p = w.open("/reviews/rv_3").is(http.StatusOK)
	if n := p.Find(".compared local-time time").Length(); n != 1 {
		t.Errorf("%d moments beside each other: %s", n, p.words("main"))
	}

	v := newWorkshop(t)
	v.lived()
	v.gateway[hlAccount].records = []record.Record{{Ref: janeHere, Title: "Jane Doe", Fields: record.Fields{"email": record.TimeOf(at)}}}
	v.edit(func(d *automation.Definition) {
		d.Mapping.Rows = []mapping.Row{{ID: "r1", Sources: []string{"email"}, Target: "email", Direction: mapping.Both}}
	})
	p = v.open("/records/" + string(glAccount) + "/contact/g1?now=" + string(v.id)).is(http.StatusOK)
	if got := p.Find("#now local-time time").Text(); got != "2 Mar 2026 09:30 UTC" {
		t.Errorf("as it is now: %q of %s", got, p.words("#now"))
	}
	for _, stamp := range []string{p.Find(".step-time").First().Text(), p.Find("li .steps .step-time, li details .step-time").Last().Text()} {
		if !strings.HasSuffix(strings.TrimSpace(stamp), " UTC") {
			t.Errorf("a stamp does not say its zone: %q", stamp)
		}
	}
}
