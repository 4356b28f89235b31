package engine

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// History answers what is known about one record, on both of its sides.
type History interface {
	// FindRecords finds records by name, email or id: one hit for each pair, the one dealt with last first.
	FindRecords(ctx context.Context, q string, limit int) ([]RecordHit, error)
	// RecordTitles is how records are called, as far as that is known.
	RecordTitles(ctx context.Context, refs []record.Ref) (map[record.Ref]string, error)
	// Timeline is what happened to a record and its counterparts, newest first.
	Timeline(ctx context.Context, ref record.Ref, f TimelineFilter) ([]TimelineEntry, error)
	// LatestRuns are the last run of each automation about a record or its counterparts, with steps.
	LatestRuns(ctx context.Context, ref record.Ref) ([]automation.Run, error)
	// LinksAt are the links a record is an end of, the way round they were made.
	LinksAt(ctx context.Context, ref record.Ref) ([]automation.Link, error)
}

// RecordHit is a record a search found. A record and its counterparts are one hit.
type RecordHit struct {
	Record       record.Ref   `json:"record"`
	Counterparts []record.Ref `json:"counterparts,omitempty"`
	Title        string       `json:"title"`
	SeenAt       time.Time    `json:"seenAt"` // when it was last dealt with
}

// TimelineFilter pages through a timeline. Before is the mark of the last entry seen; its zero value begins with the
// newest, and with what is due.
type TimelineFilter struct {
	Before TimelineMark
	Limit  int
}

// TimelineMark is a place in a timeline.
type TimelineMark struct {
	At time.Time
	ID string
}

// IsZero reports whether the mark is the beginning.
func (m TimelineMark) IsZero() bool { return m.At.IsZero() }

// String is the form of a mark in an address.
func (m TimelineMark) String() string {
	if m.IsZero() {
		return ""
	}
	return strconv.FormatInt(m.At.UnixMicro(), 10) + "." + m.ID
}

// ParseTimelineMark reads what String wrote; anything else is the beginning.
func ParseTimelineMark(s string) TimelineMark {
	at, id, ok := strings.Cut(s, ".")
	n, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil {
		return TimelineMark{}
	}
	return TimelineMark{At: time.UnixMicro(n).UTC(), ID: id}
}

// TimelineKind says what an entry of a timeline is about.
type TimelineKind string

// The kinds of entry.
const (
	EntryArrival TimelineKind = "arrival"
	EntryRun     TimelineKind = "run"
	EntryReview  TimelineKind = "review"
	EntryLink    TimelineKind = "link"
	EntryDue     TimelineKind = "due" // not past: what is going to be looked at
)

// TimelineEntry is one thing that happened to a record. What its Kind names is set, the others are nil.
type TimelineEntry struct {
	Kind    TimelineKind       `json:"kind"`
	At      time.Time          `json:"at"`
	ID      string             `json:"id"`
	Arrival *Arrival           `json:"arrival,omitempty"`
	Run     *RunStory          `json:"run,omitempty"`
	Review  *automation.Review `json:"review,omitempty"`
	Link    *LinkStory         `json:"link,omitempty"`
	Due     *DueWork           `json:"due,omitempty"`
}

// Mark is the entry's place, to page from.
func (e TimelineEntry) Mark() TimelineMark { return TimelineMark{At: e.At, ID: e.ID} }

