package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/connection"
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
	if n.AppID == "" || !s.Providers.OwnApp(id, n.AppID) {
		return hookAnswer(c, http.StatusAccepted, "noted") // somebody else's app is no mistake
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

// companies are the agencies whose grant we hold, each with the accounts nobody uses yet.
func (s *scoped) companies(ctx context.Context) ([]connectionui.Company, error) {
	all, err := s.Connections.Store.Installations(ctx)
	if err != nil {
		return nil, err
	}
	unused, err := s.Connections.Unused(ctx)
	if err != nil {
		return nil, err
	}
	var out []connectionui.Company
	for _, i := range all {
		if !i.OfCompany() {
			continue
		}
		co := connectionui.Company{ID: string(i.ID), Side: side(i.Provider), Name: i.Account.Name, CompanyID: i.Account.CompanyID, Text: "Access renewed " + s.ago(i.RotatedAt) + "."}
		if i.State != connection.Active {
			co.Problem = &ui.Problem{Tone: ui.Stop, Title: "The agency’s access needs you", Detail: i.Problem, Next: "Install Crosswalk for the agency again. Accounts that are connected go on as long as their own access lasts.", Side: co.Side, Code: "revoked", Href: connectHref(i.Provider), HrefLabel: "Reconnect"}
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

// installedConnect connects an account the app is installed in, with its agency's grant.
func (s *scoped) installedConnect(c echo.Context) error {
	cn, err := s.Connections.ConnectInstalled(c.Request().Context(), record.ConnectionID(c.Param("id")))
	if p, ok := errors.AsType[*connection.Problem](err); ok {
		s.flash(c, ui.Stop, "Not connected, and nothing was saved", p.Sentence)
		return redirect(c, "/connections")
	}
	if err != nil {
		return connectionError(err)
	}
	return s.connected(c, cn.Provider)
}
