package server

import (
	"fmt"
	"testing"
	"time"
)

func TestAnAddressThatIsHeldBackIsWrittenDownNowAndThen(t *testing.T) {
	t.Parallel()
	var h heldBack
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		address string
		after   time.Duration
		want    bool
	}{
		{"192.0.2.1", 0, true}, {"192.0.2.1", time.Minute, false}, {"192.0.2.2", time.Minute, true}, {"192.0.2.1", heldBackEvery, true},
		{"2001:db8::1", heldBackEvery, true}, {"2001:db8::2", heldBackEvery, false}, // one /64 is one guesser
	} {
		if got := h.news(c.address, now.Add(c.after)); got != c.want {
			t.Errorf("%s after %s: %v, want %v", c.address, c.after, got, c.want)
		}
	}
	for i := range heldBackMost + 10 {
		h.news(fmt.Sprintf("10.0.%d.%d", i/256, i%256), now.Add(time.Hour))
	}
	if len(h.told) != heldBackMost || h.news("198.51.100.1", now.Add(time.Hour)) {
		t.Errorf("%d addresses are remembered", len(h.told))
	}
	if !h.news("198.51.100.1", now.Add(2*time.Hour)) {
		t.Error("nothing is forgotten")
	}
}
