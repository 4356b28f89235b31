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

// note adds an entry. The act is done already: when it cannot be written down the log has it, and the person is not
// told that it failed.
func (w witness) note(ctx context.Context, e people.AuditEntry) {
	e.ID, e.At = automation.NewID("ad"), w.s.Now()
	e.Workspace, e.User, e.Actor, e.Address, e.Request = cmp.Or(e.Workspace, w.base.Workspace), w.base.User, w.base.Actor, w.base.Address, w.base.Request
	ctx = context.WithoutCancel(ctx)
	if err := w.s.Store.RecordAct(ctx, e); err != nil {
		w.s.Log.ErrorContext(ctx, "an act was not written down", "kind", e.Kind, "user", e.User, "object", e.Object, "request_id", e.Request, "err", err)
	}
}

// noteOfPerson writes down what somebody did about their own account: in each of their workspaces, whose owners it
// concerns, and stays there when they leave.
func (s *Server) noteOfPerson(c echo.Context, u people.User, kind people.AuditKind) {
	ctx := context.WithoutCancel(c.Request().Context())
	var all []people.Membership
	if u.ID != "" {
		var err error
		if all, err = s.Store.MembershipsOf(ctx, u.ID); err != nil {
			s.Log.ErrorContext(ctx, "an act is written down without its workspaces", "kind", kind, "user", u.ID, "err", err)
		}
	}
	if len(all) == 0 {
		all = []people.Membership{{}}
	}
	for _, m := range all {
		s.witness(c, u, m.Workspace.ID).note(ctx, people.AuditEntry{Kind: kind, Object: u.ID})
	}
}

