package engine

import (
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

func TestThePastOfAConflictTellsEachSideApart(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	left := record.Ref{Connection: "cn_hl", Type: record.Contact, ID: "h1"}
	right := record.Ref{Connection: "cn_gl", Type: record.Contact, ID: "g1"}
	field := automation.FieldPlan{Row: "r1", Field: "company", Label: "Company", Kind: record.Text, Action: automation.Keep, Code: automation.CodeConflict, Before: record.TextOf("Acme Inc"), Offered: record.TextOf("Acme Ltd")}
	review := func() automation.Review {
		return automation.Review{ID: "rv_1", Run: "rn_9", OpenedAt: at(40), Plan: automation.Plan{
			Outcome: automation.Decide, Code: automation.CodeConflict, Source: left, Target: right, AgreedAt: at(0),
			Base: record.Fields{"company": record.TextOf("Acme")}, Fields: []automation.FieldPlan{field},
		}}
	}
	rows := []mapping.Row{{ID: "r1", Sources: []string{"companyName"}, Target: "company"}}
	news := func(minute int, kind automation.EventKind, ref record.Ref) TimelineEntry {
		return TimelineEntry{Kind: EntryArrival, At: at(minute), Arrival: &Arrival{Event: automation.Event{Kind: kind, Ref: ref, ReceivedAt: at(minute)}}}
	}
	write := func(minute int, ref record.Ref, field, value string, state automation.ChangeState) TimelineEntry {
		return TimelineEntry{Kind: EntryRun, ID: "rn_1", At: at(minute), Run: &RunStory{Changes: []automation.Change{{
			ID: "ch_1", Run: "rn_1", Target: ref, Op: automation.Update, State: state, AnsweredAt: at(minute),
			Fields: []automation.FieldPlan{{Field: field, Action: automation.Set, After: record.TextOf(value)}},
		}}}}
	}
	tell := func(r automation.Review, more bool, entries ...TimelineEntry) FieldPast {
		t.Helper()
		return PastOf(r, rows, record.Locale{}, entries, more)["company"]
	}

	t.Run("what was heard before they agreed or after it was asked says nothing", func(t *testing.T) {
		p := tell(review(), false, news(50, automation.Webhook, left), news(30, automation.Poll, right), news(20, automation.Webhook, left), news(15, automation.Heal, left), news(-5, automation.Webhook, left))
		if len(p.Source.Heard) != 1 || !p.Source.Heard[0].ReceivedAt.Equal(at(20)) || len(p.Target.Heard) != 1 || p.Target.Heard[0].Kind != automation.Poll {
			t.Errorf("heard %+v and %+v", p.Source.Heard, p.Target.Heard)
		}
		if !p.AgreedAt.Equal(at(0)) || !p.SeenAt.Equal(at(40)) || !p.Source.Whole || p.Source.Unmoved || p.Source.Wrote != nil {
			t.Errorf("%+v", p)
		}
	})
	t.Run("our own write is told from what stands there since", func(t *testing.T) {
		p := tell(review(), false, write(20, left, "companyName", "Acme Ltd", automation.Done), write(0, right, "company", "Acme", automation.Done))
		if w := p.Source; w.Wrote == nil || !w.Stands || w.Gave.String() != "Acme Ltd" {
			t.Errorf("the source: %+v", w)
		}
		if w := p.Target; w.Wrote == nil || w.Stands || w.Gave.String() != "Acme" {
			t.Errorf("the target: %+v", w)
		}
	})
	t.Run("a write that was refused, or of another field, is none", func(t *testing.T) {
		p := tell(review(), false, write(20, left, "companyName", "Acme Ltd", automation.Refused), write(10, right, "city", "Acme Inc", automation.Done), write(60, right, "company", "Acme Inc", automation.Done))
		if p.Source.Wrote != nil || p.Target.Wrote != nil {
			t.Errorf("%+v", p)
		}
	})
	t.Run("a base that moved on since the question tells nothing of the field", func(t *testing.T) {
		r := review()
		r.Plan.AgreedAt = at(45)
		if p := tell(r, false, news(20, automation.Webhook, left)); !p.AgreedAt.IsZero() || p.Source.Heard != nil || p.Source.Whole {
			t.Errorf("%+v", p)
		}
	})
	t.Run("asked anew, the values are those of the newest run", func(t *testing.T) {
		again := TimelineEntry{Kind: EntryRun, ID: "rn_9", At: at(60), Run: &RunStory{Run: automation.Run{ID: "rn_9", FinishedAt: at(61)}}}
		if p := tell(review(), false, again, news(55, automation.Webhook, left)); !p.SeenAt.Equal(at(61)) || len(p.Source.Heard) != 1 {
			t.Errorf("%+v", p)
		}
	})
	t.Run("a page that does not reach back far enough is no proof of silence", func(t *testing.T) {
		if p := tell(review(), true, news(20, automation.Webhook, left)); p.Target.Whole {
			t.Errorf("%+v", p)
		}
		if p := tell(review(), true, news(20, automation.Webhook, left), news(-1, automation.Webhook, left)); !p.Target.Whole {
			t.Errorf("%+v", p)
		}
	})
	t.Run("a value on its way through transforms is not looked for among our writes", func(t *testing.T) {
		changed := []mapping.Row{{ID: "r1", Sources: []string{"companyName"}, Target: "company", Steps: []mapping.Step{{}}}}
		p := PastOf(review(), changed, record.Locale{}, []TimelineEntry{write(20, left, "companyName", "Acme Ltd", automation.Done)}, false)["company"]
		if p.Source.Wrote != nil {
			t.Errorf("%+v", p.Source)
		}
	})
	t.Run("a side that holds what was agreed has not moved", func(t *testing.T) {
		r := review()
		r.Plan.Fields = []automation.FieldPlan{field}
		r.Plan.Fields[0].Offered = record.TextOf("Acme")
		if p := tell(r, false); !p.Source.Unmoved || p.Target.Unmoved {
			t.Errorf("%+v", p)
		}
	})
}
