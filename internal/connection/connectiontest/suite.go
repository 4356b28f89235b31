package connectiontest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/oauth2"

	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// noon is a time every database can keep exactly.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// A is a connection with every part set.
func A(id record.ConnectionID, account string) connection.Connection {
	return connection.Connection{
		ID: id, Provider: "highlevel", Name: "Bakery", Account: provider.Account{ID: account, Name: "Bakery", CompanyID: "co_1", Zone: "Europe/Berlin", Country: "DE"},
		Auth: connection.ByOAuth, State: connection.Active, Scopes: []string{"contacts.readonly", "contacts.write"}, BaseURL: "https://api.example.com",
		HookSecret: "hook-of-" + string(id), OldHookSecret: "old-hook-of-" + string(id), OldHookUntil: noon.Add(time.Hour), ClientID: "client",
		Endpoint:  oauth2.Endpoint{AuthURL: "https://a.example.com/authorize", TokenURL: "https://a.example.com/token", AuthStyle: oauth2.AuthStyleInParams},
		CreatedAt: noon, CheckedAt: noon, RotatedAt: noon, ExpiresAt: noon.Add(24 * time.Hour),
	}
}

// RunStore holds a store against what connection.Store promises. open answers a new, empty one.
func RunStore(t *testing.T, open func(t *testing.T) connection.Store) {
	for name, test := range map[string]func(*testing.T, connection.Store){
		"a connection reads back as it was saved":                 readsBack,
		"connections are listed oldest first, without those gone": listed,
		"an account is found until it is removed":                 found,
		"health changes nothing secret":                           health,
		"removing destroys the grant":                             removed,
		"every new grant takes the next generation":               generations,
		"only one of many rotations from a generation counts":     rotations,
		"the right to renew is one owner's until it ends":         leases,
		"a new grant ends the lease":                              leaseEnds,
		"a renewal left undone is known to everybody":             leftUndone,
		"since when it is down is kept until it works":            downSinceKept,
		"a pending authorisation is taken once":                   pendingOnce,
		"the browser alone finds the youngest it began":           pendingByBinding,
		"a pending authorisation that ran out is gone":            pendingExpires,
		"an arrival is claimed once, in its own browser":          arrivalOnce,
		"an arrival that ran out is gone":                         arrivalExpires,
		"an uninstalled connection keeps all but its grant":       uninstalled,
		"an installation reads back, once for each account":       installations,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func missing(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("%s: %v, want no such connection", what, err)
	}
}

func readsBack(t *testing.T, s connection.Store) {
	want := A("cn_1", "loc_1")
	must(t, s.SaveConnection(t.Context(), want, []byte("sealed")))
	got, err := s.Connection(t.Context(), "cn_1")
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("connection (-want +got):\n%s", diff)
	}
	_, err = s.Connection(t.Context(), "cn_2")
	missing(t, "another", err)
}

