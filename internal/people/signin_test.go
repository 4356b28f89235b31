package people_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"crosswalk/internal/people"
)

func TestABrowserIsNamedAsAPersonWould(t *testing.T) {
	t.Parallel()
	for userAgent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                           "Firefox on Windows",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36":                                      "Chrome on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0":              "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15":                      "Safari on Mac",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1":    "Safari on iPhone",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/139.0 Mobile/15E148 Safari/604.1":     "Chrome on iPhone",
		"Mozilla/5.0 (Linux; Android 15; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36": "Samsung Internet on Android",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36":                             "Chrome on ChromeOS",
		"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0 Safari/537.36 OPR/122.0":                                  "Opera on Windows",
		"curl/8.14.1":               "curl",
		"Something (Windows NT)":    "Unknown browser on Windows",
		"":                          "Unknown browser",
		"<script>alert(1)</script>": "Unknown browser",
	} {
		if got := people.Device(userAgent); got != want {
			t.Errorf("%q is %q, want %q", userAgent, got, want)
		}
	}
	if got := people.CutUserAgent(strings.Repeat("ä", 1000)); len(got) > 400 || !utf8.ValidString(got) {
		t.Errorf("%d bytes are kept", len(got))
	}
}

func TestASignInEndsByItselfUnusedOrOld(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 4, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name             string
		seenAfter, after time.Duration
		over             bool
	}{
		{"just begun", 0, 0, false},
		{"unused for less than half a day", 0, people.IdleAfter - time.Second, false},
		{"unused for half a day", 0, people.IdleAfter, true},
		{"used all week", people.Lifetime - time.Hour, people.Lifetime - time.Second, false},
		{"a week old, however much it is used", people.Lifetime - time.Second, people.Lifetime, true},
	} {
		s := people.SignIn{BeganAt: began, SeenAt: began.Add(c.seenAfter)}
		if got := s.Over(began.Add(c.after)); got != c.over {
			t.Errorf("%s: over is %v", c.name, got)
		}
	}
}

func TestUseIsNotedNowAndThen(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 8, 0, 0, 0, time.UTC)
	s := people.SignIn{SeenAt: at, Address: "198.51.100.7"}
	if s.Stale(at.Add(59*time.Second), "198.51.100.7") || !s.Stale(at.Add(time.Minute), "198.51.100.7") || !s.Stale(at, "198.51.100.8") {
		t.Error("use is noted too often, or too seldom")
	}
}
