package highlevel

import (
	"context"
	"net/url"
	"strings"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// customPrefix begins the key of a custom field: "custom.<id>".
const customPrefix = "custom."

// cacheFor is how long definitions and settings are believed.
const cacheFor = time.Minute

// customField is a definition: §5.1.
type customField struct {
	id, name, dataType string
	options            []string
}

// kinds of custom fields by data type: §4.7, §5.1. An unlisted type is text.
var customKinds = map[string]record.Kind{
	"TEXT": record.Text, "LARGE_TEXT": record.LongText, "NUMERICAL": record.Number, "MONETORY": record.Number,
	"PHONE": record.Phone, "EMAIL": record.Email, "CHECKBOX": record.Set, "MULTIPLE_OPTIONS": record.Set,
	"SINGLE_OPTIONS": record.Choice, "RADIO": record.Choice, "DATE": record.Date,
}

func (f customField) spec() record.FieldSpec {
	s := record.FieldSpec{Key: customPrefix + f.id, Label: f.name, Kind: record.Text, Custom: true, Options: f.options}
	if k, ok := customKinds[f.dataType]; ok {
		s.Kind = k
	}
	switch f.dataType {
	case "FILE_UPLOAD", "TEXTBOX_LIST":
		s.ReadOnly, s.Help = true, "HighLevel keeps this as a structure that cannot be written as one value."
	}
	return s
}

// customFields are the definitions for contacts, cached for a minute.
func (c *Client) customFields(ctx context.Context) ([]customField, error) {
	c.mu.Lock()
	have := c.custom
	c.mu.Unlock()
	now := c.cfg.Now()
	if !have.at.IsZero() && now.Sub(have.at) < cacheFor {
		return have.value, nil
	}
	var out raw
	err := c.do(ctx, opCustomFields, path("locations", c.cfg.LocationID, "customFields"), url.Values{"model": {"contact"}}, nil, &out)
	if err != nil {
		return nil, err
	}
	var defs []customField
	for _, r := range out.objects("customFields") {
		id := r.text("id")
		if id == "" || r.text("model") != "" && r.text("model") != "contact" {
			continue
		}
		def := customField{id: id, name: r.text("name"), dataType: r.text("dataType"), options: r.texts("picklistOptions", "label")}
		if def.name == "" {
			def.name = strings.TrimPrefix(r.text("fieldKey"), "contact.")
		}
		defs = append(defs, def)
	}
	c.mu.Lock()
	c.custom = cached[[]customField]{defs, now}
	c.mu.Unlock()
	return defs, nil
}

// customForReading tolerates a missing scope: the values then read by their shape, without names.
func (c *Client) customForReading(ctx context.Context) (map[string]customField, error) {
	defs, err := c.customFields(ctx)
	if err != nil && !provider.IsKind(err, provider.Forbidden) {
		return nil, err
	}
	out := make(map[string]customField, len(defs))
	for _, d := range defs {
		out[d.id] = d
	}
	return out, nil
}

// customValues reads [{id, value}] into fields.
func customValues(r raw, defs map[string]customField, into record.Fields) {
	for _, v := range r.objects("customFields") {
		id := v.text("id")
		if id == "" {
			continue
		}
		value, ok := v["value"]
		for _, other := range []string{"field_value", "fieldValue"} { // v3 and upsert spellings: §4.7, §4.9
			if !ok {
				value, ok = v[other]
			}
		}
		if x := customValue(defs[id], value); !x.IsEmpty() {
			into[customPrefix+id] = x
		}
	}
}

func customValue(def customField, v any) record.Value {
	if list, ok := v.([]any); ok && len(list) == 0 {
		return record.Value{}
	}
	switch customKinds[def.dataType] {
	case record.Date:
		return day(v)
	case record.Number:
		if n, ok := toNumber(record.FromJSON(v)); ok {
			return record.NumberOf(n)
		}
	case record.Set:
		if s, ok := v.(string); ok && s != "" {
			return record.ListOf([]string{s})
		}
	case record.Text, record.LongText, record.Phone, record.Email, record.Choice:
		return record.TextOf(record.FromJSON(v).String())
	}
	return record.FromJSON(v)
}
