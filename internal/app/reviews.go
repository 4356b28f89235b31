package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

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
	all, err := h.store.Automations(ctx)
	if err != nil {
		return err
	}
	asking := make(map[automation.ID]automation.Automation, len(all))
	for _, a := range all {
		asking[a.ID] = a
	}
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
			fmt.Fprintf(c.Out, "    asked on %s\n", dated(r.OpenedAt))
			if r.Kind == automation.ReviewConflict {
				entries, err := h.store.Timeline(ctx, r.Source, engine.TimelineFilter{Limit: pastMost})
				if err != nil {
					return err
				}
				h.printAsks(c, r, asking, entries)
			}
			for _, cand := range r.Plan.Identity.Candidates {
				fmt.Fprintf(c.Out, "    %s  %s (%s)\n", cand.Ref.ID, cand.Title, cand.Why)
			}
		}
	}
}

// pastMost bounds how far back the past of a conflict is read.
const pastMost = 200

// printAsks says what each account holds of the fields of a conflict, what both had agreed on when, and how each side came
// to what it holds. "source" and "target" stay beside the names, since that is what decide takes.
func (h *house) printAsks(c *call, r automation.Review, all map[automation.ID]automation.Automation, entries []engine.TimelineEntry) {
	def := all[r.Automation].Definition
	name := func(p provider.ID, side string) string {
		if d, ok := h.providers.descriptors()[p]; ok {
			return d.Name + " (" + side + ")"
		}
		return "the " + side
	}
	from, to := name(def.Source.Provider, "source"), name(def.Target.Provider, "target")
	pasts := engine.PastOf(r, def.Mapping.Rows, def.Locale(), entries, len(entries) >= pastMost)
	for _, f := range r.Plan.Asks() {
		source, target := f.Offered, f.Before
		if f.Side == automation.SourceSide {
			source, target = target, source
		}
		fmt.Fprintf(c.Out, "    %s: “%s” in %s, “%s” in %s\n", f.Label, source, from, target, to)
		past := pasts[f.BaseKey()]
		agreed, met := r.Plan.Base[f.BaseKey()]
		switch {
		case !met:
		case past.AgreedAt.IsZero():
			fmt.Fprintf(c.Out, "        both had agreed on “%s”; when is not on record\n", agreed)
		default:
			fmt.Fprintf(c.Out, "        both agreed on “%s” on %s\n", agreed, dated(past.AgreedAt))
		}
		for _, side := range []struct {
			name string
			past engine.SidePast
		}{{from, past.Source}, {to, past.Target}} {
			for _, line := range pastLines(side.past, past, all) {
				fmt.Fprintf(c.Out, "        %s: %s\n", side.name, line)
			}
		}
	}
}

// pastLines tell how one side of a field came to what it holds. No account says who changed a field.
func pastLines(side engine.SidePast, f engine.FieldPast, all map[automation.ID]automation.Automation) (lines []string) {
	if side.Unmoved {
		return []string{"not changed since"}
	}
	if !f.AgreedAt.IsZero() {
		lines = append(lines, fmt.Sprintf("changed between then and %s, by whom the account does not tell", dated(f.SeenAt)))
	}
	if len(side.Heard) > 0 {
		newest := side.Heard[len(side.Heard)-1]
		how := "a poll"
		if newest.Kind == automation.Webhook {
			how = strings.TrimSpace("webhook " + newest.Name)
		}
		lines = append(lines, fmt.Sprintf("told of a change of the record: %s on %s", how, dated(newest.ReceivedAt)))
	} else if side.Whole {
		lines = append(lines, "nothing told of it: it was found when the record was read")
	}
	if ch := side.Wrote; ch != nil {
		line := fmt.Sprintf("“%s” had written “%s” on %s (run %s)", cmp.Or(all[ch.Automation].Name, "a removed automation"), side.Gave, dated(ch.AnsweredAt), ch.Run)
		if !side.Stands {
			line += "; somebody or something else changed it since"
		}
		lines = append(lines, line)
	}
	return lines
}

