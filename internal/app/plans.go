package app

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/server"
	"crosswalk/internal/store"
	"crosswalk/web/ui"
)

// positional takes the words before the first flag; names are what they are, for the message when one is missing.
func (c *call) positional(names ...string) ([]string, error) {
	if slices.ContainsFunc(c.args, func(w string) bool { return w == "-h" || w == "-help" || w == "--help" }) {
		c.flags.Usage()
		return nil, flag.ErrHelp
	}
	n := 0
	for n < len(c.args) && !strings.HasPrefix(c.args[n], "-") {
		n++
	}
	words := c.args[:n]
	c.args = c.args[n:]
	if len(words) != len(names) {
		fmt.Fprintf(c.Err, "crosswalk %s: say %s.\n", c.flags.Name(), strings.Join(names, " and "))
		return nil, errUsage
	}
	return words, nil
}

// upTo takes at most n words before the first flag.
func (c *call) upTo(n int) ([]string, error) {
	i := slices.IndexFunc(c.args, func(w string) bool { return strings.HasPrefix(w, "-") })
	if i < 0 {
		i = len(c.args)
	}
	words := c.args[:i]
	c.args = c.args[i:]
	if len(words) > n {
		fmt.Fprintf(c.Err, "crosswalk %s: %q is not expected here.\n", c.flags.Name(), strings.Join(words[n:], " "))
		return nil, errUsage
	}
	return words, nil
}

// atHome builds the house for one command: it works on plans itself, and leaves live work to the server.
func (c *call) atHome(ctx context.Context) (*house, error) {
	cfg, err := c.settings(nil)
	if err != nil {
		return nil, err
	}
	h, err := build(ctx, cfg, roles{}, logger(cfg, c))
	if err != nil {
		return nil, err
	}
	enqueue := h.enqueue
	h.store.OnEnqueue(func(ctx context.Context, tx store.Tx, jobs []engine.Job) error {
		return enqueue(ctx, tx, slices.DeleteFunc(slices.Clone(jobs), func(j engine.Job) bool { return j.Kind == engine.JobDryRun }))
	})
	return h, nil
}

// onAutomation builds the house for a command about one automation, which its first word names; more are what the other
// words are, for the message when one is missing. Whoever asks closes the house.
func (c *call) onAutomation(ctx context.Context, more ...string) (*house, automation.Automation, []string, error) {
	var a automation.Automation
	words, err := c.positional(append([]string{"which automation, by name or id"}, more...)...)
	if err != nil {
		return nil, a, nil, err
	}
	h, err := c.atHome(ctx)
	if err != nil {
		return nil, a, nil, err
	}
	if a, err = h.automationNamed(ctx, words[0]); err != nil {
		return nil, a, nil, errors.Join(err, h.close())
	}
	return h, a, words[1:], nil
}

// automationsNamed are the one a word names, or all where there is none.
func (h *house) automationsNamed(ctx context.Context, words []string) ([]automation.Automation, error) {
	if len(words) == 0 {
		return h.store.Automations(ctx)
	}
	a, err := h.automationNamed(ctx, words[0])
	return []automation.Automation{a}, err
}

// automationNamed finds an automation by id or by name.
func (h *house) automationNamed(ctx context.Context, word string) (automation.Automation, error) {
	all, err := h.store.Automations(ctx)
	if err != nil {
		return automation.Automation{}, err
	}
	var hits []automation.Automation
	for _, a := range all {
		if string(a.ID) == word {
			return a, nil
		}
		if strings.Contains(strings.ToLower(a.Name), strings.ToLower(word)) {
			hits = append(hits, a)
		}
	}
	if len(hits) == 1 {
		return hits[0], nil
	}
	names := make([]string, 0, len(all))
	for _, a := range all {
		names = append(names, fmt.Sprintf("  %s  %s (%s)", a.ID, a.Name, a.State))
	}
	if len(names) == 0 {
		return automation.Automation{}, errors.New("there is no automation yet")
	}
	return automation.Automation{}, fmt.Errorf("%q is not the name of one automation; there are\n%s", word, strings.Join(names, "\n"))
}

// planOf is a plan with its automation.
func (h *house) planOf(ctx context.Context, id string) (engine.Population, automation.Automation, error) {
	p, err := h.store.Population(ctx, id)
	if errors.Is(err, engine.ErrNotFound) {
		return p, automation.Automation{}, fmt.Errorf("there is no plan %q: crosswalk plans lists them (%w)", id, engine.ErrNotFound)
	}
	if err != nil {
		return p, automation.Automation{}, err
	}
	a, err := h.store.Automation(ctx, p.Automation)
	return p, a, err
}

