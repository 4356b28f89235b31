package mappingui

import (
	"net/url"
	"strconv"
	"strings"
)

// The row editor's controls:
//
//	version                 the version the page was made from
//	source                  repeated, in order; empty ones are left out
//	direction               to_target | to_source | both
//	policy                  source | target | newest | only_if_empty | ask
//	clear                   true: emptying it on one side empties it on the other
//	transform.N.name        hidden; N counts from 0
//	transform.N.param.P     parameter P of transform N
//	add                     name of the transform to add
//	back                    own: the way back has transforms of its own, and then
//	back.N.…, addback       the same for them as transform.N.… and add
//	do                      the pressed button: save | add | remove:N | up:N |
//	                        add-source | one-way | own-back | told-back |
//	                        add-back | remove-back:N | up-back:N
//	fix                     the Fix of a pressed warning button
//
// The provider's field names never become part of a control's name.

// RowForm is a posted row editor.
type RowForm struct {
	Version    int
	Sources    []string
	Direction  Direction // empty when the form does not show it
	Policy     string
	Clear      bool
	Transforms []TransformForm
	OwnBack    bool
	Back       []TransformForm
	Do, Add    string
	Fix        string
}

// TransformForm is one transform as posted.
type TransformForm struct {
	Name   string
	Params map[string]string
}

// maxTransforms keeps a hostile form from growing without end.
const maxTransforms = 50

// ReadRow reads the row editor's form. The edits that change the lists of
// transforms (add, remove:N, up:N and those of the way back) are already applied.
func ReadRow(form url.Values) RowForm {
	f := RowForm{
		Direction: Direction(form.Get("direction")), Policy: form.Get("policy"), Clear: form.Get("clear") == "true",
		OwnBack: form.Get("back") == "own", Do: form.Get("do"), Add: form.Get("add"), Fix: form.Get("fix"),
	}
	f.Version, _ = strconv.Atoi(form.Get("version"))
	for _, s := range form["source"] {
		if s != "" {
			f.Sources = append(f.Sources, s)
		}
	}
	f.Transforms = readTransforms(form, "transform.")
	f.Transforms = f.edited(f.Transforms, "", form.Get("add"))
	if f.OwnBack {
		f.Back = f.edited(readTransforms(form, "back."), "-back", form.Get("addback"))
	}
	return f
}

func readTransforms(form url.Values, list string) []TransformForm {
	var out []TransformForm
	for n := range maxTransforms {
		prefix := list + strconv.Itoa(n) + "."
		if !form.Has(prefix + "name") {
			break
		}
		t := TransformForm{Name: form.Get(prefix + "name"), Params: map[string]string{}}
		for name := range form {
			if param, ok := strings.CutPrefix(name, prefix+"param."); ok {
				t.Params[param] = form.Get(name)
			}
		}
		out = append(out, t)
	}
	return out
}

// edited applies the pressed button to one of the two lists; suffix tells which
// list the button belongs to.
func (f RowForm) edited(list []TransformForm, suffix, add string) []TransformForm {
	verb, number, _ := strings.Cut(f.Do, ":")
	if verb == "add"+suffix && add != "" && len(list) < maxTransforms {
		return append(list, TransformForm{Name: add, Params: map[string]string{}})
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n >= len(list) {
		return list
	}
	switch verb {
	case "remove" + suffix:
		return append(list[:n:n], list[n+1:]...)
	case "up" + suffix:
		if n > 0 {
			list[n-1], list[n] = list[n], list[n-1]
		}
	}
	return list
}

// ReadTable reads a table parameter, one "from = to" a line. Lines without a
// sign are returned in bad, with their numbers counted from 1.
func ReadTable(text string) (pairs [][2]string, bad []int) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		from, to, ok := strings.Cut(line, "=")
		if !ok {
			bad = append(bad, number)
			continue
		}
		pairs = append(pairs, [2]string{strings.TrimSpace(from), strings.TrimSpace(to)})
	}
	return pairs, bad
}
