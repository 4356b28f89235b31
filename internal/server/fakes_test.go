package server

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/alexedwards/scs/v2/memstore"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/provider"
	"crosswalk/internal/recipe"
	"crosswalk/internal/record"
)

var today = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// absent is every method nobody gave a fake.
type absent struct {
	House
	Store
}

// fakeStore keeps automations and cursors in memory. What the builder does not use is left nil, so that a page
// which begins to use it fails loudly.
type fakeStore struct {
	absent
	fakeSignIns
	fakeTries
	fakeFactors
	fakeResets

	mu          sync.Mutex
	all         map[automation.ID]automation.Automation
	versions    map[automation.ID][]automation.Version
	cursors     map[string]engine.PollCursor
	populations []engine.Population
	reviews     []automation.Review // newest first
	past        past
}

func (f *fakeStore) MembershipsOf(_ context.Context, user string) ([]people.Membership, error) {
	return []people.Membership{{Workspace: people.Workspace{ID: "ws_1", Name: "Acme"}, User: user, Role: people.Owner}}, nil
}
func (f *fakeStore) InviteByToken(context.Context, []byte, time.Time) (people.Invite, error) {
	return people.Invite{}, engine.ErrNotFound
}
func (f *fakeStore) RecordAct(context.Context, people.AuditEntry) error { return nil }
func (f *fakeStore) HasUsers(context.Context) (bool, error)             { return true, nil }
func (f *fakeStore) UserByID(_ context.Context, id string) (people.User, error) {
	return people.User{ID: id, Email: "jane@acme.io"}, nil
}
func (f *fakeStore) Runs(context.Context, engine.RunFilter) ([]automation.Run, error) {
	return nil, nil
}
func (f *fakeStore) HeldWork(context.Context, ...automation.ID) (waiting, due int, err error) {
	return 0, 0, nil
}
func (f *fakeStore) RunCounts(context.Context, time.Time) ([]engine.HourCount, error) {
	return nil, nil
}
func (f *fakeStore) ReviewCounts(context.Context) (map[automation.ReviewKind]int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[automation.ReviewKind]int{}
	for _, r := range f.reviews {
		if r.State == automation.ReviewOpen {
			out[r.Kind]++
		}
	}
	return out, nil
}
func (f *fakeStore) LatestPopulation(context.Context, automation.ID) (engine.Population, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.populations); n > 0 {
		return f.populations[n-1], true, nil
	}
	return engine.Population{}, false, nil
}
func (f *fakeStore) PausedPopulation(context.Context, automation.ID) (engine.Population, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.populations {
		if p.State == engine.PopulationPaused && p.Mode.Applies() {
			return p, true, nil
		}
	}
	return engine.Population{}, false, nil
}
func (f *fakeStore) Population(_ context.Context, id string) (engine.Population, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.populations {
		if p.ID == id {
			return p, nil
		}
	}
	return engine.Population{}, engine.ErrNotFound
}
func (f *fakeStore) ResumePopulation(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, p := range f.populations {
		if p.ID == id && p.State == engine.PopulationPaused {
			f.populations[i].State, f.populations[i].Problem = engine.PopulationQueued, ""
			return nil
		}
	}
	return engine.ErrConflict
}
func (f *fakeStore) LatestPopulations(_ context.Context, of ...automation.ID) ([]engine.Population, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []engine.Population
	for _, id := range of {
		for _, p := range slices.Backward(f.populations) {
			if p.Automation == id {
				out = append(out, p)
				break
			}
		}
	}
	return out, nil
}
func (f *fakeStore) DeliveryStats(context.Context, record.ConnectionID) (engine.DeliveryStats, error) {
	return engine.DeliveryStats{}, nil
}

func (f *fakeStore) Automations(context.Context) ([]automation.Automation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]automation.Automation, 0, len(f.all))
	for _, a := range f.all {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b automation.Automation) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out, nil
}

