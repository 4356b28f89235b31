package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/connection"
	"crosswalk/internal/people"
	"crosswalk/web/connectionui"
	"crosswalk/web/ui"
)

// arrivalCookie ties an installation that nobody has claimed yet to the browser that brought it.
const arrivalCookie = "crosswalk_arrival"

// claimPath is where an installation is claimed.
const claimPath = "/connections/claim"

// onwardKey is where to go after signing in or setting up, in the session.
const onwardKey = "onward"

func (s *Server) cookieValue(c echo.Context, name string) string {
	cookie, err := c.Cookie(s.cookieName(name))
	if err != nil {
		return ""
	}
	return cookie.Value
}

// hold keeps what was granted until somebody claims it in this browser. Whoever is not signed in is led to the claim
// afterwards, also by way of setting up.
func (s *Server) hold(c echo.Context, in connection.OAuthInput) error {
	ctx := c.Request().Context()
	binding, err := s.Flow.Hold(ctx, in)
	if err != nil {
		return err
	}
	c.SetCookie(&http.Cookie{Name: s.cookieName(arrivalCookie), Value: binding, Path: "/", MaxAge: int(time.Hour / time.Second), HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.Secure}) // #nosec G124 -- Secure wherever people come by TLS
	s.sessions.Put(ctx, onwardKey, claimPath)
	return nil
}

// arrive redeems a code nobody here asked for, and holds what was granted.
func (s *Server) arrive(c echo.Context, app OAuthApp, someone bool) error {
	ctx := c.Request().Context()
	try := s.newTry(people.DoorArrival, "", c.RealIP())
	if !someone { // a guess costs the provider a call; a person installs once
		wait, err := s.Store.Try(ctx, try)
		if err != nil {
			return err
		}
		if wait > 0 {
			return echo.NewHTTPError(tooMany(c, wait), "Too many installations in vain from this address. Install again in "+roundUp(wait)+".")
		}
	}
	done, err := s.Flow.Redeem(ctx, c.QueryParam("code"), s.intent(highLevel, app))
	if err == nil {
		in := connection.OAuthInput{Authorised: done}
		in.Account, in.CompanyID, in.Scopes = s.Providers.Granted(done.Pending, done.Token)
		if err = s.hold(c, in); err == nil && !someone {
			err = s.Store.TrySucceeded(ctx, try)
		}
	}
	if p, ok := errors.AsType[*connection.Problem](err); ok {
		s.flash(c, ui.Stop, "Not connected, and nothing was saved", p.Sentence)
		if !someone {
			return s.signInFirst(c, "/connections")
		}
		return redirect(c, "/connections")
	}
	if err != nil {
		return err
	}
	return redirect(c, claimPath)
}

func (s *Server) forgetArrival(c echo.Context) {
	c.SetCookie(&http.Cookie{Name: s.cookieName(arrivalCookie), Path: "/", MaxAge: -1, HttpOnly: true, Secure: s.Secure}) // #nosec G124 -- Secure wherever people come by TLS
	s.sessions.Remove(c.Request().Context(), onwardKey)
}

// claimPage shows what arrived, so that nobody connects an account somebody else slipped into their browser.
func (s *scoped) claimPage(c echo.Context) error {
	ctx := c.Request().Context()
	a, in, err := s.Flow.Held(ctx, s.cookieValue(c, arrivalCookie))
	if p, ok := errors.AsType[*connection.Problem](err); ok {
		s.forgetArrival(c)
		return s.showClaim(c, http.StatusNotFound, connectionui.Claim{Gone: p.Sentence})
	}
	if err != nil {
		return err
	}
	v := connectionui.Claim{
		ID: a.ID, Side: side(a.Provider), AccountID: a.Account.ID, CompanyID: a.Account.CompanyID, WholeCompany: a.WholeCompany(),
		Arrived: s.ago(a.ArrivedAt), Until: span(a.ExpiresAt.Sub(s.Now())), Scopes: s.scopesOf(a.Provider, a.Scopes),
	}
	if !v.WholeCompany {
		account, err := s.Connections.Look(ctx, in)
		if p, ok := errors.AsType[*connection.Problem](err); ok {
			_, v.Problem = problemsBeside(p, nil, v.Side)
		} else if err != nil {
			return err
		}
		v.Account = account.Name
		if cn, known, err := s.Connections.ByAccount(ctx, a.Provider, a.Account.ID); err != nil {
			return err
		} else if known {
			v.Known = cn.Name
		}
	}
	return s.showClaim(c, http.StatusOK, v)
}

func (s *scoped) showClaim(c echo.Context, status int, v connectionui.Claim) error {
	sh, err := s.shell(c, ui.Connections)
	if err != nil {
		return err
	}
	return s.render(c, status, connectionui.ClaimPage(sh, v))
}

// claim connects what arrived. The form names the arrival that was shown, the cookie proves the browser: neither alone
// is enough.
func (s *scoped) claim(c echo.Context) error {
	ctx := c.Request().Context()
	forget := c.FormValue("decision") == "forget"
	taking := ctx
	if forget { // connecting writes itself down, and this is all there is to turning down
		taking = s.act(c, people.AuditTurnDown, c.FormValue("arrival"), "an installation that waited to be claimed", "waiting", "thrown away")
	}
	a, in, err := s.Flow.Claim(taking, c.FormValue("arrival"), s.cookieValue(c, arrivalCookie))
	if p, ok := errors.AsType[*connection.Problem](err); ok {
		// Another arrival may have taken its place in this browser; that one stays to be looked at.
		return s.showClaim(c, problemStatus, connectionui.Claim{Gone: p.Sentence})
	}
	if err != nil {
		return err
	}
	if forget {
		s.forgetArrival(c)
		s.flash(c, ui.Info, "Forgotten", "Nothing was connected, and what "+s.providerName(a.Provider)+" had granted was thrown away.")
		return redirect(c, "/connections")
	}
	if a.WholeCompany() {
		_, err = s.Connections.Adopt(ctx, in)
	} else {
		_, err = s.Connections.ConnectOAuth(ctx, in)
	}
	if p, ok := errors.AsType[*connection.Problem](err); ok {
		s.Log.WarnContext(ctx, "installation not connected", "provider", a.Provider, "code", p.Code)
		if err := s.Flow.PutBack(ctx, a); err != nil {
			return err
		}
		return redirect(c, claimPath) // which looks again, and says what is wrong
	}
	if err != nil { // whatever it was, the grant is not lost with it
		return errors.Join(err, s.Flow.PutBack(context.WithoutCancel(ctx), a))
	}
	s.forgetArrival(c)
	if a.WholeCompany() {
		s.wakeKeeper() // accounts that were lost with an earlier grant come back
		s.flash(c, ui.Good, "The agency is here", "Connect the accounts you want to work with below.")
		return redirect(c, "/connections")
	}
	return s.connected(c, a.Provider)
}
