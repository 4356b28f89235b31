package apiclient

import "time"

// paceOver is how far back the pace is measured.
const paceOver = time.Hour

// Use is what was answered in one minute.
type Use struct {
	Start          time.Time
	Calls, Refused int // refused: with a 429, and not among calls
}

// pace counts calls minute by minute: for the plot of what was used, and for the forecast of what will be.
type pace struct {
	minutes []paceMinute // of the last hour, oldest first
	uses    []Use        // not handed out yet
}

type paceMinute struct {
	start         time.Time
	spent, urgent int
}

func (p *pace) spent(now time.Time, urgent bool) {
	start := now.Truncate(time.Minute)
	if n := len(p.minutes); n == 0 || !p.minutes[n-1].start.Equal(start) {
		p.forget(now)
		p.minutes = append(p.minutes, paceMinute{start: start})
	}
	m := &p.minutes[len(p.minutes)-1]
	m.spent++
	if urgent {
		m.urgent++
	}
}

func (p *pace) forget(now time.Time) {
	old := 0
	for old < len(p.minutes) && now.Sub(p.minutes[old].start) > paceOver {
		old++
	}
	p.minutes = append(p.minutes[:0], p.minutes[old:]...)
}

// mostUses bounds what waits to be handed out; nobody may ever ask.
const mostUses = 24 * 60

func (p *pace) answered(now time.Time, refused bool) {
	start := now.Truncate(time.Minute)
	if n := len(p.uses); n == 0 || !p.uses[n-1].Start.Equal(start) {
		if n == mostUses {
			p.uses = append(p.uses[:0], p.uses[1:]...)
		}
		p.uses = append(p.uses, Use{Start: start})
	}
	u := &p.uses[len(p.uses)-1]
	if refused {
		u.Refused++
	} else {
		u.Calls++
	}
}

func (p *pace) take() []Use {
	out := p.uses
	p.uses = nil
	return out
}

// until is how many calls come until then, if they go on as in the last hour.
func (p *pace) until(now, end time.Time) int {
	return p.forecast(now, end, func(m paceMinute) int { return m.spent })
}

func (p *pace) urgentUntil(now, end time.Time) int {
	return p.forecast(now, end, func(m paceMinute) int { return m.urgent })
}

func (p *pace) forecast(now, end time.Time, count func(paceMinute) int) int {
	p.forget(now)
	if len(p.minutes) == 0 || !end.After(now) {
		return 0
	}
	n := 0
	for _, m := range p.minutes {
		n += count(m)
	}
	// A minute that began a moment ago says little: less than five are taken for five.
	over := max(now.Sub(p.minutes[0].start), 5*time.Minute)
	return int(float64(n) * float64(end.Sub(now)) / float64(over))
}