// pauseStopped pauses what the command that was stopped worked on: stopping it is somebody's act like any other pause.
func (h *house) pauseStopped(ctx context.Context, id string) error {
	p, a, err := h.planOf(ctx, id)
	if err != nil {
		return err
	}
	return h.store.PausePopulation(h.act(ctx, a.Workspace, people.AuditPlanPause, id, a.Name, string(p.State), "paused, the command was stopped"), id)
}

// work carries a population's next part out here and tells how far it is.
func (h *house) workOn(ctx context.Context, c *call, id string) (engine.Population, error) {
	err := h.populations.Run(ctx, id)
	if ctx.Err() != nil {
		// Whoever stops the command finds it where it was.
		if stopped := h.pauseStopped(context.WithoutCancel(ctx), id); stopped == nil {
			return engine.Population{}, fmt.Errorf("stopped; to go on: crosswalk plans resume %s", id)
		}
	}
	if err != nil {
		return engine.Population{}, err
	}
	p, err := h.store.Population(ctx, id)
	if err != nil {
		return p, err
	}
	switch p.State {
	case engine.PopulationDone:
		return p, nil
	case engine.PopulationFailed:
		return p, errors.New(p.Problem)
	}
	fmt.Fprintf(c.Err, "It was stopped: %s.\n", p.State)
	return p, fmt.Errorf("plan %s is %s", p.ID, p.State)
}

func (h *house) showPlan(ctx context.Context, c *call, p engine.Population, asJSON bool) error {
	if asJSON {
		return h.showItems(ctx, c, p, engine.PlanFilter{})
	}
	if p.Mode.Applies() {
		fmt.Fprintf(c.Out, "%s  %d records, %d written\n", p.ID, p.Done, p.Written)
	} else {
		fmt.Fprintf(c.Out, "%s  %d records, %d calls to find out\n", p.ID, p.Done, p.Reads)
	}
	for _, o := range automation.Outcomes() {
		if n := p.Counts[o]; n > 0 {
			fmt.Fprintf(c.Out, "  %-8s %d\n", o, n)
		}
	}
	if p.Mode == engine.ModeCompare && p.State == engine.PopulationDone && len(p.Counts) == 0 {
		fmt.Fprintln(c.Out, "  nothing would be done otherwise")
	}
	if words := matchingWords(p.Tally); words != "" {
		fmt.Fprintf(c.Out, "  who belongs together: %s\n", words)
	}
	if linked := p.Tally.Drift[engine.InSync] + p.Tally.Drift[engine.Differs]; linked > 0 {
		fmt.Fprintf(c.Out, "  %d of %d linked pairs agree in every mapped field\n", p.Tally.Drift[engine.InSync], linked)
	}
	h.showFields(c, p)
	if p.Writes > 0 && !p.Mode.Applies() {
		a, err := h.store.Automation(ctx, p.Automation)
		if err != nil {
			return err
		}
		end := a.Definition.Target
		q, _ := h.quota(end.Connection)
		takes := q.Takes(p.Writes+p.Reads, h.providers.CallsPerSecond(end.Provider), time.Now())
		fmt.Fprintf(c.Out, "  carrying it out takes %d writes and about %s inside the call limit\n", p.Writes, max(takes.Round(time.Second), time.Second))
	}
	if p.Mode == engine.ModeShow || p.Mode == engine.ModeUndo {
		for _, words := range server.BeforeCarryingOut(p) {
			fmt.Fprintf(c.Out, "  %s\n", words)
		}
	}
	return nil
}

// matchingWords tells how sure it is who belongs together, in the words --matching takes.
func matchingWords(t engine.Tally) string {
	var parts []string
	for _, m := range automation.Matchings() {
		n := t.Matching[m]
		if n == 0 {
			continue
		}
		words := fmt.Sprintf("%d %s", n, m)
		if blocked := t.Blocked[m]; blocked > 0 {
			words += fmt.Sprintf(" (%d of them blocked)", blocked)
		}
		parts = append(parts, words)
	}
	return strings.Join(parts, ", ")
}

// showItems shows the records of a plan, those that are looked for, as JSON.
func (h *house) showItems(ctx context.Context, c *call, p engine.Population, only engine.PlanFilter) error {
	enc := json.NewEncoder(c.Out)
	return h.eachItem(ctx, p.ID, only, func(it engine.PlanItem) error {
		return enc.Encode(struct {
			automation.Plan
			Result engine.ItemState `json:"result,omitempty"`
		}{it.Plan, it.State})
	})
}