func (f *fakeStore) Automation(_ context.Context, id automation.ID) (automation.Automation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.all[id]
	if !ok {
		return a, engine.ErrNotFound
	}
	return a, nil
}

func (f *fakeStore) CreateAutomation(_ context.Context, a automation.Automation, by string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	a.Version = 1
	f.all[a.ID] = a
	f.versions[a.ID] = []automation.Version{{Automation: a.ID, Number: 1, Definition: a.Definition, SavedBy: by, SavedAt: today, Note: "created"}}
	return nil
}

func (f *fakeStore) SaveEdit(_ context.Context, id automation.ID, from int, d automation.Definition, by, note string) (automation.Automation, error) {
	return f.save(id, from, func(a *automation.Automation) {
		n := f.version(id, automation.Version{Definition: d, SavedBy: by, SavedAt: today, Note: note})
		if a.EditsWait() {
			a.Next = &automation.NextVersion{Number: n, Definition: d}
			return
		}
		a.Version, a.Definition = n, d
	})
}

func (f *fakeStore) SaveLive(_ context.Context, id automation.ID, from int, change func(automation.Definition) automation.Definition, by, note string) (automation.Automation, error) {
	return f.save(id, from, func(a *automation.Automation) {
		var waiting []automation.Version
		for _, v := range slices.Backward(f.versions[id]) {
			if v.Number > a.Version && !v.Discarded {
				waiting = append(waiting, v)
			}
		}
		f.discard(*a)
		a.Definition = change(a.Definition)
		a.Version = f.version(id, automation.Version{Definition: a.Definition, SavedBy: by, SavedAt: today, Note: note})
		for _, v := range waiting {
			v.Definition = change(v.Definition)
			a.Next = &automation.NextVersion{Number: f.version(id, v), Definition: v.Definition}
		}
	})
}

// version adds a version and answers its number.
func (f *fakeStore) version(id automation.ID, v automation.Version) int {
	v.Automation, v.Number = id, f.versions[id][0].Number+1
	f.versions[id] = append([]automation.Version{v}, f.versions[id]...)
	return v.Number
}

func (f *fakeStore) save(id automation.ID, from int, what func(*automation.Automation)) (automation.Automation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.all[id]
	switch {
	case !ok:
		return a, engine.ErrNotFound
	case a.Edited().Version != from:
		return automation.Automation{}, engine.ErrConflict
	}
	what(&a)
	f.all[id] = a
	return a, nil
}

func (f *fakeStore) discard(a automation.Automation) {
	for i := range f.versions[a.ID] {
		if v := &f.versions[a.ID][i]; v.Number > a.Version {
			v.Discarded = true
		}
	}
}

func (f *fakeStore) PutLive(_ context.Context, id automation.ID, next int) (automation.Automation, error) {
	return f.settle(id, next, func(a *automation.Automation) { *a = a.Edited() })
}

func (f *fakeStore) DiscardNext(_ context.Context, id automation.ID, next int) (automation.Automation, error) {
	return f.settle(id, next, func(a *automation.Automation) { f.discard(*a) })
}

func (f *fakeStore) settle(id automation.ID, next int, how func(*automation.Automation)) (automation.Automation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.all[id]
	if a.Next == nil || a.Next.Number != next {
		return automation.Automation{}, engine.ErrConflict
	}
	how(&a)
	a.Next = nil
	f.all[id] = a
	return a, nil
}

func (f *fakeStore) Versions(_ context.Context, id automation.ID) ([]automation.Version, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.versions[id]), nil
}

func (f *fakeStore) Version(_ context.Context, id automation.ID, n int) (automation.Version, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range f.versions[id] {
		if v.Number == n {
			return v, nil
		}
	}
	return automation.Version{}, engine.ErrNotFound
}

func (f *fakeStore) update(id automation.ID, change func(*automation.Automation)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.all[id]
	if !ok {
		return engine.ErrNotFound
	}
	change(&a)
	f.all[id] = a
	return nil
}

