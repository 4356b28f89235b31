package app

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// hostile is what a customer of a customer may write into a name, and what somebody may call a custom field.
const hostile = `"><script>alert('x')</script><img src=x onerror=alert(1)>'</textarea>`

// TestHostileValuesAreShownAsText puts hostile text wherever the two accounts can put text, and opens every page.
func TestHostileValuesAreShownAsText(t *testing.T) {
	t.Parallel()
	p := newPeopledHouse(t)
	ctx, st := t.Context(), p.store
	check(t, st.Rename(ctx, "au_a", hostile))
	source := record.Ref{Connection: "cn_gl", Type: record.Contact, ID: "g1"}
	target := record.Ref{Connection: "cn_hl", Type: record.Contact, ID: "h1"}
	field := automation.FieldPlan{Row: "r1", Field: hostile, Label: hostile, Kind: record.Text, Action: automation.Set, Before: record.TextOf(hostile), After: record.TextOf(hostile), Offered: record.TextOf(hostile), Reason: hostile}
	plan := automation.Plan{
		Automation: "au_a", Version: 1, Source: source, SourceTitle: hostile, Target: target, TargetTitle: hostile, Outcome: automation.Update, Reason: hostile,
		Fields:   []automation.FieldPlan{field},
		Identity: automation.Identity{How: automation.Doubtful, Evidence: []automation.Evidence{{Field: hostile, Value: record.TextOf(hostile), Found: 2}}, Candidates: []automation.Candidate{{Ref: target, Title: hostile, Why: hostile}}},
	}
	call := provider.Call{Method: "GET", Path: "/" + hostile, Status: 200, Request: hostile, Response: hostile}
	run := automation.Run{
		ID: "rn_a", Automation: "au_a", Version: 1, Source: source, Target: target, Title: hostile, Summary: hostile, State: automation.Failed, Outcome: automation.Decide, Attempts: 1,
		StartedAt: time.Now(), FinishedAt: time.Now(), Event: automation.Event{ID: "ev_a", Kind: automation.Webhook, Ref: source, Change: provider.Updated, Name: hostile, ReceivedAt: time.Now()},
		Steps: []automation.Step{{Kind: automation.StepPlan, Title: hostile, Detail: hostile, Advice: hostile, Words: hostile, Plan: &plan, Calls: []provider.Call{call}}},
	}
	change := automation.Change{ID: "ch_x", Run: "rn_a", Automation: "au_a", Source: source, Target: target, Op: automation.Update, State: automation.Done, Fields: []automation.FieldPlan{field}, Before: record.Fields{hostile: record.TextOf(hostile)}, After: record.Fields{hostile: record.TextOf(hostile)}, Error: hostile, IntendedAt: time.Now()}
	review := automation.Review{ID: "rv_x", Automation: "au_a", Source: source, Kind: automation.ReviewIdentity, State: automation.ReviewOpen, Title: hostile, Run: "rn_a", Plan: plan, OpenedAt: time.Now()}
	link := automation.Link{ID: "ln_x", Source: source, Target: target, Evidence: hostile, CreatedAt: time.Now()}
	check(t, st.Finish(ctx, engine.Finish{Run: run, Change: &change, Review: &review, Link: &link}))
	check(t, st.SavePopulation(ctx, engine.Population{
		ID: "pl_a", Automation: "au_a", Version: 1, Mode: engine.ModeShow, State: engine.PopulationDone, Problem: hostile, StartedBy: hostile, CreatedAt: time.Now(), FinishedAt: time.Now(),
		Counts: map[automation.Outcome]int{automation.Update: 1}, Tally: engine.Tally{Fields: map[string]int{hostile: 1}, Drift: map[engine.Drift]int{engine.Differs: 1}, Matching: map[automation.Matching]int{automation.MatchDoubtful: 1}},
	}, []automation.Plan{plan}))

	pages, shown := 0, 0
	for _, r := range person(p.house) {
		if r.Method != http.MethodGet {
			continue
		}
		address, _ := addressOf(t, r)
		for _, address := range []string{address, address + "?q=" + "%22%3E%3Cscript%3Ealert(%27x%27)%3C%2Fscript%3E"} {
			w := p.send("owner@a.io", http.MethodGet, address, nil)
			if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
				continue
			}
			pages++
			body := w.Body.String()
			if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") {
				i := strings.Index(body, "<script>alert")
				t.Errorf("GET %s lets a value become markup: …%s", address, body[max(0, i-120):min(len(body), max(0, i)+60)])
			}
			if strings.Contains(body, "&lt;script&gt;alert") {
				shown++
			}
			policy := w.Header().Get("Content-Security-Policy")
			if !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe") {
				t.Errorf("GET %s has the policy %q, which would not stop it either", address, policy)
			}
		}
	}
	// Where nothing hostile is shown nothing is tried.
	if pages < 40 || shown < 12 {
		t.Errorf("%d pages were opened, and %d of them showed what is hostile", pages, shown)
	}
}
