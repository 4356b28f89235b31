package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/config"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/recipe"
	"crosswalk/internal/record"
	"crosswalk/internal/server"
)

const everybodysPassword = "correct horse battery staple"

// peopledHouse is the whole house over a real store. Workspace A has a person of each role and one of each object;
// workspace B has an owner of its own, and is empty.
type peopledHouse struct {
	*house
	t       *testing.T
	a, b    string
	cookies map[string]string // by email
}

// secretName is what nobody of another workspace may ever read.
const secretName = "Confidential Bakery"

func newPeopledHouse(t *testing.T, change ...func(*config.Config)) *peopledHouse {
	t.Helper()
	ctx := t.Context()
	cfg, err := config.Load([]string{"CROSSWALK_DATA=" + t.TempDir()}, config.Overrides{})
	check(t, err)
	for _, f := range change {
		f(&cfg)
	}
	h, err := build(ctx, cfg, roles{serve: true}, slog.New(slog.DiscardHandler))
	check(t, err)
	t.Cleanup(func() { h.server.Close(); _ = h.close() })
	p := &peopledHouse{house: h, t: t, b: "ws_b", cookies: map[string]string{}}
	hash, err := people.Hash(everybodysPassword)
	check(t, err)
	check(t, h.store.CreateFirstUser(ctx, people.User{ID: "us_owner", Email: "owner@a.io", PasswordHash: hash}))
	all, err := h.store.MembershipsOf(ctx, "us_owner")
	check(t, err)
	p.a = all[0].Workspace.ID
	check(t, h.store.CreateWorkspace(ctx, people.Workspace{ID: p.b, Name: "B"}, "us_owner"))
	invite := func(workspace, name, email string, role people.Role) {
		now := time.Now()
		check(t, h.store.CreateInvite(ctx, people.Invite{ID: "iv_" + name, Workspace: people.Workspace{ID: workspace}, Role: role, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}, people.HashInviteToken(name)))
		_, err := h.store.AcceptInvite(ctx, people.HashInviteToken(name), people.User{ID: "us_" + name, Email: email, PasswordHash: hash}, true, now)
		check(t, err)
	}
	invite(p.a, "editor", "editor@a.io", people.Editor)
	invite(p.a, "viewer", "viewer@a.io", people.Viewer)
	invite(p.b, "b", "owner@b.io", people.Owner)
	check(t, h.store.RemoveMember(ctx, p.b, "us_owner"))
	for _, email := range []string{"owner@a.io", "editor@a.io", "viewer@a.io", "owner@b.io"} {
		w := p.send("", http.MethodPost, "/sign-in", url.Values{"email": {email}, "password": {everybodysPassword}})
		p.keep(email, w)
	}
	p.furnish()
	return p
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// furnish puts one of everything into workspace A.
func (p *peopledHouse) furnish() {
	ctx, st := p.t.Context(), p.store
	for id, by := range map[record.ConnectionID]provider.ID{"cn_gl": "gleap", "cn_hl": "highlevel"} {
		c := connection.Connection{ID: id, Workspace: p.a, Provider: by, Name: secretName, Account: provider.Account{ID: "secret " + string(by)}, Auth: connection.ByKey, State: connection.Active, HookSecret: "unguessable-" + string(by), CreatedAt: time.Now()}
		check(p.t, st.SaveConnection(ctx, c, []byte("not sealed by us")))
	}
	r, _ := recipe.Find("gleap-contact-to-highlevel")
	def := r.Definition
	def.Source.Connection, def.Target.Connection = "cn_gl", "cn_hl"
	check(p.t, st.CreateAutomation(ctx, automation.Automation{ID: "au_a", Workspace: p.a, Name: secretName, State: automation.Draft, Definition: def}, "owner@a.io"))
	source := record.Ref{Connection: "cn_gl", Type: record.Contact, ID: "g1"}
	target := record.Ref{Connection: "cn_hl", Type: record.Contact, ID: "h1"}
	run := automation.Run{ID: "rn_a", Automation: "au_a", Version: 1, Source: source, Target: target, Title: secretName, State: automation.Succeeded, Outcome: automation.Create, Attempts: 1, StartedAt: time.Now(), FinishedAt: time.Now()}
	run.Event = automation.Event{ID: "ev_a", Kind: automation.Webhook, Ref: source, Change: provider.Updated, ReceivedAt: time.Now()}
	keys, err := openVault(p.cfg)
	check(p.t, err)
	sent, err := keys.Seal([]byte(`{"name":"`+secretName+`"}`), "delivery/ev_a")
	check(p.t, err)
	arrived := run.Event
	arrived.DedupeKey = "a"
	_, err = st.Accept(ctx, automation.Delivery{Event: arrived, Body: sent})
	check(p.t, err)
	change := automation.Change{ID: "ch_a", Run: "rn_a", Automation: "au_a", Source: source, Target: target, Op: automation.Create, State: automation.Done, Before: record.Fields{}, IntendedAt: time.Now()}
	review := automation.Review{ID: "rv_a", Automation: "au_a", Source: source, Kind: automation.ReviewConflict, State: automation.ReviewOpen, Title: secretName, Run: "rn_a", OpenedAt: time.Now()}
	check(p.t, st.Finish(ctx, engine.Finish{Run: run, Change: &change, Review: &review, Link: &automation.Link{ID: "ln_a", Source: source, Target: target, CreatedAt: time.Now()}}))
	for id, account := range map[record.ConnectionID]string{"in_company": "", "in_a": "secret place"} {
		check(p.t, st.SaveInstallation(ctx, connection.Installation{ID: id, Workspace: p.a, Provider: "highlevel", Account: provider.Account{ID: account, CompanyID: "secret company", Name: secretName}, State: connection.Active, InstalledAt: time.Now()}, nil))
	}
	check(p.t, st.CreatePopulation(ctx, engine.Population{ID: "pl_a", Automation: "au_a", Version: 1, Mode: engine.ModeShow, State: engine.PopulationQueued, CreatedAt: time.Now()}))
	check(p.t, st.CreateInvite(ctx, people.Invite{ID: "iv_a", Workspace: people.Workspace{ID: p.a}, Role: people.Viewer, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}, people.HashInviteToken("a")))
}

// addressOf is a route's address with ids of workspace A in it; named tells whether it names an object.
func addressOf(t *testing.T, r server.Route) (address string, named bool) {
	address = r.Path
	for _, object := range [][2]string{
		{"/automations/:id", "/automations/au_a"}, {"/plans/:id", "/plans/pl_a"}, {"/reviews/:id", "/reviews/rv_a"}, {"/runs/:id", "/runs/rn_a"}, {"/deliveries/:id", "/deliveries/ev_a"},
		{"/connections/installed/:id", "/connections/installed/in_a"}, {"/connections/companies/:id", "/connections/companies/in_company"}, {"/connections/:id", "/connections/cn_gl"}, {"/records/:connection/:type/*", "/records/cn_gl/contact/g1"}, {"/personal-data/:connection/:type/*", "/personal-data/cn_gl/contact/g1"},
		{"/people/:id", "/people/us_viewer"}, {"/pairs/:id", "/pairs/ln_a"}, {"/invites/:id", "/invites/iv_a"},
	} {
		if strings.Contains(address, object[0]) {
			address, named = strings.Replace(address, object[0], object[1], 1), true
		}
	}
	address = strings.NewReplacer(":row", "r1", ":token", "nobody-has-this", "/sign-ins/:id", "/sign-ins/si_none").Replace(address)
	if strings.ContainsAny(address, ":*") {
		t.Errorf("%s %s names an object this test does not know: give it one of workspace A", r.Method, r.Path)
	}
	return address, named
}

func (p *peopledHouse) send(who, method, address string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, address, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if cookie := p.cookies[who]; cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := httptest.NewRecorder()
	p.server.ServeHTTP(w, r)
	return w
}

// gist is the middle of a page.
func gist(w *httptest.ResponseRecorder) string {
	_, body, _ := strings.Cut(w.Body.String(), "<main")
	return body[:min(len(body), 400)]
}

// keep takes the cookies of an answer over, as a browser does.
func (p *peopledHouse) keep(who string, w *httptest.ResponseRecorder) {
	jar, err := http.ParseCookie(p.cookies[who])
	if p.cookies[who] != "" {
		check(p.t, err)
	}
	for _, c := range w.Result().Cookies() {
		jar = slices.DeleteFunc(jar, func(old *http.Cookie) bool { return old.Name == c.Name })
		if c.MaxAge >= 0 {
			jar = append(jar, &http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	var pairs []string
	for _, c := range jar {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	p.cookies[who] = strings.Join(pairs, "; ")
}

// formFor is a form that gets as far as the object it is about.
func formFor(r server.Route) url.Values {
	if r.Path == "/undo" {
		return url.Values{"kind": {"run"}, "id": {"rn_a"}}
	}
	return nil
}

// person are routes for people, but those that never end or end the session.
func person(h *house) []server.Route {
	var out []server.Route
	for _, r := range h.server.Routes() {
		if r.Permission != server.Machine && r.Path != "/live" && r.Path != "/sign-out" {
			out = append(out, r)
		}
	}
	return out
}

func TestWhoMayUseWhich(t *testing.T) {
	t.Parallel()
	for who, may := range map[string]map[server.Permission]bool{
		"":            {server.Public: true},
		"viewer@a.io": {server.Public: true, server.SignedIn: true, server.View: true},
		"editor@a.io": {server.Public: true, server.SignedIn: true, server.View: true, server.Edit: true},
		"owner@a.io":  {server.Public: true, server.SignedIn: true, server.View: true, server.Edit: true, server.Own: true},
	} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			p := newPeopledHouse(t)
			for _, r := range person(p.house) {
				address, _ := addressOf(t, r)
				name := fmt.Sprint(r.Method, " ", address)
				w := p.send(who, r.Method, address, formFor(r))
				to := w.Header().Get("Location")
				turnedAway := w.Code == http.StatusForbidden || strings.HasPrefix(to, "/sign-in") && r.Permission != server.Public
				if turnedAway == may[r.Permission] {
					t.Errorf("%s (%s) answers %d to %q", name, r.Permission, w.Code, to)
				}
				if w.Code == http.StatusForbidden && !strings.Contains(w.Body.String(), "Nothing was changed") {
					t.Errorf("%s does not say plainly that nothing was changed:\n%s", name, gist(w))
				}
				if w.Code >= 500 && w.Code != http.StatusBadGateway {
					t.Errorf("%s answers %d:\n%s", name, w.Code, gist(w))
				}
				if who == "viewer@a.io" && strings.Contains(w.Body.String(), "unguessable-gleap") {
					t.Errorf("%s shows a viewer the webhook's secret", name)
				}
			}
		})
	}
}

// frame lets somebody of workspace A in as HighLevel's page does, as who+" framed".
func (p *peopledHouse) frame(who, userID string) string {
	p.t.Helper()
	ctx, code := p.t.Context(), people.HashOfferCode("ABCD-EFGH")
	them := people.Identity{Provider: "highlevel", CompanyID: "co", UserID: "hl-" + userID, Name: who}
	check(p.t, p.store.OfferIdentity(ctx, code, them, time.Now().Add(time.Minute)))
	_, err := p.store.LinkIdentity(ctx, code, userID, time.Now())
	check(p.t, err)
	p.server.UserContext = func(string) (server.UserContext, error) {
		return server.UserContext{Identity: them, Account: "secret highlevel", Salt: []byte(who)}, nil
	}
	w := p.send("", http.MethodPost, "/embedded/highlevel", url.Values{"context": {"sealed"}})
	if w.Code != http.StatusSeeOther {
		p.t.Fatalf("coming in answers %d: %s", w.Code, gist(w))
	}
	framed := who + " framed"
	p.keep(framed, w)
	return framed
}

func TestWhatIsDoneInsideAFrame(t *testing.T) {
	t.Parallel()
	p := newPeopledHouse(t)
	check(t, p.store.CreateWorkspace(t.Context(), people.Workspace{ID: "ws_c", Name: "Quite another"}, "us_owner"))
	who := p.frame("owner@a.io", "us_owner")
	answered, refused := 0, 0
	for _, r := range person(p.house) {
		if r.Path == "/embedded/highlevel" {
			continue
		}
		address, _ := addressOf(t, r)
		w := p.send(who, r.Method, address, formFor(r))
		ownWindow := w.Code == http.StatusForbidden && strings.Contains(w.Body.String(), "in its own window")
		if ownWindow == r.Framed() || !r.Framed() && w.Header().Get("Location") != "" {
			t.Errorf("%s %s answers %d to %q", r.Method, address, w.Code, w.Header().Get("Location"))
		}
		if strings.Contains(w.Body.String(), "Quite another") {
			t.Errorf("%s %s tells of another workspace", r.Method, address)
		}
		if ownWindow {
			refused++
		} else {
			answered++
		}
	}
	if answered < 45 || refused < 40 {
		t.Errorf("%d are answered, %d refused", answered, refused)
	}
	// What is done to an account, its people or its secrets is not, whatever is added to the table.
	for _, path := range []string{"/settings", "/settings/password", "/settings/two-step", "/settings/identities", "/settings/sign-ins/:id/end", "/settings/people", "/people/:id/role", "/invites", "/invite", "/setup", "/sign-in", "/reset/:token", "/workspace", "/workspaces", "/connections/gleap", "/connections/:id/reconnect", "/connections/:id/disconnect", "/personal-data/:connection/:type/*"} {
		for _, r := range p.server.Routes() {
			if r.Path == path && r.Framed() {
				t.Errorf("%s %s answers inside a frame", r.Method, path)
			}
		}
	}
	// A form that names another of the person's workspaces is not carried out there.
	p.send(who, http.MethodPost, "/automations", url.Values{"recipe": {"gleap-contact-to-highlevel"}, "of-workspace": {"ws_c"}})
	if all, err := p.store.In("ws_c").Automations(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("from a frame another workspace is written to: %d, %v", len(all), err)
	}
}

func TestAFramesSessionEndsWithTheMembership(t *testing.T) {
	t.Parallel()
	p := newPeopledHouse(t)
	check(t, p.store.CreateWorkspace(t.Context(), people.Workspace{ID: "ws_c", Name: "Quite another"}, "us_editor"))
	who := p.frame("editor@a.io", "us_editor")
	if w := p.send(who, http.MethodGet, "/automations", nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), secretName) {
		t.Fatalf("inside: %d %s", w.Code, gist(w))
	}
	check(t, p.store.RemoveMember(t.Context(), p.a, "us_editor"))
	for range 2 {
		if w := p.send(who, http.MethodGet, "/automations", nil); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/embedded/highlevel" {
			t.Errorf("who was removed is answered %d to %q: %s", w.Code, w.Header().Get("Location"), gist(w))
		}
	}
}

