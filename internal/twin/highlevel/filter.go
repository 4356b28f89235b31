package highlevel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// predicate decides whether a contact belongs to a search's answer.
type predicate func(*Twin, *contact) bool

// maxFilterDepth bounds nested groups.
const maxFilterDepth = 10

// compileFilters reads the filters of a contact search: §4.3. The top level is
// AND. custom is the fault of that name.
func compileFilters(v any, custom string) (predicate, []string) {
	if v == nil {
		return func(*Twin, *contact) bool { return true }, nil
	}
	list, isList := v.([]any)
	if !isList {
		return nil, []string{"filters must be an array"}
	}
	return compileGroup("AND", list, "filters", 0, custom)
}

func compileGroup(group string, list []any, path string, depth int, custom string) (predicate, []string) {
	if depth > maxFilterDepth {
		return nil, []string{path + " is nested too deeply"}
	}
	var parts []predicate
	var complaints []string
	for i, raw := range list {
		at := fmt.Sprintf("%s.%d", path, i)
		m, isObject := raw.(map[string]any)
		if !isObject {
			complaints = append(complaints, at+" must be an object")
			continue
		}
		var p predicate
		var bad []string
		if inner, grouped := m["group"]; grouped {
			members, isList := m["filters"].([]any)
			switch {
			case inner != "AND" && inner != "OR":
				bad = []string{at + ".group must be one of the following values: AND, OR"}
			case !isList:
				bad = []string{at + ".filters must be an array"}
			default:
				p, bad = compileGroup(inner.(string), members, at+".filters", depth+1, custom)
			}
		} else {
			p, bad = compileFilter(m, at, custom)
		}
		parts, complaints = append(parts, p), append(complaints, bad...)
	}
	if len(complaints) > 0 {
		return nil, complaints
	}
	if group == "OR" {
		return func(t *Twin, c *contact) bool {
			return slices.ContainsFunc(parts, func(p predicate) bool { return p(t, c) })
		}, nil
	}
	return func(t *Twin, c *contact) bool {
		return !slices.ContainsFunc(parts, func(p predicate) bool { return !p(t, c) })
	}, nil
}

// fieldKind groups fields by the operators they take.
type fieldKind int

const (
	textField fieldKind = iota
	emailField
	dateField
	boolField
	listField
	customFieldKind
)

type filterField struct {
	kind fieldKind
	get  func(*Twin, *contact) []string
}

func one(get func(*contact) string) func(*Twin, *contact) []string {
	return func(_ *Twin, c *contact) []string {
		if s := get(c); s != "" {
			return []string{s}
		}
		return nil
	}
}

var filterFields = map[string]filterField{
	"id":                 {textField, one(func(c *contact) string { return c.ID })},
	"contactName":        {textField, one((*contact).name)},
	"firstNameLowerCase": {textField, one(func(c *contact) string { return strings.ToLower(c.FirstName) })},
	"lastNameLowerCase":  {textField, one(func(c *contact) string { return strings.ToLower(c.LastName) })},
	"email":              {emailField, one(func(c *contact) string { return c.Email })},
	"phone":              {textField, one(func(c *contact) string { return c.Phone })},
	"address":            {textField, one(func(c *contact) string { return c.Address1 })},
	"city":               {textField, one(func(c *contact) string { return c.City })},
	"state":              {textField, one(func(c *contact) string { return c.State })},
	"country":            {textField, one(func(c *contact) string { return c.Country })},
	"postalCode":         {textField, one(func(c *contact) string { return c.PostalCode })},
	"companyName":        {textField, one(func(c *contact) string { return c.CompanyName })},
	"businessName": {textField, func(t *Twin, c *contact) []string {
		return one(func(c *contact) string { return t.businessName(c.BusinessID) })(t, c)
	}},
	"assignedTo":      {textField, one(func(c *contact) string { return c.AssignedTo })},
	"source":          {textField, one(func(c *contact) string { return c.Source })},
	"dnd":             {boolField, one(func(c *contact) string { return strconv.FormatBool(c.DND) })},
	"isValidWhatsapp": {boolField, one(func(*contact) string { return "" })},
	"followers":       {listField, func(_ *Twin, c *contact) []string { return c.Followers }},
	"tags":            {listField, func(_ *Twin, c *contact) []string { return c.Tags }},
	"dateAdded":       {dateField, one(func(c *contact) string { return stamp(c.Added) })},
	"dateUpdated":     {dateField, one(func(c *contact) string { return stamp(c.Updated) })},

	// The twin sends no mail: these never hold a value.
	"lastEmailClickedDate": {dateField, one(func(*contact) string { return "" })},
	"lastEmailOpenedDate":  {dateField, one(func(*contact) string { return "" })},
}

// operators by kind of field: §4.3. A range over numbers of custom fields is
// our reading.
var operators = map[fieldKind][]string{
	textField:       {"eq", "not_eq", "contains", "not_contains", "exists", "not_exists"},
	emailField:      {"eq", "not_eq", "exists", "not_exists"},
	dateField:       {"range", "exists", "not_exists"},
	boolField:       {"eq", "not_eq", "exists", "not_exists"},
	listField:       {"eq", "not_eq", "contains", "not_contains", "exists", "not_exists"},
	customFieldKind: {"eq", "not_eq", "contains", "not_contains", "exists", "not_exists", "range"},
}

