package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// twoWays is the usual definition with every row leading both ways.
func twoWays(change func(*automation.Definition)) automation.Definition {
	d := definition()
	d.CreateSource = true
	for i := range d.Mapping.Rows {
		d.Mapping.Rows[i].Direction = mapping.Both
		d.Mapping.Rows[i].ClearWhenEmpty = true
	}
	if change != nil {
		change(&d)
	}
	return d
}

// couple is two linked records, kept true to each other as the reconciler does it: target first, then source, each
// write through a provider that re-formats what it is given.
type couple struct {
	c              *engine.Compiled
	source, target record.Fields
	link           *automation.Link
	base           *automation.Base
	// lost are values that were overwritten, as the journal's before-images have them.
	lost []string
	// journal is what was written, in the order it was.
	journal []automation.Change
	// between is what a person does while a write is on its way; it runs once. So does before, which is what a person
	// does before what was written is read back.
	between, before func()
	// makes is what the providers make of a name they are given.
	makes map[automation.Side]func(string) string
}

func (p *couple) input() engine.Input {
	in := engine.Input{Source: sourceOf(p.source.Clone()), Target: targetOf(p.target.Clone()), Link: p.link, Base: p.base, Identity: automation.Identity{How: automation.ByLink}}
	if p.link == nil {
		in.Identity.How = automation.ByMatch
	}
	return in
}

func (p *couple) reconcile(t *rapid.T) automation.Plan {
	in := p.input()
	plan := p.c.Plan(in)
	if p.between != nil {
		p.between()
		p.between = nil
	}
	var done engine.Answers
	for _, side := range []automation.Side{automation.TargetSide, automation.SourceSide} {
		fields := plan.On(side)
		if len(fields) == 0 {
			continue
		}
		there := p.target
		if side == automation.SourceSide {
			there = p.source
		}
		for _, f := range fields {
			if f.Action == automation.Set && !f.Before.IsEmpty() {
				p.lost = append(p.lost, f.Before.String())
			}
		}
		w := engine.WriteOf(plan, side)
		take(t, there, w, side)
		if v, written := w.Fields["name"]; written && p.makes != nil {
			there["name"] = record.TextOf(p.makes[side](v.String()))
		}
		if p.before != nil {
			p.before()
			p.before = nil
		}
		answer := record.Record{Fields: there.Clone()}
		change := automation.Change{ID: "ch_1", Automation: "au_1", Source: plan.Source, Target: plan.Target, Op: automation.Update, Fields: fields, State: automation.Done, Before: record.Fields{}, After: p.c.Kept(fields, answer)}
		for _, f := range fields {
			change.Before[f.Field] = f.Before
		}
		if side == automation.SourceSide {
			done.Source = &answer
			change.Source, change.Target = change.Target, change.Source
		} else {
			done.Target = &answer
		}
		p.journal = append(p.journal, change)
	}
	p.link, p.base = agreed(p.c.Remember(plan, in, done))
	return plan
}

// take is a provider: both trim, the target shouts names and whispers labels, the source capitalises labels.
func take(t *rapid.T, f record.Fields, w provider.Write, side automation.Side) {
	for key, v := range w.Fields {
		if s, ok := v.AsText(); ok {
			s = strings.TrimSpace(s)
			if key == "name" && side == automation.TargetSide {
				s = strings.ToUpper(s)
			}
			v = record.TextOf(s)
		}
		f[key] = v
	}
	tags, _ := f["tags"].AsList()
	tags = slices.DeleteFunc(slices.Clone(tags), func(e string) bool { return slices.Contains(w.Remove["tags"], e) })
	for _, e := range w.Add["tags"] {
		if side == automation.TargetSide {
			e = strings.ToLower(e)
		}
		tags = append(tags, e)
	}
	f["tags"] = record.ListOf(tags)
	if _, direct := w.Fields["tags"]; direct {
		t.Fatal("a set was overwritten")
	}
}

func names(t *rapid.T, label string) record.Value {
	return record.TextOf(rapid.SampledFrom([]string{"JANE", "JANET", "ROE", "DOE", ""}).Draw(t, label))
}

