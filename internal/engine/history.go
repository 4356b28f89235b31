package engine

import (
	"slices"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// RunFilter narrows a list of runs; zero values do not narrow. Before is a run id to page from: only older
// ones are listed, newest first.
type RunFilter struct {
	Automation automation.ID
	State      automation.RunState
	Outcomes   []automation.Outcome // any of these
	Search     string
	Before     string
	Limit      int
}

// HourCount is how many runs of one hour came to one outcome.
type HourCount struct {
	Hour    time.Time
	Outcome automation.Outcome
	N       int
}

// PlanFilter narrows the items of a dry run. After is the position to page from.
type PlanFilter struct {
	Outcomes []automation.Outcome // any of these
	Matching automation.Matching
	Drift    Drift
	State    ItemState
	Search   string
	After    int64
	Limit    int
}

// PlanItem is one record's plan and its position in the dry run.
type PlanItem struct {
	Position int64
	Plan     automation.Plan
	State    ItemState
	Run      string
}

// DeliveryStats tells how a connection's webhooks are doing.
type DeliveryStats struct {
	Count  int
	LastAt time.Time
}

// DeliveryFilter narrows the log of deliveries; zero values do not narrow. Before is an event id to page from: only
// older ones are listed, newest first.
type DeliveryFilter struct {
	Connections []record.ConnectionID // any of these
	Verdict     automation.Verdict
	Repeated    bool   // only what came more than once
	Search      string // a record's id, or a type of event
	Before      string
	Limit       int
}

// ReviewFilter narrows a list of questions; zero values do not narrow. Before is a review id to page from.
type ReviewFilter struct {
	Automation automation.ID
	Kind       automation.ReviewKind
	State      automation.ReviewState
	Search     string
	Before     string
	Limit      int
}

// Choice narrows what is carried out of a plan; zero values leave nothing out.
type Choice struct {
	Outcomes  []automation.Outcome
	Matchings []automation.Matching
	Positions []int64
	// Moved is of a plan that was carried out: what had changed since it was shown, as it is shown by now.
	Moved bool
}

// WentTo says in a sentence where a record of a plan went that was not written as shown, and can not be carried out from
// there either; empty: it was, or it can.
func WentTo(state ItemState, p automation.Plan) string {
	switch {
	case state == ItemAsked:
		return "Somebody is asked about it under “Needs you”."
	case state == ItemLive:
		return "Live work looks at it by itself, and its timeline tells what came of that."
	case state != ItemMoved || slices.Contains(Writable, p.Outcome):
		return ""
	case p.Outcome == automation.Decide:
		return "It was not shown before, so nobody is asked yet. A new dry run shows it."
	case p.Outcome == automation.Blocked:
		return "It can not be carried out as it is now. A new dry run tells whether it can by then."
	}
	return "There is nothing left to carry out."
}

// Writable are the outcomes that carrying out does something about.
var Writable = []automation.Outcome{automation.Create, automation.Update, automation.Linked, automation.Delete}
