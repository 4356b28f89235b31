package connection_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/connection"
	"crosswalk/internal/connection/connectiontest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// watchedStore remembers what passed through it.
type watchedStore struct {
	connection.Store
	pending connection.Pending
}

func (w *watchedStore) PutPending(ctx context.Context, p connection.Pending) error {
	w.pending = p
	return w.Store.PutPending(ctx, p)
}

// keyed is a client that tells its key.
type keyed struct {
	provider.Client
	token func(context.Context) (string, error)
	url   string
}

// desk is a gateway in front of one connection by key.
type desk struct {
	*connection.Gateway
	t       *testing.T
	store   *connectiontest.Store
	service *connection.Service
	cn      connection.Connection
	now     time.Time
	built   int
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, store: connectiontest.NewStore(), now: time.Now()}
	grants := connection.Grants{Store: d.store, Vault: aVault(t)}
	d.service = serviceOn(d.store, grants, works)
	d.Gateway = &connection.Gateway{Store: d.store, Grants: grants, Now: func() time.Time { return d.now }, Builders: map[provider.ID]connection.Builder{
		"p": func(c connection.Connection, token func(context.Context) (string, error), _ func(context.Context) error) (provider.Client, error) {
			d.built++
			return &keyed{token: token, url: c.BaseURL}, nil
		},
	}}
	d.connect("the-first-key", "https://api.example.com")
	return d
}

func (d *desk) connect(key, baseURL string) {
	d.t.Helper()
	var err error
	d.cn, err = d.service.ConnectKey(d.t.Context(), connection.KeyInput{Provider: "p", Account: "acc_1", Key: key, BaseURL: baseURL})
	must(d.t, err)
}

func (d *desk) client() *keyed {
	d.t.Helper()
	c, err := d.Client(d.t.Context(), d.cn.ID)
	must(d.t, err)
	return c.(*keyed)
}

func (k *keyed) has(t *testing.T, want string) {
	t.Helper()
	if got, err := k.token(t.Context()); err != nil || got != want {
		t.Errorf("the key is %q, %v; want %q", got, err, want)
	}
}

func TestAClientIsBuiltOnceUntilItsConnectionChanges(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := d.client()
	if d.client() != first || d.built != 1 {
		t.Errorf("built %d times", d.built)
	}
	d.Forget(d.cn.ID)
	if d.client() == first || d.built != 2 {
		t.Errorf("built %d times after it was forgotten", d.built)
	}
	// Another process connected it elsewhere; nobody told this one.
	d.connect("the-first-key", "https://eu.example.com")
	if c := d.client(); c.url != "https://eu.example.com" || d.built != 3 {
		t.Errorf("calls %s", c.url)
	}
	fresh, err := d.Fresh(t.Context(), d.cn.ID)
	must(t, err)
	if d.client() != fresh || d.built != 4 {
		t.Errorf("the checked client is not the one that is used; built %d", d.built)
	}
}

func TestAKeyReplacedElsewhereIsUsedSoon(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.client()
	c.has(t, "the-first-key")
	d.connect("the-second-key", "https://api.example.com")
	c.has(t, "the-first-key")
	d.now = d.now.Add(31 * time.Second)
	c.has(t, "the-second-key")
	d.store.Fail = func(string) error { return errors.New("database is locked") }
	d.now = d.now.Add(31 * time.Second)
	if _, err := c.token(t.Context()); !provider.IsKind(err, provider.Unavailable) || strings.Contains(err.Error(), "second-key") {
		t.Errorf("%v", err)
	}
}

func TestAConnectionThatNeedsAPersonCallsNobody(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.client() // it is in the cache
	must(t, d.service.Break(t.Context(), d.cn.ID, "The access was withdrawn."))
	_, err := d.Client(t.Context(), d.cn.ID)
	if e, ok := errors.AsType[*provider.Error](err); !ok || e.Kind != provider.Revoked || e.Detail != "The access was withdrawn." {
		t.Errorf("%v", err)
	}
	if _, err := d.Fresh(t.Context(), d.cn.ID); err != nil {
		t.Errorf("it cannot be checked: %v", err)
	}
	must(t, d.service.Disconnect(t.Context(), d.cn.ID))
	for _, id := range []record.ConnectionID{d.cn.ID, "cn_unknown", ""} {
		if _, err := d.Client(t.Context(), id); !provider.IsKind(err, provider.Revoked) {
			t.Errorf("%q: %v", id, err)
		}
	}
	d.store.Fail = func(string) error { return errors.New("database is locked") }
	if _, err := d.Client(t.Context(), d.cn.ID); err == nil || provider.IsKind(err, provider.Revoked) {
		t.Errorf("a database that does not answer: %v", err)
	}
}

func TestAConnectionWithoutAnAdapterIsUnsupported(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.Builders = nil
	if _, err := d.Client(t.Context(), d.cn.ID); !provider.IsKind(err, provider.Unsupported) {
		t.Errorf("%v", err)
	}
}
