package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/web/automationui"
	"crosswalk/web/ui"
)

// matchExamples is how many of a group are shown at once.
const matchExamples = 5

// firstSyncPage leads through the first sync. Where a person is in it is told by what is stored: the newest dry run.
func (s *scoped) firstSyncPage(c echo.Context) error {
	d, err := s.opened(c)
	if err != nil {
		return err
	}
	v, err := s.firstSyncView(c, d)
	if err != nil {
		return err
	}
	return s.showFirstSync(c, http.StatusOK, v)
}

func (s *scoped) showFirstSync(c echo.Context, status int, v automationui.FirstSyncView) error {
	sh, err := s.shell(c, ui.Automations)
	if err != nil {
		return err
	}
	return s.render(c, status, automationui.FirstSyncPage(sh, v))
}

// firstSyncLook saves how two records meet, and looks at everyone.
func (s *scoped) firstSyncLook(c echo.Context) error {
	ctx := c.Request().Context()
	d, err := s.desk(c)
	if err != nil {
		return err
	}
	first := automation.FirstMeeting(c.FormValue("first"))
	if !first.Valid() {
		return echo.NewHTTPError(http.StatusBadRequest)
	}
	if !d.a.Definition.Connected() {
		return again(c, "/automations/"+string(d.a.ID)+"/first-sync")
	}
	mine := func(def automation.Definition) automation.Definition {
		def.First, def.Create = first, c.FormValue("create") == "true"
		if def.TwoWay() {
			def.CreateSource = c.FormValue("create-source") == "true"
		}
		return def
	}
	a, err := s.save(c, d.a, mine(d.a.Definition), "chose how the first sync goes")
	if errors.Is(err, engine.ErrConflict) {
		newest, err := s.fresh(ctx, d.a.ID)
		if err != nil {
			return err
		}
		v, err := s.firstSyncView(c, newest)
		if err != nil {
			return err
		}
		if v.Conflict, err = s.conflict(c, newest, v.URL("/first-sync"), mine); err != nil {
			return err
		}
		return s.showFirstSync(c, http.StatusConflict, v)
	}
	if err != nil {
		return err
	}
	p := engine.Population{ID: s.NewID("pl"), Automation: a.ID, Version: a.Version, State: engine.PopulationQueued, Mode: engine.ModeShow, CreatedAt: s.Now(), StartedBy: user(c).Email}
	if err := s.Store.CreatePopulation(ctx, p); err != nil {
		return err
	}
	return again(c, "/automations/"+string(a.ID)+"/first-sync")
}

func (s *scoped) firstSyncView(c echo.Context, d desk) (automationui.FirstSyncView, error) {
	ctx := c.Request().Context()
	policies := s.policiesView(d, policiesAsStored(d))
	v := automationui.FirstSyncView{
		Builder: s.head(d, automationui.Live), First: policies.First, FirstOptions: policies.FirstOptions,
		Create: policies.Create, CreateSource: policies.CreateSource, Ready: d.a.Definition.Connected() && len(d.problems()) == 0,
	}
	p, known, err := s.Store.LatestPopulation(ctx, d.a.ID)
	if err != nil {
		return v, err
	}
	if !known {
		if d.a.State == automation.Draft && d.a.Definition.First == "" {
			v.First = string(automation.FillEmpty) // what does the least harm; nothing is saved before the person says so
		}
		return v, nil
	}
	v.Look.Href = "/plans/" + p.ID
	if p.Mode.Applies() {
		if v.Done, err = s.carried(c, p, d.a); err != nil {
			return v, err
		}
	}
	switch p.State {
	case engine.PopulationQueued, engine.PopulationRunning:
		if !p.Mode.Applies() {
			v.Look.State, v.Look.Done, v.Look.Total = automationui.Looking, p.Done, p.Total
			v.Look.Text = p.Phase + "." + s.eta(p, d.a)
			if p.Phase == "" {
				v.Look.Text = "Waiting for its turn."
			}
			return v, nil
		}
	case engine.PopulationFailed:
		if !p.Mode.Applies() {
			v.Look.State, v.Look.Text, v.Look.Problem = automationui.LookFail, "The look could not be finished.", p.Problem
			return v, nil
		}
	case engine.PopulationCanceled:
		if !p.Mode.Applies() {
			v.Look = automationui.Look{}
			return v, nil
		}
	}
	v.Look.State = automationui.Looked
	v.Look.Text = "Looked " + s.ago(p.FinishedAt) + "."
	if p.FinishedAt.IsZero() {
		v.Look.Text = "Looked before."
	}
	if p.Version != d.a.Version {
		v.Look.State = automationui.Outdated
	}
	if v.Groups, err = s.matchGroups(c, d, p); err != nil {
		return v, err
	}
	if !p.Mode.Applies() && v.Look.State == automationui.Looked {
		if v.Carry = carryOf(d, p, c.QueryParam("unconfirmed") != ""); v.Carry != nil {
			v.Carry.Cost = s.cost(p, d.a)
		}
	}
	return v, nil
}

