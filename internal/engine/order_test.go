package engine_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/mapping"
	"crosswalk/internal/record"
)

// stroke is one thing a person does to a record of their side.
type stroke struct {
	key    string
	value  record.Value
	add    string // a label
	remove string
}

func (s stroke) on(f record.Fields) {
	if s.key != "tags" {
		f[s.key] = s.value
		return
	}
	tags, _ := f["tags"].AsList()
	tags = slices.DeleteFunc(slices.Clone(tags), func(e string) bool {
		return strings.EqualFold(e, s.remove) || strings.EqualFold(e, s.add)
	})
	if s.add != "" {
		tags = append(tags, s.add)
	}
	f["tags"] = record.ListOf(tags)
}

// strokes draws what the people of a side do, to fields and labels that are theirs alone.
func strokes(t *rapid.T, who string, keys, mine []string) []stroke {
	out := make([]stroke, rapid.IntRange(0, 5).Draw(t, who+" does"))
	for i := range out {
		s := stroke{key: rapid.SampledFrom(append([]string{"tags"}, keys...)).Draw(t, who+" field")}
		switch s.key {
		case "tags":
			e := rapid.SampledFrom(mine).Draw(t, who+" label")
			if rapid.Bool().Draw(t, who+" takes it away") {
				s.remove = e
			} else {
				s.add = e
			}
		case "email":
			s.value = record.TextOf(rapid.SampledFrom([]string{"jane@acme.io", "roe@acme.io", "jroe@acme.io"}).Draw(t, who+" email"))
		case "phone":
			s.value = record.TextOf(rapid.SampledFrom([]string{"+14155550133", "+14155550199", ""}).Draw(t, who+" phone"))
		default:
			s.value = names(t, who+" name")
		}
		out[i] = s
	}
	return out
}

// TestMergeCommutesWithTheOrderOfArrival: what the people of each side do arrives in any order, mixed in any way, and is
// looked at as often as you like; the two records end the same. Each value and each label belongs to one side, for what
// both touch is decided by when we look, which is another matter.
func TestMergeCommutesWithTheOrderOfArrival(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.Permutation([]string{"name", "email", "phone"}).Draw(t, "whose")
		cut := rapid.IntRange(0, 3).Draw(t, "of the source")
		from, to := strokes(t, "source", keys[:cut], []string{"vip", "beta"}), strokes(t, "target", keys[cut:], []string{"gold", "eu"})
		owner := rapid.SampledFrom([]mapping.Owner{mapping.OwnerSource, mapping.OwnerTarget, mapping.OwnerNewest, mapping.OwnerAsk}).Draw(t, "owner")
		ends := make([]*couple, 2)
		for i := range ends {
			p := met(t, twoWays(func(d *automation.Definition) {
				for i := range d.Mapping.Rows {
					d.Mapping.Rows[i].Owner = owner
				}
			}))
			ours, theirs := from, to
			for len(ours)+len(theirs) > 0 {
				if len(theirs) == 0 || len(ours) > 0 && rapid.Bool().Draw(t, "the source is next") {
					ours[0].on(p.source)
					ours = ours[1:]
				} else {
					theirs[0].on(p.target)
					theirs = theirs[1:]
				}
				if rapid.Bool().Draw(t, "we look") {
					p.reconcile(t)
				}
			}
			p.reconcile(t)
			if words := p.differs(); words != "" {
				t.Fatal(words)
			}
			if again := p.reconcile(t); again.Writes() {
				t.Fatalf("and again: %+v", again.Fields)
			}
			arrived(t, p, slices.Concat(from, to))
			ends[i] = p
		}
		for _, side := range []automation.Side{automation.SourceSide, automation.TargetSide} {
			a, b := ends[0].there(side), ends[1].there(side)
			for key := range a {
				kind := map[string]record.Kind{"email": record.Email, "phone": record.Phone, "tags": record.Set}[key]
				if kind == "" {
					kind = record.Text
				}
				x, y := a[key], b[key]
				if key == "name" { // the target shouts, and a value that comes back is as it made it
					x, y = record.TextOf(strings.ToUpper(x.String())), record.TextOf(strings.ToUpper(y.String()))
				}
				if !record.Same(kind, x, y, record.Locale{Region: "US"}) {
					t.Fatalf("%s of the %s: %q one way, %q the other", key, side, x, y)
				}
			}
		}
	})
}

