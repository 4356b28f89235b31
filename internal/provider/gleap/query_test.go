package gleap

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// FuzzAQuerySaysWhatItWasBuiltOf holds the encoding of filters to what Gleap reads: a pair for each, the operator inside
// the key, and nothing a value holds becomes another filter (reference/gleap.md §4).
func FuzzAQuerySaysWhatItWasBuiltOf(f *testing.F) {
	f.Add("email", "a+b@example.com", int64(1_772_000_000_000))
	f.Add("customData.plan", "OPEN,DONE", int64(0))
	f.Add("a&b=c", "x&updatedAt>=2020-01-01#%", int64(-1))
	f.Add("updatedAt>", "\x00\r\nX-Y: z", int64(253_402_300_799_000))
	f.Fuzz(func(t *testing.T, key, value string, at int64) {
		when := time.UnixMilli(at % 253_402_300_800_000)
		built := query{}.eq(key, value).from(key, when).num("limit", 7).String()
		if strings.ContainsAny(built, "#\r\n\x00 \"<\\") {
			t.Fatalf("%q cannot stand in an address", built)
		}
		parts := strings.Split(built, "&")
		if len(parts) != 3 || parts[2] != "limit=7" {
			t.Fatalf("%q has %d parts", built, len(parts))
		}
		name, given, _ := strings.Cut(parts[0], "=")
		if k, err := url.QueryUnescape(name); err != nil || k != key {
			t.Fatalf("key %q is read as %q, %v", key, k, err)
		}
		if v, err := url.QueryUnescape(given); err != nil || v != value {
			t.Fatalf("value %q is read as %q, %v", value, v, err)
		}
		name, given, found := strings.Cut(parts[1], ">=")
		k, err := url.QueryUnescape(name)
		if !found || err != nil || k != key {
			t.Fatalf("the range %q is on %q, %v", parts[1], k, err)
		}
		v, err := url.QueryUnescape(given)
		if read, perr := time.Parse(time.RFC3339, v); err != nil || when.Year() >= 0 && (perr != nil || !read.Equal(when)) {
			t.Fatalf("%v is read as %q, %v", when, v, perr)
		}
	})
}

// FuzzACursorIsOursOrNone: whatever comes back as a cursor, it is understood or refused, and never walks backwards.
func FuzzACursorIsOursOrNone(f *testing.F) {
	f.Add(position{Since: 5, From: 7, Skip: 2}.cursor())
	f.Add("")
	f.Add("eyJ2IjoxLCJrIjotMX0")
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := parseCursor(text)
		if !ok {
			return
		}
		again, ok := parseCursor(p.cursor())
		if !ok || again != p || p.Skip < 0 {
			t.Fatalf("%q is %+v, then %+v", text, p, again)
		}
	})
}