func TestAnotherWorkspaceIsNotThere(t *testing.T) {
	t.Parallel()
	p := newPeopledHouse(t)
	tried := 0
	for _, r := range person(p.house) {
		address, named := addressOf(t, r)
		if r.Path == "/undo" {
			named = true
		}
		w := p.send("owner@b.io", r.Method, address, formFor(r))
		if named {
			tried++
			if w.Code != http.StatusNotFound {
				t.Errorf("%s %s answers %d to %q: %s", r.Method, address, w.Code, w.Header().Get("Location"), gist(w))
			}
		}
		for _, secret := range []string{secretName, "owner@a.io", "unguessable", "rn_a", "cn_gl\"", "secret gleap"} {
			if strings.Contains(w.Body.String(), secret) {
				t.Errorf("%s %s shows %q to somebody of another workspace", r.Method, address, secret)
			}
		}
	}
	if tried < 35 {
		t.Errorf("only %d objects of another workspace were asked for", tried)
	}
	for _, q := range []string{"Confidential", "g1", "h1", "cn_gl/contact/g1", "rn_a"} {
		if w := p.send("owner@b.io", http.MethodGet, "/records?q="+url.QueryEscape(q), nil); strings.Contains(w.Body.String(), secretName) || strings.Contains(w.Body.String(), "/records/cn_") {
			t.Errorf("a search for %q finds what is of another workspace", q)
		}
	}
	for _, address := range []string{"/runs?automation=au_a", "/runs?q=Confidential", "/reviews?automation=au_a", "/reviews?tab=settled"} {
		if w := p.send("owner@b.io", http.MethodGet, address, nil); strings.Contains(w.Body.String(), secretName) {
			t.Errorf("%s shows what is of another workspace", address)
		}
	}
	a, err := p.store.Automation(t.Context(), "au_a")
	check(t, err)
	pl, err := p.store.Population(t.Context(), "pl_a")
	check(t, err)
	if a.Version != 1 || a.Name != secretName || a.State != automation.Draft || pl.State != engine.PopulationQueued {
		t.Errorf("something was changed: %+v, %+v", a, pl)
	}
}

