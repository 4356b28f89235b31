package engine_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

var update = flag.Bool("update", false, "write what the plans come to into their files")

// story is a plan as a file tells it: what is there, and what a person would read. Parts that are left out are
// not there: no target.json, no counterpart; no link.json, a first meeting.
type story struct {
	definition automation.Definition
	required   []string // target fields the provider refuses a create without
	input      engine.Input
}

// side is a record in a story.
type side struct {
	Changed time.Time     `json:"changed"`
	Fields  record.Fields `json:"fields"`
}

// bond is what is remembered in a story: how the counterpart was found and the base.
type bond struct {
	How        automation.How         `json:"how"`
	Candidates []automation.Candidate `json:"candidates"`
	Evidence   []automation.Evidence  `json:"evidence"`
	Version    int                    `json:"version"`
	Mapped     record.Fields          `json:"mapped"` // nil: no link
	Held       record.Fields          `json:"held"`
	Severed    bool                   `json:"severed"`
	Gone       string                 `json:"gone"` // "source" or "target": a direct read says so
	// WithParent: what is gone went along with the record it lived under.
	WithParent bool `json:"withParent"`
	// Choices are a person's, by base key.
	Choices map[string]automation.Choice `json:"choices"`
}

// above is what the records of a story live under: the parent a counterpart would have, or the record of this side that
// still needs a counterpart to be one; neither: none of this side's can become one.
type above struct {
	Parent string `json:"parent"`
	Awaits string `json:"awaits"`
}

// children are the sides of stories about other objects than contacts, by object.
var children = map[record.ObjectType]struct{ source, target engine.Side }{
	record.Task: {
		source: engine.Side{Schema: record.Schema{Type: record.Ticket, Label: "Gleap ticket", Fields: []record.FieldSpec{
			{Key: "title", Label: "Title", Kind: record.Text}, {Key: "description", Label: "Description", Kind: record.LongText}, {Key: "plainContent", Label: "Text", Kind: record.LongText, ReadOnly: true},
			{Key: "dueDate", Label: "Due", Kind: record.DateTime}, {Key: "createdAt", Label: "Created", Kind: record.DateTime, ReadOnly: true}, {Key: "status", Label: "Status", Kind: record.Text},
		}}, Object: provider.Object{Type: record.Ticket, Parent: record.Contact, Delete: true}},
		target: engine.Side{Schema: record.Schema{Type: record.Task, Label: "HighLevel task", Fields: []record.FieldSpec{
			{Key: "title", Label: "Title", Kind: record.Text, Required: true}, {Key: "body", Label: "Description", Kind: record.LongText},
			{Key: "dueDate", Label: "Due", Kind: record.DateTime, Required: true}, {Key: "completed", Label: "Done", Kind: record.Bool},
		}}, Object: provider.Object{Type: record.Task, Parent: record.Contact, ParentRequired: true, Delete: true}},
	},
	record.Note: {
		source: engine.Side{Schema: record.Schema{Type: record.Note, Label: "Gleap note", Fields: []record.FieldSpec{{Key: "body", Label: "Text", Kind: record.LongText, Required: true}}},
			Object: provider.Object{Type: record.Note, Parent: record.Ticket, ParentRequired: true, Delete: true}},
		target: engine.Side{Schema: record.Schema{Type: record.Note, Label: "HighLevel note", Fields: []record.FieldSpec{{Key: "body", Label: "Text", Kind: record.LongText, Required: true}}},
			Object: provider.Object{Type: record.Note, Parent: record.Contact, ParentRequired: true, Delete: true}},
	},
}

func readStory(t *testing.T, a *txtar.Archive) story {
	t.Helper()
	var s story
	s.definition = definition()
	s.input.Identity.How = automation.NotFound
	for _, f := range a.Files {
		read := func(into any) {
			t.Helper()
			d := json.NewDecoder(strings.NewReader(string(f.Data)))
			d.DisallowUnknownFields()
			if err := d.Decode(into); err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
		}
		switch f.Name {
		case "definition.json":
			s.definition = automation.Definition{}
			read(&s.definition)
		case "required.json":
			read(&s.required)
		case "source.json":
			var from side
			read(&from)
			s.input.Source = sourceOf(from.Fields)
			s.input.Source.UpdatedAt = from.Changed
		case "target.json":
			var to side
			read(&to)
			s.input.Target = targetOf(to.Fields)
			s.input.Target.UpdatedAt = to.Changed
			if s.input.Identity.How == automation.NotFound {
				s.input.Identity.How = automation.ByMatch
			}
		case "link.json":
			var b bond
			read(&b)
			s.input.Identity = automation.Identity{How: b.How, Candidates: b.Candidates, Evidence: b.Evidence}
			if b.Mapped != nil {
				s.input.Link, s.input.Base = agreed(b.Mapped, b.Held)
				s.input.Base.Version = b.Version
				s.input.Link.Severed = b.Severed
			}
			s.input.SourceGone, s.input.TargetGone, s.input.ParentGone = b.Gone == "source", b.Gone == "target", b.WithParent
			s.input.Choices = b.Choices
		case "parent.json":
			var over above
			read(&over)
			s.input.ParentMissing = over.Parent == ""
			if over.Parent != "" {
				s.input.Parent = record.Ref{Connection: "t", Type: record.Contact, ID: over.Parent}
			}
			if over.Awaits != "" {
				s.input.Awaits = record.Ref{Connection: "s", Type: record.Contact, ID: over.Awaits}
			}
		case "want-plan.txt":
		default:
			t.Fatalf("what is %s?", f.Name)
		}
	}
	return s
}

