package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/record"
	"crosswalk/web/peopleui"
	"crosswalk/web/ui"
)

// witness writes down what a request does.
type witness struct {
	s    *Server
	base people.AuditEntry // who, from where, in which workspace
}

// witness is for a request of somebody, in a workspace or in none.
func (s *Server) witness(c echo.Context, u people.User, workspace string) witness {
	id, _ := c.Get(keyRequestID).(string)
	return witness{s, people.AuditEntry{Workspace: workspace, User: u.ID, Actor: u.Email, Address: c.RealIP(), Request: id}}
}

// entry is an act of the request's.
func (w witness) entry(e people.AuditEntry) people.AuditEntry {
	e.ID, e.At = automation.NewID("ad"), w.s.Now()
	e.Workspace, e.User, e.Actor, e.Address, e.Request = cmp.Or(e.Workspace, w.base.Workspace), w.base.User, w.base.Actor, w.base.Address, w.base.Request
	return e
}

// with is for the one write that is the act: both are stored, or neither.
func (w witness) with(ctx context.Context, e people.AuditEntry) context.Context {
	return people.WithActs(ctx, w.entry(e))
}

// note writes an act down that is no write of ours, before it is done: what cannot be written down is not done.
func (w witness) note(ctx context.Context, e people.AuditEntry) error {
	return w.s.Store.RecordAct(ctx, w.entry(e))
}

// ofPerson is what somebody does about their own account, in each of their workspaces: it concerns their owners, and stays
// there when they leave. What it was before and is after tells no secret.
func (s *Server) ofPerson(c echo.Context, u people.User, e people.AuditEntry) ([]people.AuditEntry, error) {
	var all []people.Membership
	if u.ID != "" {
		var err error
		if all, err = s.Store.MembershipsOf(c.Request().Context(), u.ID); err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		all = []people.Membership{{}}
	}
	e.Object = u.ID
	out := make([]people.AuditEntry, len(all))
	for i, m := range all {
		out[i] = s.witness(c, u, m.Workspace.ID).entry(e)
	}
	return out, nil
}

// asPerson is for the one write that is such an act.
func (s *Server) asPerson(c echo.Context, u people.User, e people.AuditEntry) (context.Context, error) {
	acts, err := s.ofPerson(c, u, e)
	return people.WithActs(c.Request().Context(), acts...), err
}

// recordOfPerson writes such an act down that is no write of ours.
func (s *Server) recordOfPerson(c echo.Context, u people.User, e people.AuditEntry) error {
	acts, err := s.ofPerson(c, u, e)
	for _, a := range acts {
		err = errors.Join(err, s.Store.RecordAct(c.Request().Context(), a))
	}
	return err
}

// act is for the one write that is what a member does in the workspace.
func (s *scoped) act(c echo.Context, kind people.AuditKind, object, subject, before, after string) context.Context {
	return s.watch.with(c.Request().Context(), people.AuditEntry{Kind: kind, Object: object, Subject: subject, Before: before, After: after})
}

// note writes down what a member is about to do in the workspace, where that is no write of ours.
func (s *scoped) note(c echo.Context, kind people.AuditKind, object, subject, before, after string) error {
	return s.watch.note(c.Request().Context(), people.AuditEntry{Kind: kind, Object: object, Subject: subject, Before: before, After: after})
}

// recordedStore writes down every change a page makes, so that no handler has to think of it.
type recordedStore struct {
	Store
	watch witness
}

// about is an automation as an entry names it.
func (r recordedStore) about(ctx context.Context, id automation.ID) automation.Automation {
	a, err := r.Store.Automation(ctx, id)
	if err != nil {
		a.ID = id
	}
	return a
}

// act is for the one write that is the act.
func (r recordedStore) act(ctx context.Context, kind people.AuditKind, object, subject, before, after string) context.Context {
	return r.watch.with(ctx, people.AuditEntry{Kind: kind, Object: object, Subject: subject, Before: before, After: after})
}

