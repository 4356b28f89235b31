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
	// Choices are a person's, by base key.
	Choices map[string]automation.Choice `json:"choices"`
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
			s.input.SourceGone, s.input.TargetGone = b.Gone == "source", b.Gone == "target"
			s.input.Choices = b.Choices
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
			fmt.Fprintf(&b, " %q (%s): %s", f.After, f.Code, f.Reason)
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

func TestPlansReadAsTheirFilesSay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/plan/*.txtar")
	if err != nil || len(files) < 70 {
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
			from, to := sourceSchema, targetSchema
			from.Fields = append(slices.Clone(from.Fields), record.FieldSpec{Key: "userId", Label: "User ID", Kind: record.Text})
			to.Fields = append(slices.Clone(to.Fields), record.FieldSpec{Key: "custom.x", Label: "External ID", Kind: record.Text, Custom: true})
			for i := range to.Fields {
				to.Fields[i].Required = slices.Contains(s.required, to.Fields[i].Key)
			}
			c := engine.Compile(automation.Automation{ID: "au_1", Version: 1, Definition: s.definition}, engine.Side{Schema: from, Object: deletable}, engine.Side{Schema: to, Object: deletable})
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
