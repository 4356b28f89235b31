package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
)

// Watched are the ends a definition looks at for changes: its sides, as far as changes there matter, and what lends them
// fields.
func Watched(d automation.Definition, descriptors map[provider.ID]provider.Descriptor) []automation.Endpoint {
	var ends []automation.Endpoint
	for _, end := range []automation.Endpoint{d.Source, d.Target} {
		if _, watches := d.Watches(end.Connection, end.Object); watches {
			ends = append(ends, end)
		}
	}
	for _, l := range Lenders(d, descriptors) {
		ends = append(ends, l.Endpoint)
	}
	return ends
}

// WatchedAnew are the ends a definition looks at and the one before did not.
func WatchedAnew(before, d automation.Definition, descriptors map[provider.ID]provider.Descriptor) []automation.Endpoint {
	had := Watched(before, descriptors)
	return slices.DeleteFunc(Watched(d, descriptors), func(e automation.Endpoint) bool { return slices.Contains(had, e) })
}

// WatchSaved lets changes of what an automation looks at since it was saved, and did not before, count from now on. Before
// and after are what it works by: what waits to be live looks at nothing yet, nor does a draft.
func WatchSaved(ctx context.Context, in Watching, descriptors map[provider.ID]provider.Descriptor, before automation.Definition, after automation.Automation, now time.Time) error {
	if after.State == automation.Draft {
		return nil
	}
	return WatchFromNow(ctx, in, descriptors, after.ID, WatchedAnew(before, after.Definition, descriptors), now)
}

// Watching is where it is noted from when on changes count.
type Watching interface {
	Cursors
	Automations(ctx context.Context) ([]automation.Automation, error)
}

// WatchFromNow lets changes of some ends count from now on for an automation. A position that another automation is still
// working from stays as it is.
func WatchFromNow(ctx context.Context, in Watching, descriptors map[provider.ID]provider.Descriptor, id automation.ID, ends []automation.Endpoint, now time.Time) error {
	var all []automation.Automation
	for _, end := range ends {
		cursor, known, err := in.PollCursor(ctx, end.Connection, end.Object)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if known && all == nil {
			if all, err = in.Automations(ctx); err != nil {
				return err
			}
		}
		if known && slices.ContainsFunc(all, func(a automation.Automation) bool {
			return a.ID != id && a.State != automation.Draft && slices.Contains(Watched(a.Definition, descriptors), end)
		}) {
			continue
		}
		cursor.Connection, cursor.Object, cursor.Since = end.Connection, end.Object, now
		if err := in.SavePollCursor(ctx, cursor); err != nil {
			return err
		}
	}
	return nil
}