func (r recordedStore) CreateAutomation(ctx context.Context, a automation.Automation, by string) error {
	return r.Store.CreateAutomation(r.act(ctx, people.AuditAutomationCreate, string(a.ID), a.Name, "", cmp.Or(a.Recipe, "empty")), a, by)
}

// saving is the entry of a new version. by tells whether a page saved it by itself.
func (r recordedStore) saving(ctx context.Context, id automation.ID, what, by, note string) context.Context {
	a := r.about(ctx, id)
	after := what + ": " + note
	if by == systemName {
		after += " (by itself, when the page was opened)"
	}
	return r.act(ctx, people.AuditAutomationSave, string(id), a.Name, "version "+ui.Number(a.Version), after)
}

// nextVersion names the version that is about to be saved.
func (r recordedStore) nextVersion(ctx context.Context, id automation.ID) string {
	if all, err := r.Store.Versions(ctx, id); err == nil && len(all) > 0 {
		return "version " + ui.Number(all[0].Number+1)
	}
	return "the next version"
}

func (r recordedStore) SaveEdit(ctx context.Context, id automation.ID, from int, d automation.Definition, by, note string) (automation.Automation, error) {
	what := r.nextVersion(ctx, id)
	if r.about(ctx, id).EditsWait() {
		what += ", not live yet"
	}
	return r.Store.SaveEdit(r.saving(ctx, id, what, by, note), id, from, d, by, note)
}

func (r recordedStore) SaveLive(ctx context.Context, id automation.ID, from int, change func(automation.Definition) automation.Definition, by, note string) (automation.Automation, error) {
	return r.Store.SaveLive(r.saving(ctx, id, r.nextVersion(ctx, id), by, note), id, from, change, by, note)
}

func (r recordedStore) PutLive(ctx context.Context, id automation.ID, next int) (automation.Automation, error) {
	return r.Store.PutLive(r.saving(ctx, id, "version "+ui.Number(next), "", "put live"), id, next)
}

func (r recordedStore) DiscardNext(ctx context.Context, id automation.ID, next int) (automation.Automation, error) {
	return r.Store.DiscardNext(r.saving(ctx, id, "version "+ui.Number(next), "", "thrown away, and never was live"), id, next)
}

func (r recordedStore) SetState(ctx context.Context, id automation.ID, st automation.State, why string) error {
	a := r.about(ctx, id)
	return r.Store.SetState(r.act(ctx, people.AuditAutomationState, string(id), a.Name, string(a.State), string(st)), id, st, why)
}

func (r recordedStore) ResumeAutomation(ctx context.Context, id automation.ID) error {
	a := r.about(ctx, id)
	return r.Store.ResumeAutomation(r.act(ctx, people.AuditAutomationState, string(id), a.Name, string(a.State), string(automation.On)), id)
}

// ErasePersonalData leaves the id of whom, and nothing else.
func (r recordedStore) ErasePersonalData(ctx context.Context, ref record.Ref, also []string) (engine.Erased, error) {
	return r.Store.ErasePersonalData(r.act(ctx, people.AuditErase, ref.String(), "personal data", "", "forgotten"), ref, also)
}

func (r recordedStore) Rename(ctx context.Context, id automation.ID, name string) error {
	a := r.about(ctx, id)
	return r.Store.Rename(r.act(ctx, people.AuditAutomationRename, string(id), name, a.Name, name), id, name)
}

func (r recordedStore) DeleteAutomation(ctx context.Context, id automation.ID) error {
	a := r.about(ctx, id)
	return r.Store.DeleteAutomation(r.act(ctx, people.AuditAutomationDelete, string(id), a.Name, string(a.State), ""), id)
}

func (r recordedStore) CreatePopulation(ctx context.Context, p engine.Population) error {
	kind, after := people.AuditPlanCreate, "version "+ui.Number(p.Version)+", "+string(cmp.Or(p.Mode, engine.ModeShow))
	if p.Mode == engine.ModeUndo {
		kind = people.AuditUndo
	}
	if p.Of != "" {
		after += " of " + p.Of
	}
	return r.Store.CreatePopulation(r.act(ctx, kind, p.ID, r.about(ctx, p.Automation).Name, "", after), p)
}

