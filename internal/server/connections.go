package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"golang.org/x/oauth2"

	"crosswalk/internal/connection"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/web/connectionui"
	"crosswalk/web/ui"
)

// The two providers, by the names of their pages.
const (
	highLevel provider.ID = "highlevel"
	gleap     provider.ID = "gleap"
)

// bindingCookie ties an authorisation to the browser that began it.
const bindingCookie = "crosswalk_oauth"

// bindingHome parts the binding in the cookie from the workspace it was begun in. That is a hint where to look: what was
// begun is found only in its own workspace, and membership is what lets anybody in.
const bindingHome = "~"

func (s *scoped) connectionsPage(c echo.Context) error {
	ctx := c.Request().Context()
	sh, err := s.shell(c, ui.Connections)
	if err != nil {
		return err
	}
	all, err := s.Connections.List(ctx)
	if err != nil {
		return err
	}
	used, err := s.usage(ctx)
	if err != nil {
		return err
	}
	var cards []connectionui.Connection
	for _, id := range []provider.ID{gleap, highLevel} {
		mine := slices.DeleteFunc(slices.Clone(all), func(cn connection.Connection) bool { return cn.Provider != id })
		if len(mine) == 0 {
			cards = append(cards, connectionui.Connection{Health: s.health(id, connection.Connection{})})
		}
		for _, cn := range mine {
			card, err := s.connectionCard(ctx, cn, used[cn.ID])
			if err != nil {
				return err
			}
			cards = append(cards, card)
		}
	}
	companies, err := s.companies(ctx)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, connectionui.ListPage(sh, cards, companies))
}

// usage counts the automations that use each connection.
func (s *scoped) usage(ctx context.Context) (map[record.ConnectionID]int, error) {
	all, err := s.Store.Automations(ctx)
	if err != nil {
		return nil, err
	}
	used := map[record.ConnectionID]int{}
	for _, a := range all {
		used[a.Definition.Source.Connection]++
		used[a.Definition.Target.Connection]++
	}
	return used, nil
}

func connectHref(id provider.ID) string { return "/connections/" + string(id) + "/new" }

// health is an account in short; the zero connection is a missing one.
func (s *scoped) health(id provider.ID, cn connection.Connection) connectionui.Health {
	h := connectionui.Health{ID: string(cn.ID), Side: side(id), ConnectHref: connectHref(id), State: connectionui.Missing}
	if cn.ID == "" {
		h.Text = "Not connected yet."
		return h
	}
	h.ConnectHref = healthHref(cn.ID) + "/reconnect"
	h.Account = cn.Name + ", " + cn.Account.ID
	h.Text = "Checked " + s.ago(cn.CheckedAt)
	switch cn.State {
	case connection.Active:
		h.State = connectionui.Active
	case connection.Uninstalled:
		h.State = connectionui.Uninstalled
		h.Text = cn.Problem
	default:
		h.State = connectionui.NeedsReconnect
		h.Text = cn.Problem
	}
	return h
}