func (f *fakeStore) SetState(_ context.Context, id automation.ID, st automation.State, why string) error {
	return f.update(id, func(a *automation.Automation) { a.State, a.PausedWhy = st, why })
}

func (f *fakeStore) ResumeAutomation(_ context.Context, id automation.ID) error {
	return f.update(id, func(a *automation.Automation) { a.State, a.PausedWhy = automation.On, "" })
}

func (f *fakeStore) CreatePopulation(_ context.Context, p engine.Population) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.populations = append(f.populations, p)
	return nil
}

func (f *fakeStore) ChangesToUndo(context.Context, string, string, int) ([]automation.Change, error) {
	return nil, nil
}

func (f *fakeStore) Rename(_ context.Context, id automation.ID, name string) error {
	return f.update(id, func(a *automation.Automation) { a.Name = name })
}

func (f *fakeStore) DeleteAutomation(_ context.Context, id automation.ID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, id)
	return nil
}

func (f *fakeStore) PollCursor(_ context.Context, c record.ConnectionID, t record.ObjectType) (engine.PollCursor, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	cursor, ok := f.cursors[string(c)+"/"+string(t)]
	return cursor, ok, nil
}

func (f *fakeStore) SavePollCursor(_ context.Context, c engine.PollCursor) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cursors[string(c.Connection)+"/"+string(c.Object)] = c
	return nil
}

// fakeAccounts is the connections there are.
type fakeAccounts struct {
	connection.Store
	list []connection.Connection
}

func (f *fakeAccounts) Connections(context.Context) ([]connection.Connection, error) {
	return f.list, nil
}

// fakeClient is one account. down makes every call fail with it.
type fakeClient struct {
	provider.Client
	schema  record.Schema
	records []record.Record
	down    error
}

func (f *fakeClient) Describe(context.Context, record.ObjectType) (record.Schema, error) {
	return f.schema, f.down
}

func (f *fakeClient) Get(_ context.Context, ref record.Ref) (record.Record, error) {
	for _, r := range f.records {
		if r.Ref.ID == ref.ID {
			return r, f.down
		}
	}
	return record.Record{}, &provider.Error{Kind: provider.NotFound}
}

func (f *fakeClient) List(_ context.Context, q provider.Query) iter.Seq2[provider.Page, error] {
	return func(yield func(provider.Page, error) bool) {
		var page provider.Page
		for _, r := range f.records {
			if strings.Contains(strings.ToLower(r.Title), strings.ToLower(q.Search)) {
				page.Records = append(page.Records, r)
			}
		}
		yield(page, f.down)
	}
}

// fakeGateway hands out the two accounts.
type fakeGateway map[record.ConnectionID]*fakeClient

func (f fakeGateway) Client(_ context.Context, id record.ConnectionID) (provider.Client, error) {
	c, ok := f[id]
	if !ok {
		return nil, &provider.Error{Kind: provider.Revoked}
	}
	return c, nil
}

// fakeTrials plans as if the target had nobody, and counts what was sent for real.
type fakeTrials struct {
	mu   sync.Mutex
	sent []record.Fields
}

func (f *fakeTrials) Preview(context.Context, automation.Automation, record.Ref) (automation.Plan, error) {
	return automation.Plan{}, fmt.Errorf("the builder previews records at hand only")
}

func (f *fakeTrials) PreviewRecord(_ context.Context, c *engine.Compiled, source record.Record) (automation.Plan, error) {
	return c.Plan(engine.Input{Source: source, Identity: automation.Identity{How: automation.NotFound}}), nil
}

func (f *fakeTrials) Send(_ context.Context, a automation.Automation, fields record.Fields) (automation.Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, fields)
	call := provider.Call{Method: "POST", Path: "/contacts/", Status: 201, Request: `{"email":"x"}`, Response: `{"contact":{"id":"hl9"}}`}
	return automation.Run{
		ID: "rn_1", Automation: a.ID, Outcome: automation.Create, Summary: "Made the contact.",
		Steps: []automation.Step{{Kind: automation.StepWrite, OK: true, Calls: []provider.Call{call}}},
	}, nil
}

