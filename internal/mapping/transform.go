package mapping

import (
	"fmt"
	"slices"
	"strings"

	"crosswalk/internal/record"
)

// Transform is one function a row may use. The table in transforms() is all there are: forms, help and tests
// are made from it.
type Transform struct {
	Use     string
	Label   string
	Summary string // one sentence
	Group   string
	Params  []Param
	// Several is set where more than one source is taken at once; others see the first source only.
	Several  bool
	Examples []Example

	build func(a args) (apply, *ParamError)
	chip  func(a args) string
}

// ParamKind chooses the control of a parameter.
type ParamKind string

// The kinds of parameter. A table has one "from = to" a line.
const (
	ParamText   ParamKind = "text"
	ParamNumber ParamKind = "number"
	ParamChoice ParamKind = "choice"
	ParamBool   ParamKind = "bool"
	ParamTable  ParamKind = "table"
)

// Param is one declared parameter: checked when a mapping is compiled, so that applying it cannot go wrong.
type Param struct {
	Name, Label, Help string
	Kind              ParamKind
	Options           []Option
	Default           string
	Required          bool
}

// Option is one choice of a parameter.
type Option struct{ Value, Label string }

// Example shows a transform at work. Every example is run as a test and shown as help.
type Example struct {
	In   []record.Value
	With map[string]string
	Out  record.Value
	Err  string // code, when it refuses
}

// ParamError says what is wrong with a parameter, for the form.
type ParamError struct {
	Param   string
	Message string
}

func (e *ParamError) Error() string { return e.Param + ": " + e.Message }

// apply turns the values at hand into the next ones. Most transforms take one and give one.
type apply func(in []record.Value) (record.Value, *ValueError)

// ValueError says why a value could not be transformed.
type ValueError struct {
	Code   string
	Reason string // a sentence
}

func (e *ValueError) Error() string { return e.Reason }

func refuse(code, format string, a ...any) (record.Value, *ValueError) {
	return record.Value{}, &ValueError{Code: code, Reason: fmt.Sprintf(format, a...)}
}

// one lifts a function on a single value; the empty value, and a text of nothing but space, stays empty.
func one(f func(v record.Value) (record.Value, *ValueError)) apply {
	return func(in []record.Value) (record.Value, *ValueError) {
		if len(in) == 0 || in[0].IsEmpty() {
			return record.Value{}, nil
		}
		if s, ok := in[0].AsText(); ok && strings.TrimSpace(s) == "" {
			return record.Value{}, nil
		}
		return f(in[0])
	}
}

// text lifts a function on texts: numbers and the like become text first, labels are done one by one.
func text(f func(s string) string) apply {
	return one(func(v record.Value) (record.Value, *ValueError) {
		if items, ok := v.AsList(); ok {
			out, sum := make([]string, 0, len(items)), 0
			for _, e := range items {
				if e = f(e); e != "" {
					out = append(out, e)
				}
				if sum += len(e); sum > maxBetween {
					return refuse("too_long", "this transform makes the labels too long.")
				}
			}
			return record.ListOf(out), nil
		}
		return record.TextOf(f(v.String())), nil
	})
}

// maxParam bounds a parameter that is no table, in bytes.
const maxParam = 4 << 10

// args are a step's parameters with defaults filled in.
type args struct {
	spec   []Param
	values map[string]string
	locale record.Locale
}

func (a args) get(name string) string {
	if v, ok := a.values[name]; ok {
		return v
	}
	for _, p := range a.spec {
		if p.Name == name {
			return p.Default
		}
	}
	return ""
}

// check finds what is wrong with the parameters themselves: missing, unknown, or not one of the options.
func (a args) check() *ParamError {
	for name := range a.values {
		if !slices.ContainsFunc(a.spec, func(p Param) bool { return p.Name == name }) {
			return &ParamError{name, "This transform has no such setting."}
		}
	}
	for _, p := range a.spec {
		v := a.get(p.Name)
		switch {
		case p.Required && v == "":
			return &ParamError{p.Name, "This is needed."}
		case len(v) > maxParam && p.Kind != ParamTable, len(v) > MaxTableBytes:
			return &ParamError{p.Name, "This is too long."}
		case p.Kind == ParamChoice && v != "" && !slices.ContainsFunc(p.Options, func(o Option) bool { return o.Value == v }):
			return &ParamError{p.Name, fmt.Sprintf("“%s” is not one of the choices.", v)}
		}
	}
	return nil
}

var table = transforms()

// Transforms lists all there are, in the order a form offers them.
func Transforms() []Transform { return table }

// FindTransform looks one up by its name.
func FindTransform(use string) (Transform, bool) {
	i := slices.IndexFunc(table, func(t Transform) bool { return t.Use == use })
	if i < 0 {
		return Transform{}, false
	}
	return table[i], true
}

// Check says what is wrong with a step before it is saved; nil when nothing is.
func (s Step) Check(loc record.Locale) *ParamError {
	t, ok := FindTransform(s.Use)
	if !ok {
		return &ParamError{"", fmt.Sprintf("There is no transform “%s”.", s.Use)}
	}
	_, err := t.prepare(s, loc)
	return err
}

// Chip is the step in a few words, as it stands on the wire.
func (s Step) Chip() string {
	t, ok := FindTransform(s.Use)
	if !ok {
		return s.Use
	}
	if t.chip == nil {
		return t.Label
	}
	return t.chip(args{spec: t.Params, values: s.With})
}

func (t Transform) prepare(s Step, loc record.Locale) (apply, *ParamError) {
	a := args{spec: t.Params, values: s.With, locale: loc}
	if err := a.check(); err != nil {
		return nil, err
	}
	return t.build(a)
}
