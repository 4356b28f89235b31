package highlevel

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// customValueBody takes the field by id or by key, and the value under either
// spelling: §4.7.
var customValueBody = schema{
	"id": text(), "key": text(),
	"field_value": {kind: kindAny, null: true}, "fieldValue": {kind: kindAny, null: true},
}

// customValues merges written values into the stored ones. Fields not named
// stay. What an unknown field gets is not documented: the twin leaves it out
// in silence, which is the reading a client must be most careful with.
func (t *Twin) customValues(old []customValue, in []any) (out []customValue, complaints []string) {
	out = slices.Clone(old)
	for i, raw := range in {
		m, _ := raw.(map[string]any)
		def := t.customFieldOf(m)
		if def == nil {
			continue
		}
		v, present := m["field_value"]
		if !present {
			v = m["fieldValue"]
		}
		value, complaint := def.accept(v)
		if complaint != "" {
			complaints = append(complaints, fmt.Sprintf("customFields.%d.field_value %s", i, complaint))
			continue
		}
		at := slices.IndexFunc(out, func(c customValue) bool { return c.ID == def.ID })
		switch {
		case value == nil && at >= 0:
			out = slices.Delete(out, at, at+1)
		case value == nil:
		case at >= 0:
			out[at].Value = value
		default:
			out = append(out, customValue{def.ID, value})
		}
	}
	return out, complaints
}

func (t *Twin) customFieldOf(m map[string]any) *customField {
	if id, _ := m["id"].(string); id != "" {
		if def := t.db.customFields.get(id); def != nil && def.Model == "contact" {
			return def
		}
		return nil
	}
	key, _ := m["key"].(string)
	return t.customFieldByKey(key)
}

// customFieldByKey takes "pincode" and "contact.pincode": §4.7.
func (t *Twin) customFieldByKey(key string) *customField {
	key = "contact." + strings.TrimPrefix(key, "contact.")
	found := t.db.customFields.list(func(f *customField) bool { return f.FieldKey == key })
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

// accept turns a written value into the stored one by the field's type: §4.7.
// Nil means that the field is empty now; what clears one is unconfirmed, so
// null, "" and [] all do. Options are not checked: an unknown one's fate is
// unconfirmed too.
func (f *customField) accept(v any) (value any, complaint string) {
	switch v {
	case nil, "":
		return nil, ""
	}
	switch f.DataType {
	case "NUMERICAL", "MONETORY":
		switch n := v.(type) {
		case float64:
			return n, ""
		case string:
			if x, err := strconv.ParseFloat(strings.TrimSpace(n), 64); err == nil && !math.IsInf(x, 0) && !math.IsNaN(x) {
				return x, ""
			}
		}
		return nil, "must be a number"
	case "CHECKBOX", "MULTIPLE_OPTIONS":
		return acceptList(v)
	case "DATE":
		return acceptDate(v)
	case "FILE_UPLOAD", "TEXTBOX_LIST":
		if m, ok := v.(map[string]any); ok {
			if len(m) == 0 {
				return nil, ""
			}
			return m, ""
		}
		return nil, "must be an object"
	}
	return acceptText(v)
}

func acceptText(v any) (any, string) {
	switch s := v.(type) {
	case string:
		return s, ""
	case float64:
		return strconv.FormatFloat(s, 'f', -1, 64), ""
	case bool:
		return strconv.FormatBool(s), ""
	}
	return nil, "must be a string"
}

func acceptList(v any) (any, string) {
	switch l := v.(type) {
	case string:
		return []string{l}, ""
	case []any:
		out := []string{}
		for _, m := range l {
			s, ok := m.(string)
			if !ok {
				return nil, "must be an array of strings"
			}
			out = append(out, s)
		}
		if len(out) == 0 {
			return nil, ""
		}
		return out, ""
	}
	return nil, "must be an array of strings"
}

// acceptDate stores a date as YYYY-MM-DD; whether reads give that or epoch
// milliseconds is unconfirmed (§4.7).
func acceptDate(v any) (any, string) {
	switch d := v.(type) {
	case float64:
		if math.Abs(d) < 1e15 {
			return time.UnixMilli(int64(d)).UTC().Format(time.DateOnly), ""
		}
	case string:
		if day := birthDate(d); day != "" {
			return day, ""
		}
	}
	return nil, "must be a valid date"
}