func compileFilter(m map[string]any, at, fault string) (predicate, []string) {
	name, _ := m["field"].(string)
	def, known := filterFields[name]
	if id, custom := strings.CutPrefix(name, "customFields."); custom && id != "" {
		if fault == "unheeded" {
			return func(*Twin, *contact) bool { return true }, nil
		}
		def, known = customFilter(id), fault != "refused"
	}
	op, _ := m["operator"].(string)
	switch {
	case !known:
		return nil, []string{at + ".field " + strconv.Quote(name) + " is not a searchable field"}
	case !slices.Contains(operators[def.kind], op):
		return nil, []string{at + ".operator must be one of the following values: " + strings.Join(operators[def.kind], ", ")}
	}
	if complaint := unknownKeys(m); complaint != "" {
		return nil, []string{at + "." + complaint}
	}
	switch op {
	case "exists":
		return func(t *Twin, c *contact) bool { return len(def.get(t, c)) > 0 }, nil
	case "not_exists":
		return func(t *Twin, c *contact) bool { return len(def.get(t, c)) == 0 }, nil
	case "range":
		in, complaint := compileRange(m["value"])
		if complaint != "" {
			return nil, []string{at + ".value " + complaint}
		}
		return func(t *Twin, c *contact) bool { return slices.ContainsFunc(def.get(t, c), in) }, nil
	}
	wanted, complaint := filterValues(m["value"])
	if complaint != "" {
		return nil, []string{at + ".value " + complaint}
	}
	base, negated := strings.CutPrefix(op, "not_")
	part := base == "contains" && def.kind != listField
	has := func(t *Twin, c *contact) bool {
		have := def.get(t, c)
		// Every wanted value must be met: a list of tags asks for all of them.
		return !slices.ContainsFunc(wanted, func(want string) bool {
			return !slices.ContainsFunc(have, func(s string) bool {
				if part {
					return strings.Contains(strings.ToLower(s), want)
				}
				return strings.EqualFold(s, want)
			})
		})
	}
	return func(t *Twin, c *contact) bool { return has(t, c) != negated }, nil
}

func unknownKeys(m map[string]any) string {
	for k := range m {
		if k != "field" && k != "operator" && k != "value" {
			return "property " + k + " should not exist"
		}
	}
	return ""
}

// customFilter looks at customFields.<id>; the spelling is unconfirmed: §4.3.
func customFilter(id string) filterField {
	return filterField{customFieldKind, func(_ *Twin, c *contact) []string {
		for _, v := range c.Custom {
			if v.ID != id {
				continue
			}
			switch x := v.Value.(type) {
			case string:
				return []string{x}
			case float64:
				return []string{strconv.FormatFloat(x, 'f', -1, 64)}
			case []string:
				return x
			}
		}
		return nil
	}}
}

// filterValues takes one value, or a list of them, of at most 75 characters.
func filterValues(v any) (out []string, complaint string) {
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	for _, m := range list {
		var s string
		switch x := m.(type) {
		case string:
			s = x
		case bool:
			s = strconv.FormatBool(x)
		case float64:
			s = strconv.FormatFloat(x, 'f', -1, 64)
		default:
			return nil, "must be a string, a number, a boolean or a list of them"
		}
		if len([]rune(s)) > 75 {
			return nil, "must be shorter than or equal to 75 characters"
		}
		out = append(out, strings.ToLower(s))
	}
	if len(out) == 0 {
		return nil, "should not be empty"
	}
	return out, ""
}

// compileRange takes gte, lte, gt, lt and also from, to: which of them is right
// is unconfirmed (§4.3).
func compileRange(v any) (func(string) bool, string) {
	m, isObject := v.(map[string]any)
	if !isObject || len(m) == 0 {
		return nil, "must be an object with gte, lte, gt or lt"
	}
	type bound struct {
		op string
		at float64
	}
	var bounds []bound
	for op, raw := range m {
		at, readable := instant(raw)
		if !readable {
			return nil, op + " must be a date"
		}
		switch op {
		case "gte", "from":
			op = ">="
		case "lte", "to":
			op = "<="
		case "gt":
			op = ">"
		case "lt":
			op = "<"
		default:
			return nil, "property " + op + " should not exist"
		}
		bounds = append(bounds, bound{op, at})
	}
	return func(s string) bool {
		x, readable := instant(s)
		if !readable {
			return false
		}
		return !slices.ContainsFunc(bounds, func(b bound) bool {
			switch b.op {
			case ">=":
				return x < b.at
			case "<=":
				return x > b.at
			case ">":
				return x <= b.at
			}
			return x >= b.at
		})
	}, ""
}

// instant reads a date, a timestamp or a number as milliseconds.
func instant(v any) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, true
	case string:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
			if at, err := time.Parse(layout, x); err == nil {
				return float64(at.UnixMilli()), true
			}
		}
		n, err := strconv.ParseFloat(x, 64)
		return n, err == nil
	}
	return 0, false
}
