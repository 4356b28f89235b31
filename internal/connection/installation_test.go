package connection_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/connection"
	"crosswalk/internal/connection/connectiontest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// agency is a company at a provider: whoever holds one of its tokens may list its accounts and make their tokens.
type agency struct {
	mu       sync.Mutex
	accounts []provider.Account
	minted   int
	life     time.Duration
	said     error // what every call answers
}

type agencyView struct {
	*agency
	token func(context.Context) (string, error)
}

func (a agencyView) Accounts(ctx context.Context) ([]provider.Account, error) {
	if _, err := a.token(ctx); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.accounts, a.said
}

func (a agencyView) Mint(ctx context.Context, account string) (*oauth2.Token, []string, error) {
	if _, err := a.token(ctx); err != nil {
		return nil, nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.said != nil {
		return nil, nil, a.said
	}
	for _, one := range a.accounts {
		if one.ID == account {
			a.minted++
			return &oauth2.Token{AccessToken: fmt.Sprintf("minted-%d", a.minted), Expiry: time.Now().Add(a.life)}, []string{"contacts.readonly"}, nil
		}
	}
	return nil, nil, &provider.Error{Kind: provider.Forbidden}
}

// house is a service with an agency behind it, a gateway and a keeper, all in memory.
type house struct {
	*connection.Service
	t       *testing.T
	agency  *agency
	store   *connectiontest.Store
	server  *tokenServer
	wire    http.RoundTripper // to the token address; the server
	gateway *connection.Gateway
	keeper  *connection.Keeper
	mu      sync.Mutex
	changed []record.ConnectionID
	log     strings.Builder
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return newHouseOn(t, connectiontest.NewStore())
}

// newHouseOn is one process of those that share a store.
func newHouseOn(t *testing.T, st *connectiontest.Store) *house {
	t.Helper()
	h := &house{t: t, store: st, server: &tokenServer{valid: "refresh-0", takes: time.Second}, agency: &agency{life: 24 * time.Hour}}
	h.wire = h.server
	grants := connection.Grants{Store: h.store, Vault: aVault(t)}
	h.Service = serviceOn(h.store, grants, works)
	// Whoever is asked who they are is the account the connection is for.
	h.Builders["p"] = func(c connection.Connection, token func(context.Context) (string, error), _ func(context.Context) error) (provider.Client, error) {
		return placeClient{account: c.Account, token: token}, nil
	}
	h.Changed = func(_ context.Context, id record.ConnectionID) {
		h.gateway.Forget(id)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.changed = append(h.changed, id)
	}
	tokens := func(of connection.Holder, app func(connection.Grant) *oauth2.Config) *connection.Tokens {
		return &connection.Tokens{Of: of, Grants: grants, App: app, HTTP: &http.Client{Transport: h.wire}, Owner: "one", Now: time.Now, Wait: connection.Sleep}
	}
	h.Companies = &connection.Companies{
		Store: h.store, Grants: grants,
		Build: map[provider.ID]connection.CompanyBuilder{"p": func(_ connection.Installation, token func(context.Context) (string, error), _ func(context.Context) error) connection.Company {
			return agencyView{h.agency, token}
		}},
		Tokens: func(of connection.Holder, app func(connection.Grant) *oauth2.Config) *connection.Tokens {
			t := tokens(of, app)
			t.Broken = h.Companies.Break
			return t
		},
	}
	h.gateway = &connection.Gateway{Store: h.store, Builders: h.Builders, Grants: grants, Broken: h.Break, Now: time.Now}
	h.gateway.Tokens = func(c connection.Connection) *connection.Tokens {
		t := tokens(c.Holder(), connection.AppOf(c))
		t.Broken, t.Recovered = h.Break, h.Changed
		t.Restore = func(ctx context.Context, _ connection.Grant) (*oauth2.Token, error) { return h.Restore(ctx, c) }
		return t
	}
	h.keeper = &connection.Keeper{Service: h.Service, Gateway: h.gateway, Now: time.Now, Log: slog.New(slog.NewTextHandler(&h.log, nil))}
	return h
}

type placeClient struct {
	provider.Client
	account provider.Account
	token   func(context.Context) (string, error)
}

func (c placeClient) Check(ctx context.Context) (provider.Account, error) {
	_, err := c.token(ctx)
	return provider.Account{ID: c.account.ID, Name: "Place " + c.account.ID}, err
}

func (h *house) granted(account, company string, life time.Duration) connection.OAuthInput {
	return connection.OAuthInput{
		Account: account, CompanyID: company, Scopes: []string{"oauth.write"},
		Authorised: connection.Authorised{
			Pending: connection.Pending{
				Provider: "p", BaseURL: "https://api.example.com", ClientID: "client",
				Endpoint: oauth2.Endpoint{TokenURL: "https://t.example.com/token", AuthStyle: oauth2.AuthStyleInParams},
			},
			ClientSecret: "client-secret", Token: &oauth2.Token{AccessToken: "access-0", RefreshToken: h.server.valid, Expiry: time.Now().Add(life)},
		},
	}
}

func (h *house) adopts(accounts ...string) {
	h.t.Helper()
	h.agency.mu.Lock()
	h.agency.accounts = nil
	for _, id := range accounts {
		h.agency.accounts = append(h.agency.accounts, provider.Account{ID: id, Name: "Place " + id})
	}
	h.agency.mu.Unlock()
	if _, err := h.Adopt(h.t.Context(), h.granted("", "co", 24*time.Hour)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) unused() string {
	h.t.Helper()
	all, err := h.Unused(h.t.Context())
	must(h.t, err)
	var ids []string
	for _, i := range all {
		ids = append(ids, i.Account.ID)
	}
	return strings.Join(ids, " ")
}

// uses connects an installed account that nobody uses.
func (h *house) uses(account string) connection.Connection {
	h.t.Helper()
	all, err := h.Unused(h.t.Context())
	must(h.t, err)
	for _, i := range all {
		if i.Account.ID == account {
			c, err := h.ConnectInstalled(h.t.Context(), i.ID)
			must(h.t, err)
			return c
		}
	}
	h.t.Fatalf("%s is not among the unused %q", account, h.unused())
	return connection.Connection{}
}

// is fails unless the connection is in the state, and answers it.
func (h *house) is(id record.ConnectionID, want connection.State) connection.Connection {
	h.t.Helper()
	c, err := h.store.Connection(h.t.Context(), id)
	if err != nil || c.State != want {
		h.t.Errorf("%s is %s (%s), %v; want %s", id, c.State, c.Problem, err, want)
	}
	return c
}

func (h *house) token(c connection.Connection) (string, error) {
	h.t.Helper()
	client, err := h.gateway.Client(h.t.Context(), c.ID)
	if err != nil {
		return "", err
	}
	return client.(placeClient).token(h.t.Context())
}

func TestAnAgencysAccountsAreNotedAndConnectedWithItsGrant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.adopts("a", "b")
		if got := h.unused(); got != "a b" {
			t.Fatalf("unused: %q", got)
		}
		c := h.uses("a")
		if c.Account.ID != "a" || c.Account.CompanyID != "co" || c.Name != "Place a" || c.State != connection.Active || c.Auth != connection.ByOAuth {
			t.Errorf("%+v", c)
		}
		if got := h.unused(); got != "b" {
			t.Errorf("unused afterwards: %q", got)
		}
		if got, err := h.token(c); got != "minted-1" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		// It was made without a refresh token: it is made anew.
		time.Sleep(24 * time.Hour)
		if got, err := h.token(c); got != "minted-2" || err != nil {
			t.Errorf("a day later %q, %v", got, err)
		}
		h.is(c.ID, connection.Active)
		// Adopting the agency again replaces its one grant.
		before, _, err := h.store.InstallationOf(t.Context(), "p", "co", "")
		must(t, err)
		h.adopts("a", "b", "c")
		after, ok, err := h.store.InstallationOf(t.Context(), "p", "co", "")
		if err != nil || !ok || after.ID != before.ID || h.unused() != "b c" {
			t.Errorf("%v then %v, unused %q, %v", before.ID, after.ID, h.unused(), err)
		}
		if g, err := h.store.LoadGrant(t.Context(), after.ID); err != nil || strings.Contains(string(g.Sealed), "refresh") {
			t.Errorf("the agency's grant is kept in the clear, %v", err)
		}
	})
}

