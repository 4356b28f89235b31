package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/record"
	"crosswalk/internal/store"
)

// positional takes the words before the first flag; names are what they are, for the message when one is missing.
func (c *call) positional(names ...string) ([]string, error) {
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

// work carries a population's next part out here and tells how far it is.
func (h *house) workOn(ctx context.Context, c *call, id string) (engine.Population, error) {
	if err := h.populations.Run(ctx, id); err != nil {
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
		enc := json.NewEncoder(c.Out)
		for after := int64(0); ; {
			items, err := h.store.PlanItems(ctx, p.ID, engine.PlanFilter{After: after, Limit: 500})
			if err != nil || len(items) == 0 {
				return err
			}
			for _, it := range items {
				after = it.Position
				if err := enc.Encode(struct {
					automation.Plan
					Result engine.ItemState `json:"result,omitempty"`
				}{it.Plan, it.State}); err != nil {
					return err
				}
			}
		}
	}
	fmt.Fprintf(c.Out, "%s  %d records, %d calls to find out\n", p.ID, p.Done, p.Reads)
	for _, o := range automation.Outcomes() {
		if n := p.Counts[o]; n > 0 {
			fmt.Fprintf(c.Out, "  %-8s %d\n", o, n)
		}
	}
	if linked := p.Tally.Drift[engine.InSync] + p.Tally.Drift[engine.Differs]; linked > 0 {
		fmt.Fprintf(c.Out, "  %d of %d linked pairs agree in every mapped field\n", p.Tally.Drift[engine.InSync], linked)
	}
	for _, label := range slices.Sorted(maps.Keys(p.Tally.Fields)) {
		fmt.Fprintf(c.Out, "  %s differs in %d (left so on purpose in %d)\n", label, p.Tally.Fields[label], p.Tally.Kept[label])
	}
	if p.Missed > 0 {
		fmt.Fprintf(c.Out, "  %d changes no webhook told of\n", p.Missed)
	}
	return nil
}

func planCommand(ctx context.Context, c *call) error {
	asJSON := c.flags.Bool("json", false, "one JSON object a record")
	words, err := c.positional("which automation, by name or id")
	if err != nil {
		return err
	}
	h, err := c.atHome(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	a, err := h.automationNamed(ctx, words[0])
	if err != nil {
		return err
	}
	p := engine.Population{ID: automation.NewID("pl"), Automation: a.ID, Version: a.Version, Mode: engine.ModeShow, State: engine.PopulationQueued, CreatedAt: time.Now(), StartedBy: "command line"}
	if err := h.store.CreatePopulation(ctx, p); err != nil {
		return err
	}
	if err := h.note(ctx, a.Workspace, people.AuditPlanCreate, p.ID, a.Name, string(p.Mode)); err != nil {
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
	yes := c.flags.Bool("yes", false, "also delete, and change more than the automation's share of all records")
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
	for _, o := range strings.FieldsFunc(*only, func(r rune) bool { return r == ',' || r == ' ' }) {
		if !slices.Contains(automation.Outcomes(), automation.Outcome(o)) {
			return fmt.Errorf("%q is no outcome", o)
		}
		choice.Outcomes = append(choice.Outcomes, automation.Outcome(o))
	}
	return h.apply(ctx, c, words[0], choice, *yes)
}

// apply carries a plan out that was shown.
func (h *house) apply(ctx context.Context, c *call, id string, choice engine.Choice, yes bool) error {
	p, err := h.store.Population(ctx, id)
	if err != nil {
		return err
	}
	a, err := h.store.Automation(ctx, p.Automation)
	if err != nil {
		return err
	}
	deletes := p.Counts[automation.Delete] > 0 && (len(choice.Outcomes) == 0 || slices.Contains(choice.Outcomes, automation.Delete))
	share, over := engine.ShareOf(p, a.Definition.Limits)
	if (deletes || over) && !yes {
		return fmt.Errorf("it would delete %d records and change %d %% of all linked ones: look at it once more, then say --yes", p.Counts[automation.Delete], share)
	}
	if err := h.store.ApplyPopulation(ctx, id, choice); err != nil {
		return err
	}
	if err := h.note(ctx, a.Workspace, people.AuditPlanApply, id, a.Name, "carried out"); err != nil {
		return err
	}
	if p, err = h.workOn(ctx, c, id); err != nil {
		return err
	}
	results, err := h.store.ResultCounts(ctx, id)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "%d written", p.Written)
	for _, s := range []engine.ItemState{engine.ItemMoved, engine.ItemFailed, engine.ItemLive, engine.ItemLeft} {
		if n := results[s]; n > 0 {
			fmt.Fprintf(c.Out, ", %d %s", n, map[engine.ItemState]string{engine.ItemMoved: "changed meanwhile and not touched", engine.ItemFailed: "failed", engine.ItemLive: "left to live work", engine.ItemLeft: "left out"}[s])
		}
	}
	fmt.Fprintln(c.Out, ".")
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
	changes, err := h.store.ChangesToUndo(ctx, u.Kind+":"+u.ID, "", 1)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		return fmt.Errorf("no write is on record for %s %s", u.Kind, u.ID)
	}
	a, err := h.store.Automation(ctx, changes[0].Automation)
	if err != nil {
		return err
	}
	p := engine.Population{ID: automation.NewID("pl"), Automation: a.ID, Version: a.Version, Mode: engine.ModeUndo, Of: u.String(), State: engine.PopulationQueued, CreatedAt: time.Now(), StartedBy: "command line"}
	if err := h.store.CreatePopulation(ctx, p); err != nil {
		return err
	}
	if err := h.note(ctx, a.Workspace, people.AuditUndo, p.ID, a.Name, p.Of); err != nil {
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

func reviewsCommand(ctx context.Context, c *call) error {
	asJSON := c.flags.Bool("json", false, "one JSON object a question")
	if _, err := c.positional(); err != nil {
		return err
	}
	h, err := c.atHome(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	for before := ""; ; {
		list, err := h.store.ReviewList(ctx, engine.ReviewFilter{State: automation.ReviewOpen, Before: before, Limit: 200})
		if err != nil {
			return err
		}
		if len(list) == 0 {
			if before == "" && !*asJSON {
				fmt.Fprintln(c.Out, "Nobody is asked anything.")
			}
			return nil
		}
		for _, r := range list {
			before = r.ID
			if *asJSON {
				if err := json.NewEncoder(c.Out).Encode(r); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintf(c.Out, "%s  %s: %s (%s)\n", r.ID, r.Kind, r.Title, r.Plan.Reason)
			for _, f := range r.Plan.Asks() {
				fmt.Fprintf(c.Out, "    %s: “%s” in the source, “%s” in the target\n", f.Label, f.Offered, f.Before)
			}
			for _, cand := range r.Plan.Identity.Candidates {
				fmt.Fprintf(c.Out, "    %s  %s (%s)\n", cand.Ref.ID, cand.Title, cand.Why)
			}
		}
	}
}

func decideCommand(ctx context.Context, c *call) error {
	take := c.flags.String("take", "", "a conflict: source or target, for every field asked about")
	value := c.flags.String("value", "", "a conflict: this value, for the one field asked about")
	counterpart := c.flags.String("counterpart", "", "an identity: the id of the candidate")
	createNew := c.flags.Bool("new", false, "an identity: none of them, make a new record")
	ignore := c.flags.Bool("ignore", false, "an identity: leave it alone")
	words, err := c.positional("which question (rv_…)")
	if err != nil {
		return err
	}
	h, err := c.atHome(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	r, err := h.store.Review(ctx, words[0])
	if err != nil {
		return err
	}
	d, err := decisionOf(r, automation.Take(*take), *value, *counterpart, *createNew, *ignore)
	if err != nil {
		return err
	}
	if err := h.store.DecideReview(ctx, r.ID, r.Run, d, "command line"); err != nil {
		return err
	}
	a, err := h.store.Automation(ctx, r.Automation)
	if err != nil {
		return err
	}
	if err := h.note(ctx, a.Workspace, people.AuditReview, r.ID, a.Name, d.Gist()); err != nil {
		return err
	}
	fmt.Fprintln(c.Out, "Decided. The worker carries it out in a moment.")
	return nil
}

func decisionOf(r automation.Review, take automation.Take, value, counterpart string, createNew, ignore bool) (automation.Decision, error) {
	d := automation.Decision{CreateNew: createNew, Ignore: ignore}
	if r.Kind == automation.ReviewIdentity {
		for _, cand := range r.Plan.Identity.Candidates {
			if cand.Ref.ID == counterpart {
				d.Counterpart = cand.Ref
			}
		}
		if !createNew && !ignore && d.Counterpart.IsZero() {
			return d, errors.New("say --counterpart with the id of a candidate, --new or --ignore")
		}
		return d, nil
	}
	asks := r.Plan.Asks()
	if value != "" && len(asks) == 1 {
		take = automation.TakeValue
	}
	if take != automation.TakeSource && take != automation.TakeTarget && take != automation.TakeValue {
		return d, errors.New("say --take source or --take target, or --value when one field is asked about")
	}
	d.Choices = map[string]automation.Choice{}
	for _, f := range asks {
		d.Choices[f.BaseKey()] = automation.Choice{Take: take, Value: record.TextOf(value), SeenSource: f.Offered, SeenTarget: f.Before}
	}
	return d, nil
}
