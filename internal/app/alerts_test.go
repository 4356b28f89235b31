package app

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/alert"
	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
)

type postbox struct{ letters []string }

func (p *postbox) Send(_ context.Context, to []string, subject, text string) error {
	p.letters = append(p.letters, strings.Join(to, ",")+" "+subject+" "+text)
	return nil
}

func TestOwnersAreToldOnceWhatWaitsForThem(t *testing.T) {
	t.Parallel()
	p := newPeopledHouse(t)
	box := &postbox{}
	p.desk = &alert.Desk{Book: p.store, Post: box, PublicURL: "https://crosswalk.example.com", Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	tells := func(want int, words ...string) {
		t.Helper()
		p.tellOwners(t.Context())
		p.tellOwners(t.Context()) // and not twice
		if len(box.letters) != want {
			t.Fatalf("%d letters, want %d: %q", len(box.letters), want, box.letters)
		}
		for _, w := range words {
			if !strings.Contains(box.letters[want-1], w) {
				t.Errorf("the last letter does not say %q: %s", w, box.letters[want-1])
			}
		}
	}
	tells(0)
	check(t, p.store.SetState(t.Context(), "au_a", automation.Paused, "This automation has reached its limit of 5 deletes an hour."))
	tells(1, "owner@a.io", "Paused: ", "limit of 5 deletes", "https://crosswalk.example.com/automations/au_a/live")
	for _, somebody := range []string{"editor@a.io", "viewer@a.io"} {
		if strings.Contains(box.letters[0], somebody) {
			t.Errorf("%s is told, who is no owner", somebody)
		}
	}
	// One a person paused is no news to anybody.
	check(t, p.store.SetState(t.Context(), "au_a", automation.Paused, ""))
	tells(1)
	check(t, p.connections.Break(t.Context(), "cn_hl", "HighLevel took the access back."))
	down, err := p.store.Connection(t.Context(), "cn_hl")
	check(t, err)
	if time.Since(down.DownSince) > time.Minute {
		t.Errorf("it is down since %v", down.DownSince)
	}
	tells(2, "HighLevel has to be reconnected", "took the access back", "It is down since "+down.DownSince.Format("2 Jan 2006, 15:04")+" UTC.", "/connections/cn_hl/reconnect")
	cn, err := p.store.Connection(t.Context(), "cn_hl")
	check(t, err)
	cn.State = connection.Active
	check(t, p.store.SaveHealth(t.Context(), cn))
	tells(2)
	check(t, p.connections.Break(t.Context(), "cn_hl", "Again."))
	tells(3, "Again.")
}

func TestALetterSaysSinceWhenInTheAccountsTimeZone(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 7, 1, 22, 30, 0, 0, time.UTC)
	for zone, want := range map[string]string{
		"Europe/Berlin": "It is down since 2 Jul 2026, 00:30 CEST. ", "": "It is down since 1 Jul 2026, 22:30 UTC. ", "no/zone": "It is down since 1 Jul 2026, 22:30 UTC. ",
	} {
		if got := downSince(connection.Connection{DownSince: at, Account: provider.Account{Zone: zone}}); got != want {
			t.Errorf("in %q: %q", zone, got)
		}
	}
	if got := downSince(connection.Connection{}); got != "" {
		t.Errorf("where nobody knows: %q", got)
	}
}
