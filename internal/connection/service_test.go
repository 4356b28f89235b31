package connection_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"crosswalk/internal/connection"
	"crosswalk/internal/connection/connectiontest"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

var aKey = connection.KeyInput{Provider: "p", Account: "acc_1", Key: "the-key", BaseURL: "https://api.example.com/"}

func memory(t *testing.T, answer func() error) (*connection.Service, *connectiontest.Store) {
	t.Helper()
	st := connectiontest.NewStore()
	return serviceOn(st, connection.Grants{Store: st, Vault: aVault(t)}, answer), st
}

func TestEveryKindOfRefusalPointsAtWhatCausesIt(t *testing.T) {
	t.Parallel()
	for kind, field := range map[provider.Kind]string{
		provider.Unknown: "base_url", provider.Invalid: "account", provider.NotFound: "account", provider.Duplicate: "base_url", provider.Unauthorized: "key",
		provider.Revoked: "key", provider.Forbidden: "account", provider.RateLimited: "", provider.Unavailable: "base_url", provider.Ambiguous: "base_url", provider.Unsupported: "base_url",
	} {
		s, st := memory(t, func() error { return &provider.Error{Kind: kind, Detail: "their words"} })
		_, err := s.ConnectKey(t.Context(), aKey)
		p, ok := errors.AsType[*connection.Problem](err)
		if !ok || p.Field != field || p.Code != kind.String() || p.Words != "their words" || !strings.Contains(p.Sentence, "Provider") {
			t.Errorf("%v: %+v", kind, p)
		}
		if all, _ := st.Connections(t.Context()); len(all) != 0 {
			t.Errorf("%v: it was saved", kind)
		}
	}
}

