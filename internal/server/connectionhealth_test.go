package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// vitals is what the page of a connection reads besides, as told.
type vitals struct {
	uses         []engine.QuotaUse
	faults       []engine.Fault
	waiting, due int
	quota        engine.QuotaState
}

func (d *doorStore) QuotaUses(context.Context, record.ConnectionID, time.Time) ([]engine.QuotaUse, error) {
	return d.vitals.uses, nil
}

func (d *doorStore) Faults(context.Context, record.ConnectionID, int) ([]engine.Fault, error) {
	return d.vitals.faults, nil
}

func (d *doorStore) HeldWork(context.Context, ...automation.ID) (waiting, due int, err error) {
	return d.vitals.waiting, d.vitals.due, nil
}

func (d *doorStore) PollCursors(context.Context) ([]engine.PollCursor, error) {
	return []engine.PollCursor{{Connection: "cn_hl", Object: record.Task, PolledAt: today.Add(-time.Minute), NextAt: today.Add(3 * time.Minute), Problem: "out of reach", Why: "the last 2 polls failed", Missed: 4}, {Connection: "cn_gl", Object: record.Ticket}}, nil
}

// tried is a client whose probes answer as told, by scope.
type tried struct {
	provider.Client
	says map[string]error
	n    int
}

func (p *tried) Check(context.Context) (provider.Account, error) {
	return provider.Account{ID: ourPlace, Name: "Acme Dental"}, nil
}

func (p *tried) Probes() []provider.Probe {
	var out []provider.Probe
	for _, scope := range []string{"contacts.readonly", "contacts.write", "users.readonly"} {
		out = append(out, provider.Probe{Scope: scope, Does: "Try " + scope, Try: func(context.Context) error { p.n++; return p.says[scope] }})
	}
	return out
}

// newSickroom is a signed-in door with one HighLevel connection by OAuth, which one automation writes to.
func newSickroom(t *testing.T, client provider.Client, change func(*connection.Connection)) *door {
	t.Helper()
	d := newDoor(t, func(c *Config) {
		c.Quota = func(record.ConnectionID) (engine.QuotaState, bool) { return engine.QuotaState{}, false }
		c.Fresh = func(context.Context, record.ConnectionID) (provider.Client, error) { return client, nil }
	}).signsIn()
	cn := connection.Connection{
		ID: "cn_hl", Provider: highLevel, Name: "Acme Dental", Account: provider.Account{ID: ourPlace}, State: connection.Active, Auth: connection.ByOAuth,
		Scopes: []string{"contacts.readonly", "contacts.write"}, CheckedAt: d.now.Add(-time.Minute), RotatedAt: d.now.Add(-3 * time.Hour), ExpiresAt: d.now.Add(20 * time.Hour),
	}
	if change != nil {
		change(&cn)
	}
	ok(t, d.connections.SaveConnection(t.Context(), cn, nil))
	d.store.all["au_1"] = automation.Automation{
		ID: "au_1", Name: "Contacts <both ways>", State: automation.On, Definition: automation.Definition{
			Source: automation.Endpoint{Provider: gleap, Connection: "cn_gl", Object: record.Contact}, Target: automation.Endpoint{Provider: highLevel, Connection: "cn_hl", Object: record.Contact},
		},
	}
	return d
}

