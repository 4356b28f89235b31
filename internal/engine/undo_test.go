package engine_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

// there is the record of a side.
func (p *couple) there(side automation.Side) record.Fields {
	if side == automation.SourceSide {
		return p.source
	}
	return p.target
}

// takeBack undoes one write as it is shown and carried out.
func (p *couple) takeBack(t *rapid.T, ch automation.Change) automation.Plan {
	side, now := automation.TargetSide, *targetOf(p.target.Clone())
	if ch.Target == sourceOf(nil).Ref {
		side, now = automation.SourceSide, sourceOf(p.source.Clone())
	}
	plan := p.c.PlanUndo(ch, now)
	if !plan.Writes() {
		return plan
	}
	take(t, p.there(side), engine.WriteOf(plan, side), side)
	base := p.c.RememberUndo(*p.base, plan, side, record.Record{Fields: p.there(side).Clone()})
	p.base = &base
	return plan
}

// TestUndoRestoresWhatWasWrittenAndNothingElse: people edit, we write, people edit again, and the writes are taken back.
// What is still as we left it is as it was before; what somebody touched since, and all that we never wrote, stays to the
// letter; labels go back one by one; and nothing of it comes again by itself.
func TestUndoRestoresWhatWasWrittenAndNothingElse(t *testing.T) {
	t.Parallel()
	locale := record.Locale{Region: "US"}
	rapid.Check(t, func(t *rapid.T) {
		owner := rapid.SampledFrom([]mapping.Owner{mapping.OwnerSource, mapping.OwnerTarget, mapping.OwnerAsk}).Draw(t, "owner")
		p := met(t, twoWays(func(d *automation.Definition) {
			for i := range d.Mapping.Rows {
				d.Mapping.Rows[i].Owner = owner
			}
		}))
		p.source["plan"], p.target["note"] = record.TextOf("gold"), record.TextOf("met at the fair")
		for range rapid.IntRange(1, 4).Draw(t, "edits before") {
			p.edit(t)
		}
		p.journal = nil
		p.reconcile(t)
		for range rapid.IntRange(0, 3).Draw(t, "edits since") {
			p.edit(t)
		}
		if rapid.Bool().Draw(t, "a person writes what we never map") {
			p.source["plan"], p.target["note"] = record.TextOf("free"), record.TextOf("call again")
		}
		for _, ch := range slices.Backward(p.journal) {
			side := automation.TargetSide
			if ch.Target == sourceOf(nil).Ref {
				side = automation.SourceSide
			}
			other := automation.SourceSide
			if side == automation.SourceSide {
				other = automation.TargetSide
			}
			had, across := p.there(side).Clone(), p.there(other).Clone()
			plan := p.takeBack(t, ch)
			if !maps.EqualFunc(across, p.there(other), record.Value.Equal) {
				t.Fatalf("the other side was touched: %v, now %v", across, p.there(other))
			}
			wrote := map[string]automation.FieldPlan{}
			for _, f := range ch.Fields {
				wrote[f.Field] = f
			}
			for key, now := range p.there(side) {
				f, ours := wrote[key]
				switch {
				case !ours || f.Action != automation.Set && f.Action != automation.AddTo:
					if !now.Equal(had[key]) {
						t.Fatalf("%s was never written, and %q became %q", key, had[key], now)
					}
				case f.Action == automation.AddTo:
					labelsGoBack(t, f, had[key], now)
				case !record.Same(f.Kind, had[key], ch.After[key], locale):
					if !now.Equal(had[key]) {
						t.Fatalf("somebody's %s %q became %q", key, had[key], now)
					}
				case !record.Same(f.Kind, now, ch.Before[key], locale):
					t.Fatalf("%s is %q and was %q before we wrote", key, now, ch.Before[key])
				}
			}
			if again := p.c.PlanUndo(ch, record.Record{Ref: ch.Target, Fields: p.there(side).Clone()}); again.Writes() {
				t.Fatalf("it is taken back twice: %s, then %s %+v", plan.Reason, again.Reason, again.Fields)
			}
		}
	})
}

// labelsGoBack holds one field of labels against what was written: ours go, those we took come back, others stay.
func labelsGoBack(t *rapid.T, f automation.FieldPlan, had, now record.Value) {
	was, is := lower(had), lower(now)
	in := func(set []string, e string) bool {
		return slices.ContainsFunc(set, func(s string) bool { return strings.EqualFold(s, e) })
	}
	for _, e := range []string{"vip", "beta", "gold", "eu"} {
		want := in(was, e)
		switch {
		case in(f.Add, e):
			want = false
		case in(f.Remove, e):
			want = true
		}
		if slices.Contains(is, e) != want {
			t.Fatalf("label %s: added %q, removed %q, there were %q and now %q", e, f.Add, f.Remove, was, is)
		}
	}
}

