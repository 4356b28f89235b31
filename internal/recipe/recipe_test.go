package recipe_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/recipe"
	"crosswalk/internal/record"
)

func spec(key string, kind record.Kind) record.FieldSpec {
	return record.FieldSpec{Key: key, Label: key, Kind: kind}
}

func schema(label string, names ...string) record.Schema {
	s := record.Schema{Type: record.Contact, Label: label, Fields: []record.FieldSpec{
		spec("email", record.Email), spec("phone", record.Phone), spec("companyName", record.Text), spec("tags", record.Set),
	}}
	for _, n := range names {
		s.Fields = append(s.Fields, spec(n, record.Text))
	}
	return s
}

var sides = map[provider.ID]map[record.ObjectType]record.Schema{
	"highlevel": {
		record.Contact: schema("HighLevel contact", "firstName", "lastName"),
		record.Task: {Type: record.Task, Label: "HighLevel task", Fields: []record.FieldSpec{
			required("title", record.Text), spec("body", record.LongText), required("dueDate", record.DateTime), spec("completed", record.Bool),
		}},
		record.Note: {Type: record.Note, Label: "HighLevel note", Fields: []record.FieldSpec{required("body", record.LongText)}},
		record.Appointment: {Type: record.Appointment, Label: "HighLevel appointment", Fields: []record.FieldSpec{
			spec("title", record.Text), spec("calendar", record.Choice), spec("appointmentStatus", record.Choice), spec("startTime", record.DateTime),
			spec("address", record.Text), spec("notes", record.LongText),
		}},
	},
	"gleap": {
		record.Contact: schema("Gleap contact", "name"),
		record.Ticket: {Type: record.Ticket, Label: "Gleap ticket", Fields: []record.FieldSpec{
			required("title", record.Text), required("type", record.Choice), spec("status", record.Choice), spec("priority", record.Choice), spec("description", record.LongText),
			spec("plainContent", record.LongText), spec("dueDate", record.DateTime), {Key: "createdAt", Label: "createdAt", Kind: record.DateTime, ReadOnly: true},
		}},
		record.Note: {Type: record.Note, Label: "Gleap note", Fields: []record.FieldSpec{required("body", record.LongText)}},
	},
}

func required(key string, kind record.Kind) record.FieldSpec {
	s := spec(key, kind)
	s.Required = true
	return s
}

func compiled(d automation.Definition) *engine.Compiled {
	end := func(e automation.Endpoint) engine.Side {
		return engine.Side{Schema: sides[e.Provider][e.Object], Object: provider.Object{Type: e.Object}}
	}
	return engine.Compile(automation.Automation{ID: "au_1", Version: 1, Definition: d}, end(d.Source), end(d.Target))
}

func TestEveryRecipeCompiles(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range recipe.All() {
		if seen[r.ID] || r.Name == "" || r.Text == "" {
			t.Errorf("recipe %+v has no name, or another has its id", r)
		}
		seen[r.ID] = true
		for _, p := range compiled(r.Definition).MappingProblems {
			if p.Severity == mapping.Error {
				t.Errorf("%s: %s", r.ID, p.Message)
			}
		}
		if !r.Definition.First.Valid() || !r.Definition.Deletes.Valid() {
			t.Errorf("%s has a policy nobody knows", r.ID)
		}
	}
	if _, ok := recipe.Find("no-such-recipe"); ok {
		t.Error("a recipe nobody wrote is found")
	}
}

// contacts are two contacts kept alike as the reconciler does it: target first, then source, then the link remembers.
type contacts struct {
	c                *engine.Compiled
	highLevel, gleap record.Fields
	link             *automation.Link
	base             *automation.Base
}

func newContacts(t *rapid.T, highLevel, gleap record.Fields) *contacts {
	r, ok := recipe.Find("contacts-in-sync")
	if !ok {
		t.Fatal("the recipe is gone")
	}
	return &contacts{c: compiled(r.Definition), highLevel: highLevel, gleap: gleap}
}