func TestAWorkspaceIsChosenAndChecked(t *testing.T) {
	t.Parallel()
	p := newPeopledHouse(t)
	if w := p.send("owner@a.io", http.MethodPost, "/workspace", url.Values{"workspace": {p.b}}); w.Code != http.StatusNotFound {
		t.Errorf("going to a workspace one is not in answers %d", w.Code)
	}
	if w := p.send("owner@a.io", http.MethodGet, "/automations", nil); strings.Contains(w.Body.String(), `action="/workspace"`) {
		t.Error("there is a switch though there is nothing to choose")
	}
	if w := p.send("owner@a.io", http.MethodPost, "/workspaces", url.Values{"name": {"Second"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("making a workspace answers %d: %s", w.Code, gist(w))
	}
	w := p.send("owner@a.io", http.MethodGet, "/automations", nil)
	if body := w.Body.String(); strings.Contains(body, secretName) || !strings.Contains(body, `action="/workspace"`) || !strings.Contains(body, "Second") {
		t.Errorf("the new workspace shows:\n%s", body)
	}
	if w := p.send("owner@a.io", http.MethodPost, "/automations/au_a/name", url.Values{"name": {"Moved"}}); w.Code != http.StatusNotFound {
		t.Errorf("from a workspace into another one writes: %d", w.Code)
	}
	// A form made before, in another tab, is carried out where it was made.
	if w := p.send("owner@a.io", http.MethodPost, "/automations", url.Values{"recipe": {"gleap-contact-to-highlevel"}, "of-workspace": {p.a}}); w.Code != http.StatusSeeOther {
		t.Errorf("a form made in another workspace is answered %d", w.Code)
	}
	if all, err := p.store.In(p.a).Automations(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("what it makes is not there: %d, %v", len(all), err)
	}
	for _, elsewhere := range []string{p.b, "ws_none"} {
		if w := p.send("owner@a.io", http.MethodPost, "/automations", url.Values{"recipe": {"gleap-contact-to-highlevel"}, "of-workspace": {elsewhere}}); w.Header().Get("Location") != "/" {
			t.Errorf("a form made in a workspace one is not in is answered %d to %q", w.Code, w.Header().Get("Location"))
		}
	}
	if all, err := p.store.Automations(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("it was carried out elsewhere: %d, %v", len(all), err)
	}
	p.send("owner@a.io", http.MethodPost, "/workspace", url.Values{"workspace": {p.a}})
	if w := p.send("owner@a.io", http.MethodGet, "/connections", nil); !strings.Contains(w.Body.String(), `name="of-workspace" value="`+p.a+`"`) {
		t.Error("forms do not say where they were made")
	}
	if w := p.send("owner@a.io", http.MethodGet, "/automations", nil); !strings.Contains(w.Body.String(), secretName) {
		t.Error("the way back does not lead back")
	}
	// Somebody who is removed is out at once, whatever their session says.
	p.send("editor@a.io", http.MethodGet, "/automations", nil)
	check(t, p.store.RemoveMember(t.Context(), p.a, "us_editor"))
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if w := p.send("editor@a.io", method, "/automations", url.Values{"recipe": {"gleap-contact-to-highlevel"}}); w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), secretName) {
			t.Errorf("somebody who was removed is answered %d: %s", w.Code, gist(w))
		}
	}
}

