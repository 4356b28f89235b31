package server

import (
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/web/connectionui"
	"crosswalk/web/overviewui"
	"crosswalk/web/ui"
)

func (s *scoped) overviewPage(c echo.Context) error {
	ctx := c.Request().Context()
	sh, err := s.shell(c, ui.Overview)
	if err != nil {
		return err
	}
	connections, err := s.Connections.List(ctx)
	if err != nil {
		return err
	}
	all, err := s.Store.Automations(ctx)
	if err != nil {
		return err
	}
	names := map[automation.ID]string{}
	v := overviewui.Overview{}
	for _, id := range []provider.ID{gleap, highLevel} {
		i := slices.IndexFunc(connections, func(cn connection.Connection) bool { return cn.Provider == id })
		cn := connection.Connection{}
		if i >= 0 {
			cn = connections[i]
		}
		v.Connections = append(v.Connections, s.health(id, cn))
	}
	for _, a := range all {
		names[a.ID] = a.Name
		v.Automations = append(v.Automations, s.automationItem(ctx, a))
	}
	runs, err := s.Store.Runs(ctx, engine.RunFilter{Limit: 8})
	if err != nil {
		return err
	}
	for _, r := range runs {
		v.Runs = append(v.Runs, s.runItem(r, names))
	}
	if v.Steps, err = s.firstSteps(c, v.Connections, all); err != nil {
		return err
	}
	if v.Hours, err = s.hours(c); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, overviewui.Page(sh, v))
}

// firstSteps is the way from nothing to a synced contact; nil once it has been walked.
func (s *scoped) firstSteps(c echo.Context, health []connectionui.Health, all []automation.Automation) ([]overviewui.Step, error) {
	has := func(want ui.Side) bool {
		return slices.ContainsFunc(health, func(h connectionui.Health) bool { return h.Side == want && h.State != connectionui.Missing })
	}
	on := slices.ContainsFunc(all, func(a automation.Automation) bool { return a.State == automation.On })
	dry := false
	first := "/automations"
	if len(all) > 0 {
		first = "/automations/" + string(all[0].ID)
		for _, a := range all {
			_, made, err := s.Store.LatestPopulation(c.Request().Context(), a.ID)
			if err != nil {
				return nil, err
			}
			dry = dry || made
		}
	}
	sub := func(rest string) string {
		if len(all) == 0 {
			return first
		}
		return first + rest
	}
	steps := []struct {
		overviewui.Step
		done bool
	}{
		{overviewui.Step{Title: "Connect HighLevel", Text: "Choose the location whose contacts are to be kept true.", Href: connectHref(highLevel), Action: "Connect HighLevel"}, has(ui.HighLevel)},
		{overviewui.Step{Title: "Connect Gleap", Text: "With the project’s API key, or OAuth.", Href: connectHref(gleap), Action: "Connect Gleap"}, has(ui.Gleap)},
		{overviewui.Step{Title: "Choose an automation", Text: "Begin with a ready-made one and change what you like.", Href: "/automations", Action: "Choose"}, len(all) > 0},
		{overviewui.Step{Title: "Dry-run it", Text: "See what would be written, field by field. Nothing is.", Href: sub("/test"), Action: "Dry run"}, dry || on},
		{overviewui.Step{Title: "Switch it on", Text: "From then on both sides are kept true.", Href: sub("/live"), Action: "Go live"}, on},
	}
	var out []overviewui.Step
	next := true
	for _, st := range steps {
		switch {
		case st.done:
			st.State = overviewui.StepDone
		case next:
			st.State, next = overviewui.StepNext, false
		default:
			st.State = overviewui.StepLater
		}
		out = append(out, st.Step)
	}
	if next {
		return nil, nil
	}
	return out, nil
}

// hours counts the last day's runs by outcome, oldest hour first, none left out.
func (s *scoped) hours(c echo.Context) ([]overviewui.Hour, error) {
	const many = 24
	start := s.Now().UTC().Truncate(time.Hour).Add(-(many - 1) * time.Hour)
	counts, err := s.Store.RunCounts(c.Request().Context(), start)
	if err != nil || len(counts) == 0 {
		return nil, err
	}
	out := make([]overviewui.Hour, many)
	for i := range out {
		out[i].Counts = map[ui.Outcome]int{}
		out[i].Label = start.Add(time.Duration(i) * time.Hour).Format("15:04")
	}
	for _, n := range counts {
		i := int(n.Hour.UTC().Sub(start) / time.Hour)
		if i < 0 || i >= many {
			continue
		}
		out[i].Counts[outcomeOf(n.Outcome)] += n.N
	}
	return out, nil
}
