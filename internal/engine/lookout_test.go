package engine

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// account is a provider as a lookout meets it: how far its clock is off, and how late its listing shows a change.
type account struct {
	off, lag time.Duration
	mute     bool          // its answers do not say when the record changed
	bursts   time.Duration // its dates are that coarse
	rows     []row         // by when they are shown
}

type row struct {
	of           string
	dated, shown time.Time
}

func (a *account) change(of string, at time.Time) record.Record {
	dated := at.Add(a.off)
	if a.bursts > 0 {
		dated = dated.Truncate(a.bursts)
	}
	a.rows = append(a.rows, row{of, dated, at.Add(a.lag)})
	r := record.Record{Ref: record.Ref{ID: of}}
	if !a.mute {
		r.UpdatedAt = dated
	}
	return r
}

// look asks what changed since, and tells the lookout; it answers how many rows that were, and whether one was among them.
func (a *account) look(l *lookout, now time.Time, wanted string) (rows int, seen bool) {
	since := l.since(now)
	for _, r := range a.rows {
		if r.shown.After(now) || r.dated.Before(since) {
			continue
		}
		rows++
		seen = seen || r.of == wanted
		l.shows(record.Record{Ref: record.Ref{ID: r.of}, UpdatedAt: r.dated})
	}
	return rows, seen
}

// TestAnEditIsInTheNextLookOnceItIsShown: however the provider's clock goes and however late its listing is, as long as
// both are within what is looked for at the widest.
func TestAnEditIsInTheNextLookOnceItIsShown(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		between := func(least, most time.Duration, what string) time.Duration {
			return time.Duration(rapid.Int64Range(int64(least), int64(most)).Draw(t, what))
		}
		a := &account{
			off: between(-clocksApart+time.Second, clocksApart, "clock"), lag: between(0, pollOverlap-time.Second, "lag"),
			mute: rapid.Bool().Draw(t, "mute"), bursts: rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second}).Draw(t, "coarse"),
		}
		if a.mute {
			a.off = between(-pollOverlap+a.lag+time.Second, clocksApart, "clock that nobody tells of")
		}
		l, now, n := &lookout{last: begin}, begin, 0
		pause := between(100*time.Millisecond, 15*time.Second, "between writes")
		edited := begin.Add(between(0, 6*time.Minute, "edited"))
		written := false
		for now.Before(edited.Add(a.lag)) {
			for until := now.Add(between(current, staleLook, "until the next look")); now.Before(until); now = now.Add(pause) {
				if !written && !now.Before(edited) {
					a.change("edited", edited)
					written = true
				}
				n++
				l.wrote(time.Time{}, a.change(strconv.Itoa(n), now), now)
			}
			_, seen := a.look(l, now, "edited")
			if written && !now.Before(edited.Add(a.lag)) && !seen {
				t.Fatalf("edited %v after the beginning, not seen %v later", edited.Sub(begin), now.Sub(edited))
			}
		}
	})
}

// TestALookWidensOnceAListingFallsBehind: what was quick may become late while a plan is at it.
func TestALookWidensOnceAListingFallsBehind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ clock, before, after time.Duration }{
		{0, 0, 30 * time.Second},
		{0, 2 * time.Second, 100 * time.Second},
		{-90 * time.Second, 0, 60 * time.Second},
		{2 * time.Minute, time.Second, 90 * time.Second},
		{0, 90 * time.Second, time.Second},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			t.Parallel()
			begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			a, l, now := &account{off: c.clock, lag: c.before}, &lookout{last: begin}, begin
			edits := map[string]time.Time{}
			for n := 0; now.Sub(begin) < 8*time.Minute; n++ {
				now = now.Add(700 * time.Millisecond)
				if now.Sub(begin) > 4*time.Minute {
					a.lag = c.after
				}
				l.wrote(time.Time{}, a.change("ours "+strconv.Itoa(n), now), now)
				if n%5 == 0 {
					name := "edited " + strconv.Itoa(n)
					a.change(name, now.Add(50*time.Millisecond))
					edits[name] = now.Add(50*time.Millisecond + a.lag)
				}
				if n%25 != 24 {
					continue
				}
				since := l.since(now)
				for _, r := range a.rows {
					shown := !r.shown.After(now) && !r.dated.Before(since)
					if due, waits := edits[r.of]; waits && !due.After(now) {
						if !shown {
							t.Fatalf("%s at %v is not in the look at %v, which goes back to %v", r.of, r.dated.Sub(begin), now.Sub(begin), since.Sub(begin))
						}
						delete(edits, r.of)
					}
					if shown {
						l.shows(record.Record{Ref: record.Ref{ID: r.of}, UpdatedAt: r.dated})
					}
				}
			}
		})
	}
}

// TestLooksCostLittle: at any pace, and however late the listing, what is listed again of our own writes is a small part
// of a read for each of them.
func TestLooksCostLittle(t *testing.T) {
	t.Parallel()
	const page = 500
	for _, a := range []account{{}, {lag: 8 * time.Second}, {off: -time.Minute}, {off: time.Minute}, {lag: 45 * time.Second}, {lag: 100 * time.Second, off: -time.Minute}, {lag: time.Hour}} {
		for _, pace := range []int{5, 10, 16, 100, 400} { // writes a second
			now := time.Unix(1e9, 0)
			both := newLookouts(&Compiled{}, now)
			l := both.at[""]
			a.rows = nil
			reads, wrote, first := 0, 0, 0
			for wrote < 50_000 {
				chunk := populationChunk
				if both.due(now, chunk) {
					rows, _ := a.look(l, now, "")
					calls := 2 + rows/page // the side that is only read, and the one that is written
					reads += calls
					both.done(now, calls)
				}
				for range chunk {
					now = now.Add(time.Second / time.Duration(pace))
					wrote++
					l.wrote(time.Time{}, a.change(strconv.Itoa(wrote), now), now)
				}
				// What is older than any look goes back is not listed again.
				for first < len(a.rows) && now.Sub(a.rows[first].shown) > 10*time.Minute && now.Sub(a.rows[first].dated) > 20*time.Minute {
					first++
				}
				a.rows, first = a.rows[first:], 0
			}
			if share := float64(reads) / float64(wrote); share > 0.02 {
				t.Errorf("clock %v, late by %v: at %d writes a second a look costs %.3f reads a record", a.off, a.lag, pace, share)
			}
		}
	}
}

// TestOnlyWhatIsWrittenIsLookedForFarBack: a busy account that a one-way automation reads costs no more than it did.
func TestOnlyWhatIsWrittenIsLookedForFarBack(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1e9, 0)
	both := newLookouts(&Compiled{}, begin)
	for side, far := range map[string]time.Duration{"source": nearOverlap, "": pollOverlap} {
		l := both.at[automation.Side(side)]
		l.since(begin.Add(10 * time.Second)) // the first covers it all
		if got := begin.Add(10 * time.Second).Sub(l.since(begin.Add(20 * time.Second))); got != far {
			t.Errorf("%q is looked at %v back, want %v", side, got, far)
		}
	}
}
