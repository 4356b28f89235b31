// Package driftui shows how far both sides agree: a comparison of everyone for each automation.
package driftui

import "crosswalk/web/ui"

// View is /drift.
type View struct{ Automations []Automation }

// Automation is one automation's latest comparison. Comparing anew is POST /automations/:id/plans with scope=all.
type Automation struct {
	ID, Name string
	State    State
	PlanHref string
	Text     string // "Compared 3 hours ago, in 41 seconds"
	Agree    Share  // of linked pairs
	Counts   []Count
	Fields   []Field
	Missed   string // "12 changes no webhook told of"
	Problem  string
	Heal     bool // something is left apart: a plan that heals it may be made, by the same POST with heal=yes
}

// State is how far a comparison is.
type State string

// The states.
const (
	Never     State = "never"
	Comparing State = "comparing"
	Compared  State = "compared"
	Failed    State = "failed"
)

// Share is how many of all; it is drawn as a bar and written as words.
type Share struct{ Part, Of int }

// Percent is rounded down, so that 100 means all.
func (s Share) Percent() int {
	if s.Of == 0 {
		return 100
	}
	return 100 * s.Part / s.Of
}

// Count is one way in which records stand to each other.
type Count struct {
	Label, Help string
	N           int
	Tone        ui.Tone
	Href        string
}

// Field is one field that differs, in how many records, and in how many of them it is left so on purpose.
type Field struct {
	Label   string
	N, Kept int
	Width   int // of its bar, in percent of the widest
}