func TestThePageOfAConnectionSaysHowItStandsInOneSentence(t *testing.T) {
	t.Parallel()
	all := []string{"contacts.readonly", "contacts.write", "locations/customFields.readonly"}
	for name, c := range map[string]struct {
		change func(*connection.Connection)
		vitals vitals
		want   []string
		not    []string
	}{
		"it works": {
			func(cn *connection.Connection) { cn.Scopes = all }, vitals{},
			[]string{"Working. 1 automation uses it.", "Last check", "Everything the automations need is granted.", "Contacts &lt;both ways&gt;", "renewed 3 hours ago", "None is remembered.", "Last poll of tasks", "1 minute ago, in vain: out of reach; every 4 minutes, no sooner because the last 2 polls failed", "Webhooks about tasks that never came", "4, made up for by polling"}, []string{"Consent again", "goes on by itself", "go on by themselves", "Last poll of tickets"},
		},
		"a needed permission is missing": {
			nil, vitals{},
			[]string{"Working, but without 1 permission that an automation needs.", "1 permission is missing", "locations/customFields.readonly"}, nil,
		},
		"it needs a person, and work waits": {
			func(cn *connection.Connection) {
				cn.State, cn.Problem = connection.NeedsReconnect, "HighLevel took the access back."
			}, vitals{waiting: 214},
			[]string{"Needs you: HighLevel refuses our access, as it told us 1 minute ago. Reconnect the account. Nothing is lost: 214 records wait and go on by themselves then.", "HighLevel took the access back.", `href="/connections/cn_hl/reconnect"`}, nil,
		},
		"it was uninstalled there": {
			func(cn *connection.Connection) { cn.State = connection.Uninstalled }, vitals{waiting: 1},
			[]string{"Needs you: Crosswalk was uninstalled in this account, so nothing is read or written until it is installed again. Nothing is lost: 1 record waits and goes on by itself then."}, []string{"Test connection"},
		},
		"a key is refused": {
			func(cn *connection.Connection) { cn.State, cn.Auth = connection.NeedsReconnect, connection.ByKey }, vitals{},
			[]string{"HighLevel refuses our key, as it told us 1 minute ago. Reconnect the account."}, []string{"Nothing is lost:"},
		},
		"nobody can tell what a key may do": {
			func(cn *connection.Connection) { cn.Auth, cn.Scopes = connection.ByKey, nil }, vitals{},
			[]string{"Working. 1 automation uses it.", "does not tell what this key may do", "not told", "locations/customFields.readonly"}, []string{"not granted", "Consent again"},
		},
		"the day's calls will run out": {
			func(cn *connection.Connection) { cn.Scopes = all },
			vitals{
				quota: engine.QuotaState{Used: 12, Limit: 100, Interval: 10 * time.Second, DailyUsed: 150_000, DailyLimit: 200_000, Forecast: 260_000, RunsOut: today.Add(6 * time.Hour), Reserve: 20},
				uses:  []engine.QuotaUse{{Connection: "cn_hl", Start: today.Add(-time.Hour), Calls: 1200, Refused: 3}, {Connection: "cn_hl", Start: today.Add(-61 * time.Minute), Calls: 34}},
			},
			[]string{"at this pace the day’s calls will run out", "about 260,000 calls, 130 % of the limit", "run out in 6 hours", "20 % of the limit is left to other apps", "50,000 of 200,000 left", "88 of 100 left", "1,234 calls", "3 more were refused", "<svg"}, nil,
		},
		"calls failed": {
			nil,
			vitals{faults: []engine.Fault{{Connection: "cn_hl", At: today.Add(-2 * time.Minute), Op: "update contact", Kind: "unavailable", Status: 503, Detail: "<b>out of order</b>", TraceID: "0af7651916cd43dd"}, {Kind: "ambiguous", Op: "create contact"}}},
			[]string{"out of reach or out of order", "update contact", "status 503", "&lt;b&gt;out of order&lt;/b&gt;", "0af7651916cd43dd", "The answer to a write got lost", "no answer"}, []string{"<b>out"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newSickroom(t, nil, c.change)
			d.store.vitals = c.vitals
			d.Server.Quota = func(record.ConnectionID) (engine.QuotaState, bool) { return c.vitals.quota, c.vitals.quota.Limit > 0 }
			page := d.open("/connections/cn_hl").Body.String()
			for _, w := range c.want {
				if !strings.Contains(page, w) {
					t.Errorf("the page does not say %q", w)
				}
			}
			for _, n := range c.not {
				if strings.Contains(page, n) {
					t.Errorf("the page says %q", n)
				}
			}
			if t.Failed() {
				t.Log(d.log)
			}
		})
	}
}

