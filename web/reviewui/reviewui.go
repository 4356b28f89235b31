// Package reviewui holds the inbox of questions that only a person can answer: which value is right, and which
// record is meant.
package reviewui

import (
	"strconv"

	"crosswalk/web/ui"
)

// Tab is one part of the inbox.
type Tab string

// The tabs, in the order they are shown.
const (
	Conflicts Tab = "conflicts"
	Identity  Tab = "identity"
	Decided   Tab = "decided"
)

// Tabs lists them.
var Tabs = []Tab{Conflicts, Identity, Decided}

func (t Tab) label() string {
	switch t {
	case Conflicts:
		return "Conflicts"
	case Identity:
		return "Who is who"
	}
	return "Decided"
}

// List is /reviews. Filters are GET tab, automation, q, before.
type List struct {
	Tab         Tab
	Open        map[Tab]int // unanswered questions, for the tabs that have them
	Items       []Item
	Automation  string
	Automations []ui.Option
	Query       string
	Pages       ui.Pages
}

func (l List) filtered() bool { return l.Automation != "" || l.Query != "" }

// Item is one question in the list. State and Tone are set once it was decided.
type Item struct {
	ID             string
	Record         string
	Text           string // "Email and Phone: changed on both sides"
	AutomationName string
	State          string
	Tone           ui.Tone
	At             ui.Moment // when it was asked or, decided, when it was answered
}

// The answers a form sends. An identity is answered with IsPrefix and the record's id.
const (
	TakeLeft  = "source"
	TakeRight = "target"
	TakeTyped = "value"
	IsPrefix  = "is:"
	CreateNew = "new"
	LeaveIt   = "leave"
)

// Names of form values; those of fields are followed by the field's key.
const (
	TakePrefix   = "take."
	ValuePrefix  = "value."
	AlwaysPrefix = "always."
	AnswerName   = "answer"
	RunName      = "run"
	NextName     = "next"
)

// View is /reviews/:id. Deciding is POST to the same address.
type View struct {
	ID             string
	Run            string // that asked: the form sends it back, so that nobody answers another question
	Record         string
	AutomationID   string
	AutomationName string
	AskedAt        ui.Moment
	Problem        *ui.Problem  // the form could not be taken
	Notices        []ui.Problem // what is worth knowing before deciding
	Issues         []ui.Issue
	ReadOnly       bool
	Answered       *Answered
	Left, Right    Account
	HasNext        bool
	// Fields are asked about by a conflict. Vanished says so where everything is gone from one side at once.
	Fields   []Field
	Vanished string
	// The rest belongs to an identity.
	Subject    *Candidate
	Question   string // "Which Gleap contact is it?"
	Evidence   []string
	Candidates []Candidate
	MayCreate  bool
	Create     string // "Create a new Gleap contact"
	Answer     string
}

func (v View) identity() bool { return v.Subject != nil }

// Answered says who answered, and what came of it.
type Answered struct {
	By    string // empty: there was nothing to answer any more
	Words string
	At    ui.Moment
	Run   string // that carried it out; empty when there is none yet
}

// Account is one side of a conflict.
type Account struct {
	Side    ui.Side
	Label   string    // "HighLevel contact"
	Changed ui.Moment // when the record was last changed there; empty when nobody knows
}

// Value is what one side holds. Now is set when the account holds something else since the question was asked. At and
// NowAt are the two in RFC 3339 where they are moments.
type Value struct {
	Text  string
	At    string
	Moved bool
	Now   string
	NowAt string
	Past  *Past
}

// saysOr is the value in a few words.
func (v Value) saysOr(nothing string) string {
	if v.Text == "" {
		return nothing
	}
	return "“" + v.Text + "”"
}

// Past is how one side came to hold its value, as far as it is on record.
type Past struct {
	Unmoved bool // it is what both sides had agreed on
	// After and Before are the stretch of time in which it changed. After has no text where that is not known.
	After, Before ui.Moment
	Heard         []News // what told of a change of the record in that time, oldest first
	Earlier       int    // how much older news there is that Heard leaves out
	Unheard       bool   // nothing told of it
	Wrote         *Write // what we last wrote there
}

// News is something that told of a change.
type News struct {
	Text string // "webhook ContactUpdate"
	At   ui.Moment
}

// Write is our own last write of a field.
type Write struct {
	By     string // the automation's name
	Value  string
	At     ui.Moment
	Run    string
	Stands bool // the side still holds it
}

// Field is one question of a conflict.
type Field struct {
	Key, Label  string
	Left, Right Value
	Agreed      string // what both sides last agreed on
	AgreedOn    string // that in RFC 3339, where it is a moment
	WasAgreed   bool
	AgreedAt    ui.Moment // when they last agreed; empty when that is not on record
	Take        string
	Typed       string
	Always      bool
	// Long, or Options, say how another value is typed.
	Long    bool
	Options []ui.Option
	Hint    string // "email"
	Error   string
}

func (f Field) id(i int, what string) string { return "field-" + strconv.Itoa(i) + "-" + what }

// TypedID is the id of the i-th field's control for another value, for links to it.
func TypedID(i int) string { return Field{}.id(i, "typed") }

// FirstID is the id of the i-th field's first choice.
func FirstID(i int) string { return Field{}.id(i, "left") }

// AnswerID is the id of the first answer to an identity.
const AnswerID = "answer-0"

// Candidate is a record that is compared, or the one in question.
type Candidate struct {
	ID      string
	Side    ui.Side
	Label   string // "Gleap contact"
	Title   string
	Why     string // "same email"
	Problem string // why its fields are not shown
	Fields  []Compared
}

// Compared is one field beside the record in question.
type Compared struct {
	Label, Value string
	At           string // in RFC 3339, when the value is a moment
	Differs      bool
}
