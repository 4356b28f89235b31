package people_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crosswalk/internal/people"
)

// newTry hashes without a key, which no test of the counting minds.
func newTry(door, account, address string) people.Try {
	return people.NewTry(func(words string) [sha256.Size]byte { return sha256.Sum256([]byte(words)) }, door, account, address)
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestWaitingGrowsAndIsForgiven(t *testing.T) {
	t.Parallel()
	var tally people.Tally
	now := noon
	var waits []time.Duration
	for range 14 {
		w := tally.Wait(now)
		waits = append(waits, w)
		now = now.Add(w)
		tally = tally.Tried(now)
	}
	for i, want := range []time.Duration{0, 0, 0, 0, 0, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute} {
		if waits[i] != want {
			t.Errorf("before try %d the wait is %s, want %s", i+1, waits[i], want)
		}
	}
	if last := waits[len(waits)-1]; last > 15*time.Minute {
		t.Errorf("the wait grows to %s", last)
	}
	if w := tally.Wait(now.Add(people.TriesForgottenAfter)); w != 0 || tally.Tried(now.Add(people.TriesForgottenAfter)).Pair.N != 1 {
		t.Errorf("a day later the wait is %s", w)
	}
}

func TestAnAttackElsewhereLocksNobodyOut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		// Whatever was tried at the account from anywhere else, an address that has not failed has its try at once.
		elsewhere := people.Count{N: rapid.IntRange(0, 1000).Draw(t, "tries elsewhere"), LastAt: noon.Add(-time.Duration(rapid.IntRange(0, 3600).Draw(t, "seconds ago")) * time.Second)}
		if w := (people.Tally{Account: elsewhere}).Wait(noon); w != 0 {
			t.Fatalf("a fresh address waits %s", w)
		}
	})
	attacked := people.Tally{Account: people.Count{N: 30, LastAt: noon}}.Tried(noon)
	if w := attacked.Wait(noon); w != 15*time.Second {
		t.Errorf("under attack the second try from an address waits %s", w)
	}
}

func TestOneAddressTryingManyAccountsWaits(t *testing.T) {
	t.Parallel()
	address := people.Count{}
	for range 20 {
		if w := (people.Tally{Address: address}).Wait(noon); w != 0 {
			t.Fatalf("an office waits %s", w)
		}
		address = people.Tally{Address: address}.Tried(noon).Address
	}
	if w := (people.Tally{Address: address}).Wait(noon); w == 0 {
		t.Error("trying one account after another is free")
	}
	// Succeeding with an account of one's own takes back that one try only.
	if w := (people.Tally{Address: people.Tally{Address: address}.Tried(noon).Succeeded().Address}).Wait(noon); w == 0 {
		t.Error("an account of one's own washes an address clean")
	}
}

func TestTriesAreCountedByNetworkAndAccount(t *testing.T) {
	t.Parallel()
	a := newTry(people.DoorPassword, " Jane@Acme.io", "2001:db8:1:2:3:4:5:6")
	for name, c := range map[string]struct {
		try                    people.Try
		pair, address, account bool
	}{
		"the same, spelled otherwise": {newTry(people.DoorPassword, "jane@acme.io ", "2001:db8:1:2::1"), true, true, true},
		"another network":             {newTry(people.DoorPassword, "jane@acme.io", "2001:db8:1:3::1"), false, false, true},
		"another account":             {newTry(people.DoorPassword, "joe@acme.io", "2001:db8:1:2::1"), false, true, false},
		"another door":                {newTry(people.DoorCode, "jane@acme.io", "2001:db8:1:2::1"), false, true, false},
	} {
		if (c.try.Pair == a.Pair) != c.pair || (c.try.Address == a.Address) != c.address || (c.try.Account == a.Account) != c.account {
			t.Errorf("%s is counted wrongly", name)
		}
	}
	if newTry(people.DoorCode, "us_1", "198.51.100.7").Pair != newTry(people.DoorCode, "us_1", "198.51.100.8").Pair {
		t.Error("six digits can be guessed from many addresses at once")
	}
	if newTry("x", "", "198.51.100.7") != newTry("x", "", "::ffff:198.51.100.7") {
		t.Error("an IPv4 address in IPv6 clothes is another")
	}
	if newTry("x", "", "198.51.100.7") == newTry("x", "", "198.51.100.8") {
		t.Error("neighbours share a count")
	}
}

func TestForgingFromManyAddressesMakesEverybodyWait(t *testing.T) {
	t.Parallel()
	for door, all := range map[string]bool{people.DoorContext: true, people.DoorPassword: false} {
		var account people.Count
		try := func(i int) time.Duration {
			one := newTry(door, "", fmt.Sprintf("198.51.%d.%d", i/250, i%250))
			wait := one.Wait(people.Tally{Account: account}, noon)
			if wait == 0 {
				account = people.Tally{Account: account}.Tried(noon).Account
			}
			return wait
		}
		free := 0
		for i := range 90 {
			if try(i) == 0 {
				free++
			}
		}
		if all && free != 60 || !all && free != 90 {
			t.Errorf("%s: %d of 90 addresses had a try", door, free)
		}
	}
}