func listed(t *testing.T, s connection.Store) {
	for i, id := range []record.ConnectionID{"cn_young", "cn_gone", "cn_old"} {
		c := A(id, string(id))
		c.CreatedAt = noon.Add(-time.Duration(i) * time.Hour)
		must(t, s.SaveConnection(t.Context(), c, []byte("sealed")))
	}
	must(t, s.RemoveConnection(t.Context(), "cn_gone"))
	all, err := s.Connections(t.Context())
	must(t, err)
	var ids []record.ConnectionID
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	if diff := cmp.Diff([]record.ConnectionID{"cn_old", "cn_young"}, ids); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

func found(t *testing.T, s connection.Store) {
	must(t, s.SaveConnection(t.Context(), A("cn_1", "loc_1"), []byte("sealed")))
	byAccount := func(p provider.ID, account string, want bool) {
		t.Helper()
		if c, ok, err := s.ConnectionByAccount(t.Context(), p, account); err != nil || ok != want || ok && c.ID != "cn_1" {
			t.Errorf("account %s/%s: %v, %v, %v", p, account, c.ID, ok, err)
		}
	}
	byHook := func(p provider.ID, secret string, want bool) {
		t.Helper()
		if c, ok, err := s.ConnectionByHook(t.Context(), p, secret); err != nil || ok != want || ok && c.ID != "cn_1" {
			t.Errorf("hook %s/%s: %v, %v, %v", p, secret, c.ID, ok, err)
		}
	}
	byAccount("highlevel", "loc_1", true)
	byAccount("gleap", "loc_1", false)
	byAccount("highlevel", "loc_2", false)
	byAccount("highlevel", "LOC_1", false) // IDs are case-sensitive
	byAccount("highlevel", "", false)
	elsewhere := A("cn_3", "loc_1")
	elsewhere.Account.Host, elsewhere.CreatedAt = "api.example.com", noon.Add(-time.Hour)
	must(t, s.SaveConnection(t.Context(), elsewhere, []byte("sealed")))
	byAccount("highlevel", "loc_1", true) // of the same name somewhere else, it is another account
	if c, ok, err := s.ConnectionByAccount(t.Context(), "highlevel", elsewhere.Account.Key()); err != nil || !ok || !cmp.Equal(c, elsewhere) {
		t.Errorf("somewhere else: %+v, %v, %v", c, ok, err)
	}
	byHook("highlevel", "hook-of-cn_1", true)
	byHook("gleap", "hook-of-cn_1", false)
	byHook("highlevel", "HOOK-OF-CN_1", false)
	byHook("highlevel", "hook-of-cn_", false)
	byHook("highlevel", "", false)
	must(t, s.RemoveConnection(t.Context(), "cn_1"))
	byAccount("highlevel", "loc_1", false)
	byHook("highlevel", "hook-of-cn_1", false)
	// The same account can be connected anew.
	must(t, s.SaveConnection(t.Context(), A("cn_2", "loc_1"), []byte("sealed")))
	if c, ok, err := s.ConnectionByAccount(t.Context(), "highlevel", "loc_1"); err != nil || !ok || c.ID != "cn_2" {
		t.Errorf("connected anew: %v, %v, %v", c.ID, ok, err)
	}
}

func health(t *testing.T, s connection.Store) {
	was := A("cn_1", "loc_1")
	must(t, s.SaveConnection(t.Context(), was, []byte("sealed")))
	said := was
	said.State, said.Problem, said.ProblemCode = connection.NeedsReconnect, "The access was withdrawn.", "revoked"
	said.Account.Name, said.Scopes, said.CheckedAt = "Bakery Ltd", []string{"contacts.readonly"}, noon.Add(time.Minute)
	want := said
	want.DownSince = said.CheckedAt
	said.RotatedAt, said.ExpiresAt = noon.Add(-time.Minute), noon.Add(-time.Hour) // read before it was renewed
	said.Name, said.HookSecret, said.BaseURL, said.ClientID, said.Auth = "not this", "nor this", "https://evil.example", "nor this", connection.ByKey
	must(t, s.SaveHealth(t.Context(), said))
	got, err := s.Connection(t.Context(), "cn_1")
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("health (-want +got):\n%s", diff)
	}
	if g, err := s.LoadGrant(t.Context(), "cn_1"); err != nil || g.Generation != 1 || string(g.Sealed) != "sealed" {
		t.Errorf("the grant is %+v, %v", g, err)
	}
}

func removed(t *testing.T, s connection.Store) {
	c := A("cn_1", "loc_1")
	must(t, s.SaveConnection(t.Context(), c, []byte("sealed")))
	must(t, s.RemoveConnection(t.Context(), "cn_1"))
	_, err := s.LoadGrant(t.Context(), "cn_1")
	missing(t, "its grant", err)
	_, _, err = s.LeaseGrant(t.Context(), "cn_1", "one", noon, noon.Add(time.Minute))
	missing(t, "leasing it", err)
	missing(t, "rotating it", s.RotateGrant(t.Context(), "cn_1", 1, []byte("next"), noon, noon))
	missing(t, "a check that was under way", s.SaveHealth(t.Context(), c))
	missing(t, "removing another", s.RemoveConnection(t.Context(), "cn_2"))
	if got, err := s.Connection(t.Context(), "cn_1"); err != nil || got.State != connection.Removed || got.HookSecret != "" || got.OldHookSecret != "" {
		t.Errorf("%s with hook %q, %v", got.State, got.HookSecret, err)
	}
}