func (h *house) eachItem(ctx context.Context, plan string, only engine.PlanFilter, do func(engine.PlanItem) error) error {
	for only.Limit = 500; ; {
		items, err := h.store.PlanItems(ctx, plan, only)
		if err != nil || len(items) == 0 {
			return err
		}
		for _, it := range items {
			only.After = it.Position
			if err := do(it); err != nil {
				return err
			}
		}
	}
}

// positions are where records are in a plan, each by its id on either side.
func (h *house) positions(ctx context.Context, plan string, ids []string) ([]int64, error) {
	var out []int64
	for _, id := range ids {
		before := len(out)
		err := h.eachItem(ctx, plan, engine.PlanFilter{Search: id}, func(it engine.PlanItem) error {
			if it.Plan.Source.ID == id || it.Plan.Target.ID == id {
				out = append(out, it.Position)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(out) == before {
			return nil, fmt.Errorf("there is no record %s in plan %s; to look for one: crosswalk plans show %s --find NAME --json", id, plan, plan)
		}
	}
	return out, nil
}

// showFields says in which fields two sides differ.
func (h *house) showFields(c *call, p engine.Population) {
	for _, label := range slices.Sorted(maps.Keys(p.Tally.Fields)) {
		fmt.Fprintf(c.Out, "  %s differs in %d (left so on purpose in %d)\n", label, p.Tally.Fields[label], p.Tally.Kept[label])
	}
	if p.Missed > 0 {
		fmt.Fprintf(c.Out, "  %d changes no webhook told of\n", p.Missed)
	}
}

func planCommand(ctx context.Context, c *call) error {
	asJSON := c.flags.Bool("json", false, "one JSON object a record")
	heal := c.flags.Bool("heal", false, "also bring back what was edited on a side that does not own it")
	h, a, _, err := c.onAutomation(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	plan := engine.Population{Mode: engine.ModeShow}
	if *heal {
		plan.Of = engine.Healing
	}
	p, err := h.begin(ctx, a, plan, people.AuditPlanCreate)
	if err != nil {
		return err
	}
	if p, err = h.workOn(ctx, c, p.ID); err != nil {
		return err
	}
	if err := h.showPlan(ctx, c, p, *asJSON); err != nil || *asJSON {
		return err
	}
	fmt.Fprintf(c.Out, "Nothing has been written. To carry it out: crosswalk apply %s\n", p.ID)
	return nil
}

func applyCommand(ctx context.Context, c *call) error {
	only := c.flags.String("only", "", "carry out these outcomes alone: create, update, link, delete, separated by commas")
	matching := c.flags.String("matching", "", "carry out these alone, by how sure it is who belongs together: sure, none, linked …, separated by commas")
	records := c.flags.String("record", "", "carry out these records alone: ids of either side, separated by commas")
	yes := c.flags.Bool("yes", false, "also delete, and go beyond the automation's limits of one run")
	words, err := c.positional("which plan (pl_…)")
	if err != nil {
		return err
	}
	h, err := c.atHome(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	var choice engine.Choice
	for _, m := range wordsOf(*matching) {
		one, err := matchingOf(m)
		if err != nil {
			return err
		}
		choice.Matchings = append(choice.Matchings, one)
	}
	if choice.Positions, err = h.positions(ctx, words[0], wordsOf(*records)); err != nil {
		return err
	}
	if choice.Outcomes, err = outcomesOf(*only); err != nil {
		return err
	}
	return h.apply(ctx, c, words[0], choice, *yes)
}

// wordsOf are the words of a flag that takes several.
func wordsOf(flag string) []string {
	return strings.FieldsFunc(flag, func(r rune) bool { return r == ',' || r == ' ' })
}

func outcomesOf(flag string) (out []automation.Outcome, err error) {
	for _, o := range wordsOf(flag) {
		if !slices.Contains(automation.Outcomes(), automation.Outcome(o)) {
			return nil, fmt.Errorf("%q is no outcome", o)
		}
		out = append(out, automation.Outcome(o))
	}
	return out, nil
}

func matchingOf(word string) (automation.Matching, error) {
	if m := automation.Matching(word); slices.Contains(automation.Matchings(), m) {
		return m, nil
	}
	return "", fmt.Errorf("%q is none of %s", word, joined(automation.Matchings()))
}

func joined(all []automation.Matching) string {
	words := make([]string, len(all))
	for i, m := range all {
		words[i] = string(m)
	}
	return strings.Join(words, ", ")
}

// apply carries a plan out that was shown.
func (h *house) apply(ctx context.Context, c *call, id string, choice engine.Choice, yes bool) error {
	p, a, err := h.planOf(ctx, id)
	if err != nil {
		return err
	}
	anew := "make a new one: crosswalk plan " + string(a.ID)
	if p.Mode == engine.ModeShow && p.Version != a.Version {
		return fmt.Errorf("the automation was changed since: the plan is of version %d, and it is at %d now; %s", p.Version, a.Version, anew)
	}
	deletes := p.Counts[automation.Delete] > 0 && (len(choice.Outcomes) == 0 || slices.Contains(choice.Outcomes, automation.Delete))
	limits := engine.Beyond(p, a.Definition.Limits)
	if (deletes || len(limits) > 0) && !yes {
		words := "it would change " + ui.Count(p.Counts[automation.Update], "record", "records")
		if n := p.Counts[automation.Delete]; n > 0 {
			words += fmt.Sprintf(" and delete %d", n)
		}
		if len(limits) > 0 {
			words += ", beyond the automation's limit of " + strings.Join(limits, " and of ")
		}
		return fmt.Errorf("%s: look at it once more, then say --yes", words)
	}
	if err := h.store.ApplyPopulation(h.act(ctx, a.Workspace, people.AuditPlanApply, id, a.Name, string(p.State), "carried out"), id, choice); errors.Is(err, engine.ErrConflict) {
		return fmt.Errorf("plan %s (%s) is %s, and nothing of what it showed is left to be carried out; %s", id, p.Mode, p.State, anew)
	} else if err != nil {
		return err
	}
	if p, err = h.workOn(ctx, c, id); err != nil {
		return err
	}
	results, err := h.store.ResultCounts(ctx, id)
	if err != nil {
		return err
	}
	done := "written"
	if p.Mode == engine.ModeTake {
		done = "taken back"
	}
	fmt.Fprintf(c.Out, "%d %s", p.Written, done)
	for _, s := range []engine.ItemState{engine.ItemMoved, engine.ItemFailed, engine.ItemAsked, engine.ItemLive, engine.ItemLeft} {
		if n := results[s]; n > 0 {
			fmt.Fprintf(c.Out, ", %d %s", n, map[engine.ItemState]string{engine.ItemMoved: "changed meanwhile and not touched", engine.ItemFailed: "failed", engine.ItemAsked: "put to a person", engine.ItemLive: "left to live work", engine.ItemLeft: "left out"}[s])
		}
	}
	fmt.Fprintln(c.Out, ".")
	if results[engine.ItemMoved]+results[engine.ItemAsked]+results[engine.ItemLive] > 0 {
		fmt.Fprintf(c.Out, "What had changed meanwhile is planned anew; to see it, and where it went: crosswalk plans moved %s\n", id)
	}
	return nil
}

func undoCommand(ctx context.Context, c *call) error {
	created := c.flags.String("created", string(engine.CreatedUnlink), "records that were created: unlink or delete")
	field := c.flags.String("field", "", "of a change, this field only")
	yes := c.flags.Bool("yes", false, "write it; without, it is only shown")
	asJSON := c.flags.Bool("json", false, "one JSON object a record")
	words, err := c.positional("change, run or plan", "its id")
	if err != nil {
		return err
	}
	h, err := c.atHome(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	u, err := engine.ParseUndo(engine.Undo{Kind: words[0], ID: words[1], Created: engine.Created(*created), Field: *field}.String())
	if err != nil {
		return err
	}
	by, ok, err := u.By(ctx, h.store)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("no write and no link is on record for %s %s, so there is nothing to take back; two records that are not the same are unlinked on the page of one of them", u.Kind, u.ID)
	}
	a, err := h.store.Automation(ctx, by)
	if err != nil {
		return err
	}
	p, err := h.begin(ctx, a, engine.Population{Mode: engine.ModeUndo, Of: u.String()}, people.AuditUndo)
	if err != nil {
		return err
	}
	if p, err = h.workOn(ctx, c, p.ID); err != nil {
		return err
	}
	if err := h.showPlan(ctx, c, p, *asJSON); err != nil {
		return err
	}
	if !*yes {
		fmt.Fprintln(c.Err, "Nothing has been written. Say --yes to take it back.")
		return nil
	}
	return h.apply(ctx, c, p.ID, engine.Choice{}, true)
}
