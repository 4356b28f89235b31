package gleap

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"crosswalk/internal/record"
)

// field is one standard field and where Gleap keeps it.
type field struct {
	record.FieldSpec
	path string // dotted path in the answer; the key when empty
}

func (f field) source() string {
	if f.path != "" {
		return f.path
	}
	return f.Key
}

func readOnly(fs ...field) []field {
	for i := range fs {
		fs[i].ReadOnly = true
	}
	return fs
}

func spec(key, label string, kind record.Kind) field {
	return field{FieldSpec: record.FieldSpec{Key: key, Label: label, Kind: kind}}
}

func (f field) from(path string) field    { f.path = path; return f }
func (f field) required() field           { f.Required = true; return f }
func (f field) help(s string) field       { f.Help = s; return f }
func (f field) options(o ...string) field { f.Options = o; return f }
func fieldOf(fs []field, key string) (field, bool) {
	i := slices.IndexFunc(fs, func(f field) bool { return f.Key == key })
	if i < 0 {
		return field{}, false
	}
	return fs[i], true
}

func specs(fs []field) []record.FieldSpec {
	out := make([]record.FieldSpec, len(fs))
	for i, f := range fs {
		out[i] = f.FieldSpec
		out[i].Options = slices.Clone(f.Options)
	}
	return out
}

// bag is an object of free keys inside a document, "customData" or "formData"; its values are the fields "<bag>.<key>".
type bag string

// customKey splits "customData.plan" into its bag and key; the key may hold dots itself.
func customKey(bags []bag, key string) (bag, string, bool) {
	for _, b := range bags {
		if name, ok := strings.CutPrefix(key, string(b)+"."); ok && name != "" {
			return b, name, true
		}
	}
	return "", "", false
}

// readFields takes what the table knows and what the bags hold. It is a list of what to take, not of what to leave:
// gleapHash and secretShareToken are secrets (reference/gleap.md §7, §8) and can never get into a record.
func readFields(d document, fs []field, bags []bag) record.Fields {
	out := record.Fields{}
	for _, f := range fs {
		if v := value(d.at(f.source()), f.Kind); !v.IsEmpty() {
			out[f.Key] = v
		}
	}
	for _, b := range bags {
		for key, raw := range d.object(string(b)) {
			if v := record.FromJSON(raw); !v.IsEmpty() && key != "" {
				out[string(b)+"."+key] = v
			}
		}
	}
	return out
}

// customSpecs describes the free keys seen in a sample: no published endpoint lists them (reference/gleap.md §11).
func customSpecs(sample []document, bags []bag) []record.FieldSpec {
	var out []record.FieldSpec
	for _, b := range bags {
		seen := map[string]record.FieldSpec{}
		for _, d := range sample {
			for key, raw := range d.object(string(b)) {
				kind, plain, known := inferKind(raw)
				if key == "" || !known {
					continue
				}
				was, again := seen[key]
				if again && was.Kind != kind {
					kind = record.Text
				}
				seen[key] = record.FieldSpec{
					Key: string(b) + "." + key, Label: key, Kind: kind, Custom: true,
					// Only text, number and yes/no may be written (reference/gleap.md §7).
					ReadOnly: !plain || was.ReadOnly,
				}
			}
		}
		for _, key := range slices.Sorted(maps.Keys(seen)) {
			out = append(out, seen[key])
		}
	}
	return out
}

func inferKind(raw any) (kind record.Kind, plain, known bool) {
	switch x := raw.(type) {
	case string:
		return record.Text, true, x != ""
	case float64:
		return record.Number, true, true
	case bool:
		return record.Bool, true, true
	case []any:
		return record.Set, false, len(x) > 0
	case map[string]any:
		return record.Text, false, true
	}
	return "", false, false
}

// encode turns a value into the JSON Gleap wants for a standard field. ok is false when the value cannot be one.
// An empty value becomes what clears the field.
func encode(v record.Value, kind record.Kind) (raw any, ok bool) {
	switch kind {
	case record.Number:
		if v.IsEmpty() {
			return nil, true
		}
		return encodeNumber(v)
	case record.Bool:
		if v.IsEmpty() {
			return false, true
		}
		return encodeBool(v)
	case record.Set:
		if items, is := v.AsList(); is {
			return items, true
		}
		if v.IsEmpty() {
			return []string{}, true
		}
		return []string{v.String()}, true
	case record.Date, record.DateTime:
		if t, is := v.AsTime(); is {
			return stamp(t), true
		}
		s, _ := v.AsText()
		t, good := parseTime(s)
		if !good {
			return "", v.IsEmpty()
		}
		return stamp(t), true
	}
	return encodeText(v), true
}

// encodeCustom keeps the natural form: attributes are text, numbers and yes/no only (reference/gleap.md §7).
// Removing a key is undocumented (§19.4), so an empty value is written as empty text, which reads back as none.
func encodeCustom(v record.Value) any {
	if n, ok := v.AsNumber(); ok {
		return n
	}
	if b, ok := v.AsBool(); ok {
		return b
	}
	return encodeText(v)
}

func encodeText(v record.Value) string {
	if t, ok := v.AsTime(); ok {
		return stamp(t)
	}
	return v.String()
}

func encodeNumber(v record.Value) (any, bool) {
	if n, is := v.AsNumber(); is {
		return n, true
	}
	s, is := v.AsText()
	if !is {
		return nil, false
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || record.NumberOf(n).IsEmpty() {
		return nil, false
	}
	return n, true
}

func encodeBool(v record.Value) (any, bool) {
	if b, is := v.AsBool(); is {
		return b, true
	}
	if n, is := v.AsNumber(); is && (n == 0 || n == 1) {
		return n == 1, true
	}
	s, _ := v.AsText()
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "yes", "true", "1":
		return true, true
	case "no", "false", "0":
		return false, true
	}
	return nil, false
}

// applySet adds and removes labels, comparing without case as people do, and keeps the order.
func applySet(current, add, remove []string) []string {
	out := slices.DeleteFunc(slices.Clone(current), func(s string) bool { return containsFold(remove, s) })
	for _, s := range add {
		if s != "" && !containsFold(out, s) {
			out = append(out, s)
		}
	}
	if out == nil {
		out = []string{}
	}
	return out
}

func containsFold(items []string, s string) bool {
	return slices.ContainsFunc(items, func(item string) bool { return strings.EqualFold(item, s) })
}
