package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"time"

	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
)

const (
	// directoryAge is how long the list of connections is believed; another process may have changed it. A delivery that
	// finds nothing is looked up again sooner: its account may have been connected a moment ago.
	directoryAge, directoryMissAge = 2 * time.Second, 250 * time.Millisecond
	// leastSecret is shorter than any secret we make, and longer than what anybody guesses.
	leastSecret = 16
)

// directory tells whose a delivery is without asking the database for each.
type directory struct {
	list func(context.Context) ([]connection.Connection, error)
	now  func() time.Time

	mu       sync.Mutex
	readAt   time.Time
	accounts map[account]connection.Connection
	secrets  []hookSecretOf
}

type account struct {
	provider provider.ID
	id       string
}

type hookSecretOf struct {
	sum        [sha256.Size]byte
	connection connection.Connection
	until      time.Time // of one that was changed; zero of the one in use
}

// byAccount finds the connection of a provider's account.
func (d *directory) byAccount(ctx context.Context, p provider.ID, id string) (connection.Connection, bool, error) {
	if id == "" {
		return connection.Connection{}, false, nil
	}
	return d.find(ctx, func() (connection.Connection, bool) {
		c, ok := d.accounts[account{p, id}]
		return c, ok
	})
}

// bySecret finds the connection a webhook's secret belongs to. How long it takes says nothing about how much of a
// secret was right: sums are compared, all of them and whole.
func (d *directory) bySecret(ctx context.Context, p provider.ID, secret string) (connection.Connection, bool, error) {
	if len(secret) < leastSecret {
		return connection.Connection{}, false, nil
	}
	sum := sha256.Sum256([]byte(secret))
	return d.find(ctx, func() (found connection.Connection, ok bool) {
		for _, s := range d.secrets {
			if subtle.ConstantTimeCompare(s.sum[:], sum[:]) == 1 && s.connection.Provider == p && (s.until.IsZero() || d.now().Before(s.until)) {
				found, ok = s.connection, true
			}
		}
		return found, ok
	})
}

func (d *directory) find(ctx context.Context, look func() (connection.Connection, bool)) (connection.Connection, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	age := d.now().Sub(d.readAt)
	if !d.readAt.IsZero() && age < directoryAge {
		if c, ok := look(); ok || age < directoryMissAge {
			return c, ok, nil
		}
	}
	all, err := d.list(ctx)
	if err != nil {
		return connection.Connection{}, false, err
	}
	d.readAt, d.accounts, d.secrets = d.now(), make(map[account]connection.Connection, len(all)), make([]hookSecretOf, 0, len(all))
	for _, c := range all {
		key := account{c.Provider, c.Account.Key()}
		if _, taken := d.accounts[key]; !taken {
			d.accounts[key] = c
		}
		if len(c.HookSecret) >= leastSecret {
			d.secrets = append(d.secrets, hookSecretOf{sum: sha256.Sum256([]byte(c.HookSecret)), connection: c})
		}
		if len(c.OldHookSecret) >= leastSecret {
			d.secrets = append(d.secrets, hookSecretOf{sum: sha256.Sum256([]byte(c.OldHookSecret)), connection: c, until: c.OldHookUntil})
		}
	}
	c, ok := look()
	return c, ok, nil
}

// forget has the next delivery looked up anew.
func (d *directory) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.readAt = time.Time{}
}

// ConnectionsChanged makes deliveries look their connection up anew.
func (s *Server) ConnectionsChanged() { s.directory.forget() }
