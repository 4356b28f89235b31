package connection_test

import (
	"errors"
	"strings"
	"testing"

	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
)

// workspaces are services of two workspaces over one database, which know one host as the provider's own.
func workspaces(t *testing.T) (b *bench, one, two *connection.Service) {
	t.Helper()
	b = setup(t)
	whole := b.service(works)
	whole.OwnHost = func(_ provider.ID, base string) bool { return strings.HasPrefix(base, "https://api.provider.com/") }
	return b, whole.In(b.store.In("ws_1")), whole.In(b.store.In("ws_2"))
}

func TestAnAccountIsTakenOnlyWhereItIs(t *testing.T) {
	t.Parallel()
	_, one, two := workspaces(t)
	connect := func(s *connection.Service, base string) (connection.Connection, error) {
		return s.ConnectKey(t.Context(), connection.KeyInput{Provider: "p", Account: "acc", Key: "key", BaseURL: base})
	}
	taken := func(_ connection.Connection, err error) {
		t.Helper()
		if p, ok := errors.AsType[*connection.Problem](err); !ok || p.Code != "taken" {
			t.Errorf("%v, want taken", err)
		}
	}
	squatter, err := connect(one, "https://anything.example/v3")
	must(t, err)
	genuine, err := connect(two, "https://api.provider.com/v3")
	must(t, err)
	if squatter.Account.Host != "anything.example:443" || genuine.Account.Host != "" || squatter.ID == genuine.ID {
		t.Errorf("%+v and %+v", squatter.Account, genuine.Account)
	}
	taken(connect(one, "https://api.provider.com/us"))
	taken(connect(two, "https://ANYTHING.example:443/other"))
	again, err := connect(one, "https://anything.example/v4")
	must(t, err)
	if again.ID != squatter.ID {
		t.Errorf("the same account there is connected twice: %s and %s", squatter.ID, again.ID)
	}
	elsewhere, err := connect(one, "https://another.example/v3")
	must(t, err)
	if elsewhere.ID == squatter.ID {
		t.Error("two accounts at two places are one")
	}
}

// One that was saved before accounts were told apart by their host gives way, and goes on being itself.
func TestWhoSquattedBeforeGivesWay(t *testing.T) {
	t.Parallel()
	b, one, two := workspaces(t)
	in := connection.KeyInput{Provider: "p", Account: "acc", Key: "key", BaseURL: "https://anything.example/v3"}
	made, err := one.ConnectKey(t.Context(), in)
	must(t, err)
	squatter, err := b.store.Connection(t.Context(), made.ID)
	must(t, err)
	squatter.Account.Host = ""
	must(t, b.store.SaveConnection(t.Context(), squatter, nil))
	again, err := one.ConnectKey(t.Context(), in)
	must(t, err)
	if again.ID != squatter.ID {
		t.Errorf("connected anew, it is another: %s", again.ID)
	}
	squatter.Account.Host = ""
	must(t, b.store.SaveConnection(t.Context(), squatter, nil))
	in.BaseURL = "https://api.provider.com/v3"
	_, err = two.ConnectKey(t.Context(), in)
	must(t, err)
	now, err := b.store.Connection(t.Context(), squatter.ID)
	must(t, err)
	if now.Account.Host != "anything.example:443" || now.State != connection.Active {
		t.Errorf("%+v", now)
	}
	if g, err := b.grants.Load(t.Context(), squatter.Holder()); err != nil || g.Key != "key" {
		t.Errorf("its credential: %v", err)
	}
}
