package record

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"
)

// Locale is what is assumed about values that do not say: the country of a national phone number, the zone of
// a time without one (nil means UTC).
type Locale struct {
	Region string // ISO 3166-1 alpha-2, e.g. "US"; empty: national numbers stay digits
	Zone   *time.Location
}

func (l Locale) zone() *time.Location {
	if l.Zone == nil {
		return time.UTC
	}
	return l.Zone
}

// Normalise gives the comparable form of a value of kind k: two values a person would call the same have the
// same form. It is for comparing, never for writing. The form of the empty value is empty.
func Normalise(k Kind, v Value, loc Locale) string {
	if v.blank() {
		return ""
	}
	switch k {
	case Email:
		return lower(strings.TrimSpace(v.String()))
	case Phone:
		return normalPhone(v.String(), loc.Region)
	case Number:
		if n, ok := parseNumber(v); ok {
			return strconv.FormatFloat(n+0, 'f', -1, 64) // + 0: minus zero is zero
		}
	case Bool:
		if b, ok := parseBool(v); ok {
			if b {
				return "yes"
			}
			return "no"
		}
	case Date:
		if t, ok := parseDay(v, loc.zone()); ok {
			return t.Format(time.DateOnly)
		}
	case DateTime:
		if t, ok := parseTime(v, loc.zone()); ok {
			return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
		}
	case Set:
		return normalSet(v)
	case Choice:
		return foldLabel(v.String())
	}
	return normalText(v.String())
}

// normalText forgives what no person sees: line ends, space at the ends of lines and of the whole.
func normalText(s string) string {
	s = norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD"))
	if !strings.ContainsAny(s, "\r\n") {
		return strings.TrimSpace(s)
	}
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t\u00a0")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

func normalSet(v Value) string {
	items, ok := v.AsList()
	if !ok {
		items = splitList(v.String())
	}
	folded := make([]string, 0, len(items))
	for _, e := range items {
		if e = foldLabel(e); e != "" {
			folded = append(folded, e)
		}
	}
	slices.Sort(folded)
	return strings.Join(slices.Compact(folded), "\x00")
}

// foldLabel is how labels are told apart: providers store tags lower-case (reference/highlevel.md §4.5).
func foldLabel(s string) string { return lower(normalText(s)) }

// lower composes again afterwards: a few capitals become a letter and a mark.
func lower(s string) string { return norm.NFC.String(strings.ToLower(norm.NFC.String(s))) }

func splitList(s string) []string {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ';' || r == '\x00' })
	out := parts[:0]
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

func normalPhone(s, region string) string {
	if e164, ok := E164(s, region); ok {
		return e164
	}
	digits := onlyDigits(s)
	if digits == "" {
		return strings.ToLower(normalText(s))
	}
	return digits
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// E164 writes a phone number the one international way, +15550102233. A national number needs the region; !ok
// when there is none or the text is no possible number.
func E164(s, region string) (string, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 64 {
		return "", false
	}
	if rest, ok := strings.CutPrefix(s, "00"); ok {
		s = "+" + rest
	}
	if region == "" && !strings.HasPrefix(s, "+") {
		return "", false
	}
	region = strings.ToUpper(region)
	if e164, ok := northAmerican(s, region); ok {
		return e164, true
	}
	n, err := phonenumbers.Parse(s, region)
	// “Possible” alone would let a number without its area code pass, which only a neighbour can dial.
	if err != nil || phonenumbers.IsPossibleNumberWithReason(n) != phonenumbers.IS_POSSIBLE {
		return "", false
	}
	return phonenumbers.Format(n, phonenumbers.E164), true
}

func parseNumber(v Value) (float64, bool) {
	if n, ok := v.AsNumber(); ok {
		return n, true
	}
	s, ok := v.AsText()
	if !ok {
		return 0, false
	}
	s = strings.TrimSpace(s)
	// ParseFloat also takes "inf", "nan", hexadecimal and underscores, which no person means by a number.
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789+-.eE", r) }) {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, false
	}
	return n, true
}

func parseBool(v Value) (value, ok bool) {
	if b, is := v.AsBool(); is {
		return b, true
	}
	if n, is := v.AsNumber(); is {
		return n != 0, n == 0 || n == 1
	}
	switch strings.ToLower(strings.TrimSpace(v.String())) {
	case "yes", "true", "1", "y", "on":
		return true, true
	case "no", "false", "0", "n", "off":
		return false, true
	}
	return false, false
}

// timeForms are the ways the providers write dates and times (reference/highlevel.md §4.1, §4.5, §4.7). The
// separators / . _ are turned into - first.
var timeForms = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04",
	time.DateOnly, "2006-1-2", "01-02-2006", "1-2-2006",
}

var dateSeparators = strings.NewReplacer("/", "-", ".", "-", "_", "-")

// parseDay reads a day. An instant falls on the day it is in the zone; a written time keeps the day it was
// written with, since providers write days as midnights (reference/highlevel.md §4.1).
func parseDay(v Value, zone *time.Location) (time.Time, bool) {
	t, ok := parseTime(v, zone)
	if v.form == instant {
		t = t.In(zone)
	}
	return t, ok && carried(t)
}

// carried reports a time that can be written: year 1 to 9999, here and in UTC. The very first instant is left
// out, since Go's zero time means "none".
func carried(t time.Time) bool {
	here, utc := t.Year(), t.UTC().Year()
	return !t.IsZero() && here >= 1 && here <= 9999 && utc >= 1 && utc <= 9999
}

// parseTime reads an instant or a day. A day is its midnight in zone.
func parseTime(v Value, zone *time.Location) (time.Time, bool) {
	if t, ok := v.AsTime(); ok {
		return t, true
	}
	if n, ok := v.AsNumber(); ok {
		return epoch(n)
	}
	s, ok := v.AsText()
	if !ok {
		return time.Time{}, false
	}
	s = strings.TrimSpace(s)
	if len(s) > 40 || s == "" {
		return time.Time{}, false
	}
	if day, rest := s[:min(10, len(s))], s[min(10, len(s)):]; strings.ContainsAny(day, "/._") {
		s = dateSeparators.Replace(day) + rest
	}
	for _, form := range timeForms {
		if t, err := time.ParseInLocation(form, s, zone); err == nil {
			return t, carried(t)
		}
	}
	if digits := onlyDigits(s); digits == s && len(s) >= 12 {
		n, err := strconv.ParseFloat(s, 64)
		if err == nil {
			return epoch(n)
		}
	}
	return time.Time{}, false
}

// epoch reads milliseconds since 1970, as both providers write instants as numbers.
func epoch(n float64) (time.Time, bool) {
	const year9999 = 253402300799999
	if n <= -62135596800000 || n > year9999 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(n)).UTC(), true
}
