package app

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/config"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider/gleap"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/store"
	"crosswalk/internal/store/storetest"
	twingleap "crosswalk/internal/twin/gleap"
	twinhighlevel "crosswalk/internal/twin/highlevel"
)

// estate is one or two houses as processes of their own (two share one PostgreSQL) and both twins over HTTP, with clocks
// that can be set forward. Jobs are worked off by the test, so that it says when.
type estate struct {
	*testing.T
	hl      *twinhighlevel.Twin
	gl      *twingleap.Twin
	hlReady twinhighlevel.Ready
	glReady twingleap.Ready
	houses  []*house
	ahead   []*atomic.Int64 // of each house's clock
	twins   atomic.Int64    // how far the twins' clock is ahead
	// deaf is whether HighLevel's webhooks reach nobody.
	deaf atomic.Bool
	// between, when set, sees every request to HighLevel before it does.
	between atomic.Pointer[func(*http.Request)]

	mu   sync.Mutex
	jobs map[*house][]engine.Job
}

// newEstate builds houses on PostgreSQL, or one on the embedded database where no number is asked for.
func newEstate(t *testing.T, processes int) *estate {
	t.Helper()
	e := &estate{T: t, jobs: map[*house][]engine.Job{}}
	now := func() time.Time { return time.Now().Add(time.Duration(e.twins.Load())) }
	var err error
	e.hl, err = twinhighlevel.New(twinhighlevel.Config{Seed: 7, Now: now, AccessTokenLife: 24 * time.Hour, Tap: func(body []byte, header http.Header) {
		if e.deaf.Load() {
			return
		}
		if status, answer := send(e.houses[0], "/hooks/highlevel", body, header); status/100 != 2 {
			t.Errorf("a webhook was answered %d %s: %s", status, answer, body)
		}
	}})
	e.must(err)
	e.gl, err = twingleap.New(twingleap.Config{Seed: 7, Now: now})
	e.must(err)
	hl := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if between := e.between.Load(); between != nil {
			(*between)(r)
		}
		e.hl.ServeHTTP(w, r)
	}))
	gl := httptest.NewServer(e.gl)
	t.Cleanup(func() { hl.Close(); gl.Close(); _ = e.hl.Close(); _ = e.gl.Close() })
	e.hlReady, e.glReady = e.hl.Ready(hl.URL), e.gl.Ready(gl.URL)
	database := ""
	if processes > 0 {
		database = storetest.PostgresURL(t)
	}
	for range max(processes, 1) {
		e.join(database)
	}
	return e
}

// join starts another process.
func (e *estate) join(database string) {
	e.Helper()
	cfg, err := config.Load([]string{
		"CROSSWALK_DATA=" + e.TempDir(), "CROSSWALK_DATABASE_URL=" + database, "CROSSWALK_KEY=" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef")),
		"CROSSWALK_HIGHLEVEL_BASE_URL=" + e.hlReady.URL, "CROSSWALK_HIGHLEVEL_AUTHORIZE_URL=" + e.hlReady.URL + "/v2/oauth/chooselocation",
		"CROSSWALK_HIGHLEVEL_CLIENT_ID=" + e.hlReady.ClientID, "CROSSWALK_HIGHLEVEL_CLIENT_SECRET=" + e.hlReady.ClientSecret, "CROSSWALK_HIGHLEVEL_AGENCY=true",
		"CROSSWALK_HIGHLEVEL_WEBHOOK_PUBLIC_KEY=" + e.hlReady.WebhookPublicKey, "CROSSWALK_GLEAP_BASE_URL=" + e.glReady.URL,
	}, config.Overrides{})
	e.must(err)
	h, err := build(e.Context(), cfg, roles{serve: true, work: true}, slog.New(slog.DiscardHandler))
	e.must(err)
	e.Cleanup(func() { h.server.Close(); _ = h.close() })
	ahead := &atomic.Int64{}
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	h.providers.now, h.connections.Now, h.gateway.Now, h.keeper.Now = now, now, now, now
	h.poller.Now = now
	h.store.OnEnqueue(func(_ context.Context, _ store.Tx, jobs []engine.Job) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.jobs[h] = append(e.jobs[h], jobs...)
		return nil
	})
	e.houses, e.ahead = append(e.houses, h), append(e.ahead, ahead)
}

func (e *estate) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

// passes sets every clock forward.
func (e *estate) passes(d time.Duration) {
	e.twins.Add(int64(d))
	for _, ahead := range e.ahead {
		ahead.Add(int64(d))
	}
}