func labels(t *rapid.T, label string) record.Value {
	return record.ListOf(rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"vip", "beta", "gold", "eu"}), 0, 3, rapid.ID).Draw(t, label))
}

// edit is one change by a person on one side; it answers the side and the field.
func (p *couple) edit(t *rapid.T) (automation.Side, string) {
	side := rapid.SampledFrom([]automation.Side{automation.TargetSide, automation.SourceSide}).Draw(t, "side")
	there := p.target
	if side == automation.SourceSide {
		there = p.source
	}
	key := rapid.SampledFrom([]string{"name", "tags", "email"}).Draw(t, "field")
	switch key {
	case "name":
		there[key] = names(t, "name")
	case "tags":
		there[key] = labels(t, "labels")
	case "email":
		there[key] = record.TextOf(rapid.SampledFrom([]string{"jane@acme.io", "roe@acme.io", "JANE@ACME.IO"}).Draw(t, "email"))
	}
	return side, key
}

func (p *couple) differs() string {
	for _, key := range []string{"name", "email", "phone", "tags"} {
		kind := map[string]record.Kind{"name": record.Text, "email": record.Email, "phone": record.Phone, "tags": record.Set}[key]
		a, b := p.source[key], p.target[key]
		if key == "name" { // the target shouts
			a, b = record.TextOf(strings.ToUpper(a.String())), record.TextOf(strings.ToUpper(b.String()))
		}
		if !record.Same(kind, a, b, record.Locale{Region: "US"}) {
			return key + ": " + a.String() + " and " + b.String()
		}
	}
	return ""
}

// met is a couple that agrees on everything.
func met(t *rapid.T, d automation.Definition) *couple {
	same := func() record.Fields {
		return fields("name", "JANE", "email", "jane@acme.io", "phone", "+14155550133", "tags", "vip")
	}
	p := &couple{c: compile(d), source: same(), target: same()}
	p.reconcile(t)
	return p
}

// TestTwoSidesComeTogether lets people edit either side between runs, one edit at a time: each is carried, whatever
// came before, and a run after the run has nothing to do.
func TestTwoSidesComeTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := met(t, twoWays(nil))
		for range rapid.IntRange(1, 12).Draw(t, "edits") {
			side, key := p.edit(t)
			want := p.target[key]
			if side == automation.SourceSide {
				want = p.source[key]
			}
			p.reconcile(t)
			if words := p.differs(); words != "" {
				t.Fatalf("after an edit of %s %s they differ: %s", side, key, words)
			}
			got, kind := p.source[key], record.Text
			if key == "tags" {
				kind = record.Set
			}
			if !record.Same(kind, record.TextOf(strings.ToUpper(got.String())), record.TextOf(strings.ToUpper(want.String())), record.Locale{}) && key != "tags" {
				t.Fatalf("the edit of %s to %q became %q", key, want, got)
			}
			if again := p.reconcile(t); again.Writes() {
				t.Fatalf("and again: %s %+v", again.Reason, again.Fields)
			}
		}
	})
}

// TestEditsOfDifferentFieldsAllSurvive lets many edits happen on both sides before anybody looks. Where only one side
// touched a field its edit survives, and of fields both touched the owner's does, with the other in the journal.
func TestEditsOfDifferentFieldsAllSurvive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		owner := rapid.SampledFrom([]mapping.Owner{mapping.OwnerSource, mapping.OwnerTarget, mapping.OwnerAsk}).Draw(t, "owner")
		p := met(t, twoWays(func(d *automation.Definition) { d.Mapping.Rows[0].Owner = owner }))
		from := names(t, "source name")
		to := names(t, "target name")
		p.source["name"], p.target["name"] = from, to
		plan := p.reconcile(t)
		up := func(v record.Value) string { return strings.ToUpper(v.String()) }
		movedFrom, movedTo := up(from) != "JANE", up(to) != "JANE"
		switch {
		case movedFrom && movedTo && up(from) != up(to):
			switch owner {
			case mapping.OwnerAsk:
				if len(plan.Asks()) != 1 || up(p.source["name"]) != up(from) || up(p.target["name"]) != up(to) {
					t.Fatalf("nobody was asked: %+v", plan)
				}
				return
			case mapping.OwnerTarget:
				if up(p.source["name"]) != up(to) || !from.IsEmpty() && !slices.Contains(p.lost, from.String()) {
					t.Fatalf("%v, lost %v", p.source["name"], p.lost)
				}
			default:
				if up(p.target["name"]) != up(from) || !to.IsEmpty() && !slices.Contains(p.lost, to.String()) {
					t.Fatalf("%v, lost %v", p.target["name"], p.lost)
				}
			}
		case movedTo:
			if up(p.source["name"]) != up(to) {
				t.Fatalf("the target's edit %q was not carried: %q", to, p.source["name"])
			}
		case movedFrom:
			if up(p.target["name"]) != up(from) {
				t.Fatalf("the source's edit %q was not carried: %q", from, p.target["name"])
			}
		}
		if words := p.differs(); words != "" {
			t.Fatal(words)
		}
	})
}