func TestAnAgencysGrantThatDoesNotWorkReplacesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.adopts("a")
	h.agency.said = &provider.Error{Kind: provider.Forbidden, Scope: "oauth.readonly"}
	_, err := h.Adopt(t.Context(), h.granted("", "co", time.Hour))
	if p, ok := errors.AsType[*connection.Problem](err); !ok || !strings.Contains(p.Sentence, "oauth.readonly") {
		t.Errorf("%v", err)
	}
	i, _, err := h.store.InstallationOf(t.Context(), "p", "co", "")
	must(t, err)
	if g, err := h.Grants.Load(t.Context(), i.Holder()); err != nil || g.Generation != 1 {
		t.Errorf("generation %d, %v", g.Generation, err)
	}
	for _, in := range []connection.OAuthInput{h.granted("a", "co", time.Hour), h.granted("", "", time.Hour)} {
		if _, err := h.Adopt(t.Context(), in); err == nil {
			t.Errorf("%s of %q was adopted", in.Account, in.CompanyID)
		}
	}
}

func (h *house) notice(account, company string, at time.Time) provider.Notice {
	return provider.Notice{Account: account, Company: company, AppID: "client", OccurredAt: at}
}

func TestOnlyInstallationsWeCanUseAreNoted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.adopts("a")
		for name, c := range map[string]struct {
			account, company string
			noted            bool
		}{
			"another company's account":      {"x", "other", false},
			"a whole company":                {"", "co", false},
			"an account of nobody":           {"x", "", false},
			"an account made later":          {"later", "co", true},
			"one that we know of already":    {"a", "co", true},
			"one made later, told once more": {"later", "co", true},
		} {
			if noted, err := h.Installed(t.Context(), "p", h.notice(c.account, c.company, time.Now())); err != nil || noted != c.noted {
				t.Errorf("%s: %v, %v", name, noted, err)
			}
		}
		if got := h.unused(); got != "a later" && got != "later a" {
			t.Errorf("unused: %q", got)
		}
		// The keeper finds out what it is called.
		h.agency.accounts = append(h.agency.accounts, provider.Account{ID: "later", Name: "Second Street"})
		h.keeper.Sweep(t.Context())
		if i, _, err := h.store.InstallationOf(t.Context(), "p", "co", "later"); err != nil || i.Account.Name != "Second Street" {
			t.Errorf("%+v, %v", i, err)
		}
	})
}

func TestAnUninstalledAccountKeepsItsPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		first, err := h.ConnectOAuth(t.Context(), h.granted("own", "co", time.Hour))
		must(t, err)
		time.Sleep(time.Minute)
		told := time.Now()
		time.Sleep(time.Second)
		noted, err := h.Uninstalled(t.Context(), "p", h.notice("own", "", told))
		if err != nil || !noted {
			t.Fatalf("%v, %v", noted, err)
		}
		h.is(first.ID, connection.Uninstalled)
		if _, err := h.store.LoadGrant(t.Context(), first.ID); !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("its tokens: %v", err)
		}
		if _, err := h.token(first); !provider.IsKind(err, provider.Revoked) {
			t.Errorf("work does not wait: %v", err)
		}
		must(t, h.Break(t.Context(), first.ID, "late news"))
		h.is(first.ID, connection.Uninstalled)
		// Installed again, it is the same connection, and what waited is due.
		h.changed = nil
		second, err := h.ConnectOAuth(t.Context(), h.granted("own", "co", time.Hour))
		if err != nil || second.ID != first.ID || second.HookSecret != first.HookSecret || len(h.changed) != 1 {
			t.Fatalf("%+v, %v", second, err)
		}
		// The delivery of before comes once more, late.
		noted, err = h.Uninstalled(t.Context(), "p", h.notice("own", "", told))
		if err != nil || noted {
			t.Errorf("late news was believed: %v, %v", noted, err)
		}
		h.is(first.ID, connection.Active)
	})
}

