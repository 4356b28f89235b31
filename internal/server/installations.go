package server

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/connection"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/web/connectionui"
	"crosswalk/web/ui"
)

// installation notes that our app was installed or uninstalled somewhere. Whatever follows from it is done afterwards, by
// the keeper of credentials. The delivery must name our app: all apps share the key it is signed with. known says that
// the account is connected here, as cn; then the delivery is kept like any other.
func (s *Server) installation(c echo.Context, id provider.ID, cn connection.Connection, known bool, n provider.Notice, body []byte) error {
	ctx := c.Request().Context()
	if ours, configured := s.Providers.OwnApp(id, n.AppID); n.AppID == "" || !ours || !configured {
		return hookAnswer(c, http.StatusAccepted, "noted") // somebody else's app is no mistake
	}
	if known {
		// One that came before was acted on then. It may say no time, and others have come since.
		again, err := s.Store.Delivered(ctx, cn.ID, shortKey(n.DedupeKey))
		switch {
		case err != nil:
			s.Log.ErrorContext(ctx, "whether an installation is known cannot be looked up", "provider", id, "err", err)
			return s.turnAway(c, id, cn.ID, notLookedUp)
		case again:
			return s.accept(c, cn, n, body) // and counted
		}
	}
	take := s.Connections.Installed
	if n.Change == provider.Removed {
		take = s.Connections.Uninstalled
	}
	noted, err := take(ctx, id, n)
	if err != nil {
		s.Log.ErrorContext(ctx, "installation not noted", "provider", id, "event", n.Name, "err", err)
		return s.turnAway(c, id, cn.ID, notStored)
	}
	if noted {
		s.Log.InfoContext(ctx, "installation changed", "provider", id, "event", n.Name, "account", n.Account, "company", n.Company)
		s.directory.forget()
		s.wakeKeeper()
	}
	if !known {
		return hookAnswer(c, http.StatusAccepted, "noted")
	}
	return s.accept(c, cn, n, body)
}

func (s *Server) wakeKeeper() {
	if s.KeeperWake != nil {
		s.KeeperWake()
	}
}

// companies are the agencies whose grant we hold, each with the accounts nobody uses yet. An agency that serves several
// customers is in one workspace, and its accounts go to many: whoever may edit both finds them in either.
func (s *scoped) companies(ctx context.Context) ([]connectionui.Company, error) {
	out, err := s.companiesOf(ctx, s.Connections, "")
	if err != nil {
		return nil, err
	}
	for _, m := range s.alsoEdits() {
		theirs, err := s.companiesOf(ctx, s.accountsOf(m), m.Workspace.Name)
		if err != nil {
			return nil, err
		}
		for _, co := range theirs {
			if co.Problem == nil && len(co.Unused) > 0 {
				out = append(out, co)
			}
		}
	}
	return out, nil
}

// alsoEdits are the person's other workspaces in which they may do what they may do here.
func (s *scoped) alsoEdits() []people.Membership {
	if !s.can(people.Editor) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.others), func(m people.Membership) bool {
		return m.Workspace.ID == s.member.Workspace.ID || !m.Role.AtLeast(people.Editor)
	})
}

// accountsOf are the connections of another workspace of the person's.
func (s *scoped) accountsOf(m people.Membership) *connection.Service {
	_, accounts := s.In(m.Workspace.ID)
	return s.Config.Connections.In(accounts)
}

func (s *scoped) companiesOf(ctx context.Context, connections *connection.Service, elsewhere string) ([]connectionui.Company, error) {
	all, err := connections.Store.Installations(ctx)
	if err != nil {
		return nil, err
	}
	unused, err := connections.Unused(ctx)
	if err != nil {
		return nil, err
	}
	var out []connectionui.Company
	for _, i := range all {
		if !i.OfCompany() {
			continue
		}
		co := connectionui.Company{ID: string(i.ID), Side: side(i.Provider), Name: i.Account.Name, CompanyID: i.Account.CompanyID, Text: "Access renewed " + s.ago(i.RotatedAt) + "."}
		if elsewhere != "" {
			co.Text = "It is in your workspace “" + elsewhere + "”; its accounts can be connected here too. " + co.Text
		}
		if i.State != connection.Active {
			co.Problem = &ui.Problem{Tone: ui.Stop, Title: "The agency’s access needs you", Detail: i.Problem, Next: "Install Crosswalk for the agency again. Accounts that are connected go on as long as their own access lasts.", Side: co.Side, Code: "revoked", Href: connectHref(i.Provider), HrefLabel: "Reconnect"}
		}
		co.Forget = elsewhere == "" && i.State != connection.Uninstalled && s.can(people.Owner)
		if i.State == connection.Uninstalled && i.Problem == "" {
			co.Problem.Detail = "Crosswalk was uninstalled in the agency, or the agency was forgotten here."
		}
		for _, a := range unused {
			if a.Provider == i.Provider && a.Account.CompanyID == i.Account.CompanyID {
				co.Unused = append(co.Unused, connectionui.Installed{ID: string(a.ID), Name: a.Account.Name, AccountID: a.Account.ID, Since: s.ago(a.InstalledAt)})
			}
		}
		out = append(out, co)
	}
	return out, nil
}

// companyForget gives an agency's grant up.
func (s *scoped) companyForget(c echo.Context) error {
	if err := s.Connections.ForgetCompany(c.Request().Context(), record.ConnectionID(c.Param("id"))); err != nil {
		return connectionError(err)
	}
	s.flash(c, ui.Info, "The agency was forgotten", "Its access was deleted here, and that of the accounts which lived on it. Uninstall Crosswalk in the agency too, if it is not to be used there any more.")
	return redirect(c, "/connections")
}

// installedConnect connects an account the app is installed in, with its agency's grant.
func (s *scoped) installedConnect(c echo.Context) error {
	cn, err := s.connectInstalled(c.Request().Context(), record.ConnectionID(c.Param("id")))
	if p, ok := errors.AsType[*connection.Problem](err); ok {
		s.flash(c, ui.Stop, "Not connected, and nothing was saved", p.Sentence)
		return redirect(c, "/connections")
	}
	if err != nil {
		return connectionError(err)
	}
	return s.connected(c, cn.Provider)
}

func (s *scoped) connectInstalled(ctx context.Context, id record.ConnectionID) (connection.Connection, error) {
	cn, err := s.Connections.ConnectInstalled(ctx, id)
	for _, m := range s.alsoEdits() {
		if !errors.Is(err, connection.ErrNotFound) {
			break
		}
		var i connection.Installation
		if i, err = s.accountsOf(m).Store.Installation(ctx, id); err == nil {
			return s.Connections.ConnectFrom(ctx, i)
		}
	}
	return cn, err
}