// inThreeRows is the recipe as it was saved before a row could join and lead back: automations still have it.
func inThreeRows(d automation.Definition) automation.Definition {
	part := func(id, source, part string) mapping.Row {
		return mapping.Row{
			ID: id, Sources: []string{source}, Target: "name", Direction: mapping.ToSource, Owner: mapping.OwnerSource, ClearWhenEmpty: true,
			Steps: []mapping.Step{{Use: "split_name", With: map[string]string{"part": part}}},
		}
	}
	d.Mapping.Rows = slices.Clone(d.Mapping.Rows)
	i := slices.IndexFunc(d.Mapping.Rows, func(r mapping.Row) bool { return r.ID == "r5" })
	d.Mapping.Rows[i].Direction = ""
	d.Mapping.Rows = append(d.Mapping.Rows, part("r6", "firstName", "first"), part("r7", "lastName", "last"))
	return d
}

func (p *contacts) run() automation.Plan {
	in := engine.Input{
		Source: record.Record{Ref: record.Ref{Connection: "cn_1", Type: record.Contact, ID: "h1"}, Fields: p.highLevel.Clone()},
		Target: &record.Record{Ref: record.Ref{Connection: "cn_2", Type: record.Contact, ID: "g1"}, Fields: p.gleap.Clone()},
		Link:   p.link, Base: p.base, Identity: automation.Identity{How: automation.ByLink},
	}
	if p.link == nil {
		in.Identity.How = automation.ByMatch
	}
	plan := p.c.Plan(in)
	var done engine.Answers
	if len(plan.On(automation.TargetSide)) > 0 {
		take(p.gleap, engine.WriteOf(plan, automation.TargetSide), strings.TrimSpace)
		done.Target = &record.Record{Fields: p.gleap.Clone()}
	}
	if len(plan.On(automation.SourceSide)) > 0 {
		take(p.highLevel, engine.WriteOf(plan, automation.SourceSide), strings.ToLower)
		done.Source = &record.Record{Fields: p.highLevel.Clone()}
	}
	mapped, held := p.c.Remember(plan, in, done)
	p.link = &automation.Link{ID: "ln_1"}
	p.base = &automation.Base{Link: "ln_1", Version: 1, Fields: mapped, Target: held}
	return plan
}

// take is a provider that trims text and spells labels its own way.
func take(f record.Fields, w provider.Write, label func(string) string) {
	for key, v := range w.Fields {
		f[key] = record.TextOf(strings.TrimSpace(v.String()))
	}
	tags, _ := f["tags"].AsList()
	tags = slices.DeleteFunc(slices.Clone(tags), func(e string) bool { return slices.Contains(w.Remove["tags"], e) })
	for _, e := range w.Add["tags"] {
		tags = append(tags, label(e))
	}
	f["tags"] = record.ListOf(tags)
}

// settle runs until nothing is written any more, and fails when that takes suspiciously long.
func (p *contacts) settle(t *rapid.T) {
	var trail []string
	for range 6 {
		plan := p.run()
		if !plan.Writes() {
			return
		}
		trail = append(trail, fmt.Sprintf("highlevel %v, gleap %v", p.highLevel, p.gleap))
	}
	t.Fatalf("it never comes to rest:\n%s", strings.Join(trail, "\n"))
}

// apart reports that the names differed when the two met, and were left so.
func (p *contacts) apart() bool {
	return p.base.Fields["name"].String() != p.base.Target["name"].String()
}

func (p *contacts) fullName() string {
	return strings.TrimSpace(p.highLevel["firstName"].String() + " " + p.highLevel["lastName"].String())
}

var (
	given   = rapid.SampledFrom([]string{"Jane", "Omar", "Anna Maria", "Li", ""})
	family  = rapid.SampledFrom([]string{"Doe", "Haddad", "van Dyk", "Smith Jones", "King Jr.", ""})
	whole   = rapid.SampledFrom([]string{"Jane Doe", "Anna Maria van Dyk", "Madonna", "Doe, Jane", "Omar King Jr.", "Li Wei Chen", ""})
	address = rapid.SampledFrom([]string{"jane@acme.io", "JANE@acme.io", "roe@acme.io", ""})
	number  = rapid.SampledFrom([]string{"+14155550133", "(415) 555-0133", "+14155550144", ""})
	company = rapid.SampledFrom([]string{"Acme", "Globex", ""})
	labels  = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"Vip", "vip", "beta", "gold"}), 0, 3, strings.ToLower)
)

