package server

import (
	"io"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
)

// PlanSheet is a plan as a CSV file that is safe to open in a spreadsheet: one line for each field that would be written or
// that differs and is left so, and one for each record that has none.
type PlanSheet struct{ sheet *sheet }

// NewPlanSheet begins a sheet with its heads.
func NewPlanSheet(w io.Writer) (*PlanSheet, error) {
	s, err := sheetOn(w, "record", "record id", "counterpart", "counterpart id", "outcome", "field", "written to", "before", "after", "reason", "result", "waits for id", "drift", "last agreed", "other side has")
	return &PlanSheet{s}, err
}

// Item writes the lines of one record.
func (s *PlanSheet) Item(it engine.PlanItem) error {
	pl := it.Plan
	agreed := ""
	if !pl.AgreedAt.IsZero() {
		agreed = pl.AgreedAt.UTC().Format(time.RFC3339)
	}
	row := func(field, side, before, after, reason, offered string) error {
		return s.sheet.row(pl.SourceTitle, pl.Source.ID, pl.TargetTitle, pl.Target.ID, string(pl.Outcome), field, side, before, after, reason, string(it.State), pl.Awaits.ID, string(pl.Drift), agreed, offered)
	}
	n := 0
	for _, f := range pl.Fields {
		apart := leftApart(pl, f)
		if f.Action != automation.Set && f.Action != automation.AddTo && !apart {
			continue
		}
		n++
		side, offered := "counterpart", ""
		if f.Side == automation.SourceSide {
			side = "record"
		}
		if apart {
			side, offered = "", f.Offered.String()
		}
		if err := row(f.Label, side, f.Before.String(), f.After.String(), f.Reason, offered); err != nil {
			return err
		}
	}
	if n == 0 {
		return row("", "", "", "", pl.Reason, "")
	}
	return nil
}

// End writes what is left and tells what went wrong.
func (s *PlanSheet) End() error { return s.sheet.end() }