func TestAViewerSeesNoButtonThatWouldBeRefused(t *testing.T) {
	t.Parallel()
	p := newPeopledHouse(t)
	for _, r := range person(p.house) {
		if r.Method != http.MethodGet || r.Permission != server.View {
			continue
		}
		address, _ := addressOf(t, r)
		body := p.send("viewer@a.io", http.MethodGet, address, nil).Body.String()
		for _, form := range strings.Split(body, "<form")[1:] {
			head, rest, _ := strings.Cut(form, ">")
			if !strings.Contains(head, `method="post"`) || strings.Contains(head, `action="/settings`) || strings.Contains(head, `action="/sign-out"`) || strings.Contains(head, `action="/workspace"`) {
				continue
			}
			if !strings.HasPrefix(rest, `<fieldset class="not-yours" disabled`) {
				t.Errorf("%s offers a viewer <form%s>", address, head)
			}
		}
		for _, link := range []string{`href="/connections/gleap/new"`, `href="/workspaces/new"`} {
			if strings.Contains(body, link) {
				t.Errorf("%s leads a viewer to %s", address, link)
			}
		}
	}
	owner := p.send("owner@a.io", http.MethodGet, "/automations/au_a/live", nil).Body.String()
	if strings.Contains(owner, "not-yours") || !strings.Contains(owner, `action="/automations/au_a/activation"`) {
		t.Error("an owner's page is switched off")
	}
	if w := p.send("viewer@a.io", http.MethodGet, "/plans/pl_a?format=csv", nil); w.Code != http.StatusForbidden {
		t.Errorf("a viewer's export answers %d", w.Code)
	}
	if w := p.send("editor@a.io", http.MethodGet, "/plans/pl_a?format=csv", nil); w.Code != http.StatusOK {
		t.Errorf("an editor's export answers %d", w.Code)
	}
}