func TestAKeyWithSignsNoKeyHasIsNotSent(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"a zero byte": "a\x00b", "a line end": "a\nb", "a typographic dash": "pit–123", "a zero-width space": "ab\u200bcd", "too long": strings.Repeat("a", 8193)} {
		s, _ := memory(t, func() error { return errors.New("it was sent") })
		in := aKey
		in.Key = key
		_, err := s.ConnectKey(t.Context(), in)
		if p, ok := errors.AsType[*connection.Problem](err); !ok || p.Field != "key" {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, st := memory(t, works)
	in := aKey
	in.Key, in.Account = "  the-key\r\n", " acc_1 "
	cn, err := s.ConnectKey(t.Context(), in)
	must(t, err)
	if g, err := s.Grants.Load(t.Context(), cn.Holder()); err != nil || g.Key != "the-key" || cn.BaseURL != "https://api.example.com" {
		t.Errorf("saved for %s, %v", cn.BaseURL, err)
	}
	if g, err := st.LoadGrant(t.Context(), cn.ID); err != nil || strings.Contains(string(g.Sealed), "the-key") {
		t.Errorf("the key is stored in the clear, %v", err)
	}
}

func TestAnAccountIsConnectedOnceThoughTwoFormsAreSent(t *testing.T) {
	t.Parallel()
	s, st := memory(t, works)
	st.Fail = func(string) error {
		for range 100 { // between looking and saving, let the others look
			runtime.Gosched()
		}
		return nil
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			in := aKey
			if i%2 == 0 {
				in.Account = "ACC_1" // the provider knows it as acc_1
			}
			if _, err := s.ConnectKey(t.Context(), in); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if all, err := st.Connections(t.Context()); err != nil || len(all) != 1 || all[0].Account.ID != "acc_1" || all[0].Name != "Acme" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestACheckOfWhatWasUninstalledCallsNobody(t *testing.T) {
	t.Parallel()
	s, st := memory(t, works)
	cn, err := s.ConnectKey(t.Context(), aKey)
	must(t, err)
	must(t, st.UninstallConnection(t.Context(), cn.ID, "It was uninstalled.", time.Now()))
	called := false
	got, err := s.Check(t.Context(), cn.ID, checkingClient{checking: func(context.Context) error {
		called = true
		return nil
	}})
	if err != nil || got.State != connection.Uninstalled || called {
		t.Errorf("%+v, %v; called: %v", got, err, called)
	}
}

// An uninstall may be told of while a check is under way.
func TestACheckIsOvertakenByAnUninstall(t *testing.T) {
	t.Parallel()
	s, st := memory(t, works)
	cn, err := s.ConnectKey(t.Context(), aKey)
	must(t, err)
	got, err := s.Check(t.Context(), cn.ID, checkingClient{checking: func(ctx context.Context) error {
		must(t, st.UninstallConnection(ctx, cn.ID, "It was uninstalled.", time.Now()))
		return nil
	}})
	if err != nil || got.State != connection.Uninstalled || got.Problem != "It was uninstalled." {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestACheckSaysWhatItFoundAndUndoesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from  connection.State
		said  error
		state connection.State
		code  string
		wakes int
	}{
		"it works":          {connection.Active, nil, connection.Active, "", 0},
		"it works again":    {connection.NeedsReconnect, nil, connection.Active, "", 1},
		"key withdrawn":     {connection.Active, &provider.Error{Kind: provider.Unauthorized}, connection.NeedsReconnect, "unauthorized", 0},
		"access withdrawn":  {connection.Active, &provider.Error{Kind: provider.Revoked}, connection.NeedsReconnect, "revoked", 0},
		"down":              {connection.Active, &provider.Error{Kind: provider.Unavailable}, connection.Active, "unavailable", 0},
		"still down":        {connection.NeedsReconnect, &provider.Error{Kind: provider.Unavailable}, connection.NeedsReconnect, "unavailable", 0},
		"permission is off": {connection.Active, &provider.Error{Kind: provider.Forbidden, Scope: "contacts.write"}, connection.Active, "forbidden", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, st := memory(t, works)
			woken := 0
			cn, err := s.ConnectKey(t.Context(), aKey)
			must(t, err)
			s.Changed = func(context.Context, record.ConnectionID) { woken++ }
			cn.State, cn.Problem, cn.ProblemCode = c.from, "before", "before"
			must(t, st.SaveHealth(t.Context(), cn))
			renewed := time.Now().Add(time.Hour)
			got, err := s.Check(t.Context(), cn.ID, checkingClient{checking: func(ctx context.Context) error {
				// The call renews the credential on the way.
				g, err := st.LoadGrant(ctx, cn.ID)
				if err != nil {
					return err
				}
				if err := st.RotateGrant(ctx, cn.ID, g.Generation, g.Sealed, renewed, renewed); err != nil {
					return err
				}
				return c.said
			}})
			must(t, err)
			now, err := st.Connection(t.Context(), cn.ID)
			must(t, err)
			if now.State != c.state || now.ProblemCode != c.code || (now.Problem == "") != (c.code == "") || got.State != now.State || woken != c.wakes {
				t.Errorf("%s, %s: %q, woken %d times", now.State, now.ProblemCode, now.Problem, woken)
			}
			if !now.ExpiresAt.Equal(renewed) || !now.RotatedAt.Equal(renewed) {
				t.Error("what the renewal noted was undone")
			}
		})
	}
}

// checking is a client whose check does this.
type checking func(context.Context) error

func (c checking) Check(ctx context.Context) (provider.Account, error) {
	return provider.Account{ID: "acc_1", Name: "Acme"}, c(ctx)
}

type checkingClient struct {
	provider.Client
	checking
}

func TestACheckThatHangsIsToldAndNoted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, st := memory(t, works)
		cn, err := s.ConnectKey(t.Context(), aKey)
		must(t, err)
		hangs := checking(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		got, err := s.Check(t.Context(), cn.ID, checkingClient{checking: hangs})
		if err != nil || got.ProblemCode != "timeout" || got.State != connection.Active {
			t.Errorf("%+v, %v", got, err)
		}
		if now, err := st.Connection(t.Context(), cn.ID); err != nil || now.ProblemCode != "timeout" || !now.CheckedAt.Equal(time.Now()) {
			t.Errorf("noted %+v, %v", now, err)
		}
	})
}

func TestAHookSecretIsLongOrNone(t *testing.T) {
	t.Parallel()
	s, st := memory(t, works)
	must(t, st.SaveConnection(t.Context(), connection.Connection{ID: "cn_1", Provider: "p", State: connection.Active, HookSecret: "short"}, nil))
	if _, ok, err := s.ByHookSecret(t.Context(), "p", "short"); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	if _, ok, err := s.ByAccount(t.Context(), "p", ""); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	seen := map[string]bool{}
	for i := range 20 {
		in := aKey
		s.Builders["p"] = func(c connection.Connection, _ func(context.Context) (string, error), _ func(context.Context) error) (provider.Client, error) {
			return struct{ provider.Client }{}, nil // it cannot be checked: it is believed
		}
		in.Account = fmt.Sprint("acc_", i)
		cn, err := s.ConnectKey(t.Context(), in)
		if err != nil || len(cn.HookSecret) < 40 || seen[cn.HookSecret] {
			t.Fatalf("%q, %v", cn.HookSecret, err)
		}
		seen[cn.HookSecret] = true
	}
}
