package queue

import (
	"errors"
	"time"

	"github.com/riverqueue/river"

	"crosswalk/internal/provider"
)

// outcome turns a handler's error into what River does next. It is the only place that knows both.
func outcome(err error) error {
	if err == nil {
		return nil
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