func TestTheLastOwnerStays(t *testing.T) {
	t.Parallel()
	p := newPeopledHouse(t)
	ctx := t.Context()
	role := func(who string) people.Role {
		all, err := p.store.MembershipsOf(ctx, who)
		check(t, err)
		if len(all) == 0 {
			return ""
		}
		return all[0].Role
	}
	p.send("owner@a.io", http.MethodPost, "/people/us_owner/role", url.Values{"role": {"viewer"}})
	p.send("owner@a.io", http.MethodPost, "/people/us_owner/remove", nil)
	if got := role("us_owner"); got != people.Owner {
		t.Fatalf("the last owner is %q", got)
	}
	if w := p.send("owner@a.io", http.MethodPost, "/people/us_viewer/role", url.Values{"role": {"owner"}}); w.Code != http.StatusSeeOther || role("us_viewer") != people.Owner {
		t.Fatalf("%d, and the viewer is %q", w.Code, role("us_viewer"))
	}
	if w := p.send("viewer@a.io", http.MethodPost, "/people/us_owner/remove", nil); w.Code != http.StatusSeeOther || role("us_owner") != "" {
		t.Fatalf("%d, and the first owner is %q", w.Code, role("us_owner"))
	}
	if w := p.send("owner@a.io", http.MethodGet, "/automations", nil); w.Code != http.StatusForbidden {
		t.Errorf("who was removed is answered %d", w.Code)
	}
	for _, nonsense := range []string{"", "king", "OWNER"} {
		if w := p.send("viewer@a.io", http.MethodPost, "/people/us_editor/role", url.Values{"role": {nonsense}}); w.Code != http.StatusUnprocessableEntity || role("us_editor") != people.Editor {
			t.Errorf("the role %q is answered %d, and the editor is %q", nonsense, w.Code, role("us_editor"))
		}
	}
	if w := p.send("viewer@a.io", http.MethodPost, "/people/us_b/remove", nil); w.Code != http.StatusNotFound || role("us_b") != people.Owner {
		t.Errorf("somebody of another workspace is removed: %d", w.Code)
	}
}