// TestWhatWasTakenBackStaysUntilSomebodyEditsIt: a run after an undo writes nothing, and the next edit is carried.
func TestWhatWasTakenBackStaysUntilSomebodyEditsIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := met(t, twoWays(nil))
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			p.edit(t)
		}
		p.journal = nil
		p.reconcile(t)
		for _, ch := range slices.Backward(p.journal) {
			p.takeBack(t, ch)
		}
		source, target := p.source.Clone(), p.target.Clone()
		for range 2 { // what was left apart is remembered from run to run
			plan := p.reconcile(t)
			if plan.Writes() {
				t.Fatalf("what was taken back comes again: %+v", plan.Fields)
			}
			if words := p.differs(); (words != "") != (engine.DriftOf(plan, false) == engine.Differs) {
				t.Fatalf("they differ in %q, and the plan tells %s: %s %+v", words, engine.DriftOf(plan, false), plan.Reason, plan.Fields)
			}
		}
		if !maps.EqualFunc(source, p.source, record.Value.Equal) || !maps.EqualFunc(target, p.target, record.Value.Equal) {
			t.Fatal("a run after an undo changed something")
		}
		p.source["name"] = record.TextOf("PAULA")
		p.reconcile(t)
		if p.target["name"].String() != "PAULA" {
			t.Fatalf("the next edit is not carried: %q", p.target["name"])
		}
	})
}

// TestALabelThatWasTakenBackStaysApartWhileOthersAreCarried: it counts as differing until a plan heals it, whatever else
// the labels go through.
func TestALabelThatWasTakenBackStaysApartWhileOthersAreCarried(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := met(t, definition())
		label := rapid.SampledFrom([]string{"beta", "gold"}).Draw(t, "label")
		p.source["tags"] = record.ListOf([]string{"vip", label})
		p.journal = nil
		p.reconcile(t)
		p.takeBack(t, p.journal[0])
		if rapid.Bool().Draw(t, "another one is added") {
			p.source["tags"] = record.ListOf([]string{"vip", label, "eu"})
			p.reconcile(t)
			if !slices.Contains(lower(p.target["tags"]), "eu") {
				t.Fatalf("it was not carried: %q", p.target["tags"])
			}
		}
		plan := p.reconcile(t)
		if plan.Writes() || engine.DriftOf(plan, false) != engine.Differs {
			t.Fatalf("%q and %q: %s %+v", p.source["tags"], p.target["tags"], engine.DriftOf(plan, false), plan.Fields)
		}
		p.c = p.c.Healing()
		if p.reconcile(t); !slices.Contains(lower(p.target["tags"]), label) {
			t.Fatalf("it was not healed: %q and %q", p.source["tags"], p.target["tags"])
		}
		if plan := p.reconcile(t); plan.Writes() || engine.DriftOf(plan, false) != engine.InSync {
			t.Fatalf("after it was healed: %s %+v", engine.DriftOf(plan, false), plan.Fields)
		}
	})
}

// TestAMarkOfAnUndoOutlivesAWriteThatIsStillToCome: a crash between two writes must not make it forgotten.
func TestAMarkOfAnUndoOutlivesAWriteThatIsStillToCome(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := met(t, definition())
		p.source["name"] = record.TextOf("JANET")
		p.journal = nil
		p.reconcile(t)
		p.takeBack(t, p.journal[0])
		in := p.input()
		plan := p.c.Healing().Plan(in)
		if !plan.Writes() {
			t.Fatalf("nothing to heal: %+v", plan.Fields)
		}
		p.link, p.base = agreed(p.c.Remember(plan, in, engine.Answers{})) // and no more
		if plan := p.c.Plan(p.input()); engine.DriftOf(plan, false) != engine.Differs {
			t.Fatalf("%s %+v", engine.DriftOf(plan, false), plan.Fields)
		}
	})
}

// TestOneFieldOfAWriteThatMadeOrDeletedARecordIsNotTakenBackAlone: whoever asks for a field does not ask for the record.
func TestOneFieldOfAWriteThatMadeOrDeletedARecordIsNotTakenBackAlone(t *testing.T) {
	t.Parallel()
	c := compile(definition())
	now := targetOf(fields("name", "JANE", "email", "jane@acme.io"))
	ch := automation.Change{ID: "ch_1", Automation: "au_1", Source: sourceOf(nil).Ref, Target: now.Ref, State: automation.Done, After: now.Fields, Before: now.Fields,
		Fields: []automation.FieldPlan{{Field: "name", Label: "Name", Kind: record.Text, Action: automation.Set, After: now.Fields["name"]}}}
	for op, there := range map[automation.Outcome]*record.Record{automation.Create: now, automation.Delete: nil} {
		ch.Op = op
		if plan := c.PlanUndoOf(ch, there, "name"); plan.Writes() || plan.Sever || plan.Outcome != automation.Skip || plan.Code != "whole" {
			t.Errorf("%s: %+v", op, plan)
		}
		if plan := c.PlanUndoOf(ch, there, ""); !plan.Writes() && !plan.Sever {
			t.Errorf("%s as a whole: %+v", op, plan)
		}
	}
	ch.Op = automation.Update
	if plan := c.PlanUndoOf(ch, now, "phone"); plan.Outcome != automation.Skip || plan.Code != "not_written" {
		t.Errorf("a field it has not written: %s %s", plan.Outcome, plan.Reason)
	}
}