// TestLabelsMergeByElement: what either side gained both have, what either side lost neither has.
func TestLabelsMergeByElement(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := labels(t, "before")
		p := &couple{c: compile(twoWays(nil)), source: fields("email", "jane@acme.io"), target: fields("email", "jane@acme.io")}
		p.source["tags"], p.target["tags"] = before, before
		p.reconcile(t)
		p.source["tags"], p.target["tags"] = labels(t, "source"), labels(t, "target")
		was, from, to := lower(before), lower(p.source["tags"]), lower(p.target["tags"])
		p.reconcile(t)
		for _, e := range []string{"vip", "beta", "gold", "eu"} {
			in := func(set []string) bool { return slices.Contains(set, e) }
			want := in(from) && in(to) || (in(from) || in(to)) && !in(was)
			if in(lower(p.source["tags"])) != want || in(lower(p.target["tags"])) != want {
				t.Fatalf("%s: before %v, source %v, target %v; now %v and %v", e, was, from, to, p.source["tags"], p.target["tags"])
			}
		}
		if again := p.reconcile(t); again.Writes() {
			t.Fatalf("and again: %+v", again.Fields)
		}
	})
}

// TestLabelsMergeByElementWithAText: so do a set and a text that names the labels one after the other, whichever side has
// the text.
func TestLabelsMergeByElementWithAText(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]mapping.Row{
		"the source has the text": {ID: "labels", Sources: []string{"plan"}, Target: "tags", Steps: []mapping.Step{{Use: "to_labels"}}},
		"without a transform":     {ID: "labels", Sources: []string{"plan"}, Target: "tags"},
		"the target has the text": {ID: "labels", Sources: []string{"tags"}, Target: "note"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				d := twoWays(func(d *automation.Definition) {
					row.Direction, row.ClearWhenEmpty = mapping.Both, true
					d.Mapping.Rows = append(d.Mapping.Rows[:3:3], row)
				})
				p := &couple{c: compile(d), source: fields("email", "jane@acme.io"), target: fields("email", "jane@acme.io")}
				put := func(in record.Fields, key string, v record.Value) {
					if in[key] = v; key != "tags" {
						in[key] = record.TextOf(v.String())
					}
				}
				named := func(v record.Value) []string {
					if _, set := v.AsList(); !set {
						v = record.ListOf(strings.FieldsFunc(v.String(), func(r rune) bool { return r == ',' || r == ' ' }))
					}
					return lower(v)
				}
				before := labels(t, "before")
				put(p.source, row.Sources[0], before)
				put(p.target, row.Target, before)
				p.reconcile(t)
				put(p.source, row.Sources[0], labels(t, "source"))
				put(p.target, row.Target, labels(t, "target"))
				was, from, to := named(before), named(p.source[row.Sources[0]]), named(p.target[row.Target])
				p.reconcile(t)
				for _, e := range []string{"vip", "beta", "gold", "eu"} {
					in := func(set []string) bool { return slices.Contains(set, e) }
					want := in(from) && in(to) || (in(from) || in(to)) && !in(was)
					if now, there := named(p.source[row.Sources[0]]), named(p.target[row.Target]); in(now) != want || in(there) != want {
						t.Fatalf("%s: before %v, source %v, target %v; now %v and %v", e, was, from, to, now, there)
					}
				}
				if again := p.reconcile(t); again.Writes() {
					t.Fatalf("and again: %+v", again.Fields)
				}
			})
		})
	}
}