const (
	glAccount record.ConnectionID = "cn_gl"
	hlAccount record.ConnectionID = "cn_hl"
)

func text(key, label string) record.FieldSpec {
	return record.FieldSpec{Key: key, Label: label, Kind: record.Text}
}

func gleapSchema() record.Schema {
	return record.Schema{Type: record.Contact, Label: "Gleap contact", Fields: []record.FieldSpec{
		text("name", "Name"), {Key: "email", Label: "Email", Kind: record.Email}, text("phone", "Phone"), text("companyName", "Company"),
		{Key: "tags", Label: "Tags", Kind: record.Set}, text("customData.plan", "Plan"), {Key: "customData.seats", Label: "Seats", Kind: record.Number},
	}}
}

func highLevelSchema() record.Schema {
	return record.Schema{Type: record.Contact, Label: "HighLevel contact", Fields: []record.FieldSpec{
		text("firstName", "First name"), text("lastName", "Last name"), {Key: "email", Label: "Email", Kind: record.Email},
		{Key: "phone", Label: "Phone", Kind: record.Phone}, text("companyName", "Company"), {Key: "tags", Label: "Tags", Kind: record.Set},
		text("city", "City"), {Key: "custom.x", Label: "Support ID", Kind: record.Text, Custom: true}, {Key: "score", Label: "Score", Kind: record.Number}, {Key: "dateAdded", Label: "Created", Kind: record.DateTime, ReadOnly: true},
	}}
}

// workshop is a server with one automation, both accounts connected, and somebody signed in.
type workshop struct {
	refuses error // what asking for what a record borrows answers
	*Server
	t        *testing.T
	store    *fakeStore
	accounts *fakeAccounts
	gateway  fakeGateway
	trials   *fakeTrials
	cookie   *http.Cookie
	id       automation.ID
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	w := &workshop{
		t:     t,
		store: &fakeStore{all: map[automation.ID]automation.Automation{}, versions: map[automation.ID][]automation.Version{}, cursors: map[string]engine.PollCursor{}},
		accounts: &fakeAccounts{list: []connection.Connection{
			{ID: glAccount, Provider: gleap, Name: "Acme", State: connection.Active},
			{ID: hlAccount, Provider: highLevel, Name: "Acme Dental", Auth: connection.ByOAuth, State: connection.Active},
		}},
		gateway: fakeGateway{
			glAccount: {schema: gleapSchema(), records: []record.Record{person("g1", "Jane Doe", "jane@acme.io", "pro"), person("g2", "Omar Haddad", "omar@acme.io", "free")}},
			hlAccount: {schema: highLevelSchema()},
		},
		trials: &fakeTrials{},
	}
	descriptors := map[provider.ID]provider.Descriptor{
		gleap:     {ID: gleap, Name: "Gleap", Objects: []provider.Object{{Type: record.Contact, Label: "contact", Plural: "contacts", Poll: true, MatchFields: []string{"email", "phone"}, MatchCustom: true}}},
		highLevel: {ID: highLevel, Name: "HighLevel", Objects: []provider.Object{{Type: record.Contact, Label: "contact", Plural: "contacts", Webhook: true, CreateNeedsOneOf: []string{"email", "phone"}, MatchFields: []string{"email", "phone"}, MatchCustom: true}}},
	}
	now := func() time.Time { return today }
	ids := 0
	w.Server = New(Config{
		Store: w.store, In: func(string) (Store, connection.Store) { return w.store, w.accounts }, Sessions: memstore.NewWithCleanupInterval(0), Connections: &connection.Service{Store: w.accounts},
		Gateway: w.gateway, Definitions: &engine.Definitions{Gateway: w.gateway, Descriptors: descriptors, Now: now},
		Trials: w.trials, Descriptors: descriptors, Now: now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		NewID: func(prefix string) string { ids++; return fmt.Sprintf("%s_%d", prefix, ids) },
	})
	t.Cleanup(w.Close)
	ctx, err := w.sessions.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.BeginSignIn(ctx, people.SignIn{ID: "si_1", UserID: "us_1", BeganAt: today, SeenAt: today}); err != nil {
		t.Fatal(err)
	}
	w.sessions.Put(ctx, keySignIn, "si_1")
	token, _, err := w.sessions.Commit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.cookie = &http.Cookie{Name: w.sessions.Cookie.Name, Value: token}
	r, ok := recipe.Find("gleap-contact-to-highlevel")
	if !ok {
		t.Fatal("the recipe is gone")
	}
	r.Definition.Source.Connection, r.Definition.Target.Connection = glAccount, hlAccount
	w.id = w.add("au_1", r.Definition)
	return w
}

