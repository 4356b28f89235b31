package server

import (
	"context"
	"crypto/sha256"
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
	try := s.newTry(people.DoorSetup, "", c.RealIP())
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
	hash, err := s.hashing.hash(c.Request().Context(), password)
	if err != nil {
		return err
	}
	u := people.User{ID: s.NewID("us"), Email: v.Email, PasswordHash: hash, CreatedAt: s.Now()}
	as, err := s.asPerson(c, u, people.AuditEntry{Kind: people.AuditSetup, After: u.Email})
	if err != nil {
		return err
	}
	if err := s.Store.CreateFirstUser(as, u); err != nil {
		if errors.Is(err, engine.ErrConflict) {
			return redirect(c, "/sign-in")
		}
		return err
	}
	s.setup.close()
	return s.enter(ctx, c, u.ID, "/")
}

// enter signs a browser in under a new token and with nothing of the session before but our own words, so that a token known before
// sign-in is worth nothing. as carries the act, if it is one of its own.
func (s *Server) enter(as context.Context, c echo.Context, userID, next string) error {
	ctx := c.Request().Context()
	// What a stranger was told, and what they came for, outlives the session they had as a stranger.
	onward, words := s.sessions.GetString(ctx, onwardKey), s.sessions.GetString(ctx, "flash")
	opened, identity := s.sessions.GetString(ctx, keyOpened), s.sessions.GetString(ctx, keyIdentity)
	place, company, theirs := s.cameBy(ctx)
	if err := s.leave(ctx); err != nil {
		return err
	}
	x := people.SignIn{
		ID: s.NewID("si"), UserID: userID, UserAgent: people.CutUserAgent(c.Request().UserAgent()), Address: c.RealIP(), BeganAt: s.Now(), SeenAt: s.Now(), Framed: framed(ctx),
	}
	if x.Framed {
		x.Place, x.CompanyID, x.ProviderUser = place, company, theirs
	}
	if err := s.Store.BeginSignIn(as, x); err != nil {
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

// letIn signs somebody in who has shown who they are.
func (s *Server) letIn(c echo.Context, u people.User, how, next string) error {
	as, err := s.asPerson(c, u, people.AuditEntry{Kind: people.AuditSignIn, After: how})
	if err != nil {
		return err
	}
	return s.enter(as, c, u.ID, next)
}

// leave ends whatever sign-in the session names, and empties it.
func (s *Server) leave(ctx context.Context) error {
	return s.leaveAs(ctx, ctx)
}

// leaveAs is leave with the act it is.
func (s *Server) leaveAs(ctx, as context.Context) error {
	u, x, ok, err := s.whoIs(ctx)
	if err != nil {
		return err
	}
	if ok {
		if err := s.Store.EndSignIn(as, u.ID, x.ID); err != nil && !errors.Is(err, engine.ErrNotFound) {
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
	email := strings.TrimSpace(c.FormValue("email"))
	v := accountui.SignIn{Next: ownPath(c.FormValue("next"))}
	if strings.Contains(email, "@") { // what is none may be a password, and is not shown again
		v.Email = email
	}
	leave, err := s.hashing.enter(ctx) // before the try is counted: whoever has to come again has not tried
	if err != nil {
		return err
	}
	defer leave()
	try := s.newTry(people.DoorPassword, email, c.RealIP())
	wait, err := s.Store.Try(ctx, try)
	if err != nil {
		return err
	}
	if wait > 0 {
		if s.heldBack.news(c.RealIP(), s.Now()) {
			held := people.AuditEntry{Kind: people.AuditSignInFailed, After: "held back: too many tries in vain from this address"}
			if err := s.recordOfPerson(c, people.User{Email: people.Stranger}, held); err != nil {
				return err
			}
		}
		v.Problem = "Too many tries in vain. Try again in " + roundUp(wait) + "."
		return s.render(c, tooMany(c, wait), accountui.SignInPage(s.bareShell(c), v))
	}
	u, ok, err := s.authenticate(ctx, email, c.FormValue("password"))
	if err != nil {
		return err
	}
	if !ok {
		// Never what was typed: a password lands in the wrong field easily.
		failed := people.AuditEntry{Kind: people.AuditSignInFailed, After: "wrong password"}
		if u.ID == "" {
			u.Email, failed.After = people.Stranger, "no account has the email that was typed"
		}
		if err := s.recordOfPerson(c, u, failed); err != nil {
			return err
		}
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
	return s.letIn(c, u, "by password", v.Next)
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

// authenticate takes as long for an unknown email as for a known one. Its caller has a turn at hashing.
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
	ctx := c.Request().Context()
	as, err := s.asPerson(c, user(c), people.AuditEntry{Kind: people.AuditSignOut})
	if err != nil {
		return err
	}
	if err := s.leaveAs(ctx, as); err != nil {
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
	hash, err := s.hashing.hash(c.Request().Context(), password)
	if err != nil {
		return err
	}
	as, err := s.asPerson(c, u, people.AuditEntry{Kind: people.AuditPassword, After: "changed, every other browser signed out"})
	if err != nil {
		return err
	}
	if err := s.Store.SetPassword(as, u.ID, hash, browser(c).ID); err != nil {
		return err
	}
	if err := s.sessions.RenewToken(ctx); err != nil {
		return err
	}
	s.flash(c, ui.Good, "Password changed", "Every other browser was signed out.")
	return redirect(c, "/settings")
}

// passwordProblem says what is wrong with the password a signed-in person gives once more, or nothing. It is counted
// like signing in: somebody at an open browser must not have guesses for nothing.
func (s *Server) passwordProblem(c echo.Context, password string) (words string, wait time.Duration, err error) {
	ctx := c.Request().Context()
	u := user(c)
	leave, err := s.hashing.enter(ctx)
	if err != nil {
		return "", 0, err
	}
	defer leave()
	try := s.newTry(people.DoorPassword, u.Email, c.RealIP())
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

// newTry is a try at a door. What it is counted against is hashed with the key of the house.
func (s *Server) newTry(door, account, address string) people.Try {
	return people.NewTry(func(words string) [sha256.Size]byte { return s.Vault.Hash("tries", words) }, door, account, address)
}
