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
	"crosswalk/internal/rule"
)

var (
	sourceSchema = record.Schema{Type: record.Contact, Label: "Gleap contact", Fields: []record.FieldSpec{
		{Key: "name", Label: "Name", Kind: record.Text}, {Key: "email", Label: "Email", Kind: record.Email}, {Key: "phone", Label: "Phone", Kind: record.Text},
		{Key: "plan", Label: "Plan", Kind: record.Text}, {Key: "tags", Label: "Tags", Kind: record.Set},
		{Key: "firstName", Label: "First name", Kind: record.Text}, {Key: "lastName", Label: "Last name", Kind: record.Text},
	}}
	targetSchema = record.Schema{Type: record.Contact, Label: "HighLevel contact", Fields: []record.FieldSpec{
		{Key: "name", Label: "Name", Kind: record.Text}, {Key: "email", Label: "Email", Kind: record.Email}, {Key: "phone", Label: "Phone", Kind: record.Phone},
		{Key: "seats", Label: "Seats", Kind: record.Number}, {Key: "tags", Label: "Tags", Kind: record.Set}, {Key: "note", Label: "Note", Kind: record.Text},
	}}
	object = provider.Object{Type: record.Contact, CreateNeedsOneOf: []string{"email", "phone"}}
)

func definition() automation.Definition {
	row := func(key string) mapping.Row {
		return mapping.Row{ID: key, Sources: []string{key}, Target: key}
	}
	return automation.Definition{
		Source: automation.Endpoint{Connection: "s", Object: record.Contact}, Target: automation.Endpoint{Connection: "t", Object: record.Contact},
		Mapping: mapping.Mapping{Rows: []mapping.Row{row("name"), row("email"), row("phone"), row("tags")}},
		Match:   []automation.MatchKey{{Source: "email", Target: "email", Kind: record.Email}},
		Create:  true, Update: true, Region: "US",
	}
}

func compile(d automation.Definition) *engine.Compiled {
	return engine.Compile(automation.Automation{ID: "au_1", Version: 1, Definition: d}, engine.Side{Schema: sourceSchema}, engine.Side{Schema: targetSchema, Object: object})
}

func fields(kv ...string) record.Fields {
	f := record.Fields{}
	for i := 0; i < len(kv); i += 2 {
		if kv[i] == "tags" {
			f["tags"] = record.ListOf(strings.Split(kv[i+1], ","))
			continue
		}
		f[kv[i]] = record.TextOf(kv[i+1])
	}
	return f
}

func sourceOf(f record.Fields) record.Record {
	return record.Record{Ref: record.Ref{Connection: "s", Type: record.Contact, ID: "1"}, Fields: f, Title: "Jane", UpdatedAt: time.Unix(100, 0)}
}

func targetOf(f record.Fields) *record.Record {
	return &record.Record{Ref: record.Ref{Connection: "t", Type: record.Contact, ID: "9"}, Fields: f, Title: "Jane", UpdatedAt: time.Unix(50, 0)}
}

// answered is what the provider said to a plan's writes; nothing when there were none.
func answered(p automation.Plan, target *record.Record) engine.Answers {
	if !p.Writes() {
		return engine.Answers{}
	}
	return engine.Answers{Target: target}
}

