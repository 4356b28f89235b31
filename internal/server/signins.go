package server

import (
	"github.com/labstack/echo/v4"

	"crosswalk/internal/people"
	"crosswalk/web/accountui"
	"crosswalk/web/ui"
)

// browsers are those a person is signed in with, the one in use first.
func (s *scoped) browsers(c echo.Context) ([]accountui.Browser, error) {
	all, err := s.Server.Store.SignIns(c.Request().Context(), user(c).ID)
	if err != nil {
		return nil, err
	}
	var current, others []accountui.Browser
	for _, x := range all {
		b := accountui.Browser{ID: x.ID, Device: people.Device(x.UserAgent), Address: x.Address, Began: s.moment(x.BeganAt), Seen: s.moment(x.SeenAt)}
		switch {
		case x.ID == browser(c).ID:
			b.Current, b.Seen = true, s.moment(s.Now())
			current = append(current, b)
		case !x.Over(s.Now()):
			others = append(others, b)
		}
	}
	return append(current, others...), nil
}

// signInEnd signs one browser out, be it this one.
func (s *scoped) signInEnd(c echo.Context) error {
	id := c.Param("id")
	if id == browser(c).ID {
		return s.signOut(c)
	}
	if err := s.Server.Store.EndSignIn(c.Request().Context(), user(c).ID, id); err != nil {
		return err
	}
	s.noteOfPerson(c, user(c), people.AuditSessions)
	s.flash(c, ui.Good, "Signed out", "That browser must sign in again.")
	return redirect(c, "/settings#browsers")
}

func (s *scoped) signInsEndOthers(c echo.Context) error {
	n, err := s.Server.Store.EndSignIns(c.Request().Context(), user(c).ID, browser(c).ID)
	if err != nil {
		return err
	}
	s.noteOfPerson(c, user(c), people.AuditSessions)
	s.flash(c, ui.Good, "Signed out", ui.Count(n, "other browser", "other browsers")+" must sign in again.")
	return redirect(c, "/settings#browsers")
}
