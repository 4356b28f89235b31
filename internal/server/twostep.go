package server

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/web/accountui"
	"crosswalk/web/ui"
)

// What the session of a person who has shown the password, and not the code yet, knows.
const (
	keyHalfUser = "half_user"
	keyHalfAt   = "half_at"
	keyHalfNext = "half_next"
)

// halfway remembers the first step in a session of its own, under a new token.
func (s *Server) halfway(c echo.Context, userID, next string) error {
	return s.halfwayTo(c, userID, next, "", "")
}

// halfwayTo is halfway for somebody who comes from where a workspace is open, by an identity.
func (s *Server) halfwayTo(c echo.Context, userID, next, workspace, identity string) error {
	ctx := c.Request().Context()
	if err := s.leave(ctx); err != nil {
		return err
	}
	if err := s.sessions.RenewToken(ctx); err != nil {
		return err
	}
	s.sessions.Put(ctx, keyHalfUser, userID)
	s.sessions.Put(ctx, keyHalfAt, s.Now().Unix())
	s.sessions.Put(ctx, keyHalfNext, next)
	if workspace != "" {
		s.sessions.Put(ctx, keyOpened, workspace)
		s.sessions.Put(ctx, keyIdentity, identity)
	}
	return redirect(c, "/sign-in/code")
}

// half is who has shown the password in this session; late when it was too long ago.
func (s *Server) half(ctx context.Context) (userID string, late bool) {
	userID = s.sessions.GetString(ctx, keyHalfUser)
	since := s.Now().Sub(time.Unix(s.sessions.GetInt64(ctx, keyHalfAt), 0))
	return userID, since >= people.CodeWithin
}

func (s *Server) signInCodePage(c echo.Context) error {
	userID, late := s.half(c.Request().Context())
	switch {
	case userID == "":
		return redirect(c, doorOf(c.Request().Context()))
	case late:
		return s.signInAgain(c)
	}
	return s.render(c, http.StatusOK, accountui.SignInCodePage(s.bareShell(c), accountui.SignInCode{}))
}

// signInAgain begins anew with somebody who took too long.
func (s *Server) signInAgain(c echo.Context) error {
	ctx := c.Request().Context()
	v := accountui.SignIn{Next: ownPath(s.sessions.GetString(ctx, keyHalfNext)), Problem: "The code must follow the password within five minutes. Begin again."}
	if err := s.sessions.Clear(ctx); err != nil {
		return err
	}
	if framed(ctx) {
		return s.showEmbedded(c, problemStatus, accountui.Embedded{Problem: "The code must follow within five minutes. Reload the page in HighLevel."})
	}
	return s.render(c, problemStatus, accountui.SignInPage(s.bareShell(c), v))
}

func (s *Server) signInCode(c echo.Context) error {
	ctx := c.Request().Context()
	userID, late := s.half(ctx)
	switch {
	case userID == "":
		return redirect(c, doorOf(c.Request().Context()))
	case late:
		return s.signInAgain(c)
	}
	f, err := s.Store.SecondFactor(ctx, userID)
	if errors.Is(err, engine.ErrNotFound) || err == nil && !f.On() {
		return redirect(c, doorOf(c.Request().Context())) // switched off meanwhile: the password alone is enough now
	}
	if err != nil {
		return err
	}
	words, wait, err := s.codeProblem(c, f, c.FormValue("code"))
	if err != nil {
		return err
	}
	if words != "" {
		return s.render(c, refused(c, wait), accountui.SignInCodePage(s.bareShell(c), accountui.SignInCode{Problem: words}))
	}
	u, err := s.Store.UserByID(ctx, userID)
	if err != nil {
		return err
	}
	return s.letIn(c, u, "in two steps", s.sessions.GetString(ctx, keyHalfNext))
}

// codeProblem takes a code of the app or a recovery code, once; it says what is wrong with it, or nothing.
func (s *Server) codeProblem(c echo.Context, f people.SecondFactor, code string) (words string, wait time.Duration, err error) {
	ctx := c.Request().Context()
	try := s.newTry(people.DoorCode, f.UserID, c.RealIP())
	if wait, err = s.Store.Try(ctx, try); err != nil {
		return "", 0, err
	}
	if wait > 0 {
		return "Too many tries in vain. Try again in " + roundUp(wait) + ".", wait, nil
	}
	taken, err := s.takeCode(ctx, f, people.CleanCode(code))
	if err != nil {
		return "", 0, err
	}
	if !taken {
		return "This code is not right, or was used already. Wait for the app to show the next one.", 0, nil
	}
	return "", 0, s.Store.TrySucceeded(ctx, try)
}

