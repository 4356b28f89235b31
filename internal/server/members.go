package server

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/web/peopleui"
	"crosswalk/web/ui"
)

func (s *scoped) peoplePage(c echo.Context) error {
	return s.showPeople(c, http.StatusOK, peopleui.People{Role: string(people.Viewer)})
}

func (s *scoped) showPeople(c echo.Context, status int, v peopleui.People) error {
	ctx := c.Request().Context()
	members, err := s.Server.Store.Members(ctx, s.member.Workspace.ID)
	if err != nil {
		return err
	}
	invites, err := s.Server.Store.Invites(ctx, s.member.Workspace.ID)
	if err != nil {
		return err
	}
	owners := 0
	for _, m := range members {
		if m.Role == people.Owner {
			owners++
		}
	}
	for _, m := range members {
		v.Members = append(v.Members, peopleui.Member{
			ID: m.User.ID, Email: m.User.Email, Role: string(m.Role), Since: s.moment(m.Since), You: m.User.ID == s.member.User, Last: m.Role == people.Owner && owners == 1,
		})
	}
	for _, i := range invites {
		v.Invites = append(v.Invites, peopleui.Invite{ID: i.ID, Email: i.Email, Role: string(i.Role), MadeBy: i.MadeBy, Open: i.Open(s.Now()), State: s.inviteState(i)})
	}
	sh, err := s.shell(c, ui.Settings)
	if err != nil {
		return err
	}
	return s.render(c, status, peopleui.PeoplePage(sh, v))
}

func (s *Server) inviteState(i people.Invite) string {
	switch {
	case !i.AcceptedAt.IsZero():
		return "Accepted by " + i.AcceptedBy + " " + s.ago(i.AcceptedAt)
	case !i.RevokedAt.IsZero():
		return "Revoked " + s.ago(i.RevokedAt)
	case !i.Open(s.Now()):
		return "Ran out " + s.ago(i.ExpiresAt)
	}
	return "Open, runs out " + s.ago(i.ExpiresAt)
}

// lastOwner tells an owner why nothing was changed.
func (s *scoped) lastOwner(c echo.Context) error {
	s.flash(c, ui.Stop, "Nothing was changed", "A workspace keeps at least one owner. Make somebody else an owner first.")
	return redirect(c, "/settings/people")
}

// afterMember leads back to the people, or out when it was oneself.
func (s *scoped) afterMember(c echo.Context) error {
	if c.Param("id") == s.member.User {
		return redirect(c, "/")
	}
	return redirect(c, "/settings/people")
}

// memberOf finds the member a request is about.
func (s *scoped) memberOf(c echo.Context) (people.Member, error) {
	members, err := s.Server.Store.Members(c.Request().Context(), s.member.Workspace.ID)
	if err != nil {
		return people.Member{}, err
	}
	for _, m := range members {
		if m.User.ID == c.Param("id") {
			return m, nil
		}
	}
	return people.Member{}, engine.ErrNotFound
}

func (s *scoped) memberRole(c echo.Context) error {
	m, err := s.memberOf(c)
	if err != nil {
		return err
	}
	role := people.Role(c.FormValue("role"))
	if !role.Valid() {
		return &pageError{problemStatus, "There is no such role", "Nothing was changed.", "Choose owner, editor or viewer.", "role"}
	}
	err = s.Server.Store.SetRole(s.act(c, people.AuditMemberRole, m.User.ID, m.User.Email, string(m.Role), string(role)), s.member.Workspace.ID, m.User.ID, role)
	if errors.Is(err, people.ErrLastOwner) {
		return s.lastOwner(c)
	}
	if err != nil {
		return err
	}
	s.flash(c, ui.Good, "Role changed", m.User.Email+" is "+string(role)+" from now on.")
	return s.afterMember(c)
}

func (s *scoped) memberRemove(c echo.Context) error {
	m, err := s.memberOf(c)
	if err != nil {
		return err
	}
	err = s.Server.Store.RemoveMember(s.act(c, people.AuditMemberRemove, m.User.ID, m.User.Email, string(m.Role), ""), s.member.Workspace.ID, m.User.ID)
	if errors.Is(err, people.ErrLastOwner) {
		return s.lastOwner(c)
	}
	if err != nil {
		return err
	}
	s.flash(c, ui.Info, "Removed", m.User.Email+" sees nothing of this workspace any more.")
	return s.afterMember(c)
}

// inviteCreate makes a link. It is on this one answer and nowhere else: not in a session, a log or the database.
func (s *scoped) inviteCreate(c echo.Context) error {
	v := peopleui.People{Email: strings.TrimSpace(c.FormValue("email")), Role: c.FormValue("role"), Errors: map[string]string{}}
	if v.Email != "" {
		if words := people.CheckEmail(v.Email); words != "" {
			v.Errors["email"] = words
		}
	}
	if !people.Role(v.Role).Valid() {
		v.Errors["role"] = "Choose a role."
	}
	if len(v.Errors) > 0 {
		return s.showPeople(c, problemStatus, v)
	}
	token := people.NewInviteToken()
	i := people.Invite{
		ID: s.NewID("iv"), Workspace: s.member.Workspace, Role: people.Role(v.Role), Email: v.Email, MadeBy: user(c).Email,
		CreatedAt: s.Now(), ExpiresAt: s.Now().Add(people.InviteLife),
	}
	as := s.act(c, people.AuditInviteCreate, i.ID, i.Email, "", string(i.Role)+", until "+i.ExpiresAt.UTC().Format(time.DateOnly))
	if err := s.Server.Store.CreateInvite(as, i, people.HashInviteToken(token)); err != nil {
		return err
	}
	return s.showPeople(c, http.StatusOK, peopleui.People{Role: string(people.Viewer), NewLink: s.PublicURL + "/invite/" + token, NewFor: v.Email})
}

func (s *scoped) inviteRevoke(c echo.Context) error {
	err := s.Server.Store.RevokeInvite(s.act(c, people.AuditInviteRevoke, c.Param("id"), "", "open", "revoked"), s.member.Workspace.ID, c.Param("id"))
	switch {
	case errors.Is(err, engine.ErrConflict):
		s.flash(c, ui.Warn, "Not revoked", "It was accepted or revoked before.")
	case err != nil:
		return err
	default:
		s.flash(c, ui.Info, "Revoked", "The link leads nowhere any more.")
	}
	return redirect(c, "/settings/people")
}
