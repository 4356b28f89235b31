package server

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/web/driftui"
	"crosswalk/web/ui"
)

// driftPage shows each automation's latest comparison of everyone.
func (s *scoped) driftPage(c echo.Context) error {
	ctx := c.Request().Context()
	all, err := s.Store.Automations(ctx)
	if err != nil {
		return err
	}
	sh, err := s.shell(c, ui.Drift)
	if err != nil {
		return err
	}
	v := driftui.View{}
	for _, a := range all {
		if !a.Definition.Connected() {
			continue
		}
		p, ok, err := s.Store.LatestPopulation(ctx, a.ID)
		if err != nil {
			return err
		}
		v.Automations = append(v.Automations, s.drift(a, p, ok))
	}
	return s.render(c, http.StatusOK, driftui.Page(sh, v))
}

// wayToStand is one way a record and its counterpart stand to each other, as pages say it.
type wayToStand struct {
	drift       engine.Drift
	label, help string
	tone        ui.Tone
}

func (s *scoped) waysToStand(a automation.Automation) []wayToStand {
	source, target := s.providerName(a.Definition.Source.Provider), s.providerName(a.Definition.Target.Provider)
	return []wayToStand{
		{engine.InSync, "in sync", "Linked, and every mapped field agrees", ui.Good},
		{engine.Differs, "differ", "Linked, and a mapped field differs", ui.Warn},
		{engine.OnlyHere, "only in " + source, "Nothing in " + target + " is linked with them", ui.Info},
		{engine.OnlyThere, "only in " + target, "Nothing in " + source + " stands against them", ui.Info},
		{engine.Doubtful, "doubtful", "Which record is the counterpart is open", ui.Warn},
		{engine.Apart, "left alone", "Passed by by the rule, or let go their own ways", ui.Info},
	}
}

func (s *scoped) drift(a automation.Automation, p engine.Population, known bool) driftui.Automation {
	out := driftui.Automation{ID: string(a.ID), Name: a.Name, State: driftui.Never, Text: "Never compared yet."}
	if !known {
		return out
	}
	out.PlanHref = "/plans/" + p.ID
	switch p.State {
	case engine.PopulationFailed:
		out.State, out.Text, out.Problem = driftui.Failed, "The last comparison, "+s.ago(p.FinishedAt)+", could not be finished.", p.Problem
		return out
	case engine.PopulationQueued, engine.PopulationRunning, engine.PopulationPaused:
		out.State, out.Text = driftui.Comparing, "Being compared: "+ui.Count(p.Done, "record", "records")+" so far."
		return out
	case engine.PopulationCanceled:
		out.Text = "The last comparison was stopped by hand."
		return out
	}
	t := p.Tally.Drift
	out.State = driftui.Compared
	out.Text = fmt.Sprintf("Compared %s with version %d.", s.ago(p.FinishedAt), p.Version)
	if p.Mode.Applies() {
		out.Text += " What differed was carried out since; compare again to see what is left."
	}
	out.Agree = driftui.Share{Part: t[engine.InSync], Of: t[engine.InSync] + t[engine.Differs]}
	for _, n := range s.waysToStand(a) {
		out.Counts = append(out.Counts, driftui.Count{Label: n.label, Help: n.help, N: t[n.drift], Tone: n.tone, Href: "/plans/" + p.ID + "?drift=" + string(n.drift)})
	}
	if p.Missed > 0 {
		them := "them"
		if p.Missed == 1 {
			them = "it"
		}
		out.Missed = fmt.Sprintf("%s made more than ten minutes before, and no webhook told of %[2]s. Polling or this comparison found %[2]s.", ui.Count(p.Missed, "change was", "changes were"), them)
	}
	for _, n := range p.Tally.Kept {
		out.Heal = out.Heal || n > 0 && !(p.Of == engine.Healing && p.Mode.Applies())
	}
	widest := 1
	for _, n := range p.Tally.Fields {
		widest = max(widest, n)
	}
	for _, label := range slices.Sorted(maps.Keys(p.Tally.Fields)) {
		n := p.Tally.Fields[label]
		out.Fields = append(out.Fields, driftui.Field{Label: label, N: n, Kept: p.Tally.Kept[label], Width: 100 * n / widest})
	}
	slices.SortStableFunc(out.Fields, func(x, y driftui.Field) int { return cmp.Compare(y.N, x.N) })
	return out
}
