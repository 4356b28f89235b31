package server

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/web/accountui"
	"crosswalk/web/ui"
)

// How people come in from inside HighLevel is docs/decisions/0012.
const (
	embeddedPath   = "/embedded/highlevel"
	embeddedCookie = "crosswalk_embedded"
	// keyOpened is the workspace of the location a person came in from.
	keyOpened = "opened"
	// keyIdentity is the HighLevel user they came in as, and the location.
	keyIdentity = "identity"
)

// inFrame reports whether a request belongs to a session inside a frame: the page people come in by, and whoever has
// only the cookie that was set there. The ordinary one is never sent into a frame of another site.
func (s *Server) inFrame(c echo.Context) bool {
	if s.UserContext == nil {
		return false
	}
	if c.Path() == embeddedPath {
		return true
	}
	if c.Request().Header.Get("Sec-Fetch-Dest") == "document" {
		return false // a window of its own, in a browser that keeps no cookies apart
	}
	return s.cookieValue(c, embeddedCookie) != "" && s.cookieValue(c, "crosswalk_session") == ""
}

// allowFraming lets the configured hosts show this answer in a frame, and nobody else.
func (s *Server) allowFraming(c echo.Context) {
	h := c.Response().Header()
	h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "frame-ancestors 'none'", "frame-ancestors "+strings.Join(s.FrameHosts, " "), 1))
}

