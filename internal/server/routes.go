package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/people"
	"crosswalk/static"
)

// Permission says who may use a route.
type Permission string

// The permissions, from the one anybody has. Each of the last three needs a role in the current workspace.
const (
	// Machine is for programs: no session, no cookies. The handler proves the caller itself.
	Machine Permission = "machine"
	// Public is for people who have not signed in.
	Public Permission = "public"
	// SignedIn is for every signed-in person, whatever their workspace.
	SignedIn Permission = "signed-in"
	// View is for all members of the current workspace.
	View Permission = "view"
	// Edit is for its editors and owners.
	Edit Permission = "edit"
	// Own is for its owners.
	Own Permission = "own"
)

// Route is one line of the table of routes.
type Route struct {
	Method, Path string
	Permission   Permission
	handle       echo.HandlerFunc
}

// Framed reports whether a route answers inside HighLevel too. What changes who may come in, and as whom, or what an account is
// connected with, does not.
func (r Route) Framed() bool {
	switch r.Permission {
	case Machine, Own:
		return false
	case Public:
		return r.Path == embeddedPath || r.Path == "/sign-in/code"
	case SignedIn:
		return r.Path != "/workspace"
	case Edit:
		return !strings.HasPrefix(r.Path, "/connections/") && !strings.HasPrefix(r.Path, "/personal-data/")
	}
	return !strings.HasPrefix(r.Path, "/settings")
}

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// Routes is every route there is, with who may use it. Nothing is registered that is not a line here.
func (s *Server) Routes() []Route {
	return []Route{
		{get, "/healthz", Machine, s.healthz},
		{get, "/readyz", Machine, s.readyz},
		{get, "/metrics", Machine, s.metrics},
		{post, "/hooks/highlevel", Machine, s.hookSigned("highlevel")},
		{post, "/hooks/gleap", Machine, s.hookSecret("gleap")},
		{post, "/hooks/gleap/:secret", Machine, s.hookSecret("gleap")},
		{get, static.Root + "*", Machine, echo.WrapHandler(static.Handler())},

		{get, "/setup", Public, s.setupPage},
		{post, "/setup", Public, s.setupCreate},
		{get, "/sign-in", Public, s.signInPage},
		{post, "/sign-in", Public, s.signIn},
		{get, "/sign-in/code", Public, s.signInCodePage},
		{post, "/sign-in/code", Public, s.signInCode},
		{get, "/reset/:token", Public, s.resetPage},
		{post, "/reset/:token", Public, s.resetPassword},
		{get, "/invite/:token", Public, s.inviteOpen},
		{get, "/invite", Public, s.invitePage},
		{post, "/invite", Public, s.inviteAccept},
		{get, embeddedPath, Public, s.embeddedPage},
		{post, embeddedPath, Public, s.embeddedSignIn},
		// Whoever installs from a marketplace comes here first, and signs in or sets up afterwards.
		{get, "/connections/callback", Public, s.connectCallback},

		{post, "/sign-out", SignedIn, s.signOut},
		{post, "/settings/theme", SignedIn, s.settingsTheme},
		{post, "/workspace", SignedIn, s.workspaceSwitch},

		{get, "/", View, within((*scoped).overviewPage)},
		{get, "/settings", View, within((*scoped).settingsPage)},
		{post, "/settings/password", View, within((*scoped).settingsPassword)},
		{get, "/settings/two-step", View, within((*scoped).twoStepPage)},
		{post, "/settings/two-step", View, within((*scoped).twoStepBegin)},
		{post, "/settings/two-step/confirm", View, within((*scoped).twoStepConfirm)},
		{post, "/settings/two-step/codes", View, within((*scoped).twoStepCodes)},
		{post, "/settings/two-step/off", View, within((*scoped).twoStepOff)},
		{post, "/settings/identities", View, within((*scoped).identityLink)},
		{post, "/settings/identities/remove", View, within((*scoped).identityUnlink)},
		{post, "/settings/sign-ins/:id/end", View, within((*scoped).signInEnd)},
		{post, "/settings/sign-ins/end-others", View, within((*scoped).signInsEndOthers)},
		{get, "/workspaces/new", Own, within((*scoped).workspaceNewPage)},
		{post, "/workspaces", Own, within((*scoped).workspaceCreate)},
		{post, "/workspace/name", Own, within((*scoped).workspaceRename)},
		{get, "/settings/people", Own, within((*scoped).peoplePage)},
		{get, "/settings/audit", Own, within((*scoped).auditPage)},
		{get, "/settings/audit.csv", Own, within((*scoped).auditExport)},
		{post, "/people/:id/role", Own, within((*scoped).memberRole)},
		{post, "/people/:id/remove", Own, within((*scoped).memberRemove)},
		{post, "/invites", Own, within((*scoped).inviteCreate)},
		{post, "/invites/:id/revoke", Own, within((*scoped).inviteRevoke)},

		{get, "/connections", View, within((*scoped).connectionsPage)},
		{get, "/connections/highlevel/new", Edit, within((*scoped).connectHighLevelPage)},
		{post, "/connections/highlevel", Edit, within((*scoped).connectHighLevelKey)},
		{post, "/connections/highlevel/authorize", Edit, within((*scoped).connectHighLevelOAuth)},
		{get, "/connections/gleap/new", Edit, within((*scoped).connectGleapPage)},
		{post, "/connections/gleap", Edit, within((*scoped).connectGleapKey)},
		{post, "/connections/gleap/authorize", Edit, within((*scoped).connectGleapOAuth)},
		{get, "/connections/claim", Edit, within((*scoped).claimPage)},
		{post, "/connections/claim", Edit, within((*scoped).claim)},
		{post, "/connections/installed/:id", Edit, within((*scoped).installedConnect)},
		{post, "/connections/companies/:id/forget", Own, within((*scoped).companyForget)},
		{get, "/connections/:id", View, within((*scoped).connectionPage)},
		{post, "/connections/:id/check", Edit, within((*scoped).connectionCheck)},
		{post, "/connections/:id/test", Edit, within((*scoped).connectionTest)},
		{get, "/connections/:id/reconnect", Edit, within((*scoped).reconnectPage)},
		{post, "/connections/:id/reconnect", Edit, within((*scoped).reconnect)},
		{post, "/connections/:id/hook", Edit, within((*scoped).connectionHook)},
		{post, "/connections/:id/disconnect", Edit, within((*scoped).connectionDisconnect)},

		{get, "/automations", View, within((*scoped).automationsPage)},
		{post, "/automations", Edit, within((*scoped).automationCreate)},
		{get, "/automations/:id", View, within((*scoped).automationRedirect)},
		{post, "/automations/:id/name", Edit, within((*scoped).automationRename)},
		{post, "/automations/:id/delete", Edit, within((*scoped).automationDelete)},
		{get, "/automations/:id/when", View, within((*scoped).whenPage)},
		{post, "/automations/:id/when", Edit, within((*scoped).whenSave)},
		{get, "/automations/:id/map", View, within((*scoped).mapPage)},
		{post, "/automations/:id/rows", Edit, within((*scoped).rowConnect)},
		{post, "/automations/:id/rows/:row", Edit, within((*scoped).rowSave)},
		{post, "/automations/:id/rows/:row/delete", Edit, within((*scoped).rowDelete)},
		{post, "/automations/:id/keys", Edit, within((*scoped).keysChange)},
		{post, "/automations/:id/next", Edit, within((*scoped).nextSettle)},
		{post, "/automations/:id/undo", Edit, within((*scoped).mapUndo)},
		{post, "/automations/:id/redo", Edit, within((*scoped).mapRedo)},
		{get, "/automations/:id/test", View, within((*scoped).testPage)},
		{post, "/automations/:id/tests", Edit, within((*scoped).testSend)},
		{post, "/automations/:id/plans", Edit, within((*scoped).planCreate)},
		{get, "/automations/:id/live", View, within((*scoped).livePage)},
		{get, "/automations/:id/first-sync", View, within((*scoped).firstSyncPage)},
		{post, "/automations/:id/first-sync", Edit, within((*scoped).firstSyncLook)},
		{post, "/automations/:id/activation", Edit, within((*scoped).activation)},
		{post, "/automations/:id/policies", Edit, within((*scoped).policiesSave)},
		{post, "/automations/:id/limits", Edit, within((*scoped).limitsRaise)},
		{get, "/automations/:id/versions", View, within((*scoped).versionsPage)},
		{post, "/automations/:id/versions", Edit, within((*scoped).versionRestore)},

		{get, "/plans/:id", View, within((*scoped).planPage)},
		{post, "/plans/:id/cancel", Edit, within((*scoped).planCancel)},
		{post, "/plans/:id/apply", Edit, within((*scoped).planApply)},
		{post, "/plans/:id/pause", Edit, within((*scoped).planPause)},
		{post, "/plans/:id/resume", Edit, within((*scoped).planResume)},
		{post, "/undo", Edit, within((*scoped).undoCreate)},
		{get, "/reviews", View, within((*scoped).reviewsPage)},
		{get, "/reviews/:id", View, within((*scoped).reviewPage)},
		{post, "/reviews/:id", Edit, within((*scoped).reviewDecide)},
		{get, "/drift", View, within((*scoped).driftPage)},
		{get, "/records", View, within((*scoped).recordsPage)},
		{get, "/records/:connection/:type/*", View, within((*scoped).recordPage)},
		{post, "/records/:connection/:type/*", Edit, within((*scoped).recordLook)},
		{post, "/pairs/:id", Edit, within((*scoped).pairPart)},
		{get, "/personal-data/:connection/:type/*", Edit, within((*scoped).personalExport)},
		{post, "/personal-data/:connection/:type/*", Own, within((*scoped).personalErase)},
		{get, "/deliveries", View, within((*scoped).deliveriesPage)},
		{get, "/deliveries/:id", View, within((*scoped).deliveryPage)},
		{post, "/deliveries/:id/replay", Edit, within((*scoped).deliveryReplay)},
		{get, "/runs", View, within((*scoped).runsPage)},
		{get, "/runs/:id", View, within((*scoped).runPage)},
		{post, "/runs/:id/retry", Edit, within((*scoped).runRetry)},
		{get, "/live", View, within((*scoped).liveStream)},
	}
}