// plan is for a change of a plan: how it stood, and what was asked for.
func (r recordedStore) plan(ctx context.Context, id string, kind people.AuditKind, after string) context.Context {
	p, _ := r.Store.Population(ctx, id)
	return r.act(ctx, kind, id, r.about(ctx, p.Automation).Name, string(p.State), after)
}

func (r recordedStore) ApplyPopulation(ctx context.Context, id string, c engine.Choice) error {
	var parts []string
	for _, o := range c.Outcomes {
		parts = append(parts, string(o))
	}
	for _, m := range c.Matchings {
		parts = append(parts, string(m))
	}
	after := "carried out: "
	if c.Moved {
		after += "what had changed meanwhile, "
	}
	after += cmp.Or(strings.Join(parts, ", "), "everything")
	if n := len(c.Positions); n > 0 {
		after += "; " + ui.Count(n, "record", "records") + " chosen by hand"
	}
	return r.Store.ApplyPopulation(r.plan(ctx, id, people.AuditPlanApply, after), id, c)
}

func (r recordedStore) CancelPopulation(ctx context.Context, id string) error {
	return r.Store.CancelPopulation(r.plan(ctx, id, people.AuditPlanCancel, string(engine.PopulationCanceled)), id)
}

func (r recordedStore) PausePopulation(ctx context.Context, id string) error {
	return r.Store.PausePopulation(r.plan(ctx, id, people.AuditPlanPause, string(engine.PopulationPaused)), id)
}

func (r recordedStore) ResumePopulation(ctx context.Context, id string) error {
	return r.Store.ResumePopulation(r.plan(ctx, id, people.AuditPlanResume, string(engine.PopulationQueued)), id)
}

func (r recordedStore) DecideReview(ctx context.Context, id, run string, d automation.Decision, by string) error {
	q, _ := r.Store.Review(ctx, id)
	return r.Store.DecideReview(r.act(ctx, people.AuditReview, id, r.about(ctx, q.Automation).Name, string(q.State), d.Gist()), id, run, d, by) // not the title, which is a person's name
}

func (r recordedStore) RetryRun(ctx context.Context, id string) error {
	return r.Store.RetryRun(r.act(ctx, people.AuditRetry, id, "", "", ""), id)
}

func (r recordedStore) Wake(ctx context.Context, key engine.Key, e automation.Event) error {
	return r.Store.Wake(r.act(ctx, people.AuditLook, key.Source.String(), r.about(ctx, key.Automation).Name, "", ""), key, e)
}

func (r recordedStore) PartPair(ctx context.Context, link string, apart bool) error {
	before, after := "linked", "unlinked"
	if !apart {
		before, after = after, before
	}
	l, _ := r.Store.Link(ctx, link)
	return r.Store.PartPair(r.act(ctx, people.AuditPair, link, l.Source.String()+" and "+l.Target.String(), before, after), link, apart)
}

// recordedAccounts writes down what is done to accounts. Of credentials it knows nothing.
type recordedAccounts struct {
	connection.Store
	watch witness
}

// act is for the one write that is the act.
func (r recordedAccounts) act(ctx context.Context, kind people.AuditKind, c connection.Connection, before, after string) context.Context {
	return r.watch.with(ctx, people.AuditEntry{Kind: kind, Object: string(c.ID), Subject: c.Name, Before: before, After: after})
}

func accountGist(c connection.Connection) string {
	if c.ID == "" || c.State == connection.Removed {
		return ""
	}
	gist := string(c.Provider) + " account " + c.Account.ID + " by " + string(c.Auth) + ", " + strings.ReplaceAll(string(c.State), "_", " ")
	if c.ProblemCode != "" {
		gist += " (" + c.ProblemCode + ")"
	}
	return gist
}

func (r recordedAccounts) SaveConnection(ctx context.Context, c connection.Connection, sealed []byte) error {
	was, err := r.Store.Connection(ctx, c.ID)
	if err != nil && !errors.Is(err, connection.ErrNotFound) {
		return err
	}
	kind := people.AuditReconnect
	switch {
	case was.ID == "":
		kind = people.AuditConnect
	case was.HookSecret != c.HookSecret:
		kind = people.AuditHookAddress
	}
	return r.Store.SaveConnection(r.act(ctx, kind, c, accountGist(was), accountGist(c)), c, sealed)
}

