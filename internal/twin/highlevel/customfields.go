package highlevel

import (
	"slices"
	"strings"
)

// customField is a definition. Its type cannot change afterwards: §5.1.
type customField struct {
	ID                  string   `json:"id"`
	Name                string   `json:"name"`
	FieldKey            string   `json:"fieldKey"`
	Placeholder         string   `json:"placeholder"`
	DataType            string   `json:"dataType"`
	Position            float64  `json:"position"`
	PicklistOptions     []string `json:"picklistOptions,omitempty"`
	IsMultiFileAllowed  bool     `json:"isMultiFileAllowed,omitempty"`
	MaxFileLimit        float64  `json:"maxFileLimit,omitempty"`
	LocationID          string   `json:"locationId"`
	Model               string   `json:"model"`
	AllowedCustomOption bool     `json:"isAllowedCustomOption,omitempty"`
}

// dataTypes: §5.1, MONETORY included.
var dataTypes = []string{
	"TEXT", "LARGE_TEXT", "NUMERICAL", "PHONE", "MONETORY", "CHECKBOX", "SINGLE_OPTIONS", "MULTIPLE_OPTIONS",
	"DATE", "TEXTBOX_LIST", "FILE_UPLOAD", "RADIO", "EMAIL",
}

func customFieldRoutes() []route {
	models := field{kind: kindString, options: []string{"contact", "opportunity"}}
	body := func(extra schema) schema {
		s := schema{
			"name": needText(), "placeholder": text(), "acceptedFormat": list(), "isMultipleFile": flag(),
			"maxNumberOfFiles": {kind: kindNumber}, "position": {kind: kindNumber}, "model": models,
			"textBoxListOptions": {kind: kindAny},
			// How options are passed is not in the official file and unconfirmed: §5.1.
			"options": list(),
		}
		for k, f := range extra {
			s[k] = f
		}
		return s
	}
	const all, one = "/locations/{locationId}/customFields", "/locations/{locationId}/customFields/{id}"
	const read, write = "locations/customFields.readonly", "locations/customFields.write"
	return []route{
		{method: "GET", pattern: all, scope: read, handle: (*Twin).listCustomFields},
		{method: "POST", pattern: all, scope: write, writes: true, handle: (*Twin).createCustomField, body: body(schema{
			"dataType": {kind: kindString, required: true, options: dataTypes},
		})},
		// The official file lists no scope for these; the family's are assumed: §5.1.
		{method: "GET", pattern: one, scope: read, handle: (*Twin).getCustomField},
		{method: "PUT", pattern: one, scope: write, writes: true, handle: (*Twin).updateCustomField, body: body(nil)},
		{method: "DELETE", pattern: one, scope: write, writes: true, handle: (*Twin).deleteCustomField},
	}
}

// listCustomFields gives those of contacts unless asked for others: §5.1.
func (t *Twin) listCustomFields(c *call) answer {
	model := c.query("model")
	switch model {
	case "":
		model = "contact"
	case "contact", "opportunity", "all":
	default:
		return unprocessable("model must be one of the following values: contact, opportunity, all")
	}
	return ok(object{"customFields": t.db.customFields.list(func(f *customField) bool {
		return model == "all" || f.Model == model
	})})
}

func (f *customField) apply(in object) {
	if v, ok := in["name"].(string); ok {
		f.Name = strings.TrimSpace(v)
	}
	if v, ok := in["placeholder"].(string); ok {
		f.Placeholder = v
	}
	if v, ok := in["position"].(float64); ok {
		f.Position = v
	}
	if v, ok := in["isMultipleFile"].(bool); ok {
		f.IsMultiFileAllowed = v
	}
	if v, ok := in["maxNumberOfFiles"].(float64); ok {
		f.MaxFileLimit = v
	}
	for _, key := range []string{"options", "textBoxListOptions"} {
		if labels := optionLabels(in[key]); labels != nil {
			f.PicklistOptions = labels
		}
	}
}

// optionLabels reads plain labels and {label, prefillValue} objects.
func optionLabels(v any) []string {
	members, _ := v.([]any)
	var out []string
	for _, m := range members {
		switch x := m.(type) {
		case string:
			out = append(out, x)
		case map[string]any:
			if s, isText := x["label"].(string); isText {
				out = append(out, s)
			}
		}
	}
	return out
}

func (t *Twin) createCustomField(c *call) answer {
	f := &customField{DataType: c.in["dataType"].(string), LocationID: t.cfg.LocationID, Model: "contact"}
	f.apply(c.in)
	if f.Name == "" {
		return unprocessable("name should not be empty")
	}
	if m, given := c.in["model"].(string); given {
		f.Model = m
	}
	return created(object{"customField": t.addCustomField(f)})
}

func (t *Twin) addCustomField(f *customField) *customField {
	f.ID = t.newID("customField")
	base := f.Model + "." + fieldKey(f.Name)
	f.FieldKey = base
	for n := 1; ; n++ {
		if len(t.db.customFields.list(func(o *customField) bool { return o.FieldKey == f.FieldKey })) == 0 {
			break
		}
		f.FieldKey = base + strings.Repeat("_", n)
	}
	t.db.customFields.put(f.ID, f)
	return f
}

func fieldKey(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '_'
	}, strings.ToLower(name)), "_")
}

// customFieldAt takes an id or a field key: §5.1.
func (t *Twin) customFieldAt(c *call) *customField {
	id := c.path["id"]
	if f := t.db.customFields.get(id); f != nil {
		return f
	}
	i := slices.IndexFunc(t.db.customFields.list(nil), func(f *customField) bool { return f.FieldKey == id })
	if i < 0 {
		return nil
	}
	return t.db.customFields.list(nil)[i]
}

func (t *Twin) getCustomField(c *call) answer {
	f := t.customFieldAt(c)
	if f == nil {
		return entityNotFound("Custom field", c.path["id"])
	}
	return ok(object{"customField": f})
}

func (t *Twin) updateCustomField(c *call) answer {
	old := t.db.customFields.get(c.path["id"])
	if old == nil {
		return entityNotFound("Custom field", c.path["id"])
	}
	n := *old
	n.apply(c.in)
	t.db.customFields.put(n.ID, &n)
	return ok(object{"customField": &n})
}

// deleteCustomField takes the values along.
func (t *Twin) deleteCustomField(c *call) answer {
	f := t.db.customFields.get(c.path["id"])
	if f == nil {
		return entityNotFound("Custom field", c.path["id"])
	}
	t.db.customFields.remove(f.ID)
	for _, x := range t.db.contacts {
		has := func(v customValue) bool { return v.ID == f.ID }
		if slices.ContainsFunc(x.Custom, has) {
			n := x.clone()
			n.Custom = slices.DeleteFunc(slices.Clone(x.Custom), has)
			t.db.putContact(n)
		}
	}
	return ok(object{"succeded": true})
}