func (s *scoped) connectionCard(ctx context.Context, cn connection.Connection, used int) (connectionui.Connection, error) {
	card := connectionui.Connection{Health: s.health(cn.Provider, cn), Method: methodOf(cn)}
	fact := func(name, value string) { card.Facts = append(card.Facts, connectionui.Fact{Name: name, Value: value}) }
	fact("Connected", s.ago(cn.CreatedAt))
	fact("Credential", "renewed "+s.ago(cn.RotatedAt))
	if !cn.ExpiresAt.IsZero() {
		if cn.ExpiresAt.After(s.Now()) {
			fact("Access token", "lasts "+span(cn.ExpiresAt.Sub(s.Now()))+" more, then renews itself")
		} else {
			fact("Access token", "renews itself at the next call")
		}
	}
	fact("Last check", s.ago(cn.CheckedAt))
	fact("API address", cn.BaseURL)
	if used > 0 {
		card.UsedBy = ui.Count(used, "automation uses it", "automations use it")
	}
	if cn.Problem != "" {
		card.Problem = &ui.Problem{Tone: ui.Stop, Title: "This account needs you", Detail: cn.Problem, Next: "Nothing is lost: what waits for it goes on once it is connected again.", Code: cn.ProblemCode, Href: card.ConnectHref, HrefLabel: "Reconnect"}
		if cn.State == connection.Uninstalled {
			card.Problem.Title, card.Problem.Next, card.Problem.HrefLabel = "Crosswalk was uninstalled there", "History and links are kept. Install it again and work goes on where it was.", "Install again"
		}
	}
	if cn.Auth == connection.ByOAuth {
		card.Scopes = s.scopesOf(cn.Provider, cn.Scopes)
	}
	switch q, ok := s.Quota(cn.ID); {
	case ok && q.DailyLimit > 0:
		card.Quota = &connectionui.Quota{Label: "Calls today", Used: q.DailyUsed, Limit: q.DailyLimit}
	case ok:
		card.Quota = &connectionui.Quota{Label: "Calls in the last " + strings.TrimPrefix(span(q.Interval), "1 "), Used: q.Used, Limit: q.Limit}
	}
	stats, err := s.Store.DeliveryStats(ctx, cn.ID)
	if err != nil {
		return card, err
	}
	w := &connectionui.Webhook{URL: s.hookURL(cn), Steps: s.Providers.HookSteps(cn.Provider), Text: "No delivery has arrived yet."}
	if stats.Count > 0 {
		w.Text = ui.Count(stats.Count, "delivery", "deliveries") + ", the last one " + s.ago(stats.LastAt) + "."
	}
	if cn.Provider == gleap && cn.State != connection.Uninstalled {
		w.ChangeHref = "/connections/" + string(cn.ID) + "/hook"
		if cn.OldHookUntil.After(s.Now()) {
			w.Old = "The address before this one is taken for " + span(cn.OldHookUntil.Sub(s.Now())) + " more."
		}
	}
	if s.can(people.Editor) && (stats.Count > 0 || !s.hookless(cn)) { // who knows an address that is not signed can knock at it
		card.Webhook = w
	}
	return card, nil
}

// hookless reports that a provider sends no webhooks to an account which is connected as this one is.
func (s *Server) hookless(cn connection.Connection) bool {
	byHand := func(o provider.Object) bool { return o.Tells.ByHand }
	return cn.Auth != connection.ByOAuth && !slices.ContainsFunc(s.Descriptors[cn.Provider].Objects, byHand)
}

func methodOf(cn connection.Connection) string {
	switch {
	case cn.Auth == connection.ByOAuth:
		return "OAuth"
	case cn.Provider == highLevel:
		return "Private integration token"
	}
	return "API key"
}

// hookURL is the address a provider is told to call.
func (s *scoped) hookURL(cn connection.Connection) string {
	if cn.Provider == gleap {
		return s.PublicURL + "/hooks/gleap/" + cn.HookSecret
	}
	return s.PublicURL + "/hooks/" + string(cn.Provider)
}

func (s *scoped) hookHint(cn connection.Connection) string {
	if cn.Provider == gleap {
		return "Keep it to yourself: who knows this address can tell Crosswalk to look."
	}
	return "Paste it into your app’s Advanced settings → Webhook."
}

func (s *scoped) scopesAsked(id provider.ID) []connectionui.Scope {
	var out []connectionui.Scope
	for _, sc := range s.Descriptors[id].Scopes {
		out = append(out, connectionui.Scope{Name: sc.Name, Why: sc.Why, Granted: true})
	}
	return out
}

// scopesOf are the scopes we ask for, and which of them were granted.
func (s *scoped) scopesOf(id provider.ID, granted []string) []connectionui.Scope {
	var out []connectionui.Scope
	for _, sc := range s.Descriptors[id].Scopes {
		out = append(out, connectionui.Scope{Name: sc.Name, Why: sc.Why, Granted: slices.Contains(granted, sc.Name)})
	}
	return out
}

func (s *scoped) connectHighLevelPage(c echo.Context) error {
	return s.showHighLevel(c, http.StatusOK, connectionui.HighLevelForm{})
}

