package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/web/peopleui"
	"crosswalk/web/ui"
)

// scoped is the server as a member of one workspace uses it. What the handlers read and write with is bound to that
// workspace, and hides what the server itself has: a handler that is to see more has to ask for it by name.
type scoped struct {
	*Server
	Store       ownStore
	Connections *connection.Service
	Flow        *connection.Flow
	Gateway     engine.Gateway
	Fresh       func(ctx context.Context, id record.ConnectionID) (provider.Client, error)

	watch  witness
	member people.Membership
	others []people.Membership // all of the person's, this one too
	// cameBack: the person had gone to another workspace since they began what this request completes.
	cameBack bool
}

// ownStore is a workspace's store, and the people, who belong to none.
type ownStore struct {
	Store
	Users
}

// in binds the server to a member's workspace.
func (s *Server) in(c echo.Context, m people.Membership, all []people.Membership) *scoped {
	objects, accounts := s.In(m.Workspace.ID)
	watch := s.witness(c, user(c), m.Workspace.ID)
	accounts = recordedAccounts{accounts, watch}
	x := &scoped{Server: s, Store: ownStore{recordedStore{objects, watch}, s.Config.Store}, watch: watch, member: m, others: all}
	if s.Config.Connections != nil {
		x.Connections = s.Config.Connections.In(accounts)
	}
	if s.Config.Flow != nil {
		flow := *s.Config.Flow
		flow.Store = accounts
		x.Flow = &flow
	}
	x.Gateway = ownGateway{accounts, s.Config.Gateway}
	x.Fresh = func(ctx context.Context, id record.ConnectionID) (provider.Client, error) {
		if _, err := accounts.Connection(ctx, id); err != nil {
			return nil, err
		}
		return s.Config.Fresh(ctx, id)
	}
	return x
}

// ownGateway hands out clients of the workspace's own accounts.
type ownGateway struct {
	accounts connection.Store
	all      engine.Gateway
}

// Client implements engine.Gateway.
func (g ownGateway) Client(ctx context.Context, id record.ConnectionID) (provider.Client, error) {
	own, err := g.accounts.Connections(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(own, func(c connection.Connection) bool { return c.ID == id }) {
		return nil, &provider.Error{Op: "use connection", Kind: provider.Revoked, Detail: "the account is not connected"}
	}
	return g.all.Client(ctx, id)
}

const (
	keyScoped = "scoped"
	// sessionWorkspace names the current workspace in a session. It is a wish: memberships are what counts.
	sessionWorkspace = "workspace"
)

// inWorkspace lets a member through whose role is enough, with the server bound to their current workspace. The
// membership is read at every request, so that one that has ended, or a role that was taken away, counts at once.
func (s *Server) inWorkspace(least people.Role) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			ctx := c.Request().Context()
			all, err := s.Store.MembershipsOf(ctx, user(c).ID)
			if err != nil {
				return err
			}
			if framed(ctx) {
				opened := s.sessions.GetString(ctx, keyOpened)
				all = slices.DeleteFunc(slices.Clone(all), func(m people.Membership) bool { return m.Workspace.ID != opened })
				if len(all) == 0 {
					if err := s.leave(ctx); err != nil {
						return err
					}
					return s.signInFirst(c, "")
				}
			}
			if len(all) == 0 {
				return s.render(c, http.StatusForbidden, peopleui.NoWorkspacePage(s.bareShell(c), user(c).Email))
			}
			current := s.sessions.GetString(ctx, sessionWorkspace)
			if c.Request().Method != http.MethodGet {
				if err := c.Request().ParseForm(); err != nil {
					return unreadable(err)
				}
				if made := c.Request().PostForm.Get(ownWorkspace); made != "" && made != current {
					// It was made in another tab, before the person went elsewhere: it is carried out where it was made.
					current = made
					s.sessions.Put(ctx, sessionWorkspace, made)
				}
			}
			i := slices.IndexFunc(all, func(m people.Membership) bool { return m.Workspace.ID == current })
			if i < 0 {
				i = 0
				s.sessions.Put(ctx, sessionWorkspace, all[0].Workspace.ID)
				if current != "" && c.Request().Method != http.MethodGet {
					// The form was made in another workspace and must not be carried out in this one.
					s.flash(c, ui.Warn, "You are no longer in that workspace", "Nothing was carried out. This is “"+all[0].Workspace.Name+"”.")
					return redirect(c, "/")
				}
			}
			if !all[i].Role.AtLeast(least) {
				return mayNot(least)
			}
			c.Set(keyScoped, s.in(c, all[i], all))
			return next(c)
		}
	}
}

