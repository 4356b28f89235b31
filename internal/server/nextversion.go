package server

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/web/automationui"
	"crosswalk/web/ui"
)

// nextView says in which ways what waits to be live differs from what is; nil when nothing waits.
func nextView(d desk) *automationui.Next {
	if d.live.Next == nil {
		return nil
	}
	v := &automationui.Next{Version: d.a.Version, Live: d.live.Version, On: d.live.State == automation.On}
	if !same(d.live.Definition, d.a.Definition) {
		v.Changes = differences(d, d.live.Definition, d.a.Definition)
	}
	return v
}

// nextSettle puts what waits live, or throws it away.
func (s *scoped) nextSettle(c echo.Context) error {
	ctx := c.Request().Context()
	d, err := s.desk(c)
	if err != nil {
		return err
	}
	here := "/automations/" + string(d.a.ID) + "/live"
	if d.live.Next == nil {
		s.flash(c, ui.Info, "Nothing waits to be put live", "It was put live or thrown away meanwhile.")
		return again(c, here)
	}
	v, err := s.liveView(c, d)
	if err != nil {
		return err
	}
	meanwhile := func(d desk) error {
		v, err := s.liveView(c, d)
		if err != nil {
			return err
		}
		if v.Conflict, err = s.conflict(c, d, here, nil); err != nil {
			return err
		}
		return s.showLive(c, http.StatusConflict, v)
	}
	if postedVersion(c) != d.a.Version {
		return meanwhile(d)
	}
	var title, words string
	switch c.FormValue("do") {
	case "live":
		if refusal := notReady(v); refusal != nil {
			refusal.Title = "Not put live: " + refusal.Title[len("Not switched on: "):]
			v.Problems = append(v.Problems, *refusal)
			return s.showLive(c, problemStatus, v)
		}
		if err := s.startWatching(c, d); err != nil {
			return err
		}
		_, err = s.Store.PutLive(ctx, d.a.ID, d.a.Version)
		title, words = "It is live", "Version "+ui.Number(d.a.Version)+" counts from the next event. To go back, choose an earlier one under Versions."
	case "discard":
		_, err = s.Store.DiscardNext(ctx, d.a.ID, d.a.Version)
		title, words = "Thrown away", "Version "+ui.Number(d.live.Version)+" stays as it is. What was thrown away can still be read under Versions."
	default:
		return engine.ErrNotFound
	}
	if errors.Is(err, engine.ErrConflict) {
		if d, err = s.fresh(ctx, d.a.ID); err != nil {
			return err
		}
		return meanwhile(d)
	}
	if err != nil {
		return err
	}
	s.flash(c, ui.Good, title, words)
	return again(c, here)
}
