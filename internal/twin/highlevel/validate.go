package highlevel

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
)

// schema is the strict allow-list of a body. Any other key is refused with
// "property X should not exist", several at once: reference §4.1.
type schema map[string]field

type field struct {
	kind     kind
	required bool
	null     bool             // null is accepted
	of       schema           // of a kindObject or of the members of a kindObjects
	check    func(any) string // a further complaint, without the field's name
	options  []string         // accepted values of a kindString
}

type kind int

const (
	kindAny kind = iota
	kindString
	kindBool
	kindNumber
	kindStrings
	kindObject
	kindObjects
)

// check lists what is wrong with v, in the words of the vendor's validator
// library; prefix names the place of a nested object.
func (s schema) check(prefix string, v object) []string {
	var out []string
	keys := make([]string, 0, len(v))
	for k := range v {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if _, known := s[k]; !known {
			out = append(out, prefix+"property "+k+" should not exist")
		}
	}
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := s[name]
		val, present := v[name]
		switch {
		case present && val != nil:
			out = append(out, f.complaints(prefix, name, val)...)
		case present && f.null:
		case present || f.required:
			if f.required {
				out = append(out, prefix+name+" should not be empty")
			}
			out = append(out, prefix+name+" must be "+f.kind.noun())
		}
	}
	return out
}

func (f field) complaints(prefix, name string, v any) []string {
	path := prefix + name
	wrong := []string{path + " must be " + f.kind.noun()}
	switch f.kind {
	case kindString:
		s, ok := v.(string)
		if !ok {
			return wrong
		}
		if f.required && s == "" {
			return []string{path + " should not be empty"}
		}
		if f.options != nil && !slices.Contains(f.options, s) {
			return []string{path + " must be one of the following values: " + strings.Join(f.options, ", ")}
		}
	case kindBool:
		if _, ok := v.(bool); !ok {
			return wrong
		}
	case kindNumber:
		if _, ok := v.(float64); !ok {
			return wrong
		}
	case kindStrings:
		list, ok := v.([]any)
		if !ok {
			return wrong
		}
		for _, m := range list {
			if _, ok := m.(string); !ok {
				return []string{"each value in " + path + " must be a string"}
			}
		}
	case kindObject:
		m, ok := v.(map[string]any)
		if !ok {
			return wrong
		}
		if f.of != nil {
			return f.of.check(path+".", m)
		}
	case kindObjects:
		list, ok := v.([]any)
		if !ok {
			return wrong
		}
		var out []string
		for i, m := range list {
			o, ok := m.(map[string]any)
			if !ok {
				return []string{"each value in nested property " + path + " must be either object or array"}
			}
			out = append(out, f.of.check(fmt.Sprintf("%s.%d.", path, i), o)...)
		}
		return out
	}
	if f.check != nil {
		if complaint := f.check(v); complaint != "" {
			return []string{path + " " + complaint}
		}
	}
	return nil
}

func (k kind) noun() string {
	switch k {
	case kindString:
		return "a string"
	case kindBool:
		return "a boolean value"
	case kindNumber:
		return "a number conforming to the specified constraints"
	case kindStrings, kindObjects:
		return "an array"
	case kindObject:
		return "an object"
	}
	return "defined"
}

func text() field     { return field{kind: kindString} }
func needText() field { return field{kind: kindString, required: true} }
func nullText() field { return field{kind: kindString, null: true} }
func flag() field     { return field{kind: kindBool} }
func list() field     { return field{kind: kindStrings} }
func needList() field { return field{kind: kindStrings, required: true} }

func isEmail(v any) string {
	s := strings.TrimSpace(v.(string))
	if s == "" {
		return ""
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || !strings.Contains(s[strings.LastIndexByte(s, '@'):], ".") {
		return "must be an email"
	}
	return ""
}

func isPhone(v any) string {
	if s := v.(string); strings.TrimSpace(s) != "" && e164(s) == "" {
		return "must be a valid phone number"
	}
	return ""
}

// e164 strips the formatting the API accepts ("+1 888-888-8888") and answers
// with E.164, or with nothing if it is no number. The country assumed for a
// bare national number is unconfirmed (§4.8); the twin's location is in the
// United States.
func e164(s string) string {
	var digits strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case r == '+' && digits.Len() == 0, strings.ContainsRune(" -().\u00a0/", r):
		default:
			return ""
		}
	}
	d := digits.String()
	international := strings.HasPrefix(strings.TrimSpace(s), "+")
	if !international && strings.HasPrefix(d, "00") {
		d, international = d[2:], true
	}
	if !international && len(d) == 10 {
		d = "1" + d
	}
	if len(d) < 7 || len(d) > 15 {
		return ""
	}
	return "+" + d
}

// countries are the codes the API takes: §4.1, and the enum of the official
// locations file.
var countries = func() map[string]bool {
	const codes = "AF AX AL DZ AS AD AO AI AQ AG AR AM AW AU AT AZ BS BH BD BB BY BE BZ BJ BM BT BO BA BW BV BR IO BN BG " +
		"BF BI KH CM CA CV KY CF TD CL CN CX CC CO KM CG CD CK CR CI HR CU CY CZ DK DJ DM DO EC EG SV GQ ER EE ET FK FO FJ FI " +
		"FR GF PF TF GA GM GE DE GH GI GR GL GD GP GU GT GG GN GW GY HT HM VA HN HK HU IS IN ID IR IQ IE IM IL IT JM JP JE JO " +
		"KZ KE KI KP KR XK KW KG LA LV LB LS LR LY LI LT LU MO MK MG MW MY MV ML MT MH MQ MR MU YT MX FM MD MC MN ME MS MA MZ " +
		"MM NA NR NP NL AN NC NZ NI NE NG NU NF MP NO OM PK PW PS PA PG PY PE PH PN PL PT PR QA RE RO RU RW SH KN LC MF PM VC " +
		"WS SM ST SA SN RS SC SL SG SX SK SI SB SO ZA GS ES LK SD SR SJ SZ SE CH SY TW TJ TZ TH TL TG TK TO TT TN TR TM TC TV " +
		"UG GB UA AE US UM UY UZ VU VE VN VG VI WF EH YE ZM ZW"
	set := map[string]bool{}
	for code := range strings.FieldsSeq(codes) {
		set[code] = true
	}
	return set
}()

func isCountry(v any) string {
	if s := v.(string); s != "" && !countries[s] {
		return "must be a valid enum value"
	}
	return ""
}

func isBirthDate(v any) string {
	if s, ok := v.(string); !ok || s != "" && birthDate(s) == "" {
		return "must be a valid date"
	}
	return ""
}

// birthDate reads the documented spellings, YYYY/MM/DD and MM/DD/YYYY with
// any of / - . _ (§4.1), and full timestamps; it answers YYYY-MM-DD.
func birthDate(s string) string {
	plain := strings.NewReplacer("/", "-", ".", "-", "_", "-").Replace(s)
	for _, layout := range []string{"2006-1-2", "1-2-2006"} {
		if at, err := time.Parse(layout, plain); err == nil {
			return at.Format(time.DateOnly)
		}
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at.UTC().Format(time.DateOnly)
	}
	return ""
}

func isTime(v any) string {
	if _, err := time.Parse(time.RFC3339, v.(string)); err != nil {
		return "must be a valid ISO 8601 date string"
	}
	return ""
}
