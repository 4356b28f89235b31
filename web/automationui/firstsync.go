package automationui

import (
	"strings"

	"crosswalk/web/ui"
)

// FirstSyncView is /automations/:id/first-sync: from two full accounts to linked records, one step after the other.
// Each step's state is read from what is stored, so that a person may leave and come back.
//
//	POST /automations/:id/first-sync   version, first, create, create-source: saves them and looks, without writing
//	POST /plans/:id/apply              matching (several), confirm: carries out
type FirstSyncView struct {
	Builder
	First                string
	FirstOptions         []ui.Option
	Create, CreateSource ui.Input // CreateSource has no ID when nothing leads back
	Ready                bool     // both accounts answer
	Look                 Look
	Groups               []MatchGroup
	Carry                *Carry
	Done                 *Carried
}

// LookState is how far the look at everyone is.
type LookState string

// The states of a look.
const (
	NotLooked LookState = ""
	Looking   LookState = "looking"
	Looked    LookState = "looked"
	Outdated  LookState = "outdated" // the automation was changed since
	LookFail  LookState = "failed"
)

// Look is the dry run of everyone the preview is made of.
type Look struct {
	State       LookState
	Text        string
	Problem     string
	Href        string // the whole dry run
	Done, Total int
}

// MatchGroup is everybody who matches in the same way.
type MatchGroup struct {
	Value, Label, Text string
	Tone               ui.Tone
	N, Percent         int
	Href               string
	Blocked            int    // of them, those that cannot be carried over
	BlockedHref        string // why, one by one
	Examples           []MatchExample
}

// MatchExample is one of them: who, with whom, and why.
type MatchExample struct{ Left, Right, Why string }

// Carry is the form that carries the preview out.
type Carry struct {
	Action   string
	Parts    []CarryPart
	Confirm  string // must be ticked before anything is written; empty asks nothing
	Error    string
	Warnings []string
	Cost     string // the calls and the time all of it takes
}

// CarryPart is a group that may be carried out or left out.
type CarryPart struct {
	Value, Words string // Value: one matching or several, spaced
	On           bool
}

func (p CarryPart) id() string { return "carry-" + strings.ReplaceAll(p.Value, " ", "-") }

// Carried says what became of it.
type Carried struct {
	Running     bool
	Text        string
	Href        string
	Done, Total int
	Review      string // questions left for a person; empty: none
}

// at tells where in the sequence a person is: 1 meet, 2 look, 3 carry out, 4 switch on.
func (v FirstSyncView) at() int {
	switch {
	case v.Done != nil && !v.Done.Running:
		return 4
	case v.Done != nil || v.Look.State == Looked:
		return 3
	case v.Look.State == Looking:
		return 2
	}
	return 1
}

func (v FirstSyncView) step(n int) string {
	switch at := v.at(); {
	case n < at || v.State == On && n == 4:
		return "done"
	case n == at:
		return "next"
	}
	return "later"
}

func stepWord(state string) string {
	switch state {
	case "done":
		return "done"
	case "next":
		return "now"
	}
	return "later"
}

func (v FirstSyncView) busy() bool { return v.Look.State == Looking || v.Done != nil && v.Done.Running }

func (v FirstSyncView) lookLabel() string {
	if v.Look.State == NotLooked {
		return "Show who matches whom"
	}
	return "Save and look again"
}
