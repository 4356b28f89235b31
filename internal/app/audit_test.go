package app

import (
	"encoding/csv"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/config"
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
	"/sign-in/code":                    "signing in is written down where it ends; TestSigningInTakesTwoSteps goes through it",
	"/reset/:token":                    "only the operator makes such a link",
	"/settings/two-step":               "nothing is changed until a code was typed",
	"/settings/two-step/confirm":       "takes a code of the moment; written down as " + string(people.AuditSecondFactor),
	"/settings/two-step/codes":         "takes a code of the moment; written down as " + string(people.AuditSecondFactor),
	"/settings/two-step/off":           "takes a code of the moment; written down as " + string(people.AuditSecondFactor),
	"/settings/sign-ins/:id/end":       "takes a second browser; written down as " + string(people.AuditSessions),
	"/settings/sign-ins/end-others":    "takes a second browser; written down as " + string(people.AuditSessions),
	"/embedded/highlevel":              "takes what HighLevel seals; written down as " + string(people.AuditSignIn),
	"/settings/identities":             "takes a code HighLevel's page shows; written down as " + string(people.AuditIdentity),
	"/settings/identities/remove":      "as the one before",
	"/connections/claim":               "takes what a browser brought from the provider; written down as " + string(people.AuditConnect),
	"/connections/installed/:id":       "takes an agency's grant; written down as " + string(people.AuditConnect),
	"/settings/theme":                  "a look of one browser",
	"/workspace":                       "where one browser looks; nothing is changed",
	"/setup":                           "only before there is an account; told below",
	"/sign-in":                         "told below, with its failures",
	"/connections/highlevel/authorize": "only sends the browser to the provider; coming back connects",
	"/connections/gleap/authorize":     "only sends the browser to the provider; coming back connects",
}

// recordedHouse is a peopled house whose accounts are twins, with everything a form may be about.
type recordedHouse struct {
	*peopledHouse
	gleap      twingleap.Ready
	highLevel  twinhighlevel.Ready
	automation automation.ID
	source     record.Ref
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
	form := url.Values{"version": {strconv.Itoa(r.current().Version)}}
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
		return deed{"owner@a.io", address, form, want}, true
	}
	switch path {
	case "/invite":
		check(r.t, r.store.CreateInvite(ctx, people.Invite{ID: "iv_new", Workspace: people.Workspace{ID: r.a}, Role: people.Viewer, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}, people.HashInviteToken("new")))
		r.cookies["new"] = "crosswalk_invite=new"
		return deed{"new", "/invite", url.Values{"email": {"new@a.io"}, "password": {everybodysPassword}, "password_again": {everybodysPassword}}, people.AuditInviteAccept}, true
	case "/sign-out":
		return deed{"editor@a.io", "/sign-out", nil, people.AuditSignOut}, true
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
	case "/connections/:id/disconnect":
		return owner("/connections/cn_gl/disconnect", people.AuditDisconnect, nil)
	case "/automations":
		check(r.t, r.store.RemoveConnection(ctx, "cn_hl")) // so that the new one uses the twins
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
	case "/deliveries/:id/replay":
		return owner("/deliveries/ev_a/replay", people.AuditReplay, nil)
	case "/personal-data/:connection/:type/*":
		return owner("/personal-data/"+string(r.source.Connection)+"/contact/g9", people.AuditErase, url.Values{"confirm": {"yes"}})
	case "/runs/:id/retry":
		return owner("/runs/rn_r/retry", people.AuditRetry, nil)
	}
	return deed{}, false
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
	check(r.t, r.store.Finish(ctx, engine.Finish{Run: run, Change: &change, Review: &review}))
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
		d, known := r.deedFor(route.Path)
		if !known {
			t.Errorf("nobody tries POST %s: give it a form that succeeds, or say why it leaves no entry", route.Path)
			continue
		}
		tried++
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
			found = found || e.Kind == d.want
			if e.Actor == "" || e.Address == "" || e.At.IsZero() || e.Request == "" {
				t.Errorf("POST %s leaves an entry that does not say who or from where: %+v", d.address, e)
			}
			for _, secret := range []string{r.highLevel.Token, r.gleap.Token, everybodysPassword} {
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
	if tried < 35 {
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
	if len(rows) != 3 || !strings.HasPrefix(rows[1][1], "'=cmd()") {
		t.Errorf("the file has %q", rows)
	}
	if w := r.send("editor@a.io", http.MethodGet, "/settings/audit.csv", nil); w.Code != http.StatusForbidden {
		t.Errorf("an editor's export of the log answers %d", w.Code)
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
	r := httptest.NewRequest(http.MethodPost, "/setup", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
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
