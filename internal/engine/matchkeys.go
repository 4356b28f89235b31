package engine

import (
	"slices"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// KeyProblem is why match keys cannot be worked with. Key is which one; EveryKey: it is about all of them together.
type KeyProblem struct {
	Key                       int
	Code, Message, Suggestion string
}

// EveryKey is the Key of a problem that no single match key has.
const EveryKey = -1

// KeyFields are the fields of a side that can be half of a match key, whichever way records are looked up.
func KeyFields(s record.Schema) []record.FieldSpec {
	return slices.DeleteFunc(slices.Clone(s.Fields), func(f record.FieldSpec) bool { return !f.Kind.Identifies() })
}

// LookedUpBy are the fields of the counterpart that records can be recognised by.
func (c *Compiled) LookedUpBy() []record.FieldSpec {
	return slices.DeleteFunc(KeyFields(c.Target), func(f record.FieldSpec) bool {
		return c.TargetObject.Lookup(f) == provider.NoLookup
	})
}

// KeyProblems says what is wrong with the match keys: fields that are gone or tell nobody apart, and what is too little to
// make records on.
func (c *Compiled) KeyProblems() []KeyProblem {
	var out []KeyProblem
	for i, m := range c.Def.Match {
		if p, bad := c.keyProblem(m); bad {
			p.Key = i
			out = append(out, p)
		}
		if slices.IndexFunc(c.Def.Match, func(o automation.MatchKey) bool { return o.Source == m.Source && o.Target == m.Target }) < i {
			out = append(out, KeyProblem{i, "twice", "It is a match key already.", ""})
		}
	}
	out = append(out, c.tooFewKeys(c.Def.Create)...)
	if f := c.flipped; f != nil {
		out = append(out, f.tooFewKeys(c.Def.CreateSource)...)
		if !c.Def.CreateSource && len(c.Def.Match) > 0 && f.strongestKey() == provider.NoLookup {
			out = append(out, KeyProblem{EveryKey, "not_looked_up_back",
				"None of the keys can be looked up in the " + c.Source.Label + ", so what begins in the " + c.Target.Label + " would never find its counterpart.",
				"Keep a key of " + f.sureLabels() + "."})
		}
	}
	return out
}

func (c *Compiled) keyProblem(m automation.MatchKey) (KeyProblem, bool) {
	here, ok := c.Source.Field(m.Source)
	if !ok {
		return KeyProblem{Code: "source_gone", Message: "The field “" + m.Source + "” does not exist in the " + c.Source.Label + ".", Suggestion: "Choose another field."}, true
	}
	there, ok := c.Target.Field(m.Target)
	if !ok {
		return KeyProblem{Code: "target_gone", Message: "The field “" + m.Target + "” does not exist in the " + c.Target.Label + ".", Suggestion: "Choose another field."}, true
	}
	for _, f := range []record.FieldSpec{here, there} {
		if !f.Kind.Identifies() {
			return KeyProblem{Code: "kind", Message: f.Label + " tells nobody apart: it holds " + f.Kind.Words() + ".", Suggestion: "Choose an email, a phone number, or a field with an id."}, true
		}
	}
	if c.TargetObject.Lookup(there) == provider.NoLookup {
		return KeyProblem{Code: "not_looked_up",
			Message:    "A " + c.Target.Label + " cannot be looked up by " + there.Label + ". When a single record changes, nobody would be found by it.",
			Suggestion: "Choose one of " + labelsOf(c.LookedUpBy()) + "."}, true
	}
	if address(here.Kind) && address(there.Kind) && here.Kind != there.Kind {
		return KeyProblem{Code: "kinds", Message: here.Label + " holds " + here.Kind.Words() + " and " + there.Label + " " + there.Kind.Words() + ", which are never the same.", Suggestion: "Choose two fields that hold the same."}, true
	}
	return KeyProblem{}, false
}

func address(k record.Kind) bool { return k == record.Email || k == record.Phone }

// tooFewKeys says that records would be made twice: nothing tells for sure that there is none yet (I8). What cannot be
// looked up at all, as a note, is known by its link alone.
func (c *Compiled) tooFewKeys(creates bool) []KeyProblem {
	if !creates || len(c.TargetObject.MatchFields) == 0 || c.strongestKey() == provider.Surely {
		return nil
	}
	if len(c.Def.Match) == 0 {
		return []KeyProblem{{EveryKey, "none", "Nothing tells whether a " + c.Target.Label + " is there already, so a second one would be made of everybody.", "Keep a key of " + c.sureLabels() + ", or let this automation create no " + c.Target.Label + "."}}
	}
	return []KeyProblem{{EveryKey, "unproven",
		"By these keys alone nobody can tell for sure that a " + c.Target.Label + " is not there yet: that search is late, so doubles would be made.",
		"Keep a key of " + c.sureLabels() + " as well, or let this automation create no " + c.Target.Label + "."}}
}

// strongestKey is the best that a match key's lookup is worth.
func (c *Compiled) strongestKey() provider.Lookup {
	best := provider.NoLookup
	for _, m := range c.Def.Match {
		if f, ok := c.Target.Field(m.Target); ok {
			best = max(best, c.TargetObject.Lookup(f))
		}
	}
	return best
}

// sureLabels names the fields a counterpart is looked up by for sure.
func (c *Compiled) sureLabels() string {
	return labelsOf(slices.DeleteFunc(c.LookedUpBy(), func(f record.FieldSpec) bool { return c.TargetObject.Lookup(f) != provider.Surely }))
}

func labelsOf(fields []record.FieldSpec) string {
	labels := make([]string, 0, len(fields))
	for _, f := range fields {
		labels = append(labels, f.Label)
	}
	if n := len(labels); n > 1 {
		return strings.Join(labels[:n-1], ", ") + " or " + labels[n-1]
	}
	return strings.Join(labels, "")
}

// unproven reports that nobody was found, and only by fields of which that proves nothing.
func (c *Compiled) unproven(id automation.Identity) bool {
	if id.How != automation.NotFound || len(id.Evidence) == 0 {
		return false
	}
	return !slices.ContainsFunc(id.Evidence, func(e automation.Evidence) bool {
		f, ok := c.Target.Field(e.Key)
		return !ok || c.TargetObject.Lookup(f) != provider.Likely
	})
}

// proof says what would tell for sure.
func (c *Compiled) proof() string {
	var fields []record.FieldSpec
	for _, m := range c.Def.Match {
		here, known := c.Source.Field(m.Source)
		there, ok := c.Target.Field(m.Target)
		if known && ok && c.TargetObject.Lookup(there) == provider.Surely {
			fields = append(fields, here)
		}
	}
	if len(fields) == 0 {
		return "Add a match key of " + c.sureLabels() + ","
	}
	return "Fill in its " + labelsOf(fields) + ","
}

// evidenceWords joins the fields somebody was looked for by.
func evidenceWords(id automation.Identity) string {
	var labels []string
	for _, e := range id.Evidence {
		if !slices.Contains(labels, e.Field) {
			labels = append(labels, e.Field)
		}
	}
	return strings.Join(labels, " and ")
}

// NewKeyProblem is the first thing that is wrong with the match keys and was not before; !ok: nothing. What was wrong before
// keeps nobody from putting it right step by step.
func (c *Compiled) NewKeyProblem(before *Compiled) (_ KeyProblem, ok bool) {
	had := before.KeyProblems()
	for _, p := range c.KeyProblems() {
		if !slices.ContainsFunc(had, func(h KeyProblem) bool { return h.Code == p.Code && h.Message == p.Message }) {
			return p, true
		}
	}
	return KeyProblem{}, false
}
