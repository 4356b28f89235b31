package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/server"
)

// look plans for everyone and writes nothing.
func (h *house) look(ctx context.Context, c *call, a automation.Automation, p engine.Population) error {
	p, err := h.begin(ctx, a, p, people.AuditPlanCreate)
	if err != nil {
		return err
	}
	if p, err = h.workOn(ctx, c, p.ID); err != nil {
		return err
	}
	return h.showPlan(ctx, c, p, false)
}

// begin stores a plan for everyone that this command carries on with.
func (h *house) begin(ctx context.Context, a automation.Automation, p engine.Population, kind people.AuditKind) (engine.Population, error) {
	p.ID, p.Automation, p.Version, p.State = automation.NewID("pl"), a.ID, a.Version, engine.PopulationQueued
	p.CreatedAt, p.StartedBy = time.Now(), commandLine
	return p, h.store.CreatePopulation(h.act(ctx, a.Workspace, kind, p.ID, a.Name, "", cmp.Or(p.Of, string(p.Mode))), p)
}

func fillCommand(ctx context.Context, c *call) error {
	yes := c.flags.Bool("yes", false, "begin; without, it is only said what can be taken back")
	h, a, _, err := c.onAutomation(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	if !*yes {
		fmt.Fprintf(c.Err, "Everyone is carried over by “%s” without being shown first; `crosswalk plan %s` shows it.\n"+
			"Updates can be taken back field by field, as long as nobody edits the field afterwards. Created records can be deleted or unlinked later.\n"+
			"What an account itself sets off for a new record, such as a welcome message, cannot be taken back, and neither can deletes. Say --yes to begin.\n", a.Name, a.ID)
		return errUsage
	}
	if a.State != automation.On {
		return fmt.Errorf("it is %s: switch it on first, or what changes meanwhile is not carried", a.State)
	}
	p, err := h.begin(ctx, a, engine.Population{Mode: engine.ModeFill}, people.AuditPlanCreate)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "%s has begun. In another window: crosswalk plans pause %s\n", p.ID, p.ID)
	if p, err = h.workOn(ctx, c, p.ID); err != nil {
		return err
	}
	return h.showPlan(ctx, c, p, false)
}