func (s *Server) takeCode(ctx context.Context, f people.SecondFactor, code string) (bool, error) {
	taken, err := s.Store.TakeRecoveryCode(ctx, f.UserID, people.RecoveryHash(f.UserID, code))
	if err != nil || taken {
		return taken, err
	}
	secret, err := s.openSecret(ctx, f)
	if err != nil {
		return false, err
	}
	step, ok := people.StepOf(secret, code, s.Now(), f.LastStep)
	if !ok {
		return false, nil
	}
	return s.Store.TakeStep(ctx, f.UserID, step)
}

func (s *Server) openSecret(ctx context.Context, f people.SecondFactor) (string, error) {
	secret, err := s.Vault.Open(f.Sealed, people.SecretPlace(f.UserID))
	if err != nil {
		s.Log.ErrorContext(ctx, "a code app's secret cannot be opened", "user_id", f.UserID, "err", err)
		return "", &pageError{http.StatusInternalServerError, "Your code cannot be checked", "The secret of your code app cannot be read with the key this server has.",
			"Use a recovery code, or ask whoever runs this server to switch two-step sign-in off for you: crosswalk users reset EMAIL --totp-off", "second_factor"}
	}
	return string(secret), nil
}

// secondFactor is a person's; the zero value when there is none, or one that was begun too long ago.
func (s *Server) secondFactor(ctx context.Context, userID string) (people.SecondFactor, error) {
	f, err := s.Store.SecondFactor(ctx, userID)
	if errors.Is(err, engine.ErrNotFound) || err == nil && !f.On() && s.Now().Sub(f.BegunAt) >= people.EnrollWithin {
		return people.SecondFactor{}, nil
	}
	return f, err
}

func (s *scoped) twoStepPage(c echo.Context) error {
	return s.showTwoStep(c, http.StatusOK, accountui.TwoStep{})
}

// showTwoStep fills a view that carries only what was wrong.
func (s *scoped) showTwoStep(c echo.Context, status int, v accountui.TwoStep) error {
	ctx := c.Request().Context()
	sh, err := s.shell(c, ui.Settings)
	if err != nil {
		return err
	}
	f, err := s.secondFactor(ctx, user(c).ID)
	if err != nil {
		return err
	}
	v.Email, v.On, v.CodesLeft = user(c).Email, f.On(), f.CodesLeft
	if !f.On() && f.UserID != "" {
		secret, err := s.openSecret(ctx, f)
		if err != nil {
			return err
		}
		picture, err := people.QR(people.SecretURL(secret, v.Email, s.site()))
		if err != nil {
			return err
		}
		v.Picture, v.Secret = "data:image/png;base64,"+base64.StdEncoding.EncodeToString(picture), secret
	}
	return s.render(c, status, accountui.TwoStepPage(sh, v))
}

// site tells one Crosswalk from another in a person's code app.
func (s *Server) site() string {
	if u, err := url.Parse(s.PublicURL); err == nil {
		return u.Host
	}
	return s.PublicURL
}

// twoStepBegin shows a new secret. It asks for the password, so that an open browser alone locks nobody out.
func (s *scoped) twoStepBegin(c echo.Context) error {
	words, wait, err := s.passwordProblem(c, c.FormValue("current_password"))
	if err != nil {
		return err
	}
	if words != "" {
		return s.showTwoStep(c, refused(c, wait), accountui.TwoStep{Errors: map[string]string{"current_password": words}})
	}
	id := user(c).ID
	sealed, err := s.Vault.Seal([]byte(people.NewSecret()), people.SecretPlace(id))
	if err != nil {
		return err
	}
	as, err := s.asPerson(c, user(c), people.AuditEntry{Kind: people.AuditSecondFactor, Before: "off", After: "begun: a code of the app is still to be typed"})
	if err != nil {
		return err
	}
	if err := s.Server.Store.BeginSecondFactor(as, id, sealed, s.Now()); err != nil {
		return err
	}
	return redirect(c, "/settings/two-step")
}

