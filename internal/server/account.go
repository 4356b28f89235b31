package server

import (
	"context"
	"crypto/subtle"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/web/accountui"
	"crosswalk/web/ui"
)

// setupGate remembers that the first account exists, so that no request asks the database again.
type setupGate struct {
	mu    sync.Mutex
	token string
	done  bool
}

func (g *setupGate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done, g.token = true, ""
}

func (g *setupGate) closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.done
}

func (g *setupGate) opens(token string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.done && g.token != "" && subtle.ConstantTimeCompare([]byte(g.token), []byte(token)) == 1
}

func (s *Server) setupPage(c echo.Context) error {
	open, err := s.needsSetup(c.Request().Context())
	if err != nil {
		return err
	}
	if !open {
		return redirect(c, "/sign-in")
	}
	return s.render(c, http.StatusOK, accountui.SetupPage(s.bareShell(c), accountui.Setup{}))
}

func (s *Server) setupCreate(c echo.Context) error {
	ctx := c.Request().Context()
	open, err := s.needsSetup(ctx)
	if err != nil {
		return err
	}
	if !open {
		return redirect(c, "/sign-in")
	}
	v := accountui.Setup{Token: strings.TrimSpace(c.FormValue("setup_token")), Email: strings.TrimSpace(c.FormValue("email")), Errors: map[string]string{}}
	password := c.FormValue("password")
	status := problemStatus
	try := people.NewTry(people.DoorSetup, "", c.RealIP())
	wait, err := s.Store.Try(ctx, try)
	switch {
	case err != nil:
		return err
	case wait > 0:
		status = tooMany(c, wait)
		v.Errors["setup_token"] = "Too many wrong tokens. Try again in " + roundUp(wait) + "."
	case !s.setup.opens(v.Token):
		v.Errors["setup_token"] = "This is not the token the server printed. Look at the lines it printed when it started."
	default:
		if err := s.Store.TrySucceeded(ctx, try); err != nil {
			return err
		}
	}
	if words := people.CheckEmail(v.Email); words != "" {
		v.Errors["email"] = words
	}
	if words := people.CheckPassword(password, v.Email); words != "" {
		v.Errors["password"] = words
	}
	if password != c.FormValue("password_again") {
		v.Errors["password_again"] = "The two passwords differ."
	}
	if len(v.Errors) > 0 {
		return s.render(c, status, accountui.SetupPage(s.bareShell(c), v))
	}
	hash, err := people.Hash(password)
	if err != nil {
		return err
	}
	u := people.User{ID: s.NewID("us"), Email: v.Email, PasswordHash: hash, CreatedAt: s.Now()}
	if err := s.Store.CreateFirstUser(ctx, u); err != nil {
		if errors.Is(err, engine.ErrConflict) {
			return redirect(c, "/sign-in")
		}
		return err
	}
	s.setup.close()
	s.noteOfPerson(c, u, people.AuditSetup)
	return s.enter(c, u.ID, "/")
}

// enter signs a browser in under a new token and with nothing of the session before but our own words, so that a token known before
// sign-in is worth nothing.
func (s *Server) enter(c echo.Context, userID, next string) error {
	ctx := c.Request().Context()
	// What a stranger was told, and what they came for, outlives the session they had as a stranger.
	onward, words := s.sessions.GetString(ctx, onwardKey), s.sessions.GetString(ctx, "flash")
	opened, identity := s.sessions.GetString(ctx, keyOpened), s.sessions.GetString(ctx, keyIdentity)
	if err := s.leave(ctx); err != nil {
		return err
	}
	x := people.SignIn{
		ID: s.NewID("si"), UserID: userID, UserAgent: people.CutUserAgent(c.Request().UserAgent()), Address: c.RealIP(), BeganAt: s.Now(), SeenAt: s.Now(),
	}
	if err := s.Store.BeginSignIn(ctx, x); err != nil {
		return err
	}
	if err := s.sessions.RenewToken(ctx); err != nil {
		return err
	}
	s.sessions.Put(ctx, keySignIn, x.ID)
	if words != "" {
		s.sessions.Put(ctx, "flash", words)
	}
	if opened != "" {
		s.sessions.Put(ctx, sessionWorkspace, opened)
		s.sessions.Put(ctx, keyOpened, opened)
		s.sessions.Put(ctx, keyIdentity, identity)
	}
	s.sessions.Remove(ctx, onwardKey)
	if onward != "" && next == "/" {
		next = onward
	}
	return redirect(c, next)
}

