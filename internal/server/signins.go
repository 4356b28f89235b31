package server

import (
	"context"
	"strings"

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
	as, err := s.endsSignIns(c, func(x people.SignIn) bool { return x.ID == id })
	if err != nil {
		return err
	}
	if err := s.Server.Store.EndSignIn(as, user(c).ID, id); err != nil {
		return err
	}
	s.flash(c, ui.Good, "Signed out", "That browser must sign in again.")
	return redirect(c, "/settings#browsers")
}

// endsSignIns is for the one write that ends these of the person's sign-ins.
func (s *scoped) endsSignIns(c echo.Context, which func(people.SignIn) bool) (context.Context, error) {
	all, err := s.Server.Store.SignIns(c.Request().Context(), user(c).ID)
	if err != nil {
		return nil, err
	}
	var before []string
	for _, x := range all {
		if which(x) && !x.Over(s.Now()) {
			before = append(before, people.Device(x.UserAgent)+" at "+x.Address)
		}
	}
	return s.asPerson(c, user(c), people.AuditEntry{Kind: people.AuditSessions, Before: strings.Join(before, ", "), After: "signed out"})
}

func (s *scoped) signInsEndOthers(c echo.Context) error {
	as, err := s.endsSignIns(c, func(x people.SignIn) bool { return x.ID != browser(c).ID })
	if err != nil {
		return err
	}
	n, err := s.Server.Store.EndSignIns(as, user(c).ID, browser(c).ID)
	if err != nil {
		return err
	}
	s.flash(c, ui.Good, "Signed out", ui.Count(n, "other browser", "other browsers")+" must sign in again.")
	return redirect(c, "/settings#browsers")
}