// carried says what became of a plan that was let go.
func (s *scoped) carried(c echo.Context, p engine.Population, a automation.Automation) (*automationui.Carried, error) {
	out := &automationui.Carried{Href: "/plans/" + p.ID, Done: p.Done, Total: p.Total}
	counts, err := s.Store.ResultCounts(c.Request().Context(), p.ID)
	if err != nil {
		return nil, err
	}
	switch p.State {
	case engine.PopulationQueued, engine.PopulationRunning:
		out.Running, out.Text = true, "Being carried out."+s.eta(p, a)
	case engine.PopulationPaused:
		out.Text = "Paused. It goes on from its own page."
	case engine.PopulationDone:
		out.Text = fmt.Sprintf("Carried out %s: %s written or linked.", s.ago(p.FinishedAt), ui.Count(counts[engine.ItemDone], "record", "records"))
	case engine.PopulationFailed:
		out.Text = "It could not be finished: " + p.Problem
	default:
		out.Text = "Stopped by hand. What was written stays."
	}
	if n := counts[engine.ItemMoved]; n > 0 {
		out.Text += " " + ui.Count(n, "record had", "records had") + " changed meanwhile. What had changed was not written; it is shown anew."
	}
	if n := counts[engine.ItemFailed]; n > 0 {
		out.Text += " " + ui.Count(n, "record", "records") + " failed; each run says why."
	}
	if n := counts[engine.ItemAsked]; n > 0 {
		out.Review = ui.Count(n, "record waits", "records wait") + " for a person's decision."
	}
	return out, nil
}

// matchingGroups are the groups in the order they are shown.
func matchingGroups(d desk) []automationui.MatchGroup {
	here, there := d.source.side().Name(), d.target.side().Name()
	source, target := d.source.schema.Label, d.target.schema.Label
	return []automationui.MatchGroup{
		{Value: string(automation.MatchSure), Label: "sure", Tone: ui.Good, Text: "Exactly one " + target + " has the same details."},
		{Value: string(automation.MatchLinked), Label: "linked before", Tone: ui.Info, Text: "They belong together since an earlier run."},
		{Value: string(automation.MatchDoubtful), Label: "doubtful", Tone: ui.Warn, Text: "The details point at different records, or speak against each other. A person decides; it is never guessed."},
		{Value: string(automation.MatchDoubleSource), Label: "double in " + here, Tone: ui.Warn, Text: "Several records of " + here + " share the details that would tell them apart, or claim one " + target + "."},
		{Value: string(automation.MatchDoubleTarget), Label: "double in " + there, Tone: ui.Warn, Text: "Several records of " + there + " have the details of one " + source + "."},
		{Value: string(automation.MatchNone), Label: "only in " + here, Tone: ui.Info, Text: "Nobody in " + there + " has their details."},
		{Value: string(automation.MatchOnlyTarget), Label: "only in " + there, Tone: ui.Info, Text: "Nobody in " + here + " has their details."},
		{Value: string(automation.MatchPassed), Label: "passed by", Tone: ui.Neutral, Text: "The conditions let them pass by, or they were let go their own ways."},
	}
}