func lower(v record.Value) []string {
	items, _ := v.AsList()
	out := make([]string, len(items))
	for i, e := range items {
		out[i] = strings.ToLower(e)
	}
	return out
}

// TestAnEditWhileWeWriteIsSeenNextTime: somebody edits another field, or adds a label, between our read and our write.
// The answer to our write holds it too, and it must not be taken for something both agreed on.
func TestAnEditWhileWeWriteIsSeenNextTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := met(t, twoWays(nil))
		p.source["name"] = record.TextOf("Roe")
		p.source["tags"] = record.ListOf([]string{"vip", "gold"})
		p.between = func() {
			p.target["email"] = record.TextOf("new@acme.io")
			tags, _ := p.target["tags"].AsList()
			p.target["tags"] = record.ListOf(append(slices.Clone(tags), "fair"))
		}
		p.reconcile(t)
		p.reconcile(t)
		if p.source["email"].String() != "new@acme.io" || !slices.Contains(lower(p.source["tags"]), "fair") {
			t.Fatalf("the edit was not carried: %v %v", p.source["email"], p.source["tags"])
		}
		if words := p.differs(); words != "" {
			t.Fatal(words)
		}
	})
}

// TestMergeDoesNotDependOnWhenWeLook: the same edits in the same places come to the same records, whether we look after
// each of them or once at the end, as long as no field is edited on both sides.
func TestMergeDoesNotDependOnWhenWeLook(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		often, once := met(t, twoWays(nil)), met(t, twoWays(nil))
		mine := map[string]automation.Side{}
		for range rapid.IntRange(1, 8).Draw(t, "edits") {
			before := [2]record.Fields{once.source.Clone(), once.target.Clone()}
			side, key := once.edit(t)
			if had, ok := mine[key]; ok && had != side {
				once.source, once.target = before[0], before[1]
				continue
			}
			mine[key] = side
			if side == automation.SourceSide {
				often.source[key] = once.source[key]
			} else {
				often.target[key] = once.target[key]
			}
			often.reconcile(t)
		}
		once.reconcile(t)
		often.reconcile(t)
		for _, key := range []string{"name", "email", "tags"} {
			kind := record.Text
			if key == "tags" {
				kind = record.Set
			} else if key == "email" {
				kind = record.Email
			}
			if a, b := often.target[key], once.target[key]; !record.Same(kind, record.TextOf(strings.ToUpper(a.String())), record.TextOf(strings.ToUpper(b.String())), record.Locale{}) {
				t.Fatalf("%s: %q when we look often, %q when we look once", key, a, b)
			}
		}
	})
}

// TestAChoiceIsCarriedAndHoldsForWhatWasSeen covers the three answers to a conflict, and one that came too late.
func TestAChoiceIsCarriedAndHoldsForWhatWasSeen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := met(t, twoWays(func(d *automation.Definition) { d.Mapping.Rows[0].Owner = mapping.OwnerAsk }))
		p.source["name"], p.target["name"] = record.TextOf("Janet"), record.TextOf("ROE")
		asked := p.reconcile(t).Asks()
		if len(asked) != 1 {
			t.Fatalf("asked %+v", asked)
		}
		choice := automation.Choice{SeenSource: asked[0].Offered, SeenTarget: asked[0].Before}
		choice.Take = rapid.SampledFrom([]automation.Take{automation.TakeSource, automation.TakeTarget, automation.TakeValue}).Draw(t, "take")
		want := map[automation.Take]string{automation.TakeSource: "Janet", automation.TakeTarget: "ROE", automation.TakeValue: "Jane Roe"}[choice.Take]
		choice.Value = record.TextOf("Jane Roe")
		late := rapid.Bool().Draw(t, "late")
		if late {
			p.source["name"] = record.TextOf("Somebody else")
		}
		in := p.input()
		in.Choices = map[string]automation.Choice{asked[0].BaseKey(): choice}
		plan := p.c.Plan(in)
		if late {
			if plan.Writes() || len(plan.Asks()) != 1 {
				t.Fatalf("a choice about other values was carried: %+v", plan)
			}
			return
		}
		for _, f := range plan.Fields {
			if f.Action == automation.Set && !strings.EqualFold(f.After.String(), want) {
				t.Fatalf("wrote %q, want %q", f.After, want)
			}
		}
		if !plan.Writes() || len(plan.Asks()) > 0 {
			t.Fatalf("not carried: %+v", plan)
		}
	})
}

