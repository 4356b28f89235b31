// Package planui holds the dry-run report: what would be written, field by
// field, with the reason for everything that would not.
package planui

import (
	"net/url"

	"crosswalk/web/ui"
)

// State is how far a plan is.
type State string

// The states of a plan.
const (
	Running   State = "running"
	Finished  State = "finished"
	Failed    State = "failed"
	Cancelled State = "cancelled"
	Paused    State = "paused"
)

// View is /plans/:id. While Running the page asks for itself every second;
// stopping it is POST /plans/:id/cancel. Filter and search are GET outcome, q, page.
type View struct {
	ID, Title      string // "Dry run: New Gleap contact → HighLevel"
	AutomationID   string
	AutomationName string
	State          State
	Text           string // "Started 12 seconds ago"
	Done, Total    int    // records; Total 0: not known yet
	Counts         map[ui.Outcome]int
	Cost           string // "2,216 writes, 25 reads. About 3 min 45 s inside today's quota."
	Problem        *ui.Problem
	Outcome        ui.Outcome // filter; empty shows all
	Query          string
	Records        []Record
	Pages          ui.Pages
	Single         bool // a plan of one record, shown as a card
	// Writing: it is carried out, or was. Undo: it takes back what an earlier one wrote.
	Writing, Undo bool
	Apply         *Apply   // may be carried out
	Moved         bool     // Apply is about what had changed since it was shown
	MovedAs       string   // which, so that a form of another time is told apart
	Results       []Result // what became of the records, when Writing
	Result        string   // filter
	Matching      string   // filter: how sure the counterpart is
	Drift         string   // filter: how both sides stand to each other
	DriftWords    string   // names that filter: "differ"
	Empty         string   // why no record is listed, where more is to be said than that
	Heals         bool     // it also brings back what was edited on a side that does not own it
	CanUndo       bool
	OnlyLinked    bool // carried out, and nothing was written: only links are taken back
}

// Apply is the form that lets a plan be carried out: POST /plans/:id/apply.
type Apply struct {
	Parts    []Part
	Warnings []string // what cannot be taken back, and what is out of the ordinary
	// Confirm must be ticked before anything is written; empty asks nothing.
	Confirm string
	Error   string
}

// Part is one outcome that may be carried out or left out.
type Part struct {
	Outcome ui.Outcome
	Words   string // "create 312 records"
	Off     bool
}

// Result counts what became of records that were carried out.
type Result struct {
	Value, Label string
	N            int
	Tone         ui.Tone
}

// Filter is the query that lists what is listed.
func (v View) Filter() url.Values {
	q := url.Values{}
	for key, value := range map[string]string{"outcome": string(v.Outcome), "matching": v.Matching, "drift": v.Drift, "result": v.Result, "q": v.Query} {
		if value != "" {
			q.Set(key, value)
		}
	}
	return q
}

// href leads to the same plan by another filter; what is searched for stays.
func (v View) href(filter, value string) string {
	q := url.Values{}
	if value != "" {
		q.Set(filter, value)
	}
	if v.Query != "" {
		q.Set("q", v.Query)
	}
	return v.at(q)
}

func (v View) at(q url.Values) string {
	if len(q) == 0 {
		return "/plans/" + v.ID
	}
	return "/plans/" + v.ID + "?" + q.Encode()
}

func (v View) resultHref(value string) string {
	if value == v.Result {
		value = ""
	}
	return v.href("result", value)
}

// exportHref leads to a file of what is listed, on all its pages.
func (v View) exportHref(format string) string {
	q := v.Filter()
	q.Set("format", format)
	return v.at(q)
}

func (v View) heading() string {
	switch {
	case v.Undo && v.Writing:
		return "Taking back"
	case v.Undo:
		return "What taking it back would do"
	case v.Writing:
		return "Carrying out a plan"
	}
	return "Dry run"
}

// Record is what would happen to one record.
type Record struct {
	Name, Detail string
	Href         string // its timeline, if there is one
	Outcome      ui.Outcome
	Reason       string   // always set for same, decide and blocked
	Awaits       *Awaited // the record whose link it waits for
	Diffs        []ui.Diff
	AgreedAt     *ui.Moment // when both sides last agreed, where they differ since
	Evidence     []string   // why this counterpart: "same email, jane@acme.io"
	Position     string     // in the plan, when it may be chosen to be carried out alone
	Result       string     // what became of it, when it was carried out
	ResultTone   ui.Tone
	Went         string // where it went, when it was not written as shown
	WentHref     string
	RunHref      string
}

// Awaited is a record whose link another one waits for.
type Awaited struct {
	Side       ui.Side
	Kind, Name string
	Href       string // its timeline, from where it is looked at
}

// matchingWords names the filter; what is not known shows as it was asked for.
func (v View) matchingWords() string {
	switch v.Matching {
	case "sure":
		return "sure pairs"
	case "linked":
		return "linked before"
	case "double_source", "double_target":
		return "doubles"
	case "none", "only_target":
		return "on one side only"
	case "passed":
		return "passed by"
	}
	return v.Matching
}

func (v View) filterHref(o ui.Outcome) string {
	if o == v.Outcome {
		o = ""
	}
	return v.href("outcome", string(o))
}

func (r Record) changes() []ui.Diff {
	var out []ui.Diff
	for _, d := range r.Diffs {
		if d.Outcome != ui.Same || d.Apart {
			out = append(out, d)
		}
	}
	return out
}

// few is how many fields of a record are shown before they fold.
const few = 4