// leave ends whatever sign-in the session names, and empties it.
func (s *Server) leave(ctx context.Context) error {
	u, x, ok, err := s.whoIs(ctx)
	if err != nil {
		return err
	}
	if ok {
		if err := s.Store.EndSignIn(ctx, u.ID, x.ID); err != nil && !errors.Is(err, engine.ErrNotFound) {
			return err
		}
	}
	return s.sessions.Clear(ctx)
}

func (s *Server) signInPage(c echo.Context) error {
	ctx := c.Request().Context()
	open, err := s.needsSetup(ctx)
	if err != nil {
		return err
	}
	if open {
		return redirect(c, "/setup")
	}
	if _, _, in, err := s.whoIs(ctx); err != nil {
		return err
	} else if in {
		return redirect(c, "/")
	}
	return s.render(c, http.StatusOK, accountui.SignInPage(s.bareShell(c), accountui.SignIn{Next: ownPath(c.QueryParam("next"))}))
}

func (s *Server) signIn(c echo.Context) error {
	ctx := c.Request().Context()
	v := accountui.SignIn{Email: strings.TrimSpace(c.FormValue("email")), Next: ownPath(c.FormValue("next"))}
	try := people.NewTry(people.DoorPassword, v.Email, c.RealIP())
	wait, err := s.Store.Try(ctx, try)
	if err != nil {
		return err
	}
	if wait > 0 {
		v.Problem = "Too many tries in vain. Try again in " + roundUp(wait) + "."
		return s.render(c, tooMany(c, wait), accountui.SignInPage(s.bareShell(c), v))
	}
	u, ok, err := s.authenticate(ctx, v.Email, c.FormValue("password"))
	if err != nil {
		return err
	}
	if !ok {
		s.noteOfPerson(c, people.User{ID: u.ID, Email: v.Email}, people.AuditSignInFailed)
		v.Problem = "That email and password do not fit together."
		return s.render(c, problemStatus, accountui.SignInPage(s.bareShell(c), v))
	}
	if err := s.Store.TrySucceeded(ctx, try); err != nil {
		return err
	}
	f, err := s.secondFactor(ctx, u.ID)
	if err != nil {
		return err
	}
	if f.On() {
		return s.halfway(c, u.ID, v.Next)
	}
	s.noteOfPerson(c, u, people.AuditSignIn)
	return s.enter(c, u.ID, v.Next)
}

// tooMany tells a client when to come again, and answers the status that says so.
func tooMany(c echo.Context, wait time.Duration) int {
	c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return http.StatusTooManyRequests
}

// roundUp is a wait in words, never shorter than it is.
func roundUp(d time.Duration) string {
	unit := time.Second
	if d > time.Minute {
		unit = time.Minute
	}
	return span((d + unit - 1).Truncate(unit))
}

// authenticate takes as long for an unknown email as for a known one.
func (s *Server) authenticate(ctx context.Context, email, password string) (people.User, bool, error) {
	u, err := s.Store.UserByEmail(ctx, email)
	known := err == nil
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return u, false, err
	}
	hash := people.Decoy
	if known {
		hash = u.PasswordHash
	}
	ok, err := people.Matches(hash, password)
	if err != nil {
		s.Log.ErrorContext(ctx, "password check failed", "err", err)
		return u, false, nil
	}
	return u, ok && known, nil
}

// ownPath accepts a path on this server only; anything else leads to the overview.
func ownPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(next, "//") || strings.Contains(next, "\\") {
		return "/"
	}
	return u.RequestURI()
}

func (s *Server) signOut(c echo.Context) error {
	s.noteOfPerson(c, user(c), people.AuditSignOut)
	ctx := c.Request().Context()
	if err := s.leave(ctx); err != nil {
		return err
	}
	if err := s.sessions.Destroy(ctx); err != nil {
		return err
	}
	return redirect(c, doorOf(ctx))
}

