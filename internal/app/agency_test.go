package app

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/connection"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
)

// staffed gives an estate a person who owns two workspaces, and one who owns the second and may only look at the first.
// Both are signed in, in the first.
func (e *estate) staffed() (p *peopledHouse, first, second string) {
	e.Helper()
	h := e.houses[0]
	p = &peopledHouse{house: h, t: e.T, cookies: map[string]string{}}
	hash, err := people.Hash(everybodysPassword)
	e.must(err)
	e.must(h.store.CreateFirstUser(e.Context(), people.User{ID: "us_agent", Email: "agent@agency.io", PasswordHash: hash}))
	all, err := h.store.MembershipsOf(e.Context(), "us_agent")
	e.must(err)
	first, second = all[0].Workspace.ID, "ws_second"
	e.must(h.store.CreateWorkspace(e.Context(), people.Workspace{ID: second, Name: "Second customer"}, "us_agent"))
	now := time.Now()
	guest := people.User{ID: "us_guest", Email: "guest@customer.io", PasswordHash: hash}
	for i, workspace := range []string{first, second} {
		role := []people.Role{people.Viewer, people.Owner}[i]
		e.must(h.store.CreateInvite(e.Context(), people.Invite{ID: "iv_" + workspace, Workspace: people.Workspace{ID: workspace}, Role: role, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}, people.HashInviteToken(workspace)))
		_, err := h.store.AcceptInvite(e.Context(), people.HashInviteToken(workspace), guest, i == 0, now)
		e.must(err)
	}
	for _, email := range []string{"agent@agency.io", "guest@customer.io"} {
		p.keep(email, p.send("", http.MethodPost, "/sign-in", url.Values{"email": {email}, "password": {everybodysPassword}}))
		p.goes(email, first)
	}
	return p, first, second
}

func (p *peopledHouse) goes(who, workspace string) {
	p.t.Helper()
	if w := p.send(who, http.MethodPost, "/workspace", url.Values{"workspace": {workspace}}); w.Code != http.StatusSeeOther {
		p.t.Fatalf("%s goes to %s: %d", who, workspace, w.Code)
	}
}

// TestAnAgencysLocationsGoToManyWorkspaces: one who may edit the agency's workspace and a customer's connects a location in
// the customer's; one who may only look at the agency's does not see it there.
func TestAnAgencysLocationsGoToManyWorkspaces(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 0)
	place := e.hl.AddLocation("Second place")
	p, first, second := e.staffed()
	_, err := e.houses[0].connections.In(p.store.In(first)).Adopt(t.Context(), e.consents("agency"))
	e.must(err)
	all, err := p.store.Installations(t.Context())
	e.must(err)
	address := ""
	for _, i := range all {
		if i.Account.ID == place {
			address = "/connections/installed/" + string(i.ID)
		}
	}
	sees := func(who, workspace string, want bool) {
		t.Helper()
		p.goes(who, workspace)
		if body := p.send(who, http.MethodGet, "/connections", nil).Body.String(); strings.Contains(body, place) != want || strings.Contains(body, address) && !want {
			t.Errorf("%s in %s sees the location: %v, want %v", who, workspace, !want, want)
		}
	}
	sees("agent@agency.io", first, true)
	sees("guest@customer.io", second, false)
	if w := p.send("guest@customer.io", http.MethodPost, address, nil); w.Code != http.StatusNotFound {
		t.Errorf("who may only look at the agency's workspace connects its location elsewhere: %d", w.Code)
	}
	sees("agent@agency.io", second, true)
	if w := p.send("agent@agency.io", http.MethodPost, address, nil); w.Code != http.StatusSeeOther {
		t.Fatalf("connecting answers %d: %s", w.Code, gist(w))
	}
	there, err := p.store.In(second).Connections(t.Context())
	e.must(err)
	here, err := p.store.In(first).Connections(t.Context())
	e.must(err)
	if len(there) != 1 || there[0].Account.ID != place || len(here) != 0 {
		t.Fatalf("connected in the customer's workspace: %+v, in the agency's: %+v", there, here)
	}
	// It is used now, in whichever workspace one looks, and lives on the agency's grant.
	if w := p.send("agent@agency.io", http.MethodGet, "/connections", nil); strings.Contains(w.Body.String(), address) {
		t.Error("it can be connected again")
	}
	p.goes("agent@agency.io", first)
	if w := p.send("agent@agency.io", http.MethodGet, "/connections", nil); strings.Contains(w.Body.String(), address) {
		t.Error("it is unused in the agency's workspace")
	}
	e.passes(25 * time.Hour)
	client, err := e.houses[0].gateway.Client(t.Context(), there[0].ID)
	e.must(err)
	if _, err := client.(provider.Checker).Check(t.Context()); err != nil {
		t.Errorf("its token is not made anew: %v", err)
	}
}

// TestAnAuthorisationIsCompletedWhereItWasBegun, whatever workspace the person looked at while they were at the provider.
func TestAnAuthorisationIsCompletedWhereItWasBegun(t *testing.T) {
	t.Parallel()
	const who = "agent@agency.io"
	for name, tc := range map[string]struct {
		meanwhile func(p *peopledHouse, first, second string)
		connected bool
	}{
		"the person went elsewhere": {func(p *peopledHouse, first, _ string) { p.goes(who, first) }, true},
		"the person went elsewhere, and may not connect there any more": {func(p *peopledHouse, first, second string) {
			p.goes(who, first)
			check(p.t, p.store.RemoveMember(p.t.Context(), second, "us_agent"))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t, 0)
			p, first, second := e.staffed()
			p.goes(who, second)
			w := p.send(who, http.MethodPost, "/connections/highlevel/authorize", nil)
			p.keep(who, w)
			consent, err := url.Parse(w.Header().Get("Location"))
			e.must(err)
			tc.meanwhile(p, first, second)
			asked := consent.Query()
			asked.Set("location", e.hlReady.LocationID)
			asked.Set("decision", "approve")
			consent.RawQuery = ""
			stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			resp, err := stay.PostForm(consent.String(), asked)
			e.must(err)
			e.must(resp.Body.Close())
			back, err := resp.Location()
			e.must(err)
			w = p.send(who, http.MethodGet, back.RequestURI(), nil)
			all, err := p.store.Connections(t.Context())
			e.must(err)
			if !tc.connected {
				if len(all) != 0 || w.Code == http.StatusSeeOther {
					t.Errorf("%d to %q, and there is %+v", w.Code, w.Header().Get("Location"), all)
				}
				return
			}
			if len(all) != 1 || all[0].Workspace != second || all[0].Auth != connection.ByOAuth {
				t.Fatalf("%d: there is %+v", w.Code, all)
			}
			// It is an address and no form that does it, and it is on record all the same.
			log, err := p.store.AuditEntries(t.Context(), second, people.AuditFilter{Kind: people.AuditConnect})
			e.must(err)
			if len(log) != 1 || log[0].Actor != who || log[0].Object != string(all[0].ID) || log[0].Address == "" {
				t.Errorf("the log has %+v", log)
			}
			if page := p.send(who, http.MethodGet, "/connections", nil).Body.String(); !strings.Contains(page, "You began in the workspace “Second customer”") || !strings.Contains(page, e.hlReady.LocationID) {
				t.Error("the person is not told where they are")
			}
		})
	}
}
