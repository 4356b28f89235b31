package engine

import (
	"context"
	"fmt"
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// A provider that answers with a record's id and nothing in it says the same as a person who emptied every field. People
// empty one field or two; so a record from which everything is gone at once is read again, and where it stays so, a person
// is asked before anything is emptied on the other side.

// severalValues is how many agreed values must be gone for that, where something else is left in the record.
const severalValues = 2

// hollowSides are the sides from which everything both had agreed on is gone.
func (c *Compiled) hollowSides(source, target record.Record, base *automation.Base) []automation.Side {
	var out []automation.Side
	if c.isHollow(automation.SourceSide, source, base) {
		out = append(out, automation.SourceSide)
	}
	if c.isHollow(automation.TargetSide, target, base) {
		out = append(out, automation.TargetSide)
	}
	return out
}

func (c *Compiled) isHollow(side automation.Side, r record.Record, base *automation.Base) bool {
	if base == nil || base.Link == "" {
		return false
	}
	var gone []string // target fields of rows that lead forth, of which something was agreed
	lost := 0
	for _, row := range c.Def.Mapping.Rows {
		holds := func(key string) bool { return !r.Fields[key].IsEmpty() }
		if side == automation.TargetSide && holds(row.Target) || side == automation.SourceSide && slices.ContainsFunc(row.Sources, holds) {
			return false
		}
		had := base.Target
		if side == automation.SourceSide {
			had = base.Fields
		}
		switch {
		case len(row.Sources) == 0:
		case !row.Direction.ToTarget():
			// Of a row that leads back, the base keeps what the target gave and what the source held.
			if key := automation.BackKey(row.Sources[0]); !base.Fields[key].IsEmpty() && !base.Target[key].IsEmpty() {
				lost++
			}
		case !had[row.Target].IsEmpty():
			gone = append(gone, row.Target)
		}
	}
	if lost += len(gone); lost == 0 {
		return false
	}
	if side == automation.SourceSide {
		// What a row gives for a field that is empty was never in it.
		for _, got := range c.Map(r) {
			if slices.Contains(gone, got.Target.Key) && got.Err == nil && record.Same(got.Target.Kind, base.Fields[got.Target.Key], got.Value, c.locale) {
				lost--
			}
		}
	}
	return lost >= severalValues || lost > 0 && len(r.Fields) == 0
}

func (m *merger) isHollow(side automation.Side) bool { return slices.Contains(m.hollow, side) }

// vanished says why a person is asked before a field is emptied.
func (m *merger) vanished(label string) string {
	m.unsure = fmt.Sprintf("Everything both sides had agreed on is gone from the %s at once. That may be a wrong answer of the provider, so nothing is emptied before somebody says that it is meant.", label)
	return fmt.Sprintf("Gone from the %s together with everything else: somebody must say whether that is meant.", label)
}

// readAgain reads a record once more from which everything is gone, for one answer proves little.
func (x *execution) readAgain(ctx context.Context, c *Compiled, source *record.Record, at *found) error {
	if at.link == nil || at.target == nil || at.sourceGone {
		return nil
	}
	for _, side := range c.hollowSides(*source, *at.target, at.base) {
		r, label := at.target, c.Target.Label
		if side == automation.SourceSide {
			r, label = source, c.Source.Label
		}
		client, err := x.Gateway.Client(ctx, r.Ref.Connection)
		if err != nil {
			return err
		}
		fresh, err := client.Get(ctx, r.Ref)
		if err != nil {
			return err
		}
		x.step(automation.Step{Kind: automation.StepRead, OK: true, Title: "Read the " + label + " again", Detail: "Everything both sides had agreed on was gone from it at once."})
		if side == automation.SourceSide {
			*source = fresh
		} else {
			at.target = &fresh
		}
	}
	return nil
}
