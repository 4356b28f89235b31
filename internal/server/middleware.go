package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
)

// keys of values a request carries.
const (
	keyUser      = "user"
	keySignIn    = "sign_in"
	keyRequestID = "request_id"
)

func (s *Server) requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := s.NewID("rq")
		c.Set(keyRequestID, id)
		c.Response().Header().Set("X-Request-Id", id)
		return next(c)
	}
}

// logRequests writes one line per request. The route is logged, not the path: a webhook's path is a secret.
func (s *Server) logRequests(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := s.Now()
		err := next(c)
		if err != nil {
			c.Error(err)
		}
		level := slog.LevelInfo
		status := c.Response().Status
		switch {
		case status >= 500:
			level = slog.LevelError
		case status < 400 && (c.Path() == "/healthz" || c.Path() == "/readyz" || c.Path() == "/metrics" || strings.HasPrefix(c.Path(), "/static/")):
			level = slog.LevelDebug
		case strings.HasPrefix(c.Path(), "/hooks/") && status < 300:
			level = slog.LevelDebug
		}
		attrs := []slog.Attr{
			slog.String("method", c.Request().Method), slog.String("route", c.Path()), slog.Int("status", status),
			slog.Int64("duration_ms", s.Now().Sub(start).Milliseconds()), slog.String("request_id", fmt.Sprint(c.Get(keyRequestID))),
		}
		if status >= 500 && err != nil {
			attrs = append(attrs, slog.String("err", err.Error()))
		}
		s.Log.LogAttrs(c.Request().Context(), level, "request", attrs...)
		return nil
	}
}

// policy allows what the pages need and nothing else: no inline script or style, no eval, no framing.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'; form-action "

// leadOut are the routes that show a form which leads to a provider's consent page.
var leadOut = map[string]bool{
	"/connections/gleap/new": true, "/connections/gleap": true, "/connections/gleap/authorize": true,
	"/connections/highlevel/new": true, "/connections/highlevel": true, "/connections/highlevel/authorize": true,
	"/connections/:id/reconnect": true, "/connections/callback": true,
}

// formAction lets the forms that lead to a provider's consent page be redirected there: browsers hold
// redirects of a form against form-action, and people may type the address of their own OAuth server.
func formAction(route string) string {
	if leadOut[route] {
		return "'self' https: http://127.0.0.1:* http://localhost:*"
	}
	return "'self'"
}

func (s *Server) secureHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", policy+formAction(c.Path()))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		if s.Secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !strings.HasPrefix(c.Path(), "/static/") {
			h.Set("Cache-Control", "no-store")
		}
		return next(c)
	}
}

func (s *Server) catchPanics(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it this way too
					panic(p)
				}
				s.Log.ErrorContext(c.Request().Context(), "handler panicked", "route", c.Path(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				err = fmt.Errorf("panic in %s", c.Path())
			}
		}()
		return next(c)
	}
}

// sameOrigin refuses state-changing requests that another site made the browser send.
func (s *Server) sameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	guard := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		if err := guard.Check(c.Request()); err != nil || s.inFrame(c) && !namesOurSite(c.Request()) {
			return echo.NewHTTPError(http.StatusForbidden, "This request came from another site, so it was not carried out. Open Crosswalk in its own tab and try again.")
		}
		return next(c)
	}
}

// namesOurSite reports that a request changes nothing, or that the browser says a page of ours sent it. The cookie of a frame goes
// along with what other sites send, so there a request that names neither origin nor site is not taken for a program's.
func namesOurSite(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

func bodyLimit(limit int64) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if c.Request().ContentLength > limit {
				return echo.NewHTTPError(http.StatusRequestEntityTooLarge)
			}
			c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, limit)
			return next(c)
		}
	}
}

// withSession loads the session before the handler and saves it before the first byte of the answer.
func (s *Server) withSession(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		var err error
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inner := c.Response().Writer
			c.Response().Writer = w
			c.SetRequest(r)
			if err = next(c); err != nil {
				c.Error(err)
			}
			c.Response().Writer = inner
		})
		sessions := s.sessions
		if s.inFrame(c) {
			sessions = s.embedded
			c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), framedKey{}, true)))
			s.allowFraming(c)
		}
		sessions.LoadAndSave(h).ServeHTTP(c.Response().Writer, c.Request())
		return nil
	}
}

