package engine

import (
	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// Kept is what the journal keeps of an answer to a write of fields.
func (c *Compiled) Kept(fields []automation.FieldPlan, answer record.Record) record.Fields {
	return c.keptAll(fields, answer)
}

// PlanUndo decides how one write is taken back.
func (c *Compiled) PlanUndo(ch automation.Change, now record.Record) automation.Plan {
	return c.planUndo(ch, &now, Undo{Kind: "change", ID: ch.ID, Created: CreatedUnlink})
}

// PlanUndoOf decides how one field of a write is taken back.
func (c *Compiled) PlanUndoOf(ch automation.Change, now *record.Record, field string) automation.Plan {
	return c.planUndo(ch, now, Undo{Kind: "change", ID: ch.ID, Field: field, Created: CreatedUnlink})
}

// Healing plans as for a plan that heals.
func (c *Compiled) Healing() *Compiled {
	healing := *c
	healing.heals = true
	return &healing
}

// RememberUndo is what the link remembers once p was answered.
func (c *Compiled) RememberUndo(base automation.Base, p automation.Plan, side automation.Side, answer record.Record) automation.Base {
	c.rememberUndo(&base, side, p.On(side), answer)
	return base
}
