package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/labstack/echo/v4"

	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
)

// framedKey marks the context of a request that came with the cookie of a frame.
type framedKey struct{}

func framed(ctx context.Context) bool {
	in, _ := ctx.Value(framedKey{}).(bool)
	return in
}

// doorOf is where somebody signs in.
func doorOf(ctx context.Context) string {
	if framed(ctx) {
		return embeddedPath
	}
	return "/sign-in"
}

// boundSessions keeps the sessions of frames under keys of their own: a token put into the other cookie opens nothing.
type boundSessions struct{ scs.Store }

var _ scs.CtxStore = boundSessions{}

func boundTo(ctx context.Context, token string) string {
	if framed(ctx) {
		return "framed/" + token
	}
	return token
}

// FindCtx implements scs.CtxStore.
func (b boundSessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	if own, ok := b.Store.(scs.CtxStore); ok {
		return own.FindCtx(ctx, boundTo(ctx, token))
	}
	return b.Find(boundTo(ctx, token))
}

// CommitCtx implements scs.CtxStore.
func (b boundSessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	if own, ok := b.Store.(scs.CtxStore); ok {
		return own.CommitCtx(ctx, boundTo(ctx, token), data, expiry)
	}
	return b.Commit(boundTo(ctx, token), data, expiry)
}

// DeleteCtx implements scs.CtxStore.
func (b boundSessions) DeleteCtx(ctx context.Context, token string) error {
	if own, ok := b.Store.(scs.CtxStore); ok {
		return own.DeleteCtx(ctx, boundTo(ctx, token))
	}
	return b.Delete(boundTo(ctx, token))
}

// sessionIdentity is a HighLevel user, and the location they came in from, as a session names them.
func sessionIdentity(who UserContext) string {
	return strings.Join([]string{who.CompanyID, who.UserID, who.Account}, "\x00")
}

// cameBy is where and as whom a session inside a frame came in.
func (s *Server) cameBy(ctx context.Context) (place, company, userID string) {
	who := strings.Split(s.sessions.GetString(ctx, keyIdentity), "\x00")
	if len(who) != 3 {
		return "", "", ""
	}
	return who[2], who[0], who[1]
}

// stillLinked reports whether a sign-in inside a frame counts: its HighLevel user is still the person's, and the location
// still connected in the workspace it opened.
func (s *Server) stillLinked(ctx context.Context, x people.SignIn) (bool, error) {
	place, company, theirs := s.cameBy(ctx)
	if place == "" || !x.Framed {
		return false, nil
	}
	userID, err := s.Store.UserOfIdentity(ctx, people.Identity{Provider: string(highLevel), CompanyID: company, UserID: theirs})
	if errors.Is(err, engine.ErrNotFound) || err == nil && userID != x.UserID {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	cn, known, err := s.Config.Connections.ByAccount(ctx, highLevel, place)
	return err == nil && known && cn.State != connection.Uninstalled && cn.Workspace == s.sessions.GetString(ctx, keyOpened), err
}

// ownWindow refuses what is not done inside a frame.
func ownWindow(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if framed(c.Request().Context()) {
			return &pageError{http.StatusForbidden, "Open Crosswalk in its own window for this", "Accounts, people and settings are not changed inside HighLevel. Nothing was changed.", "Open Crosswalk in a browser tab and sign in there.", "own_window"}
		}
		return next(c)
	}
}