// linkOf is the one place a link is shown.
func linkOf(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	_, rest, ok := strings.Cut(w.Body.String(), "/invite/")
	if !ok {
		t.Fatalf("%d shows no link: %s", w.Code, gist(w))
	}
	token, _, _ := strings.Cut(rest, `"`)
	return "/invite/" + token
}

func TestAnInviteLetsOnePersonInOnce(t *testing.T) {
	t.Parallel()
	p := newPeopledHouse(t)
	invite := func(form url.Values) string {
		return linkOf(t, p.send("owner@a.io", http.MethodPost, "/invites", form))
	}
	// with is a browser that followed a link.
	with := func(who, link string) *httptest.ResponseRecorder {
		w := p.send(who, http.MethodGet, link, nil)
		p.keep(who, w)
		return w
	}
	account := func(email string) url.Values {
		return url.Values{"email": {email}, "password": {everybodysPassword}, "password_again": {everybodysPassword}}
	}
	link := invite(url.Values{"role": {"editor"}})
	if len(link) < len("/invite/")+43 {
		t.Errorf("the link holds less than 256 bits: %s", link)
	}
	if again := p.send("owner@a.io", http.MethodGet, "/settings/people", nil).Body.String(); strings.Contains(again, link) {
		t.Error("the link is shown a second time")
	}
	if w := with("new", link); w.Header().Get("Location") != "/invite" {
		t.Fatalf("following the link: %d to %q", w.Code, w.Header().Get("Location"))
	}
	if w := p.send("new", http.MethodGet, "/invite", nil); w.Code != http.StatusOK || strings.Contains(w.Body.String(), link) || !strings.Contains(w.Body.String(), "First workspace") {
		t.Errorf("the page of the invite: %d %s", w.Code, gist(w))
	}
	for name, bad := range map[string]url.Values{
		"no email": account(""), "a short password": {"email": {"new@a.io"}, "password": {"x"}, "password_again": {"x"}}, "an email that is taken": account("viewer@a.io"),
	} {
		if w := p.send("new", http.MethodPost, "/invite", bad); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	w := p.send("new", http.MethodPost, "/invite", account("new@a.io"))
	if w.Code != http.StatusSeeOther {
		t.Fatalf("joining: %d %s", w.Code, gist(w))
	}
	p.keep("new", w)
	if w := p.send("new", http.MethodGet, "/automations", nil); !strings.Contains(w.Body.String(), secretName) {
		t.Errorf("who joined sees %d %s", w.Code, gist(w))
	}
	for _, who := range []string{"late", "owner@b.io"} {
		if w := with(who, link); w.Code != http.StatusNotFound {
			t.Errorf("a used link answers %s %d", who, w.Code)
		}
	}
	// One that is for somebody lets nobody else in.
	bound := invite(url.Values{"role": {"viewer"}, "email": {"owner@b.io"}})
	with("thief", bound)
	if w := p.send("thief", http.MethodPost, "/invite", account("thief@a.io")); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("another email is answered %d", w.Code)
	}
	with("editor@a.io", bound)
	if w := p.send("editor@a.io", http.MethodPost, "/invite", nil); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("another account is answered %d", w.Code)
	}
	with("owner@b.io", bound)
	if w := p.send("owner@b.io", http.MethodPost, "/invite", nil); w.Code != http.StatusSeeOther {
		t.Errorf("who it is for is answered %d %s", w.Code, gist(w))
	}
	if w := p.send("owner@b.io", http.MethodGet, "/automations", nil); !strings.Contains(w.Body.String(), secretName) {
		t.Error("who joined does not find themselves in the workspace")
	}
	// One that was revoked leads nowhere, also for who had followed it before.
	gone := invite(url.Values{"role": {"owner"}})
	with("early", gone)
	all, err := p.store.Invites(t.Context(), p.a)
	check(t, err)
	if w := p.send("editor@a.io", http.MethodPost, "/invites/"+all[0].ID+"/revoke", nil); w.Code != http.StatusForbidden {
		t.Errorf("an editor's revoking answers %d", w.Code)
	}
	p.send("owner@a.io", http.MethodPost, "/invites/"+all[0].ID+"/revoke", nil)
	if w := p.send("early", http.MethodPost, "/invite", account("early@a.io")); w.Code != http.StatusNotFound {
		t.Errorf("a revoked invite answers %d", w.Code)
	}
}

