package automation

import (
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// RunState says where a run stands.
type RunState string

// The states of a run. Waiting means a later attempt is due; Failed needs a person.
const (
	Running   RunState = "running"
	Succeeded RunState = "succeeded"
	Waiting   RunState = "waiting"
	Failed    RunState = "failed"
)

// Run is one automation version carrying out one event on one record, whatever the number of attempts.
type Run struct {
	ID         string // "rn_…", sortable by time
	Automation ID
	Version    int
	Event      Event
	Source     record.Ref
	Title      string
	Target     record.Ref
	State      RunState
	Outcome    Outcome // empty until decided
	Summary    string  // a plain sentence
	Code       string  // stable code of the reason or error
	Attempts   int
	NextAt     time.Time // when a Waiting run is tried again
	StartedAt  time.Time
	FinishedAt time.Time
	RetryOf    string
	Steps      []Step    // of the newest attempt
	Earlier    []Attempt `json:",omitempty"` // attempts before it, oldest first, where they are read too
}

// StepKind names what a step is about.
type StepKind string

// The kinds of step, in the order they usually come.
const (
	StepEvent    StepKind = "event"
	StepRead     StepKind = "read"
	StepRecover  StepKind = "recover" // an open intent of an earlier attempt was looked up
	StepRule     StepKind = "rule"
	StepIdentity StepKind = "identity"
	StepPlan     StepKind = "plan"
	StepWrite    StepKind = "write"
	StepError    StepKind = "error"
)

// Step is one thing a run did or decided.
type Step struct {
	Kind   StepKind        `json:"kind"`
	At     time.Time       `json:"at"`
	Took   time.Duration   `json:"took,omitempty"`
	OK     bool            `json:"ok"`
	Title  string          `json:"title"`
	Detail string          `json:"detail,omitempty"`
	Advice string          `json:"advice,omitempty"` // what a person can do next
	Code   string          `json:"code,omitempty"`
	Words  string          `json:"words,omitempty"` // the provider's own words
	Plan   *Plan           `json:"plan,omitempty"`
	Calls  []provider.Call `json:"calls,omitempty"`
}

// ChangeState says how far a write got.
type ChangeState string

// The states of a change. Intended without an answer is looked up before anything is repeated.
const (
	Intended ChangeState = "intended"
	Done     ChangeState = "done"
	Refused  ChangeState = "refused"
	Unclear  ChangeState = "unclear"
	Settled  ChangeState = "settled" // was open, looked up by a later attempt
)

// Change is one write to one record: intent, answer, before, after. It is what undo reverses.
type Change struct {
	ID         string // "ch_…"
	Run        string
	Automation ID
	Source     record.Ref // the key it was made for
	Target     record.Ref // the record written; zero until a create is answered
	Parent     record.Ref // of a create under another record
	Op         Outcome    // Create or Update
	Fields     []FieldPlan
	State      ChangeState
	Before     record.Fields // the written fields as read before the write
	After      record.Fields // as the provider answered
	Error      string
	IntendedAt time.Time
	AnsweredAt time.Time
}