// arrived holds that what people did last to each field and label is what the target has.
func arrived(t *rapid.T, p *couple, all []stroke) {
	last := map[string]stroke{}
	for _, s := range all {
		last[s.key+s.add+s.remove] = s // a label has one of the two
	}
	for _, s := range last {
		has := func(e string) bool { return slices.Contains(lower(p.target["tags"]), e) }
		switch {
		case s.key != "tags" && !strings.EqualFold(s.value.String(), p.target[s.key].String()):
			t.Fatalf("somebody typed the %s %q, and there is %q", s.key, s.value, p.target[s.key])
		case s.add != "" && !has(s.add), s.remove != "" && has(s.remove):
			t.Fatalf("somebody added %q or removed %q, and there are %q", s.add, s.remove, p.target["tags"])
		}
	}
}

// TestNothingGoesWithoutAnEntry: whatever two sides hold and however they met, a value that is no longer there after a
// run is in the plan that wrote it, with what it was; fields that no row leads to are never touched.
func TestNothingGoesWithoutAnEntry(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := twoWays(func(d *automation.Definition) {
			d.First = rapid.SampledFrom([]automation.FirstMeeting{"", automation.LinkOnly, automation.FillEmpty}).Draw(t, "first")
			for i := range d.Mapping.Rows {
				d.Mapping.Rows[i].Direction = rapid.SampledFrom([]mapping.Direction{mapping.Both, mapping.ToTarget, mapping.ToSource}).Draw(t, "direction")
				d.Mapping.Rows[i].Owner = rapid.SampledFrom([]mapping.Owner{mapping.OwnerSource, mapping.OwnerTarget, mapping.OwnerNewest, mapping.OwnerAsk, mapping.OwnerOnlyIfEmpty}).Draw(t, "owner")
				d.Mapping.Rows[i].ClearWhenEmpty = rapid.Bool().Draw(t, "clears")
			}
		})
		p := &couple{c: compile(d), source: fields("name", "Jane", "email", "jane@acme.io", "plan", "gold", "tags", "vip"), target: fields("name", "JANET", "email", "jane@acme.io", "note", "met at the fair", "tags", "eu,gold")}
		leads := map[automation.Side]map[string]bool{automation.SourceSide: {}, automation.TargetSide: {}}
		for _, r := range d.Mapping.Rows {
			if r.Direction != mapping.ToSource {
				leads[automation.TargetSide][r.Target] = true
			}
			if r.Direction != mapping.ToTarget {
				leads[automation.SourceSide][r.Sources[0]] = true
			}
		}
		for range rapid.IntRange(1, 8).Draw(t, "runs") {
			for range rapid.IntRange(0, 3).Draw(t, "edits") {
				p.edit(t)
			}
			had := map[automation.Side]record.Fields{automation.SourceSide: p.source.Clone(), automation.TargetSide: p.target.Clone()}
			entries := len(p.journal)
			p.reconcile(t)
			for side, before := range had {
				accountedFor(t, side, before, p.there(side), p.journal[entries:], leads[side])
			}
		}
	})
}

