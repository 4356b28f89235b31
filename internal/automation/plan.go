package automation

import (
	"time"

	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// Outcome is what a plan comes to. Every page shows the same sign and word for it.
type Outcome string

// The outcomes.
const (
	Create  Outcome = "create"
	Update  Outcome = "update"
	Same    Outcome = "same"
	Skip    Outcome = "skip"   // the rule or a policy let it pass by
	Decide  Outcome = "decide" // a person must choose
	Blocked Outcome = "blocked"
)

// Outcomes lists them in the order pages show them.
func Outcomes() []Outcome { return []Outcome{Create, Update, Same, Skip, Decide, Blocked} }

// Plan is what would be written for one record, field by field, with the reason for each.
// A dry run shows it; a live run applies it.
type Plan struct {
	Automation  ID           `json:"automation"`
	Version     int          `json:"version"`
	Source      record.Ref   `json:"source"`
	SourceTitle string       `json:"sourceTitle"`
	Target      record.Ref   `json:"target,omitzero"` // zero when it would be created
	TargetTitle string       `json:"targetTitle,omitempty"`
	Outcome     Outcome      `json:"outcome"`
	Code        string       `json:"code"`   // stable, for filters and tests
	Reason      string       `json:"reason"` // a plain sentence
	Verdict     rule.Verdict `json:"verdict"`
	Identity    Identity     `json:"identity"`
	Fields      []FieldPlan  `json:"fields,omitempty"`
	// Base is what the link will remember once the plan is carried out: mapped value by target field.
	Base record.Fields `json:"base,omitempty"`
	// Apart lists fields the two sides do not agree on and that are left so: an edit that is kept, a conflict, a
	// value that cannot be carried. Base keeps their last agreement.
	Apart []string `json:"apart,omitempty"`
}

// Writes reports whether carrying the plan out calls the provider.
func (p Plan) Writes() bool { return p.Outcome == Create || p.Outcome == Update }

// Action is what happens to one field.
type Action string

// The actions.
const (
	Set     Action = "set"
	AddTo   Action = "add_to" // set element wise: Add and Remove say which
	Keep    Action = "keep"
	Problem Action = "problem"
)

// FieldPlan is one row's result: before → after, or why not.
type FieldPlan struct {
	Row    string       `json:"row"`
	Field  string       `json:"field"` // target field key
	Label  string       `json:"label"`
	Kind   record.Kind  `json:"kind"`
	Action Action       `json:"action"`
	Before record.Value `json:"before"`
	After  record.Value `json:"after"`
	Add    []string     `json:"add,omitempty"`
	Remove []string     `json:"remove,omitempty"`
	Code   string       `json:"code,omitempty"`
	Reason string       `json:"reason,omitempty"`
}

// Identity says how the counterpart was found, with the evidence.
type Identity struct {
	How        How         `json:"how"`
	Evidence   []Evidence  `json:"evidence,omitempty"`
	Candidates []Candidate `json:"candidates,omitempty"`
}

// How names the ways a counterpart is found.
type How string

// The ways.
const (
	ByLink    How = "link"
	ByMatch   How = "match"
	NotFound  How = "none"
	Doubtful  How = "doubtful"
	NotLooked How = "not_looked" // the rule had already let it pass by
)

// Evidence is one match key that was looked up, with what it found.
type Evidence struct {
	Field string       `json:"field"` // label of the target field
	Value record.Value `json:"value"`
	Found int          `json:"found"`
}

// Candidate is a possible counterpart a person may choose.
type Candidate struct {
	Ref   record.Ref `json:"ref"`
	Title string     `json:"title"`
	Why   string     `json:"why"`
}

// Link says that two records are the same thing.
type Link struct {
	ID        string // "ln_…"
	Source    record.Ref
	Target    record.Ref
	Evidence  string // a plain sentence
	CreatedAt time.Time
}

// Base is what one automation last agreed across a link, by target field. Two values are kept because a
// provider may trim or re-format what it is given: without what it answered, its echo would look like an edit.
type Base struct {
	Link       string
	Automation ID
	Version    int
	Fields     record.Fields // what the mapping gave
	Target     record.Fields // what the target held once it was written or found to agree
	AgreedAt   time.Time
}
