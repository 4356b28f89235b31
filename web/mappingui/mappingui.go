// Package mappingui holds the mapping canvas: two columns of fields with live
// sample values, the wires between them and the editor of every row.
//
// All ways to connect fill and submit one form per target field:
//
//	POST /automations/:id/rows            source, target, version; an empty
//	                                      source disconnects; direction=to_source
//	                                      with fills adds a row that leads back
//	POST /automations/:id/rows/:row       the row editor, see [ReadRow]
//	POST /automations/:id/rows/:row/delete
//	POST /automations/:id/keys            do: add, remove, up or down; source,
//	                                      target, version
//	POST /automations/:id/undo, /redo     version
package mappingui

import (
	"strconv"

	"crosswalk/web/automationui"
	"crosswalk/web/ui"
)

// View is /automations/:id/map.
type View struct {
	automationui.Builder
	From, To Object
	Sources  []Source
	Targets  []Target // in the order to show; mapped and required ones first
	// Palette is what "add transform" offers.
	Palette []ui.Option
	// Samples are recent source records; GET ?sample=ID chooses one.
	Samples  []ui.Option
	SampleID string
	// UndoLabel and RedoLabel say what the button would take back; empty disables it.
	UndoLabel, RedoLabel string
	Problems             []ui.Problem
	Unreachable          string // why there are no sample values, if there are none
	Keys                 Keys
}

// Keys are how counterparts are recognised, best first.
type Keys struct {
	List     []Key
	Problems []string // of all of them together
	LinkOnly string   // why there can be none, if there cannot
	// From and To choose the two fields of another one; without an ID none can be chosen now.
	From, To ui.Input
	Hint     string
}

// Key is one match key: the same value in both fields makes two records one.
type Key struct {
	Source, Target           string // field keys
	SourceLabel, TargetLabel string
	How                      string // how the two are compared
	Notes                    []string
	Error                    string
	First, Last              bool
}

func (k Key) name() string { return k.SourceLabel + " as " + k.TargetLabel }

// Object is one side of the canvas.
type Object struct {
	Side  ui.Side
	Title string // "Gleap contact"
}

// Source is a field one can map from.
type Source struct {
	Key, Label, Type string
	Sample           string
	SampleAt         string // in RFC 3339, when the sample is a moment
	Unseen           string // what is said in the place of a sample that could not be read
	Used             bool
	Gone             bool // mapped, but the provider no longer has it
}

// Target is a field one can map to.
type Target struct {
	Key, Label, Type string
	Note             string // "match key", "never overwritten"
	Required         bool
	Gone             bool
	ReadOnly         bool
	Row              *Row
	Backs            []*Row   // rows that only lead from this field back to a source field
	Result           *ui.Diff // for the sample record; Field is not used
	Suggestion       *Suggestion
}

// Suggestion is a likely source with its reason.
type Suggestion struct{ Source, Label, Reason string }

// Direction says which way a row leads.
type Direction string

// The directions; the zero value leads to the target.
const (
	ToTarget Direction = "to_target"
	ToSource Direction = "to_source"
	Both     Direction = "both"
)

// Row is a mapped target's way from its sources, or back to them.
type Row struct {
	ID         string
	Sources    []string // keys
	Transforms []Transform
	Direction  Direction
	Back       Back   // of a row that leads both ways
	Clear      bool   // emptying it on one side empties it on the other
	Policy     string // one of the View's policies
	// BackResults are what the sample would become on the source side. Field names the one of several that is meant.
	BackResults []ui.Diff
	Warnings    []Warning
	Error       string // the sample's value cannot be mapped, in words
	Open        bool   // show the editor at once, e.g. after a refused save
}

// Back is how a value of a two-way row goes back.
type Back struct {
	Own        bool        // it has transforms of its own
	Transforms []Transform // those
	Told       string      // what its transforms tell by themselves; empty when they tell nothing
}

// Transform is one function on the wire.
type Transform struct {
	Name, Label string
	Summary     string // on the chip: "phone, US"
	Params      []Param
}

// Param is one parameter of a transform. Kind is text, select, number, bool or
// table; a table's value has one "from = to" per line.
type Param struct {
	Name, Label, Kind, Value string
	Options                  []ui.Option
	Hint, Error              string
}

// Warning is something that may go wrong on a row, with the fix if one is known.
type Warning struct {
	Text          string
	Fix, FixLabel string
}