// cookieName is a cookie's name with the mark that binds it to this very host where there is TLS: then no sibling
// domain and nobody on the wire can plant one. Such a cookie must be for all paths.
func (s *Server) cookieName(name string) string {
	if s.Secure {
		return "__Host-" + name
	}
	return name
}

// signedIn lets a request through that belongs to a person; others are sent to sign in, or to set up first.
func (s *Server) signedIn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if someone, err := s.recognise(c); err != nil {
			return err
		} else if someone {
			return next(c)
		}
		if c.Path() == "/live" {
			return echo.NewHTTPError(http.StatusUnauthorized)
		}
		if c.Request().Method == http.MethodGet && c.Request().URL.Path != "/" {
			return s.signInFirst(c, c.Request().URL.RequestURI())
		}
		return s.signInFirst(c, "")
	}
}

// signInFirst leads a stranger in, and then to next; while nobody has an account, to set up.
func (s *Server) signInFirst(c echo.Context, next string) error {
	if framed(c.Request().Context()) {
		return redirect(c, embeddedPath)
	}
	if open, err := s.needsSetup(c.Request().Context()); err != nil {
		return err
	} else if open {
		return redirect(c, "/setup")
	}
	if next == "" {
		return redirect(c, "/sign-in")
	}
	return redirect(c, "/sign-in?next="+queryEscape(next))
}

// recognise finds the person whose session it is and remembers them in c; false when nobody is signed in.
func (s *Server) recognise(c echo.Context) (bool, error) {
	ctx := c.Request().Context()
	u, x, ok, err := s.whoIs(ctx)
	if err != nil || !ok {
		return false, err
	}
	c.Set(keyUser, u)
	c.Set(keySignIn, x)
	// An open page that only listens is not in use.
	if c.Path() != "/live" && x.Stale(s.Now(), c.RealIP()) {
		return true, s.Store.SeeSignIn(ctx, x.ID, c.RealIP(), s.Now())
	}
	return true, nil
}

func (s *Server) needsSetup(ctx context.Context) (bool, error) {
	if s.setup.closed() {
		return false, nil
	}
	has, err := s.Store.HasUsers(ctx)
	if err != nil {
		return false, err
	}
	if has {
		s.setup.close()
	}
	return !has, nil
}

// whoIs finds the person a session belongs to, and the browser. The session only names a sign-in, so that one which
// was ended elsewhere is over here at once.
func (s *Server) whoIs(ctx context.Context) (people.User, people.SignIn, bool, error) {
	id := s.sessions.GetString(ctx, keySignIn)
	if id == "" {
		return people.User{}, people.SignIn{}, false, nil
	}
	x, err := s.Store.SignIn(ctx, id)
	if errors.Is(err, engine.ErrNotFound) || err == nil && x.Over(s.Now()) {
		return people.User{}, people.SignIn{}, false, nil
	}
	if err != nil {
		return people.User{}, people.SignIn{}, false, err
	}
	if framed(ctx) {
		if still, err := s.stillLinked(ctx, x); err != nil || !still {
			return people.User{}, people.SignIn{}, false, err
		}
	}
	u, err := s.Store.UserByID(ctx, x.UserID)
	if errors.Is(err, engine.ErrNotFound) {
		return people.User{}, people.SignIn{}, false, nil
	}
	return u, x, err == nil, err
}

// browser is the sign-in a request was made with.
func browser(c echo.Context) people.SignIn {
	x, _ := c.Get(keySignIn).(people.SignIn)
	return x
}

func user(c echo.Context) people.User {
	u, _ := c.Get(keyUser).(people.User)
	return u
}

// redirect sends the browser to a page of ours with GET, also when htmx asked.
func redirect(c echo.Context, to string) error {
	if c.Request().Header.Get("HX-Request") == "true" && c.Request().Method != http.MethodGet {
		c.Response().Header().Set("HX-Redirect", to)
		return c.NoContent(http.StatusOK)
	}
	return c.Redirect(http.StatusSeeOther, to)
}
