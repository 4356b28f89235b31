package gleap

import (
	"maps"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// needsMerge reports that a write touches something Gleap replaces as a whole, or may (reference/gleap.md §0.9), so
// that it must be read first.
func needsMerge(w provider.Write, bags []bag) bool {
	if len(w.Add) > 0 || len(w.Remove) > 0 {
		return true
	}
	for key := range w.Fields {
		if _, _, custom := customKey(bags, key); custom {
			return true
		}
	}
	return false
}

// body turns a write into Gleap's object. before is the record as it is, nil for a new one.
func (c *Client) body(op string, w provider.Write, fs []field, bags []bag, before document) (map[string]any, error) {
	body := map[string]any{}
	for key, v := range w.Fields {
		if b, name, custom := customKey(bags, key); custom {
			values, started := body[string(b)].(map[string]any)
			if !started {
				values = maps.Clone(map[string]any(before.object(string(b))))
				if values == nil {
					values = map[string]any{}
				}
				body[string(b)] = values
			}
			if v.IsEmpty() && before == nil {
				continue
			}
			values[name] = encodeCustom(v)
			continue
		}
		f, known := fieldOf(fs, key)
		switch {
		case !known:
			return nil, c.invalidField(op, key, "Gleap has no such field")
		case f.ReadOnly:
			return nil, c.invalidField(op, key, "this field cannot be written")
		}
		raw, ok := encode(v, f.Kind)
		if !ok {
			return nil, c.invalidField(op, key, "this value does not fit the field")
		}
		body[key] = raw
	}
	if err := c.mergeSets(op, w, fs, before, body); err != nil {
		return nil, err
	}
	return body, nil
}

// mergeSets applies additions and removals to the set as it is, since Gleap only takes it whole.
func (c *Client) mergeSets(op string, w provider.Write, fs []field, before document, body map[string]any) error {
	keys := map[string]bool{}
	for key := range w.Add {
		keys[key] = true
	}
	for key := range w.Remove {
		keys[key] = true
	}
	for key := range keys {
		f, known := fieldOf(fs, key)
		if !known || f.Kind != record.Set || f.ReadOnly {
			return c.invalidField(op, key, "this field is not a set of labels")
		}
		current := before.strings(key)
		if given, ok := body[key].([]string); ok {
			current = given
		}
		body[key] = applySet(current, w.Add[key], w.Remove[key])
	}
	return nil
}

// dropEmpty leaves out of a new record what would only clear a field.
func dropEmpty(body map[string]any) {
	maps.DeleteFunc(body, func(_ string, raw any) bool {
		switch x := raw.(type) {
		case nil:
			return true
		case string:
			return x == ""
		case []string:
			return len(x) == 0
		case map[string]any:
			return len(x) == 0
		}
		return false
	})
}
