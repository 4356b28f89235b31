package rule

import (
	"strings"

	"crosswalk/internal/record"
)

// Verdict is a rule tried on one record, with the value of every condition.
type Verdict struct {
	Passed bool  `json:"passed"`
	Root   Check `json:"root"`
}

// Check is one node's part of a verdict. Label is the condition as a sentence, Got the value it saw.
type Check struct {
	NodeID string  `json:"node,omitempty"`
	Op     Op      `json:"op,omitempty"`
	Label  string  `json:"label,omitempty"`
	Got    string  `json:"got,omitempty"`
	Passed bool    `json:"passed"`
	Broken string  `json:"broken,omitempty"` // why it can never pass
	Checks []Check `json:"checks,omitempty"`
}

// Evaluate tries the rule on a record. Every condition is evaluated, so that all of them can be explained.
func (p *Program) Evaluate(f record.Fields) Verdict {
	root := p.check(&p.root, f)
	return Verdict{Passed: root.Passed, Root: root}
}

// Passes is Evaluate without the explanation.
func (p *Program) Passes(f record.Fields) bool { return p.passes(&p.root, f) }

func (p *Program) passes(c *compiled, f record.Fields) bool {
	if c.broken != "" {
		return false
	}
	if !c.node.IsGroup() {
		return c.op.test(ready(c.spec.Kind, f[c.spec.Key], p.locale), c.want)
	}
	if c.node.Op == Or && len(c.nodes) > 0 {
		for i := range c.nodes {
			if p.passes(&c.nodes[i], f) {
				return true
			}
		}
		return false
	}
	for i := range c.nodes {
		if !p.passes(&c.nodes[i], f) {
			return false
		}
	}
	return true
}

func (p *Program) check(c *compiled, f record.Fields) Check {
	out := Check{NodeID: c.node.ID, Op: c.node.Op, Broken: c.broken}
	if !c.node.IsGroup() {
		out.Label = c.label()
		v := f[c.spec.Key]
		out.Got = shown(v)
		if c.broken == "" {
			out.Passed = c.op.test(ready(c.spec.Kind, v, p.locale), c.want)
		}
		return out
	}
	out.Passed = c.broken == "" && (c.node.Op != Or || len(c.nodes) == 0)
	for i := range c.nodes {
		inner := p.check(&c.nodes[i], f)
		out.Checks = append(out.Checks, inner)
		switch {
		case c.broken != "":
		case c.node.Op == Or:
			out.Passed = out.Passed || inner.Passed
		default:
			out.Passed = out.Passed && inner.Passed
		}
	}
	return out
}

func (c *compiled) label() string {
	words := c.spec.Label
	if words == "" {
		words = "a field"
	}
	if c.op.Label == "" {
		return words
	}
	words += " " + c.op.Label
	if c.op.NeedsValue {
		words += " “" + shortText(c.node.Value) + "”"
	}
	return words
}

func shown(v record.Value) string {
	if v.IsEmpty() {
		return "empty"
	}
	return shortText(v.String())
}

func shortText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}

// Why says in a sentence what decided: what held when it passed, what did not when it failed.
func (v Verdict) Why() string {
	if len(v.Root.Checks) == 0 && v.Root.Label == "" && v.Root.Broken == "" {
		return "There is no condition, so every record passes."
	}
	reasons := deciding(v.Root, v.Passed)
	if len(reasons) == 0 {
		return "There is no condition, so every record passes."
	}
	return strings.Join(reasons, "; ") + "."
}

// deciding collects the conditions that came out as the whole did.
func deciding(c Check, passed bool) []string {
	if c.Broken != "" {
		if passed {
			return nil
		}
		return []string{strings.TrimSuffix(c.Broken, ".")}
	}
	if len(c.Checks) == 0 {
		if c.Label == "" || c.Passed != passed {
			return nil
		}
		if passed {
			return []string{c.Label + " (" + c.Got + ")"}
		}
		return []string{c.Label + ", but it is " + quoted(c.Got)}
	}
	var out []string
	for _, inner := range c.Checks {
		if inner.Passed == passed {
			out = append(out, deciding(inner, passed)...)
		}
	}
	return out
}

func quoted(s string) string {
	if s == "empty" {
		return s
	}
	return "“" + s + "”"
}