func (s *scoped) settingsPage(c echo.Context) error { return s.showSettings(c, http.StatusOK, nil) }

func (s *scoped) showSettings(c echo.Context, status int, problems map[string]string) error {
	sh, err := s.shell(c, ui.Settings)
	if err != nil {
		return err
	}
	v := accountui.Settings{
		Email: user(c).Email, Errors: problems,
		About: []accountui.Fact{{Name: "Version", Value: s.Version}, {Name: "Database", Value: s.Database}, {Name: "Address", Value: s.PublicURL}},
	}
	f, err := s.secondFactor(c.Request().Context(), user(c).ID)
	if err != nil {
		return err
	}
	v.TwoStep = f.On()
	if v.Browsers, err = s.browsers(c); err != nil {
		return err
	}
	if v.Identities, v.Linkable, err = s.identities(c); err != nil {
		return err
	}
	connections, err := s.Connections.List(c.Request().Context())
	if err != nil {
		return err
	}
	for _, cn := range connections {
		if u := s.hookURL(cn); u != "" && s.can(people.Editor) {
			v.Webhooks = append(v.Webhooks, accountui.Webhook{Side: side(cn.Provider), Label: cn.Name, URL: u, Hint: s.hookHint(cn)})
		}
	}
	return s.render(c, status, accountui.SettingsPage(sh, v))
}

func (s *Server) settingsTheme(c echo.Context) error {
	value := c.FormValue("theme")
	cookie := &http.Cookie{Name: s.cookieName(themeCookie), Value: value, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.Secure} // #nosec G124 -- Secure wherever people come by TLS
	if t := ui.Theme(value); t != ui.ThemeLight && t != ui.ThemeDark {
		cookie.Value, cookie.MaxAge = "", -1
	}
	c.SetCookie(cookie)
	back := "/settings"
	if u, err := url.Parse(c.Request().Referer()); err == nil && u.Host == c.Request().Host {
		back = ownPath(u.RequestURI())
	}
	return c.Redirect(http.StatusSeeOther, back)
}

func (s *scoped) settingsPassword(c echo.Context) error {
	ctx := c.Request().Context()
	u := user(c)
	problems := map[string]string{}
	password := c.FormValue("password")
	words, wait, err := s.passwordProblem(c, c.FormValue("current_password"))
	if err != nil {
		return err
	}
	if words != "" {
		problems["current_password"] = words
	}
	if words := people.CheckPassword(password, u.Email); words != "" {
		problems["password"] = words
	}
	if password != c.FormValue("password_again") {
		problems["password_again"] = "The two passwords differ."
	}
	if len(problems) > 0 {
		return s.showSettings(c, refused(c, wait), problems)
	}
	hash, err := people.Hash(password)
	if err != nil {
		return err
	}
	if err := s.Store.SetPassword(ctx, u.ID, hash, browser(c).ID); err != nil {
		return err
	}
	if err := s.sessions.RenewToken(ctx); err != nil {
		return err
	}
	s.noteOfPerson(c, u, people.AuditPassword)
	s.flash(c, ui.Good, "Password changed", "Every other browser was signed out.")
	return redirect(c, "/settings")
}

// passwordProblem says what is wrong with the password a signed-in person gives once more, or nothing. It is counted
// like signing in: somebody at an open browser must not have guesses for nothing.
func (s *Server) passwordProblem(c echo.Context, password string) (words string, wait time.Duration, err error) {
	ctx := c.Request().Context()
	u := user(c)
	try := people.NewTry(people.DoorPassword, u.Email, c.RealIP())
	if wait, err = s.Store.Try(ctx, try); err != nil {
		return "", 0, err
	}
	if wait > 0 {
		return "Too many tries in vain. Try again in " + roundUp(wait) + ".", wait, nil
	}
	ok, err := people.Matches(u.PasswordHash, password)
	if err != nil {
		return "", 0, err
	}
	if !ok {
		return "This is not your current password.", 0, nil
	}
	return "", 0, s.Store.TrySucceeded(ctx, try)
}
