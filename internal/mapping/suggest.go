package mapping

import (
	"strings"
	"unicode"

	"crosswalk/internal/record"
)

// Suggestion is a likely source for a target field, with the reason a person can judge it by.
type Suggestion struct {
	Source, Target string
	Steps          []Step
	Reason         string
}

// Suggest proposes one source for each target field that has an obvious one. Fields both sides keep to
// themselves (ids, dates of change) are never proposed.
func Suggest(source, target record.Schema, loc record.Locale) []Suggestion {
	var out []Suggestion
	for _, t := range target.Fields {
		if t.ReadOnly {
			continue
		}
		if s, ok := suggest(source, t, loc); ok {
			out = append(out, s)
		}
	}
	return out
}

func suggest(source record.Schema, t record.FieldSpec, loc record.Locale) (Suggestion, bool) {
	name, key := fold(t.Label), fold(last(t.Key))
	propose := func(s record.FieldSpec, reason string) (Suggestion, bool) {
		return Suggestion{Source: s.Key, Target: t.Key, Steps: StepsFor(s, t, loc), Reason: reason}, true
	}
	for _, s := range source.Fields {
		if name != "" && fold(s.Label) == name || key != "" && fold(last(s.Key)) == key {
			return propose(s, "same name")
		}
	}
	for _, s := range source.Fields {
		if same := fold(s.Label); alike[same] != "" && alike[same] == alike[name] {
			return propose(s, "“"+s.Label+"” is often called “"+t.Label+"”")
		}
	}
	full, hasFull := named(source, "name", "fullname", "contactname")
	switch {
	case hasFull && name == "firstname":
		return Suggestion{full.Key, t.Key, []Step{{Use: "split_name", With: map[string]string{"part": "first"}}}, "the first part of “" + full.Label + "”"}, true
	case hasFull && name == "lastname":
		return Suggestion{full.Key, t.Key, []Step{{Use: "split_name", With: map[string]string{"part": "last"}}}, "the last part of “" + full.Label + "”"}, true
	}
	if t.Kind == record.Email || t.Kind == record.Phone || t.Kind == record.Set && name == "tags" {
		var only []record.FieldSpec
		for _, s := range source.Fields {
			if s.Kind == t.Kind {
				only = append(only, s)
			}
		}
		if len(only) == 1 {
			return propose(only[0], "the only field of its kind")
		}
	}
	return Suggestion{}, false
}

func named(schema record.Schema, names ...string) (record.FieldSpec, bool) {
	for _, n := range names {
		for _, s := range schema.Fields {
			if fold(s.Label) == n || fold(s.Key) == n {
				return s, true
			}
		}
	}
	return record.FieldSpec{}, false
}

// alike groups labels that mean the same thing.
var alike = map[string]string{
	"company": "company", "companyname": "company", "business": "company", "businessname": "company", "organisation": "company", "organization": "company",
	"mobile": "phone", "phone": "phone", "phonenumber": "phone", "telephone": "phone",
	"mail": "email", "email": "email", "emailaddress": "email",
	"zip": "postcode", "zipcode": "postcode", "postalcode": "postcode", "postcode": "postcode",
	"lang": "language", "language": "language", "locale": "language",
	"labels": "tags", "tags": "tags",
	"website": "web", "url": "web", "homepage": "web",
}

func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

func last(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }
