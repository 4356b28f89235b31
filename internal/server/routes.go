package server

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"crosswalk/static"
)

// routes lists every route on one screen. Anything not under open or hooks needs a signed-in person.
func (s *Server) routes() {
	e := s.echo
	e.Use(s.requestID, s.logRequests, s.secureHeaders, s.catchPanics)

	// For machines: no session, no cookies.
	e.GET("/healthz", s.healthz)
	e.GET("/readyz", s.readyz)
	e.GET("/metrics", s.metrics)
	e.POST("/hooks/highlevel", s.hookSigned("highlevel"))
	e.POST("/hooks/gleap/:secret", s.hookSecret("gleap"))
	e.GET(static.Root+"*", echo.WrapHandler(static.Handler()))

	pages := e.Group("", s.sameOrigin, s.withSession, bodyLimit(1<<20))
	pages.GET("/setup", s.setupPage)
	pages.POST("/setup", s.setupCreate)
	pages.GET("/sign-in", s.signInPage)
	pages.POST("/sign-in", s.signIn)
	pages.GET("/reset/:token", s.resetPage)
	pages.POST("/reset/:token", s.resetPassword)
	pages.GET("/sign-in/code", s.signInCodePage)
	pages.POST("/sign-in/code", s.signInCode)

	in := pages.Group("", s.signedIn)
	in.POST("/sign-out", s.signOut)
	in.GET("/settings", s.settingsPage)
	in.POST("/settings/theme", s.settingsTheme)
	in.POST("/settings/password", s.settingsPassword)
	in.GET("/settings/two-step", s.twoStepPage)
	in.POST("/settings/two-step", s.twoStepBegin)
	in.POST("/settings/two-step/confirm", s.twoStepConfirm)
	in.POST("/settings/two-step/codes", s.twoStepCodes)
	in.POST("/settings/two-step/off", s.twoStepOff)
	in.POST("/settings/sign-ins/:id/end", s.signInEnd)
	in.POST("/settings/sign-ins/end-others", s.signInsEndOthers)
	in.GET("/", s.overviewPage)

	in.GET("/connections", s.connectionsPage)
	in.GET("/connections/highlevel/new", s.connectHighLevelPage)
	in.POST("/connections/highlevel", s.connectHighLevelKey)
	in.POST("/connections/highlevel/authorize", s.connectHighLevelOAuth)
	in.GET("/connections/gleap/new", s.connectGleapPage)
	in.POST("/connections/gleap", s.connectGleapKey)
	in.POST("/connections/gleap/authorize", s.connectGleapOAuth)
	in.GET("/connections/callback", s.connectCallback)
	in.POST("/connections/:id/check", s.connectionCheck)
	in.POST("/connections/:id/disconnect", s.connectionDisconnect)

	in.GET("/automations", s.automationsPage)
	in.POST("/automations", s.automationCreate)
	in.GET("/automations/:id", s.automationRedirect)
	in.POST("/automations/:id/name", s.automationRename)
	in.POST("/automations/:id/delete", s.automationDelete)
	in.GET("/automations/:id/when", s.whenPage)
	in.POST("/automations/:id/when", s.whenSave)
	in.GET("/automations/:id/map", s.mapPage)
	in.POST("/automations/:id/rows", s.rowConnect)
	in.POST("/automations/:id/rows/:row", s.rowSave)
	in.POST("/automations/:id/rows/:row/delete", s.rowDelete)
	in.POST("/automations/:id/undo", s.mapUndo)
	in.POST("/automations/:id/redo", s.mapRedo)
	in.GET("/automations/:id/test", s.testPage)
	in.POST("/automations/:id/tests", s.testSend)
	in.POST("/automations/:id/plans", s.planCreate)
	in.GET("/automations/:id/live", s.livePage)
	in.POST("/automations/:id/activation", s.activation)
	in.POST("/automations/:id/policies", s.policiesSave)
	in.POST("/automations/:id/limits", s.limitsRaise)
	in.GET("/automations/:id/versions", s.versionsPage)
	in.POST("/automations/:id/versions", s.versionRestore)

	in.GET("/plans/:id", s.planPage)
	in.POST("/plans/:id/cancel", s.planCancel)
	in.POST("/plans/:id/apply", s.planApply)
	in.POST("/plans/:id/pause", s.planPause)
	in.POST("/plans/:id/resume", s.planResume)
	in.POST("/undo", s.undoCreate)
	in.GET("/reviews", s.reviewsPage)
	in.GET("/reviews/:id", s.reviewPage)
	in.POST("/reviews/:id", s.reviewDecide)
	in.GET("/drift", s.driftPage)
	in.GET("/records", s.recordsPage)
	in.GET("/records/:connection/:type/*", s.recordPage)
	in.POST("/records/:connection/:type/*", s.recordLook)
	in.GET("/runs", s.runsPage)
	in.GET("/runs/:id", s.runPage)
	in.POST("/runs/:id/retry", s.runRetry)
	in.GET("/live", s.liveStream)

	e.RouteNotFound("/*", func(c echo.Context) error { return echo.NewHTTPError(http.StatusNotFound) }, s.withSession)
}