func generations(t *testing.T, s connection.Store) {
	c := A("cn_1", "loc_1")
	holds := func(sealed string, generation int64) {
		t.Helper()
		if g, err := s.LoadGrant(t.Context(), "cn_1"); err != nil || string(g.Sealed) != sealed || g.Generation != generation {
			t.Errorf("%q of generation %d, %v; want %q of %d", g.Sealed, g.Generation, err, sealed, generation)
		}
	}
	must(t, s.SaveConnection(t.Context(), c, []byte("one")))
	holds("one", 1)
	must(t, s.SaveConnection(t.Context(), c, nil))
	holds("one", 1)
	must(t, s.RotateGrant(t.Context(), "cn_1", 1, []byte("two"), noon.Add(time.Hour), noon.Add(2*time.Hour)))
	holds("two", 2)
	if got, err := s.Connection(t.Context(), "cn_1"); err != nil || !got.RotatedAt.Equal(noon.Add(time.Hour)) || !got.ExpiresAt.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("rotated %v, expires %v, %v", got.RotatedAt, got.ExpiresAt, err)
	}
	must(t, s.SaveConnection(t.Context(), c, []byte("three")))
	holds("three", 3)
	if err := s.RotateGrant(t.Context(), "cn_1", 2, []byte("late"), noon, noon); !errors.Is(err, connection.ErrMoved) {
		t.Errorf("a rotation that comes late: %v", err)
	}
	holds("three", 3)
	_, err := s.LoadGrant(t.Context(), "cn_2")
	missing(t, "the grant of nobody", err)
}

func rotations(t *testing.T, s connection.Store) {
	must(t, s.SaveConnection(t.Context(), A("cn_1", "loc_1"), []byte("one")))
	const racers = 8
	errs := make(chan error, racers)
	for i := range racers {
		go func() { errs <- s.RotateGrant(t.Context(), "cn_1", 1, fmt.Append(nil, i), noon, noon) }()
	}
	won := 0
	for range racers {
		if err := <-errs; err == nil {
			won++
		} else if !errors.Is(err, connection.ErrMoved) {
			t.Errorf("a loser is told %v", err)
		}
	}
	if g, err := s.LoadGrant(t.Context(), "cn_1"); err != nil || won != 1 || g.Generation != 2 {
		t.Errorf("%d won, generation %d, %v", won, g.Generation, err)
	}
}

// leasing takes the lease and says whether it was had.
func leasing(t *testing.T, s connection.Store, owner string, now, until time.Time, want bool, of ...record.ConnectionID) {
	t.Helper()
	g, ok, err := s.LeaseGrant(t.Context(), append(of, "cn_1")[0], owner, now, until)
	if err != nil || ok != want {
		t.Errorf("%s: %v, %v; want %v", owner, ok, err, want)
	}
	if ok && (g.LeaseOwner != owner || !g.LeaseUntil.Equal(until) || len(g.Sealed) == 0) {
		t.Errorf("%s has %+v", owner, g)
	}
}

func leases(t *testing.T, s connection.Store) {
	must(t, s.SaveConnection(t.Context(), A("cn_1", "loc_1"), []byte("one")))
	until := noon.Add(30 * time.Second)
	leasing(t, s, "one", noon, until, true)
	leasing(t, s, "two", noon, until, false)
	leasing(t, s, "one", noon, until, true)
	leasing(t, s, "two", until.Add(-time.Microsecond), until, false)
	must(t, s.ReleaseGrant(t.Context(), "cn_1", "two")) // not two's to release
	leasing(t, s, "two", noon, until, false)
	leasing(t, s, "two", until, until.Add(time.Minute), true) // it has ended
	must(t, s.ReleaseGrant(t.Context(), "cn_1", "one"))       // which one does not know
	leasing(t, s, "one", until, until.Add(time.Minute), false)
	must(t, s.ReleaseGrant(t.Context(), "cn_1", "two"))
	leasing(t, s, "one", until, until.Add(time.Minute), true)
	_, _, err := s.LeaseGrant(t.Context(), "cn_2", "one", noon, until)
	missing(t, "leasing nothing", err)
}

