package server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2/memstore"
	"golang.org/x/oauth2"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/connection/connectiontest"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	gleapapi "crosswalk/internal/provider/gleap"
	highlevelapi "crosswalk/internal/provider/highlevel"
	"crosswalk/internal/record"
	"crosswalk/internal/vault"
	"crosswalk/web/ui"
)

// doorStore is fakeStore with people, an inbox, a run log and a health of its own.
type doorStore struct {
	*fakeStore
	vitals     vitals
	identities identityShelf

	mu        sync.Mutex
	users     []people.User
	inbox     []automation.Delivery
	refused   []automation.Refusal
	asked     engine.DeliveryFilter // for the log
	role      people.Role           // of everybody; owner when empty
	runs      []automation.Run
	down      error
	pending   bool
	stored    func()
	first     string       // the first workspace; the one there is when empty
	lateFirst *people.User // who creates the first account a moment before us
}

func (d *doorStore) hold() func() { d.mu.Lock(); return d.mu.Unlock }

func (d *doorStore) HasUsers(context.Context) (bool, error) {
	defer d.hold()()
	return len(d.users) > 0, d.down
}

func (d *doorStore) CreateFirstUser(_ context.Context, u people.User) error {
	defer d.hold()()
	if d.lateFirst != nil {
		d.users = append(d.users, *d.lateFirst)
	}
	if len(d.users) > 0 {
		return engine.ErrConflict
	}
	d.users = append(d.users, u)
	return nil
}

func (d *doorStore) user(is func(people.User) bool) (people.User, error) {
	defer d.hold()()
	if d.down != nil {
		return people.User{}, d.down
	}
	for _, u := range d.users {
		if is(u) {
			return u, nil
		}
	}
	return people.User{}, engine.ErrNotFound
}

func (d *doorStore) UserByEmail(_ context.Context, email string) (people.User, error) {
	return d.user(func(u people.User) bool { return strings.EqualFold(u.Email, email) })
}

func (d *doorStore) UserByID(_ context.Context, id string) (people.User, error) {
	return d.user(func(u people.User) bool { return u.ID == id })
}

func (d *doorStore) SetPassword(ctx context.Context, id, hash, keep string) error {
	defer d.hold()()
	_, _ = d.EndSignIns(ctx, id, keep)
	for i := range d.users {
		if d.users[i].ID == id {
			d.users[i].PasswordHash = hash
		}
	}
	return nil
}

func (d *doorStore) FinishReset(ctx context.Context, token, hash string, now time.Time) error {
	id, err := d.Reset(ctx, token, now)
	if err != nil {
		return err
	}
	d.link = ""
	return d.SetPassword(ctx, id, hash, "")
}

func (d *doorStore) Accept(_ context.Context, ds ...automation.Delivery) (fresh int, err error) {
	defer d.hold()()
	if d.down != nil {
		return 0, d.down
	}
	for _, one := range ds {
		known := false
		for _, had := range d.inbox {
			known = known || had.Event.DedupeKey == one.Event.DedupeKey
		}
		if !known {
			d.inbox = append(d.inbox, one)
			fresh++
		}
	}
	if d.stored != nil {
		d.stored()
	}
	return fresh, nil
}

func (d *doorStore) Delivered(_ context.Context, _ record.ConnectionID, key string) (bool, error) {
	defer d.hold()()
	return slices.ContainsFunc(d.inbox, func(had automation.Delivery) bool { return had.Event.DedupeKey == key }), d.down
}

// RunsSince numbers runs by their place in the log.
func (d *doorStore) RunsSince(_ context.Context, seq int64, limit int) ([]automation.Run, int64, error) {
	defer d.hold()()
	newest := int64(len(d.runs))
	if d.down != nil || seq < 0 || seq >= newest {
		return nil, newest, d.down
	}
	runs := d.runs[seq:]
	if len(runs) > limit {
		runs, newest = runs[:limit], seq+int64(limit)
	}
	return runs, newest, nil
}

func (d *doorStore) Ping(context.Context) error { defer d.hold()(); return d.down }

func (d *doorStore) MigrationsPending(context.Context) (bool, error) {
	defer d.hold()()
	return d.pending, nil
}

func (d *doorStore) Delivery(_ context.Context, id string) (automation.Delivery, error) {
	defer d.hold()()
	for _, one := range d.inbox {
		if one.Event.ID == id {
			return one, nil
		}
	}
	return automation.Delivery{}, engine.ErrNotFound
}