// keepsIn makes another store the house's.
func (w *workshop) keepsIn(st interface {
	House
	Store
}) {
	w.Server.Store, w.In = st, func(string) (Store, connection.Store) { return st, w.accounts }
}

func person(id, name, email, plan string) record.Record {
	return record.Record{
		Ref: record.Ref{Connection: glAccount, Type: record.Contact, ID: id}, Title: name,
		Fields: record.Fields{"name": record.TextOf(name), "email": record.TextOf(email), "phone": record.TextOf("(415) 555-2671"), "customData.plan": record.TextOf(plan)},
	}
}

func (w *workshop) add(id automation.ID, d automation.Definition) automation.ID {
	w.t.Helper()
	a := automation.Automation{ID: id, Name: "Contacts", State: automation.Draft, Definition: d}
	if err := w.store.CreateAutomation(w.t.Context(), a, "jane@acme.io"); err != nil {
		w.t.Fatal(err)
	}
	return id
}

// now is the automation as it is stored.
func (w *workshop) now() automation.Automation {
	w.t.Helper()
	a, err := w.store.Automation(w.t.Context(), w.id)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// edit changes the stored definition without making a version.
func (w *workshop) edit(change func(*automation.Definition)) {
	w.t.Helper()
	if err := w.store.update(w.id, func(a *automation.Automation) { change(&a.Definition) }); err != nil {
		w.t.Fatal(err)
	}
}

// page is an answer, read as a page.
type page struct {
	t      *testing.T
	status int
	to     string // where a redirect leads
	*goquery.Document
}

func (w *workshop) do(r *http.Request) page {
	w.t.Helper()
	r.AddCookie(w.cookie)
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	doc, err := goquery.NewDocumentFromReader(rec.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return page{w.t, rec.Code, rec.Header().Get("Location"), doc}
}

func (w *workshop) get(rest string) page {
	w.t.Helper()
	return w.do(httptest.NewRequest(http.MethodGet, "/automations/"+string(w.id)+rest, nil))
}

// post sends a form with the version that is current, unless the form names another.
func (w *workshop) post(rest string, form url.Values) page {
	w.t.Helper()
	if !form.Has("version") {
		form.Set("version", fmt.Sprint(w.now().Edited().Version))
	}
	r := httptest.NewRequest(http.MethodPost, "/automations/"+string(w.id)+rest, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.do(r)
}

func form(pairs ...string) url.Values {
	out := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Add(pairs[i], pairs[i+1])
	}
	return out
}

// is fails unless the page came with the status.
func (p page) is(status int) page {
	p.t.Helper()
	if p.status != status {
		p.t.Fatalf("status %d, want %d:\n%s", p.status, status, p.words("main"))
	}
	return p
}

// says fails unless the part of the page holds the words.
func (p page) says(selector, words string) page {
	p.t.Helper()
	if got := p.words(selector); !strings.Contains(got, words) {
		p.t.Errorf("%s does not say %q:\n%s", selector, words, got)
	}
	return p
}

func (p page) words(selector string) string {
	return strings.Join(strings.Fields(p.Find(selector).Text()), " ")
}

func newGet(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }

func newPost(path string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}