// TestOnlyLinkingWritesNothingAndLaterEditsAreCarried is the careful way to begin.
func TestOnlyLinkingWritesNothingAndLaterEditsAreCarried(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.SampledFrom([]automation.FirstMeeting{automation.LinkOnly, automation.FillEmpty}).Draw(t, "first")
		p := &couple{c: compile(twoWays(func(d *automation.Definition) { d.First = first })),
			source: fields("name", "Jane", "email", "jane@acme.io", "tags", "vip"), target: fields("name", "ROE", "email", "jane@acme.io", "tags", "gold")}
		if rapid.Bool().Draw(t, "empty") {
			p.target["name"] = record.Value{}
		}
		empty := p.target["name"].IsEmpty()
		plan := p.reconcile(t)
		switch {
		case first == automation.LinkOnly && plan.Writes(), !empty && plan.Writes():
			t.Fatalf("wrote: %+v", plan.Fields)
		case first == automation.FillEmpty && empty && p.target["name"].String() != "JANE":
			t.Fatalf("not filled: %q", p.target["name"])
		}
		if again := p.reconcile(t); again.Writes() {
			t.Fatalf("and again: %+v", again.Fields)
		}
		p.target["name"] = record.TextOf("PAULA")
		p.source["tags"] = record.ListOf([]string{"vip", "eu"})
		p.reconcile(t)
		if p.source["name"].String() != "PAULA" || !slices.Contains(lower(p.target["tags"]), "eu") || slices.Contains(lower(p.target["tags"]), "vip") {
			t.Fatalf("later edits: %q %v", p.source["name"], p.target["tags"])
		}
	})
}

func TestTheNewestWinsWhereBothSidesSayWhen(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := compile(twoWays(func(d *automation.Definition) { d.Mapping.Rows[0].Owner = mapping.OwnerNewest }))
	link, base := agreed(fields("name", "J."), fields("name", "J."))
	for name, tc := range map[string]struct {
		source, target time.Time
		side           automation.Side
		asks           int
	}{
		"the source":  {at.Add(time.Second), at, automation.TargetSide, 0},
		"the target":  {at, at.Add(time.Second), automation.SourceSide, 0},
		"nobody says": {time.Time{}, at, "", 1},
		"at once":     {at, at, "", 1},
	} {
		source, target := sourceOf(fields("name", "Jane")), targetOf(fields("name", "Janet"))
		source.UpdatedAt, target.UpdatedAt = tc.source, tc.target
		p := c.Plan(engine.Input{Source: source, Target: target, Link: link, Base: base, Identity: automation.Identity{How: automation.ByLink}})
		if len(p.Asks()) != tc.asks || tc.asks == 0 && len(p.On(tc.side)) != 1 {
			t.Errorf("%s: %+v", name, p.Fields)
		}
	}
}

// joins is twoWays with a name that is two fields in the source.
func joins(change func(*automation.Definition)) automation.Definition {
	return twoWays(func(d *automation.Definition) {
		d.Mapping.Rows[0].Sources = []string{"firstName", "lastName"}
		d.Mapping.Rows[0].Steps = []mapping.Step{{Use: "join"}}
		if change != nil {
			change(d)
		}
	})
}

func (p *couple) joined() string {
	return strings.TrimSpace(p.source["firstName"].String() + " " + p.source["lastName"].String())
}

