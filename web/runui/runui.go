// Package runui holds the list of runs, live, and the page that answers "why
// did (or didn't) this record change?".
package runui

import (
	"crosswalk/web/automationui"
	"crosswalk/web/ui"
)

// State is how far a run is.
type State string

// The states of a run.
const (
	Waiting State = "waiting"
	Working State = "working"
	Done    State = "done"
	Failed  State = "failed"
)

// Item is a run in a list. Outcome is set once the run is Done; a Failed run
// shows as blocked.
type Item struct {
	ID             string
	Record, Detail string
	AutomationName string
	State          State
	Outcome        ui.Outcome
	Text           string // "Lifecycle Lead → Customer, 2 more"
	At             ui.Moment
}

// Live makes the table follow new runs: URL is an event stream whose events
// named "run" carry the row as rendered by [Row]. Empty: not live.
type Live struct {
	URL string
	Max int // rows to keep
}

// List is /runs. Filters are GET outcome, automation, q, page.
type List struct {
	Items       []Item
	Live        Live
	Outcome     string
	Automation  string
	Query       string
	Automations []ui.Option
	Pages       ui.Pages
}

func (l List) filtered() bool { return l.Outcome != "" || l.Automation != "" || l.Query != "" }

func outcomeOptions() []ui.Option {
	options := []ui.Option{{Label: "Every outcome"}}
	for _, o := range ui.Outcomes {
		options = append(options, ui.Option{Value: string(o), Label: o.Sign() + " " + string(o)})
	}
	return options
}

// View is /runs/:id. Retrying is POST /runs/:id/retry.
type View struct {
	ID             string
	Record, Detail string
	AutomationID   string
	AutomationName string
	State          State
	Outcome        ui.Outcome
	Text           string
	At             ui.Moment
	Facts          []Fact
	Problem        *ui.Problem
	CanRetry       bool
	CanUndo        bool // it wrote something
	Writes         []Write
	DecideHref     string // the question it left to a person, while that is open
	TimelineHref   string // everything that happened to the record
	Steps          []Step
	Attempts       []Attempt // newest first, in the place of Steps, when there was more than one
}

// Attempt is one try of a run.
type Attempt struct {
	Number  int
	At      ui.Moment
	Text    string // what went wrong, or what it came to
	Cost    string // "2 calls, took 1 second"
	TraceID string // of the call that failed: what the provider's support finds it by
	Newest  bool
	LeftOut string // says how many attempts right before this one are not kept
	Steps   []Step
}

// Write is one write of the run. Taking it back, or one of its fields, is POST /undo.
type Write struct {
	ID, Title string
	Diffs     []WriteField
	CanUndo   bool
}

// WriteField is one field that was written. Key is empty where it is not taken back by itself.
type WriteField struct {
	Key  string
	Diff ui.Diff
}

// Fact is one line beside the timeline.
type Fact struct{ Name, Value string }

// StepKind chooses the mark on the timeline.
type StepKind string

// The kinds of steps a run has.
const (
	StepEvent StepKind = "event"
	StepRule  StepKind = "rule"
	StepLink  StepKind = "link"
	StepRead  StepKind = "read"
	StepWrite StepKind = "write"
	StepEcho  StepKind = "echo"
	StepError StepKind = "error"
	StepWait  StepKind = "wait"
)

// Step is one thing the run did or decided.
type Step struct {
	At         ui.Moment
	Kind       StepKind
	Title      string
	Text       string
	Outcome    ui.Outcome // of a write
	Conditions []Condition
	Evidence   []string
	Diffs      []ui.Diff
	Calls      []automationui.Exchange
	Problem    *ui.Problem
}

// Condition is one comparison of the rule with the value it saw.
type Condition struct {
	Text, Value string // "plan is not free", "pro-annual"
	Holds       bool
	Depth       int // nesting, from 0
}

func (k StepKind) sign() string {
	switch k {
	case StepEvent:
		return "→"
	case StepRule:
		return "◇"
	case StepLink:
		return "∞"
	case StepRead:
		return "↓"
	case StepWrite:
		return "↑"
	case StepError:
		return "!"
	case StepWait:
		return "…"
	}
	return "="
}