func plansCommand(ctx context.Context, c *call) error {
	yes := c.flags.Bool("yes", false, "of what moved: carry it out as it is shown now; without, it is only shown")
	find := c.flags.String("find", "", "of show, with --json or --csv: only records with this in a name, an email or an id")
	only := c.flags.String("only", "", "of show, likewise: only these outcomes, as in blocked,decide")
	matching := c.flags.String("matching", "", "of show, likewise: only records of which it is so sure who belongs together: sure, doubtful, none …")
	asJSON := c.flags.Bool("json", false, "of show: one JSON object a record")
	asCSV := c.flags.Bool("csv", false, "of show: one line a field, as the page exports it")
	words, err := c.upTo(2)
	if err != nil {
		return err
	}
	h, err := c.atHome(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	some := engine.PlanFilter{Search: *find}
	if some.Outcomes, err = outcomesOf(*only); err != nil {
		return err
	}
	if *matching != "" {
		if some.Matching, err = matchingOf(*matching); err != nil {
			return err
		}
	}
	if *find+*only+*matching != "" && !*asJSON && !*asCSV {
		return errors.New("--find, --only and --matching look through the records of a plan, which show lists with --json or --csv")
	}
	if len(words) < 2 {
		return h.listPlans(ctx, c, words)
	}
	p, a, err := h.planOf(ctx, words[1])
	if err != nil {
		return err
	}
	act := func(kind people.AuditKind, after engine.PopulationState) context.Context {
		return h.act(ctx, a.Workspace, kind, p.ID, a.Name, string(p.State), string(after))
	}
	switch words[0] {
	case "show":
		switch {
		case *asJSON:
			return h.showItems(ctx, c, p, some)
		case *asCSV:
			out, err := server.NewPlanSheet(c.Out)
			if err != nil {
				return err
			}
			return errors.Join(h.eachItem(ctx, p.ID, some, out.Item), out.End())
		}
		fmt.Fprintln(c.Out, planLine(p, a))
		return h.showPlan(ctx, c, p, false)
	case "moved":
		return h.carryMoved(ctx, c, p, a, *yes)
	case "pause":
		err = h.store.PausePopulation(act(people.AuditPlanPause, engine.PopulationPaused), p.ID)
	case "cancel":
		err = h.store.CancelPopulation(act(people.AuditPlanCancel, engine.PopulationCanceled), p.ID)
	case "resume":
		if err = h.store.ResumePopulation(act(people.AuditPlanResume, engine.PopulationQueued), p.ID); err == nil {
			if p, err = h.workOn(ctx, c, p.ID); err != nil {
				return err
			}
			return h.showPlan(ctx, c, p, false)
		}
	default:
		return fmt.Errorf("%q is none of show, moved, pause, resume, cancel", words[0])
	}
	if errors.Is(err, engine.ErrConflict) {
		return fmt.Errorf("plan %s is %s, so there is nothing to %s", p.ID, p.State, words[0])
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Done: %s %s. What was written stays; `crosswalk undo plan %s` takes it back.\n", words[0], p.ID, p.ID)
	return nil
}

// carryMoved shows what had changed since a plan was shown, as it looks now, and carries that out.
func (h *house) carryMoved(ctx context.Context, c *call, p engine.Population, a automation.Automation, yes bool) error {
	counts, err := h.store.MovedCounts(ctx, p.ID)
	if err != nil {
		return err
	}
	results, err := h.store.ResultCounts(ctx, p.ID)
	if err != nil {
		return err
	}
	elsewhere := results[engine.ItemAsked] + results[engine.ItemLive]
	if p.Mode == engine.ModeTake {
		elsewhere = 0
	}
	if !p.Mode.Applies() || p.State != engine.PopulationDone || len(counts) == 0 && (elsewhere == 0 || yes) {
		return fmt.Errorf("plan %s is %s (%s), and nothing in it had changed meanwhile", p.ID, p.State, p.Mode)
	}
	if p.Mode != engine.ModeTake && p.Version != a.Version {
		return fmt.Errorf("the automation was changed since: the plan is of version %d, and it is at %d now; make a new one: crosswalk plan %s", p.Version, a.Version, a.ID)
	}
	if yes {
		return h.apply(ctx, c, p.ID, engine.Choice{Moved: true}, true)
	}
	left := 0
	states := []engine.ItemState{engine.ItemMoved}
	if elsewhere > 0 {
		states = append(states, engine.ItemAsked, engine.ItemLive)
	}
	for _, state := range states {
		n, err := h.showMoved(ctx, c, p.ID, state)
		if err != nil {
			return err
		}
		left += n
	}
	if left == 0 {
		fmt.Fprintln(c.Out, "Nothing has been written to them, and nothing of it can be carried out from here.")
		return nil
	}
	fmt.Fprintf(c.Out, "Nothing has been written to them. To carry out what is shown here: crosswalk plans moved %s --yes\n", p.ID)
	return nil
}

// showMoved shows the records of a plan in one state as they look now, with where those went that can not be carried out
// from there; it answers how many can.
func (h *house) showMoved(ctx context.Context, c *call, id string, state engine.ItemState) (left int, err error) {
	for after := int64(0); ; {
		items, err := h.store.PlanItems(ctx, id, engine.PlanFilter{After: after, Limit: 500, State: state})
		if err != nil || len(items) == 0 {
			return left, err
		}
		for _, it := range items {
			after = it.Position
			fmt.Fprintf(c.Out, "%-8s %s: %s\n", it.Plan.Outcome, cmp.Or(it.Plan.SourceTitle, it.Plan.Source.ID), it.Plan.Reason)
			for _, f := range it.Plan.Fields {
				if f.Action == automation.Set || f.Action == automation.AddTo {
					fmt.Fprintf(c.Out, "         %s: %q → %q\n", cmp.Or(f.Label, f.Field), f.Before.String(), f.After.String())
				}
			}
			went := engine.WentTo(it.State, it.Plan)
			if went == "" {
				left++
				continue
			}
			fmt.Fprintf(c.Out, "         → %s\n", went)
		}
	}
}

// listPlans shows the newest plan of each automation, or of one, and the one that was stopped while it wrote.
func (h *house) listPlans(ctx context.Context, c *call, words []string) error {
	all, err := h.automationsNamed(ctx, words)
	if err != nil {
		return err
	}
	for _, a := range all {
		p, ok, err := h.store.LatestPopulation(ctx, a.ID)
		if err != nil {
			return err
		}
		if ok {
			fmt.Fprintln(c.Out, planLine(p, a))
		}
		stopped, ok, err := h.store.PausedPopulation(ctx, a.ID)
		if err != nil {
			return err
		}
		if ok && stopped.ID != p.ID { // one that was only looked at since does not hide what still waits
			fmt.Fprintln(c.Out, planLine(stopped, a))
		}
	}
	return nil
}

func planLine(p engine.Population, a automation.Automation) string {
	kind := string(p.Mode)
	if p.Of == engine.DailyComparison {
		kind = "daily comparison"
	}
	line := fmt.Sprintf("%s  %s of “%s”, %s: %d of %d records", p.ID, kind, a.Name, p.State, p.Done, max(p.Total, p.Done))
	if p.Mode.Applies() {
		line += fmt.Sprintf(", %d written", p.Written)
	}
	return strings.TrimSpace(line + ". " + strings.TrimSpace(p.Phase+" "+p.Problem))
}

func driftCommand(ctx context.Context, c *call) error {
	words, err := c.upTo(1)
	if err != nil {
		return err
	}
	h, err := c.atHome(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	all, err := h.automationsNamed(ctx, words)
	if err != nil {
		return err
	}
	for _, a := range all {
		p, ok, err := h.store.LatestPopulation(ctx, a.ID)
		switch {
		case err != nil:
			return err
		case !ok || p.State != engine.PopulationDone:
			fmt.Fprintf(c.Out, "%s: not compared yet; `crosswalk plan %s` compares everyone now\n", a.Name, a.ID)
			continue
		}
		fmt.Fprintf(c.Out, "%s, compared %s:\n", a.Name, p.FinishedAt.UTC().Format(time.RFC3339))
		for _, d := range []struct {
			drift engine.Drift
			words string
		}{
			{engine.InSync, "in sync"}, {engine.Differs, "differ"}, {engine.OnlyHere, "only in " + string(a.Definition.Source.Provider)},
			{engine.OnlyThere, "only in " + string(a.Definition.Target.Provider)}, {engine.Doubtful, "doubtful"}, {engine.Apart, "left alone"},
		} {
			if n := p.Tally.Drift[d.drift]; n > 0 {
				fmt.Fprintf(c.Out, "  %-22s %d\n", d.words, n)
			}
		}
		h.showFields(c, p)
		if p.Tally.Drift[engine.Differs] > 0 {
			fmt.Fprintf(c.Out, "  when each agreed last, and why it differs: crosswalk plans show %s --csv\n", p.ID)
		}
		if p.Counts[automation.Update]+p.Counts[automation.Create]+p.Counts[automation.Linked]+p.Counts[automation.Delete] > 0 && p.Mode == engine.ModeShow {
			fmt.Fprintf(c.Out, "  to heal it: crosswalk apply %s\n", p.ID)
		}
	}
	return nil
}
