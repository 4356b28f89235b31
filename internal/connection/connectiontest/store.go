// Package connectiontest is a connection.Store in memory, and the suite that says what such a store is.
package connectiontest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"crosswalk/internal/connection"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// Store keeps connections in memory. It is safe for concurrent use. Fail, when set, is asked before every call
// and its error answered.
type Store struct {
	Fail func(op string) error

	mu          sync.Mutex
	connections map[record.ConnectionID]connection.Connection
	grants      map[record.ConnectionID]connection.SealedGrant
	pending     map[string]connection.Pending
	arrivals    map[string]connection.Arrival
	installed   map[record.ConnectionID]connection.Installation
}

var _ connection.Store = (*Store)(nil)

// NewStore makes an empty store.
func NewStore() *Store {
	return &Store{
		connections: map[record.ConnectionID]connection.Connection{},
		grants:      map[record.ConnectionID]connection.SealedGrant{},
		pending:     map[string]connection.Pending{},
		arrivals:    map[string]connection.Arrival{},
		installed:   map[record.ConnectionID]connection.Installation{},
	}
}

func (s *Store) begin(ctx context.Context, op string) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.Fail != nil {
		if err := s.Fail(op); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	return s.mu.Unlock, nil
}

// Connections implements connection.Store.
func (s *Store) Connections(ctx context.Context) ([]connection.Connection, error) {
	end, err := s.begin(ctx, "Connections")
	if err != nil {
		return nil, err
	}
	defer end()
	var out []connection.Connection
	for _, c := range s.connections {
		if c.State != connection.Removed {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b connection.Connection) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// Connection implements connection.Store.
func (s *Store) Connection(ctx context.Context, id record.ConnectionID) (connection.Connection, error) {
	end, err := s.begin(ctx, "Connection")
	if err != nil {
		return connection.Connection{}, err
	}
	defer end()
	c, ok := s.connections[id]
	if !ok {
		return c, connection.ErrNotFound
	}
	return c, nil
}

func (s *Store) find(ctx context.Context, op, value string, of func(connection.Connection) string, p provider.ID) (connection.Connection, bool, error) {
	all, err := s.Connections(ctx)
	if err != nil || value == "" {
		return connection.Connection{}, false, err
	}
	end, err := s.begin(ctx, op)
	if err != nil {
		return connection.Connection{}, false, err
	}
	defer end()
	i := slices.IndexFunc(all, func(c connection.Connection) bool { return c.Provider == p && of(c) == value })
	if i < 0 {
		return connection.Connection{}, false, nil
	}
	return all[i], true, nil
}

// ConnectionByAccount implements connection.Store.
func (s *Store) ConnectionByAccount(ctx context.Context, p provider.ID, account string) (connection.Connection, bool, error) {
	return s.find(ctx, "ConnectionByAccount", account, func(c connection.Connection) string { return c.Account.Key() }, p)
}

// ConnectionByHook implements connection.Store.
func (s *Store) ConnectionByHook(ctx context.Context, p provider.ID, secret string) (connection.Connection, bool, error) {
	return s.find(ctx, "ConnectionByHook", secret, func(c connection.Connection) string { return c.HookSecret }, p)
}

// SaveConnection implements connection.Store.
func (s *Store) SaveConnection(ctx context.Context, c connection.Connection, sealed []byte) error {
	end, err := s.begin(ctx, "SaveConnection")
	if err != nil {
		return err
	}
	defer end()
	s.connections[c.ID] = c
	if sealed != nil {
		s.grants[c.ID] = connection.SealedGrant{Sealed: slices.Clone(sealed), Generation: s.grants[c.ID].Generation + 1}
	}
	return nil
}

// SaveHealth implements connection.Store.
func (s *Store) SaveHealth(ctx context.Context, c connection.Connection) error {
	end, err := s.begin(ctx, "SaveHealth")
	if err != nil {
		return err
	}
	defer end()
	now, ok := s.connections[c.ID]
	if !ok || now.State == connection.Removed || now.State == connection.Uninstalled {
		return connection.ErrNotFound
	}
	now.State, now.Problem, now.ProblemCode, now.Account, now.Scopes = c.State, c.Problem, c.ProblemCode, c.Account, c.Scopes
	now.CheckedAt = c.CheckedAt
	now.DownSince = downSince(now, c.CheckedAt)
	s.connections[c.ID] = now
	return nil
}

// downSince is when a connection began to need a person, looked at again at that time.
func downSince(c connection.Connection, at time.Time) time.Time {
	switch {
	case c.State == connection.Active:
		return time.Time{}
	case c.DownSince.IsZero():
		return at
	}
	return c.DownSince
}

// RemoveConnection implements connection.Store.
func (s *Store) RemoveConnection(ctx context.Context, id record.ConnectionID) error {
	end, err := s.begin(ctx, "RemoveConnection")
	if err != nil {
		return err
	}
	defer end()
	c, ok := s.connections[id]
	if !ok {
		return connection.ErrNotFound
	}
	c.State, c.HookSecret, c.OldHookSecret, c.Problem, c.ProblemCode = connection.Removed, "", "", "", ""
	s.connections[id] = c
	delete(s.grants, id)
	return nil
}

// LoadGrant implements connection.Store.
func (s *Store) LoadGrant(ctx context.Context, id record.ConnectionID) (connection.SealedGrant, error) {
	end, err := s.begin(ctx, "LoadGrant")
	if err != nil {
		return connection.SealedGrant{}, err
	}
	defer end()
	g, ok := s.grants[id]
	if !ok {
		return g, connection.ErrNotFound
	}
	return g, nil
}

// LeaseGrant implements connection.Store.
func (s *Store) LeaseGrant(ctx context.Context, id record.ConnectionID, owner string, now, until time.Time) (connection.SealedGrant, bool, error) {
	end, err := s.begin(ctx, "LeaseGrant")
	if err != nil {
		return connection.SealedGrant{}, false, err
	}
	defer end()
	g, ok := s.grants[id]
	switch {
	case !ok:
		return g, false, connection.ErrNotFound
	case g.LeaseOwner != "" && g.LeaseOwner != owner && g.LeaseUntil.After(now):
		return connection.SealedGrant{}, false, nil
	}
	g.LeaseOwner, g.LeaseUntil, g.RetryAt = owner, until, until
	s.grants[id] = g
	return g, true, nil
}

// RotateGrant implements connection.Store.
func (s *Store) RotateGrant(ctx context.Context, id record.ConnectionID, from int64, sealed []byte, rotatedAt, expiresAt time.Time) error {
	end, err := s.begin(ctx, "RotateGrant")
	if err != nil {
		return err
	}
	defer end()
	g, ok := s.grants[id]
	switch {
	case !ok:
		return connection.ErrNotFound
	case g.Generation != from:
		return connection.ErrMoved
	}
	s.grants[id] = connection.SealedGrant{Sealed: slices.Clone(sealed), Generation: from + 1}
	if c, ok := s.connections[id]; ok {
		c.RotatedAt, c.ExpiresAt = rotatedAt, expiresAt
		s.connections[id] = c
	}
	if i, ok := s.installed[id]; ok {
		i.RotatedAt, i.ExpiresAt = rotatedAt, expiresAt
		s.installed[id] = i
	}
	return nil
}

// ReleaseGrant implements connection.Store.
func (s *Store) ReleaseGrant(ctx context.Context, id record.ConnectionID, owner string) error {
	end, err := s.begin(ctx, "ReleaseGrant")
	if err != nil {
		return err
	}
	defer end()
	if g, ok := s.grants[id]; ok && g.LeaseOwner == owner {
		s.grants[id] = connection.SealedGrant{Sealed: g.Sealed, Generation: g.Generation}
	}
	return nil
}

// PostponeGrant implements connection.Store.
func (s *Store) PostponeGrant(ctx context.Context, id record.ConnectionID, owner string, failures int, retryAt time.Time) error {
	end, err := s.begin(ctx, "PostponeGrant")
	if err != nil {
		return err
	}
	defer end()
	if g, ok := s.grants[id]; ok && g.LeaseOwner == owner {
		s.grants[id] = connection.SealedGrant{Sealed: g.Sealed, Generation: g.Generation, Failures: failures, RetryAt: retryAt}
	}
	return nil
}

// Retries implements connection.Store.
func (s *Store) Retries(ctx context.Context) ([]connection.Retry, error) {
	end, err := s.begin(ctx, "Retries")
	if err != nil {
		return nil, err
	}
	defer end()
	var out []connection.Retry
	for id, g := range s.grants {
		if !g.RetryAt.IsZero() && (s.connections[id].State == connection.Active || s.installed[id].State == connection.Active) {
			out = append(out, connection.Retry{ID: id, Failures: g.Failures, At: g.RetryAt})
		}
	}
	slices.SortFunc(out, func(a, b connection.Retry) int {
		return cmp.Or(cmp.Compare(a.Failures, b.Failures), a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// PutPending implements connection.Store.
func (s *Store) PutPending(ctx context.Context, p connection.Pending) error {
	end, err := s.begin(ctx, "PutPending")
	if err != nil {
		return err
	}
	defer end()
	s.pending[p.StateHash] = p
	return nil
}

// TakePending implements connection.Store.
func (s *Store) TakePending(ctx context.Context, stateHash, bindingHash string, now time.Time) (connection.Pending, error) {
	end, err := s.begin(ctx, "TakePending")
	if err != nil {
		return connection.Pending{}, err
	}
	defer end()
	found, ok := s.pending[stateHash]
	if stateHash == "" {
		for _, p := range s.pending { // of several, the youngest is meant
			if p.BindingHash == bindingHash && (!ok || p.ExpiresAt.After(found.ExpiresAt)) {
				found, ok = p, true
			}
		}
	}
	if found.BindingHash == bindingHash {
		delete(s.pending, found.StateHash)
	}
	if !ok || !found.ExpiresAt.After(now) {
		return connection.Pending{}, connection.ErrNotFound
	}
	return found, nil
}

// PutArrival implements connection.Store.
func (s *Store) PutArrival(ctx context.Context, a connection.Arrival) error {
	end, err := s.begin(ctx, "PutArrival")
	if err != nil {
		return err
	}
	defer end()
	s.arrivals[a.ID] = a
	return nil
}

// Arrival implements connection.Store.
func (s *Store) Arrival(ctx context.Context, bindingHash string, now time.Time) (connection.Arrival, error) {
	end, err := s.begin(ctx, "Arrival")
	if err != nil {
		return connection.Arrival{}, err
	}
	defer end()
	var found connection.Arrival
	for _, a := range s.arrivals {
		if a.BindingHash == bindingHash && a.ExpiresAt.After(now) && a.ExpiresAt.After(found.ExpiresAt) {
			found = a
		}
	}
	if found.ID == "" {
		return found, connection.ErrNotFound
	}
	return found, nil
}

// TakeArrival implements connection.Store.
func (s *Store) TakeArrival(ctx context.Context, id, bindingHash string, now time.Time) (connection.Arrival, error) {
	end, err := s.begin(ctx, "TakeArrival")
	if err != nil {
		return connection.Arrival{}, err
	}
	defer end()
	a, ok := s.arrivals[id]
	if !ok || a.BindingHash != bindingHash {
		return connection.Arrival{}, connection.ErrNotFound
	}
	delete(s.arrivals, id)
	if !a.ExpiresAt.After(now) {
		return connection.Arrival{}, connection.ErrNotFound
	}
	return a, nil
}

// UninstallConnection implements connection.Store.
func (s *Store) UninstallConnection(ctx context.Context, id record.ConnectionID, why string, when time.Time) error {
	end, err := s.begin(ctx, "UninstallConnection")
	if err != nil {
		return err
	}
	defer end()
	c, ok := s.connections[id]
	if !ok || c.State == connection.Removed {
		return connection.ErrNotFound
	}
	c.State, c.Problem, c.ProblemCode, c.ExpiresAt = connection.Uninstalled, why, "uninstalled", time.Time{}
	c.DownSince = downSince(c, when)
	s.connections[id] = c
	delete(s.grants, id)
	return nil
}

// Installations implements connection.Store.
func (s *Store) Installations(ctx context.Context) ([]connection.Installation, error) {
	end, err := s.begin(ctx, "Installations")
	if err != nil {
		return nil, err
	}
	defer end()
	var out []connection.Installation
	for _, i := range s.installed {
		if i.State != connection.Uninstalled {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(a, b connection.Installation) int {
		return cmp.Or(a.InstalledAt.Compare(b.InstalledAt), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// Installation implements connection.Store.
func (s *Store) Installation(ctx context.Context, id record.ConnectionID) (connection.Installation, error) {
	end, err := s.begin(ctx, "Installation")
	if err != nil {
		return connection.Installation{}, err
	}
	defer end()
	i, ok := s.installed[id]
	if !ok {
		return i, connection.ErrNotFound
	}
	return i, nil
}

// InstallationOf implements connection.Store.
func (s *Store) InstallationOf(ctx context.Context, p provider.ID, company, account string) (connection.Installation, bool, error) {
	end, err := s.begin(ctx, "InstallationOf")
	if err != nil {
		return connection.Installation{}, false, err
	}
	defer end()
	for _, i := range s.installed {
		if i.Provider == p && i.Account.CompanyID == company && i.Account.ID == account {
			return i, true, nil
		}
	}
	return connection.Installation{}, false, nil
}

// SaveInstallation implements connection.Store.
func (s *Store) SaveInstallation(ctx context.Context, i connection.Installation, sealed []byte) error {
	end, err := s.begin(ctx, "SaveInstallation")
	if err != nil {
		return err
	}
	defer end()
	for id, had := range s.installed {
		if had.Provider == i.Provider && had.Account.CompanyID == i.Account.CompanyID && had.Account.ID == i.Account.ID {
			if had.Workspace != i.Workspace {
				return connection.ErrTaken
			}
			i.ID = id
		}
	}
	s.installed[i.ID] = i
	if sealed != nil {
		s.grants[i.ID] = connection.SealedGrant{Sealed: slices.Clone(sealed), Generation: s.grants[i.ID].Generation + 1}
	}
	return nil
}

// RemoveInstallation implements connection.Store.
func (s *Store) RemoveInstallation(ctx context.Context, id record.ConnectionID, at time.Time) error {
	end, err := s.begin(ctx, "RemoveInstallation")
	if err != nil {
		return err
	}
	defer end()
	i, ok := s.installed[id]
	if !ok {
		return connection.ErrNotFound
	}
	i.State, i.RemovedAt, i.Problem, i.ExpiresAt = connection.Uninstalled, at, "", time.Time{}
	s.installed[id] = i
	delete(s.grants, id)
	return nil
}
