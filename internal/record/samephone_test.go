package record_test

import (
	"testing"

	"crosswalk/internal/record"
)

func TestSamePhone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		normal, text string
		want         bool
	}{
		{"+14155552671", "+1 (415) 555-2671", true},
		{"+14155552671", "415.555.2671", true},
		{"+14155552671", "14155552671", true},
		{"+14155552671", "0014155552671", true},
		{"+14155552671", "4155552672", false},
		{"+14155552671", "94155552671", false},
		{"+14155552671", "14155552671001", false},
		{"+14155552671", "call 4155552671", false},
		{"+14155552671", "", false},
		{"+442079460958", "020 7946 0958", true},
		{"+442079460958", "2079460959", false},
		{"4155552671", "(415) 555-2671", true},
		{"4155552671", "+44 415 555 2671", false},
	} {
		if got := record.SamePhone(c.normal, c.text); got != c.want {
			t.Errorf("%q is %q: %v, want %v", c.text, c.normal, got, c.want)
		}
	}
}