func (r recordedAccounts) SaveHealth(ctx context.Context, c connection.Connection) error {
	was, _ := r.Store.Connection(ctx, c.ID)
	return r.Store.SaveHealth(r.act(ctx, people.AuditConnectionCheck, c, accountGist(was), accountGist(c)), c)
}

func (r recordedAccounts) RemoveConnection(ctx context.Context, id record.ConnectionID) error {
	was, _ := r.Store.Connection(ctx, id)
	return r.Store.RemoveConnection(r.act(ctx, people.AuditDisconnect, was, accountGist(was), ""), id)
}

// RemoveInstallation implements connection.Store. An agency's grant is somebody's to give up; its accounts go along.
func (r recordedAccounts) RemoveInstallation(ctx context.Context, id record.ConnectionID, at time.Time) error {
	was, _ := r.Store.Installation(ctx, id)
	if was.OfCompany() {
		as := connection.Connection{ID: was.ID, Provider: was.Provider, Name: "agency " + was.Account.CompanyID, Account: was.Account, Auth: connection.ByOAuth, State: was.State}
		ctx = r.act(ctx, people.AuditDisconnect, as, accountGist(as), "")
	}
	return r.Store.RemoveInstallation(ctx, id, at)
}

// SaveInstallation implements connection.Store. What is noted of an agency's accounts by itself is nobody's deed; its
// grant is.
func (r recordedAccounts) SaveInstallation(ctx context.Context, i connection.Installation, sealed []byte) error {
	if sealed == nil {
		return r.Store.SaveInstallation(ctx, i, nil)
	}
	as := connection.Connection{ID: i.ID, Provider: i.Provider, Name: "agency " + i.Account.CompanyID, Account: i.Account, Auth: connection.ByOAuth, State: i.State}
	return r.Store.SaveInstallation(r.act(ctx, people.AuditConnect, as, "", accountGist(as)), i, sealed)
}

// auditWords are the kinds of act as people read them.
var auditWords = map[people.AuditKind]string{
	people.AuditSetup: "First account made", people.AuditSignIn: "Signed in", people.AuditSignInFailed: "Failed to sign in", people.AuditSignOut: "Signed out",
	people.AuditPassword: "Password changed", people.AuditSecondFactor: "Second factor changed", people.AuditSessions: "Sessions ended", people.AuditIdentity: "HighLevel user linked or unlinked",
	people.AuditWorkspaceCreate: "Workspace made", people.AuditWorkspaceRename: "Workspace renamed", people.AuditMemberRole: "Role changed", people.AuditMemberRemove: "Member removed",
	people.AuditInviteCreate: "Invite made", people.AuditInviteRevoke: "Invite revoked", people.AuditInviteAccept: "Invite accepted",
	people.AuditConnect: "Account connected", people.AuditReconnect: "Account reconnected", people.AuditConnectionCheck: "Account checked", people.AuditDisconnect: "Account disconnected", people.AuditHookAddress: "Webhook address changed", people.AuditTurnDown: "Installation turned down",
	people.AuditAutomationCreate: "Automation made", people.AuditAutomationRename: "Automation renamed", people.AuditAutomationSave: "Automation changed",
	people.AuditAutomationState: "Automation switched", people.AuditAutomationDelete: "Automation removed", people.AuditErase: "Person forgotten", people.AuditReplay: "Delivery replayed", people.AuditTestSend: "Test sent for real",
	people.AuditPlanCreate: "Plan made", people.AuditPlanApply: "Plan carried out", people.AuditPlanCancel: "Plan stopped", people.AuditPlanPause: "Plan paused", people.AuditPlanResume: "Plan let go on",
	people.AuditUndo: "Taking back planned", people.AuditReview: "Question decided", people.AuditRetry: "Run retried", people.AuditLook: "Record looked at", people.AuditPair: "Records unlinked or linked again", people.AuditExport: "Data exported", people.AuditSettings: "Settings changed",
	people.AuditSecrets: "Secrets sealed anew", people.AuditMigrate: "Database migrated",
}