func (s *scoped) showHighLevel(c echo.Context, status int, v connectionui.HighLevelForm) error {
	sh, err := s.shell(c, ui.Connections)
	if err != nil {
		return err
	}
	_, v.OAuthReady = s.Providers.OAuth(highLevel)
	if !v.OAuthReady {
		v.OAuthHint = "Set CROSSWALK_HIGHLEVEL_CLIENT_ID and CROSSWALK_HIGHLEVEL_CLIENT_SECRET to your Marketplace app’s, with " + s.callbackURL() + " as its redirect URL, and restart."
	}
	v.Scopes = s.scopesAsked(highLevel)
	return s.render(c, status, connectionui.HighLevelPage(sh, v))
}

func (s *scoped) connectHighLevelKey(c echo.Context) error {
	location := strings.TrimSpace(c.FormValue("location_id"))
	try, tooSoon, err := s.tryToConnect(c)
	if err != nil {
		return err
	}
	if tooSoon != nil {
		return s.showHighLevel(c, http.StatusTooManyRequests, connectionui.HighLevelForm{LocationID: location, Problem: tooSoon})
	}
	_, err = s.Connections.ConnectKey(c.Request().Context(), connection.KeyInput{
		Provider: highLevel, Account: location, Key: c.FormValue("token"), BaseURL: s.Providers.BaseURL(highLevel),
	})
	if p, ok := errors.AsType[*connection.Problem](err); ok {
		v := connectionui.HighLevelForm{LocationID: location}
		v.Errors, v.Problem = problemsBeside(p, map[string]string{"key": "token", "account": "location_id"}, ui.HighLevel)
		return s.showHighLevel(c, problemStatus, v)
	}
	if err != nil {
		return err
	}
	if err := s.Server.Store.TrySucceeded(c.Request().Context(), try); err != nil {
		return err
	}
	return s.connected(c, highLevel)
}

// tryToConnect counts a try with addresses and credentials a person typed, which costs calls of whatever is there: those
// in vain are followed by growing waits, like those to sign in, but for this person only.
func (s *scoped) tryToConnect(c echo.Context) (people.Try, *ui.Problem, error) {
	try := s.newTry(people.DoorConnect, user(c).ID, "person/"+user(c).ID)
	wait, err := s.Server.Store.Try(c.Request().Context(), try)
	if err != nil || wait <= 0 {
		return try, nil, err
	}
	tooMany(c, wait)
	return try, &ui.Problem{Tone: ui.Stop, Title: "Not connected, and nothing was saved", Detail: "Too many tries in vain. Try again in " + roundUp(wait) + ".", Code: "too_many_tries"}, nil
}

// problemsBeside puts a problem beside the control that caused it, and on top of the form when it has none.
func problemsBeside(p *connection.Problem, controls map[string]string, who ui.Side) (map[string]string, *ui.Problem) {
	problem := &ui.Problem{Tone: ui.Stop, Title: "Not connected, and nothing was saved", Detail: p.Sentence, Words: p.Words, Side: who, Code: p.Code}
	if control, ok := controls[p.Field]; ok {
		problem.Detail = ""
		if p.Words == "" {
			problem = nil
		}
		return map[string]string{control: p.Sentence}, problem
	}
	return nil, problem
}

func (s *scoped) connected(c echo.Context, id provider.ID) error {
	detail := "The credential was tested first, and is kept encrypted."
	if s.cameBack {
		detail = "You began in the workspace “" + s.member.Workspace.Name + "”, so it is connected there, and this is it. " + detail
	}
	s.flash(c, ui.Good, s.providerName(id)+" is connected", detail)
	return redirect(c, "/connections")
}

func (s *Server) callbackURL() string { return s.PublicURL + "/connections/callback" }

func (s *scoped) connectHighLevelOAuth(c echo.Context) error {
	app, ok := s.Providers.OAuth(highLevel)
	if !ok {
		return s.showHighLevel(c, problemStatus, connectionui.HighLevelForm{})
	}
	return s.begin(c, s.intent(highLevel, app))
}

// intent is what an authorisation with the configured app is begun for.
func (s *Server) intent(id provider.ID, app OAuthApp) connection.Intent {
	return connection.Intent{
		Provider: id, BaseURL: s.Providers.BaseURL(id), ClientID: app.ClientID, ClientSecret: app.ClientSecret,
		Endpoint: app.Endpoint, Scopes: app.Scopes, RedirectURL: s.callbackURL(), PKCE: app.PKCE,
	}
}

