package server

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/web/peopleui"
)

// inviteCookie keeps what the link held in the browser it was followed with, so that it leaves the address bar at once:
// it is in no page's address, no request names it as where it came from, and signing in on the way does not lose it.
const inviteCookie = "crosswalk_invite"

func (s *Server) setInvite(c echo.Context, token string, seconds int) {
	c.SetCookie(&http.Cookie{Name: inviteCookie, Value: token, Path: "/invite", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.Secure}) // #nosec G124 -- Secure wherever people come by TLS
}

// inviteOpen takes what a link holds, and goes on without it.
func (s *Server) inviteOpen(c echo.Context) error {
	token := c.Param("token")
	_, err := s.Store.InviteByToken(c.Request().Context(), people.HashInviteToken(token), s.Now())
	if errors.Is(err, engine.ErrNotFound) {
		return inviteGone()
	}
	if err != nil {
		return err
	}
	s.setInvite(c, token, 3600)
	return redirect(c, "/invite")
}

func inviteGone() *pageError {
	return &pageError{http.StatusNotFound, "This invite leads nowhere", "It was used, was revoked, or is older than seven days.", "Ask who sent it for another one.", "invite"}
}

// invited finds the invite the browser came with.
func (s *Server) invited(c echo.Context) (people.Invite, []byte, error) {
	cookie, err := c.Cookie(inviteCookie)
	if err != nil || cookie.Value == "" {
		return people.Invite{}, nil, inviteGone()
	}
	hash := people.HashInviteToken(cookie.Value)
	i, err := s.Store.InviteByToken(c.Request().Context(), hash, s.Now())
	if errors.Is(err, engine.ErrNotFound) {
		return people.Invite{}, nil, inviteGone()
	}
	return i, hash, err
}

// visitor is who is signed in on a page that is for everybody; nobody is one too.
func (s *Server) visitor(c echo.Context) (people.User, bool, error) {
	u, _, in, err := s.whoIs(c.Request().Context())
	return u, in, err
}

func (s *Server) invitePage(c echo.Context) error {
	i, _, err := s.invited(c)
	if err != nil {
		return err
	}
	u, _, err := s.visitor(c)
	if err != nil {
		return err
	}
	return s.showInvite(c, http.StatusOK, i, u, peopleui.Joining{Email: i.Email})
}

func (s *Server) showInvite(c echo.Context, status int, i people.Invite, u people.User, v peopleui.Joining) error {
	v.Workspace, v.Role, v.MadeBy, v.Bound, v.SignedIn = i.Workspace.Name, string(i.Role), i.MadeBy, i.Email, u.Email
	if u.Email != "" && i.Email != "" && !strings.EqualFold(u.Email, i.Email) {
		v.Errors = map[string]string{"bound": "It was made out to " + i.Email + ", and you are signed in as " + u.Email + "."}
	}
	return s.render(c, status, peopleui.JoinPage(s.bareShell(c), v))
}

// inviteAccept makes who is signed in a member, or somebody new with an account of their own.
func (s *Server) inviteAccept(c echo.Context) error {
	ctx := c.Request().Context()
	i, hash, err := s.invited(c)
	if err != nil {
		return err
	}
	u, known, err := s.visitor(c)
	if err != nil {
		return err
	}
	v := peopleui.Joining{Errors: map[string]string{}}
	if !known {
		if u, err = s.newcomer(c, i, &v); err != nil {
			return err
		}
	}
	if len(v.Errors) > 0 {
		return s.showInvite(c, problemStatus, i, people.User{}, v)
	}
	if i.Email != "" && !strings.EqualFold(u.Email, i.Email) {
		return s.showInvite(c, problemStatus, i, u, v)
	}
	as := s.witness(c, u, i.Workspace.ID).with(ctx, people.AuditEntry{Kind: people.AuditInviteAccept, Object: i.ID, Subject: i.Workspace.Name, After: u.Email + " is " + string(i.Role)})
	_, err = s.Store.AcceptInvite(as, hash, u, !known, s.Now())
	switch {
	case errors.Is(err, engine.ErrConflict):
		v.Errors["email"] = "There is an account of this email. Sign in with it, below."
		return s.showInvite(c, problemStatus, i, people.User{}, v)
	case errors.Is(err, engine.ErrNotFound):
		return inviteGone()
	case err != nil:
		return err
	}
	s.setInvite(c, "", -1)
	if known {
		s.sessions.Put(ctx, sessionWorkspace, i.Workspace.ID)
		return redirect(c, "/")
	}
	return s.enter(ctx, c, u.ID, "/")
}

// newcomer reads the form of somebody who has no account yet; what is wrong with it is left in v.
func (s *Server) newcomer(c echo.Context, i people.Invite, v *peopleui.Joining) (people.User, error) {
	v.Email = strings.TrimSpace(c.FormValue("email"))
	password := c.FormValue("password")
	if words := people.CheckEmail(v.Email); words != "" {
		v.Errors["email"] = words
	} else if i.Email != "" && !strings.EqualFold(v.Email, i.Email) {
		v.Errors["email"] = "The invite is for " + i.Email + "."
	}
	if words := people.CheckPassword(password, v.Email); words != "" {
		v.Errors["password"] = words
	}
	if password != c.FormValue("password_again") {
		v.Errors["password_again"] = "The two passwords differ."
	}
	if len(v.Errors) > 0 {
		return people.User{}, nil
	}
	hash, err := s.hashing.hash(c.Request().Context(), password)
	return people.User{ID: s.NewID("us"), Email: v.Email, PasswordHash: hash, CreatedAt: s.Now()}, err
}
