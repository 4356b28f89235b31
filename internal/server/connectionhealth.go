package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/web/connectionui"
	"crosswalk/web/ui"
)

// faultsShown is how many failed calls the page of a connection lists.
const faultsShown = 10

func healthHref(id record.ConnectionID) string { return "/connections/" + string(id) }

// ownConnection reads a connection of the workspace that is not removed.
func (s *scoped) ownConnection(c echo.Context) (connection.Connection, error) {
	cn, err := s.Connections.Store.Connection(c.Request().Context(), record.ConnectionID(c.Param("id")))
	if err == nil && cn.State == connection.Removed {
		err = connection.ErrNotFound
	}
	return cn, connectionError(err)
}

func (s *scoped) connectionPage(c echo.Context) error {
	cn, err := s.ownConnection(c)
	if err != nil {
		return err
	}
	return s.showConnection(c, cn, nil)
}

// connectionTest makes one harmless call for each permission, and shows what came of them.
func (s *scoped) connectionTest(c echo.Context) error {
	ctx := c.Request().Context()
	cn, err := s.ownConnection(c)
	if err != nil {
		return err
	}
	client, err := s.Fresh(ctx, cn.ID)
	if err != nil {
		return connectionError(err)
	}
	if cn, err = s.Connections.Check(ctx, cn.ID, client); err != nil {
		return connectionError(err)
	}
	if cn.State == connection.Uninstalled { // there is no credential to try
		return redirect(c, healthHref(cn.ID)+"/reconnect")
	}
	return s.showConnection(c, cn, s.probe(ctx, client))
}

// A test ends after testFor, one call of it after probeFor: a person waits for it.
const testFor, probeFor = 30 * time.Second, 10 * time.Second

// probe tries every permission out, one after the other. What a credential that is dead answers says nothing of the
// permissions after it.
func (s *scoped) probe(ctx context.Context, client provider.Client) []connectionui.Probe {
	prober, ok := client.(provider.Prober)
	if !ok {
		return nil
	}
	ctx, done := context.WithTimeout(provider.WithPriority(ctx, provider.Interactive), testFor)
	defer done()
	var out []connectionui.Probe
	for _, p := range prober.Probes() {
		if ctx.Err() != nil {
			out = append(out, connectionui.Probe{Does: p.Does, Scope: p.Scope, Tone: ui.Warn, Says: "Not tried: the calls before it took too long"})
			continue
		}
		asking, cancel := context.WithTimeout(ctx, probeFor)
		begin := s.Now()
		err := p.Try(asking)
		cancel()
		row := connectionui.Probe{Does: p.Does, Scope: p.Scope, Took: took(s.Now().Sub(begin)), Tone: ui.Good, Says: "Works"}
		if err != nil {
			row.Tone, row.Says, row.TraceID = probed(p, err)
		}
		out = append(out, row)
		if provider.IsKind(err, provider.Revoked) || provider.IsKind(err, provider.Unauthorized) {
			break
		}
	}
	return out
}

const notGranted = "Not granted"

// probed says what an error tells of a permission: only a refusal that names it tells that it is missing.
func probed(p provider.Probe, err error) (tone ui.Tone, says, trace string) {
	e, ok := errors.AsType[*provider.Error](err)
	if !ok {
		return ui.Warn, "No answer", ""
	}
	trace = e.TraceID
	switch {
	case e.Kind == provider.Forbidden && e.Scope == p.Scope:
		return ui.Stop, notGranted, trace
	case e.Kind == provider.Forbidden && e.Scope != "":
		return ui.Warn, "Could not be tried without “" + e.Scope + "”", trace
	case e.Kind == provider.Revoked || e.Kind == provider.Unauthorized:
		return ui.Stop, "The access is not accepted", trace
	case e.Kind == provider.RateLimited:
		return ui.Warn, "Call limit used up; try again in a moment", trace
	}
	return ui.Warn, "No use to tell: " + faultWords(e.Kind.String()), trace
}