// begin sends the browser to the provider's consent page.
func (s *scoped) begin(c echo.Context, in connection.Intent) error {
	to, binding, err := s.Flow.Begin(c.Request().Context(), in)
	if err != nil {
		return err
	}
	binding += bindingHome + s.member.Workspace.ID
	c.SetCookie(&http.Cookie{Name: s.cookieName(bindingCookie), Value: binding, Path: "/", MaxAge: 600, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.Secure}) // #nosec G124 -- Secure wherever people come by TLS
	return redirect(c, to)
}

// connectCallback is where the provider sends the browser back to. The code in the address is redeemed at once, so that
// the address is worth nothing afterwards. What was begun here by the signed-in person, in this browser, is connected;
// anything else is held until a person claims it (docs/decisions/0010).
func (s *Server) connectCallback(c echo.Context) error {
	binding, home, _ := strings.Cut(s.cookieValue(c, bindingCookie), bindingHome)
	someone, err := s.recognise(c)
	if err != nil {
		return err
	}
	if app, ok := s.Providers.OAuth(highLevel); ok && binding == "" && c.QueryParam("code") != "" {
		return s.arrive(c, app, someone)
	}
	if !someone {
		return s.signInFirst(c, "/connections") // an authorisation that was begun here belongs to who began it
	}
	least := people.Editor
	if binding == "" {
		least = people.Viewer // nothing was begun in this browser: there is only that to be told
	}
	moved, err := s.goBack(c, home)
	if err != nil {
		return err
	}
	return s.inWorkspace(least)(within(func(s *scoped, c echo.Context) error {
		s.cameBack = moved
		return s.comeBack(c, binding)
	}))(c)
}

// goBack makes the workspace in which something was begun the current one again, if the person may still connect there:
// it is completed where it was begun, whatever they looked at meanwhile.
func (s *Server) goBack(c echo.Context, home string) (moved bool, err error) {
	ctx := c.Request().Context()
	if home == "" || home == s.sessions.GetString(ctx, sessionWorkspace) {
		return false, nil
	}
	all, err := s.Store.MembershipsOf(ctx, user(c).ID)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(all, func(m people.Membership) bool { return m.Workspace.ID == home })
	if i < 0 || !all[i].Role.AtLeast(people.Editor) {
		return false, nil
	}
	s.sessions.Put(ctx, sessionWorkspace, home)
	return true, nil
}

// comeBack ends an authorisation that was begun here.
func (s *scoped) comeBack(c echo.Context, binding string) error {
	ctx := c.Request().Context()
	done, err := s.Flow.Complete(ctx, c.QueryParams(), binding)
	if done.Over {
		c.SetCookie(&http.Cookie{Name: s.cookieName(bindingCookie), Path: "/", MaxAge: -1, HttpOnly: true, Secure: s.Secure}) // #nosec G124 -- Secure wherever people come by TLS
	}
	if err == nil {
		in := connection.OAuthInput{Authorised: done}
		in.Account, in.CompanyID, in.Scopes = s.Providers.Granted(done.Pending, done.Token)
		if !done.Proven || in.Account == "" {
			if err = s.hold(c, in); err == nil {
				return redirect(c, claimPath)
			}
		} else {
			_, err = s.Connections.ConnectOAuth(ctx, in)
		}
	}
	p, isProblem := errors.AsType[*connection.Problem](err)
	if id := done.Pending.Reconnect; id != "" && (isProblem || err == nil) {
		cn, lost := s.Connections.Store.Connection(ctx, id)
		switch {
		case lost != nil:
			return connectionError(lost)
		case isProblem:
			_, problem := problemsBeside(p, nil, side(cn.Provider))
			return s.showReconnect(c, problemStatus, cn, connectionui.ReconnectView{Problem: problem})
		}
		return s.reconnected(c, cn)
	}
	switch {
	case isProblem && done.Pending.Provider == gleap:
		v := s.gleapForm()
		v.OAuthFirst = true
		v.OAuth.AuthorizeURL, v.OAuth.TokenURL = done.Pending.Endpoint.AuthURL, done.Pending.Endpoint.TokenURL
		v.OAuth.ClientID, v.OAuth.ProjectID, v.OAuth.BaseURL = done.Pending.ClientID, done.Pending.Account, done.Pending.BaseURL
		v.OAuth.Scopes = strings.Join(done.Pending.Scopes, " ")
		v.OAuth.Errors, v.OAuth.Problem = problemsBeside(p, gleapOAuthControls, ui.Gleap)
		return s.showGleap(c, problemStatus, v)
	case isProblem:
		_, problem := problemsBeside(p, nil, ui.HighLevel)
		return s.showHighLevel(c, problemStatus, connectionui.HighLevelForm{Problem: problem})
	case err != nil:
		return err
	}
	return s.connected(c, done.Pending.Provider)
}