func (s *scoped) matchGroups(c echo.Context, d desk, p engine.Population) ([]automationui.MatchGroup, error) {
	all := 0
	for _, n := range p.Tally.Matching {
		all += n
	}
	var out []automationui.MatchGroup
	for _, g := range matchingGroups(d) {
		g.N = p.Tally.Matching[automation.Matching(g.Value)]
		if g.N == 0 {
			continue
		}
		g.Percent = max(1, 100*g.N/max(all, 1))
		of := url.Values{"matching": {g.Value}}
		g.Href = "/plans/" + p.ID + "?" + of.Encode()
		if g.Blocked = p.Tally.Blocked[automation.Matching(g.Value)]; g.Blocked > 0 {
			of.Set("outcome", string(automation.Blocked))
			g.BlockedHref = "/plans/" + p.ID + "?" + of.Encode()
		}
		items, err := s.Store.PlanItems(c.Request().Context(), p.ID, engine.PlanFilter{Matching: automation.Matching(g.Value), Limit: matchExamples})
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			g.Examples = append(g.Examples, matchExample(it.Plan))
		}
		out = append(out, g)
	}
	return out, nil
}

func matchExample(p automation.Plan) automationui.MatchExample {
	e := automationui.MatchExample{Left: p.SourceTitle, Right: p.TargetTitle}
	if p.Target.IsZero() {
		var names []string
		for _, candidate := range p.Identity.Candidates {
			names = append(names, candidate.Title)
		}
		e.Right = strings.Join(slices.Compact(names), " or ")
	}
	if e.Right == "" {
		e.Right = "nobody"
	}
	e.Why = strings.Join(evidenceOf(p.Identity), "; ")
	if e.Why == "" {
		e.Why = p.Reason
	}
	return e
}

// carryOf is the form to carry a look out; nil when it would do nothing.
func carryOf(d desk, p engine.Population, unconfirmed bool) *automationui.Carry {
	f := &automationui.Carry{Action: "/plans/" + p.ID + "/apply"}
	// What cannot be carried over is no part of what may happen.
	n := map[automation.Matching]int{}
	for matching, all := range p.Tally.Matching {
		n[matching] = all - p.Tally.Blocked[matching]
	}
	def := d.a.Definition
	add := func(count int, words string, on bool, values ...automation.Matching) {
		if count == 0 {
			return
		}
		names := make([]string, len(values))
		for i, v := range values {
			names[i] = string(v)
		}
		f.Parts = append(f.Parts, automationui.CarryPart{Value: strings.Join(names, " "), Words: words, On: on})
	}
	pairs := "Link " + ui.Count(n[automation.MatchSure], "sure pair", "sure pairs")
	switch {
	case def.First == automation.LinkOnly:
		pairs += "; nothing is written"
	case def.First == automation.FillEmpty:
		pairs += ", and fill what is empty"
	case def.Update:
		pairs += ", and carry over what differs"
	}
	add(n[automation.MatchSure], pairs, true, automation.MatchSure)
	if p.Counts[automation.Update]+p.Counts[automation.Delete] > 0 {
		add(n[automation.MatchLinked], "Bring "+ui.Count(n[automation.MatchLinked], "pair that was", "pairs that were")+" linked before up to date", true, automation.MatchLinked)
	}
	if def.Create {
		add(n[automation.MatchNone], "Create "+ui.Number(n[automation.MatchNone])+" in "+d.target.side().Name(), true, automation.MatchNone)
	}
	if def.TwoWay() && def.CreateSource {
		add(n[automation.MatchOnlyTarget], "Create "+ui.Number(n[automation.MatchOnlyTarget])+" in "+d.source.side().Name(), true, automation.MatchOnlyTarget)
	}
	open := n[automation.MatchDoubtful] + n[automation.MatchDoubleSource] + n[automation.MatchDoubleTarget]
	add(open, "Put "+ui.Count(open, "doubtful record", "doubtful records")+" to a person, under “Needs you”", true, automation.MatchDoubtful, automation.MatchDoubleSource, automation.MatchDoubleTarget)
	if len(f.Parts) == 0 {
		return nil
	}
	if words := applyForm(p, d.a, unconfirmed); words != nil {
		f.Warnings, f.Confirm, f.Error = words.Warnings, words.Confirm, words.Error
	}
	return f
}