// note writes down what a member did in the workspace.
func (s *scoped) note(c echo.Context, kind people.AuditKind, object, subject, before, after string) {
	s.watch.note(c.Request().Context(), people.AuditEntry{Kind: kind, Object: object, Subject: subject, Before: before, After: after})
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

func (r recordedStore) note(ctx context.Context, err error, kind people.AuditKind, object, subject, before, after string) error {
	if err == nil {
		r.watch.note(ctx, people.AuditEntry{Kind: kind, Object: object, Subject: subject, Before: before, After: after})
	}
	return err
}

func (r recordedStore) CreateAutomation(ctx context.Context, a automation.Automation, by string) error {
	return r.note(ctx, r.Store.CreateAutomation(ctx, a, by), people.AuditAutomationCreate, string(a.ID), a.Name, "", cmp.Or(a.Recipe, "empty"))
}

func (r recordedStore) SaveDefinition(ctx context.Context, id automation.ID, from int, d automation.Definition, by, note string) (automation.Automation, error) {
	saved, err := r.Store.SaveDefinition(ctx, id, from, d, by, note)
	after := "version " + ui.Number(saved.Version) + ": " + note
	if by == systemName {
		after += " (by itself, when the page was opened)"
	}
	return saved, r.note(ctx, err, people.AuditAutomationSave, string(id), saved.Name, "version "+ui.Number(from), after)
}

func (r recordedStore) SetState(ctx context.Context, id automation.ID, st automation.State, why string) error {
	a := r.about(ctx, id)
	return r.note(ctx, r.Store.SetState(ctx, id, st, why), people.AuditAutomationState, string(id), a.Name, string(a.State), string(st))
}

func (r recordedStore) ResumeAutomation(ctx context.Context, id automation.ID) error {
	a := r.about(ctx, id)
	return r.note(ctx, r.Store.ResumeAutomation(ctx, id), people.AuditAutomationState, string(id), a.Name, string(a.State), string(automation.On))
}

// ErasePersonalData leaves the id of whom, and nothing else.
func (r recordedStore) ErasePersonalData(ctx context.Context, ref record.Ref) (engine.Erased, error) {
	erased, err := r.Store.ErasePersonalData(ctx, ref)
	return erased, r.note(ctx, err, people.AuditErase, ref.String(), "personal data", "", ui.Count(erased.Total(), "thing", "things")+" forgotten")
}

func (r recordedStore) Rename(ctx context.Context, id automation.ID, name string) error {
	a := r.about(ctx, id)
	return r.note(ctx, r.Store.Rename(ctx, id, name), people.AuditAutomationRename, string(id), name, a.Name, name)
}

func (r recordedStore) DeleteAutomation(ctx context.Context, id automation.ID) error {
	a := r.about(ctx, id)
	return r.note(ctx, r.Store.DeleteAutomation(ctx, id), people.AuditAutomationDelete, string(id), a.Name, string(a.State), "")
}

func (r recordedStore) CreatePopulation(ctx context.Context, p engine.Population) error {
	kind, after := people.AuditPlanCreate, "version "+ui.Number(p.Version)+", "+string(cmp.Or(p.Mode, engine.ModeShow))
	if p.Mode == engine.ModeUndo {
		kind = people.AuditUndo
	}
	if p.Of != "" {
		after += " of " + p.Of
	}
	return r.note(ctx, r.Store.CreatePopulation(ctx, p), kind, p.ID, r.about(ctx, p.Automation).Name, "", after)
}

// plan changes a plan and writes down how it stood and what was asked for.
func (r recordedStore) plan(ctx context.Context, id string, kind people.AuditKind, after string, change func() error) error {
	p, _ := r.Store.Population(ctx, id)
	return r.note(ctx, change(), kind, id, r.about(ctx, p.Automation).Name, string(p.State), after)
}

func (r recordedStore) ApplyPopulation(ctx context.Context, id string, c engine.Choice) error {
	var parts []string
	for _, o := range c.Outcomes {
		parts = append(parts, string(o))
	}
	for _, m := range c.Matchings {
		parts = append(parts, string(m))
	}
	after := "carried out: " + cmp.Or(strings.Join(parts, ", "), "everything")
	if n := len(c.Positions); n > 0 {
		after += "; " + ui.Count(n, "record", "records") + " chosen by hand"
	}
	return r.plan(ctx, id, people.AuditPlanApply, after, func() error { return r.Store.ApplyPopulation(ctx, id, c) })
}

func (r recordedStore) CancelPopulation(ctx context.Context, id string) error {
	return r.plan(ctx, id, people.AuditPlanCancel, string(engine.PopulationCanceled), func() error { return r.Store.CancelPopulation(ctx, id) })
}

func (r recordedStore) PausePopulation(ctx context.Context, id string) error {
	return r.plan(ctx, id, people.AuditPlanPause, string(engine.PopulationPaused), func() error { return r.Store.PausePopulation(ctx, id) })
}

func (r recordedStore) ResumePopulation(ctx context.Context, id string) error {
	return r.plan(ctx, id, people.AuditPlanResume, string(engine.PopulationQueued), func() error { return r.Store.ResumePopulation(ctx, id) })
}

func (r recordedStore) DecideReview(ctx context.Context, id, run string, d automation.Decision, by string) error {
	q, _ := r.Store.Review(ctx, id)
	return r.note(ctx, r.Store.DecideReview(ctx, id, run, d, by), people.AuditReview, id, r.about(ctx, q.Automation).Name, string(q.State), d.Gist()) // not the title, which is a person's name
}

func (r recordedStore) RetryRun(ctx context.Context, id string) error {
	return r.note(ctx, r.Store.RetryRun(ctx, id), people.AuditRetry, id, "", "", "")
}

func (r recordedStore) Wake(ctx context.Context, key engine.Key, e automation.Event) error {
	return r.note(ctx, r.Store.Wake(ctx, key, e), people.AuditLook, key.Source.String(), r.about(ctx, key.Automation).Name, "", "")
}

// recordedAccounts writes down what is done to accounts. Of credentials it knows nothing.
type recordedAccounts struct {
	connection.Store
	watch witness
}

func (r recordedAccounts) note(ctx context.Context, kind people.AuditKind, c connection.Connection, before, after string) {
	r.watch.note(ctx, people.AuditEntry{Kind: kind, Object: string(c.ID), Subject: c.Name, Before: before, After: after})
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
	if err := r.Store.SaveConnection(ctx, c, sealed); err != nil {
		return err
	}
	kind := people.AuditReconnect
	if was.ID == "" {
		kind = people.AuditConnect
	}
	r.note(ctx, kind, c, accountGist(was), accountGist(c))
	return nil
}

func (r recordedAccounts) SaveHealth(ctx context.Context, c connection.Connection) error {
	was, _ := r.Store.Connection(ctx, c.ID)
	if err := r.Store.SaveHealth(ctx, c); err != nil {
		return err
	}
	r.note(ctx, people.AuditConnectionCheck, c, accountGist(was), accountGist(c))
	return nil
}

func (r recordedAccounts) RemoveConnection(ctx context.Context, id record.ConnectionID) error {
	was, _ := r.Store.Connection(ctx, id)
	if err := r.Store.RemoveConnection(ctx, id); err != nil {
		return err
	}
	r.note(ctx, people.AuditDisconnect, was, accountGist(was), "")
	return nil
}

// SaveInstallation implements connection.Store. What is noted of an agency's accounts by itself is nobody's deed; its
// grant is.
func (r recordedAccounts) SaveInstallation(ctx context.Context, i connection.Installation, sealed []byte) error {
	if err := r.Store.SaveInstallation(ctx, i, sealed); err != nil || sealed == nil {
		return err
	}
	as := connection.Connection{ID: i.ID, Provider: i.Provider, Name: "agency " + i.Account.CompanyID, Account: i.Account, Auth: connection.ByOAuth, State: i.State}
	r.note(ctx, people.AuditConnect, as, "", accountGist(as))
	return nil
}

// auditWords are the kinds of act as people read them.
var auditWords = map[people.AuditKind]string{
	people.AuditSetup: "First account made", people.AuditSignIn: "Signed in", people.AuditSignInFailed: "Failed to sign in", people.AuditSignOut: "Signed out",
	people.AuditPassword: "Password changed", people.AuditSecondFactor: "Second factor changed", people.AuditSessions: "Sessions ended", people.AuditIdentity: "HighLevel user linked or unlinked",
	people.AuditWorkspaceCreate: "Workspace made", people.AuditWorkspaceRename: "Workspace renamed", people.AuditMemberRole: "Role changed", people.AuditMemberRemove: "Member removed",
	people.AuditInviteCreate: "Invite made", people.AuditInviteRevoke: "Invite revoked", people.AuditInviteAccept: "Invite accepted",
	people.AuditConnect: "Account connected", people.AuditReconnect: "Account reconnected", people.AuditConnectionCheck: "Account checked", people.AuditDisconnect: "Account disconnected",
	people.AuditAutomationCreate: "Automation made", people.AuditAutomationRename: "Automation renamed", people.AuditAutomationSave: "Automation changed",
	people.AuditAutomationState: "Automation switched", people.AuditAutomationDelete: "Automation removed", people.AuditErase: "Person forgotten", people.AuditReplay: "Delivery replayed", people.AuditTestSend: "Test sent for real",
	people.AuditPlanCreate: "Plan made", people.AuditPlanApply: "Plan carried out", people.AuditPlanCancel: "Plan stopped", people.AuditPlanPause: "Plan paused", people.AuditPlanResume: "Plan let go on",
	people.AuditUndo: "Taking back planned", people.AuditReview: "Question decided", people.AuditRetry: "Run retried", people.AuditLook: "Record looked at", people.AuditExport: "Data exported", people.AuditSettings: "Settings changed",
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
			At: ui.Moment{Machine: e.At.Format(time.RFC3339Nano), Text: e.At.Format("2 Jan 2006 15:04:05")}, Who: cmp.Or(e.Actor, "nobody known"), Address: e.Address,
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
	s.note(c, people.AuditExport, "", "audit log", "", c.QueryString())
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
