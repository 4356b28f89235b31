package engine

import "time"

// How far back a plan that is carried out looks for what changed since it was listed.
const (
	// nearOverlap covers clocks that differ and an index that takes seconds to show a change; what takes longer is found by
	// the wide looks. Our own writes since then are listed with it, a page for every few hundred of them.
	nearOverlap = 20 * time.Second
	// wideEvery is how often a look covers all of pollOverlap.
	wideEvery = 2 * time.Minute
)

// lookout is when the two sides were last asked for changes.
type lookout struct{ last, wide time.Time }

// since tells from when on changes are to be asked for at now, which is remembered as the last look.
func (l *lookout) since(now time.Time) time.Time {
	from := l.last.Add(-nearOverlap)
	if l.wide.IsZero() || now.Sub(l.wide) >= wideEvery {
		if l.wide.IsZero() {
			l.wide = l.last
		}
		from = l.wide.Add(-pollOverlap)
		l.wide = now
	}
	l.last = now
	return from
}
