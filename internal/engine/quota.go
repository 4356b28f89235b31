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
