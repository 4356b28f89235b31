package server

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/people"
	"crosswalk/web/accountui"
)

// resetPage is where the operator's one-time link leads.
func (s *Server) resetPage(c echo.Context) error {
	return s.showReset(c, http.StatusOK, nil)
}

func (s *Server) showReset(c echo.Context, status int, problems map[string]string) error {
	u, err := s.resetOf(c)
	if err != nil {
		return err
	}
	return s.render(c, status, accountui.ResetPage(s.bareShell(c), accountui.Reset{Action: "/reset/" + queryEscape(c.Param("token")), Email: u.Email, Errors: problems}))
}

// resetOf is whose link it is. The token is long enough not to be guessed, so tries are not counted.
func (s *Server) resetOf(c echo.Context) (people.User, error) {
	ctx := c.Request().Context()
	id, err := s.Store.Reset(ctx, c.Param("token"), s.Now())
	if err != nil {
		return people.User{}, err
	}
	return s.Store.UserByID(ctx, id)
}

func (s *Server) resetPassword(c echo.Context) error {
	ctx := c.Request().Context()
	u, err := s.resetOf(c)
	if err != nil {
		return err
	}
	problems := map[string]string{}
	password := c.FormValue("password")
	if words := people.CheckPassword(password, u.Email); words != "" {
		problems["password"] = words
	}
	if password != c.FormValue("password_again") {
		problems["password_again"] = "The two passwords differ."
	}
	if len(problems) > 0 {
		return s.showReset(c, problemStatus, problems)
	}
	hash, err := s.hashing.hash(c.Request().Context(), password)
	if err != nil {
		return err
	}
	as, err := s.asPerson(c, u, people.AuditEntry{Kind: people.AuditPassword, After: "set anew by the operator’s link"})
	if err != nil {
		return err
	}
	if err := s.Store.FinishReset(as, c.Param("token"), hash, s.Now()); err != nil {
		return err
	}
	if err := s.leave(ctx); err != nil {
		return err
	}
	return redirect(c, "/sign-in")
}