// accountedFor holds the difference a run made to one record against what the journal says of it.
func accountedFor(t *rapid.T, side automation.Side, before, after record.Fields, journal []automation.Change, leads map[string]bool) {
	entry := map[string]automation.FieldPlan{}
	for _, ch := range journal {
		for _, f := range ch.Fields {
			if f.Side == side {
				entry[f.Field] = f
			}
		}
	}
	keys := slices.Collect(maps.Keys(before))
	for key := range after {
		keys = append(keys, key)
	}
	for _, key := range keys {
		if before[key].Equal(after[key]) {
			continue
		}
		f, told := entry[key]
		switch {
		case !leads[key]:
			t.Fatalf("%s of the %s: no row leads there, and %q became %q", key, side, before[key], after[key])
		case !told && !(before[key].IsEmpty() && after[key].IsEmpty()):
			t.Fatalf("%s of the %s: %q became %q without an entry", key, side, before[key], after[key])
		case f.Action == automation.Set && !f.Before.Equal(before[key]):
			t.Fatalf("%s of the %s: the entry says it was %q, and it was %q", key, side, f.Before, before[key])
		case f.Action == automation.AddTo:
			gone, _ := record.SetDiff(lower(before[key]), lower(after[key]), nil)
			for _, e := range gone {
				if !slices.ContainsFunc(f.Remove, func(r string) bool { return strings.EqualFold(r, e) }) {
					t.Fatalf("label %s of the %s is gone, and the entry says only %q", e, side, f.Remove)
				}
			}
		}
	}
}

// ring is some records, each of which one automation copies to the next, and the last to the first.
type ring struct {
	at    []record.Fields
	hops  []*couple
	forms []func(string) string
}

// round lets every automation look once, from the one numbered first on, and counts what they write.
func (r *ring) round(t *rapid.T, first int) (writes int) {
	for i := range r.hops {
		n := (first + i) % len(r.hops)
		h := r.hops[n]
		h.source, h.target = r.at[n], r.at[(n+1)%len(r.at)]
		h.makes = map[automation.Side]func(string) string{automation.TargetSide: r.forms[(n+1)%len(r.at)], automation.SourceSide: r.forms[n]}
		if h.reconcile(t).Writes() {
			writes++
		}
	}
	return writes
}

// TestLoopsDieOut: one record copied onto itself, two automations that face each other, three and four in a ring, each one
// way or both, over providers that each tidy in their own way: after any edits it comes to rest in as many rounds as
// there are automations, and one more that writes nothing.
func TestLoopsDieOut(t *testing.T) {
	t.Parallel()
	tidy := map[string]func(string) string{
		"as it is": ways["as it is"], "upper case": ways["upper case"], "cut": ways["cut"],
		"lower case": strings.ToLower,
		"one word":   func(s string) string { w, _, _ := strings.Cut(s, " "); return w },
	}
	forms := slices.Sorted(maps.Keys(tidy))
	rapid.Check(t, func(t *rapid.T) {
		r := &ring{}
		for range rapid.IntRange(2, 4).Draw(t, "records") {
			r.at = append(r.at, fields("name", "JANE", "email", "jane@acme.io", "phone", "+14155550133", "tags", "vip"))
			r.forms = append(r.forms, tidy[rapid.SampledFrom(forms).Draw(t, "form")])
		}
		for range r.at {
			both := rapid.Bool().Draw(t, "both ways")
			owner := rapid.SampledFrom([]mapping.Owner{mapping.OwnerSource, mapping.OwnerTarget, mapping.OwnerNewest}).Draw(t, "owner")
			r.hops = append(r.hops, &couple{c: compile(twoWays(func(d *automation.Definition) {
				for i := range d.Mapping.Rows {
					d.Mapping.Rows[i].Owner = owner
					if !both {
						d.Mapping.Rows[i].Direction = mapping.ToTarget
					}
				}
			}))})
		}
		r.round(t, 0)
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			n := rapid.IntRange(0, len(r.at)-1).Draw(t, "where")
			for range rapid.IntRange(1, 2).Draw(t, "edits") {
				s := strokes(t, "somebody", []string{"name", "name", "email", "phone"}, []string{"vip", "gold"})
				for _, s := range s {
					s.on(r.at[n])
				}
			}
			first := rapid.IntRange(0, len(r.at)-1).Draw(t, "who looks first")
			rounds := 0
			for r.round(t, first) > 0 {
				if rounds++; rounds > 2*len(r.hops)+1 {
					t.Fatalf("%d automations write for ever: %v", len(r.hops), r.at)
				}
			}
		}
	})
}