func leaseEnds(t *testing.T, s connection.Store) {
	c := A("cn_1", "loc_1")
	until := noon.Add(30 * time.Second)
	must(t, s.SaveConnection(t.Context(), c, []byte("one")))
	leasing(t, s, "one", noon, until, true)
	must(t, s.RotateGrant(t.Context(), "cn_1", 1, []byte("two"), noon, noon))
	leasing(t, s, "two", noon, until, true)
	must(t, s.SaveConnection(t.Context(), c, nil))
	leasing(t, s, "three", noon, until, false) // the grant is the same, and so is its lease
	must(t, s.SaveConnection(t.Context(), c, []byte("three")))
	leasing(t, s, "three", noon, until, true)
}

func awaited(state, binding string) connection.Pending {
	return connection.Pending{
		StateHash: state, BindingHash: binding, Provider: "gleap", Reconnect: "cn_1", BaseURL: "https://api.example.com", Account: "p_1", ClientID: "client",
		RedirectURL: "https://us.example.com/back", Endpoint: oauth2.Endpoint{AuthURL: "https://a.example.com", TokenURL: "https://t.example.com"},
		Scopes: []string{"read", "write"}, Sealed: []byte("sealed"), ExpiresAt: noon.Add(10 * time.Minute),
	}
}

func pendingOnce(t *testing.T, s connection.Store) {
	want := awaited("state", "binding")
	must(t, s.PutPending(t.Context(), want))
	_, err := s.TakePending(t.Context(), "another", "binding", noon)
	missing(t, "another state, the same browser", err)
	if p, err := s.TakePending(t.Context(), "state", "another browser's", noon); err != nil || p.BindingHash != "binding" {
		t.Errorf("another browser is answered %+v, %v", p, err)
	}
	const racers = 8
	got := make(chan connection.Pending, racers)
	for range racers {
		go func() {
			p, _ := s.TakePending(t.Context(), "state", "binding", noon)
			got <- p
		}()
	}
	won := 0
	for range racers {
		if p := <-got; p.StateHash != "" {
			won++
			if diff := cmp.Diff(want, p); diff != "" {
				t.Errorf("pending (-want +got):\n%s", diff)
			}
		}
	}
	if won != 1 {
		t.Errorf("%d took it", won)
	}
	_, err = s.TakePending(t.Context(), "", "binding", noon)
	missing(t, "the browser afterwards", err)
}

func pendingByBinding(t *testing.T, s connection.Store) {
	old, young, others := awaited("s1", "binding"), awaited("s2", "binding"), awaited("s3", "another")
	young.ExpiresAt = old.ExpiresAt.Add(time.Minute)
	others.ExpiresAt = young.ExpiresAt.Add(time.Minute)
	for _, p := range []connection.Pending{old, young, others} {
		must(t, s.PutPending(t.Context(), p))
	}
	if p, err := s.TakePending(t.Context(), "", "binding", noon); err != nil || p.StateHash != "s2" {
		t.Errorf("took %q, %v", p.StateHash, err)
	}
	_, err := s.TakePending(t.Context(), "", "", noon)
	missing(t, "no browser at all", err)
}

func pendingExpires(t *testing.T, s connection.Store) {
	p := awaited("state", "binding")
	must(t, s.PutPending(t.Context(), p))
	_, err := s.TakePending(t.Context(), "state", "binding", p.ExpiresAt)
	missing(t, "after ten minutes", err)
	_, err = s.TakePending(t.Context(), "state", "binding", noon)
	missing(t, "and it does not come back", err)
}