// editName is a person's edit of a name, on one side.
func (p *couple) editName(t *rapid.T) automation.Side {
	side := rapid.SampledFrom([]automation.Side{automation.TargetSide, automation.SourceSide}).Draw(t, "side")
	if side == automation.TargetSide {
		p.target["name"] = record.TextOf(rapid.SampledFrom([]string{"JANE DOE", "MARY JANE ROE", "ANNA MARIA VAN DYK", "ROE", "MARY JANE", ""}).Draw(t, "name"))
		return side
	}
	if rapid.Bool().Draw(t, "first name") {
		p.source["firstName"] = record.TextOf(rapid.SampledFrom([]string{"JANE", "MARY JANE", "Anna", ""}).Draw(t, "first"))
	} else {
		p.source["lastName"] = record.TextOf(rapid.SampledFrom([]string{"DOE", "JANE ROE", "van Dyk", ""}).Draw(t, "last"))
	}
	return side
}

// TestJoinedNamesComeTogether: whoever edits a name, it arrives; a side that was edited is left as it was typed, and a
// run after the run has nothing to do.
func TestJoinedNamesComeTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := &couple{c: compile(joins(nil)), source: fields("firstName", "MARY JANE", "lastName", "SMITH", "email", "jane@acme.io"), target: fields("name", "MARY JANE SMITH", "email", "jane@acme.io")}
		p.reconcile(t)
		for range rapid.IntRange(1, 10).Draw(t, "edits") {
			side := p.editName(t)
			first, last, whole := p.source["firstName"], p.source["lastName"], p.target["name"]
			p.reconcile(t)
			if !strings.EqualFold(p.joined(), p.target["name"].String()) {
				t.Fatalf("%q and %q", p.joined(), p.target["name"])
			}
			if side == automation.SourceSide && (!p.source["firstName"].Equal(first) || !p.source["lastName"].Equal(last)) {
				t.Fatalf("%q|%q became %q|%q", first, last, p.source["firstName"], p.source["lastName"])
			}
			if side == automation.TargetSide && !p.target["name"].Equal(whole) {
				t.Fatalf("%q became %q", whole, p.target["name"])
			}
			if again := p.reconcile(t); again.Writes() {
				t.Fatalf("and again: %s %+v", again.Reason, again.Fields)
			}
		}
	})
}

// TestJoinedNamesMovedApartAreDecidedOnce: a conflict is about the joined value, so no name is half one person's and half
// another's, and what loses is in the journal.
func TestJoinedNamesMovedApartAreDecidedOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		owner := rapid.SampledFrom([]mapping.Owner{mapping.OwnerSource, mapping.OwnerTarget, mapping.OwnerAsk}).Draw(t, "owner")
		p := &couple{c: compile(joins(func(d *automation.Definition) { d.Mapping.Rows[0].Owner = owner })), source: fields("firstName", "MARY JANE", "lastName", "SMITH"), target: fields("name", "MARY JANE SMITH")}
		p.reconcile(t)
		part := rapid.SampledFrom([]string{"firstName", "lastName"}).Draw(t, "part")
		p.source[part] = record.TextOf("PAULA")
		theirs := rapid.SampledFrom([]string{"MARY JANE ROE", "ANNA SMITH", "OMAR VAN DYK"}).Draw(t, "name")
		p.target["name"] = record.TextOf(theirs)
		ours := p.joined()
		plan := p.reconcile(t)
		switch owner {
		case mapping.OwnerAsk:
			if len(plan.Asks()) != 1 || p.joined() != ours || p.target["name"].String() != theirs {
				t.Fatalf("%+v", plan.Fields)
			}
		case mapping.OwnerTarget:
			if p.joined() != theirs || !slices.Contains(p.lost, "PAULA") {
				t.Fatalf("%q, lost %v", p.joined(), p.lost)
			}
		default:
			if p.target["name"].String() != ours || p.joined() != ours || !slices.Contains(p.lost, theirs) {
				t.Fatalf("%q, lost %v", p.target["name"], p.lost)
			}
		}
	})
}

