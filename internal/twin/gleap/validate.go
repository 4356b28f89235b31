package gleap

import (
	"fmt"
	"slices"
	"strings"
)

// kind is the declared type of a property.
type kind int

const (
	anything kind = iota
	isText
	isNumber
	isTruth
	isTexts // a list of strings
	isList
	isObject
	isDate
	isPriority
	isMethod
)

// dto is a body's declaration. Bodies are checked as tsoa does it: unknown
// properties are refused, since the DTOs say additionalProperties false (§6, §7).
type dto struct {
	fields   map[string]kind
	required []string
	open     bool // any other property is taken too
}

// declare reads "name name:type" lists, which keeps the long DTOs readable.
func declare(required string, parts ...string) *dto {
	names := map[string]kind{
		"any": anything, "text": isText, "number": isNumber, "bool": isTruth, "texts": isTexts, "list": isList,
		"object": isObject, "date": isDate, "priority": isPriority, "method": isMethod,
	}
	d := &dto{fields: map[string]kind{}, required: strings.Fields(required)}
	for _, part := range parts {
		typ, fields, _ := strings.Cut(part, ":")
		for name := range strings.FieldsSeq(fields) {
			d.fields[name] = names[typ]
		}
	}
	return d
}

func (d *dto) also(parts ...string) *dto {
	out := declare("", parts...)
	for name, k := range d.fields {
		out.fields[name] = k
	}
	out.required = d.required
	return out
}

// check returns tsoa's "fields" object, or nil.
func (d *dto) check(in object) object {
	bad := object{}
	complain := func(name, message string, v any) {
		e := object{"message": message}
		if v != nil {
			e["value"] = v
		}
		bad["requestBody."+name] = e
	}
	for _, name := range d.required {
		if in[name] == nil {
			complain(name, "'"+name+"' is required", nil)
		}
	}
	for name, v := range in {
		k, known := d.fields[name]
		switch {
		case !known && !d.open:
			complain(name, fmt.Sprintf("%q is an excess property and therefore is not allowed", name), name)
		case v == nil:
			// null takes a value away; that it may is our reading (§19.4).
		default:
			if message := k.complaint(v); message != "" {
				complain(name, message, v)
			}
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return bad
}

var (
	priorities = []string{"LOW", "MEDIUM", "HIGH"}
	methods    = []string{"random", "balanced", "manual", "circular"}
)

func (k kind) complaint(v any) string {
	s, text := v.(string)
	switch k {
	case isText:
		if !text {
			return "invalid string value"
		}
	case isNumber:
		if _, fine := v.(float64); !fine {
			return "invalid float number"
		}
	case isTruth:
		if _, fine := v.(bool); !fine {
			return "invalid boolean value"
		}
	case isList, isTexts:
		l, fine := v.([]any)
		if !fine {
			return "invalid array"
		}
		if k == isTexts && slices.ContainsFunc(l, func(m any) bool { _, text := m.(string); return !text }) {
			return "invalid string value"
		}
	case isObject:
		if _, fine := v.(object); !fine {
			return "invalid object"
		}
	case isDate:
		if _, fine := castDate(s); !text || !fine {
			return "invalid ISO 8601 datetime format, i.e. YYYY-MM-DDTHH:mm:ss"
		}
	case isPriority:
		if !slices.Contains(priorities, s) {
			return "should be one of the following; ['LOW','MEDIUM','HIGH']"
		}
	case isMethod:
		if !slices.Contains(methods, s) {
			return "should be one of the following; ['random','balanced','manual','circular']"
		}
	}
	return ""
}