// refused is the status of a form with something wrong, which may be that it came too often.
func refused(c echo.Context, wait time.Duration) int {
	if wait > 0 {
		return tooMany(c, wait)
	}
	return problemStatus
}

func (s *scoped) twoStepConfirm(c echo.Context) error {
	ctx := c.Request().Context()
	id := user(c).ID
	f, err := s.secondFactor(ctx, id)
	if err != nil {
		return err
	}
	if f.On() || f.UserID == "" {
		return redirect(c, "/settings/two-step")
	}
	secret, err := s.openSecret(ctx, f)
	if err != nil {
		return err
	}
	step, ok := people.StepOf(secret, people.CleanCode(c.FormValue("code")), s.Now(), 0)
	if !ok {
		return s.showTwoStep(c, problemStatus, accountui.TwoStep{Errors: map[string]string{
			"code": "This is not the code the app shows now. Look whether the clocks of your phone and this server agree."}})
	}
	codes := people.NewRecoveryCodes()
	as, err := s.asPerson(c, user(c), people.AuditEntry{Kind: people.AuditSecondFactor, Before: "off", After: "on, every other browser signed out"})
	if err != nil {
		return err
	}
	if err := s.Server.Store.ConfirmSecondFactor(as, id, f.BegunAt, step, people.RecoveryHashes(id, codes), browser(c).ID); err != nil {
		return err
	}
	s.Log.InfoContext(ctx, "two-step sign-in switched on", "user_id", id)
	return s.showRecoveryCodes(c, codes)
}

func (s *scoped) showRecoveryCodes(c echo.Context, codes []string) error {
	sh, err := s.shell(c, ui.Settings)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, accountui.RecoveryCodesPage(sh, codes))
}

// proven asks for password and code once more; shown reports that a page was answered instead.
func (s *scoped) proven(c echo.Context, form string) (shown bool, err error) {
	f, err := s.secondFactor(c.Request().Context(), user(c).ID)
	if err != nil {
		return true, err
	}
	if !f.On() {
		return true, redirect(c, "/settings/two-step")
	}
	field := "current_password"
	words, wait, err := s.passwordProblem(c, c.FormValue("current_password"))
	if err == nil && words == "" {
		field = "code"
		words, wait, err = s.codeProblem(c, f, c.FormValue("code"))
	}
	if err != nil {
		return true, err
	}
	if words != "" {
		return true, s.showTwoStep(c, refused(c, wait), accountui.TwoStep{Form: form, Errors: map[string]string{field: words}})
	}
	return false, nil
}

func (s *scoped) twoStepCodes(c echo.Context) error {
	if shown, err := s.proven(c, accountui.FormCodes); shown || err != nil {
		return err
	}
	codes := people.NewRecoveryCodes()
	id := user(c).ID
	f, err := s.secondFactor(c.Request().Context(), id)
	if err != nil {
		return err
	}
	left := ui.Count(f.CodesLeft, "recovery code", "recovery codes") + " left"
	as, err := s.asPerson(c, user(c), people.AuditEntry{Kind: people.AuditSecondFactor, Before: left, After: "other recovery codes, " + ui.Number(len(codes))})
	if err != nil {
		return err
	}
	if err := s.Server.Store.ReplaceRecoveryCodes(as, id, people.RecoveryHashes(id, codes)); err != nil {
		return err
	}
	return s.showRecoveryCodes(c, codes)
}

func (s *scoped) twoStepOff(c echo.Context) error {
	ctx := c.Request().Context()
	if shown, err := s.proven(c, accountui.FormOff); shown || err != nil {
		return err
	}
	as, err := s.asPerson(c, user(c), people.AuditEntry{Kind: people.AuditSecondFactor, Before: "on", After: "off"})
	if err != nil {
		return err
	}
	if _, err := s.Server.Store.DropSecondFactor(as, user(c).ID); err != nil {
		return err
	}
	s.Log.InfoContext(ctx, "two-step sign-in switched off", "user_id", user(c).ID)
	s.flash(c, ui.Good, "Two-step sign-in is off", "Your password alone is enough now.")
	return redirect(c, "/settings/two-step")
}