func dated(at time.Time) string { return at.UTC().Format("2 Jan 2006 15:04 UTC") }

func decideCommand(ctx context.Context, c *call) error {
	take := c.flags.String("take", "", "a conflict: source or target, for every field asked about")
	value := c.flags.String("value", "", "a conflict: this value, for the one field decided")
	field := c.flags.String("field", "", "a conflict: decide this field only, by its name; the others are asked about again")
	always := c.flags.Bool("always", false, "a conflict: with --take, this side has the last word on the field from now on")
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
	a, err := h.store.Automation(ctx, r.Automation)
	if err != nil {
		return err
	}
	var d automation.Decision
	if r.Kind == automation.ReviewIdentity {
		d, err = identityDecision(r, *counterpart, *createNew, *ignore)
	} else {
		d, err = h.conflictDecision(ctx, a, r, automation.Take(*take), *value, *field)
	}
	if err != nil {
		return err
	}
	var settled []automation.FieldPlan
	if *always {
		if _, settled = a.Definition.Always(r.Plan.Asks(), d.Choices); len(settled) == 0 {
			return errors.New("--always goes with --take source or --take target, where that side has not the last word already")
		}
	}
	if err := h.store.DecideReview(h.act(ctx, a.Workspace, people.AuditReview, r.ID, a.Name, string(r.State), d.Gist()), r.ID, r.Run, d, commandLine); err != nil {
		return err
	}
	if len(settled) > 0 {
		const note = "decided for good"
		forGood := func(def automation.Definition) automation.Definition {
			def, _ = def.Always(r.Plan.Asks(), d.Choices)
			return def
		}
		if _, err := h.store.SaveLive(h.act(ctx, a.Workspace, people.AuditAutomationSave, string(a.ID), a.Name, fmt.Sprint("version ", a.Edited().Version), note), a.ID, a.Edited().Version, forGood, commandLine, note); err != nil {
			return fmt.Errorf("it is decided, but not for good: %w", err)
		}
	}
	fmt.Fprintln(c.Out, "Decided. The worker carries it out in a moment.")
	return nil
}

// identityDecision is who the counterpart is.
func identityDecision(r automation.Review, counterpart string, createNew, ignore bool) (automation.Decision, error) {
	d := automation.Decision{CreateNew: createNew, Ignore: ignore}
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

// conflictDecision is what the fields get that are asked about, or the one that is named.
func (h *house) conflictDecision(ctx context.Context, a automation.Automation, r automation.Review, take automation.Take, value, field string) (automation.Decision, error) {
	asks := r.Plan.Asks()
	if field != "" {
		asks = slices.DeleteFunc(asks, func(f automation.FieldPlan) bool { return f.Field != field && !strings.EqualFold(f.Label, field) })
		if len(asks) == 0 {
			return automation.Decision{}, fmt.Errorf("nothing is asked about %q", field)
		}
	}
	if value != "" && len(asks) == 1 {
		take = automation.TakeValue
	}
	if take != automation.TakeSource && take != automation.TakeTarget && take != automation.TakeValue {
		return automation.Decision{}, errors.New("say --take source or --take target, or --value for one field (--field, where several are asked about)")
	}
	d := automation.Decision{Choices: map[string]automation.Choice{}}
	for _, f := range asks {
		choice := automation.Choice{Take: take, SeenSource: f.Offered, SeenTarget: f.Before}
		if take == automation.TakeValue {
			c, err := h.definitions.Compile(ctx, a)
			if err != nil {
				return d, err
			}
			schema := c.Target
			if f.Side == automation.SourceSide {
				schema = c.Source
			}
			spec, ok := schema.Field(f.Field)
			if !ok {
				return d, fmt.Errorf("%s has no field %s any more", schema.Label, f.Label)
			}
			if choice.Value, err = record.Coerce(record.TextOf(value), spec, a.Definition.Locale()); err != nil {
				return d, fmt.Errorf("%s does not hold %q: %w", f.Label, value, err)
			}
		}
		d.Choices[f.BaseKey()] = choice
	}
	return d, nil
}
