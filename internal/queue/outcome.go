package queue

import (
	"errors"
	"time"

	"github.com/riverqueue/river"

	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
)

// heldSnooze is how long a job waits whose plan somebody is at.
const heldSnooze = 5 * time.Second

// outcome turns a handler's error into what River does next. It is the only place that knows both.
func outcome(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, engine.ErrHeld) {
		return river.JobSnooze(heldSnooze)
	}
	switch provider.KindOf(err) {
	case provider.RateLimited:
		e, _ := errors.AsType[*provider.Error](err)
		return river.JobSnooze(max(e.RetryAfter, time.Second))
	case provider.Invalid, provider.Revoked, provider.Unauthorized, provider.Forbidden, provider.Unsupported:
		return river.JobCancel(err)
	}
	return err
}