func (d *doorStore) Deliveries(_ context.Context, f engine.DeliveryFilter) ([]automation.Delivery, error) {
	defer d.hold()()
	d.asked = f
	var out []automation.Delivery
	for _, one := range slices.Backward(d.inbox) {
		if one.Event.Kind == automation.Webhook && (f.Before == "" || one.Event.ID < f.Before) && len(out) < f.Limit {
			out = append(out, one)
		}
	}
	return out, d.down
}

func (d *doorStore) Refusals(context.Context, time.Time) ([]automation.Refusal, error) {
	defer d.hold()()
	return d.refused, d.down
}

func (d *doorStore) FirstWorkspace(context.Context) (string, error) {
	return cmp.Or(d.first, "ws_1"), nil
}

func (d *doorStore) MembershipsOf(_ context.Context, user string) ([]people.Membership, error) {
	return []people.Membership{{Workspace: people.Workspace{ID: "ws_1", Name: "Acme"}, User: user, Role: cmp.Or(d.role, people.Owner)}}, nil
}

func (d *doorStore) AddRefusals(_ context.Context, all ...automation.Refusal) error {
	defer d.hold()()
	if d.down != nil {
		return d.down
	}
	d.refused = append(d.refused, all...)
	return nil
}

func (d *doorStore) deliveries() []automation.Delivery {
	defer d.hold()()
	return d.inbox
}

// doorProviders is two providers whose HighLevel app is ours-1.
type doorProviders struct{ Providers }

func (doorProviders) OwnApp(_ provider.ID, appID string) (ours, configured bool) {
	return appID == "ours", true
}
func (doorProviders) OAuth(provider.ID) (OAuthApp, bool) { return OAuthApp{}, false }
func (doorProviders) BaseURL(provider.ID) string         { return "https://api.example.com" }
func (doorProviders) HookSteps(provider.ID) []string     { return nil }
func (doorProviders) Regions(provider.ID) []ui.Option    { return nil }
func (doorProviders) Granted(p connection.Pending, _ *oauth2.Token) (account, company string, scopes []string) {
	return p.Account, "", p.Scopes
}

const (
	setupToken = "the-setup-token-of-the-test"
	password   = "correct horse battery staple"
	hookSecret = "an-unguessable-hook-secret-of-the-test"
	ourPlace   = "ve9EPM428h8vShlRW1KT"
	ourProject = "66f2d1d2c0f3b4a1e8d9c7b6"
)

// door is a server as a stranger finds it.
type door struct {
	*Server
	t           *testing.T
	store       *doorStore
	connections *connectiontest.Store
	signer      ed25519.PrivateKey
	jar         map[string]string
	log         *bytes.Buffer
	now         time.Time
	keys        *vault.Vault
}

// unsealed is a stored delivery's body as it was sent, but for secrets.
func (d *door) unsealed(one automation.Delivery) string {
	d.t.Helper()
	body, err := d.keys.Open(one.Body, "delivery/"+one.Event.ID)
	ok(d.t, err)
	return string(body)
}