func TestATestTriesEachPermissionAndTakesNoMissingScopeForADeadToken(t *testing.T) {
	t.Parallel()
	client := &tried{says: map[string]error{
		"contacts.write": &provider.Error{Kind: provider.Forbidden, Scope: "contacts.write", Status: 401, TraceID: "trace-of-the-refusal"},
		"users.readonly": &provider.Error{Kind: provider.Unavailable, Status: 503},
	}}
	d := newSickroom(t, client, nil)
	w := d.send("/connections/cn_hl/test", nil)
	page := w.Body.String()
	for _, want := range []string{"2 of 3 did not work", "Try contacts.readonly", "Not granted", "trace-of-the-refusal", "No use to tell"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if cn, err := d.connections.Connection(t.Context(), "cn_hl"); err != nil || cn.State != connection.Active {
		t.Errorf("the connection is %s, %v", cn.State, err)
	}
	if t.Failed() {
		t.Log(d.log)
	}
	if client.n != 3 {
		t.Errorf("%d were tried", client.n)
	}

	// A dead credential tells nothing of what comes after.
	dead := &tried{says: map[string]error{"contacts.readonly": &provider.Error{Kind: provider.Revoked, Status: 401}}}
	d = newSickroom(t, dead, nil)
	if page := d.send("/connections/cn_hl/test", nil).Body.String(); !strings.Contains(page, "The access is not accepted") || dead.n != 1 {
		t.Errorf("%d were tried:\n%s", dead.n, page)
	}
}

func TestATestTellsWhatAKeyMayDo(t *testing.T) {
	t.Parallel()
	client := &tried{says: map[string]error{"contacts.write": &provider.Error{Kind: provider.Forbidden, Scope: "contacts.write", Status: 401}}}
	d := newSickroom(t, client, func(cn *connection.Connection) { cn.Auth, cn.Scopes = connection.ByKey, nil })
	page := d.send("/connections/cn_hl/test", nil).Body.String()
	for _, want := range []string{"Working, but without 1 permission that an automation needs.", "Grant what is missing to the key at HighLevel"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if n := strings.Count(page, "not told"); n != len(d.Descriptors[highLevel].Scopes)-len(client.Probes()) {
		t.Errorf("%d permissions are not told", n)
	}
}

func TestWhatWasUninstalledHasNothingToTest(t *testing.T) {
	t.Parallel()
	client := &tried{}
	d := newSickroom(t, client, func(cn *connection.Connection) { cn.State, cn.Problem = connection.Uninstalled, "It was uninstalled." })
	w := d.send("/connections/cn_hl/test", nil)
	if at := w.Header().Get("Location"); at != "/connections/cn_hl/reconnect" || client.n != 0 {
		t.Errorf("it answers %d and leads to %q; %d were tried", w.Code, at, client.n)
	}
}

func TestATestThatTakesTooLongEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := &scoped{Server: &Server{Config: Config{Now: time.Now}}}
		out := s.probe(t.Context(), silent{})
		if took := time.Since(began); took != testFor {
			t.Errorf("it took %s", took)
		}
		var says []string
		for _, p := range out {
			says = append(says, p.Says)
		}
		if len(out) != 5 || says[0] != "No answer" || !strings.HasPrefix(says[4], "Not tried") {
			t.Errorf("%q", says)
		}
	})
}

// silent answers nothing.
type silent struct{ provider.Client }

func (silent) Probes() []provider.Probe {
	out := make([]provider.Probe, 5)
	for i := range out {
		out[i].Try = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
	}
	return out
}

// TestWhatNoWebhookToldOfIsSaid: by the newest comparison of each automation that reads here.
func TestWhatNoWebhookToldOfIsSaid(t *testing.T) {
	t.Parallel()
	d := newSickroom(t, nil, nil)
	a := d.store.all["au_1"]
	a.Definition.Source, a.Definition.Target = a.Definition.Target, a.Definition.Source
	d.store.all["au_1"] = a
	d.store.populations = []engine.Population{{Automation: "au_1", Missed: 12, FinishedAt: d.now.Add(-3 * time.Hour)}}
	if page := d.open("/connections/cn_hl").Body.String(); !strings.Contains(page, "12 (Contacts &lt;both ways&gt;, compared 3 hours ago)") {
		t.Error("the page does not say it")
	}
	d.store.populations = append(d.store.populations, engine.Population{Automation: "au_1", FinishedAt: d.now})
	if page := d.open("/connections/cn_hl").Body.String(); strings.Contains(page, "compared") || !strings.Contains(page, "none found") {
		t.Error("the page says it although the newest comparison found none")
	}
}

func TestEveryPageSaysThatAnAccountIsDownUntilItIsNot(t *testing.T) {
	t.Parallel()
	d := newSickroom(t, nil, func(cn *connection.Connection) {
		cn.State, cn.Problem, cn.DownSince = connection.NeedsReconnect, "HighLevel took the access back.", time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)
	})
	since := regexp.MustCompile(`Down since <local-time><time datetime="2026-03-04T05:06:00Z">4 Mar 2026, 05:06 UTC</time></local-time>`)
	const banner = "HighLevel (Acme Dental) has to be reconnected"
	for _, path := range []string{"/runs", "/deliveries", "/settings"} {
		if page := d.open(path).Body.String(); !strings.Contains(page, banner) || !strings.Contains(page, `href="/connections/cn_hl/reconnect"`) || !since.MatchString(page) {
			t.Errorf("%s does not say it, and since when", path)
		}
	}
	for _, path := range []string{"/connections/cn_hl", "/connections/cn_hl/reconnect"} {
		page := d.open(path).Body.String()
		if strings.Contains(page, banner) {
			t.Errorf("%s says it twice", path)
		}
		if n := len(since.FindAllString(page, -1)); n != 1 {
			t.Errorf("%s says %d times since when:\n%s", path, n, page)
		}
	}
	cn, err := d.connections.Connection(t.Context(), "cn_hl")
	ok(t, err)
	cn.State, cn.Problem, cn.DownSince = connection.Active, "", time.Time{}
	ok(t, d.connections.SaveConnection(t.Context(), cn, nil))
	if strings.Contains(d.open("/runs").Body.String(), banner) {
		t.Error("it is told although the account works")
	}
}

