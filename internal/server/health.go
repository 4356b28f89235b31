package server

import (
	"context"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// healthz says that the process answers; it asks nobody else.
func (s *Server) healthz(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }

// readyz says that requests can be served: the database answers and its schema is this version's.
func (s *Server) readyz(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 2*time.Second)
	defer cancel()
	if err := s.Store.Ping(ctx); err != nil {
		return c.String(http.StatusServiceUnavailable, "the database does not answer\n")
	}
	pending, err := s.Store.MigrationsPending(ctx)
	if err != nil || pending {
		return c.String(http.StatusServiceUnavailable, "the database needs `crosswalk migrate`\n")
	}
	return c.String(http.StatusOK, "ready\n")
}

// metrics answers whoever shows the token; without one configured, this machine only.
func (s *Server) metrics(c echo.Context) error {
	if s.MetricsToken != "" {
		given := strings.TrimPrefix(c.Request().Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(s.MetricsToken)) != 1 {
			return c.String(http.StatusUnauthorized, "a bearer token is needed\n")
		}
	} else if !fromHere(c.Request()) {
		return c.String(http.StatusForbidden, "set CROSSWALK_METRICS_TOKEN to read metrics from another machine\n")
	}
	s.Metrics.ServeHTTP(c.Response(), c.Request())
	return nil
}

// fromHere reports that a request comes from this machine, and not through a proxy on it.
func fromHere(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && net.ParseIP(host).IsLoopback() && r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == ""
}
