package engine

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestEveryLateChangeIsLookedForInTime: a change that an index shows up to two minutes late is in the listing of a look
// within two minutes of being shown, whenever the looks are, and one that shows at once is in the next.
func TestEveryLateChangeIsLookedForInTime(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		dated := begin.Add(time.Duration(rapid.Int64Range(int64(-time.Minute), int64(5*time.Minute)).Draw(t, "dated")))
		lag := time.Duration(rapid.Int64Range(0, int64(pollOverlap)).Draw(t, "lag"))
		shown := dated.Add(lag)
		l, now := lookout{last: begin}, begin
		for i := 0; ; i++ {
			now = now.Add(time.Duration(rapid.Int64Range(int64(current), int64(30*time.Second)).Draw(t, "until the next look")))
			from := l.since(now)
			if shown.After(begin) && !now.Before(shown) && !dated.Before(from) {
				if lag > nearOverlap && now.Sub(shown) > wideEvery+30*time.Second || lag <= nearOverlap && now.Sub(shown) > 30*time.Second {
					t.Fatalf("shown %v after the beginning, found %v later", shown.Sub(begin), now.Sub(shown))
				}
				return
			}
			if !shown.After(begin) {
				return // the listing itself showed it
			}
			if now.Sub(shown) > 10*time.Minute {
				t.Fatalf("dated %v and shown %v after the beginning, and never found", dated.Sub(begin), shown.Sub(begin))
			}
		}
	})
}

// TestLooksCostLittle: at any pace, what is listed again of our own writes is a small part of a read for each of them.
func TestLooksCostLittle(t *testing.T) {
	t.Parallel()
	const page = 500
	for _, pace := range []int{5, 10, 16, 100, 400} { // writes a second
		l, now := lookout{last: time.Unix(0, 0)}, time.Unix(0, 0)
		reads, wrote := 0, 0
		for wrote < 50_000 {
			chunk := max(populationChunk, pace*int(current/time.Second))
			now = now.Add(time.Duration(chunk) * time.Second / time.Duration(pace))
			wrote += chunk
			ours := min(int(now.Sub(l.since(now)).Seconds())*pace, wrote)
			reads += 1 + (ours+page-1)/page // the side that is only read, and the one that is written
		}
		if share := float64(reads) / float64(wrote); share > 0.02 {
			t.Errorf("at %d writes a second a look costs %.3f reads a record", pace, share)
		}
	}
}
