package record

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// northAmerican reads the numbers of the one plan most of our numbers belong to without the general parser, which
// takes some 10 µs and a dozen regular expressions a number. It knows only the plain shapes, on which a test holds
// it to the parser's own answer; !ok means ask the parser.
func northAmerican(s, region string) (string, bool) {
	plus := s != "" && s[0] == '+'
	if plus {
		s = s[1:]
	} else if region != "US" && region != "CA" {
		return "", false
	}
	var out [12]byte
	out[0], out[1] = '+', '1'
	n := 2
	first, led := true, false // the country's 1 may stand before the ten digits
	for i := range len(s) {
		c := s[i]
		switch {
		case c == ' ' || c == '(' || c == ')' || c == '-' || c == '.':
			continue
		case c < '0' || c > '9' || n == len(out):
			return "", false
		case first && c == '1':
			led = true
		case n == 2 && c < '2':
			return "", false
		default:
			out[n] = c
			n++
		}
		first = false
	}
	if n < len(out) || plus && !led {
		return "", false
	}
	return string(out[:]), true
}

// SamePhone reports whether a whole text writes a normalised phone number, with its country or as it is written within it.
func SamePhone(normal, text string) bool {
	text = strings.TrimSpace(text)
	if len(text) < 7 || len(text) > 40 || strings.Trim(text, "+0123456789()-./ \u00a0") != "" {
		return false
	}
	if !strings.HasPrefix(normal, "+") {
		return onlyDigits(text) == normal
	}
	if onlyDigits(text) == normal[1:] {
		return true
	}
	n, err := phonenumbers.Parse(normal, "")
	if err != nil {
		return false
	}
	e164, ok := E164(text, phonenumbers.GetRegionCodeForNumber(n))
	return ok && e164 == normal
}