// consents is a person who lets Crosswalk into a location, or into "agency", at HighLevel.
func (e *estate) consents(place string) connection.OAuthInput {
	e.Helper()
	h := e.houses[0]
	app, _ := h.providers.OAuth(highlevel.ID)
	const callback = "http://127.0.0.1:9/callback"
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := stay.PostForm(app.Endpoint.AuthURL, url.Values{
		"response_type": {"code"}, "client_id": {app.ClientID}, "redirect_uri": {callback}, "scope": {strings.Join(app.Scopes, " ")}, "location": {place}, "decision": {"approve"},
	})
	e.must(err)
	e.must(resp.Body.Close())
	back, err := resp.Location()
	e.must(err)
	flow := connection.Flow{HTTP: h.providers.tokenClient(), Now: h.providers.now}
	done, err := flow.Redeem(e.Context(), back.Query().Get("code"), connection.Intent{
		Provider: highlevel.ID, BaseURL: e.hlReady.URL, ClientID: app.ClientID, ClientSecret: app.ClientSecret, Endpoint: app.Endpoint, RedirectURL: callback,
	})
	e.must(err)
	in := connection.OAuthInput{Authorised: done}
	in.Account, in.CompanyID, in.Scopes = h.providers.Granted(done.Pending, done.Token)
	return in
}

// connects is a person who connects the location by OAuth.
func (e *estate) connects() connection.Connection {
	e.Helper()
	c, err := e.houses[0].connections.ConnectOAuth(e.Context(), e.consents(e.hlReady.LocationID))
	e.must(err)
	return c
}

// connectsByToken is a person who connects the location with a private integration's token.
func (e *estate) connectsByToken() connection.Connection {
	e.Helper()
	c, err := e.houses[0].connections.ConnectKey(e.Context(), connection.KeyInput{Provider: highlevel.ID, Account: e.hlReady.LocationID, Key: e.hlReady.Token, BaseURL: e.hlReady.URL})
	e.must(err)
	return c
}

// runs switches on that HighLevel's contacts are carried to Gleap.
func (e *estate) runs(c connection.Connection) automation.Automation {
	e.Helper()
	h := e.houses[0]
	target, err := h.connections.ConnectKey(e.Context(), connection.KeyInput{Provider: gleap.ID, Account: e.glReady.ProjectID, Key: e.glReady.Token, BaseURL: e.glReady.URL})
	e.must(err)
	a := ready(e.T, "highlevel-contact-to-gleap", automation.On, func(d *automation.Definition) {
		d.Source.Connection, d.Target.Connection = c.ID, target.ID
	})
	a.CreatedAt, a.UpdatedAt = time.Now(), time.Now()
	e.must(h.store.CreateAutomation(e.Context(), a, "test"))
	e.must(h.store.SetState(e.Context(), a.ID, automation.On, ""))
	return a
}

// meets is a person who enters a contact at HighLevel.
func (e *estate) meets(email string) {
	e.Helper()
	if e.hl.PersonCreatesContact(map[string]any{"firstName": "Jane", "lastName": "Doe", "email": email}) == "" {
		e.Fatal("the twin refused a contact")
	}
}

// work carries out what is due in every house, until nothing is.
func (e *estate) work() {
	e.Helper()
	for {
		worked := false
		for _, h := range e.houses {
			e.mu.Lock()
			jobs := e.jobs[h]
			e.jobs[h] = nil
			e.mu.Unlock()
			for _, job := range jobs {
				worked = true
				switch job.Kind {
				case engine.JobRoute:
					_, err := h.router.Route(e.Context())
					e.must(err)
				case engine.JobReconcile:
					e.must(h.runner.Work(e.Context(), job.Work))
				}
			}
		}
		if !worked {
			return
		}
	}
}

// arrived tells whether Gleap has a contact.
func (e *estate) arrived(email string) bool {
	return slices.ContainsFunc(e.gl.Contacts(), func(c twingleap.Contact) bool { return c.Email == email })
}

// asked is how often the token address was asked, and the one for locations of an agency.
func (e *estate) asked() (renewed, minted int) {
	for _, call := range e.hl.Calls() {
		switch call.Path {
		case "/oauth/token":
			renewed++
		case "/oauth/locationToken":
			minted++
		}
	}
	return renewed, minted
}

// is fails unless the connection is in the state.
func (e *estate) is(c connection.Connection, want connection.State) {
	e.Helper()
	if got, err := e.houses[0].store.Connection(e.Context(), c.ID); err != nil || got.State != want {
		e.Errorf("the connection is %s (%s), %v; want %s", got.State, got.Problem, err, want)
	}
}

// held answers the code of the one run that waits; empty when none does.
func (e *estate) held(a automation.Automation) string {
	e.Helper()
	runs, err := e.houses[0].store.Runs(e.Context(), engine.RunFilter{Automation: a.ID, Limit: 10})
	e.must(err)
	code := ""
	for _, r := range runs {
		switch r.State {
		case automation.Waiting:
			if code != "" || r.NextAt.IsZero() {
				e.Errorf("more than one waits, or without an end: %+v", r)
			}
			code = r.Code
		case automation.Failed:
			e.Errorf("failed: %s", r.Summary)
		}
	}
	return code
}

// comesDue is the time at which what waits is tried again, as it is by itself.
func (e *estate) comesDue(a automation.Automation) {
	e.Helper()
	_, err := e.houses[0].store.WakeWaiting(e.Context(), a.ID)
	e.must(err)
}