func (s *scoped) gleapForm() connectionui.GleapForm {
	v := connectionui.GleapForm{Region: "eu", Regions: s.Providers.Regions(gleap), OAuth: connectionui.GleapOAuth{BaseURL: s.Providers.BaseURL(gleap)}}
	if base := s.Providers.BaseURL(gleap); !slices.ContainsFunc(v.Regions, func(o ui.Option) bool { return o.Value == base }) {
		v.BaseURL = base
	}
	if len(v.Regions) > 0 {
		v.Region = v.Regions[0].Value
	}
	if v.BaseURL != "" {
		v.Region = "custom"
	}
	if app, ok := s.Providers.OAuth(gleap); ok {
		v.OAuth.AuthorizeURL, v.OAuth.TokenURL, v.OAuth.ClientID = app.Endpoint.AuthURL, app.Endpoint.TokenURL, app.ClientID
	}
	return v
}

func (s *scoped) connectGleapPage(c echo.Context) error {
	return s.showGleap(c, http.StatusOK, s.gleapForm())
}

func (s *scoped) showGleap(c echo.Context, status int, v connectionui.GleapForm) error {
	sh, err := s.shell(c, ui.Connections)
	if err != nil {
		return err
	}
	v.OAuth.RedirectURL = s.callbackURL()
	return s.render(c, status, connectionui.GleapPage(sh, v))
}

func (s *scoped) connectGleapKey(c echo.Context) error {
	v := s.gleapForm()
	v.Region, v.BaseURL, v.ProjectID = c.FormValue("region"), strings.TrimSpace(c.FormValue("base_url")), strings.TrimSpace(c.FormValue("project_id"))
	base := v.Region
	if v.Region == "custom" {
		base = v.BaseURL
	}
	try, tooSoon, err := s.tryToConnect(c)
	if err != nil {
		return err
	}
	if v.Problem = tooSoon; tooSoon != nil {
		return s.showGleap(c, http.StatusTooManyRequests, v)
	}
	_, err = s.Connections.ConnectKey(c.Request().Context(), connection.KeyInput{Provider: gleap, Account: v.ProjectID, Key: c.FormValue("api_key"), BaseURL: base})
	if p, ok := errors.AsType[*connection.Problem](err); ok {
		v.Errors, v.Problem = problemsBeside(p, map[string]string{"key": "api_key", "account": "project_id", "base_url": "base_url"}, ui.Gleap)
		return s.showGleap(c, problemStatus, v)
	}
	if err != nil {
		return err
	}
	if err := s.Server.Store.TrySucceeded(c.Request().Context(), try); err != nil {
		return err
	}
	return s.connected(c, gleap)
}

var gleapOAuthControls = map[string]string{
	"account": "oauth_project_id", "base_url": "oauth_base_url", "client_secret": "client_secret", "token_url": "token_url", "authorize_url": "authorize_url", "client_id": "client_id",
}

