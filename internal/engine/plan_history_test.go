package engine_test

import (
	"testing"

	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

// pair is two linked records, kept true to each other by plan and apply as the reconciler does it.
type pair struct {
	c              *engine.Compiled
	source, target record.Fields
	link           *automation.Link
	base           *automation.Base
}

func (p *pair) input() engine.Input {
	in := engine.Input{Source: sourceOf(p.source.Clone()), Link: p.link, Base: p.base, Identity: automation.Identity{How: automation.ByLink}}
	if p.link == nil {
		in.Identity.How = automation.ByMatch
	}
	if p.link == nil || p.c.Moved(p.c.Map(in.Source), p.base) {
		in.Target = targetOf(p.target.Clone())
	}
	return in
}

func (p *pair) reconcile(t *rapid.T) automation.Plan {
	in := p.input()
	plan := p.c.Plan(in)
	if plan.Writes() {
		write(t, p.target, engine.WriteOf(plan, automation.TargetSide))
	}
	if plan.Writes() || (plan.Outcome == automation.Same || plan.Outcome == automation.Linked) && in.Target != nil {
		p.link, p.base = agreed(p.c.Remember(plan, in, answered(plan, targetOf(p.target.Clone()))))
	}
	return plan
}

// TestAnEditSurvivesWhereTheOwnerSaysSo lets a person and the source edit the same field in any order, with runs
// in between. Before the base learnt to stand still, one run between the two edits was enough to lose a person's.
func TestAnEditSurvivesWhereTheOwnerSaysSo(t *testing.T) {
	t.Parallel()
	word := rapid.SampledFrom([]string{"JANE", "JANET", "ROE", "DOE"})
	rapid.Check(t, func(t *rapid.T) {
		owner := rapid.SampledFrom([]mapping.Owner{mapping.OwnerTarget, mapping.OwnerAsk, mapping.OwnerOnlyIfEmpty}).Draw(t, "owner")
		d := definition()
		d.Mapping.Rows[0].Owner = owner
		d.Mapping.Rows[0].ClearWhenEmpty = rapid.Bool().Draw(t, "clear")
		p := &pair{c: compile(d), source: fields("name", "JANE", "email", "jane@acme.io"), target: fields("name", "JANE", "email", "jane@acme.io")}
		edited := ""  // what a person typed and the source never agreed to
		settled := "" // what both held last; typing that again takes an edit back
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				p.source["name"] = record.TextOf(rapid.OneOf(word, rapid.Just("")).Draw(t, "source"))
			case 1:
				edited = word.Draw(t, "person")
				p.target["name"] = record.TextOf(edited)
				if edited == settled {
					edited = ""
				}
			case 2: // another field gives the run a reason to write and to remember
				p.source["phone"] = record.TextOf(rapid.StringMatching(`\+1415555[0-9]{4}`).Draw(t, "phone"))
			}
			p.reconcile(t)
			if edited != "" && p.target["name"].String() != edited {
				t.Fatalf("the person's %q became %q", edited, p.target["name"])
			}
			if record.Same(record.Text, p.source["name"], p.target["name"], record.Locale{}) {
				edited, settled = "", p.target["name"].String()
			}
			if again := p.c.Plan(p.input()); again.Writes() {
				t.Fatalf("and again: %s", again.Reason)
			}
		}
	})
}

// TestAPersonsLabelsStayForEver lets the source and a person change labels in any order.
func TestAPersonsLabelsStayForEver(t *testing.T) {
	t.Parallel()
	ours := rapid.SliceOfN(rapid.SampledFrom([]string{"Vip", "beta", "gold"}), 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		p := &pair{c: compile(definition()), source: fields("email", "jane@acme.io"), target: fields("email", "jane@acme.io", "tags", "met at fair")}
		for range rapid.IntRange(1, 10).Draw(t, "steps") {
			p.source["tags"] = record.ListOf(ours.Draw(t, "labels"))
			p.reconcile(t)
			have, _ := p.target["tags"].AsList()
			want, _ := p.source["tags"].AsList()
			if add, remove := record.SetDiff(append([]string{"met at fair"}, want...), have, have); len(add)+len(remove) > 0 {
				t.Fatalf("%q should be those of the source %q and a person's", have, want)
			}
			if again := p.c.Plan(p.input()); again.Writes() {
				t.Fatalf("and again: %s", again.Reason)
			}
		}
	})
}

// TestAProviderThatDoesNotTakeALabelIsNotAskedForEver: it would answer every change of the source with a write.
func TestAProviderThatDoesNotTakeALabelIsNotAskedForEver(t *testing.T) {
	t.Parallel()
	c := compile(definition())
	source, target := sourceOf(fields("email", "jane@acme.io", "tags", "vip,no/such")), targetOf(fields("email", "jane@acme.io"))
	in := engine.Input{Source: source, Target: target, Identity: automation.Identity{How: automation.ByMatch}}
	first := c.Plan(in)
	if len(engine.WriteOf(first, automation.TargetSide).Add["tags"]) != 2 {
		t.Fatalf("got %+v", first)
	}
	target.Fields["tags"] = record.ListOf([]string{"vip"}) // what it took
	link, base := agreed(c.Remember(first, in, engine.Answers{Target: target}))
	if again := c.Plan(engine.Input{Source: source, Target: target, Link: link, Base: base}); again.Writes() {
		t.Errorf("it is asked again: %+v", engine.WriteOf(again, automation.TargetSide))
	}
	source.Fields["tags"] = record.ListOf([]string{"vip", "no/such", "gold"})
	if w := engine.WriteOf(c.Plan(engine.Input{Source: source, Target: target, Link: link, Base: base}), automation.TargetSide); len(w.Add["tags"]) != 1 || w.Add["tags"][0] != "gold" {
		t.Errorf("wrote %+v", w)
	}
}