func arrived(id, binding string) connection.Arrival {
	return connection.Arrival{
		ID: id, BindingHash: binding, Provider: "highlevel", Reconnect: "cn_1", Account: provider.Account{ID: "loc_1", CompanyID: "co_1"},
		Scopes: []string{"contacts.readonly"}, BaseURL: "https://api.example.com", ClientID: "client",
		Endpoint: oauth2.Endpoint{TokenURL: "https://a.example.com/token", AuthStyle: oauth2.AuthStyleInParams},
		Sealed:   []byte("sealed"), ArrivedAt: noon, ExpiresAt: noon.Add(time.Hour),
	}
}

func arrivalOnce(t *testing.T, s connection.Store) {
	want, younger := arrived("ar_1", "binding"), arrived("ar_2", "binding")
	younger.ExpiresAt = want.ExpiresAt.Add(time.Minute)
	for _, a := range []connection.Arrival{want, younger, arrived("ar_3", "another")} {
		must(t, s.PutArrival(t.Context(), a))
	}
	if a, err := s.Arrival(t.Context(), "binding", noon); err != nil || a.ID != "ar_2" {
		t.Errorf("the browser brought %q, %v", a.ID, err)
	}
	_, err := s.TakeArrival(t.Context(), "ar_1", "another", noon)
	missing(t, "another browser", err)
	type outcome struct {
		a   connection.Arrival
		err error
	}
	outcomes := make(chan outcome)
	for range 8 {
		go func() {
			a, err := s.TakeArrival(t.Context(), "ar_1", "binding", noon)
			outcomes <- outcome{a, err}
		}()
	}
	won := 0
	for range 8 {
		if o := <-outcomes; o.err == nil {
			won++
			if diff := cmp.Diff(want, o.a); diff != "" {
				t.Errorf("arrival (-want +got):\n%s", diff)
			}
		} else {
			missing(t, "a second claim", o.err)
		}
	}
	if won != 1 {
		t.Errorf("%d claimed it", won)
	}
	must(t, s.PutArrival(t.Context(), want)) // what could not be connected is put back
	if _, err := s.TakeArrival(t.Context(), "ar_1", "binding", noon); err != nil {
		t.Errorf("put back: %v", err)
	}
}

func arrivalExpires(t *testing.T, s connection.Store) {
	a := arrived("ar_1", "binding")
	must(t, s.PutArrival(t.Context(), a))
	_, err := s.Arrival(t.Context(), "binding", a.ExpiresAt)
	missing(t, "after an hour", err)
	_, err = s.Arrival(t.Context(), "", noon)
	missing(t, "no browser at all", err)
	_, err = s.TakeArrival(t.Context(), "ar_1", "binding", a.ExpiresAt)
	missing(t, "claimed too late", err)
}

func uninstalled(t *testing.T, s connection.Store) {
	want := A("cn_1", "loc_1")
	must(t, s.SaveConnection(t.Context(), want, []byte("sealed")))
	must(t, s.UninstallConnection(t.Context(), "cn_1", "It was uninstalled.", noon.Add(time.Hour)))
	_, err := s.LoadGrant(t.Context(), "cn_1")
	missing(t, "its grant", err)
	missing(t, "health found meanwhile", s.SaveHealth(t.Context(), want))
	got, ok, err := s.ConnectionByAccount(t.Context(), "highlevel", "loc_1")
	must(t, err)
	want.State, want.Problem, want.ProblemCode, want.ExpiresAt = connection.Uninstalled, "It was uninstalled.", "uninstalled", time.Time{}
	want.DownSince = noon.Add(time.Hour)
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("found %v (-want +got):\n%s", ok, diff)
	}
	want.State, want.DownSince = connection.Active, time.Time{}
	must(t, s.SaveConnection(t.Context(), want, []byte("again")))
	if g, err := s.LoadGrant(t.Context(), "cn_1"); err != nil || string(g.Sealed) != "again" {
		t.Errorf("after installing again: %q, %v", g.Sealed, err)
	}
	must(t, s.RemoveConnection(t.Context(), "cn_1"))
	missing(t, "a removed one", s.UninstallConnection(t.Context(), "cn_1", "late", noon))
}