func newDoor(t *testing.T, change ...func(*Config)) *door {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	ok(t, err)
	spki, err := x509.MarshalPKIXPublicKey(pub)
	ok(t, err)
	hl, err := highlevelapi.NewWebhooks(highlevelapi.WebhookConfig{PublicKeys: []string{base64.StdEncoding.EncodeToString(spki)}})
	ok(t, err)
	sealing, err := vault.NewKey(bytes.Repeat([]byte("k"), 32))
	ok(t, err)
	keys, err := vault.New(sealing)
	ok(t, err)
	d := &door{t: t, signer: key, jar: map[string]string{}, log: &bytes.Buffer{}, now: today, keys: keys, connections: connectiontest.NewStore()}
	d.store = &doorStore{fakeStore: &fakeStore{all: map[automation.ID]automation.Automation{}, cursors: map[string]engine.PollCursor{}}}
	d.store.now = func() time.Time { return d.now }
	ids := 0
	var mu sync.Mutex
	cfg := Config{
		Store: d.store, In: func(string) (Store, connection.Store) { return d.store, d.connections }, Sessions: memstore.NewWithCleanupInterval(0), Webhooks: Hooks{highLevel: hl, gleap: gleapapi.NewWebhooks()}, Providers: doorProviders{},
		Descriptors: map[provider.ID]provider.Descriptor{highLevel: highlevelapi.Descriptor(), gleap: gleapapi.Descriptor()},
		Connections: &connection.Service{
			Store: d.connections, Grants: connection.Grants{Store: d.connections, Vault: keys}, Names: map[provider.ID]string{highLevel: "HighLevel", gleap: "Gleap"},
			Now: func() time.Time { return d.now }, NewID: automation.NewID, Changed: func(context.Context, record.ConnectionID) {},
		},
		Vault:      keys,
		Flow:       &connection.Flow{Store: d.connections, Vault: keys, HTTP: http.DefaultClient, Now: func() time.Time { return d.now }},
		Quota:      func(record.ConnectionID) (engine.QuotaState, bool) { return engine.QuotaState{}, false },
		Metrics:    http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "runs_total 7") }),
		SetupToken: setupToken, PublicURL: "http://example.com", Now: func() time.Time { return d.now },
		Log: slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		NewID: func(prefix string) string {
			mu.Lock()
			defer mu.Unlock()
			ids++
			return fmt.Sprintf("%s_%d", prefix, ids)
		},
		Fresh: func(context.Context, record.ConnectionID) (provider.Client, error) {
			return nil, connection.ErrNotFound
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	d.Server = New(cfg)
	t.Cleanup(d.Close)
	for _, c := range []connection.Connection{
		{ID: "cn_hl", Provider: highLevel, Account: provider.Account{ID: ourPlace}, State: connection.Active, Auth: connection.ByKey, HookSecret: "unused-unused-unused"},
		{ID: "cn_gl", Provider: gleap, Account: provider.Account{ID: ourProject}, State: connection.Active, Auth: connection.ByKey, HookSecret: hookSecret},
	} {
		ok(t, d.connections.SaveConnection(t.Context(), c, nil))
	}
	return d
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var someone = sync.OnceValues(func() (people.User, error) {
	hash, err := people.Hash(password)
	return people.User{ID: "us_jane", Email: "jane@acme.io", PasswordHash: hash, CreatedAt: today}, err
})

// inhabited gives the house its person.
func (d *door) inhabited() *door {
	d.t.Helper()
	u, err := someone()
	ok(d.t, err)
	d.store.users = []people.User{u}
	return d
}

// call sends a request with the cookies there are, and keeps those that come back.
func (d *door) call(r *http.Request) *httptest.ResponseRecorder {
	d.t.Helper()
	for name, value := range d.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(d.jar, c.Name)
		} else {
			d.jar[c.Name] = c.Value
		}
	}
	return w
}

func (d *door) open(path string) *httptest.ResponseRecorder {
	d.t.Helper()
	return d.call(newGet(path))
}

func (d *door) send(path string, values url.Values) *httptest.ResponseRecorder {
	d.t.Helper()
	r := newPost(path, values)
	r.Header.Set("Sec-Fetch-Site", "same-origin") // as a browser does for a page of ours
	return d.call(r)
}

func (d *door) signsIn() *door {
	d.t.Helper()
	if w := d.inhabited().send("/sign-in", form("email", "jane@acme.io", "password", password)); w.Code != http.StatusSeeOther {
		d.t.Fatalf("signing in: %d %s", w.Code, w.Body)
	}
	return d
}

// leads fails unless the answer sends the browser there.
func leads(t *testing.T, w *httptest.ResponseRecorder, to string) {
	t.Helper()
	if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != to {
		t.Errorf("%d to %q, want %q: %s", w.Code, got, to, w.Body)
	}
}

// shows fails unless the answer has the status and the words.
func shows(t *testing.T, w *httptest.ResponseRecorder, status int, words string) {
	t.Helper()
	if body := w.Body.String(); w.Code != status || !strings.Contains(body, words) {
		t.Errorf("%d, want %d with %q:\n%s", w.Code, status, words, body)
	}
}

// deliver posts a body of unknown length where chunked, as a provider's retry worker may.
func (d *door) deliver(path string, body []byte, chunked bool, header ...string) *httptest.ResponseRecorder {
	d.t.Helper()
	var reader io.Reader = bytes.NewReader(body)
	if chunked {
		reader = io.MultiReader(reader)
	}
	r := httptest.NewRequest(http.MethodPost, path, reader)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

func (d *door) signed(body []byte) *httptest.ResponseRecorder {
	d.t.Helper()
	return d.deliver("/hooks/highlevel", body, false, "X-GHL-Signature", base64.StdEncoding.EncodeToString(ed25519.Sign(d.signer, body)))
}
