package highlevel

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// e164 is the one form we send and compare: §4.8. A number without a country code is read in region; without a
// region it is refused rather than guessed.
func e164(number, region string) (string, bool) {
	number = strings.TrimSpace(number)
	if number == "" {
		return "", false
	}
	if region == "" {
		region = phonenumbers.UNKNOWN_REGION
	}
	parsed, err := phonenumbers.Parse(number, strings.ToUpper(region))
	// Possible, not valid: number plans change faster than the library, and HighLevel takes what fits the form.
	if err != nil || !phonenumbers.IsPossibleNumber(parsed) {
		return "", false
	}
	return phonenumbers.Format(parsed, phonenumbers.E164), true
}