func downSinceKept(t *testing.T, s connection.Store) {
	c := A("cn_1", "loc_1")
	must(t, s.SaveConnection(t.Context(), c, []byte("sealed")))
	since := func(want time.Time) {
		t.Helper()
		if got, err := s.Connection(t.Context(), "cn_1"); err != nil || !got.DownSince.Equal(want) {
			t.Errorf("down since %v, %v, want %v", got.DownSince, err, want)
		}
	}
	checked := func(st connection.State, after time.Duration) {
		t.Helper()
		c.State, c.CheckedAt = st, noon.Add(after)
		must(t, s.SaveHealth(t.Context(), c)) // by somebody who does not know since when
	}
	checked(connection.Active, time.Minute)
	since(time.Time{})
	checked(connection.NeedsReconnect, 2*time.Minute)
	since(noon.Add(2 * time.Minute))
	checked(connection.NeedsReconnect, time.Hour)
	since(noon.Add(2 * time.Minute))
	checked(connection.Active, 2*time.Hour)
	since(time.Time{})
	checked(connection.NeedsReconnect, 3*time.Hour)
	must(t, s.UninstallConnection(t.Context(), "cn_1", "It was uninstalled.", noon.Add(4*time.Hour)))
	since(noon.Add(3 * time.Hour))
	c.State, c.DownSince = connection.Active, time.Time{}
	must(t, s.SaveConnection(t.Context(), c, []byte("again")))
	since(time.Time{})
}

func leftUndone(t *testing.T, s connection.Store) {
	ctx := t.Context()
	undone := func(want ...connection.Retry) {
		t.Helper()
		got, err := s.Retries(ctx)
		must(t, err)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("left undone (-want +got):\n%s", diff)
		}
	}
	for _, id := range []record.ConnectionID{"cn_1", "cn_2"} {
		must(t, s.SaveConnection(ctx, A(id, "of-"+string(id)), []byte("one")))
	}
	company := connection.Installation{ID: "in_co", Provider: "highlevel", Account: provider.Account{CompanyID: "co_1"}, State: connection.Active, InstalledAt: noon}
	must(t, s.SaveInstallation(ctx, company, []byte("one")))
	undone()
	until, later := noon.Add(25*time.Second), noon.Add(time.Minute)
	leasing(t, s, "one", noon, until, true)
	undone(connection.Retry{ID: "cn_1", At: until}) // for whoever comes after one that fell silent
	must(t, s.PostponeGrant(ctx, "cn_1", "two", 7, noon))
	undone(connection.Retry{ID: "cn_1", At: until}) // two has nothing to say
	must(t, s.PostponeGrant(ctx, "cn_1", "one", 2, later))
	for _, id := range []record.ConnectionID{"cn_2", "in_co"} {
		if _, had, err := s.LeaseGrant(ctx, id, "one", noon, until); err != nil || !had {
			t.Fatalf("lease of %s: %v, %v", id, had, err)
		}
	}
	must(t, s.PostponeGrant(ctx, "in_co", "one", 1, noon))
	undone(connection.Retry{ID: "cn_2", At: until}, connection.Retry{ID: "in_co", Failures: 1, At: noon}, connection.Retry{ID: "cn_1", Failures: 2, At: later})
	if g, had, err := s.LeaseGrant(ctx, "cn_1", "two", later, later.Add(time.Minute)); err != nil || !had || g.Failures != 2 || !g.RetryAt.Equal(later.Add(time.Minute)) {
		t.Errorf("postponed, it is leased as %+v, %v, %v", g, had, err)
	}
	// A new grant leaves nothing undone; nor does a lease that is given back, or an account nothing is renewed for.
	must(t, s.RotateGrant(ctx, "cn_1", 1, []byte("two"), noon, noon))
	if g, err := s.LoadGrant(ctx, "cn_1"); err != nil || g.Failures != 0 || !g.RetryAt.IsZero() {
		t.Errorf("renewed: %+v, %v", g, err)
	}
	must(t, s.ReleaseGrant(ctx, "cn_2", "one"))
	undone(connection.Retry{ID: "in_co", Failures: 1, At: noon})
	must(t, s.SaveInstallation(ctx, company, []byte("two")))
	undone()
	leasing(t, s, "one", noon, until, true)
	must(t, s.PostponeGrant(ctx, "cn_1", "one", 3, later))
	c := A("cn_1", "of-cn_1")
	c.State = connection.NeedsReconnect
	must(t, s.SaveHealth(ctx, c))
	undone()
	must(t, s.SaveConnection(ctx, A("cn_1", "of-cn_1"), []byte("three")))
	undone()
}