// embeddedPage asks the page around it who is there.
func (s *Server) embeddedPage(c echo.Context) error {
	if s.UserContext == nil {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	return s.showEmbedded(c, http.StatusOK, accountui.Embedded{})
}

func (s *Server) showEmbedded(c echo.Context, status int, v accountui.Embedded) error {
	v.Hosts = strings.Join(s.FrameHosts, " ")
	return s.render(c, status, accountui.EmbeddedPage(s.bareShell(c), v))
}

// opensNothing is said alike of what cannot be read and of what is of no use: whoever tries out forgeries must not hear which
// of them opened.
const opensNothing = "What HighLevel told could not be read, or opens no workspace of yours. Open a location in HighLevel that is connected to Crosswalk, in a workspace you are a member of; whoever connected it can invite you. If nobody is let in, the app’s shared secret is not the one that is configured here."

// embeddedSignIn exchanges a user context for a session of our own, once.
func (s *Server) embeddedSignIn(c echo.Context) error {
	ctx := c.Request().Context()
	if s.UserContext == nil {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	refuse := func(words string) error {
		return s.showEmbedded(c, problemStatus, accountui.Embedded{Problem: words})
	}
	try := s.newTry(people.DoorContext, "", c.RealIP())
	wait, err := s.Store.Try(ctx, try)
	if err != nil {
		return err
	}
	if wait > 0 {
		return s.showEmbedded(c, tooMany(c, wait), accountui.Embedded{Problem: "Too many tries in vain. Try again in " + roundUp(wait) + "."})
	}
	who, err := s.UserContext(c.FormValue("context"))
	if err != nil {
		return refuse(opensNothing)
	}
	userID, err := s.Store.UserOfIdentity(ctx, who.Identity)
	if errors.Is(err, engine.ErrNotFound) {
		// Whether the location is connected is nothing for somebody nobody here knows.
		if err := s.Store.TrySucceeded(ctx, try); err != nil {
			return err
		}
		return s.offer(c, who)
	}
	if err != nil {
		return err
	}
	workspace := ""
	if who.Account != "" {
		cn, known, err := s.Config.Connections.ByAccount(ctx, highLevel, who.Account)
		if err != nil {
			return err
		}
		if known && cn.State != connection.Uninstalled && (cn.Account.CompanyID == "" || cn.Account.CompanyID == who.CompanyID) {
			workspace = cn.Workspace
		}
	}
	all, err := s.Store.MembershipsOf(ctx, userID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(m people.Membership) bool { return m.Workspace.ID == workspace }) {
		return refuse(opensNothing)
	}
	fresh, err := s.Store.SpendContext(ctx, who.Salt, s.Now())
	if err != nil {
		return err
	}
	if !fresh {
		return refuse("This was used to sign in before, and works once. Reload the page in HighLevel.")
	}
	if err := s.Store.TrySucceeded(ctx, try); err != nil {
		return err
	}
	f, err := s.secondFactor(ctx, userID)
	if err != nil {
		return err
	}
	if f.On() {
		return s.halfwayTo(c, userID, "/", workspace, sessionIdentity(who))
	}
	u, err := s.Store.UserByID(ctx, userID)
	if err != nil {
		return err
	}
	s.sessions.Put(ctx, keyOpened, workspace)
	s.sessions.Put(ctx, keyIdentity, sessionIdentity(who))
	return s.letIn(c, u, "inside HighLevel, as user "+who.UserID, "/")
}

// offer shows a code to somebody nobody here is linked with. Who types it in, signed in the ordinary way, says that it is
// them; an email proves nothing here.
func (s *Server) offer(c echo.Context, who UserContext) error {
	code := people.NewOfferCode()
	if err := s.Store.OfferIdentity(c.Request().Context(), people.HashOfferCode(code), who.Identity, s.Now().Add(people.OfferFor)); err != nil {
		return err
	}
	return s.showEmbedded(c, http.StatusOK, accountui.Embedded{Code: code, Who: who.Name, Minutes: int(people.OfferFor.Minutes())})
}

// identityLink makes the HighLevel user behind a code the person's own: shown first, then linked.
func (s *scoped) identityLink(c echo.Context) error {
	ctx := c.Request().Context()
	if s.UserContext == nil {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	code := c.FormValue("code")
	try := s.newTry(people.DoorOffer, user(c).ID, c.RealIP())
	wait, err := s.Server.Store.Try(ctx, try)
	if err != nil {
		return err
	}
	if wait > 0 {
		tooMany(c, wait)
		return s.showSettings(c, http.StatusTooManyRequests, map[string]string{"code": "Too many wrong codes. Try again in " + roundUp(wait) + "."})
	}
	hash := people.HashOfferCode(code)
	offered, err := s.Server.Store.OfferedIdentity(ctx, hash, s.Now())
	if errors.Is(err, engine.ErrNotFound) {
		return s.showSettings(c, problemStatus, map[string]string{"code": "No such code is waiting. It lasts ten minutes, and is shown inside HighLevel."})
	}
	if err != nil {
		return err
	}
	if err := s.Server.Store.TrySucceeded(ctx, try); err != nil {
		return err
	}
	ask := func(status int, problem string) error {
		sh, err := s.shell(c, ui.Settings)
		if err != nil {
			return err
		}
		return s.render(c, status, accountui.LinkPage(sh, accountui.Link{Code: code, Name: offered.Name, Email: offered.Email, UserID: offered.UserID, You: user(c).Email, Problem: problem}))
	}
	if c.FormValue("confirm") != "yes" {
		return ask(http.StatusOK, "")
	}
	// A way in that outlasts this browser's session is not given to whoever finds it open.
	words, wait, err := s.passwordProblem(c, c.FormValue("current_password"))
	if err != nil {
		return err
	}
	if words != "" {
		return ask(refused(c, wait), words)
	}
	as, err := s.asPerson(c, user(c), people.AuditEntry{Kind: people.AuditIdentity, After: identityGist(offered)})
	if err != nil {
		return err
	}
	linked, err := s.Server.Store.LinkIdentity(as, hash, user(c).ID, s.Now())
	switch {
	case errors.Is(err, engine.ErrConflict):
		return s.showSettings(c, problemStatus, map[string]string{"code": "That HighLevel user is linked with somebody else here."})
	case errors.Is(err, engine.ErrNotFound):
		return s.showSettings(c, problemStatus, map[string]string{"code": "The code ran out meanwhile. Reload the page in HighLevel for another."})
	case err != nil:
		return err
	}
	s.flash(c, ui.Good, "Linked", "Whoever is signed in to HighLevel as "+linked.Name+" is signed in here as you, inside HighLevel.")
	return redirect(c, "/settings")
}

func (s *scoped) identityUnlink(c echo.Context) error {
	i := people.Identity{Provider: string(highLevel), CompanyID: c.FormValue("company"), UserID: c.FormValue("user")}
	as, err := s.asPerson(c, user(c), people.AuditEntry{Kind: people.AuditIdentity, Before: identityGist(i)})
	if err != nil {
		return err
	}
	if err := s.Server.Store.UnlinkIdentity(as, user(c).ID, i); err != nil {
		return err
	}
	s.flash(c, ui.Good, "Unlinked", "Whoever was signed in by it inside HighLevel is signed out. Other browsers stay signed in.")
	return redirect(c, "/settings")
}

// identityGist names a HighLevel user in the audit log.
func identityGist(i people.Identity) string {
	return "HighLevel user " + i.UserID + " of company " + i.CompanyID
}

// identities are those of the person, for the settings; known is whether there can be any.
func (s *scoped) identities(c echo.Context) (out []accountui.Identity, known bool, err error) {
	if s.UserContext == nil {
		return nil, false, nil
	}
	all, err := s.Server.Store.IdentitiesOf(c.Request().Context(), user(c).ID)
	for _, i := range all {
		out = append(out, accountui.Identity{Name: i.Name, Email: i.Email, CompanyID: i.CompanyID, UserID: i.UserID, Linked: s.moment(i.LinkedAt)})
	}
	return out, true, err
}