// SortTimeline puts entries in the order of a timeline: what is due first, then newest first.
func SortTimeline(entries []TimelineEntry) {
	slices.SortFunc(entries, func(a, b TimelineEntry) int {
		if due := (b.Kind == EntryDue); due != (a.Kind == EntryDue) {
			if due {
				return 1
			}
			return -1
		}
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
}

// Arrival is an event as it was stored, and which runs it led to.
type Arrival struct {
	Event    automation.Event `json:"event"`
	RoutedAt time.Time        `json:"routedAt,omitzero"` // zero: nobody has looked at it yet
	Led      []automation.Run `json:"led,omitempty"`     // without steps
	Kept     bool             `json:"kept,omitempty"`    // the delivery that told of it is still in the log
}

// RunStory is a run with what it wrote.
type RunStory struct {
	automation.Run
	Changes []automation.Change `json:"changes,omitempty"`
}

// LinkStory is a link with what was last agreed across it, by automation.
type LinkStory struct {
	automation.Link
	Bases []automation.Base `json:"bases,omitempty"`
}

// DueWork is a key that is going to be worked on, or is just now.
type DueWork struct {
	Key   Key              `json:"key"`
	State string           `json:"state"` // "queued", "waiting" or "running"
	DueAt time.Time        `json:"dueAt,omitzero"`
	Run   string           `json:"run,omitempty"` // the attempt that waits
	Event automation.Event `json:"event"`
}

// Story is a page of a record's timeline with everything it takes to say why.
type Story struct {
	Record      record.Ref
	Links       []automation.Link
	Entries     []TimelineEntry  // newest first
	Latest      []automation.Run // the last run of each automation, with steps
	Automations []automation.Automation
	More        bool // there are older entries
}

// Tell collects a record's story; limit is how many entries a page has.
func Tell(ctx context.Context, h History, all Automations, ref record.Ref, before TimelineMark, limit int) (Story, error) {
	s := Story{Record: ref}
	var err error
	if s.Automations, err = all.Automations(ctx); err != nil {
		return s, err
	}
	if s.Links, err = h.LinksAt(ctx, ref); err != nil {
		return s, err
	}
	if s.Latest, err = h.LatestRuns(ctx, ref); err != nil {
		return s, err
	}
	if s.Entries, err = h.Timeline(ctx, ref, TimelineFilter{Before: before, Limit: limit + 1}); err != nil {
		return s, err
	}
	past := 0
	for i, e := range s.Entries {
		if e.Kind == EntryDue {
			continue
		}
		if past++; past > limit {
			s.Entries, s.More = s.Entries[:i], true
			break
		}
	}
	return s, nil
}

// Refs are the record and its counterparts.
func (s Story) Refs() []record.Ref {
	refs := []record.Ref{s.Record}
	for _, l := range s.Links {
		for _, end := range []record.Ref{l.Source, l.Target} {
			if !slices.Contains(refs, end) {
				refs = append(refs, end)
			}
		}
	}
	return refs
}

// Title is how the record was called when it was last dealt with, or its id.
func (s Story) Title() string {
	title, at := s.Record.ID, time.Time{}
	take := func(t string, when time.Time, about record.Ref) {
		if t != "" && t != about.ID && when.After(at) {
			title, at = t, when
		}
	}
	for _, r := range s.Latest {
		take(r.Title, r.StartedAt, r.Source)
	}
	for _, e := range s.Entries {
		switch {
		case e.Run != nil:
			take(e.Run.Title, e.At, e.Run.Source)
		case e.Review != nil:
			take(e.Review.Title, e.At, e.Review.Source)
		}
	}
	return title
}

// Keys are what looking at the record by hand makes due: one key for each pair and each automation that is on and
// minds either side. An automation that is off or paused is left so.
func (s Story) Keys() []Key {
	var keys []Key
	for _, a := range s.Automations {
		if a.State != automation.On {
			continue
		}
		for _, ref := range s.Refs() {
			side, ok := a.Definition.Watches(ref.Connection, ref.Type)
			if !ok {
				continue
			}
			key := Key{Automation: a.ID, Source: ref}
			if side == automation.TargetSide {
				key.Source = s.sourceOf(a, ref)
			}
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// sourceOf is the source record a target record is linked with, or the record itself.
func (s Story) sourceOf(a automation.Automation, target record.Ref) record.Ref {
	from := a.Definition.Source
	for _, l := range s.Links {
		if l.Source != target && l.Target != target {
			continue
		}
		if end := other(l, target); end.Connection == from.Connection && end.Type == from.Object {
			return end
		}
	}
	return target
}