func installations(t *testing.T, s connection.Store) {
	company := connection.Installation{
		ID: "in_co", Provider: "highlevel", Account: provider.Account{CompanyID: "co_1", Name: "Agency"}, State: connection.Active, Problem: "none",
		Scopes: []string{"oauth.write"}, BaseURL: "https://api.example.com", ClientID: "client",
		Endpoint:    oauth2.Endpoint{TokenURL: "https://a.example.com/token", AuthStyle: oauth2.AuthStyleInParams},
		InstalledAt: noon, RotatedAt: noon, ExpiresAt: noon.Add(24 * time.Hour),
	}
	place := company
	place.ID, place.Account.ID, place.InstalledAt = "in_1", "loc_1", noon.Add(time.Hour)
	must(t, s.SaveInstallation(t.Context(), place, nil))
	must(t, s.SaveInstallation(t.Context(), company, []byte("sealed")))
	all, err := s.Installations(t.Context())
	must(t, err)
	if diff := cmp.Diff([]connection.Installation{company, place}, all); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	// Another process noted the same account under an id of its own.
	double := place
	double.ID, double.Account.Name = "in_2", "Bakery"
	must(t, s.SaveInstallation(t.Context(), double, nil))
	if i, ok, err := s.InstallationOf(t.Context(), "highlevel", "co_1", "loc_1"); err != nil || !ok || i.ID != "in_1" || i.Account.Name != "Bakery" {
		t.Errorf("noted twice: %+v, %v, %v", i, ok, err)
	}
	foreign := double
	foreign.Workspace = "ws_other"
	if err := s.SaveInstallation(t.Context(), foreign, nil); !errors.Is(err, connection.ErrTaken) {
		t.Errorf("another workspace's: %v", err)
	}
	if _, ok, err := s.InstallationOf(t.Context(), "highlevel", "co_2", ""); err != nil || ok {
		t.Errorf("another company: %v, %v", ok, err)
	}
	// Its grant is leased and rotated like a connection's.
	leasing(t, s, "one", noon, noon.Add(time.Minute), true, "in_co")
	leasing(t, s, "two", noon, noon.Add(time.Minute), false, "in_co")
	must(t, s.RotateGrant(t.Context(), "in_co", 1, []byte("next"), noon.Add(time.Hour), noon.Add(48*time.Hour)))
	if i, err := s.Installation(t.Context(), "in_co"); err != nil || !i.RotatedAt.Equal(noon.Add(time.Hour)) || !i.ExpiresAt.Equal(noon.Add(48*time.Hour)) {
		t.Errorf("rotated: %+v, %v", i, err)
	}
	must(t, s.RemoveInstallation(t.Context(), "in_co", noon.Add(2*time.Hour)))
	_, err = s.LoadGrant(t.Context(), "in_co")
	missing(t, "its grant", err)
	if i, err := s.Installation(t.Context(), "in_co"); err != nil || i.State != connection.Uninstalled || !i.RemovedAt.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("removed: %+v, %v", i, err)
	}
	if all, err := s.Installations(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d are left, %v", len(all), err)
	}
	_, err = s.Installation(t.Context(), "in_none")
	missing(t, "no installation", err)
}