// policies are the owner policies of a row, with the words of both sides.
func (v View) policies() []ui.Option {
	return []ui.Option{
		{Value: "source", Label: v.From.Side.Name() + " wins"},
		{Value: "target", Label: v.To.Side.Name() + " wins"},
		{Value: "newest", Label: "The newest edit wins"},
		{Value: "only_if_empty", Label: "Only fill what is empty"},
		{Value: "ask", Label: "Ask me"},
	}
}

// directions are the ways a row may lead, with the words of both sides.
func (v View) directions() []ui.Option {
	return []ui.Option{
		{Value: string(ToTarget), Label: "to " + v.To.Side.Name()},
		{Value: string(ToSource), Label: "to " + v.From.Side.Name()},
		{Value: string(Both), Label: "both ways"},
	}
}

// leads says the direction of a row for those who do not see the wire.
func (v View) leads(r *Row) string {
	for _, d := range v.directions() {
		if d.Value == string(r.direction()) {
			return d.Label
		}
	}
	return ""
}

func (r *Row) direction() Direction {
	if r.Direction == "" {
		return ToTarget
	}
	return r.Direction
}

// arrow is the direction as a sign.
func (r *Row) arrow() string {
	switch r.Direction {
	case ToSource:
		return "←"
	case Both:
		return "↔"
	}
	return "→"
}

// takes reports whether another source may be added: what leads back can be taken apart into two.
func (r *Row) takes() bool {
	return r.direction() == ToTarget || r.Direction == Both && len(r.Sources) < 2
}

// title names the field a row fills.
func (v View) title(t Target, r *Row) string {
	if r.Direction == ToSource && len(r.Sources) > 0 {
		return v.sourceLabel(r.Sources[0]) + " from " + t.Label
	}
	return t.Label
}

func (r *Row) id(what string, n int) string { return what + "-" + r.ID + "-" + strconv.Itoa(n) }

func (v View) sourceOptions() []ui.Option {
	options := []ui.Option{{Value: "", Label: "not connected"}}
	for _, s := range v.Sources {
		label := s.Label
		if s.Gone {
			label += " (deleted)"
		}
		options = append(options, ui.Option{Value: s.Key, Label: label})
	}
	return options
}

func (v View) sourceLabel(key string) string {
	for _, s := range v.Sources {
		if s.Key == key {
			return s.Label
		}
	}
	return key
}

func (v View) mapped() int {
	n := 0
	for _, t := range v.Targets {
		if t.Row != nil {
			n++
		}
	}
	return n
}

func (t Target) source() string {
	if t.Row == nil || len(t.Row.Sources) == 0 {
		return ""
	}
	return t.Row.Sources[0]
}

func (s Source) state() string {
	switch {
	case s.Gone:
		return "gone"
	case s.Used:
		return "mapped"
	}
	return "open"
}

// state is the word the style sheet and the script look at.
func (t Target) state() string {
	switch {
	case t.Gone:
		return "gone"
	case t.Row != nil:
		return t.Row.state()
	case t.Required:
		return "required"
	case len(t.Backs) > 0:
		return "mapped"
	}
	return "open"
}

func (r *Row) state() string {
	switch {
	case r.Error != "":
		return "error"
	case len(r.Warnings) > 0:
		return "warning"
	}
	return "mapped"
}

func (r Row) summary() string {
	switch len(r.Transforms) {
	case 0:
		if r.Policy == "only_if_empty" {
			return "only if empty"
		}
		return "as it is"
	case 1:
		return r.Transforms[0].chip()
	}
	return r.Transforms[0].chip() + " +" + strconv.Itoa(len(r.Transforms)-1)
}

func (t Transform) chip() string {
	if t.Summary != "" {
		return t.Summary
	}
	return t.Label
}

func (p Param) input(prefix, id string) ui.Input {
	in := ui.Input{ID: id, Name: prefix + p.Name, Label: p.Label, Value: p.Value, Options: p.Options, Hint: p.Hint, Error: p.Error, Required: true, Type: "text"}
	switch p.Kind {
	case "select", "number":
		in.Type = p.Kind
	case "bool":
		in.Type, in.Checked = "checkbox", p.Value == "true"
	case "table":
		in.Type, in.Rows, in.Mono = "textarea", 5, true
		if in.Hint == "" {
			in.Hint = "One pair a line: from = to"
		}
	}
	return in
}