func TestAKeyIsNoInstallation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	in := aKey
	in.Account = "own"
	c, err := h.ConnectKey(t.Context(), in)
	must(t, err)
	if noted, err := h.Uninstalled(t.Context(), "p", h.notice("own", "", time.Time{})); err != nil || noted {
		t.Errorf("%v, %v", noted, err)
	}
	if noted, err := h.Installed(t.Context(), "p", h.notice("own", "co", time.Time{})); err != nil || noted {
		t.Errorf("%v, %v", noted, err)
	}
	h.is(c.ID, connection.Active)
}

func TestAnAgencyThatGoesTakesAlongWhatLivesOnItsGrant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.adopts("a", "b")
		minted := h.uses("a")
		own, err := h.ConnectOAuth(t.Context(), h.granted("own", "co", time.Hour))
		must(t, err)
		other, err := h.ConnectOAuth(t.Context(), h.granted("other", "co2", time.Hour))
		must(t, err)
		time.Sleep(time.Minute)
		noted, err := h.Uninstalled(t.Context(), "p", h.notice("", "co", time.Now()))
		if err != nil || !noted {
			t.Fatalf("%v, %v", noted, err)
		}
		h.is(minted.ID, connection.Uninstalled)
		h.is(own.ID, connection.Active)
		h.is(other.ID, connection.Active)
		if got := h.unused(); got != "" {
			t.Errorf("unused: %q", got)
		}
		// The agency comes back: so does the connection, by itself.
		time.Sleep(time.Minute)
		h.adopts("a", "b")
		h.keeper.Sweep(t.Context())
		if c := h.is(minted.ID, connection.Active); c.ID != minted.ID {
			t.Errorf("%+v", c)
		}
	})
}

func TestAReinstalledAccountComesBackByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.adopts("a")
		c := h.uses("a")
		time.Sleep(time.Minute)
		_, err := h.Uninstalled(t.Context(), "p", h.notice("a", "", time.Now()))
		must(t, err)
		h.keeper.Sweep(t.Context())
		h.is(c.ID, connection.Uninstalled) // nobody installed it again
		time.Sleep(20 * time.Minute)
		noted, err := h.Installed(t.Context(), "p", h.notice("a", "co", time.Now()))
		if err != nil || !noted {
			t.Fatalf("%v, %v", noted, err)
		}
		h.changed = nil
		h.keeper.Sweep(t.Context())
		h.is(c.ID, connection.Active)
		if len(h.changed) == 0 || h.changed[0] != c.ID {
			t.Errorf("what waited is not due: %v", h.changed)
		}
	})
}

