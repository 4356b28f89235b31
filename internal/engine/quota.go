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
