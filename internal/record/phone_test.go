package record_test

import (
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"pgregory.net/rapid"

	"crosswalk/internal/record"
)

// parsed is the general parser's answer, which any short cut of ours must give too.
func parsed(s, region string) (string, bool) {
	n, err := phonenumbers.Parse(s, region)
	if err != nil || phonenumbers.IsPossibleNumberWithReason(n) != phonenumbers.IS_POSSIBLE {
		return "", false
	}
	return phonenumbers.Format(n, phonenumbers.E164), true
}

func TestNorthAmericanNumbersAreReadAsTheGeneralParserReadsThem(t *testing.T) {
	t.Parallel()
	digit := rapid.StringOfN(rapid.SampledFrom([]rune("0123456789")), 1, 1, -1)
	gap := rapid.SampledFrom([]string{"", "", "", "", " ", "-", ".", "(", ")", ") ", " - ", "x", "/", "+"})
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString(rapid.SampledFrom([]string{"", "", "+", "1", "+1", "+1 ", "1-", "(1) ", "+ 1", "+(1)", "00", "001", "+4", "0"}).Draw(t, "lead"))
		for range rapid.SampledFrom([]int{10, 10, 10, 9, 11, 7}).Draw(t, "digits") {
			b.WriteString(gap.Draw(t, "gap"))
			b.WriteString(digit.Draw(t, "digit"))
		}
		s, region := b.String(), rapid.SampledFrom([]string{"US", "CA", "DE", "BS", ""}).Draw(t, "region")
		got, ok := record.E164(s, region)
		if strings.HasPrefix(strings.TrimSpace(s), "00") || region == "" && !strings.HasPrefix(s, "+") {
			return // read otherwise on purpose: 00 is the international prefix everywhere
		}
		want, wantOK := parsed(s, region)
		if ok != wantOK || got != want {
			t.Fatalf("%q in %q is %q %v, the parser says %q %v", s, region, got, ok, want, wantOK)
		}
		if ok {
			taken++
		}
	})
	if taken == 0 {
		t.Error("no number was read at all")
	}
}

func TestAPhoneNumberReadTwiceIsTheSame(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"(415) 555-0133", "1-415-555-0133", "+1 415.555.0133", "001 415 555 0133"} {
		once, ok := record.E164(s, "us")
		twice, again := record.E164(once, "")
		if once != "+14155550133" || !ok || !again || twice != once {
			t.Errorf("%q is %q and then %q", s, once, twice)
		}
	}
	if got, ok := record.E164("+4402079460000", ""); !ok || got != "+442079460000" {
		t.Errorf("the 0 that is only dialled at home stays: %q", got)
	}
}

func TestANumberWithoutItsAreaIsNoWholeNumber(t *testing.T) {
	t.Parallel()
	// The general parser calls these possible, as they can be dialled next door. Nobody else can.
	for _, s := range []string{"555-0133", "+15550133", "5550133"} {
		if got, ok := record.E164(s, "US"); ok {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func BenchmarkE164(b *testing.B) {
	for name, s := range map[string]string{"NorthAmerica": "(415) 555-0133", "Elsewhere": "+49 30 901820"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				record.E164(s, "US")
			}
		})
	}
}
