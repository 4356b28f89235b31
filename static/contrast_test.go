package static_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

type pair [2]string // light, dark

func tokens(t *testing.T) map[string]pair {
	t.Helper()
	text, err := os.ReadFile("css/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]pair{}
	role := regexp.MustCompile(`--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`)
	for _, m := range role.FindAllStringSubmatch(string(text), -1) {
		table[m[1]] = pair{m[2], m[3]}
	}
	return table
}

func luminance(hex string) float64 {
	channel := func(from int) float64 {
		n, _ := strconv.ParseUint(hex[from:from+2], 16, 8)
		c := float64(n) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(1) + 0.7152*channel(3) + 0.0722*channel(5)
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// WCAG 2.2: 4.5:1 for text (SC 1.4.3), 3:1 for edges of controls and the focus
// ring (SC 1.4.11), each on every ground it is used on.
func TestColoursAreReadableInBothThemes(t *testing.T) {
	t.Parallel()
	table := tokens(t)
	grounds := []string{"paper", "surface", "sunken"}
	cases := []struct {
		role  string
		on    []string
		least float64
	}{
		{"ink", append([]string{"gleap-wash", "highlevel-wash", "add-wash", "change-wash", "warn-wash", "stop-wash"}, grounds...), 4.5},
		{"ink-2", append([]string{"gleap-wash", "highlevel-wash", "add-wash", "change-wash", "warn-wash", "stop-wash"}, grounds...), 4.5},
		{"ink-3", append([]string{"warn-wash", "stop-wash"}, grounds...), 4.5},
		{"paper", []string{"ink", "press"}, 4.5},
		{"gleap", append([]string{"gleap-wash"}, grounds...), 4.5},
		{"highlevel", append([]string{"highlevel-wash"}, grounds...), 4.5},
		{"add", append([]string{"add-wash"}, grounds...), 4.5},
		{"change", append([]string{"change-wash"}, grounds...), 4.5},
		{"warn", append([]string{"warn-wash"}, grounds...), 4.5},
		{"stop", append([]string{"stop-wash"}, grounds...), 4.5},
		{"surface", []string{"stop"}, 4.5},
		{"control", []string{"surface", "paper"}, 3},
		{"focus", grounds, 3},
	}
	for _, c := range cases {
		for _, ground := range c.on {
			for i, theme := range []string{"light", "dark"} {
				fore, back := table[c.role][i], table[ground][i]
				if fore == "" || back == "" {
					t.Fatalf("no token --%s or --%s", c.role, ground)
				}
				if got := contrast(fore, back); got < c.least {
					t.Errorf("%s: --%s on --%s is %.2f:1, needs %.1f:1", theme, c.role, ground, got, c.least)
				}
			}
		}
	}
}