func (s *scoped) connectGleapOAuth(c echo.Context) error {
	v := s.gleapForm()
	v.OAuthFirst = true
	o := &v.OAuth
	o.AuthorizeURL, o.TokenURL = strings.TrimSpace(c.FormValue("authorize_url")), strings.TrimSpace(c.FormValue("token_url"))
	o.ClientID, o.ProjectID = strings.TrimSpace(c.FormValue("client_id")), strings.TrimSpace(c.FormValue("oauth_project_id"))
	o.BaseURL, o.Scopes = strings.TrimRight(strings.TrimSpace(c.FormValue("oauth_base_url")), "/"), strings.Join(strings.Fields(c.FormValue("scopes")), " ")
	secret := c.FormValue("client_secret")
	if app, ok := s.Providers.OAuth(gleap); ok && secret == "" && app.is(o.ClientID, o.AuthorizeURL, o.TokenURL) {
		secret = app.ClientSecret
	}
	o.Errors = map[string]string{}
	for control, value := range map[string]string{"authorize_url": o.AuthorizeURL, "token_url": o.TokenURL, "oauth_base_url": o.BaseURL} {
		if p := checkAddress(value, s.Connections.AllowPrivate); p != "" {
			o.Errors[control] = p
		}
	}
	for control, value := range map[string]string{"client_id": o.ClientID, "client_secret": secret, "oauth_project_id": o.ProjectID} {
		if strings.TrimSpace(value) == "" {
			o.Errors[control] = "This is needed."
		}
	}
	if len(o.Errors) > 0 {
		return s.showGleap(c, problemStatus, v)
	}
	_, tooSoon, err := s.tryToConnect(c)
	if err != nil {
		return err
	}
	if o.Problem = tooSoon; tooSoon != nil {
		return s.showGleap(c, http.StatusTooManyRequests, v)
	}
	return s.begin(c, connection.Intent{
		Provider: gleap, BaseURL: o.BaseURL, Account: o.ProjectID, ClientID: o.ClientID, ClientSecret: secret,
		Endpoint: oauth2.Endpoint{AuthURL: o.AuthorizeURL, TokenURL: o.TokenURL}, Scopes: strings.Fields(o.Scopes), RedirectURL: s.callbackURL(), PKCE: true,
	})
}

// checkAddress is CheckBaseURL for addresses that may carry a query.
func checkAddress(raw string, allowPrivate bool) string {
	bare := raw
	if u, err := url.Parse(raw); err == nil {
		u.RawQuery = ""
		bare = u.String()
	}
	if p := connection.CheckBaseURL(bare, allowPrivate); p != nil {
		return p.Sentence
	}
	return ""
}

func (s *scoped) connectionCheck(c echo.Context) error {
	ctx := c.Request().Context()
	id := record.ConnectionID(c.Param("id"))
	client, err := s.Fresh(ctx, id)
	if err != nil {
		return connectionError(err)
	}
	cn, err := s.Connections.Check(ctx, id, client)
	if err != nil {
		return connectionError(err)
	}
	if cn.Problem == "" {
		s.flash(c, ui.Good, cn.Name+" works", "Checked just now.")
	} else {
		s.flash(c, ui.Stop, cn.Name+" does not work", cn.Problem)
	}
	return redirect(c, "/connections")
}

// connectionHook changes the webhook address of a provider that does not sign.
func (s *scoped) connectionHook(c echo.Context) error {
	cn, err := s.ownConnection(c)
	if err != nil {
		return err
	}
	if cn.Provider != gleap {
		return notFound() // its address holds no secret
	}
	if cn, err = s.Connections.ChangeHook(c.Request().Context(), cn.ID); err != nil {
		return connectionError(err)
	}
	s.flash(c, ui.Good, "There is a new webhook address", "Paste it in "+s.providerName(cn.Provider)+" within "+span(connection.HookGrace)+"; until then the one before is taken too.")
	return redirect(c, healthHref(cn.ID))
}

func connectionError(err error) error {
	if errors.Is(err, connection.ErrNotFound) {
		return notFound()
	}
	return err
}

func (s *scoped) connectionDisconnect(c echo.Context) error {
	if err := s.Connections.Disconnect(c.Request().Context(), record.ConnectionID(c.Param("id"))); err != nil {
		return connectionError(err)
	}
	s.flash(c, ui.Info, "Disconnected", "The credential was deleted. Links and history were kept; automations that use the account wait.")
	return redirect(c, "/connections")
}