func agreed(mapped, held record.Fields) (*automation.Link, *automation.Base) {
	return &automation.Link{ID: "ln_1", Source: sourceOf(nil).Ref, Target: targetOf(nil).Ref},
		&automation.Base{Link: "ln_1", Automation: "au_1", Version: 1, Fields: mapped, Target: held}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	full := fields("name", "Jane", "email", "jane@acme.io", "phone", "+14155550133", "tags", "vip")
	type want struct {
		outcome automation.Outcome
		code    string
		writes  []string          // target fields set or changed by element
		codes   map[string]string // of fields
	}
	for name, c := range map[string]struct {
		change func(*automation.Definition)
		source record.Fields
		target record.Fields // nil: none
		base   []record.Fields
		how    automation.How
		unread bool
		want   want
	}{
		"nobody there: create":                         {source: full, want: want{automation.Create, "create", []string{"email", "name", "phone", "tags"}, nil}},
		"empty fields are left out of create":          {source: fields("email", "jane@acme.io"), want: want{automation.Create, "create", []string{"email"}, map[string]string{"name": "empty_source"}}},
		"neither email nor phone":                      {source: fields("name", "Jane"), want: want{automation.Blocked, "required", nil, nil}},
		"a phone that is none blocks, with the reason": {source: fields("name", "Jane", "phone", "call me"), want: want{automation.Blocked, "required", nil, map[string]string{"phone": "unmappable"}}},
		"a phone that is none is left out":             {source: fields("email", "a@b.io", "phone", "call me"), want: want{automation.Create, "create", []string{"email"}, map[string]string{"phone": "unmappable"}}},
		"creating is off":                              {change: func(d *automation.Definition) { d.Create = false }, source: full, want: want{automation.Skip, "create_off", []string{"email", "name", "phone", "tags"}, nil}},
		"the rule": {change: func(d *automation.Definition) {
			d.Rule = rule.Rule{Root: rule.Node{Field: "plan", Operator: "is_not_empty"}}
		}, source: full, want: want{automation.Skip, "rule", nil, nil}},
		"a rule on a deleted field": {change: func(d *automation.Definition) {
			d.Rule = rule.Rule{Root: rule.Node{Field: "gone", Operator: "is_empty"}}
		}, source: full, want: want{automation.Skip, "rule", nil, nil}},
		"several counterparts":                         {source: full, how: automation.Doubtful, want: want{automation.Decide, "doubtful", nil, nil}},
		"the same already":                             {source: full, target: full, how: automation.ByMatch, want: want{automation.Linked, "same", nil, nil}},
		"the same in other clothes":                    {source: full, target: fields("name", "Jane ", "email", "JANE@acme.io", "phone", "(415) 555-0133", "tags", "VIP"), how: automation.ByMatch, want: want{automation.Linked, "same", nil, nil}},
		"first meeting: differences are written":       {source: full, target: fields("name", "J.", "email", "jane@acme.io", "phone", "+14155550133", "tags", "old"), how: automation.ByMatch, want: want{automation.Update, "update", []string{"name", "tags"}, nil}},
		"first meeting: what is empty here stays":      {source: fields("email", "jane@acme.io"), target: full, how: automation.ByMatch, want: want{automation.Linked, "same", nil, map[string]string{"name": "empty_source"}}},
		"only if empty":                                {change: func(d *automation.Definition) { d.Mapping.Rows[0].Owner = mapping.OwnerOnlyIfEmpty }, source: full, target: fields("name", "J.", "email", "jane@acme.io", "phone", "+14155550133", "tags", "vip"), how: automation.ByMatch, want: want{automation.Linked, "same", nil, map[string]string{"name": "only_if_empty"}}},
		"only if empty, and it is":                     {change: func(d *automation.Definition) { d.Mapping.Rows[0].Owner = mapping.OwnerOnlyIfEmpty }, source: full, target: fields("email", "jane@acme.io", "phone", "+14155550133", "tags", "vip"), how: automation.ByMatch, want: want{automation.Update, "update", []string{"name"}, nil}},
		"updating is off":                              {change: func(d *automation.Definition) { d.Update = false }, source: full, target: fields("name", "J."), how: automation.ByMatch, want: want{automation.Skip, "update_off", []string{"email", "name", "phone", "tags"}, nil}},
		"nothing moved: not even read":                 {source: full, base: []record.Fields{full, full}, unread: true, how: automation.ByLink, want: want{automation.Same, "unmoved", nil, nil}},
		"only the source moved":                        {source: full, target: fields("name", "J.", "email", "jane@acme.io", "phone", "+14155550133", "tags", "vip"), base: []record.Fields{fields("name", "J.", "email", "jane@acme.io", "phone", "+14155550133", "tags", "vip"), fields("name", "J.", "email", "jane@acme.io", "phone", "+14155550133", "tags", "vip")}, how: automation.ByLink, want: want{automation.Update, "update", []string{"name"}, nil}},
		"only the target moved: a person's edit stays": {source: full, target: fields("name", "Jane Doe", "email", "jane@acme.io", "phone", "+14155550133", "tags", "vip"), base: []record.Fields{full, full}, how: automation.ByLink, want: want{automation.Same, "same", nil, map[string]string{"name": "target_moved"}}},
		"both moved alike":                             {source: full, target: full, base: []record.Fields{fields("name", "J."), fields("name", "J.")}, how: automation.ByLink, want: want{automation.Same, "same", nil, nil}},
		"both moved apart: the source wins":            {source: full, target: fields("name", "Janet", "email", "jane@acme.io", "phone", "+14155550133", "tags", "vip"), base: []record.Fields{fields("name", "J."), fields("name", "J.")}, how: automation.ByLink, want: want{automation.Update, "update", []string{"name"}, nil}},
		"both moved apart: the target wins":            {change: func(d *automation.Definition) { d.Mapping.Rows[0].Owner = mapping.OwnerTarget }, source: full, target: fields("name", "Janet", "email", "jane@acme.io", "phone", "+14155550133", "tags", "vip"), base: []record.Fields{fields("name", "J."), fields("name", "J.")}, how: automation.ByLink, want: want{automation.Same, "same", nil, map[string]string{"name": "target_owns"}}},
		"both moved apart: the newest wins":            {change: func(d *automation.Definition) { d.Mapping.Rows[0].Owner = mapping.OwnerNewest }, source: full, target: fields("name", "Janet", "email", "jane@acme.io", "phone", "+14155550133", "tags", "vip"), base: []record.Fields{fields("name", "J."), fields("name", "J.")}, how: automation.ByLink, want: want{automation.Update, "update", []string{"name"}, nil}},
		"both moved apart: somebody is asked":          {change: func(d *automation.Definition) { d.Mapping.Rows[0].Owner = mapping.OwnerAsk }, source: full, target: fields("name", "Janet", "email", "jane@acme.io", "phone", "+14155550133", "tags", "vip"), base: []record.Fields{fields("name", "J."), fields("name", "J.")}, how: automation.ByLink, want: want{automation.Decide, "conflict", nil, map[string]string{"name": "conflict"}}},
		"what the provider re-formatted is no edit":    {source: fields("name", "Jane Q", "email", "jane@acme.io"), target: fields("name", "JANE", "email", "jane@acme.io"), base: []record.Fields{fields("name", "jane", "email", "jane@acme.io"), fields("name", "JANE", "email", "jane@acme.io")}, how: automation.ByLink, want: want{automation.Update, "update", []string{"name"}, nil}},
		"and is not written again":                     {source: fields("name", "jane", "email", "jane@acme.io"), target: fields("name", "JANE", "email", "jane@acme.io"), base: []record.Fields{fields("name", "jane", "email", "jane@acme.io"), fields("name", "JANE", "email", "jane@acme.io")}, how: automation.ByLink, want: want{automation.Same, "same", nil, nil}},
		"emptied at the source: left alone":            {source: fields("email", "jane@acme.io"), target: fields("name", "Jane", "email", "jane@acme.io"), base: []record.Fields{fields("name", "Jane", "email", "jane@acme.io"), fields("name", "Jane", "email", "jane@acme.io")}, how: automation.ByLink, want: want{automation.Same, "same", nil, map[string]string{"name": "empty_source"}}},
		"emptied at the source: cleared where asked":   {change: func(d *automation.Definition) { d.Mapping.Rows[0].ClearWhenEmpty = true }, source: fields("email", "jane@acme.io"), target: fields("name", "Jane", "email", "jane@acme.io"), base: []record.Fields{fields("name", "Jane", "email", "jane@acme.io"), fields("name", "Jane", "email", "jane@acme.io")}, how: automation.ByLink, want: want{automation.Update, "update", []string{"name"}, nil}},
		"a tag we brought goes, a person's stays":      {source: fields("email", "jane@acme.io", "tags", "vip"), target: fields("email", "jane@acme.io", "tags", "beta,met at fair"), base: []record.Fields{fields("email", "jane@acme.io", "tags", "beta"), fields("email", "jane@acme.io", "tags", "beta")}, how: automation.ByLink, want: want{automation.Update, "update", []string{"tags"}, nil}},
		"all that is left cannot be carried":           {source: fields("email", "jane@acme.io", "phone", "call me"), target: fields("email", "jane@acme.io"), how: automation.ByMatch, want: want{automation.Linked, "unmappable", nil, map[string]string{"phone": "unmappable"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := definition()
			if c.change != nil {
				c.change(&d)
			}
			in := engine.Input{Source: sourceOf(c.source), Identity: automation.Identity{How: c.how}}
			if c.base != nil {
				in.Link, in.Base = agreed(c.base[0], c.base[1])
			}
			if c.target != nil && !c.unread {
				in.Target = targetOf(c.target)
			}
			p := compile(d).Plan(in)
			if p.Outcome != c.want.outcome || p.Code != c.want.code || p.Reason == "" {
				t.Errorf("%s %s: %s", p.Outcome, p.Code, p.Reason)
			}
			var writes []string
			codes := map[string]string{}
			for _, f := range p.Fields {
				codes[f.Field] = f.Code
				if f.Action == automation.Set || f.Action == automation.AddTo {
					writes = append(writes, f.Field)
				} else if f.Reason == "" {
					t.Errorf("%s is left as it is without a reason", f.Field)
				}
			}
			slices.Sort(writes)
			if p.Outcome != automation.Blocked && !slices.Equal(writes, c.want.writes) {
				t.Errorf("writes %v, want %v", writes, c.want.writes)
			}
			for field, code := range c.want.codes {
				if codes[field] != code {
					t.Errorf("%s: %q, want %q", field, codes[field], code)
				}
			}
		})
	}
}

// TestCarryingAPlanOutLeavesNothingToDo plans, applies to a provider that spells things its own way, and plans
// again. It also holds that nothing unmapped is written and no label of a person's is taken away.
func TestCarryingAPlanOutLeavesNothingToDo(t *testing.T) {
	t.Parallel()
	word := rapid.SampledFrom([]string{"", "Jane", "jane ", "Jane Doe", "Zoë", "x"})
	label := rapid.SampledFrom([]string{"vip", "VIP", "beta", "Fair"})
	record1 := func(t *rapid.T, what string) record.Fields {
		return record.Fields{
			"name":  record.TextOf(word.Draw(t, what+" name")),
			"email": record.TextOf(rapid.SampledFrom([]string{"jane@acme.io", "JANE@acme.io", "j@x.io"}).Draw(t, what+" email")),
			"phone": record.TextOf(rapid.SampledFrom([]string{"", "(415) 555-0133", "+14155550133", "call me"}).Draw(t, what+" phone")),
			"tags":  record.ListOf(rapid.SliceOfN(label, 0, 3).Draw(t, what+" tags")),
			"note":  record.TextOf(word.Draw(t, what+" note")),
		}
	}
	owners := rapid.SampledFrom([]mapping.Owner{"", mapping.OwnerOnlyIfEmpty, mapping.OwnerNewest, mapping.OwnerTarget})
	rapid.Check(t, func(t *rapid.T) {
		d := definition()
		for i := range d.Mapping.Rows {
			d.Mapping.Rows[i].Owner = owners.Draw(t, "owner")
			d.Mapping.Rows[i].ClearWhenEmpty = rapid.Bool().Draw(t, "clear")
		}
		c := compile(d)
		in := engine.Input{Source: sourceOf(record1(t, "source"))}
		if rapid.Bool().Draw(t, "exists") {
			in.Target, in.Identity = targetOf(record1(t, "target")), automation.Identity{How: automation.ByMatch}
			if rapid.Bool().Draw(t, "linked") {
				in.Link, in.Base = agreed(record1(t, "mapped"), record1(t, "held"))
				in.Identity.How = automation.ByLink
			}
		}
		p := c.Plan(in)
		if !p.Writes() {
			return
		}
		w := engine.WriteOf(p, automation.TargetSide)
		after := record.Fields{}
		if in.Target != nil {
			after = in.Target.Fields.Clone()
		}
		had, _ := after["tags"].AsList()
		brought := record.Fields{}
		if in.Base != nil {
			brought = in.Base.Fields
		}
		write(t, after, w)
		if _, touched := w.Fields["note"]; touched {
			t.Fatal("an unmapped field was written")
		}
		ours, _ := brought["tags"].AsList()
		now, _ := after["tags"].AsList()
		for _, e := range had {
			same := func(o string) bool { return strings.EqualFold(o, e) }
			if !slices.ContainsFunc(ours, same) && !slices.ContainsFunc(now, same) {
				t.Fatalf("a person's label %q is gone", e)
			}
		}
		link, base := agreed(c.Remember(p, in, answered(p, targetOf(after))))
		again := c.Plan(engine.Input{Source: in.Source, Target: targetOf(after), Link: link, Base: base, Identity: automation.Identity{How: automation.ByLink}})
		if again.Writes() {
			t.Fatalf("and again %s: %+v", again.Reason, engine.WriteOf(again, automation.TargetSide))
		}
	})
}

// write is a provider that trims, upper-cases names and lower-cases labels.
func write(t *rapid.T, f record.Fields, w provider.Write) {
	for key, v := range w.Fields {
		if s, ok := v.AsText(); ok {
			s = strings.TrimSpace(s)
			if key == "name" {
				s = strings.ToUpper(s)
			}
			v = record.TextOf(s)
		}
		f[key] = v
	}
	tags, _ := f["tags"].AsList()
	tags = slices.DeleteFunc(slices.Clone(tags), func(e string) bool { return slices.Contains(w.Remove["tags"], e) })
	for _, e := range w.Add["tags"] {
		tags = append(tags, strings.ToLower(e))
	}
	f["tags"] = record.ListOf(tags)
	if _, direct := w.Fields["tags"]; direct {
		t.Fatal("a set was overwritten")
	}
}
