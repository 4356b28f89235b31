// Package automationui holds the automations list and three of the builder's
// four steps: When, Test and Live. The fourth, Map, is package mappingui.
package automationui

import (
	"strings"

	"crosswalk/web/ui"
)

// State is an automation's switch.
type State string

// The states of an automation.
const (
	Draft  State = "draft"
	On     State = "on"
	Paused State = "paused"
)

func (s State) tone() ui.Tone {
	switch s {
	case On:
		return ui.Good
	case Paused:
		return ui.Warn
	}
	return ui.Neutral
}

// Part is a piece of an automation's plain sentence. Parts with a Side carry
// its colour; parts with a Href are the controls.
type Part struct {
	Text   string
	Side   ui.Side
	Strong bool
	Href   string
}

// Item is an automation in a list.
type Item struct {
	ID, Name string
	Sentence []Part
	State    State
	From, To ui.Side
	Text     string // "Last run 2 minutes ago, 1,204 this week"
	Problem  string // one sentence when it cannot run
	Version  int
	Braked   bool // it paused by itself and asks; Text says why
}

// Recipe is a ready-made automation of the gallery. POST /automations with
// recipe=ID makes one.
type Recipe struct {
	ID, Name, Text string
	From, To       ui.Side
	TwoWay         bool
	Unavailable    string // why it cannot be chosen yet
}

// List is /automations.
type List struct {
	Items   []Item
	Recipes []Recipe
	Problem *ui.Problem
}

// Step is one of the builder's steps.
type Step string

// The builder's steps, in order.
const (
	When Step = "when"
	Map  Step = "map"
	Test Step = "test"
	Live Step = "live"
)

// Builder is the head shared by the four steps.
type Builder struct {
	ID, Name string
	Version  int
	State    State
	Status   string // "Draft 4, not running. Changes are saved as you make them."
	Sentence []Part
	Step     Step
	// Warnings counts what is amiss per step, shown on its tab.
	Warnings map[Step]int
	Conflict *Conflict
	// Problems concern the automation as a whole, e.g. an account that is not connected.
	Problems []ui.Problem
	Next     *Next // nil: nothing waits to be put live
}

// Next is a version that is edited and not live yet.
type Next struct {
	Version, Live int
	On            bool     // what is live works meanwhile
	Changes       []string // in which it differs; none: the two say the same
}

// URL is an address below the automation's own.
func (b Builder) URL(rest string) string { return "/automations/" + b.ID + rest }

// Conflict says that somebody saved since this page was loaded. The form
// offers GET LoadHref ("load theirs") and POST Action with the hidden Fields
// and force=true ("save mine over it").
type Conflict struct {
	Who, When    string // "maria@acme.io", "a minute ago"
	Theirs, Mine []string
	LoadHref     string
	Action       string
	Fields       []HiddenField // the user's own form, to be posted again
}

// HiddenField carries one form value through the conflict box.
type HiddenField struct{ Name, Value string }

// WhenView is /automations/:id/when. The form posts to the same URL; see
// rule.go for the names of its controls.
type WhenView struct {
	Builder
	Events  []ui.Option // what can happen on the source side
	Event   string
	Fields  []ui.Option // fields of the source object
	Rule    Group
	Verdict *Verdict
	Saved   bool
}

// Verdict is the rule tried on the sample record.
type Verdict struct {
	Sample string
	Passes bool
	Text   string // "plan is pro-annual, which is not free"
}

// TestView is /automations/:id/test.
type TestView struct {
	Builder
	Of         string // what is read: "contact"
	SearchedBy string // "name, email or phone"
	// Search of one of them: GET .../test?q=; results offer POST .../plans with record=ID.
	Query        string
	Found        []Contact
	Asked        bool   // a search was made, so an empty Found means none matched
	Total        string // "12,480", as far as known
	Problem      *ui.Problem
	Target       ui.Side
	Payload      string // JSON of the record; POST .../tests with payload and send=preview|real
	PayloadError string
	Result       *TestResult
}

func (v TestView) placeholder() string {
	if v.SearchedBy == "" {
		return ""
	}
	return strings.ToUpper(v.SearchedBy[:1]) + v.SearchedBy[1:]
}

// Contact is a search result.
type Contact struct{ ID, Name, Detail string }

// TestResult is what a test payload led to.
type TestResult struct {
	Sent    bool   // for real; otherwise the calls that write are only shown
	Href    string // its run
	Outcome ui.Outcome
	Text    string
	Diffs   []ui.Diff
	Calls   []Exchange
}

// Exchange is one request with its answer, secrets redacted.
type Exchange struct {
	Method, Path, Status string
	OK                   bool
	Duration             string
	Request, Response    string // pretty-printed bodies
	TraceID              string // what the provider's support finds the call by
}

// LiveView is /automations/:id/live. The switch posts state=on|off, start=now|all
// and version to /automations/:id/activation.
type LiveView struct {
	Builder
	Checks []Check
	// StartAll offers to look at everyone once, not only at changes.
	StartAll bool
	Source   string // "Gleap contact"
	Policies Policies
	Brake    *Brake // it paused by itself and asks
}

// Check is one line of the readiness list.
type Check struct {
	Title, Text     string
	OK, Optional    bool
	Href, HrefLabel string
}

func (v LiveView) ready() bool {
	for _, c := range v.Checks {
		if !c.OK && !c.Optional {
			return false
		}
	}
	return true
}

var stepNames = []struct {
	step Step
	name string
}{{When, "When"}, {Map, "Map"}, {Test, "Test"}, {Live, "Go live"}}