func (s *scoped) showConnection(c echo.Context, cn connection.Connection, probes []connectionui.Probe) error {
	ctx := c.Request().Context()
	sh, err := s.shell(c, ui.Connections)
	if err != nil {
		return err
	}
	sh.Down = without(sh.Down, cn.ID)
	users, err := s.usersOf(ctx, cn.ID)
	if err != nil {
		return err
	}
	card, err := s.connectionCard(ctx, cn, len(users))
	if err != nil {
		return err
	}
	v := connectionui.HealthView{Connection: card, Probes: probes}
	for _, p := range probes {
		if p.Tone != ui.Good {
			v.Refused++
		}
	}
	for _, a := range users {
		v.Users = append(v.Users, connectionui.User{Name: a.Name, Href: "/automations/" + string(a.ID), State: stateWord(a.State)})
	}
	if v.Waiting, v.Due, err = s.Store.HeldWork(ctx, running(users)...); err != nil {
		return err
	}
	v.Draining = c.QueryParam("draining") != "" && cn.State == connection.Active && v.Due > 0
	v.Needs, v.Missing = s.needs(cn, users, probes)
	v.Untold = cn.Auth != connection.ByOAuth
	_, v.Consent = s.Providers.OAuth(cn.Provider)
	v.Consent = v.Consent && cn.Auth == connection.ByOAuth
	if v.Calls, err = s.calls(ctx, cn.ID); err != nil {
		return err
	}
	if v.Heard, err = s.heard(ctx, cn); err != nil {
		return err
	}
	if v.Missed, err = s.missed(ctx, cn.ID, users); err != nil {
		return err
	}
	faults, err := s.Store.Faults(ctx, cn.ID, faultsShown)
	if err != nil {
		return err
	}
	for _, f := range faults {
		v.Faults = append(v.Faults, s.fault(f))
	}
	v.DownSince = date(cn.DownSince)
	v.Sentence, v.Tone = s.standing(cn, v)
	return s.render(c, http.StatusOK, connectionui.HealthPage(sh, v))
}

// usersOf are the automations that use a connection.
func (s *scoped) usersOf(ctx context.Context, id record.ConnectionID) ([]automation.Automation, error) {
	all, err := s.Store.Automations(ctx)
	return slices.DeleteFunc(all, func(a automation.Automation) bool {
		return a.Definition.Source.Connection != id && a.Definition.Target.Connection != id
	}), err
}

