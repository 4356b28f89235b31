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
//	policy                  one of Policies
//	transform.N.name        hidden; N counts from 0
//	transform.N.param.P     parameter P of transform N
//	add                     name of the transform to add
//	do                      the pressed button: save | add | remove:N | up:N |
//	                        add-source
//	fix                     the Fix of a pressed warning button
//
// The provider's field names never become part of a control's name.

// RowForm is a posted row editor.
type RowForm struct {
	Version    int
	Sources    []string
	Policy     string
	Transforms []TransformForm
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

// ReadRow reads the row editor's form. The edits that change the list of
// transforms (add, remove:N, up:N) are already applied to Transforms.
func ReadRow(form url.Values) RowForm {
	f := RowForm{Policy: form.Get("policy"), Do: form.Get("do"), Add: form.Get("add"), Fix: form.Get("fix")}
	f.Version, _ = strconv.Atoi(form.Get("version"))
	for _, s := range form["source"] {
		if s != "" {
			f.Sources = append(f.Sources, s)
		}
	}
	for n := range maxTransforms {
		prefix := "transform." + strconv.Itoa(n) + "."
		if !form.Has(prefix + "name") {
			break
		}
		t := TransformForm{Name: form.Get(prefix + "name"), Params: map[string]string{}}
		for name := range form {
			if param, ok := strings.CutPrefix(name, prefix+"param."); ok {
				t.Params[param] = form.Get(name)
			}
		}
		f.Transforms = append(f.Transforms, t)
	}
	f.apply()
	return f
}

func (f *RowForm) apply() {
	verb, number, _ := strings.Cut(f.Do, ":")
	if verb == "add" && f.Add != "" && len(f.Transforms) < maxTransforms {
		f.Transforms = append(f.Transforms, TransformForm{Name: f.Add, Params: map[string]string{}})
		return
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n >= len(f.Transforms) {
		return
	}
	switch verb {
	case "remove":
		f.Transforms = append(f.Transforms[:n:n], f.Transforms[n+1:]...)
	case "up":
		if n > 0 {
			f.Transforms[n-1], f.Transforms[n] = f.Transforms[n], f.Transforms[n-1]
		}
	}
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