func TestWhoIsRemovedHearsNothingMore(t *testing.T) {
	t.Parallel()
	p := newPeopledHouse(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	web := httptest.NewServer(p.server)
	t.Cleanup(web.Close)
	listening := func(who string) io.ReadCloser {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, web.URL+"/live", nil)
		check(t, err)
		r.Header.Set("Cookie", p.cookies[who])
		answer, err := http.DefaultClient.Do(r)
		check(t, err)
		t.Cleanup(func() { _ = answer.Body.Close() })
		opening := make([]byte, len(": open\n\n"))
		_, err = io.ReadFull(answer.Body, opening)
		check(t, err)
		return answer.Body
	}
	removed, foreign, stays := listening("viewer@a.io"), listening("owner@b.io"), listening("editor@a.io")
	check(t, p.store.RemoveMember(ctx, p.a, "us_viewer"))
	source := record.Ref{Connection: "cn_gl", Type: record.Contact, ID: "g2"}
	check(t, p.store.Finish(ctx, engine.Finish{Run: automation.Run{ID: "rn_live", Automation: "au_a", Version: 1, Source: source, Title: secretName, State: automation.Succeeded, Attempts: 1, StartedAt: time.Now()}}))
	p.server.Notify()
	if rest, err := io.ReadAll(removed); err != nil || strings.Contains(string(rest), secretName) {
		t.Errorf("who was removed hears %q, %v", rest, err)
	}
	line := make([]byte, 4096)
	n, err := stays.Read(line)
	if err != nil || !strings.Contains(string(line[:n]), "rn_live") {
		t.Errorf("who stays hears %q, %v", line[:n], err)
	}
	p.server.Close()
	if rest, _ := io.ReadAll(foreign); strings.Contains(string(rest), secretName) {
		t.Errorf("another workspace hears %q", rest)
	}
}