// running are the automations whose work goes on by itself; what a draft or a paused one holds back waits for a person.
func running(users []automation.Automation) (ids []automation.ID) {
	for _, a := range users {
		if a.State == automation.On {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

func stateWord(st automation.State) string {
	switch st {
	case automation.On:
		return "on"
	case automation.Paused:
		return "paused"
	}
	return "draft"
}

// standing is the state of a connection in one sentence.
func (s *scoped) standing(cn connection.Connection, v connectionui.HealthView) (string, ui.Tone) {
	held := ""
	if v.Waiting > 0 {
		held = " Nothing is lost: " + heldWords(v.Waiting) + " then."
	}
	access := "access"
	if cn.Auth == connection.ByKey {
		access = "key"
	}
	switch {
	case cn.State == connection.Uninstalled:
		return "Needs you: Crosswalk was uninstalled in this account, so nothing is read or written until it is installed again." + held, ui.Stop
	case cn.State != connection.Active:
		return "Needs you: " + s.providerName(cn.Provider) + " refuses our " + access + ", as it told us " + s.ago(cn.CheckedAt) + ". Reconnect the account." + held, ui.Stop
	case v.Missing > 0:
		return "Working, but without " + ui.Count(v.Missing, "permission", "permissions") + " that an automation needs.", ui.Warn
	case cn.Problem != "":
		return "It answered the last check with a problem.", ui.Warn
	case v.Calls != nil && v.Calls.Warn:
		return "Working, but at this pace the day’s calls will run out.", ui.Warn
	case len(v.Users) == 0:
		return "Working, and not used yet: no automation reads or writes here.", ui.Good
	}
	return "Working. " + ui.Count(len(v.Users), "automation uses", "automations use") + " it.", ui.Good
}

func heldWords(n int) string {
	return ui.Count(n, "record waits and goes on by itself", "records wait and go on by themselves")
}

// needs are the scopes we ask for, who needs each, and how many are needed and missing. Of a key the provider does not tell
// what was granted; a test that was just made does.
func (s *scoped) needs(cn connection.Connection, users []automation.Automation, probes []connectionui.Probe) (out []connectionui.Need, missing int) {
	d := s.Descriptors[cn.Provider]
	by := map[string][]string{}
	need := func(a automation.Automation, side automation.Side, at automation.Endpoint, writes bool) {
		o, ok := d.Object(at.Object)
		if !ok || at.Connection != cn.ID {
			return
		}
		scopes := slices.Clone(o.ReadScopes)
		if writes {
			scopes = append(scopes, o.WriteScopes...)
		}
		if parent, ok := d.Object(o.Parent); ok {
			scopes = append(scopes, parent.ReadScopes...)
		}
		for _, lender := range o.Borrows(a.Definition.Reads(side)) {
			lent, _ := d.Object(lender)
			scopes = append(scopes, lent.ReadScopes...)
		}
		for _, sc := range scopes {
			if !slices.Contains(by[sc], a.Name) {
				by[sc] = append(by[sc], a.Name)
			}
		}
	}
	for _, a := range users {
		need(a, automation.SourceSide, a.Definition.Source, a.Definition.TwoWay())
		need(a, automation.TargetSide, a.Definition.Target, true)
	}
	for _, sc := range s.scopesOf(cn.Provider, cn.Scopes) {
		n := connectionui.Need{Scope: sc, By: by[sc.Name]}
		if cn.Auth != connection.ByOAuth {
			n.Untold = true
			for _, p := range probes {
				if p.Scope == sc.Name && (p.Tone == ui.Good || p.Says == notGranted) {
					n.Untold, n.Granted = false, p.Tone == ui.Good
				}
			}
		}
		out = append(out, n)
		if !n.Granted && !n.Untold && len(n.By) > 0 {
			missing++
		}
	}
	return out, missing
}

// calls tells how the call limit is used; nil where neither a limit nor a use is known.
func (s *scoped) calls(ctx context.Context, id record.ConnectionID) (*connectionui.Calls, error) {
	const many = 24
	start := s.Now().UTC().Truncate(time.Hour).Add(-(many - 1) * time.Hour)
	uses, err := s.Store.QuotaUses(ctx, id, start)
	if err != nil {
		return nil, err
	}
	q, known := s.Quota(id)
	if len(uses) == 0 && !known {
		return nil, nil
	}
	v := &connectionui.Calls{}
	if len(uses) > 0 {
		v.Hours = make([]connectionui.CallHour, many)
		for i := range v.Hours {
			v.Hours[i].Label = start.Add(time.Duration(i) * time.Hour).Format("15:04")
		}
		for _, u := range uses {
			if i := int(u.Start.UTC().Sub(start) / time.Hour); i >= 0 && i < many {
				v.Hours[i].Calls += u.Calls
				v.Hours[i].Refused += u.Refused
			}
		}
	}
	if q.Limit > 0 {
		v.Now = &connectionui.Quota{Label: "Calls in the last " + strings.TrimPrefix(span(q.Interval), "1 "), Used: q.Used, Limit: q.Limit}
	}
	if q.DailyLimit > 0 {
		v.Today = &connectionui.Quota{Label: "Calls today", Used: q.DailyUsed, Limit: q.DailyLimit}
		if q.Forecast > 0 {
			v.Warn = q.Forecast > q.DailyLimit
			v.Forecast = fmt.Sprintf("At the pace of the last hour the day comes to about %s calls, %d %% of the limit.", ui.Number(q.Forecast), 100*q.Forecast/q.DailyLimit)
			if v.Warn && !q.RunsOut.IsZero() {
				v.Forecast += " They would run out in " + span(q.RunsOut.Sub(s.Now())) + "; what can wait is slowed down before that."
			}
		}
	}
	if q.Reserve > 0 {
		v.Reserve = strconv.Itoa(q.Reserve) + " % of the limit is left to other apps."
	}
	return v, nil
}

// heard tells how changes in the account were last heard of.
func (s *scoped) heard(ctx context.Context, cn connection.Connection) ([]connectionui.Fact, error) {
	stats, err := s.Store.DeliveryStats(ctx, cn.ID)
	if err != nil {
		return nil, err
	}
	last := "none has arrived"
	switch {
	case stats.Count == 0 && s.hookless(cn):
		last = "none come to an account that is connected without an app: it is asked regularly"
	case stats.Count > 0:
		last = s.ago(stats.LastAt) + ", " + ui.Count(stats.Count, "delivery is", "deliveries are") + " kept"
	}
	out := []connectionui.Fact{{Name: "Last webhook", Value: last}}
	cursors, err := s.Store.PollCursors(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range cursors {
		if p.Connection != cn.ID {
			continue
		}
		plural := string(p.Object)
		if o, ok := s.Descriptors[cn.Provider].Object(p.Object); ok {
			plural = o.Plural
		}
		f := connectionui.Fact{Name: "Last poll of " + plural, Value: s.ago(p.PolledAt)}
		if p.Problem != "" {
			f.Value += ", in vain: " + p.Problem
		}
		if p.NextAt.After(p.PolledAt) {
			f.Value += "; every " + span(p.NextAt.Sub(p.PolledAt))
		}
		if p.Why != "" {
			f.Value += ", no sooner because " + p.Why
		}
		out = append(out, f)
		if p.Missed > 0 {
			out = append(out, connectionui.Fact{Name: "Webhooks about " + plural + " that never came", Value: ui.Number(p.Missed) + ", made up for by polling"})
		}
	}
	return out, nil
}

// missed adds up what the latest comparisons found that no webhook had told of.
func (s *scoped) missed(ctx context.Context, id record.ConnectionID, users []automation.Automation) (string, error) {
	names := map[automation.ID]string{}
	var ids []automation.ID
	for _, a := range users {
		if a.Definition.Source.Connection == id {
			names[a.ID], ids = a.Name, append(ids, a.ID)
		}
	}
	latest, err := s.Store.LatestPopulations(ctx, ids...)
	var words []string
	for _, p := range latest {
		if p.Missed > 0 {
			words = append(words, fmt.Sprintf("%s (%s, compared %s)", ui.Number(p.Missed), names[p.Automation], s.ago(cmp.Or(p.FinishedAt, p.CreatedAt))))
		}
	}
	return strings.Join(words, ", "), err
}

func (s *scoped) fault(f engine.Fault) connectionui.Fault {
	out := connectionui.Fault{When: s.moment(f.At), Op: f.Op, What: faultWords(f.Kind), Status: "no answer", Words: f.Detail, TraceID: f.TraceID}
	if f.Status > 0 {
		out.Status = "status " + strconv.Itoa(f.Status)
	}
	return out
}

// faultWords say what kind of failure a call met.
func faultWords(kind string) string {
	switch kind {
	case provider.Invalid.String():
		return "The request was refused as it was sent"
	case provider.Unauthorized.String(), provider.Revoked.String():
		return "The access was not accepted"
	case provider.Forbidden.String():
		return "A permission was missing"
	case provider.RateLimited.String():
		return "There were too many calls"
	case provider.Unavailable.String():
		return "The provider was out of reach or out of order"
	case provider.Ambiguous.String():
		return "The answer to a write got lost"
	}
	return "The answer was not understood"
}

func without(down []ui.Down, id record.ConnectionID) []ui.Down {
	return slices.DeleteFunc(down, func(d ui.Down) bool { return d.ID == string(id) })
}

// --- reconnecting

func (s *scoped) reconnectPage(c echo.Context) error {
	cn, err := s.ownConnection(c)
	if err != nil {
		return err
	}
	return s.showReconnect(c, http.StatusOK, cn, connectionui.ReconnectView{})
}

func (s *scoped) showReconnect(c echo.Context, status int, cn connection.Connection, v connectionui.ReconnectView) error {
	ctx := c.Request().Context()
	sh, err := s.shell(c, ui.Connections)
	if err != nil {
		return err
	}
	sh.Down = without(sh.Down, cn.ID)
	users, err := s.usersOf(ctx, cn.ID)
	if err != nil {
		return err
	}
	waiting, _, err := s.Store.HeldWork(ctx, running(users)...)
	if err != nil {
		return err
	}
	name := s.providerName(cn.Provider)
	v.Health = s.health(cn.Provider, cn)
	v.Title, v.Held = "Reconnect "+name, "Nothing waits for it at the moment."
	if waiting > 0 {
		v.Held = "Nothing is lost: " + heldWords(waiting) + " once it is connected again."
	}
	switch {
	case cn.State == connection.Active:
		v.What = "It works at the moment. Reconnect it to grant what is missing, or to replace the credential."
	case cn.State == connection.Uninstalled:
		v.What = "Crosswalk was uninstalled in this account, and " + name + " took its access back. Links and history were kept here."
	default:
		v.What, v.Since = cn.Problem, s.moment(cn.CheckedAt)
	}
	v.DownSince = date(cn.DownSince)
	v.ByKey = cn.Auth == connection.ByKey
	if v.ByKey {
		v.KeyHint = "For " + cn.Account.ID + ". In Gleap: Project Settings → Security → API Key."
		if cn.Provider == highLevel {
			v.KeyHint = "For location " + cn.Account.ID + ". In HighLevel: Settings → Private Integrations. It is shown there only once."
		}
		v.Next = []string{
			"Crosswalk tries the new key before it saves it.",
			"It has to be a key of the same account; another one is refused, and nothing changes.",
			"What waited goes on by itself.",
		}
	} else {
		v.Next = []string{
			name + " asks you to agree, and sends you back here.",
			"Choose the same account, " + cn.Account.ID + "; another one is refused, and nothing changes.",
			"What waited goes on by itself.",
		}
		_, v.Ready = s.reconnectIntent(cn)
		v.Hint = "The app it was connected with is no longer configured here. Set its client id and secret, or connect the account anew."
	}
	return s.render(c, status, connectionui.ReconnectPage(sh, v))
}

// reconnectIntent is an authorisation for the same account; false where the app's secret is not at hand.
func (s *scoped) reconnectIntent(cn connection.Connection) (connection.Intent, bool) {
	app, ok := s.Providers.OAuth(cn.Provider)
	if !ok {
		return connection.Intent{}, false
	}
	in := s.intent(cn.Provider, app)
	in.Reconnect, in.Account, in.BaseURL = cn.ID, cn.Account.ID, cn.BaseURL
	if cn.ClientID != app.ClientID && cn.Provider != highLevel {
		return in, false // a person's own client: its secret was typed into a form
	}
	return in, true
}

func (s *scoped) reconnect(c echo.Context) error {
	cn, err := s.ownConnection(c)
	if err != nil {
		return err
	}
	if cn.Auth == connection.ByOAuth {
		in, ok := s.reconnectIntent(cn)
		if !ok {
			return s.showReconnect(c, problemStatus, cn, connectionui.ReconnectView{})
		}
		return s.begin(c, in)
	}
	try, tooSoon, err := s.tryToConnect(c)
	if err != nil {
		return err
	}
	if tooSoon != nil {
		return s.showReconnect(c, http.StatusTooManyRequests, cn, connectionui.ReconnectView{Problem: tooSoon})
	}
	_, err = s.Connections.ConnectKey(c.Request().Context(), connection.KeyInput{
		Provider: cn.Provider, Account: cn.Account.ID, Key: c.FormValue("key"), BaseURL: cn.BaseURL, Reconnect: cn.ID,
	})
	if p, ok := errors.AsType[*connection.Problem](err); ok {
		var v connectionui.ReconnectView
		v.Errors, v.Problem = problemsBeside(p, map[string]string{"key": "key"}, side(cn.Provider))
		return s.showReconnect(c, problemStatus, cn, v)
	}
	if err != nil {
		return err
	}
	if err := s.Server.Store.TrySucceeded(c.Request().Context(), try); err != nil {
		return err
	}
	return s.reconnected(c, cn)
}

// reconnected leads to where the work that waited can be watched going on.
func (s *scoped) reconnected(c echo.Context, cn connection.Connection) error {
	s.flash(c, ui.Good, s.providerName(cn.Provider)+" is connected again", "What waited for it goes on by itself.")
	return redirect(c, healthHref(cn.ID)+"?draining=1")
}
