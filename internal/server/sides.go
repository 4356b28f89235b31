package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/web/ui"
)

// patience bounds how long a page waits for a provider: it is better shown without samples than late.
const patience = 4 * time.Second

// end is one side of an automation as its pages see it.
type end struct {
	automation.Endpoint
	schema record.Schema
	// known tells that the schema is the account's own, now or a while ago. Otherwise it is made of the fields
	// the definition names, so that the page can still be shown.
	known   bool
	problem *ui.Problem // why the account cannot be asked
	object  provider.Object
	byKey   bool // connected without an app, which is what webhooks are sent to
}

func (e end) side() ui.Side { return side(e.Provider) }

func (e end) label(key string) string { return e.schema.LabelOf(key) }

// desk is an automation laid out for its pages: both sides described and the definition compiled against them.
type desk struct {
	a              automation.Automation // as it is edited: where changes wait, with them
	live           automation.Automation // as it works
	source, target end
	compiled       *engine.Compiled
}

// known reports that what Compile complains of can be believed.
func (d desk) known() bool { return d.source.known && d.target.known }

// problems are the sides that cannot be asked, each told once.
func (d desk) problems() []ui.Problem {
	var out []ui.Problem
	for _, e := range []end{d.source, d.target} {
		if e.problem != nil {
			out = append(out, *e.problem)
		}
	}
	return out
}

// layOut describes both sides at once. It fails only when our own store does.
func (s *scoped) layOut(ctx context.Context, a automation.Automation) (desk, error) {
	connections, err := s.Connections.List(ctx)
	if err != nil {
		return desk{}, err
	}
	return s.layOutWith(ctx, a, connections), nil
}

// layOutEdited lays an automation out as its editors see it.
func (s *scoped) layOutEdited(ctx context.Context, a automation.Automation) (desk, error) {
	d, err := s.layOut(ctx, a.Edited())
	d.live = a
	return d, err
}

func (s *scoped) layOutWith(ctx context.Context, a automation.Automation, connections []connection.Connection) desk {
	d := desk{a: a, live: a}
	var both sync.WaitGroup
	both.Go(func() { d.source = s.end(ctx, a.Definition.Source, connections, sourceKeys(a.Definition)) })
	both.Go(func() { d.target = s.end(ctx, a.Definition.Target, connections, targetKeys(a.Definition)) })
	both.Wait()
	d.compile()
	return d
}

func (s *scoped) end(ctx context.Context, e automation.Endpoint, connections []connection.Connection, keys []string) end {
	out := end{Endpoint: e}
	out.object, _ = s.Descriptors[e.Provider].Object(e.Object)
	name := s.providerName(e.Provider)
	i := slices.IndexFunc(connections, func(c connection.Connection) bool { return c.ID == e.Connection })
	var err error
	switch {
	case e.Connection == "":
		out.problem = &ui.Problem{Tone: ui.Warn, Title: name + " is not connected", Detail: "Its fields and samples appear once it is. Until then this automation cannot run.", Href: "/connections", HrefLabel: "Connect " + name, Code: "not_connected"}
	case i < 0:
		out.problem = &ui.Problem{Title: "The " + name + " account was disconnected", Detail: "This automation waits until an account is connected. What you set up is kept.", Href: "/connections", HrefLabel: "Connect " + name, Code: "disconnected"}
	case connections[i].State != connection.Active:
		out.problem = &ui.Problem{Title: name + " needs reconnecting", Detail: connections[i].Problem, Next: "Reconnect it. Nothing is lost: this automation waits.", Href: "/connections", HrefLabel: "Reconnect " + name, Code: "needs_reconnect"}
	}
	if i >= 0 {
		out.byKey = connections[i].Auth != connection.ByOAuth
		out.schema, out.known, err = s.schema(ctx, e)
		if err != nil && out.problem == nil {
			out.problem = problemOf(err, name+" "+string(e.Object), side(e.Provider))
			if late(err) {
				out.problem = &ui.Problem{Title: name + " does not answer", Detail: "It was given a few seconds. You can go on working; what needs its answer is left out.", Next: "Reload the page in a moment.", Code: "timeout"}
			}
			out.problem.Tone, out.problem.Href, out.problem.HrefLabel = ui.Warn, "/connections", "Look at the connection"
		}
	}
	if !out.known {
		out.schema = s.assumed(e, keys)
	}
	return out
}

func late(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// schema asks for the fields of a side. When the account does not answer, what it said last still serves.
func (s *scoped) schema(ctx context.Context, e automation.Endpoint) (record.Schema, bool, error) {
	key := string(e.Connection) + "/" + string(e.Object)
	if s.recall.wasLate(key, s.Now()) {
		schema, known := s.recall.schema(key)
		return schema, known, context.DeadlineExceeded
	}
	ctx, cancel := context.WithTimeout(interactive(ctx), patience)
	defer cancel()
	schema, err := s.Definitions.Schema(ctx, e.Connection, e.Object)
	if err == nil {
		s.recall.keepSchema(key, schema)
		return schema, true, nil
	}
	if late(err) {
		s.recall.noteLate(key, s.Now())
	}
	schema, known := s.recall.schema(key)
	return schema, known, err
}

// assumed is the schema of an account that never answered: the fields the definition names, as texts.
func (s *scoped) assumed(e automation.Endpoint, keys []string) record.Schema {
	o, ok := s.Descriptors[e.Provider].Object(e.Object)
	if !ok {
		o.Label = string(e.Object)
	}
	schema := record.Schema{Type: e.Object, Label: s.providerName(e.Provider) + " " + o.Label}
	for _, k := range keys {
		if _, ok := schema.Field(k); !ok && k != "" {
			schema.Fields = append(schema.Fields, record.FieldSpec{Key: k, Label: spelledOut(k), Kind: record.Text})
		}
	}
	return schema
}

// spelledOut makes "firstName" readable: "First name".
func spelledOut(key string) string {
	var b strings.Builder
	for i, r := range key[strings.LastIndexByte(key, '.')+1:] {
		switch {
		case i == 0:
			b.WriteString(strings.ToUpper(string(r)))
		case r >= 'A' && r <= 'Z':
			b.WriteString(" " + strings.ToLower(string(r)))
		case r == '_':
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func sourceKeys(d automation.Definition) []string {
	var keys []string
	for _, r := range d.Mapping.Rows {
		keys = append(keys, r.Sources...)
	}
	for _, m := range d.Match {
		keys = append(keys, m.Source)
	}
	return append(keys, d.Rule.Fields()...)
}

func targetKeys(d automation.Definition) []string {
	var keys []string
	for _, r := range d.Mapping.Rows {
		keys = append(keys, r.Target)
	}
	for _, m := range d.Match {
		keys = append(keys, m.Target)
	}
	return keys
}

// compile drops complaints that rest on an assumed schema.
func (d *desk) compile() {
	d.compiled = engine.Compile(d.a, engine.Side{Schema: d.source.schema, Object: d.source.object}, engine.Side{Schema: d.target.schema, Object: d.target.object})
	if !d.source.known {
		d.compiled.RuleProblems = nil
	}
	if !d.known() {
		d.compiled.MappingProblems = nil
	}
}

// with is the same desk with another definition on it.
func (d desk) with(def automation.Definition) desk {
	d.a.Definition = def
	d.compile()
	return d
}
