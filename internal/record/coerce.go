package record

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// CoerceError says why a value cannot go into a field, in words for the person who mapped it.
type CoerceError struct {
	Field  string // label
	Want   Kind
	Code   string // stable
	Reason string // a sentence
}

func (e *CoerceError) Error() string { return e.Reason }

// MaxText bounds one value; far above what the providers store.
const MaxText = 64 << 10

// Coerce turns a value into what a field of another kind can hold, or says why it cannot. The empty value fits
// everywhere, and a text of nothing but space counts as empty. Coercing the result again changes nothing.
func Coerce(v Value, to FieldSpec, loc Locale) (Value, error) {
	if v.blank() {
		return Value{}, nil
	}
	refuse := func(code, reason string, args ...any) (Value, error) {
		return Value{}, &CoerceError{Field: to.Label, Want: to.Kind, Code: code, Reason: fmt.Sprintf(reason, args...)}
	}
	if v.form == text || v.form == list {
		if !valid(v) {
			return refuse("encoding", "The value for %s holds bytes that are not text.", to.Label)
		}
		if n := v.size(); n > MaxText {
			return refuse("too_long", "The value for %s is %d KiB long, more than any field holds.", to.Label, n>>10)
		}
	}
	switch to.Kind {
	case Number:
		n, ok := parseNumber(v)
		if !ok {
			return refuse("not_a_number", "“%s” is not a number, and %s holds numbers.", short(v), to.Label)
		}
		return NumberOf(n), nil
	case Bool:
		b, ok := parseBool(v)
		if !ok {
			return refuse("not_yes_no", "“%s” is neither yes nor no, and %s holds one of the two.", short(v), to.Label)
		}
		return BoolOf(b), nil
	case Date:
		t, ok := parseDay(v, loc.zone())
		if !ok {
			return refuse("not_a_date", "“%s” is not a date, and %s holds dates.", short(v), to.Label)
		}
		return TextOf(t.Format(time.DateOnly)), nil
	case DateTime:
		t, ok := parseTime(v, loc.zone())
		if !ok {
			return refuse("not_a_time", "“%s” is not a date and time, and %s holds one.", short(v), to.Label)
		}
		return TimeOf(t), nil
	case Set:
		if v.form == list {
			return v, nil
		}
		return ListOf(splitList(v.String())), nil
	case Email:
		s := strings.TrimSpace(v.String())
		if !plausibleEmail(s) {
			return refuse("not_an_email", "“%s” is not an email address, and %s holds one.", short(v), to.Label)
		}
		return TextOf(s), nil
	case Phone:
		s := strings.TrimSpace(v.String())
		if e164, ok := E164(s, loc.Region); ok {
			return TextOf(e164), nil
		}
		if loc.Region == "" && !strings.HasPrefix(s, "+") && len(onlyDigits(s)) >= 5 {
			return refuse("phone_region", "“%s” has no country code. Add the “phone” transform with a country to this row.", short(v))
		}
		return refuse("not_a_phone", "“%s” is not a phone number, and %s holds one.", short(v), to.Label)
	case Choice:
		s := normalText(v.String())
		if len(to.Options) == 0 {
			return TextOf(s), nil
		}
		if slices.Contains(to.Options, s) {
			return TextOf(s), nil // two options may differ in case only
		}
		for _, o := range to.Options {
			if strings.EqualFold(normalText(o), s) {
				return TextOf(o), nil
			}
		}
		return refuse("not_an_option", "“%s” is not one of the options of %s (%s). A look-up table can translate it.", short(v), to.Label, someOf(to.Options))
	}
	s := written(v)
	if to.MaxLen > 0 && utf8.RuneCountInString(s) > to.MaxLen {
		return refuse("too_long", "The value is %d characters long, and %s holds %d. The “shorten” transform cuts it.", utf8.RuneCountInString(s), to.Label, to.MaxLen)
	}
	return TextOf(s), nil
}

// written is a value as text: numbers without a trailing .0, instants in RFC 3339, labels joined by commas.
func written(v Value) string { return v.String() }

// blank reports a value without anything to see in it.
func (v Value) blank() bool {
	switch v.form {
	case empty:
		return true
	case text:
		return strings.TrimSpace(v.text()) == ""
	case list:
		return !slices.ContainsFunc(v.labels(), func(e string) bool { return strings.TrimSpace(e) != "" })
	}
	return false
}

// size is how long the value is as text, in bytes.
func (v Value) size() int {
	n := len(v.text())
	for _, e := range v.labels() {
		n += len(e) + len(", ")
	}
	return n
}

func valid(v Value) bool {
	if v.form == text {
		return utf8.ValidString(v.text())
	}
	for _, e := range v.labels() {
		if !utf8.ValidString(e) {
			return false
		}
	}
	return true
}

func plausibleEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return at > 0 && at < len(s)-1 && len(s) <= 254 && !strings.ContainsAny(s, " \t\r\n,;<>\"") && strings.Count(s, "@") == 1
}

// short shows a value in a sentence without flooding it.
func short(v Value) string {
	s := strings.ToValidUTF8(v.String(), "\uFFFD")
	if utf8.RuneCountInString(s) <= 40 {
		return s
	}
	return string([]rune(s)[:39]) + "…"
}

func someOf(options []string) string {
	const few = 5
	if len(options) <= few {
		return strings.Join(options, ", ")
	}
	return strings.Join(options[:few], ", ") + " and " + strconv.Itoa(len(options)-few) + " more"
}