// edit is one change by a person.
func (p *contacts) edit(t *rapid.T) {
	there := p.gleap
	inHighLevel := rapid.Bool().Draw(t, "in HighLevel")
	if inHighLevel {
		there = p.highLevel
	}
	switch rapid.IntRange(0, 4).Draw(t, "field") {
	case 0:
		if !inHighLevel {
			there["name"] = record.TextOf(whole.Draw(t, "name"))
			return
		}
		there["firstName"], there["lastName"] = record.TextOf(given.Draw(t, "first")), record.TextOf(family.Draw(t, "last"))
	case 1:
		there["email"] = record.TextOf(address.Draw(t, "email"))
	case 2:
		there["phone"] = record.TextOf(number.Draw(t, "phone"))
	case 3:
		there["companyName"] = record.TextOf(company.Draw(t, "company"))
	case 4:
		there["tags"] = record.ListOf(labels.Draw(t, "tags"))
	}
}

// TestContactsInSyncComeToRest lets people edit both sides in any order, several edits between two runs: after a few
// runs nothing is written any more, and the names are the same; also where three rows carry the name.
func TestContactsInSyncComeToRest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := newContacts(t, record.Fields{}, record.Fields{})
		earlier := rapid.Bool().Draw(t, "as it was saved earlier")
		if earlier {
			p.c = compiled(inThreeRows(p.c.Def))
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			for range rapid.IntRange(1, 4).Draw(t, "edits") {
				p.edit(t)
			}
			p.settle(t)
			if name := p.gleap["name"].String(); !earlier && !p.apart() && name != p.fullName() && !strings.Contains(name, ",") {
				t.Fatalf("%q in Gleap, and %q in HighLevel", name, p.fullName())
			}
		}
	})
}

// TestContactsInSyncCarryAName edits a name on one side at a time. An edit in HighLevel arrives and is never split
// anew; an edit in Gleap of a name that splits as it joins arrives too.
func TestContactsInSyncCarryAName(t *testing.T) {
	t.Parallel()
	plain := rapid.SampledFrom([]string{"Jane", "Omar", "Li"})
	rapid.Check(t, func(t *rapid.T) {
		p := newContacts(t, record.Fields{"firstName": record.TextOf("Jane"), "lastName": record.TextOf("Doe")}, record.Fields{"name": record.TextOf("Jane Doe")})
		p.settle(t)
		for range rapid.IntRange(1, 8).Draw(t, "edits") {
			if rapid.Bool().Draw(t, "in HighLevel") {
				first, last := plain.Draw(t, "first"), family.Draw(t, "last")
				p.highLevel["firstName"], p.highLevel["lastName"] = record.TextOf(first), record.TextOf(last)
				p.settle(t)
				if got := p.highLevel["firstName"].String() + "|" + p.highLevel["lastName"].String(); got != first+"|"+last {
					t.Fatalf("%s %s became %s", first, last, got)
				}
				if got := p.gleap["name"].String(); got != p.fullName() {
					t.Fatalf("%q did not arrive: %q", p.fullName(), got)
				}
				continue
			}
			name := rapid.SampledFrom([]string{"Jane Doe", "Omar Haddad", "Madonna", "Li van Dyk"}).Draw(t, "name")
			p.gleap["name"] = record.TextOf(name)
			p.settle(t)
			if p.fullName() != name || p.gleap["name"].String() != name {
				t.Fatalf("%q became %q in HighLevel and %q in Gleap", name, p.fullName(), p.gleap["name"])
			}
		}
	})
}

// TestContactsInSyncNeverSplitHighLevelsNamesAnew takes names that join and split differently.
func TestContactsInSyncNeverSplitHighLevelsNamesAnew(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := newContacts(t, record.Fields{}, record.Fields{})
		for range rapid.IntRange(1, 8).Draw(t, "edits") {
			first, last := given.Draw(t, "first"), family.Draw(t, "last")
			p.highLevel["firstName"], p.highLevel["lastName"] = record.TextOf(first), record.TextOf(last)
			p.settle(t)
			if got := p.highLevel["firstName"].String() + "|" + p.highLevel["lastName"].String(); got != first+"|"+last {
				t.Fatalf("%s|%s became %s", first, last, got)
			}
		}
	})
}
