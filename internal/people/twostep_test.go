package people_test

import (
	"bytes"
	"image/png"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crosswalk/internal/people"
)

// The examples of RFC 6238, appendix B, for SHA-1; six of their eight digits.
func TestCodesAreThoseOfTheStandard(t *testing.T) {
	t.Parallel()
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" // "12345678901234567890"
	for at, code := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if step, ok := people.StepOf(secret, code, time.Unix(at, 0), 0); !ok || step != at/30 {
			t.Errorf("%s at %d: step %d, %v", code, at, step, ok)
		}
	}
}

func TestACodeIsTakenOnceAndOnlyNearItsTime(t *testing.T) {
	t.Parallel()
	const secret, code = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "050471" // of step 37037037
	at := time.Unix(1111111111, 0)
	const step = 37037037
	for name, c := range map[string]struct {
		code string
		now  time.Time
		last int64
		ok   bool
	}{
		"in time":           {code, at, 0, true},
		"a step late":       {code, at.Add(30 * time.Second), 0, true},
		"a step early":      {code, at.Add(-30 * time.Second), 0, true},
		"two steps late":    {code, at.Add(60 * time.Second), 0, false},
		"two steps early":   {code, at.Add(-60 * time.Second), 0, false},
		"a second time":     {code, at, step, false},
		"after a later one": {code, at, step + 1, false},
		"another":           {"050472", at, 0, false},
		"too short":         {"05047", at, 0, false},
		"nothing":           {"", at, 0, false},
		"letters":           {"o5o471", at, 0, false},
	} {
		if _, ok := people.StepOf(secret, c.code, c.now, c.last); ok != c.ok {
			t.Errorf("%s: %v", name, ok)
		}
	}
}

func TestSecretsAndRecoveryCodesAreNeverTheSame(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(`^([0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}$`)
	seen := map[string]bool{}
	for range 200 {
		secret := people.NewSecret()
		if len(secret) != 32 || seen[secret] {
			t.Fatalf("secret %q", secret)
		}
		seen[secret] = true
		codes := people.NewRecoveryCodes()
		if len(codes) != people.RecoveryCodes {
			t.Fatalf("%d codes", len(codes))
		}
		for _, c := range codes {
			if !shape.MatchString(c) || seen[c] {
				t.Fatalf("code %q", c)
			}
			seen[c] = true
		}
	}
}

func TestARecoveryCodeIsKnownHoweverItIsTyped(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.SampledFrom(people.NewRecoveryCodes()).Draw(t, "code")
		typed := rapid.SampledFrom([]string{code, strings.ToUpper(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " ") + "\n", strings.ReplaceAll(strings.ReplaceAll(code, "0", "O"), "1", "l")}).Draw(t, "typed")
		if !bytes.Equal(people.RecoveryHash("us_1", typed), people.RecoveryHash("us_1", code)) {
			t.Fatalf("%q is not known as %q", typed, code)
		}
		if bytes.Equal(people.RecoveryHash("us_2", code), people.RecoveryHash("us_1", code)) {
			t.Fatal("two people share a hash")
		}
	})
}

func TestACodeAppReadsThePicture(t *testing.T) {
	t.Parallel()
	text := people.SecretURL("GEZDGNBVGY3TQOJQ", "jane+x@acme.io", "crosswalk.acme.io:8443")
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Crosswalk (crosswalk.acme.io:8443):jane+x@acme.io" || strings.Contains(u.RawQuery, "+") {
		t.Errorf("%s, %v", text, err)
	}
	if q := u.Query(); q.Get("secret") != "GEZDGNBVGY3TQOJQ" || q.Get("issuer") != "Crosswalk (crosswalk.acme.io:8443)" || q.Get("period") != "30" || q.Get("digits") != "6" {
		t.Errorf("%v", q)
	}
	picture, err := people.QR(text)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	if r, _, _, _ := img.At(0, 0).RGBA(); r != 0xffff {
		t.Error("there is no white around the code")
	}
	if r, _, _, _ := img.At(17, 17).RGBA(); r != 0 {
		t.Error("the code does not begin in its corner")
	}
	if _, err := people.QR(strings.Repeat("secret", 1000)); err == nil || strings.Contains(err.Error(), "secretsecret") {
		t.Errorf("too long a text: %v", err)
	}
}
