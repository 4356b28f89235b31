package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

func rowsCommand(ctx context.Context, c *call) error {
	var do rowOrders
	c.flags.StringVar(&do.add, "add", "", "let a field fill one more, SOURCE=TARGET, as in city=custom.abc")
	c.flags.StringVar(&do.row, "row", "", "the row to change, by its id or the field it fills")
	c.flags.StringVar(&do.direction, "direction", "", "of --add or --row: forth (→), back (←) or both (↔)")
	c.flags.StringVar(&do.owner, "owner", "", "of --add or --row, who has the last word: highlevel, gleap, newest, only_if_empty or ask")
	c.flags.StringVar(&do.remove, "remove", "", "take a row away, by its id or the field it fills")
	fields := c.flags.Bool("fields", false, "which fields there are on both sides")
	asJSON := c.flags.Bool("json", false, "one JSON object a row")
	h, a, _, err := c.onAutomation(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	if *fields {
		return h.showFieldsOf(ctx, c, a.Edited())
	}
	if do != (rowOrders{}) {
		saved, err := h.changeRows(ctx, a, do)
		if err != nil {
			return err
		}
		c.saySaved(a, saved, *asJSON)
		a = saved
	}
	return h.showRows(ctx, c, a.Edited(), *asJSON)
}

// rowOrders are what is to become of rows: one taken away, and one added or changed.
type rowOrders struct{ add, row, direction, owner, remove string }

// saySaved says what became of an edit, aside where a program reads what follows.
func (c *call) saySaved(before, saved automation.Automation, aside bool) {
	out := c.Out
	if aside {
		out = c.Err
	}
	if saved.Edited().Version == before.Edited().Version {
		fmt.Fprintln(out, "Nothing to change.")
		return
	}
	fmt.Fprintf(out, "Saved as version %s\n", savedAs(saved))
}

// changeRows saves other rows, or nothing where they are these already. What the page would refuse is refused.
func (h *house) changeRows(ctx context.Context, a automation.Automation, do rowOrders) (automation.Automation, error) {
	direction, owner, err := do.wanted(a.Definition)
	if err != nil {
		return a, err
	}
	stored := a
	a = a.Edited()
	now, err := h.definitions.Try(ctx, a)
	if err != nil {
		return a, unasked(err)
	}
	between := mapping.Between{Source: now.Source, Target: now.Target, Locale: a.Definition.Locale()}
	m, note := a.Definition.Mapping, []string{}
	if do.remove != "" {
		row, err := rowNamed(m, do.remove)
		if err != nil {
			return a, fmt.Errorf("--remove: %w", err)
		}
		m = m.Remove(row.ID)
		note = append(note, "removed "+rowTitle(now, row))
	}
	var row mapping.Row
	switch {
	case do.add != "":
		if m, row, err = addRow(between, m, do.add, direction); err != nil {
			return a, err
		}
		note = append(note, "connected "+rowTitle(now, row))
	case do.row != "":
		if row, err = rowNamed(m, do.row); err != nil {
			return a, fmt.Errorf("--row: %w", err)
		}
	}
	if do.add != "" || do.row != "" {
		before := row
		if do.direction != "" {
			row = row.Leading(direction)
		}
		if do.owner != "" {
			row = row.Owned(row, owner)
		}
		if faults := between.Faults(m, row); len(faults) > 0 {
			if faults[0].Code == "way_back" {
				faults[0].Suggestion = "Say in the row’s editor, on the automation’s map page, how values go back, or let the row lead one way."
			}
			return a, faults[0]
		}
		m = m.Replace(row)
		if do.row != "" && row.Leads() != before.Leads() {
			note = append(note, rowTitle(now, row)+" leads "+directionWords(row.Leads()))
		}
		if row.HasLastWord() != before.HasLastWord() {
			note = append(note, rowTitle(now, row)+": "+h.ownerWords(a.Definition, row.HasLastWord()))
		}
	}
	d := a.Definition
	d.Mapping = m
	if len(automation.Diff(a.Definition, d)) == 0 {
		return stored, nil
	}
	return h.saveEdit(ctx, a, d, strings.Join(note, ", "))
}

// wanted reads where the row is to lead and who has the last word.
func (do rowOrders) wanted(d automation.Definition) (direction mapping.Direction, owner mapping.Owner, err error) {
	switch {
	case do.add != "" && do.row != "":
		return "", "", errors.New("--add makes a row and --row changes one: one of them at a time")
	case do.add == "" && do.row == "" && (do.direction != "" || do.owner != ""):
		return "", "", errors.New("--direction and --owner are of a row: name it with --row, or make it with --add")
	case do.row != "" && do.direction == "" && do.owner == "":
		return "", "", errors.New("--row names what to change: say --direction or --owner too")
	}
	switch do.direction {
	case "", "forth", "→", string(mapping.ToTarget):
		direction = mapping.ToTarget
	case "back", "←", string(mapping.ToSource):
		direction = mapping.ToSource
	case "both", "↔":
		direction = mapping.Both
	default:
		return "", "", fmt.Errorf("--direction is forth, back or both, not %q", do.direction)
	}
	switch do.owner {
	case "":
	case string(d.Source.Provider), string(mapping.OwnerSource):
		owner = mapping.OwnerSource
	case string(d.Target.Provider), string(mapping.OwnerTarget):
		owner = mapping.OwnerTarget
	case string(mapping.OwnerNewest), string(mapping.OwnerOnlyIfEmpty), string(mapping.OwnerAsk):
		owner = mapping.Owner(do.owner)
	default:
		return "", "", fmt.Errorf("--owner is %s, %s, newest, only_if_empty or ask, not %q", d.Source.Provider, d.Target.Provider, do.owner)
	}
	return direction, owner, nil
}

// addRow connects two fields that no row connects that way yet.
func addRow(between mapping.Between, m mapping.Mapping, pair string, direction mapping.Direction) (mapping.Mapping, mapping.Row, error) {
	source, target, err := fieldPair("add", pair)
	if err != nil {
		return m, mapping.Row{}, err
	}
	var fault *mapping.Fault
	if direction == mapping.ToSource {
		m, fault = between.LeadBack(m, target, source)
	} else if row, filled := m.RowFor(target); filled {
		// On the page one sees what a new wire replaces.
		return m, row, fmt.Errorf("--add: %s is filled by row %s already: --remove %s as well, and it takes its place", target, row.ID, row.ID)
	} else {
		m, fault = between.Connect(m, source, target)
	}
	if fault != nil {
		return m, mapping.Row{}, fmt.Errorf("--add: %w", fault)
	}
	return m, m.Rows[len(m.Rows)-1], nil
}

// rowNamed finds a row by its id, or by the field it fills or both fields where one row alone is meant.
func rowNamed(m mapping.Mapping, word string) (mapping.Row, error) {
	if row, ok := m.RowByID(word); ok {
		return row, nil
	}
	hits := slices.DeleteFunc(slices.Clone(m.Rows), func(r mapping.Row) bool {
		fills := r.Target
		if r.Direction == mapping.ToSource {
			fills = strings.Join(r.Sources, "+")
		}
		return fills != word && strings.Join(r.Sources, "+")+"="+r.Target != word
	})
	if len(hits) != 1 {
		return mapping.Row{}, fmt.Errorf("%q is the id of no row, nor the field that one row fills; without flags they are listed", word)
	}
	return hits[0], nil
}

// rowTitle is what a row fills from where, as people call the fields.
func rowTitle(c *engine.Compiled, r mapping.Row) string {
	sources := make([]string, len(r.Sources))
	for i, key := range r.Sources {
		sources[i] = c.Source.LabelOf(key)
	}
	return strings.Join(sources, " + ") + " " + arrow(r.Leads()) + " " + c.Target.LabelOf(r.Target)
}

func arrow(d mapping.Direction) string {
	switch d {
	case mapping.ToSource:
		return "←"
	case mapping.Both:
		return "↔"
	}
	return "→"
}

func directionWords(d mapping.Direction) string {
	switch d {
	case mapping.ToSource:
		return "back only"
	case mapping.Both:
		return "both ways"
	}
	return "forth only"
}

func (h *house) ownerWords(d automation.Definition, o mapping.Owner) string {
	names := h.providers.names()
	return o.Words(names[d.Source.Provider], names[d.Target.Provider])
}

// rowWords says how a row makes its value, and who has the last word.
func (h *house) rowWords(d automation.Definition, r mapping.Row) string {
	steps := func(s []mapping.Step) string {
		if len(s) == 0 {
			return "as it is"
		}
		return mapping.Chips(s)
	}
	words := steps(r.Steps)
	if r.Direction == mapping.Both && r.Back != nil {
		words += ", and back " + steps(r.Back)
	}
	words += "; " + h.ownerWords(d, r.HasLastWord())
	if r.ClearWhenEmpty {
		words += ", also when it is emptied"
	}
	return words
}

// rowLine is a row for programs, with what is left to defaults written out.
type rowLine struct {
	mapping.Row
	Words    string   `json:"words"`
	Problems []string `json:"problems,omitempty"`
}

func (h *house) showRows(ctx context.Context, c *call, a automation.Automation, asJSON bool) error {
	d := a.Definition
	now, err := h.definitions.Try(ctx, a)
	if err != nil {
		fmt.Fprintf(c.Err, "The rows could not be checked, since an account does not say which fields it has: %v\n", err)
		now = &engine.Compiled{}
	}
	if len(d.Mapping.Rows) == 0 && !asJSON {
		fmt.Fprintln(c.Out, "Nothing is mapped.")
	}
	problems := func(id string) (out []string) {
		for _, p := range now.MappingProblems {
			if p.RowID == id {
				out = append(out, strings.TrimSpace(p.Message+" "+p.Suggestion))
			}
		}
		return out
	}
	for _, r := range d.Mapping.Rows {
		if asJSON {
			line := rowLine{r, h.rowWords(d, r), problems(r.ID)}
			line.Direction, line.Owner = r.Leads(), r.HasLastWord()
			if err := json.NewEncoder(c.Out).Encode(line); err != nil {
				return err
			}
			continue
		}
		sources := make([]string, len(r.Sources))
		for i, key := range r.Sources {
			sources[i] = fieldWord(now.Source, key)
		}
		fmt.Fprintf(c.Out, "%-4s %s %s %s: %s\n", r.ID, strings.Join(sources, " + "), arrow(r.Leads()), fieldWord(now.Target, r.Target), h.rowWords(d, r))
		for _, p := range problems(r.ID) {
			fmt.Fprintf(c.Out, "     ! %s\n", p)
		}
	}
	for _, p := range problems("") {
		fmt.Fprintf(c.Err, "! %s\n", p)
	}
	return nil
}

// fieldWord is a field as commands take it, and as people call it where the two have nothing in common.
func fieldWord(s record.Schema, key string) string {
	if f, ok := s.Field(key); ok && f.Custom && f.Label != "" {
		return key + " (" + f.Label + ")"
	}
	return key
}

func (h *house) showFieldsOf(ctx context.Context, c *call, a automation.Automation) error {
	now, err := h.definitions.Try(ctx, a)
	if err != nil {
		return unasked(err)
	}
	for _, side := range []struct {
		schema record.Schema
		name   string
	}{{now.Source, "source"}, {now.Target, "target"}} {
		fmt.Fprintf(c.Out, "%s (%s):\n", side.schema.Label, side.name)
		for _, f := range side.schema.Fields {
			words := f.Kind.Words()
			switch {
			case f.ReadOnly:
				words += ", can only be read"
			case f.Required:
				words += ", required"
			}
			fmt.Fprintf(c.Out, "    %s  %s: %s\n", f.Key, f.Label, words)
		}
	}
	return nil
}
