package engine

import (
	"slices"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

// FieldPast is what is on record about a field that is asked about: when its two sides last agreed, and what is known of
// each since then.
type FieldPast struct {
	// AgreedAt is when both sides last agreed on the field. It is zero where they never did, and where it is not known:
	// a base has one time for all its fields, so one that moved on after the question was asked tells of the others.
	AgreedAt time.Time
	// SeenAt is when the two values were read that are asked about.
	SeenAt         time.Time
	Source, Target SidePast
}

// SidePast is how one side of a field came to hold what it holds, as far as anybody told. No provider says who changed a
// field, and no news names the fields that changed.
type SidePast struct {
	Unmoved bool // it holds what both sides had agreed on
	// Heard is the news of the record between AgreedAt and SeenAt, oldest first. Whole: the timeline that was given
	// reaches back to AgreedAt, so there was no other.
	Heard []automation.Event
	Whole bool
	// Wrote is our own last write of the field there and Gave what it left; nil: none is on record. Stands: it is what
	// the side holds still.
	Wrote  *automation.Change
	Gave   record.Value
	Stands bool
}

// PastOf tells the past of each field that is asked about, by base key. rows are those of the
// mapping; entries are the timeline of the record, newest first, and more says whether there are older ones.
func PastOf(r automation.Review, rows []mapping.Row, loc record.Locale, entries []TimelineEntry, more bool) map[string]FieldPast {
	p := r.Plan
	agreedAt := p.AgreedAt
	if agreedAt.After(r.OpenedAt) {
		agreedAt = time.Time{}
	}
	seenAt := r.OpenedAt
	for _, e := range entries {
		if e.Kind == EntryRun && e.ID == r.Run && e.Run.FinishedAt.After(seenAt) {
			seenAt = e.Run.FinishedAt
		}
	}
	whole := !agreedAt.IsZero() && (!more || len(entries) > 0 && entries[len(entries)-1].At.Before(agreedAt))
	out := map[string]FieldPast{}
	for _, f := range p.Asks() {
		agreed, met := p.Base[f.BaseKey()]
		past := FieldPast{SeenAt: seenAt}
		if met {
			past.AgreedAt = agreedAt
		}
		side := func(ref record.Ref, field string, holds record.Value) SidePast {
			s := SidePast{Whole: whole && met, Unmoved: met && record.Same(f.Kind, agreed, holds, loc)}
			s.Heard = heard(entries, ref, past.AgreedAt, seenAt)
			if field != "" {
				s.Wrote = wrote(entries, ref, field, seenAt)
			}
			if s.Wrote != nil {
				s.Gave = gave(*s.Wrote, field)
				s.Stands = record.Same(f.Kind, s.Gave, holds, loc)
			}
			return s
		}
		if there := otherField(f, rows); f.Side == automation.SourceSide {
			past.Source, past.Target = side(p.Source, f.Field, f.Before), side(p.Target, there, f.Offered)
		} else {
			past.Source, past.Target = side(p.Source, there, f.Offered), side(p.Target, f.Field, f.Before)
		}
		out[f.BaseKey()] = past
	}
	return out
}

// otherField is the field on the other side that holds the same value in the same words; empty: there is no such one. A
// value that is made of several fields, or on its way through transforms, is not looked for among our writes.
func otherField(f automation.FieldPlan, rows []mapping.Row) string {
	i := slices.IndexFunc(rows, func(r mapping.Row) bool { return r.ID == f.Row })
	if i < 0 || len(rows[i].Sources) != 1 || len(rows[i].Steps) > 0 || len(rows[i].Back) > 0 {
		return ""
	}
	if f.Side == automation.SourceSide {
		return rows[i].Target
	}
	return rows[i].Sources[0]
}

// heard is the news of a record in a stretch of time, oldest first. What we set off ourselves is none. Without a
// beginning nothing is told: anything could be meant.
func heard(entries []TimelineEntry, ref record.Ref, after, until time.Time) []automation.Event {
	var out []automation.Event
	if after.IsZero() {
		return nil
	}
	for _, e := range slices.Backward(entries) {
		if e.Kind != EntryArrival || e.Arrival.Event.Ref != ref {
			continue
		}
		switch ev := e.Arrival.Event; {
		case ev.Kind != automation.Webhook && ev.Kind != automation.Poll:
		case !ev.ReceivedAt.After(after) || ev.ReceivedAt.After(until):
		default:
			out = append(out, ev)
		}
	}
	return out
}

// wrote is the last write of a field that was carried out before a time.
func wrote(entries []TimelineEntry, ref record.Ref, field string, until time.Time) *automation.Change {
	var last *automation.Change
	for _, e := range entries {
		if e.Kind != EntryRun {
			continue
		}
		for _, ch := range e.Run.Changes {
			if ch.Target != ref || ch.State != automation.Done || ch.Op == automation.Delete || ch.AnsweredAt.After(until) {
				continue
			}
			wroteIt := slices.ContainsFunc(ch.Fields, func(f automation.FieldPlan) bool {
				return f.Field == field && (f.Action == automation.Set || f.Action == automation.AddTo)
			})
			if wroteIt && (last == nil || ch.AnsweredAt.After(last.AnsweredAt)) {
				last = &ch
			}
		}
	}
	return last
}

// gave is what a write left in a field, as the provider answered it or else as it was asked for.
func gave(ch automation.Change, field string) record.Value {
	if v, ok := ch.After[field]; ok {
		return v
	}
	for _, f := range ch.Fields {
		if f.Field == field {
			return f.After
		}
	}
	return record.Value{}
}
