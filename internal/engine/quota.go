package engine

import (
	"time"

	"crosswalk/internal/record"
)

// QuotaInterval is how finely the use of a connection's call budget is kept.
const QuotaInterval = time.Minute

// QuotaUse is what one connection spent of its call budget in the interval that begins at Start.
type QuotaUse struct {
	Connection record.ConnectionID
	Start      time.Time // a whole QuotaInterval, UTC
	Calls      int       // answered, and not with a 429
	Refused    int       // answered with a 429
}

// Takes is how long so many calls take at a pace of perSecond, where no more are made in a day than the limit leaves: what
// is left of today, then whole days from the next midnight on, as the providers count them (in UTC). No limit that is
// known leaves the pace alone to tell.
func (q QuotaState) Takes(calls int, perSecond float64, now time.Time) time.Duration {
	if calls <= 0 || perSecond <= 0 {
		return 0
	}
	paced := func(n int) time.Duration { return time.Duration(float64(n) / perSecond * float64(time.Second)) }
	aDay := q.DailyLimit * (100 - q.Reserve) / 100
	today := max(aDay-q.DailyUsed, 0)
	if aDay <= 0 || calls <= today {
		return paced(calls)
	}
	midnight := now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
	calls -= today
	days := (calls - 1) / aDay
	return max(midnight+time.Duration(days)*24*time.Hour+paced(calls-days*aDay), paced(calls+today))
}

// QuotaState is how a connection stands with its call limit now. Limits are 0 where none is known.
type QuotaState struct {
	Used, Limit           int           // of the present interval
	Interval              time.Duration // how long that is
	DailyUsed, DailyLimit int
	Reserve               int       // percent of both that is left to other apps
	Forecast              int       // calls the day comes to at the present pace
	RunsOut               time.Time // when the day's calls do, at that pace; zero: they do not
	ResetAt               time.Time // when the next call becomes possible; zero: now
}
