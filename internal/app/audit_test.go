package app

import (
	"database/sql"
	"encoding/csv"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"crosswalk/internal/automation"
	"crosswalk/internal/config"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
	"crosswalk/internal/server"
	twingleap "crosswalk/internal/twin/gleap"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// notRecorded are the forms that leave no entry of their own, and why.
var notRecorded = map[string]string{
	"/settings/theme":                  "a look of one browser",
	"/workspace":                       "where one browser looks; nothing is changed",
	"/connections/highlevel/authorize": "only sends the browser to the provider; coming back connects",
	"/connections/gleap/authorize":     "only sends the browser to the provider; coming back connects",
}

// recordedElsewhere are the forms that need another house than the one below, and the test that tries them.
var recordedElsewhere = map[string]func(*testing.T){
	"/setup":                     TestTheFirstAccountIsOnRecord,
	"/connections/claim":         TestWhatAnAgencyBringsIsOnRecord,
	"/connections/installed/:id": TestWhatAnAgencyBringsIsOnRecord,
}

// recordedHouse is a peopled house whose accounts are twins, with everything a form may be about.
type recordedHouse struct {
	*peopledHouse
	gleap      twingleap.Ready
	highLevel  twinhighlevel.Ready
	automation automation.ID
	source     record.Ref
	hash       string   // of everybodysPassword
	secrets    []string // that were typed or shown
	file       *sql.DB  // the database, past the store
}

func newRecordedHouse(t *testing.T) *recordedHouse {
	t.Helper()
	hl, err := twinhighlevel.New(twinhighlevel.Config{Seed: 1, Logger: slog.New(slog.DiscardHandler), Instant: true})
	check(t, err)
	gl, err := twingleap.New(twingleap.Config{Seed: 1, Logger: slog.New(slog.DiscardHandler), Instant: true})
	check(t, err)
	gl.SeedContacts(5)
	twins := &demoTwins{hl: hl, gl: gl}
	twins.highlevel, err = listen(hl, "127.0.0.1:0")
	check(t, err)
	twins.gleap, err = listen(gl, "127.0.0.1:0")
	check(t, err)
	r := &recordedHouse{gleap: gl.Ready(twins.gleap.url), highLevel: hl.Ready(twins.highlevel.url)}
	r.peopledHouse = newPeopledHouse(t, func(c *config.Config) { *c = twins.configure(*c); c.AllowPrivateHosts = true })
	t.Cleanup(func() { _ = twins.stop(t.Context()) })
	owner, err := r.store.UserByID(t.Context(), "us_owner")
	check(t, err)
	r.hash = owner.PasswordHash
	r.file, err = sql.Open(sqlite.DriverName, filepath.Join(r.cfg.Data, "crosswalk.db")+"?_pragma=busy_timeout(10000)")
	check(t, err)
	t.Cleanup(func() { _ = r.file.Close() })
	// What HighLevel tells is who it is, and something that is never the same.
	r.server.UserContext = func(told string) (server.UserContext, error) {
		who, salt, _ := strings.Cut(told, "|")
		return server.UserContext{Identity: identityOf(who), Account: "framed place", Salt: []byte(salt)}, nil
	}
	return r
}

// acts are the entries of workspace A since the last look, oldest first.
func (r *recordedHouse) acts(before int) []people.AuditEntry {
	all, err := r.store.AuditEntries(r.t.Context(), r.a, people.AuditFilter{Limit: 500})
	check(r.t, err)
	return all[:len(all)-before]
}

func (r *recordedHouse) count() int { return len(r.acts(0)) }

// plan puts a plan of the automation there, as it stands in a state.
func (r *recordedHouse) plan(id string, st engine.PopulationState) string {
	p := engine.Population{ID: id, Automation: r.automation, Version: 1, Mode: engine.ModeShow, State: engine.PopulationQueued, CreatedAt: time.Now(), Counts: map[automation.Outcome]int{automation.Create: 1}}
	check(r.t, r.store.CreatePopulation(r.t.Context(), p))
	p.State, p.Version = st, r.current().Version
	check(r.t, r.store.SavePopulation(r.t.Context(), p, nil))
	return id
}

func (r *recordedHouse) current() automation.Automation {
	a, err := r.store.Automation(r.t.Context(), r.automation)
	check(r.t, err)
	return a
}

// versioned is a form that names the version it was made from.
func (r *recordedHouse) versioned(pairs ...string) url.Values {
	form := url.Values{"version": {strconv.Itoa(r.current().Edited().Version)}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

// deed is a form that is sent in earnest.
type deed struct {
	who     string
	address string
	form    url.Values
	want    people.AuditKind
	// before and after are what the entry must say; empty: what is in neither is not asked.
	before, after string
	// prepare, when set, is done before each try: what works once is made anew.
	prepare func()
}

// deedFor prepares a form of a route that will succeed.
func (r *recordedHouse) deedFor(path string) (deed, bool) {
	ctx := r.t.Context()
	base := "/automations/" + string(r.automation)
	first := ""
	if r.automation != "" {
		if rows := r.current().Definition.Mapping.Rows; len(rows) > 0 {
			first = rows[0].ID
		}
	}
	owner := func(address string, want people.AuditKind, form url.Values) (deed, bool) {
		return deed{who: "owner@a.io", address: address, form: form, want: want}, true
	}
	if d, ok := r.ownDeedFor(path); ok {
		return d, true
	}
	switch path {
	case "/invite":
		check(r.t, r.store.CreateInvite(ctx, people.Invite{ID: "iv_new", Workspace: people.Workspace{ID: r.a}, Role: people.Viewer, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}, people.HashInviteToken("new")))
		r.cookies["new"] = "crosswalk_invite=new"
		return deed{who: "new", address: "/invite", form: url.Values{"email": {"new@a.io"}, "password": {everybodysPassword}, "password_again": {everybodysPassword}}, want: people.AuditInviteAccept}, true
	case "/sign-out":
		return deed{who: "editor@a.io", address: "/sign-out", want: people.AuditSignOut}, true
	case "/settings/password":
		return owner(path, people.AuditPassword, url.Values{"current_password": {everybodysPassword}, "password": {everybodysPassword + "!"}, "password_again": {everybodysPassword + "!"}})
	case "/workspaces":
		return owner(path, people.AuditWorkspaceCreate, url.Values{"name": {"Second"}})
	case "/workspace/name":
		return owner(path, people.AuditWorkspaceRename, url.Values{"name": {"Renamed"}})
	case "/people/:id/role":
		return owner("/people/us_viewer/role", people.AuditMemberRole, url.Values{"role": {"editor"}})
	case "/people/:id/remove":
		return owner("/people/us_viewer/remove", people.AuditMemberRemove, nil)
	case "/invites":
		return owner(path, people.AuditInviteCreate, url.Values{"role": {"viewer"}})
	case "/invites/:id/revoke":
		return owner("/invites/iv_a/revoke", people.AuditInviteRevoke, nil)
	case "/connections/highlevel":
		return owner(path, people.AuditConnect, url.Values{"location_id": {r.highLevel.LocationID}, "token": {r.highLevel.Token}})
	case "/connections/gleap":
		return owner(path, people.AuditConnect, url.Values{"region": {"custom"}, "base_url": {r.gleap.URL}, "project_id": {r.gleap.ProjectID}, "api_key": {r.gleap.Token}})
	case "/connections/:id/check":
		all, err := r.store.Connections(ctx)
		check(r.t, err)
		return owner("/connections/"+string(all[len(all)-1].ID)+"/check", people.AuditConnectionCheck, nil)
	case "/connections/:id/test":
		all, err := r.store.Connections(ctx)
		check(r.t, err)
		return owner("/connections/"+string(all[len(all)-1].ID)+"/test", people.AuditConnectionCheck, nil)
	case "/connections/:id/reconnect":
		cn, _, err := r.store.ConnectionByAccount(ctx, "gleap", r.gleap.ProjectID)
		check(r.t, err)
		return owner("/connections/"+string(cn.ID)+"/reconnect", people.AuditReconnect, url.Values{"key": {r.gleap.Token}})
	case "/connections/companies/:id/forget":
		check(r.t, r.store.SaveInstallation(ctx, connection.Installation{ID: "in_agency", Workspace: r.a, Provider: "highlevel", Account: provider.Account{CompanyID: "an agency"}, State: connection.Active, InstalledAt: time.Now()}, nil))
		return owner("/connections/companies/in_agency/forget", people.AuditDisconnect, nil)
	case "/connections/:id/hook":
		cn, err := r.store.Connection(ctx, "cn_gl")
		check(r.t, err)
		cn.HookSecret = "an-unguessable-hook-secret"
		check(r.t, r.store.SaveConnection(ctx, cn, nil))
		return owner("/connections/cn_gl/hook", people.AuditHookAddress, nil)
	case "/connections/:id/disconnect":
		return owner("/connections/cn_gl/disconnect", people.AuditDisconnect, nil)
	case "/automations":
		for _, id := range []record.ConnectionID{"cn_hl", "cn_framed"} { // so that the new one uses the twins
			check(r.t, r.store.RemoveConnection(ctx, id))
		}
		return owner(path, people.AuditAutomationCreate, url.Values{"recipe": {"gleap-contact-to-highlevel"}})
	case "/automations/:id/name":
		return owner(base+"/name", people.AuditAutomationRename, url.Values{"name": {"Another name"}})
	case "/automations/:id/delete":
		return owner("/automations/au_a/delete", people.AuditAutomationDelete, nil)
	case "/automations/:id/when":
		return owner(base+"/when", people.AuditAutomationSave, r.versioned("event", "created"))
	case "/automations/:id/rows":
		return owner(base+"/rows", people.AuditAutomationSave, r.versioned("source", "companyName", "target", "city"))
	case "/automations/:id/rows/:row":
		return owner(base+"/rows/"+first, people.AuditAutomationSave, r.versioned("target", r.current().Definition.Mapping.Rows[0].Target, "source", "companyName", "owner", "target", "do", "save"))
	case "/automations/:id/rows/:row/delete":
		return owner(base+"/rows/"+first+"/delete", people.AuditAutomationSave, r.versioned())
	case "/automations/:id/undo":
		return owner(base+"/undo", people.AuditAutomationSave, r.versioned())
	case "/automations/:id/redo":
		return owner(base+"/redo", people.AuditAutomationSave, r.versioned())
	case "/automations/:id/tests":
		return owner(base+"/tests", people.AuditTestSend, r.versioned("send", "real", "payload", `{"email":"test.person@example.com"}`))
	case "/automations/:id/plans":
		return owner(base+"/plans", people.AuditPlanCreate, url.Values{"scope": {"all"}})
	case "/automations/:id/first-sync":
		return owner(base+"/first-sync", people.AuditPlanCreate, r.versioned("first", string(automation.FillEmpty), "create", "true"))
	case "/automations/:id/activation":
		return owner(base+"/activation", people.AuditAutomationState, r.versioned("state", "on"))
	case "/automations/:id/next":
		d, _ := owner(base+"/next", people.AuditAutomationSave, url.Values{"do": {"discard"}})
		d.prepare = func() {
			a := r.current()
			check(r.t, r.store.SetState(ctx, a.ID, automation.On, ""))
			def := a.Definition
			def.Limits.ChangesPerHour++
			_, err := r.store.SaveEdit(ctx, a.ID, a.Edited().Version, def, "", "")
			check(r.t, err)
			check(r.t, r.store.SetState(ctx, a.ID, a.State, ""))
			d.form.Set("version", strconv.Itoa(r.current().Edited().Version))
		}
		return d, true
	case "/automations/:id/keys":
		best := r.current().Definition.Match[0]
		return owner(base+"/keys", people.AuditAutomationSave, r.versioned("do", "down", "source", best.Source, "target", best.Target))
	case "/automations/:id/policies":
		return owner(base+"/policies", people.AuditAutomationSave, r.versioned("create", "true", "first", string(automation.LinkOnly), "deletes", string(automation.DeleteUnlink)))
	case "/automations/:id/limits":
		return owner(base+"/limits", people.AuditAutomationState, r.versioned("changes", "600", "deletes-limit", "7"))
	case "/automations/:id/versions":
		return owner(base+"/versions", people.AuditAutomationSave, r.versioned("number", "1"))
	case "/plans/:id/cancel":
		return owner("/plans/"+r.plan("pl_cancel", engine.PopulationRunning)+"/cancel", people.AuditPlanCancel, nil)
	case "/plans/:id/apply":
		return owner("/plans/"+r.plan("pl_apply", engine.PopulationDone)+"/apply", people.AuditPlanApply, url.Values{"outcome": {"create"}, "confirm": {"yes"}})
	case "/plans/:id/pause":
		return owner("/plans/"+r.plan("pl_pause", engine.PopulationRunning)+"/pause", people.AuditPlanPause, nil)
	case "/plans/:id/resume":
		return owner("/plans/"+r.plan("pl_resume", engine.PopulationFailed)+"/resume", people.AuditPlanResume, nil)
	case "/undo":
		return owner(path, people.AuditUndo, url.Values{"kind": {"run"}, "id": {"rn_r"}})
	case "/reviews/:id":
		return owner("/reviews/rv_r", people.AuditReview, url.Values{"answer": {"leave"}, "run": {"rn_r"}})
	case "/records/:connection/:type/*":
		return owner("/records/"+string(r.source.Connection)+"/contact/g9", people.AuditLook, nil)
	case "/pairs/:id":
		return owner("/pairs/ln_r", people.AuditPair, nil)
	case "/deliveries/:id/replay":
		return owner("/deliveries/ev_a/replay", people.AuditReplay, nil)
	case "/personal-data/:connection/:type/*":
		return owner("/personal-data/"+string(r.source.Connection)+"/contact/g9", people.AuditErase, url.Values{"confirm": {"yes"}})
	case "/runs/:id/retry":
		return owner("/runs/rn_r/retry", people.AuditRetry, nil)
	}
	return deed{}, false
}

func identityOf(who string) people.Identity {
	return people.Identity{Provider: "highlevel", CompanyID: "co", UserID: "hl-" + who, Name: who}
}

// joins makes somebody a member of workspace A, and signs them in.
func (r *recordedHouse) joins(name string) (id, email string) {
	id, email = "us_"+name, name+"@a.io"
	now := time.Now()
	check(r.t, r.store.CreateInvite(r.t.Context(), people.Invite{ID: "iv_" + name, Workspace: people.Workspace{ID: r.a}, Role: people.Viewer, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}, people.HashInviteToken(name)))
	_, err := r.store.AcceptInvite(r.t.Context(), people.HashInviteToken(name), people.User{ID: id, Email: email, PasswordHash: r.hash}, true, now)
	check(r.t, err)
	r.signsIn(email)
	return id, email
}

func (r *recordedHouse) signsIn(email string) {
	r.cookies[email] = ""
	w := r.send("", http.MethodPost, "/sign-in", url.Values{"email": {email}, "password": {everybodysPassword}})
	if w.Code != http.StatusSeeOther {
		r.t.Fatalf("signing in as %s answers %d: %s", email, w.Code, gist(w))
	}
	r.keep(email, w)
}

// secures switches two-step sign-in on and answers recovery codes.
func (r *recordedHouse) secures(id string) []string {
	ctx, begun := r.t.Context(), time.Now()
	r.beginsSecuring(id, people.NewSecret(), begun)
	codes := people.NewRecoveryCodes()
	all, err := r.store.SignIns(ctx, id)
	check(r.t, err)
	check(r.t, r.store.ConfirmSecondFactor(ctx, id, begun.Truncate(time.Microsecond), 1, people.RecoveryHashes(id, codes), all[0].ID))
	r.secrets = append(r.secrets, codes...)
	return codes
}

func (r *recordedHouse) beginsSecuring(id, secret string, begun time.Time) {
	keys, err := openVault(r.cfg)
	check(r.t, err)
	sealed, err := keys.Seal([]byte(secret), people.SecretPlace(id))
	check(r.t, err)
	check(r.t, r.store.BeginSecondFactor(r.t.Context(), id, sealed, begun.Truncate(time.Microsecond)))
	r.secrets = append(r.secrets, secret)
}

// ownDeedFor prepares a form about the account of who sends it.
func (r *recordedHouse) ownDeedFor(path string) (deed, bool) {
	ctx := r.t.Context()
	name := strings.Trim(strings.NewReplacer("/", "-", ":", "").Replace(path), "-")
	withCode := func(d deed, codes []string) deed {
		again := d.prepare
		d.prepare = func() {
			if again != nil {
				again()
			}
			d.form.Set("code", codes[0])
			codes = codes[1:]
		}
		return d
	}
	own := func(email, address string, want people.AuditKind, before, after string, pairs ...string) deed {
		form := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return deed{who: email, address: address, form: form, want: want, before: before, after: after}
	}
	offers := func(who string) string {
		code := people.NewOfferCode()
		check(r.t, r.store.OfferIdentity(ctx, people.HashOfferCode(code), identityOf(who), time.Now().Add(time.Minute)))
		r.secrets = append(r.secrets, code)
		return code
	}
	links := func(id, who string) {
		_, err := r.store.LinkIdentity(ctx, people.HashOfferCode(offers(who)), id, time.Now())
		check(r.t, err)
	}
	switch path {
	case "/sign-in":
		_, email := r.joins(name)
		return own("a new browser", path, people.AuditSignIn, "", "by password", "email", email, "password", everybodysPassword), true
	case "/sign-in/code":
		id, email := r.joins(name)
		codes := r.secures(id)
		d := own(email, path, people.AuditSignIn, "", "in two steps")
		d.prepare = func() { r.signsIn(email) }
		return withCode(d, codes), true
	case "/reset/:token":
		id, email := r.joins(name)
		token := people.NewInviteToken()
		check(r.t, r.store.BeginReset(ctx, id, token, time.Now().Add(time.Hour)))
		r.secrets = append(r.secrets, token)
		return own(email, "/reset/"+token, people.AuditPassword, "", "operator", "password", everybodysPassword+"?", "password_again", everybodysPassword+"?"), true
	case "/settings/two-step":
		_, email := r.joins(name)
		return own(email, path, people.AuditSecondFactor, "off", "begun", "current_password", everybodysPassword), true
	case "/settings/two-step/confirm":
		id, email := r.joins(name)
		secret := people.NewSecret()
		r.beginsSecuring(id, secret, time.Now())
		d := own(email, path, people.AuditSecondFactor, "off", "on")
		d.prepare = func() {
			code, err := totp.GenerateCode(secret, time.Now())
			check(r.t, err)
			d.form.Set("code", code)
		}
		return d, true
	case "/settings/two-step/codes":
		id, email := r.joins(name)
		return withCode(own(email, path, people.AuditSecondFactor, "left", "other recovery codes", "current_password", everybodysPassword), r.secures(id)), true
	case "/settings/two-step/off":
		id, email := r.joins(name)
		return withCode(own(email, path, people.AuditSecondFactor, "on", "off", "current_password", everybodysPassword), r.secures(id)), true
	case "/settings/sign-ins/:id/end", "/settings/sign-ins/end-others":
		id, email := r.joins(name)
		elsewhere, err := r.store.SignIns(ctx, id)
		check(r.t, err)
		r.signsIn(email)
		return own(email, strings.Replace(path, ":id", elsewhere[0].ID, 1), people.AuditSessions, "192.0.2.1", "signed out"), true
	case "/embedded/highlevel":
		id, _ := r.joins(name)
		links(id, name)
		check(r.t, r.store.SaveConnection(ctx, connection.Connection{ID: "cn_framed", Workspace: r.a, Provider: "highlevel", Name: "Framed", Account: provider.Account{ID: "framed place"}, Auth: connection.ByKey, State: connection.Active, HookSecret: "unguessable-framed", CreatedAt: time.Now().Add(-time.Hour)}, []byte("sealed")))
		d := own("framed", path, people.AuditSignIn, "", "as user hl-"+name)
		d.prepare = func() { d.form.Set("context", name+"|"+people.NewInviteToken()) }
		return d, true
	case "/settings/identities":
		_, email := r.joins(name)
		return own(email, path, people.AuditIdentity, "", "hl-"+name, "code", offers(name), "confirm", "yes", "current_password", everybodysPassword), true
	case "/settings/identities/remove":
		id, email := r.joins(name)
		links(id, name)
		return own(email, path, people.AuditIdentity, "hl-"+name, "", "company", "co", "user", "hl-"+name), true
	}
	return deed{}, false
}

// kept is all that is in the database, but what every try leaves: counts of tries, codes that were spent, sessions; and from
// when on is polled, which is made ready before an automation is switched on.
func (r *recordedHouse) kept() map[string][]string {
	r.t.Helper()
	out := map[string][]string{}
	names := r.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'river_%' AND name NOT IN ('sessions', 'vain_tries', 'recovery_codes', 'spent_contexts', 'sign_ins', 'audit_entries', 'poll_cursors')")
	for _, name := range names {
		out[name] = r.rows("SELECT * FROM " + strings.Trim(name, "[]"))
	}
	out["sign_ins"] = r.rows("SELECT id FROM sign_ins WHERE user_id <> 'us_sign-in-code'") // whose password was right ends what was open in that browser
	return out
}

func (r *recordedHouse) rows(query string) (out []string) {
	r.t.Helper()
	rows, err := r.file.QueryContext(r.t.Context(), query)
	check(r.t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	check(r.t, err)
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		check(r.t, rows.Scan(into...))
		out = append(out, fmt.Sprint(values))
	}
	check(r.t, rows.Err())
	return out
}

// isNotDoneUnwritten sends a form while the audit log takes nothing: it fails, and leaves everything as it was.
func (r *recordedHouse) isNotDoneUnwritten(d deed) {
	r.t.Helper()
	_, err := r.file.ExecContext(r.t.Context(), "CREATE TRIGGER no_room BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'there is no room'); END")
	check(r.t, err)
	before, entries := r.kept(), r.count()
	cookie := r.cookies[d.who]
	w := r.send(d.who, http.MethodPost, d.address, d.form)
	if w.Code < 500 {
		r.t.Errorf("POST %s answers %d to %q although it cannot be written down: %s", d.address, w.Code, w.Header().Get("Location"), gist(w))
	}
	if strings.Contains(w.Body.String(), "there is no room") {
		r.t.Errorf("POST %s tells of our database", d.address)
	}
	if diff := cmp.Diff(before, r.kept()); diff != "" {
		r.t.Errorf("POST %s is done although it cannot be written down (-before +after):\n%s", d.address, diff)
	}
	_, err = r.file.ExecContext(r.t.Context(), "DROP TRIGGER no_room")
	check(r.t, err)
	if n := r.count(); n != entries {
		r.t.Errorf("POST %s left %d entries", d.address, n-entries)
	}
	r.cookies[d.who] = cookie
}

// settle finds the automation that was just made, and gives it a past.
func (r *recordedHouse) settle() {
	ctx := r.t.Context()
	all, err := r.store.In(r.a).Automations(ctx)
	check(r.t, err)
	a := all[len(all)-1]
	if a.ID == r.automation || a.ID == "au_a" {
		return
	}
	r.automation = a.ID
	r.source = record.Ref{Connection: a.Definition.Source.Connection, Type: record.Contact, ID: "g9"}
	target := record.Ref{Connection: a.Definition.Target.Connection, Type: record.Contact, ID: "h9"}
	run := automation.Run{ID: "rn_r", Automation: a.ID, Version: 1, Source: r.source, Target: target, Title: "Jane", State: automation.Failed, Outcome: automation.Decide, Attempts: 1, StartedAt: time.Now()}
	run.Event = automation.Event{ID: "ev_r", Kind: automation.Webhook, Ref: r.source, Change: provider.Updated, ReceivedAt: time.Now()}
	change := automation.Change{ID: "ch_r", Run: "rn_r", Automation: a.ID, Source: r.source, Target: target, Op: automation.Create, State: automation.Done, Before: record.Fields{}, IntendedAt: time.Now()}
	review := automation.Review{ID: "rv_r", Automation: a.ID, Source: r.source, Kind: automation.ReviewIdentity, State: automation.ReviewOpen, Title: "Jane", Run: "rn_r", OpenedAt: time.Now()}
	check(r.t, r.store.Finish(ctx, engine.Finish{Run: run, Change: &change, Review: &review, Link: &automation.Link{ID: "ln_r", Source: r.source, Target: target, CreatedAt: time.Now()}}))
}

func TestEverySuccessfulFormLeavesAnEntry(t *testing.T) {
	t.Parallel()
	r := newRecordedHouse(t)
	tried := 0
	for _, route := range r.server.Routes() {
		if route.Method != http.MethodPost || route.Permission == server.Machine {
			continue
		}
		if _, excepted := notRecorded[route.Path]; excepted {
			continue
		}
		if recordedElsewhere[route.Path] != nil {
			continue
		}
		d, known := r.deedFor(route.Path)
		if !known {
			t.Errorf("nobody tries POST %s: give it a form that succeeds, or say why it leaves no entry", route.Path)
			continue
		}
		tried++
		if d.prepare != nil {
			d.prepare()
		}
		r.isNotDoneUnwritten(d)
		if d.prepare != nil {
			d.prepare()
		}
		before := r.count()
		w := r.send(d.who, http.MethodPost, d.address, d.form)
		r.keep(d.who, w)
		if w.Code >= 400 {
			t.Errorf("POST %s answers %d: %s", d.address, w.Code, gist(w))
			continue
		}
		if route.Path == "/workspaces" {
			r.send("owner@a.io", http.MethodPost, "/workspace", url.Values{"workspace": {r.a}})
			continue // its entry is in the new workspace, told below
		}
		found := false
		for _, e := range r.acts(before) {
			found = found || e.Kind == d.want && strings.Contains(e.Before, d.before) && strings.Contains(e.After, d.after)
			if e.Actor == "" || e.Address == "" || e.At.IsZero() || e.Request == "" {
				t.Errorf("POST %s leaves an entry that does not say who or from where: %+v", d.address, e)
			}
			for _, secret := range append([]string{r.highLevel.Token, r.gleap.Token, everybodysPassword}, r.secrets...) {
				if strings.Contains(e.Subject+e.Before+e.After+e.Object, secret) {
					t.Errorf("POST %s leaves a secret in the log", d.address)
				}
			}
		}
		if !found {
			t.Errorf("POST %s answers %d to %q and leaves no %s: %+v\n%s", d.address, w.Code, w.Header().Get("Location"), d.want, r.acts(before), gist(w))
		}
		r.settle()
	}
	if tried < 45 {
		t.Errorf("only %d forms were tried", tried)
	}
	second, err := r.store.MembershipsOf(t.Context(), "us_owner")
	check(t, err)
	made, err := r.store.AuditEntries(t.Context(), second[len(second)-1].Workspace.ID, people.AuditFilter{Kind: people.AuditWorkspaceCreate})
	check(t, err)
	if len(second) != 2 || len(made) != 1 || made[0].After != "Second" {
		t.Errorf("the new workspace's log begins with %+v", made)
	}
}

func TestSigningInLeavesAnEntryAlsoInVain(t *testing.T) {
	t.Parallel()
	r := newPeopledHouse(t)
	r.send("", http.MethodPost, "/sign-in", url.Values{"email": {"viewer@a.io"}, "password": {"not hers"}})
	r.send("", http.MethodPost, "/sign-in", url.Values{"email": {"=cmd()@evil.example"}, "password": {"guess"}})
	all, err := r.store.AuditEntries(t.Context(), r.a, people.AuditFilter{Limit: 500})
	check(t, err)
	kinds := map[people.AuditKind]int{}
	for _, e := range all {
		kinds[e.Kind]++
	}
	if kinds[people.AuditSignIn] != 3 || kinds[people.AuditSignInFailed] != 2 {
		t.Errorf("the log has %v", kinds)
	}
	theirs, err := r.store.AuditEntries(t.Context(), r.b, people.AuditFilter{Limit: 500})
	check(t, err)
	for _, e := range theirs {
		if e.Actor != "owner@b.io" {
			t.Errorf("another workspace's owner reads %+v", e)
		}
	}
	page := r.send("owner@a.io", http.MethodGet, "/settings/audit?kind=sign_in.failed&person=viewer%40a.io&from=2020-01-01&to=2100-01-01", nil)
	if body := page.Body.String(); page.Code != http.StatusOK || strings.Count(body, "<time") != 1 || !strings.Contains(body, "Failed to sign in") || !strings.Contains(body, "192.0.2.1") {
		t.Errorf("the page shows %d: %s", page.Code, gist(page))
	}
	file := r.send("owner@a.io", http.MethodGet, "/settings/audit.csv?kind=sign_in.failed", nil)
	rows, err := csv.NewReader(file.Body).ReadAll()
	check(t, err)
	if len(rows) != 3 || rows[1][1] != people.Stranger || rows[1][2] != "192.0.2.1" || rows[2][1] != "viewer@a.io" {
		t.Errorf("the file has %q", rows)
	}
	if w := r.send("editor@a.io", http.MethodGet, "/settings/audit.csv", nil); w.Code != http.StatusForbidden {
		t.Errorf("an editor's export of the log answers %d", w.Code)
	}
}

func TestGuessingIsSeenInTheLog(t *testing.T) {
	t.Parallel()
	r := newPeopledHouse(t)
	turnedAway := 0
	for range 12 {
		if w := r.send("", http.MethodPost, "/sign-in", url.Values{"email": {"hunter2-typed-in-the-wrong-field"}, "password": {"guess"}}); w.Code == http.StatusTooManyRequests {
			turnedAway++
		}
	}
	all, err := r.store.AuditEntries(t.Context(), r.a, people.AuditFilter{Kind: people.AuditSignInFailed, Limit: 500})
	check(t, err)
	tried, held := 0, 0
	for _, e := range all {
		if e.Actor != people.Stranger || e.Address != "192.0.2.1" || strings.Contains(fmt.Sprint(e), "hunter2") {
			t.Errorf("the entry is %+v", e)
		}
		if strings.HasPrefix(e.After, "held back") {
			held++
		} else {
			tried++
		}
	}
	// Each try that was made is an entry, and that the rest were not made is one.
	if turnedAway == 0 || tried != 12-turnedAway || held != 1 {
		t.Errorf("of 12 tries %d were turned away; the log has %d tries and %d that tell so", turnedAway, tried, held)
	}
}

func TestTheFirstAccountIsOnRecord(t *testing.T) {
	t.Parallel()
	const token = "the-setup-token-of-the-test"
	cfg, err := config.Load([]string{"CROSSWALK_DATA=" + t.TempDir(), "CROSSWALK_SETUP_TOKEN=" + token}, config.Overrides{})
	check(t, err)
	h, err := build(t.Context(), cfg, roles{serve: true}, slog.New(slog.DiscardHandler))
	check(t, err)
	t.Cleanup(func() { h.server.Close(); _ = h.close() })
	form := url.Values{"setup_token": {token}, "email": {"jane@a.io"}, "password": {everybodysPassword}, "password_again": {everybodysPassword}}
	send := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/setup", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.server.ServeHTTP(w, r)
		return w
	}
	whileTheLogIsFull(t, h, func() {
		if w := send(); w.Code < 500 {
			t.Errorf("setting up answers %d although it cannot be written down", w.Code)
		}
	})
	if has, err := h.store.HasUsers(t.Context()); err != nil || has {
		t.Fatalf("an account was made although it could not be written down: %v", err)
	}
	w := send()
	u, err := h.store.UserByEmail(t.Context(), "jane@a.io")
	check(t, err)
	all, err := h.store.MembershipsOf(t.Context(), u.ID)
	check(t, err)
	entries, err := h.store.AuditEntries(t.Context(), all[0].Workspace.ID, people.AuditFilter{})
	check(t, err)
	if len(entries) != 1 || entries[0].Kind != people.AuditSetup || entries[0].Actor != "jane@a.io" {
		t.Errorf("%d, and the log has %+v", w.Code, entries)
	}
}

// whileTheLogIsFull does something while the audit log takes nothing.
func whileTheLogIsFull(t *testing.T, h *house, do func()) {
	t.Helper()
	file, err := sql.Open(sqlite.DriverName, filepath.Join(h.cfg.Data, "crosswalk.db")+"?_pragma=busy_timeout(10000)")
	check(t, err)
	defer file.Close()
	_, err = file.ExecContext(t.Context(), "CREATE TRIGGER no_room BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'there is no room'); END")
	check(t, err)
	do()
	_, err = file.ExecContext(t.Context(), "DROP TRIGGER no_room")
	check(t, err)
}

// TestWhatAnAgencyBringsIsOnRecord claims an installation, connects one of its accounts and turns another installation down:
// each leaves an entry, and is not done where that cannot be written.
func TestWhatAnAgencyBringsIsOnRecord(t *testing.T) {
	t.Parallel()
	const who = "agent@agency.io"
	e := newEstate(t, 0)
	e.hl.AddLocation("Second place")
	p, first, _ := e.staffed()
	keys, err := openVault(p.cfg)
	check(t, err)
	flow := &connection.Flow{Store: p.store, Vault: keys, Now: time.Now}
	arrives := func(what string) string {
		t.Helper()
		binding, err := flow.Hold(t.Context(), e.consents(what))
		check(t, err)
		p.cookies[who] = strings.Join(append(slices.DeleteFunc(strings.Split(p.cookies[who], "; "), func(c string) bool { return strings.HasPrefix(c, "crosswalk_arrival=") }), "crosswalk_arrival="+binding), "; ")
		a, _, err := flow.Held(t.Context(), binding)
		check(t, err)
		return a.ID
	}
	log := func() []people.AuditEntry {
		t.Helper()
		all, err := p.store.AuditEntries(t.Context(), first, people.AuditFilter{Limit: 500})
		check(t, err)
		return all
	}
	state := func() string {
		t.Helper()
		connections, err := p.store.Connections(t.Context())
		check(t, err)
		installations, err := p.store.Installations(t.Context())
		check(t, err)
		return fmt.Sprintf("%d connections, %d installations", len(connections), len(installations))
	}
	does := func(address string, form url.Values, want people.AuditKind, before, after string) {
		t.Helper()
		was, entries := state(), len(log())
		whileTheLogIsFull(t, p.house, func() {
			if w := p.send(who, http.MethodPost, address, form); w.Code < 500 {
				t.Errorf("POST %s answers %d although it cannot be written down: %s", address, w.Code, gist(w))
			}
		})
		if is := state(); is != was || len(log()) != entries {
			t.Errorf("POST %s is done although it cannot be written down: %s, then %s", address, was, is)
		}
		w := p.send(who, http.MethodPost, address, form)
		p.keep(who, w)
		if w.Code != http.StatusSeeOther {
			t.Fatalf("POST %s answers %d: %s", address, w.Code, gist(w))
		}
		now := log()
		for _, e := range now[:len(now)-entries] {
			if e.Kind == want && e.Actor == who && e.Address != "" && strings.Contains(e.Before, before) && strings.Contains(e.After, after) {
				return
			}
		}
		t.Errorf("POST %s leaves no %s: %+v", address, want, now[:len(now)-entries])
	}
	agency := arrives("agency")
	does("/connections/claim", url.Values{"arrival": {agency}, "decision": {"claim"}}, people.AuditConnect, "", "by oauth, active")
	all, err := p.store.Installations(t.Context())
	check(t, err)
	for _, i := range all {
		if !i.OfCompany() && i.Account.ID != e.hlReady.LocationID {
			does("/connections/installed/"+string(i.ID), nil, people.AuditConnect, "", i.Account.ID)
		}
	}
	does("/connections/claim", url.Values{"arrival": {arrives("agency")}, "decision": {"forget"}}, people.AuditTurnDown, "waiting", "thrown away")
	entries := len(log())
	if w := p.send(who, http.MethodPost, "/connections/claim", url.Values{"arrival": {agency}, "decision": {"forget"}}); w.Code < 400 || len(log()) != entries {
		t.Errorf("turning down what is not there answers %d, and leaves %d entries", w.Code, len(log())-entries)
	}
}
