package highlevel_test

import (
	"errors"
	"slices"
	"testing"

	"crosswalk/internal/provider"
	"crosswalk/internal/provider/highlevel"
	twin "crosswalk/internal/twin/highlevel"
)

func TestProbesProveEachScopeAndChangeNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	before := s.twin.Stats().Writes
	proven := map[string]bool{}
	for _, p := range s.Probes() {
		if err := p.Try(t.Context()); err != nil {
			t.Errorf("%s: %v", p.Does, err)
		}
		proven[p.Scope] = true
	}
	for _, sc := range highlevel.Scopes() {
		if !proven[sc.Name] {
			t.Errorf("nothing proves %s", sc.Name)
		}
	}
	if n := s.twin.Stats().Writes - before; n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestAProbeTellsAMissingScopeFromOthers(t *testing.T) {
	t.Parallel()
	for _, sc := range highlevel.Scopes() {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.twin.SetFaults(twin.Faults{MissingScopes: []string{sc.Name}})
			for _, p := range s.Probes() {
				err := p.Try(t.Context())
				e, _ := errors.AsType[*provider.Error](err)
				missing := e != nil && e.Kind == provider.Forbidden && e.Scope == p.Scope
				if missing != (p.Scope == sc.Name) {
					t.Errorf("%s without %s: %v", p.Does, sc.Name, err)
				}
				if missing && e.TraceID == "" {
					t.Errorf("%s: a refusal without a trace id", p.Does)
				}
			}
		})
	}
}

// What an automation needs is looked up by the objects it touches, among what is asked for.
func TestEveryObjectSaysWhatItNeedsOfWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	d := highlevel.Descriptor()
	for _, o := range d.Objects {
		if len(o.ReadScopes) == 0 || o.Write && len(o.WriteScopes) == 0 {
			t.Errorf("%s does not say what it needs", o.Type)
		}
		for _, needed := range slices.Concat(o.ReadScopes, o.WriteScopes) {
			if !slices.ContainsFunc(d.Scopes, func(s provider.Scope) bool { return s.Name == needed }) {
				t.Errorf("%s needs %s, which nobody asks for", o.Type, needed)
			}
		}
	}
}