// unreadable is the answer to a form that is too large, or no form.
func unreadable(err error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return err
	}
	return echo.NewHTTPError(http.StatusBadRequest, "The form could not be read. Nothing was changed.")
}

// mayNot is the answer to somebody whose role is not enough.
func mayNot(least people.Role) *pageError {
	if least == people.Owner {
		return &pageError{http.StatusForbidden, "Only an owner may do this", "Your role in this workspace does not include it. Nothing was changed.", "Ask an owner of the workspace.", "role"}
	}
	return &pageError{http.StatusForbidden, "You may look, but not change anything", "In this workspace you are a viewer. Nothing was changed.", "Ask an owner of the workspace to make you an editor.", "role"}
}

// within makes a handler of one that needs a workspace. Without one, which only a route that asks for no role could
// bring about, nothing is carried out.
func within(handle func(*scoped, echo.Context) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		s, ok := c.Get(keyScoped).(*scoped)
		if !ok {
			return echo.NewHTTPError(http.StatusForbidden, "No workspace was chosen.")
		}
		return handle(s, c)
	}
}

// can reports whether the person's role is enough.
func (s *scoped) can(least people.Role) bool { return s.member.Role.AtLeast(least) }

// stillIn reports whether the person is still signed in and a member, for answers that last longer than a request.
func (s *scoped) stillIn(ctx context.Context) bool {
	if _, _, in, err := s.whoIs(ctx); err != nil || !in {
		return false
	}
	all, err := s.Server.Store.MembershipsOf(ctx, s.member.User)
	return err == nil && slices.ContainsFunc(all, func(m people.Membership) bool { return m.Workspace.ID == s.member.Workspace.ID })
}

// workspaceSwitch makes another of the person's workspaces the current one.
func (s *Server) workspaceSwitch(c echo.Context) error {
	ctx := c.Request().Context()
	all, err := s.Store.MembershipsOf(ctx, user(c).ID)
	if err != nil {
		return err
	}
	id := c.FormValue("workspace")
	if !slices.ContainsFunc(all, func(m people.Membership) bool { return m.Workspace.ID == id }) {
		return engine.ErrNotFound
	}
	s.sessions.Put(ctx, sessionWorkspace, id)
	return redirect(c, "/")
}

func (s *scoped) workspaceNewPage(c echo.Context) error {
	return s.showNewWorkspace(c, http.StatusOK, peopleui.NewWorkspace{})
}

func (s *scoped) showNewWorkspace(c echo.Context, status int, v peopleui.NewWorkspace) error {
	sh, err := s.shell(c, ui.Settings)
	if err != nil {
		return err
	}
	return s.render(c, status, peopleui.NewWorkspacePage(sh, v))
}

// workspaceCreate makes a workspace that is empty but for its owner, and goes there.
func (s *scoped) workspaceCreate(c echo.Context) error {
	ctx := c.Request().Context()
	v := peopleui.NewWorkspace{Name: strings.Join(strings.Fields(c.FormValue("name")), " ")}
	if v.Error = people.CheckWorkspaceName(v.Name); v.Error != "" {
		return s.showNewWorkspace(c, problemStatus, v)
	}
	w := people.Workspace{ID: s.NewID("ws"), Name: v.Name, CreatedAt: s.Now()}
	as := s.watch.with(ctx, people.AuditEntry{Workspace: w.ID, Kind: people.AuditWorkspaceCreate, Object: w.ID, Subject: w.Name, After: w.Name})
	if err := s.Server.Store.CreateWorkspace(as, w, user(c).ID); err != nil {
		return err
	}
	s.sessions.Put(ctx, sessionWorkspace, w.ID)
	s.flash(c, ui.Good, "“"+w.Name+"” is ready", "It is empty: connect its accounts first.")
	return redirect(c, "/")
}

func (s *scoped) workspaceRename(c echo.Context) error {
	name := strings.Join(strings.Fields(c.FormValue("name")), " ")
	if words := people.CheckWorkspaceName(name); words != "" {
		s.flash(c, ui.Stop, "Not renamed", words)
		return redirect(c, "/settings/people")
	}
	as := s.act(c, people.AuditWorkspaceRename, s.member.Workspace.ID, name, s.member.Workspace.Name, name)
	if err := s.Server.Store.RenameWorkspace(as, s.member.Workspace.ID, name); err != nil {
		return err
	}
	s.flash(c, ui.Good, "Renamed", "")
	return redirect(c, "/settings/people")
}
