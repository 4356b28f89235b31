package server

import (
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/web/planui"
)

// tenASecond lets every provider take ten calls a second.
type tenASecond struct{ doorProviders }

func (tenASecond) CallsPerSecond(provider.ID) float64 { return 10 }

func reckoner(q engine.QuotaState) *scoped {
	s := &Server{Config: Config{
		Now: func() time.Time { return today }, Providers: tenASecond{}, Descriptors: map[provider.ID]provider.Descriptor{highLevel: {ID: highLevel, Name: "HighLevel"}},
		Quota: func(record.ConnectionID) (engine.QuotaState, bool) { return q, q.DailyLimit > 0 },
	}}
	return &scoped{Server: s}
}

func toHighLevel() automation.Automation {
	return automation.Automation{Definition: automation.Definition{Target: automation.Endpoint{Provider: highLevel, Connection: hlAccount}}}
}

func TestWhatAPlanTakesIsReckonedByWhatIsLeftOfTheDay(t *testing.T) {
	t.Parallel()
	p := engine.Population{Mode: engine.ModeShow, Writes: 280_000, Reads: 5_600}
	for _, c := range []struct {
		name string
		q    engine.QuotaState
		p    engine.Population
		want []string
	}{
		{"no limit is known", engine.QuotaState{}, p, []string{"280,000 writes, 5,600 reads made to find out.", "about 8 hours"}},
		{"a day's limit", engine.QuotaState{DailyLimit: 100_000, DailyUsed: 13_000, Reserve: 10}, p, []string{"about 3 days", "Of HighLevel's calls of today 87,000 of 100,000 are left, 10 % of all kept for other apps."}},
		{"the day is used up", engine.QuotaState{DailyLimit: 200_000, DailyUsed: 210_000}, engine.Population{Writes: 10}, []string{"hours", "0 of 200,000 are left."}},
		{"nothing to write", engine.QuotaState{DailyLimit: 200_000}, engine.Population{Reads: 3}, []string{"0 writes, 3 reads made to find out."}},
	} {
		got := reckoner(c.q).cost(c.p, toHighLevel())
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %q does not say %q", c.name, got, w)
			}
		}
	}
}

func TestTheTimeToGoIsAtThePaceSinceItWentOn(t *testing.T) {
	t.Parallel()
	// Half was done yesterday; since it went on ten seconds ago it does ten records a second.
	p := engine.Population{Mode: engine.ModeFill, Done: 600, Total: 1_800, Written: 600, StartedAt: today.Add(-24 * time.Hour), WentOnAt: today.Add(-10 * time.Second), WentOnDone: 500}
	if got := reckoner(engine.QuotaState{}).eta(p, toHighLevel()); got != " About 2 minutes to go." {
		t.Errorf("%q", got)
	}
	if got := reckoner(engine.QuotaState{DailyLimit: 1_000, DailyUsed: 900}).eta(p, toHighLevel()); !strings.Contains(got, "hours") && !strings.Contains(got, "days") {
		t.Errorf("with 100 calls left today: %q", got)
	}
	for name, quiet := range map[string]func(*engine.Population){
		"just went on":    func(p *engine.Population) { p.WentOnAt = today },
		"hardly any done": func(p *engine.Population) { p.WentOnDone = p.Done - 3 },
		"nobody knows of how many": func(p *engine.Population) {
			p.Total = 0
		},
	} {
		q := p
		quiet(&q)
		if got := reckoner(engine.QuotaState{}).eta(q, toHighLevel()); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAFillThatItsBrakeStoppedSaysWhyAndWhereToAnswer(t *testing.T) {
	t.Parallel()
	s := &scoped{Server: &Server{}}
	p := engine.Population{Mode: engine.ModeFill, State: engine.PopulationPaused, Done: 8, Total: 80, Problem: "It has changed 8 linked records.", Tally: engine.Tally{Braked: []string{"5 records changed or deleted in one run"}}}
	for _, tc := range []struct {
		state     automation.State
		why, href string
	}{
		{automation.Paused, "its limit", "/automations/au_1/live#brake"},
		{automation.Paused, "", ""},
		{automation.Draft, "", ""},
	} {
		v := planui.View{Writing: true}
		s.planWords(&v, p, automation.Automation{ID: "au_1", State: tc.state, PausedWhy: tc.why})
		if v.Problem == nil || v.Problem.Title != "It stopped and asks you" || v.Problem.Detail != p.Problem || v.Problem.Href != tc.href {
			t.Errorf("%s (%q): %+v", tc.state, tc.why, v.Problem)
		}
	}
}

func TestAPlanThatWasPausedWithItsAutomationSaysWhatLetsItGoOn(t *testing.T) {
	t.Parallel()
	s := &scoped{Server: &Server{}}
	p := engine.Population{Mode: engine.ModeFill, State: engine.PopulationPaused, Done: 8, Total: 80, Problem: "The automation was paused."}
	for _, tc := range []struct {
		state     automation.State
		why, href string
	}{
		{automation.Paused, "its limit", "/automations/au_1/live#brake"},
		{automation.Paused, "", "/automations/au_1/live"},
		{automation.On, "", ""},
	} {
		v := planui.View{Writing: true}
		s.planWords(&v, p, automation.Automation{ID: "au_1", State: tc.state, PausedWhy: tc.why})
		if v.Problem == nil || v.Problem.Title != "It waits with its automation" || v.Problem.Detail != p.Problem || v.Problem.Href != tc.href {
			t.Errorf("%s (%q): %+v", tc.state, tc.why, v.Problem)
		}
	}
}