func TestAnInstallationThatDoesNotSayWhoseItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.adopts("a")
		c := h.uses("a")
		time.Sleep(time.Minute)
		_, err := h.Uninstalled(t.Context(), "p", h.notice("a", "", time.Now()))
		must(t, err)
		time.Sleep(time.Minute)
		if noted, err := h.Installed(t.Context(), "p", h.notice("a", "", time.Now())); err != nil || !noted {
			t.Fatalf("one we know: %v, %v", noted, err)
		}
		h.keeper.Sweep(t.Context())
		h.is(c.ID, connection.Active)
		// One that we do not know is found by asking.
		h.agency.accounts = append(h.agency.accounts, provider.Account{ID: "future", Name: "Third Street"})
		h.keeper.Sweep(t.Context())
		if got := h.unused(); got != "" {
			t.Errorf("unused: %q, and nobody told of it", got)
		}
		if noted, err := h.Installed(t.Context(), "p", h.notice("future", "", time.Now())); err != nil || noted {
			t.Errorf("one we do not know: %v, %v", noted, err)
		}
		h.agency.said = &provider.Error{Kind: provider.Unavailable}
		h.keeper.Sweep(t.Context())
		h.agency.said = nil
		time.Sleep(time.Minute)
		h.keeper.Sweep(t.Context())
		if got := h.unused(); got != "future" {
			t.Errorf("unused: %q", got)
		}
	})
}

func TestWhatIsToldLateRevivesNothing(t *testing.T) {
	t.Parallel()
	for name, agency := range map[string]bool{"from an agency's grant": true, "with a grant of its own": false} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			var c connection.Connection
			if agency {
				h.adopts("a")
				c = h.uses("a")
			} else {
				var err error
				c, err = h.ConnectOAuth(t.Context(), h.granted("a", "co", time.Hour))
				must(t, err)
				h.Regain = func(context.Context, connection.Connection) (connection.OAuthInput, bool, error) {
					return h.granted("a", "co", time.Hour), true, nil
				}
			}
			time.Sleep(time.Minute)
			installed := time.Now()
			time.Sleep(time.Minute)
			removed := time.Now()
			time.Sleep(time.Minute)
			_, err := h.Uninstalled(t.Context(), "p", h.notice("a", "", removed))
			must(t, err)
			if noted, err := h.Installed(t.Context(), "p", h.notice("a", "co", installed)); err != nil || noted {
				t.Errorf("%s: what was before is noted: %v, %v", name, noted, err)
			}
			h.keeper.Sweep(t.Context())
			h.is(c.ID, connection.Uninstalled)
			// Told late, it may still have happened since.
			if noted, err := h.Installed(t.Context(), "p", h.notice("a", "co", removed.Add(time.Second))); err != nil || !noted {
				t.Errorf("%s: what was since is not noted: %v, %v", name, noted, err)
			}
			time.Sleep(time.Hour)
			h.keeper.Sweep(t.Context())
			h.is(c.ID, connection.Active)
		})
	}
}

func TestAnAgencyCanBeForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.adopts("a", "b")
		minted := h.uses("a")
		own, err := h.ConnectOAuth(t.Context(), h.granted("own", "co", time.Hour))
		must(t, err)
		company, _, err := h.store.InstallationOf(t.Context(), "p", "co", "")
		must(t, err)
		account, _, err := h.store.InstallationOf(t.Context(), "p", "co", "b")
		must(t, err)
		if err := h.ForgetCompany(t.Context(), account.ID); !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("one of its accounts: %v", err)
		}
		time.Sleep(time.Minute)
		must(t, h.ForgetCompany(t.Context(), company.ID))
		if c := h.is(minted.ID, connection.Uninstalled); !strings.Contains(c.Problem, "given up here") {
			t.Errorf("it says %q", c.Problem)
		}
		h.is(own.ID, connection.Active)
		for _, id := range []record.ConnectionID{company.ID, minted.ID} {
			if _, err := h.store.LoadGrant(t.Context(), id); !errors.Is(err, connection.ErrNotFound) {
				t.Errorf("the tokens of %s: %v", id, err)
			}
		}
		if got := h.unused(); got != "" {
			t.Errorf("unused: %q", got)
		}
		h.keeper.Sweep(t.Context())
		h.is(minted.ID, connection.Uninstalled)
		time.Sleep(time.Minute)
		h.adopts("a", "b")
		h.keeper.Sweep(t.Context())
		h.is(minted.ID, connection.Active)
	})
}
