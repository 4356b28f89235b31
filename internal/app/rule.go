package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

func ruleCommand(ctx context.Context, c *call) error {
	var do ruleOrders
	c.flags.StringVar(&do.on, "on", "", "what makes it look: created,updated or one of them")
	c.flags.StringVar(&do.add, "add", "", "one more condition, \"FIELD COMPARISON VALUE\", as in \"plan not_equals free\"")
	c.flags.StringVar(&do.group, "group", "", "of --add: in a new group, of which all or any must hold")
	c.flags.StringVar(&do.into, "into", "", "of --add and --match: the group, by its id; without, the one at the top")
	c.flags.StringVar(&do.match, "match", "", "of a group: all or any of it must hold")
	c.flags.StringVar(&do.remove, "remove", "", "take a condition or a group away, by its id")
	fields := c.flags.Bool("fields", false, "which fields conditions may read, and how each is compared")
	asJSON := c.flags.Bool("json", false, "one JSON object")
	h, a, _, err := c.onAutomation(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	if *fields {
		return h.showRuleFields(ctx, c, a.Edited())
	}
	if do != (ruleOrders{}) {
		saved, err := h.changeRule(ctx, a, do)
		if err != nil {
			return err
		}
		c.saySaved(a, saved, *asJSON)
		a = saved
	}
	return h.showRule(ctx, c, a.Edited(), *asJSON)
}

// ruleOrders are what is to become of what makes an automation look, and of its conditions.
type ruleOrders struct{ on, add, group, into, match, remove string }

// changeRule saves another trigger and other conditions, or nothing where they are these already. A condition that could
// not be judged is refused, as on the page; what was wrong before keeps nobody from putting it right step by step.
func (h *house) changeRule(ctx context.Context, a automation.Automation, do ruleOrders) (automation.Automation, error) {
	stored := a
	a = a.Edited()
	d := a.Definition
	if do.on != "" {
		on, ok := automation.ReadTrigger(strings.ReplaceAll(do.on, " ", ""))
		if !ok {
			return a, fmt.Errorf("--on is created,updated, created or updated, not %q", do.on)
		}
		d.Trigger.On = on
	}
	now, err := h.definitions.Try(ctx, a)
	if err != nil {
		return a, unasked(err)
	}
	if d.Rule, err = do.apply(d.Rule, now.Source); err != nil {
		return a, err
	}
	if len(automation.Diff(a.Definition, d)) == 0 {
		return stored, nil
	}
	tried := a
	tried.Definition = d
	then, err := h.definitions.Try(ctx, tried)
	if err != nil {
		return a, err
	}
	for _, p := range then.RuleProblems {
		if !slices.ContainsFunc(now.RuleProblems, func(had rule.Problem) bool { return had.Code == p.Code && had.Message == p.Message }) {
			if p.Code == "operator_kind" {
				p.Suggestion = "Choose another comparison: --fields lists those of each field."
			}
			return a, errors.New(strings.TrimSpace(p.Message + " " + p.Suggestion))
		}
	}
	return h.saveEdit(ctx, a, d, automation.WhenNote(a.Definition, d))
}

// apply takes away first, so that what is removed leaves the ids of the list as the person saw them.
func (do ruleOrders) apply(r rule.Rule, schema record.Schema) (rule.Rule, error) {
	var ok bool
	top := do.into
	if top == "" {
		top = rule.Top
	}
	switch {
	case do.group != "" && do.add == "":
		return r, errors.New("--group is of a condition that is added: say --add too")
	case do.into != "" && do.add == "" && do.match == "":
		return r, errors.New("--into names a group for --add or --match: say one of them too")
	case do.into != "" && do.remove != "":
		return r, errors.New("--into and --remove go by the same ids, which change: one of them at a time")
	}
	if do.remove != "" {
		if r, ok = r.Remove(do.remove); !ok {
			return r, fmt.Errorf("--remove: %q is the id of no condition; without flags they are listed", do.remove)
		}
	}
	if do.add != "" {
		part, err := readCondition(do.add, schema)
		if err != nil {
			return r, err
		}
		if do.group != "" {
			op, err := joinOf("group", do.group)
			if err != nil {
				return r, err
			}
			part = rule.Node{Op: op, Nodes: []rule.Node{part}}
		}
		if r, ok = r.Add(top, part); !ok {
			return r, fmt.Errorf("--into: %q is the id of no group; without flags they are listed", top)
		}
	}
	if do.match != "" {
		op, err := joinOf("match", do.match)
		if err != nil {
			return r, err
		}
		if r, ok = r.Join(top, op); !ok {
			return r, fmt.Errorf("--into: %q is the id of no group; without flags they are listed", top)
		}
	}
	return r, nil
}

func joinOf(flag, given string) (rule.Op, error) {
	switch given {
	case "all":
		return rule.And, nil
	case "any":
		return rule.Or, nil
	}
	return "", fmt.Errorf("--%s is all or any, not %q", flag, given)
}

// readCondition reads FIELD COMPARISON VALUE. Keys and values may hold spaces, and even the name of a comparison, so the
// field is the first that there is.
func readCondition(text string, schema record.Schema) (rule.Node, error) {
	words := strings.Split(strings.TrimSpace(text), " ")
	unknown := ""
	for i := 1; i < len(words); i++ {
		op, ok := rule.FindOperator(words[i])
		if !ok {
			continue
		}
		n := rule.Node{Field: strings.Join(words[:i], " "), Operator: op.Name, Value: strings.Join(words[i+1:], " ")}
		if _, there := schema.Field(n.Field); !there {
			if unknown == "" {
				unknown = n.Field
			}
			continue
		}
		if !op.NeedsValue && strings.TrimSpace(n.Value) != "" {
			return n, fmt.Errorf("--add: “%s” is compared with nothing, so leave out %q", op.Label, n.Value)
		}
		return n, nil
	}
	if unknown != "" {
		return rule.Node{}, fmt.Errorf("--add: the field “%s” does not exist in the %s; --fields lists them", unknown, schema.Label)
	}
	return rule.Node{}, fmt.Errorf("--add takes a field, a comparison and a value, as in \"plan not_equals free\", not %q; --fields lists both", text)
}

// ruleLine is a trigger and its conditions, for programs.
type ruleLine struct {
	Trigger  rule.Trigger `json:"trigger"`
	Rule     rule.Rule    `json:"rule"`
	Words    string       `json:"words"`
	Problems []string     `json:"problems,omitempty"`
}

func (h *house) showRule(ctx context.Context, c *call, a automation.Automation, asJSON bool) error {
	d := a.Definition
	now, err := h.definitions.Try(ctx, a)
	if err != nil {
		fmt.Fprintf(c.Err, "The conditions could not be checked, since an account does not say which fields it has: %v\n", err)
		now = &engine.Compiled{}
	}
	label := cmp.Or(now.Source.Label, fmt.Sprint(d.Source.Provider, " ", d.Source.Object))
	looks := "It looks when the " + label + " is " + automation.TriggerWords(d.Trigger.On)
	if d.TwoWay() {
		looks += ", and when the " + cmp.Or(now.Target.Label, fmt.Sprint(d.Target.Provider, " ", d.Target.Object)) + " is changed, since values lead back"
	}
	looks += "."
	problems := make([]string, 0, len(now.RuleProblems))
	for _, p := range now.RuleProblems {
		problems = append(problems, strings.TrimSpace(p.Message+" "+p.Suggestion))
	}
	r := rule.Rule{}
	if !d.Rule.IsEmpty() {
		r = d.Rule.Grouped()
	}
	if asJSON {
		words := looks
		if !r.IsEmpty() {
			words += " Only if " + sentenceOf(r.Root, now.Source) + "."
		}
		return json.NewEncoder(c.Out).Encode(ruleLine{d.Trigger, r, words, problems})
	}
	fmt.Fprintln(c.Out, looks)
	if r.IsEmpty() {
		fmt.Fprintln(c.Out, "There are no conditions, so every record passes.")
	}
	listConditions(c, r.Root, now.Source)
	for _, p := range problems {
		fmt.Fprintf(c.Out, "! %s\n", p)
	}
	return nil
}

// listConditions is a line a condition, each with the id by which it is taken away, or a group by which it is added to.
func listConditions(c *call, n rule.Node, schema record.Schema) {
	indent := strings.Repeat("  ", strings.Count(n.ID, "."))
	switch {
	case !n.IsGroup():
		fmt.Fprintf(c.Out, "%s%s  %s\n", indent, n.ID, sentenceOf(n, schema))
	case len(n.Nodes) > 0:
		words := "all of these hold:"
		if n.Op == rule.Or {
			words = "any of these holds:"
		}
		fmt.Fprintf(c.Out, "%s%s  %s\n", indent, n.ID, words)
		for _, inner := range n.Nodes {
			listConditions(c, inner, schema)
		}
	}
}

func sentenceOf(n rule.Node, schema record.Schema) string { return rule.Rule{Root: n}.Read(schema) }

func (h *house) showRuleFields(ctx context.Context, c *call, a automation.Automation) error {
	schema, err := h.definitions.Schema(ctx, a.Definition.Source.Connection, a.Definition.Source.Object)
	if err != nil {
		return fmt.Errorf("ask the account which fields there are: %w", err)
	}
	fmt.Fprintf(c.Out, "%s:\n", schema.Label)
	for _, f := range schema.Fields {
		var names []string
		for _, op := range rule.Operators() {
			if op.For(f.Kind) {
				names = append(names, op.Name)
			}
		}
		fmt.Fprintf(c.Out, "    %s  %s: %s\n", f.Key, f.Label, strings.Join(names, ", "))
	}
	return nil
}
