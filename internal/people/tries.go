package people

import (
	"crypto/sha256"
	"net/netip"
	"strings"
	"time"
)

// Doors are what can be tried in vain; each counts for itself, but for the address, which is one whatever it tries.
const (
	DoorSetup    = "setup"
	DoorPassword = "password"
	DoorCode     = "code"
	DoorReset    = "reset"
	DoorArrival  = "arrival" // codes of installations that were begun elsewhere
	DoorContext  = "context" // user contexts a provider's page hands over
	DoorOffer    = "offer"   // codes of identities
	DoorConnect  = "connect" // credentials of accounts
)

// Keyed answers a hash of words that nobody without the house's key can guess words for.
type Keyed func(words string) [sha256.Size]byte

// Try is one try at a door, by keyed hashes of what it is counted against: what people type into a sign-in form may
// be anything, a password too, and is neither kept nor to be found by guessing.
type Try struct {
	// Pair is this account from this address, Address is the address whatever it tries, Account is the account from
	// wherever it is tried.
	Pair, Address, Account [sha256.Size]byte
	// Everybody is whether what is tried in vain from anywhere makes everybody wait. It does where there is no account
	// to be kept out of, and forging is a matter of tries.
	Everybody bool
}

// NewTry is a try at a door. The account may be an email that nobody has, or empty.
func NewTry(hash Keyed, door, account, address string) Try {
	account, address = strings.ToLower(strings.TrimSpace(account)), Network(address)
	key := func(words ...string) [sha256.Size]byte { return hash(strings.Join(words, "\x00")) }
	pair := key("pair", door, account, address)
	if door == DoorCode {
		// Whoever gets this far knows the password. Then nobody is locked out who should not be, and six digits must
		// not be guessed from many addresses at once.
		pair = key("pair", door, account)
	}
	return Try{Pair: pair, Address: key("address", address), Account: key("account", door, account), Everybody: door == DoorContext}
}

// Network is what one guesser has for nothing: an IPv4 address, or half of an IPv6 one.
func Network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, err := a.Prefix(64)
		if err != nil {
			return address
		}
		return p.String()
	}
	return a.String()
}

const (
	freeTries       = 5  // at one account from one address, before waiting begins
	freeTriesOfAll  = 20 // from one address, whatever it tries: an office has one address
	attackedFrom    = 30 // in vain at one account, from wherever: then a new address has one free try
	freeOfEverybody = 60 // from wherever, at a door whose tries everybody waits for
	forgivenEvery   = 10 * time.Minute
	firstWait       = 15 * time.Second
	longestWait     = 15 * time.Minute
	maxCount        = 100
)

// TriesForgottenAfter is when any count has come to nothing.
const TriesForgottenAfter = maxCount * forgivenEvery

// Count is how often something was tried in vain. One try is forgiven every ten minutes.
type Count struct {
	N      int
	LastAt time.Time
}

func (c Count) left(now time.Time) int {
	return max(0, c.N-int(max(0, now.Sub(c.LastAt))/forgivenEvery))
}

// again counts one more.
func (c Count) again(now time.Time) Count { return Count{N: min(c.left(now)+1, maxCount), LastAt: now} }

// back takes one back.
func (c Count) back() Count { return Count{N: max(0, c.N-1), LastAt: c.LastAt} }

// wait is how long the next try must wait: nothing while there are free ones, then twice as long each time.
func (c Count) wait(now time.Time, free int) time.Duration {
	over := c.left(now) - free
	if over < 0 {
		return 0
	}
	pause := longestWait
	if over < 6 {
		pause = min(firstWait<<over, longestWait)
	}
	return max(0, c.LastAt.Add(pause).Sub(now))
}

// Tally is what was counted against a Try.
type Tally struct{ Pair, Address, Account Count }

// Wait is how long the next try must wait. What others try elsewhere never makes an address wait that has not
// failed itself, so nobody can lock an account's owner out; but under attack from many addresses each has one free
// try instead of five.
func (t Tally) Wait(now time.Time) time.Duration {
	free := freeTries
	if t.Account.left(now) >= attackedFrom {
		free = 1
	}
	return max(t.Pair.wait(now, free), t.Address.wait(now, freeTriesOfAll))
}

// Wait is how long the next try like this must wait, of what was counted against it.
func (t Try) Wait(of Tally, now time.Time) time.Duration {
	wait := of.Wait(now)
	if t.Everybody {
		wait = max(wait, of.Account.wait(now, freeOfEverybody))
	}
	return wait
}

// Tried counts a try.
func (t Tally) Tried(now time.Time) Tally {
	return Tally{Pair: t.Pair.again(now), Address: t.Address.again(now), Account: t.Account.again(now)}
}

// Succeeded takes the last try back. The pair starts afresh; the address does not, or an attacker's own account
// would wash it clean.
func (t Tally) Succeeded() Tally {
	return Tally{Address: t.Address.back(), Account: t.Account.back()}
}
