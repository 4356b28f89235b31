// Package recordui answers "why?": the search for a record by name, email or id, and its timeline on both sides.
package recordui

import (
	"strings"

	"crosswalk/web/runui"
	"crosswalk/web/ui"
)

// Search is /records. The filter is GET q.
type Search struct {
	Query string
	Hits  []Hit
	Most  int // how many hits are shown at most
}

// Hit is a record with its counterparts.
type Hit struct {
	Title, Href string
	Sides       []Ref
	SeenAt      ui.Moment
}

// Ref is a record as one account knows it.
type Ref struct {
	Side ui.Side
	Kind string // "contact"
	ID   string
	Href string // its timeline
	Note string // "separate ways"
	// Pair is where a counterpart is unlinked (POST), or linked again (POST together=yes). Apart: it is unlinked.
	Pair  string
	Apart bool
}

// View is /records/:connection/:type/*. Looking at it now is POST to the same address.
type View struct {
	Title        string
	Self         Ref
	Counterparts []Ref

	// PersonalHref gives out what is kept about this person (GET), and forgets it (POST confirm=yes).
	PersonalHref string

	Sentence, Code string // why it did, or did not, sync
	Reasons        []Reason

	CanLook  bool   // offered on the newest page
	LookNote string // what looking at it by hand does, or why it cannot be done

	Compared    bool // both sides were read just now
	Comparisons []Comparison

	Entries []Entry
	Pages   ui.Pages
	Older   bool // not the newest page: the answer is not repeated
}

// Reason is what one automation has to say.
type Reason struct {
	Name, Href string
	Text, Code string
	Outcome    ui.Outcome
	RunHref    string
	ReviewHref string
	At         ui.Moment
}

// Comparison shows both records of a pair as they are now.
type Comparison struct {
	ID          string
	Automation  string
	Left, Right string // "Gleap contact"
	LeftSide    ui.Side
	RightSide   ui.Side
	Problems    []ui.Problem
	Rows        []Row
}

// Row is one row of the mapping with both values.
type Row struct {
	LeftField, Left   string
	RightField, Right string
	LeftAt, RightAt   string // in RFC 3339, when they are moments
	Agree             bool
	Text              string // why they differ, where it is known
}

// Entry is one thing that happened, or is due.
type Entry struct {
	ID          string
	At          ui.Moment
	Kind        runui.StepKind
	Outcome     ui.Outcome
	Title, Text string
	Code        string
	Side        ui.Side // of what arrived
	Automation  string
	Href        string
	HrefLabel   string
	Fates       []Fate
	Steps       []runui.Step
	Attempts    []runui.Attempt // newest first, in the place of Steps, when there was more than one
	Writes      []Write
	Agreed      []Agreed
}

// Fate is what became of an arrival at one automation, or why it did not care.
type Fate struct {
	Name, Text, Code string
	RunHref          string
	Cared            bool
}

// Write is one write to one record.
type Write struct {
	ID, Title, Text string
	Diffs           []ui.Diff
}

// Agreed is what an automation last agreed across a link.
type Agreed struct {
	Automation string
	At         ui.Moment
	Values     []runui.Fact
}

func (e Entry) sign() string {
	switch e.Kind {
	case runui.StepEvent:
		return "→"
	case runui.StepLink:
		return "∞"
	case runui.StepWait:
		return "…"
	case runui.StepError:
		return "!"
	}
	if e.Outcome != "" {
		return e.Outcome.Sign()
	}
	return "·"
}

func (e Entry) folded() bool {
	return len(e.Attempts) > 0 || len(e.Steps) > 0 || len(e.Writes) > 0 || len(e.Agreed) > 0
}

func (e Entry) foldLabel() string {
	var parts []string
	if len(e.Attempts) > 0 {
		parts = append(parts, ui.Count(e.Attempts[0].Number, "attempt", "attempts"))
	}
	if n := len(e.Steps); n > 0 {
		parts = append(parts, ui.Count(n, "step", "steps"))
	}
	if n := len(e.Writes); n > 0 {
		parts = append(parts, ui.Count(n, "write", "writes"))
	}
	if len(e.Agreed) > 0 {
		parts = append(parts, "what was last agreed")
	}
	return strings.Join(parts, ", ")
}