// told is a plan as text: the outcome, each field, what is written and what is remembered.
func told(s story, p automation.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s\n", p.Outcome, p.Code, p.Reason)
	for _, f := range p.Fields {
		arrow := ""
		if f.Side == automation.SourceSide {
			arrow = "<- "
		}
		fmt.Fprintf(&b, "  %s%s %s", arrow, f.Field, f.Action)
		switch f.Action {
		case automation.Set:
			fmt.Fprintf(&b, " %q -> %q", f.Before, f.After)
		case automation.AddTo:
			fmt.Fprintf(&b, " +%q -%q -> %q", f.Add, f.Remove, f.After)
		default:
			fmt.Fprintf(&b, " %q", f.After)
			if !f.Offered.IsEmpty() {
				fmt.Fprintf(&b, " != %q", f.Offered)
			}
			fmt.Fprintf(&b, " (%s): %s", f.Code, f.Reason)
		}
		b.WriteByte('\n')
	}
	if p.Writes() {
		for _, side := range []automation.Side{automation.TargetSide, automation.SourceSide} {
			word := "write"
			if side == automation.SourceSide {
				word = "write back"
				if len(p.On(side)) == 0 {
					continue
				}
			}
			w := engine.WriteOf(p, side)
			fmt.Fprintf(&b, "%s: %s\n", word, pairs(w.Fields))
			for _, change := range []struct {
				sign string
				by   map[string][]string
			}{{"+", w.Add}, {"-", w.Remove}} {
				for _, key := range keysOf(change.by) {
					fmt.Fprintf(&b, "%s: %s %s%q\n", word, key, change.sign, change.by[key])
				}
			}
		}
	}
	if !p.Parent.IsZero() {
		fmt.Fprintf(&b, "under: %s %s\n", p.Parent.Type, p.Parent.ID)
	}
	if !p.Awaits.IsZero() {
		fmt.Fprintf(&b, "awaits: %s %s\n", p.Awaits.Type, p.Awaits.ID)
	}
	if p.Sever {
		b.WriteString("sever\n")
	}
	if p.Base != nil {
		fmt.Fprintf(&b, "remember: %s\n", pairs(p.Base))
	}
	if len(p.Apart) > 0 {
		fmt.Fprintf(&b, "apart: %s\n", strings.Join(p.Apart, " "))
	}
	return b.String()
}

func keysOf[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func pairs(f record.Fields) string {
	out := make([]string, 0, len(f))
	for _, key := range keysOf(f) {
		out = append(out, fmt.Sprintf("%s=%q", key, f[key]))
	}
	return strings.Join(out, " ")
}

// deletable is the usual object of a provider that lets us delete.
var deletable = func() provider.Object {
	o := object
	o.Delete, o.MatchFields, o.MatchCustom = true, []string{"email", "phone"}, true
	return o
}()

// sides are what there is on both sides of a story.
func (s story) sides() (source, target engine.Side) {
	if sides, ok := children[s.definition.Target.Object]; ok {
		return sides.source, sides.target
	}
	from, to := sourceSchema, targetSchema
	from.Fields = append(slices.Clone(from.Fields), record.FieldSpec{Key: "userId", Label: "User ID", Kind: record.Text})
	to.Fields = append(slices.Clone(to.Fields), record.FieldSpec{Key: "custom.x", Label: "External ID", Kind: record.Text, Custom: true})
	for i := range to.Fields {
		to.Fields[i].Required = slices.Contains(s.required, to.Fields[i].Key)
	}
	return engine.Side{Schema: from, Object: deletable}, engine.Side{Schema: to, Object: deletable}
}

func TestPlansReadAsTheirFilesSay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/plan/*.txtar")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s := readStory(t, archive)
			source, target := s.sides()
			c := engine.Compile(automation.Automation{ID: "au_1", Version: 1, Definition: s.definition}, source, target)
			p := c.Plan(s.input)
			got := told(s, p)
			w := engine.WriteOf(p, automation.TargetSide)
			for _, key := range slices.Concat(keysOf(w.Fields), keysOf(w.Add), keysOf(w.Remove)) {
				if _, mapped := s.definition.Mapping.RowFor(key); !mapped {
					t.Errorf("%s is written and nothing maps it", key)
				}
			}
			i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want-plan.txt" })
			if *update {
				if i < 0 {
					archive.Files, i = append(archive.Files, txtar.File{Name: "want-plan.txt"}), len(archive.Files)
				}
				archive.Files[i].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if i < 0 {
				t.Fatal("it does not say what to want")
			}
			if diff := cmp.Diff(string(archive.Files[i].Data), got); diff != "" {
				t.Errorf("the plan reads otherwise (-want +got):\n%s", diff)
			}
		})
	}
}