const auditPerPage = 50

// auditFilter reads the filter from the address. Days are UTC's, and the last one is part of it.
func auditFilter(c echo.Context) people.AuditFilter {
	f := people.AuditFilter{Actor: c.QueryParam("person"), Kind: people.AuditKind(c.QueryParam("kind")), Before: c.QueryParam("before")}
	if day, err := time.Parse(time.DateOnly, c.QueryParam("from")); err == nil {
		f.Since = day
	}
	if day, err := time.Parse(time.DateOnly, c.QueryParam("to")); err == nil {
		f.Till = day.AddDate(0, 0, 1)
	}
	return f
}

func (s *scoped) auditPage(c echo.Context) error {
	ctx := c.Request().Context()
	f := auditFilter(c)
	f.Limit = auditPerPage + 1
	entries, err := s.Server.Store.AuditEntries(ctx, s.member.Workspace.ID, f)
	if err != nil {
		return err
	}
	actors, err := s.Server.Store.AuditActors(ctx, s.member.Workspace.ID)
	if err != nil {
		return err
	}
	v := peopleui.Audit{
		Person: f.Actor, Kind: string(f.Kind), From: c.QueryParam("from"), To: c.QueryParam("to"),
		People: []ui.Option{{Label: "Everybody"}}, Kinds: []ui.Option{{Label: "Everything"}},
	}
	for _, a := range actors {
		v.People = append(v.People, ui.Option{Value: a, Label: a})
	}
	for _, k := range people.AuditKinds() {
		v.Kinds = append(v.Kinds, ui.Option{Value: string(k), Label: auditWords[k]})
	}
	q := url.Values{}
	for _, name := range []string{"person", "kind", "from", "to"} {
		if value := c.QueryParam(name); value != "" {
			q.Set(name, value)
		}
	}
	v.ExportHref = "/settings/audit.csv?" + q.Encode()
	if f.Before != "" {
		v.Pages.PreviousHref = "/settings/audit?" + q.Encode()
	}
	if len(entries) > auditPerPage {
		entries = entries[:auditPerPage]
		q.Set("before", entries[len(entries)-1].ID)
		v.Pages.NextHref = "/settings/audit?" + q.Encode()
	}
	for _, e := range entries {
		v.Entries = append(v.Entries, peopleui.Act{
			At: ui.Moment{Machine: e.At.Format(time.RFC3339Nano), Text: e.At.UTC().Format("2 Jan 2006 15:04:05 UTC")}, Who: cmp.Or(e.Actor, "nobody known"), Address: e.Address,
			What: cmp.Or(auditWords[e.Kind], string(e.Kind)), Subject: e.Subject, Object: e.Object, Before: e.Before, After: e.After,
		})
	}
	if len(v.Entries) > 0 {
		v.Pages.Text = ui.Count(len(v.Entries), "entry", "entries")
	}
	sh, err := s.shell(c, ui.Settings)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, peopleui.AuditPage(sh, v))
}

// auditExport streams the log as it is filtered, and is in it itself.
func (s *scoped) auditExport(c echo.Context) error {
	f := auditFilter(c)
	if err := s.note(c, people.AuditExport, "", "audit log", "", c.QueryString()); err != nil {
		return err
	}
	f.Before, f.Limit = "", 500
	out, err := newSheet(c, "audit-log.csv", "at", "who", "address", "kind", "subject", "object", "before", "after", "request")
	if err != nil {
		return err
	}
	for {
		entries, err := s.Server.Store.AuditEntries(c.Request().Context(), s.member.Workspace.ID, f)
		if err != nil || len(entries) == 0 {
			return errors.Join(err, out.end())
		}
		for _, e := range entries {
			if err := out.row(e.At.Format(time.RFC3339Nano), e.Actor, e.Address, string(e.Kind), e.Subject, e.Object, e.Before, e.After, e.Request); err != nil {
				return err
			}
		}
		f.Before = entries[len(entries)-1].ID
	}
}