// TestAnEditOfTheOtherPartWhileWeWriteIsCarried: a part is written back, and meanwhile somebody edits the other one.
func TestAnEditOfTheOtherPartWhileWeWriteIsCarried(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := &couple{c: compile(joins(nil)), source: fields("firstName", "MARY JANE", "lastName", "SMITH"), target: fields("name", "MARY JANE SMITH")}
		p.reconcile(t)
		p.target["name"] = record.TextOf("MARY JANE ROE")
		p.between = func() { p.source["firstName"] = record.TextOf("PAULA") }
		p.reconcile(t)
		p.reconcile(t)
		if p.joined() != "PAULA ROE" || p.target["name"].String() != "PAULA ROE" {
			t.Fatalf("%q and %q", p.joined(), p.target["name"])
		}
	})
}

// TestAnEditBeforeTheReadBackIsCarried: somebody types over what we wrote before it is read back, on either side. The
// answer holds what they typed, and it is no agreement.
func TestAnEditBeforeTheReadBackIsCarried(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := met(t, twoWays(nil))
		edited, written := p.source, p.target
		if rapid.Bool().Draw(t, "written to the source") {
			edited, written = p.target, p.source
		}
		edited["name"] = record.TextOf("ROE")
		typed := record.TextOf(rapid.SampledFrom([]string{"PAULA", "ROEMER", "RO", "ROE JR"}).Draw(t, "typed"))
		p.before = func() { written["name"] = typed }
		p.reconcile(t)
		p.reconcile(t)
		if !p.source["name"].Equal(typed) || !p.target["name"].Equal(typed) {
			t.Fatalf("%q was typed, and there are %q and %q", typed, p.source["name"], p.target["name"])
		}
		if again := p.reconcile(t); again.Writes() {
			t.Fatalf("and again: %+v", again.Fields)
		}
	})
}

// ways are what providers may make of a value, from the usual to the absurd.
var ways = map[string]func(string) string{
	"as it is":    func(s string) string { return s },
	"upper case":  strings.ToUpper,
	"spaced":      func(s string) string { return strings.Join(strings.Split(s, ""), " ") },
	"cut":         func(s string) string { return s[:min(len(s), 24)] },
	"cut short":   func(s string) string { return s[:min(len(s), 2)] },
	"with a sign": func(s string) string { return "“" + s + "”" },
	"another word": func(s string) string {
		return map[string]string{"US": "United States"}[s] + strings.TrimPrefix(s, "US")
	},
	"and back":          func(s string) string { return strings.ReplaceAll(s, "United States", "US") },
	"longer every time": func(s string) string { return s + "x" },
	"turned round": func(s string) string {
		r := []rune(s)
		slices.Reverse(r)
		return string(r)
	},
	"not taken":  func(string) string { return "" },
	"a constant": func(string) string { return "constant" },
}

// TestWhateverProvidersMakeOfAValueItComesToRest: two providers that trim, cut, translate or worse never make us write
// without end, and where they only tidy nothing is written back at all.
func TestWhateverProvidersMakeOfAValueItComesToRest(t *testing.T) {
	t.Parallel()
	names := make([]string, 0, len(ways))
	for name := range ways {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(t *rapid.T) {
		target, source := rapid.SampledFrom(names).Draw(t, "the target"), rapid.SampledFrom(names).Draw(t, "the source")
		owner := rapid.SampledFrom([]mapping.Owner{mapping.OwnerSource, mapping.OwnerTarget, mapping.OwnerNewest}).Draw(t, "owner")
		p := met(t, twoWays(func(d *automation.Definition) { d.Mapping.Rows[0].Owner = owner }))
		p.makes = map[automation.Side]func(string) string{automation.TargetSide: ways[target], automation.SourceSide: ways[source]}
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			p.source["name"] = record.TextOf(rapid.SampledFrom([]string{"US", "Jane", "A name of a length that nobody has", "United States"}).Draw(t, "name"))
			writes, tidies := 0, slices.Contains([]string{"as it is", "upper case", "spaced", "cut", "with a sign"}, target)
			for p.reconcile(t).Writes() {
				if writes++; writes > 8 || tidies && writes > 1 {
					t.Fatalf("%d writes: %q and %q", writes, p.source["name"], p.target["name"])
				}
			}
		}
	})
}