// routes registers the table, each route behind the guards of its permission.
func (s *Server) routes() {
	e := s.echo
	e.Use(s.requestID, s.logRequests, s.secureHeaders, s.catchPanics)
	s.permissions = map[string]Permission{}
	for _, r := range s.Routes() {
		s.permissions[r.Method+" "+r.Path] = r.Permission
		guards := s.guards(r.Permission)
		if !r.Framed() && r.Permission != Machine {
			guards = slices.Insert(guards, 2, ownWindow) // as soon as it is known whose session it is
		}
		e.Add(r.Method, r.Path, r.handle, guards...)
	}
	e.RouteNotFound("/*", s.noRoute, s.withSession)
}

// noRoute answers what the table has no line for: 405 where the address has one for another method, and else 404. echo takes
// this handler before its own for 405.
func (s *Server) noRoute(c echo.Context) error {
	var allowed []string
	for _, method := range []string{get, post} {
		other := s.echo.NewContext(c.Request(), nil)
		s.echo.Router().Find(method, echo.GetPath(c.Request()), other)
		if _, there := s.permissions[method+" "+other.Path()]; there {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	c.Response().Header().Set(echo.HeaderAllow, strings.Join(allowed, ", "))
	return echo.NewHTTPError(http.StatusMethodNotAllowed)
}

// guards are what a request passes before the handler. A permission nobody knows lets nobody through.
func (s *Server) guards(p Permission) []echo.MiddlewareFunc {
	person := []echo.MiddlewareFunc{s.sameOrigin, s.withSession, bodyLimit(1 << 20)}
	switch p {
	case Machine:
		return nil
	case Public:
		return person
	case SignedIn:
		return append(person, s.signedIn)
	case View:
		return append(person, s.signedIn, s.inWorkspace(people.Viewer))
	case Edit:
		return append(person, s.signedIn, s.inWorkspace(people.Editor))
	}
	return append(person, s.signedIn, s.inWorkspace(people.Owner))
}