func TestAReconnectByConsentWantsTheSameAccount(t *testing.T) {
	t.Parallel()
	o := newMarketplace(t)
	o.signsIn()
	old := connection.Connection{ID: "cn_old", Provider: highLevel, Name: "Acme", Account: provider.Account{ID: "1"}, ClientID: "ours-1", BaseURL: "https://api.example.com", State: connection.NeedsReconnect, Problem: "It was revoked.", Auth: connection.ByOAuth}
	ok(t, o.connections.SaveConnection(t.Context(), old, nil))
	o.store.all["au_1"] = automation.Automation{ID: "au_1", State: automation.On, Definition: automation.Definition{Target: automation.Endpoint{Connection: "cn_old"}}}
	o.store.vitals.waiting = 3
	comesBack := func(code string) *httptest.ResponseRecorder {
		to, err := url.Parse(o.send("/connections/cn_old/reconnect", nil).Header().Get("Location"))
		ok(t, err)
		return o.open("/connections/callback?code=" + code + "&state=" + to.Query().Get("state"))
	}
	w := comesBack("place-2")
	shows(t, w, http.StatusUnprocessableEntity, "You chose another account than the one to reconnect, so nothing was changed.")
	shows(t, w, http.StatusUnprocessableEntity, "3 records wait")
	if all := o.all(); len(all) != 1 || all[0].State != connection.NeedsReconnect || all[0].Account.ID != "1" {
		t.Errorf("after another account was chosen: %+v", all)
	}
	leads(t, comesBack("place-1"), "/connections/cn_old?draining=1")
	if all := o.all(); len(all) != 1 || all[0].ID != "cn_old" || all[0].State != connection.Active {
		t.Errorf("after the same account was chosen: %+v", all)
	}
	o.store.vitals.waiting, o.store.vitals.due = 0, 3
	shows(t, o.open("/connections/cn_old?draining=1"), http.StatusOK, "3 records are being worked on. This page follows.")
	o.store.vitals.due = 0
	if page := o.open("/connections/cn_old?draining=1").Body.String(); strings.Contains(page, "This page follows") {
		t.Error("it goes on following")
	}
}

func TestAReconnectByKeyKeepsTheConnectionAndWantsTheSameAccount(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	cn := connection.Connection{ID: "cn_old", Provider: gleap, Name: "Acme", Account: provider.Account{ID: ourProject}, BaseURL: "https://api.example.com", State: connection.NeedsReconnect, Problem: "The key was revoked.", Auth: connection.ByKey, HookSecret: hookSecret}
	ok(t, o.connections.SaveConnection(t.Context(), cn, nil))
	o.store.vitals.waiting = 3
	page := o.open("/connections/cn_old/reconnect").Body.String()
	for _, want := range []string{"The key was revoked.", "3 records wait", "New key", ourProject} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q:\n%s", want, page)
		}
	}
	o.said = &provider.Error{Kind: provider.Unauthorized}
	if w := o.send("/connections/cn_old/reconnect", form("key", "still-wrong")); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "does not accept this key") || strings.Contains(w.Body.String(), "still-wrong") {
		t.Errorf("a wrong key answers %d:\n%s", w.Code, w.Body)
	}
	o.said = nil
	w := o.send("/connections/cn_old/reconnect", form("key", "the-new-key"))
	if at := w.Header().Get("Location"); at != "/connections/cn_old?draining=1" {
		t.Fatalf("it leads to %q (%d): %s", at, w.Code, w.Body)
	}
	if all := o.all(); len(all) != 1 || all[0].ID != "cn_old" || all[0].State != connection.Active || all[0].HookSecret != hookSecret || o.token != "the-new-key" {
		t.Errorf("connected: %+v, tried with %q", all, o.token)
	}
}
