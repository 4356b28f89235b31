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
	source, target := s.providerName(a.Definition.Source.Provider), s.providerName(a.Definition.Target.Provider)
	for _, n := range []struct {
		drift       engine.Drift
		label, help string
		tone        ui.Tone
		outcome     ui.Outcome
	}{
		{engine.InSync, "in sync", "Linked, and every mapped field agrees", ui.Good, ui.Same},
		{engine.Differs, "differ", "Linked, and a mapped field differs", ui.Warn, ui.Update},
		{engine.OnlyHere, "only in " + source, "Nothing in " + target + " is linked with them", ui.Info, ui.Create},
		{engine.OnlyThere, "only in " + target, "Nothing in " + source + " is linked with them", ui.Info, ui.Create},
		{engine.Doubtful, "doubtful", "Which record is the counterpart is open", ui.Warn, ui.Decide},
		{engine.Apart, "left alone", "Passed by by the rule, or let go their own ways", ui.Info, ui.Same},
	} {
		out.Counts = append(out.Counts, driftui.Count{Label: n.label, Help: n.help, N: t[n.drift], Tone: n.tone, Href: "/plans/" + p.ID + "?outcome=" + string(n.outcome)})
	}
	if p.Missed > 0 {
		out.Missed = ui.Count(p.Missed, "change was", "changes were") + " made more than ten minutes before, and no webhook told of them. Polling or this comparison found them."
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
