package connection_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// evil is where whoever can write to the database would have a credential sent.
const evil = "https://evil.example.com"

func TestAKeyIsSentToNoAddressButItsOwn(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var why []string
	d.Broken = func(ctx context.Context, id record.ConnectionID, sentence string) error {
		why = append(why, sentence)
		return d.service.Break(ctx, id, sentence)
	}
	kept := d.client()
	kept.has(t, "the-first-key")
	moved := d.cn
	moved.BaseURL = evil
	must(t, d.store.SaveConnection(t.Context(), moved, nil))
	for range 2 {
		fresh, err := d.Fresh(t.Context(), d.cn.ID)
		must(t, err)
		key, err := fresh.(*keyed).token(t.Context())
		if e, ok := errors.AsType[*provider.Error](err); key != "" || !ok || e.Kind != provider.Revoked || !errors.Is(err, connection.ErrElsewhere) || !strings.Contains(e.Detail, "was changed outside Crosswalk") || !strings.Contains(e.Detail, "connect the account again") {
			t.Errorf("it gives %q, %v", key, err)
		}
	}
	kept.has(t, "the-first-key") // what was built before calls where it did
	now, err := d.store.Connection(t.Context(), d.cn.ID)
	if err != nil || now.State != connection.NeedsReconnect || len(why) != 2 || now.Problem != why[0] {
		t.Errorf("it is %s (%s), %v", now.State, now.Problem, err)
	}
	// Connected again, on purpose, it works there.
	d.connect("the-second-key", evil)
	d.client().has(t, "the-second-key")
	// A client left over from before says nothing against the connection.
	d.now = d.now.Add(31 * time.Second)
	if _, err := kept.token(t.Context()); !provider.IsKind(err, provider.Unavailable) {
		t.Errorf("left over from before: %v", err)
	}
	if now, err = d.store.Connection(t.Context(), d.cn.ID); err != nil || now.State != connection.Active {
		t.Errorf("it is %s (%s), %v", now.State, now.Problem, err)
	}
}

func TestATokenIsSentToNoAddressButItsOwn(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]time.Duration{"with life left": time.Hour, "to be renewed": -time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				k := newKeeping(t, left)
				before := k.keeper("before")
				k.cn.BaseURL = evil
				must(t, k.store.SaveConnection(t.Context(), k.cn, nil))
				one := k.keeper("one")
				k.fails(one, provider.Revoked, 1)
				for _, renew := range []error{one.Refresh(t.Context()), one.Early(t.Context(), 2*time.Hour)} {
					if !errors.Is(renew, connection.ErrElsewhere) {
						t.Errorf("renewed all the same: %v", renew)
					}
				}
				k.asked(0)
				if !strings.Contains(k.broken[0], "was changed outside Crosswalk") {
					t.Errorf("a person is told %q", k.broken)
				}
				// Whoever was built for the right address goes on there; connected to another on purpose, it is built anew.
				k.gives(before, map[bool]string{true: "access-0", false: "access-1"}[left > 0])
				_, err := serviceOn(k.store, k.grants, works).ConnectOAuth(t.Context(), connection.OAuthInput{
					Account: "acc_1", Authorised: connection.Authorised{Pending: connection.Pending{Provider: "p", BaseURL: "https://eu.example.com"}, Token: &oauth2.Token{AccessToken: "elsewhere"}},
				})
				must(t, err)
				again := k.keeper("two")
				again.Of.BaseURL = "https://api.example.com"
				k.fails(again, provider.Unavailable, len(k.broken))
			})
		})
	}
}

// Grants of the time before they were bound are for the provider's own address, or the operator's.
func TestAGrantBoundToNoAddressIsForAKnownOneOnly(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	plain, err := json.Marshal(connection.Grant{Key: "old-key", Token: oauth2.Token{}})
	must(t, err)
	sealed, err := aVault(t).Seal(plain, "connection/"+string(d.cn.ID)+"/grant")
	must(t, err)
	must(t, d.store.SaveConnection(t.Context(), d.cn, sealed))
	for own, works := range map[string]bool{d.cn.BaseURL: true, "https://other.example.com": false} {
		grants := connection.Grants{Store: d.store, Vault: aVault(t), Own: func(p provider.ID, baseURL string) bool { return p == "p" && baseURL == own }}
		g, err := grants.Load(t.Context(), d.cn.Holder())
		if (err == nil) != works || works != (g.Key == "old-key") || err != nil && !errors.Is(err, connection.ErrElsewhere) {
			t.Errorf("where %s is known: %q, %v", own, g.Key, err)
		}
	}
	if _, err := (connection.Grants{Store: d.store, Vault: aVault(t)}).Load(t.Context(), d.cn.Holder()); !errors.Is(err, connection.ErrElsewhere) || !strings.Contains(err.Error(), "connected before credentials were bound") {
		t.Errorf("where none is known: %v", err)
	}
}
